/* SPDX-License-Identifier: MIT
 * plain.h — a first look at a value: most are short strings and numbers, and can be told to be right at once.
 * May touch: nothing but its arguments. Standard: RFC 8259.
 */
#ifndef RN_BASE_PLAIN_H
#define RN_BASE_PLAIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 1 when the `n` bytes at `p` are a number, true, false, null, or a string of ASCII without escapes. 0 says nothing:
 * the walk (jsontext.h) tells whether they are another value, or what is wrong with them. */
int rn_value_plain(const uint8_t *p, size_t n);

#ifdef __cplusplus
}
#endif
#endif
