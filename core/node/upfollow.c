/* SPDX-License-Identifier: MIT
 * upfollow.c — following at the provider: the follow is opened, withdrawn, and its STATE frames are read.
 * May touch: the session.
 */
#include "base/err.h"
#include "base/json.h"
#include "node/upstreamstate.h"
#include <string.h>

static void on_follow(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    struct rn_upstream *u = arg;
    (void)r;
    if (err && rn_session_open(u->session)) {
        u->follow = 0;
        rn_upstream_fail(u, err);
    }
}

void rn_upstream_follow(struct rn_upstream *u, uint64_t from, uint64_t until, rn_push_fn *push) {
    struct rn_buf b = {.max = 1024};
    struct runnel_err err;
    char text[RN_REF_TEXT];
    rn_upstream_unfollow(u);
    if (u->stream->flight)
        u->stream->flight->bytes = 0; /* an earlier follow has brought that: this one is not paid for it */
    rn_buf_fmt(&b, "\"stream\":\"%s\",\"from\":%llu,\"credit\":%lld", rn_upstream_text(u, text),
               (unsigned long long)from, (long long)RN_WINDOW);
    if (until == UINT64_MAX)
        rn_buf_str(&b, ",\"heads\":true");
    else
        rn_buf_fmt(&b, ",\"until\":%llu", (unsigned long long)until);
    int rc = b.failed;
    if (rc == 0)
        rc = rn_session_ask(u->session, "follow", rn_buf_bytes(&b), RN_ASK_NS, on_follow, push, u, &u->follow);
    rn_buf_free(&b);
    if (rc != 0) {
        rn_fail(&err, -rc, "it cannot be asked");
        rn_upstream_fail(u, &err);
    }
}

static void ignore_reply(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    (void)arg;
    (void)r;
    (void)err;
}

void rn_upstream_unfollow(struct rn_upstream *u) {
    if (!u->session || !u->follow)
        return;
    rn_session_forget(u->session, u->follow);
    if (rn_session_open(u->session)) {
        struct rn_buf b = {.max = 64};
        rn_buf_fmt(&b, "\"follow\":%llu", (unsigned long long)u->follow);
        (void)rn_session_ask(u->session, "unfollow", rn_buf_bytes(&b), RN_ASK_NS, ignore_reply, NULL, u, NULL);
        rn_buf_free(&b);
    }
    u->follow = 0;
}

/* Who is live by us does not make us live. */
static int take_live(struct rn_upstream *u, const struct rn_json *o, int live, struct runnel_err *err) {
    struct rn_hops hops;
    if (rn_hops_read(o, &hops, err) != 0)
        return -RUNNEL_EINVALID;
    live = live && !rn_hops_has(&hops, rn_hops_tag(u->node));
    int moved = live && !rn_hops_equal(&u->hops, &hops);
    if (moved) {
        u->hops = hops;
        u->hops_no++;
    }
    if (moved && u->live && u->stream)
        rn_stream_changed(u->stream);
    rn_upstream_set_live(u, live);
    if (!live)
        rn_better_soon(u);
    return 0;
}

int rn_upstream_state_frame(struct rn_upstream *u, const struct rn_frame *f, struct runnel_err *err) {
    struct rn_json *o = NULL;
    struct rn_json_limits limits = {.depth = 4, .values = 64};
    const char *end = NULL, *code = "internal", *message = "no reason given";
    int live = u->live, ended = 0;
    if (rn_json_parse(f->body.p, f->body.n, &limits, &o, NULL, err) != 0)
        return 1;
    if (rn_json_bool(o, "live", &live, NULL) == 0 && u->phase == RN_UP_LIVE && take_live(u, o, live, err) != 0)
        ended = 1;
    else if (rn_json_str(o, "end", &end, NULL) == 0 && strcmp(end, "error") == 0) {
        (void)rn_json_str(o, "code", &code, NULL);
        (void)rn_json_str(o, "message", &message, NULL);
        rn_fail(err, rn_code_of(code, strlen(code)), "%s", message);
        ended = 1;
    } else if (end) {
        rn_fail(err, RUNNEL_ECLOSED, "it ended the follow before all was there");
        ended = 2;
    }
    rn_json_free(o);
    return ended;
}

int rn_run_count(const struct rn_frame *f, uint64_t *count, struct runnel_err *err) {
    struct rn_cursor c;
    struct rn_obs o;
    int rc;
    rn_cursor_init(&c, f->body.p, f->body.n, f->seq, f->base);
    while ((rc = rn_cursor_next(&c, &o, err)) > 0)
        ;
    *count = c.seq - f->seq;
    return rc;
}
