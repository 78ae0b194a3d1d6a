/* SPDX-License-Identifier: MIT
 * bed.c — the bed of tests of whole nodes (bed.h).
 * May touch: the world.
 */
#include "tests/node/bed.h"

#include "data/block.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE (10 * SIM_S)

/* ---- the bed ---- */

void bed_init(struct bed *b, uint64_t seed) {
    memset(b, 0, sizeof *b);
    sim_world_init(&b->w, seed);
    (void)bed_node(b, 0, NULL);
}

struct sim_node *bed_node(struct bed *b, size_t i, const char *peer) {
    char text[512], name[2] = {(char)('a' + i), 0}, known[128] = "";
    struct sim_node *n = sim_node_new(&b->w, name);
    b->node[i] = n;
    if (peer)
        (void)snprintf(known, sizeof known,
                       ",\"discovery\":{\"known\":{\"plugin\":\"static\",\"peers\":{\"*\":[\"sim://%s\"]}}}", peer);
    (void)snprintf(
        text, sizeof text,
        "{\"node\":{\"data\":\"/sim\"},\"storage\":{\"main\":{\"plugin\":\"simdisk\"}},"
        "\"transport\":{\"net\":{\"plugin\":\"sim\"}},\"sync\":{\"default\":{\"plugin\":\"incremental\"}}%s}",
        known);
    sim_node_config(n, text);
    sim_node_start(n);
    assert_int_equal(sim_node_wait(n, SIM_UP, PATIENCE), 1);
    return n;
}

struct sim_node *bed_a(struct bed *b) {
    return b->node[0];
}

void bed_restart(struct bed *b, struct sim_node *n) {
    (void)b;
    sim_node_stop(n);
    assert_int_equal(sim_node_wait(n, SIM_DOWN, PATIENCE), 1);
    sim_node_start(n);
    assert_int_equal(sim_node_wait(n, SIM_UP, PATIENCE), 1);
}

void bed_key(const struct sim_node *n, char out[2 * RN_KEY + 1]) {
    for (size_t k = 0; k < RN_KEY; k++)
        (void)snprintf(out + 2 * k, 3, "%02x", n->pair.id.b[k]);
}

void bed_free(struct bed *b) {
    for (size_t i = 0; i < b->n_clients; i++)
        client_close(b->clients[i]);
    for (size_t i = 0; i < BED_NODES; i++)
        if (b->node[i])
            sim_node_crash(b->node[i], SIM_KILLED);
    sim_run(&b->w, 120 * SIM_S);
    assert_string_equal(b->w.failure, "");
    for (size_t i = 0; i < b->n_clients; i++) {
        client_forget(b->clients[i]);
        sim_host_free(&b->clients[i]->host);
        free(b->clients[i]);
    }
    for (size_t i = 0; i < BED_NODES; i++)
        sim_node_free(b->node[i]);
    sim_world_free(&b->w);
}

static void print_line(void *arg, const char *line) {
    (void)arg;
    print_message("# %s\n", line);
}

void bed_log(struct bed *b) {
    for (size_t i = 0; i < BED_NODES; i++)
        if (b->node[i])
            sim_node_log(b->node[i], print_line, NULL);
}

/* ---- clients ---- */

static void keep(struct client *c, const struct rn_frame *f) {
    struct got *g = sim_alloc(sizeof *g + f->body.n + 1);
    g->f = *f;
    g->at = c->bed->w.now;
    if (f->body.n)
        memcpy(g->bytes, f->body.p, f->body.n);
    g->f.body.p = g->bytes;
    rn_list_init(&g->link);
    rn_list_add(&c->got, &g->link);
    c->n_got++;
}

static void on_opened(void *arg) {
    ((struct client *)arg)->opened = 1;
}

static void on_frame(void *arg, const struct rn_frame *f) {
    struct client *c = arg;
    if (f->type == RN_FRAME_HELLO)
        c->greeted++;
    keep(c, f);
    if (f->type == RN_FRAME_REQUEST && !c->mute)
        sim_talk_say(&c->talk, RN_FRAME_ANSWER, f->id, "{}");
    if (c->on_frame)
        c->on_frame(c, f);
}

static void on_lost(void *arg, const char *why) {
    struct client *c = arg;
    c->lost = 1;
    c->lost_at = c->bed->w.now;
    (void)snprintf(c->why, sizeof c->why, "%s", why);
}

