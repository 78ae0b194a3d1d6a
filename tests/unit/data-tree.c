/* SPDX-License-Identifier: MIT
 * data-tree.c — tests of hash and tree: against the published vectors and a naive tree written down from RFC 9162.
 * May touch: the heap.
 */
#include "base/buf.h"
#include "check.h"
#include "data/tree.h"
#include "naive.h"
#include <stdlib.h>
#include <string.h>

#define MOST 600u

static struct rn_hash hash_of(const char *hex) {
    struct rn_hash h;
    assert_int_equal(rn_hex_parse(hex, strlen(hex), h.b, RN_HASH), 0);
    return h;
}

/* `n` leaf hashes that are all different. */
static struct rn_hash *some_leaves(struct rn_hasher *h, size_t n) {
    struct rn_hash *leaf = calloc(n + 1, sizeof *leaf);
    assert_non_null(leaf);
    for (size_t i = 0; i < n; i++)
        leaf[i] = rn_hash_leaf(h, &i, sizeof i, NULL, 0);
    return leaf;
}

static void sha256_is_sha256(void **state) {
    struct rn_hasher *h = *state;
    struct rn_hash want = hash_of("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct rn_hash empty = hash_of("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct rn_hash got = rn_sha256(h, "abc", 3);
    assert_true(rn_hash_equal(&got, &want));
    got = rn_sha256(h, NULL, 0);
    assert_true(rn_hash_equal(&got, &empty));
    assert_false(rn_hash_equal(&got, &want));
    assert_true(rn_hasher_ok(h));
}

static void leaf_parts_join(void **state) {
    static const char text[] = "abcdef";
    struct rn_hasher *h = *state;
    struct rn_hash whole = rn_sha256(h, "\0abcdef", 7);
    for (size_t i = 0; i <= 6; i++) {
        struct rn_hash got = rn_hash_leaf(h, text, i, &text[i], 6 - i);
        assert_true(rn_hash_equal(&got, &whole));
    }
}

/* The tree that Certificate Transparency implementations test themselves with. */
static void published_roots(void **state) {
    static const struct {
        const char *bytes;
        size_t n;
        const char *root; /* of the leaves up to this one */
    } leaf[] = {
        {"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
        {"\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
        {"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
        {"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
        {"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
        {"\x40\x41\x42\x43", 4, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
        {"\x50\x51\x52\x53\x54\x55\x56\x57", 8, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
        {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
    };
    struct rn_hasher *h = *state;
    struct rn_peaks k = {0};
    for (size_t i = 0; i < sizeof leaf / sizeof leaf[0]; i++) {
        struct rn_hash hash = rn_hash_leaf(h, leaf[i].bytes, leaf[i].n, NULL, 0), want = hash_of(leaf[i].root);
        assert_int_equal(rn_peaks_add(h, &k, &hash, NULL, NULL), 0);
        struct rn_hash got = rn_peaks_root(h, &k, NULL);
        assert_true(rn_hash_equal(&got, &want));
    }
}

static void peaks_are_the_naive_tree(void **state) {
    struct rn_hasher *h = *state;
    struct rn_hash *leaf = some_leaves(h, MOST);
    struct rn_peaks k = {0};
    for (size_t n = 0; n <= MOST; n++) {
        struct rn_hash want = naive_root(h, leaf, n), got = rn_peaks_root(h, &k, NULL);
        assert_true(rn_hash_equal(&got, &want));
        if (n == MOST)
            break;
        struct rn_hash open = naive_root(h, leaf, n + 1);
        got = rn_peaks_root(h, &k, &leaf[n]);
        assert_true(rn_hash_equal(&got, &open));
        assert_int_equal(rn_peaks_add(h, &k, &leaf[n], NULL, NULL), 0);
        assert_true(k.n == n + 1);
    }
    free(leaf);
}

/* Collects what rn_node_fn is told, to hold it against the naive tree. */
struct seen {
    struct rn_hasher *h;
    const struct rn_hash *leaf;
    size_t n;
};

static int see_node(void *arg, uint32_t level, uint64_t index, const struct rn_hash *hash) {
    struct seen *seen = arg;
    size_t width = (size_t)1 << level;
    struct rn_hash want = naive_root(seen->h, seen->leaf + index * width, width);
    assert_true(rn_hash_equal(hash, &want));
    seen->n++;
    return 0;
}

static void every_perfect_node_is_told_once(void **state) {
    struct rn_hasher *h = *state;
    struct rn_hash *leaf = some_leaves(h, MOST);
    struct seen seen = {h, leaf, 0};
    struct rn_peaks k = {0};
    size_t want = 0;
    for (size_t n = 0; n < MOST; n++) {
        assert_int_equal(rn_peaks_add(h, &k, &leaf[n], see_node, &seen), 0);
        for (size_t width = 1; (n + 1) % width == 0 && width <= n + 1; width *= 2)
            want++;
        assert_int_equal(seen.n, want);
    }
    free(leaf);
}

static int refuse_node(void *arg, uint32_t level, uint64_t index, const struct rn_hash *hash) {
    (void)arg;
    (void)index;
    (void)hash;
    return level == 1 ? -RUNNEL_EIO : 0;
}

static void the_callers_error_comes_back(void **state) {
    struct rn_hasher *h = *state;
    struct rn_hash leaf = rn_sha256(h, "x", 1);
    struct rn_peaks k = {0};
    assert_int_equal(rn_peaks_add(h, &k, &leaf, refuse_node, NULL), 0);
    assert_int_equal(rn_peaks_add(h, &k, &leaf, refuse_node, NULL), -RUNNEL_EIO);
}

/* Grows to every n from perfect nodes of random fitting levels. */
static void nodes_add_like_their_leaves(void **state) {
    struct rn_hasher *h = *state;
    struct rn_hash *leaf = some_leaves(h, MOST);
    uint64_t seed = 1;
    for (int round = 0; round < 200; round++) {
        struct rn_peaks k = {0};
        struct seen seen = {h, leaf, 0};
        for (;;) {
            uint32_t level = (uint32_t)check_below(&seed, 10);
            size_t width = (size_t)1 << level;
            if (k.n % width != 0) {
                assert_int_equal(rn_peaks_add_node(h, &k, level, &leaf[0], NULL, NULL), -RUNNEL_EINVALID);
                continue;
            }
            if (k.n + width > MOST)
                break;
            struct rn_hash node = naive_root(h, leaf + k.n, width);
            assert_int_equal(rn_peaks_add_node(h, &k, level, &node, see_node, &seen), 0);
            struct rn_hash want = naive_root(h, leaf, (size_t)k.n), got = rn_peaks_root(h, &k, NULL);
            assert_true(rn_hash_equal(&got, &want));
        }
    }
    free(leaf);
}

static void a_tree_has_an_end(void **state) {
    struct rn_hasher *h = *state;
    struct rn_hash node = rn_sha256(h, "x", 1);
    struct rn_peaks k = {.n = (UINT64_C(1) << RN_TREE_LEVELS) - 1};
    assert_int_equal(rn_peaks_add(h, &k, &node, NULL, NULL), -RUNNEL_ETOOBIG);
    k.n = 0;
    assert_int_equal(rn_peaks_add_node(h, &k, RN_TREE_LEVELS, &node, NULL, NULL), -RUNNEL_EINVALID);
    assert_int_equal(rn_peaks_add_node(h, &k, RN_TREE_LEVELS - 1, &node, NULL, NULL), 0);
    assert_int_equal(rn_peaks_add_node(h, &k, RN_TREE_LEVELS - 1, &node, NULL, NULL), -RUNNEL_ETOOBIG);
    assert_true(rn_tree_leaves(RN_COUNT_MAX) == (UINT64_C(1) << RN_TREE_LEVELS) - 1);
}

/* One leaf of one tree: its path is the naive one, place by place, and folds to both roots. */
static void check_path(struct rn_hasher *h, const struct rn_hash *leaf, size_t index, size_t n) {
    struct rn_hash path[64], got, want;
    uint32_t length = naive_path(h, leaf, index, n, path);
    assert_int_equal(rn_path_length(index, n), length);
    for (uint32_t i = 0; i < length; i++) {
        uint64_t from, to;
        int left;
        rn_path_sibling(index, n, i, &from, &to, &left);
        assert_true(from < to && to <= n);
        assert_int_equal(left, to <= index);
        got = naive_root(h, leaf + from, (size_t)(to - from));
        assert_true(rn_hash_equal(&got, &path[i]));
    }
    assert_int_equal(rn_path_fold(h, index, n, &leaf[index], path, length, &got), 0);
    want = naive_root(h, leaf, n);
    assert_true(rn_hash_equal(&got, &want));
    assert_int_equal(rn_path_fold_left(h, index, n, &leaf[index], path, length, &got), 0);
    want = naive_root(h, leaf, index + 1);
    assert_true(rn_hash_equal(&got, &want));
}

static void paths_are_the_naive_ones(void **state) {
    struct rn_hasher *h = *state;
    struct rn_hash *leaf = some_leaves(h, MOST);
    for (size_t n = 1; n <= 70; n++)
        for (size_t index = 0; index < n; index++)
            check_path(h, leaf, index, n);
    uint64_t seed = 2;
    for (int i = 0; i < 200; i++) {
        size_t n = 1 + check_below(&seed, MOST);
        check_path(h, leaf, check_below(&seed, n), n);
    }
    free(leaf);
}

static void wrong_paths_are_refused(void **state) {
    struct rn_hasher *h = *state;
    struct rn_hash path[64] = {{{0}}}, leaf = rn_sha256(h, "x", 1), root;
    assert_int_equal(rn_path_fold(h, 5, 5, &leaf, path, 3, &root), -RUNNEL_EINVALID);
    assert_int_equal(rn_path_fold(h, 0, 0, &leaf, path, 0, &root), -RUNNEL_EINVALID);
    for (uint32_t n_path = 0; n_path < 64; n_path++) {
        int want = n_path == rn_path_length(3, 11) ? 0 : -RUNNEL_EINVALID;
        assert_int_equal(rn_path_fold(h, 3, 11, &leaf, path, n_path, &root), want);
        assert_int_equal(rn_path_fold_left(h, 3, 11, &leaf, path, n_path, &root), want);
    }
}

static void leaves_of_a_count(void **state) {
    (void)state;
    static const struct {
        uint64_t count, leaves, last;
    } of[] = {{0, 1, 0}, {1, 2, 1}, {255, 2, 1}, {256, 2, 1}, {257, 3, 2}, {512, 3, 2}, {513, 4, 3}};
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        assert_true(rn_tree_leaves(of[i].count) == of[i].leaves);
        assert_true(rn_tree_last_leaf(of[i].count) == of[i].last);
    }
}

static int setup(void **state) {
    *state = rn_hasher_new();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    int ok = rn_hasher_ok(*state);
    rn_hasher_free(*state);
    rn_hasher_free(NULL);
    return ok ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_is_sha256),
        cmocka_unit_test(leaf_parts_join),
        cmocka_unit_test(published_roots),
        cmocka_unit_test(peaks_are_the_naive_tree),
        cmocka_unit_test(every_perfect_node_is_told_once),
        cmocka_unit_test(the_callers_error_comes_back),
        cmocka_unit_test(nodes_add_like_their_leaves),
        cmocka_unit_test(a_tree_has_an_end),
        cmocka_unit_test(paths_are_the_naive_ones),
        cmocka_unit_test(wrong_paths_are_refused),
        cmocka_unit_test(leaves_of_a_count),
    };
    return cmocka_run_group_tests_name("data-tree", tests, setup, teardown);
}
