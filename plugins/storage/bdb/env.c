/* SPDX-License-Identifier: MIT
 * env.c — the Berkeley DB environment: lock, recovery, checkpoints, and what its failures mean.
 * May touch: Berkeley DB, the instance's own directory.
 */
#include "base/err.h"
#include "base/time.h"
#include "plugins/storage/bdb/bdb.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define DATA_FILE "records.db"
#define LOCK_FILE "lock"
#define PAGE_SIZE 4096u
#define LOG_FILE_BYTES (8u << 20)
#define CHECKPOINT_BYTES (4u << 20)
#define SAID_A_MINUTE 10u /* messages of Berkeley DB that are logged in one minute */

/* ---- what went wrong ---- */

/* Keeps the first message about the call at hand, logs all of them, but no flood. */
static void on_message(const DB_ENV *env, const char *prefix, const char *message) {
    (void)prefix;
    struct rn_bdb *b = env->app_private;
    int64_t now = b->host->now(b->inst);
    if (!b->said[0])
        (void)snprintf(b->said, sizeof b->said, "%s", message);
    if (!b->said_count || now - b->said_since >= 60 * RN_NS_S) {
        b->said_since = now;
        b->said_count = 0;
    }
    if (++b->said_count <= SAID_A_MINUTE)
        b->host->log(b->inst, RUNNEL_WARN, "Berkeley DB in %s: %s", b->dir, message);
    if (b->said_count == SAID_A_MINUTE)
        b->host->log(b->inst, RUNNEL_WARN, "Berkeley DB in %s: further messages of this minute are left out", b->dir);
}

static void on_event(DB_ENV *env, u_int32_t event, void *info) {
    (void)info;
    if (event == DB_EVENT_PANIC)
        ((struct rn_bdb *)env->app_private)->broken = true;
}

static bool is_full(int rc) {
    return rc == ENOSPC || rc == EDQUOT || rc == EFBIG;
}

static int fail_broken(const struct rn_bdb *b, const char *what, struct runnel_err *err) {
    return rn_fail(err, RUNNEL_EIO,
                   "%s: the Berkeley DB environment in %s has failed%s%s: restart the daemon, which recovers it", what,
                   b->dir, b->said[0] ? ": " : "", b->said);
}

int rn_bdb_fail(struct rn_bdb *b, int rc, const char *what, struct runnel_err *err) {
    const char *colon = b->said[0] ? ": " : "";
    if (rc == DB_RUNRECOVERY)
        b->broken = true;
    if (is_full(rc))
        return rn_fail(err, RUNNEL_EFULL, "%s: no space left for %s (%s)%s%s: free some, writing then goes on", what,
                       b->dir, strerror(rc), colon, b->said);
    if (b->broken)
        return fail_broken(b, what, err);
    if (rc == ENOMEM)
        return rn_fail(err, RUNNEL_ENOMEM, "%s in %s: out of memory%s%s: raise the option `cache`, or the memory", what,
                       b->dir, colon, b->said);
    return rn_fail(err, RUNNEL_EIO, "%s in %s: %s%s%s: see the system's log for the disk, then restart the daemon",
                   what, b->dir, db_strerror(rc), colon, b->said);
}

int rn_bdb_begin(struct rn_bdb *b, struct runnel_err *err) {
    if (b->broken)
        return fail_broken(b, "refused", err);
    if (!b->db)
        return rn_fail(err, RUNNEL_ECLOSED, "the storage has been stopped");
    b->said[0] = 0;
    return 0;
}

/* ---- the directory ---- */

static int path_in(const struct rn_bdb *b, const char *file, char *out, size_t n, struct runnel_err *err) {
    int got = snprintf(out, n, "%s/%s", b->dir, file);
    if (got < 0 || (size_t)got >= n)
        return rn_fail(err, RUNNEL_EINVALID, "%s: the path is too long", b->dir);
    return 0;
}

/* Berkeley DB never does this: without it a new file may be gone after a crash of the machine. */
static int sync_dir(const struct rn_bdb *b, struct runnel_err *err) {
    int fd = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return rn_fail(err, RUNNEL_EIO, "%s cannot be opened: %s", b->dir, strerror(errno));
    int rc = fsync(fd) == 0 ? 0 : rn_fail(err, RUNNEL_EIO, "%s cannot be synced: %s", b->dir, strerror(errno));
    if (close(fd) != 0 && rc == 0)
        rc = rn_fail(err, RUNNEL_EIO, "%s cannot be closed: %s", b->dir, strerror(errno));
    return rc;
}

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

static int note_pid(int fd, const char *path, struct runnel_err *err) {
    if (ftruncate(fd, 0) == 0 && dprintf(fd, "%ld\n", (long)getpid()) > 0)
        return 0;
    /* A full disk must not keep the daemon from what it has: the lock holds without the number. */
    return errno == ENOSPC || errno == EDQUOT ? 0 : rn_fail(err, RUNNEL_EIO, "%s: %s", path, strerror(errno));
}

