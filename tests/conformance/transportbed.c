/* SPDX-License-Identifier: MIT
 * transportbed.c — the links, the upcalls and the watched ops.
 * May touch: the test host, /proc/self/fd.
 */
#include "tests/conformance/transportbed.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

unsigned bed_count_fds(void) {
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    assert_int_equal(closedir(d), 0);
    return n;
}

void bed_breach(struct bed *b, const char *fmt, ...) {
    va_list ap;
    if (b->breach[0])
        return;
    va_start(ap, fmt);
    if (vsnprintf(b->breach, sizeof b->breach, fmt, ap) < 0)
        abort();
    va_end(ap);
}

/* ---- upcalls ---- */

static struct runnel_link *new_link(struct bed *b, struct runnel_inst *inst) {
    struct runnel_link *l = &b->links[b->n_links];
    if (b->n_links >= BED_LINKS)
        abort();
    b->n_links++;
    l->bed = b;
    l->inst = inst;
    return l;
}

static void keep_text(struct bed *b, char out[BED_ADDRESS], const char **at) {
    if (!*at)
        return;
    if (snprintf(out, BED_ADDRESS, "%s", *at) >= (int)BED_ADDRESS)
        bed_breach(b, "an address in link_info is too long");
    *at = out;
}

static void keep_info(struct runnel_link *l, const struct runnel_link_info *info) {
    if (info->size < sizeof *info)
        bed_breach(l->bed, "link_info says a size of %u", info->size);
    l->info = *info;
    if (!info->remote)
        bed_breach(l->bed, "link_info has no remote");
    keep_text(l->bed, l->remote, &l->info.remote);
    keep_text(l->bed, l->local, &l->info.local);
}

static void enter(struct runnel_link *l, const char *name) {
    if (l->bed->in_call)
        bed_breach(l->bed, "%s came within a call of the plugin", name);
    if (!l->conn)
        bed_breach(l->bed, "%s came after close", name);
}

static void call_hook(struct runnel_link *l, enum bed_what what) {
    if (l->bed->hook)
        l->bed->hook(l, what);
}

static struct runnel_link *on_accepted(struct runnel_inst *inst, void *conn, const struct runnel_link_info *info) {
    struct bed *b = inst->user;
    struct runnel_link *l = new_link(b, inst);
    l->conn = conn;
    enter(l, "accepted");
    l->accepted = true;
    keep_info(l, info);
    call_hook(l, BED_ACCEPTED);
    if (b->refuse || !l->conn) {
        l->conn = NULL;
        return NULL;
    }
    return l;
}

static void on_opened(struct runnel_link *l, const struct runnel_link_info *info) {
    enter(l, "opened");
    if (l->opened || l->failed || l->accepted)
        bed_breach(l->bed, "opened came twice, after closed, or for an accepted link");
    l->opened = true;
    keep_info(l, info);
    call_hook(l, BED_OPENED);
}

static void on_ready(struct runnel_link *l, uint32_t rw) {
    enter(l, "ready");
    if (!rw || rw & ~(RUNNEL_READABLE | RUNNEL_WRITABLE))
        bed_breach(l->bed, "ready came with %u", rw);
    if (((rw & RUNNEL_READABLE) && !l->wait_read) || ((rw & RUNNEL_WRITABLE) && !l->wait_write))
        bed_breach(l->bed, "ready(%u) came without a -RUNNEL_EBUSY before it", rw);
    if (rw & RUNNEL_READABLE) {
        l->wait_read = false;
        l->n_readable++;
        call_hook(l, BED_READABLE);
    }
    if (rw & RUNNEL_WRITABLE && l->conn) {
        l->wait_write = false;
        l->n_writable++;
        call_hook(l, BED_WRITABLE);
    }
}

static void on_closed(struct runnel_link *l, const struct runnel_err *err) {
    enter(l, "closed");
    if (l->failed || !err || err->code <= 0 || !err->msg[0])
        bed_breach(l->bed, "closed came twice, or without an error");
    l->failed = true;
    if (err)
        l->err = *err;
    call_hook(l, BED_CLOSED);
}

static const struct runnel_transport_up up = {
    .size = sizeof up, .accepted = on_accepted, .opened = on_opened, .ready = on_ready, .closed = on_closed};

/* ---- the bed and its instances ---- */

