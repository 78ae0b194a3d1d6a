/* SPDX-License-Identifier: MIT
 * peer.c — answers hello, head, follow and nodes by hand, with one lie in them.
 * May touch: the world.
 */
#include "sim/peer.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN 20u /* observations in a DATA frame */

static struct sim_world *world_of(const struct sim_peer *p) {
    return p->host.world;
}

static int lies(struct sim_peer *p, enum sim_lie lie) {
    if (p->lie != lie)
        return 0;
    p->n_lies++;
    return 1;
}

/* The stream that it shows. */
static const struct sim_author *shown(const struct sim_peer *p) {
    return p->lie == SIM_OTHER_STREAM ? p->foreign : p->author;
}

/* ---- heads ---- */

/* The head of `count`, wrong when it is to be; heads before the lie are in order. */
static void make_head(struct sim_peer *p, uint64_t count, struct rn_buf *out) {
    const struct sim_author *a = shown(p);
    struct rn_hash root = sim_author_root(a, count);
    if (count <= p->from && p->from > 0) {
        sim_author_head(a, count, out);
    } else if (lies(p, SIM_OTHER_HEAD)) {
        sim_author_head(p->foreign, count, out);
    } else if (lies(p, SIM_SIGNER)) {
        sim_author_sign(a, count, &root, &p->foreign->pair, out);
    } else if (lies(p, SIM_ROOT)) {
        root.b[7] ^= 1;
        sim_author_sign(a, count, &root, &a->pair, out);
    } else {
        sim_author_head(a, count, out);
        if (lies(p, SIM_SIGNATURE))
            out->p[out->n - 1] ^= 4;
    }
}

/* ---- data ---- */

static void say_data(struct sim_peer *p, uint64_t follow, uint64_t seq, int64_t base, struct runnel_bytes entries) {
    sim_must(rn_frame_data(&p->talk.out, follow, seq, base, entries), "a frame");
    sim_talk_flush(&p->talk);
}

/* Changes one letter of the last value of a run to another. */
static void flip(struct rn_buf *b) {
    for (size_t i = b->n; i-- > 0;)
        if (b->p[i] >= '0' && b->p[i] <= '9') {
            b->p[i] ^= 1;
            return;
        }
}

/* Sends [from, to), which contains what it lies about. */
static void lie_data(struct sim_peer *p, uint64_t from, uint64_t to) {
    const struct sim_author *a = shown(p);
    struct runnel_bytes entries, more;
    struct rn_buf b;
    int64_t base, other;
    uint64_t seq = from;
    sim_author_run(a, from, to, &base, &entries);
    rn_buf_init(&b, 0);
    sim_must(rn_buf_add(&b, entries.p, entries.n), "a buffer");
    if (lies(p, SIM_BIT))
        flip(&b);
    if (lies(p, SIM_CUT_ENTRY))
        rn_buf_cut(&b, b.n - 3);
    if (lies(p, SIM_BASE))
        base -= SIM_S;
    if (lies(p, SIM_GAP) && to - from > 1) {
        sim_author_run(a, seq = from + 1, to, &base, &more);
        rn_buf_clear(&b);
        sim_must(rn_buf_add(&b, more.p, more.n), "a buffer");
    }
    if (lies(p, SIM_CROSSING) && to % RN_MAX_BLOCK == 0 && to < p->count) {
        sim_author_run(a, to, to + 1, &other, &more);
        sim_must(rn_buf_add(&b, more.p, more.n), "a buffer");
    }
    say_data(p, lies(p, SIM_STRANGER) ? p->follow + 1000 : p->follow, seq, base, rn_buf_bytes(&b));
    if (lies(p, SIM_TWICE))
        say_data(p, p->follow, seq, base, rn_buf_bytes(&b));
    rn_buf_free(&b);
}

static int about_data(const struct sim_peer *p) {
    return p->lie >= SIM_BIT && p->lie <= SIM_CROSSING;
}

