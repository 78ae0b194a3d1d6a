/* SPDX-License-Identifier: MIT
 * heap.c — the timer heap: a binary heap that knows where each timer stands.
 * May touch: the heap memory of its own array.
 */
#include "base/heap.h"
#include <runnel/types.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 16u

void rn_heap_free(struct rn_heap *h) {
    for (size_t i = 0; i < h->n; i++)
        h->v[i]->pos = 0;
    free(h->v);
    memset(h, 0, sizeof *h);
}

static int before(const struct rn_timer *a, const struct rn_timer *b) {
    return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void place(struct rn_heap *h, struct rn_timer *t, size_t i) {
    h->v[i] = t;
    t->pos = i + 1;
}

/* Moves the timer at `i` to where it belongs. */
static void settle(struct rn_heap *h, size_t i) {
    struct rn_timer *t = h->v[i];
    for (size_t up; i > 0 && before(t, h->v[up = (i - 1) / 2]); i = up)
        place(h, h->v[up], i);
    for (size_t kid; (kid = 2 * i + 1) < h->n; i = kid) {
        if (kid + 1 < h->n && before(h->v[kid + 1], h->v[kid]))
            kid++;
        if (!before(h->v[kid], t))
            break;
        place(h, h->v[kid], i);
    }
    place(h, t, i);
}

static int grow(struct rn_heap *h) {
    if (h->n < h->cap)
        return 0;
    size_t cap = h->cap ? 2 * h->cap : FIRST_CAP;
    struct rn_timer **v = cap > SIZE_MAX / sizeof *v ? NULL : realloc(h->v, cap * sizeof *v);
    if (!v)
        return -RUNNEL_ENOMEM;
    h->v = v;
    h->cap = cap;
    return 0;
}

int rn_heap_set(struct rn_heap *h, struct rn_timer *t, int64_t at) {
    if (!t->pos) {
        if (grow(h) < 0)
            return -RUNNEL_ENOMEM;
        place(h, t, h->n++);
    }
    t->at = at;
    t->seq = h->seq++;
    settle(h, t->pos - 1);
    return 0;
}

void rn_heap_del(struct rn_heap *h, struct rn_timer *t) {
    if (!t->pos)
        return;
    size_t i = t->pos - 1;
    struct rn_timer *last = h->v[--h->n];
    t->pos = 0;
    if (last != t) {
        place(h, last, i);
        settle(h, i);
    }
}

struct rn_timer *rn_heap_first(const struct rn_heap *h) {
    return h->n ? h->v[0] : NULL;
}
