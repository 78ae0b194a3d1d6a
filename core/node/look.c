/* SPDX-License-Identifier: MIT
 * look.c — looking inside a node, for tests and the simulator (node.h).
 * May touch: the node, by reading only.
 */
#include "node/fetchstate.h"
#include "node/sessionstate.h"

int rn_node_holding(const struct rn_node *n, const struct runnel_id *id, struct rn_holding *out) {
    const struct rn_stream *s = rn_stream_find(n, id);
    if (!s)
        return -RUNNEL_ENOTFOUND;
    *out = (struct rn_holding){
        .count = s->tail.count, .own = s->own, .live = rn_stream_live(s), .provider = s->up ? s->up->provider : NULL};
    if (s->has_head) {
        out->head_count = s->head.head.count;
        out->root = s->head.head.root;
    }
    return 0;
}

static void most(size_t *so_far, size_t here) {
    if (here > *so_far)
        *so_far = here;
}

void rn_node_burden(const struct rn_node *n, struct rn_burden *out) {
    *out = (struct rn_burden){.sessions = n->n_sessions};
    rn_list_for (it, &n->sessions) {
        const struct rn_session *s = rn_list_of(it, struct rn_session, link);
        most(&out->unsent, rn_session_unsent(s));
        most(&out->unread, s->in.n);
        most(&out->publishes, s->weight);
    }
    if (!n->upstreams)
        return;
    rn_map_for (e, n->upstreams) {
        const struct rn_upstream *u = e->val;
        const struct rn_fetch *f = u->fetch;
        most(&out->unverified, u->unverified + (f ? f->bytes + f->early_bytes + f->part.n : 0));
    }
}
