/* SPDX-License-Identifier: MIT
 * volatile.c — preloaded into a program: notes in a journal what it does to one folder, and dies on demand.
 * May touch: the journal; the program's own calls. It has static state because these functions are given none.
 *
 * The program works on real files; every change below RUNNEL_CRASH_DIR is also told to the journal, with
 * its bytes, in order, and so is each fsync. From this the model in disk.py, which says what a disk may
 * do, computes what could be there after the power failed. disk.py also compares the folder with the
 * journal: a change that went past these functions (by stdio, a raw system call) is found there.
 *
 *   RUNNEL_CRASH_DIR      the folder, without symbolic links
 *   RUNNEL_CRASH_JOURNAL  a file outside of it, appended to
 *   RUNNEL_CRASH_AT       N or N+: dies by SIGKILL before (N) or after (N+) the Nth change or sync, forks counted
 *   RUNNEL_CRASH_SYNC_US  how long a sync takes; nothing is really synced
 *   RUNNEL_CRASH_DEAF     syncs of files whose name begins so do nothing, and say that they did
 *
 * A record of the journal: u32 length of the rest, one byte kind, little-endian numbers of 64 bits, bytes.
 *
 *   K                       a program has started
 *   B  file or 0            a change begins; what follows says what came of it, or is missing: nobody knows
 *   N                       nothing came of it
 *   W  file, offset, bytes  written
 *   T  file, size           cut or made longer
 *   S  file or folder       synced
 *   A                       everything synced
 *   C  folder, file, name   a file was made        D  the same for a folder      L  a second name
 *   U  folder, name         a name was removed
 *   R  folder, folder, file, name NUL name         renamed, replacing what had the second name
 *
 * Files and folders are named by their inode. A write to a file opened with O_SYNC or O_DSYNC is followed
 * by S. What the model does not know (shared writable maps, holes, symbolic links) ends the program. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
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

/* Of a program and its forks: their changes are counted together, and they die together. */
struct common {
    pthread_mutex_t mutex;
    unsigned long count;
};

static struct {
    struct common *common;
    pid_t first;
    char dir[PATH_MAX];
    size_t n_dir;
    int journal;
    unsigned long at; /* 0: never */
    bool after;
    long sync_us;
    const char *deaf;
} shim = {.journal = -1};

/* ---- the journal ---- */

static _Noreturn void die(const char *why) {
    if (why) {
        char text[512];
        int n = snprintf(text, sizeof text, "volatile.c: %s\n", why);
        (void)!syscall(SYS_write, 2, text, n > 0 ? n : 0);
    }
    for (;;) {
        if (shim.first && shim.first != getpid())
            (void)syscall(SYS_kill, shim.first, SIGKILL);
        (void)syscall(SYS_kill, getpid(), SIGKILL);
    }
}

static void u64(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

struct part {
    const void *p;
    size_t n;
};

static void note(char kind, const uint64_t *numbers, size_t n, struct part a, struct part b) {
    uint8_t head[5 + 8 * 3];
    size_t rest = 1 + 8 * n + a.n + b.n, n_head = 5 + 8 * n;
    for (int i = 0; i < 4; i++)
        head[i] = (uint8_t)(rest >> (8 * i));
    head[4] = (uint8_t)kind;
    for (size_t i = 0; i < n; i++)
        u64(head + 5 + 8 * i, numbers[i]);
    struct iovec v[3] = {{head, n_head}, {NULL, a.n}, {NULL, b.n}};
    memcpy(&v[1].iov_base, &a.p, sizeof a.p);
    memcpy(&v[2].iov_base, &b.p, sizeof b.p);
    if (syscall(SYS_writev, shim.journal, v, 3) != (long)(n_head + a.n + b.n))
        die("the journal cannot be written");
}

#define NOTE(kind, a, b, ...)                                                                                          \
    note(kind, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), a, b)
static const struct part nothing = {NULL, 0};

static void share(void) {
    pthread_mutexattr_t shared;
    long page = syscall(SYS_mmap, NULL, sizeof *shim.common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == -1)
        die("no memory");
    memcpy(&shim.common, &page, sizeof page);
    if (pthread_mutexattr_init(&shared) != 0 || pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED) != 0 ||
        pthread_mutex_init(&shim.common->mutex, &shared) != 0)
        die("no mutex");
}

