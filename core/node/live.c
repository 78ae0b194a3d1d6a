/* SPDX-License-Identifier: MIT
 * live.c — the live tail: runs wait for the head that covers them, and are kept when it holds.
 * May touch: the session, the stream.
 */
#include "base/err.h"
#include "node/upstreamstate.h"
#include <stdlib.h>
#include <string.h>

/* A run that waits for its head. */
struct rn_run_item {
    struct rn_list link;
    uint64_t seq, count;
    int64_t base;
    size_t n;
    uint8_t entries[];
};

static void drop_runs(struct rn_upstream *u, uint64_t until) {
    while (!rn_list_empty(&u->runs)) {
        struct rn_run_item *r = rn_list_of(u->runs.next, struct rn_run_item, link);
        if (r->seq >= until)
            break;
        u->unverified -= sizeof *r + r->n;
        rn_list_del(&r->link);
        free(r);
    }
}

void rn_live_free(struct rn_upstream *u) {
    drop_runs(u, UINT64_MAX);
    u->unverified = 0;
    u->has_next_head = 0;
    rn_upstream_content(u);
}

static int keep_run(struct rn_upstream *u, const struct rn_frame *f, uint64_t count) {
    struct rn_run_item *r = malloc(sizeof *r + f->body.n);
    if (!r)
        return -RUNNEL_ENOMEM;
    *r = (struct rn_run_item){.seq = f->seq, .count = count, .base = f->base, .n = f->body.n};
    memcpy(r->entries, f->body.p, f->body.n);
    rn_list_init(&r->link);
    rn_list_add(&u->runs, &r->link);
    u->unverified += sizeof *r + r->n; /* tiny runs cost more than they carry */
    u->received += count;
    return 0;
}

/* Adds the runs that the head covers to a growth and compares the roots. */
static int verify(struct rn_upstream *u, struct rn_growth *g, size_t *bytes, struct runnel_err *err) {
    const struct rn_head *head = &u->next_head.head;
    int rc = rn_node_check_head(u->node, head, &u->next_head.attestation, &u->stream->desc->author, &u->memo, err);
    rn_list_for (it, &u->runs) {
        struct rn_run_item *r = rn_list_of(it, struct rn_run_item, link);
        if (rc != 0 || r->seq >= head->count)
            break;
        rc = rn_growth_add_run(g, r->seq, r->base, (struct runnel_bytes){r->entries, r->n}, err);
        *bytes += r->n;
    }
    if (rc != 0)
        return err->code ? rc : rn_fail(err, -rc, "a run cannot be taken in");
    struct rn_hash root = rn_tail_root(&g->next);
    if (rn_hash_equal(&root, &head->root))
        return 0;
    if (g->next.count == u->stream->tail.count)
        return rn_fail(err, RUNNEL_EFORK,
                       "fork: the author has signed two heads with %llu observations and different roots",
                       (unsigned long long)head->count);
    return rn_fail(err, RUNNEL_EDAMAGED,
                   "the observations up to seq %llu do not give the root of the head that came with them",
                   (unsigned long long)head->count);
}

/* Takes what the newest head covers, unless something is on its way to the disk already. */
static void advance(struct rn_upstream *u) {
    struct rn_stream *s = u->stream;
    struct rn_growth g;
    struct rn_changes changes = {.n = 0};
    struct runnel_err err;
    size_t bytes = 0;
    if (s->flight || !u->has_next_head)
        return;
    if (rn_growth_begin(&g, s, NULL, &changes) != 0) {
        rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
        rn_upstream_fail(u, &err);
        return;
    }
    err.code = 0;
    if (verify(u, &g, &bytes, &err) != 0) {
        rn_growth_free(&g);
        rn_changes_free(&changes);
        if (err.code == RUNNEL_ENOMEM)
            rn_upstream_fail(u, &err);
        else
            rn_upstream_bad(u, &err);
        return;
    }
    u->has_next_head = 0;
    u->want = u->next_head.head.count;
    drop_runs(u, u->want);
    int rc = rn_flight_begin(&g, &changes, &u->next_head, bytes);
    if (rc != 0) {
        rn_fail(&err, -rc, "what it gave cannot be kept");
        rn_upstream_fail(u, &err);
    }
}

