/* SPDX-License-Identifier: MIT
 * safety.h — whether this node may go on as the author of its streams: doubts, and how they are laid to rest.
 * May touch: the store, discovery instances, peers.
 *
 * Whoever appends to an older copy of what he has published forks his own streams. So after each start the heads
 * of peers are asked for before anything is appended (heads.h); and where it is likely that the store is not the
 * newest, or not the only one, there is a doubt: nothing is appended until it is laid to rest, by the peers that
 * discovery names or by an operator's word. Doubts are durable.
 */
#ifndef RN_NODE_SAFETY_H
#define RN_NODE_SAFETY_H

#include "node/loop.h"
#include "node/place.h"
#include "node/store.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_member;
struct rn_node;
struct rn_session;
struct rn_call;
struct rn_jw;
struct runnel_candidate;

/* Why nothing is appended. */
enum rn_doubt {
    RN_COPIED = 1, /* the store is not where it was made: a copy, or brought back from a backup */
    RN_LOST = 2,   /* there is no store although the identity has had one */
    RN_TWIN = 4    /* another process with this identity was seen alive */
};

#define RN_WATCH_SAFETY UINT64_MAX /* the watch by which discovery is asked for peers that may know our heads */

struct rn_safety {
    unsigned doubts; /* of enum rn_doubt; what the store says, or will */
    char marker[RN_MARKER_MAX + 1];
    char twin[192];         /* where a twin was seen; empty: not since the start */
    int checking;           /* heads are being compared: publishes and creates wait */
    int asking;             /* peers are being asked, or tried again: the watch is on */
    struct rn_list sources; /* of struct source: peers that discovery named */
    struct rn_alarm limit, settle, again;
    struct rn_list waiting; /* of struct waiting: creates */
    struct rn_list calls;   /* of struct confirming: noted with the next write */
    int writing, changed;   /* the store's own record is on its way; and is to be written once more */
};

void rn_safety_init(struct rn_node *n);
/* The node serves: begins to ask. */
void rn_safety_start(struct rn_node *n);
/* What waits is refused: the node stops. */
void rn_safety_stop(struct rn_node *n);
void rn_safety_drop(struct rn_node *n);

/* 0: this node may append; else a negative code and why not, with the remedy. */
int rn_safety_refuses(const struct rn_node *n, struct runnel_err *err);
/* A doubt arises: it is written down. `where` (may be NULL): for people. */
void rn_safety_doubt(struct rn_node *n, enum rn_doubt why, const char *where);
/* A create waits until heads have been compared; takes call and descriptor over. 0 or -RUNNEL_ENOMEM. */
int rn_safety_wait(struct rn_node *n, struct rn_call *call, struct rn_descriptor *d);

/* A discovery instance has joined: it is asked as well, if any is. */
void rn_safety_watch(struct rn_node *n, struct rn_member *m);
/* Discovery's answer to the watch. */
void rn_safety_found(struct rn_node *n, const struct runnel_inst *from, const struct runnel_candidate *const *list,
                     size_t count);
/* A session has shown its heads of our streams, or will not. */
void rn_safety_answered(struct rn_node *n, struct rn_session *s);
/* Something that was being recovered is here. */
void rn_safety_consider(struct rn_node *n);

/* "author" of the method status: state, why, message. */
void rn_safety_describe(const struct rn_node *n, struct rn_jw *w);

#ifdef __cplusplus
}
#endif
#endif
