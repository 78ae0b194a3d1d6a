/* SPDX-License-Identifier: MIT
 * engine.h — an ordered map in memory with a volatile and a durable half, for the plugin and the simulator.
 * May touch: the heap. No host, no clock, no randomness: the same calls give the same answers.
 */
#ifndef RN_MEMORY_ENGINE_H
#define RN_MEMORY_ENGINE_H

#include <runnel/storage.h>
#include <stdbool.h>

struct rn_memory; /* opaque */

/* An empty map. `limit`: bytes of keys and values that it holds at most; 0: no limit. NULL: out of memory. */
struct rn_memory *rn_memory_new(uint64_t limit);
void rn_memory_free(struct rn_memory *m);
/* A limit below what is held refuses what would add to it. */
void rn_memory_set_limit(struct rn_memory *m, uint64_t limit);

/* Applies all changes to the volatile half, where reads see them at once, or none. *number (may be
 * NULL) becomes the commit's number, one more than the last. 0, or the negative code that storage.h
 * names. */
int rn_memory_apply(struct rn_memory *m, const struct runnel_change *changes, size_t n, uint64_t *number,
                    struct runnel_err *err);
/* Makes every commit up to this number durable. */
void rn_memory_sync(struct rn_memory *m, uint64_t upto);
/* What a crash of the machine does: every commit that is not durable is gone. Numbers go on. */
void rn_memory_crash(struct rn_memory *m);

/* The whole record under a key; false when there is none. Borrowed until the next change. */
bool rn_memory_get(const struct rn_memory *m, struct runnel_bytes key, struct runnel_bytes *val);
/* The first record with key >= from, or > from when `beyond`; false when there is none. Borrowed until
 * the next change. `from` empty is before every key. */
bool rn_memory_seek(const struct rn_memory *m, struct runnel_bytes from, bool beyond, struct runnel_bytes *key,
                    struct runnel_bytes *val);

/* Numbers of the last commit and of the last durable one; 0: none yet. */
uint64_t rn_memory_last(const struct rn_memory *m);
uint64_t rn_memory_durable(const struct rn_memory *m);
/* Records, and bytes of their keys and values. */
size_t rn_memory_count(const struct rn_memory *m);
uint64_t rn_memory_bytes(const struct rn_memory *m);

#endif
