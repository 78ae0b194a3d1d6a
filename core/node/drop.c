/* SPDX-License-Identifier: MIT
 * drop.c — the method drop: one commit, and the stream is gone for everybody (gone.h).
 * May touch: the node, the store.
 *
 * A drop waits until nothing of the stream is on its way to the disk, so that what its tombstone says is what
 * was there. Meanwhile nothing new is taken. Once it is durable nobody finds the stream any more; what was under
 * way over it fails at its next step, and the memory goes when the last of that has ended.
 */
#include "base/err.h"
#include "base/time.h"
#include "node/gone.h"
#include "node/mend.h"
#include "node/methods.h"
#include "node/upstreamstate.h"
#include <stdlib.h>
#include <string.h>

#define LOOK_AGAIN (RN_NS_S)

/* Whatever points at a stream that is gone is an operation that was begun before this one: nobody finds the stream,
 * and no reading of it is begun. They stand in order of beginning, so when this one is the first nothing does. */
struct grave {
    struct rn_op op;
    struct rn_stream *stream;
    struct rn_alarm alarm;
};

struct rn_drop {
    struct rn_op op;
    struct rn_stream *stream;
    struct rn_call *call;
    struct rn_changes changes;
    struct rn_erasing *erasing;
    struct grave *grave;
    struct rn_tombstone tombstone; /* own: as it will be remembered */
    int subscribed;                /* it was, by this reference */
    struct rn_stream_ref ref;
    int flying;
};

static void drop_free(struct rn_op *op) {
    struct rn_drop *d = (struct rn_drop *)op;
    if (d->call)
        rn_call_free(d->call);
    rn_changes_free(&d->changes);
    free(d->erasing);
    free(d->grave);
    free(d);
}

/* ---- the memory of a stream that is gone ---- */

static void grave_free(struct rn_op *op) {
    struct grave *g = (struct grave *)op;
    rn_alarm_cancel(&g->stream->node->loop, &g->alarm);
    rn_stream_free(g->stream);
    free(g);
}

static void on_look(void *arg) {
    struct grave *g = arg;
    struct rn_node *n = g->stream->node;
    if (g->op.link.prev == &n->ops)
        rn_op_end(&g->op);
    else /* out of memory: it goes with the node */
        (void)rn_alarm_set(&n->loop, &g->alarm, LOOK_AGAIN, on_look, g);
}

/* ---- the end ---- */

static void answer(struct rn_drop *d) {
    struct rn_buf b = {.max = 1024};
    struct rn_jw w;
    char id[RN_ID_TEXT];
    struct rn_call *call = d->call;
    d->call = NULL;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_kstr(&w, "stream", rn_id_format(&d->stream->desc->id, id));
    rn_jw_kbool(&w, "own", d->stream->own);
    rn_jw_key(&w, "count");
    rn_jw_u64(&w, d->stream->tail.count);
    rn_jw_end_object(&w);
    rn_method_answer(call, &b);
}

static void fail(struct rn_drop *d, const struct runnel_err *err) {
    struct rn_stream *s = d->stream;
    struct rn_node *n = s->node;
    struct rn_call *call = d->call;
    struct rn_stream_ref ref = d->ref;
    struct runnel_err why, other;
    int subscribed = d->subscribed, added;
    rn_err_copy(&why, err);
    rn_wrap(&why, "drop");
    d->call = NULL;
    if (s->own)
        rn_gone_unbury(n, &s->desc->id);
    s->drop = NULL;
    rn_op_end(&d->op);
    struct rn_upstream *u;
    if (subscribed && rn_upstream_add(n, &ref, &u, &added, &other) != 0)
        rn_node_log(n, RUNNEL_ERROR, "store", "a subscription cannot be taken up again: %s", other.msg);
    if (n->phase == RN_SERVING)
        rn_streams_recover(n); /* what it had interrupted */
    rn_call_fail(call, &why);
}

static void end_follows(struct rn_stream *s, const struct runnel_err *err) {
    while (!rn_list_empty(&s->follows))
        rn_follow_lost(rn_list_of(s->follows.next, struct rn_follow, stream_link), err);
}

static void bury(struct rn_stream *s, struct grave *g) {
    g->stream = s;
    rn_op_begin(&s->node->ops, &g->op, grave_free);
    on_look(g);
}

static void on_durable(void *arg, const struct runnel_err *err) {
    struct rn_drop *d = arg;
    struct rn_stream *s = d->stream;
    struct rn_node *n = s->node;
    struct runnel_err why;
    char id[RN_ID_TEXT];
    if (err) {
        fail(d, err);
        return;
    }
    rn_fail(&why, RUNNEL_ENOTFOUND, "stream %s has been dropped here", rn_id_format(&s->desc->id, id));
    rn_node_log(n, RUNNEL_NOTICE, "store", "stream %s: dropped with %llu observations", id,
                (unsigned long long)s->tail.count);
    rn_stream_forget(s);
    s->dropped = 1;
    rn_mend_stop(s);
    s->drop = NULL;
    answer(d);
    end_follows(s, &why);
    struct rn_erasing *e = d->erasing;
    struct grave *g = d->grave;
    d->erasing = NULL;
    d->grave = NULL;
    rn_op_end(&d->op);
    bury(s, g);
    rn_erase(n, e);
}

