/* SPDX-License-Identifier: MIT
 * host.c — the test host: loading, the lifecycle, and the services of struct runnel_host.
 * May touch: include/runnel, libevent, libdl, the C library; nothing of this tree's core.
 */
#include "tests/conformance/host.h"
#include "tests/conformance/hostconf.h"
#include <dlfcn.h>
#include <event2/event.h>
#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

struct host_call {
    struct host_call *next;
    struct runnel_inst *inst;
    runnel_fn *fn;
    void *arg;
    bool owns;   /* arg is a struct of the host's and is freed when the call is dropped */
    bool posted; /* from another thread */
};

/* Kept in order of deadline, equal ones in order of asking. */
struct runnel_timer {
    struct runnel_timer *next;
    struct runnel_inst *inst;
    int64_t at;
    runnel_fn *fn;
    void *arg;
};

struct host_post {
    pthread_mutex_t lock;
    struct host_queue queue;
    int fd;
};

/* Kept in order of (instance's name, key). */
struct host_note {
    struct host_note *next;
    char *name;
    uint8_t key[24];
    size_t n_key;
    uint8_t *val;
    size_t n_val;
};

static _Noreturn void give_up(const char *what) {
    fprintf(stderr, "test host: %s\n", what);
    abort();
}

/* ---- who is running ---- */

/* Around a call into a plugin, and around what a plugin calls: what the flag was before. */
static bool go_in(struct test_host *h) {
    bool was = h->inside;
    h->inside = true;
    return was;
}

static bool go_out(struct test_host *h) {
    bool was = h->inside;
    h->inside = false;
    return was;
}

static void call_plugin(struct test_host *h, runnel_fn *fn, void *arg) {
    bool was = go_in(h);
    fn(arg);
    h->inside = was;
}

/* ---- time, random, log ---- */

static int64_t clock_ns(clockid_t id) {
    struct timespec ts;
    if (clock_gettime(id, &ts) != 0)
        give_up("the clock cannot be read");
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t api_now(struct runnel_inst *inst) {
    (void)inst;
    return clock_ns(CLOCK_MONOTONIC);
}

static int64_t api_wall(struct runnel_inst *inst) {
    (void)inst;
    return clock_ns(CLOCK_REALTIME);
}

static void api_random(struct runnel_inst *inst, void *p, size_t n) {
    (void)inst;
    for (size_t k = 0; k < n;) {
        ssize_t got = getrandom((char *)p + k, n - k, 0);
        if (got <= 0)
            give_up("no random bytes");
        k += (size_t)got;
    }
}

static void keep_line(struct test_host *h, const char *line) {
    size_t n = strlen(line);
    char *grown = realloc(h->log, h->n_log + n + 1);
    if (!grown)
        give_up("out of memory");
    memcpy(grown + h->n_log, line, n + 1);
    h->log = grown;
    h->n_log += n;
    if (getenv("RUNNEL_TEST_LOG"))
        fputs(line, stderr);
}

static void api_log(struct runnel_inst *inst, int level, const char *fmt, ...) {
    static const char *const words[] = {"error", "warn", "notice", "info", "debug"};
    char text[2048], line[2200];
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof text, fmt, ap) < 0)
        give_up("a log line cannot be formatted");
    va_end(ap);
    if (level < RUNNEL_ERROR || level > RUNNEL_DEBUG)
        give_up("a log line has a level that does not exist");
    if (snprintf(line, sizeof line, "%s %s: %s\n", words[level], inst->name, text) < 0)
        give_up("a log line cannot be formatted");
    bool was = go_out(inst->host);
    keep_line(inst->host, line);
    inst->host->inside = was;
}

bool host_logged(const struct test_host *h, const char *text) {
    return h->log && strstr(h->log, text) != NULL;
}

void host_log_clear(struct test_host *h) {
    free(h->log);
    h->log = NULL;
    h->n_log = 0;
}

/* ---- timers ---- */

