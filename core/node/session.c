/* SPDX-License-Identifier: MIT
 * session.c — a session's life: link, hello, frames in and out, silence, end (session.h).
 * May touch: the transport instance under the link.
 */
#include "node/session.h"

#include "config.h"

#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "node/access.h"
#include "node/heads.h"
#include "node/peers.h"
#include "node/sessionstate.h"
#include "node/twin.h"
#include "node/upstream.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_ROOM 65536u  /* bytes asked of the link at once */
#define TURN_BYTES 262144 /* bytes read in one turn before others get theirs */
#define READS_MOST 4u     /* blocks that are read at once for the follows of a session */
#define PROTOCOL 1

static void turn(void *arg);
static void on_life(void *arg);

/* ---- making and ending ---- */

static void session_free(struct rn_session *s) {
    rn_list_del(&s->link);
    rn_task_cancel(&s->turn);
    rn_alarm_cancel(&s->node->loop, &s->life);
    if (s->conn)
        s->ops->close(s->conn);
    rn_asks_drop(s);
    if (s->follows) {
        rn_map_for (e, s->follows)
            rn_follow_free(e->val);
        rn_map_free(s->follows);
    }
    rn_calls_orphan(s);
    rn_backup_session_gone(s);
    rn_restore_session_gone(s);
    rn_buf_free(&s->in);
    rn_buf_free(&s->out);
    free(s->remote);
    free(s->name);
    free(s);
}

static struct rn_session *session_new(struct rn_node *n, struct runnel_inst *inst, const char *remote) {
    struct rn_session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->node = n;
    s->inst = inst;
    s->ops = rn_inst_ops(inst);
    s->remote = strdup(remote);
    s->name = strdup(remote);
    s->next_id = 1;
    rn_buf_init(&s->in, RN_FRAME_LENGTH + RN_MAX_FRAME + READ_ROOM);
    rn_buf_init(&s->out, RN_MAX_QUEUED + RN_FRAME_LENGTH + RN_MAX_FRAME);
    rn_list_init(&s->link);
    rn_list_init(&s->busy);
    rn_task_init(&s->turn, turn, s);
    s->heard = s->said = s->pinged = n->env->now(n->env->ctx);
    if (!s->remote || !s->name || rn_alarm_set(&n->loop, &s->life, RN_MAX_HELLO_SECONDS * RN_NS_S, on_life, s) != 0) {
        session_free(s);
        return NULL;
    }
    rn_list_add(&n->sessions, &s->link);
    n->n_sessions++;
    return s;
}

/* Frees what has ended; a task, so that no caller up the stack still holds it. */
static void reap(void *arg) {
    struct rn_node *n = arg;
    while (!rn_list_empty(&n->gone))
        session_free(rn_list_of(n->gone.next, struct rn_session, link));
}

static void flush(struct rn_session *s);

/* Whether a line may be logged: others choose how often they connect. */
static int may_say(struct rn_session *s, int level) {
    return s->dialled || level == RUNNEL_DEBUG || rn_quiet_may(&s->node->chatter, s->remote);
}

static void end(struct rn_session *s, const struct runnel_err *why, int tell) {
    if (s->phase == RN_CLOSED)
        return;
    struct rn_node *n = s->node;
    int level = s->phase == RN_OPEN && !s->has_peer ? RUNNEL_DEBUG : RUNNEL_INFO;
    if (may_say(s, level))
        rn_node_log(n, level, "session", "%s: ended: %s", s->name, why->msg);
    if (tell && s->phase != RN_DIALLING) {
        rn_calls_tell(s, why);
        if (rn_session_error(s, 0, why) == 0)
            flush(s);
    }
    s->phase = RN_CLOSED;
    if (s->conn)
        s->ops->close(s->conn);
    s->conn = NULL;
    rn_list_del(&s->link);
    n->n_sessions--;
    rn_list_add(&n->gone, &s->link);
    rn_task_cancel(&s->turn);
    rn_alarm_cancel(&n->loop, &s->life);
    if (s->follows) {
        rn_map_for (e, s->follows)
            rn_follow_free(e->val);
        rn_map_free(s->follows);
        s->follows = NULL;
    }
    rn_calls_orphan(s);
    rn_backup_session_gone(s);
    rn_restore_session_gone(s);
    rn_twin_gone(s);
    rn_heads_gone(s);
    rn_asks_fail(s, why);
    struct rn_session_owner *owner = s->owner;
    s->owner = NULL;
    if (owner)
        owner->closed(owner, why);
    rn_task_run_soon(&n->loop, &n->reap);
}

