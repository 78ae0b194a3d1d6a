/* SPDX-License-Identifier: MIT
 * ripe.c — a commit waits for those who may come back at once (ripe.h).
 * May touch: nothing but its arguments.
 */
#include "node/ripe.h"

/* Parts of what the last commit took. If nobody comes, a sixteenth is lost; all that may come are worth a quarter,
 * as half of them would have to wait for a whole commit more. */
#define PATIENCE 16
#define MOST 4
#define LOOKS 100u /* however slow the disk is: each costs a turn of the loop */

int rn_ripe_look(struct rn_ripe *r, int64_t now) {
    if (r->arrived >= r->expected)
        return 1;
    if (r->looks == 0)
        r->since = now;
    if (r->looks == 0 || r->arrived != r->seen)
        r->newest = now;
    r->seen = r->arrived;
    return r->looks++ == LOOKS || now - r->newest >= r->took / PATIENCE || now - r->since >= r->took / MOST;
}

void rn_ripe_built(struct rn_ripe *r, int64_t now, int left) {
    r->arrived = r->looks = 0;
    r->built = now;
    r->left = left;
}

void rn_ripe_durable(struct rn_ripe *r, int64_t now, uint64_t answered) {
    r->took = now - r->built;
    r->expected = r->left ? 0 : r->arrived + answered;
}
