/* SPDX-License-Identifier: MIT
 * hash.h — SHA-256 with a reused context, and the leaf and node hashes of RFC 9162.
 * May touch: OpenSSL's libcrypto.
 */
#ifndef RN_DATA_HASH_H
#define RN_DATA_HASH_H

#include <runnel/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RN_HASH 32u

struct rn_hash {
    uint8_t b[RN_HASH];
};

/* A digest context that is used again and again; one for a thread. A failure inside OpenSSL (out of
 * memory) is remembered in it, and every hash made since is worthless: check rn_hasher_ok once
 * before results are relied on. */
struct rn_hasher; /* opaque */

struct rn_hasher *rn_hasher_new(void); /* NULL: out of memory */
void rn_hasher_free(struct rn_hasher *h);
int rn_hasher_ok(const struct rn_hasher *h);

/* SHA-256 of the bytes. */
struct rn_hash rn_sha256(struct rn_hasher *h, const void *p, size_t n);
/* RFC 9162, section 2.1.1: SHA-256(0x00 || a || b). The leaf's bytes may come in two parts. */
struct rn_hash rn_hash_leaf(struct rn_hasher *h, const void *a, size_t n_a, const void *b, size_t n_b);
/* SHA-256(0x01 || left || right). */
struct rn_hash rn_hash_node(struct rn_hasher *h, const struct rn_hash *left, const struct rn_hash *right);

/* The leaf hash of bytes that come little by little and are asked for in between: what was added is not hashed again.
 * Failures are remembered in the hasher, as those of all hashes. */
struct rn_leaf_hash; /* opaque */

struct rn_leaf_hash *rn_leaf_hash_new(struct rn_hasher *h); /* over no bytes; NULL: out of memory */
void rn_leaf_hash_free(struct rn_leaf_hash *l);
/* Begins anew, over no bytes. */
void rn_leaf_hash_clear(struct rn_hasher *h, struct rn_leaf_hash *l);
void rn_leaf_hash_add(struct rn_hasher *h, struct rn_leaf_hash *l, const void *p, size_t n);
/* How many bytes have been added, and the hash over them; more may be added after that. */
size_t rn_leaf_hash_size(const struct rn_leaf_hash *l);
struct rn_hash rn_leaf_hash_now(struct rn_hasher *h, const struct rn_leaf_hash *l);

int rn_hash_equal(const struct rn_hash *a, const struct rn_hash *b);

#ifdef __cplusplus
}
#endif
#endif
