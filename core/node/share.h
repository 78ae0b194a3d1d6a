/* SPDX-License-Identifier: MIT
 * share.h — bytes that many sessions have to send: encoded once, kept once, for as long as one needs them.
 * May touch: the heap.
 *
 * A thousand readers that stand at one place of a stream want the same run. The first of them has it encoded; the
 * others find it here. What is kept for readers that do not read is bounded by what they wait for, not by how many
 * they are.
 */
#ifndef RN_NODE_SHARE_H
#define RN_NODE_SHARE_H

#include "base/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_shares;

struct rn_share {
    struct rn_shares *of;
    size_t refs;
    size_t n;
    uint8_t bytes[];
};

/* The run [from, to) of a stream as a DATA frame carries it. It never changes: what is held is verified and
 * append-only. */
struct rn_shared_run {
    uint32_t number; /* of the stream */
    uint64_t from, to;
    size_t entries;         /* bytes of them */
    int64_t last;           /* time of the last observation */
    struct rn_share *share; /* the frame behind the follow's id; NULL: the place is free */
};

/* One a node: the runs encoded last, and how much all shares keep. */
#define RN_SHARED_RUNS 32u
struct rn_shares {
    size_t bytes; /* kept now */
    size_t n;     /* shares kept now */
    struct rn_shared_run run[RN_SHARED_RUNS];
    size_t next; /* where the next run goes: the oldest makes room */
};

/* A share of `n` bytes, to be written by the caller, who holds it. NULL: out of memory. */
struct rn_share *rn_share_new(struct rn_shares *all, size_t n);
struct rn_share *rn_share_hold(struct rn_share *s);
void rn_share_drop(struct rn_share *s); /* the last one frees it */

/* The newest kept run that begins at `from` and ends at `to`; NULL: none. */
const struct rn_shared_run *rn_shares_find(const struct rn_shares *all, uint32_t number, uint64_t from, uint64_t to);
/* Keeps a run (holding its share) in the place of the oldest. */
void rn_shares_keep(struct rn_shares *all, const struct rn_shared_run *run);
/* Lets all kept runs go; shares that sessions still hold live on. */
void rn_shares_clear(struct rn_shares *all);

#ifdef __cplusplus
}
#endif
#endif
