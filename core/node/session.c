/* SPDX-License-Identifier: MIT
 * session.c — a session from its making to its end, and its turns (session.h).
 * May touch: the transport instance under the link.
 */
#include "node/session.h"

#include "base/err.h"
#include "base/time.h"
#include "node/heads.h"
#include "node/peers.h"
#include "node/sessionstate.h"
#include "node/twin.h"
#include <stdlib.h>
#include <string.h>

static void turn(void *arg);

/* ---- making and ending ---- */

void rn_session_free(struct rn_session *s) {
    rn_list_del(&s->link);
    rn_task_cancel(&s->turn);
    rn_alarm_cancel(&s->node->loop, &s->life);
    if (s->conn)
        s->ops->close(s->conn);
    rn_asks_drop(s);
    if (s->follows) {
        rn_map_for (e, s->follows)
            rn_follow_free(e->val);
        rn_map_free(s->follows);
    }
    rn_calls_orphan(s);
    rn_backup_session_gone(s);
    rn_restore_session_gone(s);
    rn_buf_free(&s->in);
    rn_buf_free(&s->out);
    rn_lane_free(&s->bulk);
    free(s->remote);
    free(s->name);
    free(s);
}

struct rn_session *rn_session_new(struct rn_node *n, struct runnel_inst *inst, const char *remote) {
    struct rn_session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->node = n;
    s->inst = inst;
    s->ops = rn_inst_ops(inst);
    s->remote = strdup(remote);
    s->name = strdup(remote);
    s->next_id = 1;
    rn_buf_init(&s->in, RN_FRAME_LENGTH + RN_MAX_FRAME + RN_READ_ROOM);
    rn_buf_init(&s->out, RN_MAX_QUEUED + RN_FRAME_LENGTH + RN_MAX_FRAME);
    rn_list_init(&s->link);
    rn_list_init(&s->busy);
    rn_task_init(&s->turn, turn, s);
    s->heard = s->said = s->pinged = n->env->now(n->env->ctx);
    if (!s->remote || !s->name ||
        rn_alarm_set(&n->loop, &s->life, RN_MAX_HELLO_SECONDS * RN_NS_S, rn_session_on_life, s) != 0) {
        rn_session_free(s);
        return NULL;
    }
    rn_list_add(&n->sessions, &s->link);
    n->n_sessions++;
    return s;
}

/* Frees what has ended; a task, so that no caller up the stack still holds it. */
static void reap(void *arg) {
    struct rn_node *n = arg;
    while (!rn_list_empty(&n->gone))
        rn_session_free(rn_list_of(n->gone.next, struct rn_session, link));
}

/* Whether a line may be logged: others choose how often they connect. */
int rn_session_may_say(struct rn_session *s, int level) {
    return s->dialled || level == RUNNEL_DEBUG || rn_quiet_may(&s->node->chatter, s->remote);
}

void rn_session_end(struct rn_session *s, const struct runnel_err *why, int tell) {
    if (s->phase == RN_CLOSED)
        return;
    struct rn_node *n = s->node;
    int level = s->phase == RN_OPEN && !s->has_peer ? RUNNEL_DEBUG : RUNNEL_INFO;
    if (rn_session_may_say(s, level))
        rn_node_log(n, level, "session", "%s: ended: %s", s->name, why->msg);
    if (tell && s->phase != RN_DIALLING) {
        rn_calls_tell(s, why);
        rn_lane_cut(&s->bulk); /* the error is the last that comes */
        if (rn_session_error(s, 0, why) == 0)
            rn_session_flush(s);
    }
    s->phase = RN_CLOSED;
    if (s->conn)
        s->ops->close(s->conn);
    s->conn = NULL;
    rn_list_del(&s->link);
    n->n_sessions--;
    rn_list_add(&n->gone, &s->link);
    rn_task_cancel(&s->turn);
    rn_alarm_cancel(&n->loop, &s->life);
    if (s->follows) {
        rn_map_for (e, s->follows)
            rn_follow_free(e->val);
        rn_map_free(s->follows);
        s->follows = NULL;
    }
    rn_calls_orphan(s);
    rn_backup_session_gone(s);
    rn_restore_session_gone(s);
    rn_twin_gone(s);
    rn_heads_gone(s);
    rn_asks_fail(s, why);
    struct rn_session_owner *owner = s->owner;
    s->owner = NULL;
    if (owner)
        owner->closed(owner, why);
    rn_task_run_soon(&n->loop, &n->reap);
    rn_drain_ended(n);
}

void rn_session_close(struct rn_session *s, const struct runnel_err *why) {
    struct runnel_err plain;
    if (!why)
        rn_fail(&plain, RUNNEL_ECLOSED, "closed by this node");
    rn_session_end(s, why ? why : &plain, why != NULL);
}

void rn_sessions_init(struct rn_node *n) {
    rn_list_init(&n->sessions);
    rn_list_init(&n->gone);
    rn_task_init(&n->reap, reap, n);
}

void rn_sessions_drop(struct rn_node *n) {
    while (!rn_list_empty(&n->sessions))
        rn_session_free(rn_list_of(n->sessions.next, struct rn_session, link));
    reap(n);
    rn_task_cancel(&n->reap);
    n->n_sessions = 0;
}

/* ---- what others may know ---- */

int rn_session_open(const struct rn_session *s) {
    return s->phase == RN_OPEN;
}
unsigned rn_session_rights(const struct rn_session *s) {
    return s->rights;
}
const char *rn_session_name(const struct rn_session *s) {
    return s->name;
}
const struct rn_key *rn_session_peer(const struct rn_session *s) {
    return s->has_peer ? &s->peer : NULL;
}

void rn_session_flush_soon(struct rn_session *s) {
    if (s->phase != RN_CLOSED)
        rn_task_run_soon(&s->node->loop, &s->turn);
}

struct rn_follow *rn_session_follow(const struct rn_session *s, uint64_t id) {
    uint8_t key[8];
    rn_put_le64(key, id);
    return s->follows ? rn_map_get(s->follows, key, sizeof key) : NULL;
}

/* ---- a turn ---- */

static void turn(void *arg) {
    struct rn_session *s = arg;
    struct runnel_err err;
    err.code = 0;
    err.msg[0] = '\0';
    if (s->phase == RN_CLOSED || s->phase == RN_DIALLING)
        return;
    int rc = s->in.n ? rn_session_take_frames(s, &err) : 0;
    if (rc == 0 && s->phase != RN_CLOSED)
        rc = rn_session_read_some(s, &err);
    if (s->phase == RN_CLOSED)
        return;
    if (rc == 0 && rn_session_owed(s) > RN_MAX_QUEUED)
        rc = rn_fail(&err, RUNNEL_ETOOBIG, "more than %d bytes wait unsent (limit QUEUED)", RN_MAX_QUEUED);
    if (rc != 0) {
        if (!err.code)
            rn_fail(&err, -rc, "the session cannot go on");
        if (err.code != RUNNEL_ECLOSED && rn_session_may_say(s, RUNNEL_WARN))
            rn_node_log(s->node, RUNNEL_WARN, "session", "%s: %s", s->name, err.msg);
        rn_session_end(s, &err, err.code != RUNNEL_ECLOSED);
        return;
    }
    int more = rn_session_pump(s);
    rn_session_flush(s);
    if (s->broken) {
        rn_fail(&err, -s->broken, "the link broke while writing");
        rn_session_end(s, &err, 0);
        return;
    }
    rn_drain_look(s);
    if ((s->readable && rn_session_may_take(s)) || (more && s->writable && rn_session_may_pump(s)))
        rn_session_flush_soon(s);
}
