/* SPDX-License-Identifier: MIT
 * info.c — the methods that tell what is here: status, streams, head, peers, plugins (methods.h).
 * May touch: the node, to read.
 */
#include "config.h"

#include "base/err.h"
#include "base/time.h"
#include "node/methods.h"
#include "node/sessionstate.h"
#include "node/upstream.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES 57344u /* an answer over this size ends its page */
#define PAGE_MOST 256u

/* ---- streams ---- */

static void describe_head(struct rn_jw *w, const struct rn_stream *s) {
    const struct rn_head *h = &s->head.head;
    rn_jw_khex(w, "head", s->head_bytes.p, s->head_bytes.n);
    rn_jw_key(w, "head_count");
    rn_jw_u64(w, h->count);
    rn_jw_khex(w, "root", h->root.b, RN_HASH);
    rn_jw_kns(w, "signed_at", h->signed_at);
    if (h->through != RN_THROUGH_NONE)
        rn_jw_kns(w, "through", h->through);
}

static void describe_stream(struct rn_jw *w, const struct rn_stream *s) {
    char id[RN_ID_TEXT];
    rn_jw_object(w);
    rn_jw_kstr(w, "stream", rn_id_format(&s->desc->id, id));
    rn_jw_key(w, "descriptor");
    rn_jw_raw(w, s->desc->bytes.p, s->desc->bytes.n);
    rn_jw_kbool(w, "own", s->own);
    rn_jw_kbool(w, "subscribed", s->up && !s->own);
    rn_jw_kbool(w, "live", rn_stream_live(s));
    rn_jw_kstr(w, "state", rn_stream_state(s));
    if (s->trouble.code)
        rn_jw_kstr(w, "trouble", s->trouble.msg);
    rn_jw_key(w, "count");
    rn_jw_u64(w, s->tail.count);
    if (s->tail.count)
        rn_jw_kns(w, "last", s->tail.last);
    if (s->has_head)
        describe_head(w, s);
    if (s->up)
        rn_upstream_describe(s->up, w);
    rn_jw_end_object(w);
}

void rn_method_head(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_stream *s = rn_method_stream(n, call, params);
    struct rn_buf b = {.max = RN_MAX_FRAME};
    struct rn_jw w;
    if (!s)
        return;
    rn_jw_init(&w, &b);
    describe_stream(&w, s);
    rn_method_answer(call, &b);
}

static int id_order(const struct runnel_id *a, const struct runnel_id *b) {
    return memcmp(a->b, b->b, sizeof a->b);
}

/* What streams is asked for. */
struct page {
    int has_after, has_author;
    struct runnel_id after;
    struct rn_key author;
    uint64_t limit;
};

/* The streams of a page with the least ids, in order: one pass with insertion. Returns
 * how many; *more tells whether others follow. */
static size_t page_of(struct rn_node *n, const struct page *p, struct rn_stream **v, int *more) {
    size_t got = 0;
    *more = 0;
    rn_map_for (e, n->streams) {
        struct rn_stream *s = e->val;
        if (!s->ready || (p->has_after && id_order(&s->desc->id, &p->after) <= 0) ||
            (p->has_author && memcmp(s->desc->author.b, p->author.b, RN_KEY) != 0))
            continue;
        if (got == p->limit) {
            *more = 1;
            if (id_order(&s->desc->id, &v[got - 1]->desc->id) > 0)
                continue;
            got--;
        }
        size_t i = got++;
        for (; i > 0 && id_order(&v[i - 1]->desc->id, &s->desc->id) > 0; i--)
            v[i] = v[i - 1];
        v[i] = s;
    }
    return got;
}

/* A member that may be missing, read into *text; 1: it is there. */
static int optional(const struct rn_json *params, const char *key, const char **text, struct runnel_err *err) {
    int rc = rn_json_str(params, key, text, err);
    return rc == -RUNNEL_ENOTFOUND ? 0 : rc == 0 ? 1 : rc;
}

