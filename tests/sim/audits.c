/* SPDX-License-Identifier: MIT
 * audits.c — the checkers of disks, wires and memory: in a sound world they find nothing, planted damage they name.
 * May touch: the heap.
 */
#include "node/record.h"
#include "sim/audit.h"
#include "sim/bounds.h"
#include "sim/program.h"
#include "sim/publisher.h"
#include "sim/tap.h"
#include "tests/unit/check.h"
#include <stdio.h>
#include <string.h>

#define ALL 700u

/* An author and a subscriber who hold ALL observations of a stream, each under number 1. */
struct scene {
    struct sim_world world;
    struct sim_check check;
    struct sim_check *checks[1];
    struct sim_audit audit;
    struct sim_tap tap;
    struct sim_node *pub, *sub;
    struct sim_publisher publisher;
    struct sim_ask ask;
    struct rn_descriptor *descriptor;
    uint32_t pub_number, sub_number; /* of the stream in the stores */
};

#define TEXT "{\"source\":\"sim\",\"stream\":\"weather\",\"target\":\"t1\"}"

static struct sim_node *node(struct scene *s, const char *name, const char *discovery) {
    char text[512];
    struct sim_node *n = sim_node_new(&s->world, name);
    (void)snprintf(
        text, sizeof text,
        "{\"node\":{\"data\":\"/sim\"},\"storage\":{\"main\":{\"plugin\":\"simdisk\"}},"
        "\"transport\":{\"net\":{\"plugin\":\"sim\"}},\"sync\":{\"default\":{\"plugin\":\"incremental\"}}%s}",
        discovery);
    sim_node_config(n, text);
    sim_check_add(&s->check, n, strcmp(name, "pub") == 0);
    sim_node_start(n);
    return n;
}

static void describe(struct scene *s) {
    struct rn_json *o = NULL;
    struct runnel_err err = {0};
    assert_int_equal(rn_json_parse(TEXT, strlen(TEXT), NULL, &o, NULL, &err), 0);
    assert_int_equal(rn_descriptor_make(s->world.hasher, o, &s->pub->pair.id, &s->descriptor, &err), 0);
    rn_json_free(o);
    s->check.descriptor = s->descriptor->hash;
    sim_check_stream(&s->check, &s->descriptor->id);
}

static uint32_t number_in(const struct scene *s, const struct sim_node *n) {
    struct rn_place p = rn_place_stream(&s->descriptor->id);
    struct runnel_bytes record, text;
    struct runnel_err err = {0};
    uint32_t number = 0;
    assert_true(rn_memory_get(n->disk.map, rn_place_bytes(&p), &record));
    assert_int_equal(
        rn_stream_record_get((struct runnel_bytes){record.p, record.n - RN_RECORD_CHECK}, &number, &text, &err), 0);
    return number;
}

static int done(void *arg) {
    struct scene *s = arg;
    return sim_publisher_done(&s->publisher) && sim_check_quiet(&s->check);
}

static void scene_init(struct scene *s) {
    char request[128], id[RN_ID_TEXT];
    memset(s, 0, sizeof *s);
    sim_world_init(&s->world, 5);
    sim_check_init(&s->check, &s->world);
    s->checks[0] = &s->check;
    sim_audit_init(&s->audit, &s->world, s->checks, 1);
    sim_tap_init(&s->tap, &s->world, s->checks, 1);
    s->pub = node(s, "pub", "");
    s->sub = node(s, "sub", ",\"discovery\":{\"known\":{\"plugin\":\"static\",\"peers\":{\"*\":[\"sim://pub\"]}}}");
    describe(s);
    sim_publisher_init(&s->publisher, &s->check, "program", "pub", TEXT, SIM_WITH_SEQ);
    s->publisher.goal = ALL;
    s->publisher.every = 5 * SIM_MS;
    (void)snprintf(request, sizeof request, "{\"method\":\"subscribe\",\"stream\":\"%s\"}",
                   rn_id_format(&s->descriptor->id, id));
    sim_ask_init(&s->ask, &s->world, "ask", "sub", request);
    sim_program_start(&s->publisher.p);
    sim_program_start(&s->ask.p);
    assert_int_equal(sim_run_until(&s->world, done, s, 60 * SIM_S), 1);
    s->pub_number = number_in(s, s->pub);
    s->sub_number = number_in(s, s->sub);
}

