/* SPDX-License-Identifier: MIT
 * tail.c — adds observations to the end of a stream and says what is to be stored.
 * May touch: the heap.
 */
#include "data/tail.h"

#include "base/err.h"

#include <inttypes.h>

/* Observations in the open block. */
static uint64_t in_open(const struct rn_tail *t) {
    return t->count % RN_MAX_BLOCK;
}

int rn_tail_init(struct rn_tail *t, struct rn_hasher *h, const struct rn_hash *descriptor_leaf) {
    *t = (struct rn_tail){.hasher = h, .last = INT64_MIN};
    rn_buf_init(&t->open, RN_BLOCK_BYTES);
    return rn_peaks_add(h, &t->peaks, descriptor_leaf, NULL, NULL);
}

/* Walks the open block's bytes: they must be just the observations that the count leaves for it. */
static int load_open(struct rn_tail *t, struct runnel_bytes open, struct runnel_err *err) {
    uint64_t found;
    if (open.n < RN_BLOCK_HEAD)
        return rn_fail(err, RUNNEL_EDAMAGED, "open block: %zu bytes, want %" PRIu64 " observations", open.n,
                       in_open(t));
    int64_t first = (int64_t)rn_get_le64(open.p);
    int rc = rn_entries_check(open.p + RN_BLOCK_HEAD, open.n - RN_BLOCK_HEAD, t->count - in_open(t), first, 1,
                              in_open(t), &found, &t->last, err);
    if (rc != 0) {
        (void)rn_wrap(err, "open block");
        return rc;
    }
    if (found != in_open(t))
        return rn_fail(err, RUNNEL_EDAMAGED, "open block: %" PRIu64 " observations, want %" PRIu64, found, in_open(t));
    return rn_buf_add(&t->open, open.p, open.n);
}

int rn_tail_load(struct rn_tail *t, struct rn_hasher *h, const struct rn_peaks *peaks, uint64_t count, int64_t last,
                 struct runnel_bytes open, struct runnel_err *err) {
    *t = (struct rn_tail){.hasher = h, .peaks = *peaks, .count = count, .last = count ? last : INT64_MIN};
    rn_buf_init(&t->open, RN_BLOCK_BYTES);
    if (count > RN_COUNT_MAX || peaks->n != 1 + count / RN_MAX_BLOCK)
        return rn_fail(err, RUNNEL_EDAMAGED, "tree: %" PRIu64 " leaves do not belong to %" PRIu64 " observations",
                       peaks->n, count);
    if (in_open(t) == 0)
        return open.n == 0
                   ? 0
                   : rn_fail(err, RUNNEL_EDAMAGED, "open block: %zu bytes, want none at count %" PRIu64, open.n, count);
    int rc = load_open(t, open, err);
    if (rc != 0)
        rn_tail_free(t);
    return rc;
}

int rn_tail_copy(struct rn_tail *to, const struct rn_tail *from) {
    *to = *from;
    to->leaf = NULL;
    rn_buf_init(&to->open, RN_BLOCK_BYTES);
    int rc = rn_buf_add(&to->open, from->open.p, from->open.n);
    if (rc != 0)
        rn_tail_free(to);
    return rc;
}

void rn_tail_free(struct rn_tail *t) {
    rn_buf_free(&t->open);
    rn_leaf_hash_free(t->leaf);
    t->leaf = NULL;
}

void rn_tail_keep_leaf(struct rn_tail *to, struct rn_tail *from) {
    rn_leaf_hash_free(to->leaf);
    to->leaf = from->leaf;
    from->leaf = NULL;
    if (!to->leaf)
        to->leaf = rn_leaf_hash_new(to->hasher);
    else if (from->count / RN_MAX_BLOCK != to->count / RN_MAX_BLOCK)
        rn_leaf_hash_clear(to->hasher, to->leaf); /* it was of a block that is closed since */
}

/* ---- adding ---- */

/* Hands the bytes that came to the open block since `off` to the sink. */
static int tell_bytes(const struct rn_tail *t, uint64_t block, size_t off, const struct rn_tail_sink *sink) {
    if (!sink || !sink->bytes || t->open.n == off)
        return 0;
    struct runnel_bytes data = {t->open.p + off, t->open.n - off};
    return sink->bytes(sink->arg, block, off, data);
}

struct node_teller {
    const struct rn_tail_sink *sink;
    int64_t first;
};

static int tell_node(void *arg, uint32_t level, uint64_t index, const struct rn_hash *hash) {
    const struct node_teller *teller = arg;
    return teller->sink->node(teller->sink->arg, level, index, hash, level ? 0 : teller->first);
}

/* The open block has its last observation: it becomes a leaf. */
static int close_block(struct rn_tail *t, const struct rn_tail_sink *sink) {
    struct node_teller teller = {sink, (int64_t)rn_get_le64(t->open.p)};
    struct rn_hash leaf = rn_tail_open_leaf(t);
    int rc = rn_peaks_add(t->hasher, &t->peaks, &leaf, sink && sink->node ? tell_node : NULL, &teller);
    rn_buf_clear(&t->open);
    if (t->leaf)
        rn_leaf_hash_clear(t->hasher, t->leaf);
    return rc;
}

