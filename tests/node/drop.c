/* SPDX-License-Identifier: MIT
 * drop.c — tests of dropping streams at a real node: gone for everybody, erased in slices, never begun again.
 * May touch: standard output.
 */
#include "node/place.h"
#include "tests/node/bed.h"
#include <stdio.h>
#include <string.h>

#define T (SIM_WALL - 1000 * SIM_S)
#define DROP "{\"method\":\"drop\",\"stream\":\"%s\"}"

static struct got *drop(struct client *c, const struct runnel_id *id) {
    return client_ask(c, DROP, id_text(id).s);
}

/* How many records of these areas are on a node's disk. */
static uint64_t records(struct sim_node *n, const char *areas) {
    struct runnel_bytes key = {(const uint8_t *)"", 0}, val;
    uint64_t found = 0;
    for (bool more = rn_memory_seek(n->disk.map, key, false, &key, &val); more;
         more = rn_memory_seek(n->disk.map, key, true, &key, &val))
        found += key.n > 0 && strchr(areas, key.p[0]) != NULL;
    return found;
}

struct wanted {
    struct sim_node *n;
    const char *areas;
    uint64_t count;
};

static int has_records(void *arg) {
    struct wanted *w = arg;
    return records(w->n, w->areas) == w->count;
}

static void wait_records(struct bed *b, struct sim_node *n, const char *areas, uint64_t count) {
    struct wanted w = {n, areas, count};
    if (!sim_run_until(&b->w, has_records, &w, 300 * SIM_S))
        print_error("%llu records in %s\n", (unsigned long long)records(n, areas), areas);
    assert_int_equal(records(n, areas), count);
}

static void crash(struct sim_node *n) {
    sim_node_crash(n, SIM_POWER);
    sim_node_start(n);
    assert_int_equal(sim_node_wait(n, SIM_UP, 60 * SIM_S), 1);
}

/* ---- an own stream ---- */

static void refused_for_good(struct client *c, const struct runnel_id *id) {
    client_refused(c, "conflict", "was dropped here at 700 observations on 20",
                   "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"s\",\"target\":\"\"}}");
    client_refused(c, "not-found", "was dropped here at 700", "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(id).s);
    client_refused(c, "not-found", "was dropped here", DROP, id_text(id).s);
    client_refused(c, "conflict", "was dropped here at 700", "{\"method\":\"subscribe\",\"stream\":\"%s\"}",
                   id_text(id).s);
    got_is_error(client_answer(c, publish(c, id, RN_PUBLISH_SEQ, 0, &(struct ob){T, "1"}, 1)), "not-found",
                 "not known");
}

/* Bits of it that no single flip explains. */
static void alter_tombstone(struct sim_node *n, const struct runnel_id *id) {
    struct rn_place p = rn_place_tombstone(id);
    struct runnel_bytes val;
    struct runnel_err err;
    uint8_t copy[512];
    uint64_t number;
    assert_true(rn_memory_get(n->disk.map, rn_place_bytes(&p), &val));
    assert_true(val.n <= sizeof copy);
    memcpy(copy, val.p, val.n);
    copy[3] ^= 1;
    copy[20] ^= 16;
    struct runnel_change c = {.what = RUNNEL_PUT, .key = rn_place_bytes(&p), .data = {copy, val.n}};
    assert_int_equal(rn_memory_apply(n->disk.map, &c, 1, &number, &err), 0);
    rn_memory_sync(n->disk.map, number);
}

static void an_own_one_leaves_a_tombstone(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 1);
    struct sim_node *two = bed_node(&b, 1, "a");
    struct client *c = client_new(&b, "a", 1), *d = client_new(&b, "b", 1);
    struct runnel_id id = make_stream(c, "s"), other = make_stream(c, "o");
    publish_many(c, &id, 0, 700, 100);
    publish_many(c, &other, 0, 300, 100);
    client_ask(d, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&id).s);
    sim_run(&b.w, 5 * SIM_S);
    assert_int_equal(held(two, &id), 700);
    uint64_t live = client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"now\":true}", id_text(&id).s);
    client_answer(c, live);
    struct got *g = drop(c, &id);
    assert_int_equal(got_u64(g, "count"), 700);
    assert_int_equal(got_bool(g, "own"), 1);
    struct got *end = client_next(c, client_next(c, NULL, RN_FRAME_STATE, live), RN_FRAME_STATE, live);
    assert_string_equal(got_str(end, "end"), "error");
    assert_string_equal(got_str(end, "code"), "not-found");
    assert_non_null(strstr(got_str(end, "message"), "has been dropped here"));
    refused_for_good(c, &id);
    wait_records(&b, bed_a(&b), "E", 0);
    assert_int_equal(records(bed_a(&b), "H"), 1); /* the other's */
    assert_int_equal(records(bed_a(&b), "B"), 2);
    assert_int_equal(records(bed_a(&b), "D"), 1);
    sim_run(&b.w, 20 * SIM_S); /* the subscriber keeps what it has, and asks in vain */
    assert_int_equal(held(two, &id), 700);
    assert_int_equal(held(bed_a(&b), &id), UINT64_MAX);
    for (int i = 0; i < 2; i++) {
        bed_restart(&b, bed_a(&b));
        c = client_new(&b, "a", 1);
        refused_for_good(c, &id);
        assert_int_equal(held(bed_a(&b), &other), 300);
    }
    alter_tombstone(bed_a(&b), &id); /* it counts all the same, and fsck writes it anew */
    bed_restart(&b, bed_a(&b));
    c = client_new(&b, "a", 1);
    client_refused(c, "conflict", "was dropped here",
                   "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"s\",\"target\":\"\"}}");
    assert_int_equal(got_bool(client_ask(c, "{\"method\":\"fsck\"}"), "ok"), 0);
    (void)client_ask(c, "{\"method\":\"fsck\",\"mend\":true}");
    assert_int_equal(got_bool(client_ask(c, "{\"method\":\"fsck\"}"), "ok"), 1);
    bed_restart(&b, bed_a(&b));
    c = client_new(&b, "a", 1);
    client_refused(c, "conflict", "was dropped here",
                   "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"s\",\"target\":\"\"}}");
    publish_many(c, &other, 300, 300, 100);
    assert_int_equal(got_bool(client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&other).s), "ok"), 1);
    bed_free(&b);
}

