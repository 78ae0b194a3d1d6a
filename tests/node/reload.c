/* SPDX-License-Identifier: MIT
 * reload.c — another config for a node that runs: who may ask, what is answered, and what outlives what.
 * May touch: the world.
 */
#include "base/err.h"
#include "node/node.h"
#include "tests/node/bed.h"

#include <stdio.h>
#include <string.h>

#define MANY 20

/* The test itself does what was asked for. */
static void ask(void *ctx) {
    (void)ctx;
}

static void begin(struct bed *b, uint64_t seed) {
    bed_init(b, seed);
    bed_a(b)->env.reload = ask;
}

/* A conf with these sections besides those of the bed. */
static struct rn_conf *conf_with(struct bed *b, const char *name, const char *more) {
    char text[1024];
    struct rn_conf *c = rn_conf_new();
    (void)snprintf(
        text, sizeof text,
        "{\"node\":{\"data\":\"/sim\",\"name\":\"%s\"},\"storage\":{\"main\":{\"plugin\":\"simdisk\"}},"
        "\"transport\":{\"net\":{\"plugin\":\"sim\"}},\"sync\":{\"default\":{\"plugin\":\"incremental\"}}%s}",
        name, more);
    assert_non_null(c);
    assert_int_equal(rn_conf_add(c, "other", text, strlen(text)), 0);
    if (rn_conf_check(c, &bed_a(b)->registry) != 0)
        fail_msg("%s", rn_conf_errors(c));
    return c;
}

/* As the daemon does it. */
static int take(struct bed *b, const char *name, const char *more) {
    struct sim_node *n = bed_a(b);
    struct rn_buf told = {.max = 65536};
    struct rn_conf *c = conf_with(b, name, more);
    int rc = rn_node_reload(n->node, c, &told);
    rn_buf_free(&told);
    rn_conf_free(rc == 0 ? n->conf : c);
    if (rc == 0)
        n->conf = c;
    return rc;
}

static size_t items(struct got *g, const char *key) {
    size_t n = 0;
    const struct rn_json *list = rn_json_get(got_json(g), key);
    for (const struct rn_json *v = list ? list->child : NULL; v; v = v->next)
        n++;
    return n;
}

static void who_asks(void **state) {
    struct bed b;
    (void)state;
    begin(&b, 1);
    struct client *admin = client_new(&b, "a", 1), *stranger = client_new(&b, "a", 0);
    got_is_error(client_answer(stranger, client_send(stranger, "{\"method\":\"reload\"}")), "denied", "admin");

    uint64_t one = client_send(admin, "{\"method\":\"reload\"}"), two = client_send(admin, "{\"method\":\"reload\"}");
    sim_run(&b.w, SIM_S);
    assert_null(client_find(admin, NULL, RN_FRAME_ANSWER, one)); /* not before it is done */
    assert_int_equal(take(&b, "named", ",\"discovery\":{\"d\":{\"plugin\":\"static\"}}"), 0);
    for (uint64_t id = one; id <= two; id++) {
        struct got *g = client_answer(admin, id);
        assert_int_equal(got_bool(g, "taken"), 1);
        assert_int_equal(items(g, "changes"), 2);
    }
    assert_string_equal(got_str(client_ask(admin, "{\"method\":\"status\"}"), "name"), "named");

    bed_a(&b)->env.reload = NULL;
    got_is_error(client_answer(admin, client_send(admin, "{\"method\":\"reload\"}")), "unsupported",
                 "no configuration");
    bed_free(&b);
}

/* More errors than an answer holds: it says so, and is an answer. */
static void many_errors(void **state) {
    struct bed b;
    struct rn_buf errors = {.max = 1 << 20};
    (void)state;
    begin(&b, 2);
    struct client *admin = client_new(&b, "a", 1);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(rn_buf_fmt(&errors, "file:%d: \"quoted\": found %060d, want less\n", i, i), 0);
    uint64_t id = client_send(admin, "{\"method\":\"reload\"}");
    sim_run(&b.w, SIM_S);
    rn_node_reload_refused(bed_a(&b)->node, rn_buf_cstr(&errors));
    struct got *g = client_answer(admin, id);
    assert_int_equal(got_bool(g, "taken"), 0);
    size_t n = items(g, "errors");
    assert_true(n > 100 && n < 3000);
    rn_buf_free(&errors);
    bed_free(&b);
}

/* Instances come and go, again and again; the conf before is freed each time; then it stops, or is killed, while some
 * are still leaving. */
