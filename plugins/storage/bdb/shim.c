/* SPDX-License-Identifier: MIT
 * shim.c — this program's own write, pwrite, fsync, fdatasync and unlink, found before the C library's.
 * May touch: system calls. It has static state because these functions are given none.
 */
#include "plugins/storage/bdb/shim.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define LOGS 1024u

static struct {
    char dir[512];
    long left; /* writes that succeed; negative: all */
    int full;  /* the error of the others */
    bool fail_syncs;
    unsigned slow;      /* ms of a sync */
    unsigned elsewhere; /* syncs on other threads */
    int end_forks;      /* the signal that ends them */
    pid_t pid;
    bool dir_dirty;
    unsigned dir_syncs, failed, newest, removed, removed_early, dir_ms;
    bool dirty[LOGS]; /* by number of the log file */
} shim;

void shim_watch(const char *dir) {
    memset(&shim, 0, sizeof shim);
    shim.left = -1;
    shim.full = ENOSPC;
    shim.pid = getpid();
    if (dir)
        (void)snprintf(shim.dir, sizeof shim.dir, "%s", dir);
}

void shim_full_after(long n) {
    shim.left = n;
}

void shim_full_with(int error) {
    shim.full = error;
}

void shim_fail_syncs(bool on) {
    shim.fail_syncs = on;
}

void shim_slow_syncs(unsigned ms) {
    shim.slow = ms;
}

unsigned shim_syncs_elsewhere(void) {
    return shim.elsewhere;
}

void shim_end_forks(int sig) {
    shim.end_forks = sig;
}

bool shim_unsynced(void) {
    bool any = shim.dir_dirty;
    for (unsigned k = 0; k < LOGS; k++)
        any = any || shim.dirty[k];
    return any;
}

void shim_slow_dir(unsigned ms) {
    shim.dir_ms = ms;
}

unsigned shim_removed(void) {
    return shim.removed;
}

unsigned shim_removed_early(void) {
    return shim.removed_early;
}

unsigned shim_dir_syncs(void) {
    return shim.dir_syncs;
}

unsigned shim_log_files(void) {
    return shim.newest;
}

unsigned shim_failed(void) {
    return shim.failed;
}

/* What a descriptor is open on: nothing of ours, the directory, a log file (its number), another file. */
enum { ELSEWHERE = -1, DIRECTORY = -2, OTHER = -3 };

static long what_is(int fd) {
    char link[64], path[1024];
    size_t n = strlen(shim.dir);
    if (!n || snprintf(link, sizeof link, "/proc/self/fd/%d", fd) < 0)
        return ELSEWHERE;
    ssize_t got = readlink(link, path, sizeof path - 1);
    if (got < 0)
        return ELSEWHERE;
    path[got] = 0;
    if (strcmp(path, shim.dir) == 0)
        return DIRECTORY;
    if (strncmp(path, shim.dir, n) != 0 || path[n] != '/')
        return ELSEWHERE;
    return strncmp(path + n, "/log.", 5) == 0 ? strtol(path + n + 5, NULL, 10) % LOGS : OTHER;
}

/* Whether a write may go on. */
static bool note_write(int fd) {
    long what = what_is(fd);
    if (what == ELSEWHERE)
        return true;
    if (shim.end_forks && getpid() != shim.pid)
        (void)raise(shim.end_forks);
    if (shim.left == 0) {
        shim.failed++;
        errno = shim.full;
        return false;
    }
    shim.left -= shim.left > 0;
    /* A checkpoint writes its own lines of the log, on a thread, which no commit waits for. */
    if (what >= 0 && syscall(SYS_gettid) == getpid()) {
        shim.dirty[what] = true;
        shim.dir_dirty = shim.dir_dirty || (unsigned)what > shim.newest;
        shim.newest = (unsigned)what > shim.newest ? (unsigned)what : shim.newest;
    }
    return true;
}

static bool note_sync(int fd) {
    long what = what_is(fd);
    if (what == DIRECTORY) {
        struct timespec t = {.tv_sec = shim.dir_ms / 1000, .tv_nsec = (long)(shim.dir_ms % 1000) * 1000000};
        (void)nanosleep(&t, NULL);
        shim.dir_dirty = false;
        shim.dir_syncs++;
    }
    if (what >= 0) {
        struct timespec t = {.tv_sec = shim.slow / 1000, .tv_nsec = (long)(shim.slow % 1000) * 1000000};
        shim.elsewhere += syscall(SYS_gettid) != getpid();
        (void)nanosleep(&t, NULL);
    }
    if (what >= 0 && shim.fail_syncs) {
        errno = EIO;
        return false;
    }
    if (what >= 0)
        shim.dirty[what] = false;
    return true;
}

EXPORT ssize_t write(int fd, const void *p, size_t n) {
    return note_write(fd) ? syscall(SYS_write, fd, p, n) : -1;
}

EXPORT ssize_t pwrite(int fd, const void *p, size_t n, off_t at) {
    return note_write(fd) ? syscall(SYS_pwrite64, fd, p, n, at) : -1;
}

EXPORT int fsync(int fd) {
    return note_sync(fd) ? (int)syscall(SYS_fsync, fd) : -1;
}

EXPORT int fdatasync(int fd) {
    return note_sync(fd) ? (int)syscall(SYS_fdatasync, fd) : -1;
}

EXPORT int unlink(const char *path) {
    size_t n = strlen(shim.dir);
    if (n && strncmp(path, shim.dir, n) == 0 && strncmp(path + n, "/log.", 5) == 0) {
        shim.removed++;
        shim.removed_early += shim.dir_dirty;
    }
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
