/* SPDX-License-Identifier: MIT
 * damage.c — tests of a node whose store has been altered: what is whole is served, the rest is named.
 * May touch: standard output.
 */
#include "node/inner.h"
#include "node/stream.h"
#include "node/walk.h"
#include "tests/node/bed.h"
#include <stdio.h>
#include <string.h>

/* Node "a" with three streams of 700 observations. */
struct three {
    struct bed b;
    struct client *c;
    struct runnel_id id[3];
};

static void three_init(struct three *t, uint64_t seed) {
    char name[4] = "s0";
    bed_init(&t->b, seed);
    t->c = client_new(&t->b, "a", 1);
    for (int i = 0; i < 3; i++) {
        name[1] = (char)('0' + i);
        t->id[i] = make_stream(t->c, name);
        publish_many(t->c, &t->id[i], 0, 700, 350);
    }
}

static void restart(struct three *t) {
    bed_restart(&t->b, bed_a(&t->b));
    client_close(t->c);
    t->c = client_new(&t->b, "a", 1);
}

/* Replaces a record of a node's disk. */
static void put(struct sim_node *n, const struct rn_place *p, struct runnel_bytes data) {
    struct runnel_change c = {.what = RUNNEL_PUT, .key = rn_place_bytes(p), .data = data};
    uint64_t number;
    struct runnel_err err;
    assert_int_equal(rn_memory_apply(n->disk.map, &c, 1, &number, &err), 0);
    rn_memory_sync(n->disk.map, number);
}

/* Flips one bit of a record. */
static void flip(struct sim_node *n, const struct rn_place *p, size_t bit) {
    struct runnel_bytes val;
    struct rn_buf b = {.n = 0};
    assert_true(rn_memory_get(n->disk.map, rn_place_bytes(p), &val));
    assert_true(bit / 8 < val.n);
    assert_int_equal(rn_buf_add(&b, val.p, val.n), 0);
    b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    put(n, p, rn_buf_bytes(&b));
    rn_buf_free(&b);
}

/* A stream whose state is gone bad takes no publishes and says why; the node and the others go on. */
static void one_stream_in_trouble(void **state) {
    struct three t;
    struct rn_place p = rn_place_state(1);
    (void)state;
    three_init(&t, 1);
    flip(bed_a(&t.b), &p, 300);
    flip(bed_a(&t.b), &p, 500); /* one bit alone is put right */
    restart(&t);
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

/* What fsck finds is put right by it, and then it finds nothing more. */
static void checked(struct three *t, struct client *c) {
    (void)client_ask(c, "{\"method\":\"fsck\",\"mend\":true}");
    for (size_t k = 0; k < 3; k++)
        (void)client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\",\"mend\":true}", id_text(&t->id[k]).s);
    sim_run(&t->b.w, 10 * SIM_S); /* what is erased goes in slices */
    struct got *g = client_ask(c, "{\"method\":\"fsck\"}");
    if (!got_bool(g, "ok") || got_u64(g, "found") != 0)
        fail_msg("%.*s", (int)g->f.body.n, (const char *)g->bytes);
    for (size_t k = 0; k < 3; k++) {
        g = client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&t->id[k]).s);
        if (!got_bool(g, "ok"))
            fail_msg("%.*s", (int)g->f.body.n, (const char *)g->bytes);
    }
}

/* ---- every record, altered in every way ---- */

enum harm { ONE_BIT, MANY_BITS, SHORTER, LONGER, GONE, HARMS };

/* The key of record number `i` of a disk; 0 when there are fewer. */
static int record_key(struct sim_node *n, size_t i, struct rn_place *p) {
    struct runnel_bytes key = {NULL, 0}, val;
    bool more = rn_memory_seek(n->disk.map, key, false, &key, &val);
    for (; more && i > 0; i--)
        more = rn_memory_seek(n->disk.map, key, true, &key, &val);
    if (more) {
        memcpy(p->b, key.p, key.n);
        p->n = key.n;
    }
    return more;
}

