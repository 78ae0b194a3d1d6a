/* SPDX-License-Identifier: MIT
 * base-memory.c — tests that each allocation may fail: a clear code, nothing changed, nothing leaked.
 * May touch: the heap, through malloc, calloc and realloc of its own (see base.mk), which fail when told to.
 */
#include "base/buf.h"
#include "base/chunks.h"
#include "base/heap.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/map.h"
#include "base/request.h"
#include "check.h"
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

/* The linker puts these functions in the place of malloc's family, so there is no argument that could
 * carry the countdown: the only such variable, and only in this test. */
static long until_failure = -1;

static int fails(void) {
    if (until_failure > 0)
        until_failure--;
    return until_failure == 0;
}

void *__wrap_malloc(size_t n) {
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n) {
    return fails() ? NULL : __real_realloc(p, n);
}

/* From the k-th allocation on all fail; -1: none. */
static void fail_from(long k) {
    until_failure = k;
}

static void buf(void **state) {
    struct rn_buf b = {0};
    (void)state;
    rn_buf_str(&b, "kept");
    fail_from(1);
    uint8_t *room = rn_buf_room(&b, 1000);
    int added = rn_buf_str(&b, "x"), printed = rn_buf_fmt(&b, "%d", 1);
    fail_from(-1);
    assert_null(room);
    assert_int_equal(added, -RUNNEL_ENOMEM);
    assert_int_equal(printed, -RUNNEL_ENOMEM);
    assert_int_equal(b.failed, -RUNNEL_ENOMEM);
    assert_int_equal(b.n, 4);
    assert_memory_equal(b.p, "kept", 4);
    rn_buf_clear(&b);
    assert_int_equal(rn_buf_str(&b, "x"), 0);
    rn_buf_free(&b);
}

static void map(void **state) {
    static const uint8_t seed[16] = {1};
    (void)state;
    for (long k = 1; k <= 2; k++) {
        fail_from(k);
        struct rn_map *none = rn_map_new(seed);
        fail_from(-1);
        assert_null(none);
    }
    struct rn_map *m = rn_map_new(seed);
    for (uint32_t i = 0; i < 1000; i++) {
        fail_from(1);
        int rc = rn_map_put(m, &i, sizeof i, &i);
        fail_from(-1);
        assert_int_equal(rc, -RUNNEL_ENOMEM);
        assert_int_equal(rn_map_count(m), i);
        assert_null(rn_map_get(m, &i, sizeof i));
        assert_int_equal(rn_map_put(m, &i, sizeof i, NULL), 0);
        fail_from(1); /* a key that is there needs no memory */
        rc = rn_map_put(m, &i, sizeof i, m);
        fail_from(-1);
        assert_int_equal(rc, 0);
    }
    rn_map_free(m);
}

static void heap(void **state) {
    struct rn_heap h = {0};
    struct rn_timer t[64] = {{0}}, extra = {0};
    (void)state;
    size_t failed = 0;
    for (size_t i = 0; i < 64; i++) {
        fail_from(1);
        int rc = rn_heap_set(&h, &t[i], (int64_t)i);
        fail_from(-1);
        if (rc < 0) {
            assert_int_equal(rc, -RUNNEL_ENOMEM);
            assert_false(rn_timer_set(&t[i]));
            assert_int_equal(rn_heap_set(&h, &t[i], (int64_t)i), 0);
            failed++;
        }
    }
    assert_in_range(failed, 1, 10);
    fail_from(1); /* moving cannot fail, even when the array is full */
    int rc = rn_heap_set(&h, &t[63], -1);
    int full = rn_heap_set(&h, &extra, 0);
    fail_from(-1);
    assert_int_equal(rc, 0);
    assert_int_equal(full, -RUNNEL_ENOMEM);
    assert_ptr_equal(rn_heap_first(&h), &t[63]);
    rn_heap_free(&h);
}

static void ids(void **state) {
    static struct rn_id_entry e[600];
    struct rn_ids s;
    size_t failed = 0;
    (void)state;
    rn_ids_init(&s, 1);
    for (size_t i = 0; i < 600; i++) {
        fail_from(1);
        int rc = rn_ids_add(&s, &e[i], i);
        fail_from(-1);
        if (rc != 0) { /* it had to grow: it is as before, and can be added later */
            assert_int_equal(rc, -RUNNEL_ENOMEM);
            assert_null(rn_ids_find(&s, i));
            assert_int_equal(s.n, i);
            assert_int_equal(rn_ids_add(&s, &e[i], i), 0);
            failed++;
        }
        assert_ptr_equal(rn_ids_find(&s, i), &e[i]);
    }
    assert_in_range(failed, 1, 10);
    rn_ids_free(&s);
}

static void chunks(void **state) {
    struct rn_chunks c = {.now = NULL};
    (void)state;
    fail_from(1);
    void *none = rn_chunks_get(&c, 100), *large = rn_chunks_get(&c, 100000);
    fail_from(-1);
    assert_null(none);
    assert_null(large);
    void *p = rn_chunks_get(&c, 100), *more[200];
    assert_non_null(p);
    size_t got = 0;
    fail_from(1); /* what the chunk at hand has room for needs no memory */
    while (got < 200 && (more[got] = rn_chunks_get(&c, 1000)) != NULL)
        got++;
    fail_from(-1);
    assert_in_range(got, 60, 66);
    rn_chunks_put(&c, p);
    while (got > 0)
        rn_chunks_put(&c, more[--got]);
    rn_chunks_free(&c);
}

