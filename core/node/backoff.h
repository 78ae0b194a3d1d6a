/* SPDX-License-Identifier: MIT
 * backoff.h — chance and patience: throws without bias, waits that double and are jittered.
 * May touch: the env's random source.
 */
#ifndef RN_NODE_BACKOFF_H
#define RN_NODE_BACKOFF_H

#include "node/env.h"
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A throw of 0 to `sides` - 1, each as likely as the others; sides > 0. */
uint64_t rn_dice(const struct rn_env *env, uint64_t sides);
/* Between half of `ns` and all of it, so that nodes that lost the same peer do not come back at once. */
int64_t rn_jittered(const struct rn_env *env, int64_t ns);
/* How long to wait after a failure that `failures` others have come before: `first`, doubled for each of them, `most`
 * at the most; jittered. */
int64_t rn_backoff(const struct rn_env *env, int64_t first, int64_t most, unsigned failures);

#ifdef __cplusplus
}
#endif
#endif
