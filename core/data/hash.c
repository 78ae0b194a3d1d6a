/* SPDX-License-Identifier: MIT
 * hash.c — SHA-256 by OpenSSL, with the digest fetched once and the context reused.
 * May touch: OpenSSL's libcrypto.
 */
#include "data/hash.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct rn_hasher {
    EVP_MD *md; /* fetched once: a fetch costs more than a short hash */
    EVP_MD_CTX *ctx;
    int bad; /* some hash could not be made */
};

struct rn_hasher *rn_hasher_new(void) {
    struct rn_hasher *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    h->ctx = EVP_MD_CTX_new();
    if (!h->md || !h->ctx) {
        rn_hasher_free(h);
        return NULL;
    }
    return h;
}

void rn_hasher_free(struct rn_hasher *h) {
    if (!h)
        return;
    EVP_MD_CTX_free(h->ctx);
    EVP_MD_free(h->md);
    free(h);
}

int rn_hasher_ok(const struct rn_hasher *h) {
    return !h->bad;
}

/* The pieces that one hash is made of. */
struct piece {
    const void *p;
    size_t n;
};

/* Ends the hash that the hasher's context is at. */
static struct rn_hash end(struct rn_hasher *h, int ok) {
    struct rn_hash out;
    unsigned len = 0;
    if (ok)
        ok = EVP_DigestFinal_ex(h->ctx, out.b, &len);
    if (!ok || len != RN_HASH) {
        h->bad = 1;
        memset(&out, 0, sizeof out);
    }
    return out;
}

static struct rn_hash hash_pieces(struct rn_hasher *h, const struct piece *piece, size_t n) {
    int ok = EVP_DigestInit_ex2(h->ctx, h->md, NULL);
    for (size_t i = 0; ok && i < n; i++)
        if (piece[i].n)
            ok = EVP_DigestUpdate(h->ctx, piece[i].p, piece[i].n);
    return end(h, ok);
}

struct rn_hash rn_sha256(struct rn_hasher *h, const void *p, size_t n) {
    const struct piece pieces[] = {{p, n}};
    return hash_pieces(h, pieces, 1);
}

struct rn_hash rn_hash_leaf(struct rn_hasher *h, const void *a, size_t n_a, const void *b, size_t n_b) {
    const struct piece pieces[] = {{"\x00", 1}, {a, n_a}, {b, n_b}};
    return hash_pieces(h, pieces, 3);
}

struct rn_hash rn_hash_node(struct rn_hasher *h, const struct rn_hash *left, const struct rn_hash *right) {
    uint8_t both[1 + 2 * RN_HASH];
    both[0] = 0x01;
    memcpy(both + 1, left->b, RN_HASH);
    memcpy(both + 1 + RN_HASH, right->b, RN_HASH);
    return rn_sha256(h, both, sizeof both);
}

/* ---- a leaf that grows ---- */

struct rn_leaf_hash {
    EVP_MD_CTX *ctx;
    size_t n;
};

struct rn_leaf_hash *rn_leaf_hash_new(struct rn_hasher *h) {
    struct rn_leaf_hash *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->ctx = EVP_MD_CTX_new();
    if (!l->ctx) {
        free(l);
        return NULL;
    }
    rn_leaf_hash_clear(h, l);
    return l;
}

void rn_leaf_hash_free(struct rn_leaf_hash *l) {
    if (!l)
        return;
    EVP_MD_CTX_free(l->ctx);
    free(l);
}

void rn_leaf_hash_clear(struct rn_hasher *h, struct rn_leaf_hash *l) {
    l->n = 0;
    if (!EVP_DigestInit_ex2(l->ctx, h->md, NULL) || !EVP_DigestUpdate(l->ctx, "\x00", 1))
        h->bad = 1;
}

void rn_leaf_hash_add(struct rn_hasher *h, struct rn_leaf_hash *l, const void *p, size_t n) {
    if (n && !EVP_DigestUpdate(l->ctx, p, n))
        h->bad = 1;
    l->n += n;
}

size_t rn_leaf_hash_size(const struct rn_leaf_hash *l) {
    return l->n;
}

struct rn_hash rn_leaf_hash_now(struct rn_hasher *h, const struct rn_leaf_hash *l) {
    return end(h, EVP_MD_CTX_copy_ex(h->ctx, l->ctx));
}

int rn_hash_equal(const struct rn_hash *a, const struct rn_hash *b) {
    return memcmp(a->b, b->b, RN_HASH) == 0;
}
