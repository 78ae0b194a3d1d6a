/* SPDX-License-Identifier: MIT
 * recover.c — the end of a stream that is lost here is fetched from a peer that has it (upstream.h).
 * May touch: the subscriptions, the stream.
 *
 * For a stream of another author this is as a subscription that ends. For one of our own it is more. A head that our
 * key has signed and that counts more than we hold is proof that observations are lost here: appending would make a
 * fork. So the stream stays in trouble until they are back.
 */
#include "base/err.h"
#include "node/heads.h"
#include "node/upstreamstate.h"

int rn_upstream_recovering(const struct rn_stream *s) {
    return s->up && s->up->recover;
}

int rn_upstream_recover(struct rn_stream *s, const char *address, uint64_t count) {
    struct rn_stream_ref ref = {.has_id = 1, .id = s->desc->id};
    struct rn_upstream *u = s->up;
    int fresh = u == NULL;
    if (fresh && !(u = rn_upstream_make(s->node, &ref, s, 1)))
        return -RUNNEL_ENOMEM;
    if (count > u->goal)
        u->goal = u->want = count;
    int rc = address ? rn_upstream_offer(u, address) : 0;
    if (fresh)
        rn_upstream_begin(u);
    return rc;
}

void rn_recover_decide(struct rn_upstream *u) {
    struct rn_stream *s = u->stream;
    struct runnel_err err;
    uint64_t count = rn_flight_tail(s)->count;
    if (rn_author_flies(&u->node->author, s)) { /* from before the loss was known; no other follows it */
        rn_fail(&err, RUNNEL_EBUSY, "a commit of this node's own is on its way");
        rn_upstream_fail(u, &err);
    } else if (u->probed.head.count > count) {
        if (u->probed.head.count > u->goal)
            u->goal = u->want = u->probed.head.count;
        rn_upstream_serves(u);
        rn_fetch_begin(u);
    } else if (count < u->goal || s->flight) {
        rn_fail(&err, RUNNEL_EINACTIVE, "it holds %llu observations, %llu are wanted",
                (unsigned long long)u->probed.head.count, (unsigned long long)u->goal);
        rn_upstream_fail(u, &err);
    } else {
        rn_upstream_remove(u);
        rn_heads_recovered(s);
    }
}

void rn_recover_subscribed(struct rn_upstream *u, const struct rn_stream_ref *ref) {
    u->recover = 0;
    u->goal = 0;
    u->ref = *ref;
}

void rn_recover_bad(struct rn_upstream *u, const struct runnel_err *why) {
    struct runnel_err err;
    rn_heads_contradicted(u->stream, u->provider, why);
    rn_fail(&err, why->code == RUNNEL_EFORK ? RUNNEL_EFORK : RUNNEL_EDAMAGED, "%s", why->msg);
    rn_fetch_free(u); /* nothing of it that is not stored yet is believed */
    rn_upstream_fail(u, &err);
}
