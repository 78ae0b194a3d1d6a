/* SPDX-License-Identifier: MIT
 * upstream.c — a subscription's life: candidates, the provider at hand, the next one (upstream.h).
 * May touch: discovery instances, peers, the stream.
 */
#include "node/upstream.h"

#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "node/upstreamstate.h"
#include <stdlib.h>
#include <string.h>

#define RETRY_LEAST (100 * RN_NS_MS)
#define RETRY_MOST (15 * RN_NS_S)
#define AVOID_FIRST (RN_NS_S) /* a candidate that does not serve, doubled each time */
#define AVOID_MOST (60 * RN_NS_S)
#define BETTER_LEAST (5 * RN_NS_S) /* between looks for a better provider */
#define REST (60 * RN_NS_S)
#define CANDIDATES 256u

static void choose(struct rn_upstream *u);
static void on_alarm(void *arg);

static int64_t now(const struct rn_upstream *u) {
    return u->node->env->now(u->node->env->ctx);
}

static uint64_t dice(const struct rn_upstream *u, uint64_t sides) {
    uint64_t r, limit = UINT64_MAX - UINT64_MAX % sides; /* no bias: throw again above it */
    do
        u->node->env->random(u->node->env->ctx, &r, sizeof r);
    while (r >= limit);
    return r % sides;
}

static void alarm_in(struct rn_upstream *u, int64_t ns) {
    if (rn_alarm_set(&u->node->loop, &u->alarm, ns, on_alarm, u) != 0)
        rn_node_log(u->node, RUNNEL_ERROR, "sync", "out of memory: a subscription cannot go on by itself");
}

static const char *text_of(const struct rn_upstream *u, char out[RN_REF_TEXT]) {
    if (!u->stream)
        return rn_stream_ref_format(&u->ref, out);
    return rn_id_format(&u->stream->desc->id, out);
}

/* ---- letting go ---- */

static void stop_other(struct rn_upstream *u) {
    if (u->other_session && u->other_ask)
        rn_session_forget(u->other_session, u->other_ask);
    u->other_ask = 0;
    u->other_session = NULL;
    free(u->other_address);
    u->other_address = NULL;
    rn_peer_leave(&u->other);
}

/* Forgets the provider at hand and all that came from it and is not checked. */
static void let_go_provider(struct rn_upstream *u) {
    rn_upstream_unfollow(u);
    if (u->session && u->ask)
        rn_session_forget(u->session, u->ask);
    u->ask = 0;
    u->session = NULL;
    free(u->provider);
    u->provider = NULL;
    rn_upstream_content(u);
    rn_fetch_keep(u);
    rn_fetch_free(u);
    rn_live_free(u);
    rn_peer_leave(&u->user);
    rn_upstream_set_live(u, 0);
}

static void let_go(struct rn_upstream *u) {
    let_go_provider(u);
    stop_other(u);
}

static struct rn_candidate *candidate_of(struct rn_upstream *u, const char *address) {
    for (size_t i = 0; address && i < u->n; i++)
        if (strcmp(u->v[i].address, address) == 0)
            return &u->v[i];
    return NULL;
}

static void avoid(struct rn_upstream *u, const char *address) {
    struct rn_candidate *c = candidate_of(u, address);
    if (!c)
        return;
    int64_t ns = AVOID_FIRST;
    for (unsigned i = 0; i < c->failures && ns < AVOID_MOST; i++)
        ns *= 2;
    c->failures++;
    c->not_before = now(u) + ns / 2 + (int64_t)dice(u, (uint64_t)ns / 2 + 1);
}

void rn_upstream_fail(struct rn_upstream *u, const struct runnel_err *why) {
    char text[RN_REF_TEXT];
    rn_node_log(u->node, RUNNEL_INFO, "sync", "stream %s: %s does not serve: %s", text_of(u, text),
                u->provider ? u->provider : "the provider", why->msg);
    avoid(u, u->provider);
    let_go(u);
    choose(u);
}

