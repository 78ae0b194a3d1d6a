/* SPDX-License-Identifier: MIT
 * hundred.c — 100 nodes, 20 streams and everything that can befall them: what is promised holds at every step.
 * May touch: standard output; one child process of itself.
 *
 * Without arguments: the tests. `--seed N [--seconds S]`: that one world, with trials for S simulated seconds (20),
 * and one line of what happened, NAME=NUMBER each; `--brief S` instead ends it when all is quiet. Exit 0 when all is
 * well.
 */
#include "tests/sim/promise.h"
#include "tests/sim/trials.h"
#include "tests/unit/check.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS 20
#define EVERY (60 * SIM_MS) /* between trials */
#define STEP (50 * SIM_MS)  /* between looks whether all is quiet */
#define QUIET                                                                                                          \
    (240 * SIM_S) /* within which all is quiet after the last trial: back-offs of a minute, and a chain of them */
#define STEPS UINT64_C(400000000)

/* What is to come. */
struct plan {
    int64_t seconds; /* of trials */
    int brief;       /* it ends when all is quiet */
    int shy;         /* nobody takes a dial any more when providers are to be replaced: that must be seen */
};

struct result {
    uint64_t trace, steps;
    int failed;
    char failure[256];
};

/* A world under way. */
struct run {
    struct country country;
    struct trials trials;
    struct promise promise;
    int64_t quiet_after[2]; /* ns: after the trials; after the blackout at the end */
};

/* Runs until everybody has everything; the time that it took, or -1. */
static int64_t until_quiet(struct run *r) {
    struct country *c = &r->country;
    int64_t start = c->world.now;
    while (!sim_failed(&c->world) && c->world.now < start + QUIET) {
        if (country_quiet(c))
            return c->world.now - start;
        sim_run(&c->world, STEP);
    }
    country_tell_unquiet(c);
    return -1;
}

static int bars_all(void *arg, const struct sim_host *from) {
    (void)arg;
    return !from->program;
}

static void audit_all(struct run *r) {
    for (size_t i = 0; i < COUNTRY_NODES; i++)
        sim_audit_disk(&r->country.audit, r->country.nodes[i].node);
}

static void live(struct run *r, const struct plan *p) {
    struct country *c = &r->country;
    country_start(c);
    sim_run(&c->world, 2 * SIM_S);
    trials_begin(&r->trials, c, EVERY);
    sim_run(&c->world, p->seconds * SIM_S);
    trials_end(&r->trials);
    r->quiet_after[0] = until_quiet(r);
    audit_all(r);
    if (p->brief)
        return;
    for (size_t i = 0; p->shy && i < COUNTRY_NODES; i++)
        c->nodes[i].node->host.bars = bars_all;
    if (!sim_failed(&c->world))
        promise_keep(&r->promise, c);
    if (!sim_failed(&c->world))
        (void)until_quiet(r);
    (void)trials_hit(&r->trials, TRIAL_BLACKOUT); /* what was acknowledged is there without any node's doing */
    r->quiet_after[1] = until_quiet(r);
    audit_all(r);
}

