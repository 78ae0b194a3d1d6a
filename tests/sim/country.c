/* SPDX-License-Identifier: MIT
 * country.c — builds a country, and watches it.
 * May touch: the world; standard output for what is to be told.
 */
#include "tests/sim/country.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP (150 * SIM_MS) /* between two disks that are audited whole */

/* ---- watching ---- */

/* After each event of a node: what it holds of each of its streams, and what it keeps in memory. */
static void watch(void *arg, uint32_t host) {
    struct country *c = arg;
    if (host == 0 || host > COUNTRY_NODES) /* nodes are the first hosts that are made */
        return;
    struct country_node *n = &c->nodes[host - 1];
    for (size_t i = 0; i < n->n_parts; i++)
        sim_check_look(&c->streams[n->parts[i].stream].check, n->parts[i].held);
    sim_bounds_look(&c->bounds, n->node);
}

static void on_commit(void *arg, const struct runnel_change *changes, size_t n) {
    struct country_node *node = arg;
    sim_audit_commit(&node->country->audit, node->node, changes, n);
}

/* One disk after the other, round and round. */
static void on_sweep(void *arg) {
    struct country *c = arg;
    sim_audit_disk(&c->audit, c->nodes[c->n_swept++ % COUNTRY_NODES].node);
    sim_after(&c->world, &c->sweep, SWEEP);
}

/* ---- nodes ---- */

static uint64_t below(struct country *c, uint64_t n) {
    return sim_below(&c->world.rand, n);
}

static struct sim_weather weather(struct sim_rand *r) {
    return (struct sim_weather){.delay = sim_between(r, 50 * SIM_US, 40 * SIM_MS),
                                .jitter = sim_between(r, 0, 20 * SIM_MS),
                                .bytes_per_s = UINT64_C(200000) << sim_below(r, 9),
                                .window = (size_t)4096 << sim_below(r, 7),
                                .chop = (unsigned)sim_below(r, 100),
                                .refuse = (unsigned)sim_below(r, 20)};
}

static int bars(void *arg, const struct sim_host *from) {
    const struct country_node *n = arg;
    return from->number <= COUNTRY_NODES && n->barred[from->number - 1];
}

static void make_nodes(struct country *c) {
    for (size_t i = 0; i < COUNTRY_NODES; i++) {
        struct country_node *n = &c->nodes[i];
        char name[SIM_NAME];
        (void)snprintf(name, sizeof name, "n%zu", i);
        n->country = c;
        n->node = sim_node_new(&c->world, name);
        n->weather = n->node->host.weather = weather(&n->node->rand);
        n->node->host.bars = bars;
        n->node->host.bars_arg = n;
        n->node->disk.on_commit = on_commit;
        n->node->disk.on_commit_arg = n;
    }
}

/* ---- streams ---- */

static size_t join(struct country *c, size_t stream, size_t node, int is_author) {
    struct country_stream *s = &c->streams[stream];
    struct country_node *n = &c->nodes[node];
    sim_check_add(&s->check, n->node, is_author);
    n->parts[n->n_parts++] = (struct country_part){.stream = stream, .held = s->check.n_held - 1};
    return s->check.n_held - 1;
}

/* The author's firewall refuses some of its subscribers: never the first, which has no firewall itself, so that each
 * can get the stream from one that came before it. */
static void choose_subscribers(struct country *c, size_t stream) {
    struct country_stream *s = &c->streams[stream];
    size_t want = 4 + (size_t)below(c, 22);
    uint8_t taken[COUNTRY_NODES] = {0};
    taken[s->author] = 1;
    while (s->n_subscribers < want) {
        size_t i = (size_t)below(c, COUNTRY_NODES);
        if (taken[i] || (s->n_subscribers == 0 && i < COUNTRY_AUTHORS))
            continue;
        taken[i] = 1;
        if (s->n_subscribers == 0)
            c->nodes[s->author].barred[i] = 2; /* never */
        else if (c->nodes[s->author].barred[i] == 0 && below(c, 3) == 0)
            c->nodes[s->author].barred[i] = 1;
        s->subscribers[s->n_subscribers++] = i;
        (void)join(c, stream, i, 0);
    }
}

static void describe(struct country *c, struct country_stream *s) {
    struct rn_json *o = NULL;
    struct runnel_err err = {0};
    const struct rn_key *author = &c->nodes[s->author].node->pair.id;
    sim_must(rn_json_parse(s->text, strlen(s->text), NULL, &o, NULL, &err), "a descriptor");
    sim_must(rn_descriptor_make(c->world.hasher, o, author, &s->descriptor, &err), "a descriptor");
    rn_json_free(o);
    s->check.descriptor = s->descriptor->hash;
    s->check.author = *author;
    sim_check_stream(&s->check, &s->descriptor->id);
}

