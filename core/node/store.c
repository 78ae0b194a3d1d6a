/* SPDX-License-Identifier: MIT
 * store.c — changes gathered into a commit, and operations under way (store.h).
 * May touch: the storage instance.
 */
#include "node/store.h"

#include "base/err.h"
#include "node/record.h"
#include <stdlib.h>
#include <string.h>

static struct rn_planned *plan(struct rn_changes *c, uint32_t what, const struct rn_place *p, struct runnel_bytes data,
                               int checked) {
    static const uint8_t room[RN_RECORD_CHECK];
    if (c->n == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 16;
        struct rn_planned *v = realloc(c->v, cap * sizeof *v);
        if (!v) {
            c->failed = -RUNNEL_ENOMEM;
            return NULL;
        }
        c->v = v;
        c->cap = cap;
    }
    struct rn_planned *q = &c->v[c->n];
    *q = (struct rn_planned){.what = what, .key = c->bytes.n, .n_key = p->n, .checked = checked};
    rn_buf_add(&c->bytes, p->b, p->n);
    q->data = c->bytes.n;
    q->n_data = data.n + (checked ? sizeof room : 0);
    rn_buf_add(&c->bytes, data.p, data.n);
    if (checked)
        rn_buf_add(&c->bytes, room, sizeof room);
    if (c->bytes.failed) {
        c->failed = c->bytes.failed;
        return NULL;
    }
    c->n++;
    return q;
}

void rn_changes_put(struct rn_changes *c, const struct rn_place *p, struct runnel_bytes data) {
    (void)plan(c, RUNNEL_PUT, p, data, 1);
}

void rn_changes_replace(struct rn_changes *c, const struct rn_place *p, struct runnel_bytes data) {
    (void)plan(c, RUNNEL_PUT, p, data, 0);
}

void rn_changes_append(struct rn_changes *c, const struct rn_place *p, uint64_t off, struct runnel_bytes data) {
    struct rn_planned *q = plan(c, off ? RUNNEL_APPEND : RUNNEL_PUT, p, data, 0);
    if (q)
        q->off = off;
}

/* Whether `n` bytes for byte `off` of that record belong right behind what is planned here, and fit. */
static int goes_on(const struct rn_changes *c, const struct rn_planned *q, const struct rn_place *p, uint64_t off,
                   size_t n) {
    return q->n_key == p->n && memcmp(c->bytes.p + q->key, p->b, p->n) == 0 && q->off + q->n_data == off &&
           n <= q->room;
}

void rn_changes_grow(struct rn_changes *c, size_t *at, const struct rn_place *p, uint64_t off, struct runnel_bytes data,
                     uint64_t most) {
    struct rn_planned *q = *at > 0 && *at <= c->n ? &c->v[*at - 1] : NULL;
    if (q && goes_on(c, q, p, off, data.n)) {
        memcpy(c->bytes.p + q->data + q->n_data, data.p, data.n);
        q->n_data += data.n;
        q->room -= data.n;
        return;
    }
    rn_changes_append(c, p, off, data);
    if (c->failed)
        return;
    size_t room = (size_t)(most - off) - data.n;
    uint8_t *kept = rn_buf_room(&c->bytes, room);
    *at = c->n;
    if (kept) {
        memset(kept, 0, room);
        c->bytes.n += room;
        c->v[c->n - 1].room = room;
    } else {
        c->failed = c->bytes.failed;
    }
}

void rn_changes_erase(struct rn_changes *c, const struct rn_place *p) {
    (void)plan(c, RUNNEL_ERASE, p, (struct runnel_bytes){NULL, 0}, 0);
}

void rn_changes_erase_range(struct rn_changes *c, const struct rn_place *from, const struct rn_place *to) {
    struct rn_planned *q = plan(c, RUNNEL_ERASE, from, (struct runnel_bytes){NULL, 0}, 0);
    if (!q)
        return;
    q->to = c->bytes.n;
    q->n_to = to->n;
    if (rn_buf_add(&c->bytes, to->b, to->n) != 0)
        c->failed = c->bytes.failed;
}

void rn_changes_clear(struct rn_changes *c) {
    rn_buf_clear(&c->bytes);
    c->n = 0;
    c->failed = 0;
}

void rn_changes_free(struct rn_changes *c) {
    rn_buf_free(&c->bytes);
    free(c->v);
    *c = (struct rn_changes){.n = 0};
}

void rn_store_init(struct rn_store *s, struct runnel_inst *inst, struct rn_hasher *hasher) {
    s->inst = inst;
    s->hasher = hasher;
    s->ops = rn_inst_ops(inst);
    s->self = rn_inst_self(inst);
}

/* Writes the checks that the changes have room for. */
static void seal(struct rn_store *s, struct rn_changes *c) {
    for (size_t i = 0; i < c->n; i++) {
        const struct rn_planned *q = &c->v[i];
        uint8_t *p = c->bytes.p;
        if (q->checked)
            rn_record_seal(s->hasher, (struct runnel_bytes){p + q->key, q->n_key},
                           (struct runnel_bytes){p + q->data, q->n_data - RN_RECORD_CHECK},
                           p + q->data + q->n_data - RN_RECORD_CHECK);
    }
}

int rn_store_commit(struct rn_store *s, struct rn_changes *c, runnel_done *done, void *arg) {
    int rc = c->failed;
    struct runnel_change *v = rc ? NULL : calloc(c->n ? c->n : 1, sizeof *v);
    if (!rc && !v)
        rc = -RUNNEL_ENOMEM;
    if (rc) {
        rn_changes_clear(c);
        return rc;
    }
    seal(s, c);
    for (size_t i = 0; i < c->n; i++) {
        const struct rn_planned *q = &c->v[i];
        v[i] = (struct runnel_change){.what = q->what,
                                      .off = q->off,
                                      .key = {c->bytes.p + q->key, q->n_key},
                                      .to = {c->bytes.p + q->to, q->n_to},
                                      .data = {c->bytes.p + q->data, q->n_data}};
    }
    s->ops->commit(s->self, v, c->n, done, arg);
    free(v);
    rn_changes_clear(c);
    return 0;
}

void rn_store_get(struct rn_store *s, const struct rn_place *p, uint64_t off, uint32_t max, runnel_data *data,
                  void *arg) {
    s->ops->get(s->self, rn_place_bytes(p), off, max, data, arg);
}

void rn_store_scan(struct rn_store *s, const struct rn_place *from, const struct rn_place *to, runnel_pair *pair,
                   runnel_done *done, void *arg) {
    rn_store_scan_some(s, from, to, 0, pair, done, arg);
}

void rn_store_scan_some(struct rn_store *s, const struct rn_place *from, const struct rn_place *to, uint32_t limit,
                        runnel_pair *pair, runnel_done *done, void *arg) {
    s->ops->scan(s->self, rn_place_bytes(from), rn_place_bytes(to), limit, pair, done, arg);
}

void rn_op_begin(struct rn_list *ops, struct rn_op *op, void (*free_op)(struct rn_op *)) {
    rn_list_init(&op->link);
    rn_list_add(ops, &op->link);
    op->free = free_op;
}

void rn_op_end(struct rn_op *op) {
    rn_list_del(&op->link);
    op->free(op);
}
