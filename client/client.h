/* SPDX-License-Identifier: MIT
 * client.h — the inside of a client: its link, its session, what it waits for.
 * May touch: the heap, libevent, sockets, the clock, the kernel's random bytes; one thread.
 *
 * Three layers, each in a file or two: link.c moves bytes; session.c takes frames apart, life.c knows life
 * and death, retry.c what outlives a session; the rest (request.c, publish.c, outlet.c, follow.c,
 * reading.c, stream.c) are the calls. Nothing calls back into the caller's code except from the loop or
 * from runnel_client_free.
 *
 * A session may send once it is `open`: the first one from the start, so that hello and requests leave
 * together, a later one when the node's hello has come and what is to be repeated goes out in order. */
#ifndef RN_CLIENT_CLIENT_H
#define RN_CLIENT_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/list.h"
#include "data/frame.h"
#include <event2/event.h>
#include <runnel/client.h>

#define RN_READ 65536u /* bytes a read */
#define RN_SLOTS 64u   /* a power of two: lists of pending answers, of follows, of outlets */

struct rn_pending;
struct rn_outlet;

/* What an answer does. `f` is the frame that answers, or NULL with `err`. The pending is freed after it;
 * 0, or a negative code with `why` filled when the frame is not what this method is answered by. */
typedef int rn_answer_fn(struct runnel_client *c, struct rn_pending *p, const struct rn_frame *f,
                         const struct runnel_err *err, struct runnel_err *why);

/* What becomes of a request when the session is lost. */
enum rn_repeat {
    RN_WITH_SESSION, /* it means nothing in another one: dropped, no answer is waited for */
    RN_IF_UNSENT,    /* sent in the next one when the node cannot have seen it, else it fails */
    RN_ALWAYS        /* sent again */
};

/* A request that waits for its answer. `body` is kept as long as it may have to be sent (again). */
struct rn_pending {
    struct rn_list slot, order; /* by id; as asked */
    uint64_t id;
    enum rn_repeat repeat;
    rn_answer_fn *answer;
    union {
        runnel_data *data;
        runnel_publish_done *publish;
        runnel_at_done *at;
        runnel_head_done *head;
    } done;
    void *arg;
    struct runnel_follow *follow;
    struct rn_buf body; /* JSON, or the entries of a publish */
    size_t kept;        /* what it counts for in the client's `kept` */
    uint64_t end;       /* of its frame in the bytes of this session; 0: not handed to this session */
    /* a publish */
    int is_publish;
    uint8_t flags;
    struct runnel_id stream;
    uint64_t seq, count;
    int64_t base;
    /* one whose seq is ours to find, see outlet.c */
    struct rn_outlet *outlet;
    struct rn_list placing;
    int placed;   /* seq is where it goes */
    int cut;      /* an earlier session may have brought it to the node, at this seq */
    int settling; /* after that it was refused there: once more, when others have gone past */
};

enum rn_follow_state {
    RN_AWAY,    /* there is no session: it is asked for in the next one */
    RN_OPENING, /* asked for */
    RN_OPEN,
    RN_GONE
};

#define RN_HEAD_BYTES 92u /* of a head without its attestation */

struct runnel_follow {
    struct rn_list link, order; /* by id; as asked */
    struct runnel_client *client;
    uint64_t id;
    enum rn_follow_state state;
    unsigned waits; /* answers and callbacks under way that point here */
    int paused, held, known, started;
    int live, tell;    /* as last told; it must be told that it is live no more */
    uint64_t next;     /* seq of the next observation, once `started` */
    uint64_t held_end; /* with `held`: the count at the start */
    int64_t last;      /* time of the last observation delivered, once `known` */
    uint64_t owed;     /* bytes delivered for which credit has not been given */
    char *name;        /* as asked for */
    struct runnel_id stream;
    struct runnel_follow_options options;
    uint8_t head[RN_HEAD_BYTES]; /* the last one told */
    struct runnel_follow_calls calls;
    void *arg;
};

struct runnel_client {
    char *address, *agent_said;
    uint32_t flags;
    /* link */
    struct event_base *base;
    int fd, connecting;
    struct event *io_read, *io_write, *flush, *tick;
    struct rn_buf in, out;
    size_t sent;      /* bytes of out that are gone already */
    uint64_t written; /* bytes that the kernel has taken in this session */
    uint64_t kept;    /* bytes of requests that may have to be sent (again) */
    uint64_t queue_limit;
    /* session */
    int open;      /* requests may be sent in it */
    int connected; /* the hello has come */
    int closed, freed, pinging;
    unsigned depth; /* of calls from the loop; memory outlives them */
    int64_t connect_limit, silence_limit;
    int64_t step, silent; /* ns of a tick; ns of ticks in which nothing was heard */
    int heard;            /* something came since the last tick */
    struct runnel_err why;
    runnel_state_fn *on_state;
    void *arg;
    char node[2 * RN_KEY + 1], agent[65];
    /* from session to session */
    int ever;            /* some session has been connected */
    struct event *retry; /* the next attempt, when one is planned */
    int64_t retry_at;    /* when, on the monotonic clock */
    int64_t retry_least, retry_most, retry_limit;
    unsigned tries;        /* attempts since a session was of use */
    int64_t lost_at;       /* since when there is none, 0: there is one */
    struct rn_list doomed; /* pending, by `order`: they are about to fail */
    /* what is asked */
    uint64_t next_id;
    uint64_t n_open;
    struct rn_list asked; /* by `order` */
    struct rn_list slots[RN_SLOTS];
    size_t n_follows;
    struct rn_list following; /* by `order` */
    struct rn_list follows[RN_SLOTS];
    size_t n_outlets;
    struct rn_list outlets[RN_SLOTS];
    struct rn_list used; /* outlets, the one longest unused first */
};

