/* SPDX-License-Identifier: MIT
 * kind.c — the words for the kinds of plugins.
 * May touch: nothing.
 */
#include "node/registry.h"

#include <string.h>

static const char *const kinds[] = {
    [RUNNEL_STORAGE] = "storage", [RUNNEL_TRANSPORT] = "transport", [RUNNEL_DISCOVERY] = "discovery",
    [RUNNEL_SYNC] = "sync",       [RUNNEL_SERVICE] = "service",
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

const char *rn_kind_name(uint32_t kind) {
    return kind < N_KINDS ? kinds[kind] : NULL;
}

uint32_t rn_kind_of(const char *name) {
    for (uint32_t k = 1; k < N_KINDS; k++)
        if (strcmp(kinds[k], name) == 0)
            return k;
    return 0;
}
