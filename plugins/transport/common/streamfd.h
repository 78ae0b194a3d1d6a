/* SPDX-License-Identifier: MIT
 * streamfd.h — connections and listeners on stream sockets: what the unix and tcp transports share.
 * May touch: sockets, and the libevent base of the host's loop.
 */
#ifndef RN_TRANSPORT_STREAMFD_H
#define RN_TRANSPORT_STREAMFD_H

#include "base/list.h"
#include <event2/event.h>
#include <event2/event_struct.h>
#include <runnel/transport.h>
#include <sys/socket.h>

#define RN_SFD_ADDRESS 160u /* room for any address of these transports, with its terminator */

/* The two ends of a connection, as text. */
struct rn_sfd_ends {
    char remote[RN_SFD_ADDRESS], local[RN_SFD_ADDRESS];
};

/* In what one transport differs from another. */
struct rn_sfd_kind {
    /* Sets options of a fresh connection's socket. NULL: none. 0, or an errno. */
    int (*tune)(int fd);
    /* Says what is known of an open connection: trust, credentials, the texts in `ends` that
     * info->remote and info->local point to. One of `dialled` (the address that was dialled) and
     * `listener` (the address of the listener) is NULL. 0, or an errno. */
    int (*describe)(int fd, const char *dialled, const char *listener, struct rn_sfd_ends *ends,
                    struct runnel_link_info *info);
};

/* The sockets of one instance. */
struct rn_sfd {
    struct runnel_inst *inst;
    const struct runnel_host *host;
    const struct runnel_transport_up *up;
    const struct rn_sfd_kind *kind;
    struct event_base *loop;
    struct rn_list listeners, conns;
    struct event stopped;
    runnel_done *done;
    void *done_arg;
};

/* Makes ready, without any I/O. -RUNNEL_EUNSUPPORTED where the host has no loop (the simulator). */
int rn_sfd_init(struct rn_sfd *s, struct runnel_inst *inst, const struct runnel_host *host,
                const struct rn_sfd_kind *kind, struct runnel_err *err);
/* Accepts on `fd`, a non-blocking socket that listens already and is reached at `address`. The fd
 * belongs to `s` from here on, also on failure. */
int rn_sfd_listen(struct rn_sfd *s, int fd, const char *address, struct runnel_err *err);
/* Connects to `to`, for runnel_transport.dial. `address` is its text, shorter than RN_SFD_ADDRESS. */
int rn_sfd_dial(struct rn_sfd *s, const struct sockaddr_storage *to, socklen_t n, const char *address,
                struct runnel_link *link, void **conn, struct runnel_err *err);
/* Closes the listeners; the connections go on. */
void rn_sfd_unlisten(struct rn_sfd *s);
/* Closes the listeners and silences the connections, then fires done. The connections stay, dead, until the core
 * closes them. */
void rn_sfd_stop(struct rn_sfd *s, runnel_done *done, void *arg);
/* Closes and frees all that is left. */
void rn_sfd_fini(struct rn_sfd *s);

/* The ops of runnel_transport that need no more than the connection, or the instance's rn_sfd. */
ssize_t rn_sfd_read(void *conn, void *p, size_t n);
ssize_t rn_sfd_write(void *conn, const struct iovec *iov, int n);
void rn_sfd_shut(void *conn);
void rn_sfd_close(void *conn);
int rn_sfd_addresses(const struct rn_sfd *s, char *buf, size_t n);

/* The enum runnel_code for an errno. */
int rn_sfd_code(int error);

#endif
