/* SPDX-License-Identifier: MIT
 * mendfetch.c — one peer is asked for one block, which is checked and takes the place of what is there (mend.h).
 * May touch: the session, the store.
 */
#include "node/mendstate.h"

#include "base/err.h"
#include <stdio.h>

void rn_mend_refuse(struct rn_mend *m, const struct runnel_err *why) {
    char id[RN_ID_TEXT];
    if (rn_quiet_may(&m->stream->node->damage, rn_mend_id(m, id)))
        rn_stream_log(m->stream, RUNNEL_INFO, "store", "stream %s: block %llu: %s does not give it: %s", id,
                      (unsigned long long)rn_mend_at_hand(m)->k, m->provider ? m->provider : "a peer", why->msg);
    rn_mend_next_provider(m);
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
    if (rn_mend_called_back(m))
        return;
    if (err) {
        rn_mend_again_later(m, err);
        return;
    }
    rn_mend_compare(rn_buf_bytes(&m->old), rn_buf_bytes(&m->got), how, sizeof how);
    rn_stream_log(m->stream, RUNNEL_NOTICE, "store",
                  "stream %s: block %llu (#%llu to #%llu) is whole again, fetched from %s: %s", rn_mend_id(m, id),
                  (unsigned long long)rn_mend_at_hand(m)->k, (unsigned long long)(rn_mend_at_hand(m)->k * RN_MAX_BLOCK),
                  (unsigned long long)(rn_mend_at_hand(m)->k * RN_MAX_BLOCK + RN_MAX_BLOCK - 1),
                  m->provider ? m->provider : "a peer", how);
    int64_t first = (int64_t)rn_get_le64(m->got.p);
    rn_mend_let_go(m);
    rn_mend_is_whole(m, first);
}

/* All 256 have come: they must have our leaf. */
static void take(struct rn_mend *m) {
    struct rn_stream *s = m->stream;
    struct runnel_err err;
    uint64_t k = rn_mend_at_hand(m)->k;
    struct rn_hash have = rn_hash_leaf(s->node->hasher, m->got.p, m->got.n, NULL, 0);
    if (!rn_hash_equal(&have, &m->leaf)) {
        rn_fail(&err, RUNNEL_EDAMAGED, "what it gave does not have the hash that is known here");
        rn_mend_refuse(m, &err);
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
        rn_mend_no_memory(m);
    }
}

static int on_data(struct rn_mend *m, const struct rn_frame *f, struct runnel_err *err) {
    uint64_t count, due = rn_mend_at_hand(m)->k * RN_MAX_BLOCK + m->n_got;
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
        rn_mend_refuse(m, &err);
    } else if (on_data(m, f, &err) != 0) {
        rn_mend_refuse(m, &err);
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
    rn_mend_refuse(m, err);
}

static void on_stall(void *arg) {
    struct rn_mend *m = arg;
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ETIMEOUT, "it did not come in time");
    rn_mend_refuse(m, &err);
}

static int ask_for_block(struct rn_mend *m) {
    struct rn_buf b = {.max = 512};
    char id[RN_ID_TEXT];
    uint64_t from = rn_mend_at_hand(m)->k * RN_MAX_BLOCK;
    rn_buf_clear(&m->got);
    m->n_got = 0;
    rn_buf_fmt(&b, "\"stream\":\"%s\",\"from\":%llu,\"until\":%llu,\"credit\":%lld", rn_mend_id(m, id),
               (unsigned long long)from, (unsigned long long)(from + RN_MAX_BLOCK), (long long)RN_WINDOW);
    int rc = b.failed;
    if (rc == 0)
        rc = rn_session_ask(m->session, "follow", rn_buf_bytes(&b), RN_ASK_NS, on_follow, on_push, m, &m->follow);
    rn_buf_free(&b);
    return rc;
}

void rn_mend_up(struct rn_peer_user *user, struct rn_session *session) {
    struct rn_mend *m = rn_list_of(user, struct rn_mend, user);
    struct runnel_err err;
    m->session = session;
    int rc = rn_alarm_set(&m->stream->node->loop, &m->alarm, RN_STALL_NS, on_stall, m);
    if (rc == 0)
        rc = m->proving ? rn_mend_ask_hashes(m) : ask_for_block(m);
    if (rc == 0)
        return;
    rn_fail(&err, -rc, "it cannot be asked");
    rn_mend_refuse(m, &err);
}

void rn_mend_down(struct rn_peer_user *user, const struct runnel_err *why) {
    struct rn_mend *m = rn_list_of(user, struct rn_mend, user);
    m->session = NULL; /* its questions are gone with it */
    m->follow = m->ask = 0;
    if (!m->busy) /* else all is there, and on its way to the disk */
        rn_mend_refuse(m, why);
}
