/* SPDX-License-Identifier: MIT
 * incremental_test.c — what incremental decides, case by case.
 * May touch: the plugin, the test host.
 */
#include "tests/conformance/host.h"
#include <runnel/sync.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct runnel_want decide(void **state, uint32_t own, uint64_t count, const struct runnel_range *held,
                                 size_t n_held) {
    const struct runnel_inst *inst = *state;
    const struct runnel_sync *ops = inst->ops;
    struct runnel_view view = {.size = sizeof view, .own = own, .held = held, .n_held = n_held, .head_count = count};
    struct runnel_want want = {.size = sizeof want};
    ops->decide(NULL, &view, &want);
    assert_int_equal(want.size, sizeof want);
    assert_int_equal(want.keep_from, 0);
    assert_int_equal(want.live, own ? 0 : 1);
    return want;
}

static void assert_range(const struct runnel_want *want, uint32_t k, uint64_t from, uint64_t to) {
    assert_true(k < want->n);
    assert_int_equal(want->want[k].from, from);
    assert_int_equal(want->want[k].to, to);
}

static void nothing_of_our_own(void **state) {
    assert_int_equal(decide(state, 1, 1000, NULL, 0).n, 0);
    assert_int_equal(decide(state, 1, 1000, (struct runnel_range[]){{0, 10}}, 1).n, 0);
}

static void nothing_before_a_head_is_known(void **state) {
    struct runnel_want want = decide(state, 0, 0, NULL, 0);
    assert_int_equal(want.n, 0);
    assert_int_equal(want.providers, 1);
}

static void all_of_what_is_not_held(void **state) {
    struct runnel_want want = decide(state, 0, UINT64_MAX, NULL, 0);
    assert_int_equal(want.n, 1);
    assert_int_equal(want.providers, 1);
    assert_range(&want, 0, 0, UINT64_MAX);
}

static void the_tail(void **state) {
    struct runnel_want want = decide(state, 0, 700, (struct runnel_range[]){{0, 256}}, 1);
    assert_int_equal(want.n, 1);
    assert_range(&want, 0, 256, 700);
}

static void nothing_when_all_is_held(void **state) {
    assert_int_equal(decide(state, 0, 700, (struct runnel_range[]){{0, 700}}, 1).n, 0);
    assert_int_equal(decide(state, 0, 700, (struct runnel_range[]){{0, 256}, {256, 700}}, 2).n, 0);
    /* More than the head says: a shorter head is ignored. */
    assert_int_equal(decide(state, 0, 700, (struct runnel_range[]){{0, 900}}, 1).n, 0);
}

static void each_gap(void **state) {
    const struct runnel_range held[] = {{10, 20}, {20, 30}, {50, 60}, {90, 120}, {150, 160}};
    struct runnel_want want = decide(state, 0, 100, held, 5);
    assert_int_equal(want.n, 3);
    assert_range(&want, 0, 0, 10);
    assert_range(&want, 1, 30, 50);
    assert_range(&want, 2, 60, 90);
    want = decide(state, 0, 55, held, 5);
    assert_int_equal(want.n, 2);
    assert_range(&want, 1, 30, 50);
    want = decide(state, 0, 140, held, 5);
    assert_int_equal(want.n, 4);
    assert_range(&want, 3, 120, 140);
}

static void the_earliest_gaps_first(void **state) {
    struct runnel_range held[40];
    for (uint64_t k = 0; k < 40; k++)
        held[k] = (struct runnel_range){10 * k + 5, 10 * k + 10};
    struct runnel_want want = decide(state, 0, 1000, held, 40);
    assert_int_equal(want.n, RUNNEL_WANT_MAX);
    for (uint32_t k = 0; k < RUNNEL_WANT_MAX; k++)
        assert_range(&want, k, 10 * k, 10 * k + 5);
    want = decide(state, 0, 1000, held, RUNNEL_WANT_MAX - 1);
    assert_int_equal(want.n, RUNNEL_WANT_MAX);
    assert_range(&want, RUNNEL_WANT_MAX - 1, 150, 1000);
}

static int open_it(void **state) {
    char path[4096];
    struct host_section section = {.path = host_plugin_path("sync", "incremental", path, sizeof path),
                                   .kind = RUNNEL_SYNC};
    *state = host_open(host_new(), &section, NULL);
    return *state ? 0 : -1;
}

static int close_it(void **state) {
    struct runnel_inst *inst = *state;
    struct test_host *h = inst->host;
    host_close(inst);
    host_free(h);
    return 0;
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_our_own),       cmocka_unit_test(nothing_before_a_head_is_known),
        cmocka_unit_test(all_of_what_is_not_held),  cmocka_unit_test(the_tail),
        cmocka_unit_test(nothing_when_all_is_held), cmocka_unit_test(each_gap),
        cmocka_unit_test(the_earliest_gaps_first),
    };
    return cmocka_run_group_tests(tests, open_it, close_it);
}
