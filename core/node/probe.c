/* SPDX-License-Identifier: MIT
 * probe.c — what a provider says of a stream is checked, and the sync policy asked (upstreamstate.h).
 * May touch: the session, the store (a descriptor that is new), the sync instance.
 */
#include "base/err.h"
#include "base/json.h"
#include "node/upstreamstate.h"
#include <stdlib.h>
#include <string.h>

/* A stream that is new here is on its way to the disk. */
struct settling {
    struct rn_op op;
    struct rn_stream *stream;
    struct rn_changes changes;
};

static void settling_free(struct rn_op *op) {
    struct settling *t = (struct settling *)op;
    rn_changes_free(&t->changes);
    free(t);
}

/* ---- the answer to head ---- */

static int check_descriptor(struct rn_upstream *u, const struct rn_json *o, struct rn_descriptor **d,
                            const struct rn_descriptor **known, struct runnel_err *err) {
    const struct rn_json *tree = rn_json_get(o, "descriptor");
    struct rn_buf b = {.max = RN_MAX_DESCRIPTOR + 1};
    if (!tree)
        return rn_fail(err, RUNNEL_EDAMAGED, "its answer has no descriptor");
    int rc = rn_canonical(tree, &b, err);
    if (rc == 0)
        rc = rn_descriptor_parse(u->node->hasher, b.p, b.n, d, err);
    rn_buf_free(&b);
    if (rc != 0)
        return rn_wrap(err, "its descriptor");
    if (u->stream ? !rn_hash_equal(&(*d)->hash, &u->stream->desc->hash) : !rn_stream_ref_fits(&u->ref, *d)) {
        rn_descriptor_free(*d);
        *d = NULL;
        return rn_fail(err, RUNNEL_EDAMAGED, "it gives the descriptor of another stream, or by another author");
    }
    *known = *d;
    if (u->stream) {
        rn_descriptor_free(*d);
        *d = NULL;
        *known = u->stream->desc;
    }
    return 0;
}

static int check_head(struct rn_upstream *u, const char *hex, const struct rn_descriptor *d,
                      struct rn_signed_head *head, struct runnel_err *err) {
    uint8_t bytes[RN_HEAD + RN_ATTESTATION_MAX];
    size_t n = strlen(hex) / 2;
    if (n > sizeof bytes || rn_hex_parse(hex, strlen(hex), bytes, n) != 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "its head is no hexadecimal of a head");
    int rc = rn_signed_head_decode(bytes, n, head, err);
    if (rc != 0)
        return rc;
    if (!rn_hash_equal(&head->head.descriptor, &d->hash))
        return rn_fail(err, RUNNEL_EDAMAGED, "its head is of another stream");
    return rn_node_check_head(u->node, &head->head, &head->attestation, &d->author, &u->memo, err);
}

/* A head of the count that we hold must have our root. */
static int check_fork(const struct rn_upstream *u, const struct rn_head *head, struct runnel_err *err) {
    const struct rn_stream *s = u->stream;
    if (!s || !s->has_head || head->count != s->head.head.count || rn_hash_equal(&head->root, &s->head.head.root))
        return 0;
    return rn_fail(err, RUNNEL_EFORK,
                   "fork: the author has signed two heads with %llu observations and different roots",
                   (unsigned long long)head->count);
}

int rn_probe_check(struct rn_upstream *u, const struct rn_json *o, struct rn_signed_head *head,
                   struct rn_descriptor **d, struct runnel_err *err) {
    const struct rn_descriptor *known = NULL;
    const char *hex = NULL;
    *d = NULL;
    int rc = check_descriptor(u, o, d, &known, err);
    if (rc != 0)
        return -RUNNEL_EDAMAGED;
    if (rn_json_str(o, "head", &hex, NULL) != 0)
        return rn_fail(err, RUNNEL_EINACTIVE, "it knows the stream and holds no head of it yet");
    rc = check_head(u, hex, known, head, err);
    if (rc == 0)
        rc = check_fork(u, &head->head, err);
    return rc == 0 ? 0 : -RUNNEL_EDAMAGED;
}

/* ---- what the policy wants ---- */

static void decide(struct rn_upstream *u) {
    if (u->recover) {
        rn_recover_decide(u);
        return;
    }
    const struct rn_tail *tail = rn_flight_tail(u->stream);
    const struct rn_section *section = rn_conf_sync_for(u->node->conf, &u->stream->desc->id, u->stream->desc);
    const struct runnel_sync *ops = section->plugin->ops;
    struct runnel_range held = {0, tail->count};
    struct runnel_view view = {.size = sizeof view,
                               .own = (uint32_t)u->stream->own,
                               .now = u->node->env->now(u->node->env->ctx),
                               .held = &held,
                               .n_held = tail->count ? 1 : 0,
                               .head_count = u->probed.head.count};
    struct runnel_want want = {.size = sizeof want};
    ops->decide(section->conf, &view, &want);
    u->want = u->probed.head.count;
    int missing = want.n > 0 && u->probed.head.count > tail->count;
    if (!missing && !want.live) {
        rn_upstream_rest(u);
        return;
    }
    u->lags = u->probed.head.count < tail->count;
    rn_upstream_serves(u);
    if (missing && (!want.live || u->probed.head.count - tail->count > RN_LIVE_GAP))
        rn_fetch_begin(u);
    else
        rn_live_begin(u);
}

/* ---- a stream that is new here ---- */

