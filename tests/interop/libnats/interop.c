/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of ../README.md with libnats, the C client. */
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 10000
#define LARGE_BYTES 900000
#define BURST_N 10000
#define AGAIN_MS 100

static const char *step;

static void fail(const char *why)
{
        printf("not ok %s: %s\n", step, why);
        exit(1);
}

static void must(natsStatus status)
{
        if (status != NATS_OK)
                fail(natsStatus_GetText(status));
}

static void begin(const char *name)
{
        step = name;
}

static void passed(void)
{
        printf("ok %s\n", step);
        fflush(stdout);
}

static natsMsg *next(natsSubscription *sub)
{
        natsMsg *msg = NULL;
        must(natsSubscription_NextMsg(&msg, sub, WAIT_MS));
        return msg;
}

static int holds(natsMsg *msg, const char *text)
{
        int len = natsMsg_GetDataLength(msg);
        return len == (int)strlen(text) && memcmp(natsMsg_GetData(msg), text, (size_t)len) == 0;
}

static void pubsub(natsConnection *nc)
{
        natsSubscription *sub = NULL;
        begin("pubsub");
        must(natsConnection_SubscribeSync(&sub, nc, "interop.a.*"));
        must(natsConnection_PublishString(nc, "interop.a.one", "hello"));
        natsMsg *msg = next(sub);
        if (strcmp(natsMsg_GetSubject(msg), "interop.a.one") != 0 || !holds(msg, "hello"))
                fail("other subject or payload");
        natsMsg_Destroy(msg);
        natsSubscription_Destroy(sub);
        passed();
}

static void headers(natsConnection *nc)
{
        natsSubscription *sub = NULL;
        natsMsg *msg = NULL;
        const char **values = NULL;
        int n = 0;
        begin("headers");
        must(natsConnection_SubscribeSync(&sub, nc, "interop.h"));
        must(natsMsg_Create(&msg, "interop.h", NULL, NULL, 0));
        must(natsMsgHeader_Add(msg, "X-Interop", "one"));
        must(natsMsgHeader_Add(msg, "X-Interop", "two"));
        must(natsConnection_PublishMsg(nc, msg));
        natsMsg_Destroy(msg);
        msg = next(sub);
        must(natsMsgHeader_Values(msg, "X-Interop", &values, &n));
        if (n != 2 || strcmp(values[0], "one") != 0 || strcmp(values[1], "two") != 0)
                fail("other header values");
        if (natsMsg_GetDataLength(msg) != 0)
                fail("a payload from nowhere");
        free((void *)values);
        natsMsg_Destroy(msg);
        natsSubscription_Destroy(sub);
        passed();
}

static void answer(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
        (void)sub;
        (void)closure;
        natsConnection_PublishString(nc, natsMsg_GetReply(msg), "answer");
        natsMsg_Destroy(msg);
}

static void request(natsConnection *nc)
{
        natsSubscription *service = NULL;
        natsMsg *reply = NULL;
        begin("request");
        must(natsConnection_Subscribe(&service, nc, "interop.service", answer, NULL));
        must(natsConnection_RequestString(&reply, nc, "interop.service", "question", WAIT_MS));
        if (!holds(reply, "answer"))
                fail("other answer");
        natsMsg_Destroy(reply);
        natsSubscription_Destroy(service);
        passed();
}

static void no_responders(natsConnection *nc)
{
        natsMsg *reply = NULL;
        begin("no_responders");
        natsStatus status =
                natsConnection_RequestString(&reply, nc, "interop.nobody", "?", WAIT_MS);
        if (status != NATS_NO_RESPONDERS)
                fail(natsStatus_GetText(status));
        passed();
}

static int pending(natsSubscription *sub)
{
        int msgs = 0;
        must(natsSubscription_GetPending(sub, &msgs, NULL));
        return msgs;
}

static void queue(natsConnection *nc)
{
        natsSubscription *one = NULL, *two = NULL, *all = NULL;
        begin("queue");
        must(natsConnection_QueueSubscribeSync(&one, nc, "interop.q", "workers"));
        must(natsConnection_QueueSubscribeSync(&two, nc, "interop.q", "workers"));
        must(natsConnection_SubscribeSync(&all, nc, "interop.q"));
        for (int i = 0; i < 20; i++)
                must(natsConnection_PublishString(nc, "interop.q", "work"));
        /* The PONG comes after every message, so all are counted. */
        must(natsConnection_FlushTimeout(nc, WAIT_MS));
        if (pending(one) + pending(two) != 20 || pending(all) != 20)
                fail("other counts");
        natsSubscription_Destroy(one);
        natsSubscription_Destroy(two);
        natsSubscription_Destroy(all);
        passed();
}

