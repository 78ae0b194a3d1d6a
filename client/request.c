/* SPDX-License-Identifier: MIT
 * request.c — asking: requests, the answers they wait for, and any method in JSON.
 * May touch: the heap.
 */
#include "client/client.h"
#include <stdlib.h>
#include <string.h>

static struct rn_list *slot_of(struct runnel_client *c, uint64_t id) {
    return &c->slots[id & (RN_SLOTS - 1)];
}

static int may_ask(const struct runnel_client *c, int force, struct runnel_err *err) {
    if (c->closed)
        return rn_fail(err, RUNNEL_ECLOSED, "the session is over: %s", c->why.msg);
    if (force)
        return 0;
    if (rn_link_unsent(c) >= c->queue_limit)
        return rn_fail(err, RUNNEL_EBUSY, "%zu bytes wait to be sent to the node: try again when some are gone",
                       rn_link_unsent(c));
    if (c->n_open >= RN_MAX_REQUESTS)
        return rn_fail(err, RUNNEL_EBUSY, "%d requests wait for an answer: try again when some have come",
                       (int)RN_MAX_REQUESTS);
    return 0;
}

struct rn_pending *rn_ask_new(struct runnel_client *c, int force, rn_answer_fn *answer, void *arg,
                              struct runnel_err *err) {
    if (may_ask(c, force, err) < 0)
        return NULL;
    struct rn_pending *p = calloc(1, sizeof *p);
    if (!p) {
        (void)rn_fail(err, RUNNEL_ENOMEM, "no memory for a request");
        return NULL;
    }
    p->id = c->next_id++;
    p->answer = answer;
    p->arg = arg;
    rn_list_add(slot_of(c, p->id), &p->slot);
    c->n_open++;
    return p;
}

void rn_ask_take(struct runnel_client *c, struct rn_pending *p) {
    rn_list_del(&p->slot);
    c->n_open--;
}

int rn_ask_sent(struct runnel_client *c, struct rn_pending *p, int r, struct runnel_err *err) {
    if (r == 0) {
        rn_life_arm(c);
        rn_link_flush_soon(c);
        return 0;
    }
    c->out.failed = 0; /* the frame was not taken; what stands before it is whole */
    rn_ask_take(c, p);
    free(p);
    if (r == -RUNNEL_ETOOBIG)
        return rn_fail(err, RUNNEL_ETOOBIG, "the request does not fit in a frame of %d bytes", (int)RN_MAX_FRAME);
    return rn_fail(err, -r, "no memory for a request");
}

struct rn_pending *rn_ask_find(struct runnel_client *c, uint64_t id) {
    struct rn_list *slot = slot_of(c, id);
    rn_list_for (it, slot) {
        struct rn_pending *p = rn_list_of(it, struct rn_pending, slot);
        if (p->id == id)
            return p;
    }
    return NULL;
}

int rn_ask_wrong(const struct rn_frame *f, const char *want, struct runnel_err *why) {
    return rn_fail(why, RUNNEL_EDAMAGED, "request %llu was answered by a frame of type %d, want %s",
                   (unsigned long long)f->id, (int)f->type, want);
}

/* ---- ping ---- */

static int ping_answered(struct runnel_client *c, struct rn_pending *p, const struct rn_frame *f,
                         const struct runnel_err *err, struct runnel_err *why) {
    (void)p, (void)f, (void)err, (void)why;
    c->pinging = 0; /* an error is a sign of life too */
    return 0;
}

int rn_ask_ping(struct runnel_client *c) {
    static const char ping[] = "{\"method\":\"ping\"}";
    struct rn_pending *p = rn_ask_new(c, 1, ping_answered, NULL, NULL);
    if (!p)
        return -RUNNEL_ENOMEM;
    struct runnel_bytes json = {(const uint8_t *)ping, sizeof ping - 1};
    return rn_ask_sent(c, p, rn_frame_json(&c->out, RN_FRAME_REQUEST, p->id, json), NULL);
}

/* ---- any method ---- */

static int data_answered(struct runnel_client *c, struct rn_pending *p, const struct rn_frame *f,
                         const struct runnel_err *err, struct runnel_err *why) {
    struct runnel_bytes none = {NULL, 0};
    struct rn_json *o = NULL;
    (void)c;
    if (err) {
        p->done.data(p->arg, none, err);
        return 0;
    }
    int r = f->type == RN_FRAME_ANSWER ? rn_session_json(f->body, &o, why) : rn_ask_wrong(f, "ANSWER", why);
    rn_json_free(o);
    if (r < 0)
        p->done.data(p->arg, none, why);
    else
        p->done.data(p->arg, f->body, NULL);
    return r;
}

/* Puts the method in front of the caller's members. */
static int build(struct rn_buf *b, const char *method, const char *json, struct runnel_err *err) {
    struct rn_json_limits limits = {.size = RN_MAX_FRAME, .depth = RN_MAX_JSON_DEPTH, .values = RN_MAX_JSON_VALUES};
    struct rn_json *o = NULL;
    struct rn_jw w;
    int r = rn_json_parse(json, strlen(json), &limits, &o, NULL, err);
    if (r < 0)
        return rn_wrap(err, "%s: parameters", method);
    if (o->type != RN_OBJECT)
        r = rn_fail(err, RUNNEL_EINVALID, "%s: the parameters are %s, want an object", method,
                    rn_json_type_name(o->type));
    else if (rn_json_get(o, "method"))
        r = rn_fail(err, RUNNEL_EINVALID, "%s: the parameters must not have a member \"method\"", method);
    if (r == 0) {
        rn_jw_init(&w, b);
        rn_jw_object(&w);
        rn_jw_kstr(&w, "method", method);
        for (const struct rn_json *v = o->child; v; v = v->next) {
            rn_jw_key(&w, v->key);
            rn_jw_tree(&w, v);
        }
        rn_jw_end_object(&w);
        if (b->failed)
            r = rn_fail(err, -b->failed, "%s: no memory for the request", method);
    }
    rn_json_free(o);
    return r;
}

int runnel_client_request(struct runnel_client *c, const char *method, const char *json, runnel_data *done, void *arg,
                          struct runnel_err *err) {
    struct rn_buf b = {0};
    int r = build(&b, method, json ? json : "{}", err);
    if (r == 0) {
        struct runnel_err why = {0};
        struct rn_pending *p = rn_ask_new(c, 0, data_answered, arg, &why);
        r = p ? 0 : rn_err_copy(err, &why);
        if (p) {
            p->done.data = done;
            r = rn_ask_sent(c, p, rn_frame_json(&c->out, RN_FRAME_REQUEST, p->id, rn_buf_bytes(&b)), err);
        }
    }
    rn_buf_free(&b);
    return r;
}
