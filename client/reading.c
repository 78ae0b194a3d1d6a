/* SPDX-License-Identifier: MIT
 * reading.c — asking for a follow, and for it again in the next session.
 * May touch: the heap.
 */
#include "client/client.h"
#include <stdlib.h>
#include <string.h>

#define WINDOW ((uint64_t)1 << 20)
#define NAME_MOST (2u * RN_KEY + 3u * (RN_MAX_NAME + 1u)) /* AUTHOR/source/stream/target */

static int check_options(const struct runnel_follow_options *o, struct runnel_err *err) {
    if (o->from > RUNNEL_FROM_NOW || o->until > RUNNEL_UNTIL_TIME)
        return rn_fail(err, RUNNEL_EINVALID, "follow: options.from or options.until is none of its enum");
    if (o->flags & ~(RUNNEL_FOLLOW_HEADS | RUNNEL_FOLLOW_HELD))
        return rn_fail(err, RUNNEL_EINVALID, "follow: options.flags has an unknown flag");
    if (o->window > RN_MAX_CREDIT)
        return rn_fail(err, RUNNEL_EINVALID, "follow: options.window is over %d", (int)RN_MAX_CREDIT);
    return 0;
}

static void write_from(struct rn_jw *w, const struct runnel_follow *f) {
    const struct runnel_follow_options *o = &f->options;
    if (f->started || o->from == RUNNEL_FROM_SEQ) {
        rn_jw_key(w, "from");
        rn_jw_u64(w, f->started ? f->next : o->from_seq);
    } else if (o->from == RUNNEL_FROM_TIME) {
        rn_jw_kns(w, "from_time", o->from_time);
    } else if (o->from == RUNNEL_FROM_NOW) {
        rn_jw_kbool(w, "now", 1);
    }
}

/* Once it has started it goes on in the stream that it began with, by the id: a name may mean another now. */
static void write_request(struct rn_buf *b, const struct runnel_follow *f) {
    const struct runnel_follow_options *o = &f->options;
    char id[RUNNEL_ID_TEXT];
    struct rn_jw w;
    rn_jw_init(&w, b);
    rn_jw_object(&w);
    rn_jw_kstr(&w, "method", "follow");
    rn_jw_kstr(&w, "stream", f->started ? runnel_id_format(&f->stream, id) : f->name);
    rn_jw_key(&w, "credit");
    rn_jw_u64(&w, o->window - f->owed);
    write_from(&w, f);
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

int rn_follow_ask(struct runnel_follow *f, int force, struct runnel_err *err) {
    struct runnel_err why = {0};
    struct rn_pending *p = rn_ask_new(f->client, force, rn_follow_answered, NULL, &why);
    if (!p)
        return rn_err_copy(err, &why);
    p->repeat = RN_WITH_SESSION;
    p->follow = f;
    /* Paused it has all of its window still to be given. */
    f->owed = f->paused ? f->options.window : 0;
    write_request(&p->body, f);
    uint64_t id = p->id;
    int r = rn_ask_send(f->client, p, err);
    if (r < 0)
        return r;
    f->id = id;
    f->waits++;
    f->state = RN_OPENING;
    rn_follow_enlist(f);
    return 0;
}

static struct runnel_follow *make(struct runnel_client *c, const char *stream, const struct runnel_follow_options *o,
                                  const struct runnel_follow_calls *calls, void *arg) {
    struct runnel_follow *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->name = strdup(stream);
    if (!f->name) {
        free(f);
        return NULL;
    }
    f->client = c;
    f->state = RN_AWAY;
    f->held = (o->flags & RUNNEL_FOLLOW_HELD) != 0;
    f->options = *o;
    memcpy(&f->calls, calls, calls->size < sizeof f->calls ? calls->size : sizeof f->calls);
    f->arg = arg;
    rn_list_init(&f->link);
    rn_list_init(&f->order);
    return f;
}

/* Without a session it is asked for in the next. */
static int begin(struct runnel_client *c, struct runnel_follow *f, struct runnel_err *err) {
    int r = 0;
    if (c->open)
        r = rn_follow_ask(f, 0, err);
    else if (c->closed)
        r = rn_fail(err, RUNNEL_ECLOSED, "the session is over: %s", c->why.msg);
    if (r < 0)
        return r;
    rn_list_add(&c->following, &f->order);
    c->n_follows++;
    return 0;
}

static int check_follow(const struct runnel_client *c, const struct runnel_follow_options *o,
                        const struct runnel_follow_calls *calls, const char *stream, struct runnel_err *err) {
    int r = check_options(o, err);
    if (r < 0)
        return r;
    if (calls->size < offsetof(struct runnel_follow_calls, end) + sizeof calls->end || !calls->end)
        return rn_fail(err, RUNNEL_EINVALID, "follow: calls need their size and an end");
    if (strlen(stream) > NAME_MOST)
        return rn_fail(err, RUNNEL_EINVALID, "follow: no stream has a name of %zu bytes", strlen(stream));
    if (c->n_follows >= RN_MAX_FOLLOWS)
        return rn_fail(err, RUNNEL_EBUSY, "%d follows are open already", (int)RN_MAX_FOLLOWS);
    return 0;
}

int runnel_follow(struct runnel_client *c, const char *stream, const struct runnel_follow_options *options,
                  const struct runnel_follow_calls *calls, void *arg, struct runnel_follow **out,
                  struct runnel_err *err) {
    struct runnel_follow_options o = {0};
    if (options)
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    int r = check_follow(c, &o, calls, stream, err);
    if (r < 0)
        return r;
    if (o.window == 0)
        o.window = WINDOW;
    struct runnel_follow *f = make(c, stream, &o, calls, arg);
    if (!f)
        return rn_fail(err, RUNNEL_ENOMEM, "follow: no memory");
    r = begin(c, f, err);
    if (r < 0) {
        rn_follow_free(f);
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
