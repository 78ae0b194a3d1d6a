/* SPDX-License-Identifier: MIT
 * promise.c — finds who depends on a provider, takes it away, and looks at the clock (promise.h).
 * May touch: the world.
 */
#include "tests/sim/promise.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 4
#define REST (30 * SIM_S)    /* until back-offs have passed: what came before took most of a minute */
#define SETTLE (8 * SIM_S)   /* between rounds */
#define SILENCE (3 * SIM_S)  /* what is promised */
#define FIND (1500 * SIM_MS) /* a few round trips to the next one, and past an author that refuses */
#define NEWS (500 * SIM_MS)  /* what was published so long before the end must be there */
#define WAITING 2048u

/* A follower whose provider goes. */
struct waiting {
    size_t node, part;
    int back; /* it was live again */
};

struct scene {
    struct promise *promise;
    size_t gone;
    struct waiting v[WAITING];
    size_t n;
};

static struct rn_holding holding(const struct country *c, size_t node, size_t stream) {
    struct rn_holding h = {.count = 0};
    const struct sim_node *n = c->nodes[node].node;
    if (n->node)
        (void)rn_node_holding(n->node, &c->streams[stream].check.id, &h);
    return h;
}

/* The number of the node at hand as provider; COUNTRY_NODES: none that its config names. */
static size_t provider(const struct country *c, size_t node, size_t stream) {
    struct rn_holding h = holding(c, node, stream);
    if (!h.provider || strncmp(h.provider, "sim://n", 7) != 0)
        return COUNTRY_NODES;
    return (size_t)strtoull(h.provider + 7, NULL, 10);
}

/* Whether a node is live from the author on, by none of the two. */
static int live_without(const struct country *c, size_t stream, size_t node, size_t gone, size_t other) {
    for (size_t hops = 0; hops < COUNTRY_NODES; hops++) {
        if (node == c->streams[stream].author)
            return 1;
        if (node >= COUNTRY_NODES || node == gone || node == other || !holding(c, node, stream).live)
            return 0;
        node = provider(c, node, stream);
    }
    return 0; /* round and round */
}

/* Whether it depends on `gone` now, and everybody else whom it knows would serve it. */
static int must_find_another(const struct country *c, size_t node, const struct country_part *p, size_t gone) {
    const struct country_stream *s = &c->streams[p->stream];
    size_t others = 0;
    if (node == gone || node == s->author || gone == s->author || provider(c, node, p->stream) != gone)
        return 0;
    for (size_t i = 0; i < COUNTRY_NODES; i++) {
        if (!p->known[i] || i == gone || c->nodes[i].barred[node])
            continue;
        if (!live_without(c, p->stream, i, gone, node))
            return 0;
        others++;
    }
    return others > 0;
}

static void find_waiting(struct scene *s, const struct country *c, size_t gone) {
    s->gone = gone;
    s->n = 0;
    for (size_t i = 0; i < COUNTRY_NODES; i++)
        for (size_t k = 0; k < c->nodes[i].n_parts && s->n < WAITING; k++)
            if (must_find_another(c, i, &c->nodes[i].parts[k], gone))
                s->v[s->n++] = (struct waiting){.node = i, .part = k};
}

/* Takes the node on which most depend, of those that have not had their turn. */
static void choose(struct scene *s, const struct country *c, uint8_t had[COUNTRY_NODES]) {
    size_t best = COUNTRY_NODES, most = 0;
    for (size_t i = 0; i < COUNTRY_NODES; i++) {
        if (had[i])
            continue;
        find_waiting(s, c, i);
        if (s->n > most) {
            most = s->n;
            best = i;
        }
    }
    s->n = 0;
    if (best < COUNTRY_NODES) {
        had[best] = 1;
        find_waiting(s, c, best);
    }
}

static void cut_all(struct country *c, size_t node) {
    const struct sim_host *h = &c->nodes[node].node->host;
    for (struct sim_link *l = NULL; (l = sim_link_next(&c->world, l)) != NULL;)
        if (sim_link_host(l, 0) == h || sim_link_host(l, 1) == h)
            sim_link_cut(l);
}

/* Each publisher has something to say in the meantime. */
static void publish_some(struct country *c) {
    for (size_t i = 0; i < COUNTRY_STREAMS; i++)
        c->streams[i].publisher.goal += 20;
}

/* Whether a follower is live with what is wanted. One moment counts: a relay that moves to a better provider just then
 * lets its followers know, and is back in a few round trips. */
static int is_back(const struct scene *s, const struct waiting *w, uint64_t want, int silent) {
    const struct country *c = s->promise->country;
    size_t stream = c->nodes[w->node].parts[w->part].stream;
    struct rn_holding h = holding(c, w->node, stream);
    return h.live && h.head_count >= want && !(silent && provider(c, w->node, stream) == s->gone);
}

static void look(struct scene *s, const uint64_t want[COUNTRY_STREAMS], int silent) {
    const struct country *c = s->promise->country;
    for (size_t i = 0; i < s->n; i++) {
        struct waiting *w = &s->v[i];
        w->back |= is_back(s, w, want[c->nodes[w->node].parts[w->part].stream], silent);
    }
}

static void judge(struct scene *s, const uint64_t want[COUNTRY_STREAMS], int silent, int64_t took) {
    struct country *c = s->promise->country;
    for (size_t i = 0; i < s->n; i++) {
        size_t stream = c->nodes[s->v[i].node].parts[s->v[i].part].stream;
        struct rn_holding h = holding(c, s->v[i].node, stream);
        if (!s->v[i].back)
            sim_fail(&c->world,
                     "n%zu: stream %zu by n%zu: %.1f s after its provider n%zu %s it is %s with %" PRIu64 " of %" PRIu64
                     " observations, from %s",
                     s->v[i].node, stream, c->streams[stream].author, (double)took / 1e9, s->gone,
                     silent ? "fell silent" : "lost all links", h.live ? "live" : "not live", h.head_count,
                     want[stream], h.provider ? h.provider : "nobody");
        s->promise->n_replaced++;
    }
}

static void round_of(struct scene *s, int silent) {
    struct country *c = s->promise->country;
    uint64_t want[COUNTRY_STREAMS];
    int64_t took = FIND + (silent ? SILENCE : 0);
    publish_some(c);
    if (silent)
        c->nodes[s->gone].node->host.isolated = 1;
    else
        cut_all(c, s->gone);
    sim_run(&c->world, took - NEWS);
    for (size_t i = 0; i < COUNTRY_STREAMS; i++)
        want[i] = sim_check_durable(&c->streams[i].check);
    for (int64_t t = 0; t < NEWS; t += 10 * SIM_MS) {
        sim_run(&c->world, 10 * SIM_MS);
        look(s, want, silent);
    }
    judge(s, want, silent, took);
    c->nodes[s->gone].node->host.isolated = 0;
    sim_run(&c->world, SETTLE);
}

void promise_keep(struct promise *p, struct country *c) {
    struct scene *s = sim_alloc(sizeof *s);
    uint8_t had[COUNTRY_NODES] = {0};
    *p = (struct promise){.country = c};
    s->promise = p;
    for (size_t i = 0; i < COUNTRY_NODES; i++) {
        c->nodes[i].weather.refuse = 0; /* by chance: what is promised counts on nodes that answer */
        c->nodes[i].node->host.weather = c->nodes[i].weather;
    }
    sim_run(&c->world, REST);
    for (int i = 0; i < ROUNDS && !sim_failed(&c->world); i++) {
        choose(s, c, had);
        if (s->n > 0)
            round_of(s, i % 2 == 0);
    }
    free(s);
}
