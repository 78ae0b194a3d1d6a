/* SPDX-License-Identifier: MIT
 * names.h — finds streams by author and name, however many there are.
 * May touch: the node's map of names.
 */
#ifndef RN_NODE_NAMES_H
#define RN_NODE_NAMES_H

#include "node/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes the stream known by its name, beside others that have it too. 0 or -RUNNEL_ENOMEM. */
int rn_names_add(struct rn_stream *s);
/* Harmless when it is not known by it. */
void rn_names_remove(struct rn_stream *s);

#ifdef __cplusplus
}
#endif
#endif
