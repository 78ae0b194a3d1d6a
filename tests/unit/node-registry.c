/* SPDX-License-Identifier: MIT
 * node-registry.c — tests of the registry: sizes, versions, tables, names.
 * May touch: the heap.
 */
#include "base/err.h"
#include "base/json.h"
#include "check.h"
#include "node/conf.h"
#include "node/near.h"
#include "plugins.h"

#include <stdio.h>
#include <string.h>

static int setup(void **state) {
    static struct rn_registry r;
    rn_registry_init(&r);
    *state = &r;
    return 0;
}

static int teardown(void **state) {
    rn_registry_free(*state);
    return 0;
}

static void refused(struct rn_registry *r, const struct runnel_plugin *p, int code, const char *msg) {
    struct runnel_err err = {0};
    assert_int_equal(rn_registry_add(r, p, "x.so", NULL, &err), -code);
    assert_string_equal(err.msg, msg);
    assert_null(rn_registry_next(r, NULL));
}

static void versions(void **state) {
    struct runnel_plugin p = test_tcp;
    p.abi_major = 2;
    p.abi_minor = 5;
    refused(*state, &p, RUNNEL_EUNSUPPORTED,
            "x.so: the plugin is built for plugin ABI 2.5, this runnel has 1.0: install a build of the plugin for ABI "
            "1");
    p.abi_major = 1;
    refused(
        *state, &p, RUNNEL_EUNSUPPORTED,
        "x.so: the plugin needs plugin ABI 1.5, this runnel has 1.0: upgrade runnel, or install an older version of "
        "the plugin");
}

/* A newer plugin has more fields, which we do not read; an older one fewer, which count as zero. */
static void sizes(void **state) {
    struct {
        struct runnel_plugin p;
        uint64_t newer[8];
    } newer = {test_tcp, {1, 2, 3, 4, 5, 6, 7, 8}};
    struct runnel_plugin older = test_tcp;
    const struct runnel_plugin *got = NULL;
    newer.p.size = sizeof newer;
    assert_int_equal(rn_registry_add(*state, &newer.p, "newer.so", &got, NULL), 0);
    assert_string_equal(got->name, "tcp");
    assert_ptr_equal(got->ops, test_tcp.ops);
    older.size = offsetof(struct runnel_plugin, ops);
    older.kind = RUNNEL_SERVICE;
    older.name = "older";
    assert_int_equal(rn_registry_add(*state, &older, "older.so", &got, NULL), 0);
    assert_null(got->ops);
    assert_ptr_equal(rn_registry_next(*state, rn_registry_next(*state, NULL)), got);
    assert_string_equal(rn_registry_from(*state, got), "older.so");
    rn_registry_free(*state);
    older.kind = RUNNEL_TRANSPORT;
    refused(*state, &older, RUNNEL_EINVALID,
            "x.so: the plugin lacks calls that every transport plugin must have: tell its author");
    older.size = 12;
    refused(*state, &older, RUNNEL_EINVALID, "x.so: no runnel plugin: it says that it has 12 bytes");
}

static void heads(void **state) {
    struct runnel_plugin p = test_tcp;
    p.kind = 9;
    refused(*state, &p, RUNNEL_EUNSUPPORTED, "x.so: the plugin is of kind 9, which this runnel does not know");
    p = test_tcp;
    static const char *const names[] = {"", "Tcp", "9p", "a_b", "a.b", "abcdefghijklmnopqrstuvwxyz0123456", NULL};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        p.name = names[i];
        refused(*state, &p, RUNNEL_EINVALID,
                "x.so: the plugin's name is not of the form [a-z][a-z0-9-]{0,31}: tell its author");
    }
    p = test_tcp;
    p.destroy = NULL;
    refused(*state, &p, RUNNEL_EINVALID,
            "x.so: the plugin lacks a version, a summary, create or destroy: tell its author");
    struct runnel_transport ops = *(const struct runnel_transport *)test_tcp.ops;
    p = test_tcp;
    p.ops = &ops;
    ops.write = NULL;
    refused(*state, &p, RUNNEL_EINVALID,
            "x.so: the plugin lacks calls that every transport plugin must have: tell its author");
    ops = *(const struct runnel_transport *)test_tcp.ops;
    ops.size = 16;
    refused(*state, &p, RUNNEL_EINVALID,
            "x.so: the plugin lacks calls that every transport plugin must have: tell its author");
}

/* One faulty option in place of the first of a table. */
static void option_refused(struct rn_registry *r, struct runnel_option o, const char *why) {
    struct runnel_option table[2] = {o, {"other", RUNNEL_OPT_INT, 0, 8, "1", 0, 0, "help"}};
    struct runnel_plugin p = test_memory;
    char msg[300];
    p.options = table;
    p.n_options = 2;
    p.option_size = sizeof *table;
    p.conf_size = 16;
    (void)snprintf(msg, sizeof msg, "x.so: %s: tell its author", why);
    refused(r, &p, RUNNEL_EINVALID, msg);
}

