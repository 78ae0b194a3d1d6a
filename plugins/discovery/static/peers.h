/* SPDX-License-Identifier: MIT
 * peers.h — the option "peers" as a table: which addresses are written for which streams.
 * May touch: the heap.
 */
#ifndef RN_STATIC_PEERS_H
#define RN_STATIC_PEERS_H

#include <runnel/discovery.h>

struct rn_peers; /* opaque; never changes once it is made */

/* What was written for one stream, in order: the list of its id, of its author and name, of "*". The first is the
 * publisher. The candidates' pointers lead into the table. */
struct rn_peers_found {
    struct runnel_candidate *list;
    size_t n;
};

/* Reads the option's text (empty: nobody). Everything wrong with it goes to `complain`, which may be NULL. 0 and the
 * table in *out; -RUNNEL_EINVALID when anything was wrong, or -RUNNEL_ENOMEM. */
int rn_peers_parse(struct runnel_bytes text, runnel_complain *complain, void *arg, struct rn_peers **out);
void rn_peers_free(struct rn_peers *p);

/* Looks a stream up. 0 or -RUNNEL_ENOMEM. Free found->list with free(). */
int rn_peers_find(const struct rn_peers *p, const struct runnel_sought *sought, struct rn_peers_found *found);
/* Whether two lists say the same. */
int rn_peers_same(const struct rn_peers_found *a, const struct rn_peers_found *b);

#endif
