/* SPDX-License-Identifier: MIT
 * files.c — the instance's directory: what is in it, what is durable there, and all of it moved aside.
 * May touch: that directory.
 */
#include "base/err.h"
#include "plugins/storage/bdb/bdb.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ASIDE "aside-"
#define ASIDES 1000u /* in one second, at most */

int rn_bdb_path(const struct rn_bdb *b, const char *file, char out[RN_BDB_PATH], struct runnel_err *err) {
    int got = snprintf(out, RN_BDB_PATH, "%s/%s", b->dir, file);
    if (got < 0 || (size_t)got >= RN_BDB_PATH)
        return rn_fail(err, RUNNEL_EINVALID, "%s: the path is too long", b->dir);
    return 0;
}

int rn_bdb_sync_dir(const char *dir, struct runnel_err *err) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return rn_bdb_fail_file(errno, dir, "cannot be opened", err);
    int rc = fsync(fd) == 0 ? 0 : rn_bdb_fail_file(errno, dir, "cannot be synced", err);
    if (close(fd) != 0 && rc == 0)
        rc = rn_bdb_fail_file(errno, dir, "cannot be closed", err);
    return rc;
}

/* ---- what is there ---- */

/* Calls `each` with the name of every entry until it returns something else than 0. */
static int for_entries(const char *dir, int (*each)(void *arg, const char *name, struct runnel_err *err), void *arg,
                       struct runnel_err *err) {
    DIR *d = opendir(dir);
    if (!d)
        return rn_bdb_fail_file(errno, dir, "cannot be listed", err);
    int rc = 0;
    const struct dirent *e;
    errno = 0;
    while (rc == 0 && (e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = each(arg, e->d_name, err);
        errno = 0;
    }
    if (rc == 0 && errno != 0)
        rc = rn_bdb_fail_file(errno, dir, "cannot be listed", err);
    (void)closedir(d); /* nothing was written */
    return rc;
}

static int count_log(void *arg, const char *name, struct runnel_err *err) {
    (void)err;
    if (strncmp(name, "log.", 4) == 0)
        ++*(unsigned *)arg;
    return 0;
}

int rn_bdb_look(const struct rn_bdb *b, bool *any, struct runnel_err *err) {
    char path[RN_BDB_PATH];
    struct stat st = {.st_size = 0};
    unsigned logs = 0;
    int rc = rn_bdb_path(b, RN_BDB_RECORDS, path, err);
    if (rc == 0)
        rc = for_entries(b->dir, count_log, &logs, err);
    if (rc != 0)
        return rc;
    bool there = stat(path, &st) == 0;
    if (!there && errno != ENOENT)
        return rn_bdb_fail_file(errno, path, "cannot be looked at", err);
    bool made = b->note.state != RN_BDB_NEW && (b->note.state != RN_BDB_UNKNOWN || there || logs);
    *any = there || logs || made;
    if (!made)
        return 0;
    if (!there)
        return rn_fail(err, RUNNEL_EDAMAGED, "%s is missing", path);
    if (!S_ISREG(st.st_mode) || st.st_size == 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "%s is %s", path, S_ISREG(st.st_mode) ? "empty" : "no file");
    return logs ? 0 : rn_fail(err, RUNNEL_EDAMAGED, "%s: all files of the log (log.*) are missing", b->dir);
}

/* ---- moving it aside ---- */

struct move {
    const struct rn_bdb *b;
    const char *to;
};

/* What stays: the lock that we hold, the room that we keep, what was moved aside before. */
static bool stays(const char *name) {
    return strcmp(name, "lock") == 0 || strcmp(name, "ballast") == 0 || strncmp(name, ASIDE, strlen(ASIDE)) == 0;
}

static int move_one(void *arg, const char *name, struct runnel_err *err) {
    const struct move *m = arg;
    char from[RN_BDB_PATH], to[RN_BDB_PATH];
    if (stays(name))
        return 0;
    int rc = rn_bdb_path(m->b, name, from, err);
    int got = snprintf(to, sizeof to, "%s/%s", m->to, name);
    if (rc == 0 && (got < 0 || (size_t)got >= sizeof to))
        rc = rn_fail(err, RUNNEL_EINVALID, "%s: the path is too long", m->to);
    if (rc == 0 && rename(from, to) != 0)
        rc = rn_bdb_fail_file(errno, from, "cannot be moved aside", err);
    return rc;
}

/* Makes a directory that nobody has: DIR/aside-20260102T030405Z-1, or the next number. */
static int make_aside(const struct rn_bdb *b, char to[RN_BDB_PATH], struct runnel_err *err) {
    char name[64];
    struct tm tm;
    time_t now = (time_t)(b->host->wall(b->inst) / 1000000000);
    if (!gmtime_r(&now, &tm) || strftime(name, sizeof name, ASIDE "%Y%m%dT%H%M%SZ", &tm) == 0)
        return rn_fail(err, RUNNEL_EIO, "%s: the clock cannot be read", b->dir);
    size_t n = strlen(name);
    for (unsigned k = 1; k <= ASIDES; k++) {
        (void)snprintf(name + n, sizeof name - n, "-%u", k);
        int rc = rn_bdb_path(b, name, to, err);
        if (rc != 0)
            return rc;
        if (mkdir(to, 0700) == 0)
            return 0;
        if (errno != EEXIST)
            return rn_bdb_fail_file(errno, to, "cannot be made", err);
    }
    return rn_fail(err, RUNNEL_EBUSY, "%s: there are too many directories " ASIDE "*", b->dir);
}

/* The last sync comes before the note says that a new store may begin here. It makes the names in both
 * directories durable: a rename is one change. */
static int move_all(struct rn_bdb *b, const char *to, struct runnel_err *err) {
    struct move m = {b, to};
    int rc = rn_bdb_sync_dir(b->dir, err); /* the new directory is there before anything is in it */
    if (rc == 0)
        rc = for_entries(b->dir, move_one, &m, err);
    return rc == 0 ? rn_bdb_sync_dir(b->dir, err) : rc;
}

/* Whatever was moved before a failure or a crash, the next start finds something missing and does it again:
 * the note goes back to the beginning only when all is through. */
int rn_bdb_set_aside(struct rn_bdb *b, char *where, size_t n, struct runnel_err *err) {
    char to[RN_BDB_PATH];
    if (b->db)
        return rn_fail(err, RUNNEL_EINVALID, "%s is in use", b->dir);
    int rc = rn_bdb_lock(b, err);
    if (rc == 0)
        rc = make_aside(b, to, err);
    if (rc == -RUNNEL_EFULL && rn_bdb_ballast_drop(b))
        rc = make_aside(b, to, err);
    if (rc == 0)
        rc = move_all(b, to, err);
    if (rc != 0)
        return rc;
    b->note = (struct rn_bdb_note){.state = RN_BDB_NEW};
    if (rn_bdb_note_write(b, true) != 0)
        return rn_bdb_fail_file(errno, b->dir, "the lock there cannot be written", err);
    if (n)
        (void)snprintf(where, n, "%s", to);
    return 0;
}
