/* SPDX-License-Identifier: MIT
 * sessionhello.c — who is at the other end: the first frame of each side (session.h).
 * May touch: the session.
 */
#include "config.h"

#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "node/heads.h"
#include "node/sessionstate.h"
#include "node/twin.h"
#include "node/upstream.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROTOCOL 1

int rn_session_send_hello(struct rn_session *s) {
    struct rn_node *n = s->node;
    struct rn_buf b = {.max = 1024};
    struct rn_jw w;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_key(&w, "runnel");
    rn_jw_array(&w);
    rn_jw_i64(&w, PROTOCOL);
    rn_jw_end_array(&w);
    rn_jw_khex(&w, "node", n->id.b, sizeof n->id.b);
    rn_jw_khex(&w, "nonce", n->nonce, sizeof n->nonce);
    rn_jw_kstr(&w, "agent", RN_AGENT);
    rn_jw_end_object(&w);
    int rc = b.failed;
    if (rc == 0)
        rc = rn_frame_json(&s->out, RN_FRAME_HELLO, 0, rn_buf_bytes(&b));
    rn_buf_free(&b);
    return rc;
}

static int speaks(const struct rn_json *versions) {
    if (!versions || versions->type != RN_ARRAY)
        return 0;
    for (const struct rn_json *v = versions->child; v; v = v->next)
        if (v->type == RN_INT && v->i == PROTOCOL)
            return 1;
    return 0;
}

static int set_name(struct rn_session *s) {
    struct rn_buf b = {.max = 1024};
    rn_buf_str(&b, s->remote);
    if (s->has_peer) {
        rn_buf_str(&b, " (node ");
        rn_buf_hex(&b, s->peer.b, 4);
        rn_buf_str(&b, ")");
    }
    if (b.failed || !rn_buf_cstr(&b)) {
        rn_buf_free(&b);
        return -RUNNEL_ENOMEM;
    }
    free(s->name);
    s->name = (char *)b.p; /* the buffer's memory becomes the name */
    return 0;
}

/* A node tells its id and its nonce, a program neither. */
static int take_peer(struct rn_session *s, const struct rn_json *o, struct runnel_err *err) {
    const char *node = NULL, *nonce = NULL;
    int rc = rn_json_str(o, "node", &node, err);
    if (rc == -RUNNEL_ENOTFOUND)
        return 0;
    if (rc != 0)
        return rc;
    if (rn_hex_parse(node, strlen(node), s->peer.b, RN_KEY) != 0)
        return rn_fail(err, RUNNEL_EINVALID, "hello: node: want 64 hexadecimal digits");
    rc = rn_json_str(o, "nonce", &nonce, err);
    if (rc == -RUNNEL_ENOTFOUND || (rc == 0 && rn_hex_parse(nonce, strlen(nonce), s->peer_nonce, RN_NONCE) != 0))
        return rn_fail(err, RUNNEL_EINVALID, "hello: nonce: want 32 hexadecimal digits");
    s->has_peer = rc == 0;
    return rc;
}

static int take_hello(struct rn_session *s, const struct rn_json *o, struct runnel_err *err) {
    const char *agent = NULL;
    struct rn_node *n = s->node;
    if (!speaks(rn_json_get(o, "runnel")))
        return rn_fail(err, RUNNEL_EUNSUPPORTED,
                       "hello: no common version of the protocol; this node speaks version %d", PROTOCOL);
    int rc = take_peer(s, o, err);
    if (rc != 0)
        return rc;
    rc = rn_json_str(o, "agent", &agent, err);
    if (rc == 0)
        (void)snprintf(s->agent, sizeof s->agent, "%s", agent);
    else if (rc != -RUNNEL_ENOTFOUND)
        return rc;
    if (s->has_peer && memcmp(s->peer_nonce, n->nonce, RN_NONCE) == 0)
        return rn_fail(err, RUNNEL_ECONFLICT, "this node has dialled itself at %s; take the address out of its lists",
                       s->remote);
    if (s->has_peer && memcmp(s->peer.b, n->id.b, RN_KEY) == 0) {
        s->namesake = 1;
        s->has_peer = 0;
    }
    return set_name(s);
}

int rn_session_on_hello(struct rn_session *s, const struct rn_frame *f, struct runnel_err *err) {
    struct rn_json_limits limits = {.depth = 4, .values = 64};
    struct rn_json *o = NULL;
    if (s->phase != RN_GREETING || f->type != RN_FRAME_HELLO)
        return rn_fail(err, RUNNEL_EINVALID, "found a frame of type %d, want %s", (int)f->type,
                       s->phase == RN_GREETING ? "hello first" : "hello only once");
    int rc = rn_json_parse(f->body.p, f->body.n, &limits, &o, NULL, err);
    if (rc == 0)
        rc = take_hello(s, o, err);
    rn_json_free(o);
    if (rc != 0)
        return rc;
    s->phase = RN_OPEN;
    s->since = s->node->env->wall(s->node->env->ctx);
    int level = s->has_peer ? RUNNEL_INFO : RUNNEL_DEBUG;
    if (rn_session_may_say(s, level))
        rn_node_log(s->node, level, "session", "%s: open (%s), %s", s->name, s->agent[0] ? s->agent : "no agent named",
                    s->dialled ? "dialled" : "accepted");
    rn_session_on_life(s);
    if (s->namesake) {
        rn_twin_meet(s);
        return 0;
    }
    if (s->owner)
        s->owner->opened(s->owner);
    else if (s->has_peer)
        rn_upstreams_offer(s->node, s);
    if (s->has_peer && rn_session_open(s))
        rn_heads_ask(s->node, s);
    if (s->has_peer && rn_session_open(s))
        rn_twin_look(s);
    return 0;
}
