/* SPDX-License-Identifier: MIT
 * verify.c — the method verify: every block is read from disk again and held against the tree and head.
 * May touch: the store.
 */
#include "base/err.h"
#include "node/inner.h"
#include "node/mend.h"
#include "node/methods.h"
#include "node/walk.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAMAGED_MOST 100u

struct verify {
    struct rn_op op;
    struct rn_call *call;
    struct rn_stream *stream;
    uint64_t count, blocks, at; /* as of the start */
    struct rn_peaks peaks;      /* over what the disk holds */
    struct rn_hash open;        /* the open block's leaf as of the start */
    struct rn_signed_head head;
    struct rn_hash leaf;   /* of the block at hand, from its bytes */
    struct rn_buf damaged; /* members of the answer's list */
    struct rn_jw list;
    uint64_t n_damaged;
    uint64_t broken; /* where the block at hand is no block any more */
    int tree_bad, mend;
};

static void verify_free(struct rn_op *op) {
    struct verify *v = (struct verify *)op;
    rn_buf_free(&v->damaged);
    if (v->call)
        rn_call_free(v->call);
    free(v);
}

static void next_block(struct verify *v);
static void walk(struct verify *v);
static void gone(struct verify *v);

/* A finding in block `block`; 0: there are too many to be described. */
static int begin_finding(struct verify *v, uint64_t block) {
    if (v->n_damaged++ >= DAMAGED_MOST)
        return 0;
    rn_jw_object(&v->list);
    rn_jw_key(&v->list, "block");
    rn_jw_u64(&v->list, block);
    rn_jw_key(&v->list, "from");
    rn_jw_u64(&v->list, block * RN_MAX_BLOCK);
    return 1;
}

static void end_finding(struct verify *v, const char *message, const char *remedy) {
    rn_jw_kstr(&v->list, "message", message);
    rn_jw_kstr(&v->list, "remedy", remedy);
    rn_jw_end_object(&v->list);
}

/* `at`: the byte of the block where it is wrong; RN_NOWHERE: not known. */
static void damage_at(struct verify *v, uint64_t block, uint64_t at, const char *message, const char *remedy) {
    if (!begin_finding(v, block))
        return;
    if (at != RN_NOWHERE) {
        rn_jw_key(&v->list, "offset");
        rn_jw_u64(&v->list, at);
    }
    end_finding(v, message, remedy);
}

static void damage(struct verify *v, uint64_t block, const char *message) {
    damage_at(v, block, RN_NOWHERE, message, "verify again; if it stays, restore a backup");
}

/* A node of the tree that is not what its leaves give. Leaves of blocks have been named with their blocks. */
static void on_bad_node(void *arg, uint32_t level, uint64_t index, const char *why) {
    struct verify *v = arg;
    char message[160];
    if (level == 0 && index > 0 && index <= v->count / RN_MAX_BLOCK)
        return;
    v->tree_bad = 1;
    if (!begin_finding(v, index ? (index << level) - 1 : 0))
        return;
    rn_jw_key(&v->list, "level");
    rn_jw_u64(&v->list, level);
    (void)snprintf(message, sizeof message, "node %llu at level %u of its tree: %s", (unsigned long long)index, level,
                   why);
    end_finding(v, message, "it is being made again from the blocks: verify again");
}

/* The byte at which a block's bytes are no longer a block; RN_NOWHERE: they are one. */
static uint64_t broken_at(struct runnel_bytes b) {
    struct rn_cursor c;
    struct rn_obs o;
    int rc;
    if (rn_cursor_block(&c, b.p, b.n, 0, NULL) != 0)
        return b.n;
    size_t at = c.at;
    while ((rc = rn_cursor_next(&c, &o, NULL)) > 0 && rn_value_check(o.value.p, o.value.n, NULL) == 0)
        at = c.at;
    return rc == 0 ? RN_NOWHERE : (uint64_t)(c.p - b.p) + at;
}

/* A closed block, or its leaf, is damaged: named, and mended. */
static void mend(struct verify *v, const char *message) {
    int begun = rn_mend_block(v->stream, v->at, NULL) == 0;
    damage_at(v, v->at, v->broken, message,
              begun ? "it is being fetched again from a peer that has it: verify again; the log names the bytes"
                    : "restore a backup");
}

