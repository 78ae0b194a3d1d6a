/* SPDX-License-Identifier: MIT
 * alloc.h — stands between a plugin and the heap: lets one of its allocations fail, or all from one on.
 * May touch: this program's malloc, calloc, realloc and what allocates like them, also for its libraries.
 */
#ifndef TEST_STORAGE_ALLOC_H
#define TEST_STORAGE_ALLOC_H

#include <stdbool.h>

/* From now on the allocations are counted that this thread makes while *inside holds (test_host.inside).
 * Number `nth` (from 1) fails, and those behind it too if `onwards`; 0: none fails. Threads of a plugin's own
 * are left alone; processes that it forks are not. */
void alloc_watch(const bool *inside, unsigned long nth, bool onwards);
/* Ends that: how many there were. */
unsigned long alloc_unwatch(void);
/* Counts one that is not on the heap (a service of the host): whether it must fail. Fits test_host.refuse. */
bool alloc_refuse(void);

#endif
