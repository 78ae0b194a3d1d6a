/* SPDX-License-Identifier: MIT
 * restore.c — the methods restore.begin, restore.put and restore.end: a backup into an empty store (copy.h).
 * May touch: the node, the store.
 *
 * From begin to end a record in the store says that it is not whole. The last commit takes it away and leaves the
 * store's own record as that of a copy; then the node starts anew, so that all is read, checked and taken up as at
 * every start, and the author's safety is that of a copied store.
 */
#include "base/base64.h"
#include "base/err.h"
#include "node/copy.h"
#include "node/methods.h"
#include "node/sessionstate.h"
#include "node/step.h"
#include "node/sweep.h"
#include <stdlib.h>
#include <string.h>

/* All but the store's own. */
static const char areas[] = {'B', 'D', 'E', 'H', 'N', 'S', 'T', 'U', 'X'};

/* A restore under way, of one session. */
struct rn_restore {
    struct rn_session *session; /* NULL: gone */
    size_t open;                /* commits under way, and whatever else points here */
    int begun, failed, ending;
    uint64_t streams, records;
};

/* One request of it. */
struct work {
    struct rn_op op;
    struct rn_node *node;
    struct rn_restore *restore;
    struct rn_call *call;
    struct rn_changes changes;
    uint64_t streams, records; /* that the slice begins */
    size_t area;               /* that is being emptied */
};

/* ---- its life ---- */

/* It stays while a commit of it is under way: another that began meanwhile would be mixed with it. */
static void let_go(struct rn_node *n, struct rn_restore *r) {
    if (r->open > 0)
        return;
    n->restore = NULL;
    free(r);
}

void rn_restore_session_gone(struct rn_session *s) {
    struct rn_restore *r = s->node->restore;
    if (!r || r->session != s)
        return;
    r->session = NULL;
    let_go(s->node, r);
}

void rn_restore_drop(struct rn_node *n) {
    if (n->restore)
        let_go(n, n->restore);
}

static void work_free(struct rn_op *op) {
    struct work *k = (struct work *)op;
    struct rn_restore *r = k->restore;
    rn_changes_free(&k->changes);
    if (k->call)
        rn_call_free(k->call);
    r->open--;
    if (!r->session)
        let_go(k->node, r);
    free(k);
}

static struct work *work_new(struct rn_node *n, struct rn_restore *r, struct rn_call *call) {
    struct work *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    k->node = n;
    k->restore = r;
    k->call = call;
    r->open++;
    rn_op_begin(&n->ops, &k->op, work_free);
    return k;
}

static void fail(struct work *k, const struct runnel_err *err, const char *what) {
    struct rn_call *call = k->call;
    struct runnel_err why;
    rn_err_copy(&why, err);
    rn_wrap(&why, "%s", what);
    k->call = NULL;
    k->restore->failed = 1;
    rn_op_end(&k->op);
    rn_call_fail(call, &why);
}

static void commit(struct work *k, runnel_done *done, const char *what) {
    struct runnel_err err;
    int rc = rn_store_commit(&k->node->store, &k->changes, done, k);
    if (rc == 0)
        return;
    rn_fail(&err, -rc, "the commit cannot be asked for");
    fail(k, &err, what);
}

static void done(struct work *k) {
    struct rn_call *call = k->call;
    k->call = NULL;
    rn_op_end(&k->op);
    rn_call_answer(call, (struct runnel_bytes){(const uint8_t *)"{}", 2});
}

int rn_restore_refuses(const struct rn_node *n, struct runnel_err *err) {
    if (n->restore)
        return rn_fail(err, RUNNEL_EBUSY, "a backup is being restored here; wait for its end");
    if (n->unfinished)
        return rn_fail(err, RUNNEL_EBUSY,
                       "a restore of this node was cut off and its store is not whole; run \"runnel restore\" again");
    return 0;
}

/* ---- begin ---- */

static int check_node(const struct rn_node *n, const struct rn_json *params, struct runnel_err *err) {
    const char *text = NULL;
    uint64_t version = 0;
    struct rn_key id;
    int rc = rn_json_str(params, "node", &text, err);
    if (rc == 0 && rn_hex_parse(text, strlen(text), id.b, RN_KEY) != 0)
        rc = -RUNNEL_EINVALID;
    if (rc != 0)
        return rn_fail(err, RUNNEL_EINVALID, "node: want the 64 hexadecimal digits of the backup's node id");
    if (rn_json_u64(params, "version", &version, err) != 0 || version != RN_STORE_VERSION)
        return rn_fail(err, RUNNEL_EUNSUPPORTED, "version: the backup's records have version %llu, want %u",
                       (unsigned long long)version, RN_STORE_VERSION);
    if (memcmp(id.b, n->id.b, RN_KEY) != 0)
        return rn_fail(
            err, RUNNEL_ECONFLICT,
            "the backup is of node %.64s, this is another one; it must have the identity of the backup first", text);
    return 0;
}

