/* SPDX-License-Identifier: MIT
 * heap.h — the timer heap: elements ordered by (deadline, order of insertion).
 * May touch: the heap memory of its own array.
 */
#ifndef RN_BASE_HEAP_H
#define RN_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Embedded in what is to be timed; zeroed before its first use. */
struct rn_timer {
    int64_t at;   /* deadline, ns */
    uint64_t seq; /* order among equal deadlines; set by the heap */
    size_t pos;   /* 1 + index in the heap; 0: not in it */
};

/* A zeroed struct is an empty heap. */
struct rn_heap {
    struct rn_timer **v;
    size_t n, cap;
    uint64_t seq;
};

void rn_heap_free(struct rn_heap *h); /* frees the array, not the timers */
/* Puts a timer in, or moves it when it is in already (it then counts as newly inserted).
 * 0, or -RUNNEL_ENOMEM; moving cannot fail. */
int rn_heap_set(struct rn_heap *h, struct rn_timer *t, int64_t at);
void rn_heap_del(struct rn_heap *h, struct rn_timer *t); /* harmless when it is not in */
struct rn_timer *rn_heap_first(const struct rn_heap *h); /* NULL: empty */
static inline int rn_timer_set(const struct rn_timer *t) {
    return t->pos != 0;
}

#ifdef __cplusplus
}
#endif
#endif
