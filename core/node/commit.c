/* SPDX-License-Identifier: MIT
 * commit.c — publishes of many streams become one commit under one signature (authorstate.h).
 * May touch: the streams of this node's own, the store, the env's signature.
 */
#include "node/authorstate.h"

#include "base/err.h"
#include <stdlib.h>
#include <string.h>

/* One stream's part of a commit. */
struct part {
    struct rn_growth growth;
    struct rn_list publishes;
    struct rn_signed_head head;
};

struct rn_commit {
    struct rn_op op;
    struct rn_author *author;
    struct rn_changes changes;
    struct part *parts;
    size_t n, cap;
};

static void commit_free(struct rn_op *op) {
    struct rn_commit *c = (struct rn_commit *)op;
    for (size_t i = 0; i < c->n; i++) {
        rn_publishes_drop(&c->parts[i].publishes);
        rn_growth_free(&c->parts[i].growth);
    }
    rn_changes_free(&c->changes);
    free(c->parts);
    free(c);
}

static int64_t wall(const struct rn_node *n) {
    return n->env->wall(n->env->ctx);
}

static int64_t now(const struct rn_node *n) {
    return n->env->now(n->env->ctx);
}

void rn_commit_drop(struct rn_author *a) {
    if (a->flying)
        rn_op_end(&a->flying->op);
    a->flying = NULL;
}

int rn_author_flies(const struct rn_author *a, const struct rn_stream *s) {
    for (size_t i = 0; a->flying && i < a->flying->n; i++)
        if (a->flying->parts[i].growth.stream == s)
            return 1;
    return 0;
}

static struct part *new_part(struct rn_commit *c) {
    if (c->n == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 8;
        struct part *v = calloc(cap, sizeof *v);
        if (!v)
            return NULL;
        for (size_t i = 0; i < c->n; i++) { /* lists do not survive a realloc: their elements point back */
            v[i] = c->parts[i];
            v[i].growth.changes = &c->changes;
            rn_list_init(&v[i].publishes);
            while (!rn_list_empty(&c->parts[i].publishes)) {
                struct rn_list *it = c->parts[i].publishes.next;
                rn_list_del(it);
                rn_list_add(&v[i].publishes, it);
            }
        }
        free(c->parts);
        c->parts = v;
        c->cap = cap;
    }
    struct part *p = &c->parts[c->n];
    memset(p, 0, sizeof *p);
    rn_list_init(&p->publishes);
    return p;
}

/* Adds one stream's publishes to the commit. */
static void add_part(struct rn_commit *c, struct rn_stream *s, struct rn_gather *g, size_t *room_bytes,
                     size_t *room_obs) {
    struct runnel_err err;
    if (s->trouble.code || rn_safety_refuses(s->node, &err) != 0) {
        rn_publishes_fail(&s->publishes, s->trouble.code ? &s->trouble : &err);
        return;
    }
    struct part *p = new_part(c);
    if (!p)
        return; /* they stay, and are tried with the next commit */
    rn_gather_publishes(s, g, &p->publishes, room_bytes, room_obs);
    if (g->n == 0)
        return;
    err.code = 0;
    int rc = rn_growth_begin(&p->growth, s, NULL, &c->changes);
    if (rc == 0)
        rn_tail_keep_leaf(&p->growth.next, &s->tail);
    if (rc == 0 && (rc = rn_growth_add(&p->growth, g->v, g->n, &err)) != 0)
        rn_growth_free(&p->growth);
    if (rc != 0) {
        if (!err.code)
            rn_fail(&err, -rc, "out of memory");
        c->changes.failed = rc; /* pieces of it may stand in the changes already */
        rn_publishes_fail(&p->publishes, &err);
        return;
    }
    c->n++;
}

static void make_head(struct part *p, int64_t now) {
    struct rn_stream *s = p->growth.stream;
    struct rn_head *h = &p->head.head;
    h->descriptor = s->desc->hash;
    h->count = p->growth.next.count;
    h->root = rn_tail_root(&p->growth.next);
    h->signed_at = s->has_head && s->head.head.signed_at > now ? s->head.head.signed_at : now;
    h->through = s->has_head ? s->head.head.through : RN_THROUGH_NONE;
    h->flags = 0;
}

