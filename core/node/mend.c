/* SPDX-License-Identifier: MIT
 * mend.c — damaged blocks that wait to be mended, one at a time, and the readers who wait for them (mend.h).
 * May touch: the node it belongs to.
 */
#include "node/mendstate.h"

#include "base/err.h"
#include "base/time.h"
#include "node/backoff.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST (RN_NS_S)
#define RETRY_MOST (60 * RN_NS_S)
#define ROUND_LEAST (RN_NS_S) /* between rounds that readers cause */

const char *rn_mend_id(const struct rn_mend *m, char out[RN_ID_TEXT]) {
    return rn_id_format(&m->stream->desc->id, out);
}

struct rn_mend_item *rn_mend_at_hand(const struct rn_mend *m) {
    return rn_list_of(m->items.next, struct rn_mend_item, link);
}

int64_t rn_mend_now(const struct rn_mend *m) {
    return m->stream->node->env->now(m->stream->node->env->ctx);
}

/* ---- life ---- */

static void item_free(struct rn_mend *m, struct rn_mend_item *it) {
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
        item_free(m, rn_mend_at_hand(m));
    for (size_t i = 0; i < m->n; i++) {
        free(m->v[i].address);
        free(m->v[i].from);
    }
    free(m->v);
    rn_mend_round_free(m);
    rn_buf_free(&m->old);
    rn_buf_free(&m->got);
    rn_changes_free(&m->changes);
    m->stream->mend = NULL;
    free(m);
}

void rn_mend_let_go(struct rn_mend *m) {
    if (m->session && m->follow)
        rn_session_forget(m->session, m->follow);
    if (m->session && m->ask)
        rn_session_forget(m->session, m->ask);
    m->follow = m->ask = 0;
    m->session = NULL;
    m->provider = NULL;
    rn_peer_leave(&m->user);
    rn_alarm_cancel(&m->stream->node->loop, &m->alarm);
    rn_buf_clear(&m->got);
    m->n_got = 0;
}

static void end(struct rn_mend *m) {
    uint8_t key[8];
    rn_mend_let_go(m);
    rn_mend_watch(m, 0);
    rn_put_le64(key, m->watch);
    (void)rn_map_del(m->stream->node->mends, key, sizeof key);
    rn_op_end(&m->op);
}

/* Whoever waits for the block is told. They may ask for others meanwhile. */
static void tell(struct rn_mend_item *it, const struct runnel_err *err) {
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
void rn_mend_done_with(struct rn_mend *m, const struct runnel_err *err) {
    struct rn_mend_item *it = rn_mend_at_hand(m);
    rn_list_del(&it->link);
    tell(it, err);
    m->n_items--;
    free(it);
    m->walked = m->has_leaf = m->proving = m->proven = 0;
    m->failures = 0;
    if (rn_list_empty(&m->items) || m->stopped)
        end(m);
    else
        rn_mend_look(m);
}

void rn_mend_stop(struct rn_stream *s) {
    struct rn_mend *m = s->mend;
    if (!m)
        return;
    m->stopped = 1;
    rn_mend_let_go(m);
    if (!m->busy)
        end(m);
}

/* A callback of the store: 1 when nothing is to be done any more. */
int rn_mend_called_back(struct rn_mend *m) {
    m->busy = 0;
    if (!m->stopped)
        return 0;
    end(m);
    return 1;
}

/* ---- trying again ---- */

void rn_mend_round_in(struct rn_mend *m, int64_t ns) {
    if (rn_alarm_set(&m->stream->node->loop, &m->alarm, ns, rn_mend_round, m) != 0)
        rn_stream_log(m->stream, RUNNEL_ERROR, "store", "out of memory: a damaged block waits for its next reader");
}

/* Nobody can help now: who waits is told, and it is tried again, ever more seldom. */
void rn_mend_again_later(struct rn_mend *m, const struct runnel_err *why) {
    struct rn_node *n = m->stream->node;
    int64_t ns = rn_backoff(n->env, RETRY_FIRST, RETRY_MOST, m->failures++);
    rn_mend_let_go(m);
    rn_list_for (it, &m->items)
        tell(rn_list_of(it, struct rn_mend_item, link), why);
    if (n->phase == RN_SERVING)
        rn_mend_round_in(m, ns);
}

void rn_mend_no_memory(struct rn_mend *m) {
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
    rn_mend_again_later(m, &err);
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
    m->user = (struct rn_peer_user){.up = rn_mend_up, .down = rn_mend_down};
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

/* The one that waits for this block, which is put at the end if there was none; NULL: no more can wait. */
static struct rn_mend_item *item_of(struct rn_mend *m, uint64_t k) {
    rn_list_for (it, &m->items)
        if (rn_list_of(it, struct rn_mend_item, link)->k == k)
            return rn_list_of(it, struct rn_mend_item, link);
    struct rn_mend_item *item = m->n_items < RN_MENDS_MOST ? calloc(1, sizeof *item) : NULL;
    if (!item)
        return NULL;
    item->k = k;
    rn_list_init(&item->waiting);
    rn_list_init(&item->link);
    rn_list_add(&m->items, &item->link);
    m->n_items++;
    return item;
}

int rn_mend_first(struct rn_mend *m, uint64_t k) {
    struct rn_mend_item *item = item_of(m, k);
    if (!item)
        return -RUNNEL_EBUSY;
    rn_list_del(&item->link);
    rn_list_push(&m->items, &item->link);
    return 0;
}

static int ask_for(struct rn_stream *s, uint64_t k, struct rn_mend_wait *w) {
    struct rn_mend *m = s->mend;
    if (s->dropped || s->node->phase != RN_SERVING || (m && m->stopped))
        return -RUNNEL_ECLOSED;
    int fresh = m == NULL;
    if (fresh && !(m = begin(s)))
        return -RUNNEL_ENOMEM;
    struct rn_mend_item *item = item_of(m, k);
    if (!item) {
        if (fresh)
            end(m);
        return -RUNNEL_EBUSY;
    }
    if (w)
        rn_list_add(&item->waiting, &w->link);
    if (fresh) {
        rn_mend_watch(m, 1);
        rn_mend_look(m);
    } else if (w && !m->busy && !m->provider) { /* somebody asks: it is tried soon */
        int64_t ns = m->last_round + ROUND_LEAST - rn_mend_now(m);
        rn_mend_round_in(m, ns > 0 ? ns : 0);
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
    if (rn_quiet_may(&s->node->damage, id))
        rn_stream_log(s, RUNNEL_ERROR, "store", "%s", err->msg);
}
