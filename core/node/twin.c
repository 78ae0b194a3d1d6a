/* SPDX-License-Identifier: MIT
 * twin.c — two processes with one identity are found out: the methods alive and twin, and who asks them (twin.h).
 * May touch: sessions, the env's signature.
 */
#include "node/twin.h"

#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "node/methods.h"
#include "node/sessionstate.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERY (5 * RN_NS_S)
#define ASK_NS (5 * RN_NS_S)
#define PART (2 * RN_NS_S) /* a twin has so long to ask its own question */
#define PAIRS_MOST 256u    /* of a node */
#define PAIRS_EACH 4u      /* of a session */

/* Two sessions of one id. */
struct pair;
struct side {
    struct pair *pair;
    struct rn_session *session;
    uint64_t ask; /* 0: none under way */
};
struct pair {
    struct rn_list link; /* in node->twins */
    struct rn_node *node;
    struct side side[2];
    struct rn_alarm alarm;
};

/* ---- the proof ---- */

/* What is signed: the nonce of who asks, then that of who answers. */
static void proof_bytes(const uint8_t asker[RN_NONCE], const uint8_t answerer[RN_NONCE], uint8_t out[2 * RN_NONCE]) {
    memcpy(out, asker, RN_NONCE);
    memcpy(out + RN_NONCE, answerer, RN_NONCE);
}

/* Whether the holder of the key was alive as `answerer` when `asker` was. */
static int proves(const struct rn_node *n, const struct rn_key *id, const uint8_t asker[RN_NONCE],
                  const uint8_t answerer[RN_NONCE], const uint8_t sig[RN_SIGNATURE]) {
    uint8_t bytes[2 * RN_NONCE];
    proof_bytes(asker, answerer, bytes);
    return n->env->verify(n->env->ctx, id, RN_PURPOSE_ALIVE, bytes, sizeof bytes, sig) == 0;
}

/* The members nonce and signature of an answer, or of parameters. */
static int read_proof(const struct rn_json *o, uint8_t nonce[RN_NONCE], uint8_t sig[RN_SIGNATURE],
                      struct runnel_err *err) {
    const char *text;
    if (rn_json_str(o, "nonce", &text, NULL) != 0 || rn_hex_parse(text, strlen(text), nonce, RN_NONCE) != 0)
        return rn_fail(err, RUNNEL_EINVALID, "nonce: want %u hexadecimal digits", 2 * RN_NONCE);
    if (rn_json_str(o, "signature", &text, NULL) != 0 || rn_hex_parse(text, strlen(text), sig, RN_SIGNATURE) != 0)
        return rn_fail(err, RUNNEL_EINVALID, "signature: want %u hexadecimal digits", 2 * RN_SIGNATURE);
    return 0;
}

void rn_method_alive(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    uint8_t nonce[RN_NONCE], bytes[2 * RN_NONCE], sig[RN_SIGNATURE];
    struct rn_buf b = {.max = 1024};
    struct rn_jw w;
    struct runnel_err err;
    const char *text;
    int rc = 0;
    if (rn_json_str(params, "nonce", &text, NULL) != 0 || rn_hex_parse(text, strlen(text), nonce, RN_NONCE) != 0)
        rc = rn_fail(&err, RUNNEL_EINVALID, "alive: nonce: want %u hexadecimal digits", 2 * RN_NONCE);
    else if (memcmp(nonce, n->nonce, RN_NONCE) == 0)
        rc = rn_fail(&err, RUNNEL_EINVALID, "alive: this is the nonce of this node's own process");
    if (rc == 0) {
        proof_bytes(nonce, n->nonce, bytes);
        rc = rn_node_sign(n, RN_PURPOSE_ALIVE, bytes, sizeof bytes, sig);
        if (rc != 0)
            rn_fail(&err, -rc, "alive: it cannot be signed");
    }
    if (rc != 0) {
        rn_call_fail(call, &err);
        return;
    }
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_khex(&w, "nonce", n->nonce, RN_NONCE);
    rn_jw_khex(&w, "signature", sig, sizeof sig);
    rn_jw_end_object(&w);
    rn_method_answer(call, &b);
}

void rn_method_twin(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    uint8_t nonce[RN_NONCE], sig[RN_SIGNATURE];
    struct runnel_err err;
    char where[160];
    int rc = read_proof(params, nonce, sig, &err);
    if (rc == 0 && (memcmp(nonce, n->nonce, RN_NONCE) == 0 || !proves(n, &n->id, n->nonce, nonce, sig)))
        rc = rn_fail(&err, RUNNEL_EDAMAGED, "this is no proof that another process has this node's key");
    if (rc != 0) {
        rn_wrap(&err, "twin");
        rn_call_fail(call, &err);
        return;
    }
    (void)snprintf(where, sizeof where, "%s is connected with both", call->session->name);
    rn_safety_doubt(n, RN_TWIN, where);
    rn_call_answer(call, (struct runnel_bytes){(const uint8_t *)"{}", 2});
}

static int ask_alive(struct rn_session *s, const uint8_t nonce[RN_NONCE], rn_reply_fn *fn, void *arg, uint64_t *id) {
    struct rn_buf b = {.max = 256};
    rn_buf_str(&b, "\"nonce\":\"");
    rn_buf_hex(&b, nonce, RN_NONCE);
    rn_buf_byte(&b, '"');
    int rc = b.failed ? b.failed : rn_session_ask(s, "alive", rn_buf_bytes(&b), ASK_NS, fn, NULL, arg, id);
    rn_buf_free(&b);
    return rc;
}

