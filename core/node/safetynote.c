/* SPDX-License-Identifier: MIT
 * safetynote.c — doubts stand in the store's own record; an operator's word that there is none counts once it is there.
 * May touch: the store.
 */
#include "base/err.h"
#include "base/json.h"
#include "node/heads.h"
#include "node/methods.h"
#include "node/safetystate.h"
#include "node/sessionstate.h"
#include <stdlib.h>
#include <string.h>

/* Who gave his word waits until it is written. */
struct confirming {
    struct rn_list link;
    struct rn_call *call;
    unsigned doubts; /* that were laid to rest */
};

/* ---- those who gave their word ---- */

static void drop_calls(struct rn_list *calls) {
    while (!rn_list_empty(calls)) {
        struct confirming *c = rn_list_of(calls->next, struct confirming, link);
        rn_list_del(&c->link);
        rn_call_free(c->call);
        free(c);
    }
}

static void answer(struct confirming *c, const struct runnel_err *err) {
    struct rn_buf b = {.max = 256};
    struct rn_jw w;
    if (err) {
        rn_call_fail(c->call, err);
        free(c);
        return;
    }
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_key(&w, "was");
    rn_safety_words(&w, c->doubts);
    rn_jw_end_object(&w);
    rn_method_answer(c->call, &b);
    free(c);
}

static void answer_all(struct rn_list *calls, const struct runnel_err *err) {
    while (!rn_list_empty(calls)) {
        struct confirming *c = rn_list_of(calls->next, struct confirming, link);
        rn_list_del(&c->link);
        answer(c, err);
    }
}

/* Who gave his word is told that it could not be written: so it counts for nothing. */
static void unconfirm(struct rn_safety *f, const struct rn_list *calls) {
    rn_list_for (it, calls)
        f->doubts |= rn_list_of(it, struct confirming, link)->doubts;
}

/* ---- the write ---- */

struct writing {
    struct rn_op op;
    struct rn_node *node;
    struct rn_list calls; /* those whose word it carries */
};

static void writing_free(struct rn_op *op) {
    struct writing *w = (struct writing *)op;
    drop_calls(&w->calls);
    free(w);
}

static void on_written(void *arg, const struct runnel_err *err) {
    struct writing *w = arg;
    struct rn_node *n = w->node;
    struct rn_list calls;
    rn_list_init(&calls);
    while (!rn_list_empty(&w->calls)) {
        struct rn_list *it = w->calls.next;
        rn_list_del(it);
        rn_list_add(&calls, it);
    }
    rn_op_end(&w->op);
    n->safety.writing = 0;
    if (err) {
        rn_node_log(n, RUNNEL_ERROR, "author", "the store's own record cannot be written: %s", err->msg);
        unconfirm(&n->safety, &calls);
    }
    if (n->safety.changed)
        rn_safety_write(n);
    answer_all(&calls, err);
}

static int commit_note(struct rn_node *n, struct writing *w) {
    struct rn_store_note note = {.node = n->id, .doubts = n->safety.doubts};
    struct rn_changes c = {.n = 0};
    struct rn_buf b = {.n = 0};
    struct rn_place p = rn_place_store();
    memcpy(note.marker, n->safety.marker, sizeof note.marker);
    int rc = rn_store_record(&b, &note);
    if (rc == 0) {
        rn_changes_put(&c, &p, rn_buf_bytes(&b));
        rc = rn_store_commit(&n->store, &c, on_written, w);
    }
    rn_buf_free(&b);
    rn_changes_free(&c);
    return rc;
}

void rn_safety_write(struct rn_node *n) {
    struct rn_safety *f = &n->safety;
    struct runnel_err err;
    f->changed = f->writing;
    if (f->writing)
        return;
    struct writing *w = calloc(1, sizeof *w);
    if (w) {
        w->node = n;
        rn_list_init(&w->calls);
        while (!rn_list_empty(&f->calls)) {
            struct rn_list *it = f->calls.next;
            rn_list_del(it);
            rn_list_add(&w->calls, it);
        }
        rn_op_begin(&n->ops, &w->op, writing_free);
        f->writing = 1;
        int rc = commit_note(n, w);
        if (rc == 0)
            return;
        rn_fail(&err, -rc, "the commit cannot be asked for");
        on_written(w, &err);
        return;
    }
    rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
    unconfirm(f, &f->calls);
    answer_all(&f->calls, &err);
}

void rn_safety_drop_words(struct rn_safety *f) {
    drop_calls(&f->calls);
}

/* ---- the operator's word ---- */

void rn_method_confirm(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_safety *f = &n->safety;
    struct confirming *c = calloc(1, sizeof *c);
    struct runnel_err err;
    (void)params;
    if (!c) {
        rn_fail(&err, RUNNEL_ENOMEM, "confirm: out of memory");
        rn_call_fail(call, &err);
        return;
    }
    c->call = call;
    c->doubts = f->doubts;
    rn_list_init(&c->link);
    rn_list_add(&f->calls, &c->link);
    if (f->doubts)
        rn_node_log(n, RUNNEL_NOTICE, "author", "an operator confirms this node as the author of its streams");
    f->doubts = 0;
    f->twin[0] = '\0';
    if (c->doubts) {
        rn_list_for_safe (it, &n->sessions) {
            struct rn_session *s = rn_list_of(it, struct rn_session, link);
            if (rn_session_open(s) && s->has_peer)
                rn_heads_ask(n, s);
        }
        rn_safety_begin(n);
    }
    rn_safety_write(n);
}
