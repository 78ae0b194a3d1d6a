/* SPDX-License-Identifier: MIT
 * map.c — a hash map from bytes to a pointer: chained buckets, and one list in order of insertion.
 * May touch: the heap; libsodium's SipHash inside.
 */
#include "base/map.h"
#include <sodium/crypto_shorthash.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 16u

struct node {
    struct rn_map_entry e;
    struct node *chain;
    uint64_t hash;
    uint8_t key[];
};

struct rn_map {
    struct rn_list order;
    struct node **buckets;
    size_t n_buckets; /* a power of two */
    size_t n;
    uint8_t seed[crypto_shorthash_KEYBYTES];
};

struct rn_map *rn_map_new(const uint8_t seed[16]) {
    _Static_assert(crypto_shorthash_KEYBYTES == 16, "the seed is the key of the hash");
    struct rn_map *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->n_buckets = FIRST_BUCKETS;
    m->buckets = calloc(m->n_buckets, sizeof *m->buckets);
    if (!m->buckets) {
        free(m);
        return NULL;
    }
    rn_list_init(&m->order);
    memcpy(m->seed, seed, sizeof m->seed);
    return m;
}

void rn_map_free(struct rn_map *m) {
    if (!m)
        return;
    rn_list_for_safe (it, &m->order)
        free(rn_list_of(it, struct node, e.order));
    free(m->buckets);
    free(m);
}

size_t rn_map_count(const struct rn_map *m) {
    return m->n;
}

struct rn_list *rn_map_order(struct rn_map *m) {
    return &m->order;
}

static uint64_t hash_of(const struct rn_map *m, const void *key, size_t n) {
    uint8_t h[crypto_shorthash_BYTES];
    uint64_t v;
    crypto_shorthash(h, n ? key : (const void *)"", n, m->seed);
    memcpy(&v, h, sizeof v);
    return v;
}

/* Where the pointer to the key's node stands, or to NULL at the end of its chain. */
static struct node **find(const struct rn_map *m, uint64_t hash, const void *key, size_t n) {
    struct node **at = &m->buckets[hash & (m->n_buckets - 1)];
    for (; *at; at = &(*at)->chain)
        if ((*at)->hash == hash && (*at)->e.n_key == n && (n == 0 || memcmp((*at)->key, key, n) == 0))
            break;
    return at;
}

void *rn_map_get(const struct rn_map *m, const void *key, size_t n) {
    const struct node *node = *find(m, hash_of(m, key, n), key, n);
    return node ? node->e.val : NULL;
}

static int grow(struct rn_map *m) {
    size_t n = 2 * m->n_buckets;
    struct node **buckets = calloc(n, sizeof *buckets);
    if (!buckets)
        return -RUNNEL_ENOMEM;
    rn_list_for (it, &m->order) {
        struct node *node = rn_list_of(it, struct node, e.order);
        struct node **at = &buckets[node->hash & (n - 1)];
        node->chain = *at;
        *at = node;
    }
    free(m->buckets);
    m->buckets = buckets;
    m->n_buckets = n;
    return 0;
}

static struct node *node_new(uint64_t hash, const void *key, size_t n, void *val) {
    struct node *node = malloc(sizeof *node + n);
    if (!node)
        return NULL;
    if (n > 0)
        memcpy(node->key, key, n);
    node->hash = hash;
    node->e.key = node->key;
    node->e.n_key = (uint32_t)n;
    node->e.val = val;
    return node;
}

int rn_map_put(struct rn_map *m, const void *key, size_t n, void *val) {
    if (n > UINT32_MAX)
        return -RUNNEL_ETOOBIG;
    uint64_t hash = hash_of(m, key, n);
    struct node *node = *find(m, hash, key, n);
    if (node) {
        node->e.val = val;
        return 0;
    }
    if (m->n >= m->n_buckets && grow(m) < 0)
        return -RUNNEL_ENOMEM;
    node = node_new(hash, key, n, val);
    if (!node)
        return -RUNNEL_ENOMEM;
    struct node **at = &m->buckets[hash & (m->n_buckets - 1)];
    node->chain = *at;
    *at = node;
    rn_list_add(&m->order, &node->e.order);
    m->n++;
    return 0;
}

void *rn_map_del(struct rn_map *m, const void *key, size_t n) {
    struct node **at = find(m, hash_of(m, key, n), key, n);
    struct node *node = *at;
    if (!node)
        return NULL;
    void *val = node->e.val;
    *at = node->chain;
    rn_list_del(&node->e.order);
    free(node);
    m->n--;
    return val;
}
