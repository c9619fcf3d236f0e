# SPDX-License-Identifier: Apache-2.0
"""Signals: what each does, what it logs, how the process ends; files that go with a process."""

import json
import os
import shutil
import signal
import stat
import subprocess
import time

import pytest

from support.client import tls_context
from support.deadline import Deadline, until
from support.dialect import program


# TERM and INT end the server, with status 0.
@pytest.mark.parametrize("number, name", [(signal.SIGINT, "interrupt"), (signal.SIGTERM, "terminated")])
def test_end(start, number, name):
    server = start()
    client = server.connect()
    server.signal(number)
    assert server.wait_exit() == 0
    client.expect_closed()
    assert server.texts()[-3:] == [f'Trapped "{name}" signal', "Initiating Shutdown...",
                                   "Server Exiting.."]


# Who cannot wait and asks again gets the same end, to the last moment.
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_end_asked_for_again_and_again(start, number):
    for _ in range(5):
        server = start()
        server.signal(signal.SIGTERM)
        deadline = Deadline()
        while server.process.poll() is None and not deadline.passed():
            os.kill(server.pid, number)
            time.sleep(0.0002)  # each has its line in the log
        assert server.wait_exit() == 0


def test_end_with_debug(start):
    server = start("debug: true")
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    texts = server.texts()
    assert ("DBG", "Client accept loop exiting..") in server.entries()
    assert texts.index("Initiating Shutdown...") < texts.index("Client accept loop exiting..")
    assert texts[-1] == "Server Exiting.."


def test_end_while_busy(start):
    server = start()
    clients = [server.connect() for _ in range(20)]
    for client in clients:
        client.send("SUB a 1\r\n", b"PUB a 100\r\n" + b"x" * 100 + b"\r\n")
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0


# PIPE, and signals nobody handles in a server, do no harm.
def test_pipe_is_ignored(start):
    server = start()
    server.signal(signal.SIGPIPE)
    server.connect().barrier()


# HUP without a configuration file
def test_reload_without_a_file(start):
    server = start(None, args=["-a", "127.0.0.1", "-p", "-1"])
    server.signal(signal.SIGHUP)
    server.wait_log(r'\[INF\] Trapped "hangup" signal$')
    server.wait_log(r"\[ERR\] Failed to reload server configuration: can only reload config when a "
                    r"file is provided using -c or --config$")


# TestConfigReloadMaxPayload: HUP reads the file again.
def test_reload(start):
    server = start("max_payload: 100")
    old = server.connect()
    server.rewrite('listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\nmax_payload: 200\n')
    server.signal(signal.SIGHUP)
    server.wait_log(r'\[INF\] Trapped "hangup" signal$')
    server.wait_log(r"\[INF\] Reloaded: max_payload = 200$")
    server.wait_log(r"\[INF\] Reloaded server configuration \(sha256:[0-9a-f]{64}\)$")
    assert server.client().info["max_payload"] == 200
    old.send("SUB a 1\r\nPUB a 150\r\n" + "x" * 150 + "\r\n")
    old.expect_msg("a", 1, "x" * 150)
    varz = server.monitor.varz()
    assert varz["max_payload"] == 200


# TestConfigReloadMaxConnections
def test_reload_max_connections(start):
    server = start("max_connections: 10")
    clients = [server.connect() for _ in range(4)]
    server.rewrite('listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\nmax_connections: 2\n')
    server.signal(signal.SIGHUP)
    server.wait_log(r"Reloaded: max_connections = 2$")
    closed, told = [next(i for i, text in enumerate(server.texts()) if words in text) for words in (
        "Closed 2 connections to fall within max_connections", "Reloaded: max_connections = 2")]
    assert closed < told
    server.monitor.wait_varz(lambda varz: varz["connections"] == 2, "two connections are left")
    answers = []
    for client in clients:
        client.try_send(b"PING\r\n")
        answers.append(client.line())
    assert sorted(answers) == [b"-ERR 'maximum connections exceeded'"] * 2 + [b"PONG"] * 2


# TestConfigReloadMaxControlLineWithClients
def test_reload_max_control_line(start):
    server = start("max_control_line: 1024")
    client = server.connect()
    client.subscribe("a" * 100, 1)
    server.rewrite('listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\nmax_control_line: 50\n')
    server.signal(signal.SIGHUP)
    server.wait_log(r"Reloaded: max_control_line = 50$")
    client.send("SUB " + "a" * 100 + " 2\r\n")
    client.expect_fatal("maximum control line exceeded")


