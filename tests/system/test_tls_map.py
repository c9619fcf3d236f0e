# SPDX-License-Identifier: Apache-2.0
"""verify_and_map: which user a certificate names, and what passwords, tokens and CONNECT have to say."""

import re
import ssl

import pytest

from support.client import tls_context

V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
# crypt_blowfish's own test vector
BCRYPT_PASSWORD = "U*U"
BCRYPT_HASH = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"


def config(certs, users, outside="", inside="verify_and_map: true"):
    return ('listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\ndebug: true\n' + outside +
            f'\ntls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}", '
            f'ca_file: "{certs.cert("ca")}", timeout: 5\n{inside} }}\n'
            f"authorization {{ {users} }}\n")


@pytest.fixture
def map_start(start, certs):
    def factory(users, outside="", **options):
        return start(config(certs, users, outside, **options), base=False)
    return factory


@pytest.fixture
def context(certs):
    """Context of a client whose certificate has this subject and these SANs."""
    def factory(subject="/CN=nobody", san=None, **options):
        name = certs.client_for(subject, san)
        return tls_context(certs.cert("ca"), certs.cert(name), certs.key(name), **options)
    return factory


def user(server, client):
    return server.monitor.connection(client.cid, "auth=1")["authorized_user"]


def refused(server, tls, **options):
    client = server.client(tls=tls)
    client.send("CONNECT {" + ",".join(f'"{k}":"{v}"' for k, v in options.items()) + "}\r\nPING\r\n")
    client.expect_fatal("Authorization Violation")
    assert server.monitor.closed(client.cid)["reason"] == "Authentication Failure"
    return client


# Rows 43, 46, 51 and the order of 6.2, each step once more in the log.
@pytest.mark.parametrize("subject, san, name, line", [
    ("/OU=CNCF/CN=derek", "email:derek@nats.io,DNS:localhost", "derek@nats.io",
     'Using email found in cert for auth ["derek@nats.io"]'),
    ("/CN=www.nats.io", "DNS:app.nats.dev,DNS:*.app.nats.dev", "app.nats.dev",
     'Using SAN found in cert for auth ["app.nats.dev"]'),
    ("/CN=x", "DNS:one,DNS:*.app.nats.dev", "*.app.nats.dev",
     'Using SAN found in cert for auth ["*.app.nats.dev"]'),
    ("/C=US/O=SPIRE", "URI:spiffe://localhost/my-nats-service/user-a",
     "spiffe://localhost/my-nats-service/user-a",
     'Using URI found in cert for auth ["spiffe://localhost/my-nats-service/user-a"]'),
    ("/OU=NATS/CN=example.com", None, "CN=example.com,OU=NATS",
     'Using DistinguishedNameMatch for auth ["CN=example.com,OU=NATS"]'),
    ("/OU=NATS/CN=example.com", "DNS:unknown", "OU=NATS, CN=example.com",
     'Using DistinguishedNameMatch for auth ["OU=NATS, CN=example.com"]'),
    ("/CN=a/O=x+DC=y", None, "DC=y+O=x,CN=a",
     'Using DistinguishedNameMatch for auth ["DC=y+O=x,CN=a"]'),
    ("/emailAddress=a@b/DC=foo1/DC=foo2/CN=h", None, "CN=h,DC=foo1,DC=foo2",
     'Using RDNSequence for auth ["CN=h,DC=foo1,DC=foo2"]'),
    ("/emailAddress=a@b/OU=U/CN=h", None, "CN=h,OU=U",
     'Using certificate subject for auth ["CN=h,OU=U"]'),
    ("/", "DNS:app.nats.dev", "app.nats.dev",
     'Using SAN found in cert for auth ["app.nats.dev"]'),
])
def test_who_it_is(map_start, context, subject, san, name, line):
    server = map_start(f'users: [{{user: "other"}}, {{user: "{name}"}}, {{user: "CN=other"}}]')
    client = server.connect(tls=context(subject, san))
    assert user(server, client) == name
    server.wait_log(" - " + re.escape(line) + "$")


# Rows 47 to 49: nobody is meant.
@pytest.mark.parametrize("subject, san, line", [
    ("/CN=x", "DNS:unknown", 'User in cert ["CN=x"], not found'),
    ("/", "DNS:unknown", 'User in cert [""], not found'),
    ("/CN=A", None, 'User in cert ["CN=A"], not found'),
    ("/CN=a,OU=b", None, None),
    ("/CN=Alice/CN=Alice/O=NATS", None, None),
    ("/CN=y", "DNS:x.app.nats.dev", None),
])
def test_nobody(map_start, context, subject, san, line):
    server = map_start('users: [{user: "CN=a"}, {user: "CN=a,OU=b"}, {user: "*.app.nats.dev"}, '
                       '{user: "CN=Alice,O=NATS,OU=Users"}]')
    client = refused(server, context(subject, san))
    server.wait_log(rf"\[ERR\] .* - cid:{client.cid} - authentication error$")
    if line:
        server.wait_log(" - " + re.escape(line) + "$")


# Row 49: the exact order beats the reordered one; row 50: which counts when there is nothing else.
def test_order_of_rdns(map_start, context):
    exact, turned = "CN=h,O=b,C=US", "C=US,O=b,CN=h"
    subject = "/C=US/O=b/CN=h"
    server = map_start(f'users: [{{user: "{exact}"}}, {{user: "{turned}"}}]')
    assert user(server, server.connect(tls=context(subject))) == exact
    server = map_start(f'users: [{{user: "{turned}"}}]')
    assert user(server, server.connect(tls=context(subject))) == turned


