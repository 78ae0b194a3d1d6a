/* SPDX-License-Identifier: MIT
 * env.h — all that a node may ask of the world: time, one alarm, randomness, a log, a signature.
 * May touch: nothing; the daemon fills it in with libevent and the kernel, the simulator with its own.
 */
#ifndef RN_NODE_ENV_H
#define RN_NODE_ENV_H

#include "base/log.h"
#include "data/sign.h"
#include <runnel/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Handed in at rn_node_new and outlives the node. Every call is on the loop thread except post. Calls
 * into the node never happen from inside one of these. */
struct rn_env {
    void *ctx;
    int64_t (*now)(void *ctx);  /* monotonic, ns */
    int64_t (*wall)(void *ctx); /* ns since the Unix epoch, UTC */
    /* Have rn_node_turn called at `at` (monotonic) or as soon after as possible. One alarm: this
     * replaces the one before; INT64_MAX: none. */
    void (*alarm)(void *ctx, int64_t at);
    /* Have rn_node_turn called once, soon, after the present callback has returned. Calling it
     * again before that changes nothing. */
    void (*wake)(void *ctx);
    /* Have fn(arg) called on the loop; from any thread. 0 or a negative code. */
    int (*post)(void *ctx, runnel_fn *fn, void *arg);
    void (*random)(void *ctx, void *p, size_t n);
    /* Signs with the node's identity, as rn_sign. */
    int (*sign)(void *ctx, const char *purpose, const void *p, size_t n, uint8_t sig[RN_SIGNATURE]);
    /* As rn_verify; here so that a simulator may count or memoise. */
    int (*verify)(void *ctx, const struct rn_key *id, const char *purpose, const void *p, size_t n,
                  const uint8_t sig[RN_SIGNATURE]);
    /* libevent's base for plugins that do I/O; NULL in the simulator. */
    struct event_base *(*loop)(void *ctx);
    /* The private directory of an instance, made if need be; NULL when it cannot be (then err says
     * why) or in the simulator (err untouched). The string lives as long as the env. */
    const char *(*dir)(void *ctx, uint32_t kind, const char *name, struct runnel_err *err);
    /* The node wants to be stopped and started anew, as if the process were. */
    void (*again)(void *ctx);
    /* Somebody asks for the config to be read anew: rn_node_reload or rn_node_reload_refused follows, later. NULL:
     * there is nothing to read. */
    void (*reload)(void *ctx);
    /* A text (terminated, at most `n` bytes) that tells the place where an instance keeps its files from every
     * other place that a copy of them may come to. 0, or a negative code and why. */
    int (*marker)(void *ctx, uint32_t kind, const char *name, char *out, size_t n, struct runnel_err *err);
    /* Remembers, beside the identity and durable, that a store has been made for it. Harmless when that was
     * known. 0, or a negative code and why. */
    int (*identity_used)(void *ctx, struct runnel_err *err);
    int identity_new; /* at the start of the node no store had ever been made for its identity */
    const struct rn_log *log;
    /* The node can do its work no more, and only a new process could: have this one stop the node, soon,
     * and end so that it is started again. NULL: the node stays as it is. */
    void (*failed)(void *ctx, const struct runnel_err *why);
    int64_t uid; /* the user this process runs as, who has all rights over local links; -1: nobody */
};

#ifdef __cplusplus
}
#endif
#endif
