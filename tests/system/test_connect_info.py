# SPDX-License-Identifier: Apache-2.0
"""The first words: INFO, CONNECT, verbose, pedantic, connection limits."""

import json
import re
import signal
import socket
import time

import pytest

from support.dialect import dialect, own_version

ORDER = ["server_id", "server_name", "version", "proto", "git_commit", "go", "host", "port",
         "headers", "auth_required", "tls_required", "tls_verify", "tls_available", "max_payload",
         "jetstream", "client_id", "client_ip", "nonce", "cluster", "domain", "connect_urls",
         "ldm", "connect_info", "remote_account", "acc_is_sys", "api_lvl", "xkey"]
EXTRA = dialect(reference=[], midge=["midge"])


def in_order(info):
    """The members that the reference has, in its order."""
    names = [name for name in info if name not in EXTRA]
    return names == sorted(names, key=ORDER.index)


# TestClientCreateAndInfo
def test_info(client, server):
    line, info = client.info_line, client.info
    assert line.startswith(b'INFO {"server_id":"N') and line.endswith(b"} "), line
    assert re.fullmatch(r"N[A-Z2-7]{55}", info["server_id"])
    assert info["server_name"] == info["server_id"]
    assert info["proto"] == 1
    assert info["host"] == "127.0.0.1" and info["port"] == server.port
    assert info["headers"] is True
    assert info["max_payload"] == 1048576
    assert info["client_ip"] == "127.0.0.1"
    assert isinstance(info["client_id"], int) and info["client_id"] > 0
    assert isinstance(info["go"], str) and info["go"]
    assert isinstance(info["api_lvl"], int)
    assert re.fullmatch(r"X[A-Z2-7]{55}", info["xkey"])
    for absent in ("auth_required", "tls_required", "tls_verify", "tls_available", "jetstream",
                   "nonce", "cluster", "connect_urls", "ldm", "connect_info", "remote_account"):
        assert absent not in info, absent
    assert in_order(info), list(info)


def test_info_version(client):
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[\w.]+)?", client.info["version"])
    if dialect(reference=True, midge=False):
        assert client.info["version"] == own_version()
    else:
        assert client.info["midge"] == own_version()
        assert tuple(map(int, client.info["version"].split(".")[:2])) >= (2, 15)


# TestInfoServerNameDefaultsToPK is in test_info; TestInfoServerNameIsSettable
def test_server_name(start):
    server = start('server_name: "one-name"')
    assert server.client().info["server_name"] == "one-name"


def test_client_ids_grow(server):
    with server.client() as first, server.client() as second:
        assert second.cid > first.cid


# TestServerInfoWithClientAdvertise
def test_client_advertise(start):
    info = start('client_advertise: "me:1"').client().info
    assert (info["host"], info["port"]) == ("me", 1)


@pytest.mark.parametrize("value, host, port", [
    ("me", "me", None), ("me:0", "me", None), ("me:-1", "me", None), ("me:+5", "me", 5),
    ("me: 9 ", "me", 9), (":7", "", 7), ("[::1]:5", "::1", 5), ("[::1]", "::1", None),
    ("me:99999", "me", 99999),
])
def test_client_advertise_forms(start, value, host, port):
    server = start(f'client_advertise: "{value}"')
    info = server.client().info
    assert (info["host"], info["port"]) == (host, port or server.port)


WRONG_ADVERTISE = [
    ("a:b:c", "address a:b:c: too many colons in address"),
    ("::1", "address ::1: too many colons in address"),
    ("a:x", 'strconv.Atoi: parsing "x": invalid syntax'),
    ("a:", 'strconv.Atoi: parsing "": invalid syntax'),
    ("a:99999999999999999999",
     'strconv.Atoi: parsing "99999999999999999999": value out of range'),
    ("a]:1", "address a]:1: unexpected ']' in address"),
    ("x[y:1", "address x[y:1: unexpected '[' in address"),
]


