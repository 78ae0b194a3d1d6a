/* SPDX-License-Identifier: MIT
 * arena.h — many small pieces of memory that are freed together; for base's own use.
 * May touch: the heap.
 */
#ifndef RN_BASE_ARENA_H
#define RN_BASE_ARENA_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rn_arena_chunk;

/* A zeroed struct is an empty arena. */
struct rn_arena {
    struct rn_arena_chunk *chunks; /* the newest first: pieces come from it */
    size_t left;                   /* bytes free at its end */
    size_t size;                   /* bytes of its room */
};

/* Makes sure that pieces of `n` bytes together, 16 more for each, will not fail. 0 or -RUNNEL_ENOMEM. */
int rn_arena_reserve(struct rn_arena *a, size_t n);
/* `n` zeroed bytes, aligned for anything; NULL when out of memory. */
void *rn_arena_get(struct rn_arena *a, size_t n);
void rn_arena_free(struct rn_arena *a);

#ifdef __cplusplus
}
#endif
#endif
