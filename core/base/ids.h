/* SPDX-License-Identifier: MIT
 * ids.h — finds things by the number that somebody gave them; each embeds its own place.
 * May touch: the heap.
 *
 * Others choose the numbers. A secret multiplier spreads them, so that nobody can choose such as meet in one
 * bucket. They are walked in order of insertion, never in order of hash.
 */
#ifndef RN_BASE_IDS_H
#define RN_BASE_IDS_H

#include "base/list.h"
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rn_id_entry {
    struct rn_list order; /* in ids->order */
    struct rn_id_entry *chain;
    uint64_t id;
};

struct rn_ids {
    struct rn_list order;         /* of struct rn_id_entry, the oldest first */
    struct rn_id_entry **buckets; /* NULL: none yet */
    unsigned bits;                /* 2^bits of them */
    size_t n;
    uint64_t spread; /* odd */
};

/* `secret`: random, or what need not be secret. */
void rn_ids_init(struct rn_ids *s, uint64_t secret);
/* Forgets all entries, which are their owners'. */
void rn_ids_free(struct rn_ids *s);
/* NULL: there is none. */
struct rn_id_entry *rn_ids_find(const struct rn_ids *s, uint64_t id);
/* An id that is not there yet. 0 or -RUNNEL_ENOMEM. */
int rn_ids_add(struct rn_ids *s, struct rn_id_entry *e, uint64_t id);
/* An entry that is there. Once none is left little memory is kept. */
void rn_ids_del(struct rn_ids *s, struct rn_id_entry *e);

#ifdef __cplusplus
}
#endif
#endif
