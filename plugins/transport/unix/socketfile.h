/* SPDX-License-Identifier: MIT
 * socketfile.h — a listening socket with a name in the file system: made, given its rights, taken away again.
 * May touch: unix sockets, files, the group database.
 */
#ifndef RN_UNIX_SOCKETFILE_H
#define RN_UNIX_SOCKETFILE_H

#include <runnel/types.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/un.h>

/* The longest path that can be dialled, and the longest that can be listened on: the socket is made under a
 * temporary name, which is RN_UNIX_SUFFIX bytes longer, and takes its own name when it is ready. */
#define RN_UNIX_SUFFIX 9u
#define RN_UNIX_DIAL_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define RN_UNIX_LISTEN_MAX (RN_UNIX_DIAL_MAX - RN_UNIX_SUFFIX)

/* What is wanted. */
struct rn_socket_want {
    const char *path;  /* absolute, at most RN_UNIX_LISTEN_MAX bytes */
    mode_t mode;       /* of the socket: who may write may connect */
    const char *group; /* name or number; NULL: the process's */
    int backlog;
    uint32_t random; /* makes the temporary name */
};

/* A socket that was made, so that it can be known again. */
struct rn_socket_file {
    char path[RN_UNIX_DIAL_MAX + 1];
    dev_t dev;
    ino_t ino;
    bool there;
};

/* Listens. A socket at the path that nobody answers any more is replaced; anything else there is left alone
 * and an error. There is no moment at which somebody without the right could connect. Returns the listening,
 * non-blocking fd, or a negative enum runnel_code and leaves nothing behind. */
int rn_socket_file_make(struct rn_socket_file *f, const struct rn_socket_want *want, struct runnel_err *err);
/* Removes the socket, if it is still the one that was made. */
void rn_socket_file_remove(struct rn_socket_file *f);

/* Reads "0660": three or four octal digits, no more than 0777. 0, or -1. */
int rn_socket_mode(const char *text, mode_t *mode);

#endif
