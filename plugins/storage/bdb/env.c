/* SPDX-License-Identifier: MIT
 * env.c — the Berkeley DB environment and its database: opened and closed.
 * May touch: Berkeley DB, the instance's own directory.
 */
#include "base/err.h"
#include "plugins/storage/bdb/bdb.h"
#include <errno.h>

/* A block of 256 small observations is 4 to 6 KiB, and what is longer than a quarter of a page has pages of its
 * own: small ones leave little of the last one empty. None is larger than what a disk writes as a whole, nor does
 * one cross a block of the file system. A store that was made with another size keeps it. */
#define PAGE_SIZE 1024u
/* One whole file stays after an orderly end. */
#define LOG_FILE_BYTES (1u << 20)
#define LOG_BUFFER_BYTES (256u << 10)

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
        rc = b->env->set_lg_bsize(b->env, LOG_BUFFER_BYTES);
    /* New files are filled with zeros: a sync of blocks that are there already need not write where they are. */
    if (rc == 0)
        rc = b->env->log_set_config(b->env, DB_LOG_ZERO, 1);
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
        rc = b->db->open(b->db, NULL, RN_BDB_RECORDS, NULL, DB_BTREE, create | DB_AUTO_COMMIT | DB_THREAD, 0600);
    return rc == 0 ? 0 : rn_bdb_fail_opening(b, rc, "opening " RN_BDB_RECORDS, err);
}

int rn_bdb_env_open(struct rn_bdb *b, struct runnel_err *err) {
    b->said[0] = 0;
    b->no_memory = false;
    int rc = configure(b, err);
    if (rc != 0)
        return rc;
    rc =
        b->env->open(b->env, b->dir,
                     DB_PRIVATE | DB_THREAD | DB_CREATE | DB_RECOVER | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL, 0600);
    return rc == 0 ? open_db(b, err) : rn_bdb_fail_opening(b, rc, "opening and recovering the environment", err);
}

/* ---- closing ---- */

void rn_bdb_log_failure(struct rn_bdb *b, int rc, const char *what) {
    struct runnel_err err;
    if (rc == 0 || b->trial)
        return;
    (void)rn_bdb_fail(b, rc, what, &err);
    b->host->log(b->inst, RUNNEL_WARN, "%s", err.msg);
}

void rn_bdb_env_close(struct rn_bdb *b) {
    if (b->db) {
        if (!b->broken) /* then the next start has nothing to recover */
            rn_bdb_log_failure(b, rn_bdb_write_pages(b), "writing the last checkpoint");
        /* The log has everything that is committed: nothing need be written back, least of all a failed cache. */
        rn_bdb_log_failure(b, b->db->close(b->db, DB_NOSYNC), "closing " RN_BDB_RECORDS);
    }
    if (b->env)
        rn_bdb_log_failure(b, b->env->close(b->env, 0), "closing the environment");
    b->db = NULL;
    b->env = NULL;
    b->log_file = 0;
}
