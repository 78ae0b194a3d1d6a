/* SPDX-License-Identifier: MIT
 * disk.c — the memory engine behind delays: what is asked, when it is durable, when that is told.
 * May touch: the world; the node's instance only for the ops it was made with.
 */
#include "sim/disk.h"
#include "base/err.h"
#include "node/inst.h"
#include <stdlib.h>
#include <string.h>

#define READ_DELAY (50 * SIM_US)

enum request_kind { COMMIT = 1, GET, SCAN };

/* Something that was asked and not yet answered. */
struct request {
    struct rn_list link;
    struct sim_disk *disk;
    enum request_kind kind;
    struct sim_event durable, told;
    uint64_t number; /* COMMIT: what to make durable */
    struct runnel_err err;
    struct rn_buf bytes; /* GET: the data. SCAN: u32 length, key, u32 length, value, again and again */
    runnel_done *done;
    runnel_data *data;
    runnel_pair *pair;
    void *arg;
};

/* A running instance; the disk is there before and after it. */
struct instance {
    struct sim_disk *disk;
    runnel_done *stopped;
    void *stopped_arg;
    struct sim_event stop;
};

static void request_free(struct request *r) {
    sim_cancel(r->disk->world, &r->durable);
    sim_cancel(r->disk->world, &r->told);
    rn_list_del(&r->link);
    rn_buf_free(&r->bytes);
    free(r);
}

static void on_durable(void *arg) {
    struct request *r = arg;
    rn_memory_sync(r->disk->map, r->number);
}

static struct runnel_bytes take(const struct rn_buf *b, size_t *at) {
    struct runnel_bytes out = {b->p + *at + 4, rn_get_le32(b->p + *at)};
    *at += 4 + out.n;
    return out;
}

static void on_told(void *arg) {
    struct request *r = arg;
    const struct runnel_err *err = r->err.code ? &r->err : NULL;
    struct request local = *r; /* the node may ask again, or end, within */
    memset(&r->bytes, 0, sizeof r->bytes);
    request_free(r);
    if (err)
        err = &local.err;
    switch (local.kind) {
    case COMMIT:
        local.done(local.arg, err);
        break;
    case GET:
        local.data(local.arg, err ? (struct runnel_bytes){NULL, 0} : rn_buf_bytes(&local.bytes), err);
        break;
    case SCAN:
        for (size_t at = 0; !err && at < local.bytes.n;) {
            struct runnel_bytes key = take(&local.bytes, &at), val = take(&local.bytes, &at);
            local.pair(local.arg, key, val);
        }
        local.done(local.arg, err);
        break;
    }
    rn_buf_free(&local.bytes);
}

static struct request *request_new(struct sim_disk *d, enum request_kind kind, void *arg) {
    struct request *r = sim_alloc(sizeof *r);
    r->disk = d;
    r->kind = kind;
    r->arg = arg;
    r->durable = (struct sim_event){.fn = on_durable, .arg = r, .host = d->host, .what = "durable"};
    r->told = (struct sim_event){.fn = on_told, .arg = r, .host = d->host, .what = "disk"};
    rn_list_init(&r->link);
    rn_list_add(&d->pending, &r->link);
    return r;
}

static struct sim_disk *disk_of(void *self) {
    return ((struct instance *)self)->disk;
}

/* ---- ops ---- */

/* Not before any commit that was asked for earlier. */
static int64_t not_before(int64_t *last, int64_t at) {
    if (at < *last)
        at = *last;
    return *last = at;
}

static void op_commit(void *self, const struct runnel_change *changes, size_t n, runnel_done *done, void *arg) {
    struct sim_disk *d = disk_of(self);
    struct request *r = request_new(d, COMMIT, arg);
    int64_t took = d->faults.delay + sim_between(&d->rand, 0, d->faults.jitter);
    int rc;
    r->done = done;
    d->n_commits++;
    if (sim_chance(&d->rand, d->faults.stalls))
        took += d->faults.stall;
    if (sim_chance(&d->rand, d->faults.full))
        rc = rn_fail(&r->err, RUNNEL_EFULL, "no space left on the simulated disk");
    else
        rc = rn_memory_apply(d->map, changes, n, &r->number, &r->err);
    int64_t at = not_before(&d->last_durable, d->world->now + took);
    if (rc == 0) {
        sim_at(d->world, &r->durable, at);
        if (d->on_commit)
            d->on_commit(d->on_commit_arg, changes, n);
    } else {
        d->n_refused++;
    }
    sim_at(d->world, &r->told,
           not_before(&d->last_told, at + SIM_US + sim_between(&d->rand, 0, d->faults.delay + d->faults.jitter)));
}

static void op_get(void *self, struct runnel_bytes key, uint64_t off, uint32_t max, runnel_data *data, void *arg) {
    struct sim_disk *d = disk_of(self);
    struct request *r = request_new(d, GET, arg);
    struct runnel_bytes val;
    r->data = data;
    if (sim_chance(&d->rand, d->faults.bad_reads)) {
        (void)rn_fail(&r->err, RUNNEL_EIO, "the simulated disk could not be read");
    } else if (!rn_memory_get(d->map, key, &val)) {
        (void)rn_fail(&r->err, RUNNEL_ENOTFOUND, "there is no such record");
    } else if (off < val.n) {
        size_t left = val.n - (size_t)off;
        sim_must(rn_buf_add(&r->bytes, val.p + off, left < max ? left : max), "a buffer");
    }
    sim_after(d->world, &r->told, READ_DELAY);
}

