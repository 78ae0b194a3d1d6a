/* SPDX-License-Identifier: MIT
 * faults_test.c — bdb on a disk that is full or fails, and that nothing is acknowledged before it is synced.
 * May touch: the plugin through the test host, the shim, temporary directories.
 */
#include "plugins/storage/bdb/shim.h"
#include "tests/conformance/storage/store.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct disk {
    char path[4096], dir[256];
    struct store s;
};

static void disk_open(struct disk *d) {
    store_open(&d->s, host_plugin_path("storage", "bdb", d->path, sizeof d->path), d->dir);
}

static void disk_init(struct disk *d) {
    fresh_dir(d->dir, sizeof d->dir);
    shim_watch(d->dir);
    disk_open(d);
}

static void disk_free(struct disk *d) {
    store_close(&d->s);
    shim_watch(NULL);
    remove_dir(d->dir);
}

static uint8_t *filled(size_t n) {
    uint64_t seed = n;
    uint8_t *p = malloc(n);
    assert_non_null(p);
    for (size_t k = 0; k < n; k++)
        p[k] = (uint8_t)next_random(&seed);
    return p;
}

/* ---- nothing is done before it is durable ---- */

struct watcher {
    bool fired, early;
    int code;
};

static void on_watched(void *arg, const struct runnel_err *err) {
    struct watcher *w = arg;
    w->fired = true;
    w->code = err ? err->code : 0;
    w->early = shim_unsynced();
}

static void done_comes_after_every_sync(void **state) {
    (void)state;
    enum { ROUNDS = 60, EACH = 700000 };
    struct disk d;
    uint8_t *bytes = filled(EACH);
    disk_init(&d);
    assert_true(shim_dir_syncs() >= 1); /* the new files */
    assert_false(shim_unsynced());
    for (uint32_t k = 0; k < ROUNDS; k++) {
        struct watcher w[2] = {{0}};
        struct runnel_change c = {
            .what = RUNNEL_PUT, .key = {(const uint8_t *)&k, sizeof k}, .data = {bytes, k % 3 ? EACH : 20}};
        d.s.ops->commit(d.s.inst->self, &c, 1, on_watched, &w[0]);
        c.key.n = 3;
        d.s.ops->commit(d.s.inst->self, &c, 1, on_watched, &w[1]);
        assert_true(host_run_until(d.s.host, host_flag, &w[1].fired, STORE_DEADLINE_MS));
        for (size_t j = 0; j < 2; j++)
            assert_true(w[j].fired && w[j].code == 0 && !w[j].early);
    }
    assert_true(shim_log_files() >= 5); /* the log has been rotated, or nothing was shown */
    assert_true(shim_dir_syncs() >= 5);
    free(bytes);
    disk_free(&d);
}

/* What all log files have on the disk. */
static uint64_t log_bytes(const struct disk *d) {
    uint64_t n = 0;
    for (unsigned k = 1; k <= shim_log_files(); k++) {
        char path[600];
        struct stat st;
        assert_true(snprintf(path, sizeof path, "%s/log.%010u", d->dir, k) > 0);
        if (stat(path, &st) == 0)
            n += (uint64_t)st.st_blocks * 512;
    }
    return n;
}

/* Old log files go by themselves. */
static void the_log_stays_short(void **state) {
    (void)state;
    struct disk d;
    uint8_t *bytes = filled(1 << 20);
    disk_init(&d);
    for (unsigned k = 0; k < 100; k++) {
        struct runnel_change c = {.what = RUNNEL_PUT, .key = text("same"), .data = {bytes, 1 << 20}};
        assert_int_equal(store_commit(&d.s, &c, 1), 0);
    }
    uint64_t bytes_left = log_bytes(&d);
    assert_true(bytes_left > 0 && bytes_left <= 24u << 20);
    free(bytes);
    disk_free(&d);
}

/* The newest checkpoint may stand in a log file whose name a crash would take away, while the syncer of the commit that
 * began it still waits for the disk. Until that name is durable, the files that the checkpoint before it needs stay. */
