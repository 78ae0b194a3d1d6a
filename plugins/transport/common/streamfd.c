/* SPDX-License-Identifier: MIT
 * streamfd.c — the sockets of one instance, from its start to its end (streamfd.h).
 * May touch: sockets, and the libevent base of the host's loop.
 */
#include "plugins/transport/common/streamfdstate.h"

#include "base/err.h"
#include <errno.h>

int rn_sfd_code(int error) {
    switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
    case ENOENT:
        return RUNNEL_ECLOSED;
    case ETIMEDOUT:
        return RUNNEL_ETIMEOUT;
    case EACCES:
    case EPERM:
        return RUNNEL_EDENIED;
    case EADDRINUSE:
        return RUNNEL_ECONFLICT;
    case EMFILE:
    case ENFILE:
    case EAGAIN:
        return RUNNEL_EBUSY;
    case ENOBUFS:
    case ENOMEM:
        return RUNNEL_ENOMEM;
    default:
        return RUNNEL_EIO;
    }
}

/* An event that was activated and not host->defer: rn_sfd_fini can take it back. */
static void on_stopped(evutil_socket_t fd, short what, void *arg) {
    struct rn_sfd *s = arg;
    (void)fd;
    (void)what;
    s->done(s->done_arg, NULL);
}

int rn_sfd_init(struct rn_sfd *s, struct runnel_inst *inst, const struct runnel_host *host,
                const struct rn_sfd_kind *kind, struct runnel_err *err) {
    *s = (struct rn_sfd){.inst = inst, .host = host, .up = host->up, .kind = kind, .loop = host->loop(inst)};
    rn_list_init(&s->listeners);
    rn_list_init(&s->conns);
    if (!s->loop)
        return rn_fail(err, RUNNEL_EUNSUPPORTED, "this host has no event loop: sockets cannot be used here");
    if (event_assign(&s->stopped, s->loop, -1, 0, on_stopped, s) != 0)
        return rn_fail(err, RUNNEL_EINTERNAL, "the event loop refuses an event");
    return 0;
}

void rn_sfd_stop(struct rn_sfd *s, runnel_done *done, void *arg) {
    rn_sfd_unlisten(s);
    rn_list_for (it, &s->conns)
        rn_sfd_conn_silence(rn_list_of(it, struct rn_sfd_conn, all));
    s->done = done;
    s->done_arg = arg;
    event_active(&s->stopped, EV_TIMEOUT, 1);
}

void rn_sfd_fini(struct rn_sfd *s) {
    unsigned left = 0;
    rn_sfd_free_listeners(s);
    rn_list_for_safe (it, &s->conns) {
        rn_sfd_close(rn_list_of(it, struct rn_sfd_conn, all));
        left++;
    }
    if (left)
        s->host->log(s->inst, RUNNEL_ERROR, "%u connections were still open at the end: a defect of the host", left);
    (void)event_del(&s->stopped);
}
