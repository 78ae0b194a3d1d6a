/* SPDX-License-Identifier: MIT
 * sessionin.c — frames in: reading the link, taking what is whole, whom each is for (session.h).
 * May touch: the session, the transport instance under its link.
 */
#include "base/err.h"
#include "node/sessionstate.h"

#define TURN_BYTES 262144 /* bytes read in one turn before others get theirs */

int rn_session_id_in_use(uint64_t id, struct runnel_err *err) {
    return rn_fail(err, RUNNEL_EINVALID, "a request with the id %llu, which one has that is not answered yet",
                   (unsigned long long)id);
}

static int on_publish(struct rn_session *s, const struct rn_frame *f, struct runnel_err *err) {
    struct runnel_err why;
    if (f->id == 0)
        return rn_fail(err, RUNNEL_EINVALID, "a publish with the id 0");
    if (rn_calls_has(s, f->id))
        return rn_session_id_in_use(f->id, err);
    int rc = rn_author_publish(&s->node->author, s, f, &why);
    if (rc == 0)
        return 0;
    struct rn_call *c = rn_call_new(s, f->id, 0);
    if (!c)
        return -RUNNEL_ENOMEM;
    rn_call_fail(c, &why);
    return 0;
}

static int on_frame(struct rn_session *s, const struct rn_frame *f, struct runnel_err *err) {
    struct rn_follow *follow;
    if (s->parting != RN_STAYS)
        return 0; /* it has been told that nothing is taken any more */
    if (s->phase == RN_GREETING || f->type == RN_FRAME_HELLO)
        return rn_session_on_hello(s, f, err);
    switch (f->type) {
    case RN_FRAME_REQUEST:
        return rn_methods_request(s, f, err);
    case RN_FRAME_PUBLISH:
        return on_publish(s, f, err);
    case RN_FRAME_CREDIT:
        follow = rn_session_follow(s, f->id);
        if (follow)
            rn_follow_credit(follow, f->count);
        return 0;
    case RN_FRAME_ERROR:
        if (f->id == 0)
            return rn_fail(err, RUNNEL_ECLOSED, "the other side ended it: %.*s",
                           (int)(f->body.n < 400 ? f->body.n : 400), (const char *)f->body.p);
        return rn_ask_reply(s, f, err);
    default:
        return rn_ask_reply(s, f, err);
    }
}

/* Whether frames may be taken now: not while we owe the other side more than the limits allow. What follows send does
 * not count: two nodes that follow one another over a slow link go on reading. */
int rn_session_may_take(const struct rn_session *s) {
    return s->phase == RN_GREETING || s->parting != RN_STAYS ||
           (s->phase == RN_OPEN && rn_calls_count(s) < RN_MAX_REQUESTS && s->weight < RN_MAX_PUBLISHES &&
            rn_session_owed(s) < RN_MAX_UNREAD);
}

/* Takes the frames that are whole. Returns how many bytes that were, or a negative code when the session must end. */
static ssize_t take(struct rn_session *s, const uint8_t *p, size_t n, struct runnel_err *err) {
    size_t at = 0;
    while (rn_session_may_take(s)) {
        struct rn_frame f;
        int rc = rn_frame_get(p + at, n - at, &f, err);
        if (rc < 0)
            return rc;
        if (rc == 0)
            break;
        at += (size_t)rc;
        rc = on_frame(s, &f, err);
        if (rc < 0)
            return rc;
    }
    return (ssize_t)at;
}

int rn_session_take_frames(struct rn_session *s, struct runnel_err *err) {
    ssize_t n = take(s, s->in.p, s->in.n, err);
    if (n < 0 || s->phase == RN_CLOSED)
        return n < 0 ? (int)n : 0;
    rn_buf_drop(&s->in, (size_t)n);
    if (s->in.n == 0)
        rn_buf_free(&s->in); /* an idle session keeps no buffer */
    return 0;
}

/* One read. Most bring whole frames: so they go to a room that all sessions share, and only the rest of a frame is
 * kept. Returns what the link says, 1 and more with *rc what became of the frames. */
static ssize_t read_once(struct rn_session *s, int *rc, struct runnel_err *err) {
    int whole = s->in.n == 0;
    uint8_t *room = whole ? s->node->room : rn_buf_room(&s->in, RN_READ_ROOM);
    if (!room)
        return -RUNNEL_ENOMEM;
    ssize_t n = s->ops->read(s->conn, room, RN_READ_ROOM);
    if (n <= 0)
        return n;
    s->n_received += (uint64_t)n;
    s->heard = s->node->env->now(s->node->env->ctx);
    if (!whole) {
        s->in.n += (size_t)n;
        *rc = rn_session_take_frames(s, err);
        return n;
    }
    ssize_t taken = take(s, room, (size_t)n, err);
    *rc = taken < 0 ? (int)taken : 0;
    if (taken >= 0 && taken < n && s->phase != RN_CLOSED)
        *rc = rn_buf_add(&s->in, room + taken, (size_t)(n - taken));
    return n;
}

int rn_session_read_some(struct rn_session *s, struct runnel_err *err) {
    size_t got = 0;
    while (s->readable && got < TURN_BYTES && rn_session_may_take(s)) {
        int rc = 0;
        ssize_t n = read_once(s, &rc, err);
        if (n == -RUNNEL_EBUSY) {
            s->readable = 0;
            break;
        }
        if (n == 0)
            return rn_fail(err, RUNNEL_ECLOSED, "the other side closed the link");
        if (n < 0)
            return n == -RUNNEL_ENOMEM ? rn_fail(err, RUNNEL_ENOMEM, "out of memory")
                                       : rn_fail(err, (int)-n, "the link broke while reading");
        got += (size_t)n;
        if (rc != 0 || s->phase == RN_CLOSED)
            return rc;
    }
    return 0;
}
