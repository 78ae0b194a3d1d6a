/* SPDX-License-Identifier: MIT
 * easy-follow.c — follows of a blocking handle: what has come waits here until it is asked for.
 * May touch: the heap, libevent's loop.
 */
#include "base/err.h"
#include "client/easy.h"
#include <stdlib.h>
#include <string.h>

#define WINDOW ((uint64_t)1 << 20) /* as a follow has it when nothing is said */

/* One that has come; its value stands in `values`. */
struct kept {
    uint64_t seq;
    int64_t time;
    size_t at, n;
};

struct runnel_easy_follow {
    struct rn_list link;
    struct runnel_easy *easy;
    struct runnel_follow *follow; /* NULL once it is over */
    struct rn_buf values;
    struct kept *v;
    size_t n, cap, taken;
    uint64_t window;
    int paused, over, failed;
    int ready; /* something has come, or it is over */
    struct runnel_err err;
};

static int make_room(struct runnel_easy_follow *f, size_t n) {
    size_t cap = f->cap ? f->cap : 256;
    while (cap < f->n + n)
        cap *= 2;
    if (cap == f->cap)
        return 0;
    struct kept *v = realloc(f->v, cap * sizeof *v);
    if (!v)
        return -RUNNEL_ENOMEM;
    f->v = v;
    f->cap = cap;
    return 0;
}

static void no_memory(struct runnel_easy_follow *f) {
    f->over = f->failed = 1;
    (void)rn_fail(&f->err, RUNNEL_ENOMEM, "no memory for what has come");
    runnel_unfollow(f->follow);
    f->follow = NULL;
}

static void on_observations(void *arg, const struct runnel_observation *o, size_t n) {
    struct runnel_easy_follow *f = arg;
    f->ready = 1;
    if (make_room(f, n) < 0) {
        no_memory(f);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct kept k = {.seq = o[i].seq, .time = o[i].time, .at = f->values.n, .n = o[i].value.n};
        if (rn_buf_add(&f->values, o[i].value.p, o[i].value.n) < 0) {
            no_memory(f);
            return;
        }
        f->v[f->n++] = k;
    }
    if (!f->paused && f->values.n > f->window) {
        f->paused = 1;
        runnel_follow_pause(f->follow);
    }
}

static void on_end(void *arg, uint64_t next, const struct runnel_err *err) {
    struct runnel_easy_follow *f = arg;
    (void)next;
    f->follow = NULL;
    f->ready = f->over = 1;
    f->failed = err != NULL;
    if (err)
        f->err = *err;
}

int runnel_easy_follow(struct runnel_easy *e, const char *stream, const struct runnel_follow_options *options,
                       struct runnel_easy_follow **out, struct runnel_err *err) {
    static const struct runnel_follow_calls calls = {
        .size = sizeof calls, .observations = on_observations, .end = on_end};
    *out = NULL;
    struct runnel_easy_follow *f = calloc(1, sizeof *f);
    if (!f)
        return rn_fail(err, RUNNEL_ENOMEM, "no memory for a follow");
    f->easy = e;
    f->window = WINDOW;
    if (options && options->size >= offsetof(struct runnel_follow_options, window) + sizeof options->window &&
        options->window)
        f->window = options->window;
    int r = runnel_follow(e->client, stream, options, &calls, f, &f->follow, err);
    if (r < 0) {
        free(f);
        return r;
    }
    rn_list_add(&e->follows, &f->link);
    *out = f;
    return 0;
}

void runnel_easy_unfollow(struct runnel_easy_follow *f) {
    if (!f)
        return;
    if (f->follow)
        runnel_unfollow(f->follow);
    rn_list_del(&f->link);
    rn_buf_free(&f->values);
    free(f->v);
    free(f);
}

void rn_easy_drop_follows(struct runnel_easy *e) {
    while (!rn_list_empty(&e->follows))
        runnel_easy_unfollow(rn_list_of(e->follows.next, struct runnel_easy_follow, link));
}

/* All of what was kept has been taken: there is room again. */
static void start_over(struct runnel_easy_follow *f) {
    f->n = f->taken = 0;
    f->ready = f->over;
    rn_buf_clear(&f->values);
    if (f->paused && f->follow)
        runnel_follow_resume(f->follow);
    f->paused = 0;
}

int runnel_easy_next(struct runnel_easy_follow *f, int64_t wait, struct runnel_observation *o, struct runnel_err *err) {
    if (f->taken == f->n) {
        start_over(f);
        int r = rn_easy_wait(f->easy, &f->ready, wait, err);
        if (r < 0)
            return r;
    }
    if (f->taken < f->n) {
        const struct kept *k = &f->v[f->taken++];
        *o = (struct runnel_observation){.seq = k->seq, .time = k->time, .value = {f->values.p + k->at, k->n}};
        return 1;
    }
    return f->failed ? rn_err_copy(err, &f->err) : 0;
}

int runnel_easy_history(struct runnel_easy *e, const char *stream, const struct runnel_follow_options *options,
                        runnel_easy_each *each, void *arg, struct runnel_err *err) {
    struct runnel_follow_options held = {0};
    struct runnel_easy_follow *f = NULL;
    struct runnel_observation o;
    if (options)
        memcpy(&held, options, options->size < sizeof held ? options->size : sizeof held);
    held.size = sizeof held;
    held.flags |= RUNNEL_FOLLOW_HELD;
    int r = runnel_easy_follow(e, stream, &held, &f, err);
    if (r < 0)
        return r;
    while ((r = runnel_easy_next(f, e->limit, &o, err)) > 0) {
        r = each(arg, &o);
        if (r != 0)
            break;
    }
    runnel_easy_unfollow(f);
    return r;
}
