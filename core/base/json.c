/* SPDX-License-Identifier: MIT
 * json.c — JSON text into a bounded tree: one strict walk first, then yajl, whose callbacks build.
 * May touch: the heap; yajl inside.
 *
 * yajl alone would accept a good deal that RFC 8259 does not (bad UTF-8, vertical tabs, open comments,
 * any depth) and does not check its allocations. So the text is walked before, and yajl's memory is
 * reserved before: it can then neither refuse nor run out.
 */
#include "base/json.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/jsontext.h"
#include "base/number.h"
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#define DEFAULT_SIZE 65536u
#define DEFAULT_VALUES 16384u
#define FEW 16u /* members of an object whose names are sorted without an allocation */

/* What a tree really is; the root comes first, so that it leads back to the arena. */
struct tree {
    struct rn_json root;
    struct rn_arena arena;
};

/* An array or object that is still open. */
struct level {
    struct rn_json *v;
    struct rn_json **tail; /* where its next child goes */
};

struct build {
    struct tree *tree;
    struct rn_arena scratch; /* yajl's memory, and all else that ends with the parse */
    struct level *levels;
    size_t depth;
    size_t n_values, max_values;
    const char *key; /* of the value to come */
    size_t n_key;
    yajl_handle yajl;
    const void *text;
    size_t size;     /* bytes of text */
    int at_end;      /* yajl has had all the text */
    size_t wrong_at; /* where what failed stands */
    int rc;          /* what a callback failed with */
    struct runnel_err *err;
};

static int no_memory(struct build *b) {
    b->rc = rn_fail(b->err, RUNNEL_ENOMEM, "no memory for a tree of %zu bytes of JSON", b->size);
    return 0;
}

/* The offset behind the token that yajl has just read. */
static size_t offset(const struct build *b) {
    return b->at_end ? b->size : yajl_get_bytes_consumed(b->yajl);
}

static char *copy(struct build *b, const void *p, size_t n) {
    char *s = rn_arena_get(&b->tree->arena, n + 1);
    if (s && n > 0)
        memcpy(s, p, n);
    return s;
}

/* Adds a value to what is open; NULL when a bound or the memory forbids it. */
static struct rn_json *add(struct build *b, enum rn_json_type type) {
    struct rn_json *v = &b->tree->root;
    if (b->n_values++ == b->max_values) {
        b->wrong_at = offset(b);
        b->rc = rn_fail(b->err, RUNNEL_ETOOBIG, "more than the limit of %zu values", b->max_values);
        return NULL;
    }
    if (b->depth > 0) {
        struct level *up = &b->levels[b->depth - 1];
        v = rn_arena_get(&b->tree->arena, sizeof *v);
        if (!v) {
            no_memory(b);
            return NULL;
        }
        *up->tail = v;
        up->tail = &v->next;
        up->v->n++;
    }
    v->type = type;
    v->off = offset(b);
    v->key = b->key;
    v->n_key = b->n_key;
    b->key = NULL;
    b->n_key = 0;
    return v;
}

/* ---- yajl's callbacks: 1 goes on, 0 stops ---- */

static int on_null(void *arg) {
    return add(arg, RN_NULL) != NULL;
}

static int on_bool(void *arg, int yes) {
    struct rn_json *v = add(arg, RN_BOOL);
    if (v)
        v->i = yes ? 1 : 0;
    return v != NULL;
}

static int on_number(void *arg, const char *s, size_t n) {
    int64_t i = 0;
    struct rn_json *v = add(arg, rn_number_i64(s, n, &i) ? RN_INT : RN_NUMBER);
    if (!v)
        return 0;
    v->i = i;
    v->text = copy(arg, s, n);
    v->n_text = n;
    return v->text ? 1 : no_memory(arg);
}

static int on_string(void *arg, const unsigned char *s, size_t n) {
    struct rn_json *v = add(arg, RN_STRING);
    if (!v)
        return 0;
    v->text = copy(arg, s, n);
    v->n_text = n;
    return v->text ? 1 : no_memory(arg);
}

