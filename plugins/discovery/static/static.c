/* SPDX-License-Identifier: MIT
 * static.c — the static discovery plugin: tells of each stream the addresses that the config names.
 * May touch: the heap, and the host's defer and random.
 */
#include "config.h"

#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "plugins/discovery/static/peers.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct static_conf {
    struct runnel_bytes peers;
};

/* A stream that the core looks for: our copy of what it said. */
struct watch {
    struct rn_list due; /* in finder->due while its list has yet to be told */
    uint64_t number;
    struct runnel_sought sought;
    uint8_t author[32];
    char *source, *stream, *target;
};

struct finder {
    struct runnel_inst *inst;
    const struct runnel_host *host;
    const struct runnel_discovery_up *up;
    struct rn_peers *peers;
    struct rn_map *watches; /* by number */
    struct rn_list due;
    bool telling; /* on_tell is deferred */
    runnel_done *done;
    void *done_arg;
};

/* ---- watches ------------------------------------------------------------------------------------ */

static void watch_free(struct watch *w) {
    rn_list_del(&w->due);
    free(w->source);
    free(w->stream);
    free(w->target);
    free(w);
}

/* A copy of a string that may be absent. -1 when out of memory. */
static int copy(char **to, const char *from) {
    *to = from ? strdup(from) : NULL;
    return from && !*to ? -1 : 0;
}

static struct watch *watch_new(uint64_t number, const struct runnel_sought *sought) {
    struct watch *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    rn_list_init(&w->due);
    w->number = number;
    if (copy(&w->source, sought->source) != 0 || copy(&w->stream, sought->stream) != 0 ||
        copy(&w->target, sought->target) != 0) {
        watch_free(w);
        return NULL;
    }
    w->sought = (struct runnel_sought){.size = sizeof w->sought, .has_id = sought->has_id, .id = sought->id};
    if (sought->author) {
        memcpy(w->author, sought->author, sizeof w->author);
        w->sought.author = w->author;
    }
    w->sought.source = w->source;
    w->sought.stream = w->stream;
    w->sought.target = w->target;
    return w;
}

/* ---- telling ------------------------------------------------------------------------------------ */

static void out_of_memory(struct finder *s, const char *what) {
    s->host->log(s->inst, RUNNEL_ERROR, "out of memory: %s", what);
}

static void tell(struct finder *s, const struct watch *w) {
    const struct runnel_candidate **list;
    struct rn_peers_found found;
    if (rn_peers_find(s->peers, &w->sought, &found) != 0) {
        out_of_memory(s, "nobody was told who serves a stream");
        return;
    }
    list = calloc(found.n ? found.n : 1, sizeof *list);
    for (size_t k = 0; list && k < found.n; k++)
        list[k] = &found.list[k];
    if (list)
        s->up->found(s->inst, w->number, list, found.n);
    else
        out_of_memory(s, "nobody was told who serves a stream");
    free(list);
    free(found.list);
}

static void tell_later(struct finder *s);

/* Tells those that are due now; found may watch and unwatch, and what it makes due waits for the next turn. */
static void on_tell(void *arg) {
    struct finder *s = arg;
    struct rn_list now;
    s->telling = false;
    rn_list_init(&now);
    while (!s->done && !rn_list_empty(&s->due)) {
        struct rn_list *first = s->due.next;
        rn_list_del(first);
        rn_list_add(&now, first);
    }
    while (!s->done && !rn_list_empty(&now)) {
        struct watch *w = rn_list_of(now.next, struct watch, due);
        rn_list_del(&w->due);
        tell(s, w);
    }
    /* Stopped within found: what was not told any more goes with the instance. */
    while (!rn_list_empty(&now))
        rn_list_del(now.next);
    if (!s->done && !rn_list_empty(&s->due))
        tell_later(s);
    /* A stop within found has deferred this function once more; then it is that call which says done. */
    if (s->done && !s->telling)
        s->done(s->done_arg, NULL);
}

/* At most one call is under way, so that a stop knows what to wait for. */
static void tell_later(struct finder *s) {
    if (s->telling)
        return;
    if (s->host->defer(s->inst, on_tell, s) == 0)
        s->telling = true;
    else
        out_of_memory(s, "a call could not be deferred");
}

static void make_due(struct finder *s, struct watch *w) {
    if (!rn_list_linked(&w->due))
        rn_list_add(&s->due, &w->due);
    tell_later(s);
}