static void old_log_files_stay_until_newer_ones_have_durable_names(void **state) {
    (void)state;
    enum { ROUNDS = 6, EACH = 5 << 20 };
    struct disk d;
    uint8_t *bytes = filled(EACH);
    disk_init(&d);
    for (unsigned k = 0; k < ROUNDS; k++) {
        struct watcher w[2] = {{0}};
        struct runnel_change c = {.what = RUNNEL_PUT, .key = text("same"), .data = {bytes, EACH}};
        d.s.ops->commit(d.s.inst->self, &c, 1, on_watched, &w[0]);
        host_settle(d.s.host);
        shim_slow_dir(400);
        d.s.ops->commit(d.s.inst->self, &c, 1, on_watched, &w[1]); /* flies together with the checkpoint */
        assert_true(host_run_until(d.s.host, host_flag, &w[1].fired, STORE_DEADLINE_MS));
        shim_slow_dir(0);
        assert_true(w[0].code == 0 && w[1].code == 0);
    }
    store_close(&d.s);
    assert_true(shim_removed() >= ROUNDS);
    assert_int_equal(shim_removed_early(), 0);
    disk_open(&d);
    free(bytes);
    disk_free(&d);
}

/* The log is filled with zeros in advance, and made anew at a start: an orderly end takes that back. */
static void an_orderly_end_leaves_little_of_the_log(void **state) {
    (void)state;
    struct disk d;
    char value[32];
    disk_init(&d);
    for (unsigned k = 0; k < 8; k++) {
        (void)snprintf(value, sizeof value, "%u", k);
        assert_int_equal(store_put(&d.s, "a", value), 0);
        assert_true(k > 0 || log_bytes(&d) > 60000);
        store_close(&d.s);
        assert_true(log_bytes(&d) < 60000);
        disk_open(&d);
        store_expect(&d.s, "a", value);
    }
    disk_free(&d);
}

/* ---- a full disk ---- */

static void full_with(int error) {
    struct disk d;
    struct answer a[3];
    uint8_t *bytes = filled(3 << 20);
    disk_init(&d);
    assert_int_equal(store_put(&d.s, "a", "before"), 0);
    shim_full_with(error);
    shim_full_after(0);
    for (size_t k = 0; k < 3; k++) {
        struct runnel_change c[2] = {{.what = RUNNEL_PUT, .key = text("a"), .data = {bytes, 3 << 20}},
                                     {.what = RUNNEL_PUT, .key = text("b"), .data = text("never")}};
        store_ask(&d.s, c, 2, &a[k]);
    }
    for (size_t k = 0; k < 3; k++) {
        store_wait(&d.s, &a[k]);
        assert_int_equal(a[k].code, RUNNEL_EFULL);
        assert_non_null(strstr(a[k].msg, d.dir));
        assert_non_null(strstr(a[k].msg, "free some"));
    }
    assert_true(shim_failed() > 0);
    assert_int_equal(store_put(&d.s, "b", "small"), RUNNEL_EFULL);
    store_expect_scan(&d.s, "", "", 0, "a=before ");
    shim_full_after(-1);
    assert_int_equal(store_append(&d.s, "a", 6, " and after"), 0);
    store_close(&d.s);
    disk_open(&d);
    store_expect_scan(&d.s, "", "", 0, "a=before and after ");
    free(bytes);
    disk_free(&d);
}

/* The disk, a quota, the largest size of a file. */
static void a_full_disk_refuses_and_reads_go_on(void **state) {
    (void)state;
    full_with(ENOSPC);
    full_with(EDQUOT);
    full_with(EFBIG);
}

/* Space that ends after each possible number of writes: a commit is whole or not there, now and after
 * the next start. */
static void space_may_end_anywhere(void **state) {
    (void)state;
    struct disk d;
    uint8_t *bytes = filled(1100000);
    uint64_t length = 0, refused = 0;
    disk_init(&d);
    for (long writes = 0; writes < 8; writes++) {
        uint64_t n = 700000 + (uint64_t)writes * 50000;
        struct runnel_change c[2] = {{.what = RUNNEL_APPEND, .off = length, .key = text("x"), .data = {bytes, n}},
                                     {.what = RUNNEL_PUT, .key = text("y"), .data = {(const uint8_t *)&n, sizeof n}}};
        shim_full_after(2 * writes);
        int code = store_commit(&d.s, c, 2);
        shim_full_after(-1);
        assert_true(code == 0 || code == RUNNEL_EFULL);
        length += code == 0 ? n : 0;
        refused += code != 0;
        if (writes % 3 == 2) {
            store_close(&d.s);
            disk_open(&d);
        }
        struct answer a;
        store_get(&d.s, text("x"), 0, UINT32_MAX, &a);
        assert_int_equal(a.n, length);
        assert_int_equal(a.code, length ? 0 : RUNNEL_ENOTFOUND);
        answer_free(&a);
    }
    print_message("# %u refused, %u bytes kept\n", (unsigned)refused, (unsigned)length);
    assert_true(refused > 3 && length > 0);
    free(bytes);
    disk_free(&d);
}

