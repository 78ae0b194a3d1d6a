/* SPDX-License-Identifier: MIT
 * retry.c — from session to session: whether and when another is tried, what goes on in it.
 * May touch: libevent's timer, the monotonic clock, the kernel's random bytes.
 */
#include "client/backoff.h"
#include "client/client.h"
#include <sys/random.h>
#include <time.h>

#define SECOND INT64_C(1000000000)

static int64_t now_ns(void) {
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* it cannot fail for this clock */
    return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

/* Early in a system's life the kernel may have none: then the clock's lowest bits must do. */
static uint64_t random_bits(void) {
    uint64_t v;
    if (getrandom(&v, sizeof v, GRND_NONBLOCK) == (ssize_t)sizeof v)
        return v;
    return (uint64_t)now_ns() * UINT64_C(0x9e3779b97f4a7c15);
}

int64_t runnel_client_retry(const struct runnel_client *c) {
    if (!c->retry || !event_pending(c->retry, EV_TIMEOUT, NULL))
        return -1;
    int64_t left = c->retry_at - now_ns();
    return left > 0 ? left : 0;
}

/* ---- when ---- */

static void attempt(int fd, short what, void *arg) {
    struct runnel_client *c = arg;
    struct runnel_err err;
    (void)fd;
    (void)what;
    rn_client_enter(c);
    if (rn_session_begin(c, &err) < 0)
        rn_session_end(c, &err);
    rn_client_leave(c);
}

static int plan(struct runnel_client *c, int64_t delay, struct runnel_err *err) {
    struct timeval tv = {.tv_sec = (time_t)(delay / SECOND), .tv_usec = (suseconds_t)(delay % SECOND / 1000)};
    if (!c->retry)
        c->retry = event_new(c->base, -1, 0, attempt, c);
    if (!c->retry || event_add(c->retry, &tv) != 0)
        return rn_fail(err, RUNNEL_ENOMEM, "%s: no memory to plan another attempt", c->address);
    c->retry_at = now_ns() + delay;
    return 0;
}

int rn_retry_first(struct runnel_client *c, struct runnel_err *err) {
    c->lost_at = now_ns();
    return plan(c, 0, err);
}

/* ---- whether ---- */

/* What the node refuses to this program it refuses again; what is malformed is so every time. */
static int passes(int code) {
    switch (code) {
    case RUNNEL_ECLOSED:
    case RUNNEL_ETIMEOUT:
    case RUNNEL_EBUSY:
    case RUNNEL_EFULL:
    case RUNNEL_EIO:
    case RUNNEL_ENOMEM:
        return 1;
    default:
        return 0;
    }
}

int rn_retry_helps(const struct runnel_client *c, const struct runnel_err *why) {
    return !c->freed && !(c->flags & RUNNEL_CLIENT_ONCE) && (c->ever || c->flags & RUNNEL_CLIENT_WAIT) &&
           passes(why->code);
}

/* ---- what was asked in the session that is lost ---- */

/* Those that cannot be repeated go to `doomed`, those of the session away. */
static void sort_out(struct runnel_client *c) {
    rn_list_for_safe (it, &c->asked) {
        struct rn_pending *p = rn_list_of(it, struct rn_pending, order);
        int seen = rn_ask_seen(c, p);
        p->end = 0;
        if (p->repeat == RN_WITH_SESSION) {
            rn_ask_take(c, p);
            rn_follow_forget(p);
            rn_ask_free(p);
        } else if (p->repeat == RN_IF_UNSENT && seen) {
            rn_list_del(&p->order);
            rn_list_add(&c->doomed, &p->order);
        } else if (seen) {
            p->cut = 1;
        }
    }
}

/* A completion may free the client, which then fails the rest of them. */
static void fail_doomed(struct runnel_client *c, const struct runnel_err *why) {
    struct runnel_err unknown, ignored;
    (void)rn_fail(&unknown, RUNNEL_ECLOSED,
                  "%s; the request had been sent, and it is not known whether the node has done it", why->msg);
    while (!rn_list_empty(&c->doomed)) {
        struct rn_pending *p = rn_list_of(c->doomed.next, struct rn_pending, order);
        rn_ask_take(c, p);
        (void)p->answer(c, p, NULL, &unknown, &ignored);
        rn_ask_free(p);
    }
}

static void forget_session(struct runnel_client *c) {
    rn_outlet_lost(c);
    sort_out(c);
    rn_follow_lost(c);
    rn_link_close(c);
    rn_buf_clear(&c->in);
    rn_buf_clear(&c->out);
    c->sent = 0;
    c->written = 0;
    c->open = c->connected = c->pinging = 0;
}

void rn_retry_lost(struct runnel_client *c, const struct runnel_err *why) {
    struct runnel_err err = *why; /* it may stand in what is about to go */
    forget_session(c);
    int64_t now = now_ns(), delay = rn_backoff(c->retry_least, c->retry_most, c->tries, random_bits());
    if (c->lost_at == 0)
        c->lost_at = now;
    c->tries++;
    if (c->retry_limit > 0 && now + delay - c->lost_at > c->retry_limit) {
        (void)rn_fail(&err, why->code, "%s; given up after %.3g s", why->msg, (double)(now - c->lost_at) / 1e9);
        rn_session_close(c, &err);
        return;
    }
    if (plan(c, delay, &err) < 0) {
        rn_session_close(c, &err);
        return;
    }
    fail_doomed(c, &err);
    rn_follow_tell_lost(c);
    if (c->on_state && !c->closed)
        c->on_state(c->arg, RUNNEL_LOST, &err);
}

/* ---- the next session ---- */

int rn_retry_resume(struct runnel_client *c, struct runnel_err *err) {
    int r = 0;
    c->open = 1;
    rn_list_for (it, &c->asked) {
        struct rn_pending *p = rn_list_of(it, struct rn_pending, order);
        if (r == 0 && p->end == 0 && (!p->outlet || p->placed))
            r = rn_ask_put(c, p, err);
    }
    if (r == 0)
        r = rn_outlet_all(c, err);
    rn_list_for (it, &c->following) {
        struct runnel_follow *f = rn_list_of(it, struct runnel_follow, order);
        if (r == 0 && f->state == RN_AWAY)
            r = rn_follow_ask(f, 1, err);
    }
    return r;
}
