/* SPDX-License-Identifier: MIT
 * changes.h — what every storage engine does with a commit before it begins: check it, copy it.
 * May touch: the heap.
 */
#ifndef RN_BASE_CHANGES_H
#define RN_BASE_CHANGES_H

#include <runnel/storage.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Holds the changes of a commit against the limits of storage.h that do not need the records: 0,
 * -RUNNEL_EINVALID or -RUNNEL_ETOOBIG. That an append does not make a record too long is the
 * engine's to check. `cost` (may be NULL): bytes of keys and data, to bound what is joined or queued. */
int rn_changes_check(const struct runnel_change *changes, size_t n, size_t *cost, struct runnel_err *err);

/* A copy of checked changes with all their bytes, in one allocation for free(). NULL: out of memory. */
struct runnel_change *rn_changes_copy(const struct runnel_change *changes, size_t n);

/* A key as every call takes it (1 to RUNNEL_KEY_MAX bytes): 0, or -RUNNEL_EINVALID. */
int rn_key_check(struct runnel_bytes key, struct runnel_err *err);

/* memcmp order, a prefix before what it begins: < 0, 0, > 0. */
int rn_key_compare(struct runnel_bytes a, struct runnel_bytes b);

/* A key for messages: hexadecimal, cut with ".." when it is long. Returns `out`. */
#define RN_KEY_TEXT 44u
char *rn_key_text(struct runnel_bytes key, char out[RN_KEY_TEXT]);

#ifdef __cplusplus
}
#endif
#endif
