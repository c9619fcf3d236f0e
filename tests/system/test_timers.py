# SPDX-License-Identifier: Apache-2.0
"""PING, PONG and time: keep-alive, stale connections, the authentication timeout."""

import time

import pytest

USER = 'authorization { user: me, password: secret, timeout: %s }\n'


# TestPingInterval, TestPing: two unanswered PINGs, then the connection is stale.
def test_silent_client_is_stale(start):
    server = start('ping_interval: "100ms", ping_max: 2')
    client = server.connect()
    client.expect("PING\r\nPING\r\n-ERR 'Stale Connection'\r\n")
    client.expect_closed()
    assert server.monitor.closed(client.cid)["reason"] == "Stale Connection"
    varz = server.monitor.varz()
    assert varz["stale_connections"] == 1
    assert varz["stale_connection_stats"] == {"clients": 1, "routes": 0, "gateways": 0, "leafs": 0}


@pytest.mark.parametrize("pings", [1, 3])
def test_ping_max(start, pings):
    server = start(f'ping_interval: "80ms", ping_max: {pings}')
    client = server.connect()
    client.expect("PING\r\n" * pings + "-ERR 'Stale Connection'\r\n")
    client.expect_closed()


# TestPing: each PONG forgives all PINGs before it.
def test_pong_keeps_the_connection(start):
    server = start('ping_interval: "50ms", ping_max: 10')
    client = server.connect()
    for _ in range(8):
        client.expect("PING\r\n" * 3)
        client.send("PONG\r\n")
    rest = client.drain_until_closed()
    pings = rest.count(b"PING\r\n")  # ten, and up to seven of before the last PONG came
    assert rest == b"PING\r\n" * pings + b"-ERR 'Stale Connection'\r\n" and 10 <= pings <= 17


# TestUnpromptedPong: a PONG that answers nothing counts as one.
def test_unprompted_pong(start):
    server = start('ping_interval: "100ms", ping_max: 10')
    client = server.connect()
    client.expect("PING\r\n")
    for _ in range(12):
        client.send("PONG\r\nPONG\r\n")
        client.expect("PING\r\n", seconds=5)


# A client that never sends CONNECT is pinged as well.
def test_ping_without_connect(start):
    client = start('ping_interval: "100ms"').client()
    client.expect("PING\r\nPING\r\n-ERR 'Stale Connection'\r\n")
    client.expect_closed()


# TestPingSuppresion: once the round trip is known, a client's own PING stands for the server's.
def test_client_ping_suppresses_server_ping(start):
    server = start('ping_interval: "400ms", ping_max: 1')
    client = server.connect()
    client.expect("PING\r\n")
    client.send("PONG\r\n")
    end = time.monotonic() + 1.6
    while time.monotonic() < end:
        client.barrier()
        time.sleep(0.02)
    # and when it stops, the server asks again.
    client.expect("PING\r\n")


# TestPingNotSentTooSoon: after CONNECT the first PING takes at most 2 s (and a fifth), at least 2.
@pytest.mark.slow
def test_first_ping_is_early(start):
    server = start()
    begin = time.monotonic()
    client = server.connect()
    client.expect("PING\r\n", seconds=5)
    assert 1.9 <= time.monotonic() - begin < 4.5


# TestPingSentToTLSConnection
def test_ping_over_tls(start, certs):
    from support.client import tls_context
    server = start(f'ping_interval: "100ms", ping_max: 2\n'
                   f'tls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}" }}')
    client = server.connect(tls=tls_context(certs.cert("ca")))
    client.expect("PING\r\nPING\r\n-ERR 'Stale Connection'\r\n")
    client.expect_closed()


# TestAuthorizationTimeout, TestClosedAuthorizationTimeout, TestAuthClientNoConnect
@pytest.mark.parametrize("timeout", ["0.1", '"100ms"'])
def test_authentication_timeout(start, timeout):
    server = start(USER % timeout)
    client = server.client()
    assert client.info["auth_required"] is True
    client.expect_fatal("Authentication Timeout")
    assert server.monitor.closed(client.cid)["reason"] == "Authentication Timeout"


# TestAuthorizationTimeout: a CONNECT in time is enough.
def test_connect_ends_the_authentication_timeout(start):
    server = start(USER % "0.3")
    client = server.connect(user="me", **{"pass": "secret"})
    other = server.client()
    other.expect_fatal("Authentication Timeout")
    client.barrier()


# TestDefaultAuthTimeout, TestAuthorizationTimeoutConfigParsing
@pytest.mark.parametrize("config, seconds", [
    ("", 2), ('authorization { user: a, password: b, timeout: 7 }', 7),
    ('authorization { user: a, password: b, timeout: 1.5 }', 1.5),
    ('authorization { user: a, password: b, timeout: "1m" }', 60),
    ('authorization { user: a, password: b, timeout: "500ms" }', 0.5),
])
def test_authentication_timeout_is_shown(start, config, seconds):
    assert start(config).monitor.varz()["auth_timeout"] == seconds


# TestAuthClientFailOnEverythingElse: nothing but CONNECT while the login is due.
@pytest.mark.parametrize("data", ["PUB foo 2\r\nok\r\n", "SUB foo 1\r\n", "UNSUB 1\r\n", "PING\r\n",
                                  "PONG\r\n", "+OK\r\n", "INFO {}\r\n", "HPUB f 0 0\r\n\r\n", "\r\n",
                                  "x"])
def test_connect_must_come_first(start, data):
    server = start(USER % "5")
    client = server.client()
    client.send(data)
    client.expect_fatal("Authorization Violation")
    assert server.monitor.closed(client.cid)["reason"] == "Authentication Failure"


# TestAuthClientGoodConnect, TestBadUserClient, TestBadPasswordClient
def test_user_and_password(start):
    server = start(USER % "5")
    server.connect(user="me", **{"pass": "secret"}).barrier()
    for user, password in (("me", "wrong"), ("you", "secret"), ("me", ""), ("", ""), ("", "secret")):
        client = server.client()
        client.send('CONNECT {"verbose":false,"user":"%s","pass":"%s"}\r\n' % (user, password))
        client.expect_fatal("Authorization Violation")
        assert server.monitor.closed(client.cid)["reason"] == "Authentication Failure"


# rtt: measured by the server's PING, shown by connz.
def test_round_trip_time(start):
    server = start('ping_interval: "50ms", ping_max: 1000')
    client = server.connect()
    client.expect("PING\r\n")
    client.send("PONG\r\n")
    client.send("SUB x 1\r\n")
    assert server.monitor.connection(client.cid)["rtt"] != ""
