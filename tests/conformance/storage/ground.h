/* SPDX-License-Identifier: MIT
 * ground.h — the directories of a test that crashes, fills or damages a store, all below one that is removed at the
 * end. May touch: temporary directories.
 */
#ifndef TEST_STORAGE_GROUND_H
#define TEST_STORAGE_GROUND_H

#include <stdint.h>

struct ground {
    char root[256];
    char store[280];  /* where the plugin keeps its files; exists */
    char mirror[280]; /* for disk_watch; exists, empty */
    char image[280];  /* what a crash leaves; does not exist yet */
};

void ground_init(struct ground *g);
void ground_free(struct ground *g);

/* Copies a folder with all that is below it to a new place. */
void copy_dir(const char *from, const char *to);
/* Removes it if it is there. */
void clear_dir(const char *dir);
/* Calls `each` for every file below a folder, in order of name, with its size. */
typedef void each_file(void *arg, const char *path, uint64_t size);
void walk_files(const char *dir, each_file *each, void *arg);

#endif