static void set_alarm(struct test_host *h) {
    if (!h->timers) {
        if (event_del(h->alarm) != 0)
            give_up("an event cannot be deleted");
        return;
    }
    int64_t us = (h->timers->at - clock_ns(CLOCK_MONOTONIC) + 999) / 1000;
    if (us < 0)
        us = 0;
    struct timeval tv = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};
    if (event_add(h->alarm, &tv) != 0)
        give_up("an event cannot be added");
}

static struct runnel_timer *api_after(struct runnel_inst *inst, int64_t ns, runnel_fn *fn, void *arg) {
    if (inst->host->refuse && inst->host->refuse())
        return NULL;
    bool was = go_out(inst->host);
    struct runnel_timer *t = host_alloc(sizeof *t);
    *t = (struct runnel_timer){.inst = inst, .at = clock_ns(CLOCK_MONOTONIC) + (ns > 0 ? ns : 0), .fn = fn, .arg = arg};
    struct runnel_timer **at = &inst->host->timers;
    while (*at && (*at)->at <= t->at)
        at = &(*at)->next;
    t->next = *at;
    *at = t;
    set_alarm(inst->host);
    inst->host->inside = was;
    return t;
}

static void api_cancel(struct runnel_inst *inst, struct runnel_timer *timer) {
    if (!timer)
        return;
    struct runnel_timer **at = &inst->host->timers;
    while (*at && *at != timer)
        at = &(*at)->next;
    if (!*at)
        give_up("a timer was cancelled that is not pending");
    *at = timer->next;
    free(timer);
    bool was = go_out(inst->host);
    set_alarm(inst->host);
    inst->host->inside = was;
}

static void on_alarm(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct test_host *h = arg;
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    while (h->timers && h->timers->at <= now) {
        struct runnel_timer *t = h->timers;
        h->timers = t->next;
        call_plugin(h, t->fn, t->arg);
        free(t);
    }
    set_alarm(h);
}

/* ---- calls that wait for the loop ---- */

static void queue_init(struct host_queue *q) {
    q->first = NULL;
    q->last = &q->first;
}

static struct host_call *new_call(struct runnel_inst *inst, runnel_fn *fn, void *arg, bool owns) {
    struct host_call *c = host_alloc(sizeof *c);
    *c = (struct host_call){.inst = inst, .fn = fn, .arg = arg, .owns = owns};
    return c;
}

static void queue_add(struct host_queue *q, struct host_call *c) {
    *q->last = c;
    q->last = &c->next;
}

/* A timer of 0 and no direct activation: the loop looks at its files between two rounds of calls. */
static void wake_soon(struct test_host *h) {
    static const struct timeval at_once = {0, 0};
    if (h->deferred.first && event_add(h->soon, &at_once) != 0)
        give_up("an event cannot be added");
}

static void defer_owned(struct runnel_inst *inst, runnel_fn *fn, void *arg, bool owns) {
    queue_add(&inst->host->deferred, new_call(inst, fn, arg, owns));
    wake_soon(inst->host);
}

/* One call of each instance is always possible, as plugin.h says. */
static int api_defer(struct runnel_inst *inst, runnel_fn *fn, void *arg) {
    if (inst->deferred > 0 && inst->host->refuse && inst->host->refuse())
        return -RUNNEL_ENOMEM;
    bool was = go_out(inst->host);
    inst->deferred++;
    defer_owned(inst, fn, arg, false);
    inst->host->inside = was;
    return 0;
}

/* Runs what is there now; what these calls defer waits for the next turn. */
static void on_soon(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct test_host *h = arg;
    struct host_call **end = h->deferred.last;
    for (bool more = true; more && h->deferred.first;) {
        struct host_call *c = h->deferred.first;
        more = end != &c->next;
        h->deferred.first = c->next;
        if (!c->next)
            h->deferred.last = &h->deferred.first;
        if (!c->owns && !c->posted)
            c->inst->deferred--;
        if (c->owns)
            c->fn(c->arg);
        else
            call_plugin(h, c->fn, c->arg);
        free(c);
    }
    wake_soon(h);
}

