/* SPDX-License-Identifier: MIT
 * heads.h — an author's heads are compared with those that its peers hold: what was lost here is found again.
 * May touch: sessions, the streams of this node's own, the store.
 *
 * Each node session that opens, whoever dialled it, is asked once for the streams whose author this node is. All
 * that counts is what our own key has signed: a peer can hide a head, but not make one up.
 */
#ifndef RN_NODE_HEADS_H
#define RN_NODE_HEADS_H

#include "node/session.h"
#include "node/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Asks this session, once; rn_safety_answered follows. */
void rn_heads_ask(struct rn_node *n, struct rn_session *s);
/* Whether everything that was found so far is back, as far as it can be brought back. */
int rn_heads_settled(const struct rn_node *n);
/* The session ends. */
void rn_heads_gone(struct rn_session *s);
/* Lets all questions go without a word (the node goes). */
void rn_heads_drop(struct rn_node *n);

/* recover.c: all of a stream that was wanted is here. */
void rn_heads_recovered(struct rn_stream *s);
/* What a peer (NULL: it is gone) gave of an own stream contradicts what is here, or is damaged. */
void rn_heads_contradicted(struct rn_stream *s, const char *who, const struct runnel_err *why);

#ifdef __cplusplus
}
#endif
#endif
