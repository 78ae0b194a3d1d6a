/* SPDX-License-Identifier: MIT
 * gather.c — where each publish goes in its stream: behind what is gathered, or nowhere (authorstate.h).
 * May touch: the streams of this node's own.
 */
#include "node/authorstate.h"

#include "base/err.h"
#include "base/time.h"
#include <stdlib.h>

static int gather_room(struct rn_gather *g, size_t n) {
    if (g->n + n <= g->cap)
        return 0;
    size_t cap = g->cap ? g->cap : 256;
    while (cap < g->n + n)
        cap *= 2;
    struct rn_obs *v = realloc(g->v, cap * sizeof *v);
    if (!v)
        return -RUNNEL_ENOMEM;
    g->v = v;
    g->cap = cap;
    return 0;
}

enum verdict { PLACED, REFUSED, REPEATED, LATER };

/* Where a publish goes: behind what is gathered, or nowhere. */
static enum verdict place(struct rn_publish *p, struct rn_gather *g, int64_t now, struct runnel_err *err) {
    char a[RN_TIME_TEXT], b[RN_TIME_TEXT];
    struct rn_cursor c;
    uint64_t durable = p->stream->tail.count;
    if ((p->flags & RN_PUBLISH_SEQ) && p->seq != g->count) {
        int fresh = (p->flags & RN_PUBLISH_FRESH) != 0; /* its sender knows that it cannot be a repeat */
        if (!fresh && p->seq < g->count && p->count <= durable && p->seq <= durable - p->count)
            return REPEATED;
        if (!fresh && p->seq < g->count && g->count != durable)
            return LATER; /* it may repeat what this commit brings */
        rn_fail(err, RUNNEL_ECONFLICT, "seq %llu was asked for, the stream has %llu observations",
                (unsigned long long)p->seq, (unsigned long long)g->count);
        return REFUSED;
    }
    int64_t given = now > g->last ? now : g->last;
    if (!(p->flags & RN_PUBLISH_NOW) && g->count > 0) {
        struct rn_obs first;
        rn_cursor_init(&c, p->entries, p->n, 0, p->base);
        if (rn_cursor_next(&c, &first, err) > 0 && first.time < g->last) {
            rn_fail(err, RUNNEL_EINVALID, "the time %s is before that of the last observation, %s",
                    rn_time_format(first.time, a), rn_time_format(g->last, b));
            return REFUSED;
        }
    }
    if (gather_room(g, p->count + 1) != 0) {
        rn_fail(err, RUNNEL_ENOMEM, "out of memory");
        return REFUSED;
    }
    p->seq = g->count;
    rn_cursor_init(&c, p->entries, p->n, g->count, p->base);
    struct rn_obs *first = &g->v[g->n];
    while (rn_cursor_next(&c, &g->v[g->n], NULL) > 0) {
        if (p->flags & RN_PUBLISH_NOW)
            g->v[g->n].time = given;
        g->last = g->v[g->n].time;
        g->n++;
        g->count++;
    }
    p->base = first->time;
    p->last = g->last;
    g->bytes += p->n;
    return PLACED;
}

void rn_gather_publishes(struct rn_stream *s, struct rn_gather *g, struct rn_list *placed, size_t *room_bytes,
                         size_t *room_obs) {
    struct runnel_err err;
    int64_t now = s->node->env->wall(s->node->env->ctx);
    g->n = g->bytes = 0;
    g->count = s->tail.count;
    g->last = s->tail.last;
    while (!rn_list_empty(&s->publishes)) {
        struct rn_publish *p = rn_list_of(s->publishes.next, struct rn_publish, link);
        if (g->n > 0 && (p->n > *room_bytes || p->count > *room_obs))
            return;
        enum verdict v = place(p, g, now, &err);
        if (v == LATER)
            return;
        if (v == REFUSED) {
            rn_publish_fail(p, &err);
        } else if (v == REPEATED) {
            rn_repeat_begin(p);
        } else {
            rn_list_del(&p->link);
            rn_list_add(placed, &p->link);
            *room_bytes -= p->n < *room_bytes ? p->n : *room_bytes;
            *room_obs -= p->count < *room_obs ? p->count : *room_obs;
        }
    }
}
