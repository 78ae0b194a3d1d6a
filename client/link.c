/* SPDX-License-Identifier: MIT
 * link.c — the socket of a client: connecting, 64 KiB reads, one write for all of a turn.
 * May touch: sockets, libevent.
 */
#include "client/client.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void lost(struct runnel_client *c, int code, const char *what, int number) {
    struct runnel_err err;
    if (number != 0)
        (void)rn_fail(&err, code, "%s: %s: %s", c->address, what, strerror(number));
    else
        (void)rn_fail(&err, code, "%s: %s", c->address, what);
    rn_session_end(c, &err);
}

size_t rn_link_unsent(const struct runnel_client *c) {
    return c->out.n - c->sent;
}

void rn_link_flush_soon(struct runnel_client *c) {
    if (c->fd >= 0 && !c->connecting)
        event_active(c->flush, EV_WRITE, 0);
}

/* Forgets what was sent. Moving the rest costs, so it is done only when less is left than was sent. */
static void compact(struct runnel_client *c) {
    if (c->sent == c->out.n) {
        c->sent = 0;
        rn_buf_clear(&c->out);
    } else if (c->sent > c->out.n / 2) {
        rn_buf_drop(&c->out, c->sent);
        c->sent = 0;
    }
}

static void write_out(struct runnel_client *c) {
    while (rn_link_unsent(c) > 0) {
        ssize_t r = send(c->fd, c->out.p + c->sent, rn_link_unsent(c), MSG_NOSIGNAL);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 && errno == EAGAIN) {
            if (event_add(c->io_write, NULL) != 0)
                lost(c, RUNNEL_ENOMEM, "cannot wait for the link to become writable", 0);
            break;
        }
        if (r < 0) {
            /* What the node said before it closed explains more than our failed write: read it first. */
            if (errno == EPIPE || errno == ECONNRESET)
                c->sent = c->out.n;
            else
                lost(c, RUNNEL_ECLOSED, "cannot write", errno);
            break;
        }
        c->sent += (size_t)r;
        c->written += (size_t)r;
    }
    compact(c);
}

static void opened(struct runnel_client *c) {
    int e = 0;
    socklen_t n = sizeof e;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0)
        e = errno;
    if (e != 0) {
        lost(c, RUNNEL_ECLOSED, "cannot connect", e);
        return;
    }
    c->connecting = 0;
    if (event_add(c->io_read, NULL) != 0)
        lost(c, RUNNEL_ENOMEM, "cannot wait for the link", 0);
}

static void on_write(int fd, short what, void *arg) {
    struct runnel_client *c = arg;
    (void)fd;
    (void)what;
    rn_client_enter(c);
    if (c->connecting)
        opened(c);
    if (c->fd >= 0)
        write_out(c);
    rn_client_leave(c);
}

static void on_read(int fd, short what, void *arg) {
    struct runnel_client *c = arg;
    (void)what;
    rn_client_enter(c);
    uint8_t *room = rn_buf_room(&c->in, RN_READ);
    if (!room) {
        lost(c, RUNNEL_ENOMEM, "no memory to read into", 0);
    } else {
        ssize_t r = recv(fd, room, RN_READ, 0);
        if (r > 0) {
            c->in.n += (size_t)r;
            c->heard = 1;
            rn_session_bytes(c);
        } else if (r == 0) {
            lost(c, RUNNEL_ECLOSED, "the node closed the session", 0);
        } else if (errno != EAGAIN && errno != EINTR) {
            lost(c, RUNNEL_ECLOSED, "cannot read", errno);
        }
    }
    rn_client_leave(c);
}

static int open_socket(struct runnel_client *c, struct runnel_err *err) {
    struct sockaddr_storage sa;
    size_t n = 0;
    int r = rn_address_parse(c->address, &sa, &n, err);
    if (r < 0)
        return r;
    c->connecting = 0;
    c->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return rn_fail(err, RUNNEL_EIO, "%s: cannot make a socket: %s", c->address, strerror(errno));
    if (connect(c->fd, (struct sockaddr *)&sa, (socklen_t)n) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return rn_fail(err, RUNNEL_ECLOSED, "%s: cannot connect: %s", c->address, strerror(errno));
    c->connecting = 1;
    return 0;
}

static void drop_event(struct event **e) {
    if (*e)
        event_free(*e);
    *e = NULL;
}

void rn_link_close(struct runnel_client *c) {
    drop_event(&c->io_read);
    drop_event(&c->io_write);
    drop_event(&c->flush);
    drop_event(&c->tick);
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
}

static int make_events(struct runnel_client *c, struct runnel_err *err) {
    c->io_read = event_new(c->base, c->fd, EV_READ | EV_PERSIST, on_read, c);
    c->io_write = event_new(c->base, c->fd, EV_WRITE, on_write, c);
    c->flush = event_new(c->base, -1, 0, on_write, c);
    c->tick = event_new(c->base, -1, 0, rn_life_tick, c);
    if (!c->io_read || !c->io_write || !c->flush || !c->tick ||
        event_add(c->connecting ? c->io_write : c->io_read, NULL) != 0)
        return rn_fail(err, RUNNEL_ENOMEM, "%s: no memory for the link's events", c->address);
    return 0;
}

int rn_link_open(struct runnel_client *c, struct runnel_err *err) {
    int r = open_socket(c, err);
    if (r == 0)
        r = make_events(c, err);
    if (r < 0)
        rn_link_close(c);
    return r;
}

void rn_link_free(struct runnel_client *c) {
    rn_link_close(c);
    rn_buf_free(&c->in);
    rn_buf_free(&c->out);
}
