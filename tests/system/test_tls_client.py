# SPDX-License-Identifier: Apache-2.0
"""TLS on the client port: when the handshake happens, who is let in, what a failure says."""

import os
import re
import ssl
import time

import pytest

from support.client import tls_context
from support.deadline import until
from support.dialect import dialect

FAILURE = "TLS Handshake Failure"
V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture
def tls_start(start, certs):
    """Factory of TLS servers: tls_start("verify: true", "allow_non_tls: true", cert="server")."""
    def factory(inside="", outside="", cert="server", ca=True, timeout=5, **options):
        authority = f'ca_file: "{certs.cert("ca")}"\n' if ca else ""
        return start(f'debug: true\n{outside}\ntls {{\n'
                     f'  cert_file: "{certs.cert(cert)}"\n  key_file: "{certs.key(cert)}"\n'
                     f'  {authority}  timeout: {timeout}\n  {inside}\n}}\n', **options)
    return factory


def handshake_line(server, level, text, cid=None):
    """Wait for the line of a failed handshake."""
    cid = r"\d+" if cid is None else cid
    return server.wait_log(rf"\[{level}\] \S+ - cid:{cid} - TLS handshake error: {text}")


def attempt(server, tls):
    """Handshake and login; returns the client, or the error that came instead of it."""
    client = None
    try:
        client = server.client()
        client.handshake(tls)
        client.connect()
        return client, None
    except (OSError, AssertionError) as error:
        return client, error


# Row 18: TestTLSConnection
@pytest.mark.parametrize("cert", ["server", "server-rsa"])
@pytest.mark.parametrize("version, shown", [(V1_2, "1.2"), (V1_3, "1.3")])
def test_publish_subscribe(tls_start, context, cert, version, shown):
    server = tls_start(cert=cert)
    sub = server.connect(tls=context(low=version, high=version))
    pub = server.connect(tls=context(low=version, high=version))
    sub.subscribe("foo", 1)
    for size in (0, 5, 16383, 16384, 16385, 500000):
        data = os.urandom(size)
        pub.send(f"PUB foo {size}\r\n", data, "\r\n")
        sub.expect_msg("foo", 1, data)
    entry = server.monitor.connection(sub.cid)
    assert entry["tls_version"] == shown
    assert entry["tls_cipher_suite"].startswith("TLS_")
    assert "tls_first" not in entry and "tls_peer_certs" not in entry
    server.wait_log(rf"\[DBG\] \S+ - cid:{sub.cid} - Starting TLS client connection handshake$")
    server.wait_log(rf"\[DBG\] \S+ - cid:{sub.cid} - TLS handshake complete$")
    server.wait_log(rf"\[DBG\] \S+ - cid:{sub.cid} - TLS version {shown}, "
                    rf"cipher suite {entry['tls_cipher_suite']}$")


# Row 18: the server's names are checked by clients; all three are in its certificate.
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_server_names(tls_start, context, name):
    server = tls_start()
    client = server.client(tls=context(), name=name)
    client.connect().barrier()


@pytest.mark.parametrize("suite, shown", [
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
])
def test_suite_names(tls_start, context, suite, shown):
    server = tls_start()
    client = server.connect(tls=context(high=V1_2, ciphers=suite))
    assert server.monitor.connection(client.cid)["tls_cipher_suite"] == shown


# Row 8: TestTLSConfig, and 5.1
@pytest.mark.parametrize("inside, outside, flags", [
    ("", "", {"tls_required": True}),
    ("verify: true", "", {"tls_required": True, "tls_verify": True}),
    ("", "allow_non_tls: true", {"tls_available": True}),
    ("verify: true", "allow_non_tls: true", {"tls_available": True, "tls_verify": True}),
])
def test_info_flags(tls_start, inside, outside, flags):
    client = tls_start(inside, outside).client()
    names = ("tls_required", "tls_verify", "tls_available")
    assert {k: v for k, v in client.info.items() if k in names} == flags


