/* SPDX-License-Identifier: MIT
 * jsonwrite.c — compact JSON into a buffer; strings are spelt as RFC 8785 wants them.
 * May touch: the buffer it is given.
 */
#include "base/json.h"
#include "base/utf8.h"
#include <inttypes.h>
#include <string.h>

void rn_jw_init(struct rn_jw *w, struct rn_buf *b) {
    memset(w, 0, sizeof *w);
    w->b = b;
}

/* The comma before a value or key, if one is due. */
static void separate(struct rn_jw *w) {
    uint64_t bit = UINT64_C(1) << w->depth;
    if (w->key)
        w->key = 0;
    else if (w->depth && (w->has & bit))
        (void)rn_buf_byte(w->b, ','); /* a failure stays in the buffer, for whoever reads it */
    w->has |= bit;
}

static void begin(struct rn_jw *w, uint8_t c) {
    separate(w);
    (void)rn_buf_byte(w->b, c);
    if (w->depth == RN_JSON_DEPTH) {
        if (!w->b->failed)
            w->b->failed = -RUNNEL_ETOOBIG;
        return;
    }
    w->depth++;
    w->has &= ~(UINT64_C(1) << w->depth);
}

static void end(struct rn_jw *w, uint8_t c) {
    if (w->depth)
        w->depth--;
    (void)rn_buf_byte(w->b, c);
}

void rn_jw_object(struct rn_jw *w) {
    begin(w, '{');
}

void rn_jw_array(struct rn_jw *w) {
    begin(w, '[');
}

void rn_jw_end_object(struct rn_jw *w) {
    end(w, '}');
}

void rn_jw_end_array(struct rn_jw *w) {
    end(w, ']');
}

static void escape(struct rn_buf *b, uint8_t c) {
    static const char named[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *at = c ? strchr(named, c) : NULL;
    if (at)
        (void)rn_buf_fmt(b, "\\%c", names[at - named]);
    else
        (void)rn_buf_fmt(b, "\\u%04x", (unsigned)c);
}

static void quote(struct rn_buf *b, const uint8_t *s, size_t n) {
    size_t done = 0; /* all before it is written */
    (void)rn_buf_byte(b, '"');
    for (size_t i = 0; i < n;) {
        uint32_t c;
        int len = s[i] < 0x80 ? 1 : rn_utf8_get(s + i, n - i, &c);
        if (len > 0 && s[i] >= 0x20 && s[i] != '"' && s[i] != '\\') {
            i += (size_t)len;
            continue;
        }
        (void)rn_buf_add(b, s + done, i - done);
        if (len <= 0)
            (void)rn_buf_str(b, "\xef\xbf\xbd");
        else
            escape(b, s[i]);
        done = ++i;
    }
    (void)rn_buf_add(b, s + done, n - done);
    (void)rn_buf_byte(b, '"');
}

static void key(struct rn_jw *w, const char *s, size_t n) {
    separate(w);
    quote(w->b, (const uint8_t *)s, n);
    (void)rn_buf_byte(w->b, ':');
    w->key = 1;
}

void rn_jw_key(struct rn_jw *w, const char *s) {
    key(w, s, strlen(s));
}

void rn_jw_strn(struct rn_jw *w, const char *s, size_t n) {
    separate(w);
    quote(w->b, (const uint8_t *)s, n);
}

void rn_jw_str(struct rn_jw *w, const char *s) {
    rn_jw_strn(w, s, strlen(s));
}

void rn_jw_hex(struct rn_jw *w, const void *p, size_t n) {
    separate(w);
    (void)rn_buf_byte(w->b, '"');
    (void)rn_buf_hex(w->b, p, n);
    (void)rn_buf_byte(w->b, '"');
}

void rn_jw_i64(struct rn_jw *w, int64_t v) {
    separate(w);
    (void)rn_buf_fmt(w->b, "%" PRId64, v);
}

void rn_jw_u64(struct rn_jw *w, uint64_t v) {
    separate(w);
    (void)rn_buf_fmt(w->b, "%" PRIu64, v);
}

void rn_jw_ns(struct rn_jw *w, int64_t ns) {
    separate(w);
    (void)rn_buf_fmt(w->b, "\"%" PRId64 "\"", ns);
}

void rn_jw_raw(struct rn_jw *w, const void *p, size_t n) {
    separate(w);
    (void)rn_buf_add(w->b, p, n);
}

void rn_jw_bool(struct rn_jw *w, int v) {
    rn_jw_raw(w, v ? "true" : "false", v ? 4 : 5);
}

void rn_jw_null(struct rn_jw *w) {
    rn_jw_raw(w, "null", 4);
}

static int is_nest(const struct rn_json *v) {
    return v->type == RN_OBJECT || v->type == RN_ARRAY;
}

static void finish(struct rn_jw *w, const struct rn_json *v) {
    if (v->type == RN_OBJECT)
        rn_jw_end_object(w);
    else
        rn_jw_end_array(w);
}

/* Writes a value; of an array or object only its beginning. */
static void start(struct rn_jw *w, const struct rn_json *v) {
    switch (v->type) {
    case RN_NULL:
        rn_jw_null(w);
        break;
    case RN_BOOL:
        rn_jw_bool(w, v->i != 0);
        break;
    case RN_INT:
    case RN_NUMBER:
        rn_jw_raw(w, v->text, v->n_text);
        break;
    case RN_STRING:
        rn_jw_strn(w, v->text, v->n_text);
        break;
    case RN_ARRAY:
        rn_jw_array(w);
        break;
    case RN_OBJECT:
        rn_jw_object(w);
        break;
    }
}

void rn_jw_tree(struct rn_jw *w, const struct rn_json *v) {
    const struct rn_json *up[RN_JSON_DEPTH]; /* the arrays and objects around v, within the tree */
    size_t depth = 0;
    for (;;) {
        if (depth > 0 && v->key) /* the name that v itself has, where it came from, is not part of it */
            key(w, v->key, v->n_key);
        start(w, v);
        if (w->b->failed)
            return;
        if (is_nest(v) && v->child) {
            up[depth++] = v; /* the writer refuses to go deeper than this array */
            v = v->child;
            continue;
        }
        if (is_nest(v))
            finish(w, v);
        while (depth > 0 && !v->next)
            finish(w, v = up[--depth]);
        if (depth == 0)
            return;
        v = v->next;
    }
}

void rn_jw_kstr(struct rn_jw *w, const char *k, const char *s) {
    rn_jw_key(w, k);
    rn_jw_str(w, s);
}

void rn_jw_kint(struct rn_jw *w, const char *k, int64_t v) {
    rn_jw_key(w, k);
    rn_jw_i64(w, v);
}

void rn_jw_kns(struct rn_jw *w, const char *k, int64_t ns) {
    rn_jw_key(w, k);
    rn_jw_ns(w, ns);
}

void rn_jw_khex(struct rn_jw *w, const char *k, const void *p, size_t n) {
    rn_jw_key(w, k);
    rn_jw_hex(w, p, n);
}

void rn_jw_kbool(struct rn_jw *w, const char *k, int v) {
    rn_jw_key(w, k);
    rn_jw_bool(w, v);
}
