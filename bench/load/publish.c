/* SPDX-License-Identifier: MIT
 * publish.c — the mode that publishes, each acknowledged: so many clients, so many in flight each.
 * May touch: sockets, the clock, standard output.
 *
 * It publishes until `seconds` are over or `count` are made, then waits for what is in flight. The time runs
 * from the first publish to the last acknowledgement.
 */
#include "base/err.h"
#include "bench/load/tally.h"
#include "bench/load/value.h"
#include <inttypes.h>
#include <stdlib.h>

struct publishing {
    const struct load_options *o;
    struct load_tally tally;
    struct load_random random;
    uint64_t ready, made; /* connections; observations */
    int64_t until;        /* no publish after it */
    int64_t *sent;        /* when: a ring of `flight` a connection */
    int stop;
};

static int publish_next(struct publishing *p, struct load_conn *c, struct runnel_err *err) {
    uint8_t values[LOAD_JOIN * LOAD_VALUE];
    for (uint64_t i = 0; i < p->o->join; i++)
        load_value_random(&p->random, values + i * LOAD_VALUE);
    p->made += p->o->join;
    return p->o->join > 1 ? c->proto->join(c, values, (size_t)p->o->join, err)
                          : c->proto->publish(c, (struct runnel_bytes){values, LOAD_VALUE}, err);
}

static int publish_more(struct load_conn *c, struct runnel_err *err) {
    struct publishing *p = c->mode;
    int64_t now = load_now();
    if (now >= p->until)
        p->stop = 1;
    while (!p->stop && c->made - c->done < p->o->flight && (!p->o->count || p->made < p->o->count)) {
        p->sent[c->number * p->o->flight + c->made % p->o->flight] = now;
        int r = publish_next(p, c, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int on_ready(struct load_conn *c, struct runnel_err *err) {
    struct publishing *p = c->mode;
    (void)err;
    p->ready++;
    return 0;
}

/* All these servers acknowledge in the order in which one connection has published into one stream; so a lost
 * acknowledgement and a doubled one are seen. */
static int on_acked(struct load_conn *c, uint64_t serial, struct runnel_err *err) {
    struct publishing *p = c->mode;
    if (serial != c->done || c->done >= c->made)
        return rn_fail(err, RUNNEL_EDAMAGED, "publish %" PRIu64 " was acknowledged where %" PRIu64 " was expected",
                       serial, c->done);
    load_tally_latency(&p->tally, load_now() - p->sent[c->number * p->o->flight + serial % p->o->flight]);
    c->done++;
    p->tally.messages += p->o->join;
    return publish_more(c, err);
}

static int turn(struct publishing *p, struct load_loop *l, int64_t deadline, struct runnel_err *err) {
    if (load_now() > deadline)
        return rn_fail(err, RUNNEL_ETIMEOUT,
                       "%" PRIu64 " s are over: %" PRIu64 " of %" PRIu64 " connections are open, %" PRIu64
                       " of %" PRIu64 " observations acknowledged",
                       p->o->deadline, p->ready, p->o->clients, p->tally.messages, p->made);
    return load_turn(l, 100000000, err);
}

static int measure(struct publishing *p, struct load_loop *l, struct runnel_err *err) {
    int64_t deadline = load_now() + (int64_t)p->o->deadline * 1000000000;
    int r = 0;
    while (r == 0 && p->ready < p->o->clients)
        r = turn(p, l, deadline, err);
    load_tally_begin(&p->tally);
    p->until = p->o->seconds ? p->tally.began + (int64_t)p->o->seconds * 1000000000 : INT64_MAX;
    for (unsigned i = 0; r == 0 && i < l->n_conns; i++) {
        r = publish_more(&l->conns[i], err);
        if (r == 0)
            r = load_flush(&l->conns[i], err);
    }
    while (r == 0 && ((!p->stop && !(p->o->count && p->made == p->o->count)) || p->tally.messages < p->made))
        r = turn(p, l, deadline, err);
    load_tally_end(&p->tally);
    return r;
}

int load_publish(const struct load_options *o, struct runnel_err *err) {
    static const struct load_calls calls = {.ready = on_ready, .acked = on_acked};
    struct publishing p = {.o = o, .random = {(uint64_t)load_now()}};
    struct load_loop l = {.epoll = -1};
    if (!o->proto || o->n_streams == 0 || (o->count == 0 && o->seconds == 0))
        return rn_fail(err, RUNNEL_EINVALID, "publish needs --proto, --stream, and --count or --seconds");
    if (o->join > 1 && (!o->proto->join || o->count % o->join))
        return rn_fail(err, RUNNEL_EINVALID, "--join: %s joins none, or --count is no multiple of it", o->proto->name);
    p.sent = calloc(o->clients * o->flight, sizeof *p.sent);
    if (!p.sent)
        return rn_fail(err, RUNNEL_ENOMEM, "no memory for the times of what is in flight");
    int r = load_open(&l, (unsigned)o->clients, &(struct load_places){o->to, o->to}, o->proto, &calls, &p, o->streams,
                      o->n_streams, err);
    if (r == 0)
        r = measure(&p, &l, err);
    if (r == 0)
        r = load_tally_print(&p.tally, o, err);
    load_close(&l);
    free(p.sent);
    return r;
}
