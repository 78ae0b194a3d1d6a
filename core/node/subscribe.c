/* SPDX-License-Identifier: MIT
 * subscribe.c — subscriptions are remembered across restarts (upstream.h).
 * May touch: the store.
 *
 * The note of a subscription is the text it was asked for by: a stream id, or a name until the id
 * behind it is known.
 */
#include "base/err.h"
#include "base/json.h"
#include "node/step.h"
#include "node/upstreamstate.h"
#include <stdlib.h>
#include <string.h>

/* A note on its way to the disk, and who waits for it. */
struct noting {
    struct rn_op op;
    struct rn_node *node;
    struct rn_changes changes;
    enum { SETTLED, SUBSCRIBE, UNSUBSCRIBE } what;
    struct rn_stream_ref ref;
    int changed;          /* the subscription was made, or removed, when it was asked for */
    struct rn_call *call; /* NULL: nobody */
    struct rn_buf answer;
};

static void noting_free(struct rn_op *op) {
    struct noting *t = (struct noting *)op;
    rn_changes_free(&t->changes);
    rn_buf_free(&t->answer);
    if (t->call)
        rn_call_free(t->call);
    free(t);
}

/* What the node does is what its notes say: it is put back when they could not be written, and the last
 * one counts where several were on their way. */
static void obey(const struct noting *t, int failed) {
    struct rn_upstream *u;
    struct runnel_err err;
    int added;
    if (t->what == SETTLED || (failed && !t->changed))
        return;
    if ((t->what == SUBSCRIBE) == failed) {
        u = rn_upstream_find(t->node, &t->ref);
        if (u)
            rn_upstream_remove(u);
    } else if (rn_upstream_add(t->node, &t->ref, &u, &added, &err) != 0) {
        rn_node_log(t->node, RUNNEL_ERROR, "store", "a subscription cannot be taken up again: %s", err.msg);
    }
}

static void on_noted(void *arg, const struct runnel_err *err) {
    struct noting *t = arg;
    struct rn_call *call = t->call;
    t->call = NULL;
    obey(t, err != NULL);
    if (err)
        rn_node_log(t->node, RUNNEL_ERROR, "store", "a subscription cannot be noted: %s", err->msg);
    if (call && err)
        rn_call_fail(call, err);
    else if (call)
        rn_call_answer(call, rn_buf_bytes(&t->answer));
    rn_op_end(&t->op);
}

static struct noting *noting_new(struct rn_node *n, struct rn_call *call) {
    struct noting *t = calloc(1, sizeof *t);
    struct runnel_err err;
    if (!t) {
        rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
        if (call)
            rn_call_fail(call, &err);
        return NULL;
    }
    t->node = n;
    t->call = call;
    rn_op_begin(&n->ops, &t->op, noting_free);
    return t;
}

static void put(struct noting *t, const char *text) {
    struct rn_place p = rn_place_subscription(t->node->hasher, text);
    rn_changes_put(&t->changes, &p, (struct runnel_bytes){(const uint8_t *)text, strlen(text)});
}

static void erase(struct noting *t, const char *text) {
    struct rn_place p = rn_place_subscription(t->node->hasher, text);
    rn_changes_erase(&t->changes, &p);
}

static void commit(struct noting *t) {
    struct runnel_err err;
    int rc = rn_store_commit(&t->node->store, &t->changes, on_noted, t);
    if (rc == 0)
        return;
    rn_fail(&err, -rc, "the note of a subscription cannot be written");
    on_noted(t, &err);
}

static void write_answer(struct noting *t, const struct rn_stream *s, const char *word) {
    struct rn_jw w;
    char id[RN_ID_TEXT];
    rn_jw_init(&w, &t->answer);
    rn_jw_object(&w);
    rn_jw_key(&w, "stream");
    if (s)
        rn_jw_str(&w, rn_id_format(&s->desc->id, id));
    else if (t->ref.has_id)
        rn_jw_str(&w, rn_id_format(&t->ref.id, id));
    else
        rn_jw_null(&w);
    rn_jw_kbool(&w, word, t->changed);
    rn_jw_end_object(&w);
}

