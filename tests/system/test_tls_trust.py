# SPDX-License-Identifier: Apache-2.0
"""Which client certificates are believed (tls.md 1.4): anchors, chains, usages, constraints, keys."""

import hashlib
import pathlib
import re
import ssl

import pytest

from support.client import tls_context
from support.dialect import dialect

V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3

AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
CLIENT = "extendedKeyUsage=clientAuth\n"
UNKNOWN = "certificate signed by unknown authority"
USAGE = "certificate specifies an incompatible key usage"
NO_ISSUER = dialect(reference=UNKNOWN, midge="certificate is not authorized to sign other certificates")
NAME = "a root or intermediate certificate is not authorized to sign for this name"

# Name, issuer, extensions, what its file holds besides: in the order in which they are made.
MADE = [
    ("t-root", None, AUTHORITY, ()),
    ("t-inter", "t-root", AUTHORITY, ()),
    ("t-inner", "t-inter", AUTHORITY, ()),
    ("t-short", "t-root", AUTHORITY.replace("TRUE", "TRUE,pathlen:0"), ()),
    ("t-below-short", "t-short", AUTHORITY, ()),
    ("t-no-authority", "t-root", "basicConstraints=CA:FALSE\n", ()),
    ("t-for-servers", "t-root", AUTHORITY + "extendedKeyUsage=serverAuth\n", ()),
    ("t-for-clients", "t-root", AUTHORITY + CLIENT, ()),
    ("t-for-all", "t-root", AUTHORITY + "extendedKeyUsage=anyExtendedKeyUsage\n", ()),
    ("t-signs", None, "keyUsage=critical,keyCertSign\n", ()),
    ("t-inter-signs", "t-root", "keyUsage=critical,keyCertSign\n", ()),
    ("t-bounded", "t-root",
     AUTHORITY + "nameConstraints=critical,permitted;DNS:good.example\n", ()),
    ("leaf", "t-root", CLIENT, ()),
    ("leaf-of-inter", "t-inter", CLIENT, ()),
    ("leaf-and-inter", "t-inter", CLIENT, ("t-inter",)),
    ("leaf-and-two", "t-inner", CLIENT, ("t-inner", "t-inter")),
    ("leaf-and-two-turned", "t-inner", CLIENT, ("t-inter", "t-inner")),
    ("leaf-and-one-of-two", "t-inner", CLIENT, ("t-inner",)),
    ("leaf-and-stranger", "t-root", CLIENT, ("t-short",)),
    ("too-long", "t-below-short", CLIENT, ("t-below-short", "t-short")),
    ("of-no-authority", "t-no-authority", CLIENT, ("t-no-authority",)),
    ("of-signs", "t-signs", CLIENT, ()),
    ("of-inter-signs", "t-inter-signs", CLIENT, ("t-inter-signs",)),
    ("no-usage", "t-root", "", ()),
    ("any-usage", "t-root", "extendedKeyUsage=anyExtendedKeyUsage\n", ()),
    ("both-usages", "t-root", "extendedKeyUsage=serverAuth,clientAuth\n", ()),
    ("server-usage", "t-root", "extendedKeyUsage=serverAuth\n", ()),
    ("other-usage", "t-root", "extendedKeyUsage=codeSigning\n", ()),
    ("unknown-usage", "t-root", "extendedKeyUsage=1.2.3.4\n", ()),
    ("encipherment", "t-root", CLIENT + "keyUsage=critical,keyEncipherment\n", ()),
    ("an-authority", "t-root", AUTHORITY + CLIENT, ()),
    ("of-for-servers", "t-for-servers", CLIENT, ("t-for-servers",)),
    ("of-for-clients", "t-for-clients", CLIENT, ("t-for-clients",)),
    ("of-for-all", "t-for-all", CLIENT, ("t-for-all",)),
    ("good-name", "t-bounded", CLIENT + "subjectAltName=DNS:a.good.example\n", ("t-bounded",)),
    ("bad-name", "t-bounded", CLIENT + "subjectAltName=DNS:a.bad.example\n", ("t-bounded",)),
    ("name.bad.example", "t-bounded", CLIENT, ("t-bounded",)),
    ("own", None, CLIENT, ()),
    ("critical", "t-root", CLIENT + "1.2.3.4=critical,DER:0500\n", ()),
]


@pytest.fixture(scope="module")
def made(certs):
    for name, issuer, extensions, chain in MADE:
        certs.extended(name, issuer, extensions, chain=chain)
    certs.extended("sha1", "t-root", CLIENT, digest="sha1")
    for curve in ("P-384", "P-521"):
        certs.extended("leaf-" + curve, "t-root", CLIENT, curve=curve)
    return certs


@pytest.fixture
def believer(start, made):
    """A server that believes these authorities."""
    def factory(authority, inside="", cert="server"):
        return start(f'debug: true\ntls {{ cert_file: "{made.cert(cert)}", key_file: '
                     f'"{made.key(cert)}", ca_file: "{made.cert(authority)}", verify: true, '
                     f'timeout: 5\n{inside} }}')
    return factory


