/* SPDX-License-Identifier: MIT
 * link.c — links of the simulated world: segments under way, windows, breaks and silence.
 * May touch: the world.
 */
#include "sim/link.h"
#include "base/err.h"
#include <stdlib.h>
#include <string.h>

#define SILENCE_STEP (20 * SIM_MS) /* how often what is held up by silence looks again */
#define SYN_STEP SIM_S
#define SYN_TRIES 30u
#define PIECES_A_SECOND 20u
#define PIECE_LEAST 1400u /* bytes: a packet */

/* Bytes under way; n = 0 is the orderly end. */
struct segment {
    struct rn_list link;
    int64_t at;
    size_t n;
    uint8_t data[];
};

enum news { NO_NEWS, NEWS_OPENED, NEWS_CLOSED };

/* One side of a link, with the bytes that come towards it. */
struct sim_end {
    struct sim_link *link;
    struct sim_host *host;
    const struct sim_end_up *up;
    void *arg;
    int open, shut, broken, closed; /* closed: by its owner, who has forgotten it */
    int64_t mute_until;             /* nothing arrives here before that */
    int want_read, want_write;
    struct rn_list flight; /* of struct segment */
    size_t in_flight;
    int64_t busy_until, last_at; /* of the wire towards this end */
    struct rn_buf got;
    size_t got_off;
    int eof;
    struct sim_event arrive, room, tell;
    enum news news;
    struct runnel_err why;
};

struct sim_link {
    struct rn_list link;
    struct sim_world *world;
    struct sim_end end[2];
    uint64_t number;
    int64_t silent_until;
    int cut; /* what is written from now on is lost */
    struct sim_event syn;
    unsigned tries;
    char to[SIM_NAME];
};

struct sim_weather sim_fair(void) {
    return (struct sim_weather){.delay = SIM_MS, .bytes_per_s = 100000000u, .window = 262144};
}

void sim_host_init(struct sim_host *h, struct sim_world *w, const char *name) {
    char stream[SIM_NAME + 8] = "links:";
    memset(h, 0, sizeof *h);
    h->world = w;
    sim_must(strlen(name) < SIM_NAME && !sim_host_find(w, name) ? 0 : -RUNNEL_EINVALID, "naming a host");
    memcpy(h->name, name, strlen(name) + 1);
    memcpy(stream + 6, h->name, strlen(name) + 1);
    h->number = ++w->n_hosts;
    sim_rand_init(&h->rand, w->seed, stream);
    h->weather = sim_fair();
    h->power = 1;
    rn_list_init(&h->link);
    rn_list_add(&w->hosts, &h->link);
}

void sim_host_free(struct sim_host *h) {
    rn_list_del(&h->link);
}

struct sim_host *sim_host_find(struct sim_world *w, const char *name) {
    rn_list_for (it, &w->hosts) {
        struct sim_host *h = rn_list_of(it, struct sim_host, link);
        if (strcmp(h->name, name) == 0)
            return h;
    }
    return NULL;
}

/* ---- small helpers ---- */

static struct sim_end *other(const struct sim_end *e) {
    struct sim_link *l = e->link;
    return &l->end[e == &l->end[0]];
}

static struct sim_rand *chance(const struct sim_link *l) {
    return &l->end[0].host->rand;
}

/* The delay of the link; before the dial has arrived only one side is known. */
static int64_t delay(const struct sim_link *l, int with_jitter) {
    int64_t d = 0, j = 0;
    for (int i = 0; i < 2; i++) {
        const struct sim_host *h = l->end[i].host;
        if (h && h->weather.delay > d)
            d = h->weather.delay;
        if (h && h->weather.jitter > j)
            j = h->weather.jitter;
    }
    return d + (with_jitter ? sim_between(chance(l), 0, j) : 0);
}

static uint64_t bandwidth(const struct sim_link *l) {
    uint64_t a = l->end[0].host->weather.bytes_per_s, b = l->end[1].host->weather.bytes_per_s;
    return a < b ? a : b;
}

static size_t window(const struct sim_link *l) {
    size_t a = l->end[0].host->weather.window, b = l->end[1].host->weather.window;
    return a < b ? a : b;
}

static int silent(const struct sim_link *l) {
    for (int i = 0; i < 2; i++) {
        const struct sim_host *h = l->end[i].host;
        if (h && (h->isolated || !h->power))
            return 1;
    }
    return l->silent_until > l->world->now;
}

/* Silence: whatever the event was to bring to this end comes later. */
static int held_up(struct sim_end *e, struct sim_event *ev) {
    struct sim_world *w = e->link->world;
    if (!silent(e->link) && e->mute_until <= w->now)
        return 0;
    sim_after(w, ev, SILENCE_STEP);
    return 1;
}

