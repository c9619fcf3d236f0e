/* SPDX-License-Identifier: Apache-2.0 */
/* lexer.c: the structure of a document: keys, separators, blocks, maps, arrays, comments.
 *
 * A container pushes the state that follows each of its values, then goes to STATE_VALUE; whatever
 * reads the value pops it. A comment pushes the state to come back to. The rules look irregular (a
 * newline may follow a separator inside a map but not at the top; a '}' too many at the end of the
 * file is fine) because configurations in the field rely on each of them. */
#include "conf/lexer_internal.h"
#include <stdarg.h>
#include <string.h>

void lexer_init(struct lexer *lx, struct slice text)
{
        memset(lx, 0, sizeof *lx);
        lx->in = text.ptr ? text : slice_str("");
        lx->line = 1;
        lx->state = STATE_TOP;
        buf_init(&lx->scratch);
}

void lexer_fini(struct lexer *lx)
{
        buf_fini(&lx->scratch);
}

void lex_emit(struct lexer *lx, enum lex_type type)
{
        struct slice text = slice_of(lx->in.ptr + lx->start, lx->pos - lx->start);
        if (lx->escaped) {
                buf_append_slice(&lx->scratch, text);
                text = buf_slice(&lx->scratch);
                lx->escaped = false;
        }
        lx->item.type = type;
        lx->item.text = text;
        lx->item.line = lx->line;
        lx->item.col =
                (int)((long long)lx->pos - (long long)lx->item_line_start - (long long)text.len);
        lx->ready = true;
        lex_ignore(lx);
}

int lex_fail(struct lexer *lx, const char *fmt, ...)
{
        va_list args;
        va_start(args, fmt);
        buf_clear(&lx->scratch);
        buf_vprintf(&lx->scratch, fmt, args);
        va_end(args);
        lx->escaped = false;
        lx->item.type = LEX_ERROR;
        lx->item.text = buf_slice(&lx->scratch);
        lx->item.line = lx->line;
        lx->item.col = (int)(lx->pos - lx->line_start);
        lx->ready = true;
        return STATE_DONE;
}

const char *lex_char(uint32_t rune, char *dst)
{
        if (rune == '\n')
                return "\\n";
        if (rune == LEX_END)
                return "EOF";
        struct buf text;
        buf_init(&text);
        text_utf8_append(&text, rune);
        size_t n = text.len < 7 ? text.len : 7;
        if (n > 0)
                memcpy(dst, text.ptr, n);
        dst[n] = '\0';
        buf_fini(&text);
        return dst;
}

int lex_pop(struct lexer *lx)
{
        return lx->stack_n > 0 ? lx->stack[--lx->stack_n] : STATE_DONE;
}

bool lex_in_array(const struct lexer *lx)
{
        return lx->stack_n > 0 && lx->stack[lx->stack_n - 1] == STATE_ARRAY_VALUE_END;
}

/* Go to `next`; its end pops `after`. */
static int push(struct lexer *lx, int after, int next)
{
        if (lx->stack_n == LEX_STACK_MAX)
                return lex_fail(lx, "Nesting is too deep.");
        lx->stack[lx->stack_n++] = (uint8_t)after;
        return next;
}

static int skip(struct lexer *lx, int next)
{
        lex_ignore(lx);
        return next;
}

static bool is_separator(uint32_t r)
{
        return r == '=' || r == ':';
}

/* Unicode white space, as keys and containers skip it. */
static bool is_space(uint32_t r)
{
        switch (r) {
        case '\t':
        case '\n':
        case '\v':
        case '\f':
        case '\r':
        case ' ':
        case 0x85:
        case 0xa0:
        case 0x1680:
        case 0x2028:
        case 0x2029:
        case 0x202f:
        case 0x205f:
        case 0x3000:
                return true;
        default:
                return r >= 0x2000 && r <= 0x200a;
        }
}

/* r was read: is it the begin of a comment? A lone '/' leaves the lexer behind that slash. */
static bool is_comment(struct lexer *lx, uint32_t r)
{
        if (r == '#')
                return true;
        if (r != '/')
                return false;
        if (lex_get(lx) == '/')
                return true;
        lex_unget(lx);
        return false;
}

