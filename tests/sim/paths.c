/* SPDX-License-Identifier: MIT
 * paths.c — subscribers that know one another and not the author: nobody is live by itself, all find the way back.
 * May touch: standard output.
 *
 * "a" and "b" know the author "pub" and one another; "a" knows "c" as well. When the author shuts them out, each has
 * nobody but the other to follow.
 */
#include "sim/check.h"
#include "sim/program.h"
#include "sim/publisher.h"
#include "tests/unit/check.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum who { PUB, A, B, C, N };

struct scene {
    struct sim_world world;
    struct sim_check check;
    struct sim_node *node[N];
    struct sim_ask ask[N];
    struct sim_publisher publisher;
    uint64_t n_live; /* how often a or b said that it is live, or not */
};

static void on_log(void *arg, const char *line) {
    struct scene *s = arg;
    s->n_live += strstr(line, ": live via") || strstr(line, ": not live");
}

static void configure(struct sim_node *n, const char *peers) {
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"node\":{\"data\":\"/sim\"},\"storage\":{\"main\":{\"plugin\":\"simdisk\"}},"
                   "\"transport\":{\"net\":{\"plugin\":\"sim\"}},\"sync\":{\"default\":{\"plugin\":\"incremental\"}},"
                   "\"discovery\":{\"known\":{\"plugin\":\"static\",\"peers\":{\"*\":[%s]}}}}",
                   peers);
    sim_node_config(n, text);
}

static void subscribe(struct scene *s, enum who i, const char *name, const char *node) {
    char request[256], key[2 * RN_KEY + 1];
    for (size_t k = 0; k < RN_KEY; k++)
        (void)snprintf(key + 2 * k, 3, "%02x", s->node[PUB]->pair.id.b[k]);
    (void)snprintf(request, sizeof request, "{\"method\":\"subscribe\",\"stream\":\"%s/sim/weather/t1\"}", key);
    sim_ask_init(&s->ask[i], &s->world, name, node, request);
    s->ask[i].retry = 300 * SIM_MS;
    sim_program_start(&s->ask[i].p);
}

static void scene_init(struct scene *s, uint64_t seed) {
    static const char *const names[N] = {"pub", "a", "b", "c"}, *const asks[N] = {"", "ask-a", "ask-b", "ask-c"};
    static const char *const peers[N] = {"", "\"sim://pub\",\"sim://b\",\"sim://c\"", "\"sim://pub\",\"sim://a\"",
                                         "\"sim://pub\""};
    memset(s, 0, sizeof *s);
    sim_world_init(&s->world, seed);
    sim_check_init(&s->check, &s->world);
    for (int i = 0; i < N; i++) {
        s->node[i] = sim_node_new(&s->world, names[i]);
        s->node[i]->host.weather.delay = sim_between(&s->world.rand, SIM_MS, 30 * SIM_MS);
        s->node[i]->host.weather.jitter = sim_between(&s->world.rand, 0, 60 * SIM_MS);
        configure(s->node[i], peers[i]);
        sim_check_add(&s->check, s->node[i], i == PUB);
        if (i != C)
            sim_node_start(s->node[i]);
        if (i != PUB)
            subscribe(s, (enum who)i, asks[i], names[i]);
    }
    s->node[A]->on_log = s->node[B]->on_log = on_log;
    s->node[A]->on_log_arg = s->node[B]->on_log_arg = s;
    sim_publisher_init(&s->publisher, &s->check, "program", "pub",
                       "{\"source\":\"sim\",\"stream\":\"weather\",\"target\":\"t1\"}", SIM_WITH_SEQ);
    s->publisher.goal = 300;
    s->publisher.every = 10 * SIM_MS;
    sim_program_start(&s->publisher.p);
}

