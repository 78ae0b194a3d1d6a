/* SPDX-License-Identifier: MIT
 * blocks.c — tests of blocks.h: what is read before anybody asks for it, and leaves that are at hand.
 * May touch: standard output.
 */
#include "node/sessionstate.h"
#include "tests/node/bed.h"
#include <stdlib.h>
#include <string.h>

#define BLOCKS 60u

/* Node "a", started anew: nothing of its stream is in memory but the open block. */
struct shelf {
    struct bed b;
    struct runnel_id id;
    struct rn_stream *s;
};

static void shelf_find(struct shelf *t) {
    bed_restart(&t->b, bed_a(&t->b));
    t->s = rn_stream_find(bed_a(&t->b)->node, &t->id);
    assert_non_null(t->s);
}

static void shelf_init(struct shelf *t, uint64_t seed) {
    bed_init(&t->b, seed);
    struct client *c = client_new(&t->b, "a", 1);
    t->id = make_stream(c, "s");
    publish_many(c, &t->id, 0, BLOCKS * RN_MAX_BLOCK + 10, 512);
    shelf_find(t);
}

static size_t at_hand(struct shelf *t, uint64_t from, uint64_t to) {
    struct runnel_bytes block;
    size_t n = 0;
    for (uint64_t k = from; k < to; k++)
        n += (size_t)rn_block_at_hand(t->s, k, &block);
    return n;
}

/* ---- ahead ---- */

struct waiter {
    struct rn_block_wait wait; /* first */
    unsigned fired;
    size_t n;
    int code;
};

static void on_block(struct rn_block_wait *w, struct runnel_bytes block, const struct runnel_err *err) {
    struct waiter *a = (struct waiter *)w;
    a->fired++;
    a->n = block.n;
    a->code = err ? err->code : 0;
}

static void so_many_and_no_more(void **state) {
    struct shelf t;
    (void)state;
    shelf_init(&t, 1);
    assert_int_equal(at_hand(&t, 0, BLOCKS), 0);
    rn_block_ahead(t.s, 3, BLOCKS);
    rn_block_ahead(t.s, 3, BLOCKS); /* they are on their way already */
    sim_run(&t.b.w, SIM_S);
    assert_int_equal(at_hand(&t, 3, 3 + RN_BLOCKS_AHEAD), RN_BLOCKS_AHEAD);
    assert_int_equal(at_hand(&t, 0, BLOCKS), RN_BLOCKS_AHEAD);
    rn_block_ahead(t.s, 20, 22); /* up to the end that is given */
    sim_run(&t.b.w, SIM_S);
    assert_int_equal(at_hand(&t, 20, BLOCKS), 2);
    shelf_find(&t);
    for (uint64_t k = 0; k + RN_BLOCKS_AHEAD <= BLOCKS; k += RN_BLOCKS_AHEAD) /* of a node, at once */
        rn_block_ahead(t.s, k, BLOCKS);
    sim_run(&t.b.w, SIM_S);
    assert_int_equal(at_hand(&t, 0, BLOCKS), 32);
    rn_block_ahead(t.s, 40, BLOCKS); /* and then there is room again */
    sim_run(&t.b.w, SIM_S);
    assert_int_equal(at_hand(&t, 40, 48), 8);
    bed_free(&t.b);
}

/* Who asks for a block that is being read ahead gets all of it, be it as large as it may; alone it is not kept. */
static void large_ones_are_left_until_asked_for(void **state) {
    struct shelf t;
    struct ob v[16];
    char *value = long_number(3000);
    (void)state;
    bed_init(&t.b, 2);
    struct client *c = client_new(&t.b, "a", 1);
    t.id = make_stream(c, "s");
    for (size_t i = 0; i < 16; i++)
        v[i] = (struct ob){0, value};
    for (size_t i = 0; i < 3 * RN_MAX_BLOCK / 16; i++)
        (void)published(c, &t.id, RN_PUBLISH_NOW, 0, v, 16);
    shelf_find(&t);
    struct waiter w[2] = {{.fired = 0}};
    for (size_t i = 0; i < 2; i++)
        rn_block_wait_init(&w[i].wait, on_block);
    rn_block_ahead(t.s, 0, 3);
    assert_int_equal(rn_block_read(t.s, 1, &w[0].wait), 0);
    sim_run(&t.b.w, SIM_S);
    assert_true(w[0].fired == 1 && w[0].code == 0 && w[0].n > RN_MAX_BLOCK * 3000u);
    assert_int_equal(at_hand(&t, 0, 3), 1);
    assert_int_equal(rn_block_read(t.s, 2, &w[1].wait), 0);
    sim_run(&t.b.w, SIM_S);
    assert_true(w[1].fired == 1 && w[1].code == 0 && w[1].n > RN_MAX_BLOCK * 3000u);
    free(value);
    bed_free(&t.b);
}

