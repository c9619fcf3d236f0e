# SPDX-License-Identifier: Apache-2.0
"""Waiting for conditions with a deadline.

Nothing in the tests sleeps for a fixed time and hopes. A wait names what it waits for, polls or
blocks for it, and fails with that name. MIDGE_TEST_PATIENCE stretches every limit: sanitizer builds
and loaded machines need it.
"""

import os
import time

PATIENCE = float(os.environ.get("MIDGE_TEST_PATIENCE", "1"))
LIMIT = 10.0 * PATIENCE


class Deadline:
    """A moment after which waiting is a failure."""

    def __init__(self, seconds=None):
        self.end = time.monotonic() + (LIMIT if seconds is None else seconds * PATIENCE)

    def left(self):
        """Seconds left; never below zero."""
        return max(0.0, self.end - time.monotonic())

    def passed(self):
        return self.left() == 0.0


def until(condition, what, seconds=None, step=0.01):
    """Poll until condition() is true and return its value; fail naming `what` at the deadline."""
    deadline = Deadline(seconds)
    while True:
        value = condition()
        if value:
            return value
        if deadline.passed():
            raise AssertionError(f"did not happen in time: {what} (last value {value!r})")
        time.sleep(step)
