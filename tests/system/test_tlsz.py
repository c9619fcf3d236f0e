# SPDX-License-Identifier: Apache-2.0
"""/tlsz: what is served, and why handshakes failed. No other NATS server has it."""

import hashlib
import socket
import ssl

import pytest

from support.client import tls_context
from support.deadline import until

pytestmark = pytest.mark.midge_only

V1_2 = ssl.TLSVersion.TLSv1_2


@pytest.fixture
def secure(start, certs):
    def factory(inside="", outside="", **options):
        return start(f'{outside}\ntls {{\n  cert_file: "{certs.cert("server")}"\n'
                     f'  key_file: "{certs.key("server")}"\n  ca_file: "{certs.cert("ca")}"\n'
                     f'  timeout: 5\n  {inside}\n}}\n', **options)
    return factory


def sha256(certs, name):
    with open(certs.cert(name), encoding="ascii") as file:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()


def page_when(server, condition, query=""):
    def check():
        page = server.monitor.get("/tlsz" + query)
        return page if condition(page) else None
    return until(check, "the page shows it")


def listed(page, kind="failures"):
    """How many handshakes the entries stand for: they are counted on their loops, and listed a moment later."""
    return sum(entry["count"] for entry in page[kind])


def counts(page, kind="failed"):
    return page["handshakes"][f"{kind}_by_reason"]


def try_tls(server, context):
    client = server.client()
    try:
        client.handshake(context)
        client.connect()
    except (OSError, AssertionError):
        pass
    return client


def test_contexts(secure, certs):
    page = secure("verify: true\n min_version: \"1.3\"").monitor.get("/tlsz")
    assert list(page) == ["server_id", "now", "contexts", "handshakes", "offset", "limit", "failures",
                          "probes", "total"]
    context, = page["contexts"]
    assert context["listener"] == "client" and context["verify"] is True
    assert context["min_version"] == "1.3" and context["handshake_first"] is False
    cert, = context["certificates"]
    assert cert["subject"] == "CN=server,O=midge tests" and cert["issuer"] == "CN=ca,O=midge tests"
    assert cert["names"] == ["localhost", "127.0.0.1", "::1"]
    assert cert["key"] == "ECDSA P-256" and cert["cert_sha256"] == sha256(certs, "server")
    assert cert["cert_file"] == certs.cert("server") and cert["intermediates"] == 0
    authority, = context["authorities"]
    assert authority["subject"] == "CN=ca,O=midge tests" and context["authority_count"] == 1
    assert context["files"] == {"watched": True, "taken": 0, "refused": 0}


def test_without_tls(server):
    page = server.monitor.get("/tlsz")
    assert page["contexts"] == [] and page["failures"] == [] and page["handshakes"]["failed"] == 0
    assert "tls_handshakes" not in server.monitor.varz()


def test_missing_client_certificate(secure):
    server = secure("verify: true")
    client = try_tls(server, tls_context())
    page = page_when(server, lambda page: page["failures"])
    failure, = page["failures"]
    assert {key: failure[key] for key in ("reason", "side", "error", "listener", "ip", "port", "cid",
                                          "count", "server_name")} == {
        "reason": "certificate_missing", "side": "ours",
        "error": "tls: client didn't provide a certificate", "listener": "client",
        "ip": "127.0.0.1", "port": client.local[1], "cid": client.info["client_id"], "count": 1,
        "server_name": "localhost"}
    assert failure["remedy"] == "give the client a certificate and key signed by ca_file"
    assert failure["first"] == failure["last"]
    assert counts(page) == {"certificate_missing": 1}
    assert server.monitor.varz()["tls_handshakes"] == page["handshakes"]


@pytest.mark.parametrize("client, reason", [
    ("client-other", "unknown_authority"), ("client-expired", "expired")])
def test_certificate_facts(secure, certs, client, reason):
    server = secure("verify: true")
    try_tls(server, tls_context(None, certs.cert(client), certs.key(client)))
    failure, = page_when(server, lambda page: page["failures"])["failures"]
    assert failure["reason"] == reason
    certificate = failure["certificate"]
    assert certificate["subject"] == f"CN={client},O=midge tests"
    assert certificate["issuer"] == f"CN={'other-ca' if 'other' in client else 'ca'},O=midge tests"
    assert certificate["cert_sha256"] == sha256(certs, client)
    assert certificate["not_before"] < certificate["not_after"]


def test_peer_that_refuses_us(secure, certs):
    server = secure()
    try_tls(server, tls_context(certs.cert("other-ca")))
    failure, = page_when(server, lambda page: page["failures"])["failures"]
    assert (failure["reason"], failure["side"]) == ("peer_rejected", "peer")
    assert (failure["alert"], failure["alert_name"]) == (48, "unknown certificate authority")
    assert failure["certificate"]["cert_sha256"] == sha256(certs, "server")


def test_old_client(secure):
    server = secure('min_version: "1.3"')
    try_tls(server, tls_context(high=V1_2))
    failure, = page_when(server, lambda page: page["failures"])["failures"]
    assert failure["reason"] == "version" and failure["alert_name"] == "protocol version not supported"
    assert failure["server_name"] == "localhost"


