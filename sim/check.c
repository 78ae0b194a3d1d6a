/* SPDX-License-Identifier: MIT
 * check.c — compares everything that is said in a world with what was said before.
 * May touch: the world; nodes by looking only.
 */
#include "sim/check.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void look(void *arg, uint32_t host);

void sim_check_init(struct sim_check *c, struct sim_world *w) {
    memset(c, 0, sizeof *c);
    c->world = w;
    if (!w->watch) {
        w->watch = look;
        w->watch_arg = c;
    }
}

void sim_check_free(struct sim_check *c) {
    if (c->world && c->world->watch_arg == c)
        c->world->watch = NULL;
    free(c->seen);
    free(c->roots);
    free(c->held);
    memset(c, 0, sizeof *c);
}

/* Room for element `i` of an array, new elements zeroed. */
static void *grow(void *array, size_t *n, size_t *cap, size_t size, uint64_t i) {
    sim_must(i < 100000000u ? 0 : -RUNNEL_ETOOBIG, "a stream this long");
    if (i >= *cap) {
        size_t more = *cap ? *cap * 2 : 1024;
        while (more <= i)
            more *= 2;
        char *bigger = sim_alloc(more * size);
        if (*n > 0)
            memcpy(bigger, array, *n * size);
        free(array);
        array = bigger;
        *cap = more;
    }
    if (i >= *n)
        *n = (size_t)i + 1;
    return array;
}

void sim_check_add(struct sim_check *c, struct sim_node *n, int is_publisher) {
    struct sim_held *more = sim_alloc((c->n_held + 1) * sizeof *more);
    if (c->n_held > 0)
        memcpy(more, c->held, c->n_held * sizeof *more);
    free(c->held);
    c->held = more;
    c->held[c->n_held++].node = n;
    if (is_publisher) {
        c->publisher = n;
        c->author = n->pair.id;
    }
}

void sim_check_stream(struct sim_check *c, const struct runnel_id *id) {
    if (c->has_id && !rn_id_equal(&c->id, id))
        sim_fail(c->world, "the stream changed its id");
    c->id = *id;
    c->has_id = 1;
}

static struct sim_seen *seen_at(struct sim_check *c, uint64_t seq) {
    c->seen = grow(c->seen, &c->n_seen, &c->cap_seen, sizeof *c->seen, seq);
    return &c->seen[seq];
}

/* What anybody sees is durable at the author: nothing of a commit leaves its node before. */
void sim_check_saw(struct sim_check *c, const char *who, uint64_t seq, const int64_t *time, struct runnel_bytes value) {
    struct sim_seen *s = seen_at(c, seq);
    uint64_t hash = sim_hash(SIM_HASH_START, value.p, value.n) | 1u;
    if (seq >= sim_check_durable(c))
        sim_fail(c->world, "%s: was shown observation %" PRIu64 ", but %" PRIu64 " are durable at the author", who, seq,
                 sim_check_durable(c));
    if (s->value != 0 && s->value != hash)
        sim_fail(c->world, "%s: observation %" PRIu64 " has another value than the one seen before: %.*s", who, seq,
                 (int)(value.n < 80 ? value.n : 80), (const char *)value.p);
    if (time && s->has_time && s->time != *time)
        sim_fail(c->world, "%s: observation %" PRIu64 " has time %" PRId64 ", was seen with %" PRId64, who, seq, *time,
                 s->time);
    s->value = hash;
    if (time) {
        s->time = *time;
        s->has_time = 1;
    }
}

void sim_check_acked(struct sim_check *c, const char *who, uint64_t seq, const int64_t *time,
                     struct runnel_bytes value) {
    sim_check_saw(c, who, seq, time, value);
    seen_at(c, seq)->acked = 1;
    if (c->acked <= seq)
        c->acked = seq + 1;
    for (size_t i = 0; i < c->n_held; i++)
        if (c->held[i].node == c->publisher && c->held[i].count <= seq)
            sim_fail(c->world, "%s: observation %" PRIu64 " was acknowledged, but %" PRIu64 " are durable", who, seq,
                     c->held[i].count);
}

void sim_check_root(struct sim_check *c, const char *who, uint64_t count, const struct rn_hash *root) {
    static const struct rn_hash none;
    if (rn_hash_equal(root, &none))
        return; /* no head yet */
    c->roots = grow(c->roots, &c->n_roots, &c->cap_roots, sizeof *c->roots, count);
    struct rn_hash *known = &c->roots[count];
    if (!rn_hash_equal(known, &none) && !rn_hash_equal(known, root))
        sim_fail(c->world, "%s: a second root for the head of %" PRIu64 " observations: the author forked", who, count);
    *known = *root;
}

