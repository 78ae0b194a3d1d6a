/* SPDX-License-Identifier: MIT
 * upstream.c — a subscription's life: made, found, told of what it is, removed; its phases (upstream.h).
 * May touch: discovery instances, the stream.
 */
#include "node/upstream.h"

#include "base/err.h"
#include "base/json.h"
#include "node/discover.h"
#include "node/upstreamstate.h"
#include <stdlib.h>
#include <string.h>

int64_t rn_upstream_now(const struct rn_upstream *u) {
    return u->node->env->now(u->node->env->ctx);
}

void rn_upstream_wake_in(struct rn_upstream *u, int64_t ns) {
    if (rn_alarm_set(&u->node->loop, &u->alarm, ns, rn_upstream_woken, u) != 0)
        rn_node_log(u->node, RUNNEL_ERROR, "sync", "out of memory: a subscription cannot go on by itself");
}

const char *rn_upstream_text(const struct rn_upstream *u, char out[RN_REF_TEXT]) {
    if (!u->stream)
        return rn_stream_ref_format(&u->ref, out);
    return rn_id_format(&u->stream->desc->id, out);
}

/* ---- phases ---- */

void rn_upstream_enter(struct rn_upstream *u, enum rn_upstream_phase phase) {
    char text[RN_REF_TEXT];
    if (u->phase == phase)
        return;
    u->phase = phase;
    rn_node_log(u->node, RUNNEL_DEBUG, "sync", "stream %s: %s%s%s", rn_upstream_text(u, text), rn_upstream_state(u),
                u->provider ? " via " : "", u->provider ? u->provider : "");
}

void rn_upstream_set_live(struct rn_upstream *u, int live) {
    char text[RN_REF_TEXT];
    if (u->live == live)
        return;
    u->live = live;
    if (live) {
        u->n_looks = 0;
        rn_provider_kept_its_word(u);
    }
    rn_node_log(u->node, RUNNEL_INFO, "sync", "stream %s: %s%s", rn_upstream_text(u, text),
                live ? "live via " : "not live", live ? u->provider : "");
    if (u->stream)
        rn_stream_changed(u->stream);
}

int rn_upstream_live(const struct rn_upstream *u) {
    return u->phase == RN_UP_LIVE && u->live;
}

const char *rn_upstream_state(const struct rn_upstream *u) {
    switch (u->phase) {
    case RN_UP_PROBING:
        return "probing";
    case RN_UP_FETCHING:
        return "fetching";
    case RN_UP_LIVE:
        return u->live ? "live" : "held";
    case RN_UP_RESTING:
        return "held";
    default:
        return "looking";
    }
}

struct rn_stream *rn_upstream_stream(const struct rn_upstream *u) {
    return u->stream;
}

void rn_upstream_describe(const struct rn_upstream *u, struct rn_jw *w) {
    if (u->provider)
        rn_jw_kstr(w, "provider", u->provider);
    if (u->want) {
        rn_jw_key(w, "want");
        rn_jw_u64(w, u->want);
    }
}

/* ---- life ---- */

void rn_upstream_watch(struct rn_upstream *u, struct rn_member *only, int on) {
    struct runnel_sought sought = {.size = sizeof sought};
    struct rn_descriptor *d = u->stream ? u->stream->desc : NULL;
    sought.has_id = d || u->ref.has_id;
    sought.id = d ? d->id : u->ref.id;
    if (d || !u->ref.has_id) {
        sought.author = d ? d->author.b : u->ref.author.b;
        sought.source = d ? d->source : u->ref.source;
        sought.stream = d ? d->stream : u->ref.stream;
        sought.target = d ? d->target : u->ref.target;
    }
    rn_discover(u->node, only, u->watch, &sought, on);
}

void rn_upstream_known(struct rn_upstream *u, struct rn_stream *s) {
    rn_upstream_watch(u, NULL, 0); /* what is known of the stream is more now */
    u->stream = s;
    s->up = u;
    rn_upstream_watch(u, NULL, 1);
}

static int same_ref(const struct rn_upstream *u, const struct rn_stream_ref *ref) {
    const struct rn_stream_ref *a = &u->ref;
    if (u->stream && rn_stream_ref_fits(ref, u->stream->desc))
        return 1;
    if (a->has_id || ref->has_id)
        return a->has_id && ref->has_id && rn_id_equal(&a->id, &ref->id);
    return memcmp(a->author.b, ref->author.b, RN_KEY) == 0 && strcmp(a->source, ref->source) == 0 &&
           strcmp(a->stream, ref->stream) == 0 && strcmp(a->target, ref->target) == 0;
}

