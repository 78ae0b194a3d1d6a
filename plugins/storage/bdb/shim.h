/* SPDX-License-Identifier: MIT
 * shim.h — stands between Berkeley DB and the kernel: counts what is not synced, makes writes and syncs fail.
 * May touch: the write and sync calls of this test program, which the plugin's library then uses too.
 */
#ifndef TEST_BDB_SHIM_H
#define TEST_BDB_SHIM_H

#include <stdbool.h>
#include <stddef.h>

/* Begins to watch a directory, with nothing failing; NULL ends it. */
void shim_watch(const char *dir);
/* Lets `n` more writes there succeed, then all fail with ENOSPC, or what was named; negative: none fails. */
void shim_full_after(long n);
void shim_full_with(int error);
/* Whether the next syncs of a log file there fail with EIO. */
void shim_fail_syncs(bool on);
/* Each sync of a log file there takes so long from now on. */
void shim_slow_syncs(unsigned ms);
/* How many of them were asked for by another thread than the program's first one. */
unsigned shim_syncs_elsewhere(void);
/* Has every process that this one forks end by that signal at its first write there; 0: none. */
void shim_end_forks(int sig);
/* Whether a log file has bytes, or the directory a log file, that no sync has covered. */
bool shim_unsynced(void);
/* How long a sync of the directory takes from now on. */
void shim_slow_dir(unsigned ms);
/* How many log files were removed, and how many of them while the name of a newer one was not durable. */
unsigned shim_removed(void);
unsigned shim_removed_early(void);
/* How often the directory itself was synced, and how many log files were written to. */
unsigned shim_dir_syncs(void);
unsigned shim_log_files(void);
/* Writes that failed. */
unsigned shim_failed(void);

#endif
