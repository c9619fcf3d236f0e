/* SPDX-License-Identifier: Apache-2.0 */
/* trie_match.c: a reader's search.
 *
 * The tokens of the subject are hashed once. A branch is searched from a token on by folding token
 * after token into the hash; wherever a child of so many tokens may exist, its entry is looked up.
 * Nodes that are found become further steps; a list instead of recursion bounds the stack. */
#include "subject/match_internal.h"
#include "subject/trie_internal.h"

/* A search in progress. */
struct search {
        const struct trie *trie;
        const struct table *table;
        struct slice subject;
        struct match_room *room;
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

static void step_push(struct match_room *room, const struct trie_branch *branch, size_t from)
{
        if (room->step_n == room->step_cap)
                room->steps = match_grow(
                        room->steps, &room->step_cap, room->step_n + 1, sizeof(struct match_step));
        room->steps[room->step_n++] = (struct match_step){ branch, from };
}

/* Look for the piece [token from .. until) + kind and take what it offers. */
static void try_piece(struct search *s, struct trie_piece *piece, size_t from, size_t until)
{
        struct match_room *room = s->room;
        size_t start = token_start(room, from);
        size_t len = until > from ? room->tokens[until - 1].end - start : 0;
        piece->run = slice_of(s->subject.ptr + start, len);
        uint32_t hash = trie_seed_hash(trie_piece_seed(&s->trie->key, piece));
        struct trie_link *link = trie_find_piece(s->table, hash, piece);
        if (link == NULL)
                return;
        if (piece->kind == TRIE_STAR)
                step_push(room, &CONTAINER_OF(link, struct trie_node, anchor)->branch, until + 1);
        else
                collect(room, link);
}

static uint32_t runs_of(const struct trie_branch *branch, enum trie_kind kind)
{
        return atomic_load_explicit(&branch->runs[kind], memory_order_relaxed);
}

static void search_branch(struct search *s, const struct trie_branch *branch, size_t from)
{
        const struct match_room *room = s->room;
        uint32_t end = runs_of(branch, TRIE_END), tail = runs_of(branch, TRIE_TAIL);
        uint32_t last = runs_of(branch, TRIE_LAST), star = runs_of(branch, TRIE_STAR);
        struct trie_piece piece = { .branch = branch, .hash = branch->seed };
        for (size_t until = from;; until++) {
                uint32_t bit = trie_run_bit(until - from);
                bool is_last = until + 1 == room->token_n;
                if (until == room->token_n) {
                        piece.kind = TRIE_END;
                        if (end & bit)
                                try_piece(s, &piece, from, until);
                        return;
                }
                piece.kind = TRIE_TAIL;
                if (tail & bit)
                        try_piece(s, &piece, from, until);
                piece.kind = is_last ? TRIE_LAST : TRIE_STAR;
                if ((is_last ? last : star) & bit)
                        try_piece(s, &piece, from, until);
                /* No longer run; the last bit (shifted out) stands for all that follow. */
                if ((end | tail | last | star) < bit << 1)
                        return;
                piece.hash = hash_fold(&s->trie->key, piece.hash, room->tokens[until].hash);
        }
}

static void search_shard(struct search *s, const struct trie_shard *shard)
{
        struct match_room *room = s->room;
        s->table = rcu_deref(shard->table);
        if (s->table == NULL)
                return;
        search_branch(s, &shard->root, 0);
        while (room->step_n > 0) {
                struct match_step step = room->steps[--room->step_n];
                search_branch(s, step.branch, step.from);
        }
}

size_t trie_match_rcu(const struct trie *trie, struct slice subject, struct match *out)
{
        struct match_room *room = match_room_of(out);
        struct search s = { .trie = trie, .subject = subject, .room = room };
        room->link_n = room->step_n = 0;
        if (tokenize(trie, subject, room)) {
                search_shard(&s, &trie->shards[trie_shard_index(trie, room->tokens[0].hash)]);
                search_shard(&s, &trie->shards[TRIE_WILD]);
        }
        match_pack(out, &trie->key);
        return out->link_n;
}
