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
    struct sim_rand rand;
    struct sim_disk_faults faults;
    struct rn_list pending; /* of commits, gets and scans, in order of asking */
    int64_t last_durable, last_told;
    /* what has happened, for tests that want to know whether it did */
    uint64_t n_commits, n_refused, n_lost, n_kept;
};

void sim_disk_init(struct sim_disk *d, struct sim_world *w, uint32_t host, const char *name);
void sim_disk_free(struct sim_disk *d);
/* The node is gone without stopping. Of the commits that were not yet told to be durable, the first
 * few (chance decides how many) have reached the platter, the others are lost. The instance must be
 * destroyed first. */
void sim_disk_crash(struct sim_disk *d);

#endif
