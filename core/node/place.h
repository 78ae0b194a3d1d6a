/* SPDX-License-Identifier: MIT
 * place.h — where in the storage's ordered map everything is kept, and how records are spelt.
 * May touch: nothing but its arguments.
 *
 * Keys begin with an area, then what the area is sorted by, integers big-endian:
 *   'M' "store"                        format version, node id, and where the store is
 *   'M' "restore"                      the store is not whole: a restore is under way, or was cut off
 *   'S' stream id (16)                 stream number, descriptor
 *   'H' number (4)                     state: how much is held, the head held whole
 *   'B' number (4) block (8)           the block's bytes
 *   'T' number (4) level (1) pack (8)  perfect nodes of the tree, RN_PACK to a record
 *   'D' stream id (16)                 tombstone of an own stream that was dropped
 *   'E' number (4)                     the records of this number are being erased: its stream was dropped
 *   'U' SHA-256 of the text (16)       a subscription: the text it was asked for by
 *   'N' kind (1) name length (1) name key   a note of an instance
 *   'X' number (4) block (8)           a damaged block that was set aside when another took its place
 * Records of 'M', 'S', 'H', 'D', 'E', 'U', 'N' and 'X' end with a check, and so does each node within a pack
 * (record.h).
 */
#ifndef RN_NODE_PLACE_H
#define RN_NODE_PLACE_H

#include "data/descriptor.h"
#include "data/head.h"
#include <runnel/storage.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RN_STORE_VERSION 1u
#define RN_PACK 32u        /* tree nodes in a record */
#define RN_RECORD_CHECK 8u /* bytes of a check */
#define RN_LEAF_ENTRY 48u  /* bytes of a leaf in a pack: hash, i64 LE first time of its block, check */
#define RN_NODE_ENTRY 40u  /* bytes of a node above them: hash, check */

/* A key. */
struct rn_place {
    uint8_t b[RUNNEL_KEY_MAX];
    size_t n;
};

struct rn_place rn_place_store(void);
struct rn_place rn_place_restore(void);
struct rn_place rn_place_stream(const struct runnel_id *id);
struct rn_place rn_place_state(uint32_t number);
struct rn_place rn_place_block(uint32_t number, uint64_t block);
struct rn_place rn_place_tombstone(const struct runnel_id *id);
struct rn_place rn_place_erasing(uint32_t number);
/* What all keys of a stream's number begin with in an area. */
struct rn_place rn_place_number(char area, uint32_t number);
struct rn_place rn_place_aside(uint32_t number, uint64_t block);
/* The pack that holds a node; *off is the byte at which the node's entry stands. */
struct rn_place rn_place_node(uint32_t number, uint32_t level, uint64_t index, uint32_t *off);
struct rn_place rn_place_subscription(struct rn_hasher *h, const char *text);
/* `key` at most 24 bytes, `name` at most 32. */
struct rn_place rn_place_note(uint32_t kind, const char *name, struct runnel_bytes key);
/* The area alone, and the first key behind it: the bounds of a scan. */
struct rn_place rn_place_area(char area);
struct rn_place rn_place_behind(const struct rn_place *p);
struct runnel_bytes rn_place_bytes(const struct rn_place *p);

/* The bytes of one node's entry in a pack of that level. */
uint32_t rn_entry_size(uint32_t level);

/* ---- records ---- */

#define RN_MARKER_MAX 255u
/* 'M': u8 version, node id, u8 doubts (safety.h), the marker's text (env.h). */
struct rn_store_note {
    struct rn_key node;
    unsigned doubts;
    char marker[RN_MARKER_MAX + 1];
};
int rn_store_record(struct rn_buf *b, const struct rn_store_note *s);
/* -RUNNEL_EUNSUPPORTED for another version, -RUNNEL_ECONFLICT for another node's store, -RUNNEL_EDAMAGED. */
int rn_store_record_get(struct runnel_bytes r, const struct rn_key *node, struct rn_store_note *out,
                        struct runnel_err *err);

/* 'S': u8 version, u32 LE number, descriptor bytes. */
int rn_stream_record(struct rn_buf *b, uint32_t number, struct runnel_bytes descriptor);
int rn_stream_record_get(struct runnel_bytes r, uint32_t *number, struct runnel_bytes *descriptor,
                         struct runnel_err *err);

/* 'H': u8 version, u64 LE held, i64 LE last, the signed head (nothing: none). */
struct rn_state_record {
    uint64_t held;
    int64_t last;
    struct runnel_bytes head; /* an encoded signed head, or empty; borrowed */
};
int rn_state_record(struct rn_buf *b, const struct rn_state_record *s);
int rn_state_record_get(struct runnel_bytes r, struct rn_state_record *s, struct runnel_err *err);

/* 'D': u8 version, u64 LE count, i64 LE time of the drop, root at that count, descriptor bytes. */
struct rn_tombstone_record {
    uint64_t count;
    int64_t time;
    struct rn_hash root;
    struct runnel_bytes descriptor; /* borrowed */
};
int rn_tombstone_record(struct rn_buf *b, const struct rn_tombstone_record *t);
int rn_tombstone_record_get(struct runnel_bytes r, struct rn_tombstone_record *t, struct runnel_err *err);

/* 'E': u8 version, stream id. */
int rn_erasing_record(struct rn_buf *b, const struct runnel_id *id);

#ifdef __cplusplus
}
#endif
#endif
