# SPDX-License-Identifier: Apache-2.0
"""/subsz and its old name /subscriptionsz: statistics and the list of subscriptions."""

import pytest

from support.deadline import until


@pytest.fixture
def server(start):
    return start()


def subscribe(server, *subs):
    client = server.connect()
    client.send("".join(f"SUB {sub}\r\n" for sub in subs))
    until(lambda: server.monitor.connection(client.cid)["subscriptions"] == len(subs), "SUB done")
    return client


# TestSubsz
@pytest.mark.parametrize("path", ["/subsz", "/subscriptionsz"])
def test_statistics(server, path):
    before = server.monitor.get(path)
    client = subscribe(server, "foo.* 1", "foo.bar q 2", "baz 3")
    after = server.monitor.get(path)
    assert list(after) == ["server_id", "now", "num_subscriptions", "num_cache", "num_inserts",
                           "num_removes", "num_matches", "cache_hit_rate", "max_fanout",
                           "avg_fanout", "total", "offset", "limit"]
    assert after["num_subscriptions"] - before["num_subscriptions"] == 3
    assert after["num_inserts"] - before["num_inserts"] == 3
    assert (after["total"], after["offset"], after["limit"]) == (0, 0, 1024)
    client.send("UNSUB 3\r\n")
    until(lambda: server.monitor.get(path)["num_removes"] - before["num_removes"] == 1, "UNSUB done")


# TestMonitorSubszDetails, TestMonitorSubszTestPubSubject
def test_list(server):
    client = subscribe(server, "foo.* 1", "foo.bar q 2", "baz 3")

    def entry(subject, sid, **rest):
        return {"account": "$G", "account_tag": "$G", "subject": subject, **rest, "sid": sid,
                "msgs": 0, "cid": client.cid}

    def ask(query):
        document = server.monitor.get("/subsz?subs=1" + query)
        mine = [sub for sub in document.get("subscriptions_list", []) if sub["account"] == "$G"]
        return document, sorted(mine, key=lambda sub: sub["sid"])

    one, two, three = entry("foo.*", "1"), entry("foo.bar", "2", qgroup="q"), entry("baz", "3")
    assert ask("&acc=$G")[1] == [one, two, three]
    assert ask("&acc=$G&test=foo.bar")[1] == [one, two]
    document, found = ask("&acc=$G&test=nobody.hears")
    assert document["total"] == 0 and found == []
    assert ask("&acc=nobody")[0]["total"] == 0


# TestMonitorSubszWithOffsetAndLimit, TestMonitorSubszOffsetOverflow
def test_paging(server):
    client = subscribe(server, *(f"s.{i} {i}" for i in range(30)))
    seen = []
    for offset in range(0, 30, 10):
        page = server.monitor.get(f"/subsz?subs=1&acc=$G&offset={offset}&limit=10")
        assert page["total"] == 30 and len(page["subscriptions_list"]) == 10
        seen += [sub["sid"] for sub in page["subscriptions_list"]]
    assert sorted(seen, key=int) == [str(i) for i in range(30)]
    huge = 2 ** 63 - 1
    page = server.monitor.get(f"/subsz?subs=1&acc=$G&offset={huge}&limit={huge}")
    assert not page.get("subscriptions_list") and page["total"] == 30
    client.close()


def test_bad_test_subject(server):
    reply = server.monitor.request("/subsz?test=foo.*")
    assert reply.status == 400
    assert reply.body == b"invalid test subject, must be valid publish subject: foo.*"
