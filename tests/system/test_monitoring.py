# SPDX-License-Identifier: Apache-2.0
"""The monitoring port: documents, their members, order and types, parameters, errors, HTTP."""

import json
import re
import signal
import socket
import ssl
import time

import pytest

from support.deadline import LIMIT, until
from support.dialect import dialect

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"

# Name, type; the members of a plain server's /varz in their order.
VARZ = [
    ("server_id", str), ("server_name", str), ("version", str), ("proto", int), ("go", str),
    ("host", str), ("port", int), ("max_connections", int), ("ping_interval", int),
    ("ping_max", int), ("http_host", str), ("http_port", int), ("http_base_path", str),
    ("https_port", int), ("auth_timeout", (int, float)), ("max_control_line", int),
    ("max_payload", int), ("max_pending", int), ("cluster", dict), ("gateway", dict),
    ("leaf", dict), ("mqtt", dict), ("websocket", dict), ("jetstream", dict),
    ("tls_timeout", (int, float)), ("write_deadline", int), ("start", str), ("now", str),
    ("uptime", str), ("mem", int), ("cores", int), ("gomaxprocs", int), ("cpu", (int, float)),
    ("connections", int), ("total_connections", int), ("routes", int), ("remotes", int),
    ("leafnodes", int), ("in_msgs", int), ("in_bytes", int), ("in_client_msgs", int),
    ("in_client_bytes", int), ("out_msgs", int), ("out_bytes", int), ("out_client_msgs", int),
    ("out_client_bytes", int), ("slow_consumers", int), ("stale_connections", int),
    ("stalled_clients", int), ("subscriptions", int), ("http_req_stats", dict),
    ("config_load_time", str), ("config_digest", str), ("slow_consumer_stats", dict),
    ("stale_connection_stats", dict), ("disk_io_wait_stats", dict),
]
# Present or not, by configuration and build; and midge's own member.
OPTIONAL = {"git_commit", "gomemlimit", "feature_flags", "system_account",
            *dialect(reference=[], midge=["midge"])}

CONNECTION = [
    ("cid", int), ("kind", str), ("type", str), ("ip", str), ("port", int), ("start", str),
    ("last_activity", str), ("rtt", str), ("uptime", str), ("idle", str), ("pending_bytes", int),
    ("in_msgs", int), ("out_msgs", int), ("in_bytes", int), ("out_bytes", int),
    ("subscriptions", int), ("name", str), ("lang", str), ("version", str),
]


def shape(document, members, optional=()):
    """The document has these members, in this order, of these types."""
    names = [name for name in document if name not in optional]
    assert names == [name for name, _ in members]
    for name, kind in members:
        assert isinstance(document[name], kind) and not (
            kind is int and isinstance(document[name], bool)), (name, document[name])


def duration_us(text):
    """Go's text of a short duration in microseconds."""
    number, unit = re.fullmatch(r"([\d.]+)(ns|µs|ms|s)", text).groups()
    return float(number) * {"ns": 1e-3, "µs": 1, "ms": 1e3, "s": 1e6}[unit]


