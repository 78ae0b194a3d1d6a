/* SPDX-License-Identifier: MIT
 * offer.c — who dialled us may serve us as well: sessions that the other side opened are candidates (upstream.h).
 * May touch: the subscriptions.
 *
 * The node id that the other side claims is a hint, as all candidates are: what it serves is verified. It is
 * never taken for the publisher, so that a better provider than one who only claims to be the author is looked
 * for all the time.
 */
#include "base/err.h"
#include "node/peers.h"
#include "node/sessionstate.h"
#include "node/upstreamstate.h"
#include <string.h>

/* Whether this subscription may be served by whoever has dialled us in this session. */
static int concerns(const struct rn_upstream *u, const struct rn_session *s) {
    const struct rn_key *author = u->stream ? &u->stream->desc->author : u->ref.has_id ? NULL : &u->ref.author;
    return u->recover || (author && memcmp(author->b, s->peer.b, RN_KEY) == 0);
}

static void offer(struct rn_upstream *u, struct rn_session *s) {
    const char *address = rn_peer_address(s);
    if (!address || rn_upstream_offer(u, address) != 0)
        rn_node_log(u->node, RUNNEL_DEBUG, "sync", "%s: one candidate more cannot be kept", rn_session_name(s));
}

void rn_upstreams_offer(struct rn_node *n, struct rn_session *s) {
    rn_map_for (e, n->upstreams)
        if (rn_session_open(s) && concerns(e->val, s))
            offer(e->val, s);
}

void rn_upstreams_dialled(struct rn_upstream *u) {
    rn_list_for (it, &u->node->sessions) {
        struct rn_session *s = rn_list_of(it, struct rn_session, link);
        if (!s->dialled && s->has_peer && rn_session_open(s) && concerns(u, s))
            offer(u, s);
    }
}

void rn_upstreams_lost(struct rn_node *n, const char *address) {
    if (!n->upstreams)
        return;
    rn_map_for (e, n->upstreams)
        rn_upstream_withdraw(e->val, address);
}
