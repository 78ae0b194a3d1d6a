/* SPDX-License-Identifier: MIT
 * loadstream.c — one stream is read from the store, as far as it is whole (stream.h).
 * May touch: the store.
 *
 * Its state; the open packs of its tree, whose last entries are the peaks; its open block. The root that comes
 * out must be that of the head. Where it is not, or where something fails its check, what is whole is found: the
 * tree is walked from its leaves, and the stream goes back to the last block that can be trusted.
 */
#include "base/err.h"
#include "node/inner.h"
#include "node/walk.h"
#include <stdlib.h>
#include <string.h>

#define READS 4 /* of what the disk cannot read at first */

struct loading {
    struct rn_op op;
    struct rn_stream *stream;
    runnel_done *done;
    void *arg;
    void (*step)(struct loading *l); /* what is being read: again when the disk fails */
    int tries;

    struct rn_state_record state;
    struct rn_buf state_bytes; /* what `state` points into */
    int has_head;
    struct rn_signed_head head; /* checked */
    uint64_t leaves;            /* closed ones, the descriptor's included */
    struct rn_peaks peaks;
    uint32_t level;
    int tree_bad;
    uint64_t bad_leaf;
    struct rn_buf open;
    struct rn_buf block; /* the last block that may be kept */
    uint64_t back;       /* blocks that are kept */
    int64_t last;
    struct rn_changes changes;
    struct runnel_err why; /* what is damaged; code 0: nothing */
};

static void loading_free(struct rn_op *op) {
    struct loading *l = (struct loading *)op;
    rn_buf_free(&l->state_bytes);
    rn_buf_free(&l->open);
    rn_buf_free(&l->block);
    rn_changes_free(&l->changes);
    free(l);
}

static void finish(struct loading *l, const struct runnel_err *fatal) {
    runnel_done *done = l->done;
    void *arg = l->arg;
    struct runnel_err err;
    char id[RN_ID_TEXT];
    if (fatal) {
        rn_err_copy(&err, fatal);
        rn_wrap(&err, "stream %s cannot be read from the store", rn_id_format(&l->stream->desc->id, id));
    }
    l->stream->ready = !fatal;
    rn_op_end(&l->op);
    done(arg, fatal ? &err : NULL);
}

static void no_memory(struct loading *l) {
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
    finish(l, &err);
}

/* What is to be done, behind what is wrong. */
static void trouble(struct loading *l, const char *what, uint64_t held) {
    struct rn_stream *s = l->stream;
    struct runnel_err why;
    rn_fail(&why, RUNNEL_EBUSY,
            "%s; %llu observations are whole here; what is missing is fetched from a peer that has it; without one, "
            "restore a backup",
            what, (unsigned long long)held);
    rn_stream_trouble(s, &why);
}

static void on_emptied(void *arg, const struct rn_walked *w, const struct runnel_err *err) {
    struct loading *l = arg;
    (void)w;
    if (err)
        rn_stream_log(l->stream, RUNNEL_ERROR, "store", "a damaged stream cannot be written anew: %s", err->msg);
    finish(l, NULL);
}

/* Nothing of it can be relied on: as if nothing were held. The tree ends with the descriptor's leaf, so that what
 * is fetched can be appended. */
static void lost(struct loading *l) {
    trouble(l, l->why.msg, 0);
    if (rn_tree_walk(l->stream, 1, RN_WALK_CUT, NULL, on_emptied, l) != 0)
        no_memory(l);
}

/* 1: the reading has failed, and something is done about it. Damage is the caller's. */
static int unreadable(struct loading *l, const struct runnel_err *err) {
    if (!err || err->code == RUNNEL_ENOTFOUND || err->code == RUNNEL_EDAMAGED)
        return 0;
    if (err->code == RUNNEL_ENOMEM) {
        finish(l, err);
    } else if (++l->tries < READS) {
        l->step(l);
    } else {
        rn_err_copy(&l->why, err);
        lost(l);
    }
    return 1;
}

static void read_pack(struct loading *l);
static void settle(struct loading *l);

/* ---- going back ---- */

static void on_set_back(void *arg, const struct runnel_err *err) {
    struct loading *l = arg;
    struct rn_stream *s = l->stream;
    struct rn_tail tail;
    struct runnel_err why;
    if (err)
        rn_stream_log(s, RUNNEL_ERROR, "store", "a damaged stream cannot be written anew: %s", err->msg);
    if (rn_tail_load(&tail, s->node->hasher, &l->peaks, l->back * RN_MAX_BLOCK, l->last, (struct runnel_bytes){NULL, 0},
                     &why) != 0) {
        finish(l, &why);
        return;
    }
    rn_tail_free(&s->tail);
    s->tail = tail;
    if (l->has_head) {
        s->promised_count = l->head.head.count;
        if (rn_buf_add(&s->promised, l->state.head.p, l->state.head.n) != 0) {
            no_memory(l);
            return;
        }
    }
    trouble(l, l->why.msg, s->tail.count);
    finish(l, NULL);
}

