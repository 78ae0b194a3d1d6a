/* SPDX-License-Identifier: MIT
 * json.h — JSON into a bounded tree, a writer, and a validator for the values of observations.
 * May touch: the heap; yajl inside. Standard: RFC 8259; duplicate keys are refused.
 */
#ifndef RN_BASE_JSON_H
#define RN_BASE_JSON_H

#include "base/buf.h"
#include <runnel/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the tree ---- */

enum rn_json_type { RN_NULL = 1, RN_BOOL, RN_INT, RN_NUMBER, RN_STRING, RN_ARRAY, RN_OBJECT };

/* One value. The tree owns it; members and elements hang from `child` in order of the text. */
struct rn_json {
    enum rn_json_type type;
    const char *key; /* name within an object, terminated; NULL elsewhere */
    size_t n_key;
    const char *text; /* STRING: its characters, decoded, terminated (it may hold NULs: see n_text).
                       * INT and NUMBER: the number as it was written */
    size_t n_text;
    int64_t i;  /* INT: exact value; BOOL: 0 or 1 */
    size_t off; /* byte offset in the source where the value ends (its first byte for OBJECT, ARRAY) */
    size_t n;   /* ARRAY and OBJECT: how many children */
    struct rn_json *child, *next;
};

#define RN_JSON_COMMENTS 1u /* allow C and C++ comments (the config); else an error */

/* Bounds for one parse; zero takes the default in brackets. */
struct rn_json_limits {
    size_t size;    /* bytes of text [65536] */
    uint32_t depth; /* nesting [32]; 128 at most */
    size_t values;  /* values in all [16384] */
    uint32_t flags;
};

/* Parses one value and nothing behind it but white space; the text is UTF-8, and an escape that spells
 * half a surrogate pair is an error. INT is a number without fraction or
 * exponent that fits int64_t; every other number is NUMBER. Returns 0 and the tree in *out (free it
 * with rn_json_free), or a negative code: RUNNEL_EINVALID with what and the line, RUNNEL_ETOOBIG
 * with the limit's name, RUNNEL_ENOMEM. *at_off (may be NULL) is the byte offset of the error. */
int rn_json_parse(const void *p, size_t n, const struct rn_json_limits *limits, struct rn_json **out, size_t *at_off,
                  struct runnel_err *err);
void rn_json_free(struct rn_json *root);

/* The member of an object; NULL when absent or when `o` is NULL or no object. */
const struct rn_json *rn_json_get(const struct rn_json *o, const char *key);
/* A typed member: 0 and the value; -RUNNEL_ENOTFOUND when absent (err untouched, *out untouched);
 * -RUNNEL_EINVALID with err when it is of another type ("limit: found a string, want an integer").
 * Strings that hold NUL are refused. `i64` takes an INT or a STRING of decimal digits (ns times). */
int rn_json_str(const struct rn_json *o, const char *key, const char **out, struct runnel_err *err);
int rn_json_i64(const struct rn_json *o, const char *key, int64_t *out, struct runnel_err *err);
int rn_json_u64(const struct rn_json *o, const char *key, uint64_t *out, struct runnel_err *err);
int rn_json_bool(const struct rn_json *o, const char *key, int *out, struct runnel_err *err);
/* "an object", "a string" ... for messages. */
const char *rn_json_type_name(enum rn_json_type type);
/* The 1-based line on which byte `off` of the text stands. */
unsigned rn_json_line(const void *p, size_t n, size_t off);

/* ---- the writer: compact JSON into a buffer, commas by itself ---- */

#define RN_JSON_DEPTH 32u
struct rn_jw {
    struct rn_buf *b;
    uint32_t depth;
    uint64_t has; /* bit d: level d has a member already */
    int key;      /* a key has just been written */
};

void rn_jw_init(struct rn_jw *w, struct rn_buf *b);
void rn_jw_object(struct rn_jw *w);
void rn_jw_array(struct rn_jw *w);
void rn_jw_end_object(struct rn_jw *w);
void rn_jw_end_array(struct rn_jw *w);
void rn_jw_key(struct rn_jw *w, const char *key);
/* Bytes that are not UTF-8 are written as U+FFFD: a writer's output is always valid. More than
 * RN_JSON_DEPTH levels make the buffer fail with -RUNNEL_ETOOBIG. */
void rn_jw_str(struct rn_jw *w, const char *s);
void rn_jw_strn(struct rn_jw *w, const char *s, size_t n);
void rn_jw_hex(struct rn_jw *w, const void *p, size_t n); /* a string of hexadecimal */
void rn_jw_i64(struct rn_jw *w, int64_t v);
void rn_jw_u64(struct rn_jw *w, uint64_t v);
void rn_jw_ns(struct rn_jw *w, int64_t ns); /* a decimal string: exact in every JSON client */
void rn_jw_bool(struct rn_jw *w, int v);
void rn_jw_null(struct rn_jw *w);
void rn_jw_raw(struct rn_jw *w, const void *p, size_t n); /* a JSON value that is known to be valid */
/* Writes a parsed tree again, compact; numbers as they were written. Of a member only the value. */
void rn_jw_tree(struct rn_jw *w, const struct rn_json *v);
/* "key": value in one go. */
void rn_jw_kstr(struct rn_jw *w, const char *key, const char *s);
void rn_jw_kint(struct rn_jw *w, const char *key, int64_t v);
void rn_jw_kns(struct rn_jw *w, const char *key, int64_t ns);
void rn_jw_khex(struct rn_jw *w, const char *key, const void *p, size_t n);
void rn_jw_kbool(struct rn_jw *w, const char *key, int v);

/* ---- values of observations ---- */

#define RN_VALUE_MAX 16384u /* bytes */
#define RN_VALUE_DEPTH 32u  /* arrays and objects one in another */

/* Checks the bytes of one value: one JSON value by RFC 8259, valid UTF-8, no white space outside
 * strings, depth and size as above, no escape that spells half a surrogate pair. No allocation: this
 * runs on every observation that enters a node. 0, or -RUNNEL_EINVALID / -RUNNEL_ETOOBIG with what
 * and at which byte. */
int rn_value_check(const void *p, size_t n, struct runnel_err *err);
/* Takes any JSON value text and appends it without white space outside strings: what a person types
 * becomes what is stored. Numbers and strings keep their spelling. 0 or a negative code. */
int rn_value_compact(const void *p, size_t n, struct rn_buf *out, struct runnel_err *err);

#ifdef __cplusplus
}
#endif
#endif
