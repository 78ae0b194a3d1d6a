/* SPDX-License-Identifier: MIT
 * buf.h — a growable byte buffer with a hard upper bound.
 * May touch: the heap.
 */
#ifndef RN_BASE_BUF_H
#define RN_BASE_BUF_H

#include <runnel/types.h>
#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A zeroed struct is an empty buffer without bound. `max` 0 means RN_BUF_MAX. Once an append fails
 * the buffer keeps what it had and `failed` stays set until rn_buf_clear, so that a caller may
 * append many times and check once. */
struct rn_buf {
    uint8_t *p;
    size_t n;   /* bytes used */
    size_t cap; /* bytes allocated */
    size_t max; /* upper bound of n */
    int failed; /* 0, or the negative enum runnel_code of the first append that failed */
};

#define RN_BUF_MAX ((size_t)1 << 30)

void rn_buf_init(struct rn_buf *b, size_t max);
/* Frees the bytes; the struct is empty and usable afterwards, with the same bound. */
void rn_buf_free(struct rn_buf *b);
/* Forgets the content and the failure, keeps the memory. */
void rn_buf_clear(struct rn_buf *b);

/* Makes room for `n` more bytes and returns where they go, without counting them in; NULL and
 * `failed` = -RUNNEL_ETOOBIG or -RUNNEL_ENOMEM when that cannot be. */
uint8_t *rn_buf_room(struct rn_buf *b, size_t n);
/* Appends. Return 0, or b->failed. `p` must not point into the buffer. */
int rn_buf_add(struct rn_buf *b, const void *p, size_t n);
int rn_buf_str(struct rn_buf *b, const char *s);
int rn_buf_byte(struct rn_buf *b, uint8_t c);
int rn_buf_fmt(struct rn_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int rn_buf_le32(struct rn_buf *b, uint32_t v);
int rn_buf_le64(struct rn_buf *b, uint64_t v);
int rn_buf_be64(struct rn_buf *b, uint64_t v);
int rn_buf_leb(struct rn_buf *b, uint64_t v);
/* Lower-case hexadecimal. */
int rn_buf_hex(struct rn_buf *b, const void *p, size_t n);

/* Drops the first `n` bytes (n <= b->n), moving the rest. */
void rn_buf_drop(struct rn_buf *b, size_t n);
/* Cuts the buffer to its first `n` bytes (n <= b->n). */
void rn_buf_cut(struct rn_buf *b, size_t n);
/* Makes the content a C string in place (the terminator is not counted); NULL when that fails
 * or an append has failed before. */
const char *rn_buf_cstr(struct rn_buf *b);
/* The content as borrowed bytes, valid until the next change. */
struct runnel_bytes rn_buf_bytes(const struct rn_buf *b);

/* ---- fixed-width little helpers over raw memory ---- */
uint32_t rn_get_le32(const uint8_t *p);
uint64_t rn_get_le64(const uint8_t *p);
uint64_t rn_get_be64(const uint8_t *p);
void rn_put_le32(uint8_t *p, uint32_t v);
void rn_put_le64(uint8_t *p, uint64_t v);
void rn_put_be64(uint8_t *p, uint64_t v);

/* Parses exactly 2n hexadecimal digits (either case) into n bytes; 0, or -RUNNEL_EINVALID. */
int rn_hex_parse(const char *s, size_t len, uint8_t *out, size_t n);

#ifdef __cplusplus
}
#endif
#endif
