/* SPDX-License-Identifier: MIT
 * history.c — a history of several groups of leaves, fetched by a node that comes late, while more is published.
 * May touch: the simulated world.
 */
#include "sim/check.h"
#include "sim/program.h"
#include "sim/publisher.h"
#include "tests/unit/check.h"

#include "base/time.h"
#include <stdio.h>
#include <string.h>

#define GROUP_OBS (1024u * 256u) /* observations under one group of leaves */

struct pair {
    struct sim_world world;
    struct sim_check check;
    struct sim_node *pub, *sub;
    struct sim_publisher publisher;
    struct sim_ask subscribe;
};

static void configure(struct sim_node *n, const char *discovery) {
    struct rn_buf b = {.n = 0};
    rn_buf_fmt(&b,
               "{\"node\":{\"data\":\"/none\"},\"storage\":{\"main\":{\"plugin\":\"simdisk\"}},"
               "\"transport\":{\"net\":{\"plugin\":\"sim\"}}%s}",
               discovery);
    assert_non_null(rn_buf_cstr(&b));
    sim_node_config(n, rn_buf_cstr(&b));
    rn_buf_free(&b);
}

static void begin(struct pair *p, uint64_t goal) {
    memset(p, 0, sizeof *p);
    sim_world_init(&p->world, 7);
    sim_check_init(&p->check, &p->world);
    p->pub = sim_node_new(&p->world, "pub");
    p->sub = sim_node_new(&p->world, "sub");
    configure(p->pub, "");
    configure(p->sub, ",\"discovery\":{\"list\":{\"plugin\":\"static\",\"peers\":{\"*\":[\"sim://pub\"]}}}");
    sim_check_add(&p->check, p->pub, 1);
    sim_node_start(p->pub);
    assert_true(sim_node_wait(p->pub, SIM_UP, RN_NS_S));
    sim_publisher_init(&p->publisher, &p->check, "program", "pub",
                       "{\"source\":\"t\",\"stream\":\"long\",\"target\":\"\"}", SIM_WITH_SEQ);
    p->publisher.most = SIM_BATCH;
    p->publisher.every = RN_NS_MS;
    p->publisher.goal = goal;
    p->publisher.value_max = 4;
    sim_program_start(&p->publisher.p);
}

/* The subscriber starts and asks for the stream, whose id is known by now. */
static void subscribe(struct pair *p) {
    char id[RN_ID_TEXT], request[128];
    (void)snprintf(request, sizeof request, "{\"method\":\"subscribe\",\"stream\":\"%s\"}",
                   rn_id_format(&p->publisher.id, id));
    sim_check_add(&p->check, p->sub, 0);
    sim_node_start(p->sub);
    assert_true(sim_node_wait(p->sub, SIM_UP, RN_NS_S));
    sim_ask_init(&p->subscribe, &p->world, "ask", "sub", request);
    sim_program_start(&p->subscribe.p);
}

static void end(struct pair *p) {
    sim_program_end(&p->publisher.p);
    sim_program_end(&p->subscribe.p);
    sim_node_crash(p->sub, SIM_KILLED);
    sim_node_crash(p->pub, SIM_KILLED);
    sim_node_free(p->sub);
    sim_node_free(p->pub);
    sim_check_free(&p->check);
    sim_world_free(&p->world);
}

static int has_half_a_group(void *arg) {
    struct pair *p = arg;
    return p->publisher.n_acked >= GROUP_OBS / 2;
}

static int is_subscribed(void *arg) {
    return ((struct pair *)arg)->subscribe.answered == 1;
}

static int has_been_refused(void *arg) {
    return ((struct pair *)arg)->sub->disk.n_refused > 0;
}

/* A late subscriber takes two whole groups and a ragged rest, though more comes while it does. */
static void test_late(void **state) {
    struct pair p;
    (void)state;
    begin(&p, 2 * GROUP_OBS + 3000);
    assert_true(sim_run_until(&p.world, sim_publisher_done, &p.publisher, 3600 * RN_NS_S));
    p.publisher.goal += 2000;
    subscribe(&p);
    assert_true(sim_run_until(&p.world, sim_publisher_done, &p.publisher, 3600 * RN_NS_S));
    if (!sim_check_converged(&p.check, 60 * RN_NS_S))
        print_error("%s\n", p.world.failure);
    assert_false(sim_failed(&p.world));
    end(&p);
}

/* One that holds a part of a group goes on from there: it was away while the next group was made. */
static void test_away(void **state) {
    struct pair p;
    (void)state;
    begin(&p, GROUP_OBS + 100000);
    assert_true(sim_run_until(&p.world, has_half_a_group, &p, 3600 * RN_NS_S));
    subscribe(&p);
    sim_run(&p.world, 5 * RN_NS_S);
    sim_node_crash(p.sub, SIM_KILLED);
    assert_true(sim_run_until(&p.world, sim_publisher_done, &p.publisher, 3600 * RN_NS_S));
    sim_node_start(p.sub);
    if (!sim_check_converged(&p.check, 60 * RN_NS_S))
        print_error("%s\n", p.world.failure);
    assert_false(sim_failed(&p.world));
    end(&p);
}

/* A disk that is full when the stream's descriptor is to be kept, and has room later: the subscription goes on,
 * and all of it is there after a start anew. */
static void test_full(void **state) {
    struct pair p;
    (void)state;
    begin(&p, 3000);
    assert_true(sim_run_until(&p.world, sim_publisher_done, &p.publisher, 3600 * RN_NS_S));
    sim_node_crash(p.pub, SIM_KILLED);
    subscribe(&p);
    assert_true(sim_run_until(&p.world, is_subscribed, &p, 60 * RN_NS_S));
    p.sub->disk.faults.full = 1000;
    sim_node_start(p.pub);
    assert_true(sim_run_until(&p.world, has_been_refused, &p, 60 * RN_NS_S));
    sim_run(&p.world, 3 * RN_NS_S);
    p.sub->disk.faults.full = 0;
    if (!sim_check_converged(&p.check, 120 * RN_NS_S))
        print_error("%s\n", p.world.failure);
    sim_node_crash(p.sub, SIM_KILLED);
    sim_node_start(p.sub);
    if (!sim_check_converged(&p.check, 60 * RN_NS_S))
        print_error("%s\n", p.world.failure);
    assert_false(sim_failed(&p.world));
    end(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_late), cmocka_unit_test(test_away),
                                       cmocka_unit_test(test_full)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
