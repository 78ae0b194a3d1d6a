/* SPDX-License-Identifier: MIT
 * descriptor.c — reads a descriptor that is canonical, and makes one of what people and programs write.
 * May touch: the heap.
 */
#include "data/descriptor.h"

#include "base/err.h"
#include "base/utf8.h"
#include "data/tree.h"

#include <stdlib.h>
#include <string.h>

/* ---- members ---- */

static int wrong(struct runnel_err *err, const char *path, const char *want) {
    return rn_fail(err, RUNNEL_EINVALID, "descriptor: %s: want %s", path, want);
}

/* Refuses members that are not among `known` (blank-separated). */
static int only_members(const struct rn_json *o, const char *path, const char *known, struct runnel_err *err) {
    for (const struct rn_json *c = o->child; c; c = c->next) {
        const char *at = known;
        while (*at) {
            size_t n = strcspn(at, " ");
            if (n == c->n_key && memcmp(at, c->key, n) == 0)
                break;
            at += n + (at[n] == ' ');
        }
        if (!*at)
            return rn_fail(err, RUNNEL_EINVALID, "descriptor: %s%s is no known member: leave it out (known: %s)", path,
                           c->key, known);
    }
    return 0;
}

/* Whether the text can stand in a name: no '/' (it separates names), no control characters. */
static int name_ok(const struct rn_json *v) {
    const uint8_t *p = (const uint8_t *)v->text;
    for (size_t at = 0; at < v->n_text;) {
        uint32_t c;
        int n = rn_utf8_get(p + at, v->n_text - at, &c);
        if (n <= 0 || c < 0x20 || (c >= 0x7f && c < 0xa0) || c == '/')
            return 0;
        at += (size_t)n;
    }
    return 1;
}

static int read_name(const struct rn_json *o, const char *key, size_t least, const char **out, struct runnel_err *err) {
    const struct rn_json *v = rn_json_get(o, key);
    if (!v || v->type != RN_STRING || v->n_text < least || v->n_text > RN_MAX_NAME || !name_ok(v))
        return rn_fail(err, RUNNEL_EINVALID,
                       "descriptor: %s: want a string of %zu to %d bytes without '/' and control characters", key,
                       least, RN_MAX_NAME);
    *out = v->text;
    return 0;
}

/* A string of exactly 2n lower-case hexadecimal digits. */
static int read_hex(const struct rn_json *v, uint8_t *out, size_t n) {
    if (!v || v->type != RN_STRING || v->n_text != 2 * n || strspn(v->text, "0123456789abcdef") != 2 * n)
        return -RUNNEL_EINVALID;
    return rn_hex_parse(v->text, v->n_text, out, n);
}

static int read_prior_mode(const struct rn_json *v, enum rn_prior_mode *out) {
    if (!v || v->type != RN_STRING)
        return -RUNNEL_EINVALID;
    *out = strcmp(v->text, "continues") == 0  ? RN_PRIOR_CONTINUES
           : strcmp(v->text, "replaces") == 0 ? RN_PRIOR_REPLACES
                                              : RN_PRIOR_NONE;
    return *out == RN_PRIOR_NONE || strlen(v->text) != v->n_text ? -RUNNEL_EINVALID : 0;
}

/* A stream id as its one spelling has it: lower case. */
static int read_prior_id(const struct rn_json *v, struct runnel_id *out) {
    char text[RN_ID_TEXT];
    if (!v || v->type != RN_STRING || rn_id_parse(v->text, v->n_text, out) != 0)
        return -RUNNEL_EINVALID;
    return memcmp(rn_id_format(out, text), v->text, v->n_text) == 0 ? 0 : -RUNNEL_EINVALID;
}

