/* SPDX-License-Identifier: MIT
 * damage_test.c — bdb on files that were altered, cut or taken away: told as damage, set aside, never a crash.
 * May touch: the plugin through the test host, the shim, temporary directories.
 */
#include "plugins/storage/bdb/shim.h"
#include "tests/conformance/storage/store.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RECORDS = 400, BIG_RECORDS = 24, BIG = 3 << 20 };

struct place {
    char path[4096], dir[256];
    struct test_host *host;
    struct runnel_inst *inst;
    struct store s;
    struct runnel_err err;
};

/* ---- a store, opened and closed ---- */

static void place_init(struct place *p) {
    memset(p, 0, sizeof *p);
    (void)host_plugin_path("storage", "bdb", p->path, sizeof p->path);
    fresh_dir(p->dir, sizeof p->dir);
}

static void place_make(struct place *p) {
    struct runnel_err err = {0};
    static const char *const conf[] = {"ballast=64KiB", NULL};
    p->host = host_new();
    p->inst = host_open(
        p->host, &(struct host_section){.path = p->path, .dir = p->dir, .kind = RUNNEL_STORAGE, .conf = conf}, &err);
    assert_non_null(p->inst);
    p->s = (struct store){.host = p->host, .inst = p->inst, .ops = p->inst->ops};
}

/* The code with which the start fails; 0: it runs. */
static int place_start(struct place *p) {
    memset(&p->err, 0, sizeof p->err);
    int rc = host_start(p->inst, &p->err);
    assert_int_equal(rc, -p->err.code);
    return p->err.code;
}

static int place_open(struct place *p) {
    place_make(p);
    return place_start(p);
}

static void place_close(struct place *p) {
    host_close(p->inst);
    host_free(p->host);
}

/* What record `k` holds. */
static size_t record(unsigned k, char key[16], uint8_t val[4000]) {
    uint64_t seed = k;
    size_t n = 40 + k * 37 % 3000;
    (void)snprintf(key, 16, "key-%06u", k);
    for (size_t i = 0; i < n; i++)
        val[i] = (uint8_t)next_random(&seed);
    return n;
}

static void place_fill(struct place *p) {
    char key[16];
    uint8_t val[4000];
    assert_int_equal(place_open(p), 0);
    struct answer a[RECORDS];
    for (unsigned k = 0; k < RECORDS; k++) {
        size_t n = record(k, key, val);
        struct runnel_change c = {.what = RUNNEL_PUT, .key = text(key), .data = {val, n}};
        store_ask(&p->s, &c, 1, &a[k]);
    }
    for (unsigned k = 0; k < RECORDS; k++) {
        store_wait(&p->s, &a[k]);
        assert_int_equal(a[k].code, 0);
    }
    place_close(p);
}

/* ---- files ---- */

static void path_of(const struct place *p, const char *file, char out[600]) {
    int n = snprintf(out, 600, "%s/%s", p->dir, file);
    assert_true(n > 0 && n < 600);
}

static void overwrite(const struct place *p, const char *file, long at, const void *bytes, size_t n) {
    char path[600];
    path_of(p, file, path);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, at), (ssize_t)n);
    assert_int_equal(close(fd), 0);
}

