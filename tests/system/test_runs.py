# SPDX-License-Identifier: Apache-2.0
"""Messages of one line in one read: handled together, but nobody may be able to tell."""

import pytest

from support.client import tls_context
from support.dialect import is_midge

RUN = 150  # more than are handled at once
MANY_LOOPS = 16  # each of which gets 16 connections before the next


def publications(subject, count=RUN, line=b"%s 3"):
    """PUBs that differ in nothing but their payload of three bytes."""
    return b"".join(b"PUB " + line % subject + b"\r\n%03d\r\n" % i for i in range(count))


def messages(subject, sid, numbers):
    return b"".join(b"MSG %s %s 3\r\n%03d\r\n" % (subject, sid, i) for i in numbers)


def expect(client, data):
    assert client.read(len(data)) == data


@pytest.mark.parametrize("loops", [1, MANY_LOOPS])
def test_each_message_comes_once_and_in_order(start, loops):
    server = start(server_loops(loops))
    subscribers, publisher = [connected(server) for _ in range(5)], far_publisher(server)
    for subscriber in subscribers:
        subscriber.subscribe("run", "a1")
    publisher.send(publications(b"run"), "PING\r\n")
    publisher.expect("PONG\r\n")
    for subscriber in subscribers:
        expect(subscriber, messages(b"run", b"a1", range(RUN)))
        subscriber.expect_silence()
    publisher.expect_silence()
    varz = server.monitor.varz()
    assert (varz["in_msgs"], varz["in_bytes"]) == (RUN, 3 * RUN)
    assert (varz["out_msgs"], varz["out_bytes"]) == (5 * RUN, 15 * RUN)


def connected(server):
    client = server.client()
    client.connect()
    return client


def far_publisher(server, **options):
    """Connected behind so many others that it is served by another of MANY_LOOPS."""
    others = [server.connect(**options) for _ in range(2 * MANY_LOOPS)]
    publisher = server.connect(**options)
    publisher.others = others  # which have to stay
    return publisher


def server_loops(count):
    """The option of midge; nats-server has none and needs none."""
    return f"loops: {count}\n" if is_midge() else ""


@pytest.mark.parametrize("own", [True, False], ids=["own", "other"])
def test_two_subscriptions_of_one_client_take_turns(connect, own):
    publisher = connect()
    subscriber = publisher if own else connect()
    subscriber.send("SUB run 1\r\nSUB * 2\r\nPING\r\n")
    subscriber.expect("PONG\r\n")
    publisher.send(publications(b"run"))
    expect_in_turn(subscriber)


def expect_in_turn(subscriber):
    """The run on the sids 1 and 2, either of them first each time."""
    for i in range(RUN):
        both = subscriber.read(2 * len(messages(b"run", b"1", [i])))
        assert both in (messages(b"run", b"1", [i]) + messages(b"run", b"2", [i]),
                        messages(b"run", b"2", [i]) + messages(b"run", b"1", [i]))


# Whoever is denied the subject is passed over, and that moves nobody's messages.
def test_two_subscriptions_with_a_denied_one_between_them(start):
    server = start(server_loops(MANY_LOOPS) + """
        authorization { users: [ { user: free, password: x },
            { user: held, password: x, permissions: { subscribe: { deny: [ run ] } } } ] }""")
    login = {"pass": "x", "user": "free"}
    subscriber, held = server.connect(**login), server.connect(**(login | {"user": "held"}))
    for subject, client, sid in ((">", held, 7), ("run", subscriber, 1), (">", held, 8),
                                 ("*", held, 9), (">", subscriber, 2), ("*", held, 10)):
        client.subscribe(subject, sid)
    publisher = far_publisher(server, **login)
    publisher.send(publications(b"run"), "PING\r\n")
    publisher.expect("PONG\r\n")
    expect_in_turn(subscriber)
    held.expect_silence()


# A run is larger than all that may wait, but the socket takes it.
@pytest.mark.parametrize("limit", [2000, 8000])
def test_who_reads_is_not_slow(start, limit):
    server = start(f"max_payload: 10, max_pending: {limit}")
    subscriber, publisher = connected(server), connected(server)
    subscriber.subscribe("run", 1)
    publisher.send(publications(b"run", 1000))
    expect(subscriber, messages(b"run", b"1", range(1000)))
    assert server.monitor.varz()["slow_consumers"] == 0


