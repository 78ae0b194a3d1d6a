/* SPDX-License-Identifier: MIT
 * step.h — a step of a node's start: an area of the store is read, and then it is said how that ended.
 * May touch: nothing; declarations.
 */
#ifndef RN_NODE_STEP_H
#define RN_NODE_STEP_H

#include "node/store.h"

struct rn_node;

/* First member of what a step needs besides. */
struct rn_step {
    struct rn_op op;
    struct rn_node *node;
    runnel_done *done;
    void *arg;
    struct runnel_err err; /* why the node cannot go on; code 0: it can */
};

/* A step of `size` bytes, zeroed beyond its head. `free` takes apart what it holds; NULL: there is nothing but its own
 * memory. NULL when out of memory: `done` has been told, "out of memory while WHAT are read". */
void *rn_step_new(size_t size, struct rn_node *n, void (*free)(struct rn_op *), const char *what, runnel_done *done,
                  void *arg);
/* Reads all records of an area (place.h); both calls get the step. */
void rn_step_scan(struct rn_step *s, char area, runnel_pair *record, runnel_done *then);
/* `err` (may be NULL) is why the step failed, unless it knows already. */
void rn_step_failed(struct rn_step *s, const struct runnel_err *err);
/* The step is over and freed; then `done` is told its err. */
void rn_step_end(struct rn_step *s);

#endif