# TestMonitorHandleVarz
class TestVarz:
    def test_shape(self, server):
        varz = server.monitor.varz()
        shape(varz, VARZ, OPTIONAL)
        for name in ("start", "now", "config_load_time"):
            assert re.fullmatch(TIME, varz[name]), varz[name]
        assert re.fullmatch(r"(\d+[ydhm])*\d+s", varz["uptime"])
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", varz["config_digest"])
        four = {"clients", "routes", "gateways", "leafs"}
        assert set(varz["slow_consumer_stats"]) == four == set(varz["stale_connection_stats"])
        assert varz["disk_io_wait_stats"] == {"waiters": 0, "waits": 0, "wait_time": 0,
                                              "max_wait_time": 0}

    def test_defaults(self, server):
        varz = server.monitor.varz()
        expected = {"proto": 1, "host": "127.0.0.1", "port": server.port, "max_connections": 65536,
                    "ping_interval": 120_000_000_000, "ping_max": 2, "http_host": "127.0.0.1",
                    "http_port": -1, "http_base_path": "", "https_port": 0, "auth_timeout": 2,
                    "max_control_line": 4096, "max_payload": 1048576, "max_pending": 67108864,
                    "cluster": {}, "gateway": {}, "leaf": {}, "mqtt": {}, "websocket": {},
                    "jetstream": {}, "tls_timeout": 2, "write_deadline": 10_000_000_000,
                    "routes": 0, "remotes": 0, "leafnodes": 0}
        assert {name: varz[name] for name in expected} == expected

    def test_same_as_info(self, server, client):
        varz = server.monitor.varz()
        for name in ("server_id", "server_name", "version", "proto", "go", "host", "port"):
            assert varz[name] == client.info[name]

    def test_options(self, start):
        server = start('server_name: nm, max_connections: 10, max_subscriptions: 11, ping_max: 3\n'
                       'ping_interval: "7s", max_control_line: 1000, max_payload: 1001\n'
                       'max_pending: 1002, write_deadline: "3s", write_timeout: close\n'
                       'server_tags: ["B:1", "a", "a"], server_metadata: {k: v, a: b}\n')
        varz = server.monitor.varz()
        expected = {"server_name": "nm", "max_connections": 10, "max_subscriptions": 11,
                    "ping_max": 3, "ping_interval": 7_000_000_000, "max_control_line": 1000,
                    "max_payload": 1001, "max_pending": 1002, "write_deadline": 3_000_000_000,
                    "write_timeout": "close", "tags": ["b:1", "a"],
                    "metadata": {"a": "b", "k": "v"}}
        assert {name: varz[name] for name in expected} == expected

    def test_connections(self, start):
        server = start()
        clients = [server.connect() for _ in range(3)]
        assert server.monitor.varz()["connections"] == 3
        clients[0].close()
        varz = server.monitor.wait_varz(lambda v: v["connections"] == 2, "two are left")
        assert varz["total_connections"] == 3

    # TestMonitorVarzReloadRace: what a reload changes, and only that.
    def test_follows_reloads(self, start):
        server = start("max_connections: 10, max_payload: 1000")
        client, before = server.connect(), server.monitor.varz()
        after = {"max_connections": 11, "max_payload": 1001, "max_control_line": 2048, "ping_max": 5,
                 "ping_interval": 9_000_000_000, "write_deadline": 4_000_000_000, "tags": ["a"],
                 "metadata": {"k": "v"}, "auth_required": True, "auth_timeout": 3.5}
        server.rewrite('listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\nmax_connections: 11\n'
                       "max_payload: 1001, max_control_line: 2kb, ping_max: 5\n"
                       'ping_interval: "9s", write_deadline: "4s", server_tags: a\n'
                       "server_metadata: {k: v}, authorization { token: t, timeout: 3.5 }\n")
        server.signal(signal.SIGHUP)
        server.wait_log(r"\[INF\] Reloaded server configuration")
        varz = server.monitor.wait_varz(lambda v: v["connections"] == 0, "whoever has no token is gone")
        assert {name: varz[name] for name in after} == after
        assert varz["config_digest"] != before["config_digest"]
        assert varz["config_load_time"] > before["config_load_time"] and varz["start"] == before["start"]
        assert varz["total_connections"] == 1
        client.close()

    # TestMonitorVarzSubscriptionsResetProperly
    def test_subscriptions_do_not_grow_by_asking(self, start):
        server = start()
        counts = {server.monitor.varz()["subscriptions"] for _ in range(5)}
        assert len(counts) == 1

    def test_request_counters(self, start):
        server = start()
        assert server.monitor.varz()["http_req_stats"] == {"/varz": 1}
        server.monitor.connz()
        server.monitor.request("/connz?sort=nonsense")
        server.monitor.request("/connz?limit=nonsense")
        server.monitor.get("/healthz")
        server.monitor.request("/")
        server.monitor.request("/nothing")
        stats = server.monitor.varz()["http_req_stats"]
        assert stats == {"/": 1, "/connz": 2, "/healthz": 1, "/varz": 2}
        assert list(stats) == sorted(stats)

    def test_memory_and_time(self, server):
        varz = server.monitor.varz()
        assert 1 << 18 < varz["mem"] < 1 << 31
        assert varz["cores"] >= 1 and varz["gomaxprocs"] >= 1
        assert varz["start"] <= varz["now"]


