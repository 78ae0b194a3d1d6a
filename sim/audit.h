/* SPDX-License-Identifier: MIT
 * audit.h — what a node's disk holds, read and judged without the node: every observation, leaf, root and signature.
 * May touch: the world; disks by looking only.
 *
 * Nothing here asks the node or uses its tree: records are read from the disk's map, leaves are hashed from blocks,
 * roots are folded by the definition of RFC 9162, section 2.1.1. The truth is what the author's own disk has held
 * durably (check.h).
 */
#ifndef SIM_AUDIT_H
#define SIM_AUDIT_H

#include "sim/check.h"

#define SIM_AUDIT_STREAMS 256u /* on one disk, at most */

struct sim_audit {
    struct sim_world *world;
    struct sim_check *const *checks; /* of every stream that there is */
    size_t n_checks;
    /* how much was looked at */
    uint64_t n_commits, n_disks, n_blocks, n_observations, n_roots;
};

/* Every stream that some disk holds must be one of `checks`, whose id, descriptor and author are set. */
void sim_audit_init(struct sim_audit *a, struct sim_world *w, struct sim_check *const *checks, size_t n);

/* What a commit brings to the disk of a node, which has taken it: the blocks and heads that it writes. */
void sim_audit_commit(struct sim_audit *a, const struct sim_node *n, const struct runnel_change *changes,
                      size_t n_changes);
/* All that the disk holds now. */
void sim_audit_disk(struct sim_audit *a, const struct sim_node *n);

#endif
