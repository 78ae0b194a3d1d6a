/* SPDX-License-Identifier: MIT
 * number.h — decimal integers, exact or refused; for base's own use.
 * May touch: nothing but its arguments.
 */
#ifndef RN_BASE_NUMBER_H
#define RN_BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reads all `n` characters as a decimal integer, spelt as JSON spells it: no plus sign, no leading
 * zeros, for the signed one perhaps a minus sign. 1, or 0 when it is none or does not fit. */
int rn_number_u64(const char *s, size_t n, uint64_t *out);
int rn_number_i64(const char *s, size_t n, int64_t *out);
/* Gives a magnitude its sign. 1, or 0 when that does not fit. */
int rn_number_sign(uint64_t magnitude, int negative, int64_t *out);

#ifdef __cplusplus
}
#endif
#endif
