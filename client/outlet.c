/* SPDX-License-Identifier: MIT
 * outlet.c — finds the seqs of publishes with RUNNEL_ANY, so that each can be repeated without doubling.
 * May touch: the heap.
 *
 * An outlet is one stream that this client publishes to. It asks once for the stream's end; then each
 * publish goes, FRESH, to the seq behind the one before, without waiting. A lost session changes nothing:
 * those that are not acknowledged are sent again to the same seqs, now without FRESH, since there they
 * may be already.
 *
 * A conflict says that a publish is not there: somebody else is, or an earlier one of ours was refused. It
 * then waits until those under way are answered, the end is asked for again, and one at a time goes out
 * (`careful`) until all are answered, because what stands behind a refused one would come before it.
 *
 * There is one trap. A publish that an earlier session may have brought to the node, and whose seq is not
 * reached yet, may still arrive there from that session. It must not get another seq, or it could go in
 * twice: once others have gone past its seq it is asked for there again (`settling`); when nothing is left
 * that could, it fails as not known.
 */
#include "client/client.h"
#include <stdlib.h>
#include <string.h>

#define KEPT 1024u /* outlets, beyond which an idle one is forgotten */

enum knowledge { UNKNOWN, ASKING, KNOWN };

struct rn_outlet {
    struct rn_list link, used;
    struct runnel_id stream;
    enum knowledge state;
    uint64_t next;            /* KNOWN: where the stream ends when all that is under way is there */
    uint64_t reached;         /* observations that the stream surely has */
    size_t flying;            /* publishes that were placed and are not answered */
    int careful;              /* one at a time */
    struct rn_list publishes; /* not answered, in order */
};

/* ---- the table ---- */

static struct rn_list *slot_of(struct runnel_client *c, const struct runnel_id *stream) {
    return &c->outlets[stream->b[0] & (RN_SLOTS - 1)];
}

static struct rn_outlet *find(struct runnel_client *c, const struct runnel_id *stream) {
    rn_list_for (it, slot_of(c, stream)) {
        struct rn_outlet *o = rn_list_of(it, struct rn_outlet, link);
        if (memcmp(o->stream.b, stream->b, sizeof stream->b) == 0)
            return o;
    }
    return NULL;
}

static void drop(struct runnel_client *c, struct rn_outlet *o) {
    rn_list_del(&o->link);
    rn_list_del(&o->used);
    c->n_outlets--;
    free(o);
}

static int idle(const struct rn_outlet *o) {
    return rn_list_empty(&o->publishes) && o->state != ASKING;
}

/* Forgets the idle one that was used longest ago; to know its end again costs a question. */
static void make_room(struct runnel_client *c) {
    rn_list_for_safe (it, &c->used) {
        struct rn_outlet *o = rn_list_of(it, struct rn_outlet, used);
        if (c->n_outlets < KEPT)
            return;
        if (idle(o)) {
            drop(c, o);
            return;
        }
    }
}

static struct rn_outlet *make(struct runnel_client *c, const struct runnel_id *stream) {
    make_room(c);
    struct rn_outlet *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->stream = *stream;
    rn_list_init(&o->publishes);
    rn_list_add(slot_of(c, stream), &o->link);
    rn_list_add(&c->used, &o->used);
    c->n_outlets++;
    return o;
}

void rn_outlet_free_all(struct runnel_client *c) {
    while (!rn_list_empty(&c->used))
        drop(c, rn_list_of(c->used.next, struct rn_outlet, used));
}

/* ---- where the stream ends ---- */

/* Fails the first of those that wait; 0 when there is none. Its completion may do anything, also free the
 * client: the caller looks again. */
static int fail_one(struct runnel_client *c, struct rn_outlet *o, const struct runnel_err *why) {
    rn_list_for (it, &o->publishes) {
        struct rn_pending *p = rn_list_of(it, struct rn_pending, placing);
        if (p->placed)
            continue;
        rn_ask_take(c, p);
        rn_outlet_leave(p);
        p->done.publish(p->arg, NULL, why);
        rn_ask_free(p);
        return 1;
    }
    return 0;
}

