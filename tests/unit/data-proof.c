/* SPDX-License-Identifier: MIT
 * data-proof.c — tests of proof: every pair of counts, and no altered bit.
 * May touch: the heap.
 */
#include "base/buf.h"
#include "check.h"
#include "data/proof.h"
#include "history.h"
#include <stdlib.h>
#include <string.h>

#define ALL_PAIRS 600u
#define MOST 9000u

static int range_of(void *arg, uint64_t from, uint64_t to, struct rn_hash *out) {
    struct history *s = arg; /* history_leaves has been called for b */
    *out = naive_root(s->h, s->leaf + from, (size_t)(to - from));
    return 0;
}

static int range_fails(void *arg, uint64_t from, uint64_t to, struct rn_hash *out) {
    (void)arg;
    (void)from;
    (void)to;
    (void)out;
    return -RUNNEL_EIO;
}

static struct runnel_bytes leaf_of(struct history *s, size_t a, size_t b) {
    if (a == 0)
        return (struct runnel_bytes){(const uint8_t *)"the descriptor", 14};
    return history_block(s, (a - 1) / RN_MAX_BLOCK, b);
}

/* Appends the proof of (a, b). */
static void prove(struct history *s, size_t a, size_t b, struct rn_buf *out) {
    struct rn_proof p;
    history_leaves(s, b);
    assert_int_equal(rn_proof_make(a, b, leaf_of(s, a, b), range_of, s, &p), 0);
    assert_int_equal(rn_proof_encode(&p, out), 0);
}

static int check(struct history *s, struct runnel_bytes bytes, size_t a, const struct rn_hash *root_a, size_t b,
                 const struct rn_hash *root_b) {
    struct rn_proof p;
    int rc = rn_proof_decode(bytes.p, bytes.n, &p, NULL);
    return rc == 0 ? rn_proof_check(s->h, &p, a, root_a, b, root_b, NULL) : rc;
}

static void check_pair(struct history *s, const struct rn_hash *root, size_t a, size_t b, struct rn_buf *work) {
    rn_buf_clear(work);
    prove(s, a, b, work);
    assert_int_equal(check(s, rn_buf_bytes(work), a, &root[a], b, &root[b]), 0);
}

static struct rn_hash *all_roots(struct history *s) {
    struct rn_hash *root = calloc(s->n + 1, sizeof *root);
    assert_non_null(root);
    for (size_t count = 0; count <= s->n; count++)
        root[count] = history_root(s, count);
    return root;
}

static void every_pair_is_proven(void **state) {
    struct history *s = *state;
    struct rn_hash *root = all_roots(s);
    struct rn_buf work = {0};
    for (size_t b = 0; b <= ALL_PAIRS; b++)
        for (size_t a = 0; a <= b; a++)
            check_pair(s, root, a, b, &work);
    uint64_t seed = 1;
    for (int i = 0; i < 3000; i++) {
        size_t b = check_below(&seed, MOST + 1);
        check_pair(s, root, check_below(&seed, b + 1), b, &work);
    }
    for (size_t x = RN_MAX_BLOCK; x < MOST; x *= 2) /* around powers of two of blocks */
        for (size_t y = RN_MAX_BLOCK; y < MOST; y *= 2)
            for (size_t i = 0; i < 25; i++) {
                size_t a = x - 2 + i % 5, b = y - 2 + i / 5;
                if (a <= b)
                    check_pair(s, root, a, b, &work);
            }
    rn_buf_free(&work);
    free(root);
}

static void no_altered_bit_passes(void **state) {
    struct history *s = *state;
    static const size_t pairs[][2] = {{0, 0},     {0, 700},   {1, 1},      {1, 2},       {1, 700},    {256, 256},
                                      {256, 257}, {257, 258}, {600, 8192}, {8192, 9000}, {767, 2000}, {5121, 5122}};
    struct rn_buf b = {0};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        size_t a = pairs[i][0], c = pairs[i][1];
        struct rn_hash root_a = history_root(s, a), root_b = history_root(s, c);
        rn_buf_clear(&b);
        prove(s, a, c, &b);
        for (size_t bit = 0; bit < 8 * b.n; bit += bit < 2000 ? 1 : 5) {
            b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(check(s, rn_buf_bytes(&b), a, &root_a, c, &root_b), -RUNNEL_EDAMAGED);
            b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t n = 0; n < b.n; n += n < 200 ? 1 : 3) {
            struct runnel_bytes cut = {b.p, n};
            assert_int_equal(check(s, cut, a, &root_a, c, &root_b), -RUNNEL_EDAMAGED);
        }
        assert_int_equal(check(s, rn_buf_bytes(&b), a, &root_a, c, &root_b), 0);
        assert_int_equal(rn_buf_byte(&b, '1'), 0);
        assert_int_equal(check(s, rn_buf_bytes(&b), a, &root_a, c, &root_b), -RUNNEL_EDAMAGED);
    }
    rn_buf_free(&b);
}

