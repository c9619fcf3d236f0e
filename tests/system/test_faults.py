# SPDX-License-Identifier: Apache-2.0
"""What the machine may do to a server: no descriptors left, no space left, handshakes by the hundred."""

import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import ssl
import threading

import pytest

from support.client import tls_context
from support.deadline import until
from support.dialect import is_midge, program
from support.limits import limited, no_room, starved


@pytest.fixture
def cramped(tmp_path):
    """A program that may have few descriptors open."""
    path = tmp_path / "cramped"
    path.write_text(f'#!/bin/sh\nulimit -n 64\nexec "{program()}" "$@"\n')
    path.chmod(0o755)
    return str(path)


# EMFILE: who is there is served, who waits gets in when somebody leaves.
def test_no_descriptors_left(start, cramped):
    server = start(binary=cramped)
    first = server.connect()
    waiting = [socket.create_connection((server.host, server.port)) for _ in range(100)]
    for pause in (10, 20, 40):
        server.wait_log(rf"\[ERR\] Temporary Client Accept Error\(accept tcp 127\.0\.0\.1:{server.port}: "
                        rf"accept4: too many open files\), sleeping {pause}ms$")
    first.barrier()
    for connection in waiting:
        connection.close()
    until(lambda: server.connect().barrier() is None, "there is room again")
    first.barrier()
    # It backs off instead of turning in circles.
    assert server.log.text().count("Temporary Client Accept Error") < 100


