/* SPDX-License-Identifier: MIT
 * town.h — a publisher, its subscribers and their programs in one world, and the mishaps that befall them.
 * May touch: the world; standard output for what is to be told.
 */
#ifndef RN_TESTS_TOWN_H
#define RN_TESTS_TOWN_H

#include "sim/check.h"
#include "sim/publisher.h"
#include "sim/reader.h"

#define TOWN_NODES 32u

/* What happens to the town while it is troubled: how often, and how the mishaps share. */
struct town_trouble {
    int64_t every; /* a mishap, in the mean */
    unsigned kill, power, stop, cut, silence, isolate, drop;
    unsigned stalls, full, bad_reads; /* of 1000 commits and reads */
};

struct town_node {
    struct sim_node *node; /* 0: the publisher's */
    struct sim_ask *subscribe;
    struct sim_reader *reader; /* NULL: none */
    struct sim_event back;     /* what a mishap did is put right */
    struct town *town;
};

struct town {
    struct sim_world world;
    struct sim_check check;
    struct town_node nodes[TOWN_NODES];
    size_t n_nodes;
    struct sim_publisher publisher;
    struct town_trouble trouble;
    struct sim_event mishap;
    uint64_t n_mishaps;
};

/* A town of `n` nodes, "pub" and "s1", "s2", ...: each subscriber knows the publisher and two or three
 * other subscribers. Every third node has a reader. Nothing runs yet. */
void town_init(struct town *t, uint64_t seed, size_t n, enum sim_publishing how);
void town_free(struct town *t);

/* Starts all nodes and programs, the programs of subscribers as soon as the stream is there. */
void town_start(struct town *t);
/* Begins mishaps, and ends them: then all that was broken is put right. */
void town_trouble(struct town *t, const struct town_trouble *trouble);
void town_peace(struct town *t);
/* Runs until all is published, all have it, and the readers have read it; 1 when that is so within `ns`. */
int town_finish(struct town *t, int64_t ns);

/* Tells what failed, how to replay it and what the nodes said last. */
void town_report(struct town *t, const char *replay);

#endif
