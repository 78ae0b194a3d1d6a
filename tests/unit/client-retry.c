/* SPDX-License-Identifier: MIT
 * client-retry.c — tests: sessions cut at every byte and frame; nothing is lost, doubled or reordered.
 * May touch: unix sockets in a temporary folder.
 */
#include "client/backoff.h"
#include "tests/unit/check.h"
#include "tests/unit/model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FOREVER 20000 /* turns until something must have happened; most take under a ms */

static struct runnel_id stream_id(void) {
    struct runnel_id id;
    assert_int_equal(runnel_id_parse(MODEL_ID, &id), 0);
    return id;
}

/* ---- what a program sees ---- */

#define MOST 64

struct program {
    struct model m;
    /* publishes */
    int asked, answered;
    int code[MOST]; /* -1: not answered */
    uint64_t seq[MOST];
    size_t size[MOST]; /* observations in each */
    /* the follow */
    struct runnel_follow *follow;
    uint64_t next;
    int started, ended, end_code, lives, losses;
};

struct one {
    struct program *p;
    int i;
};

static void on_made(void *arg, const struct runnel_published *made, const struct runnel_err *err) {
    struct one *o = arg;
    assert_int_equal(o->p->code[o->i], -1); /* once */
    o->p->code[o->i] = err ? err->code : 0;
    if (made) {
        o->p->seq[o->i] = made->seq;
        assert_int_equal(made->count, o->p->size[o->i]);
    }
    o->p->answered++;
    free(o);
}

static void value_of(char text[16], int i, size_t k) {
    (void)snprintf(text, 16, "%d", i * 10 + (int)k);
}

/* Publish number i: `n` values that nothing else has. */
static void put_at(struct program *p, uint64_t seq, size_t n, int64_t time) {
    struct runnel_id id = stream_id();
    struct runnel_observation o[4];
    char text[4][16];
    struct one *arg = malloc(sizeof *arg);
    assert_non_null(arg);
    *arg = (struct one){p, p->asked};
    for (size_t k = 0; k < n; k++) {
        value_of(text[k], p->asked, k);
        o[k] = (struct runnel_observation){.time = time, .value = {(const uint8_t *)text[k], strlen(text[k])}};
    }
    p->code[p->asked] = -1;
    p->size[p->asked] = n;
    assert_int_equal(runnel_publish(p->m.p.client, &id, seq, o, n, on_made, arg, NULL), 0);
    p->asked++;
}

static void put(struct program *p, size_t n) {
    put_at(p, RUNNEL_ANY, n, RUNNEL_NOW);
}

static void on_started(void *arg, const struct runnel_started *s) {
    struct program *p = arg;
    assert_int_equal(p->started++, 0);
    p->next = s->from;
}

static void on_observations(void *arg, const struct runnel_observation *o, size_t n) {
    struct program *p = arg;
    for (size_t i = 0; i < n; i++) {
        const struct model_value *v = &p->m.v[p->next];
        assert_int_equal(o[i].seq, p->next);
        assert_int_equal(o[i].time, v->time);
        assert_int_equal(o[i].value.n, strlen(v->text));
        assert_memory_equal(o[i].value.p, v->text, o[i].value.n);
        p->next++;
    }
}

static void on_live(void *arg, int live, uint64_t next) {
    struct program *p = arg;
    assert_int_equal(next, p->next);
    p->lives += live;
    p->losses += !live;
}

static void on_end(void *arg, uint64_t next, const struct runnel_err *err) {
    struct program *p = arg;
    assert_int_equal(p->ended++, 0);
    p->end_code = err ? err->code : 0;
    p->next = next;
    p->follow = NULL;
}

static void follow(struct program *p, const struct runnel_follow_options *o) {
    static const struct runnel_follow_calls calls = {
        .size = sizeof calls, .started = on_started, .observations = on_observations, .state = on_live, .end = on_end};
    assert_int_equal(runnel_follow(p->m.p.client, MODEL_ID, o, &calls, p, &p->follow, NULL), 0);
}

static void open_program(struct program *p, const struct runnel_client_options *options) {
    memset(p, 0, sizeof *p);
    model_open(&p->m);
    model_client(&p->m, options);
}