void rn_upstream_bad(struct rn_upstream *u, const struct runnel_err *why) {
    char text[RN_REF_TEXT];
    struct runnel_err said;
    struct rn_peer *p = u->user.peer;
    if (u->recover && u->stream->own) {
        rn_recover_bad(u, why);
        return;
    }
    if (why->code == RUNNEL_EFORK) { /* who relays one branch is not to blame */
        rn_node_log(u->node, RUNNEL_WARN, "sync", "stream %s: %s; what is held here stays as it is", text_of(u, text),
                    why->msg);
        rn_upstream_fail(u, why);
        return;
    }
    rn_node_log(u->node, RUNNEL_WARN, "sync",
                "stream %s: %s handed over what fails verification: %s; nothing of it is kept, the peer is dropped",
                text_of(u, text), u->session ? rn_session_name(u->session) : "a peer", why->msg);
    rn_fail(&said, why->code, "stream %s: what you sent fails verification: %s", text_of(u, text), why->msg);
    avoid(u, u->provider);
    rn_fetch_free(u); /* who lies once is believed in nothing that is not stored yet */
    if (p)
        rn_peer_bad(p, &said); /* the session's end calls on_down, and that chooses anew */
}

void rn_upstream_rest(struct rn_upstream *u) {
    let_go(u);
    rn_upstream_enter(u, RN_UP_RESTING);
    alarm_in(u, REST);
}

void rn_upstream_pause(struct rn_upstream *u) {
    let_go(u);
    rn_alarm_cancel(&u->node->loop, &u->alarm);
    u->phase = RN_UP_RESTING;
}

/* ---- phases ---- */

void rn_upstream_enter(struct rn_upstream *u, enum rn_upstream_phase phase) {
    char text[RN_REF_TEXT];
    if (u->phase == phase)
        return;
    u->phase = phase;
    rn_node_log(u->node, RUNNEL_DEBUG, "sync", "stream %s: %s%s%s", text_of(u, text), rn_upstream_state(u),
                u->provider ? " via " : "", u->provider ? u->provider : "");
}

/* To say that one serves is not enough: who then gave nothing, or nothing that holds, would be asked twice a second
 * for ever. */
static void kept_its_word(struct rn_upstream *u) {
    struct rn_candidate *c = candidate_of(u, u->provider);
    if (c)
        c->failures = 0;
}

