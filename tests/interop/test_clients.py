# SPDX-License-Identifier: Apache-2.0
"""Official clients walk every step of README.md, over each kind of connection."""

import pathlib
import signal
import ssl

import pytest

from conftest import (BASE, CLOSES_AT_SECOND_REFUSAL, CLOSES_WHEN_TOLD, STALLS_WHEN_REFUSED,
                      WITHOUT_NKEY, WITHOUT_TLS_FIRST)
from support.client import tls_context
from support.hashes import BAR, FOO
from support.nkeys import UserKey

STEPS = ["ok " + step for step in (
    "connect", "pubsub", "headers", "request", "no_responders", "queue", "unsubscribe", "large",
    "burst", "drain")]


def tls_map(certs, more="", name="server"):
    return (f'tls {{ cert_file: "{certs.cert(name)}", key_file: "{certs.key(name)}", '
            f'ca_file: "{certs.cert("ca")}", {more} }}\n')


def expect_all_steps(server, client, scheme, login="", **options):
    status, lines, errors = client.run(f"{scheme}://{login}localhost:{server.port}", **options)
    assert lines == STEPS, errors + server.log.text()
    assert status == 0, errors


def expect_refused(server, client, **options):
    """The client says it could not connect, and the server that the handshake failed."""
    status, lines, _ = client.run(f"tls://localhost:{server.port}", **options)
    assert status == 1
    assert len(lines) == 1 and lines[0].startswith("not ok connect: "), lines
    server.wait_log("TLS handshake error")


def test_plain(start, real_client):
    expect_all_steps(start(), real_client, "nats")


@pytest.mark.parametrize("certificate", ["server", "server-rsa"])
def test_tls(start, certs, real_client, certificate):
    server = start(tls_map(certs, name=certificate))
    expect_all_steps(server, real_client, "tls", ca=certs.cert("ca"))


def test_tls_first(start, certs, real_client):
    if real_client.name in WITHOUT_TLS_FIRST:
        pytest.skip(f"{real_client.name} has no TLS-first")
    server = start(tls_map(certs, "handshake_first: true"))
    expect_all_steps(server, real_client, "tls", ca=certs.cert("ca"), tls_first=True)


def test_client_certificate(start, certs, real_client):
    server = start(tls_map(certs, "verify: true"))
    expect_all_steps(server, real_client, "tls", ca=certs.cert("ca"),
                     cert=certs.cert("client"), key=certs.key("client"))


def test_client_certificate_is_missing(start, certs, real_client):
    server = start(tls_map(certs, "verify: true"))
    expect_refused(server, real_client, ca=certs.cert("ca"))


def test_client_certificate_of_a_stranger(start, certs, real_client):
    server = start(tls_map(certs, "verify: true"))
    expect_refused(server, real_client, ca=certs.cert("ca"),
                   cert=certs.cert("client-other"), key=certs.key("client-other"))


def test_server_certificate_has_expired(start, certs, real_client):
    server = start(tls_map(certs, name="server-expired"))
    expect_refused(server, real_client, ca=certs.cert("ca"))


def test_server_certificate_of_a_stranger(start, certs, real_client):
    server = start(tls_map(certs))
    expect_refused(server, real_client, ca=certs.cert("other-ca"))


# What the steps need, and nothing more.
PERMISSIONS = ('permissions: { publish: ["interop.>", "_INBOX.>"], '
               'subscribe: ["interop.>", "_INBOX.>", "interop.q workers"] }')


@pytest.mark.parametrize("tls", [False, True])
def test_hashed_password(start, certs, real_client, tls):
    server = start((tls_map(certs) if tls else "") +
                   f'authorization {{ users: [ {{ user: me, password: "{FOO}", {PERMISSIONS} }} ] }}')
    options = {"ca": certs.cert("ca")} if tls else {}
    expect_all_steps(server, real_client, "tls" if tls else "nats", login="me:foo@", **options)


