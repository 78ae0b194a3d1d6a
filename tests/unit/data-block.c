/* SPDX-License-Identifier: MIT
 * data-block.c — tests of block: what is written is read, every cut, every spelling that is not allowed, runs.
 * May touch: the heap.
 */
#include "base/buf.h"
#include "base/leb128.h"
#include "check.h"
#include "data/block.h"
#include <stdio.h>
#include <string.h>

#define FULL ((size_t)RN_MAX_BLOCK)

/* A block under test: its bytes, and what was put in. */
struct made {
    struct rn_buf b;
    int64_t time[RN_MAX_BLOCK];
    size_t end[RN_MAX_BLOCK + 1]; /* offset at which the first i observations end; end[0] is 8 */
    size_t n;
};

/* Writes the value of observation `i`: of many lengths, around the steps of LEB128 too. */
static struct runnel_bytes value_of(size_t i, char out[400]) {
    int n = i % 50 == 7 ? snprintf(out, 400, "\"%0*zu\"", (int)(120 + i % 20), i) : snprintf(out, 400, "%zu", i * i);
    return (struct runnel_bytes){(const uint8_t *)out, (size_t)n};
}

static void make(struct made *m, size_t n, uint64_t seed) {
    int64_t last = -5000000000;
    memset(m, 0, sizeof *m);
    m->end[0] = RN_BLOCK_HEAD;
    for (size_t i = 0; i < n; i++) {
        char text[400];
        int64_t time = last + (int64_t)(check_random(&seed) >> check_below(&seed, 50) >> 14);
        if (i % 9 == 0)
            time = last;
        assert_int_equal(rn_block_add(&m->b, last, time, value_of(i, text)), 0);
        m->time[i] = last = time;
        m->end[i + 1] = m->b.n;
    }
    m->n = n;
}

static int check_entries(const void *p, size_t n, int64_t base, int first, uint64_t most) {
    uint64_t count;
    int64_t last;
    return rn_entries_check(p, n, 0, base, first, most, &count, &last, NULL);
}

/* ---- whole blocks ---- */

static void what_is_written_is_read(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 20; seed++) {
        struct made m;
        struct rn_cursor c;
        struct rn_obs o;
        char text[400];
        make(&m, 1 + (seed * 37) % FULL, seed);
        assert_int_equal(rn_cursor_block(&c, m.b.p, m.b.n, 1000, NULL), 0);
        for (size_t i = 0; i < m.n; i++) {
            struct runnel_bytes want = value_of(i, text);
            assert_int_equal(rn_cursor_next(&c, &o, NULL), 1);
            assert_true(o.seq == 1000 + i && o.time == m.time[i]);
            assert_int_equal(o.value.n, want.n);
            assert_memory_equal(o.value.p, want.p, want.n);
        }
        assert_int_equal(rn_cursor_next(&c, &o, NULL), 0);
        assert_int_equal(rn_cursor_next(&c, &o, NULL), 0);
        rn_buf_free(&m.b);
    }
}

static void times_reach_from_end_to_end(void **state) {
    (void)state;
    static const int64_t times[] = {INT64_MIN, INT64_MIN, -1, 0, 0, 1, INT64_MAX, INT64_MAX};
    const struct runnel_bytes value = {(const uint8_t *)"1", 1};
    for (size_t from = 0; from < 8; from++)
        for (size_t to = from; to < 8; to++) {
            struct rn_buf b = {0};
            struct rn_cursor c;
            struct rn_obs o;
            assert_int_equal(rn_block_add(&b, 0, times[from], value), 0);
            assert_int_equal(rn_block_add(&b, times[from], times[to], value), 0);
            assert_int_equal(rn_cursor_block(&c, b.p, b.n, 0, NULL), 0);
            assert_int_equal(rn_cursor_next(&c, &o, NULL), 1);
            assert_true(o.time == times[from]);
            assert_int_equal(rn_cursor_next(&c, &o, NULL), 1);
            assert_true(o.time == times[to]);
            rn_buf_free(&b);
        }
}