static void close_program(struct program *p) {
    model_close(&p->m);
    assert_int_equal(p->answered, p->asked);
}

/* Until all is answered and the follow has what there is. */
static void settle(struct program *p) {
    for (int i = 0; p->answered < p->asked || (p->follow && p->next < p->m.n); i++) {
        assert_true(i < FOREVER);
        assert_int_equal(p->m.p.closed, 0);
        model_turn(&p->m);
    }
}

static void turns(struct program *p, int n) {
    for (int i = 0; i < n; i++)
        model_turn(&p->m);
}

/* Each publish is there as often as its answer says, whole and where it says. */
static void check_publishes(const struct program *p) {
    for (int i = 0; i < p->asked; i++) {
        size_t times = 0;
        for (size_t k = 0; k < p->size[i]; k++) {
            char text[16];
            value_of(text, i, k);
            times = model_holds(&p->m, text);
            assert_true(times <= 1);
            if (p->code[i] == 0) {
                assert_int_equal(times, 1);
                assert_string_equal(p->m.v[p->seq[i] + k].text, text);
            } else if (p->code[i] != RUNNEL_ECLOSED) {
                assert_int_equal(times, 0);
            }
        }
    }
}

static void check_order(const struct program *p) {
    for (int i = 1; i < p->asked; i++)
        assert_true(p->seq[i] == p->seq[i - 1] + p->size[i - 1]);
}

/* ---- every cut of a conversation ---- */

/* A history of two blocks, a follow of it and publishes of all kinds. 1 when the cut came in time. */
static int conversation(size_t bytes, size_t frames, int late, size_t *bytes_all, size_t *frames_all) {
    struct runnel_client_options wait = {.size = sizeof wait, .flags = RUNNEL_CLIENT_WAIT};
    struct program p;
    open_program(&p, &wait);
    for (int i = 0; i < 260; i++)
        model_add(&p.m, "\"x\"");
    p.m.bytes_left = bytes;
    p.m.frames_left = frames;
    follow(&p, &(struct runnel_follow_options){
                   .size = sizeof(struct runnel_follow_options), .from = RUNNEL_FROM_SEQ, .from_seq = 250});
    put_at(&p, 260, 1, 5000);
    put(&p, 1);
    put_at(&p, RUNNEL_ANY, 3, 1000000);
    put(&p, 2);
    turns(&p, 12);
    put(&p, 1);
    turns(&p, 8);
    int cut = p.m.sessions != 1 || p.m.p.fd < 0;
    p.m.bytes_left = p.m.frames_left = SIZE_MAX;
    if (late) {
        for (int i = 0; i < FOREVER && cut && p.m.p.connected < 2 && p.answered < p.asked; i++)
            model_turn(&p.m);
        model_late(&p.m);
    }
    settle(&p);
    model_late(&p.m);
    assert_int_equal(p.m.n, 260 + 8);
    check_publishes(&p);
    check_order(&p);
    for (int i = 0; i < p.asked; i++)
        assert_int_equal(p.code[i], 0);
    assert_int_equal(p.next, p.m.n);
    assert_int_equal(p.started, 1);
    *bytes_all = p.m.bytes_sent;
    *frames_all = p.m.frames_read;
    close_program(&p);
    return cut;
}

static void cut_after_every_byte_of_the_node(void **state) {
    size_t bytes, frames, k = 1;
    (void)state;
    assert_int_equal(conversation(SIZE_MAX, SIZE_MAX, 0, &bytes, &frames), 0);
    assert_true(bytes > 400);
    while (conversation(k, SIZE_MAX, 0, &bytes, &frames))
        k++;
    assert_true(k > 400);
}

static void cut_before_every_frame_of_the_client(void **state) {
    size_t bytes, frames;
    (void)state;
    for (int late = 0; late < 2; late++) {
        size_t k = 0;
        while (conversation(SIZE_MAX, k, late, &bytes, &frames))
            k++;
        assert_true(k >= 8);
    }
}

/* ---- many cuts, other publishers, refusals, latecomers ---- */

