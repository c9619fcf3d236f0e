# SPDX-License-Identifier: Apache-2.0
"""What is measured, how, and what midge promises: the table behind bench/compare.py."""

import json
import signal
import subprocess
import time

from server import Bystander, Server, start_milliseconds, stripped_bytes

RUN_SECONDS = 300
LEAD_SECONDS = 0.5  # for the load beside to get going


class RunFailed(Exception):
    """A server or the load program did not do what was asked of it."""


class Measure:
    """One figure of a run: how it is read from the JSON of `midge bench`, and which way is better."""

    def __init__(self, title, value, more_is_better=False):
        self.title = title
        self.value = value
        self.more_is_better = more_is_better

    def ratio(self, midge, other):
        """How many times better midge is."""
        above, below = (midge, other) if self.more_is_better else (other, midge)
        return above / below if above is not None and below else None


RATE = Measure("messages/s", lambda run: max(run["done_per_s"], run["delivered_per_s"]), True)
CPU = Measure("CPU s per million", lambda run: run["server_cpu_s_per_million"])
RSS = Measure("memory MB", lambda run: run["server_rss_bytes"] / 1e6)
PEAK = Measure("most memory MB", lambda run: run["server_peak_bytes"] / 1e6)
REPLIES = Measure("replies/s", lambda run: run["done_per_s"], True)
P50 = Measure("p50 µs", lambda run: run["latency"]["p50_us"])
P99 = Measure("p99 µs", lambda run: run["latency"]["p99_us"])
P999 = Measure("p99.9 µs", lambda run: run["latency"]["p999_us"])
CONNECTIONS = Measure("connections/s", lambda run: run["done_per_s"], True)
CPU_EACH = Measure("CPU ms each", lambda run: run["server_cpu_s_per_million"] / 1e3)
ARRIVED = Measure("handshakes/s", lambda run: run["beside"]["done_per_s"], True)
BYTES_EACH = Measure("bytes each", lambda run: run["server_bytes_per_connection"])
SUBSCRIBED = Measure("subscriptions/s", lambda run: run["subscriptions_per_s"], True)
SUB_BYTES = Measure("bytes each", lambda run: run["server_bytes_per_subscription"])
INBOX_P99 = Measure("p99 µs of requests", lambda run: run["beside"]["latency"]["p99_us"])
START = Measure("ms to ready", lambda run: run["start_ms"])
BINARY = Measure("stripped MB", lambda run: run["stripped_bytes"] / 1e6)

FLOW = (RATE, CPU, RSS)
INTEREST = (RATE, CPU, SUBSCRIBED, SUB_BYTES)
CLOSED = (REPLIES, CPU, P50, P99)
OPEN = (CPU, P50, P99, P999)
STORM = (CONNECTIONS, CPU_EACH, P50, P99)
IDLE = (BYTES_EACH, CPU_EACH)


class Target:
    """What a measure must reach: `times` the newest reference, or the better of all of them; or a
    figure of its own."""

    def __init__(self, measure, times=None, at_most=None, at_least=None, of_all=False):
        self.measure = measure
        self.times = times
        self.at_most = at_most
        self.at_least = at_least
        self.of_all = of_all

    def text(self):
        if self.times:
            return f"{self.times:g}x" + (" of the better" if self.of_all else "")
        return f"at most {self.at_most:g}" if self.at_most else f"at least {self.at_least:g}"

    def is_met(self, value, ratio):
        if self.times:
            return ratio is not None and ratio >= self.times
        return value <= self.at_most if self.at_most else value >= self.at_least


