/* SPDX-License-Identifier: MIT
 * node-loop.c — tests of the loop: order is first in, first out, and a turn ends.
 * May touch: the heap.
 */
#include "check.h"
#include "env.h"

/* Writes its letter into the trace. */
struct world {
    struct test_env e;
    struct rn_loop l;
    char trace[64];
    size_t n;
};

struct step {
    struct world *w;
    char letter;
    struct rn_alarm alarm;
    struct rn_task task;
    struct step *then; /* set or deferred by this one's run */
    int then_defer, then_late, cancel;
};

static void run(void *arg) {
    struct step *s = arg;
    s->w->trace[s->w->n++] = s->letter;
    if (s->then == NULL)
        return;
    if (s->cancel && s->then_defer)
        rn_task_cancel(&s->then->task);
    else if (s->cancel)
        rn_alarm_cancel(&s->w->l, &s->then->alarm);
    else if (s->then_late)
        rn_task_run_late(&s->w->l, &s->then->task);
    else if (s->then_defer)
        rn_task_run_soon(&s->w->l, &s->then->task);
    else
        assert_int_equal(rn_alarm_set(&s->w->l, &s->then->alarm, 0, run, s->then), 0);
}

static void steps_init(struct world *w, struct step *s, size_t n) {
    test_env_init(&w->e);
    rn_loop_init(&w->l, &w->e.env);
    memset(w->trace, 0, sizeof w->trace);
    w->n = 0;
    memset(s, 0, n * sizeof *s);
    for (size_t i = 0; i < n; i++) {
        s[i].w = w;
        s[i].letter = (char)('a' + (int)i);
        rn_task_init(&s[i].task, run, &s[i]);
    }
}

static void set(struct step *s, int64_t ns) {
    assert_int_equal(rn_alarm_set(&s->w->l, &s->alarm, ns, run, s), 0);
}

static void timers_fifo(void **state) {
    struct world w;
    struct step s[5];
    (void)state;
    steps_init(&w, s, 5);
    set(&s[0], 50);
    set(&s[1], 20);
    assert_int_equal(w.e.alarm, 1020);
    set(&s[2], 50);
    set(&s[3], 50);
    set(&s[0], 50); /* set again: now behind c and d */
    set(&s[4], 51);
    rn_loop_turn(&w.l);
    assert_string_equal(w.trace, "");
    w.e.now = 1050;
    rn_loop_turn(&w.l);
    assert_string_equal(w.trace, "bcda");
    assert_int_equal(w.e.alarm, 1051);
    rn_alarm_cancel(&w.l, &s[4].alarm);
    assert_true(w.e.alarm == INT64_MAX);
    rn_alarm_cancel(&w.l, &s[4].alarm);
    rn_loop_free(&w.l);
}

static void tasks_fifo_once(void **state) {
    struct world w;
    struct step s[3];
    (void)state;
    steps_init(&w, s, 3);
    rn_task_run_soon(&w.l, &s[1].task);
    rn_task_run_soon(&w.l, &s[0].task);
    rn_task_run_soon(&w.l, &s[1].task);
    assert_int_equal(rn_loop_defer(&w.l, run, &s[2]), 0);
    assert_true(w.e.wakes >= 1);
    rn_loop_turn(&w.l);
    assert_string_equal(w.trace, "bac");
    rn_loop_turn(&w.l);
    assert_string_equal(w.trace, "bac");
    rn_loop_free(&w.l);
}

/* What a task defers waits for the next turn, which is asked for. */
static void deferred_waits(void **state) {
    struct world w;
    struct step s[2];
    (void)state;
    steps_init(&w, s, 2);
    s[0].then = &s[0];
    s[0].then_defer = 1;
    rn_task_run_soon(&w.l, &s[0].task);
    w.e.wakes = 0;
    rn_loop_turn(&w.l);
    assert_string_equal(w.trace, "a");
    assert_int_equal(w.e.wakes, 1);
    set(&s[1], 0);
    rn_loop_turn(&w.l);
    assert_string_equal(w.trace, "aab");
    rn_task_cancel(&s[0].task);
    w.e.wakes = 0;
    rn_loop_turn(&w.l);
    assert_string_equal(w.trace, "aab");
    assert_int_equal(w.e.wakes, 0);
    rn_loop_free(&w.l);
}

