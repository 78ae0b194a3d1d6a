/* SPDX-License-Identifier: MIT
 * head.c — signed tree heads, and one signature over many of them.
 * May touch: the heap.
 */
#include "data/head.h"

#include "base/err.h"
#include "base/leb128.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- heads ---- */

enum { AT_COUNT = 32, AT_ROOT = 40, AT_SIGNED_AT = 72, AT_THROUGH = 80, AT_FLAGS = 88 };

void rn_head_encode(const struct rn_head *head, uint8_t out[RN_HEAD]) {
    memcpy(out, head->descriptor.b, RN_HASH);
    rn_put_le64(out + AT_COUNT, head->count);
    memcpy(out + AT_ROOT, head->root.b, RN_HASH);
    rn_put_le64(out + AT_SIGNED_AT, (uint64_t)head->signed_at);
    rn_put_le64(out + AT_THROUGH, (uint64_t)head->through);
    rn_put_le32(out + AT_FLAGS, head->flags);
}

int rn_head_decode(const void *p, size_t n, struct rn_head *out, struct runnel_err *err) {
    const uint8_t *b = p;
    if (n != RN_HEAD)
        return rn_fail(err, RUNNEL_EDAMAGED, "head: %zu bytes, want %u", n, RN_HEAD);
    memcpy(out->descriptor.b, b, RN_HASH);
    out->count = rn_get_le64(b + AT_COUNT);
    memcpy(out->root.b, b + AT_ROOT, RN_HASH);
    out->signed_at = (int64_t)rn_get_le64(b + AT_SIGNED_AT);
    out->through = (int64_t)rn_get_le64(b + AT_THROUGH);
    out->flags = rn_get_le32(b + AT_FLAGS);
    if (out->count > RN_COUNT_MAX)
        return rn_fail(err, RUNNEL_EDAMAGED, "head: count %" PRIu64 " is more than a stream can hold", out->count);
    if (out->flags & ~RN_HEAD_FINAL)
        return rn_fail(err, RUNNEL_EDAMAGED, "head: flags %#" PRIx32 ", of which only %#x is known", out->flags,
                       RN_HEAD_FINAL);
    return 0;
}

/* The leaf that a head is in the tree under the signature. */
static struct rn_hash head_leaf(struct rn_hasher *h, const struct rn_head *head) {
    uint8_t bytes[RN_HEAD];
    rn_head_encode(head, bytes);
    return rn_hash_leaf(h, bytes, sizeof bytes, NULL, 0);
}

/* ---- attestations ---- */

#define TO_SIGN (8u + RN_HASH)

static void to_sign(uint64_t n, const struct rn_hash *root, uint8_t out[TO_SIGN]) {
    rn_put_le64(out, n);
    memcpy(out + 8, root->b, RN_HASH);
}

static int attestation_valid(const struct rn_attestation *a) {
    return a->n >= 1 && a->n <= RN_MAX_ATTESTED && a->index < a->n && a->n_path == rn_path_length(a->index, a->n);
}

int rn_attestation_encode(const struct rn_attestation *a, struct rn_buf *out) {
    if (!attestation_valid(a))
        return -RUNNEL_EINVALID;
    int rc = rn_buf_leb(out, a->index);
    if (rc == 0)
        rc = rn_buf_leb(out, a->n);
    if (rc == 0)
        rc = rn_buf_add(out, a->path, (size_t)a->n_path * RN_HASH);
    return rc == 0 ? rn_buf_add(out, a->signature, RN_SIGNATURE) : rc;
}

int rn_attestation_decode(const void *p, size_t n, struct rn_attestation *out, struct runnel_err *err) {
    const uint8_t *b = p;
    memset(out, 0, sizeof *out);
    int used = rn_leb_get(b, n, &out->index);
    size_t at = used > 0 ? (size_t)used : 0;
    if (used > 0)
        used = rn_leb_get(b + at, n - at, &out->n);
    if (used <= 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "attestation: index and number of heads are no shortest LEB128");
    at += (size_t)used;
    if (out->n == 0 || out->n > RN_MAX_ATTESTED || out->index >= out->n)
        return rn_fail(err, RUNNEL_EDAMAGED, "attestation: head %" PRIu64 " of %" PRIu64 ", want at most %d heads",
                       out->index, out->n, RN_MAX_ATTESTED);
    out->n_path = rn_path_length(out->index, out->n);
    size_t n_path = (size_t)out->n_path * RN_HASH;
    if (n - at != n_path + RN_SIGNATURE)
        return rn_fail(err, RUNNEL_EDAMAGED, "attestation: %zu bytes, want %zu", n, at + n_path + RN_SIGNATURE);
    memcpy(out->path, b + at, n_path);
    memcpy(out->signature, b + at + n_path, RN_SIGNATURE);
    return 0;
}

/* ---- attesting ---- */

/* The tree over the heads, level upon level; a node without sibling rises by itself. Node (l, j) is
 * then the hash over leaves j * 2^l .. min((j + 1) * 2^l, n) - 1: all that the paths need. */
struct pyramid {
    struct rn_hash *level[18]; /* 2^16 leaves have 17 levels */
    struct rn_hash *all;
};

