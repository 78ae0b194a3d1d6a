/* SPDX-License-Identifier: MIT
 * suite.c — the storage conformance suite: what storage.h promises, of any engine. Argument: the plugin's .so.
 * May touch: store.h, child processes, temporary directories.
 */
#include "tests/conformance/storage/store.h"
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- one call at a time ---- */

static void put_append_erase(void **state) {
    struct store s;
    store_open(&s, *state, NULL);
    store_expect(&s, "a", NULL);
    assert_int_equal(store_put(&s, "a", "one"), 0);
    store_expect(&s, "a", "one");
    assert_int_equal(store_put(&s, "a", "x"), 0);
    store_expect(&s, "a", "x");
    assert_int_equal(store_append(&s, "a", 1, "yz"), 0);
    assert_int_equal(store_append(&s, "a", 3, ""), 0);
    store_expect(&s, "a", "xyz");
    assert_int_equal(store_append(&s, "b", 0, "new"), 0);
    store_expect(&s, "b", "new");
    assert_int_equal(store_put(&s, "c", ""), 0);
    store_expect(&s, "c", "");
    assert_int_equal(store_append(&s, "c", 0, "now"), 0);
    store_expect(&s, "c", "now");
    assert_int_equal(store_append(&s, "d", 0, ""), 0);
    store_expect(&s, "d", "");
    assert_int_equal(store_erase(&s, "a", ""), 0);
    store_expect(&s, "a", NULL);
    assert_int_equal(store_erase(&s, "a", ""), 0);
    store_expect_scan(&s, "", "", 0, "b=new c=now d= ");
    store_close(&s);
}

static void an_append_at_the_wrong_offset_conflicts(void **state) {
    struct store s;
    store_open(&s, *state, NULL);
    assert_int_equal(store_append(&s, "a", 1, "x"), RUNNEL_ECONFLICT);
    assert_int_equal(store_put(&s, "a", "12345"), 0);
    assert_int_equal(store_append(&s, "a", 4, "x"), RUNNEL_ECONFLICT);
    assert_int_equal(store_append(&s, "a", 6, "x"), RUNNEL_ECONFLICT);
    assert_int_equal(store_append(&s, "a", 0, "x"), RUNNEL_ECONFLICT);
    assert_int_equal(store_append(&s, "a", 4, ""), RUNNEL_ECONFLICT);
    assert_int_equal(store_append(&s, "a", 5 + (UINT64_C(1) << 32), "x"), RUNNEL_ETOOBIG);
    store_expect_scan(&s, "", "", 0, "a=12345 ");
    store_close(&s);
}

static void ranges_are_erased(void **state) {
    struct store s;
    store_open(&s, *state, NULL);
    static const char *const keys[] = {"a", "aa", "ab", "b", "ba", "c"};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
        assert_int_equal(store_put(&s, keys[k], "1"), 0);
    assert_int_equal(store_erase(&s, "b", "a"), 0); /* an empty range */
    assert_int_equal(store_erase(&s, "aa", "aa"), 0);
    store_expect_scan(&s, "", "", 0, "a=1 aa=1 ab=1 b=1 ba=1 c=1 ");
    assert_int_equal(store_erase(&s, "aa", "b"), 0);
    store_expect_scan(&s, "", "", 0, "a=1 b=1 ba=1 c=1 ");
    assert_int_equal(store_erase(&s, "b", ""), 0); /* itself, not what it begins */
    store_expect_scan(&s, "", "", 0, "a=1 ba=1 c=1 ");
    assert_int_equal(store_erase(&s, "\x01", "\xff"), 0);
    store_expect_scan(&s, "", "", 0, "");
    store_close(&s);
}

static void scans_are_ordered_and_bounded(void **state) {
    struct store s;
    store_open(&s, *state, NULL);
    store_expect_scan(&s, "", "", 0, "");
    static const char *const keys[] = {"b", "aa", "c", "a", "ab", "\x7f", "\x80", "\xff", "aaa", "B"};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
        assert_int_equal(store_put(&s, keys[k], "1"), 0);
    store_expect_scan(&s, "", "", 0, "B=1 a=1 aa=1 aaa=1 ab=1 b=1 c=1 \x7f=1 \x80=1 \xff=1 ");
    store_expect_scan(&s, "", "", 3, "B=1 a=1 aa=1 ");
    store_expect_scan(&s, "", "", 10, "B=1 a=1 aa=1 aaa=1 ab=1 b=1 c=1 \x7f=1 \x80=1 \xff=1 ");
    store_expect_scan(&s, "aa", "b", 0, "aa=1 aaa=1 ab=1 ");
    store_expect_scan(&s, "aa", "b", 1, "aa=1 ");
    store_expect_scan(&s, "a0", "ab", 9, "aa=1 aaa=1 ");
    store_expect_scan(&s, "b", "", 2, "b=1 c=1 ");
    store_expect_scan(&s, "b", "b", 0, "");
    store_expect_scan(&s, "c", "a", 0, "");
    store_expect_scan(&s, "\xff\xff", "", 0, "");
    store_close(&s);
}

