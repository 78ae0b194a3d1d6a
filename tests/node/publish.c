/* SPDX-License-Identifier: MIT
 * publish.c — tests of publishing at a real node: where it goes, what is refused, when it is acknowledged.
 * May touch: standard output.
 */
#include "data/block.h"
#include "tests/node/bed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T (SIM_WALL - 1000 * SIM_S)
#define SEQ RN_PUBLISH_SEQ
#define NOW RN_PUBLISH_NOW
#define FRESH RN_PUBLISH_FRESH

static uint64_t count_of(struct client *c, const struct runnel_id *id) {
    return got_u64(client_ask(c, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(id).s), "count");
}

/* What the node says of a stream, as text: equal texts, nothing changed. */
static struct got *whole(struct client *c, const struct runnel_id *id) {
    return client_ask(c, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(id).s);
}

static void same(struct got *a, struct got *b) {
    assert_int_equal(a->f.body.n, b->f.body.n);
    assert_memory_equal(a->bytes, b->bytes, a->f.body.n);
}

/* ---- with seq ---- */

static const struct seq_row {
    const char *name;
    unsigned flags;
    uint64_t seq;
    struct ob v[6];
    const char *code, *word; /* NULL: success */
    uint64_t grows;
    int64_t first, last; /* of the answer */
} seq_rows[] = {
    {"the same again", SEQ, 0, {{T, "0"}}, NULL, NULL, 0, T, T},
    {"all again", SEQ, 0, {{T, "0"}, {T + 1, "1"}, {T + 1, "2"}, {T + 3, "3"}, {T + 4, "4"}}, NULL, NULL, 0, T, T + 4},
    {"the end again", SEQ, 3, {{T + 3, "3"}, {T + 4, "4"}}, NULL, NULL, 0, T + 3, T + 4},
    {"again, with the node's times", SEQ | NOW, 1, {{0, "1"}, {0, "2"}, {0, "3"}}, NULL, NULL, 0, T + 1, T + 3},
    {"another value", SEQ, 1, {{T + 1, "9"}}, "conflict", "5", 0, 0, 0},
    {"the second with another value", SEQ, 1, {{T + 1, "1"}, {T + 1, "20"}}, "conflict", "5", 0, 0, 0},
    {"another value, with the node's times", SEQ | NOW, 1, {{0, "1"}, {0, "3"}}, "conflict", "5", 0, 0, 0},
    {"another time", SEQ, 1, {{T + 2, "1"}}, "conflict", "5", 0, 0, 0},
    {"the last with another time", SEQ, 3, {{T + 3, "3"}, {T + 5, "4"}}, "conflict", "5", 0, 0, 0},
    {"half of it there", SEQ, 3, {{T + 3, "3"}, {T + 4, "4"}, {T + 5, "5"}}, "conflict", "5", 0, 0, 0},
    {"ahead", SEQ, 6, {{T + 9, "6"}}, "conflict", "5", 0, 0, 0},
    {"far ahead", SEQ, UINT64_MAX, {{T + 9, "6"}}, "conflict", "5", 0, 0, 0},
    {"a little less than far ahead", SEQ, UINT64_MAX - 2, {{T + 9, "6"}, {T + 9, "6"}}, "conflict", "5", 0, 0, 0},
    {"fresh, and there already", SEQ | FRESH, 0, {{T, "0"}}, "conflict", "5", 0, 0, 0},
    {"fresh with the node's times, and there already", SEQ | FRESH | NOW, 4, {{0, "4"}}, "conflict", "5", 0, 0, 0},
    {"just behind", SEQ, 5, {{T + 5, "5"}, {T + 6, "6"}}, NULL, NULL, 2, T + 5, T + 6},
    {"fresh, just behind", SEQ | FRESH, 7, {{T + 6, "6"}}, NULL, NULL, 1, T + 6, T + 6},
    {"without seq, the same as the last", 0, 0, {{T + 6, "6"}}, NULL, NULL, 1, T + 6, T + 6},
};

