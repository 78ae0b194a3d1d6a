/* SPDX-License-Identifier: MIT
 * disk.h — stands between a plugin and its files: a disk that is full, that fails, that loses what was not synced.
 * May touch: this program's write, sync and unlink calls, also for its libraries; the directory that is watched.
 */
#ifndef TEST_STORAGE_DISK_H
#define TEST_STORAGE_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* What it sees: write, pwrite, writev, pwritev, fallocate, ftruncate, fsync, fdatasync, msync, sync, syncfs,
 * files opened with O_SYNC or O_DSYNC, rename, unlink. Files that are mapped and written to in memory are seen
 * when they are synced, but such writes cannot be made to fail. Processes that a plugin forks are seen as well. The
 * kernel itself is never asked to sync anything in this program. */

/* Begins to watch a directory, which is taken for durable as it is; nothing fails yet. `mirror` is an empty
 * directory on the same file system in which it keeps what is durable; NULL: it does not (faults only). */
void disk_watch(const char *dir, const char *mirror);
/* Ends that. */
void disk_unwatch(void);

/* So many bytes may still be written, then there is no space (ENOSPC, after a short write where some blocks of 4 KiB
 * fit). Files that are removed or cut give their bytes back. Negative: room for everything. */
void disk_room(int64_t bytes);
/* The n-th write or sync from now (from 1) fails with EIO, once; 0: none. */
void disk_fail_write(unsigned n);
void disk_fail_sync(unsigned n);
/* Each sync takes so long, from its beginning on; other calls go on meanwhile. 0: no time. */
void disk_slow(unsigned ms);
/* Syncs that have begun since the watch did. */
unsigned disk_begun(void);
/* Writes and syncs since the watch began, those that failed too; how many were refused. */
unsigned disk_writes(void);
unsigned disk_syncs(void);
unsigned disk_failed(void);

/* Writes into the new directory `out` what a crash of the machine in this instant leaves. Seed 0: all that was
 * synced and nothing else. Otherwise each page of 4 KiB and each name that was changed since is there or not by
 * the seed. Fails the test when it cannot. */
void disk_crash(const char *out, uint64_t seed);

#endif