void rn_session_close(struct rn_session *s, const struct runnel_err *why) {
    struct runnel_err plain;
    if (!why)
        rn_fail(&plain, RUNNEL_ECLOSED, "closed by this node");
    end(s, why ? why : &plain, why != NULL);
}

void rn_sessions_init(struct rn_node *n) {
    rn_list_init(&n->sessions);
    rn_list_init(&n->gone);
    rn_task_init(&n->reap, reap, n);
}

void rn_sessions_drop(struct rn_node *n) {
    while (!rn_list_empty(&n->sessions))
        session_free(rn_list_of(n->sessions.next, struct rn_session, link));
    reap(n);
    rn_task_cancel(&n->reap);
    n->n_sessions = 0;
}

/* ---- what others may know ---- */

int rn_session_open(const struct rn_session *s) {
    return s->phase == RN_OPEN;
}
unsigned rn_session_rights(const struct rn_session *s) {
    return s->rights;
}
const char *rn_session_name(const struct rn_session *s) {
    return s->name;
}
const struct rn_key *rn_session_peer(const struct rn_session *s) {
    return s->has_peer ? &s->peer : NULL;
}
size_t rn_session_unsent(const struct rn_session *s) {
    return s->out.n - s->sent;
}
struct rn_buf *rn_session_out(struct rn_session *s) {
    return &s->out;
}

void rn_session_flush_soon(struct rn_session *s) {
    if (s->phase != RN_CLOSED)
        rn_task_run_soon(&s->node->loop, &s->turn);
}

struct rn_follow *rn_session_follow(const struct rn_session *s, uint64_t id) {
    uint8_t key[8];
    rn_put_le64(key, id);
    return s->follows ? rn_map_get(s->follows, key, sizeof key) : NULL;
}

/* ---- hello ---- */

static int send_hello(struct rn_session *s) {
    struct rn_node *n = s->node;
    struct rn_buf b = {.max = 1024};
    struct rn_jw w;
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_key(&w, "runnel");
    rn_jw_array(&w);
    rn_jw_i64(&w, PROTOCOL);
    rn_jw_end_array(&w);
    rn_jw_khex(&w, "node", n->id.b, sizeof n->id.b);
    rn_jw_khex(&w, "nonce", n->nonce, sizeof n->nonce);
    rn_jw_kstr(&w, "agent", RN_AGENT);
    rn_jw_end_object(&w);
    int rc = b.failed;
    if (rc == 0)
        rc = rn_frame_json(&s->out, RN_FRAME_HELLO, 0, rn_buf_bytes(&b));
    rn_buf_free(&b);
    return rc;
}

static int speaks(const struct rn_json *versions) {
    if (!versions || versions->type != RN_ARRAY)
        return 0;
    for (const struct rn_json *v = versions->child; v; v = v->next)
        if (v->type == RN_INT && v->i == PROTOCOL)
            return 1;
    return 0;
}

static int set_name(struct rn_session *s) {
    struct rn_buf b = {.max = 1024};
    rn_buf_str(&b, s->remote);
    if (s->has_peer) {
        rn_buf_str(&b, " (node ");
        rn_buf_hex(&b, s->peer.b, 4);
        rn_buf_str(&b, ")");
    }
    if (b.failed || !rn_buf_cstr(&b)) {
        rn_buf_free(&b);
        return -RUNNEL_ENOMEM;
    }
    free(s->name);
    s->name = (char *)b.p; /* the buffer's memory becomes the name */
    return 0;
}

