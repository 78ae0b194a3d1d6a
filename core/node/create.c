/* SPDX-License-Identifier: MIT
 * create.c — the method create: a new stream of this node's own, with a signed head of nothing (author.h).
 * May touch: the store, the env's signature.
 */
#include "base/err.h"
#include "base/json.h"
#include "node/inner.h"
#include <stdlib.h>

struct rn_creating {
    struct rn_op op;
    struct rn_stream *stream;
    struct rn_call *call;
    struct rn_changes changes;
    struct rn_growth growth;
    struct rn_signed_head head;
    struct rn_list waiting; /* of struct waiter */
};

/* Another who asked for the same stream while it was being created. */
struct waiter {
    struct rn_list link;
    struct rn_call *call;
};

static void creating_free(struct rn_op *op) {
    struct rn_creating *c = (struct rn_creating *)op;
    while (!rn_list_empty(&c->waiting)) {
        struct waiter *w = rn_list_of(c->waiting.next, struct waiter, link);
        rn_list_del(&w->link);
        rn_call_free(w->call);
        free(w);
    }
    c->stream->creating = NULL;
    if (c->call)
        rn_call_free(c->call);
    rn_growth_free(&c->growth);
    rn_changes_free(&c->changes);
    free(c);
}

static void answer(struct rn_call *call, const struct rn_stream *s, int created) {
    struct rn_buf b = {.max = RN_MAX_FRAME};
    struct rn_jw w;
    char id[RN_ID_TEXT];
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_kstr(&w, "stream", rn_id_format(&s->desc->id, id));
    rn_jw_key(&w, "descriptor");
    rn_jw_raw(&w, s->desc->bytes.p, s->desc->bytes.n);
    rn_jw_kbool(&w, "created", created);
    rn_jw_end_object(&w);
    rn_call_answer(call, rn_buf_bytes(&b));
    rn_buf_free(&b);
}

/* Answers those who asked too; `err` NULL: the stream is there. */
static void answer_waiting(struct rn_creating *c, const struct runnel_err *err) {
    while (!rn_list_empty(&c->waiting)) {
        struct waiter *w = rn_list_of(c->waiting.next, struct waiter, link);
        rn_list_del(&w->link);
        if (err)
            rn_call_fail(w->call, err);
        else
            answer(w->call, c->stream, 0);
        free(w);
    }
}

static void wait_for(struct rn_creating *c, struct rn_call *call) {
    struct runnel_err err;
    struct waiter *w = calloc(1, sizeof *w);
    if (!w) {
        rn_fail(&err, RUNNEL_ENOMEM, "create: out of memory");
        rn_call_fail(call, &err);
        return;
    }
    w->call = call;
    rn_list_init(&w->link);
    rn_list_add(&c->waiting, &w->link);
    rn_call_weigh(call, sizeof *w);
}

/* A stream whose records could not be stored is as if it had never been. */
static void take_back(struct rn_stream *s) {
    rn_stream_forget(s);
    rn_stream_free(s);
}

static void on_durable(void *arg, const struct runnel_err *err) {
    struct rn_creating *c = arg;
    struct rn_call *call = c->call;
    struct rn_stream *s = c->stream;
    struct runnel_err why;
    c->call = NULL;
    if (err) {
        rn_err_copy(&why, err);
        rn_wrap(&why, "create: not stored");
    } else if (rn_growth_take(&c->growth, &c->head) != 0) {
        err = &why;
        rn_fail(&why, RUNNEL_ENOMEM, "create: out of memory");
    }
    s->ready = err == NULL;
    if (err)
        rn_call_fail(call, &why);
    else
        answer(call, s, 1);
    answer_waiting(c, err ? &why : NULL);
    rn_op_end(&c->op);
    if (err)
        take_back(s);
}

/* The records of the new stream, and its first head. */
static int gather(struct rn_creating *c, struct runnel_err *err) {
    struct rn_stream *s = c->stream;
    struct rn_node *n = s->node;
    struct rn_buf b = {.n = 0};
    c->head.head = (struct rn_head){.descriptor = s->desc->hash,
                                    .root = rn_tail_root(&s->tail),
                                    .signed_at = n->env->wall(n->env->ctx),
                                    .through = RN_THROUGH_NONE};
    int rc = rn_growth_begin(&c->growth, s, NULL, &c->changes);
    if (rc != 0)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    rn_stream_store_new(s, &c->changes);
    rc = rn_attest(n->hasher, &c->head.head, 1, rn_node_sign, n, &c->head.attestation, err);
    if (rc == 0 && (rc = rn_signed_head_encode(&c->head, &b)) != 0)
        rn_fail(err, -rc, "out of memory");
    if (rc == 0)
        rn_growth_state(&c->growth, rn_buf_bytes(&b));
    rn_buf_free(&b);
    return rc;
}