static int api_post(struct runnel_inst *inst, runnel_fn *fn, void *arg) {
    struct host_post *post = inst->host->post;
    struct host_call *c = new_call(inst, fn, arg, false);
    uint64_t one = 1;
    c->posted = true;
    if (pthread_mutex_lock(&post->lock) != 0)
        give_up("a mutex cannot be locked");
    queue_add(&post->queue, c);
    if (pthread_mutex_unlock(&post->lock) != 0 || write(post->fd, &one, sizeof one) != sizeof one)
        give_up("a post cannot be made");
    return 0;
}

static void on_posted(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    struct test_host *h = arg;
    uint64_t count;
    if (read(fd, &count, sizeof count) != sizeof count || pthread_mutex_lock(&h->post->lock) != 0)
        give_up("posts cannot be read");
    if (h->post->queue.first) {
        *h->deferred.last = h->post->queue.first;
        h->deferred.last = h->post->queue.last;
        queue_init(&h->post->queue);
    }
    if (pthread_mutex_unlock(&h->post->lock) != 0)
        give_up("a mutex cannot be unlocked");
    wake_soon(h);
}

static void post_init(struct test_host *h) {
    h->post = host_alloc(sizeof *h->post);
    queue_init(&h->post->queue);
    h->post->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (h->post->fd < 0 || pthread_mutex_init(&h->post->lock, NULL) != 0)
        give_up("no eventfd or mutex");
}

/* ---- notes ---- */

struct note_put {
    struct runnel_inst *inst;
    struct host_note *note; /* to be put in */
    runnel_done *done;
    void *arg;
};

struct note_scan {
    struct runnel_inst *inst;
    uint8_t prefix[24];
    size_t n;
    runnel_pair *pair;
    runnel_done *done;
    void *arg;
};

static void free_note(struct host_note *n) {
    free(n->name);
    free(n->val);
    free(n);
}

static int compare_notes(const struct host_note *a, const struct host_note *b) {
    int by_name = strcmp(a->name, b->name);
    if (by_name)
        return by_name;
    int by_key = memcmp(a->key, b->key, a->n_key < b->n_key ? a->n_key : b->n_key);
    return by_key ? by_key : (a->n_key > b->n_key) - (a->n_key < b->n_key);
}

static void on_note_put(void *arg) {
    struct note_put *put = arg;
    struct host_note **at = &put->inst->host->notes, *note = put->note;
    while (*at && compare_notes(*at, note) < 0)
        at = &(*at)->next;
    if (*at && compare_notes(*at, note) == 0) {
        struct host_note *old = *at;
        *at = old->next;
        free_note(old);
    }
    if (note->n_val) {
        note->next = *at;
        *at = note;
    } else {
        free_note(note);
    }
    bool was = go_in(put->inst->host);
    put->done(put->arg, NULL);
    put->inst->host->inside = was;
    free(put);
}

static void api_note_put(struct runnel_inst *inst, struct runnel_bytes key, struct runnel_bytes val, runnel_done *done,
                         void *arg) {
    if (key.n < 1 || key.n > sizeof((struct host_note *)0)->key || val.n > 65536)
        give_up("a note breaks its limits: key 1 to 24 bytes, value up to 64 KiB");
    bool was = go_out(inst->host);
    struct host_note *note = host_alloc(sizeof *note);
    note->name = host_strdup(inst->name);
    memcpy(note->key, key.p, key.n);
    note->n_key = key.n;
    note->val = host_alloc(val.n);
    note->n_val = val.n;
    if (val.n)
        memcpy(note->val, val.p, val.n);
    struct note_put *put = host_alloc(sizeof *put);
    *put = (struct note_put){inst, note, done, arg};
    defer_owned(inst, on_note_put, put, true);
    inst->host->inside = was;
}

