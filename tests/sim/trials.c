/* SPDX-License-Identifier: MIT
 * trials.c — draws trials, lets them come to pass, and puts right what they did (trials.h).
 * May touch: the world.
 */
#include "tests/sim/trials.h"
#include <string.h>

#define TRIALS_SHARE(name, word, share) share,
#define TRIALS_WORD(name, word, share) word,
static const unsigned shares[TRIAL_KINDS] = {TRIALS(TRIALS_SHARE)};
static const char *const words[TRIAL_KINDS] = {TRIALS(TRIALS_WORD)};

const char *trials_word(enum trial t) {
    return words[t];
}

static struct sim_rand *dice(const struct trials *t) {
    return &t->country->world.rand;
}

static int64_t a_while(const struct trials *t, int64_t lo, int64_t hi) {
    return sim_between(dice(t), lo, hi);
}

/* ---- putting right ---- */

/* A start may have failed, with a full disk: it is tried again. */
static void on_up(void *arg) {
    struct country_node *n = arg;
    if (n->node->state == SIM_DOWN)
        sim_node_start(n->node);
    if (n->node->state != SIM_UP)
        sim_after(&n->country->world, &n->up, 500 * SIM_MS);
}

static void on_net(void *arg) {
    struct country_node *n = arg;
    n->node->host.isolated = 0;
    n->node->host.weather = n->weather;
}

static void on_disk(void *arg) {
    struct country_node *n = arg;
    n->node->disk.faults =
        (struct sim_disk_faults){.delay = 200 * SIM_US, .jitter = 2 * SIM_MS, .stall = 400 * SIM_MS, .stalls = 5};
}

static void on_burst(void *arg) {
    struct country_stream *s = arg;
    s->publisher.every = s->pace;
    s->publisher.most = s->most;
}

/* ---- nodes ---- */

static struct country_node *any_node(const struct trials *t) {
    return &t->country->nodes[sim_below(dice(t), COUNTRY_NODES)];
}

static void end_node(struct trials *t, struct country_node *n, enum trial how) {
    struct country *c = t->country;
    if (how == TRIAL_STOP)
        sim_node_stop(n->node);
    else
        sim_node_crash(n->node, how == TRIAL_KILL ? SIM_KILLED : SIM_POWER);
    if (how != TRIAL_STOP) /* what a crash has left is all that was durable, and nothing else */
        sim_audit_disk(&c->audit, n->node);
    sim_after(&c->world, &n->up, a_while(t, 20 * SIM_MS, 5 * SIM_S));
}

static int hit_node(struct trials *t, enum trial how) {
    struct country_node *n = any_node(t);
    if (sim_event_set(&n->up) || n->node->state == SIM_DOWN || n->node->state == SIM_STOPPING)
        return 0; /* it has trouble enough */
    if (how == TRIAL_STOP && n->node->state != SIM_UP)
        return 0;
    end_node(t, n, how);
    return 1;
}

static int hit_all(struct trials *t, enum trial how) {
    for (size_t i = 0; i < COUNTRY_NODES; i++) {
        struct country_node *n = &t->country->nodes[i];
        if (n->node->state == SIM_UP || (n->node->node && how == TRIAL_POWER))
            end_node(t, n, how);
    }
    return 1;
}

static int hit_net(struct trials *t, enum trial how) {
    struct country_node *n = any_node(t);
    if (sim_event_set(&n->net))
        return 0;
    if (how == TRIAL_ISOLATE)
        n->node->host.isolated = 1;
    else if (how == TRIAL_DELAY)
        n->node->host.weather.delay = a_while(t, 100 * SIM_MS, 800 * SIM_MS);
    else
        n->node->host.weather.bytes_per_s = 4000u << sim_below(dice(t), 4);
    sim_after(&t->country->world, &n->net, a_while(t, 500 * SIM_MS, 8 * SIM_S));
    return 1;
}

static int hit_disk(struct trials *t, enum trial how) {
    struct country_node *n = any_node(t);
    if (sim_event_set(&n->disk))
        return 0;
    if (how == TRIAL_SLOW_DISK)
        n->node->disk.faults.delay = a_while(t, 200 * SIM_MS, 4 * SIM_S);
    else
        n->node->disk.faults.full = 1000;
    sim_after(&t->country->world, &n->disk, a_while(t, 500 * SIM_MS, 8 * SIM_S));
    return 1;
}

/* ---- links ---- */

static struct sim_link *any_link(struct trials *t) {
    struct sim_world *w = &t->country->world;
    uint64_t n = 0;
    for (struct sim_link *l = NULL; (l = sim_link_next(w, l)) != NULL;)
        n++;
    uint64_t k = sim_below(dice(t), n);
    struct sim_link *l = sim_link_next(w, NULL);
    while (l && k-- > 0)
        l = sim_link_next(w, l);
    return l;
}

static int hit_link(struct trials *t, enum trial how) {
    struct sim_link *l = any_link(t);
    int64_t ns = a_while(t, 100 * SIM_MS, 8 * SIM_S);
    if (!l)
        return 0;
    if (how == TRIAL_CUT)
        sim_link_cut(l);
    else if (how == TRIAL_SILENCE)
        sim_link_silence(l, ns);
    else
        sim_link_mute(l, (int)sim_below(dice(t), 2), ns);
    return 1;
}

