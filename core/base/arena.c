/* SPDX-License-Identifier: MIT
 * arena.c — many small pieces of memory that are freed together.
 * May touch: the heap.
 */
#include "base/arena.h"
#include <runnel/types.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE ((size_t)1024)
#define LAST_SIZE ((size_t)65536) /* chunks double up to here */
#define ALIGN ((size_t)16)

struct rn_arena_chunk {
    struct rn_arena_chunk *older;
    _Alignas(16) unsigned char room[];
};

int rn_arena_reserve(struct rn_arena *a, size_t n) {
    if (n <= a->left)
        return 0;
    size_t size = a->size < FIRST_SIZE / 2 ? FIRST_SIZE : 2 * a->size;
    if (size > LAST_SIZE)
        size = LAST_SIZE;
    if (size < n)
        size = n;
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    struct rn_arena_chunk *c = size < n || size > SIZE_MAX / 2 ? NULL : malloc(sizeof *c + size);
    if (!c)
        return -RUNNEL_ENOMEM;
    c->older = a->chunks;
    a->chunks = c;
    a->left = a->size = size;
    return 0;
}

void *rn_arena_get(struct rn_arena *a, size_t n) {
    if (n > SIZE_MAX / 4)
        return NULL;
    n = (n + ALIGN - 1) / ALIGN * ALIGN;
    if (rn_arena_reserve(a, n) < 0)
        return NULL;
    void *p = a->chunks->room + (a->size - a->left);
    a->left -= n;
    return memset(p, 0, n);
}

void rn_arena_free(struct rn_arena *a) {
    for (struct rn_arena_chunk *c = a->chunks, *older; c; c = older) {
        older = c->older;
        free(c);
    }
    memset(a, 0, sizeof *a);
}
