/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/roster.h"
#include "base/mem.h"
#include "base/slab.h"
#include "peer/peer.h"
#include "peer/settings.h"

struct roster *roster_new(struct settings *settings)
{
        struct roster *roster = xnew(struct roster);
        list_init(&roster->peers);
        list_init(&roster->ending);
        roster->settings = settings_ref(settings);
        roster->subs = slab_new();
        return roster;
}

void roster_free(struct roster *roster)
{
        settings_unref(roster->settings);
        slab_free(roster->subs);
        xfree(roster);
}

void roster_report(struct roster *roster, struct loop *control, struct mail *mail)
{
        enum { QUIET = 64 };
        loop_post_quiet(control, mail); /* all of them: other letters would overtake these */
        if (++roster->reports % QUIET == 0)
                loop_wake(control);
}

void roster_each(struct loop *loop, roster_fn fn, void *ctx)
{
        list_foreach_safe (&loop->roster->peers, it)
                fn(list_entry(it, struct peer, own.member), ctx);
}

static void apply(struct peer *peer, void *ctx)
{
        (void)ctx;
        peer_apply_settings(peer);
        if (peer->ops->on_settings)
                peer->ops->on_settings(peer);
}

void roster_apply(struct loop *loop, struct settings *settings)
{
        struct settings *old = loop->roster->settings;
        loop->roster->settings = settings;
        roster_each(loop, apply, NULL);
        settings_unref(old);
}

static void close_for_shutdown(struct peer *peer, void *ctx)
{
        (void)ctx;
        peer_close(peer, CLOSE_SERVER_SHUTDOWN);
}

void roster_drain(struct loop *loop)
{
        struct roster *roster = loop->roster;
        if (roster->draining)
                list_foreach_safe (&roster->ending, it)
                        conn_close(
                                &list_entry(it, struct peer, own.member)->own.conn, CONN_CLOSE_NOW);
        roster->draining = true;
        roster_each(loop, close_for_shutdown, NULL);
        if (roster->alive == 0)
                loop_stop(loop);
}
