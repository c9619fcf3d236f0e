#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How much of its cores this machine takes away from those who use them all.

    bench/stalls.py [--seconds 3]

One process on each core reads the clock and does nothing else. Two readings that are further apart than
50 us have something between them that neither did: the host of a virtual machine, interrupts, other work.
A tail of latency below these pauses cannot be measured here, whatever the server.
"""

import argparse
import concurrent.futures
import gc
import os
import time

PAUSE_NS = 50_000


def cores_here():
    """The cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)


def pauses(now, seconds):
    """Those that the clock makes while nothing but the clock is read, in nanoseconds."""
    found = []
    last = now()
    end = last + int(seconds * 1e9)
    while last < end:
        at = now()
        if at - last > PAUSE_NS:
            found.append(at - last)
        last = at
    return found


def watch(core, seconds):
    """The pauses that one core made."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    gc.disable()
    return pauses(time.monotonic_ns, seconds)


def measure(seconds):
    """What the cores lost, all being busy at the same time."""
    cores = cores_here()
    with concurrent.futures.ProcessPoolExecutor(len(cores)) as watchers:
        found = list(watchers.map(watch, cores, [seconds] * len(cores)))
    lost = [sum(one) / 1e7 / seconds for one in found]
    return {
        "least_percent": min(lost),
        "most_percent": max(lost),
        "pauses_per_s": sum(map(len, found)) / seconds / len(found),
        "longest_ms": max(max(one, default=0) for one in found) / 1e6,
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