static void harm(struct sim_node *n, const struct rn_place *p, enum harm how, struct sim_rand *r) {
    struct runnel_change erase = {.what = RUNNEL_ERASE, .key = rn_place_bytes(p)};
    struct runnel_bytes val;
    struct runnel_err err;
    uint64_t number;
    struct rn_buf b = {.n = 0};
    if (how == GONE) {
        assert_int_equal(rn_memory_apply(n->disk.map, &erase, 1, &number, &err), 0);
        rn_memory_sync(n->disk.map, number);
        return;
    }
    assert_true(rn_memory_get(n->disk.map, rn_place_bytes(p), &val));
    assert_int_equal(rn_buf_add(&b, val.p, val.n), 0);
    size_t at = (size_t)sim_between(r, 0, (int64_t)val.n - 1);
    if (how == ONE_BIT)
        b.p[at] ^= (uint8_t)(1u << sim_between(r, 0, 7));
    else if (how == MANY_BITS)
        for (size_t i = at; i < b.n && i < at + 20; i++)
            b.p[i] ^= (uint8_t)sim_between(r, 1, 255);
    else if (how == SHORTER)
        rn_buf_cut(&b, at);
    else
        assert_int_equal(rn_buf_add(&b, "1234567890", 10), 0);
    put(n, p, rn_buf_bytes(&b));
    rn_buf_free(&b);
}

