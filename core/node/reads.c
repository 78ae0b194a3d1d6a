/* SPDX-License-Identifier: MIT
 * reads.c — the methods that read: at, nodes (methods.h).
 * May touch: the store, through blocks and leaves.
 */
#include "base/err.h"
#include "node/inner.h"
#include "node/mend.h"
#include "node/methods.h"
#include <stdlib.h>
#include <string.h>

/* ---- at ---- */

struct at {
    struct rn_op op;
    struct rn_call *call;
    struct rn_stream *stream;
    uint64_t seq;
    struct rn_block_wait wait;
};

static void at_free(struct rn_op *op) {
    struct at *a = (struct at *)op;
    rn_block_wait_cancel(&a->wait);
    if (a->call)
        rn_call_free(a->call);
    free(a);
}

static void at_fail(struct at *a, const struct runnel_err *err) {
    struct rn_call *call = a->call;
    a->call = NULL;
    rn_op_end(&a->op);
    rn_call_fail(call, err);
}

static void at_answer(struct at *a, const struct rn_obs *o) {
    struct rn_buf b = {.max = RN_MAX_FRAME};
    struct rn_jw w;
    struct rn_call *call = a->call;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_key(&w, "seq");
    rn_jw_u64(&w, o->seq);
    rn_jw_kns(&w, "time", o->time);
    rn_jw_key(&w, "value");
    rn_jw_raw(&w, o->value.p, o->value.n);
    rn_jw_end_object(&w);
    a->call = NULL;
    rn_method_answer(call, &b);
    rn_op_end(&a->op);
}

static void at_block(struct rn_block_wait *w, struct runnel_bytes block, const struct runnel_err *err) {
    struct at *a = rn_list_of(w, struct at, wait);
    struct rn_cursor c;
    struct rn_obs o;
    struct runnel_err why;
    why.code = 0;
    if (!err && rn_cursor_block(&c, block.p, block.n, a->seq / RN_MAX_BLOCK * RN_MAX_BLOCK, &why) == 0)
        while (rn_cursor_next(&c, &o, &why) > 0)
            if (o.seq == a->seq) {
                at_answer(a, &o);
                return;
            }
    if (!err && !why.code)
        rn_fail(&why, RUNNEL_EDAMAGED, "observation %llu is not where it should be", (unsigned long long)a->seq);
    at_fail(a, err ? err : &why);
}

static void at_place(void *arg, uint64_t seq, const struct runnel_err *err) {
    struct at *a = arg;
    struct runnel_bytes block;
    struct runnel_err why;
    if (!err && seq == 0) {
        rn_fail(&why, RUNNEL_ENOTFOUND, "at: the stream has no observation at or before that time");
        err = &why;
    }
    if (err) {
        at_fail(a, err);
        return;
    }
    a->seq = seq - 1;
    int rc;
    if (rn_block_at_hand(a->stream, a->seq / RN_MAX_BLOCK, &block)) {
        at_block(&a->wait, block, NULL);
    } else if ((rc = rn_block_read(a->stream, a->seq / RN_MAX_BLOCK, &a->wait)) != 0) {
        (void)rn_stream_unread(a->stream, rc, &why);
        at_fail(a, &why);
    }
}

/* The last observation with time <= T is the one before the first with time >= T + 1. */
void rn_method_at(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_stream *s = rn_method_stream(n, call, params);
    struct runnel_err err;
    int64_t time;
    if (!s || rn_method_time(call, params, "time", &time) != 0)
        return;
    struct at *a = calloc(1, sizeof *a);
    if (!a) {
        rn_fail(&err, RUNNEL_ENOMEM, "at: out of memory");
        rn_call_fail(call, &err);
        return;
    }
    rn_call_weigh(call, sizeof *a + RN_MAX_VALUE);
    a->call = call;
    a->stream = s;
    rn_block_wait_init(&a->wait, at_block);
    rn_op_begin(&n->ops, &a->op, at_free);
    if (time == INT64_MAX || time >= s->tail.last) {
        at_place(a, s->tail.count, NULL);
    } else if (rn_seek(s, time + 1, at_place, a, NULL) != 0) {
        rn_fail(&err, RUNNEL_ENOMEM, "at: out of memory");
        at_fail(a, &err);
    }
}

/* ---- nodes ---- */

struct nodes {
    struct rn_op op;
    struct rn_call *call;
    struct rn_stream *stream;
    uint64_t count, level, from, n;
    uint64_t perfect; /* of the n, how many stand in the store */
    struct rn_buf hashes;
    struct rn_block_wait wait; /* the block of which the last leaf is a part */
};

static void nodes_free(struct rn_op *op) {
    struct nodes *q = (struct nodes *)op;
    rn_block_wait_cancel(&q->wait);
    rn_buf_free(&q->hashes);
    if (q->call)
        rn_call_free(q->call);
    free(q);
}

static void nodes_end(struct nodes *q, const struct runnel_err *err) {
    struct rn_call *call = q->call;
    struct runnel_err why;
    q->call = NULL;
    if (!err && q->hashes.failed) {
        rn_fail(&why, -q->hashes.failed, "nodes: out of memory");
        err = &why;
    }
    if (err)
        rn_call_fail(call, err);
    else
        rn_call_hashes(call, rn_buf_bytes(&q->hashes));
    rn_op_end(&q->op);
}

static void nodes_next(struct nodes *q);

