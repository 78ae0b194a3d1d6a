/* SPDX-License-Identifier: MIT
 * mirror.c — keeps, by inode: i<N> the bytes of a file at its last sync, d<N> the names in a folder, k<N> a file
 * without a name. May touch: the directory, the mirror's own directory. It has static state because the calls above it
 * are given none.
 */
#include "tests/conformance/storage/mirror.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u
#define NAMES 4096u

static struct { char dir[PATH_MAX], at[PATH_MAX]; } mirror;

static _Noreturn void give_up(const char *what, const char *path) {
    fprintf(stderr, "mirror: %s %s: %s\n", path, what, strerror(errno));
    abort();
}

static void join(char out[PATH_MAX], const char *dir, const char *name) {
    if (snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
        give_up("is too long", dir);
}

/* The mirror's own file of this sort for an inode. */
static void place(char out[PATH_MAX], char sort, ino_t ino) {
    char name[32];
    (void)snprintf(name, sizeof name, "%c%llu", sort, (unsigned long long)ino);
    join(out, mirror.at, name);
}

/* ---- files ---- */

static int open_in(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        give_up("cannot be opened", path);
    return fd;
}

static int open_out(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        give_up("cannot be made", path);
    return fd;
}

static void shut(int fd, const char *path) {
    if (close(fd) != 0)
        give_up("cannot be closed", path);
}

static void put_all(int fd, const void *p, size_t n, const char *path) {
    if (write(fd, p, n) != (ssize_t)n)
        give_up("cannot be written", path);
}

static void copy_part(int in, int out, off_t at, off_t end, const char *to) {
    static char buf[1 << 18];
    while (at < end) {
        size_t most = end - at < (off_t)sizeof buf ? (size_t)(end - at) : sizeof buf;
        ssize_t n = pread(in, buf, most, at);
        if (n <= 0 || pwrite(out, buf, (size_t)n, at) != n)
            give_up("cannot be copied", to);
        at += n;
    }
}

/* Holes, and room that was never written to, stay so. */
static void copy(int in, const char *to) {
    struct stat st;
    int out = open_out(to);
    if (fstat(in, &st) != 0 || ftruncate(out, st.st_size) != 0)
        give_up("cannot be copied", to);
    for (off_t at = 0, data; (data = lseek(in, at, SEEK_DATA)) >= 0;) {
        at = lseek(in, data, SEEK_HOLE);
        if (at <= data)
            give_up("cannot be copied", to);
        copy_part(in, out, data, at, to);
    }
    shut(out, to);
}

static void copy_path(const char *from, const char *to) {
    int in = open_in(from);
    copy(in, to);
    shut(in, from);
}

/* Written beside and renamed: the process may be killed at any time. */
static void replace(const char *fresh, const char *path) {
    if (rename(fresh, path) != 0)
        give_up("cannot be renamed", path);
}

static void take_file(int fd, ino_t ino) {
    char path[PATH_MAX], fresh[PATH_MAX];
    place(path, 'i', ino);
    place(fresh, 'x', ino);
    copy(fd, fresh);
    replace(fresh, path);
}

/* ---- folders ---- */

struct name {
    unsigned long long ino;
    char name[NAME_MAX + 1];
};

struct names {
    size_t n;
    struct name v[NAMES];
};

static struct name *add_name(struct names *l, unsigned long long ino, const char *name) {
    if (l->n == NAMES)
        give_up("has too many names", name);
    struct name *e = &l->v[l->n++];
    e->ino = ino;
    (void)snprintf(e->name, sizeof e->name, "%s", name);
    return e;
}

static struct names *names_of(const char *path) {
    struct names *l = calloc(1, sizeof *l);
    DIR *d = opendir(path);
    if (!l || !d)
        give_up("cannot be listed", path);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)add_name(l, e->d_ino, e->d_name);
    (void)closedir(d);
    return l;
}

static void take_folder(const char *path, ino_t ino) {
    char to[PATH_MAX], fresh[PATH_MAX];
    struct names *l = names_of(path);
    place(to, 'd', ino);
    place(fresh, 'x', ino);
    int out = open_out(fresh);
    for (size_t k = 0; k < l->n; k++)
        put_all(out, &l->v[k], sizeof l->v[k], fresh);
    shut(out, fresh);
    replace(fresh, to);
    free(l);
}

static struct names *durable_names(ino_t ino) {
    char path[PATH_MAX];
    struct names *l = calloc(1, sizeof *l);
    if (!l)
        give_up("no memory", mirror.at);
    place(path, 'd', ino);
    if (access(path, F_OK) != 0)
        return l; /* never synced */
    int in = open_in(path);
    while (l->n < NAMES && read(in, &l->v[l->n], sizeof l->v[0]) == (ssize_t)sizeof l->v[0])
        l->n++;
    shut(in, path);
    return l;
}

static const struct name *find(const struct names *l, const char *name) {
    for (size_t k = 0; k < l->n; k++)
        if (strcmp(l->v[k].name, name) == 0)
            return &l->v[k];
    return NULL;
}

/* ---- taking ---- */

static void take_fd(int fd, bool names_too) {
    struct stat st;
    char link[64];
    if (fstat(fd, &st) != 0 || snprintf(link, sizeof link, "/proc/self/fd/%d", fd) < 0)
        give_up("cannot be looked at", "a descriptor");
    if (S_ISDIR(st.st_mode) && names_too) {
        take_folder(link, st.st_ino);
    } else if (S_ISREG(st.st_mode)) {
        int in = open_in(link); /* it may be open for writing only */
        take_file(in, st.st_ino);
        shut(in, link);
    }
}

