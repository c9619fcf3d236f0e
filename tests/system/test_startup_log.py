# SPDX-License-Identifier: Apache-2.0
"""The log of a start: which lines, in which order, in which form."""

import os
import re
import select
import signal
import socket
import subprocess

import pytest

from support.client import Client
from support.deadline import Deadline
from support.dialect import dialect, own_version, program
from support.server import PREFIX

ID = r"N[A-Z2-7]{55}"


def head(name=ID):
    """The lines every start begins with. midge adds one with its own version."""
    return [r"Starting nats-server",
            r"  Version:  " + dialect(reference=re.escape(own_version()), midge=r"\d+\.\d+\.\d+\S*"),
            *dialect(reference=[], midge=[r"  Midge:    " + re.escape(own_version())]),
            r"  Git:      \[(not set|[0-9a-f]{7})\]",
            r"  Name:     " + name,
            r"  ID:       " + ID]


USING = r"Using configuration file: .*server\.conf \(sha256:[0-9a-f]{64}\)"
LISTEN = r"Listening for client connections on 127\.0\.0\.1:\d+"
MONITOR = r"Starting http monitor on 127\.0\.0\.1:\d+"
READY = "Server is ready"


def match(lines, patterns, level="INF"):
    """The lines are these, in this order; midge's own line may stand on either side of Git."""
    assert all(found == level for found, _ in lines), lines
    texts = [text for _, text in lines]
    own = [text for text in texts if text.startswith("  Midge: ")]
    assert len(own) == dialect(reference=0, midge=1), texts
    if own:
        assert 1 < texts.index(own[0]) < 4, texts
        texts.remove(own[0])
        patterns = [pattern for pattern in patterns if not pattern.startswith("  Midge: ")]
    assert len(texts) == len(patterns), (texts, patterns)
    for text, pattern in zip(texts, patterns):
        assert re.fullmatch(pattern, text), (text, pattern)


def test_by_flags(start):
    server = start(None, args=["-a", "127.0.0.1", "-p", "-1"])
    match(server.entries(), [*head(), LISTEN, READY])


def test_by_file(start):
    server = start('listen: "127.0.0.1:-1"', base=False)
    match(server.entries(), [*head(), USING, LISTEN, READY])


def test_monitoring(start):
    server = start("server_name: some-name")
    match(server.entries(), [*head("some-name"), USING, MONITOR, LISTEN, READY])


def test_tls(start, certs):
    server = start(f'tls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}" }}')
    match(server.entries(), [*head(), USING, MONITOR, LISTEN, "TLS required for client connections",
                             READY])


def test_https(start, certs):
    server = start('listen: "127.0.0.1:-1"\nhttps: "127.0.0.1:-1"\n'
                   f'tls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}" }}',
                   base=False)
    match(server.entries(), [*head(), USING, MONITOR.replace("http", "https"), LISTEN,
                             "TLS required for client connections", READY])


def test_debug_lines(start):
    server = start("debug: true")
    debug = [text for level, text in server.entries() if level == "DBG"]
    assert server.process.poll() is None
    if dialect(reference=True, midge=False):
        assert any(re.fullmatch(r"  Go build: .+", text) for text in debug)
        assert 'Created system account: "$SYS"' in debug


def test_warnings(start):
    server = start("max_payload: 9000000")
    assert ("WRN", "Maximum payloads over 8.00 MB are generally discouraged and could lead to poor "
            "performance") in server.entries()


def test_feature_flags(start):
    server = start("feature_flags { not_a_flag: true, another: false }")
    texts = server.texts()
    at = texts.index("  Feature flags:")
    assert texts[at + 1:at + 3] == ["    Configured:    none",
                                    "    Unsupported:   another, not_a_flag"]


# What the reference leaves to be found out by clients that fail.
@pytest.mark.midge_only
@pytest.mark.parametrize("pair, more, line", [
    ("server-expired", "", r"TLS certificate CN=server-expired,O=midge tests expired on "
                           r"\d{4}-\d\d-\d\dT[\d:]+Z: clients that verify it will fail to connect"),
    (None, "", "The tls map has no certificate: every client will fail to connect"),
    ("server", "verify: true", "Client certificates are verified against the system's trust store "
                               "because ca_file is not set: one from any public CA passes"),
])
def test_tls_warnings(start, certs, pair, more, line):
    files = f'cert_file: "{certs.cert(pair)}", key_file: "{certs.key(pair)}"' if pair else ""
    server = start(f"tls {{ {files}\n{more} }}")
    warnings = [text for level, text in server.entries() if level == "WRN"]
    assert len(warnings) == 1 and re.fullmatch(line, warnings[0]), warnings


