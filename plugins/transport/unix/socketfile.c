/* SPDX-License-Identifier: MIT
 * socketfile.c — makes and removes the file of a listening unix socket.
 * May touch: unix sockets, files, the group database.
 */
#include "plugins/transport/unix/socketfile.h"
#include "base/err.h"
#include "plugins/transport/common/streamfd.h"
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUP_ROOM_MAX 65536u /* bytes of one entry in the group database */

int rn_socket_mode(const char *text, mode_t *mode) {
    size_t n = strspn(text, "01234567");
    mode_t m = 0;
    if (text[n] != '\0' || n < 3 || n > 4 || (n == 4 && text[0] != '0'))
        return -1;
    for (; *text; text++)
        m = (mode_t)(m * 8 + (mode_t)(*text - '0'));
    *mode = m;
    return 0;
}

static const char *remedy(int error) {
    switch (error) {
    case ENOENT:
        return "make its folder first (under systemd: RuntimeDirectory=)";
    case EACCES:
    case EPERM:
        return "the daemon's user must be allowed to write in its folder";
    case EMFILE:
    case ENFILE:
        return "raise the limit of open files (LimitNOFILE= in systemd)";
    default:
        return "choose another path, or see the system's log";
    }
}

static int fail(struct runnel_err *err, const char *path, const char *what, int error) {
    return rn_fail(err, rn_sfd_code(error), "%s: %s: %s; %s", path, what, strerror(error), remedy(error));
}

static void name_of(struct sockaddr_un *a, const char *path) {
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(a->sun_path, sizeof a->sun_path, "%s", path);
}

/* ---- whose is it? ----------------------------------------------------------------------------- */

/* Looks a group's name up in the database, with more room as long as that is asked for. 0 or an errno. */
static int look_up_group(const char *name, gid_t *gid) {
    for (size_t room = 1024; room <= GROUP_ROOM_MAX; room *= 2) {
        struct group g, *found = NULL;
        char *text = malloc(room);
        int error = text ? getgrnam_r(name, &g, text, room, &found) : ENOMEM;
        if (!error && found)
            *gid = found->gr_gid;
        free(text);
        if (error != ERANGE)
            return error || found ? error : ENOENT;
    }
    return ERANGE;
}

static int group_of(const char *text, gid_t *gid, struct runnel_err *err) {
    char *end = NULL;
    unsigned long number;
    int error = look_up_group(text, gid);
    if (!error)
        return 0;
    errno = 0;
    number = strtoul(text, &end, 10);
    /* The last gid means "leave as it is" to chown. */
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && number < (gid_t)-1) {
        *gid = (gid_t)number;
        return 0;
    }
    if (error == ENOENT)
        return rn_fail(err, RUNNEL_ENOTFOUND,
                       "group %s: there is none of that name; make it with groupadd, or name another", text);
    return rn_fail(err, RUNNEL_EIO, "group %s: cannot be looked up: %s", text, strerror(error));
}

static int give_rights(const char *path, const struct rn_socket_want *want, struct runnel_err *err) {
    gid_t gid = (gid_t)-1;
    if (want->group) {
        int rc = group_of(want->group, &gid, err);
        if (rc != 0)
            return rc;
        if (chown(path, (uid_t)-1, gid) != 0)
            return rn_fail(err, RUNNEL_EDENIED,
                           "%s: cannot be given to group %s: %s; the daemon's user must be in that group", want->path,
                           want->group, strerror(errno));
    }
    return chmod(path, want->mode) == 0 ? 0 : fail(err, want->path, "cannot set its mode", errno);
}

/* ---- what stands at the path? ----------------------------------------------------------------- */

/* Whether somebody listens at the path: the errno of a connect, 0 when somebody does. */
static int knock(const char *path) {
    struct sockaddr_un a;
    int error, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    name_of(&a, path);
    error = connect(fd, (const struct sockaddr *)&a, sizeof a) == 0 ? 0 : errno;
    (void)close(fd);
    return error == EAGAIN ? 0 : error;
}

