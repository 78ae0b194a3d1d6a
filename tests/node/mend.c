/* SPDX-License-Identifier: MIT
 * mend.c — tests of a node that mends what its disk has altered: from peers, or out of what is whole.
 * May touch: standard output.
 */
#include "node/inner.h"
#include "node/stream.h"
#include "node/walk.h"
#include "tests/node/three.h"
#include <stdio.h>
#include <string.h>

/* A reader of a damaged block waits a moment and gets it whole; nobody else notices, and nothing else is fetched. */
static void a_block_is_mended(void **state) {
    struct three t;
    (void)state;
    three_init(&t, 3);
    struct sim_node *n = bed_node(&t.b, 1, "a");
    struct client *c = client_new(&t.b, "b", 1);
    (void)client_ask(c, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&t.id[2]).s);
    sim_run(&t.b.w, 5 * SIM_S);
    assert_int_equal(held(n, &t.id[2]), 700);
    for (int side = 0; side < 2; side++) { /* the author has it from its subscriber, and the other way round */
        struct sim_node *hurt = side ? n : bed_a(&t.b);
        struct client *reader = side ? c : t.c;
        struct rn_place p = rn_place_block(side ? 0 : 2, 1), aside = rn_place_aside(side ? 0 : 2, 1);
        struct runnel_bytes val;
        disk_flip(hurt, &p, 8 * 1000 + 3);
        bed_restart(&t.b, hurt);
        sim_run(&t.b.w, 20 * SIM_S); /* the two find one another again */
        if (side) {
            client_close(c);
            reader = c = client_new(&t.b, "b", 1);
        } else {
            client_close(t.c);
            reader = t.c = client_new(&t.b, "a", 1);
        }
        uint64_t sent = got_u64(client_ask(reader, "{\"method\":\"status\"}"), "sessions");
        assert_true(sent > 0);
        uint64_t f =
            client_send(reader, "{\"method\":\"follow\",\"stream\":\"%s\",\"until\":700}", id_text(&t.id[2]).s);
        sim_run(&t.b.w, 3 * SIM_S);
        struct taken got = client_taken(reader, f, 0, 1);
        assert_int_equal(got.next, 700);
        assert_string_equal(got.end, "done");
        assert_int_equal(sim_node_said(hurt, (const char *const[]){"notice", "block 1", "is whole again",
                                                                   "the first is byte 1000", NULL}),
                         1);
        assert_true(rn_memory_get(hurt->disk.map, rn_place_bytes(&aside), &val)); /* what the disk had made of it */
    }
    bed_free(&t.b);
}

/* Blocks are damaged together with their hashes: peers prove the hashes, then give the blocks. The author has them from
 * its subscriber, and the other way round; by a reader, or by verify, who has the tree made again. */
