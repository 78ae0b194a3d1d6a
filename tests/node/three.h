/* SPDX-License-Identifier: MIT
 * three.h — a node with three streams whose disk is altered, for the tests of damage.
 * May touch: the world.
 */
#ifndef RN_TESTS_NODE_THREE_H
#define RN_TESTS_NODE_THREE_H

#include "node/place.h"
#include "tests/node/bed.h"

/* Node "a" with three streams of 700 observations. */
struct three {
    struct bed b;
    struct client *c;
    struct runnel_id id[3];
};

void three_init(struct three *t, uint64_t seed);
/* Stops and starts the node; the client is a new one. */
void three_restart(struct three *t);
/* What fsck finds is put right by it, and then it finds nothing more. */
void three_checked(struct three *t, struct client *c);

/* All that the node says of stream `i` is right, or that it is damaged. Returns how many observations it gave. */
uint64_t three_reads_right(struct three *t, struct client *c, size_t i);

/* ---- a node's disk ---- */

/* The key of record number `i`; 0 when there are fewer. */
int disk_key(struct sim_node *n, size_t i, struct rn_place *p);

/* Replaces a record; flips one bit of it; does it some harm. */
void disk_put(struct sim_node *n, const struct rn_place *p, struct runnel_bytes data);
void disk_flip(struct sim_node *n, const struct rn_place *p, size_t bit);
enum harm { ONE_BIT, MANY_BITS, SHORTER, LONGER, GONE, HARMS };
void disk_harm(struct sim_node *n, const struct rn_place *p, enum harm how, struct sim_rand *r);

#endif