static void keys_are_any_bytes(void **state) {
    struct store s;
    store_open(&s, *state, NULL);
    static const uint8_t keys[][3] = {{0, 0, 0}, {0, 0, 1}, {0, 255, 0}, {255, 0, 0}, {255, 255, 255}};
    for (size_t k = 0; k < 5; k++)
        for (size_t n = 1; n <= 3; n++) {
            struct runnel_change c = {.what = RUNNEL_PUT, .key = {keys[k], n}, .data = {keys[k], n}};
            assert_int_equal(store_commit(&s, &c, 1), 0);
        }
    struct listing l;
    store_scan(&s, text(""), text(""), 0, &l);
    assert_int_equal(l.n, 11); /* 00 0000 000000 000001 00ff 00ff00 ff ff00 ff0000 ffff ffffff */
    for (size_t k = 1; k < l.n; k++) {
        const struct listed *a = &l.v[k - 1], *b = &l.v[k];
        int order = memcmp(a->key, b->key, a->n_key < b->n_key ? a->n_key : b->n_key);
        assert_true(order < 0 || (order == 0 && a->n_key < b->n_key));
        assert_int_equal(b->n_val, b->n_key);
        assert_memory_equal(b->val, b->key, b->n_key);
    }
    listing_free(&l);
    store_close(&s);
}

/* ---- limits ---- */

static void keys_have_1_to_64_bytes(void **state) {
    struct store s;
    struct answer a;
    struct listing l;
    uint8_t key[RUNNEL_KEY_MAX + 1];
    memset(key, 'k', sizeof key);
    store_open(&s, *state, NULL);
    for (uint32_t what = RUNNEL_PUT; what <= RUNNEL_ERASE; what++)
        for (size_t n = 0; n <= 65; n++) {
            struct runnel_change c = {.what = what, .key = {key, n}};
            assert_int_equal(store_commit(&s, &c, 1), n < 1 || n > 64 ? RUNNEL_EINVALID : RUNNEL_OK);
            store_get(&s, c.key, 0, 1, &a);
            assert_int_equal(a.code, n < 1 || n > 64        ? RUNNEL_EINVALID
                                     : what == RUNNEL_ERASE ? RUNNEL_ENOTFOUND
                                                            : RUNNEL_OK);
            answer_free(&a);
        }
    struct runnel_change range = {.what = RUNNEL_ERASE, .key = {key, 1}, .to = {key, 65}};
    assert_int_equal(store_commit(&s, &range, 1), RUNNEL_EINVALID);
    store_scan(&s, (struct runnel_bytes){key, 65}, text(""), 0, &l);
    assert_int_equal(l.answer.code, RUNNEL_EINVALID);
    listing_free(&l);
    struct runnel_change unknown = {.what = 4, .key = {key, 1}};
    assert_int_equal(store_commit(&s, &unknown, 1), RUNNEL_EINVALID);
    unknown.what = 0;
    assert_int_equal(store_commit(&s, &unknown, 1), RUNNEL_EINVALID);
    store_close(&s);
}

static uint8_t *filled(size_t n, uint64_t seed) {
    uint8_t *p = malloc(n + 1);
    assert_non_null(p);
    for (size_t k = 0; k < n; k++)
        p[k] = (uint8_t)next_random(&seed);
    return p;
}

static void records_have_8_MiB_at_most(void **state) {
    struct store s;
    struct answer a;
    uint8_t *big = filled(RUNNEL_RECORD_MAX + 1, 1);
    store_open(&s, *state, NULL);
    struct runnel_change put = {.what = RUNNEL_PUT, .key = text("r"), .data = {big, RUNNEL_RECORD_MAX + 1}};
    assert_int_equal(store_commit(&s, &put, 1), RUNNEL_ETOOBIG);
    put.data.n = RUNNEL_RECORD_MAX - 1;
    assert_int_equal(store_commit(&s, &put, 1), 0);
    struct runnel_change append = {.what = RUNNEL_APPEND,
                                   .off = RUNNEL_RECORD_MAX - 1,
                                   .key = text("r"),
                                   .data = {big + RUNNEL_RECORD_MAX - 1, 2}};
    assert_int_equal(store_commit(&s, &append, 1), RUNNEL_ETOOBIG);
    append.data.n = 1;
    assert_int_equal(store_commit(&s, &append, 1), 0);
    store_get(&s, text("r"), 0, UINT32_MAX, &a);
    assert_int_equal(a.n, RUNNEL_RECORD_MAX);
    assert_memory_equal(a.p, big, RUNNEL_RECORD_MAX);
    answer_free(&a);
    store_close(&s);
    free(big);
}