# TestConfigReloadUnsupported: nothing changes when one thing cannot.
@pytest.mark.parametrize("line, text", [
    ('listen: "127.0.0.1:4999"', r"config reload not supported for Port: old=\d+, new=4999"),
    ('listen: "127.0.0.1:-1", max_subscriptions: 5',
     r"config reload not supported for MaxSubs: old=0, new=5"),
    ('listen: "127.0.0.1:-1", max_pending: 9999999',
     r"config reload not supported for MaxPending: old=67108864, new=9999999"),
    ('listen: "127.0.0.1:-1", max_sub_tokens: 5',
     r"config reload not supported for MaxSubTokens: old=0, new=5"),
    ('listen: "127.0.0.1:-1", lame_duck_duration: "35s"',
     r"config reload not supported for LameDuckDuration: old=2m0s, new=35s"),
    ('listen: "127.0.0.1:-1", lame_duck_grace_period: "1s"',
     r"config reload not supported for LameDuckGracePeriod: old=10s, new=1s"),
    ('listen: "127.0.0.1:-1", write_timeout: retry',
     r"config reload not supported for WriteTimeout: old=, new=retry"),
    ('listen: "127.0.0.1:-1", max_closed_clients: 5',
     r"config reload not supported for MaxClosedClients: old=10000, new=5"),
    ('listen: "127.0.0.1:-1", server_name: x',
     r"config reload not supported for ServerName: old=, new=x"),
    ('listen: "127.0.0.1:-1", http_base_path: "/x"',
     r"config reload not supported for HTTPBasePath: old=, new=/x"),
    ('listen: "127.0.0.1:-1", no_system_account: true',
     r"config reload not supported for NoSystemAccount: old=false, new=true"),
    ('listen: "127.0.0.1:-1", disable_sublist_cache: true',
     r"config reload not supported for NoSublistCache: old=false, new=true"),
    ('listen: "127.0.0.1:-1", no_header_support: true',
     r"config reload not supported for NoHeaderSupport: old=false, new=true"),
    ('listen: "127.0.0.1:-1", logfile_size_limit: 5',
     r"config reload not supported for LogSizeLimit: old=0, new=5"),
    ('listen: "127.0.0.1:-1", logfile_max_num: 5',
     r"config reload not supported for LogMaxFiles: old=0, new=5"),
    ('listen: "127.0.0.1:-1", feature_flags: {a: true}',
     r"config reload not supported for FeatureFlags: old=map\[\], new=map\[a:true\]"),
])
def test_reload_of_what_cannot_be(start, line, text):
    server = start()
    server.rewrite(f'{line}\nhttp: "127.0.0.1:-1"\nmax_payload: 77\n')
    server.signal(signal.SIGHUP)
    server.wait_log(rf"\[ERR\] Failed to reload server configuration: {text}$")
    assert server.client().info["max_payload"] == 1048576


def test_reload_of_a_broken_file(start):
    server = start()
    server.rewrite("listen: {")
    server.signal(signal.SIGHUP)
    server.wait_log(r"\[ERR\] Failed to reload server configuration: Parse error on line 1: .*")
    server.rewrite("max_payloads: 5\n")
    server.signal(signal.SIGHUP)
    server.wait_log(r'\[ERR\] Failed to reload server configuration: .*server\.conf:1:0: '
                    r'unknown field "max_payloads"')
    server.connect().barrier()


def test_reload_turns_debug_on(start):
    server = start()
    server.connect()
    assert "[DBG]" not in server.log.text()
    server.rewrite('listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\ndebug: true\n')
    server.signal(signal.SIGHUP)
    server.wait_log(r"Reloaded server configuration")
    client = server.connect()
    server.wait_log(rf"\[DBG\] \S+ - cid:{client.cid} - Client connection created$")


# Many signals at once: it stays up. Some may be merged (the reference has room for one), so the end
# of the storm is told by another signal, sent until it is heard.
def test_storm_of_reloads(start):
    server = start()
    client = server.connect()
    for _ in range(50):
        server.signal(signal.SIGHUP)
        client.barrier()
    server.wait_log(r"Reloaded server configuration")

    def heard():
        server.signal(signal.SIGUSR1)
        return "File log re-open ignored" in server.log.text()

    until(heard, "the signal after the storm is heard", step=0.1)
    client.barrier()


