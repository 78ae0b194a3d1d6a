/* SPDX-License-Identifier: MIT
 * abstract.c — an example of a transport outside the tree: links over Linux's abstract sockets, which have no file.
 * May touch: abstract unix sockets, the libevent base of the host's loop.
 *
 * Build it with: cc -std=c11 -fPIC -shared -fvisibility=hidden $(pkg-config --cflags runnel-base libevent_core) \
 *                  abstract.c -o transport-abstract.so $(pkg-config --libs libevent_core)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <runnel/transport.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SCHEME "abstract://"
#define NAME_MAX_BYTES ((int64_t)(sizeof((struct sockaddr_un *)NULL)->sun_path - 1))
#define ACCEPTS_PER_TURN 32               /* others want their turn */
#define ACCEPT_PAUSE ((int64_t)100000000) /* ns until accepting is tried again when it failed */

/* What a section of this plugin may say. The host fills it in by the table below. */
struct conf {
    const char *name;
};

static const struct runnel_option options[] = {
    {.name = "name",
     .type = RUNNEL_OPT_STRING,
     .at = offsetof(struct conf, name),
     .min = 1,
     .max = NAME_MAX_BYTES,
     .help = "Where links are accepted: a name; left out, this transport only dials"},
};

/* A connection. It belongs to the core from dial or accepted on, until the core calls close. */
struct conn {
    struct abstract *t;
    struct conn *before, *after; /* in its transport's list */
    struct runnel_link *link;    /* the core's name for it; NULL while `accepted` runs */
    int fd;
    struct event *readable, *writable; /* armed when the core was told -RUNNEL_EBUSY; writable also ends a dial */
    bool open;
    int error;  /* of the dial: the errno that is still to be told */
    bool *gone; /* set by close while `accepted` runs */
    char remote[128];
};

struct abstract {
    struct runnel_inst *inst;
    const struct runnel_host *host;
    const struct runnel_transport_up *up;
    const struct conf *conf;
    int fd; /* of the listener, or -1 */
    struct event *accept;
    struct runnel_timer *pause;
    bool failing; /* accepting fails: said once */
    struct conn *first;
    bool stopped;
    runnel_done *done;
    void *done_arg;
};

