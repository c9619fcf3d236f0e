# SPDX-License-Identifier: Apache-2.0
"""What the machine may do to a server: no descriptors left, handshakes by the hundred."""

import socket
import ssl
import threading

import pytest

from support.client import tls_context
from support.deadline import until
from support.dialect import program


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
