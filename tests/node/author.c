/* SPDX-License-Identifier: MIT
 * author.c — tests of an author's own safety: what was lost is found again before anything is appended.
 * May touch: standard output.
 */
#include "node/place.h"
#include "tests/node/bed.h"
#include <stdio.h>
#include <string.h>

struct wanted {
    struct sim_node *node;
    const struct runnel_id *id;
    uint64_t count;
};

static int has_it(void *arg) {
    const struct wanted *w = arg;
    struct rn_holding now;
    return w->node->state == SIM_UP && rn_node_holding(w->node->node, w->id, &now) == 0 && now.count == w->count &&
           now.head_count == w->count && (!now.own || now.live);
}

/* Runs until the node holds so many observations and their head. */
static int wait_held(struct sim_node *n, const struct runnel_id *id, uint64_t count) {
    struct wanted w = {n, id, count};
    return sim_run_until(n->host.world, has_it, &w, 30 * SIM_S);
}

static struct client *again(struct bed *b, struct client *c) {
    client_close(c);
    return client_new(b, "a", 1);
}

/* Node "a" with one stream of 300 observations, which "b" follows from it. */
struct two {
    struct bed b;
    struct client *c;
    struct runnel_id id;
};

static void two_init(struct two *t, uint64_t seed) {
    bed_init(&t->b, seed);
    t->c = client_new(&t->b, "a", 1);
    t->id = make_stream(t->c, "s");
    publish_many(t->c, &t->id, 0, 300, 100);
    struct sim_node *b = bed_node(&t->b, 1, "a");
    struct client *cb = client_new(&t->b, "b", 1);
    (void)client_ask(cb, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&t->id).s);
    assert_int_equal(wait_held(b, &t->id, 300), 1);
}

/* The reason for which the author is not confirmed; "" when it is. */
static const char *doubt(struct two *t) {
    static const char *const none = "";
    const struct rn_json *author = rn_json_get(got_json(client_ask(t->c, "{\"method\":\"status\"}")), "author");
    const struct rn_json *why = rn_json_get(author, "why");
    assert_non_null(why);
    return why->child ? why->child->text : none;
}

/* It has confirmed itself. */
static int confirmed(void *arg) {
    return sim_node_said(bed_a(&((struct two *)arg)->b), (const char *const[]){"all of it is here: confirmed", NULL});
}

/* Stops "a", gives it the disk (NULL: an empty one), starts it again. `peer`: the one that discovery names. */
static void back_with(struct two *t, struct rn_memory *disk, const char *peer) {
    struct sim_node *a = bed_a(&t->b);
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"node\":{\"data\":\"/sim\"},\"storage\":{\"main\":{\"plugin\":\"simdisk\"}},"
                   "\"transport\":{\"net\":{\"plugin\":\"sim\"}},\"sync\":{\"default\":{\"plugin\":\"incremental\"}},"
                   "\"discovery\":{\"known\":{\"plugin\":\"static\",\"peers\":{\"*\":[%s%s%s]}}}}",
                   peer ? "\"sim://" : "", peer ? peer : "", peer ? "\"" : "");
    sim_node_stop(a);
    assert_int_equal(sim_node_wait(a, SIM_DOWN, 10 * SIM_S), 1);
    sim_disk_replace(&a->disk, disk);
    sim_node_config(a, text);
    sim_node_start(a);
    assert_int_equal(sim_node_wait(a, SIM_UP, 10 * SIM_S), 1);
    t->c = again(&t->b, t->c);
}

static void refused(struct two *t, uint64_t seq, const char *word) {
    uint64_t id = publish(t->c, &t->id, 1, seq, &(struct ob){many_time(10000), "1"}, 1);
    got_is_error(client_answer(t->c, id), "conflict", word);
}

