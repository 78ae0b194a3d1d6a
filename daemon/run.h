/* SPDX-License-Identifier: MIT
 * run.h — a daemon's life: directory, identity, node, signals, end.
 * May touch: the process.
 */
#ifndef RN_DAEMON_RUN_H
#define RN_DAEMON_RUN_H

#include "base/log.h"
#include "daemon/exits.h"
#include "node/conf.h"

/* Runs a node until a signal ends it. `conf` is checked. */
enum rn_exit rn_run(const struct rn_conf *conf, const struct rn_registry *registry, const struct rn_log *log);

#endif
