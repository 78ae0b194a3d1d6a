/* SPDX-License-Identifier: MIT
 * inst.c — the life of an instance, and the host that its plugin sees.
 * May touch: the node's loop and env, and what the node lends it.
 */
#include "node/inst.h"

#include "base/buf.h"
#include "base/err.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether the instance is still there, for posts that may outlive it; counted from any thread. */
struct life {
    atomic_uint refs;
    struct runnel_inst *inst; /* NULL: freed. Loop thread only */
};

enum state { MADE, STARTED, STOPPING, STOPPED, ABANDONED };

/* A call that is put off. It carries the error that a refused note ends with. */
struct call {
    struct rn_task task;
    struct rn_list link;
    runnel_fn *fn;
    runnel_done *done;
    void *arg;
    struct runnel_err err;
    int spare; /* the instance's own: not freed */
};

struct runnel_inst {
    const struct rn_inst_services *s;
    const struct rn_env *env;
    const struct runnel_plugin *plugin;
    const void *conf;
    void *self;
    struct runnel_host host;
    struct life *life;
    enum state state;
    struct rn_list timers; /* of struct runnel_timer */
    struct rn_list calls;  /* of struct call: deferred */
    struct call spare;     /* for the one call that is always possible; in use while it has its fn */
    struct rn_list notes;  /* of struct note: unanswered */
    struct rn_alarm limit; /* of the stop */
    struct rn_task stopped;
    runnel_done *done;
    void *done_arg;
    int failed; /* the stop ended with this error */
    struct runnel_err err;
    struct runnel_err dir_err; /* why there is no directory */
    char *name, *path, *area;
};

static struct rn_loop *loop_of(const struct runnel_inst *i) {
    return i->s->loop;
}

/* An abandoned instance may still call its host, when the node is perhaps gone. */
static int gone(const struct runnel_inst *i) {
    return i->s == NULL;
}

static void let_go(struct life *life) {
    if (atomic_fetch_sub(&life->refs, 1) == 1)
        free(life);
}

static struct life *hold(struct life *life) {
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
    struct runnel_timer *t = gone(i) ? NULL : calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->fn = fn;
    t->arg = arg;
    if (rn_alarm_set(loop_of(i), &t->alarm, ns, timer_fire, t) != 0) {
        free(t);
        return NULL;
    }
    rn_list_add(&i->timers, &t->link);
    return t;
}

static void host_cancel(struct runnel_inst *i, struct runnel_timer *t) {
    if (t == NULL || gone(i)) /* once gone, all its timers were freed */
        return;
    rn_alarm_cancel(loop_of(i), &t->alarm);
    timer_free(t);
}

/* ---- the host: later, on the loop ---- */

static void call_free(struct call *c) {
    rn_task_cancel(&c->task);
    rn_list_del(&c->link);
    if (c->spare)
        c->fn = NULL; /* free for the next that needs it */
    else
        free(c);
}

static void call_run(void *arg) {
    struct call *c = arg;
    struct call now = *c;
    call_free(c);
    if (now.fn != NULL)
        now.fn(now.arg);
    else
        now.done(now.arg, &now.err);
}

