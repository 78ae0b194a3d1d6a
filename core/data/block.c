/* SPDX-License-Identifier: MIT
 * block.c — reads, writes, cuts and checks the bytes of blocks and runs.
 * May touch: nothing but its arguments.
 */
#include "data/block.h"

#include "base/err.h"
#include "base/json.h"
#include "base/leb128.h"

#include <inttypes.h>
#include <string.h>

_Static_assert(RN_MAX_VALUE == RN_VALUE_MAX && RN_MAX_VALUE_DEPTH == RN_VALUE_DEPTH,
               "the validator of base bounds values as the table of limits says");

/* ---- reading ---- */

void rn_cursor_init(struct rn_cursor *c, const void *entries, size_t n, uint64_t seq, int64_t base) {
    *c = (struct rn_cursor){.p = entries, .n = n, .seq = seq, .time = base};
}

int rn_cursor_block(struct rn_cursor *c, const void *block, size_t n, uint64_t seq, struct runnel_err *err) {
    if (n < RN_BLOCK_HEAD)
        return rn_fail(err, RUNNEL_EDAMAGED,
                       "block of observation %" PRIu64 ": %zu bytes, want the 8 of its first time", seq, n);
    const uint8_t *p = block;
    rn_cursor_init(c, p + RN_BLOCK_HEAD, n - RN_BLOCK_HEAD, seq, (int64_t)rn_get_le64(p));
    return 0;
}

static int damaged(const struct rn_cursor *c, const char *what, struct runnel_err *err) {
    return rn_fail(err, RUNNEL_EDAMAGED, "observation %" PRIu64 " (byte %zu of the entries): %s", c->seq, c->at, what);
}

/* Reads one integer of the entry at `*at`; `what` for the message when it cannot. */
static inline int entry_int(const struct rn_cursor *c, size_t *at, uint64_t *v, const char *what,
                            struct runnel_err *err) {
    if (*at < c->n && c->p[*at] < 0x80) { /* most are small */
        *v = c->p[(*at)++];
        return 0;
    }
    int used = rn_leb_get(c->p + *at, c->n - *at, v);
    if (used > 0) {
        *at += (size_t)used;
        return 0;
    }
    return rn_fail(err, RUNNEL_EDAMAGED, "observation %" PRIu64 " (byte %zu of the entries): %s: %s", c->seq, c->at,
                   what, used ? "not the shortest LEB128 of 64 bits" : "the bytes end within it");
}

int rn_cursor_next(struct rn_cursor *c, struct rn_obs *o, struct runnel_err *err) {
    if (c->at == c->n)
        return 0;
    size_t at = c->at;
    uint64_t delta, length;
    int rc = entry_int(c, &at, &delta, "time delta", err);
    if (rc == 0)
        rc = entry_int(c, &at, &length, "length of the value", err);
    if (rc != 0)
        return rc;
    if (delta > (uint64_t)INT64_MAX - (uint64_t)c->time)
        return damaged(c, "its time is past the year 2262 (INT64_MAX ns)", err);
    if (length == 0 || length > RN_MAX_VALUE)
        return damaged(c, "the length of the value is not 1 to 16384", err);
    if (length > c->n - at)
        return damaged(c, "the bytes end within the value", err);
    c->time = (int64_t)((uint64_t)c->time + delta);
    *o = (struct rn_obs){.seq = c->seq++, .time = c->time, .value = {c->p + at, (size_t)length}};
    c->at = at + (size_t)length;
    return 1;
}

/* ---- writing ---- */

