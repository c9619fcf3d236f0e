# SPDX-License-Identifier: Apache-2.0
"""What users may publish, subscribe and be given: allow, deny, queues, responses."""

import random
import re
import time

import pytest

from support.client import tls_context


def config(permissions, more=""):
    """A user `limited` with these permissions, and `full` who may do everything."""
    return ("authorization { users: [\n"
            "  { user: limited, password: l, permissions: { %s } }\n"
            "  { user: full, password: f }\n] %s }\n" % (permissions, more))


def limited(server, **options):
    return server.connect(user="limited", **{"pass": "l"}, **options)


def full(server, **options):
    return server.connect(user="full", **{"pass": "f"}, **options)


@pytest.fixture
def pair(start):
    """Factory: permissions → (server, limited client, full client)."""
    def factory(permissions, more=""):
        server = start(config(permissions, more))
        return server, limited(server), full(server)

    return factory


# TestUserAuthorizationProto
class TestPublish:
    @pytest.mark.parametrize("rules", ["publish: foo", 'pub: ["foo"]', "import: { allow: foo }",
                                       "PUBLISH: { Allow: [foo, bar.*] }"])
    def test_allow(self, pair, rules):
        server, client, other = pair(rules)
        other.subscribe(">", 1)
        client.send("PUB foo 2\r\nok\r\nPUB fooo 2\r\nno\r\nPUB foo.x 2\r\nno\r\n")
        client.expect_error('Permissions Violation for Publish to "fooo"')
        client.expect_error('Permissions Violation for Publish to "foo.x"')
        client.barrier()
        other.expect_msg("foo", 1, "ok")
        other.expect_silence()
        server.wait_log(re.escape('- "$G/user:limited" - Publish Violation - Subject "fooo"'))

    def test_deny(self, pair):
        _, client, other = pair("publish: { deny: [foo, 'bar.*', 'baz.>'] }")
        other.subscribe(">", 1)
        for subject in ("foo", "bar.x", "baz.x.y"):
            client.send(f"PUB {subject} 0\r\n\r\n")
            client.expect_error(f'Permissions Violation for Publish to "{subject}"')
        for subject in ("fo", "bar", "bar.x.y", "baz"):
            client.send(f"PUB {subject} 0\r\n\r\n")
            other.expect_msg(subject, 1)
        client.barrier()

    def test_deny_wins(self, pair):
        _, client, other = pair("publish: { allow: 'foo.>', deny: 'foo.no' }")
        other.subscribe(">", 1)
        client.send("PUB foo.no 0\r\n\r\nPUB foo.yes 0\r\n\r\nPUB foo.no.no 0\r\n\r\n")
        client.expect_error('Permissions Violation for Publish to "foo.no"')
        other.expect_msg("foo.yes", 1)
        other.expect_msg("foo.no.no", 1)

    def test_odd_subjects(self, pair):
        _, client, _ = pair("publish: { allow: '>' }")
        for subject in ("a..b", ".a", "a.", "."):
            client.send(f"PUB {subject} 0\r\n\r\n")
            client.expect_error(f'Permissions Violation for Publish to "{subject}"')
        client.send("PUB a.* 0\r\n\r\nPUB > 0\r\n\r\n")
        client.barrier()

    # A wildcard token of a publish is an ordinary one: it does not widen what it matches.
    def test_wildcards_are_literal(self, pair):
        _, client, _ = pair("publish: { allow: ['foo.bar', 'x.*'] }")
        for subject in ("foo.*", "foo.>", ">", "*.bar", "x.y.*"):
            client.send(f"PUB {subject} 0\r\n\r\n")
            client.expect_error(f'Permissions Violation for Publish to "{subject}"')
        client.send("PUB x.* 0\r\n\r\nPUB x.> 0\r\n\r\n")
        client.barrier()

    @pytest.mark.parametrize("rules", ["", "publish: {}", "publish: []", "publish: { allow: [] }",
                                       "publish: { deny: [] }", "subscribe: foo",
                                       "allow_responses: false"])
    def test_no_limits(self, pair, rules):
        _, client, other = pair(rules)
        other.subscribe("any.thing", 1)
        client.send("PUB any.thing 2\r\nok\r\n")
        other.expect_msg("any.thing", 1, "ok")

    # With headers, a reply, and to oneself.
    def test_every_form(self, start):
        server = start(config("publish: { allow: foo, deny: bar }"))
        client = limited(server, verbose=True)
        client.send("SUB > 1\r\n")
        client.expect("+OK\r\n")
        client.send("HPUB bar 12 14\r\nNATS/1.0\r\n\r\nok\r\n")
        client.expect_error('Permissions Violation for Publish to "bar"')
        client.send("PUB bar reply 2\r\nok\r\n")
        client.expect_error('Permissions Violation for Publish to "bar"')
        client.send("HPUB foo bar 12 14\r\nNATS/1.0\r\n\r\nok\r\n")
        client.expect("+OK\r\nHMSG foo 1 bar 12 14\r\nNATS/1.0\r\n\r\nok\r\n")
        client.send("PUB foo bar 2\r\nok\r\n")
        client.expect("+OK\r\nMSG foo 1 bar 2\r\nok\r\n")

    # The same answer the tenth time, and for more subjects than anybody remembers.
    def test_again_and_again(self, pair):
        _, client, other = pair("publish: { allow: 'a.*', deny: 'a.7' }")
        other.subscribe("a.*", 1)
        for _ in range(3):
            for number in range(200):
                client.send(f"PUB a.{number} 0\r\n\r\nPUB b.{number} 0\r\n\r\n")
                if number == 7:
                    client.expect_error('Permissions Violation for Publish to "a.7"')
                else:
                    other.expect_msg(f"a.{number}", 1)
                client.expect_error(f'Permissions Violation for Publish to "b.{number}"')

    def test_long_subjects(self, pair):
        _, client, other = pair("publish: { allow: 'a.>', deny: 'a.%s' }" % ("x" * 200))
        other.subscribe(">", 1)
        client.send(f"PUB a.{'x' * 200} 0\r\n\r\nPUB a.{'x' * 201} 0\r\n\r\n")
        client.expect_error(f'Permissions Violation for Publish to "a.{"x" * 200}"')
        other.expect_msg(f"a.{'x' * 201}", 1)

    def test_refused_messages_are_counted_in(self, pair):
        server, client, _ = pair("publish: foo")
        client.send("PUB bar 5\r\nhello\r\n")
        client.expect_error('Permissions Violation for Publish to "bar"')
        assert server.monitor.connection(client.cid)["in_msgs"] == 1


