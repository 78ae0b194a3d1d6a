/* SPDX-License-Identifier: MIT
 * verify.c — runnel verify and fsck: is what the node holds whole, and what to do where it is not?
 * May touch: the node, by asking it.
 */
#include "tool/tool.h"
#include <stdio.h>
#include <string.h>

/* A walk over one stream, or all. */
struct checking {
    struct rn_tool *tool;
    const char *params; /* more members of verify's parameters */
    struct rn_buf ids;  /* of the streams, terminated */
    struct rn_progress progress;
    struct event *tick;
    uint64_t streams, damaged;
    struct runnel_err err;
};

static void on_tick(int fd, short what, void *arg) {
    struct checking *c = arg;
    (void)fd;
    (void)what;
    rn_progress_set(&c->progress, c->streams);
}

/* "  block 2, from #512 on, byte 1000: ...": then what to do. */
static void show_finding(struct rn_tool *t, const struct rn_json *d) {
    uint64_t v;
    rn_out(t, "  ");
    if (*rn_text_of(d, "kind") && *rn_text_of(d, "stream"))
        rn_out(t, "stream %s: ", rn_text_of(d, "stream"));
    if (rn_json_u64(d, "block", &v, NULL) == 0)
        rn_out(t, "block %llu", (unsigned long long)v);
    if (rn_json_u64(d, "from", &v, NULL) == 0)
        rn_out(t, ", from #%llu on", (unsigned long long)v);
    if (rn_json_u64(d, "offset", &v, NULL) == 0)
        rn_out(t, ", byte %llu of it", (unsigned long long)v);
    if (rn_json_get(d, "block"))
        rn_out(t, ": ");
    rn_out_clean(t, rn_text_of(d, "message"));
    rn_out(t, "\n    ");
    rn_out_clean(t, rn_text_of(d, "remedy"));
    rn_out(t, "\n");
}

static void show_findings(struct rn_tool *t, const struct rn_json *o, const char *key) {
    const struct rn_json *list = rn_json_get(o, key);
    for (const struct rn_json *d = list ? list->child : NULL; d; d = d->next)
        show_finding(t, d);
}

static void show_verified(struct checking *c, const struct rn_json *o, const char *name) {
    struct rn_tool *t = c->tool;
    uint64_t count = rn_number_of(o, "count"), blocks = rn_number_of(o, "blocks");
    rn_out_clean(t, name);
    rn_out(t, ": %s: %llu observation%s in %llu block%s\n", rn_truth_of(o, "ok") ? "whole and as signed" : "DAMAGED",
           (unsigned long long)count, count == 1 ? "" : "s", (unsigned long long)blocks, blocks == 1 ? "" : "s");
    show_findings(t, o, "damaged");
}

/* With --json each answer is a line. 0, or an exit code. */
static int verify_one(struct checking *c, const char *id, const char *name) {
    struct rn_tool *t = c->tool;
    struct rn_answer a;
    struct rn_buf json = {0};
    rn_buf_fmt(&json, "{\"stream\":\"%s\"%s}", id, c->params);
    const char *params = rn_buf_cstr(&json);
    int r = params ? rn_ask(t, "verify", params, &a)
                   : rn_tool_failf(t, RN_EXIT_ERROR, RUNNEL_ENOMEM, "%s: no memory", t->command->name);
    rn_buf_free(&json);
    if (r != 0)
        return r;
    c->streams++;
    c->damaged += !rn_truth_of(a.tree, "ok");
    if (t->json) {
        rn_out_answer(t, &a);
    } else {
        show_verified(c, a.tree, name);
    }
    rn_answer_free(&a);
    return 0;
}

static int take_stream(void *arg, const struct rn_json *o) {
    struct checking *c = arg;
    struct rn_stream s;
    if (rn_stream_read(o, &s, &c->err) < 0)
        return RN_EXIT_ERROR;
    if (rn_buf_add(&c->ids, s.id, strlen(s.id) + 1) != 0 || rn_buf_add(&c->ids, s.name, strlen(s.name) + 1) != 0)
        return RN_EXIT_ERROR;
    return 0;
}

static int verify_all(struct checking *c) {
    int r = rn_each_stream(c->tool, take_stream, NULL, c);
    if (r != 0 && c->err.code)
        return rn_tool_fail(c->tool, r, &c->err);
    for (size_t at = 0; r == 0 && at < c->ids.n;) {
        const char *id = (const char *)c->ids.p + at, *name = id + strlen(id) + 1;
        at += strlen(id) + strlen(name) + 2;
        r = verify_one(c, id, name);
    }
    return r;
}

static void begin(struct checking *c, const char *what) {
    struct timeval tv = {.tv_usec = 100000};
    rn_progress_begin(&c->progress, c->tool, what, 0);
    c->tick = event_new(c->tool->base, -1, EV_PERSIST, on_tick, c);
    if (c->tick)
        (void)event_add(c->tick, &tv); /* without it there is no clock to look at, and nothing else lost */
}

static int end(struct checking *c, int r) {
    if (c->tick)
        event_free(c->tick);
    rn_progress_end(&c->progress);
    rn_buf_free(&c->ids);
    return r ? r : c->damaged ? RN_EXIT_DAMAGED : RN_EXIT_OK;
}

int rn_cmd_verify(struct rn_tool *t) {
    struct checking c = {.tool = t, .params = ""};
    struct rn_stream s;
    int r = t->n_words ? rn_resolve(t, t->words[0], &s) : 0;
    if (r != 0)
        return r;
    begin(&c, "verifying");
    r = t->n_words ? verify_one(&c, s.id, s.name) : verify_all(&c);
    return end(&c, r);
}

/* The records that belong to no block and no tree. */
static int check_records(struct checking *c) {
    struct rn_tool *t = c->tool;
    struct rn_answer a;
    int r = rn_ask(t, "fsck", rn_arg(t, "mend") ? "{\"mend\":true}" : "{}", &a);
    if (r != 0)
        return r;
    c->damaged += !rn_truth_of(a.tree, "ok");
    if (t->json) {
        rn_out_answer(t, &a);
    } else {
        rn_out(t, "the store's records: %s: %llu looked at\n", rn_truth_of(a.tree, "ok") ? "whole" : "DAMAGED",
               (unsigned long long)rn_number_of(a.tree, "records"));
        show_findings(t, a.tree, "findings");
    }
    rn_answer_free(&a);
    return 0;
}

int rn_cmd_fsck(struct rn_tool *t) {
    struct checking c = {.tool = t, .params = rn_arg(t, "mend") ? ",\"mend\":true" : ""};
    begin(&c, "checking");
    int r = check_records(&c);
    if (r == 0)
        r = verify_all(&c);
    return end(&c, r);
}
