/* SPDX-License-Identifier: MIT
 * follow.c — tests of following at a real node: where it begins and ends, credit, heads, states, no seam.
 * May touch: standard output.
 */
#include "tests/node/bed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 1500u /* 5 closed blocks and an open one */

static uint64_t follow(struct client *c, const struct runnel_id *id, const char *members) {
    return client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\"%s%s}", id_text(id).s, *members ? "," : "", members);
}

/* The first seq whose time is not before `time`. */
static uint64_t seek(int64_t time, uint64_t count) {
    uint64_t i = 0;
    while (i < count && many_time(i) < time)
        i++;
    return i;
}

/* ---- where it begins and ends ---- */

static const struct place_row {
    const char *members;
    uint64_t from, next;
    int done;
} place_rows[] = {
    {"", 0, COUNT, 0},
    {"\"from\":0", 0, COUNT, 0},
    {"\"from\":1", 1, COUNT, 0},
    {"\"from\":100", 100, COUNT, 0},
    {"\"from\":255", 255, COUNT, 0},
    {"\"from\":256", 256, COUNT, 0},
    {"\"from\":257", 257, COUNT, 0},
    {"\"from\":1279", 1279, COUNT, 0},
    {"\"from\":1280", 1280, COUNT, 0},
    {"\"from\":1499", 1499, COUNT, 0},
    {"\"from\":1500", 1500, COUNT, 0},
    {"\"from\":1501", 1501, 1501, 0},
    {"\"from\":72057594037927424", RN_COUNT_MAX, RN_COUNT_MAX, 0},
    {"\"now\":true", COUNT, COUNT, 0},
    {"\"now\":false,\"from\":7", 7, COUNT, 0},
    {"\"from\":10,\"until\":11", 10, 11, 1},
    {"\"from\":10,\"until\":10", 10, 10, 1},
    {"\"from\":10,\"until\":5", 10, 10, 1},
    {"\"from\":10,\"until\":0", 10, 10, 1},
    {"\"until\":256", 0, 256, 1},
    {"\"until\":257", 0, 257, 1},
    {"\"until\":1500", 0, 1500, 1},
    {"\"until\":1501", 0, 1500, 0},
    {"\"from\":1500,\"until\":1501", 1500, 1500, 0},
    {"\"heads\":true,\"until\":300", 0, 300, 1},
    {"\"heads\":true,\"from\":1500", 1500, COUNT, 0},
    {"\"heads\":false", 0, COUNT, 0},
    {"\"until\":600,\"credit\":0", 0, 0, 0},
    {"\"from\":600,\"until\":600,\"credit\":0", 600, 600, 1},
};

static void where_it_begins_and_ends(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 1);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    publish_many(c, &id, 0, COUNT, 333);
    for (int again = 0; again < 2; again++) {
        (void)client_refused(c, "invalid", "from",
                             "{\"method\":\"follow\",\"stream\":\"%s\",\"from\":72057594037927425}", id_text(&id).s);
        for (size_t i = 0; i < sizeof place_rows / sizeof place_rows[0]; i++) {
            const struct place_row *r = &place_rows[i];
            uint64_t f = follow(c, &id, r->members);
            struct got *g = client_answer(c, f);
            if (g->f.type == RN_FRAME_ERROR)
                print_error("%s: %s\n", r->members, (const char *)g->bytes);
            assert_true(got_u64(g, "from") == r->from && got_u64(g, "count") == COUNT && got_bool(g, "live") == 1);
            sim_run(&b.w, SIM_S);
            struct taken t = client_taken(c, f, r->from, r->from < COUNT);
            if (t.next != r->next || (t.end != NULL) != r->done)
                print_error("%s: next %llu\n", r->members, (unsigned long long)t.next);
            assert_true(t.next == r->next);
            assert_int_equal(t.end != NULL, r->done);
            if (r->done)
                assert_string_equal(t.end, "done");
            if (!r->done && !strstr(r->members, "credit"))
                assert_true(t.states == 1 && t.live == 1);
        }
        bed_restart(&b, bed_a(&b)); /* once more, with nothing in memory */
        c = client_new(&b, "a", 1);
    }
    bed_free(&b);
}

