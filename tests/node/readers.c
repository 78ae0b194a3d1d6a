/* SPDX-License-Identifier: MIT
 * readers.c — tests of many readers at one node, such as do not read among them: what they cost, whom they delay.
 * May touch: standard output.
 */
#include "node/sessionstate.h"
#include "tests/node/bed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CREDIT "\"credit\":16777216"
#define MANY 1000u
#define WINDOW ((size_t)4096) /* bytes that a link of theirs takes without being read */

static uint64_t follow(struct client *c, const struct runnel_id *id) {
    return client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\"," CREDIT "}", id_text(id).s);
}

/* The newest session of the node. */
static struct rn_session *last_session(struct bed *b) {
    return rn_list_of(bed_a(b)->node->sessions.prev, struct rn_session, link);
}

/* A reader whose link takes little, and who stops reading once its follow is open. */
static struct client *deaf_reader(struct bed *b, const struct runnel_id *id, uint64_t *f) {
    struct client *c = client_new(b, "a", 1);
    c->host.weather.window = WINDOW;
    *f = follow(c, id);
    (void)client_answer(c, *f);
    c->talk.deaf = 1;
    return c;
}

static void reconfigure(struct bed *b, const char *node) {
    char text[256];
    sim_node_stop(bed_a(b));
    assert_int_equal(sim_node_wait(bed_a(b), SIM_DOWN, 10 * SIM_S), 1);
    (void)snprintf(text, sizeof text,
                   "{\"node\":{\"data\":\"/sim\"%s},\"storage\":{\"main\":{\"plugin\":\"simdisk\"}},"
                   "\"transport\":{\"net\":{\"plugin\":\"sim\"}}}",
                   node);
    sim_node_config(bed_a(b), text);
    sim_node_start(bed_a(b));
    assert_int_equal(sim_node_wait(bed_a(b), SIM_UP, 10 * SIM_S), 1);
}

/* ---- what they cost ---- */

/* A thousand that do not read, behind a flood: what waits for them is kept once, not a thousand times; each waits for
 * no more than is configured. Those that read again get all of it, from the disk. */
static void what_waits_is_kept_once(void **state) {
    static const struct {
        const char *node;
        size_t most;
    } rows[] = {{"", 262144}, {",\"unsent\":\"128KiB\"", 131072}};
    (void)state;
    for (size_t row = 0; row < 2; row++) {
        struct bed b;
        uint64_t f[MANY], count = 20000;
        struct client *deaf[MANY];
        bed_init(&b, 20 + row);
        reconfigure(&b, rows[row].node);
        struct rn_node *n = bed_a(&b)->node;
        struct client *c = client_new(&b, "a", 1), *quick = client_new(&b, "a", 1);
        struct runnel_id id = make_stream(c, "s");
        uint64_t q = follow(quick, &id);
        publish_many(c, &id, 0, count / 2, 500);
        sim_run(&b.w, SIM_S); /* the blocks are at hand now: a reader is offered as much as it may have */
        for (size_t i = 0; i < MANY; i++)
            deaf[i] = deaf_reader(&b, &id, &f[i]);
        size_t all = 0, widest = 0;
        for (uint64_t at = count / 2; at < count; at += 500) {
            publish_many(c, &id, at, 500, 500);
            assert_true(n->shares.bytes < 2 * rows[row].most + 65536u * RN_SHARED_RUNS);
        }
        sim_run(&b.w, SIM_S);
        rn_list_for (it, &n->sessions) {
            const struct rn_session *s = rn_list_of(it, struct rn_session, link);
            assert_true(rn_session_unsent(s) <= rows[row].most);
            assert_true(s->bulk.cap * sizeof *s->bulk.v < 8192 && s->in.cap == 0 && s->out.cap == 0);
            widest = rn_session_unsent(s) > widest ? rn_session_unsent(s) : widest;
            all += rn_session_unsent(s);
        }
        assert_true(widest > rows[row].most / 4); /* they were offered enough */
        assert_true(all > MANY * (rows[row].most / 4) && n->shares.bytes < all / 100);
        assert_int_equal(client_taken(quick, q, 0, 1).next, count);
        for (size_t i = 0; i < MANY; i += 400) {
            deaf[i]->host.weather.window = 262144;
            sim_talk_hear(&deaf[i]->talk);
            sim_run(&b.w, 20 * SIM_S);
            assert_int_equal(client_taken(deaf[i], f[i], 0, 1).next, count);
        }
        bed_free(&b);
        assert_int_equal(sizeof f / sizeof f[0], MANY);
    }
}

