/* SPDX-License-Identifier: MIT
 * gone.h — what was dropped: tombstones of own streams, and numbers whose records are being erased.
 * May touch: the store.
 *
 * A drop is one commit that makes the stream gone for everybody: its record becomes a note that its number is
 * being erased. The records under the number then go in slices, one small commit after the other, and the
 * note with the last of them. A number is not given to another stream while a note of it is there.
 */
#ifndef RN_NODE_GONE_H
#define RN_NODE_GONE_H

#include "base/map.h"
#include "node/loop.h"
#include "node/store.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_node;
struct rn_stream;

/* An own stream that was dropped: its descriptor must never begin again at 0, as readers elsewhere may hold
 * signed heads of it. */
struct rn_tombstone {
    struct runnel_id id;
    uint64_t count; /* observations that it had; UINT64_MAX: the record is damaged */
    int64_t time;   /* of the drop */
};

/* A number whose records are being erased, oldest first. */
struct rn_erasing {
    struct rn_list link;
    uint32_t number;
};

struct rn_gone {
    struct rn_map *tombstones; /* stream id → struct rn_tombstone */
    struct rn_list numbers;    /* of struct rn_erasing */
    size_t n_numbers;
    int erasing; /* a slice is under way */
    struct rn_alarm retry;
};

/* ---- gone.c ---- */

int rn_gone_init(struct rn_node *n, const uint8_t seed[16]); /* 0 or -RUNNEL_ENOMEM */
void rn_gone_free(struct rn_node *n);
/* Reads tombstones and numbers back at start, then fires done. */
void rn_gone_load(struct rn_node *n, runnel_done *done, void *arg);

/* The tombstone of an own stream that was dropped here; NULL: there is none. Whoever has one must not be
 * created, nor fetched again from a peer. Valid until the loop's next turn. */
const struct rn_tombstone *rn_dropped(const struct rn_node *n, const struct runnel_id *id);
/* "it was dropped here on T with N observations": in one sentence for whoever asks for it. */
int rn_dropped_say(const struct rn_tombstone *t, struct runnel_err *err, int code, const char *what);
/* Adds one in memory (copied). 0 or -RUNNEL_ENOMEM. */
int rn_gone_bury(struct rn_node *n, const struct rn_tombstone *t);
void rn_gone_unbury(struct rn_node *n, const struct runnel_id *id);

/* ---- erase.c ---- */

/* Has the records of a number erased (e is taken over), once the node serves. */
void rn_erase(struct rn_node *n, struct rn_erasing *e);
/* Begins, or goes on after a failure. */
void rn_erase_start(struct rn_node *n);

/* ---- drop.c ---- */

/* A commit with something of this stream has landed, or failed: a drop that waited for it goes on. */
void rn_drop_go(struct rn_stream *s);

#ifdef __cplusplus
}
#endif
#endif