/* Everything below a folder. */
static void take_below(const char *dir, bool names_too) {
    struct names *l = names_of(dir);
    int fd = open_in(dir);
    take_fd(fd, names_too);
    shut(fd, dir);
    for (size_t k = 0; k < l->n; k++) {
        char path[PATH_MAX];
        struct stat st;
        join(path, dir, l->v[k].name);
        if (lstat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode)) {
            take_below(path, names_too);
        } else if (S_ISREG(st.st_mode)) {
            fd = open_in(path);
            take_fd(fd, names_too);
            shut(fd, path);
        }
    }
    free(l);
}

void mirror_begin(const char *dir, const char *at) {
    (void)snprintf(mirror.dir, sizeof mirror.dir, "%s", dir);
    (void)snprintf(mirror.at, sizeof mirror.at, "%s", at);
    take_below(mirror.dir, true);
}

void mirror_file(int fd) {
    take_fd(fd, true);
}

void mirror_all(void) {
    take_below(mirror.dir, true);
}

void mirror_mapped(void) {
    take_below(mirror.dir, false);
}

void mirror_keep(const char *path) {
    struct stat st;
    char kept[PATH_MAX];
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    place(kept, 'k', st.st_ino);
    if (link(path, kept) != 0 && errno != EEXIST)
        give_up("cannot be linked", kept);
}

/* ---- what a crash leaves ---- */

static bool coin(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 40) & 1;
}

static size_t page_of(int fd, size_t at, size_t n, char page[PAGE]) {
    memset(page, 0, PAGE);
    if (at >= n)
        return 0;
    ssize_t got = pread(fd, page, n - at < PAGE ? n - at : PAGE, (off_t)at);
    if (got < 0)
        give_up("cannot be read", "a file");
    return (size_t)got;
}

static size_t size_of(int fd) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        give_up("cannot be looked at", "a file");
    return (size_t)st.st_size;
}

/* Each page as it was synced or as it is, likewise the length. */
static void mix(const char *synced, const char *now, const char *to, uint64_t *seed) {
    char page[PAGE];
    int a = open_in(synced), b = open_in(now), out = open_out(to);
    size_t n_a = size_of(a), n_b = size_of(b), n = coin(seed) ? n_a : n_b;
    for (size_t at = 0; at < n; at += PAGE) {
        (void)(coin(seed) ? page_of(a, at, n_a, page) : page_of(b, at, n_b, page));
        put_all(out, page, n - at < PAGE ? n - at : PAGE, to);
    }
    shut(a, synced);
    shut(b, now);
    shut(out, to);
}

static void restore_file(const char *folder, const struct name *e, const char *to, uint64_t *seed) {
    char synced[PATH_MAX], now[PATH_MAX];
    struct stat st;
    place(synced, 'i', e->ino);
    if (access(synced, F_OK) != 0)
        shut(open_out(synced), synced); /* its name is durable, none of its bytes is */
    if (!*seed) {
        copy_path(synced, to);
        return;
    }
    join(now, folder, e->name);
    if (stat(now, &st) != 0 || st.st_ino != e->ino)
        place(now, 'k', e->ino);
    if (access(now, F_OK) == 0)
        mix(synced, now, to, seed);
    else
        copy_path(synced, to);
}

static void restore_folder(const char *folder, ino_t ino, const char *out, uint64_t *seed);

static void restore_name(const char *folder, const struct name *e, const char *out, uint64_t *seed) {
    char names[PATH_MAX], to[PATH_MAX], path[PATH_MAX];
    struct stat st;
    join(to, out, e->name);
    join(path, folder, e->name);
    place(names, 'd', e->ino);
    bool is_folder = access(names, F_OK) == 0 || (stat(path, &st) == 0 && st.st_ino == e->ino && S_ISDIR(st.st_mode));
    if (!is_folder) {
        restore_file(folder, e, to, seed);
    } else {
        if (mkdir(to, 0700) != 0)
            give_up("cannot be made", to);
        restore_folder(path, e->ino, to, seed);
    }
}

/* With a seed a name that was changed since the folder's sync is as it was or as it is. */
static void restore_folder(const char *folder, ino_t ino, const char *out, uint64_t *seed) {
    struct names *synced = durable_names(ino), *now = NULL;
    if (*seed && access(folder, R_OK) == 0)
        now = names_of(folder);
    for (size_t k = 0; k < synced->n; k++) {
        const struct name *was = &synced->v[k], *is = !*seed ? was : now ? find(now, was->name) : NULL;
        bool changed = !is || is->ino != was->ino;
        const struct name *take = changed && coin(seed) ? is : was;
        if (take)
            restore_name(folder, take, out, seed);
    }
    for (size_t k = 0; now && k < now->n; k++)
        if (!find(synced, now->v[k].name) && coin(seed))
            restore_name(folder, &now->v[k], out, seed);
    free(synced);
    free(now);
}

void mirror_restore(const char *out, uint64_t seed) {
    struct stat st;
    if (stat(mirror.dir, &st) != 0 || mkdir(out, 0700) != 0)
        give_up("cannot be made", out);
    restore_folder(mirror.dir, st.st_ino, out, &seed);
}
