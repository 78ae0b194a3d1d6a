/* SPDX-License-Identifier: MIT
 * damage.c — storage conformance: files that were altered, cut, lost. The engine works or says so; it never crashes or
 * hangs. May touch: store.h, script.h, the files of a stopped store; temporary directories.
 */
#include "tests/conformance/storage/ground.h"
#include "tests/conformance/storage/script.h"
#include "tests/conformance/storage/suite.h"
#include "tests/conformance/storage/sweep.h"
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u
#define FILES 64u

/* How many of each outcome; shared by the cases. */
struct outcomes {
    unsigned fine, failed, damaged, set_aside;
};

/* A store that was written to and stopped (or left as a crash leaves it), and its files. */
struct wreck {
    const struct suite *suite;
    struct ground ground;
    size_t n;
    struct {
        char name[PATH_MAX]; /* below the store */
        uint64_t size;
    } files[FILES];
    struct outcomes *outcomes;
    uint64_t total; /* bytes of all files */
};

/* ---- what is done to it ---- */

static int open_file(const struct wreck *w, const char *dir, size_t file) {
    char path[2 * PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", dir, w->files[file].name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void flip(const struct wreck *w, const char *dir, size_t file, uint64_t at, unsigned bit) {
    uint8_t byte;
    int fd = open_file(w, dir, file);
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= (uint8_t)(1u << bit);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    assert_int_equal(close(fd), 0);
}

static void truncate_at(const struct wreck *w, const char *dir, size_t file, uint64_t at) {
    int fd = open_file(w, dir, file);
    assert_int_equal(ftruncate(fd, (off_t)at), 0);
    assert_int_equal(close(fd), 0);
}

/* Puts zeros, or bytes from the seed, over `n` bytes. */
static void overwrite(const struct wreck *w, const char *dir, size_t file, uint64_t at, size_t n, uint64_t seed) {
    uint8_t *bytes = seed ? random_bytes(n, seed) : calloc(1, n + 1);
    int fd = open_file(w, dir, file);
    assert_non_null(bytes);
    assert_int_equal(pwrite(fd, bytes, n, (off_t)at), (ssize_t)n);
    assert_int_equal(close(fd), 0);
    free(bytes);
}

static void lose(const struct wreck *w, const char *dir, size_t file) {
    char path[2 * PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", dir, w->files[file].name);
    assert_int_equal(unlink(path), 0);
}

/* ---- what the engine makes of it ---- */

/* Everything is read, by scan and by get. Each ends with bytes or an error; the keys that a scan lists are in order. */
static void read_what_is_there(struct store *s) {
    struct listing l;
    store_scan(s, text(""), text(""), 0, &l);
    for (size_t k = 1; k < l.n; k++) {
        const struct listed *a = &l.v[k - 1], *b = &l.v[k];
        int order = memcmp(a->key, b->key, a->n_key < b->n_key ? a->n_key : b->n_key);
        assert_true(order < 0 || (order == 0 && a->n_key < b->n_key));
    }
    for (size_t k = 0; k < l.n; k += 1 + l.n / 16) {
        struct answer a;
        store_get(s, (struct runnel_bytes){l.v[k].key, l.v[k].n_key}, k % 3 ? 0 : 10, UINT32_MAX, &a);
        assert_true(a.n <= RUNNEL_RECORD_MAX);
        answer_free(&a);
    }
    listing_free(&l);
}

/* It may take commits or refuse them; an append that it takes is there. */
static void write_to_it(struct store *s, uint64_t seed) {
    struct script sc;
    script_init(&sc, seed, 9000);
    for (unsigned k = 0; k < 6; k++) {
        struct script_commit c;
        struct model scratch = {0};
        script_next(&sc, &scratch, &c);
        (void)store_commit(s, c.v, c.n);
        model_free(&scratch);
    }
    if (store_put(s, "fresh", "after the damage") == 0) {
        struct answer a;
        store_get(s, text("fresh"), 0, 100, &a);
        assert_true(a.code != 0 || (a.n == 16 && memcmp(a.p, "after the damage", 16) == 0));
        assert_true(a.code != RUNNEL_ENOTFOUND);
        answer_free(&a);
    }
    script_free(&sc);
}

/* RUNNEL_EDAMAGED: what is there goes aside, and an empty store works in its place. */
static void set_aside(const struct wreck *w, const char *dir) {
    struct store s;
    struct runnel_err err = {0};
    char where[PATH_MAX];
    struct stat st;
    memset(where, 'x', sizeof where);
    store_init(&s);
    s.inst = host_open(s.host, &(struct host_section){.path = w->suite->path, .dir = dir}, &err);
    assert_non_null(s.inst);
    s.ops = s.inst->ops;
    assert_int_equal(host_start(s.inst, &err), -RUNNEL_EDAMAGED);
    if (store_sets_aside(&s)) {
        if (s.ops->set_aside(s.inst->self, where, sizeof where, &err) != 0)
            fail_msg("set_aside: %s", err.msg);
        assert_non_null(memchr(where, 0, sizeof where));
        if (stat(where, &st) != 0)
            fail_msg("set_aside says that the store is in \"%s\": there is no such place", where);
        if (host_start(s.inst, &err) != 0)
            fail_msg("the start after set_aside: %s", err.msg);
        store_expect_scan(&s, "", "", 0, "");
        assert_int_equal(store_put(&s, "fresh", "begun"), 0);
        store_close(&s);
        assert_int_equal(stat(where, &st), 0);
        store_open(&s, w->suite->path, dir);
        store_expect_scan(&s, "", "", 0, "fresh=begun ");
        w->outcomes->set_aside++;
        store_close(&s);
    } else {
        store_close(&s);
    }
}

static void open_damaged(const struct wreck *w, const char *dir, uint64_t seed) {
    struct store s;
    struct runnel_err err;
    int code = store_try(&s, w->suite->path, dir, &err);
    if (code == RUNNEL_EDAMAGED) {
        w->outcomes->damaged++;
        set_aside(w, dir);
    } else if (code != 0) {
        w->outcomes->failed++;
    } else {
        w->outcomes->fine++;
        read_what_is_there(&s);
        write_to_it(&s, seed);
        read_what_is_there(&s);
        store_close(&s);
    }
}

/* ---- the cases ---- */

static void note_file(void *arg, const char *path, uint64_t size) {
    struct wreck *w = arg;
    if (!size || w->n == FILES)
        return;
    (void)snprintf(w->files[w->n].name, sizeof w->files[w->n].name, "%s", path + strlen(w->ground.store) + 1);
    w->files[w->n++].size = size;
    w->total += size;
}

/* A store of some 100 records, small and large, stopped or not. A volatile engine leaves no files, hence no cases. */
static void wreck_init(struct wreck *w, const struct suite *suite, bool stopped) {
    struct store s;
    struct script sc;
    *w = (struct wreck){.suite = suite, .outcomes = sweep_shared(sizeof *w->outcomes)};
    ground_init(&w->ground);
    script_init(&sc, suite->seed, 12000);
    store_open(&s, suite->path, w->ground.store);
    for (unsigned k = 0; k < 60; k++)
        assert_int_equal(script_step(&sc, &s), 0);
    if (stopped)
        store_stop(&s);
    else
        host_abandon(s.inst);
    host_free(s.host);
    script_free(&sc);
    walk_files(w->ground.store, note_file, w);
}

static void wreck_free(struct wreck *w) {
    print_message("# %u opened, %u failed cleanly, %u damaged, of which %u were set aside\n", w->outcomes->fine,
                  w->outcomes->failed, w->outcomes->damaged, w->outcomes->set_aside);
    sweep_unshare(w->outcomes, sizeof *w->outcomes);
    ground_free(&w->ground);
}

/* A copy to damage; its name. */
static const char *fresh_copy(const struct wreck *w, char dir[300]) {
    (void)snprintf(dir, 300, "%s/copy", w->ground.root);
    clear_dir(dir);
    copy_dir(w->ground.store, dir);
    return dir;
}

static void run(struct wreck *w, const char *name, sweep_case *one, unsigned long step) {
    struct sweep sweep = {.name = name, .run = one, .arg = w, .step = step, .seconds = 30};
    unsigned long ran = 0;
    unsigned failed = w->n ? sweep_run(&sweep, &ran) : 0;
    print_message("# %s: %lu cases\n", name, ran);
    wreck_free(w);
    if (failed)
        fail_msg("%s: %u of %lu cases failed", name, failed, ran);
}

/* The place of byte `at` of all files. */
static size_t file_of(const struct wreck *w, uint64_t *at) {
    size_t file = 0;
    while (*at >= w->files[file].size)
        *at -= w->files[file++].size;
    return file;
}

/* Every bit of the first page of each file. */
static bool first_bits_case(void *arg, unsigned long k) {
    const struct wreck *w = arg;
    size_t file = k / (PAGE * 8);
    char dir[300];
    if (file >= w->n)
        return false;
    uint64_t at = k / 8 % PAGE;
    if (at >= w->files[file].size)
        return true;
    flip(w, fresh_copy(w, dir), file, at, k % 8);
    open_damaged(w, dir, k + 1);
    return true;
}

static void a_bit_of_a_first_page_is_flipped(void **state) {
    struct wreck w;
    wreck_init(&w, suite_of(state), true);
    run(&w, "first bits", first_bits_case, w.suite->whole ? 5 : suite_step(w.suite, 1999));
}

/* Bits all over the files. */
static bool any_bit_case(void *arg, unsigned long k) {
    const struct wreck *w = arg;
    char dir[300];
    uint64_t seed = w->suite->seed + k, at;
    if (k >= (w->suite->whole ? 5000u : 40u))
        return false;
    at = (((uint64_t)next_random(&seed) << 31) + next_random(&seed)) % w->total;
    size_t file = file_of(w, &at);
    flip(w, fresh_copy(w, dir), file, at, next_random(&seed) % 8);
    open_damaged(w, dir, k + 1);
    return true;
}

static void a_bit_anywhere_is_flipped(void **state) {
    struct wreck w;
    wreck_init(&w, suite_of(state), true);
    run(&w, "any bit", any_bit_case, suite_step(w.suite, 1));
}

static void a_bit_is_flipped_after_a_crash(void **state) {
    struct wreck w;
    wreck_init(&w, suite_of(state), false);
    run(&w, "any bit after a crash", any_bit_case, suite_step(w.suite, 1));
}

/* Each file ends at each page, and a byte before and behind. */
static bool cut_case(void *arg, unsigned long k) {
    const struct wreck *w = arg;
    char dir[300];
    uint64_t at = k / 3 * PAGE;
    size_t file = 0;
    while (file < w->n && at >= (w->files[file].size / PAGE + 1) * PAGE)
        at -= (w->files[file].size / PAGE + 1) * PAGE, file++;
    if (file >= w->n)
        return false;
    at = k % 3 == 1 && at ? at - 1 : at + (k % 3 == 2);
    truncate_at(w, fresh_copy(w, dir), file, at);
    open_damaged(w, dir, k + 1);
    return true;
}

static void a_file_is_cut(void **state) {
    struct wreck w;
    wreck_init(&w, suite_of(state), true);
    run(&w, "cut files", cut_case, suite_step(w.suite, 1 + w.total / PAGE * 3 / 40));
}

/* Each page is zeros, or garbage, or those of another place. */
static bool page_case(void *arg, unsigned long k) {
    const struct wreck *w = arg;
    char dir[300];
    uint64_t at = k / 2 * PAGE;
    if (at >= w->total)
        return false;
    size_t file = file_of(w, &at);
    size_t n = w->files[file].size - at < PAGE ? (size_t)(w->files[file].size - at) : PAGE;
    overwrite(w, fresh_copy(w, dir), file, at, n, k % 2 ? k : 0);
    open_damaged(w, dir, k + 1);
    return true;
}

static void a_page_is_overwritten(void **state) {
    struct wreck w;
    wreck_init(&w, suite_of(state), true);
    run(&w, "overwritten pages", page_case, suite_step(w.suite, 1 + w.total / PAGE * 2 / 40));
}

/* Each file, and at last all of them, is lost, empty, zeros, garbage. */
static bool whole_file_case(void *arg, unsigned long k) {
    const struct wreck *w = arg;
    char dir[300];
    size_t file = k / 4, end = file + 1;
    if (file > w->n)
        return false;
    if (file == w->n)
        file = 0, end = w->n;
    (void)fresh_copy(w, dir);
    for (; file < end; file++) {
        if (k % 4 == 0)
            lose(w, dir, file);
        else if (k % 4 == 1)
            truncate_at(w, dir, file, 0);
        else
            overwrite(w, dir, file, 0, (size_t)w->files[file].size, k % 4 == 2 ? 0 : k);
    }
    open_damaged(w, dir, k + 1);
    return true;
}

static void a_file_is_lost(void **state) {
    struct wreck w;
    wreck_init(&w, suite_of(state), true);
    run(&w, "whole files", whole_file_case, 1);
}

static void a_file_is_lost_after_a_crash(void **state) {
    struct wreck w;
    wreck_init(&w, suite_of(state), false);
    run(&w, "whole files after a crash", whole_file_case, 1);
}

struct theme damage_theme(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bit_of_a_first_page_is_flipped),
        cmocka_unit_test(a_bit_anywhere_is_flipped),
        cmocka_unit_test(a_bit_is_flipped_after_a_crash),
        cmocka_unit_test(a_file_is_cut),
        cmocka_unit_test(a_page_is_overwritten),
        cmocka_unit_test(a_file_is_lost),
        cmocka_unit_test(a_file_is_lost_after_a_crash),
    };
    return (struct theme){tests, sizeof tests / sizeof tests[0]};
}
