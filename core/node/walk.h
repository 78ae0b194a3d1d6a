/* SPDX-License-Identifier: MIT
 * walk.h — a stream's tree is built again from its leaves, and compared with what the store has of it.
 * May touch: the store.
 *
 * A leaf whose entry fails its check is made again from its block; what stands above the leaves is made
 * from them. What comes out is proven only by a root: so who wants it written walks twice, and writes when
 * the first walk gave the peaks that he trusts.
 */
#ifndef RN_NODE_WALK_H
#define RN_NODE_WALK_H

#include "node/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RN_NOWHERE UINT64_MAX

struct rn_walk;

enum rn_walk_how {
    RN_WALK_LOOK,  /* changes nothing */
    RN_WALK_WRITE, /* full packs that differ are written anew; open ones too, if nothing of the stream is on its way */
    RN_WALK_CUT    /* as that; and open packs end with the leaves walked. Only while nothing can be appended */
};

/* What a walk found; borrowed. */
struct rn_walked {
    struct rn_peaks peaks;  /* over all leaves */
    uint64_t bad_nodes;     /* entries that are not what the leaves give */
    uint64_t bad_leaf;      /* the first block's leaf whose entry was bad; RN_NOWHERE: none */
    uint64_t lost_leaf;     /* the first one whose block could not be read either; the walk ended there */
    uint64_t written, busy; /* packs; and those that were left because something was on its way */
};
typedef void rn_walk_fn(void *arg, const struct rn_walked *w, const struct runnel_err *err);
/* Is told of each entry that is not what it should be. */
typedef void rn_walk_bad_fn(void *arg, uint32_t level, uint64_t index, const char *why);

/* Walks the first `leaves` leaves. `fn` fires once, later; `bad` may be NULL. 0 or -RUNNEL_ENOMEM. */
int rn_tree_walk(struct rn_stream *s, uint64_t leaves, enum rn_walk_how how, rn_walk_bad_fn *bad, rn_walk_fn *fn,
                 void *arg);

#ifdef __cplusplus
}
#endif
#endif
