/* SPDX-License-Identifier: MIT
 * follow.c — following a stream: credit, continuity, the end.
 * May touch: the heap.
 */
#include "client/client.h"
#include "data/block.h"
#include "data/descriptor.h"
#include <stdlib.h>
#include <string.h>

#define WINDOW ((uint64_t)1 << 20)

/* ---- life and death ---- */

static void release(struct runnel_follow *f) {
    if (f->state == RN_GONE && f->waits == 0)
        free(f);
}

/* Takes the follow out of the client's list; it is freed when no answer points to it any more. */
static void leave(struct runnel_follow *f) {
    rn_list_del(&f->link);
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
    for (size_t i = 0; i < RN_SLOTS; i++)
        while (!rn_list_empty(&c->follows[i]))
            finish(rn_list_of(c->follows[i].next, struct runnel_follow, link), why);
}

static struct rn_list *slot_of(struct runnel_client *c, uint64_t id) {
    return &c->follows[id & (RN_SLOTS - 1)];
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
        for (size_t i = 0; i < RN_SLOTS; i++)
            rn_list_for (it, &c->slots[i]) {
                const struct rn_pending *p = rn_list_of(it, struct rn_pending, slot);
                if (p->follow && p->follow->id == frame->id)
                    return 0;
            }
    return rn_fail(err, RUNNEL_EDAMAGED, "a frame of follow %llu, which is not open", (unsigned long long)frame->id);
}

static int unfollowed(struct runnel_client *c, struct rn_pending *p, const struct rn_frame *frame,
                      const struct runnel_err *err, struct runnel_err *why) {
    (void)c, (void)frame, (void)err, (void)why; /* not-found: it had ended by itself meanwhile */
    p->follow->waits--;
    release(p->follow);
    return 0;
}

/* Tells the node. Out of memory, or at the end of the session, it is not told: what still comes is then
 * a frame of an unknown follow, which ends the session. */
static void tell_unfollow(struct runnel_follow *f) {
    struct runnel_client *c = f->client;
    struct rn_buf b = {0};
    struct rn_pending *p = rn_ask_new(c, 1, unfollowed, NULL, NULL);
    if (!p)
        return;
    rn_buf_fmt(&b, "{\"method\":\"unfollow\",\"follow\":%llu}", (unsigned long long)f->id);
    int r = b.failed ? b.failed : rn_frame_json(&c->out, RN_FRAME_REQUEST, p->id, rn_buf_bytes(&b));
    if (rn_ask_sent(c, p, r, NULL) == 0) {
        p->follow = f;
        f->waits++;
    }
    rn_buf_free(&b);
}

void runnel_unfollow(struct runnel_follow *f) {
    leave(f);
    if (!f->client->closed)
        tell_unfollow(f);
    release(f);
}

/* ---- credit ---- */

