# SPDX-License-Identifier: Apache-2.0
"""Who gets a message, in which order, and until when."""

import pytest


# TestClientSimplePubSub, TestClientSimplePubSubWithReply, TestClientNoBodyPubSubWithReply
@pytest.mark.parametrize("reply", [None, "answer.here"])
@pytest.mark.parametrize("payload", ["", "hello", "x" * 5000])
def test_publish_subscribe(connect, reply, payload):
    sub, pub = connect(), connect()
    sub.subscribe("simple", 7)
    middle = f" {reply}" if reply else ""
    pub.send(f"PUB simple{middle} {len(payload)}\r\n{payload}\r\n")
    sub.expect_msg("simple", 7, payload, reply)


def test_each_subscription_gets_a_copy(connect):
    client = connect()
    client.send("SUB copy 1\r\nSUB copy 2\r\nSUB * 3\r\nSUB > 4\r\nPUB copy 2\r\nok\r\nPING\r\n")
    got = sorted(client.read(len(b"MSG copy 1 2\r\nok\r\n")) for _ in range(4))
    assert got == [b"MSG copy %d 2\r\nok\r\n" % sid for sid in (1, 2, 3, 4)]
    client.expect("PONG\r\n")


# Whatever follows SUBs in one write finds all of them, and what was taken back, not.
@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 32, 33, 100])
def test_many_subscriptions_in_one_write(connect, n):
    client = connect()
    subs = "".join(f"SUB in.* {sid}\r\n" for sid in range(1, n + 1))
    client.send(f"{subs}SUB in.* {n}\r\nPUB in.a 2\r\nok\r\nPING\r\n")
    want = b"".join(b"MSG in.a %d 2\r\nok\r\n" % sid for sid in range(1, n + 1))
    got = client.read(len(want))
    assert sorted(got.splitlines(True)) == sorted(want.splitlines(True))
    client.expect("PONG\r\n")


def test_subscribed_and_unsubscribed_in_one_write(connect):
    client = connect()
    client.send("SUB in.a 1\r\nSUB in.a 2\r\nUNSUB 1\r\nSUB in.a 3\r\nUNSUB 3\r\n"
                "PUB in.a 2\r\nok\r\nSUB in.a 4\r\nSUB in. 5\r\n")
    client.expect("MSG in.a 2 2\r\nok\r\n-ERR 'Invalid Subject'\r\n")
    client.send("UNSUB 2\r\nPUB in.a 2\r\nok\r\n")
    client.expect("MSG in.a 4 2\r\nok\r\n")


# The subscriptions before a fault are gone with their connection.
def test_subscribed_and_closed_in_one_write(connect):
    client, other = connect(), connect()
    client.send("SUB in.a 1\r\nSUB in.a 2\r\nWHAT\r\n")
    client.expect_fatal("Unknown Protocol Operation")
    other.send("SUB in.a 3\r\nPUB in.a 2\r\nok\r\n")
    other.expect("MSG in.a 3 2\r\nok\r\n")


# TestSublistSimpleMultiTokens, TestSublistPartialWildcard, TestSublistFullWildcard,
# TestTwoTokenPubMatchSingleTokenSub, TestWildcardCharsInLiteralSubjectWorks,
# TestSublistInsertWithWildcardsAsLiterals, TestSublistMatchWithEmptyTokens
@pytest.mark.parametrize("pattern, subject, matches", [
    ("foo", "foo", True), ("foo", "foo.bar", False), ("foo.bar", "foo", False),
    ("foo", "Foo", False), ("foo", "fooo", False),
    ("*", "foo", True), ("*", "foo.bar", False), ("foo.*", "foo.bar", True), ("foo.*", "foo", False),
    ("foo.*", "foo.bar.baz", False), ("*.bar", "foo.bar", True), ("*.*", "foo.bar", True),
    ("*.*.*", "foo.bar", False), ("foo.*.baz", "foo.bar.baz", True),
    (">", "foo", True), (">", "foo.bar.baz", True), ("foo.>", "foo", False),
    ("foo.>", "foo.bar", True), ("foo.>", "foo.bar.baz", True), ("*.>", "foo", False),
    ("*.>", "foo.bar", True), ("*.bar.>", "foo.bar.baz", True),
    ("foo*", "foo*", True), ("foo*", "foobar", False), ("f>o", "f>o", True), ("f>o", "foo", False),
    ("foo.*bar", "foo.xbar", False), ("foo.**", "foo.bar", False), ("foo.**", "foo.**", True),
    ("foo.>>", "foo.bar", False), ("*.>x", "a.>x", True),
    ("foo.*", "foo.*", True), ("foo.>", "foo.*", True), ("foo.bar", "foo.*", False),
    ("foo.>", "foo.>", True), ("foo.bar", "foo.>", False), ("*", ">", True), (">", "*", True),
    (">", "foo.", False), (">", ".foo", False), (">", "foo..bar", False), ("*.*", "foo.", False),
    ("*.*.*", "foo..bar", False), (">", ".", False),
])
def test_matching(connect, pattern, subject, matches):
    client = connect()
    client.send(f"SUB {pattern} 1\r\nPUB {subject} 2\r\nok\r\n")
    if matches:
        client.expect(f"MSG {subject} 1 2\r\nok\r\n")
    client.expect_silence()