static void a_random_life(uint64_t seed, int others, int refusals) {
    struct program p;
    char text[16];
    uint64_t r = seed;
    open_program(&p, NULL);
    turns(&p, 4);
    assert_int_equal(p.m.p.connected, 1);
    follow(&p, NULL);
    for (int cuts = 0; cuts < 12 || p.asked < MOST - 4;) {
        size_t what = check_below(&r, 12);
        if (what < 4 && p.asked < MOST - 4)
            put(&p, 1 + check_below(&r, 3));
        else if (what == 4 && others) {
            (void)snprintf(text, sizeof text, "\"%u\"", (unsigned)check_below(&r, 1000));
            model_add(&p.m, text);
        } else if (what == 5 && refusals)
            p.m.full = (int)check_below(&r, 3);
        else if (what == 6 && p.m.p.fd >= 0) {
            p.m.frames_left = check_below(&r, 6);
            cuts++;
        } else if (what == 7 && p.m.p.fd >= 0) {
            p.m.bytes_left = 1 + check_below(&r, 400);
            cuts++;
        } else if (what == 8)
            model_late(&p.m);
        else
            turns(&p, (int)check_below(&r, 4));
        if (p.m.p.fd < 0 && check_below(&r, 2))
            p.m.frames_left = p.m.bytes_left = SIZE_MAX;
    }
    p.m.frames_left = p.m.bytes_left = SIZE_MAX;
    p.m.full = 0;
    settle(&p);
    model_late(&p.m);
    check_publishes(&p);
    if (!others && !refusals)
        check_order(&p);
    int good = 0;
    for (int i = 0; i < p.asked; i++) {
        good += p.code[i] == 0;
        assert_true(p.code[i] == 0 || p.code[i] == RUNNEL_EFULL || (refusals && p.code[i] == RUNNEL_ECLOSED));
    }
    assert_true(refusals || good == p.asked);
    assert_int_equal(p.started, 1);
    close_program(&p);
}

static void random_lives(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 120; seed++)
        a_random_life(seed, (int)(seed & 1), (int)(seed >> 1 & 1));
}

/* ---- one at a time ---- */

static void a_stopping_node_is_waited_for(void **state) {
    struct program p;
    (void)state;
    open_program(&p, NULL);
    put(&p, 1);
    settle(&p);
    p.m.stopping = 1;
    put(&p, 1);
    put_at(&p, 2, 1, 9000);
    turns(&p, 20);
    assert_int_equal(p.answered, 1);
    p.m.stopping = 0;
    model_cut(&p.m);
    settle(&p);
    assert_int_equal(p.code[1], 0);
    assert_int_equal(p.code[2], 0);
    check_order(&p);
    close_program(&p);
}

/* An equal value of somebody else at the very place, put there before ours was sent: both are there. */
static void an_equal_value_of_another_is_not_ours(void **state) {
    struct program p;
    (void)state;
    open_program(&p, NULL);
    put(&p, 1);
    settle(&p);
    model_add(&p.m, "10"); /* what publish 1 is going to bring */
    put(&p, 1);
    settle(&p);
    assert_int_equal(model_holds(&p.m, "10"), 2);
    assert_int_equal(p.seq[1], 2);
    close_program(&p);
}

static void a_publish_whose_place_is_not_known_fails(void **state) {
    struct program p;
    (void)state;
    open_program(&p, NULL);
    put(&p, 1);
    settle(&p);
    p.m.frames_left = 0; /* the next two are read by nobody, for now */
    put(&p, 1);
    put(&p, 1);
    while (p.m.p.fd >= 0)
        model_turn(&p.m);
    assert_true(p.m.late.n > 0);
    p.m.frames_left = SIZE_MAX;
    p.m.full = 1; /* and the first is refused when it comes again */
    settle(&p);
    assert_int_equal(p.code[1], RUNNEL_ECLOSED);
    assert_int_equal(p.code[2], RUNNEL_ECLOSED);
    put(&p, 1);
    settle(&p);
    assert_int_equal(p.code[3], 0);
    assert_int_equal(model_holds(&p.m, "20"), 0);
    model_late(&p.m); /* it is why: the second arrives after all */
    assert_int_equal(model_holds(&p.m, "20"), 1);
    assert_int_equal(p.m.n, 3);
    close_program(&p);
}

