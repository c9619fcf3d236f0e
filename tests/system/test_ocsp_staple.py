# SPDX-License-Identifier: Apache-2.0
"""OCSP stapling (option `ocsp`) on the client port. The names are those of nats-server's tests of the same
behaviour; `openssl s_client -status` is the client that asks for a staple."""

import os
import re
import signal
import subprocess
import threading
import time

import pytest

from support.client import tls_context
from support.clock import Clock
from support.deadline import Deadline, until
from support.dialect import dialect, is_midge, program_name
from support.limits import no_room
from support.ocsp import GOOD, REVOKED, UNKNOWN, Authority, Responder
from support.server import run

FOUND = (r"\[INF\] Found OCSP status for Client certificate at '(.*)': good, next update (\S+), "
         r"checking again in (\S+)$")
RECEIVED = (r"\[INF\] Received OCSP status for Client certificate '(.*)': good, next update (\S+), "
            r"checking again in (\S+)$")
ENABLED = r"\[INF\] OCSP Stapling enabled for Client connections$"
RELOADED = r"\[INF\] Reloaded server configuration"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ocsp"))


@pytest.fixture
def responder(authority):
    made = Responder(authority)
    yield made
    made.close()


@pytest.fixture
def leaf(authority, responder, request):
    """Factory of certificates that name the responder; must_staple unless told otherwise."""
    numbers = iter(range(100))

    def make(must_staple=True, url=responder.url, **options):
        name = re.sub(r"\W", "_", f"{request.node.name}-{next(numbers)}")
        return authority.issue(name, url=url, must_staple=must_staple, **options)

    return make


def config(authority, pair, ocsp="", inside="", ca=True):
    """handshake_first, because s_client begins at once."""
    trust = f'  ca_file: "{authority.crt}"\n' if ca else ""
    return (f'tls {{\n  cert_file: "{pair.crt}"\n  key_file: "{pair.key}"\n{trust}'
            f'  timeout: 5\n  handshake_first: true\n  {inside}\n}}\n{ocsp}\n')


def s_client(port, authority, *args):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", authority.crt, *args],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        timeout=Deadline(30).left())
    return done.stdout.decode(errors="replace")


def staple(server, authority, *args, port=None):
    """What a client that asks gets: None, "good", "revoked", "unknown", or "alert 80" and the like."""
    out = s_client(port or server.port, authority, "-status", *args)
    alert = re.search(r"SSL alert number (\d+)", out)
    if alert:
        return f"alert {alert.group(1)}"
    if "OCSP response: no response sent" in out:
        return None
    return re.search(r"Cert Status: (\w+)", out).group(1)


def ends(server):
    """The server stopped by itself, in order."""
    assert server.wait_exit() == 0
    assert "[INF] Initiating Shutdown..." in server.log.text()


def start_fails(authority, tmp_path, pair, ocsp="", inside="", ca=True):
    """The words of a server that does not start."""
    (tmp_path / "server.conf").write_text('listen: "127.0.0.1:-1"\n' +
                                          config(authority, pair, ocsp, inside, ca))
    status, _, err = run("-c", tmp_path / "server.conf")
    assert status == 1
    assert err.startswith(program_name() + ": "), err
    return err[len(program_name()) + 2:].rstrip("\n")


# ---- modes ----------------------------------------------------------------------------------------


def test_always_must_staple_and_shutdown(start, authority, responder, leaf):
    """TestOCSPAlwaysMustStapleAndShutdown"""
    responder.next_update = 4
    pair = leaf(must_staple=False)
    server = start(config(authority, pair, "ocsp { mode: always }"))
    server.wait_log(ENABLED)
    found = server.wait_log(FOUND)
    assert found.group(1) == pair.crt
    assert staple(server, authority) == "good"
    responder.revoke(pair)
    server.wait_log(re.escape(f"[ERR] Received OCSP status for Client certificate '{pair.crt}': revoked"))
    ends(server)


