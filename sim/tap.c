/* SPDX-License-Identifier: MIT
 * tap.c — joins what is written to a link into frames again, and judges those that carry data (tap.h).
 * May touch: the world; what is written to links, by reading.
 */
#include "sim/tap.h"
#include "base/map.h"
#include "base/time.h"
#include "data/frame.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A follow that one side has asked for. */
struct followed {
    uint64_t id;
    struct sim_check *check;
};

/* What comes towards one side of a link, and what that side has asked. */
struct ear {
    struct rn_buf in;
    struct followed *follows;
    size_t n, cap;
};

struct tapped {
    struct ear ear[2];
};

static void fail(struct sim_tap *t, uint32_t from, const char *why) {
    sim_fail(t->world, "on the wire from host %" PRIu32 ": %s", from, why);
}

static void tapped_free(struct tapped *l) {
    for (int i = 0; i < 2; i++) {
        rn_buf_free(&l->ear[i].in);
        free(l->ear[i].follows);
    }
    free(l);
}

static struct tapped *tapped_of(struct sim_tap *t, uint64_t number) {
    uint8_t key[8];
    rn_put_le64(key, number);
    struct tapped *l = rn_map_get(t->links, key, sizeof key);
    if (l)
        return l;
    l = sim_alloc(sizeof *l);
    sim_must(rn_map_put(t->links, key, sizeof key, l), "a tapped link");
    return l;
}

static void forget(struct sim_tap *t, uint64_t number) {
    uint8_t key[8];
    rn_put_le64(key, number);
    struct tapped *l = rn_map_del(t->links, key, sizeof key);
    if (l)
        tapped_free(l);
}

/* ---- who follows what ---- */

static struct sim_check *check_by_id(const struct sim_tap *t, const struct runnel_id *id) {
    for (size_t i = 0; i < t->n_checks; i++)
        if (rn_id_equal(&t->checks[i]->id, id))
            return t->checks[i];
    return NULL;
}

static struct sim_check *check_by_descriptor(const struct sim_tap *t, const struct rn_hash *h) {
    for (size_t i = 0; i < t->n_checks; i++)
        if (rn_hash_equal(&t->checks[i]->descriptor, h))
            return t->checks[i];
    return NULL;
}

static void remember(struct ear *asker, uint64_t id, struct sim_check *c) {
    if (asker->n == asker->cap) {
        size_t cap = asker->cap ? asker->cap * 2 : 8;
        struct followed *more = sim_alloc(cap * sizeof *more);
        if (asker->n > 0)
            memcpy(more, asker->follows, asker->n * sizeof *more);
        free(asker->follows);
        asker->follows = more;
        asker->cap = cap;
    }
    asker->follows[asker->n++] = (struct followed){id, c};
}

static struct sim_check *followed_by(const struct ear *asker, uint64_t id) {
    for (size_t i = asker->n; i-- > 0;)
        if (asker->follows[i].id == id)
            return asker->follows[i].check;
    return NULL;
}

/* ---- frames ---- */

static int mentions(struct runnel_bytes b, const char *word) {
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= b.n; i++)
        if (memcmp(b.p + i, word, n) == 0)
            return 1;
    return 0;
}

static void on_request(struct sim_tap *t, struct ear *asker, uint32_t from, const struct rn_frame *f) {
    struct rn_json *o = NULL;
    struct runnel_err err = {0};
    struct runnel_id id;
    const char *method = "", *stream = "";
    if (!mentions(f->body, "\"follow\""))
        return;
    if (rn_json_parse(f->body.p, f->body.n, NULL, &o, NULL, &err) != 0) {
        fail(t, from, err.msg);
        return;
    }
    (void)rn_json_str(o, "method", &method, NULL);
    (void)rn_json_str(o, "stream", &stream, NULL);
    if (strcmp(method, "follow") == 0 && rn_id_parse(stream, strlen(stream), &id) == 0 && check_by_id(t, &id))
        remember(asker, f->id, check_by_id(t, &id));
    rn_json_free(o);
}

static void on_data(struct sim_tap *t, struct sim_check *c, const char *who, uint32_t from, const struct rn_frame *f) {
    struct rn_cursor at;
    struct rn_obs o;
    struct runnel_err err = {0};
    int more;
    t->n_runs++;
    rn_cursor_init(&at, f->body.p, f->body.n, f->seq, f->base);
    while ((more = rn_cursor_next(&at, &o, &err)) == 1)
        sim_check_saw(c, who, o.seq, &o.time, o.value);
    if (more < 0)
        fail(t, from, err.msg);
}

