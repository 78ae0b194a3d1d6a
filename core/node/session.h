/* SPDX-License-Identifier: MIT
 * session.h — the node protocol over one link: hello, frames in and out, questions and answers, life.
 * May touch: the transport instance under the link.
 */
#ifndef RN_NODE_SESSION_H
#define RN_NODE_SESSION_H

#include "base/ids.h"
#include "data/frame.h"
#include "node/loop.h"
#include <runnel/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rn_node;
struct rn_session;
struct rn_share;
struct rn_stream;

enum rn_right { RN_READ = 1, RN_PUBLISH = 2, RN_ADMIN = 4 };

/* Who dialled hears of the session's life. Owned by the dialler. */
struct rn_session_owner {
    void (*opened)(struct rn_session_owner *o);                               /* hello done */
    void (*closed)(struct rn_session_owner *o, const struct runnel_err *why); /* the session is gone after this */
};

/* Dials an address with the transport that has its scheme. 0, or a negative code. */
int rn_session_dial(struct rn_node *n, const char *address, struct rn_session_owner *owner, struct rn_session **out,
                    struct runnel_err *err);
/* Ends the session: tells the other side why (NULL: nothing to tell), lets what is queued go out if it
 * can at once, closes the link, fails all open questions, ends all follows. Safe from anywhere; the
 * memory goes with the loop's next turn. `err` also goes to the owner. */
void rn_session_close(struct rn_session *s, const struct runnel_err *why);
void rn_sessions_init(struct rn_node *n);
/* Frees all sessions of a node at once without a word (the node goes). */
void rn_sessions_drop(struct rn_node *n);

int rn_session_open(const struct rn_session *s); /* hello done and not closed */
unsigned rn_session_rights(const struct rn_session *s);
/* "tcp://... (node 3fa9...)": for logs. */
const char *rn_session_name(const struct rn_session *s);
/* The node id that the other side claims, NULL when it is a program. */
const struct rn_key *rn_session_peer(const struct rn_session *s);

/* ---- asking ---- */

/* An answer: a frame ANSWER with `json` parsed, or HASHES with `body`; or err. Fires once. */
struct rn_reply {
    const struct rn_json *json;
    struct runnel_bytes body;
};
typedef void rn_reply_fn(void *arg, const struct rn_reply *r, const struct runnel_err *err);
/* DATA, HEAD and STATE of a follow that we opened. */
typedef void rn_push_fn(void *arg, const struct rn_frame *f);

/* Asks: `params` is a JSON object's members without braces ("\"stream\":\"...\""). `push` is given for
 * "follow" and stays until rn_session_forget or the session's end. *id receives the request's id.
 * `ns`: time allowed. 0 or a negative code (then fn is not called). */
int rn_session_ask(struct rn_session *s, const char *method, struct runnel_bytes params, int64_t ns, rn_reply_fn *fn,
                   rn_push_fn *push, void *arg, uint64_t *id);
/* Lets a question or follow go: neither fn nor push is called again. */
void rn_session_forget(struct rn_session *s, uint64_t id);
/* Gives more credit to a follow of ours. */
void rn_session_credit(struct rn_session *s, uint64_t follow, uint64_t bytes);

/* ---- answering ---- */

/* A request to be answered once; it outlives its session, the answer is then dropped. */
struct rn_call {
    struct rn_id_entry entry;   /* in the session's calls, by the request's id */
    struct rn_session *session; /* NULL once the session is gone */
    size_t weight;              /* bytes that count against RN_MAX_PUBLISHES: above it, the session's reading pauses */
    int within;                 /* it is part of something that its owner frees */
};
/* Makes a call that has to be answered later; NULL when out of memory. */
struct rn_call *rn_call_new(struct rn_session *s, uint64_t id, size_t weight);
/* The same of memory that the caller keeps until the call has been answered or freed. 0 or -RUNNEL_ENOMEM. */
int rn_call_begin(struct rn_call *c, struct rn_session *s, uint64_t id, size_t weight);
/* Adds to what the call counts while it is unanswered: the memory that its work holds. */
void rn_call_weigh(struct rn_call *c, size_t bytes);
/* Answer and free the call. `json` is a whole object. */
void rn_call_answer(struct rn_call *c, struct runnel_bytes json);
void rn_call_hashes(struct rn_call *c, struct runnel_bytes hashes);
void rn_call_published(struct rn_call *c, uint64_t seq, uint64_t count, int64_t first, int64_t last);
void rn_call_fail(struct rn_call *c, const struct runnel_err *err);
/* Frees it without an answer (the node goes). */
void rn_call_free(struct rn_call *c);

/* ---- for follows that we serve ---- */

/* How many bytes wait to be written. */
size_t rn_session_unsent(const struct rn_session *s);
/* Adds a frame of a follow to what waits, sharing what stands in it behind the follow's id; rn_session_flush_soon after
 * that. Answers and questions overtake it as long as it has not begun to go. 0 or a negative code. */
int rn_session_push(struct rn_session *s, int type, uint64_t follow, struct rn_share *share);
/* Takes back those frames of a follow that have not begun to go: the other side wants no more of it. */
void rn_session_withdraw(struct rn_session *s, uint64_t follow);
void rn_session_flush_soon(struct rn_session *s);

/* The upcalls for transport instances. */
extern const struct runnel_transport_up rn_session_up;

#ifdef __cplusplus
}
#endif
#endif