void sim_check_told(struct sim_check *c, const char *who, uint64_t count, const struct rn_hash *root) {
    static const struct rn_hash none;
    if (count > sim_check_durable(c))
        sim_fail(c->world, "%s: has a head of %" PRIu64 " observations, but %" PRIu64 " are durable at the author", who,
                 count, sim_check_durable(c));
    else if (count >= c->n_roots || rn_hash_equal(&c->roots[count], &none))
        sim_fail(c->world, "%s: has a head of %" PRIu64 " observations that its author never had durable", who, count);
    sim_check_root(c, who, count, root);
}

/* ---- looking at nodes ---- */

uint64_t sim_check_durable(const struct sim_check *c) {
    for (size_t i = 0; i < c->n_held; i++)
        if (c->held[i].node == c->publisher)
            return c->held[i].count;
    return UINT64_MAX;
}

static void look_at(struct sim_check *c, struct sim_held *h) {
    struct sim_node *n = h->node;
    struct rn_holding now;
    if (!n->node || !n->served)
        return;
    c->n_looks++;
    int rc = rn_node_holding(n->node, &c->id, &now);
    if (rc != 0 && h->count > 0)
        sim_fail(c->world, "%s: forgot the stream: %" PRIu64 " observations were durable", n->host.name, h->count);
    if (rc != 0)
        return;
    if (now.count < h->count || now.head_count < h->head_count)
        sim_fail(c->world,
                 "%s: went back to %" PRIu64 " observations (head %" PRIu64 "); %" PRIu64 " (%" PRIu64 ") were durable",
                 n->host.name, now.count, now.head_count, h->count, h->head_count);
    if (now.head_count > now.count)
        sim_fail(c->world, "%s: holds a head of %" PRIu64 " but only %" PRIu64 " observations", n->host.name,
                 now.head_count, now.count);
    h->count = now.count;
    h->head_count = now.head_count;
    sim_check_root(c, n->host.name, now.head_count, &now.root);
    if (n == c->publisher && now.count < c->acked)
        sim_fail(c->world, "%s: has %" PRIu64 " observations, but %" PRIu64 " were acknowledged", n->host.name,
                 now.count, c->acked);
    if (now.count > sim_check_durable(c))
        sim_fail(c->world, "%s: holds %" PRIu64 " observations, its author has %" PRIu64 " durable", n->host.name,
                 now.count, sim_check_durable(c));
}

void sim_check_look(struct sim_check *c, size_t i) {
    if (c->has_id)
        look_at(c, &c->held[i]);
}

static void look(void *arg, uint32_t host) {
    struct sim_check *c = arg;
    for (size_t i = 0; c->has_id && i < c->n_held; i++)
        if (c->held[i].node->host.number == host)
            look_at(c, &c->held[i]);
}

/* ---- at the end ---- */

/* What keeps a node from being done; NULL: it is. */
static const char *lacks(const struct sim_check *c, const struct sim_held *h, const struct rn_holding *want) {
    struct rn_holding now;
    if (h->node->state != SIM_UP)
        return "is not up";
    if (rn_node_holding(h->node->node, &c->id, &now) != 0)
        return "does not know the stream";
    if (now.count != want->count || now.head_count != want->count)
        return "does not hold all";
    if (!rn_hash_equal(&now.root, &want->root))
        return "has another root";
    return now.live ? NULL : "is not live";
}

static int author_holding(const struct sim_check *c, struct rn_holding *want) {
    return c->has_id && c->publisher->state == SIM_UP && rn_node_holding(c->publisher->node, &c->id, want) == 0 &&
           want->head_count == want->count;
}

const char *sim_check_lacks(const struct sim_check *c, size_t i) {
    struct rn_holding want;
    return author_holding(c, &want) ? lacks(c, &c->held[i], &want) : "has an author without a whole head";
}

int sim_check_quiet(void *check) {
    const struct sim_check *c = check;
    struct rn_holding want;
    if (!author_holding(c, &want))
        return 0;
    for (size_t i = 0; i < c->n_held; i++)
        if (lacks(c, &c->held[i], &want))
            return 0;
    return 1;
}

int sim_check_converged(struct sim_check *c, int64_t ns) {
    struct rn_holding want;
    if (sim_run_until(c->world, sim_check_quiet, c, ns))
        return 1;
    if (!author_holding(c, &want)) {
        sim_fail(c->world, "the author has no whole head after %.3f s", (double)ns / 1e9);
        return 0;
    }
    for (size_t i = 0; i < c->n_held; i++) {
        const char *why = lacks(c, &c->held[i], &want);
        if (why)
            sim_fail(c->world, "%s %s: it has %" PRIu64 " observations, the author %" PRIu64,
                     c->held[i].node->host.name, why, c->held[i].count, want.count);
    }
    return 0;
}
