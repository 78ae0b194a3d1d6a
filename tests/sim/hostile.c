/* SPDX-License-Identifier: MIT
 * hostile.c — a peer that hands over what is wrong in just one way: nothing of it is kept, it is named and dropped.
 * May touch: standard output.
 *
 * A subscriber knows two candidates: a liar, and an honest peer that is down at first. The liar lies in
 * the history, or first serves HISTORY observations in order and lies in the live tail. Then the honest
 * one comes up, and the subscriber must get all from it.
 */
#include "tests/sim/subscriber.h"
#include "tests/unit/check.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY 300u
#define ALL 320u
#define EARLY 100u /* where a lie in the history begins */
#define LATE 305u

enum when { IN_HISTORY = 1, IN_TAIL = 2, IN_BOTH = 3 };

struct row {
    const char *name;
    enum sim_lie lie;
    enum sim_spelling spelling; /* of one observation by the author, whose heads cover it properly */
    const char *value;          /* of that observation; NULL: a good one */
    int64_t back;               /* ns by which its time lies before the one before it */
    enum when when;
    const char *says;  /* a part of the log line that names the liar */
    const char *later; /* the same when it lies in the tail; NULL: no other words */
};

static const struct row rows[] = {
    {.name = "never says a word", .lie = SIM_MUTE, .when = IN_HISTORY, .says = "no hello for"},
    {.name = "garbage for a hello", .lie = SIM_GARBAGE, .when = IN_HISTORY, .says = "bytes, want at most 65536"},
    {.name = "a request before the hello", .lie = SIM_EAGER, .when = IN_HISTORY, .says = "want hello first"},
    {.name = "no version in common", .lie = SIM_OLD_VERSION, .when = IN_HISTORY, .says = "no common version"},
    {.name = "a frame over the limit", .lie = SIM_OVERSIZE, .when = IN_HISTORY, .says = "frame: 70000 bytes"},
    {.name = "a frame of no known type", .lie = SIM_NO_TYPE, .when = IN_HISTORY, .says = "unknown type 99"},
    {.name = "answers that are no JSON", .lie = SIM_NO_JSON, .when = IN_HISTORY, .says = "an answer: line 1"},
    {.name = "never answers", .lie = SIM_NO_ANSWER, .when = IN_HISTORY, .says = "not a byte for"},
    {.name = "a foreign author's stream",
     .lie = SIM_OTHER_STREAM,
     .when = IN_HISTORY,
     .says = "descriptor of another stream"},
    {.name = "a foreign author's head", .lie = SIM_OTHER_HEAD, .when = IN_BOTH, .says = "head is of another stream"},
    {.name = "a wrong signature", .lie = SIM_SIGNATURE, .when = IN_BOTH, .says = "its author did not sign it"},
    {.name = "a head signed by somebody else",
     .lie = SIM_SIGNER,
     .when = IN_BOTH,
     .says = "its author did not sign it"},
    {.name = "a root that the data does not have",
     .lie = SIM_ROOT,
     .when = IN_BOTH,
     .says = "do not fold to the root",
     .later = "do not give the root"},
    {.name = "a flipped bit",
     .lie = SIM_BIT,
     .when = IN_BOTH,
     .says = "does not have the hash that the author signed",
     .later = "do not give the root"},
    {.name = "a gap", .lie = SIM_GAP, .when = IN_BOTH, .says = "a gap"},
    {.name = "a run twice", .lie = SIM_TWICE, .when = IN_BOTH, .says = "one came twice"},
    {.name = "a run that ends within an entry", .lie = SIM_CUT_ENTRY, .when = IN_BOTH, .says = "the bytes end within"},
    {.name = "a run whose times run backwards", .lie = SIM_BASE, .when = IN_BOTH, .says = "its base is"},
    {.name = "a run over the end of a block", .lie = SIM_CROSSING, .when = IN_HISTORY, .says = "want no more than"},
    {.name = "data for a follow that is none",
     .lie = SIM_STRANGER,
     .when = IN_BOTH,
     .says = "ended the follow before all was there",
     .later = "a head with 320 observations after 305"},
    {.name = "leaf hashes that do not fold", .lie = SIM_LEAVES, .when = IN_HISTORY, .says = "do not fold to the root"},
    {.name = "a signed block with an overlong delta",
     .spelling = SIM_LONG_DELTA,
     .when = IN_BOTH,
     .says = "time delta: not the shortest LEB128"},
    {.name = "a signed block with an overlong length",
     .spelling = SIM_LONG_LENGTH,
     .when = IN_BOTH,
     .says = "length of the value: not the shortest LEB128"},
    {.name = "a signed time past the end of time",
     .spelling = SIM_PAST_THE_END,
     .when = IN_BOTH,
     .says = "its time is past"},
    {.name = "a signed time that runs backwards", .back = SIM_S, .when = IN_BOTH, .says = "its time is past"},
    {.name = "a signed value that is no JSON", .value = "{\"x\":}", .when = IN_BOTH, .says = "found '}', want a value"},
    {.name = "a signed value with white space", .value = "{\"x\": 1}", .when = IN_BOTH, .says = "found white space"},
    {.name = "a signed value that is no UTF-8",
     .value = "\"\xc3\x28\"",
     .when = IN_BOTH,
     .says = "bytes that are not UTF-8"},
    {.name = "a signed value that is empty",
     .value = "",
     .when = IN_BOTH,
     .says = "the length of the value is not 1 to"},
};