static void scene_end(struct scene *s) {
    sim_program_end(&s->publisher.p);
    sim_program_end(&s->ask.p);
    sim_node_crash(s->pub, SIM_KILLED);
    sim_node_crash(s->sub, SIM_KILLED);
    sim_host_free(&s->publisher.p.host);
    sim_host_free(&s->ask.p.host);
    sim_node_free(s->pub);
    sim_node_free(s->sub);
    rn_descriptor_free(s->descriptor);
    sim_tap_free(&s->tap);
    sim_check_free(&s->check);
    sim_world_free(&s->world);
}

/* ---- planting ---- */

static void apply(struct sim_node *n, const struct runnel_change *c) {
    struct runnel_err err = {0};
    uint64_t number;
    assert_int_equal(rn_memory_apply(n->disk.map, c, 1, &number, &err), 0);
}

/* A copy of a record, to be altered. */
static struct rn_buf record_of(const struct sim_node *n, const struct rn_place *p) {
    struct runnel_bytes record;
    struct rn_buf b = {.n = 0};
    assert_true(rn_memory_get(n->disk.map, rn_place_bytes(p), &record));
    sim_must(rn_buf_add(&b, record.p, record.n), "a buffer");
    return b;
}

static void put(struct sim_node *n, const struct rn_place *p, struct rn_buf *b) {
    apply(n, &(struct runnel_change){.what = RUNNEL_PUT, .key = rn_place_bytes(p), .data = rn_buf_bytes(b)});
    rn_buf_free(b);
}

static void flip(struct sim_node *n, const struct rn_place *p, size_t back, uint8_t bits) {
    struct rn_buf b = record_of(n, p);
    b.p[b.n - back] ^= bits;
    put(n, p, &b);
}

static void a_flipped_bit(struct scene *s) {
    struct rn_place p = rn_place_block(s->sub_number, 1);
    flip(s->sub, &p, 3, 1); /* within the last value, which ends with "} */
    sim_audit_disk(&s->audit, s->sub);
}

static void a_lost_block(struct scene *s) {
    struct rn_place p = rn_place_block(s->sub_number, 0);
    apply(s->sub, &(struct runnel_change){.what = RUNNEL_ERASE, .key = rn_place_bytes(&p)});
    sim_audit_disk(&s->audit, s->sub);
}

static void a_wrong_node(struct scene *s) {
    uint32_t off;
    struct rn_place p = rn_place_node(s->sub_number, 0, 1, &off);
    struct rn_buf b = record_of(s->sub, &p);
    b.p[off] ^= 1;
    put(s->sub, &p, &b);
    sim_audit_disk(&s->audit, s->sub);
}

/* Puts a state record with another head in the place of the one that is there. */
static void put_head(struct scene *s, struct sim_node *n, uint32_t number, const struct rn_signed_head *h) {
    struct rn_place p = rn_place_state(number);
    struct rn_buf old = record_of(n, &p), head = {.n = 0}, b = {.n = 0};
    struct rn_state_record r;
    struct runnel_err err = {0};
    uint8_t check[RN_RECORD_CHECK];
    assert_int_equal(rn_state_record_get((struct runnel_bytes){old.p, old.n - RN_RECORD_CHECK}, &r, &err), 0);
    sim_must(rn_signed_head_encode(h, &head), "a head");
    r.head = rn_buf_bytes(&head);
    sim_must(rn_state_record(&b, &r), "a record");
    rn_record_seal(s->world.hasher, rn_place_bytes(&p), rn_buf_bytes(&b), check);
    sim_must(rn_buf_add(&b, check, sizeof check), "a record");
    put(n, &p, &b);
    rn_buf_free(&old);
    rn_buf_free(&head);
}

