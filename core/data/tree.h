/* SPDX-License-Identifier: MIT
 * tree.h — the Merkle tree of RFC 9162: peaks that grow, roots, inclusion paths.
 * May touch: nothing but its arguments.
 *
 * Node (level, index) is the hash over leaves index*2^level .. (index+1)*2^level-1; level 0 are the
 * leaves. A node is perfect when all of its leaves exist; perfect nodes never change.
 */
#ifndef RN_DATA_TREE_H
#define RN_DATA_TREE_H

#include "data/hash.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RN_TREE_LEVELS 48u /* no tree here has 2^48 leaves or more */

/* The perfect subtrees that n leaves fall into, by the binary digits of n: peak[l] is there when bit l
 * of n is set, and is the node (l, (n >> l) - 1). Enough to add leaves and to tell the root. */
struct rn_peaks {
    uint64_t n;
    struct rn_hash peak[RN_TREE_LEVELS];
};

/* Is told of each perfect node as it comes into being, leaves (level 0) included. */
typedef int rn_node_fn(void *arg, uint32_t level, uint64_t index, const struct rn_hash *hash);

/* Adds one leaf hash; `fn` may be NULL. 0, or what `fn` returned (the peaks are then spoiled). */
int rn_peaks_add(struct rn_hasher *h, struct rn_peaks *k, const struct rn_hash *leaf, rn_node_fn *fn, void *arg);
/* Adds a perfect node of `level` where the peaks end (n must be a multiple of 2^level, else
 * -RUNNEL_EINVALID). Both: -RUNNEL_ETOOBIG when there would be 2^48 leaves. */
int rn_peaks_add_node(struct rn_hasher *h, struct rn_peaks *k, uint32_t level, const struct rn_hash *node,
                      rn_node_fn *fn, void *arg);
/* The root over the peaks, and one more leaf at their right when `open` is not NULL. The empty tree's
 * root is SHA-256 of nothing (RFC 9162, section 2.1.1). */
struct rn_hash rn_peaks_root(struct rn_hasher *h, const struct rn_peaks *k, const struct rn_hash *open);

/* The number of hashes in the inclusion path of leaf `index` in a tree of `n` leaves (index < n). */
uint32_t rn_path_length(uint64_t index, uint64_t n);
/* Which hash stands at place `i` (leaf side first) of that path: the leaves [*from, *to) that it
 * covers. It is a perfect node unless it reaches the tree's ragged right edge. *left tells on which
 * side it stands. */
void rn_path_sibling(uint64_t index, uint64_t n, uint32_t i, uint64_t *from, uint64_t *to, int *left);
/* Folds a leaf hash with its path (RFC 9162, section 2.1.3.2) to the root it belongs under. `n_path`
 * must be rn_path_length; -RUNNEL_EINVALID when it is not. */
int rn_path_fold(struct rn_hasher *h, uint64_t index, uint64_t n, const struct rn_hash *leaf,
                 const struct rn_hash *path, uint32_t n_path, struct rn_hash *root);
/* Folds with the left siblings only: the root of the tree of index + 1 leaves whose last is this. */
int rn_path_fold_left(struct rn_hasher *h, uint64_t index, uint64_t n, const struct rn_hash *leaf,
                      const struct rn_hash *path, uint32_t n_path, struct rn_hash *root);

/* The most observations of a stream: its tree then has 2^48 - 1 leaves. A greater count is refused
 * wherever it is read. */
#define RN_COUNT_MAX ((UINT64_C(1) << 56) - 512u)

/* Leaves of the tree of a stream with `count` observations: 1 + ceil(count / 256). */
uint64_t rn_tree_leaves(uint64_t count);
/* The leaf that holds observation count-1; 0 (the descriptor) when count is 0. */
uint64_t rn_tree_last_leaf(uint64_t count);

#ifdef __cplusplus
}
#endif
#endif