# The table of 5.2: six kinds of listeners, four kinds of clients.
FIRST = "handshake_first: true"
DELAY = 'first: "100ms"'
MIXED = "allow_non_tls: true"


class TestAcceptTable:
    def open(self, server):
        return server.client(read_info=False)

    @pytest.mark.parametrize("inside, outside, delay", [
        ("", "", 0), ("first: auto", "", 0.04), (DELAY, "", 0.09), ("", MIXED, 0),
        (DELAY, MIXED, 0.09), ('handshake_first: "auto"', "", 0.04), ("immediate: false", "", 0),
        ("first: off", "", 0),
    ])
    def test_waits_for_info(self, tls_start, context, inside, outside, delay):
        server = tls_start(inside, outside)
        begin = time.monotonic()
        client = self.open(server)
        client.read_info()
        assert time.monotonic() - begin >= delay
        client.handshake(context())
        client.connect().barrier()
        entry = server.monitor.connection(client.cid)
        assert entry["tls_version"] == "1.3" and "tls_first" not in entry

    @pytest.mark.parametrize("outside", ["", MIXED])
    def test_waits_for_info_and_none_comes(self, tls_start, outside):
        server = tls_start(FIRST, outside, timeout=0.4)
        self.open(server).expect_closed()
        server.wait_log(r"\[DBG\] \S+ - cid:\d+ - TLS handshake (timeout|error: .*i/o timeout)")

    @pytest.mark.parametrize("inside, outside", [
        (FIRST, ""), ("first: auto", ""), ('first: "3s"', ""), (FIRST, MIXED), ('first: "3s"', MIXED),
        ("immediate: yes", ""), ('handshake_first: "auto_fallback"', ""), ('first: "on"', ""),
    ])
    def test_handshake_at_once(self, tls_start, context, inside, outside):
        server = tls_start(inside, outside)
        begin = time.monotonic()
        client = self.open(server)
        client.handshake(context())
        client.read_info()
        # Row 32: a fallback delay does not hold up those who do not need it.
        assert time.monotonic() - begin < 2
        assert client.info["tls_required"] is True
        client.connect().barrier()
        entry = server.monitor.connection(client.cid)
        assert entry["tls_first"] is True and entry["tls_version"] == "1.3"

    @pytest.mark.parametrize("outside", ["", MIXED])
    def test_handshake_at_once_but_info_comes_first(self, tls_start, context, outside):
        client = self.open(tls_start("", outside))
        with pytest.raises(ssl.SSLError):
            client.handshake(context())

    @pytest.mark.parametrize("inside, outside", [("", MIXED), (DELAY, MIXED)])
    def test_plaintext_where_it_is_allowed(self, tls_start, inside, outside):
        server = tls_start(inside, outside)
        client = self.open(server)
        client.read_info()
        assert client.info["tls_available"] is True and "tls_required" not in client.info
        client.connect().barrier()
        assert "tls_version" not in server.monitor.connection(client.cid)

    @pytest.mark.parametrize("inside", ["", "first: auto", DELAY])
    def test_plaintext_where_it_is_not(self, tls_start, inside):
        server = tls_start(inside)
        client = self.open(server)
        client.read_info()
        client.send("CONNECT {}\r\nPING\r\n")
        client.expect_closed()
        # Row 35: a wrong first record is no fault of the configuration.
        handshake_line(server, "DBG", "tls: first record does not look like a TLS handshake$")
        assert server.monitor.closed(client.cid)["reason"] == FAILURE

    @pytest.mark.parametrize("inside, outside", [("", ""), ("first: auto", ""), (DELAY, "")])
    def test_silence_after_info(self, tls_start, inside, outside):
        server = tls_start(inside, outside, timeout=0.4)
        client = self.open(server)
        client.read_info()
        got = client.drain_until_closed()
        assert got in (b"", b"-ERR 'Secure Connection - TLS Required'\r\n"), got
        assert server.monitor.closed(client.cid)["reason"] == FAILURE

    @pytest.mark.parametrize("inside", ["", DELAY])
    def test_silence_means_plaintext(self, tls_start, inside):
        server = tls_start(inside, MIXED, timeout=0.1)
        client = self.open(server)
        client.read_info()
        begin = time.monotonic()
        client.send("PIN")
        time.sleep(0.15)
        client.send("G\r\n")
        client.expect("PONG\r\n")
        assert time.monotonic() - begin < 5


