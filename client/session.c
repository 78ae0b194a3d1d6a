/* SPDX-License-Identifier: MIT
 * session.c — the node protocol as a program speaks it: hello, frames in, the end.
 * May touch: the heap.
 */
#include "client/client.h"
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void rn_client_enter(struct runnel_client *c) {
    c->depth++;
}

static void destroy(struct runnel_client *c) {
    rn_link_free(c);
    rn_outlet_free_all(c);
    if (c->retry)
        event_free(c->retry);
    free(c->address);
    free(c->agent_said);
    free(c);
}

void rn_client_leave(struct runnel_client *c) {
    if (--c->depth == 0 && c->freed)
        destroy(c);
}

int rn_session_json(struct runnel_bytes text, struct rn_json **out, struct runnel_err *err) {
    struct rn_json_limits limits = {.size = RN_MAX_FRAME, .depth = RN_MAX_JSON_DEPTH, .values = RN_MAX_JSON_VALUES};
    struct runnel_err why = {0};
    int r = rn_json_parse(text.p, text.n, &limits, out, NULL, &why);
    if (r == -RUNNEL_ENOMEM)
        return rn_err_copy(err, &why);
    if (r < 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "the node's JSON is malformed: %s", why.msg);
    if ((*out)->type == RN_OBJECT)
        return 0;
    r = rn_fail(err, RUNNEL_EDAMAGED, "the node's JSON is %s, want an object", rn_json_type_name((*out)->type));
    rn_json_free(*out);
    *out = NULL;
    return r;
}

static int say_hello(struct runnel_client *c, struct runnel_err *err) {
    struct rn_buf json = {0};
    struct rn_jw w;
    rn_jw_init(&w, &json);
    rn_jw_object(&w);
    rn_jw_key(&w, "runnel");
    rn_jw_array(&w);
    rn_jw_i64(&w, 1);
    rn_jw_end_array(&w);
    rn_jw_kstr(&w, "agent", c->agent_said);
    rn_jw_end_object(&w);
    int r = json.failed ? json.failed : rn_frame_json(&c->out, RN_FRAME_HELLO, 0, rn_buf_bytes(&json));
    rn_buf_free(&json);
    return r < 0 ? rn_fail(err, -r, "%s: no memory for the hello", c->address) : 0;
}

int rn_session_begin(struct runnel_client *c, struct runnel_err *err) {
    int r = say_hello(c, err);
    if (r == 0)
        r = rn_link_open(c, err);
    if (r < 0)
        return r;
    rn_life_restart(c);
    rn_link_flush_soon(c);
    return 0;
}

/* ---- frames in ---- */

static int speaks_1(const struct rn_json *versions) {
    if (!versions || versions->type != RN_ARRAY)
        return 0;
    for (const struct rn_json *v = versions->child; v; v = v->next)
        if (v->type == RN_INT && v->i == 1)
            return 1;
    return 0;
}

static int take_hello(struct runnel_client *c, const struct rn_json *o, struct runnel_err *err) {
    uint8_t key[RN_KEY];
    const char *node = "", *agent = "";
    if (!speaks_1(rn_json_get(o, "runnel")))
        return rn_fail(err, RUNNEL_EUNSUPPORTED, "the node does not speak version 1 of the protocol");
    int r = rn_json_str(o, "node", &node, err);
    if (r == 0)
        r = rn_hex_parse(node, strlen(node), key, sizeof key);
    if (r < 0)
        return rn_fail(err, RUNNEL_EUNSUPPORTED, "its hello names no node id: what answers there is no node");
    memcpy(c->node, node, sizeof c->node);
    if (rn_json_str(o, "agent", &agent, NULL) == 0) {
        size_t n = strlen(agent);
        while (n >= sizeof c->agent || (n > 0 && (agent[n] & 0xc0) == 0x80))
            n--; /* cut at a character's start */
        memcpy(c->agent, agent, n);
        c->agent[n] = 0;
    }
    return 0;
}

