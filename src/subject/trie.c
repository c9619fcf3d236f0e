/* SPDX-License-Identifier: Apache-2.0 */
/* trie.c: the writer, and the walk. The shape is drawn in trie_internal.h; matching is
 * trie_match.c.
 *
 * Every change ends with the store that moves the shard's generation (release): who sees the new
 * generation sees the change. A removed link keeps its `next`, so that a reader standing on it goes
 * on into the list. */
#include "subject/trie_internal.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/thread.h"
#include "subject/subject.h"

/* A walk down a pattern, piece by piece. */
struct trie_path {
        struct trie_shard *shard;
        struct trie_branch *branch;
        struct trie_piece piece;
        struct slice rest;
        size_t run_n; /* tokens of the piece's run */
        bool is_malformed;
};

void hash_key_init(struct hash_key *key)
{
        rand_secure(key, sizeof(*key));
        key->b |= 1;
}

static uint64_t relaxed(const _Atomic uint64_t *value)
{
        return atomic_load_explicit(value, memory_order_relaxed);
}

static void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
        atomic_store_explicit(counter, relaxed(counter) + n, memory_order_relaxed);
}

void trie_link_init(struct trie_link *link, const char *text, size_t subject_len, size_t queue_len,
        uint16_t shelf)
{
        ptrdiff_t text_at = text - (const char *)link;
        ASSERT(queue_len <= TRIE_QUEUE_MAX && shelf <= UINT8_MAX);
        ASSERT(text_at >= 0 && text_at <= UINT8_MAX);
        /* One more than the limit stands for all that is longer: the insert refuses it. */
        size_t len = subject_len <= TRIE_SUBJECT_MAX ? subject_len : TRIE_SUBJECT_MAX + 1;
        *link = (struct trie_link){
                .subject_len = (uint16_t)len,
                .queue_len = (uint16_t)queue_len,
                .shelf = (uint8_t)shelf,
                .text_at = (uint8_t)text_at,
        };
}

struct trie *trie_new(void)
{
        size_t bytes = (TRIE_SHARDS + 1) * sizeof(struct trie_shard) + CACHE_LINE_BYTES;
        struct trie *trie = xcalloc(1, sizeof(struct trie) + bytes);
        trie->shards = table_align(trie->memory);
        hash_key_init(&trie->key);
        table_store_init(&trie->store);
        for (size_t i = 0; i <= TRIE_WILD; i++)
                trie->shards[i].root.seed = trie->key.a + i;
        counter_add(&trie->shared.bytes, sizeof(struct trie) + bytes);
        return trie;
}

void trie_free(struct trie *trie)
{
        if (trie == NULL)
                return;
        ASSERT(trie_count(trie) == 0);
        table_store_fini(&trie->store);
        xfree(trie);
}

/* How the token would end a piece when more follows; TRIE_END: an ordinary token. */
static enum trie_kind token_kind(struct slice token)
{
        if (token.len != 1)
                return TRIE_END;
        return token.ptr[0] == '*' ? TRIE_STAR : token.ptr[0] == '>' ? TRIE_TAIL : TRIE_END;
}

size_t trie_subject_shard(const struct trie *trie, struct slice subject)
{
        struct slice token = SLICE_NULL;
        subject_next(&subject, &token);
        return trie_shard_index(trie, hash_bytes(&trie->key, token.ptr, token.len));
}

static uint64_t token_hash(const struct trie *trie, struct slice token)
{
        return hash_bytes(&trie->key, token.ptr, token.len);
}

/* The piece that begins with the token, which is off the pattern already and has this hash. */
static void path_piece(
        const struct trie *trie, struct trie_path *path, struct slice token, uint64_t hash)
{
        const char *start = token.ptr, *end = start;
        uint64_t state = path->branch->seed;
        enum trie_kind kind;
        path->run_n = 0;
        while ((kind = token_kind(token)) == TRIE_END) {
                path->is_malformed |= token.len == 0;
                end = token.ptr + token.len;
                path->run_n++;
                state = hash_fold(&trie->key, state, hash);
                if (!subject_next(&path->rest, &token))
                        break;
                hash = token_hash(trie, token);
        }
        if (kind == TRIE_STAR && path->rest.ptr == NULL)
                kind = TRIE_LAST;
        path->is_malformed |= kind == TRIE_TAIL && path->rest.ptr != NULL;
        path->piece = (struct trie_piece){ path->branch, slice_of(start, (size_t)(end - start)),
                state, kind };
}

