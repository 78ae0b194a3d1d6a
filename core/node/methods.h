/* SPDX-License-Identifier: MIT
 * methods.h — the methods that a session may call, one function each.
 * May touch: the node.
 */
#ifndef RN_NODE_METHODS_H
#define RN_NODE_METHODS_H

#include "base/json.h"
#include "node/session.h"
#include "node/stream.h"

/* Each answers the call, now or later, whatever happens. `params` is borrowed for the call. */
typedef void rn_method_fn(struct rn_node *n, struct rn_call *call, const struct rn_json *params);

rn_method_fn rn_method_status, rn_method_streams, rn_method_head, rn_method_peers, rn_method_plugins; /* info.c */
rn_method_fn rn_method_at, rn_method_nodes;                                                           /* reads.c */
rn_method_fn rn_method_fsck;                                                                          /* fsck.c */
rn_method_fn rn_method_alive, rn_method_twin;                                                         /* twin.c */
rn_method_fn rn_method_reload;                                                                        /* reload.c */
rn_method_fn rn_method_confirm;                                                                       /* safetynote.c */
rn_method_fn rn_method_verify;                                                                        /* verify.c */
rn_method_fn rn_method_drop;                                                                          /* drop.c */
rn_method_fn rn_method_backup_begin, rn_method_backup_next;                                           /* backup.c */
rn_method_fn rn_method_restore_begin, rn_method_restore_put, rn_method_restore_end;                   /* restore.c */

/* The stream that params name and that is known here; NULL: the call has been failed. */
struct rn_stream *rn_method_stream(struct rn_node *n, struct rn_call *call, const struct rn_json *params);
/* A member that must be there; 0, or the call has been failed. */
int rn_method_u64(struct rn_call *call, const struct rn_json *params, const char *key, uint64_t *out);
int rn_method_time(struct rn_call *call, const struct rn_json *params, const char *key, int64_t *out);
/* Answers with what was written, or with out of memory when the writing failed; frees the buffer. */
void rn_method_answer(struct rn_call *call, struct rn_buf *b);

#endif
