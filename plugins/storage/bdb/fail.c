/* SPDX-License-Identifier: MIT
 * fail.c — what Berkeley DB says and returns, as errors that say what to do.
 * May touch: the host's log.
 */
#include "base/err.h"
#include "base/time.h"
#include "plugins/storage/bdb/bdb.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SAID_A_MINUTE 10u /* messages of Berkeley DB that are logged in one minute */

/* ---- what it says ---- */

static bool on_loop(const struct rn_bdb *b) {
    return pthread_equal(pthread_self(), b->loop) != 0;
}

/* Keeps the first message about the call at hand, logs all of them, but no flood. In a trial the parent
 * tells what came of it. */
static void say(struct rn_bdb *b, const char *message) {
    if (!b->said[0])
        (void)snprintf(b->said, sizeof b->said, "%s", message);
    if (strstr(message, strerror(ENOMEM)))
        b->no_memory = true;
    if (b->trial)
        return;
    int64_t now = b->host->now(b->inst);
    if (!b->said_count || now - b->said_since >= 60 * RN_NS_S) {
        b->said_since = now;
        b->said_count = 0;
    }
    if (b->said_count < UINT32_MAX)
        b->said_count++;
    if (b->said_count <= SAID_A_MINUTE)
        b->host->log(b->inst, RUNNEL_WARN, "Berkeley DB in %s: %s", b->dir, message);
    if (b->said_count == SAID_A_MINUTE)
        b->host->log(b->inst, RUNNEL_WARN, "Berkeley DB in %s: further messages of this minute are left out", b->dir);
}

/* On a thread only the first message of its job is kept. */
void rn_bdb_on_message(const DB_ENV *env, const char *prefix, const char *message) {
    (void)prefix;
    struct rn_bdb *b = env->app_private;
    if (on_loop(b)) {
        say(b, message);
        return;
    }
    (void)pthread_mutex_lock(&b->told.lock);
    if (!b->told.said[0])
        (void)snprintf(b->told.said, sizeof b->told.said, "%s", message);
    if (strstr(message, strerror(ENOMEM)))
        b->told.no_memory = true;
    (void)pthread_mutex_unlock(&b->told.lock);
}

bool rn_bdb_is_full(int rc) {
    return rc == ENOSPC || rc == EDQUOT || rc == EFBIG;
}

/* What the machine lacks, and no damage: another try may go better. */
static bool is_machine(int rc) {
    return rc == EIO || rc == EAGAIN || rc == EBUSY || rc == EINTR || rc == EMFILE || rc == ENFILE || rc == ENODEV ||
           rc == ENXIO || rc == ESTALE;
}

static bool is_denied(int rc) {
    return rc == EACCES || rc == EPERM || rc == EROFS;
}

static void take_panic(struct rn_bdb *b, int why) {
    if (!b->panic)
        b->panic = why;
    bool machine = rn_bdb_is_full(b->panic) || b->panic == ENOMEM || b->no_memory || is_machine(b->panic);
    rn_bdb_break(b, machine ? RUNNEL_EIO : RUNNEL_EDAMAGED);
}

/* DB_EVENT_WRITE_FAILED comes with each page that finds no room: the failed call itself is answered. */
void rn_bdb_on_event(DB_ENV *env, u_int32_t event, void *info) {
    struct rn_bdb *b = env->app_private;
    if (event != DB_EVENT_PANIC)
        return;
    int why = info && *(int *)info ? *(int *)info : DB_RUNRECOVERY;
    if (on_loop(b)) {
        take_panic(b, why);
        return;
    }
    (void)pthread_mutex_lock(&b->told.lock);
    b->told.panic = b->told.panic ? b->told.panic : why;
    (void)pthread_mutex_unlock(&b->told.lock);
}

void rn_bdb_hear(struct rn_bdb *b) {
    char said[sizeof b->told.said];
    (void)pthread_mutex_lock(&b->told.lock);
    memcpy(said, b->told.said, sizeof said);
    bool no_memory = b->told.no_memory;
    int panic = b->told.panic;
    b->told.said[0] = 0;
    b->told.no_memory = false;
    b->told.panic = 0;
    (void)pthread_mutex_unlock(&b->told.lock);
    if (said[0])
        say(b, said);
    b->no_memory = b->no_memory || no_memory;
    if (panic)
        take_panic(b, panic);
}

/* ---- what it means ---- */

