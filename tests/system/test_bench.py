# SPDX-License-Identifier: Apache-2.0
"""`midge bench`: every mode counts exactly, over TCP and TLS, and says clearly what went wrong."""

import importlib
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import threading

import pytest

from support.deadline import Deadline, until
from support.dialect import program
from support.server import SANITIZER, run

pytestmark = pytest.mark.midge_only

INFO = b'INFO {"server_id":"F","version":"2.15.0","max_payload":1000}\r\n'


@pytest.fixture(params=["plain", "tls", "tlsfirst", "mtls"])
def target(request, start, certs):
    """(server, options of `midge bench` that reach it)"""
    if request.param == "plain":
        server = start()
        return server, ["--server", f"localhost:{server.port}"]
    more = {"tlsfirst": "handshake_first: true", "mtls": "verify: true"}.get(request.param, "")
    server = start(f'tls {{\n  cert_file: "{certs.cert("server")}"\n'
                   f'  key_file: "{certs.key("server")}"\n  ca_file: "{certs.cert("ca")}"\n'
                   f'  timeout: 20\n  {more}\n}}\n')
    options = ["--server", f"localhost:{server.port}", "--tlsca", certs.cert("ca"),
               "--tlsfirst" if request.param == "tlsfirst" else "--tls"]
    if request.param == "mtls":
        options += ["--tlscert", certs.cert("client"), "--tlskey", certs.key("client")]
    return server, options


def bench(*args, status=0, seconds=60):
    """Run it with --json; the object it printed (None when it printed nothing), and stderr."""
    got, out, err = run("bench", *args, "--json", seconds=seconds)
    assert got == status, (got, out, err)
    return (json.loads(out) if out else None), err


def check_hist(hist, most):
    names = ["min_us", "p50_us", "p90_us", "p99_us", "p999_us", "max_us"]
    values = [hist[name] for name in names]
    assert values == sorted(values) and values[0] >= 0, hist
    assert hist["min_us"] <= hist["mean_us"] <= hist["max_us"], hist
    assert hist["max_us"] < most * 1e6, hist


MEMBERS = ["mode", "tls", "size", "clients", "subscribers", "threads", "rate", "seconds", "done",
           "done_per_s", "delivered", "delivered_per_s", "expected", "errors", "interrupted"]
SERVER_MEMBERS = ["server_cpu_s", "server_cpu_s_per_million", "load_cpu_s", "server_rss_bytes",
                  "server_rss_before_bytes"]


@pytest.mark.parametrize("args, done, delivered", [
    (["pub", "--clients", 3, "--msgs", 10001], 10001, 0),
    (["pair", "--msgs", 20000], 20000, 20000),
    (["pair", "--clients", 3, "--msgs", 10001, "--threads", 2], 10001, 10001),
    (["pair", "--msgs", 100, "--size", 0], 100, 100),
    (["pair", "--msgs", 50, "--size", 300000], 50, 50),
    (["pair", "--clients", 2, "--msgs", 2000, "--queue", "group"], 2000, 2000),
    (["pair", "--clients", 3, "--msgs", 1000, "--window", 1, "--threads", 2], 1000, 1000),
    (["pair", "--msgs", 1000, "--window", 7, "--size", 5000], 1000, 1000),
    (["fanout", "--subscribers", 50, "--msgs", 201], 201, 10050),
    (["fanin", "--msgs", 10001], 10001, 10001),
    (["fanin", "--clients", 7, "--msgs", 5, "--threads", 3], 5, 5),
    (["fanout", "--subscribers", 5, "--msgs", 1000, "--queue", "group"], 1000, 1000),
    (["pub", "--msgs", 5000, "--vary", 2], 5000, 0),
    (["pair", "--clients", 2, "--msgs", 20001, "--vary", 100], 20001, 20001),
    (["fanout", "--subscribers", 3, "--msgs", 500, "--vary", 7, "--size", 20000], 500, 1500),
    (["fanin", "--clients", 5, "--msgs", 300, "--vary", 10000, "--threads", 2], 300, 300),
])
def test_flows(target, args, done, delivered):
    server, options = target
    result, err = bench(*args, *options, "--pid", server.pid)
    assert err == ""
    assert list(result) == MEMBERS + SERVER_MEMBERS
    assert result["mode"] == args[0]
    assert result["tls"] == ("--tlsca" in options)
    assert (result["done"], result["delivered"], result["expected"]) == (done, delivered, delivered)
    assert result["errors"] == 0 and not result["interrupted"]
    assert result["seconds"] > 0
    assert abs(result["done_per_s"] * result["seconds"] - done) < 1
    assert result["server_rss_bytes"] > 1000000 and result["server_cpu_s"] >= 0
    varz = server.monitor.varz()
    assert (varz["in_msgs"], varz["out_msgs"]) == (done, delivered)


