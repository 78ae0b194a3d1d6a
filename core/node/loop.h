/* SPDX-License-Identifier: MIT
 * loop.h — the node's own order of events: timers behind one alarm, and what is put off.
 * May touch: the env's clock, alarm and wake.
 */
#ifndef RN_NODE_LOOP_H
#define RN_NODE_LOOP_H

#include "base/heap.h"
#include "base/list.h"
#include "node/env.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_loop {
    const struct rn_env *env;
    struct rn_heap timers;
    struct rn_list deferred; /* of struct rn_task */
    struct rn_list late;     /* of struct rn_task: behind all of those */
    struct rn_list owed;     /* memory, by a struct rn_list at its start, that is freed with the loop at the latest */
    int turning;
};

/* A timer that its owner embeds; zeroed before its first use. */
struct rn_alarm {
    struct rn_timer timer; /* first: the heap hands this back */
    runnel_fn *fn;
    void *arg;
};

/* Something to be done after the present callback, embedded by its owner: asking twice before it
 * runs is one run. Initialise with rn_task_init. */
struct rn_task {
    struct rn_list link;
    runnel_fn *fn;
    void *arg;
    int once; /* allocated by rn_loop_defer: freed after its run */
};

void rn_loop_init(struct rn_loop *l, const struct rn_env *env);
void rn_loop_free(struct rn_loop *l); /* drops what is left without calling it */

/* Calls fn(arg) at `ns` from now; moves the alarm if it is set already. 0 or -RUNNEL_ENOMEM. */
int rn_alarm_set(struct rn_loop *l, struct rn_alarm *a, int64_t ns, runnel_fn *fn, void *arg);
void rn_alarm_cancel(struct rn_loop *l, struct rn_alarm *a); /* harmless when it is not set */

void rn_task_init(struct rn_task *t, runnel_fn *fn, void *arg);
void rn_task_run_soon(struct rn_loop *l, struct rn_task *t);
/* The same, but behind everything that a turn has put off: in the turn that is running, at its end, else in the next.
 * Asked for by itself it runs in the next turn, before which the sockets are looked at. */
void rn_task_run_late(struct rn_loop *l, struct rn_task *t);
void rn_task_cancel(struct rn_task *t);
/* As a task, but allocated for one run. 0 or -RUNNEL_ENOMEM. */
int rn_loop_defer(struct rn_loop *l, runnel_fn *fn, void *arg);

/* Runs what was put off when this turn began, then what is late, then the timers that are due, in order; sets the
 * alarm or the wake for what is left. */
void rn_loop_turn(struct rn_loop *l);

#ifdef __cplusplus
}
#endif
#endif
