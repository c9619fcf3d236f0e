#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What forwarding bytes costs on this machine without any server around it.

    bench/floor.py [--rounds 5] [--forwarder build/midge_forwarder]

A forwarder without protocol (bench/micro/forwarder.c says what its ways are) gets messages from one
connection and sends them to one sink or to a hundred. Shown is its CPU time for a million deliveries, the
median of the rounds and the least: what a server that does the same work cannot beat. It reads so many
KiB at once, and sends 256 at once. Before that it says what the machine takes away from its own cores
(bench/stalls.py). Takes a minute.
"""

import argparse
import pathlib
import select
import socket
import statistics
import subprocess
import threading
import time

import stalls
from server import free_port

ROOT = pathlib.Path(__file__).resolve().parents[1]
START_SECONDS = 20
QUIET_SECONDS = 0.3
STALL_SECONDS = 3
BATCH = b"x" * (256 * 1024)

# Message bytes with their line, sinks, bytes sent in.
LOADS = ((1041, 1, 200_000_000), (65557, 1, 400_000_000), (1041, 100, 6_000_000))
WAYS = {1: ("whole", "copied", "gathered"), 100: ("whole", "copied", "once", "gathered")}
READS = (64, 256, 1024)  # KiB


def connect(port):
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def sink(sinks, sent):
    """Read whatever comes, until nothing has come for a while after all was sent."""
    poll, buffer = select.epoll(), bytearray(1 << 20)
    by_number = {one.fileno(): one for one in sinks}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    while True:
        events = poll.poll(QUIET_SECONDS)
        if not events and sent.is_set():
            return
        for number, _ in events:
            by_number[number].recv_into(buffer)


def run(program, read_kib, way, message, sink_n, total):
    """CPU seconds of the forwarder for a million deliveries."""
    port = free_port()
    with subprocess.Popen([program, str(port), str(read_kib * 1024), way, str(message)]) as process:
        try:
            sinks = [connect(port) for _ in range(sink_n)]
            for one in sinks:
                one.sendall(b"SUB")
            time.sleep(QUIET_SECONDS)  # each of them was read by itself
            sent = threading.Event()
            reader = threading.Thread(target=sink, args=(sinks, sent))
            reader.start()
            clock = pathlib.Path(f"/proc/{process.pid}/schedstat")
            before = int(clock.read_text().split()[0])
            with connect(port) as publisher:
                for _ in range(total // len(BATCH) + 1):
                    publisher.sendall(BATCH)
                sent.set()
                reader.join()
                used = int(clock.read_text().split()[0]) - before
            for one in sinks:
                one.close()
        finally:
            process.kill()
    return used / 1e9 / ((total // len(BATCH) + 1) * len(BATCH) / message * sink_n) * 1e6


def main():
    parser = argparse.ArgumentParser(description="What forwarding costs without a server.")
    parser.add_argument("--forwarder", default=str(ROOT / "build/midge_forwarder"))
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    args = parser.parse_args()
    print(stalls.told(stalls.measure(STALL_SECONDS)), flush=True)
    print(f"{'message':>8} {'sinks':>6} {'read KiB':>9}  {'way':<9} {'CPU s per million':>18} {'least':>8}")
    for message, sink_n, total in LOADS:
        cases = [(kib, way) for kib in READS for way in WAYS[sink_n]]
        taken = {case: [] for case in cases}
        for _ in range(args.rounds):
            for kib, way in cases:
                taken[kib, way].append(run(args.forwarder, kib, way, message, sink_n, total))
        for (kib, way), values in taken.items():
            print(f"{message:>8} {sink_n:>6} {kib:>9}  {way:<9} {statistics.median(values):>18.3f} "
                  f"{min(values):>8.3f}", flush=True)


if __name__ == "__main__":
    main()
