/* SPDX-License-Identifier: MIT
 * value.c — is this the value of an observation, and how is what a person typed made into one?
 * May touch: the buffer it is given.
 */
#include "base/err.h"
#include "base/json.h"
#include "base/jsontext.h"
#include "base/plain.h"

static int walk(const void *p, size_t n, int blanks, struct rn_buf *out, struct runnel_err *err) {
    struct rn_text_rules rules = {.depth = RN_VALUE_DEPTH, .blanks = blanks};
    size_t at = 0;
    int rc = rn_text_walk(p, n, &rules, out, &at, err);
    if (rc < 0 && err)
        return rn_wrap(err, "value, byte %zu", at);
    return rc;
}

int rn_value_check(const void *p, size_t n, struct runnel_err *err) {
    if (n > RN_VALUE_MAX)
        return rn_fail(err, RUNNEL_ETOOBIG, "value: %zu bytes, the limit is %u", n, RN_VALUE_MAX);
    return rn_value_plain(p, n) ? 0 : walk(p, n, 0, NULL, err);
}

int rn_value_compact(const void *p, size_t n, struct rn_buf *out, struct runnel_err *err) {
    struct rn_buf value;
    rn_buf_init(&value, RN_VALUE_MAX);
    int rc = walk(p, n, 1, &value, err);
    if (rc == 0 && (rc = rn_buf_add(out, value.p, value.n)) < 0)
        rc = rn_fail(err, -rc, "value: there is no room for its %zu bytes", value.n);
    rn_buf_free(&value);
    return rc;
}
