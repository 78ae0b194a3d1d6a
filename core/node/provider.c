/* SPDX-License-Identifier: MIT
 * provider.c — the provider at hand: chosen among the candidates, let go when it fails, stalls or lies.
 * May touch: peers, the session, the stream.
 */
#include "base/err.h"
#include "base/time.h"
#include "node/upstreamstate.h"
#include <stdlib.h>
#include <string.h>

#define REST (60 * RN_NS_S)

/* ---- letting go ---- */

void rn_provider_let_go(struct rn_upstream *u) {
    rn_upstream_unfollow(u);
    if (u->session && u->ask)
        rn_session_forget(u->session, u->ask);
    u->ask = 0;
    rn_fetch_keep(u);
    rn_fetch_free(u);
    u->session = NULL;
    free(u->provider);
    u->provider = NULL;
    rn_upstream_content(u);
    rn_live_free(u);
    rn_peer_leave(&u->user);
    rn_upstream_set_live(u, 0);
}

void rn_upstream_let_go(struct rn_upstream *u) {
    rn_provider_let_go(u);
    rn_better_stop(u);
}

void rn_upstream_fail(struct rn_upstream *u, const struct runnel_err *why) {
    char text[RN_REF_TEXT];
    rn_node_log(u->node, RUNNEL_INFO, "sync", "stream %s: %s does not serve: %s", rn_upstream_text(u, text),
                u->provider ? u->provider : "the provider", why->msg);
    rn_candidate_avoid(u, u->provider);
    rn_upstream_let_go(u);
    rn_upstream_choose(u);
}

void rn_upstream_bad(struct rn_upstream *u, const struct runnel_err *why) {
    char text[RN_REF_TEXT];
    struct runnel_err said;
    struct rn_peer *p = u->user.peer;
    if (u->recover && u->stream->own) {
        rn_recover_bad(u, why);
        return;
    }
    if (why->code == RUNNEL_EFORK) { /* who relays one branch is not to blame */
        rn_node_log(u->node, RUNNEL_WARN, "sync", "stream %s: %s; what is held here stays as it is",
                    rn_upstream_text(u, text), why->msg);
        rn_upstream_fail(u, why);
        return;
    }
    rn_node_log(u->node, RUNNEL_WARN, "sync",
                "stream %s: %s handed over what fails verification: %s; nothing of it is kept, the peer is dropped",
                rn_upstream_text(u, text), u->session ? rn_session_name(u->session) : "a peer", why->msg);
    rn_fail(&said, why->code, "stream %s: what you sent fails verification: %s", rn_upstream_text(u, text), why->msg);
    rn_candidate_avoid(u, u->provider);
    rn_fetch_free(u); /* who lies once is believed in nothing that is not stored yet */
    if (p)
        rn_peer_bad(p, &said); /* the session's end calls rn_provider_down, and that chooses anew */
}

void rn_upstream_rest(struct rn_upstream *u) {
    rn_upstream_let_go(u);
    rn_upstream_enter(u, RN_UP_RESTING);
    rn_upstream_wake_in(u, REST);
}

void rn_upstream_reconsider(struct rn_upstream *u) {
    if (u->recover)
        return;
    rn_upstream_let_go(u);
    rn_upstream_enter(u, RN_UP_LOOKING);
    rn_upstream_wake_in(u, 0);
}

void rn_upstream_pause(struct rn_upstream *u) {
    rn_upstream_let_go(u);
    rn_alarm_cancel(&u->node->loop, &u->alarm);
    u->phase = RN_UP_RESTING;
}

void rn_provider_kept_its_word(struct rn_upstream *u) {
    struct rn_candidate *c = rn_candidate_of(u, u->provider);
    if (c)
        c->failures = 0;
}

/* ---- choosing ---- */

int rn_provider_take(struct rn_upstream *u, char *address, int publisher) {
    int rc = rn_peer_use(u->node, address, &u->user);
    if (rc != 0) {
        free(address);
        return rc;
    }
    u->provider = address;
    u->provider_publisher = publisher;
    rn_upstream_enter(u, RN_UP_DIALLING);
    return 0;
}

