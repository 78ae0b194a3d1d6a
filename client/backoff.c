/* SPDX-License-Identifier: MIT
 * backoff.c — how long to wait until the next attempt (backoff.h).
 * May touch: nothing but its arguments.
 */
#include "client/backoff.h"

int64_t rn_backoff(int64_t least, int64_t most, unsigned tries, uint64_t random) {
    int64_t all = least;
    for (unsigned i = 0; i < tries && all < most; i++)
        all = all > most / 2 ? most : 2 * all;
    uint64_t half = (uint64_t)all / 2, rest = (uint64_t)all - half;
    return (int64_t)(half + random % (rest + 1));
}
