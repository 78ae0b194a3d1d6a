/* SPDX-License-Identifier: MIT
 * safetysources.c — the peers that discovery names are asked what they hold of our streams (safety.h).
 * May touch: discovery instances, peers.
 *
 * Only such a peer can lay a doubt to rest: anybody may dial us and say that he holds nothing.
 */
#include "node/discover.h"
#include "node/peers.h"
#include "node/safetystate.h"
#include "node/sessionstate.h"
#include <runnel/discovery.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN (5 * RN_NS_S) /* peers that could not be asked are tried again */
#define SOURCES_MOST 256u

/* A peer that discovery named. */
struct source {
    struct rn_list link;
    struct rn_node *node;
    struct rn_peer_user user;
    struct rn_session *session; /* that is being asked; NULL: none */
    int tried, answered;
    char address[];
};

static void source_free(struct source *c) {
    rn_peer_leave(&c->user);
    rn_list_del(&c->link);
    free(c);
}

static void free_sources(struct rn_safety *f) {
    while (!rn_list_empty(&f->sources))
        source_free(rn_list_of(f->sources.next, struct source, link));
}

/* Without their peers, who are gone before: the node ends. */
void rn_safety_drop_sources(struct rn_safety *f) {
    f->asking = 0;
    while (!rn_list_empty(&f->sources)) {
        struct source *c = rn_list_of(f->sources.next, struct source, link);
        rn_list_del(&c->link);
        free(c);
    }
}

/* ---- one source ---- */

static void on_up(struct rn_peer_user *u, struct rn_session *s) {
    struct source *c = rn_list_of(u, struct source, user);
    c->session = s;
    if (s->heads_shown)
        rn_safety_answered(c->node, s);
}

static void on_down(struct rn_peer_user *u, const struct runnel_err *why) {
    struct source *c = rn_list_of(u, struct source, user);
    (void)why;
    c->session = NULL;
    c->tried = 1;
    rn_safety_consider(c->node);
}

static void try_source(struct source *c) {
    if (c->user.peer)
        return;
    c->user = (struct rn_peer_user){.up = on_up, .down = on_down};
    if (rn_peer_use(c->node, c->address, &c->user) != 0)
        c->tried = 1;
}

static void try_again(void *arg) {
    struct rn_node *n = arg;
    rn_list_for (it, &n->safety.sources) {
        struct source *c = rn_list_of(it, struct source, link);
        if (!c->answered)
            try_source(c);
    }
    (void)rn_alarm_set(&n->loop, &n->safety.again, AGAIN, try_again, n);
}

static void add_source(struct rn_node *n, const char *address) {
    size_t count = 0;
    rn_list_for (it, &n->safety.sources) {
        if (strcmp(rn_list_of(it, struct source, link)->address, address) == 0)
            return;
        count++;
    }
    struct source *c = count < SOURCES_MOST ? calloc(1, sizeof *c + strlen(address) + 1) : NULL;
    if (!c)
        return;
    c->node = n;
    memcpy(c->address, address, strlen(address) + 1);
    rn_list_init(&c->link);
    rn_list_add(&n->safety.sources, &c->link);
    try_source(c);
}

/* ---- what they say ---- */

void rn_safety_found(struct rn_node *n, const struct runnel_inst *from, const struct runnel_candidate *const *list,
                     size_t count) {
    if (!n->safety.asking)
        return;
    for (size_t i = 0; i < count; i++)
        add_source(n, list[i]->address);
    for (size_t i = 0; i < n->n_members; i++)
        if (n->members[i].inst == from)
            n->members[i].sought = 0;
    rn_safety_consider(n);
}

void rn_safety_answered(struct rn_node *n, struct rn_session *s) {
    rn_list_for (it, &n->safety.sources) {
        struct source *c = rn_list_of(it, struct source, link);
        if (c->session != s)
            continue;
        c->tried = 1;
        c->answered |= s->heads_shown > 0;
    }
    rn_safety_consider(n);
}

int rn_safety_all_tried(const struct rn_node *n, size_t *answered) {
    int tried = 1;
    *answered = 0;
    for (size_t i = 0; i < n->n_members; i++)
        tried &= !n->members[i].sought;
    rn_list_for (it, &n->safety.sources) {
        const struct source *c = rn_list_of(it, struct source, link);
        tried &= c->tried;
        *answered += (size_t)c->answered;
    }
    return tried;
}

/* ---- asking ---- */

static void watch_at(struct rn_node *n, struct rn_member *only, int on) {
    struct runnel_sought sought = {.size = sizeof sought, .author = n->id.b};
    for (size_t i = 0; i < n->n_members; i++) {
        struct rn_member *m = &n->members[i];
        if (m->section->kind == RUNNEL_DISCOVERY && m->started && (!only || m == only))
            m->sought = on;
    }
    rn_discover(n, only, RN_WATCH_SAFETY, &sought, on);
}

static void watch(struct rn_node *n, int on) {
    n->safety.asking = on;
    watch_at(n, NULL, on);
}

void rn_safety_watch(struct rn_node *n, struct rn_member *m) {
    if (n->safety.asking)
        watch_at(n, m, 1);
}

void rn_safety_ask(struct rn_node *n) {
    if (n->safety.asking)
        free_sources(&n->safety);
    (void)rn_alarm_set(&n->loop, &n->safety.again, AGAIN, try_again, n);
    watch(n, 1);
}

void rn_safety_ask_no_more(struct rn_node *n) {
    rn_alarm_cancel(&n->loop, &n->safety.again);
    if (!n->safety.asking)
        return;
    watch(n, 0);
    free_sources(&n->safety);
}
