/* SPDX-License-Identifier: MIT
 * leaves.c — leaves of trees are read a pack at a time; the pack that was read last is kept (blocks.h).
 * May touch: the store.
 */
#include "base/err.h"
#include "node/inner.h"
#include <stdlib.h>
#include <string.h>

struct leaf_read {
    struct rn_op op;
    struct rn_stream *stream;
    uint64_t leaf;
    rn_leaf_fn *fn;
    void *arg;
};

static void leaf_read_free(struct rn_op *op) {
    free(op);
}

/* A leaf's entry out of the bytes of its pack, checked. */
static int entry_of(const struct rn_stream *s, uint64_t leaf, struct runnel_bytes pack, struct rn_entry *out,
                    struct runnel_err *err) {
    uint32_t off;
    struct rn_place p = rn_place_node(s->number, 0, leaf, &off);
    struct runnel_bytes entry = {pack.p + off, pack.n - off};
    if (off >= pack.n)
        entry = (struct runnel_bytes){NULL, 0};
    return rn_entry_read(s->node->hasher, &p, off, 0, entry, out, err);
}

int rn_leaf_at_hand(const struct rn_stream *s, uint64_t leaf, struct rn_hash *hash) {
    const struct rn_leaf_pack *k = &s->node->leaf_pack;
    struct rn_entry e;
    if (k->n == 0 || k->number != s->number || k->pack != leaf / RN_PACK)
        return 0;
    if (entry_of(s, leaf, (struct runnel_bytes){k->bytes, k->n}, &e, NULL) != 0)
        return 0;
    *hash = e.hash;
    return 1;
}

static void keep(const struct leaf_read *l, struct runnel_bytes pack) {
    struct rn_leaf_pack *k = &l->stream->node->leaf_pack;
    k->n = pack.n < sizeof k->bytes ? pack.n : sizeof k->bytes;
    k->number = l->stream->number;
    k->pack = l->leaf / RN_PACK;
    if (k->n > 0)
        memcpy(k->bytes, pack.p, k->n);
}

static void on_pack(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct leaf_read *l = arg;
    struct rn_entry e = {.first = 0};
    struct runnel_err why;
    rn_leaf_fn *fn = l->fn;
    void *fn_arg = l->arg;
    if (l->stream->dropped) {
        (void)rn_stream_unread(l->stream, 0, &why);
        err = &why;
    } else if (!err && entry_of(l->stream, l->leaf, data, &e, &why) != 0) {
        err = &why;
    }
    if (!err)
        keep(l, data);
    rn_op_end(&l->op);
    fn(fn_arg, &e.hash, e.first, err);
}

int rn_leaf_read(struct rn_stream *s, uint64_t leaf, rn_leaf_fn *fn, void *arg) {
    uint32_t off;
    if (s->dropped)
        return -RUNNEL_ENOTFOUND;
    struct leaf_read *l = calloc(1, sizeof *l);
    if (!l)
        return -RUNNEL_ENOMEM;
    *l = (struct leaf_read){.stream = s, .leaf = leaf, .fn = fn, .arg = arg};
    struct rn_place pack = rn_place_node(s->number, 0, leaf, &off);
    rn_op_begin(&s->node->ops, &l->op, leaf_read_free);
    rn_store_get(&s->node->store, &pack, 0, RN_PACK * RN_LEAF_ENTRY, on_pack, l);
    return 0;
}
