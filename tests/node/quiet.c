/* SPDX-License-Identifier: MIT
 * quiet.c — tests of what others can make a node log: a few lines of each address, and how many more there were.
 * May touch: standard output.
 */
#include "node/quiet.h"
#include "tests/node/bed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct count {
    const char *word;
    unsigned n;
    char last[512];
};

static void look(void *arg, const char *line) {
    struct count *c = arg;
    if (!strstr(line, c->word) || strstr(line, ": ended: ")) /* which is for debugging here */
        return;
    c->n++;
    (void)snprintf(c->last, sizeof c->last, "%s", line);
}

static struct count lines(struct bed *b, const char *word) {
    struct count c = {.word = word};
    sim_node_log(bed_a(b), look, &c);
    return c;
}

/* Connects, says something that ends the session, and goes. */
static void annoy(struct bed *b) {
    struct client *c = client_new(b, "a", 0);
    sim_talk_say(&c->talk, RN_FRAME_REQUEST, 0, "{\"method\":\"ping\"}");
    assert_int_equal(client_wait_lost(c, SIM_S), 1);
    client_close(c);
    client_forget(c);
    sim_host_free(&c->host);
    free(c);
    b->n_clients--;
}

static void who_comes_again_and_again(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 1);
    for (int i = 0; i < 50; i++)
        annoy(&b);
    assert_int_equal(lines(&b, "with the id 0").n, RN_QUIET_LINES);
    assert_int_equal(lines(&b, "more lines").n, 0);
    sim_run(&b.w, 70 * SIM_S);
    struct count more = lines(&b, "more lines about it in 60 s");
    assert_int_equal(more.n, 1);
    assert_non_null(strstr(more.last, "and 30 more lines"));
    annoy(&b); /* and then it is heard of again */
    assert_int_equal(lines(&b, "with the id 0").n, RN_QUIET_LINES + 1);
    sim_run(&b.w, 200 * SIM_S);
    assert_int_equal(lines(&b, "more lines").n, 1); /* nothing to add */
    bed_free(&b);
}

/* Addresses do not use up one another's lines; ports are no addresses; too many share what is left. */
static void each_address_has_its_own(void **state) {
    struct bed b;
    char address[64];
    unsigned said = 0;
    (void)state;
    bed_init(&b, 2);
    struct rn_quiet q;
    struct rn_loop loop;
    rn_loop_init(&loop, &bed_a(&b)->env);
    rn_quiet_init(&q, &loop, "session");
    for (unsigned i = 0; i < 30; i++) {
        (void)snprintf(address, sizeof address, "tcp://[::1]:%u", 1000 + i);
        assert_int_equal(rn_quiet_may(&q, address), i < RN_QUIET_LINES);
    }
    assert_int_equal(rn_quiet_may(&q, "tcp://[::2]:1000"), 1);
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(address, sizeof address, "tcp://10.0.%u.%u:1", i / 250, i % 250);
        said += (unsigned)rn_quiet_may(&q, address);
    }
    assert_int_equal(said, RN_QUIET_SLOTS - 3 + RN_QUIET_LINES);
    rn_loop_free(&loop);
    bed_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_again_and_again),
        cmocka_unit_test(each_address_has_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