# No limit on tokens nor on the length of one, but the control line's.
@pytest.mark.parametrize("subject", [".".join("abcdefgh"[i % 8] for i in range(64)),
                                     ".".join(["x"] * 1000), "y" * 3000, "a.b." + "z" * 2000])
def test_long_subjects(connect, subject):
    client = connect()
    wild = ".".join(["*"] * (subject.count(".") + 1))
    client.send(f"SUB {subject} 1\r\nPUB {subject} 2\r\nok\r\n")
    client.expect(f"MSG {subject} 1 2\r\nok\r\n")
    client.send(f"UNSUB 1\r\nSUB {wild} 2\r\nPUB {subject} 2\r\nok\r\n")
    client.expect(f"MSG {subject} 2 2\r\nok\r\n")


# TestDuplicateProtoSub: the second SUB of a sid is ignored, whatever it asks for.
def test_duplicate_sid(connect, server):
    client = connect()
    client.send("SUB dup 1\r\nSUB dup 1\r\nSUB other 1\r\nSUB dup queue 1\r\n")
    client.send("PUB dup 2\r\nok\r\nPUB other 2\r\nno\r\n")
    client.expect("MSG dup 1 2\r\nok\r\n")
    client.expect_silence()
    assert server.monitor.connection(client.cid)["subscriptions"] == 1


# TestClientPubSubNoEcho
def test_no_echo(connect):
    quiet, other = connect(echo=False), connect()
    quiet.send("SUB echo 1\r\nPUB echo 2\r\nme\r\n")
    quiet.expect_silence()
    other.send("PUB echo 2\r\nok\r\n")
    quiet.expect("MSG echo 1 2\r\nok\r\n")
    other.subscribe("echo", 5)
    quiet.send("PUB echo 2\r\nto\r\n")
    other.expect("MSG echo 5 2\r\nto\r\n")
    quiet.expect_silence()


# TestClientUnSub
def test_unsubscribe(connect):
    sub, pub = connect(), connect()
    sub.send("SUB un 1\r\nSUB un 2\r\nUNSUB 1\r\n")
    sub.barrier()
    pub.send("PUB un 2\r\nok\r\n")
    sub.expect("MSG un 2 2\r\nok\r\n")
    sub.expect_silence()
    sub.send("UNSUB 2\r\n")
    sub.barrier()
    pub.send("PUB un 2\r\nok\r\n")
    pub.barrier()
    sub.expect_silence()


def test_unsubscribe_of_an_unknown_sid(connect):
    client = connect()
    client.send("UNSUB 99\r\nUNSUB 99 5\r\nUNSUB abc\r\n")
    client.expect_silence()


# TestUnsubMax, TestClientUnSubMax, TestClientAutoUnsubExactReceived
@pytest.mark.parametrize("limit", [1, 2, 10])
def test_auto_unsubscribe(connect, server, limit):
    sub, pub = connect(), connect()
    sub.send(f"SUB auto 22\r\nUNSUB 22 {limit}\r\n")
    sub.barrier()
    pub.send("PUB auto 2\r\nok\r\n" * 20)
    pub.barrier()
    sub.expect("MSG auto 22 2\r\nok\r\n" * limit)
    sub.expect_silence()
    assert server.monitor.connection(sub.cid)["subscriptions"] == 0


# The count starts at SUB, not at UNSUB.
def test_auto_unsubscribe_counts_from_the_start(connect):
    client = connect()
    client.send("SUB count 1\r\n" + "PUB count 1\r\nx\r\n" * 3 + "UNSUB 1 5\r\n")
    client.send("PUB count 1\r\nx\r\n" * 5)
    client.expect("MSG count 1 1\r\nx\r\n" * 5)
    client.expect_silence()


