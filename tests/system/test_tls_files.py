# SPDX-License-Identifier: Apache-2.0
"""Files of the tls map that are wrong in some way: what `-t` says, and that a start says the same."""

import pathlib
import subprocess

import pytest

from support.dialect import dialect, program_name
from support.server import run

PAIR = "error parsing X509 certificate/key pair: "
NO_CERT = "tls: failed to find any PEM data in certificate input"
NO_KEY = "tls: failed to find any PEM data in key input"
NO_POOL = "failed to parse root ca certificate"
LOCKED = ("tls: failed to parse private key: it is encrypted, and nobody is there to ask for the passphrase; "
          "write it without one: openssl pkey -in KEY -out NEW")
SMALL = "tls: the certificate's key is too small for TLS: make it ECDSA P-256, or RSA of 2048 bits"
WEAK = ("tls: the certificate, or one that follows it in the file, is signed with a broken hash (SHA-1, MD5): "
        "have it issued anew")
LEFT = "-----BEGIN CERTIFICATE-----\n"


def openssl(*args, cwd):
    subprocess.run(["openssl", *args], cwd=cwd, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=60)


def make_own(directory, name, kind, *options):
    """A certificate that its own key of this kind has signed."""
    openssl("genpkey", *kind, "-out", name + ".key", cwd=directory)
    openssl("req", "-x509", "-new", "-key", name + ".key", "-out", name + ".crt", "-subj", "/CN=own",
            "-days", "3", *options, cwd=directory)


