/* SPDX-License-Identifier: MIT
 * read.c — the mode that reads `count` values of a stream from the beginning, each client all of them.
 * May touch: sockets, the clock, standard output.
 *
 * The time runs from the first question to the last value. Each value is looked at: its length must be that of the
 * values that the driver publishes.
 */
#include "base/err.h"
#include "bench/load/tally.h"
#include "bench/load/value.h"
#include <inttypes.h>

struct readers {
    const struct load_options *o;
    struct load_tally tally;
    uint64_t ready, ended;
};

static int on_ready(struct load_conn *c, struct runnel_err *err) {
    struct readers *r = c->mode;
    (void)err;
    r->ready++;
    return 0;
}

static int on_value(struct load_conn *c, struct runnel_bytes value, struct runnel_err *err) {
    struct readers *r = c->mode;
    if (value.n != LOAD_VALUE || value.p[0] != '"')
        return rn_fail(err, RUNNEL_EDAMAGED, "value %" PRIu64 " is none of those that were published", c->done);
    c->done++;
    r->tally.messages++;
    return 0;
}

static int on_end(struct load_conn *c, struct runnel_err *err) {
    struct readers *r = c->mode;
    if (c->done != r->o->count)
        return rn_fail(err, RUNNEL_EDAMAGED, "connection %u: %" PRIu64 " values of %" PRIu64 " have come", c->number,
                       c->done, r->o->count);
    r->ended++;
    return 0;
}

static int turn(struct readers *r, struct load_loop *l, int64_t deadline, struct runnel_err *err) {
    if (load_now() > deadline)
        return rn_fail(err, RUNNEL_ETIMEOUT,
                       "%" PRIu64 " s are over: %" PRIu64 " of %" PRIu64 " readers have all, %" PRIu64
                       " values have come",
                       r->o->deadline, r->ended, r->o->clients, r->tally.messages);
    return load_turn(l, 100000000, err);
}

static int measure(struct readers *r, struct load_loop *l, struct runnel_err *err) {
    int64_t deadline = load_now() + (int64_t)r->o->deadline * 1000000000;
    int rc = 0;
    while (rc == 0 && r->ready < r->o->clients)
        rc = turn(r, l, deadline, err);
    load_tally_begin(&r->tally);
    for (unsigned i = 0; rc == 0 && i < l->n_conns; i++) {
        rc = l->conns[i].proto->read(&l->conns[i], r->o->count, err);
        if (rc == 0)
            rc = load_flush(&l->conns[i], err);
    }
    while (rc == 0 && r->ended < r->o->clients)
        rc = turn(r, l, deadline, err);
    load_tally_end(&r->tally);
    return rc;
}

int load_read(const struct load_options *o, struct runnel_err *err) {
    static const struct load_calls calls = {.ready = on_ready, .value = on_value, .end = on_end};
    struct readers r = {.o = o};
    struct load_loop l = {.epoll = -1};
    if (!o->proto || !o->proto->read || o->n_streams == 0 || o->count == 0)
        return rn_fail(err, RUNNEL_EINVALID, "read needs --proto, --stream and --count");
    int rc = load_open(&l, (unsigned)o->clients, &(struct load_places){o->to, o->to}, o->proto, &calls, &r, o->streams,
                       o->n_streams, err);
    if (rc == 0)
        rc = measure(&r, &l, err);
    if (rc == 0)
        rc = load_tally_print(&r.tally, o, err);
    load_close(&l);
    return rc;
}
