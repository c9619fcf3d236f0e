# SPDX-License-Identifier: Apache-2.0
"""The 503 that tells a requester that nobody is there."""

import pytest


def status(reply, sid, subject):
    size = 32 + len(subject)
    return (f"HMSG {reply} {sid} {size} {size}\r\n"
            f"NATS/1.0 503\r\nNats-Subject: {subject}\r\n\r\n\r\n")


# TestClientNoResponderSupport
def test_needs_headers(client, server):
    client.send('CONNECT {"verbose":false,"no_responders":true}\r\n')
    client.expect_fatal("no responders requires headers support")
    reason = server.monitor.closed(client.cid)["reason"]
    assert reason == "No Responders Requires Headers"


# TestClientNoResponderSupport
@pytest.mark.parametrize("pattern", ["nr.reply", "nr.*", "nr.>"])
def test_nobody_there(connect, pattern):
    client = connect()
    client.send(f"SUB {pattern} 2\r\nPUB nr_nobody nr.reply 0\r\n\r\n")
    client.expect(status("nr.reply", 2, "nr_nobody"))
    client.expect_silence()
    client.send("HPUB nr_nobody nr.reply 12 17\r\nNATS/1.0\r\n\r\nhello\r\n")
    client.expect(status("nr.reply", 2, "nr_nobody"))


def test_not_wanted(connect):
    client = connect(no_responders=False)
    client.send("SUB nr.reply 2\r\nPUB nr_nobody nr.reply 0\r\n\r\n")
    client.expect_silence()


def test_without_a_reply(connect):
    client = connect()
    client.send("SUB nr.> 2\r\nPUB nr_nobody 0\r\n\r\n")
    client.expect_silence()


def test_somebody_there(connect):
    client, other = connect(), connect(headers=False)
    other.subscribe("nr_some", 1)
    client.send("SUB nr.reply 2\r\nPUB nr_some nr.reply 0\r\n\r\n")
    client.expect_silence()
    other.expect("MSG nr_some 1 nr.reply 0\r\n\r\n")


def test_queue_member_is_somebody(connect):
    client, other = connect(), connect()
    other.subscribe("nr_queue", 1, "g")
    client.send("SUB nr.reply 2\r\nPUB nr_queue nr.reply 0\r\n\r\n")
    client.expect_silence()


# Only a plain subscription of the requester's own connection hears of it.
def test_only_own_plain_subscriptions_are_told(connect):
    client, other = connect(), connect()
    other.subscribe("nr.reply", 1)
    client.send("SUB nr.reply g 2\r\nPUB nr_nobody nr.reply 0\r\n\r\n")
    client.expect_silence()
    other.expect_silence()


# 3.5: a delivery that was skipped for echo does not count.
def test_no_echo_is_nobody(connect):
    client = connect(echo=False)
    client.send("SUB nr_self 1\r\nSUB nr.reply 2\r\nPUB nr_self nr.reply 0\r\n\r\n")
    client.expect(status("nr.reply", 2, "nr_self"))


# 3.6: it does not count for auto-unsubscribe.
def test_status_is_no_message(connect):
    client = connect()
    client.send("SUB nr.reply 2\r\nUNSUB 2 1\r\nPUB nr_nobody nr.reply 0\r\n\r\n")
    client.expect(status("nr.reply", 2, "nr_nobody"))
    client.send("PUB nr.reply 2\r\nok\r\nPUB nr.reply 2\r\nno\r\n")
    client.expect("MSG nr.reply 2 2\r\nok\r\n")
    client.expect_silence()


def test_order_with_ok(client):
    client.send('CONNECT {"verbose":true,"headers":true,"no_responders":true}\r\n'
                "SUB nr.reply 2\r\nPUB nr_nobody nr.reply 0\r\n\r\nPING\r\n")
    client.expect("+OK\r\n+OK\r\n+OK\r\n", status("nr.reply", 2, "nr_nobody"), "PONG\r\n")


@pytest.mark.parametrize("subject", ["x", "a.b.c.d", "y" * 300, "..", "_INBOX.*"])
def test_sizes(connect, subject):
    client = connect()
    client.send(f"SUB nr.reply 2\r\nPUB {subject} nr.reply 0\r\n\r\n")
    client.expect(status("nr.reply", 2, subject))
