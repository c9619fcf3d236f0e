/* SPDX-License-Identifier: Apache-2.0 */
/* parse.c: items → tree.
 *
 * One parser reads one text: the file, an included file, or the value of an environment variable. A
 * stack of frames holds the containers that are open. What nests by calls (includes, variables of
 * the environment) is chained through `struct session`, where cycles are seen and depth is counted.
 */
#include "conf/parse.h"
#include "base/buf.h"
#include "base/mem.h"
#include "conf/lexer.h"
#include "conf/number.h"
#include "conf/path.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A name being resolved; the chain lies on the C stack. */
struct link {
        struct slice name;
        const struct link *outer;
        int depth;
};

/* Shared by all parsers of one call. */
struct session {
        struct arena *arena;
        unsigned flags;
        int file_n;
        const struct link *files;     /* included paths that are open */
        const struct link *variables; /* variables of the environment being read */
        struct errbuf *eb;
};

struct frame {
        struct conf_value *container;
        bool pending; /* a key waits for its value */
        struct slice key;
        int line, col; /* of the key */
};

struct parser {
        struct session *session;
        struct lexer lexer;
        const char *file; /* NULL: text of the environment, which has no positions */
        struct slice dir; /* where includes are looked for */
        int depth;        /* open frames - 1 */
        struct frame frames[CONF_DEPTH_MAX + 1];
};

static struct conf_value *parse_text(
        struct session *session, struct slice text, const char *name, bool from_env);
static struct conf_value *parse_path(struct session *session, const char *path);

static bool in_chain(const struct link *chain, struct slice name)
{
        for (; chain; chain = chain->outer)
                if (slice_eq(chain->name, name))
                        return true;
        return false;
}

static struct slice keep(struct arena *arena, struct slice text)
{
        return slice_of(arena_str(arena, text), text.len);
}

/* Hand a value to the open container; its position becomes that of its key. */
static int add(struct parser *p, struct conf_value *value, bool own_position)
{
        struct arena *arena = p->session->arena;
        struct frame *frame = &p->frames[p->depth];
        if (p->depth + 1 + value->depth > CONF_DEPTH_MAX)
                return errbuf_set(p->session->eb, ERR_CONFIG, "Nesting is too deep.");
        if (frame->container->kind == CONF_ARRAY) {
                conf_array_add(arena, frame->container, value);
        } else {
                if (!own_position) {
                        value->line = frame->line;
                        value->col = frame->col;
                }
                conf_map_put(arena, frame->container, frame->key, value);
                frame->pending = false;
        }
        if (frame->container->weight > CONF_WEIGHT_MAX)
                return errbuf_set(p->session->eb, ERR_CONFIG, "Too many values: the limit is %d.",
                        CONF_WEIGHT_MAX);
        return 0;
}

static struct conf_value *new_value(
        struct parser *p, enum conf_kind kind, const struct lex_item *item)
{
        struct conf_value *value = conf_new(p->session->arena, kind);
        value->file = p->file;
        value->line = item->line;
        value->col = item->col;
        return value;
}

static int add_text(struct parser *p, enum conf_kind kind, const struct lex_item *item)
{
        struct conf_value *value = new_value(p, kind, item);
        if (kind == CONF_DATE && !number_date_ok(item->text))
                return errbuf_set(p->session->eb, ERR_CONFIG,
                        "expected Zulu formatted DateTime, but got '%.*s'", SLICE_ARG(item->text));
        value->as.text = keep(p->session->arena, item->text);
        return add(p, value, false);
}

static int add_number(struct parser *p, const struct lex_item *item)
{
        bool integer = item->type == LEX_INTEGER;
        struct conf_value *value = new_value(p, integer ? CONF_INTEGER : CONF_FLOAT, item);
        int rc = integer ? number_integer(item->text, &value->as.integer)
                         : number_float(item->text, &value->as.real);
        if (rc < 0)
                return errbuf_set(p->session->eb, ERR_CONFIG, "%s '%.*s' is out of the range",
                        integer ? "integer" : "float", SLICE_ARG(item->text));
        return add(p, value, false);
}

static int add_bool(struct parser *p, const struct lex_item *item)
{
        struct conf_value *value = new_value(p, CONF_BOOL, item);
        value->as.boolean = slice_eq_nocase(item->text, SLICE_LIT("true")) ||
                            slice_eq_nocase(item->text, SLICE_LIT("yes")) ||
                            slice_eq_nocase(item->text, SLICE_LIT("on"));
        return add(p, value, false);
}

static int open_container(struct parser *p, enum conf_kind kind, const struct lex_item *item)
{
        if (p->depth == CONF_DEPTH_MAX)
                return errbuf_set(p->session->eb, ERR_CONFIG,
                        "Parse error on line %d: 'Nesting is too deep.'", item->line);
        p->frames[++p->depth] = (struct frame){ .container = new_value(p, kind, item) };
        return 0;
}

