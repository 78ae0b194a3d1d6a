/* SPDX-License-Identifier: MIT
 * better.c — while a provider serves, a better one is looked for now and then: the publisher, one that is ahead, or
 * one that is live where the provider is not.
 * May touch: peers, sessions.
 */
#include "base/json.h"
#include "base/time.h"
#include "node/backoff.h"
#include "node/upstreamstate.h"
#include <stdlib.h>
#include <string.h>

#define BETTER_LEAST (5 * RN_NS_S) /* between looks for a better provider */
#define SOON_LEAST (RN_NS_S / 2)   /* the same while the one at hand is not live: it may find one itself first */

void rn_better_stop(struct rn_upstream *u) {
    if (u->other_session && u->other_ask)
        rn_session_forget(u->other_session, u->other_ask);
    u->other_ask = 0;
    u->other_session = NULL;
    free(u->other_address);
    u->other_address = NULL;
    rn_peer_leave(&u->other);
}

/* It serves all that it has, and has lost its own provider. */
static int is_cut_off(const struct rn_upstream *u) {
    return u->phase == RN_UP_LIVE && !u->live;
}

/* Soon at first while it is cut off; then ever more seldom: its author may be gone for days. */
static int64_t until_look(struct rn_upstream *u) {
    if (is_cut_off(u))
        return rn_backoff(u->node->env, 2 * SOON_LEAST, BETTER_LEAST, u->n_looks++);
    return BETTER_LEAST + (int64_t)rn_dice(u->node->env, (uint64_t)BETTER_LEAST);
}

static void watch_for_better(struct rn_upstream *u) {
    if (!u->recover && (!u->provider_publisher || u->lags || is_cut_off(u)))
        rn_upstream_wake_in(u, until_look(u));
}

void rn_better_soon(struct rn_upstream *u) {
    int set = rn_timer_set(&u->alarm.timer) && u->alarm.timer.at <= rn_upstream_now(u) + 2 * SOON_LEAST;
    if (!set && !u->other.peer)
        watch_for_better(u);
}

static void on_head(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    struct rn_upstream *u = arg;
    struct rn_signed_head head;
    struct rn_descriptor *d = NULL;
    struct runnel_err why;
    char text[RN_REF_TEXT];
    u->other_ask = 0;
    if (err && u->other_session && !rn_session_open(u->other_session))
        return; /* rn_better_down follows */
    int rc = err ? -1 : rn_probe_check(u, r->json, &head, &d, &why);
    rn_descriptor_free(d);
    int live = 0, ahead = u->ahead && u->stream->tail.count < u->ahead;
    if (rc == 0)
        (void)rn_json_bool(r->json, "live", &live, NULL);
    live = live && is_cut_off(u);
    int better = rc == 0 && head.head.count >= u->stream->tail.count && (u->other_publisher || ahead || live);
    u->ahead = rc == 0 ? head.head.count : 0;
    if (!better) {
        rn_better_stop(u);
        watch_for_better(u);
        return;
    }
    rn_node_log(u->node, RUNNEL_INFO, "sync", "stream %s: moving from %s to %s, %s", rn_upstream_text(u, text),
                u->provider, u->other_address,
                u->other_publisher ? "the publisher"
                : live             ? "which is live"
                                   : "which is ahead");
    /* `other` holds the session open until `user` does. */
    char *address = u->other_address;
    int publisher = u->other_publisher;
    u->other_address = NULL;
    rn_provider_let_go(u);
    if (rn_provider_take(u, address, publisher) != 0)
        rn_upstream_choose(u);
    rn_better_stop(u);
}

void rn_better_up(struct rn_peer_user *user, struct rn_session *s) {
    struct rn_upstream *u = rn_list_of(user, struct rn_upstream, other);
    struct rn_buf b = {.max = 1024};
    char text[RN_REF_TEXT];
    u->other_session = s;
    rn_buf_fmt(&b, "\"stream\":\"%s\"", rn_upstream_text(u, text));
    if (b.failed || rn_session_ask(s, "head", rn_buf_bytes(&b), RN_ASK_NS, on_head, NULL, u, &u->other_ask) != 0) {
        rn_better_stop(u);
        watch_for_better(u);
    }
    rn_buf_free(&b);
}

void rn_better_down(struct rn_peer_user *user, const struct runnel_err *why) {
    struct rn_upstream *u = rn_list_of(user, struct rn_upstream, other);
    (void)why;
    u->other_session = NULL;
    u->other_ask = 0;
    rn_better_stop(u);
    watch_for_better(u);
}

/* Another candidate than the provider: the publisher if it may be dialled, else any. */
static struct rn_candidate *pick_other(struct rn_upstream *u) {
    size_t start = u->n ? (size_t)rn_dice(u->node->env, u->n) : 0;
    struct rn_candidate *any = NULL;
    for (size_t i = 0; i < u->n; i++) {
        struct rn_candidate *c = &u->v[(start + i) % u->n];
        if (strcmp(c->address, u->provider) == 0 || c->not_before > rn_upstream_now(u) ||
            rn_peer_wait(u->node, c->address) > 0)
            continue;
        if (c->publisher)
            return c;
        if (!any)
            any = c;
    }
    return any;
}

void rn_better_look(struct rn_upstream *u) {
    struct rn_candidate *c = u->provider && u->stream && !u->other.peer ? pick_other(u) : NULL;
    char *address = c ? strdup(c->address) : NULL;
    if (!address || rn_peer_use(u->node, address, &u->other) != 0) {
        free(address);
        watch_for_better(u);
        return;
    }
    u->other_address = address;
    u->other_publisher = c->publisher;
}

void rn_upstream_serves(struct rn_upstream *u) {
    u->ahead = 0;
    if (!u->other.peer)
        watch_for_better(u);
}
