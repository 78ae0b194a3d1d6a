/* SPDX-License-Identifier: MIT
 * data-tail.c — tests of tail: a publisher and a subscriber get the same root and the same pieces, in any portions.
 * May touch: the heap.
 */
#include "base/buf.h"
#include "check.h"
#include "data/tail.h"
#include "history.h"
#include <stdlib.h>
#include <string.h>

#define MOST 1300u
#define BLOCKS (MOST / RN_MAX_BLOCK + 2)

/* A store that takes what a tail says, and insists that it fits. */
struct store {
    struct history *s;
    struct rn_buf block[BLOCKS];
    size_t bytes_calls, nodes;
    int fail; /* what the next call returns */
};

static int store_bytes(void *arg, uint64_t block, uint64_t off, struct runnel_bytes data) {
    struct store *store = arg;
    assert_true(block < BLOCKS && data.n > 0);
    assert_int_equal(off, store->block[block].n);
    assert_int_equal(rn_buf_add(&store->block[block], data.p, data.n), 0);
    store->bytes_calls++;
    return store->fail;
}

static int store_node(void *arg, uint32_t level, uint64_t index, const struct rn_hash *hash, int64_t first) {
    struct store *store = arg;
    size_t width = (size_t)1 << level, from = (size_t)index * width;
    history_leaves(store->s, store->s->n);
    struct rn_hash want = naive_root(store->s->h, store->s->leaf + from, width);
    assert_true(rn_hash_equal(hash, &want));
    if (level == 0) {
        char text[32];
        assert_true(index > 0);
        assert_true(first == history_obs((from - 1) * RN_MAX_BLOCK, text).time);
    } else
        assert_true(first == 0);
    store->nodes++;
    return 0;
}

static struct rn_tail_sink sink_of(struct store *store) {
    return (struct rn_tail_sink){store, store_bytes, store_node};
}

static void store_free(struct store *store) {
    for (size_t k = 0; k < BLOCKS; k++)
        rn_buf_free(&store->block[k]);
}

/* The store holds just the first `count` observations. */
static void store_expect(const struct store *store, size_t count) {
    for (size_t k = 0; k * RN_MAX_BLOCK < count; k++) {
        struct runnel_bytes want = history_block(store->s, k, count);
        assert_int_equal(store->block[k].n, want.n);
        assert_memory_equal(store->block[k].p, want.p, want.n);
    }
}

static void tail_expect(const struct rn_tail *t, struct history *s, size_t count) {
    struct rn_hash want = history_root(s, count), got = rn_tail_root(t);
    char text[32];
    assert_true(t->count == count);
    assert_true(t->last == (count ? history_obs(count - 1, text).time : INT64_MIN));
    assert_true(rn_hash_equal(&got, &want));
    assert_int_equal(t->open.n == 0, count % RN_MAX_BLOCK == 0);
    if (t->open.n) {
        got = rn_tail_open_leaf(t);
        assert_true(rn_hash_equal(&got, &s->last_leaf[count]));
    }
}

static int add_portion(struct rn_tail *t, size_t n, const struct rn_tail_sink *sink) {
    static char text[MOST][32];
    static struct rn_obs o[MOST];
    for (size_t i = 0; i < n; i++)
        o[i] = history_obs((size_t)t->count + i, text[i]);
    return rn_tail_add(t, o, n, sink, NULL);
}

/* Perfect nodes over the closed blocks, without the descriptor's leaf, which the tail does not tell of. */
static size_t nodes_at(size_t count) {
    size_t leaves = 1 + count / RN_MAX_BLOCK, nodes = 0;
    for (size_t width = 1; width <= leaves; width *= 2)
        nodes += leaves / width;
    return nodes - 1;
}

