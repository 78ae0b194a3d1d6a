/* SPDX-License-Identifier: MIT
 * damage.c — tests of a node whose store has been altered: what is whole is served, the rest is named.
 * May touch: standard output.
 */
#include "node/inner.h"
#include "node/stream.h"
#include "tests/node/three.h"
#include <stdio.h>
#include <string.h>

/* A stream whose state is gone bad takes no publishes and says why; the node and the others go on. */
static void one_stream_in_trouble(void **state) {
    struct three t;
    struct rn_place p = rn_place_state(1);
    (void)state;
    three_init(&t, 1);
    disk_flip(bed_a(&t.b), &p, 300);
    disk_flip(bed_a(&t.b), &p, 500); /* one bit alone is put right */
    three_restart(&t);
    struct got *g = client_ask(t.c, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(&t.id[1]).s);
    assert_string_equal(got_str(g, "state"), "recovering");
    assert_non_null(strstr(got_str(g, "trouble"), "state"));
    assert_non_null(strstr(got_str(g, "trouble"), "backup"));
    assert_int_equal(got_bool(g, "live"), 0);
    assert_int_equal(got_u64(client_ask(t.c, "{\"method\":\"status\"}"), "troubled"), 1);
    uint64_t id = publish(t.c, &t.id[1], 0, 0, &(struct ob){many_time(800), "1"}, 1);
    got_is_error(client_answer(t.c, id), "busy", "takes no publishes");
    for (int i = 0; i < 3; i += 2) {
        g = client_ask(t.c, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(&t.id[i]).s);
        assert_string_equal(got_str(g, "state"), "own");
        assert_null(got_str(g, "trouble"));
        publish_many(t.c, &t.id[i], 700, 100, 100);
        assert_int_equal(held(bed_a(&t.b), &t.id[i]), 800);
    }
    bed_free(&t.b);
}

/* ---- every record, altered in every way ---- */

/* An author alone: what is damaged is named, and the rest goes on. */
static void any_record_of_an_author(void **state) {
    struct sim_rand r;
    (void)state;
    sim_rand_init(&r, 77, "harm");
    for (int how = 0; how < HARMS; how++)
        for (size_t i = 0;; i++) {
            struct three t;
            struct rn_place p;
            three_init(&t, 100 + i);
            if (!disk_key(bed_a(&t.b), i, &p)) {
                bed_free(&t.b);
                break;
            }
            if (p.b[0] == 'M') { /* that of the store itself is another matter */
                bed_free(&t.b);
                continue;
            }
            disk_harm(bed_a(&t.b), &p, (enum harm)how, &r);
            three_restart(&t);
            uint64_t whole = 0;
            for (size_t k = 0; k < 3; k++)
                whole += three_reads_right(&t, t.c, k) == 700;
            assert_true(whole >= 2);
            if (how == ONE_BIT && p.b[0] != 'B')
                assert_int_equal(whole, 3);
            /* nothing that was signed is contradicted: no stream of these begins anew or goes on shorter */
            for (size_t k = 0; k < 3; k++) {
                uint64_t id = publish(t.c, &t.id[k], RN_PUBLISH_SEQ, 700, &(struct ob){many_time(900), "1"}, 1);
                struct got *g = client_answer(t.c, id);
                if (g->f.type == RN_FRAME_ERROR && !strstr((const char *)g->bytes, "takes no publishes") &&
                    !strstr((const char *)g->bytes, "not known"))
                    fail_msg("record %zu harm %d stream %zu: %.*s", i, how, k, (int)g->f.body.n,
                             (const char *)g->bytes);
                if (g->f.type != RN_FRAME_ERROR)
                    assert_int_equal(g->f.seq, 700);
            }
            for (size_t k = 0; k < 3; k++) {
                char name[4] = {'s', (char)('0' + k), 0, 0};
                uint64_t id = client_send(
                    t.c,
                    "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"%s\",\"target\":\"\"}}",
                    name);
                struct got *g = client_answer(t.c, id);
                if (g->f.type == RN_FRAME_ERROR)
                    got_is_error(g, "damaged", "begun anew");
                else
                    assert_int_equal(got_bool(g, "created"), 0);
            }
            bed_free(&t.b);
        }
}

