/* SPDX-License-Identifier: MIT
 * copies.c — tests of backup and restore at a real node: the same records come back, whenever it is broken off.
 * May touch: standard output.
 */
#include "tests/node/bed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICES 400u

/* A backup in memory: what the slices say, as base64. */
struct copy {
    char *slices[SLICES];
    size_t n;
    uint64_t count, streams, records, damaged;
};

static void copy_free(struct copy *k) {
    for (size_t i = 0; i < k->n; i++)
        free(k->slices[i]);
    memset(k, 0, sizeof *k);
}

static void begin_backup(struct client *c, struct copy *k) {
    struct got *g = client_ask(c, "{\"method\":\"backup.begin\"}");
    memset(k, 0, sizeof *k);
    k->count = got_u64(g, "count");
    k->streams = got_u64(g, "streams");
    assert_int_equal(got_u64(g, "version"), 1);
}

/* 1: there are more. */
static int take_slice(struct client *c, struct copy *k) {
    struct got *g = client_ask(c, "{\"method\":\"backup.next\"}");
    assert_true(k->n < SLICES && g->f.body.n + 64 < RN_MAX_FRAME);
    k->slices[k->n++] = strdup(got_str(g, "slice"));
    k->records = got_u64(g, "records");
    k->damaged = got_u64(g, "damaged");
    int more = got_bool(g, "more");
    if (!more && k->damaged == 0)
        assert_int_equal(got_u64(g, "done"), k->count);
    return more;
}

static void back_up(struct client *c, struct copy *k) {
    begin_backup(c, k);
    while (take_slice(c, k))
        ;
}

static void say_begin(struct client *c, char *out, size_t size, const char *more) {
    char key[2 * RN_KEY + 1];
    bed_key(bed_a(c->bed), key);
    (void)snprintf(out, size, "{\"method\":\"restore.begin\",\"node\":\"%s\",\"version\":1%s}", key, more);
}

static int begin_restore(struct client *c) {
    char text[256];
    say_begin(c, text, sizeof text, "");
    return got_bool(client_ask(c, "%s", text), "again");
}

static uint64_t send_slice(struct client *c, const char *slice) {
    struct rn_buf b = {.n = 0};
    rn_buf_fmt(&b, "{\"method\":\"restore.put\",\"slice\":\"%s\"}", slice);
    assert_int_equal(b.failed, 0);
    assert_int_equal(rn_frame_json(&c->talk.out, RN_FRAME_REQUEST, ++c->last_id, rn_buf_bytes(&b)), 0);
    rn_buf_free(&b);
    sim_talk_flush(&c->talk);
    return c->last_id;
}

static void put_slices(struct client *c, const struct copy *k, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct got *g = client_answer(c, send_slice(c, k->slices[i]));
        if (g->f.type == RN_FRAME_ERROR)
            print_error("%s\n", (const char *)g->bytes);
        assert_int_equal(g->f.type, RN_FRAME_ANSWER);
    }
}

struct life {
    struct sim_node *n;
    uint32_t starts;
};

static int is_anew(void *arg) {
    const struct life *l = arg;
    return l->n->starts != l->starts && l->n->state == SIM_UP;
}

/* It starts anew by itself, after the start with this number. */
static void wait_anew(struct bed *b, uint32_t starts) {
    struct life l = {bed_a(b), starts};
    assert_int_equal(sim_run_until(&b->w, is_anew, &l, 10 * SIM_S), 1);
}

/* All records of the areas that a backup holds, one behind the other. */
static void dump(struct sim_node *n, struct rn_buf *out) {
    struct runnel_bytes key = {(const uint8_t *)"", 0}, val;
    rn_buf_clear(out);
    for (bool more = rn_memory_seek(n->disk.map, key, false, &key, &val); more;
         more = rn_memory_seek(n->disk.map, key, true, &key, &val)) {
        if (!strchr("BDHNSTU", key.p[0]))
            continue;
        rn_buf_leb(out, key.n);
        rn_buf_add(out, key.p, key.n);
        rn_buf_leb(out, val.n);
        rn_buf_add(out, val.p, val.n);
    }
    assert_int_equal(out->failed, 0);
}

