/* SPDX-License-Identifier: MIT
 * tail.h — the growing end of a stream: its peaks, its open block, its count and last time.
 * May touch: the heap.
 *
 * A publisher adds what it is given, a subscriber what it received; both get the same root, and the
 * same pieces to store. To try something and maybe give it up, work on a copy.
 */
#ifndef RN_DATA_TAIL_H
#define RN_DATA_TAIL_H

#include "data/block.h"
#include "data/tree.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_tail {
    struct rn_hasher *hasher; /* borrowed */
    struct rn_peaks peaks;    /* over the descriptor and all closed blocks */
    uint64_t count;           /* observations */
    int64_t last;             /* time of the last one; INT64_MIN when there is none */
    struct rn_buf open;       /* bytes of the open block; empty when count % 256 == 0 */
    /* The leaf hash of the open block, over as much of it as there was when it was last asked for; NULL: none is kept,
     * and each time all of the block is hashed. */
    struct rn_leaf_hash *leaf;
};

/* Is told of what an addition makes to store. All borrowed. */
struct rn_tail_sink {
    void *arg;
    /* Bytes to append to block `block` (0, 1, ...) at byte `off`. Called once for each block touched. */
    int (*bytes)(void *arg, uint64_t block, uint64_t off, struct runnel_bytes data);
    /* A perfect node; for a leaf (level 0) `first` is the first time of its block (INT64_MIN for the
     * descriptor's leaf), else 0. */
    int (*node)(void *arg, uint32_t level, uint64_t index, const struct rn_hash *hash, int64_t first);
};

/* An empty stream: the tree over the descriptor alone. */
int rn_tail_init(struct rn_tail *t, struct rn_hasher *h, const struct rn_hash *descriptor_leaf);
/* The end of a stream as storage has it: peaks over closed blocks, and the open block's bytes
 * (copied), which are walked for the last time; `last` is used when there is no open block. */
int rn_tail_load(struct rn_tail *t, struct rn_hasher *h, const struct rn_peaks *peaks, uint64_t count, int64_t last,
                 struct runnel_bytes open, struct runnel_err *err);
/* A deep copy into uninitialised memory; 0 or -RUNNEL_ENOMEM. */
int rn_tail_copy(struct rn_tail *to, const struct rn_tail *from);
void rn_tail_free(struct rn_tail *t);
/* `to`, a copy of `from` that may have grown, takes over the hash of the open block that `from` keeps, or begins to
 * keep one, so that its next root costs no more than what is added. `from` keeps none then: should `to` be thrown
 * away, its next root hashes all of its block again. Without memory none is kept. */
void rn_tail_keep_leaf(struct rn_tail *to, struct rn_tail *from);

/* Adds `n` observations with times that never decrease (also not below t->last) and values that have
 * been checked. `o[i].seq` is ignored. On failure the tail is spoiled: free it. */
int rn_tail_add(struct rn_tail *t, const struct rn_obs *o, size_t n, const struct rn_tail_sink *sink,
                struct runnel_err *err);
/* Adds a run of entries as received: they are checked (rn_entries_check), must start at seq t->count,
 * and `base` must be t->last (for a run that starts a block: not before t->last). Runs may span
 * blocks only at a block's end: a run ends with its block. On failure the tail is spoiled. */
int rn_tail_add_run(struct rn_tail *t, uint64_t seq, int64_t base, struct runnel_bytes entries,
                    const struct rn_tail_sink *sink, struct runnel_err *err);
/* A run whose entries have been checked by rn_entries_check, with this seq and base, as those that start a block if
 * they do: how many they are and when the last one was. */
struct rn_checked_run {
    uint64_t seq, count;
    int64_t base, last;
    struct runnel_bytes entries; /* borrowed */
};
/* As rn_tail_add_run, without looking at the entries once more. */
int rn_tail_add_checked(struct rn_tail *t, const struct rn_checked_run *run, const struct rn_tail_sink *sink,
                        struct runnel_err *err);
/* The root at t->count. */
struct rn_hash rn_tail_root(const struct rn_tail *t);
/* The leaf hash of the open block; only when there is one. */
struct rn_hash rn_tail_open_leaf(const struct rn_tail *t);

#ifdef __cplusplus
}
#endif
#endif