static int on_hello(struct runnel_client *c, const struct rn_frame *f, struct runnel_err *err) {
    struct rn_json *o = NULL;
    int r = rn_session_json(f->body, &o, err);
    if (r == 0)
        r = take_hello(c, o, err);
    rn_json_free(o);
    if (r < 0)
        return rn_wrap(err, "hello");
    c->connected = c->ever = 1;
    c->lost_at = 0;
    rn_life_restart(c);
    r = c->open ? 0 : rn_retry_resume(c, err);
    if (r < 0)
        return r;
    if (c->on_state)
        c->on_state(c->arg, RUNNEL_CONNECTED, NULL);
    return 0;
}

/* Reads the body of an ERROR frame. */
static int read_error(const struct rn_frame *f, struct runnel_err *out, struct runnel_err *err) {
    struct rn_json *o = NULL;
    const char *code = NULL, *message = "";
    int r = rn_session_json(f->body, &o, err);
    if (r == 0)
        r = rn_json_str(o, "code", &code, err);
    if (r == 0 && rn_json_str(o, "message", &message, err) == -RUNNEL_EINVALID)
        r = -RUNNEL_EINVALID;
    if (r == 0)
        (void)rn_fail(out, rn_code_of(code, strlen(code)), "%s", message);
    else
        r = rn_fail(err, RUNNEL_EDAMAGED, "an error frame that is malformed");
    rn_json_free(o);
    return r;
}

static int on_answer(struct runnel_client *c, const struct rn_frame *f, struct runnel_err *err) {
    struct runnel_err refused;
    const struct runnel_err *why = NULL;
    if (f->type == RN_FRAME_ERROR) {
        int r = read_error(f, &refused, err);
        if (r < 0)
            return r;
        if (f->id == 0)
            return rn_fail(err, refused.code, "the node ended the session: %s", refused.msg);
        why = &refused;
    }
    struct rn_pending *p = rn_ask_find(c, f->id);
    if (!p)
        return rn_fail(err, RUNNEL_EDAMAGED, "an answer to request %llu, which is not open", (unsigned long long)f->id);
    if (why && p->is_publish && rn_outlet_again(c, p, why))
        return rn_outlet_go_on(c, &p->stream, err);
    rn_ask_take(c, p);
    int r = p->answer(c, p, why ? NULL : f, why, err);
    rn_ask_free(p);
    return r;
}

/* Both sides may ask, but a program has no methods. */
static int refuse_request(struct runnel_client *c, const struct rn_frame *f, struct runnel_err *err) {
    static const char no[] = "{\"code\":\"unsupported\",\"message\":\"a program answers no requests\"}";
    struct runnel_bytes body = {(const uint8_t *)no, sizeof no - 1};
    if (rn_link_unsent(c) >= c->queue_limit)
        return rn_fail(err, RUNNEL_EDAMAGED, "the node asks without reading the answers");
    int r = rn_frame_json(&c->out, RN_FRAME_ERROR, f->id, body);
    rn_link_flush_soon(c);
    return r < 0 ? rn_fail(err, -r, "no memory for an answer") : 0;
}

static int on_frame(struct runnel_client *c, const struct rn_frame *f, struct runnel_err *err) {
    if (f->type == RN_FRAME_HELLO && !c->connected)
        return on_hello(c, f, err);
    if (!c->connected && f->type != RN_FRAME_ERROR)
        return rn_fail(err, RUNNEL_EDAMAGED, "a frame of type %d came before the hello", (int)f->type);
    c->tries = 0; /* this session is of use: after it the waiting begins anew */
    switch (f->type) {
    case RN_FRAME_ANSWER:
    case RN_FRAME_ERROR:
    case RN_FRAME_PUBLISHED:
    case RN_FRAME_HASHES:
        return on_answer(c, f, err);
    case RN_FRAME_DATA:
        return rn_follow_data(c, f, err);
    case RN_FRAME_HEAD:
        return rn_follow_head(c, f, err);
    case RN_FRAME_STATE:
        return rn_follow_state(c, f, err);
    case RN_FRAME_REQUEST:
        return refuse_request(c, f, err);
    default:
        return rn_fail(err, RUNNEL_EDAMAGED, "a frame of type %d is not for a program", (int)f->type);
    }
}