/* What is late runs at the end of the turn in which it is asked for, behind what stood there before; from within
 * itself, in the next turn, which is asked for. */
static void late_is_last(void **state) {
    struct world w;
    struct step s[3];
    (void)state;
    steps_init(&w, s, 3);
    s[0].then = &s[0];
    s[0].then_late = 1;
    w.e.wakes = 0;
    rn_task_run_late(&w.l, &s[0].task);
    rn_task_run_late(&w.l, &s[0].task);
    assert_int_equal(w.e.wakes, 1);
    rn_task_run_soon(&w.l, &s[1].task);
    rn_task_run_soon(&w.l, &s[2].task);
    w.e.wakes = 0;
    rn_loop_turn(&w.l);
    assert_string_equal(w.trace, "bca");
    assert_int_equal(w.e.wakes, 1);
    s[1].then = &s[0]; /* asked for from a task of this turn, and again by itself */
    s[1].then_late = 1;
    rn_task_cancel(&s[0].task);
    rn_task_run_soon(&w.l, &s[1].task);
    rn_task_run_soon(&w.l, &s[2].task);
    rn_loop_turn(&w.l);
    assert_string_equal(w.trace, "bcabca");
    rn_loop_free(&w.l);
    assert_false(rn_list_linked(&s[0].task.link));
}

/* A timer that sets itself to "now" runs once a turn, though the clock stands still. */
static void timer_cannot_starve(void **state) {
    struct world w;
    struct step s[2];
    (void)state;
    steps_init(&w, s, 2);
    s[0].then = &s[0];
    set(&s[0], 0);
    set(&s[1], 0);
    rn_loop_turn(&w.l);
    assert_string_equal(w.trace, "ab");
    assert_int_equal(w.e.alarm, 1000);
    rn_loop_turn(&w.l);
    assert_string_equal(w.trace, "aba");
    rn_loop_free(&w.l);
    rn_alarm_cancel(&w.l, &s[0].alarm); /* harmless after the end */
}

static void cancel_within_turn(void **state) {
    struct world w;
    struct step s[4];
    (void)state;
    steps_init(&w, s, 4);
    s[0].then = &s[1];
    s[0].then_defer = s[0].cancel = 1;
    s[2].then = &s[3];
    s[2].cancel = 1;
    rn_task_run_soon(&w.l, &s[0].task);
    rn_task_run_soon(&w.l, &s[1].task);
    set(&s[2], 0);
    set(&s[3], 0);
    rn_loop_turn(&w.l);
    assert_string_equal(w.trace, "ac");
    rn_loop_free(&w.l);
}

static void far_future(void **state) {
    struct world w;
    struct step s[2];
    (void)state;
    steps_init(&w, s, 2);
    set(&s[0], INT64_MAX);
    assert_true(w.e.alarm == INT64_MAX - 1);
    set(&s[1], INT64_MIN);
    assert_int_equal(w.e.alarm, 1000);
    rn_loop_turn(&w.l);
    assert_string_equal(w.trace, "b");
    rn_loop_free(&w.l);
}

static void free_drops(void **state) {
    struct world w;
    struct step s[2];
    (void)state;
    steps_init(&w, s, 2);
    rn_task_run_soon(&w.l, &s[0].task);
    assert_int_equal(rn_loop_defer(&w.l, run, &s[1]), 0);
    set(&s[1], 0);
    rn_loop_free(&w.l);
    assert_string_equal(w.trace, "");
    assert_false(rn_list_linked(&s[0].task.link));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fifo),  cmocka_unit_test(tasks_fifo_once),     cmocka_unit_test(deferred_waits),
        cmocka_unit_test(late_is_last), cmocka_unit_test(timer_cannot_starve), cmocka_unit_test(cancel_within_turn),
        cmocka_unit_test(far_future),   cmocka_unit_test(free_drops),
    };
    return cmocka_run_group_tests_name("node-loop", tests, NULL, NULL);
}
