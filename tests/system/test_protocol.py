# SPDX-License-Identifier: Apache-2.0
"""The wire protocol as a parser sees it: verbs, separators, numbers, payloads, errors.

The Go test that proves the same behaviour in the reference is named beside each test.
"""

import re

import pytest

from support.dialect import dialect

UNKNOWN = "Unknown Protocol Operation"


# TestProtoBasics
def test_conversation(connect):
    client = connect()
    client.send("PING\r\n")
    client.expect("PONG\r\n")
    client.send("SUB foo 1\r\nPUB foo 5\r\nhello\r\n")
    client.expect("MSG foo 1 5\r\nhello\r\n")
    client.send("SUB * 2\r\nPUB foo 2\r\nok\r\n")
    copies = sorted([client.read(17), client.read(17)])
    assert copies == [b"MSG foo 1 2\r\nok\r\n", b"MSG foo 2 2\r\nok\r\n"]
    client.barrier()


# TestAsyncClientWithRunningServer
def test_many_publishes_in_one_write(connect):
    client = connect()
    client.send(b"SUB many 1\r\n", b"PUB many 5\r\nhello\r\n" * 1000, b"PING\r\n")
    client.expect(b"MSG many 1 5\r\nhello\r\n" * 1000, b"PONG\r\n")


# 1.7 of the protocol: the transcript of one session, byte for byte.
def test_transcript(connect):
    client = connect()
    client.send("SUB a 1\r\nSUB in.* 2\r\nHPUB a in.1 12 17\r\nNATS/1.0\r\n\r\nhello\r\n")
    client.expect("HMSG a 1 in.1 12 17\r\nNATS/1.0\r\n\r\nhello\r\n")
    client.send("PUB nobody in.2 0\r\n\r\n")
    client.expect("HMSG in.2 2 38 38\r\nNATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n\r\n")
    client.send("UNSUB 1\r\nPUB .bad 0\r\n\r\nSUB .bad 3\r\nPINGx\r\nBAD")
    client.expect("-ERR 'Invalid Subject'\r\nPONG\r\n")
    client.expect_fatal(UNKNOWN)


# TestProtoErr, TestShouldFail (verbs), TestPubToArgState, TestSubToArgState
@pytest.mark.parametrize("data", [
    "xxx", "ZZZ", "Px", "PIx", "PINx", " PING", "\tPING", "\r\n", "\n", "POx", "PONx", "+x", "+Ox",
    "-x", "-Ex", "-ERx", "-ERRx", "Cx", "COx", "CONx", "CONNx", "CONNEx", "CONNECx", "PUx", "PUBx",
    "PUBS foo 2\r\nok\r\n", "PUB\r\n", "Hx", "HPx", "HPUx", "HPUBx", "HPUB\r\n", "Sx", "SUx",
    "SUBZZZ foo 1\r\n", "SUB\r\n", "Ux", "UNx", "UNSx", "UNSUx", "UNSUBx", "UNSUB_2\r\n",
    "UNSUBUNSUB 1\r\n", "UNSUB_UNSUB_UNSUB 2\r\n", "UNSUB_\t2\r\n", "UNSUB\r\n", "Ix", "INx", "INFx",
    "MSG foo 1 2\r\nok\r\n", "RMSG foo 1", "LMSG foo", "RS+ foo", "LS+ foo", "A+ foo", "\x00", "{",
    "GET / HTTP/1.1\r\n",
])
def test_unknown_operation(connect, server, data):
    client = connect()
    client.send(data)
    client.expect_fatal(UNKNOWN)
    assert server.monitor.closed(client.cid)["reason"] == "Protocol Violation"


# TestShouldFail: the error comes at the first wrong byte, before the line is complete.
def test_error_does_not_wait_for_the_line_end(connect):
    client = connect()
    client.send("PINX")
    client.expect_fatal(UNKNOWN)


# TestShouldFail: operations before the error stay done, bytes after it are never looked at.
def test_what_precedes_an_error_stays_done(connect):
    client = connect()
    client.send("SUB before 1\r\nPUB before 2\r\nok\r\nBAD\r\nPUB before 2\r\nno\r\n")
    client.expect("MSG before 1 2\r\nok\r\n")
    client.expect_fatal(UNKNOWN)


