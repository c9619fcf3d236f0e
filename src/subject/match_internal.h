/* SPDX-License-Identifier: Apache-2.0 */
/* match_internal.h: working memory of a search, and the packing of what it found. */
#pragma once
#include "subject/hash.h"
#include "subject/match.h"
#include <stddef.h>
#include <stdint.h>

struct table;
struct trie_branch;

struct match_token {
        size_t end; /* offset behind its last byte */
        uint64_t hash;
};

/* A branch that still has to be searched, from token number `from`, in its shard's table. */
struct match_step {
        const struct table *table;
        const struct trie_branch *branch;
        size_t from;
};

/* One thread's; vectors grow and stay. */
struct match_room {
        struct match_token *tokens;
        struct match_step *steps;
        struct trie_link **links; /* found, in any order */
        uint32_t *shelf_counts;   /* links per shelf; then where the next one goes */
        uint32_t *group_of;       /* per queue link: its group */
        uint32_t *name_index;     /* open addressing: group + 1, 0 free */
        struct match_group *groups;
        size_t token_n, step_n, link_n;
        size_t token_cap, step_cap, link_cap, shelf_cap, group_of_cap, name_cap, group_cap;
};

struct match_room *match_room_new(void);
void match_room_free(struct match_room *room); /* NULL is fine */
struct match_room *match_room_of(struct match *match);

/* A match that works in somebody else's room. */
void match_init_lent(struct match *match, struct match_room *room);

/* At least n elements of `bytes` each in *vec; doubles. Contents stay. */
void *match_grow(void *vec, size_t *cap, size_t n, size_t bytes);

static inline void match_room_add(struct match_room *room, struct trie_link *link)
{
        if (room->link_n == room->link_cap)
                room->links = match_grow(
                        room->links, &room->link_cap, room->link_n + 1, sizeof(struct trie_link *));
        room->links[room->link_n++] = link;
}

/* Turn room->links into the arrays of the match. */
void match_pack(struct match *match, const struct hash_key *key);
