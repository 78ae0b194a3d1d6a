/* SPDX-License-Identifier: MIT
 * fetchstate.h — a history that is being fetched, for the files fetch*.c.
 * May touch: nothing; declarations.
 *
 * The target's tree is taken in three steps, none of which waits for the other side more than it must. The skeleton:
 * the perfect nodes over 2^10 leaves that we lack and the ragged right edge leaf by leaf; with our own peaks at the
 * left they must give the target's root. Group by group the leaves under one such node, which must fold to it: the
 * first ones are asked for together with the skeleton, and always those of the next group while the blocks of the
 * one at hand come. The blocks, by one follow up to the target; each must have its leaf's hash. One that is earlier
 * than its leaf waits. Memory is bounded by the follow's credit and the hashes of three groups.
 */
#ifndef RN_NODE_FETCHSTATE_H
#define RN_NODE_FETCHSTATE_H

#include "node/upstreamstate.h"

#define RN_GROUP_LEVEL 10u /* leaves are fetched in subtrees of 2^10 */
#define RN_GROUP (1u << RN_GROUP_LEVEL)

/* Leaf hashes [from, from + n) of the target's tree, of which the first `got` have come. */
struct rn_leaves {
    uint64_t from, n, got;
    uint64_t ask; /* what is asked for; 0: nothing */
    struct rn_hash hash[RN_GROUP + 1];
};

struct rn_fetch {
    struct rn_signed_head target;

    /* The skeleton. */
    struct rn_hash *nodes; /* perfect nodes of RN_GROUP_LEVEL, from index `first` on */
    uint64_t first, n_nodes, got_nodes;
    uint64_t ask_nodes;      /* as in rn_leaves */
    struct rn_leaves ragged; /* behind the last perfect group; may be none */
    int sound;               /* it gives the target's root */

    /* The groups. */
    struct rn_leaves coming; /* those behind the ones at hand */
    struct rn_leaves hand;   /* checked: the blocks under them are being taken */

    /* The blocks. */
    int following;
    struct rn_buf part; /* entries of a block that has not come whole yet; checked, but for the hash */
    struct rn_checked_run part_run;
    struct rn_list early; /* of struct rn_early: whole blocks whose leaf is not at hand */
    uint64_t n_early;     /* observations in them */
    size_t early_bytes;

    /* What has been checked and is not on its way to the disk yet. */
    struct rn_growth growth;
    struct rn_changes changes;
    int growing;
    size_t bytes; /* entries in it */
};

/* ---- fetch.c ---- */

/* The newest end: what has been added here, or is on its way to the disk, or is there. */
const struct rn_tail *rn_fetch_tail(const struct rn_upstream *u);
/* Does what can be done now: takes blocks and leaves that are here, commits, asks for more, ends. The fetch may be
 * gone afterwards. */
void rn_fetch_go_on(struct rn_upstream *u);
/* Something that came is wrong, or could not be handled: the provider is let go. */
void rn_fetch_refuse(struct rn_upstream *u, int rc, const struct runnel_err *err);

/* ---- fetchleaves.c ---- */

/* Asks for the skeleton, and for the leaves of the first group. 0 or a negative code. */
int rn_fetch_ask_leaves(struct rn_upstream *u, struct runnel_err *err);
/* Checks the skeleton when it has come whole. 0, or -RUNNEL_EDAMAGED. */
int rn_fetch_check_skeleton(struct rn_upstream *u, struct runnel_err *err);
/* The leaves at hand are used up: takes those that are coming, and asks for those behind them. 1: there are new ones
 * at hand; 0: they have not come yet; or a negative code. */
int rn_fetch_turn_leaves(struct rn_upstream *u, struct runnel_err *err);
/* Forgets what was asked for. */
void rn_fetch_forget_leaves(struct rn_upstream *u);

/* ---- fetchblocks.c ---- */

/* Opens the follow. */
void rn_fetch_follow(struct rn_upstream *u);
/* Takes the blocks that were early and have their leaf at hand now. 0 or a negative code. */
int rn_fetch_take_early(struct rn_upstream *u, struct runnel_err *err);
void rn_fetch_forget_blocks(struct rn_fetch *f);

#endif