# client-protocol 5.6: TestQueueSubscribePermissions, TestAccountUserSubPermsWithQueueGroups
@pytest.mark.parametrize("allow, deny, subject, queue, ok", [
    ("foo", "", "foo", "bar", True),
    ("foo bar", "", "foo", "", False),
    ("foo bar", "", "foo", "bar", True),
    ("foo bar", "", "foo", "fizz", False),
    ("foo|foo v1", "", "foo", "v2", False),
    ("foo|foo v1", "", "foo", "", True),
    ("foo|foo v1.*", "", "foo", "v1.x", True),
    ("foo|foo v1.*", "", "foo", "v1.x.y", False),
    ("foo|foo v1.>", "", "foo", "v1.x.y", True),
    ("> *.dev", "", "foo", "bar", False),
    ("> *.dev", "", "foo", "a.dev", True),
    (">", "> >", "foo", "", True),
    (">", "> >", "foo", "bar", False),
    ("", "foo", "foo", "", False),
    ("", "foo", "foo", "bar", False),
    ("", "foo q", "foo", "q", False),
    ("", "foo q", "foo", "r", True),
    ("", "foo q", "foo", "", True),
    (">", "admin.>|> restricted", "admin.secret", "workers", False),
    (">", "admin.>|> restricted", "user.x", "restricted", False),
    (">", "admin.>|> restricted", "user.x", "workers", True),
    ("foo.*", "", "foo.*", "", True),
    ("foo.*", "", "foo.>", "", True),
    ("foo.*", "", "foo.x.y", "", False),
    ("foo.bar", "", "foo.*", "", False),
    ("foo.>", "", "foo", "", False),
    ("", "foo.bar", "foo.*", "", True),
    ("", "foo.*", "foo.>", "", False),
    ("", "foo.>", "foo", "", True),
    (">", "", "_sys", "_sys_", False),
    ("", "> v1.>", "foo", "v1..x", False),
    ("", "> v1.*", "foo", "v1.>", True),
])
def test_subscribe_matrix(pair, allow, deny, subject, queue, ok):
    lists = [f"{word}: [{', '.join(repr(e) for e in entries.split('|'))}]"
             for word, entries in (("allow", allow), ("deny", deny)) if entries]
    server, client, other = pair("subscribe: { %s }" % ", ".join(lists))
    client.send(f"SUB {subject} {queue} 1\r\n")
    group = f' using queue "{queue}"' if queue else ""
    if ok:
        client.barrier()
        other.send(f"PUB {subject} 2\r\nok\r\n")
        client.expect_msg(subject, 1, "ok")
    else:
        client.expect_error(f'Permissions Violation for Subscription to "{subject}"{group}')
        group = f', Queue: "{queue}"' if queue else ""
        server.wait_log(re.escape(f'Subscription Violation - Subject "{subject}"{group}, SID 1'))
        other.send(f"PUB {subject} 2\r\nno\r\n")
        other.barrier()
        client.expect_silence()
        assert server.monitor.connection(client.cid)["subscriptions"] == 0


