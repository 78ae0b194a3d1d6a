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

/* ---- while it runs ---- */

int rn_bdb_settle_log(struct rn_bdb *b, struct runnel_err *err) {
    DB_LOG_STAT *stat;
    int rc = b->env->log_stat(b->env, &stat, 0);
    if (rc != 0)
        return rn_bdb_fail(b, rc, "asking for the state of the log", err);
    uint32_t file = stat->st_cur_file;
    uint64_t since = ((uint64_t)stat->st_wc_mbytes << 20) + stat->st_wc_bytes;
    b->note.file = file;
    b->note.at = stat->st_cur_offset;
    free(stat);
    b->checkpoint_due = since >= CHECKPOINT_BYTES;
    if (file == b->log_file)
        return 0;
    rc = rn_bdb_sync_dir(b->dir, err);
    if (rc == 0)
        b->log_file = file;
    return rc;
}

/* A disk without room for it gets the ballast's. */
void rn_bdb_checkpoint(struct rn_bdb *b) {
    if (!b->checkpoint_due || b->broken)
        return;
    b->said[0] = 0;
    b->no_memory = false;
    int rc = b->env->txn_checkpoint(b->env, 0, 0, 0);
    if (rn_bdb_is_full(rc) && rn_bdb_ballast_drop(b)) {
        rc = b->env->txn_checkpoint(b->env, 0, 0, 0);
        rn_bdb_ballast_hold(b);
    }
    if (rc != 0 && !b->unwritten)
        rn_bdb_log_failure(b, rc, "writing a checkpoint");
    b->unwritten = rc != 0;
    /* Failed: the next commit makes it due again. */
    b->checkpoint_due = false;
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
