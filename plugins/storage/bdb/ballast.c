/* SPDX-License-Identifier: MIT
 * ballast.c — room that is kept for what must be written: a file that can be given up.
 * May touch: the file `ballast`, the file system's free space.
 *
 * On a full disk the pages of what is committed may have no place yet, and recovery needs some. Then the
 * ballast goes. From then on commits are refused while there is less room than it had: what was given up for
 * recovery is not eaten by publishers. It comes back when twice its size is free.
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

/* Free bytes for us; INT64_MAX when nobody can tell. */
static int64_t free_bytes(const struct rn_bdb *b) {
    struct statvfs v;
    if (statvfs(b->dir, &v) != 0)
        return INT64_MAX;
    uint64_t unit = v.f_frsize ? v.f_frsize : v.f_bsize;
    uint64_t most = unit ? (uint64_t)INT64_MAX / unit : 0;
    return v.f_bavail < most ? (int64_t)(v.f_bavail * unit) : INT64_MAX;
}

/* Fills a new file; a partial one goes again. */
static bool allocate(const struct rn_bdb *b, const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    int why = posix_fallocate(fd, 0, (off_t)b->ballast);
    if (close(fd) == 0 && why == 0)
        return true;
    (void)unlink(path); /* if that fails too, the next start looks at its size */
    return false;
}

static bool is_whole(const struct rn_bdb *b, const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == b->ballast;
}

void rn_bdb_ballast_make(struct rn_bdb *b) {
    char path[RN_BDB_PATH];
    if (rn_bdb_path(b, BALLAST_FILE, path, NULL) != 0)
        return;
    b->ballasted = b->ballast > 0 && is_whole(b, path);
    if (b->ballasted)
        return;
    (void)unlink(path); /* of another size, or not wanted any more */
    if (b->ballast > 0 && free_bytes(b) / 2 >= b->ballast)
        b->ballasted = allocate(b, path);
}

bool rn_bdb_ballast_drop(struct rn_bdb *b) {
    char path[RN_BDB_PATH];
    b->ballasted = false;
    if (rn_bdb_path(b, BALLAST_FILE, path, NULL) != 0 || unlink(path) != 0)
        return false;
    b->host->log(b->inst, RUNNEL_WARN,
                 "%s: no space left: the ballast has been given up, so that what is there can be written and read: "
                 "free some space",
                 b->dir);
    return true;
}

static int refuse(struct rn_bdb *b, struct runnel_err *err) {
    if (!b->full)
        b->host->log(b->inst, RUNNEL_WARN, "%s: no space left: commits are refused, reads go on: free some space",
                     b->dir);
    b->full = true;
    return rn_fail(err, RUNNEL_EFULL,
                   "no space left for %s: the last %lld bytes are kept for recovery: free some, writing then goes on",
                   b->dir, (long long)b->ballast);
}

int rn_bdb_room(struct rn_bdb *b, struct runnel_err *err) {
    if (b->unwritten) {
        b->checkpoint_due = true;
        rn_bdb_checkpoint(b);
        if (b->unwritten)
            return refuse(b, err);
    }
    if (b->ballast > 0 && !b->ballasted) {
        rn_bdb_ballast_make(b);
        if (!b->ballasted && free_bytes(b) < b->ballast)
            return refuse(b, err);
    }
    return 0;
}
