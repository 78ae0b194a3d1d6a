/* SPDX-License-Identifier: MIT
 * client-easy.c — tests: calls that wait end in time, whatever the node does; what they hand out stays.
 * May touch: unix sockets in a temporary folder, a thread for the node.
 *
 * The calls run their own loop in this thread; the node is a script in another one. An assertion that fails
 * there ends the program.
 */
#include "data/block.h"
#include "tests/unit/check.h"
#include "tests/unit/peer.h"
#include <poll.h>
#include <pthread.h>
#include <runnel/easy.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MS INT64_C(1000000)
#define SOON (5000 * MS) /* far more than anything here takes that does not wait in vain */
#define ID "00112233-4455-8677-8899-aabbccddeeff"

/* ---- a node in its own thread, a handle on it here ---- */

struct scene {
    struct peer p;
    pthread_t thread;
    void (*script)(struct scene *s);
    struct runnel_easy *easy;
    size_t ahead; /* bytes of observations that the node could send while nobody read them */
};

static void *play(void *arg) {
    struct scene *s = arg;
    s->script(s);
    return NULL;
}

static void begin(struct scene *s, void (*script)(struct scene *), const struct runnel_client_options *options) {
    struct runnel_err err = {0};
    memset(s, 0, sizeof *s);
    peer_open(&s->p);
    s->script = script;
    assert_int_equal(pthread_create(&s->thread, NULL, play, s), 0);
    int r = runnel_easy_open(s->p.address, options, &s->easy, &err);
    if (r < 0)
        fail_msg("%s", err.msg);
}

static void end(struct scene *s) {
    runnel_easy_close(s->easy);
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    peer_close(&s->p);
}

/* Takes whatever comes and answers nothing, until the client hangs up. */
static void be_silent(struct scene *s) {
    struct pollfd pf = {.fd = s->p.fd, .events = POLLIN};
    do
        assert_int_equal(poll(&pf, 1, 10000), 1);
    while (peer_receive(&s->p));
}

static void be_gone(struct scene *s) {
    assert_int_equal(close(s->p.listener), 0);
    s->p.listener = -1;
    peer_hang_up(&s->p);
}

static int64_t now(void) {
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
    return (int64_t)t.tv_sec * 1000 * MS + t.tv_nsec;
}

/* ---- every call ---- */

static int each_none(void *arg, const struct runnel_observation *o) {
    (void)arg, (void)o;
    return 1;
}

/* What call number k returns; -1000 when there is none such. `f` is a follow that was begun. */
static int call(struct runnel_easy *e, struct runnel_easy_follow *f, int k, int64_t wait, struct runnel_err *err) {
    struct runnel_observation o = {.seq = 5, .time = 7, .value = {(const uint8_t *)"1", 1}};
    struct runnel_stream_info info;
    struct runnel_bytes answer;
    struct runnel_id id;
    switch (k) {
    case 0:
        return runnel_easy_request(e, "status", NULL, &answer, err);
    case 1:
        return runnel_easy_create(e, "{\"source\":\"s\",\"stream\":\"t\",\"target\":\"\"}", &id, err);
    case 2:
        return runnel_easy_publish(e, ID, RUNNEL_NOW, "1", NULL, err);
    case 3:
        return runnel_easy_publish(e, "a/b/c/d", 9, "1", NULL, err);
    case 4:
        return runnel_easy_publish_many(e, ID, 5, &o, 1, NULL, err);
    case 5:
        return runnel_easy_history(e, ID, NULL, each_none, NULL, err);
    case 6:
        return runnel_easy_head(e, ID, &info, err);
    case 7:
        return runnel_easy_at(e, ID, 7, &o, err);
    case 8:
        return runnel_easy_next(f, wait, &o, err);
    default:
        return -1000;
    }
}

static void check_limits(struct scene *s, const char *said) {
    struct runnel_easy_follow *f = NULL;
    struct runnel_err err;
    int r, calls = 0;
    runnel_easy_limit(s->easy, 30 * MS);
    assert_int_equal(runnel_easy_follow(s->easy, ID, NULL, &f, NULL), 0);
    for (int round = 0; round < 2; round++)
        for (int k = 0;; k++, calls++) {
            int64_t before = now();
            if ((r = call(s->easy, f, k, 30 * MS, &err)) == -1000)
                break;
            int64_t took = now() - before;
            assert_int_equal(r, -RUNNEL_ETIMEOUT);
            assert_int_equal(err.code, RUNNEL_ETIMEOUT);
            assert_non_null(strstr(err.msg, said));
            assert_true(took >= 29 * MS && took < SOON);
        }
    assert_int_equal(calls, 18);
}

