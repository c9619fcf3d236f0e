# SPDX-License-Identifier: Apache-2.0
"""An OCSP responder on loopback, and certificates that name it.

`Authority` issues certificates; `Responder` answers over HTTP about those of one authority, as each test
wants it, and counts what it was asked. Both are made with python3-cryptography: the openssl command can
neither put seconds into nextUpdate nor sign as a delegate of choice.
"""

import base64
import datetime
import hashlib
import http.server
import ssl
import threading
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

GOOD = ocsp.OCSPCertStatus.GOOD
REVOKED = ocsp.OCSPCertStatus.REVOKED
UNKNOWN = ocsp.OCSPCertStatus.UNKNOWN


def _now():
    return datetime.datetime.utcnow().replace(microsecond=0)


def _seconds(number):
    return datetime.timedelta(seconds=number)


def _name(common):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "midge tests"),
                      x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _key_file(path, key):
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM,
                                       serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()))
    path.chmod(0o600)


class Identity:
    """A certificate and its key; `crt`, `key` are paths of PEM files."""

    def __init__(self, directory, name, cert, key, chain=()):
        self.name, self.cert, self.private = name, cert, key
        self.crt = str(directory / f"{name}.crt")
        self.key = str(directory / f"{name}.key")
        pem = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in (cert, *chain))
        (directory / f"{name}.crt").write_bytes(pem)
        _key_file(directory / f"{name}.key", key)

    @property
    def der(self):
        return self.cert.public_bytes(serialization.Encoding.DER)

    @property
    def sha256(self):
        return hashlib.sha256(self.der).hexdigest()


class Authority(Identity):
    """A CA, its own root or below `issuer`, that issues into a directory."""

    def __init__(self, directory, name="ocsp-ca", issuer=None, url=None):
        self.directory = directory
        key = ec.generate_private_key(ec.SECP256R1())
        extensions = [(x509.BasicConstraints(ca=True, path_length=None), True)]
        if url:
            extensions.append((_access(url), False))
        cert = _certificate(name, key, (issuer.cert.subject, issuer.private) if issuer else None,
                            extensions, issuer)
        super().__init__(directory, name, cert, key)

    def issue(self, name, url=None, must_staple=False, usage=("server", "client"), chain=(),
              common=None, **validity):
        """One more. url: one responder or a list; chain: Identities to append to the file."""
        usages = {"server": ExtendedKeyUsageOID.SERVER_AUTH,
                  "client": ExtendedKeyUsageOID.CLIENT_AUTH,
                  "ocsp": ExtendedKeyUsageOID.OCSP_SIGNING}
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress("127.0.0.1"))]
        extensions = [(x509.BasicConstraints(ca=False, path_length=None), True),
                      (x509.SubjectAlternativeName(names), False)]
        if usage:
            extensions.append((x509.ExtendedKeyUsage([usages[u] for u in usage]), False))
        if url:
            extensions.append((_access(*([url] if isinstance(url, str) else url)), False))
        if must_staple:
            extensions.append((x509.TLSFeature([x509.TLSFeatureType.status_request]), False))
        key = ec.generate_private_key(ec.SECP256R1())
        cert = _certificate(common or name, key, (self.cert.subject, self.private), extensions, self,
                            **validity)
        return Identity(self.directory, name, cert, key, [c.cert for c in chain])


def ipaddress(text):
    import ipaddress as module  # pylint: disable=import-outside-toplevel
    return module.ip_address(text)


def _access(*urls):
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.OCSP,
                                x509.UniformResourceIdentifier(url)) for url in urls])


def _certificate(common, key, issuer, extensions, authority, begin=-3600, end=20 * 24 * 3600):
    subject = _name(common)
    issuer_name, issuer_key = issuer or (subject, key)
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer_name)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(_now() + _seconds(begin)).not_valid_after(_now() + _seconds(end))
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
    if authority is not None:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.private.public_key()), False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


