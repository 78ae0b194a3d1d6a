/* SPDX-License-Identifier: MIT
 * bounds.h — what a node may keep in memory for its sessions and subscriptions, at every moment.
 * May touch: the world; nodes by looking only.
 */
#ifndef SIM_BOUNDS_H
#define SIM_BOUNDS_H

#include "sim/simnode.h"

struct sim_bounds {
    uint64_t n_looks;
    struct rn_burden most; /* ever seen, of each kind */
};

/* Whether this burden is within the limits of data/limits.h; a failure of the world where it is not. */
void sim_bounds_check(struct sim_bounds *b, struct sim_world *w, const char *who, const struct rn_burden *now);
/* The same of a node, if it is there. */
void sim_bounds_look(struct sim_bounds *b, const struct sim_node *n);

#endif
