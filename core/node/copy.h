/* SPDX-License-Identifier: MIT
 * copy.h — backup and restore: a node's records as slices, out of a running node and into an empty one.
 * May touch: the node, the store.
 *
 * A slice is a run of pieces: u8 length of the key, the key, u32 LE offset, u32 LE length, bytes of the record from
 * that offset on. A record that does not fit goes over several slices. Keys are those of place.h; records are as
 * the store has them. The sides carry slices as base64 and need not look into them.
 */
#ifndef RN_NODE_COPY_H
#define RN_NODE_COPY_H

#include "node/session.h"
#include "node/store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RN_COPY_SLICE 45000u /* bytes of pieces: with base64 and JSON they fit in a frame */

struct rn_piece {
    struct rn_place key;
    uint32_t off;
    struct runnel_bytes data; /* borrowed from the slice */
};

/* Appends the rest of a record from `off` on, or as much of it as there is room for. Returns the offset at which it
 * goes on: n when it is whole, `off` when not even a byte had room. */
size_t rn_piece_add(struct rn_buf *slice, const struct rn_place *key, struct runnel_bytes record, size_t off);
/* Takes the first piece off. 1; 0 when there is none left; -RUNNEL_EINVALID for what is no piece, or not of a record
 * that a backup holds. */
int rn_piece_next(struct runnel_bytes *slice, struct rn_piece *out, struct runnel_err *err);

/* ---- backup.c, backupslice.c ---- */

struct rn_backup;
/* A session has ended: a backup that it had begun is forgotten. */
void rn_backup_session_gone(struct rn_session *s);
void rn_backup_drop(struct rn_node *n);

/* ---- restore.c ---- */

struct rn_restore;
void rn_restore_session_gone(struct rn_session *s);
void rn_restore_drop(struct rn_node *n);
/* At start: whether a restore was cut off. Then nothing of the store is loaded. */
void rn_restore_look(struct rn_node *n, runnel_done *done, void *arg);
/* While a restore is under way or was cut off nothing is made here: -RUNNEL_EBUSY and what to do; else 0. */
int rn_restore_refuses(const struct rn_node *n, struct runnel_err *err);

#ifdef __cplusplus
}
#endif
#endif
