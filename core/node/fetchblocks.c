/* SPDX-License-Identifier: MIT
 * fetchblocks.c — blocks come by a follow; each is taken once it has the hash that is known for it (fetchstate.h).
 * May touch: the session, the stream.
 */
#include "base/err.h"
#include "node/fetchstate.h"
#include <stdlib.h>
#include <string.h>

/* A whole block that came before its leaf. */
struct rn_early {
    struct rn_list link;
    struct rn_checked_run run;
    uint8_t entries[];
};

static void forget_early(struct rn_fetch *f, struct rn_early *e) {
    rn_list_del(&e->link);
    f->n_early -= e->run.count;
    f->early_bytes -= e->run.entries.n;
    free(e);
}

void rn_fetch_forget_blocks(struct rn_fetch *f) {
    while (!rn_list_empty(&f->early))
        forget_early(f, rn_list_of(f->early.next, struct rn_early, link));
    rn_buf_free(&f->part);
}

/* ---- a whole block ---- */

static int differs(const struct rn_checked_run *run, struct runnel_err *err) {
    return rn_fail(err, RUNNEL_EDAMAGED, "block %llu does not have the hash that the author signed",
                   (unsigned long long)(run->seq / RN_MAX_BLOCK));
}

/* Adds a block whose leaf is at hand: it must have that hash. */
static int add(struct rn_upstream *u, const struct rn_checked_run *run, struct runnel_err *err) {
    struct rn_fetch *f = u->fetch;
    struct rn_growth *g = &f->growth;
    if (!f->growing) {
        if (rn_growth_begin(g, u->stream, rn_flight_tail(u->stream), &f->changes) != 0)
            return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
        f->growing = 1;
    }
    g->leaves = f->hand.hash;
    g->leaf_from = f->hand.from;
    g->n_leaves = f->hand.n;
    err->code = 0;
    int rc = rn_growth_add_checked(g, run, err);
    if (g->leaf_differs)
        return differs(run, err);
    if (rc != 0)
        return err->code ? rc : rn_fail(err, -rc, "a block cannot be taken in");
    if (g->next.count % RN_MAX_BLOCK) { /* the target's open block */
        struct rn_hash leaf = rn_tail_open_leaf(&g->next);
        if (!rn_hash_equal(&leaf, &f->hand.hash[f->hand.n - 1]))
            return differs(run, err);
    }
    f->bytes += run->entries.n;
    return 0;
}

/* As that. After a failure the growth is spoiled: nothing of it may be kept (rn_fetch_keep). */
static int take(struct rn_upstream *u, const struct rn_checked_run *run, struct runnel_err *err) {
    struct rn_fetch *f = u->fetch;
    int rc = add(u, run, err);
    if (rc == 0 || !f->growing)
        return rc;
    rn_growth_free(&f->growth);
    rn_changes_free(&f->changes);
    f->growing = 0;
    f->bytes = 0;
    return rc;
}

static int leaf_at_hand(const struct rn_fetch *f, const struct rn_checked_run *run) {
    return run->seq / RN_MAX_BLOCK + 1 < f->hand.from + f->hand.n;
}

int rn_fetch_take_early(struct rn_upstream *u, struct runnel_err *err) {
    struct rn_fetch *f = u->fetch;
    while (!rn_list_empty(&f->early)) {
        struct rn_early *e = rn_list_of(f->early.next, struct rn_early, link);
        if (!leaf_at_hand(f, &e->run))
            return 0;
        int rc = take(u, &e->run, err);
        if (rc != 0)
            return rc;
        forget_early(f, e);
    }
    return 0;
}

static int put_aside(struct rn_fetch *f, const struct rn_checked_run *run, struct runnel_err *err) {
    struct rn_early *e = malloc(sizeof *e + run->entries.n);
    if (!e)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    e->run = *run;
    memcpy(e->entries, run->entries.p, run->entries.n);
    e->run.entries.p = e->entries;
    rn_list_init(&e->link);
    rn_list_add(&f->early, &e->link);
    f->n_early += run->count;
    f->early_bytes += run->entries.n;
    return 0;
}

static int whole(struct rn_upstream *u, const struct rn_checked_run *run, struct runnel_err *err) {
    struct rn_fetch *f = u->fetch;
    if (rn_list_empty(&f->early) && leaf_at_hand(f, run))
        return take(u, run, err);
    return put_aside(f, run, err);
}

