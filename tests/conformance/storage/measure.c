/* SPDX-License-Identifier: MIT
 * measure.c — what a storage plugin makes of the commits of a node, beside the bare disk: time, CPU, room.
 * May touch: the plugin through the test host; a folder below TMPDIR that it makes and removes.
 *
 * The keys and values are those of core/node/place.h: blocks of 256 observations of 16 random bytes each that
 * are appended to, a state that is put with every commit, packs of leaves that grow when a block closes.
 *
 *     measure PLUGIN.so [speed|room|PATTERN] [bytes of a time delta]
 */
#include "tests/conformance/storage/ground.h"
#include "tests/conformance/storage/store.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    POOL = 1 << 20,
    MOST = 4096,
    BLOCK = 256,
    PACK = 32,
    LEAF = 48,
    NODE = 40,
    VALUE = 16,
    STATE = 183,
    CHANGES_A_STREAM = 8
};

/* One pattern of commits. */
struct pattern {
    const char *name;
    unsigned streams, each; /* streams in a commit; observations of each of them */
    unsigned commits;
};

struct growing {
    uint64_t count;
    size_t open; /* bytes of the open block */
};

struct run {
    struct store s;
    struct growing *streams;
    struct runnel_change *changes;
    size_t n, room;
    uint8_t *bytes; /* keys and values of the commit at hand */
    size_t used;
    uint64_t seed;
    uint8_t *pool; /* random bytes */
    size_t gap;    /* bytes of a time delta */
};

/* ---- the commits ---- */

static uint8_t *take(struct run *r, size_t n) {
    uint8_t *p = r->bytes + r->used;
    r->used += n;
    return p;
}

static struct runnel_bytes key_of(struct run *r, char area, unsigned number, uint64_t index, unsigned width) {
    uint8_t *p = take(r, 5 + width);
    p[0] = (uint8_t)area;
    for (unsigned k = 0; k < 4; k++)
        p[1 + k] = (uint8_t)(number >> (24 - 8 * k));
    for (unsigned k = 0; k < width; k++)
        p[5 + k] = (uint8_t)(index >> (8 * (width - 1 - k)));
    return (struct runnel_bytes){p, 5 + width};
}

/* Random bytes, from a pool: making them is not what is measured. */
static void fill(struct run *r, uint8_t *p, size_t n) {
    while (n) {
        size_t at = next_random(&r->seed) % (POOL - MOST), some = n < MOST ? n : MOST;
        memcpy(p, r->pool + at, some);
        p += some;
        n -= some;
    }
}

static void add(struct run *r, uint64_t off, struct runnel_bytes key, uint8_t *p, size_t n) {
    r->changes[r->n++] =
        (struct runnel_change){.what = off ? RUNNEL_APPEND : RUNNEL_PUT, .off = off, .key = key, .data = {p, n}};
}

/* What a new leaf of a stream's tree adds: itself, and each perfect node that it completes. */
static void add_leaf(struct run *r, unsigned number, uint64_t index) {
    uint64_t size = LEAF;
    for (unsigned level = 0;; level++, index /= 2, size = NODE) {
        uint8_t *p = take(r, size);
        fill(r, p, size);
        struct runnel_bytes key = key_of(r, 'T', number, (uint64_t)level << 48 | index / PACK, 9);
        add(r, index % PACK * size, key, p, size);
        if (index % 2 == 0)
            return;
    }
}

/* One stream's part of a commit. */
static void grow(struct run *r, unsigned number, unsigned each) {
    struct growing *g = &r->streams[number];
    for (unsigned left = each; left;) {
        uint64_t block = g->count / BLOCK;
        unsigned fits = (unsigned)(BLOCK - g->count % BLOCK), n = left < fits ? left : fits;
        size_t size = (g->open ? 0 : 8) + n * (r->gap + 1 + VALUE);
        uint8_t *p = take(r, size);
        fill(r, p, size);
        add(r, g->open, key_of(r, 'B', number, block, 8), p, size);
        g->open += size;
        g->count += n;
        left -= n;
        if (g->count % BLOCK == 0) {
            add_leaf(r, number, block + 1);
            g->open = 0;
        }
    }
    uint8_t *p = take(r, STATE);
    fill(r, p + 25, STATE - 25 - 40);
    add(r, 0, key_of(r, 'H', number, 0, 0), p, STATE);
}

