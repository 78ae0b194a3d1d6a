/* SPDX-License-Identifier: MIT
 * unix.c — the unix transport: local links, whose other end the kernel vouches for.
 * May touch: unix sockets and the file of its own one, the group database, the libevent base of the host's loop.
 */
#include "config.h"

#include "base/err.h"
#include "plugins/transport/common/streamfd.h"
#include "plugins/transport/unix/socketfile.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME "unix://"

struct unix_conf {
    const char *path, *mode, *group;
    int64_t backlog;
};

struct unix_transport {
    struct rn_sfd sfd;
    struct rn_socket_file file;
    const struct unix_conf *conf;
};

/* The one who connected has no address: it is named by its process. */
static int describe(int fd, const char *dialled, const char *listener, struct rn_sfd_ends *ends,
                    struct runnel_link_info *info) {
    struct ucred who;
    socklen_t n = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
        return errno;
    info->trust = RUNNEL_LOCAL;
    info->uid = (int64_t)who.uid;
    info->gid = (int64_t)who.gid;
    info->pid = (int64_t)who.pid;
    if (dialled)
        (void)snprintf(ends->remote, sizeof ends->remote, "%s", dialled);
    else
        (void)snprintf(ends->remote, sizeof ends->remote, SCHEME "pid:%" PRId64, info->pid);
    info->remote = ends->remote;
    if (listener) {
        (void)snprintf(ends->local, sizeof ends->local, "%s", listener);
        info->local = ends->local;
    }
    return 0;
}

static const struct rn_sfd_kind kind = {.describe = describe};

/* ---- the plugin ------------------------------------------------------------------------------- */

static int check_path(const struct unix_conf *c, runnel_complain *complain, void *arg) {
    char found[64], want[64];
    if (c->path[0] != '/') {
        complain(arg, "path", c->path, "an absolute path", "begin it with /, as in \"/run/runnel/runnel.sock\"");
        return -RUNNEL_EINVALID;
    }
    if (strlen(c->path) <= RN_UNIX_LISTEN_MAX)
        return 0;
    (void)snprintf(found, sizeof found, "a path of %zu bytes", strlen(c->path));
    (void)snprintf(want, sizeof want, "at most %zu bytes", RN_UNIX_LISTEN_MAX);
    complain(arg, "path", found, want, "choose a shorter one: the system's socket addresses hold no more");
    return -RUNNEL_EINVALID;
}

static int check(const void *conf, runnel_complain *complain, void *arg) {
    const struct unix_conf *c = conf;
    int rc = check_path(c, complain, arg);
    mode_t mode;
    if (rn_socket_mode(c->mode, &mode) != 0) {
        complain(arg, "mode", c->mode, "an octal mode from \"000\" to \"0777\"",
                 "write it as a string, as in \"0660\": who may write may connect");
        rc = -RUNNEL_EINVALID;
    }
    if (c->group && c->group[0] == '\0') {
        complain(arg, "group", "nothing", "the name or number of a group", "name one, or leave the option out");
        rc = -RUNNEL_EINVALID;
    }
    return rc;
}

static int create(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err) {
    struct unix_transport *t = calloc(1, sizeof *t);
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
    struct unix_transport *t = self;
    struct rn_socket_want want = {.path = t->conf->path, .group = t->conf->group, .backlog = (int)t->conf->backlog};
    char address[RN_SFD_ADDRESS];
    int fd;
    if (rn_socket_mode(t->conf->mode, &want.mode) != 0)
        return rn_fail(err, RUNNEL_EINVALID, "mode: found %.32s, want an octal mode such as 0660", t->conf->mode);
    t->sfd.host->random(t->sfd.inst, &want.random, sizeof want.random);
    fd = rn_socket_file_make(&t->file, &want, err);
    if (fd < 0)
        return fd;
    (void)snprintf(address, sizeof address, SCHEME "%s", t->file.path);
    return rn_sfd_listen(&t->sfd, fd, address, err);
}

static void unlisten(void *self) {
    struct unix_transport *t = self;
    rn_socket_file_remove(&t->file);
    rn_sfd_unlisten(&t->sfd);
}

static void stop(void *self, runnel_done *done, void *arg) {
    struct unix_transport *t = self;
    rn_socket_file_remove(&t->file);
    rn_sfd_stop(&t->sfd, done, arg);
}

static void destroy(void *self) {
    struct unix_transport *t = self;
    rn_socket_file_remove(&t->file);
    rn_sfd_fini(&t->sfd);
    free(t);
}

static int dial(void *self, const char *address, struct runnel_link *link, void **conn, struct runnel_err *err) {
    const size_t n_scheme = strlen(SCHEME);
    struct unix_transport *t = self;
    struct sockaddr_storage to = {0};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n;
    if (strncmp(address, SCHEME "/", n_scheme + 1) != 0)
        return rn_fail(err, RUNNEL_EINVALID, "%.200s: cannot connect: want unix:///ABSOLUTE/PATH", address);
    n = strlen(address + n_scheme);
    if (n < 2 || n > RN_UNIX_DIAL_MAX)
        return rn_fail(err, RUNNEL_EINVALID, "%.200s: cannot connect: want a path of 2 to %zu bytes", address,
                       RN_UNIX_DIAL_MAX);
    memcpy(a.sun_path, address + n_scheme, n);
    memcpy(&to, &a, sizeof a);
    return rn_sfd_dial(&t->sfd, &to, sizeof a, address, link, conn, err);
}

static int addresses(void *self, char *buf, size_t n) {
    const struct unix_transport *t = self;
    return rn_sfd_addresses(&t->sfd, buf, n);
}

#define AT(field) offsetof(struct unix_conf, field)
static const struct runnel_option options[] = {
    {"path", RUNNEL_OPT_STRING, 0, AT(path), "/run/runnel/runnel.sock", 0, 0,
     "Where the socket is: an absolute path, whose folder must exist"},
    {"mode", RUNNEL_OPT_STRING, 0, AT(mode), "0660", 0, 0, "The socket's mode, octal: who may write may connect"},
    {"group", RUNNEL_OPT_STRING, 0, AT(group), NULL, 0, 0,
     "The socket's group, by name or number; left out: the daemon's"},
    {"backlog", RUNNEL_OPT_INT, 0, AT(backlog), "1024", 1, 65535,
     "How many new links may wait in the kernel until they are accepted"},
};

static const struct runnel_transport ops = {
    .size = sizeof ops,
    .scheme = "unix",
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
    .name = "unix",
    .version = PACKAGE_VERSION,
    .summary = "Links between programs of one machine, over a unix socket",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .conf_size = sizeof(struct unix_conf),
    .check = check,
    .create = create,
    .start = start,
    .stop = stop,
    .destroy = destroy,
    .ops = &ops,
};
