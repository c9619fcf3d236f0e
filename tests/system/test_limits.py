# SPDX-License-Identifier: Apache-2.0
"""Configured limits of a connection; payload and control line are in test_protocol.py."""

import pytest


# TestMaxSubscriptions
def test_max_subscriptions(start):
    server = start("max_subscriptions: 3")
    client = server.connect()
    client.send("SUB a 1\r\nSUB b 2\r\nSUB c q 3\r\n")
    client.expect_silence()
    client.send("SUB d 4\r\nSUB e q 5\r\n")
    client.expect("-ERR 'maximum subscriptions exceeded'\r\n" * 2)
    client.send("PUB d 2\r\nno\r\nPUB a 2\r\nok\r\n")
    client.expect("MSG a 1 2\r\nok\r\n")
    client.send("UNSUB 1\r\nSUB d 4\r\nPUB d 2\r\nok\r\n")
    client.expect("MSG d 4 2\r\nok\r\n")
    client.send("SUB f 6\r\n")
    client.expect("-ERR 'maximum subscriptions exceeded'\r\n")
    client.expect_silence()
    assert server.monitor.varz()["max_subscriptions"] == 3


# The limit is per connection.
def test_max_subscriptions_is_per_connection(start):
    server = start("max_subs: 1")
    first, second = server.connect(), server.connect()
    first.subscribe("a", 1)
    second.subscribe("a", 1)
    first.send("SUB b 2\r\n")
    first.expect("-ERR 'maximum subscriptions exceeded'\r\n")


# The limit is asked before the sid: a duplicate of a used sid is refused at the limit too.
def test_duplicate_sid_at_the_limit(start):
    client = start("max_subscriptions: 1").connect()
    client.send("SUB a 1\r\nSUB a 1\r\n")
    client.expect("-ERR 'maximum subscriptions exceeded'\r\n")
    client.expect_silence()


# TestMaxSubTokens
def test_max_sub_tokens(start):
    client = start("max_sub_tokens: 3").connect()
    client.send("SUB a.b.c 1\r\nSUB a.b.> 2\r\n")
    client.expect_silence()
    client.send("SUB a.b.c.d 3\r\n")
    client.expect("-ERR 'Permissions Violation for Subscription to \"a.b.c.d\", too many tokens'\r\n")
    client.send("SUB *.*.*.* q 4\r\n")
    client.expect("-ERR 'Permissions Violation for Subscription to \"*.*.*.*\", too many tokens'\r\n")
    client.send("PUB a.b.c.d 2\r\nok\r\n")
    client.expect("MSG a.b.c.d 2 2\r\nok\r\n")
    client.expect_silence()


def test_verbose_gives_no_ok_for_a_refusal(start):
    client = start("max_subscriptions: 1, max_sub_tokens: 2").client()
    client.send('CONNECT {"verbose":true}\r\nSUB a.b.c 1\r\nSUB a 1\r\nSUB b 2\r\nPING\r\n')
    client.expect("+OK\r\n"
                  "-ERR 'Permissions Violation for Subscription to \"a.b.c\", too many tokens'\r\n"
                  "+OK\r\n-ERR 'maximum subscriptions exceeded'\r\nPONG\r\n")


# Names in errors are quoted like Go's %q does.
@pytest.mark.parametrize("subject, quoted", [
    (b'a"b.c.d', b'a\\"b.c.d'), (b"a\\b.c.d", b"a\\\\b.c.d"), (b"a\x01b.c.d", b"a\\x01b.c.d"),
    (b"a\xffb.c.d", b"a\\xffb.c.d"), ("é.c.d".encode(), "é.c.d".encode()),
    (b"a\x0bb.c.d", b"a\\vb.c.d"), (b"a\x7fb.c.d", b"a\\x7fb.c.d"),
    (b"a'b.c.d", b"a'b.c.d"), ("\u200b.c.d".encode(), b"\\u200b.c.d"),
])
def test_quoting_in_errors(start, subject, quoted):
    client = start("max_sub_tokens: 2").connect()
    client.send(b"SUB " + subject + b" 1\r\n")
    client.expect(b"-ERR 'Permissions Violation for Subscription to \"" + quoted +
                  b"\", too many tokens'\r\n")


def test_many_subscriptions(start):
    server = start()
    client = server.connect()
    client.send(b"".join(b"SUB many.%d.* %d\r\n" % (i, i) for i in range(20000)))
    client.barrier()
    client.send("PUB many.0.x 1\r\na\r\nPUB many.19999.x 1\r\nb\r\nPUB many.20000.x 1\r\nc\r\n")
    client.expect("MSG many.0.x 0 1\r\na\r\nMSG many.19999.x 19999 1\r\nb\r\n")
    client.expect_silence()
    assert server.monitor.connection(client.cid)["subscriptions"] == 20000
    client.send(b"".join(b"UNSUB %d\r\n" % i for i in range(20000)))
    client.barrier()
    assert server.monitor.connection(client.cid)["subscriptions"] == 0
