# SPDX-License-Identifier: Apache-2.0
"""A certificate authority with intermediates whose certificates name an OCSP responder, and that responder,
over HTTP on the loopback. Every answer can be bent: status, times, signer, silence."""

import base64
import hashlib
import http.server
import pathlib
import subprocess
import threading
import time
import urllib.parse

from support import der
from support.deadline import LIMIT

GOOD, REVOKED, UNKNOWN = "good", "revoked", "unknown"
HOUR = 3600


def _openssl(*args, stdin=None):
    done = subprocess.run(["openssl", *[str(arg) for arg in args]], input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 0, f"openssl {args}: {done.stderr.decode()}"
    return done.stdout


def _checksum(data):
    """CRC-32C, masked as in Snappy's streams."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    crc ^= 0xffffffff
    return ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff


def cache_entry(subject, status, response):
    """An entry of cache.json; the response in one uncompressed chunk."""
    stream = (b"\xff\x06\x00\x00S2sTwO\x01" + (4 + len(response)).to_bytes(3, "little") +
              _checksum(response).to_bytes(4, "little") + response)
    return {"subject": subject, "cached_at": "2026-01-01T00:00:00Z", "resp_status": status,
            "resp_expires": "2026-01-02T00:00:00Z", "resp": base64.b64encode(stream).decode()}


class Answer:
    """What the responder says about the certificates of one issuer, or about one certificate. Times are
    in seconds from now; next_update None leaves it out."""

    def __init__(self, status=GOOD, this_update=-60, next_update=HOUR, signer=None, include=(),
                 http_status=200, body=None, hold=None):
        self.status, self.this_update, self.next_update = status, this_update, next_update
        self.signer, self.include = signer, include  # names of certificates; None: the issuer
        self.http_status, self.body = http_status, body
        self.hold = hold  # an Event: nothing is said before it is set


class Responder:
    """`answers[name]` is for the certificate of that name, else `answers["by ISSUER"]`, else good. URLs end in
    the issuer's name. `asked` counts the requests by name of the certificate."""

    def __init__(self, pki):
        self.pki = pki
        self.answers = {}
        self.asked = {}
        self.methods = []
        self.allowed = ("GET", "POST")
        self.changed = threading.Condition()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def url(self, issuer):
        return f"http://127.0.0.1:{self.port}/{issuer}"

    def close(self):
        for answer in self.answers.values():
            if answer.hold:
                answer.hold.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)

    def count(self, name=None):
        with self.changed:
            return self.asked.get(name, 0) if name else sum(self.asked.values())

    def wait_asked(self, name, count=1):
        with self.changed:
            assert self.changed.wait_for(lambda: self.asked.get(name, 0) >= count, LIMIT), \
                f"{name} was asked for {self.asked.get(name, 0)} times, not {count}"

    def _note(self, name, method):
        with self.changed:
            self.asked[name] = self.asked.get(name, 0) + 1
            self.methods.append(method)
            self.changed.notify_all()

    def _handler(self):
        responder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # pylint: disable=invalid-name
                issuer, _, text = self.path[1:].partition("/")
                self._answer(issuer, base64.b64decode(urllib.parse.unquote(text)))

            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(self.path[1:].strip("/"), body)

            def _answer(self, issuer, request):
                status, body = responder.answer(issuer, request, self.command)
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/ocsp-response")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # who asked has lost patience

            def log_message(self, *_):
                pass

        return Handler

    def answer(self, issuer, request, method):
        """(HTTP status, body)"""
        if method not in self.allowed:
            return 400, b""
        cert_id = self._cert_id(request)
        serial = int.from_bytes(der.children(der.children(cert_id)[0][1])[3][1], "big")
        name = self.pki.names.get(serial, "?")
        self._note(name, method)
        answer = self.answers.get(name) or self.answers.get("by " + issuer) or Answer()
        if answer.hold:
            answer.hold.wait(LIMIT)
        if answer.body is not None or answer.http_status != 200:
            return answer.http_status, answer.body or b""
        return 200, self.response(issuer, cert_id, answer)

    @staticmethod
    def _cert_id(request):
        """OCSPRequest { tbsRequest { [0] [1] requestList { Request { CertID"""
        to_be_signed = der.children(der.children(request)[0][1])[0][1]
        for tag, content, _ in der.children(to_be_signed):
            if tag == der.SEQUENCE:
                return der.children(der.children(content)[0][1])[0][2]
        raise AssertionError(f"no request in {request!r}")

    def response_about(self, name, answer=None):
        """What would be said about a certificate, unasked."""
        issuer = self.pki.issuers[name]
        return self.response(issuer, self._cert_id(self.pki.request(name)), answer or Answer())

    def response(self, issuer, cert_id, answer):
        now = int(time.time())
        signer = answer.signer or issuer
        status = {GOOD: der.encode(0x80), UNKNOWN: der.encode(0x82),
                  REVOKED: der.encode(0xa1, der.at(now - HOUR))}[answer.status]
        times = der.at(now + answer.this_update)
        if answer.next_update is not None:
            times += der.encode(0xa0, der.at(now + answer.next_update))
        data = der.encode(der.SEQUENCE,
                          der.encode(0xa2, der.encode(der.OCTETS, self.pki.key_hash(signer))),
                          der.at(now),
                          der.encode(der.SEQUENCE, der.encode(der.SEQUENCE, cert_id, status, times)))
        parts = [data, der.encode(der.SEQUENCE, der.oid("1.2.840.10045.4.3.2")),
                 der.encode(der.BITS, b"\0", self.pki.sign(signer, data))]
        if answer.include:
            certs = b"".join(self.pki.der(name) for name in answer.include)
            parts.append(der.encode(0xa0, der.encode(der.SEQUENCE, certs)))
        basic = der.encode(der.SEQUENCE, *parts)
        return der.encode(der.SEQUENCE, der.encode(der.ENUMERATED, b"\0"),
                          der.encode(0xa0, der.encode(der.SEQUENCE, der.oid("1.3.6.1.5.5.7.48.1.1"),
                                                      der.encode(der.OCTETS, basic))))