/* A node tells its id and its nonce, a program neither. */
static int take_peer(struct rn_session *s, const struct rn_json *o, struct runnel_err *err) {
    const char *node = NULL, *nonce = NULL;
    int rc = rn_json_str(o, "node", &node, err);
    if (rc == -RUNNEL_ENOTFOUND)
        return 0;
    if (rc != 0)
        return rc;
    if (rn_hex_parse(node, strlen(node), s->peer.b, RN_KEY) != 0)
        return rn_fail(err, RUNNEL_EINVALID, "hello: node: want 64 hexadecimal digits");
    rc = rn_json_str(o, "nonce", &nonce, err);
    if (rc == -RUNNEL_ENOTFOUND || (rc == 0 && rn_hex_parse(nonce, strlen(nonce), s->peer_nonce, RN_NONCE) != 0))
        return rn_fail(err, RUNNEL_EINVALID, "hello: nonce: want 32 hexadecimal digits");
    s->has_peer = rc == 0;
    return rc;
}

static int take_hello(struct rn_session *s, const struct rn_json *o, struct runnel_err *err) {
    const char *agent = NULL;
    struct rn_node *n = s->node;
    if (!speaks(rn_json_get(o, "runnel")))
        return rn_fail(err, RUNNEL_EUNSUPPORTED,
                       "hello: no common version of the protocol; this node speaks version %d", PROTOCOL);
    int rc = take_peer(s, o, err);
    if (rc != 0)
        return rc;
    rc = rn_json_str(o, "agent", &agent, err);
    if (rc == 0)
        (void)snprintf(s->agent, sizeof s->agent, "%s", agent);
    else if (rc != -RUNNEL_ENOTFOUND)
        return rc;
    if (s->has_peer && memcmp(s->peer_nonce, n->nonce, RN_NONCE) == 0)
        return rn_fail(err, RUNNEL_ECONFLICT, "this node has dialled itself at %s; take the address out of its lists",
                       s->remote);
    if (s->has_peer && memcmp(s->peer.b, n->id.b, RN_KEY) == 0) {
        s->namesake = 1;
        s->has_peer = 0;
    }
    return set_name(s);
}

static int on_hello(struct rn_session *s, const struct rn_frame *f, struct runnel_err *err) {
    struct rn_json_limits limits = {.depth = 4, .values = 64};
    struct rn_json *o = NULL;
    if (s->phase != RN_GREETING || f->type != RN_FRAME_HELLO)
        return rn_fail(err, RUNNEL_EINVALID, "found a frame of type %d, want %s", (int)f->type,
                       s->phase == RN_GREETING ? "hello first" : "hello only once");
    int rc = rn_json_parse(f->body.p, f->body.n, &limits, &o, NULL, err);
    if (rc == 0)
        rc = take_hello(s, o, err);
    rn_json_free(o);
    if (rc != 0)
        return rc;
    s->phase = RN_OPEN;
    s->since = s->node->env->wall(s->node->env->ctx);
    int level = s->has_peer ? RUNNEL_INFO : RUNNEL_DEBUG;
    if (may_say(s, level))
        rn_node_log(s->node, level, "session", "%s: open (%s), %s", s->name, s->agent[0] ? s->agent : "no agent named",
                    s->dialled ? "dialled" : "accepted");
    on_life(s);
    if (s->namesake) {
        rn_twin_meet(s);
        return 0;
    }
    if (s->owner)
        s->owner->opened(s->owner);
    else if (s->has_peer)
        rn_upstreams_offer(s->node, s);
    if (s->has_peer && rn_session_open(s))
        rn_heads_ask(s->node, s);
    if (s->has_peer && rn_session_open(s))
        rn_twin_look(s);
    return 0;
}

/* ---- silence ---- */

static void on_pong(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    (void)arg;
    (void)r;
    (void)err; /* any byte was life: reading has noted it */
}

static void ping(struct rn_session *s) {
    s->pinged = s->node->env->now(s->node->env->ctx);
    (void)rn_session_ask(s, "ping", (struct runnel_bytes){NULL, 0}, 60 * RN_NS_S, on_pong, NULL, s, NULL);
}

static void lost(struct rn_session *s, const char *what, int64_t idle) {
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ETIMEOUT, "%s for %lld ms", what, (long long)(idle / RN_NS_MS));
    end(s, &err, 0);
}

