# SPDX-License-Identifier: Apache-2.0
"""The wall clock is set while the server runs, by a year or by an hour, forward and back.

What waits goes by the monotonic clock and notices nothing. What compares dates goes by the new time.
"""

import datetime
import re
import shutil
import signal
import time

import pytest

from support.certs import DAY
from support.client import tls_context
from support.clock import Clock
from support.deadline import PATIENCE, until

pytestmark = pytest.mark.midge_only  # the reference asks the kernel, past any library

HOUR = 3600
JUMPS = [400 * DAY, HOUR, -HOUR, -400 * DAY]
USER = 'authorization { user: me, password: secret, timeout: %s }\n'
LOGIN = {"user": "me", "pass": "secret"}


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


@pytest.fixture
def timed(start, clock):
    """A server that lives by the clock of the test."""
    def factory(config="", **options):
        return start(config, env=clock.env, **options)
    return factory


@pytest.fixture
def secure(timed, certs):
    def factory(inside="", outside="", cert="server"):
        return timed(f'{outside}\ntls {{\n  cert_file: "{certs.cert(cert)}"\n  key_file: '
                     f'"{certs.key(cert)}"\n  ca_file: "{certs.cert("ca")}"\n  timeout: 20\n{inside}\n}}\n')
    return factory


@pytest.fixture(scope="module")
def brief(certs):
    """A client certificate that is valid for ten days."""
    certs.issue("client-brief", "ca", "client", end=10 * DAY)
    return tls_context(None, certs.cert("client-brief"), certs.key("client-brief"))


def seconds_of(uptime):
    """"1y2d3h4m5s" as a number; it has no sign."""
    found = re.fullmatch(r"(?:(\d+)y)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(\d+)s", uptime)
    assert found, uptime
    parts = [int(part or 0) for part in found.groups()]
    return sum(n * unit for n, unit in zip(parts, (365 * DAY, DAY, HOUR, 60, 1)))


def is_short(uptime):
    return seconds_of(uptime) < 120 * PATIENCE


