/* SPDX-License-Identifier: MIT
 * streamfd.c — connections and listeners on stream sockets.
 * May touch: sockets, and the libevent base of the host's loop.
 *
 * A socket is watched for the moments at which it becomes readable (edge-triggered) as long as it is open, so that
 * waiting for more costs no system call; the core hears of one only after a read has said -RUNNEL_EBUSY, and once: a
 * reader that pauses is left alone, and the kernel's buffers are the only ones there are. Whatever must come "later" (a
 * dial that failed at once, the end of a stop) is an activated event and not host->defer, because it must be possible
 * to take it back when the connection is closed first.
 */
#include "plugins/transport/common/streamfd.h"
#include "base/err.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACCEPTS_PER_EVENT 32 /* then the other sockets have their turn */
#define ACCEPT_PAUSE_MS 200  /* while there are no descriptors left */
#define QUEUE_RETRY_MS 10    /* a unix listener whose queue is full has no event for "now there is room" */
#define QUEUE_RETRIES 500u   /* 5 s of that */
#define IOVECS_PER_WRITE 64  /* the rest counts as not taken */

struct listener {
    struct rn_list all;
    struct rn_sfd *s;
    struct event accept, resume;
    int fd; /* -1 once stopped */
    bool paused;
    char address[RN_SFD_ADDRESS];
};

/* What is needed only until a connection is open. */
struct dialling {
    struct sockaddr_storage to;
    socklen_t n_to;
    uint32_t retries;
    int error; /* errno of a connect that failed at once */
    char address[RN_SFD_ADDRESS];
};

enum conn_state { CONNECTING, OPEN, DEAD };

struct conn {
    struct rn_list all;
    struct rn_sfd *s;
    struct runnel_link *link;
    struct event rd, wr;
    struct dialling *dialling; /* NULL for one that was accepted or is open */
    bool *gone;                /* set by close while up->accepted runs: the conn is no more */
    int fd;
    enum conn_state state;
    bool shut;   /* asked for before it was open */
    bool hungry; /* the last read found nothing: the core waits to hear of more */
};

static void on_connected(evutil_socket_t fd, short what, void *arg);

int rn_sfd_code(int error) {
    switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
    case ENOENT:
        return RUNNEL_ECLOSED;
    case ETIMEDOUT:
        return RUNNEL_ETIMEOUT;
    case EACCES:
    case EPERM:
        return RUNNEL_EDENIED;
    case EADDRINUSE:
        return RUNNEL_ECONFLICT;
    case EMFILE:
    case ENFILE:
    case EAGAIN:
        return RUNNEL_EBUSY;
    case ENOBUFS:
    case ENOMEM:
        return RUNNEL_ENOMEM;
    default:
        return RUNNEL_EIO;
    }
}

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

/* ---- connections ------------------------------------------------------------------------------ */

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    struct conn *c = arg;
    (void)fd;
    (void)what;
    if (!c->hungry)
        return; /* a read will find it */
    c->hungry = false;
    c->s->up->ready(c->link, RUNNEL_READABLE);
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    struct conn *c = arg;
    (void)fd;
    (void)what;
    c->s->up->ready(c->link, RUNNEL_WRITABLE);
}

/* A connection for `fd`, which it owns from here on; NULL (and the fd closed) when out of memory. */
static struct conn *conn_new(struct rn_sfd *s, int fd) {
    struct conn *c = calloc(1, sizeof *c);
    if (!c) {
        (void)close(fd);
        return NULL;
    }
    c->s = s;
    c->fd = fd;
    if (event_assign(&c->rd, s->loop, fd, EV_READ | EV_ET | EV_PERSIST, on_readable, c) != 0 ||
        event_assign(&c->wr, s->loop, fd, EV_WRITE | EV_ET, on_writable, c) != 0) {
        (void)close(fd);
        free(c);
        return NULL;
    }
    rn_list_add(&s->conns, &c->all);
    return c;
}

static void conn_silence(struct conn *c) {
    (void)event_del(&c->rd);
    (void)event_del(&c->wr);
    c->state = DEAD;
}

void rn_sfd_close(void *conn) {
    struct conn *c = conn;
    if (c->gone)
        *c->gone = true;
    conn_silence(c);
    rn_list_del(&c->all);
    /* Also when interrupted, Linux has closed it. */
    (void)close(c->fd);
    free(c->dialling);
    free(c);
}

