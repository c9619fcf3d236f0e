#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The door: ./dev says what it knows, refuses what it does not, and packages.txt serves each purpose."""
import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "dev").read_text(encoding="utf-8")


def dev(*args):
    done = subprocess.run([str(ROOT / "dev"), *args], stdin=subprocess.DEVNULL, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    return done.returncode, done.stdout, done.stderr


def purposes():
    rows = [line.split() for line in (ROOT / "packages.txt").read_text(encoding="utf-8").splitlines()]
    return {row[0]: row[1:] for row in rows if row and row[0] != "#"}


class Door(unittest.TestCase):
    def test_help(self):
        status, out, err = dev("help")
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out.startswith("usage: ./dev COMMAND [arguments]\n"), out)

    def test_wrong_usage(self):
        help_text = dev("help")[1]
        for args, complaint in (
            ((), "which command?"),
            (("frobnicate",), "unknown command 'frobnicate'"),
            (("--run",), "unknown command '--run'"),
            (("fmt", "--chekc"), "fmt: unknown argument '--chekc'"),
            (("fuzz", "parser", "soon"), "fuzz: 'soon' is not a number of seconds"),
        ):
            with self.subTest(args):
                self.assertEqual(dev(*args), (2, "", f"./dev: {complaint}\n\n{help_text}"))

    def test_help_names_each_command(self):
        commands = set(re.findall(r"^cmd_([a-z]+)\(\)", TEXT, re.MULTILINE)) - {"instrumented"}
        pairs = re.findall(r"^  ([a-z]+)(?: \| ([a-z]+))?", dev("help")[1], re.MULTILINE)
        named = {name for pair in pairs for name in pair if name}
        self.assertEqual(named, commands | {"asan", "tsan"})

    # ./dev asan -k NAME: pytest would collect the whole repository without a folder.
    def test_tests_are_chosen_within_folders(self):
        function = TEXT[TEXT.index("chosen()"):]
        function = function[:function.index("\n}\n") + 3]
        for args, wanted in (
            ([], ["tests/system", "tests/interop"]),
            (["-k", "tls or src", "-x"], ["tests/system", "tests/interop", "-k", "tls or src", "-x"]),
            (["-x", "tests/system/test_queue.py::test_a"], ["-x", "tests/system/test_queue.py::test_a"]),
        ):
            with self.subTest(args):
                out = subprocess.run(
                    ["bash", "-euc", function + 'chosen "tests/system tests/interop" "$@"; '
                     'printf "%s\\n" "${chosen[@]}"', "bash", *args],
                    check=True, stdout=subprocess.PIPE, text=True).stdout
                self.assertEqual(out.splitlines(), wanted)

    def test_each_purpose_is_served(self):
        needed = set()
        for names in re.findall(r"^\s+need ([a-z ]+)$", TEXT, re.MULTILINE):
            needed |= set(names.split())
        self.assertEqual(needed, set(purposes()))
        for purpose, packages in purposes().items():
            with self.subTest(purpose):
                self.assertTrue(packages)
                self.assertEqual(len(packages), len(set(packages)))


if __name__ == "__main__":
    unittest.main(verbosity=1)
