/* SPDX-License-Identifier: Apache-2.0 */
/* err.c: texts of codes, and the sentence that travels with them. */
#include "base/err.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SYSTEM_TEXTS = 4, SYSTEM_TEXT_BYTES = 96 };

static const char *const texts[ERR_COUNT] = {
#define ERR(id, text) [ERR_INDEX_##id] = (text),
#include "base/err.def"
#undef ERR
};

/* libuv's codes that are no errno values (its ABI fixes the numbers). */
static const struct {
        int code;
        const char *text;
} uv_texts[] = {
        { -3001, "temporary failure in name resolution" }, /* UV_EAI_AGAIN */
        { -3004, "name resolution failed" },               /* UV_EAI_FAIL */
        { -3006, "out of memory" },                        /* UV_EAI_MEMORY */
        { -3007, "no such host" },                         /* UV_EAI_NODATA */
        { -3008, "no such host" },                         /* UV_EAI_NONAME */
        { -3010, "unknown port" },                         /* UV_EAI_SERVICE */
        { -4094, "unknown error" },                        /* UV_UNKNOWN */
        { -4095, "end of file" },                          /* UV_EOF */
};

/* "No such file" becomes "no such file", while "RFS specific error" stays. */
static const char *system_text(int number)
{
        static _Thread_local char ring[SYSTEM_TEXTS][SYSTEM_TEXT_BYTES];
        static _Thread_local unsigned turn;
        char *text = ring[turn++ % SYSTEM_TEXTS];
        snprintf(text, SYSTEM_TEXT_BYTES, "%s", strerror(number));
        if (text[0] != '\0' && !isupper((unsigned char)text[1]))
                text[0] = (char)tolower((unsigned char)text[0]);
        return text;
}

const char *err_text(int code)
{
        if (code == 0)
                return "success";
        int index = -20001 - code;
        if (code <= -20001 && index < ERR_COUNT)
                return texts[index];
        for (size_t i = 0; i < ARRAY_N(uv_texts); i++) {
                if (uv_texts[i].code == code)
                        return uv_texts[i].text;
        }
        return code < 0 && code > -3000 ? system_text(-code) : "unknown error";
}

int errbuf_set(struct errbuf *eb, int code, const char *fmt, ...)
{
        if (eb == NULL)
                return code;
        char text[sizeof eb->text]; /* an argument may be eb->text itself */
        va_list args;
        va_start(args, fmt);
        vsnprintf(text, sizeof text, fmt, args);
        va_end(args);
        memcpy(eb->text, text, strlen(text) + 1);
        return code;
}

/* Put text at offset at, cut so that the NUL still fits. */
static void append_cut(char *dst, size_t size, size_t at, const char *text)
{
        size_t len = strlen(text);
        if (at >= size - 1)
                return;
        if (len > size - 1 - at)
                len = size - 1 - at;
        memcpy(dst + at, text, len);
        dst[at + len] = '\0';
}

void errbuf_prefix(struct errbuf *eb, const char *fmt, ...)
{
        if (eb == NULL)
                return;
        char old[sizeof eb->text];
        memcpy(old, eb->text, sizeof old);
        va_list args;
        va_start(args, fmt);
        int n = vsnprintf(eb->text, sizeof eb->text, fmt, args);
        va_end(args);
        size_t at = n < 0 ? 0 : (size_t)n;
        append_cut(eb->text, sizeof eb->text, at, ": ");
        append_cut(eb->text, sizeof eb->text, at + 2, old);
}