static void where_a_publish_goes(void **state) {
    static const struct ob start[] = {{T, "0"}, {T + 1, "1"}, {T + 1, "2"}, {T + 3, "3"}, {T + 4, "4"}};
    struct bed b;
    (void)state;
    bed_init(&b, 1);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    (void)published(c, &id, SEQ, 0, start, 5);
    for (size_t i = 0; i < sizeof seq_rows / sizeof seq_rows[0]; i++) {
        const struct seq_row *r = &seq_rows[i];
        size_t n = 0;
        while (n < 6 && r->v[n].value)
            n++;
        struct got *before = whole(c, &id);
        struct got *g = client_answer(c, publish(c, &id, r->flags, r->seq, r->v, n));
        uint64_t at = r->grows ? got_u64(before, "count") : r->seq;
        if (r->code) {
            got_is_error(g, r->code, r->word);
        } else {
            assert_int_equal(g->f.type, RN_FRAME_PUBLISHED);
            assert_true(g->f.seq == at && g->f.count == n && g->f.base == r->first && g->f.last == r->last);
        }
        assert_int_equal(count_of(c, &id), got_u64(before, "count") + r->grows);
        if (!r->grows)
            same(before, whole(c, &id));
    }
    bed_free(&b);
}

/* A repeat over several closed blocks is read back from the disk; one other value in it is found. */
static void a_long_repeat(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 2);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    struct ob v[900];
    char text[900][8];
    for (int i = 0; i < 900; i++) {
        (void)snprintf(text[i], sizeof text[i], "%d", i);
        v[i] = (struct ob){T + i / 2, text[i]};
    }
    (void)published(c, &id, SEQ, 0, v, 900);
    (void)published(c, &id, SEQ, 0, v, 900);
    (void)published(c, &id, SEQ, 100, v + 100, 800);
    (void)published(c, &id, SEQ, 256, v + 256, 256);
    for (int i = 0; i < 900; i += 97) {
        v[i].value = "-1";
        got_is_error(client_answer(c, publish(c, &id, SEQ, 0, v, 900)), "conflict", text[i]);
        v[i].value = text[i];
    }
    assert_int_equal(count_of(c, &id), 900);
    bed_restart(&b, bed_a(&b)); /* nothing is in memory now but the open block */
    c = client_new(&b, "a", 1);
    (void)published(c, &id, SEQ, 0, v, 900);
    bed_free(&b);
}

/* ---- times ---- */

static int64_t wall_at;
static int64_t fixed_wall(void *ctx) {
    (void)ctx;
    return wall_at;
}

static void the_nodes_time_never_falls(void **state) {
    static const struct ob two[] = {{0, "1"}, {0, "2"}};
    struct bed b;
    (void)state;
    bed_init(&b, 3);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    bed_a(&b)->env.wall = fixed_wall;
    wall_at = SIM_WALL;
    struct got *g = published(c, &id, NOW, 0, two, 2);
    assert_true(g->f.base == SIM_WALL && g->f.last == SIM_WALL);
    wall_at = SIM_WALL - 3600 * SIM_S;
    g = published(c, &id, NOW | SEQ, 2, two, 2);
    assert_true(g->f.base == SIM_WALL && g->f.last == SIM_WALL);
    wall_at = SIM_WALL + 1;
    g = published(c, &id, NOW, 0, two, 1);
    assert_true(g->f.base == SIM_WALL + 1 && g->f.last == SIM_WALL + 1);
    bed_restart(&b, bed_a(&b));
    c = client_new(&b, "a", 1);
    wall_at = -5; /* a clock before 1970 */
    assert_true(published(c, &id, NOW, 0, two, 1)->f.base == SIM_WALL + 1);
    id = make_stream(c, "old");
    assert_true(published(c, &id, NOW, 0, two, 1)->f.base == -5);
    bed_free(&b);
}

#define AHEAD (600 * SIM_S)
static const struct time_row {
    int64_t times[3];
    const char *word1, *word2; /* NULL: success; both stand in the message */
} time_rows[] = {
    {{INT64_MIN, -1}, NULL, NULL},
    {{-1, 0}, NULL, NULL},
    {{-2}, "1969-12-31T23:59:59.999999998Z", "1970-01-01T00:00:00"},
    {{T, T}, NULL, NULL},
    {{T - 1, T}, "2025-12-31T23:43:19.999999999Z", "2025-12-31T23:43:20"},
    {{T}, NULL, NULL},
    {{SIM_WALL + AHEAD + 1}, "2026-01-01T00:10:00.000000001Z", "2026-01-01T00:00:00"},
    {{T, SIM_WALL, SIM_WALL + AHEAD + 1}, "2026-01-01T00:10:00.000000001Z", "2026-01-01T00:00:00"},
    {{INT64_MAX}, "2262", "2026-01-01T00:00:00"},
    {{T, SIM_WALL + AHEAD}, NULL, NULL},
    {{SIM_WALL + AHEAD}, NULL, NULL},
    {{SIM_WALL}, "2026-01-01T00:00:00", "2026-01-01T00:10:00"},
};

