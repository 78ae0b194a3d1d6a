/* SPDX-License-Identifier: MIT
 * data-vectors.c — recomputes tests/vectors, which were written by another program in another language.
 * May touch: reads the files in $RUNNEL_SRC/tests/vectors.
 */
#include "base/buf.h"
#include "base/leb128.h"
#include "check.h"
#include "data/descriptor.h"
#include "data/frame.h"
#include "data/head.h"
#include "data/proof.h"
#include "data/tail.h"
#include "naive.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 16u

/* ---- reading the files ---- */

struct line {
    const char *kind;
    struct {
        const char *key, *value;
    } field[FIELDS];
    size_t n;
    struct rn_hasher *h;
    struct rn_key author; /* of the heads */
};

static const char *get(const struct line *l, const char *key) {
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->field[i].key, key) == 0)
            return l->field[i].value;
    return NULL;
}

static const char *must(const struct line *l, const char *key) {
    const char *value = get(l, key);
    if (!value)
        fail_msg("a line of kind %s without %s", l->kind, key);
    return value;
}

static uint64_t get_u64(const struct line *l, const char *key) {
    const char *value = get(l, key);
    return value ? strtoull(value, NULL, 10) : 0;
}

static int64_t get_i64(const struct line *l, const char *key) {
    const char *value = get(l, key);
    return value ? strtoll(value, NULL, 10) : 0;
}

/* The bytes of a field in hexadecimal (none when it is absent); free b. */
static struct runnel_bytes get_hex(const struct line *l, const char *key, struct rn_buf *b) {
    const char *value = get(l, key);
    size_t n = value ? strlen(value) / 2 : 0;
    *b = (struct rn_buf){0};
    uint8_t *room = rn_buf_room(b, n + 1);
    assert_non_null(room);
    if (value)
        assert_int_equal(rn_hex_parse(value, strlen(value), room, n), 0);
    b->n += n;
    return rn_buf_bytes(b);
}

static struct rn_hash get_hash(const struct line *l, const char *key) {
    struct rn_hash hash;
    assert_int_equal(rn_hex_parse(must(l, key), strlen(must(l, key)), hash.b, RN_HASH), 0);
    return hash;
}

static void assert_hash(const struct rn_hash *got, const struct rn_hash *want) {
    assert_memory_equal(got->b, want->b, RN_HASH);
}

static void assert_bytes(const struct rn_buf *got, struct runnel_bytes want) {
    assert_int_equal(got->n, want.n);
    assert_memory_equal(got->p, want.p, want.n);
}

/* Takes a line apart in place: the kind, then key=value between blanks; text= takes all that is left. */
static void split_line(char *text, struct line *l) {
    text[strcspn(text, "\n")] = 0;
    l->n = 0;
    l->kind = text;
    for (char *at = strchr(text, ' '); at; l->n++) {
        *at++ = 0;
        char *value = strchr(at, '=');
        assert_true(value && l->n < FIELDS);
        *value++ = 0;
        l->field[l->n].key = at;
        l->field[l->n].value = value;
        at = strcmp(at, "text") == 0 ? NULL : strchr(value, ' ');
    }
}

typedef void line_fn(struct line *l);

/* Calls `fn` with each line of a file; there must be `least` of them at least. */
static void each_line(void **state, const char *name, size_t least, line_fn *fn) {
    static char text[65536];
    struct line l = {.h = *state};
    const char *src = getenv("RUNNEL_SRC");
    snprintf(text, sizeof text, "%s/tests/vectors/%s.txt", src ? src : ".", name);
    FILE *file = fopen(text, "r");
    if (!file)
        fail_msg("cannot open %s: set RUNNEL_SRC to the source folder", text);
    size_t n = 0;
    while (fgets(text, sizeof text, file)) {
        assert_non_null(strchr(text, '\n'));
        if (text[0] == '#')
            continue;
        split_line(text, &l);
        fn(&l);
        n++;
    }
    fclose(file);
    assert_true(n >= least);
}

/* ---- what each kind of line asks for ---- */

static void on_leb128(struct line *l) {
    struct rn_buf b, got = {0};
    struct runnel_bytes bytes = get_hex(l, "bytes", &b);
    uint64_t v;
    if (strcmp(l->kind, "bad") == 0) {
        assert_true(rn_leb_get(bytes.p, bytes.n, &v) <= 0);
    } else {
        assert_int_equal(rn_leb_get(bytes.p, bytes.n, &v), (int)bytes.n);
        assert_true(v == get_u64(l, "value"));
        assert_int_equal(rn_buf_leb(&got, v), 0);
        assert_bytes(&got, bytes);
    }
    rn_buf_free(&got);
    rn_buf_free(&b);
}

