/* SPDX-License-Identifier: Apache-2.0 */
/* subsz.h: the statistics of a trie of subscriptions as members of an open object. */
#pragma once

struct json_writer;
struct trie_stats;

void subsz_put_stats(struct json_writer *w, const struct trie_stats *sum);
