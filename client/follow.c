/* SPDX-License-Identifier: MIT
 * follow.c — following a stream: what comes, credit, continuity, the end.
 * May touch: the heap.
 */
#include "client/client.h"
#include "data/block.h"
#include <stdlib.h>
#include <string.h>

/* ---- life and death ---- */

void rn_follow_free(struct runnel_follow *f) {
    free(f->name);
    free(f);
}

static void release(struct runnel_follow *f) {
    if (f->state == RN_GONE && f->waits == 0)
        rn_follow_free(f);
}

/* Takes the follow out of the client's list; it is freed when no answer points to it any more. */
static void leave(struct runnel_follow *f) {
    rn_list_del(&f->link);
    rn_list_del(&f->order);
    f->client->n_follows--;
    f->state = RN_GONE;
}

static void finish(struct runnel_follow *f, const struct runnel_err *why) {
    void (*end)(void *, uint64_t, const struct runnel_err *) = f->calls.end;
    void *arg = f->arg;
    uint64_t next = f->next;
    leave(f);
    release(f);
    end(arg, next, why);
}

void rn_follow_end_all(struct runnel_client *c, const struct runnel_err *why) {
    while (!rn_list_empty(&c->following))
        finish(rn_list_of(c->following.next, struct runnel_follow, order), why);
}

void rn_follow_forget(struct rn_pending *p) {
    if (!p->follow)
        return;
    p->follow->waits--;
    release(p->follow);
    p->follow = NULL;
}

void rn_follow_lost(struct runnel_client *c) {
    rn_list_for (it, &c->following) {
        struct runnel_follow *f = rn_list_of(it, struct runnel_follow, order);
        f->state = RN_AWAY;
        f->tell = f->live;
        f->live = 0;
        f->owed = 0;
    }
}

/* From the first again after each, since a callback may end any of them. */
void rn_follow_tell_lost(struct runnel_client *c) {
    for (int more = 1; more && !c->closed;) {
        more = 0;
        rn_list_for (it, &c->following) {
            struct runnel_follow *f = rn_list_of(it, struct runnel_follow, order);
            if (!f->tell)
                continue;
            f->tell = 0;
            more = 1;
            if (f->calls.state)
                f->calls.state(f->arg, 0, f->next);
            break;
        }
    }
}

static struct rn_list *slot_of(struct runnel_client *c, uint64_t id) {
    return &c->follows[id & (RN_SLOTS - 1)];
}

void rn_follow_enlist(struct runnel_follow *f) {
    rn_list_del(&f->link);
    rn_list_add(slot_of(f->client, f->id), &f->link);
}

static struct runnel_follow *find(struct runnel_client *c, uint64_t id) {
    rn_list_for (it, slot_of(c, id)) {
        struct runnel_follow *f = rn_list_of(it, struct runnel_follow, link);
        if (f->id == id)
            return f;
    }
    return NULL;
}

/* The follow that a frame is for: 1 and *out, 0 when it was given up and the frame was under way still,
 * or a negative code. */
static int follow_of(struct runnel_client *c, const struct rn_frame *frame, struct runnel_follow **out,
                     struct runnel_err *err) {
    *out = find(c, frame->id);
    if (*out && (*out)->state == RN_OPEN)
        return 1;
    /* Given-up follows wait in a pending answer to unfollow, which points to them. */
    if (!*out)
        rn_list_for (it, &c->asked) {
            const struct rn_pending *p = rn_list_of(it, struct rn_pending, order);
            if (p->follow && p->follow->id == frame->id)
                return 0;
        }
    return rn_fail(err, RUNNEL_EDAMAGED, "a frame of follow %llu, which is not open", (unsigned long long)frame->id);
}

static int unfollowed(struct runnel_client *c, struct rn_pending *p, const struct rn_frame *frame,
                      const struct runnel_err *err, struct runnel_err *why) {
    (void)c, (void)frame, (void)err, (void)why; /* not-found: it had ended by itself meanwhile */
    rn_follow_forget(p);
    return 0;
}

/* Tells the node. Out of memory, or at the end of the session, it is not told: what still comes is then
 * a frame of an unknown follow, which ends the session. */
static void tell_unfollow(struct runnel_follow *f) {
    struct runnel_client *c = f->client;
    struct rn_pending *p = rn_ask_new(c, 1, unfollowed, NULL, NULL);
    if (!p)
        return;
    p->repeat = RN_WITH_SESSION;
    rn_buf_fmt(&p->body, "{\"method\":\"unfollow\",\"follow\":%llu}", (unsigned long long)f->id);
    p->follow = f;
    f->waits++;
    if (rn_ask_send(c, p, NULL) < 0)
        f->waits--;
}

