# SPDX-License-Identifier: Apache-2.0
"""Official clients walk every step of README.md, over each kind of connection."""

import pytest

from conftest import WITHOUT_NKEY, WITHOUT_TLS_FIRST
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


# "foo", with the smallest cost
HASH = "$2a$04$n8GjLrMd5dVY6MK7rp2vpeDQ0CLtLprvnYvPv6s65M0r2h1a20ioa"
# What the steps need, and nothing more.
PERMISSIONS = ('permissions: { publish: ["interop.>", "_INBOX.>"], '
               'subscribe: ["interop.>", "_INBOX.>", "interop.q workers"] }')


@pytest.mark.parametrize("tls", [False, True])
def test_hashed_password(start, certs, real_client, tls):
    server = start((tls_map(certs) if tls else "") +
                   f'authorization {{ users: [ {{ user: me, password: "{HASH}", {PERMISSIONS} }} ] }}')
    options = {"ca": certs.cert("ca")} if tls else {}
    expect_all_steps(server, real_client, "tls" if tls else "nats", login="me:foo@", **options)


def test_wrong_password(start, real_client):
    server = start(f'authorization {{ user: me, password: "{HASH}" }}')
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
