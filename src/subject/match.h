/* SPDX-License-Identifier: Apache-2.0 */
/* match.h: what one subject reaches.
 *
 *   links:   [ plain of shelf 0 | plain of shelf 2 | members of group "a" | members of group "b" ]
 *   shelves:   { 0, first, n }    { 2, first, n }
 *   groups:                                          { "a", first, n }      { "b", first, n }
 *
 * A fan-out walks the shelves and sends one mail per other loop; of each group it picks one member.
 * A group is all queue subscribers of one name, whatever pattern each of them came through.
 * The memory is reused from one match to the next.
 * Owner: one thread. The links are valid only inside the read section that filled the match, or
 * that compared the generations it was filled at (match_cache.h). */
#pragma once
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trie_link;
struct match_room;

/* Plain subscribers that live on one loop. */
struct match_shelf {
        uint32_t first, n; /* links[first .. first + n) */
        uint16_t shelf;    /* index of the loop; shelves ascend */
};

/* One queue group; n >= 1. */
struct match_group {
        uint32_t first, n; /* links[first .. first + n) */
};

struct match {
        struct trie_link **links;    /* link_n of them: plain_n plain, then the group members */
        struct match_shelf *shelves; /* shelf_n, none is empty */
        struct match_group *groups;  /* group_n, each name once */
        uint32_t link_n, plain_n, shelf_n, group_n;

        /* Private. */
        struct match_room *room; /* working memory; made at the first match unless lent */
        void *block;             /* the three arrays above */
        size_t block_bytes;
        bool room_lent;
};

void match_init(struct match *match);
void match_fini(struct match *match); /* frees; safe after match_init() only */

static inline bool match_is_empty(const struct match *match)
{
        return match->link_n == 0;
}

/* Name of a group, borrowed from its first member. */
struct slice match_group_name(const struct match *match, const struct match_group *group);
