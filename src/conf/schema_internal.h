/* SPDX-License-Identifier: Apache-2.0 */
/* schema_internal.h: the setters that option.def names; see schema.h for their shape. */
#pragma once
#include "conf/schema.h"

#define SCHEMA_SETTER(name)                                                                        \
        void schema_set_##name(struct schema *schema, const struct option_row *row,                \
                const struct conf_entry *entry)

SCHEMA_SETTER(string);
SCHEMA_SETTER(int);
SCHEMA_SETTER(int64);
SCHEMA_SETTER(bool);
SCHEMA_SETTER(flag);
SCHEMA_SETTER(trace_too);
SCHEMA_SETTER(duration);
SCHEMA_SETTER(server_name);
SCHEMA_SETTER(listen_client);
SCHEMA_SETTER(listen_http);
SCHEMA_SETTER(listen_https);
SCHEMA_SETTER(max_connections);
SCHEMA_SETTER(write_timeout);
SCHEMA_SETTER(lame_duck_duration);
SCHEMA_SETTER(lame_duck_grace);
SCHEMA_SETTER(tags);
SCHEMA_SETTER(metadata);
SCHEMA_SETTER(features);
SCHEMA_SETTER(ocsp_cache);
SCHEMA_SETTER(later);
SCHEMA_SETTER(system_account);

#define LATER_ANY (-1)
#define LATER_PRESENT (-2) /* an empty map switches the option on */

/* True when value has the kind; else the mismatch is reported. */
bool schema_want(struct schema *schema, const struct conf_value *value, enum conf_kind kind);
