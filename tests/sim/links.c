/* SPDX-License-Identifier: MIT
 * links.c — tests of the simulated world itself: order, chance, links with their mishaps, disks that crash.
 * May touch: the heap.
 */
#include "node/inst.h"
#include "sim/disk.h"
#include "sim/link.h"
#include "tests/unit/check.h"
#include <stdlib.h>
#include <string.h>

/* ---- chance and order ---- */

static void streams_are_apart(void **state) {
    struct sim_rand a, b, c;
    uint64_t same = 0, counts[5] = {0};
    (void)state;
    sim_rand_init(&a, 7, "a");
    sim_rand_init(&b, 7, "b");
    sim_rand_init(&c, 7, "a");
    for (int i = 0; i < 1000; i++) {
        uint64_t x = sim_rand_next(&a);
        same += x == sim_rand_next(&b);
        assert_true(x == sim_rand_next(&c));
        counts[sim_below(&b, 5)]++;
    }
    assert_true(same == 0);
    for (int i = 0; i < 5; i++)
        assert_in_range(counts[i], 100, 300);
    assert_true(sim_below(&a, 1) == 0 && sim_below(&a, 0) == 0);
}

struct noted {
    struct sim_event event;
    struct sim_world *world;
    char *to;
    char letter;
};

static void note(void *arg) {
    struct noted *n = arg;
    size_t k = strlen(n->to);
    n->to[k] = n->letter;
    n->to[k + 1] = 0;
}

static void events_in_order(void **state) {
    struct sim_world w;
    char text[16] = "";
    struct noted n[4];
    (void)state;
    sim_world_init(&w, 1);
    for (int i = 0; i < 4; i++)
        n[i] = (struct noted){{.fn = note, .arg = &n[i], .what = "note"}, &w, text, (char)('a' + i)};
    sim_after(&w, &n[3].event, 30);
    sim_after(&w, &n[1].event, 20);
    sim_after(&w, &n[0].event, 20);
    sim_after(&w, &n[2].event, 10);
    sim_after(&w, &n[2].event, 40); /* moves */
    sim_run(&w, 35);
    assert_string_equal(text, "bad");
    assert_true(w.now == SIM_S + 35);
    sim_cancel(&w, &n[2].event);
    sim_run(&w, 100);
    assert_string_equal(text, "bad");
    sim_world_free(&w);
}

static void circles_are_found(void **state) {
    struct sim_world w;
    char text[600] = "";
    struct noted n;
    (void)state;
    sim_world_init(&w, 1);
    w.max_steps = 10;
    n = (struct noted){{.fn = note, .arg = &n, .what = "note"}, &w, text, 'x'};
    for (int i = 0; i < 20; i++) {
        sim_after(&w, &n.event, 1);
        (void)sim_step(&w);
    }
    assert_true(sim_failed(&w));
    assert_non_null(strstr(w.failure, "circles"));
    sim_world_free(&w);
}

/* ---- links ---- */

/* One side of a test link: sends `goal` bytes that tell their place, checks those that come. */
struct side {
    struct sim_host host;
    struct sim_end *end;
    uint64_t sent, goal, got;
    int opened, closed, eof, shut;
    int busy_r, busy_w; /* a ready is owed */
    int wrong;
};

static uint8_t byte_at(uint64_t i) {
    return (uint8_t)sim_mix(i / 3);
}

static void send_some(struct side *s) {
    uint8_t b[700];
    while (s->sent < s->goal) {
        size_t n = sizeof b < s->goal - s->sent ? sizeof b : (size_t)(s->goal - s->sent);
        for (size_t i = 0; i < n; i++)
            b[i] = byte_at(s->sent + i);
        struct iovec iov[2] = {{b, n / 2}, {b + n / 2, n - n / 2}};
        ssize_t k = sim_end_write(s->end, iov, 2);
        if (k < 0) {
            s->busy_w = k == -RUNNEL_EBUSY;
            return;
        }
        s->sent += (uint64_t)k;
    }
    if (!s->shut)
        sim_end_shut(s->end);
    s->shut = 1;
}

