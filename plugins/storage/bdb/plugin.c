/* SPDX-License-Identifier: MIT
 * plugin.c — the storage plugin `bdb`: its options, its queues and the turns in which they are served.
 * May touch: the host, Berkeley DB through bdb.h.
 */
#include "base/err.h"
#include "base/time.h"
#include "config.h"
#include "plugins/storage/bdb/bdb.h"
#include <stdlib.h>

#define EARLY (60 * RN_NS_S) /* who ends sooner after the start has ended early */

struct bdb_conf {
    int64_t cache;
    int64_t ballast;
    int64_t slow;
};

struct bdb {
    struct rn_bdb db;
    struct rn_list commits, reads;
    struct rn_request_room room;
    bool told;                   /* that it has failed for good */
    bool armed;                  /* serve() will be called */
    struct runnel_timer *lasted; /* until then an end is an early one */
    runnel_done *stopped;
    void *stopped_arg;
};

static const struct runnel_option options[] = {
    {"cache", RUNNEL_OPT_SIZE, 0, offsetof(struct bdb_conf, cache), "32MiB", INT64_C(1) << 20, INT64_C(1) << 40,
     "Memory for the pages of the database; less than 32MiB is slow with a thousand streams"},
    {"ballast", RUNNEL_OPT_SIZE, 0, offsetof(struct bdb_conf, ballast), "16MiB", 0, INT64_C(1) << 40,
     "Room kept for starting on a full disk: a file of that size; 0: none"},
    {"slow", RUNNEL_OPT_DURATION, 0, offsetof(struct bdb_conf, slow), "2ms", 0, RN_NS_S * 3600,
     "The next commits after a sync that took so long are synced by a thread; 0s: all of them"},
};

/* ---- turns ---- */

static void serve(void *arg);

/* Never more than once at a time, which the host promises to be possible even without memory. */
static void arm(struct bdb *s) {
    if (s->armed)
        return;
    s->armed = s->db.host->defer(s->db.inst, serve, s) == 0;
    if (!s->armed)
        s->db.host->log(s->db.inst, RUNNEL_ERROR, "out of memory: requests wait until there is some");
}

static void finish(struct bdb *s) {
    runnel_done *stopped = s->stopped;
    s->stopped = NULL;
    s->db.host->cancel(s->db.inst, s->lasted);
    s->lasted = NULL;
    rn_bdb_close(&s->db);
    stopped(s->stopped_arg, NULL);
}

/* Nothing but a new process recovers a broken environment. */
static void tell_broken(struct bdb *s) {
    const struct runnel_host *host = s->db.host;
    struct runnel_err why;
    if (!s->db.broken || s->told || rn_bdb_begin(&s->db, &why) == 0)
        return;
    s->told = true;
    if (host->size >= offsetof(struct runnel_host, failed) + sizeof host->failed && host->failed)
        host->failed(s->db.inst, &why);
}

static bool is_busy(const struct bdb *s) {
    return s->db.syncer.busy || s->db.writer.busy;
}

/* One turn: a group of commits, some reads, a checkpoint if it is due. What the callbacks ask for is
 * put aside for the next turn. A job that ends asks for a turn by itself. */
static void serve(void *arg) {
    struct bdb *s = arg;
    s->armed = false;
    rn_bdb_commit_some(&s->db, &s->commits, rn_list_empty(&s->reads));
    rn_bdb_read_some(&s->db, &s->reads);
    rn_bdb_checkpoint(&s->db);
    tell_broken(s);
    if (!rn_list_empty(&s->reads) || (!rn_list_empty(&s->commits) && !rn_bdb_commits_wait(&s->db)))
        arm(s);
    else if (s->stopped && rn_list_empty(&s->commits) && !is_busy(s))
        finish(s);
}

static void take_turn(void *arg) {
    arm(arg);
}

static void ask(struct bdb *s, struct rn_list *queue, struct rn_request *r) {
    if (!r)
        return;
    rn_list_add(queue, &r->link);
    arm(s);
}

/* ---- the ops ---- */

static void commit(void *self, const struct runnel_change *changes, size_t n, runnel_done *done, void *arg) {
    struct bdb *s = self;
    ask(s, &s->commits, rn_request_commit(&s->room, changes, n, done, arg));
}