/* The first piece of a pattern. */
static void path_start(struct trie *trie, struct slice subject, struct trie_path *path)
{
        struct slice token = SLICE_NULL;
        *path = (struct trie_path){ .rest = subject };
        subject_next(&path->rest, &token);
        uint64_t hash = token_hash(trie, token);
        bool is_wild = token_kind(token) != TRIE_END;
        path->shard = &trie->shards[is_wild ? TRIE_WILD : trie_shard_index(trie, hash)];
        path->branch = &path->shard->root;
        path_piece(trie, path, token, hash);
}

/* Take the next piece off the pattern, which has more. */
static void path_next(const struct trie *trie, struct trie_path *path)
{
        struct slice token = SLICE_NULL;
        subject_next(&path->rest, &token);
        path_piece(trie, path, token, token_hash(trie, token));
}

static void shard_add(
        struct trie *trie, const struct trie_path *path, uint32_t hash, struct trie_link *link)
{
        struct trie_branch *branch = path->branch;
        _Atomic uint32_t *runs = &branch->runs[path->piece.kind];
        uint32_t old = atomic_load_explicit(runs, memory_order_relaxed);
        atomic_store_explicit(runs, old | trie_run_bit(path->run_n), memory_order_relaxed);
        branch->child_n++;
        size_t before = trie->store.bytes;
        table_add(&trie->store, &path->shard->table, hash, link);
        if (trie->store.bytes != before)
                counter_add(&trie->shared.bytes, trie->store.bytes - before);
}

static void shard_drop(struct trie *trie, struct trie_shard *shard, struct trie_branch *branch,
        uint32_t hash, const struct trie_link *link)
{
        size_t before = trie->store.bytes;
        table_drop(&trie->store, &shard->table, hash, link);
        if (trie->store.bytes != before)
                counter_add(&trie->shared.bytes, trie->store.bytes - before);
        if (--branch->child_n > 0)
                return;
        for (size_t kind = 0; kind < TRIE_KIND_COUNT; kind++)
                atomic_store_explicit(&branch->runs[kind], 0, memory_order_relaxed);
}

static size_t node_bytes(const struct trie_node *node)
{
        return sizeof(*node) + node->branch.prefix_len;
}

/* The node at the end of a '*' piece, made when it is not there. subject: the whole pattern. */
static struct trie_node *node_make(
        struct trie *trie, struct slice subject, const struct trie_path *path, uint64_t seed)
{
        size_t len = subject.len - path->rest.len; /* the '.' included */
        struct trie_node *node = xcalloc(1, sizeof(*node) + len);
        memcpy(node->text, subject.ptr, len);
        node->parent = path->branch;
        node->branch.seed = seed;
        node->branch.prefix_len = (uint16_t)len;
        node->branch.star_n = (uint16_t)(path->branch->star_n + 1);
        trie_link_init(&node->anchor, node->text, len - 1, 0, 0);
        node->anchor.shape = trie_piece_shape(&path->piece);
        counter_add(&trie->shared.nodes, 1);
        counter_add(&trie->shared.bytes, node_bytes(node));
        shard_add(trie, path, trie_seed_hash(seed), &node->anchor);
        return node;
}

static void node_reclaim(struct rcu_node *rcu)
{
        xfree(CONTAINER_OF(rcu, struct trie_node, anchor.out));
}

/* Take out the branch's node when nothing grows from it any more, then its parent's, and so on. */
static void branch_prune(struct trie *trie, struct trie_shard *shard, struct trie_branch *branch)
{
        while (branch->star_n > 0 && branch->child_n == 0) {
                struct trie_node *node = CONTAINER_OF(branch, struct trie_node, branch);
                counter_add(&trie->shared.nodes, (uint64_t)-1);
                counter_add(&trie->shared.bytes, -(uint64_t)node_bytes(node));
                branch = node->parent;
                shard_drop(trie, shard, branch, trie_seed_hash(node->branch.seed), &node->anchor);
                rcu_defer(&node->anchor.out, node_reclaim);
        }
}