static void read_some(struct side *s) {
    uint8_t b[999];
    for (;;) {
        ssize_t k = sim_end_read(s->end, b, sizeof b);
        if (k <= 0) {
            s->busy_r = k == -RUNNEL_EBUSY;
            s->eof |= k == 0;
            return;
        }
        for (ssize_t i = 0; i < k; i++)
            s->wrong += b[i] != byte_at(s->got++);
    }
}

static void up_opened(void *arg) {
    struct side *s = arg;
    s->opened++;
    send_some(s);
    read_some(s);
}

static void up_ready(void *arg, uint32_t rw) {
    struct side *s = arg;
    s->wrong += (rw & RUNNEL_READABLE) && !s->busy_r;
    s->wrong += (rw & RUNNEL_WRITABLE) && !s->busy_w;
    if (rw & RUNNEL_READABLE) {
        s->busy_r = 0;
        read_some(s);
    }
    if (rw & RUNNEL_WRITABLE) {
        s->busy_w = 0;
        send_some(s);
    }
}

static void up_closed(void *arg, const struct runnel_err *err) {
    struct side *s = arg;
    s->wrong += !err || err->code == 0 || err->msg[0] == 0;
    s->closed++;
}

static const struct sim_end_up side_up = {up_opened, up_ready, up_closed};

static int side_accept(void *arg, struct sim_end *e) {
    struct side *s = arg;
    s->end = e;
    sim_end_own(e, &side_up, s);
    up_opened(s);
    return 0;
}

struct pair {
    struct sim_world w;
    struct side a, b;
};

/* Host `a` dials host `b`; both will send `goal` bytes. */
static void pair_init(struct pair *p, uint64_t seed, uint64_t goal) {
    memset(p, 0, sizeof *p);
    sim_world_init(&p->w, seed);
    sim_host_init(&p->a.host, &p->w, "a");
    sim_host_init(&p->b.host, &p->w, "b");
    p->a.host.weather = (struct sim_weather){
        .delay = 3 * SIM_MS, .jitter = 9 * SIM_MS, .bytes_per_s = 1000000, .window = 5000, .chop = 300};
    p->b.host.accept = side_accept;
    p->b.host.accept_arg = &p->b;
    p->a.goal = p->b.goal = goal;
    p->a.end = sim_dial(&p->a.host, "b", &side_up, &p->a);
}

static void pair_free(struct pair *p) {
    if (p->a.end)
        sim_end_close(p->a.end);
    if (p->b.end)
        sim_end_close(p->b.end);
    sim_run(&p->w, 100 * SIM_S);
    assert_true(rn_list_empty(&p->w.links));
    sim_host_free(&p->a.host);
    sim_host_free(&p->b.host);
    assert_string_equal(p->w.failure, "");
    sim_world_free(&p->w);
}

static int both_done(void *arg) {
    struct pair *p = arg;
    return p->a.eof && p->b.eof;
}

static uint64_t run_whole(uint64_t seed) {
    struct pair p;
    pair_init(&p, seed, 100000);
    assert_int_equal(sim_run_until(&p.w, both_done, &p, 60 * SIM_S), 1);
    assert_true(p.a.got == 100000 && p.b.got == 100000);
    assert_int_equal(p.a.wrong + p.b.wrong, 0);
    assert_true(p.a.opened == 1 && p.b.opened == 1 && p.a.closed == 0 && p.b.closed == 0);
    assert_true(p.w.now - SIM_S > 100 * SIM_MS); /* 100 kB at 1 MB/s */
    uint64_t trace = p.w.trace;
    pair_free(&p);
    return trace;
}

static void bytes_arrive_in_order(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++)
        (void)run_whole(seed);
}

static void same_seed_same_trace(void **state) {
    (void)state;
    assert_true(run_whole(5) == run_whole(5));
    assert_true(run_whole(5) != run_whole(6));
}

