/* SPDX-License-Identifier: MIT
 * twin.h — two processes with one identity are found out, by a proof that each can check.
 * May touch: sessions, the env's signature.
 *
 * A node id in a hello is a claim. Who holds the key now, in another process, can sign the other's nonce of this
 * start together with its own; who only claims it cannot, and nobody can keep such a signature for later.
 */
#ifndef RN_NODE_TWIN_H
#define RN_NODE_TWIN_H

#include "node/session.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_node;

/* A session whose other side claims our own id, with another nonce: it is asked for the proof, and closed. */
void rn_twin_meet(struct rn_session *s);
/* A node session has opened: if another is open with the same id and another nonce, each of the two is asked for a
 * proof, which the other is told; again and again as long as both are open. */
void rn_twin_look(struct rn_session *s);
/* The session ends. */
void rn_twin_gone(struct rn_session *s);
void rn_twins_drop(struct rn_node *n);

#ifdef __cplusplus
}
#endif
#endif
