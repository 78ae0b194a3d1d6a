/* SPDX-License-Identifier: MIT
 * store.h — the node's way to its storage instance: changes gathered into a commit, reads.
 * May touch: the storage instance.
 */
#ifndef RN_NODE_STORE_H
#define RN_NODE_STORE_H

#include "node/inst.h"
#include "node/place.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Changes that will be one commit. A zeroed struct is empty. What is added is copied; a failure is
 * remembered and makes rn_store_commit fail. */
struct rn_changes {
    struct rn_buf bytes; /* keys and data, one after another */
    struct rn_planned {
        uint32_t what;
        uint64_t off;
        size_t key, n_key, data, n_data, to, n_to; /* places in `bytes` */
        int checked;                               /* the last bytes of the data are its check */
        size_t room;                               /* bytes behind the data, kept for more of it */
    } * v;
    size_t n, cap;
    int failed;
};

/* A record with a check, which the commit writes behind its value (record.h). */
void rn_changes_put(struct rn_changes *c, const struct rn_place *p, struct runnel_bytes data);
/* A block or a pack as a whole. */
void rn_changes_replace(struct rn_changes *c, const struct rn_place *p, struct runnel_bytes data);
/* More of a block or a pack. With `off` 0 it begins anew, whatever was there: what stands under a key that
 * nothing has been written to yet was put there by a disk that alters keys. */
void rn_changes_append(struct rn_changes *c, const struct rn_place *p, uint64_t off, struct runnel_bytes data);
/* As that, for a pack that grows by many small pieces: one that goes right behind what change number *at (from 1; 0:
 * there is none) writes becomes a part of it. *at receives the number of the change that the piece is in; `most` is
 * what the record can come to. */
void rn_changes_grow(struct rn_changes *c, size_t *at, const struct rn_place *p, uint64_t off, struct runnel_bytes data,
                     uint64_t most);
void rn_changes_erase(struct rn_changes *c, const struct rn_place *p);
/* All keys from `from` on that are before `to`. */
void rn_changes_erase_range(struct rn_changes *c, const struct rn_place *from, const struct rn_place *to);
/* Forgets the changes, keeps the memory. */
void rn_changes_clear(struct rn_changes *c);
void rn_changes_free(struct rn_changes *c);

struct rn_store {
    struct runnel_inst *inst;
    const struct runnel_storage *ops;
    void *self;
    struct rn_hasher *hasher;
};

void rn_store_init(struct rn_store *s, struct runnel_inst *inst, struct rn_hasher *hasher);
/* Commits what was gathered and clears it. 0: done fires later; a negative code: the changes could not be
 * gathered, nothing was asked, done never fires. */
int rn_store_commit(struct rn_store *s, struct rn_changes *c, runnel_done *done, void *arg);
void rn_store_get(struct rn_store *s, const struct rn_place *p, uint64_t off, uint32_t max, runnel_data *data,
                  void *arg);
void rn_store_scan(struct rn_store *s, const struct rn_place *from, const struct rn_place *to, runnel_pair *pair,
                   runnel_done *done, void *arg);

/* The first `limit` records only. */
void rn_store_scan_some(struct rn_store *s, const struct rn_place *from, const struct rn_place *to, uint32_t limit,
                        runnel_pair *pair, runnel_done *done, void *arg);

/* ---- work under way ----
 * An operation that waits for the storage. They hang in the node's list so that a node that is freed
 * in the middle (a simulated crash) frees them too. First member of the operation's struct. */
struct rn_op {
    struct rn_list link;
    void (*free)(struct rn_op *op);
};
void rn_op_begin(struct rn_list *ops, struct rn_op *op, void (*free)(struct rn_op *));
void rn_op_end(struct rn_op *op); /* unlinks and frees */

#ifdef __cplusplus
}
#endif
#endif
