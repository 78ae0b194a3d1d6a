/* SPDX-License-Identifier: MIT
 * author.c — builds blocks and trees the slow and plain way, from the definitions.
 * May touch: the heap.
 */
#include "sim/author.h"
#include "base/leb128.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_author *sim_author_new(struct sim_world *w, const char *name, const char *stream) {
    struct sim_author *a = sim_alloc(sizeof *a);
    struct sim_rand r;
    struct runnel_err err = {0};
    struct rn_json *o = NULL;
    uint8_t seed[RN_SEED];
    char text[256];
    a->world = w;
    sim_rand_init(&r, w->seed, name);
    sim_rand_fill(&r, seed, sizeof seed);
    sim_must(rn_pair_from_seed(seed, &a->pair), "a key pair");
    int n = snprintf(text, sizeof text, "{\"source\":\"sim\",\"stream\":\"%s\",\"target\":\"\"}", stream);
    sim_must(rn_json_parse(text, (size_t)n, NULL, &o, NULL, &err), "a descriptor");
    sim_must(rn_descriptor_make(w->hasher, o, &a->pair.id, &a->descriptor, &err), "a descriptor");
    rn_json_free(o);
    return a;
}

void sim_author_free(struct sim_author *a) {
    if (!a)
        return;
    for (size_t i = 0; i < SIM_AUTHOR_BLOCKS; i++)
        rn_buf_free(&a->blocks[i].bytes);
    rn_descriptor_free(a->descriptor);
    free(a);
}

/* The same number, one byte longer than it need be. */
static void add_leb(struct rn_buf *b, uint64_t v, int overlong) {
    uint8_t p[RN_LEB_MAX + 1];
    size_t n = rn_leb_put(p, v);
    if (overlong) {
        p[n - 1] |= 0x80;
        p[n++] = 0;
    }
    sim_must(rn_buf_add(b, p, n), "a buffer");
}

void sim_author_add(struct sim_author *a, int64_t time, const char *value, enum sim_spelling spelling) {
    uint64_t k = a->count / RN_MAX_BLOCK, i = a->count % RN_MAX_BLOCK;
    sim_must(k < SIM_AUTHOR_BLOCKS ? 0 : -RUNNEL_ETOOBIG, "an author's blocks");
    struct sim_block *b = &a->blocks[k];
    uint64_t delta = i == 0 ? 0 : (uint64_t)time - (uint64_t)b->time[i - 1];
    if (spelling == SIM_PAST_THE_END)
        delta = (uint64_t)INT64_MAX;
    if (spelling == SIM_FIRST_DELTA)
        delta = 1;
    if (i == 0)
        sim_must(rn_buf_le64(&b->bytes, (uint64_t)time), "a buffer");
    add_leb(&b->bytes, delta, spelling == SIM_LONG_DELTA);
    add_leb(&b->bytes, strlen(value), spelling == SIM_LONG_LENGTH);
    sim_must(rn_buf_add(&b->bytes, value, strlen(value)), "a buffer");
    b->time[i] = time;
    b->end[i] = b->bytes.n;
    b->n++;
    a->count++;
}

void sim_author_run(const struct sim_author *a, uint64_t from, uint64_t to, int64_t *base,
                    struct runnel_bytes *entries) {
    const struct sim_block *b = &a->blocks[from / RN_MAX_BLOCK];
    uint64_t i = from % RN_MAX_BLOCK, j = i + (to - from);
    size_t start = i == 0 ? RN_BLOCK_HEAD : b->end[i - 1];
    *base = b->time[i == 0 ? 0 : i - 1];
    *entries = (struct runnel_bytes){b->bytes.p + start, b->end[j - 1] - start};
}

/* The hash of leaf `k` in the tree of `count` observations. */
static struct rn_hash leaf(const struct sim_author *a, uint64_t count, uint64_t k) {
    if (k == 0)
        return rn_hash_leaf(a->world->hasher, a->descriptor->bytes.p, a->descriptor->bytes.n, NULL, 0);
    const struct sim_block *b = &a->blocks[k - 1];
    uint64_t left = count - (k - 1) * RN_MAX_BLOCK;
    return rn_hash_leaf(a->world->hasher, b->bytes.p, b->end[(left < RN_MAX_BLOCK ? left : RN_MAX_BLOCK) - 1], NULL, 0);
}

/* MTH of RFC 9162, section 2.1.1, over leaves [from, to): the recursion is as deep as the tree is high. */
static struct rn_hash tree(const struct sim_author *a, uint64_t count, uint64_t from, uint64_t to) {
    uint64_t split = 1;
    if (to - from == 1)
        return leaf(a, count, from);
    while (split * 2 < to - from)
        split *= 2;
    struct rn_hash left = tree(a, count, from, from + split), right = tree(a, count, from + split, to);
    return rn_hash_node(a->world->hasher, &left, &right);
}

struct rn_hash sim_author_root(const struct sim_author *a, uint64_t count) {
    return tree(a, count, 0, rn_tree_leaves(count));
}

int sim_author_node(const struct sim_author *a, uint64_t count, uint32_t level, uint64_t index, struct rn_hash *out) {
    uint64_t leaves = rn_tree_leaves(count), from, to;
    if (level > 32 || index >= leaves || count > a->count)
        return 0;
    from = index << level;
    to = (index + 1) << level;
    if (to > leaves)
        return 0;
    *out = tree(a, count, from, to);
    return 1;
}

static int sign(void *arg, const char *purpose, const void *p, size_t n, uint8_t sig[RN_SIGNATURE]) {
    return rn_sign(arg, purpose, p, n, sig);
}

void sim_author_sign(const struct sim_author *a, uint64_t count, const struct rn_hash *root,
                     const struct rn_pair *signer, struct rn_buf *out) {
    struct rn_signed_head s = {.head = {.descriptor = a->descriptor->hash,
                                        .count = count,
                                        .root = *root,
                                        .signed_at = SIM_WALL + SIM_S + (int64_t)count,
                                        .through = RN_THROUGH_NONE}};
    struct rn_pair pair = *signer;
    struct runnel_err err = {0};
    sim_must(rn_attest(a->world->hasher, &s.head, 1, sign, &pair, &s.attestation, &err), "a signature");
    sim_must(rn_signed_head_encode(&s, out), "a head");
    rn_pair_wipe(&pair);
}

void sim_author_head(const struct sim_author *a, uint64_t count, struct rn_buf *out) {
    struct rn_hash root = sim_author_root(a, count);
    sim_author_sign(a, count, &root, &a->pair, out);
}
