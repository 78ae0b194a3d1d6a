/* SPDX-License-Identifier: MIT
 * ballast.c — room that is kept for what must be written: a file that can be given up.
 * May touch: the file `ballast`, the file system's free space.
 *
 * On a full disk the pages of what is committed may have no place yet, and recovery needs some. Then the
 * ballast goes, and what of it was not needed is held again at once. From then on commits are refused until
 * there is as much room as is lacking: what was kept for recovery is not eaten by publishers. It is made
 * whole when it leaves as much free as it is large.
 *
 * Once a commit has been refused, others are too until as much is free as the ballast is large. Else one that
 * comes later could find the room that a checkpoint made just then, and stand where an earlier one was to be.
 */
#include "base/err.h"
#include "base/time.h"
#include "plugins/storage/bdb/bdb.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BALLAST_FILE "ballast"
#define SLACK 64 /* the part that is left free of what is held again */

/* Free bytes for us; INT64_MAX when nobody can tell. */
static int64_t free_bytes(const struct rn_bdb *b) {
    struct statvfs v;
    if (statvfs(b->dir, &v) != 0)
        return INT64_MAX;
    uint64_t unit = v.f_frsize ? v.f_frsize : v.f_bsize;
    uint64_t most = unit ? (uint64_t)INT64_MAX / unit : 0;
    return v.f_bavail < most ? (int64_t)(v.f_bavail * unit) : INT64_MAX;
}

/* Lengthens the file to `n` bytes that are really there. */
static bool allocate(const char *path, int64_t n) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    int why = posix_fallocate(fd, 0, (off_t)n);
    return close(fd) == 0 && why == 0;
}

static int64_t size_of(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : 0;
}

/* How much of it is there; what would be more than is wanted goes. */
static void look(struct rn_bdb *b, const char *path) {
    b->held = size_of(path);
    if (b->held <= b->ballast && b->ballast > 0)
        return;
    (void)unlink(path); /* nobody needs it any more; if it stays, it does no harm */
    b->held = 0;
}

void rn_bdb_ballast_make(struct rn_bdb *b) {
    char path[RN_BDB_PATH];
    if (rn_bdb_path(b, BALLAST_FILE, path, NULL) != 0)
        return;
    look(b, path);
    if (b->held == b->ballast || free_bytes(b) - b->ballast < b->ballast - b->held)
        return;
    int64_t before = b->held;
    if (allocate(path, b->ballast))
        b->held = b->ballast;
    else if (before == 0)
        (void)unlink(path);
    else
        (void)truncate(path, (off_t)before);
}

bool rn_bdb_ballast_drop(struct rn_bdb *b) {
    char path[RN_BDB_PATH];
    b->held = 0;
    if (rn_bdb_path(b, BALLAST_FILE, path, NULL) != 0 || unlink(path) != 0)
        return false;
    b->host->log(b->inst, RUNNEL_WARN, "%s: no space left: the ballast is used to write what is there: free some space",
                 b->dir);
    return true;
}

void rn_bdb_ballast_hold(struct rn_bdb *b) {
    char path[RN_BDB_PATH];
    int64_t slack = b->ballast / SLACK;
    int64_t n = free_bytes(b) - slack;
    if (n > b->ballast - slack)
        n = b->ballast - slack;
    if (n <= 0 || rn_bdb_path(b, BALLAST_FILE, path, NULL) != 0)
        return;
    while (n > slack && !allocate(path, n)) {
        (void)unlink(path);
        n /= 2; /* a quota, which the free space does not tell */
    }
    look(b, path);
}

static int refuse(struct rn_bdb *b, struct runnel_err *err) {
    int64_t now = b->host->now(b->inst);
    if (now >= b->quiet) {
        b->quiet = now + 60 * RN_NS_S;
        b->host->log(b->inst, RUNNEL_WARN, "%s: no space left: commits are refused, reads go on: free some space",
                     b->dir);
    }
    return rn_fail(err, RUNNEL_EFULL,
                   "no space left for %s: the last %lld bytes are kept for recovery: free some, writing then goes on",
                   b->dir, (long long)b->ballast);
}

void rn_bdb_room_again(struct rn_bdb *b) {
    if (!b->full || free_bytes(b) < 2 * b->ballast - b->held)
        return;
    b->full = false;
    b->tried = false;
}

int rn_bdb_room(struct rn_bdb *b, struct runnel_err *err) {
    if (b->full)
        return refuse(b, err);
    if (b->unwritten) {
        b->tried = false; /* the next commit has it tried again */
        return refuse(b, err);
    }
    if (b->held == b->ballast)
        return 0;
    rn_bdb_ballast_make(b);
    if (free_bytes(b) < b->ballast - b->held)
        return refuse(b, err);
    return 0;
}