/* Only what nodes say to one another: programs judge themselves what they hear. */
static void tap(const struct sim_end *to, const uint8_t *p, size_t n) {
    const struct sim_link *l = to->link;
    const struct sim_end *from = other(to);
    if (l->world->tap && to->host && from->host && !to->host->program && !from->host->program)
        l->world->tap(l->world->tap_arg, l->number, to == &l->end[1], from->host->number, p, n);
}

/* Of `n` bytes that could be taken, how many are. */
static size_t chopped(struct sim_end *e, size_t n) {
    if (n > 1 && sim_chance(chance(e->link), e->host->weather.chop))
        return 1 + (size_t)sim_below(chance(e->link), n < 128 ? n : 128);
    return n;
}

static void drop_flight(struct sim_end *e) {
    rn_list_for_safe (it, &e->flight) {
        rn_list_del(it);
        free(rn_list_of(it, struct segment, link));
    }
    e->in_flight = 0;
    sim_cancel(e->link->world, &e->arrive);
}

static void link_free_if_done(struct sim_link *l) {
    if (!l->end[0].closed || !l->end[1].closed)
        return;
    for (int i = 0; i < 2; i++) {
        struct sim_end *e = &l->end[i];
        drop_flight(e);
        sim_cancel(l->world, &e->room);
        sim_cancel(l->world, &e->tell);
        rn_buf_free(&e->got);
    }
    if (l->world->tap) /* the hosts may be gone already */
        l->world->tap(l->world->tap_arg, l->number, 0, 0, NULL, 0);
    sim_cancel(l->world, &l->syn);
    rn_list_del(&l->link);
    free(l);
}

/* Has the owner told that the link is gone, in `ns`. */
static void break_end(struct sim_end *e, int64_t ns, int code, const char *why) {
    if (e->closed || e->broken || e->news == NEWS_CLOSED)
        return;
    e->news = NEWS_CLOSED;
    (void)rn_fail(&e->why, code, "%s", why);
    sim_after(e->link->world, &e->tell, ns);
}

/* ---- events of an end ---- */

static void on_tell(void *arg) {
    struct sim_end *e = arg;
    struct sim_link *l = e->link;
    enum news news = e->news;
    if (news == NEWS_OPENED && held_up(e, &e->tell))
        return;
    e->news = NO_NEWS;
    if (e->closed)
        return;
    if (news == NEWS_OPENED) {
        e->open = 1;
        sim_trace(l->world, e->host->number, "opened", &l->number, sizeof l->number);
        e->up->opened(e->arg);
        return;
    }
    e->broken = 1;
    e->want_read = e->want_write = 0;
    drop_flight(e);
    sim_trace(l->world, e->host->number, "closed", &l->number, sizeof l->number);
    struct runnel_err why = e->why;
    e->up->closed(e->arg, &why);
}

static void schedule_arrival(struct sim_end *e) {
    if (!rn_list_empty(&e->flight))
        sim_at(e->link->world, &e->arrive, rn_list_of(e->flight.next, struct segment, link)->at);
}

/* Bytes for an end that nobody owns any more: its host says so, if it is there to say anything. */
static void strayed(struct sim_end *e, size_t n) {
    if (n > 0 && !silent(e->link))
        break_end(other(e), delay(e->link, 0), RUNNEL_ECLOSED, "the other side has closed the link");
}

static void on_arrive(void *arg) {
    struct sim_end *e = arg;
    struct sim_link *l = e->link;
    if (held_up(e, &e->arrive))
        return;
    struct segment *s = rn_list_of(e->flight.next, struct segment, link);
    size_t n = s->n;
    rn_list_del(&s->link);
    e->in_flight -= n;
    if (e->closed || e->broken) {
        strayed(e, n);
    } else if (n == 0) {
        e->eof = 1;
    } else {
        sim_trace(l->world, e->host->number, "bytes", s->data, n);
        sim_must(rn_buf_add(&e->got, s->data, n), "a buffer");
    }
    free(s);
    schedule_arrival(e);
    if (e->want_read && !e->broken && !e->closed) {
        e->want_read = 0;
        e->up->ready(e->arg, RUNNEL_READABLE);
    }
}

static void on_room(void *arg) {
    struct sim_end *e = arg;
    if (held_up(e, &e->room) || !e->want_write || e->closed || e->broken)
        return;
    e->want_write = 0;
    e->up->ready(e->arg, RUNNEL_WRITABLE);
}

/* ---- dialling ---- */