static void list_insert_after(struct trie_link *first, struct trie_link *link)
{
        struct trie_link *next = atomic_load_explicit(&first->next, memory_order_relaxed);
        atomic_store_explicit(&link->next, next, memory_order_relaxed);
        link->in.prev = first;
        if (next != NULL)
                next->in.prev = link;
        rcu_assign(first->next, link);
}

static void list_take_out(struct trie_link *link)
{
        struct trie_link *next = atomic_load_explicit(&link->next, memory_order_relaxed);
        if (next != NULL)
                next->in.prev = link->in.prev;
        if (link->in.prev != NULL)
                rcu_assign(link->in.prev->next, next);
}

static void generation_move(struct trie_shard *shard)
{
        atomic_store_explicit(
                &shard->generation, relaxed(&shard->generation) + 1, memory_order_release);
}

/* The node at the end of the path's piece, or NULL. */
static struct trie_node *path_node(const struct trie_path *path, uint64_t seed)
{
        struct trie_link *anchor =
                trie_find_piece(path->shard->table, trie_seed_hash(seed), &path->piece);
        return anchor != NULL ? CONTAINER_OF(anchor, struct trie_node, anchor) : NULL;
}

int trie_aim_rcu(struct trie *trie, struct slice subject, struct trie_aim *aim)
{
        if (subject.len == 0 || subject.len > TRIE_SUBJECT_MAX)
                return ERR_INVALID;
        struct trie_path path;
        path_start(trie, subject, &path);
        bool has_more = path.piece.kind == TRIE_STAR;
        if (path.is_malformed || (has_more && !subject_is_valid(path.rest)))
                return ERR_INVALID;
        *aim = (struct trie_aim){
                .state = path.piece.hash,
                .run_len = (uint16_t)path.piece.run.len,
                .run_n = (uint16_t)path.run_n,
                .rest_at = (uint16_t)(has_more ? path.rest.ptr - subject.ptr : 0),
                .shard = (uint8_t)(path.shard - trie->shards),
                .kind = (uint8_t)path.piece.kind,
        };
        const struct table *table = rcu_deref(path.shard->table);
        if (table != NULL)
                table_prefetch(table, trie_seed_hash(trie_piece_seed(&trie->key, &path.piece)));
        return 0;
}

/* The path as it was when the aim was taken. */
static void path_resume(
        struct trie *trie, struct slice subject, const struct trie_aim *aim, struct trie_path *path)
{
        struct trie_shard *shard = &trie->shards[aim->shard];
        *path = (struct trie_path){ .shard = shard, .branch = &shard->root, .run_n = aim->run_n };
        path->piece = (struct trie_piece){ &shard->root, slice_of(subject.ptr, aim->run_len),
                aim->state, (enum trie_kind)aim->kind };
        if (aim->rest_at > 0)
                path->rest = slice_of(subject.ptr + aim->rest_at, subject.len - aim->rest_at);
}

void trie_aim_further_rcu(struct trie *trie, struct slice subject, const struct trie_aim *aim)
{
        if (aim->kind != TRIE_STAR)
                return;
        struct trie_path path;
        path_resume(trie, subject, aim, &path);
        const struct table *table = rcu_deref(path.shard->table);
        struct trie_node *node = path_node(&path, trie_piece_seed(&trie->key, &path.piece));
        if (table == NULL || node == NULL)
                return;
        path.branch = &node->branch;
        path_next(trie, &path);
        table_prefetch(table, trie_seed_hash(trie_piece_seed(&trie->key, &path.piece)));
}

int trie_insert_locked(struct trie *trie, struct trie_link *link)
{
        struct trie_aim aim;
        int rc = trie_aim_rcu(trie, trie_link_subject(link), &aim);
        if (rc == 0)
                trie_insert_at_locked(trie, link, &aim);
        return rc;
}

