/* SPDX-License-Identifier: MIT
 * env.c — the env of a node over libevent.
 * May touch: libevent, the clocks, libsodium, the data directory.
 */
#include "daemon/env.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/time.h"
#include "daemon/datadir.h"
#include "daemon/identity.h"
#include "daemon/marker.h"
#include "node/registry.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct rn_world {
    struct rn_world_conf conf;
    struct rn_env env;
    struct event_base *base;
    struct event *alarm, *wake, *posted, *failed;
    int64_t alarm_at;
    int alarm_fd, event_fd;
    pthread_mutex_t mutex; /* guards `posts` */
    struct rn_list posts;  /* of struct post */
    struct rn_list dirs;   /* of struct dir */
    runnel_fn *turn;
    void *turn_arg;
    runnel_done *on_failure;
    void *failure_arg;
    struct runnel_err why; /* it has failed */
};

struct post {
    struct rn_list link;
    runnel_fn *fn;
    void *arg;
};

struct dir {
    struct rn_list link;
    char path[];
};

/* ---- the clocks ---- */

static int64_t clock_ns(clockid_t id) {
    struct timespec t = {0};
    (void)clock_gettime(id, &t); /* cannot fail for these clocks */
    return (int64_t)t.tv_sec * RN_NS_S + t.tv_nsec;
}

static int64_t now(void *ctx) {
    (void)ctx;
    return clock_ns(CLOCK_MONOTONIC);
}

static int64_t wall(void *ctx) {
    (void)ctx;
    return clock_ns(CLOCK_REALTIME);
}

/* ---- turns ---- */

static void run_turn(struct rn_world *w) {
    if (w->turn != NULL)
        w->turn(w->turn_arg);
}

static void on_alarm(evutil_socket_t fd, short what, void *arg) {
    struct rn_world *w = arg;
    uint64_t times;
    (void)what;
    ssize_t n = read(fd, &times, sizeof times);
    if (n < 0)
        return; /* it was moved since */
    w->alarm_at = INT64_MAX;
    run_turn(w);
}

static void on_wake(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    run_turn(arg);
}

/* A timer of our own beside libevent's, whose precise ones cost a system call in each turn of its loop, and whose
 * others are 4 ms late. The kernel is told only when the alarm moves. */
static void alarm_set(void *ctx, int64_t at) {
    struct rn_world *w = ctx;
    struct itimerspec t = {.it_value = {0, 0}}; /* none */
    if (at == w->alarm_at)
        return;
    w->alarm_at = at;
    if (at != INT64_MAX) {
        if (at < 1)
            at = 1; /* 0 would mean none */
        t.it_value.tv_sec = (time_t)(at / RN_NS_S);
        t.it_value.tv_nsec = (long)(at % RN_NS_S);
    }
    (void)timerfd_settime(w->alarm_fd, TFD_TIMER_ABSTIME, &t, NULL); /* cannot fail for such a time */
}

/* A timer of zero, not event_active: the sockets are looked at in between, so that a node with much to
 * do still hears. */
static void wake(void *ctx) {
    struct rn_world *w = ctx;
    static const struct timeval zero = {0, 0};
    if (!evtimer_pending(w->wake, NULL))
        (void)evtimer_add(w->wake, &zero);
}

/* ---- posts ---- */

static int post(void *ctx, runnel_fn *fn, void *arg) {
    struct rn_world *w = ctx;
    struct post *p = malloc(sizeof *p);
    if (p == NULL)
        return -RUNNEL_ENOMEM;
    p->fn = fn;
    p->arg = arg;
    (void)pthread_mutex_lock(&w->mutex); /* a plain mutex, never held by this thread here */
    int first = rn_list_empty(&w->posts);
    rn_list_add(&w->posts, &p->link);
    (void)pthread_mutex_unlock(&w->mutex);
    if (first) {
        uint64_t one = 1;
        ssize_t n = write(w->event_fd, &one, sizeof one);
        (void)n; /* it fails only when the counter is full: then it is readable anyway */
    }
    return 0;
}

