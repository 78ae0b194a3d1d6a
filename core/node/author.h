/* SPDX-License-Identifier: MIT
 * author.h — the author's side: streams are created, observations appended, heads signed.
 * May touch: the streams of this node's own, the store, the env's signature.
 *
 * What has come in while one commit was on its way to the disk goes into the next, over all streams,
 * under one signature. Nothing of a commit is told to anybody before it is durable.
 */
#ifndef RN_NODE_AUTHOR_H
#define RN_NODE_AUTHOR_H

#include "base/chunks.h"
#include "node/ripe.h"
#include "node/session.h"
#include "node/store.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_commit;

struct rn_author {
    struct rn_node *node;
    struct rn_list dirty;     /* streams with publishes that wait */
    struct rn_task task;      /* builds the next commit, late in a turn: all that can be read has been read */
    struct rn_ripe ripe;      /* whether it is time to */
    struct rn_commit *flying; /* the commit on its way, or NULL */
    struct rn_chunks chunks;  /* what the publishes that wait are made of */
    int stopping;
};

void rn_author_init(struct rn_author *a, struct rn_node *n);
/* Drops all that waits, without answers (the node goes). */
void rn_author_drop(struct rn_author *a);
/* Frees what it keeps; no publish is left. */
void rn_author_free(struct rn_author *a);
/* Whether nothing waits and nothing is on its way. */
int rn_author_idle(const struct rn_author *a);

/* Refuses all publishes to a stream that wait. */
void rn_author_forget(struct rn_stream *s, const struct runnel_err *err);
/* Whether a commit with something of this stream is on its way. */
int rn_author_flies(const struct rn_author *a, const struct rn_stream *s);

/* Takes a PUBLISH frame. It is answered when durable, or refused. 0, or a negative code when the
 * publish is refused at once: the caller answers with err. */
int rn_author_publish(struct rn_author *a, struct rn_session *s, const struct rn_frame *f, struct runnel_err *err);
/* The method create. The call is answered when the stream is durable. */
void rn_author_create(struct rn_author *a, struct rn_call *call, const struct rn_json *params);
/* As that, of a whole descriptor, which is taken over. */
void rn_author_create_desc(struct rn_author *a, struct rn_call *call, struct rn_descriptor *d);

#ifdef __cplusplus
}
#endif
#endif
