/* SPDX-License-Identifier: MIT
 * chunks.c — pieces of memory cut from chunks that are counted (chunks.h).
 * May touch: the heap.
 */
#include "base/chunks.h"

#include <stdint.h>
#include <stdlib.h>

#define CHUNK ((size_t)65536 - 64) /* its whole size, with what malloc adds to it, is no more than 64 KiB */
#define ALIGN ((size_t)16)

struct rn_chunk {
    size_t size, used, pieces;
    _Alignas(16) unsigned char room[];
};

/* What stands before each piece. */
struct piece {
    _Alignas(16) struct rn_chunk *chunk;
};

static struct rn_chunk *chunk_new(size_t size) {
    struct rn_chunk *k = malloc(sizeof *k + size);
    if (k) {
        k->size = size;
        k->used = k->pieces = 0;
    }
    return k;
}

static void *cut(struct rn_chunk *k, size_t n) {
    struct piece *p = (struct piece *)(void *)(k->room + k->used);
    k->used += n;
    k->pieces++;
    p->chunk = k;
    return p + 1;
}

/* One that has no piece any more. */
static void let_go(struct rn_chunks *c, struct rn_chunk *k) {
    if (k->size == CHUNK && !c->spare) {
        k->used = 0;
        c->spare = k;
    } else {
        free(k);
    }
}

void *rn_chunks_get(struct rn_chunks *c, size_t n) {
    if (n > SIZE_MAX / 4)
        return NULL;
    n = (n + sizeof(struct piece) + ALIGN - 1) / ALIGN * ALIGN;
    if (n > CHUNK / 4) { /* a chunk of its own */
        struct rn_chunk *own = chunk_new(n);
        return own ? cut(own, n) : NULL;
    }
    if (!c->now || c->now->size - c->now->used < n) {
        struct rn_chunk *k = c->spare ? c->spare : chunk_new(CHUNK);
        if (!k)
            return NULL;
        c->spare = NULL;
        c->now = k; /* the one before goes with its last piece */
    }
    return cut(c->now, n);
}

void rn_chunks_put(struct rn_chunks *c, void *piece) {
    struct rn_chunk *k = ((struct piece *)piece - 1)->chunk;
    if (--k->pieces > 0)
        return;
    if (k == c->now)
        k->used = 0;
    else
        let_go(c, k);
}

void rn_chunks_free(struct rn_chunks *c) {
    free(c->spare);
    if (c->now && c->now->pieces == 0)
        free(c->now);
    c->spare = c->now = NULL;
}
