/* SPDX-License-Identifier: MIT
 * reread.h — the config's files, once more.
 * May touch: these files.
 */
#ifndef RN_DAEMON_REREAD_H
#define RN_DAEMON_REREAD_H

#include "base/buf.h"
#include "node/conf.h"

#define RN_REREAD_TOLD 131072u /* bytes of what is told of a reload */

/* Reads the files and checks them whole, as "runneld -t" does. 0 and the conf; or a negative code, with every error in
 * `told`, a line each. */
int rn_reread(const char *file, struct rn_registry *r, struct rn_conf **out, struct rn_buf *told);

#endif
