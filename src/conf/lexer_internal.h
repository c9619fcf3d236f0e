/* SPDX-License-Identifier: Apache-2.0 */
/* lexer_internal.h: what lexer.c (structure) and lexer_value.c (scalars) share. */
#pragma once
#include "base/macros.h"
#include "base/text.h"
#include "conf/lexer.h"

/* A state reads some characters, maybe emits one item, and names the next state. */
enum lex_state {
        STATE_DONE,
        STATE_TOP,     /* before a key of the document */
        STATE_TOP_END, /* after a value of the document */
        STATE_BLOCK,   /* before a key inside top-level braces, which open no map */
        STATE_BLOCK_VALUE_END,
        STATE_BLOCK_END, /* a nested block or a value is over: another key or '}' */
        STATE_KEY,
        STATE_KEY_END,
        STATE_VALUE,
        STATE_ARRAY, /* before an element */
        STATE_ARRAY_VALUE_END,
        STATE_MAP, /* before a key of a map */
        STATE_MAP_KEY_END,
        STATE_MAP_VALUE,
        STATE_MAP_VALUE_END,
        STATE_BARE, /* inside a bare string */
        STATE_DOUBLE_QUOTED,
        STATE_COUNT
};

#define LEX_END 0 /* end of input, or a NUL byte */

static inline uint32_t lex_get(struct lexer *lx)
{
        if (lx->pos >= lx->in.len) {
                lx->width = 0;
                return LEX_END;
        }
        unsigned char c = (unsigned char)lx->in.ptr[lx->pos];
        uint32_t rune = c;
        lx->width = 1;
        if (c == '\n') {
                lx->line++;
                lx->line_start = lx->pos;
        } else if (c >= 0x80) {
                lx->width = text_utf8(slice_of(lx->in.ptr + lx->pos, lx->in.len - lx->pos), &rune);
        }
        lx->pos += lx->width;
        return rune;
}

/* Step back over the character read last; line_start stays, as the newline is read again next. */
static inline void lex_unget(struct lexer *lx)
{
        lx->pos -= lx->width;
        if (lx->pos < lx->in.len && lx->in.ptr[lx->pos] == '\n' && lx->width > 0)
                lx->line--;
}

static inline uint32_t lex_peek(struct lexer *lx)
{
        uint32_t rune = lex_get(lx);
        lex_unget(lx);
        return rune;
}

/* Drop what was read: the next item begins here. */
static inline void lex_ignore(struct lexer *lx)
{
        lx->start = lx->pos;
        lx->item_line_start = lx->line_start;
}

static inline bool lex_is_blank(uint32_t r)
{
        return r == ' ' || r == '\t';
}

static inline bool lex_is_newline(uint32_t r)
{
        return r == '\n' || r == '\r';
}

static inline bool lex_is_digit(uint32_t r)
{
        return r >= '0' && r <= '9';
}

void lex_emit(struct lexer *lx, enum lex_type type);
/* Emit an error; %C of the reference's texts is written with lex_char(). */
int lex_fail(struct lexer *lx, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A character as messages show it; dst holds 8 bytes. */
const char *lex_char(uint32_t rune, char *dst);
int lex_pop(struct lexer *lx);
bool lex_in_array(const struct lexer *lx); /* the value being read is an element of an array */

/* lexer_value.c: each reads one value whose first characters were read as described, and returns
 * the next state. */
int lex_bare(struct lexer *lx);          /* any part of a bare string */
int lex_double_quoted(struct lexer *lx); /* behind the opening quote */
int lex_single_quoted(struct lexer *lx); /* behind the opening quote */
int lex_block_text(struct lexer *lx);    /* behind '(' */
int lex_number(struct lexer *lx);        /* behind the first digit */
int lex_negative(struct lexer *lx);      /* behind '-' */
int lex_include(struct lexer *lx);       /* behind the word include and one blank */
