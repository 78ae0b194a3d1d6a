/* SPDX-License-Identifier: MIT
 * client-session.c — tests: addresses, hello, requests, answers, limits, life and the end of a session.
 * May touch: unix sockets in a temporary folder.
 */
#include "tests/unit/check.h"
#include "tests/unit/peer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID "00112233-4455-8677-8899-aabbccddeeff"
#define HELLO_REST                                                                                                     \
    "\"node\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\",\"nonce\":\"00\",\"agent\":\"x\"}"

/* What a completion was told. */
struct told {
    int n, code;
    char text[2048];
    struct runnel_client *kill; /* freed from within */
};

static void on_data(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct told *t = arg;
    t->n++;
    t->code = err ? err->code : 0;
    (void)snprintf(t->text, sizeof t->text, "%.*s", err ? (int)strlen(err->msg) : (int)data.n,
                   err ? err->msg : (const char *)data.p);
    if (t->kill)
        runnel_client_free(t->kill);
}

/* ---- addresses ---- */

static void refuses_addresses(void **state) {
    (void)state;
    static const char *const wrong[] = {"",
                                        "/run/x",
                                        "unix://relative",
                                        "unix://",
                                        "tcp://127.0.0.1",
                                        "tcp://127.0.0.1:0",
                                        "tcp://:1",
                                        "tcp://127.0.0.1:",
                                        "tcp://10.0.0.1:1",
                                        "tcp://[::2]:1",
                                        "tcp://host:1",
                                        "tcp://127.0.0.1:65536",
                                        "tcp://::1:1",
                                        "tcp://[::1]",
                                        "tcp://127.0.0.1:1x",
                                        "http://127.0.0.1:1"};
    struct event_base *base = event_base_new();
    struct runnel_client *c;
    struct runnel_err err;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(runnel_client_new(base, wrong[i], NULL, NULL, NULL, &c, &err), -RUNNEL_EINVALID);
    char longest[200];
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "unix:///", 8);
    longest[199] = 0;
    assert_int_equal(runnel_client_new(base, longest, NULL, NULL, NULL, &c, &err), -RUNNEL_EINVALID);
    assert_int_equal(runnel_client_new(base, "unix:///nowhere/s", NULL, NULL, NULL, &c, &err), -RUNNEL_ECLOSED);
    assert_null(c);
    assert_non_null(strstr(err.msg, "unix:///nowhere/s"));
    event_base_free(base);
}

static void count_state(void *arg, enum runnel_state state, const struct runnel_err *err) {
    struct told *t = arg;
    assert_int_equal(state, RUNNEL_CLOSED);
    t->n++;
    t->code = err->code;
}

static void nobody_listens_on_tcp(void **state) {
    (void)state;
    struct event_base *base = event_base_new();
    struct runnel_client *c;
    struct runnel_err err = {0};
    struct told t = {0}, asked = {0};
    /* Port 1 of loopback: refused at once or by the loop, ECLOSED in both cases. */
    int r = runnel_client_new(base, "tcp://127.0.0.1:1", NULL, count_state, &t, &c, &err);
    if (r == 0) {
        assert_int_equal(runnel_client_request(c, "ping", NULL, on_data, &asked, &err), 0);
        while (t.n == 0)
            assert_true(event_base_loop(base, EVLOOP_ONCE) >= 0);
        assert_int_equal(t.code, RUNNEL_ECLOSED);
        assert_int_equal(asked.code, RUNNEL_ECLOSED);
        runnel_client_free(c);
    } else {
        assert_int_equal(r, -RUNNEL_ECLOSED);
    }
    event_base_free(base);
}

/* ---- hello ---- */

