/* SPDX-License-Identifier: MIT
 * load.c — what the store remembers of streams is read at start and checked (stream.h).
 * May touch: the store.
 *
 * First all stream records in one scan; then for each stream, one after the other: its state, the
 * peaks of its tree, its open block. The root that comes out must be that of the head.
 */
#include "base/err.h"
#include "node/inner.h"
#include <stdlib.h>
#include <string.h>

struct loading {
    struct rn_op op;
    struct rn_node *node;
    runnel_done *done;
    void *arg;
    struct rn_stream **list; /* all that were found, to be completed */
    size_t n, cap, at;
    struct runnel_err err; /* the first thing that went wrong */

    /* of the stream at hand */
    struct rn_state_record state;
    struct rn_buf state_bytes; /* what `state` points into */
    struct rn_peaks peaks;
    uint32_t level;
    uint64_t leaves; /* closed ones, the descriptor's included */
};

static void next_stream(struct loading *l);
static void next_peak(struct loading *l);

static void loading_free(struct rn_op *op) {
    struct loading *l = (struct loading *)op;
    rn_buf_free(&l->state_bytes);
    free(l->list);
    free(l);
}

static void finish(struct loading *l) {
    runnel_done *done = l->done;
    void *arg = l->arg;
    struct runnel_err err = l->err;
    rn_op_end(&l->op);
    done(arg, err.code ? &err : NULL);
}

/* The stream at hand cannot be read. Damage is its own trouble and does not stop the node. */
static void fail(struct loading *l, const struct runnel_err *err) {
    struct rn_stream *s = l->list[l->at];
    struct runnel_err why;
    char id[RN_ID_TEXT];
    rn_err_copy(&why, err);
    if (err->code != RUNNEL_EDAMAGED && err->code != RUNNEL_ENOTFOUND) {
        l->err = why;
        rn_wrap(&l->err, "stream %s cannot be read from the store", rn_id_format(&s->desc->id, id));
        finish(l);
        return;
    }
    rn_wrap(&why, "it cannot be read from the store");
    rn_stream_trouble(s, &why);
    s->ready = 1;
    l->at++;
    next_stream(l);
}

static int keep(struct loading *l, struct rn_stream *s) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        struct rn_stream **v = realloc(l->list, cap * sizeof(struct rn_stream *));
        if (!v)
            return -RUNNEL_ENOMEM;
        l->list = v;
        l->cap = cap;
    }
    l->list[l->n++] = s;
    return 0;
}

static int add_stream(struct loading *l, struct runnel_bytes key, struct runnel_bytes val) {
    struct runnel_bytes text;
    struct rn_descriptor *d;
    struct rn_stream *s;
    uint32_t number;
    struct runnel_err *err = &l->err;
    int rc = rn_record_open(l->node->hasher, key, &val, err);
    if (rc == 0)
        rc = rn_stream_record_get(val, &number, &text, err);
    if (rc == 0)
        rc = rn_descriptor_parse(l->node->hasher, text.p, text.n, &d, err);
    if (rc != 0)
        return rn_wrap(err, "a stream's record in the store");
    if (key.n != 1 + sizeof d->id.b || memcmp(key.p + 1, d->id.b, sizeof d->id.b) != 0) {
        rn_descriptor_free(d);
        return rn_fail(err, RUNNEL_EDAMAGED, "a stream's record in the store stands under a key that is not its id");
    }
    rc = rn_stream_new(l->node, d, number, &s);
    if (rc == 0)
        rc = keep(l, s);
    return rc == 0 ? 0 : rn_fail(err, -rc, "out of memory while streams are loaded");
}

static void on_record(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    struct loading *l = arg;
    if (l->err.code || add_stream(l, key, val) == 0 || l->err.code != RUNNEL_EDAMAGED)
        return;
    rn_node_log(l->node, RUNNEL_ERROR, "store", "%s; it is left where it is, and not served", l->err.msg);
    l->err.code = 0;
}

static void on_scanned(void *arg, const struct runnel_err *err) {
    struct loading *l = arg;
    if (err && !l->err.code) {
        rn_err_copy(&l->err, err);
        rn_wrap(&l->err, "the store's list of streams");
    }
    if (l->err.code)
        finish(l);
    else
        next_stream(l);
}

/* The signed head of a record, checked against its stream. */
static int read_head(struct rn_stream *s, struct runnel_bytes b, struct rn_signed_head *out, struct runnel_err *err) {
    int rc = rn_signed_head_decode(b.p, b.n, out, err);
    if (rc != 0)
        return rc;
    if (!rn_hash_equal(&out->head.descriptor, &s->desc->hash))
        return rn_fail(err, RUNNEL_EDAMAGED, "its head is of another stream");
    return rn_node_check_head(s->node, &out->head, &out->attestation, &s->desc->author, NULL, err);
}

