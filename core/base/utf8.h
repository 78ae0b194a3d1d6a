/* SPDX-License-Identifier: MIT
 * utf8.h — is it valid UTF-8, and how is what is not made fit to be shown?
 * May touch: nothing but its arguments. Standard: RFC 3629 (no surrogates, no overlong forms).
 */
#ifndef RN_BASE_UTF8_H
#define RN_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reads one character from the `n` bytes at `p` into *c. Returns its length in bytes (1 to 4), 0
 * when the bytes end within it (or n is 0), -1 when they are not UTF-8. */
int rn_utf8_get(const uint8_t *p, size_t n, uint32_t *c);
/* 1 when all `n` bytes are valid UTF-8, else 0. */
int rn_utf8_valid(const void *p, size_t n);
/* Makes the `n` bytes at `s` fit to be shown, in place: cut to `max` bytes at the end of a character,
 * each byte that is not UTF-8 or belongs to a control character replaced by '?'. Returns the length. */
size_t rn_utf8_clean(char *s, size_t n, size_t max);

#ifdef __cplusplus
}
#endif
#endif
