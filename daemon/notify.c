/* SPDX-License-Identifier: MIT
 * notify.c — datagrams to the service manager.
 * May touch: the environment, the datagram socket that it names.
 */
#include "daemon/notify.h"

#include "base/err.h"
#include "base/time.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE 1024u /* bytes of one datagram */

/* A whole positive decimal number. 0: it is none. */
static long long number(const char *text) {
    char *end = NULL;
    errno = 0;
    long long v = text != NULL && text[0] >= '0' && text[0] <= '9' ? strtoll(text, &end, 10) : 0;
    return end != NULL && *end == 0 && errno == 0 ? v : 0;
}

/* The watchdog may be meant for another process of the service. */
static void read_watchdog(struct rn_notify *n) {
    const char *pid = getenv("WATCHDOG_PID");
    long long us = number(getenv("WATCHDOG_USEC"));
    if (us > 0 && us < INT64_MAX / RN_NS_US && (pid == NULL || number(pid) == (long long)getpid()))
        n->watchdog = us * RN_NS_US;
}

/* A path, or a name in the abstract space, which begins with '@' where the kernel has a NUL. */
static int read_address(struct rn_notify *n, const char *text, struct runnel_err *err) {
    size_t len = strlen(text);
    if ((text[0] != '/' && text[0] != '@') || len < 2)
        return rn_fail(err, RUNNEL_EINVALID,
                       "NOTIFY_SOCKET: found \"%.80s\", want a path or @ and a name: the service manager is not told "
                       "when this node is ready",
                       text);
    if (len >= sizeof n->to.sun_path)
        return rn_fail(err, RUNNEL_EINVALID,
                       "NOTIFY_SOCKET: found %zu bytes, want fewer than %zu: the service manager is not told when this "
                       "node is ready",
                       len, sizeof n->to.sun_path);
    n->to.sun_family = AF_UNIX;
    memcpy(n->to.sun_path, text, len);
    if (text[0] == '@')
        n->to.sun_path[0] = 0;
    n->n_to = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return 0;
}

int rn_notify_open(struct rn_notify *n, struct runnel_err *err) {
    const char *socket_name = getenv("NOTIFY_SOCKET");
    *n = (struct rn_notify){.fd = -1};
    if (socket_name == NULL || socket_name[0] == 0)
        return 0;
    int rc = read_address(n, socket_name, err);
    if (rc != 0)
        return rc;
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (n->fd < 0)
        return rn_fail(err, RUNNEL_EIO, "a socket to the service manager: %s", strerror(errno));
    read_watchdog(n);
    return 0;
}

void rn_notify_close(struct rn_notify *n) {
    if (n->fd >= 0)
        (void)close(n->fd);
    n->fd = -1;
}

void rn_notify(const struct rn_notify *n, const char *fmt, ...) {
    char text[MESSAGE];
    va_list ap;
    if (n->fd < 0)
        return;
    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (len < 0)
        return;
    size_t size = (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    ssize_t sent = sendto(n->fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&n->to, n->n_to);
    (void)sent; /* nobody else could be told */
}

void rn_notify_reloading(const struct rn_notify *n) {
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
    long long us = (long long)t.tv_sec * 1000000 + t.tv_nsec / RN_NS_US;
    rn_notify(n, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reading the changed config", us);
}

void rn_notify_ready(const struct rn_notify *n, const char *status) {
    rn_notify(n, "READY=1\nSTATUS=%.800s", status);
}

void rn_notify_extend(const struct rn_notify *n, int64_t ns) {
    rn_notify(n, "EXTEND_TIMEOUT_USEC=%lld", (long long)(ns / RN_NS_US));
}
