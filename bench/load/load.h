/* SPDX-License-Identifier: MIT
 * load.h — the options of the load driver, and its modes.
 * May touch: nothing.
 */
#ifndef RN_BENCH_LOAD_H
#define RN_BENCH_LOAD_H

#include "bench/load/proto.h"

#define LOAD_STREAMS 4096u /* most that can be named */
#define LOAD_JOIN 256u     /* most observations in one publish */

struct load_options {
    const char *mode;
    const struct load_proto *proto;
    const char *to;      /* an address; of the mode disk a file */
    const char *readers; /* of the mode fanout: where the readers connect; NULL: as the publisher */
    char *streams[LOAD_STREAMS];
    unsigned n_streams;
    uint64_t clients;  /* connections */
    uint64_t flight;   /* unanswered publishes of a connection */
    uint64_t join;     /* observations in one publish */
    uint64_t count;    /* messages in all; 0: as many as there is time for */
    uint64_t deaf;     /* of the mode fanout: readers besides, who read nothing */
    uint64_t seconds;  /* to go on for; 0: until `count` */
    uint64_t bytes;    /* of a write of the mode disk */
    uint64_t rate;     /* messages a second; 0: as fast as it goes */
    uint64_t deadline; /* seconds until it must be over */
};

/* A mode measures once and prints one JSON object. */
typedef int load_mode(const struct load_options *o, struct runnel_err *err);
load_mode load_publish, load_read, load_fanout, load_idle, load_disk;

#endif
