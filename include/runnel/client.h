/* SPDX-License-Identifier: MIT
 * client.h — librunnel: a program's sessions with its node: publish, follow, read history.
 * May touch: types.h only. Link with `pkg-config --libs librunnel`. Without an event loop: easy.h.
 *
 * Everything is asynchronous on the caller's event_base and runs in the thread that runs that base:
 * a client and all that belongs to it must be used from this one thread. No call blocks, and no call
 * does I/O itself: what it asks for goes out in the next turn of the loop, all of a turn in one write.
 *
 * Every call that takes a completion either returns a negative code (and fills `err`), and then the
 * completion never fires; or it returns 0, and then the completion fires exactly once, from the loop
 * or from runnel_client_free. Callbacks may make any call, runnel_client_free included.
 *
 * What callbacks are handed is borrowed for the call: copy what is to be kept. What calls are handed is
 * copied before they return. Times are int64_t ns since the Unix epoch, UTC.
 *
 * A client outlives its sessions. When one is lost, because the node was restarted or its machine, it
 * opens the next by itself, waiting longer from attempt to attempt, and goes on where it was:
 *
 *   follows      go on behind the last observation that was delivered: one follow without seam
 *   publishes    that were not acknowledged are sent again, each to the seq where it went or was to go:
 *                nothing is appended twice
 *   requests     that change nothing, or nothing more when repeated, are sent again; of others that had
 *                been sent it is not known whether the node has done them: they fail with RUNNEL_ECLOSED
 *   new calls    wait for the next session, as far as queue_limit goes
 *
 * With RUNNEL_CLIENT_ONCE there is one session, and what is open ends with it.
 *
 * Structs with `size` first grow at their end in later versions: set size to sizeof, zero the rest. */
#ifndef RUNNEL_CLIENT_H
#define RUNNEL_CLIENT_H

#include <runnel/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct event_base; /* libevent's */

#if defined(__GNUC__)
#define RUNNEL_API __attribute__((visibility("default")))
#else
#define RUNNEL_API
#endif

/* ---- a client ---- */

struct runnel_client; /* opaque */

enum runnel_state {
    RUNNEL_CONNECTED = 1, /* the hellos have been exchanged; what waited is on its way */
    RUNNEL_CLOSED = 2,    /* it is over, for good; free the client */
    RUNNEL_LOST = 3       /* there is no session now; runnel_client_retry says when the next is tried */
};

/* Is told when the client connects, when its session is lost or an attempt to open one has failed, and
 * when it closes. `err` says why, and is NULL for RUNNEL_CONNECTED. RUNNEL_LOST comes after the requests
 * that cannot be repeated have failed and the follows that were live have been told. RUNNEL_CLOSED comes
 * once at most, after all the completions that were open have fired with the same error. It does not
 * come from runnel_client_free.
 *
 * A client closes when no further attempt can help: the node ends the session because of what this
 * program sent or may not do, speaks another version, or sends what is malformed; when nobody listens at
 * the first attempt (unless RUNNEL_CLIENT_WAIT); when retry_limit is over. */
typedef void runnel_state_fn(void *arg, enum runnel_state state, const struct runnel_err *err);

#define RUNNEL_CLIENT_ONCE 1u /* flags: one session; the client closes when it is lost */
#define RUNNEL_CLIENT_WAIT 2u /* flags: nobody may listen yet: the first attempt is repeated too */

struct runnel_client_options {
    uint32_t size;
    uint32_t flags;
    const char *agent;     /* names the program in the node's logs, up to 64 bytes [librunnel/VERSION] */
    int64_t connect_limit; /* ns until the hello of the node must have come [10 s] */
    int64_t silence_limit; /* ns of silence after which the session is lost, while something is asked or
                            * followed; the client pings in time [30 s]; negative: never */
    uint64_t queue_limit;  /* bytes that may wait to be sent, or were sent and are kept to be repeated until
                            * they are answered [8 MiB]; over it calls return -RUNNEL_EBUSY */
    int64_t retry_least;   /* ns until the first attempt to open another session [100 ms]; each one that fails
                            * doubles it, */
    int64_t retry_most;    /* up to this [30 s]. Waited is a random time between half of it and all of it. */
    int64_t retry_limit;   /* ns without session after which the client closes [0: never] */
};