static long size_of(const struct place *p, const char *file) {
    char path[600];
    struct stat st;
    path_of(p, file, path);
    return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static void cut(const struct place *p, const char *file, long n) {
    char path[600];
    path_of(p, file, path);
    assert_int_equal(truncate(path, n), 0);
}

static void take_away(const struct place *p, const char *file) {
    char path[600];
    path_of(p, file, path);
    assert_int_equal(unlink(path), 0);
}

static bool lock_says(const struct place *p, const char *word) {
    char path[600], line[80] = "";
    path_of(p, "lock", path);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    assert_int_equal(fclose(f), 0);
    return strstr(line, word) != NULL;
}

#define LOG "log.0000000001"

static void bad_magic(const struct place *p) {
    overwrite(p, "records.db", 12, "xxxx", 4);
}

static void emptied(const struct place *p) {
    cut(p, "records.db", 0);
}

static void gone(const struct place *p) {
    take_away(p, "records.db");
}

static void one_page(const struct place *p) {
    cut(p, "records.db", 4096);
}

static void half(const struct place *p) {
    cut(p, "records.db", size_of(p, "records.db") / 8192 * 4096);
}

static void no_multiple(const struct place *p) {
    cut(p, "records.db", 6000);
}

static void no_log(const struct place *p) {
    take_away(p, LOG);
}

static void emptied_log(const struct place *p) {
    cut(p, LOG, 0);
}

static void half_a_log(const struct place *p) {
    cut(p, LOG, 300000);
}

static void flipped_log(const struct place *p) {
    overwrite(p, LOG, 500000, "\xff\x01\xff\x01\xff\x01", 6);
}

static void flipped_log_head(const struct place *p) {
    overwrite(p, LOG, 5, "\xff", 1);
}

static void all_gone(const struct place *p) {
    gone(p);
    no_log(p);
}

static void lock_and_records_gone(const struct place *p) {
    gone(p);
    take_away(p, "lock");
}

/* A page deep in the tree that no open looks at. */
static void bad_page(const struct place *p) {
    overwrite(p, "records.db", size_of(p, "records.db") / 8192 * 4096 + 16, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
}

static void noise(const struct place *p) {
    uint8_t b[4096 * 8];
    uint64_t seed = 1;
    for (size_t k = 0; k < sizeof b; k++)
        b[k] = (uint8_t)next_random(&seed);
    overwrite(p, "records.db", 0, b, sizeof b);
}

static const struct {
    const char *name;
    void (*damage)(const struct place *p);
} damages[] = {{"another magic number", bad_magic},
               {"emptied records.db", emptied},
               {"no records.db", gone},
               {"records.db cut to one page", one_page},
               {"records.db cut to half its pages", half},
               {"records.db cut in a page", no_multiple},
               {"no log", no_log},
               {"emptied log", emptied_log},
               {"log cut", half_a_log},
               {"log with other bytes", flipped_log},
               {"log with another head", flipped_log_head},
               {"neither records.db nor log", all_gone},
               {"neither records.db nor lock", lock_and_records_gone},
               {"a bad page", bad_page},
               {"noise", noise}};

/* ---- told, set aside, begun anew ---- */

/* Moves it aside and starts an empty one. */
static void begin_again(struct place *p, char where[600]) {
    char marker[700];
    assert_int_equal(p->s.ops->set_aside(p->inst->self, where, 600, &p->err), 0);
    assert_int_equal(strncmp(where, p->dir, strlen(p->dir)), 0);
    assert_int_equal(access(where, F_OK), 0);
    assert_true(snprintf(marker, sizeof marker, "%s/marker", where) > 0);
    assert_int_equal(access(marker, F_OK), 0);
    assert_int_equal(place_start(p), 0);
    store_expect_scan(&p->s, "", "", 0, "");
    assert_int_equal(store_put(&p->s, "a", "new"), 0);
    place_close(p);
    assert_int_equal(place_open(p), 0);
    store_expect(&p->s, "a", "new");
}

static void damage_is_told_and_set_aside(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof damages / sizeof damages[0]; k++) {
        struct place p, other;
        char where[600], again[600];
        place_init(&p);
        place_fill(&p);
        overwrite(&p, "marker", 0, "mine", 4);
        long size = size_of(&p, "records.db");
        damages[k].damage(&p);
        long left = size_of(&p, "records.db");
        int code = place_open(&p);
        print_message("# %s: %d %s\n", damages[k].name, code, p.err.msg);
        assert_int_equal(code, RUNNEL_EDAMAGED);
        assert_non_null(strstr(p.err.msg, p.dir));
        assert_int_equal(place_start(&p), RUNNEL_EDAMAGED); /* a retry changes nothing */
        other = p;
        assert_int_equal(place_open(&other), RUNNEL_EBUSY); /* it is still ours */
        place_close(&other);
        begin_again(&p, where);
        place_close(&p);
        assert_true(size > 0);
        if (left > 0) {
            char path[700];
            struct stat st;
            assert_true(snprintf(path, sizeof path, "%s/records.db", where) > 0);
            assert_int_equal(stat(path, &st), 0);
            assert_true(st.st_size >= left); /* recovery may have lengthened it */
        }
        /* A second time: another place. */
        overwrite(&p, "marker", 0, "mine", 4);
        cut(&p, "records.db", 0);
        assert_int_equal(place_open(&p), RUNNEL_EDAMAGED);
        begin_again(&p, again);
        assert_string_not_equal(where, again);
        assert_int_equal(access(where, F_OK), 0);
        place_close(&p);
        remove_dir(p.dir);
    }
}

/* A start that was cut short before anything was acknowledged is no damage. */
static void a_store_half_made_is_no_damage(void **state) {
    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        struct place p;
        char line[64];
        place_init(&p);
        assert_int_equal(place_open(&p), 0);
        place_close(&p);
        assert_int_equal(snprintf(line, sizeof line, "%-11d %-7s %10u %10u %10u   \n", 1, "new", 0, 0, 0), 56);
        overwrite(&p, "lock", 0, line, 56);
        if (k != 0)
            take_away(&p, "records.db");
        if (k == 2)
            take_away(&p, LOG);
        assert_int_equal(place_open(&p), 0);
        assert_int_equal(store_put(&p.s, "a", "first"), 0);
        place_close(&p);
        remove_dir(p.dir);
    }
}

