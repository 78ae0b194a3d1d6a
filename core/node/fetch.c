/* SPDX-License-Identifier: MIT
 * fetch.c — history: leaf hashes in subtrees checked against the head, then blocks, each checked alone.
 * May touch: the session, the stream.
 *
 * The target's tree is taken in three steps. First the skeleton: the perfect nodes over 2^10 leaves
 * that we lack and the ragged right edge leaf by leaf; with our own peaks at the left they must give
 * the target's root. Then, group by group, the leaves under one such node, which must fold to it.
 * Then the blocks under these leaves by a follow that ends with the group. Memory is bounded by the
 * follow's credit and one group's hashes.
 */
#include "base/err.h"
#include "node/upstreamstate.h"
#include <stdlib.h>
#include <string.h>

#define NODES_MOST 65536u /* group nodes in memory: 2^34 observations */

_Static_assert((size_t)RN_WINDOW > RN_COMMIT_BYTES + RN_BLOCK_BYTES, "the window holds a commit and a block");

static void next_group(struct rn_upstream *u);
static void ask_leaves(struct rn_upstream *u);

/* The newest end: what has been added here, or is on its way to the disk, or is there. */
static const struct rn_tail *tail_of(const struct rn_upstream *u) {
    return u->fetch->growing ? &u->fetch->growth.next : rn_flight_tail(u->stream);
}

static uint64_t closed_leaves(uint64_t count) {
    return 1 + count / RN_MAX_BLOCK;
}

void rn_fetch_free(struct rn_upstream *u) {
    struct rn_fetch *f = u->fetch;
    if (!f)
        return;
    rn_upstream_content(u);
    if (f->growing)
        rn_growth_free(&f->growth);
    rn_changes_free(&f->changes);
    rn_buf_free(&f->block);
    free(f->nodes);
    free(f);
    u->fetch = NULL;
}

static void fail(struct rn_upstream *u, int rc, const char *what) {
    struct runnel_err err;
    rn_fail(&err, -rc, "%s", what);
    rn_upstream_fail(u, &err);
}

static void bad(struct rn_upstream *u, const char *what) {
    struct runnel_err err;
    rn_fail(&err, RUNNEL_EDAMAGED, "%s", what);
    rn_upstream_bad(u, &err);
}

/* ---- asking for hashes ---- */

static void ask_nodes(struct rn_upstream *u, uint32_t level, uint64_t from, uint64_t n, rn_reply_fn *fn) {
    struct rn_buf b = {.max = 512};
    char id[RN_ID_TEXT];
    rn_buf_fmt(&b, "\"stream\":\"%s\",\"count\":%llu,\"level\":%u,\"from\":%llu,\"n\":%llu",
               rn_id_format(&u->stream->desc->id, id), (unsigned long long)u->fetch->target.head.count, level,
               (unsigned long long)from, (unsigned long long)(n < RN_MAX_HASHES ? n : RN_MAX_HASHES));
    int rc = b.failed;
    if (rc == 0)
        rc = rn_session_ask(u->session, "nodes", rn_buf_bytes(&b), RN_ASK_NS, fn, NULL, u, &u->ask);
    rn_buf_free(&b);
    if (rc != 0)
        fail(u, rc, "it cannot be asked");
}

/* Takes hashes into room for `most`. Returns how many; 0: the session's end tells, or it has failed. */
static uint64_t take_hashes(struct rn_upstream *u, const struct rn_reply *r, const struct runnel_err *err,
                            struct rn_hash *to, uint64_t most) {
    u->ask = 0;
    if (err) {
        if (rn_session_open(u->session))
            rn_upstream_fail(u, err);
        return 0;
    }
    uint64_t n = r->body.n / RN_HASH;
    if (n == 0 || n > most || n > RN_MAX_HASHES || r->body.n % RN_HASH != 0) {
        bad(u, "it answered with another number of hashes than was asked for");
        return 0;
    }
    memcpy(to, r->body.p, r->body.n);
    rn_upstream_expect(u);
    return n;
}

/* ---- the skeleton ---- */

