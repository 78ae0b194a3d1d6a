/* SPDX-License-Identifier: MIT
 * client.h — the inside of a client: its link, its session, what it waits for.
 * May touch: the heap, libevent, sockets; one thread.
 *
 * Three layers, each in a file: link.c moves bytes, session.c takes frames apart and knows life and
 * death, the rest (request.c, publish.c, follow.c, stream.c) are the calls. Nothing calls back into
 * the caller's code except from the loop or from runnel_client_free. */
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
#define RN_SLOTS 64u   /* a power of two: lists of pending answers and of follows, by id */

struct rn_pending;

/* What an answer does. `f` is the frame that answers, or NULL with `err`. The pending is freed after it;
 * 0, or a negative code with `why` filled when the frame is not what this method is answered by. */
typedef int rn_answer_fn(struct runnel_client *c, struct rn_pending *p, const struct rn_frame *f,
                         const struct runnel_err *err, struct runnel_err *why);

/* A request that waits for its answer. */
struct rn_pending {
    struct rn_list slot;
    uint64_t id;
    rn_answer_fn *answer;
    union {
        runnel_data *data;
        runnel_publish_done *publish;
        runnel_at_done *at;
        runnel_head_done *head;
    } done;
    struct runnel_follow *follow;
    void *arg;
};

enum rn_follow_state { RN_OPENING, RN_OPEN, RN_GONE };

struct runnel_follow {
    struct rn_list link;
    struct runnel_client *client;
    uint64_t id;
    enum rn_follow_state state;
    unsigned waits; /* answers under way that point here: to follow, to unfollow */
    int paused, held, known;
    uint64_t next;     /* seq of the next observation; `known` once the node has said it */
    uint64_t held_end; /* with `held`: the count at the start */
    int64_t last;      /* time of the last observation delivered */
    uint64_t window, owed;
    struct runnel_follow_calls calls;
    void *arg;
};

struct runnel_client {
    char *address;
    /* link */
    struct event_base *base;
    int fd, connecting;
    struct event *io_read, *io_write, *flush, *tick;
    struct rn_buf in, out;
    size_t sent; /* bytes of out that are gone already */
    uint64_t queue_limit;
    /* session */
    int connected, closed, freed, pinging;
    unsigned depth; /* of calls from the loop; memory outlives them */
    int64_t connect_limit, silence_limit;
    int64_t step, silent; /* ns of a tick; ns of ticks in which nothing was heard */
    int heard;            /* something came since the last tick */
    struct runnel_err why;
    runnel_state_fn *on_state;
    void *arg;
    char node[2 * RN_KEY + 1], agent[65];
    /* what is asked */
    uint64_t next_id;
    uint64_t n_open;
    struct rn_list slots[RN_SLOTS];
    size_t n_follows;
    struct rn_list follows[RN_SLOTS];
};

/* address.c: reads an address into a socket address. 0 or -RUNNEL_EINVALID. */
struct sockaddr_storage;
int rn_address_parse(const char *address, struct sockaddr_storage *sa, size_t *n, struct runnel_err *err);

/* link.c */
int rn_link_open(struct runnel_client *c, struct runnel_err *err);
void rn_link_close(struct runnel_client *c);
void rn_link_free(struct runnel_client *c);
void rn_link_flush_soon(struct runnel_client *c);
size_t rn_link_unsent(const struct runnel_client *c);

/* life.c: a client is watched while it connects and while something is asked or followed. */
void rn_life_arm(struct runnel_client *c);
void rn_life_restart(struct runnel_client *c); /* with the limits of the state it is in now */
void rn_life_tick(int fd, short what, void *arg);

/* session.c */
int rn_session_hello(struct runnel_client *c, const char *agent, struct runnel_err *err);
void rn_session_bytes(struct runnel_client *c); /* takes the whole frames out of c->in */
void rn_session_end(struct runnel_client *c, const struct runnel_err *why);
void rn_client_enter(struct runnel_client *c);
void rn_client_leave(struct runnel_client *c);
int rn_session_json(struct runnel_bytes text, struct rn_json **out, struct runnel_err *err);

/* request.c: how everything is asked. rn_ask_new makes a pending answer with the next id; the caller
 * then appends its frame to c->out and calls rn_ask_sent with what that gave: the pending is dropped
 * when it failed. `force` is for what must not fail for a full queue. */
struct rn_pending *rn_ask_new(struct runnel_client *c, int force, rn_answer_fn *answer, void *arg,
                              struct runnel_err *err);
int rn_ask_sent(struct runnel_client *c, struct rn_pending *p, int r, struct runnel_err *err);
struct rn_pending *rn_ask_find(struct runnel_client *c, uint64_t id);
void rn_ask_take(struct runnel_client *c, struct rn_pending *p); /* out of its list */
int rn_ask_wrong(const struct rn_frame *f, const char *want, struct runnel_err *why);
int rn_ask_ping(struct runnel_client *c);

/* follow.c */
int rn_follow_data(struct runnel_client *c, const struct rn_frame *f, struct runnel_err *err);
int rn_follow_head(struct runnel_client *c, const struct rn_frame *f, struct runnel_err *err);
int rn_follow_state(struct runnel_client *c, const struct rn_frame *f, struct runnel_err *err);
void rn_follow_end_all(struct runnel_client *c, const struct runnel_err *why);

#endif
