/* SPDX-License-Identifier: MIT
 * suite.h — what the themes of the storage conformance suite share: the plugin under test, and how long it may take.
 * May touch: store.h.
 */
#ifndef TEST_STORAGE_SUITE_H
#define TEST_STORAGE_SUITE_H

#include "tests/conformance/storage/store.h"

/* What the command line said; the initial state of each test. */
struct suite {
    const char *path; /* of the plugin */
    bool whole;       /* --long: every case of the sweeps instead of a sample */
    uint64_t seed;    /* RUNNEL_SEED, or from the clock: replays what is random */
};

/* Some tests that belong together. */
struct theme {
    const struct CMUnitTest *tests;
    size_t n;
};
struct theme calls_theme(void);
struct theme commits_theme(void);
struct theme streams_theme(void);
struct theme life_theme(void);
struct theme durable_theme(void);
struct theme full_theme(void);
struct theme scarce_theme(void);
struct theme damage_theme(void);
struct theme slow_theme(void);

static inline const struct suite *suite_of(void **state) {
    return *state;
}

/* The step of a sweep: 1 in a long run, otherwise `n`, and more where the sanitizers make each case slow. */
unsigned long suite_step(const struct suite *suite, unsigned long n);

static inline const char *suite_path(void **state) {
    return suite_of(state)->path;
}

#endif
