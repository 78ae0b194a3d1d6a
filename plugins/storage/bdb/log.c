/* SPDX-License-Identifier: MIT
 * log.c — the log's files: their names made durable, checkpoints, and what an orderly end cuts off.
 * May touch: Berkeley DB, the log files in the instance's own directory.
 */
#include "base/err.h"
#include "plugins/storage/bdb/bdb.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECKPOINT_BYTES (4u << 20)
/* Of 1 MiB each: a checkpoint that lags so far behind holds up commits. A start after a kill has to write the pages
 * of so much, which has to fit into the ballast when the disk is full. */
#define LOG_FILES_MOST 8u

/* ---- while it runs ---- */

void rn_bdb_log_end(struct rn_bdb *b, struct rn_bdb_flight *f) {
    DB_LOG_STAT *stat;
    f->file = 0;
    if (b->env->log_stat(b->env, &stat, 0) != 0)
        return; /* what was committed before the question stays committed */
    f->file = stat->st_cur_file;
    f->at = stat->st_cur_offset;
    f->since = ((uint64_t)stat->st_wc_mbytes << 20) + stat->st_wc_bytes;
    free(stat);
}

void rn_bdb_log_reached(struct rn_bdb *b, const struct rn_bdb_flight *f) {
    if (!f->file)
        return; /* an older end of the log is right as well, and the next commit looks at the names again */
    b->note.file = f->file;
    b->note.at = f->at;
    b->log_file = f->file;
    b->checkpoint_due = f->since >= CHECKPOINT_BYTES;
}

/* ---- checkpoints ---- */

bool rn_bdb_log_is_long(const struct rn_bdb *b) {
    return b->log_file - b->kept_from >= LOG_FILES_MOST;
}

/* Without memory they stay until the next time. Berkeley DB would remove them by itself, but knows of no names: the
 * checkpoint may stand in a file whose name a crash takes away, and without it the log from the one before is needed.
 */
static int remove_old(struct rn_bdb *b) {
    struct runnel_err err;
    if (rn_bdb_sync_dir(b->dir, &err) != 0)
        return 0; /* they stay: who commits to a new file is told */
    int rc = b->env->log_archive(b->env, NULL, DB_ARCH_REMOVE);
    return rc == ENOMEM ? 0 : rc;
}

int rn_bdb_write_pages(struct rn_bdb *b) {
    int rc = b->env->txn_checkpoint(b->env, 0, 0, 0);
    return rc == 0 ? remove_old(b) : rc;
}

/* A disk without room for it gets the ballast's. */
static void written(struct rn_bdb *b, int rc) {
    if (rn_bdb_is_full(rc) && !b->ballast_given && rn_bdb_ballast_drop(b)) {
        b->ballast_given = true;
        rn_bdb_worker_run(&b->writer, rn_bdb_write_pages, written, false);
        return;
    }
    if (b->ballast_given)
        rn_bdb_ballast_hold(b);
    b->ballast_given = false;
    if (rc != 0 && !b->unwritten)
        rn_bdb_log_failure(b, rc, "writing a checkpoint");
    if (rc == 0)
        b->kept_from = b->begun_at;
    b->unwritten = rc != 0;
    b->tried = true;
}

void rn_bdb_checkpoint(struct rn_bdb *b) {
    if (!b->checkpoint_due || b->broken || b->writer.busy)
        return;
    b->checkpoint_due = false;
    b->tried = false;
    b->begun_at = b->log_file;
    rn_bdb_worker_run(&b->writer, rn_bdb_write_pages, written, false);
}

/* ---- after an orderly end ---- */

/* The zeros with which a log file is filled are no loss, but a record may end with some of its own. What comes
 * last is a small one: it says that the database was closed. */
#define KEPT_ZEROS 8192
#define PIECE 4096

/* Where the zeros begin that end a file. -1: it cannot be read. */
static off_t zeros_from(int fd, off_t size) {
    uint8_t piece[PIECE];
    while (size > 0) {
        off_t from = (size - 1) / PIECE * PIECE;
        ssize_t n = pread(fd, piece, sizeof piece, from);
        if (n < 0)
            return -1;
        while (n > 0 && piece[n - 1] == 0)
            n--;
        if (n > 0)
            return from + n;
        size = from;
    }
    return 0;
}

/* The newest log file: its number, 0 when there is none. */
static unsigned long newest(const char *dir) {
    unsigned long most = 0;
    const struct dirent *e;
    DIR *d = opendir(dir);
    if (!d)
        return 0;
    while ((e = readdir(d)) != NULL) {
        unsigned long n = strncmp(e->d_name, "log.", 4) == 0 ? strtoul(e->d_name + 4, NULL, 10) : 0;
        most = n > most ? n : most;
    }
    (void)closedir(d); /* nothing was written */
    return most;
}

void rn_bdb_log_trim(const struct rn_bdb *b) {
    char name[32], path[RN_BDB_PATH];
    struct stat st;
    (void)snprintf(name, sizeof name, "log.%010lu", newest(b->dir));
    if (rn_bdb_path(b, name, path, NULL) != 0)
        return;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    off_t end = fstat(fd, &st) == 0 ? zeros_from(fd, st.st_size) : -1;
    if (end > 0 && end + KEPT_ZEROS < st.st_size && ftruncate(fd, end + KEPT_ZEROS) != 0)
        b->host->log(b->inst, RUNNEL_INFO, "%s cannot be cut: %s", path, strerror(errno)); /* it is merely longer */
    (void)close(fd);
}
