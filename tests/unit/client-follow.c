/* SPDX-License-Identifier: MIT
 * client-follow.c — tests: following, histories, credit, and a node that sends what it must not.
 * May touch: unix sockets in a temporary folder.
 */
#include "data/block.h"
#include "tests/unit/check.h"
#include "tests/unit/peer.h"
#include <stdio.h>
#include <string.h>

#define ID "00112233-4455-8677-8899-aabbccddeeff"
#define OPENED(from, count) "{\"stream\":\"" ID "\",\"from\":" #from ",\"count\":" #count ",\"live\":true}"

enum moment { NEVER, STARTED, OBSERVED, STATED, HEADED, ENDED };

/* A log of what a follow was told, and what it does at some moment. */
struct log {
    char text[4096];
    uint64_t next;
    int ended, code, batches;
    struct runnel_follow *follow;
    struct runnel_client *client;
    enum moment leave_at, free_at;
};

static void act(struct log *l, enum moment m) {
    if (l->leave_at == m) {
        runnel_unfollow(l->follow);
        l->follow = NULL;
    }
    if (l->free_at == m)
        runnel_client_free(l->client);
}

static void note(struct log *l, const char *what, unsigned long long n) {
    size_t at = strlen(l->text);
    (void)snprintf(l->text + at, sizeof l->text - at, "%s%s %llu", at ? ", " : "", what, n);
}

static void on_started(void *arg, const struct runnel_started *s) {
    struct log *l = arg;
    char id[RUNNEL_ID_TEXT];
    assert_string_equal(runnel_id_format(&s->stream, id), ID);
    l->next = s->from;
    note(l, s->live ? "started live" : "started", s->count);
    act(l, STARTED);
}

static void on_observations(void *arg, const struct runnel_observation *o, size_t n) {
    struct log *l = arg;
    assert_true(n > 0 && n <= 256);
    for (size_t i = 0; i < n; i++) {
        char want[24];
        int k = snprintf(want, sizeof want, "%llu", (unsigned long long)l->next);
        assert_int_equal(o[i].seq, l->next);
        assert_int_equal(o[i].time, (int64_t)l->next * 1000);
        assert_int_equal(o[i].value.n, k);
        assert_memory_equal(o[i].value.p, want, (size_t)k);
        l->next++;
    }
    l->batches++;
    note(l, "got", n);
    act(l, OBSERVED);
}

static void on_state(void *arg, int live, uint64_t next) {
    note(arg, live ? "live" : "not live", next);
    act(arg, STATED);
}

static void on_head(void *arg, struct runnel_bytes head) {
    note(arg, "head", head.n);
    act(arg, HEADED);
}

static void on_end(void *arg, uint64_t next, const struct runnel_err *err) {
    struct log *l = arg;
    note(l, err ? "failed" : "end", next);
    assert_int_equal(l->ended, 0);
    l->ended = 1;
    l->code = err ? err->code : 0;
    act(l, ENDED);
}

static const struct runnel_follow_calls calls = {sizeof calls, 0,       on_started, on_observations,
                                                 on_state,     on_head, on_end};

static void begin(struct peer *p, struct log *l, const struct runnel_follow_options *o) {
    struct runnel_err err;
    peer_start(p, NULL);
    l->client = p->client;
    assert_int_equal(runnel_follow(p->client, ID, o, &calls, l, &l->follow, &err), 0);
    assert_int_equal(peer_frame(p).id, 1);
}

static void turns(struct peer *p) {
    for (int i = 0; i < 20; i++)
        peer_turn(p);
}

/* ---- what is asked ---- */