static void on_descriptor(struct line *l) {
    const char *text = must(l, "text");
    struct rn_descriptor *d;
    int rc = rn_descriptor_parse(l->h, text, strlen(text), &d, NULL);
    if (strcmp(l->kind, "bad") == 0) {
        if (rc == 0)
            fail_msg("accepted: %s", text);
        return;
    }
    char id[RN_ID_TEXT];
    struct rn_hash want = get_hash(l, "hash");
    assert_int_equal(rc, 0);
    assert_hash(&d->hash, &want);
    assert_string_equal(rn_id_format(&d->id, id), must(l, "id"));
    rn_descriptor_free(d);
}

/* Writes the observations "time:hex,time:hex" as a block. */
static void write_block(const char *obs, struct rn_buf *out) {
    int64_t last = 0;
    while (*obs) {
        char *colon;
        uint8_t value[512];
        int64_t time = strtoll(obs, &colon, 10);
        assert_int_equal(*colon, ':');
        size_t n = strcspn(colon + 1, ",");
        assert_true(n / 2 <= sizeof value);
        assert_int_equal(rn_hex_parse(colon + 1, n, value, n / 2), 0);
        assert_int_equal(rn_block_add(out, last, time, (struct runnel_bytes){value, n / 2}), 0);
        last = time;
        obs = colon + 1 + n;
        obs += *obs == ',';
    }
}

static void on_block(struct line *l) {
    struct rn_buf b, got = {0};
    uint64_t count;
    int64_t last;
    if (strcmp(l->kind, "bad") == 0) {
        struct runnel_bytes entries = get_hex(l, "entries", &b);
        assert_int_equal(rn_entries_check(entries.p, entries.n, 0, get_i64(l, "base"), (int)get_i64(l, "first"),
                                          RN_MAX_BLOCK, &count, &last, NULL),
                         -RUNNEL_EDAMAGED);
    } else {
        struct runnel_bytes bytes = get_hex(l, "bytes", &b);
        write_block(must(l, "obs"), &got);
        assert_bytes(&got, bytes);
        assert_int_equal(rn_entries_check(bytes.p + 8, bytes.n - 8, 0, (int64_t)rn_get_le64(bytes.p), 1, RN_MAX_BLOCK,
                                          &count, &last, NULL),
                         0);
    }
    rn_buf_free(&got);
    rn_buf_free(&b);
}

static struct rn_hash digits_leaf(struct rn_hasher *h, size_t i) {
    char text[24];
    int n = snprintf(text, sizeof text, "%zu", i);
    return rn_hash_leaf(h, text, (size_t)n, NULL, 0);
}

static void on_tree(struct line *l) {
    size_t n = (size_t)get_u64(l, "n");
    struct rn_hash leaf[256], path[64], root, want;
    struct rn_peaks k = {0};
    assert_true(n < 256);
    for (size_t i = 0; i < n; i++) {
        leaf[i] = digits_leaf(l->h, i);
        assert_int_equal(rn_peaks_add(l->h, &k, &leaf[i], NULL, NULL), 0);
    }
    root = rn_peaks_root(l->h, &k, NULL);
    if (strcmp(l->kind, "root") == 0) {
        want = get_hash(l, "root");
        assert_hash(&root, &want);
        return;
    }
    struct rn_buf b;
    struct runnel_bytes bytes = get_hex(l, "path", &b);
    uint64_t index = get_u64(l, "index");
    assert_int_equal(bytes.n, rn_path_length(index, n) * RN_HASH);
    memcpy(path, bytes.p, bytes.n);
    assert_int_equal(rn_path_fold(l->h, index, n, &leaf[index], path, rn_path_length(index, n), &want), 0);
    assert_hash(&root, &want);
    rn_buf_free(&b);
}

/* The tail at `count` of the stream that proof.txt speaks of; its blocks' bytes come to `block`. */
static int keep_bytes(void *arg, uint64_t block, uint64_t off, struct runnel_bytes data) {
    struct rn_buf *blocks = arg;
    assert_int_equal(blocks[block].n, off);
    return rn_buf_add(&blocks[block], data.p, data.n);
}

static struct rn_hash plain_leaf(struct rn_hasher *h) {
    static const char text[] =
        "{\"author\":\"03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8\",\"source\":\"noaa\","
        "\"stream\":\"co2\",\"target\":\"mauna-loa\"}";
    return rn_hash_leaf(h, text, sizeof text - 1, NULL, 0);
}