# TestShouldFail (arguments), TestParsePubBadSize, TestParseSize, TestParsePubSizeOverflow
@pytest.mark.parametrize("data", [
    "CONNECT \r\n", "CONNECT\r\n", "CONNECT nonsense\r\n", "CONNECT {]\r\n", "CONNECT []\r\n",
    "INFO  \r\n", "INFO {\r\n", "INFO []\r\n", "INFO 5\r\n", "INFO {} x\r\n",
    "PUB foo\r\n", "PUB  \r\n", "PUB foo bar       \r\n", "PUB foo bar baz 2\r\nok\r\n",
    "PUB foo -1\r\n", "PUB foo +1\r\n", "PUB foo 0x1\r\n", "PUB foo 1a\r\n", "PUB foo 1.0\r\n",
    "PUB foo 1234567890\r\n", "PUB foo 0000000001\r\n", "PUB foo 99999999999999999999999\r\n",
    "PUB foo 2147483648\r\n", "PUB foo 4294967298\r\n", "PUB foo 18446744073709551617\r\n",
    "HPUB foo\r\n", "HPUB foo 12\r\n", "HPUB foo bar 12\r\n", "HPUB foo bar baz 1 2\r\n",
    "HPUB foo 12 11\r\n", "HPUB foo -1 12\r\n", "HPUB foo 1 -2\r\n", "HPUB foo x 12\r\n",
    "HPUB foo 12 x\r\n", "HPUB foo 1234567890 12\r\n", "HPUB foo 12 1234567890\r\n",
    "SUB  \r\n", "SUB foo\r\n", "SUB foo bar baz 22\r\n",
    "UNSUB \r\n", "UNSUB          \t       \r\n", "UNSUB 1 2 3\r\n",
])
def test_bad_arguments_close_without_a_word(connect, server, data):
    client = connect()
    client.send(data)
    client.expect_closed()
    assert server.monitor.closed(client.cid)["reason"] == "Protocol Violation"


# TestShouldFail: the payload ends with CR LF and nothing else.
@pytest.mark.parametrize("data", [
    "PUB foo 2\r\nok \r\n", "PUB foo 2\r\nok\r \n", "PUB foo 2\r\nok\n", "PUB foo 2\r\nokay\r\n",
    "PUB foo 0\r\nx\r\n", "HPUB foo 12 14\r\nNATS/1.0\r\n\r\nokay\r\n",
])
def test_payload_terminator(connect, data):
    client = connect()
    client.send(data)
    client.expect_fatal(UNKNOWN)


# TestIncompletePubArg
def test_payload_overrun(connect):
    client = connect()
    head = b"PUB example 10000\r\n"
    good = b"A" * 10000 + b"\r\n"
    client.try_send(head + good + head + good + head + b"B" * 3371 + head + b"C" * 10000 + b"\r\n")
    client.expect_fatal(UNKNOWN)


# TestParsePing: everything after the last letter is ignored up to the line end.
@pytest.mark.parametrize("ping", [
    "PING\r\n", "PING  \r\n", "PING\n", "ping\r\n", "PiNg\r\n", "PINGxyz\r\n", "PING \t junk\r\n",
])
def test_ping(connect, ping):
    client = connect()
    client.send(ping)
    client.expect("PONG\r\n")


# TestParsePong, TestUnpromptedPong, TestParseOK
@pytest.mark.parametrize("data", [
    "PONG\r\n", "pong\r\n", "PONG  \r\n", "PONGxyz\r\n", "PONG\n", "+OK\r\n", "+ok\r\n", "+OK 1\r\n",
    "INFO {}\r\n", "INFO{}\r\n", "INFO null\r\n", b'INFO {"name":"\xe9"}\r\n', "info {\"a\":1}\n",
])
def test_operations_that_are_ignored(connect, data):
    client = connect()
    client.send(data * 5)
    client.expect_silence()


# TestParseOK: a client that reports an error is closed.
@pytest.mark.parametrize("data", ["-ERR 'x'\r\n", "-err no quotes\n"])
def test_client_sends_err(connect, server, data):
    client = connect()
    client.send(data)
    client.expect_closed()
    assert server.monitor.closed(client.cid)["reason"] == "Parse Error"


# TestParseConnect
@pytest.mark.parametrize("data", [
    'CONNECT {"verbose":true}\r\n', 'CONNECT{"verbose":true}\r\n', 'CONNECT {"verbose":true}\n',
    'connect \t {"verbose":true} \t\r\n', 'CoNnEcT {"VERBOSE":true}\r\n',
    'CONNECT { "verbose" : true , "unknown" : [1, {"x": null}] }\r\n',
    'CONNECT {"verbose":null}\r\n', 'CONNECT {}\r\n',
    'CONNECT {"verbose":false,"verbose":true}\r\n',
])
def test_connect_forms(client, data):
    client.send(data)
    client.expect("+OK\r\n")


