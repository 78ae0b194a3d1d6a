/* SPDX-License-Identifier: MIT
 * script.h — commits that a seed determines, asked of a store one after another, and what it must hold after each.
 * May touch: store.h, model.h.
 */
#ifndef TEST_STORAGE_SCRIPT_H
#define TEST_STORAGE_SCRIPT_H

#include "tests/conformance/storage/model.h"

#define SCRIPT_CHANGES 5u
#define SCRIPT_BYTES 65536u

/* A commit with room for its keys. They are laid out as the node does it: an area, a stream, a place. */
struct script_commit {
    struct runnel_change v[SCRIPT_CHANGES];
    size_t n;
    uint8_t keys[SCRIPT_CHANGES][2][10];
};

struct script {
    uint64_t seed;
    size_t large;   /* bytes of the largest piece, SCRIPT_BYTES at most; one in eight is up to so long */
    uint8_t *bytes; /* what the pieces are cut from */
    struct model is;
    /* A commit that failed with RUNNEL_EIO: only the next start tells whether it is there. */
    struct model maybe;
    bool unsure;
    unsigned done; /* commits that were acknowledged */
    char msg[512]; /* why the last one failed */
};

void script_init(struct script *sc, uint64_t seed, size_t large);
void script_free(struct script *sc);

/* Makes up the next commit and applies it to `m`. */
void script_next(struct script *sc, struct model *m, struct script_commit *c);
/* Asks the store for the next commit: its code. When it is not 0 the same commit comes again. */
int script_step(struct script *sc, struct store *s);
/* Fails the test unless the store holds just what was acknowledged, or that and the commit that is unsure,
 * which it then takes for acknowledged. */
void script_expect(struct script *sc, struct store *s, const char *when);

#endif