/* Some streams are long, some have long values, most are neither. */
static void make_publisher(struct country *c, struct country_stream *s, size_t i) {
    char name[SIM_NAME];
    static const enum sim_publishing how[] = {SIM_WITH_SEQ, SIM_WITH_SEQ, SIM_NO_SEQ, SIM_NOW};
    struct sim_publisher *b = &s->publisher;
    (void)snprintf(name, sizeof name, "publisher%zu", i);
    sim_publisher_init(b, &s->check, name, c->nodes[s->author].node->host.name, s->text, how[below(c, 4)]);
    b->goal = 200 + below(c, 500);
    if (below(c, 5) == 0)
        b->goal = 2000 + below(c, 2000);
    if (below(c, 6) == 0)
        b->value_max = 12000;
    b->most = 2 + (uint32_t)below(c, 9);
    b->every = (int64_t)(45 * (uint64_t)SIM_S * (b->most + 1) / 2 / b->goal);
    s->pace = b->every;
    s->most = b->most;
}

static void make_stream(struct country *c, size_t i) {
    struct country_stream *s = &c->streams[i];
    s->country = c;
    s->author = (size_t)below(c, COUNTRY_AUTHORS);
    sim_check_init(&s->check, &c->world);
    c->checks[i] = &s->check;
    (void)snprintf(s->text, sizeof s->text, "{\"source\":\"sim\",\"stream\":\"s%zu\",\"target\":\"t\"}", i);
    (void)join(c, i, s->author, 1);
    describe(c, s);
    choose_subscribers(c, i);
    make_publisher(c, s, i);
}

/* How a stream is written in a config or a request: by its id, or by author and name. */
static void add_reference(const struct country *c, size_t stream, struct rn_buf *b) {
    const struct country_stream *s = &c->streams[stream];
    char id[RN_ID_TEXT];
    if (stream % 2 == 0) {
        sim_must(rn_buf_str(b, rn_id_format(&s->descriptor->id, id)), "a buffer");
        return;
    }
    rn_buf_hex(b, s->descriptor->author.b, RN_KEY);
    sim_must(rn_buf_fmt(b, "/sim/s%zu/t", stream), "a buffer");
}

static void subscribe(struct country *c, size_t stream) {
    struct country_stream *s = &c->streams[stream];
    s->asks = sim_alloc(s->n_subscribers * sizeof *s->asks);
    for (size_t k = 0; k < s->n_subscribers; k++) {
        char name[SIM_NAME];
        struct rn_buf b = {.n = 0};
        (void)snprintf(name, sizeof name, "ask%zu-%zu", stream, k);
        sim_must(rn_buf_str(&b, "{\"method\":\"subscribe\",\"stream\":\""), "a buffer");
        add_reference(c, stream, &b);
        sim_must(rn_buf_str(&b, "\"}"), "a buffer");
        sim_ask_init(&s->asks[k], &c->world, name, c->nodes[s->subscribers[k]].node->host.name, rn_buf_cstr(&b));
        s->asks[k].retry = 300 * SIM_MS;
        rn_buf_free(&b);
    }
}

/* ---- who knows whom ---- */

static size_t place_of(const struct country_stream *s, size_t node) {
    size_t k = 0;
    while (s->subscribers[k] != node)
        k++;
    return k;
}

/* The addresses for one stream in a node's config: the author's first, then one subscriber at least that came
 * before it and has no firewall, then some others. */
static void add_peers(struct country *c, struct country_part *part, size_t node, struct rn_buf *b) {
    const struct country_stream *s = &c->streams[part->stream];
    size_t me = place_of(s, node), more = (size_t)below(c, 4);
    uint8_t known[COUNTRY_NODES] = {0};
    sim_must(rn_buf_fmt(b, "[\"sim://n%zu\"", s->author), "a buffer");
    size_t before = me > 0 ? (size_t)below(c, me) : 0;
    while (s->subscribers[before] < COUNTRY_AUTHORS)
        before = (size_t)below(c, me);
    known[before] = 1;
    while (more-- > 0)
        known[below(c, s->n_subscribers)] = 1;
    part->known[s->author] = 1;
    for (size_t k = 0; k < s->n_subscribers; k++) {
        if (!known[k] || k == me)
            continue;
        part->known[s->subscribers[k]] = 1;
        sim_must(rn_buf_fmt(b, ",\"sim://n%zu\"", s->subscribers[k]), "a buffer");
    }
    sim_must(rn_buf_str(b, "]"), "a buffer");
}