def test_must_staple_shutdown(start, authority, responder, leaf):
    """TestOCSPMustStapleShutdown"""
    responder.next_update = 4
    pair = leaf()
    server = start(config(authority, pair, "ocsp { mode: must }"))
    assert staple(server, authority) == "good"
    responder.revoke(pair)
    server.wait_log(re.escape(f"[ERR] Received OCSP status for Client certificate '{pair.crt}': revoked"))
    ends(server)


def test_must_leaves_other_certificates_alone(start, authority, responder, leaf):
    server = start(config(authority, leaf(must_staple=False), "ocsp { mode: must }"))
    assert staple(server, authority) is None
    assert responder.count() == 0


def test_must_staple_auto_does_not_shutdown(start, authority, responder, leaf):
    """TestOCSPMustStapleAutoDoesNotShutdown"""
    responder.next_update = 4
    pair = leaf()
    server = start(config(authority, pair, "ocsp: true"))
    server.wait_log(FOUND)
    assert staple(server, authority) == "good"
    responder.revoke(pair)
    server.wait_log(re.escape(f"[ERR] Received OCSP status for Client certificate '{pair.crt}': revoked"))
    assert staple(server, authority) == "revoked"  # the client decides
    with server.client(tls=tls_context(), tls_first=True) as client:
        client.connect()


def test_auto_without_must_staple(start, authority, responder, leaf):
    """TestOCSPAutoWithoutMustStapleDoesNotShutdownOnRevoke"""
    pair = leaf(must_staple=False)
    responder.revoke(pair)
    server = start(config(authority, pair, "ocsp: true"))
    assert staple(server, authority) is None
    assert responder.count() == 0
    assert "OCSP" not in server.log.text()


@pytest.mark.parametrize("status, ocsp, must_staple, expected", [
    (GOOD, "", True, "good"), (GOOD, "ocsp: true", True, "good"), (GOOD, "", False, None),
    (UNKNOWN, "", True, "unknown"), (REVOKED, "ocsp { mode: Auto }", True, "revoked"),
    (GOOD, "ocsp: false", True, None), (GOOD, "ocsp { mode: never }", True, None),
    (GOOD, "ocsp { mode: ALWAYS }", False, "good"), (GOOD, "ocsp {}", True, "good"),
])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_client(start, authority, responder, leaf, status, ocsp, must_staple, expected, version):
    """TestOCSPClient"""
    responder.status = status
    server = start(config(authority, leaf(must_staple), ocsp))
    assert staple(server, authority, version) == expected
    assert responder.count() == 0 or expected is not None


def test_nobody_who_does_not_ask_gets_one(start, authority, responder, leaf):
    server = start(config(authority, leaf()))
    out = s_client(server.port, authority)
    assert "Verify return code: 0 (ok)" in out and "OCSP response" not in out


@pytest.mark.midge_only
def test_never_is_told(start, authority, leaf):
    """The reference says so at a reload only: at the start it has no log yet."""
    pair = leaf()
    server = start(config(authority, pair, "ocsp: false"))
    server.wait_log(re.escape(f"[WRN] Certificate at '{pair.crt}' has MustStaple but OCSP is disabled"))


def test_never_is_told_at_a_reload(start, authority, leaf):
    pair = leaf()
    server = start(config(authority, pair))
    reload(server, config(authority, pair, "ocsp: false"))
    server.wait_log(re.escape(f"[WRN] Certificate at '{pair.crt}' has MustStaple but OCSP is disabled"))
    server.wait_log(r"\[INF\] Reloaded: OCSP$")


# ---- starting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["must", "always"])
@pytest.mark.parametrize("status, name", [(REVOKED, "revoked"), (UNKNOWN, "unknown")])
def test_bad_status_prevents_the_start(authority, responder, leaf, tmp_path, mode, status, name):
    responder.status = status
    pair = leaf()
    assert start_fails(authority, tmp_path, pair, f"ocsp {{ mode: {mode} }}") == (
        f"found existing OCSP status for certificate at '{pair.crt}': {name}")


