/* SPDX-License-Identifier: MIT
 * loop.c — raw epoll: connecting, reading, writing.
 * May touch: sockets, the clock.
 */
#include "bench/load/loop.h"
#include "base/err.h"
#include "bench/load/proto.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define READ ((size_t)256 << 10)
#define EVENTS 256

static int64_t clock_ns(clockid_t id) {
    struct timespec t;
    return clock_gettime(id, &t) == 0 ? (int64_t)t.tv_sec * 1000000000 + t.tv_nsec : 0;
}

int64_t load_now(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t load_cpu(void) {
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* ---- opening ---- */

static int open_unix(const char *path, struct runnel_err *err) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path)
        return rn_fail(err, RUNNEL_EINVALID, "unix://%s: the path has more than %zu bytes; use a shorter one", path,
                       sizeof a.sun_path - 1);
    memcpy(a.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        int e = errno;
        if (fd >= 0)
            (void)close(fd);
        return rn_fail(err, RUNNEL_EIO, "unix://%s: cannot connect: %s", path, strerror(e));
    }
    return fd;
}

static int open_tcp(const char *place, struct runnel_err *err) {
    char host[256];
    const char *colon = strrchr(place, ':');
    size_t n = colon ? (size_t)(colon - place) : 0;
    if (n == 0 || n >= sizeof host)
        return rn_fail(err, RUNNEL_EINVALID, "tcp://%s: want tcp://host:port", place);
    memcpy(host, place, n);
    host[n] = 0;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *a = NULL;
    int r = getaddrinfo(host, colon + 1, &hints, &a);
    if (r != 0)
        return rn_fail(err, RUNNEL_EINVALID, "tcp://%s: %s; want numbers", place, gai_strerror(r));
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0 || connect(fd, a->ai_addr, a->ai_addrlen) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0) {
        int e = errno;
        if (fd >= 0)
            (void)close(fd);
        fd = rn_fail(err, RUNNEL_EIO, "tcp://%s: cannot connect: %s", place, strerror(e));
    }
    freeaddrinfo(a);
    return fd;
}

static int open_address(const char *address, struct runnel_err *err) {
    if (strncmp(address, "unix://", 7) == 0)
        return open_unix(address + 7, err);
    if (strncmp(address, "tcp://", 6) == 0)
        return open_tcp(address + 6, err);
    return rn_fail(err, RUNNEL_EINVALID, "%s: want unix:///path or tcp://host:port", address);
}

static int watch(struct load_conn *c, int how, struct runnel_err *err) {
    struct epoll_event e = {.events = EPOLLIN | (c->waits_for_room ? EPOLLOUT : 0u), .data.ptr = c};
    if (epoll_ctl(c->loop->epoll, how, c->fd, &e) != 0)
        return rn_fail(err, RUNNEL_EIO, "epoll_ctl: %s", strerror(errno));
    return 0;
}

static int open_one(struct load_conn *c, const char *address, struct runnel_err *err) {
    c->fd = open_address(address, err);
    if (c->fd < 0)
        return c->fd;
    int flags = fcntl(c->fd, F_GETFL);
    if (flags < 0 || fcntl(c->fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return rn_fail(err, RUNNEL_EIO, "%s: fcntl: %s", address, strerror(errno));
    int r = watch(c, EPOLL_CTL_ADD, err);
    if (r == 0)
        r = c->proto->hello(c, err);
    return r < 0 ? r : load_flush(c, err);
}

/* As many open files as that takes, if the system allows it. */
static int allow_files(unsigned n, struct runnel_err *err) {
    struct rlimit l;
    rlim_t want = (rlim_t)n + 64;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_max < want)
        return rn_fail(err, RUNNEL_EBUSY, "%u connections: only %llu files may be open; raise the limit (ulimit -Hn)",
                       n, (unsigned long long)l.rlim_max);
    l.rlim_cur = l.rlim_cur > want ? l.rlim_cur : want;
    return setrlimit(RLIMIT_NOFILE, &l) == 0 ? 0 : rn_fail(err, RUNNEL_EIO, "setrlimit: %s", strerror(errno));
}

int load_open(struct load_loop *l, unsigned n, const struct load_places *to, const struct load_proto *proto,
              const struct load_calls *calls, void *mode, char *const *streams, unsigned n_streams,
              struct runnel_err *err) {
    *l = (struct load_loop){.epoll = epoll_create1(EPOLL_CLOEXEC)};
    if (l->epoll < 0)
        return rn_fail(err, RUNNEL_EIO, "epoll_create1: %s", strerror(errno));
    l->conns = calloc(n, sizeof *l->conns);
    l->room = malloc(READ);
    if (!l->conns || !l->room)
        return rn_fail(err, RUNNEL_ENOMEM, "no memory for %u connections", n);
    int r = allow_files(n, err);
    if (r < 0)
        return r;
    for (; l->n_conns < n; l->n_conns++) {
        struct load_conn *c = &l->conns[l->n_conns];
        *c =
            (struct load_conn){.loop = l, .proto = proto, .calls = calls, .mode = mode, .number = l->n_conns, .fd = -1};
        c->stream = n_streams ? streams[l->n_conns % n_streams] : "";
        r = open_one(c, l->n_conns == 0 ? to->first : to->others, err);
        if (r < 0) {
            l->n_conns++; /* this one is to be closed too */
            return rn_wrap(err, "connection %u", c->number);
        }
    }
    return 0;
}

void load_close(struct load_loop *l) {
    for (unsigned i = 0; i < l->n_conns; i++) {
        struct load_conn *c = &l->conns[i];
        if (c->fd >= 0)
            (void)close(c->fd);
        rn_buf_free(&c->in);
        rn_buf_free(&c->out);
        free(c->mine);
    }
    free(l->conns);
    free(l->room);
    if (l->epoll >= 0)
        (void)close(l->epoll);
    *l = (struct load_loop){.epoll = -1};
}

/* ---- turning ---- */

int load_flush(struct load_conn *c, struct runnel_err *err) {
    size_t sent = 0;
    if (c->out.failed)
        return rn_fail(err, -c->out.failed, "no memory for what is to be sent");
    while (sent < c->out.n) {
        ssize_t r = send(c->fd, c->out.p + sent, c->out.n - sent, MSG_NOSIGNAL);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 && errno == EAGAIN)
            break;
        if (r < 0)
            return rn_fail(err, RUNNEL_EIO, "connection %u: cannot write: %s", c->number, strerror(errno));
        sent += (size_t)r;
    }
    rn_buf_drop(&c->out, sent);
    int waits = c->out.n > 0;
    if (waits == c->waits_for_room)
        return 0;
    c->waits_for_room = waits;
    return watch(c, EPOLL_CTL_MOD, err);
}

