/* SPDX-License-Identifier: MIT
 * loop.c — runs deferred tasks and due timers, one turn at a time.
 * May touch: the env's clock, alarm and wake.
 */
#include "node/loop.h"

#include <stdlib.h>

void rn_loop_init(struct rn_loop *l, const struct rn_env *env) {
    *l = (struct rn_loop){.env = env};
    rn_list_init(&l->deferred);
    rn_list_init(&l->late);
    rn_list_init(&l->owed);
}

/* Takes a task out of its list; what was allocated for one run is given back. */
static void drop(struct rn_task *t) {
    rn_list_del(&t->link);
    if (t->once)
        free(t);
}

void rn_loop_free(struct rn_loop *l) {
    rn_list_for_safe (it, &l->deferred)
        drop(rn_list_of(it, struct rn_task, link));
    rn_list_for_safe (it, &l->late)
        drop(rn_list_of(it, struct rn_task, link));
    rn_list_for_safe (it, &l->owed)
        free(it);
    rn_list_init(&l->owed);
    rn_heap_free(&l->timers); /* also unsets them: a cancel by an owner stays harmless */
}

/* ---- timers ---- */

/* Tells the env when the next timer is due. Within a turn it waits for the turn's end. */
static void set_alarm(struct rn_loop *l) {
    if (l->turning)
        return;
    const struct rn_timer *first = rn_heap_first(&l->timers);
    l->env->alarm(l->env->ctx, first != NULL ? first->at : INT64_MAX);
}

static int64_t from_now(const struct rn_loop *l, int64_t ns) {
    int64_t now = l->env->now(l->env->ctx);
    if (ns <= 0)
        return now;
    return now > INT64_MAX - 1 - ns ? INT64_MAX - 1 : now + ns; /* INT64_MAX means no alarm */
}

int rn_alarm_set(struct rn_loop *l, struct rn_alarm *a, int64_t ns, runnel_fn *fn, void *arg) {
    const struct rn_timer *first = rn_heap_first(&l->timers);
    int was_first = first == &a->timer;
    int rc = rn_heap_set(&l->timers, &a->timer, from_now(l, ns));
    if (rc != 0)
        return rc;
    a->fn = fn;
    a->arg = arg;
    if (was_first || rn_heap_first(&l->timers) == &a->timer)
        set_alarm(l);
    return 0;
}

void rn_alarm_cancel(struct rn_loop *l, struct rn_alarm *a) {
    int was_first = rn_heap_first(&l->timers) == &a->timer;
    rn_heap_del(&l->timers, &a->timer);
    if (was_first)
        set_alarm(l);
}

/* ---- tasks ---- */

void rn_task_init(struct rn_task *t, runnel_fn *fn, void *arg) {
    *t = (struct rn_task){.fn = fn, .arg = arg};
    rn_list_init(&t->link);
}

static void put_off(struct rn_loop *l, struct rn_list *list, struct rn_task *t) {
    if (rn_list_linked(&t->link))
        return;
    rn_list_add(list, &t->link);
    if (!l->turning)
        l->env->wake(l->env->ctx);
}

void rn_task_run_soon(struct rn_loop *l, struct rn_task *t) {
    put_off(l, &l->deferred, t);
}

void rn_task_run_late(struct rn_loop *l, struct rn_task *t) {
    put_off(l, &l->late, t);
}

void rn_task_cancel(struct rn_task *t) {
    drop(t);
}

int rn_loop_defer(struct rn_loop *l, runnel_fn *fn, void *arg) {
    struct rn_task *t = malloc(sizeof *t);
    if (t == NULL)
        return -RUNNEL_ENOMEM;
    rn_task_init(t, fn, arg);
    t->once = 1;
    rn_task_run_soon(l, t);
    return 0;
}

/* ---- a turn ---- */

/* Runs what is in the list now. It is moved aside first: what the tasks defer waits for the next
 * turn, so that a task which defers itself cannot starve the timers and the sockets. */
static void run_list(struct rn_list *list) {
    struct rn_list now;
    rn_list_init(&now);
    while (!rn_list_empty(list)) {
        struct rn_list *first = list->next;
        rn_list_del(first);
        rn_list_add(&now, first);
    }
    while (!rn_list_empty(&now)) {
        struct rn_task *t = rn_list_of(now.next, struct rn_task, link);
        runnel_fn *fn = t->fn;
        void *arg = t->arg;
        drop(t); /* before the call, which may free the task's owner */
        fn(arg);
    }
}

/* Runs the timers that are due, but none that was set since: `seq` tells them apart, for a clock may
 * stand still. */
static void run_timers(struct rn_loop *l) {
    int64_t now = l->env->now(l->env->ctx);
    uint64_t since = l->timers.seq;
    for (struct rn_timer *t; (t = rn_heap_first(&l->timers)) != NULL && t->at <= now && t->seq < since;) {
        struct rn_alarm *a = rn_list_of(t, struct rn_alarm, timer);
        rn_heap_del(&l->timers, t);
        a->fn(a->arg);
    }
}

void rn_loop_turn(struct rn_loop *l) {
    l->turning = 1;
    run_list(&l->deferred);
    run_list(&l->late);
    run_timers(l);
    l->turning = 0;
    set_alarm(l);
    if (!rn_list_empty(&l->deferred) || !rn_list_empty(&l->late))
        l->env->wake(l->env->ctx);
}