/* ---- a stream of others ---- */

static void one_of_others_can_be_fetched_again(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 2);
    struct sim_node *two = bed_node(&b, 1, "a");
    struct client *c = client_new(&b, "a", 1), *d = client_new(&b, "b", 1);
    struct runnel_id id = make_stream(c, "s");
    publish_many(c, &id, 0, 3000, 300);
    for (int round = 0; round < 3; round++) {
        client_ask(d, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&id).s);
        sim_run(&b.w, round == 1 ? 100 * SIM_MS : 5 * SIM_S); /* once it is still fetching */
        struct got *g = client_answer(d, client_send(d, DROP, id_text(&id).s));
        if (g->f.type == RN_FRAME_ERROR) { /* not even its descriptor had come */
            assert_int_equal(round, 1);
            client_ask(d, "{\"method\":\"unsubscribe\",\"stream\":\"%s\"}", id_text(&id).s);
            continue;
        }
        assert_int_equal(got_bool(g, "own"), 0);
        g = client_ask(d, "{\"method\":\"status\"}");
        assert_int_equal(got_u64(g, "streams"), 0);
        assert_int_equal(got_u64(g, "subscriptions"), 0);
        wait_records(&b, two, "SHBTDEU", 0);
        if (round == 0)
            bed_restart(&b, two);
        if (round == 0)
            d = client_new(&b, "b", 1);
        sim_run(&b.w, 20 * SIM_S);
        assert_int_equal(held(two, &id), UINT64_MAX); /* nobody fetches it again by himself */
    }
    client_ask(d, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&id).s);
    sim_run(&b.w, 5 * SIM_S);
    assert_int_equal(held(two, &id), 3000);
    bed_free(&b);
}

/* ---- what is under way ---- */