static int check_free(const struct rn_node *n, struct runnel_err *err) {
    if (n->restore)
        return rn_fail(err, RUNNEL_EBUSY, "a restore is under way already; wait for its end");
    if (n->store.ops->flags & RUNNEL_STORAGE_VOLATILE)
        return rn_fail(err, RUNNEL_EUNSUPPORTED, "the storage of this node forgets everything when it ends");
    return 0;
}

/* 1: there is something here that may go; 0: there is nothing; or a negative code: it must be asked for. */
static int check_empty(const struct rn_node *n, const struct rn_json *params, struct runnel_err *err) {
    size_t streams = rn_map_count(n->streams), subscriptions = rn_map_count(n->upstreams);
    size_t gone = rn_map_count(n->gone_streams.tombstones);
    int replace = 0, rc = rn_json_bool(params, "replace", &replace, err);
    if (rc == -RUNNEL_EINVALID)
        return rc;
    if (n->unfinished || (streams == 0 && subscriptions == 0 && gone == 0 && n->gone_streams.n_numbers == 0))
        return 0;
    /* What a node that has lost its store holds it has just fetched from peers, who still have it. */
    if (replace || n->safety.doubts & RN_LOST)
        return 1;
    return rn_fail(err, RUNNEL_ECONFLICT,
                   "this node is not empty: it holds %zu streams, %zu subscriptions and %zu tombstones of dropped "
                   "streams; restore into an empty one, or have them erased with --replace",
                   streams, subscriptions, gone);
}

static void again(void *arg) {
    struct rn_node *n = arg;
    n->env->again(n->env->ctx);
}

static void start_anew(struct rn_node *n) {
    if (rn_loop_defer(&n->loop, again, n) != 0)
        again(n);
}

static void begun(struct work *k, int anew) {
    struct rn_buf b = {.max = 64};
    struct rn_jw w;
    struct rn_call *call = k->call;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_kbool(&w, "again", anew);
    rn_jw_end_object(&w);
    k->call = NULL;
    rn_op_end(&k->op);
    rn_method_answer(call, &b);
}

static void on_begun(void *arg, const struct runnel_err *err) {
    struct work *k = arg;
    if (err) {
        fail(k, err, "restore.begin");
        return;
    }
    k->restore->begun = 1;
    k->node->unfinished = 1;
    begun(k, 0);
}

/* What is here is given up: the store says so, and the node starts anew with nothing of it in memory. Then the
 * restore is begun again. */
static void on_given_up(void *arg, const struct runnel_err *err) {
    struct work *k = arg;
    struct rn_node *n = k->node;
    if (err) {
        fail(k, err, "restore.begin");
        return;
    }
    rn_node_log(n, RUNNEL_NOTICE, "store", "what the store holds is given up for a backup; starting anew");
    k->restore->failed = 1;
    begun(k, 1);
    start_anew(n);
}

static void next_area(struct work *k);

static void on_swept(void *arg, uint64_t records, const struct runnel_err *err) {
    struct work *k = arg;
    (void)records;
    if (err) {
        fail(k, err, "restore.begin: what an earlier restore left cannot be erased");
        return;
    }
    k->area++;
    next_area(k);
}

static void put_mark(struct work *k, runnel_done *then) {
    struct rn_place p = rn_place_restore();
    rn_changes_put(&k->changes, &p, (struct runnel_bytes){(const uint8_t *)"", 0});
    commit(k, then, "restore.begin");
}

/* Erases what a restore that was cut off has left; then says that the store is not whole. */
static void next_area(struct work *k) {
    struct runnel_err err;
    if (k->area < sizeof areas) {
        struct rn_place from = rn_place_area(areas[k->area]), to = rn_place_behind(&from);
        if (rn_sweep(k->node, &from, &to, on_swept, k) == 0)
            return;
        rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
        fail(k, &err, "restore.begin");
        return;
    }
    put_mark(k, on_begun);
}

void rn_method_restore_begin(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct runnel_err err;
    int rc = check_node(n, params, &err), full = 0;
    if (rc == 0)
        rc = check_free(n, &err);
    if (rc == 0 && (full = check_empty(n, params, &err)) < 0)
        rc = full;
    struct rn_restore *r = rc == 0 ? calloc(1, sizeof *r) : NULL;
    struct work *k = r ? work_new(n, r, call) : NULL;
    if (rc == 0 && !k)
        rc = rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
    if (rc != 0) {
        free(r);
        rn_wrap(&err, "restore.begin");
        rn_call_fail(call, &err);
        return;
    }
    r->session = call->session;
    n->restore = r;
    k->area = n->unfinished ? 0 : sizeof areas;
    if (full)
        put_mark(k, on_given_up);
    else
        next_area(k);
}

/* ---- put ---- */

static void on_put(void *arg, const struct runnel_err *err) {
    struct work *k = arg;
    if (err) {
        fail(k, err, "restore.put: not stored");
        return;
    }
    k->restore->streams += k->streams;
    k->restore->records += k->records;
    done(k);
}

