/* SPDX-License-Identifier: Apache-2.0 */
/* match.c: sort what a search found by loop and by queue name, in linear time: count, place. */
#include "subject/match.h"
#include "base/mem.h"
#include "subject/match_internal.h"
#include "subject/trie.h"

/* A block is given back when the match needs less than one part in so many of it. */
#define BLOCK_SLACK 8
#define BLOCK_MIN_BYTES 64

void *match_grow(void *vec, size_t *cap, size_t n, size_t bytes)
{
        if (n <= *cap)
                return vec;
        size_t grown = *cap < 16 ? 16 : *cap * 2;
        *cap = grown < n ? n : grown;
        return xrealloc(vec, *cap * bytes);
}

struct match_room *match_room_new(void)
{
        return xnew(struct match_room);
}

void match_room_free(struct match_room *room)
{
        if (room == NULL)
                return;
        xfree(room->tokens);
        xfree(room->steps);
        xfree(room->links);
        xfree(room->shelf_counts);
        xfree(room->group_of);
        xfree(room->name_index);
        xfree(room->groups);
        xfree(room);
}

struct match_room *match_room_of(struct match *match)
{
        if (match->room == NULL)
                match->room = match_room_new();
        return match->room;
}

void match_init_lent(struct match *match, struct match_room *room)
{
        *match = (struct match){ .room = room, .room_lent = true };
}

/* Lay the arrays out in the block: 8-byte members first. */
static void match_arrange(struct match *match)
{
        size_t link_bytes = match->link_n * sizeof(struct trie_link *);
        size_t group_bytes = match->group_n * sizeof(struct match_group);
        size_t bytes = link_bytes + group_bytes + match->shelf_n * sizeof(struct match_shelf);
        if (bytes > match->block_bytes ||
                bytes + BLOCK_MIN_BYTES < match->block_bytes / BLOCK_SLACK) {
                xfree(match->block);
                match->block_bytes = bytes < BLOCK_MIN_BYTES ? BLOCK_MIN_BYTES : bytes;
                match->block = xmalloc(match->block_bytes);
        }
        char *at = match->block;
        match->links = (struct trie_link **)(void *)at;
        match->groups = (struct match_group *)(void *)(at + link_bytes);
        match->shelves = (struct match_shelf *)(void *)(at + link_bytes + group_bytes);
}

/* Plain links per shelf into room->shelf_counts; returns how many shelves have some.
 * *shelf_end gets the highest shelf + 1. */
static uint32_t count_shelves(struct match *match, struct match_room *room, uint32_t *shelf_end)
{
        uint32_t shelf_n = 0, end = 0;
        for (size_t i = 0; i < room->link_n; i++) {
                const struct trie_link *link = room->links[i];
                if (link->queue_len > 0)
                        continue;
                if (link->shelf >= end) {
                        uint32_t old = end;
                        end = (uint32_t)link->shelf + 1;
                        room->shelf_counts = match_grow(
                                room->shelf_counts, &room->shelf_cap, end, sizeof(uint32_t));
                        memset(room->shelf_counts + old, 0, (end - old) * sizeof(uint32_t));
                }
                shelf_n += room->shelf_counts[link->shelf]++ == 0;
                match->plain_n++;
        }
        *shelf_end = end;
        return shelf_n;
}

static struct slice name_of(const struct match_room *room, const struct match_group *group)
{
        return trie_link_queue(room->links[group->first]);
}

/* Number of the group called name; a new one starts with the link at index i. */
static uint32_t group_find(struct match *match, struct match_room *room, const struct hash_key *key,
        size_t mask, size_t i)
{
        struct slice name = trie_link_queue(room->links[i]);
        size_t at = hash_bytes(key, name.ptr, name.len) & mask;
        for (; room->name_index[at] != 0; at = (at + 1) & mask) {
                uint32_t found = room->name_index[at] - 1;
                if (slice_eq(name_of(room, &room->groups[found]), name))
                        return found;
        }
        room->groups = match_grow(
                room->groups, &room->group_cap, match->group_n + 1, sizeof(struct match_group));
        room->groups[match->group_n] = (struct match_group){ .first = (uint32_t)i };
        room->name_index[at] = ++match->group_n;
        return match->group_n - 1;
}

/* Give every queue link its group; room->groups[].n counts the members. */
static void count_groups(struct match *match, struct match_room *room, const struct hash_key *key)
{
        size_t queue_n = room->link_n - match->plain_n, slots = 8;
        if (queue_n == 0)
                return;
        while (slots < queue_n * 2)
                slots *= 2;
        room->name_index = match_grow(room->name_index, &room->name_cap, slots, sizeof(uint32_t));
        memset(room->name_index, 0, slots * sizeof(uint32_t));
        room->group_of = match_grow(room->group_of, &room->group_of_cap, queue_n, sizeof(uint32_t));
        size_t member = 0;
        for (size_t i = 0; i < room->link_n; i++) {
                if (room->links[i]->queue_len == 0)
                        continue;
                uint32_t group = group_find(match, room, key, slots - 1, i);
                room->group_of[member++] = group;
                room->groups[group].n++;
        }
}

/* From counts to places. */
static void place_starts(struct match *match, struct match_room *room, uint32_t shelf_end)
{
        uint32_t first = 0, shelf_n = 0;
        for (uint32_t shelf = 0; shelf < shelf_end; shelf++) {
                uint32_t n = room->shelf_counts[shelf];
                room->shelf_counts[shelf] = first;
                if (n > 0)
                        match->shelves[shelf_n++] =
                                (struct match_shelf){ first, n, (uint16_t)shelf };
                first += n;
        }
        for (uint32_t group = 0; group < match->group_n; group++) {
                uint32_t n = room->groups[group].n;
                match->groups[group] = (struct match_group){ first, n };
                room->groups[group].first = first;
                first += n;
        }
}

static void place_links(struct match *match, struct match_room *room)
{
        size_t member = 0;
        for (size_t i = 0; i < room->link_n; i++) {
                struct trie_link *link = room->links[i];
                if (link->queue_len > 0)
                        match->links[room->groups[room->group_of[member++]].first++] = link;
                else
                        match->links[room->shelf_counts[link->shelf]++] = link;
        }
}

/* The commonest result: one plain subscriber. */
static void pack_one(struct match *match, struct trie_link *link)
{
        match->link_n = match->plain_n = match->shelf_n = 1;
        match->group_n = 0;
        match_arrange(match);
        match->links[0] = link;
        match->shelves[0] = (struct match_shelf){ 0, 1, link->shelf };
}

void match_pack(struct match *match, const struct hash_key *key)
{
        struct match_room *room = match->room;
        uint32_t shelf_end = 0;
        if (room->link_n == 1 && room->links[0]->queue_len == 0) {
                pack_one(match, room->links[0]);
                return;
        }
        match->plain_n = match->group_n = match->shelf_n = 0;
        match->link_n = (uint32_t)room->link_n;
        if (room->link_n > 0) {
                match->shelf_n = count_shelves(match, room, &shelf_end);
                count_groups(match, room, key);
        }
        match_arrange(match);
        place_starts(match, room, shelf_end);
        place_links(match, room);
}

void match_init(struct match *match)
{
        *match = (struct match){ 0 };
}

void match_fini(struct match *match)
{
        if (!match->room_lent)
                match_room_free(match->room);
        xfree(match->block);
        match_init(match);
}

struct slice match_group_name(const struct match *match, const struct match_group *group)
{
        return trie_link_queue(match->links[group->first]);
}
