# SPDX-License-Identifier: Apache-2.0
"""/accountz and /accstatz (monitoring.md 5.8, 5.9)."""

import pytest

from support.deadline import until
from support.dialect import dialect

# The reference's account imports four services of the system account; each is a subscription.
SERVICES = dialect(reference=4, midge=0)


# Row 57: TestMonitorAccountz
def test_list(server):
    page = server.monitor.get("/accountz")
    assert page["server_id"] == server.monitor.varz()["server_id"]
    assert sorted(page["accounts"]) == dialect(reference=["$G", "$SYS"], midge=["$G"])
    assert set(page) - {"system_account"} == {"server_id", "now", "accounts"}


def test_detail(start):
    server = start()
    client = server.connect()
    client.subscribe("foo", 1)
    client.subscribe("bar.*", 2)
    client.barrier()
    page = server.monitor.get("/accountz?acc=$G")
    detail = page["account_detail"]
    assert "accounts" not in page
    for name, value in {"account_name": "$G", "expired": False, "complete": True, "name_tag": "$G",
                        "jetstream_enabled": False, "leafnode_connections": 0,
                        "client_connections": 1, "subscriptions": SERVICES + 2}.items():
        assert detail[name] == value, name
    assert detail["update_time"] <= page["now"]
    assert detail["sublist_stats"]["num_subscriptions"] == SERVICES + 2
    assert detail["sublist_stats"]["num_inserts"] == SERVICES + 2
    assert list(detail["sublist_stats"]) == [
        "num_subscriptions", "num_cache", "num_inserts", "num_removes", "num_matches",
        "cache_hit_rate", "max_fanout", "avg_fanout"]


def test_unknown(server):
    reply = server.monitor.request("/accountz?acc=nope")
    assert (reply.status, reply.body) == (400, b"Account nope does not exist")


# Row 58: TestMonitorAccountStatz
def test_statistics(start):
    server = start()
    assert server.monitor.get("/accstatz")["account_statz"] == []
    sub, pub = server.connect(), server.connect()
    sub.subscribe("foo", 1)
    sub.barrier()
    for _ in range(3):
        pub.send("PUB foo 4\r\nabcd\r\n")
        sub.expect_msg("foo", 1, b"abcd")
    none = {"msgs": 0, "bytes": 0}

    def entry():
        found = server.monitor.get("/accstatz")["account_statz"]
        return found[0] if found and found[0]["received"]["msgs"] == 3 else None

    assert until(entry, "three messages are counted") == {
        "acc": "$G", "name": "$G", "conns": 2, "leafnodes": 0, "total_conns": 2,
        "num_subscriptions": SERVICES + 1, "slow_consumers": 0,
        "sent": {"msgs": 3, "bytes": 12, "gateways": none, "routes": none, "leafs": none},
        "received": {"msgs": 3, "bytes": 12, "gateways": none, "routes": none, "leafs": none}}


@pytest.mark.parametrize("query", ["unused=1", "unused=true"])
def test_unused_accounts(start, query):
    found = start().monitor.get(f"/accstatz?{query}")["account_statz"]
    entry, = [account for account in found if account["acc"] == "$G"]
    assert entry["conns"] == 0 and entry["num_subscriptions"] == SERVICES


def test_bad_parameter(server):
    reply = server.monitor.request("/accstatz?unused=x")
    assert (reply.status, reply.body) == (
        400, b"Error decoding boolean for 'unused': strconv.ParseBool: parsing \"x\": invalid syntax")