static void from_a_time(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 2);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    int64_t times[40];
    size_t n = 0;
    char text[80];
    for (uint64_t count = 0; count <= COUNT; count += count == 0 ? 256 : count == 256 ? 44 : 1200) {
        publish_many(c, &id, held(bed_a(&b), &id), count - held(bed_a(&b), &id), 256);
        n = 0;
        times[n++] = INT64_MIN;
        times[n++] = 0;
        for (uint64_t i = 0; i < count; i += i % 256 == 255 ? 1 : i % 256 == 0 ? 100 : 155 - i % 256 % 100) {
            times[n++] = many_time(i);
            times[n++] = many_time(i) + 1;
            if (n > 34)
                break;
        }
        times[n++] = many_time(count);
        times[n++] = many_time(count) + SIM_S;
        times[n++] = INT64_MAX;
        for (size_t i = 0; i < n; i++) {
            uint64_t want = seek(times[i], count);
            (void)snprintf(text, sizeof text, "\"from_time\":\"%lld\",\"credit\":60", (long long)times[i]);
            uint64_t f = follow(c, &id, text);
            struct got *g = client_answer(c, f);
            assert_int_equal(got_u64(g, "from"), want);
            (void)snprintf(text, sizeof text, "\"until_time\":\"%lld\",\"credit\":16777216", (long long)times[i]);
            f = follow(c, &id, text);
            sim_run(&b.w, SIM_S);
            struct taken t = client_taken(c, f, 0, 1);
            assert_int_equal(t.next, want);
            assert_int_equal(t.end != NULL, want < count); /* else there may be more before that time */
        }
        client_forget(c);
    }
    /* an end that has passed already, for who begins behind it */
    (void)snprintf(text, sizeof text, "\"now\":true,\"until_time\":\"%lld\"", (long long)many_time(5));
    uint64_t f = follow(c, &id, text);
    sim_run(&b.w, SIM_S);
    assert_string_equal(client_taken(c, f, COUNT, 0).end, "done");
    bed_free(&b);
}

/* An end that is still to come. */
static void until_that_comes_later(void **state) {
    struct bed b;
    char text[80];
    (void)state;
    bed_init(&b, 3);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    uint64_t by_seq = follow(c, &id, "\"until\":300");
    (void)snprintf(text, sizeof text, "\"until_time\":\"%lld\"", (long long)many_time(400));
    uint64_t by_time = follow(c, &id, text), with_heads = follow(c, &id, "\"until\":301,\"heads\":true");
    for (uint64_t i = 0; i < 500; i += 50) {
        publish_many(c, &id, i, 50, 7);
        sim_run(&b.w, 10 * SIM_MS);
    }
    struct taken t = client_taken(c, by_seq, 0, 1);
    assert_true(t.next == 300 && t.end);
    t = client_taken(c, by_time, 0, 1);
    assert_true(t.next == seek(many_time(400), 500) && t.end);
    t = client_taken(c, with_heads, 0, 1);
    assert_true(t.next == 301 && t.end && t.heads > 10);
    bed_free(&b);
}

/* ---- credit ---- */

static void credit_bounds_what_is_sent(void **state) {
    static const uint64_t credits[] = {1, 30, 100, 1000, 5000, 20000};
    struct bed b;
    char text[80];
    (void)state;
    bed_init(&b, 4);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    publish_many(c, &id, 0, COUNT, 333);
    for (size_t i = 0; i < sizeof credits / sizeof credits[0]; i++) {
        (void)snprintf(text, sizeof text, "\"credit\":%llu%s", (unsigned long long)credits[i],
                       i % 2 ? ",\"heads\":true" : "");
        uint64_t f = follow(c, &id, text), given = credits[i], rounds = 0;
        for (;; rounds++) {
            sim_run(&b.w, 100 * SIM_MS);
            struct taken t = client_taken(c, f, 0, 1);
            assert_true(t.bytes < given + 120); /* one observation over, at most */
            if (t.next == COUNT)
                break;
            assert_true(t.bytes + 120 >= given); /* and all of it is used */
            assert_int_equal(t.states, 0);
            sim_must(rn_frame_credit(&c->talk.out, f, credits[i] + 50), "a frame");
            sim_talk_flush(&c->talk);
            given += credits[i] + 50;
        }
        assert_true(rounds > 0);
        sim_run(&b.w, SIM_S);
        assert_int_equal(client_taken(c, f, 0, 1).states, 1);
        client_forget(c);
    }
    bed_free(&b);
}

