# SPDX-License-Identifier: Apache-2.0
"""verify_and_map: which user a certificate names, and what passwords, tokens and CONNECT have to say."""

import json
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


# Sections 6.2 to 6.4, form by form, all users in one server: what is exact, what is structure, what is text.
FORMS = [
    ("/CN=z", "email:derek@nats.io", "derek@nats.io"),
    ("/CN=z", "email:DEREK@nats.io", None),
    ("/CN=z", "email:x@y,email:derek@nats.io", "derek@nats.io"),
    ("/CN=z", "DNS:app.nats.dev", "app.nats.dev"),
    ("/CN=z", "DNS:App.Nats.Dev", None),
    ("/CN=z", "DNS:x.app.nats.dev", None),
    ("/CN=z", "DNS:*.app.nats.dev", "*.app.nats.dev"),
    ("/CN=z", "DNS:app.nats.dev,email:derek@nats.io", "derek@nats.io"),
    ("/CN=z", "URI:spiffe://localhost/a,DNS:app.nats.dev", "app.nats.dev"),
    ("/CN=z", "URI:spiffe://localhost/a", "spiffe://localhost/a"),
    ("/CN=z", "URI:spiffe://LOCALHOST/b", "spiffe://LOCALHOST/b"),
    ("/CN=z", "URI:SPIFFE://x/c", "spiffe://x/c"),
    ("/CN=z", "URI:urn:uuid:1234", "urn:uuid:1234"),
    ("/CN=z", "URI:http://h/a%20b", "http://h/a%20b"),
    ("/CN=z", "URI:https://user@h/", "https://user@h/"),
    ("/CN=z", "URI:mailto:a@b", "mailto:a@b"),
    ("/CN=z", "IP:10.0.0.1", None),
    ("/CN=ip", "IP:10.0.0.1", "CN=ip"),
    ("/CN=z", "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:derek@nats.io", None),
    ("/CN=z", "RID:1.2.3", None),
    ("/", "DNS:app.nats.dev", "app.nats.dev"),
    ("/", "IP:10.0.0.1", None),
    # Structure: the order, if need be any order; types in any case, values exact.
    ("/OU=NATS/CN=example.com", None, "CN=example.com,OU=NATS"),
    ("/CN=example.com/OU=NATS", None, "CN=example.com,OU=NATS"),
    ("/CN=turned/OU=NATS", None, "OU=NATS,CN=turned"),
    ("/OU=NATS/CN=turned", None, "OU=NATS,CN=turned"),
    ("/OU=Lower/CN=lower", None, "cn=lower,ou=Lower"),
    ("/O=X/CN=upper", None, "CN=upper,O=X"),
    ("/O=x/CN=upper", None, None),
    ("/CN=A", None, "CN=A"),
    ("/CN=a", None, None),
    ("/O=only", None, "O=only"),
    ("/CN=B\u00fccher", None, "CN=B\u00fccher"),
    ("/O=x/CN=sp", None, " CN=sp , O=x "),
    ("/CN=x y", None, "CN=x y"),
    ("/CN=x  y", None, None),
    # Escapes
    ("/O=x/CN=a,b", None, "CN=a\\,b,O=x"),
    ("/O=y/CN=a,b", None, "CN=a\\2Cb,O=y"),
    ("/CN=#x", None, "CN=\\#x"),
    ("/CN=trail ", None, "CN=trail\\ "),
    ("/CN=lead", None, "CN= lead"),
    ("/CN= lead", None, None),
    ('/CN=q"q', None, 'CN=q"q'),
    ('/CN=r"r', None, 'CN=r\\"r'),
    ("/CN=semi;x", None, "CN=semi\\;x"),
    ("/CN=<x>", None, "CN=<x>"),
    ("/CN=plus\\+x", None, "CN=plus\\+x"),
    ("/CN=eq=x", None, "CN=eq=x"),
    ("/CN=back\\\\x", None, "CN=back\\\\x"),
    # Several values, in one RDN or in several
    ("/CN=two/OU=a+OU=b", None, "CN=two,OU=b+OU=a"),
    ("/OU=b/OU=a/CN=three", None, "CN=three,OU=a,OU=b"),
    ("/O=m/CN=c2/CN=c1", None, "CN=c1,CN=c2,O=m"),
    ("/CN=c1/CN=c2/O=m", None, "CN=c1,CN=c2,O=m"),
    ("/O=x+CN=mv", None, "CN=mv+O=x"),
    ("/CN=mv+O=x", None, "CN=mv+O=x"),
    ("/O=x/CN=mv", None, None),
    ("/O=x+CN=flat", None, "CN=flat,O=x"),
    ("/CN=dup/CN=dup", None, "CN=dup,CN=dup"),
    ("/CN=dup", None, None),
    # Known types, and those that make the subject a text
    ("/DC=foo1/DC=foo2/CN=dc", None, "DC=foo2,DC=foo1,CN=dc"),
    ("/CN=dc/DC=foo1/DC=foo2", None, "DC=foo2,DC=foo1,CN=dc"),
    ("/DC=foo1/DC=foo2/CN=dcflat", None, "CN=dcflat,DC=foo1,DC=foo2"),
    ("/DC=foo2/DC=foo1/CN=dcflat", None, "CN=dcflat,DC=foo1,DC=foo2"),
    ("/serialNumber=12/CN=serial", None, "CN=serial,SERIALNUMBER=12"),
    ("/CN=serial13/serialNumber=13", None, "SERIALNUMBER=13,CN=serial13"),
    ("/C=US/postalCode=9/street=x/L=LA/ST=CA/CN=st", None,
     "CN=st,ST=CA,L=LA,STREET=x,POSTALCODE=9,C=US"),
    ("/CN=uid/UID=u", None, None),
    ("/UID=u/CN=uid2", None, "CN=uid2"),
    ("/emailAddress=a@b/CN=mail", None, "CN=mail"),
    ("/title=T/CN=title", None, "CN=title"),
    ("/GN=g/SN=s/CN=gn", None, "CN=gn"),
]


