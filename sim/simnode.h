/* SPDX-License-Identifier: MIT
 * simnode.h — a whole node in the simulated world: started, stopped, crashed and started again at will.
 * May touch: the world.
 */
#ifndef SIM_SIMNODE_H
#define SIM_SIMNODE_H

#include "node/node.h"
#include "sim/disk.h"
#include "sim/transport.h"

#define SIM_LOG_LINES 256u
#define SIM_LOG_LINE 320u

enum sim_node_state { SIM_DOWN, SIM_STARTING, SIM_UP, SIM_STOPPING };

/* A node: its host, identity and disk stay; the rn_node comes and goes. */
struct sim_node {
    struct sim_host host;
    struct sim_transport transport;
    struct sim_disk disk;
    struct rn_pair pair;
    struct sim_rand rand;
    int64_t clock_off; /* its wall clock is so much ahead */
    struct rn_registry registry;
    struct rn_conf *conf;
    struct rn_env env;
    struct rn_log log;
    struct rn_node *node; /* NULL while it is down */
    enum sim_node_state state;
    struct sim_event alarm, wake, gone;
    int again; /* it has asked to be started anew */
    uint32_t starts;
    int used;           /* a store has been made for its identity */
    int served;         /* since its last start it has been up: what it says of itself counts */
    int start_may_fail; /* its disk has faults: a start that fails leaves it down, and is no failure of the world */
    char lines[SIM_LOG_LINES][SIM_LOG_LINE]; /* the newest log lines, round and round */
    uint64_t n_lines;
    /* Sees every log line; may be NULL. */
    void (*on_log)(void *arg, const char *line);
    void *on_log_arg;
};

/* Makes a node that is down and has no configuration yet. The host's name must be free. Never NULL. */
struct sim_node *sim_node_new(struct sim_world *w, const char *name);
/* Checks and takes the whole configuration for the coming starts (storage "simdisk", transport "sim"); a
 * wrong one is a failure of the world. Only while it is down. */
void sim_node_config(struct sim_node *n, const char *text);
/* Free all links of the world first (sim_node_crash, sim_reader_close). */
void sim_node_free(struct sim_node *n);

/* Begins to start; state becomes SIM_UP when the node serves. */
void sim_node_start(struct sim_node *n);
/* Begins to stop orderly; state becomes SIM_DOWN. */
void sim_node_stop(struct sim_node *n);
/* Ends it at once, in any state: as a killed process (its kernel closes the links), or as a machine
 * that lost its power (its peers hear nothing until it is back). */
enum sim_crash { SIM_KILLED, SIM_POWER };
void sim_node_crash(struct sim_node *n, enum sim_crash how);
/* Runs the world until it is up (down); 0 and a failure when it is not after `ns`. */
int sim_node_wait(struct sim_node *n, enum sim_node_state state, int64_t ns);

/* Whether some kept log line holds all of the words (NULL-terminated list). */
int sim_node_said(const struct sim_node *n, const char *const *words);
/* Hands out the kept log lines, oldest first. */
void sim_node_log(const struct sim_node *n, void (*print)(void *arg, const char *line), void *arg);

#endif
