/* SPDX-License-Identifier: MIT
 * upstreamstate.h — what a subscription is made of, for the files named below.
 * May touch: nothing; declarations.
 */
#ifndef RN_NODE_UPSTREAMSTATE_H
#define RN_NODE_UPSTREAMSTATE_H

#include "node/hops.h"
#include "node/inner.h"
#include "node/peers.h"
#include "node/upstream.h"
#include <runnel/discovery.h>
#include <runnel/sync.h>

enum rn_upstream_phase {
    RN_UP_LOOKING,  /* no candidate, or all are in back-off */
    RN_UP_DIALLING, /* a candidate's session is being opened */
    RN_UP_PROBING,  /* it was asked for its head */
    RN_UP_FETCHING, /* history: leaf hashes, then blocks, each checked alone */
    RN_UP_LIVE,     /* the tail, head by head */
    RN_UP_RESTING   /* the policy wants nothing now */
};

/* One who may serve the stream. */
struct rn_candidate {
    char *address;
    int publisher;
    int has_node;
    struct rn_key node;
    char *from;         /* the discovery instance that named it */
    int64_t not_before; /* for this stream; the address has a back-off of its own */
    unsigned failures;
};

/* Credit of a follow of ours, bytes: what may wait for a commit and the largest block behind it must fit,
 * since credit is given back only for what has been committed. */
#define RN_WINDOW ((int64_t)6 << 20)
#define RN_LIVE_GAP 64u                        /* observations behind which the tail is followed without leaf hashes */
#define RN_LIVE_BYTES (RN_WINDOW / 2)          /* a tail that brings more than this without a head is fetched instead */
#define RN_STALL_NS (INT64_C(15) * 1000000000) /* without anything of what was asked for */
#define RN_ASK_NS (INT64_C(10) * 1000000000)

/* A growth on its way to the disk; stream->flight. */
struct rn_flight {
    struct rn_op op;
    struct rn_growth growth;
    struct rn_changes changes;
    int has_head;
    struct rn_signed_head head;
    size_t bytes; /* entries in it: credit to give back */
};

struct rn_upstream {
    struct rn_node *node;
    uint64_t watch;
    struct rn_stream_ref ref;
    struct rn_stream *stream; /* NULL until its descriptor is known */
    enum rn_upstream_phase phase;
    int recover; /* no subscription: until `goal` observations of the stream are here */
    uint64_t goal;
    struct rn_candidate *v; /* in order of trying */
    size_t n, at;           /* how many; the next to be tried in this round */
    char *provider;         /* address of the one at hand; NULL: none */
    int provider_publisher;
    int lags; /* it holds less than we do: somebody else may have more */
    struct rn_peer_user user;
    struct rn_session *session;
    struct rn_alarm alarm;        /* the next try; or the next look for a better provider */
    struct rn_alarm stall;        /* what was asked for must come before it rings */
    uint64_t ask, follow;         /* ids in the session; 0: none */
    int live;                     /* the provider says so, and its path does not lead through us */
    struct rn_hops hops;          /* that path, while live */
    uint32_t hops_no;             /* how often it has become another */
    uint64_t want;                /* count of the newest head seen at the provider */
    struct rn_signed_head probed; /* the head that the probe brought, checked */
    struct rn_attested_memo memo;

    struct rn_fetch *fetch; /* the history that is being fetched (fetchstate.h) */

    /* The live tail. */
    struct rn_list runs; /* those that wait for their head (live.c) */
    uint64_t received;   /* seq that must come next */
    size_t unverified;   /* bytes in runs */
    int has_next_head;
    struct rn_signed_head next_head; /* newest head received, not taken yet */

    /* The look for a better provider. */
    struct rn_peer_user other;
    char *other_address; /* NULL: none is being looked at */
    int other_publisher;
    struct rn_session *other_session;
    uint64_t other_ask;
    unsigned n_looks; /* since it was live last */
    uint64_t ahead;   /* count that another showed at the last look; still not reached at the next: we lag */
};

/* ---- upstream.c ---- */

int64_t rn_upstream_now(const struct rn_upstream *u);
/* The stream by id, or by the name that was asked for. */
const char *rn_upstream_text(const struct rn_upstream *u, char out[RN_REF_TEXT]);
/* Its alarm rings in `ns`: rn_upstream_woken. */
void rn_upstream_wake_in(struct rn_upstream *u, int64_t ns);
/* The subscription has its provider in this phase now; readers are told. */
void rn_upstream_enter(struct rn_upstream *u, enum rn_upstream_phase phase);
void rn_upstream_set_live(struct rn_upstream *u, int live);
/* The stream of this subscription is known now. */
void rn_upstream_known(struct rn_upstream *u, struct rn_stream *s);
/* Makes one for a stream or reference, that has not begun to look; `recover`: no subscription. NULL when out
 * of memory. */
struct rn_upstream *rn_upstream_make(struct rn_node *n, const struct rn_stream_ref *ref, struct rn_stream *s,
                                     int recover);
/* Has the discovery instances (`only` not NULL: that one alone) begin or end to look. */
void rn_upstream_watch(struct rn_upstream *u, struct rn_member *only, int on);
/* Begins to look for candidates. */
void rn_upstream_begin(struct rn_upstream *u);

/* ---- candidates.c ---- */

