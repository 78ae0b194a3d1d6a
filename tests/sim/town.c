/* SPDX-License-Identifier: MIT
 * town.c — builds a town and troubles it.
 * May touch: the world; standard output for what is to be told.
 */
#include "tests/sim/town.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DESCRIPTOR "{\"source\":\"sim\",\"stream\":\"weather\",\"target\":\"t1\"}"

/* ---- building ---- */

static void name_of(size_t i, char out[SIM_NAME]) {
    if (i == 0)
        (void)snprintf(out, SIM_NAME, "pub");
    else
        (void)snprintf(out, SIM_NAME, "s%zu", i);
}

/* The publisher, and two or three others, none of them twice or itself. */
static void peers_of(struct town *t, size_t i, struct rn_buf *out) {
    size_t chosen[3], n = 0, want = 2 + (size_t)sim_below(&t->world.rand, 2);
    char name[SIM_NAME];
    sim_must(rn_buf_str(out, "\"sim://pub\""), "a buffer");
    for (unsigned tries = 0; n < want && tries < 50; tries++) {
        size_t other = 1 + (size_t)sim_below(&t->world.rand, t->n_nodes - 1), k = 0;
        while (k < n && chosen[k] != other)
            k++;
        if (k < n || other == i)
            continue;
        chosen[n++] = other;
        name_of(other, name);
        sim_must(rn_buf_fmt(out, ",\"sim://%s\"", name), "a buffer");
    }
}

static void configure(struct town *t, size_t i) {
    struct rn_buf b;
    rn_buf_init(&b, 0);
    sim_must(rn_buf_str(&b, "{\"node\":{\"data\":\"/sim\"},\"storage\":{\"main\":{\"plugin\":\"simdisk\"}},"
                            "\"transport\":{\"net\":{\"plugin\":\"sim\"}},"
                            "\"sync\":{\"default\":{\"plugin\":\"incremental\"}}"),
             "a buffer");
    if (i > 0) {
        sim_must(rn_buf_str(&b, ",\"discovery\":{\"known\":{\"plugin\":\"static\",\"peers\":{\"*\":["), "a buffer");
        peers_of(t, i, &b);
        sim_must(rn_buf_str(&b, "]}}}"), "a buffer");
    }
    sim_must(rn_buf_str(&b, "}"), "a buffer");
    const char *text = rn_buf_cstr(&b);
    sim_must(text ? 0 : -RUNNEL_ENOMEM, "a buffer");
    sim_node_config(t->nodes[i].node, text);
    rn_buf_free(&b);
}

static void subscribe_at(struct town *t, size_t i) {
    struct town_node *n = &t->nodes[i];
    char request[256], name[SIM_NAME], key[2 * RN_KEY + 1];
    for (size_t k = 0; k < RN_KEY; k++)
        (void)snprintf(key + 2 * k, 3, "%02x", t->nodes[0].node->pair.id.b[k]);
    (void)snprintf(request, sizeof request, "{\"method\":\"subscribe\",\"stream\":\"%s/sim/weather/t1\"}", key);
    (void)snprintf(name, sizeof name, "ask-%.24s", n->node->host.name);
    n->subscribe = sim_alloc(sizeof *n->subscribe);
    sim_ask_init(n->subscribe, &t->world, name, n->node->host.name, request);
    n->subscribe->retry = 300 * SIM_MS;
}

static void reader_at(struct town *t, size_t i) {
    struct town_node *n = &t->nodes[i];
    char name[SIM_NAME];
    (void)snprintf(name, sizeof name, "read-%.24s", n->node->host.name);
    n->reader = sim_alloc(sizeof *n->reader);
    sim_reader_init(n->reader, &t->check, name, n->node->host.name);
    n->reader->credit = 500u << sim_below(&n->reader->p.rand, 10);
    n->reader->lazy = (unsigned)sim_below(&n->reader->p.rand, 60);
    n->reader->fickle = (unsigned)sim_below(&n->reader->p.rand, 30);
}

static struct sim_weather weather(struct sim_rand *r) {
    return (struct sim_weather){.delay = sim_between(r, 50 * SIM_US, 40 * SIM_MS),
                                .jitter = sim_between(r, 0, 20 * SIM_MS),
                                .bytes_per_s = UINT64_C(100000) << sim_below(r, 10),
                                .window = (size_t)2048 << sim_below(r, 8),
                                .chop = (unsigned)sim_below(r, 300),
                                .refuse = (unsigned)sim_below(r, 50)};
}

static void on_back(void *arg);
static void on_mishap(void *arg);

