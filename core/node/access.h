/* SPDX-License-Identifier: MIT
 * access.h — who may do what: the built-in rule.
 * May touch: nothing but its arguments.
 */
#ifndef RN_NODE_ACCESS_H
#define RN_NODE_ACCESS_H

#include "node/session.h"

/* The rights (enum rn_right, or-ed) of whoever is at the other end of a link. A program that the
 * kernel says runs as root or as the daemon's user has all; everybody else may read. `uid` is the
 * daemon's, -1: nobody's. */
unsigned rn_access_rights(const struct runnel_link_info *info, int64_t uid);

#endif
