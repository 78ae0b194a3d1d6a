/* SPDX-License-Identifier: MIT
 * peers.c — other nodes, one session an address, with jittered back-off where we dial (peers.h).
 * May touch: sessions.
 */
#include "node/peers.h"

#include "base/err.h"
#include "base/time.h"
#include "node/backoff.h"
#include "node/sessionstate.h"
#include "node/upstream.h"
#include <stdlib.h>
#include <string.h>

#define WAIT_FIRST (250 * RN_NS_MS) /* before the second try */
#define WAIT_MOST (15 * RN_NS_S)
#define WAIT_BAD (60 * RN_NS_S) /* after bad data, doubled each time */
#define WAIT_BAD_MOST (3600 * RN_NS_S)
#define STEADY (10 * RN_NS_S) /* a session that lasted this long was a good one */
#define LINGER (5 * RN_NS_S)  /* a session that we need no longer stays so long after the other side asked something */
#define PEERS_KEPT 4096u
#define ACCEPTED "accepted:" /* no transport has this scheme */

struct rn_peer {
    struct rn_session_owner owner; /* first: the session hands this back */
    struct rn_node *node;
    char *address;
    struct rn_session *session; /* NULL: not dialled */
    int accepted;               /* the other side has dialled: the address is our name for this one session */
    int open;
    int leaving;          /* we close it ourselves: no failure */
    int telling;          /* its users are being told: it must stay */
    struct rn_list users; /* those told of the open session, and those waiting */
    struct rn_task tell;
    struct rn_alarm linger;
    unsigned failures, bad;
    int64_t opened_at, not_before;
};

static int64_t now(const struct rn_node *n) {
    return n->env->now(n->env->ctx);
}

static void peer_free(struct rn_peer *p) {
    rn_task_cancel(&p->tell);
    rn_alarm_cancel(&p->node->loop, &p->linger);
    free(p->address);
    free(p);
}

static void tell_waiting(void *arg) {
    struct rn_peer *p = arg;
    p->telling++;
    /* One of those told may leave, or end the session: so start over each time. */
    for (int again = 1; again && p->open;) {
        again = 0;
        rn_list_for (it, &p->users) {
            struct rn_peer_user *u = rn_list_of(it, struct rn_peer_user, link);
            if (u->told)
                continue;
            u->told = again = 1;
            u->up(u, p->session);
            break;
        }
    }
    p->telling--;
    if (p->accepted && !p->session && p->telling == 0)
        peer_free(p);
}

static void on_opened(struct rn_session_owner *o) {
    struct rn_peer *p = (struct rn_peer *)o;
    p->open = 1;
    p->opened_at = now(p->node);
    tell_waiting(p);
}

/* The session that this was the name of has ended. */
static void forget_accepted(struct rn_peer *p) {
    rn_upstreams_lost(p->node, p->address);
    if (p->telling == 0) /* else who tells frees it */
        peer_free(p);
}

static void on_closed(struct rn_session_owner *o, const struct runnel_err *why) {
    struct rn_peer *p = (struct rn_peer *)o;
    int64_t t = now(p->node);
    if (p->open && t - p->opened_at >= STEADY)
        p->failures = 0;
    if (!p->leaving) {
        int64_t at = t + rn_backoff(p->node->env, WAIT_FIRST, WAIT_MOST, p->failures);
        p->failures++;
        if (at > p->not_before)
            p->not_before = at;
    }
    p->session = NULL;
    p->open = p->leaving = 0;
    rn_task_cancel(&p->tell);
    rn_alarm_cancel(&p->node->loop, &p->linger);
    if (p->accepted)
        (void)rn_map_del(p->node->peers, p->address, strlen(p->address));
    struct rn_list users; /* the list of now: whoever comes back while we tell waits for the next dial */
    rn_list_init(&users);
    while (!rn_list_empty(&p->users)) {
        struct rn_list *it = p->users.next;
        rn_list_del(it);
        rn_list_add(&users, it);
    }
    while (!rn_list_empty(&users)) {
        struct rn_peer_user *u = rn_list_of(users.next, struct rn_peer_user, link);
        rn_list_del(&u->link);
        u->peer = NULL;
        u->down(u, why);
    }
    if (p->accepted)
        forget_accepted(p);
}

/* Forgets addresses that nobody uses and that have no back-off left. */
static void prune(struct rn_node *n) {
    int64_t t = now(n);
    rn_map_for (e, n->peers) {
        struct rn_peer *p = e->val;
        if (p->session || p->telling || !rn_list_empty(&p->users) || p->not_before > t)
            continue;
        (void)rn_map_del(n->peers, p->address, strlen(p->address));
        peer_free(p);
    }
}

