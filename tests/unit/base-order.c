/* SPDX-License-Identifier: MIT
 * base-order.c — tests of list, map and heap: the order is ours, whatever is put in and taken out.
 * May touch: the heap.
 */
#include "base/heap.h"
#include "base/map.h"
#include "check.h"
#include <stdlib.h>
#include <string.h>

static const uint8_t seed16[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* ---- list ---- */

struct item {
    int n;
    struct rn_list link;
};

static void list_order(void **state) {
    struct rn_list head;
    struct item items[4];
    (void)state;
    rn_list_init(&head);
    assert_true(rn_list_empty(&head));
    for (int i = 0; i < 4; i++) {
        items[i].n = i;
        rn_list_init(&items[i].link);
        assert_false(rn_list_linked(&items[i].link));
        if (i < 3)
            rn_list_add(&head, &items[i].link);
    }
    rn_list_push(&head, &items[3].link);
    int want[] = {3, 0, 1, 2}, k = 0;
    rn_list_for (it, &head)
        assert_int_equal(rn_list_of(it, struct item, link)->n, want[k++]);
    assert_int_equal(k, 4);
    k = 0;
    rn_list_for_safe (it, &head) {
        if (k++ % 2 == 0)
            rn_list_del(it);
    }
    assert_int_equal(k, 4);
    rn_list_del(&items[3].link); /* out already: harmless */
    assert_false(rn_list_linked(&items[3].link));
    assert_ptr_equal(head.next, &items[0].link);
    assert_ptr_equal(head.prev, &items[2].link);
}

/* ---- map ---- */

static void map_basics(void **state) {
    struct rn_map *m = rn_map_new(seed16);
    int a, b;
    (void)state;
    assert_null(rn_map_get(m, "k", 1));
    assert_null(rn_map_del(m, "k", 1));
    assert_int_equal(rn_map_put(m, "k", 1, &a), 0);
    assert_int_equal(rn_map_put(m, "k\0", 2, &b), 0);
    assert_int_equal(rn_map_put(m, NULL, 0, NULL), 0);
    assert_int_equal(rn_map_count(m), 3);
    assert_ptr_equal(rn_map_get(m, "k", 1), &a);
    assert_ptr_equal(rn_map_get(m, "k\0", 2), &b);
    assert_int_equal(rn_map_put(m, "k", 1, &b), 0);
    assert_int_equal(rn_map_count(m), 3);
    assert_ptr_equal(rn_map_del(m, "k", 1), &b);
    assert_null(rn_map_get(m, "k", 1));
    assert_int_equal(rn_map_count(m), 2);
    rn_map_free(m);
    rn_map_free(NULL);
}

static void map_copies_keys(void **state) {
    struct rn_map *m = rn_map_new(seed16);
    char key[] = "key";
    int v;
    (void)state;
    assert_int_equal(rn_map_put(m, key, 3, &v), 0);
    key[0] = 'x';
    assert_ptr_equal(rn_map_get(m, "key", 3), &v);
    rn_map_for (e, m) {
        assert_int_equal(e->n_key, 3);
        assert_memory_equal(e->key, "key", 3);
        e->val = NULL;
    }
    assert_null(rn_map_get(m, "key", 3));
    rn_map_free(m);
}

#define KEYS 300

/* The map against an array of keys in order of insertion, under random work. */
struct model {
    uint32_t keys[KEYS];
    uintptr_t vals[KEYS];
    size_t n;
};

static size_t model_find(const struct model *x, uint32_t key) {
    size_t i = 0;
    while (i < x->n && x->keys[i] != key)
        i++;
    return i;
}

static void model_del(struct model *x, size_t i) {
    x->n--;
    memmove(x->keys + i, x->keys + i + 1, (x->n - i) * sizeof *x->keys);
    memmove(x->vals + i, x->vals + i + 1, (x->n - i) * sizeof *x->vals);
}

static void same(struct rn_map *m, const struct model *x) {
    size_t i = 0;
    assert_int_equal(rn_map_count(m), x->n);
    rn_map_for (e, m) {
        assert_true(i < x->n && e->n_key == sizeof x->keys[i]);
        assert_memory_equal(e->key, &x->keys[i], sizeof x->keys[i]);
        assert_ptr_equal(e->val, (void *)x->vals[i]);
        i++;
    }
    assert_int_equal(i, x->n);
}

static void map_against_model(void **state) {
    struct rn_map *m = rn_map_new(seed16);
    struct model x = {.n = 0};
    uint64_t seed = 4;
    (void)state;
    for (unsigned step = 0; step < 60000; step++) {
        uint32_t key = (uint32_t)check_below(&seed, KEYS);
        size_t i = model_find(&x, key);
        if (check_below(&seed, 1000) < (step / 10000 % 2 ? 300 : 700)) {
            uintptr_t val = step + 1u;
            assert_int_equal(rn_map_put(m, &key, sizeof key, (void *)val), 0);
            if (i == x.n)
                x.keys[x.n++] = key;
            x.vals[i] = val;
        } else {
            void *val = rn_map_del(m, &key, sizeof key);
            assert_ptr_equal(val, i < x.n ? (void *)x.vals[i] : NULL);
            if (i < x.n)
                model_del(&x, i);
        }
        if (step % 100 == 0)
            same(m, &x);
    }
    same(m, &x);
    rn_map_free(m);
}

/* The order neither hangs on the hash's secret nor changes when buckets are made anew. */
static void map_order_is_insertion(void **state) {
    (void)state;
    for (unsigned s = 0; s < 8; s++) {
        uint8_t secret[16] = {(uint8_t)s};
        struct rn_map *m = rn_map_new(secret);
        for (uint32_t i = 0; i < 5000; i++) {
            uint32_t key = i * 2654435761u;
            assert_int_equal(rn_map_put(m, &key, sizeof key, (void *)((uintptr_t)i + 1)), 0);
        }
        uintptr_t want = 1;
        rn_map_for (e, m)
            assert_ptr_equal(e->val, (void *)want++);
        assert_int_equal(want, 5001);
        rn_map_free(m);
    }
}

static void map_delete_while_walking(void **state) {
    struct rn_map *m = rn_map_new(seed16);
    (void)state;
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(rn_map_put(m, &i, sizeof i, (void *)((uintptr_t)i + 1)), 0);
    uint32_t seen = 0, extra = 100000;
    rn_map_for (e, m) {
        uint32_t key;
        memcpy(&key, e->key, sizeof key);
        if (key >= 100000)
            break; /* those added on the way come last */
        assert_int_equal(key, seen++);
        if (key % 3 != 0)
            assert_ptr_equal(rn_map_del(m, &key, sizeof key), (void *)((uintptr_t)key + 1));
        else if (extra < 101000) {
            assert_int_equal(rn_map_put(m, &extra, sizeof extra, NULL), 0);
            extra++;
        }
    }
    assert_int_equal(seen, 1000);
    assert_int_equal(rn_map_count(m), 334 + 334);
    rn_map_for (e, m)
        rn_map_del(m, e->key, e->n_key);
    assert_int_equal(rn_map_count(m), 0);
    rn_map_free(m);
}

/* ---- heap ---- */

static void heap_fifo(void **state) {
    struct rn_heap h = {0};
    struct rn_timer t[100] = {{0}};
    (void)state;
    assert_null(rn_heap_first(&h));
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(rn_heap_set(&h, &t[i], i % 2 ? 7 : -7), 0);
    rn_heap_set(&h, &t[0], -7); /* set again: now the last of its equals */
    for (size_t k = 0; k < 100; k++) {
        size_t want = k < 49 ? 2 * k + 2 : k == 49 ? 0 : 2 * (k - 50) + 1;
        assert_ptr_equal(rn_heap_first(&h), &t[want]);
        assert_true(rn_timer_set(&t[want]));
        rn_heap_del(&h, &t[want]);
        assert_false(rn_timer_set(&t[want]));
        rn_heap_del(&h, &t[want]);
    }
    assert_null(rn_heap_first(&h));
    rn_heap_free(&h);
}

static void heap_extremes(void **state) {
    struct rn_heap h = {0};
    struct rn_timer late = {0}, soon = {0};
    (void)state;
    rn_heap_set(&h, &late, INT64_MAX);
    rn_heap_set(&h, &soon, INT64_MIN);
    assert_ptr_equal(rn_heap_first(&h), &soon);
    rn_heap_free(&h);
    assert_false(rn_timer_set(&late));
    assert_false(rn_timer_set(&soon));
    assert_null(rn_heap_first(&h));
}

#define TIMERS 64

/* The first by (deadline, order of insertion), found by looking at all. */
static struct rn_timer *naive_first(struct rn_timer *t, const uint64_t *born) {
    struct rn_timer *best = NULL;
    for (size_t i = 0; i < TIMERS; i++) {
        if (!rn_timer_set(&t[i]))
            continue;
        if (!best || t[i].at < best->at || (t[i].at == best->at && born[i] < born[best - t]))
            best = &t[i];
    }
    return best;
}

static void heap_against_model(void **state) {
    struct rn_heap h = {0};
    struct rn_timer t[TIMERS] = {{0}};
    uint64_t born[TIMERS] = {0}, seed = 5;
    size_t live = 0;
    (void)state;
    for (uint64_t step = 0; step < 200000; step++) {
        size_t i = check_below(&seed, TIMERS);
        int was = rn_timer_set(&t[i]);
        switch (check_below(&seed, 4)) {
        case 0:
        case 1:
            born[i] = step;
            assert_int_equal(rn_heap_set(&h, &t[i], (int64_t)check_below(&seed, 20) - 10), 0);
            live += was ? 0 : 1;
            break;
        case 2:
            rn_heap_del(&h, &t[i]);
            live -= was ? 1 : 0;
            break;
        default:
            if (rn_heap_first(&h)) {
                rn_heap_del(&h, rn_heap_first(&h));
                live--;
            }
        }
        assert_int_equal(h.n, live);
        assert_ptr_equal(rn_heap_first(&h), naive_first(t, born));
    }
    rn_heap_free(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_order),
        cmocka_unit_test(map_basics),
        cmocka_unit_test(map_copies_keys),
        cmocka_unit_test(map_against_model),
        cmocka_unit_test(map_order_is_insertion),
        cmocka_unit_test(map_delete_while_walking),
        cmocka_unit_test(heap_fifo),
        cmocka_unit_test(heap_extremes),
        cmocka_unit_test(heap_against_model),
    };
    return cmocka_run_group_tests_name("base order", tests, NULL, NULL);
}
