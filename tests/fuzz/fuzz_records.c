/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_records.c: what a hostile peer says behind a TLS 1.3 handshake.
 * Three bytes choose: the cipher suite, the reader's role and the mode; how many bytes it is shown at a time
 * (0: all); its room (0: plenty). RAW: the rest is the wire, of a peer that has no key. Otherwise the rest is a
 * script of records, sealed with the right keys, which reaches what lies behind the AEAD. Of a script it
 * is known what the reader must make of it: a model, written after RFC 8446 and not after records.c, says which
 * bytes come out and how it ends, and every cut must give the same. */
#include "fuzz.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "tls/records.h"
#include <openssl/ssl.h>
#include <string.h>

enum {
        SUITE_MASK = 3,
        READER_IS_CLIENT = 4,
        RAW = 0x80,
        WIRE_MAX_BYTES = 1 << 20,
        ROOM_BYTES = 64 * 1024,
        INNER_MAX_BYTES = RECORD_PLAIN_BYTES + 1,
        HELD_MAX_BYTES = 5 + INNER_MAX_BYTES + 16,
        LONG_MAX_BYTES = 17000, /* more than any record may hold */
        QUIET_MAX = 32,
        TICKET_MAX_BYTES = 128 * 1024,
};

/* Of a script. Each is one byte and what stands behind it. */
enum step {
        SAY,       /* n, then n bytes: a record's inner text as it is, its type last */
        LONG,      /* two bytes: how many; a byte: of what; a byte: the type */
        UPDATE,    /* a byte, the request: KeyUpdate, and the sender's next key */
        NEXT_KEY,  /* the sender's next key, whatever was said */
        DAMAGE,    /* two bytes: where in the record before; a byte: what to flip */
        WRITE,     /* n: so many bytes of data, as the sender does it itself */
        SAY_AGAIN, /* n: the inner text before, so many times */
        STEP_COUNT,
};

enum ending {
        OPEN,   /* more may come */
        ENDED,  /* close_notify */
        FAILED, /* with this alert, ours or theirs */
        BROKEN, /* a record was damaged: it waits, or it fails */
};

struct expected {
        struct buf data;
        enum ending ending;
        int alert;
        bool theirs;
        bool update_due;
};

/* The reader as the RFC has it. */
struct model {
        struct expected *out;
        bool client;
        unsigned key; /* how often it changed */
        struct buf message;
        unsigned quiet; /* records in a row that brought no data */
};

struct talk {
        struct records *sender, *reader;
        unsigned key; /* the sender's */
        struct buf wire;
        size_t record_at; /* where the last one begins */
        bool damaged;
        struct buf inner; /* of the last one */
        struct model model;
};

static const struct {
        unsigned id;
        size_t secret_n;
} suites[] = { { 0x1301, 32 }, { 0x1302, 48 }, { 0x1303, 32 }, { 0x1301, 32 } };

/* ---- the model --------------------------------------------------------------------------------- */

static void fail(struct model *model, int alert)
{
        model->out->ending = FAILED;
        model->out->alert = alert;
}

static void model_alert(struct model *model, const uint8_t *bytes, size_t len)
{
        if (len != 2) {
                fail(model, len == 0 ? SSL_AD_UNEXPECTED_MESSAGE : SSL_AD_DECODE_ERROR);
        } else if (bytes[1] == SSL_AD_CLOSE_NOTIFY) {
                model->out->ending = ENDED;
        } else if (bytes[1] != SSL_AD_USER_CANCELLED) {
                fail(model, bytes[1]);
                model->out->theirs = true;
        }
}