void rn_live_landed(struct rn_upstream *u) {
    advance(u);
}

static int on_data(struct rn_upstream *u, const struct rn_frame *f, struct runnel_err *err) {
    uint64_t count;
    if (f->seq != u->received)
        return rn_fail(err, RUNNEL_EDAMAGED, "observation %llu came, %llu was due: %s", (unsigned long long)f->seq,
                       (unsigned long long)u->received, f->seq > u->received ? "a gap" : "one came twice");
    int rc = rn_run_count(f, &count, err);
    if (rc != 0)
        return rc;
    if (count == 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "an empty run at observation %llu", (unsigned long long)f->seq);
    if (u->unverified + f->body.n > RN_MAX_UNVERIFIED)
        return rn_fail(err, RUNNEL_ETOOBIG, "more than %d bytes came without a head (limit UNVERIFIED)",
                       RN_MAX_UNVERIFIED);
    if (rn_list_empty(&u->runs))
        rn_upstream_expect(u); /* the head that covers it */
    if (keep_run(u, f, count) != 0)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    return 0;
}

static int on_head(struct rn_upstream *u, const struct rn_frame *f, struct runnel_err *err) {
    struct rn_signed_head h;
    const struct rn_stream *s = u->stream;
    int rc = rn_signed_head_decode(f->body.p, f->body.n, &h, err);
    if (rc != 0)
        return rc;
    if (!rn_hash_equal(&h.head.descriptor, &s->desc->hash))
        return rn_fail(err, RUNNEL_EDAMAGED, "a head of another stream");
    if (h.head.count < rn_flight_tail(s)->count)
        return 0; /* a shorter head is ignored */
    if (h.head.count != u->received)
        return rn_fail(err, RUNNEL_EDAMAGED, "a head with %llu observations after %llu were sent",
                       (unsigned long long)h.head.count, (unsigned long long)u->received);
    if (s->has_head && h.head.count == s->head.head.count && rn_hash_equal(&h.head.root, &s->head.head.root) &&
        h.head.signed_at <= s->head.head.signed_at)
        return 0; /* the one we have */
    if (s->has_head && h.head.through < s->head.head.through)
        return rn_fail(err, RUNNEL_EDAMAGED, "the author's promise `through` went back");
    rn_upstream_content(u);
    u->next_head = h;
    u->has_next_head = 1;
    return 0;
}

static void on_push(void *arg, const struct rn_frame *f) {
    struct rn_upstream *u = arg;
    struct runnel_err err;
    int rc = 0;
    if (f->type == RN_FRAME_DATA)
        rc = on_data(u, f, &err);
    else if (f->type == RN_FRAME_HEAD)
        rc = on_head(u, f, &err);
    else if (rn_upstream_state_frame(u, f, &err)) {
        rn_upstream_fail(u, &err);
        return;
    }
    if (rc == -RUNNEL_ENOMEM)
        rn_upstream_fail(u, &err);
    else if (rc != 0)
        rn_upstream_bad(u, &err);
    else if (u->has_next_head)
        advance(u);
    else if (u->unverified > (size_t)RN_LIVE_BYTES && !u->stream->flight) {
        /* Far behind: leaf hashes let each block be checked alone, so nothing needs to wait. */
        rn_upstream_unfollow(u);
        rn_live_free(u);
        rn_probe(u);
    }
}

void rn_live_begin(struct rn_upstream *u) {
    rn_live_free(u);
    u->received = rn_flight_tail(u->stream)->count;
    rn_upstream_enter(u, RN_UP_LIVE);
    rn_upstream_follow(u, u->received, UINT64_MAX, on_push);
}