/* Makes a client and opens its first session. `address` is "unix:///PATH", "tcp://127.0.0.1:PORT" or
 * "tcp://[::1]:PORT"; over tcp only this machine is reached, because sessions are not sealed yet. `options` and
 * `on_state` may be NULL. Calls may be made at once: they wait for the connection. `base` must outlive the client. 0
 * and *out, or -RUNNEL_EINVALID (the address, an option), -RUNNEL_ECLOSED (nobody listens there; with
 * RUNNEL_CLIENT_WAIT this is told as RUNNEL_LOST instead), -RUNNEL_EIO, -RUNNEL_ENOMEM. */
RUNNEL_API int runnel_client_new(struct event_base *base, const char *address,
                                 const struct runnel_client_options *options, runnel_state_fn *on_state, void *arg,
                                 struct runnel_client **out, struct runnel_err *err);
/* Ends the session and gives everything back. Open completions fire with RUNNEL_ECLOSED before it
 * returns; calls on the client made from them return -RUNNEL_ECLOSED. NULL is harmless. */
RUNNEL_API void runnel_client_free(struct runnel_client *c);

/* The node's id (64 hexadecimal digits) and agent, as its last hello gave them; "" before the first. The
 * pointers are good as long as the client; another session may change what they point to. */
RUNNEL_API const char *runnel_client_node(const struct runnel_client *c);
RUNNEL_API const char *runnel_client_agent(const struct runnel_client *c);
/* Bytes that wait to be sent or are kept to be repeated, and requests that wait for an answer (open
 * follows not counted). */
RUNNEL_API uint64_t runnel_client_queued(const struct runnel_client *c);
RUNNEL_API uint64_t runnel_client_open(const struct runnel_client *c);
/* ns from now until the next attempt to open a session, 0 when it is due; -1 when none is planned, because
 * there is a session, or one is being opened, or the client is closed. */
RUNNEL_API int64_t runnel_client_retry(const struct runnel_client *c);

/* ---- any method ---- */

/* Asks the node for a method of doc/protocol.md that is answered by JSON. `json` is the object of the
 * parameters, NULL for none; it must not have a member "method". `done` gets the bytes of the answer's
 * JSON object, or the node's error. When the session is lost, ping, status, streams, create, head, at,
 * subscribe, unsubscribe, verify, peers and plugins are sent again (create then may say that it was there
 * already, subscribe that it was added already); another method that had been sent fails with
 * RUNNEL_ECLOSED: it is not known whether it was done. -RUNNEL_EINVALID (no JSON object), -RUNNEL_ETOOBIG
 * (over a frame), -RUNNEL_EBUSY (the queue is full, or 8192 requests are open), -RUNNEL_ECLOSED,
 * -RUNNEL_ENOMEM. */
RUNNEL_API int runnel_client_request(struct runnel_client *c, const char *method, const char *json, runnel_data *done,
                                     void *arg, struct runnel_err *err);

/* ---- observations ---- */

/* One observation. Frozen: it is used in arrays. */
struct runnel_observation {
    uint64_t seq;              /* ignored when publishing */
    int64_t time;              /* or RUNNEL_NOW when publishing */
    struct runnel_bytes value; /* the bytes of one JSON value, see runnel_value_check */
};

#define RUNNEL_NOW INT64_MIN  /* time: the node's clock at the commit */
#define RUNNEL_ANY UINT64_MAX /* seq: wherever the stream ends */

/* What one publish can carry: the sum of (value.n + RUNNEL_PUBLISH_EACH) over its observations must
 * not exceed RUNNEL_PUBLISH_BYTES to be sure to fit. */
#define RUNNEL_PUBLISH_BYTES 65472u
#define RUNNEL_PUBLISH_EACH 13u

/* What a publish made: durable at the author's node. */
struct runnel_published {
    uint32_t size;
    uint32_t reserved;
    uint64_t seq; /* of the first */
    uint64_t count;
    int64_t first_time, last_time;
};
typedef void runnel_publish_done(void *arg, const struct runnel_published *made, const struct runnel_err *err);