static void asks_for_what_is_wanted(void **state) {
    (void)state;
    static const struct {
        struct runnel_follow_options o;
        const char *json;
    } cases[] = {
        {{.size = sizeof cases[0].o}, "\"credit\":1048576}"},
        {{.size = sizeof cases[0].o, .from = RUNNEL_FROM_SEQ, .from_seq = 5, .window = 10},
         "\"credit\":10,\"from\":5}"},
        {{.size = sizeof cases[0].o,
          .from = RUNNEL_FROM_TIME,
          .from_time = -5,
          .until = RUNNEL_UNTIL_TIME,
          .until_time = 8},
         "\"credit\":1048576,\"from_time\":\"-5\",\"until_time\":\"8\"}"},
        {{.size = sizeof cases[0].o, .from = RUNNEL_FROM_NOW, .flags = RUNNEL_FOLLOW_HEADS},
         "\"credit\":1048576,\"now\":true,\"heads\":true}"},
        {{.size = sizeof cases[0].o, .until = RUNNEL_UNTIL_SEQ, .until_seq = 7, .flags = RUNNEL_FOLLOW_HELD},
         "\"credit\":1048576,\"until\":7}"},
    };
    struct peer p;
    struct log l[5];
    memset(l, 0, sizeof l);
    peer_start(&p, NULL);
    for (size_t i = 0; i < 5; i++) {
        char want[256];
        (void)snprintf(want, sizeof want, "{\"method\":\"follow\",\"stream\":\"" ID "\",%s", cases[i].json);
        assert_int_equal(runnel_follow(p.client, ID, &cases[i].o, &calls, &l[i], NULL, NULL), 0);
        assert_int_equal(peer_request(&p, want), i + 1);
    }
    peer_close(&p);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(l[i].code, RUNNEL_ECLOSED);
}

static void refuses_options(void **state) {
    (void)state;
    static const struct runnel_follow_options wrong[] = {{.size = sizeof wrong[0], .from = 9},
                                                         {.size = sizeof wrong[0], .until = 9},
                                                         {.size = sizeof wrong[0], .flags = 64},
                                                         {.size = sizeof wrong[0], .window = RN_MAX_CREDIT + 1}};
    struct runnel_follow_calls none = {.size = sizeof none};
    struct peer p;
    peer_start(&p, NULL);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(runnel_follow(p.client, ID, &wrong[i], &calls, NULL, NULL, NULL), -RUNNEL_EINVALID);
    assert_int_equal(runnel_follow(p.client, ID, NULL, &none, NULL, NULL, NULL), -RUNNEL_EINVALID);
    assert_true(peer_quiet(&p));
    peer_close(&p);
}

/* ---- the good way ---- */

static void history_and_live_without_seam(void **state) {
    (void)state;
    for (size_t chunk = 0; chunk < 2; chunk++) {
        struct peer p;
        struct log l = {0};
        begin(&p, &l, NULL);
        p.chunk = chunk;
        peer_json(&p, RN_FRAME_ANSWER, 1, OPENED(250, 256));
        peer_data(&p, 1, 250, 6);
        peer_head(&p, 1, 256);
        peer_head(&p, 1, 256); /* told once */
        peer_json(&p, RN_FRAME_STATE, 1, "{\"live\":true,\"next\":256}");
        peer_data(&p, 1, 256, 1);
        peer_json(&p, RN_FRAME_STATE, 1, "{\"live\":false,\"next\":257}");
        peer_data(&p, 1, 257, 2);
        peer_json(&p, RN_FRAME_STATE, 1, "{\"end\":\"error\",\"code\":\"inactive\",\"message\":\"m\",\"next\":259}");
        peer_until(&p, &l.ended);
        assert_string_equal(l.text,
                            "started live 256, got 6, head 157, live 256, got 1, not live 257, got 2, failed 259");
        assert_int_equal(l.code, RUNNEL_EINACTIVE);
        assert_int_equal(p.closed, 0);
        peer_close(&p);
    }
}

static void ends_where_it_was_asked_to(void **state) {
    (void)state;
    struct peer p;
    struct log l = {0};
    begin(&p, &l, NULL);
    peer_json(&p, RN_FRAME_ANSWER, 1, OPENED(0, 9));
    peer_data(&p, 1, 0, 4);
    peer_json(&p, RN_FRAME_STATE, 1, "{\"end\":\"done\",\"next\":4}");
    peer_until(&p, &l.ended);
    assert_string_equal(l.text, "started live 9, got 4, end 4");
    assert_int_equal(l.code, 0);
    peer_close(&p);
}