static int64_t now_ns(clockid_t clock) {
    struct timespec t;
    assert_int_equal(clock_gettime(clock, &t), 0);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static size_t commit_once(struct run *r, const struct pattern *p, unsigned k, unsigned all) {
    r->n = r->used = 0;
    for (unsigned s = 0; s < p->streams; s++)
        grow(r, (k * p->streams + s) % all, p->each);
    int code = store_commit(&r->s, r->changes, r->n);
    if (code != 0)
        fail_msg("commit %u: code %d", k, code);
    return r->used;
}

static void run_init(struct run *r, unsigned streams, const struct pattern *p, size_t gap) {
    *r = (struct run){.seed = 7, .gap = gap, .pool = random_bytes(POOL, 1)};
    size_t changes = (size_t)p->streams * (32 + CHANGES_A_STREAM * (p->each / BLOCK));
    if (changes < streams)
        changes = streams;
    r->room = changes * 200 + (size_t)p->streams * p->each * (VALUE + 8 + gap);
    r->streams = calloc(streams, sizeof *r->streams);
    r->changes = calloc(changes, sizeof *r->changes);
    r->bytes = calloc(1, r->room);
    assert_true(r->streams && r->changes && r->bytes);
}

/* The leaf of each stream's descriptor. */
static void begin(struct run *r, unsigned streams) {
    r->n = r->used = 0;
    for (unsigned k = 0; k < streams; k++)
        add_leaf(r, k, 0);
    assert_int_equal(store_commit(&r->s, r->changes, r->n), 0);
}

static void run_free(struct run *r) {
    free(r->pool);
    free(r->streams);
    free(r->changes);
    free(r->bytes);
}

/* ---- beside it: the bare disk ---- */

static double bare(const char *dir, size_t size, unsigned commits, double *us) {
    char path[600];
    uint8_t *p = calloc(1, size);
    (void)snprintf(path, sizeof path, "%s/bare", dir);
    int fd = open(path, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && p);
    int64_t begun = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned k = 0; k < commits; k++) {
        assert_int_equal(write(fd, p, size), size);
        assert_int_equal(fdatasync(fd), 0);
    }
    double s = (double)(now_ns(CLOCK_MONOTONIC) - begun) / 1e9;
    *us = (double)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e3 / commits;
    (void)close(fd);
    (void)unlink(path);
    free(p);
    return commits / s;
}

/* ---- the rows ---- */

static void one_pattern(const char *plugin, const struct pattern *p, unsigned streams, size_t gap) {
    struct run r;
    struct ground g;
    ground_init(&g);
    run_init(&r, streams, p, gap);
    store_open(&r.s, plugin, g.store);
    begin(&r, streams);
    size_t bytes = 0;
    for (unsigned k = 0; k < 10; k++)
        (void)commit_once(&r, p, k, streams);
    int64_t begun = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned k = 0; k < p->commits; k++)
        bytes += commit_once(&r, p, k, streams);
    double s = (double)(now_ns(CLOCK_MONOTONIC) - begun) / 1e9;
    double us = (double)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e3 / p->commits;
    store_close(&r.s);
    double bare_us, disk = bare(g.root, bytes / p->commits, p->commits, &bare_us);
    printf("%-12s %9.0f commits/s %10.0f observations/s %8.1f us CPU a commit   bare %8.0f/s %8.1f us  ratio %.2f\n",
           p->name, p->commits / s, p->commits / s * p->streams * p->each, us, disk, bare_us, p->commits / s / disk);
    run_free(&r);
    ground_free(&g);
}

/* How large, and how large without the ballast and the log. */
struct sizes {
    uint64_t records, log, ballast, other;
};

static void add_size(void *arg, const char *path, uint64_t size) {
    struct sizes *z = arg;
    struct stat st;
    const char *name = strrchr(path, '/');
    if (stat(path, &st) == 0)
        size = (uint64_t)st.st_blocks * 512;
    if (name && strncmp(name, "/log.", 5) == 0)
        z->log += size;
    else if (name && strcmp(name, "/ballast") == 0)
        z->ballast += size;
    else if (name && strcmp(name, "/records.db") == 0)
        z->records += size;
    else
        z->other += size;
}