static void on_group_nodes(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    struct rn_upstream *u = arg;
    struct rn_fetch *f = u->fetch;
    uint64_t n = take_hashes(u, r, err, f->nodes + f->got_nodes, f->n_nodes - f->got_nodes);
    if (n == 0)
        return;
    f->got_nodes += n;
    if (f->got_nodes < f->n_nodes)
        ask_nodes(u, RN_GROUP_LEVEL, f->first + f->got_nodes, f->n_nodes - f->got_nodes, on_group_nodes);
    else
        ask_leaves(u);
}

/* The root that our peaks, the group nodes and the ragged leaves give. */
static int skeleton_root(struct rn_upstream *u, struct rn_hash *root) {
    struct rn_fetch *f = u->fetch;
    struct rn_peaks p = tail_of(u)->peaks;
    int rc = 0;
    if (f->n_nodes > 0) /* what we hold of the first group is told again, by its node */
        p.n = f->first << RN_GROUP_LEVEL;
    for (uint64_t i = 0; rc == 0 && i < f->n_nodes; i++)
        rc = rn_peaks_add_node(u->node->hasher, &p, RN_GROUP_LEVEL, &f->nodes[i], NULL, NULL);
    for (uint64_t i = 0; rc == 0 && i < f->n_leaves; i++)
        rc = rn_peaks_add(u->node->hasher, &p, &f->group[i], NULL, NULL);
    *root = rn_peaks_root(u->node->hasher, &p, NULL);
    return rc;
}

static void check_skeleton(struct rn_upstream *u) {
    struct rn_fetch *f = u->fetch;
    struct rn_hash root;
    if (skeleton_root(u, &root) != 0 || !rn_hash_equal(&root, &f->target.head.root)) {
        bad(u, "the hashes it gave do not fold to the root of the author's head");
        return;
    }
    f->skeleton = 0;
    if (f->n_nodes == 0)
        next_group(u); /* the ragged leaves are the ones at hand */
    else {
        f->n_leaves = f->got_leaves = 0;
        next_group(u);
    }
}

/* ---- the leaves of a group ---- */

struct group_check {
    uint64_t index;
    const struct rn_hash *want;
    int good;
};

static int on_perfect(void *arg, uint32_t level, uint64_t index, const struct rn_hash *hash) {
    struct group_check *c = arg;
    if (level == RN_GROUP_LEVEL && index == c->index)
        c->good = rn_hash_equal(hash, c->want);
    return 0;
}

/* Whether our leaves of the group and those at hand fold to its node. */
static int group_folds(struct rn_upstream *u) {
    struct rn_fetch *f = u->fetch;
    uint64_t index = f->leaf_from >> RN_GROUP_LEVEL;
    struct group_check c = {.index = index, .want = &f->nodes[index - f->first]};
    struct rn_peaks p = tail_of(u)->peaks;
    for (uint64_t i = 0; i < f->n_leaves; i++)
        if (rn_peaks_add(u->node->hasher, &p, &f->group[i], on_perfect, &c) != 0)
            return 0;
    return c.good;
}

static void start_blocks(struct rn_upstream *u);

static void on_leaves(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    struct rn_upstream *u = arg;
    struct rn_fetch *f = u->fetch;
    uint64_t n = take_hashes(u, r, err, f->group + f->got_leaves, f->n_leaves - f->got_leaves);
    if (n == 0)
        return;
    f->got_leaves += n;
    if (f->got_leaves < f->n_leaves)
        ask_nodes(u, 0, f->leaf_from + f->got_leaves, f->n_leaves - f->got_leaves, on_leaves);
    else if (f->skeleton)
        check_skeleton(u);
    else if (f->n_nodes > 0 && f->leaf_from >> RN_GROUP_LEVEL < f->first + f->n_nodes && !group_folds(u))
        bad(u, "the leaf hashes it gave do not fold to their node");
    else
        start_blocks(u);
}

/* Asks for the ragged leaves behind the last perfect group, from the first that we lack. */
static void ask_leaves(struct rn_upstream *u) {
    struct rn_fetch *f = u->fetch;
    uint64_t ragged = closed_leaves(f->target.head.count) >> RN_GROUP_LEVEL << RN_GROUP_LEVEL;
    uint64_t have = tail_of(u)->peaks.n;
    f->leaf_from = have > ragged ? have : ragged;
    f->n_leaves = f->leaves - f->leaf_from;
    f->got_leaves = 0;
    f->skeleton = 1;
    if (f->n_leaves > 0)
        ask_nodes(u, 0, f->leaf_from, f->n_leaves, on_leaves);
    else
        check_skeleton(u);
}