@pytest.fixture(scope="module")
def files(certs, tmp_path_factory):
    """A directory of good and bad files."""
    directory = tmp_path_factory.mktemp("tls-files")
    cert, key, authority = (pathlib.Path(name).read_text(encoding="ascii") for name in (
        certs.cert("server"), certs.key("server"), certs.cert("ca")))
    not_der = LEFT + "MIIBAAAA\n-----END CERTIFICATE-----\n"
    for name, text in {
            "good.crt": cert, "good.key": key, "ca.crt": authority, "empty": "", "text": "hello\n",
            "cut.crt": cert[:300], "cut.key": key[:100], "base64.crt": not_der.replace("BAA", "!!!"),
            "der.crt": not_der, "both.pem": key + cert, "chain.pem": cert + authority,
            "crlf.crt": cert.replace("\n", "\r\n"), "comment.crt": "subject: x\n" + cert + "end\n",
            "x509.crt": cert.replace("CERTIFICATE", "X509 CERTIFICATE"),
            "trusted.crt": cert.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
            "junk-ca.crt": not_der + authority + "end\n",
            "header-ca.crt": authority.replace(LEFT, LEFT + "Name: value\n\n"),
            "header.crt": cert.replace(LEFT, LEFT + "Name: value\n\n"),
    }.items():
        (directory / name).write_bytes(text.encode())
    (directory / "folder").mkdir()
    openssl("pkey", "-in", "good.key", "-aes256", "-passout", "pass:x", "-out", "locked.key", cwd=directory)
    openssl("ec", "-in", "good.key", "-out", "sec1.key", cwd=directory)
    openssl("pkey", "-in", "good.key", "-pubout", "-out", "public.pem", cwd=directory)
    openssl("pkey", "-in", "good.key", "-outform", "DER", "-out", "binary.key", cwd=directory)
    openssl("x509", "-in", "good.crt", "-outform", "DER", "-out", "binary.crt", cwd=directory)
    make_own(directory, "small", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:512"])
    make_own(directory, "rsa", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"])
    make_own(directory, "ed", ["-algorithm", "ED25519"])
    certs.extended("weak", "ca", "extendedKeyUsage=serverAuth\n", digest="sha1")
    for end in (".crt", ".key"):
        (directory / ("weak" + end)).write_bytes(pathlib.Path(certs.path("weak" + end)).read_bytes())
    return directory


def pair(cert="good.crt", key="good.key", more=""):
    return f'tls {{ cert_file: "{cert}", key_file: "{key}", {more} }}\n'


# Which text; None: it is good.
CASES = [
    (pair(), None), (pair("both.pem", "both.pem"), None), (pair("chain.pem"), None),
    (pair("crlf.crt"), None), (pair("comment.crt"), None), (pair("header.crt"), None),
    (pair(key="sec1.key"), None), (pair("ed.crt", "ed.key"), None), (pair("rsa.crt", "rsa.key"), None),
    (pair("nope"), PAIR + "open nope: no such file or directory"),
    (pair(key="nope"), PAIR + "open nope: no such file or directory"),
    (pair("folder"), PAIR + "read folder: is a directory"),
    (pair(key="folder"), PAIR + "read folder: is a directory"),
    *((pair(name), PAIR + NO_CERT) for name in ("empty", "text", "cut.crt", "base64.crt", "binary.crt")),
    *((pair(key=name), PAIR + NO_KEY) for name in ("empty", "text", "cut.key", "binary.key")),
    (pair("der.crt"), PAIR + "x509: malformed certificate"),
    (pair("good.key"), PAIR + "tls: failed to find certificate PEM data in certificate input, but did find a "
     "private key; PEM inputs may have been switched"),
    (pair(key="good.crt"), PAIR + "tls: found a certificate rather than a key in the PEM for the private key"),
    *((pair(name + ".crt"), PAIR + 'tls: failed to find "CERTIFICATE" PEM block in certificate input after '
       f"skipping PEM blocks of the following types: [{name.upper()} CERTIFICATE]")
      for name in ("x509", "trusted")),
    (pair(key="public.pem"), PAIR + 'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key '
     "input after skipping PEM blocks of the following types: [PUBLIC KEY]"),
    (pair(key="ed.key"), PAIR + "tls: private key type does not match public key type"),
    (pair("rsa.crt", "small.key"), PAIR + "tls: private key does not match public key"),
    (pair(more="ca_file: ca.crt"), None), (pair(more="ca_file: junk-ca.crt"), None),
    (pair(more="ca_file: good.crt"), None),
    (pair(more="ca_file: nope"), "open nope: no such file or directory"),
    (pair(more="ca_file: folder"), "read folder: is a directory"),
    *((pair(more="ca_file: " + name), NO_POOL) for name in (
        "empty", "text", "der.crt", "good.key", "trusted.crt", "binary.crt", "header-ca.crt")),
    ("tls { ca_file: nope }\n", "open nope: no such file or directory"),
    ("tls { certs: [{cert_file: good.crt, key_file: good.key}, {cert_file: nope, key_file: good.key}] }\n",
     "error parsing X509 certificate/key pair 2/2: open nope: no such file or directory"),
]


def check(files, text, wanted):
    (files / "f.conf").write_text(text, encoding="utf-8")
    status, out, err = run("-t", "-c", "f.conf", cwd=files)
    assert out == ""
    if wanted is None:
        assert (status, err.startswith(f"{program_name()}: configuration file f.conf is valid (")) == (0, True), err
    else:
        assert (status, err) == (1, f"{program_name()}: f.conf:1:0: {wanted}\n\n")


@pytest.mark.parametrize("text, wanted", CASES)
def test_file(files, text, wanted):
    check(files, text, wanted)


# What midge says in its own words, or refuses where the reference leaves it to the clients.
@pytest.mark.midge_only
@pytest.mark.parametrize("text, wanted", [
    (pair(key="locked.key"), PAIR + LOCKED),
    (pair("small.crt", "small.key"), PAIR + SMALL),
    (pair("weak.crt", "weak.key"), PAIR + WEAK),
    *((f"tls {{ certs: [{{cert_file: good.crt, key_file: good.key}}, {{cert_file: {name}.crt, key_file: "
       f"{name}.key}}] }}\n", f"error parsing X509 certificate/key pair 2/2: {words}")
      for name, words in (("small", SMALL), ("weak", WEAK))),
])
def test_own_words(files, text, wanted):
    check(files, text, wanted)


# A start says what -t says, and flags say it without a place.
def test_start(start, files):
    wanted = PAIR + "tls: private key type does not match public key type"
    server = start('listen: "127.0.0.1:-1"\n' + pair(files / "good.crt", files / "ed.key"), base=False,
                   ready=False)
    server.expected_status = 1
    assert server.wait_exit() == 1
    assert server.log.text().strip() == f"{program_name()}: {server.config_path}:2:1: {wanted}"
    server = start(None, ready=False, args=[
        "-a", "127.0.0.1", "-p", "-1", "--tls", "--tlscert", files / "good.crt", "--tlskey", files / "ed.key"])
    server.expected_status = 1
    assert server.wait_exit() == 1
    assert server.log.text().strip() == f"{program_name()}: {wanted}"
