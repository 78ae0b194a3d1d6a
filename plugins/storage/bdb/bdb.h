/* SPDX-License-Identifier: MIT
 * bdb.h — what the parts of the storage plugin `bdb` share.
 * May touch: Berkeley DB 5.3, the instance's own directory.
 */
#ifndef RN_BDB_H
#define RN_BDB_H

#include "base/request.h"
#include <db.h>
#include <stdbool.h>

#define RN_BDB_RECORDS "records.db"
#define RN_BDB_PATH 4096u /* bytes of a path, at most */

/* What the storage remembers about itself beside Berkeley DB's files, in the file `lock`: it is written
 * over in place, which also a full disk allows. */
enum rn_bdb_state {
    RN_BDB_UNKNOWN = 0, /* nothing can be read there */
    RN_BDB_NEW,         /* being made: nothing has been acknowledged yet */
    RN_BDB_OPEN,        /* in use, or its process died */
    RN_BDB_CLOSED,      /* ended orderly */
    RN_BDB_FAILED       /* failed while it was in use: to be looked at page by page before it is used again */
};

struct rn_bdb_note {
    enum rn_bdb_state state;
    uint32_t file, at;  /* the end of the log: nothing before it may be missing */
    unsigned early_end; /* how many processes in a row died soon after their start */
};

/* One environment with its one database. All calls come on the loop thread, and each transaction
 * begins and ends within one call: hence no read between two callbacks sees half of one, although
 * there is no locking. Whoever puts a worker behind the queue of commits must keep reads away from
 * what is not committed by other means. */
struct rn_bdb {
    struct runnel_inst *inst;
    const struct runnel_host *host;
    const char *dir;
    int64_t cache;   /* bytes */
    int64_t ballast; /* bytes; 0: none */
    DB_ENV *env;
    DB *db;
    int lock; /* the locked file; -1: none */
    struct rn_bdb_note note;
    uint32_t log_file;   /* the newest log file whose directory entry is durable */
    bool checkpoint_due; /* enough log has been written since the last one */
    bool unwritten;      /* the last checkpoint failed: what is committed must be written before there is more */
    int64_t held;        /* how much of the ballast is there */
    int64_t quiet;       /* until then no refusal for want of room is logged again */
    bool broken;         /* failed for good: a restart recovers it */
    int broken_as;       /* RUNNEL_EIO, or RUNNEL_EDAMAGED when the files are to blame */
    bool trial;          /* this is the process that tries it out: see trial.c */
    int panic;           /* why Berkeley DB gave up; 0: it has not */
    bool no_memory;      /* it said so about the call at hand, whatever that returned */
    char said[256];      /* the first thing that Berkeley DB said about the call at hand */
    int64_t said_since;  /* start of the minute in which its messages are counted */
    unsigned said_count; /* messages within that minute */
    uint8_t *buf;        /* where values are read to */
    size_t buf_cap;
};

/* ---- open.c: opening and closing ---- */

/* Locks the directory, opens and recovers what is there. On failure nothing stays open; the lock is kept
 * when it failed with -RUNNEL_EDAMAGED, for rn_bdb_set_aside. */
int rn_bdb_open(struct rn_bdb *b, struct runnel_err *err);
/* It has run long enough: whatever ends it now is no damage that each start meets. */
void rn_bdb_lasted(struct rn_bdb *b);
/* Writes a checkpoint, closes everything, gives the lock back; harmless when nothing is open. */
void rn_bdb_close(struct rn_bdb *b);

/* ---- env.c: the environment ---- */

/* Opens environment and database, recovering them. On failure rn_bdb_env_close is still due. */
int rn_bdb_env_open(struct rn_bdb *b, struct runnel_err *err);
/* Writes a checkpoint unless it has failed, closes both; harmless when they are not open. */
void rn_bdb_env_close(struct rn_bdb *b);
/* As db_env_create, which it keeps from crashing where memory ends. *env is NULL on failure. */
int rn_bdb_env_create(DB_ENV **env);
/* Makes an environment handle that reports to `b`. 0, or what Berkeley DB returned. */
int rn_bdb_env_make(struct rn_bdb *b, DB_ENV **env);
/* Logs what Berkeley DB returned, unless it is 0. */
void rn_bdb_log_failure(struct rn_bdb *b, int rc, const char *what);