# Row 25: TestClientTLSAndNonTLSConnections
def test_mixed_port(tls_start, context):
    server = tls_start("", MIXED)
    secure, plain = server.connect(tls=context()), server.connect()
    secure.subscribe("foo", 1)
    plain.subscribe("bar", 1)
    plain.send("PUB foo 2\r\nok\r\n")
    secure.expect("MSG foo 1 2\r\nok\r\n")
    secure.send("PUB bar 2\r\nok\r\n")
    plain.expect("MSG bar 1 2\r\nok\r\n")


# Row 34: TestTLSClientNoticeWithAllowNonTLS
@pytest.mark.parametrize("inside, outside, lines", [
    ("", "", ["TLS required for client connections"]),
    ("", MIXED, ["TLS available for client connections"]),
    (FIRST, "", ["TLS required for client connections",
                 'Clients that are not using "TLS Handshake First" option will fail to connect']),
    (FIRST, MIXED, ["TLS required for client connections",
                    'Clients that are not using "TLS Handshake First" option will fail to connect']),
    ('first: "25ms"', MIXED, ["TLS available for client connections"]),
    ("first: auto", "", ["TLS required for client connections"]),
])
def test_notice(tls_start, inside, outside, lines):
    texts = tls_start(inside, outside).texts()
    begin = next(i for i, text in enumerate(texts) if text.startswith("Listening for client"))
    end = texts.index("Server is ready")
    assert texts[begin + 1:end] == lines


# Row 21: TestTLSClientCertificate
@pytest.mark.parametrize("version", [V1_2, V1_3])
class TestClientCertificates:
    def test_accepted(self, tls_start, context, version):
        server = tls_start("verify: true")
        client = server.connect(tls=context("client", high=version))
        client.barrier()
        entry = server.monitor.connection(client.cid, "auth=1")
        peer = entry["tls_peer_certs"][0]
        assert peer["subject"] == "CN=client,O=midge tests"
        assert re.fullmatch("[0-9a-f]{64}", peer["cert_sha256"])
        assert list(peer) == ["subject", "spki_sha256", "cert_sha256"]

    def test_fingerprint(self, tls_start, context, certs, version):
        server = tls_start("verify: true")
        client = server.connect(tls=context("client", high=version))
        peer = server.monitor.connection(client.cid, "auth=1")["tls_peer_certs"][0]
        assert peer["spki_sha256"] == certs.fingerprint("client")

    def test_missing(self, tls_start, context, version):
        server = tls_start("verify: true")
        client, error = attempt(server, context(high=version))
        assert error is not None
        handshake_line(server, "ERR", "tls: client didn't provide a certificate$")
        assert server.monitor.closed(client.cid)["reason"] == FAILURE

    @pytest.mark.parametrize("name, text", [
        ("client-other", r"certificate signed by unknown authority"),
        ("client-expired", r"certificate has expired or is not yet valid: current time \S+Z is "
                           r"after \S+Z"),
    ])
    def test_refused(self, tls_start, context, version, name, text):
        server = tls_start("verify: true")
        client, error = attempt(server, context(name, high=version))
        assert error is not None
        handshake_line(server, "ERR", "tls: failed to verify certificate: x509: " + text +
                       rf" \(CN={name},O=midge tests SHA-256: [0-9a-f]{{64}}.*\)$")
        assert server.monitor.closed(client.cid)["reason"] == FAILURE

    # Row 22: TestTLSVerifyClientCertificate: without ca_file the system's authorities count.
    def test_private_authority_without_ca_file(self, tls_start, context, version):
        server = tls_start("verify: true", ca=False)
        assert server.client().info["tls_verify"] is True
        _, error = attempt(server, context("client", high=version))
        assert error is not None
        handshake_line(server, "ERR", "tls: failed to verify certificate: x509: certificate signed "
                       "by unknown authority")