static void run_posts(struct rn_world *w) {
    struct rn_list mine;
    rn_list_init(&mine);
    (void)pthread_mutex_lock(&w->mutex);
    while (!rn_list_empty(&w->posts)) {
        struct rn_list *l = w->posts.next;
        rn_list_del(l);
        rn_list_add(&mine, l);
    }
    (void)pthread_mutex_unlock(&w->mutex);
    while (!rn_list_empty(&mine)) {
        struct post *p = rn_list_of(mine.next, struct post, link);
        struct post call = *p;
        rn_list_del(&p->link);
        free(p);
        call.fn(call.arg);
    }
}

static void on_posted(evutil_socket_t fd, short what, void *arg) {
    uint64_t count;
    (void)what;
    ssize_t n = read(fd, &count, sizeof count); /* first, so that a post from now on signals again */
    (void)n;                                    /* nothing there: somebody was faster */
    run_posts(arg);
}

/* ---- failure ---- */

static void on_failed(evutil_socket_t fd, short what, void *arg) {
    const struct rn_world *w = arg;
    (void)fd;
    (void)what;
    if (w->on_failure != NULL)
        w->on_failure(w->failure_arg, &w->why);
}

static void failed(void *ctx, const struct runnel_err *why) {
    struct rn_world *w = ctx;
    if (w->why.code == 0)
        w->why = *why;
    event_active(w->failed, EV_TIMEOUT, 0);
}

/* ---- the rest ---- */

static void random_bytes(void *ctx, void *p, size_t n) {
    (void)ctx;
    randombytes_buf(p, n);
}

static void again(void *ctx) {
    const struct rn_world *w = ctx;
    w->conf.again(w->conf.again_arg);
}

static void reload(void *ctx) {
    const struct rn_world *w = ctx;
    w->conf.reload(w->conf.reload_arg);
}

static int sign(void *ctx, const char *purpose, const void *p, size_t n, uint8_t sig[RN_SIGNATURE]) {
    const struct rn_world *w = ctx;
    return rn_sign(w->conf.pair, purpose, p, n, sig);
}

static int verify(void *ctx, const struct rn_key *id, const char *purpose, const void *p, size_t n,
                  const uint8_t sig[RN_SIGNATURE]) {
    (void)ctx;
    return rn_verify(id, purpose, p, n, sig);
}

static struct event_base *loop(void *ctx) {
    return ((struct rn_world *)ctx)->base;
}

const char *rn_world_dir(void *world, uint32_t kind, const char *name, struct runnel_err *err) {
    struct rn_world *w = world;
    size_t n = strlen(w->conf.data) + strlen(rn_kind_name(kind)) + strlen(name) + 3;
    struct dir *d = malloc(sizeof *d + n);
    if (d == NULL) {
        (void)rn_fail(err, RUNNEL_ENOMEM, "no memory for the directory of %s.%s", rn_kind_name(kind), name);
        return NULL;
    }
    (void)snprintf(d->path, n, "%s/%s-%s", w->conf.data, rn_kind_name(kind), name);
    if (rn_dir_make(d->path, err) != 0) {
        free(d);
        return NULL;
    }
    rn_list_for (it, &w->dirs)
        if (strcmp(rn_list_of(it, struct dir, link)->path, d->path) == 0) {
            free(d);
            return rn_list_of(it, struct dir, link)->path;
        }
    rn_list_add(&w->dirs, &d->link);
    return d->path;
}

static int marker(void *ctx, uint32_t kind, const char *name, char *out, size_t n, struct runnel_err *err) {
    const char *dir = rn_world_dir(ctx, kind, name, err);
    return dir != NULL ? rn_marker(dir, out, n, err) : -err->code;
}