static void scene_end(struct scene *s) {
    sim_program_end(&s->publisher.p);
    for (int i = A; i < N; i++)
        sim_program_end(&s->ask[i].p);
    for (int i = 0; i < N; i++)
        sim_node_crash(s->node[i], SIM_KILLED);
    for (int i = A; i < N; i++)
        sim_host_free(&s->ask[i].p.host);
    sim_host_free(&s->publisher.p.host);
    for (int i = 0; i < N; i++)
        sim_node_free(s->node[i]);
    sim_check_free(&s->check);
    if (sim_failed(&s->world))
        (void)printf("# seed %" PRIu64 ": %s\n", s->world.seed, s->world.failure);
    assert_string_equal(s->world.failure, "");
    sim_world_free(&s->world);
}

static int live(const struct scene *s, enum who i) {
    struct rn_holding h;
    return s->node[i]->node && rn_node_holding(s->node[i]->node, &s->check.id, &h) == 0 && h.live;
}

static int both_live(void *arg) {
    const struct scene *s = arg;
    return live(s, A) && live(s, B);
}

static void must_be_live(struct scene *s, int64_t ns) {
    if (!sim_run_until(&s->world, both_live, s, ns))
        sim_fail(&s->world, "a is %slive, b is %slive after %.1f s", live(s, A) ? "" : "not ", live(s, B) ? "" : "not ",
                 (double)ns / 1e9);
}

static int bars_ab(void *arg, const struct sim_host *from) {
    (void)arg;
    return strcmp(from->name, "a") == 0 || strcmp(from->name, "b") == 0;
}

/* The author refuses both from now on. */
static void shut_out(struct scene *s) {
    s->node[PUB]->host.bars = bars_ab;
    for (struct sim_link *l = NULL; (l = sim_link_next(&s->world, l)) != NULL;)
        if (!sim_link_host(l, 0)->program && !sim_link_host(l, 1)->program)
            sim_link_cut(l);
}

/* Two that follow one another, and then one of them hears of somebody who is live: both are, soon. Nothing is
 * published meanwhile, so nobody is ahead of anybody. */
static void finds_the_way_back(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct scene s;
        scene_init(&s, seed);
        must_be_live(&s, 20 * SIM_S);
        if (!sim_run_until(&s.world, sim_publisher_done, &s.publisher, 20 * SIM_S))
            sim_fail(&s.world, "not all was published");
        sim_run(&s.world, SIM_S);
        shut_out(&s);
        sim_run(&s.world, 20 * SIM_S);
        if (live(&s, A) || live(&s, B))
            sim_fail(&s.world, "a or b is live by itself");
        sim_node_start(s.node[C]);
        must_be_live(&s, 40 * SIM_S); /* a has c in a back-off of 15 s at most, and may look at others first */
        scene_end(&s);
    }
}

static int bars_b(void *arg, const struct sim_host *from) {
    (void)arg;
    return strcmp(from->name, "b") == 0;
}

/* What a says reaches b late; what a asks over a link of its own does not. */
static void mute_to_b(struct scene *s, int64_t ns) {
    for (struct sim_link *l = NULL; (l = sim_link_next(&s->world, l)) != NULL;)
        for (int side = 0; side < 2; side++)
            if (sim_link_host(l, side) == &s->node[B]->host && sim_link_host(l, !side) == &s->node[A]->host)
                sim_link_mute(l, side, ns);
}

/* b is live by a when the author goes for good. a turns to b, who has not heard of it yet and says that it is live:
 * that is by a itself. Without the path the two would tell one another yes and no for ever. */
static void nobody_is_live_by_itself(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct scene s;
        scene_init(&s, seed);
        s.node[PUB]->host.bars = bars_b;
        must_be_live(&s, 20 * SIM_S);
        sim_run(&s.world, SIM_S);
        mute_to_b(&s, 2500 * SIM_MS);
        sim_node_crash(s.node[PUB], SIM_KILLED);
        sim_run(&s.world, 10 * SIM_S);
        uint64_t before = s.n_live;
        sim_run(&s.world, 30 * SIM_S);
        if (live(&s, A) || live(&s, B) || s.n_live != before)
            sim_fail(&s.world, "a is %slive, b is %slive, and they have changed their minds %" PRIu64 " times",
                     live(&s, A) ? "" : "not ", live(&s, B) ? "" : "not ", s.n_live - before);
        scene_end(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_way_back),
        cmocka_unit_test(nobody_is_live_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