void rn_bdb_break(struct rn_bdb *b, int code) {
    if (b->broken)
        return;
    b->broken = true;
    b->broken_as = code;
    if (b->trial || b->note.state != RN_BDB_OPEN)
        return;
    b->note.state = RN_BDB_FAILED;
    if (rn_bdb_note_write(b, true) != 0)
        b->host->log(b->inst, RUNNEL_WARN, "the lock in %s cannot be written: %s", b->dir, strerror(errno));
}

static int fail_full(const struct rn_bdb *b, int rc, const char *what, struct runnel_err *err) {
    return rn_fail(err, RUNNEL_EFULL, "%s: no space left for %s (%s)%s%s: free some, writing then goes on", what,
                   b->dir, strerror(rc), b->said[0] ? ": " : "", b->said);
}

static int fail_memory(const struct rn_bdb *b, const char *what, struct runnel_err *err) {
    return rn_fail(err, RUNNEL_ENOMEM, "%s in %s: out of memory%s%s: raise the option `cache`, or the memory", what,
                   b->dir, b->said[0] ? ": " : "", b->said);
}

static int fail_broken(const struct rn_bdb *b, const char *what, struct runnel_err *err) {
    return rn_fail(err, b->broken_as,
                   "%s: the Berkeley DB environment in %s has failed%s%s: restart the daemon, which recovers it", what,
                   b->dir, b->said[0] ? ": " : "", b->said);
}

int rn_bdb_fail(struct rn_bdb *b, int rc, const char *what, struct runnel_err *err) {
    rn_bdb_hear(b);
    if (rc == DB_RUNRECOVERY && !b->panic && (b->syncer.busy || b->writer.busy))
        rn_bdb_break(b, RUNNEL_EIO); /* a thread has met it, and is about to say what it is */
    if (rn_bdb_is_full(rc))
        return fail_full(b, rc, what, err);
    if (rc == ENOMEM || (b->no_memory && !b->broken))
        return fail_memory(b, what, err);
    if (!is_machine(rc)) /* the files say what no engine has written; after a panic it has its code already */
        rn_bdb_break(b, RUNNEL_EDAMAGED);
    if (b->broken)
        return fail_broken(b, what, err);
    return rn_fail(err, RUNNEL_EIO, "%s in %s: %s%s%s: see the system's log for the disk", what, b->dir,
                   db_strerror(rc), b->said[0] ? ": " : "", b->said);
}

int rn_bdb_fail_opening(const struct rn_bdb *b, int rc, const char *what, struct runnel_err *err) {
    const char *colon = b->said[0] ? ": " : "";
    if (b->panic) /* what it returns then is only that it has panicked */
        rc = b->panic;
    if (rn_bdb_is_full(rc))
        return rn_fail(err, RUNNEL_EFULL, "%s: no space left for %s (%s)%s%s: free some and start again", what, b->dir,
                       strerror(rc), colon, b->said);
    if (rc == ENOMEM || b->no_memory) /* recovery and the check of the pages then return that the files are bad */
        return fail_memory(b, what, err);
    if (is_denied(rc))
        return rn_fail(err, RUNNEL_EDENIED, "%s in %s: %s%s%s: give %s to the user that the daemon runs as", what,
                       b->dir, strerror(rc), colon, b->said, b->dir);
    if (is_machine(rc))
        return rn_fail(err, RUNNEL_EIO, "%s in %s: %s%s%s: see the system's log for the disk", what, b->dir,
                       strerror(rc), colon, b->said);
    return rn_fail(err, RUNNEL_EDAMAGED, "%s in %s: %s%s%s", what, b->dir, db_strerror(rc), colon, b->said);
}

int rn_bdb_fail_file(int why, const char *path, const char *what, struct runnel_err *err) {
    if (rn_bdb_is_full(why))
        return rn_fail(err, RUNNEL_EFULL, "%s: %s: %s: free some space", path, what, strerror(why));
    if (is_denied(why))
        return rn_fail(err, RUNNEL_EDENIED, "%s: %s: %s: give it to the user that the daemon runs as", path, what,
                       strerror(why));
    return rn_fail(err, why == ENOMEM ? RUNNEL_ENOMEM : RUNNEL_EIO, "%s: %s: %s", path, what, strerror(why));
}

int rn_bdb_begin(struct rn_bdb *b, struct runnel_err *err) {
    if (b->broken)
        return fail_broken(b, "refused", err);
    if (!b->db)
        return rn_fail(err, RUNNEL_ECLOSED, "the storage has been stopped");
    b->said[0] = 0;
    b->no_memory = false;
    return 0;
}
