/* SPDX-License-Identifier: MIT
 * calls.c — storage conformance: each call for itself, the limits, scans, parts of records.
 * May touch: store.h.
 */
#include "tests/conformance/storage/suite.h"
#include <stdlib.h>

/* ---- one call at a time ---- */

static void put_append_erase(void **state) {
    struct store s;
    store_open(&s, suite_path(state), NULL);
    store_expect(&s, "a", NULL);
    assert_int_equal(store_put(&s, "a", "one"), 0);
    store_expect(&s, "a", "one");
    assert_int_equal(store_put(&s, "a", "x"), 0);
    store_expect(&s, "a", "x");
    assert_int_equal(store_append(&s, "a", 1, "yz"), 0);
    assert_int_equal(store_append(&s, "a", 3, ""), 0);
    store_expect(&s, "a", "xyz");
    assert_int_equal(store_append(&s, "b", 0, "new"), 0);
    store_expect(&s, "b", "new");
    assert_int_equal(store_put(&s, "c", ""), 0);
    store_expect(&s, "c", "");
    assert_int_equal(store_append(&s, "c", 0, "now"), 0);
    store_expect(&s, "c", "now");
    assert_int_equal(store_append(&s, "d", 0, ""), 0);
    store_expect(&s, "d", "");
    assert_int_equal(store_erase(&s, "a", ""), 0);
    store_expect(&s, "a", NULL);
    assert_int_equal(store_erase(&s, "a", ""), 0);
    store_expect_scan(&s, "", "", 0, "b=new c=now d= ");
    store_close(&s);
}

static void an_append_at_the_wrong_offset_conflicts(void **state) {
    struct store s;
    store_open(&s, suite_path(state), NULL);
    assert_int_equal(store_append(&s, "a", 1, "x"), RUNNEL_ECONFLICT);
    assert_int_equal(store_put(&s, "a", "12345"), 0);
    assert_int_equal(store_append(&s, "a", 4, "x"), RUNNEL_ECONFLICT);
    assert_int_equal(store_append(&s, "a", 6, "x"), RUNNEL_ECONFLICT);
    assert_int_equal(store_append(&s, "a", 0, "x"), RUNNEL_ECONFLICT);
    assert_int_equal(store_append(&s, "a", 4, ""), RUNNEL_ECONFLICT);
    assert_int_equal(store_append(&s, "a", 5 + (UINT64_C(1) << 32), "x"), RUNNEL_ETOOBIG);
    store_expect_scan(&s, "", "", 0, "a=12345 ");
    store_close(&s);
}

static void ranges_are_erased(void **state) {
    struct store s;
    store_open(&s, suite_path(state), NULL);
    static const char *const keys[] = {"a", "aa", "ab", "b", "ba", "c"};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
        assert_int_equal(store_put(&s, keys[k], "1"), 0);
    assert_int_equal(store_erase(&s, "b", "a"), 0); /* an empty range */
    assert_int_equal(store_erase(&s, "aa", "aa"), 0);
    store_expect_scan(&s, "", "", 0, "a=1 aa=1 ab=1 b=1 ba=1 c=1 ");
    assert_int_equal(store_erase(&s, "aa", "b"), 0);
    store_expect_scan(&s, "", "", 0, "a=1 b=1 ba=1 c=1 ");
    assert_int_equal(store_erase(&s, "b", ""), 0); /* itself, not what it begins */
    store_expect_scan(&s, "", "", 0, "a=1 ba=1 c=1 ");
    assert_int_equal(store_erase(&s, "\x01", "\xff"), 0);
    store_expect_scan(&s, "", "", 0, "");
    store_close(&s);
}

static void scans_are_ordered_and_bounded(void **state) {
    struct store s;
    store_open(&s, suite_path(state), NULL);
    store_expect_scan(&s, "", "", 0, "");
    static const char *const keys[] = {"b", "aa", "c", "a", "ab", "\x7f", "\x80", "\xff", "aaa", "B"};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
        assert_int_equal(store_put(&s, keys[k], "1"), 0);
    store_expect_scan(&s, "", "", 0, "B=1 a=1 aa=1 aaa=1 ab=1 b=1 c=1 \x7f=1 \x80=1 \xff=1 ");
    store_expect_scan(&s, "", "", 3, "B=1 a=1 aa=1 ");
    store_expect_scan(&s, "", "", 10, "B=1 a=1 aa=1 aaa=1 ab=1 b=1 c=1 \x7f=1 \x80=1 \xff=1 ");
    store_expect_scan(&s, "aa", "b", 0, "aa=1 aaa=1 ab=1 ");
    store_expect_scan(&s, "aa", "b", 1, "aa=1 ");
    store_expect_scan(&s, "a0", "ab", 9, "aa=1 aaa=1 ");
    store_expect_scan(&s, "b", "", 2, "b=1 c=1 ");
    store_expect_scan(&s, "b", "b", 0, "");
    store_expect_scan(&s, "c", "a", 0, "");
    store_expect_scan(&s, "\xff\xff", "", 0, "");
    store_close(&s);
}

