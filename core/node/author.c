/* SPDX-License-Identifier: MIT
 * author.c — publishes are gathered, placed, signed and committed (author.h).
 * May touch: the streams of this node's own, the store, the env's signature.
 */
#include "node/author.h"

#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "node/inner.h"
#include <stdlib.h>
#include <string.h>

#define COMMIT_BYTES ((size_t)4 << 20) /* entries in one commit */
#define COMMIT_OBS 65536u              /* observations in one commit */

/* A publish that waits to be placed, or to be durable. */
struct rn_publish {
    struct rn_list link;
    struct rn_call *call;
    struct rn_stream *stream;
    uint8_t flags;
    uint64_t seq; /* with SEQ: where it must go; then where it went */
    uint64_t count;
    int64_t base, last; /* first and last time, as asked; then as given */
    size_t n;
    uint8_t entries[];
};

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

static void build(void *arg);

static void publish_free(struct rn_publish *p) {
    rn_list_del(&p->link);
    if (p->call)
        rn_call_free(p->call);
    free(p);
}

static void publish_fail(struct rn_publish *p, const struct runnel_err *err) {
    rn_call_fail(p->call, err);
    p->call = NULL;
    publish_free(p);
}

static void publish_done(struct rn_publish *p) {
    rn_call_published(p->call, p->seq, p->count, p->base, p->last);
    p->call = NULL;
    publish_free(p);
}

static void drop_publishes(struct rn_list *l) {
    while (!rn_list_empty(l))
        publish_free(rn_list_of(l->next, struct rn_publish, link));
}

static void commit_free(struct rn_op *op) {
    struct rn_commit *c = (struct rn_commit *)op;
    for (size_t i = 0; i < c->n; i++) {
        drop_publishes(&c->parts[i].publishes);
        rn_growth_free(&c->parts[i].growth);
    }
    rn_changes_free(&c->changes);
    free(c->parts);
    free(c);
}

void rn_author_init(struct rn_author *a, struct rn_node *n) {
    memset(a, 0, sizeof *a);
    a->node = n;
    rn_list_init(&a->dirty);
    rn_task_init(&a->task, build, a);
}

void rn_author_drop(struct rn_author *a) {
    rn_task_cancel(&a->task);
    rn_map_for (e, a->node->streams)
        drop_publishes(&((struct rn_stream *)e->val)->publishes);
    if (a->flying)
        rn_op_end(&a->flying->op);
    a->flying = NULL;
}

int rn_author_idle(const struct rn_author *a) {
    return !a->flying && rn_list_empty(&a->dirty);
}

static int64_t wall(const struct rn_node *n) {
    return n->env->wall(n->env->ctx);
}

/* ---- taking a publish ---- */

static int check_times(const struct rn_node *n, const struct rn_frame *f, int64_t last, struct runnel_err *err) {
    char a[RN_TIME_TEXT], b[RN_TIME_TEXT];
    int64_t now = wall(n);
    if (f->flags & RN_PUBLISH_NOW) {
        if (f->base != 0 || last != 0)
            return rn_fail(err, RUNNEL_EINVALID,
                           "observations that are to get the node's time carry times of their own");
        return 0;
    }
    if (last > 0 && last - RN_MAX_AHEAD_SECONDS * RN_NS_S > now)
        return rn_fail(err, RUNNEL_EINVALID,
                       "the time %s is more than %d s ahead of this node's clock, %s; correct the time, or the clock",
                       rn_time_format(last, a), RN_MAX_AHEAD_SECONDS, rn_time_format(now, b));
    return 0;
}

static int take(struct rn_author *a, const struct rn_session *s, const struct rn_frame *f, struct rn_stream **stream,
                uint64_t *count, int64_t *last, struct runnel_err *err) {
    char id[RN_ID_TEXT];
    if (!(rn_session_rights(s) & RN_PUBLISH))
        return rn_fail(err, RUNNEL_EDENIED,
                       "publish: only programs on this machine that run as root or as the daemon's user may");
    *stream = rn_stream_find(a->node, &f->stream);
    if (!*stream || !(*stream)->ready)
        return rn_fail(err, RUNNEL_ENOTFOUND, "stream %s is not known here; create it first",
                       rn_id_format(&f->stream, id));
    if (!(*stream)->own)
        return rn_fail(err, RUNNEL_EDENIED, "stream %s is by another author: only the author's own node appends to it",
                       rn_id_format(&f->stream, id));
    if (rn_safety_refuses(a->node, err) != 0)
        return rn_wrap(err, "not stored");
    if ((*stream)->trouble.code && !(a->node->safety.checking && (*stream)->trouble.code == RUNNEL_EBUSY)) {
        rn_err_copy(err, &(*stream)->trouble);
        return rn_wrap(err, "stream %s takes no publishes", rn_id_format(&f->stream, id));
    }
    if ((*stream)->drop)
        return rn_fail(err, RUNNEL_EBUSY, "stream %s is being dropped", rn_id_format(&f->stream, id));
    if (a->stopping)
        return rn_fail(err, RUNNEL_ECLOSED, "the node is stopping; publish again when it is back");
    int rc = rn_entries_check(f->body.p, f->body.n, 0, f->base, 0, COMMIT_OBS, count, last, err);
    if (rc != 0) {
        rn_wrap(err, "publish");
        err->code = RUNNEL_EINVALID;
        return -RUNNEL_EINVALID;
    }
    if (*count == 0)
        return rn_fail(err, RUNNEL_EINVALID, "publish: there is no observation in it");
    return check_times(a->node, f, *last, err);
}

