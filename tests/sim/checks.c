/* SPDX-License-Identifier: MIT
 * checks.c — the checkers themselves: a reader at an honest peer finds nothing, at a liar just what is wrong.
 * May touch: the heap.
 */
#include "sim/peer.h"
#include "sim/reader.h"
#include "tests/unit/check.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ALL 600u
#define FROM 300u

struct row {
    const char *name;
    enum sim_lie lie;
    const char *says; /* NULL: all is well */
};

static const struct row rows[] = {
    {"honest", SIM_HONEST, NULL},
    {"a gap", SIM_GAP, "wanted 300"},
    {"a run twice", SIM_TWICE, "wanted 320"},
    {"a flipped bit", SIM_BIT, "has another value"},
    {"a base before the last time", SIM_BASE, "time"},
    {"a cut entry", SIM_CUT_ENTRY, ""},
    {"another root", SIM_ROOT, "a second root"},
    {"a wrong signature", SIM_SIGNATURE, ""},
    {"another signer", SIM_SIGNER, ""},
    {"garbage", SIM_GARBAGE, NULL}, /* a reader just comes again */
};

struct scene {
    struct sim_world world;
    struct sim_check check;
    struct sim_author *author, *foreign;
    struct sim_peer honest, liar;
    struct sim_reader first, second;
};

static struct sim_author *author(struct scene *s, const char *name) {
    struct sim_author *a = sim_author_new(&s->world, name, "s");
    char value[64];
    for (uint64_t i = 0; i < ALL; i++) {
        (void)snprintf(value, sizeof value, "{\"n\":%" PRIu64 "}", i);
        sim_author_add(a, SIM_WALL + (int64_t)i * SIM_MS, value, SIM_PROPER);
    }
    return a;
}

static int has_read(void *arg) {
    const struct sim_reader *r = arg;
    return r->next == ALL && r->head_count == ALL && r->live;
}

static void scene_init(struct scene *s, enum sim_lie lie) {
    memset(s, 0, sizeof *s);
    sim_world_init(&s->world, 3);
    sim_check_init(&s->check, &s->world);
    s->author = author(s, "author");
    s->foreign = author(s, "foreigner");
    s->check.author = s->author->pair.id;
    sim_check_stream(&s->check, &s->author->descriptor->id);
    sim_peer_init(&s->honest, &s->world, "honest", s->author, SIM_HONEST);
    sim_peer_init(&s->liar, &s->world, "liar", s->author, lie);
    s->liar.foreign = s->foreign;
    s->liar.from = FROM;
    sim_peer_listen(&s->honest, 1);
    sim_peer_listen(&s->liar, 1);
    sim_reader_init(&s->first, &s->check, "first", "honest");
    sim_reader_init(&s->second, &s->check, "second", "liar");
}

static void scene_end(struct scene *s) {
    sim_program_end(&s->first.p);
    sim_program_end(&s->second.p);
    sim_peer_end(&s->honest);
    sim_peer_end(&s->liar);
    sim_host_free(&s->first.p.host);
    sim_host_free(&s->second.p.host);
    sim_host_free(&s->honest.host);
    sim_host_free(&s->liar.host);
    sim_author_free(s->author);
    sim_author_free(s->foreign);
    sim_check_free(&s->check);
    sim_world_free(&s->world);
}

static void finds(void **state) {
    const struct row *r = *state;
    struct scene s;
    scene_init(&s, r->lie);
    sim_program_start(&s.first.p);
    assert_int_equal(sim_run_until(&s.world, has_read, &s.first, 10 * SIM_S), 1);
    sim_program_start(&s.second.p);
    int read = sim_run_until(&s.world, has_read, &s.second, 10 * SIM_S);
    if (r->says) {
        assert_true(sim_failed(&s.world));
        assert_non_null(strstr(s.world.failure, "second"));
        assert_non_null(strstr(s.world.failure, r->says));
    } else {
        assert_string_equal(s.world.failure, "");
        assert_int_equal(read, r->lie == SIM_HONEST);
    }
    scene_end(&s);
}

/* What no liar shows here: an acknowledgement of another value, and a fork by count. */
static void contradictions(void **state) {
    struct sim_world w;
    struct sim_check c;
    struct rn_hash a = {{1}}, b = {{2}};
    struct runnel_bytes one = {(const uint8_t *)"1", 1}, two = {(const uint8_t *)"2", 1};
    int64_t t = 5, later = 6;
    (void)state;
    sim_world_init(&w, 1);
    sim_check_init(&c, &w);
    sim_check_root(&c, "x", 7, &a);
    sim_check_root(&c, "y", 8, &b);
    sim_check_root(&c, "y", 7, &a);
    sim_check_acked(&c, "x", 3, &t, one);
    sim_check_saw(&c, "y", 3, &t, one);
    assert_false(sim_failed(&w));
    sim_check_saw(&c, "y", 3, &later, one);
    assert_true(sim_failed(&w));
    w.failure[0] = 0;
    sim_check_saw(&c, "y", 3, &later, two);
    assert_true(sim_failed(&w));
    w.failure[0] = 0;
    sim_check_root(&c, "y", 7, &b);
    assert_non_null(strstr(w.failure, "forked"));
    sim_check_free(&c);
    sim_world_free(&w);
}

int main(void) {
    enum { N = sizeof rows / sizeof rows[0] };
    struct row copies[N];
    struct CMUnitTest tests[N + 1] = {cmocka_unit_test(contradictions)};
    for (size_t i = 0; i < N; i++) {
        copies[i] = rows[i];
        tests[i + 1] = (struct CMUnitTest){.name = rows[i].name, .test_func = finds, .initial_state = &copies[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