/* All that can be asked of a stream, at once, and a drop among it: every request is answered, none crashes. */
static void ask_everything(struct client *c, const struct runnel_id *id, uint64_t *sent, size_t *n) {
    const char *s = id_text(id).s;
    char text[RN_ID_TEXT];
    (void)snprintf(text, sizeof text, "%s", s);
    s = text;
    long long mid = (long long)many_time(1000);
    sent[(*n)++] = client_send(c, "{\"method\":\"at\",\"stream\":\"%s\",\"time\":\"%lld\"}", s, mid);
    sent[(*n)++] =
        client_send(c, "{\"method\":\"nodes\",\"stream\":\"%s\",\"count\":1900,\"level\":0,\"from\":0,\"n\":9}", s);
    sent[(*n)++] = client_send(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", s);
    sent[(*n)++] = client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\"}", s);
    sent[(*n)++] = client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"from_time\":\"%lld\"}", s, mid);
    char value[256];
    size_t len = many_value(700, value);
    value[len] = 0;
    sent[(*n)++] = publish(c, id, RN_PUBLISH_SEQ, 700, &(struct ob){many_time(700), value}, 1); /* a repeat */
    sent[(*n)++] = publish(c, id, RN_PUBLISH_NOW, 0, &(struct ob){0, "1"}, 1);
}

static void everything_under_way_ends(void **state) {
    uint64_t gone = 0, served = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct bed b;
        uint64_t sent[256];
        size_t n = 0;
        bed_init(&b, 100 + seed);
        struct sim_node *two = bed_node(&b, 1, "a");
        struct client *c = client_new(&b, "a", 1), *d = client_new(&b, "a", 1), *e = client_new(&b, "b", 1);
        struct runnel_id id = make_stream(c, "s");
        publish_many(c, &id, 0, 2000, 500);
        bed_restart(&b, bed_a(&b)); /* nothing is cached */
        c = client_new(&b, "a", 1);
        d = client_new(&b, "a", 1);
        client_ask(e, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&id).s);
        bed_a(&b)->disk.faults.delay = 5 * SIM_MS;
        sim_run(&b.w, sim_between(&b.w.rand, 0, 20 * SIM_MS));
        ask_everything(c, &id, sent, &n);
        sim_run(&b.w, sim_between(&b.w.rand, 0, SIM_MS));
        uint64_t drops[2] = {client_send(d, DROP, id_text(&id).s), client_send(d, DROP, id_text(&id).s)};
        for (int k = 0; seed % 2 && k < 60; k++) { /* so that some are under way when it becomes durable */
            sim_run(&b.w, 200 * SIM_US);
            sent[n++] = client_send(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&id).s);
            sent[n++] = client_send(c, "{\"method\":\"at\",\"stream\":\"%s\",\"time\":\"%lld\"}", id_text(&id).s,
                                    (long long)many_time((uint64_t)k * 30));
        }
        ask_everything(c, &id, sent, &n);
        if (seed % 5 == 4)
            client_close(c); /* all of its requests lose their session */
        struct got *g = client_answer(d, drops[0]);
        assert_int_equal(g->f.type, RN_FRAME_ANSWER);
        assert_int_equal(client_answer(d, drops[1])->f.type, RN_FRAME_ERROR);
        for (size_t i = 0; seed % 5 != 4 && i < n; i++) {
            struct got *a = client_answer(c, sent[i]);
            gone += a->f.type == RN_FRAME_ERROR;
            served += a->f.type != RN_FRAME_ERROR;
            if (a->f.type == RN_FRAME_ERROR && !strstr(got_str(a, "message"), "dropped"))
                got_is_error(a, "not-found", "not known"); /* a publish behind it */
        }
        assert_int_equal(held(bed_a(&b), &id), UINT64_MAX);
        sim_run(&b.w, 10 * SIM_S);
        assert_int_equal(records(bed_a(&b), "SHBTE"), 0);
        uint64_t have = held(two, &id); /* whatever the subscriber has is whole */
        assert_true(have == UINT64_MAX || have <= 2001);
        if (seed % 3 == 0)
            drop(e, &id);
        bed_free(&b);
    }
    assert_true(gone > 20 && served > 20);
}

/* A drop behind publishes that are on their way: the tombstone counts every one that was acknowledged. */
static void it_waits_for_what_is_on_its_way(void **state) {
    struct bed b;
    uint64_t sent[40], acked = 0;
    (void)state;
    bed_init(&b, 3);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    bed_a(&b)->disk.faults.delay = 20 * SIM_MS;
    for (int i = 0; i < 20; i++)
        sent[i] = publish(c, &id, RN_PUBLISH_NOW, 0, &(struct ob){0, "1"}, 1);
    sim_run(&b.w, 10 * SIM_MS); /* the first commit flies */
    for (int i = 20; i < 40; i++)
        sent[i] = publish(c, &id, RN_PUBLISH_NOW, 0, &(struct ob){0, "1"}, 1);
    struct got *g = drop(c, &id);
    for (int i = 0; i < 40; i++)
        acked += client_answer(c, sent[i])->f.type == RN_FRAME_PUBLISHED;
    assert_true(acked > 0 && acked < 40);
    assert_int_equal(got_u64(g, "count"), acked);
    char word[64];
    (void)snprintf(word, sizeof word, "dropped here at %llu obs", (unsigned long long)acked);
    client_refused(c, "conflict", word,
                   "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"s\",\"target\":\"\"}}");
    bed_free(&b);
}