/* Parses with the first allocation failing, then the second and so on; returns how many there are. */
static long parse_failing(const void *p, size_t n) {
    for (long k = 1;; k++) {
        struct rn_json *t;
        struct runnel_err e = {0};
        fail_from(k);
        int rc = rn_json_parse(p, n, NULL, &t, NULL, &e);
        fail_from(-1);
        assert_int_equal(rc, rc == 0 ? 0 : -RUNNEL_ENOMEM);
        assert_int_equal(e.code, -rc);
        assert_true((t != NULL) == (rc == 0));
        rn_json_free(t);
        if (rc == 0)
            return k - 1;
    }
}

static void json(void **state) {
    static const char part[] = "{\"name\":[1,2.5,\"x\\ny\",null,true,{\"a\":\"b\",\"c\":{}},"
                               "{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0,\"f\":0,\"g\":0,\"h\":0,\"i\":0,\"j\":0,"
                               "\"k\":0,\"l\":0,\"m\":0,\"n\":0,\"o\":0,\"p\":0,\"q\":0}]}";
    struct rn_buf text = {0};
    (void)state;
    rn_buf_byte(&text, '[');
    for (int i = 0; i < 100; i++) {
        rn_buf_str(&text, i ? "," : "");
        rn_buf_str(&text, part);
    }
    rn_buf_byte(&text, ']');
    assert_true(parse_failing(text.p, text.n) > 100); /* each check for doubled names, each chunk of the tree */
    rn_buf_free(&text);
}

/* yajl does not check its allocations: what is reserved for it must do for tokens of any length. */
static void json_long_tokens(void **state) {
    static const struct {
        const char *begin, *part, *end;
    } rows[] = {
        {"", "1", ""}, {"-", "1", ""}, {"\"", "\\n", "\""}, {"{\"", "\\t", "\":\"\\n\"}"}, {"[\"\\u00fc", "x", "\"]"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t parts = 1; parts <= 32000; parts = parts * 5 / 4 + 1) {
            struct rn_buf text = {0};
            rn_buf_str(&text, rows[i].begin);
            for (size_t k = 0; k < parts; k++)
                rn_buf_str(&text, rows[i].part);
            rn_buf_str(&text, rows[i].end);
            assert_true(parse_failing(text.p, text.n) >= 2);
            rn_buf_free(&text);
        }
    }
}

static void compact(void **state) {
    struct rn_buf out = {0};
    (void)state;
    for (long k = 1; k <= 2; k++) {
        struct runnel_err e = {0};
        fail_from(k);
        int rc = rn_value_compact("[ 1 ]", 5, &out, &e);
        fail_from(-1);
        assert_int_equal(rc, -RUNNEL_ENOMEM);
        assert_int_equal(e.code, RUNNEL_ENOMEM);
        assert_int_equal(out.n, 0);
        rn_buf_clear(&out);
    }
    assert_int_equal(rn_value_compact("[ 1 ]", 5, &out, NULL), 0);
    rn_buf_free(&out);
}

static void refused(void *arg, const struct runnel_err *err) {
    assert_int_equal(err->code, RUNNEL_ENOMEM);
    ++*(unsigned *)arg;
}

static void requests_wait_to_be_refused(void **state) {
    struct rn_request_room room;
    struct rn_request *r[RN_REQUEST_SPARES];
    const struct runnel_bytes key = {(const uint8_t *)"k", 1}, none = {0};
    const struct runnel_change change = {.what = RUNNEL_PUT, .key = key};
    unsigned count = 0;
    (void)state;
    fail_from(RN_REQUEST_SPARES);
    assert_int_equal(rn_request_room_init(&room), -RUNNEL_ENOMEM);
    fail_from(-1);
    assert_int_equal(rn_request_room_init(&room), 0);
    for (unsigned round = 0; round < 2; round++) {
        fail_from(1);
        for (unsigned k = 0; k < RN_REQUEST_SPARES; k++)
            r[k] = k % 2 ? rn_request_commit(&room, &change, 1, refused, &count)
                         : rn_request_scan(&room, none, none, 0, NULL, refused, &count);
        assert_int_equal(count, 0);
        struct rn_request *more = rn_request_commit(&room, &change, 1, refused, &count);
        fail_from(-1);
        assert_null(more);
        assert_int_equal(count, 1); /* the one case in which it comes at once */
        for (unsigned k = 0; k < RN_REQUEST_SPARES; k++) {
            assert_true(r[k] && r[k]->refused);
            rn_request_end(r[k], r[k]->refused);
        }
        assert_int_equal(count, 1 + RN_REQUEST_SPARES);
        count = 0;
    }
    rn_request_room_free(&room);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf),
        cmocka_unit_test(map),
        cmocka_unit_test(heap),
        cmocka_unit_test(ids),
        cmocka_unit_test(chunks),
        cmocka_unit_test(json),
        cmocka_unit_test(json_long_tokens),
        cmocka_unit_test(compact),
        cmocka_unit_test(requests_wait_to_be_refused),
    };
    return cmocka_run_group_tests_name("base memory", tests, NULL, NULL);
}