/* ---- face to face ---- */

static void part(void *arg) {
    struct rn_session *s = arg;
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ECONFLICT,
            "a second node with this node's identity runs at %s; stop one of them: an identity must not be copied",
            s->remote);
    rn_session_close(s, &err);
}

static void on_met(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    struct rn_session *s = arg;
    struct rn_node *n = s->node;
    uint8_t nonce[RN_NONCE], sig[RN_SIGNATURE];
    struct runnel_err why;
    char where[160];
    if (!rn_session_open(s))
        return;
    if (err || read_proof(r->json, nonce, sig, &why) != 0 || memcmp(nonce, n->nonce, RN_NONCE) == 0 ||
        !proves(n, &n->id, n->nonce, nonce, sig)) {
        rn_fail(&why, RUNNEL_ECONFLICT, "%s claims this node's identity and does not prove it", s->remote);
        rn_session_close(s, &why);
        return;
    }
    (void)snprintf(where, sizeof where, "at %s", s->remote);
    rn_safety_doubt(n, RN_TWIN, where);
    if (rn_alarm_set(&n->loop, &s->life, PART, part, s) != 0)
        part(s);
}

void rn_twin_meet(struct rn_session *s) {
    if (ask_alive(s, s->node->nonce, on_met, s, NULL) != 0)
        part(s);
}

/* ---- two that we both know ---- */

static void on_ignored(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    (void)arg;
    (void)r;
    (void)err; /* who cannot make use of it says so, and that is that */
}

static void tell(struct side *to, const uint8_t nonce[RN_NONCE], const uint8_t sig[RN_SIGNATURE]) {
    struct rn_buf b = {.max = 512};
    rn_buf_str(&b, "\"nonce\":\"");
    rn_buf_hex(&b, nonce, RN_NONCE);
    rn_buf_str(&b, "\",\"signature\":\"");
    rn_buf_hex(&b, sig, RN_SIGNATURE);
    rn_buf_byte(&b, '"');
    int rc = b.failed;
    if (rc == 0)
        rc = rn_session_ask(to->session, "twin", rn_buf_bytes(&b), ASK_NS, on_ignored, NULL, to->session, NULL);
    if (rc != 0)
        rn_node_log(to->pair->node, RUNNEL_WARN, "author", "%s cannot be told of its twin: out of memory",
                    to->session->name);
    rn_buf_free(&b);
}

static void on_alive(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    struct side *from = arg;
    struct pair *p = from->pair;
    struct side *to = from == &p->side[0] ? &p->side[1] : &p->side[0];
    uint8_t nonce[RN_NONCE], sig[RN_SIGNATURE];
    from->ask = 0;
    if (err || !rn_session_open(to->session) || read_proof(r->json, nonce, sig, NULL) != 0)
        return;
    if (proves(p->node, &from->session->peer, to->session->peer_nonce, nonce, sig))
        tell(to, nonce, sig);
}

static void pair_free(struct pair *p) {
    for (size_t i = 0; i < 2; i++)
        if (p->side[i].ask)
            rn_session_forget(p->side[i].session, p->side[i].ask);
    rn_alarm_cancel(&p->node->loop, &p->alarm);
    rn_list_del(&p->link);
    free(p);
}

static void ask_both(void *arg) {
    struct pair *p = arg;
    for (size_t i = 0; i < 2; i++) {
        struct side *side = &p->side[i];
        if (!side->ask && ask_alive(side->session, p->side[1 - i].session->peer_nonce, on_alive, side, &side->ask) != 0)
            side->ask = 0;
    }
    if (rn_alarm_set(&p->node->loop, &p->alarm, EVERY, ask_both, p) != 0)
        pair_free(p);
}

static void make_pair(struct rn_session *a, struct rn_session *b) {
    struct rn_node *n = a->node;
    struct pair *p = calloc(1, sizeof *p);
    if (!p)
        return;
    p->node = n;
    p->side[0] = (struct side){.pair = p, .session = a};
    p->side[1] = (struct side){.pair = p, .session = b};
    rn_list_init(&p->link);
    rn_list_add(&n->twins, &p->link);
    rn_node_log(n, RUNNEL_INFO, "author", "%s and %s claim one identity: each is asked to prove it", a->name, b->name);
    ask_both(p);
}

void rn_twin_look(struct rn_session *s) {
    struct rn_node *n = s->node;
    size_t pairs = 0, made = 0;
    rn_list_for (it, &n->twins)
        pairs++;
    rn_list_for_safe (it, &n->sessions) {
        struct rn_session *other = rn_list_of(it, struct rn_session, link);
        if (other == s || !other->has_peer || !rn_session_open(other) ||
            memcmp(other->peer.b, s->peer.b, RN_KEY) != 0 || memcmp(other->peer_nonce, s->peer_nonce, RN_NONCE) == 0)
            continue;
        if (pairs++ >= PAIRS_MOST || made++ >= PAIRS_EACH)
            return;
        make_pair(s, other);
    }
}

void rn_twin_gone(struct rn_session *s) {
    rn_list_for_safe (it, &s->node->twins) {
        struct pair *p = rn_list_of(it, struct pair, link);
        if (p->side[0].session == s || p->side[1].session == s)
            pair_free(p);
    }
}

void rn_twins_drop(struct rn_node *n) {
    while (!rn_list_empty(&n->twins)) {
        struct pair *p = rn_list_of(n->twins.next, struct pair, link);
        rn_alarm_cancel(&n->loop, &p->alarm);
        rn_list_del(&p->link);
        free(p);
    }
}
