/* SPDX-License-Identifier: MIT
 * mendlook.c — what of the block at hand is damaged: its leaf is made again, then its bytes are compared (mend.h).
 * May touch: the store.
 */
#include "node/mendstate.h"

#include "base/err.h"
#include <stdlib.h>

static void read_leaf(struct rn_mend *m);

void rn_mend_is_whole(struct rn_mend *m, int64_t first) {
    if (m->proven)
        rn_mend_store_leaf(m, first);
    else
        rn_mend_done_with(m, NULL);
}

static void on_looked(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct rn_mend *m = arg;
    if (rn_mend_called_back(m))
        return;
    rn_buf_clear(&m->old);
    if (err && err->code != RUNNEL_ENOTFOUND && err->code != RUNNEL_EDAMAGED) {
        rn_mend_again_later(m, err);
        return;
    }
    if (!err) {
        struct rn_hash have = rn_hash_leaf(m->stream->node->hasher, data.p, data.n, NULL, 0);
        if (rn_hash_equal(&have, &m->leaf)) {
            rn_mend_is_whole(m, (int64_t)rn_get_le64(data.p));
            return;
        }
        if (rn_buf_add(&m->old, data.p, data.n) != 0) {
            rn_mend_no_memory(m);
            return;
        }
    }
    rn_mend_round(m);
}

static int same_peaks(const struct rn_peaks *a, const struct rn_peaks *b) {
    int same = a->n == b->n;
    for (uint32_t l = 0; same && l < RN_TREE_LEVELS; l++)
        if (a->n >> l & 1)
            same = rn_hash_equal(&a->peak[l], &b->peak[l]);
    return same;
}

static void unprovable(struct rn_mend *m) {
    struct runnel_err why;
    char id[RN_ID_TEXT];
    rn_fail(&why, RUNNEL_EDAMAGED, "hashes of its tree are damaged that cannot be made again from its blocks");
    rn_stream_log(m->stream, RUNNEL_ERROR, "store",
                  "stream %s: %s; restore a backup, or drop the stream and subscribe to it again", rn_mend_id(m, id),
                  why.msg);
    rn_mend_again_later(m, &why);
}

static void on_rewritten(void *arg, const struct rn_walked *w, const struct runnel_err *err) {
    struct rn_mend *m = arg;
    char id[RN_ID_TEXT];
    if (rn_mend_called_back(m))
        return;
    if (err) {
        rn_mend_again_later(m, err);
        return;
    }
    if (w->bad_nodes)
        rn_stream_log(m->stream, RUNNEL_WARN, "store", "stream %s: %llu damaged hashes of its tree were made again",
                      rn_mend_id(m, id), (unsigned long long)w->bad_nodes);
    if (rn_mend_at_hand(m)->k == RN_NOWHERE)
        rn_mend_done_with(m, NULL);
    else
        read_leaf(m);
}

static void on_walked(void *arg, const struct rn_walked *w, const struct runnel_err *err) {
    struct rn_mend *m = arg;
    if (rn_mend_called_back(m))
        return;
    if (err) {
        rn_mend_again_later(m, err);
    } else if (w->lost_leaf != RN_NOWHERE || !same_peaks(&w->peaks, &m->peaks)) {
        uint64_t leaf = w->lost_leaf != RN_NOWHERE ? w->lost_leaf : w->bad_leaf;
        if (rn_mend_at_hand(m)->k == RN_NOWHERE && (leaf == RN_NOWHERE || rn_mend_first(m, leaf - 1) != 0))
            unprovable(m);
        else
            rn_mend_prove(m);
    } else {
        m->busy = 1;
        if (rn_tree_walk(m->stream, m->peaks.n, RN_WALK_WRITE, NULL, on_rewritten, m) != 0) {
            m->busy = 0;
            rn_mend_no_memory(m);
        }
    }
}

static void walk(struct rn_mend *m) {
    m->walked = m->busy = 1;
    m->peaks = m->stream->tail.peaks;
    if (rn_tree_walk(m->stream, m->peaks.n, RN_WALK_LOOK, NULL, on_walked, m) != 0) {
        m->busy = 0;
        rn_mend_no_memory(m);
    }
}

static void on_leaf(void *arg, const struct rn_hash *hash, int64_t first, const struct runnel_err *err) {
    struct rn_mend *m = arg;
    (void)first;
    if (rn_mend_called_back(m))
        return;
    if (err && err->code != RUNNEL_EDAMAGED && err->code != RUNNEL_ENOTFOUND) {
        rn_mend_again_later(m, err);
    } else if (err && m->walked) { /* something was on its way: its pack could not be written */
        rn_mend_again_later(m, err);
    } else if (err) {
        walk(m);
    } else {
        m->leaf = *hash;
        rn_mend_look_at_block(m);
    }
}

void rn_mend_look_at_block(struct rn_mend *m) {
    struct rn_place p = rn_place_block(m->stream->number, rn_mend_at_hand(m)->k);
    m->has_leaf = m->busy = 1;
    rn_store_get(&m->stream->node->store, &p, 0, RN_BLOCK_BYTES + 1, on_looked, m);
}

static void read_leaf(struct rn_mend *m) {
    m->busy = 1;
    if (rn_leaf_read(m->stream, rn_mend_at_hand(m)->k + 1, on_leaf, m) == 0)
        return;
    m->busy = 0;
    rn_mend_no_memory(m);
}

void rn_mend_look(struct rn_mend *m) {
    m->walked = m->has_leaf = m->proving = m->proven = 0;
    if (rn_mend_at_hand(m)->k == RN_NOWHERE)
        walk(m);
    else
        read_leaf(m);
}