/* Read to the end of the line and go to `next`. */
static int comment(struct lexer *lx, int next)
{
        for (;;) {
                uint32_t r = lex_peek(lx);
                if (lex_is_newline(r) || r == LEX_END)
                        return skip(lx, next);
                lex_get(lx);
        }
}

static int end_of_text(struct lexer *lx)
{
        if (lx->pos > lx->start)
                return lex_fail(lx, "Unexpected EOF.");
        lex_emit(lx, LEX_EOF);
        return STATE_DONE;
}

static int on_top(struct lexer *lx)
{
        uint32_t r = lex_get(lx);
        if (is_space(r))
                return skip(lx, STATE_TOP);
        if (r == '{') {
                lex_ignore(lx);
                return push(lx, STATE_TOP, STATE_BLOCK);
        }
        if (is_comment(lx, r))
                return comment(lx, STATE_TOP);
        if (r == '/' || r == LEX_END)
                return end_of_text(lx);
        lex_unget(lx);
        return push(lx, STATE_TOP_END, STATE_KEY);
}

static int on_top_end(struct lexer *lx)
{
        char c[8];
        uint32_t r = lex_get(lx);
        if (is_comment(lx, r))
                return comment(lx, STATE_TOP);
        if (r == '/' || lex_is_blank(r))
                return STATE_TOP_END;
        if (lex_is_newline(r) || r == LEX_END || r == ';' || r == ',' || r == '}')
                return skip(lx, STATE_TOP);
        return lex_fail(lx,
                "Expected a top-level value to end with a new line, comment or EOF, "
                "but got '%s' instead.",
                lex_char(r, c));
}

static int on_block(struct lexer *lx)
{
        uint32_t r = lex_get(lx);
        if (is_space(r))
                return skip(lx, STATE_BLOCK);
        if (r == '{') {
                lex_ignore(lx);
                return push(lx, STATE_BLOCK_END, STATE_BLOCK);
        }
        if (r == '}') {
                lex_ignore(lx);
                return lex_pop(lx);
        }
        if (is_comment(lx, r))
                return comment(lx, STATE_BLOCK);
        if (r == '/' || r == LEX_END)
                return end_of_text(lx);
        lex_unget(lx);
        return push(lx, STATE_BLOCK_VALUE_END, STATE_KEY);
}

static int on_block_value_end(struct lexer *lx)
{
        char c[8];
        uint32_t r = lex_get(lx);
        if (is_comment(lx, r))
                return comment(lx, STATE_BLOCK_VALUE_END);
        if (r == '/' || lex_is_blank(r))
                return STATE_BLOCK_VALUE_END;
        if (lex_is_newline(r) || r == ';' || r == ',')
                return skip(lx, STATE_BLOCK);
        if (r == '}') {
                lex_unget(lx);
                return STATE_BLOCK_END;
        }
        return lex_fail(lx,
                "Expected a block-level value to end with a new line, comment or EOF, "
                "but got '%s' instead.",
                lex_char(r, c));
}

static int on_block_end(struct lexer *lx)
{
        char c[8];
        uint32_t r = lex_get(lx);
        if (is_comment(lx, r))
                return comment(lx, STATE_BLOCK);
        if (r == '/' || lex_is_newline(r) || lex_is_blank(r))
                return STATE_BLOCK_END;
        if (r == ';' || r == ',')
                return skip(lx, STATE_BLOCK);
        if (r == '}') {
                lex_ignore(lx);
                return lex_pop(lx);
        }
        return lex_fail(lx, "Expected a block-level to end with a '}', but got '%s' instead.",
                lex_char(r, c));
}

/* Behind the opening quote: no escapes, any character but the quote. at_end names the error; NULL:
 * as at the top level. */
static int quoted_key(struct lexer *lx, uint32_t quote, int next, const char *at_end)
{
        lex_ignore(lx);
        for (;;) {
                uint32_t r = lex_peek(lx);
                if (r == LEX_END)
                        return at_end ? lex_fail(lx, "%s", at_end) : end_of_text(lx);
                if (r == quote)
                        break;
                lex_get(lx);
        }
        lex_emit(lx, LEX_KEY);
        lex_get(lx);
        return skip(lx, next);
}

