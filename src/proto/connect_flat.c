/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/connect_flat.h"

enum { DIGITS_MAX = 9 };

static void skip(struct slice *s, size_t n)
{
        *s = slice_of(s->ptr + n, s->len - n);
}

static void skip_space(struct slice *s)
{
        size_t n = 0;
        while (n < s->len &&
                (s->ptr[n] == ' ' || s->ptr[n] == '\t' || s->ptr[n] == '\r' || s->ptr[n] == '\n'))
                n++;
        skip(s, n);
}

/* The byte is there, and then gone, with the space behind it. */
static bool take_char(struct slice *s, char c)
{
        if (s->len == 0 || s->ptr[0] != c)
                return false;
        skip(s, 1);
        skip_space(s);
        return true;
}

static bool take_word(struct slice *s, struct slice word)
{
        if (s->len < word.len || !slice_eq(slice_of(s->ptr, word.len), word))
                return false;
        skip(s, word.len);
        return true;
}

static bool is_text(unsigned char c)
{
        return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

static bool take_string(struct slice *s, struct slice *text)
{
        size_t n = 1;
        if (s->len == 0 || s->ptr[0] != '"')
                return false;
        while (n < s->len && is_text((unsigned char)s->ptr[n]))
                n++;
        if (n == s->len || s->ptr[n] != '"')
                return false;
        *text = slice_of(s->ptr + 1, n - 1);
        skip(s, n + 1);
        return true;
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool take_number(struct slice *s, int *number)
{
        size_t n = 0;
        int value = 0;
        while (n < s->len && n < DIGITS_MAX && is_digit(s->ptr[n]))
                value = value * 10 + (s->ptr[n++] - '0');
        if (n == 0 || (n > 1 && s->ptr[0] == '0'))
                return false;
        skip(s, n);
        *number = value;
        return true; /* what is no part of it will be no comma either */
}

static enum flat_kind take_value(struct slice *s, struct flat_member *member)
{
        if (take_string(s, &member->text))
                return FLAT_STRING;
        if (take_number(s, &member->number))
                return FLAT_NUMBER;
        member->number = take_word(s, SLICE_LIT("true"));
        return member->number || take_word(s, SLICE_LIT("false")) ? FLAT_BOOL : FLAT_OTHER;
}

static bool is_plain(struct slice key)
{
        for (size_t i = 0; i < key.len; i++)
                if (!(key.ptr[i] >= 'a' && key.ptr[i] <= 'z') && !is_digit(key.ptr[i]) &&
                        key.ptr[i] != '_')
                        return false;
        return true;
}

static enum flat_kind take_member(struct slice *s, struct flat_member *member)
{
        if (!take_string(s, &member->key) || !is_plain(member->key))
                return FLAT_OTHER;
        skip_space(s);
        if (!take_char(s, ':'))
                return FLAT_OTHER;
        enum flat_kind kind = take_value(s, member);
        skip_space(s);
        return s->len > 0 && (s->ptr[0] == ',' || s->ptr[0] == '}') ? kind : FLAT_OTHER;
}

enum flat_kind flat_next(struct flat *flat, struct flat_member *member)
{
        struct slice *rest = &flat->rest;
        bool first = !flat->begun;
        skip_space(rest);
        if (first && !take_char(rest, '{'))
                return FLAT_OTHER;
        flat->begun = true;
        if (take_char(rest, '}'))
                return rest->len == 0 ? FLAT_END : FLAT_OTHER;
        if (!first && !take_char(rest, ','))
                return FLAT_OTHER;
        return take_member(rest, member);
}