static int sign(void *arg, const char *purpose, const void *p, size_t n, uint8_t sig[RN_SIGNATURE]) {
    return rn_sign(arg, purpose, p, n, sig);
}

/* A head of so many observations over this root, signed by that node. */
static struct rn_signed_head head_by(struct scene *s, struct sim_node *signer, uint64_t count,
                                     const struct rn_hash *root) {
    struct rn_signed_head h = {.head = {.descriptor = s->descriptor->hash,
                                        .count = count,
                                        .root = *root,
                                        .signed_at = SIM_WALL,
                                        .through = RN_THROUGH_NONE}};
    struct runnel_err err = {0};
    assert_int_equal(rn_attest(s->world.hasher, &h.head, 1, sign, &signer->pair, &h.attestation, &err), 0);
    return h;
}

static void another_signer(struct scene *s) {
    struct rn_signed_head h = head_by(s, s->sub, ALL, &s->check.roots[ALL]);
    put_head(s, s->sub, s->sub_number, &h);
    sim_audit_disk(&s->audit, s->sub);
}

static void another_root(struct scene *s) {
    struct rn_hash root = {{7}};
    struct rn_signed_head h = head_by(s, s->pub, ALL, &root);
    put_head(s, s->sub, s->sub_number, &h);
    sim_audit_disk(&s->audit, s->sub);
}

/* The author signs something else than it holds. */
static void an_author_that_errs(struct scene *s) {
    struct rn_hash root = {{7}};
    struct rn_signed_head h = head_by(s, s->pub, ALL, &root);
    put_head(s, s->pub, s->pub_number, &h);
    struct rn_place p = rn_place_state(s->pub_number);
    sim_audit_commit(&s->audit, s->pub, &(struct runnel_change){.what = RUNNEL_PUT, .key = rn_place_bytes(&p)}, 1);
}

static void a_fork_on_disk(struct scene *s) {
    struct rn_hash root = {{7}};
    struct rn_signed_head h = head_by(s, s->pub, ALL, &root);
    put_head(s, s->sub, s->sub_number, &h);
    struct rn_place p = rn_place_state(s->sub_number);
    sim_audit_commit(&s->audit, s->sub, &(struct runnel_change){.what = RUNNEL_PUT, .key = rn_place_bytes(&p)}, 1);
}

/* A head that the author has signed and lost again in a crash: nobody may know of it. */
static void a_head_that_leaked(struct scene *s) {
    static const struct rn_hash none;
    uint64_t count = ALL - 1;
    while (!rn_hash_equal(&s->check.roots[count], &none))
        count--;
    struct rn_hash root = {{7}};
    struct rn_signed_head h = head_by(s, s->pub, count, &root);
    put_head(s, s->sub, s->sub_number, &h);
    struct rn_place p = rn_place_state(s->sub_number);
    sim_audit_commit(&s->audit, s->sub, &(struct runnel_change){.what = RUNNEL_PUT, .key = rn_place_bytes(&p)}, 1);
}

/* One observation more than the author has made. */
static void one_too_many(struct scene *s) {
    struct rn_place p = rn_place_block(s->sub_number, ALL / RN_MAX_BLOCK);
    struct rn_buf b = record_of(s->sub, &p);
    struct runnel_change c = {.what = RUNNEL_APPEND, .off = b.n, .key = rn_place_bytes(&p)};
    rn_buf_free(&b);
    sim_must(rn_entry_add(&b, 5, 5, (struct runnel_bytes){(const uint8_t *)"1", 1}), "an entry");
    c.data = rn_buf_bytes(&b);
    apply(s->sub, &c);
    sim_audit_commit(&s->audit, s->sub, &c, 1);
    rn_buf_free(&b);
}