static int on_key(void *arg, const unsigned char *s, size_t n) {
    struct build *b = arg;
    b->key = copy(b, s, n);
    b->n_key = n;
    return b->key ? 1 : no_memory(b);
}

static int begin(struct build *b, enum rn_json_type type) {
    struct rn_json *v = add(b, type);
    if (!v)
        return 0;
    v->off--; /* yajl stands behind the brace */
    b->levels[b->depth++] = (struct level){v, &v->child};
    return 1;
}

static int on_object(void *arg) {
    return begin(arg, RN_OBJECT);
}

static int on_array(void *arg) {
    return begin(arg, RN_ARRAY);
}

static int on_array_end(void *arg) {
    struct build *b = arg;
    b->depth--;
    return 1;
}

/* By name, and members of one name in order of the text. */
static int by_key(const void *x, const void *y) {
    const struct rn_json *a = *(const struct rn_json *const *)x, *b = *(const struct rn_json *const *)y;
    if (a->n_key != b->n_key)
        return a->n_key < b->n_key ? -1 : 1;
    int d = memcmp(a->key, b->key, a->n_key);
    return d != 0 ? d : a->off < b->off ? -1 : 1;
}

static int same_key(const struct rn_json *a, const struct rn_json *b) {
    return a->n_key == b->n_key && memcmp(a->key, b->key, a->n_key) == 0;
}

/* The first member of a name that an earlier one, *had, has already; NULL: none. Sorts, because a peer
 * that chooses the names must not make this quadratic. */
static const struct rn_json *doubled(const struct rn_json **members, size_t n, const struct rn_json **had) {
    const struct rn_json *first = NULL;
    qsort(members, n, sizeof *members, by_key);
    for (size_t i = 1; i < n; i++)
        if (same_key(members[i - 1], members[i]) && (!first || members[i]->off < first->off)) {
            *had = members[i - 1];
            first = members[i];
        }
    return first;
}

static int on_object_end(void *arg) {
    struct build *b = arg;
    const struct rn_json *o = b->levels[--b->depth].v, *few[FEW], **members = few;
    if (o->n < 2)
        return 1;
    if (o->n > FEW && !(members = malloc(o->n * sizeof *members)))
        return no_memory(b);
    size_t n = 0;
    for (const struct rn_json *v = o->child; v; v = v->next)
        members[n++] = v;
    const struct rn_json *first = NULL, *second = doubled(members, n, &first);
    if (members != few)
        free(members);
    if (!second)
        return 1;
    b->wrong_at = second->off;
    b->rc = rn_fail(
        b->err, RUNNEL_EINVALID, "the name \"%.*s\" stands twice in one object, first on line %u; leave one out",
        second->n_key < 64 ? (int)second->n_key : 64, second->key, rn_json_line(b->text, b->size, first->off));
    return 0;
}

/* ---- yajl's memory ---- */

/* More than yajl takes for `n` bytes of text: its handle and lexer, and two buffers (decoded strings,
 * the token at the very end) that begin at 2048 bytes and double, each by a copy. */
static size_t yajl_needs(size_t n) {
    return 8192 + 12 * n;
}

/* Pieces know their size, for realloc. */
static void *yajl_get(void *arena, size_t n) {
    size_t *p = rn_arena_get(arena, n + 16);
    if (!p)
        return NULL;
    *p = n;
    return (char *)p + 16;
}

static void *yajl_more(void *arena, void *old, size_t n) {
    void *p = yajl_get(arena, n);
    if (p && old) {
        size_t had = *(size_t *)(void *)((char *)old - 16);
        memcpy(p, old, had < n ? had : n);
    }
    return p;
}

static void yajl_put_back(void *arena, void *p) {
    (void)arena; /* the arena frees all at once */
    (void)p;
}

/* ---- the parse ---- */

