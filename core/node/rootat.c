/* SPDX-License-Identifier: MIT
 * rootat.c — peaks are read at the level of each binary digit, then the block that was open (rootat.h).
 * May touch: the store.
 */
#include "node/rootat.h"

#include "base/err.h"
#include "node/inner.h"
#include "node/mend.h"
#include <stdlib.h>

struct root_at {
    struct rn_op op;
    struct rn_stream *stream;
    uint64_t count;
    rn_root_fn *fn;
    void *arg;
    struct rn_peaks peaks;
    uint32_t level; /* the next peak is at this one or above */
    struct rn_block_wait wait;
};

static void root_at_free(struct rn_op *op) {
    struct root_at *r = (struct root_at *)op;
    rn_block_wait_cancel(&r->wait);
    free(r);
}

/* `open`: the leaf of the block that was open then, or NULL. */
static void end(struct root_at *r, const struct rn_hash *open, const struct runnel_err *err) {
    struct rn_hash root;
    rn_root_fn *fn = r->fn;
    void *arg = r->arg;
    if (!err)
        root = rn_peaks_root(r->stream->node->hasher, &r->peaks, open);
    rn_op_end(&r->op);
    fn(arg, err ? NULL : &root, err);
}

static void on_open_block(struct rn_block_wait *w, struct runnel_bytes block, const struct runnel_err *err) {
    struct root_at *r = rn_list_of(w, struct root_at, wait);
    struct runnel_err why;
    struct rn_hash leaf;
    size_t cut = 0;
    if (!err && rn_block_cut(block.p, block.n, r->count % RN_MAX_BLOCK, &cut, &why) != 0)
        err = &why;
    if (!err)
        leaf = rn_hash_leaf(r->stream->node->hasher, block.p, cut, NULL, 0);
    end(r, err ? NULL : &leaf, err);
}

static void read_open_block(struct root_at *r) {
    uint64_t k = r->count / RN_MAX_BLOCK;
    struct runnel_bytes block;
    struct runnel_err err;
    int rc;
    if (r->count % RN_MAX_BLOCK == 0) {
        end(r, NULL, NULL);
    } else if (rn_block_at_hand(r->stream, k, &block)) {
        on_open_block(&r->wait, block, NULL);
    } else if ((rc = rn_block_read(r->stream, k, &r->wait)) != 0) {
        (void)rn_stream_unread(r->stream, rc, &err);
        end(r, NULL, &err);
    }
}

static void read_peak(struct root_at *r);

static void on_peak(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct root_at *r = arg;
    struct rn_stream *s = r->stream;
    struct runnel_err why;
    struct rn_entry e;
    uint32_t off;
    struct rn_place p = rn_place_node(s->number, r->level, (r->peaks.n >> r->level) - 1, &off);
    if (s->dropped) {
        (void)rn_stream_unread(s, 0, &why);
        err = &why;
    } else if ((!err || err->code == RUNNEL_ENOTFOUND || err->code == RUNNEL_EDAMAGED) &&
               rn_entry_read(s->node->hasher, &p, off, r->level, err ? (struct runnel_bytes){NULL, 0} : data, &e,
                             &why) != 0) {
        rn_mend_tree(s, &why);
        err = &why;
    }
    if (err) {
        end(r, NULL, err);
        return;
    }
    r->peaks.peak[r->level++] = e.hash;
    read_peak(r);
}

static void read_peak(struct root_at *r) {
    uint32_t off;
    while (r->level < RN_TREE_LEVELS && !(r->peaks.n >> r->level & 1))
        r->level++;
    if (r->level == RN_TREE_LEVELS) {
        read_open_block(r);
        return;
    }
    struct rn_place p = rn_place_node(r->stream->number, r->level, (r->peaks.n >> r->level) - 1, &off);
    rn_store_get(&r->stream->node->store, &p, off, rn_entry_size(r->level), on_peak, r);
}

int rn_root_at(struct rn_stream *s, uint64_t count, rn_root_fn *fn, void *arg) {
    struct root_at *r = calloc(1, sizeof *r);
    if (!r)
        return -RUNNEL_ENOMEM;
    r->stream = s;
    r->count = count;
    r->fn = fn;
    r->arg = arg;
    r->peaks.n = 1 + count / RN_MAX_BLOCK;
    rn_block_wait_init(&r->wait, on_open_block);
    rn_op_begin(&s->node->ops, &r->op, root_at_free);
    read_peak(r);
    return 0;
}
