/* SPDX-License-Identifier: MIT
 * step.c — begins, reads, ends (step.h).
 * May touch: the node, the store.
 */
#include "node/step.h"
#include "base/err.h"
#include "node/inner.h"
#include "node/place.h"
#include <stdlib.h>

static void step_free(struct rn_op *op) {
    free(op);
}

void *rn_step_new(size_t size, struct rn_node *n, void (*free)(struct rn_op *), const char *what, runnel_done *done,
                  void *arg) {
    struct rn_step *s = calloc(1, size);
    if (!s) {
        struct runnel_err err;
        rn_fail(&err, RUNNEL_ENOMEM, "out of memory while %s are read", what);
        done(arg, &err);
        return NULL;
    }
    s->node = n;
    s->done = done;
    s->arg = arg;
    rn_op_begin(&n->ops, &s->op, free ? free : step_free);
    return s;
}

void rn_step_scan(struct rn_step *s, char area, runnel_pair *record, runnel_done *then) {
    struct rn_place from = rn_place_area(area), to = rn_place_behind(&from);
    rn_store_scan(&s->node->store, &from, &to, record, then, s);
}

void rn_step_failed(struct rn_step *s, const struct runnel_err *err) {
    if (err && !s->err.code)
        rn_err_copy(&s->err, err);
}

void rn_step_end(struct rn_step *s) {
    runnel_done *done = s->done;
    void *arg = s->arg;
    struct runnel_err err = s->err;
    rn_op_end(&s->op);
    done(arg, err.code ? &err : NULL);
}
