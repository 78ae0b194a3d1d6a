/* SPDX-License-Identifier: MIT
 * backoff.h — how long to wait until the next attempt.
 * May touch: nothing but its arguments.
 */
#ifndef RN_CLIENT_BACKOFF_H
#define RN_CLIENT_BACKOFF_H

#include <stdint.h>

/* The ns to wait before attempt number `tries` (from 0): a random time between half of it and all of
 * least * 2^tries, which is `most` at most. 0 < least; `most` below it counts as it. `random` is 64
 * random bits. Many clients that lost one node at one moment so come back spread out. */
int64_t rn_backoff(int64_t least, int64_t most, unsigned tries, uint64_t random);

#endif
