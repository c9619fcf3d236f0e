# SPDX-License-Identifier: Apache-2.0
"""A client that speaks the wire protocol as bytes.

It knows nothing it was not told: tests send exact bytes and expect exact bytes. Silence is proved
by a barrier (PING, then nothing but the PONG), never by waiting a while.
"""

import json
import re
import socket
import ssl
import time

from support.deadline import Deadline

PING = b"PING\r\n"
CLOSED_ERRORS = (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


def tls_context(ca=None, cert=None, key=None, low=None, high=None, ciphers=None):
    """A client context; without `ca` the server's certificate is not checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        context.load_verify_locations(ca)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if low:
        context.minimum_version = low
    if high:
        context.maximum_version = high
    if ciphers:
        context.set_ciphers(ciphers)  # before the certificate: it may set the level of security
    if cert:
        context.load_cert_chain(cert, key)
    return context


class Client:
    """One connection.

    tls        an ssl context: INFO is read in plaintext, then the handshake is made
    tls_first  with tls: the handshake comes before the INFO
    read_info  False: nothing is read, the test does it
    """

    def __init__(self, host, port, tls=None, tls_first=False, name="localhost", read_info=True,
                 receive_buffer=None):
        self.buffer = b""
        self.info = None
        self.info_line = None
        self.name = name
        self.connected_at, self.pinged = time.monotonic(), False
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(Deadline().left())
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local = self.socket.getsockname()
        if tls and tls_first:
            self.handshake(tls)
        if read_info:
            self.read_info()
        if tls and not tls_first:
            self.handshake(tls)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def handshake(self, context):
        """Run the TLS handshake on this connection."""
        assert not self.buffer, f"bytes before the handshake: {self.buffer!r}"
        self.socket.settimeout(Deadline().left())
        self.socket = context.wrap_socket(self.socket, server_hostname=self.name)

    def close(self):
        self.socket.close()

    # Sending

    def send(self, *parts):
        """Write bytes (or text, as UTF-8) in one go."""
        self.socket.settimeout(Deadline().left())
        self.socket.sendall(b"".join(p.encode() if isinstance(p, str) else p for p in parts))

    def send_bytewise(self, data):
        """Write each byte in a segment of its own."""
        for index in range(len(data)):
            self.socket.sendall(data[index:index + 1])

    def try_send(self, data):
        """Write as long as the peer takes it; a closed connection is not an error here."""
        try:
            self.send(data)
        except (*CLOSED_ERRORS, ssl.SSLError):
            pass

    def end_sending(self):
        """Half-close: the server sees the end of the input."""
        self.socket.shutdown(socket.SHUT_WR)

    # Receiving

    def _fill(self, deadline):
        """Read some more; False at the end of the stream."""
        self.socket.settimeout(max(deadline.left(), 0.001))
        try:
            data = self.socket.recv(1 << 16)
        except (socket.timeout, TimeoutError):
            raise AssertionError(f"nothing came in time; unread: {self.buffer[:400]!r}") from None
        except CLOSED_ERRORS:
            return False
        self.buffer += data
        return bool(data)

    def read(self, count, seconds=None):
        """Exactly count bytes."""
        deadline = Deadline(seconds)
        while len(self.buffer) < count:
            assert self._fill(deadline), f"closed after {self.buffer[:400]!r}"
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_some(self):
        """What is there, at least one byte: for amounts that read() would copy too often."""
        if not self.buffer:
            assert self._fill(Deadline()), "closed"
        data, self.buffer = self.buffer, b""
        return data

    def line(self, seconds=None):
        """The next line without its CRLF."""
        deadline = Deadline(seconds)
        while b"\r\n" not in self.buffer:
            assert self._fill(deadline), f"closed after {self.buffer[:400]!r}"
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def read_info(self):
        """Read the INFO that starts a connection."""
        self.info_line = self.line()
        assert self.info_line.startswith(b"INFO {"), self.info_line
        self.info = json.loads(self.info_line[5:])
        return self.info

    def expect(self, *parts, seconds=None):
        """These bytes and no others come next.

        But for one PING of the server's own, which is due two seconds after the CONNECT and not before: a test
        that never takes so long otherwise may do so on a busy machine.
        """
        wanted = b"".join(p.encode() if isinstance(p, str) else p for p in parts)
        deadline = Deadline(seconds)
        while True:
            due = not self.pinged and time.monotonic() - self.connected_at >= 2
            if due and not wanted.startswith(PING) and self.buffer.startswith(PING):
                self.buffer, self.pinged = self.buffer[len(PING):], True
            if len(self.buffer) >= len(wanted) or not wanted.startswith(self.buffer):
                break
            assert self._fill(deadline), f"closed after {self.buffer!r}, wanted {wanted!r}"
        got = self.buffer[:len(wanted)]
        assert got == wanted, f"got {self.buffer[:400]!r}, wanted {wanted[:400]!r}"
        self.buffer = self.buffer[len(wanted):]

    def expect_line(self, pattern, seconds=None):
        """The next line matches the whole pattern (bytes); returns the match."""
        line = self.line(seconds)
        match = re.fullmatch(pattern, line, re.DOTALL)
        assert match, f"got {line!r}, wanted {pattern!r}"
        return match

    def expect_error(self, text):
        self.expect(f"-ERR '{text}'\r\n")

    def expect_closed(self, seconds=None):
        """The server closes, without a further byte."""
        deadline = Deadline(seconds)
        while self._fill(deadline):
            pass
        assert not self.buffer, f"bytes before the close: {self.buffer[:400]!r}"

    def drain_until_closed(self, seconds=None):
        """Everything up to the close."""
        deadline = Deadline(seconds)
        while self._fill(deadline):
            pass
        data, self.buffer = self.buffer, b""
        return data

    def expect_fatal(self, text):
        """This error and then the end."""
        self.expect_error(text)
        self.expect_closed()

    def barrier(self):
        """Everything sent so far is processed, and nothing came for it: PING brings just PONG."""
        self.send(b"PING\r\n")
        self.expect(b"PONG\r\n")

    expect_silence = barrier

    # Steps that most tests need

    def connect(self, **options):
        """CONNECT and PING up to the last answer. Quiet and modern unless told otherwise."""
        defaults = {"verbose": False, "pedantic": False, "protocol": 1, "headers": True,
                    "no_responders": True, "echo": True}
        defaults.update(options)
        wanted = {key: value for key, value in defaults.items() if value is not None}
        if "headers" in options and not options["headers"] and "no_responders" not in options:
            wanted["no_responders"] = False
        self.connected_at = time.monotonic()
        self.send("CONNECT ", json.dumps(wanted), "\r\nPING\r\n")
        if wanted.get("verbose", True):
            self.expect(b"+OK\r\n")
        self.expect(b"PONG\r\n")
        if wanted.get("protocol", 0) >= 1:
            line = self.line()
            assert line.startswith(b"INFO {"), line
            self.connect_info = json.loads(line[5:])
        return self

    @property
    def cid(self):
        return self.info["client_id"]

    def subscribe(self, subject, sid, queue=None):
        """SUB, and wait until it is in force."""
        self.send("SUB ", subject, f" {queue}" if queue else "", f" {sid}\r\n")
        self.barrier()

    def expect_msg(self, subject, sid, payload=b"", reply=None):
        if isinstance(payload, str):
            payload = payload.encode()
        middle = f" {reply}" if reply else ""
        self.expect(f"MSG {subject} {sid}{middle} {len(payload)}\r\n", payload, b"\r\n")
