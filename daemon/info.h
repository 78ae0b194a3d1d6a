/* SPDX-License-Identifier: MIT
 * info.h — tells people and programs about plugins.
 * May touch: standard output.
 */
#ifndef RN_DAEMON_INFO_H
#define RN_DAEMON_INFO_H

#include "node/registry.h"

/* One plugin: a file (it has a '/' in front or ".so" behind), "KIND/NAME", or a NAME in any kind (all that
 * bear it are told). 0, or a negative code and why. */
int rn_info_plugin(struct rn_registry *r, const char *what, int json, struct runnel_err *err);
/* All that can be found, a line each (or one JSON array). 0, or the first that cannot be loaded. */
int rn_info_list(struct rn_registry *r, int json, struct runnel_err *err);

#endif
