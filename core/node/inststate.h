/* SPDX-License-Identifier: MIT
 * inststate.h — what an instance is made of, for inst.c and host.c.
 * May touch: nothing; declarations.
 */
#ifndef RN_NODE_INSTSTATE_H
#define RN_NODE_INSTSTATE_H

#include "node/inst.h"
#include <stdatomic.h>

/* Whether the instance is still there, for posts that may outlive it; counted from any thread. */
struct rn_inst_life {
    atomic_uint refs;
    struct runnel_inst *inst; /* NULL: freed. Loop thread only */
};

enum rn_inst_state { RN_INST_MADE, RN_INST_STARTED, RN_INST_STOPPING, RN_INST_STOPPED, RN_INST_ABANDONED };

/* A call that is put off. It carries the error that a refused note ends with. */
struct rn_inst_call {
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
    struct rn_inst_life *life;
    enum rn_inst_state state;
    struct rn_list timers;     /* of struct runnel_timer */
    struct rn_list calls;      /* of struct rn_inst_call: deferred */
    struct rn_inst_call spare; /* for the one call that is always possible; in use while it has its fn */
    struct rn_list notes;      /* of struct note: unanswered */
    struct rn_alarm limit;     /* of the stop */
    struct rn_task stopped;
    runnel_done *done;
    void *done_arg;
    int failed; /* the stop ended with this error */
    struct runnel_err err;
    struct runnel_err dir_err; /* why there is no directory */
    char *name, *path, *area;  /* "wan"; "transport.wan"; "tcp.wan", in the log */
};

static inline struct rn_loop *rn_inst_loop(const struct runnel_inst *i) {
    return i->s->loop;
}

/* An abandoned instance may still call its host, when the node is perhaps gone. */
static inline int rn_inst_gone(const struct runnel_inst *i) {
    return i->s == NULL;
}

/* ---- host.c ---- */

/* The host of a fresh instance. 0 or -RUNNEL_ENOMEM, with nothing to be undone. */
int rn_host_init(struct runnel_inst *i);
/* Timers, deferred calls and notes on their way are dropped; posts find nobody any more. The host stays, for a plugin
 * that was abandoned, and does nothing. */
void rn_host_end(struct runnel_inst *i);

#endif
