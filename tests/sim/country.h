/* SPDX-License-Identifier: MIT
 * country.h — a hundred nodes, twenty streams by several authors, and their programs, with everything watched.
 * May touch: the world; standard output for what is to be told.
 */
#ifndef RN_TESTS_COUNTRY_H
#define RN_TESTS_COUNTRY_H

#include "sim/audit.h"
#include "sim/bounds.h"
#include "sim/publisher.h"
#include "sim/reader.h"
#include "sim/tap.h"

#define COUNTRY_NODES 100u
#define COUNTRY_STREAMS 20u
#define COUNTRY_AUTHORS 12u /* nodes that author one stream or several */
#define COUNTRY_READERS 512u

struct country;

/* Where one node stands in one stream: an author or a subscriber. */
struct country_part {
    size_t stream;
    size_t held;                  /* which it is in the stream's check */
    uint8_t known[COUNTRY_NODES]; /* whom its config names for it */
};

struct country_node {
    struct sim_node *node;
    struct country *country;
    struct sim_weather weather; /* in peace */
    struct country_part parts[COUNTRY_STREAMS];
    size_t n_parts;
    uint8_t barred[COUNTRY_NODES];  /* whose dials its firewall refuses */
    struct sim_event up, net, disk; /* what befell it is put right, each thing by itself */
};

/* Who is subscribed to a stream, in an order in which each can get it from somebody before it, or from the author. */
struct country_stream {
    struct sim_check check;
    struct rn_descriptor *descriptor;
    char text[256]; /* the descriptor without author */
    size_t author;
    size_t subscribers[COUNTRY_NODES];
    size_t n_subscribers;
    struct sim_publisher publisher;
    struct sim_ask *asks; /* one a subscriber */
    int64_t pace;         /* the publisher's, outside of bursts */
    uint32_t most;
    struct sim_event burst; /* ends it */
    struct country *country;
};

struct country {
    struct sim_world world;
    struct country_node nodes[COUNTRY_NODES];
    struct country_stream streams[COUNTRY_STREAMS];
    struct sim_check *checks[COUNTRY_STREAMS];
    struct sim_reader *readers[COUNTRY_READERS];
    size_t n_readers;
    struct sim_audit audit;
    struct sim_tap tap;
    struct sim_bounds bounds;
    struct sim_event sweep;
    uint64_t n_swept;
};

/* Makes all of it; nothing runs yet. */
void country_init(struct country *c, uint64_t seed);
void country_free(struct country *c);
void country_start(struct country *c);

/* Whether all is published, everybody holds the newest head of each stream it has subscribed to, whole and live,
 * and each reader has read it all. */
int country_quiet(void *country);
/* Fails the world in the name of what is not so. */
void country_tell_unquiet(struct country *c);

/* Prints what failed, how to replay it, and the last lines of the nodes that the failure names. */
void country_report(const struct country *c, const char *replay);

#endif