static const struct sim_talk_up talk_up = {.opened = on_opened, .frame = on_frame, .lost = on_lost};

static int is_open(void *arg) {
    return ((struct client *)arg)->opened;
}

static int is_greeted(void *arg) {
    return ((struct client *)arg)->greeted;
}

static int is_lost(void *arg) {
    return ((struct client *)arg)->lost;
}

struct client *client_silent(struct bed *b, const char *to, int program) {
    struct client *c = sim_alloc(sizeof *c);
    char name[SIM_NAME];
    assert_true(b->n_clients < BED_CLIENTS);
    (void)snprintf(name, sizeof name, "client%zu", b->n_clients);
    b->clients[b->n_clients++] = c;
    c->bed = b;
    rn_list_init(&c->got);
    sim_host_init(&c->host, &b->w, name);
    c->host.program = program;
    sim_talk_init(&c->talk, &b->w, &talk_up, c);
    sim_talk_dial(&c->talk, &c->host, to);
    assert_int_equal(sim_run_until(&b->w, is_open, c, PATIENCE), 1);
    return c;
}

struct client *client_new(struct bed *b, const char *to, int program) {
    struct client *c = client_silent(b, to, program);
    sim_talk_say(&c->talk, RN_FRAME_HELLO, 0, "{\"runnel\":[1],\"agent\":\"test\"}");
    assert_int_equal(sim_run_until(&b->w, is_greeted, c, PATIENCE), 1);
    return c;
}

void client_close(struct client *c) {
    sim_talk_close(&c->talk);
}

int client_wait_lost(struct client *c, int64_t ns) {
    return sim_run_until(&c->bed->w, is_lost, c, ns);
}

void client_forget(struct client *c) {
    while (!rn_list_empty(&c->got)) {
        struct got *g = rn_list_of(c->got.next, struct got, link);
        rn_list_del(&g->link);
        rn_json_free(g->json);
        free(g);
    }
    c->n_got = 0;
}

static uint64_t send_v(struct client *c, const char *fmt, va_list ap) {
    char text[8192];
    int n = vsnprintf(text, sizeof text, fmt, ap);
    assert_true(n >= 0 && (size_t)n < sizeof text);
    sim_talk_say(&c->talk, RN_FRAME_REQUEST, ++c->last_id, "%s", text);
    return c->last_id;
}

uint64_t client_send(struct client *c, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    uint64_t id = send_v(c, fmt, ap);
    va_end(ap);
    return id;
}

struct got *client_find(struct client *c, struct got *after, int type, uint64_t id) {
    for (struct rn_list *it = after ? after->link.next : c->got.next; it != &c->got; it = it->next) {
        struct got *g = rn_list_of(it, struct got, link);
        int push = g->f.type == RN_FRAME_DATA || g->f.type == RN_FRAME_HEAD || g->f.type == RN_FRAME_STATE;
        if (g->f.id == id && (type ? (int)g->f.type == type : push))
            return g;
    }
    return NULL;
}

struct sought {
    struct client *c;
    struct got *after, *found;
    int type;
    uint64_t id;
};

static int has_come(void *arg) {
    struct sought *s = arg;
    s->found = client_find(s->c, s->after, s->type, s->id);
    return s->found || s->c->lost;
}

struct got *client_next(struct client *c, struct got *after, int type, uint64_t id) {
    struct sought s = {c, after, NULL, type, id};
    (void)sim_run_until(&c->bed->w, has_come, &s, PATIENCE);
    if (!s.found)
        print_error("no frame of type %d came for %" PRIu64 "; lost: %s; world: %s\n", type, id, c->why,
                    c->bed->w.failure);
    assert_non_null(s.found);
    return s.found;
}

static int is_answer(const struct rn_frame *f) {
    return f->type == RN_FRAME_ANSWER || f->type == RN_FRAME_ERROR || f->type == RN_FRAME_PUBLISHED ||
           f->type == RN_FRAME_HASHES;
}

static int answered(void *arg) {
    struct sought *s = arg;
    rn_list_for (it, &s->c->got) {
        struct got *g = rn_list_of(it, struct got, link);
        if (g->f.id == s->id && is_answer(&g->f))
            s->found = g;
    }
    return s->found || s->c->lost;
}