void town_init(struct town *t, uint64_t seed, size_t n, enum sim_publishing how) {
    memset(t, 0, sizeof *t);
    sim_world_init(&t->world, seed);
    sim_check_init(&t->check, &t->world);
    t->n_nodes = n;
    t->mishap = (struct sim_event){.fn = on_mishap, .arg = t, .what = "mishap"};
    for (size_t i = 0; i < n; i++) {
        struct town_node *node = &t->nodes[i];
        char name[SIM_NAME];
        name_of(i, name);
        node->town = t;
        node->node = sim_node_new(&t->world, name);
        node->node->host.weather = weather(&node->node->rand);
        node->back = (struct sim_event){.fn = on_back, .arg = node, .what = "back"};
        configure(t, i);
        sim_check_add(&t->check, node->node, i == 0);
        if (i > 0)
            subscribe_at(t, i);
        if (i % 3 == 0)
            reader_at(t, i);
    }
    sim_publisher_init(&t->publisher, &t->check, "program", "pub", DESCRIPTOR, how);
}

void town_free(struct town *t) {
    sim_cancel(&t->world, &t->mishap);
    sim_program_end(&t->publisher.p);
    for (size_t i = 0; i < t->n_nodes; i++) {
        struct town_node *n = &t->nodes[i];
        sim_cancel(&t->world, &n->back);
        if (n->subscribe)
            sim_program_end(&n->subscribe->p);
        if (n->reader)
            sim_program_end(&n->reader->p);
        sim_node_crash(n->node, SIM_KILLED);
    }
    for (size_t i = 0; i < t->n_nodes; i++) {
        if (t->nodes[i].subscribe)
            sim_host_free(&t->nodes[i].subscribe->p.host);
        if (t->nodes[i].reader)
            sim_host_free(&t->nodes[i].reader->p.host);
        free(t->nodes[i].subscribe);
        free(t->nodes[i].reader);
        sim_node_free(t->nodes[i].node);
    }
    sim_host_free(&t->publisher.p.host);
    sim_check_free(&t->check);
    sim_world_free(&t->world);
}

void town_start(struct town *t) {
    for (size_t i = 0; i < t->n_nodes; i++) {
        sim_node_start(t->nodes[i].node);
        if (t->nodes[i].subscribe)
            sim_program_start(&t->nodes[i].subscribe->p);
        if (t->nodes[i].reader)
            sim_program_start(&t->nodes[i].reader->p);
    }
    sim_program_start(&t->publisher.p);
}

/* ---- trouble ---- */

static size_t n_down(const struct town *t) {
    size_t n = 0;
    for (size_t i = 0; i < t->n_nodes; i++)
        n += t->nodes[i].node->state != SIM_UP;
    return n;
}

static void on_back(void *arg) {
    struct town_node *n = arg;
    n->node->host.isolated = 0;
    if (n->node->state == SIM_DOWN)
        sim_node_start(n->node);
    else if (n->node->state == SIM_STOPPING)
        sim_after(&n->town->world, &n->back, 100 * SIM_MS);
}

static struct sim_link *any_link(struct town *t) {
    uint64_t n = 0;
    for (struct sim_link *l = NULL; (l = sim_link_next(&t->world, l)) != NULL;)
        n++;
    uint64_t k = sim_below(&t->world.rand, n);
    struct sim_link *l = sim_link_next(&t->world, NULL);
    while (l && k-- > 0)
        l = sim_link_next(&t->world, l);
    return l;
}

static void hit_node(struct town *t, unsigned what) {
    const struct town_trouble *q = &t->trouble;
    struct town_node *n = &t->nodes[sim_below(&t->world.rand, t->n_nodes)];
    if (sim_event_set(&n->back) || n->node->state == SIM_DOWN || n->node->state == SIM_STOPPING)
        return; /* it has trouble enough */
    if (what >= q->kill + q->power + q->stop)
        n->node->host.isolated = 1;
    else if (n_down(t) >= t->n_nodes / 3)
        return;
    else if (what < q->kill + q->power)
        sim_node_crash(n->node, what < q->kill ? SIM_KILLED : SIM_POWER);
    else if (n->node->state == SIM_UP)
        sim_node_stop(n->node);
    sim_after(&t->world, &n->back, sim_between(&t->world.rand, 20 * SIM_MS, 5 * SIM_S));
}

static void hit_link(struct town *t, int cut) {
    struct sim_link *l = any_link(t);
    if (l && cut)
        sim_link_cut(l);
    else if (l)
        sim_link_silence(l, sim_between(&t->world.rand, 100 * SIM_MS, 6 * SIM_S));
}

