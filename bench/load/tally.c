/* SPDX-License-Identifier: MIT
 * tally.c — counting, and one line of JSON.
 * May touch: standard output.
 */
#include "bench/load/tally.h"
#include "base/err.h"
#include <inttypes.h>
#include <stdio.h>

#define STEP 5u /* bits of a latency behind its highest one */

void load_tally_begin(struct load_tally *t) {
    t->began = load_now();
    t->cpu_began = load_cpu();
}

void load_tally_end(struct load_tally *t) {
    t->ended = load_now();
    t->cpu_ended = load_cpu();
}

static unsigned cell(uint64_t ns) {
    unsigned high = 0;
    while (ns >> high >= 2u << STEP)
        high++;
    return (high << STEP) + (unsigned)(ns >> high);
}

/* The greatest latency of a cell. */
static double reach(unsigned i) {
    unsigned high = i >> STEP > 1 ? (i >> STEP) - 1 : 0;
    uint64_t top = i - (high << STEP);
    return (double)(((top + 1) << high) - 1);
}

void load_tally_latency(struct load_tally *t, int64_t ns) {
    unsigned i = cell(ns > 0 ? (uint64_t)ns : 0);
    t->cells[i < LOAD_CELLS ? i : LOAD_CELLS - 1]++;
    t->n_cells++;
}

double load_tally_quantile(const struct load_tally *t, double share) {
    double want = share * (double)t->n_cells;
    uint64_t sum = 0;
    for (unsigned i = 0; i < LOAD_CELLS && t->n_cells; i++) {
        sum += t->cells[i];
        if ((double)sum >= want)
            return reach(i) / 1000;
    }
    return 0;
}

int load_tally_print(const struct load_tally *t, const struct load_options *o, struct runnel_err *err) {
    double seconds = (double)(t->ended - t->began) / 1e9, cpu = (double)(t->cpu_ended - t->cpu_began) / 1e9;
    int n =
        printf("{\"mode\":\"%s\",\"proto\":\"%s\",\"messages\":%" PRIu64 ",\"seconds\":%.6f,\"rate\":%.1f,"
               "\"p50_us\":%.1f,\"p99_us\":%.1f,\"driver_cpu\":%.3f,\"bottleneck\":%s}\n",
               o->mode, o->proto ? o->proto->name : "", t->messages, seconds, (double)t->messages / seconds,
               load_tally_quantile(t, 0.5), load_tally_quantile(t, 0.99), cpu, cpu >= 0.9 * seconds ? "true" : "false");
    if (n < 0 || fflush(stdout) != 0)
        return rn_fail(err, RUNNEL_EIO, "standard output cannot be written");
    return 0;
}