struct got *client_answer(struct client *c, uint64_t id) {
    struct sought s = {.c = c, .id = id};
    (void)sim_run_until(&c->bed->w, answered, &s, PATIENCE);
    if (!s.found)
        print_error("request %" PRIu64 " was not answered; lost: %s; world: %s\n", id, c->why, c->bed->w.failure);
    assert_non_null(s.found);
    return s.found;
}

struct got *client_ask(struct client *c, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    uint64_t id = send_v(c, fmt, ap);
    va_end(ap);
    struct got *g = client_answer(c, id);
    if (g->f.type == RN_FRAME_ERROR)
        print_error("%s\n", (const char *)g->bytes);
    assert_true(g->f.type != RN_FRAME_ERROR);
    return g;
}

void got_is_error(struct got *g, const char *code, const char *word) {
    assert_int_equal(g->f.type, RN_FRAME_ERROR);
    const char *has = got_str(g, "code"), *message = got_str(g, "message");
    assert_non_null(has);
    assert_non_null(message);
    if (strcmp(has, code) != 0 || !strstr(message, word))
        print_error("found %s \"%s\", want %s with \"%s\"\n", has, message, code, word);
    assert_string_equal(has, code);
    assert_non_null(strstr(message, word));
    assert_true(strlen(message) > 10);
}

struct got *client_refused(struct client *c, const char *code, const char *word, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    uint64_t id = send_v(c, fmt, ap);
    va_end(ap);
    struct got *g = client_answer(c, id);
    got_is_error(g, code, word);
    return g;
}

/* ---- reading answers ---- */

const struct rn_json *got_json(struct got *g) {
    struct runnel_err err = {0};
    if (!g->json)
        assert_int_equal(rn_json_parse(g->f.body.p, g->f.body.n, NULL, &g->json, NULL, &err), 0);
    return g->json;
}

uint64_t got_u64(struct got *g, const char *key) {
    uint64_t v = 0;
    assert_int_equal(rn_json_u64(got_json(g), key, &v, &(struct runnel_err){0}), 0);
    return v;
}

int64_t got_i64(struct got *g, const char *key) {
    int64_t v = 0;
    assert_int_equal(rn_json_i64(got_json(g), key, &v, &(struct runnel_err){0}), 0);
    return v;
}

int got_bool(struct got *g, const char *key) {
    int v = -1;
    assert_int_equal(rn_json_bool(got_json(g), key, &v, &(struct runnel_err){0}), 0);
    return v;
}

const char *got_str(struct got *g, const char *key) {
    const char *v = NULL;
    struct runnel_err err = {0};
    return rn_json_str(got_json(g), key, &v, &err) == 0 ? v : NULL;
}

/* ---- publishing ---- */

struct id_text id_text(const struct runnel_id *id) {
    struct id_text t;
    (void)rn_id_format(id, t.s);
    return t;
}

struct runnel_id make_stream(struct client *c, const char *name) {
    struct runnel_id id;
    struct got *g = client_ask(
        c, "{\"method\":\"create\",\"descriptor\":{\"source\":\"sim\",\"stream\":\"%s\",\"target\":\"\"}}", name);
    const char *text = got_str(g, "stream");
    assert_non_null(text);
    assert_int_equal(rn_id_parse(text, strlen(text), &id), 0);
    return id;
}

uint64_t publish(struct client *c, const struct runnel_id *id, unsigned flags, uint64_t seq, const struct ob *v,
                 size_t n) {
    struct rn_buf entries;
    int64_t base = flags & RN_PUBLISH_NOW || n == 0 ? 0 : v[0].time, at = base;
    rn_buf_init(&entries, 0);
    for (size_t i = 0; i < n; i++) {
        int64_t time = flags & RN_PUBLISH_NOW ? 0 : v[i].time;
        struct runnel_bytes value = {(const uint8_t *)v[i].value, strlen(v[i].value)};
        assert_int_equal(rn_entry_add(&entries, at, time, value), 0);
        at = time;
    }
    assert_int_equal(
        rn_frame_publish(&c->talk.out, ++c->last_id, id, (uint8_t)flags, seq, base, rn_buf_bytes(&entries)), 0);
    rn_buf_free(&entries);
    sim_talk_flush(&c->talk);
    return c->last_id;
}

