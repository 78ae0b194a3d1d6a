/* SPDX-License-Identifier: MIT
 * node-ripe.c — tests of ripe.h: how long a commit waits for those who may come back.
 * May touch: nothing.
 */
#include "check.h"
#include "node/ripe.h"
#include <string.h>

#define US 1000
#define TOOK ((int64_t)200 * US) /* what a commit takes */
#define TURN ((int64_t)2 * US)   /* what a look takes */
#define MANY 16

static void arrive(struct rn_ripe *r, uint64_t n) {
    for (; n > 0; n--)
        rn_ripe_arrived(r);
}

/* One commit of `n` publishes that arrive at once and are answered. */
static int64_t commit(struct rn_ripe *r, int64_t now, uint64_t n) {
    arrive(r, n);
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

/* How much longer a commit of one takes after one of many, of whom no other comes back. */
static int64_t lost(struct rn_ripe *r, int64_t *now) {
    int64_t before = commit(r, *now, MANY);
    *now = commit(r, before, 1);
    int64_t then = commit(r, *now, 1); /* they are waited for once */
    assert_int_equal(then, *now + TOOK);
    int64_t waited = *now - before - TOOK;
    *now = then;
    return waited;
}

static void for_who_is_gone_it_waits_ever_less(void **state) {
    struct rn_ripe r = {0};
    int64_t now = 1, all = 0;
    (void)state;
    for (int i = 0; i < 8; i++) {
        int64_t part = i < 4 ? TOOK / 2 : TOOK / 4;
        assert_in_range(lost(&r, &now), part - TURN, part + TURN);
    }
    for (int i = 0; i < 640; i++)
        all += lost(&r, &now);
    assert_in_range(all / 640, 0, TOOK / 8);
}

/* They trickle in, always just in time. */
static void not_for_ever(void **state) {
    struct rn_ripe r = {0};
    (void)state;
    int64_t now = commit(&r, 1, 100000), begun = now;
    for (arrive(&r, 1); !rn_ripe_look(&r, now); now += TURN)
        arrive(&r, 1);
    assert_in_range(now - begun, TOOK - TURN, TOOK + TURN);
    now = commit(&r, now, 100000); /* a clock that stands still, as within a turn of the simulator */
    unsigned looks = 0;
    for (arrive(&r, 1); !rn_ripe_look(&r, now); looks++)
        assert_in_range(looks, 0, 100);
    assert_int_equal(looks, 100);
}

static void what_had_no_room_goes_on_at_once(void **state) {
    struct rn_ripe r = {0};
    (void)state;
    int64_t now = commit(&r, 1, MANY);
    arrive(&r, MANY);
    rn_ripe_built(&r, now, 1);
    rn_ripe_durable(&r, now + TOOK, MANY / 2);
    assert_int_equal(rn_ripe_look(&r, now + TOOK), 1);
}

struct client {
    int64_t back; /* when it publishes again */
    int waiting;  /* its publish has been read */
};

/* Reads what has come. */
static uint64_t read_all(struct client v[MANY], struct rn_ripe *r, int64_t now) {
    uint64_t n = 0;
    for (int i = 0; i < MANY; i++) {
        if (!v[i].waiting && v[i].back <= now) {
            v[i].waiting = 1;
            rn_ripe_arrived(r);
        }
        n += (uint64_t)v[i].waiting;
    }
    return n;
}

/* Clients that publish again `away` after each answer, and then a little. The loop waits for the disk itself, or reads
 * meanwhile. Returns how many a commit holds on average. */
static double together(int waits, int64_t away, int blocked) {
    struct rn_ripe r = {0};
    struct client v[MANY] = {{0}};
    int64_t now = 0;
    uint64_t random = 3, all = 0;
    const int commits = 500;
    for (int i = 0; i < MANY; i++)
        v[i].back = (int64_t)check_below(&random, TOOK);
    for (int k = 0; k < commits; k++) {
        uint64_t n = 0;
        for (int built = 0; !built; now += TURN) {
            n = read_all(v, &r, now);
            built = n > 0 && (!waits || rn_ripe_look(&r, now));
        }
        rn_ripe_built(&r, now, 0);
        struct client in[MANY];
        memcpy(in, v, sizeof in);
        now += TOOK;
        if (!blocked)
            (void)read_all(v, &r, now);
        for (int i = 0, answered = 0; i < MANY; i++)
            if (in[i].waiting) { /* their answers are written one behind the other */
                int64_t back = now + away + 3 * US * ++answered + (int64_t)check_below(&random, 5 * US);
                v[i] = (struct client){.back = back};
            }
        rn_ripe_durable(&r, now, n);
        all += n;
    }
    return (double)all / commits;
}

static void they_come_together(void **state) {
    (void)state;
    for (int blocked = 0; blocked < 2; blocked++)
        for (int64_t away = 0; away < TOOK / 2; away += TOOK / 8) {
            assert_true(together(0, away, blocked) < 0.7 * MANY); /* as bad as it is said to be */
            assert_true(together(1, away, blocked) > 0.95 * MANY);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_it_never_waits), cmocka_unit_test(for_who_is_gone_it_waits_ever_less),
        cmocka_unit_test(not_for_ever),         cmocka_unit_test(what_had_no_room_goes_on_at_once),
        cmocka_unit_test(they_come_together),
    };
    return cmocka_run_group_tests_name("node-ripe", tests, NULL, NULL);
}
