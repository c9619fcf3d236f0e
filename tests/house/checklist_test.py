#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/CHECKLIST.md names a place for every behaviour: each place must exist and hold the words named."""

import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (?P<what>.+?) \| (?P<where>.+?) \|$")
PLACE = re.compile(r"`(?P<file>[^`:]+):(?P<word>[^`]+)`")


def rows():
    text = (ROOT / "tests" / "CHECKLIST.md").read_text()
    for line in text.splitlines():
        found = ROW.match(line)
        if found and found["what"] not in ("behaviour", "---"):
            yield found["what"], found["where"]


class Checklist(unittest.TestCase):
    def test_every_row_names_a_place_or_says_why_not(self):
        for what, where in rows():
            with self.subTest(what):
                self.assertTrue(PLACE.search(where) or where.startswith("later: "), where)

    def test_every_place_is_there(self):
        for what, where in rows():
            for place in PLACE.finditer(where):
                with self.subTest(what, place=place[0]):
                    text = (ROOT / place["file"]).read_text()
                    # Not the beginning of a longer name.
                    end = r"\b" if place["word"][-1].isalnum() else ""
                    self.assertTrue(re.search(re.escape(place["word"]) + end, text))

    def test_the_list_is_not_empty(self):
        self.assertGreater(len(list(rows())), 100)


if __name__ == "__main__":
    sys.exit(unittest.main())
