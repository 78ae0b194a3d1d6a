/* SPDX-License-Identifier: MIT
 * peer.h — a node written by hand that serves one stream and, when told to, lies about it in one way.
 * May touch: the world.
 */
#ifndef SIM_PEER_H
#define SIM_PEER_H

#include "sim/author.h"
#include "sim/talk.h"

/* What a peer may get wrong, one thing at a time; all else about it is in order, signatures included. */
enum sim_lie {
    SIM_HONEST,
    /* before it serves anything */
    SIM_MUTE,        /* accepts the link and never says a word */
    SIM_GARBAGE,     /* random bytes in place of the hello */
    SIM_EAGER,       /* a request before the hello */
    SIM_OLD_VERSION, /* no protocol version in common */
    SIM_OVERSIZE,    /* a frame over the limit */
    SIM_NO_TYPE,     /* a frame of a type that does not exist */
    SIM_NO_JSON,     /* answers that are no JSON */
    SIM_NO_ANSWER,   /* never answers a request */
    /* about the stream and its head */
    SIM_OTHER_STREAM, /* the descriptor of a foreign author's stream, with its head and data, all in order */
    SIM_OTHER_HEAD,   /* the head of a foreign author's stream */
    SIM_SIGNATURE,    /* one bit of the signature flipped */
    SIM_SIGNER,       /* the right head, signed by somebody else */
    SIM_ROOT,         /* a head properly signed over another root than the data has */
    SIM_NO_HEAD,      /* data, but never the head that covers it */
    /* about the data */
    SIM_BIT,       /* one bit of a value flipped, so that it still is JSON */
    SIM_GAP,       /* one observation left out */
    SIM_TWICE,     /* one run sent twice */
    SIM_CUT_ENTRY, /* a run that ends within an entry */
    SIM_BASE,      /* a run whose base lies before the observation that it follows: time runs backwards */
    SIM_STRANGER,  /* data for a follow that nobody asked for */
    SIM_CROSSING,  /* a run that goes on into the next block */
    SIM_LEAVES,    /* hashes of leaves that do not fold to the root */
    /* about what it owes */
    SIM_STALLS,   /* nothing of a follow comes from `from` on, though it answers pings */
    SIM_NO_CREDIT /* sends all that it has, whatever the credit */
};

struct sim_peer {
    struct sim_host host;
    struct sim_talk talk; /* one at a time: a later dial replaces it */
    const struct sim_author *author;
    const struct sim_author *foreign; /* for SIM_OTHER_ and SIM_SIGNER */
    enum sim_lie lie;
    uint64_t from;                   /* the first observation that it lies about */
    uint64_t count;                  /* observations that it serves */
    uint8_t nonce[16], node[RN_KEY]; /* random: nobody checks node ids before links are sealed */
    struct sim_rand rand;
    uint64_t follow, sent, until, head_sent; /* the open follow: id (0: none), next seq, end, head */
    int64_t credit;
    int heads, live_told;
    uint64_t n_sessions, n_lost, n_follows, n_lies;
    uint64_t first_from; /* where the first follow began */
    char why[256];       /* why the last session was lost, as far as the other side told */
};

void sim_peer_init(struct sim_peer *p, struct sim_world *w, const char *name, const struct sim_author *a,
                   enum sim_lie lie);
void sim_peer_listen(struct sim_peer *p, int on);
/* From now on it serves so many; an open follow gets them as its live tail. */
void sim_peer_serve(struct sim_peer *p, uint64_t count);
void sim_peer_end(struct sim_peer *p);

#endif
