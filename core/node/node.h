/* SPDX-License-Identifier: MIT
 * node.h — a whole node, as the daemon and the simulator see it.
 * May touch: what it is handed: an env, a checked conf. Any number of nodes live in one process.
 */
#ifndef RN_NODE_NODE_H
#define RN_NODE_NODE_H

#include "node/conf.h"
#include "node/env.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_node; /* opaque */

/* Makes a node with all its instances, without any I/O. `env` and `conf` (checked, no errors) outlive
 * it; `id` is the public half of the key with which env->sign signs. 0 and *out, or a negative code. */
int rn_node_new(const struct rn_env *env, struct rn_conf *conf, const struct rn_registry *registry,
                const struct rn_key *id, struct rn_node **out, struct runnel_err *err);
/* Starts: storage, then what it remembers, then discovery and transports. `ready` fires once with
 * NULL when the node serves, or with why it cannot (then stop and free it). 0, or a negative code at
 * once, after which only rn_node_free may follow. */
int rn_node_start(struct rn_node *n, runnel_done *ready, void *arg, struct runnel_err *err);
/* Ends orderly: nobody new is let in, commits under way finish, readers get what is durable, at most
 * node.stop_timeout long (drain.h), sessions close, instances stop. `done` fires once. */
void rn_node_stop(struct rn_node *n, runnel_done *done, void *arg);
/* Takes over another conf, that was checked without errors against the same registry: all of it or nothing, and nobody
 * is dropped who is not meant to be. Writes to `told`, a line each, what has changed, or why nothing may. 0: the new
 * conf outlives the node from now on, the one before is needed no more. Else a negative code, and the node is as it
 * was. Those who have asked by env->reload get the answer. */
int rn_node_reload(struct rn_node *n, struct rn_conf *conf, struct rn_buf *told);
/* There is no conf without errors: this is what is wrong, a line each, for those who have asked. */
void rn_node_reload_refused(struct rn_node *n, const char *errors);
/* Frees a node that was stopped or never started; the simulator also frees running ones (a crash):
 * nothing more is called, connections are closed, instances destroyed without stop. */
void rn_node_free(struct rn_node *n);
/* Runs what is due: the env calls it when the alarm rings or after a wake. */
void rn_node_turn(struct rn_node *n);

/* Writes the addresses at which the node can be reached, one a line, terminated (cut at the end of one
 * when `size`, at least 1, does not hold them all). Returns how many were written. */
unsigned rn_node_addresses(const struct rn_node *n, char *out, size_t size);

/* ---- for tests and the simulator: looking inside ---- */

/* What a node holds of a stream. -RUNNEL_ENOTFOUND when it knows none such. */
struct rn_holding {
    uint64_t count;      /* observations held, verified and durable */
    uint64_t head_count; /* of the newest head held whole */
    struct rn_hash root; /* of that head */
    int own;
    int live;             /* following a provider's live tail, or own */
    const char *provider; /* address of the one at hand; NULL: none. Borrowed until the node does something */
};
int rn_node_holding(const struct rn_node *n, const struct runnel_id *id, struct rn_holding *out);

/* What its sessions and subscriptions keep in memory, bytes: of each kind what the one has that has most. */
struct rn_burden {
    size_t sessions;
    size_t unsent;     /* written by no link yet: node.unsent, limits UNREAD, QUEUED */
    size_t unread;     /* received and not yet taken: a frame, and what is read at once */
    size_t publishes;  /* not yet durable: limit PUBLISHES */
    size_t unverified; /* of a provider, waiting for its head or for the disk: limit UNVERIFIED */
};
void rn_node_burden(const struct rn_node *n, struct rn_burden *out);

#ifdef __cplusplus
}
#endif
#endif