void runnel_unfollow(struct runnel_follow *f) {
    int asked = f->state == RN_OPENING || f->state == RN_OPEN;
    leave(f);
    if (asked && !f->client->closed)
        tell_unfollow(f);
    release(f);
}

/* ---- credit ---- */

static int give_credit(struct runnel_follow *f, struct runnel_err *err) {
    if (f->paused || f->owed < f->options.window / 2 || f->owed == 0)
        return 0;
    int r = rn_frame_credit(&f->client->out, f->id, f->owed);
    if (r < 0)
        return rn_fail(err, -r, "no memory to give follow %llu credit", (unsigned long long)f->id);
    f->owed = 0;
    rn_link_flush_soon(f->client);
    return 0;
}

void runnel_follow_pause(struct runnel_follow *f) {
    f->paused = 1;
}

void runnel_follow_resume(struct runnel_follow *f) {
    f->paused = 0;
    if (f->state == RN_OPEN && !f->client->closed)
        (void)give_credit(f, NULL); /* without memory now, the next frame or resume gives it */
}

/* ---- what comes ---- */

/* A history without more to come: as if the node had ended it. */
static void finish_held(struct runnel_follow *f) {
    tell_unfollow(f);
    finish(f, NULL);
}

static int read_opening(const struct rn_json *o, struct runnel_started *s, struct runnel_err *err) {
    const char *stream = "";
    int live = 0;
    if (rn_json_str(o, "stream", &stream, err) < 0 || runnel_id_parse(stream, &s->stream) < 0 ||
        rn_json_u64(o, "from", &s->from, err) < 0 || rn_json_u64(o, "count", &s->count, err) < 0 ||
        rn_json_bool(o, "live", &live, err) < 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "the answer to follow must have stream, from, count and live");
    s->live = live != 0;
    return 0;
}

/* A later session must go on just there. */
static int reopened(struct runnel_follow *f, const struct runnel_started *s, struct runnel_err *err) {
    if (memcmp(s->stream.b, f->stream.b, sizeof f->stream.b) != 0 || s->from != f->next)
        return rn_fail(err, RUNNEL_EDAMAGED, "follow %llu was to go on at %llu, the node begins at %llu",
                       (unsigned long long)f->id, (unsigned long long)f->next, (unsigned long long)s->from);
    f->state = RN_OPEN;
    return 0;
}

static int opened(struct runnel_follow *f, const struct rn_json *o, struct runnel_err *err) {
    struct runnel_started s = {.size = sizeof s};
    int r = read_opening(o, &s, err);
    if (r < 0)
        return r;
    if (f->started)
        return reopened(f, &s, err);
    f->state = RN_OPEN;
    f->started = 1;
    f->stream = s.stream;
    f->next = s.from;
    f->held_end = s.count;
    if (f->calls.started)
        f->calls.started(f->arg, &s);
    return 0;
}

int rn_follow_answered(struct runnel_client *c, struct rn_pending *p, const struct rn_frame *frame,
                       const struct runnel_err *err, struct runnel_err *why) {
    struct runnel_follow *f = p->follow;
    struct rn_json *o = NULL;
    int r = 0;
    (void)c;
    if (f->state == RN_GONE || err) {
        f->waits--;
        if (f->state == RN_GONE)
            release(f);
        else
            finish(f, err);
        return 0;
    }
    /* `started` may unfollow: hold on to f until it has returned. */
    r = frame->type == RN_FRAME_ANSWER ? rn_session_json(frame->body, &o, why) : rn_ask_wrong(frame, "ANSWER", why);
    if (r == 0)
        r = opened(f, o, why);
    rn_json_free(o);
    f->waits--;
    if (r < 0 || f->state == RN_GONE) {
        release(f);
        return r;
    }
    if (f->held && f->next >= f->held_end) {
        finish_held(f);
        return 0;
    }
    return give_credit(f, why); /* it may have been paused when it was asked for, and is no more */
}

