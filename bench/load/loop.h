/* SPDX-License-Identifier: MIT
 * loop.h — connections of a load driver on raw epoll: their buffers, and the clock.
 * May touch: sockets, the clock.
 *
 * The driver must not be what is measured: one thread, one write a connection and turn, reads of 256 KiB.
 */
#ifndef RN_BENCH_LOOP_H
#define RN_BENCH_LOOP_H

#include "base/buf.h"

struct load_conn;
struct load_proto;

/* What a mode is told of its connections. Members that it does not need are NULL. */
struct load_calls {
    /* The server has answered the hello, and later once more each subscription. */
    int (*ready)(struct load_conn *c, struct runnel_err *err);
    /* Publish number `serial` (from 0, in each connection) is acknowledged. */
    int (*acked)(struct load_conn *c, uint64_t serial, struct runnel_err *err);
    /* A value has come; it is borrowed for the call. */
    int (*value)(struct load_conn *c, struct runnel_bytes value, struct runnel_err *err);
    /* All that was asked for by `read` has come. */
    int (*end)(struct load_conn *c, struct runnel_err *err);
};

struct load_conn {
    struct load_loop *loop;
    const struct load_proto *proto;
    const struct load_calls *calls;
    void *mode;            /* the mode's own */
    void *mine;            /* the protocol's own, from malloc; freed with the connection */
    const char *stream;    /* the stream, key or subject that it works on */
    unsigned number;       /* 0, 1, 2 … */
    int fd;                /* -1: closed */
    int waits_for_room;    /* the socket is full: epoll tells when it has room */
    int phase;             /* of the protocol: 0 until the hello is answered */
    uint64_t made, done;   /* publishes sent, and acknowledged */
    struct rn_buf in, out; /* received and not yet taken; to be sent */
};

struct load_loop {
    int epoll;
    struct load_conn *conns;
    unsigned n_conns;
    int64_t now;   /* when something was read last */
    uint8_t *room; /* what is read goes here; a connection keeps only the rest of a message */
};

/* Where the first connection goes, and where all others do: unix:///path or tcp://host:port. */
struct load_places {
    const char *first, *others;
};

/* Opens `n` connections, all with the same protocol and calls;
 * connection i works on streams[i % n_streams]. Each has said its hello when this returns. */
int load_open(struct load_loop *l, unsigned n, const struct load_places *to, const struct load_proto *proto,
              const struct load_calls *calls, void *mode, char *const *streams, unsigned n_streams,
              struct runnel_err *err);
void load_close(struct load_loop *l);

/* Waits up to `wait` ns (-1: until something comes), reads what has come, and hands it to the protocol. Each
 * connection that was turned to sends what it has to say. */
int load_turn(struct load_loop *l, int64_t wait, struct runnel_err *err);
/* Sends what stands in c->out, as much as the socket takes; the rest follows by itself. */
int load_flush(struct load_conn *c, struct runnel_err *err);

/* Sends what stands in c->out and never reads again. */
int load_deafen(struct load_conn *c, struct runnel_err *err);

int64_t load_now(void); /* ns of the monotonic clock */
int64_t load_cpu(void); /* ns of processor that this process has used */

#endif
