/* SPDX-License-Identifier: MIT
 * host.c — what a plugin may ask of its host: struct runnel_host of plugin.h (inststate.h).
 * May touch: the node's loop and env, and what the node lends it.
 */
#include "node/inststate.h"

#include "base/err.h"

#include <stdlib.h>

static void let_go(struct rn_inst_life *life) {
    if (atomic_fetch_sub(&life->refs, 1) == 1)
        free(life);
}

static struct rn_inst_life *hold(struct rn_inst_life *life) {
    atomic_fetch_add(&life->refs, 1);
    return life;
}

/* ---- the host: clock, randomness, log ---- */

static int64_t host_now(struct runnel_inst *i) {
    return i->env->now(i->env->ctx);
}

static int64_t host_wall(struct runnel_inst *i) {
    return i->env->wall(i->env->ctx);
}

static void host_random(struct runnel_inst *i, void *p, size_t n) {
    i->env->random(i->env->ctx, p, n);
}

__attribute__((format(printf, 3, 4))) static void host_log(struct runnel_inst *i, int level, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    rn_vlog(i->env->log, level, i->area, fmt, ap);
    va_end(ap);
}

/* ---- the host: timers ---- */

struct runnel_timer {
    struct rn_alarm alarm;
    struct rn_list link;
    runnel_fn *fn;
    void *arg;
};

static void timer_free(struct runnel_timer *t) {
    rn_list_del(&t->link);
    free(t);
}

static void timer_fire(void *arg) {
    struct runnel_timer *t = arg;
    runnel_fn *fn = t->fn;
    void *fn_arg = t->arg;
    timer_free(t);
    fn(fn_arg);
}

static struct runnel_timer *host_after(struct runnel_inst *i, int64_t ns, runnel_fn *fn, void *arg) {
    struct runnel_timer *t = rn_inst_gone(i) ? NULL : calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->fn = fn;
    t->arg = arg;
    if (rn_alarm_set(rn_inst_loop(i), &t->alarm, ns, timer_fire, t) != 0) {
        free(t);
        return NULL;
    }
    rn_list_add(&i->timers, &t->link);
    return t;
}

static void host_cancel(struct runnel_inst *i, struct runnel_timer *t) {
    if (t == NULL || rn_inst_gone(i)) /* once gone, all its timers were freed */
        return;
    rn_alarm_cancel(rn_inst_loop(i), &t->alarm);
    timer_free(t);
}

/* ---- the host: later, on the loop ---- */

static void call_free(struct rn_inst_call *c) {
    rn_task_cancel(&c->task);
    rn_list_del(&c->link);
    if (c->spare)
        c->fn = NULL; /* free for the next that needs it */
    else
        free(c);
}

static void call_run(void *arg) {
    struct rn_inst_call *c = arg;
    struct rn_inst_call now = *c;
    call_free(c);
    if (now.fn != NULL)
        now.fn(now.arg);
    else
        now.done(now.arg, &now.err);
}

static struct rn_inst_call *call_later(struct runnel_inst *i, runnel_fn *fn, runnel_done *done, void *arg) {
    struct rn_inst_call *c = rn_inst_gone(i) ? NULL : calloc(1, sizeof *c);
    if (c == NULL && !rn_inst_gone(i) && fn != NULL && i->spare.fn == NULL) {
        c = &i->spare;
        c->spare = 1;
    }
    if (c == NULL)
        return NULL;
    rn_task_init(&c->task, call_run, c);
    rn_list_add(&i->calls, &c->link);
    c->fn = fn;
    c->done = done;
    c->arg = arg;
    rn_task_run_soon(rn_inst_loop(i), &c->task);
    return c;
}

static int host_defer(struct runnel_inst *i, runnel_fn *fn, void *arg) {
    if (rn_inst_gone(i))
        return -RUNNEL_ECLOSED;
    return call_later(i, fn, NULL, arg) != NULL ? 0 : -RUNNEL_ENOMEM;
}

struct posted {
    struct rn_inst_life *life;
    runnel_fn *fn;
    void *arg;
};

static void posted_run(void *arg) {
    struct posted *p = arg;
    struct posted now = *p;
    free(p);
    if (now.life->inst != NULL)
        now.fn(now.arg);
    let_go(now.life);
}

/* From any thread: it touches only what never changes while the instance lives, and the counter. */
static int host_post(struct runnel_inst *i, runnel_fn *fn, void *arg) {
    struct posted *p = malloc(sizeof *p);
    if (p == NULL)
        return -RUNNEL_ENOMEM;
    *p = (struct posted){.life = hold(i->life), .fn = fn, .arg = arg};
    int rc = i->env->post(i->env->ctx, posted_run, p);
    if (rc != 0) {
        let_go(p->life);
        free(p);
    }
    return rc;
}

/* ---- the host: places ---- */

static struct event_base *host_loop(struct runnel_inst *i) {
    return i->env->loop(i->env->ctx);
}

static const char *host_dir(struct runnel_inst *i) {
    const char *dir = i->env->dir(i->env->ctx, i->plugin->kind, i->name, &i->dir_err);
    if (dir == NULL && i->dir_err.code != 0)
        rn_log(i->env->log, RUNNEL_ERROR, i->area, "%s", i->dir_err.msg);
    return dir;
}

/* ---- the host: notes ---- */

