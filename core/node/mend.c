/* SPDX-License-Identifier: MIT
 * mend.c — damaged blocks, one stream after the other, one block at a time (mend.h).
 * May touch: the store, discovery instances, peers.
 */
#include "node/mend.h"

#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "node/inner.h"
#include "node/peers.h"
#include "node/sessionstate.h"
#include "node/upstreamstate.h"
#include "node/walk.h"
#include <inttypes.h>
#include <runnel/discovery.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST (RN_NS_S)
#define RETRY_MOST (60 * RN_NS_S)
#define ROUND_LEAST (RN_NS_S)        /* between rounds that readers cause */
#define DISCOVERING (300 * RN_NS_MS) /* until discovery has named somebody */
#define CANDIDATES 256u

/* A block that waits; RN_NOWHERE: the tree. */
struct item {
    struct rn_list link;
    uint64_t k;
    struct rn_list waiting; /* of struct rn_mend_wait */
};

/* One whom discovery named. */
struct named {
    char *address, *from;
};

struct rn_mend {
    struct rn_op op;
    struct rn_stream *stream;
    uint64_t watch;
    struct named *v; /* whom discovery named */
    size_t n;
    struct rn_list items; /* the first is the one at hand */
    uint64_t n_items;

    int busy;              /* the store will call back: the memory has to stay until then */
    int stopped;           /* the stream is gone */
    int walked;            /* its tree has been made again for this block */
    struct rn_peaks peaks; /* at which the walk began: what must come out */
    struct rn_hash leaf;   /* of the block at hand */
    int has_leaf;
    struct rn_buf old; /* its bytes as the disk gave them */
    struct rn_buf got; /* as the peer gives them */
    uint64_t n_got;    /* observations */
    struct rn_changes changes;

    char **round; /* addresses to be tried */
    size_t n_round, at;
    const char *provider; /* the one at hand; in `round` */
    struct rn_peer_user user;
    struct rn_session *session;
    uint64_t follow;
    struct rn_alarm alarm; /* the next round, or the provider stalls */
    int64_t last_round;
    unsigned failures;
    int patient; /* discovery had its moment to name somebody */
};

static void look(struct rn_mend *m);
static void next_provider(struct rn_mend *m);
static void begin_round(void *arg);

static const char *id_of(const struct rn_mend *m, char out[RN_ID_TEXT]) {
    return rn_id_format(&m->stream->desc->id, out);
}

static struct item *at_hand(const struct rn_mend *m) {
    return rn_list_of(m->items.next, struct item, link);
}

/* ---- life ---- */

static void free_round(struct rn_mend *m) {
    for (size_t i = 0; i < m->n_round; i++)
        free(m->round[i]);
    free(m->round);
    m->round = NULL;
    m->n_round = m->at = 0;
    m->provider = NULL;
}

static void item_free(struct rn_mend *m, struct item *it) {
    while (!rn_list_empty(&it->waiting))
        rn_list_del(it->waiting.next);
    rn_list_del(&it->link);
    m->n_items--;
    free(it);
}

static void mend_free(struct rn_op *op) {
    struct rn_mend *m = (struct rn_mend *)op;
    rn_alarm_cancel(&m->stream->node->loop, &m->alarm);
    while (!rn_list_empty(&m->items))
        item_free(m, at_hand(m));
    for (size_t i = 0; i < m->n; i++) {
        free(m->v[i].address);
        free(m->v[i].from);
    }
    free(m->v);
    free_round(m);
    rn_buf_free(&m->old);
    rn_buf_free(&m->got);
    rn_changes_free(&m->changes);
    m->stream->mend = NULL;
    free(m);
}

static void watch_discovery(struct rn_mend *m, int on) {
    struct rn_node *n = m->stream->node;
    struct rn_descriptor *d = m->stream->desc;
    struct runnel_sought sought = {.size = sizeof sought,
                                   .has_id = 1,
                                   .id = d->id,
                                   .author = d->author.b,
                                   .source = d->source,
                                   .stream = d->stream,
                                   .target = d->target};
    for (size_t i = 0; i < n->n_members; i++) {
        struct rn_member *member = &n->members[i];
        if (member->section->kind != RUNNEL_DISCOVERY || !member->started)
            continue;
        const struct runnel_discovery *ops = rn_inst_ops(member->inst);
        ops->watch(rn_inst_self(member->inst), m->watch, &sought, on);
    }
}

