/* SPDX-License-Identifier: MIT
 * call.c — requests of the other side, each answered once (session.h).
 * May touch: the session.
 */
#include "base/err.h"
#include "base/json.h"
#include "node/sessionstate.h"
#include <stdlib.h>

struct rn_call *rn_call_new(struct rn_session *s, uint64_t id, size_t weight) {
    struct rn_call *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->session = s;
    c->id = id;
    c->weight = weight;
    rn_list_add(&s->calls, &c->link);
    s->n_calls++;
    s->weight += weight;
    return c;
}

void rn_call_weigh(struct rn_call *c, size_t bytes) {
    c->weight += bytes;
    if (c->session)
        c->session->weight += bytes;
}

static void leave(struct rn_call *c) {
    if (!c->session)
        return;
    rn_list_del(&c->link);
    c->session->n_calls--;
    c->session->weight -= c->weight;
    c->session = NULL;
}

void rn_call_free(struct rn_call *c) {
    leave(c);
    free(c);
}

void rn_calls_orphan(struct rn_session *s) {
    while (!rn_list_empty(&s->calls))
        leave(rn_list_of(s->calls.next, struct rn_call, link));
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
    sent(c, s ? rn_frame_json(&s->out, RN_FRAME_ANSWER, c->id, json) : 0);
}

void rn_call_hashes(struct rn_call *c, struct runnel_bytes hashes) {
    struct rn_session *s = c->session;
    sent(c, s ? rn_frame_hashes(&s->out, c->id, hashes) : 0);
}

void rn_call_published(struct rn_call *c, uint64_t seq, uint64_t count, int64_t first, int64_t last) {
    struct rn_session *s = c->session;
    sent(c, s ? rn_frame_published(&s->out, c->id, seq, count, first, last) : 0);
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
    sent(c, s ? rn_session_error(s, c->id, err) : 0);
}
