/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/peer_info.h"
#include "base/mem.h"

static char *dup_or_null(const char *text)
{
        return text ? xstrdup(text) : NULL;
}

struct peer_info *peer_info_copy(const struct peer_info *info)
{
        struct peer_info *copy = xnew(struct peer_info);
        *copy = *info;
        copy->name = dup_or_null(info->name);
        copy->lang = dup_or_null(info->lang);
        copy->version = dup_or_null(info->version);
        copy->account = dup_or_null(info->account);
        copy->user = dup_or_null(info->user);
        copy->certs = info->cert_n ? xcalloc((size_t)info->cert_n, sizeof copy->certs[0]) : NULL;
        for (int i = 0; i < info->cert_n; i++) {
                copy->certs[i] = info->certs[i];
                copy->certs[i].subject = dup_or_null(info->certs[i].subject);
        }
        copy->subs = info->sub_n ? xcalloc(info->sub_n, sizeof copy->subs[0]) : NULL;
        for (uint32_t i = 0; i < info->sub_n; i++) {
                copy->subs[i] = info->subs[i];
                copy->subs[i].subject = dup_or_null(info->subs[i].subject);
                copy->subs[i].queue = dup_or_null(info->subs[i].queue);
                copy->subs[i].sid = dup_or_null(info->subs[i].sid);
        }
        return copy;
}

void peer_info_drop_subs(struct peer_info *info)
{
        for (uint32_t i = 0; i < info->sub_n; i++) {
                xfree(info->subs[i].subject);
                xfree(info->subs[i].queue);
                xfree(info->subs[i].sid);
        }
        xfree(info->subs);
        info->subs = NULL;
        info->sub_n = 0;
}

void peer_info_fini(struct peer_info *info)
{
        xfree(info->name);
        xfree(info->lang);
        xfree(info->version);
        xfree(info->account);
        xfree(info->user);
        for (int i = 0; i < info->cert_n; i++)
                xfree(info->certs[i].subject);
        xfree(info->certs);
        peer_info_drop_subs(info);
}

void peer_info_free(struct peer_info *info)
{
        if (info == NULL)
                return;
        peer_info_fini(info);
        xfree(info);
}
