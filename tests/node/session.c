/* SPDX-License-Identifier: MIT
 * session.c — tests of a session with a real node: hello, frames that do not fit, limits, silence.
 * May touch: standard output.
 */
#include "node/sessionstate.h"
#include "tests/node/bed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODE "\"node\":\"0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20\""
#define NONCE "\"nonce\":\"000102030405060708090a0b0c0d0e0f\""

/* The other side ended the session for this: one ERROR with id 0 came last, then the link was closed. */
static void ended(struct client *c, const char *code, const char *word) {
    assert_int_equal(client_wait_lost(c, 5 * SIM_S), 1);
    struct got *g = client_find(c, NULL, RN_FRAME_ERROR, 0);
    assert_non_null(g);
    got_is_error(g, code, word);
    assert_true(g->link.next == &c->got);
}

static size_t sessions(struct bed *b) {
    return bed_a(b)->node->n_sessions;
}

/* ---- hello ---- */

static const struct hello_row {
    const char *hello, *code, *word;
} bad_hellos[] = {
    {"{}", "unsupported", "version"},
    {"{\"runnel\":[]}", "unsupported", "version 1"},
    {"{\"runnel\":[2,3]}", "unsupported", "version 1"},
    {"{\"runnel\":1}", "unsupported", "version"},
    {"{\"runnel\":[\"1\"]}", "unsupported", "version"},
    {"{\"runnel\":[1.0]}", "unsupported", "version"},
    {"[1]", "unsupported", "version"},
    {"hello", "invalid", ""},
    {"{\"runnel\":[1]", "invalid", ""},
    {"{\"runnel\":[1]}{}", "invalid", ""},
    {"{\"runnel\":[1],\"runnel\":[1]}", "invalid", ""},
    {"{\"runnel\":[1],\"x\":[[[[[1]]]]]}", "too-big", ""},
    {"{\"runnel\":[1],\"node\":\"0102\"," NONCE "}", "invalid", "node"},
    {"{\"runnel\":[1],\"node\":7," NONCE "}", "invalid", "node"},
    {"{\"runnel\":[1],\"node\":\"0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fzz\"," NONCE "}",
     "invalid", "node"},
    {"{\"runnel\":[1]," NODE "}", "invalid", "nonce"},
    {"{\"runnel\":[1]," NODE ",\"nonce\":\"00\"}", "invalid", "nonce"},
    {"{\"runnel\":[1]," NODE ",\"nonce\":1}", "invalid", "nonce"},
    {"{\"runnel\":[1],\"agent\":1}", "invalid", "agent"},
};

static void hellos_that_are_refused(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 1);
    for (size_t i = 0; i < sizeof bad_hellos / sizeof bad_hellos[0]; i++) {
        const struct hello_row *r = &bad_hellos[i];
        struct client *c = client_silent(&b, "a", 1);
        sim_talk_say(&c->talk, RN_FRAME_HELLO, 0, "%s", r->hello);
        ended(c, r->code, r->word);
        assert_int_equal(sessions(&b), 0);
        client_close(c);
        client_forget(c);
        sim_host_free(&c->host);
        free(c);
        b.n_clients--;
    }
    bed_free(&b);
}

static void hellos_that_are_taken(void **state) {
    static const char *const good[] = {
        "{\"runnel\":[1]}",
        "{\"runnel\":[7,1,2],\"unknown\":{\"a\":[1]},\"agent\":\"\"}",
        "{\"runnel\":[1]," NONCE "}",
        "{\"runnel\":[1]," NODE "," NONCE ",\"agent\":\"0123456789012345678901234567890123456789012345678901234567890"
        "1234567890123456789\"}",
    };
    struct bed b;
    (void)state;
    bed_init(&b, 2);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct client *c = client_silent(&b, "a", 1);
        sim_talk_say(&c->talk, RN_FRAME_HELLO, 0, "%s", good[i]);
        (void)client_ask(c, "{\"method\":\"ping\",\"unknown\":[null]}");
        struct got *hello = client_find(c, NULL, RN_FRAME_HELLO, 0);
        assert_non_null(hello);
        assert_true(hello->link.prev == &c->got); /* its first frame */
        char key[2 * RN_KEY + 1];
        bed_key(bed_a(&b), key);
        assert_string_equal(got_str(hello, "node"), key);
        assert_int_equal(strlen(got_str(hello, "nonce")), 32);
        assert_non_null(strstr(got_str(hello, "agent"), "runneld/"));
    }
    bed_free(&b);
}

