#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run midge and other NATS servers in turn on this machine, and print medians and ratios.

    bench/compare.py --reference /usr/sbin/nats-server [--reference OTHER] [--rounds 5] [--quick]

Each run starts a fresh server with its defaults and loads it with `midge bench`. In a round every
scenario meets every server once, one after the other, so that whatever else the machine does hits
all of them alike. Believe the ratios, not the figures: they were measured side by side.

A ratio says how many times better midge is: 2.00x more messages, or 2.00x less CPU or memory.
"""

import argparse
import json
import os
import pathlib
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
START_SECONDS = 20
RUN_SECONDS = 300


class Measure:
    """One figure of a run: how it is read from the JSON of `midge bench`, and which way is better."""

    def __init__(self, title, value, more_is_better=False):
        self.title = title
        self.value = value
        self.more_is_better = more_is_better

    def ratio(self, midge, other):
        above, below = (midge, other) if self.more_is_better else (other, midge)
        return above / below if above is not None and below else None


def cpu_each(run):
    """Milliseconds of server CPU for one connection."""
    return run["server_cpu_s_per_million"] / 1e3


RATE = Measure("messages/s", lambda run: max(run["done_per_s"], run["delivered_per_s"]), True)
CPU = Measure("CPU s per million", lambda run: run["server_cpu_s_per_million"])
RSS = Measure("memory MB", lambda run: run["server_rss_bytes"] / 1e6)
REPLIES = Measure("replies/s", lambda run: run["done_per_s"], True)
P50 = Measure("p50 µs", lambda run: run["latency"]["p50_us"])
P99 = Measure("p99 µs", lambda run: run["latency"]["p99_us"])
P999 = Measure("p99.9 µs", lambda run: run["latency"]["p999_us"])
CONNECTIONS = Measure("connections/s", lambda run: run["done_per_s"], True)
CPU_EACH = Measure("CPU ms each", cpu_each)
BYTES_EACH = Measure("bytes each", lambda run: run["server_bytes_per_connection"])

FLOW = (RATE, CPU, RSS)
CLOSED = (REPLIES, CPU, P50, P99)
OPEN = (CPU, P50, P99, P999)
STORM = (CONNECTIONS, CPU_EACH, P50, P99)
IDLE = (BYTES_EACH, CPU_EACH)


class Scenario:
    """What one row group measures. msgs is for a full run; --quick takes a fifth of it."""

    def __init__(self, name, title, measures, mode, msgs=None, tls=None, **options):
        self.name = name
        self.title = title
        self.measures = measures
        self.mode = mode
        self.msgs = msgs
        self.tls = tls
        self.options = options

    def arguments(self, quick):
        options = dict(self.options)
        if self.msgs:
            options["msgs"] = self.msgs // 5 if quick else self.msgs
        if quick and self.mode == "idle":
            options.update(clients=options["clients"] // 5, hold=2)
        return [self.mode] + [text for key, value in options.items()
                              for text in (f"--{key}", str(value))]


def flows(tls):
    """Messages in one direction: the same rows over TCP and over TLS."""
    end, word = ("-tls", "TLS, ") if tls else ("", "")
    return [
        Scenario("pub-16" + end, word + "publish 16 B, nobody listens", FLOW, "pub", 10000000, tls),
        Scenario("pair-16" + end, word + "1:1, 16 B", FLOW, "pair", 4000000, tls),
        Scenario("pairs8-16" + end, word + "8 pairs, 16 B", FLOW, "pair", 4000000, tls, clients=8),
        Scenario("pair-256" + end, word + "1:1, 256 B", FLOW, "pair", 2000000, tls, size=256),
        Scenario("pair-4k" + end, word + "1:1, 4 KiB", FLOW, "pair", 400000, tls, size=4096),
        Scenario("pair-64k" + end, word + "1:1, 64 KiB", FLOW, "pair", 40000, tls, size=65536),
        Scenario("fanout-100" + end, word + "1 to 100, 16 B", FLOW, "fanout", 50000, tls,
                 subscribers=100),
        Scenario("fanout-1000" + end, word + "1 to 1000, 16 B", FLOW, "fanout", 5000, tls,
                 subscribers=1000),
        Scenario("queue-8" + end, word + "queue group of 8, 16 B", FLOW, "fanout", 2000000, tls,
                 subscribers=8, queue="workers"),
        Scenario("request-1" + end, word + "request and reply, 1 requester", CLOSED, "request",
                 20000, tls),
        Scenario("request-100" + end, word + "request and reply, 100 requesters", CLOSED,
                 "request", 200000, tls, clients=100, subscribers=4),
        Scenario("open-20000" + end, word + "20000 requests/s on a schedule", OPEN, "request",
                 100000, tls, clients=20, rate=20000),
    ]


SCENARIOS = flows(None) + flows("ecdsa") + [
    Scenario("connect", "connections, 16 at a time", STORM, "connect", 10000, clients=16),
    Scenario("connect-ecdsa", "TLS connections, ECDSA P-256", STORM, "connect", 3000, "ecdsa",
             clients=16),
    Scenario("connect-rsa", "TLS connections, RSA 2048", STORM, "connect", 3000, "rsa",
             clients=16),
    Scenario("idle", "10000 idle connections", IDLE, "idle", clients=10000, hold=5),
    Scenario("idle-tls", "10000 idle TLS connections", IDLE, "idle", tls="ecdsa", clients=10000,
             hold=5),
]


class Certificates:
    """A self-signed pair of each kind, trusted by the load program as its own authority."""

    KINDS = {"ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}

    def __init__(self, folder):
        self.folder = folder

    def pair(self, kind):
        cert, key = self.folder / f"{kind}.crt", self.folder / f"{kind}.key"
        if not cert.exists():
            subprocess.run(["openssl", "req", "-x509", "-newkey", *self.KINDS[kind], "-nodes",
                            "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                            "-addext", "subjectAltName=DNS:localhost"],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return cert, key


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server process, from a fresh start to its end."""

    def __init__(self, program, folder, pair):
        self.port = free_port()
        config = folder / "server.conf"
        text = f'listen: "127.0.0.1:{self.port}"\n'
        if pair:
            # 10 s: a storm of handshakes on a small machine makes some of them wait.
            text += f'tls {{\n  cert_file: "{pair[0]}"\n  key_file: "{pair[1]}"\n  timeout: 10\n}}\n'
        config.write_text(text, encoding="utf-8")
        with open(folder / "server.log", "wb") as log:
            self.process = subprocess.Popen([program, "-c", config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        try:
            self._wait_ready()
        except BaseException:
            self.stop()
            raise

    def _wait_ready(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                    if probe.recv(5) == b"INFO ":
                        return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError("the server did not start")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run_once(args, program, scenario, certificates):
    """Measure one scenario against a fresh server; the object that `midge bench` printed."""
    pair = certificates.pair(scenario.tls) if scenario.tls else None
    with tempfile.TemporaryDirectory(prefix="midge-compare-") as folder:
        try:
            server = Server(program, pathlib.Path(folder), pair)
        except RuntimeError as error:
            log = pathlib.Path(folder, "server.log").read_text(errors="replace")
            raise SystemExit(f"{program}: {error}\n{log}") from error
        command = [args.midge, "bench", *scenario.arguments(args.quick), "--json",
                   "--server", f"localhost:{server.port}", "--pid", str(server.process.pid)]
        if pair:
            command += ["--tls", "--tlsca", str(pair[0])]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=RUN_SECONDS, check=False)
        finally:
            server.stop()
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr.decode()}")
    result = json.loads(done.stdout)
    if result["delivered"] != result["expected"]:
        raise SystemExit(f"{scenario.name}: {result['delivered']} of {result['expected']} came")
    return result


def version_of(program):
    done = subprocess.run([program, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    words = done.stdout.decode(errors="replace").split()
    return words[-1].lstrip("v") if words else "unknown"


def names_of(args):
    """Column titles, midge first."""
    names = [f"midge {version_of(args.midge)}"]
    for path in args.reference:
        name = f"{pathlib.Path(path).name} {version_of(path)}"
        names.append(name if name not in names else path)
    return names


def measure_all(args, scenarios, programs, certificates, runs):
    """Fill runs[scenario][server] round by round, so that a stop leaves whole rounds."""
    for number in range(1, args.rounds + 1):
        for scenario in scenarios:
            for name, program in programs.items():
                show(f"round {number}/{args.rounds}  {scenario.name}  {name}")
                result = run_once(args, program, scenario, certificates)
                runs.setdefault(scenario.name, {}).setdefault(name, []).append(result)
    show("")


def show(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text[:78]}", end="", file=sys.stderr, flush=True)


def median(measure, results):
    return statistics.median(measure.value(result) for result in results)


def rows_of(scenarios, runs, names):
    """(scenario title, measure title, medians, ratios) for each line of the table."""
    for scenario in scenarios:
        by_server = runs.get(scenario.name, {})
        if any(name not in by_server for name in names):
            continue
        title = scenario.title
        for measure in scenario.measures:
            medians = [median(measure, by_server[name]) for name in names]
            ratios = [measure.ratio(medians[0], other) for other in medians[1:]]
            yield title, measure.title, medians, ratios
            title = ""


def number_text(value):
    if value >= 10000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def ratio_text(ratio):
    return "-" if ratio is None else f"{ratio:.2f}x"


def cells_of(rows):
    for title, measure, medians, ratios in rows:
        cells = [title, measure, number_text(medians[0])]
        for value, ratio in zip(medians[1:], ratios):
            cells += [number_text(value), ratio_text(ratio)]
        yield cells


def header(names):
    titles = ["scenario", "measure", names[0]]
    for name in names[1:]:
        titles += [name, "ratio"]
    return titles


def print_table(names, rows):
    lines = [header(names), *cells_of(rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        left = [cell.ljust(width) for cell, width in zip(line[:2], widths)]
        right = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:])]
        print("  ".join(left + right).rstrip())


def markdown(names, rows):
    titles = header(names)
    yield "| " + " | ".join(titles) + " |"
    yield "|" + "|".join(["---", "---"] + ["---:"] * (len(titles) - 2)) + "|"
    for cells in cells_of(rows):
        yield "| " + " | ".join(cells) + " |"


def document(args, names, scenarios, runs):
    """The --json file: the arguments, every run, and the medians."""
    return {
        "rounds": args.rounds,
        "quick": args.quick,
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "servers": names,
        "scenarios": [{
            "name": scenario.name,
            "title": scenario.title,
            "arguments": scenario.arguments(args.quick),
            "tls": scenario.tls,
            "medians": {measure.title: {name: median(measure, results)
                                        for name, results in runs[scenario.name].items()}
                        for measure in scenario.measures},
            "runs": runs[scenario.name],
        } for scenario in scenarios if scenario.name in runs],
    }


def chosen(only):
    names = [scenario.name for scenario in SCENARIOS]
    wanted = [name for text in only for name in text.split(",")]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise SystemExit(f"compare.py: unknown scenario {unknown[0]}; there are: {' '.join(names)}")
    return [scenario for scenario in SCENARIOS if not wanted or scenario.name in wanted]


def parse(argv):
    parser = argparse.ArgumentParser(
        description="Run midge and other NATS servers in turn; print medians and ratios.")
    parser.add_argument("--midge", default=str(ROOT / "build/midge"), metavar="PROGRAM",
                        help="midge, which is also the load program (build/midge)")
    parser.add_argument("--reference", action="append", default=[], metavar="PROGRAM",
                        help="a nats-server to compare with; may be repeated")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs of each (5)")
    parser.add_argument("--quick", action="store_true", help="a fifth of the work, 3 rounds at most")
    parser.add_argument("--only", action="append", default=[], metavar="NAME,...",
                        help="these scenarios only")
    parser.add_argument("--list", action="store_true", help="print the scenarios and end")
    parser.add_argument("--json", metavar="FILE", help="write every run there")
    parser.add_argument("--markdown", metavar="FILE", help="write the table there, for documents")
    args = parser.parse_args(argv)
    if args.quick:
        args.rounds = min(args.rounds, 3)
    if args.rounds < 1:
        parser.error("--rounds needs at least 1")
    for program in [args.midge, *args.reference]:
        if not args.list and not os.access(program, os.X_OK):
            parser.error(f"no program: {program}")
    return args


def main(argv=None):
    args = parse(argv)
    scenarios = chosen(args.only)
    if args.list:
        for scenario in scenarios:
            print(f"{scenario.name:<18} {scenario.title}")
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    names = names_of(args)
    programs = dict(zip(names, [args.midge, *args.reference]))
    runs = {}
    with tempfile.TemporaryDirectory(prefix="midge-compare-") as folder:
        try:
            measure_all(args, scenarios, programs, Certificates(pathlib.Path(folder)), runs)
        except KeyboardInterrupt:
            print("\nstopped; what is complete:", file=sys.stderr)
    rows = list(rows_of(scenarios, runs, names))
    print_table(names, rows)
    if args.markdown:
        pathlib.Path(args.markdown).write_text("\n".join(markdown(names, rows)) + "\n",
                                               encoding="utf-8")
    if args.json:
        pathlib.Path(args.json).write_text(
            json.dumps(document(args, names, scenarios, runs), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
