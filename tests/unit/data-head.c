/* SPDX-License-Identifier: MIT
 * data-head.c — tests of sign and head: purposes kept apart, every head under one signature, no altered bit passes.
 * May touch: the heap.
 */
#include "base/buf.h"
#include "check.h"
#include "data/head.h"
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct rn_hasher *h;
    struct rn_pair author, other;
    int signatures; /* made by sign_as */
};

static int sign_as(void *arg, const char *purpose, const void *p, size_t n, uint8_t sig[RN_SIGNATURE]) {
    struct fixture *f = arg;
    f->signatures++;
    return rn_sign(&f->author, purpose, p, n, sig);
}

static int sign_never(void *arg, const char *purpose, const void *p, size_t n, uint8_t sig[RN_SIGNATURE]) {
    (void)arg;
    (void)purpose;
    (void)p;
    (void)n;
    (void)sig;
    return -RUNNEL_EDENIED;
}

static void make_heads(struct fixture *f, struct rn_head *heads, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint64_t stuff[2] = {i, n};
        heads[i] = (struct rn_head){.descriptor = rn_sha256(f->h, stuff, sizeof stuff),
                                    .count = i * 1000,
                                    .root = rn_sha256(f->h, stuff, 9),
                                    .signed_at = 1700000000000000000 + (int64_t)i,
                                    .through = i % 2 ? (int64_t)i : RN_THROUGH_NONE,
                                    .flags = i % 3 ? 0 : RN_HEAD_FINAL};
    }
}

/* ---- sign ---- */