static void silent_node(struct scene *s) {
    peer_meet(&s->p);
    be_silent(s);
}

static void the_limit_holds_while_the_node_is_silent(void **state) {
    struct scene s;
    (void)state;
    begin(&s, silent_node, NULL);
    check_limits(&s, "nothing has come");
    end(&s);
}

static void gone_node(struct scene *s) {
    peer_meet(&s->p);
    be_gone(s);
}

/* Until the handle has noticed that the session is over. */
static void notice(struct scene *s) {
    struct runnel_bytes answer;
    struct runnel_err err;
    runnel_easy_limit(s->easy, 10 * MS);
    do
        assert_int_equal(runnel_easy_request(s->easy, "status", NULL, &answer, &err), -RUNNEL_ETIMEOUT);
    while (!strstr(err.msg, "no session"));
}

static void the_limit_holds_while_the_node_is_unreachable(void **state) {
    struct runnel_client_options o = {.size = sizeof o, .retry_least = 2 * MS, .retry_most = 8 * MS};
    struct scene s;
    (void)state;
    begin(&s, gone_node, &o);
    notice(&s);
    check_limits(&s, "cannot connect");
    end(&s);
}

/* What is given up waits on; there is a bound to it. */
static void given_up_calls_do_not_pile_up(void **state) {
    struct runnel_client_options o = {.size = sizeof o, .queue_limit = 2000};
    struct runnel_bytes answer;
    struct runnel_err err;
    struct scene s;
    int r, n = 0;
    (void)state;
    begin(&s, silent_node, &o);
    runnel_easy_limit(s.easy, MS);
    while ((r = runnel_easy_request(s.easy, "status", NULL, &answer, &err)) == -RUNNEL_ETIMEOUT)
        assert_true(n++ < 100);
    assert_int_equal(r, -RUNNEL_EBUSY);
    assert_true(n > 10);
    end(&s);
}

static void check_over(struct scene *s) {
    struct runnel_easy_follow *f = NULL, *late = NULL;
    struct runnel_err err;
    assert_int_equal(runnel_easy_follow(s->easy, ID, NULL, &f, NULL), 0);
    runnel_easy_limit(s->easy, -1);
    int64_t before = now();
    for (int k = 8; k >= 0; k--) { /* the first one waits until it is over, for ever if need be */
        assert_int_equal(call(s->easy, f, k, -1, &err), -RUNNEL_ECLOSED);
        assert_int_equal(err.code, RUNNEL_ECLOSED);
        assert_true(err.msg[0] != 0);
    }
    assert_int_equal(call(s->easy, f, 8, 0, &err), -RUNNEL_ECLOSED); /* again and again */
    assert_int_equal(runnel_easy_follow(s->easy, ID, NULL, &late, &err), -RUNNEL_ECLOSED);
    assert_null(late);
    assert_true(now() - before < SOON);
}

static void a_node_that_is_gone_for_ever(void **state) {
    struct runnel_client_options o = {
        .size = sizeof o, .retry_least = 2 * MS, .retry_most = 8 * MS, .retry_limit = 100 * MS};
    struct scene s;
    (void)state;
    begin(&s, gone_node, &o);
    check_over(&s);
    end(&s);
}

/* The session is lost to a time-out, but no call may say that one: who waits on would do so for ever. */
static void silence_that_ends_a_handle_is_no_time_out(void **state) {
    struct runnel_client_options o = {.size = sizeof o, .flags = RUNNEL_CLIENT_ONCE, .silence_limit = 60 * MS};
    struct runnel_bytes answer;
    struct runnel_err err;
    struct scene s;
    (void)state;
    begin(&s, silent_node, &o);
    check_over(&s);
    end(&s);
    begin(&s, silent_node, &o);
    assert_int_equal(runnel_easy_request(s.easy, "status", NULL, &answer, &err), -RUNNEL_ECLOSED);
    assert_non_null(strstr(err.msg, "silent"));
    end(&s);
}