/* The bare word between start and pos ends at white space: a keyword? */
static bool is_include(const struct lexer *lx)
{
        return slice_eq_nocase(
                slice_of(lx->in.ptr + lx->start, lx->pos - lx->start), SLICE_LIT("include"));
}

/* A bare key; its first character is taken whatever it is. */
static int bare_key(struct lexer *lx, int next, const char *at_end)
{
        lex_ignore(lx);
        lex_get(lx);
        for (;;) {
                uint32_t r = lex_peek(lx);
                if (r == LEX_END && at_end)
                        return lex_fail(lx, "%s", at_end);
                if (is_space(r)) {
                        if (!is_include(lx))
                                break;
                        lex_ignore(lx);
                        return STATE_COUNT;
                }
                if (is_separator(r) || r == LEX_END)
                        break;
                lex_get(lx);
        }
        lex_emit(lx, LEX_KEY);
        return next;
}

static int on_key(struct lexer *lx)
{
        uint32_t r = lex_peek(lx);
        if (is_separator(r))
                return lex_fail(lx, "Unexpected key separator '%c'", (char)r);
        if (is_space(r)) {
                lex_get(lx);
                return skip(lx, STATE_KEY);
        }
        if (r == '"' || r == '\'') {
                lex_get(lx);
                return quoted_key(lx, r, STATE_KEY_END, NULL);
        }
        int next = bare_key(lx, STATE_KEY_END, NULL);
        return next == STATE_COUNT ? lex_include(lx) : next;
}

static int on_key_end(struct lexer *lx)
{
        uint32_t r = lex_get(lx);
        if (is_space(r))
                return skip(lx, STATE_KEY_END);
        if (is_separator(r))
                return skip(lx, STATE_VALUE);
        if (r == LEX_END) {
                lex_emit(lx, LEX_EOF);
                return STATE_DONE;
        }
        lex_unget(lx);
        return STATE_VALUE;
}

static int on_value(struct lexer *lx)
{
        uint32_t r = lex_get(lx);
        if (lex_is_blank(r))
                return skip(lx, STATE_VALUE);
        switch (r) {
        case '[':
                lex_ignore(lx);
                lex_emit(lx, LEX_ARRAY_START);
                return STATE_ARRAY;
        case '{':
                lex_ignore(lx);
                lex_emit(lx, LEX_MAP_START);
                return STATE_MAP;
        case '\'':
                lex_ignore(lx);
                return lex_single_quoted(lx);
        case '"':
                lex_ignore(lx);
                return STATE_DOUBLE_QUOTED;
        case '-':
                return lex_negative(lx);
        case '(':
                lex_ignore(lx);
                return lex_block_text(lx);
        case '.':
                return lex_fail(lx, "Floats must start with a digit");
        case '\n':
        case '\r':
                return lex_fail(lx, "Expected value but found new line");
        default:
                if (lex_is_digit(r))
                        return lex_number(lx);
                lex_unget(lx);
                return STATE_BARE;
        }
}

static int close_container(struct lexer *lx, enum lex_type type)
{
        lex_ignore(lx);
        lex_emit(lx, type);
        return lex_pop(lx);
}

static int on_array(struct lexer *lx)
{
        uint32_t r = lex_get(lx);
        if (is_space(r))
                return skip(lx, STATE_ARRAY);
        if (is_comment(lx, r))
                return comment(lx, STATE_ARRAY);
        if (r == '/' || r == ',')
                return lex_fail(lx, "Unexpected array value terminator ','.");
        if (r == ']')
                return close_container(lx, LEX_ARRAY_END);
        lex_unget(lx);
        return push(lx, STATE_ARRAY_VALUE_END, STATE_VALUE);
}

static int on_array_value_end(struct lexer *lx)
{
        char c[8];
        uint32_t r = lex_get(lx);
        if (lex_is_blank(r))
                return skip(lx, STATE_ARRAY_VALUE_END);
        if (is_comment(lx, r))
                return comment(lx, STATE_ARRAY_VALUE_END);
        if (r == '/' || r == ',' || lex_is_newline(r))
                return skip(lx, STATE_ARRAY);
        if (r == ']')
                return close_container(lx, LEX_ARRAY_END);
        return lex_fail(lx,
                "Expected an array value terminator \",\" or an array terminator \"]\", "
                "but got '%s' instead.",
                lex_char(r, c));
}

