/* SPDX-License-Identifier: MIT
 * candidates.c — who may serve a subscription's stream: named by discovery or come by themselves; in which order and
 * when they are tried.
 * May touch: the subscriptions.
 */
#include "base/err.h"
#include "base/time.h"
#include "node/backoff.h"
#include "node/upstreamstate.h"
#include <stdlib.h>
#include <string.h>

#define RETRY_LEAST (100 * RN_NS_MS)
#define RETRY_MOST (15 * RN_NS_S)
#define AVOID_FIRST (RN_NS_S) /* a candidate that does not serve, doubled each time */
#define AVOID_MOST (60 * RN_NS_S)
#define CANDIDATES 256u
#define OFFERED ""                    /* no instance has this name */
#define OFFERED_MOST (CANDIDATES / 2) /* anybody may dial us: there is room for those that discovery names */

struct rn_candidate *rn_candidate_of(struct rn_upstream *u, const char *address) {
    for (size_t i = 0; address && i < u->n; i++)
        if (strcmp(u->v[i].address, address) == 0)
            return &u->v[i];
    return NULL;
}

void rn_candidate_avoid(struct rn_upstream *u, const char *address) {
    struct rn_candidate *c = rn_candidate_of(u, address);
    if (c)
        c->not_before = rn_upstream_now(u) + rn_backoff(u->node->env, AVOID_FIRST, AVOID_MOST, c->failures++);
}

/* ---- in which order, and when ---- */

void rn_candidates_order(struct rn_upstream *u) {
    size_t first = 0;
    for (size_t i = 0; i < u->n; i++) {
        struct rn_candidate c = u->v[i];
        if (!c.publisher)
            continue;
        memmove(&u->v[first + 1], &u->v[first], (i - first) * sizeof c);
        u->v[first++] = c;
    }
    for (size_t left = u->n - first; left > 1; left--) {
        size_t j = first + (size_t)rn_dice(u->node->env, left);
        struct rn_candidate c = u->v[j];
        u->v[j] = u->v[first + left - 1];
        u->v[first + left - 1] = c;
    }
    u->at = 0;
}

int64_t rn_candidates_wait(struct rn_upstream *u) {
    int64_t least = RETRY_MOST;
    for (size_t i = 0; i < u->n; i++) {
        int64_t own = u->v[i].not_before - rn_upstream_now(u), peer = rn_peer_wait(u->node, u->v[i].address);
        int64_t ns = own > peer ? own : peer;
        if (ns < least)
            least = ns;
    }
    return least < RETRY_LEAST ? RETRY_LEAST : least;
}

/* ---- what discovery finds ---- */

/* Frees what the candidate at `i` holds; its place is the caller's to close. */
static void candidate_free(struct rn_upstream *u, size_t i) {
    free(u->v[i].address);
    free(u->v[i].from);
}

void rn_candidates_clear(struct rn_upstream *u) {
    for (size_t i = 0; i < u->n; i++)
        candidate_free(u, i);
    free(u->v);
    u->v = NULL;
    u->n = u->at = 0;
}

static int add_candidate(struct rn_upstream *u, const char *from, const struct runnel_candidate *in) {
    struct rn_candidate *old = rn_candidate_of(u, in->address);
    if (old) { /* two instances name it: it keeps its history */
        old->publisher |= in->role == RUNNEL_PUBLISHER;
        return 0;
    }
    struct rn_candidate *v = realloc(u->v, (u->n + 1) * sizeof *v);
    if (!v)
        return -RUNNEL_ENOMEM;
    u->v = v;
    struct rn_candidate c = {.address = strdup(in->address), .from = strdup(from)};
    c.publisher = in->role == RUNNEL_PUBLISHER;
    if (in->node) {
        c.has_node = 1;
        memcpy(c.node.b, in->node, RN_KEY);
    }
    if (!c.address || !c.from) {
        free(c.address);
        free(c.from);
        return -RUNNEL_ENOMEM;
    }
    u->v[u->n++] = c;
    return 0;
}

static int listed(const char *address, const struct runnel_candidate *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i]->address, address) == 0)
            return 1;
    return 0;
}

static void drop_unlisted(struct rn_upstream *u, const char *from, const struct runnel_candidate *const *list,
                          size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < u->n; i++) {
        if (strcmp(u->v[i].from, from) != 0 || listed(u->v[i].address, list, count)) {
            u->v[kept++] = u->v[i];
            continue;
        }
        candidate_free(u, i);
    }
    u->n = kept;
}

void rn_upstream_found(struct rn_node *n, uint64_t watch, const char *from, const struct runnel_candidate *const *list,
                       size_t count) {
    uint8_t key[8];
    struct runnel_err err;
    rn_put_le64(key, watch);
    struct rn_upstream *u = rn_map_get(n->upstreams, key, sizeof key);
    if (!u)
        return;
    drop_unlisted(u, from, list, count);
    for (size_t i = 0; i < count && u->n < CANDIDATES; i++)
        if (add_candidate(u, from, list[i]) != 0)
            rn_node_log(n, RUNNEL_WARN, "sync", "out of memory: a candidate is left out");
    rn_candidates_order(u);
    if (u->phase == RN_UP_LOOKING) {
        rn_upstream_choose(u);
    } else if (u->provider && !rn_candidate_of(u, u->provider)) {
        rn_fail(&err, RUNNEL_ENOTFOUND, "it is no longer listed");
        rn_upstream_fail(u, &err);
    }
}

/* ---- what comes by itself ---- */

int rn_upstream_offer(struct rn_upstream *u, const char *address) {
    struct runnel_candidate in = {.size = sizeof in, .role = RUNNEL_SUBSCRIBER, .address = address};
    size_t offered = 0;
    for (size_t i = 0; i < u->n; i++)
        offered += strcmp(u->v[i].from, OFFERED) == 0;
    if (u->n >= CANDIDATES || offered >= OFFERED_MOST)
        return -RUNNEL_ETOOBIG;
    int rc = add_candidate(u, OFFERED, &in);
    if (rc != 0)
        return rc;
    if (u->phase == RN_UP_LOOKING) {
        rn_candidates_order(u);
        rn_upstream_choose(u);
    }
    return 0;
}

void rn_upstream_withdraw(struct rn_upstream *u, const char *address) {
    for (size_t i = 0; i < u->n; i++) {
        if (strcmp(u->v[i].address, address) != 0)
            continue;
        candidate_free(u, i);
        memmove(&u->v[i], &u->v[i + 1], (u->n - i - 1) * sizeof u->v[i]);
        u->n--;
        if (u->at > i)
            u->at--;
        return;
    }
}