/* The reference by which the node keeps a subscription: the id once it is known. */
static void settled_text(const struct rn_stream_ref *ref, const struct rn_stream *s, char out[RN_REF_TEXT]) {
    if (s)
        rn_id_format(&s->desc->id, out);
    else
        rn_stream_ref_format(ref, out);
}

void rn_subscribe(struct rn_node *n, struct rn_call *call, const struct rn_stream_ref *ref) {
    struct runnel_err err;
    struct rn_upstream *u;
    char text[RN_REF_TEXT];
    int added;
    if (rn_restore_refuses(n, &err) != 0 || rn_upstream_add(n, ref, &u, &added, &err) != 0) {
        rn_call_fail(call, &err);
        return;
    }
    struct noting *t = noting_new(n, call);
    if (!t)
        return;
    struct rn_stream *s = rn_upstream_stream(u);
    settled_text(ref, s, text);
    t->what = SUBSCRIBE;
    t->ref = *ref;
    t->changed = added;
    write_answer(t, s, "added");
    put(t, text); /* also when it was there: then the answer waits until it is durable */
    commit(t);
}

void rn_unsubscribe(struct rn_node *n, struct rn_call *call, const struct rn_stream_ref *ref) {
    char text[RN_REF_TEXT];
    struct rn_upstream *u = rn_upstream_find(n, ref);
    struct noting *t = noting_new(n, call);
    if (!t)
        return;
    struct rn_stream *s = u ? rn_upstream_stream(u) : rn_stream_resolve(n, ref);
    t->what = UNSUBSCRIBE;
    t->ref = *ref;
    t->changed = u != NULL;
    write_answer(t, s, "removed");
    erase(t, rn_stream_ref_format(ref, text));
    if (u) {
        erase(t, rn_stream_ref_format(&u->ref, text));
        settled_text(&u->ref, s, text);
        erase(t, text);
        rn_upstream_remove(u);
    }
    commit(t);
}

void rn_subscription_settled(struct rn_node *n, const struct rn_stream_ref *name, const struct runnel_id *id) {
    char text[RN_REF_TEXT];
    struct noting *t;
    if (name->has_id || !(t = noting_new(n, NULL)))
        return;
    erase(t, rn_stream_ref_format(name, text));
    put(t, rn_id_format(id, text));
    commit(t);
}

/* ---- at start ---- */

static void take_up(struct rn_node *n, struct runnel_bytes val) {
    char text[RN_REF_TEXT];
    struct rn_stream_ref ref;
    struct rn_upstream *u;
    struct runnel_err err;
    int added;
    err.msg[0] = '\0';
    if (val.n == 0 || val.n >= sizeof text) {
        rn_node_log(n, RUNNEL_ERROR, "store", "the note of a subscription is damaged: %zu bytes; subscribe again",
                    val.n);
        return;
    }
    memcpy(text, val.p, val.n);
    text[val.n] = '\0';
    int rc = rn_stream_ref_parse(text, &ref, &err);
    if (rc == 0)
        rc = rn_upstream_add(n, &ref, &u, &added, &err);
    if (rc != 0)
        rn_node_log(n, RUNNEL_ERROR, "store", "a subscription cannot be taken up again: %s", err.msg);
}

static void on_note(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    struct rn_node *n = ((struct rn_step *)arg)->node;
    struct rn_buf corrected = {.n = 0};
    struct runnel_err err;
    struct runnel_bytes record = val;
    if (rn_record_open(n->hasher, key, &val, &err) == 0)
        take_up(n, val);
    else if (rn_record_correct(n->hasher, key, record, &corrected) == 0)
        take_up(n, rn_buf_bytes(&corrected));
    else
        rn_node_log(n, RUNNEL_ERROR, "store", "the note of a subscription: %s; subscribe again", err.msg);
    rn_buf_free(&corrected);
}

static void on_read(void *arg, const struct runnel_err *err) {
    rn_step_failed(arg, err);
    rn_step_end(arg);
}

void rn_subscriptions_load(struct rn_node *n, runnel_done *done, void *arg) {
    struct rn_step *s = rn_step_new(sizeof *s, n, NULL, "subscriptions", done, arg);
    if (s)
        rn_step_scan(s, 'U', on_note, on_read);
}