int load_deafen(struct load_conn *c, struct runnel_err *err) {
    int r = load_flush(c, err);
    return r < 0 ? r : watch(c, EPOLL_CTL_DEL, err);
}

/* Hands whole messages to the protocol; returns how many bytes they had. */
static ssize_t take_all(struct load_conn *c, const uint8_t *p, size_t n, struct runnel_err *err) {
    size_t at = 0;
    while (at < n) {
        long used = c->proto->take(c, p + at, n - at, err);
        if (used < 0)
            return rn_wrap(err, "connection %u", c->number);
        if (used == 0)
            break;
        at += (size_t)used;
    }
    return (ssize_t)at;
}

/* Most of what is read is whole messages: they are taken where they came. */
static int read_in(struct load_conn *c, struct runnel_err *err) {
    int whole = c->in.n == 0;
    uint8_t *room = whole ? c->loop->room : rn_buf_room(&c->in, READ);
    if (!room)
        return rn_fail(err, RUNNEL_ENOMEM, "no memory for what comes");
    ssize_t r = recv(c->fd, room, READ, 0);
    if (r < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (r < 0)
        return rn_fail(err, RUNNEL_EIO, "connection %u: cannot read: %s", c->number, strerror(errno));
    if (r == 0)
        return rn_fail(err, RUNNEL_ECLOSED, "connection %u: the server has closed it", c->number);
    c->loop->now = load_now();
    c->in.n += whole ? 0 : (size_t)r;
    size_t have = whole ? (size_t)r : c->in.n;
    ssize_t used = take_all(c, whole ? room : c->in.p, have, err);
    if (used < 0)
        return (int)used;
    if (whole && (size_t)used < have)
        return rn_buf_add(&c->in, room + used, have - (size_t)used);
    rn_buf_drop(&c->in, (size_t)used);
    if (c->in.n == 0)
        rn_buf_free(&c->in);
    return 0;
}

/* To the ns, and asleep. */
static void wait_for(const struct load_loop *l, int64_t ns) {
    struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    struct pollfd p = {.fd = l->epoll, .events = POLLIN};
    (void)ppoll(&p, 1, &t, NULL); /* whatever it says, epoll_wait is asked next */
}

int load_turn(struct load_loop *l, int64_t wait, struct runnel_err *err) {
    struct epoll_event events[EVENTS];
    if (wait > 0)
        wait_for(l, wait);
    int n = epoll_wait(l->epoll, events, EVENTS, wait < 0 ? -1 : 0);
    if (n < 0 && errno != EINTR)
        return rn_fail(err, RUNNEL_EIO, "epoll_wait: %s", strerror(errno));
    for (int i = 0; i < n; i++) {
        struct load_conn *c = events[i].data.ptr;
        int r = events[i].events & ~(unsigned)EPOLLOUT ? read_in(c, err) : 0;
        if (r == 0)
            r = load_flush(c, err);
        if (r < 0)
            return r;
    }
    return 0;
}
