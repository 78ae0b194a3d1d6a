/* SPDX-License-Identifier: MIT
 * value.c — payloads.
 * May touch: nothing but its arguments.
 */
#include "bench/load/value.h"

#define STAMP 11u /* characters of 6 bits that hold 64 bits */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* SplitMix64. */
static uint64_t next(struct load_random *r) {
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void spell(uint8_t *p, unsigned n, uint64_t v) {
    for (unsigned i = 0; i < n; i++, v >>= 6)
        p[i] = (uint8_t)digits[v & 63];
}

void load_value_random(struct load_random *r, uint8_t out[LOAD_VALUE]) {
    out[0] = out[LOAD_VALUE - 1] = '"';
    spell(out + 1, 7, next(r));
    spell(out + 8, 7, next(r));
}

void load_value_stamp(struct load_random *r, int64_t ns, uint8_t out[LOAD_VALUE]) {
    load_value_random(r, out);
    spell(out + 1, STAMP, (uint64_t)ns);
}

static int digit(uint8_t c) {
    for (int i = 0; i < 64; i++)
        if ((uint8_t)digits[i] == c)
            return i;
    return -1;
}

int64_t load_value_moment(struct runnel_bytes value) {
    uint64_t v = 0;
    if (value.n != LOAD_VALUE)
        return -1;
    for (unsigned i = STAMP; i > 0; i--) {
        int d = digit(value.p[i]);
        if (d < 0)
            return -1;
        v = v << 6 | (uint64_t)d;
    }
    return (int64_t)(v & INT64_MAX);
}