/* After something was added from `off` on: tells of it, and closes the block when it is full. */
static int settle(struct rn_tail *t, size_t off, const struct rn_tail_sink *sink, struct runnel_err *err) {
    int rc = tell_bytes(t, (t->count - 1) / RN_MAX_BLOCK, off, sink);
    if (rc == 0 && in_open(t) == 0)
        rc = close_block(t, sink);
    return rc == 0 ? 0 : rn_fail(err, -rc, "could not add up to observation %" PRIu64, t->count - 1);
}

static int add_one(struct rn_tail *t, const struct rn_obs *o, struct runnel_err *err) {
    if (t->count == RN_COUNT_MAX)
        return rn_fail(err, RUNNEL_ETOOBIG, "the stream is full: %" PRIu64 " observations", t->count);
    if (o->time < t->last)
        return rn_fail(err, RUNNEL_EINVALID,
                       "observation %" PRIu64 ": its time %" PRId64 " is before the last one, %" PRId64, t->count,
                       o->time, t->last);
    int rc = rn_block_add(&t->open, t->last, o->time, o->value);
    if (rc != 0)
        return rn_fail(err, -rc, "observation %" PRIu64 ": cannot be added to its block (value of %zu bytes)", t->count,
                       o->value.n);
    t->last = o->time;
    t->count++;
    return 0;
}

int rn_tail_add(struct rn_tail *t, const struct rn_obs *o, size_t n, const struct rn_tail_sink *sink,
                struct runnel_err *err) {
    size_t off = t->open.n;
    for (size_t i = 0; i < n; i++) {
        int rc = add_one(t, &o[i], err);
        if (rc == 0 && (in_open(t) == 0 || i + 1 == n)) {
            rc = settle(t, off, sink, err);
            off = t->open.n;
        }
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* What a run must be to come next. */
static int run_fits(const struct rn_tail *t, uint64_t seq, int64_t base, struct runnel_err *err) {
    if (seq != t->count)
        return rn_fail(err, RUNNEL_EDAMAGED, "run: it starts at observation %" PRIu64 ", want %" PRIu64, seq, t->count);
    if (t->count == RN_COUNT_MAX)
        return rn_fail(err, RUNNEL_ETOOBIG, "the stream is full: %" PRIu64 " observations", t->count);
    if (in_open(t) == 0 ? base < t->last : base != t->last)
        return rn_fail(err, RUNNEL_EDAMAGED,
                       "run at observation %" PRIu64 ": its base is %" PRId64 ", and the time before it is %" PRId64,
                       seq, base, t->last);
    return 0;
}

int rn_tail_add_run(struct rn_tail *t, uint64_t seq, int64_t base, struct runnel_bytes entries,
                    const struct rn_tail_sink *sink, struct runnel_err *err) {
    struct rn_checked_run run = {.seq = seq, .base = base, .entries = entries};
    int rc = run_fits(t, seq, base, err);
    if (rc == 0)
        rc = rn_entries_check(entries.p, entries.n, seq, base, in_open(t) == 0, RN_MAX_BLOCK - in_open(t), &run.count,
                              &run.last, err);
    return rc == 0 ? rn_tail_add_checked(t, &run, sink, err) : rc;
}

int rn_tail_add_checked(struct rn_tail *t, const struct rn_checked_run *run, const struct rn_tail_sink *sink,
                        struct runnel_err *err) {
    int rc = run_fits(t, run->seq, run->base, err);
    if (rc != 0)
        return rc;
    if (run->count == 0 || run->count > RN_MAX_BLOCK - in_open(t))
        return rn_fail(err, RUNNEL_EDAMAGED,
                       "run at observation %" PRIu64 ": %" PRIu64 " observations, want 1 to %" PRIu64, run->seq,
                       run->count, RN_MAX_BLOCK - in_open(t));
    size_t off = t->open.n;
    if (in_open(t) == 0)
        rc = rn_buf_le64(&t->open, (uint64_t)run->base);
    if (rc == 0)
        rc = rn_buf_add(&t->open, run->entries.p, run->entries.n);
    if (rc != 0)
        return rn_fail(err, -rc, "run at observation %" PRIu64 ": no room for its block", run->seq);
    t->count += run->count;
    t->last = run->last;
    return settle(t, off, sink, err);
}

struct rn_hash rn_tail_open_leaf(const struct rn_tail *t) {
    if (t->leaf) {
        size_t done = rn_leaf_hash_size(t->leaf);
        rn_leaf_hash_add(t->hasher, t->leaf, t->open.p + done, t->open.n - done);
        return rn_leaf_hash_now(t->hasher, t->leaf);
    }
    return rn_hash_leaf(t->hasher, t->open.p, t->open.n, NULL, 0);
}

struct rn_hash rn_tail_root(const struct rn_tail *t) {
    if (t->open.n == 0)
        return rn_peaks_root(t->hasher, &t->peaks, NULL);
    struct rn_hash leaf = rn_tail_open_leaf(t);
    return rn_peaks_root(t->hasher, &t->peaks, &leaf);
}
