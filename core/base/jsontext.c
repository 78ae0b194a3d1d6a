/* SPDX-License-Identifier: MIT
 * jsontext.c — the one walk over JSON text: a token a step, no recursion, no allocation.
 * May touch: nothing but its arguments.
 */
#include "base/jsontext.h"
#include "base/err.h"
#include "base/utf8.h"
#include <string.h>

/* What may come next. */
enum want { VALUE, FIRST_ITEM, FIRST_KEY, KEY, COLON, NEXT, END };

struct walk {
    const uint8_t *p;
    size_t n, i;
    const struct rn_text_rules *rules;
    enum want want;
    uint32_t depth;
    uint64_t objects[RN_TEXT_DEPTH / 64]; /* bit d: level d is an object, not an array */
    struct runnel_err *err;
};

static int refuse(struct walk *w, const char *what) {
    return rn_fail(w->err, RUNNEL_EINVALID, "%s", what);
}

/* "found 'x', want ..." for the byte at hand. */
static int found(struct walk *w, const char *want) {
    if (w->i >= w->n)
        return rn_fail(w->err, RUNNEL_EINVALID, "found the end, want %s", want);
    uint8_t c = w->p[w->i];
    if (strchr(" \t\n\r", c) && c)
        return rn_fail(w->err, RUNNEL_EINVALID, "found white space, want %s", want);
    if (c > 0x20 && c < 0x7f)
        return rn_fail(w->err, RUNNEL_EINVALID, "found '%c', want %s", c, want);
    return rn_fail(w->err, RUNNEL_EINVALID, "found the byte 0x%02x, want %s", c, want);
}

/* The byte at hand; 0, which begins no token, at the end. */
static uint8_t peek(const struct walk *w) {
    return w->i < w->n ? w->p[w->i] : 0;
}

static int is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

/* ---- what stands between tokens ---- */

static int skip_comment(struct walk *w) {
    uint8_t kind = w->i + 1 < w->n ? w->p[w->i + 1] : 0;
    if (kind == '/') {
        while (w->i < w->n && w->p[w->i] != '\n')
            w->i++;
        return 0;
    }
    if (kind != '*')
        return found(w, "a comment or a value");
    for (size_t i = w->i + 2; i + 1 < w->n; i++) {
        if (w->p[i] == '*' && w->p[i + 1] == '/') {
            w->i = i + 2;
            return 0;
        }
    }
    return refuse(w, "a comment that does not end; close it with */");
}

static int skip_blanks(struct walk *w) {
    for (;;) {
        uint8_t c = peek(w);
        if (c == '/' && w->rules->comments) {
            int rc = skip_comment(w);
            if (rc < 0)
                return rc;
        } else if (w->rules->blanks && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
            w->i++;
        } else {
            return 0;
        }
    }
}

/* ---- strings ---- */

/* The four digits of a \u escape, whose backslash stands at `i`; -1 when they are not there. */
static int32_t hex4(const struct walk *w, size_t i) {
    uint8_t b[2];
    if (w->n - i < 6 || w->p[i] != '\\' || w->p[i + 1] != 'u' || rn_hex_parse((const char *)w->p + i + 2, 4, b, 2) < 0)
        return -1;
    return b[0] << 8 | b[1];
}

static int escape(struct walk *w) {
    uint8_t c = w->i + 1 < w->n ? w->p[w->i + 1] : 0;
    if (c && strchr("\"\\/bfnrt", c)) {
        w->i += 2;
        return 0;
    }
    int32_t unit = hex4(w, w->i);
    if (unit < 0)
        return refuse(w, "a backslash that begins no escape; write \\\\ for a backslash");
    if (unit >= 0xd800 && unit < 0xe000) {
        int32_t low = unit < 0xdc00 ? hex4(w, w->i + 6) : -1;
        if (low < 0xdc00 || low >= 0xe000)
            return refuse(w, "half a surrogate pair; write both halves, or the character itself");
        w->i += 6;
    }
    w->i += 6;
    return 0;
}

/* The first byte from `i` on that is not plain: a quote, a backslash, a control character or no ASCII.
 * Eight bytes at a time: a byte's top bit ends up set when it is one of those. */
static size_t skip_plain(const uint8_t *p, size_t n, size_t i) {
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    for (uint64_t v; n - i >= sizeof v; i += sizeof v) {
        memcpy(&v, p + i, sizeof v);
        uint64_t quote = v ^ ones * '"', backslash = v ^ ones * '\\';
        if ((v | (v - ones * 0x20) | (quote - ones) | (backslash - ones)) & tops)
            break; /* a borrow may stop it too early, never too late */
    }
    while (i < n && p[i] >= 0x20 && p[i] < 0x80 && p[i] != '"' && p[i] != '\\')
        i++;
    return i;
}

static int string(struct walk *w) {
    size_t start = w->i++;
    while ((w->i = skip_plain(w->p, w->n, w->i)) < w->n) {
        uint8_t c = w->p[w->i];
        if (c == '"') {
            w->i++;
            return 0;
        }
        if (c == '\\') {
            int rc = escape(w);
            if (rc < 0)
                return rc;
        } else if (c < 0x20) {
            return refuse(w, "a control character in a string; write it as an escape such as \\n or \\u0009");
        } else {
            uint32_t ignored;
            int len = rn_utf8_get(w->p + w->i, w->n - w->i, &ignored);
            if (len <= 0)
                return refuse(w, "bytes that are not UTF-8");
            w->i += (size_t)len;
        }
    }
    w->i = start;
    return refuse(w, "a string that does not end; close it with \"");
}

