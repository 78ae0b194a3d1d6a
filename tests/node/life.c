/* SPDX-License-Identifier: MIT
 * life.c — tests of a real node's stop and start: what is under way is answered, what was there is there again.
 * May touch: standard output.
 */
#include "tests/node/bed.h"
#include <stdio.h>
#include <string.h>

#define T (SIM_WALL - 1000 * SIM_S)

/* A stop lets the publishes that were taken become durable, and answers them before the session ends. */
static void a_stop_answers_first(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct bed b;
        uint64_t sent[20], acked = 0;
        bed_init(&b, 1 + seed);
        struct client *c = client_new(&b, "a", 1);
        struct runnel_id id = make_stream(c, "s");
        uint64_t f = client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"heads\":true}", id_text(&id).s);
        bed_a(&b)->disk.faults = (struct sim_disk_faults){.delay = 20 * SIM_MS, .jitter = 30 * SIM_MS};
        for (int i = 0; i < 20; i++)
            sent[i] = publish(c, &id, 0, 0, &(struct ob){T, "1"}, 1);
        sim_run(&b.w, sim_between(&b.w.rand, 0, 20 * SIM_MS));
        sim_node_stop(bed_a(&b));
        if (seed % 2) /* and what comes while it stops is refused, not lost */
            (void)publish(c, &id, 0, 0, &(struct ob){T, "2"}, 1);
        assert_int_equal(sim_node_wait(bed_a(&b), SIM_DOWN, 10 * SIM_S), 1);
        sim_run(&b.w, SIM_S);
        assert_int_equal(c->lost, 1);
        got_is_error(client_find(c, NULL, RN_FRAME_ERROR, 0), "closed", "stopping");
        for (int i = 0; i < 20; i++) {
            int answer = client_find(c, NULL, RN_FRAME_PUBLISHED, sent[i]) != NULL;
            acked += (uint64_t)answer;
            if (!answer && client_find(c, NULL, RN_FRAME_ERROR, sent[i]))
                got_is_error(client_find(c, NULL, RN_FRAME_ERROR, sent[i]), "closed", "stopping");
        }
        if (seed % 2) {
            struct got *g = client_find(c, NULL, RN_FRAME_ERROR, c->last_id);
            if (g)
                got_is_error(g, "closed", "stopping");
            assert_null(client_find(c, NULL, RN_FRAME_PUBLISHED, c->last_id));
        }
        sim_node_start(bed_a(&b));
        assert_int_equal(sim_node_wait(bed_a(&b), SIM_UP, 10 * SIM_S), 1);
        assert_int_equal(held(bed_a(&b), &id), acked); /* neither more nor less */
        assert_true(client_taken(c, f, 0, 0).next <= acked);
        bed_free(&b);
    }
}

/* All that a node says of its streams is the same after a stop and a start, and after a crash. */
static void the_same_again(void **state) {
    struct bed b;
    char name[16];
    (void)state;
    bed_init(&b, 2);
    struct client *c = client_new(&b, "a", 1);
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "s%u", i);
        struct runnel_id id = make_stream(c, name);
        publish_many(c, &id, 0, i * i * 7 % 1100, 100);
    }
    for (int i = 0; i < 4; i++) {
        struct got *before = client_ask(c, "{\"method\":\"streams\"}");
        struct got *status = client_ask(c, "{\"method\":\"status\"}");
        if (i == 3)
            sim_node_crash(bed_a(&b), SIM_POWER);
        else
            sim_node_stop(bed_a(&b));
        assert_int_equal(sim_node_wait(bed_a(&b), SIM_DOWN, 10 * SIM_S), 1);
        sim_node_start(bed_a(&b));
        assert_int_equal(sim_node_wait(bed_a(&b), SIM_UP, 10 * SIM_S), 1);
        struct client *again = client_new(&b, "a", 1);
        struct got *after = client_ask(again, "{\"method\":\"streams\"}");
        assert_int_equal(after->f.body.n, before->f.body.n);
        assert_memory_equal(after->bytes, before->bytes, before->f.body.n);
        struct got *now = client_ask(again, "{\"method\":\"status\"}");
        assert_string_equal(got_str(now, "node"), got_str(status, "node"));
        assert_string_not_equal(got_str(now, "nonce"), got_str(status, "nonce")); /* new at each start */
        c = again;
    }
    bed_free(&b);
}

