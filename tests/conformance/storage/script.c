/* SPDX-License-Identifier: MIT
 * script.c — makes up commits and keeps the model beside the store.
 * May touch: store.h, model.h.
 */
#include "tests/conformance/storage/script.h"
#include <stdlib.h>

void script_init(struct script *sc, uint64_t seed, size_t large) {
    *sc = (struct script){.seed = seed, .large = large};
    assert_true(large > 0 && large <= SCRIPT_BYTES);
    sc->bytes = random_bytes(SCRIPT_BYTES + 256, seed);
}

void script_free(struct script *sc) {
    model_free(&sc->is);
    model_free(&sc->maybe);
    free(sc->bytes);
}

/* One of 3 areas, 8 streams and 4 places; the last byte comes and goes, so that some keys begin others. */
static struct runnel_bytes make_key(struct script *sc, uint8_t at[10]) {
    memset(at, 0, 10);
    at[0] = (uint8_t) "BHT"[next_random(&sc->seed) % 3];
    at[4] = (uint8_t)(next_random(&sc->seed) % 8);
    at[8] = (uint8_t)(next_random(&sc->seed) % 4);
    return (struct runnel_bytes){at, next_random(&sc->seed) % 4 ? 10 : 9};
}

static struct runnel_bytes make_piece(struct script *sc) {
    size_t most = next_random(&sc->seed) % 8 ? 200 : sc->large;
    return (struct runnel_bytes){sc->bytes + next_random(&sc->seed) % 256, next_random(&sc->seed) % (most + 1)};
}

/* Appends mostly; what was written goes now and then, so that a store does not only grow. */
static void make_change(struct script *sc, const struct model *m, struct script_commit *c, size_t k) {
    unsigned dice = next_random(&sc->seed) % 16;
    struct runnel_change *change = &c->v[k];
    *change = (struct runnel_change){.key = make_key(sc, c->keys[k][0])};
    if (dice < 9) {
        change->what = RUNNEL_APPEND;
        change->off = model_length(m, change->key);
        change->data = make_piece(sc);
    } else if (dice < 13) {
        change->what = RUNNEL_PUT;
        change->data = make_piece(sc);
    } else {
        change->what = RUNNEL_ERASE;
        if (dice == 15) {
            change->to = make_key(sc, c->keys[k][1]);
            c->keys[k][1][0] = c->keys[k][0][0]; /* within the area */
        }
    }
}

void script_next(struct script *sc, struct model *m, struct script_commit *c) {
    c->n = 1 + next_random(&sc->seed) % SCRIPT_CHANGES;
    for (size_t k = 0; k < c->n; k++) {
        make_change(sc, m, c, k);
        model_apply(m, &c->v[k], 1);
    }
}

int script_step(struct script *sc, struct store *s) {
    struct script_commit c;
    struct model next;
    struct answer a;
    uint64_t seed = sc->seed;
    assert_false(sc->unsure);
    model_copy(&next, &sc->is);
    script_next(sc, &next, &c);
    store_ask(s, c.v, c.n, &a);
    store_wait(s, &a);
    memcpy(sc->msg, a.msg, sizeof sc->msg);
    if (a.code == 0) {
        model_free(&sc->is);
        sc->is = next;
        sc->done++;
        return 0;
    }
    sc->seed = seed;
    sc->unsure = a.code == RUNNEL_EIO;
    if (sc->unsure)
        sc->maybe = next;
    else
        model_free(&next);
    return a.code;
}

void script_expect(struct script *sc, struct store *s, const char *when) {
    char why[600], other[600];
    bool same = model_same(s, &sc->is, why, sizeof why);
    if (!same && sc->unsure && model_same(s, &sc->maybe, other, sizeof other)) {
        model_free(&sc->is);
        sc->is = sc->maybe;
        sc->maybe = (struct model){0};
    } else if (!same) {
        fail_msg("%s, %u commits acknowledged: %s", when, sc->done, why);
    }
    model_free(&sc->maybe);
    sc->unsure = false;
}
