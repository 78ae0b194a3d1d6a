/* SPDX-License-Identifier: MIT
 * leb128.h — unsigned LEB128 integers of up to 64 bits, shortest spelling only.
 * May touch: nothing but its arguments. Standard: DWARF 5, section 7.6, restricted as above.
 */
#ifndef RN_BASE_LEB128_H
#define RN_BASE_LEB128_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RN_LEB_MAX 10u /* bytes in the longest spelling */

/* Writes `v` at `p` (room for RN_LEB_MAX) and returns the number of bytes, 1 to 10. */
size_t rn_leb_put(uint8_t *p, uint64_t v);
/* The number of bytes that rn_leb_put would write. */
size_t rn_leb_size(uint64_t v);
/* Reads one integer from the `n` bytes at `p` into *v. Returns the bytes used (1 to 10); 0 when the
 * bytes end before the integer does; -1 when it is not the shortest spelling or exceeds 64 bits. */
int rn_leb_get(const uint8_t *p, size_t n, uint64_t *v);

#ifdef __cplusplus
}
#endif
#endif
