/* SPDX-License-Identifier: MIT
 * discover.c — who looks for streams, and what they are asked (discover.h).
 * May touch: the discovery instances.
 */
#include "node/discover.h"

#include "node/mend.h"
#include "node/upstreamstate.h"

void rn_discover(struct rn_node *n, struct rn_member *only, uint64_t watch, const struct runnel_sought *sought,
                 int on) {
    for (size_t i = 0; i < n->n_members; i++) {
        struct rn_member *m = &n->members[i];
        if (m->section->kind != RUNNEL_DISCOVERY || !m->started || (only && m != only))
            continue;
        const struct runnel_discovery *ops = rn_inst_ops(m->inst);
        ops->watch(rn_inst_self(m->inst), watch, sought, on);
    }
}

void rn_discover_joined(struct rn_node *n, struct rn_member *m) {
    rn_map_for (e, n->upstreams)
        rn_upstream_watch(e->val, m, 1);
    rn_mends_watch(n, m);
    rn_safety_watch(n, m);
}

void rn_discover_left(struct rn_node *n, struct rn_member *m) {
    const char *name = rn_inst_name(m->inst);
    rn_map_for (e, n->upstreams)
        rn_upstream_found(n, ((const struct rn_upstream *)e->val)->watch, name, NULL, 0);
    rn_mends_unnamed(n, name);
    rn_safety_found(n, m->inst, NULL, 0);
}
