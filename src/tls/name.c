/* SPDX-License-Identifier: Apache-2.0 */
/* Go parses a subject into fields and prints the fields, so the order on the wire is lost: one
 * element for each known type, several values of a type joined by '+', only the last CN and serial
 * number. */
#include "tls/name.h"
#include "base/text.h"
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/sha.h>

struct field {
        int nid;
        const char *label;
        bool last_only;
};

static const struct field fields[] = {
        { NID_serialNumber, "SERIALNUMBER", true },
        { NID_commonName, "CN", true },
        { NID_organizationalUnitName, "OU", false },
        { NID_organizationName, "O", false },
        { NID_postalCode, "POSTALCODE", false },
        { NID_streetAddress, "STREET", false },
        { NID_localityName, "L", false },
        { NID_stateOrProvinceName, "ST", false },
        { NID_countryName, "C", false },
};

static bool is_known(int nid)
{
        for (size_t i = 0; i < ARRAY_N(fields); i++)
                if (fields[i].nid == nid)
                        return true;
        return false;
}

static void append_escaped(struct buf *out, struct slice value)
{
        for (size_t i = 0; i < value.len; i++) {
                char c = value.ptr[i];
                bool edge_space = c == ' ' && (i == 0 || i + 1 == value.len);
                if ((c != '\0' && strchr(",+\"\\<>;", c)) || (c == '#' && i == 0) || edge_space)
                        buf_append_char(out, '\\');
                buf_append_char(out, c);
        }
}

/* The value as UTF-8; false when it is no string. The caller frees by OPENSSL_free(). */
static bool value_of(const X509_NAME_ENTRY *entry, unsigned char **utf8, size_t *len)
{
        int n = ASN1_STRING_to_UTF8(utf8, X509_NAME_ENTRY_get_data(entry));
        *len = n > 0 ? (size_t)n : 0;
        return n >= 0;
}

static void append_value(struct buf *out, const struct field *field, const X509_NAME_ENTRY *entry)
{
        unsigned char *utf8;
        size_t len;
        if (!value_of(entry, &utf8, &len))
                return;
        if (out->len > 0 && out->ptr[out->len - 1] != ',')
                buf_append_char(out, '+');
        buf_append_str(out, field->label);
        buf_append_char(out, '=');
        append_escaped(out, slice_of((char *)utf8, len));
        OPENSSL_free(utf8);
}

static void append_field(struct buf *out, const struct field *field, const X509_NAME *name)
{
        struct buf element = { 0 };
        int n = X509_NAME_entry_count(name);
        for (int i = 0; i < n; i++) {
                const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
                if (OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != field->nid)
                        continue;
                if (field->last_only)
                        buf_clear(&element);
                append_value(&element, field, entry);
        }
        if (element.len > 0 && out->len > 0)
                buf_append_char(out, ',');
        buf_append_slice(out, buf_slice(&element));
        buf_fini(&element);
}

/* An attribute without a name of its own goes by its number. */
static void append_other(struct buf *out, const X509_NAME_ENTRY *entry)
{
        char oid[128];
        unsigned char *utf8;
        size_t len;
        if (!value_of(entry, &utf8, &len))
                return;
        OBJ_obj2txt(oid, sizeof(oid), X509_NAME_ENTRY_get_object(entry), 1);
        buf_printf(out, "%s%s=", out->len > 0 ? "," : "", oid);
        append_escaped(out, slice_of((char *)utf8, len));
        OPENSSL_free(utf8);
}

void name_flat_text(struct buf *out, const X509_NAME *name)
{
        struct buf text = { 0 };
        for (size_t i = 0; i < ARRAY_N(fields); i++)
                append_field(&text, &fields[i], name);
        buf_append_slice(out, buf_slice(&text));
        buf_fini(&text);
}

void name_text(struct buf *out, const X509_NAME *name)
{
        struct buf text = { 0 };
        name_flat_text(&text, name);
        for (int i = X509_NAME_entry_count(name) - 1; i >= 0; i--) {
                const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
                if (!is_known(OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry))))
                        append_other(&text, entry);
        }
        buf_append_slice(out, buf_slice(&text));
        buf_fini(&text);
}

int64_t name_time(const ASN1_TIME *date)
{
        ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
        int days = 0, seconds = 0;
        if (epoch && !ASN1_TIME_diff(&days, &seconds, epoch, date))
                days = seconds = 0;
        ASN1_TIME_free(epoch);
        return (int64_t)days * 86400 + seconds;
}

void name_key_sha256(const X509 *cert, char hex[65])
{
        unsigned char *der = NULL, digest[SHA256_DIGEST_LENGTH];
        int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
        hex[0] = '\0';
        if (len > 0 && EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL))
                text_hex(digest, sizeof(digest), hex);
        OPENSSL_free(der);
}

void name_cert_sha256(const X509 *cert, char hex[65])
{
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        hex[0] = '\0';
        if (X509_digest(cert, EVP_sha256(), digest, &n))
                text_hex(digest, n, hex);
}
