/* SPDX-License-Identifier: MIT
 * calls.c — tests of requests at a real node: each is answered once, also when the node stops or has no room for it.
 * May touch: standard output.
 */
#include "node/sessionstate.h"
#include "tests/node/bed.h"
#include <stdio.h>
#include <string.h>

#define T (SIM_WALL - 1000 * SIM_S)
#define NONE "00000000-0000-8000-8000-000000000000"

/* How many answers and errors there are for a request. */
static unsigned answers(struct client *c, uint64_t id) {
    static const int types[] = {RN_FRAME_ANSWER, RN_FRAME_ERROR, RN_FRAME_PUBLISHED, RN_FRAME_HASHES};
    unsigned n = 0;
    for (size_t i = 0; i < 4; i++)
        for (struct got *g = client_find(c, NULL, types[i], id); g; g = client_find(c, g, types[i], id))
            n++;
    return n;
}

/* ---- ids ---- */

static uint64_t slow_create(struct client *c, const char *stream) {
    return client_send(c, "{\"method\":\"create\",\"descriptor\":{\"source\":\"a\",\"stream\":\"%s\",\"target\":\"\"}}",
                       stream);
}

/* A second request with the id of one that waits: what an answer is for could not be told, so the session ends. */
static void an_id_in_use(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct bed b;
        uint64_t id;
        bed_init(&b, 1);
        struct client *c = client_new(&b, "a", 1);
        struct runnel_id s = make_stream(c, "s");
        bed_a(&b)->disk.faults.delay = SIM_S;
        if (kind == 2)
            id = publish(c, &s, 0, 0, &(struct ob){T, "1"}, 1);
        else
            id = slow_create(c, "slow");
        c->last_id = id - 1;
        if (kind == 1)
            assert_int_equal(publish(c, &s, 0, 0, &(struct ob){T, "1"}, 1), id);
        else
            assert_int_equal(client_send(c, "{\"method\":\"ping\"}"), id);
        assert_int_equal(client_wait_lost(c, SIM_S / 2), 1);
        got_is_error(client_find(c, NULL, RN_FRAME_ERROR, 0), "invalid", "not answered yet");
        assert_int_equal(answers(c, id), 1);
        got_is_error(client_find(c, NULL, RN_FRAME_ERROR, id), "closed", "not answered");
        sim_run(&b.w, 5 * SIM_S); /* what was begun ends all the same */
        struct client *again = client_new(&b, "a", 1);
        bed_a(&b)->disk.faults.delay = SIM_MS;
        struct got *g = client_answer(again, slow_create(again, "slow"));
        assert_int_equal(got_bool(g, "created"), kind == 2);
        assert_int_equal(held(bed_a(&b), &s), kind == 2);
        bed_free(&b);
    }
}

/* Once it is answered its id is free, thousands of times. */
static void an_id_again(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 2);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id s = make_stream(c, "s");
    for (int i = 0; i < 3000; i++) {
        c->last_id = 6;
        if (i % 2)
            (void)published(c, &s, 0, 0, &(struct ob){T, "1"}, 1);
        else
            (void)client_ask(c, "{\"method\":\"ping\"}");
        client_forget(c);
    }
    assert_int_equal(c->lost, 0);
    assert_int_equal(held(bed_a(&b), &s), 1500);
    bed_free(&b);
}

/* ---- a stop ---- */

/* Whatever waits when the node stops is answered, or, where the stop has no time for it, told `closed` before the
 * session ends: creates, those who wait for one, notes, repeats of publishes, reads. */
