/* SPDX-License-Identifier: MIT
 * err.h — fills and wraps struct runnel_err; the words that codes have on the wire.
 * May touch: nothing but its arguments.
 */
#ifndef RN_BASE_ERR_H
#define RN_BASE_ERR_H

#include <runnel/types.h>
#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fills `err` (NULL: discards) and returns -code, so that `return rn_fail(err, RUNNEL_EIO, "...")`
 * reads well. A message that is too long is cut at a character boundary; bytes that are not UTF-8
 * or are control characters are replaced by '?'. */
int rn_fail(struct runnel_err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int rn_vfail(struct runnel_err *err, int code, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));

/* Puts "outer: " before the message that stands, keeping its code; returns -code. Without `err` the
 * code is not known and -RUNNEL_EINTERNAL is returned. */
int rn_wrap(struct runnel_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Copies `from` (NULL: nothing known, RUNNEL_EINTERNAL) into `to`; returns -code. */
int rn_err_copy(struct runnel_err *to, const struct runnel_err *from);

/* The word for a code ("not-found"); "internal" for one that is unknown. Static. */
const char *rn_code_word(int code);
/* The code for a word; RUNNEL_EINTERNAL for one that is unknown. */
int rn_code_of(const char *word, size_t n);

#ifdef __cplusplus
}
#endif
#endif
