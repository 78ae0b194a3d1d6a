/* SPDX-License-Identifier: MIT
 * blocks.c — closed blocks, read once for all who wait, checked, and kept for a while (blocks.h).
 * May touch: the store.
 */
#include "node/blocks.h"

#include "base/err.h"
#include "base/time.h"
#include "node/inner.h"
#include "node/mend.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_KEY 12u
#define AHEAD_MOST 65536u      /* bytes of a block that is worth reading before it is asked for */
#define AHEAD_NODE 32u         /* that are being read so at once: a bound of what they take */
#define PATIENCE (5 * RN_NS_S) /* with a damaged block */

/* A checked block that is kept for further readers. */
struct cached {
    struct rn_list age; /* least recently used first */
    uint8_t key[CACHE_KEY];
    size_t n;
    uint8_t bytes[];
};

/* A block that is being read. */
struct reading {
    struct rn_op op;
    struct rn_stream *stream;
    uint64_t k;
    uint8_t key[CACHE_KEY];
    struct rn_list waiting;
    struct cached *block;
    int ahead; /* nobody has asked for it yet: no more than AHEAD_MOST bytes of it are read */
    /* It is damaged: those who wait do so for a while, as it is being fetched again. */
    struct rn_mend_wait mend;
    struct rn_alarm patience;
    int mended; /* once is enough */
    struct runnel_err why;
};

struct rn_blocks {
    struct rn_node *node;
    struct rn_map *cached;  /* key → struct cached */
    struct rn_map *reading; /* key → struct reading */
    struct rn_list ages;
    size_t bytes;
    size_t n_ahead;
};

static void make_key(uint8_t key[CACHE_KEY], const struct rn_stream *s, uint64_t k) {
    rn_put_le32(key, s->number);
    rn_put_le64(key + 4, k);
}

struct rn_blocks *rn_blocks_new(struct rn_node *n) {
    struct rn_blocks *b = calloc(1, sizeof *b);
    uint8_t seed[16];
    if (!b)
        return NULL;
    n->env->random(n->env->ctx, seed, sizeof seed);
    b->node = n;
    b->cached = rn_map_new(seed);
    b->reading = rn_map_new(seed);
    rn_list_init(&b->ages);
    if (!b->cached || !b->reading) {
        rn_blocks_free(b);
        return NULL;
    }
    return b;
}

static void forget(struct rn_blocks *b, struct cached *c) {
    (void)rn_map_del(b->cached, c->key, CACHE_KEY);
    rn_list_del(&c->age);
    b->bytes -= c->n;
    free(c);
}

void rn_blocks_free(struct rn_blocks *b) {
    if (!b)
        return;
    while (b->cached && !rn_list_empty(&b->ages))
        forget(b, rn_list_of(b->ages.next, struct cached, age));
    if (b->cached)
        rn_map_free(b->cached);
    if (b->reading)
        rn_map_free(b->reading);
    free(b);
}

void rn_block_wait_init(struct rn_block_wait *w, rn_block_fn *fn) {
    rn_list_init(&w->link);
    w->fn = fn;
}

void rn_block_wait_cancel(struct rn_block_wait *w) {
    rn_list_del(&w->link);
}

int rn_block_at_hand(struct rn_stream *s, uint64_t k, struct runnel_bytes *out) {
    if (k == rn_stream_open_block(s)) {
        *out = rn_buf_bytes(&s->tail.open);
        return 1;
    }
    uint8_t key[CACHE_KEY];
    struct rn_blocks *b = s->node->blocks;
    make_key(key, s, k);
    struct cached *c = rn_map_get(b->cached, key, CACHE_KEY);
    if (!c)
        return 0;
    rn_list_del(&c->age);
    rn_list_add(&b->ages, &c->age);
    *out = (struct runnel_bytes){c->bytes, c->n};
    return 1;
}

static void reading_free(struct rn_op *op) {
    struct reading *r = (struct reading *)op;
    while (!rn_list_empty(&r->waiting))
        rn_list_del(r->waiting.next);
    rn_list_del(&r->mend.link);
    rn_alarm_cancel(&r->stream->node->loop, &r->patience);
    free(r->block);
    free(r);
}

