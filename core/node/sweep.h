/* SPDX-License-Identifier: MIT
 * sweep.h — a range of keys is erased, a slice at a time.
 * May touch: the store.
 *
 * A slice is what one look into the store shows: few records, few bytes. So a commit stays small however much there
 * is, what others commit goes in between, and a crash loses nothing but the slice under way.
 */
#ifndef RN_NODE_SWEEP_H
#define RN_NODE_SWEEP_H

#include "node/store.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_node;

/* How many records went. With RUNNEL_ECLOSED the node is stopping. */
typedef void rn_sweep_fn(void *arg, uint64_t records, const struct runnel_err *err);
/* Erases all with from <= key < to, then fires, once, later. 0 or -RUNNEL_ENOMEM. */
int rn_sweep(struct rn_node *n, const struct rn_place *from, const struct rn_place *to, rn_sweep_fn *done, void *arg);

#ifdef __cplusplus
}
#endif
#endif