@pytest.mark.parametrize("ocsp", ["", "ocsp: true", "ocsp { mode: must }", "ocsp { mode: always }"])
def test_nobody_to_ask_prevents_the_start(authority, responder, leaf, tmp_path, ocsp):
    responder.stop()
    pair = leaf()
    text = start_fails(authority, tmp_path, pair, ocsp)
    refused = f"dial tcp 127.0.0.1:{responder.port}: connect: connection refused"
    assert re.fullmatch(
        re.escape(f"bad OCSP status update for certificate at '{pair.crt}': exhausted ocsp servers: "
                  f'Post "{responder.url}": {refused}\nGet "{responder.url}/') + r"[\w+/=]+" +
        re.escape(f'": {refused}'), text), text


def test_without_responders(authority, leaf, tmp_path):
    pair = leaf(url=None)
    assert start_fails(authority, tmp_path, pair) == (
        f"bad OCSP status update for certificate at '{pair.crt}': no available ocsp servers")


def test_responder_http_methods(start, authority, responder, leaf, tmp_path):
    """TestOCSPResponderHTTPMethods"""
    responder.methods = ("POST",)
    server = start(config(authority, leaf()))
    assert staple(server, authority) == "good"
    assert responder.count("POST") == 1 and responder.count("GET") == 0
    responder.methods = ("GET",)
    server = start(config(authority, leaf()))
    assert staple(server, authority) == "good"
    assert responder.count("POST") == 2 and responder.count("GET") == 1
    responder.methods = ()
    pair = leaf()
    text = start_fails(authority, tmp_path, pair)
    assert re.fullmatch(
        re.escape(f"bad OCSP status update for certificate at '{pair.crt}': exhausted ocsp servers: ") +
        r"non-ok http status on POST request \(reqlen=(\d+)\): 400\n"
        r"non-ok http status on GET request \(reqlen=(\d+)\): 400", text), text
    post, get = (int(number) for number in re.findall(r"reqlen=(\d+)", text))
    assert get == (post + 2) // 3 * 4  # base64


def test_received_response_is_logged(start, authority, responder, leaf):
    responder.next_update = 4
    server = start("debug: true\n" + config(authority, leaf()))
    server.wait_log(RECEIVED)
    server.wait_log(r"\[DBG\] Received OCSP response \(method=POST, status=200, "
                    rf"url={re.escape(responder.url)}, duration=\d+\.\d\d\ds\)$")