/* ---- blocks ---- */

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

/* Commits when there is enough, or all; goes on to the next group, or ends. 0 or a negative code. */
static int go_on(struct rn_upstream *u) {
    struct rn_fetch *f = u->fetch;
    int ended = tail_of(u)->count == f->until;
    int last = ended && f->until == f->target.head.count;
    if (f->growing && !u->stream->flight && (f->bytes >= RN_COMMIT_BYTES || last)) {
        int rc = commit(u);
        if (rc != 0)
            return rc;
    }
    if (last && !f->growing && !u->stream->flight) {
        rn_fetch_free(u);
        rn_probe(u);                                                           /* more may have come meanwhile */
    } else if (ended && !last && u->follow && f->bytes <= (size_t)RN_WINDOW) { /* else a slow disk is waited for */
        rn_upstream_unfollow(u);
        next_group(u);
    }
    return 0;
}

void rn_fetch_landed(struct rn_upstream *u) {
    if (u->fetch && u->fetch->until) {
        int rc = go_on(u);
        if (rc != 0)
            fail(u, rc, "what it gave cannot be kept");
    }
}

/* The block at hand is whole: it must have the hash that is known for it. */
static int take_block(struct rn_upstream *u, struct runnel_err *err) {
    struct rn_fetch *f = u->fetch;
    if (!f->growing) {
        if (rn_growth_begin(&f->growth, u->stream, rn_flight_tail(u->stream), &f->changes) != 0)
            return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
        f->growing = 1;
    }
    struct rn_growth *g = &f->growth;
    g->leaves = f->group;
    g->leaf_from = f->leaf_from;
    g->n_leaves = f->n_leaves;
    err->code = 0;
    int rc = rn_growth_add_run(g, f->block_seq, f->block_base, rn_buf_bytes(&f->block), err);
    if (g->leaf_differs)
        return rn_fail(err, RUNNEL_EDAMAGED, "block %llu does not have the hash that the author signed",
                       (unsigned long long)(f->block_seq / RN_MAX_BLOCK));
    if (rc != 0)
        return err->code ? rc : rn_fail(err, -rc, "a block cannot be taken in");
    if (g->next.count % RN_MAX_BLOCK) { /* the target's open block */
        struct rn_hash leaf = rn_tail_open_leaf(&g->next);
        if (!rn_hash_equal(&leaf, &f->group[f->n_leaves - 1]))
            return rn_fail(err, RUNNEL_EDAMAGED, "block %llu does not have the hash that the author signed",
                           (unsigned long long)(f->block_seq / RN_MAX_BLOCK));
    }
    f->bytes += f->block.n;
    rn_buf_clear(&f->block);
    f->block_count = 0;
    return 0;
}

static int on_data(struct rn_upstream *u, const struct rn_frame *in, struct runnel_err *err) {
    struct rn_fetch *f = u->fetch;
    uint64_t count, due = tail_of(u)->count + f->block_count;
    if (in->seq != due)
        return rn_fail(err, RUNNEL_EDAMAGED, "observation %llu came, %llu was due: %s", (unsigned long long)in->seq,
                       (unsigned long long)due, in->seq > due ? "a gap" : "one came twice");
    int rc = rn_run_count(in, &count, err);
    if (rc != 0)
        return rc;
    uint64_t room = RN_MAX_BLOCK - due % RN_MAX_BLOCK;
    if (count == 0 || count > room || due + count > f->until)
        return rn_fail(err, RUNNEL_EDAMAGED, "a run of %llu observations at seq %llu: want 1 to the end of its block",
                       (unsigned long long)count, (unsigned long long)due);
    if (f->bytes + f->block.n + in->body.n > RN_MAX_UNVERIFIED)
        return rn_fail(err, RUNNEL_ETOOBIG, "more than %d bytes came beyond the credit it had (limit UNVERIFIED)",
                       RN_MAX_UNVERIFIED);
    if (f->block_count == 0) {
        f->block_seq = in->seq;
        f->block_base = in->base;
    }
    if (rn_buf_add(&f->block, in->body.p, in->body.n) != 0)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    f->block_count += count;
    rn_upstream_expect(u);
    return count == room || due + count == f->until ? take_block(u, err) : 0;
}

