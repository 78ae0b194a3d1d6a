/* SPDX-License-Identifier: MIT
 * proof.c — makes, reads and checks the proof that two heads agree on their first observations.
 * May touch: the heap.
 */
#include "data/proof.h"

#include "base/err.h"
#include "base/leb128.h"

#include <inttypes.h>
#include <string.h>

static int counts_ok(uint64_t a, uint64_t b) {
    return a <= b && b <= RN_COUNT_MAX;
}

static uint32_t path_length(uint64_t a, uint64_t b) {
    return rn_path_length(rn_tree_last_leaf(a), rn_tree_leaves(b));
}

/* ---- bytes ---- */

int rn_proof_encode(const struct rn_proof *p, struct rn_buf *out) {
    if (!counts_ok(p->a, p->b) || p->n_path != path_length(p->a, p->b))
        return -RUNNEL_EINVALID;
    int rc = rn_buf_leb(out, p->a);
    if (rc == 0)
        rc = rn_buf_leb(out, p->b);
    if (rc == 0)
        rc = rn_buf_add(out, p->path, (size_t)p->n_path * RN_HASH);
    return rc == 0 ? rn_buf_add(out, p->leaf.p, p->leaf.n) : rc;
}

int rn_proof_decode(const void *p, size_t n, struct rn_proof *out, struct runnel_err *err) {
    const uint8_t *b = p;
    memset(out, 0, sizeof *out);
    int used = rn_leb_get(b, n, &out->a);
    size_t at = used > 0 ? (size_t)used : 0;
    if (used > 0)
        used = rn_leb_get(b + at, n - at, &out->b);
    if (used <= 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "proof: its two counts are no shortest LEB128");
    at += (size_t)used;
    if (!counts_ok(out->a, out->b))
        return rn_fail(err, RUNNEL_EDAMAGED, "proof: counts %" PRIu64 " and %" PRIu64 " cannot be", out->a, out->b);
    out->n_path = path_length(out->a, out->b);
    size_t n_path = (size_t)out->n_path * RN_HASH;
    if (n - at < n_path)
        return rn_fail(err, RUNNEL_EDAMAGED, "proof: it ends within its path of %" PRIu32 " hashes", out->n_path);
    memcpy(out->path, b + at, n_path);
    at += n_path;
    out->leaf = (struct runnel_bytes){b + at, n - at};
    return 0;
}

/* ---- checking ---- */

/* Checks that the leaf is what it must be at count b, and finds where it ends at count a. */
static int cut_leaf(const struct rn_proof *p, size_t *cut, struct runnel_err *err) {
    if (p->a == 0) { /* the descriptor, which is the same at every count */
        *cut = p->leaf.n;
        return p->leaf.n >= 1 && p->leaf.n <= RN_MAX_DESCRIPTOR
                   ? 0
                   : rn_fail(err, RUNNEL_EDAMAGED, "proof: its leaf is no descriptor");
    }
    uint64_t start = (p->a - 1) / RN_MAX_BLOCK * RN_MAX_BLOCK, found;
    uint64_t want = p->b - start < RN_MAX_BLOCK ? p->b - start : RN_MAX_BLOCK;
    int64_t last;
    if (p->leaf.n < RN_BLOCK_HEAD)
        return rn_fail(err, RUNNEL_EDAMAGED, "proof: its leaf is no block");
    int rc = rn_entries_check(p->leaf.p + RN_BLOCK_HEAD, p->leaf.n - RN_BLOCK_HEAD, start,
                              (int64_t)rn_get_le64(p->leaf.p), 1, want, &found, &last, err);
    if (rc != 0) {
        (void)rn_wrap(err, "proof");
        return rc;
    }
    if (found != want)
        return rn_fail(err, RUNNEL_EDAMAGED, "proof: its block has %" PRIu64 " observations, want %" PRIu64, found,
                       want);
    return rn_block_cut(p->leaf.p, p->leaf.n, p->a - start, cut, err);
}

int rn_proof_roots(struct rn_hasher *h, const struct rn_proof *p, struct rn_hash *root_a, struct rn_hash *root_b,
                   struct runnel_err *err) {
    size_t cut;
    if (!counts_ok(p->a, p->b))
        return rn_fail(err, RUNNEL_EDAMAGED, "proof: counts %" PRIu64 " and %" PRIu64 " cannot be", p->a, p->b);
    int rc = cut_leaf(p, &cut, err);
    if (rc != 0)
        return rc;
    uint64_t index = rn_tree_last_leaf(p->a), n = rn_tree_leaves(p->b);
    struct rn_hash whole = rn_hash_leaf(h, p->leaf.p, p->leaf.n, NULL, 0);
    struct rn_hash start = rn_hash_leaf(h, p->leaf.p, cut, NULL, 0);
    if (rn_path_fold(h, index, n, &whole, p->path, p->n_path, root_b) != 0 ||
        rn_path_fold_left(h, index, n, &start, p->path, p->n_path, root_a) != 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "proof: a path of %" PRIu32 " hashes, want %" PRIu32, p->n_path,
                       rn_path_length(index, n));
    return rn_hasher_ok(h) ? 0 : rn_fail(err, RUNNEL_EINTERNAL, "proof: could not be hashed");
}

int rn_proof_check(struct rn_hasher *h, const struct rn_proof *p, uint64_t a, const struct rn_hash *root_a, uint64_t b,
                   const struct rn_hash *root_b, struct runnel_err *err) {
    struct rn_hash got_a, got_b;
    if (p->a != a || p->b != b)
        return rn_fail(err, RUNNEL_EDAMAGED,
                       "proof: it is for counts %" PRIu64 " and %" PRIu64 ", want %" PRIu64 " and %" PRIu64, p->a, p->b,
                       a, b);
    int rc = rn_proof_roots(h, p, &got_a, &got_b, err);
    if (rc != 0)
        return rc;
    if (!rn_hash_equal(&got_a, root_a) || !rn_hash_equal(&got_b, root_b))
        return rn_fail(err, RUNNEL_EDAMAGED, "proof: it does not lead to the root at count %" PRIu64,
                       rn_hash_equal(&got_a, root_a) ? b : a);
    return 0;
}

/* ---- making ---- */

int rn_proof_make(uint64_t a, uint64_t b, struct runnel_bytes leaf, rn_range_fn *range, void *arg,
                  struct rn_proof *out) {
    memset(out, 0, sizeof *out);
    if (!counts_ok(a, b))
        return -RUNNEL_EINVALID;
    *out = (struct rn_proof){.a = a, .b = b, .n_path = path_length(a, b), .leaf = leaf};
    for (uint32_t i = 0; i < out->n_path; i++) {
        uint64_t from, to;
        int left;
        rn_path_sibling(rn_tree_last_leaf(a), rn_tree_leaves(b), i, &from, &to, &left);
        int rc = range(arg, from, to, &out->path[i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}
