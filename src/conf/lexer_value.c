/* SPDX-License-Identifier: Apache-2.0 */
/* lexer_value.c: scalars: strings with and without quotes, numbers, dates, addresses, include
 * paths.
 *
 * Bare text is read with as little look-ahead as the language needs: digits may turn out to be an
 * integer with a size suffix, a float, an address (two dots), a date (a dash behind four digits) or
 * simply the begin of a string. */
#include "conf/lexer_internal.h"
#include <ctype.h>

/* A backslash was read: resolve the escape into scratch, then go on where string_state says. */
static int escape(struct lexer *lx)
{
        char c[8];
        size_t backslash = lx->pos - 1;
        buf_append(&lx->scratch, lx->in.ptr + lx->start, backslash - lx->start);
        lx->escaped = true;
        uint32_t r = lex_get(lx);
        switch (r) {
        case 't':
                buf_append_char(&lx->scratch, '\t');
                break;
        case 'n':
                buf_append_char(&lx->scratch, '\n');
                break;
        case 'r':
                buf_append_char(&lx->scratch, '\r');
                break;
        case '"':
        case '\\':
                buf_append_char(&lx->scratch, (char)r);
                break;
        case 'x':
                if (lex_is_newline(lex_get(lx)) || lex_is_newline(lex_get(lx)))
                        return lex_fail(lx,
                                "Expected two hexadecimal digits after '\\x', but hit end of line");
                const char *hex = lx->in.ptr + lx->pos - 2;
                int value = 0;
                for (int i = 0; i < 2; i++) {
                        if (!isxdigit((unsigned char)hex[i]))
                                return lex_fail(lx,
                                        "Expected two hexadecimal digits after '\\x', but got "
                                        "'%.2s'",
                                        hex);
                        int digit = tolower((unsigned char)hex[i]);
                        value = value * 16 + (digit <= '9' ? digit - '0' : digit - 'a' + 10);
                }
                buf_append_char(&lx->scratch, (char)value);
                break;
        default:
                return lex_fail(lx,
                        "Invalid escape character '%s'. Only the following escape characters are "
                        "allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.",
                        lex_char(r, c));
        }
        lx->start = lx->pos;
        return lx->string_state;
}

static bool is_boolean(struct slice word)
{
        static const char *const words[] = { "true", "false", "on", "off", "yes", "no" };
        for (size_t i = 0; i < ARRAY_N(words); i++)
                if (slice_eq_nocase(word, slice_str(words[i])))
                        return true;
        return false;
}

/* A bare string ends: it may be a boolean or a variable, unless an escape was in it. */
static int bare_end(struct lexer *lx)
{
        struct slice word = slice_of(lx->in.ptr + lx->start, lx->pos - lx->start);
        if (lx->escaped) {
                lex_emit(lx, LEX_STRING);
        } else if (is_boolean(word)) {
                lex_emit(lx, LEX_BOOL);
        } else if (word.len > 0 && word.ptr[0] == '$') {
                lx->start++;
                lex_emit(lx, LEX_VARIABLE);
        } else {
                lex_emit(lx, LEX_STRING);
        }
        return lex_pop(lx);
}

int lex_bare(struct lexer *lx)
{
        for (;;) {
                uint32_t r = lex_get(lx);
                if (r == '\\') {
                        lx->string_state = STATE_BARE;
                        return escape(lx);
                }
                if (lex_is_newline(r) || r == LEX_END || lex_is_blank(r) || r == ';' || r == ',' ||
                        r == ']' || r == '}') {
                        lex_unget(lx);
                        return bare_end(lx);
                }
                if (r == '\'') {
                        lex_unget(lx);
                        lex_emit(lx, LEX_STRING);
                        lex_get(lx);
                        lex_ignore(lx);
                        return lex_pop(lx);
                }
        }
}