def test_long_sids(connect):
    """With one line of a few kilobytes for each message of a few bytes."""
    client = connect()
    sids = [b"s" * n for n in (64, 65, 3000)]
    for sid in sids:
        client.send(b"SUB run.%d " % len(sid), sid, b"\r\n")
    for sid in sids:
        subject = b"run.%d" % len(sid)
        client.send(publications(subject))
        expect(client, messages(subject, sid, range(RUN)))
    client.send(b"UNSUB ", sids[-1], b" %d\r\n" % (RUN + 3), publications(b"run.3000"), "PING\r\n")
    expect(client, messages(b"run.3000", sids[-1], range(3)) + b"PONG\r\n")


# The limit is reached inside a run.
@pytest.mark.parametrize("limit", [1, 2, 63, 64, 65, RUN - 1])
def test_auto_unsubscribe(connect, limit):
    client = connect()
    client.send(f"SUB run 1\r\nUNSUB 1 {limit}\r\n", publications(b"run"), "PING\r\n")
    expect(client, messages(b"run", b"1", range(limit)) + b"PONG\r\n")


def test_a_queue_group_shares_a_run(connect):
    members, publisher = [connect() for _ in range(3)], connect()
    for member in members:
        member.send("SUB run workers 1\r\nPING\r\n")
        member.expect("PONG\r\n")
    publisher.send(publications(b"run", 900), "PING\r\n")
    publisher.expect("PONG\r\n")
    taken = []
    for member in members:
        member.send("PING\r\n")
        mine = []
        while (line := member.line()) != b"PONG":
            assert line == b"MSG run 1 3"
            mine.append(int(member.line()))
        assert mine == sorted(mine)
        assert len(mine) > 200  # 300 each by chance; 200 is seven deviations below
        taken += mine
    assert sorted(taken) == list(range(900))


def test_verbose_answers_each(connect):
    client = connect(verbose=True)
    client.send(publications(b"run"), "PING\r\n")
    expect(client, b"+OK\r\n" * RUN + b"PONG\r\n")


def test_pedantic_complains_about_each(connect):
    client = connect(pedantic=True)
    client.send(publications(b"run.*"), "PING\r\n")
    expect(client, b"-ERR 'Invalid Publish Subject'\r\n" * RUN + b"PONG\r\n")


PERMITTED = """authorization {
  users = [{ user: u, password: p, permissions: {
    publish: { allow: ["run", "_GR_.x"] }, subscribe: { allow: ["run"] }, allow_responses: { max: 3 } } }]
}
"""


@pytest.mark.parametrize("subject, refused", [(b"run", 0), (b"no", RUN), (b"_GR_.x", RUN)])
def test_permissions_are_asked_for_each(start, subject, refused):
    """One answer for each message that is refused, and only for those."""
    server = start(PERMITTED)
    client = server.connect(user="u", **{"pass": "p"})
    client.send("SUB run 1\r\n", publications(subject), "PING\r\n")
    line = b"-ERR 'Permissions Violation for Publish to \"%s\"'\r\n" % subject
    expect(client, messages(b"run", b"1", range(RUN - refused)) + line * refused + b"PONG\r\n")


def test_a_run_of_answers_ends_at_its_limit(start):
    """Three answers are permitted; the rest of the run is refused, message by message."""
    server = start(PERMITTED)
    client, asker = (server.connect(user="u", **{"pass": "p"}) for _ in range(2))
    client.subscribe("run", 1)
    asker.send("PUB run inbox.1 0\r\n\r\n")
    client.expect_msg("run", 1, b"", "inbox.1")
    client.send(publications(b"inbox.1", 5), "PING\r\n")
    line = b"-ERR 'Permissions Violation for Publish to \"inbox.1\"'\r\n"
    expect(client, line * 2 + b"PONG\r\n")


def test_replies_are_kept(connect):
    client = connect()
    client.send("SUB run 1\r\n", publications(b"run", line=b"%s re.ply 3"), "PING\r\n")
    expect(client, b"".join(b"MSG run 1 re.ply 3\r\n%03d\r\n" % i for i in range(RUN)) + b"PONG\r\n")


