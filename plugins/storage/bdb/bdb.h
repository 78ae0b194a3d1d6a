/* SPDX-License-Identifier: MIT
 * bdb.h — what the parts of the storage plugin `bdb` share.
 * May touch: Berkeley DB 5.3, the instance's own directory.
 */
#ifndef RN_BDB_H
#define RN_BDB_H

#include "base/request.h"
#include <db.h>
#include <stdbool.h>

/* One environment with its one database. All calls come on the loop thread, and each transaction
 * begins and ends within one call: hence no read between two callbacks sees half of one, although
 * there is no locking. Whoever puts a worker behind the queue of commits must keep reads away from
 * what is not committed by other means. */
struct rn_bdb {
    struct runnel_inst *inst;
    const struct runnel_host *host;
    const char *dir;
    DB_ENV *env;
    DB *db;
    int lock;            /* the locked file; -1: none */
    uint32_t log_file;   /* the newest log file whose directory entry is durable */
    bool checkpoint_due; /* enough log has been written since the last one */
    bool broken;         /* failed for good: a restart recovers it */
    char said[256];      /* the first thing that Berkeley DB said about the call at hand */
    int64_t said_since;  /* start of the minute in which its messages are counted */
    unsigned said_count; /* messages within that minute */
    uint8_t *buf;        /* where values are read to */
    size_t buf_cap;
};

/* ---- env.c: the environment ---- */

/* Locks the directory, opens and recovers what is there. On failure nothing stays open. */
int rn_bdb_open(struct rn_bdb *b, int64_t cache, struct runnel_err *err);
/* Writes a checkpoint, closes everything; harmless when nothing is open. */
void rn_bdb_close(struct rn_bdb *b);
/* Begins a call: 0, or -RUNNEL_EIO when the environment has failed for good. */
int rn_bdb_begin(struct rn_bdb *b, struct runnel_err *err);
/* Turns what a Berkeley DB call returned into an error; `what` is what was being done. Returns -code. */
int rn_bdb_fail(struct rn_bdb *b, int rc, const char *what, struct runnel_err *err);
/* After a synced commit: makes the directory entries of new log files durable. */
int rn_bdb_settle_log(struct rn_bdb *b, struct runnel_err *err);
/* Writes a checkpoint if one is due; a failure is logged and it stays due. */
void rn_bdb_checkpoint(struct rn_bdb *b);

/* ---- commit.c ---- */

/* Joins commits from the front of the queue in one synced transaction and ends them, in order. */
void rn_bdb_commit_some(struct rn_bdb *b, struct rn_list *commits);

/* ---- read.c ---- */

/* Serves reads from the front of the queue, a bounded amount; a scan that is not through goes to the end. */
void rn_bdb_read_some(struct rn_bdb *b, struct rn_list *reads);

#endif
