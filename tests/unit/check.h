/* SPDX-License-Identifier: MIT
 * check.h — what every unit test includes: cmocka with the headers it wants, and a repeatable random source.
 * May touch: nothing but its arguments.
 */
#ifndef RN_TESTS_CHECK_H
#define RN_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* splitmix64: the same numbers for the same seed, on every machine. */
static inline uint64_t check_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A number from 0 to n-1; n is small, so that the bias does not matter to a test. */
static inline size_t check_below(uint64_t *state, size_t n) {
    return (size_t)(check_random(state) % n);
}

#endif
