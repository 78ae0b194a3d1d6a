/* SPDX-License-Identifier: MIT
 * rand.c — xoshiro256** seeded by splitmix64 (Blackman, Vigna), and a hash in the manner of FNV-1a.
 * May touch: nothing but its arguments.
 */
#include "sim/rand.h"
#include <string.h>

uint64_t sim_mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t sim_hash(uint64_t h, const void *p, size_t n) {
    const uint8_t *b = p;
    for (; n >= 8; b += 8, n -= 8) { /* a word at a time: little-endian, as on every machine */
        uint64_t w = (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 |
                     (uint64_t)b[4] << 32 | (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
        h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
    }
    for (; n > 0; b++, n--)
        h = (h ^ *b) * UINT64_C(0x100000001b3);
    return h;
}

void sim_rand_init(struct sim_rand *r, uint64_t seed, const char *name) {
    uint64_t z = sim_mix(seed + UINT64_C(0x9e3779b97f4a7c15)) ^ sim_hash(SIM_HASH_START, name, strlen(name));
    for (int i = 0; i < 4; i++)
        r->s[i] = sim_mix(z += UINT64_C(0x9e3779b97f4a7c15));
}

static uint64_t rotl(uint64_t x, unsigned k) {
    return (x << k) | (x >> (64u - k));
}

uint64_t sim_rand_next(struct sim_rand *r) {
    uint64_t *s = r->s, out = rotl(s[1] * 5u, 7) * 9u, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return out;
}

uint64_t sim_below(struct sim_rand *r, uint64_t n) {
    if (n < 2)
        return 0;
    uint64_t least = (0u - n) % n, x; /* 2^64 mod n: what lies below it would be drawn too often */
    do
        x = sim_rand_next(r);
    while (x < least);
    return x % n;
}

int64_t sim_between(struct sim_rand *r, int64_t lo, int64_t hi) {
    return hi <= lo ? lo : lo + (int64_t)sim_below(r, (uint64_t)(hi - lo) + 1u);
}

int sim_chance(struct sim_rand *r, unsigned per_mille) {
    return per_mille != 0 && sim_below(r, 1000) < per_mille;
}

void sim_rand_fill(struct sim_rand *r, void *p, size_t n) {
    uint8_t *b = p;
    while (n > 0) {
        uint64_t x = sim_rand_next(r);
        size_t k = n < sizeof x ? n : sizeof x;
        memcpy(b, &x, k);
        b += k;
        n -= k;
    }
}
