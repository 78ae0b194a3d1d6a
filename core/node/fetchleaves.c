/* SPDX-License-Identifier: MIT
 * fetchleaves.c — hashes of the target's tree are asked for and checked against its root (fetchstate.h).
 * May touch: the session.
 */
#include "base/err.h"
#include "node/fetchstate.h"
#include <string.h>

/* ---- asking ---- */

static int ask(struct rn_upstream *u, uint32_t level, uint64_t from, uint64_t n, rn_reply_fn *fn, uint64_t *id,
               struct runnel_err *err) {
    struct rn_buf b = {.max = 512};
    char text[RN_ID_TEXT];
    rn_buf_fmt(&b, "\"stream\":\"%s\",\"count\":%llu,\"level\":%u,\"from\":%llu,\"n\":%llu",
               rn_id_format(&u->stream->desc->id, text), (unsigned long long)u->fetch->target.head.count, level,
               (unsigned long long)from, (unsigned long long)(n < RN_MAX_HASHES ? n : RN_MAX_HASHES));
    int rc = b.failed;
    if (rc == 0)
        rc = rn_session_ask(u->session, "nodes", rn_buf_bytes(&b), RN_ASK_NS, fn, NULL, u, id);
    rn_buf_free(&b);
    return rc == 0 ? 0 : rn_fail(err, -rc, "it cannot be asked");
}

/* Takes the hashes of an answer into room for `most`. Returns how many; 0: the session's end tells, or it has failed.
 */
static uint64_t take(struct rn_upstream *u, const struct rn_reply *r, const struct runnel_err *err, struct rn_hash *to,
                     uint64_t most) {
    struct runnel_err why;
    if (err) {
        if (rn_session_open(u->session))
            rn_upstream_fail(u, err);
        return 0;
    }
    uint64_t n = r->body.n / RN_HASH;
    if (n == 0 || n > most || n > RN_MAX_HASHES || r->body.n % RN_HASH != 0) {
        rn_fail(&why, RUNNEL_EDAMAGED, "it answered with another number of hashes than was asked for");
        rn_upstream_bad(u, &why);
        return 0;
    }
    memcpy(to, r->body.p, r->body.n);
    rn_upstream_expect(u);
    return n;
}

static void on_nodes(void *arg, const struct rn_reply *r, const struct runnel_err *err);
static void on_ragged(void *arg, const struct rn_reply *r, const struct runnel_err *err);
static void on_coming(void *arg, const struct rn_reply *r, const struct runnel_err *err);

static int ask_nodes(struct rn_upstream *u, struct runnel_err *err) {
    struct rn_fetch *f = u->fetch;
    if (f->got_nodes == f->n_nodes)
        return 0;
    return ask(u, RN_GROUP_LEVEL, f->first + f->got_nodes, f->n_nodes - f->got_nodes, on_nodes, &f->ask_nodes, err);
}

static int ask_leaves(struct rn_upstream *u, struct rn_leaves *l, rn_reply_fn *fn, struct runnel_err *err) {
    if (l->got == l->n)
        return 0;
    return ask(u, 0, l->from + l->got, l->n - l->got, fn, &l->ask, err);
}

/* What has come is used, unless asking for the rest of it has failed. */
static void goes_on(struct rn_upstream *u, int rc, const struct runnel_err *err) {
    if (rc != 0)
        rn_upstream_fail(u, err);
    else
        rn_fetch_go_on(u);
}

static void on_nodes(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    struct rn_upstream *u = arg;
    struct rn_fetch *f = u->fetch;
    struct runnel_err why;
    f->ask_nodes = 0;
    uint64_t n = take(u, r, err, f->nodes + f->got_nodes, f->n_nodes - f->got_nodes);
    if (n == 0)
        return;
    f->got_nodes += n;
    goes_on(u, ask_nodes(u, &why), &why);
}

static void on_leaves(struct rn_upstream *u, struct rn_leaves *l, rn_reply_fn *fn, const struct rn_reply *r,
                      const struct runnel_err *err) {
    struct runnel_err why;
    l->ask = 0;
    uint64_t n = take(u, r, err, l->hash + l->got, l->n - l->got);
    if (n == 0)
        return;
    l->got += n;
    goes_on(u, ask_leaves(u, l, fn, &why), &why);
}

static void on_ragged(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    struct rn_upstream *u = arg;
    on_leaves(u, &u->fetch->ragged, on_ragged, r, err);
}

static void on_coming(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    struct rn_upstream *u = arg;
    on_leaves(u, &u->fetch->coming, on_coming, r, err);
}