void rn_session_bytes(struct runnel_client *c) {
    size_t at = 0;
    struct runnel_err err = {0};
    int r = 0;
    while (!c->closed) {
        struct rn_frame f;
        r = rn_frame_get(c->in.p + at, c->in.n - at, &f, &err);
        if (r <= 0)
            break;
        at += (size_t)r;
        r = on_frame(c, &f, &err);
        if (r < 0)
            break;
    }
    if (c->closed)
        return; /* the buffer goes with the client */
    if (r < 0) {
        (void)rn_wrap(&err, "%s", c->address);
        rn_session_end(c, &err);
        return;
    }
    rn_buf_drop(&c->in, at);
}

/* ---- the end ---- */

/* Completions may close more, ask (in vain) or free the client: take the first again and again. */
static void fail_all(struct runnel_client *c, const struct runnel_err *why) {
    struct runnel_err ignored;
    while (!rn_list_empty(&c->doomed) || !rn_list_empty(&c->asked)) {
        struct rn_list *first = rn_list_empty(&c->doomed) ? c->asked.next : c->doomed.next;
        struct rn_pending *p = rn_list_of(first, struct rn_pending, order);
        rn_ask_take(c, p);
        (void)p->answer(c, p, NULL, why, &ignored);
        rn_ask_free(p);
    }
    rn_follow_end_all(c, why);
}

void rn_session_close(struct runnel_client *c, const struct runnel_err *why) {
    c->closed = 1;
    c->why = *why;
    rn_link_close(c);
    if (c->retry)
        (void)event_del(c->retry);
    fail_all(c, &c->why);
    if (c->on_state && !c->freed)
        c->on_state(c->arg, RUNNEL_CLOSED, &c->why);
}

void rn_session_end(struct runnel_client *c, const struct runnel_err *why) {
    if (c->closed)
        return;
    rn_client_enter(c);
    if (rn_retry_helps(c, why))
        rn_retry_lost(c, why);
    else
        rn_session_close(c, why);
    rn_client_leave(c);
}

/* ---- making and freeing ---- */

static int take_agent(struct runnel_client *c, const char *name, struct runnel_err *err) {
    if (!name)
        name = "librunnel/" PACKAGE_VERSION;
    if (strlen(name) > 64)
        return rn_fail(err, RUNNEL_EINVALID, "options: agent has %zu bytes, 64 are allowed", strlen(name));
    c->agent_said = strdup(name);
    return c->agent_said ? 0 : rn_fail(err, RUNNEL_ENOMEM, "%s: no memory for a client", c->address);
}

static int take_retry(struct runnel_client *c, const struct runnel_client_options *o, struct runnel_err *err) {
    if (o->flags & ~(RUNNEL_CLIENT_ONCE | RUNNEL_CLIENT_WAIT))
        return rn_fail(err, RUNNEL_EINVALID, "options: flags has an unknown flag");
    if (o->flags & RUNNEL_CLIENT_ONCE && o->flags & RUNNEL_CLIENT_WAIT)
        return rn_fail(err, RUNNEL_EINVALID, "options: RUNNEL_CLIENT_ONCE and RUNNEL_CLIENT_WAIT do not go together");
    if (o->retry_least < 0 || o->retry_most < 0 || o->retry_limit < 0)
        return rn_fail(err, RUNNEL_EINVALID, "options: retry_least, retry_most or retry_limit is negative");
    c->flags = o->flags;
    c->retry_least = o->retry_least ? o->retry_least : INT64_C(100000000);
    c->retry_most = o->retry_most ? o->retry_most : INT64_C(30000000000);
    c->retry_limit = o->retry_limit;
    return 0;
}

