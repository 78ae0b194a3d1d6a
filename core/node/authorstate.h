/* SPDX-License-Identifier: MIT
 * authorstate.h — a publish on its way, for author.c, publish.c, repeat.c, gather.c and commit.c.
 * May touch: nothing; declarations.
 */
#ifndef RN_NODE_AUTHORSTATE_H
#define RN_NODE_AUTHORSTATE_H

#include "node/inner.h"

#define RN_COMMIT_BYTES ((size_t)4 << 20) /* entries in one commit */
#define RN_COMMIT_OBS 65536u              /* observations in one commit */

/* A publish that waits to be placed, or to be durable. One is made for each PUBLISH frame, so what it costs is paid
 * for each observation of a client that sends them one by one: it is one piece of memory, with its call within. */
struct rn_publish {
    struct rn_list link;
    struct rn_call call;
    struct rn_stream *stream;
    uint64_t seq;       /* with SEQ: where it must go; then where it went */
    int64_t base, last; /* first and last time, as asked; then as given */
    uint32_t count;     /* observations */
    uint32_t n;         /* bytes of the entries */
    uint8_t flags;
    uint8_t entries[];
};

/* publish.c: one with room for `n` bytes of entries, of which only the call is begun. NULL when out of memory. */
struct rn_publish *rn_publish_new(struct rn_stream *stream, struct rn_session *s, uint64_t id, size_t n);
/* publish.c: without an answer; with an error; with where it went. Each frees it. */
void rn_publish_free(struct rn_publish *p);
void rn_publish_fail(struct rn_publish *p, const struct runnel_err *err);
void rn_publish_done(struct rn_publish *p);
/* publish.c: the same of all in a list. */
void rn_publishes_drop(struct rn_list *l);
void rn_publishes_fail(struct rn_list *l, const struct runnel_err *err);

/* repeat.c: a publish, taken out of its list, is compared with what stands at its seq, and answered. */
void rn_repeat_begin(struct rn_publish *p);

/* gather.c: what is gathered for one stream: observations that will be added in one go. Zeroed before its first
 * use, then used for one stream after the other; the memory of `v` is its user's. */
struct rn_gather {
    struct rn_obs *v;
    size_t n, cap;
    uint64_t count; /* of the stream, with them */
    int64_t last;
    size_t bytes;
};
/* Places a stream's publishes as far as there is room, which it takes; those placed go to `placed`. */
void rn_gather_publishes(struct rn_stream *s, struct rn_gather *g, struct rn_list *placed, size_t *room_bytes,
                         size_t *room_obs);

/* author.c: what waits is looked at soon, if anything does; and who waits for the author's end is told of it. */
void rn_author_go(struct rn_author *a);

/* commit.c: the author's task: builds a commit out of what waits, unless one is on its way, or more is about to come.
 */
void rn_commit_look(void *author);
/* commit.c: drops the commit on its way, without answers. */
void rn_commit_drop(struct rn_author *a);

#endif