/* ---- what is no damage ---- */

static void the_machine_is_no_damage(void **state) {
    (void)state;
    struct place p;
    place_init(&p);
    place_fill(&p);
    shim_watch(p.dir);
    shim_end_forks(SIGABRT);
    assert_int_equal(place_open(&p), RUNNEL_EDAMAGED);
    assert_non_null(strstr(p.err.msg, "crashed"));
    shim_end_forks(SIGKILL);
    assert_int_equal(place_start(&p), RUNNEL_ENOMEM);
    shim_end_forks(SIGTERM);
    assert_int_equal(place_start(&p), RUNNEL_ECLOSED);
    shim_end_forks(0);
    shim_full_after(0);
    assert_int_equal(place_start(&p), RUNNEL_EFULL);
    shim_full_after(-1);
    assert_int_equal(place_start(&p), 0);
    place_close(&p);
    shim_watch(NULL);
    remove_dir(p.dir);
}

/* ---- damage that is met while it runs ---- */

/* Larger than what each start looks through. */
static void fill_large(struct place *p) {
    uint8_t *bytes = calloc(1, BIG);
    assert_non_null(bytes);
    place_fill(p);
    assert_int_equal(place_open(p), 0);
    for (unsigned k = 0; k < BIG_RECORDS; k++) {
        char key[16];
        (void)snprintf(key, sizeof key, "large-%02u", k);
        struct runnel_change c = {.what = RUNNEL_PUT, .key = text(key), .data = {bytes, BIG}};
        assert_int_equal(store_commit(&p->s, &c, 1), 0);
    }
    place_close(p);
    assert_true(size_of(p, "records.db") > 64 << 20);
    free(bytes);
}

/* In a process of its own, as Berkeley DB frees nothing after a panic. 0, or which step went wrong. */
static int meet_damage(struct place *p) {
    struct listing l;
    int code = place_open(p); /* nothing of it is looked at */
    print_message("# opened: %d %s\n", code, p->err.msg);
    if (code != 0)
        return 1;
    store_scan(&p->s, text(""), text(""), 0, &l);
    print_message("# %s\n", l.answer.msg);
    if (l.answer.code != RUNNEL_EDAMAGED || !host_logged(p->host, "has failed for good"))
        return 2;
    if (!lock_says(p, " failed "))
        return 3;
    if (store_put(&p->s, "a", "never") != RUNNEL_EDAMAGED)
        return 4;
    place_close(p);
    return lock_says(p, " failed ") ? 0 : 5;
}

