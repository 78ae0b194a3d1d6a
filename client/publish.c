/* SPDX-License-Identifier: MIT
 * publish.c — appending observations, acknowledged when they are durable.
 * May touch: the heap.
 */
#include "client/client.h"
#include "data/block.h"

int runnel_value_check(const void *p, size_t n, struct runnel_err *err) {
    return rn_value_check(p, n, err);
}

/* A refused repeat says nothing of the first sending: that may still be on its way through the node. */
static const struct runnel_err *not_known(const struct runnel_err *err, struct runnel_err *out) {
    (void)rn_fail(out, RUNNEL_ECLOSED,
                  "%s; so it was when it was sent again after a lost session: it is not known whether the first "
                  "sending was appended",
                  err->msg);
    return out;
}

/* What waited behind this one may go now. A completion may free the client, so that comes first. */
int rn_publish_answered(struct runnel_client *c, struct rn_pending *p, const struct rn_frame *f,
                        const struct runnel_err *err, struct runnel_err *why) {
    struct runnel_err unknown;
    if (err && p->outlet && p->cut && !c->closed)
        err = not_known(err, &unknown);
    rn_outlet_answered(p, f && f->type == RN_FRAME_PUBLISHED ? f->seq + f->count : 0);
    int r = c->closed ? 0 : rn_outlet_go_on(c, &p->stream, why);
    if (err) {
        p->done.publish(p->arg, NULL, err);
        return r;
    }
    if (f->type != RN_FRAME_PUBLISHED) {
        r = rn_ask_wrong(f, "PUBLISHED", why);
        p->done.publish(p->arg, NULL, why);
        return r;
    }
    struct runnel_published made = {
        .size = sizeof made, .seq = f->seq, .count = f->count, .first_time = f->base, .last_time = f->last};
    p->done.publish(p->arg, &made, NULL);
    return r;
}

/* Checks one observation and appends its entry; *last is the time before it. */
static int add(struct rn_buf *entries, const struct runnel_observation *o, size_t i, int now, int64_t *last,
               struct runnel_err *err) {
    int r = rn_value_check(o->value.p, o->value.n, err);
    if (r < 0)
        return rn_wrap(err, "observation %zu", i);
    if ((o->time == RUNNEL_NOW) != now)
        return rn_fail(err, RUNNEL_EINVALID, "observation %zu: times must all be RUNNEL_NOW or none of them", i);
    int64_t time = now ? 0 : o->time;
    if (i > 0 && time < *last)
        return rn_fail(err, RUNNEL_EINVALID, "observation %zu: its time is before that of observation %zu", i, i - 1);
    r = rn_entry_add(entries, i > 0 ? *last : time, time, o->value);
    *last = time;
    if (r == -RUNNEL_ETOOBIG)
        return rn_fail(err, RUNNEL_ETOOBIG, "the %zu observations do not fit in one frame: publish them in parts",
                       i + 1);
    return r < 0 ? rn_fail(err, -r, "no memory for observation %zu", i) : 0;
}

static int encode(struct rn_buf *entries, const struct runnel_observation *o, size_t n, struct runnel_err *err) {
    if (n == 0)
        return rn_fail(err, RUNNEL_EINVALID, "there is no observation to publish");
    int now = o[0].time == RUNNEL_NOW, r = 0;
    int64_t last = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = add(entries, &o[i], i, now, &last, err);
    return r;
}

/* With RUNNEL_CLIENT_ONCE nothing is repeated, and the node may say where the stream ends. */
static int send_publish(struct runnel_client *c, struct rn_pending *p, uint64_t seq, struct runnel_err *err) {
    p->seq = seq;
    if (seq == RUNNEL_ANY && !(c->flags & RUNNEL_CLIENT_ONCE))
        return rn_outlet_take(c, p, err);
    if (seq != RUNNEL_ANY) {
        p->flags |= RN_PUBLISH_SEQ;
        rn_outlet_note(c, &p->stream, seq + p->count);
    }
    return rn_ask_send(c, p, err);
}

int runnel_publish(struct runnel_client *c, const struct runnel_id *stream, uint64_t seq,
                   const struct runnel_observation *o, size_t n, runnel_publish_done *done, void *arg,
                   struct runnel_err *err) {
    struct runnel_err why = {0};
    struct rn_buf entries;
    rn_buf_init(&entries, RN_RUN_MAX);
    int r = encode(&entries, o, n, err);
    struct rn_pending *p = r == 0 ? rn_ask_new(c, 0, rn_publish_answered, arg, &why) : NULL;
    if (r < 0 || !p) {
        rn_buf_free(&entries);
        return r < 0 ? r : rn_err_copy(err, &why);
    }
    int now = o[0].time == RUNNEL_NOW;
    p->repeat = RN_ALWAYS;
    p->done.publish = done;
    p->is_publish = 1;
    p->body = entries;
    p->stream = *stream;
    p->flags = now ? RN_PUBLISH_NOW : 0;
    p->count = n;
    p->base = now ? 0 : o[0].time;
    return send_publish(c, p, seq, err);
}