class TestSubscribe:
    # With an allow list a subject that is none is refused for that.
    def test_invalid_subjects(self, pair):
        _, client, other = pair("subscribe: '>'")
        client.send("SUB a..b 1\r\n")
        client.expect_error('Permissions Violation for Subscription to "a..b"')
        other.send("SUB a..b 1\r\n")
        other.expect_error("Invalid Subject")

    def test_verbose(self, start):
        client = limited(start(config("subscribe: foo")), verbose=True)
        client.send("SUB foo 1\r\nSUB bar 2\r\nUNSUB 2\r\n")
        client.expect("+OK\r\n-ERR 'Permissions Violation for Subscription to \"bar\"'\r\n+OK\r\n")

    # TestClientSubscribeDenyWildcardOverlapBlocksDelivery
    @pytest.mark.parametrize("subject, given", [
        (">", ["a", "secret", "secret.c", "b.x"]),
        ("secret.>", ["secret.c"]),
        ("secret.*", ["secret.c"]),
        ("*", ["a", "secret"]),
        ("*.*", ["secret.c", "b.x"]),
        ("secret", ["secret"]),
    ])
    @pytest.mark.parametrize("queue", ["", "q"])
    def test_wildcards_are_filtered(self, pair, subject, given, queue):
        _, client, other = pair("subscribe: { deny: [secret.a, secret.b] }")
        client.subscribe(subject, 1, queue or None)
        for name in ("a", "secret", "secret.a", "secret.b", "secret.c", "b.x"):
            other.send(f"PUB {name} 0\r\n\r\n")
        other.barrier()
        for name in given:
            client.expect_msg(name, 1)
        client.expect_silence()

    # TestClientQueueScopedSubscribeDenyBlocksOnlyMatchingQueue
    def test_queue_scoped_deny(self, pair):
        _, client, other = pair("subscribe: { deny: 'secret.* q.*' }")
        client.subscribe(">", "plain")
        client.subscribe(">", "other", "r")
        client.subscribe(">", "scoped", "q.1")
        other.send("PUB secret.x 0\r\n\r\n")
        other.barrier()
        client.send("PING\r\n")
        lines = {client.line() for _ in range(3)} | {client.line(), client.line()}
        assert lines == {b"MSG secret.x plain 0", b"MSG secret.x other 0", b"", b"PONG"}
        other.send("PUB open.x 0\r\n\r\n")
        lines = {client.line() for _ in range(6)}
        assert b"MSG open.x scoped 0" in lines

    # The denied member of a group is passed over; the others get everything.
    def test_groups_choose_another_member(self, pair):
        server, client, other = pair("subscribe: { deny: 'job.secret' }")
        clients = [client] + [limited(server) for _ in range(3)]
        member = full(server)
        for each in clients + [member]:
            each.subscribe("job.*", 1, "workers")
        for _ in range(200):
            other.send("PUB job.secret 0\r\n\r\n")
        for _ in range(200):
            member.expect_msg("job.secret", 1)
        for each in clients:
            each.expect_silence()

    # Nobody is given the message: the publisher hears that there is no responder.
    def test_no_responders(self, pair):
        _, client, other = pair("subscribe: { deny: 'job.secret' }")
        client.subscribe("job.*", 1)
        other.subscribe("in.*", 2)
        other.send("PUB job.secret in.1 0\r\n\r\n")
        other.expect("HMSG in.1 2 42 42\r\nNATS/1.0 503\r\nNats-Subject: job.secret\r\n\r\n\r\n")
        client.expect_silence()

    # A publish with a wildcard token is matched against the lists as it stands.
    def test_published_wildcards(self, pair):
        _, client, other = pair("subscribe: { deny: 'a.*' }")
        client.subscribe(">", 1)
        other.send("PUB a.* 0\r\n\r\nPUB a.> 0\r\n\r\nPUB a.b.* 0\r\n\r\n")
        other.barrier()
        client.expect_msg("a.b.*", 1)
        client.expect_silence()

    def test_filtered_messages_do_not_count(self, pair):
        server, client, other = pair("subscribe: { deny: 'a.b' }")
        client.send("SUB a.* 1\r\nUNSUB 1 2\r\n")
        client.barrier()
        other.send("PUB a.b 0\r\n\r\n" * 5 + "PUB a.c 0\r\n\r\n" * 3)
        other.barrier()
        client.expect_msg("a.c", 1)
        client.expect_msg("a.c", 1)
        client.expect_silence()
        assert server.monitor.connection(client.cid)["out_msgs"] == 2


