/* SPDX-License-Identifier: MIT
 * simnode.c — the env of a simulated node, and its life.
 * May touch: the world.
 */
#include "sim/simnode.h"
#include "sim/builtin.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURN_DELAY SIM_US /* between a wake or post and its turn: time goes on, whatever a node does */

/* ---- the env ---- */

static struct sim_world *world_of(const struct sim_node *n) {
    return n->host.world;
}

static int64_t env_now(void *ctx) {
    return world_of(ctx)->now;
}

static int64_t env_wall(void *ctx) {
    struct sim_node *n = ctx;
    return SIM_WALL + world_of(n)->now + n->clock_off;
}

static void env_alarm(void *ctx, int64_t at) {
    struct sim_node *n = ctx;
    if (at == INT64_MAX)
        sim_cancel(world_of(n), &n->alarm);
    else
        sim_at(world_of(n), &n->alarm, at);
}

static void env_wake(void *ctx) {
    struct sim_node *n = ctx;
    if (!sim_event_set(&n->wake))
        sim_after(world_of(n), &n->wake, TURN_DELAY);
}

static void on_turn(void *arg) {
    struct sim_node *n = arg;
    rn_node_turn(n->node);
}

struct post {
    struct sim_event event;
    runnel_fn *fn;
    void *arg;
};

/* Runs also when the node has crashed meanwhile, as a thread's post would: who posts is prepared. */
static void on_post(void *arg) {
    struct post *p = arg;
    struct post local = *p;
    free(p);
    local.fn(local.arg);
}

static int env_post(void *ctx, runnel_fn *fn, void *arg) {
    struct sim_node *n = ctx;
    struct post *p = sim_alloc(sizeof *p);
    *p = (struct post){{.fn = on_post, .arg = p, .host = n->host.number, .what = "post"}, fn, arg};
    sim_after(world_of(n), &p->event, TURN_DELAY);
    return 0;
}

static void env_random(void *ctx, void *p, size_t n) {
    sim_rand_fill(&((struct sim_node *)ctx)->rand, p, n);
}

static int env_sign(void *ctx, const char *purpose, const void *p, size_t n, uint8_t sig[RN_SIGNATURE]) {
    return rn_sign(&((struct sim_node *)ctx)->pair, purpose, p, n, sig);
}

static int env_verify(void *ctx, const struct rn_key *id, const char *purpose, const void *p, size_t n,
                      const uint8_t sig[RN_SIGNATURE]) {
    return sim_verify(world_of(ctx), id, purpose, p, n, sig);
}

static void env_again(void *ctx) {
    struct sim_node *n = ctx;
    n->again = 1;
    sim_node_stop(n);
}

static struct event_base *env_loop(void *ctx) {
    (void)ctx;
    return NULL;
}

static const char *env_dir(void *ctx, uint32_t kind, const char *name, struct runnel_err *err) {
    (void)ctx;
    (void)kind;
    (void)name;
    (void)err;
    return NULL;
}

static int env_marker(void *ctx, uint32_t kind, const char *name, char *out, size_t n, struct runnel_err *err) {
    const struct sim_node *self = ctx;
    (void)err;
    (void)snprintf(out, n, "%s, %u.%s, disk %u", self->host.name, kind, name, self->disk.place);
    return 0;
}

static int env_identity_used(void *ctx, struct runnel_err *err) {
    (void)err;
    ((struct sim_node *)ctx)->used = 1;
    return 0;
}

static void on_log_line(void *arg, int level, const char *area, const char *line) {
    struct sim_node *n = arg;
    char *to = n->lines[n->n_lines++ % SIM_LOG_LINES];
    (void)snprintf(to, SIM_LOG_LINE, "%.6f %s %s %s: %s", (double)world_of(n)->now / 1e9, n->host.name,
                   rn_level_name(level), area, line);
    if (n->on_log)
        n->on_log(n->on_log_arg, to);
}

static void env_init(struct sim_node *n) {
    rn_log_init(&n->log, RUNNEL_DEBUG, on_log_line, n);
    n->env = (struct rn_env){.ctx = n,
                             .now = env_now,
                             .wall = env_wall,
                             .alarm = env_alarm,
                             .wake = env_wake,
                             .post = env_post,
                             .random = env_random,
                             .sign = env_sign,
                             .verify = env_verify,
                             .loop = env_loop,
                             .dir = env_dir,
                             .again = env_again,
                             .marker = env_marker,
                             .identity_used = env_identity_used,
                             .log = &n->log};
}

/* ---- life ---- */

static void fail(struct sim_node *n, const char *what, const struct runnel_err *err) {
    sim_fail(world_of(n), "%s: %s: %s", n->host.name, what, err ? err->msg : "no reason given");
}

static void registry_init(struct sim_node *n) {
    struct runnel_err err = {0};
    const struct runnel_plugin *const all[] = {&n->transport.plugin, &n->disk.plugin, &sim_builtin_static,
                                               &sim_builtin_incremental};
    rn_registry_init(&n->registry);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (rn_registry_add(&n->registry, all[i], "built in", NULL, &err) != 0)
            fail(n, "its plugins", &err);
}

static void quiet(struct sim_node *n) {
    sim_cancel(world_of(n), &n->alarm);
    sim_cancel(world_of(n), &n->wake);
    n->state = SIM_DOWN;
}

static void on_gone(void *arg) {
    struct sim_node *n = arg;
    struct rn_node *node = n->node;
    n->node = NULL;
    rn_node_free(node);
    quiet(n);
    sim_trace(world_of(n), n->host.number, "down", &n->starts, sizeof n->starts);
    if (n->again)
        sim_node_start(n);
}

