/* SPDX-License-Identifier: MIT
 * limits.h — what the kernel allows this process.
 * May touch: the process's limits.
 */
#ifndef RN_DAEMON_LIMITS_H
#define RN_DAEMON_LIMITS_H

#include "base/log.h"

/* Raises the number of files that may be open to the most that this process may ask for: each link is one. */
void rn_limits_raise(const struct rn_log *log);

#endif
