/* SPDX-License-Identifier: MIT
 * proof.h — one kind of proof: that the first a observations are the same under two heads.
 * May touch: the heap.
 *
 * Encoded: LEB128 a, LEB128 b, the path of the leaf that holds observation a-1 (of the descriptor for
 * a = 0) in the tree of count b (32 bytes each, as many as a and b demand), then the bytes of that
 * leaf to the end. Folded whole it gives root b; cut after observation a-1 and folded with the left
 * siblings only it gives root a. The leaf's bytes are those at count b.
 */
#ifndef RN_DATA_PROOF_H
#define RN_DATA_PROOF_H

#include "data/block.h"
#include "data/tree.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_proof {
    uint64_t a, b; /* a <= b */
    uint32_t n_path;
    struct rn_hash path[RN_TREE_LEVELS];
    struct runnel_bytes leaf; /* borrowed */
};

int rn_proof_encode(const struct rn_proof *p, struct rn_buf *out);
/* Borrows the leaf from `p`. -RUNNEL_EDAMAGED for anything that is not the one spelling. */
int rn_proof_decode(const void *p, size_t n, struct rn_proof *out, struct runnel_err *err);
/* The two roots that the proof speaks of. -RUNNEL_EDAMAGED when the leaf is no block with that many
 * observations (256 when it is not the last of b, else exactly what b leaves for it). */
int rn_proof_roots(struct rn_hasher *h, const struct rn_proof *p, struct rn_hash *root_a, struct rn_hash *root_b,
                   struct runnel_err *err);
/* 0 when the proof connects the two heads' counts and roots; -RUNNEL_EDAMAGED when it does not. The
 * counts are asked for because a path alone does not tell them: it may have one shape in several trees. */
int rn_proof_check(struct rn_hasher *h, const struct rn_proof *p, uint64_t a, const struct rn_hash *root_a, uint64_t b,
                   const struct rn_hash *root_b, struct runnel_err *err);

/* Fetches a hash that the prover has: the root over leaves [from, to) of the tree of count b. */
typedef int rn_range_fn(void *arg, uint64_t from, uint64_t to, struct rn_hash *out);
/* Makes the proof for a <= b from the leaf's bytes (borrowed) and a way to get subtree hashes. */
int rn_proof_make(uint64_t a, uint64_t b, struct runnel_bytes leaf, rn_range_fn *range, void *arg,
                  struct rn_proof *out);

#ifdef __cplusplus
}
#endif
#endif
