/* SPDX-License-Identifier: MIT
 * ripe.h — whether what waits is to be committed now, or a little later together with more.
 * May touch: nothing but its arguments.
 *
 * Clients that wait for their answers before they publish again come back within microseconds of them. A commit that
 * is begun as soon as the first of them is here leaves the others to the next one: they go on in two halves, and each
 * waits for two syncs of the disk instead of one. So a commit waits for as many publishes as may come, if everybody
 * who was answered comes back; but only as long as more do come, and never for more than a part of what the last
 * commit took. Who is alone never waits.
 */
#ifndef RN_NODE_RIPE_H
#define RN_NODE_RIPE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zeroed before its first use. */
struct rn_ripe {
    uint64_t arrived;  /* publishes since the last commit was built */
    uint64_t expected; /* as many as there may be */
    uint64_t seen;     /* had arrived at the look before */
    unsigned looks;    /* since the last commit was built */
    int left;          /* that had no room for all that had arrived */
    int64_t since;     /* the first of them */
    int64_t newest;    /* the last one that saw more than the one before */
    int64_t built;     /* when the last commit was built */
    int64_t took;      /* ns from there until it was durable */
};

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