# TestUserAuthorizationAllowResponses, TestResponsePermissions, TestParsingResponsePermissions
class TestResponses:
    def answer(self, client, other, subject, answers, request=True):
        """Ask `client`, who answers so many times; how many came?"""
        if request:
            other.send(f"PUB ask {subject} 1\r\n?\r\n")
            client.expect_msg("ask", 1, "?", reply=subject)
        client.send(f"PUB {subject} 1\r\n!\r\n" * answers, "PING\r\n")
        good = 0
        refused = f"-ERR 'Permissions Violation for Publish to \"{subject}\"'".encode()
        while (line := client.line()) != b"PONG":
            assert line == refused, line
            good += 1
        return answers - good

    @pytest.mark.parametrize("rules, answers", [
        ("allow_responses: true", 1),
        ("publish_allow_responses: true", 1),
        ("allow_responses: {}", 1),
        ("allow_responses: { max: 3 }", 3),
        ("allow_responses: { max_msgs: 2, expires: '1m' }", 2),
        ("allow_responses: { max_responses: 0 }", 1),
        ("allow_responses: { max: -1 }", 10),
        ("allow_responses: true, publish: { deny: '_INBOX.x' }", 1),
        ("allow_responses: true, publish: foo", 1),
    ])
    def test_count(self, pair, rules, answers):
        _, client, other = pair(rules)
        client.subscribe("ask", 1)
        other.subscribe("_INBOX.*", 2)
        assert self.answer(client, other, "_INBOX.1", 10) == answers
        for _ in range(answers):
            other.expect_msg("_INBOX.1", 2, "!")
        other.expect_silence()
        assert self.answer(client, other, "_INBOX.2", 1) == 1

    @pytest.mark.parametrize("rules", ["allow_responses: true", "allow_responses: true, publish: []",
                                       "allow_responses: true, publish: { deny: x }"])
    def test_nothing_else(self, pair, rules):
        _, client, other = pair(rules)
        client.subscribe("ask", 1)
        assert self.answer(client, other, "_INBOX.other", 1, request=False) == 0
        other.send("PUB ask _INBOX.1 1\r\n?\r\n")
        client.expect_msg("ask", 1, "?", reply="_INBOX.1")
        for subject in ("_INBOX.2", "_INBOX.1.x", "_INBOX", "_INBOX.*", "ask"):
            client.send(f"PUB {subject} 0\r\n\r\n")
            client.expect_error(f'Permissions Violation for Publish to "{subject}"')
        assert self.answer(client, other, "_INBOX.1", 1, request=False) == 1

    # A reply that the lists allow is not remembered, and not counted.
    def test_allowed_replies(self, pair):
        _, client, other = pair("allow_responses: true, publish: 'open.>'")
        client.subscribe("ask", 1)
        assert self.answer(client, other, "open.1", 5) == 5

    def test_expiry(self, pair):
        _, client, other = pair("allow_responses: { max: -1, expires: '300ms' }")
        client.subscribe("ask", 1)
        assert self.answer(client, other, "_INBOX.1", 2) == 2
        time.sleep(0.4)
        assert self.answer(client, other, "_INBOX.1", 1, request=False) == 0
        assert self.answer(client, other, "_INBOX.1", 1) == 1

    def test_no_expiry(self, pair):
        _, client, other = pair("allow_responses: { max: 2, expires: '-1s' }")
        client.subscribe("ask", 1)
        assert self.answer(client, other, "_INBOX.1", 1) == 1
        assert self.answer(client, other, "_INBOX.1", 2, request=False) == 1

    # Only who was given the message may answer it.
    def test_others_may_not(self, pair):
        server, client, other = pair("allow_responses: true")
        client.subscribe("ask", 1)
        outsider = limited(server)
        other.send("PUB ask _INBOX.1 1\r\n?\r\n")
        client.expect_msg("ask", 1, "?", reply="_INBOX.1")
        assert self.answer(outsider, other, "_INBOX.1", 1, request=False) == 0
        assert self.answer(client, other, "_INBOX.1", 1, request=False) == 1

    def test_many_at_a_time(self, pair):
        _, client, other = pair("allow_responses: true")
        client.subscribe("ask", 1)
        count = 10000
        other.send("".join(f"PUB ask in.{n} 0\r\n\r\n" for n in range(count)))
        for number in range(count):
            client.expect_msg("ask", 1, reply=f"in.{number}")
        other.subscribe("in.*", 2)
        client.send("".join(f"PUB in.{n} 0\r\n\r\n" for n in range(count)))
        for number in range(count):
            other.expect_msg(f"in.{number}", 2)
        client.barrier()


