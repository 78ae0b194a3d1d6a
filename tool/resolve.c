/* SPDX-License-Identifier: MIT
 * resolve.c — finds the stream that is meant by what people type.
 * May touch: the node, by asking it.
 */
#include "tool/tool.h"
#include <stdio.h>
#include <string.h>

#define CANDIDATES 20u /* so many are listed when several are meant */
#define PAGE 256

/* ---- reading the node's stream objects ---- */

static void copy(char *to, size_t room, const char *from) {
    (void)snprintf(to, room, "%s", from);
}

int rn_stream_read(const struct rn_json *o, struct rn_stream *out, struct runnel_err *err) {
    const struct rn_json *d = rn_json_get(o, "descriptor"), *meta = rn_json_get(d, "meta");
    const char *id = "", *author = "", *source = "", *stream = "", *target = "", *unit = "";
    memset(out, 0, sizeof *out);
    if (!d || rn_json_str(o, "stream", &id, err) < 0 || runnel_id_parse(id, &out->raw) < 0 ||
        rn_json_str(d, "author", &author, err) < 0 || rn_json_str(d, "source", &source, err) < 0 ||
        rn_json_str(d, "stream", &stream, err) < 0 || rn_json_u64(o, "count", &out->count, err) < 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "the node's answer about a stream lacks what it must have");
    (void)rn_json_str(d, "target", &target, NULL); /* absent is empty */
    (void)rn_json_str(meta, "unit", &unit, NULL);
    out->has_last = rn_json_i64(o, "last", &out->last, NULL) == 0;
    copy(out->id, sizeof out->id, id);
    copy(out->author, sizeof out->author, author);
    copy(out->unit, sizeof out->unit, unit);
    (void)snprintf(out->name, sizeof out->name, "%s/%s%s%s", source, stream, *target ? "/" : "", target);
    return 0;
}

/* ---- all streams, a page at a time ---- */

static int each_of_page(struct rn_tool *t, const struct rn_answer *a, char last[RUNNEL_ID_TEXT], int *more,
                        int (*each)(void *, const struct rn_json *), void *arg) {
    const struct rn_json *list = rn_json_get(a->tree, "streams");
    const char *id = NULL;
    struct runnel_err err;
    int r = 0;
    *more = 0;
    for (const struct rn_json *o = list ? list->child : NULL; o && r == 0; o = o->next) {
        r = each(arg, o);
        if (rn_json_str(o, "stream", &id, &err) == 0)
            (void)snprintf(last, RUNNEL_ID_TEXT, "%s", id);
    }
    if (r == 0 && (!list || rn_json_bool(a->tree, "more", more, &err) < 0))
        return rn_tool_failf(t, RN_EXIT_ERROR, RUNNEL_EDAMAGED, "the node's list of streams is malformed");
    if (!id)
        *more = 0; /* an empty page is the last one, whatever it says */
    return r;
}

int rn_each_stream(struct rn_tool *t, int (*each)(void *arg, const struct rn_json *o), void (*page)(void *arg),
                   void *arg) {
    char json[96], last[RUNNEL_ID_TEXT] = "";
    struct rn_answer a;
    struct runnel_err err;
    int more = 1, r = 0;
    while (more && r == 0) {
        (void)snprintf(json, sizeof json, *last ? "{\"limit\":%d,\"after\":\"%s\"}" : "{\"limit\":%d}", PAGE, last);
        if (rn_node_ask(t, "streams", json, &a, &err) < 0)
            return rn_tool_fail(t, rn_exit_of(&err), &err);
        r = each_of_page(t, &a, last, &more, each, arg);
        if (r == 0 && page)
            page(arg);
        rn_answer_free(&a);
    }
    return r;
}

/* ---- what was typed ---- */

static int is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The digits of an id or of its beginning, lower case; 0 when the text is no such thing. */
static size_t id_digits(const char *s, char out[33]) {
    size_t n = 0;
    for (; *s; s++) {
        if (*s == '-')
            continue;
        if (!is_hex(*s) || n == 32)
            return 0;
        out[n++] = (char)(*s >= 'A' && *s <= 'F' ? *s + 32 : *s);
    }
    out[n] = 0;
    return n >= 4 ? n : 0;
}

/* "AUTHOR/": 64 digits and a slash. Returns what is behind it, or NULL. */
static const char *after_author(const char *s) {
    size_t n = 0;
    while (is_hex(s[n]))
        n++;
    return n == 64 && s[n] == '/' ? s + n + 1 : NULL;
}

int rn_is_full_name(const char *text) {
    struct runnel_id id;
    return runnel_id_parse(text, &id) == 0 || after_author(text) != NULL;
}