/* Appends observations to a stream whose author the node is: all or none of them. `done` fires when
 * they are durable. With `seq` they are appended only if the stream has just that many observations;
 * the same ones there already is success, others are RUNNEL_ECONFLICT: a publish that was cut off may
 * be repeated safely, and after a lost session the client does so. The same ones: the same values, and
 * the same times unless they are RUNNEL_NOW, for then the times of the first sending stand.
 *
 * With RUNNEL_ANY they go behind what is there. So that a repeat is safe the client finds the seqs by
 * itself: it asks once for the stream's end and gives each publish the seq behind the one before, to be
 * refused when that is taken; then it asks again. So nothing is appended twice, ever. Others may append
 * to the same stream meanwhile; when that is noticed, publishes already under way may change places with
 * one another, and from then on one at a time is sent until all are answered. One thing cannot be told
 * apart: after a lost session, observations of another program that equal those of an unacknowledged
 * publish, value by value (and time by time unless RUNNEL_NOW), at the very seq where it was to go, count
 * as that publish. With RUNNEL_CLIENT_ONCE the node places them, and a repeat by the program appends twice.
 *
 * Times are all RUNNEL_NOW or none is, and must not decrease. An error of the node says that nothing was
 * appended; RUNNEL_ECLOSED, or the error with which the client closed, that it is not known: the client
 * is at its end, or the publish was cut off with a session and then what was to stand before it, or it
 * itself, was refused.
 * -RUNNEL_EINVALID (nothing to publish, a value that is no JSON, times), -RUNNEL_ETOOBIG (they do not fit
 * in one frame of 64 KiB: publish them in parts), -RUNNEL_EBUSY, -RUNNEL_ECLOSED, -RUNNEL_ENOMEM. */
RUNNEL_API int runnel_publish(struct runnel_client *c, const struct runnel_id *stream, uint64_t seq,
                              const struct runnel_observation *o, size_t n, runnel_publish_done *done, void *arg,
                              struct runnel_err *err);

/* Checks that the bytes are what a node takes as a value: one JSON value (RFC 8259) in UTF-8, without
 * white space outside strings, at most 32 deep and 16384 bytes long. 0, -RUNNEL_EINVALID or
 * -RUNNEL_ETOOBIG with what is wrong and at which byte. */
RUNNEL_API int runnel_value_check(const void *p, size_t n, struct runnel_err *err);

/* ---- following ---- */

struct runnel_follow; /* opaque; belongs to its client and ends with the `end` callback */

enum runnel_from {
    RUNNEL_FROM_START = 0, /* the first observation */
    RUNNEL_FROM_SEQ = 1,   /* the observation with this seq */
    RUNNEL_FROM_TIME = 2,  /* the first observation whose time is not before this */
    RUNNEL_FROM_NOW = 3    /* behind what is held */
};
enum runnel_until {
    RUNNEL_UNTIL_NEVER = 0,
    RUNNEL_UNTIL_SEQ = 1, /* ends before this seq */
    RUNNEL_UNTIL_TIME = 2 /* ends before the first observation whose time is not before this */
};
#define RUNNEL_FOLLOW_HEADS 1u /* flags: call `head` too */
#define RUNNEL_FOLLOW_HELD 2u  /* flags: end with what the node holds when the follow begins */

struct runnel_follow_options {
    uint32_t size;
    uint32_t flags;
    uint32_t from;  /* enum runnel_from */
    uint32_t until; /* enum runnel_until */
    uint64_t from_seq, until_seq;
    int64_t from_time, until_time;
    uint64_t window; /* bytes that may be under way to us, 16 MiB at most [1 MiB] */
};

/* How a follow began. */
struct runnel_started {
    uint32_t size;
    uint32_t live; /* 1: the node's own copy is live */
    struct runnel_id stream;
    uint64_t from;  /* seq of the first observation that will come */
    uint64_t count; /* observations that the node holds */
};

