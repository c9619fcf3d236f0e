/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/query.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "proto/http.h"
#include <string.h>
#include <strings.h>

static int refuse(struct buf *error, const char *what, const char *name, const char *fn,
        const char *text, const char *why)
{
        buf_printf(error, "Error decoding %s for '%s': strconv.%s: parsing ", what, name, fn);
        text_quote(error, slice_str(text));
        buf_printf(error, ": %s", why);
        return ERR_INVALID;
}

static int decode_bool(struct query_value *v, const char *name, struct buf *error)
{
        static const char *const words[][6] = {
                { "0", "f", "F", "FALSE", "false", "False" },
                { "1", "t", "T", "TRUE", "true", "True" },
        };
        for (int flag = 0; flag < 2; flag++) {
                for (int i = 0; i < 6; i++) {
                        if (strcmp(v->text, words[flag][i]) == 0) {
                                v->flag = flag;
                                return 0;
                        }
                }
        }
        return refuse(error, "boolean", name, "ParseBool", v->text, "invalid syntax");
}

enum digits { DIGITS_OK, DIGITS_BAD, DIGITS_RANGE };

/* Decimal digits up to max, leading zeros welcome. */
static enum digits read_digits(const char *text, uint64_t max, uint64_t *out)
{
        uint64_t value = 0;
        bool over = false;
        if (text[0] == '\0')
                return DIGITS_BAD;
        for (; *text; text++) {
                if (*text < '0' || *text > '9')
                        return DIGITS_BAD;
                uint64_t digit = (uint64_t)(*text - '0');
                over = over || value > (max - digit) / 10;
                value = over ? max : value * 10 + digit;
        }
        *out = value;
        return over ? DIGITS_RANGE : DIGITS_OK;
}

static int decode_int(struct query_value *v, const char *name, struct buf *error)
{
        bool negative = v->text[0] == '-';
        const char *digits = v->text + (negative || v->text[0] == '+');
        uint64_t value;
        switch (read_digits(digits, (uint64_t)INT64_MAX + negative, &value)) {
        case DIGITS_OK:
                v->number = negative ? (int64_t)(0 - value) : (int64_t)value;
                return 0;
        case DIGITS_RANGE:
                return refuse(error, "int", name, "Atoi", v->text, "value out of range");
        default:
                return refuse(error, "int", name, "Atoi", v->text, "invalid syntax");
        }
}

static int decode_u64(struct query_value *v, const char *name, struct buf *error)
{
        switch (read_digits(v->text, UINT64_MAX, &v->natural)) {
        case DIGITS_OK:
                return 0;
        case DIGITS_RANGE:
                return refuse(error, "uint64", name, "ParseUint", v->text, "value out of range");
        default:
                return refuse(error, "uint64", name, "ParseUint", v->text, "invalid syntax");
        }
}

static int decode_state(struct query_value *v, struct buf *error)
{
        static const struct {
                const char *word;
                enum query_state state;
        } states[] = {
                { "open", QUERY_STATE_OPEN },
                { "closed", QUERY_STATE_CLOSED },
                { "any", QUERY_STATE_ALL },
                { "all", QUERY_STATE_ALL },
        };
        for (size_t i = 0; i < ARRAY_N(states); i++) {
                if (strcasecmp(v->text, states[i].word) == 0) {
                        v->number = states[i].state;
                        return 0;
                }
        }
        buf_printf(error, "Error decoding state for %s", v->text);
        return ERR_INVALID;
}

static int decode_subs(struct query_value *v, const char *name, struct buf *error)
{
        if (strcasecmp(v->text, "detail") == 0) {
                v->number = QUERY_SUBS_DETAIL;
                return 0;
        }
        int rc = decode_bool(v, name, error);
        v->number = v->flag ? QUERY_SUBS_LIST : QUERY_SUBS_NONE;
        return rc;
}

static int decode_one(struct query_value *v, const struct query_param *param, struct buf *error)
{
        switch (param->type) {
        case QUERY_BOOL:
                return decode_bool(v, param->name, error);
        case QUERY_INT:
                return decode_int(v, param->name, error);
        case QUERY_U64:
                return decode_u64(v, param->name, error);
        case QUERY_STATE:
                return decode_state(v, error);
        case QUERY_SUBS:
                return decode_subs(v, param->name, error);
        default:
                return 0;
        }
}

int query_decode(
        struct query *query, const struct query_param *params, struct slice raw, struct buf *error)
{
        *query = (struct query){ .params = params };
        for (int i = 0; params[i].name; i++) {
                struct buf text = { 0 };
                ASSERT(i < QUERY_PARAM_MAX);
                if (!http_query_get(raw, params[i].name, &text) || text.len == 0) {
                        buf_fini(&text);
                        continue;
                }
                query->value[i].text = buf_take_str(&text);
                int rc = decode_one(&query->value[i], &params[i], error);
                if (rc < 0)
                        return rc;
        }
        return 0;
}

void query_fini(struct query *query)
{
        for (int i = 0; i < QUERY_PARAM_MAX; i++)
                xfree(query->value[i].text);
        *query = (struct query){ 0 };
}

static const struct query_value *find(const struct query *query, const char *name)
{
        int i = 0;
        while (query->params[i].name && strcmp(query->params[i].name, name) != 0)
                i++;
        ASSERT(query->params[i].name != NULL);
        return &query->value[i];
}

const char *query_text(const struct query *query, const char *name)
{
        const char *text = find(query, name)->text;
        return text ? text : "";
}

bool query_bool(const struct query *query, const char *name)
{
        return find(query, name)->flag;
}

int64_t query_int(const struct query *query, const char *name)
{
        return find(query, name)->number;
}

uint64_t query_u64(const struct query *query, const char *name)
{
        return find(query, name)->natural;
}