/* How far the open follow goes for now. */
static uint64_t limit(const struct sim_peer *p) {
    return p->until < p->count ? p->until : p->count;
}

static uint64_t run_end(const struct sim_peer *p) {
    uint64_t to = p->sent + RUN, block = (p->sent / RN_MAX_BLOCK + 1) * RN_MAX_BLOCK;
    to = to < block ? to : block;
    if (p->sent < p->from && p->from < to)
        to = p->from; /* what is in order does not go with what is not */
    return to < limit(p) ? to : limit(p);
}

/* Sends what credit allows, then the head and the state. */
static void pump(struct sim_peer *p) {
    struct rn_buf head;
    while (p->follow != 0 && p->talk.end && p->sent < limit(p) && (p->credit > 0 || lies(p, SIM_NO_CREDIT))) {
        if (p->sent >= p->from && lies(p, SIM_STALLS))
            return;
        uint64_t to = run_end(p);
        int64_t base;
        struct runnel_bytes entries;
        sim_author_run(shown(p), p->sent, to, &base, &entries);
        p->credit -= (int64_t)entries.n;
        if (about_data(p) && p->from < to && (p->lie != SIM_CROSSING || to % RN_MAX_BLOCK == 0))
            lie_data(p, p->sent, to);
        else
            say_data(p, p->follow, p->sent, base, entries);
        p->sent = to;
    }
    if (p->follow == 0 || !p->talk.end || p->sent < limit(p))
        return;
    if (p->sent >= p->until) {
        sim_talk_say(&p->talk, RN_FRAME_STATE, p->follow, "{\"end\":\"done\",\"next\":%" PRIu64 "}", p->sent);
        p->follow = 0;
        return;
    }
    if (p->heads && p->head_sent != p->count && !(p->count > p->from && lies(p, SIM_NO_HEAD))) {
        p->head_sent = p->count;
        rn_buf_init(&head, 0);
        make_head(p, p->count, &head);
        sim_must(rn_frame_head(&p->talk.out, p->follow, rn_buf_bytes(&head)), "a frame");
        rn_buf_free(&head);
        sim_talk_flush(&p->talk);
    }
    if (!p->live_told && p->talk.end) {
        p->live_told = 1;
        sim_talk_say(&p->talk, RN_FRAME_STATE, p->follow, "{\"live\":true,\"next\":%" PRIu64 "}", p->sent);
    }
}

/* ---- requests ---- */

static void answer_head(struct sim_peer *p, uint64_t id) {
    const struct sim_author *a = shown(p);
    struct rn_buf head, hex;
    char stream[RN_ID_TEXT];
    rn_buf_init(&head, 0);
    rn_buf_init(&hex, 0);
    (void)lies(p, SIM_OTHER_STREAM);
    make_head(p, p->count, &head);
    sim_must(rn_buf_hex(&hex, head.p, head.n), "a buffer");
    const char *text = rn_buf_cstr(&hex);
    sim_must(text ? 0 : -RUNNEL_ENOMEM, "a buffer");
    sim_talk_say(&p->talk, RN_FRAME_ANSWER, id,
                 "{\"stream\":\"%s\",\"descriptor\":%.*s,\"own\":false,\"subscribed\":true,\"live\":true,"
                 "\"count\":%" PRIu64 ",\"state\":\"live\",\"head\":\"%s\",\"head_count\":%" PRIu64 "}",
                 rn_id_format(&p->author->descriptor->id, stream), (int)a->descriptor->bytes.n,
                 (const char *)a->descriptor->bytes.p, p->count, text, p->count);
    rn_buf_free(&head);
    rn_buf_free(&hex);
}