struct scene {
    struct sim_world world;
    struct sim_author *good, *bad, *foreign;
    struct sim_peer liar, honest;
    struct subscriber sub;
};

/* The stream's observations, with one of them wrong: the same key and descriptor either way. */
static struct sim_author *author(struct scene *s, const char *name, const struct row *r, uint64_t wrong) {
    struct sim_author *a = sim_author_new(&s->world, name, "s");
    char value[64];
    for (uint64_t i = 0; i < ALL; i++) {
        int it = r && i == wrong;
        (void)snprintf(value, sizeof value, "{\"n\":%" PRIu64 "}", i);
        sim_author_add(a, SIM_WALL + (int64_t)i * SIM_MS - (it ? r->back : 0), it && r->value ? r->value : value,
                       it ? r->spelling : SIM_PROPER);
    }
    return a;
}

static void scene_init(struct scene *s, const struct row *r, uint64_t wrong) {
    memset(s, 0, sizeof *s);
    sim_world_init(&s->world, 1);
    s->good = author(s, "author", NULL, 0);
    s->bad = author(s, "author", r, wrong);
    s->foreign = author(s, "foreigner", NULL, 0);
    sim_peer_init(&s->liar, &s->world, "liar", s->bad, SIM_HONEST);
    sim_peer_init(&s->honest, &s->world, "honest", s->good, SIM_HONEST);
    s->liar.foreign = s->foreign;
    sim_peer_listen(&s->liar, 1);
    subscriber_start(&s->sub, &s->world, &s->liar, &s->honest, s->good);
}

/* Ends the scene; a failure is told with the subscriber's log. */
static int scene_end(struct scene *s, const char *name) {
    int failed = subscriber_end(&s->sub, name);
    sim_author_free(s->good);
    sim_author_free(s->bad);
    sim_author_free(s->foreign);
    sim_world_free(&s->world);
    return failed;
}

static uint64_t held(const struct scene *s) {
    struct rn_holding h;
    if (!s->sub.node->node || rn_node_holding(s->sub.node->node, &s->good->descriptor->id, &h) != 0)
        return 0;
    return h.count;
}

static int holds_history(void *arg) {
    return held(arg) == HISTORY;
}

static int has_dropped(void *arg) {
    const struct scene *s = arg;
    return s->liar.n_lies > 0 && s->liar.n_lost > 0;
}

static int holds_all(void *arg) {
    const struct scene *s = arg;
    struct rn_holding h;
    struct rn_hash want = sim_author_root(s->good, ALL);
    return rn_node_holding(s->sub.node->node, &s->good->descriptor->id, &h) == 0 && h.count == ALL &&
           h.head_count == ALL && h.live && rn_hash_equal(&h.root, &want);
}

static void must(struct scene *s, sim_predicate *holds, int64_t ns, const char *what) {
    if (!sim_run_until(&s->world, holds, s, ns))
        sim_fail(&s->world, "%s did not come about", what);
}

static void must_hold(struct scene *s, uint64_t count) {
    if (held(s) != count)
        sim_fail(&s->world, "the subscriber holds %" PRIu64 " observations, want %" PRIu64, held(s), count);
}

static void must_say(struct scene *s, const char *says) {
    const char *const words[] = {"sim://liar", says, NULL};
    if (!sim_node_said(s->sub.node, words))
        sim_fail(&s->world, "no log line names sim://liar and says \"%s\"", says);
}

/* In the end the honest peer gives what the liar did not. */
static void must_recover(struct scene *s) {
    sim_peer_listen(&s->honest, 1);
    must(s, holds_all, 60 * SIM_S, "getting all from the honest peer");
}

/* Begins to lie; an author's wrong observation needs no lie of the peer: it counts as told when it is sent. */
static void begin_lie(struct scene *s, const struct row *r, uint64_t from) {
    s->liar.lie = r->lie;
    s->liar.from = from;
    if (r->lie == SIM_HONEST)
        s->liar.n_lies = 1;
}