static void commits_have_65536_changes_at_most(void **state) {
    struct store s;
    size_t n = RUNNEL_CHANGES_MAX + 1;
    struct runnel_change *c = calloc(n, sizeof *c);
    uint32_t *keys = calloc(n, sizeof *keys);
    assert_true(c && keys);
    store_open(&s, *state, NULL);
    for (size_t k = 0; k < n; k++) {
        keys[k] = (uint32_t)k;
        c[k] = (struct runnel_change){.what = RUNNEL_PUT, .key = {(const uint8_t *)&keys[k], sizeof keys[k]}};
    }
    assert_int_equal(store_commit(&s, c, n), RUNNEL_ETOOBIG);
    store_expect_scan(&s, "", "", 0, "");
    assert_int_equal(store_commit(&s, c, n - 1), 0);
    struct listing l;
    store_scan(&s, text(""), text(""), 0, &l);
    assert_int_equal(l.n, n - 1);
    listing_free(&l);
    assert_int_equal(store_commit(&s, c, 0), 0);
    free(c);
    free(keys);
    store_close(&s);
}

static void commits_have_64_MiB_at_most(void **state) {
    struct store s;
    struct answer a;
    uint8_t *big = filled(RUNNEL_RECORD_MAX, 2);
    struct runnel_change c[9];
    store_open(&s, *state, NULL);
    for (size_t k = 0; k < 9; k++)
        c[k] = (struct runnel_change){
            .what = RUNNEL_PUT, .key = {(const uint8_t *)"012345678" + k, 1}, .data = {big, RUNNEL_RECORD_MAX}};
    c[8].data.n = 1;
    assert_int_equal(store_commit(&s, c, 9), RUNNEL_ETOOBIG);
    store_expect_scan(&s, "", "", 0, "");
    assert_int_equal(store_commit(&s, c, 8), 0);
    for (size_t k = 0; k < 8; k++) {
        store_get(&s, c[k].key, 0, UINT32_MAX, &a);
        assert_int_equal(a.n, RUNNEL_RECORD_MAX);
        assert_memory_equal(a.p, big, RUNNEL_RECORD_MAX);
        answer_free(&a);
    }
    store_close(&s);
    free(big);
}

/* ---- get at every boundary ---- */

static void expect_part(struct store *s, const uint8_t *all, size_t n, uint64_t off, uint32_t max) {
    struct answer a;
    size_t want = off >= n ? 0 : n - off < max ? n - (size_t)off : max;
    store_get(s, text("r"), off, max, &a);
    assert_int_equal(a.code, RUNNEL_OK);
    assert_int_equal(a.n, want);
    if (want)
        assert_memory_equal(a.p, all + off, want);
    answer_free(&a);
}

static void parts_are_read(void **state) {
    static const size_t lengths[] = {0, 1, 255, 1000, 4096, 70000, 300001};
    struct store s;
    store_open(&s, *state, NULL);
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
        size_t n = lengths[k];
        uint8_t *all = filled(n, k);
        struct runnel_change put = {.what = RUNNEL_PUT, .key = text("r"), .data = {all, n}};
        assert_int_equal(store_commit(&s, &put, 1), 0);
        const uint64_t offs[] = {0, 1, n / 2, n ? n - 1 : 0, n, n + 1, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};
        const size_t maxs[] = {0, 1, n / 2, n ? n - 1 : 0, n, n + 1, RUNNEL_RECORD_MAX, UINT32_MAX};
        for (size_t i = 0; i < sizeof offs / sizeof offs[0]; i++)
            for (size_t j = 0; j < sizeof maxs / sizeof maxs[0]; j++)
                expect_part(&s, all, n, offs[i], (uint32_t)maxs[j]);
        free(all);
    }
    struct answer a;
    store_get(&s, text("none"), 0, 0, &a);
    assert_int_equal(a.code, RUNNEL_ENOTFOUND);
    answer_free(&a);
    store_close(&s);
}