@pytest.mark.parametrize("value, why", WRONG_ADVERTISE)
def test_client_advertise_is_wrong(start, value, why):
    server = start(f'client_advertise: "{value}"', ready=False)
    server.expected_status = 1
    assert server.wait_exit() == 1
    assert server.entries()[-1] == (
        "FTL", f"Error setting server INFO with ClientAdvertise value of {value}, err={why}")


# Row 116: TestConfigReloadClientAdvertise
def test_client_advertise_reloaded(start):
    server = start()
    base = 'listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n'
    server.rewrite(base + 'client_advertise: "me:1"\n')
    server.signal(signal.SIGHUP)
    server.wait_log(r"\[INF\] Reload: client_advertise = me:1$")
    server.wait_log(r"\[INF\] Reloaded server configuration")
    assert server.client().info["host"] == "me"
    for value, why in WRONG_ADVERTISE:
        server.rewrite(base + f'client_advertise: "{value}"\n')
        server.signal(signal.SIGHUP)
        server.wait_log(r"\[ERR\] Failed to reload server configuration: invalid ClientAdvertise "
                        + re.escape(f"value of {value}, err={why}"))
        assert server.client().info["host"] == "me"
    server.rewrite(base)
    server.signal(signal.SIGHUP)
    server.wait_log(r"\[INF\] Reload: client_advertise = $")
    assert server.client().info["host"] == "127.0.0.1"


def test_no_header_support(start):
    server = start("no_header_support: true")
    client = server.client()
    assert client.info["headers"] is False
    client.send('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n')
    client.expect_fatal("no responders requires headers support")


# TestClientIPv6Address
def test_ipv6_client(start):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no ::1 here")
    server = start('listen: "[::1]:-1"\nhttp: "[::1]:-1"\n', base=False)
    assert server.host == "::1"
    client = server.connect()
    assert client.info["client_ip"] == "::1" and client.info["host"] == "::1"
    assert server.monitor.connection(client.cid)["ip"] == "::1"


# TestClientConnect: what a CONNECT leaves out is on.
def test_connect_defaults(client):
    client.send("CONNECT {}\r\n")
    client.expect("+OK\r\n")
    client.send("PUB foo.* 2\r\nok\r\n")
    client.expect("-ERR 'Invalid Publish Subject'\r\n+OK\r\n")


# A connection that never says CONNECT works, verbose and pedantic, without headers.
def test_without_connect(client):
    client.send("SUB bare 1\r\nPUB bare 2\r\nok\r\nPING\r\n")
    client.expect("+OK\r\n+OK\r\nMSG bare 1 2\r\nok\r\nPONG\r\n")
    client.send("PUB .bare 2\r\nok\r\n")
    client.expect("-ERR 'Invalid Publish Subject'\r\n+OK\r\n")
    client.send("HPUB bare 12 12\r\n")
    client.expect_closed()


# TestClientConnect: a later CONNECT changes only what it names.
def test_connect_overlay(client):
    client.send('CONNECT {"verbose":false,"pedantic":false}\r\nPUB foo.* 2\r\nok\r\n')
    client.expect_silence()
    client.send('CONNECT {"pedantic":true}\r\nPUB foo.* 2\r\nok\r\n')
    client.expect("-ERR 'Invalid Publish Subject'\r\n")
    client.expect_silence()
    client.send('CONNECT {"verbose":true}\r\n')
    client.expect("+OK\r\n")


# TestClientRepeatConnectSwitchesAccountAndCleansOldSubs: the subscriptions go.
def test_repeated_connect_drops_subscriptions(connect, server):
    client = connect()
    client.subscribe("again", 1)
    client.send('CONNECT {"verbose":false,"protocol":1,"headers":true}\r\n')
    client.barrier()
    client.send("PUB again 2\r\nno\r\nSUB again 2\r\nPUB again 2\r\nok\r\n")
    client.expect("MSG again 2 2\r\nok\r\n")
    client.barrier()
    assert server.monitor.connection(client.cid)["subscriptions"] == 1