static void keys_are_any_bytes(void **state) {
    struct store s;
    store_open(&s, suite_path(state), NULL);
    static const uint8_t keys[][3] = {{0, 0, 0}, {0, 0, 1}, {0, 255, 0}, {255, 0, 0}, {255, 255, 255}};
    for (size_t k = 0; k < 5; k++)
        for (size_t n = 1; n <= 3; n++) {
            struct runnel_change c = {.what = RUNNEL_PUT, .key = {keys[k], n}, .data = {keys[k], n}};
            assert_int_equal(store_commit(&s, &c, 1), 0);
        }
    struct listing l;
    store_scan(&s, text(""), text(""), 0, &l);
    assert_int_equal(l.n, 11); /* 00 0000 000000 000001 00ff 00ff00 ff ff00 ff0000 ffff ffffff */
    for (size_t k = 1; k < l.n; k++) {
        const struct listed *a = &l.v[k - 1], *b = &l.v[k];
        int order = memcmp(a->key, b->key, a->n_key < b->n_key ? a->n_key : b->n_key);
        assert_true(order < 0 || (order == 0 && a->n_key < b->n_key));
        assert_int_equal(b->n_val, b->n_key);
        assert_memory_equal(b->val, b->key, b->n_key);
    }
    listing_free(&l);
    store_close(&s);
}

/* ---- limits ---- */

static void keys_have_1_to_64_bytes(void **state) {
    struct store s;
    struct answer a;
    struct listing l;
    uint8_t key[RUNNEL_KEY_MAX + 1];
    memset(key, 'k', sizeof key);
    store_open(&s, suite_path(state), NULL);
    for (uint32_t what = RUNNEL_PUT; what <= RUNNEL_ERASE; what++)
        for (size_t n = 0; n <= 65; n++) {
            struct runnel_change c = {.what = what, .key = {key, n}};
            assert_int_equal(store_commit(&s, &c, 1), n < 1 || n > 64 ? RUNNEL_EINVALID : RUNNEL_OK);
            store_get(&s, c.key, 0, 1, &a);
            assert_int_equal(a.code, n < 1 || n > 64        ? RUNNEL_EINVALID
                                     : what == RUNNEL_ERASE ? RUNNEL_ENOTFOUND
                                                            : RUNNEL_OK);
            answer_free(&a);
        }
    struct runnel_change range = {.what = RUNNEL_ERASE, .key = {key, 1}, .to = {key, 65}};
    assert_int_equal(store_commit(&s, &range, 1), RUNNEL_EINVALID);
    store_scan(&s, (struct runnel_bytes){key, 65}, text(""), 0, &l);
    assert_int_equal(l.answer.code, RUNNEL_EINVALID);
    listing_free(&l);
    struct runnel_change unknown = {.what = 4, .key = {key, 1}};
    assert_int_equal(store_commit(&s, &unknown, 1), RUNNEL_EINVALID);
    unknown.what = 0;
    assert_int_equal(store_commit(&s, &unknown, 1), RUNNEL_EINVALID);
    store_close(&s);
}

static void records_have_8_MiB_at_most(void **state) {
    struct store s;
    struct answer a;
    uint8_t *big = random_bytes(RUNNEL_RECORD_MAX + 1, 1);
    store_open(&s, suite_path(state), NULL);
    struct runnel_change put = {.what = RUNNEL_PUT, .key = text("r"), .data = {big, RUNNEL_RECORD_MAX + 1}};
    assert_int_equal(store_commit(&s, &put, 1), RUNNEL_ETOOBIG);
    put.data.n = RUNNEL_RECORD_MAX - 1;
    assert_int_equal(store_commit(&s, &put, 1), 0);
    struct runnel_change append = {.what = RUNNEL_APPEND,
                                   .off = RUNNEL_RECORD_MAX - 1,
                                   .key = text("r"),
                                   .data = {big + RUNNEL_RECORD_MAX - 1, 2}};
    assert_int_equal(store_commit(&s, &append, 1), RUNNEL_ETOOBIG);
    append.data.n = 1;
    assert_int_equal(store_commit(&s, &append, 1), 0);
    store_get(&s, text("r"), 0, UINT32_MAX, &a);
    assert_int_equal(a.n, RUNNEL_RECORD_MAX);
    assert_memory_equal(a.p, big, RUNNEL_RECORD_MAX);
    answer_free(&a);
    store_close(&s);
    free(big);
}

static void commits_have_65536_changes_at_most(void **state) {
    struct store s;
    size_t n = RUNNEL_CHANGES_MAX + 1;
    struct runnel_change *c = calloc(n, sizeof *c);
    uint32_t *keys = calloc(n, sizeof *keys);
    assert_true(c && keys);
    store_open(&s, suite_path(state), NULL);
    for (size_t k = 0; k < n; k++) {
        keys[k] = (uint32_t)k;
        c[k] = (struct runnel_change){.what = RUNNEL_PUT, .key = {(const uint8_t *)&keys[k], sizeof keys[k]}};
    }
    assert_int_equal(store_commit(&s, c, n), RUNNEL_ETOOBIG);
    store_expect_scan(&s, "", "", 0, "");
    assert_int_equal(store_commit(&s, c, n - 1), 0);
    struct listing l;
    store_scan(&s, text(""), text(""), 0, &l);
    assert_int_equal(l.n, n - 1);
    listing_free(&l);
    assert_int_equal(store_commit(&s, c, 0), 0);
    free(c);
    free(keys);
    store_close(&s);
}

