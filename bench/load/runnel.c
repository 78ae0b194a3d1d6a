/* SPDX-License-Identifier: MIT
 * runnel.c — the node protocol, as far as a load driver speaks it.
 * May touch: nothing but the buffers of a connection.
 *
 * The honest publish: one frame an observation, the node sets the time.
 */
#include "base/err.h"
#include "bench/load/load.h"
#include "bench/load/value.h"
#include "data/block.h"
#include "data/frame.h"
#include <stdlib.h>
#include <string.h>

#define FOLLOW (UINT64_C(1) << 40)    /* the id of the follow; publishes count from 1 */
#define CREDIT UINT64_C(16777216)     /* of it: all that the protocol allows */
#define ENTRY (2u + LOAD_VALUE)       /* bytes of an observation in a publish */
#define GIVE_BACK (UINT64_C(1) << 20) /* received bytes after which credit is given back */

/* What a connection remembers. */
struct mine {
    struct runnel_id stream;
    uint64_t next; /* seq that must come next in the follow */
    uint64_t owed; /* credit to give back */
    int any;       /* the follow begins with the next one, whichever that is */
};

static int hello(struct load_conn *c, struct runnel_err *err) {
    static const char text[] = "{\"runnel\":[1],\"agent\":\"load\"}";
    int r = rn_frame_json(&c->out, RN_FRAME_HELLO, 0, (struct runnel_bytes){(const uint8_t *)text, sizeof text - 1});
    return r < 0 ? rn_fail(err, -r, "no hello") : 0;
}

/* With the stream id, parsed once. */
static struct mine *mine_of(struct load_conn *c, struct runnel_err *err) {
    char hex[33];
    size_t n = 0;
    if (c->mine)
        return c->mine;
    for (const char *p = c->stream; *p && n < sizeof hex; p++)
        if (*p != '-')
            hex[n++] = *p;
    struct mine *m = calloc(1, sizeof *m);
    if (!m || rn_hex_parse(hex, n, m->stream.b, sizeof m->stream.b) < 0) {
        (void)rn_fail(err, RUNNEL_EINVALID, "--stream %s: want a stream id", c->stream);
        free(m);
        return NULL;
    }
    c->mine = m;
    return m;
}

/* An observation of a publish whose times the node sets: its delta is 0. */
static size_t put_entry(uint8_t *p, const uint8_t *value) {
    p[0] = 0;
    p[1] = LOAD_VALUE;
    memcpy(p + 2, value, LOAD_VALUE);
    return ENTRY;
}

static int join(struct load_conn *c, const uint8_t *values, size_t n, struct runnel_err *err) {
    uint8_t entries[LOAD_JOIN * ENTRY];
    size_t used = 0;
    const struct mine *m = mine_of(c, err);
    if (!m)
        return -RUNNEL_EINVALID;
    for (size_t i = 0; i < n && i < LOAD_JOIN; i++)
        used += put_entry(entries + used, values + i * LOAD_VALUE);
    int r =
        rn_frame_publish(&c->out, ++c->made, &m->stream, RN_PUBLISH_NOW, 0, 0, (struct runnel_bytes){entries, used});
    return r < 0 ? rn_fail(err, -r, "no publish") : 0;
}

static int publish(struct load_conn *c, struct runnel_bytes value, struct runnel_err *err) {
    return value.n == LOAD_VALUE ? join(c, value.p, 1, err)
                                 : rn_fail(err, RUNNEL_EINVALID, "a value of %zu bytes", value.n);
}

static int read_all(struct load_conn *c, uint64_t count, struct runnel_err *err) {
    struct rn_buf b = {.max = 1024};
    if (!mine_of(c, err))
        return -RUNNEL_EINVALID;
    (void)rn_buf_fmt(&b, "{\"method\":\"follow\",\"stream\":\"%s\",\"from\":0,\"until\":%llu,\"credit\":%llu}",
                     c->stream, (unsigned long long)count, (unsigned long long)CREDIT);
    int r = b.failed ? b.failed : rn_frame_json(&c->out, RN_FRAME_REQUEST, FOLLOW, rn_buf_bytes(&b));
    rn_buf_free(&b);
    return r < 0 ? rn_fail(err, -r, "no follow") : 0;
}

static int subscribe(struct load_conn *c, struct runnel_err *err) {
    struct rn_buf b = {.max = 1024};
    struct mine *m = mine_of(c, err);
    if (!m)
        return -RUNNEL_EINVALID;
    m->any = 1;
    (void)rn_buf_fmt(&b, "{\"method\":\"follow\",\"stream\":\"%s\",\"now\":true,\"credit\":%llu}", c->stream,
                     (unsigned long long)CREDIT);
    int r = b.failed ? b.failed : rn_frame_json(&c->out, RN_FRAME_REQUEST, FOLLOW, rn_buf_bytes(&b));
    rn_buf_free(&b);
    return r < 0 ? rn_fail(err, -r, "no follow") : 0;
}

/* The observations of a run, one by one, and credit for more. */
static int on_data(struct load_conn *c, const struct rn_frame *f, struct runnel_err *err) {
    struct mine *m = c->mine;
    struct rn_cursor cursor;
    struct rn_obs o;
    int r;
    if (!m || (f->seq != m->next && !m->any))
        return rn_fail(err, RUNNEL_EDAMAGED, "observation %llu came, %llu was due", (unsigned long long)f->seq,
                       m ? (unsigned long long)m->next : 0);
    rn_cursor_init(&cursor, f->body.p, f->body.n, f->seq, f->base);
    while ((r = rn_cursor_next(&cursor, &o, err)) > 0)
        if (c->calls->value && (r = c->calls->value(c, o.value, err)) < 0)
            break;
    if (r < 0)
        return r;
    m->next = cursor.seq;
    m->any = 0;
    m->owed += f->body.n;
    if (m->owed < GIVE_BACK)
        return 0;
    r = rn_frame_credit(&c->out, FOLLOW, m->owed);
    m->owed = 0;
    return r < 0 ? rn_fail(err, -r, "no credit") : 0;
}

static int on_state(struct load_conn *c, struct runnel_bytes json, struct runnel_err *err) {
    if (memmem(json.p, json.n, "\"end\":\"done\"", 12))
        return c->calls->end ? c->calls->end(c, err) : 0;
    if (memmem(json.p, json.n, "\"end\"", 5))
        return rn_fail(err, RUNNEL_EIO, "the node ends the follow: %.*s", (int)json.n, (const char *)json.p);
    return 0;
}

static int told(struct load_conn *c, const struct rn_frame *f, struct runnel_err *err) {
    switch (f->type) {
    case RN_FRAME_HELLO:
        c->phase = 1;
        return c->calls->ready ? c->calls->ready(c, err) : 0;
    case RN_FRAME_ANSWER:
        return c->mine && ((struct mine *)c->mine)->any && c->calls->ready ? c->calls->ready(c, err) : 0;
    case RN_FRAME_PUBLISHED:
        return c->calls->acked ? c->calls->acked(c, f->id - 1, err) : 0;
    case RN_FRAME_DATA:
        return on_data(c, f, err);
    case RN_FRAME_STATE:
        return on_state(c, f->body, err);
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

const struct load_proto load_runnel = {.name = "runnel",
                                       .hello = hello,
                                       .publish = publish,
                                       .join = join,
                                       .cast = publish,
                                       .subscribe = subscribe,
                                       .read = read_all,
                                       .take = take};
