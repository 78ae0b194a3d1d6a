/* SPDX-License-Identifier: MIT
 * files.h — the config's files: the main one, then conf.d beside it.
 * May touch: the files that are named.
 */
#ifndef RN_DAEMON_FILES_H
#define RN_DAEMON_FILES_H

#include "base/buf.h"
#include "node/conf.h"

#define RN_CONF_FILES 256u /* in conf.d */

/* Reads a regular file of at most `max` bytes into `out` (cleared first). 0 or a negative code and why,
 * with the path. */
int rn_file_read(const char *path, size_t max, struct rn_buf *out, struct runnel_err *err);

/* Adds `path` and then every DIR/conf.d/[!.]*.conf (DIR: where `path` stands) in order of name. 0, or a
 * negative code when a file could not be read at all. */
int rn_files_add(struct rn_conf *c, const char *path, struct runnel_err *err);

#endif
