/* SPDX-License-Identifier: MIT
 * env.c — the Berkeley DB environment and its database: opened, closed, checkpoints.
 * May touch: Berkeley DB, the instance's own directory.
 */
#include "base/err.h"
#include "plugins/storage/bdb/bdb.h"
#include <errno.h>
#include <stdlib.h>

#define PAGE_SIZE 4096u
#define LOG_FILE_BYTES (8u << 20)
#define CHECKPOINT_BYTES (4u << 20)

/* ---- opening ---- */

int rn_bdb_env_make(struct rn_bdb *b, DB_ENV **env) {
    int rc = rn_bdb_env_create(env);
    if (rc != 0)
        return rc;
    (*env)->app_private = b;
    (*env)->set_errcall(*env, rn_bdb_on_message);
    rc = (*env)->set_event_notify(*env, rn_bdb_on_event);
    if (rc == 0)
        rc = (*env)->set_cachesize(*env, (u_int32_t)(b->cache >> 30), (u_int32_t)(b->cache & ((1 << 30) - 1)), 1);
    return rc;
}

static int configure(struct rn_bdb *b, struct runnel_err *err) {
    int rc = rn_bdb_env_make(b, &b->env);
    if (rc == 0)
        rc = b->env->set_lg_max(b->env, LOG_FILE_BYTES);
    if (rc == 0)
        rc = b->env->log_set_config(b->env, DB_LOG_AUTO_REMOVE, 1);
    if (rc == ENOMEM)
        return rn_fail(err, RUNNEL_ENOMEM, "making an environment in %s: out of memory", b->dir);
    return rc == 0 ? 0
                   : rn_fail(err, RUNNEL_EINVALID, "configuring the environment in %s: %s", b->dir, db_strerror(rc));
}

static int open_db(struct rn_bdb *b, struct runnel_err *err) {
    int rc = db_create(&b->db, b->env, 0);
    if (rc != 0) {
        b->db = NULL;
        return rn_bdb_fail_opening(b, rc, "making a database handle", err);
    }
    /* Where there was a store, an empty one in its place would pass for it. */
    u_int32_t create = b->note.state == RN_BDB_NEW ? DB_CREATE : 0;
    rc = b->db->set_pagesize(b->db, PAGE_SIZE);
    if (rc == 0)
        rc = b->db->open(b->db, NULL, RN_BDB_RECORDS, NULL, DB_BTREE, create | DB_AUTO_COMMIT, 0600);
    return rc == 0 ? 0 : rn_bdb_fail_opening(b, rc, "opening " RN_BDB_RECORDS, err);
}

int rn_bdb_env_open(struct rn_bdb *b, struct runnel_err *err) {
    b->said[0] = 0;
    b->no_memory = false;
    int rc = configure(b, err);
    if (rc != 0)
        return rc;
    rc = b->env->open(b->env, b->dir, DB_PRIVATE | DB_CREATE | DB_RECOVER | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL,
                      0600);
    return rc == 0 ? open_db(b, err) : rn_bdb_fail_opening(b, rc, "opening and recovering the environment", err);
}

/* ---- closing ---- */

static void log_failure(struct rn_bdb *b, int rc, const char *what) {
    struct runnel_err err;
    if (rc == 0 || b->trial)
        return;
    (void)rn_bdb_fail(b, rc, what, &err);
    b->host->log(b->inst, RUNNEL_WARN, "%s", err.msg);
}

void rn_bdb_env_close(struct rn_bdb *b) {
    if (b->db) {
        if (!b->broken) /* then the next start has nothing to recover */
            log_failure(b, b->env->txn_checkpoint(b->env, 0, 0, 0), "writing the last checkpoint");
        /* The log has everything that is committed: nothing need be written back, least of all a failed cache. */
        log_failure(b, b->db->close(b->db, DB_NOSYNC), "closing " RN_BDB_RECORDS);
    }
    if (b->env)
        log_failure(b, b->env->close(b->env, 0), "closing the environment");
    b->db = NULL;
    b->env = NULL;
    b->log_file = 0;
}

/* ---- the log and its checkpoints ---- */

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
        log_failure(b, rc, "writing a checkpoint");
    b->unwritten = rc != 0;
    /* Failed: the next commit makes it due again. */
    b->checkpoint_due = false;
}
