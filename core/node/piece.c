/* SPDX-License-Identifier: MIT
 * piece.c — the pieces of slices, written and read (copy.h).
 * May touch: nothing but its arguments.
 */
#include "base/err.h"
#include "node/copy.h"
#include <string.h>

static size_t head_of(const struct rn_place *key) {
    return 1 + key->n + 8;
}

size_t rn_piece_add(struct rn_buf *slice, const struct rn_place *key, struct runnel_bytes record, size_t off) {
    size_t used = slice->n + head_of(key), room = used < RN_COPY_SLICE ? RN_COPY_SLICE - used : 0;
    size_t n = record.n - off < room ? record.n - off : room;
    if (room == 0)
        return off;
    rn_buf_byte(slice, (uint8_t)key->n);
    rn_buf_add(slice, key->b, key->n);
    rn_buf_le32(slice, (uint32_t)off);
    rn_buf_le32(slice, (uint32_t)n);
    rn_buf_add(slice, record.p + off, n);
    return off + n;
}

/* The areas that a backup holds, and how long their keys are. */
static int key_fits(const struct rn_place *key) {
    switch (key->b[0]) {
    case 'B':
        return key->n == 13;
    case 'T':
        return key->n == 14;
    case 'H':
        return key->n == 5;
    case 'S':
    case 'D':
    case 'U':
        return key->n == 17;
    case 'N':
        return key->n > 3;
    default:
        return 0;
    }
}

int rn_piece_next(struct runnel_bytes *slice, struct rn_piece *out, struct runnel_err *err) {
    if (slice->n == 0)
        return 0;
    out->key.n = slice->p[0];
    if (out->key.n == 0 || out->key.n > RUNNEL_KEY_MAX || slice->n < head_of(&out->key))
        return rn_fail(err, RUNNEL_EINVALID, "a slice that ends within a piece");
    memcpy(out->key.b, slice->p + 1, out->key.n);
    const uint8_t *p = slice->p + 1 + out->key.n;
    size_t n = rn_get_le32(p + 4), head = head_of(&out->key);
    out->off = rn_get_le32(p);
    if (n > slice->n - head)
        return rn_fail(err, RUNNEL_EINVALID, "a slice that ends within a piece");
    if (!key_fits(&out->key) || out->off > RUNNEL_RECORD_MAX - n)
        return rn_fail(err, RUNNEL_EINVALID, "a piece of a record that no backup holds");
    out->data = (struct runnel_bytes){slice->p + head, n};
    *slice = (struct runnel_bytes){slice->p + head + n, slice->n - head - n};
    return 1;
}