/* Values that grow within one scan, over many turns of the loop. */
static void long_scans_are_whole(void **state) {
    struct store s;
    store_open(&s, *state, NULL);
    uint8_t *all = filled(400000, 9);
    for (uint32_t k = 0; k < 64; k++) {
        uint8_t key[2] = {(uint8_t)(k / 16), (uint8_t)k};
        struct runnel_change put = {.what = RUNNEL_PUT, .key = {key, 2}, .data = {all, k * k * 96}};
        assert_int_equal(store_commit(&s, &put, 1), 0);
    }
    for (uint32_t limit = 0; limit <= 64; limit += 16) {
        struct listing l;
        store_scan(&s, text(""), text(""), limit, &l);
        assert_int_equal(l.answer.code, RUNNEL_OK);
        assert_int_equal(l.n, limit ? limit : 64);
        for (size_t k = 0; k < l.n; k++) {
            assert_int_equal(l.v[k].key[1], k);
            assert_int_equal(l.v[k].n_val, k * k * 96);
            assert_memory_equal(l.v[k].val, all, l.v[k].n_val);
        }
        listing_free(&l);
    }
    free(all);
    store_close(&s);
}

/* ---- atomicity ---- */

static void a_bad_change_leaves_nothing_of_its_commit(void **state) {
    struct store s;
    store_open(&s, *state, NULL);
    assert_int_equal(store_put(&s, "a", "1"), 0);
    assert_int_equal(store_put(&s, "b", "2"), 0);
    assert_int_equal(store_put(&s, "d", "4"), 0);
    struct runnel_change c[] = {
        {.what = RUNNEL_PUT, .key = text("a"), .data = text("changed")},
        {.what = RUNNEL_APPEND, .key = text("b"), .off = 1, .data = text("more")},
        {.what = RUNNEL_PUT, .key = text("c"), .data = text("new")},
        {.what = RUNNEL_ERASE, .key = text("a"), .to = text("c")},
        {.what = RUNNEL_ERASE, .key = text("d")},
        {.what = RUNNEL_APPEND, .key = text("b"), .off = 5, .data = text("x")}, /* erased above: 0 is right */
        {.what = RUNNEL_PUT, .key = text("e"), .data = text("never")},
    };
    assert_int_equal(store_commit(&s, c, 7), RUNNEL_ECONFLICT);
    store_expect_scan(&s, "", "", 0, "a=1 b=2 d=4 ");
    c[5].off = 0;
    c[6].key.n = 0;
    assert_int_equal(store_commit(&s, c, 7), RUNNEL_EINVALID);
    store_expect_scan(&s, "", "", 0, "a=1 b=2 d=4 ");
    c[6].key.n = 1;
    assert_int_equal(store_commit(&s, c, 7), 0);
    store_expect_scan(&s, "", "", 0, "b=x c=new e=never ");
    store_close(&s);
}

/* ---- many at once ---- */

struct ordered {
    unsigned *count;
    unsigned at;
    int code;
    bool fired;
};

static void on_ordered(void *arg, const struct runnel_err *err) {
    struct ordered *o = arg;
    assert_false(o->fired);
    o->fired = true;
    o->at = (*o->count)++;
    o->code = err ? err->code : 0;
}

/* Commits asked for in one turn, each fifth of them bad in one way or another. */
static void completions_come_in_order_and_only_the_guilty_fail(void **state) {
    enum { N = 200 };
    struct store s;
    struct ordered o[N];
    unsigned count = 0;
    store_open(&s, *state, NULL);
    uint64_t length = 0;
    for (unsigned k = 0; k < N; k++) {
        o[k] = (struct ordered){.count = &count};
        struct runnel_change c[2] = {{.what = RUNNEL_PUT, .key = {(const uint8_t *)&k, sizeof k}, .data = text("v")},
                                     {.what = RUNNEL_APPEND, .key = text("log"), .off = length, .data = text("+")}};
        if (k % 5 == 1)
            c[1].off += 1 + k % 2;
        else if (k % 5 == 3 && k % 2)
            c[1].key.n = 0;
        else
            length++;
        s.ops->commit(s.inst->self, c, 2, on_ordered, &o[k]);
        memset(c, 0xee, sizeof c); /* all was copied */
        assert_int_equal(count, 0);
    }
    assert_true(host_run_until(s.host, host_flag, &o[N - 1].fired, STORE_DEADLINE_MS));
    for (unsigned k = 0; k < N; k++) {
        assert_true(o[k].fired);
        assert_int_equal(o[k].at, k);
        assert_int_equal(o[k].code, k % 5 == 1 ? RUNNEL_ECONFLICT : k % 5 == 3 && k % 2 ? RUNNEL_EINVALID : 0);
        struct answer a;
        store_get(&s, (struct runnel_bytes){(const uint8_t *)&k, sizeof k}, 0, 9, &a);
        assert_int_equal(a.code, o[k].code ? RUNNEL_ENOTFOUND : 0);
        answer_free(&a);
    }
    struct answer a;
    store_get(&s, text("log"), 0, UINT32_MAX, &a);
    assert_int_equal(a.n, length);
    answer_free(&a);
    store_close(&s);
}