static void on_cut(void *arg, const struct rn_walked *w, const struct runnel_err *err) {
    struct loading *l = arg;
    struct rn_stream *s = l->stream;
    struct rn_place p = rn_place_state(s->number);
    struct rn_buf b = {.n = 0};
    if (err) {
        rn_err_copy(&l->why, err);
        lost(l);
        return;
    }
    l->peaks = w->peaks;
    struct rn_state_record r = {.held = l->back * RN_MAX_BLOCK, .last = l->last};
    if (l->has_head) /* so that a restart knows what is missing */
        r.head = l->state.head;
    if (l->open.n)
        rn_set_aside(s, l->state.held / RN_MAX_BLOCK, rn_buf_bytes(&l->open), &l->changes);
    (void)rn_state_record(&b, &r);
    rn_changes_put(&l->changes, &p, rn_buf_bytes(&b));
    int rc = b.failed ? b.failed : rn_store_commit(&s->node->store, &l->changes, on_set_back, l);
    rn_buf_free(&b);
    if (rc != 0)
        no_memory(l);
}

static void find_last(struct loading *l);

/* `whole`: the block before the cut can be relied on. */
static void on_last(struct loading *l, int whole) {
    if (!whole) {
        l->back--;
        find_last(l);
    } else if (rn_tree_walk(l->stream, 1 + l->back, RN_WALK_CUT, NULL, on_cut, l) != 0) {
        no_memory(l);
    }
}

static void on_last_leaf(void *arg, const struct rn_hash *hash, int64_t first, const struct runnel_err *err) {
    struct loading *l = arg;
    struct rn_hash have = rn_hash_leaf(l->stream->node->hasher, l->block.p, l->block.n, NULL, 0);
    (void)first;
    on_last(l, !err && rn_hash_equal(&have, hash));
}

/* The block before the cut has come: its last time is the stream's. */
static void on_last_block(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct loading *l = arg;
    uint64_t count = 0;
    if (unreadable(l, err))
        return;
    if (err || data.n < RN_BLOCK_HEAD ||
        rn_entries_check(data.p + RN_BLOCK_HEAD, data.n - RN_BLOCK_HEAD, (l->back - 1) * RN_MAX_BLOCK,
                         (int64_t)rn_get_le64(data.p), 1, RN_MAX_BLOCK, &count, &l->last, NULL) != 0 ||
        count != RN_MAX_BLOCK) {
        on_last(l, 0);
        return;
    }
    rn_buf_clear(&l->block);
    if (rn_buf_add(&l->block, data.p, data.n) != 0 || rn_leaf_read(l->stream, l->back, on_last_leaf, l) != 0)
        no_memory(l);
}

static void find_last(struct loading *l) {
    l->step = find_last;
    if (l->back == 0) {
        l->last = INT64_MIN;
        on_last(l, 1);
        return;
    }
    struct rn_place p = rn_place_block(l->stream->number, l->back - 1);
    rn_store_get(&l->stream->node->store, &p, 0, RN_BLOCK_BYTES, on_last_block, l);
}

/* What is behind the last block that can be trusted is given up; `why` stands. */
static void set_back(struct loading *l) {
    l->back = l->leaves - 1;
    if (l->bad_leaf != RN_NOWHERE && l->bad_leaf - 1 < l->back)
        l->back = l->bad_leaf - 1;
    l->tries = 0;
    find_last(l);
}

/* ---- the end, and whether it is what was signed ---- */

static void on_rewritten(void *arg, const struct rn_walked *w, const struct runnel_err *err) {
    struct loading *l = arg;
    struct rn_stream *s = l->stream;
    char id[RN_ID_TEXT];
    if (err)
        rn_stream_log(s, RUNNEL_ERROR, "store", "stream %s: its tree cannot be written anew: %s",
                      rn_id_format(&s->desc->id, id), err->msg);
    else
        rn_stream_log(s, RUNNEL_WARN, "store", "stream %s: %llu damaged hashes of its tree were made again",
                      rn_id_format(&s->desc->id, id), (unsigned long long)w->bad_nodes);
    finish(l, NULL);
}

