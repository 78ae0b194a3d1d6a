/* SPDX-License-Identifier: MIT
 * manager.h — what the service manager is told in the course of a daemon's life.
 * May touch: the manager's socket (notify.h), the loop's timers.
 */
#ifndef RN_DAEMON_MANAGER_H
#define RN_DAEMON_MANAGER_H

#include "base/log.h"
#include "daemon/notify.h"
#include <event2/event.h>

struct rn_manager {
    struct rn_notify notify;
    struct event *pulse; /* shows that the loop turns; NULL: nobody asks */
    int starting;
};

/* Logs it when the manager cannot be told anything. */
void rn_manager_open(struct rn_manager *m, const struct rn_log *log);
/* From now on the loop shows that it lives. */
void rn_manager_attach(struct rn_manager *m, struct event_base *base);
void rn_manager_close(struct rn_manager *m);

/* The storage is being opened, and recovered if need be. */
void rn_manager_starting(struct rn_manager *m);
/* It serves, or serves again after a reload. */
void rn_manager_ready(struct rn_manager *m, const char *status);
void rn_manager_reloading(const struct rn_manager *m);
/* It stops, and gives those who are served so many ns. */
void rn_manager_stopping(struct rn_manager *m, int64_t patience);

#endif
