/* SPDX-License-Identifier: MIT
 * life.c — storage conformance: start, stop, start again; a second opener; a process that is killed.
 * May touch: store.h, child processes, temporary directories.
 */
#include "tests/conformance/storage/suite.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void stop_waits_for_what_was_asked(void **state) {
    struct store s;
    struct answer a;
    store_open(&s, suite_path(state), NULL);
    struct runnel_change put = {.what = RUNNEL_PUT, .key = text("k"), .data = text("v")};
    store_ask(&s, &put, 1, &a);
    assert_int_equal(host_stop(s.inst, STORE_DEADLINE_MS), 0);
    assert_true(a.fired);
    assert_int_equal(a.code, 0);
    store_close(&s);
}

/* ---- across restarts; an engine that forgets must at least begin empty ---- */

static void reopening_keeps_everything(void **state) {
    char dir[256];
    struct store s;
    fresh_dir(dir, sizeof dir);
    store_open(&s, suite_path(state), dir);
    bool forgets = store_is_volatile(&s);
    assert_int_equal(store_put(&s, "a", "1"), 0);
    assert_int_equal(store_append(&s, "b", 0, "2"), 0);
    store_close(&s);
    store_open(&s, suite_path(state), dir);
    store_expect_scan(&s, "", "", 0, forgets ? "" : "a=1 b=2 ");
    if (!forgets) {
        assert_int_equal(store_append(&s, "b", 1, "3"), 0);
        host_abandon(s.inst); /* destroyed without stop */
        host_free(s.host);
        store_open(&s, suite_path(state), dir);
        store_expect_scan(&s, "", "", 0, "a=1 b=23 ");
    }
    store_close(&s);
    remove_dir(dir);
}

static void a_second_opener_is_refused(void **state) {
    char dir[256];
    struct store s;
    fresh_dir(dir, sizeof dir);
    store_open(&s, suite_path(state), dir);
    if (!store_is_volatile(&s)) {
        struct runnel_err err = {0};
        struct host_section section = {.path = suite_path(state), .name = "second", .dir = dir};
        struct runnel_inst *second = host_open(s.host, &section, &err);
        assert_non_null(second);
        assert_int_equal(host_start(second, &err), -RUNNEL_EBUSY);
        assert_int_equal(err.code, RUNNEL_EBUSY);
        assert_non_null(strstr(err.msg, dir));
        assert_non_null(strstr(err.msg, "another process holds"));
        host_close(second);
        assert_int_equal(store_put(&s, "a", "still here"), 0);
        store_expect(&s, "a", "still here");
    }
    store_close(&s);
    remove_dir(dir);
}

/* The child: commits for ever; commit k appends k's bytes to a few streams and counts in "n". It says so
 * for each that is done. */
static _Noreturn void commit_for_ever(const char *path, const char *dir, int says) {
    struct store s;
    struct answer read;
    uint64_t n = 0;
    store_open(&s, path, dir);
    store_get(&s, text("n"), 0, sizeof n, &read);
    if (read.code == 0)
        memcpy(&n, read.p, sizeof n);
    answer_free(&read);
    for (;;) {
        struct answer a[4];
        for (unsigned k = 0; k < 4; k++, n++) {
            uint64_t after = n + 1;
            char stream[2] = {(char)('a' + n % 5), 0};
            struct runnel_change c[2] = {
                {.what = RUNNEL_PUT, .key = text("n"), .data = {(const uint8_t *)&after, sizeof after}},
                {.what = RUNNEL_APPEND,
                 .off = n / 5 * sizeof n,
                 .key = text(stream),
                 .data = {(uint8_t *)&n, sizeof n}}};
            store_ask(&s, c, 2, &a[k]);
        }
        for (unsigned k = 0; k < 4; k++) {
            store_wait(&s, &a[k]);
            if (a[k].code != 0 || write(says, "+", 1) != 1)
                _exit(1);
        }
    }
}

/* Every stream has what the count says, neither more nor less. */
static uint64_t check_after_kill(const char *path, const char *dir) {
    struct store s;
    struct answer a;
    uint64_t n = 0;
    store_open(&s, path, dir);
    store_get(&s, text("n"), 0, sizeof n, &a);
    assert_int_equal(a.code, 0);
    memcpy(&n, a.p, sizeof n);
    answer_free(&a);
    for (uint64_t stream = 0; stream < 5; stream++) {
        uint64_t seq, want = (n + 4 - stream) / 5;
        store_get(&s, text((char[2]){(char)('a' + stream), 0}), 0, UINT32_MAX, &a);
        assert_int_equal(a.n, want * sizeof seq);
        for (uint64_t k = 0; k < want; k++) {
            memcpy(&seq, a.p + k * sizeof seq, sizeof seq);
            assert_int_equal(seq, k * 5 + stream);
        }
        answer_free(&a);
    }
    store_close(&s);
    return n;
}

static void a_killed_process_has_kept_its_word(void **state) {
    char dir[256], byte;
    struct store probe;
    store_open(&probe, suite_path(state), NULL);
    bool forgets = store_is_volatile(&probe);
    store_close(&probe);
    fresh_dir(dir, sizeof dir);
    uint64_t acknowledged = 0;
    for (unsigned round = 0; round < 4 && !forgets; round++) {
        int says[2], status;
        assert_int_equal(pipe(says), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            commit_for_ever(suite_path(state), dir, says[1]);
        assert_int_equal(close(says[1]), 0);
        for (unsigned k = 0; k < 200 + 37 * round; k++, acknowledged++)
            assert_int_equal(read(says[0], &byte, 1), 1);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        while (read(says[0], &byte, 1) == 1)
            acknowledged++;
        assert_int_equal(close(says[0]), 0);
        uint64_t kept = check_after_kill(suite_path(state), dir);
        assert_true(kept >= acknowledged);
        acknowledged = kept;
    }
    remove_dir(dir);
}

struct theme life_theme(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_waits_for_what_was_asked),
        cmocka_unit_test(reopening_keeps_everything),
        cmocka_unit_test(a_second_opener_is_refused),
        cmocka_unit_test(a_killed_process_has_kept_its_word),
    };
    return (struct theme){tests, sizeof tests / sizeof tests[0]};
}