/* A subscriber: all comes back from the author. */
static void any_record_of_a_subscriber(void **state) {
    struct sim_rand r;
    (void)state;
    sim_rand_init(&r, 78, "harm");
    for (int how = 0; how < HARMS; how++)
        for (size_t i = 0;; i++) {
            struct three t;
            struct rn_place p;
            three_init(&t, 500 + i);
            struct sim_node *n = bed_node(&t.b, 1, "a");
            struct client *c = client_new(&t.b, "b", 1);
            for (size_t k = 0; k < 3; k++)
                (void)client_ask(c, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&t.id[k]).s);
            sim_run(&t.b.w, 5 * SIM_S);
            for (size_t k = 0; k < 3; k++)
                assert_int_equal(held(n, &t.id[k]), 700);
            if (!disk_key(n, i, &p)) {
                bed_free(&t.b);
                break;
            }
            if (p.b[0] == 'M') {
                bed_free(&t.b);
                continue;
            }
            disk_harm(n, &p, (enum harm)how, &r);
            bed_restart(&t.b, n);
            client_close(c);
            c = client_new(&t.b, "b", 1);
            for (size_t k = 0; k < 3; k++)
                (void)three_reads_right(&t, c, k);
            if (p.b[0] == 'U' && how != ONE_BIT)
                for (size_t k = 0; k < 3; k++)
                    (void)client_ask(c, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&t.id[k]).s);
            sim_run(&t.b.w, 100 * SIM_S);
            publish_many(t.c, &t.id[0], 700, 10, 10); /* and the tail goes on */
            sim_run(&t.b.w, 20 * SIM_S);
            for (size_t k = 0; k < 3; k++) {
                assert_int_equal(three_reads_right(&t, c, k), k ? 700 : 710);
                if (held(n, &t.id[k]) != (k ? 700 : 710)) {
                    bed_log(&t.b);
                    fail_msg("record %zu (%c) harm %d stream %zu: %d", i, p.b[0], how, k, (int)held(n, &t.id[k]));
                }
                struct got *g = client_ask(c, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(&t.id[k]).s);
                assert_null(got_str(g, "trouble"));
            }
            three_checked(&t, c);
            bed_free(&t.b);
        }
}

/* An author whose streams another node holds: all comes back from there, and it goes on. */
static void any_record_of_an_author_with_a_peer(void **state) {
    struct sim_rand r;
    (void)state;
    sim_rand_init(&r, 79, "harm");
    for (int how = 0; how < HARMS; how++)
        for (size_t i = 0;; i++) {
            struct three t;
            struct rn_place p;
            three_init(&t, 900 + i);
            (void)bed_node(&t.b, 1, "a");
            struct client *c = client_new(&t.b, "b", 1);
            for (size_t k = 0; k < 3; k++)
                (void)client_ask(c, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&t.id[k]).s);
            sim_run(&t.b.w, 5 * SIM_S);
            if (!disk_key(bed_a(&t.b), i, &p)) {
                bed_free(&t.b);
                break;
            }
            if (p.b[0] == 'M') {
                bed_free(&t.b);
                continue;
            }
            disk_harm(bed_a(&t.b), &p, (enum harm)how, &r);
            three_restart(&t);
            sim_run(&t.b.w, 120 * SIM_S); /* its subscriber comes back, and gives what is missing */
            char text[256];
            (void)many_value(700, text);
            for (size_t k = 0; k < 3; k++) {
                uint64_t id = publish(t.c, &t.id[k], RN_PUBLISH_SEQ, 700, &(struct ob){many_time(700), text}, 1);
                struct got *g = client_answer(t.c, id);
                if (g->f.type == RN_FRAME_ERROR) {
                    bed_log(&t.b);
                    fail_msg("record %zu (%c) harm %d stream %zu: %.*s", i, p.b[0], how, k, (int)g->f.body.n,
                             (const char *)g->bytes);
                }
                assert_int_equal(held(bed_a(&t.b), &t.id[k]), 701);
                assert_int_equal(three_reads_right(&t, t.c, k), 701); /* and every block of it can be read again */
            }
            sim_run(&t.b.w, 60 * SIM_S);
            for (size_t k = 0; k < 3; k++)
                assert_int_equal(held(t.b.node[1], &t.id[k]), 701);
            three_checked(&t, t.c);
            bed_free(&t.b);
        }
}

/* ---- records that are of no stream ---- */

/* The store's own record: the author is not confirmed and says why; all is served, and goes on when confirmed. */
static void the_store_record(void **state) {
    struct sim_rand r;
    char text[256];
    (void)state;
    sim_rand_init(&r, 84, "harm");
    for (int how = 0; how < HARMS; how++) {
        struct three t;
        struct rn_place p = rn_place_store();
        three_init(&t, 90 + (uint64_t)how);
        disk_harm(bed_a(&t.b), &p, (enum harm)how, &r);
        three_restart(&t);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(three_reads_right(&t, t.c, k), 700);
        (void)many_value(700, text);
        struct ob o = {many_time(700), text};
        if (how != ONE_BIT) {
            struct got *g = client_ask(t.c, "{\"method\":\"status\"}");
            assert_non_null(strstr((const char *)g->bytes, "\"state\":\"unconfirmed\",\"why\":[\"lost\"]"));
            assert_non_null(strstr((const char *)g->bytes, "its own record was damaged"));
            uint64_t id = publish(t.c, &t.id[1], RN_PUBLISH_SEQ, 700, &o, 1);
            got_is_error(client_answer(t.c, id), "conflict", "runnel identity confirm");
            (void)client_ask(t.c, "{\"method\":\"confirm\"}");
        }
        (void)published(t.c, &t.id[1], RN_PUBLISH_SEQ, 700, &o, 1);
        three_checked(&t, t.c);
        three_restart(&t); /* it has been written anew */
        assert_non_null(strstr((const char *)client_ask(t.c, "{\"method\":\"status\"}")->bytes, "\"why\":[]"));
        bed_free(&t.b);
    }
}

