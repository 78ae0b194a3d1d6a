/* SPDX-License-Identifier: MIT
 * transportbed.h — stands in for the core above a transport: keeps its links and watches the rules of transport.h.
 * May touch: the test host.
 *
 * A rule that the plugin breaks is remembered as the bed's breach and fails the test when it ends: no upcall
 * within a call of the plugin, none after close, ready only after -RUNNEL_EBUSY and once for each.
 */
#ifndef TEST_TRANSPORTBED_H
#define TEST_TRANSPORTBED_H

#include "tests/conformance/host.h"
#include <runnel/transport.h>

#define BED_LINKS 512u
#define BED_ADDRESS 512u
#define BED_DEADLINE 20000 /* ms; for a machine under load and sanitizers */

/* What an upcall was, for hooks. */
enum bed_what { BED_ACCEPTED = 1, BED_OPENED, BED_READABLE, BED_WRITABLE, BED_CLOSED };

struct bed;

/* Our side of a connection. Never reused within a test, so that a late upcall is noticed. */
struct runnel_link {
    struct bed *bed;
    struct runnel_inst *inst;
    void *conn; /* NULL once closed by us */
    bool accepted, opened, failed;
    bool wait_read, wait_write; /* -RUNNEL_EBUSY was said and ready has not come */
    unsigned n_readable, n_writable;
    struct runnel_err err;
    struct runnel_link_info info; /* its strings are the two below */
    char remote[BED_ADDRESS], local[BED_ADDRESS];
    void *user;
};

/* How the plugin under test is told where to listen. */
struct bed_setup {
    const char *so;
    const char *trust;  /* "raw", "local", "sealed" */
    const char *option; /* "listen" */
    const char *value;  /* "127.0.0.1:0"; @TMP@ stands for a folder, @N@ for a number */
    const char *bad[8]; /* more malformed addresses */
    char tmp[64];
    unsigned instances; /* so many were opened: each has a name of its own, also after a test that failed */
};

struct bed {
    struct bed_setup *setup;
    struct test_host *h;
    struct runnel_link links[BED_LINKS];
    unsigned n_links;
    bool in_call;
    bool refuse; /* accepted returns NULL */
    void (*hook)(struct runnel_link *link, enum bed_what what);
    char breach[256];
    unsigned fds; /* before anything was opened */
};

struct bed *bed_new(struct bed_setup *setup);
/* Closes nothing by itself; fails the test on a breach, and when there are more descriptors than before. */
void bed_end(struct bed *b);
/* Remembers the first breach. */
void bed_breach(struct bed *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* An instance that listens at a place of its own; NULL address: not asked for. */
struct runnel_inst *bed_open(struct bed *b, char address[BED_ADDRESS]);
/* One that is made, not started, to listen at the place that `rest` names: an address without its scheme. */
struct runnel_inst *bed_open_at(struct bed *b, const char *rest);
/* An address at which nobody listens any more. */
void bed_dead_address(struct bed *b, char address[BED_ADDRESS]);
const struct runnel_transport *bed_ops(const struct runnel_inst *inst);

/* The ops of the plugin, watched. */
int bed_try_dial(struct bed *b, struct runnel_inst *inst, const char *address, struct runnel_link **link,
                 struct runnel_err *err);
struct runnel_link *bed_dial(struct bed *b, struct runnel_inst *inst, const char *address);
ssize_t bed_read(struct runnel_link *l, void *p, size_t n);
ssize_t bed_write(struct runnel_link *l, const void *p, size_t n);
ssize_t bed_writev(struct runnel_link *l, const struct iovec *iov, int n);
void bed_shut(struct runnel_link *l);
void bed_close(struct runnel_link *l);
/* Closes every connection, then every instance given (up to NULL), and ends the bed. */
void bed_close_all(struct bed *b, struct runnel_inst *const *instances);

/* Runs until the predicate holds; fails the test at the deadline. A breach ends it too. */
void bed_until(struct bed *b, host_predicate *predicate, void *arg, const char *what);
/* Two ends of one new connection from `from` to `address`, of which the first was dialled. */
void bed_pair(struct bed *b, struct runnel_inst *from, const char *address, struct runnel_link *ends[2]);
/* Writes all, and reads exactly n, with the loop running meanwhile. */
void bed_write_all(struct runnel_link *l, const void *p, size_t n);
void bed_read_all(struct runnel_link *l, void *p, size_t n);
/* Reads until the end, which must be orderly. Returns how many bytes came before it. */
size_t bed_read_end(struct runnel_link *l);

unsigned bed_count_fds(void);

#endif
