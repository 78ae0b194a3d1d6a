/* SPDX-License-Identifier: MIT
 * dial.c — connects a stream socket, and says what to look at where it fails.
 * May touch: sockets, and the libevent base of the host's loop.
 *
 * What must come "later" (a dial that failed at once) is an activated event and not host->defer, because it must be
 * possible to take it back when the connection is closed first.
 */
#include "base/err.h"
#include "plugins/transport/common/streamfdstate.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_RETRY_MS 10  /* a unix listener whose queue is full has no event for "now there is room" */
#define QUEUE_RETRIES 500u /* 5 s of that */

static void on_connected(evutil_socket_t fd, short what, void *arg);

/* ---- how it ends ---- */

/* What a person should look at when a dial has failed. */
static const char *dial_remedy(int error) {
    switch (error) {
    case ECONNREFUSED:
    case ENOENT:
        return "nobody listens there: is the node running, and is the address right?";
    case EACCES:
    case EPERM:
        return "this user may not connect: see the mode and the group of the socket";
    case EMFILE:
    case ENFILE:
        return "too many files are open: raise the limit of open files (LimitNOFILE= in systemd)";
    case EAGAIN:
        return "its queue of new connections stays full: the node there is overloaded or hangs";
    default:
        return "is the node there running and reachable?";
    }
}

static int dial_fail(struct runnel_err *err, const char *address, int error) {
    return rn_fail(err, rn_sfd_code(error), "%s: cannot connect: %s; %s", address, strerror(error), dial_remedy(error));
}

static void conn_fail(struct rn_sfd_conn *c, int error) {
    struct runnel_err err;
    (void)dial_fail(&err, c->dialling->address, error);
    rn_sfd_conn_silence(c);
    c->s->up->closed(c->link, &err);
}

static void conn_opened(struct rn_sfd_conn *c) {
    struct runnel_link_info info;
    struct rn_sfd_ends ends;
    int error = rn_sfd_conn_describe(c, NULL, &ends, &info);
    if (error || event_assign(&c->wr, c->s->loop, c->fd, EV_WRITE | EV_ET, rn_sfd_on_writable, c) != 0 ||
        event_add(&c->rd, NULL) != 0) {
        conn_fail(c, error ? error : ENOMEM);
        return;
    }
    c->state = RN_SFD_OPEN;
    free(c->dialling);
    c->dialling = NULL;
    if (c->shut)
        (void)shutdown(c->fd, SHUT_WR);
    c->s->up->opened(c->link, &info);
}

/* Whether TCP has connected the socket to itself: it does so, now and then, when a free port of the range for
 * outgoing connections is dialled. */
static bool self_connected(int fd) {
    struct sockaddr_storage us = {0}, them = {0};
    socklen_t n_us = sizeof us, n_them = sizeof them;
    if (getsockname(fd, (struct sockaddr *)&us, &n_us) != 0 || getpeername(fd, (struct sockaddr *)&them, &n_them) != 0)
        return false;
    return us.ss_family != AF_UNIX && n_us == n_them && memcmp(&us, &them, n_us) == 0;
}

/* ---- connecting ---- */

/* What has become of a connect. 0, or an errno. */
static int connect_result(const struct rn_sfd_conn *c) {
    int error = 0;
    socklen_t n = sizeof error;
    if (c->dialling->error)
        return c->dialling->error;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        return errno;
    if (!error && self_connected(c->fd))
        return ECONNREFUSED;
    return error;
}

/* Calls on_connected from the loop, once the socket is connected, or at once to report an errno. */
static void conn_finish_later(struct rn_sfd_conn *c, int error, bool wait) {
    c->dialling->error = error;
    if (wait && event_add(&c->wr, NULL) != 0) {
        c->dialling->error = ENOMEM;
        wait = false;
    }
    if (!wait)
        event_active(&c->wr, EV_WRITE, 1);
}

static void conn_connect(struct rn_sfd_conn *c);

static void on_retry(evutil_socket_t fd, short what, void *arg) {
    struct rn_sfd_conn *c = arg;
    (void)fd;
    (void)what;
    if (event_assign(&c->wr, c->s->loop, c->fd, EV_WRITE, on_connected, c) != 0)
        conn_fail(c, ENOMEM);
    else
        conn_connect(c);
}

/* The listener's queue is full: tries again soon. */
static void conn_retry_later(struct rn_sfd_conn *c) {
    const struct timeval pause = {.tv_usec = QUEUE_RETRY_MS * 1000};
    if (c->dialling->retries++ >= QUEUE_RETRIES) {
        conn_finish_later(c, EAGAIN, false);
        return;
    }
    if (event_assign(&c->wr, c->s->loop, -1, 0, on_retry, c) == 0 && event_add(&c->wr, &pause) == 0)
        return;
    event_active(&c->wr, EV_TIMEOUT, 1);
}

static void conn_connect(struct rn_sfd_conn *c) {
    const struct rn_sfd_dialling *d = c->dialling;
    int error = connect(c->fd, (const struct sockaddr *)&d->to, d->n_to) == 0 ? 0 : errno;
    if (error == EAGAIN)
        conn_retry_later(c);
    else if (error == EINPROGRESS || error == EINTR)
        conn_finish_later(c, 0, true);
    else
        conn_finish_later(c, error, false);
}

static void on_connected(evutil_socket_t fd, short what, void *arg) {
    struct rn_sfd_conn *c = arg;
    int error = connect_result(c);
    (void)fd;
    (void)what;
    if (error)
        conn_fail(c, error);
    else
        conn_opened(c);
}

static int dialling_new(struct rn_sfd_conn *c, const struct sockaddr_storage *to, socklen_t n, const char *address) {
    c->dialling = calloc(1, sizeof *c->dialling);
    if (!c->dialling || event_assign(&c->wr, c->s->loop, c->fd, EV_WRITE, on_connected, c) != 0)
        return -1;
    c->dialling->to = *to;
    c->dialling->n_to = n;
    (void)snprintf(c->dialling->address, sizeof c->dialling->address, "%s", address);
    return 0;
}

int rn_sfd_dial(struct rn_sfd *s, const struct sockaddr_storage *to, socklen_t n, const char *address,
                struct runnel_link *link, void **conn, struct runnel_err *err) {
    struct rn_sfd_conn *c;
    int fd;
    if (s->done)
        return rn_fail(err, RUNNEL_ECLOSED, "%s: cannot connect: this transport has been stopped", address);
    fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return dial_fail(err, address, errno);
    c = rn_sfd_conn_new(s, fd);
    if (!c)
        return dial_fail(err, address, ENOMEM);
    if (dialling_new(c, to, n, address) != 0) {
        rn_sfd_close(c);
        return dial_fail(err, address, ENOMEM);
    }
    c->link = link;
    c->state = RN_SFD_CONNECTING;
    conn_connect(c);
    *conn = c;
    return 0;
}