static int pyramid_build(struct pyramid *pyramid, struct rn_hasher *h, const struct rn_head *heads, size_t n) {
    pyramid->all = malloc((2 * n + 18) * sizeof *pyramid->all);
    if (!pyramid->all)
        return -RUNNEL_ENOMEM;
    struct rn_hash *here = pyramid->all;
    for (size_t i = 0; i < n; i++)
        here[i] = head_leaf(h, &heads[i]);
    pyramid->level[0] = here;
    for (size_t l = 1; n > 1; l++) {
        struct rn_hash *up = here + n;
        for (size_t i = 0; i + 1 < n; i += 2)
            up[i / 2] = rn_hash_node(h, &here[i], &here[i + 1]);
        if (n % 2)
            up[n / 2] = here[n - 1];
        n = (n + 1) / 2;
        pyramid->level[l] = here = up;
    }
    return 0;
}

static const struct rn_hash *pyramid_root(const struct pyramid *pyramid, size_t n) {
    size_t top = 0;
    while ((n - 1) >> top)
        top++;
    return pyramid->level[top];
}

static void pyramid_path(const struct pyramid *pyramid, size_t index, size_t n, struct rn_attestation *out) {
    for (size_t l = 0; (n - 1) >> l; l++) {
        size_t sibling = (index >> l) ^ 1;
        if (sibling <= (n - 1) >> l)
            out->path[out->n_path++] = pyramid->level[l][sibling];
    }
}

int rn_attest(struct rn_hasher *h, const struct rn_head *heads, size_t n, rn_sign_fn *sign, void *arg,
              struct rn_attestation *out, struct runnel_err *err) {
    struct pyramid pyramid;
    uint8_t message[TO_SIGN], signature[RN_SIGNATURE];
    if (n == 0 || n > RN_MAX_ATTESTED)
        return rn_fail(err, RUNNEL_EINVALID, "attest: %zu heads, want 1 to %d", n, RN_MAX_ATTESTED);
    if (pyramid_build(&pyramid, h, heads, n) != 0)
        return rn_fail(err, RUNNEL_ENOMEM, "attest: no memory for the tree over %zu heads", n);
    to_sign(n, pyramid_root(&pyramid, n), message);
    int rc = rn_hasher_ok(h) ? sign(arg, RN_PURPOSE_HEAD, message, sizeof message, signature) : -RUNNEL_EINTERNAL;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        out[i] = (struct rn_attestation){.index = i, .n = n};
        pyramid_path(&pyramid, i, n, &out[i]);
        memcpy(out[i].signature, signature, RN_SIGNATURE);
    }
    free(pyramid.all);
    return rc == 0 ? 0 : rn_fail(err, -rc, "attest: could not sign %zu heads", n);
}

/* ---- checking ---- */

static int memo_knows(const struct rn_attested_memo *memo, const struct rn_key *author, const struct rn_attestation *a,
                      const struct rn_hash *root) {
    return memo && memo->known && memo->n == a->n && memcmp(memo->author.b, author->b, RN_KEY) == 0 &&
           rn_hash_equal(&memo->root, root) && memcmp(memo->signature, a->signature, RN_SIGNATURE) == 0;
}

static void memo_learn(struct rn_attested_memo *memo, const struct rn_key *author, const struct rn_attestation *a,
                       const struct rn_hash *root) {
    if (!memo)
        return;
    *memo = (struct rn_attested_memo){.known = 1, .author = *author, .n = a->n, .root = *root};
    memcpy(memo->signature, a->signature, RN_SIGNATURE);
}

int rn_head_check_by(struct rn_hasher *h, const struct rn_head *head, const struct rn_attestation *a,
                     const struct rn_key *author, rn_verify_fn *verify, void *arg, struct rn_attested_memo *memo,
                     struct runnel_err *err) {
    struct rn_hash leaf = head_leaf(h, head), root;
    if (!attestation_valid(a) || rn_path_fold(h, a->index, a->n, &leaf, a->path, a->n_path, &root) != 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "head: its attestation has a path that cannot be");
    if (!rn_hasher_ok(h))
        return rn_fail(err, RUNNEL_EINTERNAL, "head: could not be hashed");
    if (memo_knows(memo, author, a, &root))
        return 0;
    uint8_t message[TO_SIGN];
    to_sign(a->n, &root, message);
    if (verify(arg, author, RN_PURPOSE_HEAD, message, sizeof message, a->signature) != 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "head: its author did not sign it");
    memo_learn(memo, author, a, &root);
    return 0;
}

static int verify_here(void *arg, const struct rn_key *id, const char *purpose, const void *p, size_t n,
                       const uint8_t sig[RN_SIGNATURE]) {
    (void)arg;
    return rn_verify(id, purpose, p, n, sig);
}

int rn_head_check(struct rn_hasher *h, const struct rn_head *head, const struct rn_attestation *a,
                  const struct rn_key *author, struct rn_attested_memo *memo, struct runnel_err *err) {
    return rn_head_check_by(h, head, a, author, verify_here, NULL, memo, err);
}

/* ---- both together ---- */

int rn_signed_head_encode(const struct rn_signed_head *s, struct rn_buf *out) {
    uint8_t head[RN_HEAD];
    rn_head_encode(&s->head, head);
    int rc = rn_buf_add(out, head, sizeof head);
    return rc == 0 ? rn_attestation_encode(&s->attestation, out) : rc;
}

int rn_signed_head_decode(const void *p, size_t n, struct rn_signed_head *out, struct runnel_err *err) {
    if (n < RN_HEAD)
        return rn_fail(err, RUNNEL_EDAMAGED, "signed head: %zu bytes, want %u and its attestation", n, RN_HEAD);
    int rc = rn_head_decode(p, RN_HEAD, &out->head, err);
    return rc == 0 ? rn_attestation_decode((const uint8_t *)p + RN_HEAD, n - RN_HEAD, &out->attestation, err) : rc;
}
