/* SPDX-License-Identifier: MIT
 * tap.h — listens to all that nodes say to one another, and compares every observation and head with the truth.
 * May touch: the world; what is written to links, by reading.
 */
#ifndef SIM_TAP_H
#define SIM_TAP_H

#include "sim/check.h"

struct rn_map;

struct sim_tap {
    struct sim_world *world;
    struct sim_check *const *checks;
    size_t n_checks;
    struct rn_map *links; /* number (8 bytes) → struct tapped */
    /* how much was heard */
    uint64_t n_frames, n_runs, n_heads;
};

/* Taps all links of the world from here on. Every stream must be one of `checks`, as in sim_audit_init. */
void sim_tap_init(struct sim_tap *t, struct sim_world *w, struct sim_check *const *checks, size_t n);
void sim_tap_free(struct sim_tap *t);

#endif
