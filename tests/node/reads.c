/* SPDX-License-Identifier: MIT
 * reads.c — tests of at, nodes, streams, head and verify at a real node, and of damage on its disk.
 * May touch: standard output.
 */
#include "data/block.h"
#include "node/place.h"
#include "tests/node/bed.h"
#include "tests/unit/naive.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- at ---- */

/* The last observation with time <= T, found by walking; UINT64_MAX: none. */
static uint64_t naive_at(int64_t time, uint64_t count) {
    uint64_t found = UINT64_MAX;
    for (uint64_t i = 0; i < count && many_time(i) <= time; i++)
        found = i;
    return found;
}

static void check_at(struct client *c, const struct runnel_id *id, int64_t time, uint64_t count) {
    char text[256];
    uint64_t want = naive_at(time, count);
    struct got *g = client_answer(
        c, client_send(c, "{\"method\":\"at\",\"stream\":\"%s\",\"time\":\"%lld\"}", id_text(id).s, (long long)time));
    if (want == UINT64_MAX) {
        got_is_error(g, "not-found", "at or before");
        return;
    }
    assert_int_equal(got_u64(g, "seq"), want);
    assert_true(got_i64(g, "time") == many_time(want));
    assert_int_equal(rn_json_get(got_json(g), "time")->type, RN_STRING);
    (void)many_value(want, text);
    assert_non_null(strstr((const char *)g->bytes, text)); /* the value's own spelling */
}

static void at_any_time(void **state) {
    static const uint64_t counts[] = {0, 1, 2, 7, 255, 256, 257, 511, 512, 513, 4000};
    struct bed b;
    (void)state;
    bed_init(&b, 1);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        uint64_t count = counts[i], had = i ? counts[i - 1] : 0;
        publish_many(c, &id, had, count - had, 300);
        if (count == 4000) {
            bed_restart(&b, bed_a(&b));
            c = client_new(&b, "a", 1);
        }
        check_at(c, &id, INT64_MIN, count);
        check_at(c, &id, INT64_MAX, count);
        check_at(c, &id, INT64_MAX - 1, count);
        check_at(c, &id, MANY_START - 1, count);
        for (uint64_t k = had; k < count; k += 1 + count / 50)
            for (int64_t d = -1; d <= 1; d++)
                check_at(c, &id, many_time(k) + d, count);
        for (int k = 0; count > 0 && k < 60; k++)
            check_at(c, &id, sim_between(&b.w.rand, MANY_START - SIM_MS, many_time(count) + 20 * SIM_MS), count);
        client_forget(c);
    }
    bed_free(&b);
}

/* One time over several blocks, at both ends of time. */
static void at_equal_times(void **state) {
    struct bed b;
    struct ob v[600];
    (void)state;
    bed_init(&b, 2);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    const struct {
        int64_t time;
        uint64_t first, last;
    } rows[] = {{INT64_MIN, 0, 299}, {5, 300, 899}, {6, 900, 1199}};
    for (size_t r = 0; r < 3; r++) {
        size_t n = (size_t)(rows[r].last - rows[r].first + 1);
        for (size_t i = 0; i < n; i++)
            v[i] = (struct ob){rows[r].time, "1"};
        (void)published(c, &id, RN_PUBLISH_SEQ, rows[r].first, v, n);
    }
    for (int again = 0; again < 2; again++) {
        for (size_t r = 0; r < 3; r++) {
            struct got *g = client_ask(c, "{\"method\":\"at\",\"stream\":\"%s\",\"time\":\"%lld\"}", id_text(&id).s,
                                       (long long)rows[r].time);
            assert_int_equal(got_u64(g, "seq"), rows[r].last);
            g = client_ask(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"from_time\":\"%lld\",\"credit\":0}",
                           id_text(&id).s, (long long)rows[r].time);
            assert_int_equal(got_u64(g, "from"), rows[r].first);
        }
        bed_restart(&b, bed_a(&b));
        c = client_new(&b, "a", 1);
    }
    bed_free(&b);
}

/* ---- nodes ---- */

struct leaves {
    struct rn_hasher *h;
    struct rn_hash leaf[64];
    size_t n;
};

