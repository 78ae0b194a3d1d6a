/* SPDX-License-Identifier: MIT
 * client-publish.c — tests: what publish puts on the wire, what it refuses, how it is acknowledged.
 * May touch: unix sockets in a temporary folder.
 */
#include "data/block.h"
#include "tests/unit/check.h"
#include "tests/unit/peer.h"
#include <stdlib.h>
#include <string.h>

static const struct runnel_id stream = {{1, 2, 3}};

struct made {
    int n, code;
    struct runnel_published p;
};

static void on_made(void *arg, const struct runnel_published *p, const struct runnel_err *err) {
    struct made *m = arg;
    m->n++;
    m->code = err ? err->code : 0;
    if (p)
        m->p = *p;
}

static struct runnel_bytes text(const char *s) {
    return (struct runnel_bytes){(const uint8_t *)s, strlen(s)};
}

static void carries_what_it_is_given(void **state) {
    (void)state;
    struct peer p;
    struct made m = {0};
    struct rn_buf want = {0}, answer = {0};
    const struct runnel_observation o[] = {
        {.time = -7, .value = text("1.50")}, {.time = -7, .value = text("\"x\"")}, {.time = 9, .value = text("[]")}};
    peer_start(&p, NULL);
    assert_int_equal(runnel_publish(p.client, &stream, 12, o, 3, on_made, &m, NULL), 0);
    struct rn_frame f = peer_frame(&p);
    assert_int_equal(f.type, RN_FRAME_PUBLISH);
    assert_int_equal(f.id, 1);
    assert_memory_equal(f.stream.b, stream.b, 16);
    assert_int_equal(f.flags, RN_PUBLISH_SEQ);
    assert_int_equal(f.seq, 12);
    assert_int_equal(f.base, -7);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rn_entry_add(&want, i ? o[i - 1].time : -7, o[i].time, o[i].value), 0);
    assert_int_equal(f.body.n, want.n);
    assert_memory_equal(f.body.p, want.p, want.n);
    rn_buf_free(&want);
    assert_int_equal(m.n, 0);
    assert_int_equal(rn_frame_published(&answer, 1, 12, 3, -7, 9), 0);
    p.chunk = 1;
    peer_send_buf(&p, &answer);
    peer_until(&p, &m.n);
    assert_int_equal(m.code, 0);
    assert_int_equal(m.p.seq, 12);
    assert_int_equal(m.p.count, 3);
    assert_int_equal(m.p.first_time, -7);
    assert_int_equal(m.p.last_time, 9);
    peer_close(&p);
}

static void now_is_the_nodes(void **state) {
    (void)state;
    struct peer p;
    struct made m = {0};
    static const uint8_t want[] = {0, 1, '1', 0, 1, '2'};
    const struct runnel_observation o[] = {{.time = RUNNEL_NOW, .value = text("1")},
                                           {.time = RUNNEL_NOW, .value = text("2")}};
    peer_start(&p, NULL);
    assert_int_equal(runnel_publish(p.client, &stream, RUNNEL_ANY, o, 2, on_made, &m, NULL), 0);
    struct rn_frame f = peer_frame(&p);
    assert_int_equal(f.flags, RN_PUBLISH_NOW);
    assert_int_equal(f.base, 0);
    assert_int_equal(f.body.n, sizeof want);
    assert_memory_equal(f.body.p, want, sizeof want);
    peer_json(&p, RN_FRAME_ERROR, 1, "{\"code\":\"full\",\"message\":\"no space\"}");
    peer_until(&p, &m.n);
    assert_int_equal(m.code, RUNNEL_EFULL);
    peer_close(&p);
}

static void refuses_what_a_node_would(void **state) {
    (void)state;
    struct peer p;
    struct runnel_err err;
    char *big = malloc(16385);
    assert_non_null(big);
    memset(big, '1', 16385);
    const struct {
        struct runnel_observation o[2];
        size_t n;
        int code;
    } cases[] = {
        {{{0}}, 0, RUNNEL_EINVALID},
        {{{.value = {NULL, 0}}}, 1, RUNNEL_EINVALID},
        {{{.value = text("1 ")}}, 1, RUNNEL_EINVALID},
        {{{.value = text("nan")}}, 1, RUNNEL_EINVALID},
        {{{.value = text("\"\xff\"")}}, 1, RUNNEL_EINVALID},
        {{{.value = {(const uint8_t *)big, 16385}}}, 1, RUNNEL_ETOOBIG},
        {{{.time = 2, .value = text("1")}, {.time = 1, .value = text("1")}}, 2, RUNNEL_EINVALID},
        {{{.time = 2, .value = text("1")}, {.time = RUNNEL_NOW, .value = text("1")}}, 2, RUNNEL_EINVALID},
        {{{.time = RUNNEL_NOW, .value = text("1")}, {.time = 2, .value = text("1")}}, 2, RUNNEL_EINVALID},
    };
    peer_start(&p, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int r = runnel_publish(p.client, &stream, RUNNEL_ANY, cases[i].o, cases[i].n, on_made, NULL, &err);
        assert_int_equal(r, -cases[i].code);
        assert_true(strlen(err.msg) > 0);
    }
    free(big);
    assert_true(peer_quiet(&p));
    peer_close(&p);
}