ssize_t rn_sfd_read(void *conn, void *p, size_t n) {
    struct conn *c = conn;
    ssize_t got;
    if (c->state != OPEN)
        return c->state == DEAD ? -RUNNEL_ECLOSED : -RUNNEL_EBUSY;
    if (n == 0)
        return -RUNNEL_EINVALID; /* 0 would read as the end */
    do
        got = recv(c->fd, p, n, 0);
    while (got < 0 && errno == EINTR);
    if (got >= 0)
        return got;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return -rn_sfd_code(errno);
    c->hungry = true;
    return -RUNNEL_EBUSY;
}

ssize_t rn_sfd_write(void *conn, const struct iovec *iov, int n) {
    struct conn *c = conn;
    struct iovec part[IOVECS_PER_WRITE];
    struct msghdr msg = {.msg_iov = part};
    ssize_t put;
    if (c->state != OPEN)
        return c->state == DEAD ? -RUNNEL_ECLOSED : -RUNNEL_EBUSY;
    if (n <= 0)
        return n == 0 ? 0 : -RUNNEL_EINVALID;
    msg.msg_iovlen = n < IOVECS_PER_WRITE ? (size_t)n : IOVECS_PER_WRITE;
    memcpy(part, iov, msg.msg_iovlen * sizeof *part);
    do
        put = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
    while (put < 0 && errno == EINTR);
    if (put >= 0)
        return put;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return -rn_sfd_code(errno);
    return event_add(&c->wr, NULL) == 0 ? -RUNNEL_EBUSY : -RUNNEL_ENOMEM;
}

void rn_sfd_shut(void *conn) {
    struct conn *c = conn;
    c->shut = true;
    /* A failure says that the connection is broken, which the next read finds as well. */
    if (c->state == OPEN)
        (void)shutdown(c->fd, SHUT_WR);
}

/* ---- dialling --------------------------------------------------------------------------------- */

static void conn_fail(struct conn *c, int error) {
    struct runnel_err err;
    (void)dial_fail(&err, c->dialling->address, error);
    conn_silence(c);
    c->s->up->closed(c->link, &err);
}

/* Prepares the socket of a connection and says what it is. 0, or an errno. */
static int conn_describe(struct conn *c, const char *listener, struct rn_sfd_ends *ends,
                         struct runnel_link_info *info) {
    const struct rn_sfd_kind *kind = c->s->kind;
    int error = kind->tune ? kind->tune(c->fd) : 0;
    *ends = (struct rn_sfd_ends){0};
    *info = (struct runnel_link_info){.size = sizeof *info, .uid = -1, .gid = -1, .pid = -1};
    return error ? error : kind->describe(c->fd, c->dialling ? c->dialling->address : NULL, listener, ends, info);
}