struct search {
    const char *digits; /* beginning of the id, or NULL */
    const char *author; /* its 64 digits, or NULL */
    const char *name;   /* source/stream[/target], or NULL */
    int exact;          /* the one found has just this name, not only its beginning */
    size_t n;
    struct rn_stream found[CANDIDATES];
    struct runnel_err err;
};

static int same_digits(const char *digits, const char *id) {
    char all[33];
    return id_digits(id, all) == 32 && strncmp(digits, all, strlen(digits)) == 0;
}

/* 2: the whole name, 1: source/stream of one with a target, 0: another one. "a/b/" is a/b without target. */
static int same_name(const char *typed, const char *name) {
    size_t n = strlen(typed);
    if (strcmp(typed, name) == 0)
        return 2;
    if (n > 0 && typed[n - 1] == '/' && strlen(name) == n - 1 && strncmp(typed, name, n - 1) == 0)
        return 2;
    return strncmp(typed, name, n) == 0 && name[n] == '/' && strchr(typed, '/') != NULL;
}

static int consider(void *arg, const struct rn_json *o) {
    struct search *s = arg;
    struct rn_stream one;
    if (rn_stream_read(o, &one, &s->err) < 0)
        return RN_EXIT_ERROR;
    int by_name = s->name ? same_name(s->name, one.name) : 0;
    if (s->author && strncmp(s->author, one.author, 64) != 0)
        by_name = 0;
    if (by_name == 0 && !(s->digits && same_digits(s->digits, one.id)))
        return 0;
    if (s->exact && by_name != 2)
        return 0;
    if (by_name == 2 && !s->exact) {
        s->exact = 1;
        s->n = 0; /* whole names go before beginnings */
    }
    if (s->n < CANDIDATES)
        s->found[s->n] = one;
    s->n++;
    return 0;
}

static int ambiguous(struct rn_tool *t, const char *text, const struct search *s) {
    struct rn_buf list = {0};
    for (size_t i = 0; i < s->n && i < CANDIDATES; i++)
        rn_buf_fmt(&list, "\n  %s  %s  by %.8s", s->found[i].id, s->found[i].name, s->found[i].author);
    if (s->n > CANDIDATES)
        rn_buf_fmt(&list, "\n  and %zu more", s->n - CANDIDATES);
    int r = rn_tool_failf(t, RN_EXIT_STREAM, RUNNEL_ECONFLICT,
                          "%s: %zu streams are meant by \"%s\"; name one by its id", t->command->name, s->n, text);
    if (!t->json && !list.failed)
        (void)fprintf(stderr, "Candidates:%s\n", rn_buf_cstr(&list));
    rn_buf_free(&list);
    return r;
}

static int by_search(struct rn_tool *t, const char *text, struct rn_stream *out) {
    char digits[33];
    const char *behind = after_author(text);
    struct search s = {.digits = id_digits(text, digits) ? digits : NULL,
                       .author = behind ? text : NULL,
                       .name = behind              ? behind
                               : strchr(text, '/') ? text
                                                   : NULL};
    if (!s.digits && !s.name)
        return rn_tool_failf(t, RN_EXIT_STREAM, RUNNEL_ENOTFOUND,
                             "%s: \"%s\" names no stream: want a stream id or its first 4 digits at least, or "
                             "source/stream or source/stream/target",
                             t->command->name, text);
    int r = rn_each_stream(t, consider, NULL, &s);
    if (r != 0)
        return s.err.code ? rn_tool_fail(t, r, &s.err) : r;
    if (s.n > 1)
        return ambiguous(t, text, &s);
    if (s.n == 1) {
        *out = s.found[0];
        return 0;
    }
    return rn_tool_failf(t, RN_EXIT_STREAM, RUNNEL_ENOTFOUND,
                         "%s: the node knows no stream \"%s\"; \"runnel streams\" lists those it knows",
                         t->command->name, text);
}

int rn_resolve(struct rn_tool *t, const char *text, struct rn_stream *out) {
    struct runnel_id id;
    struct rn_buf json = {0};
    struct rn_answer a;
    struct runnel_err err;
    char canonical[RUNNEL_ID_TEXT];
    if (runnel_id_parse(text, &id) < 0)
        return by_search(t, text, out);
    const char *params = rn_node_stream_json(&json, runnel_id_format(&id, canonical));
    int r = params ? rn_node_ask(t, "head", params, &a, &err) : rn_fail(&err, RUNNEL_ENOMEM, "no memory");
    rn_buf_free(&json);
    if (r == 0) {
        r = rn_stream_read(a.tree, out, &err);
        rn_answer_free(&a);
    }
    if (r < 0) {
        int exit = err.code == RUNNEL_ENOTFOUND ? RN_EXIT_STREAM : rn_exit_of(&err);
        (void)rn_wrap(&err, "%s", t->command->name);
        return rn_tool_fail(t, exit, &err);
    }
    return 0;
}
