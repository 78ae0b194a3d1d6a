/* SPDX-License-Identifier: MIT
 * map.h — a hash map from bytes to a pointer: keyed hash, iteration in order of insertion.
 * May touch: the heap. The hash is SipHash (libsodium's crypto_shorthash), so that a peer that
 * chooses keys cannot make them collide.
 */
#ifndef RN_BASE_MAP_H
#define RN_BASE_MAP_H

#include "base/list.h"
#include <runnel/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rn_map; /* opaque */

/* One entry; the map owns it. `val` may be changed in place. */
struct rn_map_entry {
    struct rn_list order; /* in order of insertion */
    void *val;
    uint32_t n_key;
    const uint8_t *key;
};

/* Makes a map. `seed` is the 16-byte secret of the hash (from the node's random source). NULL when
 * out of memory. Values belong to the caller. */
struct rn_map *rn_map_new(const uint8_t seed[16]);
void rn_map_free(struct rn_map *m);

size_t rn_map_count(const struct rn_map *m);
void *rn_map_get(const struct rn_map *m, const void *key, size_t n);
/* Adds, or replaces the value of a key that is there (its place in the order stays). 0 or a
 * negative code. The key is copied. */
int rn_map_put(struct rn_map *m, const void *key, size_t n, void *val);
/* Takes a key out and returns its value; NULL when it was not there. */
void *rn_map_del(struct rn_map *m, const void *key, size_t n);

/* The list of entries in order of insertion, for rn_map_for. The entry at hand may be deleted in the
 * body; others may not. */
struct rn_list *rn_map_order(struct rn_map *m);
#define rn_map_for(e, m)                                                                                               \
    for (struct rn_map_entry *e = rn_list_of(rn_map_order(m)->next, struct rn_map_entry, order),                       \
                             *e##_next = rn_list_of(e->order.next, struct rn_map_entry, order);                        \
         &e->order != rn_map_order(m); e = e##_next, e##_next = rn_list_of(e->order.next, struct rn_map_entry, order))

#ifdef __cplusplus
}
#endif
#endif
