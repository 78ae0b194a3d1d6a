/* SPDX-License-Identifier: MIT
 * peers.h — nodes that we dial, or that have dialled us: one session an address, shared by all who need it.
 * May touch: sessions.
 */
#ifndef RN_NODE_PEERS_H
#define RN_NODE_PEERS_H

#include "node/session.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_peer;

/* One who needs the session to an address; embedded by its owner. */
struct rn_peer_user {
    struct rn_list link;  /* in the peer's users */
    struct rn_peer *peer; /* NULL: not in use */
    int told;
    /* The session is open; fires later, or at once within rn_peer_use's next turn when it was open. */
    void (*up)(struct rn_peer_user *u, struct rn_session *s);
    /* It could not be opened, or has ended. The user has been let go: it may use another. */
    void (*down)(struct rn_peer_user *u, const struct runnel_err *why);
};

/* Wants a session to `address`. Exactly one of up and down follows, later. A session that is there is
 * shared; an address that has failed of late is dialled again only when its back-off is over (down
 * says so at once: RUNNEL_EBUSY). 0 or a negative code. */
int rn_peer_use(struct rn_node *n, const char *address, struct rn_peer_user *u);
/* Needs it no longer; nothing more is called. Harmless when it is not in use. The session is closed
 * when the last user has gone and the other side does not use it either. */
void rn_peer_leave(struct rn_peer_user *u);
/* When the address may be dialled again: ns from now, 0: at once. */
int64_t rn_peer_wait(struct rn_node *n, const char *address);
/* The other side gave us something that fails verification: the session ends, and the address is left
 * alone for a time that grows. All its users get down. */
void rn_peer_bad(struct rn_peer *p, const struct runnel_err *why);
/* The address by which rn_peer_use finds this open session, whoever has dialled it; borrowed. One that
 * the other side dialled gets an address of its own here, which is gone when the session ends: it cannot
 * be dialled. NULL: out of memory, or too many. */
const char *rn_peer_address(struct rn_session *s);
void rn_peers_drop(struct rn_node *n);

#ifdef __cplusplus
}
#endif
#endif