static void publishers_add_in_portions(void **state) {
    struct history *s = *state;
    uint64_t seed = 1;
    for (size_t most = 1; most <= 1024; most *= 4) {
        struct store store = {.s = s};
        struct rn_tail_sink sink = sink_of(&store);
        struct rn_tail t;
        assert_int_equal(rn_tail_init(&t, s->h, &s->descriptor), 0);
        tail_expect(&t, s, 0);
        while (t.count < MOST) {
            size_t n = 1 + check_below(&seed, most), from = (size_t)t.count;
            n = n < MOST - from ? n : MOST - from;
            store.bytes_calls = 0;
            assert_int_equal(add_portion(&t, n, &sink), 0);
            assert_int_equal(store.bytes_calls, (from + n - 1) / RN_MAX_BLOCK - from / RN_MAX_BLOCK + 1);
            tail_expect(&t, s, from + n);
            store_expect(&store, from + n);
            assert_int_equal(store.nodes, nodes_at(from + n));
        }
        rn_tail_free(&t);
        store_free(&store);
    }
}

/* Adds the run that starts at t->count, of at most `n` observations. */
static int add_run(struct rn_tail *t, struct history *s, size_t n, const struct rn_tail_sink *sink) {
    size_t block = (size_t)t->count / RN_MAX_BLOCK, from = (size_t)t->count % RN_MAX_BLOCK;
    struct rn_run run;
    assert_int_equal(rn_block_run(s->block[block].p, s->block[block].n, from, from + n, SIZE_MAX, &run, NULL), 0);
    return rn_tail_add_run(t, t->count, run.base, run.entries, sink, NULL);
}

static void subscribers_add_runs(void **state) {
    struct history *s = *state;
    uint64_t seed = 2;
    for (size_t most = 1; most <= 1024; most *= 4) {
        struct store store = {.s = s};
        struct rn_tail_sink sink = sink_of(&store);
        struct rn_tail t;
        assert_int_equal(rn_tail_init(&t, s->h, &s->descriptor), 0);
        while (t.count < MOST) {
            assert_int_equal(add_run(&t, s, 1 + check_below(&seed, most), &sink), 0);
            tail_expect(&t, s, (size_t)t.count);
            store_expect(&store, (size_t)t.count);
            assert_int_equal(store.nodes, nodes_at((size_t)t.count));
        }
        rn_tail_free(&t);
        store_free(&store);
    }
}

static void no_sink_is_needed(void **state) {
    struct history *s = *state;
    struct rn_tail_sink nobody = {0};
    struct rn_tail t;
    assert_int_equal(rn_tail_init(&t, s->h, &s->descriptor), 0);
    assert_int_equal(add_portion(&t, 0, NULL), 0);
    assert_int_equal(add_portion(&t, 600, NULL), 0);
    assert_int_equal(add_portion(&t, 600, &nobody), 0);
    tail_expect(&t, s, 1200);
    rn_tail_free(&t);
}

static void loads_where_it_was_left(void **state) {
    struct history *s = *state;
    struct rn_tail t, back, copy;
    struct runnel_err err;
    assert_int_equal(rn_tail_init(&t, s->h, &s->descriptor), 0);
    for (size_t count = 0; count <= MOST; count++) {
        struct runnel_bytes open = rn_buf_bytes(&t.open);
        assert_int_equal(rn_tail_load(&back, s->h, &t.peaks, t.count, t.last, open, &err), 0);
        tail_expect(&back, s, count);
        assert_int_equal(rn_tail_copy(&copy, &back), 0);
        rn_tail_free(&back);
        if (count + 20 <= MOST)
            assert_int_equal(add_portion(&copy, 20, NULL), 0);
        tail_expect(&copy, s, count + 20 <= MOST ? count + 20 : count);
        rn_tail_free(&copy);
        if (count < MOST)
            assert_int_equal(add_portion(&t, 1, NULL), 0);
    }
    rn_tail_free(&t);
}

