/* SPDX-License-Identifier: MIT
 * methods.c — requests are read, rights checked, methods called (methods.h).
 * May touch: the node.
 */
#include "node/methods.h"

#include "base/err.h"
#include "node/sessionstate.h"
#include "node/upstream.h"
#include <string.h>

static void method_ping(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    (void)n;
    (void)params;
    rn_call_answer(call, (struct runnel_bytes){(const uint8_t *)"{}", 2});
}

static void method_create(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    rn_author_create(&n->author, call, params);
}

static int method_ref(struct rn_call *call, const struct rn_json *params, struct rn_stream_ref *ref) {
    const char *text;
    struct runnel_err err;
    int rc = rn_json_str(params, "stream", &text, &err);
    if (rc == -RUNNEL_ENOTFOUND)
        rn_fail(&err, RUNNEL_EINVALID, "stream: missing; want a stream id or AUTHOR/source/stream/target");
    else if (rc == 0)
        rc = rn_stream_ref_parse(text, ref, &err);
    if (rc != 0)
        rn_call_fail(call, &err);
    return rc;
}

static void method_subscribe(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_stream_ref ref;
    if (method_ref(call, params, &ref) == 0)
        rn_subscribe(n, call, &ref);
}

static void method_unsubscribe(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_stream_ref ref;
    if (method_ref(call, params, &ref) == 0)
        rn_unsubscribe(n, call, &ref);
}

/* ---- follow ---- */

static int read_spec(const struct rn_json *params, struct rn_follow_spec *s, struct runnel_err *err) {
    int rc[7];
    *s = (struct rn_follow_spec){.until = UINT64_MAX, .credit = 262144};
    rc[0] = rn_json_u64(params, "from", &s->from, err);
    rc[1] = rc[0] == -RUNNEL_EINVALID ? rc[0] : rn_json_i64(params, "from_time", &s->from_time, err);
    rc[2] = rc[1] == -RUNNEL_EINVALID ? rc[1] : rn_json_bool(params, "now", &s->now, err);
    rc[3] = rc[2] == -RUNNEL_EINVALID ? rc[2] : rn_json_u64(params, "until", &s->until, err);
    rc[4] = rc[3] == -RUNNEL_EINVALID ? rc[3] : rn_json_i64(params, "until_time", &s->until_time, err);
    rc[5] = rc[4] == -RUNNEL_EINVALID ? rc[4] : rn_json_u64(params, "credit", &s->credit, err);
    rc[6] = rc[5] == -RUNNEL_EINVALID ? rc[5] : rn_json_bool(params, "heads", &s->heads, err);
    if (rc[6] == -RUNNEL_EINVALID)
        return rc[6];
    s->has_from_time = rc[1] == 0;
    s->has_until_time = rc[4] == 0;
    if ((rc[0] == 0) + (rc[1] == 0) + (rc[2] == 0 && s->now) > 1)
        return rn_fail(err, RUNNEL_EINVALID, "follow: found more than one of from, from_time and now; want one");
    if (rc[3] == 0 && rc[4] == 0)
        return rn_fail(err, RUNNEL_EINVALID, "follow: found until and until_time; want one of them");
    if (s->from > RN_COUNT_MAX)
        return rn_fail(err, RUNNEL_EINVALID, "from: found %llu, want at most %llu, as no stream has more",
                       (unsigned long long)s->from, (unsigned long long)RN_COUNT_MAX);
    if (s->credit > RN_MAX_CREDIT)
        s->credit = RN_MAX_CREDIT;
    return 0;
}

static void method_follow(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_follow_spec spec;
    struct runnel_err err;
    struct rn_session *session = call->session;
    struct rn_stream *s = rn_method_stream(n, call, params);
    if (!s)
        return;
    int rc = read_spec(params, &spec, &err);
    if (rc == 0 && session->follows && rn_map_count(session->follows) >= RN_MAX_FOLLOWS)
        rc = rn_fail(&err, RUNNEL_ETOOBIG, "follow: this session has %d follows open (limit FOLLOWS)", RN_MAX_FOLLOWS);
    if (rc == 0 && rn_session_follow(session, call->entry.id))
        rc = rn_fail(&err, RUNNEL_EINVALID, "follow: the id is in use by another follow of this session");
    if (rc != 0)
        rn_call_fail(call, &err);
    else
        rn_follow_open(call, s, &spec);
}

static void method_unfollow(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    uint64_t id;
    (void)n;
    if (rn_method_u64(call, params, "follow", &id) != 0)
        return;
    struct rn_follow *f = rn_session_follow(call->session, id);
    if (f)
        rn_follow_withdraw(f);
    rn_session_withdraw(call->session, id); /* also what is left of one that has ended by itself */
    rn_call_answer(call, (struct runnel_bytes){(const uint8_t *)"{}", 2});
}

/* ---- parameters ---- */

struct rn_stream *rn_method_stream(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_stream_ref ref;
    struct runnel_err err;
    char text[RN_REF_TEXT];
    if (method_ref(call, params, &ref) != 0)
        return NULL;
    struct rn_stream *s = rn_stream_resolve(n, &ref);
    if (s && s->ready)
        return s;
    const struct rn_tombstone *gone = ref.has_id && !s ? rn_dropped(n, &ref.id) : NULL;
    if (gone)
        rn_dropped_say(gone, &err, RUNNEL_ENOTFOUND, "");
    else
        rn_fail(&err, RUNNEL_ENOTFOUND, "stream %s is not known here", rn_stream_ref_format(&ref, text));
    rn_call_fail(call, &err);
    return NULL;
}

