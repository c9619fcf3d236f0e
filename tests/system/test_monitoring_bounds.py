# SPDX-License-Identifier: Apache-2.0
"""The monitoring port against clients that pipeline, stall, flood, or never read."""

import socket
import time

import pytest

from support.deadline import until
from support.dialect import is_instrumented

GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def server(start):
    return start()


def dial(server):
    return socket.create_connection((server.monitor.host, server.monitor.port), 20)


def assert_grew_less(server, before, limit):
    after = server.monitor.varz()["mem"]
    assert after - before < limit or is_instrumented()


def read_all(connection):
    answer = b""
    while True:
        more = connection.recv(1 << 20)
        if not more:
            return answer
        answer += more


def read_answers(connection, count):
    """Read that many answers by their Content-Length; return their bodies."""
    data, bodies = b"", []
    while len(bodies) < count:
        head, found, rest = data.partition(b"\r\n\r\n")
        if found:
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            if len(rest) >= length:
                bodies.append(rest[:length])
                data = rest[length:]
                continue
        more = connection.recv(1 << 20)
        assert more, f"the connection ended after {len(bodies)} answers"
        data += more
    assert data == b""
    return bodies


# Answers come in the order of the requests, though some wait for the loops and some do not.
def test_pipelined_answers_stay_in_order(server):
    paths = [b"/connz", b"/healthz", b"/connz?state=closed", b"/connz?state=all", b"/healthz"] * 20
    with dial(server) as connection:
        connection.sendall(b"".join(GET % path for path in paths))
        bodies = read_answers(connection, len(paths))
    for path, body in zip(paths, bodies):
        assert (b'"num_connections"' in body) == path.startswith(b"/connz")


# Half closed: what was asked before is answered, then the connection ends.
def test_answers_after_the_client_shut_down(server):
    with dial(server) as connection:
        connection.sendall((GET % b"/connz") * 3 + b"GET /hea")
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection).count(b"HTTP/1.1 200 OK\r\n") == 3


def test_request_bodies_are_skipped(server):
    with dial(server) as connection:
        post = b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
        connection.sendall(post + b"hel")
        assert read_answers(connection, 1) == [b'{"status":"ok"}']
        connection.sendall(b"lo" + GET % b"/healthz")
        assert read_answers(connection, 1) == [b'{"status":"ok"}']
    for header in (b"Transfer-Encoding: chunked", b"Content-Length: 999999999",
                   b"Content-Length: 2000\r\nExpect: 100-continue"):
        with dial(server) as connection:
            connection.sendall(b"POST /healthz HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n")
            answer = read_all(connection)
            assert answer.endswith(b'{"status":"ok"}') and b"\r\nConnection: close\r\n" in answer


def test_http_1_0_keep_alive(server):
    with dial(server) as connection:
        for _ in range(2):
            connection.sendall(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert read_answers(connection, 1) == [b'{"status":"ok"}']


# Whoever floods the port with connections that say nothing, or keep silent after a request, does not
# keep the others out: the longest silent one makes room.
def test_silent_connections_make_room(server):
    with dial(server) as first:
        first.sendall(GET % b"/healthz")
        read_answers(first, 1)
        flood = [dial(server) for _ in range(600)]
        try:
            assert server.monitor.get("/healthz") == {"status": "ok"}
            assert first.recv(10) == b""
        finally:
            for connection in flood:
                connection.close()


# A client that asks and asks and never reads costs bounded memory and holds nobody up.
def test_client_that_never_reads(server):
    for _ in range(200):
        server.client().close()
    until(lambda: server.monitor.connz("state=closed")["total"] >= 200, "200 closed connections")
    before = server.monitor.varz()["mem"]
    with dial(server) as connection:
        connection.setblocking(False)
        sent, end = 0, time.monotonic() + 3
        while sent < 4_000_000 and time.monotonic() < end:
            try:
                sent += connection.send((GET % b"/connz?state=closed") * 100)
            except BlockingIOError:
                time.sleep(0.05)
        assert server.monitor.get("/healthz") == {"status": "ok"}
        assert_grew_less(server, before, 64 << 20)


# Unfinished requests share one budget.
def test_unfinished_heads_share_a_budget(server):
    before = server.monitor.varz()["mem"]
    connections = [dial(server) for _ in range(240)]
    try:
        for connection in connections:
            try:
                connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000)
            except OSError:
                pass
        assert_grew_less(server, before, 64 << 20)
        assert server.monitor.get("/healthz") == {"status": "ok"}
    finally:
        for connection in connections:
            connection.close()


# The server ends cleanly with requests, handshakes and idle connections under way.
def test_stop_in_the_middle(start, certs):
    server = start('listen: "127.0.0.1:-1"\nhttps: "127.0.0.1:-1"\n'
                   f'tls {{ cert_file: "{certs.cert("server")}", '
                   f'key_file: "{certs.key("server")}" }}', base=False)
    connections = [dial(server) for _ in range(20)]
    for connection in connections[:10]:
        connection.sendall(b"\x16\x03\x01\x01\x00\x01")
    server.stop()
    for connection in connections:
        connection.close()


def test_stop_with_requests_under_way(server):
    connections = [dial(server) for _ in range(20)]
    for connection in connections:
        connection.sendall((GET % b"/connz") * 50)
    server.stop()
    for connection in connections:
        connection.close()


# Copying the texts of a million subscriptions would hold up everybody else on the loop.
@pytest.mark.midge_only
def test_a_closed_connection_keeps_its_first_subscriptions(server):
    client = server.connect()
    client.send(b"".join(b"SUB s.%d %d\r\n" % (i, i) for i in range(1, 10003)))
    client.barrier()
    assert len(server.monitor.connection(client.cid, "subs=1")["subscriptions_list"]) == 10002
    client.close()
    server.monitor.closed(client.cid)
    record, = server.monitor.connz("state=closed&subs=1")["connections"]
    assert record["subscriptions"] == 10002
    assert record["subscriptions_list"] == [f"s.{i}" for i in range(1, 10001)]
    record, = server.monitor.connz("state=closed&subs=detail")["connections"]
    assert len(record["subscriptions_list_detail"]) == 10000