static int gather(struct work *k, struct runnel_bytes slice, struct runnel_err *err) {
    struct rn_piece p;
    int rc;
    while ((rc = rn_piece_next(&slice, &p, err)) > 0) {
        rn_changes_append(&k->changes, &p.key, p.off, p.data); /* at 0 it begins the record */
        k->records += p.off == 0;
        k->streams += p.off == 0 && p.key.b[0] == 'S';
    }
    return rc;
}

static struct rn_restore *of_session(const struct rn_node *n, const struct rn_call *call, struct runnel_err *err) {
    struct rn_restore *r = n->restore;
    if (!r || r->session != call->session || !r->begun || r->ending)
        rn_fail(err, RUNNEL_ENOTFOUND, "this session has begun no restore; ask restore.begin first");
    else if (r->failed)
        rn_fail(err, RUNNEL_EBUSY, "a part of the restore has failed; begin it again in another session");
    else
        return r;
    return NULL;
}

void rn_method_restore_put(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct runnel_err err;
    struct rn_buf slice = {.n = 0};
    const char *text = NULL;
    struct rn_restore *r = of_session(n, call, &err);
    int rc = r ? rn_json_str(params, "slice", &text, &err) : -err.code;
    if (r && (rc != 0 || rn_base64_parse(text, strlen(text), &slice) != 0))
        rc = rn_fail(&err, RUNNEL_EINVALID, "slice: want a slice of a backup in base64");
    struct work *k = rc == 0 ? work_new(n, r, call) : NULL;
    if (rc == 0 && !k)
        rc = rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
    if (rc == 0 && (rc = gather(k, rn_buf_bytes(&slice), &err)) != 0) {
        rn_buf_free(&slice);
        fail(k, &err, "restore.put");
        return;
    }
    rn_buf_free(&slice);
    if (rc != 0) {
        rn_wrap(&err, "restore.put");
        rn_call_fail(call, &err);
        return;
    }
    rn_call_weigh(call, sizeof *k + k->changes.bytes.n);
    commit(k, on_put, "restore.put");
}

/* ---- end ---- */

static void on_whole(void *arg, const struct runnel_err *err) {
    struct work *k = arg;
    struct rn_node *n = k->node;
    struct rn_call *call = k->call;
    struct rn_buf b = {.max = 256};
    struct rn_jw w;
    if (err) {
        fail(k, err, "restore.end: not stored");
        return;
    }
    rn_node_log(n, RUNNEL_NOTICE, "store", "restored %llu streams from a backup; starting anew",
                (unsigned long long)k->restore->streams);
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_key(&w, "streams");
    rn_jw_u64(&w, k->restore->streams);
    rn_jw_key(&w, "records");
    rn_jw_u64(&w, k->restore->records);
    rn_jw_end_object(&w);
    k->call = NULL;
    rn_op_end(&k->op);
    rn_method_answer(call, &b);
    start_anew(n);
}

void rn_method_restore_end(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct runnel_err err;
    struct rn_buf b = {.n = 0};
    (void)params;
    struct rn_restore *r = of_session(n, call, &err);
    int rc = r ? 0 : -err.code;
    if (r && r->open > 0)
        rc = rn_fail(&err, RUNNEL_EBUSY, "a slice has not been answered yet");
    struct work *k = rc == 0 ? work_new(n, r, call) : NULL;
    if (rc == 0 && !k)
        rc = rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
    if (rc != 0) {
        rn_wrap(&err, "restore.end");
        rn_call_fail(call, &err);
        return;
    }
    struct rn_place p = rn_place_restore(), store = rn_place_store();
    r->ending = 1;
    rn_changes_erase(&k->changes, &p);
    n->safety.doubts = (n->safety.doubts & RN_TWIN) | RN_COPIED;
    struct rn_store_note note = {.node = n->id, .doubts = n->safety.doubts};
    memcpy(note.marker, n->safety.marker, sizeof note.marker);
    if (rn_store_record(&b, &note) != 0)
        k->changes.failed = b.failed;
    rn_changes_put(&k->changes, &store, rn_buf_bytes(&b));
    rn_buf_free(&b);
    commit(k, on_whole, "restore.end");
}

/* ---- at start ---- */

static void on_look(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct rn_step *l = arg;
    struct rn_node *n = l->node;
    (void)data; /* that it is there is all it says */
    n->unfinished = !err;
    if (n->unfinished)
        rn_node_log(n, RUNNEL_ERROR, "store",
                    "a restore of this node was cut off: nothing of its store is used; run \"runnel restore\" again");
    else if (err->code != RUNNEL_ENOTFOUND)
        rn_step_failed(l, err);
    rn_step_end(l);
}

void rn_restore_look(struct rn_node *n, runnel_done *fn, void *arg) {
    struct rn_step *l = rn_step_new(sizeof *l, n, NULL, "the marks of a restore", fn, arg);
    if (!l)
        return;
    struct rn_place p = rn_place_restore();
    rn_store_get(&n->store, &p, 0, 64, on_look, l);
}