/* A '}' or ']': the container becomes a value of the one around it, placed where it ends. */
static int close_container(struct parser *p, const struct lex_item *item)
{
        struct frame *frame = &p->frames[p->depth];
        if (frame->pending) /* "{ password: }": not the empty one, which has to be written as "" */
                return errbuf_set(p->session->eb, ERR_CONFIG,
                        "config is invalid (%s:%d:%d): \"%.*s\" has no value",
                        p->file ? p->file : "", frame->line, frame->col, SLICE_ARG(frame->key));
        struct conf_value *container = frame->container;
        container->line = item->line;
        container->col = item->col;
        p->depth--;
        return add(p, container, false);
}

/* The maps that are open, innermost first. NULL: no key of that name was read yet. */
static struct conf_value *find_key(struct parser *p, struct slice name)
{
        for (int i = p->depth; i >= 0; i--) {
                struct conf_value *container = p->frames[i].container;
                struct conf_value *found =
                        container->kind == CONF_MAP ? conf_map_get(container, name) : NULL;
                if (found)
                        return found;
        }
        return NULL;
}

/* The environment's value, parsed as if it stood in a file of its own. *found stays NULL when there
 * is no such variable. */
static int find_env(struct parser *p, struct slice name, struct conf_value **found)
{
        struct session *session = p->session;
        if (in_chain(session->variables, name))
                return errbuf_set(session->eb, ERR_CONFIG, "variable reference cycle for '%.*s'",
                        SLICE_ARG(name));
        struct link here = { name, session->variables,
                session->variables ? session->variables->depth + 1 : 0 };
        if (here.depth >= CONF_ENV_DEPTH_MAX)
                return errbuf_set(session->eb, ERR_CONFIG, "too many variables refer to another");
        if (session->flags & CONF_NO_ENVIRONMENT || memchr(name.ptr, '\0', name.len))
                return 0;
        const char *text = getenv(arena_str(session->arena, name));
        if (!text)
                return 0;
        const char *document = arena_printf(session->arena, "pk=%s", text);
        session->variables = &here;
        struct conf_value *map = parse_text(session, slice_str(document), "", true);
        session->variables = here.outer;
        if (!map)
                return ERR_CONFIG;
        *found = conf_map_get(map, SLICE_LIT("pk"));
        return 0;
}

static int add_variable(struct parser *p, const struct lex_item *item)
{
        struct session *session = p->session;
        struct slice name = keep(session->arena, item->text);
        struct conf_value *found = NULL;
        if (slice_starts(name, SLICE_LIT("2a$"))) { /* a bcrypt hash, not a variable */
                found = conf_new(session->arena, CONF_STRING);
                const char *hash = arena_printf(session->arena, "$%s", name.ptr);
                found->as.text = slice_str(hash);
        } else if ((found = find_key(p, name))) {
                found->used = true;
        } else if (find_env(p, name, &found) < 0) {
                errbuf_prefix(session->eb,
                        "variable reference for '%.*s' on line %d could not be parsed",
                        SLICE_ARG(name), item->line);
                return ERR_CONFIG;
        }
        if (!found)
                return errbuf_set(session->eb, ERR_CONFIG,
                        "variable reference for '%.*s' on line %d can not be found",
                        SLICE_ARG(name), item->line);
        struct conf_value *value = new_value(p, found->kind, item);
        value->depth = found->depth;
        value->weight = found->weight;
        value->as = found->as;
        return add(p, value, false);
}

/* Merge the keys of another file into the open map. */
static int add_include(struct parser *p, const struct lex_item *item)
{
        struct session *session = p->session;
        struct slice path = keep(session->arena, item->text);
        struct buf joined;
        buf_init(&joined);
        path_join(&joined, p->dir, path);
        struct slice target = keep(session->arena, buf_slice(&joined));
        buf_fini(&joined);

        struct link here = { target, session->files,
                session->files ? session->files->depth + 1 : 0 };
        struct conf_value *map = NULL;
        if (session->flags & CONF_NO_INCLUDES || !p->file)
                errbuf_set(session->eb, ERR_CONFIG, "includes are not allowed here");
        else if (in_chain(session->files, target))
                errbuf_set(session->eb, ERR_CONFIG, "the file includes itself");
        else if (here.depth > CONF_INCLUDE_DEPTH_MAX || session->file_n >= CONF_FILES_MAX)
                errbuf_set(session->eb, ERR_CONFIG, "too many included files");
        else {
                const struct link *outer = session->files;
                const struct link *variables = session->variables;
                session->files = &here;
                session->variables = NULL;
                map = parse_path(session, target.ptr);
                session->files = outer;
                session->variables = variables;
        }
        if (!map)
                return errbuf_set(session->eb, ERR_CONFIG, "error parsing include file '%.*s', %s",
                        SLICE_ARG(path), session->eb->text);
        for (int i = 0; i < map->as.map->n; i++) {
                p->frames[p->depth].key = map->as.map->entries[i].key;
                int rc = add(p, map->as.map->entries[i].value, true);
                if (rc < 0)
                        return rc;
        }
        return 0;
}