@pytest.mark.parametrize("data", [
    'CONNECT {"verbose":1}\r\n', 'CONNECT {"verbose":"true"}\r\n', 'CONNECT {"name":1}\r\n',
    'CONNECT {"verbose":true}}\r\n', 'CONNECT {"verbose":true} x\r\n', 'CONNECT {"protocol":"1"}\r\n',
    'CONNECT {"protocol":1.5}\r\n', "CONNECT {'verbose':true}\r\n", 'CONNECT {"verbose":true,}\r\n',
    'CONNECT {"verbose":true\r\n', 'CONNECT "verbose"\r\n',
])
def test_connect_invalid_json(client, server, data):
    client.send(data)
    client.expect_closed()
    assert server.monitor.closed(client.cid)["reason"] == "Protocol Violation"


# TestParseSub, TestParsePub, TestParsePubArg
@pytest.mark.parametrize("sub", [
    "SUB s.a 1\r\n", "sub s.a 1\r\n", "SUB\ts.a\t1\r\n", "SUB   s.a \t  1\r\n", "SUB s.a 1 \t \r\n",
    "SUB s.a 1\n", "SUB s.a q 1\r\n", "SUB \t s.a \t q \t 1 \t \n",
])
def test_sub_forms(connect, sub):
    client = connect()
    client.send(sub, "PUB s.a 2\r\nok\r\n")
    client.expect("MSG s.a 1 2\r\nok\r\n")


@pytest.mark.parametrize("head, size", [
    ("PUB p.a 2\r\n", "2"), ("pub p.a 2\r\n", "2"), ("pUb\tp.a\t2\r\n", "2"),
    ("PUB   p.a   2\r\n", "2"), ("PUB p.a 2\n", "2"), ("PUB p.a 2 \t \r\n", "2"),
    ("PUB p.a 002\r\n", "002"), ("PUB p.a 000000002\r\n", "000000002"),
])
def test_pub_forms(connect, head, size):
    client = connect()
    client.send("SUB p.a 1\r\n", head, "ok\r\n")
    client.expect(f"MSG p.a 1 {size}\r\nok\r\n")


@pytest.mark.parametrize("head", [
    "PUB p.b inbox.1 2\r\n", "PUB\tp.b\tinbox.1\t2\t\r\n", "PUB  p.b  inbox.1  2\n",
])
def test_pub_forms_with_reply(connect, head):
    client = connect()
    client.send("SUB p.b 1\r\n", head, "ok\r\n")
    client.expect("MSG p.b 1 inbox.1 2\r\nok\r\n")


# TestParsePub: an empty payload still has its CR LF.
def test_pub_empty_payload(connect):
    client = connect()
    client.send("SUB e 1\r\nPUB e 0\r\n\r\nPUB e r 0\r\n\r\n")
    client.expect("MSG e 1 0\r\n\r\nMSG e 1 r 0\r\n\r\n")


# TestParsePub: a payload is bytes; it may hold anything, verbs and line ends too.
@pytest.mark.parametrize("payload", [
    b"\r\n", b"\r\n\r\n", b"PUB x 1\r\nx\r\n", b"\x00\xff\xfe\x80", b"PING\r\n" * 10, b" ", b"\r", b"\n",
])
def test_payload_is_opaque(connect, payload):
    client = connect()
    client.send("SUB bytes 1\r\n", f"PUB bytes {len(payload)}\r\n", payload, "\r\n")
    client.expect_msg("bytes", 1, payload)


# TestParseHeaderPub, TestParseHeaderPubArg
@pytest.mark.parametrize("head, shown", [
    ("HPUB h.a 12 17\r\n", "h.a 1 12 17"),
    ("hpub h.a 12 17\r\n", "h.a 1 12 17"),
    ("HPUB\th.a\t12\t17\n", "h.a 1 12 17"),
    ("HPUB   h.a   12   17  \r\n", "h.a 1 12 17"),
    ("HPUB h.a reply 12 17\r\n", "h.a 1 reply 12 17"),
    ("HPUB \t h.a \t reply \t 12 \t 17 \t \r\n", "h.a 1 reply 12 17"),
    ("HPUB h.a 0012 017\r\n", "h.a 1 0012 017"),
])
def test_hpub_forms(connect, head, shown):
    client = connect()
    client.send("SUB h.a 1\r\n", head, "NATS/1.0\r\n\r\nhello\r\n")
    client.expect(f"HMSG {shown}\r\nNATS/1.0\r\n\r\nhello\r\n")