static void damage_while_it_runs_is_found_by_the_next_start(void **state) {
    (void)state;
    struct place p;
    int status = 0;
    place_init(&p);
    fill_large(&p);
    uint8_t head[26]; /* of each page, so that one of the tree is met before one that a long value has for itself */
    memset(head, 0xff, sizeof head);
    for (long at = 1024 * 3; at < 1024 * 800; at += 1024)
        overwrite(&p, "records.db", at, head, sizeof head);
    assert_int_equal(fflush(NULL), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int step = meet_damage(&p);
        (void)fflush(NULL);
        _exit(step);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(place_open(&p), RUNNEL_EDAMAGED);
    place_close(&p);
    remove_dir(p.dir);
}

static void many_early_ends_are_a_failure(void **state) {
    (void)state;
    struct place p;
    char line[64];
    place_init(&p);
    fill_large(&p);
    overwrite(&p, "records.db", 4096 * 100 + 25, "\x77", 1); /* a page of no known type */
    for (unsigned early = 0; early < 2; early++) {
        assert_int_equal(place_open(&p), 0);
        host_abandon(p.inst);
        host_free(p.host);
    }
    assert_int_equal(snprintf(line, sizeof line, "%-11d %-7s %10u %10u %10u   \n", 1, "open", 1, 28, 3), 56);
    overwrite(&p, "lock", 0, line, 56);
    assert_int_equal(place_open(&p), RUNNEL_EDAMAGED);
    place_close(&p);
    remove_dir(p.dir);
}

/* ---- flipped bits ---- */

/* Reads all there is; true when every answer is as it was. Anything else was told, or are the bytes that
 * the disk has altered, which the core checks. */
static void read_all(struct place *p, unsigned *altered, unsigned *told) {
    char key[16];
    uint8_t val[4000];
    struct answer a;
    for (unsigned k = 0; k < RECORDS; k++) {
        size_t n = record(k, key, val);
        store_get(&p->s, text(key), 0, UINT32_MAX, &a);
        *altered += a.code == 0 && (a.n != n || memcmp(a.p, val, n) != 0);
        *told += a.code != 0;
        answer_free(&a);
    }
}

static void flip(const struct place *p, const char *file, long at, unsigned bit) {
    char path[600];
    uint8_t x;
    path_of(p, file, path);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &x, 1, at), 1);
    x ^= (uint8_t)(1u << bit);
    assert_int_equal(pwrite(fd, &x, 1, at), 1);
    assert_int_equal(close(fd), 0);
}

static void copy_file(const struct place *from, const struct place *to, const char *file) {
    char a[600], b[600];
    uint8_t buf[65536];
    size_t n;
    path_of(from, file, a);
    path_of(to, file, b);
    FILE *in = fopen(a, "rb"), *out = fopen(b, "wb");
    assert_non_null(in);
    assert_non_null(out);
    while ((n = fread(buf, 1, sizeof buf, in)) > 0)
        assert_int_equal(fwrite(buf, 1, n, out), n);
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
}

static void flipped_bits_never_crash(void **state) {
    (void)state;
    enum { FLIPS = 240 };
    struct place model;
    unsigned damaged = 0, altered = 0, told = 0, whole = 0;
    uint64_t seed = 20261122;
    place_init(&model);
    place_fill(&model);
    long pages = size_of(&model, "records.db") / 1024, log = size_of(&model, LOG);
    for (unsigned k = 0; k < FLIPS; k++) {
        struct place p;
        place_init(&p);
        copy_file(&model, &p, "records.db");
        copy_file(&model, &p, "lock");
        copy_file(&model, &p, LOG);
        /* A third each: heads of pages, anywhere in the pages, the part of the log that is used. */
        const char *file = k % 3 == 2 ? LOG : "records.db";
        long at = k % 3 == 0   ? (long)next_random(&seed) % pages * 1024 + (long)(next_random(&seed) % 64)
                  : k % 3 == 1 ? (long)next_random(&seed) % (pages * 1024)
                               : (long)next_random(&seed) % log;
        flip(&p, file, at, next_random(&seed) % 8);
        int code = place_open(&p);
        assert_true(code == 0 || code == RUNNEL_EDAMAGED);
        damaged += code != 0;
        unsigned before = altered + told;
        if (code == 0)
            read_all(&p, &altered, &told);
        whole += code == 0 && altered + told == before;
        place_close(&p);
        remove_dir(p.dir);
    }
    print_message("# %u flips: %u stores damaged, %u whole, %u records altered, %u refused\n", FLIPS, damaged, whole,
                  altered, told);
    assert_true(damaged > 0 && whole > 0);
    remove_dir(model.dir);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_told_and_set_aside),
        cmocka_unit_test(a_store_half_made_is_no_damage),
        cmocka_unit_test(the_machine_is_no_damage),
        cmocka_unit_test(damage_while_it_runs_is_found_by_the_next_start),
        cmocka_unit_test(many_early_ends_are_a_failure),
        cmocka_unit_test(flipped_bits_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
