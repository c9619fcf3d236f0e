# SPDX-License-Identifier: Apache-2.0
"""Messages of one line in one read: handled together, but nobody may be able to tell."""

import pytest

from support.dialect import is_midge

RUN = 150  # more than are handled at once


def publications(subject, count=RUN, line=b"%s 3"):
    """PUBs that differ in nothing but their payload of three bytes."""
    return b"".join(b"PUB " + line % subject + b"\r\n%03d\r\n" % i for i in range(count))


def messages(subject, sid, numbers):
    return b"".join(b"MSG %s %s 3\r\n%03d\r\n" % (subject, sid, i) for i in numbers)


def expect(client, data):
    assert client.read(len(data)) == data


@pytest.mark.parametrize("loops", [1, 2])
def test_each_message_comes_once_and_in_order(start, loops):
    server = start(server_loops(loops))
    subscribers, publisher = [connected(server) for _ in range(5)], connected(server)
    for subscriber in subscribers:
        subscriber.subscribe("run", "a1")
    publisher.send(publications(b"run"), "PING\r\n")
    publisher.expect("PONG\r\n")
    for subscriber in subscribers:
        expect(subscriber, messages(b"run", b"a1", range(RUN)))
        subscriber.expect_silence()
    varz = server.monitor.varz()
    assert (varz["in_msgs"], varz["in_bytes"]) == (RUN, 3 * RUN)
    assert (varz["out_msgs"], varz["out_bytes"]) == (5 * RUN, 15 * RUN)


def connected(server):
    client = server.client()
    client.connect()
    return client


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
    for i in range(RUN):
        both = subscriber.read(2 * len(messages(b"run", b"1", [i])))
        assert both in (messages(b"run", b"1", [i]) + messages(b"run", b"2", [i]),
                        messages(b"run", b"2", [i]) + messages(b"run", b"1", [i]))


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
