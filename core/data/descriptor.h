/* SPDX-License-Identifier: MIT
 * descriptor.h — what a stream is: its canonical JSON, hash and stream id.
 * May touch: the heap. Standards: RFC 8785 (canonical JSON), RFC 9562 (UUID version 8).
 */
#ifndef RN_DATA_DESCRIPTOR_H
#define RN_DATA_DESCRIPTOR_H

#include "base/json.h"
#include "data/hash.h"
#include "data/limits.h"
#include "data/sign.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RN_DESCRIPTOR_DEPTH 32u /* arrays and objects one in another */
#define RN_ID_TEXT 37u          /* "xxxxxxxx-xxxx-8xxx-yxxx-xxxxxxxxxxxx" and the terminator */

enum rn_prior_mode { RN_PRIOR_NONE = 0, RN_PRIOR_CONTINUES, RN_PRIOR_REPLACES };

/* A parsed descriptor. It owns everything in it; immutable once made. */
struct rn_descriptor {
    struct rn_key author;
    const char *source, *stream, *target; /* UTF-8, terminated, no NUL, no '/', no control characters;
                                           * 1 (target: 0) to RN_MAX_NAME bytes */
    struct {
        enum rn_prior_mode mode; /* RN_PRIOR_NONE: no prior */
        struct runnel_id id;
        uint64_t count;
        struct rn_hash root;
    } prior;
    const struct rn_json *meta; /* the "meta" object, or NULL */
    const char *unit;           /* meta.unit, or NULL */
    int64_t cadence_ms;         /* meta.cadence, or 0 */
    struct runnel_bytes bytes;  /* the canonical text: what is stored, hashed and sent */
    struct rn_hash hash;        /* SHA-256 of it */
    struct runnel_id id;
    struct rn_json *tree; /* what the pointers above point into */
};

/* Reads canonical bytes, as they come from disk or a peer. Everything that is not the one canonical
 * spelling (white space, order of keys, escapes, numbers, anything but strings, integers within
 * +-(2^53-1), arrays and objects; keys that are not ASCII), unknown members at the top, missing or
 * wrong members, and sizes over the limits are refused. 0 and a new descriptor (rn_descriptor_free),
 * or a negative code and why. */
int rn_descriptor_parse(struct rn_hasher *h, const void *p, size_t n, struct rn_descriptor **out,
                        struct runnel_err *err);
/* Takes any JSON spelling of a descriptor (from a person or program), makes it canonical and reads
 * that. `author` may be absent in `o`: it is then filled in; another author is refused. */
int rn_descriptor_make(struct rn_hasher *h, const struct rn_json *o, const struct rn_key *author,
                       struct rn_descriptor **out, struct runnel_err *err);
void rn_descriptor_free(struct rn_descriptor *d);

/* Appends the RFC 8785 form of a tree of strings, integers, arrays and objects. 0, or -RUNNEL_EINVALID
 * for what a descriptor may not hold. */
int rn_canonical(const struct rn_json *v, struct rn_buf *out, struct runnel_err *err);

/* The stream id of a descriptor hash: its first 16 bytes with version 8 and variant 10 set. */
struct runnel_id rn_stream_id(const struct rn_hash *descriptor);
/* Text of an id (lower case, with hyphens) and back; parse accepts upper case too. */
char *rn_id_format(const struct runnel_id *id, char out[RN_ID_TEXT]);
int rn_id_parse(const char *s, size_t n, struct runnel_id *out);
int rn_id_equal(const struct runnel_id *a, const struct runnel_id *b);

#ifdef __cplusplus
}
#endif
#endif