__attribute__((constructor)) static void start(void) {
    const char *dir = getenv("RUNNEL_CRASH_DIR"), *journal = getenv("RUNNEL_CRASH_JOURNAL");
    const char *at = getenv("RUNNEL_CRASH_AT"), *us = getenv("RUNNEL_CRASH_SYNC_US");
    if (!dir || !journal)
        return;
    if (!realpath(dir, shim.dir))
        die("RUNNEL_CRASH_DIR is not there");
    shim.n_dir = strlen(shim.dir);
    shim.first = getpid();
    share();
    shim.deaf = getenv("RUNNEL_CRASH_DEAF");
    shim.sync_us = us ? strtol(us, NULL, 10) : 0;
    char *end = NULL;
    shim.at = at ? strtoul(at, &end, 10) : 0;
    shim.after = end && *end == '+';
    long fd = syscall(SYS_openat, AT_FDCWD, journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        die("RUNNEL_CRASH_JOURNAL cannot be opened");
    /* Out of the way of programs that close or count descriptors. */
    shim.journal = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 200);
    (void)syscall(SYS_close, fd);
    if (shim.journal < 0)
        die("RUNNEL_CRASH_JOURNAL cannot be kept open");
    note('K', NULL, 0, nothing, nothing);
}

/* ---- what is below the folder ---- */

static bool below(const char *path) {
    return strncmp(path, shim.dir, shim.n_dir) == 0 && (path[shim.n_dir] == 0 || path[shim.n_dir] == '/');
}

/* Where a descriptor's file is, or was before it was removed. */
static bool path_of(int fd, char path[PATH_MAX]) {
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long n = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = 0;
    return n > 0;
}

static bool watched(int fd, struct stat *st) {
    char path[PATH_MAX];
    int saved = errno;
    bool yes = shim.journal >= 0 && fstat(fd, st) == 0 && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)) &&
               path_of(fd, path) && below(path);
    errno = saved;
    return yes;
}

/* A name in a folder. */
struct spot {
    uint64_t dir; /* 0: not ours */
    const char *name;
    struct part bytes;
};

static struct spot spot_of(int at, const char *path) {
    struct spot s = {0, NULL, {NULL, 0}};
    char dir[PATH_MAX], real[PATH_MAX];
    struct stat st;
    if (shim.journal < 0 || strlen(path) >= sizeof dir)
        return s;
    int saved = errno;
    strcpy(dir, path);
    char *slash = strrchr(dir, '/');
    s.name = slash ? path + (slash - dir) + 1 : path;
    s.bytes = (struct part){s.name, strlen(s.name)};
    if (slash)
        slash[slash == dir] = 0;
    long fd = syscall(SYS_openat, at, slash ? dir : ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd >= 0) {
        if (path_of((int)fd, real) && below(real) && fstat((int)fd, &st) == 0)
            s.dir = st.st_ino;
        (void)syscall(SYS_close, fd);
    }
    errno = saved;
    return s;
}

static uint64_t inode_at(int at, const char *path) {
    struct stat st;
    int saved = errno;
    uint64_t ino = fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
    errno = saved;
    return ino;
}

/* ---- a change, from its beginning to its end ---- */

static void begin(uint64_t ino) {
    (void)pthread_mutex_lock(&shim.common->mutex);
    if (++shim.common->count == shim.at && !shim.after)
        die(NULL);
    NOTE('B', nothing, nothing, ino);
}

static void end(void) {
    if (shim.common->count == shim.at && shim.after)
        die(NULL);
    (void)pthread_mutex_unlock(&shim.common->mutex);
}

static void unknown(const char *what) {
    die(what);
}

/* What a call returned; when it failed nothing has come of it. */
static bool done(long rc) {
    if (rc >= 0)
        return true;
    note('N', NULL, 0, nothing, nothing);
    return false;
}

static void note_synced(int fd, const struct stat *st) {
    if ((fcntl(fd, F_GETFL) & O_DSYNC) != 0)
        NOTE('S', nothing, nothing, st->st_ino);
}

/* ---- writing ---- */

