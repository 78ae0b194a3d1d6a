/* SPDX-License-Identifier: MIT
 * utf8.c — is it valid UTF-8, and how is what is not made fit to be shown?
 * May touch: nothing but its arguments.
 */
#include "base/utf8.h"
#include <string.h>

/* The length that a first byte announces, and the bounds of the second byte, which rule out overlong
 * forms, surrogates and what is beyond U+10FFFF. 0: no character begins so. */
static int lead(uint8_t c, uint8_t *lo, uint8_t *hi) {
    *lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    *hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf)
        return 2;
    if (c >= 0xe0 && c <= 0xef)
        return 3;
    return c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

int rn_utf8_get(const uint8_t *p, size_t n, uint32_t *c) {
    uint8_t lo, hi;
    if (n == 0)
        return 0;
    int len = lead(p[0], &lo, &hi);
    if (len == 0)
        return -1;
    uint32_t sum = len == 1 ? p[0] : p[0] & (0x7fu >> len);
    for (int i = 1; i < len; i++, lo = 0x80, hi = 0xbf) {
        if ((size_t)i >= n)
            return 0;
        if (p[i] < lo || p[i] > hi)
            return -1;
        sum = sum << 6 | (p[i] & 0x3fu);
    }
    *c = sum;
    return len;
}

int rn_utf8_valid(const void *p, size_t n) {
    const uint8_t *s = p;
    uint32_t c;
    for (size_t i = 0; i < n;) {
        int len = s[i] < 0x80 ? 1 : rn_utf8_get(s + i, n - i, &c);
        if (len <= 0)
            return 0;
        i += (size_t)len;
    }
    return 1;
}

static int is_control(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

size_t rn_utf8_clean(char *s, size_t n, size_t max) {
    if (n > max) {
        for (n = max; n > 0 && max - n < 3 && ((uint8_t)s[n] & 0xc0) == 0x80;)
            n--;
    }
    for (size_t i = 0; i < n;) {
        uint32_t c;
        int len = rn_utf8_get((const uint8_t *)s + i, n - i, &c);
        size_t step = len > 0 ? (size_t)len : 1;
        if (len <= 0 || is_control(c))
            memset(s + i, '?', step);
        i += step;
    }
    return n;
}