static void without_credit_it_waits(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 5);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    publish_many(c, &id, 0, 600, 333);
    uint64_t f = follow(c, &id, "\"credit\":0,\"heads\":true"), other = follow(c, &id, "");
    sim_run(&b.w, 60 * SIM_S);
    assert_int_equal(client_taken(c, f, 0, 1).next, 0);
    assert_int_equal(client_taken(c, other, 0, 1).next, 600); /* the session does not wait */
    sim_must(rn_frame_credit(&c->talk.out, f, 0), "a frame");
    sim_must(rn_frame_credit(&c->talk.out, f, 1), "a frame");
    sim_talk_flush(&c->talk);
    sim_run(&b.w, SIM_S);
    assert_int_equal(client_taken(c, f, 0, 1).next, 1);
    for (int i = 0; i < 20; i++) /* more than 2^64 in all: it stays at the limit */
        sim_must(rn_frame_credit(&c->talk.out, f, UINT64_MAX), "a frame");
    sim_talk_flush(&c->talk);
    sim_run(&b.w, SIM_S);
    assert_int_equal(client_taken(c, f, 0, 1).next, 600);
    assert_int_equal(client_taken(c, f, 0, 1).head_count, 600);
    bed_free(&b);
}

/* ---- heads ---- */

/* A reader far behind a stream that grows all the time still hears of heads. */
static void heads_for_a_slow_reader(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 6);
    struct client *c = client_new(&b, "a", 1), *slow = client_new(&b, "a", 0);
    struct runnel_id id = make_stream(c, "s");
    publish_many(c, &id, 0, 2000, 333);
    uint64_t f = follow(slow, &id, "\"credit\":3000,\"heads\":true"), at = 2000;
    for (int i = 0; i < 300; i++, at += 20) {
        publish_many(c, &id, at, 20, 20);
        sim_must(rn_frame_credit(&slow->talk.out, f, 1000), "a frame");
        sim_talk_flush(&slow->talk);
        sim_run(&b.w, 5 * SIM_MS);
    }
    struct taken t = client_taken(slow, f, 0, 1);
    assert_true(t.next < at - 1000);
    assert_true(t.heads >= 1 && t.head_count >= 2000);
    sim_must(rn_frame_credit(&slow->talk.out, f, 16000000), "a frame");
    sim_talk_flush(&slow->talk);
    sim_run(&b.w, SIM_S);
    t = client_taken(slow, f, 0, 1);
    assert_true(t.next == at && t.head_count == at && t.live == 1);
    bed_free(&b);
}

/* ---- unfollow, ids, limits ---- */

static void nothing_after_unfollow(void **state) {
    struct bed b;
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct bed *p = &b;
        char text[80];
        bed_init(p, 50 + seed);
        struct client *c = client_new(p, "a", 1);
        struct runnel_id id = make_stream(c, "s");
        publish_many(c, &id, 0, COUNT, 500);
        bed_restart(p, bed_a(p)); /* so that blocks come from the disk */
        c = client_new(p, "a", 1);
        (void)snprintf(text, sizeof text, seed % 2 ? "\"from_time\":\"%lld\"" : "\"from\":300",
                       (long long)many_time(sim_below(&p->w.rand, COUNT)));
        uint64_t f = follow(c, &id, text);
        if (seed > 4)
            sim_run(&p->w, sim_between(&p->w.rand, 0, 4 * SIM_MS));
        uint64_t u = client_send(c, "{\"method\":\"unfollow\",\"follow\":%llu}", (unsigned long long)f);
        struct got *g = client_answer(c, u);
        assert_int_equal(g->f.type, RN_FRAME_ANSWER);
        (void)client_answer(c, f);
        publish_many(c, &id, COUNT, 20, 5);
        sim_run(&p->w, SIM_S);
        for (; g->link.next != &c->got; g = rn_list_of(g->link.next, struct got, link))
            assert_true(rn_list_of(g->link.next, struct got, link)->f.id != f);
        (void)client_ask(c, "{\"method\":\"unfollow\",\"follow\":%llu}", (unsigned long long)f); /* again: as well */
        assert_int_equal(got_u64(client_ask(c, "{\"method\":\"status\"}"), "follows"), 0);
        bed_free(p);
    }
}

