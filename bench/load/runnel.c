/* SPDX-License-Identifier: MIT
 * runnel.c — the node protocol, as far as a load driver speaks it.
 * May touch: nothing but the buffers of a connection.
 *
 * The honest publish: one frame an observation, the node sets the time.
 */
#include "base/err.h"
#include "bench/load/proto.h"
#include "data/frame.h"
#include <stdlib.h>
#include <string.h>

static int hello(struct load_conn *c, struct runnel_err *err) {
    static const char text[] = "{\"runnel\":[1],\"agent\":\"load\"}";
    int r = rn_frame_json(&c->out, RN_FRAME_HELLO, 0, (struct runnel_bytes){(const uint8_t *)text, sizeof text - 1});
    return r < 0 ? rn_fail(err, -r, "no hello") : 0;
}

/* The stream id, parsed once and kept. */
static struct runnel_id *stream_id(struct load_conn *c, struct runnel_err *err) {
    char hex[33];
    size_t n = 0;
    if (c->mine)
        return c->mine;
    for (const char *p = c->stream; *p && n < sizeof hex; p++)
        if (*p != '-')
            hex[n++] = *p;
    struct runnel_id *id = malloc(sizeof *id);
    if (!id || rn_hex_parse(hex, n, id->b, sizeof id->b) < 0) {
        (void)rn_fail(err, RUNNEL_EINVALID, "--stream %s: want a stream id", c->stream);
        free(id);
        return NULL;
    }
    c->mine = id;
    return id;
}

static int publish(struct load_conn *c, struct runnel_bytes value, struct runnel_err *err) {
    uint8_t entry[64];
    const struct runnel_id *id = stream_id(c, err);
    if (!id)
        return -RUNNEL_EINVALID;
    if (value.n > sizeof entry - 2)
        return rn_fail(err, RUNNEL_ETOOBIG, "a value of %zu bytes", value.n);
    entry[0] = 0; /* delta */
    entry[1] = (uint8_t)value.n;
    memcpy(entry + 2, value.p, value.n);
    int r = rn_frame_publish(&c->out, ++c->made, id, RN_PUBLISH_NOW, 0, 0, (struct runnel_bytes){entry, value.n + 2});
    return r < 0 ? rn_fail(err, -r, "no publish") : 0;
}

static int told(struct load_conn *c, const struct rn_frame *f, struct runnel_err *err) {
    switch (f->type) {
    case RN_FRAME_HELLO:
        c->phase = 1;
        return c->calls->ready ? c->calls->ready(c, err) : 0;
    case RN_FRAME_PUBLISHED:
        return c->calls->acked ? c->calls->acked(c, f->id - 1, err) : 0;
    case RN_FRAME_ERROR:
        return rn_fail(err, RUNNEL_EIO, "the node says to request %llu: %.*s", (unsigned long long)f->id,
                       (int)f->body.n, (const char *)f->body.p);
    default:
        return 0;
    }
}

static long take(struct load_conn *c, const uint8_t *p, size_t n, struct runnel_err *err) {
    struct rn_frame f;
    int used = rn_frame_get(p, n, &f, err);
    if (used <= 0)
        return used;
    int r = told(c, &f, err);
    return r < 0 ? r : used;
}

const struct load_proto load_runnel = {
    .name = "runnel", .hello = hello, .publish = publish, .cast = publish, .take = take};
