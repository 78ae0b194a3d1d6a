/* SPDX-License-Identifier: MIT
 * engine_test.c — the volatile and the durable half of the memory engine, step by step and at random.
 * May touch: the engine only.
 */
#include "plugins/storage/memory/engine.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct runnel_bytes text(const char *s) {
    return (struct runnel_bytes){(const uint8_t *)s, strlen(s)};
}

static int apply(struct rn_memory *m, uint32_t what, const char *key, uint64_t off, const char *data) {
    struct runnel_change c = {.what = what, .off = off, .key = text(key)};
    if (what == RUNNEL_ERASE)
        c.to = text(data);
    else
        c.data = text(data);
    return rn_memory_apply(m, &c, 1, NULL, NULL);
}

/* All records as "key=value " in order. */
static const char *dump(const struct rn_memory *m, char *out, size_t n) {
    size_t at = 0;
    struct runnel_bytes from = {NULL, 0}, val;
    out[0] = 0;
    for (bool beyond = false; rn_memory_seek(m, from, beyond, &from, &val); beyond = true) {
        int got = snprintf(out + at, n - at, "%.*s=%.*s ", (int)from.n, (const char *)from.p, (int)val.n,
                           (const char *)val.p);
        assert_true(got > 0 && (size_t)got < n - at);
        at += (size_t)got;
    }
    return out;
}

static void assert_holds(const struct rn_memory *m, const char *want) {
    char got[1024];
    assert_string_equal(dump(m, got, sizeof got), want);
}

static void a_crash_drops_what_is_not_synced(void **state) {
    (void)state;
    struct rn_memory *m = rn_memory_new(0);
    assert_non_null(m);
    assert_int_equal(apply(m, RUNNEL_PUT, "a", 0, "1"), 0);
    assert_int_equal(apply(m, RUNNEL_PUT, "b", 0, "2"), 0);
    assert_int_equal(apply(m, RUNNEL_APPEND, "a", 1, "+"), 0);
    rn_memory_sync(m, 2);
    assert_int_equal(rn_memory_last(m), 3);
    assert_int_equal(rn_memory_durable(m), 2);
    assert_holds(m, "a=1+ b=2 ");
    rn_memory_crash(m);
    assert_holds(m, "a=1 b=2 ");
    assert_int_equal(rn_memory_count(m), 2);
    assert_int_equal(rn_memory_bytes(m), 4);
    rn_memory_free(m);
}

static void a_crash_undoes_every_kind_of_change(void **state) {
    (void)state;
    struct rn_memory *m = rn_memory_new(0);
    assert_non_null(m);
    assert_int_equal(apply(m, RUNNEL_PUT, "a", 0, "one"), 0);
    assert_int_equal(apply(m, RUNNEL_PUT, "b", 0, "two"), 0);
    assert_int_equal(apply(m, RUNNEL_PUT, "c", 0, "three"), 0);
    rn_memory_sync(m, UINT64_MAX);
    assert_int_equal(rn_memory_durable(m), 3);
    assert_int_equal(apply(m, RUNNEL_APPEND, "a", 3, "!"), 0);
    assert_int_equal(apply(m, RUNNEL_PUT, "a", 0, ""), 0);
    assert_int_equal(apply(m, RUNNEL_APPEND, "a", 0, "again"), 0);
    assert_int_equal(apply(m, RUNNEL_ERASE, "a", 0, "c"), 0);
    assert_int_equal(apply(m, RUNNEL_APPEND, "b", 0, "new"), 0);
    assert_int_equal(apply(m, RUNNEL_PUT, "bb", 0, "4"), 0);
    assert_int_equal(apply(m, RUNNEL_ERASE, "c", 0, ""), 0);
    assert_holds(m, "b=new bb=4 ");
    rn_memory_crash(m);
    assert_holds(m, "a=one b=two c=three ");
    assert_int_equal(rn_memory_bytes(m), 14);
    rn_memory_free(m);
}

static void syncing_a_part_keeps_the_rest_undoable(void **state) {
    (void)state;
    struct rn_memory *m = rn_memory_new(0);
    assert_non_null(m);
    assert_int_equal(apply(m, RUNNEL_PUT, "a", 0, "1"), 0);
    assert_int_equal(apply(m, RUNNEL_PUT, "a", 0, "2"), 0);
    assert_int_equal(apply(m, RUNNEL_ERASE, "a", 0, ""), 0);
    rn_memory_sync(m, 1);
    rn_memory_sync(m, 2);
    assert_holds(m, "");
    rn_memory_crash(m);
    assert_holds(m, "a=2 ");
    assert_int_equal(apply(m, RUNNEL_ERASE, "a", 0, ""), 0);
    assert_int_equal(rn_memory_last(m), 4);
    rn_memory_sync(m, 4);
    rn_memory_crash(m);
    assert_holds(m, "");
    rn_memory_free(m);
}

