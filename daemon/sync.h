/* SPDX-License-Identifier: MIT
 * sync.h — makes the names in a folder durable.
 * May touch: the folder.
 */
#ifndef RN_DAEMON_SYNC_H
#define RN_DAEMON_SYNC_H

/* Syncs the folder in which `path` lies, so that the name is there after the power has failed. 0, or -1 with
 * errno. Call it for a name that was found too: who made it may have died before this. */
int rn_sync_name(const char *path);

#endif