static void of_no_stream(struct scene *s) {
    struct rn_place p = rn_place_block(77, 0);
    struct runnel_change c = {.what = RUNNEL_PUT, .key = rn_place_bytes(&p), .data = rn_place_bytes(&p)};
    apply(s->sub, &c);
    sim_audit_commit(&s->audit, s->sub, &c, 1);
}

/* ---- the wire ---- */

#define LINK 9999u

/* Side 0 asks side 1 for the stream. */
static void ask_for_it(struct scene *s) {
    char text[128], id[RN_ID_TEXT];
    struct rn_buf b = {.n = 0};
    (void)snprintf(text, sizeof text, "{\"method\":\"follow\",\"stream\":\"%s\"}",
                   rn_id_format(&s->descriptor->id, id));
    sim_must(rn_frame_json(&b, RN_FRAME_REQUEST, 4, (struct runnel_bytes){(const uint8_t *)text, strlen(text)}),
             "a frame");
    s->world.tap(s->world.tap_arg, LINK, 1, 1, b.p, b.n);
    rn_buf_free(&b);
}

/* The observation `seq` with that value comes, in two pieces. */
static void data_comes(struct scene *s, uint64_t id, uint64_t seq, const char *value) {
    struct rn_buf b = {.n = 0}, entries = {.n = 0};
    int64_t t = s->check.seen[seq].time;
    sim_must(rn_entry_add(&entries, t, t, (struct runnel_bytes){(const uint8_t *)value, strlen(value)}), "an entry");
    sim_must(rn_frame_data(&b, id, seq, t, rn_buf_bytes(&entries)), "a frame");
    s->world.tap(s->world.tap_arg, LINK, 0, 2, b.p, 7);
    s->world.tap(s->world.tap_arg, LINK, 0, 2, b.p + 7, b.n - 7);
    rn_buf_free(&b);
    rn_buf_free(&entries);
}

static void a_true_value_on_the_wire(struct scene *s) {
    struct rn_buf value = {.n = 0};
    sim_publisher_value(&s->publisher, 3, &value);
    ask_for_it(s);
    data_comes(s, 4, 3, rn_buf_cstr(&value));
    rn_buf_free(&value);
}

static void a_wrong_value_on_the_wire(struct scene *s) {
    ask_for_it(s);
    data_comes(s, 4, 3, "3");
}

static void unasked_for(struct scene *s) {
    ask_for_it(s);
    data_comes(s, 5, 3, "3");
}

static void a_fork_on_the_wire(struct scene *s) {
    struct rn_hash root = {{7}};
    struct rn_signed_head h = head_by(s, s->pub, ALL, &root);
    struct rn_buf b = {.n = 0}, head = {.n = 0};
    sim_must(rn_signed_head_encode(&h, &head), "a head");
    sim_must(rn_frame_head(&b, 4, rn_buf_bytes(&head)), "a frame");
    s->world.tap(s->world.tap_arg, LINK, 0, 2, b.p, b.n);
    rn_buf_free(&b);
    rn_buf_free(&head);
}

static void no_frame(struct scene *s) {
    s->world.tap(s->world.tap_arg, LINK, 0, 2, (const uint8_t *)"\xff\xff\xff\xff\xff\xff", 6);
}

/* ---- what was acknowledged ---- */

static void an_early_acknowledgement(struct scene *s) {
    sim_check_acked(&s->check, "program", ALL, NULL, (struct runnel_bytes){(const uint8_t *)"1", 1});
}

/* A power failure takes more than what was not durable: the author comes back with less than it has acknowledged. */
static void a_disk_that_forgets(struct scene *s) {
    struct rn_memory *copy = sim_disk_copy(&s->pub->disk);
    s->publisher.goal += 100;
    assert_int_equal(sim_run_until(&s->world, done, s, 60 * SIM_S), 1);
    sim_node_crash(s->pub, SIM_POWER);
    sim_disk_replace(&s->pub->disk, copy);
    s->pub->disk.place--; /* it is the same disk */
    sim_node_start(s->pub);
    sim_run(&s->world, 5 * SIM_S);
}