/* Asks for the leaves of the perfect group that holds leaf `from`, from there on; nothing where none is left. */
static int ask_group(struct rn_upstream *u, uint64_t from, struct runnel_err *err) {
    struct rn_fetch *f = u->fetch;
    uint64_t group = from >> RN_GROUP_LEVEL;
    f->coming.n = f->coming.got = 0;
    if (group >= f->first + f->n_nodes)
        return 0;
    f->coming.from = from;
    f->coming.n = ((group + 1) << RN_GROUP_LEVEL) - from;
    return ask_leaves(u, &f->coming, on_coming, err);
}

int rn_fetch_ask_leaves(struct rn_upstream *u, struct runnel_err *err) {
    int rc = ask_nodes(u, err);
    if (rc == 0)
        rc = ask_leaves(u, &u->fetch->ragged, on_ragged, err);
    if (rc == 0)
        rc = ask_group(u, rn_fetch_tail(u)->peaks.n, err);
    return rc;
}

void rn_fetch_forget_leaves(struct rn_upstream *u) {
    struct rn_fetch *f = u->fetch;
    const uint64_t ids[] = {f->ask_nodes, f->ragged.ask, f->coming.ask};
    for (size_t i = 0; u->session && i < sizeof ids / sizeof ids[0]; i++)
        if (ids[i])
            rn_session_forget(u->session, ids[i]);
    f->ask_nodes = f->ragged.ask = f->coming.ask = 0;
}

/* ---- checking ---- */

/* The root that our peaks, the group nodes and the ragged leaves give. */
static int skeleton_root(struct rn_upstream *u, struct rn_hash *root) {
    struct rn_fetch *f = u->fetch;
    struct rn_peaks p = rn_fetch_tail(u)->peaks;
    int rc = 0;
    if (f->n_nodes > 0) /* what we hold of the first group is told again, by its node */
        p.n = f->first << RN_GROUP_LEVEL;
    for (uint64_t i = 0; rc == 0 && i < f->n_nodes; i++)
        rc = rn_peaks_add_node(u->node->hasher, &p, RN_GROUP_LEVEL, &f->nodes[i], NULL, NULL);
    for (uint64_t i = 0; rc == 0 && i < f->ragged.n; i++)
        rc = rn_peaks_add(u->node->hasher, &p, &f->ragged.hash[i], NULL, NULL);
    *root = rn_peaks_root(u->node->hasher, &p, NULL);
    return rc;
}

int rn_fetch_check_skeleton(struct rn_upstream *u, struct runnel_err *err) {
    struct rn_fetch *f = u->fetch;
    struct rn_hash root;
    if (f->sound || f->got_nodes < f->n_nodes || f->ragged.got < f->ragged.n)
        return 0;
    if (skeleton_root(u, &root) != 0 || !rn_hash_equal(&root, &f->target.head.root))
        return rn_fail(err, RUNNEL_EDAMAGED, "the hashes it gave do not fold to the root of the author's head");
    f->sound = 1;
    return 0;
}

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

/* Whether the leaves that are coming fold to the node of their group, behind what we hold: our end is where they begin.
 */
static int group_folds(struct rn_upstream *u) {
    struct rn_fetch *f = u->fetch;
    const struct rn_leaves *l = &f->coming;
    uint64_t index = l->from >> RN_GROUP_LEVEL;
    struct group_check c = {.index = index, .want = &f->nodes[index - f->first]};
    struct rn_peaks p = rn_fetch_tail(u)->peaks;
    for (uint64_t i = 0; i < l->n; i++)
        if (rn_peaks_add(u->node->hasher, &p, &l->hash[i], on_perfect, &c) != 0)
            return 0;
    return c.good;
}

/* Takes leaves in hand that are checked. */
static void take_in_hand(struct rn_fetch *f, const struct rn_leaves *l) {
    f->hand.from = l->from;
    f->hand.n = f->hand.got = l->n;
    memcpy(f->hand.hash, l->hash, (size_t)l->n * sizeof *l->hash);
}

int rn_fetch_turn_leaves(struct rn_upstream *u, struct runnel_err *err) {
    struct rn_fetch *f = u->fetch;
    if (f->coming.n > 0) {
        if (f->coming.got < f->coming.n)
            return 0;
        if (!group_folds(u))
            return rn_fail(err, RUNNEL_EDAMAGED, "the leaf hashes it gave do not fold to their node");
        take_in_hand(f, &f->coming);
        int rc = ask_group(u, f->hand.from + f->hand.n, err);
        return rc == 0 ? 1 : rc;
    }
    if (f->hand.n > 0 && f->hand.from + f->hand.n > f->ragged.from)
        return 0;                /* those were the last */
    take_in_hand(f, &f->ragged); /* they were checked with the skeleton */
    return f->ragged.n > 0;
}
