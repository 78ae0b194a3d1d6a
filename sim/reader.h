/* SPDX-License-Identifier: MIT
 * reader.h — a simulated program that follows a stream at a node, resumes where it was, and believes nothing.
 * May touch: the world.
 */
#ifndef SIM_READER_H
#define SIM_READER_H

#include "data/tail.h"
#include "sim/check.h"
#include "sim/program.h"

struct sim_reader {
    struct sim_program p;
    struct sim_check *check;
    uint64_t next;   /* the seq that must come */
    int64_t last;    /* time of the one before it */
    uint64_t start;  /* where it began */
    uint32_t credit; /* bytes that it lends at a time */
    unsigned lazy;   /* of 1000 frames, so many are followed by a pause in which it does not read */
    unsigned fickle; /* of 1000 frames, so many make it unfollow and follow again, sometimes from 0 */
    uint64_t id;     /* of the follow; 0: none */
    int answered, live;
    uint64_t head_count;
    uint64_t n_heads, n_data;
};

void sim_reader_init(struct sim_reader *r, struct sim_check *check, const char *name, const char *node);

#endif
