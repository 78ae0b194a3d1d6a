/* SPDX-License-Identifier: MIT
 * world.c — the event heap, the run loop and the trace of a simulated world.
 * May touch: the heap memory; stderr when memory ends.
 */
#include "sim/world.h"
#include "base/time.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *sim_alloc(size_t n) {
    void *p = calloc(1, n);
    sim_must(p ? 0 : -RUNNEL_ENOMEM, "an allocation");
    return p;
}

void sim_must(int rc, const char *what) {
    if (rc == 0)
        return;
    (void)fprintf(stderr, "simulator: %s failed with code %d; it cannot go on\n", what, rc);
    abort();
}

void sim_world_init(struct sim_world *w, uint64_t seed) {
    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->now = SIM_S;
    w->max_steps = SIM_STEPS;
    w->trace = SIM_HASH_START;
    rn_list_init(&w->hosts);
    rn_list_init(&w->links);
    sim_rand_init(&w->rand, seed, "world");
    w->hasher = rn_hasher_new();
    sim_must(w->hasher ? 0 : -RUNNEL_ENOMEM, "a hasher");
}

void sim_world_free(struct sim_world *w) {
    rn_heap_free(&w->events);
    rn_hasher_free(w->hasher);
    memset(w, 0, sizeof *w);
}

void sim_at(struct sim_world *w, struct sim_event *e, int64_t at) {
    sim_must(rn_heap_set(&w->events, &e->timer, at < w->now ? w->now : at), "an event");
}

void sim_after(struct sim_world *w, struct sim_event *e, int64_t ns) {
    sim_at(w, e, ns > INT64_MAX - w->now ? INT64_MAX : w->now + ns);
}

void sim_cancel(struct sim_world *w, struct sim_event *e) {
    rn_heap_del(&w->events, &e->timer);
}

void sim_trace(struct sim_world *w, uint32_t host, const char *what, const void *p, size_t n) {
    uint64_t head[3] = {(uint64_t)w->now, host, n};
    w->trace = sim_hash(w->trace, head, sizeof head);
    w->trace = sim_hash(w->trace, what, strlen(what));
    w->trace = sim_hash(w->trace, p, n);
}

void sim_fail(struct sim_world *w, const char *fmt, ...) {
    va_list ap;
    if (sim_failed(w))
        return;
    int k = snprintf(w->failure, sizeof w->failure, "at %.6f s: ", (double)w->now / 1e9);
    va_start(ap, fmt);
    if (k > 0 && (size_t)k < sizeof w->failure)
        (void)vsnprintf(w->failure + k, sizeof w->failure - (size_t)k, fmt, ap);
    va_end(ap);
}

int sim_step(struct sim_world *w) {
    struct rn_timer *t = rn_heap_first(&w->events);
    if (!t || sim_failed(w))
        return 0;
    if (w->steps++ >= w->max_steps) {
        sim_fail(w, "%llu events and no end: somebody runs in circles", (unsigned long long)w->max_steps);
        return 0;
    }
    struct sim_event *e = (struct sim_event *)(void *)t;
    uint32_t host = e->host;
    rn_heap_del(&w->events, t);
    w->now = t->at;
    sim_trace(w, host, e->what, NULL, 0);
    e->fn(e->arg); /* `e` may be gone now */
    if (w->watch)
        w->watch(w->watch_arg, host);
    return !sim_failed(w);
}

int sim_run_until(struct sim_world *w, sim_predicate *holds, void *arg, int64_t ns) {
    int64_t end = w->now + ns;
    for (;;) {
        if (sim_failed(w))
            return 0;
        if (holds && holds(arg))
            return 1;
        struct rn_timer *t = rn_heap_first(&w->events);
        if (!t || t->at > end)
            break;
        (void)sim_step(w);
    }
    w->now = end;
    return 0;
}

void sim_run(struct sim_world *w, int64_t ns) {
    (void)sim_run_until(w, NULL, NULL, ns);
}

int sim_verify(struct sim_world *w, const struct rn_key *id, const char *purpose, const void *p, size_t n,
               const uint8_t sig[RN_SIGNATURE]) {
    struct rn_buf b;
    rn_buf_init(&b, 0);
    sim_must(rn_buf_add(&b, id->b, sizeof id->b), "a buffer");
    sim_must(rn_buf_add(&b, sig, RN_SIGNATURE), "a buffer");
    sim_must(rn_buf_add(&b, purpose, strlen(purpose) + 1), "a buffer");
    sim_must(rn_buf_add(&b, p, n), "a buffer");
    struct rn_hash key = rn_sha256(w->hasher, b.p, b.n);
    rn_buf_free(&b);
    struct rn_hash *slot = &w->memo[rn_get_le32(key.b) % SIM_MEMO];
    w->n_verified++;
    if (rn_hash_equal(slot, &key)) {
        w->n_memo++;
        return 0;
    }
    int rc = rn_verify(id, purpose, p, n, sig);
    if (rc == 0)
        *slot = key;
    return rc;
}