# Row 22, the other half: whom the machine believes is let in. Both programs read the usual variable. No
# authority is named to the clients: a store of hundreds would be a long letter.
@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_authority_of_the_system(tls_start, context, certs, version):
    server = tls_start("verify: true", ca=False, timeout=5, env={"SSL_CERT_FILE": certs.cert("ca")})
    server.connect(tls=context("client", high=version)).barrier()
    _, error = attempt(server, context("client-other", high=version))
    assert error is not None
    handshake_line(server, "ERR", "tls: failed to verify certificate: x509: certificate signed by unknown "
                   "authority")


# The line behind the reference's: which side refused, which certificate, which rule, what to do.
@pytest.mark.midge_only
@pytest.mark.parametrize("inside, client, options, verdict", [
    ("verify: true", None, {},
     r"certificate_missing, refused by ours; rule: verify is set: a client certificate is required; "
     r"remedy: .+"),
    ("verify: true", "client-other", {},
     r"unknown_authority, refused by ours, certificate CN=client-other,O=midge tests "
     r"SHA-256: [0-9a-f]{64}; rule: .+; remedy: .+"),
    ("verify: true", "client-expired", {},
     r"expired, refused by ours, certificate CN=client-expired,O=midge tests "
     r"SHA-256: [0-9a-f]{64}; rule: .+; remedy: .+"),
    ("min_version: \"1.3\"", None, {"high": V1_2},
     r"version, refused by ours; rule: .+; remedy: .+"),
])
def test_verdict(tls_start, context, inside, client, options, verdict):
    server = tls_start(inside)
    connection, error = attempt(server, context(client, **options))
    assert error is not None
    server.wait_log(rf"\[ERR\] \S+ - cid:{connection.cid} - TLS handshake verdict: {verdict}$")


@pytest.mark.midge_only
def test_verdict_of_a_refusing_client(tls_start, certs):
    server = tls_start()
    client, error = attempt(server, tls_context(certs.cert("other-ca")))
    assert error is not None
    server.wait_log(rf"\[ERR\] \S+ - cid:{client.cid} - TLS handshake verdict: peer_rejected, refused by "
                    r"peer, certificate CN=server,O=midge tests SHA-256: [0-9a-f]{64}; "
                    r"rule: the peer sent an alert; remedy: .+")


# 5.3: the alerts, as the peer's library names them.
@pytest.mark.parametrize("client, version, alert", [
    (None, V1_3, "certificate required"),
    ("client-other", V1_2, "unknown ca"), ("client-other", V1_3, "unknown ca"),
    ("client-expired", V1_2, "certificate expired"), ("client-expired", V1_3, "certificate expired"),
])
def test_alerts(tls_start, context, client, version, alert):
    server = tls_start("verify: true")
    # The server closes behind its alert; a client that was still writing may lose it to a reset.
    seen = []
    for _ in range(20):
        connection = server.client()
        try:
            connection.handshake(context(client, high=version))
            connection.socket.recv(1)
        except ssl.SSLError as error:
            seen.append(str(error))
            if alert in str(error):
                return
        except OSError as error:
            seen.append(str(error))
    raise AssertionError(seen)


# Without verify a client certificate is not asked for.
def test_certificate_is_not_asked_for(tls_start, context):
    server = tls_start()
    client = server.connect(tls=context("client"))
    assert "tls_peer_certs" not in server.monitor.connection(client.cid, "auth=1")