static void get(void *self, struct runnel_bytes key, uint64_t off, uint32_t max, runnel_data *data, void *arg) {
    struct bdb *s = self;
    ask(s, &s->reads, rn_request_get(&s->room, key, off, max, data, arg));
}

static void scan(void *self, struct runnel_bytes from, struct runnel_bytes to, uint32_t limit, runnel_pair *pair,
                 runnel_done *done, void *arg) {
    struct bdb *s = self;
    ask(s, &s->reads, rn_request_scan(&s->room, from, to, limit, pair, done, arg));
}

static int set_aside(void *self, char *where, size_t n, struct runnel_err *err) {
    struct bdb *s = self;
    return rn_bdb_set_aside(&s->db, where, n, err);
}

static const struct runnel_storage ops = {
    .size = sizeof ops, .commit = commit, .get = get, .scan = scan, .set_aside = set_aside};

/* ---- the lifecycle ---- */

static int init_threads(struct rn_bdb *b) {
    if (pthread_mutex_init(&b->told.lock, NULL) != 0)
        return -RUNNEL_ENOMEM;
    int rc = rn_bdb_worker_init(&b->syncer, b);
    if (rc == 0 && (rc = rn_bdb_worker_init(&b->writer, b)) != 0)
        rn_bdb_worker_free(&b->syncer);
    if (rc != 0)
        (void)pthread_mutex_destroy(&b->told.lock);
    return rc;
}

static void free_threads(struct rn_bdb *b) {
    rn_bdb_worker_free(&b->syncer);
    rn_bdb_worker_free(&b->writer);
    (void)pthread_mutex_destroy(&b->told.lock);
}

static int create(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err) {
    const struct bdb_conf *c = conf;
    struct bdb *s = calloc(1, sizeof *s);
    if (!s || rn_request_room_init(&s->room) != 0) {
        free(s);
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    }
    if (init_threads(&s->db) != 0) {
        rn_request_room_free(&s->room);
        free(s);
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    }
    s->db.inst = inst;
    s->db.host = host;
    s->db.lock = -1;
    s->db.cache = c->cache;
    s->db.ballast = c->ballast;
    s->db.slow = c->slow;
    s->db.turn = take_turn;
    s->db.turn_arg = s;
    rn_list_init(&s->db.flight.group);
    rn_list_init(&s->commits);
    rn_list_init(&s->reads);
    *self = s;
    return 0;
}

static void has_lasted(void *arg) {
    struct bdb *s = arg;
    s->lasted = NULL;
    rn_bdb_lasted(&s->db);
}

static int start(void *self, struct runnel_err *err) {
    struct bdb *s = self;
    s->db.dir = s->db.host->dir(s->db.inst);
    if (!s->db.dir)
        return rn_fail(err, RUNNEL_EUNSUPPORTED, "there is no directory here: use the storage plugin \"memory\"");
    int rc = rn_bdb_open(&s->db, err);
    if (rc == 0)
        s->lasted = s->db.host->after(s->db.inst, EARLY, has_lasted, s);
    return rc; /* without memory for the timer an end is taken for an early one, which harms nobody */
}

static void stop(void *self, runnel_done *done, void *arg) {
    struct bdb *s = self;
    s->stopped = done;
    s->stopped_arg = arg;
    arm(s);
}

static void drop_all(struct rn_list *requests) {
    while (!rn_list_empty(requests))
        rn_request_drop(rn_list_of(requests->next, struct rn_request, link));
}

static void destroy(void *self) {
    struct bdb *s = self;
    drop_all(&s->commits);
    drop_all(&s->reads);
    s->db.host->cancel(s->db.inst, s->lasted);
    rn_bdb_close(&s->db);
    drop_all(&s->db.flight.group);
    free_threads(&s->db);
    rn_request_room_free(&s->room);
    free(s);
}

const struct runnel_plugin runnel_plugin = {
    .size = sizeof(struct runnel_plugin),
    .abi_major = RUNNEL_ABI_MAJOR,
    .abi_minor = 0,
    .kind = RUNNEL_STORAGE,
    .name = "bdb",
    .version = PACKAGE_VERSION,
    .summary = "Keeps everything in a Berkeley DB environment on disk",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .conf_size = sizeof(struct bdb_conf),
    .create = create,
    .start = start,
    .stop = stop,
    .destroy = destroy,
    .ops = &ops,
};
