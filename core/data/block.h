/* SPDX-License-Identifier: MIT
 * block.h — the bytes of up to 256 consecutive observations: writing, reading, cutting, checking.
 * May touch: nothing but its arguments.
 *
 * A block is: int64 LE time of its first observation; then for each observation LEB128 time delta
 * from the one before (0 for the first), LEB128 length of the value, the value. What follows the
 * first 8 bytes we call its entries. A run is a slice of a block's entries between two observations,
 * together with the time to which its first delta is added (its base): the block's own first time
 * for a run from the start, else the time of the observation before it. Wire and disk use the same
 * bytes.
 */
#ifndef RN_DATA_BLOCK_H
#define RN_DATA_BLOCK_H

#include "base/buf.h"
#include "data/limits.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RN_BLOCK_HEAD 8u                                             /* bytes of the first time */
#define RN_ENTRY_MAX (10u + 3u + (unsigned)RN_MAX_VALUE)             /* bytes of the longest entry */
#define RN_BLOCK_BYTES (RN_BLOCK_HEAD + RN_MAX_BLOCK * RN_ENTRY_MAX) /* bytes of the largest block */

/* One observation, its value borrowed from the bytes that were read. */
struct rn_obs {
    uint64_t seq;
    int64_t time;
    struct runnel_bytes value;
};

/* A reading position in the entries of a block or run. */
struct rn_cursor {
    const uint8_t *p;
    size_t n;
    size_t at;    /* offset of the next entry in p */
    uint64_t seq; /* of the next observation */
    int64_t time; /* the base: time of the observation before, or the block's first time */
};

/* Begins to read entries that start with observation `seq`. */
void rn_cursor_init(struct rn_cursor *c, const void *entries, size_t n, uint64_t seq, int64_t base);
/* Begins to read a whole block (with its first 8 bytes). -RUNNEL_EDAMAGED when it is shorter. */
int rn_cursor_block(struct rn_cursor *c, const void *block, size_t n, uint64_t seq, struct runnel_err *err);
/* Reads the next observation: 1 and *o, 0 at the end, or -RUNNEL_EDAMAGED with what is wrong: bytes that
 * end within an entry, LEB128 that is not the shortest, a time past INT64_MAX, a value that is empty
 * or over RN_MAX_VALUE. The value itself is not checked. */
int rn_cursor_next(struct rn_cursor *c, struct rn_obs *o, struct runnel_err *err);

/* Appends an entry to a block under construction; the first one (b->n is 0) brings the 8 bytes with
 * it. `last` is the time of the observation before, ignored for the first. -RUNNEL_EINVALID when
 * time < last or the value's length is not 1 to RN_MAX_VALUE. What is in the value is not looked at. */
int rn_block_add(struct rn_buf *b, int64_t last, int64_t time, struct runnel_bytes value);
/* Appends a bare entry: LEB128 of the delta (time - base, which must not be negative), length, value.
 * Errors as rn_block_add. */
int rn_entry_add(struct rn_buf *b, int64_t base, int64_t time, struct runnel_bytes value);

/* Checks entries to the letter: encoding as rn_cursor_next, first delta 0 when `first` (they start a
 * block), every value by rn_value_check. Counts them into *count and the last time into *last (base
 * when there are none). Over `most` observations is an error. 0, or -RUNNEL_EDAMAGED naming the
 * observation's seq and what is wrong. */
int rn_entries_check(const void *entries, size_t n, uint64_t seq, int64_t base, int first, uint64_t most,
                     uint64_t *count, int64_t *last, struct runnel_err *err);

/* Finds in a whole, trusted block the run that starts with observation number `from` (0..count) and
 * holds at most `max` bytes and ends before observation number `to`; always one observation at
 * least when from < to and there is one. */
struct rn_run {
    uint64_t count;              /* observations in it */
    int64_t base;                /* time to which its first delta is added */
    struct runnel_bytes entries; /* borrowed from the block */
    int64_t last;                /* time of its last observation; base when empty */
};
int rn_block_run(const void *block, size_t n, uint64_t from, uint64_t to, size_t max, struct rn_run *out,
                 struct runnel_err *err);
/* The offset in a block at which its first `count` observations end; 0 for none of them, as an open
 * block without observations has no bytes. */
int rn_block_cut(const void *block, size_t n, uint64_t count, size_t *off, struct runnel_err *err);

#ifdef __cplusplus
}
#endif
#endif
