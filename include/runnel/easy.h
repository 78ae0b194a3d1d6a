/* SPDX-License-Identifier: MIT
 * easy.h — librunnel without an event loop: each call waits until it is done.
 * May touch: client.h only. Link with `pkg-config --libs librunnel`.
 *
 *     struct runnel_easy *e;
 *     struct runnel_err err;
 *     if (runnel_easy_open(NULL, NULL, &e, &err) < 0)
 *         ...err.msg says why
 *     runnel_easy_publish(e, "AUTHOR/home/temperature/", RUNNEL_NOW, "21.5", NULL, &err);
 *     runnel_easy_close(e);
 *
 * It is client.h underneath: a lost session is opened again, follows go on without seam and publishes do not
 * double. Work is done within the calls only: there is no thread inside, and between two calls nothing is
 * read or written. A handle and its follows belong to one thread at a time; other threads open their own.
 * After fork() only one of the two processes may go on with a handle.
 *
 * Calls return 0 (or what they say) or a negative enum runnel_code, and then `err`, where not NULL, says
 * what, where and what to do. Besides the codes that a call names each may return -RUNNEL_ECLOSED (no
 * session, for good), -RUNNEL_ETIMEOUT (see runnel_easy_limit), -RUNNEL_ENOMEM, and what the node answers.
 * Times are int64_t ns since the Unix epoch, UTC. A `stream` is a stream id or "AUTHOR/source/stream/target". */
#ifndef RUNNEL_EASY_H
#define RUNNEL_EASY_H

#include <runnel/client.h>

#ifdef __cplusplus
extern "C" {
#endif

struct runnel_easy;        /* opaque: a handle on a node */
struct runnel_easy_follow; /* opaque; belongs to its handle */

/* Opens a handle and waits until the node has answered. `address` as runnel_client_new takes it; NULL: what
 * the environment variable RUNNEL_NODE holds, else unix:///run/runnel/runnel.sock. `options` may be NULL;
 * with RUNNEL_CLIENT_WAIT the node need not be there yet. It waits 30 s at most; connect_limit and retry_limit of
 * the options may end it sooner. -RUNNEL_EINVALID, -RUNNEL_EIO. */
RUNNEL_API int runnel_easy_open(const char *address, const struct runnel_client_options *options,
                                struct runnel_easy **out, struct runnel_err *err);
/* Ends its follows too, and gives everything back. NULL is harmless. */
RUNNEL_API void runnel_easy_close(struct runnel_easy *e);
/* How long a call waits, in ns [30 s], over lost sessions and all; negative: for ever. Then it returns
 * -RUNNEL_ETIMEOUT, and what had been asked may still be done: its answer is dropped, but a publish is in the
 * stream then, and publishing the same again adds it a second time, unless both say the same `seq`. */
RUNNEL_API void runnel_easy_limit(struct runnel_easy *e, int64_t ns);

/* Asks a method of doc/protocol.md, as runnel_client_request. `json` may be NULL. *answer is the answer's JSON
 * object, good until the next call on the handle. */
RUNNEL_API int runnel_easy_request(struct runnel_easy *e, const char *method, const char *json,
                                   struct runnel_bytes *answer, struct runnel_err *err);
/* Makes a stream of this node from its descriptor (JSON; "author" may be left out), or finds it. */
RUNNEL_API int runnel_easy_create(struct runnel_easy *e, const char *descriptor, struct runnel_id *out,
                                  struct runnel_err *err);

/* Appends one observation and waits until it is durable: `value` is one JSON value as text, `time` may be
 * RUNNEL_NOW. *made (may be NULL) tells where it went. */
RUNNEL_API int runnel_easy_publish(struct runnel_easy *e, const char *stream, int64_t time, const char *value,
                                   struct runnel_published *made, struct runnel_err *err);
/* Appends any number, in as many parts as they need, each of them all or none, the next one after the one
 * before is durable; the limit counts anew for each. `seq` is that of the first, or RUNNEL_ANY, see runnel_publish.
 * *made (may be NULL) tells where they went, and when a part failed how many are in before it (`count`). */
RUNNEL_API int runnel_easy_publish_many(struct runnel_easy *e, const char *stream, uint64_t seq,
                                        const struct runnel_observation *o, size_t n, struct runnel_published *made,
                                        struct runnel_err *err);

/* What to do with an observation, borrowed for the call; not 0 ends the reading. It may make calls on the
 * handle. */
typedef int runnel_easy_each(void *arg, const struct runnel_observation *o);
/* Reads what the node holds (`options` as in client.h, may be NULL: all of it), in order. Returns 0, what
 * `each` returned, or a negative code. The limit counts anew whenever something comes. */
RUNNEL_API int runnel_easy_history(struct runnel_easy *e, const char *stream,
                                   const struct runnel_follow_options *options, runnel_easy_each *each, void *arg,
                                   struct runnel_err *err);

/* Follows a stream: begins it and returns at once; errors of the node come from runnel_easy_next. A reader that
 * is slower than the stream holds back the node, not the other follows: about twice the window is kept here.
 * Several follows of a handle are read in turns, each with a short `wait`. */
RUNNEL_API int runnel_easy_follow(struct runnel_easy *e, const char *stream,
                                  const struct runnel_follow_options *options, struct runnel_easy_follow **out,
                                  struct runnel_err *err);
/* The next observation: 1 and *o, whose value is good until the next call on the follow, whatever is called on the
 * handle meanwhile; 0 when the end that was asked for is reached; -RUNNEL_ETIMEOUT when none has come within `wait` ns
 * (0: what is there already or can be read at once; negative: for ever) and the follow goes on; another code when it
 * failed, and then again and again. */
RUNNEL_API int runnel_easy_next(struct runnel_easy_follow *f, int64_t wait, struct runnel_observation *o,
                                struct runnel_err *err);
RUNNEL_API void runnel_easy_unfollow(struct runnel_easy_follow *f); /* NULL is harmless */

/* The stream as the node holds it; what *out points to is good until the next call on the handle. */
RUNNEL_API int runnel_easy_head(struct runnel_easy *e, const char *stream, struct runnel_stream_info *out,
                                struct runnel_err *err);
/* The last observation whose time is not after `time`, its value good until the next call on the handle;
 * -RUNNEL_ENOTFOUND when there is none. */
RUNNEL_API int runnel_easy_at(struct runnel_easy *e, const char *stream, int64_t time, struct runnel_observation *o,
                              struct runnel_err *err);

#ifdef __cplusplus
}
#endif
#endif
