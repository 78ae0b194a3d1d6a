/* SPDX-License-Identifier: MIT
 * place.c — keys and records of the store (place.h).
 * May touch: nothing but its arguments.
 */
#include "node/place.h"

#include "base/err.h"
#include <string.h>

static void add(struct rn_place *p, const void *q, size_t n) {
    if (n > sizeof p->b - p->n)
        n = sizeof p->b - p->n;
    if (n)
        memcpy(p->b + p->n, q, n);
    p->n += n;
}

static void add_be(struct rn_place *p, uint64_t v, size_t n) {
    uint8_t b[8];
    rn_put_be64(b, v);
    add(p, b + 8 - n, n);
}

static struct rn_place begin(char area) {
    struct rn_place p = {.n = 0};
    add(&p, &area, 1);
    return p;
}

struct rn_place rn_place_area(char area) {
    return begin(area);
}

struct rn_place rn_place_store(void) {
    struct rn_place p = begin('M');
    add(&p, "store", 5);
    return p;
}

struct rn_place rn_place_restore(void) {
    struct rn_place p = begin('M');
    add(&p, "restore", 7);
    return p;
}

struct rn_place rn_place_stream(const struct runnel_id *id) {
    struct rn_place p = begin('S');
    add(&p, id->b, sizeof id->b);
    return p;
}

struct rn_place rn_place_state(uint32_t number) {
    struct rn_place p = begin('H');
    add_be(&p, number, 4);
    return p;
}

struct rn_place rn_place_block(uint32_t number, uint64_t block) {
    struct rn_place p = begin('B');
    add_be(&p, number, 4);
    add_be(&p, block, 8);
    return p;
}

struct rn_place rn_place_tombstone(const struct runnel_id *id) {
    struct rn_place p = begin('D');
    add(&p, id->b, sizeof id->b);
    return p;
}

struct rn_place rn_place_number(char area, uint32_t number) {
    struct rn_place p = begin(area);
    add_be(&p, number, 4);
    return p;
}

struct rn_place rn_place_erasing(uint32_t number) {
    return rn_place_number('E', number);
}

struct rn_place rn_place_aside(uint32_t number, uint64_t block) {
    struct rn_place p = begin('X');
    add_be(&p, number, 4);
    add_be(&p, block, 8);
    return p;
}

uint32_t rn_entry_size(uint32_t level) {
    return level == 0 ? RN_LEAF_ENTRY : RN_NODE_ENTRY;
}

struct rn_place rn_place_node(uint32_t number, uint32_t level, uint64_t index, uint32_t *off) {
    struct rn_place p = begin('T');
    add_be(&p, number, 4);
    add_be(&p, level, 1);
    add_be(&p, index / RN_PACK, 8);
    *off = (uint32_t)(index % RN_PACK) * rn_entry_size(level);
    return p;
}

struct rn_place rn_place_subscription(struct rn_hasher *h, const char *text) {
    struct rn_place p = begin('U');
    struct rn_hash hash = rn_sha256(h, text, strlen(text));
    add(&p, hash.b, 16);
    return p;
}

struct rn_place rn_place_note(uint32_t kind, const char *name, struct runnel_bytes key) {
    struct rn_place p = begin('N');
    size_t n = strlen(name);
    add_be(&p, kind, 1);
    add_be(&p, n, 1);
    add(&p, name, n);
    add(&p, key.p, key.n);
    return p;
}

struct rn_place rn_place_behind(const struct rn_place *p) {
    struct rn_place q = *p;
    while (q.n > 0 && q.b[q.n - 1] == 0xff)
        q.n--;
    if (q.n > 0)
        q.b[q.n - 1]++;
    return q;
}

struct runnel_bytes rn_place_bytes(const struct rn_place *p) {
    return (struct runnel_bytes){p->b, p->n};
}

int rn_store_record(struct rn_buf *b, const struct rn_store_note *s) {
    rn_buf_byte(b, RN_STORE_VERSION);
    rn_buf_add(b, s->node.b, sizeof s->node.b);
    rn_buf_byte(b, (uint8_t)s->doubts);
    return rn_buf_str(b, s->marker);
}

