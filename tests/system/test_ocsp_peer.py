# SPDX-License-Identifier: Apache-2.0
"""ocsp_peer and ocsp_cache (tls.md 11; rows 150 to 168 of its checklist): every test of the first part also
holds for nats-server."""

import base64
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import threading

import pytest

from support.client import tls_context
from support.deadline import PATIENCE, until
from support.limits import no_room
from support.ocsp import GOOD, REVOKED, UNKNOWN, Answer, Pki, cache_entry

V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture(scope="module")
def shared_pki(tmp_path_factory):
    pki = Pki(tmp_path_factory.mktemp("pki"))
    for number in (1, 2):
        pki.middle(f"middle{number}")
        pki.client(f"user{number}", f"middle{number}")
    pki.server("server")
    pki.client("alice")
    pki.client("bob")
    pki.client("plain", urls=[])
    pki.client("odd", urls=["ldap://127.0.0.1/x"])
    pki.issue("delegate", ("ocsp",), urls=[])
    pki.client("pretender", urls=[])
    yield pki
    pki.close()


@pytest.fixture
def pki(shared_pki):
    """Nobody was asked so far, and everybody is good."""
    shared_pki.responder.reset()
    yield shared_pki
    shared_pki.responder.let_go()


def config(pki, peer="ocsp_peer: true", outside="", inside="timeout: 5"):
    return (f'debug: true\n{outside}\ntls {{\n  cert_file: "{pki.cert("server")}"\n'
            f'  key_file: "{pki.key("server")}"\n  ca_file: "{pki.cert("root")}"\n  verify: true\n'
            f'  {inside}\n  {peer}\n}}\n')


@pytest.fixture
def secure(start, pki):
    """Factory of servers that check their clients."""
    def factory(*args, **options):
        return start(config(pki, *args, **options))
    return factory


def context_of(pki, name, version=None):
    return tls_context(pki.cert("root"), pki.cert(name), pki.key(name), low=version, high=version)


def passes(server, pki, name, version=None):
    with server.client() as client:
        client.handshake(context_of(pki, name, version))
        client.connect()


def refused(server, pki, name, version=None, alert="BAD_CERTIFICATE"):
    """The alert comes with the handshake (1.2) or as the first thing to read (1.3)."""
    client = server.client()
    with pytest.raises(ssl.SSLError) as failure:
        client.handshake(context_of(pki, name, version))
        client.try_send(b"PING\r\n")
        client.socket.recv(1)
    client.close()
    assert alert in str(failure.value)


def cache_of(server):
    return server.monitor.get("/varz").get("ocsp_peer_cache")


def saved(server, directory="_rc_"):
    path = pathlib.Path(server.directory, directory, "cache.json")
    return json.loads(path.read_text(encoding="ascii")) if path.exists() else None


# Row 150, 151, 152, 153

@pytest.mark.parametrize("version", [V1_2, V1_3], ids=["1.2", "1.3"])
def test_good_clients(secure, pki, version):
    server = secure()
    passes(server, pki, "user1", version)
    passes(server, pki, "user2", version)
    assert pki.responder.asked == {"user1": 1, "middle1": 1, "user2": 1, "middle2": 1}
    assert pki.responder.count("POST") == 0
    server.wait_log(r"Chain \[0\] is OCSP valid for all eligible links, thus peer is valid", 2)


