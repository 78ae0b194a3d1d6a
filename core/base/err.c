/* SPDX-License-Identifier: MIT
 * err.c — errors that say what, where and what to do, each layer adding its own words in front.
 * May touch: nothing but its arguments.
 */
#include "base/err.h"
#include "base/utf8.h"
#include <stdio.h>
#include <string.h>

#define MSG_MAX (sizeof((struct runnel_err *)0)->msg - 1)
#define MSG_SPILL 4 /* bytes past the bound, so that a cut sees whether it falls inside a character */

static const char *const code_words[] = {
    [RUNNEL_EINVALID] = "invalid",
    [RUNNEL_ENOTFOUND] = "not-found",
    [RUNNEL_ECONFLICT] = "conflict",
    [RUNNEL_EDENIED] = "denied",
    [RUNNEL_ETOOBIG] = "too-big",
    [RUNNEL_EBUSY] = "busy",
    [RUNNEL_EFULL] = "full",
    [RUNNEL_EIO] = "io",
    [RUNNEL_EDAMAGED] = "damaged",
    [RUNNEL_ECLOSED] = "closed",
    [RUNNEL_EUNSUPPORTED] = "unsupported",
    [RUNNEL_ETIMEOUT] = "timeout",
    [RUNNEL_ENOMEM] = "no-memory",
    [RUNNEL_EINTERNAL] = "internal",
    [RUNNEL_EINACTIVE] = "inactive",
    [RUNNEL_EFORK] = "fork",
};
#define N_CODES (sizeof code_words / sizeof *code_words)

/* No error may ever be mistaken for success, whatever code a caller passes. */
static int error_code(int code) {
    return code > 0 ? code : RUNNEL_EINTERNAL;
}

/* Formats into `text` and returns the length that is there. */
__attribute__((format(printf, 2, 0))) static size_t format(char text[MSG_MAX + MSG_SPILL + 1], const char *fmt,
                                                           va_list ap) {
    int n = vsnprintf(text, MSG_MAX + MSG_SPILL + 1, fmt, ap);
    if (n < 0) {
        static const char sorry[] = "(a message that could not be formatted)";
        memcpy(text, sorry, sizeof sorry);
        return sizeof sorry - 1;
    }
    return (size_t)n < MSG_MAX + MSG_SPILL ? (size_t)n : MSG_MAX + MSG_SPILL;
}

static int set(struct runnel_err *err, int code, char *text, size_t n) {
    n = rn_utf8_clean(text, n, MSG_MAX);
    memcpy(err->msg, text, n);
    err->msg[n] = 0;
    err->code = code;
    return -code;
}

int rn_vfail(struct runnel_err *err, int code, const char *fmt, va_list ap) {
    char text[MSG_MAX + MSG_SPILL + 1]; /* apart from err, whose old message may be among the arguments */
    code = error_code(code);
    if (!err)
        return -code;
    return set(err, code, text, format(text, fmt, ap));
}

int rn_fail(struct runnel_err *err, int code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int rc = rn_vfail(err, code, fmt, ap);
    va_end(ap);
    return rc;
}

int rn_wrap(struct runnel_err *err, const char *fmt, ...) {
    char text[2 * (MSG_MAX + MSG_SPILL + 1)];
    va_list ap;
    if (!err)
        return -RUNNEL_EINTERNAL;
    va_start(ap, fmt);
    size_t n = format(text, fmt, ap);
    va_end(ap);
    size_t inner = strnlen(err->msg, MSG_MAX);
    memcpy(text + n, ": ", 2);
    memcpy(text + n + 2, err->msg, inner);
    return set(err, error_code(err->code), text, n + 2 + inner);
}

int rn_err_copy(struct runnel_err *to, const struct runnel_err *from) {
    if (!from)
        return rn_fail(to, RUNNEL_EINTERNAL, "an error of which nothing is known");
    return rn_fail(to, from->code, "%.*s", (int)MSG_MAX, from->msg);
}

const char *rn_code_word(int code) {
    if (code <= 0 || (size_t)code >= N_CODES)
        code = RUNNEL_EINTERNAL;
    return code_words[code];
}

int rn_code_of(const char *word, size_t n) {
    for (size_t i = 1; i < N_CODES; i++)
        if (strlen(code_words[i]) == n && memcmp(code_words[i], word, n) == 0)
            return (int)i;
    return RUNNEL_EINTERNAL;
}
