/* SPDX-License-Identifier: MIT
 * durable.c — storage conformance: done only when durable, on a disk that loses what was not synced and syncs that
 * fail. May touch: store.h, script.h, disk.h; temporary directories. A volatile engine is exempt and merely runs.
 */
#include "tests/conformance/storage/disk.h"
#include "tests/conformance/storage/ground.h"
#include "tests/conformance/storage/script.h"
#include "tests/conformance/storage/suite.h"
#include "tests/conformance/storage/sweep.h"
#include <inttypes.h>
#include <stdlib.h>

enum { FILLER = 1500000 };

/* A store on a watched disk, and a crash of the machine in the middle of each completion. */
struct site {
    struct ground ground;
    struct store s;
    struct script script;
    const char *path;
    bool crashing; /* make an image at each done */
    uint64_t seed; /* of the image */
};

static void crash_now(void *arg) {
    struct site *site = arg;
    if (site->crashing)
        disk_crash(site->ground.image, site->seed);
}

static void site_open(struct site *site) {
    store_open(&site->s, site->path, site->ground.store);
    site->s.at_done = crash_now;
    site->s.at_done_arg = site;
}

static void site_init(struct site *site, const struct suite *suite) {
    *site = (struct site){.path = suite->path};
    ground_init(&site->ground);
    script_init(&site->script, suite->seed, 30000);
    disk_watch(site->ground.store, site->ground.mirror);
}

static void site_free(struct site *site) {
    disk_unwatch();
    script_free(&site->script);
    ground_free(&site->ground);
}

/* Opens what the crash has left: everything acknowledged is there, and nothing by halves. */
static void check_image(struct site *site, const char *when) {
    struct store image;
    store_open(&image, site->path, site->ground.image);
    if (!store_is_volatile(&image))
        script_expect(&site->script, &image, when);
    store_close(&image);
    clear_dir(site->ground.image);
}

/* Much at once, so that files grow, are followed by new ones, and are cleaned up: its code. */
static int put_filler(struct site *site, unsigned k) {
    struct runnel_change c = {
        .what = RUNNEL_PUT, .key = text(k % 2 ? "F1" : "F2"), .data = {random_bytes(FILLER, k), FILLER}};
    uint8_t *bytes = (uint8_t *)(uintptr_t)c.data.p;
    int code = store_commit(&site->s, &c, 1);
    if (code == 0) {
        model_apply(&site->script.is, &c, 1);
    } else if (code == RUNNEL_EIO) {
        model_copy(&site->script.maybe, &site->script.is);
        model_apply(&site->script.maybe, &c, 1);
        site->script.unsure = true;
    }
    free(bytes);
    return code;
}

static int one_step(struct site *site, unsigned k) {
    return k % 3 == 2 ? put_filler(site, k) : script_step(&site->script, &site->s);
}

static void what_is_done_survives_a_crash(void **state) {
    const struct suite *suite = suite_of(state);
    unsigned steps = suite->whole ? 600 : 24;
    struct site site;
    char when[100];
    site_init(&site, suite);
    site_open(&site);
    disk_crash(site.ground.image, 0);
    check_image(&site, "after the start");
    site.crashing = true;
    for (unsigned k = 0; k < steps; k++) {
        site.seed = k % 3 ? suite->seed + k : 0;
        if (one_step(&site, k) != 0)
            fail_msg("step %u: %s", k, site.script.msg);
        (void)snprintf(when, sizeof when, "seed %" PRIu64 ", a crash at the done of step %u", suite->seed, k);
        check_image(&site, when);
        if (k % 10 == 7) {
            bool forgets = store_is_volatile(&site.s);
            store_close(&site.s);
            site_open(&site);
            if (forgets)
                model_free(&site.script.is);
        }
    }
    if (!store_is_volatile(&site.s))
        assert_true(disk_syncs() >= steps);
    print_message("# %u commits, %u writes, %u syncs, a crash at each commit\n", steps, disk_writes(), disk_syncs());
    store_close(&site.s);
    site_free(&site);
}

/* ---- a write or a sync fails ---- */

struct failing {
    const struct suite *suite;
    void (*arrange)(unsigned n); /* disk_fail_write or disk_fail_sync */
};

/* After the failure: whatever the plugin does now, it does not lie. The first RUNNEL_EIO ends the writing. */
static void go_on_failing(struct site *site) {
    for (unsigned k = 0; k < 12; k++) {
        site->crashing = disk_failed() > 0;
        int code = one_step(site, k);
        clear_dir(site->crashing && code != 0 ? site->ground.image : "");
        if (code == 0 && site->crashing)
            check_image(site, "a crash after a failed write or sync");
        site->crashing = false;
        if (code == 0)
            continue;
        if (code != RUNNEL_EIO && code != RUNNEL_EFULL)
            fail_msg("step %u: the disk failed and the code is %d: %s", k, code, site->script.msg);
        if (code == RUNNEL_EIO)
            return;
    }
}

/* The k-th write or sync fails, from the start on. False when there were not so many. */
static bool failing_case(void *arg, unsigned long k) {
    const struct failing *f = arg;
    struct site site;
    struct runnel_err err;
    site_init(&site, f->suite);
    f->arrange((unsigned)k);
    int code = store_try(&site.s, site.path, site.ground.store, &err);
    if (code == 0) {
        site.s.at_done = crash_now;
        site.s.at_done_arg = &site;
        go_on_failing(&site);
        if (!store_is_volatile(&site.s) && disk_failed() == 0)
            script_expect(&site.script, &site.s, "untouched");
        store_close(&site.s);
    } else if (code == RUNNEL_EDAMAGED) {
        fail_msg("a failing disk is taken for a damaged store: %s", err.msg);
    }
    bool touched = disk_failed() > 0;
    disk_crash(site.ground.image, 0);
    check_image(&site, "a crash after the stop"); /* takes the unsure commit, if it is there */
    disk_unwatch();
    store_open(&site.s, site.path, site.ground.store);
    if (!store_is_volatile(&site.s)) {
        script_expect(&site.script, &site.s, "opened again");
        assert_int_equal(script_step(&site.script, &site.s), 0);
    }
    store_close(&site.s);
    site_free(&site);
    return touched;
}

static void sweep_failures(void **state, const char *name, void (*arrange)(unsigned n), unsigned long step) {
    struct failing f = {suite_of(state), arrange};
    struct sweep sweep = {
        .name = name, .run = failing_case, .arg = &f, .first = 1 + f.suite->seed % step, .step = step, .seconds = 60};
    print_message("# %lu of them failed, one at a time\n", sweep_expect(&sweep));
}

static void a_failed_sync_is_never_a_success(void **state) {
    sweep_failures(state, "the sync that fails", disk_fail_sync, suite_step(suite_of(state), 3));
}

static void a_failed_write_is_never_a_success(void **state) {
    sweep_failures(state, "the write that fails", disk_fail_write,
                   suite_of(state)->whole ? 13 : suite_step(suite_of(state), 211));
}

struct theme durable_theme(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_done_survives_a_crash),
        cmocka_unit_test(a_failed_sync_is_never_a_success),
        cmocka_unit_test(a_failed_write_is_never_a_success),
    };
    return (struct theme){tests, sizeof tests / sizeof tests[0]};
}