/* An older copy of the disk, elsewhere: the rest comes back, and then an operator's word is needed. */
static void an_older_copy(void **state) {
    struct two t;
    struct rn_holding before, after;
    (void)state;
    two_init(&t, 1);
    struct rn_memory *old = sim_disk_copy(&bed_a(&t.b)->disk);
    publish_many(t.c, &t.id, 300, 500, 100);
    assert_int_equal(wait_held(t.b.node[1], &t.id, 800), 1);
    assert_int_equal(rn_node_holding(bed_a(&t.b)->node, &t.id, &before), 0);
    back_with(&t, old, NULL);
    assert_string_equal(doubt(&t), "copied");
    refused(&t, 300, "runnel identity confirm");
    client_refused(t.c, "conflict", "is a copy",
                   "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"new\",\"target\":\"\"}}");
    assert_int_equal(wait_held(bed_a(&t.b), &t.id, 800), 1); /* "b" has dialled in */
    assert_int_equal(rn_node_holding(bed_a(&t.b)->node, &t.id, &after), 0);
    assert_memory_equal(&before.root, &after.root, sizeof before.root);
    sim_run(&t.b.w, 30 * SIM_S);
    assert_string_equal(doubt(&t), "copied"); /* whoever dials in may hold back what he knows */
    bed_restart(&t.b, bed_a(&t.b));
    t.c = again(&t.b, t.c);
    assert_string_equal(doubt(&t), "copied");
    struct client *stranger = client_new(&t.b, "a", 0);
    client_refused(stranger, "denied", "admin", "{\"method\":\"confirm\"}");
    struct got *g = client_ask(t.c, "{\"method\":\"confirm\"}");
    assert_string_equal(rn_json_get(got_json(g), "was")->child->text, "copied");
    assert_string_equal(doubt(&t), "");
    publish_many(t.c, &t.id, 800, 100, 50);
    assert_int_equal(wait_held(t.b.node[1], &t.id, 900), 1);
    bed_restart(&t.b, bed_a(&t.b));
    t.c = again(&t.b, t.c);
    assert_string_equal(doubt(&t), "");
    bed_free(&t.b);
}

/* The same, and discovery names a peer: that confirms it. */
static void an_older_copy_and_a_known_peer(void **state) {
    struct two t;
    (void)state;
    two_init(&t, 2);
    struct rn_memory *old = sim_disk_copy(&bed_a(&t.b)->disk);
    publish_many(t.c, &t.id, 300, 500, 100);
    assert_int_equal(wait_held(t.b.node[1], &t.id, 800), 1);
    back_with(&t, old, "b");
    refused(&t, 300, "is a copy");
    int64_t from = t.b.w.now;
    assert_int_equal(sim_run_until(&t.b.w, confirmed, &t, 30 * SIM_S), 1);
    assert_true(t.b.w.now - from >= 5 * SIM_S); /* a twin would have had the time to show up */
    assert_int_equal(held(bed_a(&t.b), &t.id), 800);
    publish_many(t.c, &t.id, 800, 100, 50);
    assert_int_equal(wait_held(t.b.node[1], &t.id, 900), 1);
    bed_free(&t.b);
}

/* The disk is lost: streams and observations come back. */
static void a_lost_disk(void **state) {
    struct two t;
    (void)state;
    two_init(&t, 3);
    (void)make_stream(t.c, "never-told");
    back_with(&t, NULL, "b");
    assert_string_equal(doubt(&t), "lost");
    client_refused(t.c, "conflict", "identity confirm",
                   "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"other\",\"target\":\"\"}}");
    assert_int_equal(sim_run_until(&t.b.w, confirmed, &t, 30 * SIM_S), 1);
    assert_int_equal(held(bed_a(&t.b), &t.id), 300);
    publish_many(t.c, &t.id, 300, 100, 50);
    assert_int_equal(wait_held(t.b.node[1], &t.id, 400), 1);
    bed_free(&t.b);
}

#define CREATE_S "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"s\",\"target\":\"\"}}"

/* The disk is lost, and what a peer gives back cannot be kept on the new one: whatever an operator says, the stream
 * does not begin anew. */
static void a_lost_disk_and_a_full_one(void **state) {
    struct two t;
    (void)state;
    two_init(&t, 31);
    t.b.node[1]->host.isolated = 1;
    back_with(&t, NULL, NULL);
    bed_a(&t.b)->disk.faults.full = 1000;
    t.b.node[1]->host.isolated = 0;
    sim_run(&t.b.w, 30 * SIM_S); /* "b" dials in, and shows the stream */
    t.b.node[1]->host.isolated = 1;
    sim_run(&t.b.w, 10 * SIM_S);
    bed_a(&t.b)->disk.faults.full = 0;
    assert_string_equal(doubt(&t), "lost");
    (void)client_ask(t.c, "{\"method\":\"confirm\"}");
    client_refused(t.c, "damaged", "begun anew", CREATE_S);
    t.b.node[1]->host.isolated = 0;
    assert_int_equal(wait_held(bed_a(&t.b), &t.id, 300), 1);
    publish_many(t.c, &t.id, 300, 100, 50);
    sim_run(&t.b.w, 60 * SIM_S); /* as long as it waits at most to dial again */
    assert_int_equal(wait_held(t.b.node[1], &t.id, 400), 1);
    bed_free(&t.b);
}