static void end_init(struct sim_end *e, struct sim_link *l, struct sim_host *h) {
    *e = (struct sim_end){.link = l, .host = h};
    rn_list_init(&e->flight);
    e->arrive = (struct sim_event){.fn = on_arrive, .arg = e, .what = "arrive"};
    e->room = (struct sim_event){.fn = on_room, .arg = e, .what = "room"};
    e->tell = (struct sim_event){.fn = on_tell, .arg = e, .what = "tell"};
}

static void end_at(struct sim_end *e, struct sim_host *h) {
    e->host = h;
    e->arrive.host = e->room.host = e->tell.host = h->number;
}

static void refused(struct sim_link *l, const char *why) {
    l->end[1].closed = 1;
    break_end(&l->end[0], delay(l, 0), RUNNEL_ECLOSED, why);
}

static void unanswered(struct sim_link *l) {
    l->end[1].closed = 1;
    break_end(&l->end[0], 0, RUNNEL_ETIMEOUT, "no answer to the dial");
}

/* The dial arrives. */
static void on_syn(void *arg) {
    struct sim_link *l = arg;
    struct sim_end *near = &l->end[0], *far = &l->end[1];
    struct sim_host *to = sim_host_find(l->world, l->to);
    if (silent(l) || (to && (to->isolated || !to->power))) {
        if (++l->tries < SYN_TRIES)
            sim_after(l->world, &l->syn, SYN_STEP);
        else
            unanswered(l);
        return;
    }
    if (!to || !to->accept || (to->bars && to->bars(to->bars_arg, near->host)) ||
        sim_chance(chance(l), to->weather.refuse)) {
        refused(l, "connection refused");
        return;
    }
    end_at(far, to);
    far->open = 1;
    if (to->accept(to->accept_arg, far) != 0) {
        drop_flight(far);
        refused(l, "connection refused");
        return;
    }
    near->news = NEWS_OPENED;
    near->last_at = l->world->now + delay(l, 1);
    sim_at(l->world, &near->tell, near->last_at);
}

struct sim_end *sim_dial(struct sim_host *from, const char *to, const struct sim_end_up *up, void *arg) {
    struct sim_world *w = from->world;
    struct sim_link *l = sim_alloc(sizeof *l);
    l->world = w;
    l->number = ++w->n_links;
    size_t n = strlen(to) < SIM_NAME ? strlen(to) : SIM_NAME - 1; /* no host has a longer name */
    memcpy(l->to, to, n);
    end_init(&l->end[0], l, NULL);
    end_init(&l->end[1], l, NULL);
    end_at(&l->end[0], from);
    sim_end_own(&l->end[0], up, arg);
    l->syn = (struct sim_event){.fn = on_syn, .arg = l, .host = from->number, .what = "dial"};
    rn_list_init(&l->link);
    rn_list_add(&w->links, &l->link);
    sim_after(w, &l->syn, delay(l, 1));
    return &l->end[0];
}

void sim_end_own(struct sim_end *e, const struct sim_end_up *up, void *arg) {
    e->up = up;
    e->arg = arg;
}

/* ---- bytes ---- */

/* Puts n bytes (0: the orderly end) on their way towards `e`. */
static struct segment *send_to(struct sim_end *e, size_t n) {
    struct sim_link *l = e->link;
    struct segment *s = sim_alloc(sizeof *s + n);
    int64_t now = l->world->now, start = e->busy_until > now ? e->busy_until : now;
    e->busy_until = start + (int64_t)(n * (uint64_t)SIM_S / bandwidth(l));
    s->at = e->busy_until + delay(l, 1);
    if (s->at < e->last_at)
        s->at = e->last_at; /* no byte overtakes another */
    e->last_at = s->at;
    s->n = n;
    e->in_flight += n;
    int first = rn_list_empty(&e->flight);
    rn_list_init(&s->link);
    rn_list_add(&e->flight, &s->link);
    if (first)
        schedule_arrival(e);
    return s;
}

static size_t room_towards(const struct sim_end *o) {
    size_t used = o->in_flight + (o->got.n - o->got_off), w = window(o->link);
    return used < w ? w - used : 0;
}

ssize_t sim_end_read(struct sim_end *e, void *p, size_t n) {
    struct sim_end *o = other(e);
    size_t have = e->got.n - e->got_off;
    if (!e->open)
        return -RUNNEL_EINVALID;
    if (have == 0) {
        if (e->eof)
            return 0;
        if (e->broken)
            return -RUNNEL_ECLOSED;
        e->want_read = 1;
        return -RUNNEL_EBUSY;
    }
    size_t k = chopped(e, have < n ? have : n);
    memcpy(p, e->got.p + e->got_off, k);
    e->got_off += k;
    if (e->got_off == e->got.n || e->got_off > 65536) {
        rn_buf_drop(&e->got, e->got_off);
        e->got_off = 0;
    }
    if (o->want_write && !sim_event_set(&o->room) && room_towards(e) > 0)
        sim_after(e->link->world, &o->room, delay(e->link, 0));
    return (ssize_t)k;
}