/* ---- a failing disk ---- */

static void a_failed_sync_ends_everything_until_a_restart(void **state) {
    (void)state;
    struct disk d;
    struct answer a;
    disk_init(&d);
    assert_int_equal(store_put(&d.s, "a", "safe"), 0);
    shim_fail_syncs(true);
    struct runnel_change c = {.what = RUNNEL_PUT, .key = text("b"), .data = text("unsure")};
    store_ask(&d.s, &c, 1, &a);
    store_wait(&d.s, &a);
    assert_int_equal(a.code, RUNNEL_EIO);
    assert_non_null(strstr(a.msg, d.dir));
    assert_non_null(strstr(a.msg, "restart the daemon"));
    shim_fail_syncs(false);
    host_settle(d.s.host); /* the turn behind that of the answer */
    assert_true(host_logged(d.s.host, "has failed for good"));
    assert_int_equal(store_put(&d.s, "c", "never"), RUNNEL_EIO);
    store_get(&d.s, text("a"), 0, 9, &a);
    assert_int_equal(a.code, RUNNEL_EIO);
    assert_non_null(strstr(a.msg, "restart the daemon"));
    answer_free(&a);
    store_close(&d.s);
    disk_open(&d);
    store_expect(&d.s, "a", "safe");
    store_expect(&d.s, "c", NULL);
    assert_int_equal(store_put(&d.s, "c", "again"), 0);
    disk_free(&d);
}

/* ---- who waits for the disk ---- */

/* So many of `n` commits were synced by a thread. */
static unsigned elsewhere(struct disk *d, unsigned n) {
    unsigned before = shim_syncs_elsewhere();
    for (unsigned k = 0; k < n; k++)
        assert_int_equal(store_put(&d->s, "a", "known"), 0);
    return shim_syncs_elsewhere() - before;
}

/* One slow sync is an accident: one commit later the loop syncs itself again. Some that come soon after one another are
 * a slow disk. */
static void slow_syncs_are_waited_for_elsewhere_the_longer_the_more_there_are(void **state) {
    (void)state;
    enum { SLOW = 400, MANY = 20 };
    struct disk d;
    fresh_dir(d.dir, sizeof d.dir);
    assert_int_equal(setenv("RUNNEL_STORE_CONF", "slow=300ms", 1), 0); /* what no sync here takes by itself */
    shim_watch(d.dir);
    disk_open(&d);
    assert_int_equal(elsewhere(&d, MANY), 0);
    for (unsigned k = 0; k < 2; k++) {
        shim_slow_syncs(SLOW);
        assert_int_equal(elsewhere(&d, 1), 0);
        shim_slow_syncs(0);
        assert_int_equal(elsewhere(&d, MANY), 1);
    }
    shim_slow_syncs(SLOW);
    assert_int_equal(elsewhere(&d, 4), 3);
    shim_slow_syncs(0);
    assert_int_equal(elsewhere(&d, MANY), 8);
    assert_int_equal(unsetenv("RUNNEL_STORE_CONF"), 0);
    disk_free(&d);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(done_comes_after_every_sync),
        cmocka_unit_test(the_log_stays_short),
        cmocka_unit_test(old_log_files_stay_until_newer_ones_have_durable_names),
        cmocka_unit_test(an_orderly_end_leaves_little_of_the_log),
        cmocka_unit_test(a_full_disk_refuses_and_reads_go_on),
        cmocka_unit_test(space_may_end_anywhere),
        cmocka_unit_test(a_failed_sync_ends_everything_until_a_restart),
        cmocka_unit_test(slow_syncs_are_waited_for_elsewhere_the_longer_the_more_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
