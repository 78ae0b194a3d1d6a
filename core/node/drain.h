/* SPDX-License-Identifier: MIT
 * drain.h — a stop lets those who are served have what is theirs first.
 * May touch: the node's sessions.
 *
 * Nobody new is let in and nothing new is begun. What was published is committed and answered; then each reader gets
 * what it has not got yet, up to the newest that is durable here, is told why the session ends, and may read all of
 * that before the link is closed. Whoever takes longer than node.stop_timeout is cut off: a reader that does not read
 * keeps nobody else.
 */
#ifndef RN_NODE_DRAIN_H
#define RN_NODE_DRAIN_H

#include "node/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How far a session has come. */
enum rn_parting {
    RN_STAYS,   /* it is served, or still gets what is its own */
    RN_PARTING, /* it has been told that it ends; the link still has to take that */
    RN_PARTED   /* all is written, and the other side is to close */
};

void rn_drain_init(struct rn_node *n);
/* The node stops: listeners close, providers are let go, and when the author is idle the sessions are drained.
 * rn_node_drained follows, once. */
void rn_drain_begin(struct rn_node *n);
/* The author has committed all that it took. */
void rn_drain_author_idle(struct rn_node *n);
/* A session has had its turn: has it got all? It may be RN_CLOSED afterwards. */
void rn_drain_look(struct rn_session *s);
/* A session has ended. */
void rn_drain_ended(struct rn_node *n);
/* Forgets all of it (the node goes). */
void rn_drain_drop(struct rn_node *n);

/* While the node does not serve nothing new is begun: -RUNNEL_ECLOSED and why; else 0. */
int rn_drain_refuses(const struct rn_node *n, struct runnel_err *err);

#ifdef __cplusplus
}
#endif
#endif
