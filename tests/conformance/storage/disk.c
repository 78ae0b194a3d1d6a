/* SPDX-License-Identifier: MIT
 * disk.c — this program's own write and sync calls, found before the C library's: room, failures, notice to the mirror.
 * May touch: system calls. It has static state because these functions are given none.
 */
#include "tests/conformance/storage/disk.h"
#include "tests/conformance/storage/mirror.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define BLOCK 4096u

/* Shared with processes that a plugin forks; NULL: nothing has been watched yet. */
static struct state {
    pthread_mutex_t lock;
    char dir[PATH_MAX]; /* "": nothing is watched */
    bool mirrored;
    int64_t room;
    unsigned fail_write, fail_sync; /* so many more until one fails */
    unsigned writes, syncs, failed;
    _Atomic unsigned slow, begun;
} * disk;

static void lock(void) {
    if (pthread_mutex_lock(&disk->lock) != 0)
        abort();
}

static void unlock(void) {
    if (pthread_mutex_unlock(&disk->lock) != 0)
        abort();
}

static void make_state(void) {
    pthread_mutexattr_t shared;
    void *p = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || pthread_mutexattr_init(&shared) != 0 ||
        pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED) != 0 ||
        pthread_mutex_init(&((struct state *)p)->lock, &shared) != 0)
        abort();
    disk = p;
}

void disk_watch(const char *dir, const char *mirror) {
    if (!disk)
        make_state();
    if (!realpath(dir, disk->dir))
        abort();
    disk->room = -1;
    disk->fail_write = disk->fail_sync = disk->writes = disk->syncs = disk->failed = 0;
    disk->begun = 0;
    disk->mirrored = mirror != NULL;
    if (mirror)
        mirror_begin(disk->dir, mirror);
}

void disk_unwatch(void) {
    disk->dir[0] = 0;
    disk->room = -1;
    disk->slow = 0;
    disk->mirrored = false;
}

void disk_room(int64_t bytes) {
    disk->room = bytes;
}

void disk_fail_write(unsigned n) {
    disk->fail_write = n;
}

void disk_fail_sync(unsigned n) {
    disk->fail_sync = n;
}

void disk_slow(unsigned ms) {
    disk->slow = ms;
}

unsigned disk_begun(void) {
    return disk->begun;
}

unsigned disk_writes(void) {
    return disk->writes;
}

unsigned disk_syncs(void) {
    return disk->syncs;
}

unsigned disk_failed(void) {
    return disk->failed;
}

void disk_crash(const char *out, uint64_t seed) {
    lock();
    mirror_restore(out, seed);
    unlock();
}

/* ---- what a call is about ---- */

static bool is_watched(void) {
    return disk && disk->dir[0];
}

static bool is_below(const char *path) {
    size_t n = strlen(disk->dir);
    return n && strncmp(path, disk->dir, n) == 0 && (path[n] == '/' || !path[n]);
}

/* Whether a descriptor is open on something in the directory, and its path. */
static bool is_ours(int fd, char path[PATH_MAX]) {
    char link[64];
    if (!is_watched() || snprintf(link, sizeof link, "/proc/self/fd/%d", fd) < 0)
        return false;
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    if (n < 0)
        return false;
    path[n] = 0;
    return is_below(path);
}

/* The path of what will be removed or replaced, if it is ours; its size comes back. */
static bool is_ours_at(int at, const char *name, char path[PATH_MAX], int64_t *size) {
    struct stat st;
    char joined[PATH_MAX], folder[PATH_MAX];
    *size = 0;
    if (!is_watched())
        return false;
    if (name[0] != '/' && at != AT_FDCWD) {
        if (!is_ours(at, folder) || snprintf(joined, sizeof joined, "%s/%s", folder, name) >= (int)sizeof joined)
            return false;
        name = joined;
    }
    if (!realpath(name, path) || !is_below(path))
        return false;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
        *size = st.st_size;
    return true;
}