static void signs_as_rfc8032_says(void **state) {
    (void)state;
    static const char seed_hex[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    static const char id_hex[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    uint8_t seed[RN_SEED], id[RN_KEY];
    struct rn_pair pair;
    assert_int_equal(rn_hex_parse(seed_hex, 64, seed, sizeof seed), 0);
    assert_int_equal(rn_hex_parse(id_hex, 64, id, sizeof id), 0);
    assert_int_equal(rn_pair_from_seed(seed, &pair), 0);
    assert_memory_equal(pair.id.b, id, sizeof id);
    rn_pair_wipe(&pair);
    for (size_t i = 0; i < sizeof pair.secret; i++)
        assert_int_equal(pair.secret[i], 0);
}

static void purposes_are_kept_apart(void **state) {
    struct fixture *f = *state;
    uint8_t sig[RN_SIGNATURE];
    assert_int_equal(rn_sign(&f->author, "runnel/head/1", "abc", 3, sig), 0);
    assert_int_equal(rn_verify(&f->author.id, "runnel/head/1", "abc", 3, sig), 0);
    assert_int_equal(rn_verify(&f->author.id, "runnel/head/2", "abc", 3, sig), -RUNNEL_EDAMAGED);
    assert_int_equal(rn_verify(&f->author.id, "runnel/head/", "1abc", 4, sig), -RUNNEL_EDAMAGED);
    assert_int_equal(rn_verify(&f->author.id, "runnel/head/1abc", "", 0, sig), -RUNNEL_EDAMAGED);
    assert_int_equal(rn_verify(&f->author.id, "runnel/head/1", "abc", 2, sig), -RUNNEL_EDAMAGED);
    assert_int_equal(rn_verify(&f->other.id, "runnel/head/1", "abc", 3, sig), -RUNNEL_EDAMAGED);
}

static void no_altered_bit_verifies(void **state) {
    struct fixture *f = *state;
    uint8_t sig[RN_SIGNATURE], message[40];
    memset(message, 7, sizeof message);
    assert_int_equal(rn_sign(&f->author, "p", message, sizeof message, sig), 0);
    for (size_t bit = 0; bit < 8 * sizeof sig; bit++) {
        sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(rn_verify(&f->author.id, "p", message, sizeof message, sig), -RUNNEL_EDAMAGED);
        sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof message; bit++) {
        message[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(rn_verify(&f->author.id, "p", message, sizeof message, sig), -RUNNEL_EDAMAGED);
        message[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(rn_verify(&f->author.id, "p", message, sizeof message, sig), 0);
}

static void what_is_signed_is_bounded(void **state) {
    struct fixture *f = *state;
    static const uint8_t much[4097] = {0};
    uint8_t sig[RN_SIGNATURE];
    char purpose[65];
    memset(purpose, 'p', sizeof purpose);
    purpose[64] = 0;
    assert_int_equal(rn_sign(&f->author, "p", much, 4096, sig), 0);
    assert_int_equal(rn_verify(&f->author.id, "p", much, 4096, sig), 0);
    assert_int_equal(rn_sign(&f->author, "p", much, 4097, sig), -RUNNEL_ETOOBIG);
    assert_int_equal(rn_sign(&f->author, "", much, 1, sig), -RUNNEL_EINVALID);
    assert_int_equal(rn_sign(&f->author, purpose, much, 1, sig), -RUNNEL_EINVALID);
    assert_int_equal(rn_sign(&f->author, purpose + 1, much, 1, sig), 0);
}

/* ---- heads ---- */

static void heads_go_round(void **state) {
    struct fixture *f = *state;
    struct rn_head heads[7], back;
    uint8_t bytes[RN_HEAD], again[RN_HEAD];
    make_heads(f, heads, 7);
    heads[6].count = RN_COUNT_MAX;
    for (size_t i = 0; i < 7; i++) {
        rn_head_encode(&heads[i], bytes);
        assert_int_equal(rn_head_decode(bytes, sizeof bytes, &back, NULL), 0);
        rn_head_encode(&back, again);
        assert_memory_equal(bytes, again, RN_HEAD);
        assert_true(back.count == heads[i].count && back.signed_at == heads[i].signed_at);
        assert_true(back.through == heads[i].through && back.flags == heads[i].flags);
    }
}

static void wrong_heads_are_refused(void **state) {
    struct fixture *f = *state;
    struct rn_head head, back;
    uint8_t bytes[RN_HEAD + 1];
    make_heads(f, &head, 1);
    rn_head_encode(&head, bytes);
    bytes[RN_HEAD] = 0;
    for (size_t n = 0; n <= sizeof bytes; n++)
        assert_int_equal(rn_head_decode(bytes, n, &back, NULL), n == RN_HEAD ? 0 : -RUNNEL_EDAMAGED);
    for (uint32_t bit = 1; bit < 32; bit++) {
        head.flags = UINT32_C(1) << bit;
        rn_head_encode(&head, bytes);
        assert_int_equal(rn_head_decode(bytes, RN_HEAD, &back, NULL), -RUNNEL_EDAMAGED);
    }
    head.flags = 0;
    head.count = RN_COUNT_MAX + 1;
    rn_head_encode(&head, bytes);
    assert_int_equal(rn_head_decode(bytes, RN_HEAD, &back, NULL), -RUNNEL_EDAMAGED);
}

/* ---- attestations ---- */

/* Attests `n` heads and checks `sample` of them: each passes through its bytes and verifies, and not as another's. */
static void check_attested(struct fixture *f, size_t n, size_t sample) {
    struct rn_head *heads = calloc(n, sizeof *heads);
    struct rn_attestation *a = calloc(n, sizeof *a), back;
    struct rn_attested_memo memo = {0};
    assert_true(heads && a);
    make_heads(f, heads, n);
    int before = f->signatures;
    assert_int_equal(rn_attest(f->h, heads, n, sign_as, f, a, NULL), 0);
    assert_int_equal(f->signatures, before + 1);
    for (size_t s = 0; s < sample; s++) {
        size_t i = sample == n ? s : s * (n - 1) / (sample - 1);
        struct rn_buf b = {0};
        assert_int_equal(rn_attestation_encode(&a[i], &b), 0);
        assert_in_range(b.n, RN_SIGNATURE + 2, RN_ATTESTATION_MAX);
        assert_int_equal(rn_attestation_decode(b.p, b.n, &back, NULL), 0);
        assert_memory_equal(&back, &a[i], sizeof back);
        assert_int_equal(rn_head_check(f->h, &heads[i], &back, &f->author.id, &memo, NULL), 0);
        if (n > 1)
            assert_int_not_equal(rn_head_check(f->h, &heads[(i + 1) % n], &back, &f->author.id, &memo, NULL), 0);
        rn_buf_free(&b);
    }
    free(heads);
    free(a);
}

static void all_heads_of_a_commit_verify(void **state) {
    for (size_t n = 1; n <= 70; n++)
        check_attested(*state, n, n);
    check_attested(*state, 1000, 50);
    check_attested(*state, 4096, 50);
    check_attested(*state, 4097, 50);
    check_attested(*state, RN_MAX_ATTESTED - 1, 20);
    check_attested(*state, RN_MAX_ATTESTED, 20);
}

static void attest_refuses(void **state) {
    struct fixture *f = *state;
    struct rn_head head;
    struct rn_attestation a;
    struct runnel_err err;
    make_heads(f, &head, 1);
    assert_int_equal(rn_attest(f->h, &head, 0, sign_as, f, &a, &err), -RUNNEL_EINVALID);
    assert_int_equal(rn_attest(f->h, &head, RN_MAX_ATTESTED + 1, sign_as, f, &a, &err), -RUNNEL_EINVALID);
    assert_int_equal(rn_attest(f->h, &head, 1, sign_never, f, &a, &err), -RUNNEL_EDENIED);
    assert_int_equal(err.code, RUNNEL_EDENIED);
}

#define SOME 11u

static void attest_some(struct fixture *f, struct rn_head *heads, struct rn_attestation *a) {
    make_heads(f, heads, SOME);
    assert_int_equal(rn_attest(f->h, heads, SOME, sign_as, f, a, NULL), 0);
}

static void no_altered_bit_of_a_signed_head_passes(void **state) {
    struct fixture *f = *state;
    struct rn_head heads[SOME];
    struct rn_attestation a[SOME];
    struct rn_signed_head s, back;
    struct rn_buf b = {0};
    attest_some(f, heads, a);
    s = (struct rn_signed_head){heads[6], a[6]};
    assert_int_equal(rn_signed_head_encode(&s, &b), 0);
    assert_int_equal(rn_signed_head_decode(b.p, b.n, &back, NULL), 0);
    assert_int_equal(rn_head_check(f->h, &back.head, &back.attestation, &f->author.id, NULL, NULL), 0);
    for (size_t bit = 0; bit < 8 * b.n; bit++) {
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (rn_signed_head_decode(b.p, b.n, &back, NULL) == 0)
            assert_int_equal(rn_head_check(f->h, &back.head, &back.attestation, &f->author.id, NULL, NULL),
                             -RUNNEL_EDAMAGED);
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(rn_signed_head_decode(b.p, n, &back, NULL), -RUNNEL_EDAMAGED);
    assert_int_equal(rn_buf_byte(&b, 0), 0);
    assert_int_equal(rn_signed_head_decode(b.p, b.n, &back, NULL), -RUNNEL_EDAMAGED);
    rn_buf_free(&b);
}

static void wrong_attestations_are_refused(void **state) {
    struct fixture *f = *state;
    struct rn_head heads[SOME];
    struct rn_attestation a[SOME], bad;
    attest_some(f, heads, a);
    struct rn_buf b = {0};
    for (size_t claimed = 0; claimed < SOME + 2; claimed++) {
        bad = a[3];
        bad.index = claimed;
        int want = claimed == 3 ? 0 : -RUNNEL_EDAMAGED;
        assert_int_equal(rn_head_check(f->h, &heads[3], &bad, &f->author.id, NULL, NULL), want);
    }
    for (uint64_t n = 0; n < 40; n++) {
        bad = a[3];
        bad.n = n;
        bad.n_path = n > 3 ? rn_path_length(3, n) : 0;
        int want = n == SOME ? 0 : -RUNNEL_EDAMAGED;
        assert_int_equal(rn_head_check(f->h, &heads[3], &bad, &f->author.id, NULL, NULL), want);
    }
    bad = a[3];
    bad.n_path++;
    assert_int_equal(rn_head_check(f->h, &heads[3], &bad, &f->author.id, NULL, NULL), -RUNNEL_EDAMAGED);
    assert_int_equal(rn_attestation_encode(&bad, &b), -RUNNEL_EINVALID);
    assert_int_equal(b.n, 0);
    assert_int_equal(rn_head_check(f->h, &heads[3], &a[3], &f->other.id, NULL, NULL), -RUNNEL_EDAMAGED);
    rn_buf_free(&b);
}

static void attestation_has_one_spelling(void **state) {
    (void)state;
    uint8_t bytes[3 * RN_SIGNATURE] = {0};
    struct rn_attestation back;
    static const struct {
        const char *start;
        size_t n_start, n_more;
        int want;
    } of[] = {
        {"\x00\x01", 2, 64, 0},
        {"\x00\x01", 2, 63, -RUNNEL_EDAMAGED},
        {"\x00\x01", 2, 65, -RUNNEL_EDAMAGED},
        {"\x00\x01", 2, 96, -RUNNEL_EDAMAGED},
        {"\x00\x02", 2, 96, 0},
        {"\x01\x02", 2, 96, 0},
        {"\x02\x02", 2, 96, -RUNNEL_EDAMAGED},
        {"\x00\x00", 2, 64, -RUNNEL_EDAMAGED},
        {"\x80\x00\x01", 3, 64, -RUNNEL_EDAMAGED},
        {"\x00\x81\x00", 3, 64, -RUNNEL_EDAMAGED},
        {"\x80\x80\x04\x81\x80\x04", 6, 64, -RUNNEL_EDAMAGED}, /* 65536 of 65537 */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x01", 11, 64, -RUNNEL_EDAMAGED},
        {"", 0, 0, -RUNNEL_EDAMAGED},
        {"\x00", 1, 0, -RUNNEL_EDAMAGED},
        {"\x00\x80", 2, 0, -RUNNEL_EDAMAGED},
    };
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes, of[i].start, of[i].n_start);
        assert_int_equal(rn_attestation_decode(bytes, of[i].n_start + of[i].n_more, &back, NULL), of[i].want);
    }
}

/* With what the memo knows good, anything that differs still costs a signature check and fails it. */
static void the_memo_is_not_fooled(void **state) {
    struct fixture *f = *state;
    struct rn_head heads[SOME];
    struct rn_attestation a[SOME], bad;
    struct rn_attested_memo memo = {0}, before;
    attest_some(f, heads, a);
    assert_int_equal(rn_head_check(f->h, &heads[0], &a[0], &f->author.id, &memo, NULL), 0);
    assert_int_equal(memo.known, 1);
    before = memo;
    bad = a[1];
    bad.signature[5] ^= 1;
    assert_int_equal(rn_head_check(f->h, &heads[1], &bad, &f->author.id, &memo, NULL), -RUNNEL_EDAMAGED);
    bad = a[1];
    bad.path[0].b[0] ^= 1;
    assert_int_equal(rn_head_check(f->h, &heads[1], &bad, &f->author.id, &memo, NULL), -RUNNEL_EDAMAGED);
    assert_int_equal(rn_head_check(f->h, &heads[1], &a[1], &f->other.id, &memo, NULL), -RUNNEL_EDAMAGED);
    struct rn_head altered = heads[1];
    altered.count++;
    assert_int_equal(rn_head_check(f->h, &altered, &a[1], &f->author.id, &memo, NULL), -RUNNEL_EDAMAGED);
    assert_memory_equal(&memo, &before, sizeof memo);
    assert_int_equal(rn_head_check(f->h, &heads[1], &a[1], &f->author.id, &memo, NULL), 0);
    memset(memo.signature, 0, sizeof memo.signature);
    bad = a[1];
    memset(bad.signature, 0, sizeof bad.signature);
    assert_int_equal(rn_head_check(f->h, &heads[1], &bad, &f->author.id, &memo, NULL), 0); /* it was used */
}

static int setup(void **state) {
    static const uint8_t one[RN_SEED] = {1}, two[RN_SEED] = {2};
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    *state = f;
    f->h = rn_hasher_new();
    return f->h && rn_pair_from_seed(one, &f->author) == 0 && rn_pair_from_seed(two, &f->other) == 0 ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    rn_hasher_free(f->h);
    free(f);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_as_rfc8032_says),
        cmocka_unit_test(purposes_are_kept_apart),
        cmocka_unit_test(no_altered_bit_verifies),
        cmocka_unit_test(what_is_signed_is_bounded),
        cmocka_unit_test(heads_go_round),
        cmocka_unit_test(wrong_heads_are_refused),
        cmocka_unit_test(all_heads_of_a_commit_verify),
        cmocka_unit_test(attest_refuses),
        cmocka_unit_test(no_altered_bit_of_a_signed_head_passes),
        cmocka_unit_test(wrong_attestations_are_refused),
        cmocka_unit_test(attestation_has_one_spelling),
        cmocka_unit_test(the_memo_is_not_fooled),
    };
    return cmocka_run_group_tests_name("data-head", tests, setup, teardown);
}