/* Appends an entry, behind the 8 bytes of a block's first time when `first`. */
static int add(struct rn_buf *b, int first, int64_t base, int64_t time, struct runnel_bytes value) {
    if (time < base || value.n == 0 || value.n > RN_MAX_VALUE)
        return -RUNNEL_EINVALID;
    uint64_t delta = (uint64_t)time - (uint64_t)base;
    size_t n = (first ? RN_BLOCK_HEAD : 0) + rn_leb_size(delta) + rn_leb_size(value.n) + value.n;
    uint8_t *p = rn_buf_room(b, n);
    if (!p)
        return b->failed;
    if (first) {
        rn_put_le64(p, (uint64_t)time);
        p += RN_BLOCK_HEAD;
    }
    p += rn_leb_put(p, delta);
    p += rn_leb_put(p, value.n);
    memcpy(p, value.p, value.n);
    b->n += n;
    return 0;
}

int rn_block_add(struct rn_buf *b, int64_t last, int64_t time, struct runnel_bytes value) {
    int first = b->n == 0;
    return add(b, first, first ? time : last, time, value);
}

int rn_entry_add(struct rn_buf *b, int64_t base, int64_t time, struct runnel_bytes value) {
    return add(b, 0, base, time, value);
}

/* ---- checking ---- */

int rn_entries_check(const void *entries, size_t n, uint64_t seq, int64_t base, int first, uint64_t most,
                     uint64_t *count, int64_t *last, struct runnel_err *err) {
    struct rn_cursor c;
    struct rn_obs o;
    struct runnel_err why;
    uint64_t found = 0;
    int rc;
    rn_cursor_init(&c, entries, n, seq, base);
    while ((rc = rn_cursor_next(&c, &o, err)) > 0) {
        if (found == most)
            return rn_fail(err, RUNNEL_EDAMAGED, "observation %" PRIu64 ": want no more than %" PRIu64 " here", o.seq,
                           most);
        if (first && found == 0 && o.time != base)
            return rn_fail(err, RUNNEL_EDAMAGED, "observation %" PRIu64 ": its delta is not 0, and it starts a block",
                           o.seq);
        if (rn_value_check(o.value.p, o.value.n, &why) != 0)
            return rn_fail(err, RUNNEL_EDAMAGED, "observation %" PRIu64 ": %s", o.seq, why.msg);
        found++;
    }
    if (rc < 0)
        return rc;
    *count = found;
    *last = c.time;
    return 0;
}

/* ---- cutting ---- */

/* Steps over `count` observations of a trusted block. */
static int skip(struct rn_cursor *c, uint64_t count, struct runnel_err *err) {
    struct rn_obs o;
    for (uint64_t i = 0; i < count; i++) {
        int rc = rn_cursor_next(c, &o, err);
        if (rc < 0)
            return rc;
        if (rc == 0)
            return rn_fail(err, RUNNEL_EDAMAGED, "block: it ends after %" PRIu64 " observations, want %" PRIu64, i,
                           count);
    }
    return 0;
}

int rn_block_run(const void *block, size_t n, uint64_t from, uint64_t to, size_t max, struct rn_run *out,
                 struct runnel_err *err) {
    struct rn_cursor c;
    int rc = rn_cursor_block(&c, block, n, 0, err);
    if (rc == 0)
        rc = skip(&c, from, err);
    if (rc != 0)
        return rc;
    size_t start = c.at;
    *out = (struct rn_run){.base = c.time, .entries = {c.p + start, 0}, .last = c.time};
    while (c.seq < to) {
        struct rn_obs o;
        rc = rn_cursor_next(&c, &o, err);
        if (rc < 0)
            return rc;
        if (rc == 0 || (out->count > 0 && c.at - start > max))
            break;
        out->count++;
        out->entries.n = c.at - start;
        out->last = o.time;
    }
    return 0;
}

int rn_block_cut(const void *block, size_t n, uint64_t count, size_t *off, struct runnel_err *err) {
    struct rn_cursor c;
    *off = 0;
    if (count == 0)
        return 0;
    int rc = rn_cursor_block(&c, block, n, 0, err);
    if (rc == 0)
        rc = skip(&c, count, err);
    if (rc == 0)
        *off = RN_BLOCK_HEAD + c.at;
    return rc;
}
