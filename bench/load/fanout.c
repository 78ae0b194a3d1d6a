/* SPDX-License-Identifier: MIT
 * fanout.c — the mode with one publisher and many readers of one stream, all in this process.
 * May touch: sockets, the clock, standard output.
 *
 * Flooded: so many messages are under way that no more than `flight` a reader have not come, on average. Paced: so
 * many a second. What is counted is what the readers got; none may be missing at the end. The latency of each is that
 * from its being written by the publisher to its being read by a reader; it is remembered by number, as every reader
 * gets every message in order.
 */
#include "base/err.h"
#include "bench/load/tally.h"
#include "bench/load/value.h"
#include <inttypes.h>
#include <stdlib.h>

#define REMEMBERED ((uint64_t)1 << 20) /* messages whose moment is kept: no reader is further behind */
#define BURST 256u                     /* messages before what came is looked at again */

struct fanout {
    const struct load_options *o;
    struct load_tally tally;
    struct load_random random;
    struct load_conn *publisher;
    uint64_t readers, ready, made;
    int64_t until;
    int64_t *sent; /* when: a ring */
};

/* One who asks for all that there is, and more, and takes nothing of it. */
static int go_deaf(struct load_conn *c, struct runnel_err *err) {
    struct fanout *f = c->mode;
    int r = c->proto->read(c, UINT64_C(1) << 40, err);
    if (r == 0)
        r = load_deafen(c, err);
    f->ready++;
    return r;
}

/* Connection 0 publishes, the others read; the last ones do not. */
static int on_ready(struct load_conn *c, struct runnel_err *err) {
    struct fanout *f = c->mode;
    int first = c->done == 0;
    if (c->number > f->readers)
        return go_deaf(c, err);
    if (c->number == 0 || !first) {
        f->ready++;
        c->done = 0;
        return 0;
    }
    c->done = 1; /* greeted; from its second time on it counts what came */
    return c->proto->subscribe(c, err);
}

static int on_value(struct load_conn *c, struct runnel_bytes value, struct runnel_err *err) {
    struct fanout *f = c->mode;
    if (value.n != LOAD_VALUE || c->done >= f->made)
        return rn_fail(err, RUNNEL_EDAMAGED, "a message of %zu bytes that nobody has sent", value.n);
    if (f->made - c->done > REMEMBERED)
        return rn_fail(err, RUNNEL_EDAMAGED, "a reader is more than %" PRIu64 " messages behind", REMEMBERED);
    load_tally_latency(&f->tally, c->loop->now - f->sent[c->done % REMEMBERED]);
    c->done++;
    f->tally.messages++;
    return 0;
}

static int send_one(struct fanout *f, int64_t now, struct runnel_err *err) {
    uint8_t value[LOAD_VALUE];
    load_value_random(&f->random, value);
    f->sent[f->made++ % REMEMBERED] = now;
    return f->publisher->proto->cast(f->publisher, (struct runnel_bytes){value, sizeof value}, err);
}

/* What is due by now. *wait: until more is, in ns. */
static int send_due(struct fanout *f, int64_t *wait, struct runnel_err *err) {
    int64_t now = load_now();
    uint64_t due = f->made;
    int r = 0;
    *wait = 100000000;
    if (now >= f->until)
        return 0;
    if (f->o->rate) {
        due = (uint64_t)((double)(now - f->tally.began) * (double)f->o->rate / 1e9) + 1;
        *wait = f->tally.began + (int64_t)((double)due * 1e9 / (double)f->o->rate) - now;
        *wait = *wait > 1000 ? *wait : 1000;
    } else {
        uint64_t most = f->tally.messages / f->readers + f->o->flight;
        due = most < f->made + BURST ? most : f->made + BURST;
        *wait = most > due ? 0 : 100000000;
    }
    while (r == 0 && f->made < due)
        r = send_one(f, now, err);
    return r < 0 ? r : load_flush(f->publisher, err);
}

static int turn(struct fanout *f, struct load_loop *l, int64_t wait, int64_t deadline, struct runnel_err *err) {
    if (load_now() > deadline)
        return rn_fail(err, RUNNEL_ETIMEOUT,
                       "%" PRIu64 " s are over: %" PRIu64 " of %" PRIu64 " connections are ready, %" PRIu64
                       " of %" PRIu64 " messages have come",
                       f->o->deadline, f->ready, f->readers + f->o->deaf + 1, f->tally.messages, f->made * f->readers);
    return load_turn(l, wait, err);
}

static int measure(struct fanout *f, struct load_loop *l, struct runnel_err *err) {
    int64_t deadline = load_now() + (int64_t)f->o->deadline * 1000000000, wait = 0;
    int r = 0;
    while (r == 0 && f->ready < f->readers + f->o->deaf + 1)
        r = turn(f, l, 100000000, deadline, err);
    load_tally_begin(&f->tally);
    f->until = f->tally.began + (int64_t)f->o->seconds * 1000000000;
    while (r == 0 && (load_now() < f->until || f->tally.messages < f->made * f->readers)) {
        r = send_due(f, &wait, err);
        if (r == 0)
            r = turn(f, l, wait, deadline, err);
    }
    load_tally_end(&f->tally);
    return r;
}

int load_fanout(const struct load_options *o, struct runnel_err *err) {
    static const struct load_calls calls = {.ready = on_ready, .value = on_value};
    struct fanout f = {.o = o, .random = {(uint64_t)load_now()}, .readers = o->clients};
    const struct load_places to = {o->to, o->readers ? o->readers : o->to};
    struct load_loop l = {.epoll = -1};
    if (!o->proto || !o->proto->cast || !o->proto->subscribe || o->n_streams != 1 || o->seconds == 0)
        return rn_fail(err, RUNNEL_EINVALID, "fanout needs --proto, one --stream, and --seconds");
    if (o->deaf && !o->proto->read)
        return rn_fail(err, RUNNEL_EINVALID, "--deaf: %s cannot read from the beginning", o->proto->name);
    f.sent = calloc(REMEMBERED, sizeof *f.sent);
    if (!f.sent)
        return rn_fail(err, RUNNEL_ENOMEM, "no memory for the times of what is under way");
    int r =
        load_open(&l, (unsigned)(o->clients + o->deaf) + 1, &to, o->proto, &calls, &f, o->streams, o->n_streams, err);
    f.publisher = l.conns;
    if (r == 0)
        r = measure(&f, &l, err);
    if (r == 0)
        r = load_tally_print(&f.tally, o, err);
    load_close(&l);
    free(f.sent);
    return r;
}