int rn_author_publish(struct rn_author *a, struct rn_session *s, const struct rn_frame *f, struct runnel_err *err) {
    struct rn_stream *stream = NULL;
    uint64_t count = 0;
    int64_t last = 0;
    int rc = take(a, s, f, &stream, &count, &last, err);
    if (rc != 0)
        return rc;
    struct rn_publish *p = calloc(1, sizeof *p + f->body.n);
    if (!p || !(p->call = rn_call_new(s, f->id, f->body.n + sizeof *p))) {
        free(p);
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    }
    p->stream = stream;
    p->flags = f->flags;
    p->seq = f->seq;
    p->count = count;
    p->base = f->base;
    p->last = last;
    p->n = f->body.n;
    memcpy(p->entries, f->body.p, f->body.n);
    rn_list_init(&p->link);
    rn_list_add(&stream->publishes, &p->link);
    if (!rn_list_linked(&stream->dirty))
        rn_list_add(&a->dirty, &stream->dirty);
    if (!a->flying)
        rn_task_run_soon(&a->node->loop, &a->task);
    return 0;
}

/* ---- a publish that may be there already ---- */

/* Compares what a repeated publish brings with what is stored, block by block. */
struct repeat {
    struct rn_op op;
    struct rn_publish *publish;
    struct rn_cursor want;
    uint64_t at; /* seq to compare next */
    struct rn_block_wait wait;
};

static void repeat_free(struct rn_op *op) {
    struct repeat *r = (struct repeat *)op;
    rn_block_wait_cancel(&r->wait);
    if (r->publish)
        publish_free(r->publish);
    free(r);
}

static void repeat_end(struct repeat *r, const struct runnel_err *err) {
    struct rn_publish *p = r->publish;
    r->publish = NULL;
    rn_op_end(&r->op);
    if (err)
        publish_fail(p, err);
    else
        publish_done(p);
}

/* Compares with one block. 1: it goes on in the next; 0: all are the same; or a negative code. */
static int repeat_compare(struct repeat *r, struct runnel_bytes block, struct runnel_err *err) {
    struct rn_publish *p = r->publish;
    struct rn_cursor c;
    struct rn_obs have, want;
    uint64_t end = p->seq + p->count, first = r->at / RN_MAX_BLOCK * RN_MAX_BLOCK;
    int rc = rn_cursor_block(&c, block.p, block.n, first, err);
    while (rc == 0 && r->at < end && (rc = rn_cursor_next(&c, &have, err)) > 0) {
        rc = 0;
        if (have.seq < r->at)
            continue;
        if (rn_cursor_next(&r->want, &want, err) <= 0)
            return -RUNNEL_EINTERNAL;
        int timed = !(p->flags & RN_PUBLISH_NOW);
        if (have.value.n != want.value.n || memcmp(have.value.p, want.value.p, want.value.n) != 0 ||
            (timed && have.time != want.time))
            return rn_fail(err, RUNNEL_ECONFLICT, "another observation is at seq %llu; the stream has %llu",
                           (unsigned long long)have.seq, (unsigned long long)p->stream->tail.count);
        if (have.seq == p->seq)
            p->base = have.time;
        p->last = have.time;
        r->at++;
    }
    return rc < 0 ? rc : r->at < end;
}

static void repeat_step(struct repeat *r);

static void on_repeat_block(struct rn_block_wait *w, struct runnel_bytes block, const struct runnel_err *err) {
    struct repeat *r = rn_list_of(w, struct repeat, wait);
    struct runnel_err why;
    why.code = 0;
    int rc = err ? 0 : repeat_compare(r, block, &why);
    if (rc < 0 && !why.code)
        rn_fail(&why, -rc, "the repeated publish cannot be compared");
    if (err || rc <= 0)
        repeat_end(r, err ? err : rc < 0 ? &why : NULL);
    else
        repeat_step(r);
}

/* A publish is one frame, so this recurses over few blocks at the most. */
static void repeat_step(struct repeat *r) {
    struct rn_stream *s = r->publish->stream;
    struct runnel_bytes block;
    struct runnel_err err;
    int rc;
    if (rn_block_at_hand(s, r->at / RN_MAX_BLOCK, &block)) {
        on_repeat_block(&r->wait, block, NULL);
    } else if ((rc = rn_block_read(s, r->at / RN_MAX_BLOCK, &r->wait)) != 0) {
        (void)rn_stream_unread(s, rc, &err);
        repeat_end(r, &err);
    }
}