@pytest.mark.midge_only
def test_profiling_port_warning(start):
    server = start("prof_port: 6060")
    assert ("WRN", "prof_port is accepted but no port is opened: perf and gdb profile this "
            "server") in server.entries()


# Who writes a password, or permissions, wants them to mean something.
@pytest.mark.midge_only
@pytest.mark.parametrize("config, args, warned", [
    ("authorization { password: secret }", [], True),
    ("authorization { users: [] }", [], True),
    ("authorization { default_permissions: { publish: x } }", [], True),
    ("authorization { proxy_required: true }", [], True),
    ('authorization { user: "", password: x }', [], True),
    ("", ["--pass", "secret"], True),
    ("", [], False),
    ("authorization {}", [], False),
    ("authorization { user: a }", [], False),
    ("authorization { token: a }", [], False),
    ("authorization { users: [ { user: a } ] }", [], False),
    ("authorization { password: secret }", ["--user", "a"], False),
])
def test_open_server_warning(start, config, args, warned):
    server = start(config, args=args)
    line = ("WRN", "Authorization is configured without a user, nkey or token: everybody may connect")
    assert server.entries().count(line) == warned
    assert ("auth_required" in server.client().info) is not (warned or config in ("", "authorization {}"))
    server.signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration")
    assert server.entries().count(line) == 2 * warned


def test_plaintext_password_warning(start):
    server = start("authorization { user: a, password: b }")
    texts = server.texts()
    line = "Plaintext passwords detected, use nkeys or bcrypt"
    assert ("WRN", line) in server.entries()
    assert texts.index(line) < next(i for i, t in enumerate(texts) if t.startswith("Using config"))


def test_wildcard_host(start):
    server = start('http: "0.0.0.0:-1"\nport: -1\n', base=False)
    assert f"Listening for client connections on 0.0.0.0:{server.port}" in server.texts()
    assert server.client().info["host"] == "0.0.0.0"
    server.connect().barrier()
    assert server.monitor.varz()["host"] == "0.0.0.0"


# 4.4: the form of a line
def test_line_form(start):
    server = start()
    for line in server.log.lines:
        found = PREFIX.match(line)
        assert found and found.group(1) == str(server.pid) and found.group(2), line


def test_line_form_without_time(start):
    server = start("logtime: false")
    for line in server.log.lines:
        found = PREFIX.match(line)
        assert found and found.group(1) == str(server.pid) and not found.group(2), line


def test_time_in_utc(start):
    import datetime
    server = start("logtime_utc: true", env={"TZ": "Asia/Tokyo"})
    stamp = datetime.datetime.strptime(PREFIX.match(server.log.lines[0]).group(2),
                                       "%Y/%m/%d %H:%M:%S.%f")
    now = datetime.datetime.utcnow()
    assert abs((now - stamp).total_seconds()) < 60


# On a terminal each level has its colour.
def test_colours_on_a_terminal(tmp_path):
    (tmp_path / "a.conf").write_text('listen: "127.0.0.1:-1"\nmax_payload: 9mb\n')
    master, slave = os.openpty()
    process = subprocess.Popen([program(), "-c", "a.conf", "-DV"], cwd=tmp_path, stdout=slave, stderr=slave,
                               stdin=subprocess.DEVNULL)
    os.close(slave)
    shown = b""

    def read_until(what):
        nonlocal shown
        deadline = Deadline()
        while what not in shown:
            assert select.select([master], [], [], deadline.left())[0], shown
            shown += os.read(master, 65536)

    try:
        read_until(b"Server is ready")
        port = int(re.search(rb"client connections on 127\.0\.0\.1:(\d+)", shown).group(1))
        client = Client("127.0.0.1", port)
        client.send("JUNK\r\n")
        client.expect_fatal("Unknown Protocol Operation")
        process.terminate()
        read_until(b"Server Exiting..")
        assert process.wait(60) == 0
    finally:
        process.kill()
        os.close(master)
    found = set(re.findall(r"^\[\d+\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} \[\x1b\[(\S+)m([A-Z]{3})\x1b\[0m\] ",
                           shown.decode(), re.MULTILINE))
    assert found == {("32", "INF"), ("36", "DBG"), ("0;93", "WRN"), ("31", "ERR"), ("33", "TRC")}