static void fail_waiting(struct runnel_client *c, const struct runnel_id *stream, const struct runnel_err *why) {
    for (;;) {
        struct rn_outlet *o = c->closed ? NULL : find(c, stream);
        if (!o || !fail_one(c, o, why))
            return;
    }
}

/* Whether it may go now: it has no seq, or others have gone past the one that it had. */
static int may_go(const struct rn_outlet *o, const struct rn_pending *p) {
    return !p->settling || p->seq < o->reached;
}

static int none_may_go(const struct rn_outlet *o) {
    rn_list_for (it, &o->publishes) {
        const struct rn_pending *p = rn_list_of(it, struct rn_pending, placing);
        if (!p->placed && may_go(o, p))
            return 0;
    }
    return 1;
}

/* All that wait had a seq that nobody has reached, and nothing else will take the stream there. */
static void fail_unknown(struct runnel_client *c, const struct runnel_id *stream, uint64_t count) {
    struct runnel_err why;
    (void)rn_fail(&why, RUNNEL_ECLOSED,
                  "the session was lost before it was acknowledged, and what was to stand before it in the stream does "
                  "not: it is not known whether it was appended; the stream has %llu observations",
                  (unsigned long long)count);
    fail_waiting(c, stream, &why);
}

static int end_known(struct runnel_client *c, struct rn_pending *p, const struct rn_frame *f,
                     const struct runnel_err *err, struct runnel_err *why) {
    struct runnel_id stream = p->stream;
    struct rn_outlet *o = c->closed ? NULL : find(c, &stream);
    struct rn_json *json = NULL;
    uint64_t count = 0;
    if (!o)
        return 0;
    o->state = UNKNOWN;
    if (err) {
        fail_waiting(c, &stream, err);
        return 0;
    }
    int r = f->type == RN_FRAME_ANSWER ? rn_session_json(f->body, &json, why) : rn_ask_wrong(f, "ANSWER", why);
    if (r == 0 && rn_json_u64(json, "count", &count, why) < 0)
        r = rn_fail(why, RUNNEL_EDAMAGED, "the answer to head must have a count");
    rn_json_free(json);
    if (r < 0)
        return r;
    o->state = KNOWN;
    o->next = o->reached = count;
    if (none_may_go(o))
        fail_unknown(c, &stream, count);
    return c->closed ? 0 : rn_outlet_go_on(c, &stream, why);
}

static int ask_end(struct runnel_client *c, struct rn_outlet *o, struct runnel_err *err) {
    char text[RUNNEL_ID_TEXT];
    struct rn_pending *p = rn_ask_new(c, 1, end_known, NULL, err);
    if (!p)
        return -RUNNEL_ENOMEM;
    p->repeat = RN_WITH_SESSION;
    p->stream = o->stream;
    rn_buf_fmt(&p->body, "{\"method\":\"head\",\"stream\":\"%s\"}", runnel_id_format(&o->stream, text));
    int r = rn_ask_send(c, p, err);
    if (r == 0)
        o->state = ASKING;
    return r;
}

/* ---- sending ---- */

/* Whatever may be at the node already is repeated; what cannot be is fresh. */
static int place(struct runnel_client *c, struct rn_outlet *o, struct rn_pending *p, struct runnel_err *err) {
    if (!p->settling) {
        p->seq = o->next;
        o->next += p->count;
    }
    p->flags = (uint8_t)((p->flags & RN_PUBLISH_NOW) | RN_PUBLISH_SEQ | (p->settling ? 0 : RN_PUBLISH_FRESH));
    p->placed = 1;
    o->flying++;
    return rn_ask_put(c, p, err);
}