def test_headers(connect):
    reader, plain, publisher = connect(headers=True), connect(headers=False), connect(headers=True)
    for subscriber in (reader, plain):
        subscriber.subscribe("run", 1)
    head = b"NATS/1.0\r\nA: b\r\n\r\n"
    sizes = b"%d %d" % (len(head), len(head) + 3)
    publisher.send(b"".join(b"HPUB run %s\r\n%s%03d\r\n" % (sizes, head, i) for i in range(RUN)))
    expect(reader, b"".join(b"HMSG run 1 %s\r\n%s%03d\r\n" % (sizes, head, i) for i in range(RUN)))
    expect(plain, messages(b"run", b"1", range(RUN)))


def test_a_run_that_breaks_off(connect):
    """Same length, another line; same line, but no CRLF behind the payload."""
    client = connect()
    client.send("SUB > 1\r\n", publications(b"run", 3), publications(b"ruN", 2),
                publications(b"run", 1), "PING\r\n")
    expect(client, messages(b"run", b"1", range(3)) + messages(b"ruN", b"1", range(2)) +
           messages(b"run", b"1", [0]) + b"PONG\r\n")
    client.send(publications(b"run", 2), "PUB run 3\r\n002xx", publications(b"run", 1))
    expect(client, messages(b"run", b"1", range(2)))
    client.expect_error("Unknown Protocol Operation")
    client.expect_closed()