/* Takes a run apart, checking what can be checked without the tree. At most 256 observations. */
static int read_run(const struct runnel_follow *f, const struct rn_frame *frame, struct runnel_observation *out,
                    size_t *n, struct runnel_err *err) {
    struct rn_cursor cur;
    struct rn_obs o;
    int r;
    *n = 0;
    if (frame->seq != f->next)
        return rn_fail(err, RUNNEL_EDAMAGED, "follow %llu: observation %llu came, %llu was next",
                       (unsigned long long)f->id, (unsigned long long)frame->seq, (unsigned long long)f->next);
    if (f->known && frame->base < f->last)
        return rn_fail(err, RUNNEL_EDAMAGED, "follow %llu: time runs backwards at observation %llu",
                       (unsigned long long)f->id, (unsigned long long)frame->seq);
    rn_cursor_init(&cur, frame->body.p, frame->body.n, frame->seq, frame->base);
    while ((r = rn_cursor_next(&cur, &o, err)) > 0) {
        if (*n == RN_MAX_BLOCK)
            return rn_fail(err, RUNNEL_EDAMAGED, "a run of more than %d observations", (int)RN_MAX_BLOCK);
        r = rn_value_check(o.value.p, o.value.n, err);
        if (r < 0)
            return rn_wrap(err, "observation %llu", (unsigned long long)o.seq);
        out[(*n)++] = (struct runnel_observation){.seq = o.seq, .time = o.time, .value = o.value};
    }
    if (r == 0 && *n == 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "a run without observations");
    return r;
}

int rn_follow_data(struct runnel_client *c, const struct rn_frame *frame, struct runnel_err *err) {
    struct runnel_observation o[RN_MAX_BLOCK];
    struct runnel_follow *f;
    size_t n;
    int r = follow_of(c, frame, &f, err);
    if (r <= 0)
        return r;
    r = read_run(f, frame, o, &n, err);
    if (r < 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "%s", err->msg);
    if (f->held && n > f->held_end - f->next)
        n = (size_t)(f->held_end - f->next); /* made since: not part of this history */
    f->next += n;
    f->last = o[n - 1].time;
    f->known = 1;
    f->owed += frame->body.n;
    f->waits++; /* the callbacks may unfollow */
    if (f->calls.observations)
        f->calls.observations(f->arg, o, n);
    f->waits--;
    if (f->state == RN_GONE) {
        release(f);
        return 0;
    }
    if (f->held && f->next >= f->held_end) {
        finish_held(f);
        return 0;
    }
    return give_credit(f, err);
}

int rn_follow_head(struct runnel_client *c, const struct rn_frame *frame, struct runnel_err *err) {
    struct runnel_follow *f;
    int r = follow_of(c, frame, &f, err);
    if (r <= 0)
        return r;
    /* The first of a session may be the last of the one before. */
    if (frame->body.n < RN_HEAD_BYTES)
        return rn_fail(err, RUNNEL_EDAMAGED, "a head of %zu bytes", frame->body.n);
    if (memcmp(f->head, frame->body.p, RN_HEAD_BYTES) == 0)
        return 0;
    memcpy(f->head, frame->body.p, RN_HEAD_BYTES);
    if (f->calls.head)
        f->calls.head(f->arg, frame->body);
    return 0;
}

static int take_state(struct runnel_follow *f, const struct rn_json *o, struct runnel_err *err) {
    const char *end = NULL, *code = "internal", *message = "";
    uint64_t next = 0;
    int live = 0;
    if (rn_json_u64(o, "next", &next, err) < 0 || next != f->next)
        return rn_fail(err, RUNNEL_EDAMAGED, "follow %llu: the node goes on at %llu, we at %llu",
                       (unsigned long long)f->id, (unsigned long long)next, (unsigned long long)f->next);
    if (rn_json_str(o, "end", &end, NULL) < 0) {
        if (rn_json_bool(o, "live", &live, err) < 0)
            return rn_fail(err, RUNNEL_EDAMAGED, "a state without end or live");
        f->live = live;
        if (f->calls.state)
            f->calls.state(f->arg, live, next);
        return 0;
    }
    if (strcmp(end, "done") == 0) {
        finish(f, NULL);
        return 0;
    }
    struct runnel_err why;
    if (rn_json_str(o, "code", &code, err) == -RUNNEL_EINVALID ||
        rn_json_str(o, "message", &message, err) == -RUNNEL_EINVALID)
        return rn_fail(err, RUNNEL_EDAMAGED, "an end whose code or message is no string");
    (void)rn_fail(&why, rn_code_of(code, strlen(code)), "%s", message);
    finish(f, &why);
    return 0;
}

int rn_follow_state(struct runnel_client *c, const struct rn_frame *frame, struct runnel_err *err) {
    struct runnel_follow *f;
    struct rn_json *o = NULL;
    int r = follow_of(c, frame, &f, err);
    if (r <= 0)
        return r;
    r = rn_session_json(frame->body, &o, err);
    if (r == 0)
        r = take_state(f, o, err);
    rn_json_free(o);
    return r;
}
