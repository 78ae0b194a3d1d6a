/* SPDX-License-Identifier: MIT
 * publish.c — appending observations, acknowledged when they are durable.
 * May touch: the heap.
 */
#include "client/client.h"
#include "data/block.h"

int runnel_value_check(const void *p, size_t n, struct runnel_err *err) {
    return rn_value_check(p, n, err);
}

static int answered(struct runnel_client *c, struct rn_pending *p, const struct rn_frame *f,
                    const struct runnel_err *err, struct runnel_err *why) {
    (void)c;
    if (err) {
        p->done.publish(p->arg, NULL, err);
        return 0;
    }
    if (f->type != RN_FRAME_PUBLISHED) {
        int r = rn_ask_wrong(f, "PUBLISHED", why);
        p->done.publish(p->arg, NULL, why);
        return r;
    }
    struct runnel_published made = {
        .size = sizeof made, .seq = f->seq, .count = f->count, .first_time = f->base, .last_time = f->last};
    p->done.publish(p->arg, &made, NULL);
    return 0;
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

int runnel_publish(struct runnel_client *c, const struct runnel_id *stream, uint64_t seq,
                   const struct runnel_observation *o, size_t n, runnel_publish_done *done, void *arg,
                   struct runnel_err *err) {
    struct runnel_err why = {0};
    struct rn_buf entries;
    rn_buf_init(&entries, RN_RUN_MAX);
    int r = encode(&entries, o, n, err);
    if (r == 0) {
        struct rn_pending *p = rn_ask_new(c, 0, answered, arg, &why);
        r = p ? 0 : rn_err_copy(err, &why);
        if (p) {
            int now = o[0].time == RUNNEL_NOW;
            unsigned flags = (now ? RN_PUBLISH_NOW : 0) | (seq != RUNNEL_ANY ? RN_PUBLISH_SEQ : 0);
            p->done.publish = done;
            r = rn_frame_publish(&c->out, p->id, stream, (uint8_t)flags, seq, now ? 0 : o[0].time,
                                 rn_buf_bytes(&entries));
            r = rn_ask_sent(c, p, r, err);
        }
    }
    rn_buf_free(&entries);
    return r;
}