# 5.3: failures and what the log says of them.
class TestFailures:
    def test_peer_closes(self, tls_start):
        server = tls_start()
        client = server.client()
        client.close()
        handshake_line(server, "ERR", r"(EOF|read.*connection reset by peer)$")
        assert server.monitor.closed(client.cid)["reason"] == FAILURE

    def test_peer_closes_within_a_record(self, tls_start):
        server = tls_start()
        client = server.client()
        client.send(b"\x16\x03\x01")
        client.end_sending()
        client.drain_until_closed()
        handshake_line(server, "ERR", r"(unexpected )?EOF$")

    # Row 23: TestTLSConnectionTimeout; row 36: TestTLSHandshakeTimerTimeoutLogLevel; row 39
    @pytest.mark.parametrize("data", [b"", b"\x16", b"\x16\x03\x01\x00", b"GE"])
    def test_timeout(self, tls_start, data):
        server = tls_start(timeout=0.2)
        client = server.client()
        client.send(data)
        got = client.drain_until_closed()
        assert got in (b"", b"-ERR 'Secure Connection - TLS Required'\r\n"), got
        server.wait_log(rf"\[DBG\] \S+ - cid:{client.cid} - TLS handshake "
                        r"(timeout|error: read tcp \S+->\S+: i/o timeout)$")
        assert server.monitor.closed(client.cid)["reason"] == FAILURE
        assert server.monitor.varz()["slow_consumers"] == 0
        assert "[ERR]" not in server.log.text()

    # A timeout counts from the start; drops of bytes do not stretch it.
    def test_slow_handshake_is_cut(self, tls_start):
        server = tls_start(timeout=0.3)
        client = server.client()
        begin = time.monotonic()
        client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        while time.monotonic() - begin < 5:
            try:
                client.send(b"\x00")
            except OSError:
                break
            time.sleep(0.02)
        assert time.monotonic() - begin < 4
        assert server.monitor.closed(client.cid)["reason"] == FAILURE

    def test_sslv2(self, tls_start):
        server = tls_start()
        client = server.client()
        client.send(b"\x80\x2e\x01\x03\x00\x00\x15\x00\x00\x00\x10" + b"\x00" * 40)
        assert client.drain_until_closed() in (b"", b"\x15\x03\x01\x00\x02\x02\x46")
        handshake_line(server, "ERR", "tls: unsupported SSLv2 handshake received$")

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_old_version(self, tls_start, context):
        server = tls_start()
        old = context(low=ssl.TLSVersion.TLSv1, high=ssl.TLSVersion.TLSv1_1,
                      ciphers="ALL:@SECLEVEL=0")
        client, error = attempt(server, old)
        assert "alert protocol version" in str(error)
        handshake_line(server, "ERR",
                       r"tls: client offered only unsupported versions: \[302 301\]$")
        assert server.monitor.closed(client.cid)["reason"] == FAILURE

    # Row 11: TestTLSMinVersionConfig
    def test_min_version(self, tls_start, context):
        server = tls_start('min_version: "1.3"')
        _, error = attempt(server, context(high=V1_2))
        assert "alert protocol version" in str(error)
        handshake_line(server, "ERR", r"tls: client offered only unsupported versions: \[303")
        server.connect(tls=context()).barrier()

    def test_no_common_suite(self, tls_start, context):
        server = tls_start()
        _, error = attempt(server, context(high=V1_2, ciphers="ECDHE-RSA-AES128-GCM-SHA256"))
        assert "alert handshake failure" in str(error)
        handshake_line(server, "ERR", "tls: no cipher suite supported by both client and server")

    def test_client_refuses_the_server(self, tls_start, certs):
        server = tls_start()
        client, error = attempt(server, tls_context(certs.cert("other-ca"), high=V1_2))
        assert isinstance(error, ssl.SSLCertVerificationError)
        handshake_line(server, "ERR", "remote error: tls: unknown certificate authority$")
        assert server.monitor.closed(client.cid)["reason"] == FAILURE

    # A TLS 1.3 client sends its alert before it has keys in some libraries: the reference then says
    # "bad record MAC", midge the alert's name.
    def test_client_refuses_the_server_1_3(self, tls_start, certs):
        server = tls_start()
        client, error = attempt(server, tls_context(certs.cert("other-ca")))
        assert isinstance(error, ssl.SSLCertVerificationError)
        handshake_line(server, "ERR", dialect(
            reference=".+", midge="remote error: tls: unknown certificate authority$"))
        assert server.monitor.closed(client.cid)["reason"] == FAILURE

    # Row 35: a key that is not pinned
    def test_not_pinned(self, tls_start, context):
        server = tls_start(f'verify: true, pinned_certs: ["{"0" * 64}"]')
        client, error = attempt(server, context("client"))
        assert error is not None
        handshake_line(server, "ERR", "certificate not pinned$")
        assert server.monitor.closed(client.cid)["reason"] == FAILURE

    def test_pinned(self, tls_start, context, certs):
        server = tls_start(f'verify: true, pinned_certs: ["{certs.fingerprint("client")}"]')
        server.connect(tls=context("client")).barrier()

    # A failure is one connection's: the others do not notice.
    def test_others_do_not_notice(self, tls_start, context):
        server = tls_start()
        good = server.connect(tls=context())
        for _ in range(10):
            bad = server.client()
            bad.send(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")
            bad.drain_until_closed()
            good.barrier()


# TestTLSConnectionRate
def test_rate_limit(tls_start, context):
    def in_a_second():
        """The server, who of six came in, what another is told; on a busy machine they may take too long."""
        server = tls_start("connection_rate_limit: 3")
        begin, outcomes = time.monotonic(), []
        for _ in range(6):
            client = server.client()
            try:
                client.handshake(context())
                client.connect().barrier()
                outcomes.append(True)
            except (OSError, AssertionError):
                outcomes.append(False)
                assert server.monitor.closed(client.cid)["reason"] == "Maximum Connections Exceeded"
        told = server.client().drain_until_closed()
        return (server, outcomes, told) if time.monotonic() - begin < 1 else None

    server, outcomes, told = until(in_a_second, "seven connections within a second")
    assert outcomes == [True] * 3 + [False] * 3
    assert told == b"-ERR 'Connection throttling is active. Please try again later.'\r\n"
    server.wait_log(r"\[WRN\] Rejected \d+ connections due to TLS rate limiting$")


# Row 24: TestTLSAuthorizationShortTimeout: the login's timer does not write into the handshake.
def test_short_authentication_timeout(tls_start, context):
    server = tls_start("", "authorization { user: me, password: secret, timeout: 0.001 }")
    for _ in range(10):
        client = server.client(tls=context())
        assert client.drain_until_closed() == b"-ERR 'Authentication Timeout'\r\n"


# TestTLSBadAuthError
def test_wrong_password(tls_start, context):
    server = tls_start("", "authorization { user: me, password: secret }")
    client = server.client(tls=context())
    client.send('CONNECT {"user":"me","pass":"x"}\r\n')
    client.expect_fatal("Authorization Violation")


# Row 26: TestTLSStressConnect
def test_many_connects(tls_start, context):
    server = tls_start()
    shared = context()
    busy = server.connect(tls=shared)
    busy.send("SUB load 1\r\n")
    for _ in range(60):
        busy.send("PUB load 100\r\n" + "x" * 100 + "\r\n")
        with server.connect(tls=shared) as client:
            client.barrier()
    for _ in range(60):
        line = busy.line()
        if line == b"PING":  # a slow machine needs longer than the first ping interval
            line = busy.line()
        assert line == b"MSG load 1 100"
        busy.expect("x" * 100 + "\r\n")


def test_many_open_connections(tls_start, context):
    server = tls_start(timeout=20)
    shared = context()
    clients = [server.connect(tls=shared) for _ in range(50)]
    for client in clients:
        client.send("SUB all 1\r\n")
    for client in clients:
        client.barrier()
    clients[0].send("PUB all 2\r\nok\r\n")
    for client in clients:
        client.expect("MSG all 1 2\r\nok\r\n")
    assert server.monitor.varz()["connections"] == 50


# A session can be resumed; the resumed connection is as good as the first.
def test_resumption(tls_start, context):
    server = tls_start()
    shared = context(high=V1_2)
    first = server.client()
    first.handshake(shared)
    first.connect().barrier()
    second = server.client()
    second.socket = shared.wrap_socket(second.socket, server_hostname="localhost",
                                       session=first.socket.session)
    second.connect().barrier()
    assert second.socket.session_reused


# Row 28: TestTLSHandshakeFailureMemUsage, row 42: FuzzServerTLS
def test_junk_does_not_cost_memory(tls_start, context):
    server = tls_start()
    good = server.connect(tls=context())
    junk = os.urandom(1 << 20)
    for prefix in (b"", b"\x16\x03\x01\xff\xff", b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc"):
        for _ in range(10):
            bad = server.client()
            bad.try_send(prefix + junk)
            bad.close()
    good.barrier()
    assert server.monitor.varz()["mem"] < 50 << 20


# Closing: close_notify comes before the end of the stream.
@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_close_notify(tls_start, context, version):
    server = tls_start()
    shared = context(high=version)
    client = server.client()
    client.socket = shared.wrap_socket(client.socket, server_hostname="localhost",
                                       suppress_ragged_eofs=False)
    client.connect()
    client.send("BAD\r\n")
    client.expect_error("Unknown Protocol Operation")
    assert client.socket.recv(100) == b""


# Row 11, 31: a reload changes what new connections get.
def test_reload_of_certificate(tls_start, context, certs):
    server = tls_start()
    before = server.monitor.varz()["tls_cert_not_after"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", before)
    old = server.connect(tls=context())
    with open(server.config_path, encoding="utf-8") as file:
        config = file.read()
    server.rewrite(config.replace(certs.cert("server"), certs.cert("server-rsa"))
                   .replace(certs.key("server"), certs.key("server-rsa")))
    server.signal(1)
    server.wait_log(r"Reloaded: tls = enabled|Reloaded server configuration")
    server.wait_log(r"Reloaded server configuration")
    client = server.connect(tls=context(high=V1_2))
    assert "_RSA_" in server.monitor.connection(client.cid)["tls_cipher_suite"]
    old.barrier()


def test_failed_reload_keeps_the_last_good_one(tls_start, context, certs):
    server = tls_start()
    with open(server.config_path, encoding="utf-8") as file:
        config = file.read()
    server.rewrite(config.replace(certs.cert("server"), certs.path("gone.crt")))
    server.signal(1)
    server.wait_log(r"\[ERR\] Failed to reload server configuration: .*")
    server.connect(tls=context()).barrier()


# The reference lets the reload wait for them.
@pytest.mark.midge_only
def test_reload_that_ends_tls_while_clients_are_waited_for(tls_start):
    server = tls_start("handshake_first: \"2s\"")
    clients = [server.client(read_info=False) for _ in range(3)]
    server.wait_log(r"Client connection created", count=3)
    server.rewrite('debug: true\nlisten: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n')
    server.signal(1)
    server.wait_log(r"Reloaded server configuration")
    clients[0].send("PING\r\n")
    clients[1].send(b"\x16\x03\x01\x02\x00\x01")
    for client in clients:
        assert "tls_required" not in client.read_info()
    clients[0].expect("PONG\r\n")
    clients[1].expect_fatal("Unknown Protocol Operation")
    clients[2].barrier()


def test_varz(tls_start):
    varz = tls_start("verify: true").monitor.varz()
    assert varz["tls_required"] is True and varz["tls_verify"] is True and varz["tls_timeout"] == 5
    assert tls_start("", timeout=1.5).monitor.varz()["tls_timeout"] == 1.5
