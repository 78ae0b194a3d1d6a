/* SPDX-License-Identifier: MIT
 * follow.h — a follow that we serve: a cursor on a stream, from history to the live tail.
 * May touch: the stream it reads and the session it writes to.
 */
#ifndef RN_NODE_FOLLOW_H
#define RN_NODE_FOLLOW_H

#include "node/blocks.h"
#include "node/session.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_follow {
    struct rn_list stream_link;  /* in stream->follows */
    struct rn_list session_link; /* in the session's follows */
    struct rn_list end_link;     /* in the stream's list of those that have caught up with it */
    struct rn_list busy_link;    /* in the session's list of follows that have something to send */
    struct rn_session *session;
    struct rn_stream *stream;
    uint64_t id;
    struct rn_call *call; /* while its place is being looked for: who waits for the answer; else NULL */
    struct rn_seek *seek;
    uint64_t next;      /* seq of the next observation to send */
    uint64_t until;     /* end before this seq; UINT64_MAX: never */
    int64_t until_time; /* end before this time, if has_until_time */
    int has_until_time;
    int64_t credit; /* bytes that may be sent; may go below 0 by one observation */
    int heads;
    int told_live;      /* -1: nothing told yet */
    uint32_t told_hops; /* to a node: by which path (hops.h) */
    /* With heads: the head that the observations being sent end at. Fixed when it is taken, so that a
     * reader hears of heads also while the stream grows faster than it reads. */
    struct rn_buf goal; /* encoded; empty when all of the newest has been told */
    uint64_t goal_count;
    uint64_t told_count; /* of the head taken last */
    int64_t told_signed; /* and its signed_at; INT64_MIN: none yet */
    struct rn_block_wait wait;
};

/* Where a follow begins and ends, as the request said. */
struct rn_follow_spec {
    uint64_t from, until;
    int64_t from_time, until_time;
    int has_from_time, has_until_time, now, heads;
    uint64_t credit;
};
/* Opens a follow and answers the call, now or once the place has been found. */
void rn_follow_open(struct rn_call *call, struct rn_stream *s, const struct rn_follow_spec *spec);
void rn_follow_free(struct rn_follow *f);
/* The other side wants no more of it. If it had not begun its request is answered with an error. */
void rn_follow_withdraw(struct rn_follow *f);
/* Its stream is gone: ends it with an error. */
void rn_follow_lost(struct rn_follow *f, const struct runnel_err *err);
/* There may be something to send: its session pumps it soon. */
void rn_follow_wake(struct rn_follow *f);
/* followrun.c: sends one run out of the block in which the follow stands, up to `limit`. 1: sent; 0: the end by time is
 * reached here; or a negative code. */
int rn_follow_run(struct rn_follow *f, struct runnel_bytes block, uint64_t limit, struct runnel_err *err);
/* followrun.c: sends the run if it has been encoded for another follow already. 1: sent. */
int rn_follow_run_shared(struct rn_follow *f, uint64_t limit);
/* followrun.c: sends another frame; `rest` is what stands in it behind the follow's id. 0 or a negative code. */
int rn_follow_push(struct rn_follow *f, int type, struct runnel_bytes rest);

/* Sends one run at most. Returns 1 when it would go on at once, 0 when it waits (for data, credit, disk) or has
 * ended (it is then freed). */
int rn_follow_pump(struct rn_follow *f);
/* Whether it has sent all that is here, and waits for more. */
int rn_follow_at_end(const struct rn_follow *f);
void rn_follow_credit(struct rn_follow *f, uint64_t bytes);

#ifdef __cplusplus
}
#endif
#endif
