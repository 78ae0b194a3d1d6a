/* SPDX-License-Identifier: MIT
 * sessionout.c — frames out: the follows fill, the link takes (session.h).
 * May touch: the session, the transport instance under its link.
 */
#include "node/sessionstate.h"

#define READS_MOST 4u /* blocks that are read at once for the follows of a session */

void rn_session_flush(struct rn_session *s) {
    while (s->writable && s->sent < s->out.n) {
        struct iovec iov = {.iov_base = s->out.p + s->sent, .iov_len = s->out.n - s->sent};
        ssize_t n = s->ops->write(s->conn, &iov, 1);
        if (n == -RUNNEL_EBUSY || n == 0) {
            s->writable = 0;
            break;
        }
        if (n < 0) {
            s->writable = 0;
            s->broken = (int)n;
            break;
        }
        s->sent += (size_t)n;
        s->n_sent += (uint64_t)n;
        s->said = s->node->env->now(s->node->env->ctx);
    }
    if (s->sent == s->out.n) {
        rn_buf_free(&s->out);
        s->sent = 0;
    } else if (s->sent > RN_MAX_UNSENT) {
        rn_buf_drop(&s->out, s->sent);
        s->sent = 0;
    }
}

/* Whether another follow may send, or read what it sends: runs that are being read for others count as
 * well, or a session of many follows would be flooded by what it has asked of the disk. */
int rn_session_may_pump(const struct rn_session *s) {
    return rn_session_unsent(s) < RN_MAX_UNSENT && s->n_reading < READS_MOST;
}

/* Lets the follows send, one run each in turn, while little waits to be written. Returns whether
 * some would go on. */
int rn_session_pump(struct rn_session *s) {
    size_t runs = 0;
    while (!rn_list_empty(&s->busy) && rn_session_may_pump(s) && runs++ < 256) {
        struct rn_follow *f = rn_list_of(s->busy.next, struct rn_follow, busy_link);
        rn_list_del(&f->busy_link);
        if (rn_follow_pump(f))
            rn_list_add(&s->busy, &f->busy_link);
    }
    return !rn_list_empty(&s->busy);
}
