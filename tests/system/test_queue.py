# SPDX-License-Identifier: Apache-2.0
"""Queue groups: one member of each group gets a message."""

import collections


def take(client, count, subject, payload=b"ok"):
    """Read count messages; returns how many came for each sid."""
    sids = collections.Counter()
    for _ in range(count):
        words = client.line().split()
        assert words[:2] == [b"MSG", subject.encode()], words
        assert client.read(len(payload) + 2) == payload + b"\r\n"
        sids[int(words[2])] += 1
    client.expect_silence()
    return sids


# TestQueueSub, TestClientPubWithQueueSub
def test_one_member(connect):
    client = connect()
    client.send("SUB qa g 1\r\nSUB qa g 2\r\n" + "PUB qa 2\r\nok\r\n" * 200)
    sids = take(client, 200, "qa")
    assert set(sids) == {1, 2} and min(sids.values()) >= 50, sids


# TestMultipleQueueSub
def test_several_groups(connect):
    client = connect()
    client.send("SUB qb g1 1\r\nSUB qb g1 2\r\nSUB qb g2 3\r\nSUB qb g2 4\r\nSUB qb 5\r\n")
    client.send("PUB qb 2\r\nok\r\n" * 200)
    sids = take(client, 600, "qb")
    assert sids[1] + sids[2] == 200 and sids[3] + sids[4] == 200 and sids[5] == 200, sids
    assert min(sids.values()) >= 50, sids


def test_members_in_many_connections(connect):
    members = [connect() for _ in range(4)]
    for member in members:
        member.subscribe("qc", 9, "g")
    pub = connect()
    pub.send("PUB qc 2\r\nok\r\n" * 400)
    pub.barrier()
    # Each connection's PONG comes behind what was delivered to it.
    counts = []
    for member in members:
        member.send("PING\r\n")
        count = 0
        while True:
            line = member.line()
            if line == b"PONG":
                break
            assert line == b"MSG qc 9 2"
            member.expect("ok\r\n")
            count += 1
        counts.append(count)
    assert sum(counts) == 400 and min(counts) >= 40, counts


# 3.4: a group is its name, over all patterns that match.
def test_one_group_over_patterns(connect):
    client = connect()
    client.send("SUB qd.* g 1\r\nSUB qd.> g 2\r\nSUB qd.x g 3\r\n" + "PUB qd.x 2\r\nok\r\n" * 300)
    sids = take(client, 300, "qd.x")
    assert set(sids) == {1, 2, 3} and min(sids.values()) >= 50, sids


def test_names_are_case_sensitive(connect):
    client = connect()
    client.send("SUB qe g 1\r\nSUB qe G 2\r\nPUB qe 2\r\nok\r\n")
    assert take(client, 2, "qe") == {1: 1, 2: 1}


# TestClientPubWithQueueSubNoEcho
def test_no_echo(connect):
    quiet, other = connect(echo=False), connect()
    quiet.subscribe("qf", 1, "g")
    other.subscribe("qf", 2, "g")
    quiet.send("PUB qf 2\r\nok\r\n" * 50)
    quiet.expect_silence()
    assert take(other, 50, "qf") == {2: 50}


def test_no_echo_alone(connect):
    quiet = connect(echo=False)
    quiet.send("SUB qg g 1\r\nPUB qg 2\r\nok\r\n")
    quiet.expect_silence()


def test_member_leaves(connect):
    stay, leave, pub = connect(), connect(), connect()
    stay.subscribe("qh", 1, "g")
    leave.subscribe("qh", 2, "g")
    leave.send("UNSUB 2\r\n")
    leave.barrier()
    pub.send("PUB qh 2\r\nok\r\n" * 50)
    pub.barrier()
    assert take(stay, 50, "qh") == {1: 50}


def test_auto_unsubscribe_of_members(connect, server):
    client = connect()
    client.send("SUB qi g 1\r\nUNSUB 1 5\r\nSUB qi g 2\r\nUNSUB 2 5\r\n")
    client.send("PUB qi 2\r\nok\r\n" * 30)
    assert take(client, 10, "qi") == {1: 5, 2: 5}
    assert server.monitor.connection(client.cid)["subscriptions"] == 0


# TestClientDenySysGroupSub
def test_sys_group_is_refused(connect):
    client = connect()
    client.send("SUB qj _sys_ 1\r\nPUB qj 2\r\nno\r\n")
    client.expect("-ERR 'Permissions Violation for Subscription to \"qj\" using queue \"_sys_\"'\r\n")
    client.expect_silence()
