/* SPDX-License-Identifier: MIT
 * idle.c — the mode with many readers who wait for what does not come.
 * May touch: sockets, standard input and output.
 *
 * Prints its line when all follow; then stays until standard input ends, so that others may look at the server.
 */
#include "base/err.h"
#include "bench/load/tally.h"
#include <unistd.h>

struct idle {
    const struct load_options *o;
    struct load_tally tally; /* messages: connections that follow */
};

static int on_ready(struct load_conn *c, struct runnel_err *err) {
    struct idle *s = c->mode;
    if (c->done++ == 0)
        return c->proto->subscribe(c, err);
    s->tally.messages++;
    return 0;
}

static int measure(struct idle *s, struct load_loop *l, struct runnel_err *err) {
    int64_t deadline = load_now() + (int64_t)s->o->deadline * 1000000000;
    int r = 0;
    while (r == 0 && s->tally.messages < s->o->clients)
        r = load_now() > deadline ? rn_fail(err, RUNNEL_ETIMEOUT, "only %llu of %llu connections follow",
                                            (unsigned long long)s->tally.messages, (unsigned long long)s->o->clients)
                                  : load_turn(l, 100000000, err);
    load_tally_end(&s->tally);
    return r;
}

int load_idle(const struct load_options *o, struct runnel_err *err) {
    static const struct load_calls calls = {.ready = on_ready};
    struct idle s = {.o = o};
    struct load_loop l = {.epoll = -1};
    if (!o->proto || !o->proto->subscribe || o->n_streams == 0)
        return rn_fail(err, RUNNEL_EINVALID, "idle needs --proto and --stream");
    load_tally_begin(&s.tally);
    int r = load_open(&l, (unsigned)o->clients, &(struct load_places){o->to, o->to}, o->proto, &calls, &s, o->streams,
                      o->n_streams, err);
    if (r == 0)
        r = measure(&s, &l, err);
    if (r == 0)
        r = load_tally_print(&s.tally, o, err);
    char byte;
    while (r == 0 && read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    load_close(&l);
    return r;
}
