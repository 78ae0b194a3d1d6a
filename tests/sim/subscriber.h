/* SPDX-License-Identifier: MIT
 * subscriber.h — a subscriber that knows two providers, both written by hand: made, told what to follow, ended.
 * May touch: standard output.
 */
#ifndef RN_TEST_SUBSCRIBER_H
#define RN_TEST_SUBSCRIBER_H

#include "sim/peer.h"
#include "sim/program.h"
#include "sim/simnode.h"

struct subscriber {
    struct sim_world *world;
    struct sim_peer *one, *other;
    struct sim_node *node;
    struct sim_ask ask; /* the program that has it subscribe */
};

/* Starts it as "sub". The peers' names are their addresses; they listen or not as they are. */
void subscriber_start(struct subscriber *s, struct sim_world *w, struct sim_peer *one, struct sim_peer *other,
                      const struct sim_author *a);
/* Ends it and its peers. 1: the world had failed, which has been told, with the log of the node. */
int subscriber_end(struct subscriber *s, const char *name);

#endif
