/* SPDX-License-Identifier: MIT
 * sessionlife.c — whether the other side still lives: pings, silence (session.h).
 * May touch: the session.
 */
#include "base/err.h"
#include "base/time.h"
#include "node/sessionstate.h"

static void on_pong(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    (void)arg;
    (void)r;
    (void)err; /* any byte was life: reading has noted it */
}

static void ping(struct rn_session *s) {
    s->pinged = s->node->env->now(s->node->env->ctx);
    (void)rn_session_ask(s, "ping", (struct runnel_bytes){NULL, 0}, 60 * RN_NS_S, on_pong, NULL, s, NULL);
}

static void lost(struct rn_session *s, const char *what, int64_t idle) {
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ETIMEOUT, "%s for %lld ms", what, (long long)(idle / RN_NS_MS));
    rn_session_end(s, &err, 0);
}

/* Pings when that is due; ns until the next look. The other side needs a byte now and then also while it
 * sends us much and we need not say anything: what it sends may fill a slow link for long. */
static int64_t next_look(struct rn_session *s) {
    int64_t now = s->node->env->now(s->node->env->ctx), quiet = RN_MAX_PING_MS * RN_NS_MS;
    int64_t since = s->heard < s->said ? s->heard : s->said;
    if (now - since >= quiet && now - s->pinged >= quiet)
        ping(s);
    int64_t next = (since > s->pinged ? since : s->pinged) + quiet, end = s->heard + RN_MAX_SILENCE_MS * RN_NS_MS;
    return (next < end ? next : end) - now;
}

void rn_session_on_life(void *arg) {
    struct rn_session *s = arg;
    int64_t idle = s->node->env->now(s->node->env->ctx) - s->heard;
    if (s->phase != RN_OPEN) {
        lost(s, s->phase == RN_DIALLING ? "no connection" : "no hello", idle);
        return;
    }
    if (!s->has_peer) {
        rn_alarm_cancel(&s->node->loop, &s->life);
        return;
    }
    if (idle >= RN_MAX_SILENCE_MS * RN_NS_MS) {
        lost(s, "not a byte", idle);
        return;
    }
    (void)rn_alarm_set(&s->node->loop, &s->life, next_look(s), rn_session_on_life, s);
}