/* The closing quote was read. */
static int quoted_end(struct lexer *lx, enum lex_type type)
{
        lex_unget(lx);
        lex_emit(lx, type);
        lex_get(lx);
        lex_ignore(lx);
        return lex_pop(lx);
}

/* No closing quote. With nothing behind the quote this is the end of the text, which leaves a key
 * without a value. */
static int quoted_cut(struct lexer *lx)
{
        if (lx->pos > lx->start)
                return lex_fail(lx, "Unexpected EOF.");
        lex_emit(lx, LEX_EOF);
        return STATE_DONE;
}

int lex_double_quoted(struct lexer *lx)
{
        for (;;) {
                uint32_t r = lex_get(lx);
                if (r == '\\') {
                        lx->string_state = STATE_DOUBLE_QUOTED;
                        return escape(lx);
                }
                if (r == '"')
                        return quoted_end(lx, LEX_STRING);
                if (r == LEX_END)
                        return quoted_cut(lx);
        }
}

int lex_single_quoted(struct lexer *lx)
{
        for (;;) {
                uint32_t r = lex_get(lx);
                if (r == '\'')
                        return quoted_end(lx, LEX_STRING);
                if (r == LEX_END)
                        return quoted_cut(lx);
        }
}

/* Verbatim up to a ')' that stands alone on its line. When the text ends right behind that ')', the
 * parenthesis belongs to the value. */
int lex_block_text(struct lexer *lx)
{
        for (;;) {
                uint32_t r = lex_get(lx);
                if (r == LEX_END)
                        return lex_fail(lx, "Unexpected EOF processing block.");
                if (r != ')' || lx->pos < 2 || lx->in.ptr[lx->pos - 2] != '\n')
                        continue;
                if (lx->pos == lx->in.len) {
                        lex_emit(lx, LEX_STRING);
                        return lex_pop(lx);
                }
                char after = lx->in.ptr[lx->pos];
                if (after == '\n' || after == '\0')
                        return quoted_end(lx, LEX_STRING);
        }
}

static bool ends_number(const struct lexer *lx, uint32_t r)
{
        return lex_is_newline(r) || r == LEX_END || r == '}' || r == ';' || r == ',' ||
               lex_is_blank(r) || (r == ']' && lex_in_array(lx));
}

static int emit_scalar(struct lexer *lx, enum lex_type type)
{
        lex_unget(lx);
        lex_emit(lx, type);
        return lex_pop(lx);
}

/* A size suffix was read: k, kb, ki, kib and so on for m g t p e. Anything longer is a word, such as
 * the duration 1m30s (a syntax error before nats-server 2.15.1). */
static int number_suffix(struct lexer *lx)
{
        size_t first = lx->pos;
        uint32_t r = lex_get(lx);
        while (r == 'b' || r == 'B' || r == 'i' || r == 'I')
                r = lex_get(lx);
        size_t more = lx->pos - lx->width - first;
        bool known = more == 0 || more == 1 ||
                     (more == 2 && (lx->in.ptr[first] == 'i' || lx->in.ptr[first] == 'I') &&
                             (lx->in.ptr[first + 1] == 'b' || lx->in.ptr[first + 1] == 'B'));
        if (known && ends_number(lx, r))
                return emit_scalar(lx, LEX_INTEGER);
        lex_unget(lx);
        return STATE_BARE;
}

static bool is_suffix(uint32_t r)
{
        switch (r) {
        case 'k':
        case 'K':
        case 'm':
        case 'M':
        case 'g':
        case 'G':
        case 't':
        case 'T':
        case 'p':
        case 'P':
        case 'e':
        case 'E':
                return true;
        default:
                return false;
        }
}