static void a_block_and_its_hash_are_mended(void **state) {
    struct sim_rand r;
    (void)state;
    sim_rand_init(&r, 82, "harm");
    for (int round = 0; round < 8; round++) {
        struct three t;
        int side = round & 1, all = round & 2, by_verify = round & 4;
        uint32_t off;
        three_init(&t, 30 + (uint64_t)round);
        publish_many(t.c, &t.id[2], 700, 8300, 350);
        struct sim_node *n = bed_node(&t.b, 1, "a"), *hurt = side ? n : bed_a(&t.b);
        struct client *c = client_new(&t.b, "b", 1);
        (void)client_ask(c, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&t.id[2]).s);
        sim_run(&t.b.w, 10 * SIM_S);
        assert_int_equal(held(n, &t.id[2]), 9000);
        uint32_t number = side ? 0 : 2;
        struct rn_place pack = rn_place_node(number, 0, 8, &off);
        static const uint64_t blocks[] = {1, 7, 20};
        for (size_t i = 0; i < 3; i++) { /* the leaf of block 20 stays, unless all of the pack goes */
            struct rn_place p = rn_place_block(number, blocks[i]);
            disk_harm(hurt, &p, i == 1 ? GONE : MANY_BITS, &r);
        }
        disk_flip(hurt, &pack, 8 * (2 * RN_LEAF_ENTRY + 5));
        disk_flip(hurt, &pack, 8 * (8 * RN_LEAF_ENTRY + 40));
        if (all)
            disk_harm(hurt, &pack, round % 4 == 2 ? GONE : SHORTER, &r);
        bed_restart(&t.b, hurt);
        sim_run(&t.b.w, 20 * SIM_S);
        client_close(side ? c : t.c);
        struct client *reader = client_new(&t.b, side ? "b" : "a", 1);
        if (side)
            c = reader;
        else
            t.c = reader;
        assert_int_equal(held(hurt, &t.id[2]), 9000);
        if (by_verify) {
            (void)client_ask(reader, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&t.id[2]).s);
            sim_run(&t.b.w, 60 * SIM_S);
        } else {
            uint64_t f =
                client_send(reader, "{\"method\":\"follow\",\"stream\":\"%s\",\"until\":9000,\"credit\":8000000}",
                            id_text(&t.id[2]).s);
            sim_run(&t.b.w, 15 * SIM_S);
            struct taken got = client_taken(reader, f, 0, 1);
            if (got.next != 9000) {
                bed_log(&t.b);
                fail_msg("round %d: %d of 9000: %.*s", round, (int)got.next, (int)got.state->f.body.n,
                         (const char *)got.state->bytes);
            }
        }
        assert_int_equal(sim_node_said(hurt, (const char *const[]){"notice", "the hash of block 1 ", NULL}), 1);
        assert_int_equal(sim_node_said(hurt, (const char *const[]){"notice", "the hash of block 7 ", NULL}), 1);
        assert_int_equal(sim_node_said(hurt, (const char *const[]){"notice", "block 20", "whole again, fetched", NULL}),
                         1);
        three_checked(&t, t.c);
        if (side) {
            assert_int_equal(got_bool(client_ask(c, "{\"method\":\"fsck\"}"), "ok"), 1);
            assert_int_equal(
                got_bool(client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&t.id[2]).s), "ok"), 1);
        }
        bed_free(&t.b);
    }
}

/* A stream that is held without a subscription and has lost its end gets it back by itself, also when nobody has it at
 * first, and a restart comes between; and it may be subscribed to, or dropped, meanwhile. */
