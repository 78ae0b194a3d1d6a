/* SPDX-License-Identifier: MIT
 * frame.c — writes and reads the frames of the node protocol.
 * May touch: the heap.
 */
#include "data/frame.h"

#include "base/err.h"
#include "base/leb128.h"

#include <inttypes.h>
#include <string.h>

/* ---- reading ---- */

/* What is left of a frame while it is read. The first thing that is wrong stands in `wrong`, and
 * everything read after it is zero. */
struct reader {
    const uint8_t *p;
    size_t n;
    const char *wrong;
};

static const uint8_t *take(struct reader *r, size_t n) {
    if (r->wrong || n > r->n) {
        r->wrong = r->wrong ? r->wrong : "it ends too early";
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    r->n -= n;
    return p;
}

static uint64_t take_leb(struct reader *r) {
    uint64_t v = 0;
    if (r->wrong)
        return 0;
    int used = rn_leb_get(r->p, r->n, &v);
    if (used <= 0) {
        r->wrong = used ? "a LEB128 is not the shortest of 64 bits" : "it ends within a LEB128";
        return 0;
    }
    r->p += used;
    r->n -= (size_t)used;
    return v;
}

static int64_t take_time(struct reader *r) {
    const uint8_t *p = take(r, 8);
    return p ? (int64_t)rn_get_le64(p) : 0;
}

static struct runnel_bytes take_rest(struct reader *r) {
    struct runnel_bytes rest = {r->p, r->n};
    take(r, r->n);
    return rest;
}

static void read_publish(struct reader *r, struct rn_frame *f) {
    const uint8_t *id = take(r, sizeof f->stream.b);
    if (id)
        memcpy(f->stream.b, id, sizeof f->stream.b);
    const uint8_t *flags = take(r, 1);
    f->flags = flags ? *flags : 0;
    if (f->flags & ~(RN_PUBLISH_SEQ | RN_PUBLISH_NOW | RN_PUBLISH_FRESH))
        r->wrong = "it has unknown flags";
    if (f->flags & RN_PUBLISH_FRESH && !(f->flags & RN_PUBLISH_SEQ))
        r->wrong = "it has the flag FRESH without SEQ";
    if (f->flags & RN_PUBLISH_SEQ)
        f->seq = take_leb(r);
    f->base = take_time(r);
    if (f->flags & RN_PUBLISH_NOW && f->base != 0)
        r->wrong = "its base is not 0 although the node is to set the time";
    f->body = take_rest(r);
}

static void read_published(struct reader *r, struct rn_frame *f) {
    f->seq = take_leb(r);
    f->count = take_leb(r);
    f->base = take_time(r);
    f->last = take_time(r);
}

static void read_data(struct reader *r, struct rn_frame *f) {
    f->seq = take_leb(r);
    f->base = take_time(r);
    f->body = take_rest(r);
}

static void read_hashes(struct reader *r, struct rn_frame *f) {
    f->body = take_rest(r);
    if (f->body.n % RN_HASH || f->body.n / RN_HASH > RN_MAX_HASHES)
        r->wrong = "its hashes are not 0 to 1024 of 32 bytes";
}

/* Reads the body of a frame whose type is known. */
static void read_body(struct reader *r, struct rn_frame *f) {
    if (f->type != RN_FRAME_HELLO)
        f->id = take_leb(r);
    switch (f->type) {
    case RN_FRAME_HELLO:
    case RN_FRAME_REQUEST:
    case RN_FRAME_ANSWER:
    case RN_FRAME_ERROR:
    case RN_FRAME_HEAD:
    case RN_FRAME_STATE:
        f->body = take_rest(r);
        break;
    case RN_FRAME_PUBLISH:
        read_publish(r, f);
        break;
    case RN_FRAME_PUBLISHED:
        read_published(r, f);
        break;
    case RN_FRAME_DATA:
        read_data(r, f);
        break;
    case RN_FRAME_CREDIT:
        f->count = take_leb(r);
        break;
    case RN_FRAME_HASHES:
        read_hashes(r, f);
        break;
    }
    if (!r->wrong && r->n)
        r->wrong = "it has bytes behind its end";
}

int rn_frame_get(const void *p, size_t n, struct rn_frame *f, struct runnel_err *err) {
    const uint8_t *b = p;
    if (n < RN_FRAME_LENGTH)
        return 0;
    uint32_t length = rn_get_le32(b);
    if (length == 0)
        return rn_fail(err, RUNNEL_EINVALID, "frame: its length is 0");
    if (length > RN_MAX_FRAME)
        return rn_fail(err, RUNNEL_ETOOBIG, "frame: %" PRIu32 " bytes, want at most %d", length, RN_MAX_FRAME);
    if (n == RN_FRAME_LENGTH)
        return 0;
    uint8_t type = b[RN_FRAME_LENGTH];
    if (type < RN_FRAME_HELLO || type > RN_FRAME_HASHES)
        return rn_fail(err, RUNNEL_EUNSUPPORTED, "frame: unknown type %u", type);
    if (n - RN_FRAME_LENGTH < length)
        return 0;
    struct reader r = {b + RN_FRAME_LENGTH + 1, length - 1, NULL};
    memset(f, 0, sizeof *f);
    f->type = (enum rn_frame_type)type;
    read_body(&r, f);
    if (r.wrong)
        return rn_fail(err, RUNNEL_EINVALID, "frame of type %u: %s", type, r.wrong);
    return (int)(RN_FRAME_LENGTH + length);
}

/* ---- writing ---- */

/* The fields of a frame before its body. The longest are PUBLISH's: 10 + 16 + 1 + 10 + 8. */
struct fields {
    uint8_t b[64];
    size_t n;
};

static void put(struct fields *f, const void *p, size_t n) {
    memcpy(f->b + f->n, p, n);
    f->n += n;
}

static void put_byte(struct fields *f, uint8_t c) {
    f->b[f->n++] = c;
}

static void put_leb(struct fields *f, uint64_t v) {
    f->n += rn_leb_put(f->b + f->n, v);
}

static void put_time(struct fields *f, int64_t t) {
    rn_put_le64(f->b + f->n, (uint64_t)t);
    f->n += 8;
}

static int append(struct rn_buf *b, enum rn_frame_type type, const struct fields *f, struct runnel_bytes body) {
    if (body.n > RN_MAX_FRAME - 1 - f->n)
        return -RUNNEL_ETOOBIG;
    size_t length = 1 + f->n + body.n;
    int failed = b->failed;
    uint8_t *p = rn_buf_room(b, RN_FRAME_LENGTH + length);
    if (!p) {
        int rc = b->failed;
        b->failed = failed;
        return rc;
    }
    rn_put_le32(p, (uint32_t)length);
    p[RN_FRAME_LENGTH] = (uint8_t)type;
    p += RN_FRAME_LENGTH + 1;
    if (f->n)
        memcpy(p, f->b, f->n);
    if (body.n)
        memcpy(p + f->n, body.p, body.n);
    b->n += RN_FRAME_LENGTH + length;
    return 0;
}

int rn_frame_json(struct rn_buf *b, enum rn_frame_type type, uint64_t id, struct runnel_bytes json) {
    struct fields f = {.n = 0};
    if (type != RN_FRAME_HELLO)
        put_leb(&f, id);
    return append(b, type, &f, json);
}

int rn_frame_publish(struct rn_buf *b, uint64_t id, const struct runnel_id *stream, uint8_t flags, uint64_t seq,
                     int64_t base, struct runnel_bytes entries) {
    struct fields f = {.n = 0};
    put_leb(&f, id);
    put(&f, stream->b, sizeof stream->b);
    put_byte(&f, flags);
    if (flags & RN_PUBLISH_SEQ)
        put_leb(&f, seq);
    put_time(&f, base);
    return append(b, RN_FRAME_PUBLISH, &f, entries);
}

int rn_frame_published(struct rn_buf *b, uint64_t id, uint64_t seq, uint64_t count, int64_t first, int64_t last) {
    struct fields f = {.n = 0};
    put_leb(&f, id);
    put_leb(&f, seq);
    put_leb(&f, count);
    put_time(&f, first);
    put_time(&f, last);
    return append(b, RN_FRAME_PUBLISHED, &f, (struct runnel_bytes){NULL, 0});
}

int rn_frame_data(struct rn_buf *b, uint64_t follow, uint64_t seq, int64_t base, struct runnel_bytes entries) {
    struct fields f = {.n = 0};
    put_leb(&f, follow);
    put_leb(&f, seq);
    put_time(&f, base);
    return append(b, RN_FRAME_DATA, &f, entries);
}

size_t rn_frame_data_fields(uint8_t out[RN_DATA_FIELDS], uint64_t seq, int64_t base) {
    size_t n = rn_leb_put(out, seq);
    rn_put_le64(out + n, (uint64_t)base);
    return n + 8;
}

int rn_frame_head(struct rn_buf *b, uint64_t follow, struct runnel_bytes signed_head) {
    return rn_frame_json(b, RN_FRAME_HEAD, follow, signed_head);
}

int rn_frame_credit(struct rn_buf *b, uint64_t follow, uint64_t bytes) {
    struct fields f = {.n = 0};
    put_leb(&f, follow);
    put_leb(&f, bytes);
    return append(b, RN_FRAME_CREDIT, &f, (struct runnel_bytes){NULL, 0});
}

int rn_frame_hashes(struct rn_buf *b, uint64_t id, struct runnel_bytes hashes) {
    if (hashes.n % RN_HASH || hashes.n / RN_HASH > RN_MAX_HASHES)
        return hashes.n % RN_HASH ? -RUNNEL_EINVALID : -RUNNEL_ETOOBIG;
    return rn_frame_json(b, RN_FRAME_HASHES, id, hashes);
}
