/* SPDX-License-Identifier: MIT
 * chunks.h — small pieces of memory that come together and go soon, in about the same order.
 * May touch: the heap.
 *
 * Pieces are cut from the same chunk one behind the other; a chunk is given back once all its pieces are. One
 * piece that stays keeps its chunk: for things that pass through, not for things that are kept.
 */
#ifndef RN_BASE_CHUNKS_H
#define RN_BASE_CHUNKS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rn_chunk;

/* A zeroed struct is ready for use. */
struct rn_chunks {
    struct rn_chunk *now;   /* pieces are cut from it; NULL: none */
    struct rn_chunk *spare; /* an empty one, kept for the next need; NULL: none */
};

/* `n` bytes, aligned for anything, not cleared; NULL when out of memory. */
void *rn_chunks_get(struct rn_chunks *c, size_t n);
/* Gives a piece back to where it came from. */
void rn_chunks_put(struct rn_chunks *c, void *piece);
/* Gives back what is kept without a piece in it. Pieces that are still out keep their chunks, and are put back
 * with the same struct as before. */
void rn_chunks_free(struct rn_chunks *c);

#ifdef __cplusplus
}
#endif
#endif