void rn_upstream_set_live(struct rn_upstream *u, int live) {
    char text[RN_REF_TEXT];
    if (u->live == live)
        return;
    u->live = live;
    if (live)
        kept_its_word(u);
    rn_node_log(u->node, RUNNEL_INFO, "sync", "stream %s: %s%s", text_of(u, text), live ? "live via " : "not live",
                live ? u->provider : "");
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

/* ---- choosing ---- */

/* Publishers first, in the order of the list; the others shuffled. */
static void order(struct rn_upstream *u) {
    size_t first = 0;
    for (size_t i = 0; i < u->n; i++) {
        struct rn_candidate c = u->v[i];
        if (!c.publisher)
            continue;
        memmove(&u->v[first + 1], &u->v[first], (i - first) * sizeof c);
        u->v[first++] = c;
    }
    for (size_t left = u->n - first; left > 1; left--) {
        size_t j = first + (size_t)dice(u, left);
        struct rn_candidate c = u->v[j];
        u->v[j] = u->v[first + left - 1];
        u->v[first + left - 1] = c;
    }
    u->at = 0;
}

/* How long until some candidate may be tried again. */
static int64_t wait_for_any(struct rn_upstream *u) {
    int64_t least = RETRY_MOST;
    for (size_t i = 0; i < u->n; i++) {
        int64_t own = u->v[i].not_before - now(u), peer = rn_peer_wait(u->node, u->v[i].address);
        int64_t ns = own > peer ? own : peer;
        if (ns < least)
            least = ns;
    }
    return least < RETRY_LEAST ? RETRY_LEAST : least;
}

/* Makes this address (taken over) the provider at hand; 0 when its session is there or being opened. */
static int take_provider(struct rn_upstream *u, char *address, int publisher) {
    int rc = rn_peer_use(u->node, address, &u->user);
    if (rc != 0) {
        free(address);
        return rc;
    }
    u->provider = address;
    u->provider_publisher = publisher;
    rn_upstream_enter(u, RN_UP_DIALLING);
    return 0;
}

/* Tries candidates in order until one can be dialled; waits when there is none. */
static void choose(struct rn_upstream *u) {
    while (u->at < u->n) {
        struct rn_candidate *c = &u->v[u->at++];
        if (c->not_before > now(u))
            continue;
        char *address = strdup(c->address);
        if (!address || take_provider(u, address, c->publisher) != 0)
            continue;
        rn_alarm_cancel(&u->node->loop, &u->alarm);
        return;
    }
    rn_upstream_enter(u, RN_UP_LOOKING);
    alarm_in(u, wait_for_any(u));
}

static void on_up(struct rn_peer_user *user, struct rn_session *s) {
    struct rn_upstream *u = rn_list_of(user, struct rn_upstream, user);
    struct rn_candidate *c = candidate_of(u, u->provider);
    struct runnel_err err;
    const struct rn_key *peer = rn_session_peer(s);
    if (c && c->has_node && (!peer || memcmp(peer->b, c->node.b, RN_KEY) != 0)) {
        rn_fail(&err, RUNNEL_ECONFLICT, "another node answers at this address than the one that is wanted");
        rn_upstream_fail(u, &err);
        return;
    }
    u->session = s;
    rn_probe(u);
}

static void on_down(struct rn_peer_user *user, const struct runnel_err *why) {
    struct rn_upstream *u = rn_list_of(user, struct rn_upstream, user);
    char text[RN_REF_TEXT];
    rn_node_log(u->node, RUNNEL_INFO, "sync", "stream %s: lost %s: %s", text_of(u, text),
                u->provider ? u->provider : "the provider", why->msg);
    if (u->phase == RN_UP_LIVE || u->phase == RN_UP_FETCHING)
        u->at = 0;     /* it had served: begin with the publisher again */
    u->session = NULL; /* its questions are gone with it */
    u->ask = u->follow = 0;
    let_go(u);
    choose(u);
}

/* ---- a better provider ---- */

static void watch_for_better(struct rn_upstream *u) {
    if (!u->recover && (!u->provider_publisher || u->lags))
        alarm_in(u, BETTER_LEAST + (int64_t)dice(u, (uint64_t)BETTER_LEAST));
}

static void on_other_head(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    struct rn_upstream *u = arg;
    struct rn_signed_head head;
    struct rn_descriptor *d = NULL;
    struct runnel_err why;
    char text[RN_REF_TEXT];
    u->other_ask = 0;
    if (err && u->other_session && !rn_session_open(u->other_session))
        return; /* on_other_down follows */
    int rc = err ? -1 : rn_probe_check(u, r->json, &head, &d, &why);
    rn_descriptor_free(d);
    int better = rc == 0 && head.head.count >= u->stream->tail.count &&
                 (u->other_publisher || (u->ahead && u->stream->tail.count < u->ahead));
    u->ahead = rc == 0 ? head.head.count : 0;
    if (!better) {
        stop_other(u);
        watch_for_better(u);
        return;
    }
    rn_node_log(u->node, RUNNEL_INFO, "sync", "stream %s: moving from %s to %s, %s", text_of(u, text), u->provider,
                u->other_address, u->other_publisher ? "the publisher" : "which is ahead");
    /* `other` holds the session open until `user` does. */
    char *address = u->other_address;
    int publisher = u->other_publisher;
    u->other_address = NULL;
    let_go_provider(u);
    if (take_provider(u, address, publisher) != 0)
        choose(u);
    stop_other(u);
}

static void on_other_up(struct rn_peer_user *user, struct rn_session *s) {
    struct rn_upstream *u = rn_list_of(user, struct rn_upstream, other);
    struct rn_buf b = {.max = 1024};
    char text[RN_REF_TEXT];
    u->other_session = s;
    rn_buf_fmt(&b, "\"stream\":\"%s\"", text_of(u, text));
    if (b.failed ||
        rn_session_ask(s, "head", rn_buf_bytes(&b), RN_ASK_NS, on_other_head, NULL, u, &u->other_ask) != 0) {
        stop_other(u);
        watch_for_better(u);
    }
    rn_buf_free(&b);
}

static void on_other_down(struct rn_peer_user *user, const struct runnel_err *why) {
    struct rn_upstream *u = rn_list_of(user, struct rn_upstream, other);
    (void)why;
    u->other_session = NULL;
    u->other_ask = 0;
    stop_other(u);
    watch_for_better(u);
}

/* Another candidate than the provider: the publisher if it may be dialled, else any. */
static struct rn_candidate *pick_other(struct rn_upstream *u) {
    size_t start = u->n ? (size_t)dice(u, u->n) : 0;
    struct rn_candidate *any = NULL;
    for (size_t i = 0; i < u->n; i++) {
        struct rn_candidate *c = &u->v[(start + i) % u->n];
        if (strcmp(c->address, u->provider) == 0 || c->not_before > now(u) || rn_peer_wait(u->node, c->address) > 0)
            continue;
        if (c->publisher)
            return c;
        if (!any)
            any = c;
    }
    return any;
}

static void look_for_better(struct rn_upstream *u) {
    struct rn_candidate *c = u->provider && u->stream && !u->other.peer ? pick_other(u) : NULL;
    char *address = c ? strdup(c->address) : NULL;
    if (!address || rn_peer_use(u->node, address, &u->other) != 0) {
        free(address);
        watch_for_better(u);
        return;
    }
    u->other_address = address;
    u->other_publisher = c->publisher;
}

static void on_alarm(void *arg) {
    struct rn_upstream *u = arg;
    if (u->phase == RN_UP_LIVE || u->phase == RN_UP_FETCHING) {
        look_for_better(u);
    } else if (u->phase == RN_UP_LOOKING || u->phase == RN_UP_RESTING) {
        order(u);
        choose(u);
    }
}

void rn_upstream_serves(struct rn_upstream *u) {
    u->ahead = 0;
    if (!u->other.peer)
        watch_for_better(u);
}

/* ---- a provider that says it serves, and does not ---- */

static void on_stall(void *arg) {
    struct rn_upstream *u = arg;
    struct runnel_err err;
    if (u->stream->flight) { /* it is our disk that is slow */
        rn_upstream_expect(u);
        return;
    }
    rn_fail(&err, RUNNEL_ETIMEOUT, "nothing of what was asked for has come for %lld s",
            (long long)(RN_STALL_NS / RN_NS_S));
    rn_upstream_fail(u, &err);
}

void rn_upstream_expect(struct rn_upstream *u) {
    if (rn_alarm_set(&u->node->loop, &u->stall, RN_STALL_NS, on_stall, u) != 0)
        rn_node_log(u->node, RUNNEL_ERROR, "sync", "out of memory: a provider that stalls would not be noticed");
}

void rn_upstream_content(struct rn_upstream *u) {
    rn_alarm_cancel(&u->node->loop, &u->stall);
}

/* ---- what flights bring ---- */

void rn_upstream_landed(struct rn_upstream *u, size_t bytes, const struct runnel_err *err) {
    if (err) {
        rn_upstream_fail(u, err);
        return;
    }
    kept_its_word(u);
    if (u->session && u->follow && bytes)
        rn_session_credit(u->session, u->follow, bytes);
    if (u->phase == RN_UP_FETCHING)
        rn_fetch_landed(u);
    else if (u->phase == RN_UP_LIVE)
        rn_live_landed(u);
}

/* ---- following at the provider ---- */

static void on_follow(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    struct rn_upstream *u = arg;
    (void)r;
    if (err && rn_session_open(u->session)) {
        u->follow = 0;
        rn_upstream_fail(u, err);
    }
}

void rn_upstream_follow(struct rn_upstream *u, uint64_t from, uint64_t until, rn_push_fn *push) {
    struct rn_buf b = {.max = 1024};
    struct runnel_err err;
    char text[RN_REF_TEXT];
    rn_upstream_unfollow(u);
    rn_buf_fmt(&b, "\"stream\":\"%s\",\"from\":%llu,\"credit\":%lld", text_of(u, text), (unsigned long long)from,
               (long long)RN_WINDOW);
    if (until == UINT64_MAX)
        rn_buf_str(&b, ",\"heads\":true");
    else
        rn_buf_fmt(&b, ",\"until\":%llu", (unsigned long long)until);
    int rc = b.failed;
    if (rc == 0)
        rc = rn_session_ask(u->session, "follow", rn_buf_bytes(&b), RN_ASK_NS, on_follow, push, u, &u->follow);
    rn_buf_free(&b);
    if (rc != 0) {
        rn_fail(&err, -rc, "it cannot be asked");
        rn_upstream_fail(u, &err);
    }
}

static void ignore_reply(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    (void)arg;
    (void)r;
    (void)err;
}

void rn_upstream_unfollow(struct rn_upstream *u) {
    if (!u->session || !u->follow)
        return;
    rn_session_forget(u->session, u->follow);
    if (rn_session_open(u->session)) {
        struct rn_buf b = {.max = 64};
        rn_buf_fmt(&b, "\"follow\":%llu", (unsigned long long)u->follow);
        (void)rn_session_ask(u->session, "unfollow", rn_buf_bytes(&b), RN_ASK_NS, ignore_reply, NULL, u, NULL);
        rn_buf_free(&b);
    }
    u->follow = 0;
}

int rn_upstream_state_frame(struct rn_upstream *u, const struct rn_frame *f, struct runnel_err *err) {
    struct rn_json *o = NULL;
    struct rn_json_limits limits = {.depth = 4, .values = 64};
    const char *end = NULL, *code = "internal", *message = "no reason given";
    int live = u->live, ended = 0;
    if (rn_json_parse(f->body.p, f->body.n, &limits, &o, NULL, err) != 0)
        return 1;
    if (rn_json_bool(o, "live", &live, NULL) == 0 && u->phase == RN_UP_LIVE)
        rn_upstream_set_live(u, live);
    if (rn_json_str(o, "end", &end, NULL) == 0 && strcmp(end, "error") == 0) {
        (void)rn_json_str(o, "code", &code, NULL);
        (void)rn_json_str(o, "message", &message, NULL);
        rn_fail(err, rn_code_of(code, strlen(code)), "%s", message);
        ended = 1;
    } else if (end) {
        rn_fail(err, RUNNEL_ECLOSED, "it ended the follow before all was there");
        ended = 2;
    }
    rn_json_free(o);
    return ended;
}

int rn_run_count(const struct rn_frame *f, uint64_t *count, struct runnel_err *err) {
    struct rn_cursor c;
    struct rn_obs o;
    int rc;
    rn_cursor_init(&c, f->body.p, f->body.n, f->seq, f->base);
    while ((rc = rn_cursor_next(&c, &o, err)) > 0)
        ;
    *count = c.seq - f->seq;
    return rc;
}

/* ---- life ---- */

static void watch_discovery(struct rn_upstream *u, int on) {
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
    for (size_t i = 0; i < u->node->n_members; i++) {
        struct rn_member *m = &u->node->members[i];
        if (m->section->kind != RUNNEL_DISCOVERY || !m->started)
            continue;
        const struct runnel_discovery *ops = rn_inst_ops(m->inst);
        ops->watch(rn_inst_self(m->inst), u->watch, &sought, on);
    }
}

void rn_upstream_known(struct rn_upstream *u, struct rn_stream *s) {
    watch_discovery(u, 0); /* what is known of the stream is more now */
    u->stream = s;
    s->up = u;
    watch_discovery(u, 1);
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
    u->user = (struct rn_peer_user){.up = on_up, .down = on_down};
    u->other = (struct rn_peer_user){.up = on_other_up, .down = on_other_down};
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
    watch_discovery(u, 1);
    rn_upstreams_dialled(u);
    if (u->phase == RN_UP_LOOKING)
        choose(u);
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

static void clear_candidates(struct rn_upstream *u) {
    for (size_t i = 0; i < u->n; i++) {
        free(u->v[i].address);
        free(u->v[i].from);
    }
    free(u->v);
    u->v = NULL;
    u->n = u->at = 0;
}

static void upstream_free(struct rn_upstream *u) {
    rn_alarm_cancel(&u->node->loop, &u->stall);
    rn_alarm_cancel(&u->node->loop, &u->alarm);
    clear_candidates(u);
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
    let_go(u);
    watch_discovery(u, 0);
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

/* ---- what discovery finds ---- */

static int add_candidate(struct rn_upstream *u, const char *from, const struct runnel_candidate *in) {
    struct rn_candidate *old = candidate_of(u, in->address);
    if (old) { /* two instances name it: it keeps its history */
        old->publisher |= in->role == RUNNEL_PUBLISHER;
        return 0;
    }
    struct rn_candidate *v = realloc(u->v, (u->n + 1) * sizeof *v);
    if (!v)
        return -RUNNEL_ENOMEM;
    u->v = v;
    struct rn_candidate c = {.address = strdup(in->address), .from = strdup(from)};
    c.publisher = in->role == RUNNEL_PUBLISHER;
    if (in->node) {
        c.has_node = 1;
        memcpy(c.node.b, in->node, RN_KEY);
    }
    if (!c.address || !c.from) {
        free(c.address);
        free(c.from);
        return -RUNNEL_ENOMEM;
    }
    u->v[u->n++] = c;
    return 0;
}

static int listed(const char *address, const struct runnel_candidate *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i]->address, address) == 0)
            return 1;
    return 0;
}

