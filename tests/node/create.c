/* SPDX-License-Identifier: MIT
 * create.c — tests of creating streams at a real node: twice, at once, and on a disk that fails.
 * May touch: standard output.
 */
#include "tests/node/bed.h"
#include <stdio.h>
#include <string.h>

#define DESCRIPTOR "{\"target\":\"t\",\"stream\":\"s\",\"source\":\"sim\",\"meta\":{\"unit\":\"K\"}}"
#define CREATE "{\"method\":\"create\",\"descriptor\":" DESCRIPTOR "}"

static uint64_t streams(struct client *c) {
    return got_u64(client_ask(c, "{\"method\":\"status\"}"), "streams");
}

static void twice(void **state) {
    struct bed b;
    char key[2 * RN_KEY + 1], id[RN_ID_TEXT];
    (void)state;
    bed_init(&b, 1);
    bed_key(bed_a(&b), key);
    struct client *c = client_new(&b, "a", 1);
    struct got *g = client_ask(c, CREATE);
    assert_int_equal(got_bool(g, "created"), 1);
    (void)snprintf(id, sizeof id, "%s", got_str(g, "stream"));
    /* canonical, and the author filled in */
    char want[256];
    (void)snprintf(want, sizeof want,
                   "\"descriptor\":{\"author\":\"%s\",\"meta\":{\"unit\":\"K\"},\"source\":\"sim\",\"stream\":\"s\","
                   "\"target\":\"t\"}",
                   key);
    assert_non_null(strstr((const char *)g->bytes, want));
    g = client_ask(c, CREATE);
    assert_int_equal(got_bool(g, "created"), 0);
    assert_string_equal(got_str(g, "stream"), id);
    g = client_ask(c,
                   "{\"method\":\"create\",\"descriptor\":{\"author\":\"%s\",\"source\":\"sim\",\"stream\":\"s\","
                   "\"target\":\"t\",\"meta\":{\"unit\":\"K\"}}}",
                   key);
    assert_int_equal(got_bool(g, "created"), 0);
    assert_string_equal(got_str(g, "stream"), id);
    assert_int_equal(streams(c), 1);
    g = client_ask(c, "{\"method\":\"head\",\"stream\":\"%s\"}", id); /* a head of nothing is there at once */
    assert_true(got_u64(g, "count") == 0 && got_u64(g, "head_count") == 0 && got_bool(g, "own") && got_bool(g, "live"));
    assert_null(rn_json_get(got_json(g), "last"));
    assert_string_equal(got_str(g, "state"), "own");
    bed_restart(&b, bed_a(&b));
    c = client_new(&b, "a", 1);
    g = client_ask(c, CREATE);
    assert_int_equal(got_bool(g, "created"), 0);
    assert_string_equal(got_str(g, "stream"), id);
    bed_free(&b);
}

/* Several who ask in one tick get one stream; only one of them made it; nobody hears before it is durable. */
static void at_once(void **state) {
    struct bed b;
    uint64_t sent[10];
    int created = 0;
    (void)state;
    bed_init(&b, 2);
    struct client *c[2] = {client_new(&b, "a", 1), client_new(&b, "a", 1)}, *gone = client_new(&b, "a", 1);
    bed_a(&b)->disk.faults.delay = SIM_S;
    for (int i = 0; i < 10; i++)
        sent[i] = client_send(c[i % 2], CREATE);
    (void)client_send(gone, CREATE);
    sim_run(&b.w, 500 * SIM_MS);
    assert_true(c[0]->n_got == 1 && c[1]->n_got == 1);
    client_close(gone);
    struct got *g = client_ask(c[0], "{\"method\":\"streams\"}");
    assert_int_equal(rn_json_get(got_json(g), "streams")->n, 0);
    for (int i = 0; i < 10; i++)
        created += got_bool(client_answer(c[i % 2], sent[i]), "created");
    assert_int_equal(created, 1);
    assert_int_equal(streams(c[0]), 1);
    bed_free(&b);
}

/* What could not be stored is not there, now and later; then it works. */
static void on_a_full_disk(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 3);
    struct client *c = client_new(&b, "a", 1);
    bed_a(&b)->disk.faults.full = 1000;
    uint64_t first = client_send(c, CREATE), second = client_send(c, CREATE);
    got_is_error(client_answer(c, first), "full", "not stored");
    got_is_error(client_answer(c, second), "full", "not stored");
    assert_int_equal(streams(c), 0);
    bed_a(&b)->disk.faults.full = 0;
    assert_int_equal(got_bool(client_ask(c, CREATE), "created"), 1);
    bed_a(&b)->disk.faults.full = 1000;
    client_refused(c, "full", "not stored",
                   "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"x\",\"target\":\"\"}}");
    bed_a(&b)->disk.faults.full = 0;
    bed_restart(&b, bed_a(&b));
    c = client_new(&b, "a", 1);
    assert_int_equal(streams(c), 1);
    bed_free(&b);
}

/* The power fails before the answer: the stream is there whole, or not at all. */
static void and_a_crash(void **state) {
    int there = 0, not_there = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct bed b;
        bed_init(&b, 10 + seed);
        struct client *c = client_new(&b, "a", 1);
        bed_a(&b)->disk.faults = (struct sim_disk_faults){.delay = 2 * SIM_MS, .jitter = 2 * SIM_MS};
        uint64_t id = client_send(c, CREATE);
        (void)client_send(c, CREATE);
        sim_run(&b.w, sim_between(&b.w.rand, 1500 * SIM_US, 8 * SIM_MS));
        int answered = client_find(c, NULL, RN_FRAME_ANSWER, id) != NULL;
        sim_node_crash(bed_a(&b), SIM_POWER);
        sim_node_start(bed_a(&b));
        assert_int_equal(sim_node_wait(bed_a(&b), SIM_UP, 10 * SIM_S), 1);
        c = client_new(&b, "a", 1);
        uint64_t n = streams(c);
        assert_true(n == 1 || !answered);
        there += n == 1;
        not_there += n == 0;
        assert_int_equal(got_bool(client_ask(c, CREATE), "created"), n == 0);
        bed_free(&b);
    }
    assert_true(there > 0 && not_there > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twice),
        cmocka_unit_test(at_once),
        cmocka_unit_test(on_a_full_disk),
        cmocka_unit_test(and_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