static int fail(struct runnel_err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int fail(struct runnel_err *err, int code, const char *fmt, ...) {
    va_list ap;
    if (err) {
        err->code = code;
        va_start(ap, fmt);
        (void)vsnprintf(err->msg, sizeof err->msg, fmt, ap);
        va_end(ap);
    }
    return -code;
}

/* The socket's address is a zero byte and the name. 0, or -1 when the name is none. */
static int socket_address(const char *name, struct sockaddr_un *a, socklen_t *n) {
    size_t len = strlen(name);
    if (len == 0 || len > (size_t)NAME_MAX_BYTES)
        return -1;
    for (const char *p = name; *p; p++)
        if (*p <= ' ' || *p > '~') /* it shall be fit to be shown */
            return -1;
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(a->sun_path + 1, name, len);
    *n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    return 0;
}

/* ---- connections ---- */

static void conn_free(struct conn *c) {
    if (c->readable)
        event_free(c->readable);
    if (c->writable)
        event_free(c->writable);
    (void)close(c->fd);
    if (c->after)
        c->after->before = c->before;
    *(c->before ? &c->before->after : &c->t->first) = c->after;
    free(c);
}

/* The kernel vouches for who is at the other end. 0, or an errno. */
static int describe(const struct conn *c, struct runnel_link_info *info) {
    struct ucred who;
    socklen_t n = sizeof who;
    if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
        return errno;
    *info = (struct runnel_link_info){.size = sizeof *info,
                                      .trust = RUNNEL_LOCAL,
                                      .remote = c->remote,
                                      .uid = (int64_t)who.uid,
                                      .gid = (int64_t)who.gid,
                                      .pid = (int64_t)who.pid};
    return 0;
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    struct conn *c = arg;
    (void)fd;
    (void)what;
    c->t->up->ready(c->link, RUNNEL_READABLE);
}

/* The dial has come to its end. */
static void on_dialled(struct conn *c) {
    struct runnel_link_info info;
    struct runnel_err err;
    int error = c->error ? c->error : describe(c, &info);
    if (error) {
        (void)fail(&err,
                   error == ECONNREFUSED ? RUNNEL_ENOTFOUND
                   : error == EAGAIN     ? RUNNEL_EBUSY
                                         : RUNNEL_EIO,
                   "%s: %s", c->remote, error == ECONNREFUSED ? "nobody listens there" : strerror(error));
        c->t->up->closed(c->link, &err);
        return;
    }
    c->open = true;
    c->t->up->opened(c->link, &info); /* the core may have closed it now: c is not touched again */
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    struct conn *c = arg;
    (void)fd;
    (void)what;
    if (c->open)
        c->t->up->ready(c->link, RUNNEL_WRITABLE);
    else
        on_dialled(c);
}

/* Takes over `fd`. NULL when out of memory; it is closed then. */
static struct conn *conn_new(struct abstract *t, int fd) {
    struct conn *c = calloc(1, sizeof *c);
    if (!c) {
        (void)close(fd);
        return NULL;
    }
    c->t = t;
    c->fd = fd;
    c->after = t->first;
    if (t->first)
        t->first->before = c;
    t->first = c;
    c->readable = event_new(t->host->loop(t->inst), fd, EV_READ, on_readable, c);
    c->writable = event_new(t->host->loop(t->inst), fd, EV_WRITE, on_writable, c);
    if (c->readable && c->writable)
        return c;
    conn_free(c);
    return NULL;
}

static int dial(void *self, const char *address, struct runnel_link *link, void **conn, struct runnel_err *err) {
    struct abstract *t = self;
    struct sockaddr_un to;
    socklen_t n;
    if (t->stopped)
        return fail(err, RUNNEL_ECLOSED, "%.200s: this transport has been stopped", address);
    if (strncmp(address, SCHEME, strlen(SCHEME)) != 0 || socket_address(address + strlen(SCHEME), &to, &n) != 0)
        return fail(err, RUNNEL_EINVALID,
                    "%.200s: want " SCHEME "NAME, the name of 1 to %" PRId64 " visible characters", address,
                    NAME_MAX_BYTES);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(err, RUNNEL_EIO, "%.200s: %s", address, strerror(errno));
    struct conn *c = conn_new(t, fd);
    if (!c)
        return fail(err, RUNNEL_ENOMEM, "%.200s: out of memory", address);
    c->link = link;
    (void)snprintf(c->remote, sizeof c->remote, "%s", address);
    if (connect(fd, (const struct sockaddr *)&to, n) != 0)
        c->error = errno;
    event_active(c->writable, EV_WRITE, 0); /* never from within this call */
    *conn = c;
    return 0;
}

static ssize_t conn_read(void *conn, void *p, size_t n) {
    struct conn *c = conn;
    if (c->t->stopped)
        return -RUNNEL_ECLOSED;
    for (;;) {
        ssize_t got = recv(c->fd, p, n, 0);
        if (got >= 0)
            return got;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return errno == ECONNRESET ? -RUNNEL_ECLOSED : -RUNNEL_EIO;
        return event_add(c->readable, NULL) == 0 ? -RUNNEL_EBUSY : -RUNNEL_ENOMEM;
    }
}

static ssize_t conn_write(void *conn, const struct iovec *iov, int n) {
    struct conn *c = conn;
    struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
    if (c->t->stopped)
        return -RUNNEL_ECLOSED;
    for (;;) {
        ssize_t put = sendmsg(c->fd, &m, MSG_NOSIGNAL);
        if (put >= 0)
            return put;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return errno == EPIPE || errno == ECONNRESET ? -RUNNEL_ECLOSED : -RUNNEL_EIO;
        return event_add(c->writable, NULL) == 0 ? -RUNNEL_EBUSY : -RUNNEL_ENOMEM;
    }
}

static void conn_shut(void *conn) {
    struct conn *c = conn;
    (void)shutdown(c->fd, SHUT_WR); /* fails when it is gone already, which reading shows */
}

static void conn_close(void *conn) {
    struct conn *c = conn;
    if (c->gone)
        *c->gone = true;
    conn_free(c);
}

/* ---- accepting ---- */

static void accept_one(struct abstract *t, int fd) {
    struct runnel_link_info info;
    bool gone = false;
    struct conn *c = conn_new(t, fd);
    if (!c) {
        t->host->log(t->inst, RUNNEL_WARN, "a link was dropped: out of memory");
        return;
    }
    c->open = true;
    c->gone = &gone;
    if (describe(c, &info) != 0) {
        conn_free(c);
        return;
    }
    (void)snprintf(c->remote, sizeof c->remote, SCHEME "pid:%" PRId64, info.pid);
    struct runnel_link *link = t->up->accepted(t->inst, c, &info);
    if (gone)
        return;
    c->gone = NULL;
    c->link = link;
    if (!link)
        conn_free(c);
}

static void on_resume(void *arg);

/* Most often no descriptor is left; trying again at once would spin. */
static void accept_failed(struct abstract *t, int error) {
    if (!t->failing)
        t->host->log(t->inst, RUNNEL_ERROR, "cannot accept: %s; trying again", strerror(error));
    t->failing = true;
    t->pause = t->host->after(t->inst, ACCEPT_PAUSE, on_resume, t);
    if (t->pause)
        (void)event_del(t->accept);
}

static void on_resume(void *arg) {
    struct abstract *t = arg;
    t->pause = NULL;
    if (event_add(t->accept, NULL) != 0)
        accept_failed(t, ENOMEM);
}

static void on_accept(evutil_socket_t at, short what, void *arg) {
    struct abstract *t = arg;
    (void)at;
    (void)what;
    for (int i = 0; i < ACCEPTS_PER_TURN && t->fd >= 0; i++) {
        int fd = accept4(t->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            t->failing = false;
            accept_one(t, fd);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            accept_failed(t, errno);
            return;
        }
    }
}

static int addresses(void *self, char *buf, size_t n) {
    const struct abstract *t = self;
    return t->fd < 0 ? snprintf(buf, n, "%s", "") : snprintf(buf, n, SCHEME "%s\n", t->conf->name);
}

/* ---- the life of an instance ---- */

static int create(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err) {
    struct abstract *t = calloc(1, sizeof *t);
    if (!t)
        return fail(err, RUNNEL_ENOMEM, "out of memory");
    *t = (struct abstract){.inst = inst, .host = host, .up = host->up, .conf = conf, .fd = -1};
    *self = t;
    return 0;
}

static int start(void *self, struct runnel_err *err) {
    struct abstract *t = self;
    struct sockaddr_un at;
    socklen_t n;
    if (!t->conf->name)
        return 0;
    if (socket_address(t->conf->name, &at, &n) != 0)
        return fail(err, RUNNEL_EINVALID, "name: want 1 to %" PRId64 " visible characters", NAME_MAX_BYTES);
    t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd < 0 || bind(t->fd, (const struct sockaddr *)&at, n) != 0 || listen(t->fd, 1024) != 0)
        return fail(err, errno == EADDRINUSE ? RUNNEL_ECONFLICT : RUNNEL_EIO, SCHEME "%s: cannot listen: %s",
                    t->conf->name, strerror(errno));
    t->accept = event_new(t->host->loop(t->inst), t->fd, EV_READ | EV_PERSIST, on_accept, t);
    if (!t->accept || event_add(t->accept, NULL) != 0)
        return fail(err, RUNNEL_ENOMEM, SCHEME "%s: cannot listen: out of memory", t->conf->name);
    return 0;
}

