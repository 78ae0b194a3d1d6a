/* SPDX-License-Identifier: MIT
 * ripe.h — whether what waits is to be committed now, or a little later together with more.
 * May touch: nothing but its arguments.
 *
 * Clients that wait for their answers before they publish again come back within microseconds of them. A commit that
 * is begun as soon as the first of them is here leaves the others to the next one: they go on in two halves, and each
 * waits for two syncs of the disk instead of one. So a commit waits for as many publishes as have been answered and not
 * been followed by another one yet, whichever commit they were of: what came while the loop waited for the disk has not
 * been read when that is over. It waits only as long as more do come, and never for longer than the last
 * commit took; who does not come is not waited for again, and the less often waiting helps, the shorter it is. Who is
 * alone never waits.
 */
#ifndef RN_NODE_RIPE_H
#define RN_NODE_RIPE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zeroed before its first use. */
struct rn_ripe {
    uint64_t out;   /* publishes that were answered, and none came since in their place */
    uint64_t seen;  /* as many were out at the look before */
    unsigned looks; /* since the last commit was built */
    unsigned vain;  /* times that it was waited in vain, less those that it helped */
    int left;       /* the last commit had no room for all that had arrived */
    int64_t since;  /* the first look */
    int64_t newest; /* the last one that saw fewer out than the one before */
    int64_t built;  /* when the last commit was built */
    int64_t took;   /* ns from there until it was durable */
};

/* A publish has arrived. */
void rn_ripe_arrived(struct rn_ripe *r);
/* Looks whether to build now; if not, the next look is due after the sockets have been looked at. */
int rn_ripe_look(struct rn_ripe *r, int64_t now);
/* A commit has been built of what has arrived; `left`: not of all. */
void rn_ripe_built(struct rn_ripe *r, int64_t now, int left);
/* It is durable, and so many publishes have been answered. */
void rn_ripe_durable(struct rn_ripe *r, int64_t now, uint64_t answered);

#ifdef __cplusplus
}
#endif
#endif