static void the_largest_block_fits_its_bound(void **state) {
    (void)state;
    static uint8_t text[RN_MAX_VALUE + 1];
    struct runnel_bytes value = {text, RN_MAX_VALUE};
    struct rn_buf b;
    memset(text, '1', sizeof text);
    rn_buf_init(&b, RN_BLOCK_BYTES);
    assert_int_equal(rn_block_add(&b, 0, INT64_MIN, value), 0);
    for (size_t i = 1; i < FULL; i++)
        assert_int_equal(rn_block_add(&b, i == 1 ? INT64_MIN : INT64_MAX, INT64_MAX, value), 0);
    assert_int_equal(check_entries(b.p + RN_BLOCK_HEAD, b.n - RN_BLOCK_HEAD, INT64_MIN, 1, FULL), 0);
    value.n++;
    assert_int_equal(rn_block_add(&b, INT64_MAX, INT64_MAX, value), -RUNNEL_EINVALID);
    rn_buf_free(&b);
}

static void writing_refuses(void **state) {
    (void)state;
    const struct runnel_bytes value = {(const uint8_t *)"1", 1}, none = {NULL, 0};
    struct rn_buf b = {0};
    assert_int_equal(rn_block_add(&b, 0, 10, none), -RUNNEL_EINVALID);
    assert_int_equal(b.n, 0);
    assert_int_equal(rn_block_add(&b, 99, 10, value), 0); /* the first one's `last` does not count */
    size_t n = b.n;
    assert_int_equal(rn_block_add(&b, 10, 9, value), -RUNNEL_EINVALID);
    assert_int_equal(rn_entry_add(&b, 10, 9, value), -RUNNEL_EINVALID);
    assert_int_equal(b.n, n);
    assert_int_equal(rn_entry_add(&b, 10, 10, value), 0);
    b.max = b.n + 2;
    assert_int_equal(rn_block_add(&b, 10, 10, value), -RUNNEL_ETOOBIG);
    rn_buf_free(&b);
}

/* ---- cuts ---- */

static void every_cut_between_observations_is_a_block(void **state) {
    (void)state;
    struct made m;
    make(&m, FULL, 4);
    size_t whole = 0; /* observations before the cut */
    for (size_t n = 0; n <= m.b.n; n++) {
        if (whole < m.n && n == m.end[whole + 1])
            whole++;
        struct rn_cursor c;
        int rc = rn_cursor_block(&c, m.b.p, n, 0, NULL);
        assert_int_equal(rc, n < RN_BLOCK_HEAD ? -RUNNEL_EDAMAGED : 0);
        if (rc != 0)
            continue;
        uint64_t count;
        int64_t last;
        rc = rn_entries_check(m.b.p + RN_BLOCK_HEAD, n - RN_BLOCK_HEAD, 0, m.time[0], 1, FULL, &count, &last, NULL);
        assert_int_equal(rc, n == m.end[whole] ? 0 : -RUNNEL_EDAMAGED);
        if (rc != 0)
            continue;
        size_t off;
        assert_true(count == whole && last == m.time[whole ? whole - 1 : 0]);
        assert_int_equal(rn_block_cut(m.b.p, m.b.n, whole, &off, NULL), 0);
        assert_int_equal(off, whole ? n : 0);
    }
    assert_int_equal(whole, FULL);
    size_t off;
    assert_int_equal(rn_block_cut(m.b.p, m.b.n, FULL + 1, &off, NULL), -RUNNEL_EDAMAGED);
    assert_int_equal(rn_block_cut(m.b.p, 7, 1, &off, NULL), -RUNNEL_EDAMAGED);
    rn_buf_free(&m.b);
}