/* ---- slices ---- */

static void long_ones_go_in_slices(void **state) {
    enum { LONG = 100000 };
    struct bed b;
    (void)state;
    bed_init(&b, 4);
    struct sim_node *a = bed_a(&b);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    a->disk.faults = (struct sim_disk_faults){.delay = 10 * SIM_US};
    publish_many(c, &id, 0, LONG, 500);
    assert_true(records(a, "B") > 390 && records(a, "T") > 20);
    a->disk.faults = (struct sim_disk_faults){.delay = 2 * SIM_MS, .jitter = 2 * SIM_MS};
    drop(c, &id);
    unsigned crashes = 0;
    uint64_t before = records(a, "BTH"), total = before;
    while (records(a, "E") > 0 && crashes < 200) {
        sim_run(&b.w, sim_between(&b.w.rand, 0, 12 * SIM_MS));
        if (crashes == 3) { /* a stream that is made meanwhile gets a number of its own */
            c = client_new(&b, "a", 1);
            struct runnel_id other = make_stream(c, "o");
            publish_many(c, &other, 0, 1000, 500);
            before += records(a, "SH");
        }
        crash(a);
        crashes++;
        uint64_t now = records(a, "BTH");
        assert_true(now <= before + 16);
        before = now;
    }
    print_message("# %u crashes while %llu records went\n", crashes, (unsigned long long)total);
    assert_true(crashes > 5);
    wait_records(&b, a, "E", 0);
    c = client_new(&b, "a", 1);
    assert_int_equal(records(a, "S"), 1);
    assert_int_equal(records(a, "H"), 1);
    assert_int_equal(records(a, "B"), 4);
    struct got *g = client_ask(c, "{\"method\":\"streams\"}");
    const struct rn_json *one = rn_json_get(got_json(g), "streams")->child;
    const char *text = NULL;
    assert_int_equal(rn_json_str(one, "stream", &text, NULL), 0);
    g = client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", text);
    assert_true(got_bool(g, "ok") && got_u64(g, "count") == 1000);
    bed_free(&b);
}

/* ---- failures ---- */

/* The power fails around the drop: the stream is whole or gone, and gone when that was said. */
static void and_a_crash(void **state) {
    int whole = 0, gone = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct bed b;
        bed_init(&b, 200 + seed);
        struct client *c = client_new(&b, "a", 1);
        struct runnel_id id = make_stream(c, "s");
        publish_many(c, &id, 0, 700, 100);
        bed_a(&b)->disk.faults = (struct sim_disk_faults){.delay = 2 * SIM_MS, .jitter = 2 * SIM_MS};
        uint64_t sent = client_send(c, DROP, id_text(&id).s);
        sim_run(&b.w, sim_between(&b.w.rand, 1500 * SIM_US, 8 * SIM_MS));
        int answered = client_find(c, NULL, RN_FRAME_ANSWER, sent) != NULL;
        crash(bed_a(&b));
        c = client_new(&b, "a", 1);
        if (held(bed_a(&b), &id) == UINT64_MAX) {
            gone++;
            refused_for_good(c, &id);
            wait_records(&b, bed_a(&b), "SHBTE", 0);
        } else {
            whole++;
            assert_false(answered);
            assert_int_equal(held(bed_a(&b), &id), 700);
            assert_int_equal(records(bed_a(&b), "DE"), 0);
            assert_int_equal(got_bool(client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&id).s), "ok"),
                             1);
            publish_many(c, &id, 700, 10, 10);
        }
        bed_free(&b);
    }
    assert_true(whole > 0 && gone > 0);
}

