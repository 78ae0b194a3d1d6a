/* SPDX-License-Identifier: MIT
 * transport.h — the transport plugin "sim": a node's links are links of the simulated world.
 * May touch: the world.
 */
#ifndef SIM_TRANSPORT_H
#define SIM_TRANSPORT_H

#include "sim/link.h"

/* The plugin of one host. A plugin sees nothing of its surroundings, and there are no globals: so each
 * host has its own, and an instance finds it from the ops that it was made with. */
struct sim_transport {
    struct runnel_transport ops; /* first */
    struct runnel_plugin plugin;
    struct sim_host *host;
    struct rn_list conns; /* of the running instance */
};

/* Addresses are sim://NAME. An instance listens as its host when the option `listen` is true (default). */
void sim_transport_init(struct sim_transport *t, struct sim_host *host);
/* The power fails: all connections end without a word to the other side. Programs, which are on the same
 * machine, find theirs closed when the power is back. */
void sim_transport_vanish(struct sim_transport *t);

#endif
