/* SPDX-License-Identifier: MIT
 * history.h — a made-up stream for tests: every block's bytes, and the root and last leaf at every count.
 * May touch: the heap.
 */
#ifndef RN_TESTS_HISTORY_H
#define RN_TESTS_HISTORY_H

#include "check.h"
#include "data/tail.h"
#include "naive.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct history {
    struct rn_hasher *h;
    size_t n;
    struct rn_hash descriptor; /* leaf 0 */
    struct rn_buf *block;      /* all blocks, the last one perhaps open */
    struct rn_hash *last_leaf; /* [count]: hash of the leaf that holds observation count - 1, at that count */
    struct rn_hash *leaf;      /* room for the leaves at one count; see history_leaves */
};

/* Observation `i`; its value is written to `text`. */
static inline struct rn_obs history_obs(size_t i, char text[32]) {
    int n = snprintf(text, 32, i % 7 ? "%zu" : "{\"n\":%zu}", i);
    return (struct rn_obs){
        .seq = i, .time = -1000000000 + (int64_t)(i / 3) * 700000000, .value = {(const uint8_t *)text, (size_t)n}};
}

static inline void history_make(struct history *s, struct rn_hasher *h, size_t n) {
    size_t blocks = n / RN_MAX_BLOCK + 1;
    *s = (struct history){.h = h, .n = n, .descriptor = rn_hash_leaf(h, "the descriptor", 14, NULL, 0)};
    s->block = calloc(blocks, sizeof *s->block);
    s->last_leaf = calloc(n + 1, sizeof *s->last_leaf);
    s->leaf = calloc(blocks + 1, sizeof *s->leaf);
    assert_true(s->block && s->last_leaf && s->leaf);
    s->last_leaf[0] = s->descriptor;
    int64_t last = 0;
    for (size_t i = 0; i < n; i++) {
        char text[32];
        struct rn_obs o = history_obs(i, text);
        struct rn_buf *b = &s->block[i / RN_MAX_BLOCK];
        assert_int_equal(rn_block_add(b, last, o.time, o.value), 0);
        s->last_leaf[i + 1] = rn_hash_leaf(h, b->p, b->n, NULL, 0);
        last = o.time;
    }
}

/* The leaves of the tree at `count`; returns how many. Valid until the next call. */
static inline size_t history_leaves(struct history *s, size_t count) {
    size_t n = (size_t)rn_tree_leaves(count);
    s->leaf[0] = s->descriptor;
    for (size_t k = 1; k < n; k++)
        s->leaf[k] = s->last_leaf[k * RN_MAX_BLOCK < count ? k * RN_MAX_BLOCK : count];
    return n;
}

static inline struct rn_hash history_root(struct history *s, size_t count) {
    size_t n = history_leaves(s, count);
    return naive_root(s->h, s->leaf, n);
}

/* The block of observation count - 1 as it is at that count. */
static inline struct runnel_bytes history_block(struct history *s, size_t block, size_t count) {
    const struct rn_buf *b = &s->block[block];
    size_t here = count - block * RN_MAX_BLOCK, off;
    assert_int_equal(rn_block_cut(b->p, b->n, here < RN_MAX_BLOCK ? here : RN_MAX_BLOCK, &off, NULL), 0);
    return (struct runnel_bytes){b->p, off};
}

static inline void history_free(struct history *s) {
    for (size_t k = 0; k <= s->n / RN_MAX_BLOCK; k++)
        rn_buf_free(&s->block[k]);
    free(s->block);
    free(s->last_leaf);
    free(s->leaf);
}

/* For a group of tests: *state is one of `n` observations. */
static inline int history_setup(void **state, size_t n) {
    struct history *s = malloc(sizeof *s);
    struct rn_hasher *h = rn_hasher_new();
    if (!s || !h)
        return -1;
    history_make(s, h, n);
    *state = s;
    return 0;
}

static inline int history_teardown(void **state) {
    struct history *s = *state;
    int ok = rn_hasher_ok(s->h);
    rn_hasher_free(s->h);
    history_free(s);
    free(s);
    return ok ? 0 : -1;
}

#endif