static void times_that_are_given(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 4);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    bed_a(&b)->env.wall = fixed_wall;
    wall_at = SIM_WALL;
    for (size_t i = 0; i < sizeof time_rows / sizeof time_rows[0]; i++) {
        const struct time_row *r = &time_rows[i];
        struct ob v[3] = {{r->times[0], "1"}, {r->times[1], "2"}, {r->times[2], "3"}};
        size_t n = r->times[2] ? 3 : r->times[1] || r->times[0] == -1 ? 2 : 1;
        struct got *before = whole(c, &id), *g = client_answer(c, publish(c, &id, 0, 0, v, n));
        if (r->word1) {
            got_is_error(g, "invalid", r->word1);
            got_is_error(g, "invalid", r->word2);
            same(before, whole(c, &id));
        } else {
            assert_int_equal(g->f.type, RN_FRAME_PUBLISHED);
            assert_true(g->f.base == v[0].time && g->f.last == v[n - 1].time);
        }
    }
    bed_free(&b);
}

/* ---- values ---- */

static const char *const bad_values[] = {
    "nul", "1 ", " 1", "{\"a\":1,}", "01", "\"\\ud800\"", "\"\x80\"", "[1", "1,2", "\"\n\"", "NaN", "{1:2}",
};

static void bad_values_at_any_place(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 5);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    (void)published(c, &id, 0, 0, &(struct ob){T, "0"}, 1);
    struct got *before = whole(c, &id);
    for (size_t i = 0; i < sizeof bad_values / sizeof bad_values[0]; i++)
        for (size_t k = 0; k < 400; k += 133) {
            struct ob v[400];
            char word[32];
            for (size_t j = 0; j < 400; j++)
                v[j] = (struct ob){T + (int64_t)j, j == k ? bad_values[i] : "[1,2]"};
            (void)snprintf(word, sizeof word, "observation %zu", k);
            struct got *g = client_answer(c, publish(c, &id, i % 2 ? SEQ : 0, 1, v, 400));
            got_is_error(g, "invalid", word);
            got_is_error(g, "invalid", "byte");
        }
    same(before, whole(c, &id));
    bed_free(&b);
}

static struct got *publish_raw(struct client *c, const struct runnel_id *id, unsigned flags, int64_t base,
                               const void *entries, size_t n) {
    sim_must(
        rn_frame_publish(&c->talk.out, ++c->last_id, id, (uint8_t)flags, 0, base, (struct runnel_bytes){entries, n}),
        "a frame");
    sim_talk_flush(&c->talk);
    return client_answer(c, c->last_id);
}

static const struct raw_row {
    const char *name, *entries;
    size_t n;
    unsigned flags;
} raw_rows[] = {
    {"nothing", "", 0, 0},
    {"nothing, with the node's times", "", 0, NOW},
    {"half an entry", "\x00\x02\x31", 3, 0},
    {"a delta without the rest", "\x00\x01\x31\x80", 4, 0},
    {"an overlong delta", "\x80\x00\x01\x31", 4, 0},
    {"an overlong length", "\x00\x81\x00\x31", 4, 0},
    {"an empty value", "\x00\x00", 2, 0},
    {"a length over the limit", "\x00\x81\x80\x01\x31", 5, 0},
    {"a delta past the end of time", "\x00\x01\x31\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x31", 15, 0},
    {"a delta over 64 bits", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x01\x31", 12, 0},
    {"times of their own with NOW", "\x00\x01\x31\x01\x01\x31", 6, NOW},
};

static void entries_that_are_malformed(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 6);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    (void)published(c, &id, 0, 0, &(struct ob){T, "0"}, 1);
    struct got *before = whole(c, &id);
    for (size_t i = 0; i < sizeof raw_rows / sizeof raw_rows[0]; i++) {
        got_is_error(
            publish_raw(c, &id, raw_rows[i].flags, raw_rows[i].flags & NOW ? 0 : T, raw_rows[i].entries, raw_rows[i].n),
            "invalid", "");
        same(before, whole(c, &id));
    }
    /* a first delta is allowed: the base is only what it is added to */
    struct got *g = publish_raw(c, &id, 0, T, "\x05\x01\x31", 3);
    assert_int_equal(g->f.type, RN_FRAME_PUBLISHED);
    assert_true(g->f.base == T + 5 && g->f.last == T + 5);
    bed_free(&b);
}

