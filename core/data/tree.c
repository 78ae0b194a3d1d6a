/* SPDX-License-Identifier: MIT
 * tree.c — peaks, roots and inclusion paths of the Merkle tree of RFC 9162.
 * May touch: nothing but its arguments.
 */
#include "data/tree.h"

#include "data/limits.h"

/* ---- peaks ---- */

int rn_peaks_add(struct rn_hasher *h, struct rn_peaks *k, const struct rn_hash *leaf, rn_node_fn *fn, void *arg) {
    return rn_peaks_add_node(h, k, 0, leaf, fn, arg);
}

/* Adding 2^level leaves to n is binary addition: each bit that is set is a peak that merges with what
 * is carried. */
int rn_peaks_add_node(struct rn_hasher *h, struct rn_peaks *k, uint32_t level, const struct rn_hash *node,
                      rn_node_fn *fn, void *arg) {
    if (level >= RN_TREE_LEVELS || k->n & ((UINT64_C(1) << level) - 1))
        return -RUNNEL_EINVALID;
    uint64_t n = k->n + (UINT64_C(1) << level);
    if (n >> RN_TREE_LEVELS)
        return -RUNNEL_ETOOBIG;
    struct rn_hash carry = *node;
    for (;; level++) {
        int rc = fn ? fn(arg, level, k->n >> level, &carry) : 0;
        if (rc != 0)
            return rc;
        if (!(k->n >> level & 1))
            break;
        carry = rn_hash_node(h, &k->peak[level], &carry);
    }
    k->peak[level] = carry;
    k->n = n;
    return 0;
}

struct rn_hash rn_peaks_root(struct rn_hasher *h, const struct rn_peaks *k, const struct rn_hash *open) {
    struct rn_hash root;
    int some = open != NULL;
    if (some)
        root = *open;
    for (uint32_t level = 0; level < RN_TREE_LEVELS; level++) {
        if (!(k->n >> level & 1))
            continue;
        root = some ? rn_hash_node(h, &k->peak[level], &root) : k->peak[level];
        some = 1;
    }
    return some ? root : rn_sha256(h, NULL, 0);
}

/* ---- paths ---- */

enum side { SIDE_NONE, SIDE_LEFT, SIDE_RIGHT };

/* On which side the node above `index` at `level` has a sibling: always left of an odd one, right of
 * an even one unless that is the last of its level, which then rises by itself. */
static enum side side_at(uint64_t index, uint64_t n, uint32_t level) {
    uint64_t at = index >> level, last = (n - 1) >> level;
    if (at & 1)
        return SIDE_LEFT;
    return at < last ? SIDE_RIGHT : SIDE_NONE;
}

/* Whether `level` is still below the root of n leaves. */
static int below_root(uint64_t n, uint32_t level) {
    return level < 64 && (n - 1) >> level != 0;
}

uint32_t rn_path_length(uint64_t index, uint64_t n) {
    uint32_t length = 0;
    for (uint32_t level = 0; below_root(n, level); level++)
        length += side_at(index, n, level) != SIDE_NONE;
    return length;
}

void rn_path_sibling(uint64_t index, uint64_t n, uint32_t i, uint64_t *from, uint64_t *to, int *left) {
    uint32_t level = 0;
    for (; below_root(n, level); level++)
        if (side_at(index, n, level) != SIDE_NONE && i-- == 0)
            break;
    uint64_t sibling = (index >> level) ^ 1;
    *left = !(sibling & 1);
    *from = sibling << level;
    *to = n - *from > UINT64_C(1) << level ? *from + (UINT64_C(1) << level) : n;
}

static int fold(struct rn_hasher *h, uint64_t index, uint64_t n, const struct rn_hash *leaf, const struct rn_hash *path,
                uint32_t n_path, int right_too, struct rn_hash *root) {
    if (index >= n || n_path != rn_path_length(index, n))
        return -RUNNEL_EINVALID;
    struct rn_hash r = *leaf;
    for (uint32_t level = 0; below_root(n, level); level++) {
        enum side side = side_at(index, n, level);
        if (side == SIDE_NONE)
            continue;
        if (side == SIDE_LEFT)
            r = rn_hash_node(h, path, &r);
        else if (right_too)
            r = rn_hash_node(h, &r, path);
        path++;
    }
    *root = r;
    return 0;
}

int rn_path_fold(struct rn_hasher *h, uint64_t index, uint64_t n, const struct rn_hash *leaf,
                 const struct rn_hash *path, uint32_t n_path, struct rn_hash *root) {
    return fold(h, index, n, leaf, path, n_path, 1, root);
}

int rn_path_fold_left(struct rn_hasher *h, uint64_t index, uint64_t n, const struct rn_hash *leaf,
                      const struct rn_hash *path, uint32_t n_path, struct rn_hash *root) {
    return fold(h, index, n, leaf, path, n_path, 0, root);
}

/* ---- a stream's tree ---- */

uint64_t rn_tree_leaves(uint64_t count) {
    return 1 + rn_tree_last_leaf(count);
}

uint64_t rn_tree_last_leaf(uint64_t count) {
    return count / RN_MAX_BLOCK + (count % RN_MAX_BLOCK != 0);
}
