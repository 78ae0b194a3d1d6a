/* SPDX-License-Identifier: MIT
 * worker.c — a thread of the storage's own that does one job at a time, and tells the loop when it is done.
 * May touch: threads; the host's post.
 */
#include "plugins/storage/bdb/bdb.h"
#include <signal.h>
#include <time.h>

#define AGAIN_NS 10000000 /* without memory to tell the loop it is tried again after this */

static void lock(struct rn_bdb_worker *w) {
    (void)pthread_mutex_lock(&w->lock); /* fails only for a mutex that is none */
}

static void unlock(struct rn_bdb_worker *w) {
    (void)pthread_mutex_unlock(&w->lock);
}

/* ---- on the loop ---- */

static void heard(void *arg) {
    struct rn_bdb_worker *w = arg;
    struct rn_bdb *b = w->b;
    lock(w);
    int rc = w->rc;
    unlock(w);
    w->busy = false;
    b->said[0] = 0;
    b->no_memory = false;
    rn_bdb_hear(b);
    w->then(b, rc);
    b->turn(b->turn_arg);
}

/* ---- on the thread ---- */

/* Waits a little, or for the end; under the lock. */
static void rest(struct rn_bdb_worker *w) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += AGAIN_NS;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    if (!w->quit)
        (void)pthread_cond_timedwait(&w->wake, &w->lock, &t);
}

static void *work(void *arg) {
    struct rn_bdb_worker *w = arg;
    lock(w);
    for (;;) {
        while (!w->job && !w->quit)
            (void)pthread_cond_wait(&w->wake, &w->lock);
        if (!w->job)
            break;
        rn_bdb_job *job = w->job;
        unlock(w);
        int rc = job(w->b);
        lock(w);
        w->job = NULL;
        w->rc = rc;
        while (!w->quit && w->b->host->post(w->b->inst, heard, w) != 0)
            rest(w);
    }
    unlock(w);
    return NULL;
}

/* ---- on the loop ---- */

int rn_bdb_worker_init(struct rn_bdb_worker *w, struct rn_bdb *b) {
    pthread_condattr_t attr;
    *w = (struct rn_bdb_worker){.b = b};
    if (pthread_condattr_init(&attr) != 0)
        return -RUNNEL_ENOMEM;
    int rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (rc == 0)
        rc = pthread_cond_init(&w->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    if (rc == 0 && pthread_mutex_init(&w->lock, NULL) != 0) {
        (void)pthread_cond_destroy(&w->wake);
        rc = -1;
    }
    return rc == 0 ? 0 : -RUNNEL_ENOMEM;
}

void rn_bdb_worker_free(struct rn_bdb_worker *w) {
    (void)pthread_mutex_destroy(&w->lock);
    (void)pthread_cond_destroy(&w->wake);
}

/* Signals are for the daemon's own thread. */
static bool begin(struct rn_bdb_worker *w) {
    sigset_t all, before;
    if (w->runs)
        return true;
    w->quit = false;
    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return false;
    w->runs = pthread_create(&w->thread, NULL, work, w) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* what was in force is valid */
    return w->runs;
}

void rn_bdb_worker_run(struct rn_bdb_worker *w, rn_bdb_job *job, rn_bdb_then *then, bool here) {
    if (here || !begin(w)) {
        w->b->said[0] = 0;
        w->b->no_memory = false;
        then(w->b, job(w->b));
        return;
    }
    w->busy = true;
    w->then = then;
    lock(w);
    w->job = job;
    (void)pthread_cond_signal(&w->wake);
    unlock(w);
}

void rn_bdb_worker_end(struct rn_bdb_worker *w) {
    if (!w->runs)
        return;
    lock(w);
    w->quit = true;
    (void)pthread_cond_signal(&w->wake);
    unlock(w);
    (void)pthread_join(w->thread, NULL);
    w->runs = w->busy = false;
}
