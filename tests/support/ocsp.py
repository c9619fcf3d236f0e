# SPDX-License-Identifier: Apache-2.0
"""Authorities whose certificates name an OCSP responder, and that responder, over HTTP on the loopback. Every
answer can be bent: status, times, signer, silence.

Made with python3-cryptography: the openssl command can neither put seconds into nextUpdate nor sign as a
delegate of choice.
"""

import base64
import datetime
import hashlib
import http.server
import ipaddress
import pathlib
import ssl
import threading
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from support.deadline import LIMIT
from support.ports import OwnPort

HOLD_SECONDS = 60  # an answer held back outlasts every patience of the server; let_go() ends it

GOOD, REVOKED, UNKNOWN = "good", "revoked", "unknown"
HOUR = 3600

_STATUSES = {GOOD: ocsp.OCSPCertStatus.GOOD, REVOKED: ocsp.OCSPCertStatus.REVOKED,
             UNKNOWN: ocsp.OCSPCertStatus.UNKNOWN}
_USAGES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH,
           "ocsp": ExtendedKeyUsageOID.OCSP_SIGNING}


def _after(seconds):
    return datetime.datetime.utcnow().replace(microsecond=0) + datetime.timedelta(seconds=seconds)


def _name(common):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "midge tests"),
                      x509.NameAttribute(NameOID.COMMON_NAME, common)])


# ---- certificates -----------------------------------------------------------------------------------


class Identity:
    """A certificate and its key, in PEM files: `crt` with the chain behind it, `leaf` without, `key`."""

    def __init__(self, directory, name, cert, key, chain=()):
        self.directory = pathlib.Path(directory)
        self.name, self.cert, self.private = name, cert, key
        self.crt, self.leaf, self.key = (str(self.directory / f"{name}.{kind}")
                                         for kind in ("crt", "leaf", "key"))
        pems = [c.public_bytes(serialization.Encoding.PEM) for c in (cert, *(other.cert for other in chain))]
        pathlib.Path(self.leaf).write_bytes(pems[0])
        pathlib.Path(self.crt).write_bytes(b"".join(pems))
        pathlib.Path(self.key).write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                              serialization.NoEncryption()))
        pathlib.Path(self.key).chmod(0o600)

    @property
    def der(self):
        return self.cert.public_bytes(serialization.Encoding.DER)

    @property
    def sha256(self):
        return hashlib.sha256(self.der).hexdigest()

    @property
    def fingerprint(self):
        """What caches and logs call it."""
        return base64.b64encode(hashlib.sha256(self.der).digest()).decode()


class Authority(Identity):
    """A CA, its own root or below `issuer`, that issues into a directory. `issued`: by serial number."""

    def __init__(self, directory, name="ocsp-ca", issuer=None, url=None):
        key = ec.generate_private_key(ec.SECP256R1())
        extensions = [(x509.BasicConstraints(ca=True, path_length=None), True)]
        if url:
            extensions.append((_access(url), False))
        cert = _certificate(name, key, issuer, extensions)
        super().__init__(directory, name, cert, key)
        self.issued = {}
        if issuer:
            issuer.issued[cert.serial_number] = self

    def issue(self, name, url=None, must_staple=False, usage=("server", "client"), chain=(),
              dns="localhost", **validity):
        """One more. url: one responder or a list; chain: Identities to append to the file."""
        names = [x509.DNSName(dns), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        extensions = [(x509.BasicConstraints(ca=False, path_length=None), True),
                      (x509.SubjectAlternativeName(names), False)]
        if usage:
            extensions.append((x509.ExtendedKeyUsage([_USAGES[u] for u in usage]), False))
        if url:
            extensions.append((_access(*([url] if isinstance(url, str) else url)), False))
        if must_staple:
            extensions.append((x509.TLSFeature([x509.TLSFeatureType.status_request]), False))
        key = ec.generate_private_key(ec.SECP256R1())
        cert = _certificate(name, key, self, extensions, **validity)
        made = Identity(self.directory, name, cert, key, chain)
        if isinstance(self, Authority):
            self.issued[cert.serial_number] = made
        return made


def _access(*urls):
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.OCSP,
                                x509.UniformResourceIdentifier(url)) for url in urls])