static void the_end_of_a_held_stream_comes_back(void **state) {
    enum { ALONE, SUBSCRIBED, DROPPED, CASES };
    struct sim_rand r;
    (void)state;
    sim_rand_init(&r, 83, "harm");
    for (int what = 0; what < CASES; what++)
        for (int how = 0; how < HARMS; how++)
            for (int area = 0; area < 2; area++) {
                struct three t;
                struct rn_place p = area ? rn_place_state(0) : rn_place_block(0, 2);
                if (area && (how == ONE_BIT || how == GONE)) /* put right; and no state: nothing is known to miss */
                    continue;
                three_init(&t, 60 + (uint64_t)how);
                struct sim_node *n = bed_node(&t.b, 1, "a");
                struct client *c = client_new(&t.b, "b", 1);
                char stream[RN_ID_TEXT];
                (void)rn_id_format(&t.id[2], stream);
                (void)client_ask(c, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", stream);
                sim_run(&t.b.w, 5 * SIM_S);
                (void)client_ask(c, "{\"method\":\"unsubscribe\",\"stream\":\"%s\"}", stream);
                assert_int_equal(held(n, &t.id[2]), 700);
                client_close(t.c);
                sim_node_stop(bed_a(&t.b));
                assert_true(sim_node_wait(bed_a(&t.b), SIM_DOWN, 10 * SIM_S));
                client_close(c);
                disk_harm(n, &p, (enum harm)how, &r);
                for (int i = 0; i < 2; i++) { /* what is missing is not forgotten */
                    bed_restart(&t.b, n);
                    c = client_new(&t.b, "b", 1);
                    struct got *g = client_ask(c, "{\"method\":\"head\",\"stream\":\"%s\"}", stream);
                    assert_string_equal(got_str(g, "state"), "recovering");
                    assert_non_null(strstr(got_str(g, "trouble"), "from a peer"));
                    assert_int_equal(got_u64(client_ask(c, "{\"method\":\"status\"}"), "subscriptions"), 0);
                    if (i == 0)
                        client_close(c);
                }
                if (what == SUBSCRIBED)
                    assert_int_equal(
                        got_bool(client_ask(c, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", stream), "added"), 1);
                if (what == DROPPED)
                    (void)client_ask(c, "{\"method\":\"drop\",\"stream\":\"%s\"}", stream);
                sim_node_start(bed_a(&t.b));
                assert_true(sim_node_wait(bed_a(&t.b), SIM_UP, 10 * SIM_S));
                t.c = client_new(&t.b, "a", 1);
                sim_run(&t.b.w, 60 * SIM_S);
                if (what == DROPPED) {
                    client_refused(c, "not-found", "", "{\"method\":\"head\",\"stream\":\"%s\"}", stream);
                } else {
                    struct got *g = client_ask(c, "{\"method\":\"head\",\"stream\":\"%s\"}", stream);
                    assert_null(got_str(g, "trouble"));
                    assert_string_equal(got_str(g, "state"), what == ALONE ? "held" : "live");
                    publish_many(t.c, &t.id[2], 700, 10, 10);
                    sim_run(&t.b.w, 20 * SIM_S);
                    assert_int_equal(three_reads_right(&t, c, 2), what == ALONE ? 700 : 710);
                }
                assert_int_equal(got_u64(client_ask(c, "{\"method\":\"status\"}"), "subscriptions"),
                                 what == SUBSCRIBED);
                bed_free(&t.b);
            }
}

/* A store that is altered under a node that runs: fsck and verify name it, and what memory knows is written anew. */
static void found_while_it_runs(void **state) {
    struct sim_rand r;
    (void)state;
    sim_rand_init(&r, 80, "harm");
    for (int how = 0; how < HARMS; how++)
        for (size_t i = 0;; i++) {
            struct three t;
            struct rn_place p;
            three_init(&t, 2000 + i);
            if (!disk_key(bed_a(&t.b), i, &p)) {
                bed_free(&t.b);
                break;
            }
            int mendable = p.b[0] != 'B' && !(p.b[0] == 'M' && how != ONE_BIT);
            int open = p.b[0] == 'B' && p.b[p.n - 1] == 2;
            disk_harm(bed_a(&t.b), &p, (enum harm)how, &r);
            int found = !got_bool(client_ask(t.c, "{\"method\":\"fsck\"}"), "ok");
            for (size_t k = 0; k < 3; k++)
                found |=
                    !got_bool(client_ask(t.c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&t.id[k]).s), "ok");
            if (!found)
                fail_msg("record %zu (%c) harm %d is not found", i, p.b[0], how);
            if (mendable || open)
                three_checked(&t, t.c);
            bed_free(&t.b);
        }
}

/* The newest block gets shorter under a node that runs: a publish says so, and fsck puts it right. */
static void the_end_is_altered(void **state) {
    struct three t;
    struct sim_rand r;
    char text[256];
    (void)state;
    sim_rand_init(&r, 81, "harm");
    for (int how = SHORTER; how <= LONGER; how++) {
        struct rn_place p = rn_place_block(1, 2);
        three_init(&t, 4);
        disk_harm(bed_a(&t.b), &p, (enum harm)how, &r);
        (void)many_value(700, text);
        uint64_t id = publish(t.c, &t.id[1], 0, 0, &(struct ob){many_time(700), text}, 1);
        got_is_error(client_answer(t.c, id), "damaged", "fsck --mend");
        three_checked(&t, t.c);
        publish_many(t.c, &t.id[1], 700, 10, 10);
        assert_int_equal(three_reads_right(&t, t.c, 1), 710);
        bed_free(&t.b);
    }
}

/* Who reads what is damaged, over and over, gets an answer each time, and fills no log. */
static void readers_fill_no_log(void **state) {
    struct three t;
    uint32_t off;
    (void)state;
    three_init(&t, 5);
    struct rn_place leaf = rn_place_node(0, 0, 1, &off), block = rn_place_block(0, 0);
    disk_flip(bed_a(&t.b), &leaf, 8 * (off + 5));
    disk_flip(bed_a(&t.b), &block, 8 * 100);
    struct client *stranger = client_new(&t.b, "a", 0);
    uint64_t before = bed_a(&t.b)->n_lines;
    for (int i = 0; i < 300; i++)
        client_refused(stranger, "damaged", "of its tree",
                       "{\"method\":\"nodes\",\"stream\":\"%s\",\"count\":700,\"level\":0,\"from\":0,\"n\":2}",
                       id_text(&t.id[0]).s);
    assert_true(sim_node_said(bed_a(&t.b), (const char *const[]){"error store", "of its tree", NULL}));
    assert_true(bed_a(&t.b)->n_lines - before < 100);
    sim_run(&t.b.w, 70 * SIM_S);
    assert_true(sim_node_said(bed_a(&t.b), (const char *const[]){"warn store", "more lines about it", NULL}));
    bed_free(&t.b);
}

static void walked(void *arg, const struct rn_walked *w, const struct runnel_err *err) {
    int *walking = arg;
    (void)w;
    assert_null(err);
    *walking = 0;
}

/* The open packs of a tree are altered and made again, over and over, while an author appends block after block: what
 * has been appended between the reading of a pack and its writing is not undone. */
static void made_again_under_an_author(void **state) {
    struct three t;
    struct ob v[RN_MAX_BLOCK];
    uint32_t off;
    int walking = 0;
    (void)state;
    three_init(&t, 4);
    bed_a(&t.b)->disk.faults = (struct sim_disk_faults){.delay = 0};
    for (size_t i = 0; i < RN_MAX_BLOCK; i++)
        v[i] = (struct ob){0, "1"};
    for (int round = 0; round < 100; round++) {
        struct rn_stream *s = rn_stream_find(bed_a(&t.b)->node, &t.id[0]);
        uint64_t leaves = s->tail.peaks.n, sent = publish(t.c, &t.id[0], RN_PUBLISH_NOW, 0, v, RN_MAX_BLOCK);
        while (walking || !client_find(t.c, NULL, RN_FRAME_PUBLISHED, sent)) {
            if (client_find(t.c, NULL, RN_FRAME_ERROR, sent))
                fail_msg("round %d: %s", round, (const char *)client_answer(t.c, sent)->bytes);
            if (round % 2 && !walking && s->tail.peaks.n == leaves && leaves % RN_PACK > 1) {
                struct rn_place p = rn_place_node(0, 0, s->tail.peaks.n - 2, &off);
                disk_flip(bed_a(&t.b), &p, 8 * (off + 5));
                walking = 1;
                assert_int_equal(rn_tree_walk(s, s->tail.peaks.n, RN_WALK_WRITE, NULL, walked, &walking), 0);
            }
            sim_run(&t.b.w, 10 * SIM_US);
        }
    }
    assert_int_equal(held(bed_a(&t.b), &t.id[0]), 700 + 100 * RN_MAX_BLOCK);
    struct rn_stream *s = rn_stream_find(bed_a(&t.b)->node, &t.id[0]);
    walking = 1;
    assert_int_equal(rn_tree_walk(s, s->tail.peaks.n, RN_WALK_WRITE, NULL, walked, &walking), 0);
    sim_run(&t.b.w, SIM_S); /* what was left because somebody appended */
    assert_int_equal(walking, 0);
    assert_int_equal(got_bool(client_ask(t.c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&t.id[0]).s), "ok"),
                     1);
    bed_free(&t.b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_mended),
        cmocka_unit_test(a_block_and_its_hash_are_mended),
        cmocka_unit_test(the_end_of_a_held_stream_comes_back),
        cmocka_unit_test(found_while_it_runs),
        cmocka_unit_test(the_end_is_altered),
        cmocka_unit_test(readers_fill_no_log),
        cmocka_unit_test(made_again_under_an_author),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