static void a_publish_to_an_unknown_stream_fails(void **state) {
    struct peer p;
    struct program q = {.code = {-1, -1}};
    (void)state;
    peer_start_staying(&p, NULL);
    q.m.p = p;
    put(&q, 1);
    uint64_t id = peer_request(&p, "{\"method\":\"head\",\"stream\":\"" MODEL_ID "\"}");
    put(&q, 1);
    assert_true(peer_quiet(&p)); /* asked once */
    peer_json(&p, RN_FRAME_ERROR, id, "{\"code\":\"not-found\",\"message\":\"no such stream\"}");
    peer_until(&p, &q.answered);
    assert_int_equal(q.answered, 2);
    assert_int_equal(q.code[0], RUNNEL_ENOTFOUND);
    assert_int_equal(q.code[1], RUNNEL_ENOTFOUND);
    peer_close(&p);
}

/* ---- requests ---- */

struct told {
    int n, code;
    char text[512];
};

static void on_data(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct told *t = arg;
    (void)data;
    t->n++;
    t->code = err ? err->code : 0;
    (void)snprintf(t->text, sizeof t->text, "%s", err ? err->msg : "");
}

static void requests_are_repeated_when_that_is_safe(void **state) {
    struct program p;
    struct told safe = {0}, odd = {0}, unsent = {0};
    (void)state;
    open_program(&p, NULL);
    turns(&p, 4);
    assert_int_equal(p.m.p.connected, 1);
    p.m.frames_left = 2;
    p.m.bytes_left = 1; /* both are done, neither is answered */
    assert_int_equal(runnel_client_request(p.m.p.client, "status", NULL, on_data, &safe, NULL), 0);
    assert_int_equal(runnel_client_request(p.m.p.client, "odd", NULL, on_data, &odd, NULL), 0);
    for (int i = 0; i < FOREVER && !p.m.p.lost; i++)
        model_turn(&p.m);
    assert_int_equal(p.m.odd, 1);
    assert_int_equal(odd.n, 1);
    assert_int_equal(odd.code, RUNNEL_ECLOSED);
    assert_non_null(strstr(odd.text, "not known"));
    assert_int_equal(runnel_client_request(p.m.p.client, "odd", NULL, on_data, &unsent, NULL), 0);
    p.m.frames_left = p.m.bytes_left = SIZE_MAX;
    for (int i = 0; i < FOREVER && safe.n + unsent.n < 2; i++)
        model_turn(&p.m);
    assert_int_equal(safe.n, 1);
    assert_int_equal(safe.code, 0);
    assert_int_equal(unsent.code, 0);
    assert_int_equal(p.m.odd, 2);
    assert_int_equal(runnel_client_open(p.m.p.client), 0);
    assert_int_equal(runnel_client_queued(p.m.p.client), 0);
    close_program(&p);
}

static void what_waits_is_bounded(void **state) {
    struct peer p;
    struct told t = {0};
    struct runnel_client_options o = {
        .size = sizeof o, .queue_limit = 500, .retry_least = INT64_C(1000000000000), .retry_most = 1};
    int n = 0;
    (void)state;
    peer_start_staying(&p, &o);
    peer_hang_up(&p);
    peer_until(&p, &p.lost);
    int64_t wait = runnel_client_retry(p.client);
    assert_true(wait > INT64_C(400000000000) && wait <= INT64_C(1000000000000));
    int r;
    while ((r = runnel_client_request(p.client, "ping", NULL, on_data, &t, NULL)) == 0)
        n++;
    assert_int_equal(r, -RUNNEL_EBUSY);
    assert_true(n > 5 && n < 20);
    assert_true(runnel_client_queued(p.client) >= 500);
    assert_int_equal(runnel_client_open(p.client), n);
    peer_close(&p);
    assert_int_equal(t.n, n);
    assert_int_equal(t.code, RUNNEL_ECLOSED);
}

/* ---- follows ---- */