/* One signature over the heads of all parts; their state records. */
static int attest(struct rn_commit *c, struct runnel_err *err) {
    struct rn_node *n = c->author->node;
    struct rn_head *heads = calloc(c->n, sizeof *heads);
    struct rn_attestation *out = calloc(c->n, sizeof *out);
    int rc = heads && out ? 0 : rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    for (size_t i = 0; rc == 0 && i < c->n; i++) {
        make_head(&c->parts[i], wall(n));
        heads[i] = c->parts[i].head.head;
    }
    if (rc == 0)
        rc = rn_attest(n->hasher, heads, c->n, rn_node_sign, n, out, err);
    struct rn_buf b = {.n = 0};
    for (size_t i = 0; rc == 0 && i < c->n; i++) {
        c->parts[i].head.attestation = out[i];
        rn_buf_clear(&b);
        rc = rn_signed_head_encode(&c->parts[i].head, &b);
        if (rc == 0)
            rn_growth_state(&c->parts[i].growth, rn_buf_bytes(&b));
        else
            rn_fail(err, -rc, "out of memory");
    }
    rn_buf_free(&b);
    free(heads);
    free(out);
    return rc;
}

static void commit_failed(struct rn_commit *c, const struct runnel_err *err) {
    struct runnel_err why;
    rn_err_copy(&why, err);
    if (err->code == RUNNEL_ECONFLICT) /* a record is not as long as it was left */
        rn_fail(&why, RUNNEL_EDAMAGED,
                "the disk has altered the end of a stream (%.200s); runnel fsck --mend writes it anew", err->msg);
    rn_wrap(&why, "not stored");
    for (size_t i = 0; i < c->n; i++)
        rn_publishes_fail(&c->parts[i].publishes, &why);
}

static void on_durable(void *arg, const struct runnel_err *err) {
    struct rn_commit *c = arg;
    struct rn_author *a = c->author;
    uint64_t answered = 0;
    a->flying = NULL;
    if (err) {
        if (rn_node_may_complain(a->node))
            rn_node_log(a->node, RUNNEL_ERROR, "store", "a commit failed: %s", err->msg);
        commit_failed(c, err);
    }
    for (size_t i = 0; !err && i < c->n; i++) {
        struct part *p = &c->parts[i];
        if (rn_growth_take(&p->growth, &p->head) != 0)
            rn_node_log(a->node, RUNNEL_ERROR, "store", "out of memory: readers learn of a head with the next one");
        for (; !rn_list_empty(&p->publishes); answered++)
            rn_publish_done(rn_list_of(p->publishes.next, struct rn_publish, link));
        rn_stream_changed(p->growth.stream);
    }
    for (size_t i = 0; i < c->n; i++)
        rn_drop_go(c->parts[i].growth.stream);
    rn_op_end(&c->op);
    rn_ripe_durable(&a->ripe, now(a->node), answered);
    rn_author_go(a);
}

static void gather_parts(struct rn_author *a, struct rn_commit *c) {
    struct rn_gather g = {.n = 0};
    size_t room_bytes = RN_COMMIT_BYTES, room_obs = RN_COMMIT_OBS;
    struct rn_list later;
    rn_list_init(&later);
    while (!rn_list_empty(&a->dirty) && room_bytes > 0 && room_obs > 0 && c->n < RN_MAX_ATTESTED / 2) {
        struct rn_stream *s = rn_list_of(a->dirty.next, struct rn_stream, dirty);
        rn_list_del(&s->dirty);
        add_part(c, s, &g, &room_bytes, &room_obs);
        if (!rn_list_empty(&s->publishes))
            rn_list_add(&later, &s->dirty);
    }
    while (!rn_list_empty(&later)) {
        struct rn_list *it = later.next;
        rn_list_del(it);
        rn_list_add(&a->dirty, it);
    }
    free(g.v);
}

static void build(struct rn_author *a) {
    struct runnel_err err;
    struct rn_commit *c = calloc(1, sizeof *c);
    if (!c) {
        rn_node_log(a->node, RUNNEL_ERROR, "store", "out of memory: publishes wait");
        return;
    }
    c->author = a;
    rn_op_begin(&a->node->ops, &c->op, commit_free);
    gather_parts(a, c);
    int rc = c->changes.failed;
    if (rc != 0)
        rn_fail(&err, -rc, "out of memory");
    if (rc == 0 && c->n > 0)
        rc = attest(c, &err);
    if (rc == 0 && c->n > 0) {
        a->flying = c;
        rn_ripe_built(&a->ripe, now(a->node), !rn_list_empty(&a->dirty));
        rc = rn_store_commit(&a->node->store, &c->changes, on_durable, c);
        if (rc == 0)
            return;
        a->flying = NULL;
        rn_fail(&err, -rc, "the commit cannot be asked for");
    }
    if (rc != 0)
        commit_failed(c, &err);
    rn_op_end(&c->op);
    rn_author_go(a);
}

void rn_commit_look(void *arg) {
    struct rn_author *a = arg;
    if (a->flying || a->node->safety.checking || rn_list_empty(&a->dirty))
        return;
    if (a->stopping || rn_ripe_look(&a->ripe, now(a->node)))
        build(a);
    else
        rn_author_go(a);
}