static void configure(struct country *c, size_t i) {
    struct country_node *n = &c->nodes[i];
    struct rn_buf b = {.n = 0};
    const char *comma = "";
    sim_must(rn_buf_str(&b, "{\"node\":{\"data\":\"/sim\"},\"storage\":{\"main\":{\"plugin\":\"simdisk\"}},"
                            "\"transport\":{\"net\":{\"plugin\":\"sim\"}},"
                            "\"sync\":{\"default\":{\"plugin\":\"incremental\"}},"
                            "\"discovery\":{\"known\":{\"plugin\":\"static\",\"peers\":{"),
             "a buffer");
    for (size_t k = 0; k < n->n_parts; k++) {
        if (c->streams[n->parts[k].stream].author == i)
            continue;
        sim_must(rn_buf_fmt(&b, "%s\"", comma), "a buffer");
        add_reference(c, n->parts[k].stream, &b);
        sim_must(rn_buf_str(&b, "\":"), "a buffer");
        add_peers(c, &n->parts[k], i, &b);
        comma = ",";
    }
    sim_must(rn_buf_str(&b, "}}}}"), "a buffer");
    const char *text = rn_buf_cstr(&b);
    sim_must(text ? 0 : -RUNNEL_ENOMEM, "a buffer");
    sim_node_config(n->node, text);
    rn_buf_free(&b);
}

/* ---- readers ---- */

static void reader_at(struct country *c, size_t node, size_t stream, size_t k) {
    struct sim_reader *r = sim_alloc(sizeof *r);
    char name[SIM_NAME];
    (void)snprintf(name, sizeof name, "read%zu-%zu-%zu", stream, node, k);
    sim_reader_init(r, &c->streams[stream].check, name, c->nodes[node].node->host.name);
    r->credit = 2000u << sim_below(&r->p.rand, 9);
    r->lazy = (unsigned)sim_below(&r->p.rand, 40);
    r->fickle = (unsigned)sim_below(&r->p.rand, 15);
    c->readers[c->n_readers++] = r;
}

/* None to three of each stream at each node that has it. */
static void make_readers(struct country *c) {
    static const unsigned how_many[] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 3};
    for (size_t i = 0; i < COUNTRY_NODES; i++)
        for (size_t p = 0; p < c->nodes[i].n_parts; p++)
            for (size_t k = how_many[below(c, 10)]; k-- > 0 && c->n_readers < COUNTRY_READERS;)
                reader_at(c, i, c->nodes[i].parts[p].stream, k);
}

/* ---- the whole ---- */

void country_init(struct country *c, uint64_t seed) {
    memset(c, 0, sizeof *c);
    sim_world_init(&c->world, seed);
    c->world.watch = watch;
    c->world.watch_arg = c;
    c->sweep = (struct sim_event){.fn = on_sweep, .arg = c, .what = "sweep"};
    make_nodes(c);
    for (size_t i = 0; i < COUNTRY_STREAMS; i++)
        make_stream(c, i);
    for (size_t i = 0; i < COUNTRY_NODES; i++)
        for (size_t k = 0; k < COUNTRY_NODES; k++)
            c->nodes[i].barred[k] = c->nodes[i].barred[k] == 1;
    for (size_t i = 0; i < COUNTRY_NODES; i++)
        configure(c, i);
    for (size_t i = 0; i < COUNTRY_STREAMS; i++)
        subscribe(c, i);
    make_readers(c);
    sim_audit_init(&c->audit, &c->world, c->checks, COUNTRY_STREAMS);
    sim_tap_init(&c->tap, &c->world, c->checks, COUNTRY_STREAMS);
}

static void end_programs(struct country *c) {
    for (size_t i = 0; i < COUNTRY_STREAMS; i++) {
        struct country_stream *s = &c->streams[i];
        sim_program_end(&s->publisher.p);
        for (size_t k = 0; k < s->n_subscribers; k++)
            sim_program_end(&s->asks[k].p);
    }
    for (size_t i = 0; i < c->n_readers; i++)
        sim_program_end(&c->readers[i]->p);
}

static void stream_free(struct country *c, struct country_stream *s) {
    sim_cancel(&c->world, &s->burst);
    for (size_t k = 0; k < s->n_subscribers; k++)
        sim_host_free(&s->asks[k].p.host);
    free(s->asks);
    sim_host_free(&s->publisher.p.host);
    rn_descriptor_free(s->descriptor);
    sim_check_free(&s->check);
}

