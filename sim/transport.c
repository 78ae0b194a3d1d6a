/* SPDX-License-Identifier: MIT
 * transport.c — hands the ends of simulated links to a node.
 * May touch: the world; the node's instance only for the ops it was made with.
 */
#include "sim/transport.h"
#include "base/err.h"
#include "node/inst.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME "sim://"
#define REMOTE 64u

struct sim_transport_conf {
    uint8_t listen;
};

struct instance {
    struct sim_transport *t;
    struct runnel_inst *inst;
    const struct runnel_transport_up *up;
    const struct sim_transport_conf *conf;
    struct sim_event stopped;
    runnel_done *done;
    void *done_arg;
};

struct conn {
    struct rn_list link;
    struct instance *i;
    struct sim_end *end;
    struct runnel_link *core;
    int vanished;
    int *gone; /* set when the core closes it before it has a link */
};

static void describe(const struct conn *c, int dialled, char remote[REMOTE], char local[REMOTE],
                     struct runnel_link_info *info) {
    const struct sim_host *peer = sim_end_peer(c->end), *host = sim_end_host(c->end);
    int is_local = dialled ? host->program : peer->program;
    if (dialled)
        (void)snprintf(remote, REMOTE, SCHEME "%s", peer->name);
    else
        (void)snprintf(remote, REMOTE, SCHEME "%s:%llu", peer->name, (unsigned long long)sim_end_number(c->end));
    (void)snprintf(local, REMOTE, SCHEME "%s", host->name);
    *info = (struct runnel_link_info){.size = sizeof *info,
                                      .trust = is_local ? RUNNEL_LOCAL : RUNNEL_RAW,
                                      .remote = remote,
                                      .local = local,
                                      .uid = is_local ? 0 : -1,
                                      .gid = is_local ? 0 : -1,
                                      .pid = is_local ? (int64_t)peer->number : -1};
}

static void up_opened(void *arg) {
    struct conn *c = arg;
    char remote[REMOTE], local[REMOTE];
    struct runnel_link_info info;
    describe(c, 1, remote, local, &info);
    c->i->up->opened(c->core, &info);
}

static void up_ready(void *arg, uint32_t rw) {
    struct conn *c = arg;
    c->i->up->ready(c->core, rw);
}

static void up_closed(void *arg, const struct runnel_err *err) {
    struct conn *c = arg;
    c->i->up->closed(c->core, err);
}

static const struct sim_end_up conn_up = {.opened = up_opened, .ready = up_ready, .closed = up_closed};

static struct conn *conn_new(struct instance *i, struct runnel_link *core) {
    struct conn *c = sim_alloc(sizeof *c);
    c->i = i;
    c->core = core;
    rn_list_init(&c->link);
    rn_list_add(&i->t->conns, &c->link);
    return c;
}

static void conn_free(struct conn *c) {
    rn_list_del(&c->link);
    free(c);
}

static int on_accept(void *arg, struct sim_end *e) {
    struct instance *i = arg;
    struct conn *c = conn_new(i, NULL);
    char remote[REMOTE], local[REMOTE];
    struct runnel_link_info info;
    c->end = e;
    sim_end_own(e, &conn_up, c);
    describe(c, 0, remote, local, &info);
    int gone = 0;
    c->gone = &gone;
    struct runnel_link *core = i->up->accepted(i->inst, c, &info);
    if (gone)
        return 0;
    c->gone = NULL;
    c->core = core;
    if (core)
        return 0;
    conn_free(c);
    return -RUNNEL_EBUSY;
}

/* ---- ops ---- */

static int op_dial(void *self, const char *address, struct runnel_link *link, void **conn, struct runnel_err *err) {
    struct instance *i = self;
    size_t n = strlen(SCHEME);
    if (strncmp(address, SCHEME, n) != 0 || strlen(address + n) == 0 || strlen(address + n) >= SIM_NAME)
        return rn_fail(err, RUNNEL_EINVALID, "address: found \"%s\", want " SCHEME "NAME", address);
    struct conn *c = conn_new(i, link);
    c->end = sim_dial(i->t->host, address + n, &conn_up, c);
    *conn = c;
    return 0;
}

static ssize_t op_read(void *conn, void *p, size_t n) {
    struct conn *c = conn;
    return c->vanished ? -RUNNEL_ECLOSED : sim_end_read(c->end, p, n);
}

