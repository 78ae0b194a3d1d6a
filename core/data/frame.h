/* SPDX-License-Identifier: MIT
 * frame.h — the frames of the node protocol: encoding and decoding, to the byte.
 * May touch: the heap. The meaning of each is in doc/protocol.md.
 *
 * A frame is: u32 LE length of what follows (1 to RN_MAX_FRAME), u8 type, body.
 */
#ifndef RN_DATA_FRAME_H
#define RN_DATA_FRAME_H

#include "base/buf.h"
#include "data/head.h"
#include "data/limits.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RN_FRAME_LENGTH 4u /* bytes of the length */

/* Types; the values are frozen. Bodies:
 *   HELLO      JSON object
 *   REQUEST    LEB128 id, JSON object with "method"
 *   ANSWER     LEB128 id, JSON object
 *   ERROR      LEB128 id, JSON object {"code", "message", ...}; id 0: the session itself, which ends
 *   PUBLISH    LEB128 id, stream id (16), u8 flags, [LEB128 seq when flags & SEQ], i64 LE base, entries
 *   PUBLISHED  LEB128 id, LEB128 seq of the first, LEB128 how many, i64 LE time of the first, i64 LE time of the last
 *   DATA       LEB128 follow, LEB128 seq, i64 LE base, entries of one block (a run)
 *   HEAD       LEB128 follow, signed head
 *   STATE      LEB128 follow, JSON object
 *   CREDIT     LEB128 follow, LEB128 bytes
 *   HASHES     LEB128 id, hashes (32 bytes each)
 * A follow is named by the id of the request that opened it. In PUBLISH the base is the time to which
 * the first delta is added; with flag NOW base and all deltas are 0 and the node sets the time. */
enum rn_frame_type {
    RN_FRAME_HELLO = 1,
    RN_FRAME_REQUEST = 2,
    RN_FRAME_ANSWER = 3,
    RN_FRAME_ERROR = 4,
    RN_FRAME_PUBLISH = 5,
    RN_FRAME_PUBLISHED = 6,
    RN_FRAME_DATA = 7,
    RN_FRAME_HEAD = 8,
    RN_FRAME_STATE = 9,
    RN_FRAME_CREDIT = 10,
    RN_FRAME_HASHES = 11
};
#define RN_PUBLISH_SEQ 1u
#define RN_PUBLISH_NOW 2u
#define RN_PUBLISH_FRESH 4u /* only with SEQ: what is there already is no success */

/* A decoded frame; everything is borrowed from the bytes. Members not of its type are zero. */
struct rn_frame {
    enum rn_frame_type type;
    uint64_t id;              /* request or follow; 0 for HELLO */
    struct runnel_bytes body; /* JSON text; the entries; the hashes; the signed head's bytes */
    struct runnel_id stream;  /* PUBLISH */
    uint8_t flags;            /* PUBLISH */
    uint64_t seq;             /* PUBLISH with SEQ, PUBLISHED, DATA */
    uint64_t count;           /* PUBLISHED: how many; CREDIT: bytes */
    int64_t base, last;       /* PUBLISH, DATA: base; PUBLISHED: base and last are the two times */
};

/* Looks at the bytes received so far. Returns the number of bytes of the first whole frame (with its
 * length) and decodes it into *f; 0 when it is not whole yet; a negative code when it is malformed
 * or too long (the session must end). The JSON and entries within are not parsed here. */
int rn_frame_get(const void *p, size_t n, struct rn_frame *f, struct runnel_err *err);

/* Append whole frames. 0, or -RUNNEL_ETOOBIG, -RUNNEL_ENOMEM; on failure the buffer is as before.
 * rn_frame_json serves HELLO, REQUEST, ANSWER, ERROR and STATE. */
int rn_frame_json(struct rn_buf *b, enum rn_frame_type type, uint64_t id, struct runnel_bytes json);
int rn_frame_publish(struct rn_buf *b, uint64_t id, const struct runnel_id *stream, uint8_t flags, uint64_t seq,
                     int64_t base, struct runnel_bytes entries);
int rn_frame_published(struct rn_buf *b, uint64_t id, uint64_t seq, uint64_t count, int64_t first, int64_t last);
int rn_frame_data(struct rn_buf *b, uint64_t follow, uint64_t seq, int64_t base, struct runnel_bytes entries);
/* The fields of a DATA frame between the follow and the entries, for those who put frames together themselves: many
 * frames differ in their follow alone. Returns how many bytes it wrote. */
#define RN_DATA_FIELDS 18u
size_t rn_frame_data_fields(uint8_t out[RN_DATA_FIELDS], uint64_t seq, int64_t base);
int rn_frame_head(struct rn_buf *b, uint64_t follow, struct runnel_bytes signed_head);
int rn_frame_credit(struct rn_buf *b, uint64_t follow, uint64_t bytes);
int rn_frame_hashes(struct rn_buf *b, uint64_t id, struct runnel_bytes hashes);

/* The most entry bytes that a DATA or PUBLISH frame can carry besides its own fields. */
#define RN_RUN_MAX ((size_t)RN_MAX_FRAME - 64u)

#ifdef __cplusplus
}
#endif
#endif