static void follows_keep_their_meaning(void **state) {
    static const struct {
        struct runnel_follow_options o;
        const char *first, *again;
    } cases[] = {
        {{.size = sizeof cases[0].o}, "", "\"from\":3"},
        {{.size = sizeof cases[0].o, .from = RUNNEL_FROM_NOW}, "\"now\":true", "\"from\":3"},
        {{.size = sizeof cases[0].o,
          .from = RUNNEL_FROM_TIME,
          .from_time = 0,
          .until = RUNNEL_UNTIL_SEQ,
          .until_seq = 9},
         "\"from_time\":\"0\",\"until\":9",
         "\"from\":3,\"until\":9"},
        {{.size = sizeof cases[0].o, .until = RUNNEL_UNTIL_TIME, .until_time = 9, .flags = RUNNEL_FOLLOW_HEADS},
         "\"until_time\":\"9\",\"heads\":true",
         "\"from\":3,\"until_time\":\"9\",\"heads\":true"},
    };
    static const char id[] = "00112233-4455-8677-8899-aabbccddeeff";
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const struct runnel_follow_calls calls = {.size = sizeof calls, .end = on_end, .state = on_live};
        struct program q = {.next = 3};
        struct peer p;
        char json[300];
        peer_start_staying(&p, NULL);
        assert_int_equal(runnel_follow(p.client, "a/b/c/d", &cases[i].o, &calls, &q, NULL, NULL), 0);
        (void)snprintf(json, sizeof json, "{\"method\":\"follow\",\"stream\":\"a/b/c/d\",\"credit\":1048576%s%s}",
                       *cases[i].first ? "," : "", cases[i].first);
        uint64_t f = peer_request(&p, json);
        peer_again(&p); /* before it was answered: the same again */
        f = peer_request(&p, json);
        (void)snprintf(json, sizeof json, "{\"stream\":\"%s\",\"from\":0,\"count\":5,\"live\":true}", id);
        peer_json(&p, RN_FRAME_ANSWER, f, json);
        peer_data(&p, f, 0, 3);
        peer_json(&p, RN_FRAME_STATE, f, "{\"live\":true,\"next\":3}");
        peer_until(&p, &q.lives);
        peer_again(&p);
        assert_int_equal(q.losses, 1); /* told once */
        (void)snprintf(json, sizeof json, "{\"method\":\"follow\",\"stream\":\"%s\",\"credit\":1048576,%s}", id,
                       cases[i].again);
        f = peer_request(&p, json);
        (void)snprintf(json, sizeof json, "{\"stream\":\"%s\",\"from\":%d,\"count\":5,\"live\":true}", id,
                       i % 2 ? 4 : 3);
        peer_json(&p, RN_FRAME_ANSWER, f, json);
        if (i % 2) { /* a node that goes on elsewhere is not believed */
            peer_until(&p, &p.closed);
            assert_int_equal(p.closed, RUNNEL_EDAMAGED);
            assert_int_equal(q.end_code, RUNNEL_EDAMAGED);
        } else {
            peer_json(&p, RN_FRAME_STATE, f, "{\"end\":\"done\",\"next\":3}");
            peer_until(&p, &q.ended);
            assert_int_equal(q.end_code, 0);
        }
        peer_close(&p);
    }
}

/* It ends with what was held when it began, whatever is held when it goes on. */
static void a_history_ends_where_it_was_to(void **state) {
    struct program p;
    (void)state;
    open_program(&p, NULL);
    for (int i = 0; i < 700; i++)
        model_add(&p.m, "1");
    p.m.bytes_left = 1500;
    follow(&p,
           &(struct runnel_follow_options){.size = sizeof(struct runnel_follow_options), .flags = RUNNEL_FOLLOW_HELD});
    for (int i = 0; i < FOREVER && !p.m.p.lost; i++)
        model_turn(&p.m);
    assert_true(p.started && p.next > 0 && p.next < 700);
    for (int i = 0; i < 50; i++)
        model_add(&p.m, "2");
    p.m.bytes_left = SIZE_MAX;
    for (int i = 0; i < FOREVER && !p.ended; i++)
        model_turn(&p.m);
    assert_int_equal(p.ended, 1);
    assert_int_equal(p.end_code, 0);
    assert_int_equal(p.next, 700);
    close_program(&p);
}

