/* SPDX-License-Identifier: MIT
 * open.c — the store is opened and closed: lock, look, trial, environment, in this order.
 * May touch: the other parts through bdb.h.
 */
#include "base/err.h"
#include "base/time.h"
#include "plugins/storage/bdb/bdb.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A crash between the first files of a new store leaves some of them: the note tells them from a loss. */
static int begin_new(struct rn_bdb *b, struct runnel_err *err) {
    b->note = (struct rn_bdb_note){.state = RN_BDB_NEW};
    return rn_bdb_note_write(b, true) == 0 ? 0
                                           : rn_bdb_fail_file(errno, b->dir, "the lock there cannot be written", err);
}

static void note_opened(struct rn_bdb *b) {
    if (b->note.state == RN_BDB_OPEN)
        b->note.early_end++;
    else if (b->note.state != RN_BDB_FAILED)
        b->note.early_end = 0;
    b->note.state = RN_BDB_OPEN;
    /* Synced at each start: who wrote the same before may have died before it was. */
    if (rn_bdb_note_write(b, true) != 0)
        b->host->log(b->inst, RUNNEL_WARN, "the lock in %s cannot be written: %s", b->dir, strerror(errno));
}

/* Where the log ends. The names of all files, new or found, are durable before the note says that there is a store. */
static int settle(struct rn_bdb *b, struct runnel_err *err) {
    struct rn_bdb_flight f;
    rn_bdb_log_end(b, &f);
    rn_bdb_log_reached(b, &f);
    b->kept_from = b->log_file;
    return rn_bdb_sync_dir(b->dir, err);
}

static int open_once(struct rn_bdb *b, struct runnel_err *err) {
    bool any;
    b->panic = 0;
    b->broken = false;
    int rc = rn_bdb_look(b, &any, err);
    if (rc == 0)
        rc = any ? rn_bdb_trial(b, err) : begin_new(b, err);
    if (rc == 0)
        rc = rn_bdb_env_open(b, err);
    if (rc == 0)
        rc = settle(b, err);
    if (rc != 0) {
        b->broken = true; /* nothing is written on the way out */
        rn_bdb_env_close(b);
    }
    return rc;
}

/* On a full disk there is room for recovery once the ballast is gone. */
static int open_locked(struct rn_bdb *b, struct runnel_err *err) {
    int rc = open_once(b, err);
    if (rc != -RUNNEL_EFULL || !rn_bdb_ballast_drop(b))
        return rc;
    rc = open_once(b, err);
    rn_bdb_ballast_hold(b);
    return rc;
}

int rn_bdb_open(struct rn_bdb *b, struct runnel_err *err) {
    int64_t begun = b->host->now(b->inst);
    b->loop = pthread_self();
    int rc = rn_bdb_lock(b, err);
    if (rc != 0)
        return rc;
    rc = open_locked(b, err);
    if (rc != 0) {
        if (rc != -RUNNEL_EDAMAGED)
            rn_bdb_unlock(b);
        return rn_wrap(err, "the storage cannot be opened");
    }
    rn_bdb_ballast_make(b);
    note_opened(b);
    b->host->log(b->inst, RUNNEL_INFO, "opened %s in %lld ms", b->dir,
                 (long long)((b->host->now(b->inst) - begun) / RN_NS_MS));
    return 0;
}

static void rewrite_note(const struct rn_bdb *b) {
    if (rn_bdb_note_write(b, false) != 0)
        b->host->log(b->inst, RUNNEL_WARN, "the lock in %s cannot be written: %s", b->dir, strerror(errno));
}

void rn_bdb_lasted(struct rn_bdb *b) {
    b->note.early_end = 0;
    rewrite_note(b);
}

void rn_bdb_close(struct rn_bdb *b) {
    bool open = b->db != NULL;
    rn_bdb_worker_end(&b->syncer);
    rn_bdb_worker_end(&b->writer);
    rn_bdb_hear(b);
    rn_bdb_env_close(b);
    if (open && !b->broken) {
        rn_bdb_log_trim(b);
        b->note.state = RN_BDB_CLOSED;
        b->note.early_end = 0;
        rewrite_note(b);
    }
    rn_bdb_unlock(b);
    free(b->buf);
    b->buf = NULL;
    b->buf_cap = 0;
}
