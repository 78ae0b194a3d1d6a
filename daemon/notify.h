/* SPDX-License-Identifier: MIT
 * notify.h — tells the service manager how it is with the daemon, as sd_notify(3) says.
 * May touch: the environment, the datagram socket that it names.
 *
 * The protocol is one datagram of lines "WORD=value" to $NOTIFY_SOCKET; it is all that would be used of libsystemd.
 */
#ifndef RN_DAEMON_NOTIFY_H
#define RN_DAEMON_NOTIFY_H

#include <runnel/types.h>
#include <sys/socket.h>
#include <sys/un.h>

struct rn_notify {
    int fd; /* -1: nobody is to be told */
    struct sockaddr_un to;
    socklen_t n_to;
    int64_t watchdog; /* ns after which the manager takes us for dead unless it hears from us; 0: never */
};

/* Reads what the manager has said in the environment. -RUNNEL_EINVALID and why when that cannot be understood: then
 * nobody is told, and the daemon can run all the same. */
int rn_notify_open(struct rn_notify *n, struct runnel_err *err);
void rn_notify_close(struct rn_notify *n);

/* Sends lines, formatted. A manager that does not listen is not waited for. */
void rn_notify(const struct rn_notify *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A changed config is being read; rn_notify_ready follows in any case. */
void rn_notify_reloading(const struct rn_notify *n);
/* It serves. `status`: a line for people. */
void rn_notify_ready(const struct rn_notify *n, const char *status);
/* What goes on now may take so long: until then it is not taken for hung. */
void rn_notify_extend(const struct rn_notify *n, int64_t ns);

#endif