# A limit that is reached already, or is no number, removes at once.
@pytest.mark.parametrize("limit", ["3", "2", "1", "0", "x", "-1", "1234567890"])
def test_auto_unsubscribe_in_the_past(connect, limit):
    client = connect()
    client.send("SUB past 1\r\n" + "PUB past 1\r\nx\r\n" * 3 + f"UNSUB 1 {limit}\r\n")
    client.send("PUB past 1\r\nx\r\n")
    client.expect("MSG past 1 1\r\nx\r\n" * 3)
    client.expect_silence()


# TestClientUnsubAfterAutoUnsub: a plain UNSUB overrides a pending limit.
def test_unsubscribe_after_auto_unsubscribe(connect):
    sub, pub = connect(), connect()
    sub.send("SUB after 1\r\nUNSUB 1 1000\r\nUNSUB 1\r\n")
    sub.barrier()
    pub.send("PUB after 2\r\nok\r\n")
    pub.barrier()
    sub.expect_silence()


def test_sid_is_free_again(connect):
    client = connect()
    client.send("SUB one 1\r\nUNSUB 1\r\nSUB two 1\r\nPUB one 1\r\nx\r\nPUB two 1\r\ny\r\n")
    client.expect("MSG two 1 1\r\ny\r\n")
    client.expect_silence()
    client.send("UNSUB 1\r\nSUB three 1\r\nUNSUB 1 1\r\nPUB three 1\r\nz\r\nSUB four 1\r\n"
                "PUB three 1\r\nz\r\nPUB four 1\r\nw\r\n")
    client.expect("MSG three 1 1\r\nz\r\nMSG four 1 1\r\nw\r\n")
    client.expect_silence()


# TestUnsubRace: the end of a subscription during a flood loses nothing else.
def test_unsubscribe_during_a_flood(connect):
    sub, pub = connect(), connect()
    sub.subscribe("race.>", 1)
    sub.subscribe("race.end", 2)
    pub.send("PUB race.data 5\r\nhello\r\n" * 5000 + "PUB race.end 0\r\n\r\n")
    sub.send("UNSUB 1\r\n")
    while True:
        line = sub.line()
        if line == b"MSG race.end 2 0":
            break
        assert line in (b"MSG race.data 1 5", b"MSG race.end 1 0"), line
        sub.read(7 if line.endswith(b"5") else 2)


# TestNoRaceHighFanoutOrdering: per publisher and subscription the order is that of publishing.
def test_order_under_fan_out(connect):
    count, subs = 500, [connect() for _ in range(5)]
    for sub in subs:
        for sid in range(10):
            sub.send(f"SUB order.{'*' if sid % 2 else '>'} {sid}\r\n")
        sub.barrier()
    pub = connect()
    pub.send(b"".join(b"PUB order.%d 4\r\n%04d\r\n" % (i % 7, i) for i in range(count)))
    for sub in subs:
        last = {}
        for _ in range(count * 10):
            sid = sub.line().split()[2]
            number = int(sub.read(6))
            assert number == last.get(sid, -1) + 1
            last[sid] = number
        sub.expect_silence()


# 3.3: different subjects to one connection keep the publisher's order too.
def test_order_over_subjects(connect):
    sub, pub = connect(), connect()
    for sid in range(8):
        sub.send(f"SUB mix.{sid} {sid}\r\n")
    sub.barrier()
    pub.send("".join(f"PUB mix.{i % 8} 3\r\n{i:03}\r\n" for i in range(800)))
    for i in range(800):
        sub.expect(f"MSG mix.{i % 8} {i % 8} 3\r\n{i:03}\r\n")


# 3.3: PONG is behind everything that was delivered before it.
def test_pong_is_a_barrier(connect):
    client = connect()
    client.send("SUB flush 1\r\n")
    for _ in range(50):
        client.send("PUB flush 2\r\nok\r\n" * 20 + "PING\r\n")
        client.expect("MSG flush 1 2\r\nok\r\n" * 20 + "PONG\r\n")