/* ---- the commit ---- */

static void put_tombstone(struct rn_drop *d) {
    const struct rn_stream *s = d->stream;
    struct rn_buf b = {.n = 0};
    struct rn_place p = rn_place_tombstone(&s->desc->id);
    struct rn_tombstone_record r = {.count = d->tombstone.count,
                                    .time = d->tombstone.time,
                                    .root = rn_tail_root(&s->tail),
                                    .descriptor = s->desc->bytes};
    if (rn_tombstone_record(&b, &r) != 0)
        d->changes.failed = b.failed;
    rn_changes_put(&d->changes, &p, rn_buf_bytes(&b));
    rn_buf_free(&b);
}

static void erase_subscription(struct rn_drop *d, const struct rn_stream_ref *ref) {
    char text[RN_REF_TEXT];
    struct rn_place p = rn_place_subscription(d->stream->node->hasher, rn_stream_ref_format(ref, text));
    rn_changes_erase(&d->changes, &p);
}

static void gather(struct rn_drop *d) {
    const struct rn_stream *s = d->stream;
    struct rn_buf b = {.n = 0};
    struct rn_place p = rn_place_stream(&s->desc->id), e = rn_place_erasing(s->number);
    struct rn_stream_ref id = {.has_id = 1, .id = s->desc->id};
    rn_changes_erase(&d->changes, &p);
    if (rn_erasing_record(&b, &s->desc->id) != 0)
        d->changes.failed = b.failed;
    rn_changes_put(&d->changes, &e, rn_buf_bytes(&b));
    rn_buf_free(&b);
    if (s->own)
        put_tombstone(d);
    erase_subscription(d, &id);
    if (d->subscribed)
        erase_subscription(d, &d->ref);
}

void rn_drop_go(struct rn_stream *s) {
    struct rn_drop *d = s->drop;
    struct rn_node *n = s->node;
    struct runnel_err err;
    if (!d || d->flying || s->flight || rn_author_flies(&n->author, s))
        return;
    if (n->phase != RN_SERVING) {
        rn_fail(&err, RUNNEL_ECLOSED, "the node is stopping; drop the stream again when it is back");
        fail(d, &err);
        return;
    }
    d->tombstone = (struct rn_tombstone){.id = s->desc->id, .count = s->tail.count, .time = n->env->wall(n->env->ctx)};
    int rc = s->own ? rn_gone_bury(n, &d->tombstone) : 0;
    if (rc == 0) {
        gather(d);
        d->flying = 1;
        rc = rn_store_commit(&n->store, &d->changes, on_durable, d);
    }
    if (rc == 0)
        return;
    rn_fail(&err, -rc, "the commit cannot be asked for");
    fail(d, &err);
}

/* ---- the method ---- */

static int may_drop(const struct rn_stream *s, struct runnel_err *err) {
    if (s->drop)
        return rn_fail(err, RUNNEL_EBUSY, "drop: the stream is being dropped already");
    if (s->own && rn_map_count(s->node->gone_streams.tombstones) >= RN_MAX_STREAMS)
        return rn_fail(err, RUNNEL_ETOOBIG, "drop: this node remembers %d dropped streams (limit STREAMS)",
                       RN_MAX_STREAMS);
    return 0;
}

/* Nothing of the stream is begun any more. */
static void quiet(struct rn_drop *d) {
    struct rn_stream *s = d->stream;
    struct runnel_err err;
    s->drop = d;
    rn_fail(&err, RUNNEL_EBUSY, "not stored: the stream is being dropped");
    rn_author_forget(s, &err);
    if (!s->up)
        return;
    d->subscribed = !rn_upstream_recovering(s);
    d->ref = s->up->ref;
    rn_upstream_remove(s->up);
}

void rn_method_drop(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_stream *s = rn_method_stream(n, call, params);
    struct runnel_err err;
    if (!s)
        return;
    int rc = may_drop(s, &err);
    struct rn_drop *d = rc == 0 ? calloc(1, sizeof *d) : NULL;
    if (rc == 0 && (!d || !(d->erasing = calloc(1, sizeof *d->erasing)) || !(d->grave = calloc(1, sizeof *d->grave))))
        rc = rn_fail(&err, RUNNEL_ENOMEM, "drop: out of memory");
    if (rc != 0) {
        if (d)
            free(d->erasing);
        free(d);
        rn_call_fail(call, &err);
        return;
    }
    d->stream = s;
    d->call = call;
    d->erasing->number = s->number;
    rn_list_init(&d->erasing->link);
    rn_op_begin(&n->ops, &d->op, drop_free);
    rn_call_weigh(call, sizeof *d);
    quiet(d);
    rn_drop_go(s);
}