# USR1
@pytest.mark.parametrize("config, text", [("", "File log re-open ignored, not a file logger")])
def test_reopen_without_a_file(start, config, text):
    server = start(config)
    server.signal(signal.SIGUSR1)
    server.wait_log(r'\[INF\] Trapped "user defined signal 1" signal$')
    server.wait_log(rf"\[INF\] {text}$")


def in_file(path, text):
    return until(lambda: path.exists() and text in path.read_text(), f"{text!r} is in {path.name}")


# TestSignalToReOpenLogFile
def test_reopen_log(start, tmp_path):
    log = tmp_path / "server.log"
    server = start(f'log_file: "{log}"', ready=False)
    in_file(log, "Server is ready")
    assert stat.S_IMODE(log.stat().st_mode) & 0o137 == 0
    saved = tmp_path / "server.log.saved"
    log.rename(saved)
    server.signal(signal.SIGUSR1)
    in_file(log, "File log re-opened")
    assert 'Trapped "user defined signal 1" signal' in saved.read_text()
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert "Server Exiting.." in log.read_text()
    assert server.log.text() == ""


def test_relative_log_file(start):
    server = start('log_file: "here.log"', ready=False)
    in_file(server.directory / "here.log", "Server is ready")


# Lame duck
class TestLameDuck:
    CONFIG = 'lame_duck_duration: "30s", lame_duck_grace_period: "%s"\n'

    # With nobody connected it is a shutdown.
    def test_nobody_there(self, start):
        server = start()
        server.signal(signal.SIGUSR2)
        assert server.wait_exit() == 0
        assert server.texts()[-4:] == [
            'Trapped "user defined signal 2" signal',
            "Entering lame duck mode, stop accepting new clients",
            "Initiating Shutdown...", "Server Exiting.."]

    def test_clients_are_told(self, start, own_port):
        server = start(f'listen: "127.0.0.1:{own_port}"\nhttp: "127.0.0.1:-1"\n' + self.CONFIG % "29s",
                       base=False)
        new, old, unready = server.connect(), server.connect(protocol=0), server.client()
        server.monitor.wait_varz(lambda varz: varz["connections"] == 3, "all are counted")
        server.signal(signal.SIGUSR2)
        server.wait_log(r"\[INF\] Entering lame duck mode, stop accepting new clients$")
        line = new.line()
        assert line.startswith(b"INFO {")
        info = json.loads(line[5:])
        assert info["ldm"] is True
        assert "connect_urls" not in info and "connect_info" not in info
        assert info["client_id"] == new.cid
        old.barrier()
        unready.send("PING\r\n")
        unready.expect("PONG\r\n")
        with pytest.raises(ConnectionRefusedError):
            server.client()
        # Existing clients are served until their turn comes.
        new.send("SUB a 1\r\nPUB a 2\r\nok\r\n")
        new.expect("MSG a 1 2\r\nok\r\n")
        # TERM waits for the end of it, INT does not.
        server.signal(signal.SIGTERM)
        server.wait_log(r'Trapped "terminated" signal')
        new.barrier()
        # A second request is no other lame duck.
        server.signal(signal.SIGUSR2)
        server.wait_log(r'Trapped "user defined signal 2" signal', count=2)
        new.barrier()
        server.signal(signal.SIGINT)
        assert server.wait_exit() == 0
        new.expect_closed()

    # Who sends clients here must see that none are taken any more.
    def test_health(self, start):
        server = start(self.CONFIG % "29s")
        client = server.connect()
        assert server.monitor.request("/healthz").status == 200
        server.signal(signal.SIGUSR2)
        server.wait_log("Entering lame duck mode, stop accepting new clients$")
        reply = server.monitor.request("/healthz")
        text = "failed to be ready for connections after 1ms: server"
        assert (reply.status, reply.json()) == (500, {"status": "error", "error": text})
        assert server.monitor.request("/healthz?details=1").json() == {
            "status": "error", "errors": [{"type": "CONNECTION", "error": text}]}
        server.wait_log(rf'\[WRN\] Healthcheck failed: "{text}"$')
        server.wait_log(r"\[WRN\] Healthcheck failed: 1 errors$")
        assert b'"ldm":true' in client.line()
        client.barrier()
        assert server.monitor.varz()["connections"] == 1

    def test_clients_are_closed(self, start):
        server = start(self.CONFIG % "10ms")
        clients = [server.connect() for _ in range(2)]
        server.signal(signal.SIGUSR2)
        for client in clients:
            assert b'"ldm":true' in client.line()
            client.expect_closed()
        assert server.wait_exit() == 0
        texts = server.texts()
        assert texts.index("Closing existing clients") < texts.index("Initiating Shutdown...")


