/* SPDX-License-Identifier: MIT
 * base-bytes.c — tests of buf, leb128 and utf8: bounds, every cut, every spelling that is not allowed.
 * May touch: the heap.
 */
#include "base/base64.h"
#include "base/buf.h"
#include "base/leb128.h"
#include "base/utf8.h"
#include "check.h"
#include <stdlib.h>
#include <string.h>

/* ---- buf ---- */

static void buf_appends(void **state) {
    struct rn_buf b = {0};
    (void)state;
    assert_int_equal(rn_buf_str(&b, "ab"), 0);
    assert_int_equal(rn_buf_byte(&b, 'c'), 0);
    assert_int_equal(rn_buf_fmt(&b, "%d-%s", -7, "x"), 0);
    assert_int_equal(rn_buf_hex(&b, "\x00\xff\x1e", 3), 0);
    assert_int_equal(rn_buf_add(&b, NULL, 0), 0);
    assert_string_equal(rn_buf_cstr(&b), "abc-7-x00ff1e");
    assert_int_equal(b.n, strlen("abc-7-x00ff1e"));
    rn_buf_drop(&b, 3);
    rn_buf_cut(&b, 4);
    assert_string_equal(rn_buf_cstr(&b), "-7-x");
    rn_buf_drop(&b, 0);
    rn_buf_cut(&b, 4);
    assert_int_equal(rn_buf_bytes(&b).n, 4);
    assert_ptr_equal(rn_buf_bytes(&b).p, b.p);
    rn_buf_drop(&b, 4);
    assert_int_equal(b.n, 0);
    rn_buf_free(&b);
    assert_null(b.p);
}

static void buf_empty_is_a_string(void **state) {
    struct rn_buf b = {0};
    (void)state;
    assert_string_equal(rn_buf_cstr(&b), "");
    rn_buf_free(&b);
    assert_non_null(rn_buf_room(&b, 0));
    rn_buf_free(&b);
}

static void buf_integers(void **state) {
    static const uint8_t want[] = {4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0xac, 2};
    struct rn_buf b = {0};
    (void)state;
    rn_buf_le32(&b, 0x01020304);
    rn_buf_le64(&b, UINT64_C(0x0102030405060708));
    rn_buf_be64(&b, UINT64_C(0x0102030405060708));
    rn_buf_leb(&b, 300);
    assert_int_equal(b.n, sizeof want);
    assert_memory_equal(b.p, want, sizeof want);
    assert_int_equal(rn_get_le32(b.p), 0x01020304);
    assert_true(rn_get_le64(b.p + 4) == UINT64_C(0x0102030405060708));
    assert_true(rn_get_be64(b.p + 12) == UINT64_C(0x0102030405060708));
    uint8_t x[8];
    rn_put_le32(x, UINT32_MAX - 1);
    assert_true(rn_get_le32(x) == UINT32_MAX - 1);
    rn_put_le64(x, UINT64_MAX - 1);
    assert_true(rn_get_le64(x) == UINT64_MAX - 1);
    rn_put_be64(x, UINT64_MAX - 1);
    assert_true(rn_get_be64(x) == UINT64_MAX - 1);
    rn_buf_free(&b);
}

/* A bound is met exactly, a failure stays and what was there stays, until the buffer is cleared. */
static void buf_bound(void **state) {
    (void)state;
    for (size_t max = 1; max < 200; max++) {
        struct rn_buf b;
        rn_buf_init(&b, max);
        for (size_t i = 0; i < max; i++)
            assert_int_equal(rn_buf_byte(&b, (uint8_t)i), 0);
        assert_non_null(rn_buf_cstr(&b));
        assert_int_equal(rn_buf_byte(&b, 0), -RUNNEL_ETOOBIG);
        assert_int_equal(b.failed, -RUNNEL_ETOOBIG);
        assert_int_equal(b.n, max);
        assert_int_equal(b.p[max - 1], max - 1);
        rn_buf_cut(&b, 0);
        assert_int_equal(rn_buf_add(&b, "x", 1), -RUNNEL_ETOOBIG);
        assert_int_equal(rn_buf_fmt(&b, "x"), -RUNNEL_ETOOBIG);
        assert_int_equal(rn_buf_hex(&b, "x", 1), -RUNNEL_ETOOBIG);
        assert_null(rn_buf_room(&b, 0));
        assert_null(rn_buf_cstr(&b));
        rn_buf_clear(&b);
        assert_int_equal(rn_buf_fmt(&b, "%*d", (int)max, 1), 0);
        assert_int_equal(b.n, max);
        assert_int_equal(rn_buf_fmt(&b, "%d", 1), -RUNNEL_ETOOBIG);
        assert_int_equal(b.n, max);
        rn_buf_clear(&b);
        assert_int_equal(rn_buf_hex(&b, "0123456789", max / 2 < 10 ? max / 2 + 1 : 10),
                         max / 2 < 10 ? -RUNNEL_ETOOBIG : 0);
        rn_buf_free(&b);
        assert_int_equal(b.max, max);
    }
}

