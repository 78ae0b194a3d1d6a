/* SPDX-License-Identifier: MIT
 * ask.c — what we ask over a session: questions, their answers, the pushes of our follows.
 * May touch: the session.
 */
#include "base/err.h"
#include "base/json.h"
#include "node/sessionstate.h"
#include <stdlib.h>

struct rn_ask {
    struct rn_session *session;
    uint64_t id;
    rn_reply_fn *fn; /* NULL once answered (a follow stays for its pushes) */
    rn_push_fn *push;
    void *arg;
    struct rn_alarm alarm;
};

static struct rn_ask *find(const struct rn_session *s, uint64_t id) {
    uint8_t key[8];
    rn_put_le64(key, id);
    return s->asks ? rn_map_get(s->asks, key, sizeof key) : NULL;
}

static void drop(struct rn_ask *a) {
    uint8_t key[8];
    rn_put_le64(key, a->id);
    (void)rn_map_del(a->session->asks, key, sizeof key);
    rn_alarm_cancel(&a->session->node->loop, &a->alarm);
    free(a);
}

static void on_late(void *arg) {
    struct rn_ask *a = arg;
    rn_reply_fn *fn = a->fn;
    void *fn_arg = a->arg;
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ETIMEOUT, "%s: no answer in time", rn_session_name(a->session));
    drop(a);
    fn(fn_arg, NULL, &err);
}

/* Appends {"method":...,members} as a request. */
static int send_request(struct rn_session *s, uint64_t id, const char *method, struct runnel_bytes params) {
    struct rn_buf b = {.max = RN_MAX_FRAME};
    rn_buf_fmt(&b, "{\"method\":\"%s\"%s", method, params.n ? "," : "");
    rn_buf_add(&b, params.p, params.n);
    rn_buf_byte(&b, '}');
    int rc = b.failed;
    if (rc == 0)
        rc = rn_frame_json(&s->out, RN_FRAME_REQUEST, id, rn_buf_bytes(&b));
    rn_buf_free(&b);
    return rc;
}

static int make_map(struct rn_session *s) {
    uint8_t seed[16];
    if (s->asks)
        return 0;
    s->node->env->random(s->node->env->ctx, seed, sizeof seed);
    s->asks = rn_map_new(seed);
    return s->asks ? 0 : -RUNNEL_ENOMEM;
}

int rn_session_ask(struct rn_session *s, const char *method, struct runnel_bytes params, int64_t ns, rn_reply_fn *fn,
                   rn_push_fn *push, void *arg, uint64_t *id) {
    uint8_t key[8];
    if (s->phase != RN_OPEN)
        return -RUNNEL_ECLOSED;
    if (make_map(s) != 0)
        return -RUNNEL_ENOMEM;
    if (rn_map_count(s->asks) >= RN_MAX_REQUESTS)
        return -RUNNEL_EBUSY;
    struct rn_ask *a = calloc(1, sizeof *a);
    if (!a)
        return -RUNNEL_ENOMEM;
    *a = (struct rn_ask){.session = s, .id = s->next_id, .fn = fn, .push = push, .arg = arg};
    rn_put_le64(key, a->id);
    int rc = rn_map_put(s->asks, key, sizeof key, a);
    if (rc != 0) {
        free(a);
        return rc;
    }
    rc = rn_alarm_set(&s->node->loop, &a->alarm, ns, on_late, a);
    if (rc == 0)
        rc = send_request(s, a->id, method, params);
    if (rc != 0) {
        drop(a);
        return rc;
    }
    s->next_id++;
    if (id)
        *id = a->id;
    rn_session_flush_soon(s);
    return 0;
}

void rn_session_forget(struct rn_session *s, uint64_t id) {
    struct rn_ask *a = find(s, id);
    if (a)
        drop(a);
}

void rn_session_credit(struct rn_session *s, uint64_t follow, uint64_t bytes) {
    if (s->phase == RN_OPEN && rn_frame_credit(&s->out, follow, bytes) == 0)
        rn_session_flush_soon(s);
}

/* The error that an ERROR frame speaks of. */
static void read_error(const struct rn_session *s, const struct rn_json *o, struct runnel_err *out) {
    const char *code = "internal", *message = "no reason given";
    (void)rn_json_str(o, "code", &code, NULL);
    (void)rn_json_str(o, "message", &message, NULL);
    size_t n = 0;
    while (code[n])
        n++;
    rn_fail(out, rn_code_of(code, n), "%s says: %s", rn_session_name(s), message);
}

static int answer(struct rn_ask *a, const struct rn_frame *f, struct runnel_err *err) {
    struct rn_session *s = a->session;
    struct rn_json_limits limits = {.depth = RN_MAX_JSON_DEPTH, .values = RN_MAX_JSON_VALUES, .size = RN_MAX_FRAME};
    struct rn_json *o = NULL;
    struct runnel_err why;
    rn_reply_fn *fn = a->fn;
    void *arg = a->arg;
    int failed = f->type == RN_FRAME_ERROR;
    if (f->type != RN_FRAME_HASHES && rn_json_parse(f->body.p, f->body.n, &limits, &o, NULL, err) != 0)
        return rn_wrap(err, "an answer");
    if (failed)
        read_error(s, o, &why);
    if (failed || !a->push) {
        drop(a);
    } else {
        a->fn = NULL;
        rn_alarm_cancel(&s->node->loop, &a->alarm);
    }
    struct rn_reply r = {.json = o, .body = f->type == RN_FRAME_HASHES ? f->body : (struct runnel_bytes){NULL, 0}};
    fn(arg, failed ? NULL : &r, failed ? &why : NULL);
    rn_json_free(o);
    return 0;
}

int rn_ask_reply(struct rn_session *s, const struct rn_frame *f, struct runnel_err *err) {
    struct rn_ask *a = find(s, f->id);
    switch (f->type) {
    case RN_FRAME_ANSWER:
    case RN_FRAME_ERROR:
    case RN_FRAME_HASHES:
        return a && a->fn ? answer(a, f, err) : 0; /* late: let go meanwhile */
    case RN_FRAME_DATA:
    case RN_FRAME_HEAD:
    case RN_FRAME_STATE:
        if (a && a->push && !a->fn)
            a->push(a->arg, f);
        return 0;
    default:
        return rn_fail(err, RUNNEL_EINVALID, "found a frame of type %d, which nobody asked for", (int)f->type);
    }
}

void rn_asks_fail(struct rn_session *s, const struct runnel_err *why) {
    if (!s->asks)
        return;
    /* A callback may let other questions go: so always the first that is left. */
    while (rn_map_count(s->asks) > 0) {
        struct rn_ask *a = rn_list_of(rn_map_order(s->asks)->next, struct rn_map_entry, order)->val;
        rn_reply_fn *fn = a->fn;
        void *arg = a->arg;
        drop(a);
        if (fn)
            fn(arg, NULL, why);
    }
}

size_t rn_asks_follows(const struct rn_session *s) {
    size_t n = 0;
    if (s->asks)
        rn_map_for (e, s->asks)
            n += ((const struct rn_ask *)e->val)->push != NULL;
    return n;
}

void rn_asks_drop(struct rn_session *s) {
    if (!s->asks)
        return;
    rn_map_for (e, s->asks)
        drop(e->val);
    rn_map_free(s->asks);
    s->asks = NULL;
}