static ssize_t write_at(int fd, const void *p, size_t n, off_t at, bool positioned) {
    struct stat st;
    if (!watched(fd, &st))
        return positioned ? syscall(SYS_pwrite64, fd, p, n, at) : syscall(SYS_write, fd, p, n);
    begin(st.st_ino);
    if (!positioned || (fcntl(fd, F_GETFL) & O_APPEND) != 0) {
        (void)fstat(fd, &st);
        off_t here = (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
        at = (fcntl(fd, F_GETFL) & O_APPEND) != 0 ? st.st_size : here;
    }
    ssize_t rc = positioned ? syscall(SYS_pwrite64, fd, p, n, at) : syscall(SYS_write, fd, p, n);
    int saved = errno;
    if (done(rc)) {
        NOTE('W', ((struct part){p, (size_t)rc}), nothing, st.st_ino, (uint64_t)at);
        note_synced(fd, &st);
    }
    end();
    errno = saved;
    return rc;
}

/* Joined, then written as one. */
static ssize_t write_all(int fd, const struct iovec *v, int n, off_t at, bool positioned) {
    size_t total = 0, k = 0;
    for (int i = 0; i < n; i++)
        total += v[i].iov_len;
    uint8_t *all = malloc(total ? total : 1);
    if (!all)
        die("no memory");
    for (int i = 0; i < n; k += v[i].iov_len, i++)
        if (v[i].iov_len)
            memcpy(all + k, v[i].iov_base, v[i].iov_len);
    ssize_t rc = write_at(fd, all, total, at, positioned);
    int saved = errno;
    free(all);
    errno = saved;
    return rc;
}

EXPORT ssize_t write(int fd, const void *p, size_t n) {
    return write_at(fd, p, n, 0, false);
}

EXPORT ssize_t pwrite(int fd, const void *p, size_t n, off_t at) {
    return write_at(fd, p, n, at, true);
}

EXPORT ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at) {
    return write_at(fd, p, n, at, true);
}

EXPORT ssize_t writev(int fd, const struct iovec *v, int n) {
    struct stat st;
    return watched(fd, &st) ? write_all(fd, v, n, 0, false) : syscall(SYS_writev, fd, v, n);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at) {
    struct stat st;
    return watched(fd, &st) ? write_all(fd, v, n, at, true) : syscall(SYS_pwritev, fd, v, n, at, 0);
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at) {
    return pwritev(fd, v, n, at);
}

EXPORT int vdprintf(int fd, const char *format, va_list args) {
    char *text = NULL;
    int n = vasprintf(&text, format, args);
    ssize_t rc = n < 0 ? -1 : write(fd, text, (size_t)n);
    int saved = errno;
    free(text);
    errno = saved;
    return (int)rc;
}

EXPORT int dprintf(int fd, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int rc = vdprintf(fd, format, args);
    va_end(args);
    return rc;
}

/* As dprintf, in programs built with _FORTIFY_SOURCE. */
EXPORT int __dprintf_chk(int fd, int flag, const char *format, ...);
EXPORT int __dprintf_chk(int fd, int flag, const char *format, ...) {
    va_list args;
    (void)flag;
    va_start(args, format);
    int rc = vdprintf(fd, format, args);
    va_end(args);
    return rc;
}

/* ---- sizes ---- */

static int resize(int fd, const struct stat *st, long rc, off_t size) {
    int saved = errno;
    if (done(rc)) {
        NOTE('T', nothing, nothing, st->st_ino, (uint64_t)size);
        note_synced(fd, st);
    }
    end();
    errno = saved;
    return (int)rc;
}

EXPORT int ftruncate(int fd, off_t size) {
    struct stat st;
    if (!watched(fd, &st))
        return (int)syscall(SYS_ftruncate, fd, size);
    begin(st.st_ino);
    return resize(fd, &st, syscall(SYS_ftruncate, fd, size), size);
}

EXPORT int ftruncate64(int fd, off64_t size) {
    return ftruncate(fd, size);
}

EXPORT int fallocate(int fd, int mode, off_t at, off_t n) {
    struct stat st;
    if (!watched(fd, &st))
        return (int)syscall(SYS_fallocate, fd, mode, at, n);
    if ((mode & ~FALLOC_FL_KEEP_SIZE) != 0)
        unknown("fallocate with holes: teach the model");
    begin(st.st_ino);
    (void)fstat(fd, &st);
    off_t size = mode == 0 && at + n > st.st_size ? at + n : st.st_size;
    return resize(fd, &st, syscall(SYS_fallocate, fd, mode, at, n), size);
}

