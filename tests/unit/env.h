/* SPDX-License-Identifier: MIT
 * env.h — a world for one unit test: a clock that stands still, an alarm that is only written down.
 * May touch: the heap.
 */
#ifndef RN_TESTS_ENV_H
#define RN_TESTS_ENV_H

#include "node/env.h"
#include "node/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENV_POSTS 16

struct test_env {
    struct rn_env env;
    struct rn_log log;
    int64_t now, alarm;
    unsigned wakes, n_posts, n_lines;
    runnel_fn *fns[ENV_POSTS];
    void *args[ENV_POSTS];
    const char *dir, *dir_err; /* what dir answers */
    char line[256];            /* the last one logged, with its area in front */
};

static int64_t test_now(void *ctx) {
    return ((struct test_env *)ctx)->now;
}

static int64_t test_wall(void *ctx) {
    return ((struct test_env *)ctx)->now + INT64_C(1000000000000);
}

static void test_alarm(void *ctx, int64_t at) {
    ((struct test_env *)ctx)->alarm = at;
}

static void test_wake(void *ctx) {
    ((struct test_env *)ctx)->wakes++;
}

static int test_post(void *ctx, runnel_fn *fn, void *arg) {
    struct test_env *e = ctx;
    if (e->n_posts == ENV_POSTS)
        return -RUNNEL_ENOMEM;
    e->fns[e->n_posts] = fn;
    e->args[e->n_posts++] = arg;
    return 0;
}

static void test_random(void *ctx, void *p, size_t n) {
    (void)ctx;
    memset(p, 0x5a, n);
}

static struct event_base *test_loop(void *ctx) {
    (void)ctx;
    return NULL;
}

static const char *test_dir(void *ctx, uint32_t kind, const char *name, struct runnel_err *err) {
    struct test_env *e = ctx;
    (void)kind;
    (void)name;
    if (e->dir_err != NULL) {
        err->code = RUNNEL_EIO;
        (void)snprintf(err->msg, sizeof err->msg, "%s", e->dir_err);
    }
    return e->dir;
}

static void test_sink(void *arg, int level, const char *area, const char *line) {
    struct test_env *e = arg;
    e->n_lines++;
    (void)snprintf(e->line, sizeof e->line, "%d %s: %.200s", level, area, line);
}

static inline void test_env_init(struct test_env *e) {
    *e = (struct test_env){.now = 1000, .alarm = INT64_MAX};
    rn_log_init(&e->log, RUNNEL_DEBUG, test_sink, e);
    e->env = (struct rn_env){.ctx = e,
                             .now = test_now,
                             .wall = test_wall,
                             .alarm = test_alarm,
                             .wake = test_wake,
                             .post = test_post,
                             .random = test_random,
                             .loop = test_loop,
                             .dir = test_dir,
                             .log = &e->log};
}

/* Calls what was posted, in order. */
static inline void test_env_posts(struct test_env *e) {
    unsigned n = e->n_posts;
    e->n_posts = 0;
    for (unsigned i = 0; i < n; i++)
        e->fns[i](e->args[i]);
}

#endif
