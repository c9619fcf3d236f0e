/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/verdict.h"
#include "base/err.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
        const char *name, *rule, *remedy;
        enum tls_side side;
        bool quiet;
} reasons[] = {
#define VERDICT(id, name, side, quiet, rule, remedy) { name, rule, remedy, TLS_SIDE_##side, quiet },
#include "tls/verdict.def"
#undef VERDICT
};

const char *tls_reason_name(enum tls_reason reason)
{
        return reason < TLS_REASON_COUNT ? reasons[reason].name : "";
}

bool tls_reason_is_noise(enum tls_reason reason)
{
        return reason == TLS_REASON_PROBE || reason == TLS_REASON_HTTP ||
               reason == TLS_REASON_NOT_TLS;
}

const char *tls_side_name(enum tls_side side)
{
        static const char *const names[] = { "ours", "peer", "network" };
        return side < ARRAY_N(names) ? names[side] : "";
}

const char *tls_alert_text(int alert)
{
        switch (alert) {
#define ALERT(number, text)                                                                        \
        case number:                                                                               \
                return text;
#include "tls/alert.def"
#undef ALERT
        default:
                return NULL;
        }
}

static void clean(char *text)
{
        for (; *text; text++)
                if ((unsigned char)*text < ' ' || *text == 0x7f)
                        *text = '?';
}

void tls_verdict_set(struct tls_verdict *verdict, enum tls_reason reason, const char *fmt, ...)
{
        memset(verdict, 0, sizeof(*verdict));
        verdict->reason = reason;
        verdict->side = reasons[reason].side;
        verdict->quiet = reasons[reason].quiet;
        verdict->rule = reasons[reason].rule;
        verdict->remedy = reasons[reason].remedy;
        verdict->alert = -1;
        va_list args;
        va_start(args, fmt);
        vsnprintf(verdict->text, sizeof(verdict->text), fmt, args);
        va_end(args);
        clean(verdict->text);
}

void tls_verdict_set_cert(struct tls_verdict *verdict, struct slice subject, const char *sha256)
{
        snprintf(verdict->subject, sizeof(verdict->subject), "%.*s", SLICE_ARG(subject));
        snprintf(verdict->sha256, sizeof(verdict->sha256), "%s", sha256);
        clean(verdict->subject);
}

void tls_verdict_set_issuer(
        struct tls_verdict *verdict, struct slice issuer, int64_t not_before_s, int64_t not_after_s)
{
        snprintf(verdict->issuer, sizeof(verdict->issuer), "%.*s", SLICE_ARG(issuer));
        verdict->not_before_s = not_before_s;
        verdict->not_after_s = not_after_s;
        clean(verdict->issuer);
}

void tls_verdict_set_sni(struct tls_verdict *verdict, struct slice name)
{
        snprintf(verdict->sni, sizeof(verdict->sni), "%.*s", SLICE_ARG(name));
        clean(verdict->sni);
}

void tls_verdict_line(const struct tls_verdict *verdict, char *dst, size_t size)
{
        snprintf(dst, size, "%s, refused by %s%s%s%s%s; rule: %s; remedy: %s",
                tls_reason_name(verdict->reason), tls_side_name(verdict->side),
                verdict->subject[0] ? ", certificate " : "", verdict->subject,
                verdict->sha256[0] ? " SHA-256: " : "", verdict->sha256, verdict->rule,
                verdict->remedy);
}

void tls_verdict_timeout(struct tls_verdict *verdict)
{
        tls_verdict_set(verdict, TLS_REASON_TIMEOUT, "i/o timeout");
}

void tls_verdict_ocsp_timeout(struct tls_verdict *verdict)
{
        tls_verdict_timeout(verdict);
        verdict->rule = "the handshake must end within timeout, and with it the check of ocsp_peer";
        verdict->remedy =
                "the responder of the client's certificate did not answer in time: look at "
                "it, or give timeout more than ca_timeout";
}

void tls_verdict_busy(struct tls_verdict *verdict)
{
        tls_verdict_set(verdict, TLS_REASON_BUSY, "too many handshakes waiting");
}

static void set_broken(struct tls_verdict *verdict, int code, enum tls_reason reason)
{
        char text[128];
        snprintf(text, sizeof(text), "%s", err_text(code));
        if (code > -20000 && text[0] >= 'A' && text[0] <= 'Z')
                text[0] = (char)(text[0] - 'A' +
                                 'a'); /* the system's words as the reference writes them */
        tls_verdict_set(verdict, reason, "read: %s", text);
}

void tls_verdict_network(struct tls_verdict *verdict, int code)
{
        if (code == ERR_EOF)
                tls_verdict_set(verdict, TLS_REASON_EOF, "EOF");
        else
                set_broken(verdict, code, TLS_REASON_NETWORK);
}

void tls_verdict_probe(struct tls_verdict *verdict, int code)
{
        if (code == ERR_EOF)
                tls_verdict_set(verdict, TLS_REASON_PROBE, "EOF");
        else
                set_broken(verdict, code, TLS_REASON_PROBE);
}
