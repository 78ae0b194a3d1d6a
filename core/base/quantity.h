/* SPDX-License-Identifier: MIT
 * quantity.h — numbers with a unit behind them; for base's own use.
 * May touch: nothing but its arguments.
 */
#ifndef RN_BASE_QUANTITY_H
#define RN_BASE_QUANTITY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reads "90s", "1.5h", "-3d" as ns. 1, or 0 when it is no duration, no whole number of ns or does not fit. */
int rn_quantity_ns(const char *s, size_t n, int64_t *out);

#ifdef __cplusplus
}
#endif
#endif
