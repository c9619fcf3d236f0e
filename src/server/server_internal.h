/* SPDX-License-Identifier: Apache-2.0 */
/* server_internal.h: the server's own struct, for the files of this folder. Control thread only. */
#pragma once
#include "cred/nkey.h"
#include "net/timer.h"
#include "peer/peer_server.h"
#include "server/rotate.h"
#include "server/server.h"

struct crypto_pool;
struct fetch_pool;
struct info_template;
struct lame_duck;
struct listener;
struct loop;
struct monitor;
struct ocsp_cache;
struct ocsp_keeper;
struct ocsp_share;
struct placement_load;
struct rate_counter;
struct reload;
struct settings;
struct sigs;
struct stapler;
struct thread;
struct tls_ctx;

struct server {
        struct options *opts;        /* current; replaced whole by a reload */
        const struct launch *launch; /* command line, for reloads */
        struct settings *settings;   /* current; one reference */
        struct tls_ctx *tls;         /* of the client port, NULL: none; one reference */
        struct peer_server peers;
        struct loop *control;
        struct loop **loops;
        struct thread **threads;
        struct crypto_pool *crypto;
        struct fetch_pool *fetches;      /* NULL: not needed yet; server_fetch_pool() */
        struct ocsp_share *ocsp_share;   /* NULL: likewise */
        struct ocsp_cache *ocsp_cache;   /* NULL: no ocsp_peer; one reference */
        struct ocsp_keeper *ocsp_keeper; /* of that cache; NULL: there never was one */
        struct stapler *stapler;         /* of tls; NULL: its certificate goes without a staple */
        struct rate_counter *tls_rate;   /* NULL: no limit */
        struct timer tls_rate_timer;     /* reports what it refused */
        struct listener *clients;        /* NULL: not listening (any more) */
        struct {                         /* of the first loop, once it accepts */
                unsigned last;           /* the loop that got the newest client */
                uint64_t at_ns;          /* when busy_ns was read */
                struct placement_load *loads; /* by loop */
                uint64_t *busy_ns;
        } placement;
        int client_port; /* the real one */
        struct monitor *monitor;
        struct rotation rotation; /* of the files behind tls */
        struct reload *reload;    /* waits for the status of its certificate; NULL: none */
        bool reload_again;        /* asked for meanwhile */
        struct sigs *sigs;
        char id[NKEY_TEXT_SIZE], xkey[NKEY_TEXT_SIZE];
        uint64_t start_ns, config_load_ns; /* wall clock */
        uint64_t start_mono_ns;            /* monotonic */
        struct timer drain_timer;
        struct expiry {
                struct timer timer;
                int64_t due_s;     /* wall clock: the next date to tell of, or a day later */
                int64_t offset_ns; /* of the wall clock to the monotonic one, at the last look */
        } expiry;
        struct trim {
                uint64_t seen_n,
                        trimmed_n; /* connections that had ended: at the last look, the last trim */
        } trim;
        struct thread *joiner; /* waits for the loops during the stop */
        struct timer lame_timer;
        struct lame_duck *lame; /* NULL: not in lame duck mode */
        bool stopping, workers_joined;
};

/* workers.c */
int workers_count(const struct server *server); /* how many loops the options ask for */
void workers_start(struct server *server);      /* loops, rosters, dispatch, threads */
void workers_join(struct server *server);  /* any thread: wait until all of them have drained */
void workers_free(struct server *server);  /* after that */
void workers_apply(struct server *server); /* hand server->settings to every loop */
void workers_drain(struct server *server); /* close every peer; call again to insist */
void workers_trim(struct server *server, uint64_t n); /* close n clients for max_connections */
void workers_check_pins(
        struct server *server); /* close clients whose key is not pinned (any more) */

/* accept.c */
void accept_init(struct server *server); /* after workers_start() */
void accept_fini(struct server *server);
/* The listener of clients lives on the first loop, so that most connections are accepted where they stay. */
MUST_CHECK int accept_open(struct server *server, struct errbuf *eb);
void accept_start(struct server *server); /* the rest of them: from now on they are greeted */
void accept_stop(struct server *server);  /* waits for the loop: nobody is accepted after this */

/* banner.c: the start-up lines (config.md 4.6). */
void banner_print(struct server *server);
void banner_auth_warning(const struct options *opts);
void banner_listening(struct server *server);
void banner_tls_warnings(struct server *server); /* also after a reload */

/* expiry.c: tell what runs out, and look again before the next does. */
void expiry_check(struct server *server);
void expiry_stop(struct server *server);

/* trim.c: every few seconds, with TLS. */
void trim_look(struct server *server);

void banner_tls_settings(const struct server *server); /* likewise */

/* compile.c: options to what the lower layers take. */
MUST_CHECK int compile_tls(const struct options *opts, struct tls_ctx **out, struct errbuf *eb);
MUST_CHECK int check_advertise(const struct options *opts, int client_port, struct errbuf *eb);
struct info_template *compile_info(struct server *server, bool lame_duck);
struct settings *compile_settings(struct server *server);

/* ocsp_peers.c: what contexts with ocsp_peer need. */
/* For the first context; waits for the cache, since nobody is served without it. */
void ocsp_peers_start(struct server *server);
/* One reference: the one in service when opts want the same store, else a new one, not loaded. NULL: no
 * ocsp_peer. */
struct ocsp_cache *ocsp_peers_make_cache(const struct server *server, const struct options *opts);
/* A new context before it is used; nothing happens without ocsp_peer. */
void ocsp_peers_apply(struct server *server, const struct options *opts, struct tls_ctx *ctx,
        struct ocsp_cache *cache);
/* The cache becomes the server's, in place of the one before, which is saved. Takes the reference. */
void ocsp_peers_take_cache(struct server *server, struct ocsp_cache *cache);
void ocsp_peers_stop(struct server *server); /* saves */

/* files.c */
MUST_CHECK int pid_file_write(const char *path, struct errbuf *eb);
void ports_file_write(struct server *server);
void ports_file_remove(struct server *server, const char *dir);

/* reload.c */
void server_reload(struct server *server);
void server_reload_drop(struct server *server); /* the one that waits, if any */

/* New connections use next, which becomes the server's with its stapler (each NULL: none); the rest goes on
 * with what it has. */
void server_swap_tls(struct server *server, struct tls_ctx *next, struct stapler *stapler);

/* staples.c: which context is stapled, and how it goes into service. */
MUST_CHECK int staples_begin(struct server *server, struct errbuf *eb); /* blocks; at the start */
/* A stapler for tls when its certificate is to be stapled, else NULL; why not: in eb, "" when it need not. */
struct stapler *staples_make(
        struct server *server, const struct options *opts, struct tls_ctx *tls, struct errbuf *eb);
/* It was prepared (stapler.h): returns it, or NULL when it is of no use; then tls goes without. problem: why
 * there is no staple, unless it is known. */
struct stapler *staples_settle(
        struct stapler *stapler, struct tls_ctx *tls, struct errbuf *problem);
/* Once what it belongs to is in service: tell the problem, unless it is "", and begin. */
void staples_run(struct server *server, const struct errbuf *problem);

/* lameduck.c */
void lame_duck_start(struct server *server);
void lame_duck_fini(struct server *server);

/* server.c */
int server_open_log(const struct options *opts, struct errbuf *eb);
void server_stop(struct server *server); /* begin the shutdown; server_run() returns later */
struct fetch_pool *server_fetch_pool(struct server *server);
void server_close_listener(struct server *server);