/* Pings when that is due; ns until the next look. The other side needs a byte now and then also while it
 * sends us much and we need not say anything: what it sends may fill a slow link for long. */
static int64_t next_look(struct rn_session *s) {
    int64_t now = s->node->env->now(s->node->env->ctx), quiet = RN_MAX_PING_MS * RN_NS_MS;
    int64_t since = s->heard < s->said ? s->heard : s->said;
    if (now - since >= quiet && now - s->pinged >= quiet)
        ping(s);
    int64_t next = (since > s->pinged ? since : s->pinged) + quiet, end = s->heard + RN_MAX_SILENCE_MS * RN_NS_MS;
    return (next < end ? next : end) - now;
}

static void on_life(void *arg) {
    struct rn_session *s = arg;
    int64_t idle = s->node->env->now(s->node->env->ctx) - s->heard;
    if (s->phase != RN_OPEN) {
        lost(s, s->phase == RN_DIALLING ? "no connection" : "no hello", idle);
        return;
    }
    if (!s->has_peer) {
        rn_alarm_cancel(&s->node->loop, &s->life);
        return;
    }
    if (idle >= RN_MAX_SILENCE_MS * RN_NS_MS) {
        lost(s, "not a byte", idle);
        return;
    }
    (void)rn_alarm_set(&s->node->loop, &s->life, next_look(s), on_life, s);
}

/* ---- frames in ---- */

int rn_session_id_in_use(uint64_t id, struct runnel_err *err) {
    return rn_fail(err, RUNNEL_EINVALID, "a request with the id %llu, which one has that is not answered yet",
                   (unsigned long long)id);
}

static int on_publish(struct rn_session *s, const struct rn_frame *f, struct runnel_err *err) {
    struct runnel_err why;
    if (f->id == 0)
        return rn_fail(err, RUNNEL_EINVALID, "a publish with the id 0");
    if (rn_calls_has(s, f->id))
        return rn_session_id_in_use(f->id, err);
    int rc = rn_author_publish(&s->node->author, s, f, &why);
    if (rc == 0)
        return 0;
    struct rn_call *c = rn_call_new(s, f->id, 0);
    if (!c)
        return -RUNNEL_ENOMEM;
    rn_call_fail(c, &why);
    return 0;
}

static int on_frame(struct rn_session *s, const struct rn_frame *f, struct runnel_err *err) {
    struct rn_follow *follow;
    if (s->phase == RN_GREETING || f->type == RN_FRAME_HELLO)
        return on_hello(s, f, err);
    switch (f->type) {
    case RN_FRAME_REQUEST:
        return rn_methods_request(s, f, err);
    case RN_FRAME_PUBLISH:
        return on_publish(s, f, err);
    case RN_FRAME_CREDIT:
        follow = rn_session_follow(s, f->id);
        if (follow)
            rn_follow_credit(follow, f->count);
        return 0;
    case RN_FRAME_ERROR:
        if (f->id == 0)
            return rn_fail(err, RUNNEL_ECLOSED, "the other side ended it: %.*s",
                           (int)(f->body.n < 400 ? f->body.n : 400), (const char *)f->body.p);
        return rn_ask_reply(s, f, err);
    default:
        return rn_ask_reply(s, f, err);
    }
}

/* Whether frames may be taken now: not while we owe the other side more than the limits allow. Follows
 * alone cannot bring it there: two nodes that follow one another over a slow link go on reading. */
static int may_take(const struct rn_session *s) {
    return s->phase == RN_GREETING || (s->phase == RN_OPEN && rn_calls_count(s) < RN_MAX_REQUESTS &&
                                       s->weight < RN_MAX_PUBLISHES && rn_session_unsent(s) < RN_MAX_UNREAD);
}

/* Takes the frames that are whole. 0, or a negative code when the session must end. */
static int take_frames(struct rn_session *s, struct runnel_err *err) {
    size_t at = 0;
    int rc = 0;
    while (rc == 0 && may_take(s)) {
        struct rn_frame f;
        rc = rn_frame_get(s->in.p + at, s->in.n - at, &f, err);
        if (rc <= 0)
            break;
        at += (size_t)rc;
        rc = on_frame(s, &f, err);
        if (s->phase == RN_CLOSED)
            return 0;
    }
    rn_buf_drop(&s->in, at);
    if (s->in.n == 0 && s->in.cap > READ_ROOM)
        rn_buf_free(&s->in);
    return rc;
}

