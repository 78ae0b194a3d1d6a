/* SPDX-License-Identifier: MIT
 * start.c — a node's start, step by step (node.h).
 * May touch: the storage instance, the env.
 *
 * Storage, moved aside when it cannot be opened; the store's own record, which tells whether this node may go on
 * as the author of its streams; what was dropped, streams, subscriptions; then discovery, sync and transports
 * start, and the node serves.
 */
#include "base/err.h"
#include "node/copy.h"
#include "node/inner.h"
#include "node/record.h"
#include "node/upstream.h"
#include <stddef.h>
#include <string.h>

static void ready(struct rn_node *n, const struct runnel_err *err) {
    runnel_done *done = n->when_ready;
    n->when_ready = NULL;
    if (done)
        done(n->ready_arg, err);
}

static int start_member(struct rn_member *m, struct runnel_err *err) {
    int rc = rn_inst_start(m->inst, err);
    if (rc != 0) {
        rn_inst_free(m->inst);
        m->inst = NULL;
        return rc;
    }
    m->started = 1;
    return 0;
}

static int start_kind(struct rn_node *n, uint32_t kind, struct runnel_err *err) {
    for (size_t i = 0; i < n->n_members; i++) {
        struct rn_member *m = &n->members[i];
        if (m->started || m->section->kind != kind)
            continue;
        int rc = start_member(m, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- serving ---- */

static void on_subscriptions(void *arg, const struct runnel_err *err) {
    struct rn_node *n = arg;
    struct runnel_err why;
    if (err) {
        ready(n, err);
        return;
    }
    if (n->phase != RN_STARTING)
        return;
    n->phase = RN_SERVING;
    if (start_kind(n, RUNNEL_SYNC, &why) != 0 || start_kind(n, RUNNEL_DISCOVERY, &why) != 0 ||
        start_kind(n, RUNNEL_TRANSPORT, &why) != 0) {
        ready(n, &why);
        return;
    }
    rn_safety_start(n);
    rn_upstreams_start(n);
    rn_streams_recover(n);
    rn_erase_start(n);
    ready(n, NULL);
}

static void on_streams(void *arg, const struct runnel_err *err) {
    struct rn_node *n = arg;
    if (err)
        ready(n, err);
    else
        rn_subscriptions_load(n, on_subscriptions, n);
}

static void on_gone(void *arg, const struct runnel_err *err) {
    struct rn_node *n = arg;
    if (err)
        ready(n, err);
    else
        rn_streams_load(n, on_streams, n);
}

static void on_looked(void *arg, const struct runnel_err *err) {
    struct rn_node *n = arg;
    if (err)
        ready(n, err);
    else if (n->unfinished)
        on_subscriptions(n, NULL);
    else
        rn_gone_load(n, on_gone, n);
}

/* ---- the store's own record ---- */

/* The record is durable. That there is a store is noted beside the identity before anything is signed with it: so
 * a first start that fails half-way leaves an identity that is new. */
static void on_record_written(void *arg, const struct runnel_err *err) {
    struct rn_node *n = arg;
    struct runnel_err why;
    if (!err && n->env->identity_new && n->env->identity_used(n->env->ctx, &why) != 0)
        err = &why;
    if (err)
        ready(n, err);
    else
        rn_restore_look(n, on_looked, n);
}

static void write_record(struct rn_node *n) {
    struct rn_store_note note = {.node = n->id, .doubts = n->safety.doubts};
    struct rn_changes c = {.n = 0};
    struct rn_buf b = {.n = 0};
    struct rn_place p = rn_place_store();
    struct runnel_err err;
    memcpy(note.marker, n->safety.marker, sizeof note.marker);
    (void)rn_store_record(&b, &note);
    rn_changes_put(&c, &p, rn_buf_bytes(&b));
    int rc = b.failed ? b.failed : rn_store_commit(&n->store, &c, on_record_written, n);
    rn_buf_free(&b);
    rn_changes_free(&c);
    if (rc != 0) {
        rn_fail(&err, -rc, "the store's own record cannot be written");
        ready(n, &err);
    }
}

/* There is no record, or none that can be read. */
static void begin_store(struct rn_node *n) {
    if (!n->env->identity_new)
        n->safety.doubts = RN_LOST;
    write_record(n);
}

/* Opens the record; one bit that the disk has flipped is put right in `corrected`. */
static int open_record(struct rn_node *n, struct runnel_bytes *data, struct rn_buf *corrected, struct runnel_err *err) {
    struct rn_place p = rn_place_store();
    struct runnel_bytes record = *data;
    int rc = rn_record_open(n->hasher, rn_place_bytes(&p), data, err);
    if (rc == 0 || rn_record_correct(n->hasher, rn_place_bytes(&p), record, corrected) != 0)
        return rc;
    rn_node_log(n, RUNNEL_WARN, "store", "a bit of the store's own record was flipped on the disk; it is put right");
    *data = rn_buf_bytes(corrected);
    return 0;
}

static void on_record(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct rn_node *n = arg;
    struct rn_buf corrected = {.n = 0};
    struct rn_store_note note;
    struct runnel_err why;
    if (err && err->code == RUNNEL_ENOTFOUND) {
        begin_store(n);
        return;
    }
    if (!err && (open_record(n, &data, &corrected, &why) != 0 || rn_store_record_get(data, &n->id, &note, &why) != 0))
        err = &why;
    int altered = corrected.n > 0;
    rn_buf_free(&corrected);
    if (err && err->code == RUNNEL_EDAMAGED) {
        rn_node_log(n, RUNNEL_ERROR, "store", "the store's own record is written anew: %s", err->msg);
        begin_store(n);
        return;
    }
    if (err) {
        ready(n, err);
        return;
    }
    n->safety.doubts = note.doubts;
    int moved = strcmp(note.marker, n->safety.marker) != 0;
    if (moved)
        n->safety.doubts |= RN_COPIED;
    if (moved || altered) {
        write_record(n);
    } else {
        on_record_written(n, NULL);
    }
}

/* ---- the storage ---- */

/* Moves a store that cannot be opened out of the way. 0, or a negative code: then *err is as it was. */
static int set_aside(struct rn_node *n, const struct rn_member *m, const struct runnel_err *err) {
    const struct runnel_storage *ops = rn_inst_ops(m->inst);
    struct runnel_err why;
    char where[512] = "";
    if (ops->size < offsetof(struct runnel_storage, set_aside) + sizeof ops->set_aside || !ops->set_aside)
        return -RUNNEL_EUNSUPPORTED;
    int rc = ops->set_aside(rn_inst_self(m->inst), where, sizeof where, &why);
    if (rc != 0) {
        rn_node_log(n, RUNNEL_ERROR, "store", "a store that cannot be opened cannot be moved aside either: %s",
                    why.msg);
        return rc;
    }
    where[sizeof where - 1] = '\0';
    rn_node_log(n, RUNNEL_ERROR, "store",
                "the store cannot be opened and was moved to %s (%s); an empty one takes its place: what peers hold is "
                "fetched again when it is subscribed to, this node's own streams by themselves",
                where, err->msg);
    return 0;
}

static int start_storage(struct rn_node *n, struct runnel_err *err) {
    for (size_t i = 0; i < n->n_members; i++) {
        struct rn_member *m = &n->members[i];
        if (m->inst != n->store.inst)
            continue;
        if (rn_inst_start(m->inst, err) == 0 ||
            (err->code == RUNNEL_EDAMAGED && set_aside(n, m, err) == 0 && rn_inst_start(m->inst, err) == 0)) {
            m->started = 1;
            break;
        }
        rn_inst_free(m->inst);
        m->inst = NULL;
        return -err->code;
    }
    return start_kind(n, RUNNEL_STORAGE, err);
}

static int read_marker(struct rn_node *n, struct runnel_err *err) {
    if (n->store.ops->flags & RUNNEL_STORAGE_VOLATILE)
        return 0; /* it is nowhere */
    int rc = n->env->marker(n->env->ctx, RUNNEL_STORAGE, rn_inst_name(n->store.inst), n->safety.marker,
                            sizeof n->safety.marker, err);
    return rc == 0 ? 0 : rn_wrap(err, "storage.%s", rn_inst_name(n->store.inst));
}

int rn_node_start(struct rn_node *n, runnel_done *done, void *arg, struct runnel_err *err) {
    n->phase = RN_STARTING;
    n->started = n->env->now(n->env->ctx);
    int rc = start_storage(n, err);
    if (rc == 0)
        rc = read_marker(n, err);
    if (rc != 0)
        return rc;
    n->when_ready = done;
    n->ready_arg = arg;
    struct rn_place p = rn_place_store();
    rn_store_get(&n->store, &p, 0, 512, on_record, n);
    return 0;
}
