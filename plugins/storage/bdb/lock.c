/* SPDX-License-Identifier: MIT
 * lock.c — the file `lock`: who uses the directory, and what the storage remembers about itself.
 * May touch: that file.
 */
#include "base/err.h"
#include "plugins/storage/bdb/bdb.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_FILE "lock"
#define NOTE_BYTES 56 /* always as long, so that it is written over in place */

static const char *const words[] = {"unknown", "new", "open", "closed", "failed"};

/* ---- the note ---- */

int rn_bdb_note_write(const struct rn_bdb *b, bool durable) {
    char line[NOTE_BYTES + 1];
    const struct rn_bdb_note *o = &b->note;
    if (b->lock < 0)
        return 0;
    int n = snprintf(line, sizeof line, "%-11ld %-7s %10u %10u %10u   \n", (long)getpid(), words[o->state], o->file,
                     o->at, o->early_end);
    if (n != NOTE_BYTES) {
        errno = EOVERFLOW;
        return -1;
    }
    ssize_t put = pwrite(b->lock, line, NOTE_BYTES, 0);
    if (put != NOTE_BYTES) {
        errno = put < 0 ? errno : ENOSPC;
        return -1;
    }
    if (!durable)
        return 0;
    return fsync(b->lock) == 0 && rn_bdb_sync_dir(b->dir, NULL) == 0 ? 0 : -1;
}

static void note_read(struct rn_bdb *b) {
    char line[NOTE_BYTES + 1] = {0}, word[8];
    struct rn_bdb_note o = {.state = RN_BDB_UNKNOWN};
    b->note = o;
    ssize_t n = pread(b->lock, line, NOTE_BYTES, 0);
    if (n != NOTE_BYTES || sscanf(line, "%*d %7s %10u %10u %10u", word, &o.file, &o.at, &o.early_end) != 4)
        return;
    for (unsigned k = RN_BDB_NEW; k <= RN_BDB_FAILED; k++)
        if (strcmp(word, words[k]) == 0)
            o.state = (enum rn_bdb_state)k;
    if (o.state != RN_BDB_UNKNOWN)
        b->note = o;
}

/* ---- the lock ---- */

/* Names the process that holds the lock, as it has written it into the file. */
static int fail_locked(int fd, const char *path, struct runnel_err *err) {
    char pid[24] = {0};
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    size_t digits = n > 0 ? strspn(pid, "0123456789") : 0;
    return rn_fail(
        err, RUNNEL_EBUSY,
        "%s: another process holds this storage (pid %.*s): stop it, or give this instance another directory", path,
        digits ? (int)digits : 7, digits ? pid : "unknown");
}

/* Berkeley DB would open an environment that is in use elsewhere without a word, and ruin it. */
int rn_bdb_lock(struct rn_bdb *b, struct runnel_err *err) {
    char path[RN_BDB_PATH];
    if (b->lock >= 0)
        return 0;
    int rc = rn_bdb_path(b, LOCK_FILE, path, err);
    if (rc != 0)
        return rc;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return rn_bdb_fail_file(errno, path, "cannot be opened", err);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK ? fail_locked(fd, path, err) : rn_bdb_fail_file(errno, path, "cannot be locked", err);
        (void)close(fd); /* nothing was written that could be lost */
        return rc;
    }
    b->lock = fd;
    note_read(b);
    /* The number is for others to read: a full disk must not keep the daemon from what it has. */
    (void)rn_bdb_note_write(b, false);
    return 0;
}

void rn_bdb_unlock(struct rn_bdb *b) {
    if (b->lock >= 0 && close(b->lock) != 0)
        b->host->log(b->inst, RUNNEL_WARN, "closing the lock in %s: %s", b->dir, strerror(errno));
    b->lock = -1;
}
