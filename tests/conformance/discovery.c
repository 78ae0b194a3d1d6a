/* SPDX-License-Identifier: MIT
 * discovery.c — what every discovery plugin must do: the conformance suite of the kind.
 * May touch: the plugin that is named on the command line, the test host.
 *
 *     discovery FILE.so --id HEX --address ADDRESS [--conf OPTION=VALUE]...
 *
 * With these options the plugin must find, for the stream with that id (32 hexadecimal digits), a list in which
 * ADDRESS stands.
 */
#include "tests/conformance/host.h"
#include <runnel/discovery.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DEADLINE 20000 /* ms */
#define CONF_MAX 16u
#define WATCHES 1200u
#define MANY 1000u

struct setup {
    const char *so, *address;
    struct runnel_id id;
    const char *conf[CONF_MAX + 1];
};

/* Stands in for the core: what it looks for, and what it was told. */
struct core {
    const struct setup *setup;
    struct test_host *h;
    struct runnel_inst *inst;
    bool on[WATCHES];       /* looked for */
    unsigned told[WATCHES]; /* how often */
    bool seen[WATCHES];     /* the address stood in the last list */
    bool in_call, stopped;
    void (*hook)(struct core *c, uint64_t watch);
    char breach[256];
};

static void breach(struct core *c, const char *text) {
    if (!c->breach[0])
        (void)snprintf(c->breach, sizeof c->breach, "%s", text);
}

/* Also reads every byte that the candidate says it has, for the sanitizers. */
static void check_candidate(struct core *c, const struct runnel_candidate *one) {
    unsigned sum = 0;
    if (one->size < sizeof *one)
        breach(c, "a candidate says a wrong size");
    if (one->role != RUNNEL_PUBLISHER && one->role != RUNNEL_SUBSCRIBER)
        breach(c, "a candidate has no role");
    if (!one->address || !strstr(one->address, "://"))
        breach(c, "a candidate has no address");
    for (size_t k = 0; one->node && k < 32; k++)
        sum += one->node[k];
    if (one->node && sum == 0)
        breach(c, "a candidate's node id is all zeroes");
}

static void on_found(struct runnel_inst *inst, uint64_t watch, const struct runnel_candidate *const *list, size_t n) {
    struct core *c = inst->user;
    if (c->in_call)
        breach(c, "found came within a call of the plugin");
    if (c->stopped)
        breach(c, "found came after stop was done");
    if (watch >= WATCHES || !c->on[watch]) {
        breach(c, "found names a watch that is off");
        return;
    }
    c->told[watch]++;
    c->seen[watch] = false;
    for (size_t k = 0; k < n; k++) {
        check_candidate(c, list[k]);
        c->seen[watch] = c->seen[watch] || strcmp(list[k]->address, c->setup->address) == 0;
        for (size_t other = 0; other < k; other++)
            if (strcmp(list[k]->address, list[other]->address) == 0 && list[k]->node == list[other]->node)
                breach(c, "a candidate stands in the list twice");
    }
    if (c->hook)
        c->hook(c, watch);
}

static const struct runnel_discovery_up up = {.size = sizeof up, .found = on_found};

static struct core *core_new(const struct setup *setup) {
    struct core *c = calloc(1, sizeof *c);
    struct runnel_err err = {0};
    assert_non_null(c);
    struct host_section section = {
        .path = setup->so, .up = &up, .user = c, .kind = RUNNEL_DISCOVERY, .conf = setup->conf};
    c->setup = setup;
    c->h = host_new();
    c->inst = host_open(c->h, &section, &err);
    if (!c->inst || host_start(c->inst, &err) != 0)
        fail_msg("the plugin cannot be started: %s", err.msg);
    return c;
}

static void core_end(struct core *c) {
    char text[sizeof c->breach];
    if (c->inst)
        host_close(c->inst);
    host_free(c->h);
    memcpy(text, c->breach, sizeof text);
    free(c);
    if (text[0])
        fail_msg("breach: %s", text);
}