void country_free(struct country *c) {
    sim_cancel(&c->world, &c->sweep);
    end_programs(c);
    for (size_t i = 0; i < COUNTRY_NODES; i++) {
        sim_cancel(&c->world, &c->nodes[i].up);
        sim_cancel(&c->world, &c->nodes[i].net);
        sim_cancel(&c->world, &c->nodes[i].disk);
        sim_node_crash(c->nodes[i].node, SIM_KILLED);
    }
    for (size_t i = 0; i < c->n_readers; i++) {
        sim_host_free(&c->readers[i]->p.host);
        free(c->readers[i]);
    }
    for (size_t i = 0; i < COUNTRY_STREAMS; i++)
        stream_free(c, &c->streams[i]);
    for (size_t i = 0; i < COUNTRY_NODES; i++)
        sim_node_free(c->nodes[i].node);
    sim_tap_free(&c->tap);
    sim_world_free(&c->world);
}

void country_start(struct country *c) {
    for (size_t i = 0; i < COUNTRY_NODES; i++)
        sim_node_start(c->nodes[i].node);
    for (size_t i = 0; i < COUNTRY_STREAMS; i++) {
        struct country_stream *s = &c->streams[i];
        sim_program_start(&s->publisher.p);
        for (size_t k = 0; k < s->n_subscribers; k++)
            sim_program_start(&s->asks[k].p);
    }
    for (size_t i = 0; i < c->n_readers; i++)
        sim_program_start(&c->readers[i]->p);
    sim_after(&c->world, &c->sweep, SWEEP);
}

/* ---- the end ---- */

static int reader_done(const struct sim_reader *r) {
    uint64_t want = sim_check_durable(r->check);
    return r->next == want && r->head_count == want && r->live;
}

int country_quiet(void *country) {
    struct country *c = country;
    for (size_t i = 0; i < COUNTRY_STREAMS; i++)
        if (!sim_publisher_done(&c->streams[i].publisher) || !sim_check_quiet(&c->streams[i].check))
            return 0;
    for (size_t i = 0; i < c->n_readers; i++)
        if (!reader_done(c->readers[i]))
            return 0;
    return 1;
}

static void tell_stream(struct country *c, struct country_stream *s) {
    if (!sim_publisher_done(&s->publisher))
        sim_fail(&c->world, "the publisher at %s made %" PRIu64 " of %" PRIu64 " and waits for %zu acknowledgements",
                 s->publisher.p.node, s->publisher.made, s->publisher.goal, s->publisher.n_batch);
    for (size_t i = 0; i < s->check.n_held; i++) {
        const char *why = sim_check_lacks(&s->check, i);
        if (why)
            sim_fail(&c->world, "stream %zu by n%zu: %s %s: it has %" PRIu64 " observations, the author %" PRIu64,
                     (size_t)(s - c->streams), s->author, s->check.held[i].node->host.name, why, s->check.held[i].count,
                     sim_check_durable(&s->check));
    }
}

void country_tell_unquiet(struct country *c) {
    for (size_t i = 0; i < COUNTRY_STREAMS; i++)
        tell_stream(c, &c->streams[i]);
    for (size_t i = 0; i < c->n_readers; i++) {
        const struct sim_reader *r = c->readers[i];
        if (!reader_done(r))
            sim_fail(&c->world, "%s at %s has read %" PRIu64 " of %" PRIu64 ", its head is of %" PRIu64 "%s",
                     r->p.host.name, r->p.node, r->next, sim_check_durable(r->check), r->head_count,
                     r->live ? "" : ", and it is not live");
    }
}

static void print_line(void *arg, const char *line) {
    (void)arg;
    (void)printf("#   %s\n", line);
}

/* Whether a text names this host: "n7" is not in "n71". */
static int names(const char *text, const char *host) {
    size_t n = strlen(host);
    for (const char *p = text; (p = strstr(p, host)) != NULL; p += n)
        if ((p == text || p[-1] == ' ') && !(p[n] >= '0' && p[n] <= '9'))
            return 1;
    return 0;
}

void country_report(const struct country *c, const char *replay) {
    (void)printf("# FAILED: %s\n# replay with: %s\n", c->world.failure, replay);
    for (size_t i = 0; i < COUNTRY_NODES; i++) {
        const struct sim_node *n = c->nodes[i].node;
        if (!names(c->world.failure, n->host.name))
            continue;
        (void)printf("# the last lines of %s:\n", n->host.name);
        sim_node_log(n, print_line, NULL);
    }
    (void)fflush(stdout);
}