static ssize_t op_write(void *conn, const struct iovec *iov, int n) {
    struct conn *c = conn;
    return c->vanished ? -RUNNEL_ECLOSED : sim_end_write(c->end, iov, n);
}

static void op_shut(void *conn) {
    struct conn *c = conn;
    if (!c->vanished)
        sim_end_shut(c->end);
}

static void op_close(void *conn) {
    struct conn *c = conn;
    if (!c->vanished)
        sim_end_close(c->end);
    if (c->gone)
        *c->gone = 1;
    conn_free(c);
}

static int op_addresses(void *self, char *buf, size_t n) {
    const struct instance *i = self;
    return i->conf->listen ? snprintf(buf, n, SCHEME "%s", i->t->host->name) : snprintf(buf, n, "%s", "");
}

/* ---- life ---- */

static int create(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err) {
    struct instance *i = calloc(1, sizeof *i);
    if (!i)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    i->t = (struct sim_transport *)(uintptr_t)rn_inst_ops(inst); /* the ops stand first in it */
    i->inst = inst;
    i->up = host->up;
    i->conf = conf;
    *self = i;
    return 0;
}

static int start(void *self, struct runnel_err *err) {
    struct instance *i = self;
    struct sim_host *h = i->t->host;
    if (!i->conf->listen)
        return 0;
    if (h->accept)
        return rn_fail(err, RUNNEL_ECONFLICT, "%s listens already: one listening section is enough", h->name);
    h->accept = on_accept;
    h->accept_arg = i;
    return 0;
}

static void deaf(struct instance *i) {
    struct sim_host *h = i->t->host;
    if (h->accept_arg == i) {
        h->accept = NULL;
        h->accept_arg = NULL;
    }
}

static void on_stopped(void *arg) {
    struct instance *i = arg;
    i->done(i->done_arg, NULL);
}

static void stop(void *self, runnel_done *done, void *arg) {
    struct instance *i = self;
    deaf(i);
    i->done = done;
    i->done_arg = arg;
    i->stopped = (struct sim_event){.fn = on_stopped, .arg = i, .host = i->t->host->number, .what = "stopped"};
    sim_after(i->t->host->world, &i->stopped, SIM_US);
}

static void destroy(void *self) {
    struct instance *i = self;
    deaf(i);
    sim_cancel(i->t->host->world, &i->stopped);
    free(i);
}

static const struct runnel_option options[] = {
    {.name = "listen",
     .type = RUNNEL_OPT_BOOL,
     .at = offsetof(struct sim_transport_conf, listen),
     .dflt = "true",
     .help = "whether others may dial sim://NAME"},
};

void sim_transport_init(struct sim_transport *t, struct sim_host *host) {
    memset(t, 0, sizeof *t);
    t->host = host;
    rn_list_init(&t->conns);
    t->ops = (struct runnel_transport){.size = sizeof t->ops,
                                       .scheme = "sim",
                                       .dial = op_dial,
                                       .read = op_read,
                                       .write = op_write,
                                       .shut = op_shut,
                                       .close = op_close,
                                       .addresses = op_addresses};
    t->plugin = (struct runnel_plugin){.size = sizeof t->plugin,
                                       .abi_major = RUNNEL_ABI_MAJOR,
                                       .abi_minor = RUNNEL_ABI_MINOR,
                                       .kind = RUNNEL_TRANSPORT,
                                       .name = "sim",
                                       .version = "1",
                                       .summary = "links of the simulated world",
                                       .options = options,
                                       .n_options = 1,
                                       .option_size = sizeof options[0],
                                       .conf_size = sizeof(struct sim_transport_conf),
                                       .create = create,
                                       .start = start,
                                       .stop = stop,
                                       .destroy = destroy,
                                       .ops = &t->ops};
}

void sim_transport_vanish(struct sim_transport *t) {
    rn_list_for (it, &t->conns) {
        struct conn *c = rn_list_of(it, struct conn, link);
        if (!c->vanished && sim_end_peer(c->end) && sim_end_peer(c->end)->program)
            sim_end_close(c->end); /* it is on the same machine, and notices */
        else if (!c->vanished)
            sim_end_vanish(c->end);
        c->vanished = 1;
    }
}
