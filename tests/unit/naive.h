/* SPDX-License-Identifier: MIT
 * naive.h — the tree and the paths of RFC 9162, written down as it defines them, to hold the real ones against.
 * May touch: nothing but its arguments.
 */
#ifndef RN_TESTS_NAIVE_H
#define RN_TESTS_NAIVE_H

#include "data/hash.h"

/* The largest power of two that is less than n, for n > 1. */
static inline size_t naive_split(size_t n) {
    size_t k = 1;
    while (2 * k < n)
        k *= 2;
    return k;
}

/* MTH of section 2.1.1, over leaf hashes. */
static inline struct rn_hash naive_root(struct rn_hasher *h, const struct rn_hash *leaf, size_t n) {
    if (n == 0)
        return rn_sha256(h, NULL, 0);
    if (n == 1)
        return leaf[0];
    size_t k = naive_split(n);
    struct rn_hash left = naive_root(h, leaf, k), right = naive_root(h, leaf + k, n - k);
    return rn_hash_node(h, &left, &right);
}

/* PATH of section 2.1.3.1, leaf side first; returns its length. */
static inline uint32_t naive_path(struct rn_hasher *h, const struct rn_hash *leaf, size_t index, size_t n,
                                  struct rn_hash *path) {
    if (n <= 1)
        return 0;
    size_t k = naive_split(n);
    if (index < k) {
        uint32_t length = naive_path(h, leaf, index, k, path);
        path[length] = naive_root(h, leaf + k, n - k);
        return length + 1;
    }
    uint32_t length = naive_path(h, leaf + k, index - k, n - k, path);
    path[length] = naive_root(h, leaf, k);
    return length + 1;
}

#endif