static void let_go(struct rn_mend *m) {
    if (m->session && m->follow)
        rn_session_forget(m->session, m->follow);
    m->follow = 0;
    m->session = NULL;
    m->provider = NULL;
    rn_peer_leave(&m->user);
    rn_alarm_cancel(&m->stream->node->loop, &m->alarm);
    rn_buf_clear(&m->got);
    m->n_got = 0;
}

static void end(struct rn_mend *m) {
    uint8_t key[8];
    let_go(m);
    watch_discovery(m, 0);
    rn_put_le64(key, m->watch);
    (void)rn_map_del(m->stream->node->mends, key, sizeof key);
    rn_op_end(&m->op);
}

/* Whoever waits for the block is told. They may ask for others meanwhile. */
static void tell(struct item *it, const struct runnel_err *err) {
    struct rn_list waiting; /* those of now */
    rn_list_init(&waiting);
    while (!rn_list_empty(&it->waiting)) {
        struct rn_list *w = it->waiting.next;
        rn_list_del(w);
        rn_list_add(&waiting, w);
    }
    while (!rn_list_empty(&waiting)) {
        struct rn_mend_wait *w = rn_list_of(waiting.next, struct rn_mend_wait, link);
        rn_list_del(&w->link);
        w->fn(w, err);
    }
}

/* The block at hand is done with: `err` NULL: it is whole. */
static void done_with(struct rn_mend *m, const struct runnel_err *err) {
    struct item *it = at_hand(m);
    rn_list_del(&it->link);
    tell(it, err);
    m->n_items--;
    free(it);
    m->walked = m->has_leaf = 0;
    m->failures = 0;
    if (rn_list_empty(&m->items) || m->stopped)
        end(m);
    else
        look(m);
}

void rn_mend_stop(struct rn_stream *s) {
    struct rn_mend *m = s->mend;
    if (!m)
        return;
    m->stopped = 1;
    let_go(m);
    if (!m->busy)
        end(m);
}

/* A callback of the store: 1 when nothing is to be done any more. */
static int called_back(struct rn_mend *m) {
    m->busy = 0;
    if (!m->stopped)
        return 0;
    end(m);
    return 1;
}

uint64_t rn_mend_waiting(const struct rn_stream *s) {
    return s->mend ? s->mend->n_items : 0;
}

/* ---- looking at what is here ---- */

static int64_t now(const struct rn_mend *m) {
    return m->stream->node->env->now(m->stream->node->env->ctx);
}

static void round_in(struct rn_mend *m, int64_t ns) {
    if (rn_alarm_set(&m->stream->node->loop, &m->alarm, ns, begin_round, m) != 0)
        rn_stream_log(m->stream, RUNNEL_ERROR, "store", "out of memory: a damaged block waits for its next reader");
}

/* Nobody can help now: who waits is told, and it is tried again, ever more seldom. */
static void again_later(struct rn_mend *m, const struct runnel_err *why) {
    struct rn_node *n = m->stream->node;
    int64_t ns = RETRY_FIRST;
    uint64_t dice;
    for (unsigned i = 0; i < m->failures && ns < RETRY_MOST; i++)
        ns *= 2;
    m->failures++;
    let_go(m);
    rn_list_for (it, &m->items)
        tell(rn_list_of(it, struct item, link), why);
    n->env->random(n->env->ctx, &dice, sizeof dice);
    if (n->phase == RN_SERVING)
        round_in(m, ns / 2 + (int64_t)(dice % (uint64_t)(ns / 2 + 1)));
}

static void no_memory(struct rn_mend *m) {
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
    again_later(m, &err);
}

static void on_looked(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct rn_mend *m = arg;
    if (called_back(m))
        return;
    rn_buf_clear(&m->old);
    if (err && err->code != RUNNEL_ENOTFOUND && err->code != RUNNEL_EDAMAGED) {
        again_later(m, err);
        return;
    }
    if (!err) {
        struct rn_hash have = rn_hash_leaf(m->stream->node->hasher, data.p, data.n, NULL, 0);
        if (rn_hash_equal(&have, &m->leaf)) {
            done_with(m, NULL);
            return;
        }
        if (rn_buf_add(&m->old, data.p, data.n) != 0) {
            no_memory(m);
            return;
        }
    }
    begin_round(m);
}