def test_vary(start):
    """Each message has another subject than the one before it."""
    server = start()
    with server.connect() as witness:
        witness.subscribe(">", 1)
        bench("pair", "--msgs", 250, "--vary", 100, "--size", 3, "--server",
              f"localhost:{server.port}")
        for i in range(250):
            witness.expect_msg(f"bench.0.{i % 100:05}", 1, b"abc")


@pytest.mark.parametrize("args", [
    [], ["--clients", 10, "--subscribers", 3], ["--clients", 4, "--threads", 3],
    ["--size", 100000, "--msgs", 200],
])
def test_requests(target, args):
    server, options = target
    result, err = bench("request", "--msgs", 500, *args, *options)
    assert err == ""
    assert list(result) == MEMBERS + ["latency"]
    assert (result["done"], result["errors"]) == (result["done"], 0)
    assert result["done"] == (200 if "--size" in args else 500)
    assert server.monitor.varz()["in_msgs"] == 2 * result["done"]
    check_hist(result["latency"], result["seconds"])


@pytest.mark.parametrize("threads", [1, 2])
def test_open_loop(target, threads):
    _, options = target
    result, _ = bench("request", "--msgs", 500, "--rate", 1000, "--clients", 3, "--threads",
                      threads, *options)
    assert list(result) == MEMBERS + ["latency", "lag"]
    assert (result["done"], result["errors"], result["rate"]) == (500, 0, 1000)
    assert result["seconds"] > 0.45  # the schedule: the last of 500 leaves after 0.498 s
    check_hist(result["latency"], result["seconds"])
    check_hist(result["lag"], result["seconds"])


def test_connect(target):
    server, options = target
    before = server.monitor.varz()["total_connections"]
    result, _ = bench("connect", "--msgs", 100, "--clients", 8, "--threads", 2, *options)
    assert (result["done"], result["errors"]) == (100, 0)
    check_hist(result["latency"], result["seconds"])
    until(lambda: server.monitor.varz()["total_connections"] == before + 100, "100 connections")


def test_connect_on_a_schedule(target):
    server, options = target
    before = server.monitor.varz()["total_connections"]
    result, _ = bench("connect", "--msgs", 50, "--clients", 8, "--threads", 2, "--rate", 200,
                      *options)
    assert (result["done"], result["errors"], result["rate"]) == (50, 0, 200)
    assert result["seconds"] > 0.23  # each of two threads dials its 25th after 0.24 s
    check_hist(result["latency"], result["seconds"])
    check_hist(result["lag"], result["seconds"])
    until(lambda: server.monitor.varz()["total_connections"] == before + 50, "50 connections")


@pytest.mark.parametrize("target", ["tls", "tlsfirst", "mtls"], indirect=True)
def test_connect_resumes(target):
    server, options = target
    result, _ = bench("connect", "--msgs", 60, "--clients", 8, "--threads", 2, "--resume", *options)
    assert (result["done"], result["errors"], result["resumed"]) == (60, 0, 60)
    assert list(result) == [*MEMBERS[:-1], "resumed", "interrupted", "latency"]
    # One more than asked for: it fetches a ticket.
    until(lambda: server.monitor.varz()["total_connections"] == 61, "61 connections")


