/* SPDX-License-Identifier: MIT
 * jsonget.c — typed members of a tree, with errors that name the member, what was found and what is wanted.
 * May touch: nothing but its arguments.
 */
#include "base/err.h"
#include "base/json.h"
#include "base/number.h"
#include <inttypes.h>
#include <string.h>

#define SHOWN 40 /* characters of a value that an error repeats */

const char *rn_json_type_name(enum rn_json_type type) {
    static const char *const names[] = {
        [RN_NULL] = "null",       [RN_BOOL] = "true or false", [RN_INT] = "an integer",   [RN_NUMBER] = "a number",
        [RN_STRING] = "a string", [RN_ARRAY] = "an array",     [RN_OBJECT] = "an object",
    };
    if ((size_t)type < sizeof names / sizeof *names && names[type])
        return names[type];
    return "nothing";
}

const struct rn_json *rn_json_get(const struct rn_json *o, const char *key) {
    size_t n = strlen(key);
    if (!o || o->type != RN_OBJECT)
        return NULL;
    for (const struct rn_json *v = o->child; v; v = v->next)
        if (v->n_key == n && memcmp(v->key, key, n) == 0)
            return v;
    return NULL;
}

/* Refuses a value, showing its text where it is a number or string of the right type but not of the right kind. */
static int refuse(const struct rn_json *v, const char *key, const char *want, int show, struct runnel_err *err) {
    if (show && v->text)
        return rn_fail(err, RUNNEL_EINVALID, "%s: found %.*s, want %s", key,
                       (int)(v->n_text < SHOWN ? v->n_text : SHOWN), v->text, want);
    return rn_fail(err, RUNNEL_EINVALID, "%s: found %s, want %s", key, rn_json_type_name(v->type), want);
}

int rn_json_str(const struct rn_json *o, const char *key, const char **out, struct runnel_err *err) {
    const struct rn_json *v = rn_json_get(o, key);
    if (!v)
        return -RUNNEL_ENOTFOUND;
    if (v->type != RN_STRING)
        return refuse(v, key, "a string", 0, err);
    if (memchr(v->text, 0, v->n_text))
        return rn_fail(err, RUNNEL_EINVALID, "%s: found a string with a NUL character, want one without", key);
    *out = v->text;
    return 0;
}

int rn_json_i64(const struct rn_json *o, const char *key, int64_t *out, struct runnel_err *err) {
    const struct rn_json *v = rn_json_get(o, key);
    if (!v)
        return -RUNNEL_ENOTFOUND;
    if (v->type == RN_INT) {
        *out = v->i;
        return 0;
    }
    if (v->type == RN_STRING && rn_number_i64(v->text, v->n_text, out))
        return 0;
    return refuse(v, key, "an integer from -2^63 to 2^63-1", v->type == RN_NUMBER, err);
}

int rn_json_u64(const struct rn_json *o, const char *key, uint64_t *out, struct runnel_err *err) {
    const struct rn_json *v = rn_json_get(o, key);
    if (!v)
        return -RUNNEL_ENOTFOUND;
    int number = v->type == RN_INT || v->type == RN_NUMBER;
    if (number && rn_number_u64(v->text, v->n_text, out))
        return 0;
    return refuse(v, key, "an integer from 0 to 2^64-1", number, err);
}

int rn_json_bool(const struct rn_json *o, const char *key, int *out, struct runnel_err *err) {
    const struct rn_json *v = rn_json_get(o, key);
    if (!v)
        return -RUNNEL_ENOTFOUND;
    if (v->type != RN_BOOL)
        return refuse(v, key, "true or false", 0, err);
    *out = v->i != 0;
    return 0;
}