static void options(void **state) {
    struct runnel_option o = {"one", RUNNEL_OPT_INT, 0, 0, "5", 1, 10, "help"}, bad;
#define BAD(field, value, why) (bad = o, bad.field = (value), option_refused(*state, bad, (why)))
    BAD(name, "One", "option 0 of the plugin has a name that is not of the form [a-z][a-z0-9_-]{0,31}");
    BAD(name, NULL, "option 0 of the plugin has a name that is not of the form [a-z][a-z0-9_-]{0,31}");
    BAD(name, "plugin", "option \"plugin\" of the plugin: the name is the host's own");
    BAD(name, "other", "option \"other\" of the plugin: the name stands in the table twice");
    BAD(type, 0, "option \"one\" of the plugin: the type is not known");
    BAD(type, 8, "option \"one\" of the plugin: the type is not known");
    BAD(at, 9, "option \"one\" of the plugin: it lies outside the conf");
    BAD(at, SIZE_MAX, "option \"one\" of the plugin: it lies outside the conf");
    BAD(at, 4, "option \"one\" of the plugin: its place in the conf is not aligned");
    BAD(min, 11, "option \"one\" of the plugin: its least value exceeds its greatest");
    BAD(flags, RUNNEL_OPT_REQUIRED, "option \"one\" of the plugin: it is required and yet has a default");
    BAD(help, NULL, "option \"one\" of the plugin: it has no help");
    BAD(dflt, "11", "option \"one\" of the plugin has the default 11, want an integer from 1 to 10");
    BAD(dflt, "five", "option \"one\" of the plugin has the default \"five\", want an integer from 1 to 10");
    o.type = RUNNEL_OPT_DURATION;
    BAD(dflt, "5",
        "option \"one\" of the plugin has the default \"5\", want a duration from 1ns to 10ns, such as \"5\"");
    o.type = RUNNEL_OPT_STRINGS;
    BAD(dflt, "[1]", "option \"one\" of the plugin has the default 1, want a string or an array of strings");
#undef BAD
    struct runnel_plugin p = test_tcp;
    p.option_size = 8;
    refused(*state, &p, RUNNEL_EINVALID,
            "x.so: the plugin's table of 6 options of 8 bytes each cannot be read: tell its author");
    p.option_size = sizeof(struct runnel_option);
    p.n_options = 257;
    char msg[128];
    (void)snprintf(msg, sizeof msg,
                   "x.so: the plugin's table of 257 options of %zu bytes each cannot be read: tell its author",
                   sizeof(struct runnel_option));
    refused(*state, &p, RUNNEL_EINVALID, msg);
}

/* A newer plugin's options are longer; each is read up to what we know. */
static void longer_options(void **state) {
    struct {
        struct runnel_option o;
        uint64_t newer[2];
    } table[2] = {{{"a", RUNNEL_OPT_INT, 0, 0, "1", 0, 0, "help"}, {7, 7}},
                  {{"b", RUNNEL_OPT_INT, 0, 8, "2", 0, 0, "help"}, {7, 7}}};
    struct runnel_plugin p = test_memory;
    const struct runnel_plugin *got = NULL;
    void *conf = NULL;
    p.options = &table[0].o;
    p.n_options = 2;
    p.option_size = sizeof *table;
    p.conf_size = 16;
    assert_int_equal(rn_registry_add(*state, &p, "x.so", &got, NULL), 0);
    assert_string_equal(rn_plugin_option(got, 1).name, "b");
    assert_int_equal(rn_conf_fill(got, NULL, &conf, NULL), 0);
    assert_int_equal(((int64_t *)conf)[0], 1);
    assert_int_equal(((int64_t *)conf)[1], 2);
    rn_conf_fill_free(conf);
}

static void twice(void **state) {
    struct runnel_err err;
    assert_int_equal(test_plugins_add(*state), 0);
    assert_int_equal(rn_registry_add(*state, &test_tcp, "/b/tcp.so", NULL, &err), -RUNNEL_ECONFLICT);
    assert_string_equal(err.msg, "/b/tcp.so: the transport plugin \"tcp\" is there already, from built in: remove one "
                                 "of them");
}

/* ---- on demand ---- */

static int load(void *arg, struct rn_registry *r, uint32_t kind, const char *name, struct runnel_err *err) {
    int *calls = arg;
    ++*calls;
    if (kind == RUNNEL_TRANSPORT && strcmp(name, "unix") == 0)
        return rn_registry_add(r, &test_unix, "loaded", NULL, err);
    if (strcmp(name, "broken") == 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "broken.so: half a file");
    return rn_fail(err, RUNNEL_ENOTFOUND, "no file");
}