# Files
def test_pid_file(start, tmp_path):
    path = tmp_path / "server.pid"
    server = start(f'pid_file: "{path}"')
    assert path.read_text() == str(server.pid)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    server.stop()
    assert path.exists()


def test_ports_file(start, tmp_path):
    server = start(f'ports_file_dir: "{tmp_path}"')
    path = tmp_path / f"{os.path.basename(program())}_{server.pid}.ports"
    until(lambda: path.exists() and path.read_text(), "the ports file is written")
    assert json.loads(path.read_text()) == {
        "nats": [f"nats://127.0.0.1:{server.port}"],
        "monitoring": [f"http://127.0.0.1:{server.monitor.port}"]}
    assert list(json.loads(path.read_text())) == ["nats", "monitoring"]
    server.stop()
    assert not path.exists()


def test_ports_file_that_cannot_be_removed(start, tmp_path):
    server = start(f'ports_file_dir: "{tmp_path}"')
    path = tmp_path / f"{os.path.basename(program())}_{server.pid}.ports"
    until(lambda: path.exists() and path.read_text(), "the ports file is written")
    path.unlink()
    path.mkdir()
    (path / "kept").touch()
    server.stop()
    server.wait_log(rf"\[ERR\] Error cleaning up ports file {path}: remove {path}: "
                    r"(is a directory|directory not empty)$")


def interface_urls(scheme, port):
    """Every address of this machine, interface by interface, as Linux's ip command lists them."""
    listed = subprocess.run(["ip", "-o", "addr"], stdout=subprocess.PIPE, text=True, check=True).stdout
    addresses = [line.split()[3].split("/")[0] for line in listed.splitlines()]
    return [f"{scheme}://[{ip}]:{port}" if ":" in ip else f"{scheme}://{ip}:{port}"
            for ip in addresses]


@pytest.mark.skipif(not shutil.which("ip"), reason="no ip command here")
@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_ports_file_of_any_address(start, tmp_path, host):
    server = start(f'listen: "{host}:-1"\nhttp: "{host}:-1"\nports_file_dir: "{tmp_path}"', base=False,
                   ready=False)
    port = server.wait_log(r"Listening for client connections on .*:(\d+)$").group(1)
    web = server.wait_log(r"Starting http monitor on .*:(\d+)$").group(1)
    path = tmp_path / f"{os.path.basename(program())}_{server.pid}.ports"
    until(lambda: path.exists() and path.read_text(), "the ports file is written")
    found = json.loads(path.read_text())
    assert sorted(found["nats"]) == sorted(interface_urls("nats", port))
    assert sorted(found["monitoring"]) == sorted(interface_urls("http", web))