static void say_follow(struct client *c, uint64_t id, const struct runnel_id *stream, const char *members) {
    sim_talk_say(&c->talk, RN_FRAME_REQUEST, id, "{\"method\":\"follow\",\"stream\":\"%s\"%s}", id_text(stream).s,
                 members);
}

static int errors_of(struct client *c, uint64_t id) {
    int n = 0;
    for (struct got *g = NULL; (g = client_find(c, g, RN_FRAME_ERROR, id));) {
        got_is_error(g, "invalid", "in use");
        n++;
    }
    return n;
}

/* An id names one follow: a second is refused, also while the first is still looking for its place. */
static void an_id_in_use(void **state) {
    static const char *const kinds[] = {"", ",\"from_time\":\"0\""};
    struct bed b;
    (void)state;
    bed_init(&b, 7);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    publish_many(c, &id, 0, 600, 600);
    for (int k = 0; k < 4; k++) {
        uint64_t f = 1000 + (uint64_t)k;
        say_follow(c, f, &id, kinds[k % 2]);
        sim_run(&b.w, SIM_S); /* it is answered: else the id is an unanswered request's, and the session ends */
        say_follow(c, f, &id, kinds[k / 2]);
        sim_run(&b.w, SIM_S);
        assert_int_equal(errors_of(c, f), 1);
        assert_int_equal(client_taken(c, f, 0, 1).next, 600);
        say_follow(c, f, &id, "");
        sim_run(&b.w, SIM_S);
        assert_int_equal(errors_of(c, f), 2);
    }
    assert_int_equal(got_u64(client_ask(c, "{\"method\":\"status\"}"), "follows"), 4);
    client_close(c);
    sim_run(&b.w, SIM_S);
    c = client_new(&b, "a", 1);
    assert_int_equal(got_u64(client_ask(c, "{\"method\":\"status\"}"), "follows"), 0);
    bed_free(&b);
}

static void the_limit_of_follows(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 8);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    publish_many(c, &id, 0, 300, 300);
    for (int i = 0; i < RN_MAX_FOLLOWS; i++)
        (void)follow(c, &id, i % 2 ? "\"from_time\":\"0\",\"credit\":0" : "\"credit\":0");
    uint64_t over = follow(c, &id, ""), over_time = follow(c, &id, "\"from_time\":\"0\"");
    got_is_error(client_answer(c, over), "too-big", "FOLLOWS");
    got_is_error(client_answer(c, over_time), "too-big", "FOLLOWS");
    (void)client_ask(c, "{\"method\":\"unfollow\",\"follow\":%llu}", (unsigned long long)over - 1);
    over = follow(c, &id, "\"until\":300");
    sim_run(&b.w, SIM_S);
    assert_int_equal(client_taken(c, over, 0, 1).next, 300);
    bed_free(&b);
}

/* ---- no seam ---- */

/* Follows opened at any moment while others publish, from the start, from within, from a time and from now, with
 * heads and without: no gap, nothing twice, nothing out of order. */