# TestMonitorConnz
class TestConnz:
    def test_page(self, start):
        server = start()
        page = server.monitor.connz()
        assert list(page) == ["server_id", "now", "num_connections", "total", "offset", "limit",
                              "connections"]
        assert page["connections"] == [] and page["limit"] == 1024 and page["offset"] == 0

    def test_connection(self, start):
        server = start()
        client = server.connect(name="a<b>&c", lang="py", version="1.2")
        client.send("SUB x 1\r\nPUB x 5\r\nhello\r\nPING\r\n")
        client.expect("MSG x 1 5\r\nhello\r\nPONG\r\n")
        reply = server.monitor.request("/connz")
        assert b'"name": "a\\u003cb\\u003e\\u0026c"' in reply.body
        page = reply.json()
        assert (page["num_connections"], page["total"]) == (1, 1)
        entry = page["connections"][0]
        shape(entry, CONNECTION)
        expected = {"cid": client.cid, "kind": "Client", "type": "nats", "ip": "127.0.0.1",
                    "port": client.local[1], "in_msgs": 1, "in_bytes": 5,
                    "out_msgs": 1, "out_bytes": 5, "subscriptions": 1, "lang": "py",
                    "version": "1.2"}
        assert {name: entry[name] for name in expected} == expected
        assert re.fullmatch(TIME, entry["start"]) and re.fullmatch(TIME, entry["last_activity"])
        assert re.fullmatch(r"([\d.]+(ns|µs|ms|s|m|h))+", entry["rtt"]), entry["rtt"]
        assert re.fullmatch(r"\d+s", entry["uptime"]) and re.fullmatch(r"\d+s", entry["idle"])

    # TestMonitorConnzWithSubs, TestMonitorConnzWithSubsDetail
    def test_subscriptions(self, start):
        server = start()
        client = server.connect()
        client.send("SUB foo.> 1 \r\nSUB bar q 22\r\nUNSUB 22 10\r\nPUB bar 0\r\n\r\n")
        client.expect("MSG bar 22 0\r\n\r\n")
        entry = server.monitor.connection(client.cid)
        assert "subscriptions_list" not in entry and "subscriptions_list_detail" not in entry
        entry = server.monitor.connection(client.cid, "subs=1")
        assert sorted(entry["subscriptions_list"]) == ["bar", "foo.>"]
        for word in ("detail", "DETAIL"):
            entry = server.monitor.connection(client.cid, f"subs={word}")
            assert "subscriptions_list" not in entry
            details = sorted(entry["subscriptions_list_detail"], key=lambda d: d["sid"])
            assert details == [
                {"subject": "foo.>", "sid": "1", "msgs": 0, "cid": client.cid},
                {"subject": "bar", "qgroup": "q", "sid": "22", "msgs": 1, "max": 10,
                 "cid": client.cid}]
            assert list(details[1]) == ["subject", "qgroup", "sid", "msgs", "max", "cid"]

    # TestMonitorConnzWithCID
    def test_cid(self, start):
        server = start()
        clients = [server.connect() for _ in range(3)]
        page = server.monitor.connz(f"cid={clients[1].cid}")
        assert [c["cid"] for c in page["connections"]] == [clients[1].cid]
        assert page["limit"] == 1 and page["num_connections"] == 1
        page = server.monitor.connz("cid=99999")
        assert page["connections"] == [] and page["num_connections"] == 0
        assert server.monitor.connz("cid=0")["num_connections"] == 3

    # Every filter counts, also for the one connection that is asked for by its id.
    @pytest.mark.parametrize("filters, found", [
        ("user=u", 1), ("user=v", 0), ("mqtt_client=x", 0), ("acc=$G", 1), ("user=u&acc=$G", 1),
    ])
    @pytest.mark.parametrize("state", ["open", "all"])
    def test_cid_and_filters(self, start, state, filters, found):
        server = start("authorization { users: [{user: u, password: p}, {user: v, password: p}] }")
        client = server.connect(user="u", **{"pass": "p"})
        page = server.monitor.connz(f"cid={client.cid}&state={state}&{filters}")
        assert [c["cid"] for c in page["connections"]] == [client.cid] * found
        assert (page["num_connections"], page["total"], page["limit"]) == (found, 1, 1)

    # TestMonitorConnzWithOffsetAndLimit, TestMonitorConnzOffsetOverflow
    def test_offset_and_limit(self, start):
        server = start()
        clients = [server.connect() for _ in range(5)]
        cids = [client.cid for client in clients]
        for query, offset, limit, wanted in (
                ("", 0, 1024, cids), ("limit=2", 0, 2, cids[:2]), ("offset=1&limit=2", 1, 2, cids[1:3]),
                ("offset=4&limit=10", 4, 10, cids[4:]), ("offset=5", 5, 1024, []),
                ("offset=-3", 0, 1024, cids), ("limit=-1", 0, 1024, cids), ("limit=0", 0, 1024, cids),
                ("offset=9223372036854775807", 9223372036854775807, 1024, []),
                ("offset=1&limit=9223372036854775807", 1, 9223372036854775807, cids[1:]),
                ("limit=1&limit=3", 0, 1, cids[:1]), ("limit=", 0, 1024, cids),
                ("offset=%2B1", 1, 1024, cids[1:])):
            page = server.monitor.connz(query)
            got = [entry["cid"] for entry in page["connections"]]
            assert (page["offset"], page["limit"], got) == (offset, limit, wanted), query
            assert page["total"] == 5 and page["num_connections"] == len(wanted)

    # TestMonitorConnzSortedBy...
    def test_sort(self, start):
        server = start()
        clients = [server.connect() for _ in range(3)]
        for i, client in enumerate(clients):
            order = (1, 2, 0)[i]
            client.send(f"SUB to.{i} 1\r\n")
            for sid in range(order):
                client.send(f"SUB own.{i} 1{sid}\r\n")
            client.barrier()
        for i, client in enumerate(clients):
            order = (1, 2, 0)[i]
            client.send(f"PUB to.{(i + 1) % 3} 10\r\n0123456789\r\n" * (3 - order))
        for i, client in enumerate(clients):
            order = (1, 2, 0)[i - 1]
            client.expect(f"MSG to.{i} 1 10\r\n0123456789\r\n" * (3 - order))
            client.barrier()
        for key, field in (("subs", "subscriptions"), ("msgs_to", "out_msgs"),
                           ("msgs_from", "in_msgs"), ("bytes_to", "out_bytes"),
                           ("bytes_from", "in_bytes"), ("pending", "pending_bytes"),
                           ("last", "last_activity")):
            values = [entry[field] for entry in server.monitor.connz(f"sort={key}")["connections"]]
            assert values == sorted(values, reverse=True) and len(values) == 3, (key, values)
        for key in ("cid", "start", ""):
            entries = server.monitor.connz(f"sort={key}")["connections"]
            assert [entry["cid"] for entry in entries] == [client.cid for client in clients]
        # Last activity and start are finer than the texts of idle and uptime.
        for key, field, reverse in (("idle", "last_activity", False), ("uptime", "start", True)):
            values = [entry[field] for entry in server.monitor.connz(f"sort={key}")["connections"]]
            assert values == sorted(values, reverse=reverse) and len(values) == 3, (key, values)

    # TestMonitorConnzSortByRTT, TestMonitorConnzRTT
    def test_rtt(self, start):
        server = start('ping_interval: "20ms", ping_max: 1000')
        clients = [server.connect(lang="py") for _ in range(3)]
        for client in clients:
            while client.line() != b"PING":
                pass
            client.send("PONG\r\n")

        def known():
            values = [entry["rtt"] for entry in server.monitor.connz("sort=rtt")["connections"]]
            return values if "0s" not in values else None
        values = [duration_us(text) for text in until(known, "all have a round trip time")]
        assert len(values) == 3 and values == sorted(values, reverse=True) and values[-1] > 0

    # TestMonitorConnzSortedByUptimeClosedConn
    def test_uptime_of_closed(self, start):
        server = start()
        clients = [server.connect() for _ in range(3)]
        for client in reversed(clients):  # who came first goes last: his time has the others' in it
            client.close()
            server.monitor.closed(client.cid)
        page = server.monitor.connz("state=closed&sort=uptime")
        assert [e["cid"] for e in page["connections"]] == [client.cid for client in reversed(clients)]

    # TestMonitorConnzSortedByReason, TestMonitorConnzSortedByStopTimeClosedConn
    def test_sort_of_closed(self, start):
        server = start()
        reasons = {}
        for data in ("BAD\r\n", "-ERR x\r\n", ""):
            client = server.client()
            client.send(data)
            if data:
                client.drain_until_closed()
            client.close()
            reasons[client.cid] = server.monitor.closed(client.cid)["reason"]
        page = server.monitor.connz("state=closed&sort=reason")
        assert [e["reason"] for e in page["connections"]] == sorted(reasons.values())
        page = server.monitor.connz("state=closed&sort=stop")
        stops = [e["stop"] for e in page["connections"]]
        assert stops == sorted(stops, reverse=True)

    # TestMonitorClosedConnzWithSubsDetail, TestClosedConnsSubsAccounting,
    # TestConnzClosedSubsDetailNoSharedMutation: what one request adds, the next one does not find.
    def test_subscriptions_of_closed(self, start):
        server = start()
        client = server.connect()
        client.send("SUB foo.> 1\r\nSUB bar q 2\r\nUNSUB 2 9\r\nPUB bar 0\r\n\r\n")
        client.expect("MSG bar 2 0\r\n\r\n")
        client.close()
        server.monitor.closed(client.cid)
        one = {"account": "$G", "account_tag": "$G", "subject": "foo.>", "sid": "1", "msgs": 0,
               "cid": client.cid}
        two = {"account": "$G", "account_tag": "$G", "subject": "bar", "qgroup": "q", "sid": "2",
               "msgs": 1, **dialect(reference={}, midge={"max": 9}), "cid": client.cid}
        for _ in range(2):
            entry, = server.monitor.connz("state=closed&subs=detail")["connections"]
            details = sorted(entry.pop("subscriptions_list_detail"), key=lambda sub: sub["sid"])
            assert details == [one, two] and list(details[1]) == list(two)
            plain, = server.monitor.connz("state=closed")["connections"]
            assert plain == entry and plain["subscriptions"] == 2
            listed, = server.monitor.connz("state=closed&subs=1")["connections"]
            assert sorted(listed["subscriptions_list"]) == ["bar", "foo.>"]

    # TestMonitorConnzClosedConnsBadClient: whoever says nothing is listed as well.
    def test_bare_connection(self, start):
        server = start()
        client = server.client()
        client.close()
        entry = server.monitor.closed(client.cid)
        assert entry["reason"] == "Client Closed" and entry["rtt"] == "0s"
        assert (entry["in_msgs"], entry["subscriptions"]) == (0, 0) and "lang" not in entry

    # TestMonitorConnzWithStateForClosedConns
    def test_state(self, start):
        server = start()
        keep, leave = server.connect(), server.connect()
        leave.close()
        server.monitor.closed(leave.cid)
        for state, cids in (("open", [keep.cid]), ("OPEN", [keep.cid]), ("closed", [leave.cid]),
                            ("any", [keep.cid, leave.cid]), ("all", [keep.cid, leave.cid]), ("", [keep.cid])):
            page = server.monitor.connz(f"state={state}")
            assert sorted(e["cid"] for e in page["connections"]) == sorted(cids), state
            assert page["total"] == len(cids)

    # TestMonitorConnzLastActivity
    def test_last_activity(self, start):
        server = start()
        client = server.connect()
        before = server.monitor.connection(client.cid)["last_activity"]
        client.send("PUB x 0\r\n\r\n")
        client.barrier()
        assert server.monitor.connection(client.cid)["last_activity"] > before

    # Receiving counts, PING and PONG do not: else who only answers PINGs would never look idle.
    def test_last_activity_of_a_receiver(self, start):
        server = start('ping_interval: "20ms", ping_max: 1000')
        sub, pub = server.connect(), server.connect()

        def last():
            return server.monitor.connection(sub.cid)["last_activity"]
        sub.send("SUB x 1\r\n")
        sub.send("PING\r\n")
        while sub.line() != b"PONG":
            pass
        subscribed = last()
        for _ in range(3):
            while sub.line() != b"PING":
                pass
            sub.send("PONG\r\n")
        assert last() == subscribed
        pub.send("PUB x 2\r\nok\r\n")
        while sub.line() != b"MSG x 1 2":
            pass
        assert last() > subscribed
        received = last()
        sub.send("UNSUB 1\r\n")
        until(lambda: last() > received, "unsubscribing is activity")

    def test_account_filter(self, start):
        server = start()
        client = server.connect()
        page = server.monitor.connz("acc=$G")
        assert [e["cid"] for e in page["connections"]] == [client.cid]
        page = server.monitor.connz("acc=unknown")
        assert page["connections"] is None and page["server_id"] == "" and page["total"] == 0

    def test_auth(self, start):
        server = start("authorization { user: me, password: secret }")
        client = server.connect(user="me", **{"pass": "secret"})
        assert "authorized_user" not in server.monitor.connection(client.cid)
        entry = server.monitor.connection(client.cid, "auth=true")
        assert entry["authorized_user"] == "me" and "account" not in entry
        assert server.monitor.connz("user=me")["num_connections"] == 1
        assert server.monitor.connz("user=you")["num_connections"] == 0

    # TestMonitorConnzTLSInHandshake: asking does not wait for a handshake.
    def test_during_a_handshake(self, start, certs):
        server = start(f'tls {{ cert_file: "{certs.cert("server")}", '
                       f'key_file: "{certs.key("server")}", timeout: 5 }}')
        client = server.client()
        begin = time.monotonic()
        entry = server.monitor.connection(client.cid)
        assert time.monotonic() - begin < 3
        assert "tls_version" not in entry


