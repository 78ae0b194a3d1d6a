/* SPDX-License-Identifier: MIT
 * program.h — a simulated program at its node: it connects, comes back when it is cut off, and asks.
 * May touch: the world.
 */
#ifndef SIM_PROGRAM_H
#define SIM_PROGRAM_H

#include "sim/talk.h"

struct sim_program;

/* What a program does. All optional but `frame`. */
struct sim_program_ops {
    void (*open)(struct sim_program *p); /* both have said hello */
    void (*frame)(struct sim_program *p, const struct rn_frame *f);
    void (*lost)(struct sim_program *p); /* whatever was unanswered will not be answered */
    void (*tick)(struct sim_program *p); /* when p->tick rings */
};

/* Embedded first in what extends it. */
struct sim_program {
    struct sim_host host;
    struct sim_talk talk;
    const struct sim_program_ops *ops;
    char node[SIM_NAME]; /* of the node that it talks to */
    struct sim_rand rand;
    struct sim_event again; /* the next try to connect */
    struct sim_event tick;
    int open, ended;
    uint64_t last_id;
    uint64_t n_opened;
};

void sim_program_init(struct sim_program *p, struct sim_world *w, const char *name, const char *node,
                      const struct sim_program_ops *ops);
/* Begins to connect, and does so again whenever the link is lost. */
void sim_program_start(struct sim_program *p);
/* Ends for good: the link is closed. */
void sim_program_end(struct sim_program *p);
/* Drops its link, and connects again after a while. */
void sim_program_drop(struct sim_program *p);
/* A new id for a request. */
uint64_t sim_program_id(struct sim_program *p);
/* Fails the world in the name of the program. */
void sim_program_fail(struct sim_program *p, const char *what);

/* Reads a JSON body; NULL and a failure when it is none. Free it with rn_json_free. */
struct rn_json *sim_program_json(struct sim_program *p, struct runnel_bytes body);

/* ---- a program that asks one thing until it is answered, over any number of links ---- */

struct sim_ask {
    struct sim_program p;
    char request[1024]; /* the JSON object of the request */
    uint64_t id;        /* of the request under way */
    int answered;       /* 1: with success; -1: with an error */
    char answer[4096];  /* the JSON text of either */
    int64_t retry;      /* ask again after an error; 0: an error is an answer */
};

void sim_ask_init(struct sim_ask *a, struct sim_world *w, const char *name, const char *node, const char *request);

#endif
