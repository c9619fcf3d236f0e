# SPDX-License-Identifier: Apache-2.0
"""Receivers that do not read: bounded memory, a clear end, and nobody else suffers."""

import pathlib
import re
import signal
import time

import pytest

from support.deadline import until
from support.dialect import is_instrumented, is_midge

BLOCK = b"x" * 65536
PING = b"PING\r\n"


def flood(publisher, subject, blocks, size=len(BLOCK)):
    """Publish blocks and come back when the server has taken them all."""
    head = f"PUB {subject} {size}\r\n".encode()
    for _ in range(blocks):
        publisher.send(head, BLOCK[:size], b"\r\n")
    publisher.barrier()


def stuck(server, subject, receive_buffer=4096):
    """A subscriber with a small receive buffer that stops reading."""
    client = server.client(receive_buffer=receive_buffer)
    client.connect()
    client.subscribe(subject, 1)
    return client


# TestNoRaceSlowConsumerPendingBytes, TestNoRaceClosedSlowConsumerPendingBytes
def test_pending_bytes(start):
    server = start("max_pending: 1048576, max_payload: 131072")
    slow, other, pub = stuck(server, "s"), server.connect(), server.connect()
    other.subscribe("other", 1)
    flood(pub, "s", 200)
    closed = server.monitor.closed(slow.cid)
    assert closed["reason"] == "Slow Consumer (Pending Bytes)"
    varz = server.monitor.varz()
    assert varz["slow_consumers"] == 1
    assert varz["slow_consumer_stats"] == {"clients": 1, "routes": 0, "gateways": 0, "leafs": 0}
    assert varz["max_pending"] == 1048576
    server.wait_log(rf"\[INF\] .* - cid:{slow.cid} - .*Slow Consumer Detected: MaxPending of "
                    r"1048576 Exceeded")
    pub.send("PUB other 2\r\nok\r\n")
    other.expect("MSG other 1 2\r\nok\r\n")
    # The queue is dropped without a word; what the kernel had taken may still come.
    assert b"-ERR" not in slow.drain_until_closed()


# TestNoRaceAvoidSlowConsumerBigMessages: as much as max_pending is no reason by itself.
def test_large_messages_to_a_reader(start):
    server = start("max_pending: 4194304, max_payload: 1048576")
    sub, pub = server.connect(), server.connect()
    sub.subscribe("big", 1)
    payload = b"y" * 1048576
    for _ in range(20):
        pub.send(b"PUB big 1048576\r\n", payload, b"\r\n")
        sub.expect_msg("big", 1, payload)
    assert server.monitor.varz()["slow_consumers"] == 0


# TestNoRaceWriteDeadline, TestNoRaceClosedSlowConsumerWriteDeadline
@pytest.mark.parametrize("policy", ["", 'write_timeout: "default"', 'write_timeout: "close"'])
def test_write_deadline(start, policy):
    server = start(f'write_deadline: "100ms"\n{policy}\n')
    slow, pub = stuck(server, "s"), server.connect()
    flood(pub, "s", 200)
    closed = server.monitor.closed(slow.cid)
    assert closed["reason"] == "Slow Consumer (Write Deadline)"
    varz = server.monitor.varz()
    assert varz["slow_consumers"] == 1 and varz["slow_consumer_stats"]["clients"] == 1
    server.wait_log(rf"\[INF\] .* - cid:{slow.cid} - .*Slow Consumer Detected: WriteDeadline of "
                    r"100ms exceeded with \d+ chunks of \d+ total bytes\.")


# config.md 5.2: a connection keeps the deadline it began with.
def test_reload_of_the_write_deadline(start):
    base = 'listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n'
    server = start('write_deadline: "60s"\n')
    old, pub = stuck(server, "s"), server.connect()
    server.rewrite(base + 'write_deadline: "100ms"\n')
    server.signal(signal.SIGHUP)
    server.wait_log("Reloaded: write_deadline = 100ms")
    server.wait_log("Reloaded server configuration")
    new = stuck(server, "s")
    flood(pub, "s", 200)
    assert server.monitor.closed(new.cid)["reason"] == "Slow Consumer (Write Deadline)"
    assert server.monitor.connection(old.cid)["pending_bytes"] > 0
    server.wait_log("WriteDeadline of 100ms exceeded")


# TestClientFlushOutboundWriteTimeoutPolicy: nothing written at all closes in any policy.
def test_write_deadline_with_retry_closes_a_dead_peer(start):
    server = start('write_deadline: "100ms", write_timeout: "retry"')
    assert server.monitor.varz()["write_timeout"] == "retry"
    slow, pub = stuck(server, "s"), server.connect()
    flood(pub, "s", 200)
    closed = server.monitor.closed(slow.cid)
    assert closed["reason"] == "Slow Consumer (Write Deadline)"


# TestClientFlushOutboundWriteTimeoutPolicy: who reads, however slowly, is kept and gets everything.
def test_write_deadline_with_retry_keeps_a_slow_reader(start):
    server = start('write_deadline: "1s", write_timeout: "retry"')
    slow, pub = stuck(server, "s", 262144), server.connect()
    blocks = 640
    flood(pub, "s", blocks)
    message = b"MSG s 1 %d\r\n" % len(BLOCK) + BLOCK + b"\r\n"
    got, pings = bytearray(), 0  # the server measures the round trip after two seconds
    while len(got) < blocks * len(message) + pings * len(PING):
        seen = len(got)
        got += slow.read_some()
        pings += got.count(PING, max(seen - len(PING) + 1, 0))
        if "Slow Consumer Detected: WriteDeadline of 1s exceeded" not in server.log.text():
            time.sleep(0.01)  # at most 6 MB a second, of 42 MB
    assert got.replace(PING, b"") == message * blocks
    server.wait_log(rf"\[INF\] .* - cid:{slow.cid} - .*Slow Consumer Detected: ")
    slow.send(PING)
    while (line := slow.line()) == b"PING":
        pass
    assert line == b"PONG"
    server.wait_log(rf"\[INF\] .* - cid:{slow.cid} - .*Slow Consumer Recovered: ")
    assert server.monitor.connection(slow.cid)["pending_bytes"] == 0


