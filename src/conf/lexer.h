/* SPDX-License-Identifier: Apache-2.0 */
/* lexer.h: configuration text → items.
 *
 * An explicit stack of states, no recursion: nesting is bounded by LEX_STACK_MAX. A NUL byte counts
 * as the end of input wherever it stands. Positions count bytes; a column is the distance from the
 * newline before the item, so it starts at 1 on every line but the first, where it starts at 0 (the
 * reference server prints it so).
 * Thread: any, one at a time. */
#pragma once
#include "base/buf.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEX_STACK_MAX 512

enum lex_type {
        LEX_ERROR, /* text is the sentence; nothing follows */
        LEX_EOF,
        LEX_KEY,
        LEX_STRING,  /* escapes are resolved */
        LEX_BOOL,    /* text is one of true yes on false no off, any case */
        LEX_INTEGER, /* text has the sign and the size suffix */
        LEX_FLOAT,
        LEX_DATE, /* YYYY-MM-DDTHH:MM:SSZ, digits not checked against the calendar */
        LEX_ARRAY_START,
        LEX_ARRAY_END,
        LEX_MAP_START,
        LEX_MAP_END,
        LEX_VARIABLE, /* text is the name without '$' */
        LEX_INCLUDE,  /* text is the path */
};

struct lex_item {
        enum lex_type type;
        struct slice text; /* borrowed until the next call of lexer_next() */
        int line, col;
};

/* All fields belong to lexer.c and lexer_value.c. */
struct lexer {
        struct slice in;
        size_t start;           /* first byte of the item being read */
        size_t pos;             /* next byte to read */
        size_t width;           /* bytes of the character read last */
        size_t line_start;      /* offset of the newline met last; 0 on the first line */
        size_t item_line_start; /* line_start when the current item began */
        int line;
        int state;        /* enum lex_state */
        int string_state; /* where an escape sequence goes back to */
        int stack_n;
        uint8_t stack[LEX_STACK_MAX];
        bool escaped; /* scratch holds the first part of the string being read */
        bool ready;   /* item is filled */
        struct buf scratch;
        struct lex_item item;
};

void lexer_init(struct lexer *lx, struct slice text); /* text is borrowed for the lexer's life */
void lexer_fini(struct lexer *lx);
void lexer_next(struct lexer *lx, struct lex_item *item);