static void paused_follows_stay_paused(void **state) {
    struct program q = {0};
    static const struct runnel_follow_calls calls = {.size = sizeof calls, .end = on_end};
    struct peer p;
    struct runnel_follow *f = NULL;
    (void)state;
    peer_start_staying(&p, NULL);
    assert_int_equal(runnel_follow(p.client, "a/b/c/d", NULL, &calls, &q, &f, NULL), 0);
    (void)peer_request(&p, "{\"method\":\"follow\",\"stream\":\"a/b/c/d\",\"credit\":1048576}");
    runnel_follow_pause(f);
    peer_again(&p);
    uint64_t id = peer_request(&p, "{\"method\":\"follow\",\"stream\":\"a/b/c/d\",\"credit\":0}");
    runnel_follow_resume(f); /* before the answer: the credit comes after it */
    peer_json(&p, RN_FRAME_ANSWER, id,
              "{\"stream\":\"00112233-4455-8677-8899-aabbccddeeff\",\"from\":0,\"count\":5,\"live\":true}");
    struct rn_frame frame = peer_frame(&p);
    assert_int_equal(frame.type, RN_FRAME_CREDIT);
    assert_int_equal(frame.count, 1048576);
    peer_hang_up(&p);
    peer_until(&p, &p.lost);
    runnel_unfollow(f); /* without a session */
    peer_again(&p);
    assert_true(peer_quiet(&p));
    peer_close(&p);
    assert_int_equal(q.ended, 0);
}

/* ---- freeing and leaving when told that the session is lost ---- */

struct deed {
    struct runnel_client *client;
    struct runnel_follow *follow;
    int free_it, told;
};

static void leave_when_lost(void *arg, int live, uint64_t next) {
    struct deed *d = arg;
    (void)next;
    if (live)
        return;
    d->told++;
    if (d->free_it)
        runnel_client_free(d->client);
    else
        runnel_unfollow(d->follow);
}

static void end_quietly(void *arg, uint64_t next, const struct runnel_err *err) {
    (void)arg, (void)next, (void)err;
}

static void leaving_when_it_is_lost(void **state) {
    static const struct runnel_follow_calls calls = {
        .size = sizeof calls, .end = end_quietly, .state = leave_when_lost};
    (void)state;
    for (int free_it = 0; free_it < 2; free_it++) {
        struct program p;
        struct deed d[3] = {{.free_it = free_it}, {.free_it = free_it}, {.free_it = free_it}};
        struct told t = {0};
        open_program(&p, NULL);
        for (int i = 0; i < 3; i++) {
            d[i].client = p.m.p.client;
            assert_int_equal(runnel_follow(p.m.p.client, MODEL_ID, NULL, &calls, &d[i], &d[i].follow, NULL), 0);
        }
        turns(&p, 10);
        assert_int_equal(runnel_client_request(p.m.p.client, "odd", NULL, on_data, &t, NULL), 0);
        peer_turn(&p.m.p); /* it is sent */
        model_cut(&p.m);
        if (free_it)
            p.m.p.client = NULL;
        for (int i = 0; i < FOREVER && !d[0].told; i++)
            peer_turn(&p.m.p);
        assert_int_equal(d[0].told, 1);
        assert_int_equal(t.n, 1); /* before that */
        assert_int_equal(d[1].told, !free_it);
        turns(&p, 20);
        close_program(&p);
    }
}

/* ---- when and how often ---- */

static void back_off_is_bounded(void **state) {
    uint64_t seed = 1;
    (void)state;
    for (unsigned tries = 0; tries < 80; tries++) {
        int64_t all = tries < 9 ? (int64_t)100 << tries : 30000, least = INT64_MAX, most = 0;
        if (all > 30000)
            all = 30000;
        assert_int_equal(rn_backoff(100, 30000, tries, 0), all / 2);
        for (int i = 0; i < 2000; i++) {
            int64_t d = rn_backoff(100, 30000, tries, check_random(&seed));
            least = d < least ? d : least;
            most = d > most ? d : most;
        }
        assert_true(least >= all / 2 && least < all / 2 + all / 20 + 2);
        assert_true(most <= all && most > all - all / 20 - 2);
    }
    assert_int_equal(rn_backoff(1, 0, 5, UINT64_MAX) <= 1, 1);
    assert_true(rn_backoff(INT64_MAX, INT64_MAX, 99, UINT64_MAX) > 0);
    assert_true(rn_backoff(3, INT64_MAX, 99, UINT64_MAX) >= INT64_MAX / 2);
}

static int lost_times;

