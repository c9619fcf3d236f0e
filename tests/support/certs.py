# SPDX-License-Identifier: Apache-2.0
"""Certificates for the tests, made by the openssl command, never kept in the repository.

    ca                 the authority that server and clients trust
    server, server-rsa for localhost, 127.0.0.1 and ::1 (ECDSA P-256 and RSA 2048)
    server-expired     the same names, valid until yesterday
    client             client certificate of ca
    client-expired     valid until yesterday
    client-other       of an authority that nobody trusts (other-ca)
"""

import hashlib
import pathlib
import subprocess
import time

NAMES = "DNS:localhost,IP:127.0.0.1,IP:::1"

CONFIG = """
[ca]
default_ca = here
[here]
new_certs_dir = {dir}
database = {dir}/{issuer}.index
serial = {dir}/{issuer}.serial
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
organizationName = optional
commonName = supplied
[server]
subjectAltName = {names}
extendedKeyUsage = serverAuth,clientAuth
keyUsage = digitalSignature
[only-server]
subjectAltName = {names}
extendedKeyUsage = serverAuth
keyUsage = digitalSignature
[client]
subjectAltName = email:client@example.com
extendedKeyUsage = clientAuth
keyUsage = digitalSignature
"""

DAY = 24 * 3600


def _stamp(offset):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + offset))


class Certificates:
    """A directory of PEM files; `certs.path("client.key")` names one of them."""

    def __init__(self, directory):
        self.directory = directory
        self._authority("ca")
        self._authority("other-ca")
        self._leaf("server", "ca", "server")
        self._leaf("server-rsa", "ca", "server", key="rsa")
        self._leaf("server-expired", "ca", "server", begin=-3 * DAY, end=-DAY)
        self._leaf("client", "ca", "client")
        self._leaf("client-expired", "ca", "client", begin=-3 * DAY, end=-DAY)
        self._leaf("client-other", "other-ca", "client")

    def path(self, name):
        return str(self.directory / name)

    def cert(self, name):
        return self.path(name + ".crt")

    def key(self, name):
        return self.path(name + ".key")

    def fingerprint(self, name):
        """SHA-256 of the DER of the public key, lower case hex: the form of pinned_certs."""
        public = self._openssl("x509", "-in", self.cert(name), "-noout", "-pubkey")
        der = self._openssl("pkey", "-pubin", "-outform", "DER", stdin=public)
        return self._openssl("dgst", "-sha256", "-r", stdin=der).split()[0].decode()

    def issue(self, name, issuer, profile, **options):
        """One more; options: key, begin and end in seconds from now."""
        self._leaf(name, issuer, profile, **options)

    def extended(self, name, issuer, extensions, curve="P-256", chain=(), digest="sha256"):
        """A certificate with just these lines of extensions; issuer None: its own. NAME.crt also holds
        the certificates of `chain`, in that order."""
        self._openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}",
                      "-out", self.key(name))
        self._openssl("req", "-new", "-key", self.key(name), "-out", self.path(name + ".csr"),
                      "-subj", f"/O=midge tests/CN={name}")
        pathlib.Path(self.path(name + ".ext")).write_text("[x]\n" + extensions, encoding="utf-8")
        signer = (["-CA", self.cert(issuer), "-CAkey", self.key(issuer), "-CAcreateserial"] if issuer
                  else ["-signkey", self.key(name)])
        self._openssl("x509", "-req", "-in", self.path(name + ".csr"), *signer, "-" + digest, "-days",
                      "20", "-extfile", self.path(name + ".ext"), "-extensions", "x", "-out",
                      self.cert(name))
        with open(self.cert(name), "a", encoding="ascii") as file:
            for other in chain:
                file.write(pathlib.Path(self.cert(other)).read_text(encoding="ascii").split(
                    "-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n")
        return name

    def client_for(self, subject, san=None):
        """Name of a client certificate of ca with this subject ("/C=US/CN=x", RDNs in the order of
        the encoding) and these subject alternative names ("email:a@b,URI:x:y"); made once."""
        name = "client-" + hashlib.sha256(f"{subject} {san}".encode()).hexdigest()[:16]
        if pathlib.Path(self.cert(name)).exists():
            return name
        self._new_key(name, "ec")
        self._openssl("req", "-new", "-utf8", "-key", self.key(name), "-out",
                      self.path(name + ".csr"), "-subj", subject)
        critical = "critical," if subject == "/" else ""
        pathlib.Path(self.path(name + ".ext")).write_text(
            "extendedKeyUsage = clientAuth\n" +
            (f"subjectAltName = {critical}{san}\n" if san else ""), encoding="utf-8")
        self._openssl("x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.cert("ca"),
                      "-CAkey", self.key("ca"), "-CAcreateserial", "-days", "20", "-extfile",
                      self.path(name + ".ext"), "-out", self.cert(name))
        return name

    def _openssl(self, *args, stdin=None):
        done = subprocess.run(["openssl", *args], input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False)
        assert done.returncode == 0, f"openssl {args}: {done.stderr.decode()}"
        return done.stdout

    def _new_key(self, name, kind):
        how = (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"] if kind == "rsa" else
               ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
        self._openssl("genpkey", *how, "-out", self.key(name))

    def _authority(self, name):
        self._new_key(name, "ec")
        self._openssl("req", "-x509", "-new", "-key", self.key(name), "-out", self.cert(name),
                      "-subj", f"/O=midge tests/CN={name}", "-days", "30",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        (self.directory / f"{name}.index").write_text("")
        (self.directory / f"{name}.serial").write_text("1000\n")
        (self.directory / f"{name}.cnf").write_text(
            CONFIG.format(dir=self.directory, issuer=name, names=NAMES))

    def _leaf(self, name, issuer, profile, key="ec", begin=-3600, end=30 * DAY - 7200):
        self._new_key(name, key)
        request = self.path(name + ".csr")
        self._openssl("req", "-new", "-key", self.key(name), "-out", request,
                      "-subj", f"/O=midge tests/CN={name}")
        self._openssl("ca", "-batch", "-notext", "-config", self.path(issuer + ".cnf"),
                      "-cert", self.cert(issuer), "-keyfile", self.key(issuer),
                      "-extensions", profile, "-in", request, "-out", self.cert(name),
                      "-startdate", _stamp(begin), "-enddate", _stamp(end))