/* ---- memory ---- */

static void no_bounds(struct scene *s, const struct rn_burden *now) {
    struct sim_bounds b = {.n_looks = 0};
    sim_bounds_check(&b, &s->world, "sub", now);
}

static void too_many_sessions(struct scene *s) {
    no_bounds(s, &(struct rn_burden){.sessions = 20000});
}
static void too_much_unsent(struct scene *s) {
    no_bounds(s, &(struct rn_burden){.unsent = 8u << 20});
}
static void too_much_unread(struct scene *s) {
    no_bounds(s, &(struct rn_burden){.unread = 1u << 20});
}
static void too_much_published(struct scene *s) {
    no_bounds(s, &(struct rn_burden){.publishes = 8u << 20});
}
static void too_much_unverified(struct scene *s) {
    no_bounds(s, &(struct rn_burden){.unverified = 32u << 20});
}

static void sound(struct scene *s) {
    struct sim_bounds b = {.n_looks = 0};
    sim_audit_disk(&s->audit, s->pub);
    sim_audit_disk(&s->audit, s->sub);
    sim_bounds_look(&b, s->sub);
    assert_true(s->audit.n_observations == 2 * ALL && s->audit.n_roots == 2);
    assert_true(s->tap.n_runs > 0 && s->tap.n_heads > 0 && b.most.sessions > 0);
}

/* ---- the table ---- */

struct row {
    const char *name;
    void (*plant)(struct scene *s);
    const char *says; /* NULL: all is well */
};

static const struct row rows[] = {
    {"a sound world", sound, NULL},
    {"a flipped bit on a disk", a_flipped_bit, "has another value"},
    {"a block that is gone", a_lost_block, "block 0: it is not there"},
    {"a wrong node of a tree", a_wrong_node, "is not the hash of what is below it"},
    {"a head by another signer", another_signer, "did not sign"},
    {"a head over another root", another_root, "its root is not that of the observations"},
    {"an author that signs what it does not hold", an_author_that_errs, "its root is not that of the observations"},
    {"a fork on a disk", a_fork_on_disk, "forked"},
    {"a head that leaked", a_head_that_leaked, "never had durable"},
    {"an observation that nobody made", one_too_many, "but 700 are durable"},
    {"something of no stream", of_no_stream, "belongs to no stream"},
    {"a true value on the wire", a_true_value_on_the_wire, NULL},
    {"a wrong value on the wire", a_wrong_value_on_the_wire, "has another value"},
    {"observations unasked for", unasked_for, "nobody has asked for"},
    {"a fork on the wire", a_fork_on_the_wire, "forked"},
    {"no frame on the wire", no_frame, "on the wire"},
    {"an early acknowledgement", an_early_acknowledgement, "are durable"},
    {"a disk that forgets what was durable", a_disk_that_forgets, "went back"},
    {"too many sessions", too_many_sessions, "sessions"},
    {"too much unsent", too_much_unsent, "unsent"},
    {"too much unread", too_much_unread, "unread"},
    {"too much published", too_much_published, "of publishes"},
    {"too much unverified", too_much_unverified, "unverified"},
};

static void finds(void **state) {
    const struct row *r = *state;
    struct scene s;
    scene_init(&s);
    r->plant(&s);
    if (!r->says) {
        assert_string_equal(s.world.failure, "");
    } else if (!strstr(s.world.failure, r->says)) {
        (void)printf("# found: %s; want: %s\n", s.world.failure, r->says);
        fail();
    }
    scene_end(&s);
}

int main(void) {
    enum { N = sizeof rows / sizeof rows[0] };
    struct row copies[N];
    struct CMUnitTest tests[N];
    for (size_t i = 0; i < N; i++) {
        copies[i] = rows[i];
        tests[i] = (struct CMUnitTest){.name = rows[i].name, .test_func = finds, .initial_state = &copies[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