# TestNewStyleAuthorizationConfig, TestNkeyUsersDefaultPermissionsConfig
class TestDefaults:
    CONFIG = """authorization {
        %s { publish: default, subscribe: default }
        users: [ { user: a, password: a }
                 { user: b, password: b, permissions: { publish: own } }
                 { user: c, password: c, permissions: {} } ] }"""

    @pytest.mark.parametrize("word", ["default_permissions", "default_permission", "permissions"])
    def test_who_gets_them(self, start, word):
        server = start(self.CONFIG % word)
        for user, allowed, refused in (("a", "default", "own"), ("b", "own", "default"),
                                       ("c", "own", None)):
            client = server.connect(user=user, **{"pass": user})
            client.send(f"PUB {allowed} 0\r\n\r\n")
            client.barrier()
            if refused:
                client.send(f"PUB {refused} 0\r\n\r\n")
                client.expect_error(f'Permissions Violation for Publish to "{refused}"')
        client.send("SUB any 1\r\n")
        client.barrier()


# ---- the oracle -------------------------------------------------------------------------------

TOKENS = ["a", "b"]
SUBJECTS = [x for x in TOKENS] + [f"{x}.{y}" for x in TOKENS for y in TOKENS] + \
    [f"{x}.{y}.{z}" for x in TOKENS for y in TOKENS for z in TOKENS]


def covers(pattern, subject):
    """Does the entry match the subject, whose wildcards are ordinary tokens?"""
    wanted, tokens = pattern.split("."), subject.split(".")
    for index, token in enumerate(wanted):
        if token == ">":
            return len(tokens) > index
        if index >= len(tokens) or token not in ("*", tokens[index]):
            return False
    return len(wanted) == len(tokens)


def same_queue(pattern, queue):
    return pattern == queue or (">" in pattern or "*" in pattern) and covers(pattern, queue)


class Rules:
    """One user's random lists, and what they mean, entry by entry."""

    def __init__(self, dice):
        self.dice = dice
        self.publish = [self.entries(False) for _ in range(2)]
        self.subscribe = [self.entries(True) for _ in range(2)]

    def subject(self):
        tokens = [self.dice.choice(TOKENS + ["*"]) for _ in range(self.dice.randint(1, 3))]
        if self.dice.random() < 0.3:
            tokens[-1] = ">"
        return ".".join(tokens)

    def queue(self):
        return self.dice.choice(["q", "v.a", "v.b", "w"])

    def entries(self, queues):
        found = []
        for _ in range(self.dice.choice([0, 1, 2, 4])):
            pattern = self.dice.choice(["v.*", "v.>", ">", self.queue()])
            queue = pattern if queues and self.dice.random() < 0.4 else ""
            found.append((self.subject(), queue))
        return found

    def text(self):
        def one(lists):
            return ", ".join(f"{word}: [{', '.join(repr((s + ' ' + q).strip()) for s, q in found)}]"
                             for word, found in zip(("allow", "deny"), lists))

        return "publish: { %s }, subscribe: { %s }" % (one(self.publish), one(self.subscribe))

    def may_publish(self, subject):
        allow, deny = self.publish
        return ((not allow or any(covers(s, subject) for s, _ in allow)) and
                not any(covers(s, subject) for s, _ in deny))

    def denied(self, subject, queue):
        return any(covers(s, subject) and (not q or queue and same_queue(q, queue))
                   for s, q in self.subscribe[1])

    def may_subscribe(self, subject, queue):
        allow = [(s, q) for s, q in self.subscribe[0] if covers(s, subject)]
        plain = not self.subscribe[0] or any(not q for _, q in allow)
        grouped = [q for _, q in allow if q]
        allowed = any(same_queue(q, queue) for q in grouped) if queue and grouped else plain
        return allowed and not self.denied(subject, queue)