/* A reader that asks from within the completion sees the commit, and may ask for the next one there. */
struct chain {
    struct store *s;
    unsigned step;
    bool within, done;
};

static void next_link(struct chain *c);

static void on_link_read(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct chain *c = arg;
    assert_false(c->within);
    assert_null(err);
    assert_int_equal(data.n, c->step + 1);
    for (size_t k = 0; k < data.n; k++)
        assert_int_equal(data.p[k], 'x');
    c->step++;
    if (c->step == 50)
        c->done = true;
    else
        next_link(c);
    for (size_t k = 0; k < data.n; k++) /* still ours until we return */
        assert_int_equal(data.p[k], 'x');
}

static void on_link(void *arg, const struct runnel_err *err) {
    struct chain *c = arg;
    assert_false(c->within);
    assert_null(err);
    c->within = true;
    c->s->ops->get(c->s->inst->self, text("chain"), 0, 1000, on_link_read, c);
    c->within = false;
}

static void next_link(struct chain *c) {
    struct runnel_change append = {.what = RUNNEL_APPEND, .off = c->step, .key = text("chain"), .data = text("x")};
    c->within = true;
    c->s->ops->commit(c->s->inst->self, &append, 1, on_link, c);
    c->within = false;
}

static void reads_after_done_see_it(void **state) {
    struct store s;
    struct chain c = {.s = &s};
    store_open(&s, *state, NULL);
    next_link(&c);
    assert_true(host_run_until(s.host, host_flag, &c.done, STORE_DEADLINE_MS));
    assert_int_equal(c.step, 50);
    store_close(&s);
}

static void a_thousand_streams_are_interleaved(void **state) {
    enum { STREAMS = 1000, ROUNDS = 12, PIECE = 37 };
    struct store s;
    store_open(&s, *state, NULL);
    uint8_t *bytes = filled(ROUNDS * PIECE, 3);
    struct ordered *o = calloc(STREAMS, sizeof *o);
    assert_non_null(o);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned count = 0;
        for (unsigned k = 0; k < STREAMS; k++) {
            unsigned stream = (k * 617 + round) % STREAMS;
            uint8_t key[4] = {'s', (uint8_t)(stream >> 8), (uint8_t)stream, 0};
            struct runnel_change c = {.what = RUNNEL_APPEND,
                                      .off = round * PIECE,
                                      .key = {key, sizeof key},
                                      .data = {bytes + round * PIECE, PIECE}};
            o[k] = (struct ordered){.count = &count};
            s.ops->commit(s.inst->self, &c, 1, on_ordered, &o[k]);
        }
        assert_true(host_run_until(s.host, host_flag, &o[STREAMS - 1].fired, STORE_DEADLINE_MS));
        for (unsigned k = 0; k < STREAMS; k++)
            assert_true(o[k].fired && o[k].code == 0 && o[k].at == k);
    }
    struct listing l;
    store_scan(&s, text("s"), text("t"), 0, &l);
    assert_int_equal(l.n, STREAMS);
    for (size_t k = 0; k < l.n; k++) {
        assert_int_equal(l.v[k].n_val, ROUNDS * PIECE);
        assert_memory_equal(l.v[k].val, bytes, ROUNDS * PIECE);
    }
    listing_free(&l);
    free(bytes);
    free(o);
    store_close(&s);
}

static void large_commits_go_together(void **state) {
    enum { N = 6, BYTES = 4 << 20 };
    struct store s;
    struct answer a[N];
    uint8_t *big = filled(BYTES + N, 5);
    store_open(&s, *state, NULL);
    for (unsigned k = 0; k < N; k++) {
        uint8_t keys[2][2] = {{'x', (uint8_t)k}, {'y', (uint8_t)k}};
        struct runnel_change c[2] = {{.what = RUNNEL_PUT, .key = {keys[0], 2}, .data = {big + k, BYTES}},
                                     {.what = RUNNEL_APPEND, .key = {keys[1], 2}, .data = {big + k, BYTES}}};
        store_ask(&s, c, 2, &a[k]);
    }
    for (unsigned k = 0; k < N; k++) {
        store_wait(&s, &a[k]);
        assert_int_equal(a[k].code, 0);
    }
    struct listing l;
    store_scan(&s, text("x"), text(""), 0, &l);
    assert_int_equal(l.n, 2 * N);
    for (size_t k = 0; k < l.n; k++) {
        assert_int_equal(l.v[k].n_val, BYTES);
        assert_memory_equal(l.v[k].val, big + k % N, BYTES);
    }
    listing_free(&l);
    free(big);
    store_close(&s);
}

