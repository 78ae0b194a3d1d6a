/* SPDX-License-Identifier: MIT
 * value.h — the payload of every row: 14 characters in quotes, random, or with a moment in them.
 * May touch: nothing but its arguments.
 */
#ifndef RN_BENCH_VALUE_H
#define RN_BENCH_VALUE_H

#include <runnel/types.h>

#define LOAD_VALUE 16u /* bytes */

struct load_random {
    uint64_t state;
};

/* Never the same for two seeds; no secret. */
void load_value_random(struct load_random *r, uint8_t out[LOAD_VALUE]);
/* The first 11 characters are the moment (ns), the others random. */
void load_value_stamp(struct load_random *r, int64_t ns, uint8_t out[LOAD_VALUE]);
/* The moment of a stamped value; -1 when it is none. */
int64_t load_value_moment(struct runnel_bytes value);

#endif