# Row 89: TestPortsFileReload
def test_ports_and_pid_file_move(start, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    base = 'listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n'
    server = start(f'ports_file_dir: "{first}", pid_file: "{first}/pid"')
    name = f"{os.path.basename(program())}_{server.pid}.ports"
    until(lambda: (first / name).exists() and (first / name).read_text(), "the file is written")
    server.rewrite(base + f'ports_file_dir: "{second}"\npid_file: "{second}/pid"\n')
    server.signal(signal.SIGHUP)
    server.wait_log(rf"\[INF\] Reloaded: pid_file = {second}/pid$")
    server.wait_log(rf"\[INF\] Reloaded: ports_file_dir = {second}$")
    server.wait_log(r"\[INF\] Reloaded server configuration")
    assert not (first / name).exists()
    assert json.loads((second / name).read_text())["nats"] == [f"nats://127.0.0.1:{server.port}"]
    # The old pid file is left; a wrong path is told, and the rest of the reload stands.
    assert (first / "pid").read_text() == (second / "pid").read_text() == str(server.pid)
    server.rewrite(base + 'pid_file: "/nonexistent/x"\nmax_payload: 77\n')
    server.signal(signal.SIGHUP)
    server.wait_log(r"\[ERR\] Failed to write pidfile: open /nonexistent/x: no such file or directory$")
    server.wait_log(r"\[INF\] Reloaded server configuration", 2)
    assert server.client().info["max_payload"] == 77
    assert not (second / name).exists()


# 5.2: what a reload changes while it runs, with every line that it says of it.
@pytest.mark.parametrize("before, after, lines", [
    ("", "", []),
    ("", "trace: true", ["trace = true"]),
    ("trace: true", "", ["trace = false"]),
    ("", "debug: true", ["debug = true"]),
    ("debug: true", "", ["debug = false"]),
    ("", "trace_verbose: true", ["trace = true", "trace_verbose = true"]),
    ("trace_verbose: true", "trace: true", ["trace_verbose = false"]),
    ("", "trace_headers: true", ["trace = true", "trace_headers = true"]),
    ("trace_headers: true", "trace_headers: false", ["trace = false", "trace_headers = false"]),
    ("", "logtime: false", ["logtime = false"]),
    ("logtime: false", "", ["logtime = true"]),
    ("", "logtime_utc: true", ["logtime_utc = true"]),
    ("", "max_traced_msg_len: 5", ["max_traced_msg_len = 5"]),
    ("", "max_connections: 5", ["max_connections = 5"]),
    ("max_connections: 5", "", ["max_connections = 65536"]),
    ("", "max_control_line: 1k", ["max_control_line = 1000"]),
    ("", "max_payload: 1000", ["max_payload = 1000"]),
    ("max_payload: 1000", "max_payload: -1", ["max_payload = -1"]),
    ("", 'ping_interval: "5s"', ["ping_interval = 5s"]),
    ('ping_interval: "1500ms"', "ping_interval: 90s", ["ping_interval = 1m30s"]),
    ("", "ping_max: 7", ["ping_max = 7"]),
    ("", 'write_deadline: "3s"', ["write_deadline = 3s"]),
    ("", "connect_error_reports: 5", ["connect_error_reports = 5"]),
    ("", "connect_error_reports: 0", []),
    ("", "reconnect_error_reports: 5", ["reconnect_error_reports = 5"]),
    ("", "no_fast_producer_stall: true", ["fast producers will not be stalled"]),
    ("no_fast_producer_stall: true", "", ["fast producers will be stalled"]),
    ("", 'server_tags: ["a","b"]', ["tags"]),
    ("server_tags: a", 'server_tags: " A "', []),
    ("", "server_metadata: {a: b}", ["metadata"]),
    ("server_metadata: {a: b}", "", ["metadata"]),
    ("", "authorization { timeout: 5 }", ["authorization timeout = 5"]),
    ("", 'authorization { timeout: "500ms" }', ["authorization timeout = 0.5"]),
    ("authorization {users: [{user: a, password: b}]}\nno_auth_user: a", "", []),
    ('pid_file: "x.pid"', "", []),
    ("lame_duck_duration: 120s, write_timeout: default", "", []),
    ("max_connections: 5, ping_max: 3, trace: true", "max_payload: 77",
     ["trace = false", "max_connections = 65536", "ping_max = 2", "max_payload = 77"]),
])
def test_reload_of_what_is_live(start, before, after, lines):
    base = 'listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n'
    server = start(before)
    client = server.connect()
    server.rewrite(base + after)
    server.signal(signal.SIGHUP)
    for line in lines:
        server.wait_log(rf"\[INF\] Reloaded: {line}$")
    server.wait_log(r"\[INF\] Reloaded server configuration \(sha256:[0-9a-f]{64}\)$")
    said = [text for level, text in server.entries() if level != "DBG" and text.startswith("Reload")]
    always = ["Reloaded: authorization users", "Reloaded: accounts"]
    assert [text for text in said[:-1] if text not in always] == [f"Reloaded: {line}" for line in lines]
    assert [text for text in said if text in always] == always
    if "users" not in before:
        client.barrier()
    assert server.monitor.varz()["config_digest"].startswith("sha256:")


# Row 106: TestConfigReload, TestConfigReloadAndVarz: what is shown is what is in force, there and back.
def test_reload_is_shown(start):
    base = 'listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n'
    after = {"max_connections": 7, "ping_interval": 7_000_000_000, "ping_max": 5,
             "write_deadline": 3_000_000_000, "max_control_line": 2048, "max_payload": 1234,
             "tags": ["a", "b"], "metadata": {"k": "v"}, "auth_timeout": 5, "auth_required": True}
    server = start()
    first = server.monitor.varz()
    server.rewrite(base + 'max_connections: 7\nping_interval: "7s"\nping_max: 5\nwrite_deadline: "3s"\n'
                   "max_control_line: 2048\nmax_payload: 1234\nserver_tags: [b, A]\n"
                   "server_metadata: {k: v}\nauthorization { timeout: 5, user: x }\n")
    server.signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration")
    second = server.monitor.varz()
    second["tags"].sort()
    assert {key: second[key] for key in after} == after
    assert second["config_load_time"] > first["config_load_time"]
    assert second["config_digest"] != first["config_digest"]
    server.rewrite(base)
    server.signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration", count=2)
    third = server.monitor.varz()
    assert {key: third.get(key) for key in after} == {key: first.get(key) for key in after}
    assert third["config_digest"] == first["config_digest"]
    assert third["config_load_time"] > second["config_load_time"]


# 5.2: whoever is connected is pinged at the new pace from his next PING on.
@pytest.mark.slow
def test_reload_of_the_ping_interval(start):
    server = start()
    client = server.connect()
    server.rewrite('listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\nping_interval: "100ms"\nping_max: 3\n')
    server.signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration")
    client.expect("PING\r\nPING\r\nPING\r\n-ERR 'Stale Connection'\r\n")
    client.expect_closed()


# Row 120: TestConfigReloadLogging, TestConfigReloadRotateFiles
def test_reload_moves_the_log(start, tmp_path):
    base = 'listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n'
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    server = start()
    server.rewrite(base + f'log_file: "{first}"\nlogtime: false\n')
    server.signal(signal.SIGHUP)
    server.wait_log(rf"\[INF\] Reloaded: log_file = {first}$")
    in_file(first, "Reloaded server configuration")
    assert first.read_text().startswith(f"[{server.pid}] [INF] Reloaded server configuration (sha256:")
    server.rewrite(base + f'log_file: "{second}"\n')
    server.signal(signal.SIGHUP)
    in_file(second, "Reloaded server configuration")
    assert f"Reloaded: log_file = {second}\n" in first.read_text()
    server.rewrite(base)
    server.signal(signal.SIGHUP)
    server.wait_log(r"\[INF\] Reloaded server configuration")
    assert "Reloaded: log_file = \n" in second.read_text()


# A trace that is switched on is for those who are connected as well.
def test_reload_traces_live_connections(start):
    base = 'listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n'
    server = start()
    client = server.connect()
    server.rewrite(base + "trace: true\nmax_traced_msg_len: 3\n")
    server.signal(signal.SIGHUP)
    server.wait_log(r"\[INF\] Reloaded server configuration")
    client.send("PUB foo 5\r\nhello\r\n")
    client.barrier()
    server.wait_log(rf"\[TRC\] \S+ - cid:{client.cid} - <<- \[PUB foo 5\]$")
    server.wait_log(rf'\[TRC\] \S+ - cid:{client.cid} - <<- MSG_PAYLOAD: \["hel..."\]$')


# Row 107: TestConfigReloadEnableTLS, TestConfigReloadDisableTLS
def test_reload_of_tls(start, certs):
    base = 'listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n'
    tls = (f'tls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}", '
           'timeout: 5 }\n')
    server = start()
    plain = server.connect()
    server.rewrite(base + tls)
    server.signal(signal.SIGHUP)
    server.wait_log(r"\[INF\] Reloaded: authorization timeout = 6$")
    server.wait_log(r"\[INF\] Reloaded: tls timeout = 5$")
    server.wait_log(r"\[INF\] Reloaded: tls = enabled$")
    server.wait_log(r"\[INF\] Reloaded server configuration")
    plain.barrier()
    secure = server.connect(tls=tls_context(certs.cert("ca")))
    assert secure.info["tls_required"] is True
    assert server.monitor.varz()["tls_required"] is True
    server.rewrite(base)
    server.signal(signal.SIGHUP)
    server.wait_log(r"\[INF\] Reloaded: tls = disabled$")
    server.wait_log(r"\[INF\] Reloaded server configuration", 2)
    secure.barrier()
    assert "tls_required" not in server.connect().info


# TLSConfig counts as changed when it is another one, not because there is one.
def test_reload_of_the_same_tls(start, certs):
    base = 'listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n'
    tls = (f'tls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}", '
           'timeout: %s }\n')
    server = start(tls % 5)
    server.rewrite(base + tls % 6)
    server.signal(signal.SIGHUP)
    server.wait_log(r"\[INF\] Reloaded: tls timeout = 6$")
    server.wait_log(r"\[INF\] Reloaded server configuration")
    assert "Reloaded: tls = enabled" not in server.texts()
    server.rewrite(base + (tls % 6).replace("server.", "server-rsa."))
    server.signal(signal.SIGHUP)
    server.wait_log(r"\[INF\] Reloaded: tls = enabled$")
