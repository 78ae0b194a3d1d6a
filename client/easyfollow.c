/* SPDX-License-Identifier: MIT
 * easyfollow.c — follows of a blocking handle: what has come waits here until it is asked for.
 * May touch: the heap, libevent's loop.
 */
#include "base/err.h"
#include "client/easy.h"
#include "data/block.h"
#include <stdlib.h>
#include <string.h>

#define WINDOW ((uint64_t)1 << 20) /* as a follow has it when nothing is said */

/* Observations one behind the other, in the entries of a run: they take about what they took on the wire. */
struct kept {
    struct rn_buf entries;
    uint64_t seq;       /* of the first */
    int64_t base, last; /* times of the first and of the last */
};

/* What is read stays where it is while calls on the handle let more come: that is kept apart. */
struct runnel_easy_follow {
    struct rn_list link;
    struct runnel_easy *easy;
    struct runnel_follow *follow; /* NULL once it is over */
    struct kept coming, reading;
    struct rn_cursor next; /* in `reading` */
    uint64_t window;
    int paused, over, failed;
    int ready; /* something has come, or it is over */
    struct runnel_err err;
};

static int keep(struct kept *k, const struct runnel_observation *o) {
    if (k->entries.n == 0) {
        k->seq = o->seq;
        k->base = k->last = o->time;
    }
    int r = rn_entry_add(&k->entries, k->last, o->time, o->value);
    k->last = o->time;
    return r;
}

static void no_memory(struct runnel_easy_follow *f) {
    f->over = f->failed = 1;
    (void)rn_fail(&f->err, RUNNEL_ENOMEM, "no memory for what has come");
    runnel_unfollow(f->follow);
    f->follow = NULL;
}

static int is_full(const struct runnel_easy_follow *f) {
    return f->coming.entries.n + f->reading.entries.n > f->window;
}

static void on_observations(void *arg, const struct runnel_observation *o, size_t n) {
    struct runnel_easy_follow *f = arg;
    f->ready = 1;
    for (size_t i = 0; i < n; i++)
        if (keep(&f->coming, &o[i]) < 0) {
            no_memory(f);
            return;
        }
    if (!f->paused && is_full(f)) {
        f->paused = 1;
        runnel_follow_pause(f->follow);
    }
}

/* RUNNEL_ETIMEOUT says that a follow goes on, so it cannot say why one has ended. */
static void on_end(void *arg, uint64_t next, const struct runnel_err *err) {
    struct runnel_easy_follow *f = arg;
    (void)next;
    f->follow = NULL;
    f->ready = f->over = 1;
    f->failed = err != NULL;
    if (err)
        f->err = *err;
    if (f->err.code == RUNNEL_ETIMEOUT)
        f->err.code = RUNNEL_ECLOSED;
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
    rn_buf_free(&f->coming.entries);
    rn_buf_free(&f->reading.entries);
    free(f);
}

void rn_easy_drop_follows(struct runnel_easy *e) {
    while (!rn_list_empty(&e->follows))
        runnel_easy_unfollow(rn_list_of(e->follows.next, struct runnel_easy_follow, link));
}

/* All that was read is done with: what has come meanwhile is next, and there is room again. */
static void turn_over(struct runnel_easy_follow *f) {
    struct kept done = f->reading;
    rn_buf_clear(&done.entries);
    f->reading = f->coming;
    f->coming = done;
    f->ready = f->over;
    rn_cursor_init(&f->next, f->reading.entries.p, f->reading.entries.n, f->reading.seq, f->reading.base);
    if (f->paused && f->follow && !is_full(f)) {
        f->paused = 0;
        runnel_follow_resume(f->follow);
    }
}

/* The next of what is read: 1, or 0 when that is all. */
static int take(struct runnel_easy_follow *f, struct runnel_observation *o) {
    struct rn_obs next;
    if (f->next.at == f->next.n || rn_cursor_next(&f->next, &next, NULL) <= 0)
        return 0;
    *o = (struct runnel_observation){.seq = next.seq, .time = next.time, .value = next.value};
    return 1;
}

int runnel_easy_next(struct runnel_easy_follow *f, int64_t wait, struct runnel_observation *o, struct runnel_err *err) {
    if (take(f, o))
        return 1;
    turn_over(f);
    if (take(f, o))
        return 1;
    int r = rn_easy_wait(f->easy, &f->ready, wait, err);
    if (r < 0)
        return r;
    turn_over(f);
    if (take(f, o))
        return 1;
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