static void listener_close(struct abstract *t) {
    t->host->cancel(t->inst, t->pause);
    t->pause = NULL;
    if (t->accept)
        event_free(t->accept);
    t->accept = NULL;
    if (t->fd >= 0)
        (void)close(t->fd);
    t->fd = -1;
}

static void tell_stopped(void *arg) {
    struct abstract *t = arg;
    t->done(t->done_arg, NULL);
}

/* The connections stay, silent, until the core closes them. */
static void stop(void *self, runnel_done *done, void *arg) {
    struct abstract *t = self;
    listener_close(t);
    for (struct conn *c = t->first; c; c = c->after) {
        (void)event_del(c->readable);
        (void)event_del(c->writable);
    }
    t->stopped = true;
    t->done = done;
    t->done_arg = arg;
    (void)t->host->defer(t->inst, tell_stopped, t); /* one call of an instance is always possible */
}

static void destroy(void *self) {
    struct abstract *t = self;
    listener_close(t);
    while (t->first)
        conn_free(t->first);
    free(t);
}

static const struct runnel_transport ops = {.size = sizeof ops,
                                            .scheme = "abstract",
                                            .dial = dial,
                                            .read = conn_read,
                                            .write = conn_write,
                                            .shut = conn_shut,
                                            .close = conn_close,
                                            .addresses = addresses};

const struct runnel_plugin runnel_plugin = {.size = sizeof runnel_plugin,
                                            .abi_major = RUNNEL_ABI_MAJOR,
                                            .abi_minor = 0,
                                            .kind = RUNNEL_TRANSPORT,
                                            .name = "abstract",
                                            .version = "1",
                                            .summary = "Links of one machine, over sockets that have no file",
                                            .options = options,
                                            .n_options = sizeof options / sizeof options[0],
                                            .option_size = sizeof options[0],
                                            .conf_size = sizeof(struct conf),
                                            .create = create,
                                            .start = start,
                                            .stop = stop,
                                            .destroy = destroy,
                                            .ops = &ops};
