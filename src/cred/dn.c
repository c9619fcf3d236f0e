/* SPDX-License-Identifier: Apache-2.0 */
#include "cred/dn.h"
#include "base/buf.h"
#include "base/mem.h"
#include <string.h>

void dn_fini(struct dn *dn)
{
        for (int i = 0; i < dn->attribute_n; i++) {
                xfree(dn->attributes[i].type);
                xfree(dn->attributes[i].value);
        }
        xfree(dn->attributes);
        *dn = (struct dn){ 0 };
}

bool dn_add(struct dn *dn, struct slice type, struct slice value, bool fresh)
{
        if (dn->attribute_n == DN_ATTRIBUTES_MAX)
                return false;
        if (dn->attributes == NULL)
                dn->attributes = xcalloc(DN_ATTRIBUTES_MAX, sizeof *dn->attributes);
        if (fresh || dn->rdn_n == 0)
                dn->rdn_n++;
        dn->attributes[dn->attribute_n++] = (struct dn_attribute){
                .type = xstrndup(type.ptr, type.len),
                .value = xstrndup(value.ptr ? value.ptr : "", value.len),
                .value_len = value.len,
                .rdn = dn->rdn_n - 1,
        };
        return true;
}

/* ---- reading ----------------------------------------------------------------------------- */

struct reader {
        struct slice text;
        size_t at;
        struct buf word; /* unescaped */
        size_t blanks_n; /* unescaped ones at its end */
        struct buf type; /* read already; empty: none */
        bool fresh;      /* the next attribute begins an RDN */
};

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What stands behind a backslash. */
static int take_escaped(struct reader *reader, struct errbuf *eb)
{
        const char *at = reader->text.ptr + reader->at;
        size_t left = reader->text.len - reader->at;
        reader->blanks_n = 0;
        if (left == 0)
                return 0; /* a backslash at the very end stands for nothing */
        if (memchr(" \"#+,;<=>\\", *at, 10)) {
                buf_append_char(&reader->word, *at);
                reader->at++;
                return 0;
        }
        if (left == 1)
                return errbuf_set(eb, ERR_CONFIG, "got corrupted escaped character");
        for (int i = 0; i < 2; i++)
                if (hex_digit(at[i]) < 0)
                        return errbuf_set(eb, ERR_CONFIG,
                                "failed to decode escaped character: encoding/hex: invalid byte: "
                                "U+%04X '%c'",
                                (unsigned char)at[i], at[i]);
        buf_append_char(&reader->word, (char)(hex_digit(at[0]) << 4 | hex_digit(at[1])));
        reader->at += 2;
        return 0;
}

static struct slice take_word(struct reader *reader)
{
        struct slice word = slice_of(reader->word.ptr, reader->word.len - reader->blanks_n);
        reader->blanks_n = 0;
        return word;
}

static int end_attribute(struct reader *reader, struct dn *out, struct errbuf *eb)
{
        struct slice value = take_word(reader);
        bool added = dn_add(out, buf_slice(&reader->type), value, reader->fresh);
        buf_clear(&reader->word);
        buf_clear(&reader->type);
        return added ? 0 : errbuf_set(eb, ERR_CONFIG, "too many attributes");
}

static int take_plain(struct reader *reader, char c, struct dn *out, struct errbuf *eb)
{
        switch (c) {
        case '=':
                buf_clear(&reader->type);
                buf_append_slice(&reader->type, take_word(reader));
                buf_clear(&reader->word);
                if (reader->at < reader->text.len && reader->text.ptr[reader->at] == '#')
                        return errbuf_set(eb, ERR_CONFIG, "unsupported BER encoding");
                return 0;
        case ',':
        case '+':
                if (reader->type.len == 0)
                        return errbuf_set(eb, ERR_CONFIG, "incomplete type, value pair");
                if (end_attribute(reader, out, eb) < 0)
                        return ERR_CONFIG;
                reader->fresh = c == ',';
                return 0;
        case ' ':
                if (reader->word.len == 0)
                        return 0;
                reader->blanks_n++;
                break;
        default:
                reader->blanks_n = 0;
                break;
        }
        buf_append_char(&reader->word, c);
        return 0;
}

static int read_all(struct reader *reader, struct dn *out, struct errbuf *eb)
{
        while (reader->at < reader->text.len) {
                char c = reader->text.ptr[reader->at++];
                int rc = c == '\\' ? take_escaped(reader, eb) : take_plain(reader, c, out, eb);
                if (rc < 0)
                        return rc;
        }
        if (reader->word.len == 0)
                return 0; /* nothing behind the last separator, or "CN=": no attribute */
        if (reader->type.len == 0)
                return errbuf_set(eb, ERR_CONFIG, "DN ended with incomplete type, value pair");
        return end_attribute(reader, out, eb);
}

int dn_parse(struct slice text, struct dn *out, struct errbuf *eb)
{
        struct errbuf unwanted;
        struct reader reader = { .text = text, .fresh = true };
        *out = (struct dn){ 0 };
        int rc = read_all(&reader, out, eb ? eb : &unwanted);
        buf_fini(&reader.word);
        buf_fini(&reader.type);
        if (rc < 0)
                dn_fini(out);
        return rc;
}

/* ---- comparing --------------------------------------------------------------------------- */

/* Some attributes of a name. */
struct span {
        const struct dn_attribute *at;
        int n;
};

static struct span rdn_of(const struct dn *dn, int rdn)
{
        int from = 0, n = 0;
        while (from < dn->attribute_n && dn->attributes[from].rdn < rdn)
                from++;
        while (from + n < dn->attribute_n && dn->attributes[from + n].rdn == rdn)
                n++;
        return (struct span){ dn->attributes + from, n };
}

static bool same_attribute(const struct dn_attribute *a, const struct dn_attribute *b)
{
        return slice_eq_nocase(slice_str(a->type), slice_str(b->type)) &&
               slice_eq(slice_of(a->value, a->value_len), slice_of(b->value, b->value_len));
}

/* One to one: an attribute that occurs twice must occur twice in the other as well. */
static bool same_rdn(struct span a, struct span b)
{
        bool used[DN_ATTRIBUTES_MAX] = { false };
        if (a.n != b.n)
                return false;
        for (int i = 0; i < a.n; i++) {
                int j = 0;
                while (j < b.n && (used[j] || !same_attribute(&a.at[i], &b.at[j])))
                        j++;
                if (j == b.n)
                        return false;
                used[j] = true;
        }
        return true;
}

bool dn_equal(const struct dn *a, const struct dn *b)
{
        if (a->rdn_n != b->rdn_n || a->attribute_n != b->attribute_n)
                return false;
        for (int i = 0; i < a->rdn_n; i++)
                if (!same_rdn(rdn_of(a, i), rdn_of(b, i)))
                        return false;
        return true;
}

bool dn_equal_reordered(const struct dn *a, const struct dn *b)
{
        bool used[DN_ATTRIBUTES_MAX] = { false };
        if (a->rdn_n != b->rdn_n || a->attribute_n != b->attribute_n)
                return false;
        for (int i = 0; i < a->rdn_n; i++) {
                int j = 0;
                while (j < b->rdn_n && (used[j] || !same_rdn(rdn_of(a, i), rdn_of(b, j))))
                        j++;
                if (j == b->rdn_n)
                        return false;
                used[j] = true;
        }
        return true;
}