static int on_map(struct lexer *lx)
{
        uint32_t r = lex_peek(lx);
        if (is_separator(r))
                return lex_fail(lx, "Unexpected key separator '%c'.", (char)r);
        if (r == ']')
                return lex_fail(lx, "Unexpected array end ']' processing map.");
        if (r == LEX_END)
                return lex_fail(lx, "Unexpected EOF processing map.");
        if (is_space(r) || r == '}' || r == '#' || r == '/' || r == '"' || r == '\'')
                lex_get(lx);
        if (is_space(r))
                return skip(lx, STATE_MAP);
        if (r == '}')
                return close_container(lx, LEX_MAP_END);
        if (is_comment(lx, r))
                return comment(lx, STATE_MAP);
        if (r == '\'')
                return quoted_key(
                        lx, r, STATE_MAP_KEY_END, "Unexpected EOF processing quoted map key.");
        if (r == '"')
                return quoted_key(lx, r, STATE_MAP_KEY_END,
                        "Unexpected EOF processing double quoted map key.");
        int next = bare_key(lx, STATE_MAP_KEY_END, "Unexpected EOF processing map key.");
        if (next != STATE_COUNT)
                return next;
        next = push(lx, STATE_MAP_VALUE_END, STATE_COUNT);
        return next == STATE_COUNT ? lex_include(lx) : next;
}

static int on_map_key_end(struct lexer *lx)
{
        uint32_t r = lex_get(lx);
        if (is_space(r))
                return skip(lx, STATE_MAP_KEY_END);
        if (is_separator(r))
                return skip(lx, STATE_MAP_VALUE);
        lex_unget(lx);
        return STATE_MAP_VALUE;
}

static int on_map_value(struct lexer *lx)
{
        uint32_t r = lex_get(lx);
        if (is_space(r))
                return skip(lx, STATE_MAP_VALUE);
        if (r == ',')
                return lex_fail(lx, "Unexpected map value terminator \",\".");
        if (r == '}')
                return close_container(lx, LEX_MAP_END);
        lex_unget(lx);
        return push(lx, STATE_MAP_VALUE_END, STATE_VALUE);
}

static int on_map_value_end(struct lexer *lx)
{
        char c[8];
        uint32_t r = lex_get(lx);
        if (lex_is_blank(r))
                return skip(lx, STATE_MAP_VALUE_END);
        if (is_comment(lx, r))
                return comment(lx, STATE_MAP_VALUE_END);
        if (r == '/' || r == ';' || r == ',' || lex_is_newline(r))
                return skip(lx, STATE_MAP);
        if (r == '}')
                return close_container(lx, LEX_MAP_END);
        return lex_fail(lx,
                "Expected a map value terminator \",\" or a map terminator \"}\", "
                "but got '%s' instead.",
                lex_char(r, c));
}

static int on_done(struct lexer *lx)
{
        lex_ignore(lx);
        lex_emit(lx, LEX_EOF);
        return STATE_DONE;
}

static int (*const on_state[STATE_COUNT])(struct lexer *) = {
        [STATE_DONE] = on_done,
        [STATE_TOP] = on_top,
        [STATE_TOP_END] = on_top_end,
        [STATE_BLOCK] = on_block,
        [STATE_BLOCK_VALUE_END] = on_block_value_end,
        [STATE_BLOCK_END] = on_block_end,
        [STATE_KEY] = on_key,
        [STATE_KEY_END] = on_key_end,
        [STATE_VALUE] = on_value,
        [STATE_ARRAY] = on_array,
        [STATE_ARRAY_VALUE_END] = on_array_value_end,
        [STATE_MAP] = on_map,
        [STATE_MAP_KEY_END] = on_map_key_end,
        [STATE_MAP_VALUE] = on_map_value,
        [STATE_MAP_VALUE_END] = on_map_value_end,
        [STATE_BARE] = lex_bare,
        [STATE_DOUBLE_QUOTED] = lex_double_quoted,
};

void lexer_next(struct lexer *lx, struct lex_item *item)
{
        buf_clear(&lx->scratch);
        lx->ready = false;
        while (!lx->ready)
                lx->state = on_state[lx->state](lx);
        *item = lx->item;
}
