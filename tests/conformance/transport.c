/* SPDX-License-Identifier: MIT
 * transport.c — what every transport must do: the conformance suite of the kind.
 * May touch: the plugin that is named on the command line, the test host, a folder of its own under $TMPDIR.
 *
 *     transport FILE.so --trust raw|local|sealed --listen OPTION=VALUE [--bad ADDRESS]...
 *
 * VALUE says where an instance listens so that it disturbs nobody ("127.0.0.1:0"); @TMP@ in it stands for a
 * fresh folder, @N@ for a name that is different for each instance. --bad is an address to be refused.
 */
#include "tests/conformance/transportbed.h"
#include "tests/conformance/transportflow.h"
#include <event2/event.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

/* An instance and the two ends of a connection to itself. */
struct pair {
    struct bed *b;
    struct runnel_inst *inst;
    char address[BED_ADDRESS];
    struct runnel_link *a, *z; /* dialled, accepted */
};

static struct pair pair_up(void **state) {
    struct runnel_link *ends[2];
    struct pair p = {.b = bed_new(*state)};
    p.inst = bed_open(p.b, p.address);
    bed_pair(p.b, p.inst, p.address, ends);
    p.a = ends[0];
    p.z = ends[1];
    return p;
}

static void pair_down(struct pair *p) {
    bed_close_all(p->b, (struct runnel_inst *const[]){p->inst, NULL});
}

static bool has_failed(void *arg) {
    return ((struct runnel_link *)arg)->failed;
}

static bool is_read(void *arg) {
    return !((struct runnel_link *)arg)->wait_read;
}

/* Reads until the connection ends in any way, an error being one; false: it is still open. */
static bool has_ended(void *arg) {
    struct runnel_link *l = arg;
    char p[4096];
    ssize_t got = 1;
    if (!l->wait_read)
        while ((got = bed_read(l, p, sizeof p)) > 0)
            ;
    else
        return false;
    return got != -RUNNEL_EBUSY;
}

/* ---- opening -------------------------------------------------------------------------------------- */

static void check_trust(const struct bed_setup *setup, const struct runnel_link_info *info) {
    if (!strcmp(setup->trust, "local")) {
        assert_int_equal(info->trust, RUNNEL_LOCAL);
        assert_int_equal(info->uid, getuid());
        assert_int_equal(info->gid, getgid());
        assert_int_equal(info->pid, getpid());
        return;
    }
    assert_int_equal(info->trust, strcmp(setup->trust, "raw") ? RUNNEL_SEALED : RUNNEL_RAW);
    assert_int_equal(info->uid, -1);
    assert_int_equal(info->gid, -1);
    assert_int_equal(info->pid, -1);
}

static void a_link_opens_and_says_what_it_is(void **state) {
    struct pair p = pair_up(state);
    char scheme[64];
    assert_true(snprintf(scheme, sizeof scheme, "%s://", bed_ops(p.inst)->scheme) > 3);
    assert_int_equal(strncmp(p.address, scheme, strlen(scheme)), 0);
    check_trust(*state, &p.a->info);
    check_trust(*state, &p.z->info);
    assert_string_equal(p.a->info.remote, p.address);
    assert_int_equal(strncmp(p.z->info.remote, scheme, strlen(scheme)), 0);
    if (p.z->info.local)
        assert_string_equal(p.z->info.local, p.address);
    pair_down(&p);
}

static void addresses_are_written_as_snprintf_does(void **state) {
    struct bed *b = bed_new(*state);
    struct runnel_inst *inst = bed_open(b, NULL);
    const struct runnel_transport *ops = bed_ops(inst);
    char all[BED_ADDRESS], part[BED_ADDRESS];
    int n = ops->addresses(inst->self, NULL, 0);
    assert_true(n > 0 && n < (int)sizeof all);
    assert_int_equal(ops->addresses(inst->self, all, sizeof all), n);
    assert_int_equal(strlen(all), n);
    for (size_t room = 1; room <= (size_t)n; room++) {
        memset(part, 'x', sizeof part);
        assert_int_equal(ops->addresses(inst->self, part, room), n);
        assert_int_equal(strlen(part), room - 1);
        assert_memory_equal(part, all, room - 1);
        assert_int_equal(part[room], 'x');
    }
    bed_close_all(b, (struct runnel_inst *const[]){inst, NULL});
}