static void answer_follow(struct sim_peer *p, uint64_t id, const struct rn_json *o) {
    char stream[RN_ID_TEXT];
    uint64_t credit = 262144;
    struct runnel_err err = {0};
    p->follow = id;
    p->sent = 0;
    p->until = p->head_sent = UINT64_MAX;
    p->heads = p->live_told = 0;
    p->n_follows++;
    (void)rn_json_u64(o, "from", &p->sent, &err);
    (void)rn_json_u64(o, "until", &p->until, &err);
    (void)rn_json_u64(o, "credit", &credit, &err);
    (void)rn_json_bool(o, "heads", &p->heads, &err);
    p->credit = (int64_t)credit;
    if (p->n_follows == 1)
        p->first_from = p->sent;
    sim_talk_say(&p->talk, RN_FRAME_ANSWER, id,
                 "{\"stream\":\"%s\",\"from\":%" PRIu64 ",\"count\":%" PRIu64 ",\"live\":true}",
                 rn_id_format(&p->author->descriptor->id, stream), p->sent, p->count);
    pump(p);
}

static void answer_nodes(struct sim_peer *p, uint64_t id, const struct rn_json *o) {
    uint64_t count = 0, level = 0, from = 0, n = 0;
    struct runnel_err err = {0};
    struct rn_buf b;
    rn_buf_init(&b, 0);
    if (rn_json_u64(o, "count", &count, &err) != 0 || rn_json_u64(o, "level", &level, &err) != 0 ||
        rn_json_u64(o, "from", &from, &err) != 0 || rn_json_u64(o, "n", &n, &err) != 0)
        sim_fail(world_of(p), "%s: was asked for nodes in a wrong way: %s", p->host.name, err.msg);
    for (uint64_t i = from; i < from + n && i < from + RN_MAX_HASHES; i++) {
        struct rn_hash h;
        if (!sim_author_node(shown(p), count, (uint32_t)level, i, &h))
            break;
        if (i == from && lies(p, SIM_LEAVES))
            h.b[0] ^= 1;
        sim_must(rn_buf_add(&b, h.b, sizeof h.b), "a buffer");
    }
    if (b.n == n * RN_HASH)
        sim_must(rn_frame_hashes(&p->talk.out, id, rn_buf_bytes(&b)), "a frame");
    else
        sim_talk_say(&p->talk, RN_FRAME_ERROR, id, "{\"code\":\"not-found\",\"message\":\"no such nodes\"}");
    rn_buf_free(&b);
    sim_talk_flush(&p->talk);
}

static void answer(struct sim_peer *p, uint64_t id, struct runnel_bytes body) {
    struct rn_json *o = NULL;
    struct runnel_err err = {0};
    const char *method = "";
    if (rn_json_parse(body.p, body.n, NULL, &o, NULL, &err) != 0 || rn_json_str(o, "method", &method, &err) != 0)
        sim_fail(world_of(p), "%s: got a request that is none: %s", p->host.name, err.msg);
    else if (lies(p, SIM_NO_ANSWER))
        ;
    else if (lies(p, SIM_NO_JSON))
        sim_talk_say(&p->talk, RN_FRAME_ANSWER, id, "{\"stream\":");
    else if (strcmp(method, "head") == 0)
        answer_head(p, id);
    else if (strcmp(method, "follow") == 0)
        answer_follow(p, id, o);
    else if (strcmp(method, "nodes") == 0)
        answer_nodes(p, id, o);
    else if (strcmp(method, "unfollow") == 0)
        p->follow = 0, sim_talk_say(&p->talk, RN_FRAME_ANSWER, id, "{}");
    else if (strcmp(method, "ping") == 0)
        sim_talk_say(&p->talk, RN_FRAME_ANSWER, id, "{}");
    else
        sim_talk_say(&p->talk, RN_FRAME_ERROR, id, "{\"code\":\"unsupported\",\"message\":\"no such method\"}");
    rn_json_free(o);
}

/* ---- the session ---- */

static void say_raw(struct sim_peer *p, const void *bytes, size_t n) {
    sim_must(rn_buf_add(&p->talk.out, bytes, n), "a buffer");
    sim_talk_flush(&p->talk);
}