static int on_item(struct parser *p, const struct lex_item *item)
{
        switch (item->type) {
        case LEX_ERROR:
                return errbuf_set(p->session->eb, ERR_CONFIG, "Parse error on line %d: '%.*s'",
                        item->line, SLICE_ARG(item->text));
        case LEX_KEY: {
                struct frame *frame = &p->frames[p->depth];
                frame->pending = true;
                frame->key = keep(p->session->arena, item->text);
                frame->line = item->line;
                frame->col = item->col;
                return 0;
        }
        case LEX_STRING:
                return add_text(p, CONF_STRING, item);
        case LEX_DATE:
                return add_text(p, CONF_DATE, item);
        case LEX_INTEGER:
        case LEX_FLOAT:
                return add_number(p, item);
        case LEX_BOOL:
                return add_bool(p, item);
        case LEX_ARRAY_START:
                return open_container(p, CONF_ARRAY, item);
        case LEX_MAP_START:
                return open_container(p, CONF_MAP, item);
        case LEX_ARRAY_END:
        case LEX_MAP_END:
                return close_container(p, item);
        case LEX_VARIABLE:
                return add_variable(p, item);
        case LEX_INCLUDE:
                return add_include(p, item);
        case LEX_EOF:
                break;
        }
        return 0;
}

/* Read all items. The last key may lack its value only when it is a '}' too many. */
static int run(struct parser *p, const char *name)
{
        struct lex_item item;
        bool key_last = false, brace = false;
        for (;;) {
                lexer_next(&p->lexer, &item);
                if (item.type == LEX_EOF)
                        break;
                key_last = item.type == LEX_KEY;
                brace = key_last && slice_eq_str(item.text, "}");
                int rc = on_item(p, &item);
                if (rc < 0)
                        return rc;
        }
        if (key_last && !brace)
                return errbuf_set(p->session->eb, ERR_CONFIG, "config is invalid (%s:%d:%d)", name,
                        item.line, item.col);
        return 0;
}

static struct conf_value *parse_text(
        struct session *session, struct slice text, const char *name, bool from_env)
{
        struct parser *p = xnew(struct parser);
        struct buf dir;
        buf_init(&dir);
        path_dir(&dir, slice_str(name));
        p->session = session;
        p->file = from_env ? NULL : arena_str(session->arena, slice_str(name));
        p->dir = buf_slice(&dir);
        struct conf_value *root = conf_new(session->arena, CONF_MAP);
        root->file = p->file;
        p->frames[0].container = root;
        lexer_init(&p->lexer, text);
        int rc = run(p, name);
        lexer_fini(&p->lexer);
        buf_fini(&dir);
        xfree(p);
        return rc < 0 ? NULL : root;
}

static int read_all(int fd, struct buf *text)
{
        for (;;) {
                if (!buf_reserve(text, 65536))
                        return -EFBIG;
                ssize_t n = read(fd, text->ptr + text->len, text->cap - text->len);
                if (n == 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        text->len += (size_t)n;
        }
}

static struct conf_value *parse_path(struct session *session, const char *path)
{
        struct buf text = { .limit = CONF_FILE_BYTES_MAX };
        session->file_n++;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
                errbuf_set(session->eb, ERR_CONFIG, "open %s: %s", path, err_text(-errno));
                return NULL;
        }
        int rc = read_all(fd, &text);
        close(fd);
        struct conf_value *root = NULL;
        if (rc < 0)
                errbuf_set(session->eb, ERR_CONFIG, "read %s: %s", path, err_text(rc));
        else
                root = parse_text(session, buf_slice(&text), path, false);
        if (text.ptr) /* with every password in it */
                mem_wipe(text.ptr, text.len);
        buf_fini(&text);
        return root;
}

struct conf_value *conf_parse(
        struct arena *arena, struct slice text, const char *name, unsigned flags, struct errbuf *eb)
{
        struct errbuf unused;
        struct session session = { .arena = arena, .flags = flags, .eb = eb ? eb : &unused };
        return parse_text(&session, text, name, false);
}

struct conf_value *conf_parse_file(struct arena *arena, const char *path, struct errbuf *eb)
{
        struct errbuf unused;
        struct link here = { slice_str(path), NULL, 0 };
        struct session session = { .arena = arena, .files = &here, .eb = eb ? eb : &unused };
        return parse_path(&session, path);
}
