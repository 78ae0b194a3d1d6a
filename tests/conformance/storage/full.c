/* SPDX-License-Identifier: MIT
 * full.c — storage conformance: a disk that becomes full anywhere. Commits are refused whole, reads go on.
 * May touch: store.h, script.h, disk.h; temporary directories.
 */
#include "tests/conformance/storage/disk.h"
#include "tests/conformance/storage/ground.h"
#include "tests/conformance/storage/script.h"
#include "tests/conformance/storage/suite.h"
#include "tests/conformance/storage/sweep.h"
#include <stdlib.h>

struct filling {
    const struct suite *suite;
    unsigned *refused; /* commits, over all cases; shared */
};

static void must_take(struct script *sc, struct store *s, unsigned n, const char *when) {
    for (unsigned k = 0; k < n; k++) {
        int code = script_step(sc, s);
        if (code != 0)
            fail_msg("%s: code %d: %s", when, code, sc->msg);
    }
}

/* Until the disk has refused a few; what is there is read meanwhile. */
static unsigned fill_up(struct script *sc, struct store *s) {
    unsigned refused = 0;
    for (unsigned k = 0; k < 20 && refused < 4; k++) {
        int code = script_step(sc, s);
        if (code == 0)
            continue;
        if (code != RUNNEL_EFULL)
            fail_msg("the disk is full and the code is %d: %s", code, sc->msg);
        refused++;
        script_expect(sc, s, "on the full disk");
    }
    return refused;
}

/* A start on a disk without room works, or says that there is none. */
static void open_full(struct store *s, const char *path, const char *dir, const struct script *sc) {
    struct runnel_err err;
    struct script copy = *sc;
    disk_room(0);
    int code = store_try(s, path, dir, &err);
    if (code == 0) {
        char why[600];
        if (!model_same(s, &copy.is, why, sizeof why))
            fail_msg("started on the full disk: %s", why);
        store_close(s);
    } else if (code != RUNNEL_EFULL) {
        fail_msg("a start on a full disk: code %d: %s", code, err.msg);
    }
    disk_room(-1);
}

/* There is room for about k² * 5 bytes. */
static bool filling_case(void *arg, unsigned long k) {
    const struct filling *f = arg;
    struct ground g;
    struct store s;
    struct script sc;
    ground_init(&g);
    script_init(&sc, f->suite->seed + k / 64, 20000);
    disk_watch(g.store, NULL);
    store_open(&s, f->suite->path, g.store);
    must_take(&sc, &s, 5, "with room");
    disk_room((int64_t)(k * k * 5));
    unsigned refused = fill_up(&sc, &s);
    *f->refused += refused;
    if (k % 3 == 1) { /* the stop, too, may find no room */
        bool forgets = store_is_volatile(&s);
        store_close(&s);
        if (forgets)
            model_free(&sc.is);
        else
            open_full(&s, f->suite->path, g.store, &sc);
        store_open(&s, f->suite->path, g.store);
    }
    disk_room(-1);
    must_take(&sc, &s, 4, "with room again");
    script_expect(&sc, &s, "with room again");
    bool forgets = store_is_volatile(&s);
    store_close(&s);
    if (!forgets) {
        store_open(&s, f->suite->path, g.store);
        script_expect(&sc, &s, "opened again");
        store_close(&s);
    }
    disk_unwatch();
    script_free(&sc);
    ground_free(&g);
    return refused > 0;
}

static void the_disk_may_be_full_anywhere(void **state) {
    struct filling f = {suite_of(state), sweep_shared(sizeof *f.refused)};
    unsigned long step = suite_step(f.suite, 11);
    struct sweep sweep = {.name = "the disk that is full",
                          .run = filling_case,
                          .arg = &f,
                          .first = f.suite->seed % step,
                          .step = step,
                          .seconds = 60};
    unsigned long ran = sweep_expect(&sweep);
    print_message("# full in %lu places, %u commits refused\n", ran, *f.refused);
    sweep_unshare(f.refused, sizeof *f.refused);
}

/* The very first start finds no room: it says so, and the next one works. */
static bool first_start_case(void *arg, unsigned long k) {
    const struct filling *f = arg;
    struct ground g;
    struct store s;
    struct runnel_err err;
    ground_init(&g);
    disk_watch(g.store, NULL);
    disk_room((int64_t)(k * k * 11));
    int code = store_try(&s, f->suite->path, g.store, &err);
    if (code == 0)
        store_close(&s);
    else if (code != RUNNEL_EFULL)
        fail_msg("the first start on a full disk: code %d: %s", code, err.msg);
    bool refused = disk_failed() > 0;
    disk_room(-1);
    store_open(&s, f->suite->path, g.store);
    store_expect_scan(&s, "", "", 0, "");
    assert_int_equal(store_put(&s, "a", "1"), 0);
    store_close(&s);
    disk_unwatch();
    ground_free(&g);
    return refused;
}

static void the_first_start_may_find_the_disk_full(void **state) {
    struct filling f = {.suite = suite_of(state)};
    unsigned long step = suite_step(f.suite, 47);
    struct sweep sweep = {.name = "the first start",
                          .run = first_start_case,
                          .arg = &f,
                          .first = f.suite->seed % step,
                          .step = step,
                          .seconds = 60};
    print_message("# full in %lu places\n", sweep_expect(&sweep));
}

struct theme full_theme(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_disk_may_be_full_anywhere),
        cmocka_unit_test(the_first_start_may_find_the_disk_full),
    };
    return (struct theme){tests, sizeof tests / sizeof tests[0]};
}
