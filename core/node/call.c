/* SPDX-License-Identifier: MIT
 * call.c — requests of the other side, each answered once (session.h).
 * May touch: the session.
 */
#include "base/err.h"
#include "base/json.h"
#include "node/sessionstate.h"
#include <stdlib.h>

int rn_call_begin(struct rn_call *c, struct rn_session *s, uint64_t id, size_t weight) {
    if (!s->calls.spread) {
        uint64_t secret;
        s->node->env->random(s->node->env->ctx, &secret, sizeof secret);
        rn_ids_init(&s->calls, secret);
    }
    *c = (struct rn_call){.session = s, .weight = weight, .within = 1};
    if (rn_ids_add(&s->calls, &c->entry, id) != 0)
        return -RUNNEL_ENOMEM;
    s->weight += weight;
    return 0;
}

struct rn_call *rn_call_new(struct rn_session *s, uint64_t id, size_t weight) {
    struct rn_call *c = malloc(sizeof *c);
    if (!c || rn_call_begin(c, s, id, weight) != 0) {
        free(c);
        return NULL;
    }
    c->within = 0;
    return c;
}

size_t rn_calls_count(const struct rn_session *s) {
    return s->calls.n;
}

int rn_calls_has(const struct rn_session *s, uint64_t id) {
    return rn_ids_find(&s->calls, id) != NULL;
}

void rn_call_weigh(struct rn_call *c, size_t bytes) {
    c->weight += bytes;
    if (c->session)
        c->session->weight += bytes;
}

static void leave(struct rn_call *c) {
    if (!c->session)
        return;
    rn_ids_del(&c->session->calls, &c->entry);
    c->session->weight -= c->weight;
    c->session = NULL;
}

void rn_call_free(struct rn_call *c) {
    leave(c);
    if (!c->within)
        free(c);
}

void rn_calls_tell(struct rn_session *s, const struct runnel_err *why) {
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ECLOSED, "not answered: %s", why->msg);
    if (!s->calls.n)
        return;
    rn_list_for (it, &s->calls.order)
        if (rn_session_error(s, rn_list_of(it, struct rn_id_entry, order)->id, &err) != 0)
            return; /* no room: the end of the session says enough */
}

void rn_calls_orphan(struct rn_session *s) {
    while (s->calls.n)
        leave(rn_list_of(rn_list_of(s->calls.order.next, struct rn_id_entry, order), struct rn_call, entry));
    if (s->calls.spread)
        rn_ids_free(&s->calls);
}

/* The answer has been appended, or could not be: then the other side would wait for ever. */
static void sent(struct rn_call *c, int rc) {
    struct rn_session *s = c->session;
    struct runnel_err err;
    rn_call_free(c);
    if (!s)
        return;
    if (rc == 0) {
        rn_session_flush_soon(s);
        return;
    }
    rn_fail(&err, -rc, "an answer could not be sent");
    rn_session_close(s, &err);
}

void rn_call_answer(struct rn_call *c, struct runnel_bytes json) {
    struct rn_session *s = c->session;
    sent(c, s ? rn_frame_json(&s->out, RN_FRAME_ANSWER, c->entry.id, json) : 0);
}

void rn_call_hashes(struct rn_call *c, struct runnel_bytes hashes) {
    struct rn_session *s = c->session;
    sent(c, s ? rn_frame_hashes(&s->out, c->entry.id, hashes) : 0);
}

void rn_call_published(struct rn_call *c, uint64_t seq, uint64_t count, int64_t first, int64_t last) {
    struct rn_session *s = c->session;
    sent(c, s ? rn_frame_published(&s->out, c->entry.id, seq, count, first, last) : 0);
}

int rn_session_error(struct rn_session *s, uint64_t id, const struct runnel_err *err) {
    struct rn_buf b = {.max = 4096};
    struct rn_jw w;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_kstr(&w, "code", rn_code_word(err->code));
    rn_jw_kstr(&w, "message", err->msg);
    rn_jw_end_object(&w);
    int rc = b.failed;
    if (rc == 0)
        rc = rn_frame_json(&s->out, RN_FRAME_ERROR, id, rn_buf_bytes(&b));
    rn_buf_free(&b);
    return rc;
}

void rn_call_fail(struct rn_call *c, const struct runnel_err *err) {
    struct rn_session *s = c->session;
    sent(c, s ? rn_session_error(s, c->entry.id, err) : 0);
}