/* ---- the rules; under the lock ---- */

static bool counts_down(unsigned *n) {
    return *n && --*n == 0;
}

/* A file system gives room by blocks: what does not fit ends at the end of one. */
static size_t whole_blocks(uint64_t at, size_t fits) {
    uint64_t end = (at + fits) / BLOCK * BLOCK;
    return end > at ? (size_t)(end - at) : 0;
}

/* How many of `n` bytes may be written from `at` on: all, some, or -1 and errno. */
static ssize_t allowed(uint64_t at, size_t n) {
    disk->writes++;
    if (counts_down(&disk->fail_write)) {
        disk->failed++;
        errno = EIO;
        return -1;
    }
    if (disk->room < 0)
        return (ssize_t)n;
    size_t fits = (uint64_t)disk->room < n ? whole_blocks(at, (size_t)disk->room) : n;
    if (fits == 0 && n) {
        disk->room = 0;
        disk->failed++;
        errno = ENOSPC;
        return -1;
    }
    disk->room -= (int64_t)fits;
    return (ssize_t)fits;
}

static void give_back(int64_t bytes) {
    if (disk->room >= 0 && bytes > 0)
        disk->room += bytes;
}

static bool may_sync(void) {
    disk->syncs++;
    if (!counts_down(&disk->fail_sync))
        return true;
    disk->failed++;
    errno = EIO;
    return false;
}

/* What is written to a file that was opened so is durable at once. */
static void note_written(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (disk->mirrored && flags >= 0 && (flags & O_DSYNC))
        mirror_file(fd);
}

/* ---- writing ---- */

/* Where a write goes: at its place in the file, or at `at`. */
static ssize_t pass_write(int fd, const void *p, size_t n, off_t at, bool placed) {
    return placed ? syscall(SYS_pwrite64, fd, p, n, at) : syscall(SYS_write, fd, p, n);
}

static ssize_t write_at(int fd, const void *p, size_t n, off_t at, bool placed) {
    char path[PATH_MAX];
    if (!is_ours(fd, path))
        return pass_write(fd, p, n, at, placed);
    lock();
    off_t from = placed ? at : lseek(fd, 0, SEEK_CUR);
    ssize_t fits = allowed(from > 0 ? (uint64_t)from : 0, n);
    ssize_t got = fits < 0 ? -1 : pass_write(fd, p, (size_t)fits, at, placed);
    if (got > 0)
        note_written(fd);
    unlock();
    return got;
}

/* The vectors one by one: a short write is allowed to whoever writes. */
static ssize_t writev_at(int fd, const struct iovec *v, int n, off_t at, bool placed) {
    ssize_t all = 0;
    for (int k = 0; k < n; k++) {
        ssize_t got = v[k].iov_len ? write_at(fd, v[k].iov_base, v[k].iov_len, at + all, placed) : 0;
        if (got < 0)
            return all ? all : -1;
        all += got;
        if ((size_t)got < v[k].iov_len)
            break;
    }
    return all;
}

EXPORT ssize_t write(int fd, const void *p, size_t n) {
    return write_at(fd, p, n, 0, false);
}

EXPORT ssize_t pwrite(int fd, const void *p, size_t n, off_t at) {
    return write_at(fd, p, n, at, true);
}

EXPORT ssize_t pwrite64(int fd, const void *p, size_t n, off_t at) {
    return write_at(fd, p, n, at, true);
}

EXPORT ssize_t writev(int fd, const struct iovec *v, int n) {
    return writev_at(fd, v, n, 0, false);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at) {
    return writev_at(fd, v, n, at, true);
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *v, int n, off_t at) {
    return writev_at(fd, v, n, at, true);
}

/* ---- making room, and giving it back ---- */

