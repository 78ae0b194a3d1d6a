/* SPDX-License-Identifier: MIT
 * rootat.h — the root that a stream's history had at an earlier count, from what the store holds.
 * May touch: the store.
 */
#ifndef RN_NODE_ROOTAT_H
#define RN_NODE_ROOTAT_H

#include "node/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Borrowed; err: what it takes is damaged, or cannot be read. */
typedef void rn_root_fn(void *arg, const struct rn_hash *root, const struct runnel_err *err);

/* The root over the first `count` observations, which must be held. `fn` fires once, later. 0 or -RUNNEL_ENOMEM. */
int rn_root_at(struct rn_stream *s, uint64_t count, rn_root_fn *fn, void *arg);

#ifdef __cplusplus
}
#endif
#endif