static void ignore_data(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    size_t *left = arg;
    assert_null(err);
    assert_true(data.n > 0);
    --*left;
}

static bool none_left(void *arg) {
    return *(size_t *)arg == 0;
}

/* All blocks of all streams, 16 at a time, as a reader gets them. */
static double read_all(struct run *r, unsigned streams) {
    int64_t begun = now_ns(CLOCK_MONOTONIC);
    for (unsigned s = 0; s < streams; s++)
        for (uint64_t block = 0; block * BLOCK < r->streams[s].count; block += 16) {
            size_t left = 0;
            r->used = 0;
            for (uint64_t k = block; k < block + 16 && k * BLOCK < r->streams[s].count; k++) {
                left++;
                r->s.ops->get(r->s.inst->self, key_of(r, 'B', s, k, 8), 0, UINT32_MAX, ignore_data, &left);
            }
            assert_true(host_run_until(r->s.host, none_left, &left, STORE_DEADLINE_MS));
        }
    return (double)(now_ns(CLOCK_MONOTONIC) - begun) / 1e9;
}

static void room(const char *plugin, unsigned streams, unsigned each_stream, unsigned each, size_t gap) {
    struct pattern p = {"room", streams < 16 ? streams : 16, each, 0};
    struct run r;
    struct ground g;
    struct sizes z = {0};
    uint64_t n = 0, want = (uint64_t)streams * each_stream;
    ground_init(&g);
    run_init(&r, streams, &p, gap);
    store_open(&r.s, plugin, g.store);
    begin(&r, streams);
    int64_t begun = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned k = 0; n < want; k++) {
        (void)commit_once(&r, &p, k, streams);
        n += (uint64_t)p.streams * each;
    }
    double s = (double)(now_ns(CLOCK_MONOTONIC) - begun) / 1e9;
    double us = (double)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e3;
    double got = read_all(&r, streams);
    struct sizes hot = {0};
    walk_files(g.store, add_size, &hot);
    store_close(&r.s);
    int64_t opening = now_ns(CLOCK_MONOTONIC);
    store_open(&r.s, plugin, g.store);
    opening = now_ns(CLOCK_MONOTONIC) - opening;
    double cold = read_all(&r, streams);
    store_close(&r.s);
    walk_files(g.store, add_size, &z);
    double c = (double)n;
    printf("room %u x %u by %u (%zu B a time): %.0f/s %.3f us CPU; B each: records %.2f log %.2f (running %.2f) all "
           "but ballast %.2f ballast %.2f; read %.0f/s again %.0f/s; open %.0f ms\n",
           streams, each_stream, each, gap, c / s, us / c, (double)z.records / c, (double)z.log / c,
           (double)hot.log / c, (double)(z.records + z.log + z.other) / c, (double)z.ballast / c, c / got, c / cold,
           (double)opening / 1e6);
    run_free(&r);
    ground_free(&g);
}

static void fetched(const char *plugin, size_t gap) {
    struct pattern p = {"fetch", 1, 65536, 16};
    one_pattern(plugin, &p, 1, gap);
}

int main(int argc, char **argv) {
    static const struct pattern patterns[] = {
        {"1 x 1", 1, 1, 4000}, {"1 x 64", 1, 64, 3000}, {"16 x 1", 16, 1, 2000}, {"16 x 16", 16, 16, 1500}};
    const char *plugin = argc > 1 ? argv[1] : "", *what = argc > 2 ? argv[2] : "all";
    size_t gap = argc > 3 ? strtoul(argv[3], NULL, 10) : 3;
    bool all = strcmp(what, "all") == 0;
    for (size_t k = 0; k < sizeof patterns / sizeof patterns[0]; k++)
        if (all || strcmp(what, "speed") == 0 || strcmp(what, patterns[k].name) == 0)
            one_pattern(plugin, &patterns[k], patterns[k].streams, gap);
    if (all || strcmp(what, "speed") == 0 || strcmp(what, "fetch") == 0)
        fetched(plugin, gap);
    if (all || strcmp(what, "room") == 0) {
        room(plugin, 1, 1000000, 64, gap);
        room(plugin, 1, 1000000, 65536, gap);
        room(plugin, 16, 62500, 16, gap);
        room(plugin, 1000, 1000, 10, gap);
        room(plugin, 1000, 10, 1, gap);
    }
    return 0;
}