static void the_longest_values(void **state) {
    struct bed b;
    char *value = malloc(RN_MAX_VALUE + 1);
    (void)state;
    assert_non_null(value);
    memset(value, 'x', RN_MAX_VALUE);
    value[0] = value[RN_MAX_VALUE - 1] = '"';
    value[RN_MAX_VALUE] = 0;
    bed_init(&b, 7);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    struct ob v[3] = {{T, value}, {T, value}, {T, value}};
    for (uint64_t i = 0; i < 300; i += 3)
        (void)published(c, &id, SEQ, i, v, 3);
    struct got *g =
        client_ask(c, "{\"method\":\"at\",\"stream\":\"%s\",\"time\":\"%lld\"}", id_text(&id).s, (long long)T);
    assert_int_equal(got_u64(g, "seq"), 299);
    assert_int_equal(strlen(got_str(g, "value")), RN_MAX_VALUE - 2);
    uint64_t follow =
        client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"credit\":16777216,\"until\":300}", id_text(&id).s);
    sim_run(&b.w, SIM_S);
    assert_string_equal(client_taken(c, follow, 0, 0).end, "done");
    assert_int_equal(client_taken(c, follow, 0, 0).next, 300);
    free(value);
    bed_free(&b);
}

/* One request may bring far more than a block. */
static void over_many_blocks(void **state) {
    struct bed b;
    (void)state;
    bed_init(&b, 8);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    publish_many(c, &id, 0, 100, 100);
    publish_many(c, &id, 100, 700, 700);
    publish_many(c, &id, 800, 224, 224); /* ends at a block's border */
    publish_many(c, &id, 1024, 1, 1);
    uint64_t follow = client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"heads\":true}", id_text(&id).s);
    sim_run(&b.w, SIM_S);
    struct taken t = client_taken(c, follow, 0, 1);
    assert_true(t.next == 1025 && t.head_count == 1025);
    assert_int_equal(got_bool(client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&id).s), "ok"), 1);
    bed_free(&b);
}

/* ---- many at once ---- */

/* All in one tick: they go in order, a repeat of one that is under way succeeds when it is. */
static void pipelined(void **state) {
    struct bed b;
    uint64_t id_of[8];
    (void)state;
    bed_init(&b, 9);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    bed_a(&b)->disk.faults.delay = 50 * SIM_MS;
    struct ob v0[] = {{T, "0"}, {T + 1, "1"}}, v2[] = {{T + 2, "2"}, {T + 3, "3"}}, v4[] = {{T + 4, "4"}};
    struct ob other[] = {{T + 2, "9"}}, late[] = {{T, "5"}};
    id_of[0] = publish(c, &id, SEQ, 0, v0, 2);
    id_of[1] = publish(c, &id, SEQ, 2, v2, 2);
    id_of[2] = publish(c, &id, SEQ, 0, v0, 2);    /* again: success */
    id_of[3] = publish(c, &id, SEQ, 2, other, 1); /* another: conflict */
    id_of[4] = publish(c, &id, SEQ, 4, v4, 1);
    id_of[5] = publish(c, &id, SEQ, 7, v4, 1); /* ahead */
    id_of[6] = publish(c, &id, 0, 0, late, 1); /* before the last */
    id_of[7] = publish(c, &id, SEQ, 2, v2, 2); /* again */
    static const char *const codes[8] = {NULL, NULL, NULL, "conflict", NULL, "conflict", "invalid", NULL};
    for (int i = 0; i < 8; i++) {
        struct got *g = client_answer(c, id_of[i]);
        if (codes[i])
            got_is_error(g, codes[i], "");
        else
            assert_int_equal(g->f.type, RN_FRAME_PUBLISHED);
    }
    assert_int_equal(count_of(c, &id), 5);
    /* while one is on its way to the disk, its repeat waits for it */
    uint64_t first = publish(c, &id, SEQ, 5, &(struct ob){T + 9, "5"}, 1);
    sim_run(&b.w, 20 * SIM_MS);
    uint64_t again = publish(c, &id, SEQ, 5, &(struct ob){T + 9, "5"}, 1);
    uint64_t wrong = publish(c, &id, SEQ, 5, &(struct ob){T + 9, "6"}, 1);
    uint64_t fresh = publish(c, &id, SEQ | FRESH, 5, &(struct ob){T + 9, "5"}, 1);
    assert_int_equal(client_answer(c, first)->f.type, RN_FRAME_PUBLISHED);
    assert_int_equal(client_answer(c, again)->f.type, RN_FRAME_PUBLISHED);
    got_is_error(client_answer(c, wrong), "conflict", "6");
    got_is_error(client_answer(c, fresh), "conflict", "6");
    bed_free(&b);
}

