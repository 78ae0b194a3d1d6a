/* SPDX-License-Identifier: MIT
 * node-conf.c — tests of the config: the faults of conf-faults.txt, good configs, and what is asked of them.
 * May touch: the heap, and conf-faults.txt.
 */
#include "base/err.h"
#include "check.h"
#include "node/conf.h"
#include "node/fill.h"
#include "plugins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULTS_MAX 131072u
#define AUTHOR "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct world {
    struct rn_registry r;
    struct rn_conf *c;
};

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    rn_registry_init(&w->r);
    assert_int_equal(test_plugins_add(&w->r), 0);
    w->c = rn_conf_new();
    assert_non_null(w->c);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    rn_conf_free(w->c);
    rn_registry_free(&w->r);
    free(w);
    return 0;
}

static void again(struct world *w) {
    rn_conf_free(w->c);
    w->c = rn_conf_new();
    assert_non_null(w->c);
}

static void add(struct world *w, const char *file, const char *text) {
    assert_int_equal(rn_conf_add(w->c, file, text, strlen(text)), 0);
}

/* ---- the table of faults ---- */

static char *read_faults(void) {
    char path[4096];
    const char *src = getenv("RUNNEL_SRC");
    (void)snprintf(path, sizeof path, "%s/tests/unit/conf-faults.txt", src != NULL ? src : ".");
    FILE *f = fopen(path, "r");
    if (f == NULL)
        fail_msg("%s cannot be read: set RUNNEL_SRC", path);
    char *text = malloc(FAULTS_MAX);
    assert_non_null(text);
    size_t n = fread(text, 1, FAULTS_MAX - 1, f);
    assert_true(n < FAULTS_MAX - 1);
    assert_int_equal(fclose(f), 0);
    text[n] = 0;
    return text;
}

/* Cuts the line at *s off and moves on; NULL at the end. */
static char *next_line(char **s) {
    char *line = *s;
    if (*line == 0)
        return NULL;
    char *end = strchr(line, '\n');
    if (end != NULL)
        *end = 0;
    *s = end != NULL ? end + 1 : line + strlen(line);
    return line;
}

/* One case: "== title", then "-- file" and its text, as often as need be, then "-> " before each error. */
struct a_case {
    char title[128], file[64];
    struct rn_buf text, want;
};

static void end_text(struct world *w, struct a_case *k) {
    if (k->file[0] != 0)
        add(w, k->file, rn_buf_cstr(&k->text));
    rn_buf_clear(&k->text);
    k->file[0] = 0;
}

static unsigned end_case(struct world *w, struct a_case *k) {
    if (k->title[0] == 0)
        return 0;
    end_text(w, k);
    int rc = rn_conf_check(w->c, &w->r);
    const char *got = rn_conf_errors(w->c);
    int same = rc == -RUNNEL_EINVALID && strcmp(got, rn_buf_cstr(&k->want)) == 0;
    if (!same)
        (void)fprintf(stderr, "== %s\ngot\n%swant\n%s", k->title, got, rn_buf_cstr(&k->want));
    rn_buf_clear(&k->want);
    again(w);
    return !same;
}

static void faults(void **state) {
    struct world *w = *state;
    struct a_case k = {0};
    unsigned wrong = 0, cases = 0;
    char *all = read_faults(), *s = all;
    for (char *line; (line = next_line(&s)) != NULL;) {
        if (strncmp(line, "== ", 3) == 0) {
            wrong += end_case(w, &k);
            (void)snprintf(k.title, sizeof k.title, "%.120s", line + 3);
            cases++;
        } else if (strncmp(line, "-- ", 3) == 0) {
            end_text(w, &k);
            (void)snprintf(k.file, sizeof k.file, "%.60s", line + 3);
        } else if (strncmp(line, "-> ", 3) == 0) {
            assert_int_equal(rn_buf_fmt(&k.want, "%s\n", line + 3), 0);
        } else if (k.file[0] != 0) {
            assert_int_equal(rn_buf_fmt(&k.text, "%s\n", line), 0);
        }
    }
    wrong += end_case(w, &k);
    rn_buf_free(&k.text);
    rn_buf_free(&k.want);
    free(all);
    assert_true(cases >= 60);
    assert_int_equal(wrong, 0);
}

