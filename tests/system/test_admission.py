# SPDX-License-Identifier: Apache-2.0
"""Who is let in: a table of configurations against a table of requests, judged by an oracle of a few lines.

The security lessons count ten holes of the kind "let in, or not checked, by one of several ways". Here is
every way in against everything that can be asked of it; what is not allowed is refused.
"""

import json

import pytest

from support.client import tls_context
from support.hashes import FOO
from support.nkeys import UserKey

KEY = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"

# users: name → entry of the configuration; single: the keys of the map itself
CONFIGS = {
    "nothing": {},
    "a timeout": {"single": {"timeout": 1}},
    "no users": {"users": {}},
    "a password alone": {"single": {"password": "y"}},
    "an empty user": {"single": {"user": "", "password": "y"}},
    "an empty token": {"single": {"token": ""}},
    "proxy_required alone": {"single": {"proxy_required": True}},
    "a user": {"single": {"user": "x", "password": "y"}},
    "a user without a password": {"single": {"user": "x"}},
    "a user, hashed": {"single": {"user": "x", "password": FOO}},
    "a user behind a proxy": {"single": {"user": "x", "password": "y", "proxy_required": True}},
    "a token": {"single": {"token": "y"}},
    "a token, hashed": {"single": {"token": FOO}},
    "a token behind a proxy": {"single": {"token": "y", "proxy_required": True}},
    "users": {"users": {"x": {"password": "y"}, "z": {}}},
    "users, hashed": {"users": {"x": {"password": FOO}}},
    "users of websocket": {"users": {"x": {"password": "y", "allowed_connection_types": ["WEBSOCKET"]}}},
    "users behind a proxy": {"users": {"x": {"password": "y", "proxy_required": True}}},
    "users and a proxy for the block": {"users": {"x": {"password": "y"}}, "single": {"proxy_required": True}},
    "a guest": {"users": {"x": {"password": "y"}, "z": {"password": "w"}}, "guest": "x"},
    "a guest without a password": {"users": {"x": {}}, "guest": "x"},
    "a guest of websocket": {"users": {"x": {"password": "y", "allowed_connection_types": ["WEBSOCKET"]}},
                             "guest": "x"},
    "a guest behind a proxy": {"users": {"x": {"password": "y", "proxy_required": True}}, "guest": "x"},
    "an nkey": {"nkeys": [KEY]},
    "an nkey and users": {"nkeys": [KEY], "users": {"x": {"password": "y"}}},
    "an nkey and a guest": {"nkeys": [KEY], "users": {"x": {"password": "y"}}, "guest": "x"},
    "an nkey for a guest": {"nkeys": [KEY], "users": {"x": {"password": "y"}}, "guest": KEY},
}

REQUESTS = [
    None,  # an operation without CONNECT
    {}, {"user": "x"}, {"user": "x", "pass": ""}, {"user": "x", "pass": "y"}, {"user": "x", "pass": "Y"},
    {"user": "x", "pass": "yy"}, {"user": "x", "pass": "foo"}, {"user": "x", "pass": FOO},
    {"user": "X", "pass": "y"}, {"user": "x ", "pass": "y"}, {"user": "", "pass": "y"}, {"pass": "y"},
    {"user": "z"}, {"user": "z", "pass": "w"}, {"user": "nobody", "pass": "y"},
    {"auth_token": ""}, {"auth_token": "y"}, {"auth_token": "foo"}, {"auth_token": FOO},
    {"user": "y"}, {"user": "x", "auth_token": "y"}, {"user": "x", "pass": "y", "auth_token": "y"},
    {"nkey": KEY}, {"nkey": KEY, "sig": "x"}, {"nkey": "x"}, {"nkey": KEY, "user": "x", "pass": "y"},
    {"nkey": "x", "user": "x", "pass": "y"}, {"jwt": "x"}, {"jwt": "x", "user": "x", "pass": "y"},
    {"proxy_sig": "x"}, {"user": "x", "pass": "y", "proxy_sig": "x"},
]


def text_of(config):
    """The configuration file; JSON is one."""
    block = dict(config.get("single", {}))
    entries = [{"user": name, **entry} for name, entry in config.get("users", {}).items()]
    entries += [{"nkey": key} for key in config.get("nkeys", [])]
    if entries or "users" in config:
        block["users"] = entries
    guest = config.get("guest")
    return (f"authorization {json.dumps(block)}\n" if block else "") + (
        f'no_auth_user: "{guest}"\n' if guest else "")


def same(stored, given):
    return given == ("foo" if stored == FOO else stored)


def is_let_in(config, request):
    single, users = config.get("single", {}), config.get("users", {})
    nkeys, guest = config.get("nkeys", []), config.get("guest")
    if not (users or nkeys or single.get("user") or single.get("token")):
        return True
    asked = request or {}
    name, given, token = (asked.get(key, "") for key in ("user", "pass", "auth_token"))
    empty = not (name or given or token)
    if request is None and guest not in users:
        return False  # an nkey says CONNECT first
    if asked.get("nkey") and nkeys:
        return asked["nkey"] == guest and guest in nkeys  # no request is signed; a guest need not
    if empty and not asked.get("nkey") and guest in nkeys:
        return True
    if users:
        as_guest = empty and guest is not None
        user = users.get(guest if as_guest else name)
        if user is None or "allowed_connection_types" in user or user.get("proxy_required"):
            return False
        return as_guest or same(user.get("password", ""), given)
    if nkeys or single.get("proxy_required"):
        return False
    if single.get("token"):
        return same(single["token"], token)
    return single["user"] == name and same(single.get("password", ""), given)


def ask(server, request, **options):
    """Let in?"""
    with server.client(**options) as client:
        if request is not None:
            client.send("CONNECT ", json.dumps({"verbose": False, **request}), "\r\n")
        client.send("PING\r\n")
        line = client.line()
        assert line in (b"PONG", b"-ERR 'Authorization Violation'"), line
        return line == b"PONG"


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("name", CONFIGS)
def test_truth_table(start, certs, name, secure):
    config, options = CONFIGS[name], {}
    text = text_of(config)
    if secure:
        text += f'tls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}" }}\n'
        options["tls"] = tls_context(certs.cert("ca"))
    server = start(text)
    wrong = [(request, is_let_in(config, request)) for request in REQUESTS
             if ask(server, request, **options) != is_let_in(config, request)]
    assert not wrong, (text, wrong)


# A good signature opens what belongs to its key, and only on the connection it was made for.
@pytest.mark.parametrize("more", ["", ", {user: x, password: y}"])
def test_signatures(start, tmp_path, more):
    mine, other = (UserKey(tmp_path, bytes([number] * 32)) for number in (1, 2))
    server = start(f"authorization {{ users: [{{nkey: {mine.public}}}{more}] }}")
    for key, signer, nonce, good in ((mine, mine, None, True), (mine, other, None, False),
                                     (other, other, None, False), (mine, mine, "x" * 15, False)):
        with server.client() as client:
            fields = {"nkey": key.public, "sig": signer.sign(nonce or client.info["nonce"])}
            client.send("CONNECT ", json.dumps({"verbose": False, **fields}), "\r\nPING\r\n")
            assert (client.line() == b"PONG") is good
