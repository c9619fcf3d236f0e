# SPDX-License-Identifier: Apache-2.0
"""The record of closed connections: who, when, why. Reasons that belong to another feature (slow
consumers, TLS, timers) are asserted there as well; here is the table of all that a plain client
can bring about."""

import socket
import struct

import pytest

from support.dialect import is_midge


def reset(client):
    """Close with a RST."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


# TestClosedConnsAccounting
@pytest.mark.parametrize("config, data, reason", [
    ("", None, "Client Closed"),
    ("", "BAD\r\n", "Protocol Violation"),
    ("", "PUB foo\r\n", "Protocol Violation"),
    ("", "-ERR 'x'\r\n", "Parse Error"),
    ("", 'CONNECT {"protocol":7}\r\n', "Bad Client Protocol Version"),
    ("", 'CONNECT {"no_responders":true}\r\n', "No Responders Requires Headers"),
    ("", 'CONNECT {"account":"A"}\r\n', "Authentication Failure"),
    ("max_payload: 10", "PUB foo 11\r\n", "Maximum Message Payload Exceeded"),
    ("max_control_line: 20", "SUB " + "a" * 30, "Maximum Control Line Exceeded"),
    ("max_connections: 0", "", "Maximum Connections Exceeded"),
    ('authorization { token: "t" }', 'CONNECT {"auth_token":"u"}\r\n', "Authentication Failure"),
    ('authorization { token: "t", timeout: 0.1 }', "", "Authentication Timeout"),
    ('ping_interval: "50ms", ping_max: 1', "", "Stale Connection"),
])
def test_reason(start, config, data, reason):
    server = start(config)
    client = server.client()
    if data is None:
        client.close()
    else:
        client.send(data)
        client.drain_until_closed()
    assert server.monitor.closed(client.cid)["reason"] == reason


# A reset is a read error, an end of input is not.
def test_reset_connection(start):
    server = start()
    client = server.connect()
    reset(client)
    assert server.monitor.closed(client.cid)["reason"] == "Read Error"


def test_half_close(start):
    server = start()
    client = server.connect()
    client.send("PING\r\n")
    client.end_sending()
    assert client.drain_until_closed() in (b"PONG\r\n", b"")
    assert server.monitor.closed(client.cid)["reason"] == "Client Closed"


# TestCloseConnectionLogsReason
def test_reason_in_the_log(start):
    server = start("debug: true")
    client = server.connect()
    client.send("BAD\r\n")
    client.drain_until_closed()
    server.wait_log(rf"\[DBG\] 127\.0\.0\.1:{client.local[1]} - cid:{client.cid} - "
                    r"Client connection closed: Protocol Violation$")


def test_record(start):
    server = start()
    client = server.connect(name="who", lang="py", version="9.8.7")
    client.send("SUB a 1\r\nSUB b 2\r\nPUB a 5\r\nhello\r\n")
    client.expect("MSG a 1 5\r\nhello\r\n")
    client.close()
    record = server.monitor.closed(client.cid)
    assert record["kind"] == "Client" and record["type"] == "nats"
    assert (record["ip"], record["port"]) == ("127.0.0.1", client.local[1])
    assert record["start"] <= record["stop"]
    assert (record["name"], record["lang"], record["version"]) == ("who", "py", "9.8.7")
    assert (record["in_msgs"], record["in_bytes"]) == (1, 5)
    assert (record["out_msgs"], record["out_bytes"]) == (1, 5)
    assert record["subscriptions"] == 2
    assert list(record)[:8] == ["cid", "kind", "type", "ip", "port", "start", "last_activity", "stop"]


# TestMaxClosedClients: the newest are kept.
def test_ring(start):
    server = start("max_closed_clients: 3")
    cids = []
    for _ in range(6):
        client = server.connect()
        client.close()
        server.monitor.closed(client.cid)
        cids.append(client.cid)
    page = server.monitor.connz("state=closed")
    assert [entry["cid"] for entry in page["connections"]] == cids[-3:]
    assert page["total"] == 3 and page["num_connections"] == 3


# So many that the records wait for each other: the newest are those that closed last all the same.
@pytest.mark.parametrize("count", [63, 64, 65, 129])
def test_ring_of_many(start, count):
    server = start("max_closed_clients: 3\n" + ("loops: 1\n" if is_midge() else ""))
    clients = [server.connect() for _ in range(count)]
    for client in clients:
        client.send("BAD\r\n")
        client.drain_until_closed()
    server.monitor.closed(clients[-1].cid)
    page = server.monitor.connz("state=closed")
    assert [entry["cid"] for entry in page["connections"]] == [client.cid for client in clients[-3:]]


# A shutdown flushes what is queued and then just closes.
def test_shutdown_closes_without_a_word(start):
    server = start()
    client = server.connect()
    server.stop()
    client.expect_closed()