/* Publishes of random sizes, some sent twice, at once and in bursts: the stream is what was made. */
static void pipelined_at_random(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct bed b;
        uint64_t sent[400], n_sent = 0;
        bed_init(&b, 100 + seed);
        struct sim_rand *r = &b.w.rand;
        struct client *c = client_new(&b, "a", 1);
        struct runnel_id id = make_stream(c, "s");
        bed_a(&b)->disk.faults = (struct sim_disk_faults){.delay = SIM_MS, .jitter = 5 * SIM_MS};
        uint64_t follow = client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"credit\":16777216,\"heads\":true}",
                                      id_text(&id).s);
        for (uint64_t at = 0, made = 0; n_sent < 400;) {
            struct ob v[60];
            char text[60][256];
            size_t n = 1 + (size_t)sim_below(r, 60);
            if (made > at && sim_chance(r, 200)) { /* what was sent before, again: [at, at + n) */
                at = sim_below(r, made);
                n = (size_t)(made - at < n ? made - at : n);
            } else {
                at = made;
                made += n;
            }
            for (size_t k = 0; k < n; k++) {
                (void)many_value(at + k, text[k]);
                v[k] = (struct ob){many_time(at + k), text[k]};
            }
            sent[n_sent++] = publish(c, &id, SEQ, at, v, n);
            at = sim_below(r, made); /* so that the next may be a repeat */
            if (sim_chance(r, 100))
                sim_run(&b.w, sim_between(r, 0, 10 * SIM_MS));
            if (n_sent == 400)
                at = made;
        }
        for (size_t i = 0; i < n_sent; i++)
            assert_int_equal(client_answer(c, sent[i])->f.type, RN_FRAME_PUBLISHED);
        sim_run(&b.w, SIM_S);
        struct taken t = client_taken(c, follow, 0, 1);
        assert_int_equal(t.next, count_of(c, &id));
        assert_int_equal(t.head_count, t.next);
        bed_free(&b);
    }
}

/* Many streams share one commit and one signature; each head stands for itself. */
static void many_streams_at_once(void **state) {
    struct bed b;
    struct runnel_id id[50];
    uint64_t sent[100], follow[50];
    struct rn_attestation some;
    (void)state;
    bed_init(&b, 10);
    struct client *c = client_new(&b, "a", 1);
    struct rn_hasher *h = rn_hasher_new();
    assert_non_null(h);
    for (int i = 0; i < 50; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "s%d", i);
        id[i] = make_stream(c, name);
        follow[i] = client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"heads\":true}", id_text(&id[i]).s);
    }
    sim_run(&b.w, SIM_S);
    uint64_t commits = bed_a(&b)->disk.n_commits;
    for (int i = 0; i < 100; i++)
        sent[i] = publish(c, &id[i % 50], 0, 0, &(struct ob){T, "1"}, 1);
    for (int i = 0; i < 100; i++)
        assert_int_equal(client_answer(c, sent[i])->f.type, RN_FRAME_PUBLISHED);
    sim_run(&b.w, SIM_S);
    assert_true(bed_a(&b)->disk.n_commits - commits < 5);
    uint64_t most = 0;
    for (int i = 0; i < 50; i++) {
        struct rn_signed_head s;
        struct runnel_err err = {0};
        struct got *g = NULL, *last = NULL;
        while ((g = client_find(c, g, RN_FRAME_HEAD, follow[i])))
            last = g;
        assert_non_null(last);
        assert_int_equal(rn_signed_head_decode(last->f.body.p, last->f.body.n, &s, &err), 0);
        assert_int_equal(s.head.count, 2);
        assert_int_equal(rn_head_check(h, &s.head, &s.attestation, &bed_a(&b)->pair.id, NULL, &err), 0);
        some = s.attestation;
        most = some.n > most ? some.n : most;
    }
    assert_true(most > 40);
    rn_hasher_free(h);
    bed_free(&b);
}