static struct call *call_later(struct runnel_inst *i, runnel_fn *fn, runnel_done *done, void *arg) {
    struct call *c = gone(i) ? NULL : calloc(1, sizeof *c);
    if (c == NULL && !gone(i) && fn != NULL && i->spare.fn == NULL) {
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
    rn_task_run_soon(loop_of(i), &c->task);
    return c;
}

static int host_defer(struct runnel_inst *i, runnel_fn *fn, void *arg) {
    if (gone(i))
        return -RUNNEL_ECLOSED;
    return call_later(i, fn, NULL, arg) != NULL ? 0 : -RUNNEL_ENOMEM;
}

struct posted {
    struct life *life;
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
    struct call *c = call_later(i, NULL, done, arg);
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
    rn_list_add(&loop_of(i)->owed, &n->link);
    rn_list_add(&i->notes, &n->sibling);
    return n;
}

static void host_note_put(struct runnel_inst *i, struct runnel_bytes key, struct runnel_bytes val, runnel_done *done,
                          void *arg) {
    if (gone(i) || i->s->note_put == NULL)
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
    if (gone(i) || i->s->note_scan == NULL)
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
    if (gone(i))
        return;
    (void)rn_wrap(&err, "%s has failed for good", i->path);
    rn_log(i->env->log, RUNNEL_ERROR, i->area, "%s", err.msg);
    if (i->s->failed != NULL)
        i->s->failed(i->s->node, &err);
}

static void fill_host(struct runnel_inst *i) {
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
}

/* ---- making ---- */

static char *text(const char *a, const char *sep, const char *b) {
    size_t n = strlen(a) + strlen(sep) + strlen(b) + 1;
    char *s = malloc(n);
    if (s != NULL)
        (void)snprintf(s, n, "%s%s%s", a, sep, b);
    return s;
}

static void free_memory(struct runnel_inst *i) {
    if (i->life != NULL) {
        i->life->inst = NULL;
        let_go(i->life);
    }
    free(i->name);
    free(i->path);
    free(i->area);
    free(i);
}

static void stop_told(void *arg);

static struct runnel_inst *alloc(const struct rn_inst_services *s, const struct runnel_plugin *plugin, const char *name,
                                 const void *conf) {
    struct runnel_inst *i = calloc(1, sizeof *i);
    if (i == NULL)
        return NULL;
    i->s = s;
    i->env = s->loop->env;
    i->plugin = plugin;
    i->conf = conf;
    rn_list_init(&i->timers);
    rn_list_init(&i->calls);
    rn_list_init(&i->notes);
    rn_task_init(&i->stopped, stop_told, i);
    i->name = text("", "", name);
    i->path = text(rn_kind_name(plugin->kind), ".", name);
    i->area = text(plugin->name, ".", name);
    i->life = malloc(sizeof *i->life);
    if (i->life != NULL) {
        atomic_init(&i->life->refs, 1);
        i->life->inst = i;
    }
    if (i->name == NULL || i->path == NULL || i->area == NULL || i->life == NULL) {
        free_memory(i);
        return NULL;
    }
    fill_host(i);
    return i;
}

int rn_inst_new(const struct rn_inst_services *s, const struct runnel_plugin *plugin, const char *name,
                const void *conf, struct runnel_inst **out, struct runnel_err *err) {
    struct runnel_err own;
    struct runnel_err *e = err != NULL ? err : &own;
    *out = NULL;
    struct runnel_inst *i = alloc(s, plugin, name, conf);
    if (i == NULL)
        return rn_fail(e, RUNNEL_ENOMEM, "%s.%s: no memory for the instance", rn_kind_name(plugin->kind), name);
    *e = (struct runnel_err){0};
    if (plugin->create(i, &i->host, conf, &i->self, e) != 0) {
        if (e->code == 0)
            (void)rn_fail(e, RUNNEL_EINTERNAL, "the plugin %s gave no reason why it cannot be made", plugin->name);
        (void)rn_wrap(e, "%s", i->path);
        i->plugin = NULL; /* nothing to destroy */
        rn_inst_free(i);
        return -e->code;
    }
    *out = i;
    return 0;
}

int rn_inst_start(struct runnel_inst *i, struct runnel_err *err) {
    struct runnel_err own;
    struct runnel_err *e = err != NULL ? err : &own;
    *e = (struct runnel_err){0};
    if (i->plugin->start == NULL || i->plugin->start(i->self, e) == 0) {
        i->state = STARTED;
        return 0;
    }
    if (i->dir_err.code != 0) /* the root of the matter, which the plugin cannot know */
        *e = i->dir_err;
    else if (e->code == 0)
        (void)rn_fail(e, RUNNEL_EINTERNAL, "the plugin %s gave no reason why it cannot start", i->plugin->name);
    return rn_wrap(e, "%s", i->path);
}

int rn_inst_reload(struct runnel_inst *i, const void *conf, struct runnel_err *err) {
    *err = (struct runnel_err){0};
    if (i->plugin->reload == NULL)
        return rn_fail(err, RUNNEL_EUNSUPPORTED, "%s: the plugin %s takes over no changes while it runs", i->path,
                       i->plugin->name);
    if (i->plugin->reload(i->self, conf, err) == 0) {
        i->conf = conf;
        return 0;
    }
    if (err->code == 0)
        (void)rn_fail(err, RUNNEL_EINTERNAL, "the plugin %s gave no reason why it does not take over the changes",
                      i->plugin->name);
    return rn_wrap(err, "%s", i->path);
}

/* ---- ending ---- */

static void stop_told(void *arg) {
    struct runnel_inst *i = arg;
    i->done(i->done_arg, i->failed ? &i->err : NULL);
}

static void stop_done(void *arg, const struct runnel_err *err) {
    struct runnel_inst *i = arg;
    if (i->state != STOPPING) /* too late, or twice */
        return;
    i->state = STOPPED;
    rn_alarm_cancel(loop_of(i), &i->limit);
    if (err != NULL) {
        i->failed = 1;
        i->err = *err;
        (void)rn_wrap(&i->err, "%s", i->path);
    }
    rn_task_run_soon(loop_of(i), &i->stopped);
}

static void abandon(void *arg) {
    struct runnel_inst *i = arg;
    i->state = ABANDONED;
    i->failed = 1;
    (void)rn_fail(&i->err, RUNNEL_ETIMEOUT, "%s: the plugin %s did not stop within 10s and is abandoned", i->path,
                  i->plugin->name);
    rn_log(i->env->log, RUNNEL_ERROR, i->area, "%s", i->err.msg);
    rn_task_run_soon(loop_of(i), &i->stopped);
}

void rn_inst_stop(struct runnel_inst *i, runnel_done *done, void *arg) {
    i->done = done;
    i->done_arg = arg;
    int running = i->state == STARTED && i->plugin->stop != NULL;
    i->state = STOPPING;
    if (!running)
        stop_done(i, NULL);
    else if (rn_alarm_set(loop_of(i), &i->limit, RN_STOP_NS, abandon, i) != 0)
        abandon(i); /* without memory for the alarm nobody could tell that it hangs */
    else
        i->plugin->stop(i->self, stop_done, i);
}

static void drop_calls(struct runnel_inst *i) {
    rn_task_cancel(&i->stopped);
    rn_alarm_cancel(loop_of(i), &i->limit);
    rn_list_for_safe (it, &i->timers) {
        struct runnel_timer *t = rn_list_of(it, struct runnel_timer, link);
        rn_alarm_cancel(loop_of(i), &t->alarm);
        timer_free(t);
    }
    rn_list_for_safe (it, &i->calls)
        call_free(rn_list_of(it, struct call, link));
    rn_list_for_safe (it, &i->notes) {
        rn_list_of(it, struct note, sibling)->inst = NULL;
        rn_list_del(it);
    }
}

void rn_inst_free(struct runnel_inst *i) {
    if (i == NULL)
        return;
    if (i->state != ABANDONED && i->plugin != NULL)
        i->plugin->destroy(i->self);
    drop_calls(i);
    if (i->state != ABANDONED) {
        free_memory(i);
        return;
    }
    i->life->inst = NULL;
    i->s = NULL;
}

/* ---- asking ---- */

const void *rn_inst_ops(const struct runnel_inst *i) {
    return i->plugin->ops;
}

void *rn_inst_self(const struct runnel_inst *i) {
    return i->self;
}

const char *rn_inst_name(const struct runnel_inst *i) {
    return i->name;
}

const char *rn_inst_path(const struct runnel_inst *i) {
    return i->path;
}

void *rn_inst_node(const struct runnel_inst *i) {
    return gone(i) ? NULL : i->s->node;
}

const struct runnel_plugin *rn_inst_plugin(const struct runnel_inst *i) {
    return i->plugin;
}
