/* SPDX-License-Identifier: MIT
 * request.c — asking: requests, the answers they wait for, and any method in JSON.
 * May touch: the heap.
 */
#include "client/client.h"
#include <stdlib.h>
#include <string.h>

#define EACH 32u /* bytes that a kept request counts for besides its body */

static struct rn_list *slot_of(struct runnel_client *c, uint64_t id) {
    return &c->slots[id & (RN_SLOTS - 1)];
}

uint64_t rn_ask_queued(const struct runnel_client *c) {
    uint64_t unsent = rn_link_unsent(c);
    return c->kept > unsent ? c->kept : unsent; /* what is kept may be among what is unsent */
}

static int may_ask(const struct runnel_client *c, int force, struct runnel_err *err) {
    if (c->closed)
        return rn_fail(err, RUNNEL_ECLOSED, "the session is over: %s", c->why.msg);
    if (force)
        return 0;
    if (rn_ask_queued(c) >= c->queue_limit)
        return rn_fail(err, RUNNEL_EBUSY, "%llu bytes wait %s: try again when some are gone",
                       (unsigned long long)rn_ask_queued(c),
                       c->connected ? "to be sent to the node or answered by it" : "for a session with the node");
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
    rn_list_init(&p->placing);
    rn_list_add(slot_of(c, p->id), &p->slot);
    rn_list_add(&c->asked, &p->order);
    c->n_open++;
    return p;
}

void rn_ask_take(struct runnel_client *c, struct rn_pending *p) {
    rn_list_del(&p->slot);
    rn_list_del(&p->order);
    c->n_open--;
    c->kept -= p->kept;
    p->kept = 0;
}

void rn_ask_free(struct rn_pending *p) {
    rn_outlet_leave(p);
    rn_buf_free(&p->body);
    free(p);
}

/* ---- sending ---- */

static size_t leb_bytes(uint64_t v) {
    size_t n = 1;
    for (; v > 127; v >>= 7)
        n++;
    return n;
}

static int fits(const struct rn_pending *p, struct runnel_err *err) {
    if (p->body.failed == -RUNNEL_ENOMEM)
        return rn_fail(err, RUNNEL_ENOMEM, "no memory for a request");
    if (p->body.failed || (!p->is_publish && 1 + leb_bytes(p->id) + p->body.n > RN_MAX_FRAME))
        return rn_fail(err, RUNNEL_ETOOBIG, "the request does not fit in a frame of %d bytes", (int)RN_MAX_FRAME);
    return 0;
}

static void keep_body(struct runnel_client *c, struct rn_pending *p) {
    p->kept = p->body.n + EACH;
    c->kept += p->kept;
}

/* A request that is not going to be repeated needs its bytes no more. */
static void drop_body(struct runnel_client *c, struct rn_pending *p) {
    c->kept -= p->kept;
    p->kept = 0;
    rn_buf_free(&p->body);
}

int rn_ask_put(struct runnel_client *c, struct rn_pending *p, struct runnel_err *err) {
    struct runnel_bytes body = rn_buf_bytes(&p->body);
    int r = p->is_publish ? rn_frame_publish(&c->out, p->id, &p->stream, p->flags, p->seq, p->base, body)
                          : rn_frame_json(&c->out, RN_FRAME_REQUEST, p->id, body);
    if (r < 0) {
        c->out.failed = 0; /* the frame was not taken; what stands before it is whole */
        return rn_fail(err, -r, "no memory to send a request");
    }
    p->end = c->written + rn_link_unsent(c);
    if (p->repeat == RN_WITH_SESSION || c->flags & RUNNEL_CLIENT_ONCE)
        drop_body(c, p);
    rn_life_arm(c);
    rn_link_flush_soon(c);
    return 0;
}

int rn_ask_seen(const struct runnel_client *c, const struct rn_pending *p) {
    return p->end > 0 && c->written >= p->end;
}

int rn_ask_keep(struct runnel_client *c, struct rn_pending *p, struct runnel_err *err) {
    int r = fits(p, err);
    if (r == 0) {
        keep_body(c, p);
        return 0;
    }
    rn_ask_take(c, p);
    rn_ask_free(p);
    return r;
}

int rn_ask_send(struct runnel_client *c, struct rn_pending *p, struct runnel_err *err) {
    int r = rn_ask_keep(c, p, err);
    if (r < 0 || !c->open)
        return r;
    r = rn_ask_put(c, p, err);
    if (r < 0) {
        rn_ask_take(c, p);
        rn_ask_free(p);
    }
    return r;
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
    struct rn_pending *p = rn_ask_new(c, 1, ping_answered, NULL, NULL);
    if (!p)
        return -RUNNEL_ENOMEM;
    rn_buf_str(&p->body, "{\"method\":\"ping\"}");
    return rn_ask_send(c, p, NULL);
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

/* Methods that do nothing more when they are asked again. */
static enum rn_repeat repeat_of(const char *method) {
    static const char *const again[] = {"ping",  "status",    "streams",     "create", "head",  "at",
                                        "nodes", "subscribe", "unsubscribe", "verify", "peers", "plugins"};
    for (size_t i = 0; i < sizeof again / sizeof *again; i++)
        if (strcmp(method, again[i]) == 0)
            return RN_ALWAYS;
    return RN_IF_UNSENT;
}

int runnel_client_request(struct runnel_client *c, const char *method, const char *json, runnel_data *done, void *arg,
                          struct runnel_err *err) {
    struct rn_buf b = {0};
    struct runnel_err why = {0};
    int r = build(&b, method, json ? json : "{}", err);
    struct rn_pending *p = r == 0 ? rn_ask_new(c, 0, data_answered, arg, &why) : NULL;
    if (r == 0 && p) {
        p->repeat = repeat_of(method);
        p->done.data = done;
        p->body = b;
        return rn_ask_send(c, p, err);
    }
    rn_buf_free(&b);
    return r < 0 ? r : rn_err_copy(err, &why);
}