static void name_all(void *arg, uint32_t kind, void (*name)(void *to, const char *name), void *to) {
    (void)arg;
    if (kind == RUNNEL_TRANSPORT) {
        name(to, "quic");
        name(to, "unix");
    }
}

static void append(void *to, const char *name) {
    strcat(to, name);
    strcat(to, " ");
}

static void on_demand(void **state) {
    struct rn_registry *r = *state;
    struct runnel_err err;
    int calls = 0;
    char names[64] = "";
    r->load = load;
    r->load_arg = &calls;
    r->names = name_all;
    assert_non_null(rn_registry_find(r, RUNNEL_TRANSPORT, "unix", &err));
    assert_non_null(rn_registry_find(r, RUNNEL_TRANSPORT, "unix", &err));
    assert_int_equal(calls, 1);
    assert_null(rn_registry_find(r, RUNNEL_TRANSPORT, "broken", &err));
    assert_string_equal(err.msg, "broken.so: half a file");
    assert_null(rn_registry_find(r, RUNNEL_TRANSPORT, "qiuc", &err));
    assert_string_equal(err.msg, "there is no transport plugin \"qiuc\"; did you mean \"quic\"?");
    assert_null(rn_registry_find(r, RUNNEL_STORAGE, "unix", &err));
    assert_string_equal(err.msg, "there is no storage plugin \"unix\"");
    rn_registry_names(r, RUNNEL_TRANSPORT, append, names);
    assert_string_equal(names, "unix quic ");
}

static void describe(void **state) {
    struct rn_buf b = {0};
    struct rn_jw w;
    const struct runnel_plugin *p = NULL;
    assert_int_equal(rn_registry_add(*state, &test_bdb, "built in", &p, NULL), 0);
    rn_jw_init(&w, &b);
    rn_plugin_describe(&w, p, "built in");
    assert_string_equal(
        rn_buf_cstr(&b),
        "{\"kind\":\"storage\",\"name\":\"bdb\",\"version\":\"1\",\"summary\":\"for tests\",\"abi\":{\"major\":1,"
        "\"minor\":0},\"from\":\"built in\",\"options\":[{\"name\":\"cache\",\"type\":\"size\",\"default\":\"32MiB\","
        "\"min\":\"1MiB\",\"max\":\"1GiB\",\"required\":false,\"live\":false,\"help\":\"memory for pages\"},{\"name\":"
        "\"flush\",\"type\":\"duration\",\"default\":\"5ms\",\"min\":\"0s\",\"max\":\"1s\",\"required\":false,"
        "\"live\":true,\"help\":\"how long a commit may wait for others\"}]}");
    rn_buf_free(&b);
}

static void kinds(void **state) {
    (void)state;
    for (uint32_t k = 1; k <= 5; k++)
        assert_int_equal(rn_kind_of(rn_kind_name(k)), k);
    assert_null(rn_kind_name(0));
    assert_null(rn_kind_name(6));
    assert_int_equal(rn_kind_of("format"), 0);
}

/* ---- words that are near ---- */

static void distances(void **state) {
    static const struct {
        const char *a, *b;
        size_t d;
    } rows[] = {{"", "", 0},
                {"", "abc", 3},
                {"listen", "listen", 0},
                {"lisen", "listen", 1},
                {"lsiten", "listen", 1},
                {"listne", "listen", 1},
                {"kitten", "sitting", 3},
                {"ab", "ba", 1},
                {"abc", "ca", 3}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(rn_near_distance(rows[i].a, rows[i].b), rows[i].d);
        assert_int_equal(rn_near_distance(rows[i].b, rows[i].a), rows[i].d);
    }
}

static const char *nearest(struct rn_near *n, const char *word) {
    rn_near_init(n, word);
    rn_near_try(n, "listen");
    rn_near_try(n, "backlog");
    rn_near_try(n, "tcp");
    return n->best;
}

static void nearest_words(void **state) {
    struct rn_near n;
    (void)state;
    assert_string_equal(nearest(&n, "litsen"), "listen");
    assert_string_equal(nearest(&n, "back-log"), "backlog");
    assert_string_equal(nearest(&n, "tpc"), "tcp");
    assert_string_equal(nearest(&n, "udp"), "");
    assert_string_equal(nearest(&n, ""), "");
    assert_string_equal(nearest(&n, "a-word-that-is-very-much-longer-than-any-word-that-is-known"), "");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(versions),  T(sizes),    T(heads), T(options),   T(longer_options), T(twice),
        T(on_demand), T(describe), T(kinds), T(distances), T(nearest_words),
    };
    return cmocka_run_group_tests_name("node-registry", tests, NULL, NULL);
}