static int build(struct build *b, const void *p, size_t n, unsigned comments) {
    static const yajl_callbacks callbacks = {.yajl_null = on_null,
                                             .yajl_boolean = on_bool,
                                             .yajl_number = on_number,
                                             .yajl_string = on_string,
                                             .yajl_start_map = on_object,
                                             .yajl_map_key = on_key,
                                             .yajl_end_map = on_object_end,
                                             .yajl_start_array = on_array,
                                             .yajl_end_array = on_array_end};
    yajl_alloc_funcs memory = {yajl_get, yajl_more, yajl_put_back, &b->scratch};
    b->yajl = yajl_alloc(&callbacks, &memory, b);
    if (!b->yajl || !yajl_config(b->yajl, yajl_allow_comments, (int)comments) ||
        !yajl_config(b->yajl, yajl_dont_validate_strings, 1))
        return rn_fail(b->err, RUNNEL_EINTERNAL, "yajl could not be set up");
    yajl_status status = yajl_parse(b->yajl, p, n);
    if (status == yajl_status_ok) {
        b->at_end = 1;
        status = yajl_complete_parse(b->yajl);
    }
    if (status == yajl_status_ok)
        return 0;
    if (b->rc < 0)
        return b->rc;
    b->wrong_at = offset(b);
    return rn_fail(b->err, RUNNEL_EINTERNAL, "yajl refuses JSON that this program takes to be well-formed");
}

static int reserve(struct build *b, size_t n, uint32_t depth) {
    if (rn_arena_reserve(&b->scratch, yajl_needs(n) + (depth + 1) * sizeof *b->levels) < 0)
        return -RUNNEL_ENOMEM;
    b->levels = rn_arena_get(&b->scratch, (depth + 1) * sizeof *b->levels);
    b->tree = calloc(1, sizeof *b->tree);
    return b->levels && b->tree ? 0 : -RUNNEL_ENOMEM;
}

static struct rn_json_limits limits_or_defaults(const struct rn_json_limits *given) {
    struct rn_json_limits l = given ? *given : (struct rn_json_limits){0};
    l.size = l.size ? l.size : DEFAULT_SIZE;
    l.depth = l.depth ? l.depth : RN_JSON_DEPTH;
    l.depth = l.depth < RN_TEXT_DEPTH ? l.depth : RN_TEXT_DEPTH;
    l.values = l.values ? l.values : DEFAULT_VALUES;
    return l;
}

static int parse(struct build *b, const void *p, size_t n, const struct rn_json_limits *l) {
    unsigned comments = l->flags & RN_JSON_COMMENTS;
    struct rn_text_rules rules = {.depth = l->depth, .blanks = 1, .comments = comments != 0};
    int rc = rn_text_walk(p, n, &rules, NULL, &b->wrong_at, b->err);
    if (rc < 0)
        return rc;
    if (reserve(b, n, l->depth) < 0)
        return rn_fail(b->err, RUNNEL_ENOMEM, "no memory for a tree of %zu bytes of JSON", n);
    return build(b, p, n, comments);
}

int rn_json_parse(const void *p, size_t n, const struct rn_json_limits *limits, struct rn_json **out, size_t *at_off,
                  struct runnel_err *err) {
    struct rn_json_limits l = limits_or_defaults(limits);
    struct build b = {.text = p, .size = n, .max_values = l.values, .err = err};
    int rc;
    *out = NULL;
    if (n > l.size) {
        b.wrong_at = l.size;
        rc = rn_fail(err, RUNNEL_ETOOBIG, "%zu bytes of JSON, the limit is %zu", n, l.size);
    } else {
        rc = parse(&b, p, n, &l);
        if (rc < 0 && err)
            (void)rn_wrap(err, "line %u", rn_json_line(p, n, b.wrong_at));
    }
    if (rc == 0)
        *out = &b.tree->root;
    else if (b.tree)
        rn_json_free(&b.tree->root);
    rn_arena_free(&b.scratch);
    if (rc < 0 && at_off)
        *at_off = b.wrong_at;
    return rc;
}

void rn_json_free(struct rn_json *root) {
    struct tree *tree = (struct tree *)(void *)root;
    if (!tree)
        return;
    rn_arena_free(&tree->arena);
    free(tree);
}

unsigned rn_json_line(const void *p, size_t n, size_t off) {
    const char *s = p;
    unsigned line = 1;
    for (size_t i = 0; i < off && i < n; i++)
        line += s[i] == '\n';
    return line;
}
