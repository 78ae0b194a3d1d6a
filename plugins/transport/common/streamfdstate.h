/* SPDX-License-Identifier: MIT
 * streamfdstate.h — what a connection on a stream socket is made of, for the files of this folder.
 * May touch: sockets, and the libevent base of the host's loop.
 */
#ifndef RN_TRANSPORT_STREAMFDSTATE_H
#define RN_TRANSPORT_STREAMFDSTATE_H

#include "plugins/transport/common/streamfd.h"
#include <stdbool.h>

/* What is needed only until a connection is open. */
struct rn_sfd_dialling {
    struct sockaddr_storage to;
    socklen_t n_to;
    uint32_t retries;
    int error; /* errno of a connect that failed at once */
    char address[RN_SFD_ADDRESS];
};

enum rn_sfd_state { RN_SFD_CONNECTING, RN_SFD_OPEN, RN_SFD_DEAD };

struct rn_sfd_conn {
    struct rn_list all;
    struct rn_sfd *s;
    struct runnel_link *link;
    struct event rd, wr;
    struct rn_sfd_dialling *dialling; /* NULL for one that was accepted or is open */
    bool *gone;                       /* set by close while up->accepted runs: the conn is no more */
    int fd;
    enum rn_sfd_state state;
    bool shut;   /* asked for before it was open */
    bool hungry; /* the last read found nothing: the core waits to hear of more */
};

/* ---- conn.c ---- */

/* A connection for `fd`, which it owns from here on; NULL (and the fd closed) when out of memory. */
struct rn_sfd_conn *rn_sfd_conn_new(struct rn_sfd *s, int fd);
/* It does no more, and waits to be closed. */
void rn_sfd_conn_silence(struct rn_sfd_conn *c);
/* Prepares the socket of a connection and says what it is. 0, or an errno. */
int rn_sfd_conn_describe(struct rn_sfd_conn *c, const char *listener, struct rn_sfd_ends *ends,
                         struct runnel_link_info *info);
/* The event `wr` of an open connection. */
void rn_sfd_on_writable(evutil_socket_t fd, short what, void *arg);

/* ---- accept.c ---- */

void rn_sfd_free_listeners(struct rn_sfd *s);

#endif