/* 0 when the path is free, 1 when a socket is there that nobody listens on, or a negative code. */
static int look_at(const char *path, struct runnel_err *err) {
    struct stat st;
    int error;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : fail(err, path, "cannot listen", errno);
    if (!S_ISSOCK(st.st_mode))
        return rn_fail(err, RUNNEL_ECONFLICT,
                       "%s: cannot listen: something that is no socket is there; move it away, or choose another path",
                       path);
    error = knock(path);
    if (error == ECONNREFUSED)
        return 1;
    if (error == ENOENT)
        return 0;
    if (error == 0)
        return rn_fail(err, RUNNEL_ECONFLICT,
                       "%s: cannot listen: another program answers there; stop it, or choose another path", path);
    return rn_fail(err, RUNNEL_ECONFLICT,
                   "%s: cannot listen: a socket is there and it is not known who has it (%s); remove it, or choose "
                   "another path",
                   path, strerror(error));
}

/* Moves the finished socket to its path. A path that was free must still be: link refuses otherwise. */
static int take_name(const char *temporary, const char *path, struct runnel_err *err) {
    int stale = look_at(path, err);
    if (stale < 0)
        return stale;
    if (stale)
        return rename(temporary, path) == 0 ? 0 : fail(err, path, "cannot replace the old socket", errno);
    if (link(temporary, path) != 0)
        return fail(err, path, "cannot listen", errno);
    /* Should it stay, it is a second name of the same socket: untidy, not wrong. */
    (void)unlink(temporary);
    return 0;
}

/* ---- making and removing ---------------------------------------------------------------------- */

/* Before listen, nobody can connect: the rights are complete by then. */
static int finish(int fd, const char *temporary, const struct rn_socket_want *want, struct rn_socket_file *f,
                  struct runnel_err *err) {
    struct stat st;
    int rc = give_rights(temporary, want, err);
    if (rc != 0)
        return rc;
    if (listen(fd, want->backlog) != 0 || lstat(temporary, &st) != 0)
        return fail(err, want->path, "cannot listen", errno);
    rc = take_name(temporary, want->path, err);
    if (rc != 0)
        return rc;
    f->dev = st.st_dev;
    f->ino = st.st_ino;
    f->there = true;
    return 0;
}

int rn_socket_file_make(struct rn_socket_file *f, const struct rn_socket_want *want, struct runnel_err *err) {
    char temporary[RN_UNIX_DIAL_MAX + 1];
    struct sockaddr_un a;
    int rc, fd;
    *f = (struct rn_socket_file){0};
    if (strlen(want->path) > RN_UNIX_LISTEN_MAX)
        return rn_fail(err, RUNNEL_ETOOBIG, "%.200s: cannot listen: the path is longer than %zu bytes", want->path,
                       RN_UNIX_LISTEN_MAX);
    (void)snprintf(f->path, sizeof f->path, "%s", want->path);
    (void)snprintf(temporary, sizeof temporary, "%.*s.%08x", (int)RN_UNIX_LISTEN_MAX, want->path, want->random);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(err, want->path, "cannot listen", errno);
    name_of(&a, temporary);
    if (bind(fd, (const struct sockaddr *)&a, sizeof a) != 0) {
        rc = fail(err, want->path, "cannot listen", errno);
        (void)close(fd);
        return rc;
    }
    rc = finish(fd, temporary, want, f, err);
    if (rc != 0) {
        (void)unlink(temporary);
        (void)close(fd);
        return rc;
    }
    return fd;
}

void rn_socket_file_remove(struct rn_socket_file *f) {
    struct stat st;
    if (f->there && lstat(f->path, &st) == 0 && st.st_dev == f->dev && st.st_ino == f->ino)
        (void)unlink(f->path);
    f->there = false;
}