static void opening_where_no_node_is(void **state) {
    struct runnel_client_options o = {.size = sizeof o, .retry_least = 2 * MS, .retry_most = 8 * MS};
    struct runnel_easy *e = NULL;
    struct runnel_err err;
    struct peer p;
    (void)state;
    assert_int_equal(runnel_easy_open("tcp://127.0.0.1:1", &o, &e, &err), -RUNNEL_ECLOSED);
    assert_null(e);
    o.flags = RUNNEL_CLIENT_WAIT;
    o.retry_limit = 50 * MS;
    assert_int_equal(runnel_easy_open("tcp://127.0.0.1:1", &o, &e, &err), -RUNNEL_ECLOSED);
    assert_non_null(strstr(err.msg, "given up"));
    assert_int_equal(runnel_easy_open("nonsense", NULL, &e, &err), -RUNNEL_EINVALID);
    peer_open(&p); /* who listens and says nothing */
    o = (struct runnel_client_options){.size = sizeof o, .flags = RUNNEL_CLIENT_ONCE, .connect_limit = 50 * MS};
    assert_int_equal(runnel_easy_open(p.address, &o, &e, &err), -RUNNEL_ECLOSED);
    assert_non_null(strstr(err.msg, "no hello"));
    assert_null(e);
    peer_close(&p);
}

/* ---- answers that come late ---- */

static void slow_node(struct scene *s) {
    peer_meet(&s->p);
    uint64_t first = peer_request(&s->p, "{\"method\":\"status\"}");
    uint64_t at = peer_request(&s->p, "{\"method\":\"at\",\"stream\":\"" ID "\",\"time\":\"7\"}");
    uint64_t second = peer_request(&s->p, "{\"method\":\"status\"}"); /* so the ones before are given up by now */
    peer_json(&s->p, RN_FRAME_ANSWER, first, "{\"n\":1}");
    peer_json(&s->p, RN_FRAME_ANSWER, at, "{\"seq\":3,\"time\":\"7\",\"value\":\"8\"}");
    peer_json(&s->p, RN_FRAME_ANSWER, second, "{\"n\":2}");
    be_silent(s);
}

static void a_late_answer_is_nobodys(void **state) {
    struct runnel_observation o;
    struct runnel_bytes answer;
    struct scene s;
    (void)state;
    begin(&s, slow_node, NULL);
    runnel_easy_limit(s.easy, 20 * MS);
    assert_int_equal(runnel_easy_request(s.easy, "status", NULL, &answer, NULL), -RUNNEL_ETIMEOUT);
    assert_int_equal(runnel_easy_at(s.easy, ID, 7, &o, NULL), -RUNNEL_ETIMEOUT);
    runnel_easy_limit(s.easy, SOON);
    assert_int_equal(runnel_easy_request(s.easy, "status", NULL, &answer, NULL), 0);
    assert_int_equal(answer.n, strlen("{\"n\":2}"));
    assert_memory_equal(answer.p, "{\"n\":2}", answer.n);
    end(&s);
}

static uint64_t take_publish(struct peer *p, uint64_t seq) {
    struct rn_frame f = peer_frame(p);
    assert_int_equal(f.type, RN_FRAME_PUBLISH);
    assert_int_equal(f.seq, seq);
    assert_int_equal(f.flags & (RN_PUBLISH_SEQ | RN_PUBLISH_FRESH), RN_PUBLISH_SEQ);
    return f.id;
}

static void published(struct peer *p, uint64_t id) {
    struct rn_buf b = {0};
    assert_int_equal(rn_frame_published(&b, id, 5, 1, 7, 7), 0);
    peer_send_buf(p, &b);
}

/* Both come, and after a lost session both again, in order; the second is the one that is waited for. */
static void forgetful_node(struct scene *s) {
    peer_meet(&s->p);
    (void)take_publish(&s->p, 5);
    (void)take_publish(&s->p, 5);
    peer_meet(&s->p);
    uint64_t first = take_publish(&s->p, 5), second = take_publish(&s->p, 5);
    published(&s->p, first);
    published(&s->p, second);
    be_silent(s);
}