static int read_prior(struct rn_descriptor *d, const struct rn_json *o, struct runnel_err *err) {
    if (!o)
        return 0;
    if (o->type != RN_OBJECT)
        return wrong(err, "prior", "an object");
    int rc = only_members(o, "prior.", "count id mode root", err);
    if (rc != 0)
        return rc;
    const struct rn_json *count = rn_json_get(o, "count");
    if (!count || count->type != RN_INT || count->i < 0)
        return wrong(err, "prior.count", "an integer, 0 or more");
    d->prior.count = (uint64_t)count->i;
    if (read_prior_id(rn_json_get(o, "id"), &d->prior.id) != 0)
        return wrong(err, "prior.id", "a stream id in lower case");
    if (read_prior_mode(rn_json_get(o, "mode"), &d->prior.mode) != 0)
        return wrong(err, "prior.mode", "\"continues\" or \"replaces\"");
    if (read_hex(rn_json_get(o, "root"), d->prior.root.b, RN_HASH) != 0)
        return wrong(err, "prior.root", "64 lower-case hexadecimal digits");
    return 0;
}

static int is_string(const struct rn_json *v) {
    return v->type == RN_STRING && strlen(v->text) == v->n_text;
}

static int all_strings(const struct rn_json *array) {
    for (const struct rn_json *c = array->child; c; c = c->next)
        if (!is_string(c))
            return 0;
    return 1;
}

static int read_meta(struct rn_descriptor *d, const struct rn_json *o, struct runnel_err *err) {
    if (!o)
        return 0;
    if (o->type != RN_OBJECT)
        return wrong(err, "meta", "an object");
    const struct rn_json *unit = rn_json_get(o, "unit"), *cadence = rn_json_get(o, "cadence");
    const struct rn_json *description = rn_json_get(o, "description"), *tags = rn_json_get(o, "tags");
    if (unit && !is_string(unit))
        return wrong(err, "meta.unit", "a string without NUL");
    if (cadence && (cadence->type != RN_INT || cadence->i < 0))
        return wrong(err, "meta.cadence", "an integer, 0 or more (ms)");
    if (description && !is_string(description))
        return wrong(err, "meta.description", "a string without NUL");
    if (tags && (tags->type != RN_ARRAY || !all_strings(tags)))
        return wrong(err, "meta.tags", "an array of strings without NUL");
    d->meta = o;
    d->unit = unit ? unit->text : NULL;
    d->cadence_ms = cadence ? cadence->i : 0;
    return 0;
}

/* Fills `d` from its tree, whose text is known to be canonical. */
static int read_members(struct rn_descriptor *d, struct runnel_err *err) {
    const struct rn_json *o = d->tree;
    if (o->type != RN_OBJECT)
        return rn_fail(err, RUNNEL_EINVALID, "descriptor: found %s, want an object", rn_json_type_name(o->type));
    int rc = only_members(o, "", "author meta prior source stream target", err);
    if (rc == 0 && read_hex(rn_json_get(o, "author"), d->author.b, RN_KEY) != 0)
        rc = wrong(err, "author", "a node id: 64 lower-case hexadecimal digits");
    if (rc == 0)
        rc = read_name(o, "source", 1, &d->source, err);
    if (rc == 0)
        rc = read_name(o, "stream", 1, &d->stream, err);
    if (rc == 0)
        rc = read_name(o, "target", 0, &d->target, err);
    if (rc == 0)
        rc = read_prior(d, rn_json_get(o, "prior"), err);
    return rc == 0 ? read_meta(d, rn_json_get(o, "meta"), err) : rc;
}

/* ---- reading and making ---- */

/* The tree, spelt canonically, must be the very text that it was read from. */
static int check_spelling(const struct rn_json *tree, struct runnel_bytes text, struct runnel_err *err) {
    struct rn_buf b;
    rn_buf_init(&b, RN_MAX_DESCRIPTOR);
    int rc = rn_canonical(tree, &b, err);
    if (rc == 0) {
        size_t at = 0;
        while (at < b.n && at < text.n && b.p[at] == text.p[at])
            at++;
        if (at != b.n || at != text.n)
            rc = rn_fail(err, RUNNEL_EINVALID,
                         "descriptor: byte %zu is not what the canonical form (RFC 8785) has there", at);
    }
    rn_buf_free(&b);
    return rc;
}