static void a_cut_link_breaks_for_both(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct pair p;
        pair_init(&p, seed, 1000000);
        sim_run(&p.w, 50 * SIM_MS + (int64_t)seed * SIM_MS);
        struct sim_link *l = sim_link_next(&p.w, NULL);
        assert_non_null(l);
        assert_null(sim_link_next(&p.w, l));
        assert_string_equal(sim_link_host(l, 0)->name, "a");
        sim_link_cut(l);
        sim_run(&p.w, SIM_S);
        assert_true(p.a.closed == 1 && p.b.closed == 1);
        assert_int_equal(p.a.wrong + p.b.wrong, 0); /* what came is a prefix: nothing behind a hole */
        assert_true(p.a.got < 1000000 && p.b.got < 1000000 && p.b.got > 0);
        assert_int_equal(sim_end_read(p.a.end, &(char){0}, 1), -RUNNEL_ECLOSED);
        pair_free(&p);
    }
}

static void silence_stops_and_ends(void **state) {
    struct pair p;
    (void)state;
    pair_init(&p, 1, 300000);
    sim_run(&p.w, 100 * SIM_MS);
    sim_link_silence(sim_link_next(&p.w, NULL), 5 * SIM_S);
    uint64_t a = p.a.got, b = p.b.got;
    sim_run(&p.w, 4 * SIM_S);
    assert_true(p.a.got == a && p.b.got == b && p.a.closed == 0 && p.b.closed == 0);
    p.b.host.isolated = 1;
    sim_run(&p.w, 10 * SIM_S);
    assert_true(p.a.got == a && p.b.got == b);
    p.b.host.isolated = 0;
    assert_int_equal(sim_run_until(&p.w, both_done, &p, 60 * SIM_S), 1);
    assert_true(p.a.got == 300000 && p.b.got == 300000);
    assert_int_equal(p.a.wrong + p.b.wrong, 0);
    pair_free(&p);
}

static void dials_that_fail(void **state) {
    struct pair p;
    (void)state;
    pair_init(&p, 1, 10);
    p.b.host.accept = NULL;
    sim_run(&p.w, SIM_S);
    assert_true(p.a.closed == 1 && p.a.opened == 0 && p.b.opened == 0);
    sim_end_close(p.a.end);
    p.a.end = sim_dial(&p.a.host, "nobody", &side_up, &p.a);
    sim_run(&p.w, SIM_S);
    assert_int_equal(p.a.closed, 2);
    sim_end_close(p.a.end);
    p.b.host.accept = side_accept;
    p.b.host.power = 0; /* no answer at all: long, then a timeout */
    p.a.end = sim_dial(&p.a.host, "b", &side_up, &p.a);
    sim_run(&p.w, 20 * SIM_S);
    assert_int_equal(p.a.closed, 2);
    sim_run(&p.w, 20 * SIM_S);
    assert_int_equal(p.a.closed, 3);
    sim_end_close(p.a.end);
    p.a.end = sim_dial(&p.a.host, "b", &side_up, &p.a);
    sim_run(&p.w, 500 * SIM_US);
    sim_end_close(p.a.end); /* before it opens: nothing may come */
    p.a.end = NULL;
    p.b.host.power = 1;
    sim_run(&p.w, 20 * SIM_S);
    assert_true(p.a.closed == 3 && p.a.opened == 0);
    pair_free(&p);
}

static void a_lost_machine_says_nothing(void **state) {
    struct pair p;
    (void)state;
    pair_init(&p, 3, 1000000);
    sim_run(&p.w, 100 * SIM_MS);
    p.b.host.power = 0;
    sim_end_vanish(p.b.end);
    p.b.end = NULL;
    sim_run(&p.w, 10 * SIM_S);
    assert_true(p.a.closed == 0 && p.a.eof == 0);
    p.b.host.power = 1; /* its new kernel does not know the link */
    sim_run(&p.w, 10 * SIM_S);
    assert_int_equal(p.a.closed, 1);
    pair_free(&p);
}

static void closing_in_every_moment(void **state) {
    (void)state;
    for (int64_t t = 0; t < 60; t++) {
        struct pair p;
        pair_init(&p, 4, 20000);
        sim_run(&p.w, t * SIM_MS);
        if (t % 2 && p.b.end) {
            sim_end_close(p.b.end);
            p.b.end = NULL;
        } else {
            sim_end_close(p.a.end);
            p.a.end = NULL;
        }
        sim_run(&p.w, 5 * SIM_S);
        assert_int_equal(p.a.wrong + p.b.wrong, 0);
        if (p.a.end)
            assert_true(p.a.closed || p.a.eof);
        if (p.b.end)
            assert_true(p.b.closed || p.b.eof);
        pair_free(&p);
    }
}

