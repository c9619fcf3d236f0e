# SPDX-License-Identifier: Apache-2.0
"""Limits of a running server, and what they make of its system calls."""

import contextlib
import os
import pathlib
import resource

from support.deadline import until


@contextlib.contextmanager
def limited(server, which, soft):
    """A limit of the running process, lifted again at the end."""
    before = resource.prlimit(server.pid, which)
    resource.prlimit(server.pid, which, (soft, before[1]))
    try:
        yield
    finally:
        resource.prlimit(server.pid, which, before)


def _threads(pid):
    """{thread: (its state, how often it has gone to sleep)}"""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines())
        found[task.name] = status["State"][0], int(status["voluntary_ctxt_switches"])
    return found


def _descriptors(pid):
    """Those open at a moment when no thread runs; None when one has run while they were read. One that is
    open for a moment only, as that of a file just written, would leave room for another at its end."""
    try:
        before = _threads(pid)
        used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
        still = before == _threads(pid)
    except (FileNotFoundError, ProcessLookupError):  # a thread has ended
        return None
    return used if still and all(state == "S" for state, _ in before.values()) else None


def starved(server):
    """No descriptor can be opened; those that are open work."""
    used = until(lambda: _descriptors(server.pid), "the server is at rest")
    return limited(server, resource.RLIMIT_NOFILE, min(set(range(len(used) + 1)) - used))


def no_room(server, size=0):
    """No file may grow beyond so many bytes."""
    return limited(server, resource.RLIMIT_FSIZE, size)
