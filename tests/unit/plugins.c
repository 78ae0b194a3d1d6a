/* SPDX-License-Identifier: MIT
 * plugins.c — plugins that exist only to be configured.
 * May touch: nothing.
 */
#include "plugins.h"

#include <string.h>

static int create(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err) {
    (void)inst;
    (void)host;
    (void)conf;
    (void)err;
    *self = NULL;
    return 0;
}

static void destroy(void *self) {
    (void)self;
}

/* ---- storage ---- */

static void commit(void *self, const struct runnel_change *changes, size_t n, runnel_done *done, void *arg) {
    (void)self;
    (void)changes;
    (void)n;
    done(arg, NULL);
}

static void get(void *self, struct runnel_bytes key, uint64_t off, uint32_t max, runnel_data *data, void *arg) {
    (void)self;
    (void)key;
    (void)off;
    (void)max;
    data(arg, (struct runnel_bytes){NULL, 0}, NULL);
}

static void scan(void *self, struct runnel_bytes from, struct runnel_bytes to, uint32_t limit, runnel_pair *pair,
                 runnel_done *done, void *arg) {
    (void)self;
    (void)from;
    (void)to;
    (void)limit;
    (void)pair;
    done(arg, NULL);
}

static const struct runnel_storage storage_ops = {sizeof storage_ops, 0, commit, get, scan, NULL};

struct bdb_conf {
    int64_t cache, flush;
};

static const struct runnel_option bdb_options[] = {
    {"cache", RUNNEL_OPT_SIZE, 0, offsetof(struct bdb_conf, cache), "32MiB", 1048576, 1073741824, "memory for pages"},
    {"flush", RUNNEL_OPT_DURATION, RUNNEL_OPT_LIVE, offsetof(struct bdb_conf, flush), "5ms", 0, 1000000000,
     "how long a commit may wait for others"},
};

#define HEAD(k, n)                                                                                                     \
    .size = sizeof(struct runnel_plugin), .abi_major = RUNNEL_ABI_MAJOR, .abi_minor = 0, .kind = (k), .name = (n),     \
    .version = "1", .summary = "for tests", .create = create, .destroy = destroy
#define OPTIONS(table, conf)                                                                                           \
    .options = (table), .n_options = sizeof(table) / sizeof *(table), .option_size = sizeof *(table),                  \
    .conf_size = sizeof(conf)

const struct runnel_plugin test_bdb = {HEAD(RUNNEL_STORAGE, "bdb"), OPTIONS(bdb_options, struct bdb_conf),
                                       .ops = &storage_ops};
const struct runnel_plugin test_memory = {HEAD(RUNNEL_STORAGE, "memory"), .ops = &storage_ops};

/* ---- transports ---- */

static int dial(void *self, const char *address, struct runnel_link *link, void **conn, struct runnel_err *err) {
    (void)self;
    (void)address;
    (void)link;
    (void)conn;
    (void)err;
    return -RUNNEL_EUNSUPPORTED;
}

static ssize_t rd(void *conn, void *p, size_t n) {
    (void)conn;
    (void)p;
    (void)n;
    return -RUNNEL_ECLOSED;
}

static ssize_t wr(void *conn, const struct iovec *iov, int n) {
    (void)conn;
    (void)iov;
    (void)n;
    return -RUNNEL_ECLOSED;
}

static void shut(void *conn) {
    (void)conn;
}

static int addresses(void *self, char *buf, size_t n) {
    (void)self;
    if (n > 0)
        buf[0] = 0;
    return 0;
}

static const struct runnel_transport transport_ops = {
    sizeof transport_ops, "test", dial, rd, wr, shut, shut, addresses, NULL};

static const struct runnel_option tcp_options[] = {
    {"listen", RUNNEL_OPT_STRING, RUNNEL_OPT_REQUIRED, offsetof(struct tcp_conf, listen), NULL, 1, 64,
     "where to listen: host:port"},
    {"nodelay", RUNNEL_OPT_BOOL, RUNNEL_OPT_LIVE, offsetof(struct tcp_conf, nodelay), "true", 0, 0,
     "send small frames at once"},
    {"backlog", RUNNEL_OPT_INT, 0, offsetof(struct tcp_conf, backlog), "128", 1, 4096, "connections not yet accepted"},
    {"idle", RUNNEL_OPT_DURATION, 0, offsetof(struct tcp_conf, idle), NULL, 1000000000, INT64_MAX, "when to give up"},
    {"allow", RUNNEL_OPT_STRINGS, 0, offsetof(struct tcp_conf, allow), "[\"127.0.0.0/8\",\"::1\"]", 0, 0, "networks"},
    {"extra", RUNNEL_OPT_JSON, 0, offsetof(struct tcp_conf, extra), NULL, 0, 0, "anything"},
};

/* Wants host:port, and that a backlog of 13 stays away. */
static int tcp_check(const void *conf, runnel_complain *complain, void *arg) {
    const struct tcp_conf *c = conf;
    int wrong = 0;
    if (strchr(c->listen, ':') == NULL) {
        complain(arg, "listen", NULL, "\"host:port\"", "add the port, such as \"[::]:24600\"");
        wrong++;
    }
    if (c->backlog == 13) {
        complain(arg, "backlog", "the number thirteen", "a lucky number", "use \"128\"");
        wrong++;
    }
    return wrong;
}

const struct runnel_plugin test_tcp = {HEAD(RUNNEL_TRANSPORT, "tcp"), OPTIONS(tcp_options, struct tcp_conf),
                                       .check = tcp_check, .ops = &transport_ops};
const struct runnel_plugin test_unix = {HEAD(RUNNEL_TRANSPORT, "unix"), .ops = &transport_ops};

/* ---- discovery and sync ---- */

static void watch(void *self, uint64_t number, const struct runnel_sought *stream, int on) {
    (void)self;
    (void)number;
    (void)stream;
    (void)on;
}

static int refuse(const void *conf, runnel_complain *complain, void *arg) {
    const int64_t *n = conf;
    (void)complain;
    (void)arg;
    return *n == 7 ? -1 : 0; /* without a word */
}

static const struct runnel_option static_options[] = {
    {"n", RUNNEL_OPT_INT, 0, 0, NULL, 0, 0, "any number"},
};
static const struct runnel_discovery discovery_ops = {sizeof discovery_ops, NULL, watch};
const struct runnel_plugin test_static = {HEAD(RUNNEL_DISCOVERY, "static"), OPTIONS(static_options, int64_t),
                                          .check = refuse, .ops = &discovery_ops};

static void decide(const void *conf, const struct runnel_view *view, struct runnel_want *want) {
    (void)conf;
    (void)view;
    (void)want;
}

static const struct runnel_sync sync_ops = {sizeof sync_ops, decide};
const struct runnel_plugin test_incremental = {HEAD(RUNNEL_SYNC, "incremental"), .ops = &sync_ops};
const struct runnel_plugin test_full = {HEAD(RUNNEL_SYNC, "full"), .ops = &sync_ops};

int test_plugins_add(struct rn_registry *r) {
    static const struct runnel_plugin *const all[] = {&test_bdb,    &test_memory,      &test_tcp, &test_unix,
                                                      &test_static, &test_incremental, &test_full};
    int rc = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all && rc == 0; i++)
        rc = rn_registry_add(r, all[i], "built in", NULL, NULL);
    return rc;
}
