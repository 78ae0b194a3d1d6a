/* SPDX-License-Identifier: MIT
 * record.h — the check that ends each record which neither a tree nor a signature protects.
 * May touch: nothing but its arguments.
 *
 * A disk may hand back other bytes than it was given. Blocks are checked against their leaf, heads by
 * their signature; every other record ends with a check of its own, and so does each node of a tree
 * within its pack. What fails it is damage: it is named, and never used.
 */
#ifndef RN_NODE_RECORD_H
#define RN_NODE_RECORD_H

#include "node/place.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The check: the first 8 bytes of SHA-256 over a zero byte, the key and the value. rn_store_commit writes it
 * behind every value that is put (store.h). */
void rn_record_seal(struct rn_hasher *h, struct runnel_bytes key, struct runnel_bytes value,
                    uint8_t check[RN_RECORD_CHECK]);
/* Checks a record as the store gave it, and cuts it to its value. 0 or -RUNNEL_EDAMAGED. */
int rn_record_open(struct rn_hasher *h, struct runnel_bytes key, struct runnel_bytes *record, struct runnel_err *err);

/* Where one bit that is flipped explains why a record fails its check: `out` gets the value as it was. 0, or
 * -RUNNEL_EDAMAGED: more than that is wrong; or -RUNNEL_ENOMEM. */
int rn_record_correct(struct rn_hasher *h, struct runnel_bytes key, struct runnel_bytes record, struct rn_buf *out);

/* A node of a tree, as packs hold them. */
struct rn_entry {
    struct rn_hash hash;
    int64_t first; /* of a leaf: first time of its block */
};
/* Writes the entry that stands at byte `off` of a pack: rn_entry_size(level) bytes of `out`. */
void rn_entry_write(struct rn_hasher *h, const struct rn_place *pack, uint32_t off, uint32_t level,
                    const struct rn_entry *e, uint8_t out[RN_LEAF_ENTRY]);
/* Reads it back. 0 or -RUNNEL_EDAMAGED. */
int rn_entry_read(struct rn_hasher *h, const struct rn_place *pack, uint32_t off, uint32_t level,
                  struct runnel_bytes entry, struct rn_entry *out, struct runnel_err *err);

#ifdef __cplusplus
}
#endif
#endif
