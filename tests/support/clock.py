# SPDX-License-Identifier: Apache-2.0
"""Clocks of a program under test that the test sets while it runs (see clock.c)."""

import mmap
import os
import pathlib
import struct
import time

from support.dialect import lacking, program

SECOND = 10 ** 9


def library():
    """Beside the program, where the build puts it; the test is skipped where it cannot be."""
    path = pathlib.Path(program()).resolve().parent / "tests" / "midge_test_clock.so"
    if not path.exists():
        lacking(f"no {path}: the program was built elsewhere, or without its tests")
    return str(path)


class Clock:
    """Give `env` to the program. Its clocks stand where those of the system do until they are set."""

    def __init__(self, directory):
        path = directory / "clock"
        path.write_bytes(bytes(16))
        self.env = {"LD_PRELOAD": library(), "MIDGE_TEST_CLOCK": str(path),
                    # The library comes before the sanitizer's, and does not mind.
                    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 16)
        self._ahead = [0.0, 0.0]

    def _set(self, which, seconds):
        self._ahead[which] += seconds
        # One write of eight bytes.
        memoryview(self._map).cast("q")[which] = int(self._ahead[which] * SECOND)

    def jump(self, seconds):
        """Set the wall clock forward, or back."""
        self._set(0, seconds)

    def pause(self, seconds):
        """As after a pause of the whole machine: both clocks are ahead, and nothing happened."""
        self._set(0, seconds)
        self._set(1, seconds)

    def now(self):
        """The program's wall clock, in seconds since 1970."""
        return time.time() + self._ahead[0]