/* ---- good configs ---- */

static const char good[] =
    "{ // a comment\n"
    "  \"node\": { \"data\": \"/var/lib/runnel\", \"storage\": \"main\", \"log\": \"info,bdb=warn\",\n"
    "            \"name\": \"a node\" },\n"
    "  \"storage\": { \"main\": { \"plugin\": \"bdb\", \"cache\": \"64MiB\", \"flush\": \"10ms\" },\n"
    "               \"other\": { \"plugin\": \"memory\" } },\n"
    "  \"transport\": { \"local\": { \"plugin\": \"unix\" },\n"
    "    \"wan\": { \"plugin\": \"tcp\", \"listen\": \"[::]:24600\", \"nodelay\": false, \"backlog\": 7,\n"
    "             \"idle\": \"1m\", \"allow\": \"10.0.0.0/8\", \"extra\": { \"a\": [ 1, 2.50 ] /* b */ } } },\n"
    "  \"sync\": { \"default\": { \"plugin\": \"incremental\" }, \"archive\": { \"plugin\": \"full\" } },\n"
    "  \"streams\": [ { \"author\": \"" AUTHOR
    "\", \"source\": \"noaa\", \"stream\": \"co2*\", \"sync\": \"archive\" } ] }\n";

static void check_good(struct world *w) {
    if (rn_conf_check(w->c, &w->r) != 0)
        fail_msg("%s", rn_conf_errors(w->c));
    assert_string_equal(rn_conf_errors(w->c), "");
}

static const struct rn_section *section(const struct rn_conf *c, const char *name) {
    rn_list_for (it, &c->sections)
        if (strcmp(rn_list_of(it, struct rn_section, link)->name, name) == 0)
            return rn_list_of(it, struct rn_section, link);
    fail_msg("no section %s", name);
    return NULL;
}

static void whole(void **state) {
    struct world *w = *state;
    add(w, "a.conf", good);
    check_good(w);
    assert_string_equal(w->c->data, "/var/lib/runnel");
    assert_string_equal(w->c->identity, "/var/lib/runnel/identity");
    assert_string_equal(w->c->log, "info,bdb=warn");
    assert_string_equal(w->c->name, "a node");
    assert_ptr_equal(w->c->storage, section(w->c, "main"));
    assert_ptr_equal(w->c->sync, section(w->c, "default"));
    const struct rn_section *wan = section(w->c, "wan");
    assert_int_equal(wan->kind, RUNNEL_TRANSPORT);
    assert_string_equal(wan->plugin->name, "tcp");
    assert_string_equal(wan->file, "a.conf");
    assert_int_equal(wan->line, 7);
    const struct tcp_conf *t = wan->conf;
    assert_string_equal(t->listen, "[::]:24600");
    assert_int_equal(t->nodelay, 0);
    assert_int_equal(t->backlog, 7);
    assert_true(t->idle == INT64_C(60000000000));
    assert_string_equal(t->allow[0], "10.0.0.0/8");
    assert_null(t->allow[1]);
    assert_int_equal(t->extra.n, strlen("{\"a\":[1,2.50]}"));
    assert_memory_equal(t->extra.p, "{\"a\":[1,2.50]}", t->extra.n);
    assert_int_equal(((const int64_t *)section(w->c, "main")->conf)[0], 67108864);
}

static void defaults(void **state) {
    struct world *w = *state;
    add(w, "a.conf",
        "{\"node\":{\"data\":\"/d\"},\"storage\":{\"only\":{\"plugin\":\"memory\"}},"
        "\"transport\":{\"t\":{\"plugin\":\"tcp\",\"listen\":\":1\"}}}");
    check_good(w);
    assert_string_equal(w->c->log, "info");
    assert_null(w->c->name);
    assert_string_equal(w->c->storage->name, "only");
    assert_string_equal(w->c->sync->name, "default");
    assert_string_equal(w->c->sync->plugin->name, "incremental");
    assert_null(w->c->sync->file);
    const struct tcp_conf *t = section(w->c, "t")->conf;
    assert_int_equal(t->nodelay, 1);
    assert_int_equal(t->backlog, 128);
    assert_int_equal(t->idle, 0);
    assert_string_equal(t->allow[0], "127.0.0.0/8");
    assert_string_equal(t->allow[1], "::1");
    assert_null(t->allow[2]);
    assert_int_equal(t->extra.n, 0);
}