struct bed *bed_new(struct bed_setup *setup) {
    struct bed *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->setup = setup;
    b->h = host_new();
    b->fds = bed_count_fds();
    return b;
}

void bed_end(struct bed *b) {
    char breach[sizeof b->breach];
    unsigned before = b->fds, after;
    host_settle(b->h);
    after = bed_count_fds();
    memcpy(breach, b->breach, sizeof breach);
    host_free(b->h);
    free(b);
    if (breach[0])
        fail_msg("breach: %s", breach);
    assert_int_equal(before, after);
}

/* Replaces `mark` in place. */
static void put_in(char *text, size_t room, const char *mark, const char *by) {
    char out[BED_ADDRESS];
    char *at = strstr(text, mark);
    if (!at)
        return;
    int n = snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, by, at + strlen(mark));
    assert_true(n > 0 && (size_t)n < room && (size_t)n < sizeof out);
    memcpy(text, out, (size_t)n + 1);
}

static struct runnel_inst *open_with(struct bed *b, const char *value, struct runnel_err *err) {
    char word[BED_ADDRESS], name[32];
    const char *const conf[] = {word, NULL};
    struct host_section section = {
        .path = b->setup->so, .name = name, .up = &up, .user = b, .kind = RUNNEL_TRANSPORT, .conf = conf};
    assert_true(snprintf(name, sizeof name, "t%u", b->setup->instances++) > 0);
    assert_true(snprintf(word, sizeof word, "%s=%s", b->setup->option, value) < (int)sizeof word);
    put_in(word, sizeof word, "@TMP@", b->setup->tmp);
    put_in(word, sizeof word, "@N@", name);
    return host_open(b->h, &section, err);
}

const struct runnel_transport *bed_ops(const struct runnel_inst *inst) {
    return inst->ops;
}

static void first_address(const struct runnel_inst *inst, char address[BED_ADDRESS]) {
    int n = bed_ops(inst)->addresses(inst->self, address, BED_ADDRESS);
    assert_true(n > 0 && n < (int)BED_ADDRESS);
    address[strcspn(address, "\n")] = '\0';
}

struct runnel_inst *bed_open(struct bed *b, char address[BED_ADDRESS]) {
    struct runnel_err err = {0};
    struct runnel_inst *inst = open_with(b, b->setup->value, &err);
    if (!inst || host_start(inst, &err) != 0)
        fail_msg("an instance cannot be opened: %s", err.msg);
    if (address)
        first_address(inst, address);
    return inst;
}

struct runnel_inst *bed_open_at(struct bed *b, const char *rest) {
    struct runnel_err err = {0};
    struct runnel_inst *inst = open_with(b, rest, &err);
    if (!inst)
        fail_msg("an instance cannot be made: %s", err.msg);
    return inst;
}

void bed_dead_address(struct bed *b, char address[BED_ADDRESS]) {
    host_close(bed_open(b, address));
}

/* ---- the ops, watched ---- */

int bed_try_dial(struct bed *b, struct runnel_inst *inst, const char *address, struct runnel_link **link,
                 struct runnel_err *err) {
    struct runnel_link *l = new_link(b, inst);
    bool before = b->in_call;
    void *conn = NULL;
    b->in_call = true;
    int rc = bed_ops(inst)->dial(inst->self, address, l, &conn, err);
    b->in_call = before;
    if (rc == 0 && !conn)
        bed_breach(b, "dial gave no connection");
    if (rc == 0)
        l->conn = conn;
    *link = l;
    return rc;
}

struct runnel_link *bed_dial(struct bed *b, struct runnel_inst *inst, const char *address) {
    struct runnel_err err = {0};
    struct runnel_link *l;
    if (bed_try_dial(b, inst, address, &l, &err) != 0)
        fail_msg("dial refused: %s", err.msg);
    return l;
}

ssize_t bed_read(struct runnel_link *l, void *p, size_t n) {
    bool before = l->bed->in_call;
    l->bed->in_call = true;
    ssize_t got = bed_ops(l->inst)->read(l->conn, p, n);
    l->bed->in_call = before;
    if (got > (ssize_t)n)
        bed_breach(l->bed, "read gave more than was asked for");
    if (got == -RUNNEL_EBUSY)
        l->wait_read = true;
    return got;
}

