#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How much of its cores this machine takes away from those who use them all.

    bench/stalls.py [--seconds 3]

One process on each core reads the clock and does nothing else. Two readings that are further apart than
50 us have something between them that neither did: the host of a virtual machine, interrupts, other work.
A tail of latency below these pauses cannot be measured here, whatever the server.
"""

import argparse
import gc
import multiprocessing
import os
import time

PAUSE_NS = 50_000


def cores_here():
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)


def watch(core, seconds, results):
    """The pauses that one core made, in nanoseconds."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    gc.disable()
    pauses, now = [], time.monotonic_ns
    last = now()
    end = last + int(seconds * 1e9)
    while last < end:
        at = now()
        if at - last > PAUSE_NS:
            pauses.append(at - last)
        last = at
    results.put(pauses)


def measure(seconds):
    """What the cores lost, all being busy at the same time."""
    results = multiprocessing.Queue()
    watchers = [multiprocessing.Process(target=watch, args=(core, seconds, results)) for core in cores_here()]
    for one in watchers:
        one.start()
    found = [results.get() for _ in watchers]
    for one in watchers:
        one.join()
    lost = [sum(pauses) / 1e7 / seconds for pauses in found]
    return {
        "least_percent": min(lost),
        "most_percent": max(lost),
        "pauses_per_s": sum(map(len, found)) / seconds / len(found),
        "longest_ms": max(max(pauses, default=0) for pauses in found) / 1e6,
    }


def told(stalls):
    """A line about it."""
    return (f"Each core was away for {stalls['least_percent']:.2f} to {stalls['most_percent']:.2f} % of the time, "
            f"in {stalls['pauses_per_s']:.0f} pauses a second of up to {stalls['longest_ms']:.1f} ms.")


def main():
    parser = argparse.ArgumentParser(description="How much of its cores this machine takes away.")
    parser.add_argument("--seconds", type=float, default=3, metavar="N")
    print(told(measure(parser.parse_args().seconds)))


if __name__ == "__main__":
    main()
