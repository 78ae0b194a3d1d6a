/* SPDX-License-Identifier: MIT
 * node-store.c — tests of store.h: changes that are gathered are, piece by piece, what is asked of the storage.
 * May touch: nothing.
 */
#include "check.h"
#include "node/store.h"
#include <stdlib.h>
#include <string.h>

#define RECORDS 128u
#define RECORD_MOST 4096u

/* A storage that knows put and append, strictly. */
struct kept {
    size_t n, n_changes;
    struct {
        uint8_t key[RUNNEL_KEY_MAX], val[RECORD_MOST];
        size_t n_key, n_val;
    } v[RECORDS];
};

static void commit(void *self, const struct runnel_change *changes, size_t n, runnel_done *done, void *arg) {
    struct kept *k = self;
    (void)done;
    (void)arg;
    k->n_changes += n;
    for (size_t i = 0; i < n; i++) {
        const struct runnel_change *c = &changes[i];
        size_t at = 0;
        while (at < k->n && (k->v[at].n_key != c->key.n || memcmp(k->v[at].key, c->key.p, c->key.n) != 0))
            at++;
        if (at == k->n) {
            assert_true(k->n++ < RECORDS);
            memcpy(k->v[at].key, c->key.p, c->key.n);
            k->v[at].n_key = c->key.n;
        }
        assert_true(c->what == RUNNEL_PUT || (c->what == RUNNEL_APPEND && c->off == k->v[at].n_val));
        size_t off = c->what == RUNNEL_PUT ? 0 : k->v[at].n_val;
        assert_true(c->data.n <= RECORD_MOST - off);
        memcpy(k->v[at].val + off, c->data.p, c->data.n);
        k->v[at].n_val = off + c->data.n;
    }
}

static const struct runnel_storage ops = {.size = sizeof ops, .commit = commit};

static void ask(struct kept *k, struct rn_changes *c) {
    struct rn_store s = {.ops = &ops, .self = k};
    assert_int_equal(rn_store_commit(&s, c, NULL, NULL), 0);
}

/* One entry of a tree, with bytes that tell which it is. */
static void add_node(struct rn_changes *c, size_t *at, uint32_t number, uint32_t level, uint64_t index) {
    uint8_t entry[RN_LEAF_ENTRY];
    uint32_t off, n = rn_entry_size(level);
    struct rn_place p = rn_place_node(number, level, index, &off);
    for (size_t i = 0; i < n; i++)
        entry[i] = (uint8_t)(number * 101 + level * 31 + index * 7 + i);
    if (at)
        rn_changes_grow(c, at, &p, off, (struct runnel_bytes){entry, n}, (uint64_t)RN_PACK * n);
    else
        rn_changes_append(c, &p, off, (struct runnel_bytes){entry, n});
}

/* Two trees that grow in turn over several commits, with other changes in between. `grown`: by rn_changes_grow. */
static void grow_trees(struct kept *k, int grown) {
    struct rn_changes c = {.n = 0};
    static const uint64_t ends[] = {0, 1, 5, 31, 32, 40, 100, 129, 129, 200};
    for (size_t round = 1; round < sizeof ends / sizeof ends[0]; round++) {
        size_t at[2][8] = {{0}};
        for (uint64_t index = ends[round - 1]; index < ends[round]; index++)
            for (uint32_t number = 0; number < 2; number++) {
                for (uint32_t level = 0; level < 8 && (index + 1) % ((uint64_t)1 << level) == 0; level++)
                    add_node(&c, grown ? &at[number][level] : NULL, number, level, index >> level);
                if (index % 9 == number) {
                    struct rn_place p = rn_place_block(number, index);
                    rn_changes_replace(&c, &p, (struct runnel_bytes){(const uint8_t *)"block", 5});
                }
            }
        ask(k, &c);
    }
    rn_changes_free(&c);
}

static void what_grows_is_what_would_be_appended(void **state) {
    struct kept *grown = calloc(1, sizeof *grown), *appended = calloc(1, sizeof *appended);
    (void)state;
    assert_true(grown && appended);
    grow_trees(grown, 1);
    grow_trees(appended, 0);
    assert_int_equal(grown->n, appended->n);
    for (size_t i = 0; i < grown->n; i++) { /* first touched in the same order */
        assert_int_equal(grown->v[i].n_key, appended->v[i].n_key);
        assert_memory_equal(grown->v[i].key, appended->v[i].key, grown->v[i].n_key);
        assert_int_equal(grown->v[i].n_val, appended->v[i].n_val);
        assert_memory_equal(grown->v[i].val, appended->v[i].val, grown->v[i].n_val);
    }
    assert_true(grown->n_changes < appended->n_changes / 3);
    free(grown);
    free(appended);
}

/* What does not go right behind the change at hand is a change of its own. */
static void what_does_not_go_on_is_apart(void **state) {
    struct kept *k = calloc(1, sizeof *k);
    struct rn_changes c = {.n = 0};
    size_t at = 0;
    (void)state;
    assert_non_null(k);
    add_node(&c, &at, 1, 0, 0);
    assert_int_equal(at, 1);
    add_node(&c, &at, 2, 0, 1); /* another record */
    assert_int_equal(c.n, 2);
    assert_int_equal(at, 2);
    add_node(&c, &at, 2, 0, 2); /* goes on */
    assert_int_equal(c.n, 2);
    add_node(&c, &at, 2, 0, 4); /* leaves one out */
    assert_int_equal(c.n, 3);
    rn_changes_clear(&c);
    at = 0;
    for (uint64_t i = 0; i < RN_PACK; i++)
        add_node(&c, &at, 1, 0, i);
    assert_int_equal(c.n, 1);
    add_node(&c, &at, 1, 0, RN_PACK); /* the next pack */
    assert_int_equal(c.n, 2);
    ask(k, &c);
    assert_int_equal(k->n, 2);
    assert_int_equal(k->v[0].n_val, RN_PACK * rn_entry_size(0));
    assert_int_equal(k->v[1].n_val, rn_entry_size(0));
    rn_changes_free(&c);
    free(k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_grows_is_what_would_be_appended),
        cmocka_unit_test(what_does_not_go_on_is_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
