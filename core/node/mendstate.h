/* SPDX-License-Identifier: MIT
 * mendstate.h — what mending is made of, for mend.c, and the others of its name.
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
    int proving;           /* the leaf is lost with its block, and asked of peers (mendproof.c) */
    int proven;            /* they gave it: it is stored when its block is there */
    uint32_t level;        /* what was folded so far stands at this level */
    struct rn_hash fold;
    int64_t first;        /* of the block whose leaf is being stored */
    uint64_t leaves_then; /* closed ones, when its pack was read */
    struct rn_hash leaf;  /* of the block at hand */
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
    uint64_t follow, ask;  /* ids in the session; 0: none */
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

/* Block k comes before all others. It is not looked at yet. 0 or -RUNNEL_EBUSY. */
int rn_mend_first(struct rn_mend *m, uint64_t k);

/* ---- mendlook.c: what of the block at hand is damaged ---- */

void rn_mend_look(struct rn_mend *m);
/* Its leaf is known, in m->leaf. */
void rn_mend_look_at_block(struct rn_mend *m);
/* Its bytes are those of the leaf; `first`: time of its first observation. */
void rn_mend_is_whole(struct rn_mend *m, int64_t first);

/* ---- mendproof.c: its leaf is damaged too ---- */

/* Has the leaf of the block at hand asked for at peers, and proven by the peaks. */
void rn_mend_prove(struct rn_mend *m);
/* A peer is there to be asked. 0 or a negative code. */
int rn_mend_ask_hashes(struct rn_mend *m);
/* The proven leaf takes its place in the store; then its block is done with. */
void rn_mend_store_leaf(struct rn_mend *m, int64_t first);

/* ---- mendround.c: who may have it ---- */

/* Discovery is asked, or no longer. */
void rn_mend_watch(struct rn_mend *m, int on);
/* Begins a round; `arg` is the rn_mend. */
void rn_mend_round(void *arg);
void rn_mend_round_free(struct rn_mend *m);
void rn_mend_next_provider(struct rn_mend *m);

/* ---- mendfetch.c: one peer is asked for one block ---- */

/* The peer at hand does not do: the next one. */
void rn_mend_refuse(struct rn_mend *m, const struct runnel_err *why);
void rn_mend_up(struct rn_peer_user *user, struct rn_session *session);
void rn_mend_down(struct rn_peer_user *user, const struct runnel_err *why);

#endif