/* Berkeley DB would open an environment that is in use elsewhere without a word, and ruin it. */
static int lock_dir(struct rn_bdb *b, struct runnel_err *err) {
    char path[4096];
    int rc = path_in(b, LOCK_FILE, path, sizeof path, err);
    if (rc != 0)
        return rc;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return rn_fail(err, RUNNEL_EIO, "%s cannot be opened: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        rc = errno == EWOULDBLOCK ? fail_locked(fd, path, err)
                                  : rn_fail(err, RUNNEL_EIO, "%s cannot be locked: %s", path, strerror(errno));
    else
        rc = note_pid(fd, path, err);
    if (rc == 0)
        b->lock = fd;
    else
        (void)close(fd); /* nothing was written that could be lost */
    return rc;
}

/* ---- opening ---- */

static int configure(DB_ENV *env, int64_t cache) {
    int rc = env->set_cachesize(env, (u_int32_t)(cache >> 30), (u_int32_t)(cache & ((1 << 30) - 1)), 1);
    if (rc == 0)
        rc = env->set_lg_max(env, LOG_FILE_BYTES);
    if (rc == 0)
        rc = env->log_set_config(env, DB_LOG_AUTO_REMOVE, 1);
    if (rc == 0)
        rc = env->set_event_notify(env, on_event);
    return rc;
}

static int open_env(struct rn_bdb *b, int64_t cache, struct runnel_err *err) {
    int rc = db_env_create(&b->env, 0);
    if (rc != 0) {
        b->env = NULL;
        return rn_bdb_fail(b, rc, "making an environment", err);
    }
    b->env->app_private = b;
    b->env->set_errcall(b->env, on_message);
    rc = configure(b->env, cache);
    if (rc != 0)
        return rn_bdb_fail(b, rc, "configuring the environment", err);
    rc = b->env->open(b->env, b->dir, DB_PRIVATE | DB_CREATE | DB_RECOVER | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL,
                      0600);
    return rc == 0 ? 0 : rn_bdb_fail(b, rc, "opening and recovering the environment", err);
}

static int open_db(struct rn_bdb *b, struct runnel_err *err) {
    int rc = db_create(&b->db, b->env, 0);
    if (rc != 0) {
        b->db = NULL;
        return rn_bdb_fail(b, rc, "making a database handle", err);
    }
    rc = b->db->set_pagesize(b->db, PAGE_SIZE);
    if (rc == 0)
        rc = b->db->open(b->db, NULL, DATA_FILE, NULL, DB_BTREE, DB_CREATE | DB_AUTO_COMMIT, 0600);
    return rc == 0 ? 0 : rn_bdb_fail(b, rc, "opening " DATA_FILE, err);
}

static int open_all(struct rn_bdb *b, int64_t cache, struct runnel_err *err) {
    int rc = open_env(b, cache, err);
    if (rc == 0)
        rc = open_db(b, err);
    if (rc == 0)
        rc = rn_bdb_settle_log(b, err);
    return rc == 0 ? sync_dir(b, err) : rc;
}

int rn_bdb_open(struct rn_bdb *b, int64_t cache, struct runnel_err *err) {
    int rc = lock_dir(b, err);
    if (rc != 0)
        return rc;
    int64_t begun = b->host->now(b->inst);
    rc = open_all(b, cache, err);
    if (rc != 0) {
        rn_bdb_close(b);
        (void)rn_wrap(
            err,
            "the storage cannot be opened (if it is damaged, move %s aside: what others have signed is fetched again)",
            b->dir);
        return rc;
    }
    b->host->log(b->inst, RUNNEL_INFO, "opened %s in %lld ms", b->dir,
                 (long long)((b->host->now(b->inst) - begun) / RN_NS_MS));
    return 0;
}

/* ---- closing ---- */

static void log_failure(struct rn_bdb *b, int rc, const char *what) {
    struct runnel_err err;
    if (rc == 0)
        return;
    (void)rn_bdb_fail(b, rc, what, &err);
    b->host->log(b->inst, RUNNEL_WARN, "%s", err.msg);
}

void rn_bdb_close(struct rn_bdb *b) {
    if (b->db) {
        if (!b->broken) /* then the next start has nothing to recover */
            log_failure(b, b->env->txn_checkpoint(b->env, 0, 0, 0), "writing the last checkpoint");
        /* The log has everything that is committed: nothing need be written back, least of all a failed cache. */
        log_failure(b, b->db->close(b->db, DB_NOSYNC), "closing " DATA_FILE);
    }
    if (b->env)
        log_failure(b, b->env->close(b->env, 0), "closing the environment");
    if (b->lock >= 0 && close(b->lock) != 0)
        b->host->log(b->inst, RUNNEL_WARN, "closing the lock in %s: %s", b->dir, strerror(errno));
    free(b->buf);
    b->db = NULL;
    b->env = NULL;
    b->lock = -1;
    b->buf = NULL;
    b->buf_cap = 0;
}

/* ---- the log and its checkpoints ---- */

int rn_bdb_settle_log(struct rn_bdb *b, struct runnel_err *err) {
    DB_LOG_STAT *stat;
    int rc = b->env->log_stat(b->env, &stat, 0);
    if (rc != 0)
        return rn_bdb_fail(b, rc, "asking for the state of the log", err);
    uint32_t file = stat->st_cur_file;
    uint64_t since = ((uint64_t)stat->st_wc_mbytes << 20) + stat->st_wc_bytes;
    free(stat);
    b->checkpoint_due = since >= CHECKPOINT_BYTES;
    if (file == b->log_file)
        return 0;
    rc = sync_dir(b, err);
    if (rc == 0)
        b->log_file = file;
    return rc;
}

void rn_bdb_checkpoint(struct rn_bdb *b) {
    if (!b->checkpoint_due || b->broken)
        return;
    b->said[0] = 0;
    int rc = b->env->txn_checkpoint(b->env, 0, 0, 0);
    log_failure(b, rc, "writing a checkpoint");
    /* Failed: the next commit makes it due again. */
    b->checkpoint_due = false;
}
