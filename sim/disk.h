/* SPDX-License-Identifier: MIT
 * disk.h — the storage plugin "simdisk": a map that outlives its node, takes its time, and fails when told to.
 * May touch: the world; the memory engine inside.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "plugins/storage/memory/engine.h"
#include "sim/world.h"

/* What befalls the disk. Chances are per mille. */
struct sim_disk_faults {
    int64_t delay, jitter; /* of a commit until it is durable, and as much again at most until that is told */
    int64_t stall;         /* now and then a commit takes so long */
    unsigned stalls, full, bad_reads;
};

struct sim_disk {
    struct runnel_storage ops; /* first: an instance finds its disk by them */
    struct runnel_plugin plugin;
    struct sim_world *world;
    uint32_t host;
    struct rn_memory *map;
    unsigned place; /* another number with each replaced disk: what a node's marker tells */
    struct sim_rand rand;
    struct sim_disk_faults faults;
    struct rn_list pending; /* of commits, gets and scans, in order of asking */
    int64_t last_durable, last_told;
    /* Sees each commit that was taken, when the volatile half shows it. May be NULL. */
    void (*on_commit)(void *arg, const struct runnel_change *changes, size_t n);
    void *on_commit_arg;
    /* what has happened, for tests that want to know whether it did */
    uint64_t n_commits, n_refused, n_lost, n_kept;
};

void sim_disk_init(struct sim_disk *d, struct sim_world *w, uint32_t host, const char *name);
void sim_disk_free(struct sim_disk *d);
/* A copy of all that is durable, as a backup of a stopped node; rn_memory_free it. Never NULL. */
struct rn_memory *sim_disk_copy(const struct sim_disk *d);
/* Replaces the disk by another, which is taken over (NULL: an empty one): also its place is another now. Only
 * while the node is down. */
void sim_disk_replace(struct sim_disk *d, struct rn_memory *with);

/* The node is gone without stopping. Of the commits that were not yet told to be durable, the first
 * few (chance decides how many) have reached the platter, the others are lost. The instance must be
 * destroyed first. */
void sim_disk_crash(struct sim_disk *d);

#endif