static void again_and_again(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct bed b;
        char more[256];
        begin(&b, seed);
        struct client *c = client_new(&b, "a", 1);
        struct runnel_id id = make_stream(c, "s");
        uint64_t f = client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\"}", id_text(&id).s);
        for (int i = 0; i < MANY; i++) {
            (void)snprintf(more, sizeof more,
                           ",\"discovery\":{\"d%d\":{\"plugin\":\"static\",\"peers\":{\"*\":[\"sim://x%d\"]}},"
                           "\"always\":{\"plugin\":\"static\",\"peers\":{\"*\":[\"sim://y%d\"]}}}",
                           i / 2, i, i / 3);
            assert_int_equal(take(&b, i % 2 ? "odd" : "even", more), 0);
            (void)published(c, &id, 0, 0, &(struct ob){1000 + i, "1"}, 1);
            if (seed % 3 == 0)
                sim_run(&b.w, SIM_MS);
        }
        sim_run(&b.w, SIM_S);
        assert_int_equal(c->lost, 0);
        assert_int_equal(client_taken(c, f, 0, 0).next, MANY);
        if (seed % 3 != 1) {
            assert_int_equal(take(&b, "last", ""), 0);
            (void)client_send(c, "{\"method\":\"reload\"}"); /* nobody will answer it */
            sim_run(&b.w, seed % 2 ? 0 : SIM_S / 4);
        }
        if (seed % 2) {
            sim_node_stop(bed_a(&b));
            assert_int_equal(take(&b, "too late", ""), -RUNNEL_EBUSY);
            assert_int_equal(sim_node_wait(bed_a(&b), SIM_DOWN, 15 * SIM_S), 1);
        }
        bed_free(&b);
    }
}

/* A transport that goes takes its sessions with it; the rest are not touched. */
static void a_transport_goes(void **state) {
    struct bed b;
    struct rn_buf told = {.max = 65536};
    (void)state;
    begin(&b, 3);
    struct client *c = client_new(&b, "a", 1);
    const char *text = "{\"node\":{\"data\":\"/sim\"},\"storage\":{\"main\":{\"plugin\":\"simdisk\"}}}";
    struct rn_conf *none = rn_conf_new();
    assert_int_equal(rn_conf_add(none, "other", text, strlen(text)), 0);
    assert_int_equal(rn_conf_check(none, &bed_a(&b)->registry), 0);
    assert_int_equal(rn_node_reload(bed_a(&b)->node, none, &told), 0);
    assert_string_equal(rn_buf_cstr(&told), "transport.net: removed\n");
    rn_buf_free(&told);
    rn_conf_free(bed_a(&b)->conf);
    bed_a(&b)->conf = none;
    assert_int_equal(client_wait_lost(c, SIM_S), 1);
    got_is_error(client_find(c, NULL, RN_FRAME_ERROR, 0), "closed", "taken out of the configuration");
    sim_run(&b.w, SIM_S);
    bed_free(&b);
}

/* ---- what may wait for a reader ---- */

static size_t most_unsent(struct bed *b) {
    struct rn_burden burden;
    rn_node_burden(bed_a(b)->node, &burden);
    return burden.unsent;
}

/* Readers that are there already are held to the new bound as well, and lose nothing by it. */
static void unsent_changes_at_once(void **state) {
    static const struct {
        const char *name; /* and what stands behind it */
        size_t most;
    } rows[] = {{"a", 262144}, {"a\",\"unsent\":\"128KiB", 131072}, {"a\",\"unsent\":\"1MiB", 1048576}};
    struct bed b;
    (void)state;
    begin(&b, 60);
    struct client *c = client_new(&b, "a", 1), *slow = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    uint64_t q = client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"credit\":16777216}", id_text(&id).s);
    publish_many(c, &id, 0, 60000, 500);
    sim_run(&b.w, SIM_S);
    assert_int_equal(client_taken(c, q, 0, 1).next, 60000);
    slow->host.weather.bytes_per_s = 100000;
    slow->host.weather.window = 16384;
    uint64_t f = client_send(slow, "{\"method\":\"follow\",\"stream\":\"%s\",\"credit\":16777216}", id_text(&id).s);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(take(&b, rows[i].name, ""), 0);
        sim_run(&b.w, 2 * SIM_S); /* what was above the bound has gone */
        for (int k = 0; k < 20; k++) {
            sim_run(&b.w, SIM_S / 10);
            assert_in_range(most_unsent(&b), rows[i].most / 3, rows[i].most);
        }
    }
    slow->host.weather.bytes_per_s = 100000000;
    sim_run(&b.w, 20 * SIM_S);
    assert_int_equal(client_taken(slow, f, 0, 1).next, 60000);
    bed_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks),
        cmocka_unit_test(many_errors),
        cmocka_unit_test(again_and_again),
        cmocka_unit_test(a_transport_goes),
        cmocka_unit_test(unsent_changes_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