static void tell(const struct run *r, uint64_t seed) {
    const struct country *c = &r->country;
    uint64_t observations = 0, kept = 0, lost = 0, refused = 0, looks = 0;
    for (size_t i = 0; i < COUNTRY_STREAMS; i++) {
        observations += sim_check_durable(&c->streams[i].check);
        looks += c->streams[i].check.n_looks;
    }
    for (size_t i = 0; i < COUNTRY_NODES; i++) {
        kept += c->nodes[i].node->disk.n_kept;
        lost += c->nodes[i].node->disk.n_lost;
        refused += c->nodes[i].node->disk.n_refused;
    }
    (void)printf("seed %" PRIu64 ": %s, trace %016" PRIx64 ", worlds=1 simulated-s=%.1f events=%" PRIu64
                 " observations=%" PRIu64 " readers=%zu quiet-after-s=%.1f again-after-s=%.1f",
                 seed, sim_failed(&c->world) ? "FAILED" : "ok", c->world.trace, (double)(c->world.now - SIM_S) / 1e9,
                 c->world.steps, observations, c->n_readers, (double)r->quiet_after[0] / 1e9,
                 (double)r->quiet_after[1] / 1e9);
    for (unsigned k = 0; k < TRIAL_KINDS; k++)
        (void)printf(" %s=%" PRIu64, trials_word((enum trial)k), r->trials.n[k]);
    (void)printf(" commits-torn-kept=%" PRIu64 " commits-torn-lost=%" PRIu64 " commits-refused=%" PRIu64
                 " looks=%" PRIu64 " commits-audited=%" PRIu64 " disks-audited=%" PRIu64
                 " observations-audited=%" PRIu64 " roots-folded=%" PRIu64 " frames-tapped=%" PRIu64
                 " runs-tapped=%" PRIu64 " heads-tapped=%" PRIu64 " burdens=%" PRIu64
                 " most-unsent=%zu most-publishes=%zu most-unverified=%zu providers-replaced=%" PRIu64 "\n",
                 kept, lost, refused, looks, c->audit.n_commits, c->audit.n_disks, c->audit.n_observations,
                 c->audit.n_roots, c->tap.n_frames, c->tap.n_runs, c->tap.n_heads, c->bounds.n_looks,
                 c->bounds.most.unsent, c->bounds.most.publishes, c->bounds.most.unverified, r->promise.n_replaced);
    (void)fflush(stdout);
}

static struct result run(uint64_t seed, const struct plan *p, int loud) {
    struct run *r = sim_alloc(sizeof *r);
    char replay[96];
    country_init(&r->country, seed);
    r->country.world.max_steps = STEPS;
    live(r, p);
    struct sim_world *w = &r->country.world;
    struct result out = {.trace = w->trace, .steps = w->steps, .failed = sim_failed(w)};
    (void)snprintf(replay, sizeof replay, "tests/sim/hundred --seed %" PRIu64 " --seconds %" PRId64, seed, p->seconds);
    if (loud)
        tell(r, seed);
    (void)snprintf(out.failure, sizeof out.failure, "%.255s", w->failure);
    if (out.failed && !p->shy)
        country_report(&r->country, replay);
    country_free(&r->country);
    free(r);
    return out;
}

#define BRIEF 2 /* seconds of trials in the tests that compare traces */

static void a_world_holds(void **state) {
    (void)state;
    assert_int_equal(run(1, &(struct plan){.seconds = SECONDS}, 1).failed, 0);
}

static void a_seed_replays_in_another_process(void **state) {
    char command[4200], line[4096] = "", want[32];
    const char *program = *state;
    struct result a = run(2, &(struct plan){.seconds = BRIEF, .brief = 1}, 0);
    assert_int_equal(a.failed, 0);
    assert_in_range(snprintf(command, sizeof command, "'%s' --seed 2 --brief %d", program, BRIEF), 1,
                    sizeof command - 1);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    assert_int_equal(pclose(f), 0);
    (void)snprintf(want, sizeof want, "trace %016" PRIx64, a.trace);
    assert_non_null(strstr(line, want));
}

static void a_broken_promise_is_seen(void **state) {
    (void)state;
    struct result r = run(3, &(struct plan){.seconds = BRIEF, .shy = 1}, 0);
    assert_int_equal(r.failed, 1);
    assert_non_null(strstr(r.failure, "after its provider"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_world_holds),
        cmocka_unit_test_prestate(a_seed_replays_in_another_process, argv[0]),
        cmocka_unit_test(a_broken_promise_is_seen),
    };
    struct plan plan = {.seconds = argc == 5 ? strtoll(argv[4], NULL, 10) : SECONDS};
    plan.brief = argc == 5 && strcmp(argv[3], "--brief") == 0;
    if ((argc == 3 || plan.brief || (argc == 5 && strcmp(argv[3], "--seconds") == 0)) && strcmp(argv[1], "--seed") == 0)
        return run(strtoull(argv[2], NULL, 10), &plan, 1).failed;
    if (argc != 1) {
        (void)fprintf(stderr, "usage: %s [--seed N [--seconds S | --brief S]]\n", argv[0]);
        return 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
