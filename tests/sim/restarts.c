/* SPDX-License-Identifier: MIT
 * restarts.c — either side stopped and started again three times while data flows: nothing lost, nothing doubled.
 * May touch: standard output.
 */
#include "tests/sim/town.h"
#include "tests/unit/check.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum ending { STOPPED, KILLED, UNPLUGGED };

struct plan {
    const char *name;
    size_t who; /* 0: the publisher */
    enum ending ending;
};

static const struct plan plans[] = {
    {"the publisher is stopped", 0, STOPPED},    {"the publisher is killed", 0, KILLED},
    {"the publisher loses power", 0, UNPLUGGED}, {"a subscriber is stopped", 3, STOPPED},
    {"a subscriber is killed", 3, KILLED},       {"a subscriber loses power", 3, UNPLUGGED},
};

static int some_live(void *arg) {
    struct town *t = arg;
    return t->publisher.n_acked > 0 && t->nodes[3].reader->next > 0;
}

static void end_and_start(struct town *t, const struct plan *p) {
    struct sim_node *n = t->nodes[p->who].node;
    uint64_t before = t->publisher.n_acked;
    if (p->ending == STOPPED)
        sim_node_stop(n);
    else
        sim_node_crash(n, p->ending == KILLED ? SIM_KILLED : SIM_POWER);
    (void)sim_node_wait(n, SIM_DOWN, 15 * SIM_S);
    sim_run(&t->world, 700 * SIM_MS);
    if (p->who != 0 && t->publisher.n_acked == before)
        sim_fail(&t->world, "publishing stood still because a subscriber is down");
    sim_node_start(n);
    (void)sim_node_wait(n, SIM_UP, 5 * SIM_S);
    sim_run(&t->world, 1500 * SIM_MS);
}

static void goes_on(void **state) {
    const struct plan *p = *state;
    const uint64_t goal = p->ending == STOPPED ? 4800 : 2400; /* a stop waits for readers that dawdle */
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct town *t = sim_alloc(sizeof *t);
        town_init(t, seed, 4, SIM_WITH_SEQ);
        t->publisher.goal = goal;
        t->publisher.every = 10 * SIM_MS;
        t->publisher.most = 3;
        town_start(t);
        if (!sim_run_until(&t->world, some_live, t, 20 * SIM_S))
            sim_fail(&t->world, "nothing flows");
        for (int i = 0; i < 3; i++)
            end_and_start(t, p);
        if (t->publisher.made == t->publisher.goal)
            sim_fail(&t->world, "all was published before the last restart: the test says nothing");
        int ok = town_finish(t, 60 * SIM_S);
        if (!ok)
            town_report(t, "tests/sim/restarts");
        assert_int_equal(ok, 1);
        assert_true(sim_check_durable(&t->check) == goal);
        assert_true(t->nodes[3].reader->p.n_opened >= (p->who == 3 ? 4 : 1));
        town_free(t);
        free(t);
    }
}

static int all_published(void *arg) {
    struct town *t = arg;
    return sim_publisher_done(&t->publisher);
}

/* A history that takes a slow link half a minute: who sends it hears no pong through it, and must not take
 * that for silence. */
static void a_slow_link_is_not_silence(void **state) {
    struct town *t = sim_alloc(sizeof *t);
    (void)state;
    town_init(t, 1, 2, SIM_WITH_SEQ);
    t->publisher.goal = 4000;
    t->publisher.every = 5 * SIM_MS;
    t->nodes[1].node->host.weather = (struct sim_weather){
        .delay = 20 * SIM_MS, .bytes_per_s = 10000, .window = 131072}; /* 13 s until what is sent arrives */
    town_start(t);
    t->nodes[1].node->host.isolated = 1;
    if (!sim_run_until(&t->world, all_published, t, 120 * SIM_S))
        sim_fail(&t->world, "not all was published");
    t->nodes[1].node->host.isolated = 0;
    int ok = town_finish(t, 120 * SIM_S);
    if (sim_node_said(t->nodes[0].node, (const char *const[]){"not a byte", NULL}))
        sim_fail(&t->world, "the publisher took a slow link for a silent one");
    if (!ok || sim_failed(&t->world))
        town_report(t, "tests/sim/restarts");
    assert_string_equal(t->world.failure, "");
    town_free(t);
    free(t);
}

int main(void) {
    enum { N = sizeof plans / sizeof plans[0] };
    struct plan copies[N];
    struct CMUnitTest tests[N + 1];
    for (size_t i = 0; i < N; i++) {
        copies[i] = plans[i];
        tests[i] = (struct CMUnitTest){.name = plans[i].name, .test_func = goes_on, .initial_state = &copies[i]};
    }
    tests[N] = (struct CMUnitTest)cmocka_unit_test(a_slow_link_is_not_silence);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
