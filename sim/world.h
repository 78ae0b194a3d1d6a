/* SPDX-License-Identifier: MIT
 * world.h — one simulated world: its time, its events in one order, its chance, its trace.
 * May touch: the heap memory; nothing of the real world.
 *
 * Everything that happens is an event, delivered in order of (time, order of asking). The same seed
 * gives the same events, and so the same trace hash, in every process on every machine.
 * Running out of real memory ends the process: a simulation that went on would prove nothing.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/buf.h"
#include "base/heap.h"
#include "base/list.h"
#include "data/hash.h"
#include "data/sign.h"
#include "sim/rand.h"
#include <runnel/types.h>

#define SIM_US INT64_C(1000)
#define SIM_MS INT64_C(1000000)
#define SIM_S INT64_C(1000000000)
#define SIM_WALL INT64_C(1767225600000000000) /* 2026-01-01T00:00:00Z: the wall clocks' start */
#define SIM_STEPS UINT64_C(20000000)          /* events that one world may deliver: more is a busy loop */
#define SIM_MEMO 8192u

/* Something that will happen; embedded by its owner and zeroed before its first use. */
struct sim_event {
    struct rn_timer timer; /* first: the heap hands this back */
    runnel_fn *fn;
    void *arg;
    uint32_t host;    /* whose event it is, for the trace; 0: the world's own */
    const char *what; /* a static word, for the trace */
};

struct sim_world {
    uint64_t seed;
    int64_t now;
    struct rn_heap events;
    uint64_t steps, max_steps;
    uint64_t trace;       /* hash over all that was delivered so far */
    struct rn_list hosts; /* of struct sim_host, in order of their making */
    struct rn_list links; /* of struct sim_link, in order of their making */
    uint32_t n_hosts;
    uint64_t n_links;
    struct sim_rand rand; /* for the test's own choices */
    struct rn_hasher *hasher;
    /* Called after each event with the host that it belonged to: here the checkers look. */
    void (*watch)(void *arg, uint32_t host);
    void *watch_arg;
    /* Sees all bytes that are written to links between nodes, in the order of writing: those towards end
     * `side` of the link (0: who dialled) from a host of this number; n = 0: the link is no more. */
    void (*tap)(void *arg, uint64_t link, int side, uint32_t from, const uint8_t *p, size_t n);
    void *tap_arg;
    char failure[1024]; /* the first thing that was wrong; empty while all is well */
    /* signatures that were found good: simulated nodes check the same few again and again */
    struct rn_hash memo[SIM_MEMO];
    uint64_t n_verified, n_memo;
};

void sim_world_init(struct sim_world *w, uint64_t seed);
/* Nodes, programs and disks must be freed first. */
void sim_world_free(struct sim_world *w);

/* Sets an event, or moves it; earlier than now counts as now. */
void sim_at(struct sim_world *w, struct sim_event *e, int64_t at);
void sim_after(struct sim_world *w, struct sim_event *e, int64_t ns);
void sim_cancel(struct sim_world *w, struct sim_event *e);
static inline int sim_event_set(const struct sim_event *e) {
    return rn_timer_set(&e->timer);
}

/* Delivers the next event. 0 when there is none, or a failure was told, or the step bound is reached
 * (which is a failure). */
int sim_step(struct sim_world *w);
typedef int sim_predicate(void *arg);
/* Delivers events until the predicate holds (1), or until `ns` from now have passed, nothing is left
 * to come, or something failed (0). The predicate is asked before the first and after each event;
 * NULL: never holds. Time moves to the deadline when it was reached. */
int sim_run_until(struct sim_world *w, sim_predicate *holds, void *arg, int64_t ns);
void sim_run(struct sim_world *w, int64_t ns);

/* Folds something that was observed into the trace. */
void sim_trace(struct sim_world *w, uint32_t host, const char *what, const void *p, size_t n);
/* Remembers the first failure, with the time; the run ends. */
void sim_fail(struct sim_world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline int sim_failed(const struct sim_world *w) {
    return w->failure[0] != 0;
}

/* As rn_verify, remembering what was found good. */
int sim_verify(struct sim_world *w, const struct rn_key *id, const char *purpose, const void *p, size_t n,
               const uint8_t sig[RN_SIGNATURE]);

/* Zeroed memory, or the end of the process. */
void *sim_alloc(size_t n);
/* Ends the process when a call that can only fail for want of memory has failed. */
void sim_must(int rc, const char *what);

#endif