static void no_seam(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct bed b;
        uint64_t f[40], from[40], n = 0, at = 0;
        bed_init(&b, 300 + seed);
        struct sim_rand *r = &b.w.rand;
        struct client *c = client_new(&b, "a", 1), *reader = client_new(&b, "a", 0);
        struct runnel_id id = make_stream(c, "s");
        bed_a(&b)->disk.faults = (struct sim_disk_faults){.delay = 500 * SIM_US, .jitter = 3 * SIM_MS};
        while (at < 3000 || n < 40) {
            uint64_t k = 1 + sim_below(r, 90);
            struct ob v[90];
            char text[90][256], members[80] = "\"credit\":16777216";
            for (uint64_t i = 0; i < k; i++) {
                (void)many_value(at + i, text[i]);
                v[i] = (struct ob){many_time(at + i), text[i]};
            }
            (void)publish(c, &id, RN_PUBLISH_SEQ, at, v, (size_t)k);
            at += k;
            sim_run(&b.w, sim_between(r, 0, 4 * SIM_MS));
            if (n == 40 || !sim_chance(r, 700))
                continue;
            size_t len = strlen(members), room = sizeof members - len;
            switch (sim_below(r, 4)) {
            case 0:
                (void)snprintf(members + len, room, ",\"from\":%llu", (unsigned long long)sim_below(r, at));
                break;
            case 1:
                (void)snprintf(members + len, room, ",\"from_time\":\"%lld\"", (long long)many_time(sim_below(r, at)));
                break;
            case 2:
                (void)snprintf(members + len, room, ",\"now\":true");
                break;
            default:
                break;
            }
            len = strlen(members);
            if (sim_chance(r, 500))
                (void)snprintf(members + len, sizeof members - len, ",\"heads\":true");
            f[n++] = follow(reader, &id, members);
        }
        sim_run(&b.w, 2 * SIM_S);
        for (uint64_t i = 0; i < n; i++) {
            from[i] = got_u64(client_answer(reader, f[i]), "from");
            struct taken t = client_taken(reader, f[i], from[i], 1);
            assert_int_equal(t.next, at);
            assert_int_equal(t.live, 1);
        }
        bed_free(&b);
    }
}

/* ---- live ---- */

/* A reader at a subscriber hears when its node loses the publisher, and when it has it again. */
static void live_as_the_upstream_is(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 9);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    publish_many(c, &id, 0, 300, 300);
    struct sim_node *n = bed_node(&b, 1, "a");
    struct client *at_b = client_new(&b, "b", 1);
    (void)client_ask(at_b, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&id).s);
    sim_run(&b.w, 5 * SIM_S);
    assert_int_equal(held(n, &id), 300);
    uint64_t f = follow(at_b, &id, "\"heads\":true");
    sim_run(&b.w, SIM_S);
    struct taken t = client_taken(at_b, f, 0, 1);
    assert_true(t.next == 300 && t.states == 1 && t.live == 1 && t.head_count == 300);
    sim_node_crash(bed_a(&b), SIM_KILLED);
    sim_run(&b.w, SIM_S);
    t = client_taken(at_b, f, 0, 1);
    assert_true(t.states == 2 && t.live == 0 && !t.end);
    assert_int_equal(got_bool(client_ask(at_b, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(&id).s), "live"), 0);
    sim_node_start(bed_a(&b));
    assert_int_equal(sim_node_wait(bed_a(&b), SIM_UP, 10 * SIM_S), 1);
    sim_run(&b.w, 60 * SIM_S);
    t = client_taken(at_b, f, 0, 1);
    assert_true(t.states == 3 && t.live == 1);
    c = client_new(&b, "a", 1);
    publish_many(c, &id, 300, 100, 10);
    sim_run(&b.w, SIM_S);
    t = client_taken(at_b, f, 0, 1);
    assert_true(t.next == 400 && t.head_count == 400 && t.states == 3);
    /* silence: the power of the publisher fails, and no word comes */
    int64_t gone = b.w.now;
    sim_node_crash(bed_a(&b), SIM_POWER);
    (void)client_next(at_b, t.state, RN_FRAME_STATE, f);
    assert_in_range(b.w.now - gone, 2 * SIM_S, 3 * SIM_S + 50 * SIM_MS);
    assert_int_equal(client_taken(at_b, f, 0, 1).live, 0);
    bed_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_it_begins_and_ends), cmocka_unit_test(from_a_time),
        cmocka_unit_test(until_that_comes_later),   cmocka_unit_test(credit_bounds_what_is_sent),
        cmocka_unit_test(without_credit_it_waits),  cmocka_unit_test(heads_for_a_slow_reader),
        cmocka_unit_test(nothing_after_unfollow),   cmocka_unit_test(an_id_in_use),
        cmocka_unit_test(the_limit_of_follows),     cmocka_unit_test(no_seam),
        cmocka_unit_test(live_as_the_upstream_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
