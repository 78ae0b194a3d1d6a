/* SPDX-License-Identifier: MIT
 * sync.c — what has been applied is made durable: here and now, or on a thread while the loop goes on.
 * May touch: Berkeley DB, the directory, through bdb.h.
 *
 * Handing a sync to a thread and hearing of it costs more than a fast sync takes. So the loop waits for one itself
 * when a single small commit is all there is to do, and the last syncs were fast. A disk that becomes slow is
 * noticed by one slow sync; from then on its syncs are waited for elsewhere, until some have been fast again: one after
 * a slow sync that came alone, as the first one of a new log file may be, and twice as many after each one that comes
 * soon after another.
 */
#include "base/err.h"
#include "plugins/storage/bdb/bdb.h"

#define HERE_BYTES 65536u /* a larger commit gives the loop time to do something else */
#define SOON 16u          /* syncs from a slow one to the next */
#define MOST_ELSEWHERE 64u

/* Any thread; `flight` is its own meanwhile. 0, or what Berkeley DB returned; a directory that cannot be synced
 * is told in flight.err. */
static int make_durable(struct rn_bdb *b) {
    struct rn_bdb_flight *f = &b->flight;
    int rc = b->env->log_flush(b->env, NULL);
    if (rc == 0 && f->file != b->log_file)
        f->failed = rn_bdb_sync_dir(b->dir, &f->err);
    return rc;
}

/* Nobody can say what the disk has: a later sync may succeed without having written what this one failed
 * to. Whatever the reason, the commits' fate is known after the next start only, hence RUNNEL_EIO. */
static void fail_unsure(struct rn_bdb *b, struct runnel_err *err) {
    rn_bdb_break(b, RUNNEL_EIO);
    err->code = RUNNEL_EIO;
    (void)rn_wrap(err, "restart the daemon, which then knows whether this commit is there");
}

static void note_speed(struct rn_bdb *b) {
    if (b->host->now(b->inst) - b->flight.begun < b->slow) {
        b->fast += b->fast < SOON;
        b->slow_left -= b->slow_left > 0;
        return;
    }
    unsigned more = b->fast < SOON ? 2 * b->slow_last : 1;
    b->slow_last = more == 0 ? 1 : more < MOST_ELSEWHERE ? more : MOST_ELSEWHERE;
    b->slow_left = b->slow_last;
    b->fast = 0;
}

static void landed(struct rn_bdb *b, int rc) {
    struct rn_bdb_flight *f = &b->flight;
    note_speed(b);
    if (rc != 0)
        f->failed = rn_bdb_fail(b, rc, "syncing the log", &f->err);
    if (f->failed) {
        fail_unsure(b, &f->err);
    } else {
        rn_bdb_log_reached(b, f);
        (void)rn_bdb_note_write(b, false); /* not synced: an older end of the log is right as well */
    }
    struct runnel_err err = f->err;
    rn_bdb_end_group(&f->group, f->failed ? &err : NULL);
}

void rn_bdb_sync(struct rn_bdb *b, size_t cost, bool alone) {
    bool here = alone && cost <= HERE_BYTES && b->slow > 0 && b->slow_left == 0;
    b->flight.failed = 0;
    b->flight.err = (struct runnel_err){.code = 0};
    b->flight.begun = b->host->now(b->inst);
    rn_bdb_worker_run(&b->syncer, make_durable, landed, here);
}