static void on_push(void *arg, const struct rn_frame *in) {
    struct rn_upstream *u = arg;
    struct runnel_err err;
    int rc = 0;
    if (!u->fetch)
        return; /* all was there: whatever else comes of that follow is nobody's */
    if (in->type == RN_FRAME_STATE) {
        rc = rn_upstream_state_frame(u, in, &err);
        if (rc == 1 || (rc == 2 && tail_of(u)->count + u->fetch->block_count < u->fetch->until))
            rn_upstream_fail(u, &err);
        return;
    }
    if (in->type != RN_FRAME_DATA)
        return;
    rc = on_data(u, in, &err);
    if (rc == 0) {
        rc = go_on(u);
        if (rc != 0)
            rn_fail(&err, -rc, "what it gave cannot be kept");
        else
            return;
    }
    if (err.code == RUNNEL_EDAMAGED || err.code == RUNNEL_EINVALID || err.code == RUNNEL_ETOOBIG)
        rn_upstream_bad(u, &err);
    else
        rn_upstream_fail(u, &err);
}

/* The leaves at hand are checked: the observations under them are asked for. */
static void start_blocks(struct rn_upstream *u) {
    struct rn_fetch *f = u->fetch;
    uint64_t end = (f->leaf_from + f->n_leaves - 1) * RN_MAX_BLOCK;
    f->until = end < f->target.head.count ? end : f->target.head.count;
    rn_buf_clear(&f->block);
    f->block_count = 0;
    rn_upstream_follow(u, tail_of(u)->count, f->until, on_push);
}

/* Goes to the first group of which something is missing. */
static void next_group(struct rn_upstream *u) {
    struct rn_fetch *f = u->fetch;
    uint64_t have = tail_of(u)->peaks.n, group = have >> RN_GROUP_LEVEL;
    if (group < f->first + f->n_nodes && f->n_nodes > 0) {
        f->leaf_from = have;
        f->n_leaves = ((group + 1) << RN_GROUP_LEVEL) - have;
        f->got_leaves = 0;
        ask_nodes(u, 0, f->leaf_from, f->n_leaves, on_leaves);
    } else if (f->n_nodes > 0) { /* the ragged edge: checked as the whole tree, over what we hold by now */
        f->n_nodes = f->got_nodes = 0;
        ask_leaves(u);
    } else {
        start_blocks(u);
    }
}

void rn_fetch_begin(struct rn_upstream *u) {
    rn_fetch_free(u);
    const struct rn_tail *tail = rn_flight_tail(u->stream);
    struct rn_fetch *f = calloc(1, sizeof *f);
    if (!f) {
        fail(u, -RUNNEL_ENOMEM, "out of memory");
        return;
    }
    u->fetch = f;
    rn_buf_init(&f->block, RN_BLOCK_BYTES);
    f->target = u->probed;
    f->leaves = rn_tree_leaves(f->target.head.count);
    f->first = tail->peaks.n >> RN_GROUP_LEVEL;
    f->n_nodes = (closed_leaves(f->target.head.count) >> RN_GROUP_LEVEL) - f->first;
    rn_upstream_enter(u, RN_UP_FETCHING);
    rn_upstream_expect(u);
    if (f->n_nodes > NODES_MOST) {
        fail(u, -RUNNEL_ETOOBIG, "its history is longer than this node takes at once");
        return;
    }
    if (f->n_nodes == 0) {
        ask_leaves(u);
        return;
    }
    f->nodes = calloc(f->n_nodes, sizeof *f->nodes);
    if (!f->nodes)
        fail(u, -RUNNEL_ENOMEM, "out of memory");
    else
        ask_nodes(u, RN_GROUP_LEVEL, f->first, f->n_nodes, on_group_nodes);
}
