# SPDX-License-Identifier: Apache-2.0
"""Records behind the handshake, with peers that cut, pad, limit, rekey or break them."""

import json
import ssl
import subprocess
import threading

import pytest

from support.client import tls_context
from support.deadline import Deadline, until

V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture
def tls_server(start, certs):
    return start(f'tls {{ cert_file: "{certs.cert("server")}"\nkey_file: "{certs.key("server")}"\n'
                 'timeout: 5, handshake_first: true }\n')


class InMemory:
    """A TLS client whose records the test carries, so that it can join and break them."""

    def __init__(self, server, context, shake=True):
        self.wire = server.client(read_info=False)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        if shake:
            self.do(self.tls.do_handshake)

    def do(self, step, *args):
        """Repeat a step, with what the server says, until it succeeds or fails."""
        deadline = Deadline()
        while True:
            try:
                return step(*args)
            except ssl.SSLWantReadError:
                self.flush()
                self.take(deadline)

    def take(self, deadline):
        """Wait for something that the server says."""
        self.wire.socket.settimeout(max(deadline.left(), 0.001))
        data = self.wire.socket.recv(1 << 16)
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def shaken(self):
        """Go on with the handshake as far as it gets; is it done?"""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def record(self, data):
        """The bytes of a record with this data, not sent."""
        self.tls.write(data)
        return self.outgoing.read()

    def flush(self):
        self.wire.send(self.outgoing.read())

    def read_to(self, end):
        data = b""
        while not data.endswith(end):
            more = self.do(self.tls.read, 1 << 16)
            assert more, f"closed behind {data!r}"
            data += more
        return data


def send_in_turn(clients, size):
    """What each wants to say, in pieces of this size: one of each, then the next of each."""
    flights = [client.outgoing.read() for client in clients]
    for at in range(0, max(map(len, flights)), size):
        for client, flight in zip(clients, flights):
            client.wire.send(flight[at:at + size])


# Nobody's piece may get into another's handshake, nor be lost while that one goes on.
@pytest.mark.parametrize("size", [1, 13])
@pytest.mark.parametrize("version, more", [(V1_2, ""), (V1_3, ""), (V1_3, "verify: true")])
def test_handshakes_in_pieces_at_once(start, certs, version, more, size):
    server = start(f'tls {{ cert_file: "{certs.cert("server")}"\nkey_file: "{certs.key("server")}"\n'
                   f'ca_file: "{certs.cert("ca")}"\n{more}\ntimeout: 10, handshake_first: true }}\n')
    mine = (certs.cert("client"), certs.key("client")) if more else ()
    context = tls_context(certs.cert("ca"), *mine, low=version, high=version)
    clients = [InMemory(server, context, shake=False) for _ in range(6)]
    waiting, deadline = clients, Deadline()
    while waiting:
        left = [client for client in waiting if not client.shaken()]
        send_in_turn(waiting, size)
        for client in left:
            client.take(deadline)
        waiting = left
    for client in clients:
        assert client.read_to(b"\r\n").startswith(b"INFO {")
        client.tls.write(b'CONNECT {"verbose":false}\r\nPING\r\n')
    send_in_turn(clients, size)
    for client in clients:
        assert client.read_to(b"\r\n") == b"PONG\r\n"


# What came before the end counts, and the end is seen at once: the peer need not send or close anything.
@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_broken_record_behind_a_good_one(tls_server, certs, version):
    context = tls_context(certs.cert("ca"), low=version, high=version)
    witness = tls_server.client(tls=context, tls_first=True).connect()
    witness.subscribe("x", 1)
    client = InMemory(tls_server, context)
    cid = json.loads(client.read_to(b"\r\n")[5:])["client_id"]
    good = client.record(b'CONNECT {"verbose":false}\r\nPUB x 2\r\nhi\r\n')
    bad = bytearray(client.record(b"PUB x 3\r\nbad\r\n"))
    bad[-1] ^= 1
    client.wire.send(good + bytes(bad))
    witness.expect_msg("x", 1, b"hi")
    witness.barrier()
    with pytest.raises(ssl.SSLError, match="BAD_RECORD_MAC"):
        client.read_to(b"never")
    assert tls_server.monitor.closed(cid)["reason"] == "Read Error"


class OpenSSL:
    """`openssl s_client`, line by line."""

    def __init__(self, server, certs, *options):
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-brief", "-CAfile",
             certs.cert("ca"), "-verify_return_error", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.text, self.ended = b"", False
        self.reader = threading.Thread(target=self._collect, daemon=True)
        self.reader.start()

    def _collect(self):
        while data := self.process.stdout.read1(1 << 16):
            self.text += data
        self.ended = True

    def send(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait(self, text, count=1):
        until(lambda: self.text.count(text) >= count or self.ended, f"{count} times {text!r}")
        assert self.text.count(text) == count, self.text[-500:]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]


# "k" changes the client's key, "K" asks the server for the same.
@pytest.mark.parametrize("suite", SUITES)
def test_key_updates(tls_server, certs, suite):
    with OpenSSL(tls_server, certs, "-ciphersuites", suite) as client:
        client.wait(b"INFO {")
        client.send(b'CONNECT {"verbose":false}\r\nPING\r\n')
        client.wait(b"PONG\r\n")
        for i, command in enumerate([b"k", b"K", b"K", b"k"], 1):
            client.send(command + b"\n")
            client.wait(b"KEYUPDATE", i)
            client.send(b"PING\r\n")
            client.wait(b"PONG\r\n", i + 1)


# The payload goes both ways whole, whatever records the client makes of it or wants.
@pytest.mark.parametrize("options", [
    ["-record_padding", "512"], ["-record_padding", "16384"], ["-max_send_frag", "512"],
    ["-split_send_frag", "512", "-max_pipelines", "1"], ["-maxfraglen", "512"],
    ["-maxfraglen", "4096", "-tls1_2"]], ids=" ".join)
def test_record_sizes(tls_server, certs, options):
    payload = b"".join(b"%07d," % i for i in range(25000))
    with OpenSSL(tls_server, certs, *options) as client:
        client.wait(b"INFO {")
        client.send(b'CONNECT {"verbose":false}\r\nSUB x 1\r\nPUB x 200000\r\n' + payload
                    + b"\r\nPING\r\n")
        client.wait(b"PONG\r\n")
        assert b"MSG x 1 200000\r\n" + payload + b"\r\nPONG\r\n" in client.text
