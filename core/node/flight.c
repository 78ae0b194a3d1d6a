/* SPDX-License-Identifier: MIT
 * flight.c — what was fetched and checked is on its way to the disk (upstreamstate.h).
 * May touch: the store, the stream.
 */
#include "base/err.h"
#include "node/upstreamstate.h"
#include <stdlib.h>

static void flight_free(struct rn_op *op) {
    struct rn_flight *f = (struct rn_flight *)op;
    rn_growth_free(&f->growth);
    rn_changes_free(&f->changes);
    free(f);
}

const struct rn_tail *rn_flight_tail(const struct rn_stream *s) {
    return s->flight ? &s->flight->growth.next : &s->tail;
}

static void on_durable(void *arg, const struct runnel_err *err) {
    struct rn_flight *f = arg;
    struct rn_stream *s = f->growth.stream;
    struct runnel_err why;
    size_t bytes = f->bytes;
    if (!err && rn_growth_take(&f->growth, f->has_head ? &f->head : NULL) != 0) {
        rn_fail(&why, RUNNEL_ENOMEM, "out of memory");
        err = &why;
    }
    s->flight = NULL;
    rn_op_end(&f->op);
    if (!err)
        rn_stream_changed(s);
    else if (rn_node_may_complain(s->node))
        rn_stream_log(s, RUNNEL_ERROR, "store", "what was fetched cannot be kept: %s", err->msg);
    if (s->up)
        rn_upstream_landed(s->up, bytes, err);
    rn_drop_go(s);
}

int rn_flight_begin(struct rn_growth *g, struct rn_changes *c, const struct rn_signed_head *head, size_t bytes) {
    struct rn_stream *s = g->stream;
    struct rn_flight *f = calloc(1, sizeof *f);
    struct rn_buf b = {.n = 0};
    int rc = f ? 0 : -RUNNEL_ENOMEM;
    if (rc == 0 && head)
        rc = rn_signed_head_encode(head, &b);
    if (rc == 0)
        rn_growth_state(g, head ? rn_buf_bytes(&b) : rn_buf_bytes(&s->head_bytes));
    rn_buf_free(&b);
    if (rc != 0) {
        free(f);
        rn_growth_free(g);
        rn_changes_free(c);
        return rc;
    }
    f->growth = *g;
    f->changes = *c;
    f->growth.changes = &f->changes;
    f->bytes = bytes;
    f->has_head = head != NULL;
    if (head)
        f->head = *head;
    rn_op_begin(&s->node->ops, &f->op, flight_free);
    s->flight = f;
    rc = rn_store_commit(&s->node->store, &f->changes, on_durable, f);
    if (rc != 0) {
        s->flight = NULL;
        rn_op_end(&f->op);
    }
    return rc;
}
