/* SPDX-License-Identifier: MIT
 * rand.h — the simulator's random numbers: xoshiro256**, one independent stream for each name under one seed.
 * May touch: nothing but its arguments. Not for cryptography.
 */
#ifndef SIM_RAND_H
#define SIM_RAND_H

#include <stddef.h>
#include <stdint.h>

struct sim_rand {
    uint64_t s[4];
};

/* The stream that belongs to `name` under `seed`. Each user has its own, so that one more node, or one
 * more draw by one of them, does not shift what the others get. */
void sim_rand_init(struct sim_rand *r, uint64_t seed, const char *name);
uint64_t sim_rand_next(struct sim_rand *r);
/* A number from 0 to n-1 without bias; 0 for n = 0. */
uint64_t sim_below(struct sim_rand *r, uint64_t n);
/* A number from lo to hi, both included. */
int64_t sim_between(struct sim_rand *r, int64_t lo, int64_t hi);
/* 1 in `per_mille` of 1000 cases. */
int sim_chance(struct sim_rand *r, unsigned per_mille);
void sim_rand_fill(struct sim_rand *r, void *p, size_t n);

/* splitmix64's finisher: spreads the bits of `z`. */
uint64_t sim_mix(uint64_t z);
/* Folds bytes into a running 64-bit hash: for traces, not against an opponent. */
uint64_t sim_hash(uint64_t h, const void *p, size_t n);
#define SIM_HASH_START UINT64_C(0xcbf29ce484222325)

#endif