static void on_mishap(void *arg) {
    struct town *t = arg;
    const struct town_trouble *q = &t->trouble;
    unsigned node = q->kill + q->power + q->stop + q->isolate, link = q->cut + q->silence;
    unsigned what = (unsigned)sim_below(&t->world.rand, node + link + q->drop);
    t->n_mishaps++;
    if (what < node)
        hit_node(t, what);
    else if (what < node + link)
        hit_link(t, what < node + q->cut);
    else
        sim_program_drop(&t->publisher.p);
    sim_after(&t->world, &t->mishap, sim_between(&t->world.rand, q->every / 4, q->every * 7 / 4));
}

/* Disks that are slow, and now and then full or not to be read. */
static void trouble_disk(struct town *t, struct sim_node *n) {
    const struct town_trouble *q = &t->trouble;
    n->start_may_fail = q->full > 0 || q->bad_reads > 0;
    n->disk.faults = (struct sim_disk_faults){.delay = sim_between(&t->world.rand, 10 * SIM_US, 4 * SIM_MS),
                                              .jitter = sim_between(&t->world.rand, 0, 4 * SIM_MS),
                                              .stall = 400 * SIM_MS,
                                              .stalls = q->stalls,
                                              .full = q->full,
                                              .bad_reads = q->bad_reads};
}

void town_trouble(struct town *t, const struct town_trouble *trouble) {
    t->trouble = *trouble;
    for (size_t i = 0; i < t->n_nodes; i++)
        trouble_disk(t, t->nodes[i].node);
    sim_after(&t->world, &t->mishap, trouble->every);
}

void town_peace(struct town *t) {
    sim_cancel(&t->world, &t->mishap);
    for (struct sim_link *l = NULL; (l = sim_link_next(&t->world, l)) != NULL;)
        sim_link_silence(l, 0);
    for (size_t i = 0; i < t->n_nodes; i++) {
        struct sim_disk_faults *f = &t->nodes[i].node->disk.faults;
        f->stalls = f->full = f->bad_reads = 0;
        t->nodes[i].node->host.isolated = 0;
        if (t->nodes[i].node->state != SIM_UP)
            sim_after(&t->world, &t->nodes[i].back, 0);
    }
}

/* ---- the end ---- */

static int readers_done(const struct town *t) {
    uint64_t want = sim_check_durable(&t->check);
    for (size_t i = 0; i < t->n_nodes; i++) {
        const struct sim_reader *r = t->nodes[i].reader;
        if (r && (r->next != want || r->head_count != want || !r->live))
            return 0;
    }
    return 1;
}

static int finished(void *arg) {
    struct town *t = arg;
    return sim_publisher_done(&t->publisher) && readers_done(t) && sim_check_quiet(&t->check);
}

/* Names what is not finished. */
static void tell_unfinished(struct town *t) {
    if (!sim_publisher_done(&t->publisher))
        sim_fail(&t->world, "the publisher made %" PRIu64 " of %" PRIu64 " and waits for %zu acknowledgements",
                 t->publisher.made, t->publisher.goal, t->publisher.n_batch);
    if (!sim_check_converged(&t->check, 0))
        return;
    for (size_t i = 0; i < t->n_nodes; i++) {
        const struct sim_reader *r = t->nodes[i].reader;
        if (r && (r->next != sim_check_durable(&t->check) || r->head_count != r->next || !r->live))
            sim_fail(&t->world, "%s has read %" PRIu64 " of %" PRIu64 ", its head is of %" PRIu64 "%s", r->p.host.name,
                     r->next, sim_check_durable(&t->check), r->head_count, r->live ? "" : ", and it is not live");
    }
}

int town_finish(struct town *t, int64_t ns) {
    for (size_t i = 0; i < t->n_nodes; i++)
        if (t->nodes[i].reader) /* one who begins again and again would never be done */
            t->nodes[i].reader->lazy = t->nodes[i].reader->fickle = 0;
    if (sim_run_until(&t->world, finished, t, ns) && !sim_failed(&t->world))
        return 1;
    tell_unfinished(t);
    return 0;
}

static void print_line(void *arg, const char *line) {
    (void)arg;
    (void)printf("#   %s\n", line);
}

void town_report(struct town *t, const char *replay) {
    (void)printf("# FAILED: %s\n# replay with: %s\n", t->world.failure, replay);
    for (size_t i = 0; i < t->n_nodes; i++) {
        (void)printf("# the last lines of %s:\n", t->nodes[i].node->host.name);
        sim_node_log(t->nodes[i].node, print_line, NULL);
    }
    (void)fflush(stdout);
}
