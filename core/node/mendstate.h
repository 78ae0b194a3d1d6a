/* SPDX-License-Identifier: MIT
 * mendstate.h — what mending is made of, for mend.c, mendlook.c, mendround.c and mendfetch.c.
 * May touch: nothing; declarations.
 */
#ifndef RN_NODE_MENDSTATE_H
#define RN_NODE_MENDSTATE_H

#include "node/inner.h"
#include "node/mend.h"
#include "node/peers.h"
#include "node/sessionstate.h"
#include "node/upstreamstate.h"
#include "node/walk.h"
#include <runnel/discovery.h>

#define RN_MEND_CANDIDATES 256u

/* A block that waits; RN_NOWHERE: the tree. */
struct rn_mend_item {
    struct rn_list link;
    uint64_t k;
    struct rn_list waiting; /* of struct rn_mend_wait */
};

/* One whom discovery named. */
struct rn_mend_named {
    char *address, *from;
};

struct rn_mend {
    struct rn_op op;
    struct rn_stream *stream;
    uint64_t watch;
    struct rn_mend_named *v; /* whom discovery named */
    size_t n;
    struct rn_list items; /* the first is the one at hand */
    uint64_t n_items;

    int busy;              /* the store will call back: the memory has to stay until then */
    int stopped;           /* the stream is gone */
    int walked;            /* its tree has been made again for this block */
    struct rn_peaks peaks; /* at which the walk began: what must come out */
    struct rn_hash leaf;   /* of the block at hand */
    int has_leaf;
    struct rn_buf old; /* its bytes as the disk gave them */
    struct rn_buf got; /* as the peer gives them */
    uint64_t n_got;    /* observations */
    struct rn_changes changes;

    char **round; /* addresses to be tried */
    size_t n_round, at;
    const char *provider; /* the one at hand; in `round` */
    struct rn_peer_user user;
    struct rn_session *session;
    uint64_t follow;
    struct rn_alarm alarm; /* the next round, or the provider stalls */
    int64_t last_round;
    unsigned failures;
    int patient; /* discovery had its moment to name somebody */
};

/* ---- mend.c: what waits, and who waits for it ---- */

const char *rn_mend_id(const struct rn_mend *m, char out[RN_ID_TEXT]);
struct rn_mend_item *rn_mend_at_hand(const struct rn_mend *m);
int64_t rn_mend_now(const struct rn_mend *m);
/* A callback of the store: 1 when nothing is to be done any more. */
int rn_mend_called_back(struct rn_mend *m);
/* The block at hand is done with, and the next one is looked at. `err` NULL: it is whole. */
void rn_mend_done_with(struct rn_mend *m, const struct runnel_err *err);
/* Nobody can help now: who waits is told, and it is tried again, ever more seldom. */
void rn_mend_again_later(struct rn_mend *m, const struct runnel_err *why);
void rn_mend_no_memory(struct rn_mend *m);
/* The next round begins in so many ns. */
void rn_mend_round_in(struct rn_mend *m, int64_t ns);
/* Lets go of the provider at hand and of what came from it. */
void rn_mend_let_go(struct rn_mend *m);

/* ---- mendlook.c: what of the block at hand is damaged ---- */

void rn_mend_look(struct rn_mend *m);

/* ---- mendround.c: who may have it ---- */

/* Discovery is asked, or no longer. */
void rn_mend_watch(struct rn_mend *m, int on);
/* Begins a round; `arg` is the rn_mend. */
void rn_mend_round(void *arg);
void rn_mend_round_free(struct rn_mend *m);
void rn_mend_next_provider(struct rn_mend *m);

/* ---- mendfetch.c: one peer is asked for one block ---- */

void rn_mend_up(struct rn_peer_user *user, struct rn_session *session);
void rn_mend_down(struct rn_peer_user *user, const struct runnel_err *why);

#endif