/* Reads what is there. 0, or a negative code when the session must end. */
static int read_some(struct rn_session *s, struct runnel_err *err) {
    size_t got = 0;
    while (s->readable && got < TURN_BYTES && may_take(s)) {
        uint8_t *room = rn_buf_room(&s->in, READ_ROOM);
        if (!room)
            return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
        ssize_t n = s->ops->read(s->conn, room, READ_ROOM);
        if (n == -RUNNEL_EBUSY) {
            s->readable = 0;
            break;
        }
        if (n == 0)
            return rn_fail(err, RUNNEL_ECLOSED, "the other side closed the link");
        if (n < 0)
            return rn_fail(err, (int)-n, "the link broke while reading");
        s->in.n += (size_t)n;
        got += (size_t)n;
        s->n_received += (uint64_t)n;
        s->heard = s->node->env->now(s->node->env->ctx);
        int rc = take_frames(s, err);
        if (rc != 0 || s->phase == RN_CLOSED)
            return rc;
    }
    if (s->in.n == 0)
        rn_buf_free(&s->in); /* an idle session keeps no buffer */
    return 0;
}

/* ---- frames out ---- */

static void flush(struct rn_session *s) {
    while (s->writable && s->sent < s->out.n) {
        struct iovec iov = {.iov_base = s->out.p + s->sent, .iov_len = s->out.n - s->sent};
        ssize_t n = s->ops->write(s->conn, &iov, 1);
        if (n == -RUNNEL_EBUSY || n == 0) {
            s->writable = 0;
            break;
        }
        if (n < 0) {
            s->writable = 0;
            s->broken = (int)n;
            break;
        }
        s->sent += (size_t)n;
        s->n_sent += (uint64_t)n;
        s->said = s->node->env->now(s->node->env->ctx);
    }
    if (s->sent == s->out.n) {
        rn_buf_free(&s->out);
        s->sent = 0;
    } else if (s->sent > RN_MAX_UNSENT) {
        rn_buf_drop(&s->out, s->sent);
        s->sent = 0;
    }
}

/* Whether another follow may send, or read what it sends: runs that are being read for others count as
 * well, or a session of many follows would be flooded by what it has asked of the disk. */
static int may_pump(const struct rn_session *s) {
    return rn_session_unsent(s) < RN_MAX_UNSENT && s->n_reading < READS_MOST;
}

/* Lets the follows send, one run each in turn, while little waits to be written. Returns whether
 * some would go on. */
static int pump(struct rn_session *s) {
    size_t runs = 0;
    while (!rn_list_empty(&s->busy) && may_pump(s) && runs++ < 256) {
        struct rn_follow *f = rn_list_of(s->busy.next, struct rn_follow, busy_link);
        rn_list_del(&f->busy_link);
        if (rn_follow_pump(f))
            rn_list_add(&s->busy, &f->busy_link);
    }
    return !rn_list_empty(&s->busy);
}

static void turn(void *arg) {
    struct rn_session *s = arg;
    struct runnel_err err;
    err.code = 0;
    err.msg[0] = '\0';
    if (s->phase == RN_CLOSED || s->phase == RN_DIALLING)
        return;
    int rc = s->in.n ? take_frames(s, &err) : 0;
    if (rc == 0 && s->phase != RN_CLOSED)
        rc = read_some(s, &err);
    if (s->phase == RN_CLOSED)
        return;
    if (rc == 0 && rn_session_unsent(s) > RN_MAX_QUEUED)
        rc = rn_fail(&err, RUNNEL_ETOOBIG, "more than %d bytes wait unsent (limit QUEUED)", RN_MAX_QUEUED);
    if (rc != 0) {
        if (!err.code)
            rn_fail(&err, -rc, "the session cannot go on");
        if (err.code != RUNNEL_ECLOSED && may_say(s, RUNNEL_WARN))
            rn_node_log(s->node, RUNNEL_WARN, "session", "%s: %s", s->name, err.msg);
        end(s, &err, err.code != RUNNEL_ECLOSED);
        return;
    }
    int more = pump(s);
    flush(s);
    if (s->broken) {
        rn_fail(&err, -s->broken, "the link broke while writing");
        end(s, &err, 0);
        return;
    }
    if ((s->readable && may_take(s)) || (more && s->writable && may_pump(s)))
        rn_session_flush_soon(s);
}