static struct rn_peer *peer_for(struct rn_node *n, const char *address) {
    struct rn_peer *p = rn_map_get(n->peers, address, strlen(address));
    if (p)
        return p;
    if (rn_map_count(n->peers) >= PEERS_KEPT)
        prune(n);
    if (rn_map_count(n->peers) >= 2 * PEERS_KEPT)
        return NULL;
    p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->owner = (struct rn_session_owner){.opened = on_opened, .closed = on_closed};
    p->node = n;
    p->address = strdup(address);
    rn_list_init(&p->users);
    rn_task_init(&p->tell, tell_waiting, p);
    if (!p->address || rn_map_put(n->peers, address, strlen(address), p) != 0) {
        peer_free(p);
        return NULL;
    }
    return p;
}

static int dial(struct rn_peer *p) {
    struct runnel_err err;
    int rc = rn_session_dial(p->node, p->address, &p->owner, &p->session, &err);
    if (rc == 0)
        return 0;
    rn_node_log(p->node, RUNNEL_WARN, "peers", "%s", err.msg);
    p->not_before = now(p->node) + rn_backoff(p->node->env, WAIT_FIRST, WAIT_MOST, p->failures++);
    return rc;
}

int rn_peer_use(struct rn_node *n, const char *address, struct rn_peer_user *u) {
    struct rn_peer *p = strncmp(address, ACCEPTED, sizeof ACCEPTED - 1) == 0
                            ? rn_map_get(n->peers, address, strlen(address))
                            : peer_for(n, address);
    if (!p)
        return strncmp(address, ACCEPTED, sizeof ACCEPTED - 1) == 0 ? -RUNNEL_ECLOSED : -RUNNEL_ENOMEM;
    if (!p->session) {
        if (p->not_before > now(n))
            return -RUNNEL_EBUSY;
        int rc = dial(p);
        if (rc != 0)
            return rc;
    }
    rn_alarm_cancel(&n->loop, &p->linger);
    u->peer = p;
    u->told = 0;
    rn_list_init(&u->link);
    rn_list_add(&p->users, &u->link);
    if (p->open)
        rn_task_run_soon(&n->loop, &p->tell);
    return 0;
}

/* Nobody here needs the session. The other side may: a session serves both. */
static void close_unused(void *arg) {
    struct rn_peer *p = arg;
    struct rn_session *s = p->session;
    int64_t rest = s->asked ? s->asked + LINGER - now(p->node) : 0;
    if (s->follows && rn_map_count(s->follows) > 0)
        rest = LINGER;
    if (p->open && rest > 0 && rn_alarm_set(&p->node->loop, &p->linger, rest, close_unused, p) == 0)
        return;
    p->leaving = 1;
    rn_session_close(s, NULL);
}

void rn_peer_leave(struct rn_peer_user *u) {
    struct rn_peer *p = u->peer;
    if (!p)
        return;
    u->peer = NULL;
    rn_list_del(&u->link);
    if (p->session && !p->accepted && rn_list_empty(&p->users))
        close_unused(p);
}

int64_t rn_peer_wait(struct rn_node *n, const char *address) {
    struct rn_peer *p = rn_map_get(n->peers, address, strlen(address));
    int64_t t = now(n);
    return p && !p->session && p->not_before > t ? p->not_before - t : 0;
}

void rn_peer_bad(struct rn_peer *p, const struct runnel_err *why) {
    p->not_before = now(p->node) + rn_backoff(p->node->env, WAIT_BAD, WAIT_BAD_MOST, p->bad++);
    if (p->session)
        rn_session_close(p->session, why);
}

/* A name for a session that the other side dialled. */
static struct rn_peer *adopt(struct rn_session *s) {
    struct rn_node *n = s->node;
    struct rn_buf b = {.max = 1024};
    struct rn_peer *p = NULL;
    if (rn_map_count(n->peers) >= PEERS_KEPT) /* those that we dial have room beside them */
        return NULL;
    rn_buf_fmt(&b, ACCEPTED "%llu:%s", (unsigned long long)n->next_accepted++, s->remote);
    const char *address = rn_buf_cstr(&b);
    if (address && (p = peer_for(n, address))) {
        p->accepted = p->open = 1;
        p->opened_at = now(n);
        p->session = s;
        s->owner = &p->owner;
    }
    rn_buf_free(&b);
    return p;
}

const char *rn_peer_address(struct rn_session *s) {
    struct rn_peer *p = s->owner ? (struct rn_peer *)s->owner : adopt(s);
    return p ? p->address : NULL;
}

void rn_peers_drop(struct rn_node *n) {
    if (!n->peers)
        return;
    rn_map_for (e, n->peers)
        peer_free(e->val);
    rn_map_free(n->peers);
    n->peers = NULL;
}