/* Everything is handed over in memory of its own, which is gone when the call returns. */
static void watch_id(struct core *c, uint64_t watch, const struct runnel_id *id, bool on) {
    bool before = c->in_call;
    struct runnel_sought *sought = calloc(1, sizeof *sought);
    if (!sought)
        abort();
    sought->size = sizeof *sought;
    sought->has_id = 1;
    sought->id = *id;
    c->on[watch] = on;
    c->in_call = true;
    ((const struct runnel_discovery *)c->inst->ops)->watch(c->inst->self, watch, sought, on);
    c->in_call = before;
    memset(sought, 0xa5, sizeof *sought);
    free(sought);
}

static void look(struct core *c, uint64_t watch) {
    watch_id(c, watch, &c->setup->id, true);
}

static void leave(struct core *c, uint64_t watch) {
    watch_id(c, watch, &c->setup->id, false);
}

static void until(struct core *c, bool *flag, const char *what) {
    if (!host_run_until(c->h, host_flag, flag, DEADLINE))
        fail_msg("waited in vain: %s", what);
}

/* ---- the tests ---- */

static void what_is_known_is_found(void **state) {
    struct core *c = core_new(*state);
    look(c, 7);
    until(c, &c->seen[7], "the address to be found");
    core_end(c);
}

static void each_watch_is_told(void **state) {
    struct core *c = core_new(*state);
    look(c, 0);
    look(c, 1);
    until(c, &c->seen[0], "the first to be told");
    until(c, &c->seen[1], "the second to be told");
    look(c, 2);
    until(c, &c->seen[2], "the third to be told");
    core_end(c);
}

static void a_watch_that_is_off_is_not_told(void **state) {
    struct core *c = core_new(*state);
    leave(c, 5); /* nobody was looking */
    look(c, 3);
    leave(c, 3);
    look(c, 4);
    until(c, &c->seen[4], "the one that is on");
    leave(c, 4);
    look(c, 6);
    until(c, &c->seen[6], "another");
    host_settle(c->h);
    assert_int_equal(c->told[3], 0);
    core_end(c);
}

static void a_watch_may_be_taken_again(void **state) {
    struct core *c = core_new(*state);
    for (int round = 0; round < 3; round++) {
        c->seen[9] = false;
        look(c, 9);
        until(c, &c->seen[9], "it to be told");
        leave(c, 9);
    }
    look(c, 9);
    look(c, 9); /* replaces the one before */
    c->seen[9] = false;
    until(c, &c->seen[9], "it to be told");
    core_end(c);
}

static void nobody_is_a_list_too(void **state) {
    struct core *c = core_new(*state);
    struct runnel_id other = c->setup->id;
    other.b[15] ^= 0xff;
    watch_id(c, 1, &other, true);
    look(c, 2);
    until(c, &c->seen[2], "the known one");
    host_settle(c->h);
    core_end(c);
}

static void leave_within(struct core *c, uint64_t watch) {
    if (watch % 2 == 0 && c->on[watch + 1])
        leave(c, watch + 1);
    leave(c, watch);
}

static void found_may_leave(void **state) {
    struct core *c = core_new(*state);
    c->hook = leave_within;
    for (uint64_t k = 0; k < 10; k++)
        look(c, k);
    for (uint64_t k = 0; k < 10; k += 2)
        until(c, &c->seen[k], "each that is on");
    host_settle(c->h);
    core_end(c);
}

static void look_within(struct core *c, uint64_t watch) {
    if (watch < 50)
        look(c, watch + 1);
}

static void found_may_look(void **state) {
    struct core *c = core_new(*state);
    c->hook = look_within;
    look(c, 0);
    until(c, &c->seen[50], "one after the other");
    core_end(c);
}

static void many_are_told(void **state) {
    struct core *c = core_new(*state);
    for (uint64_t k = 0; k < MANY; k++)
        look(c, k);
    for (uint64_t k = 0; k < MANY; k++)
        until(c, &c->seen[k], "all");
    for (uint64_t k = 0; k < MANY; k++)
        leave(c, k);
    core_end(c);
}

