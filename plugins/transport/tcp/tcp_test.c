/* SPDX-License-Identifier: MIT
 * tcp_test.c — where the tcp transport listens and what it refuses.
 * May touch: the plugin, the test host, free loopback ports.
 */
#include "tests/conformance/host.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <runnel/transport.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct runnel_transport_up up = {.size = sizeof up};

static struct runnel_inst *open_conf(struct test_host *h, const char *const *conf, struct runnel_err *err) {
    char so[4096];
    struct host_section section = {
        .path = host_plugin_path("transport", "tcp", so, sizeof so), .up = &up, .kind = RUNNEL_TRANSPORT, .conf = conf};
    return host_open(h, &section, err);
}

static const char *addresses(const struct runnel_inst *inst, char *out, size_t n) {
    int got = ((const struct runnel_transport *)inst->ops)->addresses(inst->self, out, n);
    assert_true(got >= 0 && (size_t)got < n);
    return out;
}

static bool has_ipv6(void) {
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0)
        (void)close(fd);
    return yes;
}

static void it_says_its_real_ports(void **state) {
    struct test_host *h = *state;
    char text[512];
    unsigned one = 0, two = 0;
    int end = 0;
    struct runnel_inst *inst =
        open_conf(h, (const char *const[]){"listen=127.0.0.1:0", "listen=localhost:0", NULL}, NULL);
    assert_non_null(inst);
    assert_string_equal(addresses(inst, text, sizeof text), "");
    assert_int_equal(host_start(inst, NULL), 0);
    (void)addresses(inst, text, sizeof text);
    assert_int_equal(sscanf(text, "tcp://127.0.0.1:%u\ntcp://127.0.0.1:%u\n%n", &one, &two, &end), 2);
    assert_int_equal(end, strlen(text));
    assert_true(one > 0 && two > 0 && one != two);
    host_close(inst);
}

static void it_only_dials_without_listen(void **state) {
    struct test_host *h = *state;
    char text[64];
    struct runnel_inst *inst = open_conf(h, NULL, NULL);
    assert_non_null(inst);
    assert_int_equal(host_start(inst, NULL), 0);
    assert_string_equal(addresses(inst, text, sizeof text), "");
    host_close(inst);
}

/* Opens both families on one port. False: the IPv6 one was taken by somebody else. */
static bool share_a_port(struct test_host *h) {
    char text[512], word[64], want[128];
    struct runnel_err err = {0};
    unsigned port = 0;
    struct runnel_inst *four = open_conf(h, (const char *const[]){"listen=127.0.0.1:0", NULL}, NULL);
    assert_non_null(four);
    assert_int_equal(host_start(four, NULL), 0);
    assert_int_equal(sscanf(addresses(four, text, sizeof text), "tcp://127.0.0.1:%u", &port), 1);
    (void)snprintf(word, sizeof word, "listen=[::1]:%u", port);
    (void)snprintf(want, sizeof want, "tcp://[::1]:%u\n", port);
    struct runnel_inst *six = open_conf(h, (const char *const[]){word, NULL}, NULL);
    assert_non_null(six);
    bool shared = host_start(six, &err) == 0;
    if (shared)
        assert_string_equal(addresses(six, text, sizeof text), want);
    else
        assert_int_equal(err.code, RUNNEL_ECONFLICT);
    host_close(six);
    host_close(four);
    return shared;
}

/* An IPv6 socket takes IPv6 only. */
static void both_families_share_a_port(void **state) {
    bool shared = !has_ipv6();
    for (int k = 0; k < 20 && !shared; k++)
        shared = share_a_port(*state);
    assert_true(shared);
}

/* The second of two is taken: the first is given back. */
static void a_start_that_fails_leaves_nothing(void **state) {
    struct test_host *h = *state;
    struct runnel_err err = {0};
    char text[512], word[64];
    unsigned port = 0;
    struct runnel_inst *first = open_conf(h, (const char *const[]){"listen=127.0.0.1:0", NULL}, NULL);
    assert_non_null(first);
    assert_int_equal(host_start(first, NULL), 0);
    assert_int_equal(sscanf(addresses(first, text, sizeof text), "tcp://127.0.0.1:%u", &port), 1);
    (void)snprintf(word, sizeof word, "listen=127.0.0.1:%u", port);
    int before = dup(0);
    struct runnel_inst *second = open_conf(h, (const char *const[]){"listen=127.0.0.1:0", word, NULL}, NULL);
    assert_non_null(second);
    assert_int_equal(host_start(second, &err), -RUNNEL_ECONFLICT);
    assert_non_null(strstr(err.msg, word + strlen("listen=")));
    host_close(second);
    assert_int_equal(close(before), 0);
    int after = dup(0); /* the lowest free descriptor is the same one */
    assert_int_equal(after, before);
    assert_int_equal(close(after), 0);
    host_close(first);
}

struct complaints {
    unsigned n, sealed;
};

static void on_complaint(void *arg, const char *option, const char *found, const char *want, const char *remedy) {
    struct complaints *c = arg;
    assert_string_equal(option, "listen");
    assert_true(found && want[0] && remedy[0]);
    c->n++;
    c->sealed += strstr(remedy, "sealed") != NULL;
}

static void every_wrong_place_is_said(void **state) {
    struct test_host *h = *state;
    static const char *const odd[] = {"",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:65536",
                                      ":24600",
                                      "24600",
                                      "127.1:24600",
                                      "example.org:24600",
                                      "[::1]",
                                      "::1:24600",
                                      "[::1:24600",
                                      "tcp://127.0.0.1:24600",
                                      "[fe80::1%lo]:1",
                                      "127.0.0.1:024600",
                                      "127.0.0.1:-1",
                                      "127.0.0.1: 1"};
    static const char *const far[] = {"0.0.0.0:24600",   "[::]:24600",
                                      "192.0.2.1:24600", "[::ffff:127.0.0.1]:24600",
                                      "128.0.0.1:1",     "126.255.255.255:1"};
    enum { N_ODD = sizeof odd / sizeof odd[0], N_FAR = sizeof far / sizeof far[0] };
    const char *all[N_ODD + N_FAR + 3] = {"127.0.0.1:24600"};
    struct complaints c = {0};
    struct runnel_inst *inst = open_conf(h, NULL, NULL);
    assert_non_null(inst);
    memcpy(all + 1, odd, sizeof odd);
    memcpy(all + 1 + N_ODD, far, sizeof far);
    all[1 + N_ODD + N_FAR] = "127.255.255.255:65535";
    /* `listen` is what the options table says it is. */
    void *conf = calloc(1, inst->plugin->conf_size);
    const char *const *list = all;
    assert_non_null(conf);
    assert_string_equal(inst->plugin->options[0].name, "listen");
    memcpy((char *)conf + inst->plugin->options[0].at, &list, sizeof list);
    assert_int_equal(inst->plugin->check(conf, on_complaint, &c), -RUNNEL_EINVALID);
    assert_int_equal(c.n, N_ODD + N_FAR);
    assert_int_equal(c.sealed, N_FAR);
    free(conf);
    host_close(inst);
}

static int set_up(void **state) {
    *state = host_new();
    return 0;
}

static int tear_down(void **state) {
    host_free(*state);
    return 0;
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_says_its_real_ports, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_only_dials_without_listen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(both_families_share_a_port, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_start_that_fails_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_wrong_place_is_said, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
