/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/peer_info.h"
#include "base/mem.h"

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