# Row 45: the user's permissions are in force.
def test_permissions(map_start, context):
    server = map_start('default_permissions: {publish: "public.>"}, users: [{user: "CN=a"}, '
                       '{user: "CN=b", permissions: {publish: "private.>"}}]')
    for subject, good, bad in (("/CN=a", "public.x", "private.x"),
                               ("/CN=b", "private.x", "public.x")):
        client = server.connect(tls=context(subject))
        client.send(f"PUB {good} 0\r\n\r\nPUB {bad} 0\r\n\r\n")
        client.expect_error(f'Permissions Violation for Publish to "{bad}"')
        client.barrier()


# Row 44: TestTLSClientCertificateCheckWithAllowedConnectionTypes
def test_connection_types(map_start, context):
    server = map_start('users: [{user: "a@b", allowed_connection_types: [WEBSOCKET]}, '
                       '{user: "CN=a", allowed_connection_types: [STANDARD]}]')
    assert user(server, server.connect(tls=context("/CN=a", "email:a@b"))) == "CN=a"
    refused(server, context("/CN=c", "email:a@b"))


# 6.5: CONNECT's name is not believed, only said to be wrong.
def test_name_in_connect(map_start, context):
    server = map_start('users: [{user: "CN=a"}, {user: "me", password: "secret"}]')
    client = server.connect(tls=context("/CN=a"), user="me", **{"pass": ""})
    assert user(server, client) == "CN=a"
    server.wait_log(r'\[WRN\] User "me" found in connect proto, but user required from cert$')
    refused(server, context("/CN=c"), user="me", **{"pass": "secret"})


# Row 58: TestAuthCertMappedUserWithPassword
@pytest.mark.parametrize("stored, password", [("secret", "secret"), (BCRYPT_HASH, BCRYPT_PASSWORD)])
def test_password_as_well(map_start, context, stored, password):
    server = map_start(f'users: [{{user: "CN=a", password: "{stored}"}}]')
    client = refused(server, context("/CN=a"))
    server.wait_log(rf'\[ERR\] .* - cid:{client.cid} .*authentication error - User "CN=a"$')
    refused(server, context("/CN=a"), **{"pass": "wrong"})
    assert user(server, server.connect(tls=context("/CN=a"), **{"pass": password})) == "CN=a"


# A password where the user has none is wrong as well.
def test_password_where_none_is(map_start, context):
    server = map_start('users: [{user: "CN=a"}]')
    refused(server, context("/CN=a"), **{"pass": "x"})


# 6.1: no_auth_user does not count where certificates name users.
def test_no_auth_user(map_start, context):
    server = map_start('users: [{user: "CN=a"}, {user: "guest"}]', 'no_auth_user: "guest"')
    refused(server, context("/CN=c"))
    assert user(server, server.connect(tls=context("/CN=a"))) == "CN=a"


# 6.1: without a list of users the option just means verify.
@pytest.mark.parametrize("users, options", [
    ('token: "t"', {"auth_token": "t"}), ('user: "me", password: "x"', {"user": "me", "pass": "x"}),
])
def test_no_list_of_users(map_start, context, users, options):
    server = map_start(users)
    server.connect(tls=context("/CN=a"), **options).barrier()
    refused(server, context("/CN=me"))


# A client without TLS on a mixed port has no certificate, whatever it says.
@pytest.mark.parametrize("options", ['{}', '{"user":"CN=a"}', '{"user":"me","pass":"secret"}'])
def test_plaintext_on_a_mixed_port(map_start, options):
    server = map_start('users: [{user: "CN=a"}, {user: "me", password: "secret"}]',
                       "allow_non_tls: true")
    client = server.client()
    client.send(f"CONNECT {options}\r\n")
    client.expect_fatal("Authorization Violation")
    server.wait_log("User required in cert, no TLS connection state$")


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_resumed_session(map_start, context, version):
    server = map_start('users: [{user: "CN=a"}]')
    shared = context("/CN=a", high=version)
    first = server.connect(tls=shared)
    first.barrier()
    second = server.client()
    second.socket = shared.wrap_socket(second.socket, server_hostname="localhost",
                                       session=first.socket.session)
    second.connect()
    assert second.socket.session_reused and user(server, second) == "CN=a"


# 9.2: a reload maps live clients anew; whose user is gone is closed.
def test_reload(map_start, certs, context):
    server = map_start('users: [{user: "CN=a"}, {user: "CN=b"}]')
    both = server.connect(tls=context("/CN=a", "email:a@b"))
    other = server.connect(tls=context("/CN=b"))
    assert user(server, both) == "CN=a"
    server.rewrite(config(certs, 'users: [{user: "CN=a"}, {user: "a@b"}]'))
    server.signal(1)
    server.wait_log("Reloaded server configuration")
    other.expect_closed()
    both.barrier()
    assert user(server, both) == "a@b"


# Row 118: HTTPS monitoring asks nobody for a certificate.
def test_https_monitoring(start, certs):
    text = config(certs, 'users: [{user: "CN=a"}]').replace("http:", "https:")
    server = start(text, base=False)
    assert server.monitor.scheme == "https" and server.monitor.varz()["tls_verify"] is True


# INFO asks for a login, and nothing but CONNECT is read before it.
@pytest.mark.midge_only
def test_nothing_before_connect(map_start, context):
    server = map_start('users: [{user: "CN=a"}]')
    client = server.client(tls=context("/CN=a"))
    assert client.info["auth_required"] is True and client.info["tls_verify"] is True
    client.send("SUB x 1\r\n")
    client.expect_fatal("Authorization Violation")