static void drop_unlisted(struct rn_upstream *u, const char *from, const struct runnel_candidate *const *list,
                          size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < u->n; i++) {
        if (strcmp(u->v[i].from, from) != 0 || listed(u->v[i].address, list, count)) {
            u->v[kept++] = u->v[i];
            continue;
        }
        free(u->v[i].address);
        free(u->v[i].from);
    }
    u->n = kept;
}

void rn_upstream_found(struct rn_node *n, uint64_t watch, const char *from, const struct runnel_candidate *const *list,
                       size_t count) {
    uint8_t key[8];
    struct runnel_err err;
    rn_put_le64(key, watch);
    struct rn_upstream *u = rn_map_get(n->upstreams, key, sizeof key);
    if (!u)
        return;
    drop_unlisted(u, from, list, count);
    for (size_t i = 0; i < count && u->n < CANDIDATES; i++)
        if (add_candidate(u, from, list[i]) != 0)
            rn_node_log(n, RUNNEL_WARN, "sync", "out of memory: a candidate is left out");
    order(u);
    if (u->phase == RN_UP_LOOKING) {
        choose(u);
    } else if (u->provider && !candidate_of(u, u->provider)) {
        rn_fail(&err, RUNNEL_ENOTFOUND, "it is no longer listed");
        rn_upstream_fail(u, &err);
    }
}