def test_idle(target):
    server, options = target
    result, _ = bench("idle", "--clients", 100, "--hold", 0, *options, "--pid", server.pid)
    assert list(result) == MEMBERS + SERVER_MEMBERS + ["server_bytes_per_connection", "latency"]
    assert (result["done"], result["errors"]) == (100, 0)
    check_hist(result["latency"], result["seconds"])


@pytest.mark.parametrize("args", [
    ["--subscriptions", 1003, "--msgs", 5000], ["--subscriptions", 7919, "--msgs", 3],
    ["--subscriptions", 3, "--clients", 7, "--msgs", 100, "--threads", 2],
    ["--subscriptions", 2000, "--clients", 1, "--msgs", 20, "--size", 200000],
    ["--subscriptions", 1000, "--msgs", 2000, "--subject", "a.b.c"],
])
def test_subs(target, args):
    """Whatever the subscriptions look like, each message has one receiver."""
    server, options = target
    result, err = bench("subs", *args, *options, "--pid", server.pid)
    assert err == ""
    number = args[1]
    msgs = args[args.index("--msgs") + 1]
    assert result["subscriptions"] == number and result["subscriptions_per_s"] > 0
    assert (result["done"], result["delivered"], result["expected"]) == (msgs, msgs, msgs)
    assert result["errors"] == 0
    assert result["server_cpu_s_per_million_subscriptions"] > 0
    assert result["server_bytes_per_subscription"] >= 0
    varz = server.monitor.varz()
    assert (varz["in_msgs"], varz["out_msgs"]) == (msgs, msgs)


def test_interrupt_of_subs(start, launch):
    server = start()
    one = launch("subs", "--subscriptions", 12345, "--msgs", 8000000, "--size", 0, "--server",
                 f"localhost:{server.port}")
    until(lambda: server.monitor.varz()["in_msgs"] > 0, "messages")
    os.kill(one.process.pid, signal.SIGINT)
    status, result, err = one.finish()
    assert (status, err) == (0, "")
    assert result["interrupted"] and result["errors"] == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_an_inbox_for_each_request(target, threads):
    server, options = target
    result, err = bench("request", "--msgs", 500, "--clients", 7, "--inboxes", "--threads", threads,
                        *options)
    assert err == ""
    assert (result["done"], result["errors"]) == (500, 0)
    assert server.monitor.varz()["in_msgs"] == 1000
    until(lambda: server.monitor.varz()["subscriptions"] == 0, "no subscription is left")


@pytest.mark.parametrize("args, done, delivered", [
    (["pair", "--msgs", 300, "--clients", 3, "--threads", 2], 300, 300),
    (["fanout", "--msgs", 300, "--subscribers", 5], 300, 1500),
    (["pub", "--msgs", 300], 300, 0),
])
def test_flows_on_a_schedule(target, args, done, delivered):
    server, options = target
    result, _ = bench(*args, "--rate", 1000, *options)
    assert (result["done"], result["delivered"], result["errors"]) == (done, delivered, 0)
    assert result["seconds"] > 0.28
    check_hist(result["lag"], 10)


def test_table(start):
    server = start()
    status, out, err = run("bench", "pair", "--msgs", 100, "--server", f"127.0.0.1:{server.port}")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "scenario         pair, plain, 16 bytes, 1 client"
    assert [line.split()[0] for line in lines] == ["scenario", "time", "published", "delivered"]
    assert lines[3].startswith("delivered        100 (")


# ---- runs that the test ends, or another publisher feeds ------------------------------------------

