/* SPDX-License-Identifier: MIT
 * identity.h — the node's key pair in its file.
 * May touch: that file, the kernel's randomness.
 */
#ifndef RN_DAEMON_IDENTITY_H
#define RN_DAEMON_IDENTITY_H

#include "data/sign.h"

/* Reads the file, or makes it (mode 0600) with a new key when there is none; *made says which. Refuses a
 * file that others may read, that belongs to somebody else, or that is no identity, and says what to do.
 * 0 and the pair (rn_pair_wipe it), or a negative code. */
int rn_identity(const char *path, struct rn_pair *out, int *made, struct runnel_err *err);

#endif