# 1.2: names are raw bytes, and nobody looks for UTF-8 in them.
def test_names_are_bytes(connect):
    client = connect()
    client.send(b"SUB \xff\xfe.\xc3\xa9 \x80sid\r\nPUB \xff\xfe.\xc3\xa9 \x01re\x7f 2\r\nok\r\n")
    client.expect(b"MSG \xff\xfe.\xc3\xa9 \x80sid \x01re\x7f 2\r\nok\r\n")


# 1.6: the sid is echoed as it was written.
@pytest.mark.parametrize("sid", ["1", "001", "-5", "abc", "99999999999999999999", "x.y", "a,b"])
def test_sid_is_echoed(connect, sid):
    client = connect()
    client.send(f"SUB sid.echo {sid}\r\nPUB sid.echo 2\r\nok\r\n")
    client.expect(f"MSG sid.echo {sid} 2\r\nok\r\n")


# TestProtoSnippet: the log quotes at most 32 bytes after the one that was wrong.
@pytest.mark.parametrize("data, snippet", [
    ("PUB foo 2\r\nok" + "Xabcdefghijklmnopqrstuvwxyz" + "ABCDEFGHIJ\r\n",
     '"XabcdefghijklmnopqrstuvwxyzABCDE"'),
    ("ZZZ", '"ZZ"'),
])
def test_error_snippet_in_the_log(start, data, snippet):
    server = start()
    client = server.connect()
    client.send(data)
    client.expect_fatal(UNKNOWN)
    server.wait_log(rf"\[ERR\] 127\.0\.0\.1:{client.local[1]} - cid:{client.cid} - "
                    r"Client parser ERROR" + dialect(
                        reference=rf", state=\d+, i=\d+: proto='{snippet}\.\.\.'$",
                        midge=r': unknown operation in "[^"]{2,40}"$'))


@pytest.mark.parametrize("data, text", [
    ("PUB foo\r\n", 'processPub Parse Error: "foo"'),
    ("PUB foo x\r\n", 'processPub Bad or Missing Size: "foo x"'),
    ("SUB a b c d\r\n", 'processSub Parse Error: "a b c d"'),
    ("PUB foo 99999999\r\n", "maximum payload exceeded: 99999999 vs 1048576"),
    ("-ERR 'hello'\r\n", "Client Error 'hello'"),
    ('CONNECT {"protocol":2}\r\n', "invalid client protocol"),
    ('CONNECT {"no_responders":true,"headers":false}\r\n', "no responders requires headers support"),
    ("INFO {\r\n", dialect(reference="unexpected end of JSON input",
                          midge="INFO refused: INFO is not a JSON object")),
    ("CONNECT {\r\n", dialect(reference="unexpected end of JSON input",
                             midge="CONNECT refused: CONNECT is not valid JSON")),
    ("SUB " + "a" * 4097, "maximum control line exceeded"),
])
def test_error_texts_in_the_log(start, data, text):
    server = start()
    client = server.connect()
    client.send(data)
    client.drain_until_closed()
    server.wait_log(rf"\[ERR\] 127\.0\.0\.1:{client.local[1]} - cid:{client.cid} - " +
                    re.escape(text) + "$")


