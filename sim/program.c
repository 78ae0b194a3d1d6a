/* SPDX-License-Identifier: MIT
 * program.c — the link of a simulated program, kept up; and the program that asks one thing.
 * May touch: the world.
 */
#include "sim/program.h"
#include <stdio.h>
#include <string.h>

#define AGAIN_LEAST (20 * SIM_MS)
#define AGAIN_MOST (400 * SIM_MS)

static struct sim_world *world_of(const struct sim_program *p) {
    return p->host.world;
}

static void on_again(void *arg) {
    struct sim_program *p = arg;
    sim_talk_dial(&p->talk, &p->host, p->node);
}

static void later(struct sim_program *p) {
    if (!p->ended)
        sim_after(world_of(p), &p->again, sim_between(&p->rand, AGAIN_LEAST, AGAIN_MOST));
}

static void on_opened(void *arg) {
    sim_talk_say(&((struct sim_program *)arg)->talk, RN_FRAME_HELLO, 0,
                 "{\"runnel\":[1],\"nonce\":\"%032llx\",\"agent\":\"sim\"}",
                 (unsigned long long)sim_rand_next(&((struct sim_program *)arg)->rand));
}

static void on_lost(void *arg, const char *why) {
    struct sim_program *p = arg;
    int was_open = p->open;
    (void)why;
    p->open = 0;
    if (was_open && p->ops->lost)
        p->ops->lost(p);
    later(p);
}

static void on_frame(void *arg, const struct rn_frame *f) {
    struct sim_program *p = arg;
    if (f->type == RN_FRAME_REQUEST) { /* the node may ask, too; programs need only know ping */
        sim_talk_say(&p->talk, RN_FRAME_ANSWER, f->id, "{}");
        return;
    }
    if (f->type != RN_FRAME_HELLO) {
        p->ops->frame(p, f);
        return;
    }
    p->open = 1;
    p->n_opened++;
    if (p->ops->open)
        p->ops->open(p);
}

static const struct sim_talk_up talk_up = {.opened = on_opened, .frame = on_frame, .lost = on_lost};

static void on_tick(void *arg) {
    struct sim_program *p = arg;
    p->ops->tick(p);
}

void sim_program_init(struct sim_program *p, struct sim_world *w, const char *name, const char *node,
                      const struct sim_program_ops *ops) {
    char stream[SIM_NAME + 16];
    sim_host_init(&p->host, w, name);
    p->host.program = 1;
    p->ops = ops;
    (void)snprintf(p->node, sizeof p->node, "%s", node);
    (void)snprintf(stream, sizeof stream, "program:%s", name);
    sim_rand_init(&p->rand, w->seed, stream);
    sim_talk_init(&p->talk, w, &talk_up, p);
    p->again = (struct sim_event){.fn = on_again, .arg = p, .host = p->host.number, .what = "again"};
    p->tick = (struct sim_event){.fn = on_tick, .arg = p, .host = p->host.number, .what = "tick"};
}

void sim_program_start(struct sim_program *p) {
    p->ended = 0;
    sim_after(world_of(p), &p->again, 0);
}

static void unplug(struct sim_program *p) {
    int was_open = p->open;
    sim_talk_close(&p->talk);
    p->open = 0;
    if (was_open && p->ops->lost)
        p->ops->lost(p);
}

void sim_program_end(struct sim_program *p) {
    p->ended = 1;
    unplug(p);
    sim_cancel(world_of(p), &p->again);
    sim_cancel(world_of(p), &p->tick);
}

void sim_program_drop(struct sim_program *p) {
    unplug(p);
    later(p);
}

uint64_t sim_program_id(struct sim_program *p) {
    return ++p->last_id;
}

void sim_program_fail(struct sim_program *p, const char *what) {
    sim_fail(world_of(p), "%s at %s: %s", p->host.name, p->node, what);
}

struct rn_json *sim_program_json(struct sim_program *p, struct runnel_bytes body) {
    struct rn_json *tree = NULL;
    struct runnel_err err = {0};
    if (rn_json_parse(body.p, body.n, NULL, &tree, NULL, &err) == 0)
        return tree;
    sim_program_fail(p, err.msg);
    return NULL;
}

/* ---- asking one thing ---- */

static void ask(struct sim_program *p) {
    struct sim_ask *a = (struct sim_ask *)p;
    if (a->answered == 1 || !p->open)
        return;
    a->id = sim_program_id(p);
    sim_talk_say(&p->talk, RN_FRAME_REQUEST, a->id, "%s", a->request);
}

static void answered(struct sim_program *p, const struct rn_frame *f) {
    struct sim_ask *a = (struct sim_ask *)p;
    if (f->id != a->id || (f->type != RN_FRAME_ANSWER && f->type != RN_FRAME_ERROR))
        return;
    a->answered = f->type == RN_FRAME_ANSWER ? 1 : -1;
    (void)snprintf(a->answer, sizeof a->answer, "%.*s", (int)f->body.n, (const char *)f->body.p);
    if (a->answered == -1 && a->retry > 0)
        sim_after(world_of(p), &p->tick, a->retry);
    else
        sim_program_end(p);
}

static const struct sim_program_ops ask_ops = {.open = ask, .frame = answered, .tick = ask};

void sim_ask_init(struct sim_ask *a, struct sim_world *w, const char *name, const char *node, const char *request) {
    memset(a, 0, sizeof *a);
    sim_program_init(&a->p, w, name, node, &ask_ops);
    (void)snprintf(a->request, sizeof a->request, "%s", request);
}