static void on_note_scan(void *arg) {
    struct note_scan *s = arg;
    bool was = go_in(s->inst->host);
    for (struct host_note *n = s->inst->host->notes; n; n = n->next)
        if (!strcmp(n->name, s->inst->name) && n->n_key >= s->n && !memcmp(n->key, s->prefix, s->n))
            s->pair(s->arg, (struct runnel_bytes){n->key, n->n_key}, (struct runnel_bytes){n->val, n->n_val});
    s->done(s->arg, NULL);
    s->inst->host->inside = was;
    free(s);
}

static void api_note_scan(struct runnel_inst *inst, struct runnel_bytes prefix, runnel_pair *pair, runnel_done *done,
                          void *arg) {
    bool was = go_out(inst->host);
    struct note_scan *s = host_alloc(sizeof *s);
    *s = (struct note_scan){.inst = inst, .n = prefix.n, .pair = pair, .done = done, .arg = arg};
    if (prefix.n > sizeof s->prefix)
        give_up("a prefix of notes is longer than any key");
    if (prefix.n)
        memcpy(s->prefix, prefix.p, prefix.n);
    defer_owned(inst, on_note_scan, s, true);
    inst->host->inside = was;
}

/* ---- the rest of the services ---- */

static struct event_base *api_loop(struct runnel_inst *inst) {
    return inst->host->base;
}

static const char *api_dir(struct runnel_inst *inst) {
    return inst->dir;
}

static void api_failed(struct runnel_inst *inst, const struct runnel_err *why) {
    api_log(inst, RUNNEL_ERROR, "has failed for good: %s", why->msg);
}

static const struct runnel_host services = {
    .size = sizeof services,
    .now = api_now,
    .wall = api_wall,
    .random = api_random,
    .log = api_log,
    .after = api_after,
    .cancel = api_cancel,
    .defer = api_defer,
    .post = api_post,
    .loop = api_loop,
    .dir = api_dir,
    .note_put = api_note_put,
    .note_scan = api_note_scan,
    .failed = api_failed,
};

/* ---- the host ---- */

static void on_deadline(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    ((struct test_host *)arg)->late = true;
}

struct test_host *host_new(void) {
    struct test_host *h = host_alloc(sizeof *h);
    struct event_config *config = event_config_new();
    if (!config || event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) != 0)
        give_up("libevent cannot be configured");
    h->base = event_base_new_with_config(config);
    event_config_free(config);
    if (!h->base)
        give_up("no event base");
    queue_init(&h->deferred);
    post_init(h);
    h->alarm = event_new(h->base, -1, 0, on_alarm, h);
    h->soon = event_new(h->base, -1, 0, on_soon, h);
    h->deadline = event_new(h->base, -1, 0, on_deadline, h);
    h->posted = event_new(h->base, h->post->fd, EV_READ | EV_PERSIST, on_posted, h);
    if (!h->alarm || !h->soon || !h->deadline || !h->posted || event_add(h->posted, NULL) != 0)
        give_up("an event cannot be made");
    return h;
}

void host_free(struct test_host *h) {
    if (h->timers || h->deferred.first || h->post->queue.first)
        give_up("freed while an instance has calls pending: close every instance first");
    event_free(h->alarm);
    event_free(h->soon);
    event_free(h->deadline);
    event_free(h->posted);
    event_base_free(h->base);
    if (close(h->post->fd) != 0 || pthread_mutex_destroy(&h->post->lock) != 0)
        give_up("the eventfd or mutex cannot be freed");
    free(h->post);
    for (struct host_note *n = h->notes, *next; n; n = next) {
        next = n->next;
        free_note(n);
    }
    free(h->log);
    free(h);
}

static void turn(struct test_host *h, int flags) {
    if (event_base_loop(h->base, flags) < 0)
        give_up("the event loop failed");
}

bool host_run_until(struct test_host *h, host_predicate *predicate, void *arg, int64_t deadline_ms) {
    struct timeval tv = {.tv_sec = deadline_ms / 1000, .tv_usec = deadline_ms % 1000 * 1000};
    h->late = false;
    if (event_add(h->deadline, &tv) != 0)
        give_up("an event cannot be added");
    bool holds;
    while (!(holds = predicate(arg)) && !h->late)
        turn(h, EVLOOP_ONCE);
    if (event_del(h->deadline) != 0)
        give_up("an event cannot be deleted");
    return holds;
}

