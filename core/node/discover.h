/* SPDX-License-Identifier: MIT
 * discover.h — all discovery instances, asked at once.
 * May touch: the discovery instances.
 */
#ifndef RN_NODE_DISCOVER_H
#define RN_NODE_DISCOVER_H

#include <runnel/discovery.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rn_node;
struct rn_member;

/* Has every discovery instance that runs (`only` not NULL: that one alone) begin or end to look. */
void rn_discover(struct rn_node *n, struct rn_member *only, uint64_t watch, const struct runnel_sought *sought, int on);
/* An instance has joined the node: it hears of all that is looked for. */
void rn_discover_joined(struct rn_node *n, struct rn_member *m);
/* An instance leaves: whom it has named is forgotten. */
void rn_discover_left(struct rn_node *n, struct rn_member *m);

#ifdef __cplusplus
}
#endif
#endif
