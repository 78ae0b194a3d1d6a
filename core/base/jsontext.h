/* SPDX-License-Identifier: MIT
 * jsontext.h — the one walk over JSON text that says whether it is well-formed; for base's own use.
 * May touch: nothing but its arguments. Standard: RFC 8259, stricter: UTF-8 only, whole surrogate pairs.
 */
#ifndef RN_BASE_JSONTEXT_H
#define RN_BASE_JSONTEXT_H

#include "base/buf.h"
#include <runnel/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RN_TEXT_DEPTH 128u /* no rules may allow more */

struct rn_text_rules {
    uint32_t depth; /* arrays and objects one in another, RN_TEXT_DEPTH at most */
    int blanks;     /* white space between tokens is allowed */
    int comments;   /* so are C and C++ comments */
};

/* Walks over one value and nothing behind it. With `out` each token is appended to it, without what
 * stands between them; the walk ends with -RUNNEL_ETOOBIG where `out` would hold more than it may. 0
 * or a negative code; then *at is the offset of the first byte that is wrong and err does not say where. */
int rn_text_walk(const uint8_t *p, size_t n, const struct rn_text_rules *rules, struct rn_buf *out, size_t *at,
                 struct runnel_err *err);

#ifdef __cplusplus
}
#endif
#endif