static void same_records(struct bed *b, const struct rn_buf *want) {
    struct rn_buf have = {.n = 0};
    dump(bed_a(b), &have);
    assert_int_equal(have.n, want->n);
    assert_memory_equal(have.p, want->p, want->n);
    rn_buf_free(&have);
}

/* `want` (may be NULL): the records that it must bring, before a start has looked at them. */
static void restore(struct bed *b, const struct copy *k, const struct rn_buf *want) {
    struct client *c = client_new(b, "a", 1);
    uint32_t starts = bed_a(b)->starts;
    assert_int_equal(begin_restore(c), 0);
    put_slices(c, k, k->n);
    if (want)
        same_records(b, want);
    struct got *g = client_ask(c, "{\"method\":\"restore.end\"}");
    assert_int_equal(got_u64(g, "streams"), k->streams);
    assert_int_equal(got_u64(g, "records"), k->records);
    wait_anew(b, starts);
    client_close(c);
}

/* The node gets a disk on which nothing is. */
static void empty_disk(struct bed *b) {
    struct sim_node *n = bed_a(b);
    sim_node_stop(n);
    assert_int_equal(sim_node_wait(n, SIM_DOWN, 10 * SIM_S), 1);
    sim_disk_replace(&n->disk, NULL);
    sim_node_start(n);
    assert_int_equal(sim_node_wait(n, SIM_UP, 10 * SIM_S), 1);
}

static void verified(struct client *c, const struct runnel_id *id, uint64_t count) {
    struct got *g = client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(id).s);
    assert_true(got_bool(g, "ok"));
    assert_int_equal(got_u64(g, "count"), count);
}

static const uint64_t counts[] = {0, 1, 255, 256, 257, 512, 700, 31 * 256, 32 * 256, 33 * 256 + 5};
#define STREAMS (sizeof counts / sizeof counts[0])

static void make_streams(struct client *c, struct runnel_id ids[STREAMS]) {
    for (size_t i = 0; i < STREAMS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "s%zu", i);
        ids[i] = make_stream(c, name);
        publish_many(c, &ids[i], 0, counts[i], 500);
    }
    struct runnel_id gone = make_stream(c, "gone");
    publish_many(c, &gone, 0, 300, 300);
    client_ask(c, "{\"method\":\"drop\",\"stream\":\"%s\"}", id_text(&gone).s);
    client_ask(c, "{\"method\":\"subscribe\",\"stream\":\"00000000-0000-8000-8000-000000000001\"}");
    sim_run(&c->bed->w, 5 * SIM_S);
}

/* ---- the same records ---- */

static void all_records_come_back(void **state) {
    struct bed b;
    struct copy k;
    struct rn_buf before = {.n = 0};
    struct runnel_id ids[STREAMS];
    (void)state;
    bed_init(&b, 1);
    struct client *c = client_new(&b, "a", 1);
    make_streams(c, ids);
    dump(bed_a(&b), &before);
    back_up(c, &k);
    assert_true(k.streams == STREAMS && k.damaged == 0 && k.n > 20);
    empty_disk(&b);
    restore(&b, &k, &before);
    same_records(&b, &before);
    c = client_new(&b, "a", 1);
    for (size_t i = 0; i < STREAMS; i++)
        verified(c, &ids[i], counts[i]);
    struct got *g = client_ask(c, "{\"method\":\"status\"}");
    assert_int_equal(got_u64(g, "subscriptions"), 1);
    assert_null(rn_json_get(got_json(g), "restore"));
    client_refused(c, "conflict", "was dropped here at 300",
                   "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"gone\",\"target\":\"\"}}");
    copy_free(&k);
    rn_buf_free(&before);
    bed_free(&b);
}

