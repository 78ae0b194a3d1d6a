/* SPDX-License-Identifier: MIT
 * quiet.h — how much one address may make the node log: who connects again and again cannot fill the disk with lines.
 * May touch: the log, an alarm.
 *
 * A damaged stream counts as an address, by its id: who reads it again and again cannot either.
 */
#ifndef RN_NODE_QUIET_H
#define RN_NODE_QUIET_H

#include "node/loop.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RN_QUIET_SLOTS 64u
#define RN_QUIET_LINES 20u                     /* so many of an address are logged ... */
#define RN_QUIET_NS (INT64_C(60) * 1000000000) /* ... in so long; the others are counted */
#define RN_QUIET_NAME 80u

struct rn_quiet_slot {
    char address[RN_QUIET_NAME]; /* without port; empty: free */
    int64_t until;
    uint64_t lines;
};

/* Part of a node. The last slot is shared by all addresses that find no other. */
struct rn_quiet {
    struct rn_loop *loop;
    const char *area; /* of its lines */
    struct rn_quiet_slot v[RN_QUIET_SLOTS];
    struct rn_alarm alarm;
};

void rn_quiet_init(struct rn_quiet *q, struct rn_loop *loop, const char *area);
/* Whether a line about this remote end (or stream) may be logged. Those that may not are told by their number when the
 * time is over. */
int rn_quiet_may(struct rn_quiet *q, const char *remote);

#ifdef __cplusplus
}
#endif
#endif
