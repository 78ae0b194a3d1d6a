/* SPDX-License-Identifier: MIT
 * life.c — is the node still there? Pings it in silence, gives it up after too much of it.
 * May touch: libevent's timer.
 *
 * Silence is counted in ticks of the loop, not by the clock: a program that was stopped, or blocked in a
 * write for a minute, has not listened, and must not take that for silence.
 */
#include "client/client.h"

#define SECOND INT64_C(1000000000)

static int64_t limit_of(const struct runnel_client *c) {
    return c->connected ? c->silence_limit : c->connect_limit;
}

static int watched(const struct runnel_client *c) {
    return !c->connected || (c->silence_limit > 0 && (c->n_open > 0 || c->n_follows > 0));
}

static void set_tick(struct runnel_client *c) {
    int64_t step = limit_of(c) / 6;
    c->step = step > SECOND ? SECOND : step < SECOND / 200 ? SECOND / 200 : step;
    struct timeval tv = {.tv_sec = (time_t)(c->step / SECOND), .tv_usec = (suseconds_t)(c->step % SECOND / 1000)};
    c->heard = 0;
    /* A timer that cannot be set leaves the session unwatched, which is no reason to end it. */
    (void)event_add(c->tick, &tv);
}

void rn_life_arm(struct runnel_client *c) {
    if (c->fd < 0 || event_pending(c->tick, EV_TIMEOUT, NULL) || !watched(c))
        return;
    c->silent = 0; /* it counts from when something is asked */
    set_tick(c);
}

void rn_life_restart(struct runnel_client *c) {
    if (c->fd >= 0)
        (void)event_del(c->tick);
    c->silent = 0;
    rn_life_arm(c);
}

static void give_up(struct runnel_client *c) {
    struct runnel_err err;
    double s = (double)limit_of(c) / 1e9;
    if (c->connected)
        (void)rn_fail(&err, RUNNEL_ETIMEOUT, "%s: the node has been silent for %.3g s", c->address, s);
    else
        (void)rn_fail(&err, RUNNEL_ETIMEOUT, "%s: no hello within %.3g s: does a node listen there?", c->address, s);
    rn_session_end(c, &err);
}

void rn_life_tick(int fd, short what, void *arg) {
    struct runnel_client *c = arg;
    (void)fd;
    (void)what;
    if (!watched(c))
        return;
    rn_client_enter(c);
    c->silent = c->heard && c->connected ? 0 : c->silent + c->step;
    if (c->silent >= limit_of(c)) {
        give_up(c);
    } else {
        if (c->connected && !c->pinging && c->silent >= c->silence_limit / 3)
            c->pinging = rn_ask_ping(c) == 0;
        set_tick(c);
    }
    rn_client_leave(c);
}