def _certificate(common, key, issuer, extensions, begin=-HOUR, end=20 * 24 * HOUR):
    """issuer None: signed by itself."""
    subject = _name(common)
    builder = (x509.CertificateBuilder().subject_name(subject)
               .issuer_name(issuer.cert.subject if issuer else subject)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(_after(begin)).not_valid_after(_after(end))
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
    if issuer:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.private.public_key()), False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer.private if issuer else key, hashes.SHA256())


# ---- what is said about them ------------------------------------------------------------------------


class Answer:
    """Times are in seconds from now; next_update None leaves it out. signer: an Identity, or the name of one
    of the issuer's; None: the issuer. enclose: the signer's certificate goes along. body: bytes sent in place of any response.
    hold: an Event; nothing is said before it is set."""

    # pylint: disable=too-many-instance-attributes
    def __init__(self, status=GOOD, this_update=-60, next_update=HOUR, signer=None, enclose=True,
                 http_status=200, body=None, hold=None):
        self.status, self.this_update, self.next_update = status, this_update, next_update
        self.signer, self.enclose = signer, enclose
        self.http_status, self.body, self.hold = http_status, body, hold

    def response(self, serial, issuer, digest=None):
        """DER, about the certificate of that issuer and serial number; digest: of the CertID."""
        signer = self.signer or issuer
        if isinstance(signer, str):
            signer, = (made for made in issuer.issued.values() if made.name == signer)
        following = None if self.next_update is None else _after(self.next_update)
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=_stand_in(serial, issuer), issuer=issuer.cert, algorithm=digest or hashes.SHA1(),
            cert_status=_STATUSES[self.status], this_update=_after(self.this_update),
            next_update=following, revocation_reason=None,
            revocation_time=_after(-HOUR) if self.status == REVOKED else None)
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.cert)
        if signer is not issuer and self.enclose:
            builder = builder.certificates([signer.cert])
        return builder.sign(signer.private, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _stand_in(serial, issuer):
    """This version of the library takes a certificate, not the hashes of a request: any will do for a CertID."""
    return (x509.CertificateBuilder().subject_name(_name("any")).issuer_name(issuer.cert.subject)
            .public_key(issuer.private.public_key()).serial_number(serial)
            .not_valid_before(_after(0)).not_valid_after(_after(60))
            .sign(issuer.private, hashes.SHA256()))


class Responder(Answer):
    """Speaks for authorities: for one at `url`, for others at `url`/NAME. It is itself the answer about every
    certificate, but for those in `answers`: by name of the certificate, or "by ISSUER". Change all of it at any
    time.

    methods   those it answers; others get HTTP 400
    requests  [(method, path), ...]
    asked     {name of a certificate: how often}
    """

    # pylint: disable=too-many-instance-attributes
    def __init__(self, authority, tls=None):
        super().__init__(this_update=-10)
        self.authority, self.others = authority, {}
        self.answers, self.asked, self.requests = {}, {}, []
        self.methods = ("POST", "GET")
        self.changed = threading.Condition()
        self.scheme = "https" if tls else "http"
        self._server, self._tls = None, tls
        self._own = OwnPort()
        self.port = self._own.number
        self.start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def url_of(self, authority):
        self.others[authority.name] = authority
        return f"{self.url}/{authority.name}"

    def start(self):
        responder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            # pylint: disable=invalid-name
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                known = self.headers["Content-Type"] == "application/ocsp-request"
                self._serve(responder.part(self.path)[0], body if known else None)

            def do_GET(self):
                authority, text = responder.part(self.path)
                try:
                    body = base64.b64decode(urllib.parse.unquote(text), validate=True)
                except ValueError:
                    body = None
                self._serve(authority, body)

            def _serve(self, authority, body):
                status, answer = responder.serve(self.command, self.path, authority, body)
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/ocsp-response")
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # who asked has lost patience

            def log_message(self, *_):
                pass

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._tls.crt, self._tls.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02},
                         daemon=True).start()

    def stop(self):
        """Nobody listens from now on; start() goes on at the same port."""
        self.let_go()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def close(self):
        """The port may be another's from now on."""
        self.stop()
        self._own.close()

    def let_go(self):
        for answer in (self, *self.answers.values()):
            if answer.hold:
                answer.hold.set()

    def reset(self):
        """Nobody was asked about so far, and all get the same answer."""
        self.answers.clear()
        with self.changed:
            self.asked.clear()
            self.requests.clear()

    def revoke(self, identity):
        self.answers[identity.name] = Answer(REVOKED, self.this_update, self.next_update)

    def count(self, what=None):
        """Of all requests, those by a method, or those about a certificate."""
        with self.changed:
            if what is None or what in ("GET", "POST"):
                return sum(what in (None, method) for method, _ in self.requests)
            return self.asked.get(what, 0)

    def wait_asked(self, name, count=1):
        with self.changed:
            assert self.changed.wait_for(lambda: self.asked.get(name, 0) >= count, LIMIT), \
                f"{name} was asked for {self.asked.get(name, 0)} times, not {count}"

    def part(self, path):
        """(authority, what follows its part of a path)"""
        first, _, rest = path[1:].partition("/")
        if first in self.others:
            return self.others[first], rest
        return self.authority, rest if first == "ocsp" else path[1:]

    def serve(self, method, path, authority, body):
        """(HTTP status, body) for a request in DER, None: for rubbish."""
        request = None
        if body is not None and method in self.methods:
            try:
                request = ocsp.load_der_ocsp_request(body)
            except ValueError:
                pass
        known = authority.issued.get(request.serial_number) if request else None
        name = known.name if known else "?"
        with self.changed:
            self.requests.append((method, path))
            self.asked[name] = self.asked.get(name, 0) + 1
            self.changed.notify_all()
        answer = self.answers.get(name) or self.answers.get("by " + authority.name) or self
        if answer.hold:
            answer.hold.wait(HOLD_SECONDS)
        if request is None:
            return 400, b""
        if answer.body is not None or answer.http_status != 200:
            return answer.http_status, answer.body or b""
        return 200, answer.response(request.serial_number, authority, request.hash_algorithm)