static int take_head(struct loading *l) {
    struct rn_stream *s = l->stream;
    if (!l->has_head)
        return 0;
    if (l->head.head.count > s->tail.count) {
        s->promised_count = l->head.head.count;
        return rn_buf_add(&s->promised, l->state.head.p, l->state.head.n);
    }
    s->head = l->head;
    s->has_head = 1;
    return rn_buf_add(&s->head_bytes, l->state.head.p, l->state.head.n);
}

static void settle(struct loading *l) {
    struct rn_stream *s = l->stream;
    struct rn_tail tail;
    int whole = l->has_head && l->head.head.count == l->state.held; /* the head vouches for all of it */
    if (rn_tail_load(&tail, s->node->hasher, &l->peaks, l->state.held, l->state.last, rn_buf_bytes(&l->open),
                     &l->why) != 0) {
        set_back(l);
        return;
    }
    struct rn_hash root = rn_tail_root(&tail);
    if (whole ? !rn_hash_equal(&root, &l->head.head.root) : l->open.n > 0 || l->bad_leaf != RN_NOWHERE) {
        rn_tail_free(&tail);
        rn_fail(
            &l->why, RUNNEL_EDAMAGED,
            "its newest observations, or the hashes of its tree, are not what was signed: the disk has altered them");
        set_back(l);
        return;
    }
    rn_tail_free(&s->tail);
    s->tail = tail;
    if (take_head(l) != 0) {
        no_memory(l);
        return;
    }
    if (s->promised_count > s->tail.count || (s->own && !s->has_head))
        trouble(l, s->own ? "this node has signed more than is here" : "more of it was here before", s->tail.count);
    if (!l->tree_bad)
        finish(l, NULL);
    else if (rn_tree_walk(s, l->leaves, RN_WALK_CUT, NULL, on_rewritten, l) != 0)
        no_memory(l);
}

/* ---- the open block ---- */

static void on_open_block(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct loading *l = arg;
    if (unreadable(l, err))
        return;
    if (!err && rn_buf_add(&l->open, data.p, data.n) != 0)
        no_memory(l);
    else
        settle(l);
}

static void read_open_block(struct loading *l) {
    struct rn_stream *s = l->stream;
    l->step = read_open_block;
    if (l->state.held % RN_MAX_BLOCK == 0) {
        settle(l);
        return;
    }
    struct rn_place p = rn_place_block(s->number, l->state.held / RN_MAX_BLOCK);
    rn_store_get(&s->node->store, &p, 0, RN_BLOCK_BYTES + 1, on_open_block, l);
}

/* ---- the tree ---- */

static void on_walked(void *arg, const struct rn_walked *w, const struct runnel_err *err) {
    struct loading *l = arg;
    if (unreadable(l, err))
        return;
    l->peaks = w->peaks;
    l->bad_leaf = w->bad_leaf;
    if (w->lost_leaf != RN_NOWHERE || err) {
        rn_fail(&l->why, RUNNEL_EDAMAGED, "a block and the hash of it are damaged");
        if (err)
            lost(l);
        else
            set_back(l);
        return;
    }
    read_open_block(l);
}

static void walk(struct loading *l) {
    l->step = walk;
    l->tree_bad = 1;
    if (rn_tree_walk(l->stream, l->leaves, RN_WALK_LOOK, NULL, on_walked, l) != 0)
        no_memory(l);
}

/* An open pack: each entry must be whole, and none too few or too many, as the next ones are appended. */
static void on_pack(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct loading *l = arg;
    const struct rn_stream *s = l->stream;
    uint64_t nodes = l->leaves >> l->level, first = nodes / RN_PACK * RN_PACK;
    uint32_t size = rn_entry_size(l->level), n = (uint32_t)(nodes % RN_PACK), off;
    struct rn_place p = rn_place_node(s->number, l->level, first, &off);
    struct rn_entry e;
    if (unreadable(l, err))
        return;
    int bad = err || data.n != (size_t)n * size;
    for (uint32_t i = 0; !bad && i < n; i++) {
        struct runnel_bytes entry = {data.p + (size_t)i * size, size};
        bad = rn_entry_read(s->node->hasher, &p, i * size, l->level, entry, &e, NULL) != 0;
    }
    if (bad) {
        l->tries = 0;
        walk(l);
        return;
    }
    if (nodes & 1)
        l->peaks.peak[l->level] = e.hash;
    l->level++;
    l->tries = 0;
    read_pack(l);
}