/* ---- the transport's upcalls ---- */

static int begin(struct rn_session *s, const struct runnel_link_info *info) {
    s->phase = RN_GREETING;
    s->readable = s->writable = 1;
    s->said = s->node->env->now(s->node->env->ctx);
    s->rights = rn_access_rights(info, s->node->env->uid);
    s->heard = s->node->env->now(s->node->env->ctx);
    rn_session_flush_soon(s);
    return send_hello(s);
}

static struct runnel_link *link_accepted(struct runnel_inst *inst, void *conn, const struct runnel_link_info *info) {
    struct rn_node *n = rn_inst_node(inst);
    if (n->phase != RN_SERVING || n->n_sessions >= RN_MAX_SESSIONS) {
        if (rn_quiet_may(&n->chatter, info->remote))
            rn_node_log(n, RUNNEL_WARN, "session", "%s: refused: %s", info->remote,
                        n->phase == RN_SERVING ? "limit SESSIONS is reached" : "the node does not serve now");
        return NULL;
    }
    struct rn_session *s = session_new(n, inst, info->remote);
    if (!s)
        return NULL;
    if (begin(s, info) != 0) {
        n->n_sessions--;
        session_free(s);
        return NULL;
    }
    s->conn = conn;
    return (struct runnel_link *)s;
}

static void link_opened(struct runnel_link *link, const struct runnel_link_info *info) {
    struct rn_session *s = (struct rn_session *)link;
    struct runnel_err err;
    if (s->phase != RN_DIALLING)
        return;
    if (begin(s, info) == 0)
        return;
    rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
    end(s, &err, 0);
}

static void link_ready(struct runnel_link *link, uint32_t rw) {
    struct rn_session *s = (struct rn_session *)link;
    if (rw & RUNNEL_READABLE)
        s->readable = 1;
    if (rw & RUNNEL_WRITABLE)
        s->writable = 1;
    rn_session_flush_soon(s);
}

static void link_closed(struct runnel_link *link, const struct runnel_err *err) {
    end((struct rn_session *)link, err, 0);
}

const struct runnel_transport_up rn_session_up = {
    .size = sizeof rn_session_up,
    .accepted = link_accepted,
    .opened = link_opened,
    .ready = link_ready,
    .closed = link_closed,
};

/* ---- dialling ---- */

static struct runnel_inst *transport_for(struct rn_node *n, const char *address) {
    size_t len = strcspn(address, ":");
    for (size_t i = 0; i < n->n_members; i++) {
        struct rn_member *m = &n->members[i];
        if (m->section->kind != RUNNEL_TRANSPORT || !m->started)
            continue;
        const struct runnel_transport *t = rn_inst_ops(m->inst);
        if (strlen(t->scheme) == len && memcmp(t->scheme, address, len) == 0)
            return m->inst;
    }
    return NULL;
}

int rn_session_dial(struct rn_node *n, const char *address, struct rn_session_owner *owner, struct rn_session **out,
                    struct runnel_err *err) {
    struct runnel_inst *inst = transport_for(n, address);
    if (!inst)
        return rn_fail(err, RUNNEL_EUNSUPPORTED, "%s: no transport of the config dials such addresses", address);
    struct rn_session *s = n->n_sessions < RN_MAX_SESSIONS ? session_new(n, inst, address) : NULL;
    if (!s)
        return rn_fail(err, RUNNEL_EBUSY, "%s: no room for another session", address);
    s->dialled = 1;
    s->phase = RN_DIALLING;
    int rc = s->ops->dial(rn_inst_self(inst), address, (struct runnel_link *)s, &s->conn, err);
    if (rc != 0) {
        n->n_sessions--;
        session_free(s);
        return rc;
    }
    s->owner = owner;
    *out = s;
    return 0;
}