/* What is asked for before stop is answered before stop's done. */
static void stop_waits_for_what_was_asked(void **state) {
    struct store s;
    struct answer a;
    store_open(&s, *state, NULL);
    struct runnel_change put = {.what = RUNNEL_PUT, .key = text("k"), .data = text("v")};
    store_ask(&s, &put, 1, &a);
    assert_int_equal(host_stop(s.inst, STORE_DEADLINE_MS), 0);
    assert_true(a.fired);
    assert_int_equal(a.code, 0);
    store_close(&s);
}

/* ---- at random, against a naive model ---- */

#define MODEL_KEYS 40u
struct model {
    struct {
        uint8_t key[12];
        size_t n_key;
        uint8_t *val;
        size_t n;
        bool there;
    } v[MODEL_KEYS];
};

static int by_key(const void *a, const void *b) {
    return strcmp(a, b);
}

/* Keys of 1 to 6 letters out of "abc", so that many begin others; sorted. */
static void model_init(struct model *m, uint64_t *seed) {
    char keys[MODEL_KEYS][12] = {{0}};
    for (unsigned k = 0; k < MODEL_KEYS; k++)
        for (bool fresh = false; !fresh;) {
            memset(keys[k], 0, sizeof keys[k]);
            for (size_t n = 1 + next_random(seed) % 6; n-- > 0;)
                keys[k][n] = (char)('a' + next_random(seed) % 3);
            fresh = true;
            for (unsigned j = 0; j < k; j++)
                fresh = fresh && strcmp(keys[j], keys[k]) != 0;
        }
    qsort(keys, MODEL_KEYS, sizeof keys[0], by_key);
    memset(m, 0, sizeof *m);
    for (unsigned k = 0; k < MODEL_KEYS; k++) {
        memcpy(m->v[k].key, keys[k], sizeof keys[k]);
        m->v[k].n_key = strlen(keys[k]);
    }
}

static void model_drop(struct model *m, unsigned k) {
    free(m->v[k].val);
    m->v[k].val = NULL;
    m->v[k].n = 0;
    m->v[k].there = false;
}

static void model_append(struct model *m, unsigned k, const uint8_t *p, size_t n) {
    uint8_t *val = realloc(m->v[k].val, m->v[k].n + n + 1);
    assert_non_null(val);
    memcpy(val + m->v[k].n, p, n);
    m->v[k].val = val;
    m->v[k].n += n;
    m->v[k].there = true;
}

/* A random change that is right; `m` NULL: not applied to a model, hence no append. */
static struct runnel_change random_change(struct model *m, const struct model *keys, const uint8_t *bytes,
                                          uint64_t *seed) {
    unsigned k = next_random(seed) % MODEL_KEYS, end = next_random(seed) % MODEL_KEYS, dice = next_random(seed) % 10;
    size_t n = next_random(seed) % (next_random(seed) % 8 ? 300 : 9000);
    struct runnel_change c = {.key = {keys->v[k].key, keys->v[k].n_key}, .data = {bytes + n % 7, n}};
    if (dice < 3 || (dice < 8 && !m)) {
        c.what = RUNNEL_PUT;
        if (m) {
            model_drop(m, k);
            model_append(m, k, c.data.p, n);
        }
    } else if (dice < 8) {
        c.what = RUNNEL_APPEND;
        c.off = m->v[k].n;
        model_append(m, k, c.data.p, n);
    } else {
        c.what = RUNNEL_ERASE;
        c.data = (struct runnel_bytes){NULL, 0};
        if (dice == 9 && end < k + 6)
            c.to = (struct runnel_bytes){keys->v[end].key, keys->v[end].n_key};
        for (unsigned j = k; m && j < (c.to.n ? end : k + 1); j++)
            model_drop(m, j);
    }
    return c;
}

static void model_compare(struct store *s, const struct model *m, uint64_t first) {
    struct listing l;
    size_t at = 0;
    store_scan(s, text(""), text(""), 0, &l);
    assert_int_equal(l.answer.code, 0);
    for (unsigned k = 0; k < MODEL_KEYS; k++) {
        if (!m->v[k].there)
            continue;
        if (at >= l.n || l.v[at].n_key != m->v[k].n_key || memcmp(l.v[at].key, m->v[k].key, m->v[k].n_key) != 0 ||
            l.v[at].n_val != m->v[k].n || (m->v[k].n && memcmp(l.v[at].val, m->v[k].val, m->v[k].n) != 0))
            fail_msg("seed %" PRIu64 ": the record %s differs from the model's", first, (const char *)m->v[k].key);
        at++;
    }
    if (at != l.n)
        fail_msg("seed %" PRIu64 ": %zu records, the model has %zu", first, l.n, at);
    listing_free(&l);
}

