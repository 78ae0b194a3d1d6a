/* SPDX-License-Identifier: MIT
 * follow.c — serving a follow: where it begins, what it sends next, when it ends (follow.h).
 * May touch: the stream it reads and the session it writes to.
 */
#include "node/follow.h"

#include "base/err.h"
#include "base/json.h"
#include "node/hops.h"
#include "node/sessionstate.h"
#include <stdlib.h>

static void on_block(struct rn_block_wait *w, struct runnel_bytes block, const struct runnel_err *err);

/* ---- opening ---- */

static int add_to_session(struct rn_follow *f) {
    struct rn_session *s = f->session;
    uint8_t key[8];
    if (!s->follows) {
        uint8_t seed[16];
        s->node->env->random(s->node->env->ctx, seed, sizeof seed);
        s->follows = rn_map_new(seed);
        if (!s->follows)
            return -RUNNEL_ENOMEM;
    }
    rn_put_le64(key, f->id);
    return rn_map_put(s->follows, key, sizeof key, f);
}

static int answer(struct rn_follow *f) {
    struct rn_buf b = {.max = 1024};
    struct rn_jw w;
    char id[RN_ID_TEXT];
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_kstr(&w, "stream", rn_id_format(&f->stream->desc->id, id));
    rn_jw_key(&w, "from");
    rn_jw_u64(&w, f->next);
    rn_jw_key(&w, "count");
    rn_jw_u64(&w, f->stream->tail.count);
    rn_jw_kbool(&w, "live", rn_stream_live(f->stream));
    rn_jw_end_object(&w);
    int rc = b.failed;
    if (rc == 0) {
        struct rn_call *call = f->call;
        f->call = NULL;
        rn_call_answer(call, rn_buf_bytes(&b));
    }
    rn_buf_free(&b);
    return rc;
}

static struct rn_follow *make(struct rn_call *call, struct rn_stream *s, const struct rn_follow_spec *spec) {
    struct rn_follow *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    *f = (struct rn_follow){.session = call->session,
                            .stream = s,
                            .id = call->entry.id,
                            .call = call,
                            .until = spec->until,
                            .until_time = spec->until_time,
                            .has_until_time = spec->has_until_time,
                            .credit = (int64_t)spec->credit,
                            .heads = spec->heads,
                            .told_live = -1,
                            .told_signed = INT64_MIN};
    rn_list_init(&f->busy_link);
    rn_list_init(&f->stream_link);
    rn_list_init(&f->end_link);
    rn_block_wait_init(&f->wait, on_block);
    if (add_to_session(f) != 0) {
        free(f);
        return NULL;
    }
    s->node->n_follows++;
    return f;
}

static void fail(struct rn_follow *f, const struct runnel_err *err) {
    struct rn_call *call = f->call;
    f->call = NULL;
    rn_follow_free(f);
    rn_call_fail(call, err);
}

/* Its place is known: answers, and begins to send. */
static void start(struct rn_follow *f, uint64_t from) {
    struct runnel_err err;
    struct rn_session *session = f->session;
    if (f->stream->dropped) {
        (void)rn_stream_unread(f->stream, 0, &err);
        fail(f, &err);
        return;
    }
    f->next = from;
    if (answer(f) != 0) {
        rn_fail(&err, RUNNEL_ENOMEM, "follow: out of memory");
        fail(f, &err);
        return;
    }
    if (!rn_session_open(session))
        return; /* the answer could not be sent, and all its follows are gone */
    rn_list_add(&f->stream->follows, &f->stream_link);
    rn_follow_wake(f);
}

static void on_place(void *arg, uint64_t seq, const struct runnel_err *err) {
    struct rn_follow *f = arg;
    f->seek = NULL;
    if (err)
        fail(f, err);
    else
        start(f, seq);
}