static void make_stream(struct rn_hasher *h, size_t count, struct rn_buf blocks[8], struct rn_tail *t) {
    const struct rn_tail_sink sink = {blocks, keep_bytes, NULL};
    struct rn_hash descriptor = plain_leaf(h);
    memset(blocks, 0, 8 * sizeof *blocks);
    assert_int_equal(rn_tail_init(t, h, &descriptor), 0);
    for (size_t i = 0; i < count; i++) {
        char text[24];
        int n = snprintf(text, sizeof text, "%zu", i * i);
        struct rn_obs o = {.time = -1000000000 + (int64_t)(i / 2) * 250000000,
                           .value = {(const uint8_t *)text, (size_t)n}};
        assert_int_equal(rn_tail_add(t, &o, 1, &sink, NULL), 0);
    }
}

struct leaves {
    struct rn_hasher *h;
    struct rn_hash leaf[16];
};

static int range_of(void *arg, uint64_t from, uint64_t to, struct rn_hash *out) {
    struct leaves *leaves = arg;
    *out = naive_root(leaves->h, leaves->leaf + from, (size_t)(to - from));
    return 0;
}

/* Makes the proof of the line and holds it against the line's bytes, unless its leaf is the descriptor. */
static void remake_proof(const struct line *l, const struct rn_proof *p, struct runnel_bytes bytes) {
    struct rn_buf blocks[8], got = {0};
    struct leaves leaves = {.h = l->h};
    struct rn_tail t;
    struct rn_proof again;
    make_stream(l->h, (size_t)p->b, blocks, &t);
    leaves.leaf[0] = plain_leaf(l->h);
    for (size_t k = 0; k < 8 && blocks[k].n; k++)
        leaves.leaf[k + 1] = rn_hash_leaf(l->h, blocks[k].p, blocks[k].n, NULL, 0);
    struct runnel_bytes leaf = p->a ? rn_buf_bytes(&blocks[(p->a - 1) / RN_MAX_BLOCK]) : p->leaf;
    assert_int_equal(rn_proof_make(p->a, p->b, leaf, range_of, &leaves, &again), 0);
    assert_int_equal(rn_proof_encode(&again, &got), 0);
    assert_bytes(&got, bytes);
    rn_buf_free(&got);
    rn_tail_free(&t);
    for (size_t k = 0; k < 8; k++)
        rn_buf_free(&blocks[k]);
}

static void on_proof(struct line *l) {
    struct rn_hash a, b;
    if (strcmp(l->kind, "root") == 0) {
        struct rn_buf blocks[8];
        struct rn_tail t;
        make_stream(l->h, (size_t)get_u64(l, "count"), blocks, &t);
        a = rn_tail_root(&t);
        b = get_hash(l, "root");
        assert_hash(&a, &b);
        rn_tail_free(&t);
        for (size_t k = 0; k < 8; k++)
            rn_buf_free(&blocks[k]);
        return;
    }
    struct rn_buf hex;
    struct rn_proof p;
    struct runnel_bytes bytes = get_hex(l, "bytes", &hex);
    a = get_hash(l, "root_a");
    b = get_hash(l, "root_b");
    assert_int_equal(rn_proof_decode(bytes.p, bytes.n, &p, NULL), 0);
    assert_int_equal(rn_proof_check(l->h, &p, get_u64(l, "a"), &a, get_u64(l, "b"), &b, NULL), 0);
    remake_proof(l, &p, bytes);
    rn_buf_free(&hex);
}

static int sign_with(void *arg, const char *purpose, const void *p, size_t n, uint8_t sig[RN_SIGNATURE]) {
    return rn_sign(arg, purpose, p, n, sig);
}

