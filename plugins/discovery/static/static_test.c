/* SPDX-License-Identifier: MIT
 * static_test.c — which lists static finds, and what it says of a wrong one.
 * May touch: the plugin, the test host.
 */
#include "tests/conformance/host.h"
#include <runnel/discovery.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID "00010203-0405-8607-8809-0a0b0c0d0e0f"
#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define STREAM_ID                                                                                                      \
    {                                                                                                                  \
        { 0, 1, 2, 3, 4, 5, 0x86, 7, 0x88, 9, 10, 11, 12, 13, 14, 15 }                                                 \
    }

static const uint8_t author_a[32] = {0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
                                     0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
                                     0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa};

/* The last list told, as text: "P tcp://a S tcp://b@bb". */
struct told {
    char text[1024];
    unsigned times;
    bool now;
};

static void add_text(struct told *t, const char *text) {
    size_t n = strlen(t->text);
    (void)snprintf(t->text + n, sizeof t->text - n, "%s", text);
}

static void on_found(struct runnel_inst *inst, uint64_t watch, const struct runnel_candidate *const *list, size_t n) {
    struct told *t = inst->user;
    char node[8];
    (void)watch;
    t->text[0] = '\0';
    t->times++;
    t->now = true;
    for (size_t k = 0; k < n; k++) {
        add_text(t, k ? " " : "");
        add_text(t, list[k]->role == RUNNEL_PUBLISHER ? "P " : "S ");
        add_text(t, list[k]->address);
        if (list[k]->node && snprintf(node, sizeof node, "@%02x", list[k]->node[0]) > 0)
            add_text(t, node);
    }
}

static const struct runnel_discovery_up up = {.size = sizeof up, .found = on_found};

static const char *peers_word(const char *peers) {
    static char word[4096];
    assert_true(snprintf(word, sizeof word, "peers=%s", peers) < (int)sizeof word);
    return word;
}

static struct runnel_inst *open_with(const char *peers, struct told *t) {
    char path[4096];
    struct runnel_err err = {0};
    struct host_section section = {.path = host_plugin_path("discovery", "static", path, sizeof path),
                                   .up = &up,
                                   .user = t,
                                   .kind = RUNNEL_DISCOVERY,
                                   .conf = (const char *const[]){peers_word(peers), NULL}};
    struct runnel_inst *inst = host_open(host_new(), &section, &err);
    if (!inst || host_start(inst, &err) != 0)
        fail_msg("cannot be opened: %s", err.msg);
    return inst;
}

static void close_it(struct runnel_inst *inst) {
    struct test_host *h = inst->host;
    host_close(inst);
    host_free(h);
}

static void watch(struct runnel_inst *inst, const struct runnel_sought *sought) {
    struct told *t = inst->user;
    t->now = false;
    ((const struct runnel_discovery *)inst->ops)->watch(inst->self, 1, sought, 1);
    if (!host_run_until(inst->host, host_flag, &t->now, 20000))
        fail_msg("nothing was told");
}

/* What is found for a stream with these options. */
static void finds(const char *peers, const struct runnel_sought *sought, const char *want) {
    struct told t = {0};
    struct runnel_inst *inst = open_with(peers, &t);
    watch(inst, sought);
    assert_string_equal(t.text, want);
    close_it(inst);
}

static const struct runnel_sought by_id = {.size = sizeof by_id, .has_id = 1, .id = STREAM_ID};
static const struct runnel_sought named = {
    .size = sizeof named, .author = author_a, .source = "noaa", .stream = "co2", .target = "mlo"};
static const struct runnel_sought both = {.size = sizeof both,
                                          .has_id = 1,
                                          .id = STREAM_ID,
                                          .author = author_a,
                                          .source = "noaa",
                                          .stream = "co2",
                                          .target = "mlo"};
static const struct runnel_sought author_only = {.size = sizeof author_only, .author = author_a};
static const struct runnel_sought no_target = {
    .size = sizeof no_target, .author = author_a, .source = "noaa", .stream = "co2", .target = ""};

static void an_id_matches(void **state) {
    (void)state;
    finds("{\"" ID "\": [\"tcp://p\", \"tcp://s\"]}", &by_id, "P tcp://p S tcp://s");
    finds("{\"" ID "\": [\"tcp://p\"]}", &named, "");
    finds("{\"00010203-0405-8607-8809-0A0B0C0D0E0F\": [\"tcp://p\"]}", &by_id, "P tcp://p");
    finds("{}", &by_id, "");
}

static void a_name_matches(void **state) {
    (void)state;
    finds("{\"" A "/noaa/co2/mlo\": [\"tcp://p\"]}", &named, "P tcp://p");
    finds("{\"" A "/noaa/co2\": [\"tcp://p\"]}", &named, "P tcp://p");
    finds("{\"" A "/noaa\": [\"tcp://p\"]}", &named, "P tcp://p");
    finds("{\"" A "\": [\"tcp://p\"]}", &named, "P tcp://p");
    finds("{\"" A "/*/co2/*\": [\"tcp://p\"]}", &named, "P tcp://p");
    finds("{\"" A "/noaa/co2/\": [\"tcp://p\"]}", &named, "");
    finds("{\"" A "/noaa/co2/\": [\"tcp://p\"]}", &no_target, "P tcp://p");
    finds("{\"" A "/noaa/temp\": [\"tcp://p\"]}", &named, "");
    finds("{\"" B "/noaa/co2/mlo\": [\"tcp://p\"]}", &named, "");
    finds("{\"" A "/noaa\": [\"tcp://p\"]}", &by_id, "");
    finds("{\"" A "/noaa\": [\"tcp://p\"]}", &author_only, "");
    finds("{\"" A "/*/*/*\": [\"tcp://p\"]}", &author_only, "P tcp://p");
}

