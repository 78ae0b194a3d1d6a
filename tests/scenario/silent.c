/* SPDX-License-Identifier: MIT
 * silent.c — a storage engine that never answers, for tests of a start and a stop that take for ever.
 * May touch: nothing.
 *
 * Built with SILENT_STOP it does not end its stop either.
 */
#include <runnel/storage.h>

static int create(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err) {
    (void)host;
    (void)conf;
    (void)err;
    *self = inst;
    return 0;
}

static void stop(void *self, runnel_done *done, void *arg) {
    (void)self;
#ifdef SILENT_STOP
    (void)done;
    (void)arg;
#else
    done(arg, NULL);
#endif
}

static void destroy(void *self) {
    (void)self;
}

static void commit(void *self, const struct runnel_change *changes, size_t n, runnel_done *done, void *arg) {
    (void)self;
    (void)changes;
    (void)n;
    (void)done;
    (void)arg;
}

static void get(void *self, struct runnel_bytes key, uint64_t off, uint32_t max, runnel_data *data, void *arg) {
    (void)self;
    (void)key;
    (void)off;
    (void)max;
    (void)data;
    (void)arg;
}

static void scan(void *self, struct runnel_bytes from, struct runnel_bytes to, uint32_t limit, runnel_pair *pair,
                 runnel_done *done, void *arg) {
    (void)self;
    (void)from;
    (void)to;
    (void)limit;
    (void)pair;
    (void)done;
    (void)arg;
}

static const struct runnel_storage ops = {.size = sizeof ops, .commit = commit, .get = get, .scan = scan};

const struct runnel_plugin runnel_plugin = {
    .size = sizeof runnel_plugin,
    .abi_major = RUNNEL_ABI_MAJOR,
    .kind = RUNNEL_STORAGE,
    .name = FAKE_NAME,
    .version = "1",
    .summary = "for tests",
    .create = create,
    .stop = stop,
    .destroy = destroy,
    .ops = &ops,
};
