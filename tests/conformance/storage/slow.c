/* SPDX-License-Identifier: MIT
 * slow.c — storage conformance: a disk whose syncs take long stops nobody but who waits for them.
 * May touch: store.h, disk.h; temporary directories. A volatile engine is exempt and merely runs.
 */
#include "tests/conformance/storage/disk.h"
#include "tests/conformance/storage/ground.h"
#include "tests/conformance/storage/suite.h"
#include <stdlib.h>
#include <time.h>

enum { SLOW_MS = 30, HANGS_MS = 1200, LEARNS = 3, LARGE = 5 << 20 };

struct slow {
    struct ground ground;
    struct store s;
    const char *path;
};

static void slow_open(struct slow *t) {
    store_open(&t->s, t->path, t->ground.store);
}

/* An engine may take the first slow syncs for an accident. */
static void slow_init(struct slow *t, void **state) {
    *t = (struct slow){.path = suite_path(state)};
    ground_init(&t->ground);
    disk_watch(t->ground.store, NULL);
    slow_open(t);
    disk_slow(SLOW_MS);
    for (unsigned k = 0; k < LEARNS; k++)
        assert_int_equal(store_put(&t->s, "a", "known"), 0);
    disk_slow(HANGS_MS);
}

static void slow_free(struct slow *t) {
    disk_slow(0);
    store_close(&t->s);
    disk_unwatch();
    ground_free(&t->ground);
}

static int64_t now_ms(void) {
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Asks for a commit and lets its sync begin. */
static void ask_and_hang(struct slow *t, const struct runnel_change *c, struct answer *a) {
    unsigned before = disk_begun();
    store_ask(&t->s, c, 1, a);
    host_settle(t->s.host);
    for (int64_t late = now_ms() + STORE_DEADLINE_MS; !store_is_volatile(&t->s) && disk_begun() == before;) {
        struct timespec little = {.tv_nsec = 1000000};
        assert_true(now_ms() < late);
        (void)nanosleep(&little, NULL);
    }
}

static struct runnel_change put_of(const char *key, const char *val) {
    return (struct runnel_change){.what = RUNNEL_PUT, .key = text(key), .data = text(val)};
}

/* Reads go on; what is not durable is not done; what was asked for later comes later. */
static void reads_go_on_while_a_sync_hangs(void **state) {
    struct slow t;
    struct answer a;
    unsigned count = 0;
    struct ordered later[3] = {{.count = &count}, {.count = &count}, {.count = &count}};
    slow_init(&t, state);
    bool forgets = store_is_volatile(&t.s);
    struct runnel_change c = put_of("b", "1");
    int64_t begun = now_ms();
    ask_and_hang(&t, &c, &a);
    store_expect(&t.s, "a", "known");
    for (unsigned k = 0; k < 3; k++) {
        c = put_of("b", k == 0 ? "2" : k == 1 ? "3" : "4");
        t.s.ops->commit(t.s.inst->self, &c, 1, on_ordered, &later[k]);
        store_expect_scan(&t.s, "a", "b", 0, "a=known ");
    }
    if (!forgets) {
        assert_false(a.fired);
        assert_true(now_ms() - begun < HANGS_MS / 2);
    }
    disk_slow(0);
    store_wait(&t.s, &a);
    assert_int_equal(a.code, 0);
    assert_true(host_run_until(t.s.host, host_flag, &later[2].fired, STORE_DEADLINE_MS));
    for (unsigned k = 0; k < 3; k++)
        assert_true(later[k].fired && later[k].code == 0 && later[k].at == k);
    if (!forgets)
        assert_true(now_ms() - begun >= HANGS_MS / 2);
    store_expect(&t.s, "b", "4");
    slow_free(&t);
}

/* What an engine writes by itself, after so much has been committed, holds nobody up. */
static void reads_go_on_while_much_is_written(void **state) {
    struct slow t;
    slow_init(&t, state);
    uint8_t *bytes = random_bytes(LARGE, 1);
    struct runnel_change c = {.what = RUNNEL_PUT, .key = text("large"), .data = {bytes, LARGE}};
    disk_slow(0);
    for (unsigned k = 0; k < 3; k++) {
        assert_int_equal(store_commit(&t.s, &c, 1), 0);
        disk_slow(HANGS_MS);
        int64_t begun = now_ms();
        store_expect(&t.s, "a", "known");
        assert_true(now_ms() - begun < HANGS_MS / 2);
        disk_slow(0);
    }
    free(bytes);
    slow_free(&t);
}

static void a_stop_waits_for_a_sync_that_hangs(void **state) {
    struct slow t;
    struct answer a;
    slow_init(&t, state);
    struct runnel_change c = put_of("b", "kept");
    bool forgets = store_is_volatile(&t.s);
    ask_and_hang(&t, &c, &a);
    assert_true(forgets || !a.fired);
    store_close(&t.s);
    assert_true(a.fired && a.code == 0);
    slow_open(&t);
    store_expect(&t.s, "b", forgets ? NULL : "kept");
    slow_free(&t);
}

/* A host that has no time for a stop. What was not done may be there or not. */
static void a_sync_that_hangs_is_abandoned(void **state) {
    struct slow t;
    struct answer a;
    slow_init(&t, state);
    struct runnel_change c = put_of("b", "unsure");
    bool forgets = store_is_volatile(&t.s);
    ask_and_hang(&t, &c, &a);
    store_expect(&t.s, "a", "known");
    assert_true(forgets || !a.fired);
    host_abandon(t.s.inst);
    host_settle(t.s.host);
    host_free(t.s.host);
    disk_slow(0);
    slow_open(&t);
    store_expect(&t.s, "a", forgets ? NULL : "known");
    slow_free(&t);
}

struct theme slow_theme(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_go_on_while_a_sync_hangs),
        cmocka_unit_test(reads_go_on_while_much_is_written),
        cmocka_unit_test(a_stop_waits_for_a_sync_that_hangs),
        cmocka_unit_test(a_sync_that_hangs_is_abandoned),
    };
    return (struct theme){tests, sizeof tests / sizeof tests[0]};
}
