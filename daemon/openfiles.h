/* SPDX-License-Identifier: MIT
 * openfiles.h — how many files, and so how many sessions, this process may have open.
 * May touch: the process's limits.
 */
#ifndef RN_DAEMON_OPENFILES_H
#define RN_DAEMON_OPENFILES_H

#include "base/log.h"

/* Takes as many as the system's hard limit allows: who may raise that has said what it is to be. */
void rn_open_files(const struct rn_log *log);

#endif
