/* SPDX-License-Identifier: MIT
 * peers.c — tests of the addresses that a node remembers: they are bounded, and forgotten when they may be.
 * May touch: standard output.
 */
#include "node/peers.h"
#include "node/inner.h"
#include "tests/node/bed.h"
#include <stdio.h>
#include <string.h>

#define KEPT 4096u      /* above so many, those that nobody needs are forgotten */
#define MOST (2 * KEPT) /* more are not taken */
#define ASKED 9000u

static struct rn_peer_user users[ASKED];
static unsigned n_down;

static void on_up(struct rn_peer_user *u, struct rn_session *s) {
    (void)u;
    (void)s;
}

static void on_down(struct rn_peer_user *u, const struct runnel_err *why) {
    (void)u;
    (void)why;
    n_down++;
}

static int use(struct rn_node *n, const char *prefix, unsigned i) {
    char address[64];
    (void)snprintf(address, sizeof address, "sim://%s%u", prefix, i);
    users[i] = (struct rn_peer_user){.up = on_up, .down = on_down};
    return rn_peer_use(n, address, &users[i]);
}

static void addresses_are_bounded(void **state) {
    struct bed b;
    unsigned taken = 0;
    (void)state;
    bed_init(&b, 1);
    struct rn_node *n = bed_a(&b)->node;
    n_down = 0;
    for (unsigned i = 0; i < ASKED; i++)
        taken += use(n, "x", i) == 0;
    assert_int_equal(taken, MOST);
    assert_int_equal(rn_map_count(n->peers), MOST);
    sim_run(&b.w, 100 * SIM_MS); /* nobody is there */
    assert_int_equal(n_down, MOST);
    assert_int_equal(use(n, "y", 0), -RUNNEL_ENOMEM); /* all have their back-off, which must not be forgotten */
    assert_int_equal(use(n, "x", 7), -RUNNEL_EBUSY);
    sim_run(&b.w, SIM_S);
    assert_int_equal(use(n, "y", 0), 0); /* it is over: they make room */
    assert_int_equal(rn_map_count(n->peers), 1);
    struct client *c = client_new(&b, "a", 1);
    (void)client_ask(c, "{\"method\":\"ping\"}");
    bed_free(&b);
}

/* What is in use is not forgotten, however many others come and go. */
static void who_is_needed_stays(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 2);
    (void)bed_node(&b, 1, "a");
    struct rn_node *n = bed_a(&b)->node;
    struct rn_peer_user needed = {.up = on_up, .down = on_down};
    assert_int_equal(rn_peer_use(n, "sim://b", &needed), 0);
    sim_run(&b.w, SIM_S);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < KEPT + 100; i++)
            (void)use(n, round % 2 ? "x" : "y", i);
        sim_run(&b.w, 2 * SIM_S);
        assert_true(rn_map_count(n->peers) <= MOST);
    }
    assert_non_null(needed.peer);
    assert_int_equal(needed.told, 1);
    rn_peer_leave(&needed);
    sim_run(&b.w, SIM_S);
    bed_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_bounded),
        cmocka_unit_test(who_is_needed_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
