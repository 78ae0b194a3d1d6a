/* SPDX-License-Identifier: MIT
 * transportflow.c — pumps bytes and checks them as they come.
 * May touch: the test host.
 */
#include "tests/conformance/transportflow.h"
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAUSE_EVERY (700u << 10) /* bytes read between two pauses */
#define PAUSE_US 2000
#define CHUNK 65536u

/* A stream of bytes that can be had twice: xorshift, one byte at a time. */
struct bytes {
    uint64_t x;
};

static unsigned char next_byte(struct bytes *s) {
    s->x ^= s->x << 13;
    s->x ^= s->x >> 7;
    s->x ^= s->x << 17;
    return (unsigned char)(s->x >> 32);
}

/* One end of the flow. */
struct pump {
    struct runnel_link *l;
    struct bytes out, in; /* what is sent; what is expected */
    size_t n, sent, got, until_pause;
    unsigned pauses;
    bool paused, ended;
    unsigned char buf[CHUNK]; /* made, not yet taken: from `at` to `have` */
    size_t at, have;
};

static void refill(struct pump *p) {
    size_t left = p->n - p->sent;
    p->have = left < CHUNK ? left : CHUNK;
    p->at = 0;
    for (size_t k = 0; k < p->have; k++)
        p->buf[k] = next_byte(&p->out);
}

/* In three pieces of odd sizes, one of them empty when little is left. */
static ssize_t write_pieces(struct pump *p) {
    size_t n = p->have - p->at, first = n / 3, second = n / 2;
    unsigned char *from = p->buf + p->at;
    struct iovec iov[3] = {{from, first}, {from + first, second}, {from + first + second, n - first - second}};
    return bed_writev(p->l, iov, 3);
}

static void pump_out(struct pump *p) {
    while (p->sent < p->n && !p->l->wait_write) {
        if (p->at == p->have)
            refill(p);
        ssize_t put = write_pieces(p);
        if (put == -RUNNEL_EBUSY)
            return;
        if (put <= 0) {
            bed_breach(p->l->bed, "write failed: %zd", put);
            return;
        }
        p->at += (size_t)put;
        p->sent += (size_t)put;
        if (p->sent == p->n)
            bed_shut(p->l);
    }
}

static void pump_in(struct pump *p);

static void on_pause_over(evutil_socket_t fd, short what, void *arg) {
    struct pump *p = arg;
    (void)fd;
    (void)what;
    p->paused = false;
    pump_in(p);
}

static void pause_reading(struct pump *p) {
    const struct timeval tv = {.tv_usec = PAUSE_US};
    p->until_pause = PAUSE_EVERY;
    p->paused = true;
    p->pauses++;
    if (event_base_once(p->l->bed->h->base, -1, EV_TIMEOUT, on_pause_over, p, &tv) != 0)
        bed_breach(p->l->bed, "no timer");
}

static void check_bytes(struct pump *p, const unsigned char *buf, size_t n) {
    for (size_t k = 0; k < n; k++)
        if (buf[k] != next_byte(&p->in)) {
            bed_breach(p->l->bed, "byte %zu is not what was sent", p->got + k);
            return;
        }
    p->got += n;
    p->until_pause -= n < p->until_pause ? n : p->until_pause;
}

static void pump_in(struct pump *p) {
    unsigned char buf[20000];
    while (!p->ended && !p->paused && !p->l->wait_read && !p->l->bed->breach[0]) {
        ssize_t got = bed_read(p->l, buf, sizeof buf);
        if (got == -RUNNEL_EBUSY)
            return;
        if (got < 0)
            bed_breach(p->l->bed, "read failed: %zd", got);
        else if (got == 0)
            p->ended = true;
        else
            check_bytes(p, buf, (size_t)got);
        if (p->until_pause == 0)
            pause_reading(p);
    }
}

static void on_event(struct runnel_link *l, enum bed_what what) {
    if (what == BED_READABLE)
        pump_in(l->user);
    if (what == BED_WRITABLE)
        pump_out(l->user);
}

static bool both_ended(void *arg) {
    struct pump *const *both = arg;
    return both[0]->ended && both[1]->ended && !both[0]->paused && !both[1]->paused;
}

static struct pump *pump_new(struct runnel_link *l, size_t n, uint64_t out, uint64_t in) {
    struct pump *p = calloc(1, sizeof *p);
    assert_non_null(p);
    *p = (struct pump){.l = l, .out = {out}, .in = {in}, .n = n, .until_pause = PAUSE_EVERY};
    l->user = p;
    return p;
}

void flow_both_ways(struct runnel_link *a, struct runnel_link *z, size_t n) {
    struct pump *both[2] = {pump_new(a, n, 88172645463325252u, 2463534242u),
                            pump_new(z, n, 2463534242u, 88172645463325252u)};
    a->bed->hook = on_event;
    for (int k = 0; k < 2; k++) {
        pump_out(both[k]);
        pump_in(both[k]);
    }
    bed_until(a->bed, both_ended, both, "all bytes and the ends");
    a->bed->hook = NULL;
    for (int k = 0; k < 2; k++) {
        assert_int_equal(both[k]->sent, n);
        assert_int_equal(both[k]->got, n);
        assert_true(both[k]->pauses >= n / PAUSE_EVERY);
        free(both[k]);
    }
    assert_true(a->n_writable > 0 || z->n_writable > 0);
}

void flow_held_back(struct runnel_link *a, struct runnel_link *z, size_t bound) {
    struct pump *from = pump_new(a, bound, 7u, 1u), *to = pump_new(z, 0, 1u, 7u);
    pump_out(from);
    if (!a->wait_write)
        fail_msg("%zu bytes were taken while nobody read", from->sent);
    from->n = from->sent; /* no more: what was taken must arrive */
    a->bed->hook = NULL;
    z->bed->hook = on_event;
    bed_shut(a);
    bed_shut(z);
    pump_in(to);
    pump_in(from);
    bed_until(a->bed, both_ended, (struct pump *[]){from, to}, "what was taken, and the ends");
    z->bed->hook = NULL;
    assert_int_equal(to->got, from->sent);
    assert_int_equal(from->got, 0);
    free(from);
    free(to);
}
