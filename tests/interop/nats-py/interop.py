# SPDX-License-Identifier: Apache-2.0
"""The steps of ../README.md with nats-py, the Python client."""

import argparse
import asyncio
import ssl
import sys

import nats
from nats.errors import NoRespondersError

WAIT = 10
AGAIN = 0.1
LARGE = bytes(i * 31 % 251 for i in range(900000))


class Failed(Exception):
    """A step did not hold."""


def check(condition, why):
    if not condition:
        raise Failed(why)


def login(args):
    options = {}
    if args.url.startswith("tls:"):
        context = ssl.create_default_context(cafile=args.ca)
        if args.cert:
            context.load_cert_chain(args.cert, args.key)
        options["tls"] = context
        options["tls_handshake_first"] = args.tls_first

    if args.nkey:
        options["nkeys_seed"] = args.nkey
    return options


async def quiet(_):
    """Errors reach the step that meets them."""


async def connect(args):
    client = await nats.connect(args.url, allow_reconnect=False, connect_timeout=WAIT,
                                max_reconnect_attempts=1, error_cb=quiet, **login(args))
    await client.flush(WAIT)
    return client


async def fence(client):
    """Everything published so far has come back: flush() is none, its PING overtakes messages."""
    sub = await client.subscribe("interop.fence")
    await client.publish("interop.fence", b"")
    await sub.next_msg(WAIT)
    await sub.unsubscribe()


async def pubsub(client):
    sub = await client.subscribe("interop.a.*")
    await client.publish("interop.a.one", b"hello")
    msg = await sub.next_msg(WAIT)
    check((msg.subject, msg.data) == ("interop.a.one", b"hello"), "other subject or payload")
    await sub.unsubscribe()


async def headers(client):
    # A dict holds one value a name; the second goes in as a name that differs in case.
    sub = await client.subscribe("interop.h")
    await client.publish("interop.h", b"", headers={"X-Interop": "one", "x-interop": "two"})
    msg = await sub.next_msg(WAIT)
    check(dict(msg.headers) == {"X-Interop": "one", "x-interop": "two"}, f"got {msg.headers}")
    check(msg.data == b"", "a payload from nowhere")
    await sub.unsubscribe()


async def request(client):
    async def answer(msg):
        await msg.respond(b"answer")

    service = await client.subscribe("interop.service", cb=answer)
    reply = await client.request("interop.service", b"question", timeout=WAIT)
    check(reply.data == b"answer", "other answer")
    await service.unsubscribe()


async def no_responders(client):
    try:
        await client.request("interop.nobody", b"?", timeout=WAIT)
    except NoRespondersError:
        return
    raise Failed("somebody answered")


async def queue(client):
    one = await client.subscribe("interop.q", queue="workers")
    two = await client.subscribe("interop.q", queue="workers")
    every = await client.subscribe("interop.q")
    for _ in range(20):
        await client.publish("interop.q", b"work")
    await fence(client)
    counts = [sub.pending_msgs for sub in (one, two, every)]
    check(counts[0] + counts[1] == 20 and counts[2] == 20, f"counts {counts}")
    for sub in (one, two, every):
        await sub.unsubscribe()


async def unsubscribe(client):
    sub = await client.subscribe("interop.u")
    await sub.unsubscribe(limit=3)
    for _ in range(5):
        await client.publish("interop.u", b"x")
    await fence(client)
    check(sub.pending_msgs == 3, f"{sub.pending_msgs} of 3 messages")


async def large(client):
    sub = await client.subscribe("interop.large")
    await client.publish("interop.large", LARGE)
    check((await sub.next_msg(WAIT)).data == LARGE, "changed on the way")
    await sub.unsubscribe()


async def burst(client):
    sub = await client.subscribe("interop.burst")
    for i in range(10000):
        await client.publish("interop.burst", b"%d" % i)
    for i in range(10000):
        check((await sub.next_msg(WAIT)).data == b"%d" % i, f"message {i} out of order")
    await sub.unsubscribe()


async def drain(client):
    got = []

    async def collect(msg):
        got.append(msg.data)

    await client.subscribe("interop.drain", cb=collect)
    for _ in range(100):
        await client.publish("interop.drain", b"x")
    await asyncio.wait_for(client.drain(), WAIT)
    check(client.is_closed, "never closed")
    check(len(got) == 100, f"{len(got)} of 100 messages")


def say(words):
    print("ok " + words, flush=True)


async def stay_once(args, word):
    """One connection that reconnects by itself; True when the text "end" has come, False when
    nats-py has given it up."""
    ended = asyncio.get_running_loop().create_future()
    client = nats.NATS()

    def end(outcome):
        if not ended.done():
            ended.set_result(outcome)

    async def message(msg):
        say("message " + msg.data.decode())
        if msg.data == b"end":
            end(True)

    async def again():
        await client.flush(WAIT)
        say("again")

    async def closed():
        end(False)

    await client.connect(args.url, connect_timeout=WAIT, max_reconnect_attempts=-1,
                         reconnect_time_wait=AGAIN, error_cb=quiet, reconnected_cb=again,
                         closed_cb=closed, **login(args))
    await client.subscribe("interop.stay", cb=message)
    await client.flush(WAIT)
    say(word)
    if not await ended:
        return False
    await asyncio.wait_for(client.drain(), WAIT)
    return True


async def stay(args):
    """nats-py closes for good when it is told of an authorization violation, so the program opens
    anew."""
    word = "up"
    while not await stay_once(args, word):
        word = "anew"
        await asyncio.sleep(AGAIN)
    return 0


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    for name in ("--ca", "--cert", "--key", "--nkey"):
        parser.add_argument(name)
    parser.add_argument("--tls-first", action="store_true")
    parser.add_argument("--stay", action="store_true")
    args = parser.parse_args()
    if args.stay:
        return await stay(args)
    client = None
    for step in (connect, pubsub, headers, request, no_responders, queue, unsubscribe, large, burst,
                 drain):
        try:
            outcome = await asyncio.wait_for(step(client if client else args), 3 * WAIT)
        except Exception as error:  # pylint: disable=broad-except
            print(f"not ok {step.__name__}: {type(error).__name__}: {error}", flush=True)
            return 1
        client = outcome if step is connect else client
        print(f"ok {step.__name__}", flush=True)
    return 0


sys.exit(asyncio.run(main()))
