# SPDX-License-Identifier: Apache-2.0
"""Storms of connections that will not do, of all kinds at once: counted to the last, kept out of the log and of
memory, and no hindrance to those who will."""

import collections
import socket
import ssl
import threading

import pytest

from support.client import tls_context
from support.deadline import LIMIT, until
from support.dialect import is_instrumented, is_midge

ROUNDS = 40  # of each kind
HELLO = (b"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03" + bytes(32) + b"\x20" + bytes(32) +
         b"\x00\x02\x13\x01\x01\x00\x00\xa9")


def drained(client):
    """Until the server has closed: then it has made up its mind."""
    try:
        client.drain_until_closed()
    except OSError:
        pass
    client.close()


def say(data):
    def one(server):
        client = server.client()
        client.try_send(data)
        try:
            client.end_sending()
        except OSError:
            pass  # it was quicker
        drained(client)
    return one


def shake(context):
    def one(server):
        client = server.client()
        with pytest.raises((OSError, AssertionError)):
            client.handshake(context)
            client.connect()
        client.close()
    return one


def first_flight():
    """A whole ClientHello."""
    outgoing, incoming = ssl.MemoryBIO(), ssl.MemoryBIO()
    shaking = tls_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        shaking.do_handshake()
    return outgoing.read()


def leave_in_the_middle(server):
    """The server's answer is read, and not answered."""
    client = server.client()
    client.send(first_flight())
    client.read(100)
    client.end_sending()
    drained(client)


def storm(server, kinds):
    """Every kind so many times, from as many threads; whatever happens in one of them is raised here."""
    errors = []

    def run(one):
        try:
            for _ in range(ROUNDS):
                one(server)
        except BaseException as error:  # pylint: disable=broad-except
            errors.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in kinds]
    for thread in threads:
        thread.start()
    yield threads
    for thread in threads:
        thread.join()
    assert not errors, errors


def is_raging(threads):
    return any(thread.is_alive() for thread in threads)


def line_of(client):
    """The next line that is not the server's PING."""
    line = client.line()
    while line == b"PING":
        line = client.line()
    return line


def serves(client):
    client.send("PUB good 2\r\nok\r\n")
    assert (line_of(client), client.line()) == (b"MSG good 1 2", b"ok")


# More than a gigabyte would be needed if a failed handshake kept its session; a sanitizer keeps what was freed.
GROWTH_MAX = 200 << 20


