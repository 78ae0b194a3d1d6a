/* SPDX-License-Identifier: MIT
 * streams.c — runnel streams, create, head, subscribe and unsubscribe.
 * May touch: the node, by asking it.
 */
#include "tool/tool.h"
#include <stdio.h>
#include <string.h>

/* ---- streams ---- */

static const char *const stream_columns[] = {"stream", "name", "author", ">count", "last", "state"};

struct listing {
    struct rn_tool *tool;
    struct rn_table table;
    uint64_t n;
    struct runnel_err err;
};

static int list_one(void *arg, const struct rn_json *o) {
    struct listing *l = arg;
    struct rn_stream s;
    char last[RN_TIME_TEXT] = "-";
    if (rn_stream_read(o, &s, &l->err) < 0)
        return RN_EXIT_ERROR;
    if (s.has_last)
        (void)rn_time_format(s.last, last);
    l->n++;
    rn_table_cell(&l->table, "%s", s.id);
    rn_table_cell(&l->table, "%s", s.name);
    rn_table_cell(&l->table, "%.8s", s.author);
    rn_table_cell(&l->table, "%llu", (unsigned long long)s.count);
    rn_table_cell(&l->table, "%s", last);
    rn_table_cell(&l->table, "%s", rn_text_of(o, "state"));
    return 0;
}

static void list_page(void *arg) {
    struct listing *l = arg;
    if (l->n > 0)
        rn_table_flush(&l->table, l->tool);
}

static int list_json(void *arg, const struct rn_json *o) {
    struct listing *l = arg;
    struct rn_buf b = {0};
    struct rn_jw w;
    rn_jw_init(&w, &b);
    rn_jw_tree(&w, o);
    rn_out(l->tool, l->n++ ? "," : "{\"streams\":[");
    rn_out_bytes(l->tool, b.p, b.n);
    rn_buf_free(&b);
    return 0;
}

int rn_cmd_streams(struct rn_tool *t) {
    struct listing l = {.tool = t};
    int r;
    if (t->json) {
        r = rn_each_stream(t, list_json, NULL, &l);
        if (r == 0)
            rn_out(t, l.n ? "]}\n" : "{\"streams\":[]}\n");
        return r;
    }
    rn_table_init(&l.table, stream_columns, sizeof stream_columns / sizeof *stream_columns);
    r = rn_each_stream(t, list_one, list_page, &l);
    rn_table_free(&l.table);
    if (r != 0 && l.err.code)
        return rn_tool_fail(t, r, &l.err);
    if (r == 0 && l.n == 0)
        rn_out(t, "no streams yet: \"runnel create\" makes one, \"runnel subscribe\" fetches one\n");
    return r;
}

/* ---- create ---- */

static int write_meta(struct rn_tool *t, struct rn_jw *w) {
    const char *unit = rn_arg(t, "unit"), *cadence = rn_arg(t, "cadence"), *description = rn_arg(t, "description");
    struct runnel_err err;
    int64_t ns = 0;
    if (cadence && rn_duration_parse(cadence, strlen(cadence), &ns, &err) < 0)
        return rn_usage(t, "--cadence: %s", err.msg);
    if (cadence && (ns <= 0 || ns % RN_NS_MS != 0))
        return rn_usage(t, "--cadence %s: want whole milliseconds, more than none", cadence);
    if (!unit && !cadence && !description)
        return 0;
    rn_jw_key(w, "meta");
    rn_jw_object(w);
    if (unit)
        rn_jw_kstr(w, "unit", unit);
    if (cadence)
        rn_jw_kint(w, "cadence", ns / RN_NS_MS);
    if (description)
        rn_jw_kstr(w, "description", description);
    rn_jw_end_object(w);
    return 0;
}

static int write_descriptor(struct rn_tool *t, struct rn_buf *b) {
    const char *source = rn_arg(t, "source"), *stream = rn_arg(t, "stream"), *target = rn_arg(t, "target");
    struct rn_jw w;
    if (!source || !stream)
        return rn_usage(
            t, "--source and --stream are needed, as in runnel create --source noaa --stream temp_max --unit °C");
    rn_jw_init(&w, b);
    rn_jw_object(&w);
    rn_jw_key(&w, "descriptor");
    rn_jw_object(&w);
    rn_jw_kstr(&w, "source", source);
    rn_jw_kstr(&w, "stream", stream);
    rn_jw_kstr(&w, "target", target ? target : "");
    int r = write_meta(t, &w);
    rn_jw_end_object(&w);
    rn_jw_end_object(&w);
    return r;
}

