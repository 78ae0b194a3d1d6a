/* SPDX-License-Identifier: MIT
 * batch.h — observations gathered to be published together, many batches under way at a time.
 * May touch: librunnel.
 */
#ifndef RN_TOOL_BATCH_H
#define RN_TOOL_BATCH_H

#include "tool/tool.h"
#include <stdio.h>

/* What has been acknowledged. */
struct rn_made {
    uint64_t seq, count; /* the first, and how many */
    int64_t first_time, last_time;
};

struct rn_batch {
    struct rn_tool *tool;
    struct runnel_id stream;
    uint64_t seq; /* of the next batch, or RUNNEL_ANY */
    /* the batch at hand */
    struct rn_buf values;
    size_t *ends;
    int64_t *times;
    size_t n, cost;
    /* under way */
    unsigned open;
    int failed;
    struct runnel_err err;
    struct rn_made made;
    struct rn_progress *progress; /* may be NULL */
};

void rn_batch_init(struct rn_batch *b, struct rn_tool *t, const struct runnel_id *stream, uint64_t seq);
void rn_batch_free(struct rn_batch *b);
/* Adds an observation: any JSON text, made compact. -RUNNEL_ETOOBIG when the batch is full, and
 * -RUNNEL_ECONFLICT when it has times and this has none or the other way round: send it, then add again.
 * Other codes are about the value. */
int rn_batch_add_json(struct rn_batch *b, int64_t time, const char *text, size_t n, struct runnel_err *err);
/* Publishes what is gathered (nothing: nothing); it may wait for earlier batches. 0 or a negative code. */
int rn_batch_send(struct rn_batch *b, struct runnel_err *err);
int rn_batch_busy(const struct rn_batch *b); /* so many under way that no more should be read */
/* Waits for all acknowledgements. 0, or an exit code after saying why. */
int rn_batch_finish(struct rn_batch *b);

#endif