static void a_wrong_end_is_not_loaded(void **state) {
    struct history *s = *state;
    struct rn_tail t, back;
    struct runnel_bytes none = {NULL, 0};
    assert_int_equal(rn_tail_init(&t, s->h, &s->descriptor), 0);
    assert_int_equal(add_portion(&t, 300, NULL), 0);
    for (size_t n = 0; n < t.open.n; n++) {
        struct runnel_bytes cut = {t.open.p, n};
        assert_int_equal(rn_tail_load(&back, s->h, &t.peaks, 300, t.last, cut, NULL), -RUNNEL_EDAMAGED);
    }
    for (uint64_t count = 0; count < 1000; count++)
        if (count != 300)
            assert_int_equal(rn_tail_load(&back, s->h, &t.peaks, count, t.last, rn_buf_bytes(&t.open), NULL),
                             -RUNNEL_EDAMAGED);
    assert_int_equal(rn_tail_load(&back, s->h, &t.peaks, UINT64_MAX, t.last, none, NULL), -RUNNEL_EDAMAGED);
    t.open.p[0] ^= 1; /* still a block, at another time */
    assert_int_equal(rn_tail_load(&back, s->h, &t.peaks, 300, t.last, rn_buf_bytes(&t.open), NULL), 0);
    rn_tail_free(&back);
    t.open.p[8] ^= 1; /* its first delta is not 0 */
    assert_int_equal(rn_tail_load(&back, s->h, &t.peaks, 300, t.last, rn_buf_bytes(&t.open), NULL), -RUNNEL_EDAMAGED);
    rn_tail_free(&t);
}

/* ---- what is refused ---- */

static void adding_refuses(void **state) {
    struct history *s = *state;
    struct rn_tail t;
    struct runnel_err err;
    static const uint8_t much[RN_MAX_VALUE + 1] = "1";
    struct rn_obs o = {.time = 0, .value = {much, 1}};
    assert_int_equal(rn_tail_init(&t, s->h, &s->descriptor), 0);
    assert_int_equal(add_portion(&t, 10, NULL), 0);
    o.time = t.last - 1;
    assert_int_equal(rn_tail_add(&t, &o, 1, NULL, &err), -RUNNEL_EINVALID);
    assert_non_null(strstr(err.msg, "observation 10"));
    o.time = t.last;
    o.value.n = sizeof much;
    assert_int_equal(rn_tail_add(&t, &o, 1, NULL, &err), -RUNNEL_EINVALID);
    o.value.n = 0;
    assert_int_equal(rn_tail_add(&t, &o, 1, NULL, &err), -RUNNEL_EINVALID);
    tail_expect(&t, s, 10);
    t.count = RN_COUNT_MAX;
    o.value.n = 1;
    assert_int_equal(rn_tail_add(&t, &o, 1, NULL, &err), -RUNNEL_ETOOBIG);
    rn_tail_free(&t);
}

static void the_sinks_error_comes_back(void **state) {
    struct history *s = *state;
    struct store store = {.s = s, .fail = -RUNNEL_EFULL};
    struct rn_tail_sink sink = sink_of(&store);
    struct rn_tail t;
    assert_int_equal(rn_tail_init(&t, s->h, &s->descriptor), 0);
    assert_int_equal(add_portion(&t, 10, &sink), -RUNNEL_EFULL);
    rn_tail_free(&t);
    store_free(&store);
}

/* A run that does not come next, in every way that it may not. */
static void wrong_runs_are_refused(void **state) {
    struct history *s = *state;
    for (size_t count = 0; count <= 300; count += 50) {
        struct rn_tail t, try;
        struct rn_run run;
        size_t block = count / RN_MAX_BLOCK, from = count % RN_MAX_BLOCK;
        assert_int_equal(rn_tail_init(&t, s->h, &s->descriptor), 0);
        assert_int_equal(add_portion(&t, count, NULL), 0);
        assert_int_equal(rn_block_run(s->block[block].p, s->block[block].n, from, RN_MAX_BLOCK, SIZE_MAX, &run, NULL),
                         0);
        for (int which = 0; which < 8; which++) {
            uint64_t seq = count + (which == 1) - (which == 2);
            int64_t base = run.base + (which == 3) - (which == 4);
            struct runnel_bytes entries = run.entries;
            struct rn_buf more = {0};
            entries.n = which == 5 ? 0 : which == 6 ? entries.n - 1 : entries.n;
            if (which == 7) { /* one more than the block holds */
                assert_int_equal(rn_buf_add(&more, run.entries.p, run.entries.n), 0);
                assert_int_equal(rn_buf_add(&more,
                                            "\x00\x01"
                                            "1",
                                            3),
                                 0);
                entries = rn_buf_bytes(&more);
            }
            assert_int_equal(rn_tail_copy(&try, &t), 0);
            int rc = rn_tail_add_run(&try, seq, base, entries, NULL, NULL);
            int fits = which == 0 || ((which == 3 || which == 4) && count == 0);
            assert_int_equal(rc, fits ? 0 : -RUNNEL_EDAMAGED);
            rn_tail_free(&try);
            rn_buf_free(&more);
        }
        rn_tail_free(&t);
    }
}