/* Keeps the block, making room first; the newest stays even if it is over the bound alone. */
static void keep(struct rn_blocks *b, struct reading *r) {
    struct cached *c = r->block;
    while (b->bytes + c->n > RN_BLOCK_CACHE && !rn_list_empty(&b->ages))
        forget(b, rn_list_of(b->ages.next, struct cached, age));
    memcpy(c->key, r->key, CACHE_KEY);
    rn_list_init(&c->age);
    if (rn_map_put(b->cached, c->key, CACHE_KEY, c) != 0)
        return; /* stays with the reading, and goes with it */
    rn_list_add(&b->ages, &c->age);
    b->bytes += c->n;
    r->block = NULL;
}

static void finish(struct reading *r, const struct runnel_err *err) {
    struct rn_blocks *b = r->stream->node->blocks;
    struct runnel_bytes bytes = {NULL, 0};
    b->n_ahead -= (size_t)r->ahead;
    (void)rn_map_del(b->reading, r->key, CACHE_KEY);
    if (!err) {
        bytes = (struct runnel_bytes){r->block->bytes, r->block->n};
        keep(b, r);
    }
    while (!rn_list_empty(&r->waiting)) {
        struct rn_block_wait *w = rn_list_of(r->waiting.next, struct rn_block_wait, link);
        rn_list_del(&w->link);
        w->fn(w, bytes, err);
    }
    rn_op_end(&r->op);
}

static void finish_failed(struct reading *r, const struct runnel_err *err, const char *what) {
    char id[RN_ID_TEXT];
    struct runnel_err why;
    if (r->stream->dropped) {
        finish(r, err);
        return;
    }
    rn_fail(&why, err->code == RUNNEL_ENOTFOUND ? RUNNEL_EDAMAGED : err->code, "%s%s",
            err->code == RUNNEL_ENOTFOUND ? "it is missing there" : err->msg, what);
    rn_wrap(&why, "stream %s: block %llu (#%llu to #%llu) cannot be read from the store",
            rn_id_format(&r->stream->desc->id, id), (unsigned long long)r->k, (unsigned long long)r->k * RN_MAX_BLOCK,
            (unsigned long long)r->k * RN_MAX_BLOCK + RN_MAX_BLOCK - 1);
    if (rn_quiet_may(&r->stream->node->damage, id))
        rn_stream_log(r->stream, RUNNEL_ERROR, "store", "%s", why.msg);
    finish(r, &why);
}

/* ---- damage ---- */

static void read_bytes(struct reading *r);

static void on_mended(struct rn_mend_wait *w, const struct runnel_err *err) {
    struct reading *r = rn_list_of(w, struct reading, mend);
    char what[400];
    rn_alarm_cancel(&r->stream->node->loop, &r->patience);
    if (!err) {
        r->mended = 1;
        read_bytes(r);
        return;
    }
    (void)snprintf(what, sizeof what, "; %.300s; it is tried again", err->msg);
    finish_failed(r, &r->why, what);
}

static void on_impatient(void *arg) {
    struct reading *r = arg;
    rn_list_del(&r->mend.link);
    finish_failed(r, &r->why, "; it is being fetched again from a peer: ask again");
}

/* Somebody has asked for a block that was read ahead: it is read as any other. */
static void asked_for(struct reading *r) {
    r->stream->node->blocks->n_ahead -= (size_t)r->ahead;
    r->ahead = 0;
}

/* The reading has failed. Damage is mended, and who reads waits for that as long as one may. */
static void failed(struct reading *r, const struct runnel_err *err) {
    struct rn_loop *loop = &r->stream->node->loop;
    if (r->ahead && rn_list_empty(&r->waiting)) { /* who asks for it will be told */
        finish(r, err);
        return;
    }
    asked_for(r);
    int damage = err->code == RUNNEL_EDAMAGED || err->code == RUNNEL_ENOTFOUND;
    rn_err_copy(&r->why, err);
    if (!damage || r->mended || rn_alarm_set(loop, &r->patience, PATIENCE, on_impatient, r) != 0) {
        finish_failed(r, err, "");
        return;
    }
    if (rn_mend_block(r->stream, r->k, &r->mend) != 0) {
        rn_alarm_cancel(loop, &r->patience);
        finish_failed(r, err, "");
    }
}