bool host_flag(void *arg) {
    return *(const bool *)arg;
}

void host_settle(struct test_host *h) {
    do
        turn(h, EVLOOP_NONBLOCK);
    while (h->deferred.first);
}

/* ---- instances ---- */

const char *host_plugin_path(const char *kind, const char *name, char *out, size_t n) {
    const char *build = getenv("RUNNEL_BUILD");
    int got = snprintf(out, n, "%s/plugins/%s/%s/.libs/%s-%s.so", build ? build : ".", kind, name, kind, name);
    if (got < 0 || (size_t)got >= n)
        give_up("the path of a plugin is too long");
    return out;
}

/* Our copy of the plugin's struct; NULL and err when it does not fit this ABI. */
static struct runnel_plugin *load(const struct host_section *section, struct runnel_err *err) {
    void *so = dlopen(section->path, RTLD_NOW | RTLD_LOCAL);
    if (!so)
        return host_fail(err, RUNNEL_ENOTFOUND, "%s", dlerror()), NULL;
    const struct runnel_plugin *theirs = dlsym(so, RUNNEL_PLUGIN_SYMBOL);
    if (!theirs)
        return host_fail(err, RUNNEL_EINVALID, "%s: no symbol " RUNNEL_PLUGIN_SYMBOL, section->path), NULL;
    if (theirs->abi_major != RUNNEL_ABI_MAJOR || theirs->abi_minor > RUNNEL_ABI_MINOR)
        return host_fail(err, RUNNEL_EUNSUPPORTED, "%s: ABI %u.%u, this host has %u.%u", section->path,
                         theirs->abi_major, theirs->abi_minor, RUNNEL_ABI_MAJOR, RUNNEL_ABI_MINOR),
               NULL;
    if (section->kind && section->kind != theirs->kind)
        return host_fail(err, RUNNEL_EINVALID, "%s: kind %u, want %u", section->path, theirs->kind, section->kind),
               NULL;
    struct runnel_plugin *ours = host_alloc(sizeof *ours);
    memcpy(ours, theirs, theirs->size < sizeof *ours ? theirs->size : sizeof *ours);
    return ours;
}