/* The largest that the rule of the header allows goes through; a frame's worth more does not. */
static void fills_a_frame_and_no_more(void **state) {
    (void)state;
    struct peer p;
    struct made m = {0};
    struct runnel_err err;
    enum { N = RUNNEL_PUBLISH_BYTES / (2 + RUNNEL_PUBLISH_EACH) };
    struct runnel_observation *o = calloc(4 * N, sizeof *o);
    assert_non_null(o);
    for (size_t i = 0; i < 4 * N; i++)
        o[i].value = text("12");
    /* times so far apart that each delta is as long as can be, once */
    o[1].time = INT64_MAX - N;
    o[0].time = INT64_MIN + 1;
    for (size_t i = 2; i < N; i++)
        o[i].time = o[i - 1].time + 1;
    peer_start(&p, NULL);
    assert_int_equal(runnel_publish(p.client, &stream, 1, o, N, on_made, &m, NULL), 0);
    assert_int_equal(peer_frame(&p).type, RN_FRAME_PUBLISH);
    for (size_t i = 0; i < 4 * N; i++)
        o[i].time = 0;
    assert_int_equal(runnel_publish(p.client, &stream, 1, o, 3 * N, on_made, &m, &err), 0);
    for (size_t i = 0; i < 4 * N; i++)
        o[i].value = text("\"fourteen bytes\"");
    assert_int_equal(runnel_publish(p.client, &stream, 1, o, 4 * N, on_made, &m, &err), -RUNNEL_ETOOBIG);
    free(o);
    peer_close(&p);
    assert_int_equal(m.n, 2);
}

static void a_wrong_answer_ends_the_session(void **state) {
    (void)state;
    struct peer p;
    struct made m = {0};
    const struct runnel_observation o = {.time = 1, .value = text("1")};
    peer_start(&p, NULL);
    assert_int_equal(runnel_publish(p.client, &stream, RUNNEL_ANY, &o, 1, on_made, &m, NULL), 0);
    peer_json(&p, RN_FRAME_ANSWER, 1, "{}");
    peer_until(&p, &p.closed);
    assert_int_equal(m.code, RUNNEL_EDAMAGED);
    assert_int_equal(m.n, 1);
    assert_int_equal(runnel_publish(p.client, &stream, RUNNEL_ANY, &o, 1, on_made, &m, NULL), -RUNNEL_ECLOSED);
    peer_close(&p);
}

/* More than the socket takes at once: it goes out as the node reads, whole and in order. */
static void a_slow_node_gets_everything(void **state) {
    (void)state;
    struct peer p;
    struct made m = {0};
    char *value = malloc(16384);
    assert_non_null(value);
    memset(value, '7', 16384);
    const struct runnel_observation o = {.time = 1, .value = {(const uint8_t *)value, 16384}};
    int n = 0;
    peer_start(&p, NULL);
    while (runnel_publish(p.client, &stream, (uint64_t)n, &o, 1, on_made, &m, NULL) == 0)
        n++;
    assert_true(n > 500 && n < 530); /* 8 MiB */
    free(value);
    for (int i = 0; i < n; i++) {
        struct rn_frame f = peer_frame(&p);
        assert_int_equal(f.type, RN_FRAME_PUBLISH);
        assert_int_equal(f.seq, i);
        assert_int_equal(f.body.p[f.body.n - 1], '7');
    }
    assert_int_equal(runnel_client_queued(p.client), 0);
    peer_close(&p);
    assert_int_equal(m.n, n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_what_it_is_given),        cmocka_unit_test(now_is_the_nodes),
        cmocka_unit_test(refuses_what_a_node_would),       cmocka_unit_test(fills_a_frame_and_no_more),
        cmocka_unit_test(a_wrong_answer_ends_the_session), cmocka_unit_test(a_slow_node_gets_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