static void stopped_means_silent(void **state) {
    struct core *c = core_new(*state);
    for (uint64_t k = 0; k < 10; k++)
        look(c, k);
    assert_int_equal(host_stop(c->inst, DEADLINE), 0);
    c->stopped = true;
    host_settle(c->h);
    core_end(c);
}

static void instances_do_not_mix(void **state) {
    struct core *one = core_new(*state), *two = core_new(*state);
    look(one, 1);
    look(two, 2);
    until(one, &one->seen[1], "the first instance's");
    until(two, &two->seen[2], "the second instance's");
    leave(one, 2); /* not ours */
    look(two, 3);
    until(two, &two->seen[3], "the second instance's again");
    core_end(one);
    core_end(two);
}

static void an_announcement_comes_and_goes(void **state) {
    struct core *c = core_new(*state);
    const struct runnel_discovery *ops = c->inst->ops;
    struct runnel_sought sought = {.size = sizeof sought, .has_id = 1, .id = c->setup->id};
    if (ops->announce) { /* NULL: it announces nothing, which is allowed */
        ops->announce(c->inst->self, &sought, (struct runnel_bytes){(const uint8_t *)"record", 6});
        host_settle(c->h);
        ops->announce(c->inst->self, &sought, (struct runnel_bytes){NULL, 0});
        host_settle(c->h);
    }
    look(c, 1);
    until(c, &c->seen[1], "what is known");
    core_end(c);
}

static void a_reload_keeps_the_watches(void **state) {
    struct core *c = core_new(*state);
    struct runnel_err err = {0};
    look(c, 1);
    until(c, &c->seen[1], "it to be told");
    if (c->inst->plugin->reload)
        assert_int_equal(host_reload(c->inst, c->setup->conf, &err), 0);
    look(c, 2);
    until(c, &c->seen[2], "another");
    assert_true(c->seen[1]);
    core_end(c);
}

/* ---- the program ---- */

static int parse_id(const char *hex, struct runnel_id *id) {
    char pair[3] = {0}, *end;
    if (strlen(hex) != 2 * sizeof id->b)
        return -1;
    for (size_t k = 0; k < sizeof id->b; k++) {
        memcpy(pair, hex + 2 * k, 2);
        id->b[k] = (uint8_t)strtoul(pair, &end, 16);
        if (*end)
            return -1;
    }
    return 0;
}

static int parse(struct setup *setup, int argc, char **argv) {
    size_t n = 0;
    bool has_id = false;
    for (int k = 2; k + 1 < argc; k += 2) {
        if (!strcmp(argv[k], "--address"))
            setup->address = argv[k + 1];
        else if (!strcmp(argv[k], "--conf") && n < CONF_MAX)
            setup->conf[n++] = argv[k + 1];
        else if (!strcmp(argv[k], "--id") && parse_id(argv[k + 1], &setup->id) == 0)
            has_id = true;
        else
            return -1;
    }
    if (argc < 2 || argc % 2 || !has_id || !setup->address)
        return -1;
    setup->so = argv[1];
    return 0;
}

int main(int argc, char **argv) {
    struct setup setup = {0};
    struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_is_found),
        cmocka_unit_test(each_watch_is_told),
        cmocka_unit_test(a_watch_that_is_off_is_not_told),
        cmocka_unit_test(a_watch_may_be_taken_again),
        cmocka_unit_test(nobody_is_a_list_too),
        cmocka_unit_test(found_may_leave),
        cmocka_unit_test(found_may_look),
        cmocka_unit_test(many_are_told),
        cmocka_unit_test(stopped_means_silent),
        cmocka_unit_test(instances_do_not_mix),
        cmocka_unit_test(an_announcement_comes_and_goes),
        cmocka_unit_test(a_reload_keeps_the_watches),
    };
    if (parse(&setup, argc, argv) != 0) {
        fputs("usage: discovery FILE.so --id HEX --address ADDRESS [--conf OPTION=VALUE]...\n", stderr);
        return 2;
    }
    for (size_t k = 0; k < sizeof tests / sizeof tests[0]; k++)
        tests[k].initial_state = &setup;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