static void says_hello_first(void **state) {
    (void)state;
    struct peer p;
    struct runnel_client_options o = {.size = sizeof o, .agent = "test/2"};
    static const char want[] = "{\"runnel\":[1],\"agent\":\"test/2\"}";
    peer_open(&p);
    peer_client(&p, &o);
    struct rn_frame f = peer_frame(&p);
    assert_int_equal(f.type, RN_FRAME_HELLO);
    assert_int_equal(f.body.n, strlen(want));
    assert_memory_equal(f.body.p, want, f.body.n);
    assert_string_equal(runnel_client_node(p.client), "");
    p.chunk = 1;
    peer_json(&p, RN_FRAME_HELLO, 0, "{\"runnel\":[7,1],\"future\":{\"a\":[1]}," HELLO_REST);
    peer_until(&p, &p.connected);
    assert_string_equal(runnel_client_node(p.client),
                        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    assert_string_equal(runnel_client_agent(p.client), "x");
    peer_close(&p);
}

static void long_agents_are_refused_or_cut(void **state) {
    (void)state;
    struct peer p;
    char longest[66], json[400];
    struct runnel_err err;
    struct runnel_client *c;
    memset(longest, 'a', 65);
    longest[65] = 0;
    struct runnel_client_options o = {.size = sizeof o, .agent = longest};
    peer_open(&p);
    assert_int_equal(runnel_client_new(p.base, p.address, &o, NULL, NULL, &c, &err), -RUNNEL_EINVALID);
    peer_client(&p, NULL);
    longest[63] = (char)0xc3; /* a character that straddles the limit */
    longest[64] = (char)0xa9;
    (void)snprintf(json, sizeof json, "{\"runnel\":[1],\"node\":\"%s%s\",\"agent\":\"%s\"}",
                   "00112233445566778899aabbccddeeff", "00112233445566778899aabbccddeeff", longest);
    peer_json(&p, RN_FRAME_HELLO, 0, json);
    peer_until(&p, &p.connected);
    assert_int_equal(strlen(runnel_client_agent(p.client)), 63);
    peer_close(&p);
}

static void refuses_hellos(void **state) {
    (void)state;
    static const struct {
        enum rn_frame_type type;
        const char *json;
        int code;
    } cases[] = {
        {RN_FRAME_HELLO, "{\"runnel\":[2]," HELLO_REST, RUNNEL_EUNSUPPORTED},
        {RN_FRAME_HELLO, "{\"runnel\":1," HELLO_REST, RUNNEL_EUNSUPPORTED},
        {RN_FRAME_HELLO, "{" HELLO_REST, RUNNEL_EUNSUPPORTED},
        {RN_FRAME_HELLO, "{\"runnel\":[1],\"agent\":\"no node\"}", RUNNEL_EUNSUPPORTED},
        {RN_FRAME_HELLO, "{\"runnel\":[1],\"node\":\"abcd\"}", RUNNEL_EUNSUPPORTED},
        {RN_FRAME_HELLO, "[]", RUNNEL_EDAMAGED},
        {RN_FRAME_HELLO, "{\"runnel\":[1]", RUNNEL_EDAMAGED},
        {RN_FRAME_ERROR, "{\"code\":\"denied\",\"message\":\"not you\"}", RUNNEL_EDENIED},
        {RN_FRAME_STATE, "{\"live\":true,\"next\":0}", RUNNEL_EDAMAGED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer p;
        struct told t = {0};
        peer_open(&p);
        peer_client(&p, NULL);
        assert_int_equal(runnel_client_request(p.client, "ping", NULL, on_data, &t, NULL), 0);
        peer_json(&p, cases[i].type, 0, cases[i].json);
        peer_until(&p, &p.closed);
        assert_int_equal(p.closed, cases[i].code);
        assert_int_equal(t.n, 1);
        assert_int_equal(t.code, cases[i].code);
        assert_non_null(strstr(p.why, p.address));
        assert_int_equal(p.connected, 0);
        peer_close(&p);
    }
}

/* ---- requests ---- */

static void asks_before_the_hello(void **state) {
    (void)state;
    struct peer p;
    struct told t = {0};
    peer_open(&p);
    peer_client(&p, NULL);
    assert_int_equal(runnel_client_request(p.client, "status", "{ \"a\" : [1, 2.50] }", on_data, &t, NULL), 0);
    assert_int_equal(runnel_client_open(p.client), 1);
    assert_int_equal(peer_frame(&p).type, RN_FRAME_HELLO);
    assert_int_equal(peer_request(&p, "{\"method\":\"status\",\"a\":[1,2.50]}"), 1);
    peer_json(&p, RN_FRAME_HELLO, 0, "{\"runnel\":[1]," HELLO_REST);
    p.chunk = 1;
    peer_json(&p, RN_FRAME_ANSWER, 1, "{\"x\":1}");
    peer_until(&p, &t.n);
    assert_int_equal(t.code, 0);
    assert_string_equal(t.text, "{\"x\":1}");
    assert_int_equal(runnel_client_open(p.client), 0);
    peer_close(&p);
}

static void answers_find_their_requests(void **state) {
    (void)state;
    struct peer p;
    struct told t[200];
    memset(t, 0, sizeof t);
    peer_start(&p, NULL);
    for (int i = 0; i < 200; i++)
        assert_int_equal(runnel_client_request(p.client, "ping", NULL, on_data, &t[i], NULL), 0);
    for (uint64_t i = 200; i > 0; i--) {
        char json[64];
        (void)snprintf(json, sizeof json, "{\"code\":\"not-found\",\"message\":\"no %d\"}", (int)i);
        if (i % 2)
            peer_json(&p, RN_FRAME_ERROR, i, json);
        else
            peer_json(&p, RN_FRAME_ANSWER, i, json);
    }
    peer_until(&p, &t[0].n);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(t[i].n, 1);
        assert_int_equal(t[i].code, (i + 1) % 2 ? RUNNEL_ENOTFOUND : 0);
    }
    assert_string_equal(t[0].text, "no 1");
    peer_close(&p);
}

static void wrong_parameters_are_refused_at_once(void **state) {
    (void)state;
    struct peer p;
    struct runnel_err err;
    static const char *const wrong[] = {"", "[]", "{", "{\"method\":\"x\"}", "{} {}", "1"};
    peer_start(&p, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(runnel_client_request(p.client, "x", wrong[i], on_data, NULL, &err), -RUNNEL_EINVALID);
    char *big = malloc(70000);
    assert_non_null(big);
    memset(big, 'a', 69999);
    memcpy(big, "{\"a\":\"", 6);
    memcpy(big + 69997, "\"}", 3);
    assert_int_equal(runnel_client_request(p.client, "x", big, on_data, NULL, &err), -RUNNEL_ETOOBIG);
    free(big);
    assert_int_equal(runnel_client_open(p.client), 0);
    assert_true(peer_quiet(&p));
    peer_close(&p);
}

static void malformed_answers_end_the_session(void **state) {
    (void)state;
    static const struct {
        enum rn_frame_type type;
        uint64_t id;
        const char *json;
    } cases[] = {{RN_FRAME_ANSWER, 1, "[]"},
                 {RN_FRAME_ANSWER, 1, "{"},
                 {RN_FRAME_ANSWER, 1, "{\"a\":1,\"a\":2}"},
                 {RN_FRAME_ANSWER, 2, "{}"},
                 {RN_FRAME_ERROR, 2, "{\"code\":\"busy\",\"message\":\"\"}"},
                 {RN_FRAME_ERROR, 1, "{}"},
                 {RN_FRAME_ERROR, 1, "{\"code\":7}"},
                 {RN_FRAME_ERROR, 0, "x"},
                 {RN_FRAME_HELLO, 0, "{\"runnel\":[1]," HELLO_REST}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer p;
        struct told t = {0};
        peer_start(&p, NULL);
        assert_int_equal(runnel_client_request(p.client, "ping", NULL, on_data, &t, NULL), 0);
        peer_json(&p, cases[i].type, cases[i].id, cases[i].json);
        peer_until(&p, &p.closed);
        assert_int_equal(p.closed, RUNNEL_EDAMAGED);
        assert_int_equal(t.n, 1);
        assert_int_equal(t.code, RUNNEL_EDAMAGED);
        assert_int_equal(runnel_client_request(p.client, "ping", NULL, on_data, &t, NULL), -RUNNEL_ECLOSED);
        peer_close(&p);
        assert_int_equal(t.n, 1);
    }
}

static void malformed_bytes_end_the_session(void **state) {
    (void)state;
    static const uint8_t zero[] = {0, 0, 0, 0, 0}, huge[] = {0xff, 0xff, 0xff, 0xff, 1}, odd[] = {2, 0, 0, 0, 99, 0},
                         wrong_kind[] = {11, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0},
                         published[] = {20, 0, 0, 0, 7, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const struct {
        const uint8_t *p;
        size_t n;
    } cases[] = {{zero, sizeof zero},
                 {huge, sizeof huge},
                 {odd, sizeof odd},
                 {wrong_kind, sizeof wrong_kind},
                 {published, sizeof published}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer p;
        struct told t = {0};
        peer_start(&p, NULL);
        assert_int_equal(runnel_client_request(p.client, "ping", NULL, on_data, &t, NULL), 0);
        peer_send(&p, cases[i].p, cases[i].n);
        peer_until(&p, &p.closed);
        assert_int_equal(t.n, 1);
        peer_close(&p);
    }
}

static void node_asks_in_vain(void **state) {
    (void)state;
    struct peer p;
    peer_start(&p, NULL);
    peer_json(&p, RN_FRAME_REQUEST, 9, "{\"method\":\"ping\"}");
    struct rn_frame f = peer_frame(&p);
    assert_int_equal(f.type, RN_FRAME_ERROR);
    assert_int_equal(f.id, 9);
    assert_int_equal(p.closed, 0);
    peer_close(&p);
}

/* ---- the end ---- */

static void node_ends_the_session(void **state) {
    (void)state;
    struct peer p;
    struct told t = {0};
    peer_start(&p, NULL);
    assert_int_equal(runnel_client_request(p.client, "ping", NULL, on_data, &t, NULL), 0);
    peer_json(&p, RN_FRAME_ERROR, 0, "{\"code\":\"busy\",\"message\":\"too many\"}");
    peer_hang_up(&p);
    peer_until(&p, &p.closed);
    assert_int_equal(p.closed, RUNNEL_EBUSY);
    assert_int_equal(t.code, RUNNEL_EBUSY);
    assert_non_null(strstr(t.text, "too many"));
    peer_close(&p);
}

static void closing_in_the_middle_of_a_frame(void **state) {
    (void)state;
    struct peer p;
    struct told t = {0};
    static const uint8_t part[] = {20, 0, 0, 0, 3, 1, '{'};
    peer_start(&p, NULL);
    assert_int_equal(runnel_client_request(p.client, "ping", NULL, on_data, &t, NULL), 0);
    peer_send(&p, part, sizeof part);
    peer_hang_up(&p);
    peer_until(&p, &p.closed);
    assert_int_equal(p.closed, RUNNEL_ECLOSED);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.code, RUNNEL_ECLOSED);
    peer_close(&p);
}

static void freeing_ends_what_is_open(void **state) {
    (void)state;
    struct peer p;
    struct told t[3] = {{0}};
    peer_start(&p, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(runnel_client_request(p.client, "ping", NULL, on_data, &t[i], NULL), 0);
    runnel_client_free(p.client);
    p.client = NULL;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(t[i].n, 1);
        assert_int_equal(t[i].code, RUNNEL_ECLOSED);
    }
    assert_int_equal(p.closed, 0); /* our own doing: not told */
    peer_close(&p);
}

static void freeing_from_a_completion(void **state) {
    (void)state;
    for (int failing = 0; failing < 2; failing++) {
        struct peer p;
        struct told t[3] = {{0}};
        peer_start(&p, NULL);
        for (int i = 0; i < 3; i++)
            assert_int_equal(runnel_client_request(p.client, "ping", NULL, on_data, &t[i], NULL), 0);
        t[1].kill = p.client;
        p.client = NULL;
        if (failing)
            peer_hang_up(&p);
        for (uint64_t i = 1; i < 4 && !failing; i++)
            peer_json(&p, RN_FRAME_ANSWER, i, "{}");
        peer_until(&p, &t[2].n);
        assert_int_equal(t[0].n + t[1].n + t[2].n, 3);
        assert_int_equal(t[2].code, RUNNEL_ECLOSED);
        assert_int_equal(p.closed, 0);
        peer_close(&p);
    }
}

/* ---- limits and life ---- */

static void a_full_queue_is_busy(void **state) {
    (void)state;
    struct peer p;
    struct told t = {0};
    struct runnel_err err;
    struct runnel_client_options o = {.size = sizeof o, .queue_limit = 100};
    int r = 0, n = 0;
    peer_start(&p, &o);
    while (r == 0) {
        r = runnel_client_request(p.client, "ping", NULL, on_data, &t, &err);
        n += r == 0;
    }
    assert_int_equal(r, -RUNNEL_EBUSY);
    assert_true(n < 10);
    assert_true(runnel_client_queued(p.client) >= 100);
    for (int i = 0; i < n; i++)
        (void)peer_request(&p, "{\"method\":\"ping\"}");
    assert_int_equal(runnel_client_queued(p.client), 0);
    assert_int_equal(runnel_client_request(p.client, "ping", NULL, on_data, &t, &err), 0);
    peer_close(&p);
    assert_int_equal(t.n, n + 1);
}

static void open_requests_are_bounded(void **state) {
    (void)state;
    struct peer p;
    struct told t = {0};
    struct runnel_err err;
    peer_start(&p, NULL);
    for (int i = 0; i < RN_MAX_REQUESTS; i++)
        assert_int_equal(runnel_client_request(p.client, "ping", NULL, on_data, &t, &err), 0);
    assert_int_equal(runnel_client_request(p.client, "ping", NULL, on_data, &t, &err), -RUNNEL_EBUSY);
    for (int i = 0; i < RN_MAX_REQUESTS; i++)
        assert_int_equal(peer_request(&p, "{\"method\":\"ping\"}"), i + 1);
    peer_json(&p, RN_FRAME_ANSWER, 4000, "{}");
    peer_until(&p, &t.n);
    assert_int_equal(runnel_client_request(p.client, "ping", NULL, on_data, &t, &err), 0);
    peer_close(&p);
    assert_int_equal(t.n, RN_MAX_REQUESTS + 1);
}

static void a_node_that_never_greets_is_given_up(void **state) {
    (void)state;
    struct peer p;
    struct runnel_client_options o = {.size = sizeof o, .connect_limit = 100000000};
    peer_open(&p);
    peer_client(&p, &o);
    peer_until(&p, &p.closed);
    assert_int_equal(p.closed, RUNNEL_ETIMEOUT);
    peer_close(&p);
}

static void silence_is_pinged_then_given_up(void **state) {
    (void)state;
    struct peer p;
    struct told t = {0};
    struct runnel_client_options o = {.size = sizeof o, .silence_limit = 600000000};
    peer_start(&p, &o);
    assert_int_equal(runnel_client_request(p.client, "verify", NULL, on_data, &t, NULL), 0);
    (void)peer_request(&p, "{\"method\":\"verify\"}");
    uint64_t ping = peer_request(&p, "{\"method\":\"ping\"}");
    peer_json(&p, RN_FRAME_ANSWER, ping, "{}");
    ping = peer_request(&p, "{\"method\":\"ping\"}"); /* the answer was a sign of life: it goes on */
    assert_int_equal(p.closed, 0);
    peer_until(&p, &p.closed);
    assert_int_equal(p.closed, RUNNEL_ETIMEOUT);
    assert_int_equal(t.code, RUNNEL_ETIMEOUT);
    peer_close(&p);
}

/* ---- at, head, ids ---- */

static void on_at(void *arg, const struct runnel_observation *o, const struct runnel_err *err) {
    struct told *t = arg;
    t->n++;
    t->code = err ? err->code : 0;
    if (o)
        (void)snprintf(t->text, sizeof t->text, "%llu %lld %.*s", (unsigned long long)o->seq, (long long)o->time,
                       (int)o->value.n, (const char *)o->value.p);
}

static void on_head(void *arg, const struct runnel_stream_info *s, const struct runnel_err *err) {
    struct told *t = arg;
    char id[RUNNEL_ID_TEXT];
    t->n++;
    t->code = err ? err->code : 0;
    if (s)
        (void)snprintf(t->text, sizeof t->text, "%s %d%d%d %llu %d %lld %s %.*s %d %llu %lld %lld %02x %zu",
                       runnel_id_format(&s->stream, id), s->own, s->subscribed, s->live, (unsigned long long)s->count,
                       s->has_last, (long long)s->last, s->state, (int)s->descriptor.n, (const char *)s->descriptor.p,
                       s->has_head, (unsigned long long)s->head_count, (long long)s->signed_at, (long long)s->through,
                       s->root[31], s->head.n);
}

static void asks_at(void **state) {
    (void)state;
    struct peer p;
    struct told t = {0};
    peer_start(&p, NULL);
    assert_int_equal(runnel_at(p.client, ID, -5, on_at, &t, NULL), 0);
    assert_int_equal(peer_request(&p, "{\"method\":\"at\",\"stream\":\"" ID "\",\"time\":\"-5\"}"), 1);
    peer_json(&p, RN_FRAME_ANSWER, 1, "{\"seq\":3,\"time\":\"-9223372036854775807\",\"value\":{\"a\":[1.50,\"é\"]}}");
    peer_until(&p, &t.n);
    assert_string_equal(t.text, "3 -9223372036854775807 {\"a\":[1.50,\"é\"]}");
    assert_int_equal(runnel_at(p.client, ID, 0, on_at, &t, NULL), 0);
    peer_json(&p, RN_FRAME_ERROR, 2, "{\"code\":\"not-found\",\"message\":\"none\"}");
    t.n = 0;
    peer_until(&p, &t.n);
    assert_int_equal(t.code, RUNNEL_ENOTFOUND);
    assert_int_equal(runnel_at(p.client, ID, 0, on_at, &t, NULL), 0);
    peer_json(&p, RN_FRAME_ANSWER, 3, "{\"seq\":3,\"value\":1}");
    peer_until(&p, &p.closed);
    assert_int_equal(t.code, RUNNEL_EDAMAGED);
    peer_close(&p);
}

static void asks_head(void **state) {
    (void)state;
    struct peer p;
    struct told t = {0};
    static const char root[] = "000000000000000000000000000000000000000000000000000000000000007f";
    char json[600];
    peer_start(&p, NULL);
    assert_int_equal(runnel_head(p.client, ID, on_head, &t, NULL), 0);
    assert_int_equal(peer_request(&p, "{\"method\":\"head\",\"stream\":\"" ID "\"}"), 1);
    (void)snprintf(json, sizeof json,
                   "{\"stream\":\"" ID "\",\"descriptor\":{\"b\":1},\"own\":true,\"subscribed\":false,\"live\":true,"
                   "\"count\":7,\"last\":\"12\",\"state\":\"own\",\"head\":\"0102\",\"head_count\":6,\"root\":\"%s\","
                   "\"signed_at\":\"11\"}",
                   root);
    peer_json(&p, RN_FRAME_ANSWER, 1, json);
    peer_until(&p, &t.n);
    assert_string_equal(t.text, ID " 101 7 1 12 own {\"b\":1} 1 6 11 -9223372036854775808 7f 2");
    t.n = 0;
    assert_int_equal(runnel_head(p.client, ID, on_head, &t, NULL), 0);
    peer_json(&p, RN_FRAME_ANSWER, 2,
              "{\"stream\":\"" ID "\",\"descriptor\":{},\"own\":false,\"subscribed\":true,\"live\":false,\"count\":0,"
              "\"state\":\"looking\"}");
    peer_until(&p, &t.n);
    assert_string_equal(t.text, ID " 010 0 0 0 looking {} 0 0 0 -9223372036854775808 00 0");
    assert_int_equal(runnel_head(p.client, ID, on_head, &t, NULL), 0);
    peer_json(&p, RN_FRAME_ANSWER, 3,
              "{\"stream\":\"" ID "\",\"descriptor\":{},\"own\":false,\"subscribed\":true,\"live\":false,\"count\":0,"
              "\"state\":\"held\",\"head\":\"01\",\"root\":\"00\"}");
    peer_until(&p, &p.closed);
    assert_int_equal(t.code, RUNNEL_EDAMAGED);
    peer_close(&p);
}

static void ids_as_text(void **state) {
    (void)state;
    struct runnel_id id;
    char text[RUNNEL_ID_TEXT];
    assert_int_equal(runnel_id_parse(ID, &id), 0);
    assert_string_equal(runnel_id_format(&id, text), ID);
    assert_true(runnel_id_parse("0011", &id) < 0);
    assert_true(runnel_id_parse("", &id) < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_addresses),
        cmocka_unit_test(nobody_listens_on_tcp),
        cmocka_unit_test(says_hello_first),
        cmocka_unit_test(long_agents_are_refused_or_cut),
        cmocka_unit_test(refuses_hellos),
        cmocka_unit_test(asks_before_the_hello),
        cmocka_unit_test(answers_find_their_requests),
        cmocka_unit_test(wrong_parameters_are_refused_at_once),
        cmocka_unit_test(malformed_answers_end_the_session),
        cmocka_unit_test(malformed_bytes_end_the_session),
        cmocka_unit_test(node_asks_in_vain),
        cmocka_unit_test(node_ends_the_session),
        cmocka_unit_test(closing_in_the_middle_of_a_frame),
        cmocka_unit_test(freeing_ends_what_is_open),
        cmocka_unit_test(freeing_from_a_completion),
        cmocka_unit_test(a_full_queue_is_busy),
        cmocka_unit_test(open_requests_are_bounded),
        cmocka_unit_test(a_node_that_never_greets_is_given_up),
        cmocka_unit_test(silence_is_pinged_then_given_up),
        cmocka_unit_test(asks_at),
        cmocka_unit_test(asks_head),
        cmocka_unit_test(ids_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
