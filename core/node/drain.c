/* SPDX-License-Identifier: MIT
 * drain.c — the last seconds of a node's sessions (drain.h).
 * May touch: the sessions, the transport instances.
 */
#include "node/drain.h"

#include "base/err.h"
#include "base/time.h"
#include "node/sessionstate.h"
#include "node/upstream.h"
#include <stddef.h>

/* What may be on its way to the other side, and its closing of the link on its way back. */
#define CLOSE_NS (2 * RN_NS_S)

static void why_it_ends(struct runnel_err *err) {
    (void)rn_fail(err, RUNNEL_ECLOSED, "the node is stopping");
}

int rn_drain_refuses(const struct rn_node *n, struct runnel_err *err) {
    if (n->phase < RN_STOPPING)
        return 0;
    why_it_ends(err);
    return -RUNNEL_ECLOSED;
}

/* ---- the node ---- */

/* Enough was waited, or nobody is left. */
static void finish(struct rn_node *n) {
    struct runnel_err err;
    if (n->drained)
        return;
    n->drained = 1;
    rn_alarm_cancel(&n->loop, &n->drain_limit);
    rn_task_cancel(&n->drain_look);
    if (n->n_sessions > 0)
        rn_node_log(n, RUNNEL_NOTICE, "session", "%zu sessions did not take what was theirs in time: closed",
                    n->n_sessions);
    why_it_ends(&err);
    while (!rn_list_empty(&n->sessions)) {
        struct rn_session *s = rn_list_of(n->sessions.next, struct rn_session, link);
        rn_session_end(s, &err, s->parting == RN_STAYS);
    }
    rn_node_drained(n);
}

static void on_limit(void *arg) {
    finish(arg);
}

/* One that is being dialled has no turns in which it would end by itself. */
static struct rn_session *dialling(const struct rn_node *n) {
    rn_list_for (it, &n->sessions)
        if (rn_list_of(it, struct rn_session, link)->phase == RN_DIALLING)
            return rn_list_of(it, struct rn_session, link);
    return NULL;
}

static void look(void *arg) {
    struct rn_node *n = arg;
    struct runnel_err err;
    why_it_ends(&err);
    for (struct rn_session *s; (s = dialling(n)) != NULL;)
        rn_session_end(s, &err, 0);
    if (rn_list_empty(&n->sessions))
        finish(n);
}

static void stop_listening(struct rn_node *n) {
    for (size_t i = 0; i < n->n_members; i++) {
        const struct rn_member *m = &n->members[i];
        if (m->section->kind != RUNNEL_TRANSPORT || !m->started)
            continue;
        const struct runnel_transport *t = rn_inst_ops(m->inst);
        if (t->size >= offsetof(struct runnel_transport, unlisten) + sizeof t->unlisten && t->unlisten)
            t->unlisten(rn_inst_self(m->inst));
    }
}

void rn_drain_init(struct rn_node *n) {
    rn_task_init(&n->drain_look, look, n);
}

void rn_drain_begin(struct rn_node *n) {
    stop_listening(n);
    rn_map_for (e, n->upstreams)
        rn_upstream_pause(e->val);
    int patient =
        n->conf->stop_timeout > 0 && rn_alarm_set(&n->loop, &n->drain_limit, n->conf->stop_timeout, on_limit, n) == 0;
    if (rn_author_idle(&n->author))
        rn_drain_author_idle(n);
    if (!patient && n->draining) /* what was published is committed in any case */
        finish(n);
}

void rn_drain_author_idle(struct rn_node *n) {
    if (n->draining || n->drained)
        return;
    n->draining = 1;
    if (n->conf->stop_timeout == 0) {
        finish(n);
        return;
    }
    rn_list_for (it, &n->sessions)
        rn_session_flush_soon(rn_list_of(it, struct rn_session, link));
    rn_task_run_soon(&n->loop, &n->drain_look);
}

void rn_drain_ended(struct rn_node *n) {
    if (n->draining && !n->drained)
        rn_task_run_soon(&n->loop, &n->drain_look);
}

void rn_drain_drop(struct rn_node *n) {
    rn_alarm_cancel(&n->loop, &n->drain_limit);
    rn_task_cancel(&n->drain_look);
    n->drained = 1;
}

/* ---- a session ---- */

/* Whether all that it asked for is answered, and all its follows stand at the newest that is here. */
static int has_all(const struct rn_session *s) {
    if (rn_calls_count(s) > 0)
        return 0;
    if (!s->follows)
        return 1;
    rn_map_for (e, s->follows)
        if (!rn_follow_at_end(e->val))
            return 0;
    return 1;
}

static void on_not_closed(void *arg) {
    struct runnel_err err;
    why_it_ends(&err);
    rn_session_end(arg, &err, 0);
}

/* All is written: the other side closes when it has read that. To close first could take bytes away from it that it
 * has not read yet. */
static void part(struct rn_session *s) {
    s->parting = RN_PARTED;
    s->ops->shut(s->conn);
    if (rn_alarm_set(&s->node->loop, &s->life, CLOSE_NS, on_not_closed, s) != 0)
        on_not_closed(s);
}

void rn_drain_look(struct rn_session *s) {
    struct runnel_err err;
    if (!s->node->draining || s->phase == RN_CLOSED)
        return;
    why_it_ends(&err);
    if (s->phase != RN_OPEN) {
        rn_session_end(s, &err, 1);
        return;
    }
    if (s->parting == RN_STAYS && rn_session_unsent(s) == 0 && has_all(s)) { /* what waits could be overtaken */
        if (rn_session_error(s, 0, &err) != 0) {
            rn_session_end(s, &err, 0);
            return;
        }
        s->parting = RN_PARTING;
        rn_session_flush(s);
    }
    if (s->parting == RN_PARTING && rn_session_unsent(s) == 0)
        part(s);
}
