/* SPDX-License-Identifier: MIT
 * sweep.c — looks at the first few records of a range, erases them, looks again (sweep.h).
 * May touch: the store.
 */
#include "node/sweep.h"

#include "base/err.h"
#include "node/inner.h"
#include <stdlib.h>
#include <string.h>

#define SLICE_BYTES ((size_t)4 << 20) /* of records in a slice; one alone may be longer */
#define SLICE_FIRST 16u               /* records looked at, at first */
#define SLICE_MOST 512u

struct sweep {
    struct rn_op op;
    struct rn_node *node;
    struct rn_place from, to;
    rn_sweep_fn *done;
    void *arg;
    struct rn_changes changes;
    uint32_t limit, n; /* records to look at; those in this slice */
    size_t bytes;
    int full;
    struct rn_place last; /* of the slice */
    uint64_t records;
};

static void look(struct sweep *w);

static void sweep_free(struct rn_op *op) {
    struct sweep *w = (struct sweep *)op;
    rn_changes_free(&w->changes);
    free(w);
}

static void finish(struct sweep *w, const struct runnel_err *err) {
    rn_sweep_fn *done = w->done;
    void *arg = w->arg;
    uint64_t records = w->records;
    rn_op_end(&w->op);
    done(arg, records, err);
}

static void on_slice(void *arg, const struct runnel_err *err) {
    struct sweep *w = arg;
    if (err) {
        finish(w, err);
        return;
    }
    w->records += w->n;
    if (w->full) /* as many as filled it */
        w->limit = w->n;
    else if (2 * w->limit <= SLICE_MOST)
        w->limit *= 2;
    look(w);
}

static void on_record(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    struct sweep *w = arg;
    if (w->full || key.n > RUNNEL_KEY_MAX)
        return;
    memcpy(w->last.b, key.p, key.n);
    w->last.n = key.n;
    w->n++;
    w->bytes += val.n;
    w->full = w->bytes >= SLICE_BYTES;
}

static void on_looked(void *arg, const struct runnel_err *err) {
    struct sweep *w = arg;
    struct runnel_err why;
    if (err || w->n == 0) {
        finish(w, err);
        return;
    }
    if (w->last.n > 0 && w->last.n < RUNNEL_KEY_MAX) { /* up to it: the range ends at the first key behind it */
        w->last.b[w->last.n++] = 0;
        rn_changes_erase_range(&w->changes, &w->from, &w->last);
    } else {
        rn_changes_erase(&w->changes, &w->last);
    }
    int rc = rn_store_commit(&w->node->store, &w->changes, on_slice, w);
    if (rc == 0)
        return;
    rn_fail(&why, -rc, "the commit cannot be asked for");
    finish(w, &why);
}

static void look(struct sweep *w) {
    struct runnel_err err;
    if (w->node->phase != RN_SERVING) {
        rn_fail(&err, RUNNEL_ECLOSED, "the node is stopping");
        finish(w, &err);
        return;
    }
    w->n = 0;
    w->bytes = 0;
    w->full = 0;
    rn_store_scan_some(&w->node->store, &w->from, &w->to, w->limit, on_record, on_looked, w);
}

int rn_sweep(struct rn_node *n, const struct rn_place *from, const struct rn_place *to, rn_sweep_fn *done, void *arg) {
    struct sweep *w = calloc(1, sizeof *w);
    if (!w)
        return -RUNNEL_ENOMEM;
    *w = (struct sweep){.node = n, .from = *from, .to = *to, .done = done, .arg = arg, .limit = SLICE_FIRST};
    rn_op_begin(&n->ops, &w->op, sweep_free);
    rn_store_scan_some(&n->store, from, to, w->limit, on_record, on_looked, w);
    return 0;
}
