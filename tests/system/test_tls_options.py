# SPDX-License-Identifier: Apache-2.0
"""Options of the tls map: suites, groups, pins, tickets, and that every door leads to the same state."""

import hashlib
import json
import re
import socket
import ssl
import subprocess

import pytest

from support.deadline import Deadline, until
from support.dialect import dialect, program_name
from support.server import run

FAILURE = "TLS Handshake Failure"
V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def block(certs, inside="", cert="server", verify=False):
    """A tls map; verify adds the authority and asks for client certificates."""
    more = f'ca_file: "{certs.cert("ca")}"\n  verify: true\n' if verify else ""
    return (f'tls {{\n  cert_file: "{certs.cert(cert)}"\n  key_file: "{certs.key(cert)}"\n'
            f'  timeout: 5\n  {more}  {inside}\n}}\n')


@pytest.fixture
def tls_start(start, certs):
    def factory(inside="", outside="", **options):
        return start("debug: true\n" + outside + "\n" + block(certs, inside, **options))
    return factory


def reload(server, config, count=1):
    server.rewrite(config)
    server.signal(1)
    server.wait_log(r"Reloaded server configuration", count=count)


def with_base(config):
    return 'listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n' + config


def s_client(server, *args):
    """openssl s_client against a listener that starts with TLS; its report."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"{server.host}:{server.port}", *args],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=Deadline(20).left(), check=False)
    return done.stdout.decode(errors="replace")


FIRST = "handshake_first: true"

SUITES_1_2 = {
    "server": [
        ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"),
    ],
    "server-rsa": [
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
        ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"),
        ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"),
    ],
}

INSECURE = [
    ("TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
    ("TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
    ("TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"),
    ("TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA"),
    ("TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256"),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256"),
]


# Row 14: TestTLSDefaultCipherAndCurvePreferences: each suite alone connects, the others fail.
class TestSuites:
    @pytest.mark.parametrize("cert, at", [(c, i) for c in SUITES_1_2 for i in range(5)])
    def test_one_suite(self, tls_start, context, cert, at):
        name, openssl = SUITES_1_2[cert][at]
        other = SUITES_1_2[cert][(at + 1) % 5][1]
        server = tls_start(f'cipher_suites: ["{name}"]', cert=cert)
        client = server.connect(tls=context(high=V1_2, ciphers=openssl))
        assert server.monitor.connection(client.cid)["tls_cipher_suite"] == name
        with pytest.raises(ssl.SSLError, match="alert handshake failure"):
            server.client().handshake(context(high=V1_2, ciphers=other))
        server.wait_log("tls: no cipher suite supported by both client and server")

    @pytest.mark.parametrize("name, openssl", INSECURE)
    def test_insecure_suite_with_leave(self, tls_start, context, name, openssl):
        server = tls_start(f'allow_insecure_cipher_suites: true, cipher_suites: ["{name}"]',
                           cert="server-rsa")
        client = server.connect(tls=context(high=V1_2, ciphers=openssl + ":@SECLEVEL=0"))
        assert server.monitor.connection(client.cid)["tls_cipher_suite"] == name

    # The default list has none of them.
    @pytest.mark.parametrize("name, openssl", INSECURE)
    def test_insecure_suite_by_default(self, tls_start, context, name, openssl):
        del name
        server = tls_start(cert="server-rsa")
        with pytest.raises(ssl.SSLError, match="alert handshake failure"):
            server.client().handshake(context(high=V1_2, ciphers=openssl + ":@SECLEVEL=0"))

    # The order of the list means nothing, nor does the client's.
    def test_order_is_the_servers(self, tls_start, context):
        names = [name for name, _ in reversed(SUITES_1_2["server"])]
        server = tls_start(f"cipher_suites: {names}")
        ciphers = ":".join(openssl for _, openssl in SUITES_1_2["server"][3:] +
                           SUITES_1_2["server"][:2])
        client = server.connect(tls=context(high=V1_2, ciphers=ciphers))
        assert (server.monitor.connection(client.cid)["tls_cipher_suite"] ==
                "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")

    # 4.2: TLS 1.3 suites are always on; a list of nothing else leaves TLS 1.2 without any.
    @pytest.mark.parametrize("name", [
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"])
    def test_only_1_3(self, tls_start, context, name):
        server = tls_start(f"{FIRST}, cipher_suites: [{name}]")
        for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                      "TLS_CHACHA20_POLY1305_SHA256"):
            assert f"Cipher is {suite}" in s_client(server, "-tls1_3", "-ciphersuites", suite)
        with pytest.raises(ssl.SSLError, match="alert handshake failure"):
            server.client(tls=context(high=V1_2), tls_first=True)
        server.wait_log("tls: no cipher suite supported by both client and server")

    def test_1_2_list_leaves_1_3_alone(self, tls_start, context):
        server = tls_start("cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]")
        client = server.connect(tls=context(low=V1_3))
        assert server.monitor.connection(client.cid)["tls_version"] == "1.3"

    # Two certificates of different key types serve each other's suites.
    def test_two_kinds_of_keys(self, start, certs, context):
        pairs = ", ".join(f'{{cert_file: "{certs.cert(c)}", key_file: "{certs.key(c)}"}}'
                          for c in SUITES_1_2)
        server = start(f"tls {{ certs: [{pairs}], timeout: 5 }}")
        for suites in SUITES_1_2.values():
            for name, openssl in suites:
                client = server.connect(tls=context(high=V1_2, ciphers=openssl))
                assert server.monitor.connection(client.cid)["tls_cipher_suite"] == name

    # A name that the library lacks is accepted, said, and used by nobody.
    @pytest.mark.midge_only
    def test_missing_in_the_library(self, tls_start, context):
        server = tls_start("allow_insecure_cipher_suites: true, cipher_suites: "
                           "[TLS_RSA_WITH_RC4_128_SHA, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]")
        server.wait_log(r"\[WRN\] This machine's TLS library lacks TLS_RSA_WITH_RC4_128_SHA: no client "
                        "can use them$")
        server.connect(tls=context(high=V1_2)).barrier()


GROUPS = [("X25519", "X25519", "X25519, 253 bits"), ("CurveP256", "P-256", "ECDH, prime256v1, 256 bits"),
          ("CurveP384", "P-384", "ECDH, secp384r1, 384 bits"),
          ("CurveP521", "P-521", "ECDH, secp521r1, 521 bits")]


# Row 14 and row 17: TestTLSConnectionCurvePref
class TestGroups:
    @pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
    @pytest.mark.parametrize("at", range(4))
    def test_one_group(self, tls_start, version, at):
        name, openssl, shown = GROUPS[at]
        # In TLS 1.2 a client's groups must also cover the curve of an ECDSA certificate: use RSA.
        server = tls_start(f'{FIRST}, curve_preferences: ["{name}"]', cert="server-rsa")
        assert f"Server Temp Key: {shown}" in s_client(server, version, "-groups", openssl)
        other = GROUPS[(at + 1) % 4][1]
        assert "Server Temp Key" not in s_client(server, version, "-groups", other)
        server.wait_log(r"\[ERR\] .* - TLS handshake error: tls: (no key exchanges|no cipher suite|"
                        "no ECDHE curve|client.*)")

    # 4.3: a client that guessed another group is asked again.
    @pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
    def test_another_try(self, tls_start, version):
        server = tls_start(f"{FIRST}, curve_preferences: [CurveP384]")
        shown = s_client(server, version, "-groups", "X25519:P-256:P-384")
        assert "Server Temp Key: ECDH, secp384r1, 384 bits" in shown

    @pytest.mark.parametrize("group", GROUPS)
    def test_default(self, tls_start, group):
        server = tls_start(FIRST)
        assert f"Server Temp Key: {group[2]}" in s_client(server, "-groups", group[1])

    # Hybrid names are known; what the library lacks is left out, and nothing left is an error.
    def test_hybrid(self, tls_start, context):
        server = tls_start("curve_preferences: [X25519MLKEM768, CurveP256]")
        server.connect(tls=context()).barrier()


# 4.4: what s_client sees of the rest.
class TestParameters:
    def test_tickets(self, tls_start):
        server = tls_start(FIRST)
        # The session ends the input at once: ask for what the handshake itself says.
        shown = s_client(server, "-tls1_2")
        hint = dialect(reference="TLS session ticket:",
                       midge="TLS session ticket lifetime hint: 604800 (seconds)")
        assert hint in shown
        assert "Secure Renegotiation IS supported" in shown
        assert "Compression: NONE" in shown

    def test_no_alpn(self, tls_start):
        assert "No ALPN negotiated" in s_client(tls_start(FIRST), "-alpn", "h2,http/1.1,nats")

    def test_acceptable_authorities(self, tls_start):
        shown = s_client(tls_start(FIRST, verify=True))
        assert re.search(r"Acceptable client certificate CA names\nO ?= ?midge tests, CN ?= ?ca\n",
                         shown), shown

    def test_authorities_of_the_system_are_not_named(self, tls_start):
        shown = s_client(tls_start(FIRST + ", verify: true"))
        assert "No client certificate CA names sent" in shown
        assert "Requested Signature Algorithms: " in shown

    def test_no_certificate_request(self, tls_start):
        assert "No client certificate CA names sent" in s_client(tls_start(FIRST))

    @pytest.mark.parametrize("version, works", [("-tls1", False), ("-tls1_1", False),
                                                ("-tls1_2", True), ("-tls1_3", True)])
    def test_versions(self, tls_start, version, works):
        shown = s_client(tls_start(FIRST), version, "-cipher", "ALL:@SECLEVEL=0")
        assert ("Cipher is (NONE)" not in shown) == works


def resume(server, context, session):
    """Offer a session; whether it was taken, or the error."""
    client = server.client()
    try:
        client.socket = context.wrap_socket(client.socket, server_hostname="localhost",
                                            session=session)
        client.connect().barrier()
        return client.socket.session_reused
    except (OSError, AssertionError) as error:
        return error


def session_of(server, context):
    client = server.client()
    client.handshake(context)
    client.connect().barrier()  # a TLS 1.3 ticket has come by then
    return client.socket.session


# 4.4, and the lesson of CVE-2025-68121: what a session stands for must still hold.
@pytest.mark.parametrize("version", [V1_2, V1_3])
class TestResumption:
    def test_resumed_with_certificate(self, tls_start, context, certs, version):
        server = tls_start(verify=True)
        shared = context("client", high=version)
        assert resume(server, shared, session_of(server, shared)) is True
        # Mapping and monitoring still see the certificate of the first handshake.
        client = server.client()
        client.socket = shared.wrap_socket(client.socket, server_hostname="localhost",
                                           session=session_of(server, shared))
        client.connect().barrier()
        peer = server.monitor.connection(client.cid, "auth=1")["tls_peer_certs"][0]
        assert peer["spki_sha256"] == certs.fingerprint("client")

    @pytest.mark.parametrize("change", ["authority", "verify", "pins", "certificate"])
    def test_not_across_a_change_of_trust(self, start, context, certs, version, change):
        pin = f'pinned_certs: ["{certs.fingerprint("client")}"]'
        before = with_base(block(certs, verify=change != "verify",
                                 inside=pin if change == "pins" else ""))
        after = {
            "authority": before.replace(certs.cert("ca"), certs.cert("other-ca")),
            "verify": with_base(block(certs, verify=True)),
            "pins": before.replace(certs.fingerprint("client"), "0" * 64),
            "certificate": with_base(block(certs, verify=True, cert="server-rsa")),
        }[change]
        server = start(before, base=False)
        shared = context(None if change == "verify" else "client", high=version)
        session = session_of(server, shared)
        reload(server, after)
        if change == "certificate":
            assert resume(server, shared, session) is False
            return
        error = resume(server, shared, session)
        assert isinstance(error, Exception), "the session was resumed"
        server.wait_log("TLS handshake error: (" + {
            "authority": ".*certificate signed by unknown authority",
            "verify": "tls: client didn't provide a certificate",
            "pins": "certificate not pinned",
        }[change] + ")")

    # A reload that changes nothing leaves the sessions alone; the reference ends them all.
    def test_across_a_reload_without_change(self, start, context, certs, version):
        config = with_base(block(certs, verify=True))
        server = start(config, base=False)
        shared = context("client", high=version)
        session = session_of(server, shared)
        reload(server, config + "# the same\n")
        assert resume(server, shared, session) is dialect(reference=False, midge=True)


class TestPins:
    # Row 73: TestTLSPinnedCertsClient
    def test_reload_accepts_and_drops(self, start, certs, context):
        pin = certs.fingerprint("client")
        def config(pins):
            return with_base("debug: true\n" + block(certs, f"pinned_certs: {pins}", verify=True))
        server = start(config([pin.upper()]), base=False)
        client = server.connect(tls=context("client"))
        reload(server, config(["0" * 64, pin]))
        client.barrier()
        server.wait_log(r"\[INF\] Reloaded: 2 pinned_certs$")
        reload(server, config([pin, "0" * 64, pin]), count=2)
        client.barrier()
        reload(server, config([]), count=3)
        server.wait_log(r"\[INF\] Reloaded: 0 pinned_certs$")
        client.barrier()

    # 9.3: connections whose key is not in the new list end.
    @pytest.mark.parametrize("before, closed", [("", 4), ("allow_non_tls: true\n", 4)])
    def test_reload_disconnects(self, start, certs, context, before, closed):
        def config(pins):
            return with_base("debug: true\n" + before +
                             block(certs, f"pinned_certs: {pins}", verify=True))
        server = start(config([certs.fingerprint("client")]), base=False)
        clients = [server.connect(tls=context("client")) for _ in range(4)]
        plain = server.connect() if before else None
        if before:
            closed += dialect(reference=1, midge=0)
        reload(server, config(["0" * 64]))
        server.wait_log(rf"\[INF\] Disconnect {closed} clients due to pinned certs reload$")
        for client in clients:
            client.expect_closed()
            assert server.monitor.closed(client.cid)["reason"] == FAILURE
            server.wait_log(rf"\[DBG\] .* - cid:{client.cid} - Failed pinned cert test for key id: "
                            + certs.fingerprint("client") + "$")
        if before and dialect(reference=False, midge=True):
            plain.barrier()

    # Without verify nobody has shown a certificate: a list of pins closes them all.
    def test_reload_disconnects_who_has_none(self, start, certs, context):
        server = start(with_base("debug: true\n" + block(certs)), base=False)
        client = server.connect(tls=context())
        reload(server, with_base("debug: true\n" + block(certs, f'pinned_certs: ["{"a" * 64}"]')))
        server.wait_log(r"\[INF\] Disconnect 1 clients due to pinned certs reload$")
        client.expect_closed()
        server.wait_log(rf"\[DBG\] .* - cid:{client.cid} - Failed pinned cert test as client did not "
                        "provide a certificate$")

    def test_log(self, tls_start, certs, context):
        server = tls_start(f'pinned_certs: ["{"a" * 64}"]', verify=True)
        client = server.client()
        try:
            client.handshake(context("client"))
            client.connect()
        except (OSError, AssertionError):
            pass
        server.wait_log(r"\[DBG\] .* - Failed pinned cert test for key id: " +
                        certs.fingerprint("client") + "$")
        server.wait_log(r"\[ERR\] .* - TLS handshake error: certificate not pinned$")

    # Pinning without verify: nobody is asked for a certificate, so nobody has a pinned one.
    def test_without_verify(self, tls_start, context):
        server = tls_start(f'pinned_certs: ["{"a" * 64}"]')
        client = server.client()
        with pytest.raises((OSError, AssertionError)):
            client.handshake(context("client"))
            client.connect()
        server.wait_log(r"\[DBG\] .* - Failed pinned cert test as client did not provide a "
                        "certificate$")

    # 5.3: the handshake completes, then the server says goodbye.
    @pytest.mark.parametrize("version", [V1_2, V1_3])
    def test_what_the_peer_sees(self, tls_start, context, version):
        server = tls_start(f'pinned_certs: ["{"a" * 64}"]', verify=True)
        client = server.client()
        shared = context("client", high=version)
        client.socket = shared.wrap_socket(client.socket, server_hostname="localhost",
                                           suppress_ragged_eofs=False)
        assert client.socket.recv(1) == b""

    # A resumed session is checked like a full one.
    def test_resumed(self, start, certs, context):
        server = start(with_base(block(certs, verify=True)), base=False)
        shared = context("client", high=V1_2)
        session = session_of(server, shared)
        reload(server, with_base(block(certs, f'pinned_certs: ["{"a" * 64}"]', verify=True)))
        assert isinstance(resume(server, shared, session), Exception)


# Row 41: TestAllowNonTLSReload
def test_mixed_port_keeps_its_flags_over_a_reload(start, certs):
    config = with_base("allow_non_tls: true\n" + block(certs))
    server = start(config, base=False)
    for count in (1, 2):
        info = server.client().info
        assert info["tls_available"] is True and "tls_required" not in info
        reload(server, config.replace("timeout: 5", f"timeout: {5 + count}"), count=count)


# Row 115: INFO follows what a reload removes.
def test_mixed_port_loses_tls(start, certs):
    server = start(with_base("allow_non_tls: true\n" + block(certs, verify=True)), base=False)
    assert server.client().info["tls_verify"] is True
    reload(server, with_base("allow_non_tls: true\n"))
    server.wait_log(r"\[INF\] Reloaded: tls = disabled$")
    info = server.client().info
    assert "tls_required" not in info
    assert info.get("tls_available") is dialect(reference=True, midge=None)
    assert info.get("tls_verify") is dialect(reference=True, midge=None)
    server.connect().barrier()


# Row 33: after a handshake before INFO, INFO requires TLS also on a mixed port.
@pytest.mark.parametrize("outside", ["", "allow_non_tls: true"])
def test_info_after_handshake_first(tls_start, context, outside):
    server = tls_start("first: auto", outside)
    client = server.client(tls=context(), tls_first=True)
    assert client.info["tls_required"] is True
    assert client.info.get("tls_available") == (True if outside else None)


# 5.2: one byte is enough for midge; the reference waits for six of them.
@pytest.mark.midge_only
def test_mixed_port_does_not_wait(tls_start):
    client = tls_start("", "allow_non_tls: true").client()
    client.send("P")
    client.send("ING\r\n")
    client.expect("PONG\r\n")


def test_mixed_port_peer_leaves(tls_start):
    server = tls_start("", "allow_non_tls: true")
    client = server.client()
    client.close()
    assert server.monitor.closed(client.cid)["reason"] == "Client Closed"


def test_mixed_port_varz_and_ports_file(tls_start, tmp_path):
    server = tls_start("", f'allow_non_tls: true\nports_file_dir: "{tmp_path}"', verify=True)
    varz = server.monitor.varz()
    assert "tls_required" not in varz and varz["tls_verify"] is True
    ports = until(lambda: next(tmp_path.glob("*.ports"), None), "the ports file is written")
    assert f'"nats":["nats://127.0.0.1:{server.port}"]' in re.sub(r"\s", "", ports.read_text())


# 5.1: the schemes of the ports file; first also where plaintext is allowed beside it.
@pytest.mark.parametrize("inside, outside, scheme", [
    ("", "", "tls"), ("first: auto", "", "tls"), (FIRST, "allow_non_tls: true", "nats")])
def test_schemes_in_the_ports_file(start, certs, tmp_path, inside, outside, scheme):
    server = start(f'listen: "127.0.0.1:-1"\nhttps: "127.0.0.1:-1"\nports_file_dir: "{tmp_path}"\n'
                   f"{outside}\n" + block(certs, inside), base=False)
    ports = until(lambda: next(tmp_path.glob("*.ports"), None), "the ports file is written")
    assert json.loads(until(ports.read_text, "it is complete")) == {
        "nats": [f"{scheme}://127.0.0.1:{server.port}"],
        "monitoring": [f"https://127.0.0.1:{server.monitor.port}"]}


# 1.2: seconds or a duration, and the trap of an unquoted "1m", which is a number with a size suffix.
@pytest.mark.parametrize("value, seconds", [
    ("0", 2), ('"0s"', 2), ("1.5", 1.5), ("3", 3), ('"1500ms"', 1.5), ("500ms", 0.5), ("2s", 2),
    ('"1m"', 60), ("1m", 1_000_000), ('"1h1m1s"', 3661)])
def test_timeout_values(start, certs, value, seconds):
    varz = start(block(certs).replace("timeout: 5", f"timeout: {value}")).monitor.varz()
    assert (varz["tls_timeout"], varz["auth_timeout"]) == (seconds, seconds + 1)


# 12.3: nothing is said of what is not there.
def test_varz_without_certificate(start):
    varz = start("tls {}").monitor.varz()
    assert varz["tls_required"] is True and "tls_verify" not in varz
    assert "tls_cert_not_after" not in varz and varz["tls_timeout"] == 2 and varz["auth_timeout"] == 3
    varz = start().monitor.varz()
    assert "tls_required" not in varz and "tls_cert_not_after" not in varz
    assert varz["tls_timeout"] == 2 and varz["auth_timeout"] == 2


# A listener that loses its tls map while clients wait for the delay to pass serves them without. The
# reference's reload waits for them.
@pytest.mark.midge_only
def test_tls_removed_while_a_client_waits(start, certs):
    server = start(with_base(block(certs, 'first: "400ms"')), base=False)
    client = server.client(read_info=False)
    reload(server, with_base(""))
    info = client.read_info()
    client.socket.settimeout(Deadline().left())
    if "tls_required" not in info:
        client.connect().barrier()


# Row 29, 30: only handshakes are counted, and only for a second.
def test_rate_limit_is_not_for_plaintext(tls_start, context):
    server = tls_start("connection_rate_limit: 1", "allow_non_tls: true")
    for _ in range(5):
        server.connect().barrier()
    server.connect(tls=context()).barrier()


def test_rate_limit_before_info(tls_start, context):
    server = tls_start(f"connection_rate_limit: 1, {FIRST}")
    server.client(tls=context(), tls_first=True).connect().barrier()
    def refused():
        client = server.client(read_info=False)
        client.socket.settimeout(Deadline().left())
        try:
            client.handshake(context())
        except (OSError, ssl.SSLError):
            return True
        return False
    until(refused, "a handshake is refused")
    server.wait_log(r"\[WRN\] Rejected \d+ connections due to TLS rate limiting$")


# 5.3: who is refused before the handshake is told so in clear text, with INFO before it or alone.
@pytest.mark.parametrize("inside", ["", FIRST, "first: 2s", "first: auto"])
def test_refused_in_clear_text(tls_start, context, inside):
    first = inside == FIRST
    server = tls_start("connection_rate_limit: 1\n" + inside)
    server.client(tls=context(), tls_first=first).connect().barrier()

    def refused():
        client = server.client(read_info=not inside)
        client.send(b"\x16\x03\x01\x00\x05")
        got = client.drain_until_closed()
        return got if got.startswith(b"-ERR") else None

    error = until(refused, "a client is refused")
    assert error == b"-ERR 'Connection throttling is active. Please try again later.'\r\n"
    reasons = {entry["reason"] for entry in server.monitor.connz("state=closed")["connections"]}
    assert "Maximum Connections Exceeded" in reasons


@pytest.mark.parametrize("inside", ["", FIRST, "first: auto"])
@pytest.mark.parametrize("outside", ["", "allow_non_tls: true\n"])
def test_too_many_connections(tls_start, inside, outside):
    server = tls_start(inside, outside + "max_connections: 0")
    client = server.client(read_info=not inside)
    assert client.drain_until_closed() == b"-ERR 'maximum connections exceeded'\r\n"


@pytest.mark.parametrize("change, field", [
    ("connection_rate_limit: 4", "TLSRateLimit: old=0, new=4"),
    ("verify_and_map: true", "TLSMap: old=false, new=true"),
])
def test_not_reloadable(start, certs, context, change, field):
    config = with_base(block(certs))
    server = start(config, base=False)
    server.rewrite(with_base(block(certs, change)))
    server.signal(1)
    server.wait_log(r"\[ERR\] Failed to reload server configuration: config reload not supported for "
                    + field + "$")
    server.connect(tls=context()).barrier()


def test_allow_non_tls_is_not_reloadable(start, certs):
    server = start(with_base(block(certs)), base=False)
    server.rewrite(with_base("allow_non_tls: true\n" + block(certs)))
    server.signal(1)
    server.wait_log("config reload not supported for AllowNonTLS: old=false, new=true$")


# verify_and_map without users only means verify (6.1).
def test_map_without_users_is_verify(tls_start, certs, context):
    server = tls_start(f'verify_and_map: true, ca_file: "{certs.cert("ca")}"')
    assert server.client().info["tls_verify"] is True
    server.connect(tls=context("client")).barrier()
    client = server.client()
    with pytest.raises((OSError, AssertionError)):
        client.handshake(context())
        client.connect()
    server.wait_log("tls: client didn't provide a certificate$")


# Lesson of CVE-2021-32026: flag, file, include and reload must end in the same effective state.
@pytest.mark.midge_only
class TestDoors:
    def settings(self, server, count=1):
        return server.wait_log(r"\[DBG\] TLS settings: (.*)$", count=count).group(1)

    def map(self, certs, verify, timeout="2"):
        more = f', ca_file: "{certs.cert("ca")}", verify: true' if verify else ""
        return (f'tls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}"'
                f'{more}, timeout: {timeout} }}\n')

    @pytest.mark.parametrize("verify", [False, True])
    def test_same_state(self, start, certs, tmp_path, verify):
        def base(config):
            return with_base("debug: true\n" + config)
        text = self.map(certs, verify)
        flags = ["--tls", "--tlscert", certs.cert("server"), "--tlskey", certs.key("server")]
        if verify:
            flags += ["--tlsverify", "--tlscacert", certs.cert("ca")]
        found = {"file": self.settings(start(base(text), base=False))}
        found["flags"] = self.settings(start(base(""), base=False, args=flags))
        found["flags alone"] = self.settings(start(
            None, args=["-D", "-a", "127.0.0.1", "-p", "-1", *flags]))
        included = tmp_path / "tls.conf"
        included.write_text(text)
        found["include"] = self.settings(start(base('include "../tls.conf"\n'), base=False))
        named = text.replace("tls {", "TLS {").replace("cert_file", "Cert_File")
        found["names"] = self.settings(start(base(named), base=False))
        variable = base(f'name = "{certs.cert("server")}"\n' +
                        text.replace(f'"{certs.cert("server")}"', "$name"))
        found["variable"] = self.settings(start(variable, base=False))
        server = start(base(""), base=False)
        assert self.settings(server) == "none"
        reload(server, base(text))
        found["reload"] = self.settings(server, count=2)
        pairs = text.replace(f'cert_file: "{certs.cert("server")}", key_file: '
                             f'"{certs.key("server")}"',
                             f'certs: [{{cert_file: "{certs.cert("server")}", key_file: '
                             f'"{certs.key("server")}"}}]')
        found["certs"] = self.settings(start(base(pairs), base=False))
        # A file whose map the flags replace: nothing of its suites, groups or versions is left.
        other = ('tls { cert_file: "%s", key_file: "%s", min_version: "1.3", cipher_suites: '
                 "[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256], curve_preferences: [CurveP256] }\n" %
                 (certs.cert("server-rsa"), certs.key("server-rsa")))
        found["flags over file"] = self.settings(start(base(other), base=False, args=flags))
        assert len(set(found.values())) == 1, found
        state = found["file"]
        assert "versions 1.2-1.3" in state and "security level 1" in state
        assert ("rules on" in state) == verify and "RC4" not in state and "3DES" not in state

    def test_state_shows_changes(self, start, certs):
        states = {
            inside: self.settings(start("debug: true\n" + block(certs, inside)))
            for inside in ("", 'min_version: "1.3"', "curve_preferences: [CurveP256]",
                           "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]",
                           "verify: true", f'pinned_certs: ["{"a" * 64}"]',
                           f'ca_file: "{certs.cert("ca")}"', "verify_and_map: true",
                           "first: auto", "connection_rate_limit: 4")
        }
        assert len(set(states.values())) == len(states), states


NO_CERT = "TLS Server certificate must be present and valid"
NO_KEY = "TLS Server private key must be present and valid"
PAIR = "error parsing X509 certificate/key pair: "


# Row 3, section 3: what flags alone may not say. C, K, A and F stand for a certificate, its key, an
# authority and a file with a tls map.
@pytest.mark.parametrize("args, text", [
    ("--tls", NO_CERT), ("--tlsverify", NO_CERT), ("--tlscacert A", NO_CERT), ("--tlskey K", NO_CERT),
    ("--tls --tlskey K", NO_CERT), ("--tlscert C", NO_KEY), ("--tls --tlscert C", NO_KEY),
    ("-c F --tls", NO_CERT), ("-c F --tlsverify", NO_CERT), ("-c F --tlscert C", NO_KEY),
    ("--tlscert nope --tlskey K", PAIR + "open nope: no such file or directory"),
    ("--tlscert C --tlskey nope", PAIR + "open nope: no such file or directory"),
    ("--tlscert K --tlskey C", PAIR + "tls: failed to find certificate PEM data in certificate input, but "
     "did find a private key; PEM inputs may have been switched"),
    ("--tlscert C --tlskey K --tlscacert nope", "open nope: no such file or directory"),
    ("--tlscert C --tlskey K --tlscacert K", "failed to parse root ca certificate"),
])
def test_flags_that_say_too_little(certs, tmp_path, args, text):
    file = tmp_path / "f.conf"
    file.write_text(block(certs))
    words = {"C": certs.cert("server"), "K": certs.key("server"), "A": certs.cert("ca"), "F": file}
    status, out, err = run(*(words.get(word, word) for word in args.split()), "-a", "127.0.0.1", "-p", "-1")
    assert (status, out, err) == (1, "", f"{program_name()}: {text}\n")


# --tls=false wins over every other one, wherever it stands, and over the file.
@pytest.mark.parametrize("args", [["--tls=false"], ["--tls=false", "--tlscert", "nope"],
                                  ["--tlsverify", "--tls=false"]])
@pytest.mark.parametrize("in_file", [True, False])
def test_tls_switched_off_by_a_flag(start, certs, args, in_file):
    server = start(block(certs) if in_file else "", args=args)
    assert "tls_required" not in server.client().info
    server.connect().barrier()


# Row 3: what stays of a file's map under flags (section 3, rule 3).
def test_flags_keep_the_rest_of_the_map(start, certs, context):
    flags = ["--tls", "--tlscert", certs.cert("server"), "--tlskey", certs.key("server"),
             "--tlsverify", "--tlscacert", certs.cert("ca")]
    server = start("debug: true\n" + block(certs, f'first: "2s", pinned_certs: ["{"a" * 64}"]',
                                           cert="server-rsa"), args=flags)
    assert server.monitor.varz()["tls_timeout"] == 5
    client = server.client(read_info=False)
    with pytest.raises((OSError, AssertionError, socket.timeout)):
        client.handshake(context("client"))
        client.read_info()
    server.wait_log("TLS handshake error: certificate not pinned$")


def served_to_browsers(server):
    """SHA-256 of the certificate of the HTTPS monitoring port."""
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname = False
    anyone.verify_mode = ssl.CERT_NONE
    with socket.create_connection((server.monitor.host, server.monitor.port), Deadline().left()) as plain:
        with anyone.wrap_socket(plain) as secure:
            return hashlib.sha256(secure.getpeercert(binary_form=True)).hexdigest()


def cert_sha256(certs, name):
    with open(certs.cert(name), encoding="ascii") as file:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()


# Row 118: TestMonitorReloadTLSConfig: the new certificate, still without asking for one; a broken file
# changes nothing.
def test_https_monitoring_follows_reloads(start, certs):
    base = 'listen: "127.0.0.1:-1"\nhttps: "127.0.0.1:-1"\n'
    server = start(base + block(certs), base=False)
    assert served_to_browsers(server) == cert_sha256(certs, "server")
    reload(server, base + block(certs, cert="server-rsa", verify=True))
    assert served_to_browsers(server) == cert_sha256(certs, "server-rsa")
    assert server.monitor.varz()["tls_verify"] is True
    server.rewrite(base + block(certs).replace(certs.cert("server"), certs.path("gone.crt")))
    server.signal(1)
    server.wait_log(r"\[ERR\] Failed to reload server configuration: ")
    assert served_to_browsers(server) == cert_sha256(certs, "server-rsa")


# 1.3: the first pair that fits the name and the algorithms of the hello, else the first of all.
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_pair_follows_the_hello(start, certs, version):
    names = {"site-a": "DNS:a.example", "site-b": "DNS:b.example,DNS:*.wild.example",
             "site-c": "DNS:c.example,DNS:b.example"}
    for name, san in names.items():
        certs.extended(name, "ca", f"extendedKeyUsage=serverAuth\nsubjectAltName={san}\n")
    pairs = ", ".join(f'{{cert_file: "{certs.cert(name)}", key_file: "{certs.key(name)}"}}'
                      for name in (*names, "server-rsa"))
    server = start(f"tls {{ certs: [{pairs}], {FIRST}, timeout: 5 }}")
    for args, subject in (
            (["-servername", "a.example"], "site-a"), (["-servername", "b.example"], "site-b"),
            (["-servername", "c.example"], "site-c"), (["-servername", "x.wild.example"], "site-b"),
            (["-servername", "x.y.wild.example"], "site-a"), (["-servername", "wild.example"], "site-a"),
            (["-servername", "B.EXAMPLE"], "site-b"), (["-servername", "nobody.example"], "site-a"),
            (["-servername", "localhost"], "server-rsa"), (["-noservername"], "site-a"),
            (["-noservername", "-sigalgs", "RSA-PSS+SHA256"], "server-rsa"),
            # Nothing fits both: the first, which this client cannot read.
            (["-servername", "a.example", "-sigalgs", "RSA-PSS+SHA256"], None)):
        shown = s_client(server, version, *args)
        found = re.search(r"subject=.*CN ?= ?(\S+)", shown)
        assert (found.group(1) if found else None) == subject, (args, shown)