/* Questions that are under way when it stops or crashes, at any moment, leave nothing behind. */
static void stops_at_any_moment(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct bed b;
        bed_init(&b, 100 + seed);
        struct client *c = client_new(&b, "a", 1);
        struct runnel_id id = make_stream(c, "s");
        publish_many(c, &id, 0, 700, 350);
        bed_restart(&b, bed_a(&b));
        c = client_new(&b, "a", 1);
        struct id_text s = id_text(&id);
        (void)client_send(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", s.s);
        (void)client_send(c, "{\"method\":\"at\",\"stream\":\"%s\",\"time\":\"%lld\"}", s.s, (long long)many_time(99));
        (void)client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\"}", s.s);
        (void)client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"from_time\":\"%lld\"}", s.s,
                          (long long)many_time(99));
        (void)client_send(c, "{\"method\":\"nodes\",\"stream\":\"%s\",\"count\":300,\"level\":0,\"from\":0,\"n\":3}",
                          s.s);
        (void)client_send(c, "{\"method\":\"subscribe\",\"stream\":\"00000000-0000-8000-8000-000000000000\"}");
        (void)client_send(c,
                          "{\"method\":\"create\",\"descriptor\":{\"source\":\"a\",\"stream\":\"b\",\"target\":\"\"}}");
        (void)client_send(c,
                          "{\"method\":\"create\",\"descriptor\":{\"source\":\"a\",\"stream\":\"b\",\"target\":\"\"}}");
        char text[256];
        (void)many_value(0, text);
        (void)publish(c, &id, RN_PUBLISH_SEQ, 0, &(struct ob){many_time(0), text}, 1);
        (void)publish(c, &id, RN_PUBLISH_SEQ, 700, &(struct ob){many_time(700), "7"}, 1);
        sim_run(&b.w, sim_between(&b.w.rand, SIM_MS, 2500 * SIM_US));
        if (seed % 3 == 0)
            client_close(c);
        sim_run(&b.w, sim_between(&b.w.rand, 0, SIM_MS));
        if (seed % 2)
            sim_node_stop(bed_a(&b));
        else
            sim_node_crash(bed_a(&b), SIM_KILLED);
        assert_int_equal(sim_node_wait(bed_a(&b), SIM_DOWN, 10 * SIM_S), 1);
        sim_node_start(bed_a(&b));
        assert_int_equal(sim_node_wait(bed_a(&b), SIM_UP, 10 * SIM_S), 1);
        assert_in_range(held(bed_a(&b), &id), 700, 701);
        bed_free(&b);
    }
}

struct outcome {
    int fired;
    struct runnel_err err;
};

static void on_ready(void *arg, const struct runnel_err *err) {
    struct outcome *o = arg;
    o->fired = 1;
    if (err)
        o->err = *err;
}

/* A store that another identity wrote is refused, and left as it is. */
static void the_store_of_another(void **state) {
    struct bed b;
    struct rn_pair other;
    struct outcome o = {0};
    struct runnel_err err = {0};
    uint8_t seed[RN_SEED] = {7};
    (void)state;
    bed_init(&b, 3);
    struct sim_node *n = bed_a(&b);
    sim_node_stop(n);
    assert_int_equal(sim_node_wait(n, SIM_DOWN, 10 * SIM_S), 1);
    assert_int_equal(rn_pair_from_seed(seed, &other), 0);
    uint64_t commits = rn_memory_last(n->disk.map);
    assert_int_equal(rn_node_new(&n->env, n->conf, &n->registry, &other.id, &n->node, &err), 0);
    assert_int_equal(rn_node_start(n->node, on_ready, &o, &err), 0);
    sim_run(&b.w, SIM_S);
    assert_int_equal(o.fired, 1);
    assert_int_equal(o.err.code, RUNNEL_ECONFLICT);
    assert_true(strlen(o.err.msg) > 20);
    assert_int_equal(rn_memory_last(n->disk.map), commits);
    rn_node_free(n->node);
    n->node = NULL;
    sim_cancel(&b.w, &n->alarm);
    sim_cancel(&b.w, &n->wake);
    sim_node_start(n); /* its own identity again */
    assert_int_equal(sim_node_wait(n, SIM_UP, 10 * SIM_S), 1);
    rn_pair_wipe(&other);
    bed_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_answers_first),
        cmocka_unit_test(the_same_again),
        cmocka_unit_test(stops_at_any_moment),
        cmocka_unit_test(the_store_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