static void buf_absurd_sizes(void **state) {
    struct rn_buf b = {0};
    (void)state;
    rn_buf_str(&b, "a");
    assert_null(rn_buf_room(&b, SIZE_MAX));
    rn_buf_clear(&b);
    assert_null(rn_buf_room(&b, RN_BUF_MAX + 1));
    rn_buf_clear(&b);
    assert_int_equal(rn_buf_hex(&b, "", SIZE_MAX / 2 + 1), -RUNNEL_ETOOBIG);
    rn_buf_free(&b);
}

static void hex_parse(void **state) {
    uint8_t out[3] = {9, 9, 9};
    (void)state;
    assert_int_equal(rn_hex_parse("00fFA1", 6, out, 3), 0);
    assert_memory_equal(out, "\x00\xff\xa1", 3);
    assert_int_equal(rn_hex_parse("", 0, out, 0), 0);
    static const char *const bad[] = {"00fFA",  "00fFA1b2", "00fFAg", "00fFA ", "0x00ff",
                                      "00fF/1", "00fF:1",   "00fF@1", "00fF`1", "00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(rn_hex_parse(bad[i], strlen(bad[i]), out, 3), -RUNNEL_EINVALID);
}

/* ---- leb128 ---- */

/* Writes and reads `v`; tries each cut, each longer spelling, and bytes behind it. */
static void leb_one(uint64_t v) {
    uint8_t p[RN_LEB_MAX + 2];
    memset(p, 0xff, sizeof p);
    size_t n = rn_leb_put(p, v);
    uint64_t got = ~v;
    assert_int_equal(n, rn_leb_size(v));
    assert_in_range(n, 1, RN_LEB_MAX);
    assert_int_equal(rn_leb_get(p, n, &got), (int)n);
    assert_true(got == v);
    assert_int_equal(rn_leb_get(p, sizeof p, &got), (int)n);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(rn_leb_get(p, cut, &got), 0);
    for (size_t longer = n + 1; longer <= RN_LEB_MAX; longer++) {
        p[longer - 2] |= 0x80;
        p[longer - 1] = 0;
        assert_int_equal(rn_leb_get(p, longer, &got), -1);
    }
}

static void leb_every_length(void **state) {
    uint64_t seed = 1;
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t edge = UINT64_C(1) << bit;
        leb_one(edge - 1);
        leb_one(edge);
        leb_one(edge + 1);
        for (int i = 0; i < 100; i++)
            leb_one(check_random(&seed) >> bit);
    }
    leb_one(UINT64_MAX);
    for (uint64_t v = 0; v < 70000; v++)
        leb_one(v);
}

static void leb_overflow(void **state) {
    uint8_t p[RN_LEB_MAX + 1];
    uint64_t v = 42;
    (void)state;
    memset(p, 0xff, sizeof p);
    p[9] = 1;
    assert_int_equal(rn_leb_get(p, 10, &v), 10);
    assert_true(v == UINT64_MAX);
    v = 42;
    for (unsigned last = 2; last < 256; last++) {
        p[9] = (uint8_t)last;
        assert_int_equal(rn_leb_get(p, 10, &v), -1);
        assert_int_equal(rn_leb_get(p, 11, &v), -1);
    }
    p[9] = 0;
    assert_int_equal(rn_leb_get(p, 10, &v), -1);
    assert_int_equal(v, 42);
}

