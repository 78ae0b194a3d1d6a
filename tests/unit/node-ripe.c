/* SPDX-License-Identifier: MIT
 * node-ripe.c — tests of ripe.h: how long a commit waits for those who may come back.
 * May touch: nothing.
 */
#include "check.h"
#include "node/ripe.h"

#define US 1000
#define TOOK ((int64_t)200 * US) /* what a commit takes */
#define TURN ((int64_t)2 * US)   /* what a look takes */
#define MANY 16

/* One commit of `n` publishes that arrive at once and are answered. */
static int64_t commit(struct rn_ripe *r, int64_t now, uint64_t n) {
    r->arrived += n;
    while (!rn_ripe_look(r, now))
        now += TURN;
    rn_ripe_built(r, now, 0);
    rn_ripe_durable(r, now + TOOK, n);
    return now + TOOK;
}

static void alone_it_never_waits(void **state) {
    struct rn_ripe r = {0};
    int64_t now = 1;
    (void)state;
    for (int i = 0; i < 100; i++) {
        int64_t then = commit(&r, now, 1);
        assert_int_equal(then, now + TOOK);
        now = then + i * US;
    }
    for (int i = 0; i < 100; i++) /* nor do many who come together, as of one client */
        assert_int_equal(commit(&r, now, i ? 64 : 1), now + TOOK);
}

static void for_who_is_gone_it_waits_little(void **state) {
    struct rn_ripe r = {0};
    (void)state;
    int64_t now = commit(&r, 1, MANY), then = commit(&r, now, 1);
    assert_in_range(then - now - TOOK, TOOK / 16 - TURN, TOOK / 16 + TURN);
    assert_int_equal(commit(&r, then, 1), then + TOOK); /* and once */
}

/* They trickle in, always just in time. */
static void not_for_ever(void **state) {
    struct rn_ripe r = {0};
    (void)state;
    int64_t now = commit(&r, 1, 100000), begun = now;
    for (r.arrived++; !rn_ripe_look(&r, now); now += TURN)
        r.arrived++;
    assert_in_range(now - begun, TOOK / 4 - TURN, TOOK / 4 + TURN);
    now = commit(&r, now, 100000); /* a clock that stands still, as within a turn of the simulator */
    unsigned looks = 0;
    for (r.arrived = 1; !rn_ripe_look(&r, now); looks++)
        assert_in_range(looks, 0, 100);
    assert_int_equal(looks, 100);
}

static void what_had_no_room_goes_on_at_once(void **state) {
    struct rn_ripe r = {0};
    (void)state;
    int64_t now = commit(&r, 1, MANY);
    r.arrived = MANY;
    rn_ripe_built(&r, now, 1);
    rn_ripe_durable(&r, now + TOOK, MANY / 2);
    assert_int_equal(rn_ripe_look(&r, now + TOOK), 1);
}

/* Clients that publish again a few microseconds after each answer. Returns how many a commit holds on average. */
static double together(int waits) {
    struct rn_ripe r = {0};
    int64_t back[MANY], now = 0;
    uint64_t random = 3, all = 0;
    int waiting[MANY] = {0};
    const int commits = 500;
    for (int i = 0; i < MANY; i++)
        back[i] = (int64_t)check_below(&random, TOOK);
    for (int k = 0; k < commits; k++) {
        uint64_t n = 0;
        for (int built = 0; !built; now += TURN) {
            for (int i = 0; i < MANY; i++)
                if (!waiting[i] && back[i] <= now) {
                    waiting[i] = 1;
                    r.arrived++;
                }
            built = r.arrived > 0 && (!waits || rn_ripe_look(&r, now));
        }
        int in[MANY];
        for (int i = 0; i < MANY; i++)
            n += (uint64_t)(in[i] = waiting[i]);
        rn_ripe_built(&r, now, 0);
        now += TOOK;
        for (int i = 0, answered = 0; i < MANY; i++) {
            if (!waiting[i] && back[i] <= now) { /* it came meanwhile */
                waiting[i] = 1;
                r.arrived++;
            } else if (in[i]) { /* their answers are written one behind the other */
                waiting[i] = 0;
                back[i] = now + 3 * US * ++answered + (int64_t)check_below(&random, 5 * US);
            }
        }
        rn_ripe_durable(&r, now, n);
        all += n;
    }
    return (double)all / commits;
}

static void they_come_together(void **state) {
    (void)state;
    assert_true(together(0) < 0.7 * MANY); /* the world in which it does not wait is as bad as it is said to be */
    assert_true(together(1) > 0.95 * MANY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_it_never_waits), cmocka_unit_test(for_who_is_gone_it_waits_little),
        cmocka_unit_test(not_for_ever),         cmocka_unit_test(what_had_no_room_goes_on_at_once),
        cmocka_unit_test(they_come_together),
    };
    return cmocka_run_group_tests_name("node-ripe", tests, NULL, NULL);
}