void rn_follow_open(struct rn_call *call, struct rn_stream *s, const struct rn_follow_spec *spec) {
    struct runnel_err err;
    struct rn_follow *f = make(call, s, spec);
    rn_fail(&err, RUNNEL_ENOMEM, "follow: out of memory");
    if (!f)
        rn_call_fail(call, &err);
    else if (!spec->has_from_time)
        start(f, spec->now ? s->tail.count : spec->from);
    else if (rn_seek(s, spec->from_time, on_place, f, &f->seek) != 0)
        fail(f, &err);
}

void rn_follow_withdraw(struct rn_follow *f) {
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ECLOSED, "follow: withdrawn by unfollow before it had begun");
    if (f->call)
        fail(f, &err);
    else
        rn_follow_free(f);
}

void rn_follow_free(struct rn_follow *f) {
    uint8_t key[8];
    rn_put_le64(key, f->id);
    (void)rn_map_del(f->session->follows, key, sizeof key);
    rn_list_del(&f->stream_link);
    rn_list_del(&f->end_link);
    rn_list_del(&f->busy_link);
    if (rn_list_linked(&f->wait.link))
        f->session->n_reading--;
    rn_block_wait_cancel(&f->wait);
    rn_seek_cancel(f->seek);
    if (f->call)
        rn_call_free(f->call);
    rn_buf_free(&f->goal);
    f->stream->node->n_follows--;
    free(f);
}

/* ---- sending ---- */

void rn_follow_wake(struct rn_follow *f) {
    rn_list_del(&f->end_link);
    if (!rn_list_linked(&f->busy_link))
        rn_list_add(&f->session->busy, &f->busy_link);
    rn_session_flush_soon(f->session);
}

void rn_follow_credit(struct rn_follow *f, uint64_t bytes) {
    int64_t room = RN_MAX_CREDIT - f->credit;
    f->credit += bytes < (uint64_t)room ? (int64_t)bytes : room;
    rn_follow_wake(f);
}

static void send_state(struct rn_follow *f, const char *end, const struct runnel_err *err) {
    struct rn_buf b = {.max = 4096};
    struct rn_jw w;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    if (end)
        rn_jw_kstr(&w, "end", end);
    else
        rn_jw_kbool(&w, "live", f->told_live);
    if (!end && f->told_live && f->session->has_peer) {
        struct rn_hops hops;
        rn_stream_hops(f->stream, &hops);
        rn_hops_write(&w, &hops);
    }
    if (err) {
        rn_jw_kstr(&w, "code", rn_code_word(err->code));
        rn_jw_kstr(&w, "message", err->msg);
    }
    rn_jw_key(&w, "next");
    rn_jw_u64(&w, f->next);
    rn_jw_end_object(&w);
    if (b.failed == 0)
        (void)rn_follow_push(f, RN_FRAME_STATE, rn_buf_bytes(&b));
    rn_buf_free(&b);
    rn_session_flush_soon(f->session);
}

static void end(struct rn_follow *f, const struct runnel_err *err) {
    send_state(f, err ? "error" : "done", err);
    rn_follow_free(f);
}

void rn_follow_lost(struct rn_follow *f, const struct runnel_err *err) {
    end(f, err);
}

/* With heads: takes the newest head as what to send up to, if it is news. */
static void take_goal(struct rn_follow *f) {
    const struct rn_stream *s = f->stream;
    const struct rn_head *h = &s->head.head;
    if (f->goal.n || !s->has_head || h->count < f->next)
        return;
    if (f->told_signed != INT64_MIN && h->count == f->told_count && h->signed_at == f->told_signed)
        return;
    if (rn_buf_add(&f->goal, s->head_bytes.p, s->head_bytes.n) != 0) {
        rn_buf_free(&f->goal);
        return;
    }
    f->goal_count = f->told_count = h->count;
    f->told_signed = h->signed_at;
}