static void on_opened(void *arg) {
    struct sim_peer *p = arg;
    uint8_t noise[4096];
    char id[2 * RN_KEY + 1] = "", nonce[33] = "";
    for (size_t i = 0; i < RN_KEY; i++)
        (void)snprintf(id + 2 * i, 3, "%02x", p->node[i]);
    for (size_t i = 0; i < sizeof p->nonce; i++)
        (void)snprintf(nonce + 2 * i, 3, "%02x", p->nonce[i]);
    p->n_sessions++;
    p->follow = 0;
    if (lies(p, SIM_MUTE))
        return;
    if (lies(p, SIM_GARBAGE)) {
        sim_rand_fill(&p->rand, noise, sizeof noise);
        say_raw(p, noise, sizeof noise);
        return;
    }
    if (lies(p, SIM_EAGER))
        sim_talk_say(&p->talk, RN_FRAME_REQUEST, 1, "{\"method\":\"ping\"}");
    sim_talk_say(&p->talk, RN_FRAME_HELLO, 0, "{\"runnel\":[%d],\"node\":\"%s\",\"nonce\":\"%s\",\"agent\":\"peer\"}",
                 lies(p, SIM_OLD_VERSION) ? 99 : 1, id, nonce);
    if (lies(p, SIM_OVERSIZE))
        say_raw(p, (const uint8_t[]){0x70, 0x11, 1, 0, RN_FRAME_DATA, 1, 1}, 7);
    if (lies(p, SIM_NO_TYPE))
        say_raw(p, (const uint8_t[]){3, 0, 0, 0, 99, 1, 1}, 7);
}

static void on_frame(void *arg, const struct rn_frame *f) {
    struct sim_peer *p = arg;
    if (f->type == RN_FRAME_REQUEST && p->lie != SIM_MUTE && p->lie != SIM_GARBAGE) {
        answer(p, f->id, f->body);
    } else if (f->type == RN_FRAME_CREDIT && f->id == p->follow) {
        p->credit += (int64_t)f->count;
        pump(p);
    } else if (f->type == RN_FRAME_ERROR && f->id == 0) {
        (void)snprintf(p->why, sizeof p->why, "%.*s", (int)f->body.n, (const char *)f->body.p);
    }
}

static void on_lost(void *arg, const char *why) {
    struct sim_peer *p = arg;
    (void)why;
    p->n_lost++;
    p->follow = 0;
}

static const struct sim_talk_up talk_up = {.opened = on_opened, .frame = on_frame, .lost = on_lost};

static int on_accept(void *arg, struct sim_end *e) {
    struct sim_peer *p = arg;
    sim_talk_accept(&p->talk, e);
    return 0;
}

void sim_peer_init(struct sim_peer *p, struct sim_world *w, const char *name, const struct sim_author *a,
                   enum sim_lie lie) {
    char stream[SIM_NAME + 8];
    memset(p, 0, sizeof *p);
    sim_host_init(&p->host, w, name);
    (void)snprintf(stream, sizeof stream, "peer:%s", name);
    sim_rand_init(&p->rand, w->seed, stream);
    sim_rand_fill(&p->rand, p->nonce, sizeof p->nonce);
    sim_rand_fill(&p->rand, p->node, sizeof p->node);
    sim_talk_init(&p->talk, w, &talk_up, p);
    p->author = a;
    p->lie = lie;
    p->count = a->count;
}

void sim_peer_listen(struct sim_peer *p, int on) {
    p->host.accept = on ? on_accept : NULL;
    p->host.accept_arg = p;
}

void sim_peer_serve(struct sim_peer *p, uint64_t count) {
    p->count = count;
    pump(p);
}

void sim_peer_end(struct sim_peer *p) {
    sim_peer_listen(p, 0);
    sim_talk_close(&p->talk);
}