/* Who says the node's own nonce is the node itself; who says its id with another nonce has its identity. */
static void hello_of_itself(void **state) {
    struct bed b;
    char key[2 * RN_KEY + 1];
    (void)state;
    bed_init(&b, 3);
    bed_key(bed_a(&b), key);
    struct client *first = client_new(&b, "a", 0), *itself = client_silent(&b, "a", 0);
    const char *nonce = got_str(client_find(first, NULL, RN_FRAME_HELLO, 0), "nonce");
    sim_talk_say(&itself->talk, RN_FRAME_HELLO, 0, "{\"runnel\":[1],\"node\":\"%s\",\"nonce\":\"%s\"}", key, nonce);
    ended(itself, "conflict", "dialled itself");
    struct client *twin = client_silent(&b, "a", 0);
    sim_talk_say(&twin->talk, RN_FRAME_HELLO, 0, "{\"runnel\":[1],\"node\":\"%s\"," NONCE "}", key);
    ended(twin, "conflict", "identity");
    bed_free(&b);
}

/* A node whose list of peers holds its own address ends that session, and goes on. */
static void a_node_that_dials_itself(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 4);
    struct sim_node *n = bed_node(&b, 1, "b");
    struct client *c = client_new(&b, "b", 1);
    (void)client_ask(c, "{\"method\":\"subscribe\",\"stream\":\"00000000-0000-8000-8000-000000000000\"}");
    sim_run(&b.w, 20 * SIM_S);
    assert_int_equal(sim_node_said(n, (const char *const[]){"dialled itself", NULL}), 1);
    (void)client_ask(c, "{\"method\":\"ping\"}");
    assert_int_equal(n->node->n_sessions, 1);
    bed_free(&b);
}

static void frames_before_the_hello(void **state) {
    struct bed b;
    struct runnel_id id = {{0}};
    (void)state;
    bed_init(&b, 5);
    struct client *c = client_silent(&b, "a", 1);
    (void)client_send(c, "{\"method\":\"ping\"}");
    ended(c, "invalid", "hello first");
    c = client_silent(&b, "a", 1);
    (void)publish(c, &id, 0, 0, &(struct ob){1, "1"}, 1);
    ended(c, "invalid", "hello first");
    c = client_silent(&b, "a", 1);
    sim_must(rn_frame_credit(&c->talk.out, 1, 1), "a frame");
    sim_talk_flush(&c->talk);
    ended(c, "invalid", "hello first");
    c = client_new(&b, "a", 1);
    sim_talk_say(&c->talk, RN_FRAME_HELLO, 0, "{\"runnel\":[1]}");
    ended(c, "invalid", "only once");
    assert_int_equal(sessions(&b), 0);
    bed_free(&b);
}

static void no_hello(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 6);
    struct client *c = client_silent(&b, "a", 1);
    int64_t start = b.w.now;
    assert_int_equal(client_wait_lost(c, 20 * SIM_S), 1);
    assert_in_range(c->lost_at - start, 10 * SIM_S - 10 * SIM_MS, 10 * SIM_S + 10 * SIM_MS);
    assert_int_equal(sessions(&b), 0);
    bed_free(&b);
}

/* ---- frames that do not fit ---- */

static const struct bytes_row {
    const char *name, *bytes;
    size_t n;
    const char *code, *word;
} bad_bytes[] = {
    {"over the limit", "\x01\x00\x01\x00", 4, "too-big", "65536"},
    {"far over the limit", "\xff\xff\xff\xff", 4, "too-big", "65536"},
    {"a length of 0", "\x00\x00\x00\x00", 4, "invalid", "length"},
    {"type 0", "\x02\x00\x00\x00\x00\x00", 6, "unsupported", "type 0"},
    {"type 12", "\x02\x00\x00\x00\x0c\x00", 6, "unsupported", "type 12"},
    {"an id that is not the shortest", "\x05\x00\x00\x00\x02\x80\x00{}", 9, "invalid", "type 2"},
    {"a request with the id 0", "\x04\x00\x00\x00\x02\x00{}", 8, "invalid", "id 0"},
    {"a publish without a stream", "\x04\x00\x00\x00\x05\x01\x01\x01", 8, "invalid", "type 5"},
    {"a publish with the id 0",
     "\x1d\x00\x00\x00\x05\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x00"
     "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01",
     33, "invalid", "id 0"},
    {"unknown flags",
     "\x1d\x00\x00\x00\x05\x01\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x08"
     "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01",
     33, "invalid", "flags"},
    {"credit with bytes behind its end", "\x04\x00\x00\x00\x0a\x01\x01\x00", 8, "invalid", "behind"},
    {"a published that nobody asked for",
     "\x14\x00\x00\x00\x06\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 24, "invalid",
     "nobody asked"},
};