/* A run must be the observations from..: as many as fit below `to` and `max`, one at least. */
static void check_run(const struct made *m, size_t from, size_t to, size_t max) {
    struct rn_run run;
    size_t count = 0;
    assert_int_equal(rn_block_run(m->b.p, m->b.n, from, to, max, &run, NULL), 0);
    while (from + count < to && from + count < m->n && (count == 0 || m->end[from + count + 1] - m->end[from] <= max))
        count++;
    assert_int_equal(run.count, count);
    assert_int_equal(run.entries.n, m->end[from + count] - m->end[from]);
    assert_ptr_equal(run.entries.p, m->b.p + m->end[from]);
    assert_true(run.base == m->time[from ? from - 1 : 0]);
    assert_true(run.last == (count ? m->time[from + count - 1] : run.base));
    uint64_t found;
    int64_t last;
    assert_int_equal(
        rn_entries_check(run.entries.p, run.entries.n, from, run.base, from == 0, FULL, &found, &last, NULL), 0);
    assert_true(found == count && last == run.last);
}

static void runs_are_slices(void **state) {
    (void)state;
    struct made m;
    struct rn_run run;
    make(&m, 60, 5);
    for (size_t from = 0; from <= m.n; from++)
        for (size_t to = 0; to <= m.n + 1; to++)
            for (size_t max = 0; max < 300; max += 23)
                check_run(&m, from, to, max);
    assert_int_equal(rn_block_run(m.b.p, m.b.n, m.n + 1, m.n + 2, 100, &run, NULL), -RUNNEL_EDAMAGED);
    assert_int_equal(rn_block_run(m.b.p, 5, 0, 1, 100, &run, NULL), -RUNNEL_EDAMAGED);
    rn_buf_free(&m.b);
}

/* ---- what is refused ---- */

static void entries_have_one_spelling(void **state) {
    (void)state;
    static const struct {
        const char *entries;
        size_t n;
        int64_t base;
        int first;
        int want;
    } of[] = {
        {"", 0, 0, 1, 0},
        {"\x00\x01"
         "1",
         3, 0, 1, 0},
        {"\x01\x01"
         "1",
         3, 0, 1, -RUNNEL_EDAMAGED}, /* starts a block with a delta */
        {"\x01\x01"
         "1",
         3, 0, 0, 0},
        {"\x80\x00\x01"
         "1",
         4, 0, 0, -RUNNEL_EDAMAGED}, /* delta not the shortest */
        {"\x81\x00\x01"
         "1",
         4, 0, 0, -RUNNEL_EDAMAGED},
        {"\x00\x81\x00"
         "1",
         4, 0, 0, -RUNNEL_EDAMAGED}, /* length not the shortest */
        {"\x00\x00", 2, 0, 0, -RUNNEL_EDAMAGED},
        {"\x00", 1, 0, 0, -RUNNEL_EDAMAGED},
        {"\x80", 1, 0, 0, -RUNNEL_EDAMAGED},
        {"\x00\x02"
         "1",
         3, 0, 0, -RUNNEL_EDAMAGED},                     /* value cut */
        {"\x00\x81\x80\x01", 4, 0, 0, -RUNNEL_EDAMAGED}, /* 16385 */
        {"\x01\x01"
         "1",
         3, INT64_MAX, 0, -RUNNEL_EDAMAGED}, /* past the last ns */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01"
         "1",
         12, INT64_MIN, 0, 0},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01"
         "1",
         12, INT64_MIN + 1, 0, -RUNNEL_EDAMAGED},
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02\x01"
         "1",
         12, 0, 0, -RUNNEL_EDAMAGED}, /* 65 bits */
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x01"
         "1",
         13, 0, 0, -RUNNEL_EDAMAGED},
        {"\x00\x02"
         " 1",
         4, 0, 0, -RUNNEL_EDAMAGED}, /* white space */
        {"\x00\x02"
         "1 ",
         4, 0, 0, -RUNNEL_EDAMAGED},
        {"\x00\x03"
         "nul",
         5, 0, 0, -RUNNEL_EDAMAGED}, /* no JSON */
        {"\x00\x02"
         "\"\xff",
         4, 0, 0, -RUNNEL_EDAMAGED},
        {"\x00\x01"
         "1\x00\x01"
         "x",
         6, 0, 0, -RUNNEL_EDAMAGED},
    };
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        int rc = check_entries(of[i].entries, of[i].n, of[i].base, of[i].first, FULL);
        assert_int_equal(rc, of[i].want);
        if (rc != 0) { /* and says so, naming the observation */
            struct runnel_err err;
            uint64_t count;
            int64_t last;
            assert_int_equal(
                rn_entries_check(of[i].entries, of[i].n, 77, of[i].base, of[i].first, FULL, &count, &last, &err), rc);
            assert_int_equal(err.code, -rc);
            assert_true(strstr(err.msg, "observation 77") || strstr(err.msg, "observation 78"));
        }
    }
}

