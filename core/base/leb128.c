/* SPDX-License-Identifier: MIT
 * leb128.c — unsigned LEB128 integers of up to 64 bits, shortest spelling only.
 * May touch: nothing but its arguments.
 */
#include "base/leb128.h"

size_t rn_leb_put(uint8_t *p, uint64_t v) {
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        p[n++] = (uint8_t)(v | 0x80);
    p[n++] = (uint8_t)v;
    return n;
}

size_t rn_leb_size(uint64_t v) {
    size_t n = 1;
    for (; v >= 0x80; v >>= 7)
        n++;
    return n;
}

int rn_leb_get(const uint8_t *p, size_t n, uint64_t *v) {
    uint64_t sum = 0;
    if (n > 0 && p[0] < 0x80) { /* most are small */
        *v = p[0];
        return 1;
    }
    for (unsigned i = 0; i < n && i < RN_LEB_MAX; i++) {
        uint8_t c = p[i];
        if (i == RN_LEB_MAX - 1 && c > 1) /* nine bytes hold 63 bits: one is left */
            return -1;
        sum |= (uint64_t)(c & 0x7f) << 7 * i;
        if (c & 0x80)
            continue;
        if (c == 0 && i > 0)
            return -1;
        *v = sum;
        return (int)i + 1;
    }
    return 0;
}