/* ---- log.c: the log's files ---- */

/* After a synced commit: makes the directory entries of new log files durable. */
int rn_bdb_settle_log(struct rn_bdb *b, struct runnel_err *err);
/* Writes a checkpoint if one is due; a failure is logged and it stays due. */
void rn_bdb_checkpoint(struct rn_bdb *b);
/* After everything has been closed: cuts off the zeros with which the newest file was filled in advance. */
void rn_bdb_log_trim(const struct rn_bdb *b);

/* ---- fail.c: what failures mean ---- */

/* Berkeley DB's messages and events come here; env->app_private is the struct rn_bdb. */
void rn_bdb_on_message(const DB_ENV *env, const char *prefix, const char *message);
void rn_bdb_on_event(DB_ENV *env, u_int32_t event, void *info);
/* Begins a call: 0, or a negative code when the environment has failed for good. */
int rn_bdb_begin(struct rn_bdb *b, struct runnel_err *err);
/* Turns what a Berkeley DB call returned into an error; `what` is what was being done. Returns -code.
 * What no later call could mend makes the environment `broken`. */
int rn_bdb_fail(struct rn_bdb *b, int rc, const char *what, struct runnel_err *err);
/* The same of a call on the way to an open environment. */
int rn_bdb_fail_opening(const struct rn_bdb *b, int rc, const char *what, struct runnel_err *err);
/* The same of a system call that failed with `why` on a file of the directory. */
int rn_bdb_fail_file(int why, const char *path, const char *what, struct runnel_err *err);
bool rn_bdb_is_full(int rc);
/* The environment cannot be used any more: every call is refused with `code`, and the next start looks
 * closely. */
void rn_bdb_break(struct rn_bdb *b, int code);

/* ---- lock.c: who uses the directory, and the note about it ---- */

/* Takes the lock, unless it is held already, and reads the note. */
int rn_bdb_lock(struct rn_bdb *b, struct runnel_err *err);
void rn_bdb_unlock(struct rn_bdb *b);
/* Writes the note down; `durable`: and syncs it, with the directory. -1: that failed (errno). */
int rn_bdb_note_write(const struct rn_bdb *b, bool durable);

/* ---- files.c: the directory ---- */

/* Writes "DIR/FILE" to `out`. */
int rn_bdb_path(const struct rn_bdb *b, const char *file, char out[RN_BDB_PATH], struct runnel_err *err);
/* Makes the entries of a directory durable. Berkeley DB never does this: without it a new file may be gone
 * after a crash of the machine. */
int rn_bdb_sync_dir(const char *dir, struct runnel_err *err);
/* Looks which of the engine's own files are there: *any, and whether they are all that a store needs. */
int rn_bdb_look(const struct rn_bdb *b, bool *any, struct runnel_err *err);
/* As set_aside in storage.h. */
int rn_bdb_set_aside(struct rn_bdb *b, char *where, size_t n, struct runnel_err *err);

/* ---- trial.c ---- */

/* Recovers the store in a process of its own, and looks at each of its pages there if it is small or has
 * failed before: whatever damage does there, it does not take this process down. */
int rn_bdb_trial(struct rn_bdb *b, struct runnel_err *err);

/* ---- ballast.c: room for what must be written ---- */

/* Makes the ballast, or makes it whole, if there is room for it and as much again. */
void rn_bdb_ballast_make(struct rn_bdb *b);
/* Gives it up, so that what is committed can be written. Whether there was one. */
bool rn_bdb_ballast_drop(struct rn_bdb *b);
/* Afterwards: holds again what of it was not needed. */
void rn_bdb_ballast_hold(struct rn_bdb *b);
/* Before a commit: 0, or -RUNNEL_EFULL when what is free is needed to recover what is there already. */
int rn_bdb_room(struct rn_bdb *b, struct runnel_err *err);

/* ---- commit.c ---- */

/* Joins commits from the front of the queue in one synced transaction and ends them, in order. */
void rn_bdb_commit_some(struct rn_bdb *b, struct rn_list *commits);

/* ---- read.c ---- */

/* Serves reads from the front of the queue, a bounded amount; a scan that is not through goes to the end. */
void rn_bdb_read_some(struct rn_bdb *b, struct rn_list *reads);

#endif
