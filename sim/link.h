/* SPDX-License-Identifier: MIT
 * link.h — simulated hosts and the links between them: ordered bytes that take time, and what may befall them.
 * May touch: the world.
 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "sim/world.h"
#include <runnel/transport.h>

#define SIM_NAME 32u

struct sim_end;

/* What the owner of an end is told, each from an event of its own. It may close the end within. */
struct sim_end_up {
    void (*opened)(void *arg);
    void (*ready)(void *arg, uint32_t rw); /* once for each -RUNNEL_EBUSY */
    void (*closed)(void *arg, const struct runnel_err *err);
};

/* What a host's links are like, both ways; the slower side of a link decides. */
struct sim_weather {
    int64_t delay, jitter; /* ns one way, and up to so much more */
    uint64_t bytes_per_s;
    size_t window;   /* bytes on their way or not yet read; more are not taken: -RUNNEL_EBUSY */
    unsigned chop;   /* of 1000 reads and writes, so many take only a part of what they could */
    unsigned refuse; /* of 1000 dials to this host, so many are refused */
};

/* A host: a node, or a program. Embedded by its owner. */
struct sim_host {
    struct rn_list link;
    struct sim_world *world;
    char name[SIM_NAME];
    uint32_t number;      /* from 1, in order of making */
    struct sim_rand rand; /* what befalls the links that it dials */
    struct sim_weather weather;
    int program;  /* links that it dials are local ones, by root */
    int isolated; /* no byte comes or goes, no dial is answered; nothing closes */
    int power;    /* 0: the machine is off, and does not even refuse */
    /* A firewall: whether it refuses dials from that host. NULL: it refuses nobody. */
    int (*bars)(void *arg, const struct sim_host *from);
    void *bars_arg;
    /* Takes a new end: sets its up and arg with sim_end_own and returns 0, or refuses. NULL: nobody listens. */
    int (*accept)(void *arg, struct sim_end *e);
    void *accept_arg;
};

/* A good network: 1 ms, 100 MB/s, a window of 256 KiB, no mishaps. */
struct sim_weather sim_fair(void);

void sim_host_init(struct sim_host *h, struct sim_world *w, const char *name);
/* Its links must be closed. */
void sim_host_free(struct sim_host *h);
/* NULL: no such host. */
struct sim_host *sim_host_find(struct sim_world *w, const char *name);

/* Begins to connect to the host of that name; up->opened or up->closed follows. Never NULL. */
struct sim_end *sim_dial(struct sim_host *from, const char *to, const struct sim_end_up *up, void *arg);
void sim_end_own(struct sim_end *e, const struct sim_end_up *up, void *arg);
/* As in struct runnel_transport. */
ssize_t sim_end_read(struct sim_end *e, void *p, size_t n);
ssize_t sim_end_write(struct sim_end *e, const struct iovec *iov, int n);
void sim_end_shut(struct sim_end *e);
void sim_end_close(struct sim_end *e);
/* Ends at once and says no word to the other side, as a machine without power does: what was sent and
 * has not arrived is lost. */
void sim_end_vanish(struct sim_end *e);
struct sim_host *sim_end_host(const struct sim_end *e);
struct sim_host *sim_end_peer(const struct sim_end *e);
uint64_t sim_end_number(const struct sim_end *e); /* of the link, from 1 */

/* ---- mishaps ---- */

struct sim_link; /* opaque */

/* Walks the links that are open at both ends: NULL starts, NULL ends. */
struct sim_link *sim_link_next(const struct sim_world *w, struct sim_link *before);
struct sim_host *sim_link_host(const struct sim_link *l, int side); /* 0: who dialled */
/* Both ends see the link break; bytes on their way are lost. */
void sim_link_cut(struct sim_link *l);
/* Bytes stop for `ns`, without any sign: then they come, late. */
void sim_link_silence(struct sim_link *l, int64_t ns);
/* As that for the bytes towards one side only; what goes the other way arrives. */
void sim_link_mute(struct sim_link *l, int side, int64_t ns);

#endif
