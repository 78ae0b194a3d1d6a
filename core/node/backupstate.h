/* SPDX-License-Identifier: MIT
 * backupstate.h — what a backup is made of, for backup.c and backupslice.c.
 * May touch: nothing; declarations.
 */
#ifndef RN_NODE_BACKUPSTATE_H
#define RN_NODE_BACKUPSTATE_H

#include "node/copy.h"

/* A stream as it is at the moment. */
struct rn_shot {
    struct runnel_id id;
    uint32_t number;
    uint32_t head, n_head; /* its signed head, in `heads` */
    uint32_t open;         /* bytes of the open block */
    int unread;            /* its state could not be read: nothing but what it is goes with it */
    uint64_t count;
    int64_t last;
};

struct rn_backup {
    struct rn_session *session; /* NULL: gone */
    int busy;                   /* a slice is being made */
    struct rn_shot *shots;      /* in order of number */
    size_t n;
    struct rn_buf heads;
    /* Where it is. */
    size_t area, at;      /* of areas; of shots */
    uint64_t k;           /* block or pack */
    uint32_t level;       /* of the tree */
    size_t off;           /* in the record at hand */
    struct rn_place from; /* of the record at hand, in an area that is scanned; n 0: the area's begin */
    uint64_t done;        /* observations that are in slices already */
    uint64_t damaged;     /* blocks and packs that could not be read */
    uint64_t records;
};

/* backup.c: it is over. */
void rn_backup_free(struct rn_node *n, struct rn_backup *b);

#endif