/* ---- programs ---- */

static int hit_reader(struct trials *t) {
    struct sim_reader *r = t->country->readers[sim_below(dice(t), t->country->n_readers)];
    if (!r->p.open || r->p.talk.deaf)
        return 0;
    r->p.talk.deaf = 1;
    sim_after(&t->country->world, &r->p.tick, a_while(t, 2 * SIM_S, 30 * SIM_S));
    return 1;
}

static int hit_publisher(struct trials *t, enum trial how) {
    struct country_stream *s = &t->country->streams[sim_below(dice(t), COUNTRY_STREAMS)];
    if (how == TRIAL_DROP) {
        if (!s->publisher.p.open)
            return 0;
        sim_program_drop(&s->publisher.p);
        return 1;
    }
    if (sim_event_set(&s->burst))
        return 0;
    s->publisher.every = SIM_MS;
    s->publisher.most = SIM_BATCH;
    sim_after(&t->country->world, &s->burst, a_while(t, 5 * SIM_MS, 60 * SIM_MS));
    return 1;
}

/* ---- the whole ---- */

static int befall(struct trials *t, enum trial what) {
    switch (what) {
    case TRIAL_KILL:
    case TRIAL_POWER:
    case TRIAL_STOP:
        return hit_node(t, what);
    case TRIAL_CUT:
    case TRIAL_SILENCE:
    case TRIAL_MUTE:
        return hit_link(t, what);
    case TRIAL_ISOLATE:
    case TRIAL_DELAY:
    case TRIAL_NARROW:
        return hit_net(t, what);
    case TRIAL_SLOW_DISK:
    case TRIAL_FULL_DISK:
        return hit_disk(t, what);
    case TRIAL_NAP:
        return hit_reader(t);
    case TRIAL_DROP:
    case TRIAL_BURST:
        return hit_publisher(t, what);
    case TRIAL_BLACKOUT:
        return hit_all(t, TRIAL_POWER);
    case TRIAL_RESTART:
        return hit_all(t, TRIAL_STOP);
    default:
        return 0;
    }
}

int trials_hit(struct trials *t, enum trial what) {
    int did = befall(t, what);
    t->n[what] += (uint64_t)did;
    return did;
}

static enum trial draw(const struct trials *t) {
    unsigned all = 0, k = 0;
    for (unsigned i = 0; i < TRIAL_KINDS; i++)
        all += shares[i];
    uint64_t at = sim_below(dice(t), all);
    while (at >= shares[k])
        at -= shares[k++];
    return (enum trial)k;
}

static void on_next(void *arg) {
    struct trials *t = arg;
    (void)trials_hit(t, draw(t));
    sim_after(&t->country->world, &t->next, a_while(t, t->every / 4, t->every * 7 / 4));
}

void trials_begin(struct trials *t, struct country *c, int64_t every) {
    *t = (struct trials){.country = c, .every = every};
    t->next = (struct sim_event){.fn = on_next, .arg = t, .what = "trial"};
    for (size_t i = 0; i < COUNTRY_NODES; i++) {
        struct country_node *n = &c->nodes[i];
        uint32_t host = n->node->host.number;
        n->up = (struct sim_event){.fn = on_up, .arg = n, .host = host, .what = "up"};
        n->net = (struct sim_event){.fn = on_net, .arg = n, .host = host, .what = "net"};
        n->disk = (struct sim_event){.fn = on_disk, .arg = n, .host = host, .what = "disk"};
        n->node->start_may_fail = 1;
        on_disk(n);
    }
    for (size_t i = 0; i < COUNTRY_STREAMS; i++)
        c->streams[i].burst = (struct sim_event){.fn = on_burst, .arg = &c->streams[i], .what = "burst"};
    sim_after(&c->world, &t->next, every);
}

static void wake_readers(struct country *c) {
    for (size_t i = 0; i < c->n_readers; i++) {
        struct sim_reader *r = c->readers[i];
        r->lazy = r->fickle = 0; /* one who begins again and again would never be done */
        if (r->p.talk.deaf)
            sim_after(&c->world, &r->p.tick, 0);
    }
}

void trials_end(struct trials *t) {
    struct country *c = t->country;
    sim_cancel(&c->world, &t->next);
    for (size_t i = 0; i < COUNTRY_NODES; i++) {
        struct country_node *n = &c->nodes[i];
        sim_cancel(&c->world, &n->net);
        sim_cancel(&c->world, &n->disk);
        on_net(n);
        on_disk(n);
        n->node->disk.faults.stalls = 0;
        if (n->node->state != SIM_UP)
            sim_after(&c->world, &n->up, 0);
    }
    for (struct sim_link *l = NULL; (l = sim_link_next(&c->world, l)) != NULL;) {
        sim_link_silence(l, 0);
        sim_link_mute(l, 0, 0);
        sim_link_mute(l, 1, 0);
    }
    for (size_t i = 0; i < COUNTRY_STREAMS; i++) {
        struct country_stream *s = &c->streams[i];
        sim_cancel(&c->world, &s->burst);
        on_burst(s);
        if (s->pace > 50 * SIM_MS)
            s->publisher.every = 50 * SIM_MS;
    }
    wake_readers(c);
}
