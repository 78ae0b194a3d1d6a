/* SPDX-License-Identifier: MIT
 * tally.h — what a load driver has counted: messages, latencies, time; and how it is told.
 * May touch: standard output.
 */
#ifndef RN_BENCH_TALLY_H
#define RN_BENCH_TALLY_H

#include "bench/load/load.h"

/* Latencies go into cells of 1/32 of their power of two: within 3 %. */
#define LOAD_CELLS 2048u

struct load_tally {
    uint64_t messages;
    int64_t began, ended;         /* ns of the monotonic clock */
    int64_t cpu_began, cpu_ended; /* ns of processor */
    uint64_t cells[LOAD_CELLS];
    uint64_t n_cells; /* latencies in all */
};

void load_tally_begin(struct load_tally *t);
void load_tally_end(struct load_tally *t);
void load_tally_latency(struct load_tally *t, int64_t ns);
/* The latency that `share` (0 to 1) of them do not exceed, in µs; 0 when there are none. */
double load_tally_quantile(const struct load_tally *t, double share);
/* One line of JSON. `bottleneck`: the driver itself used 9/10 of a core or more. */
int load_tally_print(const struct load_tally *t, const struct load_options *o, struct runnel_err *err);

#endif
