/* SPDX-License-Identifier: MIT
 * node-backoff.c — tests of throws and waits: no bias, within their bounds, doubled up to the most.
 * May touch: the heap.
 */
#include "check.h"

#include "node/backoff.h"
#include <string.h>

/* A random source that says what it is told to say. */
struct source {
    struct rn_env env;
    uint64_t say[4];
    size_t at;
};

static void say(void *ctx, void *p, size_t n) {
    struct source *s = ctx;
    assert_int_equal(n, sizeof s->say[0]);
    assert_true(s->at < 4);
    memcpy(p, &s->say[s->at++], n);
}

static struct rn_env *source(struct source *s, uint64_t first, uint64_t second) {
    *s = (struct source){.env = {.random = say}, .say = {first, second, 0, 0}};
    s->env.ctx = s;
    return &s->env;
}

static void throws_again_instead_of_a_bias(void **state) {
    struct source s;
    (void)state;
    assert_int_equal(rn_dice(source(&s, 7, 0), 6), 1);
    assert_int_equal(rn_dice(source(&s, 7, 0), 1), 0);
    /* UINT64_MAX - 3 is a multiple of 6: from there on 0 to 3 would be more likely than 4 and 5. */
    assert_int_equal(rn_dice(source(&s, UINT64_MAX - 4, 2), 6), 5);
    assert_int_equal(rn_dice(source(&s, UINT64_MAX - 3, 3), 6), 3);
    assert_int_equal(rn_dice(source(&s, UINT64_MAX, 2), 6), 2);
}

static void jitter_is_between_half_and_all(void **state) {
    struct source s;
    (void)state;
    assert_int_equal(rn_jittered(source(&s, 0, 0), 1000), 500);
    assert_int_equal(rn_jittered(source(&s, 500, 0), 1000), 1000);
    assert_int_equal(rn_jittered(source(&s, 501, 0), 1000), 500);
    assert_int_equal(rn_jittered(source(&s, 9, 0), 0), 0);
}

static void waits_double_up_to_the_most(void **state) {
    struct source s;
    const int64_t want[] = {100, 200, 400, 500, 500};
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(rn_backoff(source(&s, (uint64_t)want[i] / 2, 0), 100, 500, i), want[i]);
    assert_int_equal(rn_backoff(source(&s, 0, 0), 100, 500, UINT32_MAX), 250);
    assert_int_equal(rn_backoff(source(&s, 0, 0), 900, 500, 0), 250);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(throws_again_instead_of_a_bias),
        cmocka_unit_test(jitter_is_between_half_and_all),
        cmocka_unit_test(waits_double_up_to_the_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
