/* SPDX-License-Identifier: MIT
 * plugin.c — the storage plugin `memory`: the engine behind the calls of storage.h.
 * May touch: the host's defer and log, the heap.
 */
#include "base/changes.h"
#include "base/err.h"
#include "base/request.h"
#include "config.h"
#include "plugins/storage/memory/engine.h"
#include <stdlib.h>

/* A scan hands out about this much in one turn of the loop, then lets others have theirs. */
#define SCAN_BYTES 262144u
/* So many requests are served in one turn. */
#define TURN_REQUESTS 1024u

struct memory_conf {
    int64_t limit;
};

struct memory {
    struct runnel_inst *inst;
    const struct runnel_host *host;
    struct rn_memory *map;
    struct rn_list requests;
    struct rn_request_room room;
    int armed; /* serve() will be called */
    runnel_done *stopped;
    void *stopped_arg;
};

static const struct runnel_option options[] = {
    {"limit", RUNNEL_OPT_SIZE, RUNNEL_OPT_LIVE, offsetof(struct memory_conf, limit), "0", 0, INT64_MAX,
     "Bytes of keys and values that are kept at most; 0: no limit"},
};

/* ---- serving ---- */

static void serve_commit(struct memory *m, struct rn_request *r) {
    uint64_t number;
    struct runnel_err err;
    if (rn_memory_apply(m->map, r->changes, r->n, &number, &err) != 0) {
        rn_request_end(r, &err);
        return;
    }
    rn_memory_sync(m->map, number);
    rn_request_end(r, NULL);
}

static void serve_get(struct memory *m, struct rn_request *r) {
    struct runnel_bytes val;
    struct runnel_err err;
    char text[RN_KEY_TEXT];
    if (!rn_memory_get(m->map, r->from, &val)) {
        (void)rn_fail(&err, RUNNEL_ENOTFOUND, "there is no record %s", rn_key_text(r->from, text));
        rn_request_end(r, &err);
        return;
    }
    size_t off = r->off < val.n ? (size_t)r->off : val.n, n = val.n - off < r->max ? val.n - off : r->max;
    rn_request_data(r, (struct runnel_bytes){val.p + off, n});
}

/* Lists some of it. What is left over goes behind the other requests. */
static void serve_scan(struct memory *m, struct rn_request *r) {
    struct runnel_bytes key, val;
    for (size_t listed = 0; rn_memory_seek(m->map, r->from, r->beyond != 0, &key, &val);) {
        if (r->to.n && rn_key_compare(key, r->to) >= 0)
            break;
        if (!rn_request_pair(r, key, val))
            break;
        listed += key.n + val.n;
        if (listed >= SCAN_BYTES) {
            rn_list_add(&m->requests, &r->link);
            return;
        }
    }
    rn_request_end(r, NULL);
}

/* Nothing that a callback asks for is done within it, so that the bytes it was lent stay as they are. */
static void serve_one(struct memory *m, struct rn_request *r) {
    rn_list_del(&r->link);
    if (r->refused)
        rn_request_end(r, r->refused);
    else if (r->what == RN_REQUEST_COMMIT)
        serve_commit(m, r);
    else if (r->what == RN_REQUEST_GET)
        serve_get(m, r);
    else
        serve_scan(m, r);
}

static void serve(void *arg);

/* Never more than once at a time, which the host promises to be possible even without memory. */
static void arm(struct memory *m) {
    if (m->armed)
        return;
    m->armed = m->host->defer(m->inst, serve, m) == 0;
    if (!m->armed)
        m->host->log(m->inst, RUNNEL_ERROR, "out of memory: requests wait until there is some");
}

static void serve(void *arg) {
    struct memory *m = arg;
    m->armed = 0;
    for (unsigned k = 0; k < TURN_REQUESTS && !rn_list_empty(&m->requests); k++)
        serve_one(m, rn_list_of(m->requests.next, struct rn_request, link));
    if (!rn_list_empty(&m->requests)) {
        arm(m);
    } else if (m->stopped) {
        runnel_done *stopped = m->stopped;
        m->stopped = NULL;
        stopped(m->stopped_arg, NULL);
    }
}

static void ask(struct memory *m, struct rn_request *r) {
    if (!r)
        return;
    rn_list_add(&m->requests, &r->link);
    arm(m);
}

/* ---- the ops ---- */

static void commit(void *self, const struct runnel_change *changes, size_t n, runnel_done *done, void *arg) {
    struct memory *m = self;
    ask(m, rn_request_commit(&m->room, changes, n, done, arg));
}

static void get(void *self, struct runnel_bytes key, uint64_t off, uint32_t max, runnel_data *data, void *arg) {
    struct memory *m = self;
    ask(m, rn_request_get(&m->room, key, off, max, data, arg));
}

static void scan(void *self, struct runnel_bytes from, struct runnel_bytes to, uint32_t limit, runnel_pair *pair,
                 runnel_done *done, void *arg) {
    struct memory *m = self;
    ask(m, rn_request_scan(&m->room, from, to, limit, pair, done, arg));
}

static const struct runnel_storage ops = {
    .size = sizeof ops,
    .flags = RUNNEL_STORAGE_VOLATILE,
    .commit = commit,
    .get = get,
    .scan = scan,
};

/* ---- the lifecycle ---- */

static int create(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err) {
    const struct memory_conf *c = conf;
    struct memory *m = calloc(1, sizeof *m);
    struct rn_memory *map = rn_memory_new((uint64_t)c->limit);
    if (!m || !map || rn_request_room_init(&m->room) != 0) {
        free(m);
        rn_memory_free(map);
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    }
    m->inst = inst;
    m->host = host;
    m->map = map;
    rn_list_init(&m->requests);
    *self = m;
    return 0;
}

static int reload(void *self, const void *conf, struct runnel_err *err) {
    (void)err;
    const struct memory_conf *c = conf;
    rn_memory_set_limit(((struct memory *)self)->map, (uint64_t)c->limit);
    return 0;
}

static void stop(void *self, runnel_done *done, void *arg) {
    struct memory *m = self;
    m->stopped = done;
    m->stopped_arg = arg;
    arm(m);
}

static void destroy(void *self) {
    struct memory *m = self;
    while (!rn_list_empty(&m->requests))
        rn_request_drop(rn_list_of(m->requests.next, struct rn_request, link));
    rn_request_room_free(&m->room);
    rn_memory_free(m->map);
    free(m);
}

const struct runnel_plugin runnel_plugin = {
    .size = sizeof(struct runnel_plugin),
    .abi_major = RUNNEL_ABI_MAJOR,
    .abi_minor = 0,
    .kind = RUNNEL_STORAGE,
    .name = "memory",
    .version = PACKAGE_VERSION,
    .summary = "Keeps everything in memory and forgets it when the process ends",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .conf_size = sizeof(struct memory_conf),
    .create = create,
    .reload = reload,
    .stop = stop,
    .destroy = destroy,
    .ops = &ops,
};
