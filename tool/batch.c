/* SPDX-License-Identifier: MIT
 * batch.c — gathers observations, publishes them, keeps many batches under way.
 * May touch: librunnel.
 */
#include "tool/batch.h"
#include <stdlib.h>
#include <string.h>

#define MOST 4096u /* observations a batch */
#define OPEN 32u   /* batches under way */

void rn_batch_init(struct rn_batch *b, struct rn_tool *t, const struct runnel_id *stream, uint64_t seq) {
    memset(b, 0, sizeof *b);
    b->tool = t;
    b->stream = *stream;
    b->seq = seq;
}

void rn_batch_free(struct rn_batch *b) {
    rn_buf_free(&b->values);
    free(b->ends);
    free(b->times);
    b->ends = NULL;
    b->times = NULL;
}

static int make_room(struct rn_batch *b) {
    if (!b->ends)
        b->ends = calloc(MOST, sizeof *b->ends);
    if (!b->times)
        b->times = calloc(MOST, sizeof *b->times);
    return b->ends && b->times ? 0 : -RUNNEL_ENOMEM;
}

static int check_last(struct rn_batch *b, size_t from, int64_t time, struct runnel_err *err) {
    size_t n = b->values.n - from;
    int r = runnel_value_check(b->values.p + from, n, err);
    if (r < 0)
        return rn_fail(err, RUNNEL_EINVALID, "%s", err->msg);
    if (b->n > 0 && (b->times[b->n - 1] == RUNNEL_NOW) != (time == RUNNEL_NOW))
        return rn_fail(err, RUNNEL_ECONFLICT, "values with and without times do not go together");
    if (b->n == MOST || (b->n > 0 && b->cost + n + RUNNEL_PUBLISH_EACH > RUNNEL_PUBLISH_BYTES))
        return rn_fail(err, RUNNEL_ETOOBIG, "too much for one publish");
    return 0;
}

int rn_batch_add_json(struct rn_batch *b, int64_t time, const char *text, size_t n, struct runnel_err *err) {
    size_t from = b->values.n;
    if (make_room(b) < 0)
        return rn_fail(err, RUNNEL_ENOMEM, "no memory for a batch");
    int r = rn_value_compact(text, n, &b->values, err);
    if (r == 0)
        r = check_last(b, from, time, err);
    else if (r != -RUNNEL_ENOMEM)
        r = rn_fail(err, RUNNEL_EINVALID, "%s", err->msg); /* too big is meant for the batch here */
    if (r < 0) {
        b->values.failed = 0;
        rn_buf_cut(&b->values, from);
        return r;
    }
    b->cost += b->values.n - from + RUNNEL_PUBLISH_EACH;
    b->ends[b->n] = b->values.n;
    b->times[b->n++] = time;
    return 0;
}

static void on_made(void *arg, const struct runnel_published *made, const struct runnel_err *err) {
    struct rn_batch *b = arg;
    b->open--;
    if (err) {
        if (!b->failed)
            b->err = *err;
        b->failed = 1;
        return;
    }
    if (b->made.count == 0) {
        b->made.seq = made->seq;
        b->made.first_time = made->first_time;
    }
    b->made.count += made->count;
    b->made.last_time = made->last_time;
    if (b->progress)
        rn_progress_set(b->progress, b->made.count);
}

int rn_batch_busy(const struct rn_batch *b) {
    return b->open >= OPEN;
}

static int wait_for_room(struct rn_batch *b, struct runnel_err *err) {
    while (rn_batch_busy(b) && !b->failed)
        if (event_base_loop(b->tool->base, EVLOOP_ONCE) < 0)
            return rn_fail(err, RUNNEL_EIO, "the event loop failed");
    return 0;
}

static void empty(struct rn_batch *b) {
    b->n = b->cost = 0;
    rn_buf_clear(&b->values);
}

int rn_batch_send(struct rn_batch *b, struct runnel_err *err) {
    int r = b->n > 0 && !b->failed ? wait_for_room(b, err) : 0;
    if (b->failed)
        empty(b); /* rn_batch_finish says what failed: what comes behind it needs room no more */
    if (r < 0 || b->n == 0)
        return r;
    struct runnel_observation *o = calloc(b->n, sizeof *o);
    if (!o)
        return rn_fail(err, RUNNEL_ENOMEM, "no memory for a batch");
    for (size_t i = 0; i < b->n; i++) {
        size_t from = i > 0 ? b->ends[i - 1] : 0;
        o[i].time = b->times[i];
        o[i].value = (struct runnel_bytes){b->values.p + from, b->ends[i] - from};
    }
    r = runnel_publish(b->tool->client, &b->stream, b->seq, o, b->n, on_made, b, err);
    free(o);
    if (r < 0)
        return r;
    b->open++;
    if (b->seq != RUNNEL_ANY)
        b->seq += b->n;
    empty(b);
    return 0;
}

int rn_batch_finish(struct rn_batch *b) {
    while (b->open > 0)
        if (event_base_loop(b->tool->base, EVLOOP_ONCE) < 0)
            break;
    if (b->open == 0 && !b->failed)
        return 0;
    if (!b->failed)
        (void)rn_fail(&b->err, RUNNEL_EIO, "the event loop failed");
    (void)rn_wrap(&b->err, "%s", b->tool->command->name);
    return rn_tool_fail(b->tool, rn_exit_of(&b->err), &b->err);
}