@pytest.mark.parametrize("sent, kind, reason", [
    (b"", "probes", "probe"),
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "probes", "http"),
    (b"\x00\x01\x02\x03\x04\x05", "probes", "not_tls"),
    (b'CONNECT {"verbose":false}\r\nPING\r\n', "failures", "plain_nats"),
    (b"\x16\x03\x01\x02\x00", "failures", "eof"),
])
def test_who_is_no_tls_client(secure, sent, kind, reason):
    server = secure()
    client = server.client()
    client.send(sent)
    client.end_sending()
    page = page_when(server, lambda page: page[kind])
    assert [entry["reason"] for entry in page[kind]] == [reason]
    assert page["failures" if kind == "probes" else "probes"] == []
    assert counts(page, "probes" if kind == "probes" else "failed") == {reason: 1}


def probe(server):
    """Open and leave, as a TCP health check does: the unread INFO makes it a reset."""
    with socket.create_connection((server.host, server.port)):
        pass


def test_health_checks_do_not_fill_the_log(secure):
    server = secure(outside="debug: true")
    for _ in range(30):
        probe(server)
    page = page_when(server, lambda page: listed(page, "probes") == 30)
    entry, = page["probes"]
    assert entry["count"] == 30 and entry["reason"] == "probe" and entry["first"] < entry["last"]
    assert counts(page, "probes") == {"probe": 30} and page["handshakes"]["failed"] == 0
    loops = server.monitor.varz()["cores"]
    server.stop()  # all lines are written
    lines = [text for level, text in server.entries() if level == "ERR"]
    # One line of each kind (EOF, reset) on each loop at most, not one for each probe.
    assert 2 <= len(lines) <= 4 * loops, lines
    assert any("TLS handshake verdict: probe, refused by network" in line for line in lines)


def test_storm_is_folded(secure, certs):
    """The same bad client again and again: ten lines a minute, and all of them counted."""
    server = secure("verify: true", "loops: 1")
    bad = tls_context(None, certs.cert("client-other"), certs.key("client-other"))
    for _ in range(25):
        try_tls(server, bad).close()
    page = page_when(server, lambda page: listed(page) == 25)
    assert counts(page) == {"unknown_authority": 25}
    assert [entry["count"] for entry in page["failures"]] == [25]
    server.stop()  # all lines are written
    errors = [text for level, text in server.entries()
              if level == "ERR" and "TLS handshake error:" in text]
    assert len(errors) == 10


def test_paging_and_filter(secure, certs):
    server = secure("verify: true")
    for number in range(3):
        client = server.client(name=f"host{number}.example.com")
        context = tls_context()
        try:
            client.handshake(context)
            client.connect()
        except (OSError, AssertionError):
            pass
        page_when(server, lambda page, n=number: listed(page) == n + 1)
    names = ["host2.example.com", "host1.example.com", "host0.example.com"]
    monitor = server.monitor
    assert [f["server_name"] for f in monitor.get("/tlsz")["failures"]] == names
    page = monitor.get("/tlsz?limit=1&offset=1")
    assert [f["server_name"] for f in page["failures"]] == names[1:2]
    assert (page["limit"], page["offset"], page["total"]) == (1, 1, 3)
    assert monitor.get("/tlsz?reason=expired")["failures"] == []
    assert monitor.get("/tlsz?reason=certificate_missing")["total"] == 3
    reply = monitor.request("/tlsz?limit=x")
    assert reply.status == 400 and b"limit" in reply.body
    assert monitor.varz()["http_req_stats"]["/tlsz"] > 5


def test_https_monitoring(start, certs):
    server = start('listen: "127.0.0.1:-1"\nhttps: "127.0.0.1:-1"\ntls {\n'
                   f'  cert_file: "{certs.cert("server")}"\n  key_file: "{certs.key("server")}"\n}}\n',
                   base=False)
    port = server.monitor.port
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.sendall(b"GET /varz HTTP/1.1\r\n\r\n")
        while plain.recv(4096):
            pass
    with pytest.raises(ssl.SSLError):
        context = tls_context(certs.cert("other-ca"))
        with socket.create_connection(("127.0.0.1", port)) as sock:
            context.wrap_socket(sock, server_hostname="localhost")
    page = page_when(server, lambda page: page["failures"] and page["probes"])
    assert [(f["reason"], f["listener"]) for f in page["failures"]] == [("peer_rejected", "monitoring")]
    assert [(f["reason"], f["listener"]) for f in page["probes"]] == [("http", "monitoring")]
    assert "cid" not in page["failures"][0]


def test_many_kinds_stay_bounded(secure):
    server = secure("verify: true")
    for number in range(300):
        client = server.client(name=f"h{number}.example.com")
        try:
            client.handshake(tls_context())
            client.connect()
        except (OSError, AssertionError):
            pass
        client.close()
    page = page_when(server, lambda page: page["failures"] and
                     page["failures"][0]["server_name"] == "h299.example.com")
    assert page["handshakes"]["failed"] == 300
    assert page["total"] == len(page["failures"]) == 256
