/* SPDX-License-Identifier: MIT
 * changes.c — checks and copies the changes of a storage commit.
 * May touch: the heap.
 */
#include "base/changes.h"
#include "base/err.h"
#include <stdlib.h>
#include <string.h>

int rn_key_check(struct runnel_bytes key, struct runnel_err *err) {
    if (key.n >= 1 && key.n <= RUNNEL_KEY_MAX)
        return 0;
    return rn_fail(err, RUNNEL_EINVALID, "a key has %zu bytes, want 1 to %u", key.n, RUNNEL_KEY_MAX);
}

int rn_key_compare(struct runnel_bytes a, struct runnel_bytes b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int rc = n ? memcmp(a.p, b.p, n) : 0;
    return rc ? rc : (a.n > b.n) - (a.n < b.n);
}

char *rn_key_text(struct runnel_bytes key, char out[RN_KEY_TEXT]) {
    static const char digits[] = "0123456789abcdef";
    size_t shown = key.n <= (RN_KEY_TEXT - 4) / 2 ? key.n : (RN_KEY_TEXT - 4) / 2, at = 0;
    for (size_t k = 0; k < shown; k++) {
        out[at++] = digits[key.p[k] >> 4];
        out[at++] = digits[key.p[k] & 15];
    }
    if (shown < key.n) {
        out[at++] = '.';
        out[at++] = '.';
    }
    out[at] = 0;
    return out;
}

static int check_one(const struct runnel_change *c, struct runnel_err *err) {
    int rc = rn_key_check(c->key, err);
    if (rc != 0)
        return rc;
    switch (c->what) {
    case RUNNEL_PUT:
    case RUNNEL_APPEND:
        if (c->data.n > RUNNEL_RECORD_MAX || (c->what == RUNNEL_APPEND && c->off > RUNNEL_RECORD_MAX - c->data.n))
            return rn_fail(err, RUNNEL_ETOOBIG, "a record would be longer than %u bytes", RUNNEL_RECORD_MAX);
        return 0;
    case RUNNEL_ERASE:
        if (c->to.n > RUNNEL_KEY_MAX)
            return rn_fail(err, RUNNEL_EINVALID, "the end of an erased range has %zu bytes, want %u at most", c->to.n,
                           RUNNEL_KEY_MAX);
        return 0;
    default:
        return rn_fail(err, RUNNEL_EINVALID, "%u is no kind of change: want PUT, APPEND or ERASE", c->what);
    }
}

int rn_changes_check(const struct runnel_change *changes, size_t n, size_t *cost, struct runnel_err *err) {
    size_t data = 0, keys = 0;
    if (n > RUNNEL_CHANGES_MAX)
        return rn_fail(err, RUNNEL_ETOOBIG, "a commit has %zu changes, want %u at most", n, RUNNEL_CHANGES_MAX);
    for (size_t k = 0; k < n; k++) {
        int rc = check_one(&changes[k], err);
        if (rc != 0) {
            (void)rn_wrap(err, "change %zu of %zu", k + 1, n);
            return rc;
        }
        keys += changes[k].key.n;
        if (changes[k].what == RUNNEL_ERASE)
            keys += changes[k].to.n;
        else
            data += changes[k].data.n;
        if (data > RUNNEL_COMMIT_MAX)
            return rn_fail(err, RUNNEL_ETOOBIG, "a commit has more than %u bytes of data", RUNNEL_COMMIT_MAX);
    }
    if (cost)
        *cost = data + keys;
    return 0;
}

static void move_bytes(struct runnel_bytes *b, uint8_t **at) {
    if (b->n)
        memcpy(*at, b->p, b->n);
    b->p = *at;
    *at += b->n;
}

struct runnel_change *rn_changes_copy(const struct runnel_change *changes, size_t n) {
    size_t bytes = 0;
    for (size_t k = 0; k < n; k++)
        bytes += changes[k].key.n + (changes[k].what == RUNNEL_ERASE ? changes[k].to.n : changes[k].data.n);
    struct runnel_change *copy = malloc(n * sizeof *copy + bytes + 1);
    if (!copy)
        return NULL;
    uint8_t *at = (uint8_t *)(copy + n);
    for (size_t k = 0; k < n; k++) {
        copy[k] = changes[k];
        if (copy[k].what == RUNNEL_ERASE)
            copy[k].data = (struct runnel_bytes){NULL, 0};
        else
            copy[k].to = (struct runnel_bytes){NULL, 0};
        move_bytes(&copy[k].key, &at);
        move_bytes(&copy[k].to, &at);
        move_bytes(&copy[k].data, &at);
    }
    return copy;
}
