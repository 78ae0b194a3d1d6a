/* SPDX-License-Identifier: MIT
 * sessionstate.h — what a session is made of, for the session*.c, ask.c, call.c and methods.
 * May touch: nothing; declarations.
 */
#ifndef RN_NODE_SESSIONSTATE_H
#define RN_NODE_SESSIONSTATE_H

#include "base/map.h"
#include "node/inner.h"
#include "node/lane.h"

#define RN_AGENT_MAX 64u

enum rn_session_phase { RN_DIALLING, RN_GREETING, RN_OPEN, RN_CLOSED };

struct rn_session {
    struct rn_list link; /* in node->sessions, or node->gone */
    struct rn_node *node;
    struct runnel_inst *inst;
    const struct runnel_transport *ops;
    void *conn; /* NULL once closed */
    enum rn_session_phase phase;
    int dialled;
    struct rn_session_owner *owner; /* NULL: accepted, or the owner has let go */
    unsigned rights;
    char *remote; /* the other end's address */
    char *name;   /* for logs */

    int has_peer;            /* the other side is a node */
    enum rn_parting parting; /* the node stops */
    int namesake;            /* it claims our own id: a twin, or a liar (twin.h); has_peer is 0 */
    struct rn_key peer;
    uint8_t peer_nonce[RN_NONCE];
    char agent[RN_AGENT_MAX + 1];
    int heads_shown; /* of our streams (heads.h): 1: all of them; -1: it will not; 0: not yet */
    int64_t since;   /* wall clock at which it opened */

    struct rn_buf in;    /* the rest of a frame that is not whole yet, or of those that must wait */
    struct rn_buf out;   /* control: answers, questions, errors; goes before what of the bulk has not begun */
    size_t sent;         /* bytes of `out` that have gone */
    struct rn_lane bulk; /* what the follows send */
    int readable, writable;
    int broken; /* the negative code with which writing failed; 0: it has not */
    uint64_t n_received, n_sent;
    int64_t heard;  /* monotonic: when a byte came last */
    int64_t said;   /* when the link took one last */
    int64_t pinged; /* when we pinged last */
    int64_t asked;  /* when the other side asked something last, pings aside; 0: never */
    struct rn_alarm life;
    struct rn_task turn;

    struct rn_map *asks; /* request id (8 bytes) → struct rn_ask; NULL until the first */
    uint64_t next_id;

    struct rn_ids calls; /* of struct rn_call, by request id: those that we have not answered; zeroed until the first */
    size_t weight;
    struct rn_map *follows; /* follow id (8 bytes) → struct rn_follow; NULL until the first */
    struct rn_list busy;    /* follows that may have something to send */
    size_t n_reading;       /* follows whose block is being read: each brings a run, room or not */
};

/* ask.c: an answer, error or push has come for an id of ours. -RUNNEL_EINVALID when it is malformed. */
int rn_ask_reply(struct rn_session *s, const struct rn_frame *f, struct runnel_err *err);
/* Fails everything that we asked; the session has ended. */
void rn_asks_fail(struct rn_session *s, const struct runnel_err *why);
/* How many follows of ours are open in it. */
size_t rn_asks_follows(const struct rn_session *s);
/* Frees everything that we asked without a word. */
void rn_asks_drop(struct rn_session *s);

/* call.c: appends an ERROR frame; id 0: of the session itself. 0 or a negative code. */
int rn_session_error(struct rn_session *s, uint64_t id, const struct runnel_err *err);
/* call.c: how many requests we have not answered, and whether one of them has this id. */
size_t rn_calls_count(const struct rn_session *s);
int rn_calls_has(const struct rn_session *s, uint64_t id);
/* call.c: tells the other side of each that it will not be answered, and why. They stay. */
void rn_calls_tell(struct rn_session *s, const struct runnel_err *why);
/* call.c: the session's calls become orphans. */
void rn_calls_orphan(struct rn_session *s);

/* session.c: a session with its alarm for the hello set, known to the node; NULL when out of memory. To free it at
 * once, before anybody else knows it, give it back in n_sessions too. */
struct rn_session *rn_session_new(struct rn_node *n, struct runnel_inst *inst, const char *remote);
void rn_session_free(struct rn_session *s);
/* session.c: ends it; `tell`: what the other side waits for is answered with why. Harmless when it has ended. */
void rn_session_end(struct rn_session *s, const struct runnel_err *why, int tell);
/* session.c: whether a line may be logged: others choose how often they connect. */
int rn_session_may_say(struct rn_session *s, int level);

/* sessionhello.c: appends our hello; takes theirs, the first frame. 0, or a negative code. */
int rn_session_send_hello(struct rn_session *s);
int rn_session_on_hello(struct rn_session *s, const struct rn_frame *f, struct runnel_err *err);
/* sessionlife.c: the alarm `life` has rung. */
void rn_session_on_life(void *session);

/* sessionin.c: takes the frames that are whole; reads what the link has. 0, or a negative code when the session must
 * end; it may be RN_CLOSED then. */
int rn_session_take_frames(struct rn_session *s, struct runnel_err *err);
int rn_session_read_some(struct rn_session *s, struct runnel_err *err);
/* Whether frames may be taken now. */
int rn_session_may_take(const struct rn_session *s);

/* sessionout.c: how many bytes of control wait to be written. */
size_t rn_session_owed(const struct rn_session *s);
/* Lets the follows add to the bulk, one run each in turn, while little waits to be written. Returns whether some would
 * go on. */
int rn_session_pump(struct rn_session *s);
/* Whether another follow may send, or read what it sends. */
int rn_session_may_pump(const struct rn_session *s);
/* Hands the link what it takes; a failure stays in `broken`. */
void rn_session_flush(struct rn_session *s);

/* sessionin.c: fails because of an id that an unanswered request has: which of the two an answer is for could not be
 * told, so the session must end. */
int rn_session_id_in_use(uint64_t id, struct runnel_err *err);

/* methods.c: a REQUEST has come. 0, or a negative code when the session must end. */
int rn_methods_request(struct rn_session *s, const struct rn_frame *f, struct runnel_err *err);

/* The follow with this id that we serve; NULL: none. */
struct rn_follow *rn_session_follow(const struct rn_session *s, uint64_t id);

#endif
