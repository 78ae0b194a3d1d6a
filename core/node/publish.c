/* SPDX-License-Identifier: MIT
 * publish.c — how a publish begins, and how it ends: with its answer, or without one (authorstate.h).
 * May touch: the call of its session.
 */
#include "node/authorstate.h"

struct rn_publish *rn_publish_new(struct rn_stream *stream, struct rn_session *s, uint64_t id, size_t n) {
    struct rn_chunks *chunks = &stream->node->author.chunks;
    struct rn_publish *p = rn_chunks_get(chunks, sizeof *p + n);
    if (!p)
        return NULL;
    if (rn_call_begin(&p->call, s, id, sizeof *p + n) != 0) {
        rn_chunks_put(chunks, p);
        return NULL;
    }
    rn_list_init(&p->link);
    p->stream = stream;
    p->n = (uint32_t)n;
    return p;
}

void rn_publish_free(struct rn_publish *p) {
    rn_list_del(&p->link);
    rn_call_free(&p->call); /* harmless when it has been answered */
    rn_chunks_put(&p->stream->node->author.chunks, p);
}

void rn_publish_fail(struct rn_publish *p, const struct runnel_err *err) {
    rn_call_fail(&p->call, err);
    rn_publish_free(p);
}

void rn_publish_done(struct rn_publish *p) {
    rn_call_published(&p->call, p->seq, p->count, p->base, p->last);
    rn_publish_free(p);
}

void rn_publishes_drop(struct rn_list *l) {
    while (!rn_list_empty(l))
        rn_publish_free(rn_list_of(l->next, struct rn_publish, link));
}

void rn_publishes_fail(struct rn_list *publishes, const struct runnel_err *err) {
    while (!rn_list_empty(publishes))
        rn_publish_fail(rn_list_of(publishes->next, struct rn_publish, link), err);
}
