/* SPDX-License-Identifier: MIT
 * subscribe.c — tests of subscriptions at a real node: by id and by name, over restarts, on a full disk.
 * May touch: standard output.
 */
#include "node/place.h"
#include "node/sessionstate.h"
#include "node/upstreamstate.h"
#include "tests/node/bed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE "00000000-0000-8000-8000-000000000000"

/* Node "a" with a stream of 300 observations, and node "b" that knows it. */
struct pair {
    struct bed b;
    struct sim_node *sub;
    struct client *pub, *c;
    struct runnel_id id;
    char name[2 * RN_KEY + 32]; /* of the stream */
};

static void pair_init(struct pair *p, uint64_t seed) {
    bed_init(&p->b, seed);
    p->pub = client_new(&p->b, "a", 1);
    p->id = make_stream(p->pub, "s");
    publish_many(p->pub, &p->id, 0, 300, 300);
    char key[2 * RN_KEY + 1];
    bed_key(bed_a(&p->b), key);
    (void)snprintf(p->name, sizeof p->name, "%s/sim/s/", key);
    p->sub = bed_node(&p->b, 1, "a");
    p->c = client_new(&p->b, "b", 1);
}

static void restart(struct pair *p) {
    bed_restart(&p->b, p->sub);
    client_close(p->c);
    p->c = client_new(&p->b, "b", 1);
}

static uint64_t subscriptions(struct pair *p) {
    return got_u64(client_ask(p->c, "{\"method\":\"status\"}"), "subscriptions");
}

static struct got *subscribe(struct pair *p, const char *stream, int added) {
    struct got *g = client_ask(p->c, "{\"method\":\"subscribe\",\"stream\":\"%s\"}", stream);
    assert_int_equal(got_bool(g, "added"), added);
    return g;
}

static void unsubscribe(struct pair *p, const char *stream, int removed) {
    struct got *g = client_ask(p->c, "{\"method\":\"unsubscribe\",\"stream\":\"%s\"}", stream);
    assert_int_equal(got_bool(g, "removed"), removed);
}

/* The texts of all notes, one behind the other. */
static void notes(struct pair *p, char *out, size_t size) {
    struct rn_place at = rn_place_area('U'), end = rn_place_behind(&at);
    struct runnel_bytes key = rn_place_bytes(&at), val, stop = rn_place_bytes(&end);
    size_t n = 0;
    for (bool more = rn_memory_seek(p->sub->disk.map, key, false, &key, &val); more && memcmp(key.p, stop.p, 1) < 0;
         more = rn_memory_seek(p->sub->disk.map, key, true, &key, &val)) {
        assert_true(val.n > RN_RECORD_CHECK && n + val.n + 1 < size);
        memcpy(out + n, val.p, val.n - RN_RECORD_CHECK);
        n += val.n - RN_RECORD_CHECK;
    }
    out[n] = 0;
}

static void has_notes(struct pair *p, const char *want) {
    char text[2048];
    notes(p, text, sizeof text);
    assert_string_equal(text, want);
}

static void by_an_id_that_nobody_knows(void **state) {
    struct pair p;
    (void)state;
    pair_init(&p, 1);
    assert_string_equal(got_str(subscribe(&p, NONE, 1), "stream"), NONE);
    assert_string_equal(got_str(subscribe(&p, NONE, 0), "stream"), NONE);
    assert_int_equal(subscriptions(&p), 1);
    restart(&p);
    assert_int_equal(subscriptions(&p), 1);
    (void)subscribe(&p, NONE, 0);
    unsubscribe(&p, NONE, 1);
    unsubscribe(&p, NONE, 0);
    assert_int_equal(subscriptions(&p), 0);
    restart(&p);
    assert_int_equal(subscriptions(&p), 0);
    has_notes(&p, "");
    bed_free(&p.b);
}