class Pki:
    """Files NAME.crt and NAME.key. `issue` makes more; a chain file holds the intermediates behind."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.names = {}  # by serial
        self.serial = 0x1000
        self.issuers = {}
        self.responder = Responder(self)
        self.issue("root", None, ca=True)

    def close(self):
        self.responder.close()

    def path(self, name):
        return str(self.directory / name)

    def cert(self, name):
        """The certificate, with its intermediates behind it."""
        return self.path(name + ".crt")

    def key(self, name):
        return self.path(name + ".key")

    def _extensions(self, issuer, ca, usage, san, urls, staple):
        lines = ["keyUsage=critical,keyCertSign,cRLSign,digitalSignature" if ca else
                 "keyUsage=digitalSignature",
                 "basicConstraints=critical,CA:" + ("TRUE" if ca else "FALSE")]
        if usage:
            lines.append("extendedKeyUsage=" + usage)
        if san:
            lines.append("subjectAltName=" + san)
        if staple:
            lines.append("tlsfeature=status_request")
        if urls is None:
            urls = [self.responder.url(issuer)] if issuer else []
        if urls:
            lines.append("authorityInfoAccess=" + ",".join(f"OCSP;URI:{url}" for url in urls))
        return "\n".join(lines) + "\n"

    def issue(self, name, issuer, ca=False, usage=None, san=None, urls=None, staple=False):
        """urls None: the issuer's responder; []: none."""
        self.serial += 1
        self.names[self.serial] = name
        self.issuers[name] = issuer
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                 self.key(name))
        request = _openssl("req", "-new", "-key", self.key(name), "-subj",
                           f"/O=midge tests/CN={name}")
        (self.directory / "ext").write_text(
            self._extensions(issuer, ca, usage, san, urls, staple), encoding="ascii")
        signer = (["-CA", self.path(issuer + ".leaf"), "-CAkey", self.key(issuer)] if issuer else
                  ["-signkey", self.key(name)])
        pem = _openssl("x509", "-req", *signer, "-set_serial", self.serial, "-days", "20",
                       "-extfile", self.path("ext"), stdin=request)
        (self.directory / (name + ".leaf")).write_bytes(pem)
        chain = b""
        while issuer and self.issuers[issuer]:  # the root is not sent
            chain += (self.directory / (issuer + ".leaf")).read_bytes()
            issuer = self.issuers[issuer]
        (self.directory / (name + ".crt")).write_bytes(pem + chain)
        return name

    def client(self, name, issuer="root", **options):
        return self.issue(name, issuer, usage="clientAuth", **options)

    def server(self, name, issuer="root", **options):
        return self.issue(name, issuer, usage="serverAuth,clientAuth",
                          san="DNS:localhost,IP:127.0.0.1", **options)

    def der(self, name):
        return _openssl("x509", "-in", self.path(name + ".leaf"), "-outform", "DER")

    def request(self, name):
        """An OCSP request for it, DER."""
        _openssl("ocsp", "-issuer", self.path(self.issuers[name] + ".leaf"), "-cert",
                 self.path(name + ".leaf"), "-no_nonce", "-reqout", self.path("request"))
        return (self.directory / "request").read_bytes()

    def fingerprint(self, name):
        """The key of the certificate in caches and logs."""
        return base64.b64encode(hashlib.sha256(self.der(name)).digest()).decode()

    def key_hash(self, name):
        public = _openssl("pkey", "-in", self.key(name), "-pubout", "-outform", "DER")
        bits = der.children(der.children(public)[0][1])[1][1]
        return hashlib.sha1(bits[1:]).digest()

    def sign(self, name, data):
        return _openssl("dgst", "-sha256", "-sign", self.key(name), stdin=data)
