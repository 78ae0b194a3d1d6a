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

/* ---- the room ---- */

int rn_request_room_init(struct rn_request_room *room) {
    rn_list_init(&room->spares);
    for (unsigned k = 0; k < RN_REQUEST_SPARES; k++) {
        struct rn_request *r = calloc(1, sizeof *r);
        if (!r) {
            rn_request_room_free(room);
            return -RUNNEL_ENOMEM;
        }
        rn_list_init(&r->link);
        rn_list_add(&room->spares, &r->link);
    }
    return 0;
}

void rn_request_room_free(struct rn_request_room *room) {
    rn_list_for_safe (it, &room->spares) {
        rn_list_del(it);
        free(rn_list_of(it, struct rn_request, link));
    }
}

static struct rn_request *take_spare(struct rn_request_room *room) {
    if (rn_list_empty(&room->spares))
        return NULL;
    struct rn_request *r = rn_list_of(room->spares.next, struct rn_request, link);
    rn_list_del(&r->link);
    r->home = room;
    r->refused = &no_memory;
    return r;
}

static void give_back(struct rn_request *r) {
    struct rn_request_room *room = r->home;
    *r = (struct rn_request){.what = RN_REQUEST_COMMIT};
    rn_list_init(&r->link);
    rn_list_add(&room->spares, &r->link);
}

/* ---- making ---- */

static void set_key(struct rn_request *r, struct runnel_bytes *to, struct runnel_bytes key) {
    uint8_t *at = to == &r->from ? r->keys : r->keys + RUNNEL_KEY_MAX;
    if (key.n)
        memcpy(at, key.p, key.n);
    *to = (struct runnel_bytes){at, key.n};
}

/* Remembers why it is refused; without memory for that, that there is none. */
static void refuse(struct rn_request *r, const struct runnel_err *err) {
    r->refused = &no_memory;
    r->why = malloc(sizeof *r->why);
    if (!r->why)
        return;
    *r->why = *err;
    r->refused = r->why;
}

/* NULL only when there is no spare one either. */
static struct rn_request *make(struct rn_request_room *room, enum rn_request_what what, void *arg) {
    struct rn_request *r = calloc(1, sizeof *r);
    if (r)
        rn_list_init(&r->link);
    else
        r = take_spare(room);
    if (!r)
        return NULL;
    r->what = what;
    r->arg = arg;
    return r;
}

static void fill_commit(struct rn_request *r, const struct runnel_change *changes, size_t n) {
    struct runnel_err err;
    if (rn_changes_check(changes, n, &r->cost, &err) != 0) {
        refuse(r, &err);
        return;
    }
    r->changes = rn_changes_copy(changes, n);
    r->n = n;
    if (!r->changes)
        r->refused = &no_memory;
}

struct rn_request *rn_request_commit(struct rn_request_room *room, const struct runnel_change *changes, size_t n,
                                     runnel_done *done, void *arg) {
    struct rn_request *r = make(room, RN_REQUEST_COMMIT, arg);
    if (!r) {
        done(arg, &no_memory);
        return NULL;
    }
    r->done = done;
    if (!r->refused)
        fill_commit(r, changes, n);
    return r;
}

struct rn_request *rn_request_get(struct rn_request_room *room, struct runnel_bytes key, uint64_t off, uint32_t max,
                                  runnel_data *data, void *arg) {
    struct runnel_err err;
    struct rn_request *r = make(room, RN_REQUEST_GET, arg);
    if (!r) {
        data(arg, nothing, &no_memory);
        return NULL;
    }
    r->off = off;
    r->max = max;
    r->data = data;
    if (rn_key_check(key, &err) == 0)
        set_key(r, &r->from, key);
    else if (!r->refused)
        refuse(r, &err);
    return r;
}

static void set_bounds(struct rn_request *r, struct runnel_bytes from, struct runnel_bytes to) {
    struct runnel_err err;
    if (from.n <= RUNNEL_KEY_MAX && to.n <= RUNNEL_KEY_MAX) {
        set_key(r, &r->from, from);
        set_key(r, &r->to, to);
    } else if (!r->refused) {
        (void)rn_fail(&err, RUNNEL_EINVALID, "a bound of a scan has more than %u bytes", RUNNEL_KEY_MAX);
        refuse(r, &err);
    }
}

struct rn_request *rn_request_scan(struct rn_request_room *room, struct runnel_bytes from, struct runnel_bytes to,
                                   uint32_t limit, runnel_pair *pair, runnel_done *done, void *arg) {
    struct rn_request *r = make(room, RN_REQUEST_SCAN, arg);
    if (!r) {
        done(arg, &no_memory);
        return NULL;
    }
    r->max = limit;
    r->pair = pair;
    r->done = done;
    set_bounds(r, from, to);
    return r;
}

/* ---- ending ---- */

void rn_request_drop(struct rn_request *r) {
    rn_list_del(&r->link);
    free(r->changes);
    free(r->why);
    if (r->home)
        give_back(r);
    else
        free(r);
}

void rn_request_end(struct rn_request *r, const struct runnel_err *err) {
    runnel_done *done = r->done;
    runnel_data *data = r->data;
    void *arg = r->arg;
    struct runnel_err copy = {0};
    if (err)
        copy = *err; /* it may be what `refused` points to */
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
