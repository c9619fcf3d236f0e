#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a TLS connection costs a server that does nothing else, beside midge and other servers.

    bench/tls_floor.py [--rounds 5] [--floor build/midge_tls_floor] [--midge build/midge] [--reference PROGRAM ...]

The floor is one thread with the TLS library and no server around it (bench/micro/tls_floor.c). All are loaded
with `midge bench connect`, in turn; shown is the CPU time of the server for a connection, in milliseconds,
the median of the rounds and the least. What a reference needs, divided by the floor, is the most that any
server with this library can be ahead of it.
"""

import argparse
import pathlib
import socket
import statistics
import subprocess
import tempfile
import time

from scenario import finish, launch, where, words
from server import Certificates, Server, free_port, version_of

ROOT = pathlib.Path(__file__).resolve().parents[1]
START_SECONDS = 20
CONNECTIONS = {"ecdsa": 3000, "rsa": 1500}
KINDS = (("ECDSA P-256", "ecdsa", False), ("RSA 2048", "rsa", False), ("resumed", "ecdsa", True))


class Floor:
    """The program without a server, as if it were one."""

    def __init__(self, program, pair):
        self.port = free_port()
        self.process = subprocess.Popen([program, str(self.port), *pair], stdin=subprocess.DEVNULL)
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.stop()
                    raise
                time.sleep(0.01)

    def stop(self):
        self.process.kill()
        self.process.wait()


def run(midge, server, kind, resume):
    """CPU milliseconds of the server for a connection."""
    options = {"msgs": CONNECTIONS[kind], "clients": 16}
    if resume:
        options["resume"] = True
    try:
        command = [midge, "bench", *words("connect", options), *where(server, kind)]
        result = finish(command, launch(command), "connect")
    finally:
        server.stop()
    if resume and result["resumed"] != result["done"]:
        raise SystemExit(f"tls_floor.py: {result['resumed']} of {result['done']} were resumed")
    return result["server_cpu_s_per_million"] / 1e3


def main():
    parser = argparse.ArgumentParser(description="What a TLS connection costs without a server.")
    parser.add_argument("--floor", default=str(ROOT / "build/midge_tls_floor"), metavar="PROGRAM")
    parser.add_argument("--midge", default=str(ROOT / "build/midge"), metavar="PROGRAM")
    parser.add_argument("--reference", action="append", default=[], metavar="PROGRAM")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    args = parser.parse_args()
    makers = {"floor": lambda pair: Floor(args.floor, pair), f"midge {version_of(args.midge)}":
              lambda pair: Server(args.midge, pair)}
    for program in args.reference:
        makers[f"{pathlib.Path(program).name} {version_of(program)}"] = (
            lambda pair, program=program: Server(program, pair))
    print(f"{'connection':<12} {'server':<20} {'CPU ms each':>12} {'least':>8} {'to the floor':>13}")
    with tempfile.TemporaryDirectory(prefix="midge-tls-floor-") as folder:
        certificates = Certificates(pathlib.Path(folder))
        for title, kind, resume in KINDS:
            taken = {name: [] for name in makers}
            for _ in range(args.rounds):
                for name, make in makers.items():
                    taken[name].append(run(args.midge, make(certificates.pair(kind)), kind, resume))
            for name, values in taken.items():
                ratio = statistics.median(value / floor for value, floor in zip(values, taken["floor"]))
                print(f"{title:<12} {name:<20} {statistics.median(values):>12.3f} {min(values):>8.3f} {ratio:>12.2f}x",
                      flush=True)


if __name__ == "__main__":
    main()