static void unsubscribe(natsConnection *nc)
{
        natsSubscription *sub = NULL;
        natsMsg *msg = NULL;
        begin("unsubscribe");
        must(natsConnection_SubscribeSync(&sub, nc, "interop.u"));
        must(natsSubscription_AutoUnsubscribe(sub, 3));
        for (int i = 0; i < 5; i++)
                must(natsConnection_PublishString(nc, "interop.u", "x"));
        must(natsConnection_FlushTimeout(nc, WAIT_MS));
        for (int i = 0; i < 3; i++)
                natsMsg_Destroy(next(sub));
        natsStatus status = natsSubscription_NextMsg(&msg, sub, WAIT_MS);
        if (status != NATS_MAX_DELIVERED_MSGS && status != NATS_INVALID_SUBSCRIPTION)
                fail(natsStatus_GetText(status));
        natsSubscription_Destroy(sub);
        passed();
}

static void large(natsConnection *nc)
{
        natsSubscription *sub = NULL;
        char *data = malloc(LARGE_BYTES);
        begin("large");
        for (int i = 0; i < LARGE_BYTES; i++)
                data[i] = (char)(i * 31 % 251);
        must(natsConnection_SubscribeSync(&sub, nc, "interop.large"));
        must(natsConnection_Publish(nc, "interop.large", data, LARGE_BYTES));
        natsMsg *msg = next(sub);
        if (natsMsg_GetDataLength(msg) != LARGE_BYTES ||
                memcmp(natsMsg_GetData(msg), data, LARGE_BYTES) != 0)
                fail("changed on the way");
        free(data);
        natsMsg_Destroy(msg);
        natsSubscription_Destroy(sub);
        passed();
}

static void burst(natsConnection *nc)
{
        natsSubscription *sub = NULL;
        char text[16];
        begin("burst");
        must(natsConnection_SubscribeSync(&sub, nc, "interop.burst"));
        for (int i = 0; i < BURST_N; i++) {
                snprintf(text, sizeof(text), "%d", i);
                must(natsConnection_PublishString(nc, "interop.burst", text));
        }
        for (int i = 0; i < BURST_N; i++) {
                natsMsg *msg = next(sub);
                snprintf(text, sizeof(text), "%d", i);
                if (!holds(msg, text))
                        fail("out of order");
                natsMsg_Destroy(msg);
        }
        natsSubscription_Destroy(sub);
        passed();
}

static void count(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
        (void)nc;
        (void)sub;
        __atomic_add_fetch((int *)closure, 1, __ATOMIC_SEQ_CST);
        natsMsg_Destroy(msg);
}

static void on_closed(natsConnection *nc, void *closure)
{
        (void)nc;
        __atomic_store_n((int *)closure, 1, __ATOMIC_SEQ_CST);
}

static void drain(natsConnection *nc, int *closed)
{
        natsSubscription *sub = NULL;
        int got = 0;
        begin("drain");
        must(natsConnection_Subscribe(&sub, nc, "interop.drain", count, &got));
        for (int i = 0; i < 100; i++)
                must(natsConnection_PublishString(nc, "interop.drain", "x"));
        must(natsConnection_DrainTimeout(nc, WAIT_MS));
        for (int ms = 0; ms < WAIT_MS && !__atomic_load_n(closed, __ATOMIC_SEQ_CST); ms += 5)
                nats_Sleep(5);
        if (!__atomic_load_n(closed, __ATOMIC_SEQ_CST))
                fail("never closed");
        if (__atomic_load_n(&got, __ATOMIC_SEQ_CST) != 100)
                fail("lost messages");
        natsSubscription_Destroy(sub);
        passed();
}

/* The file holds the seed; libnats wants the public key as well. */
static void use_nkey(natsOptions *opts, const char *seed_file, const char *public_key)
{
        if (public_key == NULL)
                fail("--nkey-public is missing");
        must(natsOptions_SetNKeyFromSeed(opts, public_key, seed_file));
}

