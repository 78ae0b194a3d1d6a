/* SPDX-License-Identifier: MIT
 * plain.c — tells plain values at a glance: eight bytes of a string at a time, the digits of a number (plain.h).
 * May touch: nothing but its arguments.
 */
#include "base/plain.h"
#include <string.h>

#define ONES UINT64_C(0x0101010101010101)
#define TOPS (ONES << 7)

/* Whether one of eight bytes is a quote, a backslash, a control character or no ASCII: its top bit ends up set. A
 * borrow may do that to a plain byte behind one of those as well, but never takes it from one. */
static int stands_out(uint64_t v) {
    uint64_t quote = v ^ ONES * '"', backslash = v ^ ONES * '\\';
    return ((v | (v - ONES * 0x20) | (quote - ONES) | (backslash - ONES)) & TOPS) != 0;
}

static int plain_inside(const uint8_t *p, size_t n) {
    uint64_t v;
    size_t i = 0;
    if (n < sizeof v) {
        v = ONES * 'x';
        memcpy(&v, p, n);
        return !stands_out(v);
    }
    for (; n - i > sizeof v; i += sizeof v) {
        memcpy(&v, p + i, sizeof v);
        if (stands_out(v))
            return 0;
    }
    memcpy(&v, p + n - sizeof v, sizeof v); /* the last eight, some of them once more */
    return !stands_out(v);
}

static size_t digits(const uint8_t *p, size_t n, size_t i) {
    while (i < n && (uint8_t)(p[i] - '0') < 10)
        i++;
    return i;
}

static int plain_number(const uint8_t *p, size_t n) {
    size_t i = p[0] == '-', from = i;
    i = digits(p, n, i);
    if (i == from || (p[from] == '0' && i > from + 1))
        return 0;
    if (i < n && p[i] == '.') {
        from = ++i;
        i = digits(p, n, i);
        if (i == from)
            return 0;
    }
    if (i < n && (p[i] == 'e' || p[i] == 'E')) {
        i++;
        if (i < n && (p[i] == '+' || p[i] == '-'))
            i++;
        from = i;
        i = digits(p, n, i);
        if (i == from)
            return 0;
    }
    return i == n;
}

static int is(const uint8_t *p, size_t n, const char *word, size_t length) {
    return n == length && memcmp(p, word, length) == 0;
}

int rn_value_plain(const uint8_t *p, size_t n) {
    if (n == 0)
        return 0;
    switch (p[0]) {
    case '"':
        return n >= 2 && p[n - 1] == '"' && plain_inside(p + 1, n - 2);
    case 't':
        return is(p, n, "true", 4);
    case 'f':
        return is(p, n, "false", 5);
    case 'n':
        return is(p, n, "null", 4);
    default:
        return plain_number(p, n);
    }
}
