/* SPDX-License-Identifier: MIT
 * client-placing.c — tests: a publish that may still arrive from a lost session gets no other place.
 * May touch: unix sockets in a temporary folder.
 *
 * All begin alike. Publish 0 stands at #0. Two more are sent to the places behind it and the session is lost
 * before the node reads them: they may arrive later (model_late). In the next session the first of them is
 * refused, so that the other one's place is not reached: it is not there, and may still come. What matters
 * is what happens then, between its refusal and the next thing that the client does with it.
 */
#include "tests/unit/check.h"
#include "tests/unit/model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOREVER 20000
#define MOST 8

struct life {
    struct model m;
    int asked, answered;
    int code[MOST]; /* -1: not answered */
    uint64_t seq[MOST];
    void (*refused)(struct life *l); /* called when publish 1 is, before the client does anything else */
};

struct one {
    struct life *l;
    int i;
};

static void on_made(void *arg, const struct runnel_published *made, const struct runnel_err *err) {
    struct one *o = arg;
    struct life *l = o->l;
    assert_int_equal(l->code[o->i], -1);
    l->code[o->i] = err ? err->code : 0;
    l->seq[o->i] = made ? made->seq : 0;
    l->answered++;
    if (o->i == 1 && l->refused)
        l->refused(l);
    free(o);
}

/* Publish number i: `n` times the value i. */
static void put_at(struct life *l, uint64_t seq, size_t n) {
    struct runnel_observation o[4];
    struct runnel_id id;
    char text[16];
    struct one *arg = malloc(sizeof *arg);
    assert_non_null(arg);
    *arg = (struct one){l, l->asked};
    (void)snprintf(text, sizeof text, "%d", l->asked);
    for (size_t k = 0; k < n; k++)
        o[k] = (struct runnel_observation){.time = RUNNEL_NOW, .value = {(const uint8_t *)text, strlen(text)}};
    l->code[l->asked++] = -1;
    assert_int_equal(runnel_id_parse(MODEL_ID, &id), 0);
    assert_int_equal(runnel_publish(l->m.p.client, &id, seq, o, n, on_made, arg, NULL), 0);
}

static void settle(struct life *l) {
    for (int i = 0; l->answered < l->asked; i++) {
        assert_true(i < FOREVER);
        assert_int_equal(l->m.p.closed, 0);
        model_turn(&l->m);
    }
}

/* Until publish 1, of `n` observations, is refused in the second session; what is told below follows. */
static void begin(struct life *l, size_t n, void (*refused)(struct life *)) {
    memset(l, 0, sizeof *l);
    model_open(&l->m);
    model_client(&l->m, NULL);
    put_at(l, RUNNEL_ANY, 1);
    settle(l);
    l->m.frames_left = 0;
    put_at(l, RUNNEL_ANY, n);
    put_at(l, RUNNEL_ANY, 1);
    for (int i = 0; l->m.p.fd >= 0; i++) {
        assert_true(i < FOREVER);
        model_turn(&l->m);
    }
    assert_true(l->m.late.n > 0);
    l->m.frames_left = SIZE_MAX;
    l->m.full = 1;
    l->refused = refused;
    for (int i = 0; l->code[1] < 0; i++) {
        assert_true(i < FOREVER);
        model_turn(&l->m);
    }
    assert_int_equal(l->code[1], RUNNEL_ECLOSED); /* not known: it may come late as well */
}

static void end(struct life *l) {
    model_close(&l->m);
    assert_int_equal(l->answered, l->asked);
}

/* ---- another one's observation takes the stream to its place, and it arrives ---- */

static void another_and_the_late_one(struct life *l) {
    model_add(&l->m, "\"x\"");
    model_late(&l->m);
    assert_int_equal(model_holds(&l->m, "2"), 1);
}

static void it_arrives_after_all(void **state) {
    struct life l;
    (void)state;
    begin(&l, 1, another_and_the_late_one);
    settle(&l);
    assert_int_equal(l.code[2], 0);
    assert_int_equal(l.seq[2], 2);
    assert_int_equal(model_holds(&l.m, "2"), 1); /* and not once more behind it */
    assert_int_equal(l.m.n, 3);
    end(&l);
}

/* ---- others take its place: it cannot arrive any more, and gets another ---- */

static void two_others(struct life *l) {
    model_add(&l->m, "\"x\"");
    model_add(&l->m, "\"y\"");
}

static void its_place_is_taken(void **state) {
    struct life l;
    (void)state;
    begin(&l, 1, two_others);
    settle(&l);
    assert_int_equal(l.code[2], 0);
    assert_int_equal(l.seq[2], 3);
    model_late(&l.m);
    assert_int_equal(model_holds(&l.m, "2"), 1);
    end(&l);
}

static void two_others_and_no_room(struct life *l) {
    two_others(l);
    l->m.full = 1;
}

/* At the new place it was never before: what the node says of it there is known. */
static void its_new_place_is_refused(void **state) {
    struct life l;
    (void)state;
    begin(&l, 1, two_others_and_no_room);
    settle(&l);
    assert_int_equal(l.code[2], RUNNEL_EFULL);
    model_late(&l.m);
    assert_int_equal(model_holds(&l.m, "2"), 0);
    end(&l);
}

/* ---- the session is lost again, after any number of further frames ---- */

static void cut_again(void **state) {
    (void)state;
    for (int late = 0; late < 2; late++)
        for (size_t frames = 0; frames < 6; frames++) {
            struct life l;
            begin(&l, 1, late ? another_and_the_late_one : two_others);
            l.m.frames_left = frames;
            for (int i = 0; i < 12; i++)
                model_turn(&l.m);
            l.m.frames_left = SIZE_MAX;
            model_late(&l.m);
            settle(&l);
            model_late(&l.m);
            assert_int_equal(l.code[2], 0);
            assert_int_equal(model_holds(&l.m, "2"), 1);
            assert_string_equal(l.m.v[l.seq[2]].text, "2");
            end(&l);
        }
}

/* ---- a place that one of ours was only to reach is not reached ---- */

static void one_more(struct life *l) {
    put_at(l, RUNNEL_ANY, 1);
}

/* Publish 3 goes behind #0; a publish of the program's own to #10 is under way, and is refused: the places before
 * it are not proven. */
static void what_is_under_way_proves_nothing(void **state) {
    struct life l;
    (void)state;
    begin(&l, 4, one_more); /* publish 2 was to be #5 */
    for (int i = 0; l.m.n < 2; i++) {
        assert_true(i < FOREVER);
        model_turn(&l.m);
    }
    put_at(&l, 10, 1);
    settle(&l);
    assert_int_equal(l.code[3], 0);
    assert_int_equal(l.seq[3], 1);
    assert_int_equal(l.code[4], RUNNEL_ECONFLICT);
    while (l.m.n < 5)
        model_add(&l.m, "\"x\"");
    model_late(&l.m);
    assert_int_equal(model_holds(&l.m, "2"), 1);
    assert_int_equal(l.code[2], RUNNEL_ECLOSED);
    end(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_arrives_after_all),
        cmocka_unit_test(its_place_is_taken),
        cmocka_unit_test(its_new_place_is_refused),
        cmocka_unit_test(cut_again),
        cmocka_unit_test(what_is_under_way_proves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
