/* SPDX-License-Identifier: MIT
 * damage.c — tests of a node whose store has been altered: what is whole is served, the rest is named.
 * May touch: standard output.
 */
#include "node/place.h"
#include "tests/node/bed.h"
#include <stdio.h>
#include <string.h>

/* Node "a" with three streams of 700 observations. */
struct three {
    struct bed b;
    struct client *c;
    struct runnel_id id[3];
};

static void three_init(struct three *t, uint64_t seed) {
    char name[4] = "s0";
    bed_init(&t->b, seed);
    t->c = client_new(&t->b, "a", 1);
    for (int i = 0; i < 3; i++) {
        name[1] = (char)('0' + i);
        t->id[i] = make_stream(t->c, name);
        publish_many(t->c, &t->id[i], 0, 700, 350);
    }
}

static void restart(struct three *t) {
    bed_restart(&t->b, bed_a(&t->b));
    client_close(t->c);
    t->c = client_new(&t->b, "a", 1);
}

/* Replaces a record of a node's disk. */
static void put(struct sim_node *n, const struct rn_place *p, struct runnel_bytes data) {
    struct runnel_change c = {.what = RUNNEL_PUT, .key = rn_place_bytes(p), .data = data};
    uint64_t number;
    struct runnel_err err;
    assert_int_equal(rn_memory_apply(n->disk.map, &c, 1, &number, &err), 0);
    rn_memory_sync(n->disk.map, number);
}

/* Flips one bit of a record. */
static void flip(struct sim_node *n, const struct rn_place *p, size_t bit) {
    struct runnel_bytes val;
    struct rn_buf b = {.n = 0};
    assert_true(rn_memory_get(n->disk.map, rn_place_bytes(p), &val));
    assert_true(bit / 8 < val.n);
    assert_int_equal(rn_buf_add(&b, val.p, val.n), 0);
    b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    put(n, p, rn_buf_bytes(&b));
    rn_buf_free(&b);
}

/* A stream whose state is gone bad takes no publishes and says why; the node and the others go on. */
static void one_stream_in_trouble(void **state) {
    struct three t;
    struct rn_place p = rn_place_state(1);
    (void)state;
    three_init(&t, 1);
    flip(bed_a(&t.b), &p, 3);
    restart(&t);
    struct got *g = client_ask(t.c, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(&t.id[1]).s);
    assert_string_equal(got_str(g, "state"), "damaged");
    assert_non_null(strstr(got_str(g, "trouble"), "state"));
    assert_int_equal(got_bool(g, "live"), 0);
    assert_int_equal(got_u64(client_ask(t.c, "{\"method\":\"status\"}"), "troubled"), 1);
    uint64_t id = publish(t.c, &t.id[1], 0, 0, &(struct ob){many_time(800), "1"}, 1);
    got_is_error(client_answer(t.c, id), "damaged", "takes no publishes");
    for (int i = 0; i < 3; i += 2) {
        g = client_ask(t.c, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(&t.id[i]).s);
        assert_string_equal(got_str(g, "state"), "own");
        assert_null(got_str(g, "trouble"));
        publish_many(t.c, &t.id[i], 700, 100, 100);
        assert_int_equal(held(bed_a(&t.b), &t.id[i]), 800);
    }
    bed_free(&t.b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_stream_in_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