static void put(struct rn_buf *b, struct runnel_bytes v) {
    sim_must(rn_buf_le32(b, (uint32_t)v.n), "a buffer");
    sim_must(rn_buf_add(b, v.p, v.n), "a buffer");
}

static int before(struct runnel_bytes a, struct runnel_bytes b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;
    return order < 0 || (order == 0 && a.n < b.n);
}

static void op_scan(void *self, struct runnel_bytes from, struct runnel_bytes to, uint32_t limit, runnel_pair *pair,
                    runnel_done *done, void *arg) {
    struct sim_disk *d = disk_of(self);
    struct request *r = request_new(d, SCAN, arg);
    struct runnel_bytes key = from, val;
    uint32_t n = 0;
    r->pair = pair;
    r->done = done;
    for (bool more = rn_memory_seek(d->map, from, false, &key, &val); more && (limit == 0 || n < limit); n++) {
        if (to.n > 0 && !before(key, to))
            break;
        put(&r->bytes, key);
        put(&r->bytes, val);
        more = rn_memory_seek(d->map, key, true, &key, &val);
    }
    sim_after(d->world, &r->told, READ_DELAY);
}

/* ---- life ---- */

static void on_stop(void *arg) {
    struct instance *i = arg;
    if (rn_list_empty(&i->disk->pending))
        i->stopped(i->stopped_arg, NULL);
    else
        sim_after(i->disk->world, &i->stop, SIM_MS);
}

static void stop(void *self, runnel_done *done, void *arg) {
    struct instance *i = self;
    i->stopped = done;
    i->stopped_arg = arg;
    sim_after(i->disk->world, &i->stop, SIM_US);
}

static int create(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err) {
    struct instance *i = calloc(1, sizeof *i);
    (void)host;
    (void)conf;
    if (!i)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    i->disk = (struct sim_disk *)(uintptr_t)rn_inst_ops(inst); /* the ops stand first in it */
    i->stop = (struct sim_event){.fn = on_stop, .arg = i, .host = i->disk->host, .what = "stopped"};
    *self = i;
    return 0;
}

static void destroy(void *self) {
    struct instance *i = self;
    sim_cancel(i->disk->world, &i->stop);
    rn_list_for_safe (it, &i->disk->pending)
        request_free(rn_list_of(it, struct request, link));
    free(i);
}

void sim_disk_init(struct sim_disk *d, struct sim_world *w, uint32_t host, const char *name) {
    char stream[64] = "disk:";
    memset(d, 0, sizeof *d);
    d->world = w;
    d->host = host;
    d->map = rn_memory_new(0);
    sim_must(d->map ? 0 : -RUNNEL_ENOMEM, "a memory engine");
    (void)strncat(stream, name, sizeof stream - strlen(stream) - 1);
    sim_rand_init(&d->rand, w->seed, stream);
    d->faults = (struct sim_disk_faults){.delay = 200 * SIM_US, .jitter = 300 * SIM_US};
    rn_list_init(&d->pending);
    d->ops = (struct runnel_storage){.size = sizeof d->ops, .commit = op_commit, .get = op_get, .scan = op_scan};
    d->plugin = (struct runnel_plugin){.size = sizeof d->plugin,
                                       .abi_major = RUNNEL_ABI_MAJOR,
                                       .abi_minor = RUNNEL_ABI_MINOR,
                                       .kind = RUNNEL_STORAGE,
                                       .name = "simdisk",
                                       .version = "1",
                                       .summary = "a disk of the simulated world",
                                       .option_size = sizeof(struct runnel_option),
                                       .create = create,
                                       .stop = stop,
                                       .destroy = destroy,
                                       .ops = &d->ops};
}

void sim_disk_free(struct sim_disk *d) {
    rn_memory_free(d->map);
    d->map = NULL;
}

void sim_disk_crash(struct sim_disk *d) {
    uint64_t durable = rn_memory_durable(d->map), last = rn_memory_last(d->map);
    uint64_t unsure = last > durable ? last - durable : 0, kept = sim_below(&d->rand, unsure + 1);
    d->n_kept += kept;
    d->n_lost += unsure - kept;
    rn_memory_sync(d->map, durable + kept);
    rn_memory_crash(d->map);
}

struct rn_memory *sim_disk_copy(const struct sim_disk *d) {
    struct rn_memory *m = rn_memory_new(0);
    struct runnel_bytes key = {NULL, 0}, val;
    struct runnel_err err;
    uint64_t number = 0;
    sim_must(m ? 0 : -RUNNEL_ENOMEM, "a copy of a disk");
    while (rn_memory_seek(d->map, key, key.n > 0, &key, &val)) {
        struct runnel_change c = {.what = RUNNEL_PUT, .key = key, .data = val};
        sim_must(rn_memory_apply(m, &c, 1, &number, &err), "a copy of a disk");
    }
    rn_memory_sync(m, number);
    return m;
}

void sim_disk_replace(struct sim_disk *d, struct rn_memory *with) {
    rn_memory_free(d->map);
    d->map = with ? with : rn_memory_new(0);
    sim_must(d->map ? 0 : -RUNNEL_ENOMEM, "a memory engine");
    d->place++;
}