struct sim_node *sim_node_new(struct sim_world *w, const char *name) {
    struct sim_node *n = sim_alloc(sizeof *n);
    char stream[SIM_NAME + 8];
    uint8_t seed[RN_SEED];
    sim_host_init(&n->host, w, name);
    sim_transport_init(&n->transport, &n->host);
    sim_disk_init(&n->disk, w, n->host.number, name);
    (void)snprintf(stream, sizeof stream, "node:%s", name);
    sim_rand_init(&n->rand, w->seed, stream);
    sim_rand_fill(&n->rand, seed, sizeof seed);
    sim_must(rn_pair_from_seed(seed, &n->pair), "a key pair");
    n->alarm = (struct sim_event){.fn = on_turn, .arg = n, .host = n->host.number, .what = "alarm"};
    n->wake = (struct sim_event){.fn = on_turn, .arg = n, .host = n->host.number, .what = "wake"};
    n->gone = (struct sim_event){.fn = on_gone, .arg = n, .host = n->host.number, .what = "gone"};
    env_init(n);
    registry_init(n);
    return n;
}

void sim_node_config(struct sim_node *n, const char *text) {
    rn_conf_free(n->conf);
    n->conf = rn_conf_new();
    sim_must(n->conf ? 0 : -RUNNEL_ENOMEM, "a configuration");
    sim_must(rn_conf_add(n->conf, n->host.name, text, strlen(text)), "a configuration");
    if (rn_conf_check(n->conf, &n->registry) != 0)
        sim_fail(world_of(n), "%s: its configuration: %s", n->host.name, rn_conf_errors(n->conf));
}

void sim_node_free(struct sim_node *n) {
    if (!n)
        return;
    if (n->node)
        sim_node_crash(n, SIM_KILLED);
    sim_cancel(world_of(n), &n->gone);
    rn_conf_free(n->conf);
    rn_registry_free(&n->registry);
    sim_disk_free(&n->disk);
    sim_host_free(&n->host);
    rn_pair_wipe(&n->pair);
    free(n);
}

static void on_ready(void *arg, const struct runnel_err *err) {
    struct sim_node *n = arg;
    if (err && n->start_may_fail) {
        n->state = SIM_STOPPING;
        sim_after(world_of(n), &n->gone, TURN_DELAY);
        return;
    }
    if (err)
        fail(n, "its start", err);
    n->state = SIM_UP;
    n->served = 1;
    sim_trace(world_of(n), n->host.number, "up", &n->starts, sizeof n->starts);
}

void sim_node_start(struct sim_node *n) {
    struct runnel_err err = {0};
    if (n->node)
        return;
    n->host.power = 1;
    n->env.identity_new = !n->used;
    n->starts++;
    n->served = n->again = 0;
    n->state = SIM_STARTING;
    if (rn_node_new(&n->env, n->conf, &n->registry, &n->pair.id, &n->node, &err) != 0) {
        n->node = NULL;
        fail(n, "its making", &err);
    } else if (rn_node_start(n->node, on_ready, n, &err) != 0) {
        fail(n, "its start", &err);
    }
}

static void on_stopped(void *arg, const struct runnel_err *err) {
    struct sim_node *n = arg;
    if (err)
        fail(n, "its stop", err);
    n->state = SIM_STOPPING;
    sim_after(world_of(n), &n->gone, TURN_DELAY); /* not freed from within its own callback */
}

void sim_node_stop(struct sim_node *n) {
    if (!n->node || n->state == SIM_STOPPING)
        return;
    n->state = SIM_STOPPING;
    rn_node_stop(n->node, on_stopped, n);
}

void sim_node_crash(struct sim_node *n, enum sim_crash how) {
    struct rn_node *node = n->node;
    if (!node)
        return;
    n->node = NULL;
    if (how == SIM_POWER) {
        n->host.power = 0;
        sim_transport_vanish(&n->transport);
    }
    rn_node_free(node);
    sim_disk_crash(&n->disk);
    sim_cancel(world_of(n), &n->gone);
    quiet(n);
    sim_trace(world_of(n), n->host.number, "crash", &n->starts, sizeof n->starts);
}

struct waiting {
    const struct sim_node *node;
    enum sim_node_state state;
};

static int reached(void *arg) {
    const struct waiting *w = arg;
    return w->node->state == w->state;
}

int sim_node_wait(struct sim_node *n, enum sim_node_state state, int64_t ns) {
    static const char *const words[] = {"down", "starting", "up", "stopping"};
    struct waiting w = {n, state};
    if (sim_run_until(world_of(n), reached, &w, ns))
        return 1;
    sim_fail(world_of(n), "%s is not %s after %.3f s", n->host.name, words[state], (double)ns / 1e9);
    return 0;
}

/* ---- its log ---- */

static int has_all(const char *line, const char *const *words) {
    for (; *words; words++)
        if (!strstr(line, *words))
            return 0;
    return 1;
}

int sim_node_said(const struct sim_node *n, const char *const *words) {
    size_t kept = n->n_lines < SIM_LOG_LINES ? (size_t)n->n_lines : SIM_LOG_LINES;
    for (size_t i = 0; i < kept; i++)
        if (has_all(n->lines[i], words))
            return 1;
    return 0;
}

void sim_node_log(const struct sim_node *n, void (*print)(void *arg, const char *line), void *arg) {
    uint64_t first = n->n_lines < SIM_LOG_LINES ? 0 : n->n_lines - SIM_LOG_LINES;
    for (uint64_t i = first; i < n->n_lines; i++)
        print(arg, n->lines[i % SIM_LOG_LINES]);
}
