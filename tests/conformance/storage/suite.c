/* SPDX-License-Identifier: MIT
 * suite.c — the storage conformance suite: what storage.h promises, of any plugin.
 * May touch: the themes; child processes and temporary directories through them.
 */
#include "tests/conformance/storage/suite.h"
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define TESTS 100u

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SPARSE 3u
#endif
#endif
#ifndef SPARSE
#define SPARSE 1u
#endif

unsigned long suite_step(const struct suite *suite, unsigned long n) {
    return suite->whole ? 1 : n * SPARSE;
}

static int usage(const char *name) {
    fprintf(stderr,
            "usage: %s PLUGIN.so [--long] [--only NAME]\n"
            "  --long       all but every case of the sweeps over faults and damage, instead of a sample\n"
            "  --only NAME  the tests of this name only; * and ? stand for any letters\n"
            "RUNNEL_SEED=N replays what is random, TMPDIR is where the stores are made.\n",
            name);
    return 2;
}

static bool parse(struct suite *suite, int argc, char **argv) {
    for (int k = 1; k < argc; k++) {
        if (strcmp(argv[k], "--long") == 0) {
            suite->whole = true;
        } else if (strcmp(argv[k], "--only") == 0 && k + 1 < argc) {
            cmocka_set_test_filter(argv[++k]);
        } else if (argv[k][0] != '-' && !suite->path) {
            suite->path = argv[k];
        } else {
            return false;
        }
    }
    return suite->path != NULL;
}

int main(int argc, char **argv) {
    const char *seed = getenv("RUNNEL_SEED");
    struct suite suite = {.seed = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL)};
    struct theme themes[] = {calls_theme(), commits_theme(), streams_theme(), life_theme(), durable_theme(),
                             full_theme(),  scarce_theme(),  damage_theme(),  slow_theme()};
    struct CMUnitTest tests[TESTS];
    size_t n = 0;
    if (!parse(&suite, argc, argv))
        return usage(argv[0]);
    for (size_t k = 0; k < sizeof themes / sizeof themes[0]; k++)
        for (size_t j = 0; j < themes[k].n && n < TESTS; j++) {
            tests[n] = themes[k].tests[j];
            tests[n++].initial_state = &suite;
        }
    print_message("# seed %" PRIu64 " (RUNNEL_SEED replays it)\n", suite.seed);
    return _cmocka_run_group_tests("storage", tests, n, NULL, NULL);
}