# TestClientConnectProto
@pytest.mark.parametrize("number", [-1, 2, 3, 1000])
def test_unknown_protocol_number(client, server, number):
    client.send('CONNECT {"verbose":false,"protocol":%d}\r\n' % number)
    client.expect_fatal("invalid client protocol")
    assert server.monitor.closed(client.cid)["reason"] == "Bad Client Protocol Version"


# TestClientConnectInfo
@pytest.mark.parametrize("number", [0, 1])
def test_info_after_the_first_pong(client, number):
    client.send('CONNECT {"verbose":false,"protocol":%d}\r\nPING\r\n' % number)
    client.expect("PONG\r\n")
    if number == 1:
        line = client.line()
        assert line.startswith(b'INFO {"server_id":') and line.endswith(b"} ")
        later = json.loads(line[5:])
        assert later["connect_info"] is True
        assert later["remote_account"] == "$G"
        assert later["client_id"] == client.cid and later["client_ip"] == "127.0.0.1"
        assert "nonce" not in later and "acc_is_sys" not in later
        assert in_order(later), list(later)
        rest = {k: v for k, v in later.items() if k not in ("connect_info", "remote_account")}
        assert rest == client.info
    client.expect_silence()


# TestClientConnectInfo: a PING before CONNECT brings only its PONG, the one after it the INFO.
def test_ping_before_connect(client):
    client.send("PING\r\n")
    client.expect("PONG\r\n")
    client.send('CONNECT {"verbose":false,"protocol":1}\r\n')
    client.send("PING\r\n")
    client.expect("PONG\r\n")
    assert client.line().startswith(b"INFO {")
    client.expect_silence()


# TestVerboseConnect, TestVerbosePing, TestVerbosePubSub
def test_verbose(client):
    client.send('CONNECT {"verbose":true,"pedantic":false,"headers":true}\r\n')
    client.expect("+OK\r\n")
    client.send("PING\r\n")
    client.expect("PONG\r\n")
    client.send("PONG\r\nPUB foo 2\r\nok\r\n")
    client.expect("+OK\r\n")
    client.send("SUB foo 1\r\n")
    client.expect("+OK\r\n")
    client.send("SUB foo 1\r\n")
    client.expect("+OK\r\n")
    client.send("HPUB bar 12 12\r\nNATS/1.0\r\n\r\n\r\n")
    client.expect("+OK\r\n")
    client.send("UNSUB 1\r\nUNSUB 1\r\nUNSUB 77\r\n")
    client.expect("+OK\r\n+OK\r\n+OK\r\n")
    client.send('CONNECT {"verbose":true}\r\n')
    client.expect("+OK\r\n")
    client.send("SUB foo..bar 1\r\n")
    client.expect("-ERR 'Invalid Subject'\r\n")
    client.expect_silence()


# The acknowledgement of a publish comes before what it delivers to its own connection.
def test_ok_precedes_own_delivery(client):
    client.send('CONNECT {"verbose":true}\r\nSUB own 1\r\nPUB own 2\r\nok\r\nPING\r\n')
    client.expect("+OK\r\n+OK\r\n+OK\r\nMSG own 1 2\r\nok\r\nPONG\r\n")


# TestPedanticPub: one more error line; the message goes on as without it.
@pytest.mark.parametrize("subject", ["foo.*", "foo.>", "foo.", ".foo", "foo..*", "*", ">"])
def test_pedantic_publish(client, subject):
    client.send('CONNECT {"verbose":false,"pedantic":true}\r\n')
    client.send(f"PUB {subject} 2\r\nok\r\n")
    client.expect("-ERR 'Invalid Publish Subject'\r\n")
    client.expect_silence()


def test_pedantic_accepts_good_subjects(client):
    client.send('CONNECT {"verbose":false,"pedantic":true}\r\n')
    client.send("PUB foo 0\r\n\r\nPUB foo.bar 0\r\n\r\nPUB foo*.b>r 0\r\n\r\n")
    client.expect_silence()