static void read_pack(struct loading *l) {
    uint32_t off;
    l->step = read_pack;
    while (l->level < RN_TREE_LEVELS && (l->leaves >> l->level) % RN_PACK == 0)
        l->level++;
    if (l->level == RN_TREE_LEVELS) {
        l->peaks.n = l->leaves;
        read_open_block(l);
        return;
    }
    struct rn_place p = rn_place_node(l->stream->number, l->level, l->leaves >> l->level, &off);
    rn_store_get(&l->stream->node->store, &p, 0, RN_PACK * RN_LEAF_ENTRY + 1, on_pack, l);
}

/* ---- the state ---- */

/* The signed head of a record, checked against its stream. */
static void read_head(struct loading *l) {
    struct rn_stream *s = l->stream;
    struct runnel_err why;
    char id[RN_ID_TEXT];
    if (l->state.head.n == 0)
        return;
    int rc = rn_signed_head_decode(l->state.head.p, l->state.head.n, &l->head, &why);
    if (rc == 0 && !rn_hash_equal(&l->head.head.descriptor, &s->desc->hash))
        rc = rn_fail(&why, RUNNEL_EDAMAGED, "it is of another stream");
    if (rc == 0)
        rc = rn_node_check_head(s->node, &l->head.head, &l->head.attestation, &s->desc->author, NULL, &why);
    l->has_head = rc == 0;
    if (rc != 0)
        rn_stream_log(s, RUNNEL_ERROR, "store", "stream %s: its head is passed over: %s",
                      rn_id_format(&s->desc->id, id), why.msg);
}

/* The record fails its check. 0: one bit was flipped, and is put right. */
static int correct(struct loading *l, const struct rn_place *p, struct runnel_bytes data) {
    struct rn_stream *s = l->stream;
    char id[RN_ID_TEXT];
    if (rn_record_correct(s->node->hasher, rn_place_bytes(p), data, &l->state_bytes) != 0)
        return -1;
    rn_stream_log(s, RUNNEL_WARN, "store", "stream %s: a bit of its state was flipped on the disk; it is put right",
                  rn_id_format(&s->desc->id, id));
    return 0;
}

static void on_first_block(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct loading *l = arg;
    (void)data;
    if (unreadable(l, err))
        return;
    if (err) /* its descriptor is known, and nothing is held yet */
        finish(l, NULL);
    else
        lost(l);
}

static void look_for_blocks(struct loading *l) {
    l->step = look_for_blocks;
    struct rn_place p = rn_place_block(l->stream->number, 0);
    rn_store_get(&l->stream->node->store, &p, 0, 1, on_first_block, l);
}

static void on_state(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct loading *l = arg;
    struct rn_stream *s = l->stream;
    struct rn_place p = rn_place_state(s->number);
    if (unreadable(l, err))
        return;
    if (err) {
        rn_fail(&l->why, RUNNEL_EDAMAGED, "its state is missing in the store");
        if (s->own)
            lost(l);
        else
            look_for_blocks(l);
        return;
    }
    struct runnel_bytes value = data;
    int rc = rn_record_open(s->node->hasher, rn_place_bytes(&p), &value, &l->why);
    if (rc == 0 && rn_buf_add(&l->state_bytes, value.p, value.n) != 0) {
        no_memory(l);
        return;
    }
    if (rc != 0 && correct(l, &p, data) == 0)
        rc = 0;
    if (rc == 0)
        rc = rn_state_record_get(rn_buf_bytes(&l->state_bytes), &l->state, &l->why);
    if (rc == 0 && l->state.held > RN_COUNT_MAX)
        rc = rn_fail(&l->why, RUNNEL_EDAMAGED, "it counts more than a stream can have");
    if (rc != 0) {
        rn_wrap(&l->why, "its state");
        lost(l);
        return;
    }
    l->why.code = 0;
    read_head(l);
    l->leaves = 1 + l->state.held / RN_MAX_BLOCK;
    l->tries = 0;
    read_pack(l);
}

static void read_state(struct loading *l) {
    struct rn_place p = rn_place_state(l->stream->number);
    l->step = read_state;
    rn_store_get(&l->stream->node->store, &p, 0, 4096, on_state, l);
}

int rn_stream_load(struct rn_stream *s, runnel_done *done, void *arg) {
    struct loading *l = calloc(1, sizeof *l);
    if (!l)
        return -RUNNEL_ENOMEM;
    l->stream = s;
    l->done = done;
    l->arg = arg;
    l->bad_leaf = RN_NOWHERE;
    rn_buf_init(&l->open, RN_BLOCK_BYTES + 1);
    rn_buf_init(&l->block, RN_BLOCK_BYTES);
    rn_op_begin(&s->node->ops, &l->op, loading_free);
    read_state(l);
    return 0;
}