/* The reader itself bounds values, also where nobody looks into them. */
static void the_length_of_a_value_is_bounded(void **state) {
    (void)state;
    for (size_t n = RN_MAX_VALUE - 1; n <= RN_MAX_VALUE + 1; n++) {
        struct rn_buf b = {0};
        struct rn_cursor c;
        struct rn_obs o;
        assert_int_equal(rn_buf_leb(&b, 0), 0);
        assert_int_equal(rn_buf_leb(&b, n), 0);
        uint8_t *room = rn_buf_room(&b, n);
        assert_non_null(room);
        memset(room, '1', n);
        b.n += n;
        rn_cursor_init(&c, b.p, b.n, 0, 0);
        assert_int_equal(rn_cursor_next(&c, &o, NULL), n <= RN_MAX_VALUE ? 1 : -RUNNEL_EDAMAGED);
        rn_buf_free(&b);
    }
}

static void the_number_is_bounded(void **state) {
    (void)state;
    struct made m;
    make(&m, FULL, 6);
    for (size_t most = 0; most <= FULL; most += 32)
        for (size_t n = 0; n <= FULL; n += 31)
            assert_int_equal(check_entries(m.b.p + RN_BLOCK_HEAD, m.end[n] - RN_BLOCK_HEAD, m.time[0], 1, most),
                             n <= most ? 0 : -RUNNEL_EDAMAGED);
    rn_buf_free(&m.b);
}

/* Whatever the bytes, the reader ends, stays inside, and what it accepts is spelt just as it would write it. */
static void what_is_accepted_is_what_we_write(void **state) {
    (void)state;
    uint64_t seed = 8;
    size_t accepted = 0;
    for (int i = 0; i < 50000; i++) {
        static const uint8_t common[] = {0, 1, 1, 2, '1', '7', '"', '[', ']', 0x80, 0x81, 0xff};
        uint8_t p[12];
        size_t n = check_below(&seed, sizeof p + 1);
        for (size_t k = 0; k < n; k++)
            p[k] = common[check_below(&seed, sizeof common)];
        if (check_entries(p, n, 0, 0, FULL) != 0)
            continue;
        struct rn_buf b = {0};
        struct rn_cursor c;
        struct rn_obs o;
        int64_t base = 0;
        rn_cursor_init(&c, p, n, 0, 0);
        for (; rn_cursor_next(&c, &o, NULL) == 1; base = o.time)
            assert_int_equal(rn_entry_add(&b, base, o.time, o.value), 0);
        assert_int_equal(b.n, n);
        if (n)
            assert_memory_equal(b.p, p, n);
        accepted += n > 0;
        rn_buf_free(&b);
    }
    assert_true(accepted > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(times_reach_from_end_to_end),
        cmocka_unit_test(the_largest_block_fits_its_bound),
        cmocka_unit_test(writing_refuses),
        cmocka_unit_test(every_cut_between_observations_is_a_block),
        cmocka_unit_test(runs_are_slices),
        cmocka_unit_test(entries_have_one_spelling),
        cmocka_unit_test(the_length_of_a_value_is_bounded),
        cmocka_unit_test(the_number_is_bounded),
        cmocka_unit_test(what_is_accepted_is_what_we_write),
    };
    return cmocka_run_group_tests_name("data-block", tests, NULL, NULL);
}