static int verify(void *arg, const struct rn_key *id, const char *purpose, const void *p, size_t n,
                  const uint8_t sig[RN_SIGNATURE]) {
    return sim_verify(arg, id, purpose, p, n, sig);
}

static void on_head(struct sim_tap *t, const char *who, uint32_t from, const uint8_t *p, size_t n) {
    struct rn_signed_head h;
    struct runnel_err err = {0};
    struct sim_check *c = NULL;
    t->n_heads++;
    if (rn_signed_head_decode(p, n, &h, &err) != 0)
        fail(t, from, err.msg);
    else if (!(c = check_by_descriptor(t, &h.head.descriptor)))
        fail(t, from, "a head of a stream that nobody has made");
    else if (rn_head_check_by(t->world->hasher, &h.head, &h.attestation, &c->author, verify, t->world, NULL, &err) != 0)
        fail(t, from, err.msg);
    else
        sim_check_told(c, who, h.head.count, &h.head.root);
}

/* Answers that show a head give it in hexadecimal. */
static void on_answer(struct sim_tap *t, const char *who, uint32_t from, const struct rn_frame *f) {
    struct rn_json *o = NULL;
    struct runnel_err err = {0};
    const char *hex = NULL;
    uint8_t bytes[RN_HEAD + RN_ATTESTATION_MAX];
    if (!mentions(f->body, "\"head\""))
        return;
    if (rn_json_parse(f->body.p, f->body.n, NULL, &o, NULL, &err) != 0)
        fail(t, from, err.msg);
    else if (rn_json_str(o, "head", &hex, NULL) == 0) {
        size_t n = strlen(hex) / 2;
        if (n > sizeof bytes || rn_hex_parse(hex, strlen(hex), bytes, n) != 0)
            fail(t, from, "a head that is none");
        else
            on_head(t, who, from, bytes, n);
    }
    rn_json_free(o);
}

/* A frame towards `to`; `back` is what its sender has asked for. */
static void on_frame(struct sim_tap *t, struct ear *to, struct ear *back, uint32_t from, const struct rn_frame *f) {
    char who[64];
    struct sim_check *c = NULL;
    t->n_frames++;
    (void)snprintf(who, sizeof who, "on the wire from host %" PRIu32, from);
    if (f->type == RN_FRAME_REQUEST)
        on_request(t, back, from, f);
    else if (f->type == RN_FRAME_DATA && (c = followed_by(to, f->id)) != NULL)
        on_data(t, c, who, from, f);
    else if (f->type == RN_FRAME_DATA)
        fail(t, from, "observations that nobody has asked for");
    else if (f->type == RN_FRAME_HEAD)
        on_head(t, who, from, f->body.p, f->body.n);
    else if (f->type == RN_FRAME_ANSWER)
        on_answer(t, who, from, f);
}

static void hear(void *arg, uint64_t link, int side, uint32_t from, const uint8_t *p, size_t n) {
    struct sim_tap *t = arg;
    struct rn_frame f;
    struct runnel_err err = {0};
    size_t at = 0;
    int k;
    if (n == 0) {
        forget(t, link);
        return;
    }
    struct tapped *l = tapped_of(t, link);
    struct ear *to = &l->ear[side], *back = &l->ear[!side];
    sim_must(rn_buf_add(&to->in, p, n), "a buffer");
    while ((k = rn_frame_get(to->in.p + at, to->in.n - at, &f, &err)) > 0) {
        on_frame(t, to, back, from, &f);
        at += (size_t)k;
    }
    if (k < 0)
        fail(t, from, err.msg);
    rn_buf_drop(&to->in, at);
}

void sim_tap_init(struct sim_tap *t, struct sim_world *w, struct sim_check *const *checks, size_t n) {
    static const uint8_t seed[16] = {1};
    *t = (struct sim_tap){.world = w, .checks = checks, .n_checks = n, .links = rn_map_new(seed)};
    sim_must(t->links ? 0 : -RUNNEL_ENOMEM, "a tap");
    w->tap = hear;
    w->tap_arg = t;
}

void sim_tap_free(struct sim_tap *t) {
    if (!t->links)
        return;
    t->world->tap = NULL;
    rn_map_for (e, t->links)
        tapped_free(e->val);
    rn_map_free(t->links);
    t->links = NULL;
}
