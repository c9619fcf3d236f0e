# SPDX-License-Identifier: Apache-2.0
"""A reload that changes who may connect, and what they may do."""

import re
import signal

import pytest

from support.dialect import dialect
from support.nkeys import UserKey

BASE = 'listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n'
VIOLATION = "Authorization Violation"


def users(*entries):
    return "authorization { users: [\n" + "\n".join(f"{{ {entry} }}" for entry in entries) + "\n] }\n"


@pytest.fixture
def reload(start):
    """Factory: (config) → server with reload(config)."""
    def factory(config):
        server = start(config)
        server.reloads = 0

        def again(text):
            server.rewrite(BASE + text)
            server.signal(signal.SIGHUP)
            server.reloads += 1
            server.wait_log("Reloaded server configuration", count=server.reloads)

        server.reload = again
        return server

    return factory


def login(server, user, password, **options):
    return server.connect(user=user, **{"pass": password}, **options)


def refused(server, **fields):
    client = server.client()
    client.send("CONNECT {%s}\r\nPING\r\n" % ",".join(f'"{k}":"{v}"' for k, v in fields.items()))
    client.expect_fatal(VIOLATION)


def gone(server, client):
    """The reason of a close without a last word."""
    client.expect_closed()
    return server.monitor.closed(client.cid)["reason"]


# TestConfigReloadEnableUserAuthentication, ...TokenAuthentication, ...UsersAuthentication
@pytest.mark.parametrize("config, fields", [
    ("authorization { user: me, password: secret }\n", {"user": "me", "pass": "secret"}),
    ("authorization { token: t }\n", {"auth_token": "t"}),
    (users("user: me, password: secret"), {"user": "me", "pass": "secret"}),
])
def test_enable(reload, config, fields):
    server = reload("")
    open_client, silent, known = server.connect(), server.client(), server.connect(**fields)
    silent.send("SUB a 1\r\nPING\r\n")
    silent.expect("+OK\r\nPONG\r\n")
    server.reload(config)
    # Who showed credentials that nobody had asked for: midge does not keep them, so he shows them again.
    if dialect(reference=False, midge=True):
        known.expect_fatal(VIOLATION)
    elif "users" in config or "token" in config:
        known.barrier()
    else:
        assert gone(server, known) == "Client Closed"
    for client in (open_client, silent):
        client.expect_fatal(VIOLATION)
        assert server.monitor.closed(client.cid)["reason"] == "Authentication Failure"
    assert server.client().info["auth_required"] is True
    assert server.monitor.varz()["auth_required"] is True
    server.connect(**fields).barrier()
    refused(server)


# TestConfigReloadDisableUserAuthentication, ...
@pytest.mark.parametrize("config, fields", [
    ("authorization { token: t }\n", {"auth_token": "t"}),
    (users("user: me, password: secret"), {"user": "me", "pass": "secret"}),
])
def test_disable(reload, config, fields):
    server = reload(config)
    client = server.connect(**fields)
    waiting = server.client()
    server.reload("")
    server.connect().barrier()
    assert "auth_required" not in server.client().info
    assert "auth_required" not in server.monitor.varz()
    waiting.send("PING\r\n")
    if dialect(reference=False, midge=True) or "auth_token" in fields:
        client.barrier()
    else:
        gone(server, client)


# TestConfigReloadRotateUserAuthentication, TestConfigReloadRotateTokenAuthentication
@pytest.mark.parametrize("old, new, before, after, line", [
    ("user: me, password: one", "user: me, password: two", {"user": "me", "pass": "one"},
     {"user": "me", "pass": "two"}, "authorization password"),
    ("user: me, password: one", "user: you, password: one", {"user": "me", "pass": "one"},
     {"user": "you", "pass": "one"}, "authorization username"),
    ("token: one", "token: two", {"auth_token": "one"}, {"auth_token": "two"}, "authorization token"),
])
def test_rotate(reload, old, new, before, after, line):
    server = reload(f"authorization {{ {old} }}")
    client = server.connect(**before)
    server.reload(f"authorization {{ {new} }}")
    if "user" in before and dialect(reference=True, midge=False):
        assert gone(server, client) == "Client Closed"
    else:
        client.expect_fatal(VIOLATION)
    server.connect(**after).barrier()
    refused(server, **before)
    assert f"Reloaded: {line}" in server.texts()
    assert not any("one" in text or "two" in text for text in server.texts()
                   if text.startswith("Reloaded"))


