/* SPDX-License-Identifier: MIT
 * reload.h — another config for a node that runs: what differs, and what becomes of it.
 * May touch: the node's instances, sessions, subscriptions.
 *
 * All or nothing. First everything is compared (reloadplan.c): a difference that needs a restart refuses the whole.
 * Then the instances that are new are made and started, and those with LIVE changes take them over; where one fails,
 * all that was done is undone. Only then the node changes over, which cannot fail.
 */
#ifndef RN_NODE_RELOAD_H
#define RN_NODE_RELOAD_H

#include "node/inner.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of an instance. */
enum rn_reload_what {
    RN_KEEP,   /* nothing has changed for it */
    RN_CHANGE, /* it takes over LIVE options */
    RN_RENEW,  /* another takes its place */
    RN_JOIN    /* it is new */
};

struct rn_reload_item {
    struct rn_section *section; /* of the new conf */
    struct rn_member *old;      /* NULL for one that is new */
    enum rn_reload_what what;
    struct runnel_inst *inst; /* the new one, once made; owned */
    int started;
    int changed; /* it has taken the LIVE options over */
};

struct rn_reload_plan {
    struct rn_node *node;
    struct rn_conf *conf;
    struct rn_reload_item *v; /* one a section of the new conf, in its order */
    size_t n;
    struct rn_buf *told;
    int refused;
};

/* reloadplan.c: compares. 0; or a negative code, when it is refused too: `told` says why. */
int rn_reload_compare(struct rn_reload_plan *p);
/* Whether a member of the node has no section any more. */
int rn_reload_leaves(const struct rn_reload_plan *p, const struct rn_member *m);
/* Writes what has changed. */
void rn_reload_tell(const struct rn_reload_plan *p);

/* Forgets who waits, and frees what leaves (the node goes). */
void rn_reload_drop(struct rn_node *n);

#ifdef __cplusplus
}
#endif
#endif