def is_now(clock, text):
    """A time of a page, cut to seconds, is that of the program's clock."""
    then = datetime.datetime.strptime(text[:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z").timestamp()
    return abs(then - clock.now()) < 120 * PATIENCE


def refused(server, context):
    try:
        server.connect(tls=context)
    except (OSError, AssertionError):
        return True
    return False


# ---- what waits -----------------------------------------------------------------------------------

@pytest.mark.parametrize("jump", JUMPS)
class TestTimers:
    def test_pings(self, timed, clock, jump):
        server = timed('ping_interval: "100ms", ping_max: 20')
        client = server.connect()
        for _ in range(3):
            client.expect("PING\r\n")
            client.send("PONG\r\n")
        clock.jump(jump)
        for _ in range(5):
            client.expect("PING\r\n")
            client.send("PONG\r\n")
        # Who does not answer any more is told so in time, and not before.
        rest = client.drain_until_closed()
        pings = rest.count(b"PING\r\n")
        assert rest == b"PING\r\n" * pings + b"-ERR 'Stale Connection'\r\n" and pings >= 20

    def test_nothing_comes_early(self, timed, clock, jump):
        server = timed(USER % "60" + 'ping_interval: "2h"\n')
        there, new = server.connect(**LOGIN), server.client()
        there.subscribe("a", 1)
        clock.jump(jump)
        there.expect_silence()
        new.connect(**LOGIN)
        new.send("PUB a 2\r\nok\r\n")
        there.expect_msg("a", 1, "ok")

    def test_a_login_ends_in_time(self, timed, clock, jump):
        server = timed(USER % "0.7")
        client = server.client()
        clock.jump(jump)
        client.expect_fatal("Authentication Timeout")
        assert is_short(server.monitor.closed(client.cid)["uptime"])

    def test_a_handshake_ends_in_time(self, timed, certs, clock, jump):
        server = timed(f'tls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}", '
                       'timeout: 0.7 }\n')
        client = server.client()
        clock.jump(jump)
        client.expect_closed()
        assert server.monitor.closed(client.cid)["reason"] == "TLS Handshake Failure"

    def test_rate_limit(self, secure, clock, jump):
        context = tls_context()

        def in_a_second():
            """The server, and who of three was refused; on a busy machine they may take too long."""
            server = secure("connection_rate_limit: 2")
            begin, outcomes = time.monotonic(), [refused(server, context) for _ in range(3)]
            return (server, outcomes) if time.monotonic() - begin < 1 else None

        server, outcomes = until(in_a_second, "three connections within a second")
        assert outcomes == [False, False, True]
        clock.jump(jump)
        until(lambda: not refused(server, context), "the second is over")

    @staticmethod
    def ask(timed, responses):
        """Someone who was asked and may answer, and who asks."""
        server = timed("authorization { users: [{ user: a, password: a, permissions: {\n"
                       f"  subscribe: '>', allow_responses: {{ {responses} }} }} }},\n"
                       "  { user: b, password: b }] }\n")
        service, other = (server.connect(user=user, **{"pass": user}) for user in "ab")
        service.subscribe("ask", 1)
        other.subscribe("_INBOX.1", 1)
        other.send("PUB ask _INBOX.1 1\r\n?\r\n")
        service.expect_msg("ask", 1, "?", reply="_INBOX.1")
        return service, other

    def test_answers_expire(self, timed, clock, jump):
        service, _ = self.ask(timed, "max: -1, expires: '500ms'")
        clock.jump(jump)

        def too_late():
            service.send("PUB _INBOX.1 1\r\n!\r\nPING\r\n")
            line = service.line()
            while line == b"PING":
                line = service.line()
            if line != b"PONG":
                service.expect("PONG\r\n")
            return line == b"-ERR 'Permissions Violation for Publish to \"_INBOX.1\"'"

        until(too_late, "the reply has expired")

    def test_answers_do_not_expire_early(self, timed, clock, jump):
        service, other = self.ask(timed, "max: 1, expires: '10m'")
        clock.jump(jump)
        service.send("PUB _INBOX.1 1\r\n!\r\n")
        other.expect_msg("_INBOX.1", 1, "!")

    def test_lame_duck(self, timed, clock, jump):
        server = timed('lame_duck_duration: "30s", lame_duck_grace_period: "500ms"\n')
        client = server.connect()
        server.signal(signal.SIGUSR2)
        assert b'"ldm":true' in client.line()
        clock.jump(jump)
        client.barrier()
        client.expect_closed()
        assert server.wait_exit() == 0


# ---- what is shown --------------------------------------------------------------------------------

@pytest.mark.parametrize("jump", JUMPS)
class TestPages:
    def test_connz(self, timed, clock, jump):
        server = timed('ping_interval: "100ms", ping_max: 1000')
        quiet, busy = server.connect(), server.connect()
        before = server.monitor.connection(quiet.cid)
        clock.jump(jump)
        for _ in range(2):
            busy.expect("PING\r\n")
            busy.send("PONG\r\n")
        busy.send("SUB a 1\r\nPUB a 0\r\n\r\n")
        page = server.monitor.connz()
        assert is_now(clock, page["now"])
        entries = {entry["cid"]: entry for entry in page["connections"]}
        for entry in entries.values():
            assert is_short(entry["uptime"]) and is_short(entry["idle"])
            assert re.match(r"\d", entry["rtt"]) and is_now(clock, entry["last_activity"])
        assert entries[quiet.cid]["start"] == before["start"]

    def test_closed(self, timed, clock, jump):
        server = timed()
        client, other = server.connect(), server.connect()
        clock.jump(jump)
        client.close()
        other.barrier()
        entry = server.monitor.closed(client.cid)
        assert is_short(entry["uptime"]) and is_short(entry["idle"])
        assert is_now(clock, entry["stop"]) and entry["reason"] == "Client Closed"

    def test_varz(self, timed, clock, jump):
        server = timed()
        before = server.monitor.varz()
        clock.jump(jump)
        after = server.monitor.varz()
        assert after["start"] == before["start"] and is_now(clock, after["now"])
        assert is_short(after["uptime"])
        assert server.monitor.get("/healthz") == {"status": "ok"}

    def test_tlsz(self, secure, clock, jump):
        server = secure("verify: true")

        def listed(total):
            page = server.monitor.get("/tlsz")
            return sum(failure["count"] for failure in page["failures"]) == total and page

        def fail(name, total):
            with pytest.raises((OSError, AssertionError)):
                server.client(tls=tls_context(), name=name).connect()
            # It is counted where it happened, and listed a moment later.
            return until(lambda: listed(total), "it is listed")

        fail("a.example.com", 1)
        clock.jump(jump)
        fail("b.example.com", 2)
        page = fail("a.example.com", 3)
        assert [(f["server_name"], f["count"]) for f in page["failures"]] == [
            ("a.example.com", 2), ("b.example.com", 1)]
        assert is_now(clock, page["now"]) and page["handshakes"]["failed"] == 3
        assert all(is_now(clock, failure["last"]) for failure in page["failures"])


# ---- the log --------------------------------------------------------------------------------------

STAMP = r"^\[\d+\] (\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)\.\d{6} "


@pytest.mark.parametrize("jump", JUMPS)
def test_log_lines_keep_coming(timed, clock, jump):
    server = timed("trace: true, logtime_utc: true")
    client = server.connect()
    for number in range(3):
        client.send(f"PUB before.{number} 0\r\n\r\n")
    server.wait_log(r"PUB before\.2")
    clock.jump(jump)
    for number in range(3):
        client.send(f"PUB after.{number} 0\r\n\r\n")
    stamp = server.wait_log(STAMP + r".*PUB after\.2").group(1)
    assert is_now(clock, stamp.replace("/", "-").replace(" ", "T"))
    assert re.findall(r"<<- \[PUB (\S+) 0\]", server.log.text()) == [
        "before.0", "before.1", "before.2", "after.0", "after.1", "after.2"]


def test_backups_of_a_wrong_clock_go_first(timed, clock, tmp_path):
    """The year was wrong, and is set back: what is purged is what was written then."""
    log = tmp_path / "server.log"
    server = timed(f'log_file: "{log}", logfile_size_limit: 2000, logfile_max_num: 3, trace: true\n'
                   'listen: "127.0.0.1:-1"\nports_file_dir: "."', base=False, ready=False)
    ports = until(lambda: list(server.directory.glob("*.ports")), "the ports file")[0]
    server.host = "127.0.0.1"
    server.port = int(until(lambda: re.search(r":(\d+)\"", ports.read_text()), "the port")[1])
    client = server.connect()

    def write(word):
        client.send("".join(f"PUB {word}.{number} 0\r\n\r\n" for number in range(50)))
        client.barrier()
        until(lambda: f"PUB {word}.49 " in everything(), "the last line")

    def everything():
        try:
            return "".join(path.read_text() for path in sorted(tmp_path.glob("server.log*")))
        except FileNotFoundError:
            return ""

    clock.jump(400 * DAY)
    write("wrong")
    clock.jump(-400 * DAY)
    write("right")

    def kept():  # the writer purges a moment after it renamed
        return sorted(path.name for path in tmp_path.glob("server.log.*"))

    until(lambda: len(kept()) == 2, "two backups are left")
    backups = kept()
    year = datetime.datetime.fromtimestamp(clock.now()).year
    assert all(name.startswith(f"server.log.{year}.") for name in backups), backups


# ---- dates of certificates ------------------------------------------------------------------------

class TestCertificates:
    EXPIRED = (r"TLS handshake error: tls: failed to verify certificate: x509: certificate has expired or "
               r"is not yet valid: current time (\S+) is (after|before) \S+Z")

    def test_they_are_judged_by_the_new_time(self, secure, clock, brief):
        server = secure("verify: true")
        there = server.connect(tls=brief)
        for count, (jump, word) in enumerate([(20 * DAY, "after"), (-22 * DAY, "before")], 1):
            clock.jump(jump)
            assert refused(server, brief)
            time, relation = server.wait_log(self.EXPIRED, count).groups()
            assert is_now(clock, time) and relation == word
            there.barrier()
        clock.jump(2 * DAY)
        server.connect(tls=brief).barrier()

    @pytest.mark.usefixtures("brief")
    def test_sessions_do_not_outlive_them(self, secure, clock, certs):
        server = secure("verify: true")
        shared = tls_context(certs.cert("ca"), certs.cert("client-brief"), certs.key("client-brief"))
        client = server.connect(tls=shared)
        session = client.socket.session

        def resumed():
            with server.client() as again:
                again.socket = shared.wrap_socket(again.socket, server_hostname="localhost",
                                                  session=session)
                again.connect()
                return again.socket.session_reused

        assert resumed() is True
        clock.jump(11 * DAY)
        with pytest.raises((OSError, AssertionError)):
            resumed()
        server.wait_log(self.EXPIRED)

    def test_ours_that_ran_out_is_told(self, secure, clock):
        server = secure()
        clock.jump(40 * DAY)
        server.wait_log(r"\[WRN\] The clock was set forward by 960h0m0s$")
        server.wait_log(r"\[WRN\] TLS certificate CN=server,O=midge tests expired on \S+Z: clients that "
                        r"verify it will fail to connect$")
        server.wait_log(r"\[WRN\] Authority of ca_file CN=ca,O=midge tests expired on \S+Z: certificates "
                        r"that it issued are refused$")
        clock.jump(-50 * DAY)
        server.wait_log(r"\[WRN\] The clock was set back by 1200h0m0s$")
        server.wait_log(r"\[WRN\] TLS certificate CN=server,O=midge tests is not valid before \S+Z: clients "
                        r"that verify it will fail to connect$")

    @pytest.mark.parametrize("jump", [5 * DAY, -HOUR / 2])
    def test_files_are_watched(self, timed, certs, clock, tmp_path, jump):
        def put(name):
            shutil.copy(certs.cert(name), tmp_path / "tls.crt")
            shutil.copy(certs.key(name), tmp_path / "tls.key")

        put("server")
        server = timed(f'tls {{ cert_file: "{tmp_path}/tls.crt", key_file: "{tmp_path}/tls.key" }}\n')
        clock.jump(jump)
        put("server-rsa")
        server.wait_log(r"\[INF\] TLS files changed: new connections get CN=server-rsa,O=midge tests, ")
        server.connect(tls=tls_context(certs.cert("ca"))).barrier()

    def test_new_files_are_judged_by_the_new_time(self, timed, certs, clock, tmp_path):
        certs.issue("server-brief-10", "ca", "server", end=10 * DAY)
        for kind, name in (("crt", certs.cert("server")), ("key", certs.key("server"))):
            shutil.copy(name, tmp_path / f"tls.{kind}")
        server = timed(f'tls {{ cert_file: "{tmp_path}/tls.crt", key_file: "{tmp_path}/tls.key" }}\n')
        clock.jump(20 * DAY)
        shutil.copy(certs.cert("server-brief-10"), tmp_path / "tls.crt")
        shutil.copy(certs.key("server-brief-10"), tmp_path / "tls.key")
        server.wait_log(r"\[ERR\] TLS files changed, but the new ones are refused: certificate "
                        r"CN=server-brief-10,O=midge tests has expired$")


# ---- the machine was paused -----------------------------------------------------------------------

def test_pause_of_the_machine(timed, clock):
    """Both clocks are hours ahead: all timers are due, and that is no reason to drop anybody who answers."""
    server = timed('ping_interval: "2s", ping_max: 2')
    clients = [server.connect() for _ in range(20)]
    for client in clients:
        client.expect("PING\r\n")
        client.send("PONG\r\n")
    for _ in range(3):
        clock.pause(8 * HOUR)
        for client in clients:
            client.expect("PING\r\n")
            client.send("PONG\r\n")
    page = server.monitor.connz()
    assert len(page["connections"]) == 20
    for entry in page["connections"]:
        assert 24 * HOUR <= seconds_of(entry["uptime"]) < 25 * HOUR
        assert re.match(r"\d", entry["rtt"])
    # What was removed is still reclaimed.
    for client in clients:
        client.close()
    server.monitor.wait_varz(lambda varz: varz["connections"] == 0, "all are gone")
