/* SPDX-License-Identifier: MIT
 * scarce.c — storage conformance: memory that runs out at each allocation that a plugin makes.
 * May touch: store.h, script.h, alloc.h; temporary directories.
 */
#include "tests/conformance/storage/alloc.h"
#include "tests/conformance/storage/ground.h"
#include "tests/conformance/storage/script.h"
#include "tests/conformance/storage/suite.h"
#include "tests/conformance/storage/sweep.h"
#include <stdlib.h>

struct scarcity {
    const struct suite *suite;
    bool onwards;    /* the allocations behind the one that fails do so too */
    bool until_stop; /* the stop is part of it */
    struct ground *ground;
    unsigned *given_up; /* in so many cases the engine wanted a restart; shared */
};

/* Memory may run out in every call: then it says so. An engine whose library cannot go on may fail until it is
 * started again; it must not call the store damaged. */
static bool is_fair(int code) {
    return code == RUNNEL_ENOMEM || code == RUNNEL_EIO;
}

static void watch(struct store *s, unsigned long nth, bool onwards) {
    s->host->refuse = alloc_refuse;
    alloc_watch(&s->host->inside, nth, onwards);
}

static unsigned long unwatch(struct store *s) {
    s->host->refuse = NULL;
    return alloc_unwatch();
}

/* A get and a scan: right, or they say what is lacking. */
static void read_all(struct script *sc, struct store *s) {
    struct listing l;
    struct answer a;
    store_scan(s, text(""), text(""), 0, &l);
    if (l.answer.code ? !is_fair(l.answer.code) : l.n != sc->is.n)
        fail_msg("a scan ended with code %d and %zu of %zu records: %s", l.answer.code, l.n, sc->is.n, l.answer.msg);
    for (size_t k = 0; k < l.n && k < sc->is.n; k++) {
        const struct record *want = &sc->is.v[k];
        assert_int_equal(l.v[k].n_val, want->n);
        assert_memory_equal(l.v[k].val, want->val, want->n);
    }
    listing_free(&l);
    if (!sc->is.n)
        return;
    const struct record *last = &sc->is.v[sc->is.n - 1];
    store_get(s, (struct runnel_bytes){last->key, last->n_key}, 0, UINT32_MAX, &a);
    if (a.code ? !is_fair(a.code) : a.n != last->n || memcmp(a.p, last->val, a.n) != 0)
        fail_msg("a get ended with code %d and %zu bytes: %s", a.code, a.n, a.msg);
    answer_free(&a);
}

/* Commits of all sizes, and several that are asked for at once; reads between them. */
static void work(struct script *sc, struct store *s) {
    for (unsigned k = 0; k < 8 && !sc->unsure; k++) {
        int code = script_step(sc, s);
        if (code != 0 && !is_fair(code))
            fail_msg("a commit without memory: code %d: %s", code, sc->msg);
        if (k % 3 == 2 && !sc->unsure)
            read_all(sc, s);
    }
}

/* Refused for other reasons while memory is short: the reason is one of the two. */
static void ask_wrongly(struct store *s) {
    struct answer a[2];
    struct runnel_change wrong = {.what = RUNNEL_APPEND, .off = 77, .key = text("none"), .data = text("x")};
    store_ask(s, &wrong, 1, &a[0]);
    wrong.key.n = 0;
    store_ask(s, &wrong, 1, &a[1]);
    store_wait(s, &a[0]);
    store_wait(s, &a[1]);
    assert_true(a[0].code == RUNNEL_ECONFLICT || is_fair(a[0].code));
    assert_true(a[1].code == RUNNEL_EINVALID || is_fair(a[1].code));
}

static void check_after(const struct scarcity *f, struct script *script, const char *dir) {
    struct store s;
    store_open(&s, f->suite->path, dir);
    if (!store_is_volatile(&s))
        script_expect(script, &s, "opened again");
    else
        model_free(&script->is);
    for (unsigned k = 0; k < 2; k++)
        if (script_step(script, &s) != 0)
            fail_msg("with memory again: %s", script->msg);
    store_close(&s);
}

/* Memory is there again: all is as before, unless the engine has given up until the next start. */
static void go_on(const struct scarcity *f, struct script *script, struct store *s) {
    struct answer a;
    store_get(s, text("any"), 0, 1, &a);
    answer_free(&a);
    if (script->unsure || a.code == RUNNEL_EIO) {
        ++*f->given_up;
        return;
    }
    script_expect(script, s, "with memory again, without a restart");
    if (script_step(script, s) != 0)
        fail_msg("with memory again, without a restart: %s", script->msg);
}

