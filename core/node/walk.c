/* SPDX-License-Identifier: MIT
 * walk.c — leaves one pack after the other, and every pack above them as it gets full (walk.h).
 * May touch: the store.
 */
#include "node/walk.h"

#include "base/err.h"
#include "node/inner.h"
#include <stdlib.h>
#include <string.h>

#define COMMIT_BYTES ((size_t)1 << 20)

/* The pack of a level that is being filled. */
struct level {
    uint32_t n;     /* entries in it */
    uint64_t index; /* of the next node of this level */
    int differs;    /* open, at the walk's end: not what the store has */
    uint8_t bytes[RN_PACK * RN_LEAF_ENTRY];
};

struct rn_walk {
    struct rn_op op;
    struct rn_stream *stream;
    uint64_t leaves, at; /* how many; the one at hand */
    enum rn_walk_how how;
    rn_walk_bad_fn *bad;
    rn_walk_fn *fn;
    void *arg;
    struct rn_walked found;
    struct level *level[RN_TREE_LEVELS]; /* NULL until the first node */
    struct rn_changes changes;
    uint8_t pack[RN_PACK * RN_LEAF_ENTRY]; /* stored leaves at hand */
    size_t n_pack;
    struct rn_entry leaf;
    uint32_t comparing; /* the level whose pack is being compared */
    uint64_t compared;  /* leaves whose full packs have been */
    int ended;          /* all leaves are in: open packs are compared too */
};

static void read_leaves(struct rn_walk *w);
static void next_leaf(struct rn_walk *w);
static void compare_next(struct rn_walk *w);

static void walk_free(struct rn_op *op) {
    struct rn_walk *w = (struct rn_walk *)op;
    for (size_t i = 0; i < RN_TREE_LEVELS; i++)
        free(w->level[i]);
    rn_changes_free(&w->changes);
    free(w);
}

static void finish(struct rn_walk *w, const struct runnel_err *err) {
    rn_walk_fn *fn = w->fn;
    void *arg = w->arg;
    struct rn_walked found = w->found;
    rn_op_end(&w->op);
    fn(arg, &found, err);
}

static void fail(struct rn_walk *w, int rc, const char *what) {
    struct runnel_err err;
    rn_fail(&err, -rc, "%s", what);
    finish(w, &err);
}

static void bad_entry(struct rn_walk *w, uint32_t level, uint64_t index, const char *why) {
    w->found.bad_nodes++;
    if (level == 0 && index > 0 && w->found.bad_leaf == RN_NOWHERE)
        w->found.bad_leaf = index;
    if (w->bad)
        w->bad(w->arg, level, index, why);
}

/* ---- nodes come into being ---- */

static int on_node(void *arg, uint32_t level, uint64_t index, const struct rn_hash *hash) {
    struct rn_walk *w = arg;
    struct level *l = w->level[level];
    struct rn_entry e = {.hash = *hash, .first = level == 0 ? w->leaf.first : 0};
    uint32_t off;
    if (!l && !(l = w->level[level] = calloc(1, sizeof *l)))
        return -RUNNEL_ENOMEM;
    if (l->n == RN_PACK) /* it has been compared */
        l->n = 0;
    struct rn_place p = rn_place_node(w->stream->number, level, index, &off);
    rn_entry_write(w->stream->node->hasher, &p, off, level, &e, l->bytes + off);
    l->n++;
    l->index = index + 1;
    return 0;
}

static void add_leaf(struct rn_walk *w) {
    int rc = rn_peaks_add(w->stream->node->hasher, &w->found.peaks, &w->leaf.hash, on_node, w);
    if (rc != 0) {
        fail(w, rc, "the tree cannot be walked");
        return;
    }
    w->at++;
    w->ended = w->at == w->leaves;
    w->comparing = 0;
    if (w->at % RN_PACK == 0 || w->ended)
        compare_next(w);
    else
        next_leaf(w);
}

/* ---- comparing with what is stored ---- */

static void on_written(void *arg, const struct runnel_err *err) {
    struct rn_walk *w = arg;
    if (err)
        finish(w, err);
    else if (w->ended)
        finish(w, NULL);
    else
        read_leaves(w);
}

/* Whether the open packs on disk are the walk's: nothing has been appended since it began, or is about to be. */
static int settled(const struct rn_walk *w) {
    return rn_stream_at_rest(w->stream) && w->stream->tail.peaks.n == w->leaves;
}

/* The packs that have room are written last, in the step that found nobody appending: while the others were read
 * somebody may have. */
static void write_open(struct rn_walk *w) {
    uint32_t off;
    for (uint32_t i = 0; i < RN_TREE_LEVELS; i++) {
        const struct level *l = w->level[i];
        if (!l || !l->differs)
            continue;
        if (w->how == RN_WALK_WRITE && !settled(w)) {
            w->found.busy++;
            continue;
        }
        struct rn_place p = rn_place_node(w->stream->number, i, l->index - l->n, &off);
        rn_changes_replace(&w->changes, &p, (struct runnel_bytes){l->bytes, (size_t)l->n * rn_entry_size(i)});
        w->found.written++;
    }
}

/* All packs that this step filled have been compared. */
static void compared(struct rn_walk *w) {
    w->compared = w->at;
    if (w->ended)
        write_open(w);
    if (w->changes.n > 0 && (w->ended || w->changes.bytes.n > COMMIT_BYTES)) {
        int rc = rn_store_commit(&w->stream->node->store, &w->changes, on_written, w);
        if (rc != 0)
            fail(w, rc, "the tree cannot be written");
    } else {
        on_written(w, NULL);
    }
}