/* All that the node says of a stream is right, or that it is damaged. Returns how many observations it gave. */
static uint64_t reads_right(struct three *t, struct client *c, size_t i) {
    uint64_t h = client_send(c, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(&t->id[i]).s);
    if (client_answer(c, h)->f.type == RN_FRAME_ERROR)
        return 0;
    uint64_t count = got_u64(client_answer(c, h), "count");
    assert_true(count <= 710);
    uint64_t f =
        client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"until\":%d}", id_text(&t->id[i]).s, (int)count);
    sim_run(&t->b.w, 12 * SIM_S);
    struct taken got = client_taken(c, f, 0, 1);
    assert_non_null(got.end);
    if (got.next < count)
        assert_string_equal(got_str(got.state, "code"), "damaged");
    for (uint64_t k = 1; k < 700; k += 233) { /* a time in the middle: right, or an error */
        uint64_t at = client_send(c, "{\"method\":\"at\",\"stream\":\"%s\",\"time\":\"%lld\"}", id_text(&t->id[i]).s,
                                  (long long)many_time(k));
        struct got *g = client_answer(c, at);
        if (g->f.type == RN_FRAME_ERROR)
            continue;
        uint64_t seq = got_u64(g, "seq");
        assert_true(seq < 700 && many_time(seq) <= many_time(k)); /* the stream may have grown */
        assert_true(seq + 1 >= count || many_time(seq + 1) > many_time(k));
    }
    return got.next;
}

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
            if (!record_key(bed_a(&t.b), i, &p)) {
                bed_free(&t.b);
                break;
            }
            if (p.b[0] == 'M') { /* that of the store itself is another matter */
                bed_free(&t.b);
                continue;
            }
            harm(bed_a(&t.b), &p, (enum harm)how, &r);
            restart(&t);
            uint64_t whole = 0;
            for (size_t k = 0; k < 3; k++)
                whole += reads_right(&t, t.c, k) == 700;
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
            if (!record_key(n, i, &p)) {
                bed_free(&t.b);
                break;
            }
            if (p.b[0] == 'M') {
                bed_free(&t.b);
                continue;
            }
            harm(n, &p, (enum harm)how, &r);
            bed_restart(&t.b, n);
            client_close(c);
            c = client_new(&t.b, "b", 1);
            for (size_t k = 0; k < 3; k++)
                (void)reads_right(&t, c, k);
            if (p.b[0] == 'U' && how != ONE_BIT)
                for (size_t k = 0; k < 3; k++)
                    (void)client_ask(c, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&t.id[k]).s);
            sim_run(&t.b.w, 100 * SIM_S);
            publish_many(t.c, &t.id[0], 700, 10, 10); /* and the tail goes on */
            sim_run(&t.b.w, 20 * SIM_S);
            for (size_t k = 0; k < 3; k++) {
                assert_int_equal(reads_right(&t, c, k), k ? 700 : 710);
                if (held(n, &t.id[k]) != (k ? 700 : 710)) {
                    bed_log(&t.b);
                    fail_msg("record %zu (%c) harm %d stream %zu: %d", i, p.b[0], how, k, (int)held(n, &t.id[k]));
                }
                struct got *g = client_ask(c, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(&t.id[k]).s);
                assert_null(got_str(g, "trouble"));
            }
            checked(&t, c);
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
            if (!record_key(bed_a(&t.b), i, &p)) {
                bed_free(&t.b);
                break;
            }
            if (p.b[0] == 'M') {
                bed_free(&t.b);
                continue;
            }
            harm(bed_a(&t.b), &p, (enum harm)how, &r);
            restart(&t);
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
                assert_int_equal(reads_right(&t, t.c, k), 701); /* and every block of it can be read again */
            }
            sim_run(&t.b.w, 60 * SIM_S);
            for (size_t k = 0; k < 3; k++)
                assert_int_equal(held(t.b.node[1], &t.id[k]), 701);
            checked(&t, t.c);
            bed_free(&t.b);
        }
}

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
        flip(hurt, &p, 8 * 1000 + 3);
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
            harm(hurt, &p, i == 1 ? GONE : MANY_BITS, &r);
        }
        flip(hurt, &pack, 8 * (2 * RN_LEAF_ENTRY + 5));
        flip(hurt, &pack, 8 * (8 * RN_LEAF_ENTRY + 40));
        if (all)
            harm(hurt, &pack, round % 4 == 2 ? GONE : SHORTER, &r);
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
        checked(&t, t.c);
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
                harm(n, &p, (enum harm)how, &r);
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
                    assert_int_equal(reads_right(&t, c, 2), what == ALONE ? 700 : 710);
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
            if (!record_key(bed_a(&t.b), i, &p)) {
                bed_free(&t.b);
                break;
            }
            int mendable = p.b[0] != 'B' && !(p.b[0] == 'M' && how != ONE_BIT);
            int open = p.b[0] == 'B' && p.b[p.n - 1] == 2;
            harm(bed_a(&t.b), &p, (enum harm)how, &r);
            int found = !got_bool(client_ask(t.c, "{\"method\":\"fsck\"}"), "ok");
            for (size_t k = 0; k < 3; k++)
                found |=
                    !got_bool(client_ask(t.c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&t.id[k]).s), "ok");
            if (!found)
                fail_msg("record %zu (%c) harm %d is not found", i, p.b[0], how);
            if (mendable || open)
                checked(&t, t.c);
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
        harm(bed_a(&t.b), &p, (enum harm)how, &r);
        (void)many_value(700, text);
        uint64_t id = publish(t.c, &t.id[1], 0, 0, &(struct ob){many_time(700), text}, 1);
        got_is_error(client_answer(t.c, id), "damaged", "fsck --mend");
        checked(&t, t.c);
        publish_many(t.c, &t.id[1], 700, 10, 10);
        assert_int_equal(reads_right(&t, t.c, 1), 710);
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
    flip(bed_a(&t.b), &leaf, 8 * (off + 5));
    flip(bed_a(&t.b), &block, 8 * 100);
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
                flip(bed_a(&t.b), &p, 8 * (off + 5));
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
        harm(bed_a(&t.b), &p, (enum harm)how, &r);
        restart(&t);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(reads_right(&t, t.c, k), 700);
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
        checked(&t, t.c);
        restart(&t); /* it has been written anew */
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
        put(bed_a(&t.b), &p, (struct runnel_bytes){(const uint8_t *)altered[i], strlen(altered[i])});
        restart(&t);
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
        harm(bed_a(&t.b), &p, (enum harm)how, &r);
        restart(&t);
        rn_note_scan(bed_a(&t.b)->node, RUNNEL_DISCOVERY, "x", none, count_note, note_done, &count);
        sim_run(&t.b.w, SIM_S);
        assert_int_equal(count, 1);
        assert_int_equal(
            sim_node_said(bed_a(&t.b), (const char *const[]){"a note of an instance", "passed over", NULL}), 1);
        struct got *g = client_ask(t.c, "{\"method\":\"fsck\"}");
        assert_int_equal(got_bool(g, "ok"), 0);
        assert_non_null(strstr((const char *)g->bytes, "the note of an instance"));
        checked(&t, t.c);
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
        harm(bed_a(&t.b), &p, (enum harm)how, &r);
        for (int i = 0; i < 2; i++) { /* also when fsck has seen it */
            restart(&t);
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
        cmocka_unit_test(a_block_is_mended),
        cmocka_unit_test(a_block_and_its_hash_are_mended),
        cmocka_unit_test(the_store_record),
        cmocka_unit_test(the_mark_of_a_restore),
        cmocka_unit_test(a_note_of_an_instance),
        cmocka_unit_test(a_tombstone),
        cmocka_unit_test(the_end_of_a_held_stream_comes_back),
        cmocka_unit_test(the_end_is_altered),
        cmocka_unit_test(found_while_it_runs),
        cmocka_unit_test(made_again_under_an_author),
        cmocka_unit_test(readers_fill_no_log),
        cmocka_unit_test(any_record_of_an_author),
        cmocka_unit_test(any_record_of_a_subscriber),
        cmocka_unit_test(any_record_of_an_author_with_a_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