# A reload that does not touch them leaves everybody alone; the reference drops single users.
@pytest.mark.parametrize("config, fields", [
    ("authorization { user: me, password: secret }\n", {"user": "me", "pass": "secret"}),
    ("authorization { token: t }\n", {"auth_token": "t"}),
    (users("user: me, password: secret", "user: other"), {"user": "me", "pass": "secret"}),
    ("", {}), ("", {"user": "any"}),
])
def test_nothing_changed(reload, config, fields):
    server = reload(config)
    client = server.connect(**fields)
    client.subscribe("a", 1)
    server.reload(config + "debug: true\n")
    if "user" in fields and "users" not in config and dialect(reference=True, midge=False):
        assert gone(server, client) == "Client Closed"
        return
    client.send("PUB a 2\r\nok\r\n")
    client.expect_msg("a", 1, "ok")


# TestConfigReloadRotateUsersAuthentication
def test_users(reload):
    server = reload(users("user: stays, password: a", "user: goes, password: a",
                          "user: changes, password: a", "user: web, password: a"))
    stays, goes = login(server, "stays", "a"), login(server, "goes", "a")
    changes, web = login(server, "changes", "a"), login(server, "web", "a")
    server.reload(users("user: new, password: a", "user: changes, password: b",
                        "user: web, password: a, allowed_connection_types: WEBSOCKET",
                        "user: stays, password: a"))
    assert gone(server, goes) == "Client Closed"
    changes.expect_fatal(VIOLATION)
    web.expect_fatal(VIOLATION)
    stays.barrier()
    login(server, "new", "a").barrier()
    refused(server, **{"user": "goes", "pass": "a"})
    assert "Reloaded: authorization users" in server.texts()
    server.wait_log(re.escape('authentication error - User "changes"'))


# TestConfigReloadAccountNKeyUsers, within the global account
def test_nkeys(reload, tmp_path):
    keys = [UserKey(tmp_path, bytes([number] * 32)) for number in (1, 2, 3)]
    server = reload(users(*[f"nkey: {key.public}" for key in keys[:2]]))
    clients = []
    for key in keys[:2]:
        clients.append(server.client())
        clients[-1].connect(**key.login(clients[-1]))
    server.reload(users(*[f"nkey: {key.public}" for key in keys[1:]]))
    assert gone(server, clients[0]) == "Client Closed"
    clients[1].barrier()
    client = server.client()
    client.connect(**keys[2].login(client))
    assert "Reloaded: authorization nkey users" in server.texts()


def test_nonce_appears(reload, tmp_path):
    key = UserKey(tmp_path)
    server = reload(users("user: a, password: a"))
    client = login(server, "a", "a")
    assert "nonce" not in client.info
    server.reload(users("user: a, password: a", f"nkey: {key.public}"))
    client.barrier()
    fresh = server.client()
    fresh.connect(**key.login(fresh))