# TestControlLineMaximums, TestMaxControlLine
class TestControlLine:
    TEXT = "maximum control line exceeded"

    @pytest.fixture
    def small(self, start):
        return start("max_control_line: 64")

    @pytest.mark.parametrize("verb", ["PUB ", "HPUB ", "SUB ", "UNSUB "])
    def test_too_long(self, small, verb):
        client = small.client()
        client.send('CONNECT {"verbose":false}\r\n')
        client.send(verb + "a" * 65 + " 1\r\n")
        client.expect_fatal(self.TEXT)
        assert small.monitor.closed(client.cid)["reason"] == "Maximum Control Line Exceeded"

    @pytest.mark.parametrize("verb", ["PUB foo ", "SUB ", "CONNECT ", "-ERR "])
    def test_too_long_without_an_end(self, small, verb):
        client = small.client()
        client.send(verb + "2" * 65)
        client.expect_fatal(self.TEXT)

    def test_connect_too_long(self, small):
        client = small.client()
        client.send('CONNECT {"verbose":false,"name":"%s"}\r\n' % ("x" * 64))
        client.expect_fatal(self.TEXT)

    def test_the_limit_is_inclusive(self, small):
        client = small.client()
        client.send('CONNECT {"verbose":false}\r\n')
        subject = "a" * 62
        client.send(f"SUB {subject} 1\r\nPUB {subject} 2\r\nok\r\n")
        client.expect(f"MSG {subject} 1 2\r\nok\r\n")
        client.send(f"SUB {subject}b 1\r\n")
        client.expect_fatal(self.TEXT)

    # The verb, the separators after it and the CR do not count; trailing blanks do.
    def test_what_counts(self, small):
        client = small.client()
        client.send('CONNECT {"verbose":false}\r\n')
        client.send("SUB " + " " * 100 + "a" * 62 + " 1\r\n")
        client.expect_silence()

    def test_split_in_two(self, small):
        client = small.client()
        client.send('CONNECT {"verbose":false}\r\nPING\r\n')
        client.expect("PONG\r\n")
        client.send("SUB " + "a" * 40)
        client.send_bytewise(b"a" * 25)
        client.expect_fatal(self.TEXT)

    def test_default_is_4096(self, connect):
        client = connect()
        subject = "a" * 4094
        client.send(f"SUB {subject} 1\r\n")
        client.expect_silence()
        client.send(f"SUB {subject}b 1\r\n")
        client.expect_fatal(self.TEXT)


# TestMaxPayload, TestClosedMaxPayload, TestMaxPayloadOverrun
class TestMaxPayload:
    TEXT = "Maximum Payload Violation"

    @pytest.mark.parametrize("head", [
        "PUB foo 101\r\n", "PUB foo 999999999\r\n", "PUB foo reply 101\r\n", "HPUB foo 12 101\r\n",
        "HPUB foo reply 12 101\r\n",
    ])
    def test_too_large(self, start, head):
        server = start("max_payload: 100")
        assert server.client().info["max_payload"] == 100
        client = server.connect()
        client.send(head)
        client.expect_fatal(self.TEXT)
        reason = server.monitor.closed(client.cid)["reason"]
        assert reason == "Maximum Message Payload Exceeded"

    def test_the_limit_is_inclusive(self, start):
        server = start("max_payload: 100")
        client = server.connect()
        client.send("SUB foo 1\r\nPUB foo 100\r\n", "x" * 100, "\r\n")
        client.expect_msg("foo", 1, "x" * 100)
        client.send("HPUB foo 12 100\r\nNATS/1.0\r\n\r\n", "x" * 88, "\r\n")
        client.expect("HMSG foo 1 12 100\r\nNATS/1.0\r\n\r\n", "x" * 88, "\r\n")

    def test_unlimited(self, start):
        server = start("max_payload: -1, max_pending: 8388608")
        client = server.connect()
        assert client.info["max_payload"] == -1
        data = b"x" * (2 << 20)
        client.send("SUB foo 1\r\n", f"PUB foo {len(data)}\r\n", data, "\r\n")
        client.expect_msg("foo", 1, data)

    def test_default_is_a_mebibyte(self, connect):
        client = connect()
        assert client.info["max_payload"] == 1 << 20
        data = b"y" * (1 << 20)
        client.send("SUB big 1\r\nPUB big 1048576\r\n", data, "\r\n")
        client.expect_msg("big", 1, data)
        client.send("PUB big 1048577\r\n")
        client.expect_fatal(self.TEXT)


# TestRemovePassFromTrace, TestRemoveAuthTokenFromTrace, TestRemoveAdditionalAuthFieldsFromTrace
@pytest.mark.parametrize("field, secret", [
    ("pass", "s3cr3t-pass"), ("auth_token", "s3cr3t-token"), ("sig", "s3cr3t-sig"),
    ("nkey", "s3cr3t-nkey"), ("proxy_sig", "s3cr3t-proxy"),
])
def test_secrets_are_redacted_in_traces(start, field, secret):
    server = start("trace: true")
    client = server.client()
    client.send('CONNECT {"verbose":false,"user":"me","%s":"%s","name":"visible"}\r\n' %
                (field, secret))
    client.barrier()
    line = server.wait_log(r"<<- \[CONNECT .*\]").group(0)
    assert "[REDACTED]" in line and "visible" in line, line
    assert secret not in line
