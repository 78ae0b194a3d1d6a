/* SPDX-License-Identifier: MIT
 * blocks.h — reading closed blocks: from a small cache, or from disk and checked against their leaf.
 * May touch: the store.
 */
#ifndef RN_NODE_BLOCKS_H
#define RN_NODE_BLOCKS_H

#include "node/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RN_BLOCK_CACHE ((size_t)8 << 20) /* bytes kept for further readers */

struct rn_block_wait;
/* A closed block in memory, checked; or why not. Borrowed for as long as the callback runs. */
typedef void rn_block_fn(struct rn_block_wait *w, struct runnel_bytes block, const struct runnel_err *err);

/* One who waits for a block; embedded by its owner, initialised by rn_block_wait_init. */
struct rn_block_wait {
    struct rn_list link;
    rn_block_fn *fn;
};
void rn_block_wait_init(struct rn_block_wait *w, rn_block_fn *fn);
void rn_block_wait_cancel(struct rn_block_wait *w); /* harmless when it does not wait */

struct rn_blocks; /* the cache; one a node */
struct rn_blocks *rn_blocks_new(struct rn_node *n);
void rn_blocks_free(struct rn_blocks *b);

/* The block if it is at hand: the open one, or a cached one. Valid until the loop's next turn. */
int rn_block_at_hand(struct rn_stream *s, uint64_t k, struct runnel_bytes *out);
/* Reads closed block k and calls w->fn later, once; many who wait for one block share one read.
 * RUNNEL_EDAMAGED when it fails its check, naming stream and block. 0, -RUNNEL_ENOMEM, or -RUNNEL_ENOTFOUND: the
 * stream has been dropped (rn_stream_unread says so). */
int rn_block_read(struct rn_stream *s, uint64_t k, struct rn_block_wait *w);
/* Reads up to RN_BLOCKS_AHEAD closed blocks before anybody asks for them: from block k on, those before block `end`,
 * while they are small and little else is being read ahead. A hint: what fails is told to nobody. */
#define RN_BLOCKS_AHEAD 8u
void rn_block_ahead(struct rn_stream *s, uint64_t k, uint64_t end);

/* ---- tree entries ---- */

/* Reads a leaf of the tree that never changes again: the descriptor's (0) or a closed block's; its hash
 * and the first time of its block. 0, -RUNNEL_ENOMEM, or -RUNNEL_ENOTFOUND as above. */
typedef void rn_leaf_fn(void *arg, const struct rn_hash *hash, int64_t first, const struct runnel_err *err);
int rn_leaf_read(struct rn_stream *s, uint64_t leaf, rn_leaf_fn *fn, void *arg);

/* leaves.c: the leaf's hash, if its pack is the one that was read last; as it was then. 1 or 0. */
int rn_leaf_at_hand(const struct rn_stream *s, uint64_t leaf, struct rn_hash *hash);
/* A pack of leaves as it was read. */
struct rn_leaf_pack {
    uint32_t number; /* of its stream */
    uint64_t pack;
    size_t n; /* bytes; 0: none was read yet */
    uint8_t bytes[RN_PACK * RN_LEAF_ENTRY];
};

/* Where in the stream a time is: the seq of the first observation whose time is not before `time`
 * (the count when there is none). Fires once, later; *cancel receives a handle with which the asker
 * may withdraw (fn is then not called). 0 or -RUNNEL_ENOMEM. */
typedef void rn_seek_fn(void *arg, uint64_t seq, const struct runnel_err *err);
struct rn_seek;
int rn_seek(struct rn_stream *s, int64_t time, rn_seek_fn *fn, void *arg, struct rn_seek **handle);
void rn_seek_cancel(struct rn_seek *k); /* NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
