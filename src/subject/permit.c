/* SPDX-License-Identifier: Apache-2.0 */
/* A list of entries is a tree of tokens. A node keeps its literal children sorted, the child behind '*'
 * apart, and what ends here: entries whose last token this is, and entries that go on with '>'. */
#include "subject/permit.h"
#include "base/arena.h"
#include "base/macros.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "subject/subject.h"
#include <stdatomic.h>
#include <string.h>

/* Entries that end at one place. */
struct ending {
        bool plain;
        struct slice *queues; /* names or patterns */
        uint32_t queue_n, queue_cap;
};

struct node {
        struct slice token;
        struct node **children; /* literal tokens, sorted */
        uint32_t child_n, child_cap;
        struct node *star;
        struct ending here, rest;
};

struct entry {
        struct slice subject, queue;
};

struct list {
        struct node root;
        struct entry *entries;
        int n;
};

struct permit {
        _Atomic unsigned refs;
        struct rcu_node retire;
        struct arena *arena;
        struct list publish_allow, publish_deny, subscribe_allow, subscribe_deny;
        bool closed;
};

/* ---- building ---------------------------------------------------------------------------- */

/* One more place at the end of an array of the arena. */
#define GROW(arena, array, n, cap)                                                                 \
        do {                                                                                       \
                if ((n) == (cap)) {                                                                \
                        (cap) = (cap) ? (cap)*2 : 4;                                               \
                        void *larger = arena_alloc(arena, (size_t)(cap) * sizeof *(array));        \
                        if (n)                                                                     \
                                memcpy(larger, array, (size_t)(n) * sizeof *(array));              \
                        (array) = larger;                                                          \
                }                                                                                  \
        } while (0)