static void lists_are_joined_closest_first(void **state) {
    (void)state;
    static const char peers[] = "{\"*\": [\"tcp://all\", \"tcp://p\"], \"" A "\": [\"tcp://n\", \"tcp://all\"], \"" ID
                                "\": [\"tcp://p\", \"tcp://s\"]}";
    finds(peers, &both, "P tcp://p S tcp://s S tcp://n S tcp://all");
    finds(peers, &named, "P tcp://n S tcp://all S tcp://p");
    finds(peers, &by_id, "P tcp://p S tcp://s S tcp://all");
    finds(peers, &(struct runnel_sought){.size = sizeof by_id, .has_id = 1}, "P tcp://all S tcp://p");
}

static void a_node_id_is_kept(void **state) {
    (void)state;
    finds("{\"*\": [{\"address\": \"tcp://p\", \"node\": \"" A "\"}, {\"address\": \"tcp://q\"}]}", &by_id,
          "P tcp://p@aa S tcp://q");
    finds("{\"*\": [\"tcp://p\", {\"address\": \"tcp://p\", \"node\": \"" A "\"}]}", &by_id, "P tcp://p@aa");
    finds("{\"*\": [{\"address\": \"tcp://p\", \"node\": \"" A "\"}, {\"address\": \"tcp://p\", \"node\": \"" B "\"}]}",
          &by_id, "P tcp://p@aa S tcp://p@bb");
}

static void a_reload_tells_what_changed(void **state) {
    (void)state;
    struct told t = {0};
    struct runnel_err err = {0};
    struct runnel_inst *inst = open_with("{\"" ID "\": [\"tcp://p\"]}", &t);
    watch(inst, &by_id);
    assert_int_equal(t.times, 1);
    assert_int_equal(
        host_reload(inst, (const char *const[]){peers_word("{\"" ID "\":[\"tcp://p\"],\"" A "\":[\"tcp://x\"]}"), NULL},
                    &err),
        0);
    host_settle(inst->host);
    assert_int_equal(t.times, 1);
    t.now = false;
    assert_int_equal(host_reload(inst, (const char *const[]){peers_word("{\"*\":[\"tcp://q\"]}"), NULL}, &err), 0);
    assert_false(t.now);
    assert_true(host_run_until(inst->host, host_flag, &t.now, 20000));
    assert_string_equal(t.text, "P tcp://q");
    assert_true(host_reload(inst, (const char *const[]){peers_word("{\"?\":[]}"), NULL}, &err) < 0);
    watch(inst, &by_id);
    assert_string_equal(t.text, "P tcp://q");
    close_it(inst);
}

struct complaints {
    unsigned n;
    char text[8192];
};

static void on_complaint(void *arg, const char *option, const char *found, const char *want, const char *remedy) {
    struct complaints *c = arg;
    size_t n = strlen(c->text);
    assert_string_equal(option, "peers");
    assert_true(found[0] && want[0] && remedy[0]);
    c->n++;
    (void)snprintf(c->text + n, sizeof c->text - n, "%s\n", found);
}

static void everything_wrong_is_said(void **state) {
    (void)state;
    static const char peers[] =
        "{\"noaa/co2\": [\"tcp://p\"], \"\": [], \"" A "/a/b/c/d\": [], \"" A "//b\": [], "
        "\"00010203-0405-4607-8809-0a0b0c0d0e0f\": [], "
        "\"" A "\": \"tcp://p\", "
        "\"*\": [\"tcp:/p\", \"127.0.0.1:24600\", \"tcp://\", \"tcp://a b\", 5, {\"node\": \"12\"}, "
        "{\"address\": \"tcp://p\", \"role\": 1}, \"://x\"]}";
    static const char *const found[] = {"noaa/co2",   "\"\"",       "/a/b/c/d",    "//b",      "00010203-0405-4",
                                        "a string",   "tcp:/p",     "127.0.0.1:2", "tcp://\"", "tcp://a b",
                                        "an integer", "no address", "node 12",     "\"role\"", "\"://x\""};
    struct told t = {0};
    struct complaints c = {0};
    struct runnel_inst *inst = open_with("{}", &t);
    /* The plugin's conf is one value. */
    struct runnel_bytes conf = {(const uint8_t *)peers, sizeof peers - 1};
    assert_int_equal(inst->plugin->conf_size, sizeof conf);
    assert_int_equal(inst->plugin->check(&conf, on_complaint, &c), -RUNNEL_EINVALID);
    for (size_t k = 0; k < sizeof found / sizeof found[0]; k++)
        if (!strstr(c.text, found[k]))
            fail_msg("nothing was said of %s:\n%s", found[k], c.text);
    assert_int_equal(c.n, sizeof found / sizeof found[0]);
    static const char *const odd[] = {"[]", "5", "{", "{\"*\":[],\"*\":[]}", "null"};
    for (size_t k = 0; k < sizeof odd / sizeof odd[0]; k++) {
        c = (struct complaints){0};
        conf = (struct runnel_bytes){(const uint8_t *)odd[k], strlen(odd[k])};
        assert_int_equal(inst->plugin->check(&conf, on_complaint, &c), -RUNNEL_EINVALID);
        assert_int_equal(c.n, 1);
    }
    conf = (struct runnel_bytes){NULL, 0};
    assert_int_equal(inst->plugin->check(&conf, on_complaint, &c), 0);
    close_it(inst);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_matches),
        cmocka_unit_test(a_name_matches),
        cmocka_unit_test(lists_are_joined_closest_first),
        cmocka_unit_test(a_node_id_is_kept),
        cmocka_unit_test(a_reload_tells_what_changed),
        cmocka_unit_test(everything_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
