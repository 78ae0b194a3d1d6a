/* SPDX-License-Identifier: MIT
 * base-ids.c — tests of ids.h and chunks.h: what is found by a number, and pieces that pass through.
 * May touch: the heap.
 */
#include "base/chunks.h"
#include "base/ids.h"
#include "check.h"
#include <stdlib.h>
#include <string.h>

#define MANY 5000u

struct thing {
    struct rn_id_entry entry;
    int in;
};

/* Adds and takes out at random; compared with what each thing says of itself. */
static void come_and_go(uint64_t secret, uint64_t step) {
    struct thing *t = test_calloc(MANY, sizeof *t);
    struct rn_ids s;
    uint64_t random = 1;
    size_t n = 0;
    rn_ids_init(&s, secret);
    for (unsigned round = 0; round < 10 * MANY; round++) {
        size_t i = check_below(&random, MANY);
        uint64_t id = i * step;
        assert_ptr_equal(rn_ids_find(&s, id), t[i].in ? &t[i].entry : NULL);
        if (t[i].in)
            rn_ids_del(&s, &t[i].entry);
        else
            assert_int_equal(rn_ids_add(&s, &t[i].entry, id), 0);
        t[i].in = !t[i].in;
        n = t[i].in ? n + 1 : n - 1;
        assert_int_equal(s.n, n);
    }
    for (size_t i = 0; i < MANY; i++) {
        if (t[i].in)
            rn_ids_del(&s, &t[i].entry);
        assert_null(rn_ids_find(&s, i * step));
    }
    assert_int_equal(s.n, 0);
    assert_true(rn_list_empty(&s.order));
    rn_ids_free(&s);
    test_free(t);
}

static void are_found(void **state) {
    (void)state;
    come_and_go(0, 1);
    come_and_go(UINT64_C(0x9e3779b97f4a7c15), 1);
    come_and_go(UINT64_C(0x9e3779b97f4a7c15), UINT64_C(1) << 50);
    come_and_go(UINT64_MAX, UINT64_C(0x100000001));
}

static void keep_their_order(void **state) {
    struct thing t[300];
    struct rn_ids s;
    uint64_t want = 0;
    (void)state;
    rn_ids_init(&s, 12345);
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(rn_ids_add(&s, &t[i].entry, 1000u - i), 0);
    for (unsigned i = 0; i < 300; i += 3)
        rn_ids_del(&s, &t[i].entry);
    rn_list_for (it, &s.order) {
        want += want % 3 == 0;
        assert_int_equal(rn_list_of(it, struct rn_id_entry, order)->id, 1000u - want);
        want++;
    }
    rn_ids_free(&s);
    assert_null(rn_ids_find(&s, 999));
    assert_int_equal(rn_ids_add(&s, &t[0].entry, 7), 0);
    assert_ptr_equal(rn_ids_find(&s, 7), &t[0].entry);
    rn_ids_free(&s);
}

/* An idle session is to keep next to nothing of a busy hour. */
static void keep_little(void **state) {
    struct thing *t = test_calloc(MANY, sizeof *t);
    struct rn_ids s;
    (void)state;
    rn_ids_init(&s, 1);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(rn_ids_add(&s, &t[i].entry, i), 0);
    assert_true(s.buckets != NULL && s.bits >= 12);
    for (unsigned i = 0; i < MANY; i++)
        rn_ids_del(&s, &t[i].entry);
    assert_null(s.buckets);
    assert_int_equal(rn_ids_add(&s, &t[0].entry, 1), 0);
    assert_int_equal(s.bits, 4);
    rn_ids_free(&s);
    test_free(t);
}

/* ---- chunks ---- */

struct held {
    uint8_t *p;
    size_t n;
    uint8_t fill;
};

static void check(const struct held *h) {
    for (size_t i = 0; i < h->n; i++)
        assert_int_equal(h->p[i], h->fill);
}

static void pieces_stand_alone(void **state) {
    static const size_t sizes[] = {1, 17, 160, 4000, 16000, 66000, 200000};
    struct rn_chunks c = {.now = NULL};
    struct held h[400] = {{.n = 0}};
    uint64_t random = 2;
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct held *x = &h[check_below(&random, 400)];
        if (x->p) {
            check(x);
            rn_chunks_put(&c, x->p);
            x->p = NULL;
            continue;
        }
        x->n = sizes[check_below(&random, round % 16 ? 4 : 7)];
        x->fill = (uint8_t)check_random(&random);
        x->p = rn_chunks_get(&c, x->n);
        assert_non_null(x->p);
        assert_int_equal((uintptr_t)x->p % 16, 0);
        memset(x->p, x->fill, x->n);
    }
    for (unsigned i = 0; i < 400; i++)
        if (h[i].p) {
            check(&h[i]);
            rn_chunks_put(&c, h[i].p);
        }
    rn_chunks_free(&c);
    assert_null(rn_chunks_get(&c, SIZE_MAX - 8));
}

/* What passes through, a few at a time, stays within one chunk. */
static void memory_comes_back(void **state) {
    struct rn_chunks c = {.now = NULL};
    (void)state;
    void *first = rn_chunks_get(&c, 100), *second = rn_chunks_get(&c, 100);
    rn_chunks_put(&c, first);
    rn_chunks_put(&c, second);
    for (unsigned i = 0; i < 10000; i++) {
        void *p = rn_chunks_get(&c, 100);
        assert_ptr_equal(p, first);
        rn_chunks_put(&c, p);
    }
    rn_chunks_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_found),          cmocka_unit_test(keep_their_order),  cmocka_unit_test(keep_little),
        cmocka_unit_test(pieces_stand_alone), cmocka_unit_test(memory_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
