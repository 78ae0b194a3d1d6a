/* SPDX-License-Identifier: MIT
 * transport.h — the calls of a transport plugin: bytes between two nodes, as non-blocking POSIX.
 * May touch: plugin.h and the system's <sys/types.h>, <sys/uio.h>.
 */
#ifndef RUNNEL_TRANSPORT_H
#define RUNNEL_TRANSPORT_H

#include <runnel/plugin.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct runnel_link; /* the core's side of a connection; opaque to the plugin */

/* How far a link may be trusted; the values are frozen. */
enum runnel_trust {
    RUNNEL_RAW = 1,   /* anybody may read or alter the bytes: the session must seal them */
    RUNNEL_LOCAL = 2, /* the kernel vouches for who is at the other end (uid, gid, pid) */
    RUNNEL_SEALED = 3 /* confidential and unaltered already; who it is must be shown by other means */
};

/* What the plugin knows of a link when it opens. Size first; strings are copied by the core. */
struct runnel_link_info {
    uint32_t size;
    uint32_t trust;        /* enum runnel_trust */
    const char *remote;    /* the other end's address, for logs and peers: "tcp://127.0.0.1:41234" */
    const char *local;     /* our end's address; may be NULL */
    int64_t uid, gid, pid; /* for RUNNEL_LOCAL, from the kernel; else -1 */
};

#define RUNNEL_READABLE 1u
#define RUNNEL_WRITABLE 2u

/* The ops of a transport plugin. A connection is either dialled (dial, then up->opened or
 * up->closed) or accepted (up->accepted). No retries and no keep-alives: the session has them. */
struct runnel_transport {
    uint32_t size;
    /* The address scheme this transport dials, without "://" ("tcp"). */
    const char *scheme;

    /* Begins to connect to `address` ("scheme://..."). On success stores the connection in *conn;
     * exactly one of up->opened(link, ...) and up->closed(link, ...) follows, never inside the call.
     * A negative enum runnel_code and err when the address is malformed (another scheme, too long, control
     * characters, not UTF-8, ...) or refused outright; then nothing follows. The caller may close the connection at any
     * time, also before it opens. */
    int (*dial)(void *self, const char *address, struct runnel_link *link, void **conn, struct runnel_err *err);

    /* Reads up to `n` bytes: the number read, 0 at the orderly end, or a negative enum runnel_code;
     * -RUNNEL_EBUSY: nothing now, up->ready(RUNNEL_READABLE) will follow once. Any other code, here
     * and from write: the connection has failed; the caller knows, up->closed does not follow. */
    ssize_t (*read)(void *conn, void *p, size_t n);

    /* Writes what fits now: the number of bytes taken, or a negative enum runnel_code;
     * -RUNNEL_EBUSY: nothing fits, up->ready(RUNNEL_WRITABLE) will follow once. */
    ssize_t (*write)(void *conn, const struct iovec *iov, int n);

    /* Says that we shall write no more; reading goes on. May come before the connection is open. */
    void (*shut)(void *conn);

    /* Ends and frees the connection. No upcall for it comes afterwards. */
    void (*close)(void *conn);

    /* Writes the addresses on which this instance can be dialled, each with a newline, terminated; returns
     * the number of bytes that it needs without the terminator (as snprintf does). */
    int (*addresses)(void *self, char *buf, size_t n);

    /* Closes the listeners, for good: the node is about to stop. Connections go on, and no more are
     * accepted. May be NULL: who connects meanwhile is then refused by the core. */
    void (*unlisten)(void *self);
};

/* Upcalls of the core, in host->up. */
struct runnel_transport_up {
    uint32_t size;
    /* Somebody has connected. Returns the core's link, or NULL: the plugin then closes `conn` by
     * itself. The core may call read, write or close from within; after a close from within `conn` is
     * gone already and what is returned says nothing. When no connection can be accepted for a while
     * (descriptors run out), the plugin says so once in the log and goes on when it can. */
    struct runnel_link *(*accepted)(struct runnel_inst *inst, void *conn, const struct runnel_link_info *info);
    /* A dialled connection is open. */
    void (*opened)(struct runnel_link *link, const struct runnel_link_info *info);
    /* The connection can be read or written again after -RUNNEL_EBUSY (a fresh connection counts as
     * readable and writable: the core tries at once). `rw`: RUNNEL_READABLE, RUNNEL_WRITABLE. */
    void (*ready)(struct runnel_link *link, uint32_t rw);
    /* The connection failed, or never opened. The core calls close for it, now or later. */
    void (*closed)(struct runnel_link *link, const struct runnel_err *err);
};

#ifdef __cplusplus
}
#endif
#endif