/* Everything from `create` on, with the k-th allocation failing. False when there were not so many. */
static bool scarce_case(void *arg, unsigned long k) {
    const struct scarcity *f = arg;
    struct ground g;
    struct store s;
    struct script script;
    struct runnel_err err;
    ground_init(&g);
    script_init(&script, f->suite->seed, SCRIPT_BYTES);
    store_init(&s);
    watch(&s, k, f->onwards);
    int code = store_start(&s, f->suite->path, g.store, &err);
    if (code == 0) {
        work(&script, &s);
        ask_wrongly(&s);
        bool forgets = store_is_volatile(&s);
        if (!f->until_stop) {
            (void)unwatch(&s);
            go_on(f, &script, &s);
        }
        store_stop(&s);
        if (forgets)
            model_free(&script.is);
    } else if (!is_fair(code)) {
        fail_msg("a start without memory: code %d: %s", code, err.msg);
    }
    unsigned long count = alloc_unwatch();
    host_free(s.host);
    check_after(f, &script, g.store);
    script_free(&script);
    ground_free(&g);
    return k <= count;
}

static void sweep_sites(void **state, const char *name, bool onwards, bool until_stop, unsigned long step) {
    struct scarcity f = {.suite = suite_of(state),
                         .onwards = onwards,
                         .until_stop = until_stop,
                         .given_up = sweep_shared(sizeof *f.given_up)};
    step = suite_step(f.suite, step);
    struct sweep sweep = {
        .name = name, .run = scarce_case, .arg = &f, .first = 1 + f.suite->seed % step, .step = step, .seconds = 60};
    unsigned long ran = sweep_expect(&sweep);
    print_message("# failed in %lu places; in %u the engine had to be started again\n", ran, *f.given_up);
    sweep_unshare(f.given_up, sizeof *f.given_up);
}

static void any_allocation_may_fail(void **state) {
    sweep_sites(state, "the allocation that fails", false, false, 7);
}

static void memory_may_run_out_for_good(void **state) {
    sweep_sites(state, "the allocation from which on all fail", true, false, 23);
}

static void any_allocation_may_fail_up_to_the_stop(void **state) {
    sweep_sites(state, "the allocation that fails, stop and all", false, true, 23);
}

/* ---- a start that finds something ---- */

/* Starts on what `arg` holds, which was not stopped, with the k-th allocation failing. */
static bool restart_case(void *arg, unsigned long k) {
    const struct scarcity *f = arg;
    struct store s;
    struct runnel_err err;
    struct script script;
    char dir[300];
    (void)snprintf(dir, sizeof dir, "%s/again", f->ground->root);
    clear_dir(dir);
    copy_dir(f->ground->store, dir);
    store_init(&s);
    watch(&s, k, f->onwards);
    int code = store_start(&s, f->suite->path, dir, &err);
    unsigned long count = unwatch(&s);
    if (code == 0)
        store_stop(&s);
    else if (!is_fair(code))
        fail_msg("a start without memory: code %d: %s", code, err.msg);
    host_free(s.host);
    script_init(&script, f->suite->seed, SCRIPT_BYTES); /* replayed: what was committed before */
    for (unsigned n = 0; n < 10; n++) {
        struct script_commit c;
        script_next(&script, &script.is, &c);
    }
    check_after(f, &script, dir);
    script_free(&script);
    return k <= count;
}

static void any_allocation_of_a_restart_may_fail(void **state) {
    struct ground g;
    struct store s;
    struct script script;
    struct scarcity f = {.suite = suite_of(state), .ground = &g};
    unsigned long step = suite_step(f.suite, 43);
    ground_init(&g);
    script_init(&script, f.suite->seed, SCRIPT_BYTES);
    store_open(&s, f.suite->path, g.store);
    bool forgets = store_is_volatile(&s);
    for (unsigned k = 0; k < 10; k++)
        assert_int_equal(script_step(&script, &s), 0);
    host_abandon(s.inst);
    host_free(s.host);
    struct sweep sweep = {.name = "the allocation of a restart that fails",
                          .run = restart_case,
                          .arg = &f,
                          .first = 1 + f.suite->seed % step,
                          .step = step,
                          .seconds = 60};
    if (!forgets)
        print_message("# failed in %lu places\n", sweep_expect(&sweep));
    script_free(&script);
    ground_free(&g);
}

struct theme scarce_theme(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(memory_may_run_out_for_good),
        cmocka_unit_test(any_allocation_may_fail_up_to_the_stop),
        cmocka_unit_test(any_allocation_of_a_restart_may_fail),
    };
    return (struct theme){tests, sizeof tests / sizeof tests[0]};
}