/* An operator's word that could not be written is none. */
static void a_word_that_is_not_written(void **state) {
    struct two t;
    (void)state;
    two_init(&t, 32);
    back_with(&t, sim_disk_copy(&bed_a(&t.b)->disk), NULL);
    bed_a(&t.b)->disk.faults.full = 1000;
    client_refused(t.c, "full", "no space", "{\"method\":\"confirm\"}");
    bed_a(&t.b)->disk.faults.full = 0;
    assert_string_equal(doubt(&t), "copied");
    refused(&t, 300, "runnel identity confirm");
    (void)client_ask(t.c, "{\"method\":\"confirm\"}");
    assert_string_equal(doubt(&t), "");
    publish_many(t.c, &t.id, 300, 100, 50);
    bed_free(&t.b);
}

/* The only stream's record is damaged: the peer that discovery names is asked for it all the same. */
static void the_only_stream_is_damaged(void **state) {
    struct two t;
    struct rn_place p;
    uint8_t junk[100] = {1};
    uint64_t number;
    struct runnel_err err;
    (void)state;
    two_init(&t, 33);
    struct rn_memory *disk = sim_disk_copy(&bed_a(&t.b)->disk);
    p = rn_place_stream(&t.id);
    struct runnel_change v = {.what = RUNNEL_PUT, .key = rn_place_bytes(&p), .data = {junk, sizeof junk}};
    assert_int_equal(rn_memory_apply(disk, &v, 1, &number, &err), 0);
    rn_memory_sync(disk, number);
    t.b.node[1]->host.isolated = 1;
    bed_a(&t.b)->disk.place--;
    back_with(&t, disk, "b");
    const struct rn_json *author = rn_json_get(got_json(client_ask(t.c, "{\"method\":\"status\"}")), "author");
    assert_string_equal(rn_json_get(author, "state")->text, "checking");
    bed_free(&t.b);
}

/* The peer that discovery names is away: nothing is appended until it is back. */
static void nobody_to_ask(void **state) {
    struct two t;
    (void)state;
    two_init(&t, 4);
    sim_node_stop(t.b.node[1]);
    assert_int_equal(sim_node_wait(t.b.node[1], SIM_DOWN, 10 * SIM_S), 1);
    back_with(&t, NULL, "b");
    sim_run(&t.b.w, 60 * SIM_S);
    assert_string_equal(doubt(&t), "lost");
    sim_node_start(t.b.node[1]);
    assert_int_equal(sim_run_until(&t.b.w, confirmed, &t, 60 * SIM_S), 1);
    assert_int_equal(held(bed_a(&t.b), &t.id), 300);
    bed_free(&t.b);
}

/* An older state in the very same place, as of a virtual machine: a publish waits until heads were compared. */
static void a_machine_reverted(void **state) {
    struct two t;
    (void)state;
    two_init(&t, 5);
    struct rn_memory *old = sim_disk_copy(&bed_a(&t.b)->disk);
    publish_many(t.c, &t.id, 300, 500, 100);
    assert_int_equal(wait_held(t.b.node[1], &t.id, 800), 1);
    bed_a(&t.b)->disk.place--;
    back_with(&t, old, "b");
    assert_string_equal(doubt(&t), "");
    uint64_t id = publish(t.c, &t.id, 0, 0, &(struct ob){many_time(10000), "1"}, 1);
    struct got *g = client_answer(t.c, id);
    assert_int_equal(g->f.type, RN_FRAME_PUBLISHED);
    assert_int_equal(g->f.seq, 800);
    assert_int_equal(wait_held(t.b.node[1], &t.id, 801), 1);
    bed_free(&t.b);
}