static void on_head(struct line *l) {
    struct rn_signed_head s;
    struct rn_attestation again;
    struct rn_pair pair;
    struct rn_buf b, got = {0};
    uint8_t seed[RN_SEED];
    if (strcmp(l->kind, "author") == 0) {
        assert_int_equal(rn_hex_parse(must(l, "id"), 64, l->author.b, RN_KEY), 0);
        assert_int_equal(rn_hex_parse(must(l, "seed"), 64, seed, RN_SEED), 0);
        assert_int_equal(rn_pair_from_seed(seed, &pair), 0);
        assert_memory_equal(pair.id.b, l->author.b, RN_KEY);
        return;
    }
    struct runnel_bytes bytes = get_hex(l, "bytes", &b);
    assert_int_equal(rn_signed_head_decode(bytes.p, bytes.n, &s, NULL), 0);
    assert_true(s.attestation.index == get_u64(l, "index") && s.attestation.n == get_u64(l, "n"));
    assert_int_equal(rn_head_check(l->h, &s.head, &s.attestation, &l->author, NULL, NULL), 0);
    if (s.attestation.n == 1) { /* Ed25519 gives one signature: ours is theirs */
        for (size_t i = 0; i < RN_SEED; i++)
            seed[i] = (uint8_t)i;
        assert_int_equal(rn_pair_from_seed(seed, &pair), 0);
        assert_int_equal(rn_attest(l->h, &s.head, 1, sign_with, &pair, &again, NULL), 0);
        s.attestation = again;
    }
    assert_int_equal(rn_signed_head_encode(&s, &got), 0);
    assert_bytes(&got, bytes);
    rn_buf_free(&got);
    rn_buf_free(&b);
}

/* Writes the frame that the line's fields describe. */
static int write_frame(const struct line *l, enum rn_frame_type type, struct runnel_bytes body, struct rn_buf *out) {
    struct rn_buf hex;
    struct runnel_id stream = {{0}};
    uint64_t id = get_u64(l, "id"), seq = get_u64(l, "seq"), count = get_u64(l, "count");
    int64_t base = get_i64(l, "base"), last = get_i64(l, "last");
    switch (type) {
    case RN_FRAME_PUBLISH:
        memcpy(stream.b, get_hex(l, "stream", &hex).p, sizeof stream.b);
        rn_buf_free(&hex);
        return rn_frame_publish(out, id, &stream, (uint8_t)get_u64(l, "flags"), seq, base, body);
    case RN_FRAME_PUBLISHED:
        return rn_frame_published(out, id, seq, count, base, last);
    case RN_FRAME_DATA:
        return rn_frame_data(out, id, seq, base, body);
    case RN_FRAME_HEAD:
        return rn_frame_head(out, id, body);
    case RN_FRAME_CREDIT:
        return rn_frame_credit(out, id, count);
    case RN_FRAME_HASHES:
        return rn_frame_hashes(out, id, body);
    default:
        return rn_frame_json(out, type, id, body);
    }
}

static void on_frame(struct line *l) {
    struct rn_buf b, b_body, got = {0};
    struct rn_frame f;
    struct runnel_bytes bytes = get_hex(l, "bytes", &b), body = get_hex(l, "body", &b_body);
    assert_int_equal(rn_frame_get(bytes.p, bytes.n, &f, NULL), (int)bytes.n);
    assert_int_equal(f.type, get_u64(l, "type"));
    assert_true(f.id == get_u64(l, "id") && f.seq == get_u64(l, "seq") && f.count == get_u64(l, "count"));
    assert_true(f.base == get_i64(l, "base") && f.last == get_i64(l, "last") && f.flags == get_u64(l, "flags"));
    assert_int_equal(f.body.n, body.n);
    if (body.n)
        assert_memory_equal(f.body.p, body.p, body.n);
    assert_int_equal(write_frame(l, f.type, body, &got), 0);
    assert_bytes(&got, bytes);
    rn_buf_free(&got);
    rn_buf_free(&b_body);
    rn_buf_free(&b);
}

/* ---- the tests ---- */

static void leb128_vectors(void **state) {
    each_line(state, "leb128", 20, on_leb128);
}

static void descriptor_vectors(void **state) {
    each_line(state, "descriptor", 30, on_descriptor);
}

static void block_vectors(void **state) {
    each_line(state, "block", 15, on_block);
}

static void tree_vectors(void **state) {
    each_line(state, "tree", 30, on_tree);
}

static void proof_vectors(void **state) {
    each_line(state, "proof", 19, on_proof);
}

static void head_vectors(void **state) {
    each_line(state, "head", 20, on_head);
}

static void frame_vectors(void **state) {
    each_line(state, "frame", 12, on_frame);
}

static int setup(void **state) {
    *state = rn_hasher_new();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    rn_hasher_free(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leb128_vectors), cmocka_unit_test(descriptor_vectors), cmocka_unit_test(block_vectors),
        cmocka_unit_test(tree_vectors),   cmocka_unit_test(proof_vectors),      cmocka_unit_test(head_vectors),
        cmocka_unit_test(frame_vectors),
    };
    return cmocka_run_group_tests_name("data-vectors", tests, setup, teardown);
}