/* The mark of a restore that was cut off says so with whatever the disk has made of it. */
static void the_mark_of_a_restore(void **state) {
    static const char *const altered[] = {"", "x", "what the disk has made of it"};
    (void)state;
    for (size_t i = 0; i < sizeof altered / sizeof altered[0]; i++) {
        struct three t;
        struct rn_place p = rn_place_restore();
        three_init(&t, 95);
        disk_put(bed_a(&t.b), &p, (struct runnel_bytes){(const uint8_t *)altered[i], strlen(altered[i])});
        three_restart(&t);
        assert_string_equal(got_str(client_ask(t.c, "{\"method\":\"status\"}"), "restore"), "cut off");
        uint64_t id = publish(t.c, &t.id[1], RN_PUBLISH_SEQ, 700, &(struct ob){many_time(700), "1"}, 1);
        assert_int_equal(client_answer(t.c, id)->f.type, RN_FRAME_ERROR);
        bed_free(&t.b);
    }
}

static void note_done(void *arg, const struct runnel_err *err) {
    (void)arg;
    assert_null(err);
}

static void count_note(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    int *n = arg;
    assert_int_equal(val.n, 5);
    assert_memory_equal(val.p, "whole", 5);
    assert_int_equal(key.n, 2);
    *n += 1;
}

/* A note of an instance: passed over, the others are given; fsck names it and takes it away. */
static void a_note_of_an_instance(void **state) {
    struct sim_rand r;
    (void)state;
    sim_rand_init(&r, 85, "harm");
    for (int how = MANY_BITS; how < GONE; how++) {
        struct three t;
        struct runnel_bytes keys[2] = {{(const uint8_t *)"k0", 2}, {(const uint8_t *)"k1", 2}};
        struct runnel_bytes val = {(const uint8_t *)"whole", 5}, none = {NULL, 0};
        struct rn_place p = rn_place_note(RUNNEL_DISCOVERY, "x", keys[0]);
        int count = 0;
        three_init(&t, 96);
        for (int i = 0; i < 2; i++)
            rn_note_put(bed_a(&t.b)->node, RUNNEL_DISCOVERY, "x", keys[i], val, note_done, NULL);
        sim_run(&t.b.w, SIM_S);
        disk_harm(bed_a(&t.b), &p, (enum harm)how, &r);
        three_restart(&t);
        rn_note_scan(bed_a(&t.b)->node, RUNNEL_DISCOVERY, "x", none, count_note, note_done, &count);
        sim_run(&t.b.w, SIM_S);
        assert_int_equal(count, 1);
        assert_int_equal(
            sim_node_said(bed_a(&t.b), (const char *const[]){"a note of an instance", "passed over", NULL}), 1);
        struct got *g = client_ask(t.c, "{\"method\":\"fsck\"}");
        assert_int_equal(got_bool(g, "ok"), 0);
        assert_non_null(strstr((const char *)g->bytes, "the note of an instance"));
        three_checked(&t, t.c);
        bed_free(&t.b);
    }
}

/* A tombstone that is damaged in any way keeps its descriptor from beginning again, and says why. */
static void a_tombstone(void **state) {
    struct sim_rand r;
    (void)state;
    sim_rand_init(&r, 86, "harm");
    for (int how = 0; how < GONE; how++) {
        struct three t;
        three_init(&t, 97);
        struct rn_place p = rn_place_tombstone(&t.id[1]);
        (void)client_ask(t.c, "{\"method\":\"drop\",\"stream\":\"%s\"}", id_text(&t.id[1]).s);
        sim_run(&t.b.w, 10 * SIM_S);
        disk_harm(bed_a(&t.b), &p, (enum harm)how, &r);
        for (int i = 0; i < 2; i++) { /* also when fsck has seen it */
            three_restart(&t);
            client_refused(
                t.c, "conflict", "was dropped here",
                "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"s1\",\"target\":\"\"}}");
            struct got *g = client_ask(t.c, "{\"method\":\"fsck\",\"mend\":true}");
            assert_int_equal(got_bool(g, "ok"), i);
            if (i == 0)
                assert_non_null(strstr((const char *)g->bytes, "the tombstone of a stream"));
        }
        bed_free(&t.b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_stream_in_trouble),
        cmocka_unit_test(the_store_record),
        cmocka_unit_test(the_mark_of_a_restore),
        cmocka_unit_test(a_note_of_an_instance),
        cmocka_unit_test(a_tombstone),
        cmocka_unit_test(any_record_of_an_author),
        cmocka_unit_test(any_record_of_a_subscriber),
        cmocka_unit_test(any_record_of_an_author_with_a_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