static int compare(struct slice a, struct slice b)
{
        size_t least = a.len < b.len ? a.len : b.len;
        int order = least ? memcmp(a.ptr, b.ptr, least) : 0;
        return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

/* Where the token is among the children, or belongs. */
static uint32_t place_of(const struct node *node, struct slice token, bool *found)
{
        uint32_t low = 0, high = node->child_n;
        *found = false;
        while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                int order = compare(token, node->children[middle]->token);
                if (order == 0) {
                        *found = true;
                        return middle;
                }
                if (order < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return low;
}

static struct node *node_new(struct arena *arena, struct slice token)
{
        struct node *node = arena_alloc(arena, sizeof *node);
        node->token = token;
        return node;
}

static struct node *child_of(struct arena *arena, struct node *node, struct slice token)
{
        bool found;
        if (slice_eq_str(token, "*")) {
                if (node->star == NULL)
                        node->star = node_new(arena, token);
                return node->star;
        }
        uint32_t at = place_of(node, token, &found);
        if (found)
                return node->children[at];
        GROW(arena, node->children, node->child_n, node->child_cap);
        memmove(&node->children[at + 1], &node->children[at],
                (node->child_n - at) * sizeof(struct node *));
        node->child_n++;
        return node->children[at] = node_new(arena, token);
}

static void end_at(struct arena *arena, struct ending *ending, struct slice queue)
{
        if (queue.len == 0) {
                ending->plain = true;
                return;
        }
        GROW(arena, ending->queues, ending->queue_n, ending->queue_cap);
        ending->queues[ending->queue_n++] = queue;
}

static void insert(struct arena *arena, struct list *list, const struct entry *entry)
{
        struct node *node = &list->root;
        for (struct slice rest = entry->subject, token; subject_next(&rest, &token);) {
                if (rest.ptr == NULL && slice_eq_str(token, ">")) {
                        end_at(arena, &node->rest, entry->queue);
                        return;
                }
                node = child_of(arena, node, token);
        }
        end_at(arena, &node->here, entry->queue);
}

static struct entry split(struct arena *arena, const char *text)
{
        static const char blanks[] = " \t\n\v\f\r";
        text += strspn(text, blanks);
        size_t subject_len = strcspn(text, blanks);
        const char *queue = text + subject_len + strspn(text + subject_len, blanks);
        return (struct entry){
                .subject = slice_str(arena_str(arena, slice_of(text, subject_len))),
                .queue = slice_str(arena_str(arena, slice_of(queue, strcspn(queue, blanks)))),
        };
}

/* queues: entries may name one; else the whole text is the subject. */
static void fill(
        struct arena *arena, struct list *list, const struct permit_list *rules, bool queues)
{
        list->entries = arena_alloc(arena, (size_t)rules->n * sizeof *list->entries + 1);
        for (; list->n < rules->n; list->n++) {
                const char *text = rules->at[list->n];
                list->entries[list->n] =
                        queues ? split(arena, text)
                               : (struct entry){ slice_str(arena_str(arena, slice_str(text))),
                                         SLICE_NULL };
                insert(arena, list, &list->entries[list->n]);
        }
}

struct permit *permit_new(const struct permit_rules *rules)
{
        struct permit *permit = xnew(struct permit);
        atomic_init(&permit->refs, 1);
        permit->arena = arena_new();
        permit->closed = rules->closed;
        fill(permit->arena, &permit->publish_allow, &rules->publish_allow, false);
        fill(permit->arena, &permit->publish_deny, &rules->publish_deny, false);
        fill(permit->arena, &permit->subscribe_allow, &rules->subscribe_allow, true);
        fill(permit->arena, &permit->subscribe_deny, &rules->subscribe_deny, true);
        return permit;
}

struct permit *permit_ref(struct permit *permit)
{
        atomic_fetch_add_explicit(&permit->refs, 1, memory_order_relaxed);
        return permit;
}

static void on_retired(struct rcu_node *node)
{
        struct permit *permit = CONTAINER_OF(node, struct permit, retire);
        arena_free(permit->arena);
        xfree(permit);
}

void permit_unref(struct permit *permit)
{
        if (permit && atomic_fetch_sub_explicit(&permit->refs, 1, memory_order_acq_rel) == 1)
                rcu_defer(&permit->retire, on_retired);
}

/* ---- asking ------------------------------------------------------------------------------ */

/* What a subject meets in a list. */
struct hits {
        struct slice asked; /* the queue; empty: none */
        bool plain;         /* an entry without a queue */
        bool queued;        /* one with some queue */
        bool queue;         /* one with this queue */
};

/* Is the queue the name, or part of what the pattern covers? A queue's name is any text: an empty token in
 * it must not slip past a pattern. */
static bool queue_covers(struct slice pattern, struct slice queue)
{
        if (slice_eq(pattern, queue))
                return true;
        if (subject_is_literal(pattern))
                return false;
        struct slice wanted, token;
        while (subject_next(&pattern, &wanted)) {
                if (!subject_next(&queue, &token))
                        return false;
                if (slice_eq_str(wanted, ">"))
                        return true;
                bool any = slice_eq_str(wanted, "*");
                if (token.len == 0 || slice_eq_str(token, ">"))
                        return false;
                if (!any && !slice_eq(wanted, token))
                        return false;
        }
        return queue.ptr == NULL;
}

static void take(const struct ending *ending, struct hits *hits)
{
        hits->plain = hits->plain || ending->plain;
        hits->queued = hits->queued || ending->queue_n > 0;
        for (uint32_t i = 0; i < ending->queue_n && hits->asked.len > 0 && !hits->queue; i++)
                hits->queue = queue_covers(ending->queues[i], hits->asked);
}

/* As deep as the entries have tokens, and no wider than the tree is there. */
static void walk(const struct node *node, struct slice rest, struct hits *hits)
{
        struct slice token;
        bool found;
        if (!subject_next(&rest, &token)) {
                take(&node->here, hits);
                return;
        }
        take(&node->rest, hits);
        if (node->star)
                walk(node->star, rest, hits);
        uint32_t at = place_of(node, token, &found);
        if (found)
                walk(node->children[at], rest, hits);
}

static bool has_empty_token(struct slice subject)
{
        for (struct slice rest = subject, token; subject_next(&rest, &token);)
                if (token.len == 0)
                        return true;
        return false;
}

static struct hits meet(const struct list *list, struct slice subject, struct slice queue)
{
        struct hits hits = { .asked = queue };
        if (list->n > 0 && !has_empty_token(subject))
                walk(&list->root, subject, &hits);
        return hits;
}

bool permit_can_publish(const struct permit *permit, struct slice subject)
{
        bool limited = permit->closed || permit->publish_allow.n > 0;
        if (limited && !meet(&permit->publish_allow, subject, SLICE_NULL).plain)
                return false;
        return !meet(&permit->publish_deny, subject, SLICE_NULL).plain;
}

bool permit_can_deliver(const struct permit *permit, struct slice subject, struct slice queue)
{
        struct hits denied = meet(&permit->subscribe_deny, subject, queue);
        return !denied.plain && !denied.queue;
}

bool permit_can_subscribe(const struct permit *permit, struct slice subject, struct slice queue)
{
        if (permit->subscribe_allow.n > 0) {
                struct hits allowed = meet(&permit->subscribe_allow, subject, queue);
                bool by_queue = queue.len > 0 && allowed.queued;
                if (by_queue ? !allowed.queue : !allowed.plain)
                        return false;
        }
        return permit_can_deliver(permit, subject, queue);
}

bool permit_must_filter(const struct permit *permit, struct slice subject, struct slice queue)
{
        if (subject_is_literal(subject))
                return false; /* all its messages have the subject that was asked about */
        for (int i = 0; i < permit->subscribe_deny.n; i++) {
                const struct entry *entry = &permit->subscribe_deny.entries[i];
                bool applies = entry->queue.len == 0 ||
                               (queue.len > 0 && queue_covers(entry->queue, queue));
                if (applies && subject_collides(entry->subject, subject))
                        return true;
        }
        return false;
}
