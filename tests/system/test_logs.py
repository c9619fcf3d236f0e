# SPDX-License-Identifier: Apache-2.0
"""Where the log goes, and what becomes of it (config.md 4.4, 4.5)."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys

import pytest

from support.deadline import Deadline, until
from support.dialect import program

BACKUP = r"\.\d{4}(\.\d\d){5}\.\d{9}"


def log_text(path):
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:  # not there yet, or between a rotation's two steps
        return ""


def backups(log):
    return sorted(path for path in log.parent.iterdir()
                  if re.fullmatch(re.escape(log.name) + BACKUP, path.name))


@pytest.fixture
def traced(start, tmp_path):
    """A server that logs to a file, and a client whose every message is a line of it."""
    def factory(config):
        log = tmp_path / "server.log"
        server = start(f'log_file: "{log}"\ntrace: true\nports_file_dir: "{tmp_path}"\n{config}',
                       ready=False)
        ports = tmp_path / f"{os.path.basename(program())}_{server.pid}.ports"
        until(lambda: ports.exists() and ports.read_text(), "the ports file is written")
        server.host = "127.0.0.1"
        server.port = int(re.search(r'"nats":\["nats://127\.0\.0\.1:(\d+)"', ports.read_text())[1])
        return server, log
    return factory


# Row 91: TestFileLoggerSizeLimit
def test_rotation_by_size(traced):
    server, log = traced("logfile_size_limit: 2000\n")
    client = server.connect()
    for number in range(60):
        client.send(f"PUB foo.{number} 0\r\n\r\n")
    client.barrier()
    until(lambda: "foo.59 " in log_text(log) or any("foo.59 " in log_text(b) for b in backups(log)),
          "the last message is logged")
    files = backups(log) + [log]
    assert len(files) >= 3
    for before, after in zip(files, files[1:]):
        assert before.stat().st_size > 2000  # the write that goes past the limit still goes in
        first = after.read_bytes().split(b"\n")[0]
        assert re.fullmatch(rb"\[\d+\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} \[INF\] Rotated log, backup "
                            rb'saved as "' + re.escape(str(before).encode()) + rb'"\r', first)
        assert stat.S_IMODE(after.stat().st_mode) & 0o137 == 0
    everything = "".join(log_text(path) for path in files)
    assert [int(n) for n in re.findall(r"<<- \[PUB foo\.(\d+) 0\]", everything)] == list(range(60))


# Row 92: TestLogMaxArchives
@pytest.mark.parametrize("keep", [1, 2, 4])
def test_old_files_are_purged(traced, keep):
    server, log = traced(f"logfile_size_limit: 1000\nlogfile_max_num: {keep}\n")
    client = server.connect()
    for number in range(100):
        client.send(f"PUB foo.{number} 0\r\n\r\n")
    client.barrier()
    server.signal(signal.SIGINT)
    assert server.wait_exit() == 0
    files = backups(log) + [log]
    assert len(files) == keep
    assert any("Server Exiting.." in log_text(path) for path in files)
    if keep > 1:
        assert re.search(r'\[INF\] Purged log file "server\.log' + BACKUP + r'"\r\n', log_text(log))


# Row 93, and 91: TestFileLoggerSizeLimitAndReopen
def test_reopen_and_rotate(traced):
    server, log = traced("logfile_size_limit: 100000\n")
    saved = log.with_name("saved")
    log.rename(saved)
    server.signal(signal.SIGUSR1)
    until(lambda: "File log re-opened" in log_text(log), "the log is open again")
    client = server.connect()
    client.send("PUB foo 0\r\n\r\n")
    client.barrier()
    until(lambda: "<<- [PUB foo 0]" in log_text(log), "it is written to")
    assert "<<- [PUB foo 0]" not in log_text(saved)


def test_file_is_past_its_limit_at_the_start(start, tmp_path):
    log = tmp_path / "server.log"
    log.write_text("x" * 5000 + "\n")
    start(f'log_file: "{log}"\nlogfile_size_limit: 3000\n', ready=False)
    until(lambda: len(backups(log)) == 1, "it is rotated")
    assert log_text(backups(log)[0]).startswith("x" * 5000 + "\n")
    assert "[INF] Rotating logfile..." in log_text(backups(log)[0])


# A full disk takes lines, not the service.
def test_no_space_left(start):
    server = start('log_file: "/dev/full"\ntrace: true\nports_file_dir: "."\n', ready=False)
    ports = server.directory / f"{os.path.basename(program())}_{server.pid}.ports"
    until(lambda: ports.exists() and ports.read_text(), "it serves")
    server.host = "127.0.0.1"
    server.port = int(re.search(r'"nats":\["nats://127\.0\.0\.1:(\d+)"', ports.read_text())[1])
    client = server.connect()
    client.subscribe("foo", 1)
    for _ in range(50):
        client.send("PUB foo 2\r\nok\r\n")
        client.expect_msg("foo", 1, b"ok")


@pytest.mark.midge_only
def test_lost_lines_are_told(traced, tmp_path):
    """What a full disk took is told when there is room again."""
    server, log = traced("")
    saved = log.with_name("saved")
    log.rename(saved)
    os.symlink("/dev/full", log)
    server.signal(signal.SIGUSR1)
    until(lambda: "user defined signal 1" in log_text(saved), "the signal is seen")
    client = server.connect()
    client.barrier()
    os.unlink(log)
    server.signal(signal.SIGUSR1)
    found = until(lambda: re.search(r"\[WRN\] (\d+) log lines lost: no space left on device$",
                                    log_text(log), re.M), "the loss is told")
    assert int(found[1]) >= 5


# Row 94: the remote form of syslog, its severities and its facility.
def receive(sock):
    sock.settimeout(Deadline().left())
    return sock.recv(65536)


SYSLOG = (rb"<(\d+)>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d) \S+ " +
          re.escape(os.path.basename(program()).encode()) + rb"\[\d+\]: (.*)\n")


def test_remote_syslog_by_udp(start):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        start(f'remote_syslog: "udp://127.0.0.1:{sock.getsockname()[1]}"\ndebug: true\n'
              'no_system_account: true\nmax_payload: 9mb\nmax_pending: 64mb\n', ready=False)
        lines = []
        while not lines or lines[-1][1] != "Server is ready":
            found = re.fullmatch(SYSLOG, receive(sock))
            assert found
            lines.append((int(found[1]), found[3].decode()))
    assert lines[0] == (5, "Starting nats-server")
    assert (4, "Maximum payloads over 8.00 MB are generally discouraged and could lead to poor "
            "performance") in lines


def test_remote_syslog_by_tcp(start):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        start(f'remote_syslog: "tcp://127.0.0.1:{listener.getsockname()[1]}"\n', ready=False)
        listener.settimeout(Deadline().left())
        sock, _ = listener.accept()
        data = b""
        while b"Server is ready\n" not in data:
            data += receive(sock)
        sock.close()
    for line in data.splitlines(True):
        assert re.fullmatch(SYSLOG, line), line


# Row 94: the local form. /dev/log belongs to the machine, so the test brings a /dev of its own.
OWN_DEV = """
import socket, subprocess, sys
subprocess.run("mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && "
               "mknod -m 666 /dev/urandom c 1 9 && mknod -m 666 /dev/random c 1 8", shell=True, check=True)