static void the_limit_refuses_and_changes_nothing(void **state) {
    (void)state;
    struct rn_memory *m = rn_memory_new(8);
    assert_non_null(m);
    assert_int_equal(apply(m, RUNNEL_PUT, "a", 0, "1234567"), 0);
    assert_int_equal(apply(m, RUNNEL_APPEND, "a", 7, "8"), -RUNNEL_EFULL);
    assert_int_equal(apply(m, RUNNEL_PUT, "b", 0, ""), -RUNNEL_EFULL);
    assert_int_equal(apply(m, RUNNEL_PUT, "a", 0, "12345678"), -RUNNEL_EFULL);
    assert_int_equal(apply(m, RUNNEL_PUT, "a", 0, "1"), 0);
    assert_int_equal(apply(m, RUNNEL_PUT, "b", 0, "23456"), 0);
    rn_memory_set_limit(m, 2);
    assert_int_equal(apply(m, RUNNEL_APPEND, "a", 1, "2"), -RUNNEL_EFULL);
    assert_int_equal(apply(m, RUNNEL_ERASE, "b", 0, ""), 0);
    assert_holds(m, "a=1 ");
    rn_memory_free(m);
}

/* ---- at random, against two copies of a small table ---- */

#define KEYS 12u
struct table {
    char val[KEYS][64];
    bool there[KEYS];
};

static uint32_t next(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static const char *key_text(unsigned k, char out[8]) {
    assert_int_equal(snprintf(out, 8, "k%02u", k), 3);
    return out;
}

static const char *table_text(const struct table *t, char *out, size_t n) {
    size_t at = 0;
    out[0] = 0;
    for (unsigned k = 0; k < KEYS; k++)
        if (t->there[k])
            at += (size_t)snprintf(out + at, n - at, "k%02u=%s ", k, t->val[k]);
    assert_true(at < n);
    return out;
}

static void change_both(struct rn_memory *m, struct table *t, uint32_t *seed) {
    char key[8], to[8], data[8];
    unsigned k = next(seed) % KEYS, end = next(seed) % (KEYS + 1);
    assert_true(snprintf(data, sizeof data, "%u", next(seed) % 1000) > 0);
    switch (next(seed) % 4) {
    case 0:
        assert_int_equal(apply(m, RUNNEL_PUT, key_text(k, key), 0, data), 0);
        memcpy(t->val[k], data, sizeof data);
        t->there[k] = true;
        break;
    case 1: /* an append: right, unless the record is long already */
        if (!t->there[k])
            t->val[k][0] = 0;
        if (strlen(t->val[k]) > 48)
            break;
        assert_int_equal(apply(m, RUNNEL_APPEND, key_text(k, key), strlen(t->val[k]) + 1, data), -RUNNEL_ECONFLICT);
        assert_int_equal(apply(m, RUNNEL_APPEND, key_text(k, key), strlen(t->val[k]), data), 0);
        strcat(t->val[k], data);
        t->there[k] = true;
        break;
    case 2:
        assert_int_equal(apply(m, RUNNEL_ERASE, key_text(k, key), 0, ""), 0);
        t->there[k] = false;
        break;
    default:
        assert_int_equal(apply(m, RUNNEL_ERASE, key_text(k, key), 0, key_text(end, to)), 0);
        for (unsigned j = k; j < end; j++)
            t->there[j] = false;
    }
}

static void random_changes_syncs_and_crashes(void **state) {
    (void)state;
    for (uint32_t first = 1; first <= 50; first++) {
        uint32_t seed = first;
        struct rn_memory *m = rn_memory_new(0);
        struct table now = {0}, durable = {0};
        char want[2048], got[2048];
        assert_non_null(m);
        for (unsigned step = 0; step < 400; step++) {
            uint32_t dice = next(&seed) % 20;
            if (dice == 0) {
                rn_memory_sync(m, rn_memory_last(m));
                durable = now;
            } else if (dice == 1) {
                rn_memory_crash(m);
                now = durable;
            } else {
                change_both(m, &now, &seed);
            }
            if (strcmp(dump(m, got, sizeof got), table_text(&now, want, sizeof want)) != 0)
                fail_msg("seed %u, step %u: got %s, want %s", first, step, got, want);
        }
        rn_memory_free(m);
    }
}

/* Many records: the list must stay fast (a linear search would take minutes here). */
static void a_quarter_of_a_million_records(void **state) {
    (void)state;
    struct rn_memory *m = rn_memory_new(0);
    assert_non_null(m);
    uint8_t key[8];
    for (uint64_t k = 0; k < 250000; k++) {
        uint64_t mixed = k * UINT64_C(0x9e3779b97f4a7c15);
        memcpy(key, &mixed, sizeof key);
        struct runnel_change c = {.what = RUNNEL_PUT, .key = {key, sizeof key}, .data = {key, 1}};
        assert_int_equal(rn_memory_apply(m, &c, 1, NULL, NULL), 0);
        if (k % 1000 == 0)
            rn_memory_sync(m, rn_memory_last(m));
    }
    assert_int_equal(rn_memory_count(m), 250000);
    assert_int_equal(rn_memory_bytes(m), 250000 * 9);
    struct runnel_bytes from = {NULL, 0}, val;
    size_t seen = 0;
    for (; rn_memory_seek(m, from, seen > 0, &from, &val); seen++)
        assert_true(val.n == 1 && val.p[0] == from.p[0]);
    assert_int_equal(seen, 250000);
    rn_memory_free(m);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_drops_what_is_not_synced),
        cmocka_unit_test(a_crash_undoes_every_kind_of_change),
        cmocka_unit_test(syncing_a_part_keeps_the_rest_undoable),
        cmocka_unit_test(the_limit_refuses_and_changes_nothing),
        cmocka_unit_test(random_changes_syncs_and_crashes),
        cmocka_unit_test(a_quarter_of_a_million_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
