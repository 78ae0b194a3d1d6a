/* SPDX-License-Identifier: MIT
 * range.c — which observations: --from, --until and --last.
 * May touch: the node, by asking it.
 */
#include "tool/tool.h"
#include <string.h>

static void set_from(struct runnel_follow_options *o, const struct rn_point *p) {
    o->from = p->is_seq ? RUNNEL_FROM_SEQ : RUNNEL_FROM_TIME;
    o->from_seq = p->seq;
    o->from_time = p->time;
}

static void set_until(struct runnel_follow_options *o, const struct rn_point *p) {
    o->until = p->is_seq ? RUNNEL_UNTIL_SEQ : RUNNEL_UNTIL_TIME;
    o->until_seq = p->seq;
    o->until_time = p->time;
}

struct found {
    int done, failed;
    uint64_t seq;
    struct runnel_err err;
};

static void on_at(void *arg, const struct runnel_observation *o, const struct runnel_err *err) {
    struct found *f = arg;
    f->done = 1;
    f->failed = err != NULL;
    if (err)
        f->err = *err;
    else
        f->seq = o->seq;
}

int rn_count_before(struct rn_tool *t, const struct rn_stream *s, int64_t time, uint64_t *count) {
    struct found f = {0};
    struct runnel_err err;
    *count = 0;
    if (time == INT64_MIN)
        return 0;
    if (runnel_at(t->client, s->id, time - 1, on_at, &f, &err) < 0)
        return rn_tool_fail(t, rn_exit_of(&err), &err);
    rn_node_wait(t, &f.done);
    if (f.done && !f.failed)
        *count = f.seq + 1;
    else if (!f.done || f.err.code != RUNNEL_ENOTFOUND)
        return rn_tool_fail(t, rn_exit_of(f.done ? &f.err : &t->why), f.done ? &f.err : &t->why);
    return 0;
}

static int last_n(struct rn_tool *t, const struct rn_stream *s, uint64_t n, const struct rn_point *until,
                  struct runnel_follow_options *o) {
    uint64_t end = s->count;
    if (until->given && !until->is_seq) {
        int r = rn_count_before(t, s, until->time, &end);
        if (r != 0)
            return r;
    } else if (until->given && until->seq < end) {
        end = until->seq;
    }
    o->from = RUNNEL_FROM_SEQ;
    o->from_seq = end > n ? end - n : 0;
    return 0;
}

int rn_range_read(struct rn_tool *t, struct rn_range *x) {
    x->last = 0;
    int r = rn_arg_point(t, "from", &x->from);
    if (r == 0)
        r = rn_arg_point(t, "until", &x->until);
    if (r == 0)
        r = rn_arg_u64(t, "last", 1, UINT64_MAX, &x->last);
    if (r == 0 && x->last > 0 && x->from.given)
        r = rn_usage(t, "--from and --last exclude one another");
    return r;
}

int rn_range_apply(struct rn_tool *t, const struct rn_range *x, const struct rn_stream *s,
                   struct runnel_follow_options *o) {
    if (x->from.given)
        set_from(o, &x->from);
    if (x->until.given)
        set_until(o, &x->until);
    return x->last > 0 ? last_n(t, s, x->last, &x->until, o) : 0;
}