static void count_lost(void *arg, enum runnel_state s, const struct runnel_err *err) {
    int *closed = arg;
    lost_times += s == RUNNEL_LOST;
    if (s == RUNNEL_CLOSED)
        *closed = err->code;
}

static struct runnel_client *client_at(struct peer *p, struct runnel_client_options *o, int *closed, int want) {
    struct runnel_client *c = NULL;
    lost_times = 0;
    *closed = 0;
    o->size = sizeof *o;
    assert_int_equal(runnel_client_new(p->base, "tcp://127.0.0.1:1", o, count_lost, closed, &c, NULL), want);
    return c;
}

static void the_first_attempt_may_wait(void **state) {
    struct peer p;
    int closed;
    (void)state;
    peer_open(&p);
    /* nobody there and no wish to wait */
    struct runnel_client_options o = {.retry_least = 1000000, .retry_most = 4000000, .retry_limit = 100000000};
    struct runnel_client *c = client_at(&p, &o, &closed, 0);
    peer_until(&p, &closed);
    assert_int_equal(lost_times, 0);
    assert_int_equal(closed, RUNNEL_ECLOSED);
    runnel_client_free(c);
    /* waiting, up to the limit: between 100 / 4 and 100 / 0.5 attempts */
    o.flags = RUNNEL_CLIENT_WAIT;
    c = client_at(&p, &o, &closed, 0);
    assert_true(runnel_client_retry(c) >= 0);
    peer_until(&p, &closed);
    assert_int_equal(closed, RUNNEL_ECLOSED);
    assert_true(lost_times >= 5 && lost_times <= 60);
    assert_int_equal(runnel_client_retry(c), -1);
    runnel_client_free(c);
    o.flags = RUNNEL_CLIENT_WAIT | RUNNEL_CLIENT_ONCE;
    assert_null(client_at(&p, &o, &closed, -RUNNEL_EINVALID));
    o.flags = 4;
    assert_null(client_at(&p, &o, &closed, -RUNNEL_EINVALID));
    o.flags = 0;
    o.retry_least = -1;
    assert_null(client_at(&p, &o, &closed, -RUNNEL_EINVALID));
    peer_close(&p);
}

/* Where another attempt cannot help there is none. */
static void what_does_not_pass_closes(void **state) {
    static const struct {
        const char *json;
        int closed, lost;
    } cases[] = {{"{\"code\":\"closed\",\"message\":\"m\"}", 0, RUNNEL_ECLOSED},
                 {"{\"code\":\"busy\",\"message\":\"m\"}", 0, RUNNEL_EBUSY},
                 {"{\"code\":\"invalid\",\"message\":\"m\"}", RUNNEL_EINVALID, 0},
                 {"{\"code\":\"denied\",\"message\":\"m\"}", RUNNEL_EDENIED, 0},
                 {"{\"code\":\"unsupported\",\"message\":\"m\"}", RUNNEL_EUNSUPPORTED, 0},
                 {"[]", RUNNEL_EDAMAGED, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer p;
        peer_start_staying(&p, NULL);
        peer_json(&p, RN_FRAME_ERROR, 0, cases[i].json);
        peer_until(&p, cases[i].lost ? &p.lost : &p.closed);
        assert_int_equal(p.lost, cases[i].lost);
        assert_int_equal(p.closed, cases[i].closed);
        peer_close(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_after_every_byte_of_the_node),
        cmocka_unit_test(cut_before_every_frame_of_the_client),
        cmocka_unit_test(random_lives),
        cmocka_unit_test(a_stopping_node_is_waited_for),
        cmocka_unit_test(an_equal_value_of_another_is_not_ours),
        cmocka_unit_test(a_publish_whose_place_is_not_known_fails),
        cmocka_unit_test(a_publish_to_an_unknown_stream_fails),
        cmocka_unit_test(requests_are_repeated_when_that_is_safe),
        cmocka_unit_test(what_waits_is_bounded),
        cmocka_unit_test(follows_keep_their_meaning),
        cmocka_unit_test(a_history_ends_where_it_was_to),
        cmocka_unit_test(paused_follows_stay_paused),
        cmocka_unit_test(leaving_when_it_is_lost),
        cmocka_unit_test(back_off_is_bounded),
        cmocka_unit_test(the_first_attempt_may_wait),
        cmocka_unit_test(what_does_not_pass_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
