/* SPDX-License-Identifier: MIT
 * seek.c — where in a stream a time is: halving over the first times of blocks (blocks.h).
 * May touch: the store.
 */
#include "base/err.h"
#include "node/inner.h"
#include "node/mend.h"
#include <stdlib.h>

/* The blocks below `lo` begin before the time, those from `hi` on do not. */
struct rn_seek {
    struct rn_op op;
    struct rn_stream *stream;
    int64_t time;
    uint64_t lo, hi;
    rn_seek_fn *fn; /* NULL once withdrawn */
    void *arg;
    int reading; /* the store will call back: the memory has to stay until then */
    struct rn_block_wait wait;
    struct rn_task task;
};

static void seek_free(struct rn_op *op) {
    struct rn_seek *k = (struct rn_seek *)op;
    rn_block_wait_cancel(&k->wait);
    rn_task_cancel(&k->task);
    free(k);
}

static void finish(struct rn_seek *k, uint64_t seq, const struct runnel_err *err) {
    rn_seek_fn *fn = k->fn;
    void *arg = k->arg;
    rn_op_end(&k->op);
    if (fn)
        fn(arg, seq, err);
}

/* The first observation in this block, which begins before the time, that is not before it. */
static int scan_block(struct rn_seek *k, struct runnel_bytes block, uint64_t *seq, struct runnel_err *err) {
    struct rn_cursor c;
    struct rn_obs o;
    int rc = rn_cursor_block(&c, block.p, block.n, (k->lo - 1) * RN_MAX_BLOCK, err);
    while (rc == 0) {
        rc = rn_cursor_next(&c, &o, err);
        if (rc < 0)
            break;
        if (rc == 0 || o.time >= k->time) {
            *seq = rc == 0 ? c.seq : o.seq;
            return 0;
        }
        rc = 0;
    }
    return rc;
}

static void on_block(struct rn_block_wait *w, struct runnel_bytes block, const struct runnel_err *err) {
    struct rn_seek *k = rn_list_of(w, struct rn_seek, wait);
    struct runnel_err why;
    uint64_t seq = 0;
    if (!err && scan_block(k, block, &seq, &why) != 0)
        err = &why;
    finish(k, seq, err);
}

static void step(struct rn_seek *k);

static void on_leaf(void *arg, const struct rn_hash *hash, int64_t first, const struct runnel_err *err) {
    struct rn_seek *k = arg;
    (void)hash;
    k->reading = 0;
    struct runnel_err why;
    if (err && k->fn && !k->stream->dropped && (err->code == RUNNEL_EDAMAGED || err->code == RUNNEL_ENOTFOUND)) {
        rn_fail(&why, RUNNEL_EDAMAGED, "%s",
                err->code == RUNNEL_ENOTFOUND ? "its tree has a hole in the store" : err->msg);
        rn_mend_tree(k->stream, &why);
        err = &why;
    }
    if (err || !k->fn) {
        finish(k, 0, err);
        return;
    }
    uint64_t mid = k->lo + (k->hi - k->lo) / 2;
    if (first < k->time)
        k->lo = mid + 1;
    else
        k->hi = mid;
    step(k);
}

static void fail(struct rn_seek *k, int rc) {
    struct runnel_err err;
    (void)rn_stream_unread(k->stream, rc, &err);
    finish(k, 0, &err);
}

/* One step of the search. Each goes through the store, so this does not recurse deeper than once. */
static void step(struct rn_seek *k) {
    struct runnel_bytes block;
    int rc;
    if (k->lo < k->hi) {
        k->reading = 1;
        rc = rn_leaf_read(k->stream, 1 + k->lo + (k->hi - k->lo) / 2, on_leaf, k);
        if (rc != 0)
            fail(k, rc);
        return;
    }
    if (k->lo == 0)
        finish(k, 0, NULL);
    else if (rn_block_at_hand(k->stream, k->lo - 1, &block))
        on_block(&k->wait, block, NULL);
    else if ((rc = rn_block_read(k->stream, k->lo - 1, &k->wait)) != 0)
        fail(k, rc);
}

static void begin(void *arg) {
    struct rn_seek *k = arg;
    struct rn_stream *s = k->stream;
    k->hi = s->tail.count / RN_MAX_BLOCK;
    if (s->tail.open.n >= RN_BLOCK_HEAD && (int64_t)rn_get_le64(s->tail.open.p) < k->time)
        k->lo = k->hi = k->hi + 1;
    step(k);
}

int rn_seek(struct rn_stream *s, int64_t time, rn_seek_fn *fn, void *arg, struct rn_seek **handle) {
    struct rn_seek *k = calloc(1, sizeof *k);
    if (!k)
        return -RUNNEL_ENOMEM;
    k->stream = s;
    k->time = time;
    k->fn = fn;
    k->arg = arg;
    rn_block_wait_init(&k->wait, on_block);
    rn_task_init(&k->task, begin, k);
    rn_op_begin(&s->node->ops, &k->op, seek_free);
    rn_task_run_soon(&s->node->loop, &k->task);
    if (handle)
        *handle = k;
    return 0;
}

void rn_seek_cancel(struct rn_seek *k) {
    if (!k)
        return;
    if (k->reading)
        k->fn = NULL;
    else
        rn_op_end(&k->op);
}