static int take_options(struct runnel_client *c, const struct runnel_client_options *o, struct runnel_err *err) {
    struct runnel_client_options all = {0};
    if (o) {
        if (o->size < sizeof o->size)
            return rn_fail(err, RUNNEL_EINVALID, "options: size must be sizeof(struct runnel_client_options)");
        memcpy(&all, o, o->size < sizeof all ? o->size : sizeof all);
    }
    if (all.connect_limit < 0)
        return rn_fail(err, RUNNEL_EINVALID, "options: connect_limit is negative");
    c->connect_limit = all.connect_limit ? all.connect_limit : RN_MAX_HELLO_SECONDS * INT64_C(1000000000);
    c->silence_limit = all.silence_limit ? all.silence_limit : INT64_C(30000000000);
    c->queue_limit = all.queue_limit ? all.queue_limit : RN_MAX_QUEUED;
    if (c->queue_limit > RN_BUF_MAX / 2)
        c->queue_limit = RN_BUF_MAX / 2;
    int r = take_retry(c, &all, err);
    return r < 0 ? r : take_agent(c, all.agent, err);
}

/* Without RUNNEL_CLIENT_WAIT the first attempt is made at once, so that the caller hears of it. */
static int start(struct runnel_client *c, const char *address, const struct runnel_client_options *options,
                 struct runnel_err *err) {
    struct sockaddr_storage sa;
    size_t n = 0;
    c->address = strdup(address);
    if (!c->address)
        return rn_fail(err, RUNNEL_ENOMEM, "%s: no memory for a client", address);
    int r = take_options(c, options, err);
    if (r == 0)
        r = rn_address_parse(address, &sa, &n, err);
    if (r < 0)
        return r;
    if (c->flags & RUNNEL_CLIENT_WAIT)
        return rn_retry_first(c, err);
    c->open = 1;
    return rn_session_begin(c, err);
}

static void init_lists(struct runnel_client *c) {
    rn_list_init(&c->doomed);
    rn_list_init(&c->asked);
    rn_list_init(&c->following);
    rn_list_init(&c->used);
    for (size_t i = 0; i < RN_SLOTS; i++) {
        rn_list_init(&c->slots[i]);
        rn_list_init(&c->follows[i]);
        rn_list_init(&c->outlets[i]);
    }
}

int runnel_client_new(struct event_base *base, const char *address, const struct runnel_client_options *options,
                      runnel_state_fn *on_state, void *arg, struct runnel_client **out, struct runnel_err *err) {
    *out = NULL;
    struct runnel_client *c = calloc(1, sizeof *c);
    if (!c)
        return rn_fail(err, RUNNEL_ENOMEM, "%s: no memory for a client", address);
    c->base = base;
    c->fd = -1;
    c->on_state = on_state;
    c->arg = arg;
    c->next_id = 1;
    rn_buf_init(&c->in, RN_FRAME_LENGTH + RN_MAX_FRAME + RN_READ);
    init_lists(c);
    int r = start(c, address, options, err);
    if (r < 0) {
        destroy(c);
        return r;
    }
    *out = c;
    return 0;
}

void runnel_client_free(struct runnel_client *c) {
    struct runnel_err why;
    if (!c || c->freed)
        return;
    rn_client_enter(c);
    c->freed = 1;
    (void)rn_fail(&why, RUNNEL_ECLOSED, "%s: this program ended the session", c->address);
    rn_session_end(c, &why);
    rn_client_leave(c);
}

const char *runnel_client_node(const struct runnel_client *c) {
    return c->node;
}

const char *runnel_client_agent(const struct runnel_client *c) {
    return c->agent;
}

uint64_t runnel_client_queued(const struct runnel_client *c) {
    return rn_ask_queued(c);
}

uint64_t runnel_client_open(const struct runnel_client *c) {
    return c->n_open;
}
