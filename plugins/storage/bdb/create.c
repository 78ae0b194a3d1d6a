/* SPDX-License-Identifier: MIT
 * create.c — db_env_create, which crashes while it cleans up when one of its allocations fails.
 * May touch: Berkeley DB's hook for malloc, for the length of one call.
 *
 * What it allocates is therefore set aside beforehand. The hook is Berkeley DB's only way to say so, and it
 * takes no argument: hence the static state, which is in use within rn_bdb_env_create alone, on the loop.
 */
#include "plugins/storage/bdb/bdb.h"
#include <errno.h>
#include <stdlib.h>

/* Berkeley DB 5.3 asks for four, the largest of 2088 bytes. */
#define BLOCKS 12u
#define BLOCK_BYTES 4096u

static struct {
    void *v[BLOCKS];
    unsigned n; /* that are left */
} ready;

static void *take_block(size_t n) {
    return n <= BLOCK_BYTES && ready.n > 0 ? ready.v[--ready.n] : malloc(n);
}

static void give_back(void) {
    while (ready.n > 0)
        free(ready.v[--ready.n]);
}

static bool prepare(void) {
    for (ready.n = 0; ready.n < BLOCKS; ready.n++) {
        ready.v[ready.n] = malloc(BLOCK_BYTES);
        if (!ready.v[ready.n])
            return false;
    }
    return true;
}

int rn_bdb_env_create(DB_ENV **env) {
    int rc = prepare() ? db_env_set_func_malloc(take_block) : ENOMEM;
    if (rc == 0) {
        rc = db_env_create(env, 0);
        (void)db_env_set_func_malloc(malloc); /* cannot fail */
    }
    give_back();
    if (rc != 0)
        *env = NULL;
    return rc;
}