static void a_dial_to_nobody_is_closed(void **state) {
    struct bed *b = bed_new(*state);
    struct runnel_inst *inst = bed_open(b, NULL);
    char address[BED_ADDRESS], byte = 0;
    bed_dead_address(b, address);
    struct runnel_link *l = bed_dial(b, inst, address);
    bed_until(b, has_failed, l, "the dial to fail");
    assert_false(l->opened);
    assert_non_null(strstr(l->err.msg, address));
    assert_true(bed_read(l, &byte, 1) < 0);
    assert_true(bed_write(l, &byte, 1) < 0);
    bed_close_all(b, (struct runnel_inst *const[]){inst, NULL});
}

/* What is not to be seen is shown as \xNN. */
static void show(const char *text, char out[BED_ADDRESS]) {
    size_t n = 0;
    for (const char *p = text; *p && n + 5 < BED_ADDRESS; p++)
        n += (size_t)snprintf(out + n, BED_ADDRESS - n, *p < ' ' || *p > '~' ? "\\x%02x" : "%c", (unsigned char)*p);
    out[n] = '\0';
}

static void refuse_dial(struct bed *b, struct runnel_inst *inst, const char *address) {
    struct runnel_err err = {0};
    struct runnel_link *l;
    char shown[BED_ADDRESS];
    int rc = bed_try_dial(b, inst, address, &l, &err);
    show(address, shown);
    if (rc >= 0)
        fail_msg("dial took the malformed address \"%s\"", shown);
    assert_int_equal(rc, -err.code);
    assert_string_not_equal(err.msg, "");
}

static void malformed_addresses_are_refused(void **state) {
    const struct bed_setup *setup = *state;
    static const char *const tails[] = {"", "://", ":", "://\x01", "://\xff\xfe", ":/x"};
    struct bed *b = bed_new(*state);
    char address[BED_ADDRESS], text[5000];
    struct runnel_inst *inst = bed_open(b, address);
    unsigned fds = bed_count_fds();
    refuse_dial(b, inst, "");
    refuse_dial(b, inst, "nonsense://x");
    refuse_dial(b, inst, strstr(address, "://") + 3);
    for (size_t k = 0; k < sizeof tails / sizeof tails[0]; k++) {
        assert_true(snprintf(text, sizeof text, "%s%s", bed_ops(inst)->scheme, tails[k]) > 0);
        refuse_dial(b, inst, text);
    }
    int n = snprintf(text, sizeof text, "%s", address);
    memset(text + n, 'x', sizeof text - (size_t)n - 1);
    text[sizeof text - 1] = '\0';
    refuse_dial(b, inst, text);
    for (const char *const *bad = setup->bad; *bad; bad++)
        refuse_dial(b, inst, *bad);
    host_settle(b->h);
    assert_int_equal(bed_count_fds(), fds);
    bed_close_all(b, (struct runnel_inst *const[]){inst, NULL});
}

static void a_dial_may_be_closed_before_it_opens(void **state) {
    struct bed *b = bed_new(*state);
    char address[BED_ADDRESS], dead[BED_ADDRESS];
    struct runnel_inst *inst = bed_open(b, address);
    bed_dead_address(b, dead);
    for (int k = 0; k < 20; k++)
        bed_close(bed_dial(b, inst, k % 2 ? address : dead));
    /* The listener deals with them in order: once a later one is open, so are they. */
    struct runnel_link *last = bed_dial(b, inst, address);
    bed_until(b, host_flag, &last->opened, "a later dial to open");
    host_settle(b->h);
    bed_close_all(b, (struct runnel_inst *const[]){inst, NULL});
}