@pytest.mark.parametrize("change, text", [
    ({"body": b"nonsense"}, None),
    ({"body": bytes([0x30, 3, 0x0a, 1, 3])}, "failed to get remote status: ocsp: error from server: try later"),
    ({"next_update": -1}, r"invalid ocsp NextUpdate, is past time: 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    ({"this_update": 60}, r"invalid ocsp ThisUpdate, is future time: 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
])
def test_bad_responses_prevent_the_start(authority, responder, leaf, tmp_path, change, text):
    for name, value in change.items():
        setattr(responder, name, value)
    pair = leaf()
    err = start_fails(authority, tmp_path, pair)
    head = f"bad OCSP status update for certificate at '{pair.crt}': "
    assert err.startswith(head)
    assert text is None or re.fullmatch(text, err[len(head):]), err


def test_response_of_another_authority(authority, responder, leaf, tmp_path):
    (tmp_path / "other").mkdir()
    responder.authority = Authority(tmp_path / "other", authority.cert.subject and "ocsp-ca")
    pair = leaf()
    assert start_fails(authority, tmp_path, pair) == (
        f"bad OCSP status update for certificate at '{pair.crt}': failed to get remote status: " +
        dialect(reference="bad OCSP signature: x509: ECDSA verification failure",
                midge="no response matching the supplied certificate"))


def test_delegate(start, authority, responder, leaf):
    responder.signer = authority.issue("delegate", usage=("ocsp",))
    server = start(config(authority, leaf()))
    assert staple(server, authority) == "good"


@pytest.mark.midge_only
def test_delegate_must_be_one(authority, responder, leaf, tmp_path):
    """The reference believes any certificate of the issuer."""
    responder.signer = authority.issue("no-delegate", usage=("server",))
    pair = leaf()
    assert start_fails(authority, tmp_path, pair) == (
        f"bad OCSP status update for certificate at '{pair.crt}': failed to get remote status: "
        "OCSP staple's signer missing authorization by CA to act as OCSP signer")


# ---- the issuer -----------------------------------------------------------------------------------


def test_local_issuer_determination(start, authority, responder, leaf, tmp_path):
    """TestOCSPLocalIssuerDetermination"""
    bundle = leaf(chain=(authority,))
    server = start(config(authority, bundle, ca=False))
    assert staple(server, authority) == "good"
    server = start(config(authority, leaf()))
    assert staple(server, authority) == "good"
    (tmp_path / "wrong").mkdir()
    wrong = Authority(tmp_path / "wrong", "wrong-ca")
    assert start_fails(authority, tmp_path, leaf(chain=(wrong,))) == "no issuers found"
    assert start_fails(wrong, tmp_path, leaf()) == "no issuers found"


def test_issuer_must_be_an_authority(authority, responder, tmp_path):
    (tmp_path / "own").mkdir()
    middle = authority.issue("middle", usage=())
    middle.directory = tmp_path / "own"
    pair = Authority.issue(middle, "leaf-of-no-ca", url=responder.url, must_staple=True, chain=(middle,))
    assert start_fails(authority, tmp_path, pair) == (
        "CN=middle,O=midge tests invalid ca basic constraints: is not ca")


# ---- where it is looked for -----------------------------------------------------------------------


@pytest.mark.parametrize("key", ["url", "urls"])
def test_custom_config(start, authority, responder, leaf, key):
    """TestOCSPCustomConfig"""
    if key == "urls" and not is_midge():
        pytest.skip("the reference cannot read a list")
    value = f'"{responder.url}"' if key == "url" else f'["http://127.0.0.1:1", "{responder.url}/"]'
    pair = leaf(url="http://127.0.0.1:1", must_staple=False)
    server = start(config(authority, pair, f"ocsp {{ mode: always, {key}: {value} }}"))
    assert staple(server, authority) == "good"
    assert responder.requests == [("POST", "/")]


def test_store(start, authority, responder, leaf, tmp_path):
    """The file is written once, read at the next start, and not believed when it is bad."""
    pair, store = leaf(), tmp_path / "deep" / "store"
    text = config(authority, pair) + f'store_dir: "{store}"\n'
    server = start(text)
    assert staple(server, authority) == "good"
    server.stop()
    file = store / "ocsp" / pair.sha256
    assert os.listdir(store / "ocsp") == [pair.sha256]
    assert (store / "ocsp").stat().st_mode & 0o777 == 0o700 and responder.count() == 1
    kept = file.read_bytes()
    responder.stop()
    server = start(text)  # nobody is asked
    assert staple(server, authority) == "good"
    server.stop()
    responder.start()
    for bad in (b"", b"nonsense", kept[:-1], kept[:-1] + bytes([kept[-1] ^ 1])):
        file.write_bytes(bad)
        before = responder.count()
        server = start(text)
        assert responder.count() == before + 1 and staple(server, authority) == "good"
        server.stop()
        assert file.read_bytes() != bad


def test_no_room_in_the_store(start, authority, responder, leaf, tmp_path):
    """What cannot be kept is told and asked for again; what was kept stays."""
    responder.next_update = 4
    pair, store = leaf(), tmp_path / "store"
    server = start(config(authority, pair) + f'store_dir: "{store}"\n')
    file = store / "ocsp" / pair.sha256
    kept = file.read_bytes()
    with no_room(server):
        server.wait_log(r"\[ERR\] Bad OCSP status update for certificate '.*': .*failed to write ocsp status: "
                        r".*file too large, trying again in")
        assert file.read_bytes() == kept
    server.wait_log(RECEIVED)
    assert staple(server, authority) == "good" and file.read_bytes() != kept
    assert os.listdir(store / "ocsp") == [pair.sha256]


def test_store_cannot_be_made(authority, leaf, tmp_path):
    (tmp_path / "file").write_text("")
    pair = leaf()
    text = start_fails(authority, tmp_path, pair, f'store_dir: "{tmp_path}/file"')
    assert text == "OCSP storage directory is not a directory", text


# ---- reload ---------------------------------------------------------------------------------------


def reload(server, text, count=1):
    server.rewrite('listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n' + text)
    server.signal(signal.SIGHUP)
    server.wait_log(RELOADED, count)


def test_reload_rotate_with_no_url(start, authority, responder, leaf):
    """TestOCSPReloadRotateTLSCertWithNoURL"""
    server = start(config(authority, leaf()))
    assert staple(server, authority) == "good"
    pair = leaf(url=None)
    reload(server, config(authority, pair))
    server.wait_log(re.escape(
        f"[WRN] Can't restart OCSP features: bad OCSP status update for certificate at '{pair.crt}': "
        "no available ocsp servers"))
    assert staple(server, authority) is None
    out = s_client(server.port, authority)
    assert "Verify return code: 0 (ok)" in out and pair.name in out


def test_reload_rotate_disable_must_staple(start, authority, responder, leaf):
    """TestOCSPReloadRotateTLSCertDisableMustStaple"""
    server = start(config(authority, leaf()))
    assert staple(server, authority) == "good"
    reload(server, config(authority, leaf(must_staple=False)))
    assert staple(server, authority) is None
    assert responder.count() == 1


def test_reload_rotate_enable_must_staple(start, authority, responder, leaf):
    """TestOCSPReloadRotateTLSCertEnableMustStaple"""
    server = start(config(authority, leaf(must_staple=False)))
    assert staple(server, authority) is None
    reload(server, config(authority, leaf()))
    assert staple(server, authority) == "good"
    server.wait_log(ENABLED)
    reload(server, config(authority, leaf()), 2)
    assert staple(server, authority) == "good"
    server.wait_log(ENABLED, 2)


def test_custom_config_reload_enable(start, authority, responder, leaf):
    """TestOCSPCustomConfigReloadEnable"""
    pair = leaf(must_staple=False)
    server = start(config(authority, pair, "ocsp: false"))
    assert staple(server, authority) is None
    reload(server, config(authority, pair, "ocsp { mode: always }"))
    server.wait_log(r"\[INF\] Reloaded: OCSP$")
    assert staple(server, authority) == "good"


def test_custom_config_reload_disable(start, authority, responder, leaf):
    """TestOCSPCustomConfigReloadDisable"""
    pair = leaf(must_staple=False)
    server = start(config(authority, pair, "ocsp { mode: always }"))
    assert staple(server, authority) == "good"
    reload(server, config(authority, pair, "ocsp: false"))
    server.wait_log(r"\[INF\] Reloaded: OCSP$")
    assert staple(server, authority) is None


def test_every_reload_asks_again(start, authority, responder, leaf):
    pair = leaf()
    server = start(config(authority, pair))
    reload(server, config(authority, pair))
    assert responder.count() == 2
    assert "Reloaded: OCSP" not in server.log.text()
    assert staple(server, authority) == "good"


@pytest.mark.parametrize("mode", ["must", "always"])
def test_reload_to_revoked(start, authority, responder, leaf, mode):
    """The server does not stop, and there is no staple."""
    server = start(config(authority, leaf()))
    pair = leaf()
    responder.revoke(pair)
    reload(server, config(authority, pair, f"ocsp {{ mode: {mode} }}"))
    server.wait_log(re.escape("[WRN] Can't restart OCSP features: found existing OCSP status for "
                              f"certificate at '{pair.crt}': revoked"))
    assert staple(server, authority) is None


@pytest.mark.midge_only
def test_reload_without_responder_keeps_what_is_good(start, authority, responder, leaf):
    """nats-server would go on without a staple."""
    pair = leaf()
    server = start(config(authority, pair))
    responder.stop()
    reload(server, config(authority, pair, "ocsp: true"))
    server.wait_log(r"\[ERR\] Bad OCSP status update for certificate '.*': exhausted ocsp servers: Post ")
    server.wait_log(r"connection refused, going on with the one of before$")
    assert staple(server, authority) == "good"
    assert "Can't restart" not in server.log.text()


@pytest.mark.midge_only
def test_reload_without_responder_tries_again(start, authority, responder, leaf):
    """A new certificate goes without a staple until there is one; clients that ask speed it up."""
    server = start(config(authority, leaf()))
    responder.stop()
    pair = leaf()
    reload(server, config(authority, pair))
    server.wait_log(re.escape("[WRN] Can't restart OCSP features: bad OCSP status update for certificate at "
                              f"'{pair.crt}': exhausted ocsp servers: Post "))
    assert staple(server, authority) is None
    responder.start()
    until(lambda: staple(server, authority) == "good", "a staple", seconds=20)
    server.wait_log(ENABLED, 2)
    server.wait_log(RECEIVED)


@pytest.mark.midge_only
def test_reload_waits_for_nobody(start, authority, responder, leaf):
    """A responder that does not answer: the old context serves on, monitoring answers, and then the reload
    gives up. A second reload meanwhile is made after the first."""
    old = leaf(must_staple=False)
    server = start(config(authority, old))
    responder.hold = threading.Event()
    pair = leaf()
    server.rewrite('listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n' + config(authority, pair))
    server.signal(signal.SIGHUP)
    until(responder.count, "the responder is asked")
    server.signal(signal.SIGHUP)
    out = s_client(server.port, authority)
    assert old.name in out
    assert server.monitor.get("/varz")["connections"] == 0
    assert "Reloaded" not in server.log.text()
    server.wait_log(RELOADED, seconds=30)
    server.wait_log(r"\[WRN\] Can't restart OCSP features: bad OCSP status update for certificate at '.*': "
                    r"exhausted ocsp servers: Post \".*\": context deadline exceeded "
                    r"\(Client.Timeout exceeded while awaiting headers\)$")
    assert pair.name in s_client(server.port, authority)
    responder.hold.set()
    responder.hold = None
    server.wait_log(RELOADED, 2)
    assert staple(server, authority) == "good"


@pytest.mark.midge_only
def test_the_end_waits_for_nobody(start, authority, responder, leaf):
    """Neither a refresh nor a reload that is out holds up the shutdown."""
    responder.next_update = 3
    server = start(config(authority, leaf()))
    responder.hold = threading.Event()
    until(lambda: responder.count() == 2, "the refresh is under way")
    server.signal(signal.SIGHUP)
    until(lambda: responder.count() == 3, "the reload is under way")
    begun = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert time.monotonic() - begun < Deadline(5).left()


def test_the_start_can_be_ended(authority, responder, leaf, tmp_path):
    """The responder hangs: a signal ends the program at once."""
    responder.hold = threading.Event()
    (tmp_path / "server.conf").write_text(config(authority, leaf()))
    from support.dialect import program  # pylint: disable=import-outside-toplevel
    with subprocess.Popen([program(), "-c", str(tmp_path / "server.conf")], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(responder.count, "the responder is asked")
        process.terminate()
        assert process.wait(Deadline(5).left()) in (-signal.SIGTERM, 0, 1)


# ---- while it serves ------------------------------------------------------------------------------


def test_refresh_half_way(start, authority, responder, leaf):
    responder.next_update = 4
    pair = leaf()
    server = start(config(authority, pair))
    first, second = server.wait_log(FOUND), server.wait_log(RECEIVED)
    assert second.group(1) == pair.crt and second.group(2) > first.group(2)
    for again in (first.group(3), second.group(3)):
        number, unit = re.fullmatch(r"([\d.]+)(m?s)", again).groups()
        assert 0 < float(number) <= {"s": 2, "ms": 2000}[unit]
    server.wait_log(RECEIVED, 2)
    assert staple(server, authority) == "good"


def test_next_update_unset(start, authority, responder, leaf):
    responder.next_update = None
    server = start(config(authority, leaf()))
    found = server.wait_log(FOUND)
    assert found.groups()[1:] == ("0001-01-01T00:00:00Z", "24h0m0s")
    assert staple(server, authority) == "good"


def test_failed_refresh_is_told(start, authority, responder, leaf):
    responder.next_update = 4
    pair = leaf()
    server = start(config(authority, pair))
    responder.http_status = 503
    server.wait_log(
        re.escape(f"[ERR] Bad OCSP status update for certificate '{pair.crt}': exhausted ocsp servers: "
                  "non-ok http status on POST request (reqlen=") + r"\d+\): 503$")
    server.wait_log(r"^non-ok http status on GET request \(reqlen=\d+\): 503, trying again in \S+$")
    responder.http_status = 200
    until(lambda: staple(server, authority) == "good", "a staple again")


def test_run_out_staple_is_not_served(start, authority, responder, leaf):
    """The responder is away, NextUpdate passes: whoever asks is refused. When it is back, all is well."""
    responder.next_update = 3
    server = start(config(authority, leaf()))
    assert staple(server, authority) == "good"
    responder.stop()
    until(lambda: staple(server, authority) == "alert 80", "the staple has run out", seconds=20)
    server.wait_log(r"\[ERR\] .* - TLS handshake error: (exhausted ocsp servers|invalid ocsp NextUpdate)")
    responder.start()
    until(lambda: staple(server, authority) == "good", "a staple again", seconds=20)


@pytest.mark.midge_only
@pytest.mark.parametrize("jump", [7200, -7200])
def test_the_clock_is_set(start, authority, responder, leaf, tmp_path, jump):
    """Past NextUpdate, or before ThisUpdate: a new response is there before anybody is refused."""
    clock = Clock(tmp_path)
    server = start(config(authority, leaf()), env=clock.env)
    assert staple(server, authority) == "good"
    responder.this_update, responder.next_update = jump - 10, jump + 3600
    clock.jump(jump)
    server.wait_log(RECEIVED)
    assert staple(server, authority) == "good"
    assert "TLS handshake error" not in server.log.text()


@pytest.mark.midge_only
def test_run_out_staple_has_a_verdict(start, authority, responder, leaf):
    """... and who does not ask for a staple is served; each second somebody is refused, it is looked for anew."""
    responder.next_update = 3
    pair = leaf()
    server = start(config(authority, pair))
    responder.stop()
    until(lambda: staple(server, authority) == "alert 80", "the staple has run out", seconds=20)
    assert "Verify return code: 0 (ok)" in s_client(server.port, authority)
    server.wait_log(r"\[ERR\] .* TLS handshake verdict: staple, refused by ours, certificate CN=.*; rule: a client that asks for the "
                    r"status of our certificate never gets one that has run out; remedy: read the text: let this "
                    r"server reach the OCSP responder of its certificate")
    failure = until(lambda: [f for f in server.monitor.get("/tlsz")["failures"] if f["reason"] == "staple"],
                    "the page shows it")[-1]
    assert failure["certificate"]["subject"] == f"CN={pair.name},O=midge tests"
    assert failure["side"] == "ours" and failure["alert"] == 80
    assert server.monitor.get("/varz")["tls_handshakes"]["failed_by_reason"]["staple"] >= 1


@pytest.mark.midge_only
def test_only_the_first_of_several_is_stapled(start, authority, responder, leaf, tmp_path):
    (tmp_path / "second").mkdir()
    first, second = leaf(), authority.issue("second-of-several", url=responder.url, must_staple=True,
                                            dns="two.example")
    pairs = ", ".join(f'{{ cert_file: "{p.crt}", key_file: "{p.key}" }}' for p in (first, second))
    server = start(f'tls {{ certs: [{pairs}], ca_file: "{authority.crt}", handshake_first: true }}')
    assert staple(server, authority) == "good"
    out = s_client(server.port, authority, "-status", "-servername", "two.example")
    assert second.name in out and "OCSP response: no response sent" in out
    assert responder.asked == {first.name: 1}


class Served:
    """A pair of files that change."""

    def __init__(self, directory):
        self.crt, self.key = str(directory / "tls.crt"), str(directory / "tls.key")

    def put(self, pair):
        for path, source in ((self.crt, pair.crt), (self.key, pair.key)):
            with open(source, "rb") as old, open(path + ".new", "wb") as new:
                new.write(old.read())
            os.rename(path + ".new", path)


@pytest.mark.midge_only
def test_changed_files_are_stapled(start, authority, responder, leaf, tmp_path):
    """A new certificate on disk gets its own staple before it is served."""
    first, second, served = leaf(), leaf(), Served(tmp_path)
    served.put(first)
    server = start(config(authority, served))
    assert first.name in s_client(server.port, authority)
    responder.hold = threading.Event()
    served.put(second)
    until(lambda: responder.count() == 2, "the status of the new one is asked for")
    assert first.name in s_client(server.port, authority)  # as long as it takes
    responder.hold.set()
    server.wait_log(r"\[INF\] TLS files changed: new connections get CN=")
    assert second.name in s_client(server.port, authority)
    assert staple(server, authority) == "good"
    server.wait_log(ENABLED, 2)


@pytest.mark.midge_only
def test_changed_files_that_are_revoked_are_refused(start, authority, responder, leaf, tmp_path):
    first, second, served = leaf(), leaf(), Served(tmp_path)
    served.put(first)
    server = start(config(authority, served, "ocsp { mode: always }"))
    responder.revoke(second)
    served.put(second)
    server.wait_log(re.escape("[ERR] TLS files changed, but the new ones are refused: found existing OCSP status "
                              f"for certificate at '{served.crt}': revoked"))
    assert first.name in s_client(server.port, authority) and staple(server, authority) == "good"


def test_tls_removed_by_reload(start, authority, responder, leaf):
    pair = leaf()
    server = start(config(authority, pair))
    reload(server, "")
    with server.client() as client:
        client.connect()
    asked = responder.count()
    reload(server, config(authority, pair), 2)
    assert staple(server, authority) == "good" and responder.count() == asked + 1


def test_monitoring_port(start, authority, responder, leaf):
    """TestOCSPMonitoringPort: the certificate of the client port, and its staple."""
    server = start(config(authority, leaf()).replace("tls {", 'https: "127.0.0.1:-1"\ntls {', 1), base=False,
                   ready=False)
    port = int(server.wait_log(r"Starting https monitor on .*:(\d+)$").group(1))
    server.wait_ready()
    assert staple(server, authority, port=port) == "good"


@pytest.mark.midge_only
def test_tlsz_tells_what_is_stapled(start, authority, responder, leaf):
    responder.next_update = None
    pair = leaf()
    server = start(config(authority, pair))
    told = server.monitor.get("/tlsz")["contexts"][0]["staple"]
    assert told.keys() == {"status", "this_update"} and told["status"] == "good"
    responder.next_update = 3600
    reload(server, config(authority, pair))
    told = server.monitor.get("/tlsz")["contexts"][0]["staple"]
    assert told.keys() == {"status", "this_update", "next_update"}
    assert told["this_update"] < told["next_update"]
    reload(server, config(authority, pair, "ocsp: false"), 2)
    assert "staple" not in server.monitor.get("/tlsz")["contexts"][0]


@pytest.mark.midge_only
def test_not_after_stays_in_varz(start, authority, leaf):
    """nats-server loses it while a certificate is stapled."""
    pair = leaf()
    server = start(config(authority, pair))
    assert server.monitor.get("/varz")["tls_cert_not_after"] == (
        pair.cert.not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ"))