/* Publishes between any two slices, and a stream more: what comes back is the moment of the begin. */
static void as_of_one_moment(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct bed b;
        struct copy k;
        struct rn_buf before = {.n = 0};
        struct runnel_id ids[STREAMS];
        uint64_t more[STREAMS] = {0};
        bed_init(&b, 10 + seed);
        struct client *c = client_new(&b, "a", 1), *d = client_new(&b, "a", 1);
        make_streams(c, ids);
        dump(bed_a(&b), &before);
        begin_backup(c, &k);
        (void)make_stream(d, "later");
        do {
            size_t i = (size_t)sim_below(&b.w.rand, STREAMS);
            uint64_t n = 1 + sim_below(&b.w.rand, 400);
            publish_many(d, &ids[i], counts[i] + more[i], n, 500);
            more[i] += n;
        } while (take_slice(c, &k));
        empty_disk(&b);
        restore(&b, &k, &before);
        same_records(&b, &before);
        c = client_new(&b, "a", 1);
        for (size_t i = 0; i < STREAMS; i++)
            verified(c, &ids[i], counts[i]);
        copy_free(&k);
        rn_buf_free(&before);
        bed_free(&b);
    }
}

/* ---- broken off ---- */

static int is_greeted(void *arg) {
    return ((struct client *)arg)->greeted;
}

/* The same client with another session: the bed has room for few. */
static void dial_again(struct client *c) {
    client_close(c);
    client_forget(c);
    sim_run(&c->bed->w, SIM_S);
    c->opened = c->greeted = c->lost = 0;
    sim_talk_dial(&c->talk, &c->host, "a");
    sim_run(&c->bed->w, 100 * SIM_MS);
    assert_int_equal(c->opened, 1);
    sim_talk_say(&c->talk, RN_FRAME_HELLO, 0, "{\"runnel\":[1],\"agent\":\"test\"}");
    assert_int_equal(sim_run_until(&c->bed->w, is_greeted, c, 10 * SIM_S), 1);
}