/* An identity that may only be read stays as it is: then the loss of its store goes unnoticed. */
static int identity_used(void *ctx, struct runnel_err *err) {
    struct rn_world *w = ctx;
    int rc = rn_identity_note_used(w->conf.identity, err);
    if (rc == 0 || rc == -RUNNEL_EDENIED)
        w->env.identity_new = 0; /* also for a node that is started again in this process */
    if (rc != -RUNNEL_EDENIED)
        return rc;
    rn_log(w->conf.log, RUNNEL_WARN, "daemon", "%s; should its store be lost one day, that will not be noticed",
           err->msg);
    return 0;
}

static void fill_env(struct rn_world *w) {
    w->env = (struct rn_env){
        .ctx = w,
        .now = now,
        .wall = wall,
        .alarm = alarm_set,
        .wake = wake,
        .post = post,
        .random = random_bytes,
        .sign = sign,
        .verify = verify,
        .loop = loop,
        .dir = rn_world_dir,
        .again = again,
        .reload = reload,
        .marker = marker,
        .identity_used = identity_used,
        .identity_new = !w->conf.identity_used,
        .log = w->conf.log,
        .failed = failed,
        .uid = (int64_t)geteuid(),
    };
}

static int make_events(struct rn_world *w) {
    w->base = event_base_new();
    if (w->base == NULL)
        return -1;
    w->alarm = event_new(w->base, w->alarm_fd, EV_READ | EV_PERSIST, on_alarm, w);
    w->wake = evtimer_new(w->base, on_wake, w);
    w->posted = event_new(w->base, w->event_fd, EV_READ | EV_PERSIST, on_posted, w);
    w->failed = evtimer_new(w->base, on_failed, w);
    if (w->alarm == NULL || w->wake == NULL || w->posted == NULL || w->failed == NULL)
        return -1;
    return event_add(w->posted, NULL) == 0 ? event_add(w->alarm, NULL) : -1;
}

struct rn_world *rn_world_new(const struct rn_world_conf *conf, struct runnel_err *err) {
    struct rn_world *w = calloc(1, sizeof *w);
    if (w == NULL) {
        (void)rn_fail(err, RUNNEL_ENOMEM, "no memory for the event loop");
        return NULL;
    }
    w->conf = *conf;
    w->alarm_at = INT64_MAX;
    rn_list_init(&w->posts);
    rn_list_init(&w->dirs);
    (void)pthread_mutex_init(&w->mutex, NULL); /* cannot fail for a plain mutex on this system */
    w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (w->event_fd < 0 || w->alarm_fd < 0 || make_events(w) != 0) {
        (void)rn_fail(err, RUNNEL_EIO, "the event loop cannot be made: %s", strerror(errno));
        rn_world_free(w);
        return NULL;
    }
    fill_env(w);
    return w;
}

static void free_event(struct event *e) {
    if (e != NULL)
        event_free(e);
}

void rn_world_free(struct rn_world *w) {
    if (w == NULL)
        return;
    run_posts(w);
    free_event(w->alarm);
    free_event(w->wake);
    free_event(w->posted);
    free_event(w->failed);
    if (w->base != NULL)
        event_base_free(w->base);
    if (w->event_fd >= 0)
        (void)close(w->event_fd);
    if (w->alarm_fd >= 0)
        (void)close(w->alarm_fd);
    (void)pthread_mutex_destroy(&w->mutex);
    rn_list_for_safe (it, &w->dirs)
        free(rn_list_of(it, struct dir, link));
    free(w);
}

const struct rn_env *rn_world_env(struct rn_world *w) {
    return &w->env;
}

struct event_base *rn_world_base(struct rn_world *w) {
    return w->base;
}

void rn_world_serve(struct rn_world *w, runnel_fn *turn, void *arg) {
    w->turn = turn;
    w->turn_arg = arg;
}

void rn_world_on_failure(struct rn_world *w, runnel_done *failed_fn, void *arg) {
    w->on_failure = failed_fn;
    w->failure_arg = arg;
}