static void read_leaf(struct rn_mend *m);

static int same_peaks(const struct rn_peaks *a, const struct rn_peaks *b) {
    int same = a->n == b->n;
    for (uint32_t l = 0; same && l < RN_TREE_LEVELS; l++)
        if (a->n >> l & 1)
            same = rn_hash_equal(&a->peak[l], &b->peak[l]);
    return same;
}

static void unprovable(struct rn_mend *m) {
    struct runnel_err why;
    char id[RN_ID_TEXT];
    rn_fail(&why, RUNNEL_EDAMAGED,
            "a hash of its tree is damaged, and so is a block from which the tree could be made again");
    rn_stream_log(m->stream, RUNNEL_ERROR, "store",
                  "stream %s: %s; restore a backup, or drop the stream and subscribe to it again", id_of(m, id),
                  why.msg);
    again_later(m, &why);
}

static void on_rewritten(void *arg, const struct rn_walked *w, const struct runnel_err *err) {
    struct rn_mend *m = arg;
    char id[RN_ID_TEXT];
    if (called_back(m))
        return;
    if (err) {
        again_later(m, err);
        return;
    }
    if (w->bad_nodes)
        rn_stream_log(m->stream, RUNNEL_WARN, "store", "stream %s: %llu damaged hashes of its tree were made again",
                      id_of(m, id), (unsigned long long)w->bad_nodes);
    if (at_hand(m)->k == RN_NOWHERE)
        done_with(m, NULL);
    else
        read_leaf(m);
}

static void on_walked(void *arg, const struct rn_walked *w, const struct runnel_err *err) {
    struct rn_mend *m = arg;
    if (called_back(m))
        return;
    if (err) {
        again_later(m, err);
    } else if (w->lost_leaf != RN_NOWHERE || !same_peaks(&w->peaks, &m->peaks)) {
        unprovable(m);
    } else {
        m->busy = 1;
        if (rn_tree_walk(m->stream, m->peaks.n, RN_WALK_WRITE, NULL, on_rewritten, m) != 0) {
            m->busy = 0;
            no_memory(m);
        }
    }
}

static void walk(struct rn_mend *m) {
    m->walked = m->busy = 1;
    m->peaks = m->stream->tail.peaks;
    if (rn_tree_walk(m->stream, m->peaks.n, RN_WALK_LOOK, NULL, on_walked, m) != 0) {
        m->busy = 0;
        no_memory(m);
    }
}

static void on_leaf(void *arg, const struct rn_hash *hash, int64_t first, const struct runnel_err *err) {
    struct rn_mend *m = arg;
    (void)first;
    if (called_back(m))
        return;
    if (err && err->code != RUNNEL_EDAMAGED && err->code != RUNNEL_ENOTFOUND) {
        again_later(m, err);
    } else if (err && m->walked) {
        unprovable(m);
    } else if (err) {
        walk(m);
    } else {
        struct rn_place p = rn_place_block(m->stream->number, at_hand(m)->k);
        m->leaf = *hash;
        m->has_leaf = m->busy = 1;
        rn_store_get(&m->stream->node->store, &p, 0, RN_BLOCK_BYTES + 1, on_looked, m);
    }
}

static void read_leaf(struct rn_mend *m) {
    m->busy = 1;
    if (rn_leaf_read(m->stream, at_hand(m)->k + 1, on_leaf, m) == 0)
        return;
    m->busy = 0;
    no_memory(m);
}

static void look(struct rn_mend *m) {
    m->walked = m->has_leaf = 0;
    if (at_hand(m)->k == RN_NOWHERE)
        walk(m);
    else
        read_leaf(m);
}

/* ---- who may have it ---- */

static void add_to_round(struct rn_mend *m, const char *address) {
    for (size_t i = 0; i < m->n_round; i++)
        if (strcmp(m->round[i], address) == 0)
            return;
    char **v = m->n_round < CANDIDATES ? realloc(m->round, (m->n_round + 1) * sizeof *v) : NULL;
    if (!v)
        return;
    m->round = v;
    if ((v[m->n_round] = strdup(address)) != NULL)
        m->n_round++;
}

