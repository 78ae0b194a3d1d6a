/* SPDX-License-Identifier: MIT
 * request.c — makes, ends and drops the calls that a storage engine has put aside.
 * May touch: the heap.
 */
#include "base/request.h"
#include "base/changes.h"
#include "base/err.h"
#include <stdlib.h>
#include <string.h>

static const struct runnel_err no_memory = {RUNNEL_ENOMEM, "out of memory"};
static const struct runnel_bytes nothing = {NULL, 0};

static void set_key(struct rn_request *r, struct runnel_bytes *to, struct runnel_bytes key) {
    uint8_t *at = to == &r->from ? r->keys : r->keys + RUNNEL_KEY_MAX;
    if (key.n)
        memcpy(at, key.p, key.n);
    *to = (struct runnel_bytes){at, key.n};
}

/* Remembers why it is refused; NULL when there is no memory for that. */
static struct rn_request *refuse(struct rn_request *r, const struct runnel_err *err) {
    r->refused = malloc(sizeof *r->refused);
    if (!r->refused) {
        rn_request_drop(r);
        return NULL;
    }
    *r->refused = *err;
    return r;
}

static struct rn_request *make(enum rn_request_what what, void *arg) {
    struct rn_request *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    rn_list_init(&r->link);
    r->what = what;
    r->arg = arg;
    return r;
}

static struct rn_request *make_commit(const struct runnel_change *changes, size_t n, void *arg) {
    struct runnel_err err;
    struct rn_request *r = make(RN_REQUEST_COMMIT, arg);
    if (!r)
        return NULL;
    if (rn_changes_check(changes, n, &r->cost, &err) != 0)
        return refuse(r, &err);
    r->changes = rn_changes_copy(changes, n);
    r->n = n;
    if (!r->changes)
        return refuse(r, &no_memory);
    return r;
}

struct rn_request *rn_request_commit(const struct runnel_change *changes, size_t n, runnel_done *done, void *arg) {
    struct rn_request *r = make_commit(changes, n, arg);
    if (r)
        r->done = done;
    else
        done(arg, &no_memory);
    return r;
}

static struct rn_request *make_get(struct runnel_bytes key, void *arg) {
    struct runnel_err err;
    struct rn_request *r = make(RN_REQUEST_GET, arg);
    if (!r)
        return NULL;
    if (rn_key_check(key, &err) != 0)
        return refuse(r, &err);
    set_key(r, &r->from, key);
    return r;
}

struct rn_request *rn_request_get(struct runnel_bytes key, uint64_t off, uint32_t max, runnel_data *data, void *arg) {
    struct rn_request *r = make_get(key, arg);
    if (!r) {
        data(arg, nothing, &no_memory);
        return NULL;
    }
    r->off = off;
    r->max = max;
    r->data = data;
    return r;
}

static struct rn_request *make_scan(struct runnel_bytes from, struct runnel_bytes to, void *arg) {
    struct runnel_err err;
    struct rn_request *r = make(RN_REQUEST_SCAN, arg);
    if (!r)
        return NULL;
    if (from.n > RUNNEL_KEY_MAX || to.n > RUNNEL_KEY_MAX) {
        (void)rn_fail(&err, RUNNEL_EINVALID, "a bound of a scan has more than %u bytes", RUNNEL_KEY_MAX);
        return refuse(r, &err);
    }
    set_key(r, &r->from, from);
    set_key(r, &r->to, to);
    return r;
}

struct rn_request *rn_request_scan(struct runnel_bytes from, struct runnel_bytes to, uint32_t limit, runnel_pair *pair,
                                   runnel_done *done, void *arg) {
    struct rn_request *r = make_scan(from, to, arg);
    if (!r) {
        done(arg, &no_memory);
        return NULL;
    }
    r->max = limit;
    r->pair = pair;
    r->done = done;
    return r;
}

void rn_request_drop(struct rn_request *r) {
    rn_list_del(&r->link);
    free(r->changes);
    free(r->refused);
    free(r);
}

void rn_request_end(struct rn_request *r, const struct runnel_err *err) {
    runnel_done *done = r->done;
    runnel_data *data = r->data;
    void *arg = r->arg;
    struct runnel_err copy = {0};
    if (err)
        copy = *err; /* it may be r->refused */
    rn_request_drop(r);
    if (data)
        data(arg, nothing, err ? &copy : NULL);
    else
        done(arg, err ? &copy : NULL);
}

void rn_request_data(struct rn_request *r, struct runnel_bytes bytes) {
    runnel_data *data = r->data;
    void *arg = r->arg;
    rn_request_drop(r);
    data(arg, bytes, NULL);
}

int rn_request_pair(struct rn_request *r, struct runnel_bytes key, struct runnel_bytes val) {
    set_key(r, &r->from, key);
    r->beyond = 1;
    r->pair(r->arg, key, val);
    return !r->max || --r->max > 0;
}