static void on_settled(void *arg, const struct runnel_err *err) {
    struct settling *t = arg;
    struct rn_stream *s = t->stream;
    struct rn_upstream *u = s->up;
    rn_op_end(&t->op);
    s->settling = 0;
    s->ready = !err;
    if (err && rn_node_may_complain(s->node))
        rn_stream_log(s, RUNNEL_ERROR, "store", "a stream's descriptor cannot be kept: %s", err->msg);
    if (!u || u->phase != RN_UP_PROBING || !u->session || u->ask)
        return;
    if (err)
        rn_upstream_fail(u, err);
    else
        rn_probe(u);
}

/* Sends the records of a stream on their way, unless they are already; it is probed again when they are
 * durable. Nothing of the stream may be stored before: it would belong to no stream after a restart. */
static int settle(struct rn_stream *s) {
    if (s->settling)
        return 0;
    struct settling *t = calloc(1, sizeof *t);
    if (!t)
        return -RUNNEL_ENOMEM;
    t->stream = s;
    rn_op_begin(&s->node->ops, &t->op, settling_free);
    rn_stream_store_new(s, &t->changes);
    int rc = rn_store_commit(&s->node->store, &t->changes, on_settled, t);
    if (rc != 0)
        rn_op_end(&t->op);
    else
        s->settling = 1;
    return rc;
}

/* One stream was asked for by id and by name before it was known: one of the two subscriptions is enough.
 * 1: this one is gone, and the descriptor with it. */
static int merge(struct rn_upstream *u, struct rn_descriptor *d) {
    const struct rn_stream *s = rn_stream_find(u->node, &d->id);
    if (!s || !s->up || !rn_hash_equal(&s->desc->hash, &d->hash))
        return 0;
    if (s->up->recover && !s->own)
        rn_recover_subscribed(s->up, &(struct rn_stream_ref){.has_id = 1, .id = s->desc->id});
    rn_descriptor_free(d);
    rn_subscription_settled(u->node, &u->ref, &s->desc->id);
    rn_upstream_remove(u);
    return 1;
}

/* The stream of this descriptor, which is taken over, becomes the subscription's: a new one, or one
 * that has been known by its id all along. */
static int take_up(struct rn_upstream *u, struct rn_descriptor *d, struct runnel_err *err) {
    struct rn_node *n = u->node;
    struct rn_stream *s = rn_stream_find(n, &d->id);
    int own = memcmp(d->author.b, n->id.b, RN_KEY) == 0, same = s && rn_hash_equal(&s->desc->hash, &d->hash);
    int rc = 0;
    if (own)
        rc = rn_fail(err, RUNNEL_EINVALID, "this node is the author of the stream; there is nothing to fetch");
    else if (s && s->drop)
        rc = rn_fail(err, RUNNEL_EBUSY, "the stream is being dropped here");
    else if (s && !same)
        rc = rn_fail(err, RUNNEL_ECONFLICT, "another descriptor has this stream id");
    else if (!s && rn_map_count(n->streams) >= RN_MAX_STREAMS)
        rc = rn_fail(err, RUNNEL_ETOOBIG, "this node has %d streams (limit STREAMS)", RN_MAX_STREAMS);
    if (rc != 0 || s)
        rn_descriptor_free(d);
    else if (rn_stream_new(n, d, n->next_number, &s) != 0)
        rc = rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    if (rc != 0)
        return rc;
    rn_upstream_known(u, s);
    rn_subscription_settled(n, &u->ref, &s->desc->id);
    return 0;
}

/* ---- asking ---- */

static void on_head(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    struct rn_upstream *u = arg;
    struct runnel_err why;
    struct rn_descriptor *d = NULL;
    u->ask = 0;
    if (err) {
        if (rn_session_open(u->session)) /* else the session's end tells */
            rn_upstream_fail(u, err);
        return;
    }
    int rc = rn_probe_check(u, r->json, &u->probed, &d, &why);
    if (rc == -RUNNEL_EDAMAGED) {
        rn_descriptor_free(d);
        rn_upstream_bad(u, &why);
        return;
    }
    if (rc == 0 && d && merge(u, d))
        return;
    if (rc == 0 && d)
        rc = take_up(u, d, &why);
    else
        rn_descriptor_free(d);
    if (rc == 0 && !u->stream->ready) { /* the answer is asked for again once the stream stands */
        rc = settle(u->stream);
        if (rc == 0)
            return;
        rn_fail(&why, -rc, "its stream cannot be taken up");
    }
    if (rc != 0)
        rn_upstream_fail(u, &why);
    else
        decide(u);
}

void rn_probe(struct rn_upstream *u) {
    struct rn_buf b = {.max = 64 + 6 * RN_REF_TEXT}; /* a byte of a name may be spelt with six */
    struct runnel_err err;
    char text[RN_REF_TEXT];
    struct rn_stream_ref ref = u->ref;
    if (u->stream)
        ref = (struct rn_stream_ref){.has_id = 1, .id = u->stream->desc->id};
    rn_upstream_enter(u, RN_UP_PROBING);
    rn_buf_str(&b, "\"stream\":");
    struct rn_jw w;
    rn_jw_init(&w, &b);
    rn_jw_str(&w, rn_stream_ref_format(&ref, text));
    int rc = b.failed;
    if (rc == 0)
        rc = rn_session_ask(u->session, "head", rn_buf_bytes(&b), RN_ASK_NS, on_head, NULL, u, &u->ask);
    rn_buf_free(&b);
    if (rc != 0) {
        rn_fail(&err, -rc, "it cannot be asked");
        rn_upstream_fail(u, &err);
    }
}