static void frames_that_do_not_fit(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 7);
    struct client *other = client_new(&b, "a", 1);
    for (size_t i = 0; i < sizeof bad_bytes / sizeof bad_bytes[0]; i++) {
        const struct bytes_row *r = &bad_bytes[i];
        struct client *c = client_new(&b, "a", 1);
        sim_must(rn_buf_add(&c->talk.out, r->bytes, r->n), "a buffer");
        sim_talk_flush(&c->talk);
        ended(c, r->code, r->word);
        client_close(c);
        client_forget(c);
        sim_host_free(&c->host);
        free(c);
        b.n_clients--;
    }
    (void)client_ask(other, "{\"method\":\"ping\"}");
    bed_free(&b);
}

/* Frames for what is not there (any more) are passed over; an ERROR with id 0 ends the session. */
static void frames_for_nothing(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 8);
    struct client *c = client_new(&b, "a", 1);
    sim_talk_say(&c->talk, RN_FRAME_ANSWER, 77, "{}");
    sim_talk_say(&c->talk, RN_FRAME_ERROR, 77, "{\"code\":\"busy\",\"message\":\"no\"}");
    sim_talk_say(&c->talk, RN_FRAME_STATE, 77, "{}");
    sim_must(rn_frame_credit(&c->talk.out, 77, 1000), "a frame");
    sim_must(rn_frame_data(&c->talk.out, 77, 0, 0,
                           (struct runnel_bytes){(const uint8_t *)"\0\1"
                                                                  "1",
                                                 3}),
             "a frame");
    sim_must(rn_frame_hashes(&c->talk.out, 77, (struct runnel_bytes){NULL, 0}), "a frame");
    (void)client_ask(c, "{\"method\":\"ping\"}");
    sim_talk_say(&c->talk, RN_FRAME_ERROR, 0, "{\"code\":\"busy\",\"message\":\"no\"}");
    assert_int_equal(client_wait_lost(c, SIM_S), 1);
    assert_null(client_find(c, NULL, RN_FRAME_ERROR, 0));
    bed_free(&b);
}

/* ---- limits ---- */

static struct rn_session *only_session(struct bed *b) {
    struct rn_node *n = bed_a(b)->node;
    assert_int_equal(n->n_sessions, 1);
    return rn_list_of(n->sessions.next, struct rn_session, link);
}

/* Over the limit of unanswered requests nothing more is read; all are answered in the end. */
static void requests_over_the_limit(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 9);
    struct client *c = client_new(&b, "a", 1);
    bed_a(&b)->disk.faults.delay = 30 * SIM_S;
    for (int i = 0; i < RN_MAX_REQUESTS + 500; i++)
        (void)client_send(c, "{\"method\":\"unsubscribe\",\"stream\":\"00000000-0000-8000-8000-000000000000\"}");
    sim_run(&b.w, 5 * SIM_S);
    assert_int_equal(rn_calls_count(only_session(&b)), RN_MAX_REQUESTS);
    assert_int_equal(c->n_got, 1); /* the hello */
    struct client *other = client_new(&b, "a", 1);
    (void)client_ask(other, "{\"method\":\"ping\"}");
    bed_a(&b)->disk.faults.delay = SIM_US;
    sim_run(&b.w, 100 * SIM_S);
    assert_int_equal(c->lost, 0);
    assert_int_equal(c->n_got, 1 + RN_MAX_REQUESTS + 500);
    bed_free(&b);
}

/* One who asks and asks and never reads: what is kept for it is bounded, others are served. */
static void answers_that_nobody_reads(void **state) {
    struct bed b;
    size_t most = 0;
    (void)state;
    bed_init(&b, 10);
    struct client *c = client_new(&b, "a", 1);
    struct rn_session *s = only_session(&b);
    c->talk.deaf = 1;
    for (int i = 0; i < 20000; i++) {
        (void)client_send(c, "{\"method\":\"plugins\"}");
        if (i % 100 == 0)
            sim_run(&b.w, 20 * SIM_MS);
        if (rn_session_unsent(s) > most)
            most = rn_session_unsent(s);
    }
    sim_run(&b.w, 60 * SIM_S);
    assert_in_range(most, RN_MAX_UNREAD, RN_MAX_UNREAD + RN_MAX_FRAME);
    assert_true(s->in.n <= RN_MAX_FRAME + 2 * 65536);
    struct client *other = client_new(&b, "a", 1);
    (void)client_ask(other, "{\"method\":\"ping\"}");
    sim_talk_hear(&c->talk);
    sim_run(&b.w, 60 * SIM_S);
    assert_int_equal(c->n_got, 1 + 20000);
    assert_int_equal(c->lost, 0);
    bed_free(&b);
}