def drain(client):
    """Every line up to the PONG, without empty payloads."""
    client.send("PING\r\n")
    lines = []
    while (line := client.line()) != b"PONG":
        if line:
            lines.append(line.decode())
    return lines


# security-lessons.md, rule 1: every path against rules applied one by one.
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_oracle(start, certs, seed, tls):
    dice = random.Random(f"permissions {seed}")
    users = [Rules(dice) for _ in range(25)]
    listed = "\n".join(f"{{ user: u{n}, password: p, permissions: {{ {rules.text()} }} }}"
                       for n, rules in enumerate(users))
    secure = (f'tls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}" }}\n'
              if tls else "")
    server = start(f"{secure}authorization {{ users: [\n{listed}\n{{ user: full, password: f }} ] }}")
    options = {"tls": tls_context(certs.cert("ca"))} if tls else {}
    sender = full(server, **options)
    watcher = full(server, **options)
    watcher.subscribe("a.>", 1)
    watcher.subscribe("b.>", 2)
    watcher.subscribe("*", 3)
    for number, rules in enumerate(users):
        client = server.connect(user=f"u{number}", **{"pass": "p"}, echo=False, **options)
        check_publish(client, watcher, rules)
        check_subscribe(client, sender, rules, dice)
        drain(watcher)
        client.close()


def check_publish(client, watcher, rules):
    for subject in SUBJECTS:
        header = "NATS/1.0\r\n\r\n"
        client.send(f"PUB {subject} 0\r\n\r\nPUB {subject} re.ply 0\r\n\r\n"
                    f"HPUB {subject} 12 12\r\n{header}\r\n")
        lines = drain(client)
        refused = f"-ERR 'Permissions Violation for Publish to \"{subject}\"'"
        assert lines == ([] if rules.may_publish(subject) else [refused] * 3), (rules.text(), subject)
        got = [line for line in drain(watcher) if line.startswith(("MSG", "HMSG"))]
        assert len(got) == (3 if rules.may_publish(subject) else 0), (rules.text(), subject)


def check_subscribe(client, sender, rules, dice):
    given = {}
    for sid in range(1, 25):
        subject, queue = rules.subject(), dice.choice(["", "", rules.queue()])
        if subject.startswith("*") and queue:
            continue
        client.send(f"SUB {subject} {queue} {sid}\r\n")
        lines = drain(client)
        if not rules.may_subscribe(subject, queue):
            assert lines and lines[0].startswith("-ERR 'Permissions Violation for Subscription to"), \
                (rules.text(), subject, queue)
            continue
        assert not lines, (rules.text(), subject, queue, lines)
        given[str(sid)] = (subject, queue)
    for message in SUBJECTS:
        sender.send(f"PUB {message} 0\r\n\r\n")
        sender.barrier()
        sids = [line.split()[2] for line in drain(client)]
        plain = {sid for sid, (s, q) in given.items()
                 if not q and covers(s, message) and not rules.denied(message, "")}
        groups = {}
        for sid, (pattern, queue) in given.items():
            if queue and covers(pattern, message) and not rules.denied(message, queue):
                groups.setdefault(queue, set()).add(sid)
        assert plain <= set(sids), (rules.text(), message, given, sids)
        rest = [sid for sid in sids if sid not in plain]
        assert len(rest) == len(groups), (rules.text(), message, given, sids)
        assert all(any(sid in members for members in groups.values()) for sid in rest)