static void a_refused_follow_ends(void **state) {
    (void)state;
    struct peer p;
    struct log l = {0};
    begin(&p, &l, NULL);
    peer_json(&p, RN_FRAME_ERROR, 1, "{\"code\":\"not-found\",\"message\":\"none\"}");
    peer_until(&p, &l.ended);
    assert_string_equal(l.text, "failed 0");
    assert_int_equal(l.code, RUNNEL_ENOTFOUND);
    peer_close(&p);
}

static void a_history_ends_with_what_is_held(void **state) {
    (void)state;
    struct peer p;
    struct log l = {0};
    peer_start(&p, NULL);
    assert_int_equal(runnel_history(p.client, ID, NULL, &calls, &l, NULL, NULL), 0);
    (void)peer_frame(&p);
    peer_json(&p, RN_FRAME_ANSWER, 1, OPENED(0, 5));
    peer_data(&p, 1, 0, 3);
    peer_data(&p, 1, 3, 9); /* seven of them were made since */
    peer_until(&p, &l.ended);
    assert_string_equal(l.text, "started live 5, got 3, got 2, end 5");
    assert_int_equal(peer_request(&p, "{\"method\":\"unfollow\",\"follow\":1}"), 2);
    peer_data(&p, 1, 12, 3); /* under way still: nothing to be told */
    peer_json(&p, RN_FRAME_STATE, 1, "{\"live\":true,\"next\":15}");
    turns(&p);
    assert_int_equal(p.closed, 0);
    peer_json(&p, RN_FRAME_ANSWER, 2, "{}");
    peer_data(&p, 1, 15, 1); /* now it is not */
    peer_until(&p, &p.closed);
    assert_int_equal(p.closed, RUNNEL_EDAMAGED);
    peer_close(&p);
}

static void an_empty_history_ends_at_once(void **state) {
    (void)state;
    struct peer p;
    struct log l = {0};
    peer_start(&p, NULL);
    assert_int_equal(runnel_history(p.client, ID, NULL, &calls, &l, NULL, NULL), 0);
    (void)peer_frame(&p);
    peer_json(&p, RN_FRAME_ANSWER, 1, OPENED(7, 7));
    peer_until(&p, &l.ended);
    assert_string_equal(l.text, "started live 7, end 7");
    peer_close(&p);
}

/* ---- credit ---- */

static void credit_is_given_by_halves(void **state) {
    (void)state;
    struct peer p;
    struct log l = {0};
    struct runnel_follow_options o = {.size = sizeof o, .window = 40};
    begin(&p, &l, &o);
    peer_json(&p, RN_FRAME_ANSWER, 1, OPENED(0, 100));
    peer_data(&p, 1, 0, 3); /* 11 bytes: delta 0 takes one byte, 1000 takes two */
    turns(&p);
    assert_true(peer_quiet(&p));
    peer_data(&p, 1, 3, 3); /* 12 more: over the half */
    struct rn_frame f = peer_frame(&p);
    assert_int_equal(f.type, RN_FRAME_CREDIT);
    assert_int_equal(f.id, 1);
    assert_int_equal(f.count, 23);
    runnel_follow_pause(l.follow);
    peer_data(&p, 1, 6, 4);
    peer_data(&p, 1, 10, 4);
    turns(&p);
    assert_true(peer_quiet(&p));
    assert_int_equal(l.next, 14); /* what is under way still comes */
    runnel_follow_resume(l.follow);
    f = peer_frame(&p);
    assert_int_equal(f.type, RN_FRAME_CREDIT);
    assert_int_equal(f.count, 36);
    peer_close(&p);
}

/* ---- leaving and freeing at every moment ---- */

static void play(struct peer *p) {
    peer_json(p, RN_FRAME_ANSWER, 1, OPENED(0, 4));
    peer_data(p, 1, 0, 4);
    peer_head(p, 1, 4);
    peer_json(p, RN_FRAME_STATE, 1, "{\"live\":true,\"next\":4}");
    peer_data(p, 1, 4, 2);
}