static void a_dial_may_be_shut_before_it_opens(void **state) {
    struct bed *b = bed_new(*state);
    char address[BED_ADDRESS];
    struct runnel_inst *inst = bed_open(b, address);
    struct runnel_link *l = bed_dial(b, inst, address);
    bed_shut(l);
    bed_until(b, host_flag, &b->links[1].accepted, "the other end");
    assert_int_equal(bed_read_end(&b->links[1]), 0);
    bed_until(b, host_flag, &l->opened, "our end");
    bed_write_all(&b->links[1], "x", 1);
    bed_read_all(l, address, 1);
    bed_close_all(b, (struct runnel_inst *const[]){inst, NULL});
}

/* ---- reading and writing -------------------------------------------------------------------------- */

static void megabytes_flow_both_ways(void **state) {
    struct pair p = pair_up(state);
    flow_both_ways(p.a, p.z, 8u << 20);
    pair_down(&p);
}

static void a_writer_is_held_back(void **state) {
    struct pair p = pair_up(state);
    flow_held_back(p.a, p.z, 64u << 20);
    pair_down(&p);
}

static void ready_comes_once_for_each_busy(void **state) {
    struct pair p = pair_up(state);
    char byte;
    bed_write_all(p.a, "0", 1);
    host_settle(p.b->h); /* nobody has said EBUSY: any ready is a breach */
    bed_read_all(p.z, &byte, 1);
    for (unsigned round = 0; round < 3; round++) {
        unsigned before = p.z->n_readable;
        assert_int_equal(bed_read(p.z, &byte, 1), -RUNNEL_EBUSY);
        assert_int_equal(bed_read(p.z, &byte, 1), -RUNNEL_EBUSY);
        bed_write_all(p.a, "1", 1);
        bed_until(p.b, is_read, p.z, "ready");
        bed_write_all(p.a, "2", 1);
        host_settle(p.b->h);
        assert_int_equal(p.z->n_readable, before + 1);
        bed_read_all(p.z, &byte, 1);
        assert_int_equal(byte, '1');
        bed_read_all(p.z, &byte, 1);
        assert_int_equal(byte, '2');
    }
    pair_down(&p);
}

static void an_orderly_end_leaves_the_other_way_open(void **state) {
    struct pair p = pair_up(state);
    static char data[100000], back[100000];
    char byte;
    for (size_t k = 0; k < sizeof data; k++)
        data[k] = (char)(k * 7 % 251);
    bed_write_all(p.a, "end", 3);
    bed_shut(p.a);
    assert_int_equal(bed_read_end(p.z), 3);
    assert_int_equal(bed_read(p.z, &byte, 1), 0);
    bed_write_all(p.z, data, sizeof data);
    bed_read_all(p.a, back, sizeof back);
    assert_memory_equal(data, back, sizeof data);
    bed_shut(p.z);
    assert_int_equal(bed_read_end(p.a), 0);
    pair_down(&p);
}