/* A note's request on its way through the node. It belongs to the loop's `owed`, so that a node which
 * ends without answering loses no memory. */
struct note {
    struct rn_list link;      /* first */
    struct rn_list sibling;   /* in the instance's notes */
    struct runnel_inst *inst; /* NULL: freed meanwhile */
    runnel_pair *pair;
    runnel_done *done;
    void *arg;
};

static void note_pair(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    struct note *n = arg;
    if (n->inst != NULL)
        n->pair(n->arg, key, val);
}

static void note_done(void *arg, const struct runnel_err *err) {
    struct note *n = arg;
    struct note now = *n;
    rn_list_del(&n->link);
    rn_list_del(&n->sibling);
    free(n);
    if (now.inst != NULL)
        now.done(now.arg, err);
}

/* Answers a note's request that goes no further: later, as every completion. Only without memory it
 * answers at once, which is better than never. */
static void note_refuse(struct runnel_inst *i, int code, const char *why, runnel_done *done, void *arg) {
    struct runnel_err err;
    (void)rn_fail(&err, code, "%s: %s", i->path, why);
    struct rn_inst_call *c = call_later(i, NULL, done, arg);
    if (c == NULL)
        done(arg, &err);
    else
        c->err = err;
}

static struct note *note_new(struct runnel_inst *i, runnel_pair *pair, runnel_done *done, void *arg) {
    struct note *n = malloc(sizeof *n);
    if (n == NULL) {
        note_refuse(i, RUNNEL_ENOMEM, "no memory for a note", done, arg);
        return NULL;
    }
    *n = (struct note){.inst = i, .pair = pair, .done = done, .arg = arg};
    rn_list_add(&rn_inst_loop(i)->owed, &n->link);
    rn_list_add(&i->notes, &n->sibling);
    return n;
}

static void host_note_put(struct runnel_inst *i, struct runnel_bytes key, struct runnel_bytes val, runnel_done *done,
                          void *arg) {
    if (rn_inst_gone(i) || i->s->note_put == NULL)
        note_refuse(i, RUNNEL_ECLOSED, "there is no place for notes", done, arg);
    else if (key.n < 1 || key.n > RN_NOTE_KEY)
        note_refuse(i, RUNNEL_EINVALID, "the key of a note must have 1 to 24 bytes", done, arg);
    else if (val.n > RN_NOTE_VALUE)
        note_refuse(i, RUNNEL_ETOOBIG, "a note may have 65536 bytes at most", done, arg);
    else {
        struct note *n = note_new(i, NULL, done, arg);
        if (n != NULL)
            i->s->note_put(i->s->node, i->plugin->kind, i->name, key, val, note_done, n);
    }
}

static void host_note_scan(struct runnel_inst *i, struct runnel_bytes prefix, runnel_pair *pair, runnel_done *done,
                           void *arg) {
    if (rn_inst_gone(i) || i->s->note_scan == NULL)
        note_refuse(i, RUNNEL_ECLOSED, "there is no place for notes", done, arg);
    else if (prefix.n > RN_NOTE_KEY)
        note_refuse(i, RUNNEL_EINVALID, "the prefix of a note's key must have 24 bytes at most", done, arg);
    else {
        struct note *n = note_new(i, pair, done, arg);
        if (n != NULL)
            i->s->note_scan(i->s->node, i->plugin->kind, i->name, prefix, note_pair, note_done, n);
    }
}

/* ---- the host: the end ---- */

static void host_failed(struct runnel_inst *i, const struct runnel_err *why) {
    struct runnel_err err = *why;
    if (rn_inst_gone(i))
        return;
    (void)rn_wrap(&err, "%s has failed for good", i->path);
    rn_log(i->env->log, RUNNEL_ERROR, i->area, "%s", err.msg);
    if (i->s->failed != NULL)
        i->s->failed(i->s->node, &err);
}

/* ---- its begin and end ---- */

int rn_host_init(struct runnel_inst *i) {
    i->life = malloc(sizeof *i->life);
    if (i->life == NULL)
        return -RUNNEL_ENOMEM;
    atomic_init(&i->life->refs, 1);
    i->life->inst = i;
    rn_list_init(&i->timers);
    rn_list_init(&i->calls);
    rn_list_init(&i->notes);
    i->host = (struct runnel_host){
        .size = sizeof i->host,
        .now = host_now,
        .wall = host_wall,
        .random = host_random,
        .log = host_log,
        .after = host_after,
        .cancel = host_cancel,
        .defer = host_defer,
        .post = host_post,
        .loop = host_loop,
        .dir = host_dir,
        .note_put = host_note_put,
        .note_scan = host_note_scan,
        .up = i->s->up[i->plugin->kind],
        .failed = host_failed,
    };
    return 0;
}

void rn_host_end(struct runnel_inst *i) {
    rn_list_for_safe (it, &i->timers) {
        struct runnel_timer *t = rn_list_of(it, struct runnel_timer, link);
        rn_alarm_cancel(rn_inst_loop(i), &t->alarm);
        timer_free(t);
    }
    rn_list_for_safe (it, &i->calls)
        call_free(rn_list_of(it, struct rn_inst_call, link));
    rn_list_for_safe (it, &i->notes) {
        rn_list_of(it, struct note, sibling)->inst = NULL;
        rn_list_del(it);
    }
    i->life->inst = NULL;
    if (i->state != RN_INST_ABANDONED)
        let_go(i->life);
}