static void a_restore_broken_off_anywhere(void **state) {
    struct bed b;
    struct copy k;
    struct rn_buf before = {.n = 0};
    struct runnel_id ids[STREAMS];
    (void)state;
    bed_init(&b, 20);
    struct client *c = client_new(&b, "a", 1);
    make_streams(c, ids);
    dump(bed_a(&b), &before);
    back_up(c, &k);
    empty_disk(&b);
    for (size_t i = 0; i <= k.n; i++) {
        dial_again(c);
        assert_int_equal(begin_restore(c), 0);
        put_slices(c, &k, i);
        if (i % 3 == 0) {
            sim_node_crash(bed_a(&b), SIM_POWER);
            sim_node_start(bed_a(&b));
            assert_int_equal(sim_node_wait(bed_a(&b), SIM_UP, 10 * SIM_S), 1);
        } else if (i % 3 == 1) {
            bed_restart(&b, bed_a(&b));
        } else {
            client_close(c); /* only the session: the node goes on */
            sim_run(&b.w, SIM_S);
        }
        assert_int_equal(held(bed_a(&b), &ids[1]), UINT64_MAX); /* nothing of it is served */
    }
    dial_again(c);
    assert_string_equal(got_str(client_ask(c, "{\"method\":\"status\"}"), "restore"), "cut off");
    client_refused(c, "busy", "cut off",
                   "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"x\",\"target\":\"\"}}");
    client_refused(c, "busy", "cut off", "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&ids[0]).s);
    client_refused(c, "busy", "cut off", "{\"method\":\"backup.begin\"}");
    client_refused(c, "busy", "cut off", "{\"method\":\"fsck\",\"mend\":true}");
    client_close(c);
    sim_run(&b.w, SIM_S);
    restore(&b, &k, &before);
    same_records(&b, &before);
    copy_free(&k);
    rn_buf_free(&before);
    bed_free(&b);
}

static void a_backup_broken_off(void **state) {
    struct bed b;
    struct copy k;
    struct runnel_id ids[STREAMS];
    (void)state;
    bed_init(&b, 21);
    struct client *c = client_new(&b, "a", 1), *d = client_new(&b, "a", 1);
    make_streams(c, ids);
    client_refused(c, "not-found", "backup.begin", "{\"method\":\"backup.next\"}");
    begin_backup(c, &k);
    (void)take_slice(c, &k);
    client_refused(d, "busy", "another session", "{\"method\":\"backup.begin\"}");
    client_refused(d, "not-found", "backup.begin", "{\"method\":\"backup.next\"}");
    bed_a(&b)->disk.faults.delay = 50 * SIM_MS;
    uint64_t first = client_send(c, "{\"method\":\"backup.next\"}"),
             second = client_send(c, "{\"method\":\"backup.next\"}");
    assert_int_equal(client_answer(c, first)->f.type, RN_FRAME_ANSWER);
    (void)client_answer(c, second); /* busy, or after it */
    (void)client_send(c, "{\"method\":\"backup.next\"}");
    client_close(c); /* in the middle of a slice */
    sim_run(&b.w, SIM_S);
    copy_free(&k);
    back_up(d, &k);
    assert_int_equal(k.streams, STREAMS);
    copy_free(&k);
    begin_backup(d, &k); /* and once more, dropped and left */
    client_ask(d, "{\"method\":\"drop\",\"stream\":\"%s\"}", id_text(&ids[9]).s);
    int refused = 0;
    for (int i = 0; i < 400 && !refused; i++) {
        struct got *g = client_answer(d, client_send(d, "{\"method\":\"backup.next\"}"));
        refused = g->f.type == RN_FRAME_ERROR;
        if (refused)
            got_is_error(g, "conflict", "was dropped meanwhile");
    }
    assert_true(refused);
    copy_free(&k);
    begin_backup(d, &k);
    bed_free(&b);
}

/* ---- what is refused ---- */

static void wrong_restores(void **state) {
    struct bed b;
    struct copy k;
    char text[256];
    (void)state;
    bed_init(&b, 22);
    struct client *c = client_new(&b, "a", 1), *d = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s");
    publish_many(c, &id, 0, 3000, 500);
    back_up(c, &k);
    say_begin(c, text, sizeof text, "");
    client_refused(c, "conflict", "1 streams", "%s", text);
    say_begin(c, text, sizeof text, ",\"replace\":7");
    client_refused(c, "invalid", "replace", "%s", text);
    client_refused(c, "invalid", "node", "{\"method\":\"restore.begin\",\"version\":1}");
    client_refused(c, "unsupported", "version", "{\"method\":\"restore.begin\",\"node\":\"%064d\",\"version\":9}", 0);
    client_refused(c, "conflict", "another one", "{\"method\":\"restore.begin\",\"node\":\"%064d\",\"version\":1}", 0);
    client_refused(c, "not-found", "restore.begin", "{\"method\":\"restore.put\",\"slice\":\"\"}");
    client_refused(c, "not-found", "restore.begin", "{\"method\":\"restore.end\"}");
    assert_int_equal(held(bed_a(&b), &id), 3000);
    empty_disk(&b);
    c = client_new(&b, "a", 1);
    d = client_new(&b, "a", 1);
    assert_int_equal(begin_restore(c), 0);
    say_begin(d, text, sizeof text, "");
    client_refused(d, "busy", "under way", "%s", text);
    client_refused(d, "not-found", "restore.begin", "{\"method\":\"restore.end\"}");
    client_refused(c, "busy", "being restored",
                   "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"x\",\"target\":\"\"}}");
    client_refused(c, "invalid", "base64", "{\"method\":\"restore.put\",\"slice\":\"AAA\"}");
    client_refused(c, "invalid", "base64", "{\"method\":\"restore.put\"}");
    client_refused(c, "invalid", "no backup holds", "{\"method\":\"restore.put\",\"slice\":\"AU0AAAAAAAAAAA==\"}");
    client_refused(c, "busy", "has failed", "{\"method\":\"restore.end\"}"); /* what was refused is missing */
    client_close(c);
    sim_run(&b.w, SIM_S);
    assert_int_equal(begin_restore(d), 0);
    bed_a(&b)->disk.faults.full = 1000;
    got_is_error(client_answer(d, send_slice(d, k.slices[0])), "full", "not stored");
    bed_a(&b)->disk.faults.full = 0;
    client_refused(d, "busy", "has failed", "{\"method\":\"restore.end\"}");
    client_close(d);
    sim_run(&b.w, SIM_S);
    restore(&b, &k, NULL);
    assert_int_equal(held(bed_a(&b), &id), 3000);
    copy_free(&k);
    bed_free(&b);
}

/* With `replace` what is there goes first, and the node starts anew in between. */
static void in_place_of_what_is_there(void **state) {
    struct bed b;
    struct copy k;
    struct rn_buf before = {.n = 0};
    char text[256];
    (void)state;
    bed_init(&b, 23);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s"), other;
    publish_many(c, &id, 0, 3000, 500);
    dump(bed_a(&b), &before);
    back_up(c, &k);
    publish_many(c, &id, 3000, 500, 500);
    other = make_stream(c, "other");
    publish_many(c, &other, 0, 500, 500);
    say_begin(c, text, sizeof text, ",\"replace\":true");
    uint32_t starts = bed_a(&b)->starts;
    assert_int_equal(got_bool(client_ask(c, "%s", text), "again"), 1);
    wait_anew(&b, starts);
    assert_int_equal(held(bed_a(&b), &id), UINT64_MAX);
    restore(&b, &k, &before);
    same_records(&b, &before);
    assert_int_equal(held(bed_a(&b), &id), 3000);
    assert_int_equal(held(bed_a(&b), &other), UINT64_MAX);
    copy_free(&k);
    rn_buf_free(&before);
    bed_free(&b);
}

/* ---- damage ---- */

/* A block that the disk has altered does not get into a backup; all else does. */
static void a_damaged_block_stays_out(void **state) {
    struct bed b;
    struct copy k;
    (void)state;
    bed_init(&b, 24);
    struct client *c = client_new(&b, "a", 1);
    struct runnel_id id = make_stream(c, "s"), other = make_stream(c, "o");
    publish_many(c, &id, 0, 3000, 500);
    publish_many(c, &other, 0, 700, 500);
    bed_restart(&b, bed_a(&b)); /* nothing is cached */
    struct runnel_bytes key = {(const uint8_t *)"B", 1}, val;
    for (int i = 0; i < 4; i++) /* block 3 of the first */
        assert_true(rn_memory_seek(bed_a(&b)->disk.map, key, true, &key, &val));
    ((uint8_t *)(uintptr_t)val.p)[val.n / 2] ^= 4;
    c = client_new(&b, "a", 1);
    back_up(c, &k);
    assert_int_equal(k.damaged, 1);
    empty_disk(&b);
    restore(&b, &k, NULL);
    c = client_new(&b, "a", 1);
    verified(c, &other, 700);
    struct got *g = client_ask(c, "{\"method\":\"verify\",\"stream\":\"%s\"}", id_text(&id).s);
    assert_false(got_bool(g, "ok"));
    copy_free(&k);
    bed_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_records_come_back),
        cmocka_unit_test(as_of_one_moment),
        cmocka_unit_test(a_restore_broken_off_anywhere),
        cmocka_unit_test(a_backup_broken_off),
        cmocka_unit_test(wrong_restores),
        cmocka_unit_test(in_place_of_what_is_there),
        cmocka_unit_test(a_damaged_block_stays_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