/* A disk that cannot be read is told to those who ask, not to nobody; and what failed ahead is read anew. */
static void what_fails_ahead_is_nobodys(void **state) {
    struct shelf t;
    struct waiter w = {.fired = 0}, again = {.fired = 0};
    (void)state;
    shelf_init(&t, 3);
    rn_block_wait_init(&w.wait, on_block);
    rn_block_wait_init(&again.wait, on_block);
    bed_a(&t.b)->disk.faults.bad_reads = 1000;
    rn_block_ahead(t.s, 0, 4);
    assert_int_equal(rn_block_read(t.s, 2, &w.wait), 0);
    sim_run(&t.b.w, 10 * SIM_S);
    assert_int_equal(at_hand(&t, 0, BLOCKS), 0);
    assert_true(w.fired == 1 && w.code != 0);
    assert_int_equal(t.s->trouble.code, 0);
    bed_a(&t.b)->disk.faults.bad_reads = 0;
    assert_int_equal(rn_block_read(t.s, 0, &again.wait), 0);
    for (uint64_t k = 0; k + RN_BLOCKS_AHEAD <= BLOCKS; k += RN_BLOCKS_AHEAD) /* those that failed count no more */
        rn_block_ahead(t.s, k, BLOCKS);
    sim_run(&t.b.w, SIM_S);
    assert_true(again.fired == 1 && again.code == 0);
    assert_int_equal(at_hand(&t, 0, BLOCKS), 33);
    bed_free(&t.b);
}

/* ---- leaves ---- */

struct leaf {
    unsigned fired;
    int code;
    struct rn_hash hash;
};

static void on_leaf(void *arg, const struct rn_hash *hash, int64_t first, const struct runnel_err *err) {
    struct leaf *l = arg;
    (void)first;
    l->fired++;
    l->code = err ? err->code : 0;
    l->hash = *hash;
}

static struct rn_hash read_leaf(struct shelf *t, uint64_t leaf) {
    struct leaf l = {.fired = 0};
    assert_int_equal(rn_leaf_read(t->s, leaf, on_leaf, &l), 0);
    sim_run(&t->b.w, SIM_S);
    assert_true(l.fired == 1 && l.code == 0);
    return l.hash;
}

static void a_pack_is_at_hand_once_read(void **state) {
    struct shelf t;
    struct rn_hash hash, other;
    (void)state;
    shelf_init(&t, 4);
    assert_int_equal(rn_leaf_at_hand(t.s, 5, &hash), 0);
    struct rn_hash five = read_leaf(&t, 5);
    assert_true(rn_leaf_at_hand(t.s, 5, &hash) && rn_hash_equal(&hash, &five));
    assert_true(rn_leaf_at_hand(t.s, 6, &other) && !rn_hash_equal(&other, &five));
    assert_int_equal(rn_leaf_at_hand(t.s, RN_PACK, &hash), 0);
    struct rn_hash last = read_leaf(&t, BLOCKS); /* the newest closed block's */
    assert_true(rn_leaf_at_hand(t.s, BLOCKS, &hash) && rn_hash_equal(&hash, &last));
    assert_int_equal(rn_leaf_at_hand(t.s, 5, &hash), 0);
    struct rn_hash six = read_leaf(&t, 6);
    assert_true(rn_hash_equal(&six, &other));
    bed_free(&t.b);
}

/* A leaf that came to its pack since is not in the pack at hand: it is read, and the block with it. */
static void a_pack_that_has_grown_since(void **state) {
    struct shelf t;
    struct rn_hash hash;
    struct waiter w = {.fired = 0};
    (void)state;
    shelf_init(&t, 5);
    struct client *c = client_new(&t.b, "a", 1);
    (void)read_leaf(&t, BLOCKS);
    assert_int_equal(rn_leaf_at_hand(t.s, BLOCKS + 1, &hash), 0);
    publish_many(c, &t.id, BLOCKS * RN_MAX_BLOCK + 10, RN_MAX_BLOCK, 256);
    assert_int_equal(rn_leaf_at_hand(t.s, BLOCKS + 1, &hash), 0);
    rn_block_wait_init(&w.wait, on_block);
    assert_int_equal(rn_block_read(t.s, BLOCKS, &w.wait), 0);
    sim_run(&t.b.w, SIM_S);
    assert_true(w.fired == 1 && w.code == 0 && w.n > 0);
    assert_int_equal(rn_leaf_at_hand(t.s, BLOCKS + 1, &hash), 1);
    bed_free(&t.b);
}

/* Another stream's pack of the same number says nothing. */
static void a_pack_is_of_its_stream(void **state) {
    struct shelf t;
    struct rn_hash hash;
    (void)state;
    shelf_init(&t, 6);
    struct client *c = client_new(&t.b, "a", 1);
    struct runnel_id id = make_stream(c, "other");
    publish_many(c, &id, 0, 3 * RN_MAX_BLOCK, 256);
    (void)read_leaf(&t, 1);
    assert_int_equal(rn_leaf_at_hand(t.s, 1, &hash), 1);
    assert_int_equal(rn_leaf_at_hand(rn_stream_find(bed_a(&t.b)->node, &id), 1, &hash), 0);
    bed_free(&t.b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_and_no_more),         cmocka_unit_test(large_ones_are_left_until_asked_for),
        cmocka_unit_test(what_fails_ahead_is_nobodys), cmocka_unit_test(a_pack_is_at_hand_once_read),
        cmocka_unit_test(a_pack_that_has_grown_since), cmocka_unit_test(a_pack_is_of_its_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
