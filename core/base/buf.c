/* SPDX-License-Identifier: MIT
 * buf.c — a growable byte buffer with a hard upper bound; fixed-width integers; hexadecimal.
 * May touch: the heap.
 */
#include "base/buf.h"
#include "base/leb128.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64u

void rn_buf_init(struct rn_buf *b, size_t max) {
    memset(b, 0, sizeof *b);
    b->max = max;
}

void rn_buf_free(struct rn_buf *b) {
    free(b->p);
    rn_buf_init(b, b->max);
}

void rn_buf_clear(struct rn_buf *b) {
    b->n = 0;
    b->failed = 0;
}

static size_t bound(const struct rn_buf *b) {
    return b->max && b->max < RN_BUF_MAX ? b->max : RN_BUF_MAX;
}

static int fail(struct rn_buf *b, int code) {
    b->failed = -code;
    return b->failed;
}

/* Makes room for `n` more bytes and a terminator, which the bound does not count. */
static int reserve(struct rn_buf *b, size_t n) {
    if (b->failed)
        return b->failed;
    if (n > bound(b) - b->n)
        return fail(b, RUNNEL_ETOOBIG);
    size_t need = b->n + n + 1;
    if (need <= b->cap)
        return 0;
    size_t cap = b->cap < FIRST_CAP ? FIRST_CAP : 2 * b->cap;
    if (cap > bound(b) + 1)
        cap = bound(b) + 1;
    if (cap < need)
        cap = need;
    uint8_t *p = realloc(b->p, cap);
    if (!p)
        return fail(b, RUNNEL_ENOMEM);
    b->p = p;
    b->cap = cap;
    return 0;
}

uint8_t *rn_buf_room(struct rn_buf *b, size_t n) {
    return reserve(b, n) == 0 ? b->p + b->n : NULL;
}

int rn_buf_add(struct rn_buf *b, const void *p, size_t n) {
    int rc = reserve(b, n);
    if (rc == 0 && n > 0) {
        memcpy(b->p + b->n, p, n);
        b->n += n;
    }
    return rc;
}

int rn_buf_str(struct rn_buf *b, const char *s) {
    return rn_buf_add(b, s, strlen(s));
}

int rn_buf_byte(struct rn_buf *b, uint8_t c) {
    return rn_buf_add(b, &c, 1);
}

/* Prints into the room there is; returns the length that the text wants, negative when it cannot be. */
__attribute__((format(printf, 2, 0))) static int print(struct rn_buf *b, const char *fmt, va_list ap) {
    return vsnprintf(b->p ? (char *)b->p + b->n : NULL, b->cap - b->n, fmt, ap);
}

int rn_buf_fmt(struct rn_buf *b, const char *fmt, ...) {
    va_list ap, again;
    if (b->failed)
        return b->failed;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = print(b, fmt, ap);
    int whole = n >= 0 && (size_t)n < b->cap - b->n;
    int rc = n < 0 ? fail(b, RUNNEL_EINTERNAL) : reserve(b, (size_t)n);
    if (rc == 0 && !whole)
        n = print(b, fmt, again);
    if (rc == 0)
        b->n += (size_t)n;
    va_end(again);
    va_end(ap);
    return rc;
}

int rn_buf_le32(struct rn_buf *b, uint32_t v) {
    uint8_t x[4];
    rn_put_le32(x, v);
    return rn_buf_add(b, x, sizeof x);
}

int rn_buf_le64(struct rn_buf *b, uint64_t v) {
    uint8_t x[8];
    rn_put_le64(x, v);
    return rn_buf_add(b, x, sizeof x);
}

int rn_buf_be64(struct rn_buf *b, uint64_t v) {
    uint8_t x[8];
    rn_put_be64(x, v);
    return rn_buf_add(b, x, sizeof x);
}

int rn_buf_leb(struct rn_buf *b, uint64_t v) {
    uint8_t x[RN_LEB_MAX];
    return rn_buf_add(b, x, rn_leb_put(x, v));
}

int rn_buf_hex(struct rn_buf *b, const void *p, size_t n) {
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = p;
    if (n > RN_BUF_MAX) /* 2n must not wrap */
        return b->failed ? b->failed : fail(b, RUNNEL_ETOOBIG);
    int rc = reserve(b, 2 * n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        b->p[b->n++] = (uint8_t)digits[from[i] >> 4];
        b->p[b->n++] = (uint8_t)digits[from[i] & 15];
    }
    return rc;
}

void rn_buf_drop(struct rn_buf *b, size_t n) {
    if (n >= b->n) {
        b->n = 0;
    } else if (n > 0) {
        b->n -= n;
        memmove(b->p, b->p + n, b->n);
    }
}

void rn_buf_cut(struct rn_buf *b, size_t n) {
    if (n < b->n)
        b->n = n;
}

const char *rn_buf_cstr(struct rn_buf *b) {
    if (reserve(b, 0) < 0)
        return NULL;
    b->p[b->n] = 0;
    return (const char *)b->p;
}

struct runnel_bytes rn_buf_bytes(const struct rn_buf *b) {
    return (struct runnel_bytes){b->p, b->n};
}

uint32_t rn_get_le32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t rn_get_le64(const uint8_t *p) {
    return (uint64_t)rn_get_le32(p) | (uint64_t)rn_get_le32(p + 4) << 32;
}

uint64_t rn_get_be64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

void rn_put_le32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

void rn_put_le64(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

void rn_put_be64(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> 8 * (7 - i));
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int rn_hex_parse(const char *s, size_t len, uint8_t *out, size_t n) {
    if (len % 2 != 0 || len / 2 != n)
        return -RUNNEL_EINVALID;
    for (size_t i = 0; i < n; i++) {
        int hi = hex_digit(s[2 * i]), lo = hex_digit(s[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return -RUNNEL_EINVALID;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return 0;
}