# TestClientRemoveSubsOnDisconnect
def test_disconnect_removes_subscriptions(start):
    server = start()
    before = server.monitor.varz()["subscriptions"]
    client = server.connect()
    client.send("SUB a 1\r\nSUB a q 2\r\nSUB b.* 3\r\n")
    client.barrier()
    assert server.monitor.varz()["subscriptions"] == before + 3
    client.close()
    server.monitor.wait_varz(lambda varz: varz["subscriptions"] == before, "subscriptions are gone")
    other = server.connect()
    other.send("PUB a 2\r\nok\r\n")
    other.barrier()


# TestClientDoesNotAddSubscriptionsWhenConnectionClosed
def test_no_subscription_after_an_error(start):
    server = start()
    before = server.monitor.varz()["subscriptions"]
    client = server.connect()
    client.send("SUB a 1\r\nBAD\r\nSUB b 2\r\n")
    client.expect_fatal("Unknown Protocol Operation")
    assert server.monitor.closed(client.cid)["subscriptions"] <= 1
    server.monitor.wait_varz(lambda varz: varz["subscriptions"] == before, "subscriptions are gone")


# What a client sent right before it closed is still delivered.
def test_last_words(connect):
    sub, pub = connect(), connect()
    sub.subscribe("last", 1)
    pub.send("PUB last 2\r\nok\r\n" * 100)
    pub.close()
    sub.expect("MSG last 1 2\r\nok\r\n" * 100)


# TestClientCheckUseOfGWReplyPrefix, 1.5: replies and subjects that belong to the server.
@pytest.mark.parametrize("reply", ["_R_.x", "_R_.", "$JS.ACK.x", "_GR_.x"])
def test_reserved_reply(connect, reply):
    sub, pub = connect(), connect()
    sub.subscribe("reserved", 1)
    pub.send(f"PUB reserved {reply} 2\r\nno\r\n")
    pub.expect(f"-ERR 'Permissions Violation for Publish with Reply of \"{reply}\"'\r\n")
    pub.expect_silence()
    sub.expect_silence()


@pytest.mark.parametrize("reply", ["$JS.ACK.", "_GR_.", "_R_", "$JS.ACK", "_GR_"])
def test_reply_that_is_just_not_reserved(connect, reply):
    client = connect()
    client.send(f"SUB free 1\r\nPUB free {reply} 2\r\nok\r\n")
    client.expect(f"MSG free 1 {reply} 2\r\nok\r\n")


# TestClientRejectsNRGSubjects
@pytest.mark.parametrize("subject", ["_GR_.x", "$NRG.x", "$NRG."])
def test_reserved_subject(connect, subject):
    client = connect()
    client.send(f"PUB {subject} 2\r\nno\r\n")
    client.expect(f"-ERR 'Permissions Violation for Publish to \"{subject}\"'\r\n")
    client.expect_silence()


# A prefix with nothing behind it is a subject with an empty token: no error, and nobody gets it.
def test_subject_that_is_just_not_reserved(connect):
    client = connect()
    client.send("SUB > 1\r\nPUB _GR_. 2\r\nok\r\nPUB _GR_ 2\r\nok\r\n")
    client.expect_msg("_GR_", 1, "ok")
    client.expect_silence()


# 3.9: what is counted.
def test_counters(start):
    server = start()
    zero = server.monitor.varz()
    pub, sub = server.connect(), server.connect()
    sub.send("SUB n 1\r\nSUB n 2\r\n")
    sub.barrier()
    pub.send("PUB n 5\r\nhello\r\nHPUB n 12 17\r\nNATS/1.0\r\n\r\nhello\r\nPUB none 3\r\nabc\r\n")
    pub.barrier()
    entry = server.monitor.connection(pub.cid)
    assert (entry["in_msgs"], entry["in_bytes"]) == (3, 25)
    assert (entry["out_msgs"], entry["out_bytes"]) == (0, 0)
    entry = server.monitor.connection(sub.cid)
    assert (entry["out_msgs"], entry["out_bytes"]) == (4, 44)
    varz = server.monitor.varz()
    for name, value in (("in_msgs", 3), ("in_bytes", 25), ("out_msgs", 4), ("out_bytes", 44),
                        ("in_client_msgs", 3), ("in_client_bytes", 25), ("out_client_msgs", 4),
                        ("out_client_bytes", 44)):
        assert varz[name] - zero[name] == value, name


