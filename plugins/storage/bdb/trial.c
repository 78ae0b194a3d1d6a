/* SPDX-License-Identifier: MIT
 * trial.c — a store is recovered and looked at in a process of its own before it is used.
 * May touch: fork, a pipe; Berkeley DB through bdb.h.
 *
 * Berkeley DB trusts its files. It mostly refuses what is damaged, but may also end the process over it,
 * and a process that ends at each start helps nobody. What the trial has recovered stays recovered.
 */
#include "base/err.h"
#include "plugins/storage/bdb/bdb.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Up to here each start looks at all pages: some 0.6 s. Beyond, only one after a failure does. */
#define SMALL_BYTES (64 << 20)
#define EARLY_ENDS 3u /* so many processes that died soon after their start are a failure, too */

/* ---- in the trial ---- */

/* Each page, its links and the order of its keys. */
static int verify(struct rn_bdb *b, struct runnel_err *err) {
    DB_ENV *env;
    DB *db;
    b->said[0] = 0;
    b->no_memory = false;
    int rc = rn_bdb_env_make(b, &env);
    if (rc != 0)
        return rn_bdb_fail_opening(b, rc, "making an environment", err);
    rc = env->open(env, b->dir, DB_PRIVATE | DB_CREATE | DB_INIT_MPOOL, 0600);
    if (rc == 0)
        rc = db_create(&db, env, 0);
    if (rc == 0)
        rc = db->verify(db, RN_BDB_RECORDS, NULL, NULL, 0); /* the handle is gone with it */
    /* A sector that cannot be read is no reason to give up all others: reading it fails by itself. */
    if (rc == EIO)
        rc = 0;
    return rc == 0 ? 0 : rn_bdb_fail_opening(b, rc, "checking the pages of " RN_BDB_RECORDS, err);
}

/* A log that ends before the place up to which commits were acknowledged has lost some of them, or the pages
 * have what it lacks. */
static int check_log(struct rn_bdb *b, struct runnel_err *err) {
    DB_LOG_STAT *stat;
    int rc = b->env->log_stat(b->env, &stat, 0);
    if (rc != 0)
        return rn_bdb_fail_opening(b, rc, "asking for the end of the log", err);
    uint32_t file = stat->st_cur_file, at = stat->st_cur_offset;
    free(stat);
    if (file > b->note.file || (file == b->note.file && at >= b->note.at))
        return 0;
    return rn_fail(err, RUNNEL_EDAMAGED, "the log in %s ends at %u/%u, but had reached %u/%u", b->dir, file, at,
                   b->note.file, b->note.at);
}

/* Pages that found no room are old or torn in the file, and no damage. */
static int write_out(struct rn_bdb *b, struct runnel_err *err) {
    int rc = b->env->txn_checkpoint(b->env, 0, 0, 0);
    return rc == 0 ? 0 : rn_bdb_fail_opening(b, rc, "writing what was recovered", err);
}

static int try_out(struct rn_bdb *b, bool all_pages, struct runnel_err *err) {
    int rc = rn_bdb_env_open(b, err);
    if (rc == 0)
        rc = check_log(b, err);
    if (rc == 0)
        rc = write_out(b, err);
    if (rc != 0)
        return rc;
    rn_bdb_env_close(b);
    return all_pages ? verify(b, err) : 0;
}

/* Handlers belong to the process that was forked: they would answer in its stead, or go on living as it. */
static void default_signals(void) {
    static const int all[] = {SIGTERM, SIGINT, SIGHUP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS};
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
        (void)signal(all[k], SIG_DFL);
}

/* Never returns. What else this process has inherited is not its own: it leaves without a farewell. */
static void live(struct rn_bdb *b, bool all_pages, int to) {
    struct runnel_err err = {0};
    struct rlimit none = {0, 0};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* it has our lock, and must not outlive us with it */
    (void)setrlimit(RLIMIT_CORE, &none);
    default_signals();
    b->trial = true;
    if (try_out(b, all_pages, &err) == 0)
        err.code = 0;
    _exit(write(to, &err, sizeof err) == (ssize_t)sizeof err ? 0 : 1);
}

/* ---- who asks for it ---- */

/* What the trial says; false when it ended without a word. */
static bool hear(int from, struct runnel_err *said) {
    size_t n = 0;
    while (n < sizeof *said) {
        ssize_t got = read(from, (char *)said + n, sizeof *said - n);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        n += got > 0 ? (size_t)got : 0;
    }
    said->msg[sizeof said->msg - 1] = 0;
    return true;
}

static int judge(const struct rn_bdb *b, int status, bool heard, const struct runnel_err *said,
                 struct runnel_err *err) {
    int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (heard && !said->code)
        return 0;
    if (heard)
        return rn_fail(err, said->code, "%s", said->msg);
    if (sig == SIGKILL || sig == SIGTERM || sig == SIGINT || sig == SIGHUP)
        return rn_fail(err, sig == SIGKILL ? RUNNEL_ENOMEM : RUNNEL_ECLOSED,
                       "the process that recovers %s was ended by signal %d (the system's log may tell why)", b->dir,
                       sig);
    return rn_fail(err, RUNNEL_EDAMAGED, "recovering %s crashed (signal %d)", b->dir, sig);
}

static int run(struct rn_bdb *b, bool all_pages, struct runnel_err *err) {
    int ends[2], status = 0;
    struct runnel_err said = {0};
    if (pipe(ends) != 0)
        return rn_fail(err, RUNNEL_EIO, "%s: no pipe: %s", b->dir, strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        live(b, all_pages, ends[1]);
    int why = errno;
    (void)close(ends[1]);
    bool heard = pid > 0 && hear(ends[0], &said);
    (void)close(ends[0]);
    if (pid < 0)
        return rn_fail(err, why == ENOMEM ? RUNNEL_ENOMEM : RUNNEL_EBUSY,
                       "%s: no process in which to recover it: %s: raise the limit of processes", b->dir,
                       strerror(why));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return rn_fail(err, RUNNEL_EIO, "%s: the process that recovers it is lost: %s", b->dir, strerror(errno));
    return judge(b, status, heard, &said, err);
}

int rn_bdb_trial(struct rn_bdb *b, struct runnel_err *err) {
    char path[RN_BDB_PATH];
    struct stat st;
    int rc = rn_bdb_path(b, RN_BDB_RECORDS, path, err);
    if (rc != 0)
        return rc;
    bool suspect = b->note.state == RN_BDB_FAILED || b->note.early_end >= EARLY_ENDS;
    if (suspect)
        b->host->log(b->inst, RUNNEL_NOTICE, "%s has failed before: checking all of its pages", path);
    rc = run(b, suspect || (stat(path, &st) == 0 && st.st_size <= SMALL_BYTES), err);
    if (rc == 0 && suspect)
        b->note.early_end = 0; /* the files are not to blame */
    return rc;
}
