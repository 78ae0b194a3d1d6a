/* SPDX-License-Identifier: MIT
 * bounds.c — compares a node's burden with the limits (bounds.h).
 * May touch: the world; nodes by looking only.
 */
#include "sim/bounds.h"
#include "data/frame.h"

#define FRAME ((size_t)RN_FRAME_LENGTH + RN_MAX_FRAME)
#define READ_ONCE 65536u /* bytes that a session asks of its link at once */
#define TURN 262144u     /* bytes of requests that it takes before it looks at its limits again */

/* A limit stops what would go on; what was begun below it is still finished. Reading pauses at UNREAD, and each
 * request of a turn may bring an answer of a frame at most: nodes ask few things at a time. */
static const struct rn_burden limits = {
    .sessions = RN_MAX_SESSIONS,
    .unsent = RN_MAX_UNREAD + 8 * FRAME,
    .unread = FRAME + READ_ONCE,
    .publishes = RN_MAX_PUBLISHES + TURN + 2 * FRAME,
    .unverified = RN_MAX_UNVERIFIED + FRAME,
};

static void within(struct sim_world *w, const char *who, const char *what, size_t now, size_t limit, size_t *most) {
    if (now > *most)
        *most = now;
    if (now > limit)
        sim_fail(w, "%s: keeps %zu bytes %s, more than %zu", who, now, what, limit);
}

void sim_bounds_check(struct sim_bounds *b, struct sim_world *w, const char *who, const struct rn_burden *now) {
    b->n_looks++;
    if (now->sessions > b->most.sessions)
        b->most.sessions = now->sessions;
    if (now->sessions > limits.sessions)
        sim_fail(w, "%s: has %zu sessions, more than %zu", who, now->sessions, limits.sessions);
    within(w, who, "unsent", now->unsent, limits.unsent, &b->most.unsent);
    within(w, who, "unread", now->unread, limits.unread, &b->most.unread);
    within(w, who, "of publishes", now->publishes, limits.publishes, &b->most.publishes);
    within(w, who, "unverified", now->unverified, limits.unverified, &b->most.unverified);
}

void sim_bounds_look(struct sim_bounds *b, const struct sim_node *n) {
    struct rn_burden now;
    if (!n->node)
        return;
    rn_node_burden(n->node, &now);
    sim_bounds_check(b, n->host.world, n->host.name, &now);
}
