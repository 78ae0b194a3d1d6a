/* SPDX-License-Identifier: MIT
 * request.h — a call of a storage engine, checked, copied and put aside until the engine turns to it.
 * May touch: the heap.
 */
#ifndef RN_BASE_REQUEST_H
#define RN_BASE_REQUEST_H

#include "base/list.h"
#include <runnel/storage.h>

#ifdef __cplusplus
extern "C" {
#endif

enum rn_request_what { RN_REQUEST_COMMIT = 1, RN_REQUEST_GET = 2, RN_REQUEST_SCAN = 3 };

/* Room in which so many calls can wait to be refused when there is no memory for them. An engine keeps it from
 * its create to its destroy. */
#define RN_REQUEST_SPARES 64u
struct rn_request_room {
    struct rn_list spares; /* of struct rn_request */
};
int rn_request_room_init(struct rn_request_room *room);  /* 0 or -RUNNEL_ENOMEM */
void rn_request_room_free(struct rn_request_room *room); /* no request may be left */

/* One call. Whoever holds it ends it by exactly one of rn_request_end, rn_request_data, and
 * rn_request_drop. A call that broke a limit is kept too, so that its done keeps its place in the
 * order: `refused` is then set and nothing else is to be done than to end it with that. */
struct rn_request {
    struct rn_list link;
    enum rn_request_what what;
    const struct runnel_err *refused;
    struct runnel_err *why;        /* what `refused` is, if it was allocated */
    struct rn_request_room *home;  /* where a spare one goes back to; NULL: it was allocated */
    struct runnel_change *changes; /* COMMIT */
    size_t n, cost;                /* COMMIT: how many, and their bytes */
    uint64_t off;                  /* GET */
    uint32_t max;                  /* GET: bytes; SCAN: records still to be listed, 0: no limit */
    struct runnel_bytes from, to;  /* GET: the key is `from`; SCAN; both lie in `keys` */
    int beyond;                    /* SCAN: begin behind `from`, which has been listed */
    runnel_done *done;             /* COMMIT, SCAN */
    runnel_data *data;             /* GET */
    runnel_pair *pair;             /* SCAN */
    void *arg;
    uint8_t keys[2 * RUNNEL_KEY_MAX];
};

/* Make a request. Without memory it is one of the room's, refused with RUNNEL_ENOMEM. When all of those wait
 * already, the callback fires here and now and NULL is returned: the one case in which it comes before the
 * call has returned. */
struct rn_request *rn_request_commit(struct rn_request_room *room, const struct runnel_change *changes, size_t n,
                                     runnel_done *done, void *arg);
struct rn_request *rn_request_get(struct rn_request_room *room, struct runnel_bytes key, uint64_t off, uint32_t max,
                                  runnel_data *data, void *arg);
struct rn_request *rn_request_scan(struct rn_request_room *room, struct runnel_bytes from, struct runnel_bytes to,
                                   uint32_t limit, runnel_pair *pair, runnel_done *done, void *arg);

/* Takes the request out of its list, frees it, then fires its callback; err NULL: success (of a GET: with no
 * bytes). */
void rn_request_end(struct rn_request *r, const struct runnel_err *err);
/* The same for a GET that found its record. */
void rn_request_data(struct rn_request *r, struct runnel_bytes data);
/* Frees it without a word. */
void rn_request_drop(struct rn_request *r);

/* Fires a SCAN's pair and moves `from` behind this key; false when that was the last by its limit. */
int rn_request_pair(struct rn_request *r, struct runnel_bytes key, struct runnel_bytes val);

#ifdef __cplusplus
}
#endif
#endif
