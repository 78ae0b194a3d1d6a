/* SPDX-License-Identifier: MIT
 * bdb.h — what the parts of the storage plugin `bdb` share.
 * May touch: Berkeley DB 5.3, the instance's own directory.
 */
#ifndef RN_BDB_H
#define RN_BDB_H

#include "base/request.h"
#include <db.h>
#include <pthread.h>
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

struct rn_bdb;
typedef int rn_bdb_job(struct rn_bdb *b);           /* any thread; what Berkeley DB returned */
typedef void rn_bdb_then(struct rn_bdb *b, int rc); /* on the loop */

/* A thread for one job at a time, begun when there is a first one. */
struct rn_bdb_worker {
    struct rn_bdb *b;
    bool runs;         /* there is a thread */
    bool busy;         /* the loop waits to hear of a job's end */
    rn_bdb_then *then; /* what comes after that */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    rn_bdb_job *job; /* NULL: none */
    int rc;          /* what the last one returned */
    bool quit;
};

/* Commits that have been applied and are not durable yet. While they fly nothing else is applied. */
struct rn_bdb_flight {
    struct rn_list group; /* of struct rn_request; empty: none */
    uint32_t file, at;    /* the end of the log behind them; file 0: unknown */
    uint64_t since;       /* bytes of log since the last checkpoint */
    int64_t begun;
    int failed; /* a code */
    struct runnel_err err;
};

/* What Berkeley DB says on other threads than the loop, until the loop hears of it. */
struct rn_bdb_told {
    pthread_mutex_t lock;
    char said[256];
    bool no_memory;
    int panic;
};

/* One environment with its one database. All that reads or changes records takes place on the loop thread, and each
 * transaction begins and ends within one call: hence no read between two callbacks sees half of one, although
 * there is no locking. Threads of its own only sync the log and write checkpoints, for which Berkeley DB has latches
 * (DB_THREAD). */
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
    uint32_t kept_from;  /* log files from here on are needed: where the log was when the last checkpoint began */
    uint32_t begun_at;   /* the same of the one that is on its way */
    bool checkpoint_due; /* enough log has been written since the last one */
    bool full;           /* a commit was refused for want of room, and there is not enough again (ballast.c) */
    bool unwritten;      /* the last checkpoint failed: what is committed must be written before there is more */
    bool tried;          /* that has been tried since the last commit was refused for it */
    bool ballast_given;  /* the checkpoint at hand has got the ballast's room */
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
    pthread_t loop; /* the thread that all calls come on */
    struct rn_bdb_told told;
    struct rn_bdb_worker syncer, writer; /* for the log; for checkpoints */
    struct rn_bdb_flight flight;
    int64_t slow;       /* a sync that takes so long is slow; 0: all are */
    unsigned slow_left; /* so many fast ones until the loop waits for one itself again */
    unsigned slow_last; /* what that was after the last slow one */
    unsigned fast;      /* syncs since then, as far as that matters */
    runnel_fn *turn;    /* asks for a turn: a job has ended */
    void *turn_arg;
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

/* Where the log ends now; file 0: nobody can say, for lack of memory. */
void rn_bdb_log_end(struct rn_bdb *b, struct rn_bdb_flight *f);
/* All up to there is durable, with the names of the files. */
void rn_bdb_log_reached(struct rn_bdb *b, const struct rn_bdb_flight *f);
/* Whether there is so much log already that the checkpoint at hand must end before there is more. */
bool rn_bdb_log_is_long(const struct rn_bdb *b);
/* Begins a checkpoint if one is due and none is on its way. A failure is logged, and the next commit makes it due
 * again. */
void rn_bdb_checkpoint(struct rn_bdb *b);
/* Any thread: writes a checkpoint, then removes the log files that nobody needs any more. What Berkeley DB returned. */
int rn_bdb_write_pages(struct rn_bdb *b);
/* After everything has been closed: cuts off the zeros with which the newest file was filled in advance. */
void rn_bdb_log_trim(const struct rn_bdb *b);

/* ---- fail.c: what failures mean ---- */

/* Berkeley DB's messages and events come here; env->app_private is the struct rn_bdb. */
void rn_bdb_on_message(const DB_ENV *env, const char *prefix, const char *message);
void rn_bdb_on_event(DB_ENV *env, u_int32_t event, void *info);
/* Takes over what was said on other threads. */
void rn_bdb_hear(struct rn_bdb *b);
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
/* Before a commit: forgets that the disk was full when there is room again; what a checkpoint could not write is
 * tried again then. */
void rn_bdb_room_again(struct rn_bdb *b);
/* Before a commit: 0, or -RUNNEL_EFULL when what is free is needed to recover what is there already. */
int rn_bdb_room(struct rn_bdb *b, struct runnel_err *err);

/* ---- worker.c ---- */

int rn_bdb_worker_init(struct rn_bdb_worker *w, struct rn_bdb *b); /* 0 or -RUNNEL_ENOMEM */
void rn_bdb_worker_free(struct rn_bdb_worker *w);
/* Has the job done by the thread, or by the loop within this call: `here`, or when there can be no thread. Then calls
 * `then`. Only when it is not busy. */
void rn_bdb_worker_run(struct rn_bdb_worker *w, rn_bdb_job *job, rn_bdb_then *then, bool here);
/* Waits for the job at hand, of which the loop hears nothing any more, and ends the thread. */
void rn_bdb_worker_end(struct rn_bdb_worker *w);

/* ---- sync.c ---- */

/* Makes the flight's group durable and ends it, now or later. `cost`: its bytes; `alone`: nothing else waits. */
void rn_bdb_sync(struct rn_bdb *b, size_t cost, bool alone);

/* ---- commit.c ---- */

/* Joins commits from the front of the queue in one transaction, which is made durable and ends them, in order.
 * `alone`: there is nothing else to do meanwhile. */
void rn_bdb_commit_some(struct rn_bdb *b, struct rn_list *commits, bool alone);
/* Whether commits must wait: for those that fly, or for a checkpoint without which there may be no more. */
bool rn_bdb_commits_wait(const struct rn_bdb *b);
/* Ends all of them. */
void rn_bdb_end_group(struct rn_list *group, const struct runnel_err *err);

/* ---- read.c ---- */

/* Serves reads from the front of the queue, a bounded amount; a scan that is not through goes to the end. */
void rn_bdb_read_some(struct rn_bdb *b, struct rn_list *reads);

#endif