class Responder:
    """Answers about the certificates of `authority`. Change the attributes at any time:

    statuses     {serial number: status}; `default` for the others
    next_update  seconds from now, None: unset
    this_update  seconds from now
    methods      those it answers; others get HTTP 400
    http_status  another status than 200 for every answer
    signer       Identity that signs; None: the authority. It goes along when it is not the authority
    hold         an Event: answers wait until it is set
    body         bytes sent in place of any answer
    asked        [(method, path), ...]
    """

    # pylint: disable=too-many-instance-attributes
    def __init__(self, authority, default=GOOD, next_update=3600, port=0, tls=None):
        self.authority, self.default, self.next_update = authority, default, next_update
        self.this_update = -10
        self.statuses, self.asked = {}, []
        self.methods = ("POST", "GET")
        self.http_status, self.signer, self.hold, self.body = None, None, None, None
        self.scheme = "https" if tls else "http"
        self._server = None
        self._tls = tls
        self.start(port)
        self.port = self._server.server_address[1]

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def start(self, port=None):
        responder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            # pylint: disable=invalid-name
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                ok = self.headers["Content-Type"] == "application/ocsp-request"
                responder.serve(self, body if ok else None)

            def do_GET(self):
                text = urllib.parse.unquote(self.path.lstrip("/").split("/", 1)[-1]
                                            if self.path.startswith("/ocsp/")
                                            else self.path.lstrip("/"))
                try:
                    responder.serve(self, base64.b64decode(text, validate=True))
                except ValueError:
                    responder.serve(self, None)

            def log_message(self, *args):  # pylint: disable=arguments-differ
                pass

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", self.port if port is None else port), Handler)
        self._server.daemon_threads = True
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._tls.crt, self._tls.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02},
                         daemon=True).start()

    def stop(self):
        """Nobody listens from now on; start() goes on at the same port."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def revoke(self, identity):
        self.statuses[identity.cert.serial_number] = REVOKED

    def count(self, method=None):
        return sum(method in (None, asked) for asked, _ in self.asked)

    def serve(self, handler, body):
        self.asked.append((handler.command, handler.path))
        if self.hold:
            self.hold.wait(60)
        status, answer = self._answer(handler.command, body)
        try:
            handler.send_response(status)
            handler.send_header("Content-Type", "application/ocsp-response")
            handler.send_header("Content-Length", str(len(answer)))
            handler.end_headers()
            handler.wfile.write(answer)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def _answer(self, method, body):
        if method not in self.methods or body is None:
            return 400, b""
        if self.http_status:
            return self.http_status, b""
        if self.body is not None:
            return 200, self.body
        try:
            request = ocsp.load_der_ocsp_request(body)
        except ValueError:
            return 400, b""
        return 200, self.response(request)

    def response(self, request):
        """The DER for a request, or for anything with its attributes."""
        status = self.statuses.get(request.serial_number, self.default)
        now = _now()
        revoked = now - _seconds(60) if status is REVOKED else None
        following = None if self.next_update is None else now + _seconds(self.next_update)
        signer = self.signer or self.authority
        # This version of the library takes a certificate, not the hashes of a request.
        subject = self.find(request.serial_number)
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=subject, issuer=self.authority.cert, algorithm=request.hash_algorithm,
            cert_status=status, this_update=now + _seconds(self.this_update), next_update=following,
            revocation_time=revoked, revocation_reason=None)
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.cert)
        if self.signer:
            builder = builder.certificates([signer.cert])
        return builder.sign(signer.private, hashes.SHA256()).public_bytes(
            serialization.Encoding.DER)

    def find(self, serial):
        """A certificate of the authority with this serial number: any will do for a CertID."""
        key = self.authority.private
        return (x509.CertificateBuilder().subject_name(_name("any"))
                .issuer_name(self.authority.cert.subject).public_key(key.public_key())
                .serial_number(serial).not_valid_before(_now()).not_valid_after(_now() + _seconds(60))
                .sign(key, hashes.SHA256()))