# TestTraceMsg, TestTraceMsgDelivery
@pytest.mark.parametrize("limit, payload, shown", [
    (10, "normal", "normal"), (10, "over length", "over lengt..."), (10, "exactlyten", "exactlyten"),
    (0, "unlimited length", "unlimited length"), (-1, "negative", "negative"),
])
def test_payload_in_the_trace(start, limit, payload, shown):
    server = start(f"trace: true, max_traced_msg_len: {limit}")
    client = server.connect()
    client.send(f"SUB t 1\r\nPUB t {len(payload)}\r\n{payload}\r\nPUB t 0\r\n\r\n")
    server.wait_log(rf'\[TRC\] .* - <<- MSG_PAYLOAD: \["{shown}"\]$'.replace("...", r"\.\.\."))
    server.wait_log(r"\[TRC\] .* - <<- \[PUB t 0\]$")
    server.wait_log(rf"\[TRC\] .* - ->> \[MSG t 1 {len(payload)}\]$")
    server.wait_log(r"\[TRC\] .* - ->> \[MSG t 1 0\]$")
    assert 'MSG_PAYLOAD: [""]' not in server.log.text()


# A subscription that ends says so, however it ends.
def test_end_of_subscriptions_in_the_trace(start):
    server = start("trace: true")
    client = server.connect()
    client.send("SUB t 1\r\nSUB t 2\r\nSUB t 3\r\nUNSUB 1\r\nUNSUB 2 1\r\nPUB t 0\r\n\r\nPING\r\n")
    while client.line() != b"PONG":
        pass
    prefix = rf"\[TRC\] \S+ - cid:{client.cid} - "
    for sid in (1, 2):
        server.wait_log(prefix + rf"<-> \[DELSUB {sid}\]$")
    lines = [text.split(" - ")[-1] for level, text in server.entries() if level == "TRC"]
    assert lines[lines.index("<<- [UNSUB 1]") + 1] == "<-> [DELSUB 1]"
    assert lines[lines.index("->> [MSG t 2 0]") + 1] == "<-> [DELSUB 2]"
    assert "<-> [DELSUB 3]" not in lines
    client.close()
    server.wait_log(prefix + r"<-> \[DELSUB 3\]$")
    # At the end of the server nobody wants to read so many lines.
    client = server.connect()
    client.subscribe("t", 4)
    server.stop()
    assert "DELSUB 4" not in server.log.text()


# TestTraceMsgHeadersOnly
def test_headers_only_trace(start):
    server = start("trace_headers: true")
    client = server.connect()
    client.send("HPUB t 20 25\r\nNATS/1.0\r\nFoo: 1\r\n\r\nhello\r\nPUB t 6\r\nsecret\r\n")
    client.barrier()
    server.wait_log(r'\[TRC\] .* - <<- MSG_PAYLOAD: \["NATS/1\.0\\r\\nFoo: 1"\]$')
    server.wait_log(r"\[TRC\] .* - <<- \[PUB t 6\]$")
    assert "secret" not in server.log.text() and "hello" not in server.log.text()


# TestSublistNoCacheConfig: slower, but the same.
def test_without_the_cache(start):
    server = start("disable_sublist_cache: true")
    sub, pub = server.connect(), server.connect()
    for round_ in range(3):
        sub.send(f"SUB nc.* {round_}\r\nSUB nc.> q 1{round_}\r\n")
        sub.barrier()
        pub.send("PUB nc.x 2\r\nok\r\n" * 3)
        pub.barrier()
        for _ in range(3 * 2):
            assert sub.line().startswith(b"MSG nc.x ")
            sub.expect("ok\r\n")
        sub.send(f"UNSUB {round_}\r\nUNSUB 1{round_}\r\n")
        sub.barrier()
    pub.send("PUB nc.x 2\r\nok\r\n")
    pub.barrier()
    sub.expect_silence()


# TestSublistCache: more subjects than any cache holds, interest that comes and goes between.
def test_more_subjects_than_a_cache_holds(connect):
    sub, pub = connect(), connect()
    sub.subscribe("cache.*", 1)
    count = 3000
    for round_ in range(2):
        pub.send("".join(f"PUB cache.{i} 0\r\n\r\n" for i in range(count)))
        for i in range(count):
            sub.expect(f"MSG cache.{i} 1 0\r\n\r\n")
        sub.send("SUB cache.5 2\r\n")
        sub.barrier()
        pub.send("PUB cache.5 0\r\n\r\n")
        lines = sorted(sub.line() + sub.read(2) for _ in range(2))
        assert lines == [b"MSG cache.5 1 0\r\n", b"MSG cache.5 2 0\r\n"], round_
        sub.send("UNSUB 2\r\n")
        sub.barrier()