# TestMonitorConnzBadParams, TestMonitorConnzSortBadRequest
BOOL = "Error decoding boolean for '%s': strconv.ParseBool: parsing \"%s\": invalid syntax"
INT = "Error decoding int for '%s': strconv.Atoi: parsing \"%s\": %s"
UINT = "Error decoding uint64 for '%s': strconv.ParseUint: parsing \"%s\": %s"
SYNTAX, RANGE = "invalid syntax", "value out of range"


@pytest.mark.parametrize("path, text", [
    ("/connz?sort=x", "invalid sorting option: x"),
    ("/connz?auth=x", BOOL % ("auth", "x")),
    ("/connz?auth=yes", BOOL % ("auth", "yes")),
    ("/connz?subs=x", BOOL % ("subs", "x")),
    ("/connz?offset=x", INT % ("offset", "x", SYNTAX)),
    ("/connz?limit=1.5", INT % ("limit", "1.5", SYNTAX)),
    ("/connz?limit=99999999999999999999", INT % ("limit", "99999999999999999999", RANGE)),
    ("/connz?cid=-1", UINT % ("cid", "-1", SYNTAX)),
    ("/connz?cid=99999999999999999999", UINT % ("cid", "99999999999999999999", RANGE)),
    ("/connz?state=x", "Error decoding state for x"),
    ("/connz?sort=stop", "sort by stop only valid on closed connections"),
    ("/connz?sort=reason", "sort by reason only valid on closed connections"),
    ("/connz?sort=reason&state=all", "sort by reason only valid on closed connections"),
    ("/connz?limit=x&auth=x", BOOL % ("auth", "x")),
    ("/healthz?js-enabled=x", BOOL % ("js-enabled", "x")),
])
def test_bad_parameters(server, path, text):
    reply = server.monitor.request(path)
    assert reply.status == 400
    assert reply.body.decode() == text
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize("value", ["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE",
                                   "false", "False", ""])
