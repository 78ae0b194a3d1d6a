/* SPDX-License-Identifier: MIT
 * call.c — requests of the other side, each answered once (session.h).
 * May touch: the session.
 */
#include "base/err.h"
#include "base/json.h"
#include "node/sessionstate.h"
#include <stdlib.h>

static int make_map(struct rn_session *s) {
    uint8_t seed[16];
    if (s->calls)
        return 0;
    s->node->env->random(s->node->env->ctx, seed, sizeof seed);
    s->calls = rn_map_new(seed);
    return s->calls ? 0 : -RUNNEL_ENOMEM;
}

struct rn_call *rn_call_new(struct rn_session *s, uint64_t id, size_t weight) {
    uint8_t key[8];
    struct rn_call *c = make_map(s) == 0 ? calloc(1, sizeof *c) : NULL;
    rn_put_le64(key, id);
    if (!c || rn_map_put(s->calls, key, sizeof key, c) != 0) {
        free(c);
        return NULL;
    }
    c->session = s;
    c->id = id;
    c->weight = weight;
    s->weight += weight;
    return c;
}

size_t rn_calls_count(const struct rn_session *s) {
    return s->calls ? rn_map_count(s->calls) : 0;
}

int rn_calls_has(const struct rn_session *s, uint64_t id) {
    uint8_t key[8];
    rn_put_le64(key, id);
    return s->calls && rn_map_get(s->calls, key, sizeof key);
}

void rn_call_weigh(struct rn_call *c, size_t bytes) {
    c->weight += bytes;
    if (c->session)
        c->session->weight += bytes;
}

static void leave(struct rn_call *c) {
    uint8_t key[8];
    if (!c->session)
        return;
    rn_put_le64(key, c->id);
    (void)rn_map_del(c->session->calls, key, sizeof key);
    c->session->weight -= c->weight;
    c->session = NULL;
}

void rn_call_free(struct rn_call *c) {
    leave(c);
    free(c);
}

void rn_calls_tell(struct rn_session *s, const struct runnel_err *why) {
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ECLOSED, "not answered: %s", why->msg);
    if (!s->calls)
        return;
    rn_map_for (e, s->calls)
        if (rn_session_error(s, ((const struct rn_call *)e->val)->id, &err) != 0)
            return; /* no room: the end of the session says enough */
}

void rn_calls_orphan(struct rn_session *s) {
    if (!s->calls)
        return;
    rn_map_for (e, s->calls)
        leave(e->val);
    rn_map_free(s->calls);
    s->calls = NULL;
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
