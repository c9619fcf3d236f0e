/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/cert_names.h"
#include "base/mem.h"
#include "tls/name.h"
#include "tls/tls_internal.h"
#include <openssl/x509v3.h>
#include <string.h>

enum { NAMES_MAX = 1024 }; /* of one kind: a peer chooses how many */

/* What a user name may call an attribute; anything else keeps the subject from being matched as a DN. */
static const struct {
        int nid;
        const char *type;
} types[] = {
        { NID_commonName, "CN" },
        { NID_serialNumber, "SERIALNUMBER" },
        { NID_countryName, "C" },
        { NID_localityName, "L" },
        { NID_stateOrProvinceName, "ST" },
        { NID_streetAddress, "STREET" },
        { NID_organizationName, "O" },
        { NID_organizationalUnitName, "OU" },
        { NID_postalCode, "POSTALCODE" },
        { NID_domainComponent, "DC" },
};

static const char *type_of(const X509_NAME_ENTRY *entry)
{
        int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
        for (size_t i = 0; i < ARRAY_N(types); i++)
                if (types[i].nid == nid)
                        return types[i].type;
        return NULL;
}

static bool is_text(const ASN1_STRING *value)
{
        switch (ASN1_STRING_type(value)) {
        case V_ASN1_PRINTABLESTRING:
        case V_ASN1_UTF8STRING:
        case V_ASN1_IA5STRING:
        case V_ASN1_NUMERICSTRING:
        case V_ASN1_T61STRING:
        case V_ASN1_BMPSTRING:
                return true;
        default:
                return false;
        }
}

/* One attribute, as text; false: no user name can say it. */
static bool add_attribute(struct dn *dn, const X509_NAME_ENTRY *entry, bool fresh)
{
        const char *type = type_of(entry);
        const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
        unsigned char *utf8;
        if (type == NULL || !is_text(value))
                return false;
        int n = ASN1_STRING_to_UTF8(&utf8, value);
        if (n < 0)
                return false;
        bool added = dn_add(dn, slice_str(type), slice_of((char *)utf8, (size_t)n), fresh);
        OPENSSL_free(utf8);
        return added;
}

static void read_subject(struct cert_names *names, const X509_NAME *subject)
{
        int n = X509_NAME_entry_count(subject), last_set = -1;
        names->has_subject = names->structural = n > 0;
        for (int i = n - 1; i >= 0 && names->structural; i--) {
                const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
                int set = X509_NAME_ENTRY_set(entry);
                names->structural = add_attribute(&names->subject, entry, set != last_set);
                last_set = set;
        }
}

/* The known attributes as one text, and the DCs behind it, unescaped, in the certificate's order. */
static void read_flat(struct cert_names *names, const X509_NAME *subject)
{
        struct buf flat = { 0 }, dcs = { 0 };
        name_flat_text(&flat, subject);
        buf_append_slice(&dcs, buf_slice(&flat));
        for (int i = 0; i < X509_NAME_entry_count(subject); i++) {
                const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
                unsigned char *utf8;
                if (OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != NID_domainComponent)
                        continue;
                int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
                if (n < 0)
                        continue;
                buf_printf(&dcs, ",DC=%.*s", n, (char *)utf8);
                OPENSSL_free(utf8);
        }
        if (dcs.len > 0 &&
                memchr(dcs.ptr, '\0', dcs.len)) { /* cut there, it could be somebody else's */
                buf_clear(&flat);
                buf_clear(&dcs);
        }
        names->flat_dcs = dcs.len > flat.len ? buf_take_str(&dcs) : NULL;
        names->flat = buf_take_str(&flat);
        buf_fini(&dcs);
}

static void add_name(struct name_list *list, const ASN1_IA5STRING *text, bool uri)
{
        const char *bytes = (const char *)ASN1_STRING_get0_data(text);
        size_t len = (size_t)ASN1_STRING_length(text);
        if (list->n == NAMES_MAX || len == 0 || memchr(bytes, '\0', len))
                return;
        if (list->at == NULL)
                list->at = xcalloc(NAMES_MAX, sizeof *list->at);
        char *name = list->at[list->n++] = xstrndup(bytes, len);
        size_t scheme = uri ? strcspn(name, ":/?#") : 0;
        if (name[scheme] != ':')
                return;
        for (size_t i = 0; i < scheme; i++)
                if (name[i] >= 'A' && name[i] <= 'Z')
                        name[i] = (char)(name[i] - 'A' + 'a');
}

static void read_sans(struct cert_names *names, const X509 *cert)
{
        GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
        for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
                const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
                if (name->type == GEN_EMAIL)
                        add_name(&names->emails, name->d.rfc822Name, false);
                else if (name->type == GEN_DNS)
                        add_name(&names->dns, name->d.dNSName, false);
                else if (name->type == GEN_URI)
                        add_name(&names->uris, name->d.uniformResourceIdentifier, true);
        }
        GENERAL_NAMES_free(all);
}

struct cert_names *cert_names_of(const X509 *cert)
{
        struct cert_names *names = xnew(struct cert_names);
        const X509_NAME *subject = X509_get_subject_name(cert);
        read_sans(names, cert);
        read_subject(names, subject);
        read_flat(names, subject);
        return names;
}

struct cert_names *tls_session_cert_names(const struct tls_session *session)
{
        const struct tls_proof *proof = &session->proof;
        if (proof->leaf == NULL)
                return NULL;
        struct cert_names *names = cert_names_of(proof->leaf);
        names->chain = sk_X509_num(proof->chain) > (session->ctx->client ? 1 : 0);
        return names;
}

static void list_fini(struct name_list *list)
{
        for (int i = 0; i < list->n; i++)
                xfree(list->at[i]);
        xfree(list->at);
}

void cert_names_free(struct cert_names *names)
{
        if (names == NULL)
                return;
        list_fini(&names->emails);
        list_fini(&names->dns);
        list_fini(&names->uris);
        dn_fini(&names->subject);
        xfree(names->flat);
        xfree(names->flat_dcs);
        xfree(names);
}
