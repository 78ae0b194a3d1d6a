/* SPDX-License-Identifier: MIT
 * sync.h — the call of a sync plugin: a pure function from what is held to what is wanted.
 * May touch: plugin.h only.
 */
#ifndef RUNNEL_SYNC_H
#define RUNNEL_SYNC_H

#include <runnel/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A range of observations by seq: from <= seq < to. Frozen. */
struct runnel_range {
    uint64_t from, to;
};

/* What is known of one stream when a decision is due. Size first. All pointers are borrowed. */
struct runnel_view {
    uint32_t size;
    uint32_t own;                    /* 1: this node is the author */
    int64_t now;                     /* monotonic, ns */
    const struct runnel_range *held; /* ascending, disjoint */
    size_t n_held;
    uint64_t head_count;              /* observations in the newest verified head seen anywhere; 0: none yet */
    const struct runnel_range *asked; /* what readers wait for */
    size_t n_asked;
};

/* At most this many ranges in one decision. */
#define RUNNEL_WANT_MAX 16u

/* The decision. The core zeroes it, sets size and passes it in. */
struct runnel_want {
    uint32_t size;
    uint32_t live;                             /* 1: follow the live tail once the ranges are held */
    uint32_t providers;                        /* how many to fetch from at once; 0 counts as 1 */
    uint32_t n;                                /* ranges used in `want` */
    struct runnel_range want[RUNNEL_WANT_MAX]; /* ascending, disjoint; what is held is skipped by the core */
    uint64_t keep_from;                        /* observations before it may be dropped; 0: keep all */
};

struct runnel_sync {
    uint32_t size;
    /* Decides. Pure: depends on its arguments only and touches nothing else. `conf` is the section's. */
    void (*decide)(const void *conf, const struct runnel_view *view, struct runnel_want *want);
};

#ifdef __cplusplus
}
#endif
#endif