/* A round: those that discovery names, then all nodes that have a session with us. */
static void begin_round(void *arg) {
    struct rn_mend *m = arg;
    if (!m->has_leaf) { /* it had not come so far */
        look(m);
        return;
    }
    free_round(m);
    m->last_round = now(m);
    for (size_t i = 0; i < m->n; i++)
        add_to_round(m, m->v[i].address);
    rn_list_for (it, &m->stream->node->sessions) {
        struct rn_session *s = rn_list_of(it, struct rn_session, link);
        const char *address = s->has_peer && rn_session_open(s) ? rn_peer_address(s) : NULL;
        if (address)
            add_to_round(m, address);
    }
    next_provider(m);
}

static void give_up_round(struct rn_mend *m) {
    struct runnel_err why;
    if (m->n_round == 0 && !m->patient) {
        m->patient = 1;
        round_in(m, DISCOVERING);
        return;
    }
    if (m->n_round == 0)
        rn_fail(&why, RUNNEL_EDAMAGED, "no peer is known that could give it again");
    else
        rn_fail(&why, RUNNEL_EDAMAGED, "none of %zu peers could give it again so far", m->n_round);
    again_later(m, &why);
}

static void next_provider(struct rn_mend *m) {
    let_go(m);
    while (m->at < m->n_round && m->stream->node->phase == RN_SERVING) {
        const char *address = m->round[m->at++];
        if (rn_peer_use(m->stream->node, address, &m->user) == 0) {
            m->provider = address;
            return;
        }
    }
    give_up_round(m);
}

void rn_mend_found(struct rn_node *n, uint64_t watch, const char *from, const struct runnel_candidate *const *list,
                   size_t count) {
    uint8_t key[8];
    rn_put_le64(key, watch);
    struct rn_mend *m = n->mends ? rn_map_get(n->mends, key, sizeof key) : NULL;
    size_t kept = 0;
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++) {
        if (strcmp(m->v[i].from, from) != 0) {
            m->v[kept++] = m->v[i];
            continue;
        }
        free(m->v[i].address);
        free(m->v[i].from);
    }
    m->n = kept;
    for (size_t i = 0; i < count && m->n < CANDIDATES; i++) {
        struct named *v = realloc(m->v, (m->n + 1) * sizeof *v);
        if (!v)
            return;
        m->v = v;
        v[m->n] = (struct named){strdup(list[i]->address), strdup(from)};
        if (!v[m->n].address || !v[m->n].from) {
            free(v[m->n].address);
            free(v[m->n].from);
            return;
        }
        m->n++;
    }
    if (m->has_leaf && !m->busy && !m->provider && count > 0) /* it waits for the next round: this is it */
        begin_round(m);
}

/* ---- what a peer gives ---- */

static void refuse(struct rn_mend *m, const struct runnel_err *why) {
    char id[RN_ID_TEXT];
    rn_stream_log(m->stream, RUNNEL_INFO, "store", "stream %s: block %llu: %s does not give it: %s", id_of(m, id),
                  (unsigned long long)at_hand(m)->k, m->provider ? m->provider : "a peer", why->msg);
    next_provider(m);
}

void rn_mend_compare(struct runnel_bytes was, struct runnel_bytes is, char *out, size_t n) {
    size_t both = was.n < is.n ? was.n : is.n, differ = 0, first = both;
    for (size_t i = 0; i < both; i++)
        if (was.p[i] != is.p[i] && ++differ == 1)
            first = i;
    if (was.n == 0)
        (void)snprintf(out, n, "it was missing");
    else if (was.n != is.n)
        (void)snprintf(out, n, "it had %zu bytes instead of %zu, the first that differs is byte %zu", was.n, is.n,
                       first);
    else
        (void)snprintf(out, n, "%zu of its %zu bytes differed, the first is byte %zu", differ, is.n, first);
}