static void begin(struct rn_node *n, struct rn_call *call, struct rn_descriptor *d) {
    struct rn_creating *c = calloc(1, sizeof *c);
    struct runnel_err err;
    if (!c || rn_stream_new(n, d, n->next_number, &c->stream) != 0) {
        if (!c)
            rn_descriptor_free(d);
        free(c);
        rn_fail(&err, RUNNEL_ENOMEM, "create: out of memory");
        rn_call_fail(call, &err);
        return;
    }
    struct rn_stream *s = c->stream;
    s->creating = c;
    rn_list_init(&c->waiting);
    rn_op_begin(&n->ops, &c->op, creating_free);
    int rc = gather(c, &err);
    if (rc == 0) {
        c->call = call;
        rc = rn_store_commit(&n->store, &c->changes, on_durable, c);
        if (rc == 0)
            return;
        c->call = NULL;
        rn_fail(&err, -rc, "the commit cannot be asked for");
    }
    rn_op_end(&c->op);
    rn_wrap(&err, "create");
    rn_call_fail(call, &err);
    take_back(s);
}

void rn_author_create(struct rn_author *a, struct rn_call *call, const struct rn_json *params) {
    struct rn_node *n = a->node;
    const struct rn_json *o = rn_json_get(params, "descriptor");
    struct rn_descriptor *d;
    struct runnel_err err;
    int rc = rn_restore_refuses(n, &err);
    if (rc != 0)
        rn_wrap(&err, "create");
    else if (!o || o->type != RN_OBJECT)
        rc = rn_fail(&err, RUNNEL_EINVALID, "create: descriptor: want an object with source, stream, target");
    if (rc == 0 && (rc = rn_descriptor_make(n->hasher, o, &n->id, &d, &err)) != 0)
        rn_wrap(&err, "create");
    if (rc != 0) {
        rn_call_fail(call, &err);
        return;
    }
    rn_author_create_desc(a, call, d);
}

void rn_author_create_desc(struct rn_author *a, struct rn_call *call, struct rn_descriptor *d) {
    struct rn_node *n = a->node;
    struct runnel_err err;
    struct rn_stream *s = rn_stream_find(n, &d->id);
    const struct rn_tombstone *gone = s ? NULL : rn_dropped(n, &d->id);
    if (gone) {
        rn_descriptor_free(d);
        rn_dropped_say(
            gone, &err, RUNNEL_ECONFLICT,
            " and cannot begin again at 0: others may hold it; use another descriptor, such as one that names "
            "it as its prior");
        rn_wrap(&err, "create");
        rn_call_fail(call, &err);
        return;
    }
    if (!s && rn_map_get(n->lost, d->id.b, sizeof d->id.b)) {
        rn_descriptor_free(d);
        rn_fail(
            &err, RUNNEL_EDAMAGED,
            "create: this stream was here, and its record in the store is damaged or could not be written: begun anew "
            "it would contradict what was signed; bring it back from a peer or a backup, or use another descriptor, "
            "for one with prior");
        rn_call_fail(call, &err);
        return;
    }
    if (!s && rn_map_count(n->streams) >= RN_MAX_STREAMS) {
        rn_descriptor_free(d);
        rn_fail(&err, RUNNEL_ETOOBIG, "create: this node has %d streams (limit STREAMS)", RN_MAX_STREAMS);
        rn_call_fail(call, &err);
        return;
    }
    if (!s && rn_safety_refuses(n, &err) != 0) {
        rn_descriptor_free(d);
        rn_wrap(&err, "create");
        rn_call_fail(call, &err);
        return;
    }
    if (!s && n->safety.checking) {
        if (rn_safety_wait(n, call, d) == 0)
            return;
        rn_descriptor_free(d);
        rn_fail(&err, RUNNEL_ENOMEM, "create: out of memory");
        rn_call_fail(call, &err);
        return;
    }
    if (!s) {
        begin(n, call, d);
        return;
    }
    int same = rn_hash_equal(&s->desc->hash, &d->hash);
    rn_descriptor_free(d);
    if (same && s->ready && !s->drop) {
        answer(call, s, 0);
        return;
    }
    if (same && s->creating) {
        wait_for(s->creating, call);
        return;
    }
    if (same)
        rn_fail(&err, RUNNEL_EBUSY, "create: the stream is %s; ask again", s->drop ? "being dropped" : "not ready yet");
    else
        rn_fail(&err, RUNNEL_ECONFLICT,
                "create: another descriptor has this stream id; change a word in meta.description");
    rn_call_fail(call, &err);
}