static void by_id(void **state) {
    struct pair p;
    (void)state;
    pair_init(&p, 2);
    assert_string_equal(got_str(subscribe(&p, id_text(&p.id).s, 1), "stream"), id_text(&p.id).s);
    sim_run(&p.b.w, 2 * SIM_S);
    assert_int_equal(held(p.sub, &p.id), 300);
    struct got *g = client_ask(p.c, "{\"method\":\"head\",\"stream\":\"%s\"}", p.name);
    assert_true(got_bool(g, "subscribed") && got_bool(g, "live") && !got_bool(g, "own"));
    assert_string_equal(got_str(g, "state"), "live");
    assert_string_equal(got_str(g, "provider"), "sim://a");
    restart(&p);
    publish_many(p.pub, &p.id, 300, 100, 10);
    sim_run(&p.b.w, 2 * SIM_S);
    assert_int_equal(held(p.sub, &p.id), 400);
    unsubscribe(&p, id_text(&p.id).s, 1);
    publish_many(p.pub, &p.id, 400, 100, 10);
    sim_run(&p.b.w, 10 * SIM_S);
    assert_int_equal(held(p.sub, &p.id), 400); /* what is held stays and is served */
    g = client_ask(p.c, "{\"method\":\"head\",\"stream\":\"%s\"}", p.name);
    assert_true(!got_bool(g, "subscribed") && !got_bool(g, "live"));
    assert_string_equal(got_str(g, "state"), "held");
    uint64_t f = client_send(p.c, "{\"method\":\"follow\",\"stream\":\"%s\"}", p.name);
    restart(&p);
    sim_run(&p.b.w, 10 * SIM_S);
    assert_int_equal(held(p.sub, &p.id), 400);
    f = client_send(p.c, "{\"method\":\"follow\",\"stream\":\"%s\"}", p.name);
    sim_run(&p.b.w, SIM_S);
    assert_true(client_taken(p.c, f, 0, 1).next == 400 && client_taken(p.c, f, 0, 1).live == 0);
    (void)subscribe(&p, id_text(&p.id).s, 1); /* and begun again it goes on from there */
    sim_run(&p.b.w, 5 * SIM_S);
    assert_int_equal(held(p.sub, &p.id), 500);
    assert_true(client_taken(p.c, f, 0, 1).next == 500 && client_taken(p.c, f, 0, 1).live == 1);
    bed_free(&p.b);
}

static void by_name(void **state) {
    struct pair p;
    (void)state;
    pair_init(&p, 3);
    struct got *g = subscribe(&p, p.name, 1);
    assert_int_equal(rn_json_get(got_json(g), "stream")->type, RN_NULL);
    has_notes(&p, p.name);
    sim_run(&p.b.w, 2 * SIM_S);
    has_notes(&p, id_text(&p.id).s); /* the id settles it */
    assert_string_equal(got_str(subscribe(&p, p.name, 0), "stream"), id_text(&p.id).s);
    (void)subscribe(&p, id_text(&p.id).s, 0);
    sim_run(&p.b.w, SIM_S);
    has_notes(&p, id_text(&p.id).s);
    restart(&p);
    assert_int_equal(subscriptions(&p), 1);
    sim_run(&p.b.w, 2 * SIM_S);
    publish_many(p.pub, &p.id, 300, 10, 10);
    sim_run(&p.b.w, 2 * SIM_S);
    assert_int_equal(held(p.sub, &p.id), 310);
    unsubscribe(&p, p.name, 1);
    has_notes(&p, "");
    restart(&p);
    assert_int_equal(subscriptions(&p), 0);
    has_notes(&p, "");
    bed_free(&p.b);
}

/* A name is noted as long as only the name is known, also over a restart; and can be withdrawn. */
static void by_a_name_that_nobody_knows(void **state) {
    struct pair p;
    (void)state;
    pair_init(&p, 4);
    sim_node_crash(bed_a(&p.b), SIM_KILLED);
    (void)subscribe(&p, p.name, 1);
    restart(&p);
    has_notes(&p, p.name);
    assert_int_equal(subscriptions(&p), 1);
    unsubscribe(&p, p.name, 1);
    has_notes(&p, "");
    (void)subscribe(&p, p.name, 1);
    restart(&p);
    sim_node_start(bed_a(&p.b));
    sim_run(&p.b.w, 60 * SIM_S);
    assert_int_equal(held(p.sub, &p.id), 300);
    has_notes(&p, id_text(&p.id).s);
    bed_free(&p.b);
}

