/* SPDX-License-Identifier: MIT
 * datadir.h — the directory in which a daemon keeps everything, for itself alone.
 * May touch: that directory.
 */
#ifndef RN_DAEMON_DATADIR_H
#define RN_DAEMON_DATADIR_H

#include <runnel/types.h>

/* Makes the directory (mode 0700; only its last component) if it is missing, and locks it as long as *fd
 * is open. 0, or a negative code with the path and what to do. */
int rn_datadir_open(const char *path, int *fd, struct runnel_err *err);
/* Makes a directory of mode 0700 unless it is there. */
int rn_dir_make(const char *path, struct runnel_err *err);

#endif