/* A descriptor and, behind it, its text. */
struct held {
    struct rn_descriptor d;
    uint8_t text[];
};

static int read_text(struct rn_descriptor *d, struct rn_hasher *h, struct runnel_err *err) {
    const struct rn_json_limits limits = {.size = RN_MAX_DESCRIPTOR, .depth = RN_DESCRIPTOR_DEPTH};
    int rc = rn_json_parse(d->bytes.p, d->bytes.n, &limits, &d->tree, NULL, err);
    if (rc != 0) {
        (void)rn_wrap(err, "descriptor");
        return rc;
    }
    rc = check_spelling(d->tree, d->bytes, err);
    if (rc == 0)
        rc = read_members(d, err);
    if (rc != 0)
        return rc;
    d->hash = rn_sha256(h, d->bytes.p, d->bytes.n);
    d->id = rn_stream_id(&d->hash);
    return rn_hasher_ok(h) ? 0 : rn_fail(err, RUNNEL_EINTERNAL, "descriptor: could not be hashed");
}

int rn_descriptor_parse(struct rn_hasher *h, const void *p, size_t n, struct rn_descriptor **out,
                        struct runnel_err *err) {
    *out = NULL;
    if (n == 0 || n > RN_MAX_DESCRIPTOR)
        return rn_fail(err, n ? RUNNEL_ETOOBIG : RUNNEL_EINVALID, "descriptor: %zu bytes, want 1 to %d", n,
                       RN_MAX_DESCRIPTOR);
    struct held *held = calloc(1, sizeof *held + n);
    if (!held)
        return rn_fail(err, RUNNEL_ENOMEM, "descriptor: no memory for %zu bytes", n);
    memcpy(held->text, p, n);
    held->d.bytes = (struct runnel_bytes){held->text, n};
    int rc = read_text(&held->d, h, err);
    if (rc != 0) {
        rn_descriptor_free(&held->d);
        return rc;
    }
    *out = &held->d;
    return 0;
}

int rn_descriptor_make(struct rn_hasher *h, const struct rn_json *o, const struct rn_key *author,
                       struct rn_descriptor **out, struct runnel_err *err) {
    char hex[2 * RN_KEY + 1];
    struct rn_json root, member = {.type = RN_STRING, .key = "author", .n_key = 6, .text = hex, .n_text = 2 * RN_KEY};
    struct rn_buf b;
    *out = NULL;
    if (!o || o->type != RN_OBJECT)
        return rn_fail(err, RUNNEL_EINVALID, "descriptor: found %s, want an object",
                       o ? rn_json_type_name(o->type) : "nothing");
    for (size_t i = 0; i < RN_KEY; i++) {
        hex[2 * i] = "0123456789abcdef"[author->b[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[author->b[i] & 15];
    }
    hex[2 * RN_KEY] = 0;
    const struct rn_json *given = rn_json_get(o, "author");
    if (given && (given->type != RN_STRING || given->n_text != 2 * RN_KEY || strcmp(given->text, hex) != 0))
        return rn_fail(err, RUNNEL_EINVALID, "descriptor: author: want %s (or leave it out)", hex);
    root = *o;
    if (!given) {
        member.next = o->child;
        root.child = &member;
        root.n++;
    }
    rn_buf_init(&b, RN_MAX_DESCRIPTOR);
    int rc = rn_canonical(&root, &b, err);
    if (rc == 0)
        rc = rn_descriptor_parse(h, b.p, b.n, out, err);
    rn_buf_free(&b);
    return rc;
}

void rn_descriptor_free(struct rn_descriptor *d) {
    if (!d)
        return;
    rn_json_free(d->tree);
    free(d); /* the first member of a struct held */
}