static void on_written(void *arg, const struct runnel_err *err) {
    struct rn_mend *m = arg;
    char id[RN_ID_TEXT], how[160];
    if (called_back(m))
        return;
    if (err) {
        again_later(m, err);
        return;
    }
    rn_mend_compare(rn_buf_bytes(&m->old), rn_buf_bytes(&m->got), how, sizeof how);
    rn_stream_log(m->stream, RUNNEL_NOTICE, "store",
                  "stream %s: block %llu (#%llu to #%llu) is whole again, fetched from %s: %s", id_of(m, id),
                  (unsigned long long)at_hand(m)->k, (unsigned long long)(at_hand(m)->k * RN_MAX_BLOCK),
                  (unsigned long long)(at_hand(m)->k * RN_MAX_BLOCK + RN_MAX_BLOCK - 1),
                  m->provider ? m->provider : "a peer", how);
    let_go(m);
    done_with(m, NULL);
}

/* All 256 have come: they must have our leaf. */
static void take(struct rn_mend *m) {
    struct rn_stream *s = m->stream;
    struct runnel_err err;
    uint64_t k = at_hand(m)->k;
    struct rn_hash have = rn_hash_leaf(s->node->hasher, m->got.p, m->got.n, NULL, 0);
    if (!rn_hash_equal(&have, &m->leaf)) {
        rn_fail(&err, RUNNEL_EDAMAGED, "what it gave does not have the hash that is known here");
        refuse(m, &err);
        return;
    }
    struct rn_place p = rn_place_block(s->number, k);
    rn_alarm_cancel(&s->node->loop, &m->alarm);
    if (m->old.n)
        rn_set_aside(s, k, rn_buf_bytes(&m->old), &m->changes);
    rn_changes_replace(&m->changes, &p, rn_buf_bytes(&m->got));
    m->busy = 1;
    if (rn_store_commit(&s->node->store, &m->changes, on_written, m) != 0) {
        m->busy = 0;
        no_memory(m);
    }
}

static int on_data(struct rn_mend *m, const struct rn_frame *f, struct runnel_err *err) {
    uint64_t count, due = at_hand(m)->k * RN_MAX_BLOCK + m->n_got;
    uint8_t base[RN_BLOCK_HEAD];
    int rc = f->seq == due ? rn_run_count(f, &count, err)
                           : rn_fail(err, RUNNEL_EDAMAGED, "observation %llu came, %llu was due",
                                     (unsigned long long)f->seq, (unsigned long long)due);
    if (rc != 0)
        return rc;
    if (count == 0 || count > RN_MAX_BLOCK - m->n_got)
        return rn_fail(err, RUNNEL_EDAMAGED, "a run of %llu observations is not within the block",
                       (unsigned long long)count);
    rn_put_le64(base, (uint64_t)f->base);
    if (m->n_got == 0)
        rn_buf_add(&m->got, base, sizeof base);
    if (rn_buf_add(&m->got, f->body.p, f->body.n) != 0)
        return rn_fail(err, -m->got.failed, "the block cannot be kept");
    m->n_got += count;
    return 0;
}

static void on_push(void *arg, const struct rn_frame *f) {
    struct rn_mend *m = arg;
    struct runnel_err err;
    if (m->busy)
        return; /* all is there: the follow's end says no more */
    if (f->type == RN_FRAME_HEAD)
        return;
    if (f->type == RN_FRAME_STATE) {
        rn_fail(&err, RUNNEL_EINACTIVE, "it ended, or holds no more, at observation %llu of %u",
                (unsigned long long)m->n_got, RN_MAX_BLOCK + 0u);
        refuse(m, &err);
    } else if (on_data(m, f, &err) != 0) {
        refuse(m, &err);
    } else if (m->n_got == RN_MAX_BLOCK) {
        take(m);
    }
}

static void on_follow(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    struct rn_mend *m = arg;
    (void)r;
    if (!err || !rn_session_open(m->session))
        return; /* the session's end tells */
    m->follow = 0;
    refuse(m, err);
}

static void on_stall(void *arg) {
    struct rn_mend *m = arg;
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ETIMEOUT, "it did not come in time");
    refuse(m, &err);
}