/* The leaves of the tree of `count` observations of the history, from nothing but their bytes. */
static void make_leaves(struct leaves *l, struct client *c, const struct runnel_id *id, uint64_t count) {
    struct got *g = client_ask(c, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(id).s);
    const char *p = strstr((const char *)g->bytes, "\"descriptor\":") + 13, *end = strstr(p, "},\"own\"") + 1;
    char value[256];
    l->leaf[0] = rn_hash_leaf(l->h, p, (size_t)(end - p), NULL, 0);
    l->n = 1;
    for (uint64_t at = 0; at < count; l->n++) {
        struct rn_buf b;
        rn_buf_init(&b, 0);
        uint64_t stop = at + RN_MAX_BLOCK < count ? at + RN_MAX_BLOCK : count;
        for (uint64_t i = at; i < stop; i++) {
            size_t n = many_value(i, value);
            sim_must(rn_block_add(&b, i > at ? many_time(i - 1) : 0, many_time(i),
                                  (struct runnel_bytes){(const uint8_t *)value, n}),
                     "a block");
        }
        l->leaf[l->n] = rn_hash_leaf(l->h, b.p, b.n, NULL, 0);
        rn_buf_free(&b);
        at = stop;
    }
}

static struct rn_hash naive_node(const struct leaves *l, unsigned level, uint64_t index) {
    return naive_root(l->h, &l->leaf[index << level], (size_t)1 << level);
}

static void nodes_of_any_tree(void **state) {
    static const uint64_t counts[] = {0, 1, 255, 256, 257, 512, 1000, 2047, 2048, 8192, 9999, 10000};
    struct bed b;
    struct leaves l = {.h = rn_hasher_new()};
    (void)state;
    assert_non_null(l.h);
    bed_init(&b, 3);
    struct client *c = client_new(&b, "a", 1), *reader = client_new(&b, "a", 0);
    struct runnel_id id = make_stream(c, "s");
    publish_many(c, &id, 0, 10000, 500);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        uint64_t count = counts[i], closed = 1 + count / RN_MAX_BLOCK;
        make_leaves(&l, c, &id, count);
        for (unsigned level = 0; level < 8; level++) {
            uint64_t there = level == 0 ? l.n : closed >> level;
            for (uint64_t from = 0; from < there; from++) {
                uint64_t most = there - from, n = from % 3 == 0 ? most : 1 + sim_below(&b.w.rand, most);
                struct got *g = client_ask(
                    reader,
                    "{\"method\":\"nodes\",\"stream\":\"%s\",\"count\":%llu,\"level\":%u,\"from\":%llu,\"n\":%llu}",
                    id_text(&id).s, (unsigned long long)count, level, (unsigned long long)from, (unsigned long long)n);
                assert_int_equal(g->f.type, RN_FRAME_HASHES);
                assert_int_equal(g->f.body.n, n * RN_HASH);
                for (uint64_t k = 0; k < n; k++) {
                    struct rn_hash want = naive_node(&l, level, from + k);
                    assert_memory_equal(g->bytes + k * RN_HASH, want.b, RN_HASH);
                }
            }
            client_refused(reader, "invalid", "perfect",
                           "{\"method\":\"nodes\",\"stream\":\"%s\",\"count\":%llu,\"level\":%u,\"from\":0,\"n\":%llu}",
                           id_text(&id).s, (unsigned long long)count, level, (unsigned long long)there + 1);
        }
        client_forget(reader);
    }
    rn_hasher_free(l.h);
    bed_free(&b);
}

/* ---- streams, head ---- */

static void page_through(struct client *c, const char *limit, size_t want) {
    char after[64] = "", last[64] = "";
    size_t n = 0;
    char *seen = calloc(want, 1);
    assert_non_null(seen);
    for (int more = 1; more;) {
        struct got *g = client_ask(c, "{\"method\":\"streams\"%s%s}", limit, after);
        const struct rn_json *list = rn_json_get(got_json(g), "streams");
        assert_true(list && list->type == RN_ARRAY);
        more = got_bool(g, "more");
        assert_true(list->n > 0 || !more);
        for (const struct rn_json *v = list->child; v; v = v->next) {
            const char *id = NULL, *name = NULL;
            struct runnel_err err;
            assert_int_equal(rn_json_str(v, "stream", &id, &err), 0);
            assert_int_equal(rn_json_str(rn_json_get(v, "descriptor"), "stream", &name, &err), 0);
            assert_true(strcmp(id, last) > 0); /* lower-case hexadecimal sorts as the bytes do */
            (void)snprintf(last, sizeof last, "%s", id);
            size_t k = strtoul(name + 1, NULL, 10);
            assert_true(k < want && !seen[k]);
            seen[k] = 1;
            n++;
        }
        (void)snprintf(after, sizeof after, ",\"after\":\"%.40s\"", last);
    }
    assert_int_equal(n, want);
    free(seen);
}