/* What was shared is given back: the frames go to some readers sooner than to others, and some go away in between. */
static void what_is_shared_is_given_back(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct bed b;
        uint64_t f[40];
        struct client *c[40], *p;
        bed_init(&b, 100 + seed);
        p = client_new(&b, "a", 1);
        struct runnel_id id = make_stream(p, "s");
        for (size_t i = 0; i < 40; i++) {
            c[i] = client_new(&b, "a", i % 2);
            c[i]->host.weather.window = (size_t)sim_between(&b.w.rand, 100, 100000);
            c[i]->host.weather.chop = 500;
            f[i] = follow(c[i], &id);
        }
        for (uint64_t at = 0; at < 3000; at += 300) {
            publish_many(p, &id, at, 300, (unsigned)sim_between(&b.w.rand, 1, 300));
            size_t i = sim_below(&b.w.rand, 40);
            if (i % 4 == 3)
                client_close(c[i]);
            else if (i % 4 == 2)
                (void)client_send(c[i], "{\"method\":\"unfollow\",\"follow\":%llu}", (unsigned long long)f[i]);
        }
        sim_run(&b.w, 60 * SIM_S);
        for (size_t i = 0; i < 40; i++)
            if (i % 4 < 2)
                assert_int_equal(client_taken(c[i], f[i], 0, 1).next, 3000);
        const struct rn_shares *all = &bed_a(&b)->node->shares;
        assert_true(all->n <= RN_SHARED_RUNS);
        rn_shares_clear(&bed_a(&b)->node->shares);
        assert_int_equal(all->n, 0);
        assert_int_equal(all->bytes, 0);
        bed_free(&b);
    }
}

/* ---- whom they delay ---- */

/* When each of the quick readers had each frame, in ns since the first publish, into `at`. Returns how many. */
static size_t arrivals(int with_deaf, int64_t *at, size_t most) {
    struct bed b;
    struct client *quick[5], *deaf;
    uint64_t f[5], d;
    size_t n = 0;
    bed_init(&b, 300);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    deaf = deaf_reader(&b, &id, &d);
    deaf->talk.deaf = with_deaf;
    struct rn_session *s = last_session(&b);
    for (size_t i = 0; i < 5; i++) {
        quick[i] = client_new(&b, "a", 1);
        f[i] = follow(quick[i], &id);
        (void)client_answer(quick[i], f[i]);
    }
    int64_t from = b.w.now;
    publish_many(c, &id, 0, 3000, 100);
    if (with_deaf) { /* from here on a change of the stream does not even look at it */
        const struct rn_follow *stuck = rn_session_follow(s, d);
        assert_true(s->writable == 0 && rn_session_unsent(s) > 0);
        assert_true(!rn_list_linked(&stuck->end_link) && rn_list_linked(&stuck->busy_link));
    }
    publish_many(c, &id, 3000, 3000, 100);
    sim_run(&b.w, SIM_S);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(client_taken(quick[i], f[i], 0, 1).next, 6000);
        for (struct got *g = NULL; (g = client_find(quick[i], g, RN_FRAME_DATA, f[i])) && n < most;)
            at[n++] = g->at - from;
    }
    assert_int_equal(client_taken(deaf, d, 0, 1).next < 3000, with_deaf);
    bed_free(&b);
    return n;
}

/* To the ns: all others hear as soon as without it. */
static void one_that_never_reads_delays_nobody(void **state) {
    enum { MOST = 2000 };
    int64_t *with = calloc(MOST, sizeof *with), *without = calloc(MOST, sizeof *without);
    (void)state;
    assert_true(with && without);
    size_t n = arrivals(1, with, MOST), m = arrivals(0, without, MOST);
    assert_true(n > 200);
    assert_int_equal(n, m);
    assert_memory_equal(with, without, n * sizeof *with);
    free(with);
    free(without);
}

