/* SPDX-License-Identifier: MIT
 * conn.c — connections on stream sockets: read, written, shut, closed.
 * May touch: sockets, and the libevent base of the host's loop.
 *
 * A socket is watched for the moments at which it becomes readable (edge-triggered) as long as it is open, so that
 * waiting for more costs no system call; the core hears of one only after a read has said -RUNNEL_EBUSY, and once: a
 * reader that pauses is left alone, and the kernel's buffers are the only ones there are.
 */
#include "plugins/transport/common/streamfdstate.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IOVECS_PER_WRITE 64 /* the rest counts as not taken */

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    struct rn_sfd_conn *c = arg;
    (void)fd;
    (void)what;
    if (!c->hungry)
        return; /* a read will find it */
    c->hungry = false;
    c->s->up->ready(c->link, RUNNEL_READABLE);
}

void rn_sfd_on_writable(evutil_socket_t fd, short what, void *arg) {
    struct rn_sfd_conn *c = arg;
    (void)fd;
    (void)what;
    c->s->up->ready(c->link, RUNNEL_WRITABLE);
}

struct rn_sfd_conn *rn_sfd_conn_new(struct rn_sfd *s, int fd) {
    struct rn_sfd_conn *c = calloc(1, sizeof *c);
    if (!c) {
        (void)close(fd);
        return NULL;
    }
    c->s = s;
    c->fd = fd;
    if (event_assign(&c->rd, s->loop, fd, EV_READ | EV_ET | EV_PERSIST, on_readable, c) != 0 ||
        event_assign(&c->wr, s->loop, fd, EV_WRITE | EV_ET, rn_sfd_on_writable, c) != 0) {
        (void)close(fd);
        free(c);
        return NULL;
    }
    rn_list_add(&s->conns, &c->all);
    return c;
}

void rn_sfd_conn_silence(struct rn_sfd_conn *c) {
    (void)event_del(&c->rd);
    (void)event_del(&c->wr);
    c->state = RN_SFD_DEAD;
}

void rn_sfd_close(void *conn) {
    struct rn_sfd_conn *c = conn;
    if (c->gone)
        *c->gone = true;
    rn_sfd_conn_silence(c);
    rn_list_del(&c->all);
    /* Also when interrupted, Linux has closed it. */
    (void)close(c->fd);
    free(c->dialling);
    free(c);
}

int rn_sfd_conn_describe(struct rn_sfd_conn *c, const char *listener, struct rn_sfd_ends *ends,
                         struct runnel_link_info *info) {
    const struct rn_sfd_kind *kind = c->s->kind;
    int error = kind->tune ? kind->tune(c->fd) : 0;
    *ends = (struct rn_sfd_ends){0};
    *info = (struct runnel_link_info){.size = sizeof *info, .uid = -1, .gid = -1, .pid = -1};
    return error ? error : kind->describe(c->fd, c->dialling ? c->dialling->address : NULL, listener, ends, info);
}

ssize_t rn_sfd_read(void *conn, void *p, size_t n) {
    struct rn_sfd_conn *c = conn;
    ssize_t got;
    if (c->state != RN_SFD_OPEN)
        return c->state == RN_SFD_DEAD ? -RUNNEL_ECLOSED : -RUNNEL_EBUSY;
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
    struct rn_sfd_conn *c = conn;
    struct iovec part[IOVECS_PER_WRITE];
    struct msghdr msg = {.msg_iov = part};
    ssize_t put;
    if (c->state != RN_SFD_OPEN)
        return c->state == RN_SFD_DEAD ? -RUNNEL_ECLOSED : -RUNNEL_EBUSY;
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
    struct rn_sfd_conn *c = conn;
    c->shut = true;
    /* A failure says that the connection is broken, which the next read finds as well. */
    if (c->state == RN_SFD_OPEN)
        (void)shutdown(c->fd, SHUT_WR);
}
