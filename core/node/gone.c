/* SPDX-License-Identifier: MIT
 * gone.c — what was dropped is remembered, also across restarts (gone.h).
 * May touch: the store.
 */
#include "node/gone.h"

#include "base/err.h"
#include "base/time.h"
#include "node/inner.h"
#include "node/record.h"
#include "node/step.h"
#include <stdlib.h>
#include <string.h>

int rn_gone_init(struct rn_node *n, const uint8_t seed[16]) {
    rn_list_init(&n->gone_streams.numbers);
    n->gone_streams.tombstones = rn_map_new(seed);
    return n->gone_streams.tombstones ? 0 : -RUNNEL_ENOMEM;
}

void rn_gone_free(struct rn_node *n) {
    struct rn_gone *g = &n->gone_streams;
    if (!g->tombstones)
        return; /* nor was the rest made */
    rn_alarm_cancel(&n->loop, &g->retry);
    rn_map_for (e, g->tombstones)
        free(e->val);
    rn_map_free(g->tombstones);
    g->tombstones = NULL;
    while (!rn_list_empty(&g->numbers)) {
        struct rn_erasing *e = rn_list_of(g->numbers.next, struct rn_erasing, link);
        rn_list_del(&e->link);
        free(e);
    }
}

const struct rn_tombstone *rn_dropped(const struct rn_node *n, const struct runnel_id *id) {
    return rn_map_get(n->gone_streams.tombstones, id->b, sizeof id->b);
}

int rn_dropped_say(const struct rn_tombstone *t, struct runnel_err *err, int code, const char *what) {
    char id[RN_ID_TEXT], time[RN_TIME_TEXT];
    if (t->count == UINT64_MAX)
        return rn_fail(err, code, "stream %s was dropped here%s", rn_id_format(&t->id, id), what);
    return rn_fail(err, code, "stream %s was dropped here at %llu observation%s on %s%s", rn_id_format(&t->id, id),
                   (unsigned long long)t->count, t->count == 1 ? "" : "s", rn_time_format(t->time, time), what);
}

int rn_gone_bury(struct rn_node *n, const struct rn_tombstone *t) {
    struct rn_tombstone *copy = malloc(sizeof *copy);
    if (!copy)
        return -RUNNEL_ENOMEM;
    *copy = *t;
    rn_gone_unbury(n, &t->id);
    int rc = rn_map_put(n->gone_streams.tombstones, t->id.b, sizeof t->id.b, copy);
    if (rc != 0)
        free(copy);
    return rc;
}

void rn_gone_unbury(struct rn_node *n, const struct runnel_id *id) {
    free(rn_map_del(n->gone_streams.tombstones, id->b, sizeof id->b));
}

/* ---- at start ---- */

/* A damaged one is named, and counts all the same: the key says for which stream it stands. */
static void on_tombstone(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    struct rn_step *l = arg;
    struct rn_tombstone t;
    struct rn_tombstone_record r;
    struct runnel_err why;
    char id[RN_ID_TEXT];
    if (key.n != 1 + sizeof t.id.b)
        return;
    memcpy(t.id.b, key.p + 1, sizeof t.id.b);
    int rc = rn_record_open(l->node->hasher, key, &val, &why);
    if (rc == 0)
        rc = rn_tombstone_record_get(val, &r, &why);
    if (rc != 0)
        rn_node_log(l->node, RUNNEL_ERROR, "store", "the tombstone of dropped stream %s: %s; it still counts",
                    rn_id_format(&t.id, id), why.msg);
    t.count = rc == 0 ? r.count : UINT64_MAX;
    t.time = rc == 0 ? r.time : 0;
    if (rn_gone_bury(l->node, &t) != 0)
        rn_fail(&l->err, RUNNEL_ENOMEM, "out of memory while tombstones are read");
}

/* The key says all that is needed, but one that the disk has altered names a stream that lives: nothing is erased
 * for a note that fails its check. */
static void on_erasing(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    struct rn_step *l = arg;
    struct rn_erasing *e;
    struct runnel_err why;
    uint32_t number = 0;
    if (key.n != 5)
        return;
    for (size_t i = 1; i < 5; i++)
        number = number << 8 | key.p[i];
    if (number >= l->node->next_number && number < UINT32_MAX)
        l->node->next_number = number + 1;
    if (rn_record_open(l->node->hasher, key, &val, &why) != 0) {
        rn_node_log(l->node, RUNNEL_ERROR, "store",
                    "the note of a stream that is being erased: %s; nothing is erased for it: runnel fsck --mend takes "
                    "it away, and then names what is left of the stream",
                    why.msg);
        return;
    }
    e = calloc(1, sizeof *e);
    if (!e) {
        rn_fail(&l->err, RUNNEL_ENOMEM, "out of memory while streams that are being erased are read");
        return;
    }
    e->number = number;
    rn_list_init(&e->link);
    rn_erase(l->node, e);
}

static void on_all_read(void *arg, const struct runnel_err *err) {
    rn_step_failed(arg, err);
    rn_step_end(arg);
}

static void on_tombstones(void *arg, const struct runnel_err *err) {
    struct rn_step *l = arg;
    rn_step_failed(l, err);
    if (l->err.code)
        rn_step_end(l);
    else
        rn_step_scan(l, 'E', on_erasing, on_all_read);
}

void rn_gone_load(struct rn_node *n, runnel_done *done, void *arg) {
    struct rn_step *l = rn_step_new(sizeof *l, n, NULL, "tombstones", done, arg);
    if (l)
        rn_step_scan(l, 'D', on_tombstone, on_tombstones);
}
