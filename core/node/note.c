/* SPDX-License-Identifier: MIT
 * note.c — what instances want remembered, kept in the store under their name (inst.h).
 * May touch: the store.
 */
#include "base/err.h"
#include "node/inner.h"
#include <stdlib.h>
#include <string.h>

struct note {
    struct rn_op op;
    struct rn_changes changes;
    runnel_pair *pair;
    runnel_done *done;
    void *arg;
    struct rn_node *node;
    size_t prefix; /* bytes of a key before the instance's own */
};

static void note_free(struct rn_op *op) {
    struct note *t = (struct note *)op;
    rn_changes_free(&t->changes);
    free(t);
}

static struct note *note_new(struct rn_node *n, runnel_done *done, void *arg) {
    struct note *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->node = n;
    t->done = done;
    t->arg = arg;
    rn_op_begin(&n->ops, &t->op, note_free);
    return t;
}

static void finish(void *arg, const struct runnel_err *err) {
    struct note *t = arg;
    runnel_done *done = t->done;
    void *done_arg = t->arg;
    rn_op_end(&t->op);
    done(done_arg, err);
}

static void no_memory(runnel_done *done, void *arg) {
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ENOMEM, "a note cannot be kept: out of memory");
    done(arg, &err);
}

void rn_note_put(void *node, uint32_t kind, const char *name, struct runnel_bytes key, struct runnel_bytes val,
                 runnel_done *done, void *arg) {
    struct rn_node *n = node;
    struct note *t = note_new(n, done, arg);
    struct rn_place p = rn_place_note(kind, name, key);
    if (!t) {
        no_memory(done, arg);
        return;
    }
    if (val.n)
        rn_changes_put(&t->changes, &p, val);
    else
        rn_changes_erase(&t->changes, &p);
    if (rn_store_commit(&n->store, &t->changes, finish, t) != 0) {
        rn_op_end(&t->op);
        no_memory(done, arg);
    }
}

static void on_pair(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    struct note *t = arg;
    struct runnel_err why;
    if (key.n < t->prefix)
        return;
    if (rn_record_open(t->node->hasher, key, &val, &why) != 0)
        rn_node_log(t->node, RUNNEL_ERROR, "store", "a note of an instance: %s; it is passed over", why.msg);
    else
        t->pair(t->arg, (struct runnel_bytes){key.p + t->prefix, key.n - t->prefix}, val);
}

void rn_note_scan(void *node, uint32_t kind, const char *name, struct runnel_bytes prefix, runnel_pair *pair,
                  runnel_done *done, void *arg) {
    struct rn_node *n = node;
    struct note *t = note_new(n, done, arg);
    if (!t) {
        no_memory(done, arg);
        return;
    }
    struct rn_place own = rn_place_note(kind, name, (struct runnel_bytes){NULL, 0});
    struct rn_place from = rn_place_note(kind, name, prefix), to = rn_place_behind(&from);
    t->pair = pair;
    t->prefix = own.n;
    rn_store_scan(&n->store, &from, &to, on_pair, finish, t);
}