/* A reader that does not read falls behind; it harms nobody and loses nothing. */
static void a_reader_that_does_not_read(void **state) {
    struct bed b;
    char *value = long_number(RN_MAX_VALUE);
    (void)state;
    bed_init(&b, 11);
    struct client *deaf = client_new(&b, "a", 1);
    struct rn_session *s = only_session(&b);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "big");
    uint64_t follow = client_send(deaf, "{\"method\":\"follow\",\"stream\":\"%s\",\"credit\":16777216,\"heads\":true}",
                                  id_text(&id).s);
    uint64_t quick = client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"credit\":16777216}", id_text(&id).s);
    (void)client_answer(deaf, follow);
    deaf->talk.deaf = 1;
    for (uint64_t i = 0; i < 300; i++) {
        struct ob o = {SIM_WALL + (int64_t)i, value};
        (void)published(c, &id, RN_PUBLISH_SEQ, i, &o, 1);
        assert_true(rn_session_unsent(s) <= bed_a(&b)->node->conf->unsent);
    }
    sim_run(&b.w, SIM_S);
    assert_int_equal(client_taken(c, quick, 0, 0).next, 300);
    assert_true(client_taken(deaf, follow, 0, 0).next < 150);
    sim_talk_hear(&deaf->talk);
    sim_run(&b.w, 10 * SIM_S);
    struct taken t = client_taken(deaf, follow, 0, 0);
    assert_int_equal(t.next, 300);
    assert_int_equal(t.head_count, 300);
    free(value);
    bed_free(&b);
}

/* ---- silence ---- */

static struct client *peer_new(struct bed *b) {
    struct client *c = client_silent(b, "a", 0);
    sim_talk_say(&c->talk, RN_FRAME_HELLO, 0, "{\"runnel\":[1]," NODE "," NONCE "}");
    (void)client_next(c, NULL, RN_FRAME_HELLO, 0);
    return c;
}

static void a_silent_peer_is_lost(void **state) {
    struct bed b;
    (void)state;
    for (uint64_t k = 0; k < 8; k++) {
        bed_init(&b, 12 + k);
        struct client *c = peer_new(&b);
        (void)client_ask(c, "{\"method\":\"ping\"}");
        sim_run(&b.w, (int64_t)k * 700 * SIM_MS); /* at any place between its pings */
        c->mute = 1;
        (void)client_ask(c, "{\"method\":\"ping\"}");
        int64_t last = b.w.now;
        size_t before = c->n_got;
        assert_int_equal(client_wait_lost(c, 20 * SIM_S), 1);
        assert_in_range(c->lost_at - last, 3 * SIM_S - 5 * SIM_MS, 3 * SIM_S + 5 * SIM_MS);
        assert_true(c->n_got > before); /* it was asked first */
        assert_int_equal(sessions(&b), 0);
        bed_free(&b);
    }
}

static void idle_sessions_stay(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 20);
    struct client *peer = peer_new(&b), *program = client_new(&b, "a", 1);
    sim_run(&b.w, 3600 * SIM_S);
    assert_int_equal(peer->lost + program->lost, 0);
    assert_in_range(peer->n_got, 3000, 4000); /* a ping a second, about */
    assert_int_equal(program->n_got, 1);      /* programs are left in peace */
    (void)client_ask(program, "{\"method\":\"ping\"}");
    (void)client_ask(peer, "{\"method\":\"ping\"}");
    bed_free(&b);
}

/* A link that is slow is not silent: history comes over it without the session being lost. */
static void a_slow_link_is_not_silence(void **state) {
    struct bed b;
    char *value = long_number(RN_MAX_VALUE);
    (void)state;
    bed_init(&b, 21);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "big");
    for (uint64_t i = 0; i < 100; i++)
        (void)published(c, &id, 0, 0, &(struct ob){SIM_WALL + (int64_t)i, value}, 1);
    struct sim_node *n = bed_node(&b, 1, "a");
    n->host.weather.bytes_per_s = 20000;
    n->host.weather.window = 8192; /* what is written at once arrives at once */
    struct client *admin = client_new(&b, "b", 1);
    (void)client_ask(admin, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&id).s);
    sim_run(&b.w, 200 * SIM_S);
    assert_int_equal(held(n, &id), 100);
    assert_int_equal(sim_node_said(n, (const char *const[]){"not a byte", NULL}), 0);
    assert_int_equal(sim_node_said(bed_a(&b), (const char *const[]){"not a byte", NULL}), 0);
    free(value);
    bed_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hellos_that_are_refused),
        cmocka_unit_test(hellos_that_are_taken),
        cmocka_unit_test(hello_of_itself),
        cmocka_unit_test(a_node_that_dials_itself),
        cmocka_unit_test(frames_before_the_hello),
        cmocka_unit_test(no_hello),
        cmocka_unit_test(frames_that_do_not_fit),
        cmocka_unit_test(frames_for_nothing),
        cmocka_unit_test(requests_over_the_limit),
        cmocka_unit_test(answers_that_nobody_reads),
        cmocka_unit_test(a_reader_that_does_not_read),
        cmocka_unit_test(a_silent_peer_is_lost),
        cmocka_unit_test(idle_sessions_stay),
        cmocka_unit_test(a_slow_link_is_not_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