/* A peer that cannot be reached keeps a confirmed author waiting no longer than 5 s, publishes and creates. */
static void a_peer_that_is_away(void **state) {
    struct two t;
    (void)state;
    two_init(&t, 6);
    t.b.node[1]->host.isolated = 1;
    bed_a(&t.b)->disk.place--;
    back_with(&t, sim_disk_copy(&bed_a(&t.b)->disk), "b");
    int64_t from = t.b.w.now;
    uint64_t create = client_send(
        t.c, "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"new\",\"target\":\"\"}}");
    uint64_t id = publish(t.c, &t.id, 1, 300, &(struct ob){many_time(10000), "1"}, 1);
    assert_int_equal(client_answer(t.c, id)->f.type, RN_FRAME_PUBLISHED);
    assert_int_equal(client_answer(t.c, create)->f.type, RN_FRAME_ANSWER);
    assert_true(t.b.w.now - from > 4 * SIM_S && t.b.w.now - from < 6 * SIM_S);
    t.b.node[1]->host.isolated = 0;
    bed_free(&t.b);
}

/* A first start that is cut off anywhere leaves a new node, not one that has lost its store. */
static void a_first_start_cut_off(void **state) {
    (void)state;
    for (int64_t at = 0; at < 2 * SIM_MS; at += 50 * SIM_US) {
        struct two t;
        bed_init(&t.b, 7);
        struct sim_node *n = sim_node_new(&t.b.w, "b");
        t.b.node[1] = n;
        sim_node_config(n, "{\"node\":{\"data\":\"/sim\"},\"storage\":{\"main\":{\"plugin\":\"simdisk\"}},"
                           "\"transport\":{\"net\":{\"plugin\":\"sim\"}},\"sync\":{\"default\":{\"plugin\":"
                           "\"incremental\"}}}");
        sim_node_start(n);
        sim_run(&t.b.w, at);
        sim_node_crash(n, SIM_POWER);
        sim_node_start(n);
        assert_int_equal(sim_node_wait(n, SIM_UP, 10 * SIM_S), 1);
        t.c = client_new(&t.b, "b", 1);
        assert_string_equal(doubt(&t), "");
        bed_free(&t.b);
    }
}

/* ---- liars ---- */

/* Answers whoever asks for streams with one object, made of what "a" says itself; the head's bytes are `hex`. */
struct liar {
    struct client *c;
    char text[2048];
    int asked;
    char key[2 * RN_KEY + 1]; /* not empty: pages without end, of heads of this author that are none */
};

static void next_lies(struct liar *l) {
    size_t n = 0;
    for (int i = 0; i < 9; i++)
        n += (size_t)snprintf(l->text + n, sizeof l->text - n,
                              "%s{\"stream\":\"%08d-0000-8000-8000-000000000000\",\"descriptor\":{\"author\":\"%s\","
                              "\"source\":\"x\",\"stream\":\"s\",\"target\":\"\"},\"head\":\"zz\"}",
                              i ? "," : "{\"streams\":[", 10 * l->asked + i, l->key);
    (void)snprintf(l->text + n, sizeof l->text - n, "],\"more\":true}");
}

static void lie(struct client *c, const struct rn_frame *f) {
    struct liar *l = c->arg;
    if (f->type != RN_FRAME_REQUEST)
        return;
    int streams = memmem(f->body.p, f->body.n, "\"streams\"", 9) != NULL;
    l->asked += streams;
    if (streams && l->key[0])
        next_lies(l);
    sim_talk_say(&c->talk, RN_FRAME_ANSWER, f->id, "%s", streams ? l->text : "{}");
}

static void dial_as_a_node(struct two *t, struct liar *l, int number) {
    l->c = client_silent(&t->b, "a", 0);
    l->c->mute = 1;
    l->c->arg = l;
    l->c->on_frame = lie;
    sim_talk_say(&l->c->talk, RN_FRAME_HELLO, 0, "{\"runnel\":[1],\"node\":\"%064d\",\"nonce\":\"%032d\"}", number,
                 number);
}

