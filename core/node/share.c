/* SPDX-License-Identifier: MIT
 * share.c — bytes held by many, and the runs encoded last (share.h).
 * May touch: the heap.
 */
#include "node/share.h"

#include <stdlib.h>

struct rn_share *rn_share_new(struct rn_shares *all, size_t n) {
    struct rn_share *s = malloc(sizeof *s + n);
    if (!s)
        return NULL;
    s->of = all;
    s->refs = 1;
    s->n = n;
    all->bytes += sizeof *s + n;
    all->n++;
    return s;
}

struct rn_share *rn_share_hold(struct rn_share *s) {
    s->refs++;
    return s;
}

void rn_share_drop(struct rn_share *s) {
    if (--s->refs > 0)
        return;
    s->of->bytes -= sizeof *s + s->n;
    s->of->n--;
    free(s);
}

const struct rn_shared_run *rn_shares_find(const struct rn_shares *all, uint32_t number, uint64_t from, uint64_t to) {
    for (size_t i = 1; i <= RN_SHARED_RUNS; i++) {
        const struct rn_shared_run *r = &all->run[(all->next + RN_SHARED_RUNS - i) % RN_SHARED_RUNS];
        if (r->share && r->from == from && r->to == to && r->number == number)
            return r;
    }
    return NULL;
}

void rn_shares_keep(struct rn_shares *all, const struct rn_shared_run *run) {
    struct rn_shared_run *place = &all->run[all->next];
    all->next = (all->next + 1) % RN_SHARED_RUNS;
    if (place->share)
        rn_share_drop(place->share);
    *place = *run;
    (void)rn_share_hold(place->share);
}

void rn_shares_clear(struct rn_shares *all) {
    for (size_t i = 0; i < RN_SHARED_RUNS; i++) {
        struct rn_share *s = all->run[i].share;
        all->run[i].share = NULL;
        if (s)
            rn_share_drop(s);
    }
}
