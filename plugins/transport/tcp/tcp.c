/* SPDX-License-Identifier: MIT
 * tcp.c — the tcp transport: raw links over TCP, IPv4 and IPv6, on loopback until sessions are sealed.
 * May touch: TCP sockets, and the libevent base of the host's loop.
 */
#include "config.h"

#include "base/err.h"
#include "plugins/transport/common/streamfd.h"
#include "plugins/transport/tcp/address.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bytes that may wait unsent in the kernel. Less, and a fast link starves between two turns of the
 * loop; more, and what is urgent waits behind bulk that nobody can call back. */
#define UNSENT_MAX 131072

struct tcp_conf {
    const char *const *listen;
    int64_t backlog;
};

struct tcp {
    struct rn_sfd sfd;
    const struct tcp_conf *conf;
};

static int set_one(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : errno;
}

static int tune(int fd) {
    int error = set_one(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return error ? error : set_one(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_MAX);
}

/* One end of a connection as text. 0, or an errno. */
static int end_text(int fd, int (*ask)(int, struct sockaddr *, socklen_t *), char out[RN_TCP_TEXT]) {
    struct sockaddr_storage a = {0};
    socklen_t n = sizeof a;
    if (ask(fd, (struct sockaddr *)&a, &n) != 0)
        return errno;
    return rn_tcp_format(&a, out) == 0 ? 0 : EAFNOSUPPORT;
}

/* Function pointers of one type, whatever the C library declares these two as. */
static int ask_local(int fd, struct sockaddr *a, socklen_t *n) {
    return getsockname(fd, a, n);
}

static int ask_remote(int fd, struct sockaddr *a, socklen_t *n) {
    return getpeername(fd, a, n);
}

static int describe(int fd, const char *dialled, const char *listener, struct rn_sfd_ends *ends,
                    struct runnel_link_info *info) {
    int error = end_text(fd, ask_remote, ends->remote);
    (void)dialled;
    (void)listener;
    if (!error)
        error = end_text(fd, ask_local, ends->local);
    info->trust = RUNNEL_RAW;
    info->remote = ends->remote;
    info->local = ends->local;
    return error;
}

static const struct rn_sfd_kind kind = {.tune = tune, .describe = describe};

/* ---- listening -------------------------------------------------------------------------------- */

static int bind_and_listen(int fd, const struct sockaddr_storage *at, socklen_t n, int64_t backlog) {
    int error = set_one(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (!error && at->ss_family == AF_INET6)
        error = set_one(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (error)
        return error;
    if (bind(fd, (const struct sockaddr *)at, n) != 0 || listen(fd, (int)backlog) != 0)
        return errno;
    return 0;
}

static const char *listen_remedy(int error) {
    switch (error) {
    case EADDRINUSE:
        return "another program listens there: stop it, or choose another port";
    case EACCES:
        return "ports below 1024 need a right of their own: choose a higher one";
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return "this machine has no such address: is IPv6 switched off?";
    case EMFILE:
    case ENFILE:
        return "raise the limit of open files (LimitNOFILE= in systemd)";
    default:
        return "see the system's log";
    }
}

static int listen_fail(struct runnel_err *err, const char *text, int error) {
    return rn_fail(err, rn_sfd_code(error), "cannot listen on %s: %s; %s", text, strerror(error), listen_remedy(error));
}

static int listen_on(struct tcp *t, const char *text, struct runnel_err *err) {
    char address[RN_TCP_TEXT];
    struct sockaddr_storage at;
    struct rn_tcp_fault fault;
    socklen_t n;
    int fd, error;
    if (rn_tcp_parse(text, 1, &at, &n, &fault) != 0)
        return rn_fail(err, RUNNEL_EINVALID, "cannot listen on %s: want %s; %s", text, fault.want, fault.remedy);
    fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return listen_fail(err, text, errno);
    error = bind_and_listen(fd, &at, n, t->conf->backlog);
    if (!error)
        error = end_text(fd, ask_local, address);
    if (error) {
        (void)close(fd);
        return listen_fail(err, text, error);
    }
    return rn_sfd_listen(&t->sfd, fd, address, err);
}

/* ---- the plugin ------------------------------------------------------------------------------- */

static int check(const void *conf, runnel_complain *complain, void *arg) {
    const struct tcp_conf *c = conf;
    int rc = 0;
    for (const char *const *at = c->listen; at && *at; at++) {
        struct sockaddr_storage to;
        struct rn_tcp_fault fault;
        socklen_t n;
        if (rn_tcp_parse(*at, 1, &to, &n, &fault) == 0)
            continue;
        complain(arg, "listen", *at, fault.want, fault.remedy);
        rc = -RUNNEL_EINVALID;
    }
    return rc;
}

static int create(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err) {
    struct tcp *t = calloc(1, sizeof *t);
    int rc;
    if (!t)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    rc = rn_sfd_init(&t->sfd, inst, host, &kind, err);
    if (rc != 0) {
        free(t);
        return rc;
    }
    t->conf = conf;
    *self = t;
    return 0;
}

static int start(void *self, struct runnel_err *err) {
    struct tcp *t = self;
    for (const char *const *at = t->conf->listen; at && *at; at++) {
        int rc = listen_on(t, *at, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static void unlisten(void *self) {
    struct tcp *t = self;
    rn_sfd_unlisten(&t->sfd);
}

static void stop(void *self, runnel_done *done, void *arg) {
    struct tcp *t = self;
    rn_sfd_stop(&t->sfd, done, arg);
}

static void destroy(void *self) {
    struct tcp *t = self;
    rn_sfd_fini(&t->sfd);
    free(t);
}

static int dial(void *self, const char *address, struct runnel_link *link, void **conn, struct runnel_err *err) {
    const size_t n_scheme = strlen(RN_TCP_SCHEME);
    struct tcp *t = self;
    struct sockaddr_storage to;
    struct rn_tcp_fault fault;
    socklen_t n;
    if (strncmp(address, RN_TCP_SCHEME, n_scheme) != 0)
        return rn_fail(err, RUNNEL_EINVALID, "%.200s: cannot connect: want tcp://HOST:PORT", address);
    if (rn_tcp_parse(address + n_scheme, 0, &to, &n, &fault) != 0)
        return rn_fail(err, RUNNEL_EINVALID, "%.200s: cannot connect: want %s; %s", address, fault.want, fault.remedy);
    return rn_sfd_dial(&t->sfd, &to, n, address, link, conn, err);
}

static int addresses(void *self, char *buf, size_t n) {
    const struct tcp *t = self;
    return rn_sfd_addresses(&t->sfd, buf, n);
}

static const struct runnel_option options[] = {
    {"listen", RUNNEL_OPT_STRINGS, 0, offsetof(struct tcp_conf, listen), NULL, 0, 0,
     "Where to accept links: HOST:PORT, one or a list; port 0 takes any free one; left out: this transport only dials"},
    {"backlog", RUNNEL_OPT_INT, 0, offsetof(struct tcp_conf, backlog), "1024", 1, 65535,
     "How many new links may wait in the kernel until they are accepted"},
};

static const struct runnel_transport ops = {
    .size = sizeof ops,
    .scheme = "tcp",
    .dial = dial,
    .read = rn_sfd_read,
    .write = rn_sfd_write,
    .shut = rn_sfd_shut,
    .close = rn_sfd_close,
    .addresses = addresses,
    .unlisten = unlisten,
};

const struct runnel_plugin runnel_plugin = {
    .size = sizeof runnel_plugin,
    .abi_major = RUNNEL_ABI_MAJOR,
    .abi_minor = 0,
    .kind = RUNNEL_TRANSPORT,
    .name = "tcp",
    .version = PACKAGE_VERSION,
    .summary = "Links over TCP, IPv4 and IPv6",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .conf_size = sizeof(struct tcp_conf),
    .check = check,
    .create = create,
    .start = start,
    .stop = stop,
    .destroy = destroy,
    .ops = &ops,
};