# TestConfigReloadChangePermissions
class TestPermissions:
    def config(self, permissions):
        return users("user: a, password: a" + (f", permissions: {{ {permissions} }}" if permissions
                                               else ""), "user: full, password: f")

    def test_publish(self, reload):
        server = reload(self.config("publish: old"))
        client = login(server, "a", "a")
        client.send("PUB old 0\r\n\r\nPUB new 0\r\n\r\n")
        client.expect_error('Permissions Violation for Publish to "new"')
        server.reload(self.config("publish: new"))
        client.send("PUB new 0\r\n\r\nPUB old 0\r\n\r\n")
        client.expect_error('Permissions Violation for Publish to "old"')
        server.reload(self.config(""))
        client.send("PUB new 0\r\n\r\nPUB old 0\r\n\r\n")
        client.barrier()

    # TestConfigReloadRevokesQueueSubscriptionWithQueueScopedDeny
    def test_subscriptions_are_revoked(self, reload):
        server = reload(self.config(""))
        client, other = login(server, "a", "a"), login(server, "full", "f")
        client.send("SUB keep.x 1\r\nSUB drop.x 2\r\nSUB keep.x q 3\r\nSUB keep.x r 4\r\n")
        client.barrier()
        server.reload(self.config("subscribe: { allow: 'keep.>', deny: 'keep.x q' }"))
        errors = {client.line(), client.line()}
        assert errors == {
            b"-ERR 'Permissions Violation for Subscription to \"drop.x\" (sid \"2\")'",
            b"-ERR 'Permissions Violation for Subscription to \"keep.x\" using queue \"q\" "
            b"(sid \"3\")'"}
        client.barrier()
        other.send("PUB drop.x 0\r\n\r\nPUB keep.x 0\r\n\r\n")
        other.barrier()
        client.send("PING\r\n")
        assert {client.line() for _ in range(5)} == {b"MSG keep.x 1 0", b"MSG keep.x 4 0", b"", b"PONG"}
        assert server.monitor.connection(client.cid)["subscriptions"] == 2
        server.wait_log(r'Removed sub "drop\.x" \(sid "2"\) for User "a" - not authorized$')
        server.wait_log(r'Removed sub "keep\.x" using queue "q" \(sid "3"\) for User "a" - not authorized$')
        client.send("SUB drop.x 5\r\n")
        client.expect_error('Permissions Violation for Subscription to "drop.x"')

    # Wildcards that were let in are filtered by the new list, and no longer by the old one.
    @pytest.mark.parametrize("queue", [None, "q"])
    def test_filters_change(self, reload, queue):
        server = reload(self.config("subscribe: { deny: 'a.1' }"))
        client = login(server, "a", "a")
        senders = [login(server, "full", "f") for _ in range(4)]
        client.subscribe("a.*", 1, queue)
        for permissions, given in (("subscribe: { deny: 'a.1' }", ["a.2", "a.3"]),
                                   ("subscribe: { deny: ['a.2', 'a.3'] }", ["a.1"]),
                                   ("", ["a.1", "a.2", "a.3"]),
                                   ("subscribe: { deny: 'a.3' }", ["a.1", "a.2"])):
            server.reload(self.config(permissions))
            for sender in senders:
                sender.send("PUB a.1 0\r\n\r\nPUB a.2 0\r\n\r\nPUB a.3 0\r\n\r\n")
                sender.barrier()
                for subject in given:
                    client.expect_msg(subject, 1)
            client.expect_silence()

    def test_default_permissions(self, reload):
        config = "authorization { default_permissions { publish: %s }, users: [ { user: a } ] }"
        server = reload(config % "old")
        client = server.connect(user="a")
        server.reload(config % "new")
        client.send("PUB new 0\r\n\r\nPUB old 0\r\n\r\n")
        client.expect_error('Permissions Violation for Publish to "old"')

    # While messages flow through filtered and revoked subscriptions, on all threads.
    def test_under_traffic(self, reload):
        server = reload(self.config("subscribe: { deny: 'a.1' }"))
        readers = [login(server, "a", "a") for _ in range(6)]
        senders = [login(server, "full", "f") for _ in range(3)]
        for number, reader in enumerate(readers):
            reader.send("SUB a.> 1\r\nSUB b 2\r\nSUB a.* q 3\r\n" + ("SUB a.2 4\r\n" * (number % 2)))
            reader.barrier()
        for turn in range(10):
            for sender in senders:
                sender.send("PUB a.1 0\r\n\r\nPUB a.2 0\r\n\r\nPUB b 0\r\n\r\n" * 50)
            deny = ["a.1", "a.2", "b", "a.> q"][turn % 4]
            server.reload(self.config(f"subscribe: {{ deny: '{deny}' }}"))
        for sender in senders:
            sender.barrier()
        server.reload(self.config("subscribe: { deny: 'a.2' }"))
        for reader in readers:
            reader.send("PING\r\n")
            while reader.line() != b"PONG":
                pass
        senders[0].send("PUB a.2 0\r\n\r\nPUB a.1 0\r\n\r\n")
        senders[0].barrier()
        for reader in readers:
            reader.send("PING\r\n")
            lines = []
            while (line := reader.line()) != b"PONG":
                lines.append(line)
            assert b"MSG a.1 1 0" in lines
            assert not any(line.startswith(b"MSG a.2") for line in lines), lines