static void on_pack(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct nodes *q = arg;
    struct runnel_err why;
    uint32_t level = (uint32_t)q->level, size = rn_entry_size(level), off;
    uint64_t got = q->hashes.n / RN_HASH, left = q->perfect - got;
    uint64_t most = RN_PACK - (q->from + got) % RN_PACK, want = left < most ? left : most;
    if (q->stream->dropped) {
        (void)rn_stream_unread(q->stream, 0, &why);
        err = &why;
    }
    struct rn_place p = rn_place_node(q->stream->number, level, q->from + got, &off);
    if (err && err->code == RUNNEL_ENOTFOUND && !q->stream->dropped)
        err = NULL; /* a hole: data is empty */
    for (uint64_t i = 0; !err && i < want; i++) {
        struct runnel_bytes entry = {data.p + i * size, i * size < data.n ? data.n - i * size : 0};
        struct rn_entry e;
        if (rn_entry_read(q->stream->node->hasher, &p, off + (uint32_t)i * size, level, entry, &e, &why) != 0) {
            rn_mend_tree(q->stream, &why);
            rn_wrap(&why, "nodes");
            err = &why;
        } else {
            rn_buf_add(&q->hashes, e.hash.b, RN_HASH);
        }
    }
    if (err)
        nodes_end(q, err);
    else
        nodes_next(q);
}

/* The leaf of the block that was open at `count`: the hash over its first observations. */
static void on_open_block(struct rn_block_wait *w, struct runnel_bytes block, const struct runnel_err *err) {
    struct nodes *q = rn_list_of(w, struct nodes, wait);
    struct runnel_err why;
    size_t cut = 0;
    if (!err && rn_block_cut(block.p, block.n, q->count % RN_MAX_BLOCK, &cut, &why) != 0)
        err = &why;
    if (!err) {
        struct rn_hash leaf = rn_hash_leaf(q->stream->node->hasher, block.p, cut, NULL, 0);
        rn_buf_add(&q->hashes, leaf.b, RN_HASH);
    }
    nodes_end(q, err);
}

static void nodes_next(struct nodes *q) {
    uint64_t got = q->hashes.n / RN_HASH;
    struct runnel_bytes block;
    struct runnel_err err;
    int rc;
    if (q->hashes.failed || got == q->n) {
        nodes_end(q, NULL);
    } else if (got < q->perfect) {
        uint32_t off;
        struct rn_place p = rn_place_node(q->stream->number, (uint32_t)q->level, q->from + got, &off);
        rn_store_get(&q->stream->node->store, &p, off, RN_PACK * RN_LEAF_ENTRY, on_pack, q);
    } else if (rn_block_at_hand(q->stream, q->count / RN_MAX_BLOCK, &block)) {
        on_open_block(&q->wait, block, NULL);
    } else if ((rc = rn_block_read(q->stream, q->count / RN_MAX_BLOCK, &q->wait)) != 0) {
        (void)rn_stream_unread(q->stream, rc, &err);
        nodes_end(q, &err);
    }
}

static int read_nodes(struct rn_stream *s, struct nodes *q, struct runnel_err *err) {
    uint64_t closed = 1 + q->count / RN_MAX_BLOCK, leaves = rn_tree_leaves(q->count);
    if (q->count > s->tail.count)
        return rn_fail(err, RUNNEL_ENOTFOUND, "nodes: %llu observations are held here, %llu were asked for",
                       (unsigned long long)s->tail.count, (unsigned long long)q->count);
    if (q->n < 1 || q->n > RN_MAX_HASHES)
        return rn_fail(err, RUNNEL_ETOOBIG, "nodes: n: found %llu, want 1 to %d (limit HASHES)",
                       (unsigned long long)q->n, RN_MAX_HASHES);
    uint64_t there = q->level < RN_TREE_LEVELS ? (q->level == 0 ? leaves : closed >> q->level) : 0;
    if (q->from > there || q->n > there - q->from)
        return rn_fail(err, RUNNEL_EINVALID, "nodes: level %llu of that tree has %llu perfect nodes",
                       (unsigned long long)q->level, (unsigned long long)there);
    uint64_t stored = q->level == 0 ? closed : there;
    q->perfect = q->from >= stored ? 0 : q->n < stored - q->from ? q->n : stored - q->from;
    return 0;
}

void rn_method_nodes(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_stream *s = rn_method_stream(n, call, params);
    struct runnel_err err;
    uint64_t count, level, from, many;
    if (!s || rn_method_u64(call, params, "count", &count) != 0 || rn_method_u64(call, params, "level", &level) != 0 ||
        rn_method_u64(call, params, "from", &from) != 0 || rn_method_u64(call, params, "n", &many) != 0)
        return;
    struct nodes *q = calloc(1, sizeof *q);
    if (!q) {
        rn_fail(&err, RUNNEL_ENOMEM, "nodes: out of memory");
        rn_call_fail(call, &err);
        return;
    }
    *q = (struct nodes){.call = call, .stream = s, .count = count, .level = level, .from = from, .n = many};
    rn_block_wait_init(&q->wait, on_open_block);
    rn_op_begin(&n->ops, &q->op, nodes_free);
    if (read_nodes(s, q, &err) != 0) {
        nodes_end(q, &err);
        return;
    }
    rn_call_weigh(call, sizeof *q + (size_t)q->n * RN_HASH);
    nodes_next(q);
}
