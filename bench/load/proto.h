/* SPDX-License-Identifier: MIT
 * proto.h — what a load driver needs to know of a protocol.
 * May touch: nothing; the protocols only write into and read from the buffers of a connection.
 */
#ifndef RN_BENCH_PROTO_H
#define RN_BENCH_PROTO_H

#include "bench/load/loop.h"

/* All append to c->out and return 0, or a negative code and *err. What a protocol cannot do is NULL. */
struct load_proto {
    const char *name;
    /* What is said first. Its answer sets c->phase to 1 and fires calls->ready. */
    int (*hello)(struct load_conn *c, struct runnel_err *err);
    /* One publish into c->stream that the server keeps; calls->acked when it has it. Counts c->made up. */
    int (*publish)(struct load_conn *c, struct runnel_bytes value, struct runnel_err *err);
    /* The same for n values of LOAD_VALUE bytes, one behind the other: one publish, acknowledged once. */
    int (*join)(struct load_conn *c, const uint8_t *values, size_t n, struct runnel_err *err);
    /* One message to whoever is subscribed to c->stream; who does not answer that leaves acked out. */
    int (*cast)(struct load_conn *c, struct runnel_bytes value, struct runnel_err *err);
    /* From now on all that is published into c->stream; calls->ready when that stands, then calls->value each. */
    int (*subscribe)(struct load_conn *c, struct runnel_err *err);
    /* `count` values of c->stream from the beginning: calls->value each, then calls->end. */
    int (*read)(struct load_conn *c, uint64_t count, struct runnel_err *err);
    /* Takes whole messages from what has come and fires the calls. Returns the bytes used up (0: no message is
     * whole yet), or a negative code and *err: malformed, an error of the server. */
    long (*take)(struct load_conn *c, const uint8_t *p, size_t n, struct runnel_err *err);
};

extern const struct load_proto load_runnel, load_redis, load_nats, load_mqtt;

#endif