/* More than a commit takes and more than a session may have waiting: all of it comes through. */
static void more_than_fits(void **state) {
    struct bed b;
    char *value = long_number(RN_MAX_VALUE);
    (void)state;
    bed_init(&b, 11);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    struct ob v[3] = {{T, value}, {T, value}, {T, value}};
    uint64_t first = c->last_id + 1;
    bed_a(&b)->disk.faults.delay = 300 * SIM_MS;
    for (uint64_t i = 0; i < 300; i++)
        (void)publish(c, &id, SEQ, 3 * i, v, 3);
    sim_run(&b.w, 60 * SIM_S);
    for (uint64_t i = first; i < first + 300; i++)
        assert_int_equal(client_answer(c, i)->f.type, RN_FRAME_PUBLISHED);
    assert_int_equal(count_of(c, &id), 900);
    free(value);
    bed_free(&b);
}

/* ---- who may ---- */

static void who_may_publish(void **state) {
    struct bed b;
    struct runnel_id none = {{1, 2, 3}};
    struct ob v = {T, "1"};
    (void)state;
    bed_init(&b, 12);
    struct client *c = client_new(&b, "a", 1), *stranger = client_new(&b, "a", 0);
    struct runnel_id id = make_stream(c, "s");
    (void)published(c, &id, 0, 0, &v, 1);
    got_is_error(client_answer(c, publish(c, &none, 0, 0, &v, 1)), "not-found", "create");
    got_is_error(client_answer(stranger, publish(stranger, &id, 0, 0, &v, 1)), "denied", "publish");
    got_is_error(client_answer(stranger, publish(stranger, &none, 0, 0, &v, 1)), "denied", "publish");
    struct sim_node *n = bed_node(&b, 1, "a");
    struct client *at_b = client_new(&b, "b", 1);
    (void)client_ask(at_b, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&id).s);
    sim_run(&b.w, 2 * SIM_S);
    assert_int_equal(held(n, &id), 1);
    got_is_error(client_answer(at_b, publish(at_b, &id, 0, 0, &v, 1)), "denied", "author");
    assert_int_equal(count_of(c, &id), 1);
    bed_free(&b);
}

/* ---- durable ---- */

static void a_full_disk(void **state) {
    struct bed b;
    struct ob v = {T, "1"};
    (void)state;
    bed_init(&b, 13);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    uint64_t follow = client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"heads\":true}", id_text(&id).s);
    (void)published(c, &id, SEQ, 0, &v, 1);
    sim_run(&b.w, SIM_S);
    struct got *before = whole(c, &id);
    bed_a(&b)->disk.faults.full = 1000;
    for (int i = 0; i < 5; i++) {
        uint64_t first = publish(c, &id, SEQ, 1, &v, 1), second = publish(c, &id, i % 2 ? SEQ : 0, 2, &v, 1);
        got_is_error(client_answer(c, first), "full", "no space");
        struct got *g = client_answer(c, second);
        got_is_error(g, "full", "");
        same(before, whole(c, &id));
    }
    sim_run(&b.w, SIM_S);
    assert_int_equal(client_taken(c, follow, 0, 0).next, 1);
    bed_a(&b)->disk.faults.full = 0;
    assert_int_equal(published(c, &id, SEQ, 1, &v, 1)->f.seq, 1);
    sim_run(&b.w, SIM_S);
    assert_int_equal(client_taken(c, follow, 0, 0).next, 2);
    bed_restart(&b, bed_a(&b));
    assert_int_equal(held(bed_a(&b), &id), 2);
    bed_free(&b);
}

