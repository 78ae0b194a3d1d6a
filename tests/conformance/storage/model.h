/* SPDX-License-Identifier: MIT
 * model.h — what a store must hold: a plain ordered map that the tests keep beside the engine under test.
 * May touch: store.h.
 */
#ifndef TEST_STORAGE_MODEL_H
#define TEST_STORAGE_MODEL_H

#include "tests/conformance/storage/store.h"

/* Records in order of key. A zeroed struct is empty. */
struct model {
    struct record {
        uint8_t key[RUNNEL_KEY_MAX];
        size_t n_key;
        uint8_t *val;
        size_t n;
    } * v;
    size_t n, cap;
};

void model_free(struct model *m);
void model_copy(struct model *to, const struct model *from);
/* Applies changes that are right; an append goes to the end whatever its `off`. */
void model_apply(struct model *m, const struct runnel_change *changes, size_t n);
/* How long a record is; 0 when there is none. */
size_t model_length(const struct model *m, struct runnel_bytes key);

/* Reads all of the store by a scan and by gets: whether it is the same. When not, `why` says what differs
 * first, or what failed. */
bool model_same(struct store *s, const struct model *m, char *why, size_t n_why);
/* Fails the test unless it is; `when` is said besides. */
void model_expect(struct store *s, const struct model *m, const char *when);

#endif