@pytest.mark.parametrize("high", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_bad_handshakes(start, certs, high):
    certs.issue("client-of-servers", "ca", "only-server")
    server = start(f'tls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}", '
                   f'ca_file: "{certs.cert("ca")}", verify: true, timeout: 20 }}\n')

    def context(name=None, authority=None):
        pair = (certs.cert(name), certs.key(name)) if name else (None, None)
        return tls_context(certs.cert(authority) if authority else None, *pair, high=high)

    good = context("client", "ca")
    kinds = [
        (shake(context("client-expired")), "expired"),
        (shake(context("client-other")), "unknown_authority"),
        (shake(context("client-of-servers")), "key_usage"),
        (shake(context()), "certificate_missing"),
        (shake(context("client", "other-ca")), "peer_rejected"),
        (leave_in_the_middle, "eof"),
        (say(HELLO[:60]), "eof"),
        (say(b"\x16\x03\x01\x00\x05\x0e\x00\x00\x01x"), "protocol"),
        (say(bytes(range(100))), "not_tls"),
        (say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "http"),
        (say(b'CONNECT {"verbose":false}\r\nPING\r\n'), "plain_nats"),
        (say(b""), "probe"),
    ]
    there = server.connect(tls=good)
    there.subscribe("good", 1)
    before = server.monitor.varz()
    connected = 0
    for threads in storm(server, [one for one, _ in kinds]):
        while is_raging(threads):
            serves(there)
            server.connect(tls=good).close()
            connected += 1
    serves(there)
    after = server.monitor.wait_varz(lambda varz: varz["connections"] == 1, "the others are gone")
    assert connected > 0
    assert after["total_connections"] == 1 + connected + ROUNDS * len(kinds)
    assert after["mem"] - before["mem"] < GROWTH_MAX
    closed = server.monitor.connz("state=closed&limit=10000")["connections"]
    assert sum(entry["reason"] == "TLS Handshake Failure" for entry in closed) == ROUNDS * len(kinds)
    if not is_midge():
        return

    # Each is counted, by its reason.
    noise = ("not_tls", "http", "probe")
    expected = collections.Counter()
    for _, reason in kinds:
        expected[reason] += ROUNDS
    handshakes = after["tls_handshakes"]
    assert handshakes["failed_by_reason"] == {r: n for r, n in expected.items() if r not in noise}
    assert handshakes["probes_by_reason"] == {r: n for r, n in expected.items() if r in noise}
    # They are in the ring, folded, a moment after they were counted.
    def listed():
        page, ring = server.monitor.get("/tlsz"), collections.Counter()
        for entry in page["failures"] + page["probes"]:
            ring[entry["reason"]] += entry["count"]
        return ring == expected and page

    page = until(listed, "all are listed")
    assert {entry["reason"] for entry in page["failures"]} == expected.keys() - set(noise)
    assert {entry["reason"] for entry in page["probes"]} == set(noise)
    assert len(page["failures"]) < 20 and len(page["probes"]) < 20
    # And in the log a few of each: ten a minute of one kind and address, on each loop.
    server.stop()  # all lines are written
    verdicts = collections.Counter(
        text.split("TLS handshake verdict: ")[1].split(",")[0]
        for level, text in server.entries() if level == "ERR" and "TLS handshake verdict: " in text)
    loops = after["cores"]
    assert verdicts.keys() == {"expired", "unknown_authority", "key_usage", "certificate_missing",
                               "peer_rejected", "eof", "protocol", "probe"}
    assert max(verdicts.values()) <= 20 * loops


# Who never answers costs a connection for `timeout`, and is no news.
def test_silent_handshakes(start, certs):
    server = start(f'tls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}", '
                   'timeout: 1 }\n')
    good = tls_context(certs.cert("ca"))
    there = server.connect(tls=good)
    there.subscribe("good", 1)
    silent = [server.client() for _ in range(100)]
    for client in silent[:50]:
        client.send(HELLO[:60])
    serves(there)
    for client in silent:
        drained(client)
    serves(there)
    after = server.monitor.wait_varz(lambda varz: varz["connections"] == 1, "the others are gone")
    if is_midge():
        assert after["tls_handshakes"]["failed_by_reason"] == {"timeout": 100}
        assert "timeout" not in server.log.text()  # but with debug
    server.connect(tls=good).barrier()


# TLS where there is none: the first bytes are no operation.
def test_tls_to_the_plain_port(start):
    server = start()
    there = server.connect()
    there.subscribe("good", 1)
    before = server.monitor.varz()["mem"]

    def one(server):
        with socket.create_connection((server.host, server.port), LIMIT) as sock:
            with pytest.raises(OSError):
                tls_context().wrap_socket(sock, server_hostname="localhost")

    for threads in storm(server, [one] * 8):
        while is_raging(threads):
            serves(there)
            server.connect().close()
    serves(there)
    after = server.monitor.wait_varz(lambda varz: varz["connections"] == 1, "the others are gone")
    assert after["mem"] - before < GROWTH_MAX
    assert "tls_handshakes" not in after
    server.stop()  # all lines are written
    told = [text for level, text in server.entries()
            if level == "ERR" and " parser ERROR" in text and r"\x16\x03" in text]
    if not is_midge():
        assert len(told) == 8 * ROUNDS  # the reference tells them all
        return
    assert 1 <= len(told) <= 10 * after["cores"]
    server.wait_log(r"\[ERR\] .* - cid:\d+ - a TLS handshake on a port without TLS: give the client a nats:// "
                    r"URL, or this server a tls map$", len(told))


@pytest.mark.midge_only
def test_http_to_the_client_port(start):
    server = start("loops: 1")
    one = say(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    for _ in range(30):
        one(server)
    server.connect().barrier()
    server.stop()  # all lines are written
    lines = [text for level, text in server.entries() if level == "ERR"]
    assert [("HTTP on the client port: /healthz is on the monitoring port" in line,
             "parser ERROR: unknown operation in" in line) for line in lines] == [
        (True, False), (False, True)] * 10


# NATS and HTTP where there must be TLS, by the thousand: no ERR line at all.
def test_plain_to_the_tls_port(start, certs):
    server = start(f'tls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}", '
                   'timeout: 20 }\n')
    there = server.connect(tls=tls_context(certs.cert("ca")))
    there.subscribe("good", 1)
    kinds = [say(b'CONNECT {"verbose":false}\r\nPING\r\n'), say(b"GET / HTTP/1.0\r\n\r\n"),
             say(b"PUB good 2\r\nno\r\n")]
    for threads in storm(server, kinds * 3):
        while is_raging(threads):
            serves(there)
    serves(there)
    after = server.monitor.wait_varz(lambda varz: varz["connections"] == 1, "the others are gone")
    if is_midge():
        handshakes = after["tls_handshakes"]
        assert handshakes["failed_by_reason"] == {"plain_nats": 6 * ROUNDS}
        assert handshakes["probes_by_reason"] == {"http": 3 * ROUNDS}
        assert not [text for level, text in server.entries() if level == "ERR"]


@pytest.mark.slow
@pytest.mark.midge_only
def test_memory_of_a_storm_goes_back(start, certs):
    """Thousands of handshakes that were begun together, and left: when it is quiet, the system has their memory."""
    server = start(f'tls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}", '
                   'timeout: 60 }\n')
    if is_instrumented():
        pytest.skip("a sanitizer keeps what was freed")
    before = server.monitor.varz()["mem"]
    hello = first_flight()
    clients = [server.client() for _ in range(1500)]
    for client in clients:
        client.send(hello)
    for client in clients:
        client.read(100)
    peak = server.monitor.varz()["mem"]
    assert peak - before > 15 << 20
    for client in clients:
        client.close()
    server.monitor.wait_varz(lambda varz: varz["connections"] == 0, "all have left")
    until(lambda: server.monitor.varz()["mem"] - before < (peak - before) / 3, "it is given back", seconds=30)
    server.connect(tls=tls_context(certs.cert("ca"))).barrier()