with socket.socket(socket.AF_UNIX, int(sys.argv[1])) as listener:
    listener.bind("/dev/log")
    if listener.type == socket.SOCK_STREAM:
        listener.listen()
    server = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
    listener.settimeout(60)
    source = listener.accept()[0] if listener.type == socket.SOCK_STREAM else listener
    source.settimeout(60)
    data = b""
    while b"Server is ready\\n" not in data:
        data += source.recv(65536)
    server.terminate()
    while b"Server Exiting..\\n" not in data:
        data += source.recv(65536)
    sys.stdout.buffer.write(data)
    sys.exit(server.wait(60))
"""


@pytest.mark.skipif(subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/dev"], check=False,
                                   stderr=subprocess.DEVNULL).returncode != 0,
                    reason="no right to mount here")
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_local_syslog(tmp_path, kind):
    (tmp_path / "a.conf").write_text('listen: "127.0.0.1:-1"\nsyslog: true\ndebug: true\nmax_payload: 9mb\n')
    done = subprocess.run(["unshare", "-m", sys.executable, "-c", OWN_DEV, str(int(kind)), program(), "-c",
                           "a.conf"], cwd=tmp_path, stdout=subprocess.PIPE, timeout=120, check=True)
    tag = re.escape(os.path.basename(program()).encode())
    lines = []
    for line in done.stdout.splitlines(True):
        found = re.fullmatch(rb"<(\d+)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d " + tag + rb"\[\d+\]: (.*)\n", line)
        assert found, line
        lines.append((int(found[1]), found[2].decode()))
    assert lines[0] == (29, "Starting nats-server") and lines[-1] == (29, "Server Exiting..")
    assert (31, "Client accept loop exiting..") in lines
    assert {text[:16] for level, text in lines if level == 28} == {"Maximum payloads"}


@pytest.mark.parametrize("url, text", [
    ("tcp://127.0.0.1:1", r'error connecting to syslog: "dial tcp 127\.0\.0\.1:1: connect: '
                          r'connection refused"'),
    ("what://127.0.0.1:1", r'error invalid network type: "what"'),
])
def test_remote_syslog_is_wrong(start, url, text):
    server = start(f'remote_syslog: "{url}"', ready=False)
    server.expected_status = 1
    assert server.wait_exit() == 1
    assert re.fullmatch(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d " + text, server.log.text())
