/* SPDX-License-Identifier: MIT
 * sync.c — what every sync policy must do: the conformance suite of the kind.
 * May touch: the plugin that is named on the command line, the test host.
 *
 *     sync FILE.so [OPTION=VALUE]...
 */
#include "tests/conformance/host.h"
#include <runnel/sync.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 3000u
#define HELD_MAX 64u
#define SETTLE_MAX 200u /* decisions until a policy must be content */

struct setup {
    struct host_section section;
    struct test_host *h;
    struct runnel_inst *inst;
    const void *conf; /* as the instance got it */
};

/* A view and the memory behind it. */
struct scene {
    struct runnel_view view;
    struct runnel_range held[HELD_MAX], asked[HELD_MAX];
};

static uint64_t next(uint64_t *x) {
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* Ascending, disjoint ranges, some of which touch, up to about `count`. */
static size_t make_ranges(uint64_t *x, uint64_t count, struct runnel_range *out) {
    size_t n = next(x) % HELD_MAX;
    uint64_t at = 0, step = count / (n + 1) + 1;
    for (size_t k = 0; k < n; k++) {
        out[k].from = at + next(x) % step * (next(x) % 4 != 0);
        out[k].to = out[k].from + 1 + next(x) % step;
        at = out[k].to;
    }
    return n;
}

static void make_scene(uint64_t *x, struct scene *s) {
    static const uint64_t counts[] = {0, 1, 255, 256, 257, 100000, UINT64_C(1) << 40};
    uint64_t count = counts[next(x) % (sizeof counts / sizeof counts[0])];
    memset(s, 0, sizeof *s);
    s->view.size = sizeof s->view;
    s->view.own = next(x) % 8 == 0;
    s->view.now = (int64_t)(next(x) >> 2);
    s->view.head_count = count;
    s->view.n_held = make_ranges(x, count, s->held);
    s->view.n_asked = make_ranges(x, count, s->asked);
    s->view.held = s->view.n_held ? s->held : NULL;
    s->view.asked = s->view.n_asked ? s->asked : NULL;
}

static struct runnel_want decide(const struct setup *setup, const struct runnel_view *view) {
    struct runnel_want want;
    memset(&want, 0, sizeof want);
    want.size = sizeof want;
    ((const struct runnel_sync *)setup->inst->ops)->decide(setup->conf, view, &want);
    return want;
}

static void the_decision_is_well_formed(void **state) {
    uint64_t x = 88172645463325252u;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct scene s;
        make_scene(&x, &s);
        struct runnel_want want = decide(*state, &s.view);
        assert_int_equal(want.size, sizeof want);
        assert_true(want.n <= RUNNEL_WANT_MAX);
        assert_true(want.live <= 1);
        for (uint32_t k = 0; k < want.n; k++) {
            assert_true(want.want[k].from < want.want[k].to);
            assert_true(k == 0 || want.want[k - 1].to <= want.want[k].from);
        }
    }
}

static void it_fetches_nothing_of_our_own(void **state) {
    uint64_t x = 362436069;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct scene s;
        make_scene(&x, &s);
        s.view.own = 1;
        struct runnel_want want = decide(*state, &s.view);
        assert_int_equal(want.n, 0);
        assert_int_equal(want.live, 0);
    }
}

static void it_is_pure(void **state) {
    uint64_t x = 521288629;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct scene s, before, other;
        make_scene(&x, &s);
        before = s;
        struct runnel_want first = decide(*state, &s.view);
        make_scene(&x, &other);
        (void)decide(*state, &other.view);
        struct runnel_want again = decide(*state, &s.view);
        assert_memory_equal(&first, &again, sizeof first);
        assert_memory_equal(&before, &s, sizeof s);
    }
}

/* Adds a range to those that are held, joining what touches or overlaps. Returns the new count. */
static size_t hold(struct runnel_range *held, size_t n, struct runnel_range r) {
    size_t out = 0, at;
    struct runnel_range old[HELD_MAX];
    memcpy(old, held, n * sizeof *held);
    for (at = 0; at < n && old[at].to < r.from; at++)
        held[out++] = old[at];
    for (; at < n && old[at].from <= r.to; at++) {
        r.from = old[at].from < r.from ? old[at].from : r.from;
        r.to = old[at].to > r.to ? old[at].to : r.to;
    }
    assert_true(out < HELD_MAX);
    held[out++] = r;
    for (; at < n; at++) {
        assert_true(out < HELD_MAX);
        held[out++] = old[at];
    }
    return out;
}

static bool is_held(const struct runnel_range *held, size_t n, struct runnel_range r) {
    for (size_t k = 0; k < n; k++)
        if (held[k].from <= r.from && r.to <= held[k].to)
            return true;
    return false;
}

/* Grants all that is wanted. Whether anything new was among it. */
static bool grant(struct scene *s, const struct runnel_want *want) {
    bool news = false;
    for (uint32_t k = 0; k < want->n; k++) {
        news = news || !is_held(s->held, s->view.n_held, want->want[k]);
        s->view.n_held = hold(s->held, s->view.n_held, want->want[k]);
        s->view.held = s->held;
    }
    return news;
}

static void it_is_content_in_the_end(void **state) {
    uint64_t x = 123456789;
    for (unsigned round = 0; round < ROUNDS / 10; round++) {
        struct scene s;
        unsigned turns = 0;
        make_scene(&x, &s);
        s.view.own = 0;
        /* Room for the pieces that granting may add for a moment. */
        s.view.n_held /= 2;
        for (struct runnel_want want = decide(*state, &s.view); grant(&s, &want); want = decide(*state, &s.view))
            if (++turns > SETTLE_MAX)
                fail_msg("after %u decisions, each granted, it still wants more", turns);
        for (struct runnel_want want = decide(*state, &s.view); want.n > 0; want.n--)
            assert_true(want.want[want.n - 1].to <= s.view.head_count);
    }
}

static int open_it(void **state) {
    struct setup *setup = *state;
    struct runnel_err err = {0};
    setup->h = host_new();
    setup->inst = host_open(setup->h, &setup->section, &err);
    if (!setup->inst || host_start(setup->inst, &err) != 0) {
        fprintf(stderr, "%s\n", err.msg);
        return -1;
    }
    setup->conf = host_conf_of(setup->inst);
    return 0;
}

static int close_it(void **state) {
    struct setup *setup = *state;
    host_close(setup->inst);
    host_free(setup->h);
    return 0;
}

int main(int argc, char **argv) {
    struct setup setup = {.section = {.kind = RUNNEL_SYNC}};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(the_decision_is_well_formed, open_it, close_it, &setup),
        cmocka_unit_test_prestate_setup_teardown(it_fetches_nothing_of_our_own, open_it, close_it, &setup),
        cmocka_unit_test_prestate_setup_teardown(it_is_pure, open_it, close_it, &setup),
        cmocka_unit_test_prestate_setup_teardown(it_is_content_in_the_end, open_it, close_it, &setup),
    };
    if (argc < 2) {
        fputs("usage: sync FILE.so [OPTION=VALUE]...\n", stderr);
        return 2;
    }
    setup.section.path = argv[1];
    setup.section.conf = (const char *const *)&argv[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