# The user of everybody without credentials stays, or goes as a whole.
@pytest.mark.parametrize("new, error", [
    (users("user: a", "user: b") + "no_auth_user: b\n",
     "config reload not supported for NoAuthUser: old=a, new=b"),
    (users("user: a", "user: b"), "config reload not supported for NoAuthUser: old=a, new="),
])
def test_no_auth_user_stays(reload, new, error):
    server = reload(users("user: a", "user: b") + "no_auth_user: a\n")
    client = server.connect()
    server.rewrite(BASE + new)
    server.signal(signal.SIGHUP)
    server.wait_log(re.escape(error))
    client.barrier()
    server.connect().barrier()


def test_no_auth_user_goes(reload):
    server = reload(users("user: a", "user: b") + "no_auth_user: a\n")
    client = server.connect()
    server.reload(users("user: b"))
    assert gone(server, client) == "Client Closed"
    assert server.client().info["auth_required"] is True
    refused(server)


@pytest.mark.parametrize("new", ["authorization { users: [{user: a}], token: b }",
                                 "authorization { proxy_required: true }",
                                 "no_auth_user: x"])
def test_bad_reload_changes_nothing(reload, new):
    server = reload("authorization { user: me, password: secret }")
    client = login(server, "me", "secret")
    server.rewrite(BASE + new)
    server.signal(signal.SIGHUP)
    server.wait_log("Failed to reload server configuration")
    client.barrier()
    login(server, "me", "secret").barrier()


def test_timeout(reload):
    server = reload("authorization { token: t, timeout: 60 }")
    waiting = server.client()
    server.reload("authorization { token: t, timeout: 0.1 }")
    server.client().expect_fatal("Authentication Timeout")
    assert "Reloaded: authorization timeout = 0.1" in server.texts()
    if dialect(reference=True, midge=False):
        waiting.expect_fatal(VIOLATION)
    else:
        waiting.connect(auth_token="t")


# A login whose hash is being computed when its user goes.
def test_login_meanwhile(reload):
    slow = "$2a$10$" + "abcdefghijklmnopqrstuu" + "x" * 31
    # A busy machine may need more than two seconds for the passwords: time for a timeout, or a first PING.
    patient = "authorization {{ timeout: 60, users: [ {} ] }}\n".format
    possible = re.compile(rb"(PING\r\n)?(-ERR 'Authorization Violation'\r\n)?")
    server = reload(patient(f'{{ user: slow, password: "{slow}" }}, {{ user: a }}'))
    clients = [server.client() for _ in range(5)]
    for client in clients:
        client.send('CONNECT {"user":"slow","pass":"x"}\r\nPING\r\n')
    server.reload(patient("{ user: a }"))
    for client in clients:
        assert possible.fullmatch(client.drain_until_closed())
    server.connect(user="a").barrier()