class Scenario:
    """What one row group measures, with `midge bench`. msgs is for a full run; --quick takes a fifth
    of it. beside: (mode, options) of a second load that runs meanwhile, for as long as the first."""

    def __init__(self, name, title, measures, mode, msgs=None, tls=None, targets=(), beside=None,
                 more="", cores=0, bystander=None, quick=None, **options):
        self.name = name
        self.title = title
        self.measures = measures
        self.mode = mode
        self.msgs = msgs
        self.tls = tls
        self.targets = targets
        self.beside = beside
        self.more = more            # lines of configuration
        self.cores = cores          # that the server may use; 0: all
        self.bystander = bystander  # the subject of a subscriber that does not read
        self.quick = quick or {}
        self.options = options

    def arguments(self, quick):
        options = dict(self.options)
        if self.msgs:
            options["msgs"] = max(self.msgs // 5, 1) if quick else self.msgs
        if quick:
            options.update(self.quick)
        return words(self.mode, options)

    def run(self, midge, program, certificates, quick):
        """Load a fresh server; the object that `midge bench` printed, and what else was measured."""
        pair = certificates.pair(self.tls) if self.tls else None
        server = Server(program, pair, self.more, self.cores)
        bystander = beside = None
        try:
            command = [midge, "bench", *self.arguments(quick)] + where(server, pair)
            if self.bystander:
                bystander = Bystander(server.port, self.bystander)
            if self.beside:
                beside = Beside([midge, "bench", *words(*self.beside)] + where(server, pair))
            result = finish(command, launch(command), self.name)
            if beside:
                result["beside"] = beside.stop(self.name)
            result["server_peak_bytes"] = server.status_bytes("VmHWM")
        finally:
            if beside:
                beside.kill()
            if bystander:
                bystander.close()
            server.stop()
        if result["delivered"] != result["expected"]:
            raise RunFailed(f"{self.name}: {result['delivered']} of {result['expected']} came")
        if self.options.get("resume") and result["resumed"] != result["done"]:
            raise RunFailed(f"{self.name}: {result['resumed']} of {result['done']} were resumed")
        return result


def words(mode, options):
    texts = [mode]
    for key, value in options.items():
        texts += [f"--{key}"] if value is True else [f"--{key}", str(value)]
    return texts


def where(server, pair):
    # Not verifying keeps the load program cheap: it shares the machine with the server.
    tls = ["--tls", "--insecure"] if pair else []
    return ["--json", "--server", f"localhost:{server.port}", "--pid", str(server.process.pid), *tls]


def launch(command):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def finish(command, process, name):
    try:
        out, err = process.communicate(timeout=RUN_SECONDS)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode != 0:
        raise RunFailed(f"{name}: {' '.join(map(str, command))}\n{err.decode()}")
    return json.loads(out)


class Beside:
    """A load that runs while another is measured."""

    def __init__(self, command):
        self.command = command
        self.process = launch(command)
        time.sleep(LEAD_SECONDS)

    def stop(self, name):
        if self.process.poll() is not None:
            raise RunFailed(f"{name}: the load beside ended too early\n"
                             + self.process.stderr.read().decode())
        self.process.send_signal(signal.SIGINT)
        result = finish(self.command, self.process, name)
        if result["done"] == 0 or result["errors"]:
            raise RunFailed(f"{name}: the load beside failed: {result}")
        return result

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Start:
    """How long until a server says that it is ready: the fastest of some starts, because the machine
    only ever adds to it."""

    name, title, measures, tls = "start", "from the start to its being ready", (START,), None
    targets = (Target(START, at_most=20),)

    @staticmethod
    def arguments(quick):
        return ["3 starts" if quick else "9 starts"]

    @staticmethod
    def run(_midge, program, _certificates, quick):
        return {"start_ms": min(start_milliseconds(program, 3 if quick else 9))}


class Size:
    """The stripped program."""

    name, title, measures, tls = "size", "the program", (BINARY,), None
    targets = (Target(BINARY, at_most=1.5),)

    @staticmethod
    def arguments(_quick):
        return ["strip"]

    @staticmethod
    def run(_midge, program, _certificates, _quick):
        return {"stripped_bytes": stripped_bytes(program)}


def cpu(times, small=False):
    """CPU against the newest reference; the rate must be ahead too; small messages beat all of them
    four times."""
    targets = (Target(CPU, times), Target(RATE, 1))
    return targets + ((Target(CPU, 4, of_all=True),) if small else ())


AHEAD = (Target(RATE, 1),)


def flow(name, title, mode, msgs, tls, targets=AHEAD, **options):
    """Messages in one direction, over TCP or TLS."""
    if tls:
        name, title = name + "-tls", "TLS, " + title
    return Scenario(name, title, FLOW, mode, msgs, tls, targets, **options)


PLAIN = [
    flow("pub-16", "publish 16 B, nobody listens", "pub", 10000000, None, cpu(8, True)),
    flow("pair-16", "1:1, 16 B", "pair", 4000000, None, cpu(7, True)),
    flow("pair-16-vary", "1:1, 16 B, 100 subjects in turn", "pair", 3000000, None, cpu(7, True),
         vary=100),
    flow("pairs8-16", "8 pairs, 16 B", "pair", 4000000, None, clients=8),
    flow("pairs64-16", "64 pairs, 16 B", "pair", 4000000, None, cpu(7, True), clients=64),
    flow("pair-128", "1:1, 128 B", "pair", 2000000, None, cpu(5), size=128),
    flow("pair-256", "1:1, 256 B", "pair", 1500000, None, size=256),
    flow("pair-1k", "1:1, 1 KiB", "pair", 600000, None, cpu(3.5), size=1024),
    flow("pair-4k", "1:1, 4 KiB", "pair", 200000, None, size=4096),
    flow("pair-64k", "1:1, 64 KiB", "pair", 20000, None, cpu(3), size=65536),
    flow("fanout-100", "1 to 100, 16 B", "fanout", 60000, None, cpu(9, True), subscribers=100),
    flow("fanout-1000", "1 to 1000, 16 B", "fanout", 3000, None, cpu(6, True), subscribers=1000),
    flow("fanout-100-1k", "1 to 100, 1 KiB", "fanout", 8000, None, cpu(2), subscribers=100,
         size=1024),
    flow("fanin-100", "100 to 1, 16 B", "fanin", 4000000, None, cpu(7, True), clients=100),
    flow("queue-4", "queue group of 4, 16 B", "fanout", 2000000, None, cpu(7, True), subscribers=4,
         queue="workers"),
    flow("queue-10", "queue group of 10, 16 B", "fanout", 2000000, None, subscribers=10,
         queue="workers"),
    flow("queue-32", "queue group of 32, 16 B", "fanout", 2000000, None, cpu(6, True),
         subscribers=32, queue="workers"),
    flow("unbatched", "64 pairs, one message a read", "pair", 150000, None, cpu(1.3), clients=64,
         window=1),
]

TLS = [
    flow("pub-16", "publish 16 B, nobody listens", "pub", 10000000, "ecdsa"),
    flow("pair-16", "1:1, 16 B", "pair", 3000000, "ecdsa", cpu(6, True)),
    flow("pair-16-vary", "1:1, 16 B, 100 subjects in turn", "pair", 2000000, "ecdsa", vary=100),
    flow("pairs8-16", "8 pairs, 16 B", "pair", 3000000, "ecdsa", clients=8),
    flow("pair-256", "1:1, 256 B", "pair", 800000, "ecdsa", size=256),
    flow("pair-1k", "1:1, 1 KiB", "pair", 250000, "ecdsa", cpu(1.9), size=1024),
    flow("pair-4k", "1:1, 4 KiB", "pair", 70000, "ecdsa", size=4096),
    flow("pair-64k", "1:1, 64 KiB", "pair", 5000, "ecdsa", cpu(1.4), size=65536),
    flow("fanout-100", "1 to 100, 16 B", "fanout", 30000, "ecdsa", cpu(7, True), subscribers=100),
    flow("fanout-1000", "1 to 1000, 16 B", "fanout", 1000, "ecdsa", subscribers=1000),
    flow("fanout-100-1k", "1 to 100, 1 KiB", "fanout", 3000, "ecdsa", cpu(2.5), subscribers=100,
         size=1024),
]


def requests(tls):
    end, word = ("-tls", "TLS, ") if tls else ("", "")
    lone = (Target(P50, 2),) if not tls else ()
    many = (Target(CPU, 2), Target(REPLIES, 1.9)) if not tls else (Target(REPLIES, 1),)
    schedule = (Target(P99, 10),) if not tls else ()
    return [
        Scenario("request-1" + end, word + "request and reply, 1 requester", CLOSED, "request",
                 15000, tls, lone),
        Scenario("request-128" + end, word + "request and reply, 128 requesters", CLOSED,
                 "request", 60000, tls, many, clients=128),
        Scenario("open-20000" + end, word + "20000 requests/s on a schedule", OPEN, "request",
                 40000, tls, schedule, clients=20, rate=20000),
    ]


INTERESTS = [
    Scenario("subs-million", "a million subscriptions, random subjects", INTEREST, "subs", 1000000,
             None, cpu(5) + (Target(SUB_BYTES, at_most=150), Target(SUBSCRIBED, at_least=2.5e6)),
             subscriptions=1000000, clients=10),
    # Both loads are on a schedule, so that every server does the same work.
    Scenario("churn", "200000 messages/s beside 5000 inboxes/s", (CPU, INBOX_P99), "pair", 400000,
             None, (Target(CPU, 1),), clients=8, rate=200000,
             beside=("request", {"inboxes": True, "rate": 5000, "clients": 20, "msgs": 1000000})),
]

STORMS = [
    Scenario("connect", "connections, 16 at a time", STORM, "connect", 10000, None,
             (Target(CPU_EACH, 2.5), Target(CONNECTIONS, 1)), clients=16),
    Scenario("connect-ecdsa", "TLS connections, ECDSA P-256", STORM, "connect", 2000, "ecdsa",
             (Target(CPU_EACH, 1.4), Target(CONNECTIONS, 1)), clients=16),
    Scenario("connect-rsa", "TLS connections, RSA 2048", STORM, "connect", 1000, "rsa",
             (Target(CPU_EACH, 2.2), Target(CONNECTIONS, 1)), clients=16),
    Scenario("connect-resumed", "TLS connections, resumed", STORM, "connect", 3000, "ecdsa",
             (Target(CPU_EACH, 1.8), Target(CONNECTIONS, 1)), clients=16, resume=True),
    # The storm is on a schedule, so that every server meets the same one.
    Scenario("storm-latency", "TLS, 2000 requests/s beside 1500 handshakes/s",
             (P50, P99, P999, ARRIVED), "request", 5000, "ecdsa", (Target(P99, 4),), clients=10,
             rate=2000, beside=("connect", {"rate": 1500, "clients": 200, "msgs": 1000000})),
]

RESIDENT = [
    Scenario("idle", "10000 idle connections", IDLE, "idle", None, None,
             (Target(BYTES_EACH, at_most=1500),), clients=10000, hold=1, quick={"clients": 4000}),
    Scenario("idle-tls", "2000 idle TLS connections", IDLE, "idle", None, "ecdsa",
             (Target(BYTES_EACH, at_most=14000),), clients=2000, hold=1, quick={"clients": 500}),
    Start,
    Size,
]

SCENARIOS = PLAIN + requests(None) + TLS + requests("ecdsa") + INTERESTS + STORMS + RESIDENT


def curve(prefix, values, make):
    return [make(f"{prefix}-{value}", value) for value in values]


# How cost grows with the work: --curves.
CURVES = (
    curve("subscribers", (1, 10, 100, 1000), lambda name, n: Scenario(
        name, f"1 to {n}, 16 B", FLOW, "fanout", 3000000 // n, subscribers=n))
    + curve("connections", (10, 100, 1000, 10000), lambda name, n: Scenario(
        name, f"{n} publishers to 1, 16 B", FLOW, "fanin", 2000000, clients=n))
    + curve("subscriptions", (1000, 10000, 100000, 1000000), lambda name, n: Scenario(
        name, f"random ones of {n} subscriptions", INTEREST, "subs", 500000, subscriptions=n))
    + curve("loops", (1, 2), lambda name, n: Scenario(
        name, f"8 pairs, 16 B, on {n}", FLOW, "pair", 3000000, clients=8, cores=n))
    + [Scenario("slow-none", "1:1, 16 B, max_pending 8 MB", (RATE, CPU, PEAK), "pair", 3000000,
                more="max_pending: 8MB\n"),
       Scenario("slow-one", "the same beside one that does not read", (RATE, CPU, PEAK), "pair",
                3000000, more="max_pending: 8MB\n", bystander="bench.0")]
)