/* The candidate of this address, or NULL. */
struct rn_candidate *rn_candidate_of(struct rn_upstream *u, const char *address);
/* It does not serve: it is left alone for a time that grows. */
void rn_candidate_avoid(struct rn_upstream *u, const char *address);
/* Begins a new round: publishers first, in the order of the list; the others shuffled. */
void rn_candidates_order(struct rn_upstream *u);
/* How long until some candidate may be tried again. */
int64_t rn_candidates_wait(struct rn_upstream *u);
void rn_candidates_clear(struct rn_upstream *u);
/* Adds a candidate that no discovery has named, and tries it if there is no provider. 0 or a negative code. */
int rn_upstream_offer(struct rn_upstream *u, const char *address);
/* Takes it away. */
void rn_upstream_withdraw(struct rn_upstream *u, const char *address);
/* offer.c: offers it those that have dialled us already. */
void rn_upstreams_dialled(struct rn_upstream *u);

/* ---- provider.c ---- */

/* Tries candidates in order until one can be dialled; waits when there is none. */
void rn_upstream_choose(struct rn_upstream *u);
/* Makes this address (taken over) the provider at hand; 0 when its session is there or being opened. */
int rn_provider_take(struct rn_upstream *u, char *address, int publisher);
/* Forgets the provider at hand and all that came from it and is not checked. */
void rn_provider_let_go(struct rn_upstream *u);
/* As that, and the look for a better one. */
void rn_upstream_let_go(struct rn_upstream *u);
/* The session to it is open, or could not be opened, or has ended (struct rn_peer_user). */
void rn_provider_up(struct rn_peer_user *user, struct rn_session *s);
void rn_provider_down(struct rn_peer_user *user, const struct runnel_err *why);
/* It gave something that holds. To say that one serves is not enough: who then gave nothing, or nothing that holds,
 * would be asked twice a second for ever. */
void rn_provider_kept_its_word(struct rn_upstream *u);
/* The alarm has rung: the next try, or the next look for a better provider. */
void rn_upstream_woken(void *upstream);
/* Lets the provider at hand go and tries the next; `why` is logged. */
void rn_upstream_fail(struct rn_upstream *u, const struct runnel_err *why);
/* As that, after something that fails verification: the peer is dropped and avoided. */
void rn_upstream_bad(struct rn_upstream *u, const struct runnel_err *why);
/* The policy wants nothing: the provider is let go, and looked for again after a while. */
void rn_upstream_rest(struct rn_upstream *u);
/* Something must come from the provider within RN_STALL_NS, or it is let go. Called again it counts anew. */
void rn_upstream_expect(struct rn_upstream *u);
/* All that was asked for has come. */
void rn_upstream_content(struct rn_upstream *u);
/* A flight has landed (err NULL) or failed. */
void rn_upstream_landed(struct rn_upstream *u, size_t bytes, const struct runnel_err *err);

/* ---- better.c ---- */

/* The provider is not live: another that is will be looked for soon. */
void rn_better_soon(struct rn_upstream *u);
/* The provider says that it serves: a better one is looked for now and then. */
void rn_upstream_serves(struct rn_upstream *u);
/* It is time for a look. */
void rn_better_look(struct rn_upstream *u);
/* Ends the look that is under way. */
void rn_better_stop(struct rn_upstream *u);
/* The session to the one that is looked at (struct rn_peer_user). */
void rn_better_up(struct rn_peer_user *user, struct rn_session *s);
void rn_better_down(struct rn_peer_user *user, const struct runnel_err *why);

/* ---- recover.c ---- */

/* The probe of what is recovered is checked: what now? */
void rn_recover_decide(struct rn_upstream *u);
/* It is a subscription from now on. */
void rn_recover_subscribed(struct rn_upstream *u, const struct rn_stream_ref *ref);
/* Something that came of an own stream contradicts what is here, or is damaged. */
void rn_recover_bad(struct rn_upstream *u, const struct runnel_err *why);

/* ---- probe.c ---- */

/* Asks the provider for its head, and goes on from there. */
void rn_probe(struct rn_upstream *u);
/* Checks the answer to `head`: descriptor, stream, signature. `*d` is set when the stream was not known
 * and belongs to the caller. 0; -RUNNEL_EDAMAGED: it lies; another code: it does not serve. */
int rn_probe_check(struct rn_upstream *u, const struct rn_json *o, struct rn_signed_head *head,
                   struct rn_descriptor **d, struct runnel_err *err);

/* ---- fetch.c ---- */

void rn_fetch_begin(struct rn_upstream *u);
void rn_fetch_free(struct rn_upstream *u);
/* The provider goes: blocks that have been checked are kept all the same. */
void rn_fetch_keep(struct rn_upstream *u);
void rn_fetch_landed(struct rn_upstream *u);

/* ---- live.c ---- */

void rn_live_begin(struct rn_upstream *u);
void rn_live_free(struct rn_upstream *u);
void rn_live_landed(struct rn_upstream *u);

/* ---- flight.c ---- */

/* Commits a growth. It and the changes are taken over, also on failure. 0 or a negative code. */
int rn_flight_begin(struct rn_growth *g, struct rn_changes *c, const struct rn_signed_head *head, size_t bytes);
/* The newest end of the stream: what is on its way to the disk, else what is there. */
const struct rn_tail *rn_flight_tail(const struct rn_stream *s);

/* ---- upfollow.c ---- */

/* Opens a follow at the provider. `until` UINT64_MAX: for good, with heads. */
void rn_upstream_follow(struct rn_upstream *u, uint64_t from, uint64_t until, rn_push_fn *push);
void rn_upstream_unfollow(struct rn_upstream *u);
/* Reads the members of a STATE frame. Non-zero when it says that the follow has ended (and *err says why): 1 with an
 * error, 2 because all was sent. */
int rn_upstream_state_frame(struct rn_upstream *u, const struct rn_frame *f, struct runnel_err *err);
/* Reads the entries of a run without looking into values: how many they are. 0, or -RUNNEL_EDAMAGED. */
int rn_run_count(const struct rn_frame *f, uint64_t *count, struct runnel_err *err);

#endif
