/* SPDX-License-Identifier: MIT
 * commits.c — storage conformance: commits are whole or nothing and end in the order in which they were asked for.
 * May touch: store.h.
 */
#include "tests/conformance/storage/suite.h"
#include <stdlib.h>

/* ---- atomicity ---- */

static void a_bad_change_leaves_nothing_of_its_commit(void **state) {
    struct store s;
    store_open(&s, suite_path(state), NULL);
    assert_int_equal(store_put(&s, "a", "1"), 0);
    assert_int_equal(store_put(&s, "b", "2"), 0);
    assert_int_equal(store_put(&s, "d", "4"), 0);
    struct runnel_change c[] = {
        {.what = RUNNEL_PUT, .key = text("a"), .data = text("changed")},
        {.what = RUNNEL_APPEND, .key = text("b"), .off = 1, .data = text("more")},
        {.what = RUNNEL_PUT, .key = text("c"), .data = text("new")},
        {.what = RUNNEL_ERASE, .key = text("a"), .to = text("c")},
        {.what = RUNNEL_ERASE, .key = text("d")},
        {.what = RUNNEL_APPEND, .key = text("b"), .off = 5, .data = text("x")}, /* erased above: 0 is right */
        {.what = RUNNEL_PUT, .key = text("e"), .data = text("never")},
    };
    assert_int_equal(store_commit(&s, c, 7), RUNNEL_ECONFLICT);
    store_expect_scan(&s, "", "", 0, "a=1 b=2 d=4 ");
    c[5].off = 0;
    c[6].key.n = 0;
    assert_int_equal(store_commit(&s, c, 7), RUNNEL_EINVALID);
    store_expect_scan(&s, "", "", 0, "a=1 b=2 d=4 ");
    c[6].key.n = 1;
    assert_int_equal(store_commit(&s, c, 7), 0);
    store_expect_scan(&s, "", "", 0, "b=x c=new e=never ");
    store_close(&s);
}

/* ---- many at once ---- */

static void completions_come_in_order_and_only_the_guilty_fail(void **state) {
    enum { N = 200 };
    struct store s;
    struct ordered o[N];
    unsigned count = 0;
    store_open(&s, suite_path(state), NULL);
    uint64_t length = 0;
    for (unsigned k = 0; k < N; k++) {
        o[k] = (struct ordered){.count = &count};
        struct runnel_change c[2] = {{.what = RUNNEL_PUT, .key = {(const uint8_t *)&k, sizeof k}, .data = text("v")},
                                     {.what = RUNNEL_APPEND, .key = text("log"), .off = length, .data = text("+")}};
        if (k % 5 == 1)
            c[1].off += 1 + k % 2;
        else if (k % 5 == 3 && k % 2)
            c[1].key.n = 0;
        else
            length++;
        s.ops->commit(s.inst->self, c, 2, on_ordered, &o[k]);
        memset(c, 0xee, sizeof c); /* all was copied */
        assert_int_equal(count, 0);
    }
    assert_true(host_run_until(s.host, host_flag, &o[N - 1].fired, STORE_DEADLINE_MS));
    for (unsigned k = 0; k < N; k++) {
        assert_true(o[k].fired);
        assert_int_equal(o[k].at, k);
        assert_int_equal(o[k].code, k % 5 == 1 ? RUNNEL_ECONFLICT : k % 5 == 3 && k % 2 ? RUNNEL_EINVALID : 0);
        struct answer a;
        store_get(&s, (struct runnel_bytes){(const uint8_t *)&k, sizeof k}, 0, 9, &a);
        assert_int_equal(a.code, o[k].code ? RUNNEL_ENOTFOUND : 0);
        answer_free(&a);
    }
    struct answer a;
    store_get(&s, text("log"), 0, UINT32_MAX, &a);
    assert_int_equal(a.n, length);
    answer_free(&a);
    store_close(&s);
}

/* A reader that asks from within the completion sees the commit, and may ask for the next one there. */
struct chain {
    struct store *s;
    unsigned step;
    bool within, done;
};

static void next_link(struct chain *c);

static void on_link_read(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct chain *c = arg;
    assert_false(c->within);
    assert_null(err);
    assert_int_equal(data.n, c->step + 1);
    for (size_t k = 0; k < data.n; k++)
        assert_int_equal(data.p[k], 'x');
    c->step++;
    if (c->step == 50)
        c->done = true;
    else
        next_link(c);
    for (size_t k = 0; k < data.n; k++) /* still ours until we return */
        assert_int_equal(data.p[k], 'x');
}

static void on_link(void *arg, const struct runnel_err *err) {
    struct chain *c = arg;
    assert_false(c->within);
    assert_null(err);
    c->within = true;
    c->s->ops->get(c->s->inst->self, text("chain"), 0, 1000, on_link_read, c);
    c->within = false;
}

static void next_link(struct chain *c) {
    struct runnel_change append = {.what = RUNNEL_APPEND, .off = c->step, .key = text("chain"), .data = text("x")};
    c->within = true;
    c->s->ops->commit(c->s->inst->self, &append, 1, on_link, c);
    c->within = false;
}

static void reads_after_done_see_it(void **state) {
    struct store s;
    struct chain c = {.s = &s};
    store_open(&s, suite_path(state), NULL);
    next_link(&c);
    assert_true(host_run_until(s.host, host_flag, &c.done, STORE_DEADLINE_MS));
    assert_int_equal(c.step, 50);
    store_close(&s);
}

static void large_commits_go_together(void **state) {
    enum { N = 6, BYTES = 4 << 20 };
    struct store s;
    struct answer a[N];
    uint8_t *big = random_bytes(BYTES + N, 5);
    store_open(&s, suite_path(state), NULL);
    for (unsigned k = 0; k < N; k++) {
        uint8_t keys[2][2] = {{'x', (uint8_t)k}, {'y', (uint8_t)k}};
        struct runnel_change c[2] = {{.what = RUNNEL_PUT, .key = {keys[0], 2}, .data = {big + k, BYTES}},
                                     {.what = RUNNEL_APPEND, .key = {keys[1], 2}, .data = {big + k, BYTES}}};
        store_ask(&s, c, 2, &a[k]);
    }
    for (unsigned k = 0; k < N; k++) {
        store_wait(&s, &a[k]);
        assert_int_equal(a[k].code, 0);
    }
    struct listing l;
    store_scan(&s, text("x"), text(""), 0, &l);
    assert_int_equal(l.n, 2 * N);
    for (size_t k = 0; k < l.n; k++) {
        assert_int_equal(l.v[k].n_val, BYTES);
        assert_memory_equal(l.v[k].val, big + k % N, BYTES);
    }
    listing_free(&l);
    free(big);
    store_close(&s);
}

/* What is asked for before stop is answered before stop's done. */

struct theme commits_theme(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_change_leaves_nothing_of_its_commit),
        cmocka_unit_test(completions_come_in_order_and_only_the_guilty_fail),
        cmocka_unit_test(reads_after_done_see_it),
        cmocka_unit_test(large_commits_go_together),
    };
    return (struct theme){tests, sizeof tests / sizeof tests[0]};
}
