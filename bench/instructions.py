#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Count the instructions that a message costs the server, and compare them with the recorded ones.

    bench/instructions.py             # print them
    bench/instructions.py --check     # fail when one of them grew by more than 5 %
    bench/instructions.py --record    # write them to bench/instructions.tsv

The server runs under valgrind's callgrind with one loop, once with few blocks of operations and once
with more; the difference of instructions, divided by the difference of messages, is what one costs.
The load works in lockstep: it sends one block, small enough to be read at once, and waits until all
that it causes has come. So the server reads and writes in the same portions each time, and counts
repeat within a fraction of a percent whatever else the machine does. Waiting for events, which depends
on time, is left out: counted are the handlers of a connection's events and its flushes, with all they
call, libraries included.

A count that grew for a good reason is recorded again in the commit that made it grow.
"""

import argparse
import pathlib
import socket
import ssl
import statistics
import sys
import tempfile

from server import Certificates, free_port, profiled

ROOT = pathlib.Path(__file__).resolve().parents[1]
BASELINE = ROOT / "bench/instructions.tsv"
GROWTH = 0.05
FEW, MANY = 4, 24  # blocks of a run
SEEDS = 3  # each server hashes with a seed of its own, so a lookup costs a little more or less
BLOCK_BYTES = 32 * 1024
TALK_SECONDS = 60

# Figures: calls into a function from a caller ("*": any), with all that the callee calls.
FLUSHED = (("on_check", "conn_flush"), ("on_prepare", "conn_flush"))  # not within a handler
WHOLE = (("*", "on_poll"), *FLUSHED)
STEPS = {
    "parse": (("*", "parser_next"),),
    "match": (("*", "match_cache_get_rcu"),),
    "deliver": (("*", "client_deliver"),),
    "flush": (("*", "conn_flush"),),
}
END = b"PUB end 3\r\nEND\r\n"


class Client:
    """One connection; what it reads it forgets."""

    def __init__(self, port, tls, lines=""):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(TALK_SECONDS)
        info = b""
        while not info.endswith(b"\r\n"):
            info += self.socket.recv(1)  # not a byte more: TLS may follow
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.send(f'CONNECT {{"verbose":false,"pedantic":false,"headers":true}}\r\n{lines}PING\r\n'.encode())
        self.wait(b"PONG\r\n")

    def send(self, data):
        self.socket.sendall(data)

    def wait(self, text):
        """Read until the newest bytes are these."""
        got = b""
        while not got.endswith(text):
            data = self.socket.recv(65536)
            if not data:
                raise SystemExit(f"the server closed a connection, behind {got[-200:]!r}")
            got = (got + data)[-4096:]


class Scenario:
    """The block of operations, who subscribes to what, and how many messages a block makes."""

    def __init__(self, block, subscribers=(), *, messages=None, tls=False, steps=False):
        self.lines = block
        self.subscribers = subscribers  # a list of subjects, with a queue group perhaps, for each
        self.messages = messages or len(block)
        self.tls = tls
        self.steps = steps

    def play(self, port, tls, blocks):
        receivers = []
        for subjects in self.subscribers:
            lines = [f"SUB {subject} {sid}\r\n" for sid, subject in enumerate([*subjects, "end"])]
            receivers.append(Client(port, tls, "".join(lines)))
        sender = Client(port, tls)
        block = b"".join(self.lines) + END + b"PING\r\n"
        if len(block) > BLOCK_BYTES:
            raise SystemExit("a block has to arrive by one read")
        for _ in range(blocks):
            sender.send(block)
            sender.wait(b"PONG\r\n")
            for receiver in receivers:
                receiver.wait(b"END\r\n")


def pub(subject, size=16, reply=""):
    return f"PUB {subject} {reply}{size}\r\n{'x' * size}\r\n".encode()


def hpub(subject):
    return f"HPUB {subject} 22 38\r\nNATS/1.0\r\nName: on\r\n\r\n{'x' * 16}\r\n".encode()


N = 400
SAME = [pub("orders.eu.new")] * N
VARIED = [pub(f"orders.eu.{i % 200}", 16 + i % 7) for i in range(N)]
INBOXES = [line.encode() for i in range(N // 2)
           for line in (f"SUB _INBOX.{i:022d} {i}\r\n", f"UNSUB {i}\r\n")]

SCENARIOS = {
    "publish": Scenario(SAME),
    "publish, lines differ": Scenario(VARIED),
    "1:1": Scenario(SAME, [["orders.eu.new"]]),
    "1:1, lines differ": Scenario(VARIED, [["orders.eu.*"]], steps=True),
    "1:1, headers": Scenario([hpub("orders.eu.new")] * N, [["orders.eu.new"]]),
    "1:1, 1 KiB": Scenario([pub("orders.eu.new", 1024)] * 24, [["orders.eu.new"]]),
    "1:1, reply subjects": Scenario(
        [pub("service", 16, f"_INBOX.{i:04d}.x ") for i in range(N)], [["service"]]),
    "1 to 10": Scenario(SAME, [["orders.>"]] * 10, messages=10 * N),
    "1 to 10, lines differ": Scenario(VARIED, [["orders.>"]] * 10, messages=10 * N),
    "queue group of 4": Scenario(SAME, [["orders.eu.* workers"]] * 4),
    "subjects never seen before": Scenario(
        [pub(f"a{i}.b{i % 9}.c") for i in range(N)], [["*.b1.*", "a7.>"]]),
    "inboxes subscribed, unsubscribed": Scenario(INBOXES),
    "TLS, 1:1": Scenario(SAME, [["orders.eu.new"]], tls=True),
    "TLS, 1:1, lines differ": Scenario(VARIED, [["orders.eu.*"]], tls=True),
}


def calls(profile):
    """(caller, callee, cost with all below it) of each call in a callgrind file."""
    caller = callee = ""
    is_call = False
    for line in profile.read_text(errors="replace").splitlines():
        if line.startswith("fn="):
            caller = line[3:]
        elif line.startswith("cfn="):
            callee = line[4:]
        elif line.startswith("calls="):
            is_call = True  # the next line is its cost
        elif is_call:
            is_call = False
            yield caller.split("'")[0], callee.split("'")[0], int(line.split()[-1])


def cost(profile, wanted):
    return sum(count for caller, callee, count in calls(profile)
               if (caller, callee) in wanted or ("*", callee) in wanted)


def run(args, scenario, pair, blocks, folder):
    """The callgrind file of a server that so many blocks came to."""
    port = free_port()
    profile, config = folder / f"out.{blocks}", folder / "server.conf"
    text = f'listen: "127.0.0.1:{port}"\n'
    tls = None
    if scenario.tls:
        text += f'tls {{ cert_file: "{pair[0]}", key_file: "{pair[1]}", timeout: 60 }}\n'
        tls = ssl.create_default_context(cafile=pair[0])
    config.write_text(text, encoding="utf-8")
    with profiled(args.midge, ["-c", config, "--loops", "1"], profile):
        scenario.play(port, tls, blocks)
    return profile


def figures_of(name):
    """{name of a figure: the calls that make it}"""
    figures = {name: WHOLE}
    if SCENARIOS[name].steps:
        figures.update({f"{name}: {step}": edges for step, edges in STEPS.items()})
    return figures


def measure_once(args, name, pair):
    """{figure: instructions for one message}"""
    scenario = SCENARIOS[name]
    with tempfile.TemporaryDirectory(prefix="midge-instructions-") as text:
        folder = pathlib.Path(text)
        few = run(args, scenario, pair, FEW, folder)
        many = run(args, scenario, pair, MANY, folder)
        messages = (MANY - FEW) * scenario.messages
        return {figure: (cost(many, edges) - cost(few, edges)) / messages
                for figure, edges in figures_of(name).items()}


def measure(args, names, pair):
    """The means, printed as they come."""
    counts = {}
    for name in names:
        runs = [measure_once(args, name, pair) for _ in range(SEEDS)]
        for figure in runs[0]:
            counts[figure] = statistics.mean(one[figure] for one in runs)
            if counts[figure] <= 0:
                raise SystemExit(f"{figure}: no calls found; were functions renamed?")
            print(f"{counts[figure]:9.1f}  {figure}", flush=True)
    return counts


def recorded():
    lines = BASELINE.read_text(encoding="utf-8").splitlines()
    return {name: float(count) for count, name in
            (line.split("\t") for line in lines if line and not line.startswith("#"))}


def record(counts):
    lines = ["# Instructions of the server for one message: bench/instructions.py --record"]
    lines += [f"{count:.1f}\t{name}" for name, count in counts.items()]
    BASELINE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def check(counts):
    """Exit status: 1 when a count grew, or when what is counted is not what was recorded."""
    before = recorded()
    status = 0
    for name in sorted(before.keys() | counts.keys()):
        if name not in before or name not in counts:
            print(f"{name}: not in both this run and {BASELINE.name}")
            status = 1
        elif counts[name] > before[name] * (1 + GROWTH):
            print(f"{name}: {counts[name]:.1f} instructions for a message, recorded {before[name]:.1f}")
            status = 1
    if status:
        print("If the reason is good, record it in the same commit: ./dev bench instructions --record")
    else:
        print(f"no count grew by more than {GROWTH:.0%}")
    return status


def main():
    parser = argparse.ArgumentParser(description="Count the instructions that a message costs.")
    parser.add_argument("--midge", default=str(ROOT / "build/midge"), metavar="PROGRAM")
    parser.add_argument("--only", metavar="NAME", action="append", choices=SCENARIOS,
                        help="only this scenario; more than once for more of them")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="compare with the record")
    what.add_argument("--record", action="store_true", help="make it the record")
    args = parser.parse_args()
    if args.only and (args.check or args.record):
        parser.error("--only: neither with --check nor with --record")
    with tempfile.TemporaryDirectory(prefix="midge-instructions-") as folder:
        pair = Certificates(pathlib.Path(folder)).pair("ecdsa")
        counts = measure(args, args.only or SCENARIOS, pair)
    if args.record:
        record(counts)
    return check(counts) if args.check else 0


if __name__ == "__main__":
    sys.exit(main())