/* ---- what comes ---- */

/* Checks the entries of a run that should be next. 0, or a negative code. */
static int check_run(struct rn_upstream *u, const struct rn_frame *in, uint64_t due, struct rn_checked_run *run,
                     struct runnel_err *err) {
    struct rn_fetch *f = u->fetch;
    uint64_t room = RN_MAX_BLOCK - due % RN_MAX_BLOCK;
    if (in->seq != due)
        return rn_fail(err, RUNNEL_EDAMAGED, "observation %llu came, %llu was due: %s", (unsigned long long)in->seq,
                       (unsigned long long)due, in->seq > due ? "a gap" : "one came twice");
    if (f->part_run.count > 0 && in->base != f->part_run.last)
        return rn_fail(err, RUNNEL_EDAMAGED, "a run at seq %llu: its base is %lld, and the time before it is %lld",
                       (unsigned long long)due, (long long)in->base, (long long)f->part_run.last);
    if (f->bytes + f->early_bytes + f->part.n + in->body.n > RN_MAX_UNVERIFIED)
        return rn_fail(err, RUNNEL_ETOOBIG, "more than %d bytes came beyond the credit it had (limit UNVERIFIED)",
                       RN_MAX_UNVERIFIED);
    *run = (struct rn_checked_run){.seq = in->seq, .base = in->base, .entries = in->body};
    int rc = rn_entries_check(in->body.p, in->body.n, in->seq, in->base, room == RN_MAX_BLOCK, room, &run->count,
                              &run->last, err);
    if (rc != 0)
        return rc;
    if (run->count == 0 || run->count > f->target.head.count - due)
        return rn_fail(err, RUNNEL_EDAMAGED, "a run of %llu observations at seq %llu: want 1 to the end of its block",
                       (unsigned long long)run->count, (unsigned long long)due);
    return 0;
}

/* Puts a run behind those of its block that have come already. */
static int join(struct rn_fetch *f, const struct rn_checked_run *run, struct runnel_err *err) {
    if (rn_buf_add(&f->part, run->entries.p, run->entries.n) != 0)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    if (f->part_run.count == 0)
        f->part_run = *run;
    else
        f->part_run.count += run->count;
    f->part_run.last = run->last;
    f->part_run.entries = rn_buf_bytes(&f->part);
    return 0;
}

static int on_data(struct rn_upstream *u, const struct rn_frame *in, struct runnel_err *err) {
    struct rn_fetch *f = u->fetch;
    uint64_t due = rn_fetch_tail(u)->count + f->n_early + f->part_run.count;
    struct rn_checked_run run;
    int rc = check_run(u, in, due, &run, err);
    if (rc != 0)
        return rc;
    rn_upstream_expect(u);
    uint64_t end = due + run.count;
    int ends = end % RN_MAX_BLOCK == 0 || end == f->target.head.count;
    if (ends && f->part_run.count == 0) /* nearly always */
        return whole(u, &run, err);
    rc = join(f, &run, err);
    if (rc != 0 || !ends)
        return rc;
    run = f->part_run;
    f->part_run.count = 0;
    rc = whole(u, &run, err);
    rn_buf_clear(&f->part);
    return rc;
}

static void on_push(void *arg, const struct rn_frame *in) {
    struct rn_upstream *u = arg;
    struct runnel_err err;
    int rc = 0;
    if (!u->fetch)
        return; /* all was there: whatever else comes of that follow is nobody's */
    if (in->type == RN_FRAME_STATE) {
        uint64_t have = rn_fetch_tail(u)->count + u->fetch->n_early + u->fetch->part_run.count;
        rc = rn_upstream_state_frame(u, in, &err);
        if (rc == 1 || (rc == 2 && have < u->fetch->target.head.count))
            rn_upstream_fail(u, &err);
        return;
    }
    if (in->type != RN_FRAME_DATA)
        return;
    rc = on_data(u, in, &err);
    if (rc != 0)
        rn_fetch_refuse(u, rc, &err);
    else
        rn_fetch_go_on(u);
}

void rn_fetch_follow(struct rn_upstream *u) {
    rn_upstream_follow(u, rn_fetch_tail(u)->count, u->fetch->target.head.count, on_push);
}
