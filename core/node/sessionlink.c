/* SPDX-License-Identifier: MIT
 * sessionlink.c — how a session comes to its link: accepted or dialled, and what the transport says of it (session.h).
 * May touch: the transport instances.
 */
#include "base/err.h"
#include "node/access.h"
#include "node/sessionstate.h"
#include <string.h>

/* ---- the transport's upcalls ---- */

static int begin(struct rn_session *s, const struct runnel_link_info *info) {
    s->phase = RN_GREETING;
    s->readable = s->writable = 1;
    s->said = s->node->env->now(s->node->env->ctx);
    s->rights = rn_access_rights(info, s->node->env->uid);
    s->heard = s->node->env->now(s->node->env->ctx);
    rn_session_flush_soon(s);
    return rn_session_send_hello(s);
}

static struct runnel_link *link_accepted(struct runnel_inst *inst, void *conn, const struct runnel_link_info *info) {
    struct rn_node *n = rn_inst_node(inst);
    if (n->phase != RN_SERVING || n->n_sessions >= RN_MAX_SESSIONS) {
        if (rn_quiet_may(&n->chatter, info->remote))
            rn_node_log(n, RUNNEL_WARN, "session", "%s: refused: %s", info->remote,
                        n->phase == RN_SERVING ? "limit SESSIONS is reached" : "the node does not serve now");
        return NULL;
    }
    struct rn_session *s = rn_session_new(n, inst, info->remote);
    if (!s)
        return NULL;
    if (begin(s, info) != 0) {
        n->n_sessions--;
        rn_session_free(s);
        return NULL;
    }
    s->conn = conn;
    return (struct runnel_link *)s;
}

static void link_opened(struct runnel_link *link, const struct runnel_link_info *info) {
    struct rn_session *s = (struct rn_session *)link;
    struct runnel_err err;
    if (s->phase != RN_DIALLING)
        return;
    if (begin(s, info) == 0)
        return;
    rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
    rn_session_end(s, &err, 0);
}

static void link_ready(struct runnel_link *link, uint32_t rw) {
    struct rn_session *s = (struct rn_session *)link;
    if (rw & RUNNEL_READABLE)
        s->readable = 1;
    if (rw & RUNNEL_WRITABLE)
        s->writable = 1;
    rn_session_flush_soon(s);
}

static void link_closed(struct runnel_link *link, const struct runnel_err *err) {
    rn_session_end((struct rn_session *)link, err, 0);
}

const struct runnel_transport_up rn_session_up = {
    .size = sizeof rn_session_up,
    .accepted = link_accepted,
    .opened = link_opened,
    .ready = link_ready,
    .closed = link_closed,
};

/* ---- dialling ---- */

static struct runnel_inst *transport_for(struct rn_node *n, const char *address) {
    size_t len = strcspn(address, ":");
    for (size_t i = 0; i < n->n_members; i++) {
        struct rn_member *m = &n->members[i];
        if (m->section->kind != RUNNEL_TRANSPORT || !m->started)
            continue;
        const struct runnel_transport *t = rn_inst_ops(m->inst);
        if (strlen(t->scheme) == len && memcmp(t->scheme, address, len) == 0)
            return m->inst;
    }
    return NULL;
}

int rn_session_dial(struct rn_node *n, const char *address, struct rn_session_owner *owner, struct rn_session **out,
                    struct runnel_err *err) {
    struct runnel_inst *inst = transport_for(n, address);
    if (rn_drain_refuses(n, err) != 0)
        return -RUNNEL_ECLOSED;
    if (!inst)
        return rn_fail(err, RUNNEL_EUNSUPPORTED, "%s: no transport of the config dials such addresses", address);
    struct rn_session *s = n->n_sessions < RN_MAX_SESSIONS ? rn_session_new(n, inst, address) : NULL;
    if (!s)
        return rn_fail(err, RUNNEL_EBUSY, "%s: no room for another session", address);
    s->dialled = 1;
    s->phase = RN_DIALLING;
    int rc = s->ops->dial(rn_inst_self(inst), address, (struct runnel_link *)s, &s->conn, err);
    if (rc != 0) {
        n->n_sessions--;
        rn_session_free(s);
        return rc;
    }
    s->owner = owner;
    *out = s;
    return 0;
}