void rn_upstream_choose(struct rn_upstream *u) {
    while (u->at < u->n) {
        struct rn_candidate *c = &u->v[u->at++];
        if (c->not_before > rn_upstream_now(u))
            continue;
        char *address = strdup(c->address);
        if (!address || rn_provider_take(u, address, c->publisher) != 0)
            continue;
        rn_alarm_cancel(&u->node->loop, &u->alarm);
        return;
    }
    rn_upstream_enter(u, RN_UP_LOOKING);
    rn_upstream_wake_in(u, rn_candidates_wait(u));
}

void rn_provider_up(struct rn_peer_user *user, struct rn_session *s) {
    struct rn_upstream *u = rn_list_of(user, struct rn_upstream, user);
    struct rn_candidate *c = rn_candidate_of(u, u->provider);
    struct runnel_err err;
    const struct rn_key *peer = rn_session_peer(s);
    if (c && c->has_node && (!peer || memcmp(peer->b, c->node.b, RN_KEY) != 0)) {
        rn_fail(&err, RUNNEL_ECONFLICT, "another node answers at this address than the one that is wanted");
        rn_upstream_fail(u, &err);
        return;
    }
    u->session = s;
    rn_probe(u);
}

void rn_provider_down(struct rn_peer_user *user, const struct runnel_err *why) {
    struct rn_upstream *u = rn_list_of(user, struct rn_upstream, user);
    char text[RN_REF_TEXT];
    rn_node_log(u->node, RUNNEL_INFO, "sync", "stream %s: lost %s: %s", rn_upstream_text(u, text),
                u->provider ? u->provider : "the provider", why->msg);
    if (u->phase == RN_UP_LIVE || u->phase == RN_UP_FETCHING)
        u->at = 0;     /* it had served: begin with the publisher again */
    u->session = NULL; /* its questions are gone with it */
    u->ask = u->follow = 0;
    rn_upstream_let_go(u);
    rn_upstream_choose(u);
}

void rn_upstream_woken(void *arg) {
    struct rn_upstream *u = arg;
    if (u->phase == RN_UP_LIVE || u->phase == RN_UP_FETCHING) {
        rn_better_look(u);
    } else if (u->phase == RN_UP_LOOKING || u->phase == RN_UP_RESTING) {
        rn_candidates_order(u);
        rn_upstream_choose(u);
    }
}

/* ---- a provider that says it serves, and does not ---- */

static void on_stall(void *arg) {
    struct rn_upstream *u = arg;
    struct runnel_err err;
    if (u->stream->flight) { /* it is our disk that is slow */
        rn_upstream_expect(u);
        return;
    }
    rn_fail(&err, RUNNEL_ETIMEOUT, "nothing of what was asked for has come for %lld s",
            (long long)(RN_STALL_NS / RN_NS_S));
    rn_upstream_fail(u, &err);
}

void rn_upstream_expect(struct rn_upstream *u) {
    if (rn_alarm_set(&u->node->loop, &u->stall, RN_STALL_NS, on_stall, u) != 0)
        rn_node_log(u->node, RUNNEL_ERROR, "sync", "out of memory: a provider that stalls would not be noticed");
}

void rn_upstream_content(struct rn_upstream *u) {
    rn_alarm_cancel(&u->node->loop, &u->stall);
}

/* ---- what flights bring ---- */

void rn_upstream_landed(struct rn_upstream *u, size_t bytes, const struct runnel_err *err) {
    if (err) { /* it has served: what is wrong is here */
        struct runnel_err why = *err;
        (void)rn_wrap(&why, "what it gave cannot be kept here");
        rn_upstream_fail(u, &why);
        return;
    }
    rn_provider_kept_its_word(u);
    if (u->session && u->follow && bytes)
        rn_session_credit(u->session, u->follow, bytes);
    if (u->phase == RN_UP_FETCHING)
        rn_fetch_landed(u);
    else if (u->phase == RN_UP_LIVE)
        rn_live_landed(u);
}
