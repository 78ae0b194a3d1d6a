/* SPDX-License-Identifier: MIT
 * sessionout.c — frames out, in two rows: control before bulk, a frame at a time (session.h).
 * May touch: the session, the transport instance under its link.
 */
#include "node/conf.h"
#include "node/sessionstate.h"

#define READS_MOST 4u /* blocks that are read at once for the follows of a session */
#define RUNS_MOST 256 /* runs in one turn */
#define PIECES 64     /* of memory, in one write */
#define FRAME_BYTES (RN_FRAME_LENGTH + RN_MAX_FRAME)

size_t rn_session_owed(const struct rn_session *s) {
    return s->out.n - s->sent;
}

size_t rn_session_unsent(const struct rn_session *s) {
    return rn_session_owed(s) + s->bulk.bytes;
}

int rn_session_push(struct rn_session *s, int type, uint64_t follow, struct rn_share *share) {
    return rn_lane_add(&s->bulk, type, follow, share);
}

void rn_session_withdraw(struct rn_session *s, uint64_t follow) {
    rn_lane_withdraw(&s->bulk, follow);
}

/* ---- writing ---- */

/* What goes next: the rest of a frame of the bulk that has begun, all control, then more of the bulk. So an answer
 * waits for one frame at most, and for what is below the session. */
static int gather(struct rn_session *s, struct iovec iov[PIECES]) {
    int n = rn_lane_begun_iov(&s->bulk, iov);
    if (rn_session_owed(s) > 0)
        iov[n++] = (struct iovec){.iov_base = s->out.p + s->sent, .iov_len = rn_session_owed(s)};
    return n + rn_lane_rest_iov(&s->bulk, iov + n, PIECES - n);
}

static void gone(struct rn_session *s, size_t n) {
    size_t begun = rn_lane_begun(&s->bulk), owed = rn_session_owed(s);
    size_t first = n < begun ? n : begun, control = n - first < owed ? n - first : owed;
    rn_lane_sent(&s->bulk, first);
    s->sent += control;
    rn_lane_sent(&s->bulk, n - first - control);
    s->n_sent += n;
    s->said = s->node->env->now(s->node->env->ctx);
    if (s->sent == s->out.n) {
        rn_buf_free(&s->out);
        s->sent = 0;
    } else if (s->sent > RN_MAX_UNREAD / 2) {
        rn_buf_drop(&s->out, s->sent);
        s->sent = 0;
    }
}

void rn_session_flush(struct rn_session *s) {
    while (s->writable && rn_session_unsent(s) > 0) {
        struct iovec iov[PIECES];
        ssize_t n = s->ops->write(s->conn, iov, gather(s, iov));
        if (n > 0) {
            gone(s, (size_t)n);
            continue;
        }
        s->writable = 0;
        if (n < 0 && n != -RUNNEL_EBUSY)
            s->broken = (int)n;
    }
}

/* ---- filling ---- */

/* A run that is being read for a follow counts as the longest frame there is, so that what a session keeps stays below
 * the bound whatever its follows have asked of the disk. */
int rn_session_may_pump(const struct rn_session *s) {
    size_t coming = (s->n_reading + 1) * FRAME_BYTES;
    return s->n_reading < READS_MOST && s->bulk.bytes + coming <= s->node->conf->unsent;
}

int rn_session_pump(struct rn_session *s) {
    size_t runs = 0;
    if (s->parting != RN_STAYS)
        return 0; /* its last word has been said */
    while (s->writable && !rn_list_empty(&s->busy) && rn_session_may_pump(s) && runs++ < RUNS_MOST) {
        struct rn_follow *f = rn_list_of(s->busy.next, struct rn_follow, busy_link);
        rn_list_del(&f->busy_link);
        if (rn_follow_pump(f))
            rn_list_add(&s->busy, &f->busy_link);
    }
    return !rn_list_empty(&s->busy);
}