static void random_round(struct store *s, struct model *m, const uint8_t *bytes, uint64_t *seed, uint64_t first) {
    enum { COMMITS = 8, CHANGES = 6 };
    struct ordered o[COMMITS];
    bool bad[COMMITS];
    unsigned count = 0, n = 1 + next_random(seed) % COMMITS;
    for (unsigned k = 0; k < n; k++) {
        struct runnel_change c[CHANGES];
        unsigned changes = 1 + next_random(seed) % CHANGES, wrong = next_random(seed) % changes;
        bad[k] = next_random(seed) % 6 == 0;
        for (unsigned j = 0; j < changes; j++)
            c[j] = random_change(bad[k] ? NULL : m, m, bytes, seed);
        if (bad[k])
            c[wrong] = (struct runnel_change){.what = RUNNEL_APPEND, .off = 5000000, .key = c[wrong].key};
        o[k] = (struct ordered){.count = &count};
        s->ops->commit(s->inst->self, c, changes, on_ordered, &o[k]);
    }
    assert_true(host_run_until(s->host, host_flag, &o[n - 1].fired, STORE_DEADLINE_MS));
    for (unsigned k = 0; k < n; k++)
        if (!o[k].fired || o[k].at != k || o[k].code != (bad[k] ? RUNNEL_ECONFLICT : 0))
            fail_msg("seed %" PRIu64 ": a commit ended with code %d in place %u, want place %u", first, o[k].code,
                     o[k].at, k);
}

static void random_operations_match_a_model(void **state) {
    const char *given = getenv("RUNNEL_SEED");
    uint64_t first = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL), seed = first;
    uint8_t *bytes = filled(10000, 7);
    char dir[256];
    struct store s;
    struct model m;
    print_message("# seed %" PRIu64 " (RUNNEL_SEED replays it)\n", first);
    fresh_dir(dir, sizeof dir);
    store_open(&s, *state, dir);
    model_init(&m, &seed);
    for (unsigned round = 0; round < 1500; round++) {
        random_round(&s, &m, bytes, &seed, first);
        if (round % 20 == 0)
            model_compare(&s, &m, first);
        if (round % 300 == 299 && !store_is_volatile(&s)) {
            store_close(&s);
            store_open(&s, *state, dir);
        }
    }
    model_compare(&s, &m, first);
    store_close(&s);
    for (unsigned k = 0; k < MODEL_KEYS; k++)
        model_drop(&m, k);
    free(bytes);
    remove_dir(dir);
}

/* ---- across restarts; an engine that forgets must at least begin empty ---- */

static void reopening_keeps_everything(void **state) {
    char dir[256];
    struct store s;
    fresh_dir(dir, sizeof dir);
    store_open(&s, *state, dir);
    bool forgets = store_is_volatile(&s);
    assert_int_equal(store_put(&s, "a", "1"), 0);
    assert_int_equal(store_append(&s, "b", 0, "2"), 0);
    store_close(&s);
    store_open(&s, *state, dir);
    store_expect_scan(&s, "", "", 0, forgets ? "" : "a=1 b=2 ");
    if (!forgets) {
        assert_int_equal(store_append(&s, "b", 1, "3"), 0);
        host_abandon(s.inst); /* destroyed without stop */
        host_free(s.host);
        store_open(&s, *state, dir);
        store_expect_scan(&s, "", "", 0, "a=1 b=23 ");
    }
    store_close(&s);
    remove_dir(dir);
}

static void a_second_opener_is_refused(void **state) {
    char dir[256];
    struct store s;
    fresh_dir(dir, sizeof dir);
    store_open(&s, *state, dir);
    if (!store_is_volatile(&s)) {
        struct runnel_err err = {0};
        struct host_section section = {.path = *state, .name = "second", .dir = dir};
        struct runnel_inst *second = host_open(s.host, &section, &err);
        assert_non_null(second);
        assert_int_equal(host_start(second, &err), -RUNNEL_EBUSY);
        assert_int_equal(err.code, RUNNEL_EBUSY);
        assert_non_null(strstr(err.msg, dir));
        assert_non_null(strstr(err.msg, "another process holds"));
        host_close(second);
        assert_int_equal(store_put(&s, "a", "still here"), 0);
        store_expect(&s, "a", "still here");
    }
    store_close(&s);
    remove_dir(dir);
}

/* The child: commits for ever; commit k appends k's bytes to a few streams and counts in "n". It says so
 * for each that is done. */