/* The bytes that the pack must have, and whether it may be longer: it has grown since the walk began. */
static void compare_pack(struct rn_walk *w, uint32_t level, struct runnel_bytes have) {
    struct level *l = w->level[level];
    uint32_t size = rn_entry_size(level), off;
    size_t want = (size_t)l->n * size;
    int open = l->n < RN_PACK, wrong = 0;
    struct rn_place p = rn_place_node(w->stream->number, level, l->index - l->n, &off);
    for (uint32_t i = 0; i < l->n; i++) {
        size_t at = (size_t)i * size;
        int missing = have.n < at + size;
        if (!missing && memcmp(have.p + at, l->bytes + at, size) == 0)
            continue;
        wrong = 1;
        bad_entry(w, level, l->index - l->n + i, missing ? "missing in the store" : "not what its leaves give");
    }
    int longer = have.n > want && (!open || w->how == RN_WALK_CUT || settled(w));
    if (longer && w->how != RN_WALK_CUT)
        bad_entry(w, level, l->index, "more is stored than the tree has");
    if (w->how == RN_WALK_LOOK || (!wrong && !longer))
        return;
    if (open) {
        l->differs = 1;
        return;
    }
    rn_changes_replace(&w->changes, &p, (struct runnel_bytes){l->bytes, want});
    w->found.written++;
}

static void on_pack(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct rn_walk *w = arg;
    if (err && err->code != RUNNEL_ENOTFOUND && err->code != RUNNEL_EDAMAGED) {
        finish(w, err);
        return;
    }
    compare_pack(w, w->comparing, err ? (struct runnel_bytes){NULL, 0} : data);
    w->comparing++;
    compare_next(w);
}

static void compare_next(struct rn_walk *w) {
    uint32_t off;
    for (; w->comparing < RN_TREE_LEVELS; w->comparing++) {
        uint64_t nodes = w->at >> w->comparing;
        int full = nodes % RN_PACK == 0 && nodes << w->comparing > w->compared; /* it became so in this step */
        if (nodes == 0 || !(full || (w->ended && nodes % RN_PACK != 0)))
            continue;
        const struct level *l = w->level[w->comparing];
        struct rn_place p = rn_place_node(w->stream->number, w->comparing, l->index - l->n, &off);
        rn_store_get(&w->stream->node->store, &p, 0, RN_PACK * RN_LEAF_ENTRY, on_pack, w);
        return;
    }
    compared(w);
}

/* ---- leaves ---- */

static void on_block(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct rn_walk *w = arg;
    if (err || data.n < RN_BLOCK_HEAD) {
        w->found.lost_leaf = w->at;
        bad_entry(w, 0, w->at, "it fails its check, and its block cannot be read");
        finish(w, NULL);
        return;
    }
    w->leaf.hash = rn_hash_leaf(w->stream->node->hasher, data.p, data.n, NULL, 0);
    w->leaf.first = (int64_t)rn_get_le64(data.p);
    add_leaf(w);
}

/* The entry of the leaf at hand is no good: made again from what it stands for. */
static void remake(struct rn_walk *w) {
    const struct rn_stream *s = w->stream;
    if (w->at == 0) {
        w->leaf.hash = rn_hash_leaf(s->node->hasher, s->desc->bytes.p, s->desc->bytes.n, NULL, 0);
        w->leaf.first = INT64_MIN;
        add_leaf(w);
        return;
    }
    struct rn_place p = rn_place_block(s->number, w->at - 1);
    rn_store_get(&w->stream->node->store, &p, 0, RN_BLOCK_BYTES, on_block, w);
}

/* Recurses over one pack at most. */
static void next_leaf(struct rn_walk *w) {
    uint32_t off;
    struct rn_place p = rn_place_node(w->stream->number, 0, w->at, &off);
    struct runnel_bytes entry = {w->pack + off, off < w->n_pack ? w->n_pack - off : 0};
    if (rn_entry_read(w->stream->node->hasher, &p, off, 0, entry, &w->leaf, NULL) == 0)
        add_leaf(w);
    else
        remake(w);
}

static void on_leaves(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct rn_walk *w = arg;
    if (err && err->code != RUNNEL_ENOTFOUND && err->code != RUNNEL_EDAMAGED) {
        finish(w, err);
        return;
    }
    w->n_pack = err ? 0 : data.n < sizeof w->pack ? data.n : sizeof w->pack;
    if (w->n_pack)
        memcpy(w->pack, data.p, w->n_pack);
    next_leaf(w);
}

static void read_leaves(struct rn_walk *w) {
    uint32_t off;
    struct rn_place p = rn_place_node(w->stream->number, 0, w->at, &off);
    rn_store_get(&w->stream->node->store, &p, 0, RN_PACK * RN_LEAF_ENTRY, on_leaves, w);
}

int rn_tree_walk(struct rn_stream *s, uint64_t leaves, enum rn_walk_how how, rn_walk_bad_fn *bad, rn_walk_fn *fn,
                 void *arg) {
    struct rn_walk *w = calloc(1, sizeof *w);
    if (!w)
        return -RUNNEL_ENOMEM;
    w->stream = s;
    w->leaves = leaves;
    w->how = how;
    w->bad = bad;
    w->fn = fn;
    w->arg = arg;
    w->found.bad_leaf = w->found.lost_leaf = RN_NOWHERE;
    rn_op_begin(&s->node->ops, &w->op, walk_free);
    read_leaves(w);
    return 0;
}