EXPORT int fallocate64(int fd, int mode, off64_t at, off64_t n) {
    return fallocate(fd, mode, at, n);
}

EXPORT int posix_fallocate(int fd, off_t at, off_t n) {
    int saved = errno, rc = fallocate(fd, 0, at, n) == 0 ? 0 : errno;
    errno = saved;
    return rc;
}

EXPORT int posix_fallocate64(int fd, off64_t at, off64_t n) {
    return posix_fallocate(fd, at, n);
}

EXPORT int truncate(const char *path, off_t size) {
    if (spot_of(AT_FDCWD, path).dir)
        unknown("truncate by path: teach the model");
    return (int)syscall(SYS_truncate, path, size);
}

EXPORT int truncate64(const char *path, off64_t size) {
    return truncate(path, size);
}

/* ---- syncs ---- */

static void take_time(void) {
    struct timespec t = {shim.sync_us / 1000000, shim.sync_us % 1000000 * 1000};
    if (shim.sync_us)
        (void)nanosleep(&t, NULL);
}

static bool is_deaf(int fd) {
    char path[PATH_MAX];
    if (!shim.deaf || !path_of(fd, path))
        return false;
    const char *slash = strrchr(path, '/');
    return slash && strncmp(slash + 1, shim.deaf, strlen(shim.deaf)) == 0;
}

static int sync_fd(int fd, long number) {
    struct stat st;
    if (!watched(fd, &st))
        return (int)syscall(number, fd);
    begin(st.st_ino);
    take_time();
    if (is_deaf(fd))
        note('N', NULL, 0, nothing, nothing);
    else
        NOTE('S', nothing, nothing, st.st_ino);
    end();
    return 0;
}

EXPORT int fsync(int fd) {
    return sync_fd(fd, SYS_fsync);
}

EXPORT int fdatasync(int fd) {
    return sync_fd(fd, SYS_fdatasync);
}

static void sync_all(void) {
    begin(0);
    take_time();
    note('A', NULL, 0, nothing, nothing);
    end();
}

EXPORT int syncfs(int fd) {
    struct stat st;
    if (!watched(fd, &st))
        return (int)syscall(SYS_syncfs, fd);
    sync_all();
    return 0;
}

EXPORT void sync(void) {
    if (shim.journal < 0)
        (void)syscall(SYS_sync);
    else
        sync_all();
}

/* ---- opening ---- */

static int open_at(int at, const char *path, int flags, mode_t mode) {
    struct spot s = {0, NULL, {NULL, 0}};
    struct stat st = {0};
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0)
        s = spot_of(at, path);
    if (!s.dir || (flags & (O_CREAT | O_TRUNC)) == 0)
        return (int)syscall(SYS_openat, at, path, flags, mode);
    if ((flags & O_TMPFILE) == O_TMPFILE)
        unknown("O_TMPFILE: teach the model");
    uint64_t there = inode_at(at, path);
    if (there && (flags & O_TRUNC) == 0) /* nothing will change */
        return (int)syscall(SYS_openat, at, path, flags, mode);
    begin(there);
    long fd = syscall(SYS_openat, at, path, flags, mode);
    int saved = errno;
    if (done(fd) && (fstat((int)fd, &st) != 0 || !S_ISREG(st.st_mode)))
        unknown("a name that is neither file nor folder: teach the model");
    if (fd >= 0 && there)
        NOTE('T', nothing, nothing, st.st_ino, UINT64_C(0));
    else if (fd >= 0)
        NOTE('C', s.bytes, nothing, s.dir, st.st_ino);
    end();
    errno = saved;
    return (int)fd;
}

static mode_t mode_of(int flags, va_list args) {
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(args, mode_t) : 0;
}

#define OPEN(name)                                                                                                     \
    EXPORT int name(const char *path, int flags, ...) {                                                                \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        mode_t mode = mode_of(flags, args);                                                                            \
        va_end(args);                                                                                                  \
        return open_at(AT_FDCWD, path, flags, mode);                                                                   \
    }
