# SPDX-License-Identifier: Apache-2.0
"""Where midge differs from the reference on purpose.

The same tests run against midge and against the reference server. An expectation that differs is
written `dialect(reference=..., midge=...)`; every use is one line of docs/compatibility.md.
"""

import functools
import os
import pathlib
import re
import subprocess

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def program():
    """Path of the server under test."""
    return os.environ.get("MIDGE_BIN") or str(REPOSITORY / "build" / "midge")


@functools.lru_cache(maxsize=None)
def _version_output(path):
    done = subprocess.run([path, "--version"], stdout=subprocess.PIPE, timeout=60, check=True)
    return done.stdout.decode()


def is_midge(path=None):
    """Whether the program under test is midge (and not the reference)."""
    return not _version_output(path or program()).startswith("nats-server: v2.")


def is_instrumented():
    """Whether the program was built with a sanitizer, which keeps freed memory back."""
    binary = pathlib.Path(program()).read_bytes()
    return b"__asan_init" in binary or b"__tsan_init" in binary


def own_version(path=None):
    """The version the program tells of itself."""
    match = re.search(r"v?(\d+\.\d+\.\d+[^\s]*)", _version_output(path or program()))
    assert match, "no version in the output of --version"
    return match.group(1)


def reference_level():
    """(major, minor) of the reference, or None when the program is midge."""
    if is_midge():
        return None
    major, minor = own_version().split(".")[:2]
    return int(major), int(minor)


def dialect(*, reference, midge):
    """Pick the expectation that belongs to the program under test."""
    return midge if is_midge() else reference


def lacking(what):
    """Skip the test, and say what the program under test, or its build, has not got.

    MIDGE_TEST_STRICT=1 makes it fail: ./dev tests a whole build of its own, which lacks nothing.
    """
    if os.environ.get("MIDGE_TEST_STRICT"):
        pytest.fail(what)
    pytest.skip(what)


def program_name():
    """The name that starts messages on stderr. The reference's is fixed, midge's follows argv[0]."""
    return dialect(reference="nats-server", midge=os.path.basename(program()))
