/* SPDX-License-Identifier: MIT
 * lane.h — the bulk that a session has yet to send: frames in order, their bytes shared with other sessions.
 * May touch: the heap.
 */
#ifndef RN_NODE_LANE_H
#define RN_NODE_LANE_H

#include "node/share.h"
#include <runnel/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RN_PARCEL_START 16u /* the length, the type, a LEB128 */

/* One frame: what is this session's own of it, then what is shared. */
struct rn_parcel {
    struct rn_share *share;
    uint64_t follow;
    uint8_t n_start;
    uint8_t start[RN_PARCEL_START - 1];
};

/* Zeroed, it is empty; it keeps no memory while it is. */
struct rn_lane {
    struct rn_parcel *v;
    size_t first, n, cap;
    size_t sent;  /* bytes of the first parcel that have gone */
    size_t bytes; /* that have yet to go */
};

void rn_lane_free(struct rn_lane *l);
/* Adds a frame of `type` for a follow; it holds the share. 0, -RUNNEL_ETOOBIG or -RUNNEL_ENOMEM. */
int rn_lane_add(struct rn_lane *l, int type, uint64_t follow, struct rn_share *share);
/* Takes back what has not begun to go: of one follow; all. */
void rn_lane_withdraw(struct rn_lane *l, uint64_t follow);
void rn_lane_cut(struct rn_lane *l);

/* How many bytes are left of a frame that has begun to go: nothing may come before them. */
size_t rn_lane_begun(const struct rn_lane *l);
/* What is to be sent next: of the frame that has begun alone, or of those behind it. Returns how many of the `most`
 * places were filled, at most two a frame. */
int rn_lane_begun_iov(const struct rn_lane *l, struct iovec *iov);
int rn_lane_rest_iov(const struct rn_lane *l, struct iovec *iov, int most);
/* The first `n` bytes have gone. */
void rn_lane_sent(struct rn_lane *l, size_t n);

#ifdef __cplusplus
}
#endif
#endif
