/* SPDX-License-Identifier: MIT
 * fetch.c — history is fetched: what is begun, what goes to the disk, how it ends (fetchstate.h tells the way).
 * May touch: the session, the stream.
 */
#include "base/err.h"
#include "node/fetchstate.h"
#include <stdlib.h>

#define NODES_MOST 65536u /* group nodes in memory: 2^34 observations */
#define COMMIT_BYTES ((size_t)1 << 20)

_Static_assert((size_t)RN_WINDOW > COMMIT_BYTES + RN_BLOCK_BYTES, "the window holds a commit and a block");

const struct rn_tail *rn_fetch_tail(const struct rn_upstream *u) {
    return u->fetch->growing ? &u->fetch->growth.next : rn_flight_tail(u->stream);
}

void rn_fetch_free(struct rn_upstream *u) {
    struct rn_fetch *f = u->fetch;
    if (!f)
        return;
    rn_upstream_content(u);
    rn_fetch_forget_leaves(u);
    rn_fetch_forget_blocks(f);
    if (f->growing)
        rn_growth_free(&f->growth);
    rn_changes_free(&f->changes);
    free(f->nodes);
    free(f);
    u->fetch = NULL;
}

void rn_fetch_refuse(struct rn_upstream *u, int rc, const struct runnel_err *err) {
    if (rc == -RUNNEL_EDAMAGED || rc == -RUNNEL_EINVALID || rc == -RUNNEL_ETOOBIG)
        rn_upstream_bad(u, err);
    else
        rn_upstream_fail(u, err);
}

/* Sends what has been checked on its way to the disk. */
static int commit(struct rn_upstream *u) {
    struct rn_fetch *f = u->fetch;
    int whole = f->growth.next.count == f->target.head.count;
    struct rn_growth growth = f->growth;
    struct rn_changes changes = f->changes;
    size_t bytes = f->bytes;
    f->growing = 0;
    f->changes = (struct rn_changes){.n = 0};
    f->bytes = 0;
    growth.changes = &changes;
    return rn_flight_begin(&growth, &changes, whole ? &f->target : NULL, bytes);
}

void rn_fetch_keep(struct rn_upstream *u) {
    if (u->fetch && u->fetch->growing && !u->stream->flight && commit(u) != 0)
        rn_node_log(u->node, RUNNEL_WARN, "sync", "out of memory: some blocks will be fetched again");
}

/* Takes the blocks that are here, as far as their leaves are. 0 or a negative code. */
static int take(struct rn_upstream *u, struct runnel_err *err) {
    struct rn_fetch *f = u->fetch;
    int rc = rn_fetch_check_skeleton(u, err);
    while (rc == 0 && f->sound) {
        uint64_t end = (f->hand.from + f->hand.n - 1) * RN_MAX_BLOCK;
        rc = rn_fetch_take_early(u, err);
        if (rc != 0 || (f->hand.n > 0 && rn_fetch_tail(u)->count < end))
            return rc;
        rc = rn_fetch_turn_leaves(u, err);
        if (rc <= 0)
            return rc;
        rc = 0;
    }
    return rc;
}

void rn_fetch_go_on(struct rn_upstream *u) {
    struct rn_fetch *f = u->fetch;
    struct runnel_err err;
    int rc = take(u, &err);
    int last = rn_fetch_tail(u)->count == f->target.head.count;
    if (rc == 0 && f->growing && !u->stream->flight && (f->bytes >= COMMIT_BYTES || last)) {
        rc = commit(u);
        if (rc != 0)
            rn_fail(&err, -rc, "what it gave cannot be kept");
    }
    if (rc != 0) {
        rn_fetch_refuse(u, rc, &err);
    } else if (last && !f->growing && !u->stream->flight) {
        rn_fetch_free(u);
        rn_probe(u); /* more may have come meanwhile */
    } else if (f->hand.n > 0 && !f->following) {
        f->following = 1;
        rn_fetch_follow(u);
    }
}

void rn_fetch_landed(struct rn_upstream *u) {
    if (u->fetch && u->fetch->following)
        rn_fetch_go_on(u);
}

/* What is to be asked for. 0 or a negative code. */
static int plan(struct rn_upstream *u, struct rn_fetch *f, struct runnel_err *err) {
    uint64_t have = rn_flight_tail(u->stream)->peaks.n, closed = 1 + u->probed.head.count / RN_MAX_BLOCK;
    uint64_t ragged = closed >> RN_GROUP_LEVEL << RN_GROUP_LEVEL;
    f->target = u->probed;
    f->first = have >> RN_GROUP_LEVEL;
    f->n_nodes = (closed >> RN_GROUP_LEVEL) - f->first;
    f->ragged.from = have > ragged ? have : ragged;
    f->ragged.n = rn_tree_leaves(f->target.head.count) - f->ragged.from;
    if (f->n_nodes > NODES_MOST)
        return rn_fail(err, RUNNEL_EUNSUPPORTED, "its history is longer than this node takes at once");
    f->nodes = calloc(f->n_nodes ? f->n_nodes : 1, sizeof *f->nodes);
    return f->nodes ? 0 : rn_fail(err, RUNNEL_ENOMEM, "out of memory");
}

void rn_fetch_begin(struct rn_upstream *u) {
    struct runnel_err err;
    rn_fetch_free(u);
    struct rn_fetch *f = calloc(1, sizeof *f);
    if (!f) {
        rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
        rn_upstream_fail(u, &err);
        return;
    }
    u->fetch = f;
    rn_buf_init(&f->part, RN_BLOCK_BYTES);
    rn_list_init(&f->early);
    rn_upstream_enter(u, RN_UP_FETCHING);
    rn_upstream_expect(u);
    int rc = plan(u, f, &err);
    if (rc == 0)
        rc = rn_fetch_ask_leaves(u, &err);
    if (rc != 0)
        rn_upstream_fail(u, &err);
}