#define OPENAT(name)                                                                                                   \
    EXPORT int name(int at, const char *path, int flags, ...) {                                                        \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        mode_t mode = mode_of(flags, args);                                                                            \
        va_end(args);                                                                                                  \
        return open_at(at, path, flags, mode);                                                                         \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

EXPORT int creat(const char *path, mode_t mode) {
    return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

EXPORT int creat64(const char *path, mode_t mode) {
    return creat(path, mode);
}

/* ---- names ---- */

EXPORT int mkdirat(int at, const char *path, mode_t mode) {
    struct spot s = spot_of(at, path);
    if (!s.dir)
        return (int)syscall(SYS_mkdirat, at, path, mode);
    begin(0);
    long rc = syscall(SYS_mkdirat, at, path, mode);
    int saved = errno;
    if (done(rc))
        NOTE('D', s.bytes, nothing, s.dir, inode_at(at, path));
    end();
    errno = saved;
    return (int)rc;
}

EXPORT int mkdir(const char *path, mode_t mode) {
    return mkdirat(AT_FDCWD, path, mode);
}

EXPORT int unlinkat(int at, const char *path, int flags) {
    struct spot s = spot_of(at, path);
    if (!s.dir)
        return (int)syscall(SYS_unlinkat, at, path, flags);
    begin(0);
    long rc = syscall(SYS_unlinkat, at, path, flags);
    int saved = errno;
    if (done(rc))
        NOTE('U', s.bytes, nothing, s.dir);
    end();
    errno = saved;
    return (int)rc;
}

EXPORT int unlink(const char *path) {
    return unlinkat(AT_FDCWD, path, 0);
}

EXPORT int rmdir(const char *path) {
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

EXPORT int remove(const char *path) {
    int rc = unlink(path);
    return rc != 0 && errno == EISDIR ? rmdir(path) : rc;
}

EXPORT int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    struct spot a = spot_of(from_at, from), b = spot_of(to_at, to);
    if (!a.dir && !b.dir)
        return (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    if (!a.dir || !b.dir || (flags & ~1u) != 0) /* 1: not onto a name that is there */
        unknown("renamed into or out of the folder, or swapped: teach the model");
    begin(0);
    uint64_t ino = inode_at(from_at, from);
    long rc = syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    int saved = errno;
    if (done(rc))
        NOTE('R', ((struct part){a.name, a.bytes.n + 1}), b.bytes, a.dir, b.dir, ino);
    end();
    errno = saved;
    return (int)rc;
}

EXPORT int renameat(int from_at, const char *from, int to_at, const char *to) {
    return renameat2(from_at, from, to_at, to, 0);
}

EXPORT int rename(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    struct spot s = spot_of(to_at, to);
    if (!s.dir)
        return (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
    begin(0);
    long rc = syscall(SYS_linkat, from_at, from, to_at, to, flags);
    int saved = errno;
    if (done(rc))
        NOTE('L', s.bytes, nothing, s.dir, inode_at(to_at, to));
    end();
    errno = saved;
    return (int)rc;
}

EXPORT int link(const char *from, const char *to) {
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int symlinkat(const char *text, int at, const char *path) {
    if (spot_of(at, path).dir)
        unknown("a symbolic link: teach the model");
    return (int)syscall(SYS_symlinkat, text, at, path);
}

EXPORT int symlink(const char *text, const char *path) {
    return symlinkat(text, AT_FDCWD, path);
}

/* ---- what the model does not know ---- */

EXPORT void *mmap(void *where, size_t n, int protection, int flags, int fd, off_t at) {
    struct stat st;
    if (fd >= 0 && (protection & PROT_WRITE) != 0 && (flags & MAP_TYPE) != MAP_PRIVATE && watched(fd, &st))
        unknown("a file mapped for writing: teach the model");
    return (void *)syscall(SYS_mmap, where, n, protection, flags, fd, at); /* NOLINT: as the kernel returns it */
}

EXPORT void *mmap64(void *where, size_t n, int protection, int flags, int fd, off64_t at) {
    return mmap(where, n, protection, flags, fd, at);
}

EXPORT ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags) {
    struct stat st;
    if (watched(out, &st))
        unknown("copy_file_range: teach the model");
    return syscall(SYS_copy_file_range, in, in_at, out, out_at, n, flags);
}
