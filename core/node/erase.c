/* SPDX-License-Identifier: MIT
 * erase.c — the records of dropped streams go, a slice at a time (gone.h).
 * May touch: the store.
 *
 * A slice is what one look into the store shows: few records, few bytes. So a commit stays small however long the
 * stream was, what others commit goes in between, and a crash loses nothing but the slice under way. The count
 * that the stream had is not asked: its state may be what is damaged.
 */
#include "base/err.h"
#include "base/time.h"
#include "node/gone.h"
#include "node/inner.h"
#include <stdlib.h>
#include <string.h>

#define SLICE_BYTES ((size_t)4 << 20) /* of records in a slice; one alone may be longer */
#define SLICE_FIRST 16u               /* records looked at, at first */
#define SLICE_MOST 512u
#define RETRY (60 * RN_NS_S) /* after a failure: a full disk, mostly */

/* Every area whose keys begin with a number; the state last, as it is one small record. */
static const char areas[] = {'B', 'T', 'X', 'H'};

struct erase {
    struct rn_op op;
    struct rn_node *node;
    struct rn_erasing *number; /* in the node's list */
    size_t area;
    struct rn_changes changes;
    uint32_t limit, n; /* records to look at; those in this slice */
    size_t bytes;
    int full;
    struct rn_place first, last; /* of the slice */
    uint64_t records;            /* erased so far */
};

static void look(struct erase *e);

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
    rn_node_log(n, RUNNEL_WARN, "store", "a dropped stream cannot be erased now: %s; it is tried again", err->msg);
    n->gone_streams.erasing = 0;
    rn_op_end(&e->op);
    if (n->phase == RN_SERVING && rn_alarm_set(&n->loop, &n->gone_streams.retry, RETRY, on_retry, n) != 0)
        rn_node_log(n, RUNNEL_ERROR, "store", "out of memory: a dropped stream is erased after the next start");
}

static void commit(struct erase *e, runnel_done *done) {
    struct runnel_err err;
    int rc = rn_store_commit(&e->node->store, &e->changes, done, e);
    if (rc == 0)
        return;
    rn_fail(&err, -rc, "the commit cannot be asked for");
    fail(e, &err);
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

static void on_slice(void *arg, const struct runnel_err *err) {
    struct erase *e = arg;
    if (err) {
        fail(e, err);
        return;
    }
    e->records += e->n;
    e->limit = e->full ? (e->n > 1 ? e->n : 1) : 2 * e->limit < SLICE_MOST ? 2 * e->limit : SLICE_MOST;
    look(e);
}

static void on_record(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    struct erase *e = arg;
    if (e->full || key.n >= sizeof e->last.b)
        return;
    memcpy(e->last.b, key.p, key.n);
    e->last.n = key.n;
    e->n++;
    e->bytes += val.n;
    e->full = e->bytes >= SLICE_BYTES;
}

static void on_looked(void *arg, const struct runnel_err *err) {
    struct erase *e = arg;
    if (err) {
        fail(e, err);
    } else if (e->n > 0) {
        e->last.b[e->last.n++] = 0; /* the first key behind it */
        rn_changes_erase_range(&e->changes, &e->first, &e->last);
        commit(e, on_slice);
    } else if (++e->area < sizeof areas) {
        e->limit = SLICE_FIRST;
        look(e);
    } else {
        struct rn_place p = rn_place_erasing(e->number->number);
        rn_changes_erase(&e->changes, &p);
        commit(e, on_end);
    }
}

/* Every step goes through the store, so that this cannot recurse over many slices. */
static void look(struct erase *e) {
    if (e->node->phase != RN_SERVING) { /* the next start goes on from here */
        e->node->gone_streams.erasing = 0;
        rn_op_end(&e->op);
        return;
    }
    e->first = rn_place_number(areas[e->area], e->number->number);
    struct rn_place to = rn_place_behind(&e->first);
    e->n = 0;
    e->bytes = 0;
    e->full = 0;
    rn_store_scan_some(&e->node->store, &e->first, &to, e->limit, on_record, on_looked, e);
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
    e->limit = SLICE_FIRST;
    rn_op_begin(&n->ops, &e->op, erase_free);
    look(e);
}

void rn_erase(struct rn_node *n, struct rn_erasing *e) {
    rn_list_add(&n->gone_streams.numbers, &e->link);
    n->gone_streams.n_numbers++;
    rn_erase_start(n);
}