static int lie_in_history(const struct row *r) {
    struct scene s;
    scene_init(&s, r, EARLY);
    begin_lie(&s, r, r->lie == SIM_HONEST || r->lie < SIM_BIT ? 0 : EARLY);
    must(&s, has_dropped, 30 * SIM_S, "dropping the liar");
    sim_run(&s.world, 5 * SIM_S); /* nothing of it comes late, either */
    must_hold(&s, 0);
    must_say(&s, r->says);
    must_recover(&s);
    return scene_end(&s, r->name);
}

static int lie_in_tail(const struct row *r) {
    struct scene s;
    scene_init(&s, r, LATE);
    sim_peer_serve(&s.liar, HISTORY);
    must(&s, holds_history, 30 * SIM_S, "getting the history from the liar");
    if (s.liar.n_lost > 0)
        sim_fail(&s.world, "the liar was dropped before it lied");
    begin_lie(&s, r, r->lie == SIM_HONEST || r->lie < SIM_BIT ? HISTORY : LATE);
    sim_peer_serve(&s.liar, ALL);
    must(&s, has_dropped, 30 * SIM_S, "dropping the liar");
    sim_run(&s.world, 5 * SIM_S);
    must_hold(&s, HISTORY);
    must_say(&s, r->later ? r->later : r->says);
    must_recover(&s);
    return scene_end(&s, r->name);
}

static void a_lie(void **state) {
    const struct row *r = *state;
    if (r->when & IN_HISTORY)
        assert_int_equal(lie_in_history(r), 0);
    if (r->when & IN_TAIL)
        assert_int_equal(lie_in_tail(r), 0);
}

/* Whoever served the history now has less: an old head, in order in itself, replaces nothing. */
static void a_shorter_head(void **state) {
    struct scene s;
    (void)state;
    scene_init(&s, NULL, 0);
    sim_peer_serve(&s.liar, HISTORY);
    must(&s, holds_history, 30 * SIM_S, "getting the history");
    sim_talk_close(&s.liar.talk);
    sim_peer_serve(&s.liar, EARLY);
    sim_run(&s.world, 10 * SIM_S);
    if (s.liar.n_sessions < 2)
        sim_fail(&s.world, "the peer with the shorter head was not even asked");
    must_hold(&s, HISTORY);
    must_recover(&s);
    assert_int_equal(scene_end(&s, "a shorter head"), 0);
}

/* Observations for which no head comes are not kept, and who holds it back is let go after a while. */
static void a_tail_without_head(void **state) {
    static const struct row lie = {.lie = SIM_NO_HEAD};
    struct scene s;
    (void)state;
    scene_init(&s, NULL, 0);
    sim_peer_serve(&s.liar, HISTORY);
    must(&s, holds_history, 30 * SIM_S, "getting the history");
    begin_lie(&s, &lie, HISTORY);
    sim_peer_serve(&s.liar, ALL);
    sim_run(&s.world, 10 * SIM_S);
    if (s.liar.n_lies == 0)
        sim_fail(&s.world, "the peer did not even hold its head back");
    must_hold(&s, HISTORY);
    must_recover(&s);
    assert_int_equal(scene_end(&s, "a tail without head"), 0);
}

/* A second history under the author's own signature: what is held stays. */
static void a_fork(void **state) {
    static const struct row other = {.value = "\"another history\""};
    struct scene s;
    (void)state;
    scene_init(&s, &other, EARLY);
    s.liar.author = s.good;
    sim_peer_serve(&s.liar, HISTORY);
    must(&s, holds_history, 30 * SIM_S, "getting the history");
    sim_talk_close(&s.liar.talk);
    s.liar.author = s.bad;
    sim_peer_serve(&s.liar, ALL);
    sim_run(&s.world, 10 * SIM_S);
    must_hold(&s, HISTORY);
    must_say(&s, "do not give the root");
    assert_int_equal(scene_end(&s, "a fork"), 0);
}

/* The scene itself: with nobody lying there is nothing to drop, and all is got from the first. */
static void no_lie(void **state) {
    struct scene s;
    (void)state;
    scene_init(&s, NULL, 0);
    must(&s, holds_all, 30 * SIM_S, "getting all from an honest peer");
    sim_run(&s.world, 20 * SIM_S);
    if (s.liar.n_lost != 0 || s.honest.n_sessions != 0)
        sim_fail(&s.world, "an honest peer was dropped");
    assert_int_equal(scene_end(&s, "no lie"), 0);
}

int main(void) {
    enum { N_ROWS = sizeof rows / sizeof rows[0] };
    struct CMUnitTest tests[N_ROWS + 4] = {cmocka_unit_test(no_lie), cmocka_unit_test(a_shorter_head),
                                           cmocka_unit_test(a_tail_without_head), cmocka_unit_test(a_fork)};
    struct row copies[N_ROWS];
    memcpy(copies, rows, sizeof rows);
    for (size_t i = 0; i < N_ROWS; i++)
        tests[4 + i] = (struct CMUnitTest){.name = copies[i].name, .test_func = a_lie, .initial_state = &copies[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