static void gather(uint8_t *to, size_t n, const struct iovec *iov) {
    for (; n > 0; iov++) {
        size_t k = iov->iov_len < n ? iov->iov_len : n;
        if (k > 0)
            memcpy(to, iov->iov_base, k);
        to += k;
        n -= k;
    }
}

/* What a slow wire carries does not arrive all at once when the last byte does. */
static void send_pieces(struct sim_end *to, const struct iovec *iov, size_t n) {
    size_t most = (size_t)(bandwidth(to->link) / PIECES_A_SECOND);
    uint8_t *all = sim_alloc(n);
    if (most < PIECE_LEAST)
        most = PIECE_LEAST;
    gather(all, n, iov);
    for (size_t at = 0; at < n; at += most) {
        size_t k = n - at < most ? n - at : most;
        memcpy(send_to(to, k)->data, all + at, k);
    }
    tap(to, all, n);
    free(all);
}

ssize_t sim_end_write(struct sim_end *e, const struct iovec *iov, int n) {
    struct sim_end *o = other(e);
    size_t all = 0;
    if (!e->open || e->shut)
        return -RUNNEL_EINVALID;
    if (e->broken)
        return -RUNNEL_ECLOSED;
    for (int i = 0; i < n; i++)
        all += iov[i].iov_len;
    if (all == 0)
        return 0;
    if (e->link->cut)
        return (ssize_t)all;
    size_t room = room_towards(o);
    if (room == 0) {
        e->want_write = 1;
        return -RUNNEL_EBUSY;
    }
    size_t k = chopped(e, all < room ? all : room);
    send_pieces(o, iov, k);
    return (ssize_t)k;
}

void sim_end_shut(struct sim_end *e) {
    if (e->shut || e->broken || !e->open || e->link->cut)
        return;
    e->shut = 1;
    (void)send_to(other(e), 0);
}

void sim_end_close(struct sim_end *e) {
    struct sim_link *l = e->link;
    struct sim_end *o = other(e);
    sim_end_shut(e);
    e->closed = 1;
    e->want_read = e->want_write = 0;
    sim_cancel(l->world, &e->tell);
    sim_cancel(l->world, &e->room);
    if (e == &l->end[0] && sim_event_set(&l->syn))
        o->closed = 1; /* its dial has reached nobody yet, and now it never will */
    if (!e->open && !sim_event_set(&l->syn) && !o->closed && o->open) /* closed while its dial was being answered */
        break_end(o, delay(l, 0), RUNNEL_ECLOSED, "the other side gave up dialling");
    if (e->got.n > e->got_off)
        strayed(e, 1);
    link_free_if_done(l);
}

void sim_end_vanish(struct sim_end *e) {
    e->shut = 1;
    drop_flight(other(e));
    sim_end_close(e);
}

struct sim_host *sim_end_host(const struct sim_end *e) {
    return e->host;
}

struct sim_host *sim_end_peer(const struct sim_end *e) {
    return other(e)->host;
}

uint64_t sim_end_number(const struct sim_end *e) {
    return e->link->number;
}

/* ---- mishaps ---- */

struct sim_link *sim_link_next(const struct sim_world *w, struct sim_link *before) {
    const struct rn_list *it = before ? before->link.next : w->links.next;
    for (; it != &w->links; it = it->next) {
        struct sim_link *l = rn_list_of(it, struct sim_link, link);
        if (l->end[0].open && l->end[1].open && !l->end[0].closed && !l->end[1].closed)
            return l;
    }
    return NULL;
}

struct sim_host *sim_link_host(const struct sim_link *l, int side) {
    return l->end[side].host;
}

void sim_link_cut(struct sim_link *l) {
    l->cut = 1;
    for (int i = 0; i < 2; i++) {
        drop_flight(&l->end[i]);
        break_end(&l->end[i], sim_between(chance(l), 0, delay(l, 0)), RUNNEL_ECLOSED, "the link broke");
    }
}

void sim_link_silence(struct sim_link *l, int64_t ns) {
    l->silent_until = l->world->now + ns;
}

void sim_link_mute(struct sim_link *l, int side, int64_t ns) {
    l->end[side].mute_until = l->world->now + ns;
}