def test_wrong_password(start, real_client):
    server = start(f'authorization {{ user: me, password: "{FOO}" }}')
    status, lines, _ = real_client.run(f"nats://me:bar@localhost:{server.port}")
    assert status == 1
    assert len(lines) == 1 and lines[0].startswith("not ok connect: "), lines
    server.wait_log('authentication error - User "me"')


def test_token(start, real_client):
    server = start("authorization { token: t0k3n }")
    expect_all_steps(server, real_client, "nats", login="t0k3n@")


def nkey_options(client, key, directory):
    if client.name in WITHOUT_NKEY:
        pytest.skip(f"the program of {client.name} has no --nkey")
    seed = directory / "seed.nk"
    seed.write_text(key.seed)
    public = {"nkey_public": key.public} if client.name == "libnats" else {}
    return {**public, "nkey": seed}


def test_nkey(start, tmp_path, real_client):
    key = UserKey(tmp_path)
    options = nkey_options(real_client, key, tmp_path)
    server = start(f"authorization {{ users: [ {{ nkey: {key.public}, {PERMISSIONS} }} ] }}")
    expect_all_steps(server, real_client, "nats", **options)


def test_nkey_of_a_stranger(start, tmp_path, real_client):
    key, stranger = UserKey(tmp_path), UserKey(tmp_path)
    options = nkey_options(real_client, stranger, tmp_path)
    server = start(f"authorization {{ users: [ {{ nkey: {key.public} }} ] }}")
    status, lines, _ = real_client.run(f"nats://localhost:{server.port}", **options)
    assert status == 1
    assert len(lines) == 1 and lines[0].startswith("not ok connect: "), lines
    server.wait_log(f'authentication error - Nkey "{stranger.public}"')


# Reconnecting across reloads


def reload(server, config, count):
    server.rewrite(BASE + config)
    server.signal(signal.SIGHUP)
    server.wait_log("Reloaded server configuration", count=count)


def only_cid(server):
    (connection,) = server.monitor.connz()["connections"]
    return connection["cid"]


def shown_certificate(client):
    return client.socket.getpeercert(binary_form=True)


def der(path):
    return ssl.PEM_cert_to_DER_cert(pathlib.Path(path).read_text(encoding="ascii"))


def finish(sender, client, text):
    """What the sender publishes arrives, each message once; then the client drains and ends."""
    for payload in (text, "end"):
        sender.send(f"PUB interop.stay {len(payload)}\r\n{payload}\r\n")
        sender.barrier()
        client.expect(f"ok message {payload}")
    client.expect_end()


def return_from_refusal(client, closes):
    return "ok anew" if client.name in closes else "ok again"


def two_users(first, permissions=PERMISSIONS):
    return (f"authorization {{ users: [ {{ {first}, {permissions} }}, "
            "{ user: raw, password: raw } ] }\n")


def raw_client(server, context=None):
    return server.connect(tls=context, user="raw", **{"pass": "raw"})


def need_retries(client):
    if client.name in STALLS_WHEN_REFUSED:
        pytest.skip(f"{client.name} does not try again in time when it is refused as it reconnects")


def hashed(password):
    return two_users(f'user: me, password: "{password}"')


def test_reload_of_a_hashed_password_and_back_in_plaintext(start, real_client):
    need_retries(real_client)
    server = start(hashed(FOO))
    with real_client.stay(f"nats://me:foo@localhost:{server.port}") as client:
        client.expect("ok up")
        cid = only_cid(server)
        reload(server, hashed(BAR), 1)
        assert server.monitor.closed(cid)["reason"] == "Authentication Failure"
        # It was told, came again and was refused, twice.
        server.wait_log('authentication error - User "me"', count=3)
        reload(server, hashed(FOO), 2)
        client.expect(return_from_refusal(real_client, CLOSES_WHEN_TOLD + CLOSES_AT_SECOND_REFUSAL))
        with raw_client(server) as sender:
            finish(sender, client, "hello")


