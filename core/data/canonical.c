/* SPDX-License-Identifier: MIT
 * canonical.c — the one spelling that a tree of JSON has in a descriptor (descriptor.h).
 * May touch: the heap. Standard: RFC 8785.
 */
#include "data/descriptor.h"

#include "base/err.h"
#include "base/utf8.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define INTEGER_MAX INT64_C(9007199254740991) /* 2^53 - 1: every JSON reader keeps it exactly */

static int canonical(const struct rn_json *v, uint32_t depth, struct rn_buf *out, struct runnel_err *err);

/* Appends one byte of a string as RFC 8785, section 3.2.2.2 spells it. */
static int add_char(struct rn_buf *out, uint8_t c) {
    static const char shorts[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    for (size_t i = 0; shorts[i]; i += 2)
        if ((uint8_t)shorts[i] == c) {
            const uint8_t escape[2] = {'\\', (uint8_t)shorts[i + 1]};
            return rn_buf_add(out, escape, 2);
        }
    return c < 0x20 ? rn_buf_fmt(out, "\\u%04x", (unsigned)c) : rn_buf_byte(out, c);
}

static int add_string(struct rn_buf *out, const char *s, size_t n) {
    int rc = rn_buf_byte(out, '"');
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add_char(out, (uint8_t)s[i]);
    return rc == 0 ? rn_buf_byte(out, '"') : rc;
}

static int canonical_string(const struct rn_json *v, struct rn_buf *out, struct runnel_err *err) {
    if (!rn_utf8_valid(v->text, v->n_text))
        return rn_fail(err, RUNNEL_EINVALID, "descriptor: a string is not UTF-8");
    return add_string(out, v->text, v->n_text);
}

static int canonical_integer(const struct rn_json *v, struct rn_buf *out, struct runnel_err *err) {
    if (v->i < -INTEGER_MAX || v->i > INTEGER_MAX)
        return rn_fail(err, RUNNEL_EINVALID, "descriptor: found %" PRId64 ", want integers within +-(2^53 - 1)", v->i);
    return rn_buf_fmt(out, "%" PRId64, v->i);
}

static int canonical_array(const struct rn_json *v, uint32_t depth, struct rn_buf *out, struct runnel_err *err) {
    int rc = rn_buf_byte(out, '[');
    for (const struct rn_json *c = v->child; rc == 0 && c; c = c->next) {
        if (c != v->child)
            rc = rn_buf_byte(out, ',');
        if (rc == 0)
            rc = canonical(c, depth + 1, out, err);
    }
    return rc == 0 ? rn_buf_byte(out, ']') : rc;
}

static int by_key(const void *a, const void *b) {
    const struct rn_json *x = *(const struct rn_json *const *)a, *y = *(const struct rn_json *const *)b;
    size_t n = x->n_key < y->n_key ? x->n_key : y->n_key;
    int order = memcmp(x->key, y->key, n);
    return order ? order : (x->n_key > y->n_key) - (x->n_key < y->n_key);
}

/* Only ASCII keys: in them the order of bytes is that of UTF-16, which RFC 8785 asks for. */
static int check_key(const struct rn_json *v, const struct rn_json *before, struct runnel_err *err) {
    for (size_t i = 0; i < v->n_key; i++)
        if ((uint8_t)v->key[i] >= 0x80)
            return rn_fail(err, RUNNEL_EINVALID, "descriptor: the key \"%s\" is not ASCII", v->key);
    if (before && by_key(&before, &v) == 0)
        return rn_fail(err, RUNNEL_EINVALID, "descriptor: the key \"%s\" comes twice", v->key);
    return 0;
}

static int canonical_members(const struct rn_json **member, uint32_t depth, struct rn_buf *out,
                             struct runnel_err *err) {
    int rc = rn_buf_byte(out, '{');
    for (size_t i = 0; rc == 0 && member[i]; i++) {
        rc = check_key(member[i], i ? member[i - 1] : NULL, err);
        if (rc == 0 && i)
            rc = rn_buf_byte(out, ',');
        if (rc == 0)
            rc = add_string(out, member[i]->key, member[i]->n_key);
        if (rc == 0)
            rc = rn_buf_byte(out, ':');
        if (rc == 0)
            rc = canonical(member[i], depth + 1, out, err);
    }
    return rc == 0 ? rn_buf_byte(out, '}') : rc;
}

static int canonical_object(const struct rn_json *v, uint32_t depth, struct rn_buf *out, struct runnel_err *err) {
    size_t n = 0;
    for (const struct rn_json *c = v->child; c; c = c->next)
        n++;
    const struct rn_json **member = calloc(n + 1, sizeof *member);
    if (!member)
        return rn_fail(err, RUNNEL_ENOMEM, "descriptor: no memory for %zu members", n);
    n = 0;
    for (const struct rn_json *c = v->child; c; c = c->next)
        member[n++] = c;
    qsort(member, n, sizeof *member, by_key);
    int rc = canonical_members(member, depth, out, err);
    free(member);
    return rc;
}

static int canonical(const struct rn_json *v, uint32_t depth, struct rn_buf *out, struct runnel_err *err) {
    if (depth > RN_DESCRIPTOR_DEPTH)
        return rn_fail(err, RUNNEL_EINVALID, "descriptor: more than %u arrays and objects one in another",
                       RN_DESCRIPTOR_DEPTH);
    switch (v->type) {
    case RN_STRING:
        return canonical_string(v, out, err);
    case RN_INT:
        return canonical_integer(v, out, err);
    case RN_ARRAY:
        return canonical_array(v, depth, out, err);
    case RN_OBJECT:
        return canonical_object(v, depth, out, err);
    case RN_NULL:
    case RN_BOOL:
    case RN_NUMBER:
        break;
    }
    return rn_fail(err, RUNNEL_EINVALID, "descriptor: found %s%s%s, want strings, integers, arrays and objects",
                   v->type == RN_NUMBER ? "the number " : rn_json_type_name(v->type),
                   v->type == RN_NUMBER ? v->text : "", v->key ? " as a member" : "");
}

int rn_canonical(const struct rn_json *v, struct rn_buf *out, struct runnel_err *err) {
    size_t n = out->n;
    int rc = canonical(v, 0, out, err);
    if (rc == 0)
        return 0;
    rn_buf_cut(out, n);
    if (out->failed == rc)
        return rn_fail(err, -rc, "descriptor: over %zu bytes in its canonical form, or no memory for it", out->max);
    return rc;
}
