/* SPDX-License-Identifier: MIT
 * author.c — tests of an author's own safety: what was lost is found again before anything is appended.
 * May touch: standard output.
 */
#include "tests/node/bed.h"
#include <stdio.h>
#include <string.h>

struct wanted {
    struct sim_node *node;
    const struct runnel_id *id;
    uint64_t count;
};

static int has_it(void *arg) {
    const struct wanted *w = arg;
    struct rn_holding now;
    return w->node->state == SIM_UP && rn_node_holding(w->node->node, w->id, &now) == 0 && now.count == w->count &&
           now.head_count == w->count && (!now.own || now.live);
}

/* Runs until the node holds so many observations and their head. */
static int wait_held(struct sim_node *n, const struct runnel_id *id, uint64_t count) {
    struct wanted w = {n, id, count};
    return sim_run_until(n->host.world, has_it, &w, 30 * SIM_S);
}

static struct client *again(struct bed *b, struct client *c) {
    client_close(c);
    return client_new(b, "a", 1);
}

/* Node "a" with one stream of 300 observations, which "b" follows from it. */
struct two {
    struct bed b;
    struct client *c;
    struct runnel_id id;
};

static void two_init(struct two *t, uint64_t seed) {
    bed_init(&t->b, seed);
    t->c = client_new(&t->b, "a", 1);
    t->id = make_stream(t->c, "s");
    publish_many(t->c, &t->id, 0, 300, 100);
    struct sim_node *b = bed_node(&t->b, 1, "a");
    struct client *cb = client_new(&t->b, "b", 1);
    (void)client_ask(cb, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&t->id).s);
    assert_int_equal(wait_held(b, &t->id, 300), 1);
}

static void stop_a(struct two *t) {
    sim_node_stop(bed_a(&t->b));
    assert_int_equal(sim_node_wait(bed_a(&t->b), SIM_DOWN, 10 * SIM_S), 1);
}

static void start_a(struct two *t) {
    sim_node_start(bed_a(&t->b));
    assert_int_equal(sim_node_wait(bed_a(&t->b), SIM_UP, 10 * SIM_S), 1);
    t->c = again(&t->b, t->c);
}

/* The disk is brought back to an older state: the rest comes back from the subscriber that dials in. */
static void an_older_disk(void **state) {
    struct two t;
    struct rn_holding before, after;
    (void)state;
    two_init(&t, 1);
    struct rn_memory *old = sim_disk_copy(&bed_a(&t.b)->disk);
    publish_many(t.c, &t.id, 300, 500, 100);
    assert_int_equal(wait_held(t.b.node[1], &t.id, 800), 1);
    assert_int_equal(rn_node_holding(bed_a(&t.b)->node, &t.id, &before), 0);
    stop_a(&t);
    sim_disk_replace(&bed_a(&t.b)->disk, old);
    start_a(&t);
    assert_int_equal(wait_held(bed_a(&t.b), &t.id, 800), 1);
    assert_int_equal(rn_node_holding(bed_a(&t.b)->node, &t.id, &after), 0);
    assert_memory_equal(&before.root, &after.root, sizeof before.root);
    publish_many(t.c, &t.id, 800, 100, 50);
    assert_int_equal(wait_held(t.b.node[1], &t.id, 900), 1);
    bed_free(&t.b);
}

/* The disk is lost: stream and observations come back. */
static void a_lost_disk(void **state) {
    struct two t;
    (void)state;
    two_init(&t, 2);
    stop_a(&t);
    sim_disk_replace(&bed_a(&t.b)->disk, NULL);
    start_a(&t);
    if (!wait_held(bed_a(&t.b), &t.id, 300))
        bed_log(&t.b);
    assert_int_equal(held(bed_a(&t.b), &t.id), 300);
    publish_many(t.c, &t.id, 300, 100, 50);
    assert_int_equal(wait_held(t.b.node[1], &t.id, 400), 1);
    bed_free(&t.b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_disk),
        cmocka_unit_test(a_lost_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