static int complete(struct loading *l, struct runnel_bytes open, struct runnel_err *err) {
    struct rn_stream *s = l->list[l->at];
    struct rn_tail tail;
    int rc = rn_tail_load(&tail, l->node->hasher, &l->peaks, l->state.held, l->state.last, open, err);
    if (rc != 0)
        return rc;
    rn_tail_free(&s->tail);
    s->tail = tail;
    if (l->state.head.n) {
        rc = read_head(s, l->state.head, &s->head, err);
        if (rc != 0)
            return rc;
        if (s->head.head.count > s->tail.count)
            return rn_fail(err, RUNNEL_EDAMAGED, "its head counts %llu observations, %llu are here",
                           (unsigned long long)s->head.head.count, (unsigned long long)s->tail.count);
        struct rn_hash root = rn_tail_root(&s->tail);
        if (s->head.head.count == s->tail.count && !rn_hash_equal(&root, &s->head.head.root))
            return rn_fail(err, RUNNEL_EDAMAGED, "its tree does not give the root of its head");
        s->has_head = 1;
        rc = rn_buf_add(&s->head_bytes, l->state.head.p, l->state.head.n);
    }
    s->ready = 1;
    return rc == 0 ? 0 : rn_fail(err, -rc, "out of memory");
}

static void on_open_block(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct loading *l = arg;
    struct runnel_err why;
    if (err) {
        fail(l, err);
        return;
    }
    if (complete(l, data, &why) != 0) {
        fail(l, &why);
        return;
    }
    l->at++;
    next_stream(l);
}

static void read_open_block(struct loading *l) {
    struct rn_stream *s = l->list[l->at];
    if (l->state.held % RN_MAX_BLOCK == 0) {
        on_open_block(l, (struct runnel_bytes){NULL, 0}, NULL);
        return;
    }
    struct rn_place p = rn_place_block(s->number, l->state.held / RN_MAX_BLOCK);
    rn_store_get(&l->node->store, &p, 0, RN_BLOCK_BYTES, on_open_block, l);
}

static void on_peak(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct loading *l = arg;
    struct runnel_err why;
    struct rn_entry e;
    uint32_t off;
    struct rn_place p = rn_place_node(l->list[l->at]->number, l->level, (l->leaves >> l->level) - 1, &off);
    if (!err && rn_entry_read(l->node->hasher, &p, off, l->level, data, &e, &why) != 0)
        err = &why;
    if (err) {
        fail(l, err);
        return;
    }
    l->peaks.peak[l->level] = e.hash;
    l->level++;
    next_peak(l);
}

static void next_peak(struct loading *l) {
    while (l->level < RN_TREE_LEVELS && !(l->leaves >> l->level & 1))
        l->level++;
    if (l->level == RN_TREE_LEVELS) {
        read_open_block(l);
        return;
    }
    uint32_t off;
    struct rn_place p = rn_place_node(l->list[l->at]->number, l->level, (l->leaves >> l->level) - 1, &off);
    rn_store_get(&l->node->store, &p, off, RN_LEAF_ENTRY, on_peak, l);
}

static void on_state(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct loading *l = arg;
    struct runnel_err why;
    if (err && err->code == RUNNEL_ENOTFOUND) { /* descriptor known, nothing held yet */
        l->list[l->at]->ready = 1;
        l->at++;
        next_stream(l);
        return;
    }
    if (err) {
        fail(l, err);
        return;
    }
    struct rn_place p = rn_place_state(l->list[l->at]->number);
    rn_buf_clear(&l->state_bytes);
    int rc = rn_record_open(l->node->hasher, rn_place_bytes(&p), &data, &why);
    if (rc != 0)
        rn_wrap(&why, "its state");
    if (rc == 0 && (rc = rn_buf_add(&l->state_bytes, data.p, data.n)) != 0)
        rn_fail(&why, -rc, "out of memory");
    if (rc == 0)
        rc = rn_state_record_get(rn_buf_bytes(&l->state_bytes), &l->state, &why);
    if (rc != 0) {
        fail(l, &why);
        return;
    }
    l->leaves = 1 + l->state.held / RN_MAX_BLOCK;
    memset(&l->peaks, 0, sizeof l->peaks);
    l->peaks.n = l->leaves;
    l->level = 0;
    next_peak(l);
}

/* Every step goes through the storage's callback, so that this cannot recurse over many streams. */
static void next_stream(struct loading *l) {
    if (l->at == l->n) {
        finish(l);
        return;
    }
    struct rn_place p = rn_place_state(l->list[l->at]->number);
    rn_store_get(&l->node->store, &p, 0, 4096, on_state, l);
}

void rn_streams_load(struct rn_node *n, runnel_done *done, void *arg) {
    struct loading *l = calloc(1, sizeof *l);
    if (!l) {
        struct runnel_err err;
        rn_fail(&err, RUNNEL_ENOMEM, "out of memory while streams are loaded");
        done(arg, &err);
        return;
    }
    l->node = n;
    l->done = done;
    l->arg = arg;
    rn_op_begin(&n->ops, &l->op, loading_free);
    struct rn_place from = rn_place_area('S'), to = rn_place_behind(&from);
    rn_store_scan(&n->store, &from, &to, on_record, on_scanned, l);
}