static void repeat_begin(struct rn_publish *p) {
    struct repeat *r = calloc(1, sizeof *r);
    struct runnel_err err;
    rn_list_del(&p->link);
    if (!r) {
        rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
        publish_fail(p, &err);
        return;
    }
    r->publish = p;
    r->at = p->seq;
    rn_cursor_init(&r->want, p->entries, p->n, p->seq, p->base);
    rn_block_wait_init(&r->wait, on_repeat_block);
    rn_op_begin(&p->stream->node->ops, &r->op, repeat_free);
    repeat_step(r);
}

/* ---- building a commit ---- */

/* What is gathered for one stream: observations that will be added in one go. */
struct gather {
    struct rn_obs *v;
    size_t n, cap;
    uint64_t count; /* of the stream, with them */
    int64_t last;
    size_t bytes;
};

static int gather_room(struct gather *g, size_t n) {
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
static enum verdict place(struct rn_publish *p, struct gather *g, int64_t now, struct runnel_err *err) {
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

/* Places a stream's publishes; those placed go to `placed`. */
static void place_all(struct rn_stream *s, struct gather *g, struct rn_list *placed, size_t *room_bytes,
                      size_t *room_obs) {
    struct runnel_err err;
    int64_t now = wall(s->node);
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
            publish_fail(p, &err);
        } else if (v == REPEATED) {
            repeat_begin(p);
        } else {
            rn_list_del(&p->link);
            rn_list_add(placed, &p->link);
            *room_bytes -= p->n < *room_bytes ? p->n : *room_bytes;
            *room_obs -= p->count < *room_obs ? p->count : *room_obs;
        }
    }
}

static void fail_all(struct rn_list *publishes, const struct runnel_err *err) {
    while (!rn_list_empty(publishes))
        publish_fail(rn_list_of(publishes->next, struct rn_publish, link), err);
}

void rn_author_forget(struct rn_stream *s, const struct runnel_err *err) {
    fail_all(&s->publishes, err);
    rn_list_del(&s->dirty);
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
static void add_part(struct rn_commit *c, struct rn_stream *s, struct gather *g, size_t *room_bytes, size_t *room_obs) {
    struct runnel_err err;
    if (s->trouble.code || rn_safety_refuses(s->node, &err) != 0) {
        fail_all(&s->publishes, s->trouble.code ? &s->trouble : &err);
        return;
    }
    struct part *p = new_part(c);
    if (!p)
        return; /* they stay, and are tried with the next commit */
    place_all(s, g, &p->publishes, room_bytes, room_obs);
    if (g->n == 0)
        return;
    err.code = 0;
    int rc = rn_growth_begin(&p->growth, s, NULL, &c->changes);
    if (rc == 0 && (rc = rn_growth_add(&p->growth, g->v, g->n, &err)) != 0)
        rn_growth_free(&p->growth);
    if (rc != 0) {
        if (!err.code)
            rn_fail(&err, -rc, "out of memory");
        c->changes.failed = rc; /* pieces of it may stand in the changes already */
        fail_all(&p->publishes, &err);
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
        fail_all(&c->parts[i].publishes, &why);
}

static void on_durable(void *arg, const struct runnel_err *err) {
    struct rn_commit *c = arg;
    struct rn_author *a = c->author;
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
        while (!rn_list_empty(&p->publishes))
            publish_done(rn_list_of(p->publishes.next, struct rn_publish, link));
        rn_stream_changed(p->growth.stream);
    }
    for (size_t i = 0; i < c->n; i++)
        rn_drop_go(c->parts[i].growth.stream);
    rn_op_end(&c->op);
    if (!rn_list_empty(&a->dirty))
        rn_task_run_soon(&a->node->loop, &a->task);
    else if (a->stopping)
        rn_node_author_idle(a->node);
}

static void gather_parts(struct rn_author *a, struct rn_commit *c) {
    struct gather g = {.n = 0};
    size_t room_bytes = COMMIT_BYTES, room_obs = COMMIT_OBS;
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

static void build(void *arg) {
    struct rn_author *a = arg;
    struct runnel_err err;
    if (a->flying || a->node->safety.checking || rn_list_empty(&a->dirty))
        return;
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
        rc = rn_store_commit(&a->node->store, &c->changes, on_durable, c);
        if (rc == 0)
            return;
        a->flying = NULL;
        rn_fail(&err, -rc, "the commit cannot be asked for");
    }
    if (rc != 0)
        commit_failed(c, &err);
    rn_op_end(&c->op);
    if (!rn_list_empty(&a->dirty))
        rn_task_run_soon(&a->node->loop, &a->task);
    else if (a->stopping)
        rn_node_author_idle(a->node);
}