/* A proof of one pair does not pass for another, nor with another stream's roots. */
static void proofs_are_of_their_pair(void **state) {
    struct history *s = *state;
    struct rn_hash *root = all_roots(s);
    struct rn_buf work = {0};
    uint64_t seed = 2;
    prove(s, 300, 1500, &work);
    for (int i = 0; i < 2000; i++) {
        size_t a = 290 + check_below(&seed, 20), b = 1490 + check_below(&seed, 20);
        int want = a == 300 && b == 1500 ? 0 : -RUNNEL_EDAMAGED;
        assert_int_equal(check(s, rn_buf_bytes(&work), a, &root[a], b, &root[b]), want);
        assert_int_equal(check(s, rn_buf_bytes(&work), 300, &root[a], 1500, &root[b]), want);
    }
    rn_buf_free(&work);
    free(root);
}

/* The shape of a path does not tell in which tree it is: the counts must. */
static void the_count_is_bound(void **state) {
    struct history *s = *state;
    struct rn_buf work = {0};
    struct rn_hash root_a = history_root(s, 10), root_b = history_root(s, 700);
    prove(s, 10, 700, &work); /* 4 leaves */
    work.p[1] = 0xad;         /* 700 is bc 05; 685 is ad 05: the same 4 leaves, the same path */
    assert_int_equal(check(s, rn_buf_bytes(&work), 10, &root_a, 700, &root_b), -RUNNEL_EDAMAGED);
    rn_buf_free(&work);
}

/* A block that is not as long as its count says has no roots, whatever they would be. */
static void the_block_is_as_long_as_its_count(void **state) {
    struct history *s = *state;
    struct rn_proof p;
    struct rn_hash a, b;
    history_leaves(s, 700);
    assert_int_equal(rn_proof_make(600, 700, leaf_of(s, 600, 700), range_of, s, &p), 0);
    for (p.b = 690; p.b <= 710; p.b++)
        assert_int_equal(rn_proof_roots(s->h, &p, &a, &b, NULL), p.b == 700 ? 0 : -RUNNEL_EDAMAGED);
}

static void proofs_have_one_spelling(void **state) {
    struct history *s = *state;
    struct rn_proof p;
    static const struct {
        const char *p;
        size_t n;
        int want;
    } of[] = {
        {"\x00\x00{}", 4, 0},
        {"\x80\x00\x00{}", 5, -RUNNEL_EDAMAGED},
        {"\x00\x80\x00{}", 5, -RUNNEL_EDAMAGED},
        {"\x02\x01{}", 4, -RUNNEL_EDAMAGED}, /* a > b */
        {"\x00\x01{}", 4, -RUNNEL_EDAMAGED}, /* ends in its path */
        {"\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, -RUNNEL_EDAMAGED},
        {"", 0, -RUNNEL_EDAMAGED},
        {"\x00", 1, -RUNNEL_EDAMAGED},
    };
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++)
        assert_int_equal(rn_proof_decode(of[i].p, of[i].n, &p, NULL), of[i].want);
    struct rn_hash a, b;
    struct rn_buf out = {0};
    p = (struct rn_proof){.a = 3, .b = 2};
    assert_int_equal(rn_proof_roots(s->h, &p, &a, &b, NULL), -RUNNEL_EDAMAGED);
    assert_int_equal(rn_proof_encode(&p, &out), -RUNNEL_EINVALID);
    p = (struct rn_proof){.a = 0, .b = 0, .n_path = 1, .leaf = {(const uint8_t *)"{}", 2}};
    assert_int_equal(rn_proof_roots(s->h, &p, &a, &b, NULL), -RUNNEL_EDAMAGED);
    assert_int_equal(rn_proof_encode(&p, &out), -RUNNEL_EINVALID);
    assert_int_equal(rn_proof_decode("\x00\x00", 2, &p, NULL), 0); /* a leaf without bytes is no descriptor */
    assert_int_equal(rn_proof_roots(s->h, &p, &a, &b, NULL), -RUNNEL_EDAMAGED);
    rn_buf_free(&out);
}

static void making_refuses(void **state) {
    struct history *s = *state;
    struct rn_proof p;
    struct runnel_bytes leaf = leaf_of(s, 10, 20);
    assert_int_equal(rn_proof_make(21, 20, leaf, range_of, s, &p), -RUNNEL_EINVALID);
    assert_int_equal(rn_proof_make(0, RN_COUNT_MAX + 1, leaf, range_of, s, &p), -RUNNEL_EINVALID);
    assert_int_equal(rn_proof_make(10, 20, leaf, range_fails, s, &p), -RUNNEL_EIO);
}

static int setup(void **state) {
    return history_setup(state, MOST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_is_proven),
        cmocka_unit_test(no_altered_bit_passes),
        cmocka_unit_test(proofs_are_of_their_pair),
        cmocka_unit_test(the_count_is_bound),
        cmocka_unit_test(proofs_have_one_spelling),
        cmocka_unit_test(making_refuses),
        cmocka_unit_test(the_block_is_as_long_as_its_count),
    };
    return cmocka_run_group_tests_name("data-proof", tests, setup, history_teardown);
}
