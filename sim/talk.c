/* SPDX-License-Identifier: MIT
 * talk.c — reads a link into frames and writes what is queued, as far as the link takes it.
 * May touch: the world.
 */
#include "sim/talk.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CHUNK 65536u

static void lose(struct sim_talk *t, const char *why) {
    char words[sizeof((struct runnel_err *)0)->msg]; /* a copy: closing frees what it may lie in */
    (void)snprintf(words, sizeof words, "%s", why);
    sim_talk_close(t);
    t->up->lost(t->arg, words);
}

/* Hands over the whole frames; the owner may close within. 0 when nothing more can come. */
static int hand_over(struct sim_talk *t) {
    size_t at = 0;
    while (t->end) {
        struct rn_frame f;
        struct runnel_err err = {0};
        int n = rn_frame_get(t->in.p + at, t->in.n - at, &f, &err);
        if (n < 0) {
            lose(t, err.msg);
            return 0;
        }
        if (n == 0)
            break;
        at += (size_t)n;
        t->up->frame(t->arg, &f);
    }
    if (t->end)
        rn_buf_drop(&t->in, at);
    return t->end != NULL;
}

void sim_talk_hear(struct sim_talk *t) {
    t->deaf = 0;
    while (t->end && !t->deaf) {
        uint8_t *room = rn_buf_room(&t->in, CHUNK);
        sim_must(room ? 0 : -RUNNEL_ENOMEM, "a buffer");
        ssize_t n = sim_end_read(t->end, room, CHUNK);
        if (n == -RUNNEL_EBUSY)
            return;
        if (n <= 0) {
            lose(t, "the other side ended the link");
            return;
        }
        t->in.n += (size_t)n;
        t->received += (uint64_t)n;
        if (!hand_over(t))
            return;
    }
}

void sim_talk_flush(struct sim_talk *t) {
    while (t->end && t->out.n > 0) {
        struct iovec iov = {t->out.p, t->out.n};
        ssize_t n = sim_end_write(t->end, &iov, 1);
        if (n < 0)
            return; /* busy: ready follows; broken: closed follows */
        rn_buf_drop(&t->out, (size_t)n);
    }
}

static void on_opened(void *arg) {
    struct sim_talk *t = arg;
    t->up->opened(t->arg);
    sim_talk_hear(t);
}

static void on_ready(void *arg, uint32_t rw) {
    struct sim_talk *t = arg;
    if (rw & RUNNEL_WRITABLE)
        sim_talk_flush(t);
    if ((rw & RUNNEL_READABLE) && !t->deaf)
        sim_talk_hear(t);
}

static void on_closed(void *arg, const struct runnel_err *err) {
    lose(arg, err->msg);
}

static const struct sim_end_up end_up = {.opened = on_opened, .ready = on_ready, .closed = on_closed};

void sim_talk_init(struct sim_talk *t, struct sim_world *w, const struct sim_talk_up *up, void *arg) {
    memset(t, 0, sizeof *t);
    t->world = w;
    t->up = up;
    t->arg = arg;
}

void sim_talk_dial(struct sim_talk *t, struct sim_host *from, const char *to) {
    sim_talk_close(t);
    t->end = sim_dial(from, to, &end_up, t);
}

void sim_talk_accept(struct sim_talk *t, struct sim_end *e) {
    sim_talk_close(t);
    t->end = e;
    sim_end_own(e, &end_up, t);
    on_opened(t);
}

void sim_talk_close(struct sim_talk *t) {
    if (t->end)
        sim_end_close(t->end);
    t->end = NULL;
    t->deaf = 0;
    rn_buf_free(&t->in);
    rn_buf_free(&t->out);
}

void sim_talk_say(struct sim_talk *t, enum rn_frame_type type, uint64_t id, const char *fmt, ...) {
    struct rn_buf b;
    char text[8192];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sim_must(n >= 0 && (size_t)n < sizeof text ? 0 : -RUNNEL_ETOOBIG, "a text");
    if (!t->end)
        return;
    rn_buf_init(&b, 0);
    sim_must(rn_frame_json(&b, type, id, (struct runnel_bytes){(const uint8_t *)text, (size_t)n}), "a frame");
    sim_must(rn_buf_add(&t->out, b.p, b.n), "a buffer");
    rn_buf_free(&b);
    sim_talk_flush(t);
}