/* Heads that are not signed by our own key, or not heads at all, stop nothing; nor do pages without end. */
static void heads_that_lie(void **state) {
    struct two t;
    char hex[1024], descriptor[512];
    struct liar liars[5] = {{.asked = 0}};
    (void)state;
    two_init(&t, 21);
    struct got *g = client_ask(t.c, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(&t.id).s);
    (void)snprintf(hex, sizeof hex, "%s", got_str(g, "head"));
    (void)snprintf(descriptor, sizeof descriptor,
                   "{\"author\":\"%s\",\"source\":\"sim\",\"stream\":\"s\",\"target\":\"\"}",
                   got_str(client_ask(t.c, "{\"method\":\"status\"}"), "node"));
    hex[2 * 32 + 2] = 'f'; /* the count, far greater now: the signature is not over that */
    for (int i = 0; i < 5; i++) {
        static const char *const tails[] = {"],\"more\":false}", "],\"more\":true}", "]}", "", "],\"more\":false}"};
        (void)snprintf(liars[i].text, sizeof liars[i].text,
                       "{\"streams\":[{\"stream\":\"%s\",\"descriptor\":%s,\"count\":99999,\"head\":\"%s\"}%s",
                       id_text(&t.id).s, descriptor, i == 4 ? "zz" : hex, tails[i]);
        liars[i].asked = 0;
        dial_as_a_node(&t, &liars[i], i + 1);
    }
    sim_run(&t.b.w, 3 * SIM_S);
    for (int i = 0; i < 5; i++)
        assert_true(liars[i].asked > 0 &&
                    liars[i].asked <= 2); /* the second page repeats the first: no third is wanted */
    assert_true(sim_node_said(bed_a(&t.b), (const char *const[]){"fails verification", NULL}));
    g = client_ask(t.c, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(&t.id).s);
    assert_string_equal(got_str(g, "state"), "own");
    publish_many(t.c, &t.id, 300, 100, 50);
    assert_int_equal(wait_held(t.b.node[1], &t.id, 400), 1);
    bed_free(&t.b);
}

static int sign_as(void *pair, const char *purpose, const void *p, size_t n, uint8_t sig[RN_SIGNATURE]) {
    return rn_sign(pair, purpose, p, n, sig);
}