void trie_insert_at_locked(struct trie *trie, struct trie_link *link, const struct trie_aim *aim)
{
        struct slice subject = trie_link_subject(link);
        struct trie_path path;
        path_resume(trie, subject, aim, &path);
        for (; path.piece.kind == TRIE_STAR; path_next(trie, &path)) {
                uint64_t seed = trie_piece_seed(&trie->key, &path.piece);
                struct trie_node *node = path_node(&path, seed);
                if (node == NULL)
                        node = node_make(trie, subject, &path, seed);
                path.branch = &node->branch;
        }
        uint32_t hash = trie_seed_hash(trie_piece_seed(&trie->key, &path.piece));
        link->shape = trie_piece_shape(&path.piece);
        struct trie_link *first = trie_find_piece(path.shard->table, hash, &path.piece);
        if (first != NULL)
                list_insert_after(first, link);
        else
                shard_add(trie, &path, hash, link);
        generation_move(path.shard);
        counter_add(&trie->shared.subscriptions, 1);
        counter_add(&trie->shared.inserts, 1);
}

/* The first link of a leaf goes: its place in the table is its follower's, or nobody's. */
static void remove_first(struct trie *trie, struct trie_path *path, struct trie_link *link)
{
        for (; path->piece.kind == TRIE_STAR; path_next(trie, path)) {
                struct trie_node *node = path_node(path, trie_piece_seed(&trie->key, &path->piece));
                ASSERT(node != NULL);
                path->branch = &node->branch;
        }
        uint32_t hash = trie_seed_hash(trie_piece_seed(&trie->key, &path->piece));
        struct trie_link *next = atomic_load_explicit(&link->next, memory_order_relaxed);
        if (next != NULL) {
                table_replace(&path->shard->table, hash, link, next);
                return;
        }
        shard_drop(trie, path->shard, path->branch, hash, link);
        branch_prune(trie, path->shard, path->branch);
}

void trie_remove_locked(struct trie *trie, struct trie_link *link)
{
        struct trie_path path;
        path_start(trie, trie_link_subject(link), &path);
        bool is_first = link->in.prev == NULL;
        list_take_out(link);
        if (is_first)
                remove_first(trie, &path, link);
        generation_move(path.shard);
        counter_add(&trie->shared.subscriptions, (uint64_t)-1);
        counter_add(&trie->shared.removes, 1);
}

struct trie_generation trie_generation_rcu(const struct trie *trie, struct slice subject)
{
        return (struct trie_generation){
                .shard = trie_shard_generation(trie, trie_subject_shard(trie, subject)),
                .wild = trie_shard_generation(trie, TRIE_WILD),
        };
}

struct walk {
        trie_walk_fn fn;
        void *ctx;
};

/* All that have the pattern of an entry. */
static bool walk_entry(void *ctx, struct trie_link *link)
{
        const struct walk *walk = ctx;
        if (trie_link_kind(link) == TRIE_STAR)
                return true; /* an inner node's anchor */
        for (; link != NULL; link = rcu_deref(link->next)) {
                if (!walk->fn(walk->ctx, link))
                        return false;
        }
        return true;
}

void trie_walk_rcu(const struct trie *trie, trie_walk_fn fn, void *ctx)
{
        struct walk walk = { fn, ctx };
        for (size_t i = 0; i <= TRIE_WILD; i++) {
                if (!table_each_rcu(rcu_deref(trie->shards[i].table), walk_entry, &walk))
                        return;
        }
}

size_t trie_count(const struct trie *trie)
{
        return (size_t)relaxed(&trie->shared.subscriptions);
}

void trie_stats(const struct trie *trie, struct trie_stats *out)
{
        *out = (struct trie_stats){
                .subscriptions = relaxed(&trie->shared.subscriptions),
                .inserts = relaxed(&trie->shared.inserts),
                .removes = relaxed(&trie->shared.removes),
                .nodes = relaxed(&trie->shared.nodes),
                .bytes = relaxed(&trie->shared.bytes),
        };
}
