/* SPDX-License-Identifier: MIT
 * providers.c — providers that stall, go, send without bound, or show a fork: what a subscriber keeps and does then.
 * May touch: standard output.
 *
 * A subscriber knows two candidates: "first", which does something in each test, and "second", which is down until
 * a test needs all to come.
 */
#include "tests/sim/subscriber.h"
#include "tests/unit/check.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SMALL 10u  /* bytes of a value */
#define BIG 2900u  /* so that a run of 20 nearly fills a frame */
#define MANY 7000u /* of the big ones are more than the limit UNVERIFIED */

_Static_assert((uint64_t)BIG *MANY > RN_MAX_UNVERIFIED + 2 * 262144, "too few to reach the limit");

struct scene {
    struct sim_world world;
    struct sim_author *author, *forked;
    struct sim_peer first, second;
    struct subscriber sub;
    uint64_t all;
};

static struct sim_author *author(struct scene *s, size_t bytes, uint64_t other) {
    struct sim_author *a = sim_author_new(&s->world, "author", "s");
    char value[BIG + 1];
    for (uint64_t i = 0; i < s->all; i++) {
        memset(value, 'x', bytes);
        value[bytes] = 0;
        value[0] = value[bytes - 1] = '"';
        if (i == other)
            value[1] = 'y';
        sim_author_add(a, SIM_WALL + (int64_t)i * SIM_MS, value, SIM_PROPER);
    }
    return a;
}

static void scene_init(struct scene *s, uint64_t all, size_t bytes) {
    memset(s, 0, sizeof *s);
    sim_world_init(&s->world, 1);
    s->all = all;
    s->author = author(s, bytes, UINT64_MAX);
    s->forked = author(s, bytes, 7);
    sim_peer_init(&s->first, &s->world, "first", s->author, SIM_HONEST);
    sim_peer_init(&s->second, &s->world, "second", s->author, SIM_HONEST);
    sim_peer_listen(&s->first, 1);
    subscriber_start(&s->sub, &s->world, &s->first, &s->second, s->author);
}

static void scene_end(struct scene *s) {
    int failed = subscriber_end(&s->sub, "providers");
    sim_author_free(s->author);
    sim_author_free(s->forked);
    sim_world_free(&s->world);
    assert_int_equal(failed, 0);
}

static uint64_t held(const struct scene *s) {
    struct rn_holding h;
    if (!s->sub.node->node || rn_node_holding(s->sub.node->node, &s->author->descriptor->id, &h) != 0)
        return 0;
    return h.count;
}

static void must_hold(struct scene *s, uint64_t count) {
    if (held(s) != count)
        sim_fail(&s->world, "the subscriber holds %" PRIu64 " observations, want %" PRIu64, held(s), count);
}

static void must_say(struct scene *s, const char *says, int yes) {
    const char *const words[] = {says, NULL};
    if ((sim_node_said(s->sub.node, words) != 0) != yes)
        sim_fail(&s->world, "the log %s \"%s\"", yes ? "does not say" : "says", says);
}

/* Runs until the provider has been let go so often. */
static void must_lose_first(struct scene *s, uint64_t times, int64_t ns) {
    int64_t end = s->world.now + ns;
    while (s->first.n_lost < times && s->world.now < end && !sim_failed(&s->world))
        sim_run(&s->world, 10 * SIM_MS);
    if (s->first.n_lost != times)
        sim_fail(&s->world, "the provider was let go %" PRIu64 " times, want %" PRIu64, s->first.n_lost, times);
}

static int holds_all(void *arg) {
    const struct scene *s = arg;
    struct rn_holding h;
    if (rn_node_holding(s->sub.node->node, &s->author->descriptor->id, &h) != 0 || h.count != s->all ||
        h.head_count != s->all || !h.live)
        return 0;
    struct rn_hash want = sim_author_root(s->author, s->all); /* hashes all: only at the end */
    return rn_hash_equal(&h.root, &want);
}

static void must_recover(struct scene *s) {
    sim_peer_listen(&s->second, 1);
    if (!sim_run_until(&s->world, holds_all, s, 60 * SIM_S))
        sim_fail(&s->world, "all did not come from the second provider");
}

/* A provider answers pings and gives nothing more of the history: it is let go after 15 s, and what was whole of it
 * is kept. */
static void stalls_in_the_history(void **state) {
    struct scene s;
    (void)state;
    scene_init(&s, 700, SMALL);
    s.first.lie = SIM_STALLS;
    s.first.from = 300;
    sim_run(&s.world, 14 * SIM_S);
    if (s.first.n_lies == 0 || s.first.n_lost != 0)
        sim_fail(&s.world, "it did not stall, or was let go too early");
    must_lose_first(&s, 1, 3 * SIM_S);
    sim_peer_listen(&s.first, 0);
    sim_run(&s.world, SIM_S);
    must_say(&s, "nothing of what was asked for has come for 15 s", 1);
    must_hold(&s, 256);
    must_recover(&s);
    scene_end(&s);
}

/* Who says that he serves and never gives a thing is asked ever more seldom. */
static void stalls_again_and_again(void **state) {
    struct scene s;
    (void)state;
    scene_init(&s, 1000, SMALL);
    s.first.lie = SIM_STALLS;
    sim_run(&s.world, 600 * SIM_S);
    if (s.first.n_follows < 5 || s.first.n_follows > 25) /* 38 when each time counts as the first */
        sim_fail(&s.world, "it was asked %" PRIu64 " times", s.first.n_follows);
    must_recover(&s);
    scene_end(&s);
}