/* What "a" would show of its stream: its head as it is now, or one over another root. */
static void show_head(struct two *t, struct liar *l, int forged) {
    struct rn_signed_head h;
    struct rn_buf b = {.n = 0};
    char hex[1024] = "", key[2 * RN_KEY + 1];
    uint8_t bytes[512];
    struct runnel_err err;
    struct got *g = client_ask(t->c, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(&t->id).s);
    size_t n = strlen(got_str(g, "head")) / 2;
    assert_int_equal(rn_hex_parse(got_str(g, "head"), 2 * n, bytes, n), 0);
    assert_int_equal(rn_signed_head_decode(bytes, n, &h, &err), 0);
    h.head.root.b[0] ^= forged ? 1 : 0;
    struct rn_hasher *hasher = rn_hasher_new();
    rn_buf_init(&b, 1024);
    assert_int_equal(rn_attest(hasher, &h.head, 1, sign_as, &bed_a(&t->b)->pair, &h.attestation, &err), 0);
    rn_hasher_free(hasher);
    assert_int_equal(rn_signed_head_encode(&h, &b), 0);
    for (size_t i = 0; i < b.n; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", b.p[i]);
    rn_buf_free(&b);
    bed_key(bed_a(&t->b), key);
    (void)snprintf(
        l->text, sizeof l->text,
        "{\"streams\":[{\"stream\":\"%s\",\"descriptor\":{\"author\":\"%s\",\"source\":\"sim\",\"stream\":\"s\","
        "\"target\":\"\"},\"head\":\"%s\"}],\"more\":false}",
        id_text(&t->id).s, key, hex);
}

static void stops_by_fork(struct two *t) {
    sim_run(&t->b.w, SIM_S);
    struct got *g = client_ask(t->c, "{\"method\":\"head\",\"stream\":\"%s\"}", id_text(&t->id).s);
    assert_string_equal(got_str(g, "state"), "stopped");
    assert_non_null(strstr(got_str(g, "trouble"), "two histories"));
    uint64_t id = publish(t->c, &t->id, 0, 0, &(struct ob){many_time(10000), "1"}, 1);
    got_is_error(client_answer(t->c, id), "fork", "two histories");
}

/* A head of the same count and another root, truly signed: the fork stops this stream and no other. */
static void a_fork_of_our_own(void **state) {
    struct two t;
    struct liar l = {.asked = 0};
    (void)state;
    two_init(&t, 22);
    struct runnel_id other = make_stream(t.c, "other");
    show_head(&t, &l, 1);
    dial_as_a_node(&t, &l, 9);
    stops_by_fork(&t);
    (void)published(t.c, &other, 0, 0, &(struct ob){many_time(10000), "1"}, 1);
    bed_free(&t.b);
}

/* So does one of a count that has been left behind; an older head of our own history does not. */
static void a_fork_that_is_shorter(void **state) {
    (void)state;
    for (uint64_t count = 300; count <= 2048; count = count == 300 ? 512 : count == 512 ? 1025 : count + 1023) {
        struct two t;
        struct liar old = {.asked = 0}, other = {.asked = 0};
        two_init(&t, 23 + count);
        for (uint64_t n = 300; n < count; n += count - n < 100 ? count - n : 100)
            publish_many(t.c, &t.id, n, count - n < 100 ? count - n : 100, 100);
        show_head(&t, &old, 0);
        show_head(&t, &other, 1);
        publish_many(t.c, &t.id, count, 700, 100);
        dial_as_a_node(&t, &old, 8);
        sim_run(&t.b.w, SIM_S);
        assert_int_equal(old.asked, 1);
        publish_many(t.c, &t.id, count + 700, 10, 100);
        dial_as_a_node(&t, &other, 9);
        stops_by_fork(&t);
        bed_free(&t.b);
    }
}

static void count_warnings(void *arg, const char *line) {
    *(int *)arg += strstr(line, "fails verification") != NULL;
}

/* Pages without end of heads that fail verification: the log gets one line, and soon no more is asked. */
static void a_liar_without_end(void **state) {
    struct two t;
    struct liar l = {.asked = 0};
    int warnings = 0;
    (void)state;
    two_init(&t, 24);
    bed_key(bed_a(&t.b), l.key);
    dial_as_a_node(&t, &l, 9);
    sim_run(&t.b.w, 5 * SIM_S);
    assert_int_equal(l.asked, 8); /* LIES_MOST of heads.c is 64 */
    sim_node_log(bed_a(&t.b), count_warnings, &warnings);
    assert_int_equal(warnings, 1);
    bed_free(&t.b);
}

/* ---- twins ---- */

/* The clone of "a", as node "c": identity and disk are copies. `peer`: the one that discovery names. */
static struct sim_node *clone(struct two *t, const char *peer) {
    struct sim_node *n = sim_node_new(&t->b.w, "c");
    char text[512];
    t->b.node[2] = n;
    n->pair = bed_a(&t->b)->pair;
    n->used = 1;
    sim_disk_replace(&n->disk, sim_disk_copy(&bed_a(&t->b)->disk));
    (void)snprintf(text, sizeof text,
                   "{\"node\":{\"data\":\"/sim\"},\"storage\":{\"main\":{\"plugin\":\"simdisk\"}},"
                   "\"transport\":{\"net\":{\"plugin\":\"sim\"}},\"sync\":{\"default\":{\"plugin\":\"incremental\"}},"
                   "\"discovery\":{\"known\":{\"plugin\":\"static\",\"peers\":{\"*\":[\"sim://%s\"]}}}}",
                   peer);
    sim_node_config(n, text);
    sim_node_start(n);
    assert_int_equal(sim_node_wait(n, SIM_UP, 10 * SIM_S), 1);
    return n;
}

static int both_stopped(void *arg) {
    static const char *const words[] = {"another process with this node's identity is running", NULL};
    struct two *t = arg;
    return sim_node_said(t->b.node[0], words) && sim_node_said(t->b.node[2], words);
}

static void both_stop(const char *peer, uint64_t seed) {
    struct two t;
    two_init(&t, seed);
    struct sim_node *c = clone(&t, peer);
    assert_int_equal(sim_run_until(&t.b.w, both_stopped, &t, 20 * SIM_S), 1);
    assert_string_equal(doubt(&t), "twin");
    refused(&t, 300, "stop one of the two");
    /* An operator who confirms while both run is told again. */
    (void)client_ask(t.c, "{\"method\":\"confirm\"}");
    sim_run(&t.b.w, 20 * SIM_S);
    assert_string_equal(doubt(&t), "twin");
    sim_node_stop(c);
    assert_int_equal(sim_node_wait(c, SIM_DOWN, 10 * SIM_S), 1);
    sim_run(&t.b.w, 20 * SIM_S);
    assert_string_equal(doubt(&t), "twin"); /* which of the two shall go on is not ours to say */
    bed_restart(&t.b, bed_a(&t.b));
    t.c = again(&t.b, t.c);
    assert_string_equal(doubt(&t), "twin");
    (void)client_ask(t.c, "{\"method\":\"confirm\"}");
    publish_many(t.c, &t.id, 300, 100, 50);
    assert_int_equal(wait_held(t.b.node[1], &t.id, 400), 1);
    sim_run(&t.b.w, 20 * SIM_S);
    assert_string_equal(doubt(&t), "");
    bed_free(&t.b);
}

static void twins_that_meet(void **state) {
    (void)state;
    both_stop("a", 11);
}

static void twins_with_a_common_peer(void **state) {
    (void)state;
    both_stop("b", 12);
}

static void hex(const uint8_t *p, size_t n, char *out) {
    for (size_t i = 0; i < n; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", p[i]);
}

/* Whoever only claims the identity stops nobody: neither here nor at a peer, nor with somebody else's proof. */
static void a_claimed_twin(void **state) {
    struct two t;
    char key[2 * RN_KEY + 1];
    (void)state;
    two_init(&t, 13);
    bed_key(bed_a(&t.b), key);
    for (int i = 0; i < 2; i++) {
        struct client *liar = client_silent(&t.b, i ? "a" : "b", 0);
        sim_talk_say(&liar->talk, RN_FRAME_HELLO, 0,
                     "{\"runnel\":[1],\"node\":\"%s\",\"nonce\":\"00112233445566778899aabbccddeeff\"}", key);
    }
    sim_run(&t.b.w, 20 * SIM_S);
    assert_string_equal(doubt(&t), "");
    const char *nonce = got_str(client_ask(t.c, "{\"method\":\"status\"}"), "nonce");
    client_refused(t.c, "invalid", "own process", "{\"method\":\"alive\",\"nonce\":\"%s\"}", nonce);
    /* what "a" itself signs is no proof against it */
    struct got *g = client_ask(t.c, "{\"method\":\"alive\",\"nonce\":\"00112233445566778899aabbccddeeff\"}");
    assert_string_equal(got_str(g, "nonce"), nonce);
    client_refused(t.c, "damaged", "no proof", "{\"method\":\"twin\",\"nonce\":\"%s\",\"signature\":\"%s\"}", nonce,
                   got_str(g, "signature"));
    client_refused(t.c, "damaged", "no proof",
                   "{\"method\":\"twin\",\"nonce\":\"00112233445566778899aabbccddeeff\",\"signature\":\"%s\"}",
                   got_str(g, "signature"));
    publish_many(t.c, &t.id, 300, 100, 50);
    bed_free(&t.b);
}

/* A proof made by hand, as the page says, stops the node. */
static void a_proof_by_hand(void **state) {
    struct two t;
    uint8_t bytes[32], sig[RN_SIGNATURE];
    char text[2 * RN_SIGNATURE + 1], nonce[33];
    (void)state;
    two_init(&t, 14);
    const char *own = got_str(client_ask(t.c, "{\"method\":\"status\"}"), "nonce");
    assert_int_equal(rn_hex_parse(own, 32, bytes, 16), 0);
    memset(bytes + 16, 0x5a, 16);
    assert_int_equal(rn_sign(&bed_a(&t.b)->pair, "runnel/alive/1", bytes, sizeof bytes, sig), 0);
    hex(sig, sizeof sig, text);
    hex(bytes + 16, 16, nonce);
    struct client *stranger = client_new(&t.b, "a", 0);
    (void)client_ask(stranger, "{\"method\":\"twin\",\"nonce\":\"%s\",\"signature\":\"%s\"}", nonce, text);
    assert_string_equal(doubt(&t), "twin");
    refused(&t, 300, "another process");
    bed_free(&t.b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_copy),
        cmocka_unit_test(an_older_copy_and_a_known_peer),
        cmocka_unit_test(a_lost_disk),
        cmocka_unit_test(a_lost_disk_and_a_full_one),
        cmocka_unit_test(a_word_that_is_not_written),
        cmocka_unit_test(the_only_stream_is_damaged),
        cmocka_unit_test(nobody_to_ask),
        cmocka_unit_test(a_machine_reverted),
        cmocka_unit_test(a_peer_that_is_away),
        cmocka_unit_test(a_first_start_cut_off),
        cmocka_unit_test(heads_that_lie),
        cmocka_unit_test(a_fork_of_our_own),
        cmocka_unit_test(a_fork_that_is_shorter),
        cmocka_unit_test(a_liar_without_end),
        cmocka_unit_test(twins_that_meet),
        cmocka_unit_test(twins_with_a_common_peer),
        cmocka_unit_test(a_claimed_twin),
        cmocka_unit_test(a_proof_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