@pytest.mark.parametrize("version", [V1_2, V1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("status", [UNKNOWN, REVOKED])
def test_bad_client(secure, pki, version, status):
    pki.responder.answers["alice"] = Answer(status)
    server = secure()
    refused(server, pki, "alice", version)
    server.wait_log(r"TLS handshake error: client not OCSP valid$")
    server.wait_log(rf"OCSP verify fail for \[CN=alice,O=midge tests\] with CA status \[{status}\]")
    server.wait_log(rf"Invalid OCSP response status: {status}$")
    server.wait_log(r"No OCSP valid chains, thus peer is invalid")
    passes(server, pki, "bob", version)


@pytest.mark.parametrize("peer", ["ocsp_peer: false", "ocsp_peer { verify: false }", "ocsp_peer {}", ""])
def test_disabled_lets_revoked_pass(secure, pki, peer):
    pki.responder.answers["alice"] = Answer(REVOKED)
    server = secure(peer)
    passes(server, pki, "alice")
    assert pki.responder.count() == 0
    page = server.monitor.get("/varz")
    assert "tls_ocsp_peer_verify" not in page and "ocsp_peer_cache" not in page


@pytest.mark.parametrize("status", [UNKNOWN, REVOKED])
def test_bad_intermediate(secure, pki, status):
    pki.responder.answers["middle1"] = Answer(status)
    server = secure()
    refused(server, pki, "user1")
    server.wait_log(rf"OCSP verify fail for \[CN=middle1,O=midge tests\] with CA status \[{status}\]")
    passes(server, pki, "user2")


# 11.2: what is eligible

def test_without_responder_is_valid(secure, pki):
    server = secure()
    passes(server, pki, "plain")
    passes(server, pki, "odd")
    server.wait_log(r"Chain \[0\] has no OCSP eligible links, thus peer is valid", 2)
    assert pki.responder.count() == 0


def test_trusted_itself_is_valid(start, pki):
    """A chain of one: the client's own certificate is the anchor."""
    text = config(pki).replace(pki.cert("root"), pki.leaf("alice"))
    server = start(text)
    passes(server, pki, "alice")
    server.wait_log(r"Chain \[0\]: 1 total link\(s\)")
    server.wait_log(r"Chain \[0\] is self-signed, thus peer is valid")


# Row 155, 157, 162, 163: the cache

def test_no_cache(secure, pki):
    server = secure(outside="ocsp_cache: false")
    server.wait_log(r"OCSP peer cache online, type \[none\]")
    passes(server, pki, "alice")
    passes(server, pki, "alice")
    assert pki.responder.count("alice") == 2
    assert cache_of(server) is None


def test_local_cache_counts(secure, pki):
    server = secure()
    server.wait_log(r"OCSP peer cache online, type \[local\]")
    assert cache_of(server) == {"cache_type": "local"}
    passes(server, pki, "alice")
    assert cache_of(server) == {"cache_type": "local", "cache_misses": 1, "cached_responses": 1,
                                "cached_good_responses": 1}
    passes(server, pki, "alice")
    pki.responder.answers["bob"] = Answer(REVOKED)
    refused(server, pki, "bob")
    assert cache_of(server) == {"cache_type": "local", "cache_hits": 1, "cache_misses": 2,
                                "cached_responses": 2, "cached_good_responses": 1,
                                "cached_revoked_responses": 1}
    refused(server, pki, "bob")
    pki.responder.answers["plain"] = Answer(UNKNOWN)
    assert pki.responder.asked == {"alice": 1, "bob": 1}
    key = re.escape(pki.fingerprint("alice"))
    for line in (rf"Checking OCSP peer cache for \[CN=alice,O=midge tests\], key \[{key}\]",
                 rf"OCSP peer cache miss for key \[{key}\]",
                 rf"Trying OCSP responder url \[{pki.responder.url_of(pki.root)}\]",
                 rf"Caching OCSP response for \[CN=alice,O=midge tests\], key \[{key}\]",
                 r"OCSP response compression ratio: \[\d\.\d{6}\]",
                 rf"OCSP peer cache hit for key \[{key}\]",
                 r"Cached OCSP response is current, status \[good\]",
                 r"OCSP verify pass for \[CN=alice,O=midge tests\]"):
        server.wait_log(line)


def test_varz_flag(secure):
    page = secure().monitor.get("/varz")
    assert page["tls_ocsp_peer_verify"] is True and page["tls_verify"] is True
    keys = list(page)
    assert keys.index("tls_ocsp_peer_verify") == keys.index("tls_verify") + 1
    assert keys.index("ocsp_peer_cache") < keys.index("slow_consumer_stats")


@pytest.mark.parametrize("store,directory", [("other", "other"), ("", "_rc_")])
def test_local_store(secure, pki, store, directory):
    server = secure(outside=f'ocsp_cache {{ type: local, local_store: "{store}" }}')
    server.wait_log(rf"Loading OCSP peer cache \[{re.escape(str(server.directory))}/{directory}/cache\.json\]")
    server.wait_log("No OCSP peer cache found, starting with empty cache")
    passes(server, pki, "alice")
    server.stop()
    server.wait_log("Stopping OCSP peer cache")
    assert list(saved(server, directory)) == [pki.fingerprint("alice")]
    mode = pathlib.Path(server.directory, directory).stat().st_mode
    assert mode & 0o777 == 0o700
    assert [p.name for p in pathlib.Path(server.directory, directory).iterdir()] == ["cache.json"]


def test_saved_at_intervals(secure, pki):
    server = secure(outside="ocsp_cache { save_interval: 1 }")
    server.wait_log("OCSP peer cache save timer expired")
    assert saved(server) is None  # nothing to say so far
    passes(server, pki, "alice")
    until(lambda: set(saved(server) or ()) == {pki.fingerprint("alice")}, "alice is in the file")
    passes(server, pki, "bob")
    until(lambda: set(saved(server)) == {pki.fingerprint("alice"), pki.fingerprint("bob")},
          "bob is in the file")
    server.wait_log(r"OCSP peer cache is dirty, saving")
    server.wait_log(r"Saving OCSP peer cache \[.*/_rc_/cache\.json\]")
    server.wait_log(r"Saved OCSP peer cache successfully \(\d+ bytes\)")


def test_file_of_the_cache(secure, pki):
    """Its form to the byte, as far as Go's compressor leaves a choice."""
    pki.responder.answers["bob"] = Answer(REVOKED, next_update=None)
    server = secure()
    passes(server, pki, "alice")
    refused(server, pki, "bob")
    server.stop()
    text = pathlib.Path(server.directory, "_rc_", "cache.json").read_text(encoding="ascii")
    pattern = r'''\{
 "KEY1": \{
  "subject": "CN=\w+,O=midge tests",
  "cached_at": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
  "resp_status": "(?:good|revoked)",
  "resp_expires": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
  "resp": "[A-Za-z0-9+/]+=*"
 \},
 "KEY2": \{
  "subject": "CN=\w+,O=midge tests",
  "cached_at": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
  "resp_status": "(?:good|revoked)",
  "resp_expires": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
  "resp": "[A-Za-z0-9+/]+=*"
 \}
\}'''
    first, second = sorted(pki.fingerprint(name) for name in ("alice", "bob"))
    pattern = pattern.replace("KEY1", re.escape(first)).replace("KEY2", re.escape(second))
    assert re.fullmatch(pattern, text), text
    page = json.loads(text)
    revoked = page[pki.fingerprint("bob")]
    assert revoked["resp_expires"] == "0001-01-01T00:00:00Z" and revoked["resp_status"] == "revoked"
    for entry in page.values():
        assert base64.b64decode(entry["resp"]).startswith(b"\xff\x06\x00\x00S2sTwO")


def test_cache_survives_a_restart(secure, start, pki):
    server = secure()
    passes(server, pki, "alice")
    server.stop()
    text = config(pki, outside=f'ocsp_cache {{ local_store: "{server.directory}/_rc_" }}')
    again = start(text)
    passes(again, pki, "alice")
    assert pki.responder.count("alice") == 1
    assert cache_of(again)["cache_hits"] == 1


@pytest.mark.parametrize("rubbish", ["{", "[]", '{"x": 5}', '{"x": {"resp": "??"}}',
                                     '{"x": {"cached_at": "today"}}'])
def test_damaged_file(start, pki, tmp_path, rubbish):
    store = tmp_path / "store"
    store.mkdir()
    (store / "cache.json").write_text(rubbish, encoding="ascii")
    server = start(config(pki, outside=f'ocsp_cache {{ local_store: "{store}" }}'))
    server.wait_log(r"Unable to load OCSP peer cache: .")
    passes(server, pki, "alice")
    server.stop()
    page = json.loads((store / "cache.json").read_text(encoding="ascii"))
    assert list(page) == [pki.fingerprint("alice")]


def test_store_that_cannot_be_written(start, pki, tmp_path):
    store = tmp_path / "store"
    store.write_text("a file", encoding="ascii")
    server = start(config(pki, outside=f'ocsp_cache {{ local_store: "{store}" }}'))
    passes(server, pki, "alice")
    server.stop()
    server.wait_log(r"\[ERR\] Unable to save OCSP peer cache: .")


def test_no_room_for_the_cache(secure, pki):
    """The file stays as it was, and the next time is another attempt."""
    server = secure(outside="ocsp_cache { save_interval: 1 }")
    passes(server, pki, "alice")
    until(lambda: set(saved(server) or ()) == {pki.fingerprint("alice")}, "alice is in the file")
    with no_room(server):
        passes(server, pki, "bob")
        server.wait_log(r"\[ERR\] Unable to save OCSP peer cache: .*file too large$")
        assert set(saved(server)) == {pki.fingerprint("alice")}
        passes(server, pki, "bob")
    until(lambda: set(saved(server)) == {pki.fingerprint("alice"), pki.fingerprint("bob")},
          "bob is in the file")
    assert [p.name for p in pathlib.Path(server.directory, "_rc_").iterdir()] == ["cache.json"]


@pytest.mark.midge_only  # which takes any response of the right issuer
def test_forged_entry_is_not_believed(start, pki, tmp_path):
    """The file says good, for a key that was never asked about: the signature decides."""
    store = tmp_path / "store"
    store.mkdir()
    server = start(config(pki, outside=f'ocsp_cache {{ local_store: "{store}" }}'))
    passes(server, pki, "alice")
    server.stop()
    page = json.loads((store / "cache.json").read_text(encoding="ascii"))
    pki.responder.answers["bob"] = Answer(REVOKED)
    page = {pki.fingerprint("bob"): page[pki.fingerprint("alice")]}
    (store / "cache.json").write_text(json.dumps(page), encoding="ascii")
    server = start(config(pki, outside=f'ocsp_cache {{ local_store: "{store}" }}'))
    refused(server, pki, "bob")
    key = re.escape(pki.fingerprint("bob"))
    server.wait_log(rf"Invalid cached OCSP response for \[CN=bob,O=midge tests\] with fingerprint \[{key}\]")
    server.wait_log(rf"Deleting OCSP peer cached response for key \[{key}\]")


# Row 158

def test_cache_type_by_reload(secure, pki):
    server = secure()
    passes(server, pki, "alice")
    server.rewrite(server_text(pki, outside="ocsp_cache: false"))
    server.signal(signal.SIGHUP)
    server.wait_log(r"Reloaded OCSP peer cache$")
    server.wait_log(r"OCSP peer cache online, type \[none\]")
    until(lambda: cache_of(server) is None, "no cache any more")
    assert list(saved(server)) == [pki.fingerprint("alice")]
    passes(server, pki, "alice")
    assert pki.responder.count("alice") == 2
    server.rewrite(server_text(pki, outside="ocsp_cache: true"))
    server.signal(signal.SIGHUP)
    server.wait_log(r"OCSP peer cache online, type \[local\]", 2)
    until(lambda: (cache_of(server) or {}).get("cached_responses") == 1, "the file was read")
    passes(server, pki, "alice")
    assert pki.responder.count("alice") == 2


def server_text(pki, *args, **options):
    return 'listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n' + config(pki, *args, **options)


def test_check_by_reload(secure, pki):
    pki.responder.answers["alice"] = Answer(REVOKED)
    server = secure("")
    passes(server, pki, "alice")
    server.rewrite(server_text(pki))
    server.signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration")
    refused(server, pki, "alice")
    assert server.monitor.get("/varz")["tls_ocsp_peer_verify"] is True
    server.rewrite(server_text(pki, "ocsp_peer { verify: true, warn_only: true }"))
    server.signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration", 2)
    passes(server, pki, "alice")
    server.rewrite(server_text(pki, ""))
    server.signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration", 3)
    passes(server, pki, "alice")
    assert "tls_ocsp_peer_verify" not in server.monitor.get("/varz")


@pytest.mark.midge_only
def test_a_file_that_hangs_holds_up_nobody(secure, pki, tmp_path):
    """A store on a network file system that does not answer: handshakes and reloads go on without it."""
    store = tmp_path / "store"
    store.mkdir()
    os.mkfifo(store / "cache.json")
    outside = f'ocsp_cache {{ local_store: "{store}" }}'
    server = secure("")
    try:
        server.rewrite(server_text(pki, outside=outside))
        server.signal(signal.SIGHUP)
        server.wait_log("Loading OCSP peer cache")
        server.wait_log("Reloaded server configuration")
        passes(server, pki, "alice")
        assert cache_of(server) == {"cache_type": "local"}
        server.rewrite(server_text(pki, ""))
        server.signal(signal.SIGHUP)
        server.wait_log("Reloaded server configuration", 2)
        assert cache_of(server) is None
        assert "OCSP peer cache online" not in server.log.text()
    finally:
        writer = until(lambda: opened_for_writing(store / "cache.json"), "the file is being read")
        os.write(writer, b"{}")
        os.close(writer)
    server.wait_log(r"OCSP peer cache online, type \[local\]")
    server.wait_log("Stopping OCSP peer cache")


def opened_for_writing(fifo):
    """None: nobody reads it."""
    with contextlib.suppress(OSError):
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    return None


@pytest.mark.midge_only  # which goes on with the cache that it has
def test_reload_forgets_no_revocation(start, pki, tmp_path):
    """A reload that leaves ocsp_cache alone leaves the cache alone, even one that cannot be saved."""
    store = tmp_path / "store"
    store.write_text("a file", encoding="ascii")
    peer = "ocsp_peer { verify: true, allow_when_ca_unreachable: true }"
    outside = f'ocsp_cache {{ local_store: "{store}" }}'
    pki.responder.answers["alice"] = Answer(REVOKED)
    server = start(config(pki, peer, outside=outside))
    refused(server, pki, "alice")
    pki.responder.answers["alice"] = Answer(http_status=500)
    server.rewrite(server_text(pki, peer, outside=outside + "\nmax_payload: 1000"))
    server.signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration")
    refused(server, pki, "alice")
    assert pki.responder.count("alice") == 1
    assert cache_of(server)["cached_revoked_responses"] == 1


@pytest.mark.midge_only
def test_save_interval_by_reload(secure, pki):
    server = secure(outside="ocsp_cache { save_interval: 3600 }")
    passes(server, pki, "alice")
    server.rewrite(server_text(pki, outside="ocsp_cache { save_interval: 1 }"))
    server.signal(signal.SIGHUP)
    until(lambda: set(saved(server) or ()) == {pki.fingerprint("alice")}, "alice is in the file")
    server.wait_log("OCSP peer cache save timer expired")
    passes(server, pki, "alice")
    assert pki.responder.count("alice") == 1


# Row 159

def file_with(pki, directory, name, answer):
    """A cache.json that holds what the responder would say now."""
    directory.mkdir()
    entry = cache_entry(f"CN={name},O=midge tests", answer.status,
                        pki.response_about(name, answer))
    (directory / "cache.json").write_text(json.dumps({pki.fingerprint(name): entry}),
                                          encoding="ascii")


def test_preserve_revoked(start, pki, tmp_path):
    """An expired revocation stays in the cache, and a newer good response replaces it."""
    store = tmp_path / "store"
    file_with(pki, store, "alice", Answer(REVOKED, this_update=-7200, next_update=-3600))
    pki.responder.answers["alice"] = Answer(http_status=500)
    server = start(config(pki, "ocsp_peer { verify: true, allow_when_ca_unreachable: true }",
                          outside=f'ocsp_cache {{ local_store: "{store}", preserve_revoked: true }}'))
    for _ in range(2):
        refused(server, pki, "alice")
    key = re.escape(pki.fingerprint("alice"))
    server.wait_log(rf"Revoked OCSP response for key \[{key}\] preserved by cache policy", 2)
    server.wait_log(r"OCSP response NextUpdate \[[^]]+\] is before now \[[^]]+\] with clockskew \[30s\]")
    server.wait_log(r"Cached OCSP response is expired, status \[revoked\]")
    server.wait_log(r"Failed to obtain OCSP CA response for \[CN=alice,O=midge tests\] but "
                    r"AllowWhenCAUnreachable set; cached revocation exists so rejecting")
    assert cache_of(server) == {"cache_type": "local", "cache_misses": 2, "cached_responses": 1,
                                "cached_revoked_responses": 1}
    pki.responder.answers["alice"] = Answer(GOOD)
    passes(server, pki, "alice")
    page = cache_of(server)
    assert page["cached_good_responses"] == 1 and "cached_revoked_responses" not in page


def test_revocation_that_is_not_preserved(start, pki, tmp_path):
    """It still counts once: for the handshake that finds it."""
    store = tmp_path / "store"
    file_with(pki, store, "alice", Answer(REVOKED, this_update=-7200, next_update=-3600))
    pki.responder.answers["alice"] = Answer(http_status=500)
    server = start(config(pki, "ocsp_peer { verify: true, allow_when_ca_unreachable: true }",
                          outside=f'ocsp_cache {{ local_store: "{store}" }}'))
    refused(server, pki, "alice")
    passes(server, pki, "alice")
    assert cache_of(server) == {"cache_type": "local", "cache_misses": 2}


def test_expired_is_asked_again(start, pki, tmp_path):
    """The time of a response without nextUpdate is the option's (row 165)."""
    store = tmp_path / "store"
    file_with(pki, store, "alice", Answer(this_update=-120, next_update=None))
    pki.responder.answers["alice"] = Answer(REVOKED)
    outside = f'ocsp_cache {{ local_store: "{store}" }}'
    server = start(config(pki, outside=outside))
    passes(server, pki, "alice")
    server.stop()
    server = start(config(pki, "ocsp_peer { verify: true, cache_ttl_when_next_update_unset: 60 }",
                          outside=outside))
    refused(server, pki, "alice")
    server.wait_log(r"OCSP response cache expiry \[[^]]+\] is before now \[[^]]+\] with clockskew \[30s\]")
    server.wait_log(r"Cached OCSP response is expired, status \[good\]")
    assert pki.responder.count("alice") == 1


def test_next_update_unset_is_kept(secure, pki):
    pki.responder.answers["alice"] = Answer(next_update=None)
    server = secure()
    passes(server, pki, "alice")
    passes(server, pki, "alice")
    assert pki.responder.count("alice") == 1


# Row 161

@pytest.mark.parametrize("answer", [Answer(REVOKED), Answer(UNKNOWN), Answer(http_status=500),
                                    Answer(this_update=-7200, next_update=-3600),
                                    Answer(signer="bob", enclose=False)],
                         ids=["revoked", "unknown", "unreachable", "stale", "forged"])
def test_warn_only(secure, pki, answer):
    pki.responder.answers["alice"] = answer
    server = secure("ocsp_peer { verify: true, warn_only: true }")
    passes(server, pki, "alice")
    server.wait_log(r"\[WRN\] OCSP verify fail for \[CN=alice,O=midge tests\] but WarnOnly is true so allowing")


def test_unknown_is_good(secure, pki):
    pki.responder.answers["alice"] = Answer(UNKNOWN)
    pki.responder.answers["bob"] = Answer(REVOKED)
    server = secure("ocsp_peer { verify: true, unknown_is_good: true }")
    passes(server, pki, "alice")
    refused(server, pki, "bob")
    assert cache_of(server)["cached_unknown_responses"] == 1


def test_allow_when_unreachable(secure, pki):
    pki.responder.answers["alice"] = Answer(http_status=404)
    pki.responder.answers["bob"] = Answer(REVOKED)
    server = secure("ocsp_peer { verify: true, allow_when_ca_unreachable: true }")
    passes(server, pki, "alice")
    server.wait_log(r"\[WRN\] Attempt to obtain OCSP response from CA responder for "
                    r"\[CN=alice,O=midge tests\] failed: exhausted OCSP responders: "
                    r"bad OCSP responder http status: \[404\]")
    server.wait_log(r"\[WRN\] Failed to obtain OCSP CA response for \[CN=alice,O=midge tests\] but "
                    r"AllowWhenCAUnreachable set; no cached revocation so allowing")
    refused(server, pki, "bob")


def test_unreachable(secure, pki):
    pki.responder.answers["alice"] = Answer(http_status=503)
    server = secure()
    refused(server, pki, "alice")
    server.wait_log(r"Failed OCSP response fetch$")
    pki.responder.answers["alice"] = Answer()
    passes(server, pki, "alice")


def test_second_responder(secure, pki):
    """One that refuses the connection, one that answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        if "carol" not in pki.all:
            pki.client("carol", urls=[dead, pki.responder.url_of(pki.root) + "/"])
        server = secure()
        passes(server, pki, "carol")
    assert pki.responder.count("carol") == 1


# Row 164, and answers that prove nothing

def test_delegated_signer(secure, pki):
    pki.responder.answers["by root"] = Answer(signer="delegate")
    server = secure()
    passes(server, pki, "alice")
    passes(server, pki, "alice")
    assert pki.responder.count("alice") == 1


def test_bad_delegate(secure, pki):
    pki.responder.answers["by root"] = Answer(signer="pretender")
    server = secure()
    refused(server, pki, "alice")
    server.wait_log(r"\[WRN\] Invalid OCSP response delegation: CN=alice,O=midge tests")


@pytest.mark.parametrize("answer,line", [
    (Answer(signer="bob", enclose=False), r"\[ERR\] Could not parse OCSP CA response for \[CN=alice,O=midge tests\]: ."),
    (Answer(body=b"\x30\x03\x0a\x01\x03"), r"\[ERR\] Could not parse OCSP CA response for \[CN=alice,O=midge tests\]: ."),
    (Answer(this_update=-7200, next_update=-3600),
     r"\[WRN\] New OCSP CA response obtained for \[CN=alice,O=midge tests\] but not current"),
    (Answer(this_update=3600, next_update=7200), r"OCSP response ThisUpdate \[[^]]+\] is before now \[[^]]+\] with clockskew \[30s\]"),
], ids=["forged", "try-later", "stale", "future"])
def test_useless_answers(secure, pki, answer, line):
    pki.responder.answers["alice"] = answer
    server = secure()
    refused(server, pki, "alice")
    server.wait_log(line)
    assert "cached_responses" not in cache_of(server)


def test_skew_is_allowed(secure, pki):
    pki.responder.answers["alice"] = Answer(this_update=300, next_update=7200)
    pki.responder.answers["bob"] = Answer(this_update=-7200, next_update=-300)
    server = secure("ocsp_peer { verify: true, allowed_clockskew: 600 }")
    passes(server, pki, "alice")
    passes(server, pki, "bob")


# The handshake around it

def test_needs_verify(start, pki):
    text = config(pki).replace("verify: true", "verify: false")
    server = start(text, ready=False)
    server.expected_status = 1
    server.wait_log(r"OCSP peer verification for client connections requires TLS verify \(mTLS\) to be enabled$")
    assert server.process.wait(30) == 1


def test_handshake_first(secure, pki):
    pki.responder.answers["bob"] = Answer(REVOKED)
    server = secure(inside="timeout: 5\n  handshake_first: true")
    client = server.client(tls=context_of(pki, "alice"), tls_first=True)
    client.connect()
    client.close()
    with pytest.raises((ssl.SSLError, AssertionError)):
        server.client(tls=context_of(pki, "bob"), tls_first=True)
    server.wait_log(r"TLS handshake error: client not OCSP valid$")


@pytest.mark.midge_only  # whose timer waits for the check
def test_slow_responder_times_out(secure, pki):
    """The time of the request counts against the handshake's; what comes of it serves the next one."""
    hold = threading.Event()
    pki.responder.answers["alice"] = Answer(hold=hold)
    server = secure("ocsp_peer { verify: true, ca_timeout: 60 }", inside="timeout: 0.5")
    client = server.client()
    with pytest.raises((OSError, AssertionError)):
        client.handshake(context_of(pki, "alice"))
        client.connect()
    server.wait_log("TLS handshake timeout")
    server.wait_log(r"TLS handshake verdict: timeout, .*; remedy: the responder of the client's certificate did "
                    r"not answer in time")
    client.close()
    hold.set()
    until(lambda: cache_of(server).get("cached_responses") == 1, "the answer was kept")
    pki.responder.answers["alice"] = Answer(http_status=500)
    passes(server, pki, "alice")
    assert pki.responder.count("alice") == 1


def test_ca_timeout(secure, pki):
    hold = threading.Event()
    pki.responder.answers["alice"] = Answer(hold=hold)
    server = secure("ocsp_peer { verify: true, ca_timeout: 0.2 }", inside="timeout: 30")
    refused(server, pki, "alice")
    server.wait_log(r"Attempt to obtain OCSP response from CA responder for \[CN=alice,O=midge tests\] failed: "
                    r"exhausted OCSP responders: Get \"http://127.0.0.1:\d+/root/[^\"]+\": "
                    r"context deadline exceeded \(Client.Timeout exceeded while awaiting headers\)")
    hold.set()


@pytest.mark.midge_only  # which looks at the issuer's signature alone
def test_answer_about_another_is_not_believed(secure, pki):
    server = secure()
    pki.responder.answers["alice"] = Answer(body=pki.response_about("bob"))
    refused(server, pki, "alice")
    server.wait_log(r"Could not parse OCSP CA response for \[CN=alice,O=midge tests\]: "
                    r"no response matching the supplied certificate")


# Row 160

def test_stapled_as_well(start, pki):
    """The server's certificate is stapled while its clients' are checked."""
    if "stapled" not in pki.all:
        pki.server("stapled", must_staple=True)
    pki.responder.answers["bob"] = Answer(REVOKED)
    text = config(pki).replace(pki.cert("server"), pki.cert("stapled"))
    server = start(text.replace(pki.key("server"), pki.key("stapled")))
    server.wait_log(r"Found OCSP status for Client certificate at '.*stapled\.crt': good")
    passes(server, pki, "alice")
    refused(server, pki, "bob")
    assert pki.responder.asked == {"stapled": 1, "alice": 1, "bob": 1}


@pytest.mark.midge_only
def test_reload_waits_for_no_peer(secure, pki):
    """Clients whose responder hangs keep every thread busy that asks others: the reload gives up in time."""
    if "stapled" not in pki.all:
        pki.server("stapled", must_staple=True)
    hold = threading.Event()
    names = ["alice", "bob", "user1", "user2"]
    for name in names:
        pki.responder.answers[name] = Answer(hold=hold)
    peer, inside = "ocsp_peer { verify: true, ca_timeout: 60 }", "timeout: 60"
    server = secure(peer, inside=inside)
    clients = [server.client() for _ in names]
    for client, name in zip(clients, names):
        client.handshake(context_of(pki, name, V1_3))
        pki.responder.wait_asked(name)
    text = server_text(pki, peer, inside=inside).replace(pki.cert("server"), pki.cert("stapled"))
    server.rewrite(text.replace(pki.key("server"), pki.key("stapled")))
    server.signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration", seconds=18)
    server.wait_log(r"\[WRN\] Can't restart OCSP features: bad OCSP status update for certificate at "
                    r"'.*stapled\.crt': exhausted ocsp servers: context deadline exceeded$")
    assert pki.responder.count("stapled") == 0
    hold.set()
    for client in clients:
        client.connect()
        client.close()


# Row 166: monitoring asks for no certificate and serves whoever comes

def test_https_monitoring(start, pki):
    text = config(pki, outside='https: "127.0.0.1:-1"')
    server = start('listen: "127.0.0.1:-1"\n' + text, base=False)
    server.wait_log("Starting https monitor on")
    port = server.monitor.port
    for name in ("alice", "bob"):
        context = context_of(pki, name)
        with socket.create_connection(("127.0.0.1", port)) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as secured:
                secured.sendall(b"GET /varz HTTP/1.0\r\n\r\n")
                assert secured.recv(15).startswith(b"HTTP/1.0 200 OK")


# The other program's file

def test_file_of_the_other_server(start, pki, tmp_path):
    """nats-server reads midge's file, and midge that of nats-server. Needs both; see MIDGE_TEST_PEER."""
    other = os.environ.get("MIDGE_TEST_PEER")
    if not other:
        pytest.skip("MIDGE_TEST_PEER names no other server")
    store = tmp_path / "store"
    text = config(pki, outside=f'ocsp_cache {{ local_store: "{store}" }}')
    names = ["user1", "alice"]
    pki.responder.answers["bob"] = Answer(REVOKED, next_update=None)
    for binary in (None, other, None):
        server = start(text, binary=binary)
        for name in names:
            passes(server, pki, name)
        refused(server, pki, "bob")
        page = cache_of(server)
        assert page["cached_responses"] == 4 and page["cached_revoked_responses"] == 1
        server.stop()
        entry = json.loads((store / "cache.json").read_text(encoding="ascii"))
        assert len(entry) == 4
        assert all(pki.responder.count(name) == 1 for name in ("user1", "middle1", "alice", "bob"))
        del entry[pki.fingerprint("alice")]  # so that the next one writes the file anew
        (store / "cache.json").write_text(json.dumps(entry), encoding="ascii")
        with pki.responder.changed:
            pki.responder.asked["alice"] = 0


# What midge has beyond that

REASONS = {REVOKED: "ocsp_revoked", UNKNOWN: "ocsp_unknown", None: "ocsp_unavailable"}


@pytest.mark.midge_only
@pytest.mark.parametrize("status", REASONS)
def test_verdict(secure, pki, status):
    pki.responder.answers["middle1"] = Answer(status) if status else Answer(http_status=500)
    server = secure()
    refused(server, pki, "user1")
    line = server.wait_log(r"TLS handshake verdict: (.*)$").group(1)
    assert line.startswith(f"{REASONS[status]}, refused by ours, certificate CN=middle1,O=midge tests SHA-256: ")
    assert "; rule: ocsp_peer: " in line and "; remedy: " in line
    page = until(lambda: (lambda p: p if p["failures"] else None)(server.monitor.get("/tlsz")),
                 "the page shows it")
    failure, = page["failures"]
    assert failure["reason"] == REASONS[status] and failure["error"] == "client not OCSP valid"
    assert (failure["alert"], failure["alert_name"]) == (42, "bad certificate")
    assert failure["certificate"]["subject"] == "CN=middle1,O=midge tests"
    assert failure["certificate"]["issuer"] == "CN=root,O=midge tests"
    assert server.monitor.get("/varz")["tls_handshakes"]["failed_by_reason"][REASONS[status]] == 1


@pytest.mark.midge_only
def test_one_request_for_many(secure, pki):
    """Fifty handshakes of one certificate wait for one answer."""
    hold = threading.Event()
    pki.responder.answers["alice"] = Answer(hold=hold)
    server = secure("ocsp_peer { verify: true, ca_timeout: 60 }", inside="timeout: 60")
    context = context_of(pki, "alice", V1_3)
    clients = [server.client() for _ in range(50)]
    for client in clients:
        client.handshake(context)  # done for the client, not for the server
    pki.responder.wait_asked("alice")
    server.wait_log(r"Checking OCSP peer cache for \[CN=alice", 50)
    hold.set()
    for client in clients:
        client.connect()
        client.close()
    assert pki.responder.count("alice") == 1


@pytest.mark.midge_only
def test_others_are_served_meanwhile(secure, pki):
    hold = threading.Event()
    pki.responder.answers["alice"] = Answer(hold=hold)
    server = secure("ocsp_peer { verify: true, ca_timeout: 60 }", inside="timeout: 60")
    waiting = server.client()
    waiting.handshake(context_of(pki, "alice", V1_3))
    waiting.send("CONNECT {\"verbose\":false}\r\nPING\r\n")
    pki.responder.wait_asked("alice")
    for _ in range(5):
        passes(server, pki, "bob")
    until(lambda: [c.get("tls_version") for c in server.monitor.get("/connz")["connections"]] == [None],
          "bob has left, alice waits")
    hold.set()
    waiting.expect(b"PONG\r\n")
    waiting.close()


@pytest.mark.midge_only
@pytest.mark.parametrize("version", [V1_2, V1_3], ids=["1.2", "1.3"])
def test_client_leaves_while_the_responder_is_asked(secure, pki, version):
    hold = threading.Event()
    pki.responder.answers["alice"] = Answer(hold=hold)
    server = secure("ocsp_peer { verify: true, ca_timeout: 60 }", inside="timeout: 60")
    client = server.client()
    secured = context_of(pki, "alice", version).wrap_socket(
        client.socket, server_hostname="localhost", do_handshake_on_connect=False)

    def shake():
        with contextlib.suppress(OSError, ValueError):  # 1.2: it ends with the connection
            secured.do_handshake()

    thread = threading.Thread(target=shake)
    thread.start()
    pki.responder.wait_asked("alice")
    socket.socket.shutdown(secured, socket.SHUT_RDWR)
    thread.join()
    secured.close()
    hold.set()
    until(lambda: cache_of(server).get("cached_responses") == 1, "the answer was kept")
    passes(server, pki, "bob")
    until(lambda: server.monitor.get("/varz")["connections"] == 0, "nobody is left")


@pytest.mark.midge_only
def test_server_stops_while_the_responder_is_asked(secure, pki):
    hold = threading.Event()
    pki.responder.answers["alice"] = Answer(hold=hold)
    server = secure("ocsp_peer { verify: true, ca_timeout: 60 }", inside="timeout: 60")
    client = server.client()
    client.handshake(context_of(pki, "alice", V1_3))
    pki.responder.wait_asked("alice")
    server.stop()
    client.close()
    hold.set()


@pytest.mark.midge_only
def test_reload_while_the_responder_is_asked(secure, pki):
    """The handshake ends by what it began with; a revocation is not let through by a reload."""
    hold = threading.Event()
    pki.responder.answers["alice"] = Answer(REVOKED, hold=hold)
    server = secure("ocsp_peer { verify: true, ca_timeout: 60 }", inside="timeout: 60")
    client = server.client()
    client.handshake(context_of(pki, "alice", V1_3))
    pki.responder.wait_asked("alice")
    server.rewrite(server_text(pki, ""))
    server.signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration")
    hold.set()
    with pytest.raises(ssl.SSLError):
        client.socket.recv(1)
    client.close()
    passes(server, pki, "alice")


def resume(server, context, session):
    """A second connection of the same context that offers the session; was it taken?"""
    client = server.client()
    client.socket = context.wrap_socket(client.socket, server_hostname="localhost", session=session)
    try:
        client.connect()
        return client.socket.session_reused
    finally:
        client.close()


def session_of(server, context):
    with server.client() as client:
        client.handshake(context)
        client.connect()
        return client.socket.session


@pytest.mark.midge_only
@pytest.mark.parametrize("version", [V1_2, V1_3], ids=["1.2", "1.3"])
def test_resumption(secure, pki, version):
    """A ticket is good as long as the cache says so of every link; else a full handshake finds out."""
    window = 1 + int(PATIENCE)  # seconds in which user2's response is current
    server = secure(f"ocsp_peer {{ verify: true, allowed_clockskew: 0, "
                    f"cache_ttl_when_next_update_unset: {60 + window} }}")
    context = context_of(pki, "user1", version)
    session = session_of(server, context)
    assert resume(server, context, session)
    assert pki.responder.asked == {"user1": 1, "middle1": 1}
    pki.responder.answers["user2"] = Answer(next_update=None, this_update=-60)
    context = context_of(pki, "user2", version)
    session = session_of(server, context)
    pki.responder.answers["user2"] = Answer(REVOKED)

    def is_refused():
        try:
            resume(server, context, session)
            return False
        except (OSError, AssertionError):
            return True
    until(is_refused, "the response is out of date", step=0.3)
    server.wait_log(r"TLS handshake error: client not OCSP valid$")


@pytest.mark.midge_only
@pytest.mark.parametrize("version", [V1_2, V1_3], ids=["1.2", "1.3"])
def test_no_resumption_without_a_cache(secure, pki, version):
    server = secure(outside="ocsp_cache: false")
    context = context_of(pki, "alice", version)
    session = session_of(server, context)
    pki.responder.answers["alice"] = Answer(REVOKED)
    with pytest.raises((OSError, AssertionError)):
        resume(server, context, session)


@pytest.mark.midge_only
def test_ticket_does_not_outlive_a_reload_that_checks(secure, pki):
    server = secure("")
    context = context_of(pki, "alice", V1_3)
    session = session_of(server, context)
    assert resume(server, context, session)
    pki.responder.answers["alice"] = Answer(REVOKED)
    server.rewrite(server_text(pki))
    server.signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration")
    with pytest.raises((OSError, AssertionError)):
        resume(server, context, session)


@pytest.mark.midge_only
def test_refused_client_gets_no_ticket(secure, pki):
    """Under TLS 1.3 the alert is the first record that comes behind the handshake."""
    pki.responder.answers["alice"] = Answer(REVOKED)
    server = secure()
    context = context_of(pki, "alice", V1_3)
    client = server.client()
    client.handshake(context)
    with pytest.raises(ssl.SSLError) as failure:
        client.socket.recv(1)
    assert "BAD_CERTIFICATE" in str(failure.value)
    assert not client.socket.session.has_ticket
    client.close()


@pytest.mark.midge_only
def test_small_records(secure, pki):
    """A client with max_fragment_length keeps the library's session; it is refused all the same."""
    import subprocess  # pylint: disable=import-outside-toplevel
    pki.responder.answers["alice"] = Answer(REVOKED)
    server = secure(inside="timeout: 5\n  handshake_first: true")
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_3",
                           "-maxfraglen", "512", "-cert", pki.leaf("alice"), "-key",
                           pki.key("alice"), "-CAfile", pki.cert("root"), "-quiet", "-no_ign_eof"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, check=False)
    assert b"INFO" not in done.stdout
    server.wait_log(r"TLS handshake error: client not OCSP valid$")