# A storm of handshakes with bad certificates: clients that are there do not feel it, all are counted.
def test_handshake_storm(start, certs):
    server = start(f'tls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}", '
                   f'ca_file: "{certs.cert("ca")}", verify: true, timeout: 20 }}\n')
    good = server.connect(tls=tls_context(certs.cert("ca"), certs.cert("client"), certs.key("client")))
    bad = tls_context(None, certs.cert("client-other"), certs.key("client-other"))
    good.subscribe("foo", 1)
    refused = []

    def storm():
        for _ in range(25):
            try:
                server.connect(tls=bad)
            except (OSError, ssl.SSLError, AssertionError) as error:
                refused.append(error)

    threads = [threading.Thread(target=storm) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        good.send("PUB foo 2\r\nok\r\n")
        line = good.line()
        while line == b"PING":  # the storm may last longer than the two seconds to the first one
            line = good.line()
        assert line == b"MSG foo 1 2"
        good.expect("ok\r\n")
    for thread in threads:
        thread.join()
    assert len(refused) == 200
    server.monitor.wait_varz(lambda varz: varz["connections"] == 1, "the others are gone")
    assert server.monitor.varz()["total_connections"] == 201


# ---- no descriptors left, for files ---------------------------------------------------------------

def reload_fails(server, count=1):
    server.signal(signal.SIGHUP)
    return server.wait_log(r"\[ERR\] Failed to reload server configuration: (.*)$", count).group(1)


def reload_works(server, count=1):
    server.signal(signal.SIGHUP)
    server.wait_log(r"\[INF\] Reloaded server configuration \(sha256:", count)


# EMFILE at a reload: nothing changes, and the next one works.
def test_no_descriptors_at_a_reload(start):
    server = start("max_payload: 1000\n")
    client = server.connect()
    with open(server.config_path, encoding="utf-8") as file:
        server.rewrite(file.read().replace("1000", "2000"))
    with starved(server):
        assert reload_fails(server) == f"open {server.config_path}: too many open files"
        client.barrier()
    assert server.monitor.varz()["max_payload"] == 1000
    reload_works(server)
    assert server.monitor.varz()["max_payload"] == 2000
    client.send("PING\r\n")
    line = client.line()
    while line != b"PONG":  # the new INFO, and a PING of the server
        line = client.line()


def put(certs, name, directory):
    for kind in ("crt", "key"):
        shutil.copy(certs.path(f"{name}.{kind}"), directory / f"tls.{kind}")


# EMFILE when changed certificates are read: said, served with the old ones, and tried again.
@pytest.mark.midge_only
def test_no_descriptors_for_new_certificates(start, certs, tmp_path):
    put(certs, "server", tmp_path)
    server = start(f'tls {{ cert_file: "{tmp_path}/tls.crt", key_file: "{tmp_path}/tls.key", timeout: 20 }}\n')
    client = server.connect(tls=tls_context(certs.cert("ca")))
    with starved(server):
        put(certs, "server-rsa", tmp_path)
        server.wait_log(r"\[ERR\] TLS files changed, but the new ones are refused: .*too many open files$")
        server.wait_log(r"\[ERR\] TLS goes on with the last good files: CN=server,")
        client.barrier()
    server.wait_log(r"\[INF\] TLS files changed: new connections get CN=server-rsa,O=midge tests, ")
    server.connect(tls=tls_context(certs.cert("ca"))).barrier()
    assert server.log.text().count("the new ones are refused") == 1


# EMFILE when the log is opened again: the old one is kept; the reference ends itself.
@pytest.mark.midge_only
def test_no_descriptors_to_reopen_the_log(start, tmp_path):
    log, saved = tmp_path / "server.log", tmp_path / "saved"
    server = logging_to(start, log)
    with starved(server):
        log.rename(saved)
        server.signal(signal.SIGUSR1)
        until(lambda: re.search(r"\[ERR\] Unable to re-open the log file: .*too many open files$",
                                saved.read_text(), re.M), "the failure is told where the log is")
    server.signal(signal.SIGUSR1)
    until(lambda: log.exists() and "[INF] File log re-opened\n" in log.read_text(), "there is a new log")


def log_is_written(server):
    """The thread that writes the log waits for lines."""
    for task in pathlib.Path(f"/proc/{server.pid}/task").iterdir():
        if (task / "comm").read_text() == "midge-log\n":
            return (task / "stat").read_text().rpartition(")")[2].split()[0] == "S"
    raise AssertionError("no thread writes the log")


# EMFILE in the middle of a rotation: the lines are lost and counted, the log comes back.
@pytest.mark.midge_only
def test_no_descriptors_at_a_rotation(start, tmp_path):
    log = tmp_path / "server.log"
    server = logging_to(start, log, "logfile_size_limit: 3000, trace: true")
    client = server.connect()
    with limited(server, resource.RLIMIT_NOFILE, 0):
        for number in range(100):
            client.send(f"PUB lost.{number} 0\r\n\r\n")
        client.barrier()
        until(lambda: not log.exists(), "the full log has its new name")
        client.send("PUB gone 0\r\n\r\n")
        client.barrier()
        until(lambda: log_is_written(server), "the lines had their chance")
    client.send("PUB found 0\r\n\r\n")
    client.barrier()
    until(lambda: log.exists() and "PUB found 0" in log.read_text(), "there is a log again")
    assert re.search(r"\[WRN\] [1-9]\d* log lines lost: too many open files\n", log.read_text())


ENOUGH = 25  # for two loops, their log on stderr


def limited_program(directory, descriptors):
    path = directory / "poor"
    path.write_text(f'#!/bin/sh\nulimit -n {descriptors}\nexec "{program()}" "$@"\n')
    path.chmod(0o755)
    return str(path)


# Too few descriptors to begin with: a sentence, no core.
@pytest.mark.midge_only
@pytest.mark.parametrize("descriptors", range(6, 26, 2))
def test_too_few_descriptors_to_start(start, tmp_path, descriptors):
    server = start("loops: 2", binary=limited_program(tmp_path, descriptors), ready=False)
    server.expected_status = 1
    assert server.wait_exit() == 1
    assert server.log.lines[-1].partition("[FTL] ")[2] == (
        f"The limit of {descriptors} open files is too low: 2 loops need {ENOUGH} to start "
        "(ulimit -n, LimitNOFILE=)")


@pytest.mark.midge_only
def test_just_enough_descriptors_to_start(start, tmp_path):
    start("loops: 2", binary=limited_program(tmp_path, ENOUGH))


# ---- no space left --------------------------------------------------------------------------------

def logging_to(start, log, more=""):
    """A server whose log is a file; its port comes from the ports file."""
    server = start(f'log_file: "{log}"\nports_file_dir: "."\n{more}\n', ready=False)
    ports = server.directory / f"{os.path.basename(program())}_{server.pid}.ports"
    until(lambda: ports.exists() and "nats://" in ports.read_text(), "the ports file is written")
    server.host = "127.0.0.1"
    server.port = int(re.search(r'"nats":\["nats://127\.0\.0\.1:(\d+)"', ports.read_text())[1])
    return server


# A limit on the size of files is no reason to die: EFBIG, which comes with a signal.
def test_no_room_in_the_log(start, tmp_path):
    log = tmp_path / "server.log"
    server = logging_to(start, log, "trace: true")
    client = server.connect()
    client.send("PUB before 0\r\n\r\n")
    client.barrier()
    until(lambda: "PUB before 0" in log.read_text(), "the log works")
    full = log.stat().st_size + 300
    with no_room(server, full):
        for number in range(50):
            client.send(f"PUB lost.{number} 0\r\n\r\n")
            client.barrier()
        until(lambda: log.stat().st_size == full, "the log is full")
    client.send("PUB after 0\r\n\r\n")
    client.barrier()
    until(lambda: "PUB after 0" in log.read_text(), "the log works again")
    text = log.read_text()
    assert text.count("PUB lost.") < 50
    if is_midge():
        # What was cut is ended, and the loss is told on a line of its own.
        assert re.search(r"^\[\d+\] \S+ \S+ \[WRN\] [1-9]\d* log lines lost: file too large$", text, re.M)


# ENOSPC on the pid file: a start ends, a reload goes on.
def test_no_space_for_the_pid_file(start, tmp_path):
    server = start('pid_file: "/dev/full"', ready=False)
    server.expected_status = 1
    assert server.wait_exit() == 1
    assert server.entries()[-1] == ("FTL", "Could not write pidfile: write /dev/full: no space left on device")
    server = start(f'pid_file: "{tmp_path}/1.pid"\n')
    with open(server.config_path, encoding="utf-8") as file:
        config = file.read()
    server.rewrite(config.replace(f"{tmp_path}/1.pid", "/dev/full"))
    reload_works(server)
    server.wait_log(r"\[ERR\] Failed to write pidfile: write /dev/full: no space left on device$")
    server.rewrite(config.replace("1.pid", "2.pid"))
    reload_works(server, 2)
    until(lambda: (tmp_path / "2.pid").exists(), "the next one is written")
    assert (tmp_path / "2.pid").read_text() == str(server.pid)
    server.connect().barrier()


# ENOSPC on the ports file: told, and no more.
def test_no_space_for_the_ports_file(start, tmp_path):
    name = os.path.basename(program())
    path = tmp_path / "full"
    path.write_text(f'#!/bin/sh\nln -s /dev/full "{tmp_path}/{name}_$$.ports"\nexec "{program()}" "$@"\n')
    path.chmod(0o755)
    server = start(f'ports_file_dir: "{tmp_path}"', binary=str(path))
    ports = f"{tmp_path}/{name}_{server.pid}.ports"
    server.wait_log(rf"\[ERR\] Error writing ports file \({re.escape(ports)}\): write {re.escape(ports)}: "
                    r"no space left on device$")
    server.connect().barrier()
    server.stop()
    assert not os.path.lexists(ports)
