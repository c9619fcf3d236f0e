/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_auth.c: a configuration is read whole; what is accepted is compiled, and every user's permissions
 * must say of some subjects what their entries say one by one. */
#include "fuzz.h"
#include "account/registry.h"
#include "auth/auth.h"
#include "base/rcu.h"
#include "conf/load.h"
#include "subject/permit.h"
#include "subject/subject.h"
#include <pthread.h>
#include <string.h>

static const char *const subjects[] = { "a", "a.b", "a.b.c", "foo", "foo.bar", "a.*", "a.>",
        "x..y" };

static bool any(const struct subject_list *list, struct slice subject)
{
        for (int i = 0; i < list->n; i++)
                if (subject_matches(subject, slice_str(list->at[i])))
                        return true;
        return false;
}

static void check_publish(const struct perm_options *perms)
{
        const struct permit_rules rules = {
                .publish_allow = { perms->publish_allow.at, perms->publish_allow.n },
                .publish_deny = { perms->publish_deny.at, perms->publish_deny.n },
                .subscribe_allow = { perms->subscribe_allow.at, perms->subscribe_allow.n },
                .subscribe_deny = { perms->subscribe_deny.at, perms->subscribe_deny.n },
        };
        struct permit *permit = permit_new(&rules);
        for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
                struct slice subject = slice_str(subjects[i]);
                bool may = (rules.publish_allow.n == 0 || any(&perms->publish_allow, subject)) &&
                           !any(&perms->publish_deny, subject);
                PROPERTY(permit_can_publish(permit, subject) == may);
                if (permit_can_subscribe(permit, subject, SLICE_NULL) &&
                        !permit_must_filter(permit, subject, SLICE_NULL))
                        PROPERTY(permit_can_deliver(permit, subject, SLICE_NULL));
        }
        permit_unref(permit);
}

static void check(const struct options *opts)
{
        struct registry *registry = registry_new();
        struct auth *auth = auth_new(&opts->auth, registry);
        PROPERTY(auth_is_required(auth) == auth_options_required(&opts->auth));
        PROPERTY(auth_wants_nonce(auth) == (opts->auth.nkey_n > 0));
        for (int i = 0; i < opts->auth.user_n; i++) {
                PROPERTY(auth_may_know(auth, opts->auth.users[i].name, ""));
                if (opts->auth.users[i].permissions)
                        check_publish(opts->auth.users[i].permissions);
        }
        auth_unref(auth);
        registry_free(registry);
}

static void start(void)
{
        rcu_thread_start();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        struct buf warnings = { 0 }, errors = { 0 };
        pthread_once(&once, start);
        struct options *opts = options_read_text(
                slice_of((const char *)data, size), "fuzz.conf", &warnings, &errors);
        PROPERTY(opts || errors.len > 0);
        if (opts && errors.len == 0)
                check(opts);
        options_free(opts);
        buf_fini(&warnings);
        buf_fini(&errors);
        return 0;
}