def test_forms(map_start, context):
    names = {name for _, _, name in FORMS if name} | {
        "10.0.0.1", "UID=u,CN=uid", "CN=z2", "CN=x,CN=y", "1.2.3.4=x,CN=z", "CN=a=b,O=z"}
    server = map_start("users: [" + ", ".join(
        "{user: " + json.dumps(name, ensure_ascii=False) + "}" for name in sorted(names)) + "]")
    found = []
    for subject, san, _ in FORMS:
        client = server.client(tls=context(subject, san))
        client.send('CONNECT {"verbose":false}\r\nPING\r\n')
        let_in = client.line() == b"PONG"
        found.append((subject, san, user(server, client) if let_in else None))
        client.close()
    assert found == FORMS


# A subject as people read it: attributes without a name of their own by their number, behind the others.
@pytest.mark.parametrize("subject, shown", [
    ("/C=US/O=x/DC=foo1/DC=foo2/CN=h",
     "CN=h,O=x,C=US,0.9.2342.19200300.100.1.25=foo2,0.9.2342.19200300.100.1.25=foo1"),
    ("/emailAddress=a@b/CN=h", "CN=h,1.2.840.113549.1.9.1=a@b"),
    ("/UID= a,b#/CN=h", "CN=h,0.9.2342.19200300.100.1.1=\\ a\\,b#"),
])
def test_subject_shown(map_start, context, subject, shown):
    server = map_start("token: t")
    client = server.connect(tls=context(subject), auth_token="t")
    certs = server.monitor.connection(client.cid, "auth=1")["tls_peer_certs"]
    assert [cert["subject"] for cert in certs] == [shown, "CN=ca,O=midge tests"]


# The client's library sends the authority along: only the first certificate names somebody.
def test_chain_and_no_name(map_start, context):
    server = map_start('users: [{user: "CN=a"}]')
    client = refused(server, context("/", "IP:10.0.0.1"))
    server.wait_log("User required in cert, none found$")
    lines = [text for level, text in server.entries() if level == "DBG" and f"cid:{client.cid} " in text]
    at = next(i for i, line in enumerate(lines) if line.endswith("selecting first"))
    assert [line.partition(f"cid:{client.cid} - ")[2] for line in lines[at:at + 2]] == [
        "Multiple peer certificates found, selecting first", "User required in cert, none found"]


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
