/* SPDX-License-Identifier: MIT
 * marker.h — a text that tells a folder from every copy of it.
 * May touch: the folder, /etc/machine-id.
 */
#ifndef RN_DAEMON_MARKER_H
#define RN_DAEMON_MARKER_H

#include <runnel/types.h>
#include <stddef.h>

/* Writes the text for a folder that exists; makes the empty file `marker` in it, durable, when there is none.
 * 0, or a negative code and why. */
int rn_marker(const char *dir, char *out, size_t n, struct runnel_err *err);

#endif