/* ---- what comes by itself ---- */

#define OFFERED ""                    /* no instance has this name */
#define OFFERED_MOST (CANDIDATES / 2) /* anybody may dial us: there is room for those that discovery names */

int rn_upstream_offer(struct rn_upstream *u, const char *address) {
    struct runnel_candidate in = {.size = sizeof in, .role = RUNNEL_SUBSCRIBER, .address = address};
    size_t offered = 0;
    for (size_t i = 0; i < u->n; i++)
        offered += strcmp(u->v[i].from, OFFERED) == 0;
    if (u->n >= CANDIDATES || offered >= OFFERED_MOST)
        return -RUNNEL_ETOOBIG;
    int rc = add_candidate(u, OFFERED, &in);
    if (rc != 0)
        return rc;
    if (u->phase == RN_UP_LOOKING) {
        order(u);
        choose(u);
    }
    return 0;
}

void rn_upstream_withdraw(struct rn_upstream *u, const char *address) {
    for (size_t i = 0; i < u->n; i++) {
        if (strcmp(u->v[i].address, address) != 0)
            continue;
        free(u->v[i].address);
        free(u->v[i].from);
        memmove(&u->v[i], &u->v[i + 1], (u->n - i - 1) * sizeof u->v[i]);
        u->n--;
        if (u->at > i)
            u->at--;
        return;
    }
}
