/* SPDX-License-Identifier: MIT
 * streams.c — storage conformance: a thousand streams, and any operations at all, against a model.
 * May touch: store.h, script.h; temporary directories.
 */
#include "tests/conformance/storage/script.h"
#include "tests/conformance/storage/suite.h"
#include <inttypes.h>
#include <stdlib.h>

/* ---- a thousand streams ---- */

enum { STREAMS = 1000, ROUNDS = 10, PIECE = 37 };

/* Each stream's records begin with its number: a head that is replaced, blocks that are appended to. */
static struct runnel_bytes stream_key(uint8_t at[7], char area, unsigned stream, unsigned block) {
    at[0] = (uint8_t)area;
    for (unsigned k = 0; k < 4; k++)
        at[1 + k] = (uint8_t)(stream >> (24 - 8 * k));
    at[5] = (uint8_t)(block >> 8);
    at[6] = (uint8_t)block;
    return (struct runnel_bytes){at, area == 'H' ? 5 : 7};
}

/* One commit: `n` streams from `first` on get a piece each and a new head. Every 16th commit is refused for its
 * last append, and so is all of it. */
static bool append_pieces(struct store *s, struct model *m, const uint8_t *bytes, unsigned first, unsigned n,
                          unsigned round, struct ordered *o) {
    enum { MOST = 20 };
    struct runnel_change c[2 * MOST];
    uint8_t keys[2 * MOST][7];
    bool bad = next_random(&(uint64_t){first + round * 1000}) % 16 == 0;
    assert_true(n <= MOST);
    for (unsigned k = 0; k < n; k++) {
        unsigned stream = (first + k) * 617 % STREAMS;
        struct runnel_bytes block = stream_key(keys[2 * k], 'B', stream, round / 4);
        struct runnel_bytes data = {bytes + (stream + round) % 100, PIECE + stream % 5};
        c[2 * k] = (struct runnel_change){
            .what = RUNNEL_APPEND, .off = model_length(m, block) + (bad && k + 1 == n), .key = block, .data = data};
        c[2 * k + 1] = (struct runnel_change){
            .what = RUNNEL_PUT, .key = stream_key(keys[2 * k + 1], 'H', stream, 0), .data = {data.p, 20}};
    }
    if (!bad)
        model_apply(m, c, 2 * n);
    s->ops->commit(s->inst->self, c, 2 * n, on_ordered, o);
    memset(c, 0xee, sizeof c);
    memset(keys, 0xee, sizeof keys);
    return bad;
}

/* All streams in commits of 1 to 20 of them, many at once; their completions in order, and right. */
static void append_round(struct store *s, struct model *m, const uint8_t *bytes, unsigned round, uint64_t *seed) {
    struct ordered *o = calloc(STREAMS, sizeof *o);
    bool *bad = calloc(STREAMS, sizeof *bad);
    unsigned count = 0, asked = 0;
    assert_true(o && bad);
    for (unsigned at = 0, n; at < STREAMS; at += n, asked++) {
        n = 1 + next_random(seed) % 20;
        n = n < STREAMS - at ? n : STREAMS - at;
        o[asked] = (struct ordered){.count = &count};
        bad[asked] = append_pieces(s, m, bytes, at, n, round, &o[asked]);
    }
    assert_int_equal(count, 0);
    assert_true(host_run_until(s->host, host_flag, &o[asked - 1].fired, STORE_DEADLINE_MS));
    for (unsigned k = 0; k < asked; k++)
        assert_true(o[k].fired && o[k].at == k && o[k].code == (bad[k] ? RUNNEL_ECONFLICT : 0));
    free(o);
    free(bad);
}

static void a_thousand_streams_are_interleaved(void **state) {
    char dir[256];
    struct store s;
    struct model m = {0};
    uint64_t seed = suite_of(state)->seed;
    uint8_t *bytes = random_bytes(200, 3);
    fresh_dir(dir, sizeof dir);
    store_open(&s, suite_path(state), dir);
    for (unsigned round = 0; round < ROUNDS; round++) {
        append_round(&s, &m, bytes, round, &seed);
        if (round == ROUNDS / 2 && !store_is_volatile(&s)) {
            store_close(&s);
            store_open(&s, suite_path(state), dir);
            model_expect(&s, &m, "opened again in the middle");
        }
    }
    assert_true(m.n > STREAMS * 3);
    model_expect(&s, &m, "before the end");
    bool forgets = store_is_volatile(&s);
    store_close(&s);
    if (!forgets) {
        store_open(&s, suite_path(state), dir);
        model_expect(&s, &m, "opened again");
        store_close(&s);
    }
    model_free(&m);
    free(bytes);
    remove_dir(dir);
}

/* ---- any operations ---- */

/* Some commits at once, each sixth of them with an append that is wrong somewhere. */
static void random_round(struct store *s, struct script *sc) {
    enum { COMMITS = 8 };
    struct script_commit c;
    struct ordered o[COMMITS];
    bool bad[COMMITS];
    unsigned count = 0, n = 1 + next_random(&sc->seed) % COMMITS;
    for (unsigned k = 0; k < n; k++) {
        bad[k] = next_random(&sc->seed) % 6 == 0;
        struct model scratch = {0};
        script_next(sc, bad[k] ? &scratch : &sc->is, &c);
        for (size_t j = 0; bad[k] && j < c.n; j++)
            if (c.v[j].what == RUNNEL_APPEND) /* may be right by chance: the wrong one follows */
                c.v[j].what = RUNNEL_PUT;
        model_free(&scratch);
        if (bad[k]) {
            struct runnel_change *wrong = &c.v[next_random(&sc->seed) % c.n];
            *wrong = (struct runnel_change){.what = RUNNEL_APPEND, .off = 5000000, .key = wrong->key};
        }
        o[k] = (struct ordered){.count = &count};
        s->ops->commit(s->inst->self, c.v, c.n, on_ordered, &o[k]);
        memset(&c, 0xee, sizeof c);
    }
    assert_true(host_run_until(s->host, host_flag, &o[n - 1].fired, STORE_DEADLINE_MS));
    for (unsigned k = 0; k < n; k++)
        if (!o[k].fired || o[k].at != k || o[k].code != (bad[k] ? RUNNEL_ECONFLICT : 0))
            fail_msg("a commit ended with code %d in place %u, want place %u", o[k].code, o[k].at, k);
}

static void random_operations_match_a_model(void **state) {
    const struct suite *suite = suite_of(state);
    unsigned rounds = suite->whole ? 50000 : 1500;
    char dir[256], when[100];
    struct store s;
    struct script sc;
    fresh_dir(dir, sizeof dir);
    store_open(&s, suite->path, dir);
    script_init(&sc, suite->seed, 9000);
    for (unsigned round = 0; round < rounds; round++) {
        random_round(&s, &sc);
        if (round % 300 == 299 && !store_is_volatile(&s)) {
            store_close(&s);
            store_open(&s, suite->path, dir);
        }
        (void)snprintf(when, sizeof when, "seed %" PRIu64 ", round %u", suite->seed, round);
        if (round % 20 == 0 || round % 300 == 299)
            model_expect(&s, &sc.is, when);
    }
    model_expect(&s, &sc.is, "at the end");
    store_close(&s);
    script_free(&sc);
    remove_dir(dir);
}

struct theme streams_theme(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_streams_are_interleaved),
        cmocka_unit_test(random_operations_match_a_model),
    };
    return (struct theme){tests, sizeof tests / sizeof tests[0]};
}