static void a_stop_leaves_nothing_open(void **state) {
    unsigned closed = 0, done = 0, patient = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct bed b;
        char text[256];
        uint64_t ids[8];
        bed_init(&b, 1 + seed);
        struct client *c = client_new(&b, "a", 1);
        struct runnel_id id = make_stream(c, "s");
        publish_many(c, &id, 0, 700, 350);
        bed_restart(&b, bed_a(&b));
        c = client_new(&b, "a", 1);
        struct id_text s = id_text(&id);
        bed_a(&b)->disk.faults.delay = 20 * SIM_MS;
        ids[0] = slow_create(c, "one");
        ids[1] = slow_create(c, "one");
        ids[2] = client_send(c, "{\"method\":\"subscribe\",\"stream\":\"" NONE "\"}");
        ids[3] = client_send(c, "{\"method\":\"unsubscribe\",\"stream\":\"" NONE "\"}");
        (void)many_value(0, text);
        ids[4] = publish(c, &id, RN_PUBLISH_SEQ, 0, &(struct ob){many_time(0), text}, 1);
        ids[5] = client_send(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", s.s);
        ids[6] =
            client_send(c, "{\"method\":\"at\",\"stream\":\"%s\",\"time\":\"%lld\"}", s.s, (long long)many_time(9));
        ids[7] = seed % 2 ? client_send(c, "{\"method\":\"ping\"}")
                          : publish(c, &id, RN_PUBLISH_SEQ, 700, &(struct ob){many_time(700), "7"}, 1);
        sim_run(&b.w, sim_between(&b.w.rand, SIM_MS, 30 * SIM_MS));
        if (seed % 4 < 2)
            bed_a(&b)->conf->stop_timeout = 0;
        sim_node_stop(bed_a(&b));
        assert_int_equal(sim_node_wait(bed_a(&b), SIM_DOWN, 10 * SIM_S), 1);
        sim_run(&b.w, SIM_S);
        for (size_t i = 0; i < 8; i++) {
            struct got *g = client_find(c, NULL, RN_FRAME_ERROR, ids[i]);
            assert_int_equal(answers(c, ids[i]), 1);
            if (g)
                got_is_error(g, "closed", "stopping");
            closed += g != NULL;
            patient += seed % 4 >= 2 && g != NULL;
            done += g == NULL;
        }
        bed_free(&b);
    }
    assert_true(closed > 10 && done > 10); /* the moments were well chosen */
    assert_int_equal(patient, 0);
}

/* ---- no room ---- */

/* The limits keep what one session asks for below the room for its answers: here the room is taken away. What finds
 * none ends the session, whatever it was, and everybody else is served. */
static void an_answer_that_finds_no_room(void **state) {
    static const char *const asked[] = {
        "{\"method\":\"follow\",\"stream\":\"%s\"}",
        "{\"method\":\"follow\",\"stream\":\"%s\",\"from_time\":\"%lld\"}",
        "{\"method\":\"at\",\"stream\":\"%s\",\"time\":\"%lld\"}",
        "{\"method\":\"head\",\"stream\":\"%s\"}",
    };
    (void)state;
    for (size_t first = 0; first < 4; first++) {
        struct bed b;
        bed_init(&b, 1);
        struct client *c = client_new(&b, "a", 1);
        struct runnel_id id = make_stream(c, "s");
        publish_many(c, &id, 0, 700, 350);
        bed_restart(&b, bed_a(&b));
        client_close(c);
        c = client_new(&b, "a", 1);
        struct rn_node *n = bed_a(&b)->node;
        rn_list_of(n->sessions.next, struct rn_session, link)->out.max = 16;
        for (size_t i = 0; i < 8; i++)
            (void)client_send(c, i % 2 ? asked[1] : asked[first], id_text(&id).s, (long long)many_time(300));
        assert_int_equal(client_wait_lost(c, SIM_S), 1);
        assert_int_equal(c->n_got, 1); /* the hello */
        const char *const words[] = {"an answer could not be sent", NULL};
        assert_true(sim_node_said(bed_a(&b), words));
        assert_int_equal(n->n_follows, 0);
        struct client *other = client_new(&b, "a", 1);
        uint64_t f = client_send(other, "{\"method\":\"follow\",\"stream\":\"%s\"}", id_text(&id).s);
        sim_run(&b.w, SIM_S);
        assert_int_equal(client_taken(other, f, 0, 1).next, 700);
        bed_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_in_use),
        cmocka_unit_test(an_id_again),
        cmocka_unit_test(a_stop_leaves_nothing_open),
        cmocka_unit_test(an_answer_that_finds_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