static void on_time(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

/* Runs the loop for a while in which something must not happen. */
static void run_for(struct bed *b, long ms) {
    const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    bool due = false;
    assert_int_equal(event_base_once(b->h->base, -1, EV_TIMEOUT, on_time, &due, &tv), 0);
    bed_until(b, host_flag, &due, "time to pass");
}

static void writing_to_one_who_left_is_an_error(void **state) {
    struct pair p = pair_up(state);
    ssize_t put;
    bed_close(p.z);
    /* What is written while the other end goes away may still be taken. */
    for (int turn = 0; (put = bed_write(p.a, "x", 1)) > 0; turn++) {
        if (turn > 5000)
            fail_msg("writes to a closed connection are taken for ever");
        run_for(p.b, 1);
    }
    assert_int_not_equal(put, -RUNNEL_EBUSY);
    pair_down(&p);
}

/* ---- closing at every moment ---------------------------------------------------------------------- */

/* The upcall in which the hook closes; kept in the bed's first link's user pointer for want of globals. */
struct plan {
    enum bed_what at;
    bool done;
};

static void close_as_planned(struct runnel_link *l, enum bed_what what) {
    struct plan *plan = l->bed->links[0].user;
    if (what != plan->at || plan->done)
        return;
    plan->done = true;
    bed_close(l);
}

/* Dials with link 0 carrying the plan. */
static struct runnel_link *dial_with(struct bed *b, struct runnel_inst *inst, const char *address, struct plan *plan) {
    b->links[0].user = plan;
    b->hook = close_as_planned;
    return bed_dial(b, inst, address);
}

static void close_within_opened_or_accepted(void **state, enum bed_what at) {
    struct bed *b = bed_new(*state);
    struct plan plan = {.at = at};
    char address[BED_ADDRESS];
    struct runnel_inst *inst = bed_open(b, address);
    (void)dial_with(b, inst, address, &plan);
    bed_until(b, host_flag, &plan.done, "the upcall");
    if (at == BED_ACCEPTED) {
        bed_until(b, host_flag, &b->links[0].opened, "the dialled end to open");
        bed_until(b, has_ended, &b->links[0], "the other end to see it");
    }
    bed_close_all(b, (struct runnel_inst *const[]){inst, NULL});
}

static void close_within_accepted(void **state) {
    close_within_opened_or_accepted(state, BED_ACCEPTED);
}

static void close_within_opened(void **state) {
    close_within_opened_or_accepted(state, BED_OPENED);
}

static void close_within_closed(void **state) {
    struct bed *b = bed_new(*state);
    struct plan plan = {.at = BED_CLOSED};
    char address[BED_ADDRESS];
    struct runnel_inst *inst = bed_open(b, NULL);
    bed_dead_address(b, address);
    (void)dial_with(b, inst, address, &plan);
    bed_until(b, host_flag, &plan.done, "closed");
    bed_close_all(b, (struct runnel_inst *const[]){inst, NULL});
}

static void close_within_readable(void **state) {
    struct pair p = pair_up(state);
    struct plan plan = {.at = BED_READABLE};
    char byte;
    p.b->links[0].user = &plan;
    p.b->hook = close_as_planned;
    assert_int_equal(bed_read(p.z, &byte, 1), -RUNNEL_EBUSY);
    bed_write_all(p.a, "x", 1);
    bed_until(p.b, host_flag, &plan.done, "ready");
    bed_until(p.b, has_ended, p.a, "the other end to see it");
    pair_down(&p);
}

/* Both directions are ready in one turn: the upcall that comes first must be able to take the other away. */
static void close_when_both_are_ready(void **state, enum bed_what at) {
    struct pair p = pair_up(state);
    struct plan plan = {.at = at};
    char data[4096] = {0};
    p.b->links[0].user = &plan;
    p.b->hook = close_as_planned;
    while (bed_write(p.a, data, sizeof data) > 0)
        ;
    assert_true(p.a->wait_write);
    assert_int_equal(bed_read(p.a, data, 1), -RUNNEL_EBUSY);
    while (bed_read(p.z, data, sizeof data) > 0)
        ;
    bed_write_all(p.z, "x", 1);
    bed_until(p.b, host_flag, &plan.done, "ready");
    bed_until(p.b, has_ended, p.z, "the other end to see it");
    pair_down(&p);
}

static void close_within_readable_of_two(void **state) {
    close_when_both_are_ready(state, BED_READABLE);
}

static void close_within_writable_of_two(void **state) {
    close_when_both_are_ready(state, BED_WRITABLE);
}

static void close_within_writable(void **state) {
    struct pair p = pair_up(state);
    struct plan plan = {.at = BED_WRITABLE};
    char data[4096] = {0};
    p.b->links[0].user = &plan;
    p.b->hook = close_as_planned;
    while (bed_write(p.a, data, sizeof data) > 0)
        ;
    assert_true(p.a->wait_write);
    bed_until(p.b, has_ended, p.z, "the reader to make room, then to see the end");
    assert_true(plan.done);
    pair_down(&p);
}

static void the_core_may_refuse(void **state) {
    struct bed *b = bed_new(*state);
    char address[BED_ADDRESS];
    struct runnel_inst *inst = bed_open(b, address);
    b->refuse = true;
    struct runnel_link *l = bed_dial(b, inst, address);
    bed_until(b, host_flag, &l->opened, "the dialled end to open");
    bed_until(b, has_ended, l, "the refusal to be seen");
    bed_close_all(b, (struct runnel_inst *const[]){inst, NULL});
}

static void greet(struct runnel_link *l, enum bed_what what) {
    char byte;
    if (what != BED_ACCEPTED)
        return;
    if (bed_write(l, "hello", 5) != 5)
        bed_breach(l->bed, "a fresh connection took less than five bytes");
    if (bed_read(l, &byte, 1) != -RUNNEL_EBUSY)
        bed_breach(l->bed, "a fresh connection had something to read");
}

static void a_link_works_within_accepted(void **state) {
    struct bed *b = bed_new(*state);
    struct runnel_link *ends[2];
    char address[BED_ADDRESS], text[5];
    struct runnel_inst *inst = bed_open(b, address);
    b->hook = greet;
    bed_pair(b, inst, address, ends);
    bed_read_all(ends[0], text, sizeof text);
    assert_memory_equal(text, "hello", 5);
    bed_write_all(ends[0], "x", 1);
    bed_until(b, is_read, ends[1], "ready for a read within accepted");
    bed_close_all(b, (struct runnel_inst *const[]){inst, NULL});
}

/* ---- many, and side by side ----------------------------------------------------------------------- */

#define CROWD 200u

static bool all_here(void *arg) {
    const struct bed *b = arg;
    unsigned n = 0;
    for (unsigned k = 0; k < b->n_links; k++)
        n += b->links[k].opened || b->links[k].accepted;
    return n == 2 * CROWD;
}

static void two_hundred_at_once(void **state) {
    struct bed *b = bed_new(*state);
    char address[BED_ADDRESS];
    struct runnel_inst *inst = bed_open(b, address);
    unsigned sum = 0;
    for (unsigned k = 0; k < CROWD; k++)
        (void)bed_dial(b, inst, address);
    bed_until(b, all_here, b, "all to be open");
    for (unsigned k = 0; k < b->n_links; k++)
        if (b->links[k].opened)
            bed_write_all(&b->links[k], &k, sizeof k);
    for (unsigned k = 0; k < b->n_links; k++) {
        unsigned said;
        if (!b->links[k].accepted)
            continue;
        bed_read_all(&b->links[k], &said, sizeof said);
        sum += said + 1;
    }
    assert_int_equal(sum, CROWD * (CROWD + 1) / 2); /* each of links 0 to 199 spoke once */
    bed_close_all(b, (struct runnel_inst *const[]){inst, NULL});
}

static void two_instances_side_by_side(void **state) {
    struct bed *b = bed_new(*state);
    struct runnel_link *one[2], *two[2];
    char address[2][BED_ADDRESS], byte;
    struct runnel_inst *inst[2] = {bed_open(b, address[0]), bed_open(b, address[1])};
    assert_string_not_equal(address[0], address[1]);
    bed_pair(b, inst[0], address[1], one);
    bed_pair(b, inst[1], address[0], two);
    assert_ptr_equal(one[1]->inst, inst[1]);
    assert_ptr_equal(two[1]->inst, inst[0]);
    bed_write_all(one[0], "1", 1);
    bed_write_all(two[0], "2", 1);
    bed_read_all(one[1], &byte, 1);
    assert_int_equal(byte, '1');
    bed_read_all(two[1], &byte, 1);
    assert_int_equal(byte, '2');
    for (int k = 0; k < 2; k++) {
        bed_close(one[k]);
        bed_close(two[k]);
    }
    host_close(inst[0]);
    bed_pair(b, inst[1], address[1], one);
    bed_close_all(b, (struct runnel_inst *const[]){inst[1], NULL});
}

static void a_taken_place_is_refused(void **state) {
    struct bed *b = bed_new(*state);
    struct runnel_link *ends[2];
    char address[BED_ADDRESS];
    struct runnel_inst *inst = bed_open(b, address);
    const char *rest = strstr(address, "://") + 3;
    unsigned fds = bed_count_fds();
    struct runnel_inst *second = bed_open_at(b, rest);
    struct runnel_err err = {0};
    assert_int_equal(host_start(second, &err), -RUNNEL_ECONFLICT);
    assert_int_equal(err.code, RUNNEL_ECONFLICT);
    assert_non_null(strstr(err.msg, rest));
    host_close(second);
    assert_int_equal(bed_count_fds(), fds);
    bed_pair(b, inst, address, ends); /* the first is unharmed */
    bed_close_all(b, (struct runnel_inst *const[]){inst, NULL});
}

static void stopped_means_silent(void **state) {
    struct pair p = pair_up(state);
    struct runnel_inst *other = bed_open(p.b, NULL);
    char byte;
    assert_int_equal(bed_read(p.z, &byte, 1), -RUNNEL_EBUSY);
    bed_write_all(p.a, "x", 1);
    struct runnel_link *late = bed_dial(p.b, p.inst, p.address);
    assert_int_equal(host_stop(p.inst, BED_DEADLINE), 0);
    unsigned readable = p.z->n_readable;
    struct runnel_link *l = bed_dial(p.b, other, p.address);
    bed_until(p.b, has_failed, l, "the dial to fail");
    host_settle(p.b->h);
    assert_int_equal(p.z->n_readable, readable);
    assert_false(late->opened);
    for (unsigned k = 2; k < p.b->n_links; k++)
        assert_false(p.b->links[k].accepted);
    bed_close_all(p.b, (struct runnel_inst *const[]){p.inst, other, NULL});
}

/* ---- when descriptors run out --------------------------------------------------------------------- */

static unsigned count_in_log(const struct test_host *h, const char *text) {
    unsigned n = 0;
    for (const char *at = h->log; at && (at = strstr(at, text)); at++)
        n++;
    return n;
}

static bool has_logged_error(void *arg) {
    return count_in_log(((struct bed *)arg)->h, "error ") > 0;
}

static bool is_accepted(void *arg) {
    return ((struct bed *)arg)->links[1].accepted;
}

static void it_accepts_again_when_descriptors_are_back(void **state) {
    struct bed *b = bed_new(*state);
    struct rlimit before, now;
    char address[BED_ADDRESS];
    struct runnel_inst *inst = bed_open(b, address);
    struct runnel_link *l = bed_dial(b, inst, address);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    now = before;
    now.rlim_cur = 0; /* no new one; those that are open stay */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    bool said = host_run_until(b->h, has_logged_error, b, BED_DEADLINE);
    run_for(b, 700);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    if (!said || count_in_log(b->h, "error ") != 1)
        fail_msg("while no descriptor was left, the log had %u lines of error; want one for all of that time",
                 count_in_log(b->h, "error "));
    bed_until(b, is_accepted, b, "the connection to be accepted after all");
    bed_until(b, host_flag, &l->opened, "the dialled end to be open");
    bed_close_all(b, (struct runnel_inst *const[]){inst, NULL});
}

/* ---- the program ---------------------------------------------------------------------------------- */

static int usage(void) {
    fputs("usage: transport FILE.so --trust raw|local|sealed --listen OPTION=VALUE [--bad ADDRESS]...\n"
          "OPTION=VALUE makes an instance listen where it disturbs nobody, as in listen=127.0.0.1:0;\n"
          "in VALUE @TMP@ is a fresh folder and @N@ a name that no other instance has.\n"
          "ADDRESS is a malformed one, which the plugin must refuse to dial.\n",
          stderr);
    return 2;
}

static int take_listen(struct bed_setup *setup, char *word) {
    char *eq = strchr(word, '=');
    if (!eq)
        return -1;
    *eq = '\0';
    setup->option = word;
    setup->value = eq + 1;
    return 0;
}

static int parse(struct bed_setup *setup, int argc, char **argv) {
    size_t n_bad = 0;
    if (argc < 2)
        return -1;
    setup->so = argv[1];
    for (int k = 2; k + 1 < argc; k += 2) {
        if (!strcmp(argv[k], "--trust"))
            setup->trust = argv[k + 1];
        else if (!strcmp(argv[k], "--bad") && n_bad + 1 < sizeof setup->bad / sizeof setup->bad[0])
            setup->bad[n_bad++] = argv[k + 1];
        else if (strcmp(argv[k], "--listen") != 0 || take_listen(setup, argv[k + 1]) != 0)
            return -1;
    }
    return setup->trust && setup->option && argc % 2 == 0 ? 0 : -1;
}

static int make_tmp(struct bed_setup *setup) {
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(setup->tmp, sizeof setup->tmp, "%s/rnXXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    return n > 0 && n < (int)sizeof setup->tmp && mkdtemp(setup->tmp) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

/* A plugin that leaves files behind in the folder it was given fails. */
static int remove_tmp(const struct bed_setup *setup) {
    if (rmdir(setup->tmp) == 0)
        return 0;
    fprintf(stderr, "files were left behind in %s\n", setup->tmp);
    (void)nftw(setup->tmp, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 1;
}

int main(int argc, char **argv) {
    struct bed_setup setup = {0};
    struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_opens_and_says_what_it_is),
        cmocka_unit_test(addresses_are_written_as_snprintf_does),
        cmocka_unit_test(a_dial_to_nobody_is_closed),
        cmocka_unit_test(malformed_addresses_are_refused),
        cmocka_unit_test(a_dial_may_be_closed_before_it_opens),
        cmocka_unit_test(a_dial_may_be_shut_before_it_opens),
        cmocka_unit_test(megabytes_flow_both_ways),
        cmocka_unit_test(a_writer_is_held_back),
        cmocka_unit_test(ready_comes_once_for_each_busy),
        cmocka_unit_test(an_orderly_end_leaves_the_other_way_open),
        cmocka_unit_test(writing_to_one_who_left_is_an_error),
        cmocka_unit_test(close_within_accepted),
        cmocka_unit_test(close_within_opened),
        cmocka_unit_test(close_within_closed),
        cmocka_unit_test(close_within_readable),
        cmocka_unit_test(close_within_readable_of_two),
        cmocka_unit_test(close_within_writable_of_two),
        cmocka_unit_test(close_within_writable),
        cmocka_unit_test(the_core_may_refuse),
        cmocka_unit_test(a_link_works_within_accepted),
        cmocka_unit_test(two_hundred_at_once),
        cmocka_unit_test(two_instances_side_by_side),
        cmocka_unit_test(a_taken_place_is_refused),
        cmocka_unit_test(stopped_means_silent),
        cmocka_unit_test(it_accepts_again_when_descriptors_are_back),
    };
    if (parse(&setup, argc, argv) != 0)
        return usage();
    /* Whoever writes to one who left must not die of it: the plugin prevents that, not the program. */
    if (signal(SIGPIPE, SIG_DFL) == SIG_ERR || make_tmp(&setup) != 0)
        return 1;
    for (size_t k = 0; k < sizeof tests / sizeof tests[0]; k++)
        tests[k].initial_state = &setup;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return remove_tmp(&setup) != 0 || failed ? 1 : 0;
}
