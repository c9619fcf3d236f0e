# SPDX-License-Identifier: Apache-2.0
"""Limits of a running server, and what they make of its system calls."""

import contextlib
import os
import resource


@contextlib.contextmanager
def limited(server, which, soft):
    """A limit of the running process, lifted again at the end."""
    before = resource.prlimit(server.pid, which)
    resource.prlimit(server.pid, which, (soft, before[1]))
    try:
        yield
    finally:
        resource.prlimit(server.pid, which, before)


def starved(server):
    """No descriptor can be opened; those that are open work."""
    used = {int(name) for name in os.listdir(f"/proc/{server.pid}/fd")}
    return limited(server, resource.RLIMIT_NOFILE, min(set(range(len(used) + 1)) - used))


def no_room(server, size=0):
    """No file may grow beyond so many bytes."""
    return limited(server, resource.RLIMIT_FSIZE, size)