# TestParseWriteDeadline
@pytest.mark.parametrize("value, nanoseconds", [
    ('"1ms"', 1000000), ('"2s"', 2000000000), ("3", 3000000000),
])
def test_write_deadline_is_shown(start, value, nanoseconds):
    server = start(f"write_deadline: {value}")
    assert server.monitor.varz()["write_deadline"] == nanoseconds


# TestClientSlowConsumerWithoutConnect
def test_slow_without_connect(start):
    server = start('write_deadline: "100ms"')
    slow = server.client(receive_buffer=4096)
    slow.send("SUB s 1\r\n")
    slow.expect("+OK\r\n")
    flood(server.connect(), "s", 200)
    server.monitor.closed(slow.cid)
    varz = server.monitor.varz()
    assert varz["slow_consumers"] == 1 and varz["slow_consumer_stats"]["clients"] == 1


# TestFlushOutboundNoSliceReuseIfPartial, TestClientWriteLoopStall: short writes lose nothing.
def test_partial_writes_keep_the_data(start):
    server = start()
    slow, pub = stuck(server, "s"), server.connect()
    count = 200
    for i in range(count):
        block = (b"%06d" % i) * 5000
        pub.send(b"PUB s %d\r\n" % len(block), block, b"\r\n")
    pub.barrier()
    entry = server.monitor.connection(slow.cid)
    assert entry["pending_bytes"] > 0
    for i in range(count):
        slow.expect_msg("s", 1, (b"%06d" % i) * 5000)
    slow.expect_silence()
    until(lambda: server.monitor.connection(slow.cid)["pending_bytes"] == 0, "nothing is pending")


# TestNoRaceProducerStallLimits: the producer waits for a receiver that is nearly full.
def test_producer_stalls(start):
    server = start("max_pending: 8388608")
    slow, pub = stuck(server, "s"), server.connect()
    flood(pub, "s", 300)
    varz = server.monitor.wait_varz(lambda v: v["stalled_clients"] > 0 or v["slow_consumers"] > 0,
                                    "the producer is held up")
    assert varz["stalled_clients"] > 0
    assert slow.cid
    server.wait_log(rf"\[WRN\] \S+ - cid:{pub.cid} - Producer was stalled for a total of \d+ms "
                    r"- Account:\$G$")


# TestNoRaceNoFastProducerStall: or it does not wait, and the receiver misses messages.
def test_no_stall_skips_the_delivery(start):
    server = start("max_pending: 8388608, no_fast_producer_stall: true")
    slow, pub = stuck(server, "s"), server.connect()
    flood(pub, "s", 400)
    varz = server.monitor.varz()
    assert varz["slow_consumers"] == 0 and varz["stalled_clients"] == 0
    slow.send("PING\r\n")
    count = 0
    while True:
        line = slow.line()
        if line == b"PONG":
            break
        assert line == b"MSG s 1 65536", line
        slow.read(65538)
        count += 1
    assert 0 < count < 400


# TestClientOutboundQueueCoalesce: small messages do not cost a buffer each.
def test_many_small_messages_to_a_stuck_client(start):
    server = start("max_pending: 67108864")
    slow, pub = stuck(server, "s"), server.connect()
    before = server.monitor.varz()["mem"]
    for _ in range(20):
        pub.send(b"PUB s 10\r\n0123456789\r\n" * 10000)
    pub.barrier()
    varz = server.monitor.varz()
    assert varz["mem"] - before < 64 << 20
    for _ in range(20):
        slow.expect(b"MSG s 1 10\r\n0123456789\r\n" * 10000)


# TestClientNoSlowConsumerIfConnectExpected: who has not logged in yet is no consumer.
def test_not_slow_before_the_login(start):
    server = start('write_deadline: "1ns"\nauthorization { user: me, password: secret }\n')
    client = server.client(read_info=False)
    client.drain_until_closed()
    varz = server.monitor.wait_varz(lambda v: v["connections"] == 0, "the connection is closed")
    assert varz["slow_consumers"] == 0


def peak_bytes(server):
    """The most memory that the process ever had."""
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


# Whoever reads gets everything, in order, beside one that does not, which costs no more than it may.
def test_a_slow_subscriber_costs_others_nothing(start):
    limit, blocks, burst = 16 << 20, 1024, 16
    server = start(f"max_pending: {limit}")
    slow, fast, pub = stuck(server, "s"), server.connect(), server.connect()
    fast.subscribe("s", 2)
    fast.barrier()
    before = peak_bytes(server)
    for first in range(0, blocks, burst):
        numbered = [b"%08d" % i + BLOCK[8:] for i in range(first, first + burst)]
        for block in numbered:
            pub.send(b"PUB s 65536\r\n", block, b"\r\n")
        for block in numbered:
            fast.expect_msg("s", 2, block)
    pub.barrier()
    assert server.monitor.closed(slow.cid)["reason"].startswith("Slow Consumer (")
    assert server.monitor.varz()["slow_consumers"] == 1
    grown = peak_bytes(server) - before
    slack = 4 << 20 if is_midge() else 2 * limit  # a garbage collector has a room of its own
    assert grown < limit + slack or is_instrumented()
