/* SPDX-License-Identifier: MIT
 * identity.h — the node's key pair in its file.
 * May touch: that file, the kernel's randomness.
 */
#ifndef RN_DAEMON_IDENTITY_H
#define RN_DAEMON_IDENTITY_H

#include "data/sign.h"

/* What is known of an identity beside its key. */
struct rn_identity_state {
    int made; /* just now */
    int used; /* a store was made for it: the file says so, wherever it is copied to */
};

/* Reads the file, or makes it (mode 0600) with a new key when there is none. Refuses a file that others may read,
 * that belongs to somebody else, or that is no identity, and says what to do. 0 and the pair (rn_pair_wipe it),
 * or a negative code. */
int rn_identity(const char *path, struct rn_pair *out, struct rn_identity_state *state, struct runnel_err *err);
/* Adds the line "used" to the file, durable, unless it is there. -RUNNEL_EDENIED: nothing may be written there;
 * or another negative code. */
int rn_identity_note_used(const char *path, struct runnel_err *err);

#endif