/* All up to the limit has been sent. 1: there may be more at once. */
static int caught_up(struct rn_follow *f) {
    if (f->goal.n) {
        (void)rn_follow_push(f, RN_FRAME_HEAD, rn_buf_bytes(&f->goal));
        rn_buf_free(&f->goal);
        return 1;
    }
    int live = rn_stream_live(f->stream);
    uint32_t hops = live && f->session->has_peer ? rn_stream_hops_no(f->stream) : f->told_hops;
    if (live != f->told_live || hops != f->told_hops) {
        f->told_live = live;
        f->told_hops = hops;
        send_state(f, NULL, NULL);
    }
    rn_list_add(&f->stream->caught_up, &f->end_link);
    return 0;
}

/* How far may be sent now: to the goal for a peer that wants heads, else all that is held. */
static uint64_t limit_of(struct rn_follow *f) {
    uint64_t limit = f->stream->tail.count;
    if (f->heads) {
        take_goal(f);
        limit = f->goal.n ? f->goal_count : f->next;
    }
    return limit < f->until ? limit : f->until;
}

/* One run from a block that is at hand. 1: may go on; 0: it has ended. */
static int send_from(struct rn_follow *f, struct runnel_bytes block, uint64_t limit) {
    struct runnel_err err;
    int rc = rn_follow_run(f, block, limit, &err);
    if (rc > 0)
        return 1;
    end(f, rc < 0 ? &err : NULL);
    return 0;
}

/* It begins behind the time at which it is to end, so nothing can come. */
static int past_the_time(const struct rn_follow *f) {
    const struct rn_tail *t = &f->stream->tail;
    return f->has_until_time && t->count > 0 && f->next >= t->count && t->last >= f->until_time;
}

int rn_follow_at_end(const struct rn_follow *f) {
    const struct rn_stream *s = f->stream;
    if (f->call || f->goal.n || rn_list_linked(&f->wait.link) || f->told_live < 0)
        return 0;
    if (!f->heads)
        return f->next >= s->tail.count;
    return !s->has_head || s->head.head.count < f->next ||
           (s->head.head.count == f->told_count && s->head.head.signed_at == f->told_signed);
}

/* The blocks behind the one that is sent now are asked for in advance: each fourth time, so that some are always on
 * their way. */
static void read_ahead(struct rn_follow *f, uint64_t limit) {
    uint64_t k = f->next / RN_MAX_BLOCK, closed = limit / RN_MAX_BLOCK;
    if (f->next % RN_MAX_BLOCK == 0 && k % 4 == 0 && k + 1 < closed && f->credit > (int64_t)RN_RUN_MAX)
        rn_block_ahead(f->stream, k + 1, closed);
}

int rn_follow_pump(struct rn_follow *f) {
    struct runnel_bytes block;
    struct runnel_err err;
    if (f->call)
        return 0;
    uint64_t limit = limit_of(f);
    if (f->next >= f->until || past_the_time(f)) {
        end(f, NULL);
        return 0;
    }
    if (f->next >= limit)
        return caught_up(f);
    if (f->credit <= 0 || rn_list_linked(&f->wait.link))
        return 0;
    if (rn_follow_run_shared(f, limit))
        return 1;
    read_ahead(f, limit);
    if (rn_block_at_hand(f->stream, f->next / RN_MAX_BLOCK, &block))
        return send_from(f, block, limit);
    if (rn_block_read(f->stream, f->next / RN_MAX_BLOCK, &f->wait) != 0) {
        rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
        end(f, &err);
        return 0;
    }
    f->session->n_reading++;
    return 0;
}

/* The block has come from the disk. One run goes out here, so that a follow gets on even if the
 * block leaves the cache at once. */
static void on_block(struct rn_block_wait *w, struct runnel_bytes block, const struct runnel_err *err) {
    struct rn_follow *f = rn_list_of(w, struct rn_follow, wait);
    f->session->n_reading--;
    if (err)
        end(f, err);
    else if (send_from(f, block, limit_of(f)))
        rn_follow_wake(f);
}
