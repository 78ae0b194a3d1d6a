/* SPDX-License-Identifier: MIT
 * backoff.c — throws and waits out of the env's random source (backoff.h).
 * May touch: the env's random source.
 */
#include "node/backoff.h"

uint64_t rn_dice(const struct rn_env *env, uint64_t sides) {
    uint64_t r, limit = UINT64_MAX - UINT64_MAX % sides; /* no bias: throw again above it */
    do
        env->random(env->ctx, &r, sizeof r);
    while (r >= limit);
    return r % sides;
}

int64_t rn_jittered(const struct rn_env *env, int64_t ns) {
    return ns / 2 + (int64_t)rn_dice(env, (uint64_t)ns / 2 + 1);
}

int64_t rn_backoff(const struct rn_env *env, int64_t first, int64_t most, unsigned failures) {
    int64_t ns = first;
    while (failures-- > 0 && ns < most)
        ns *= 2;
    return rn_jittered(env, ns < most ? ns : most);
}