static void a_publish_given_up_then_repeated(void **state) {
    struct runnel_client_options options = {.size = sizeof options, .retry_least = 2 * MS};
    struct runnel_observation o = {.time = 7, .value = {(const uint8_t *)"1", 1}};
    struct runnel_published made;
    struct scene s;
    (void)state;
    begin(&s, forgetful_node, &options);
    runnel_easy_limit(s.easy, 20 * MS);
    assert_int_equal(runnel_easy_publish_many(s.easy, ID, 5, &o, 1, &made, NULL), -RUNNEL_ETIMEOUT);
    assert_int_equal(made.count, 0);
    runnel_easy_limit(s.easy, SOON);
    assert_int_equal(runnel_easy_publish_many(s.easy, ID, 5, &o, 1, &made, NULL), 0);
    assert_int_equal(made.seq, 5);
    assert_int_equal(made.count, 1);
    end(&s);
}

/* ---- a reader that pauses ---- */

#define WINDOW 65536u
#define MADE 200000u

struct sending {
    uint64_t follow, credit, seq;
    size_t bytes;
    int done;
};

/* Observations of three bytes, a digit of the seq the value: what is kept for one must not be many times that. */
static void send_some(struct peer *p, struct sending *x) {
    while (!x->done && x->credit > 4096 && x->seq < MADE) {
        struct rn_buf entries = {0}, b = {0};
        for (uint64_t i = 0, n = MADE - x->seq < 100 ? MADE - x->seq : 100; i < n; i++) {
            const uint8_t digit = (uint8_t)('0' + (x->seq + i) % 10);
            assert_int_equal(
                rn_entry_add(&entries, 0, i == 0 && x->seq % 1000 == 0 ? 1 : 0, (struct runnel_bytes){&digit, 1}), 0);
        }
        assert_int_equal(rn_frame_data(&b, x->follow, x->seq, (int64_t)((x->seq + 999) / 1000), rn_buf_bytes(&entries)),
                         0);
        x->credit -= entries.n;
        x->bytes += entries.n;
        x->seq += MADE - x->seq < 100 ? MADE - x->seq : 100;
        rn_buf_free(&entries);
        peer_send_buf(p, &b);
    }
    if (x->seq == MADE && !x->done) {
        x->done = 1;
        peer_json(p, RN_FRAME_STATE, x->follow, "{\"end\":\"done\",\"next\":200000}");
    }
}

/* Keeps to the credit. "peers" asks how much it has sent so far. */
static void crediting_node(struct scene *s) {
    struct sending x = {0};
    peer_meet(&s->p);
    x.follow = peer_request(&s->p, "{\"method\":\"follow\",\"stream\":\"" ID "\",\"credit\":65536}");
    x.credit = WINDOW;
    peer_json(&s->p, RN_FRAME_ANSWER, x.follow, "{\"stream\":\"" ID "\",\"from\":0,\"count\":200000,\"live\":false}");
    for (;;) {
        struct pollfd pf = {.fd = s->p.fd, .events = POLLIN};
        send_some(&s->p, &x);
        assert_int_equal(poll(&pf, 1, 10000), 1);
        if (!peer_receive(&s->p))
            return;
        while (s->p.in.n > s->p.taken) {
            struct rn_frame f = peer_frame(&s->p);
            if (f.type == RN_FRAME_CREDIT) {
                x.credit += f.count;
                continue;
            }
            assert_int_equal(f.type, RN_FRAME_REQUEST);
            s->ahead = x.bytes;
            peer_json(&s->p, RN_FRAME_ANSWER, f.id, "{}");
        }
    }
}

static void look_around(struct scene *s, int n) {
    struct runnel_bytes answer;
    for (int i = 0; i < n; i++)
        assert_int_equal(runnel_easy_request(s->easy, "peers", NULL, &answer, NULL), 0);
}

struct reading {
    struct scene *s;
    uint64_t n;
    size_t read; /* bytes, as they came */
};

/* Checks it, and now and then makes calls that let more come: the value must stay as it is. */
static int each(void *arg, const struct runnel_observation *o) {
    struct reading *r = arg;
    assert_int_equal(o->seq, r->n);
    assert_int_equal(o->time, (int64_t)(r->n / 1000 + 1));
    if (r->n % 5000 == 77) {
        look_around(r->s, 40);
        assert_true(r->s->ahead - r->read <= 2 * WINDOW + 4096);
    }
    assert_int_equal(o->value.n, 1);
    assert_int_equal(o->value.p[0], '0' + r->n % 10);
    r->n++;
    r->read += o->value.n + 2;
    return 0;
}