struct rn_upstream *rn_upstream_find(const struct rn_node *n, const struct rn_stream_ref *ref) {
    struct rn_stream *s = rn_stream_resolve(n, ref);
    if (s && s->up && !s->up->recover)
        return s->up;
    rn_map_for (e, n->upstreams) {
        struct rn_upstream *u = e->val;
        if (!u->recover && same_ref(u, ref))
            return u;
    }
    return NULL;
}

struct rn_upstream *rn_upstream_make(struct rn_node *n, const struct rn_stream_ref *ref, struct rn_stream *s,
                                     int recover) {
    uint8_t key[8];
    struct rn_upstream *u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    u->node = n;
    u->ref = *ref;
    u->recover = recover;
    u->watch = n->next_watch++;
    u->user = (struct rn_peer_user){.up = rn_provider_up, .down = rn_provider_down};
    u->other = (struct rn_peer_user){.up = rn_better_up, .down = rn_better_down};
    rn_list_init(&u->runs);
    rn_put_le64(key, u->watch);
    if (rn_map_put(n->upstreams, key, sizeof key, u) != 0) {
        free(u);
        return NULL;
    }
    u->stream = s;
    if (s)
        s->up = u;
    return u;
}

void rn_upstream_begin(struct rn_upstream *u) {
    rn_upstream_watch(u, NULL, 1);
    rn_upstreams_dialled(u);
    if (u->phase == RN_UP_LOOKING)
        rn_upstream_choose(u);
}

int rn_upstream_add(struct rn_node *n, const struct rn_stream_ref *ref, struct rn_upstream **out, int *added,
                    struct runnel_err *err) {
    *added = 0;
    *out = rn_upstream_find(n, ref);
    if (*out)
        return 0;
    struct rn_stream *s = rn_stream_resolve(n, ref);
    if (s && s->own)
        return rn_fail(err, RUNNEL_EINVALID,
                       "subscribe: this node is the author of the stream; there is nothing to fetch");
    if (s && s->drop)
        return rn_fail(err, RUNNEL_EBUSY, "subscribe: the stream is being dropped; ask again");
    const struct rn_tombstone *t = ref->has_id ? rn_dropped(n, &ref->id) : NULL;
    if (t)
        return rn_dropped_say(t, err, RUNNEL_ECONFLICT,
                              ": this node was its author, and takes none of it back; read it where others hold it");
    if (s && s->up) { /* its lost end is being fetched: it goes on from there */
        rn_recover_subscribed(s->up, ref);
        *out = s->up;
        *added = 1;
        return 0;
    }
    struct rn_upstream *u = rn_upstream_make(n, ref, s, 0);
    if (!u)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    *out = u;
    *added = 1;
    if (n->phase == RN_SERVING)
        rn_upstream_begin(u);
    return 0;
}

static void upstream_free(struct rn_upstream *u) {
    rn_alarm_cancel(&u->node->loop, &u->stall);
    rn_alarm_cancel(&u->node->loop, &u->alarm);
    rn_candidates_clear(u);
    if (u->stream)
        u->stream->up = NULL;
    rn_fetch_free(u);
    rn_live_free(u);
    free(u->provider);
    free(u->other_address);
    free(u);
}

void rn_upstream_remove(struct rn_upstream *u) {
    uint8_t key[8];
    struct rn_stream *s = u->stream;
    rn_upstream_let_go(u);
    rn_upstream_watch(u, NULL, 0);
    rn_put_le64(key, u->watch);
    (void)rn_map_del(u->node->upstreams, key, sizeof key);
    upstream_free(u);
    if (s)
        rn_stream_changed(s);
}

void rn_upstreams_drop(struct rn_node *n) {
    if (!n->upstreams)
        return;
    rn_map_for (e, n->upstreams)
        upstream_free(e->val);
    rn_map_free(n->upstreams);
    n->upstreams = NULL;
}

void rn_upstreams_start(struct rn_node *n) {
    rn_map_for (e, n->upstreams)
        rn_upstream_begin(e->val);
}
