/* SPDX-License-Identifier: MIT
 * record.c — checks are made and compared (record.h).
 * May touch: nothing but its arguments.
 */
#include "node/record.h"

#include "base/err.h"
#include <string.h>

void rn_record_seal(struct rn_hasher *h, struct runnel_bytes key, struct runnel_bytes value,
                    uint8_t check[RN_RECORD_CHECK]) {
    struct rn_hash hash = rn_hash_leaf(h, key.p, key.n, value.p, value.n);
    memcpy(check, hash.b, RN_RECORD_CHECK);
}

int rn_record_open(struct rn_hasher *h, struct runnel_bytes key, struct runnel_bytes *record, struct runnel_err *err) {
    uint8_t check[RN_RECORD_CHECK];
    if (record->n < RN_RECORD_CHECK)
        return rn_fail(err, RUNNEL_EDAMAGED, "a record of %zu bytes is shorter than its check: the disk has altered it",
                       record->n);
    struct runnel_bytes value = {record->p, record->n - RN_RECORD_CHECK};
    rn_record_seal(h, key, value, check);
    if (memcmp(check, record->p + value.n, RN_RECORD_CHECK) != 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "a record of %zu bytes fails its check: the disk has altered it",
                       record->n);
    *record = value;
    return 0;
}

int rn_record_correct(struct rn_hasher *h, struct runnel_bytes key, struct runnel_bytes record, struct rn_buf *out) {
    rn_buf_clear(out);
    int rc = rn_buf_add(out, record.p, record.n);
    for (size_t bit = 0; rc == 0 && bit < 8 * record.n; bit++) {
        struct runnel_bytes value = rn_buf_bytes(out);
        out->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (rn_record_open(h, key, &value, NULL) == 0) {
            rn_buf_cut(out, value.n);
            return 0;
        }
        out->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    return rc ? rc : -RUNNEL_EDAMAGED;
}

/* The key that an entry's check covers: the pack's, and where in it the entry stands. */
static struct rn_place entry_key(const struct rn_place *pack, uint32_t off) {
    struct rn_place p = *pack;
    rn_put_le32(p.b + p.n, off);
    p.n += 4;
    return p;
}

void rn_entry_write(struct rn_hasher *h, const struct rn_place *pack, uint32_t off, uint32_t level,
                    const struct rn_entry *e, uint8_t out[RN_LEAF_ENTRY]) {
    struct rn_place key = entry_key(pack, off);
    uint32_t n = rn_entry_size(level) - RN_RECORD_CHECK;
    memcpy(out, e->hash.b, RN_HASH);
    if (level == 0)
        rn_put_le64(out + RN_HASH, (uint64_t)e->first);
    rn_record_seal(h, rn_place_bytes(&key), (struct runnel_bytes){out, n}, out + n);
}

int rn_entry_read(struct rn_hasher *h, const struct rn_place *pack, uint32_t off, uint32_t level,
                  struct runnel_bytes entry, struct rn_entry *out, struct runnel_err *err) {
    struct rn_place key = entry_key(pack, off);
    if (entry.n < rn_entry_size(level))
        return rn_fail(err, RUNNEL_EDAMAGED, "its tree has a hole in the store, at level %u", level);
    entry.n = rn_entry_size(level);
    if (rn_record_open(h, rn_place_bytes(&key), &entry, NULL) != 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "a hash of its tree fails its check, at level %u: the disk has altered it",
                       level);
    memcpy(out->hash.b, entry.p, RN_HASH);
    out->first = level == 0 ? (int64_t)rn_get_le64(entry.p + RN_HASH) : 0;
    return 0;
}