static void leaving_at_every_moment(void **state) {
    (void)state;
    for (enum moment m = STARTED; m < ENDED; m++) {
        struct peer p;
        struct log l = {.leave_at = m};
        begin(&p, &l, NULL);
        play(&p);
        assert_int_equal(peer_request(&p, "{\"method\":\"unfollow\",\"follow\":1}"), 2);
        turns(&p);
        assert_int_equal(l.ended, 0);
        assert_int_equal(l.batches, m == STARTED ? 0 : 1);
        assert_int_equal(p.closed, 0);
        peer_json(&p, RN_FRAME_ERROR, 2, "{\"code\":\"not-found\",\"message\":\"it had ended\"}");
        turns(&p);
        peer_close(&p);
        assert_int_equal(l.ended, 0);
    }
}

static void leaving_before_the_answer(void **state) {
    (void)state;
    struct peer p;
    struct log l = {0};
    begin(&p, &l, NULL);
    runnel_unfollow(l.follow);
    play(&p);
    assert_int_equal(peer_request(&p, "{\"method\":\"unfollow\",\"follow\":1}"), 2);
    peer_json(&p, RN_FRAME_ANSWER, 2, "{}");
    turns(&p);
    assert_string_equal(l.text, "");
    assert_int_equal(p.closed, 0);
    peer_close(&p);
    assert_string_equal(l.text, "");
}

static void freeing_at_every_moment(void **state) {
    (void)state;
    for (enum moment m = STARTED; m <= ENDED; m++) {
        struct peer p;
        struct log l = {.free_at = m};
        begin(&p, &l, NULL);
        p.client = NULL;
        play(&p);
        peer_data(&p, 1, 99, 1); /* ends it for the case that waits for the end */
        peer_until(&p, &l.ended);
        assert_int_equal(l.code, m == ENDED ? RUNNEL_EDAMAGED : RUNNEL_ECLOSED);
        assert_int_equal(p.closed, 0);
        peer_close(&p);
    }
}

/* ---- a node that sends what it must not ---- */

static void raw_data(struct peer *p, uint64_t seq, int64_t base, const void *entries, size_t n) {
    struct rn_buf b = {0};
    assert_int_equal(rn_frame_data(&b, 1, seq, base, (struct runnel_bytes){entries, n}), 0);
    peer_send_buf(p, &b);
}

static void data_that_is_wrong_ends_the_session(void **state) {
    (void)state;
    uint8_t many[257 * 3];
    for (size_t i = 0; i < 257; i++)
        memcpy(many + 3 * i, "\x00\x01\x37", 3);
    static const uint8_t long_delta[] = {0x80, 0x00, 1, '7'}, cut[] = {0, 5, '7'}, not_json[] = {0, 1, 'x'},
                         empty[] = {0, 0}, blank[] = {0, 2, '7', ' '}, good[] = {0, 1, '7'};
    const struct {
        const char *what;
        uint64_t seq;
        int64_t base;
        const uint8_t *p;
        size_t n;
    } cases[] = {
        {"a gap", 5, 3000, good, sizeof good},
        {"a double", 3, 3000, good, sizeof good},
        {"from the start again", 0, 3000, good, sizeof good},
        {"time backwards", 4, 2999, good, sizeof good},
        {"LEB128 not the shortest", 4, 3000, long_delta, sizeof long_delta},
        {"cut within an entry", 4, 3000, cut, sizeof cut},
        {"no JSON", 4, 3000, not_json, sizeof not_json},
        {"an empty value", 4, 3000, empty, sizeof empty},
        {"white space", 4, 3000, blank, sizeof blank},
        {"no observations", 4, 3000, good, 0},
        {"too many", 4, 3000, many, sizeof many},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer p;
        struct log l = {0};
        begin(&p, &l, NULL);
        peer_json(&p, RN_FRAME_ANSWER, 1, OPENED(0, 4));
        peer_data(&p, 1, 0, 4);
        raw_data(&p, cases[i].seq, cases[i].base, cases[i].p, cases[i].n);
        peer_until(&p, &p.closed);
        assert_int_equal(p.closed, RUNNEL_EDAMAGED);
        assert_int_equal(l.ended, 1);
        assert_int_equal(l.code, RUNNEL_EDAMAGED);
        assert_int_equal(l.next, 4); /* nothing of it was delivered */
        peer_close(&p);
    }
}