/* The first message of those gathered; false: it is not whole yet, or was the last. */
static bool model_message(struct model *model)
{
        struct buf *all = &model->message;
        const uint8_t *head = (const uint8_t *)all->ptr;
        if (all->len < 4)
                return false;
        size_t len = (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
        if (head[0] == SSL3_MT_KEY_UPDATE) {
                if (len != 1)
                        fail(model, SSL_AD_DECODE_ERROR);
                else if (all->len > 5)
                        fail(model, SSL_AD_UNEXPECTED_MESSAGE);
                else if (all->len == 5 && head[4] > 1)
                        fail(model, SSL_AD_ILLEGAL_PARAMETER);
                if (model->out->ending != OPEN || all->len < 5)
                        return false;
                model->out->update_due = model->out->update_due || head[4] == 1;
                model->key++;
        } else if (!model->client || head[0] != SSL3_MT_NEWSESSION_TICKET ||
                   len > TICKET_MAX_BYTES) {
                fail(model, SSL_AD_UNEXPECTED_MESSAGE);
                return false;
        }
        if (all->len < 4 + len)
                return false;
        buf_consume(all, 4 + len);
        return true;
}

static void model_inner(struct model *model, const uint8_t *inner, size_t len)
{
        while (len > 0 && inner[len - 1] == 0)
                len--;
        int type = len > 0 ? inner[len - 1] : 0;
        len -= len > 0;
        bool whole = model->message.len == 0;
        if (type == SSL3_RT_APPLICATION_DATA && whole && len > 0) {
                model->quiet = 0;
                buf_append(&model->out->data, inner, len);
        } else if (++model->quiet > QUIET_MAX || (!whole && type != SSL3_RT_HANDSHAKE)) {
                fail(model, SSL_AD_UNEXPECTED_MESSAGE);
        } else if (type == SSL3_RT_ALERT) {
                model_alert(model, inner, len);
        } else if (type == SSL3_RT_HANDSHAKE && len > 0) {
                buf_append(&model->message, inner, len);
                while (model_message(model)) {
                }
        } else if (type != SSL3_RT_APPLICATION_DATA) {
                fail(model, SSL_AD_UNEXPECTED_MESSAGE);
        }
}

/* The last record of the talk is complete and will be read. */
static void model_record(struct talk *talk, unsigned key)
{
        struct model *model = &talk->model;
        if (model->out->ending != OPEN || talk->inner.len == 0)
                return;
        if (talk->inner.len > INNER_MAX_BYTES)
                fail(model, SSL_AD_RECORD_OVERFLOW);
        else if (talk->damaged)
                model->out->ending = BROKEN;
        else if (key != model->key)
                fail(model, SSL_AD_BAD_RECORD_MAC);
        else
                model_inner(model, (const uint8_t *)talk->inner.ptr, talk->inner.len);
}

/* ---- the sender -------------------------------------------------------------------------------- */

/* The wire has a whole record more. What it means is settled when the next begins: it may be damaged. */
struct pending {
        bool there;
        unsigned key;
};

static void settle(struct talk *talk, struct pending *pending)
{
        if (pending->there)
                model_record(talk, pending->key);
        pending->there = false;
        talk->damaged = false;
}

static void say(struct talk *talk, struct pending *pending)
{
        size_t len = talk->inner.len;
        settle(talk, pending);
        if (len == 0 || talk->wire.len + len > WIRE_MAX_BYTES)
                return;
        const uint8_t *inner = (const uint8_t *)talk->inner.ptr;
        talk->record_at = talk->wire.len;
        PROPERTY(records_seal(talk->sender, inner[len - 1], inner, len - 1, &talk->wire));
        *pending = (struct pending){ true, talk->key };
}

static void say_bytes(struct talk *talk, struct pending *pending, const void *bytes, size_t len)
{
        settle(talk, pending);
        buf_clear(&talk->inner);
        buf_append(&talk->inner, bytes, len);
        say(talk, pending);
}

/* By a key update of the sender's own that nobody gets to see. */
static void next_key(struct talk *talk)
{
        struct buf unseen = { 0 };
        const struct iovec iov = { (char *)"", 1 };
        talk->sender->update_due = true;
        PROPERTY(records_write(talk->sender, &iov, 1, &unseen) == 0);
        talk->sender->tx.seq = 0;
        talk->key++;
        buf_fini(&unseen);
}

static void write_data(struct talk *talk, struct pending *pending, size_t len)
{
        char bytes[256];
        const struct iovec iov = { bytes, len };
        settle(talk, pending);
        memset(bytes, 'w', sizeof(bytes));
        buf_clear(&talk->inner);
        buf_append(&talk->inner, bytes, len);
        buf_append_char(&talk->inner, SSL3_RT_APPLICATION_DATA);
        talk->record_at = talk->wire.len;
        PROPERTY(records_write(talk->sender, &iov, len, &talk->wire) == 0);
        pending->there = len > 0; /* nothing to write is no record */
        pending->key = talk->key;
}

static void damage(struct talk *talk, struct pending *pending, size_t where, uint8_t flip)
{
        if (!pending->there || talk->damaged || flip == 0)
                return;
        talk->wire.ptr[talk->record_at + where % (talk->wire.len - talk->record_at)] ^= (char)flip;
        talk->damaged = true;
}

struct script {
        const uint8_t *at;
        size_t left;
};

static size_t next(struct script *script)
{
        if (script->left == 0)
                return 0;
        script->left--;
        return *script->at++;
}

static size_t next_two(struct script *script)
{
        size_t high = next(script);
        return high << 8 | next(script);
}

static void play_long(struct talk *talk, struct pending *pending, struct script *script)
{
        static uint8_t inner[LONG_MAX_BYTES + 1];
        size_t len = next_two(script) % LONG_MAX_BYTES;
        memset(inner, (int)next(script), len);
        inner[len] = (uint8_t)next(script);
        say_bytes(talk, pending, inner, len + 1);
}

static void play_one(struct talk *talk, struct pending *pending, struct script *script)
{
        uint8_t update[] = { SSL3_MT_KEY_UPDATE, 0, 0, 1, 0, SSL3_RT_HANDSHAKE };
        size_t step = next(script) % STEP_COUNT, n;
        switch (step) {
        case SAY:
                n = next(script);
                n = n < script->left ? n : script->left;
                say_bytes(talk, pending, script->at, n);
                script->at += n;
                script->left -= n;
                break;
        case LONG:
                play_long(talk, pending, script);
                break;
        case UPDATE:
                update[4] = (uint8_t)next(script);
                say_bytes(talk, pending, update, sizeof(update));
                next_key(talk);
                break;
        case NEXT_KEY:
                next_key(talk);
                break;
        case DAMAGE:
                n = next_two(script);
                damage(talk, pending, n, (uint8_t)next(script));
                break;
        case WRITE:
                write_data(talk, pending, next(script));
                break;
        default:
                for (n = next(script) % 64; n > 0; n--)
                        say(talk, pending);
                break;
        }
}

static void play(struct talk *talk, struct script script)
{
        struct pending pending = { 0 };
        while (script.left > 0 && talk->wire.len < WIRE_MAX_BYTES)
                play_one(talk, &pending, &script);
        settle(talk, &pending);
}

/* ---- the reader -------------------------------------------------------------------------------- */

/* Show it the wire in steps, and gather what it gives. Returns the last answer. */
static ssize_t listen_to(
        struct records *reader, struct slice wire, size_t step, size_t room, struct buf *got)
{
        static char text[ROOM_BYTES];
        ssize_t n = ERR_AGAIN;
        size_t shown = 0;
        do {
                size_t more = wire.len - shown < step ? wire.len - shown : step;
                struct slice in = slice_of(wire.ptr + shown, more);
                while ((n = records_read(reader, &in, text, room)) > 0) {
                        PROPERTY((size_t)n <= room);
                        buf_append(got, text, (size_t)n);
                        PROPERTY(records_pending(reader) < RECORD_PLAIN_BYTES);
                }
                PROPERTY(in.len <= more &&
                         (more == 0 || in.ptr + in.len == wire.ptr + shown + more));
                PROPERTY(reader->held.len <= HELD_MAX_BYTES);
                PROPERTY(n == ERR_AGAIN || n == ERR_EOF || n == ERR_TLS);
                PROPERTY(n != ERR_AGAIN || (in.len == 0 && reader->plain.ptr == NULL));
                PROPERTY(n != ERR_TLS || (reader->refusal != 0) != (reader->refused != 0));
                shown += more;
        } while (n == ERR_AGAIN && shown < wire.len);
        if (n == ERR_EOF) {
                struct slice rest = slice_of(wire.ptr, wire.len);
                PROPERTY(
                        records_read(reader, &rest, text, room) == ERR_EOF && rest.len == wire.len);
        }
        return n;
}

static void compare(const struct records *reader, const struct expected *want, ssize_t end,
        const struct buf *got)
{
        PROPERTY(slice_eq(buf_slice(got), buf_slice(&want->data)));
        switch (want->ending) {
        case OPEN:
                PROPERTY(end == ERR_AGAIN && reader->held.len == 0 && reader->held.ptr == NULL);
                PROPERTY(reader->update_due == want->update_due);
                break;
        case ENDED:
                PROPERTY(end == ERR_EOF);
                break;
        case FAILED:
                PROPERTY(end == ERR_TLS);
                PROPERTY((want->theirs ? reader->refused : reader->refusal) == want->alert);
                break;
        case BROKEN:
                PROPERTY(end == ERR_TLS || end == ERR_AGAIN);
                break;
        }
}

/* An answer is understood, also when a new key had to come before it. */
static void answer(struct records *reader, struct records *sender)
{
        struct buf wire = { 0 }, got = { 0 };
        const struct iovec iov = { (char *)"PONG\r\n", 6 };
        for (int i = 0; i < 2; i++)
                PROPERTY(records_write(reader, &iov, 6, &wire) == 0);
        PROPERTY(listen_to(sender, buf_slice(&wire), SIZE_MAX, ROOM_BYTES, &got) == ERR_AGAIN);
        PROPERTY(slice_eq(buf_slice(&got), SLICE_LIT("PONG\r\nPONG\r\n")));
        buf_fini(&wire);
        buf_fini(&got);
}

static struct records *make(int choice, bool reader)
{
        uint8_t up[RECORD_SECRET_BYTES] = { 1 }, down[RECORD_SECRET_BYTES] = { 2 };
        bool client = ((choice & READER_IS_CLIENT) != 0) == reader;
        struct records *records = records_new(suites[choice & SUITE_MASK].id, client,
                reader ? up : down, reader ? down : up, suites[choice & SUITE_MASK].secret_n, 0);
        PROPERTY(records);
        return records;
}

static void hear_script(int choice, struct script script, size_t step, size_t room)
{
        struct expected want = { 0 };
        struct talk talk = { .sender = make(choice, false) };
        struct buf got = { 0 };
        talk.model.out = &want;
        talk.model.client = (choice & READER_IS_CLIENT) != 0;
        play(&talk, script);
        for (int cut = 0; cut < 2; cut++) {
                struct records *reader = make(choice, true);
                struct slice wire = talk.wire.len > 0 ? buf_slice(&talk.wire) : SLICE_LIT("");
                ssize_t end = cut ? listen_to(reader, wire, step, room, &got)
                                  : listen_to(reader, wire, SIZE_MAX, ROOM_BYTES, &got);
                compare(reader, &want, end, &got);
                if (cut && want.ending == OPEN)
                        answer(reader, talk.sender);
                buf_clear(&got);
                records_free(reader);
        }
        records_free(talk.sender);
        buf_fini(&got);
        buf_fini(&want.data);
        buf_fini(&talk.wire);
        buf_fini(&talk.inner);
        buf_fini(&talk.model.message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 3)
                return 0;
        int choice = data[0];
        size_t step = data[1] ? data[1] : SIZE_MAX, room = data[2] ? data[2] : ROOM_BYTES;
        if (choice & RAW) {
                struct records *reader = make(choice, true);
                struct buf got = { 0 };
                (void)listen_to(
                        reader, slice_of((const char *)data + 3, size - 3), step, room, &got);
                PROPERTY(got.len == 0);
                records_free(reader);
                buf_fini(&got);
        } else {
                hear_script(choice, (struct script){ data + 3, size - 3 }, step, room);
        }
        return 0;
}