static void watch(void *self, uint64_t number, const struct runnel_sought *sought, int on) {
    struct finder *s = self;
    struct watch *w = rn_map_del(s->watches, &number, sizeof number);
    if (w)
        watch_free(w);
    if (!on || s->done)
        return;
    w = watch_new(number, sought);
    if (!w || rn_map_put(s->watches, &number, sizeof number, w) != 0) {
        if (w)
            watch_free(w);
        out_of_memory(s, "a stream is not looked for");
        return;
    }
    make_due(s, w);
}

/* ---- the plugin --------------------------------------------------------------------------------- */

static int check(const void *conf, runnel_complain *complain, void *arg) {
    const struct static_conf *c = conf;
    struct rn_peers *peers = NULL;
    int rc = rn_peers_parse(c->peers, complain, arg, &peers);
    rn_peers_free(peers);
    return rc;
}

static int parse(const void *conf, struct rn_peers **out, struct runnel_err *err) {
    const struct static_conf *c = conf;
    int rc = rn_peers_parse(c->peers, NULL, NULL, out);
    if (rc == -RUNNEL_ENOMEM)
        return rn_fail(err, RUNNEL_ENOMEM, "peers: out of memory");
    return rc == 0 ? 0 : rn_fail(err, -rc, "peers: malformed; `runneld -t` says where");
}

static void destroy(void *self) {
    struct finder *s = self;
    if (s->watches) {
        rn_map_for (e, s->watches)
            watch_free(e->val);
        rn_map_free(s->watches);
    }
    rn_peers_free(s->peers);
    free(s);
}

static int create(struct runnel_inst *inst, const struct runnel_host *host, const void *conf, void **self,
                  struct runnel_err *err) {
    struct finder *s = calloc(1, sizeof *s);
    uint8_t seed[16];
    int rc;
    if (!s)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    s->inst = inst;
    s->host = host;
    s->up = host->up;
    rn_list_init(&s->due);
    host->random(inst, seed, sizeof seed);
    s->watches = rn_map_new(seed);
    rc = s->watches ? parse(conf, &s->peers, err) : rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    if (rc != 0) {
        destroy(s);
        return rc;
    }
    *self = s;
    return 0;
}

/* Whether a stream's list differs between two tables; out of memory counts as yes. */
static bool differs(const struct watch *w, const struct rn_peers *a, const struct rn_peers *b) {
    struct rn_peers_found in_a = {0}, in_b = {0};
    bool yes = rn_peers_find(a, &w->sought, &in_a) != 0 || rn_peers_find(b, &w->sought, &in_b) != 0 ||
               !rn_peers_same(&in_a, &in_b);
    free(in_a.list);
    free(in_b.list);
    return yes;
}

static int reload(void *self, const void *conf, struct runnel_err *err) {
    struct finder *s = self;
    struct rn_peers *old = s->peers;
    int rc = parse(conf, &s->peers, err);
    if (rc != 0)
        return rc;
    rn_map_for (e, s->watches) {
        struct watch *w = e->val;
        if (differs(w, old, s->peers))
            make_due(s, w);
    }
    rn_peers_free(old);
    return 0;
}

static void stop(void *self, runnel_done *done, void *arg) {
    struct finder *s = self;
    s->done = done;
    s->done_arg = arg;
    tell_later(s);
}

static const struct runnel_option options[] = {
    {"peers", RUNNEL_OPT_JSON, RUNNEL_OPT_LIVE, offsetof(struct static_conf, peers), "{}", 0, 0,
     "Who serves what: {STREAM: [ADDRESS, ...]}, STREAM an id, AUTHOR/source/stream/target, or *; the publisher first"},
};

static const struct runnel_discovery ops = {.size = sizeof ops, .watch = watch};

const struct runnel_plugin runnel_plugin = {
    .size = sizeof runnel_plugin,
    .abi_major = RUNNEL_ABI_MAJOR,
    .abi_minor = 0,
    .kind = RUNNEL_DISCOVERY,
    .name = "static",
    .version = PACKAGE_VERSION,
    .summary = "Tells of each stream the addresses that the config names",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .conf_size = sizeof(struct static_conf),
    .check = check,
    .create = create,
    .reload = reload,
    .stop = stop,
    .destroy = destroy,
    .ops = &ops,
};