static int need(struct rn_call *call, const char *key, const char *want, int rc, struct runnel_err *err) {
    if (rc == -RUNNEL_ENOTFOUND)
        rn_fail(err, RUNNEL_EINVALID, "%s: missing, want %s", key, want);
    if (rc != 0)
        rn_call_fail(call, err);
    return rc;
}

int rn_method_u64(struct rn_call *call, const struct rn_json *params, const char *key, uint64_t *out) {
    struct runnel_err err;
    return need(call, key, "an integer from 0 to 2^64-1", rn_json_u64(params, key, out, &err), &err);
}

int rn_method_time(struct rn_call *call, const struct rn_json *params, const char *key, int64_t *out) {
    struct runnel_err err;
    return need(call, key, "ns since 1970 as a decimal string", rn_json_i64(params, key, out, &err), &err);
}

void rn_method_answer(struct rn_call *call, struct rn_buf *b) {
    struct runnel_err err;
    if (b->failed) {
        rn_fail(&err, -b->failed, "the answer cannot be made");
        rn_call_fail(call, &err);
    } else {
        rn_call_answer(call, rn_buf_bytes(b));
    }
    rn_buf_free(b);
}

/* ---- dispatch ---- */

static const struct method {
    const char *name;
    unsigned right; /* enum rn_right; 0: anybody */
    rn_method_fn *fn;
} methods[] = {
    {"ping", 0, method_ping},
    {"status", RN_READ, rn_method_status},
    {"streams", RN_READ, rn_method_streams},
    {"create", RN_PUBLISH, method_create},
    {"head", RN_READ, rn_method_head},
    {"follow", RN_READ, method_follow},
    {"unfollow", RN_READ, method_unfollow},
    {"at", RN_READ, rn_method_at},
    {"nodes", RN_READ, rn_method_nodes},
    {"subscribe", RN_ADMIN, method_subscribe},
    {"unsubscribe", RN_ADMIN, method_unsubscribe},
    {"alive", 0, rn_method_alive},
    {"twin", 0, rn_method_twin},
    {"confirm", RN_ADMIN, rn_method_confirm},
    {"verify", RN_ADMIN, rn_method_verify},
    {"fsck", RN_ADMIN, rn_method_fsck},
    {"drop", RN_ADMIN, rn_method_drop},
    {"backup.begin", RN_ADMIN, rn_method_backup_begin},
    {"backup.next", RN_ADMIN, rn_method_backup_next},
    {"restore.begin", RN_ADMIN, rn_method_restore_begin},
    {"restore.put", RN_ADMIN, rn_method_restore_put},
    {"restore.end", RN_ADMIN, rn_method_restore_end},
    {"peers", RN_ADMIN, rn_method_peers},
    {"reload", RN_ADMIN, rn_method_reload},
    {"plugins", RN_ADMIN, rn_method_plugins},
};

static const char *right_name(unsigned right) {
    return right == RN_ADMIN ? "admin" : right == RN_PUBLISH ? "publish" : "read";
}

static const struct method *find(const char *name) {
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

static void dispatch(struct rn_session *s, struct rn_call *call, const struct rn_json *o) {
    const char *name = NULL;
    struct runnel_err err;
    int rc = rn_json_str(o, "method", &name, &err);
    if (rc == -RUNNEL_ENOTFOUND)
        rc = rn_fail(&err, RUNNEL_EINVALID, "a request without a method");
    const struct method *m = rc == 0 ? find(name) : NULL;
    if (rc == 0 && !m)
        rc = rn_fail(&err, RUNNEL_EUNSUPPORTED, "%.64s: there is no such method", name);
    if (rc == 0 && m->fn != method_ping && m->fn != method_unfollow && rn_drain_refuses(s->node, &err) != 0)
        rc = rn_wrap(&err, "%s", name);
    if (rc == 0 && m->fn != method_ping)
        s->asked = s->node->env->now(s->node->env->ctx);
    if (rc == 0 && (s->rights & m->right) != m->right)
        rc = rn_fail(&err, RUNNEL_EDENIED, "%s: needs the right %s, which this link does not give", name,
                     right_name(m->right));
    if (rc != 0)
        rn_call_fail(call, &err);
    else
        m->fn(s->node, call, o);
}

int rn_methods_request(struct rn_session *s, const struct rn_frame *f, struct runnel_err *err) {
    struct rn_json_limits limits = {.size = RN_MAX_FRAME, .depth = RN_MAX_JSON_DEPTH, .values = RN_MAX_JSON_VALUES};
    struct rn_json *o = NULL;
    struct runnel_err why;
    if (f->id == 0)
        return rn_fail(err, RUNNEL_EINVALID, "a request with the id 0");
    if (rn_calls_has(s, f->id))
        return rn_session_id_in_use(f->id, err);
    struct rn_call *call = rn_call_new(s, f->id, 0);
    if (!call)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    if (rn_json_parse(f->body.p, f->body.n, &limits, &o, NULL, &why) != 0) {
        rn_wrap(&why, "a request");
        rn_call_fail(call, &why);
        return 0;
    }
    dispatch(s, call, o);
    rn_json_free(o);
    return 0;
}