/* The name and the id of one stream, asked for while nobody knows that they are one. */
static void by_name_and_id(void **state) {
    struct pair p;
    (void)state;
    for (int order = 0; order < 2; order++) {
        pair_init(&p, 5);
        sim_node_crash(bed_a(&p.b), SIM_KILLED);
        (void)subscribe(&p, order ? p.name : id_text(&p.id).s, 1);
        (void)subscribe(&p, order ? id_text(&p.id).s : p.name, 1);
        sim_node_start(bed_a(&p.b));
        sim_run(&p.b.w, 60 * SIM_S);
        assert_int_equal(held(p.sub, &p.id), 300);
        assert_int_equal(subscriptions(&p), 1);
        has_notes(&p, id_text(&p.id).s);
        unsubscribe(&p, p.name, 1);
        assert_int_equal(subscriptions(&p), 0);
        assert_int_equal(got_bool(client_ask(p.c, "{\"method\":\"head\",\"stream\":\"%s\"}", p.name), "subscribed"), 0);
        restart(&p);
        assert_int_equal(subscriptions(&p), 0);
        bed_free(&p.b);
    }
}

/* What could not be noted is as if it had not been asked for. */
static void on_a_full_disk(void **state) {
    struct pair p;
    (void)state;
    pair_init(&p, 6);
    p.sub->disk.faults.full = 1000;
    client_refused(p.c, "full", "space", "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&p.id).s);
    assert_int_equal(subscriptions(&p), 0);
    p.sub->disk.faults.full = 0;
    (void)subscribe(&p, id_text(&p.id).s, 1);
    p.sub->disk.faults.full = 1000;
    client_refused(p.c, "full", "space", "{\"method\":\"subscribe\",\"stream\":\"%s\"}", id_text(&p.id).s);
    client_refused(p.c, "full", "space", "{\"method\":\"unsubscribe\",\"stream\":\"%s\"}", p.name);
    client_refused(p.c, "full", "space", "{\"method\":\"unsubscribe\",\"stream\":\"%s\"}", id_text(&p.id).s);
    assert_int_equal(subscriptions(&p), 1);
    p.sub->disk.faults.full = 0;
    sim_run(&p.b.w, 60 * SIM_S);
    assert_int_equal(held(p.sub, &p.id), 300);
    restart(&p);
    assert_int_equal(subscriptions(&p), 1);
    bed_free(&p.b);
}

/* Several in one tick: the last one counts, in memory and on the disk. */
static void in_one_tick(void **state) {
    struct pair p;
    (void)state;
    for (int last = 0; last < 2; last++) {
        pair_init(&p, 7);
        uint64_t id = 0;
        for (int i = 0; i < 6 + last; i++)
            id = client_send(p.c, "{\"method\":\"%s\",\"stream\":\"%s\"}", i % 2 ? "unsubscribe" : "subscribe",
                             id_text(&p.id).s);
        (void)client_answer(p.c, id);
        sim_run(&p.b.w, 5 * SIM_S);
        assert_int_equal(subscriptions(&p), (uint64_t)last);
        restart(&p);
        assert_int_equal(subscriptions(&p), (uint64_t)last);
        bed_free(&p.b);
    }
}

/* ---- what a provider may send ---- */

static void publish_large(struct pair *p, size_t blocks) {
    char *value = long_number(4000);
    struct ob v[8];
    for (size_t i = 0; i < 8; i++)
        v[i] = (struct ob){0, value};
    for (size_t i = 0; i < blocks * RN_MAX_BLOCK / 8; i++)
        (void)published(p->pub, &p->id, RN_PUBLISH_NOW, 0, v, 8);
    free(value);
}

/* Credit is given back for what a follow has brought, to that follow: what was on its way to a slow disk when the
 * provider was let go is nothing that the next one has sent. */
static void a_new_follow_is_not_paid_for_the_one_before(void **state) {
    struct pair p;
    int let_go = 0;
    (void)state;
    pair_init(&p, 40);
    publish_large(&p, 14);
    p.sub->disk.faults.delay = 5 * SIM_S;
    (void)subscribe(&p, id_text(&p.id).s, 1);
    struct rn_stream *s = NULL;
    for (int i = 0; i < 3000 && held(p.sub, &p.id) < 10 * RN_MAX_BLOCK; i++) {
        sim_run(&p.b.w, SIM_S / 20);
        s = rn_stream_find(p.sub->node, &p.id);
        if (s && s->up && s->flight && s->flight->bytes > ((size_t)3 << 20) && !let_go++)
            rn_upstream_reconsider(s->up);
        struct rn_burden burden;
        rn_node_burden(p.sub->node, &burden);
        size_t to_pay = s && s->flight ? s->flight->bytes : 0;
        assert_true(burden.unverified + to_pay <= (size_t)RN_WINDOW + 4100);
    }
    assert_true(let_go > 0);
    p.sub->disk.faults.delay = 0;
    sim_run(&p.b.w, 60 * SIM_S);
    assert_int_equal(held(p.sub, &p.id), 300 + 14 * RN_MAX_BLOCK);
    bed_free(&p.b);
}

/* A node that stops has said its last word to a reader; then its disk is through with what came before. */
static void nothing_comes_behind_the_last_word(void **state) {
    struct pair p;
    (void)state;
    pair_init(&p, 50);
    (void)subscribe(&p, id_text(&p.id).s, 1);
    sim_run(&p.b.w, 2 * SIM_S);
    struct client *r = client_new(&p.b, "b", 1);
    uint64_t f = client_send(r, "{\"method\":\"follow\",\"stream\":\"%s\"}", id_text(&p.id).s);
    sim_run(&p.b.w, SIM_S);
    assert_int_equal(client_taken(r, f, 0, 1).next, 300);
    p.sub->disk.faults.delay = SIM_S;
    publish_many(p.pub, &p.id, 300, 10, 10);
    struct rn_stream *s = rn_stream_find(p.sub->node, &p.id);
    assert_non_null(s);
    for (int i = 0; i < 100 && !s->flight; i++)
        sim_run(&p.b.w, SIM_S / 100);
    assert_non_null(s->flight);
    r->talk.deaf = 1; /* it does not close at once */
    sim_node_stop(p.sub);
    sim_run(&p.b.w, SIM_S / 2);
    assert_non_null(s->flight);
    assert_int_equal(p.sub->node->n_sessions, 1);
    const struct rn_session *last = rn_list_of(p.sub->node->sessions.next, struct rn_session, link);
    assert_int_equal(last->parting, RN_PARTED);
    for (int i = 0; i < 130 && s->flight; i++)
        sim_run(&p.b.w, SIM_S / 100);
    assert_null(s->flight);
    sim_run(&p.b.w, SIM_S / 100);
    assert_true(p.sub->node && p.sub->node->n_sessions == 1); /* it is still waited for */
    assert_int_equal(rn_session_unsent(last), 0);
    sim_talk_hear(&r->talk);
    assert_int_equal(client_wait_lost(r, 5 * SIM_S), 1);
    bed_free(&p.b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_an_id_that_nobody_knows),
        cmocka_unit_test(by_id),
        cmocka_unit_test(by_name),
        cmocka_unit_test(by_a_name_that_nobody_knows),
        cmocka_unit_test(by_name_and_id),
        cmocka_unit_test(on_a_full_disk),
        cmocka_unit_test(in_one_tick),
        cmocka_unit_test(a_new_follow_is_not_paid_for_the_one_before),
        cmocka_unit_test(nothing_comes_behind_the_last_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
