/* SPDX-License-Identifier: MIT
 * converge.c — 20 nodes, one publisher, crashes, cuts and silence: all converge on one root; a seed replays exactly.
 * May touch: standard output; one child process of itself.
 *
 * Without arguments: the tests. `--seed N`: that one run, with what happened. Exit 0 when all is well.
 */
#include "tests/sim/town.h"
#include "tests/unit/check.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES 20u
#define SEEDS 12u

struct result {
    uint64_t trace, steps, count, mishaps, crashes_kept, crashes_lost;
    int failed;
};

/* One whole life of a town. What the weather, the trouble and the publishing are like is in the seed, too. */
static struct result run(uint64_t seed, int tell) {
    struct town *t = sim_alloc(sizeof *t);
    struct result r = {0};
    char replay[64];
    enum sim_publishing how = seed % 3 == 0 ? SIM_NOW : seed % 3 == 1 ? SIM_WITH_SEQ : SIM_NO_SEQ;
    town_init(t, seed, NODES, how);
    t->publisher.goal = 600 + sim_below(&t->world.rand, 900);
    t->publisher.every = 30 * SIM_MS;
    t->publisher.most = 8;
    town_start(t);
    sim_run(&t->world, SIM_S);
    town_trouble(t, &(struct town_trouble){.every = 120 * SIM_MS,
                                           .kill = 200,
                                           .power = 100,
                                           .stop = 100,
                                           .cut = 250,
                                           .silence = 150,
                                           .isolate = 100,
                                           .drop = 100,
                                           .stalls = 10,
                                           .full = seed % 4 == 0 ? 5 : 0,
                                           .bad_reads = seed % 4 == 2 ? 5 : 0});
    sim_run(&t->world, 20 * SIM_S);
    town_peace(t);
    r.failed = !town_finish(t, 120 * SIM_S);
    r.trace = t->world.trace;
    r.steps = t->world.steps;
    r.count = sim_check_durable(&t->check);
    r.mishaps = t->n_mishaps;
    for (size_t i = 0; i < t->n_nodes; i++) {
        r.crashes_kept += t->nodes[i].node->disk.n_kept;
        r.crashes_lost += t->nodes[i].node->disk.n_lost;
    }
    (void)snprintf(replay, sizeof replay, "tests/sim/converge --seed %" PRIu64, seed);
    if (r.failed)
        town_report(t, replay);
    if (tell)
        (void)printf("seed %" PRIu64 ": %s, %" PRIu64 " observations, %" PRIu64 " mishaps, %" PRIu64
                     " events, commits in crashes %" PRIu64 " kept %" PRIu64 " lost, trace %016" PRIx64 "\n",
                     seed, r.failed ? "FAILED" : "converged", r.count, r.mishaps, r.steps, r.crashes_kept,
                     r.crashes_lost, r.trace);
    town_free(t);
    free(t);
    return r;
}

static void all_converge(void **state) {
    uint64_t kept = 0, lost = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct result r = run(seed, 1);
        assert_int_equal(r.failed, 0);
        assert_true(r.mishaps > 50 && r.count > 100);
        kept += r.crashes_kept;
        lost += r.crashes_lost;
    }
    assert_true(kept > 0 && lost > 0); /* both ways in which a crash can treat a commit have occurred */
}

static void a_seed_replays_exactly(void **state) {
    (void)state;
    struct result a = run(7, 0), b = run(7, 0), c = run(8, 0);
    assert_true(a.trace == b.trace && a.steps == b.steps);
    assert_true(a.trace != c.trace);
}

static void a_seed_replays_in_another_process(void **state) {
    char command[4200], line[512] = "", want[32];
    const char *program = *state;
    struct result here = run(7, 0);
    assert_in_range(snprintf(command, sizeof command, "'%s' --seed 7", program), 1, sizeof command - 1);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    assert_int_equal(pclose(f), 0);
    (void)snprintf(want, sizeof want, "trace %016" PRIx64, here.trace);
    assert_non_null(strstr(line, want));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_converge),
        cmocka_unit_test(a_seed_replays_exactly),
        cmocka_unit_test_prestate(a_seed_replays_in_another_process, argv[0]),
    };
    if (argc == 3 && strcmp(argv[1], "--seed") == 0)
        return run(strtoull(argv[2], NULL, 10), 1).failed;
    if (argc != 1) {
        (void)fprintf(stderr, "usage: %s [--seed N]\n", argv[0]);
        return 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