static void pages_of_streams(void **state) {
    struct bed b;
    char name[16];
    (void)state;
    bed_init(&b, 4);
    struct client *c = client_new(&b, "a", 1);
    struct got *g = client_ask(c, "{\"method\":\"streams\"}");
    assert_true(rn_json_get(got_json(g), "streams")->n == 0 && !got_bool(g, "more"));
    for (int i = 0; i < 600; i++) {
        (void)snprintf(name, sizeof name, "s%d", i);
        (void)make_stream(c, name);
        if (i == 255) { /* just a page */
            g = client_ask(c, "{\"method\":\"streams\",\"limit\":100}");
            size_t n = rn_json_get(got_json(g), "streams")->n; /* an answer that grows too long is a shorter page */
            assert_true(n > 10 && n <= 100 && got_bool(g, "more"));
            page_through(c, ",\"limit\":128", 256);
        }
    }
    page_through(c, "", 600);
    page_through(c, ",\"limit\":1", 600);
    page_through(c, ",\"limit\":7", 600);
    page_through(c, ",\"limit\":200", 600);
    bed_restart(&b, bed_a(&b));
    c = client_new(&b, "a", 0);
    page_through(c, ",\"limit\":256", 600);
    g = client_ask(c, "{\"method\":\"streams\",\"after\":\"ffffffff-ffff-ffff-ffff-ffffffffffff\"}");
    assert_true(rn_json_get(got_json(g), "streams")->n == 0 && !got_bool(g, "more"));
    bed_free(&b);
}

/* By name the newest is meant; also while a newer one is on its way to the disk the others are known. */
static void heads_by_name(void **state) {
    struct bed b;
    char key[2 * RN_KEY + 1], text[64];
    (void)state;
    bed_init(&b, 5);
    struct client *c = client_new(&b, "a", 1);
    bed_key(bed_a(&b), key);
    struct runnel_id first = make_stream(c, "s");
    struct got *g = client_ask(c, "{\"method\":\"head\",\"stream\":\"%s/sim/s/\"}", key);
    assert_string_equal(got_str(g, "stream"), id_text(&first).s);
    uint64_t create =
        client_send(c, "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"s\",\"target\":"
                       "\"\",\"meta\":{\"description\":\"newer\"}}}");
    g = client_ask(c, "{\"method\":\"head\",\"stream\":\"%s/sim/s/\"}", key);
    assert_string_equal(got_str(g, "stream"), id_text(&first).s);
    (void)snprintf(text, sizeof text, "%s", got_str(client_answer(c, create), "stream"));
    assert_string_not_equal(text, id_text(&first).s);
    g = client_ask(c, "{\"method\":\"head\",\"stream\":\"%s/sim/s/\"}", key);
    assert_string_equal(got_str(g, "stream"), text);
    bed_restart(&b, bed_a(&b));
    c = client_new(&b, "a", 1);
    g = client_ask(c, "{\"method\":\"head\",\"stream\":\"%s/sim/s/\"}", key);
    assert_string_equal(got_str(g, "stream"), text);
    client_refused(c, "not-found", "not known", "{\"method\":\"head\",\"stream\":\"%s/sim/s/x\"}", key);
    bed_free(&b);
}

/* ---- damage ---- */

/* Flips a bit of what stands on the disk. */
static void flip(struct sim_node *n, const struct rn_place *p, size_t at) {
    struct runnel_bytes val;
    struct runnel_err err = {0};
    uint64_t number;
    assert_int_equal(rn_memory_get(n->disk.map, rn_place_bytes(p), &val), 1);
    assert_true(at < val.n);
    uint8_t *copy = malloc(val.n);
    assert_non_null(copy);
    memcpy(copy, val.p, val.n);
    copy[at] ^= 1;
    struct runnel_change change = {.what = RUNNEL_PUT, .key = rn_place_bytes(p), .data = {copy, val.n}};
    assert_int_equal(rn_memory_apply(n->disk.map, &change, 1, &number, &err), 0);
    rn_memory_sync(n->disk.map, number);
    free(copy);
}

static uint32_t number_of(struct sim_node *n, const struct runnel_id *id) {
    struct rn_place p = rn_place_stream(id);
    struct runnel_bytes val, text;
    uint32_t number = 0;
    struct runnel_err err;
    assert_int_equal(rn_memory_get(n->disk.map, rn_place_bytes(&p), &val), 1);
    assert_int_equal(rn_stream_record_get(val, &number, &text, &err), 0);
    return number;
}

