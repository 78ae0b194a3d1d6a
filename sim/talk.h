/* SPDX-License-Identifier: MIT
 * talk.h — the node protocol spoken by hand over a simulated link: frames in, frames out, nothing checked but their
 * form. May touch: the world.
 */
#ifndef SIM_TALK_H
#define SIM_TALK_H

#include "base/json.h"
#include "data/frame.h"
#include "sim/link.h"

/* What the owner is told. It may close the talk within. */
struct sim_talk_up {
    void (*opened)(void *arg); /* the link is open: say hello */
    void (*frame)(void *arg, const struct rn_frame *f);
    void (*lost)(void *arg, const char *why); /* closed already */
};

struct sim_talk {
    struct sim_world *world;
    struct sim_end *end; /* NULL: closed */
    const struct sim_talk_up *up;
    void *arg;
    struct rn_buf in, out;
    int deaf;          /* reads nothing while set: a slow reader; sim_talk_hear goes on */
    uint64_t received; /* bytes */
};

void sim_talk_init(struct sim_talk *t, struct sim_world *w, const struct sim_talk_up *up, void *arg);
void sim_talk_dial(struct sim_talk *t, struct sim_host *from, const char *to);
/* Takes over an accepted end; it is open. */
void sim_talk_accept(struct sim_talk *t, struct sim_end *e);
void sim_talk_close(struct sim_talk *t);
void sim_talk_hear(struct sim_talk *t);
/* Sends what was appended to t->out. */
void sim_talk_flush(struct sim_talk *t);
/* Appends a JSON frame made as by printf, and sends it. */
void sim_talk_say(struct sim_talk *t, enum rn_frame_type type, uint64_t id, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