struct got *published(struct client *c, const struct runnel_id *id, unsigned flags, uint64_t seq, const struct ob *v,
                      size_t n) {
    struct got *g = client_answer(c, publish(c, id, flags, seq, v, n));
    if (g->f.type == RN_FRAME_ERROR)
        print_error("%s\n", (const char *)g->bytes);
    assert_int_equal(g->f.type, RN_FRAME_PUBLISHED);
    assert_int_equal(g->f.count, n);
    return g;
}

/* Runs of one to seven observations share a time. */
int64_t many_time(uint64_t i) {
    uint64_t group = i / 7 + (i % 7 >= sim_mix(i / 7) % 7);
    return MANY_START + (int64_t)group * 10 * SIM_MS;
}

size_t many_value(uint64_t i, char out[256]) {
    int pad = (int)(sim_mix(i) % 60);
    return (size_t)snprintf(out, 256, "{\"i\":%" PRIu64 ",\"pad\":\"%.*s\"}", i, pad,
                            "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
}

void publish_many(struct client *c, const struct runnel_id *id, uint64_t from, uint64_t n, unsigned batch) {
    struct ob *v = calloc(batch, sizeof *v);
    char(*text)[256] = calloc(batch, sizeof *text);
    assert_true(v && text);
    for (uint64_t at = from; at < from + n;) {
        size_t k = 0;
        for (; k < batch && at + k < from + n; k++) {
            (void)many_value(at + k, text[k]);
            v[k] = (struct ob){many_time(at + k), text[k]};
        }
        (void)published(c, id, RN_PUBLISH_SEQ, at, v, k);
        at += k;
    }
    free(text);
    free(v);
}

char *long_number(size_t n) {
    char *value = malloc(n + 1);
    assert_non_null(value);
    memset(value, '7', n);
    value[n] = 0;
    return value;
}

uint64_t held(struct sim_node *n, const struct runnel_id *id) {
    struct rn_holding h;
    return n->node && rn_node_holding(n->node, id, &h) == 0 ? h.count : UINT64_MAX;
}

/* ---- reading follows ---- */

static void take_data(struct taken *t, const struct rn_frame *f, int64_t *last, int many) {
    struct rn_cursor cur;
    struct rn_obs o;
    struct runnel_err err = {0};
    char text[256];
    assert_int_equal(f->seq, t->next);
    assert_true(f->body.n > 0);
    rn_cursor_init(&cur, f->body.p, f->body.n, f->seq, f->base);
    while (rn_cursor_next(&cur, &o, &err) > 0) {
        assert_true(o.time >= *last);
        *last = o.time;
        if (many) {
            size_t n = many_value(o.seq, text);
            assert_int_equal(o.value.n, n);
            assert_memory_equal(o.value.p, text, n);
            assert_true(o.time == many_time(o.seq));
        }
        t->next++;
    }
    assert_string_equal(err.msg, "");
    assert_true((t->next - 1) / RN_MAX_BLOCK == f->seq / RN_MAX_BLOCK); /* one run is of one block */
    t->bytes += f->body.n;
}

static void take_head(struct taken *t, const struct rn_frame *f) {
    struct rn_signed_head h;
    struct runnel_err err = {0};
    assert_int_equal(rn_signed_head_decode(f->body.p, f->body.n, &h, &err), 0);
    assert_true(h.head.count <= t->next);
    assert_true(t->heads == 0 || h.head.count >= t->head_count);
    t->heads++;
    t->head_count = h.head.count;
}

struct taken client_taken(struct client *c, uint64_t id, uint64_t from, int many) {
    struct taken t = {.from = from, .next = from, .live = -1};
    int64_t last = INT64_MIN;
    for (struct got *g = NULL; (g = client_find(c, g, 0, id));) {
        assert_null(t.end); /* nothing comes behind the end */
        if (g->f.type == RN_FRAME_DATA) {
            take_data(&t, &g->f, &last, many);
        } else if (g->f.type == RN_FRAME_HEAD) {
            take_head(&t, &g->f);
        } else {
            t.states++;
            t.state = g;
            t.end = got_str(g, "end");
            assert_int_equal(got_u64(g, "next"), t.next);
            if (!t.end)
                t.live = got_bool(g, "live");
        }
    }
    return t;
}