/* Nothing of a commit leaves the node before it is durable: not the ack, not data, not a head, not a count. */
static void nothing_before_it_is_durable(void **state) {
    struct bed b;
    struct ob v[2] = {{T, "1"}, {T, "2"}};
    (void)state;
    bed_init(&b, 14);
    struct client *c = client_new(&b, "a", 1), *reader = client_new(&b, "a", 0);
    struct runnel_id id = make_stream(c, "s");
    uint64_t f1 = client_send(c, "{\"method\":\"follow\",\"stream\":\"%s\",\"heads\":true}", id_text(&id).s);
    uint64_t f2 = client_send(reader, "{\"method\":\"follow\",\"stream\":\"%s\"}", id_text(&id).s);
    (void)client_answer(reader, f2);
    (void)published(c, &id, 0, 0, v, 2);
    sim_run(&b.w, SIM_S);
    bed_a(&b)->disk.faults.delay = 2 * SIM_S;
    uint64_t at = (uint64_t)b.w.now, p = publish(c, &id, 0, 0, v, 2), before = c->n_got, before_r = reader->n_got;
    while ((uint64_t)b.w.now < at + 2 * (uint64_t)SIM_S) {
        if (rn_memory_durable(bed_a(&b)->disk.map) == rn_memory_last(bed_a(&b)->disk.map) &&
            (uint64_t)b.w.now > at + (uint64_t)SIM_S)
            break;
        assert_int_equal(c->n_got, before);
        assert_int_equal(reader->n_got, before_r);
        sim_run(&b.w, 100 * SIM_MS);
    }
    assert_int_equal(client_answer(c, p)->f.type, RN_FRAME_PUBLISHED);
    assert_true((uint64_t)b.w.now >= at + 2 * (uint64_t)SIM_S);
    sim_run(&b.w, SIM_S);
    assert_true(client_taken(c, f1, 0, 0).next == 4 && client_taken(reader, f2, 0, 0).next == 4);
    assert_int_equal(client_taken(c, f1, 0, 0).head_count, 4);
    p = publish(c, &id, 0, 0, v, 2);
    sim_run(&b.w, SIM_S);
    assert_int_equal(count_of(c, &id), 4); /* and nobody who asks is told */
    assert_int_equal(count_of(reader, &id), 4);
    assert_int_equal(client_answer(c, p)->f.type, RN_FRAME_PUBLISHED);
    bed_free(&b);
}

/* The power fails at any moment: what was acknowledged is there, and of each request all or nothing. */
static void a_crash_at_any_moment(void **state) {
    uint64_t more = 0, less = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct bed b;
        bed_init(&b, 200 + seed);
        struct client *c = client_new(&b, "a", 1);
        struct runnel_id id = make_stream(c, "s");
        bed_a(&b)->disk.faults = (struct sim_disk_faults){.delay = 2 * SIM_MS, .jitter = 5 * SIM_MS};
        struct ob v[150];
        for (int i = 0; i < 150; i++)
            v[i] = (struct ob){T, "[1]"};
        uint64_t first = c->last_id + 1, acked = 0;
        for (int i = 0; i < 8; i++) {
            (void)publish(c, &id, 0, 0, v, 150);
            sim_run(&b.w, sim_between(&b.w.rand, 0, 5 * SIM_MS));
        }
        sim_run(&b.w, sim_between(&b.w.rand, 0, 10 * SIM_MS));
        sim_node_crash(bed_a(&b), seed % 2 ? SIM_POWER : SIM_KILLED);
        for (struct got *g = NULL; first < c->last_id + 1; first++)
            if ((g = client_find(c, NULL, RN_FRAME_PUBLISHED, first)))
                acked += g->f.count;
        sim_node_start(bed_a(&b));
        assert_int_equal(sim_node_wait(bed_a(&b), SIM_UP, 10 * SIM_S), 1);
        uint64_t now = held(bed_a(&b), &id);
        assert_true(now >= acked && now % 150 == 0 && now <= 1200);
        more += now > acked;
        less += now < 1200;
        struct client *again = client_new(&b, "a", 1);
        struct got *g = client_ask(again, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&id).s);
        assert_int_equal(got_bool(g, "ok"), 1);
        assert_int_equal(published(again, &id, SEQ, now, v, 150)->f.seq, now);
        bed_free(&b);
    }
    assert_true(more > 0 && less > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_a_publish_goes),
        cmocka_unit_test(a_long_repeat),
        cmocka_unit_test(the_nodes_time_never_falls),
        cmocka_unit_test(times_that_are_given),
        cmocka_unit_test(bad_values_at_any_place),
        cmocka_unit_test(entries_that_are_malformed),
        cmocka_unit_test(the_longest_values),
        cmocka_unit_test(over_many_blocks),
        cmocka_unit_test(pipelined),
        cmocka_unit_test(pipelined_at_random),
        cmocka_unit_test(many_streams_at_once),
        cmocka_unit_test(more_than_fits),
        cmocka_unit_test(who_may_publish),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(nothing_before_it_is_durable),
        cmocka_unit_test(a_crash_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