/* address.c: reads an address into a socket address. 0 or -RUNNEL_EINVALID. */
struct sockaddr_storage;
int rn_address_parse(const char *address, struct sockaddr_storage *sa, size_t *n, struct runnel_err *err);

/* link.c */
int rn_link_open(struct runnel_client *c, struct runnel_err *err); /* on failure nothing is left of it */
void rn_link_close(struct runnel_client *c);
void rn_link_free(struct runnel_client *c);
void rn_link_flush_soon(struct runnel_client *c);
size_t rn_link_unsent(const struct runnel_client *c);

/* life.c: a client is watched while it connects and while something is asked or followed. */
void rn_life_arm(struct runnel_client *c);
void rn_life_restart(struct runnel_client *c); /* with the limits of the state it is in now */
void rn_life_tick(int fd, short what, void *arg);

/* session.c */
int rn_session_begin(struct runnel_client *c, struct runnel_err *err); /* the link, and our hello */
void rn_session_bytes(struct runnel_client *c);                        /* takes the whole frames out of c->in */
/* The session is over: the client is lost or closes, whichever it is. */
void rn_session_end(struct runnel_client *c, const struct runnel_err *why);
void rn_session_close(struct runnel_client *c, const struct runnel_err *why); /* for good */
void rn_client_enter(struct runnel_client *c);
void rn_client_leave(struct runnel_client *c);
int rn_session_json(struct runnel_bytes text, struct rn_json **out, struct runnel_err *err);

/* retry.c */
int rn_retry_helps(const struct runnel_client *c, const struct runnel_err *why);
void rn_retry_lost(struct runnel_client *c, const struct runnel_err *why);
int rn_retry_first(struct runnel_client *c, struct runnel_err *err); /* plans the first session of all */
/* The hello of a later session has come: sends again what is to be. */
int rn_retry_resume(struct runnel_client *c, struct runnel_err *err);

/* request.c: how everything is asked. rn_ask_new makes a pending answer with the next id; the caller
 * fills its body and the rest, and calls rn_ask_send, which frees it when it fails. `force` is for what
 * must not fail for a full queue. */
struct rn_pending *rn_ask_new(struct runnel_client *c, int force, rn_answer_fn *answer, void *arg,
                              struct runnel_err *err);
int rn_ask_send(struct runnel_client *c, struct rn_pending *p, struct runnel_err *err);
/* Keeps it, to be put when its turn comes. 0, or as rn_ask_send. */
int rn_ask_keep(struct runnel_client *c, struct rn_pending *p, struct runnel_err *err);
/* Appends its frame to what goes out. 0 or a negative code; it stays pending then. */
int rn_ask_put(struct runnel_client *c, struct rn_pending *p, struct runnel_err *err);
int rn_ask_seen(const struct runnel_client *c, const struct rn_pending *p); /* the node may have all of it */
struct rn_pending *rn_ask_find(struct runnel_client *c, uint64_t id);
void rn_ask_take(struct runnel_client *c, struct rn_pending *p); /* out of its lists */
void rn_ask_free(struct rn_pending *p);                          /* after rn_ask_take */
int rn_ask_wrong(const struct rn_frame *f, const char *want, struct runnel_err *why);
int rn_ask_ping(struct runnel_client *c);
uint64_t rn_ask_queued(const struct runnel_client *c);

/* publish.c */
int rn_publish_answered(struct runnel_client *c, struct rn_pending *p, const struct rn_frame *f,
                        const struct runnel_err *err, struct runnel_err *why);

/* outlet.c: finds the seqs of publishes with RUNNEL_ANY. */
int rn_outlet_take(struct runnel_client *c, struct rn_pending *p, struct runnel_err *err);
void rn_outlet_note(struct runnel_client *c, const struct runnel_id *stream,
                    uint64_t end); /* a publish goes up to there */
/* A publish was refused: 1 when that is no answer to the caller, because it will be sent again. */
int rn_outlet_again(struct runnel_client *c, struct rn_pending *p, const struct runnel_err *why);
void rn_outlet_leave(struct rn_pending *p); /* it is pending no more */
/* The same with the stream's count behind it; 0: it was refused. */
void rn_outlet_answered(struct rn_pending *p, uint64_t end);
/* Sends what may be sent now, for a stream or for all. */
int rn_outlet_go_on(struct runnel_client *c, const struct runnel_id *stream, struct runnel_err *err);
int rn_outlet_all(struct runnel_client *c, struct runnel_err *err);
void rn_outlet_lost(struct runnel_client *c); /* the session is; before its pending are sorted out */
void rn_outlet_free_all(struct runnel_client *c);

/* follow.c: what comes */
int rn_follow_answered(struct runnel_client *c, struct rn_pending *p, const struct rn_frame *frame,
                       const struct runnel_err *err, struct runnel_err *why);
int rn_follow_data(struct runnel_client *c, const struct rn_frame *f, struct runnel_err *err);
int rn_follow_head(struct runnel_client *c, const struct rn_frame *f, struct runnel_err *err);
int rn_follow_state(struct runnel_client *c, const struct rn_frame *f, struct runnel_err *err);
void rn_follow_end_all(struct runnel_client *c, const struct runnel_err *why);
void rn_follow_forget(struct rn_pending *p); /* no answer comes to this request about a follow */
void rn_follow_lost(struct runnel_client *c);
/* Tells those that were live; a callback may free the client. */
void rn_follow_tell_lost(struct runnel_client *c);
void rn_follow_free(struct runnel_follow *f);
void rn_follow_enlist(struct runnel_follow *f);

/* reading.c: what is asked */
int rn_follow_ask(struct runnel_follow *f, int force, struct runnel_err *err);

#endif