/* What the disk gave must be what the head says, if the head is of this count. */
static const char *check_head(const struct verify *v) {
    const struct rn_stream *s = v->stream;
    int open = v->count % RN_MAX_BLOCK != 0;
    struct rn_hash root = rn_peaks_root(s->node->hasher, &v->peaks, open ? &v->open : NULL);
    if (!s->has_head || v->head.head.count != v->count)
        return NULL;
    if (rn_node_check_head(s->node, &v->head.head, &v->head.attestation, &s->desc->author, NULL, NULL) != 0)
        return "the head's signature is not the author's";
    return rn_hash_equal(&root, &v->head.head.root) ? NULL : "the blocks do not give the root of the head";
}

/* What was signed and is not here: the start found it altered and left it out. */
static void check_end(struct verify *v) {
    char message[128];
    uint64_t promised = v->stream->promised_count;
    if (promised <= v->count || !begin_finding(v, v->count / RN_MAX_BLOCK))
        return;
    (void)snprintf(message, sizeof message, "the observations #%llu to #%llu were signed and are not whole here",
                   (unsigned long long)v->count, (unsigned long long)promised - 1);
    end_finding(v, message, "they are fetched from a peer that has them; without one, restore a backup");
}

static void finish(struct verify *v) {
    struct runnel_err tree;
    struct rn_buf b = {.max = RN_MAX_FRAME};
    struct rn_jw w;
    char id[RN_ID_TEXT];
    struct rn_call *call = v->call;
    const char *head = v->n_damaged ? NULL : check_head(v);
    if (head)
        damage(v, v->blocks ? v->blocks - 1 : 0, head);
    check_end(v);
    if (v->tree_bad) {
        rn_fail(&tree, RUNNEL_EDAMAGED, "verify: hashes of its tree are damaged");
        rn_mend_tree(v->stream, &tree);
    }
    rn_jw_end_array(&v->list);
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_kstr(&w, "stream", rn_id_format(&v->stream->desc->id, id));
    rn_jw_key(&w, "count");
    rn_jw_u64(&w, v->count);
    rn_jw_key(&w, "blocks");
    rn_jw_u64(&w, v->blocks);
    rn_jw_kbool(&w, "ok", v->n_damaged == 0);
    rn_jw_key(&w, "damaged");
    rn_jw_raw(&w, v->damaged.p, v->damaged.n);
    rn_jw_end_object(&w);
    if (v->damaged.failed && !b.failed)
        b.failed = v->damaged.failed;
    v->call = NULL;
    rn_method_answer(call, &b);
    rn_op_end(&v->op);
}

static void on_leaf(void *arg, const struct rn_hash *hash, int64_t first, const struct runnel_err *err) {
    struct verify *v = arg;
    (void)first;
    if (err)
        mend(v, err->msg);
    else if (!rn_hash_equal(hash, &v->leaf))
        mend(v, "its bytes do not give the hash in the tree");
    if (rn_peaks_add(v->stream->node->hasher, &v->peaks, &v->leaf, NULL, NULL) != 0)
        damage(v, v->at, "its hash cannot be added to the tree");
    v->at++;
    next_block(v);
}

static void on_walked(void *arg, const struct rn_walked *w, const struct runnel_err *err) {
    struct verify *v = arg;
    (void)w; /* each node has been told */
    if (v->stream->dropped) {
        gone(v);
        return;
    }
    if (err && !v->n_damaged)
        damage(v, 0, err->msg);
    finish(v);
}

/* Behind the blocks, the nodes of the tree. */
static void walk(struct verify *v) {
    if (!v->call->session ||
        rn_tree_walk(v->stream, 1 + v->count / RN_MAX_BLOCK, RN_WALK_LOOK, on_bad_node, on_walked, v) != 0)
        finish(v);
}

/* It was dropped meanwhile: what is missing is no damage. */
static void gone(struct verify *v) {
    struct rn_call *call = v->call;
    struct runnel_err err;
    (void)rn_stream_unread(v->stream, 0, &err);
    v->call = NULL;
    rn_op_end(&v->op);
    rn_call_fail(call, &err);
}