def test_booleans(server, value):
    assert server.monitor.request(f"/connz?auth={value}").status == 200


# healthz
class TestHealthz:
    @pytest.mark.parametrize("query", ["", "?js-enabled-only=true", "?js-server-only=1", "?details=1",
                                       "?js-enabled=true", "?unknown=1"])
    def test_good(self, server, query):
        reply = server.monitor.request("/healthz" + query)
        assert (reply.status, reply.body) == (200, b'{"status":"ok"}')
        assert reply.headers["Content-Type"] == "application/json"

    @pytest.mark.parametrize("query, text", [
        ("stream=x", '"account" must not be empty when checking stream health'),
        ("consumer=x&account=y", '"stream" must not be empty when checking consumer health'),
    ])
    def test_bad_request(self, server, query, text):
        reply = server.monitor.request("/healthz?" + query)
        assert reply.status == 400
        assert reply.json() == {"status": "error", "error": text}
        assert b": " not in reply.body.replace(text.encode(), b"")


# 2.3, 2.4
class TestHttp:
    @pytest.mark.parametrize("path", ["/varz", "/connz"])
    def test_json_headers(self, server, path):
        reply = server.monitor.request(path)
        assert reply.headers["Content-Type"] == "application/json"
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert reply.body.startswith(b'{\n  "server_id": "N') and reply.body.endswith(b"\n}")

    # TestMonitorHandleRoot
    def test_root(self, server):
        reply = server.monitor.request("/")
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
        page = reply.body.decode("ascii")
        for link in ("varz", "connz", "healthz"):
            assert re.search(rf'href="?\.?/?{link}', page), link

    @pytest.mark.parametrize("path", ["/nothing", "/varz/", "/VARZ", "/varz/x", "/%00", "/varzz"])
    def test_not_found(self, server, path):
        reply = server.monitor.request(path)
        assert (reply.status, reply.body) == (404, b"404 page not found\n")
        assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize("path", ["//varz", "/a/../varz", "/./varz"])
    def test_unclean_path(self, server, path):
        reply = server.monitor.request(path)
        assert reply.status in (301, 307) and reply.headers["Location"] == "/varz"

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
    def test_any_method(self, server, method):
        reply = server.monitor.request("/healthz", method)
        assert (reply.status, reply.body) == (200, b'{"status":"ok"}')

    def test_head(self, server):
        reply = server.monitor.request("/varz", "HEAD")
        assert (reply.status, reply.body) == (200, b"")
        assert reply.headers["Content-Type"] == "application/json"

    # TestMonitorHTTPBasePath
    def test_base_path(self, start):
        server = start('http_base_path: "/nats"')
        assert server.monitor.request("/nats").status == 200
        assert server.monitor.get("/nats/varz")["http_base_path"] == "/nats"
        assert server.monitor.request("/varz").status == 404
        server = start('http_base_path: "alfa//romeo/"')
        assert server.monitor.get("/alfa/romeo/varz")["http_base_path"] == "alfa//romeo/"

    # No JSONP any more.
    def test_callback_is_ignored(self, server):
        json.loads(server.monitor.request("/varz?callback=f").body)

    def raw(self, server, data):
        with socket.create_connection((server.monitor.host, server.monitor.port), 10) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while True:
                more = connection.recv(65536)
                if not more:
                    return answer
                answer += more

    def test_keep_alive(self, server):
        one = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = self.raw(server, one * 2 + b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
                          b"Connection: close\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200 OK\r\n") == 3
        assert answer.count(b'{"status":"ok"}') == 3

    def test_http_1_0(self, server):
        answer = self.raw(server, b"GET /healthz HTTP/1.0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.0 200 OK\r\n") or answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b'\r\n\r\n{"status":"ok"}')

    @pytest.mark.parametrize("data", [
        b"nonsense\r\n\r\n", b"GET\r\n\r\n", b"GET /varz\r\n\r\n", b"GET /varz HTTP/3.7\r\n\r\n",
        b"GET /varz HTTP/1.1\r\n\r\n", b"GET varz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /varz HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        b"GET /varz HTTP/1.1\r\nHost: x\r\n : x\r\n\r\n", b"\x00\x01\x02\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    ])
    def test_bad_request(self, server, data):
        answer = self.raw(server, data)
        assert re.match(rb"HTTP/1\.[01] (400|505) ", answer), answer[:200]

    def test_huge_header(self, server):
        answer = self.raw(server, b"GET /varz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 65000 + b"\r\n\r\n")
        assert re.match(rb"HTTP/1\.[01] (200|431) ", answer), answer[:100]
        try:
            answer = self.raw(server, b"GET /varz HTTP/1.1\r\nHost: x\r\n" +
                              b"X: %s\r\n" % (b"a" * 1000) * 4000 + b"\r\n")
        except OSError:
            answer = b""
        assert answer == b"" or b" 431 " in answer.split(b"\r\n")[0], answer[:100]
        assert server.monitor.get("/healthz") == {"status": "ok"}

    @pytest.mark.slow
    def test_slow_header_is_cut(self, server):
        with socket.create_connection((server.monitor.host, server.monitor.port), 10) as connection:
            connection.sendall(b"GET /varz HTT")
            begin = time.monotonic()
            while connection.recv(1000):
                pass
            assert time.monotonic() - begin < 9


# TestMonitorReloadTLSConfig, 2.2
class TestHttps:
    CONFIG = 'listen: "127.0.0.1:-1"\nhttps: "127.0.0.1:-1"\n'

    def tls(self, certs, rest=""):
        return (f'tls {{ cert_file: "{certs.cert("server")}", key_file: "{certs.key("server")}", '
                f'ca_file: "{certs.cert("ca")}" {rest} }}')

    def test_no_client_certificate_is_asked_for(self, start, certs):
        server = start(self.CONFIG + self.tls(certs, ", verify: true"), base=False)
        assert server.monitor.scheme == "https"
        varz = server.monitor.varz()
        assert varz["https_port"] == -1 and varz["http_port"] == 0

    def test_certificate(self, start, certs):
        server = start(self.CONFIG + self.tls(certs), base=False)
        context = ssl.create_default_context(cafile=certs.cert("ca"))
        with socket.create_connection(("127.0.0.1", server.monitor.port), 10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                assert secure.version() == "TLSv1.3"
                secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                answer = b""
                while True:
                    more = secure.recv(1000)
                    if not more:
                        break
                    answer += more
                assert answer.endswith(b'{"status":"ok"}')

    @pytest.mark.midge_only
    def test_verdict_of_a_failed_handshake(self, start, certs):
        server = start(self.CONFIG + self.tls(certs), base=False)
        context = ssl.create_default_context(cafile=certs.cert("other-ca"))
        with socket.create_connection(("127.0.0.1", server.monitor.port), 10) as plain:
            with pytest.raises(ssl.SSLError):
                context.wrap_socket(plain, server_hostname="localhost")
        address = r"127\.0\.0\.1:\d+"
        server.wait_log(rf"\[ERR\] monitoring: TLS handshake error from {address}: remote error: tls: "
                        r"unknown certificate authority$")
        server.wait_log(rf"\[ERR\] monitoring: TLS handshake verdict of {address}: peer_rejected, refused "
                        r"by peer, certificate CN=server,O=midge tests SHA-256: [0-9a-f]{64}; "
                        r"rule: the peer sent an alert; remedy: .+")

    def test_plain_request(self, start, certs):
        server = start(self.CONFIG + self.tls(certs), base=False)
        with socket.create_connection(("127.0.0.1", server.monitor.port), 10) as plain:
            plain.sendall(b"GET /varz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while True:
                more = plain.recv(1000)
                if not more:
                    break
                answer += more
        assert answer == (b"HTTP/1.0 400 Bad Request\r\n\r\n"
                          b"Client sent an HTTP request to an HTTPS server.\n")


# TestHTTPHost: an address of its own.
@pytest.mark.parametrize("line, host", [
    ('http: "127.0.0.2:-1"', "127.0.0.2"), ('http_port: -1', "127.0.0.1"), ("http: -1", "127.0.0.1"),
    ("monitor_port: -1", "127.0.0.1")])
def test_host(start, line, host):
    server = start('listen: "127.0.0.1:-1"\n' + line, base=False)
    assert server.monitor.host == host
    varz = server.monitor.varz()
    assert (varz["http_host"], varz["http_port"], varz["host"]) == (host, -1, "127.0.0.1")


@pytest.mark.parametrize("line, other", [
    ('http: "127.0.0.2:%d"', "127.0.0.1"), ("http_port: %d", "127.0.0.2"), ("http: %d", "127.0.0.2"),
    ("monitor_port: %d", "127.0.0.2")])
def test_no_other_host(start, own_port, line, other):
    server = start('listen: "127.0.0.1:-1"\n' + line % own_port, base=False)
    assert server.monitor.varz()["http_port"] == server.monitor.port == own_port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((other, own_port), LIMIT)


# TestMonitorNoPort
def test_no_monitoring_unless_asked_for(start):
    server = start('listen: "127.0.0.1:-1"', base=False)
    assert not any(re.match("Starting https? monitor", text) for text in server.texts())


# TestMonitorConcurrentMonitoring
def test_concurrent_requests(start):
    import threading
    server = start()
    clients = [server.connect() for _ in range(10)]
    errors = []

    def poll(path):
        try:
            for _ in range(20):
                server.monitor.get(path)
        except Exception as error:  # pylint: disable=broad-except
            errors.append(error)

    threads = [threading.Thread(target=poll, args=(path,))
               for path in ("/varz", "/connz", "/connz?subs=1&auth=1", "/connz?state=all", "/healthz")]
    for thread in threads:
        thread.start()
    for _ in range(50):
        for client in clients:
            client.send("SUB a 1\r\nUNSUB 1\r\n")
            client.barrier()
    for thread in threads:
        thread.join(60)
    assert not errors, errors


# TestMonitorStop: the port is gone with the server.
def test_listener_ends_with_the_server(start, own_port):
    server = start(f'listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:{own_port}"\n', base=False)
    assert server.monitor.varz()["http_port"] == own_port
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", own_port), LIMIT)
