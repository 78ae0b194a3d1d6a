/* SPDX-License-Identifier: MIT
 * check.h — what must hold in every world at every moment: one truth about a stream, and who may hold how much of it.
 * May touch: the world; nodes by looking only.
 */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "data/block.h"
#include "data/head.h"
#include "sim/simnode.h"

/* What anybody has seen of an observation: it must be the same for all, for ever. */
struct sim_seen {
    uint64_t value; /* hash; 0: not seen yet */
    int64_t time;
    int has_time, acked;
};

struct sim_held {
    struct sim_node *node;
    uint64_t count; /* the most that it ever said to hold durably */
    uint64_t head_count;
};

/* The truth about one stream, and the nodes that are watched. */
struct sim_check {
    struct sim_world *world;
    struct runnel_id id;
    struct rn_hash descriptor; /* of a stream whose descriptor is known */
    struct rn_key author;
    int has_id;
    struct sim_node *publisher;
    struct sim_seen *seen;
    size_t n_seen, cap_seen;
    struct rn_hash *roots; /* by count; a zero hash: not seen yet */
    size_t n_roots, cap_roots;
    uint64_t acked; /* observations 0..acked-1 include all that were acknowledged */
    struct sim_held *held;
    size_t n_held;
    uint64_t n_looks;
};

void sim_check_init(struct sim_check *c, struct sim_world *w);
void sim_check_free(struct sim_check *c);
/* Watches this node after each of its events. Only the first check of a world does so by itself; of others
 * sim_check_look must be called. */
void sim_check_add(struct sim_check *c, struct sim_node *n, int is_publisher);
/* Looks at what node `i` of those that were added holds now. */
void sim_check_look(struct sim_check *c, size_t i);
void sim_check_stream(struct sim_check *c, const struct runnel_id *id);

/* Somebody (for messages) was shown, or was acknowledged, an observation; time NULL: not told. */
void sim_check_saw(struct sim_check *c, const char *who, uint64_t seq, const int64_t *time, struct runnel_bytes value);
void sim_check_acked(struct sim_check *c, const char *who, uint64_t seq, const int64_t *time,
                     struct runnel_bytes value);
/* Somebody saw a root at a count. */
void sim_check_root(struct sim_check *c, const char *who, uint64_t count, const struct rn_hash *root);
/* As that, of a head that has left the author's node: it is durable there, and so it was seen there before. */
void sim_check_told(struct sim_check *c, const char *who, uint64_t count, const struct rn_hash *root);

/* How many observations are durable at the author, so far as it ever said; UINT64_MAX: nobody watches it. */
uint64_t sim_check_durable(const struct sim_check *c);

/* What keeps a watched node from holding the newest head of the publisher, whole and live; NULL: nothing. */
const char *sim_check_lacks(const struct sim_check *c, size_t i);
/* Whether all watched nodes are up and hold the same newest head of the publisher, whole and live. */
int sim_check_quiet(void *check);
/* Runs until that is so, or tells as a failure who lags. 1 when it is so. */
int sim_check_converged(struct sim_check *c, int64_t ns);

#endif