int rn_store_record_get(struct runnel_bytes r, const struct rn_key *node, struct rn_store_note *out,
                        struct runnel_err *err) {
    const size_t fixed = 2 + RN_KEY;
    if (r.n < 1 || r.p[0] != RN_STORE_VERSION)
        return rn_fail(err, RUNNEL_EUNSUPPORTED,
                       "the store has format version %u, this program reads version %u; use the program that wrote it",
                       r.n ? r.p[0] : 0, RN_STORE_VERSION);
    if (r.n < fixed || r.n - fixed > RN_MARKER_MAX)
        return rn_fail(err, RUNNEL_EDAMAGED, "the store's own record has %zu bytes, want %zu to %zu", r.n, fixed,
                       fixed + RN_MARKER_MAX);
    memcpy(out->node.b, r.p + 1, RN_KEY);
    if (memcmp(out->node.b, node->b, RN_KEY) != 0)
        return rn_fail(err, RUNNEL_ECONFLICT,
                       "the store belongs to another node; give this node a data folder of its own, or bring back the "
                       "identity file that the store was made with");
    out->doubts = r.p[1 + RN_KEY];
    memcpy(out->marker, r.p + fixed, r.n - fixed);
    out->marker[r.n - fixed] = '\0';
    return 0;
}

int rn_stream_record(struct rn_buf *b, uint32_t number, struct runnel_bytes descriptor) {
    rn_buf_byte(b, RN_STORE_VERSION);
    rn_buf_le32(b, number);
    return rn_buf_add(b, descriptor.p, descriptor.n);
}

int rn_stream_record_get(struct runnel_bytes r, uint32_t *number, struct runnel_bytes *descriptor,
                         struct runnel_err *err) {
    if (r.n < 5 || r.p[0] != RN_STORE_VERSION)
        return rn_fail(err, RUNNEL_EDAMAGED, "a stream's record in the store is damaged (%zu bytes)", r.n);
    *number = rn_get_le32(r.p + 1);
    *descriptor = (struct runnel_bytes){r.p + 5, r.n - 5};
    return 0;
}

int rn_state_record(struct rn_buf *b, const struct rn_state_record *s) {
    rn_buf_byte(b, RN_STORE_VERSION);
    rn_buf_le64(b, s->held);
    rn_buf_le64(b, (uint64_t)s->last);
    return rn_buf_add(b, s->head.p, s->head.n);
}

int rn_state_record_get(struct runnel_bytes r, struct rn_state_record *s, struct runnel_err *err) {
    if (r.n < 17 || r.p[0] != RN_STORE_VERSION)
        return rn_fail(err, RUNNEL_EDAMAGED, "a stream's state in the store is damaged (%zu bytes)", r.n);
    s->held = rn_get_le64(r.p + 1);
    s->last = (int64_t)rn_get_le64(r.p + 9);
    s->head = (struct runnel_bytes){r.p + 17, r.n - 17};
    return 0;
}

#define TOMBSTONE_HEAD (1u + 8u + 8u + RN_HASH)

int rn_tombstone_record(struct rn_buf *b, const struct rn_tombstone_record *t) {
    rn_buf_byte(b, RN_STORE_VERSION);
    rn_buf_le64(b, t->count);
    rn_buf_le64(b, (uint64_t)t->time);
    rn_buf_add(b, t->root.b, RN_HASH);
    return rn_buf_add(b, t->descriptor.p, t->descriptor.n);
}

int rn_tombstone_record_get(struct runnel_bytes r, struct rn_tombstone_record *t, struct runnel_err *err) {
    if (r.n < TOMBSTONE_HEAD || r.p[0] != RN_STORE_VERSION)
        return rn_fail(err, RUNNEL_EDAMAGED, "the tombstone of a dropped stream is damaged (%zu bytes)", r.n);
    t->count = rn_get_le64(r.p + 1);
    t->time = (int64_t)rn_get_le64(r.p + 9);
    memcpy(t->root.b, r.p + 17, RN_HASH);
    t->descriptor = (struct runnel_bytes){r.p + TOMBSTONE_HEAD, r.n - TOMBSTONE_HEAD};
    return 0;
}

int rn_erasing_record(struct rn_buf *b, const struct runnel_id *id) {
    rn_buf_byte(b, RN_STORE_VERSION);
    return rn_buf_add(b, id->b, sizeof id->b);
}