def bodies(size, count):
    """Payloads that tell each other apart from begin to end."""
    return [(b"%07d." % i * (size // 8 + 1))[:size] for i in range(count)]


def published(subject, payloads):
    return b"".join(b"PUB %s %d\r\n%s\r\n" % (subject, len(body), body) for body in payloads)


def delivered(subject, sid, payloads):
    return b"".join(b"MSG %s %s %d\r\n%s\r\n" % (subject, sid, len(body), body) for body in payloads)


@pytest.mark.parametrize("size", [3, 600])
def test_each_is_traced(start, size):
    server = start(server_loops(1) + "trace: true")
    client, other = server.connect(), server.connect()
    other.subscribe("run", 1)
    sent = bodies(size, 3)
    client.send("SUB run 1\r\n", published(b"run", sent), "PING\r\n")
    expect(client, delivered(b"run", b"1", sent) + b"PONG\r\n")
    expect(other, delivered(b"run", b"1", sent))
    client.send("PUB end 0\r\n\r\n")
    server.wait_log(r" - <<- \[PUB end 0\]")
    mine, others = (traced(server, one, "run") for one in (client, other))
    out = f"->> [MSG run 1 {size}]"
    assert mine == [line for body in sent
                    for line in (f"<<- [PUB run {size}]", f'<<- MSG_PAYLOAD: ["{body.decode()}"]', out)]
    assert others == [out] * 3


def traced(server, client, subject):
    """The trace of a client's messages, without the payloads of those it gets, which only midge shows."""
    lines = [text.partition(f" - cid:{client.cid} - ")[2] for level, text in server.entries() if level == "TRC"]
    return [line for line in lines if f"PUB {subject} " in line or f"MSG {subject} " in line
            or (line.startswith("<<- MSG_PAYLOAD") and '[""]' not in line)]


PING = b"PING\r\n"


def expect_much(client, wanted):
    """What takes longer than two seconds may hold the server's own PING, between two messages."""
    data = client.read(len(wanted))
    for cut in range(1, len(PING)):
        if data.endswith(PING[:cut]):
            data += client.read(len(PING) - cut)
    if PING in data:
        before, behind = data.split(PING)
        assert before == b"" or before.endswith(b"\r\n")
        data = before + behind
        data += client.read(len(wanted) - len(data))
    assert data == wanted


@pytest.mark.parametrize("loops", [1, MANY_LOOPS])
@pytest.mark.parametrize("size", [64, 511, 512, 1024, 4096, 4097, 30000])
def test_larger_messages_for_many(start, certs, size, loops):
    """More than a socket takes at once, for receivers whose lines read the same, or not, in plain and over
    TLS, one of which leaves early; nobody reads before all was sent."""
    server = start(server_loops(loops) + f"""tls {{ cert_file: "{certs.cert("server")}"
        key_file: "{certs.key("server")}" }}
        allow_non_tls: true
        write_deadline: 60s""")
    sent = bodies(size, 4_000_000 // size)
    context = tls_context(certs.cert("ca"))
    sids = [b"1", b"1", b"2", b"1", b"12345678901", b"123456789012", b"5", b"1"]
    receivers = [connected(server) for _ in sids]
    receivers += [server.client(tls=context).connect() for _ in range(3)]
    sids += [b"1", b"1", b"31"]
    for receiver, sid in zip(receivers, sids):
        receiver.subscribe("large", sid.decode())
    few, few_n = connected(server), len(sent) - 5
    few.send(f"SUB large 1\r\nUNSUB 1 {few_n}\r\nPING\r\n")
    few.expect("PONG\r\n")
    publisher = far_publisher(server)
    publisher.send(published(b"large", sent), "PING\r\n")
    publisher.expect("PONG\r\n")
    for receiver, sid in zip(receivers, sids):
        expect_much(receiver, delivered(b"large", sid, sent))
    expect_much(few, delivered(b"large", b"1", sent[:few_n]))
    varz = server.monitor.varz()
    assert varz["out_msgs"] == len(sent) * len(receivers) + few_n
    assert varz["slow_consumers"] == 0


@pytest.mark.parametrize("loops", [1, MANY_LOOPS])
@pytest.mark.parametrize("size", [512, 1024, 4000])
def test_larger_messages_for_many_that_wait(start, size, loops):
    """Some read on, and others, whose lines read the same, have full sockets: runs come to those in parts,
    and nothing comes twice."""
    server = start(server_loops(loops) + "write_deadline: 60s")
    sent = bodies(size, 8_000_000 // size)
    ready = connected(server)
    waiting = [server.client(receive_buffer=16384).connect() for _ in range(4)]
    sids = [b"1", b"1", b"2", b"12345678901", b"1"]
    receivers = [waiting[0], ready, *waiting[1:]]
    for receiver, sid in zip(receivers, sids):
        receiver.subscribe("large", sid.decode())
    publisher = far_publisher(server)
    for first in range(0, len(sent), 200):
        part = sent[first:first + 200]
        publisher.send(published(b"large", part))
        expect_much(ready, delivered(b"large", b"1", part))
    publisher.barrier()
    for receiver in waiting:
        assert server.monitor.connection(receiver.cid)["pending_bytes"] > 0
    for receiver, sid in zip(receivers, sids):
        if receiver is not ready:
            expect_much(receiver, delivered(b"large", sid, sent))
    varz = server.monitor.varz()
    assert varz["out_msgs"] == len(sent) * len(receivers)
    assert varz["slow_consumers"] == 0


def test_one_goes_in_the_middle_of_a_run(connect):
    """Whoever made the bytes that others share may close before they are sent."""
    publisher, first, others = connect(), connect(), [connect() for _ in range(3)]
    sent = bodies(1024, 3000)
    for receiver in [first] + others:
        receiver.subscribe("large", "1")
    publisher.send(published(b"large", sent[:1500]))
    first.close()
    publisher.send(published(b"large", sent[1500:]), "PING\r\n")
    publisher.expect("PONG\r\n")
    for receiver in others:
        expect_much(receiver, delivered(b"large", b"1", sent))


@pytest.mark.parametrize("size", [1024, 5000])
def test_many_small_reads_of_larger_messages(connect, size):
    """Several publishers, a few messages a read: one receiver gets all, each publisher's in order."""
    receiver, publishers = connect(), [connect() for _ in range(8)]
    receiver.subscribe("large.*", "1")
    for i in range(40):
        for k, publisher in enumerate(publishers):
            publisher.send(published(b"large.%d" % k, [b"%d" % (i % 10) * size]))
    for publisher in publishers:
        publisher.barrier()
    seen = [0] * len(publishers)
    while sum(seen) < 40 * len(publishers):
        line = receiver.line()
        if line == b"PING":  # the server's own, after two seconds
            continue
        k = int(line.split()[1][6:])
        assert line == b"MSG large.%d 1 %d" % (k, size)
        expect(receiver, b"%d" % (seen[k] % 10) * size + b"\r\n")
        seen[k] += 1
    assert seen == [40] * len(publishers)
