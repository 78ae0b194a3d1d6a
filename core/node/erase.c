/* SPDX-License-Identifier: MIT
 * erase.c — the records of dropped streams go, one stream after the other (gone.h).
 * May touch: the store.
 *
 * The count that a stream had is not asked: its state may be what is damaged.
 */
#include "base/err.h"
#include "base/time.h"
#include "node/gone.h"
#include "node/inner.h"
#include "node/sweep.h"
#include <stdlib.h>

#define RETRY (60 * RN_NS_S) /* after a failure: a full disk, mostly */

/* Every area whose keys begin with a number. */
static const char areas[] = {'B', 'T', 'X', 'H'};

struct erase {
    struct rn_op op;
    struct rn_node *node;
    struct rn_erasing *number; /* in the node's list */
    size_t area;
    struct rn_changes changes;
    uint64_t records;
};

static void erase_free(struct rn_op *op) {
    struct erase *e = (struct erase *)op;
    rn_changes_free(&e->changes);
    free(e);
}

static void on_retry(void *arg) {
    rn_erase_start(arg);
}

static void fail(struct erase *e, const struct runnel_err *err) {
    struct rn_node *n = e->node;
    n->gone_streams.erasing = 0;
    rn_op_end(&e->op);
    if (n->phase != RN_SERVING)
        return; /* the next start goes on from here */
    rn_node_log(n, RUNNEL_WARN, "store", "a dropped stream cannot be erased now: %s; it is tried again", err->msg);
    if (rn_alarm_set(&n->loop, &n->gone_streams.retry, RETRY, on_retry, n) != 0)
        rn_node_log(n, RUNNEL_ERROR, "store", "out of memory: a dropped stream is erased after the next start");
}

static void on_end(void *arg, const struct runnel_err *err) {
    struct erase *e = arg;
    struct rn_node *n = e->node;
    struct rn_erasing *number = e->number;
    if (err) {
        fail(e, err);
        return;
    }
    rn_node_log(n, RUNNEL_INFO, "store", "a dropped stream has been erased: %llu records",
                (unsigned long long)e->records);
    rn_list_del(&number->link);
    free(number);
    n->gone_streams.n_numbers--;
    n->gone_streams.erasing = 0;
    rn_op_end(&e->op);
    rn_erase_start(n);
}

static void end(struct erase *e) {
    struct rn_place p = rn_place_erasing(e->number->number);
    struct runnel_err err;
    rn_changes_erase(&e->changes, &p);
    int rc = rn_store_commit(&e->node->store, &e->changes, on_end, e);
    if (rc == 0)
        return;
    rn_fail(&err, -rc, "the commit cannot be asked for");
    fail(e, &err);
}

static void next_area(struct erase *e);

static void on_swept(void *arg, uint64_t records, const struct runnel_err *err) {
    struct erase *e = arg;
    e->records += records;
    if (err) {
        fail(e, err);
        return;
    }
    e->area++;
    next_area(e);
}

static void next_area(struct erase *e) {
    struct runnel_err err;
    if (e->area == sizeof areas) {
        end(e);
        return;
    }
    struct rn_place from = rn_place_number(areas[e->area], e->number->number), to = rn_place_behind(&from);
    if (rn_sweep(e->node, &from, &to, on_swept, e) == 0)
        return;
    rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
    fail(e, &err);
}

void rn_erase_start(struct rn_node *n) {
    struct rn_gone *g = &n->gone_streams;
    if (g->erasing || rn_list_empty(&g->numbers) || n->phase != RN_SERVING)
        return;
    struct erase *e = calloc(1, sizeof *e);
    if (!e) {
        rn_node_log(n, RUNNEL_ERROR, "store", "out of memory: a dropped stream is erased later");
        return;
    }
    g->erasing = 1;
    e->node = n;
    e->number = rn_list_of(g->numbers.next, struct rn_erasing, link);
    rn_op_begin(&n->ops, &e->op, erase_free);
    next_area(e);
}

void rn_erase(struct rn_node *n, struct rn_erasing *e) {
    rn_list_add(&n->gone_streams.numbers, &e->link);
    n->gone_streams.n_numbers++;
    rn_erase_start(n);
}