/* Sections, words of "node" and rules come from all the texts. */
static void merged(void **state) {
    struct world *w = *state;
    add(w, "a.conf",
        "{\"node\":{\"data\":\"/d\",\"storage\":\"s\"},\"sync\":{\"x\":{\"plugin\":\"full\"}},"
        "\"streams\":[{\"id\":\"00000000-0000-8000-8000-000000000001\",\"sync\":\"x\"}]}");
    add(w, "b.conf", "{\"node\":{\"identity\":\"/k\"},\"storage\":{\"s\":{\"plugin\":\"bdb\"}}}");
    add(w, "c.conf",
        "{\"storage\":{\"u\":{\"plugin\":\"memory\"}},\"sync\":{\"y\":{\"plugin\":\"full\"}},"
        "\"streams\":[{\"sync\":\"y\"}]}");
    check_good(w);
    assert_string_equal(w->c->identity, "/k");
    assert_string_equal(w->c->storage->file, "b.conf");
    assert_string_equal(w->c->sync->name, "x"); /* none is called "default" */
    struct runnel_id id = {{0, 0, 0, 0, 0, 0, 0x80, 0, 0x80, 0, 0, 0, 0, 0, 0, 1}}, other = id;
    other.b[15] = 2;
    struct rn_descriptor d = {.source = "a", .stream = "b", .target = ""};
    assert_string_equal(rn_conf_sync_for(w->c, &id, NULL)->name, "x");
    assert_string_equal(rn_conf_sync_for(w->c, &other, NULL)->name, "x"); /* by default: rules without id wait */
    assert_string_equal(rn_conf_sync_for(w->c, &other, &d)->name, "y");
}

static void rules(void **state) {
    struct world *w = *state;
    struct rn_descriptor d = {.source = "noaa", .stream = "co2-weekly", .target = "mlo"};
    struct runnel_id id = {{0}};
    add(w, "a.conf", good);
    check_good(w);
    assert_int_equal(rn_hex_parse(AUTHOR, strlen(AUTHOR), d.author.b, sizeof d.author.b), 0);
    assert_string_equal(rn_conf_sync_for(w->c, &id, &d)->name, "archive");
    d.stream = "co";
    assert_string_equal(rn_conf_sync_for(w->c, &id, &d)->name, "default");
    d.stream = "co2";
    assert_string_equal(rn_conf_sync_for(w->c, &id, &d)->name, "archive");
    d.source = "noaa2";
    assert_string_equal(rn_conf_sync_for(w->c, &id, &d)->name, "default");
    d.source = "noaa";
    d.author.b[0] ^= 1;
    assert_string_equal(rn_conf_sync_for(w->c, &id, &d)->name, "default");
}

/* White space and comments do not change a section's print, values do. */
static void prints(void **state) {
    struct world *w = *state;
    static const char *const texts[] = {
        "{\"node\":{\"data\":\"/d\"},\"storage\":{\"s\":{\"plugin\":\"bdb\",\"cache\":\"2MiB\"}}}",
        "{\"node\":{\"data\":\"/d\"},\n\"storage\":{\"s\":{ \"plugin\":\"bdb\" /* x */,\n \"cache\":\"2MiB\"}}}",
        "{\"node\":{\"data\":\"/d\"},\"storage\":{\"s\":{\"plugin\":\"bdb\",\"cache\":\"3MiB\"}}}",
    };
    uint8_t print[3][32];
    for (size_t i = 0; i < 3; i++) {
        again(w);
        add(w, "a.conf", texts[i]);
        check_good(w);
        memcpy(print[i], section(w->c, "s")->print, 32);
    }
    assert_memory_equal(print[0], print[1], 32);
    assert_memory_not_equal(print[0], print[2], 32);
}

/* ---- properties ---- */

/* Whatever is cut off a good config, there is an error, and no crash. */
static void truncations(void **state) {
    struct world *w = *state;
    for (size_t n = 0; n < strlen(good) - 2; n++) {
        again(w);
        assert_int_equal(rn_conf_add(w->c, "a.conf", good, n), 0);
        assert_int_equal(rn_conf_check(w->c, &w->r), -RUNNEL_EINVALID);
        const char *errors = rn_conf_errors(w->c);
        assert_memory_equal(errors, "a.conf:", 7);
        assert_int_equal(errors[strlen(errors) - 1], '\n');
    }
}