/* ---- numbers and words ---- */

static int digits(struct walk *w) {
    if (!is_digit(peek(w)))
        return found(w, "a digit");
    while (is_digit(peek(w)))
        w->i++;
    return 0;
}

static int number(struct walk *w) {
    int rc = 0;
    if (peek(w) == '-')
        w->i++;
    if (peek(w) == '0') {
        w->i++;
        if (is_digit(peek(w)))
            return refuse(w, "a number that begins with 0 and goes on; leave the 0 out");
    } else {
        rc = digits(w);
    }
    if (rc == 0 && peek(w) == '.') {
        w->i++;
        rc = digits(w);
    }
    if (rc == 0 && (peek(w) == 'e' || peek(w) == 'E')) {
        w->i++;
        if (peek(w) == '+' || peek(w) == '-')
            w->i++;
        rc = digits(w);
    }
    return rc;
}

static int word(struct walk *w, const char *text) {
    size_t n = strlen(text);
    if (w->n - w->i < n || memcmp(w->p + w->i, text, n) != 0)
        return found(w, "a value: a string, a number, true, false, null, an array or an object");
    w->i += n;
    return 0;
}

/* ---- the walk ---- */

static int in_object(const struct walk *w) {
    uint32_t d = w->depth - 1;
    return (int)(w->objects[d / 64] >> d % 64 & 1);
}

static void value_ended(struct walk *w) {
    w->want = w->depth ? NEXT : END;
}

static int open(struct walk *w, int object) {
    uint32_t d = w->depth;
    if (d == w->rules->depth)
        return rn_fail(w->err, RUNNEL_ETOOBIG, "nested deeper than the limit of %u levels", (unsigned)w->rules->depth);
    w->objects[d / 64] &= ~(UINT64_C(1) << d % 64);
    w->objects[d / 64] |= (uint64_t)object << d % 64;
    w->depth++;
    w->i++;
    w->want = object ? FIRST_KEY : FIRST_ITEM;
    return 0;
}

static int close(struct walk *w) {
    w->depth--;
    w->i++;
    value_ended(w);
    return 0;
}

static int value(struct walk *w) {
    int rc;
    switch (peek(w)) {
    case '{':
        return open(w, 1);
    case '[':
        return open(w, 0);
    case '"':
        rc = string(w);
        break;
    case 't':
        rc = word(w, "true");
        break;
    case 'f':
        rc = word(w, "false");
        break;
    case 'n':
        rc = word(w, "null");
        break;
    default:
        rc = peek(w) == '-' || is_digit(peek(w)) ? number(w) : word(w, "a value");
    }
    if (rc == 0)
        value_ended(w);
    return rc;
}

static int key(struct walk *w, const char *wanted) {
    if (peek(w) != '"')
        return found(w, wanted);
    w->want = COLON;
    return string(w);
}

static int colon(struct walk *w) {
    if (peek(w) != ':')
        return found(w, "':'");
    w->i++;
    w->want = VALUE;
    return 0;
}

static int next(struct walk *w) {
    int object = in_object(w);
    if (peek(w) == (object ? '}' : ']'))
        return close(w);
    if (peek(w) != ',')
        return found(w, object ? "',' or '}'" : "',' or ']'");
    w->i++;
    w->want = object ? KEY : VALUE;
    return 0;
}

static int step(struct walk *w) {
    switch (w->want) {
    case VALUE:
        return value(w);
    case FIRST_ITEM:
        return peek(w) == ']' ? close(w) : value(w);
    case FIRST_KEY:
        return peek(w) == '}' ? close(w) : key(w, "a name in double quotes or '}'");
    case KEY:
        return key(w, "a name in double quotes");
    case COLON:
        return colon(w);
    case NEXT:
        return next(w);
    case END:
        break;
    }
    return found(w, "the end");
}

static int keep(struct walk *w, size_t start, struct rn_buf *out) {
    size_t at = w->i;
    int rc = rn_buf_add(out, w->p + start, at - start);
    if (rc == 0)
        return 0;
    w->i = start;
    return rn_fail(w->err, -rc,
                   rc == -RUNNEL_ETOOBIG ? "more than the limit of %zu bytes" : "no memory within %zu bytes", out->max);
}

int rn_text_walk(const uint8_t *p, size_t n, const struct rn_text_rules *rules, struct rn_buf *out, size_t *at,
                 struct runnel_err *err) {
    struct walk w = {.p = p, .n = n, .rules = rules, .want = VALUE, .err = err};
    for (;;) {
        int rc = skip_blanks(&w);
        if (rc == 0 && w.want == END && w.i == w.n)
            return 0;
        size_t start = w.i;
        if (rc == 0)
            rc = step(&w);
        if (rc == 0 && out)
            rc = keep(&w, start, out);
        if (rc < 0) {
            *at = w.i;
            return rc;
        }
    }
}
