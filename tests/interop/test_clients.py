# SPDX-License-Identifier: Apache-2.0
"""Official clients walk every step of README.md, over each kind of connection."""

import pytest

from conftest import WITHOUT_TLS_FIRST

STEPS = ["ok " + step for step in (
    "connect", "pubsub", "headers", "request", "no_responders", "queue", "unsubscribe", "large",
    "burst", "drain")]


def tls_map(certs, more="", name="server"):
    return (f'tls {{ cert_file: "{certs.cert(name)}", key_file: "{certs.key(name)}", '
            f'ca_file: "{certs.cert("ca")}", {more} }}\n')


def expect_all_steps(server, client, scheme, **options):
    status, lines, errors = client.run(f"{scheme}://localhost:{server.port}", **options)
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
