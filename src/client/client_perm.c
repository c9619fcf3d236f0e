/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client_perm.h"
#include "auth/auth.h"
#include "base/mem.h"
#include "client/replies.h"
#include "subject/permit.h"

enum { CACHE_N = 32, CACHE_SUBJECT_MAX = 56 };

/* One answer of the publish lists; the whole subject is compared. */
struct asked {
        uint32_t hash;
        uint16_t len; /* 0: empty place */
        bool may;
        char subject[CACHE_SUBJECT_MAX];
};

struct client_perm {
        struct permit *permit;   /* one reference */
        struct asked *asked;     /* CACHE_N, made at the first publish */
        struct replies *replies; /* NULL: no right to answer */
};

struct client_perm *client_perm_new(const struct auth_user *user)
{
        if (user == NULL || user->permit == NULL)
                return NULL;
        struct client_perm *perm = xnew(struct client_perm);
        perm->permit = permit_ref(user->permit);
        if (user->responses.allowed) {
                perm->replies = xnew(struct replies);
                replies_init(perm->replies, user->responses.max, user->responses.expires_ns);
        }
        return perm;
}

void client_perm_free(struct client_perm *perm)
{
        if (perm == NULL)
                return;
        permit_unref(perm->permit);
        if (perm->replies)
                replies_fini(perm->replies);
        xfree(perm->replies);
        xfree(perm->asked);
        xfree(perm);
}

const struct permit *client_perm_permit(const struct client_perm *perm)
{
        return perm->permit;
}

bool client_perm_is_listed(struct client_perm *perm, struct slice subject)
{
        if (subject.len == 0 || subject.len > CACHE_SUBJECT_MAX)
                return permit_can_publish(perm->permit, subject);
        if (perm->asked == NULL)
                perm->asked = xcalloc(CACHE_N, sizeof *perm->asked);
        uint32_t hash = slice_hash(subject);
        struct asked *asked = &perm->asked[hash % CACHE_N];
        if (asked->hash == hash && slice_eq(slice_of(asked->subject, asked->len), subject))
                return asked->may;
        asked->hash = hash;
        asked->len = (uint16_t)subject.len;
        asked->may = permit_can_publish(perm->permit, subject);
        memcpy(asked->subject, subject.ptr, subject.len);
        return asked->may;
}

bool client_perm_publish(struct client_perm *perm, struct slice subject, uint64_t now_ns)
{
        return client_perm_is_listed(perm, subject) ||
               (perm->replies && replies_take(perm->replies, subject, now_ns));
}

void client_perm_on_reply(struct client_perm *perm, struct slice reply, uint64_t now_ns)
{
        if (perm->replies && !client_perm_is_listed(perm, reply))
                replies_note(perm->replies, reply, now_ns);
}