class Running:
    """A load program in the background."""

    def __init__(self, *args):
        self.process = subprocess.Popen([program(), "bench", *map(str, args), "--json"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, bufsize=0)

    def wait_err(self, line):
        """This is the next line on standard error."""
        seen, deadline = b"", Deadline()
        while not seen.endswith(b"\n") and select.select([self.process.stderr], [], [], deadline.left())[0]:
            byte = self.process.stderr.read(1)
            if not byte:
                break
            seen += byte
        assert seen.decode() == line

    def finish(self):
        out, err = self.process.communicate(timeout=Deadline().left())
        assert not SANITIZER.search(err.decode()), err
        return self.process.returncode, json.loads(out) if out else None, err.decode()


@pytest.fixture
def launch():
    """Factory of background runs; those still running at the end are killed."""
    running = []

    def factory(*args):
        running.append(Running(*args))
        return running[-1]
    yield factory
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def test_sub_counts_what_others_publish(start, launch):
    server = start()
    one = launch("sub", "--clients", 2, "--msgs", 30, "--server", f"localhost:{server.port}")
    until(lambda: server.monitor.varz()["subscriptions"] == 2, "two subscriptions")
    client = server.connect(headers=True)
    for i in range(10):  # lines of three kinds, none of the size that --size says
        client.send("PUB bench 3\r\nabc\r\n", f"PUB bench reply {i}\r\n", "x" * i, "\r\n",
                    "HPUB bench 12 14\r\nNATS/1.0\r\n\r\nab\r\n")
    status, result, err = one.finish()
    assert (status, err) == (0, "")
    assert (result["delivered"], result["expected"], result["errors"]) == (60, 60, 0)


def test_interrupt_reports(start, launch):
    server = start()
    one = launch("sub", "--msgs", 1000, "--server", f"localhost:{server.port}")
    until(lambda: server.monitor.varz()["subscriptions"] == 1, "the subscription")
    server.connect().send("PUB bench 1\r\nx\r\n" * 7)
    until(lambda: server.monitor.varz()["out_msgs"] == 7, "seven messages")
    os.kill(one.process.pid, signal.SIGINT)
    status, result, err = one.finish()
    assert (status, err) == (0, "")
    assert result["interrupted"] is True and result["errors"] == 0
    assert result["delivered"] <= 7 and result["expected"] == 1000


def test_interrupt_of_idle(start, launch):
    server = start()
    one = launch("idle", "--clients", 20, "--hold", 1000, "--server", f"localhost:{server.port}")
    one.wait_err("midge bench: 20 connections are up\n")
    assert server.monitor.varz()["subscriptions"] == 20
    os.kill(one.process.pid, signal.SIGTERM)
    status, result, err = one.finish()
    assert (status, err, result["interrupted"], result["errors"]) == (0, "", True, 0)
    assert result["done"] == 20
    until(lambda: server.monitor.varz()["subscriptions"] == 0, "no connection is left")


def test_quiet_idle(start):
    server = start()
    _, err = bench("idle", "--clients", 2, "--hold", 0, "--quiet", "--server", f"localhost:{server.port}")
    assert err == ""


@pytest.mark.parametrize("how", [[], ["--rate", 10000]])
def test_interrupt_of_a_storm(start, launch, certs, how):
    """Handshakes are under way when it ends."""
    server = start(f'tls {{\n  cert_file: "{certs.cert("server")}"\n'
                   f'  key_file: "{certs.key("server")}"\n}}\n')
    one = launch("connect", "--clients", 200, "--msgs", 1000000, "--tls", "--insecure",
                 "--server", f"localhost:{server.port}", *how)
    until(lambda: server.monitor.varz()["total_connections"] > 30, "a storm")
    os.kill(one.process.pid, signal.SIGINT)
    status, result, err = one.finish()
    assert (status, err) == (0, "")
    assert (result["errors"], result["interrupted"]) == (0, True)


def test_server_goes_away(start, launch):
    server = start()
    one = launch("sub", "--server", f"localhost:{server.port}")
    until(lambda: server.monitor.varz()["subscriptions"] == 1, "the subscription")
    server.stop()
    status, result, err = one.finish()
    assert (status, err) == (1, "midge bench: connection lost: the server closed it\n")
    assert (result["delivered"], result["errors"]) == (0, 1)


# ---- servers that are not what they should be -----------------------------------------------------

class Fake:
    """A server that says what it is told to: INFO, then to each PING, or to the bytes that a pair
    (bytes, answer) names, the next answer; then it closes."""

    def __init__(self, info, answers):
        self.answers = answers
        self.info = info
        self.got = b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        try:
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()
        except OSError:
            return

    def _talk(self, connection):
        try:
            connection.sendall(self.info)
            pending = b""
            for answer in self.answers:
                trigger, answer = answer if isinstance(answer, tuple) else (b"PING\r\n", answer)
                while trigger not in pending:
                    data = connection.recv(65536)
                    if not data:
                        return
                    pending += data
                    self.got += data
                pending = b""
                connection.sendall(answer)
        except OSError:
            pass
        finally:
            connection.close()


@pytest.fixture
def fake():
    """Factory: fake(INFO, [answer to the first PING, to the second, ...])"""
    fakes = []

    def factory(info, answers=()):
        fakes.append(Fake(info, answers))
        return fakes[-1]
    yield factory
    for one in fakes:
        one.listener.close()


ERRORS = [
    ([], INFO, [b"-ERR 'Authorization Violation'\r\n"],
     "the server says: -ERR 'Authorization Violation'"),
    ([], INFO, [b"PONG\r\n", b"-ERR 'Permissions Violation for Publish to \"bench\"'\r\n"],
     "the server says: -ERR 'Permissions Violation for Publish to \"bench\"'"),
    ([], INFO, [b"PONG\r\n", b""], "connection lost: the server closed it"),
    ([], INFO, [b"nonsense\r\n"], "the server says: nonsense"),
    (["--size", 1001], INFO, [], "--size 1001 is above the server's max_payload 1000"),
    ([], b"INFO {\r\n", [], "INFO: "),
    ([], b'INFO {"tls_required":true}\r\n', [], "the server requires TLS: add --tls"),
    (["--tls"], INFO, [], "the server does not offer TLS"),
    (["--tls", "--insecure"], b'INFO {"tls_required":true}\r\nINFO', [], "TLS handshake: "),
]


@pytest.mark.parametrize("args, info, answers, text", ERRORS)
def test_errors(fake, args, info, answers, text):
    server = fake(info, answers)
    _, err = bench("pub", "--msgs", 10, "--server", f"127.0.0.1:{server.port}", *args, status=1)
    assert err.startswith(f"midge bench: {text}") and err.count("\n") == 1, err


def test_pings_are_no_messages_and_are_answered(fake):
    message = b"MSG bench 1 2\r\nhi\r\n"
    server = fake(INFO, [b"+OK\r\nPONG\r\n" + b"PING\r\n" * 20 + message,
                         (b"PONG\r\n" * 20, b"PING\r\n" + message), (b"never", b"")])
    result, err = bench("sub", "--msgs", 2, "--size", 2, "--server", f"127.0.0.1:{server.port}")
    assert err == ""
    assert (result["delivered"], result["errors"]) == (2, 0)
    assert server.got.startswith(b"CONNECT {")
    assert b"SUB bench  1\r\nPING\r\n" in server.got


def test_login(fake):
    server = fake(INFO, [b"PONG\r\n", b"PONG\r\n", (b"never", b"")])
    bench("pub", "--msgs", 1, "--server", f"127.0.0.1:{server.port}", "--user", 'a"b',
          "--password", "c", "--token", "d")
    connect = json.loads(server.got.split(b"\r\n")[0][len("CONNECT "):])
    assert (connect["user"], connect["pass"], connect["auth_token"]) == ('a"b', "c", "d")


def test_storm_gives_up_when_nothing_succeeds(fake):
    server = fake(INFO, [b"-ERR 'maximum connections exceeded'\r\n"])
    result, err = bench("connect", "--msgs", 100000, "--clients", 4, "--server",
                        f"127.0.0.1:{server.port}", status=1)
    assert err == "midge bench: the server says: -ERR 'maximum connections exceeded'\n"
    assert result["done"] == 0 and 1 <= result["errors"] <= 8


def test_refused_connection():
    with socket.socket() as taken:  # and nobody listens on it
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        result, err = bench("pub", "--server", f"127.0.0.1:{port}", status=1)
    assert result is None
    assert err == f"midge bench: 127.0.0.1 port {port}: connection refused\n"


def test_unknown_process(start):
    server = start()
    result, err = bench("pub", "--server", f"127.0.0.1:{server.port}", "--pid", 2147483647,
                        status=1)
    assert result is None
    assert err == "midge bench: --pid 2147483647: no such file or directory\n"


def test_untrusted_server(start, certs):
    server = start(f'tls {{\n  cert_file: "{certs.cert("server")}"\n'
                   f'  key_file: "{certs.key("server")}"\n}}\n')
    where = ["--server", f"localhost:{server.port}", "--msgs", 5]
    _, err = bench("pub", *where, "--tls", "--tlsca", certs.cert("other-ca"), status=1)
    assert err.startswith("midge bench: TLS handshake: ") and "unknown authority" in err
    result, err = bench("pub", *where, "--tls", "--insecure")
    assert (err, result["done"]) == ("", 5)
    result, err = bench("pub", *where, "--tls", "--tlsca", "/nowhere.pem", status=1)
    assert result is None and "/nowhere.pem" in err


# ---- the comparison -------------------------------------------------------------------------------

COMPARE = pathlib.Path(__file__).resolve().parents[2] / "bench" / "compare.py"


def compare(*args, status=0):
    done = subprocess.run([sys.executable, COMPARE, "--midge", program(), *map(str, args)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=Deadline(60).left(), check=False)
    assert done.returncode == status, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


def test_comparison_names_its_scenarios():
    out, _ = compare("--list")
    names = [line.split()[0] for line in out.splitlines()]
    assert len(names) == len(set(names)) >= 40
    out, _ = compare("--list", "--curves")
    more = [line.split()[0] for line in out.splitlines()]
    assert not set(more) & set(names)
    _, err = compare("--only", "pair-16,nothing", status=1)
    assert err.startswith("compare.py: unknown scenario nothing; there are: ")
    assert set(err.split(": ")[2].split()) == set(names) | set(more)


def test_comparison_table(tmp_path):
    runs, table = tmp_path / "runs.json", tmp_path / "table.md"
    out, err = compare("--quick", "--only", "start,unbatched", "--rounds", 1, "--json", runs,
                       "--markdown", table)
    lines = out.splitlines()
    assert lines[0].split() == ["scenario", "measure", "midge", version_of_midge()]
    assert [line[:40].split("  ")[0] for line in lines[1:]] == [
        "64 pairs, one message a read", "", "", "from the start to its being ready"]
    document = json.loads(runs.read_text())
    assert (document["rounds"], document["quick"]) == (1, True)
    stalls = document["stalls"]
    assert 0 <= stalls["least_percent"] <= stalls["most_percent"]
    assert (stalls["pauses_per_s"] > 0) == (stalls["longest_ms"] > 0) == (stalls["most_percent"] > 0)
    assert (f"Each core was away for {stalls['least_percent']:.2f} to {stalls['most_percent']:.2f} % of the time, "
            f"in {stalls['pauses_per_s']:.0f} pauses a second of up to {stalls['longest_ms']:.1f} ms.\n") in err
    assert [scenario["name"] for scenario in document["scenarios"]] == ["unbatched", "start"]
    run_ = document["scenarios"][0]["runs"][document["servers"][0]][0]
    assert run_["done"] == run_["delivered"] == 30000
    assert len(table.read_text().splitlines()) == 6


def test_stalls_are_what_the_clock_leaves_out(monkeypatch):
    monkeypatch.syspath_prepend(str(COMPARE.parent))
    stalls = importlib.import_module("stalls")
    times = iter([0, 50_000, 100_001, 100_002, 999_000, 1_000_000])
    assert stalls.pauses(lambda: next(times), 0.001) == [50_001, 898_998]
    found = stalls.measure(0.05)
    assert 0 <= found["least_percent"] <= found["most_percent"]
    assert stalls.told({"least_percent": 0.125, "most_percent": 1, "pauses_per_s": 9.6, "longest_ms": 2.25}) == (
        "Each core was away for 0.12 to 1.00 % of the time, in 10 pauses a second of up to 2.2 ms.")


@pytest.fixture
def judge(monkeypatch):
    """The comparison as a module."""
    monkeypatch.syspath_prepend(str(COMPARE.parent))
    return importlib.import_module("compare")


def test_comparison_judges(judge):
    """Each round is judged by itself; the newest reference counts, but where all of them do."""
    scenario = next(one for one in judge.SCENARIOS if one.name == "pair-16")
    names = ["midge 0.1.0", "nats-server 2.9.10", "nats-server 2.15.1"]

    def runs(cpus, rate):
        return [{"server_cpu_s_per_million": cpu, "done_per_s": rate, "delivered_per_s": rate}
                for cpu in cpus]
    measured = {scenario.name: {names[0]: runs([1, 2, 1], 50), names[1]: runs([3, 6, 3], 40),
                                names[2]: runs([9, 14, 7], 51)}}
    verdicts = list(judge.verdicts_of([scenario], measured, names))
    assert verdicts == [
        (["pair-16", "CPU s per million", "1", "7.00x", "7.00-9.00", "7x", "ok"], True),
        (["pair-16", "messages/s", "50", "0.98x", "0.98-0.98", "1x", "MISS"], False),
        (["pair-16", "CPU s per million", "1", "3.00x", "3.00-3.00", "4x of the better", "MISS"],
         False)]
    assert list(judge.verdicts_of([scenario], {}, names)) == []
    assert list(judge.verdicts_of([scenario], measured, names[:1])) == []


def test_comparison_judges_figures(judge):
    scenario = next(one for one in judge.SCENARIOS if one.name == "size")
    for size, word in (1500000, "ok"), (1510000, "MISS"):
        measured = {"size": {"midge 0.1.0": [{"stripped_bytes": size}]}}
        verdicts = list(judge.verdicts_of([scenario], measured, ["midge 0.1.0"]))
        assert verdicts == [(["size", "stripped MB", f"{size / 1e6:.3g}", "-", "", "at most 1.5",
                              word], word == "ok")]


def test_comparison_goes_on_after_a_failure(tmp_path):
    """A program that is no server: its scenario is told apart, the others are measured."""
    other = tmp_path / "other"
    other.write_text("#!/bin/sh\n[ $1 = -c ] || exec echo other: v2.15.9\necho cannot listen\n")
    other.chmod(0o755)
    out, err = compare("--quick", "--rounds", 1, "--only", "unbatched", "--reference", other,
                       status=1)
    assert len(out.splitlines()) == 1
    assert f"failed: other 2.15.9: {other}: the server did not start\n" in err
    assert "cannot listen" in err


def test_comparison_exit_status():
    """Without a reference there is nothing to judge a ratio against, and that is no success."""
    out, _ = compare("--quick", "--rounds", 1, "--only", "fanin-100", "--check", status=1)
    assert out.splitlines()[0].split()[:3] == ["scenario", "measure", "midge"]


def version_of_midge():
    status, out, _ = run("--version")
    assert status == 0
    return out.split()[-1].lstrip("v")


def test_atomics_are_counted_where_they_are(monkeypatch, tmp_path):
    """From the instruction profile of callgrind: a callee's cost is not its caller's."""
    monkeypatch.syspath_prepend(str(COMPARE.parent))
    atomics = importlib.import_module("atomics")
    assert atomics.ATOMIC.findall("  401a: lock xadd %eax,(%rdi)\n  402b: xchg   %rax,(%rdi)\n"
                                  "  403c: xchg   %ax,%ax\n  404d: mov    (%rdi),%rax\n") == [
                                      "401a", "402b"]
    profile = tmp_path / "callgrind"
    profile.write_text("events: Ir\nob=/x/midge\nfl=???\nfn=loop_post\n0x10 5\n0x14 7\n"
                       "cfn=other\ncalls=3 0x50\n0x14 900\n0x18 2\nob=/x/libc.so\nfn=malloc\n"
                       "0x14 11\n")
    addresses = {"/x/midge": {0x14, 0x18}, "/x/libc.so": {0x14}}
    assert atomics.executed(profile, addresses) == {("midge", "loop_post"): 9,
                                                    ("libc.so", "malloc"): 11}