/* ---- disks ---- */

struct commits {
    struct sim_disk disk;
    uint64_t asked, told, failed;
    int disorder;
};

static void told(void *arg, const struct runnel_err *err) {
    struct commits *c = arg;
    c->failed += err != NULL;
    c->told++;
    /* whatever is told is durable now */
    c->disorder += !err && rn_memory_durable(c->disk.map) < c->told - c->failed;
}

static void commit_one(struct commits *c, const struct runnel_storage *ops, void *self) {
    uint8_t key[8];
    rn_put_le64(key, c->asked++);
    struct runnel_change ch = {.what = RUNNEL_PUT, .key = {key, sizeof key}, .data = {key, sizeof key}};
    ops->commit(self, &ch, 1, told, c);
}

static void no_wake(void *ctx) {
    (void)ctx;
}

static void no_alarm(void *ctx, int64_t at) {
    (void)ctx;
    (void)at;
}

static struct runnel_inst *disk_start(struct commits *c, struct rn_loop *loop, struct rn_inst_services *s,
                                      struct rn_env *env) {
    struct runnel_inst *i = NULL;
    struct runnel_err err = {0};
    *env = (struct rn_env){.ctx = c, .wake = no_wake, .alarm = no_alarm};
    rn_loop_init(loop, env);
    *s = (struct rn_inst_services){.loop = loop};
    assert_int_equal(rn_inst_new(s, &c->disk.plugin, "main", NULL, &i, &err), 0);
    return i;
}

static void a_crash_keeps_what_was_told(void **state) {
    uint64_t kept = 0, lost = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct sim_world w;
        struct commits c;
        struct rn_loop loop;
        struct rn_inst_services s;
        struct rn_env env;
        memset(&c, 0, sizeof c);
        sim_world_init(&w, seed);
        sim_disk_init(&c.disk, &w, 1, "d");
        c.disk.faults.full = seed % 2 ? 100 : 0;
        struct runnel_inst *i = disk_start(&c, &loop, &s, &env);
        const struct runnel_storage *ops = rn_inst_ops(i);
        for (int k = 0; k < 30; k++) {
            commit_one(&c, ops, rn_inst_self(i));
            assert_true(c.told < c.asked); /* never within the call */
            sim_run(&w, sim_between(&w.rand, 0, 400 * SIM_US));
        }
        assert_int_equal(c.disorder, 0);
        uint64_t acked = c.told - c.failed;
        rn_inst_free(i);
        rn_loop_free(&loop);
        sim_disk_crash(&c.disk);
        uint64_t before = c.told;
        sim_run(&w, SIM_S);
        assert_true(c.told == before); /* the dead are told nothing */
        assert_true(rn_memory_count(c.disk.map) >= acked);
        assert_true(rn_memory_count(c.disk.map) <= c.asked - c.failed);
        kept += rn_memory_count(c.disk.map) > acked;
        lost += c.disk.n_lost;
        assert_true(seed % 2 == 0 || c.disk.n_refused > 0);
        sim_disk_free(&c.disk);
        sim_world_free(&w);
    }
    assert_true(kept > 0 && lost > 0); /* a commit not yet told was durable; and another was not */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_apart),           cmocka_unit_test(events_in_order),
        cmocka_unit_test(circles_are_found),           cmocka_unit_test(bytes_arrive_in_order),
        cmocka_unit_test(same_seed_same_trace),        cmocka_unit_test(a_cut_link_breaks_for_both),
        cmocka_unit_test(silence_stops_and_ends),      cmocka_unit_test(dials_that_fail),
        cmocka_unit_test(a_lost_machine_says_nothing), cmocka_unit_test(closing_in_every_moment),
        cmocka_unit_test(a_crash_keeps_what_was_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