/* Callbacks of a follow; each may be NULL but `end`. `arg` is the one given to runnel_follow. */
struct runnel_follow_calls {
    uint32_t size;
    uint32_t reserved;
    /* Comes first, once, unless the node refuses the follow. */
    void (*started)(void *arg, const struct runnel_started *s);
    /* Observations in order of seq, without gap: 1 to 256 at a time. */
    void (*observations)(void *arg, const struct runnel_observation *o, size_t n);
    /* All that is held has been delivered up to `next` and more will come as it is made (live 1), or the
     * node has lost its way to the author for now, or this client its session with the node (live 0). */
    void (*state)(void *arg, int live, uint64_t next);
    /* The newest signed head that the node holds, encoded as in doc/protocol.md; its count is never over
     * what has been delivered, and each comes once. With RUNNEL_FOLLOW_HEADS only. */
    void (*head)(void *arg, struct runnel_bytes signed_head);
    /* The follow is over and its handle gone: `err` is NULL when its end was reached, else why: the
     * node's error, RUNNEL_ECLOSED, or RUNNEL_EDAMAGED when what the node sent has a gap or is malformed
     * (the session then ends too). `next` is the seq from which to go on. */
    void (*end)(void *arg, uint64_t next, const struct runnel_err *err);
};

/* Follows a stream: its history from `from` on, then what is made, without seam, also from session to
 * session: `from` and what RUNNEL_FOLLOW_HELD ends with are found out once, when the follow begins.
 * `stream` is a stream id or "AUTHOR/source/stream/target". `options` may be NULL: all from the start, for ever. The
 * calls are copied. *out (may be NULL) is the handle, valid until `end` fires. -RUNNEL_EINVALID, -RUNNEL_EBUSY (4096
 * follows are open, or the queue is full), -RUNNEL_ECLOSED, -RUNNEL_ENOMEM. */
RUNNEL_API int runnel_follow(struct runnel_client *c, const char *stream, const struct runnel_follow_options *options,
                             const struct runnel_follow_calls *calls, void *arg, struct runnel_follow **out,
                             struct runnel_err *err);
/* The same with RUNNEL_FOLLOW_HELD: reads what is held and ends. */
RUNNEL_API int runnel_history(struct runnel_client *c, const char *stream, const struct runnel_follow_options *options,
                              const struct runnel_follow_calls *calls, void *arg, struct runnel_follow **out,
                              struct runnel_err *err);
/* Ends a follow: `end` does not fire and nothing more is called for it. */
RUNNEL_API void runnel_unfollow(struct runnel_follow *f);
/* Back-pressure: a paused follow gives the node no more credit; what is under way already, a window of
 * bytes at most, still comes. Resuming one that is not paused is harmless. */
RUNNEL_API void runnel_follow_pause(struct runnel_follow *f);
RUNNEL_API void runnel_follow_resume(struct runnel_follow *f);

/* ---- questions about a stream ---- */

/* The last observation whose time is not after `time`; RUNNEL_ENOTFOUND when there is none. */
typedef void runnel_at_done(void *arg, const struct runnel_observation *o, const struct runnel_err *err);
RUNNEL_API int runnel_at(struct runnel_client *c, const char *stream, int64_t time, runnel_at_done *done, void *arg,
                         struct runnel_err *err);

/* A stream as a node holds it. Strings are UTF-8 and terminated. */
struct runnel_stream_info {
    uint32_t size;
    uint8_t own, subscribed, live, has_last, has_head;
    uint8_t reserved[3];
    struct runnel_id stream;
    uint64_t count;                 /* observations held, verified and durable */
    int64_t last;                   /* time of the last of them, when has_last */
    const char *state;              /* "own", "held", "looking", "probing", "fetching", "live" */
    struct runnel_bytes descriptor; /* canonical JSON */
    /* When has_head: the newest head that is held whole. */
    uint64_t head_count;
    int64_t signed_at, through; /* through INT64_MIN: nothing is promised */
    uint8_t root[32];
    struct runnel_bytes head; /* the signed head, encoded */
};
typedef void runnel_head_done(void *arg, const struct runnel_stream_info *info, const struct runnel_err *err);
RUNNEL_API int runnel_head(struct runnel_client *c, const char *stream, runnel_head_done *done, void *arg,
                           struct runnel_err *err);

/* ---- stream ids as text ---- */

#define RUNNEL_ID_TEXT 37u /* "xxxxxxxx-xxxx-8xxx-yxxx-xxxxxxxxxxxx" and the terminator */
RUNNEL_API char *runnel_id_format(const struct runnel_id *id, char out[RUNNEL_ID_TEXT]);
/* 0, or -RUNNEL_EINVALID when `s` is not the text of a stream id. */
RUNNEL_API int runnel_id_parse(const char *s, struct runnel_id *out);

#ifdef __cplusplus
}
#endif
#endif