/* One byte changed: it is good, or every error names its place. */
static void changes(void **state) {
    struct world *w = *state;
    static const char bytes[] = "\0 \"{}[],:\\0*-a\xff/";
    uint64_t seed = 1;
    for (size_t i = 0; i < 3000; i++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        text[check_below(&seed, sizeof good - 1)] = bytes[check_below(&seed, sizeof bytes - 1)];
        again(w);
        assert_int_equal(rn_conf_add(w->c, "a.conf", text, sizeof good - 1), 0);
        if (rn_conf_check(w->c, &w->r) == 0)
            continue;
        for (const char *line = rn_conf_errors(w->c); *line != 0; line = strchr(line, '\n') + 1) {
            unsigned at = 0;
            assert_int_equal(sscanf(line, "a.conf:%u: ", &at), 1);
            assert_in_range(at, 1, 11);
        }
    }
}

static void too_many_errors(void **state) {
    struct world *w = *state;
    struct rn_buf b = {0};
    assert_int_equal(rn_buf_str(&b, "{\"node\":{\"data\":\"/d\"},\"storage\":{\"s\":{\"plugin\":\"bdb\""), 0);
    for (unsigned i = 0; i < RN_CONF_ERRORS + 20; i++)
        assert_int_equal(rn_buf_fmt(&b, ",\n\"x%u\":1", i), 0);
    assert_int_equal(rn_buf_str(&b, "}}}"), 0);
    add(w, "a.conf", rn_buf_cstr(&b));
    rn_buf_free(&b);
    assert_int_equal(rn_conf_check(w->c, &w->r), -RUNNEL_EINVALID);
    const char *errors = rn_conf_errors(w->c);
    unsigned lines = 0;
    for (const char *s = errors; (s = strchr(s, '\n')) != NULL; s++)
        lines++;
    assert_int_equal(lines, RN_CONF_ERRORS + 1);
    assert_non_null(strstr(errors, "\nand 20 more errors\n"));
}

static void no_text(void **state) {
    struct world *w = *state;
    assert_int_equal(rn_conf_check(w->c, &w->r), -RUNNEL_EINVALID);
    assert_string_equal(rn_conf_errors(w->c), "no config was given\n");
}

/* ---- without files ---- */

static void fill(void **state) {
    struct rn_json *o = NULL;
    struct runnel_err err;
    void *conf = NULL;
    static const char ok[] = "{\"plugin\":\"tcp\",\"listen\":\":1\"}";
    static const char bad[] = "{\"listen\":\":1\",\"backlog\":0,\"idle\":5}";
    (void)state;
    assert_int_equal(rn_conf_fill(&test_tcp, NULL, &conf, &err), -RUNNEL_EINVALID);
    assert_null(conf);
    assert_string_equal(err.msg, "listen: found nothing, want a string of 1 to 64 bytes; add \"listen\": where to "
                                 "listen: host:port");
    assert_int_equal(rn_json_parse(ok, strlen(ok), NULL, &o, NULL, NULL), 0);
    assert_int_equal(rn_conf_fill(&test_tcp, o, &conf, &err), 0);
    rn_json_free(o); /* the conf stands alone */
    assert_string_equal(((struct tcp_conf *)conf)->listen, ":1");
    rn_conf_fill_free(conf);
    rn_conf_fill_free(NULL);
    assert_int_equal(rn_json_parse(bad, strlen(bad), NULL, &o, NULL, NULL), 0);
    assert_int_equal(rn_conf_fill(&test_tcp, o, &conf, &err), -RUNNEL_EINVALID);
    assert_string_equal(err.msg, "backlog: found 0, want an integer from 1 to 4096; correct it, or leave it out for "
                                 "the default 128");
    rn_json_free(o);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(faults),      T(whole),   T(defaults),        T(merged),  T(rules), T(prints),
        T(truncations), T(changes), T(too_many_errors), T(no_text), T(fill),
    };
    return cmocka_run_group_tests_name("node-conf", tests, NULL, NULL);
}
