/* SPDX-License-Identifier: MIT
 * hops.h — the path that a stream's live tail takes from its author: a tag for each node that it passes.
 * May touch: nothing but its arguments; looks at streams.
 *
 * Two subscribers that follow one another could each take the other for live when neither hears of the author. So
 * STATE frames between nodes name the nodes on the way, and who finds its own tag there is not live by it.
 */
#ifndef RN_NODE_HOPS_H
#define RN_NODE_HOPS_H

#include "base/json.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_node;
struct rn_stream;

#define RN_HOPS 16u

struct rn_hops {
    uint32_t n;
    uint64_t tag[RN_HOPS]; /* the author's first */
};

/* The tag of a node: new at each start. */
uint64_t rn_hops_tag(const struct rn_node *n);
/* Adds one behind; where there are RN_HOPS already the first goes. */
void rn_hops_add(struct rn_hops *h, uint64_t tag);
int rn_hops_has(const struct rn_hops *h, uint64_t tag);
int rn_hops_equal(const struct rn_hops *a, const struct rn_hops *b);

/* Writes the member "path" of an object; reads it: 0 (none: no hops), or -RUNNEL_EINVALID. */
void rn_hops_write(struct rn_jw *w, const struct rn_hops *h);
int rn_hops_read(const struct rn_json *o, struct rn_hops *out, struct runnel_err *err);

/* The path to whoever follows a live stream from us, our own tag last. */
void rn_stream_hops(const struct rn_stream *s, struct rn_hops *out);
/* Is another number whenever that path has become another. */
uint32_t rn_stream_hops_no(const struct rn_stream *s);

#ifdef __cplusplus
}
#endif
#endif
