/* SPDX-License-Identifier: MIT
 * ripe.c — a commit waits for those who may come back at once (ripe.h).
 * May touch: nothing but its arguments.
 */
#include "node/ripe.h"

/* Who waits for the next commit waits as long as one takes: so long all are waited for who may come, and half as long
 * for each next one. When nobody came some times it is half as much again, down to a sixteenth; after many times it may
 * help again. */
#define LEAST_SHIFT 4u
#define SOME 4u
#define TRY_AGAIN 64u
#define LOOKS 100u /* however slow the disk is: each costs a turn of the loop */

void rn_ripe_arrived(struct rn_ripe *r) {
    if (r->out > 0)
        r->out--;
}

static int64_t patience(const struct rn_ripe *r) {
    unsigned shift = 1 + r->vain / SOME;
    return r->took >> (shift < LEAST_SHIFT ? shift : LEAST_SHIFT);
}

int rn_ripe_look(struct rn_ripe *r, int64_t now) {
    if (r->out == 0) {
        if (r->looks > 0 && r->vain > 0)
            r->vain--;
        return 1;
    }
    if (r->looks == 0)
        r->since = now;
    if (r->looks == 0 || r->out != r->seen)
        r->newest = now;
    r->seen = r->out;
    if (r->looks++ < LOOKS && now - r->newest < patience(r) && now - r->since < r->took)
        return 0;
    r->out = 0;
    r->vain = r->vain < TRY_AGAIN ? r->vain + 1 : 0;
    return 1;
}

void rn_ripe_built(struct rn_ripe *r, int64_t now, int left) {
    r->looks = 0;
    r->built = now;
    r->left = left;
}

void rn_ripe_durable(struct rn_ripe *r, int64_t now, uint64_t answered) {
    r->took = now - r->built;
    r->out = r->left ? 0 : r->out + answered; /* where there is more than enough nobody is waited for */
}
