/* SPDX-License-Identifier: Apache-2.0 */
/* trie_match.c: a reader's search.
 *
 * The tokens of the subject are hashed once. A branch is searched from a token on by folding token
 * after token into the hash; wherever a child of so many tokens may exist, its entry is looked up.
 * Nodes that are found become further steps; a list instead of recursion bounds the stack.
 * Lookups are gathered and their buckets prefetched before the first is made: in a large trie each
 * is a miss of the cache, and so they wait for memory together. */
#include "subject/match_internal.h"
#include "subject/trie_internal.h"

/* A lookup to be made. */
struct probe {
        const struct table *table;
        struct trie_piece piece;
        size_t until; /* token behind the run */
        uint32_t hash;
};

#define PROBES_MAX 12

/* A search in progress. */
struct search {
        const struct trie *trie;
        struct slice subject;
        struct match_room *room;
        size_t probe_n;
        struct probe probes[PROBES_MAX];
};

/* False when a token is empty: such a subject reaches nothing. */
static bool tokenize(const struct trie *trie, struct slice subject, struct match_room *room)
{
        size_t start = 0;
        room->token_n = 0;
        while (start < subject.len) {
                const char *at = subject.ptr + start;
                const char *dot = memchr(at, '.', subject.len - start);
                size_t len = dot != NULL ? (size_t)(dot - at) : subject.len - start;
                if (len == 0)
                        return false;
                if (room->token_n == room->token_cap)
                        room->tokens = match_grow(room->tokens, &room->token_cap, room->token_n + 1,
                                sizeof(struct match_token));
                room->tokens[room->token_n++] =
                        (struct match_token){ start + len, hash_bytes(&trie->key, at, len) };
                if (dot == NULL)
                        return true;
                start += len + 1;
        }
        return false;
}

static size_t token_start(const struct match_room *room, size_t token)
{
        return token == 0 ? 0 : room->tokens[token - 1].end + 1;
}

static void collect(struct match_room *room, struct trie_link *link)
{
        for (; link != NULL; link = rcu_deref(link->next))
                match_room_add(room, link);
}

static void step_push(struct match_room *room, const struct table *table,
        const struct trie_branch *branch, size_t from)
{
        if (room->step_n == room->step_cap)
                room->steps = match_grow(
                        room->steps, &room->step_cap, room->step_n + 1, sizeof(struct match_step));
        room->steps[room->step_n++] = (struct match_step){ table, branch, from };
}

/* Look for the piece and take what it offers. */
static void probe_make(struct search *s, const struct probe *probe)
{
        struct trie_link *link = trie_find_piece(probe->table, probe->hash, &probe->piece);
        if (link == NULL)
                return;
        if (probe->piece.kind == TRIE_STAR)
                step_push(s->room, probe->table,
                        &CONTAINER_OF(link, struct trie_node, anchor)->branch, probe->until + 1);
        else
                collect(s->room, link);
}

static void probes_make(struct search *s)
{
        for (size_t i = 0; i < s->probe_n; i++)
                probe_make(s, &s->probes[i]);
        s->probe_n = 0;
}

/* Note a lookup of the run [token from .. until) and the kind. state: hash after the run. */
static void probe_add(struct search *s, const struct match_step *step, size_t until,
        enum trie_kind kind, uint64_t state)
{
        const struct match_room *room = s->room;
        if (s->probe_n == PROBES_MAX)
                probes_make(s);
        struct probe *probe = &s->probes[s->probe_n++];
        size_t start = token_start(room, step->from);
        size_t len = until > step->from ? room->tokens[until - 1].end - start : 0;
        probe->table = step->table;
        probe->until = until;
        probe->piece = (struct trie_piece){ step->branch, slice_of(s->subject.ptr + start, len),
                state, kind };
        probe->hash = trie_seed_hash(trie_piece_seed(&s->trie->key, &probe->piece));
        table_prefetch(step->table, probe->hash);
}

static uint32_t runs_of(const struct trie_branch *branch, enum trie_kind kind)
{
        return atomic_load_explicit(&branch->runs[kind], memory_order_relaxed);
}

static void search_branch(struct search *s, struct match_step step)
{
        const struct match_room *room = s->room;
        const struct trie_branch *branch = step.branch;
        uint32_t end = runs_of(branch, TRIE_END), tail = runs_of(branch, TRIE_TAIL);
        uint32_t last = runs_of(branch, TRIE_LAST), star = runs_of(branch, TRIE_STAR);
        uint64_t state = branch->seed;
        for (size_t until = step.from; until < room->token_n; until++) {
                uint32_t bit = trie_run_bit(until - step.from);
                bool is_last = until + 1 == room->token_n;
                if (tail & bit)
                        probe_add(s, &step, until, TRIE_TAIL, state);
                if (is_last && (last & bit))
                        probe_add(s, &step, until, TRIE_LAST, state);
                if (!is_last && (star & bit))
                        probe_add(s, &step, until, TRIE_STAR, state);
                /* No longer run; the last bit (shifted out) stands for all that follow. */
                if ((end | tail | last | star) < bit << 1)
                        return;
                state = hash_fold(&s->trie->key, state, room->tokens[until].hash);
        }
        if (end & trie_run_bit(room->token_n - step.from))
                probe_add(s, &step, room->token_n, TRIE_END, state);
}

static void search_shard(struct search *s, const struct trie_shard *shard)
{
        const struct table *table = rcu_deref(shard->table);
        if (table != NULL)
                search_branch(s, (struct match_step){ table, &shard->root, 0 });
}

static void search_steps(struct search *s)
{
        struct match_room *room = s->room;
        while (s->probe_n > 0 || room->step_n > 0) {
                if (room->step_n > 0)
                        search_branch(s, room->steps[--room->step_n]);
                else
                        probes_make(s);
        }
}

size_t trie_match_rcu(const struct trie *trie, struct slice subject, struct match *out)
{
        struct match_room *room = match_room_of(out);
        struct search s;
        s.trie = trie;
        s.subject = subject;
        s.room = room;
        s.probe_n = 0; /* the probes themselves stay unset */
        room->link_n = room->step_n = 0;
        if (tokenize(trie, subject, room)) {
                search_shard(&s, &trie->shards[trie_shard_index(trie, room->tokens[0].hash)]);
                search_shard(&s, &trie->shards[TRIE_WILD]);
                search_steps(&s);
        }
        match_pack(out, &trie->key);
        return out->link_n;
}