static void a_reader_that_pauses_holds_back_the_node(void **state) {
    struct runnel_follow_options o = {.size = sizeof o, .window = WINDOW};
    struct runnel_easy_follow *f = NULL;
    struct runnel_observation seen;
    struct scene s;
    struct reading r = {.s = &s};
    int code;
    (void)state;
    begin(&s, crediting_node, NULL);
    assert_int_equal(runnel_easy_follow(s.easy, ID, &o, &f, NULL), 0);
    look_around(&s, 60);
    assert_true(s.ahead >= WINDOW / 2 && s.ahead <= 2 * WINDOW + 4096);
    size_t full = s.ahead;
    look_around(&s, 60);
    assert_int_equal(s.ahead, full); /* nothing more until it is read */
    while ((code = runnel_easy_next(f, SOON, &seen, NULL)) == 1)
        assert_int_equal(each(&r, &seen), 0);
    assert_int_equal(code, 0);
    assert_int_equal(r.n, MADE);
    assert_int_equal(runnel_easy_next(f, SOON, &seen, NULL), 0); /* and stays so */
    end(&s);
}

static void a_history_read_in_parts(void **state) {
    struct runnel_follow_options o = {.size = sizeof o, .window = WINDOW};
    struct scene s;
    struct reading r = {.s = &s};
    (void)state;
    begin(&s, crediting_node, NULL);
    assert_int_equal(runnel_easy_history(s.easy, ID, &o, each, &r, NULL), 0);
    assert_int_equal(r.n, MADE);
    end(&s);
}

/* ---- looking without waiting ---- */

static void asked_node(struct scene *s) {
    peer_meet(&s->p);
    uint64_t f = peer_request(&s->p, "{\"method\":\"follow\",\"stream\":\"" ID "\",\"credit\":1048576}");
    peer_json(&s->p, RN_FRAME_ANSWER, f, "{\"stream\":\"" ID "\",\"from\":0,\"count\":0,\"live\":true}");
    uint64_t id = peer_request(&s->p, "{\"method\":\"status\"}");
    peer_data(&s->p, f, 0, 2);
    peer_json(&s->p, RN_FRAME_ANSWER, id, "{}");
    be_silent(s);
}

static void next_without_waiting(void **state) {
    struct runnel_easy_follow *f = NULL;
    struct runnel_observation o;
    struct runnel_bytes answer;
    struct runnel_err err;
    struct scene s;
    (void)state;
    begin(&s, asked_node, NULL);
    assert_int_equal(runnel_easy_follow(s.easy, ID, NULL, &f, NULL), 0);
    int64_t before = now();
    for (int i = 0; i < 20; i++)
        assert_int_equal(runnel_easy_next(f, 0, &o, &err), -RUNNEL_ETIMEOUT);
    assert_true(now() - before < SOON);
    assert_int_equal(runnel_easy_request(s.easy, "status", NULL, &answer, NULL), 0);
    assert_int_equal(runnel_easy_next(f, 0, &o, &err), 1);
    assert_int_equal(o.seq, 0);
    assert_int_equal(runnel_easy_next(f, 0, &o, &err), 1);
    assert_int_equal(o.seq, 1);
    assert_int_equal(runnel_easy_next(f, 0, &o, &err), -RUNNEL_ETIMEOUT);
    end(&s); /* with the follow */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_holds_while_the_node_is_silent),
        cmocka_unit_test(the_limit_holds_while_the_node_is_unreachable),
        cmocka_unit_test(given_up_calls_do_not_pile_up),
        cmocka_unit_test(a_node_that_is_gone_for_ever),
        cmocka_unit_test(silence_that_ends_a_handle_is_no_time_out),
        cmocka_unit_test(opening_where_no_node_is),
        cmocka_unit_test(a_late_answer_is_nobodys),
        cmocka_unit_test(a_publish_given_up_then_repeated),
        cmocka_unit_test(a_reader_that_pauses_holds_back_the_node),
        cmocka_unit_test(a_history_read_in_parts),
        cmocka_unit_test(next_without_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