int rn_cmd_create(struct rn_tool *t) {
    struct rn_buf json = {0};
    struct rn_answer a;
    int r = write_descriptor(t, &json);
    const char *params = rn_buf_cstr(&json);
    if (r == 0)
        r = params ? rn_ask(t, "create", params, &a)
                   : rn_tool_failf(t, RN_EXIT_ERROR, RUNNEL_ENOMEM, "create: no memory");
    rn_buf_free(&json);
    if (r != 0)
        return r;
    if (t->json)
        rn_out_answer(t, &a);
    else
        rn_out(t, "%s\n", rn_text_of(a.tree, "stream"));
    if (!t->json && !rn_truth_of(a.tree, "created"))
        rn_note(t, "the stream was there already");
    rn_answer_free(&a);
    return 0;
}

/* ---- head ---- */

static void line(struct rn_tool *t, const char *name, const char *value) {
    rn_out(t, "%-12s", name);
    rn_out_clean(t, value);
    rn_out(t, "\n");
}

static void time_line(struct rn_tool *t, const char *name, const struct rn_json *o, const char *key) {
    char text[RN_TIME_TEXT];
    int64_t ns;
    if (rn_json_i64(o, key, &ns, NULL) == 0)
        line(t, name, ns == INT64_MIN ? "-" : rn_time_format(ns, text));
}

static void show_head(struct rn_tool *t, const struct rn_json *o, const struct rn_stream *s) {
    char count[32];
    const struct rn_json *meta = rn_json_get(rn_json_get(o, "descriptor"), "meta");
    uint64_t n = 0;
    line(t, "stream", s->id);
    line(t, "name", s->name);
    line(t, "author", s->author);
    if (s->unit[0])
        line(t, "unit", s->unit);
    if (*rn_text_of(meta, "description"))
        line(t, "description", rn_text_of(meta, "description"));
    line(t, "state", rn_text_of(o, "state"));
    if (*rn_text_of(o, "trouble"))
        line(t, "trouble", rn_text_of(o, "trouble"));
    if (*rn_text_of(o, "provider"))
        line(t, "provider", rn_text_of(o, "provider"));
    (void)snprintf(count, sizeof count, "%llu", (unsigned long long)s->count);
    line(t, "held", count);
    if (rn_json_u64(o, "want", &n, NULL) == 0) {
        (void)snprintf(count, sizeof count, "%llu", (unsigned long long)n);
        line(t, "wanted", count);
    }
    time_line(t, "last", o, "last");
    if (rn_json_u64(o, "head_count", &n, NULL) < 0) {
        line(t, "head", "none is held whole yet");
        return;
    }
    (void)snprintf(count, sizeof count, "%llu", (unsigned long long)n);
    line(t, "head of", count);
    line(t, "root", rn_text_of(o, "root"));
    time_line(t, "signed", o, "signed_at");
    time_line(t, "through", o, "through");
}

int rn_cmd_head(struct rn_tool *t) {
    struct rn_stream s;
    struct rn_answer a;
    struct runnel_err err;
    int r = rn_resolve(t, t->words[0], &s);
    if (r == 0)
        r = rn_ask_stream(t, "head", s.id, &a);
    if (r != 0)
        return r;
    if (t->json)
        rn_out_answer(t, &a);
    else if (rn_stream_read(a.tree, &s, &err) < 0)
        r = rn_tool_fail(t, RN_EXIT_ERROR, &err);
    else
        show_head(t, a.tree, &s);
    rn_answer_free(&a);
    return r;
}

/* ---- subscribe, unsubscribe ---- */

/* Full names go to the node as they are: it may never have heard of the stream. */
static int name_for_node(struct rn_tool *t, struct rn_stream *s, const char **out) {
    *out = t->words[0];
    if (rn_is_full_name(*out))
        return 0;
    int r = rn_resolve(t, t->words[0], s);
    *out = s->id;
    return r;
}

static int change(struct rn_tool *t, const char *method, const char *key, const char *yes, const char *no) {
    struct rn_stream s;
    struct rn_answer a;
    const char *name;
    int exit = name_for_node(t, &s, &name);
    if (exit == 0)
        exit = rn_ask_stream(t, method, name, &a);
    if (exit != 0)
        return exit;
    if (t->json)
        rn_out_answer(t, &a);
    else
        rn_out(t, "%s\n", rn_truth_of(a.tree, key) ? yes : no);
    rn_answer_free(&a);
    return 0;
}

int rn_cmd_subscribe(struct rn_tool *t) {
    return change(t, "subscribe", "added", "subscribed; \"runnel streams\" shows how far it is",
                  "the node follows this stream already");
}

int rn_cmd_unsubscribe(struct rn_tool *t) {
    return change(t, "unsubscribe", "removed", "unsubscribed; what was fetched is kept",
                  "the node did not follow this stream");
}
