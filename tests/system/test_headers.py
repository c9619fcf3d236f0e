# SPDX-License-Identifier: Apache-2.0
"""Messages with headers, and clients without them."""

import pytest

HEAD = b"NATS/1.0\r\nName: Value\r\n\r\n"
FULL = HEAD + b"payload"
OLD = {"headers": False}


def hpub(subject, reply=b""):
    return b"HPUB %s%s %d %d\r\n%s\r\n" % (subject, reply, len(HEAD), len(FULL), FULL)


# TestServerHeaderSupport, TestClientHeaderSupport
@pytest.mark.parametrize("options", [{"headers": False}, {"headers": None, "no_responders": False}])
def test_hpub_needs_headers(connect, server, options):
    client = connect(**options)
    client.send(hpub(b"h"))
    client.expect_closed()
    assert server.monitor.closed(client.cid)["reason"] == "Protocol Violation"


def test_hpub_on_a_server_without_headers(start):
    server = start("no_header_support: true")
    client = server.connect(headers=True, no_responders=False)
    client.send(hpub(b"h"))
    client.expect_closed()


# TestClientHeaderDeliverMsg
@pytest.mark.parametrize("reply", [b"", b" reply.to"])
def test_delivery(connect, reply):
    sub, pub = connect(), connect()
    sub.subscribe("hd", 1)
    pub.send(hpub(b"hd", reply))
    sub.expect(b"HMSG hd 1%s %d %d\r\n%s\r\n" % (reply, len(HEAD), len(FULL), FULL))


# TestClientHeaderDeliverStrippedMsg, TestClientHeaderDeliverQueueSubStrippedMsg
@pytest.mark.parametrize("queue", [None, "group"])
@pytest.mark.parametrize("reply", [b"", b" reply.to"])
def test_stripped_for_old_clients(connect, queue, reply):
    sub, pub = connect(**OLD), connect()
    sub.subscribe("hs", 1, queue)
    pub.send(hpub(b"hs", reply))
    sub.expect(b"MSG hs 1%s 7\r\npayload\r\n" % reply)


def test_both_kinds_of_subscribers(connect):
    old, new, pub = connect(**OLD), connect(), connect()
    old.subscribe("hb", 1)
    new.subscribe("hb", 2)
    pub.send(hpub(b"hb"), hpub(b"hb"), "PUB hb 2\r\nok\r\n")
    old.expect("MSG hb 1 7\r\npayload\r\n" * 2 + "MSG hb 1 2\r\nok\r\n")
    new.expect((b"HMSG hb 2 %d %d\r\n%s\r\n" % (len(HEAD), len(FULL), FULL)) * 2,
               "MSG hb 2 2\r\nok\r\n")


# The size that is written after stripping is a new number, without the publisher's zeros.
def test_stripped_size(connect):
    old, pub = connect(**OLD), connect()
    old.subscribe("hz", 1)
    pub.send(b"HPUB hz 0012 0017\r\nNATS/1.0\r\n\r\nhello\r\n")
    old.expect("MSG hz 1 5\r\nhello\r\n")


# 1.5: a header of no bytes makes it a plain message.
def test_empty_header(connect):
    client = connect()
    client.send("SUB he 1\r\nHPUB he 0 5\r\nhello\r\nHPUB he r 0 0\r\n\r\n")
    client.expect("MSG he 1 5\r\nhello\r\nMSG he 1 r 0\r\n\r\n")


# 1.5: the server does not look into the header.
@pytest.mark.parametrize("head", [b"NATS/1.0\r\n\r\n", b"whatever", b"\r\n", b"\x00\xff", b"NATS/9.9 1"])
def test_header_is_opaque(connect, head):
    new, old = connect(), connect(**OLD)
    new.subscribe("ho", 1)
    old.subscribe("ho", 2)
    new.send(b"HPUB ho %d %d\r\n%shello\r\n" % (len(head), len(head) + 5, head))
    new.expect(b"HMSG ho 1 %d %d\r\n%shello\r\n" % (len(head), len(head) + 5, head))
    old.expect("MSG ho 2 5\r\nhello\r\n")


def test_header_only_message(connect):
    new, old = connect(), connect(**OLD)
    new.subscribe("hh", 1)
    old.subscribe("hh", 2)
    new.send(b"HPUB hh %d %d\r\n%s\r\n" % (len(HEAD), len(HEAD), HEAD))
    new.expect(b"HMSG hh 1 %d %d\r\n%s\r\n" % (len(HEAD), len(HEAD), HEAD))
    old.expect("MSG hh 2 0\r\n\r\n")


def test_large_header(connect):
    client = connect()
    head = b"NATS/1.0\r\n" + b"".join(b"Key-%d: %s\r\n" % (i, b"v" * 100) for i in range(2000)) + b"\r\n"
    client.send(b"SUB hl 1\r\nHPUB hl %d %d\r\n%sx\r\n" % (len(head), len(head) + 1, head))
    client.expect(b"HMSG hl 1 %d %d\r\n%sx\r\n" % (len(head), len(head) + 1, head))