static void set_dir(struct runnel_inst *inst, const char *dir) {
    if (dir) {
        inst->dir = host_strdup(dir);
        return;
    }
    const char *tmp = getenv("TMPDIR");
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/runnel-test-XXXXXX", tmp ? tmp : "/tmp");
    if (n < 0 || (size_t)n >= sizeof path || !mkdtemp(path))
        give_up("no temporary directory can be made");
    inst->dir = host_strdup(path);
    inst->own_dir = true;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void free_inst(struct runnel_inst *inst) {
    if (inst->own_dir && nftw(inst->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        give_up("a temporary directory cannot be removed");
    host_conf_free(inst->conf);
    free(inst->dir);
    free(inst->name);
    free(inst->plugin);
    free(inst);
}

static int create(struct runnel_inst *inst, struct runnel_err *err) {
    bool was = go_in(inst->host);
    int rc = inst->plugin->create(inst, &inst->api, inst->conf->p, &inst->self, err);
    inst->host->inside = was;
    return rc;
}

static void destroy(struct runnel_inst *inst) {
    bool was = go_in(inst->host);
    inst->plugin->destroy(inst->self);
    inst->host->inside = was;
}

struct runnel_inst *host_open(struct test_host *h, const struct host_section *section, struct runnel_err *err) {
    struct runnel_plugin *plugin = load(section, err);
    if (!plugin)
        return NULL;
    struct runnel_inst *inst = host_alloc(sizeof *inst);
    inst->host = h;
    inst->plugin = plugin;
    inst->name = host_strdup(section->name ? section->name : plugin->name);
    inst->ops = plugin->ops;
    inst->user = section->user;
    inst->api = services;
    inst->api.up = section->up;
    set_dir(inst, section->dir);
    inst->conf = host_conf_new(plugin, section->conf, err);
    if (inst->conf && create(inst, err) == 0)
        return inst;
    free_inst(inst);
    return NULL;
}

int host_start(struct runnel_inst *inst, struct runnel_err *err) {
    bool was = go_in(inst->host);
    int rc = inst->plugin->start ? inst->plugin->start(inst->self, err) : 0;
    inst->host->inside = was;
    inst->started = rc == 0;
    return rc;
}

int host_reload(struct runnel_inst *inst, const char *const *conf, struct runnel_err *err) {
    if (!inst->plugin->reload)
        return host_fail(err, RUNNEL_EUNSUPPORTED, "%s has no reload", inst->plugin->name);
    struct host_conf *fresh = host_conf_new(inst->plugin, conf, err);
    if (!fresh)
        return -RUNNEL_EINVALID;
    bool was = go_in(inst->host);
    int rc = inst->plugin->reload(inst->self, fresh->p, err);
    inst->host->inside = was;
    host_conf_free(rc == 0 ? inst->conf : fresh);
    if (rc == 0)
        inst->conf = fresh;
    return rc;
}

const void *host_conf_of(const struct runnel_inst *inst) {
    return inst->conf->p;
}

struct stopping {
    bool done;
    int rc;
};

static void on_stopped(void *arg, const struct runnel_err *err) {
    struct stopping *s = arg;
    if (s->done)
        give_up("stop fired its done twice");
    s->done = true;
    s->rc = err ? -err->code : 0;
}

int host_stop(struct runnel_inst *inst, int64_t deadline_ms) {
    inst->started = false;
    if (!inst->plugin->stop)
        return 0;
    /* On the heap: a stop that comes too late must not write into a dead frame. */
    struct stopping *s = host_alloc(sizeof *s);
    bool was = go_in(inst->host);
    inst->plugin->stop(inst->self, on_stopped, s);
    inst->host->inside = was;
    if (s->done)
        give_up("stop fired its done within the call");
    if (!host_run_until(inst->host, host_flag, &s->done, deadline_ms))
        return -RUNNEL_ETIMEOUT;
    int rc = s->rc;
    free(s);
    return rc;
}

/* Drops the calls of an instance; how many there were. */
static unsigned drop_calls(struct host_queue *q, const struct runnel_inst *inst) {
    unsigned n = 0;
    for (struct host_call **at = &q->first; *at;) {
        struct host_call *c = *at;
        if (c->inst != inst) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        if (c->owns && c->fn == on_note_put)
            free_note(((struct note_put *)c->arg)->note);
        if (c->owns)
            free(c->arg);
        free(c);
        n++;
    }
    for (q->last = &q->first; *q->last;)
        q->last = &(*q->last)->next;
    return n;
}

static unsigned drop_pending(struct runnel_inst *inst) {
    struct test_host *h = inst->host;
    unsigned n = drop_calls(&h->deferred, inst) + drop_calls(&h->post->queue, inst);
    for (struct runnel_timer **at = &h->timers; *at;) {
        struct runnel_timer *t = *at;
        if (t->inst != inst) {
            at = &t->next;
            continue;
        }
        *at = t->next;
        free(t);
        n++;
    }
    set_alarm(h);
    return n;
}

void host_close(struct runnel_inst *inst) {
    if (inst->started) {
        int rc = host_stop(inst, 10000);
        if (rc == -RUNNEL_ETIMEOUT)
            give_up("an instance did not stop within 10 s");
        if (drop_pending(inst) != 0)
            give_up("an instance left timers or calls behind after its stop");
    }
    destroy(inst);
    (void)drop_pending(inst);
    free_inst(inst);
}

void host_abandon(struct runnel_inst *inst) {
    destroy(inst);
    (void)drop_pending(inst);
    free_inst(inst);
}