static int has_hash(const struct reading *r, const struct rn_hash *hash) {
    struct rn_hash have = rn_hash_leaf(r->stream->node->hasher, r->block->bytes, r->block->n, NULL, 0);
    return rn_hash_equal(&have, hash);
}

static void on_leaf(void *arg, const struct rn_hash *hash, int64_t first, const struct runnel_err *err) {
    struct reading *r = arg;
    struct runnel_err why;
    (void)first;
    if (!err && !has_hash(r, hash)) {
        rn_fail(&why, RUNNEL_EDAMAGED, "its bytes do not give the hash in its tree: the disk has altered them");
        err = &why;
    }
    if (err)
        failed(r, err);
    else
        finish(r, NULL);
}

static void on_bytes(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct reading *r = arg;
    struct runnel_err why;
    struct rn_hash leaf;
    if (!err && r->ahead && data.n > AHEAD_MOST) { /* large, and maybe cut */
        if (!rn_list_empty(&r->waiting)) {
            asked_for(r);
            read_bytes(r);
            return;
        }
        rn_fail(&why, RUNNEL_ETOOBIG, "too large to be read ahead");
        err = &why;
    }
    if (!err) {
        r->block = malloc(sizeof *r->block + data.n);
        if (r->block) {
            r->block->n = data.n;
            if (data.n)
                memcpy(r->block->bytes, data.p, data.n);
        }
        if (r->block && rn_leaf_at_hand(r->stream, r->k + 1, &leaf) && has_hash(r, &leaf)) {
            finish(r, NULL);
            return;
        }
        int rc = r->block ? rn_leaf_read(r->stream, r->k + 1, on_leaf, r) : -RUNNEL_ENOMEM;
        if (rc != 0) {
            (void)rn_stream_unread(r->stream, rc, &why);
            err = &why;
        }
    }
    if (err)
        failed(r, err);
}

static void read_bytes(struct reading *r) {
    struct rn_place p = rn_place_block(r->stream->number, r->k);
    free(r->block);
    r->block = NULL;
    rn_store_get(&r->stream->node->store, &p, 0, r->ahead ? AHEAD_MOST + 1 : RN_BLOCK_BYTES, on_bytes, r);
}

/* A reading for which nobody waits yet; NULL when out of memory. */
static struct reading *reading_new(struct rn_stream *s, uint64_t k, const uint8_t key[CACHE_KEY]) {
    struct reading *r = calloc(1, sizeof *r);
    if (!r || rn_map_put(s->node->blocks->reading, key, CACHE_KEY, r) != 0) {
        free(r);
        return NULL;
    }
    rn_op_begin(&s->node->ops, &r->op, reading_free);
    r->stream = s;
    r->k = k;
    memcpy(r->key, key, CACHE_KEY);
    rn_list_init(&r->waiting);
    rn_list_init(&r->mend.link);
    r->mend.fn = on_mended;
    return r;
}

int rn_block_read(struct rn_stream *s, uint64_t k, struct rn_block_wait *w) {
    uint8_t key[CACHE_KEY];
    if (s->dropped)
        return -RUNNEL_ENOTFOUND;
    make_key(key, s, k);
    struct reading *r = rn_map_get(s->node->blocks->reading, key, CACHE_KEY);
    if (r) {
        rn_list_add(&r->waiting, &w->link);
        return 0;
    }
    r = reading_new(s, k, key);
    if (!r)
        return -RUNNEL_ENOMEM;
    rn_list_add(&r->waiting, &w->link);
    read_bytes(r);
    return 0;
}

void rn_block_ahead(struct rn_stream *s, uint64_t k, uint64_t end) {
    struct rn_blocks *b = s->node->blocks;
    uint8_t key[CACHE_KEY];
    if (end - k > RN_BLOCKS_AHEAD)
        end = k + RN_BLOCKS_AHEAD;
    for (; k < end && b->n_ahead < AHEAD_NODE && !s->dropped; k++) {
        make_key(key, s, k);
        if (rn_map_get(b->cached, key, CACHE_KEY) || rn_map_get(b->reading, key, CACHE_KEY))
            continue;
        struct reading *r = reading_new(s, k, key);
        if (!r)
            return;
        r->ahead = 1;
        b->n_ahead++;
        read_bytes(r);
    }
}
