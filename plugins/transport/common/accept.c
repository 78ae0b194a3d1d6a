/* SPDX-License-Identifier: MIT
 * accept.c — listening stream sockets, and what they accept.
 * May touch: sockets, and the libevent base of the host's loop.
 */
#include "base/err.h"
#include "plugins/transport/common/streamfdstate.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACCEPTS_PER_EVENT 32 /* then the other sockets have their turn */
#define ACCEPT_PAUSE_MS 200  /* while there are no descriptors left */

struct listener {
    struct rn_list all;
    struct rn_sfd *s;
    struct event accept, resume;
    int fd; /* -1 once stopped */
    bool paused;
    char address[RN_SFD_ADDRESS];
};

/* Hands a fresh connection to the core, which may read, write and close it from within. */
static void accept_one(struct listener *l, int fd) {
    struct rn_sfd *s = l->s;
    struct runnel_link_info info;
    struct rn_sfd_ends ends;
    struct runnel_link *link;
    bool gone = false;
    int error;
    struct rn_sfd_conn *c = rn_sfd_conn_new(s, fd);
    if (!c) {
        s->host->log(s->inst, RUNNEL_WARN, "%s: a connection was dropped: out of memory", l->address);
        return;
    }
    error = rn_sfd_conn_describe(c, l->address, &ends, &info);
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
    c->state = RN_SFD_OPEN;
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

void rn_sfd_unlisten(struct rn_sfd *s) {
    rn_list_for (it, &s->listeners)
        listener_close(rn_list_of(it, struct listener, all));
}

void rn_sfd_free_listeners(struct rn_sfd *s) {
    rn_list_for_safe (it, &s->listeners)
        listener_free(rn_list_of(it, struct listener, all));
}