def check(server, made, name, text, version):
    """The client is let in, or refused with this text."""
    client = server.client()
    tls = tls_context(made.cert("ca"), made.cert(name), made.key(name), high=version,
                      ciphers="DEFAULT:@SECLEVEL=0")
    if text is None:
        client.handshake(tls)
        client.connect().barrier()
        return
    with pytest.raises((OSError, AssertionError)):
        client.handshake(tls)
        client.connect()
    server.wait_log(rf"\[ERR\] .* - cid:{client.cid} - TLS handshake error: tls: failed to verify "
                    rf"certificate: x509: {text}.* \(CN={re.escape(name)},O=midge tests SHA-256: "
                    r"[0-9a-f]{64}(; [^;()]* SHA-256: [0-9a-f]{64})*\)$")
    assert server.monitor.closed(client.cid)["reason"] == "TLS Handshake Failure"


@pytest.mark.parametrize("authority, name, text", [
    ("t-root", "leaf", None),
    ("t-root", "leaf-of-inter", UNKNOWN),
    ("t-root", "leaf-and-inter", None),
    ("t-root", "leaf-and-two", None),
    ("t-root", "leaf-and-two-turned", None),
    ("t-root", "leaf-and-one-of-two", UNKNOWN),
    ("t-root", "leaf-and-stranger", None),
    ("t-root", "too-long", "too many intermediates for path length constraint"),
    ("t-root", "of-no-authority", NO_ISSUER),
    # A key usage that allows it does not make an issuer, be it in ca_file itself.
    ("t-root", "of-inter-signs", NO_ISSUER),
    ("t-inter-signs", "of-inter-signs", NO_ISSUER),
    ("t-signs", "of-signs", NO_ISSUER),
    # Whatever ca_file holds is an anchor: an intermediate, or the very certificate.
    ("t-inter", "leaf-of-inter", None),
    ("t-inter", "leaf", UNKNOWN),
    ("leaf", "leaf", None),
    ("leaf", "no-usage", UNKNOWN),
    ("own", "own", None),
    ("t-root", "own", UNKNOWN),
    # Extended key usage, along the chain and the anchor; key usage does not count.
    ("t-root", "no-usage", None),
    ("t-root", "any-usage", None),
    ("t-root", "both-usages", None),
    ("t-root", "server-usage", USAGE),
    ("t-root", "other-usage", USAGE),
    ("t-root", "unknown-usage", USAGE),
    ("server-usage", "server-usage", USAGE),
    ("t-root", "of-for-clients", None),
    ("t-root", "of-for-all", None),
    ("t-root", "of-for-servers", USAGE),
    ("t-for-servers", "of-for-servers", USAGE),
    ("t-root", "encipherment", None),
    ("t-root", "an-authority", None),
    ("t-root", "t-root", None),
    # Names: the common name is none.
    ("t-root", "good-name", None),
    ("t-root", "bad-name", NAME),
    ("t-root", "name.bad.example", None),
    ("t-root", "critical", "unhandled critical extension"),
    ("t-root", "sha1", dialect(reference=UNKNOWN,
                               midge="cannot verify signature: insecure algorithm")),
])
def test_chain(believer, made, authority, name, text):
    server = believer(authority)
    for version in (V1_2, V1_3):
        check(server, made, name, text, version)


# curve_preferences are about the exchange of keys: a certificate's curve need not be among them.
@pytest.mark.parametrize("curves", ["[X25519]", "[CurveP384]"])
@pytest.mark.parametrize("name", ["leaf", "leaf-P-384", "leaf-P-521"])
def test_curve_of_the_certificate(believer, made, curves, name):
    server = believer("t-root", f"curve_preferences: {curves}", cert="server-rsa")
    for version in (V1_2, V1_3):
        check(server, made, name, None, version)


def der(made, name):
    text = pathlib.Path(made.cert(name)).read_text(encoding="ascii")
    return ssl.PEM_cert_to_DER_cert(text.split("-----END")[0] + "-----END CERTIFICATE-----\n")


# Monitoring row 46: every certificate that the peer sent, in its order, and only when asked for.
@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_what_the_peer_sent(believer, made, version):
    server = believer("t-root")
    client = server.connect(tls=tls_context(
        made.cert("ca"), made.cert("leaf-and-two"), made.key("leaf-and-two"), high=version))
    assert "tls_peer_certs" not in server.monitor.connection(client.cid)
    shown = server.monitor.connection(client.cid, "auth=1")["tls_peer_certs"]
    assert shown == [{"subject": f"CN={name},O=midge tests", "spki_sha256": made.fingerprint(name),
                      "cert_sha256": hashlib.sha256(der(made, name)).hexdigest()}
                     for name in ("leaf-and-two", "t-inner", "t-inter")]
    client.close()
    server.monitor.closed(client.cid)
    closed, = server.monitor.connz("state=closed&auth=1")["connections"]
    assert "tls_peer_certs" not in closed and closed["tls_version"] == {V1_2: "1.2", V1_3: "1.3"}[version]
