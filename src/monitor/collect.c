/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/collect.h"
#include "base/mem.h"
#include "base/thread.h"
#include "monitor/pick.h"
#include "net/loop.h"
#include "peer/peer.h"
#include "peer/peer_info.h"
#include "peer/peer_server.h"
#include "peer/roster.h"
#include <string.h>

struct visit {
        struct collect_part *part;
        struct pick pick;
};

/* ---- on each loop ------------------------------------------------------------------------ */

static bool is_user(struct peer *peer, const char *user)
{
        struct peer_info info;
        peer_snapshot(peer, &info, 0);
        bool same = info.user && strcmp(info.user, user) == 0;
        peer_info_fini(&info);
        return same;
}

static void consider(struct peer *peer, void *ctx)
{
        struct visit *visit = ctx;
        struct collect_part *part = visit->part;
        const struct collect_ask *ask = &part->collect->ask;
        struct peer_info info;
        bool counts = ask->account == NULL || peer->own.account == ask->account;
        part->total += counts;
        if (ask->nobody || !counts || (ask->cid && peer->id != ask->cid))
                return;
        if (ask->user[0] && !is_user(peer, ask->user))
                return;
        peer_measure(peer, &info);
        const struct pick_item item = {
                .key = connz_key(ask->sort, &info), .tie = peer->id, .value = peer
        };
        pick_offer(&visit->pick, item);
}

static void on_part(struct mail *mail);

static void on_ask(struct mail *mail)
{
        struct collect_part *part = CONTAINER_OF(mail, struct collect_part, mail);
        const struct collect_ask *ask = &part->collect->ask;
        struct visit visit = { .part = part };
        ASSERT_OWNER(part->loop);
        pick_init(&visit.pick, ask->need);
        roster_each(part->loop, consider, &visit);
        pick_sort(&visit.pick);
        if (visit.pick.n > 0)
                part->infos = xcalloc(visit.pick.n, sizeof part->infos[0]);
        for (; part->n < visit.pick.n; part->n++)
                peer_snapshot(visit.pick.items[part->n].value, &part->infos[part->n], ask->want);
        pick_fini(&visit.pick);
        part->mail.deliver = on_part;
        loop_post(part->collect->home, &part->mail);
}

/* ---- on the control loop ----------------------------------------------------------------- */

static void on_part(struct mail *mail)
{
        struct collect *collect = CONTAINER_OF(mail, struct collect_part, mail)->collect;
        if (--collect->left == 0)
                collect->done(collect);
}

void collect_start(struct collect *collect, struct peer_server *peers)
{
        collect->home = peers->control;
        collect->part_n = collect->left = peers->loop_n;
        collect->parts = xcalloc(peers->loop_n, sizeof collect->parts[0]);
        for (unsigned i = 0; i < peers->loop_n; i++) {
                struct collect_part *part = &collect->parts[i];
                part->collect = collect;
                part->loop = peers->loops[i];
                part->mail.deliver = on_ask;
                loop_post(part->loop, &part->mail);
        }
}

void collect_fini(struct collect *collect)
{
        for (unsigned i = 0; i < collect->part_n; i++) {
                for (size_t at = 0; at < collect->parts[i].n; at++)
                        peer_info_fini(&collect->parts[i].infos[at]);
                xfree(collect->parts[i].infos);
        }
        xfree(collect->parts);
        collect->parts = NULL;
        collect->part_n = 0;
}
