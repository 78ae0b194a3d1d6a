/* SPDX-License-Identifier: MIT
 * node.c — the tool's session with its node: connecting, and one question at a time.
 * May touch: librunnel, libevent.
 */
#include "tool/tool.h"
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_ADDRESS "unix:///run/runnel/runnel.sock"

int rn_exit_of(const struct runnel_err *err) {
    return err->code == RUNNEL_ECLOSED || err->code == RUNNEL_ETIMEOUT ? RN_EXIT_NODE : RN_EXIT_ERROR;
}

/* What goes on until it is interrupted, or until its input ends, goes on when the node is restarted too. An import
 * says of each observation where it belongs, so that repeating it is safe. */
static int stays(const struct rn_tool *t) {
    return t->command->run == rn_cmd_follow || t->command->run == rn_cmd_import ||
           (t->command->run == rn_cmd_publish && t->n_words == 2 && strcmp(t->words[1], "-") == 0);
}

/* Who waits is told so once, also in a log; then only those who look on are told of each attempt. */
static void tell_away(struct rn_tool *t, const struct runnel_err *err) {
    if (t->away || t->json)
        rn_note(t, "%s; trying again", err->msg);
    else
        (void)fprintf(stderr, "runnel: %s; waiting for the node and trying again\n", err->msg);
    t->away = 1;
}

static void on_state(void *arg, enum runnel_state state, const struct runnel_err *err) {
    struct rn_tool *t = arg;
    if (t->progress)
        rn_progress_hide(t->progress);
    if (state == RUNNEL_CONNECTED) {
        if (t->away && !t->json)
            (void)fprintf(stderr, "runnel: the node is there again\n");
        t->connected = 1;
        t->away = 0;
    } else if (state == RUNNEL_LOST) {
        tell_away(t, err);
    } else {
        t->lost = 1;
        t->why = *err;
    }
}

/* A base that takes regular files too: standard input may be one. */
static struct event_base *make_base(void) {
    struct event_config *cfg = event_config_new();
    struct event_base *base = NULL;
    if (cfg && event_config_require_features(cfg, EV_FEATURE_FDS) == 0)
        base = event_base_new_with_config(cfg);
    if (cfg)
        event_config_free(cfg);
    return base;
}

static int unreachable(struct rn_tool *t, struct runnel_err *err) {
    if (err->code == RUNNEL_EINVALID)
        return rn_usage(t, "the node's address: %s", err->msg);
    (void)rn_wrap(err, "no node reachable");
    size_t n = strlen(err->msg);
    static const char hint[] = ". Is runneld running? --node or RUNNEL_NODE name another address";
    if (n + sizeof hint <= sizeof err->msg)
        memcpy(err->msg + n, hint, sizeof hint);
    return rn_tool_fail(t, RN_EXIT_NODE, err);
}

/* One try. */
static int connect_once(struct rn_tool *t, struct runnel_err *err) {
    struct runnel_client_options o = {.size = sizeof o, .agent = "runnel/" PACKAGE_VERSION};
    o.flags = stays(t) ? 0 : RUNNEL_CLIENT_ONCE;
    o.retry_most = 5 * RN_NS_S; /* somebody may be looking on */
    t->base = make_base();
    if (!t->base)
        return rn_fail(err, RUNNEL_ENOMEM, "cannot make an event loop");
    int r = runnel_client_new(t->base, t->address, &o, on_state, t, &t->client, err);
    if (r < 0)
        return r;
    rn_node_wait(t, &t->connected);
    return t->connected ? 0 : rn_err_copy(err, &t->why);
}

int rn_node_connect(struct rn_tool *t) {
    struct runnel_err err;
    const char *env = getenv("RUNNEL_NODE");
    if (!t->address)
        t->address = env && *env ? env : DEFAULT_ADDRESS;
    return connect_once(t, &err) < 0 ? unreachable(t, &err) : 0;
}

int rn_node_again(struct rn_tool *t, struct runnel_err *err) {
    rn_node_leave(t);
    t->connected = t->lost = 0;
    return connect_once(t, err);
}

void rn_node_leave(struct rn_tool *t) {
    runnel_client_free(t->client);
    t->client = NULL;
    if (t->base)
        event_base_free(t->base);
    t->base = NULL;
}

void rn_node_wait(struct rn_tool *t, const int *done) {
    while (!*done && !t->lost)
        if (event_base_loop(t->base, EVLOOP_ONCE) < 0) {
            t->lost = 1;
            (void)rn_fail(&t->why, RUNNEL_EIO, "the event loop failed");
        }
}

/* ---- a question ---- */

struct question {
    int done;
    struct rn_buf text;
    int failed;
    struct runnel_err err;
};

static void on_answer(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct question *q = arg;
    q->done = 1;
    if (err) {
        q->failed = 1;
        q->err = *err;
    } else if (rn_buf_add(&q->text, data.p, data.n) < 0) {
        q->failed = 1;
        (void)rn_fail(&q->err, RUNNEL_ENOMEM, "no memory for an answer");
    }
}

int rn_node_ask(struct rn_tool *t, const char *method, const char *json, struct rn_answer *a, struct runnel_err *err) {
    struct question q = {0};
    memset(a, 0, sizeof *a);
    int r = runnel_client_request(t->client, method, json, on_answer, &q, err);
    if (r < 0)
        return r;
    rn_node_wait(t, &q.done);
    if (!q.done)
        r = rn_err_copy(err, &t->why);
    else if (q.failed)
        r = rn_err_copy(err, &q.err);
    else
        r = rn_json_parse(q.text.p, q.text.n, NULL, &a->tree, NULL, err);
    a->text = q.text;
    if (r < 0)
        rn_answer_free(a);
    return r;
}

void rn_answer_free(struct rn_answer *a) {
    rn_json_free(a->tree);
    rn_buf_free(&a->text);
    a->tree = NULL;
}

const char *rn_node_stream_json(struct rn_buf *b, const char *stream) {
    struct rn_jw w;
    rn_jw_init(&w, b);
    rn_jw_object(&w);
    rn_jw_kstr(&w, "stream", stream);
    rn_jw_end_object(&w);
    return rn_buf_cstr(b);
}