static int give_credit(struct runnel_follow *f, struct runnel_err *err) {
    if (f->paused || f->owed < f->window / 2 || f->owed == 0)
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

static int opened(struct runnel_follow *f, const struct rn_json *o, struct runnel_err *err) {
    struct runnel_started s = {.size = sizeof s};
    const char *stream = "";
    int live = 0;
    if (rn_json_str(o, "stream", &stream, err) < 0 || rn_id_parse(stream, strlen(stream), &s.stream) < 0 ||
        rn_json_u64(o, "from", &s.from, err) < 0 || rn_json_u64(o, "count", &s.count, err) < 0 ||
        rn_json_bool(o, "live", &live, err) < 0)
        return rn_fail(err, RUNNEL_EDAMAGED, "the answer to follow must have stream, from, count and live");
    s.live = live != 0;
    f->state = RN_OPEN;
    f->next = s.from;
    f->held_end = s.count;
    if (f->calls.started)
        f->calls.started(f->arg, &s);
    return 0;
}

static int answered(struct runnel_client *c, struct rn_pending *p, const struct rn_frame *frame,
                    const struct runnel_err *err, struct runnel_err *why) {
    struct runnel_follow *f = p->follow;
    struct rn_json *o = NULL;
    int r = 0;
    (void)c;
    if (f->state == RN_GONE) {
        f->waits--;
        release(f);
        return 0;
    }
    if (err) {
        f->waits--;
        finish(f, err);
        return 0;
    }
    /* `started` may unfollow: hold on to f until it has returned. */
    r = frame->type == RN_FRAME_ANSWER ? rn_session_json(frame->body, &o, why) : rn_ask_wrong(frame, "ANSWER", why);
    if (r == 0)
        r = opened(f, o, why);
    rn_json_free(o);
    f->waits--;
    if (r == 0 && f->state == RN_OPEN && f->held && f->next >= f->held_end)
        finish_held(f);
    else
        release(f);
    return r;
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
    if (r > 0 && f->calls.head)
        f->calls.head(f->arg, frame->body);
    return r < 0 ? r : 0;
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

/* ---- asking ---- */

static int check_options(const struct runnel_follow_options *o, struct runnel_err *err) {
    if (o->from > RUNNEL_FROM_NOW || o->until > RUNNEL_UNTIL_TIME)
        return rn_fail(err, RUNNEL_EINVALID, "follow: options.from or options.until is none of its enum");
    if (o->flags & ~(RUNNEL_FOLLOW_HEADS | RUNNEL_FOLLOW_HELD))
        return rn_fail(err, RUNNEL_EINVALID, "follow: options.flags has an unknown flag");
    if (o->window > RN_MAX_CREDIT)
        return rn_fail(err, RUNNEL_EINVALID, "follow: options.window is over %d", (int)RN_MAX_CREDIT);
    return 0;
}

static void write_request(struct rn_buf *b, const char *stream, const struct runnel_follow_options *o) {
    struct rn_jw w;
    rn_jw_init(&w, b);
    rn_jw_object(&w);
    rn_jw_kstr(&w, "method", "follow");
    rn_jw_kstr(&w, "stream", stream);
    rn_jw_key(&w, "credit");
    rn_jw_u64(&w, o->window);
    if (o->from == RUNNEL_FROM_SEQ) {
        rn_jw_key(&w, "from");
        rn_jw_u64(&w, o->from_seq);
    } else if (o->from == RUNNEL_FROM_TIME) {
        rn_jw_kns(&w, "from_time", o->from_time);
    } else if (o->from == RUNNEL_FROM_NOW) {
        rn_jw_kbool(&w, "now", 1);
    }
    if (o->until == RUNNEL_UNTIL_SEQ) {
        rn_jw_key(&w, "until");
        rn_jw_u64(&w, o->until_seq);
    } else if (o->until == RUNNEL_UNTIL_TIME) {
        rn_jw_kns(&w, "until_time", o->until_time);
    }
    if (o->flags & RUNNEL_FOLLOW_HEADS)
        rn_jw_kbool(&w, "heads", 1);
    rn_jw_end_object(&w);
}

static struct runnel_follow *make(struct runnel_client *c, const struct runnel_follow_options *o,
                                  const struct runnel_follow_calls *calls, void *arg) {
    struct runnel_follow *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->client = c;
    f->held = (o->flags & RUNNEL_FOLLOW_HELD) != 0;
    f->window = o->window;
    memcpy(&f->calls, calls, calls->size < sizeof f->calls ? calls->size : sizeof f->calls);
    f->arg = arg;
    return f;
}

/* Sends the request for a follow that was made; on failure the follow is the caller's to free. */
static int ask(struct runnel_client *c, struct runnel_follow *f, struct rn_buf *json, struct runnel_err *err) {
    struct runnel_err why = {0};
    if (json->failed)
        return rn_fail(err, -json->failed, "follow: no memory for the request");
    struct rn_pending *p = rn_ask_new(c, 0, answered, NULL, &why);
    if (!p)
        return rn_err_copy(err, &why);
    p->follow = f;
    f->id = p->id;
    int r = rn_ask_sent(c, p, rn_frame_json(&c->out, RN_FRAME_REQUEST, p->id, rn_buf_bytes(json)), err);
    if (r < 0)
        return r;
    f->waits = 1;
    rn_list_add(slot_of(c, f->id), &f->link);
    c->n_follows++;
    return 0;
}

int runnel_follow(struct runnel_client *c, const char *stream, const struct runnel_follow_options *options,
                  const struct runnel_follow_calls *calls, void *arg, struct runnel_follow **out,
                  struct runnel_err *err) {
    struct runnel_follow_options o = {0};
    if (options)
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    int r = check_options(&o, err);
    if (r < 0)
        return r;
    if (calls->size < offsetof(struct runnel_follow_calls, end) + sizeof calls->end || !calls->end)
        return rn_fail(err, RUNNEL_EINVALID, "follow: calls need their size and an end");
    if (c->n_follows >= RN_MAX_FOLLOWS)
        return rn_fail(err, RUNNEL_EBUSY, "%d follows are open already", (int)RN_MAX_FOLLOWS);
    if (o.window == 0)
        o.window = WINDOW;
    struct runnel_follow *f = make(c, &o, calls, arg);
    if (!f)
        return rn_fail(err, RUNNEL_ENOMEM, "follow: no memory");
    struct rn_buf json = {0};
    write_request(&json, stream, &o);
    r = ask(c, f, &json, err);
    rn_buf_free(&json);
    if (r < 0) {
        free(f);
        return r;
    }
    if (out)
        *out = f;
    return 0;
}

int runnel_history(struct runnel_client *c, const char *stream, const struct runnel_follow_options *options,
                   const struct runnel_follow_calls *calls, void *arg, struct runnel_follow **out,
                   struct runnel_err *err) {
    struct runnel_follow_options o = {0};
    if (options)
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    o.size = sizeof o;
    o.flags |= RUNNEL_FOLLOW_HELD;
    return runnel_follow(c, stream, &o, calls, arg, out, err);
}