static void on_up(struct rn_peer_user *user, struct rn_session *session) {
    struct rn_mend *m = rn_list_of(user, struct rn_mend, user);
    struct rn_buf b = {.max = 512};
    struct runnel_err err;
    char id[RN_ID_TEXT];
    uint64_t from = at_hand(m)->k * RN_MAX_BLOCK;
    m->session = session;
    rn_buf_clear(&m->got);
    m->n_got = 0;
    rn_buf_fmt(&b, "\"stream\":\"%s\",\"from\":%llu,\"until\":%llu,\"credit\":%lld", id_of(m, id),
               (unsigned long long)from, (unsigned long long)(from + RN_MAX_BLOCK), (long long)RN_WINDOW);
    int rc = b.failed;
    if (rc == 0)
        rc = rn_session_ask(session, "follow", rn_buf_bytes(&b), RN_ASK_NS, on_follow, on_push, m, &m->follow);
    if (rc == 0)
        rc = rn_alarm_set(&m->stream->node->loop, &m->alarm, RN_STALL_NS, on_stall, m);
    rn_buf_free(&b);
    if (rc != 0) {
        rn_fail(&err, -rc, "it cannot be asked");
        refuse(m, &err);
    }
}

static void on_down(struct rn_peer_user *user, const struct runnel_err *why) {
    struct rn_mend *m = rn_list_of(user, struct rn_mend, user);
    m->session = NULL; /* its questions are gone with it */
    m->follow = 0;
    if (!m->busy) /* else all is there, and on its way to the disk */
        refuse(m, why);
}

/* ---- asking for it ---- */

static struct rn_mend *begin(struct rn_stream *s) {
    struct rn_node *n = s->node;
    struct rn_mend *m = calloc(1, sizeof *m);
    uint8_t key[8];
    if (!m)
        return NULL;
    m->stream = s;
    m->watch = n->next_watch++;
    m->user = (struct rn_peer_user){.up = on_up, .down = on_down};
    rn_list_init(&m->items);
    rn_buf_init(&m->old, RN_BLOCK_BYTES + 1);
    rn_buf_init(&m->got, RN_BLOCK_BYTES);
    rn_put_le64(key, m->watch);
    if (rn_map_put(n->mends, key, sizeof key, m) != 0) {
        free(m);
        return NULL;
    }
    s->mend = m;
    rn_op_begin(&n->ops, &m->op, mend_free);
    return m;
}

static int ask_for(struct rn_stream *s, uint64_t k, struct rn_mend_wait *w) {
    struct rn_mend *m = s->mend;
    struct item *item = NULL;
    if (s->dropped || s->node->phase != RN_SERVING || (m && m->stopped))
        return -RUNNEL_ECLOSED;
    int fresh = m == NULL;
    if (fresh && !(m = begin(s)))
        return -RUNNEL_ENOMEM;
    rn_list_for (it, &m->items)
        if (rn_list_of(it, struct item, link)->k == k)
            item = rn_list_of(it, struct item, link);
    if (!item) {
        item = m->n_items < RN_MENDS_MOST ? calloc(1, sizeof *item) : NULL;
        if (!item) {
            if (fresh)
                end(m);
            return -RUNNEL_EBUSY;
        }
        item->k = k;
        rn_list_init(&item->waiting);
        rn_list_init(&item->link);
        rn_list_add(&m->items, &item->link);
        m->n_items++;
    }
    if (w)
        rn_list_add(&item->waiting, &w->link);
    if (fresh) {
        watch_discovery(m, 1);
        look(m);
    } else if (w && !m->busy && !m->provider) { /* somebody asks: it is tried soon */
        int64_t ns = m->last_round + ROUND_LEAST - now(m);
        round_in(m, ns > 0 ? ns : 0);
    }
    return 0;
}

int rn_mend_block(struct rn_stream *s, uint64_t k, struct rn_mend_wait *w) {
    if (k >= s->tail.count / RN_MAX_BLOCK)
        return -RUNNEL_ENOTFOUND;
    return ask_for(s, k, w);
}

void rn_mend_tree(struct rn_stream *s, struct runnel_err *err) {
    char id[RN_ID_TEXT];
    int begun = ask_for(s, RN_NOWHERE, NULL) == 0;
    char text[sizeof err->msg];
    (void)snprintf(text, sizeof text, "%.300s", err->msg);
    rn_fail(err, RUNNEL_EDAMAGED, "stream %s: %s%s", rn_id_format(&s->desc->id, id), text,
            begun ? "; it is being made again: ask again" : "");
    rn_stream_log(s, RUNNEL_ERROR, "store", "%s", err->msg);
}