static void a_block_does_not_start_before_the_last_time(void **state) {
    struct history *s = *state;
    struct rn_tail t, try;
    const struct runnel_bytes entry = {(const uint8_t *)"\x00\x01"
                                                        "1",
                                       3};
    assert_int_equal(rn_tail_init(&t, s->h, &s->descriptor), 0);
    assert_int_equal(add_portion(&t, RN_MAX_BLOCK, NULL), 0);
    for (int64_t base = t.last - 2; base <= t.last + 2; base++) {
        assert_int_equal(rn_tail_copy(&try, &t), 0);
        int want = base < t.last ? -RUNNEL_EDAMAGED : 0;
        assert_int_equal(rn_tail_add_run(&try, RN_MAX_BLOCK, base, entry, NULL, NULL), want);
        rn_tail_free(&try);
    }
    rn_tail_free(&t);
}

/* Growths as an author makes them: a copy that keeps the leaf's hash goes on, is asked for its root now and then, and
 * is taken over or thrown away. Whatever happens, the root is that of a hash from scratch. */
static void a_kept_leaf_is_the_same(void **state) {
    struct history *s = *state;
    uint64_t seed = 11;
    for (size_t most = 1; most <= 700; most *= 3) {
        struct rn_tail t, next;
        assert_int_equal(rn_tail_init(&t, s->h, &s->descriptor), 0);
        while (t.count < MOST) {
            size_t portions = 1 + check_below(&seed, 3);
            assert_int_equal(rn_tail_copy(&next, &t), 0);
            assert_null(next.leaf);
            if (check_below(&seed, 2)) /* else: as one that had no memory for it */
                rn_tail_keep_leaf(&next, &t);
            for (size_t i = 0; i < portions && next.count < MOST; i++) {
                size_t n = 1 + check_below(&seed, most), left = MOST - (size_t)next.count;
                assert_int_equal(add_portion(&next, n < left ? n : left, NULL), 0);
                if (check_below(&seed, 2))
                    tail_expect(&next, s, (size_t)next.count);
            }
            if (check_below(&seed, 2)) /* late: it has grown over the end of a block meanwhile */
                rn_tail_keep_leaf(&next, &t);
            tail_expect(&next, s, (size_t)next.count);
            if (check_below(&seed, 4) == 0) {
                rn_tail_free(&next);
                tail_expect(&t, s, (size_t)t.count);
                continue;
            }
            rn_tail_free(&t);
            t = next;
        }
        rn_tail_free(&t);
    }
}

static int setup(void **state) {
    return history_setup(state, MOST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishers_add_in_portions),
        cmocka_unit_test(subscribers_add_runs),
        cmocka_unit_test(no_sink_is_needed),
        cmocka_unit_test(loads_where_it_was_left),
        cmocka_unit_test(a_wrong_end_is_not_loaded),
        cmocka_unit_test(adding_refuses),
        cmocka_unit_test(the_sinks_error_comes_back),
        cmocka_unit_test(wrong_runs_are_refused),
        cmocka_unit_test(a_block_does_not_start_before_the_last_time),
        cmocka_unit_test(a_kept_leaf_is_the_same),
    };
    return cmocka_run_group_tests_name("data-tail", tests, setup, history_teardown);
}