static void conn_opened(struct conn *c) {
    struct runnel_link_info info;
    struct rn_sfd_ends ends;
    int error = conn_describe(c, NULL, &ends, &info);
    if (error || event_assign(&c->wr, c->s->loop, c->fd, EV_WRITE | EV_ET, on_writable, c) != 0 ||
        event_add(&c->rd, NULL) != 0) {
        conn_fail(c, error ? error : ENOMEM);
        return;
    }
    c->state = OPEN;
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

/* What has become of a connect. 0, or an errno. */
static int connect_result(const struct conn *c) {
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
static void conn_finish_later(struct conn *c, int error, bool wait) {
    c->dialling->error = error;
    if (wait && event_add(&c->wr, NULL) != 0) {
        c->dialling->error = ENOMEM;
        wait = false;
    }
    if (!wait)
        event_active(&c->wr, EV_WRITE, 1);
}

static void conn_connect(struct conn *c);

static void on_retry(evutil_socket_t fd, short what, void *arg) {
    struct conn *c = arg;
    (void)fd;
    (void)what;
    if (event_assign(&c->wr, c->s->loop, c->fd, EV_WRITE, on_connected, c) != 0)
        conn_fail(c, ENOMEM);
    else
        conn_connect(c);
}

/* The listener's queue is full: tries again soon. */
static void conn_retry_later(struct conn *c) {
    const struct timeval pause = {.tv_usec = QUEUE_RETRY_MS * 1000};
    if (c->dialling->retries++ >= QUEUE_RETRIES) {
        conn_finish_later(c, EAGAIN, false);
        return;
    }
    if (event_assign(&c->wr, c->s->loop, -1, 0, on_retry, c) == 0 && event_add(&c->wr, &pause) == 0)
        return;
    event_active(&c->wr, EV_TIMEOUT, 1);
}

static void conn_connect(struct conn *c) {
    const struct dialling *d = c->dialling;
    int error = connect(c->fd, (const struct sockaddr *)&d->to, d->n_to) == 0 ? 0 : errno;
    if (error == EAGAIN)
        conn_retry_later(c);
    else if (error == EINPROGRESS || error == EINTR)
        conn_finish_later(c, 0, true);
    else
        conn_finish_later(c, error, false);
}

static void on_connected(evutil_socket_t fd, short what, void *arg) {
    struct conn *c = arg;
    int error = connect_result(c);
    (void)fd;
    (void)what;
    if (error)
        conn_fail(c, error);
    else
        conn_opened(c);
}

static int dialling_new(struct conn *c, const struct sockaddr_storage *to, socklen_t n, const char *address) {
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
    struct conn *c;
    int fd;
    if (s->done)
        return rn_fail(err, RUNNEL_ECLOSED, "%s: cannot connect: this transport has been stopped", address);
    fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return dial_fail(err, address, errno);
    c = conn_new(s, fd);
    if (!c)
        return dial_fail(err, address, ENOMEM);
    if (dialling_new(c, to, n, address) != 0) {
        rn_sfd_close(c);
        return dial_fail(err, address, ENOMEM);
    }
    c->link = link;
    c->state = CONNECTING;
    conn_connect(c);
    *conn = c;
    return 0;
}

/* ---- accepting -------------------------------------------------------------------------------- */

/* Hands a fresh connection to the core, which may read, write and close it from within. */
static void accept_one(struct listener *l, int fd) {
    struct rn_sfd *s = l->s;
    struct runnel_link_info info;
    struct rn_sfd_ends ends;
    struct runnel_link *link;
    bool gone = false;
    int error;
    struct conn *c = conn_new(s, fd);
    if (!c) {
        s->host->log(s->inst, RUNNEL_WARN, "%s: a connection was dropped: out of memory", l->address);
        return;
    }
    error = conn_describe(c, l->address, &ends, &info);
    if (error) {
        /* It was gone before we looked. */
        s->host->log(s->inst, RUNNEL_DEBUG, "%s: a connection was dropped: %s", l->address, strerror(error));
        rn_sfd_close(c);
        return;
    }
    if (event_add(&c->rd, NULL) != 0) {
        s->host->log(s->inst, RUNNEL_WARN, "%s: a connection was dropped: out of memory", l->address);
        rn_sfd_close(c);
        return;
    }
    c->state = OPEN;
    c->gone = &gone;
    link = s->up->accepted(s->inst, c, &info);
    if (gone)
        return;
    c->gone = NULL;
    c->link = link;
    if (!link)
        rn_sfd_close(c);
}

/* No accept is possible now. The connections wait in the kernel's queue; asking again at once would spin. */
static void listener_pause(struct listener *l, int error) {
    const struct timeval pause = {.tv_usec = ACCEPT_PAUSE_MS * 1000};
    struct rn_sfd *s = l->s;
    if (!l->paused)
        s->host->log(s->inst, RUNNEL_ERROR, "%s: cannot accept connections: %s; %s", l->address, strerror(error),
                     error == EMFILE || error == ENFILE ? "raise the limit of open files (LimitNOFILE= in systemd)"
                                                        : "trying again every 200 ms");
    l->paused = true;
    (void)event_del(&l->accept);
    if (event_add(&l->resume, &pause) != 0)
        event_active(&l->resume, EV_TIMEOUT, 1);
}

static void on_resume(evutil_socket_t fd, short what, void *arg) {
    struct listener *l = arg;
    (void)fd;
    (void)what;
    if (event_add(&l->accept, NULL) != 0)
        listener_pause(l, ENOMEM);
}

/* Whether an errno of accept concerns only the one connection, which is gone. */
static bool accept_goes_on(int error) {
    return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM;
}

static void on_accept(evutil_socket_t at, short what, void *arg) {
    struct listener *l = arg;
    (void)at;
    (void)what;
    /* A stop from within accepted sets l->fd to -1. */
    for (int i = 0; i < ACCEPTS_PER_EVENT && l->fd >= 0; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && accept_goes_on(errno))
            continue;
        if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (fd < 0) {
            listener_pause(l, errno);
            return;
        }
        if (l->paused)
            l->s->host->log(l->s->inst, RUNNEL_NOTICE, "%s: accepting connections again", l->address);
        l->paused = false;
        accept_one(l, fd);
    }
}

static void listener_close(struct listener *l) {
    if (l->fd < 0)
        return;
    (void)event_del(&l->accept);
    (void)event_del(&l->resume);
    (void)close(l->fd);
    l->fd = -1;
}

static void listener_free(struct listener *l) {
    listener_close(l);
    rn_list_del(&l->all);
    free(l);
}

int rn_sfd_listen(struct rn_sfd *s, int fd, const char *address, struct runnel_err *err) {
    struct listener *l = calloc(1, sizeof *l);
    if (!l) {
        (void)close(fd);
        return rn_fail(err, RUNNEL_ENOMEM, "%s: cannot listen: out of memory", address);
    }
    l->s = s;
    l->fd = fd;
    (void)snprintf(l->address, sizeof l->address, "%s", address);
    rn_list_init(&l->all);
    if (event_assign(&l->accept, s->loop, fd, EV_READ | EV_PERSIST, on_accept, l) != 0 ||
        event_assign(&l->resume, s->loop, -1, 0, on_resume, l) != 0 || event_add(&l->accept, NULL) != 0) {
        listener_free(l);
        return rn_fail(err, RUNNEL_EIO, "%s: cannot listen: the event loop refuses the socket", address);
    }
    rn_list_add(&s->listeners, &l->all);
    return 0;
}

int rn_sfd_addresses(const struct rn_sfd *s, char *buf, size_t n) {
    size_t at = 0;
    if (n > 0)
        buf[0] = '\0';
    rn_list_for (it, &s->listeners) {
        const struct listener *l = rn_list_of(it, struct listener, all);
        if (l->fd >= 0)
            at += (size_t)snprintf(at < n ? buf + at : NULL, at < n ? n - at : 0, "%s\n", l->address);
    }
    return (int)at;
}

/* ---- the instance ----------------------------------------------------------------------------- */

static void on_stopped(evutil_socket_t fd, short what, void *arg) {
    struct rn_sfd *s = arg;
    (void)fd;
    (void)what;
    s->done(s->done_arg, NULL);
}

int rn_sfd_init(struct rn_sfd *s, struct runnel_inst *inst, const struct runnel_host *host,
                const struct rn_sfd_kind *kind, struct runnel_err *err) {
    *s = (struct rn_sfd){.inst = inst, .host = host, .up = host->up, .kind = kind, .loop = host->loop(inst)};
    rn_list_init(&s->listeners);
    rn_list_init(&s->conns);
    if (!s->loop)
        return rn_fail(err, RUNNEL_EUNSUPPORTED, "this host has no event loop: sockets cannot be used here");
    if (event_assign(&s->stopped, s->loop, -1, 0, on_stopped, s) != 0)
        return rn_fail(err, RUNNEL_EINTERNAL, "the event loop refuses an event");
    return 0;
}

void rn_sfd_unlisten(struct rn_sfd *s) {
    rn_list_for (it, &s->listeners)
        listener_close(rn_list_of(it, struct listener, all));
}

void rn_sfd_stop(struct rn_sfd *s, runnel_done *done, void *arg) {
    rn_sfd_unlisten(s);
    rn_list_for (it, &s->conns)
        conn_silence(rn_list_of(it, struct conn, all));
    s->done = done;
    s->done_arg = arg;
    event_active(&s->stopped, EV_TIMEOUT, 1);
}

void rn_sfd_fini(struct rn_sfd *s) {
    unsigned left = 0;
    rn_list_for_safe (it, &s->listeners)
        listener_free(rn_list_of(it, struct listener, all));
    rn_list_for_safe (it, &s->conns) {
        rn_sfd_close(rn_list_of(it, struct conn, all));
        left++;
    }
    if (left)
        s->host->log(s->inst, RUNNEL_ERROR, "%u connections were still open at the end: a defect of the host", left);
    (void)event_del(&s->stopped);
}