static void on_open_written(void *arg, const struct runnel_err *err) {
    struct verify *v = arg;
    if (v->stream->dropped) {
        gone(v);
        return;
    }
    if (err)
        damage(v, v->at, err->msg);
    walk(v);
}

/* The open block on disk is not the one in memory, which is what was signed. */
static void open_differs(struct verify *v, const struct runnel_err *err) {
    struct rn_stream *s = v->stream;
    struct rn_changes c = {.n = 0};
    int now = v->mend && rn_stream_at_rest(s) && s->tail.count == v->count;
    damage_at(v, v->at, v->broken, err ? err->msg : "its bytes on disk are not those in memory",
              now ? "written anew from memory" : "runnel fsck --mend writes it anew from memory");
    if (now)
        rn_stream_rewrite_open(s, &c);
    if (!now || rn_store_commit(&s->node->store, &c, on_open_written, v) != 0)
        walk(v);
    rn_changes_free(&c);
}

static void on_block(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct verify *v = arg;
    struct runnel_err why;
    struct rn_hasher *h = v->stream->node->hasher;
    size_t cut = data.n;
    int open = v->at == v->blocks - 1 && v->count % RN_MAX_BLOCK != 0;
    if (v->stream->dropped) {
        gone(v);
        return;
    }
    if (!err && open && rn_block_cut(data.p, data.n, v->count % RN_MAX_BLOCK, &cut, &why) != 0)
        err = &why;
    v->leaf = rn_hash_leaf(h, data.p, err ? 0 : cut, NULL, 0);
    v->broken = err ? RN_NOWHERE : broken_at(data);
    if (open) {
        int longer = !err && rn_stream_at_rest(v->stream) && v->stream->tail.count == v->count && data.n > cut;
        if (err || longer || !rn_hash_equal(&v->leaf, &v->open))
            open_differs(v, err);
        else
            walk(v);
    } else if (err) {
        on_leaf(v, &v->leaf, 0, err);
    } else if (rn_leaf_read(v->stream, v->at + 1, on_leaf, v) != 0) {
        rn_fail(&why, RUNNEL_ENOMEM, "out of memory");
        on_leaf(v, &v->leaf, 0, &why);
    }
}

/* Every step goes through the store, so that this cannot recurse over many blocks. */
static void next_block(struct verify *v) {
    if (v->stream->dropped) {
        gone(v);
        return;
    }
    if (!v->call->session) { /* nobody waits for it any more */
        finish(v);
        return;
    }
    if (v->at == v->blocks) {
        walk(v);
        return;
    }
    struct rn_place p = rn_place_block(v->stream->number, v->at);
    rn_store_get(&v->stream->node->store, &p, 0, RN_BLOCK_BYTES, on_block, v);
}

void rn_method_verify(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_stream *s = rn_method_stream(n, call, params);
    struct runnel_err err;
    if (!s)
        return;
    int mend = 0;
    if (rn_json_bool(params, "mend", &mend, &err) == -RUNNEL_EINVALID) {
        rn_call_fail(call, &err);
        return;
    }
    struct verify *v = calloc(1, sizeof *v);
    if (!v) {
        rn_fail(&err, RUNNEL_ENOMEM, "verify: out of memory");
        rn_call_fail(call, &err);
        return;
    }
    rn_call_weigh(call, sizeof *v + RN_MAX_FRAME);
    v->call = call;
    v->mend = mend;
    v->stream = s;
    v->count = s->tail.count;
    v->blocks = (v->count + RN_MAX_BLOCK - 1) / RN_MAX_BLOCK;
    v->head = s->head;
    if (v->count % RN_MAX_BLOCK)
        v->open = rn_tail_open_leaf(&s->tail);
    struct rn_hash descriptor = rn_hash_leaf(n->hasher, s->desc->bytes.p, s->desc->bytes.n, NULL, 0);
    (void)rn_peaks_add(n->hasher, &v->peaks, &descriptor, NULL, NULL);
    rn_buf_init(&v->damaged, RN_MAX_FRAME - 1024);
    rn_jw_init(&v->list, &v->damaged);
    rn_jw_array(&v->list);
    rn_op_begin(&n->ops, &v->op, verify_free);
    next_block(v);
}
