/* SPDX-License-Identifier: MIT
 * mirror.h — what of a directory is durable: files as they were at their last sync, names as at their folder's.
 * May touch: the directory, the mirror's own directory on the same file system. Its callers see to it that one
 * call comes at a time.
 */
#ifndef TEST_STORAGE_MIRROR_H
#define TEST_STORAGE_MIRROR_H

#include <stdint.h>

/* Takes `dir` (absolute) for durable as it is. `mirror` is an empty directory. Whatever fails here ends the program
 * with a message. */
void mirror_begin(const char *dir, const char *mirror);
/* What the descriptor is open on, a file or a folder, is durable as it is now. */
void mirror_file(int fd);
/* Everything is. */
void mirror_all(void);
/* Every file is, but no name (msync). */
void mirror_mapped(void);
/* This file is about to lose its name: its bytes stay, so that a crash can bring it back. */
void mirror_keep(const char *path);
/* See disk_crash. */
void mirror_restore(const char *out, uint64_t seed);

#endif