static int read_page(const struct rn_json *params, struct page *p, struct runnel_err *err) {
    const char *text = NULL;
    *p = (struct page){.limit = PAGE_MOST};
    int rc = rn_json_u64(params, "limit", &p->limit, err);
    if (rc == -RUNNEL_EINVALID)
        return rc;
    if (p->limit < 1 || p->limit > PAGE_MOST)
        return rn_fail(err, RUNNEL_EINVALID, "limit: found %llu, want 1 to %u", (unsigned long long)p->limit,
                       PAGE_MOST);
    p->has_after = optional(params, "after", &text, err);
    if (p->has_after < 0)
        return p->has_after;
    if (p->has_after && rn_id_parse(text, strlen(text), &p->after) != 0)
        return rn_fail(err, RUNNEL_EINVALID, "after: found \"%.64s\", want a stream id", text);
    p->has_author = optional(params, "author", &text, err);
    if (p->has_author < 0)
        return p->has_author;
    if (p->has_author && rn_hex_parse(text, strlen(text), p->author.b, RN_KEY) != 0)
        return rn_fail(err, RUNNEL_EINVALID, "author: found \"%.80s\", want a node id: 64 hexadecimal digits", text);
    return 0;
}

void rn_method_streams(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_buf b = {.max = RN_MAX_FRAME};
    struct rn_stream *v[PAGE_MOST];
    struct page page;
    struct runnel_err err;
    struct rn_jw w;
    int more;
    if (read_page(params, &page, &err) != 0) {
        rn_call_fail(call, &err);
        return;
    }
    size_t got = page_of(n, &page, v, &more);
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_key(&w, "streams");
    rn_jw_array(&w);
    for (size_t i = 0; i < got; i++) {
        if (b.n > PAGE_BYTES) {
            more = 1;
            break;
        }
        describe_stream(&w, v[i]);
    }
    rn_jw_end_array(&w);
    rn_jw_kbool(&w, "more", more);
    rn_jw_end_object(&w);
    rn_method_answer(call, &b);
}

/* ---- status ---- */

void rn_method_status(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_buf b = {.max = RN_MAX_FRAME};
    struct rn_jw w;
    int64_t own = 0, troubled = 0, recovering = 0;
    (void)params;
    rn_map_for (e, n->streams) {
        const struct rn_stream *s = e->val;
        own += s->own;
        troubled += s->trouble.code != 0;
        recovering += rn_upstream_recovering(s);
    }
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_khex(&w, "node", n->id.b, RN_KEY);
    rn_jw_khex(&w, "nonce", n->nonce, RN_NONCE);
    rn_jw_kstr(&w, "agent", RN_AGENT);
    if (n->conf->name)
        rn_jw_kstr(&w, "name", n->conf->name);
    if (call->session->rights & RN_ADMIN)
        rn_jw_kstr(&w, "identity", n->conf->identity);
    if (n->restore || n->unfinished)
        rn_jw_kstr(&w, "restore", n->restore ? "under way" : "cut off");
    rn_jw_kns(&w, "now", n->env->wall(n->env->ctx));
    rn_jw_kint(&w, "uptime_ms", (n->env->now(n->env->ctx) - n->started) / RN_NS_MS);
    rn_jw_kint(&w, "streams", (int64_t)rn_map_count(n->streams));
    rn_jw_kint(&w, "own", own);
    rn_jw_kint(&w, "troubled", troubled);
    rn_safety_describe(n, &w);
    rn_jw_kint(&w, "subscriptions", (int64_t)rn_map_count(n->upstreams) - recovering);
    rn_jw_kint(&w, "sessions", (int64_t)n->n_sessions);
    rn_jw_kint(&w, "follows", (int64_t)n->n_follows);
    rn_jw_end_object(&w);
    rn_method_answer(call, &b);
}

/* ---- peers ---- */

static const char *phase_name(enum rn_session_phase p) {
    return p == RN_DIALLING ? "dialling" : p == RN_GREETING ? "greeting" : "open";
}

