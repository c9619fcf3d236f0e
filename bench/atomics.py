#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Count the atomic read-modify-write instructions that a message costs, by function.

    bench/atomics.py [--midge build/midge] [--loops 2] [--only pair,fanout-10]

The server runs twice under valgrind's callgrind, once with few messages and once with more; the
difference, divided by the difference of messages, is what one costs. Counted are executions of
instructions with a lock prefix and of xchg with memory, in the program and in its libraries: those
that stop for a cache line which another core may hold. Plain loads and stores of atomics (x86-64)
are not among them. Needs valgrind and objdump; takes about a minute.
"""

import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from server import free_port, profiled

ROOT = pathlib.Path(__file__).resolve().parents[1]

# name: (arguments of midge bench, messages of the two runs). A few connections share a loop; with some
# hundred there are two, and what goes from one to the other is a parcel.
SCENARIOS = {
    "pub": (["pub"], 5000, 105000),
    "pair": (["pair"], 5000, 105000),
    "pair-unbatched": (["pair", "--window", "1"], 5000, 55000),
    "pair-8k": (["pair", "--size", "8192"], 5000, 55000),
    "fanout-10": (["fanout", "--subscribers", "10"], 5000, 55000),
    "fanout-300": (["fanout", "--subscribers", "300"], 500, 3500),
    "fanin-300": (["fanin", "--clients", "300"], 5000, 105000),
    "request-300": (["request", "--clients", "300"], 2000, 12000),
}
ATOMIC = re.compile(r"^\s*([0-9a-f]+):\s+(?:lock\s|xchg\s+.*\()", re.MULTILINE)


def atomics_of(program):
    """Addresses of the counted instructions of one object file."""
    try:
        done = subprocess.run(["objdump", "-d", "--no-show-raw-insn", program],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    except subprocess.CalledProcessError:
        return set()
    return {int(address, 16) for address in ATOMIC.findall(done.stdout.decode(errors="replace"))}


def executed(profile, addresses):
    """{(object, function): executions of its atomics} from a callgrind file."""
    counts = collections.Counter()
    place, function, skip = "", "", False
    for line in profile.read_text(errors="replace").splitlines():
        if line.startswith("ob="):
            place = line[3:]
        elif line.startswith("fn="):
            function = line[3:]
        elif line.startswith("calls="):
            skip = True  # the next line is the cost of the callee
        elif line.startswith("0x"):
            if not skip:
                words = line.split()
                if place not in addresses:
                    addresses[place] = atomics_of(place)
                if int(words[0], 16) in addresses[place]:
                    counts[os.path.basename(place), function] += int(words[-1])
            skip = False
    return counts


def profile_of(args, name, msgs, folder):
    port, profile = free_port(), folder / f"callgrind.{msgs}"
    arguments = ["-a", "127.0.0.1", "-p", str(port), "--loops", str(args.loops)]
    with profiled(args.midge, arguments, profile, ["--dump-instr=yes"]):
        subprocess.run([args.midge, "bench", *SCENARIOS[name][0], "--msgs", str(msgs), "--server",
                        f"localhost:{port}", "--quiet", "--json"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return profile


def measure(args, name, addresses):
    with tempfile.TemporaryDirectory(prefix="midge-atomics-") as text:
        folder = pathlib.Path(text)
        _, few_n, many_n = SCENARIOS[name]
        few = executed(profile_of(args, name, few_n, folder), addresses)
        many = executed(profile_of(args, name, many_n, folder), addresses)
    # Waiting costs a few as well, and how long either run waited is chance.
    return {key: max(many[key] - few[key], 0) / (many_n - few_n) for key in many}


def main():
    parser = argparse.ArgumentParser(description="Count the atomic instructions of a message.")
    parser.add_argument("--midge", default=str(ROOT / "build/midge"), metavar="PROGRAM")
    parser.add_argument("--loops", type=int, default=2, metavar="N")
    parser.add_argument("--only", default=",".join(SCENARIOS), metavar="NAME,...")
    args = parser.parse_args()
    addresses = {}
    for name in args.only.split(","):
        costs = measure(args, name, addresses)
        print(f"{name}, {args.loops} loops: {sum(costs.values()):.3f} a message")
        for (place, function), cost in sorted(costs.items(), key=lambda item: -item[1]):
            if cost >= 0.0005:
                print(f"  {cost:7.3f}  {function}  ({place})")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