static int go_on(struct runnel_client *c, struct rn_outlet *o, struct runnel_err *err) {
    int waiting = 0;
    if (!c->open)
        return 0;
    if (rn_list_empty(&o->publishes))
        o->careful = 0;
    rn_list_for (it, &o->publishes) {
        struct rn_pending *p = rn_list_of(it, struct rn_pending, placing);
        if (p->placed)
            continue;
        if (o->state == ASKING || (o->flying > 0 && (o->careful || o->state == UNKNOWN)))
            return 0;
        waiting = 1;
        int r = o->state == KNOWN && may_go(o, p) ? place(c, o, p, err) : 0;
        if (r < 0)
            return r;
    }
    return waiting && o->flying == 0 ? ask_end(c, o, err) : 0;
}

int rn_outlet_go_on(struct runnel_client *c, const struct runnel_id *stream, struct runnel_err *err) {
    struct rn_outlet *o = find(c, stream);
    return o ? go_on(c, o, err) : 0;
}

int rn_outlet_all(struct runnel_client *c, struct runnel_err *err) {
    int r = 0;
    rn_list_for (it, &c->used)
        if (r == 0)
            r = go_on(c, rn_list_of(it, struct rn_outlet, used), err);
    return r;
}

int rn_outlet_take(struct runnel_client *c, struct rn_pending *p, struct runnel_err *err) {
    struct rn_outlet *o = find(c, &p->stream);
    if (!o)
        o = make(c, &p->stream);
    if (!o) {
        rn_ask_take(c, p);
        rn_ask_free(p);
        return rn_fail(err, RUNNEL_ENOMEM, "no memory for a request");
    }
    int r = rn_ask_keep(c, p, err);
    if (r < 0)
        return r;
    rn_list_del(&o->used);
    rn_list_add(&c->used, &o->used);
    p->outlet = o;
    rn_list_add(&o->publishes, &p->placing);
    r = go_on(c, o, err);
    if (r == 0 || p->end > 0)
        return 0; /* if not this one, another could not be sent: it goes with the next that moves */
    rn_ask_take(c, p);
    rn_ask_free(p);
    return r;
}

void rn_outlet_note(struct runnel_client *c, const struct runnel_id *stream, uint64_t end) {
    struct rn_outlet *o = find(c, stream);
    if (o && o->state == KNOWN && o->next < end)
        o->next = end;
}

/* ---- what comes of it ---- */

void rn_outlet_leave(struct rn_pending *p) {
    if (!p->outlet)
        return;
    rn_list_del(&p->placing);
    p->outlet->flying -= p->placed != 0;
    p->outlet = NULL;
}

/* One was refused: what was sent behind it will be too. */
static void stumble(struct rn_outlet *o) {
    if (o->state == KNOWN)
        o->state = UNKNOWN;
    o->careful = 1;
}

static void unplace(struct rn_pending *p) {
    p->outlet->flying--;
    p->placed = 0;
    p->end = 0;
    stumble(p->outlet);
}

void rn_outlet_answered(struct rn_pending *p, uint64_t end) {
    struct rn_outlet *o = p->outlet;
    if (o && end == 0)
        stumble(o);
    else if (o && o->reached < end)
        o->reached = end;
    rn_outlet_leave(p);
}

int rn_outlet_again(struct runnel_client *c, struct rn_pending *p, const struct runnel_err *why) {
    if (why->code == RUNNEL_ECLOSED && !(c->flags & RUNNEL_CLIENT_ONCE))
        return 1; /* the node is stopping: it waits for the next session */
    if (why->code != RUNNEL_ECONFLICT || !p->outlet)
        return 0;
    unplace(p);
    if (p->settling)
        p->settling = p->cut = 0; /* it was not there, and its place is taken now */
    else if (p->cut)
        p->settling = 1;
    return 1;
}

/* What was placed stays where it is, and is fresh no more if the node may have it. */
void rn_outlet_lost(struct runnel_client *c) {
    rn_list_for (it, &c->used) {
        struct rn_outlet *o = rn_list_of(it, struct rn_outlet, used);
        if (o->state == ASKING)
            o->state = UNKNOWN;
        rn_list_for (at, &o->publishes) {
            struct rn_pending *p = rn_list_of(at, struct rn_pending, placing);
            if (p->placed && rn_ask_seen(c, p))
                p->flags &= (uint8_t)~RN_PUBLISH_FRESH;
        }
    }
}
