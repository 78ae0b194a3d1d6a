/* SPDX-License-Identifier: MIT
 * base64.h — bytes as text in JSON: the alphabet of RFC 4648, section 4, padded.
 * May touch: nothing but its arguments.
 */
#ifndef RN_BASE_BASE64_H
#define RN_BASE_BASE64_H

#include "base/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Appends the text of the bytes. 0, or the buffer's failure. */
int rn_base64_add(struct rn_buf *b, const void *p, size_t n);
/* Appends the bytes that a text spells. -RUNNEL_EINVALID for whatever rn_base64_add would not have written. */
int rn_base64_parse(const char *s, size_t n, struct rn_buf *out);

#ifdef __cplusplus
}
#endif
#endif