ssize_t bed_writev(struct runnel_link *l, const struct iovec *iov, int n) {
    bool before = l->bed->in_call;
    size_t all = 0;
    for (int k = 0; k < n; k++)
        all += iov[k].iov_len;
    l->bed->in_call = true;
    ssize_t put = bed_ops(l->inst)->write(l->conn, iov, n);
    l->bed->in_call = before;
    if (put > (ssize_t)all || (put == 0 && all > 0))
        bed_breach(l->bed, "write took %zd of %zu bytes", put, all);
    if (put == -RUNNEL_EBUSY)
        l->wait_write = true;
    return put;
}

ssize_t bed_write(struct runnel_link *l, const void *p, size_t n) {
    char part[4096];
    struct iovec iov = {.iov_base = part, .iov_len = n < sizeof part ? n : sizeof part};
    memcpy(part, p, iov.iov_len);
    return bed_writev(l, &iov, 1);
}

void bed_shut(struct runnel_link *l) {
    bool before = l->bed->in_call;
    l->bed->in_call = true;
    bed_ops(l->inst)->shut(l->conn);
    l->bed->in_call = before;
}

void bed_close(struct runnel_link *l) {
    void *conn = l->conn;
    bool before = l->bed->in_call;
    l->conn = NULL;
    l->bed->in_call = true;
    bed_ops(l->inst)->close(conn);
    l->bed->in_call = before;
}

void bed_close_all(struct bed *b, struct runnel_inst *const *instances) {
    b->hook = NULL;
    for (unsigned k = 0; k < b->n_links; k++)
        if (b->links[k].conn)
            bed_close(&b->links[k]);
    for (; *instances; instances++)
        host_close(*instances);
    bed_end(b);
}

/* ---- running ---- */

struct until {
    struct bed *b;
    host_predicate *predicate;
    void *arg;
};

static bool until(void *arg) {
    struct until *u = arg;
    return u->b->breach[0] || u->predicate(u->arg);
}

void bed_until(struct bed *b, host_predicate *predicate, void *arg, const char *what) {
    struct until u = {b, predicate, arg};
    if (!host_run_until(b->h, until, &u, BED_DEADLINE))
        fail_msg("waited in vain: %s", what);
    if (b->breach[0])
        fail_msg("breach: %s", b->breach);
}

struct pairing {
    struct runnel_link *dialled;
    unsigned from; /* where the accepted link will be */
};

static bool paired(void *arg) {
    struct pairing *p = arg;
    return p->dialled->opened && p->dialled->bed->n_links > p->from && p->dialled->bed->links[p->from].accepted;
}

void bed_pair(struct bed *b, struct runnel_inst *from, const char *address, struct runnel_link *ends[2]) {
    struct pairing p = {.dialled = bed_dial(b, from, address)};
    p.from = b->n_links;
    bed_until(b, paired, &p, "both ends open");
    ends[0] = p.dialled;
    ends[1] = &b->links[p.from];
}

static bool readable(void *arg) {
    return !((struct runnel_link *)arg)->wait_read;
}

static bool writable(void *arg) {
    return !((struct runnel_link *)arg)->wait_write;
}

void bed_write_all(struct runnel_link *l, const void *p, size_t n) {
    for (size_t at = 0; at < n;) {
        ssize_t put = bed_write(l, (const char *)p + at, n - at);
        if (put == -RUNNEL_EBUSY)
            bed_until(l->bed, writable, l, "writable");
        else if (put < 0)
            fail_msg("write failed: %zd", put);
        else
            at += (size_t)put;
    }
}

void bed_read_all(struct runnel_link *l, void *p, size_t n) {
    for (size_t at = 0; at < n;) {
        ssize_t got = bed_read(l, (char *)p + at, n - at);
        if (got == -RUNNEL_EBUSY)
            bed_until(l->bed, readable, l, "readable");
        else if (got <= 0)
            fail_msg("read failed: %zd after %zu of %zu bytes", got, at, n);
        else
            at += (size_t)got;
    }
}

size_t bed_read_end(struct runnel_link *l) {
    char p[4096];
    for (size_t n = 0;;) {
        ssize_t got = bed_read(l, p, sizeof p);
        if (got == 0)
            return n;
        if (got == -RUNNEL_EBUSY)
            bed_until(l->bed, readable, l, "the end");
        else if (got < 0)
            fail_msg("read failed: %zd where the end was due", got);
        else
            n += (size_t)got;
    }
}