# TestPedanticSub: refused in any mode.
@pytest.mark.parametrize("pedantic", ["true", "false"])
@pytest.mark.parametrize("subject", ["foo..bar", "foo.>.bar", ".foo", "foo.", ".", ">.", "..", ">.*"])
def test_invalid_subscription(client, pedantic, subject):
    client.send('CONNECT {"verbose":false,"pedantic":%s}\r\n' % pedantic)
    client.send(f"SUB {subject} 1\r\n")
    client.expect("-ERR 'Invalid Subject'\r\n")
    client.send(f"SUB {subject} queue 1\r\n")
    client.expect("-ERR 'Invalid Subject'\r\n")
    client.expect_silence()


# TestNewAccountAndRequireNewAlwaysError
@pytest.mark.parametrize("fields", ['"account":"A"', '"account":"A","new_account":true',
                                    '"new_account":true'])
def test_accounts_in_connect_are_refused(client, server, fields):
    client.send('CONNECT {"verbose":false,%s}\r\n' % fields)
    client.expect_fatal("Authorization Violation")
    assert server.monitor.closed(client.cid)["reason"] == "Authentication Failure"


# TestConnectionStringWithLogConnectionInfo, TestLogConnectionAuthInfo
@pytest.mark.parametrize("fields, shown", [
    ('"name":"nm","lang":"py","version":"1.2"', r'"v1\.2:py:nm"'),
    ('"lang":"py","version":"1.2"', r'"v1\.2:py"'),
    ('"lang":"py"', r'"py"'),
    ('"name":"nm"', r'"nm"'),
])
def test_client_in_log_lines(start, fields, shown):
    server = start("debug: true")
    client = server.client()
    client.send('CONNECT {"verbose":false,%s}\r\n' % fields)
    client.barrier()
    client.close()
    server.wait_log(rf"\[DBG\] 127\.0\.0\.1:{client.local[1]} - cid:{client.cid} - {shown} - .*"
                    r"Client connection closed: Client Closed")


# TestCloseConnectionVeryEarly
def test_close_very_early(server, connect):
    for _ in range(50):
        with socket.create_connection((server.host, server.port)):
            pass
    connect().barrier()


# TestMaxConnections
def test_max_connections(start):
    server = start("max_connections: 2")
    first, second = server.connect(), server.connect()
    third = server.client()
    third.expect_fatal("maximum connections exceeded")
    reason = server.monitor.closed(third.cid)["reason"]
    assert reason == "Maximum Connections Exceeded"
    first.barrier()
    second.close()
    server.monitor.wait_varz(lambda varz: varz["connections"] == 1, "one connection is left")
    server.connect().barrier()


# TestServerRateLimitLogging: who is turned away is told at most once a second, whoever it was.
def test_full_server_does_not_flood_the_log(start):
    server = start("max_connections: 1")
    present = server.connect()
    begin = time.monotonic()
    for _ in range(50):
        client = server.client()
        client.expect_fatal("maximum connections exceeded")
    server.monitor.wait_varz(lambda varz: varz["total_connections"] == 51, "all came")
    present.barrier()
    seconds = time.monotonic() - begin
    server.stop()  # all lines are written
    lines = [text for level, text in server.entries()
             if level == "ERR" and text.endswith("maximum connections exceeded")]
    assert 1 <= len(lines) <= 2 + seconds, lines
    assert re.fullmatch(r"127\.0\.0\.1:\d+ - cid:\d+ - maximum connections exceeded", lines[0])


# TestMaxConnectionsPreventsAll
@pytest.mark.parametrize("limit", ["0", "-1"])
def test_max_connections_prevents_all(start, limit):
    server = start(f"max_connections: {limit}")
    server.client().expect_fatal("maximum connections exceeded")


# Unauthenticated connections count too.
def test_max_connections_counts_silent_clients(start):
    server = start("max_connections: 1")
    silent = server.client()
    server.monitor.wait_varz(lambda varz: varz["connections"] == 1, "it is counted")
    server.client().expect_fatal("maximum connections exceeded")
    silent.send("PING\r\n")
    silent.expect("PONG\r\n")