static _Noreturn void commit_for_ever(const char *path, const char *dir, int says) {
    struct store s;
    struct answer read;
    uint64_t n = 0;
    store_open(&s, path, dir);
    store_get(&s, text("n"), 0, sizeof n, &read);
    if (read.code == 0)
        memcpy(&n, read.p, sizeof n);
    answer_free(&read);
    for (;;) {
        struct answer a[4];
        for (unsigned k = 0; k < 4; k++, n++) {
            uint64_t after = n + 1;
            char stream[2] = {(char)('a' + n % 5), 0};
            struct runnel_change c[2] = {
                {.what = RUNNEL_PUT, .key = text("n"), .data = {(const uint8_t *)&after, sizeof after}},
                {.what = RUNNEL_APPEND,
                 .off = n / 5 * sizeof n,
                 .key = text(stream),
                 .data = {(uint8_t *)&n, sizeof n}}};
            store_ask(&s, c, 2, &a[k]);
        }
        for (unsigned k = 0; k < 4; k++) {
            store_wait(&s, &a[k]);
            if (a[k].code != 0 || write(says, "+", 1) != 1)
                _exit(1);
        }
    }
}

/* Every stream has what the count says, neither more nor less. */
static uint64_t check_after_kill(const char *path, const char *dir) {
    struct store s;
    struct answer a;
    uint64_t n = 0;
    store_open(&s, path, dir);
    store_get(&s, text("n"), 0, sizeof n, &a);
    assert_int_equal(a.code, 0);
    memcpy(&n, a.p, sizeof n);
    answer_free(&a);
    for (uint64_t stream = 0; stream < 5; stream++) {
        uint64_t seq, want = (n + 4 - stream) / 5;
        store_get(&s, text((char[2]){(char)('a' + stream), 0}), 0, UINT32_MAX, &a);
        assert_int_equal(a.n, want * sizeof seq);
        for (uint64_t k = 0; k < want; k++) {
            memcpy(&seq, a.p + k * sizeof seq, sizeof seq);
            assert_int_equal(seq, k * 5 + stream);
        }
        answer_free(&a);
    }
    store_close(&s);
    return n;
}

static void a_killed_process_has_kept_its_word(void **state) {
    char dir[256], byte;
    struct store probe;
    store_open(&probe, *state, NULL);
    bool forgets = store_is_volatile(&probe);
    store_close(&probe);
    fresh_dir(dir, sizeof dir);
    uint64_t acknowledged = 0;
    for (unsigned round = 0; round < 4 && !forgets; round++) {
        int says[2], status;
        assert_int_equal(pipe(says), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            commit_for_ever(*state, dir, says[1]);
        assert_int_equal(close(says[1]), 0);
        for (unsigned k = 0; k < 200 + 37 * round; k++, acknowledged++)
            assert_int_equal(read(says[0], &byte, 1), 1);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        while (read(says[0], &byte, 1) == 1)
            acknowledged++;
        assert_int_equal(close(says[0]), 0);
        uint64_t kept = check_after_kill(*state, dir);
        assert_true(kept >= acknowledged);
        acknowledged = kept;
    }
    remove_dir(dir);
}

int main(int argc, char **argv) {
    struct CMUnitTest tests[] = {
        cmocka_unit_test(put_append_erase),
        cmocka_unit_test(an_append_at_the_wrong_offset_conflicts),
        cmocka_unit_test(ranges_are_erased),
        cmocka_unit_test(scans_are_ordered_and_bounded),
        cmocka_unit_test(keys_are_any_bytes),
        cmocka_unit_test(keys_have_1_to_64_bytes),
        cmocka_unit_test(records_have_8_MiB_at_most),
        cmocka_unit_test(commits_have_65536_changes_at_most),
        cmocka_unit_test(commits_have_64_MiB_at_most),
        cmocka_unit_test(parts_are_read),
        cmocka_unit_test(long_scans_are_whole),
        cmocka_unit_test(a_bad_change_leaves_nothing_of_its_commit),
        cmocka_unit_test(completions_come_in_order_and_only_the_guilty_fail),
        cmocka_unit_test(reads_after_done_see_it),
        cmocka_unit_test(a_thousand_streams_are_interleaved),
        cmocka_unit_test(large_commits_go_together),
        cmocka_unit_test(stop_waits_for_what_was_asked),
        cmocka_unit_test(random_operations_match_a_model),
        cmocka_unit_test(reopening_keeps_everything),
        cmocka_unit_test(a_second_opener_is_refused),
        cmocka_unit_test(a_killed_process_has_kept_its_word),
    };
    if (argc != 2) {
        fprintf(stderr, "usage: %s PLUGIN.so\n", argv[0]);
        return 2;
    }
    for (size_t k = 0; k < sizeof tests / sizeof tests[0]; k++)
        tests[k].initial_state = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
