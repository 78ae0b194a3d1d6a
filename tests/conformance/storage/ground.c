/* SPDX-License-Identifier: MIT
 * ground.c — makes, copies and removes directories.
 * May touch: temporary directories.
 */
#include "tests/conformance/storage/ground.h"
#include "tests/conformance/storage/store.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void ground_init(struct ground *g) {
    fresh_dir(g->root, sizeof g->root);
    (void)snprintf(g->store, sizeof g->store, "%s/store", g->root);
    (void)snprintf(g->mirror, sizeof g->mirror, "%s/mirror", g->root);
    (void)snprintf(g->image, sizeof g->image, "%s/image", g->root);
    assert_int_equal(mkdir(g->store, 0700), 0);
    assert_int_equal(mkdir(g->mirror, 0700), 0);
}

void ground_free(struct ground *g) {
    remove_dir(g->root);
}

void clear_dir(const char *dir) {
    if (access(dir, F_OK) == 0)
        remove_dir(dir);
}

static void copy_part(int in, int out, off_t at, off_t end) {
    char buf[65536];
    while (at < end) {
        size_t most = end - at < (off_t)sizeof buf ? (size_t)(end - at) : sizeof buf;
        ssize_t n = pread(in, buf, most, at);
        assert_true(n > 0);
        assert_int_equal(pwrite(out, buf, (size_t)n, at), n);
        at += n;
    }
}

/* Holes, and room that was never written to, stay so: an engine may keep much of it. */
static void copy_file(const char *from, const char *to) {
    struct stat st;
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(in >= 0 && out >= 0);
    assert_int_equal(fstat(in, &st), 0);
    assert_int_equal(ftruncate(out, st.st_size), 0);
    for (off_t at = 0, data; (data = lseek(in, at, SEEK_DATA)) >= 0;) {
        at = lseek(in, data, SEEK_HOLE);
        assert_true(at > data);
        copy_part(in, out, data, at);
    }
    assert_int_equal(close(in), 0);
    assert_int_equal(close(out), 0);
}

static int is_name(const struct dirent *e) {
    return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

/* Calls `one` for each name in a folder, in order. */
static void each_name(const char *dir, void (*one)(void *arg, const char *dir, const char *name), void *arg) {
    struct dirent **names;
    int n = scandir(dir, &names, is_name, alphasort);
    assert_true(n >= 0);
    for (int k = 0; k < n; k++) {
        one(arg, dir, names[k]->d_name);
        free(names[k]);
    }
    free(names);
}

static void join(char out[PATH_MAX], const char *dir, const char *name) {
    assert_true(snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX);
}

static void copy_one(void *arg, const char *dir, const char *name) {
    char from[PATH_MAX], to[PATH_MAX];
    struct stat st;
    join(from, dir, name);
    join(to, arg, name);
    assert_int_equal(lstat(from, &st), 0);
    if (S_ISDIR(st.st_mode))
        copy_dir(from, to);
    else if (S_ISREG(st.st_mode))
        copy_file(from, to);
}

void copy_dir(const char *from, const char *to) {
    char target[PATH_MAX];
    assert_true(snprintf(target, sizeof target, "%s", to) < PATH_MAX);
    assert_int_equal(mkdir(to, 0700), 0);
    each_name(from, copy_one, target);
}

struct walk {
    each_file *each;
    void *arg;
};

static void walk_one(void *arg, const char *dir, const char *name) {
    struct walk *w = arg;
    char path[PATH_MAX];
    struct stat st;
    join(path, dir, name);
    assert_int_equal(lstat(path, &st), 0);
    if (S_ISDIR(st.st_mode))
        walk_files(path, w->each, w->arg);
    else if (S_ISREG(st.st_mode))
        w->each(w->arg, path, (uint64_t)st.st_size);
}

void walk_files(const char *dir, each_file *each, void *arg) {
    struct walk w = {each, arg};
    each_name(dir, walk_one, &w);
}