/* ---- control ---- */

/* On a link that bulk saturates an answer waits for one frame, and for what the link has taken already. */
static void control_is_prompt(void **state) {
    enum { SPEED = 65536, TAKEN = 16384 };
    struct bed b;
    int64_t longest = 0;
    (void)state;
    bed_init(&b, 400);
    struct client *c = client_new(&b, "a", 1), *slow = client_new(&b, "a", 0);
    struct runnel_id id = make_stream(c, "s");
    uint64_t q = follow(c, &id);
    publish_many(c, &id, 0, 30000, 500);
    assert_true(client_taken(c, q, 0, 1).next > 29000); /* the blocks are at hand now */
    slow->host.weather.bytes_per_s = SPEED;
    slow->host.weather.window = TAKEN;
    uint64_t f = follow(slow, &id);
    (void)client_answer(slow, f);
    struct rn_session *s = last_session(&b);
    for (int i = 0; i < 10; i++) {
        sim_run(&b.w, SIM_S);
        assert_true(rn_session_unsent(s) > 100000); /* it is saturated */
        int64_t asked = b.w.now;
        struct got *g = client_ask(slow, "{\"method\":\"ping\"}");
        longest = g->at - asked > longest ? g->at - asked : longest;
    }
    /* One frame of this history is at most 256 * 100 bytes. */
    assert_in_range(longest, 1, (int64_t)(TAKEN + 25600 + 100) * SIM_S / SPEED + 3 * slow->host.weather.delay);
    slow->host.weather.bytes_per_s = 100000000;
    sim_run(&b.w, 60 * SIM_S);
    assert_int_equal(client_taken(slow, f, 0, 1).next, 30000);
    bed_free(&b);
}

/* Behind the answer to unfollow no frame of the follow comes, also when it had ended by itself and much was waiting. */
static void unfollow_takes_back_what_waits(void **state) {
    static const char *const kinds[] = {"", ",\"until\":2000"};
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct bed b;
        bed_init(&b, 500 + k);
        struct client *c = client_new(&b, "a", 1), *slow = client_new(&b, "a", 1);
        struct runnel_id id = make_stream(c, "s");
        uint64_t q = follow(c, &id);
        publish_many(c, &id, 0, 4000, 500);
        sim_run(&b.w, SIM_S); /* the blocks are at hand now */
        assert_int_equal(client_taken(c, q, 0, 1).next, 4000);
        slow->host.weather.bytes_per_s = 65536;
        slow->host.weather.window = 16384;
        uint64_t f =
            client_send(slow, "{\"method\":\"follow\",\"stream\":\"%s\"," CREDIT "%s}", id_text(&id).s, kinds[k]);
        sim_run(&b.w, SIM_S / 2);
        assert_true(rn_session_unsent(last_session(&b)) > 20000);
        assert_int_equal(rn_session_follow(last_session(&b), f) == NULL, k == 1);
        struct got *g = client_ask(slow, "{\"method\":\"unfollow\",\"follow\":%llu}", (unsigned long long)f);
        uint64_t had = client_taken(slow, f, 0, 1).next;
        assert_in_range(had, 256, 1999);
        sim_run(&b.w, 10 * SIM_S);
        assert_true(g->link.next == &slow->got);
        assert_int_equal(rn_session_unsent(last_session(&b)), 0);
        uint64_t again = follow(slow, &id);
        slow->host.weather.bytes_per_s = 100000000;
        sim_run(&b.w, 10 * SIM_S);
        assert_int_equal(client_taken(slow, again, 0, 1).next, 4000);
        bed_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_is_kept_once),
        cmocka_unit_test(what_is_shared_is_given_back),
        cmocka_unit_test(one_that_never_reads_delays_nobody),
        cmocka_unit_test(control_is_prompt),
        cmocka_unit_test(unfollow_takes_back_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