static void damaged_blocks_are_named(void **state) {
    static const uint64_t blocks[] = {0, 2, 4, 5};
    (void)state;
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        for (int place = 0; place < 3; place++) {
            struct bed b;
            bed_init(&b, 6);
            struct client *c = client_new(&b, "a", 1);
            struct runnel_id id = make_stream(c, "s");
            publish_many(c, &id, 0, 1500, 500);
            struct got *g = client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&id).s);
            assert_true(got_bool(g, "ok") && got_u64(g, "blocks") == 6 && got_u64(g, "count") == 1500);
            assert_int_equal(rn_json_get(got_json(g), "damaged")->n, 0);
            struct rn_place p = rn_place_block(number_of(bed_a(&b), &id), blocks[i]);
            uint32_t off = 0;
            if (place == 2 && blocks[i] != 5)
                p = rn_place_node(number_of(bed_a(&b), &id), 0, blocks[i] + 1, &off);
            flip(bed_a(&b), &p, place == 0 ? 3 : off + 20);
            g = client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&id).s);
            assert_int_equal(got_bool(g, "ok"), 0);
            const struct rn_json *list = rn_json_get(got_json(g), "damaged");
            uint64_t block = 99, from = 99;
            const char *message = NULL;
            struct runnel_err err;
            assert_true(list && list->n == 1);
            assert_int_equal(rn_json_u64(list->child, "block", &block, &err), 0);
            assert_int_equal(rn_json_u64(list->child, "from", &from, &err), 0);
            assert_int_equal(rn_json_str(list->child, "message", &message, &err), 0);
            assert_true(block == blocks[i] && from == 256 * block && strlen(message) > 10);
            bed_free(&b);
        }
}

/* What is damaged is not served, the rest is; nobody is cut off. */
static void damaged_blocks_are_not_served(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 7);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    publish_many(c, &id, 0, 1500, 500);
    struct rn_place p = rn_place_block(number_of(bed_a(&b), &id), 2);
    flip(bed_a(&b), &p, 300);
    uint64_t before = client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"until\":512}", id_text(&id).s);
    uint64_t through = client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\"}", id_text(&id).s);
    uint64_t behind = client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"from\":768}", id_text(&id).s);
    sim_run(&b.w, SIM_S);
    struct taken t = client_taken(c, before, 0, 1);
    assert_true(t.next == 512 && t.end && strcmp(t.end, "done") == 0);
    t = client_taken(c, behind, 768, 1);
    assert_true(t.next == 1500 && t.live == 1);
    t = client_taken(c, through, 0, 1);
    assert_int_equal(t.next, 512);
    assert_string_equal(t.end, "error");
    assert_string_equal(got_str(t.state, "code"), "damaged");
    assert_non_null(strstr(got_str(t.state, "message"), "block 2"));
    client_refused(c, "damaged", "block 2", "{\"method\":\"at\",\"stream\":\"%s\",\"time\":\"%lld\"}", id_text(&id).s,
                   (long long)many_time(600));
    check_at(c, &id, many_time(100), 1500);
    check_at(c, &id, many_time(1400), 1500);
    client_refused(c, "damaged", "block 2",
                   "{\"method\":\"nodes\",\"stream\":\"%s\",\"count\":600,\"level\":0,\"from\":3,\"n\":1}",
                   id_text(&id).s);
    assert_int_equal(sim_node_said(bed_a(&b), (const char *const[]){"error", "block 2", NULL}), 1);
    publish_many(c, &id, 1500, 10, 10); /* and the stream goes on */
    bed_free(&b);
}

/* A disk that cannot be read for a while: an error, and no more than that. */
static void a_disk_that_cannot_be_read(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 8);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    publish_many(c, &id, 0, 1500, 500);
    bed_a(&b)->disk.faults.bad_reads = 1000;
    client_refused(c, "io", "", "{\"method\":\"at\",\"stream\":\"%s\",\"time\":\"%lld\"}", id_text(&id).s,
                   (long long)many_time(600));
    client_refused(c, "io", "", "{\"method\":\"nodes\",\"stream\":\"%s\",\"count\":600,\"level\":0,\"from\":0,\"n\":1}",
                   id_text(&id).s);
    client_refused(c, "io", "", "{\"method\":\"follow\",\"stream\":\"%s\",\"from_time\":\"%lld\"}", id_text(&id).s,
                   (long long)many_time(600));
    struct got *g = client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&id).s);
    assert_int_equal(got_bool(g, "ok"), 0);
    assert_int_equal(rn_json_get(got_json(g), "damaged")->n, 6);
    bed_a(&b)->disk.faults.bad_reads = 0;
    check_at(c, &id, many_time(600), 1500);
    g = client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&id).s);
    assert_int_equal(got_bool(g, "ok"), 1);
    assert_int_equal(got_u64(client_ask(c, "{\"method\":\"status\"}"), "follows"), 0);
    bed_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_any_time),
        cmocka_unit_test(at_equal_times),
        cmocka_unit_test(nodes_of_any_tree),
        cmocka_unit_test(pages_of_streams),
        cmocka_unit_test(heads_by_name),
        cmocka_unit_test(damaged_blocks_are_named),
        cmocka_unit_test(damaged_blocks_are_not_served),
        cmocka_unit_test(a_disk_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