/* ---- utf8 ---- */

/* RFC 3629, section 4, as a table: first byte, bounds of the second, length. */
static int utf8_model(const uint8_t *p, size_t n, uint32_t *c) {
    static const struct {
        uint8_t lo, hi, lo2, hi2;
        int len;
    } rows[] = {{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
                {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
                {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t r = 0; n > 0 && r < sizeof rows / sizeof *rows; r++) {
        if (p[0] < rows[r].lo || p[0] > rows[r].hi)
            continue;
        static const uint8_t first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
        *c = p[0] & first_bits[rows[r].len];
        for (int i = 1; i < rows[r].len; i++) {
            if ((size_t)i >= n)
                return 0;
            if (p[i] < (i == 1 ? rows[r].lo2 : 0x80) || p[i] > (i == 1 ? rows[r].hi2 : 0xbf))
                return -1;
            *c = *c * 64 + (p[i] & 0x3f);
        }
        return rows[r].len;
    }
    return n > 0 ? -1 : 0;
}

static size_t utf8_differs(const uint8_t *p, size_t n) {
    uint32_t c = 0, want_c = 0;
    int want = utf8_model(p, n, &want_c);
    int got = rn_utf8_get(p, n, &c);
    if (got != want || (want > 0 && c != want_c))
        return 1;
    return want == (int)n && !rn_utf8_valid(p, n);
}

static void utf8_all_of_one_to_three(void **state) {
    size_t wrong = 0;
    (void)state;
    for (uint32_t v = 0; v < 1u << 24; v++) {
        uint8_t p[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
        wrong += utf8_differs(p, 3);
        if ((v & 0xff) == 0)
            wrong += utf8_differs(p, 2);
        if ((v & 0xffff) == 0)
            wrong += utf8_differs(p, 1);
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(rn_utf8_get(NULL, 0, &(uint32_t){0}), 0);
    assert_int_equal(rn_utf8_valid(NULL, 0), 1);
}

static void utf8_sample_of_four(void **state) {
    uint64_t seed = 2;
    size_t wrong = 0, good = 0;
    (void)state;
    for (int i = 0; i < 2000000; i++) {
        uint8_t p[4];
        uint64_t r = check_random(&seed);
        for (int k = 0; k < 4; k++)
            p[k] = (uint8_t)(r >> 8 * k);
        p[0] |= 0xf0;
        if (i & 1) { /* nearly right */
            p[0] &= 0xf7;
            for (int k = 1; k < 4; k++)
                p[k] = (uint8_t)((p[k] & 0x3f) | 0x80);
        }
        wrong += utf8_differs(p, 4) + utf8_differs(p, 3) + utf8_differs(p, 2) + utf8_differs(p, 1);
        good += (size_t)rn_utf8_valid(p, 4);
    }
    assert_int_equal(wrong, 0);
    assert_in_range(good, 100000, 1000000);
}

static void utf8_every_character(void **state) {
    size_t wrong = 0;
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        uint8_t p[4];
        int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
        for (int i = n - 1; i > 0; i--)
            p[i] = (uint8_t)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
        p[0] = (uint8_t)(marks[n] | c >> 6 * (n - 1));
        uint32_t got = 0;
        int surrogate = c >= 0xd800 && c < 0xe000;
        if (rn_utf8_get(p, (size_t)n, &got) != (surrogate ? -1 : n) || (!surrogate && got != c))
            wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void clean_is(const char *from, size_t max, const char *want) {
    char s[64];
    size_t n = strlen(from);
    memcpy(s, from, n + 1);
    n = rn_utf8_clean(s, n, max);
    assert_int_equal(n, strlen(want));
    assert_memory_equal(s, want, n);
}

static void utf8_clean(void **state) {
    (void)state;
    clean_is("plain", 9, "plain");
    clean_is("plain", 5, "plain");
    clean_is("plain", 3, "pla");
    clean_is("a\nb\tc\x7f\x1b[0m", 99, "a?b?c??[0m");
    clean_is("\xc2\x9b"
             "31m",
             99, "??31m"); /* a C1 control character is one too */
    clean_is("gr\xc3\xbc\xc3\x9f", 5, "gr\xc3\xbc");
    clean_is("gr\xc3\xbc\xc3\x9f", 4, "gr\xc3\xbc");
    clean_is("gr\xc3\xbc\xc3\x9f", 3, "gr");
    clean_is("\xf0\x9f\x8c\x8a", 3, "");
    clean_is("\xf0\x9f\x8c\x8a", 4, "\xf0\x9f\x8c\x8a");
    clean_is("a\xffz\xe2\x82", 99, "a?z??");
    clean_is("\x80\x80\x80\x80\x80\x80\x80\x80", 6, "???");
}

/* Whatever goes in, what comes out is short enough and valid. */
static void utf8_clean_random(void **state) {
    uint64_t seed = 3;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        char s[24];
        size_t n = check_below(&seed, sizeof s + 1), max = check_below(&seed, sizeof s + 4);
        for (size_t k = 0; k < n; k++)
            s[k] = (char)check_random(&seed);
        size_t got = rn_utf8_clean(s, n, max);
        assert_true(got <= max && got <= n && rn_utf8_valid(s, got));
        assert_true(got == n || got + 4 > max);
        for (size_t k = 0; k < got; k++)
            assert_true((unsigned char)s[k] >= 0x20 && s[k] != 0x7f);
    }
}

/* ---- base64 ---- */

/* The examples of RFC 4648, section 10. */
static void base64_examples(void **state) {
    static const char *const text[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    (void)state;
    for (size_t n = 0; n < sizeof text / sizeof *text; n++) {
        struct rn_buf b = {.n = 0}, back = {.n = 0};
        assert_int_equal(rn_base64_add(&b, "foobar", n), 0);
        assert_int_equal(b.n, strlen(text[n]));
        assert_memory_equal(b.p ? b.p : (const uint8_t *)"", text[n], b.n);
        assert_int_equal(rn_base64_parse(text[n], strlen(text[n]), &back), 0);
        assert_int_equal(back.n, n);
        assert_memory_equal(back.p ? back.p : (const uint8_t *)"", "foobar", n);
        rn_buf_free(&b);
        rn_buf_free(&back);
    }
}

static void base64_all_bytes(void **state) {
    uint8_t all[256];
    (void)state;
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)i;
    for (size_t from = 0; from < sizeof all; from += 7) {
        struct rn_buf b = {.n = 0}, back = {.n = 0};
        assert_int_equal(rn_base64_add(&b, all + from, sizeof all - from), 0);
        assert_int_equal(rn_base64_parse((const char *)b.p, b.n, &back), 0);
        assert_int_equal(back.n, sizeof all - from);
        assert_memory_equal(back.p, all + from, back.n);
        rn_buf_free(&b);
        rn_buf_free(&back);
    }
}

/* One spelling for each: everything else is refused. */
static void base64_refused(void **state) {
    static const char *const wrong[] = {"A",    "AA",   "AAA",  "AAAAA", "A===",     "====",  "AA=A",
                                        "AB==", "AAB=", "AA A", "AA-_",  "AA==AAAA", "Zg=\n", "AAA\xff"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct rn_buf back = {.n = 0};
        if (rn_base64_parse(wrong[i], strlen(wrong[i]), &back) != -RUNNEL_EINVALID)
            fail_msg("%s is taken", wrong[i]);
        assert_int_equal(back.n, 0);
        rn_buf_free(&back);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_appends),         cmocka_unit_test(buf_empty_is_a_string),
        cmocka_unit_test(buf_integers),        cmocka_unit_test(buf_bound),
        cmocka_unit_test(buf_absurd_sizes),    cmocka_unit_test(hex_parse),
        cmocka_unit_test(base64_examples),     cmocka_unit_test(base64_all_bytes),
        cmocka_unit_test(base64_refused),      cmocka_unit_test(leb_every_length),
        cmocka_unit_test(leb_overflow),        cmocka_unit_test(utf8_all_of_one_to_three),
        cmocka_unit_test(utf8_sample_of_four), cmocka_unit_test(utf8_every_character),
        cmocka_unit_test(utf8_clean),          cmocka_unit_test(utf8_clean_random),
    };
    return cmocka_run_group_tests_name("base bytes", tests, NULL, NULL);
}
