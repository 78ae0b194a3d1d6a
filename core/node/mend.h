/* SPDX-License-Identifier: MIT
 * mend.h — a closed block that the disk has altered is fetched again from a peer: that block and nothing else.
 * May touch: the store, discovery instances, peers.
 *
 * What comes is checked against our own leaf, so any peer will do: those that discovery names, and all nodes
 * that have a session with us. They are tried one after the other, round after round with back-off, until
 * the block is there. A leaf that is damaged is made again first, from its block; where that is damaged as well, from
 * the hashes of a peer, which must fold to our own tree. The bytes that are replaced are set aside.
 */
#ifndef RN_NODE_MEND_H
#define RN_NODE_MEND_H

#include "node/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_member;
struct rn_mend;
struct runnel_candidate;

#define RN_MENDS_MOST 4096u /* blocks of a stream that wait at once; the others wait for their next reader */

/* One who waits for a block to be whole again; embedded by its owner. */
struct rn_mend_wait {
    struct rn_list link;
    /* err NULL: it is, read it again. Else it cannot be for now: it is tried again all the same. */
    void (*fn)(struct rn_mend_wait *w, const struct runnel_err *err);
};

/* Has closed block k looked at and mended; harmless when it is whole, or under way already. `w` (NULL: nobody waits)
 * is called later, once. 0 or a negative code. */
int rn_mend_block(struct rn_stream *s, uint64_t k, struct rn_mend_wait *w);
/* Has the hashes of the tree made again where they are damaged, from the leaves and blocks, and proven. Nobody waits
 * for it; harmless when nothing is damaged. `err` is what was found: it becomes what a reader is told. */
void rn_mend_tree(struct rn_stream *s, struct runnel_err *err);
/* The stream is dropped. */
void rn_mend_stop(struct rn_stream *s);
/* A discovery instance has joined; one has left: whom it has named is forgotten. */
void rn_mends_watch(struct rn_node *n, struct rn_member *member);
void rn_mends_unnamed(struct rn_node *n, const char *from);
/* From discovery: the whole list for a watch. */
void rn_mend_found(struct rn_node *n, uint64_t watch, const char *from, const struct runnel_candidate *const *list,
                   size_t count);

/* "8000 bytes, of which 3 differ, the first is byte 17": what the disk has made of a block. */
void rn_mend_compare(struct runnel_bytes was, struct runnel_bytes is, char *out, size_t n);

#ifdef __cplusplus
}
#endif
#endif