static int allocate(int fd, int mode, off_t at, off_t n) {
    char path[PATH_MAX];
    struct stat st;
    if (is_ours(fd, path) && fstat(fd, &st) == 0 && at + n > st.st_size) {
        lock();
        int64_t more = at + n - st.st_size;
        bool full = disk->room >= 0 && disk->room < more;
        disk->failed += full;
        if (!full && disk->room >= 0)
            disk->room -= more;
        unlock();
        if (full) {
            errno = ENOSPC;
            return -1;
        }
    }
    return (int)syscall(SYS_fallocate, fd, mode, at, n);
}

EXPORT int fallocate(int fd, int mode, off_t at, off_t n) {
    return allocate(fd, mode, at, n);
}

EXPORT int fallocate64(int fd, int mode, off_t at, off_t n) {
    return allocate(fd, mode, at, n);
}

EXPORT int posix_fallocate(int fd, off_t at, off_t n) {
    return allocate(fd, 0, at, n) == 0 ? 0 : errno;
}

EXPORT int posix_fallocate64(int fd, off_t at, off_t n) {
    return allocate(fd, 0, at, n) == 0 ? 0 : errno;
}

static int cut(int fd, off_t n) {
    char path[PATH_MAX];
    struct stat st;
    if (is_ours(fd, path) && fstat(fd, &st) == 0) {
        lock();
        give_back(st.st_size - n);
        unlock();
    }
    return (int)syscall(SYS_ftruncate, fd, n);
}

EXPORT int ftruncate(int fd, off_t n) {
    return cut(fd, n);
}

EXPORT int ftruncate64(int fd, off_t n) {
    return cut(fd, n);
}

/* What is removed may come back in a crash: the mirror holds on to it. */
static void let_go(int at, const char *name) {
    char path[PATH_MAX];
    int64_t size;
    if (!is_ours_at(at, name, path, &size))
        return;
    lock();
    if (disk->mirrored)
        mirror_keep(path);
    give_back(size);
    unlock();
}

EXPORT int unlink(const char *name) {
    let_go(AT_FDCWD, name);
    return (int)syscall(SYS_unlink, name);
}

EXPORT int unlinkat(int at, const char *name, int flags) {
    if (!(flags & AT_REMOVEDIR))
        let_go(at, name);
    return (int)syscall(SYS_unlinkat, at, name, flags);
}

EXPORT int rename(const char *from, const char *to) {
    let_go(AT_FDCWD, to);
    return (int)syscall(SYS_rename, from, to);
}

EXPORT int renameat(int from_at, const char *from, int to_at, const char *to) {
    let_go(to_at, to);
    return (int)syscall(SYS_renameat, from_at, from, to_at, to);
}

/* ---- syncing ---- */

/* The mirror takes what is there before the sync: what is written meanwhile may or may not be covered. The
 * kernel is never asked: no machine crashes here but by disk_crash, and waiting for the disk shows nothing. */
static void take_time(void) {
    unsigned ms = disk->slow;
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (ms && nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

static int sync_one(int fd) {
    char path[PATH_MAX];
    if (!is_ours(fd, path))
        return 0;
    disk->begun++;
    take_time();
    lock();
    bool may = may_sync();
    if (may && disk->mirrored)
        mirror_file(fd);
    unlock();
    return may ? 0 : -1;
}

EXPORT int fsync(int fd) {
    return sync_one(fd);
}

EXPORT int fdatasync(int fd) {
    return sync_one(fd);
}

/* Everything, and whether that may be. */
static bool sync_all(void (*take)(void)) {
    if (!is_watched())
        return true;
    lock();
    bool may = may_sync();
    if (may && disk->mirrored)
        take();
    unlock();
    return may;
}

EXPORT int syncfs(int fd) {
    (void)fd;
    return sync_all(mirror_all) ? 0 : -1;
}

EXPORT void sync(void) {
    (void)sync_all(mirror_all);
}

/* Which file is mapped there is not looked up: it covers every file. */
EXPORT int msync(void *p, size_t n, int flags) {
    (void)p;
    (void)n;
    return !(flags & MS_SYNC) || sync_all(mirror_mapped) ? 0 : -1;
}