/* A provider that is slow, and gives something within each 15 s, is kept. */
static void slow_is_not_stalled(void **state) {
    struct scene s;
    (void)state;
    scene_init(&s, 700, SMALL);
    s.first.lie = SIM_STALLS;
    for (uint64_t from = 100; from <= 700; from += 100) {
        s.first.from = from;
        sim_peer_serve(&s.first, 700);
        sim_run(&s.world, 12 * SIM_S);
        if (s.first.n_lost != 0)
            sim_fail(&s.world, "it was let go at %" PRIu64, from);
    }
    s.first.lie = SIM_HONEST;
    sim_peer_serve(&s.first, 700);
    sim_run(&s.world, SIM_S);
    must_hold(&s, 700);
    scene_end(&s);
}

/* The link breaks in the middle of the history: blocks that were checked are kept, the next provider gives the rest. */
static void goes_in_the_history(void **state) {
    struct scene s;
    (void)state;
    scene_init(&s, 700, SMALL);
    s.first.lie = SIM_STALLS;
    s.first.from = 600;
    sim_run(&s.world, 5 * SIM_S);
    must_hold(&s, 0); /* less than a commit has come */
    sim_peer_end(&s.first);
    sim_run(&s.world, 2 * SIM_S);
    must_hold(&s, 512);
    must_recover(&s);
    if (s.second.first_from != 512)
        sim_fail(&s.world, "the rest was asked for from %" PRIu64 " on", s.second.first_from);
    scene_end(&s);
}

/* Begins with ten observations live; from then on the disk takes a minute for each commit. */
static void live_with_a_slow_disk(struct scene *s) {
    scene_init(s, MANY, BIG);
    sim_peer_serve(&s->first, 10);
    sim_run(&s->world, 2 * SIM_S);
    must_hold(s, 10);
    s->sub.node->disk.faults.delay = 60 * SIM_S;
}

/* Whether the limit is what ended the session, and nothing but the ten was kept. */
static void must_be_too_much(struct scene *s, uint64_t lost, const char *says) {
    must_lose_first(s, lost, 10 * SIM_S);
    sim_peer_listen(&s->first, 0);
    must_say(s, says, 1);
    must_hold(s, 10);
    s->sub.node->disk.faults.delay = SIM_MS;
    sim_run(&s->world, 100 * SIM_S);
    must_recover(s);
    scene_end(s);
}

/* History comes faster than the disk takes it, from a provider that knows no credit. */
static void too_much_history(void **state) {
    struct scene s;
    (void)state;
    live_with_a_slow_disk(&s);
    s.first.lie = SIM_NO_CREDIT;
    sim_peer_serve(&s.first, 10); /* not live any more when it comes back */
    sim_talk_close(&s.first.talk);
    s.first.n_lost = 0;
    s.first.count = MANY;
    must_be_too_much(&s, 1, "beyond the credit it had (limit UNVERIFIED)");
}

/* The same of the live tail. */
static void too_much_tail(void **state) {
    struct scene s;
    (void)state;
    live_with_a_slow_disk(&s);
    s.first.lie = SIM_NO_CREDIT;
    sim_peer_serve(&s.first, 11); /* on its way to the disk, for long */
    sim_run(&s.world, SIM_S);
    sim_peer_serve(&s.first, MANY);
    must_be_too_much(&s, 1, "came without a head (limit UNVERIFIED)");
}

/* Who keeps to its credit is not let go, however slow our disk is. */
static void a_slow_disk_alone(void **state) {
    struct scene s;
    (void)state;
    live_with_a_slow_disk(&s);
    s.sub.node->disk.faults.delay = 20 * SIM_S;
    sim_talk_close(&s.first.talk);
    s.first.n_lost = 0;
    s.first.count = MANY;
    if (!sim_run_until(&s.world, holds_all, &s, 2000 * SIM_S))
        sim_fail(&s.world, "all did not come");
    if (s.first.n_lost != 0)
        sim_fail(&s.world, "it was let go");
    scene_end(&s);
}

/* Two heads of one count: the author's doing. Who shows the other one is told no reproach and is asked again soon. */
static void a_fork_blames_nobody(void **state) {
    struct scene s;
    (void)state;
    scene_init(&s, 300, SMALL);
    sim_run(&s.world, 2 * SIM_S);
    must_hold(&s, 300);
    sim_talk_close(&s.first.talk);
    s.first.author = s.forked;
    s.first.n_sessions = s.first.n_lost = 0;
    sim_run(&s.world, 20 * SIM_S);
    must_say(&s, "fork: the author has signed two heads with 300 observations", 1);
    must_say(&s, "fails verification", 0);
    must_hold(&s, 300);
    if (s.first.n_sessions < 3 || s.first.why[0] != 0)
        sim_fail(&s.world, "the one who relayed it was asked %" PRIu64 " times, and told \"%s\"", s.first.n_sessions,
                 s.first.why);
    must_recover(&s);
    scene_end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stalls_in_the_history), cmocka_unit_test(stalls_again_and_again),
        cmocka_unit_test(slow_is_not_stalled),   cmocka_unit_test(goes_in_the_history),
        cmocka_unit_test(too_much_history),      cmocka_unit_test(too_much_tail),
        cmocka_unit_test(a_slow_disk_alone),     cmocka_unit_test(a_fork_blames_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