static void describe_peer(struct rn_jw *w, const struct rn_session *s) {
    rn_jw_object(w);
    rn_jw_kstr(w, "address", s->remote);
    if (s->has_peer)
        rn_jw_khex(w, "node", s->peer.b, RN_KEY);
    rn_jw_kstr(w, "agent", s->agent);
    rn_jw_kbool(w, "dialled", s->dialled);
    rn_jw_kstr(w, "state", phase_name(s->phase));
    if (s->phase == RN_OPEN)
        rn_jw_kns(w, "since", s->since);
    rn_jw_kint(w, "follows_in", s->follows ? (int64_t)rn_map_count(s->follows) : 0);
    rn_jw_kint(w, "follows_out", (int64_t)rn_asks_follows(s));
    rn_jw_key(w, "received");
    rn_jw_u64(w, s->n_received);
    rn_jw_key(w, "sent");
    rn_jw_u64(w, s->n_sent);
    rn_jw_end_object(w);
}

void rn_method_peers(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_buf b = {.max = RN_MAX_FRAME};
    struct rn_jw w;
    int more = 0;
    (void)params;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_key(&w, "peers");
    rn_jw_array(&w);
    rn_list_for (it, &n->sessions) {
        const struct rn_session *s = rn_list_of(it, struct rn_session, link);
        if (!s->has_peer && !s->dialled)
            continue;
        if (b.n > PAGE_BYTES) {
            more = 1;
            break;
        }
        describe_peer(&w, s);
    }
    rn_jw_end_array(&w);
    rn_jw_kbool(&w, "more", more);
    rn_jw_end_object(&w);
    rn_method_answer(call, &b);
}

/* ---- plugins ---- */

static void describe_addresses(struct rn_jw *w, const struct rn_member *m) {
    const struct runnel_transport *t = rn_inst_ops(m->inst);
    char text[4096];
    rn_jw_key(w, "addresses");
    rn_jw_array(w);
    int n = m->started && t->addresses ? t->addresses(rn_inst_self(m->inst), text, sizeof text) : 0;
    for (char *p = text; n > 0 && (size_t)n < sizeof text && *p;) {
        size_t len = strcspn(p, "\n");
        rn_jw_strn(w, p, len);
        p += len + (p[len] == '\n');
    }
    rn_jw_end_array(w);
}

static void describe_members(struct rn_jw *w, const struct rn_node *n) {
    rn_jw_key(w, "instances");
    rn_jw_array(w);
    for (size_t i = 0; i < n->n_members; i++) {
        const struct rn_member *m = &n->members[i];
        rn_jw_object(w);
        rn_jw_kstr(w, "kind", rn_kind_name(m->section->kind));
        rn_jw_kstr(w, "name", m->section->name);
        rn_jw_kstr(w, "plugin", m->section->plugin->name);
        if (m->section->kind == RUNNEL_TRANSPORT)
            describe_addresses(w, m);
        rn_jw_end_object(w);
    }
    rn_jw_end_array(w);
}

void rn_method_plugins(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_buf b = {.max = RN_MAX_FRAME};
    struct rn_jw w;
    char abi[24];
    (void)params;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_key(&w, "plugins");
    rn_jw_array(&w);
    for (const struct runnel_plugin *p = rn_registry_next(n->registry, NULL); p; p = rn_registry_next(n->registry, p)) {
        rn_jw_object(&w);
        rn_jw_kstr(&w, "kind", rn_kind_name(p->kind));
        rn_jw_kstr(&w, "name", p->name);
        rn_jw_kstr(&w, "version", p->version);
        (void)snprintf(abi, sizeof abi, "%u.%u", p->abi_major, p->abi_minor);
        rn_jw_kstr(&w, "abi", abi);
        rn_jw_kstr(&w, "summary", p->summary);
        rn_jw_kstr(&w, "from", rn_registry_from(n->registry, p));
        rn_jw_end_object(&w);
    }
    rn_jw_end_array(&w);
    describe_members(&w, n);
    rn_jw_end_object(&w);
    rn_method_answer(call, &b);
}