/* Four digits and a dash were read. */
static int date_after_year(struct lexer *lx)
{
        char c[8];
        for (const char *form = "00-00T00:00:00Z"; *form; form++) {
                uint32_t r = lex_get(lx);
                if (*form == '0' && !lex_is_digit(r))
                        return lex_fail(lx,
                                "Expected digit in ISO8601 datetime, but found '%s' instead.",
                                lex_char(r, c));
                if (*form != '0' && r != (uint32_t)*form)
                        return lex_fail(lx,
                                "Expected '%c' in ISO8601 datetime, but found '%s' instead.", *form,
                                lex_char(r, c));
        }
        lex_emit(lx, LEX_DATE);
        return lex_pop(lx);
}

/* A second dot was read: an address such as 127.0.0.1:4222, or a version. */
static int address(struct lexer *lx)
{
        for (;;) {
                uint32_t r = lex_get(lx);
                if (!lex_is_digit(r) && r != '.' && r != ':' && r != '-')
                        return emit_scalar(lx, LEX_STRING);
        }
}

/* Digits and one dot were read. */
static int fraction(struct lexer *lx)
{
        char c[8];
        uint32_t r = lex_get(lx);
        if (!lex_is_digit(r))
                return lex_fail(lx, "Floats must have a digit after the '.', but got '%s' instead.",
                        lex_char(r, c));
        do
                r = lex_get(lx);
        while (lex_is_digit(r));
        return r == '.' ? address(lx) : emit_scalar(lx, LEX_FLOAT);
}

int lex_number(struct lexer *lx)
{
        for (;;) {
                uint32_t r = lex_get(lx);
                if (lex_is_digit(r))
                        continue;
                if (r == '-') {
                        if (lx->pos - lx->start != 5)
                                return lex_fail(lx, "All ISO8601 dates must be in full Zulu form.");
                        return date_after_year(lx);
                }
                if (r == '.')
                        return fraction(lx);
                if (is_suffix(r))
                        return number_suffix(lx);
                if (ends_number(lx, r))
                        return emit_scalar(lx, LEX_INTEGER);
                /* The character belongs to the word, even a backslash or a quote. */
                return STATE_BARE;
        }
}

int lex_negative(struct lexer *lx)
{
        char c[8];
        uint32_t r = lex_get(lx);
        if (r == '.')
                return lex_fail(lx, "Floats must start with a digit, not '.'.");
        if (!lex_is_digit(r))
                return lex_fail(lx, "Expected a digit but got '%s'.", lex_char(r, c));
        while (lex_is_digit(r))
                r = lex_get(lx);
        if (r == '.')
                return fraction(lx);
        return is_suffix(r) ? number_suffix(lx) : emit_scalar(lx, LEX_INTEGER);
}

static int quoted_include(struct lexer *lx, uint32_t quote)
{
        lex_ignore(lx);
        for (;;) {
                uint32_t r = lex_get(lx);
                if (r == quote)
                        return quoted_end(lx, LEX_INCLUDE);
                if (r == LEX_END)
                        return lex_fail(lx, "Unexpected EOF in %squoted include",
                                quote == '"' ? "double " : "");
        }
}

static const char *include_refusal(uint32_t r)
{
        if (lex_is_digit(r) || r == '-')
                return "start of a number";
        switch (r) {
        case '[':
                return "start of an array";
        case '{':
                return "start of a map";
        case '(':
                return "start of a block";
        case '\\':
                return "escape sequence";
        case '\n':
        case '\r':
                return "new line";
        default:
                return NULL;
        }
}

int lex_include(struct lexer *lx)
{
        uint32_t r;
        while (lex_is_blank(r = lex_get(lx)))
                lex_ignore(lx);
        if (r == '"' || r == '\'')
                return quoted_include(lx, r);
        const char *refusal = include_refusal(r);
        if (refusal)
                return lex_fail(lx, "Expected include value but found %s", refusal);
        for (;; r = lex_get(lx)) {
                if (r == '\'')
                        return quoted_end(lx, LEX_INCLUDE);
                if (lex_is_newline(r) || r == LEX_END || r == ';' || r == '}' || lex_is_blank(r))
                        return emit_scalar(lx, LEX_INCLUDE);
        }
}
