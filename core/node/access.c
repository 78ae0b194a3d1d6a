/* SPDX-License-Identifier: MIT
 * access.c — the built-in rule of rights (access.h).
 * May touch: nothing but its arguments.
 */
#include "node/access.h"

unsigned rn_access_rights(const struct runnel_link_info *info, int64_t uid) {
    int trusted = info->trust == RUNNEL_LOCAL && info->uid >= 0 && (info->uid == 0 || info->uid == uid);
    return trusted ? RN_READ | RN_PUBLISH | RN_ADMIN : RN_READ;
}