static void states_and_answers_that_are_wrong(void **state) {
    (void)state;
    static const struct {
        enum rn_frame_type type;
        uint64_t id;
        const char *json;
    } cases[] = {
        {RN_FRAME_STATE, 1, "{\"live\":true,\"next\":3}"},
        {RN_FRAME_STATE, 1, "{\"live\":true,\"next\":5}"},
        {RN_FRAME_STATE, 1, "{\"live\":true}"},
        {RN_FRAME_STATE, 1, "{\"next\":4}"},
        {RN_FRAME_STATE, 1, "{\"end\":\"done\",\"next\":2}"},
        {RN_FRAME_STATE, 1, "{\"end\":\"error\",\"code\":5,\"next\":4}"},
        {RN_FRAME_STATE, 1, "[1]"},
        {RN_FRAME_STATE, 7, "{\"live\":true,\"next\":4}"},
        {RN_FRAME_ANSWER, 1, OPENED(0, 4)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer p;
        struct log l = {0};
        begin(&p, &l, NULL);
        peer_json(&p, RN_FRAME_ANSWER, 1, OPENED(0, 4));
        peer_data(&p, 1, 0, 4);
        peer_json(&p, cases[i].type, cases[i].id, cases[i].json);
        peer_until(&p, &p.closed);
        assert_int_equal(p.closed, RUNNEL_EDAMAGED);
        assert_int_equal(l.code, RUNNEL_EDAMAGED);
        peer_close(&p);
    }
}

static void openings_that_are_wrong(void **state) {
    (void)state;
    static const char *const cases[] = {"{}", "{\"stream\":\"x\",\"from\":0,\"count\":0,\"live\":true}",
                                        "{\"stream\":\"" ID "\",\"from\":-1,\"count\":0,\"live\":true}",
                                        "{\"stream\":\"" ID "\",\"from\":0,\"count\":0,\"live\":1}"};
    for (size_t i = 0; i < 4; i++) {
        struct peer p;
        struct log l = {0};
        begin(&p, &l, NULL);
        peer_json(&p, RN_FRAME_ANSWER, 1, cases[i]);
        peer_until(&p, &p.closed);
        assert_int_equal(l.code, RUNNEL_EDAMAGED);
        assert_string_equal(l.text, "failed 0");
        peer_close(&p);
    }
    struct peer p;
    struct log l = {0};
    begin(&p, &l, NULL);
    peer_data(&p, 1, 0, 1); /* before the answer */
    peer_until(&p, &p.closed);
    assert_int_equal(l.code, RUNNEL_EDAMAGED);
    peer_close(&p);
}

static void count_end(void *arg, uint64_t next, const struct runnel_err *err) {
    assert_int_equal(next, 0);
    assert_int_equal(err->code, RUNNEL_ECLOSED);
    ++*(int *)arg;
}

static void follows_are_bounded(void **state) {
    (void)state;
    struct peer p;
    int ended = 0;
    struct runnel_follow_calls only_end = {.size = sizeof only_end, .end = count_end};
    peer_start(&p, NULL);
    for (int i = 0; i < RN_MAX_FOLLOWS; i++)
        assert_int_equal(runnel_follow(p.client, ID, NULL, &only_end, &ended, NULL, NULL), 0);
    assert_int_equal(runnel_follow(p.client, ID, NULL, &only_end, &ended, NULL, NULL), -RUNNEL_EBUSY);
    peer_close(&p);
    assert_int_equal(ended, RN_MAX_FOLLOWS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_for_what_is_wanted),
        cmocka_unit_test(refuses_options),
        cmocka_unit_test(history_and_live_without_seam),
        cmocka_unit_test(ends_where_it_was_asked_to),
        cmocka_unit_test(a_refused_follow_ends),
        cmocka_unit_test(a_history_ends_with_what_is_held),
        cmocka_unit_test(an_empty_history_ends_at_once),
        cmocka_unit_test(credit_is_given_by_halves),
        cmocka_unit_test(leaving_at_every_moment),
        cmocka_unit_test(leaving_before_the_answer),
        cmocka_unit_test(freeing_at_every_moment),
        cmocka_unit_test(data_that_is_wrong_ends_the_session),
        cmocka_unit_test(states_and_answers_that_are_wrong),
        cmocka_unit_test(openings_that_are_wrong),
        cmocka_unit_test(follows_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