class Pki:
    """A root, intermediates, and certificates by name, all of which name one responder unless told otherwise."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.root = Authority(directory, "root")
        self.all = {"root": self.root}
        self.responder = Responder(self.root)

    def close(self):
        self.responder.close()

    def middle(self, name):
        self.all[name] = Authority(self.directory, name, self.root, self.responder.url_of(self.root))
        return self.all[name]

    def issue(self, name, usage, issuer="root", urls=None, **options):
        """urls None: the issuer's responder; []: none."""
        authority = self.all[issuer]
        if urls is None:
            urls = [self.responder.url_of(authority)]
        self.all[name] = authority.issue(name, url=urls, usage=usage, **options,
                                         chain=[] if authority is self.root else [authority])
        return self.all[name]

    def client(self, name, issuer="root", **options):
        return self.issue(name, ("client",), issuer, **options)

    def server(self, name, **options):
        return self.issue(name, ("server", "client"), **options)

    def cert(self, name):
        """The certificate, with its intermediates behind it."""
        return self.all[name].crt

    def leaf(self, name):
        return self.all[name].leaf

    def key(self, name):
        return self.all[name].key

    def fingerprint(self, name):
        return self.all[name].fingerprint

    def response_about(self, name, answer=None):
        """What would be said about a certificate of the root, unasked."""
        return (answer or Answer()).response(self.all[name].cert.serial_number, self.root)


# ---- the cache's file -------------------------------------------------------------------------------


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
