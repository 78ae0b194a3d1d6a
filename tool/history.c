/* SPDX-License-Identifier: MIT
 * history.c — runnel history, follow and at: observations written out.
 * May touch: the node, by following.
 */
#include "tool/tool.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

struct reading {
    struct rn_printer printer;
    struct rn_progress progress;
    int live_output; /* each batch is flushed */
    uint64_t from;
    int done, failed;
    struct runnel_err err;
    struct runnel_follow *follow;
};

static void on_started(void *arg, const struct runnel_started *s) {
    struct reading *r = arg;
    r->from = s->from;
    if (r->progress.on && s->count > s->from)
        r->progress.total = s->count - s->from;
}

static void on_observations(void *arg, const struct runnel_observation *o, size_t n) {
    struct reading *r = arg;
    struct rn_tool *t = r->printer.tool;
    rn_print(&r->printer, o, n);
    if (r->progress.on)
        rn_progress_set(&r->progress, o[n - 1].seq + 1 - r->from);
    if (r->live_output)
        (void)rn_out_flush(t); /* kept in out_errno, looked at below */
    if (t->out_errno) {
        runnel_unfollow(r->follow);
        r->done = 1;
    }
}

static void on_live(void *arg, int live, uint64_t next) {
    struct reading *r = arg;
    if (live)
        rn_note(r->printer.tool, "live from #%llu on", (unsigned long long)next);
    else
        rn_note(r->printer.tool, "not live for now: the way to the author is lost");
}

static void on_end(void *arg, uint64_t next, const struct runnel_err *err) {
    struct reading *r = arg;
    (void)next;
    r->done = 1;
    r->failed = err != NULL;
    if (err)
        r->err = *err;
}

static int read_stream(struct reading *r, const struct rn_stream *s, const struct runnel_follow_options *o) {
    struct rn_tool *t = r->printer.tool;
    struct runnel_follow_calls calls = {
        .size = sizeof calls, .started = on_started, .observations = on_observations, .state = on_live, .end = on_end};
    struct runnel_err err;
    rn_print_begin(&r->printer, s);
    if (r->live_output)
        (void)rn_out_flush(t);
    if (runnel_follow(t->client, s->id, o, &calls, r, &r->follow, &err) < 0)
        return rn_tool_fail(t, rn_exit_of(&err), &err);
    rn_node_wait(t, &r->done);
    rn_progress_end(&r->progress);
    if (r->failed) {
        (void)rn_out_flush(t);
        (void)rn_wrap(&r->err, "%s", t->command->name);
        return rn_tool_fail(t, rn_exit_of(&r->err), &r->err);
    }
    return 0;
}

/* --format, the stream, and of it --from, --until and --last. 0 or an exit code. */
static int read_arguments(struct rn_tool *t, enum rn_format *format, struct rn_stream *s,
                          struct runnel_follow_options *o) {
    struct rn_range range;
    int exit = rn_format_arg(t, format);
    if (exit == 0)
        exit = rn_range_read(t, &range);
    if (exit == 0)
        exit = rn_resolve(t, t->words[0], s);
    return exit ? exit : rn_range_apply(t, &range, s, o);
}

int rn_cmd_history(struct rn_tool *t) {
    struct reading r = {.printer = {.tool = t}};
    struct rn_stream s;
    struct runnel_follow_options o = {.size = sizeof o, .flags = RUNNEL_FOLLOW_HELD};
    int exit = read_arguments(t, &r.printer.format, &s, &o);
    if (exit != 0)
        return exit;
    rn_progress_begin(&r.progress, t, "history", s.count);
    if (isatty(STDOUT_FILENO))
        r.progress.on = 0;
    return read_stream(&r, &s, &o);
}

int rn_cmd_follow(struct rn_tool *t) {
    struct reading r = {.printer = {.tool = t}, .live_output = 1};
    struct rn_stream s;
    struct runnel_follow_options o = {.size = sizeof o, .from = RUNNEL_FROM_NOW};
    int exit = read_arguments(t, &r.printer.format, &s, &o);
    return exit ? exit : read_stream(&r, &s, &o);
}

/* ---- at ---- */

struct asked {
    struct rn_printer printer;
    int done, failed;
    struct runnel_err err;
};

static void on_at(void *arg, const struct runnel_observation *o, const struct runnel_err *err) {
    struct asked *a = arg;
    a->done = 1;
    a->failed = err != NULL;
    if (err)
        a->err = *err;
    else
        rn_print(&a->printer, o, 1);
}

int rn_cmd_at(struct rn_tool *t) {
    struct asked a = {.printer = {.tool = t, .format = t->json ? RN_NDJSON : RN_TABLE}};
    struct rn_stream s;
    struct runnel_err err;
    int64_t time = 0;
    if (rn_time_parse(t->words[1], strlen(t->words[1]), rn_wall(), &time, &err) < 0)
        return rn_usage(t, "%s", err.msg);
    int exit = rn_resolve(t, t->words[0], &s);
    if (exit != 0)
        return exit;
    if (runnel_at(t->client, s.id, time, on_at, &a, &err) < 0)
        return rn_tool_fail(t, rn_exit_of(&err), &err);
    rn_node_wait(t, &a.done);
    if (a.failed) {
        (void)rn_wrap(&a.err, "at");
        return rn_tool_fail(t, rn_exit_of(&a.err), &a.err);
    }
    return 0;
}
