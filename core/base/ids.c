/* SPDX-License-Identifier: MIT
 * ids.c — chained buckets over entries that their owners embed (ids.h).
 * May touch: the heap.
 */
#include "base/ids.h"

#include <runnel/types.h>
#include <stdlib.h>

#define FIRST_BITS 4u
#define MORE_BITS 2u /* what it grows by: buckets fourfold */

void rn_ids_init(struct rn_ids *s, uint64_t secret) {
    *s = (struct rn_ids){.spread = secret | 1};
    rn_list_init(&s->order);
}

void rn_ids_free(struct rn_ids *s) {
    rn_list_for_safe (it, &s->order)
        rn_list_del(it);
    free(s->buckets);
    rn_ids_init(s, s->spread);
}

/* The upper bits of the product: those that all bits of the id have a part in. */
static struct rn_id_entry **bucket(const struct rn_ids *s, uint64_t id) {
    return &s->buckets[id * s->spread >> (64 - s->bits)];
}

struct rn_id_entry *rn_ids_find(const struct rn_ids *s, uint64_t id) {
    struct rn_id_entry *e = s->n ? *bucket(s, id) : NULL;
    while (e && e->id != id)
        e = e->chain;
    return e;
}

static void hang(struct rn_ids *s, struct rn_id_entry *e) {
    struct rn_id_entry **at = bucket(s, e->id);
    e->chain = *at;
    *at = e;
}

static int grow(struct rn_ids *s) {
    unsigned bits = s->buckets ? s->bits + MORE_BITS : FIRST_BITS;
    struct rn_id_entry **buckets = calloc((size_t)1 << bits, sizeof(struct rn_id_entry *));
    if (!buckets)
        return -RUNNEL_ENOMEM;
    free(s->buckets);
    s->buckets = buckets;
    s->bits = bits;
    rn_list_for (it, &s->order)
        hang(s, rn_list_of(it, struct rn_id_entry, order));
    return 0;
}

int rn_ids_add(struct rn_ids *s, struct rn_id_entry *e, uint64_t id) {
    if ((!s->buckets || s->n >= (size_t)1 << s->bits) && grow(s) != 0)
        return -RUNNEL_ENOMEM;
    e->id = id;
    hang(s, e);
    rn_list_init(&e->order);
    rn_list_add(&s->order, &e->order);
    s->n++;
    return 0;
}

void rn_ids_del(struct rn_ids *s, struct rn_id_entry *e) {
    struct rn_id_entry **at = bucket(s, e->id);
    while (*at != e)
        at = &(*at)->chain;
    *at = e->chain;
    rn_list_del(&e->order);
    if (--s->n == 0 && s->bits > FIRST_BITS) {
        free(s->buckets);
        s->buckets = NULL;
    }
}