def test_reload_of_a_hashed_password_and_back(start, certs, real_client):
    need_retries(real_client)
    server = start(tls_map(certs) + hashed(FOO))
    with real_client.stay(f"tls://me:foo@localhost:{server.port}", ca=certs.cert("ca")) as client:
        client.expect("ok up")
        cid = only_cid(server)
        reload(server, tls_map(certs) + hashed(BAR), 1)
        assert server.monitor.closed(cid)["reason"] == "Authentication Failure"
        server.wait_log('authentication error - User "me"', count=3)
        reload(server, tls_map(certs, name="server-rsa") + hashed(FOO), 2)
        client.expect(return_from_refusal(real_client, CLOSES_WHEN_TOLD + CLOSES_AT_SECOND_REFUSAL))
        with raw_client(server, tls_context(ca=certs.cert("ca"))) as sender:
            assert shown_certificate(sender) == der(certs.cert("server-rsa"))
            finish(sender, client, "hello")


def test_reload_of_an_nkey_and_back(start, tmp_path, real_client):
    key, other = UserKey(tmp_path), UserKey(tmp_path)
    options = nkey_options(real_client, key, tmp_path)
    server = start(two_users(f"nkey: {key.public}"))
    with real_client.stay(f"nats://localhost:{server.port}", **options) as client:
        client.expect("ok up")
        cid = only_cid(server)
        reload(server, two_users(f"nkey: {other.public}"), 1)
        assert server.monitor.closed(cid)["reason"] == "Client Closed"  # the user is gone
        server.wait_log(f'authentication error - Nkey "{key.public}"', count=2)
        reload(server, two_users(f"nkey: {key.public}"), 2)
        client.expect(return_from_refusal(real_client, CLOSES_AT_SECOND_REFUSAL))
        with raw_client(server) as sender:
            finish(sender, client, "hello")


@pytest.mark.parametrize("verify", ["verify", "verify_and_map"])
def test_reload_of_pinned_certs_and_back(start, certs, real_client, verify):
    need_retries(real_client)

    def config(pin):
        users = 'authorization { users: [ { user: "client@example.com" } ] }\n'
        return (tls_map(certs, f'{verify}: true, pinned_certs: ["{pin}"]') +
                (users if verify == "verify_and_map" else ""))
    server = start(config(certs.fingerprint("client")))
    with real_client.stay(f"tls://localhost:{server.port}", ca=certs.cert("ca"),
                          cert=certs.cert("client"), key=certs.key("client")) as client:
        client.expect("ok up")
        cid = only_cid(server)
        reload(server, config("0" * 64), 1)
        assert server.monitor.closed(cid)["reason"] == "TLS Handshake Failure"
        server.wait_log("TLS handshake error: certificate not pinned", count=2)
        reload(server, config(certs.fingerprint("client")), 2)
        client.expect("ok again")
        context = tls_context(certs.cert("ca"), certs.cert("client"), certs.key("client"))
        with server.connect(tls=context) as sender:
            finish(sender, client, "hello")


def test_reload_of_certificate_and_permissions_disconnects_nobody(start, certs, real_client):
    wider = PERMISSIONS.replace('"_INBOX.>"]', '"_INBOX.>", "more.>"]')
    server = start(tls_map(certs) + hashed(FOO))
    with real_client.stay(f"tls://me:foo@localhost:{server.port}", ca=certs.cert("ca")) as client:
        client.expect("ok up")
        cid = only_cid(server)
        reload(server, tls_map(certs, name="server-rsa") +
               two_users(f'user: me, password: "{FOO}"', wider), 1)
        assert "Reloaded: authorization users" in server.texts()
        with raw_client(server, tls_context(ca=certs.cert("ca"))) as sender:
            assert shown_certificate(sender) == der(certs.cert("server-rsa"))
            assert server.monitor.connection(cid)["subscriptions"] == 1
            finish(sender, client, "hello")
