/* SPDX-License-Identifier: MIT
 * run.h — a daemon's life: directory, identity, node, signals, end.
 * May touch: the process.
 */
#ifndef RN_DAEMON_RUN_H
#define RN_DAEMON_RUN_H

#include "base/log.h"
#include "daemon/exits.h"
#include "node/conf.h"

/* What a daemon is run with; outlives it. */
struct rn_run_conf {
    const char *file;      /* the config's, to be read again */
    struct rn_conf **conf; /* checked; a reload puts another in its place */
    struct rn_registry *registry;
    struct rn_log *log;
    const char *levels; /* of the log, that hold whatever the config says; NULL: what it says */
};

/* Runs a node until a signal ends it. */
enum rn_exit rn_run(const struct rn_run_conf *conf);

#endif