static natsOptions *read_options(int argc, char **argv, int *closed)
{
        natsOptions *opts = NULL;
        const char *cert = NULL, *public_key = NULL;
        begin("connect");
        must(natsOptions_Create(&opts));
        must(natsOptions_SetURL(opts, argv[1]));
        must(natsOptions_SetAllowReconnect(opts, false));
        must(natsOptions_SetTimeout(opts, WAIT_MS));
        must(natsOptions_SetClosedCB(opts, on_closed, closed));
        for (int i = 2; i + 1 < argc; i += 2) {
                if (strcmp(argv[i], "--ca") == 0)
                        must(natsOptions_LoadCATrustedCertificates(opts, argv[i + 1]));
                else if (strcmp(argv[i], "--cert") == 0)
                        cert = argv[i + 1];
                else if (strcmp(argv[i], "--key") == 0)
                        must(natsOptions_LoadCertificatesChain(opts, cert, argv[i + 1]));
                else if (strcmp(argv[i], "--nkey-public") == 0)
                        public_key = argv[i + 1];
                else if (strcmp(argv[i], "--nkey") == 0)
                        use_nkey(opts, argv[i + 1], public_key);
                else
                        fail("unknown argument");
        }
        return opts;
}

static natsConnection *open_connection(natsOptions *opts)
{
        natsConnection *nc = NULL;
        must(natsConnection_Connect(&nc, opts));
        must(natsConnection_FlushTimeout(nc, WAIT_MS));
        passed();
        return nc;
}

static void say(const char *word)
{
        printf("ok %s\n", word);
        fflush(stdout);
}

static void on_again(natsConnection *nc, void *closure)
{
        (void)closure;
        if (natsConnection_FlushTimeout(nc, WAIT_MS) == NATS_OK)
                say("again");
}

static void on_message(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
        (void)nc;
        (void)sub;
        printf("ok message %.*s\n", natsMsg_GetDataLength(msg), natsMsg_GetData(msg));
        fflush(stdout);
        if (holds(msg, "end"))
                __atomic_store_n((int *)closure, 1, __ATOMIC_SEQ_CST);
        natsMsg_Destroy(msg);
}

static void wait_for(const int *one, const int *other)
{
        while (!__atomic_load_n(one, __ATOMIC_SEQ_CST) && !__atomic_load_n(other, __ATOMIC_SEQ_CST))
                nats_Sleep(5);
}

/* One connection that reconnects by itself, until the text "end" has come or libnats gives it up. */
static natsStatus stay_once(natsOptions *opts, const char *word, int *closed, int *ended)
{
        natsConnection *nc = NULL;
        natsSubscription *sub = NULL;
        __atomic_store_n(closed, 0, __ATOMIC_SEQ_CST);
        natsStatus status = natsConnection_Connect(&nc, opts);
        if (status != NATS_OK)
                return status;
        must(natsConnection_Subscribe(&sub, nc, "interop.stay", on_message, ended));
        must(natsConnection_FlushTimeout(nc, WAIT_MS));
        say(word);
        wait_for(closed, ended);
        if (__atomic_load_n(ended, __ATOMIC_SEQ_CST)) {
                must(natsConnection_DrainTimeout(nc, WAIT_MS));
                wait_for(closed, closed);
        }
        natsSubscription_Destroy(sub);
        natsConnection_Destroy(nc);
        return NATS_OK;
}

/* This libnats closes for good at the second authentication error in a row, so the program opens anew. */
static void stay(natsOptions *opts, int *closed)
{
        int ended = 0;
        must(natsOptions_SetAllowReconnect(opts, true));
        must(natsOptions_SetMaxReconnect(opts, -1));
        must(natsOptions_SetReconnectWait(opts, AGAIN_MS));
        must(natsOptions_SetReconnectJitter(opts, 0, 0));
        must(natsOptions_SetReconnectedCB(opts, on_again, NULL));
        must(stay_once(opts, "up", closed, &ended));
        while (!__atomic_load_n(&ended, __ATOMIC_SEQ_CST)) {
                nats_Sleep(AGAIN_MS);
                (void)stay_once(opts, "anew", closed, &ended);
        }
}

static void walk(natsConnection *nc, int *closed)
{
        pubsub(nc);
        headers(nc);
        request(nc);
        no_responders(nc);
        queue(nc);
        unsubscribe(nc);
        large(nc);
        burst(nc);
        drain(nc, closed);
        natsConnection_Destroy(nc);
}

/* --stay is the last argument. */
int main(int argc, char **argv)
{
        int closed = 0;
        if (argc < 2)
                return 2;
        int staying = strcmp(argv[argc - 1], "--stay") == 0;
        natsOptions *opts = read_options(argc - staying, argv, &closed);
        if (staying)
                stay(opts, &closed);
        else
                walk(open_connection(opts), &closed);
        natsOptions_Destroy(opts);
        nats_Close();
        return 0;
}
