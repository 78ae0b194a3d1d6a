/* SPDX-License-Identifier: MIT
 * sink.h — where the log's lines go: standard error, in the journal's form if it listens there.
 * May touch: standard error, the clock.
 */
#ifndef RN_DAEMON_SINK_H
#define RN_DAEMON_SINK_H

#include "base/log.h"

struct rn_sink {
    int journal; /* lines begin with "<N>", the journal adds the time */
};

void rn_sink_init(struct rn_sink *s);
/* The rn_log_sink; `arg` is the struct rn_sink. */
void rn_sink_line(void *arg, int level, const char *area, const char *line);

#endif
