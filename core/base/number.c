/* SPDX-License-Identifier: MIT
 * number.c — decimal integers, exact or refused.
 * May touch: nothing but its arguments.
 */
#include "base/number.h"

int rn_number_u64(const char *s, size_t n, uint64_t *out) {
    uint64_t sum = 0;
    if (n == 0 || (s[0] == '0' && n > 1))
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return 0;
        if (__builtin_mul_overflow(sum, 10u, &sum) || __builtin_add_overflow(sum, (uint64_t)(s[i] - '0'), &sum))
            return 0;
    }
    *out = sum;
    return 1;
}

int rn_number_sign(uint64_t magnitude, int negative, int64_t *out) {
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return 0;
    if (negative)
        *out = magnitude > (uint64_t)INT64_MAX ? INT64_MIN : -(int64_t)magnitude;
    else
        *out = (int64_t)magnitude;
    return 1;
}

int rn_number_i64(const char *s, size_t n, int64_t *out) {
    uint64_t magnitude;
    int negative = n > 0 && s[0] == '-';
    return rn_number_u64(s + negative, n - (size_t)negative, &magnitude) && rn_number_sign(magnitude, negative, out);
}
