/* SPDX-License-Identifier: MIT
 * env.h — the world for one node: libevent's loop, the kernel's clocks, libsodium's randomness.
 * May touch: all of these, the data directory.
 */
#ifndef RN_DAEMON_ENV_H
#define RN_DAEMON_ENV_H

#include "data/sign.h"
#include "node/env.h"

struct rn_world; /* opaque */

/* What a world is made with; outlives it. */
struct rn_world_conf {
    const struct rn_pair *pair; /* the node's identity */
    const char *data;           /* the data directory, which exists */
    const char *identity;       /* the identity's file */
    int identity_used;          /* it says that a store was made for it */
    const struct rn_log *log;
    runnel_fn *again; /* the node wants to be stopped and started anew */
    void *again_arg;
    runnel_fn *reload; /* the node is asked to have its config read again */
    void *reload_arg;
};

/* NULL and why. */
struct rn_world *rn_world_new(const struct rn_world_conf *conf, struct runnel_err *err);
/* What was posted and not run is run first, so that nothing is lost. NULL is allowed. */
void rn_world_free(struct rn_world *w);

const struct rn_env *rn_world_env(struct rn_world *w);
struct event_base *rn_world_base(struct rn_world *w);
/* Whom the alarm and the wake call. */
void rn_world_serve(struct rn_world *w, runnel_fn *turn, void *arg);
/* Whom a node that has failed calls, later, with why. */
void rn_world_on_failure(struct rn_world *w, runnel_done *failed, void *arg);
/* The directory of an instance, made if need be; as env's dir. */
const char *rn_world_dir(void *world, uint32_t kind, const char *name, struct runnel_err *err);

#endif