/* A drop that cannot be stored has not happened; an erasing that cannot go on is tried again. */
static void on_a_full_disk(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 5);
    struct sim_node *two = bed_node(&b, 1, "a");
    struct client *c = client_new(&b, "a", 1), *d = client_new(&b, "b", 1);
    struct runnel_id id = make_stream(c, "s");
    publish_many(c, &id, 0, 700, 100);
    client_ask(d, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&id).s);
    sim_run(&b.w, 5 * SIM_S);
    bed_a(&b)->disk.faults.full = two->disk.faults.full = 1000;
    client_refused(c, "full", "drop: no space", DROP, id_text(&id).s);
    client_refused(d, "full", "drop: no space", DROP, id_text(&id).s);
    bed_a(&b)->disk.faults.full = two->disk.faults.full = 0;
    publish_many(c, &id, 700, 100, 100);
    assert_int_equal(
        got_bool(client_ask(
                     c, "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"s\",\"target\":\"\"}}"),
                 "created"),
        0);
    sim_run(&b.w, 20 * SIM_S);
    assert_int_equal(held(two, &id), 800); /* still subscribed */
    drop(d, &id);
    two->disk.faults.full = 1000;
    sim_run(&b.w, 10 * SIM_S);
    assert_int_equal(records(two, "E"), 1);
    two->disk.faults.full = 0;
    wait_records(&b, two, "SHBTE", 0);
    bed_free(&b);
}

/* A note whose key the disk has altered names a stream that lives: nothing of that is erased. */
static void a_note_under_an_altered_key(void **state) {
    struct bed b;
    struct runnel_bytes key = {(const uint8_t *)"E", 1}, val;
    struct rn_place p;
    struct runnel_err err;
    uint64_t number;
    (void)state;
    bed_init(&b, 9);
    struct sim_node *a = bed_a(&b);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "o"), other = make_stream(c, "s");
    publish_many(c, &id, 0, 700, 100);
    publish_many(c, &other, 0, 300, 100);
    drop(c, &other);
    client_close(c);
    crash(a); /* before all of it has been erased */
    a->disk.faults.full = 1000;
    assert_true(rn_memory_seek(a->disk.map, key, false, &key, &val) && key.p[0] == 'E');
    p = rn_place_erasing(0);
    struct runnel_change v[] = {{.what = RUNNEL_PUT, .key = rn_place_bytes(&p), .data = val}};
    assert_int_equal(rn_memory_apply(a->disk.map, v, 1, &number, &err), 0);
    rn_memory_sync(a->disk.map, number);
    a->disk.faults.full = 0;
    bed_restart(&b, a);
    wait_records(&b, a, "E", 1); /* the other one is through */
    sim_run(&b.w, 10 * SIM_S);
    assert_int_equal(records(a, "E"), 1);
    assert_int_equal(records(a, "B"), 3);
    c = client_new(&b, "a", 1);
    struct got *g = client_ask(c, "{\"method\":\"fsck\",\"mend\":true}");
    assert_int_equal(got_bool(g, "ok"), 0);
    assert_non_null(memmem(g->f.body.p, g->f.body.n, "being erased", 12));
    assert_int_equal(records(a, "E"), 0);
    g = client_ask(c, "{\"method\":\"fsck\"}");
    assert_int_equal(got_bool(g, "ok"), 1);
    assert_int_equal(got_bool(client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&id).s), "ok"), 1);
    bed_free(&b);
}

static void who_may(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 6);
    struct client *c = client_new(&b, "a", 1), *stranger = client_new(&b, "a", 0);
    struct runnel_id id = make_stream(c, "s");
    client_refused(stranger, "denied", "admin", DROP, id_text(&id).s);
    client_refused(c, "not-found", "not known", DROP, "3b340bcf-9de6-8b16-9400-5c1bf6b532fa");
    client_refused(c, "invalid", "missing", "{\"method\":\"drop\"}");
    assert_int_equal(held(bed_a(&b), &id), 0);
    assert_int_equal(got_u64(drop(c, &id), "count"), 0);
    bed_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_own_one_leaves_a_tombstone),
        cmocka_unit_test(one_of_others_can_be_fetched_again),
        cmocka_unit_test(everything_under_way_ends),
        cmocka_unit_test(it_waits_for_what_is_on_its_way),
        cmocka_unit_test(long_ones_go_in_slices),
        cmocka_unit_test(and_a_crash),
        cmocka_unit_test(on_a_full_disk),
        cmocka_unit_test(a_note_under_an_altered_key),
        cmocka_unit_test(who_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