def test_no_colour_when_no_terminal(start):
    assert "\x1b" not in start().log.text()


# Fatal lines
def fatal(server, text):
    server.expected_status = 1
    assert server.wait_exit() == 1
    level, line = server.entries()[-1]
    assert level == "FTL", (level, line)
    assert re.fullmatch(text, line), line


@pytest.fixture
def taken():
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_client_port_in_use(start, taken):
    server = start(None, args=["-a", "127.0.0.1", "-p", taken], ready=False)
    fatal(server, rf'Error listening on port: 127\.0\.0\.1:{taken}, "listen tcp '
                  rf'127\.0\.0\.1:{taken}: bind: address already in use"')


@pytest.mark.parametrize("listen", ['listen: "[::1]:%d"', 'host: "::1", port: %d'])
def test_client_port_of_ipv6_in_use(start, listen):
    with socket.socket(socket.AF_INET6) as listener:
        listener.bind(("::1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        server = start(listen % port, base=False, ready=False)
        fatal(server, rf'Error listening on port: \[::1\]:{port}, "listen tcp \[::1\]:{port}: '
                      r'bind: address already in use"')


def test_monitor_port_in_use(start, taken):
    server = start(None, args=["-a", "127.0.0.1", "-p", "-1", "-m", taken], ready=False)
    fatal(server, rf"Can't start monitoring: can't listen to the monitor port: listen tcp "
                  rf"127\.0\.0\.1:{taken}: bind: address already in use")


@pytest.mark.parametrize("port", [65536, 99999, -5])
def test_port_out_of_range(start, port):
    server = start(None, args=["-a", "127.0.0.1", "-p", port], ready=False)
    fatal(server, rf'Error listening on port: 127\.0\.0\.1:{port}, "listen tcp: address {port}: invalid port"')
    server = start(None, args=["-a", "127.0.0.1", "-p", "-1", "-m", port], ready=False)
    fatal(server, rf"Can't start monitoring: can't listen to the monitor port: "
                  rf"listen tcp: address {port}: invalid port")


# TestMonitorBothPortsConfigured, TestMonitorNoTLSConfig
def test_monitoring_misconfigured(start):
    server = start('listen: "127.0.0.1:-1"\nhttps: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"', base=False,
                   ready=False)
    fatal(server, r"Can't start monitoring: can't specify both HTTP \(-1\) and HTTPs \(-1\) ports")
    server = start('listen: "127.0.0.1:-1"\nhttps: "127.0.0.1:-1"', base=False, ready=False)
    fatal(server, "Can't start monitoring: TLS cert and key required for HTTPS")


def test_pid_file_cannot_be_written(start):
    server = start('pid_file: "/nonexistent/x"', ready=False)
    fatal(server, "Could not write pidfile: open /nonexistent/x: no such file or directory")


def test_log_file_cannot_be_opened(start):
    server = start('log_file: "/nonexistent/x"', ready=False)
    server.expected_status = 1
    assert server.wait_exit() == 1
    assert re.fullmatch(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d error opening file: open /nonexistent/x: "
                        r"no such file or directory", server.log.text())


# 4.5: rotation by size
def test_log_rotation(start, tmp_path):
    from support.deadline import until
    log = tmp_path / "rot.log"
    start(f'log_file: "{log}", logfile_size_limit: 200, logtime: false', ready=False)
    until(lambda: log.exists() and list(tmp_path.glob("rot.log.*")), "the log is rotated")
    until(lambda: any("Server is ready" in path.read_text() for path in tmp_path.glob("rot.log*")),
          "the start is complete")
    backups = sorted(tmp_path.glob("rot.log.*"))
    for backup in backups:
        assert re.fullmatch(r"rot\.log\.\d{4}(\.\d\d){5}\.\d{9}", backup.name), backup.name
    assert any("Rotated log, backup saved as" in path.read_text() for path in [log, *backups])
