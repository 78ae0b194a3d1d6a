/* SPDX-License-Identifier: MIT
 * upstream.h — a subscription: finds a provider for a stream, fetches, verifies, follows, replaces it. The same
 * brings back the lost end of a stream.
 * May touch: discovery and sync instances, peers, the stream.
 */
#ifndef RN_NODE_UPSTREAM_H
#define RN_NODE_UPSTREAM_H

#include "node/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_upstream;
struct rn_json;
struct rn_jw;

/* Adds a subscription and begins to look for providers; `added` tells whether it was not there yet.
 * Not yet durable: see rn_subscribe. 0 or a negative code. */
int rn_upstream_add(struct rn_node *n, const struct rn_stream_ref *ref, struct rn_upstream **out, int *added,
                    struct runnel_err *err);
void rn_upstream_remove(struct rn_upstream *u);
/* Lets its provider go for good (the node stops). */
void rn_upstream_pause(struct rn_upstream *u);
/* Frees all at once, without a word to anybody (the node goes). */
void rn_upstreams_drop(struct rn_node *n);
/* Begins to look (the node serves now). */
void rn_upstreams_start(struct rn_node *n);
/* The policy of this subscription has changed: the provider is asked anew, and what it shows decides. */
void rn_upstream_reconsider(struct rn_upstream *u);
struct rn_upstream *rn_upstream_find(const struct rn_node *n, const struct rn_stream_ref *ref);

struct rn_stream *rn_upstream_stream(const struct rn_upstream *u); /* NULL while only the reference is known */
int rn_upstream_live(const struct rn_upstream *u);
const char *rn_upstream_state(const struct rn_upstream *u);
/* "want" and "provider" of the stream object. */
void rn_upstream_describe(const struct rn_upstream *u, struct rn_jw *w);
/* The whole list for a watch, from discovery. */
struct runnel_candidate;
void rn_upstream_found(struct rn_node *n, uint64_t watch, const char *from, const struct runnel_candidate *const *list,
                       size_t count);

/* ---- sessions that the other side dialled (offer.c) ---- */

struct rn_session;
/* A node has dialled us: it is a candidate for the streams of which it says to be the author, and for what
 * is being recovered. */
void rn_upstreams_offer(struct rn_node *n, struct rn_session *s);
/* The session of this address is gone for good. */
void rn_upstreams_lost(struct rn_node *n, const char *address);

/* ---- the lost end of a stream (recover.c) ---- */

/* Fetches a stream, of our own or one that is merely held, until `count` observations are here: from `address` (NULL:
 * only those that discovery names), or from whoever else has them. No subscription is noted; it ends when all is here,
 * or with the node. The stream must be ready, in trouble until then, not subscribed to, and not in a commit of the
 * author's. Again for the same stream: another address, a greater count. 0 or a negative code. */
int rn_upstream_recover(struct rn_stream *s, const char *address, uint64_t count);
/* Whether that is under way. */
int rn_upstream_recovering(const struct rn_stream *s);

/* ---- durable subscriptions (subscribe.c) ---- */

struct rn_call;
/* The methods subscribe and unsubscribe: answered when the note of it is durable. */
void rn_subscribe(struct rn_node *n, struct rn_call *call, const struct rn_stream_ref *ref);
void rn_unsubscribe(struct rn_node *n, struct rn_call *call, const struct rn_stream_ref *ref);
/* Reads the subscriptions back at start. */
void rn_subscriptions_load(struct rn_node *n, runnel_done *done, void *arg);
/* The name that a subscription was asked for by has become an id: the note says so from now on. */
void rn_subscription_settled(struct rn_node *n, const struct rn_stream_ref *name, const struct runnel_id *id);

#ifdef __cplusplus
}
#endif
#endif
