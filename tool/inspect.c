/* SPDX-License-Identifier: MIT
 * inspect.c — runnel status, peers and plugins: how the node is.
 * May touch: the node, by asking it.
 */
#include "tool/tool.h"
#include <string.h>

/* With --json the node's answer is the output. Returns 1 when there is something left to show. */
static int ask(struct rn_tool *t, const char *method, struct rn_answer *a, int *exit) {
    *exit = rn_ask(t, method, NULL, a);
    if (*exit != 0)
        return 0;
    if (!t->json)
        return 1;
    rn_out_answer(t, a);
    rn_answer_free(a);
    return 0;
}

static void text_line(struct rn_tool *t, const char *name, const char *value) {
    if (!*value)
        return;
    rn_out(t, "%-10s", name);
    rn_out_clean(t, value);
    rn_out(t, "\n");
}

/* Shows what was gathered, and empties it. */
static void line(struct rn_tool *t, const char *name, struct rn_buf *value) {
    const char *text = rn_buf_cstr(value);
    text_line(t, name, text ? text : "?");
    rn_buf_clear(value);
}

static void show_status(struct rn_tool *t, const struct rn_json *o) {
    struct rn_buf b = {0};
    text_line(t, "node", rn_text_of(o, "node"));
    text_line(t, "name", rn_text_of(o, "name"));
    text_line(t, "agent", rn_text_of(o, "agent"));
    text_line(t, "address", t->address);
    const struct rn_json *author = rn_json_get(o, "author");
    text_line(t, "author", author ? rn_text_of(author, "message") : "");
    uint64_t ms = rn_number_of(o, "uptime_ms");
    rn_human_span(&b, ms > INT64_MAX / RN_NS_MS ? INT64_MAX : (int64_t)ms * RN_NS_MS);
    line(t, "up", &b);
    rn_human_count(&b, rn_number_of(o, "streams"));
    rn_buf_str(&b, ", own ");
    rn_human_count(&b, rn_number_of(o, "own"));
    rn_buf_str(&b, ", subscribed to ");
    rn_human_count(&b, rn_number_of(o, "subscriptions"));
    if (rn_number_of(o, "troubled")) {
        rn_buf_str(&b, ", in trouble ");
        rn_human_count(&b, rn_number_of(o, "troubled"));
        rn_buf_str(&b, " (\"runnel streams\" shows which)");
    }
    line(t, "streams", &b);
    rn_human_count(&b, rn_number_of(o, "sessions"));
    rn_buf_str(&b, ", follows ");
    rn_human_count(&b, rn_number_of(o, "follows"));
    line(t, "sessions", &b);
    rn_buf_free(&b);
}

int rn_cmd_status(struct rn_tool *t) {
    struct rn_answer a;
    int exit;
    if (ask(t, "status", &a, &exit)) {
        show_status(t, a.tree);
        rn_answer_free(&a);
    }
    return exit;
}

/* ---- peers ---- */

static void bytes_cell(struct rn_table *x, uint64_t n) {
    struct rn_buf b = {0};
    rn_human_bytes(&b, n);
    rn_table_cell(x, "%s", rn_buf_cstr(&b) ? (const char *)b.p : "?");
    rn_buf_free(&b);
}

static void since_cell(struct rn_table *x, const struct rn_json *o) {
    struct rn_buf b = {0};
    int64_t since = 0;
    if (rn_json_i64(o, "since", &since, NULL) == 0)
        rn_human_span(&b, rn_wall() - since);
    rn_table_cell(x, "%s", rn_buf_cstr(&b) ? (const char *)b.p : "?");
    rn_buf_free(&b);
}

static void peer_row(struct rn_table *x, const struct rn_json *o) {
    int dialled = 0;
    (void)rn_json_bool(o, "dialled", &dialled, NULL); /* absent: it came to us */
    rn_table_cell(x, "%.8s", *rn_text_of(o, "node") ? rn_text_of(o, "node") : "-");
    rn_table_cell(x, "%s", rn_text_of(o, "address"));
    rn_table_cell(x, "%s", dialled ? "by us" : "by it");
    rn_table_cell(x, "%s", rn_text_of(o, "state"));
    since_cell(x, o);
    rn_table_cell(x, "%llu", (unsigned long long)rn_number_of(o, "follows_in"));
    rn_table_cell(x, "%llu", (unsigned long long)rn_number_of(o, "follows_out"));
    bytes_cell(x, rn_number_of(o, "received"));
    bytes_cell(x, rn_number_of(o, "sent"));
    rn_table_cell(x, "%s", rn_text_of(o, "agent"));
}

int rn_cmd_peers(struct rn_tool *t) {
    static const char *const columns[] = {"node",        "address",    "dialled",   "state", "for",
                                          ">follows us", ">we follow", ">received", ">sent", "agent"};
    struct rn_answer a;
    struct rn_table x;
    int exit;
    if (!ask(t, "peers", &a, &exit))
        return exit;
    const struct rn_json *list = rn_json_get(a.tree, "peers");
    rn_table_init(&x, columns, sizeof columns / sizeof *columns);
    for (const struct rn_json *o = list ? list->child : NULL; o; o = o->next)
        peer_row(&x, o);
    if (x.n_cells > 0)
        rn_table_flush(&x, t);
    else
        rn_out(t, "no peers\n");
    int more = 0;
    if (rn_json_bool(a.tree, "more", &more, NULL) == 0 && more)
        rn_out(t, "and more than fit in one answer\n");
    rn_table_free(&x);
    rn_answer_free(&a);
    return 0;
}

/* ---- plugins ---- */

/* A list of strings, or a string, with blanks between. */
static void words_cell(struct rn_table *x, const struct rn_json *v) {
    struct rn_buf b = {0};
    if (v && (v->type == RN_STRING || v->type == RN_INT || v->type == RN_NUMBER))
        rn_buf_add(&b, v->text, v->n_text);
    for (const struct rn_json *e = v && v->type == RN_ARRAY ? v->child : NULL; e; e = e->next)
        if (e->type == RN_STRING)
            rn_buf_fmt(&b, "%s%s", b.n ? " " : "", e->text);
    rn_table_cell(x, "%s", b.n && rn_buf_cstr(&b) ? (const char *)b.p : "-");
    rn_buf_free(&b);
}

static void rows(struct rn_tool *t, const struct rn_json *list, const char *const *columns, size_t n) {
    struct rn_table x;
    rn_table_init(&x, columns, n);
    for (const struct rn_json *o = list ? list->child : NULL; o; o = o->next)
        for (size_t i = 0; i < n; i++)
            words_cell(&x, rn_json_get(o, columns[i]));
    if (x.n_cells > 0)
        rn_table_flush(&x, t);
    rn_table_free(&x);
}

int rn_cmd_plugins(struct rn_tool *t) {
    static const char *const plugins[] = {"kind", "name", "version", "abi", "summary", "from"};
    static const char *const instances[] = {"kind", "name", "plugin", "addresses"};
    struct rn_answer a;
    int exit;
    if (!ask(t, "plugins", &a, &exit))
        return exit;
    rows(t, rn_json_get(a.tree, "plugins"), plugins, sizeof plugins / sizeof *plugins);
    rn_out(t, "\ninstances\n");
    rows(t, rn_json_get(a.tree, "instances"), instances, sizeof instances / sizeof *instances);
    rn_answer_free(&a);
    return 0;
}
