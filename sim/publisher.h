/* SPDX-License-Identifier: MIT
 * publisher.h — a simulated program that creates a stream and publishes into it, come what may.
 * May touch: the world.
 */
#ifndef SIM_PUBLISHER_H
#define SIM_PUBLISHER_H

#include "sim/check.h"
#include "sim/program.h"

/* How it publishes. SIM_WITH_SEQ repeats what was not acknowledged until it is, and so must end with
 * exactly what it made; SIM_NO_SEQ never repeats; SIM_NOW has no seq and lets the node set the times. */
enum sim_publishing { SIM_WITH_SEQ, SIM_NO_SEQ, SIM_NOW };

#define SIM_BATCH 40u   /* observations in one publish, at most */
#define SIM_UNACKED 64u /* publishes under way, at most */

/* One publish that is made and not acknowledged. */
struct sim_batch {
    uint64_t first; /* number of its first observation, counted over all that were made */
    uint32_t n;
    uint64_t id;  /* of the request; 0: not sent over this link */
    int64_t time; /* of each of its observations */
};

struct sim_publisher {
    struct sim_program p;
    struct sim_check *check;
    enum sim_publishing how;
    char descriptor[1024]; /* without author */
    int64_t every;         /* one batch each, in the mean */
    uint32_t most;         /* observations in a batch at most */
    uint64_t goal;         /* observations to make in all; it then rests */
    size_t value_max;      /* bytes of the longest values, about */
    uint64_t salt;         /* by which its values differ from those of all others */
    int created;
    struct runnel_id id;
    uint64_t create_id, made, n_acked;
    int64_t last_time;
    struct sim_batch batch[SIM_UNACKED];
    size_t n_batch;
};

void sim_publisher_init(struct sim_publisher *b, struct sim_check *check, const char *name, const char *node,
                        const char *descriptor, enum sim_publishing how);
/* Whether all that it was to make is made and (with seq) acknowledged. */
int sim_publisher_done(void *publisher);
/* Writes value number `number` of this program. */
void sim_publisher_value(const struct sim_publisher *b, uint64_t number, struct rn_buf *out);

#endif