static void commits_have_64_MiB_at_most(void **state) {
    struct store s;
    struct answer a;
    uint8_t *big = random_bytes(RUNNEL_RECORD_MAX, 2);
    struct runnel_change c[9];
    store_open(&s, suite_path(state), NULL);
    for (size_t k = 0; k < 9; k++)
        c[k] = (struct runnel_change){
            .what = RUNNEL_PUT, .key = {(const uint8_t *)"012345678" + k, 1}, .data = {big, RUNNEL_RECORD_MAX}};
    c[8].data.n = 1;
    assert_int_equal(store_commit(&s, c, 9), RUNNEL_ETOOBIG);
    store_expect_scan(&s, "", "", 0, "");
    assert_int_equal(store_commit(&s, c, 8), 0);
    for (size_t k = 0; k < 8; k++) {
        store_get(&s, c[k].key, 0, UINT32_MAX, &a);
        assert_int_equal(a.n, RUNNEL_RECORD_MAX);
        assert_memory_equal(a.p, big, RUNNEL_RECORD_MAX);
        answer_free(&a);
    }
    store_close(&s);
    free(big);
}

/* ---- get at every boundary ---- */

static void expect_part(struct store *s, const uint8_t *all, size_t n, uint64_t off, uint32_t max) {
    struct answer a;
    size_t want = off >= n ? 0 : n - off < max ? n - (size_t)off : max;
    store_get(s, text("r"), off, max, &a);
    assert_int_equal(a.code, RUNNEL_OK);
    assert_int_equal(a.n, want);
    if (want)
        assert_memory_equal(a.p, all + off, want);
    answer_free(&a);
}

static void parts_are_read(void **state) {
    static const size_t lengths[] = {0, 1, 255, 1000, 4096, 70000, 300001};
    struct store s;
    store_open(&s, suite_path(state), NULL);
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
        size_t n = lengths[k];
        uint8_t *all = random_bytes(n, k);
        struct runnel_change put = {.what = RUNNEL_PUT, .key = text("r"), .data = {all, n}};
        assert_int_equal(store_commit(&s, &put, 1), 0);
        const uint64_t offs[] = {0, 1, n / 2, n ? n - 1 : 0, n, n + 1, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};
        const size_t maxs[] = {0, 1, n / 2, n ? n - 1 : 0, n, n + 1, RUNNEL_RECORD_MAX, UINT32_MAX};
        for (size_t i = 0; i < sizeof offs / sizeof offs[0]; i++)
            for (size_t j = 0; j < sizeof maxs / sizeof maxs[0]; j++)
                expect_part(&s, all, n, offs[i], (uint32_t)maxs[j]);
        free(all);
    }
    struct answer a;
    store_get(&s, text("none"), 0, 0, &a);
    assert_int_equal(a.code, RUNNEL_ENOTFOUND);
    answer_free(&a);
    store_close(&s);
}

/* Values that grow within one scan, over many turns of the loop. */
static void long_scans_are_whole(void **state) {
    struct store s;
    store_open(&s, suite_path(state), NULL);
    uint8_t *all = random_bytes(400000, 9);
    for (uint32_t k = 0; k < 64; k++) {
        uint8_t key[2] = {(uint8_t)(k / 16), (uint8_t)k};
        struct runnel_change put = {.what = RUNNEL_PUT, .key = {key, 2}, .data = {all, k * k * 96}};
        assert_int_equal(store_commit(&s, &put, 1), 0);
    }
    for (uint32_t limit = 0; limit <= 64; limit += 16) {
        struct listing l;
        store_scan(&s, text(""), text(""), limit, &l);
        assert_int_equal(l.answer.code, RUNNEL_OK);
        assert_int_equal(l.n, limit ? limit : 64);
        for (size_t k = 0; k < l.n; k++) {
            assert_int_equal(l.v[k].key[1], k);
            assert_int_equal(l.v[k].n_val, k * k * 96);
            assert_memory_equal(l.v[k].val, all, l.v[k].n_val);
        }
        listing_free(&l);
    }
    free(all);
    store_close(&s);
}

struct theme calls_theme(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_append_erase),
        cmocka_unit_test(an_append_at_the_wrong_offset_conflicts),
        cmocka_unit_test(ranges_are_erased),
        cmocka_unit_test(scans_are_ordered_and_bounded),
        cmocka_unit_test(keys_are_any_bytes),
        cmocka_unit_test(keys_have_1_to_64_bytes),
        cmocka_unit_test(records_have_8_MiB_at_most),
        cmocka_unit_test(commits_have_65536_changes_at_most),
        cmocka_unit_test(commits_have_64_MiB_at_most),
        cmocka_unit_test(parts_are_read),
        cmocka_unit_test(long_scans_are_whole),
    };
    return (struct theme){tests, sizeof tests / sizeof tests[0]};
}
