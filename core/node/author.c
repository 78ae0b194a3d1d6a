/* SPDX-License-Identifier: MIT
 * author.c — publishes are taken, or refused at once (author.h).
 * May touch: the streams of this node's own.
 */
#include "node/authorstate.h"

#include "base/err.h"
#include "base/time.h"
#include <string.h>

void rn_author_init(struct rn_author *a, struct rn_node *n) {
    memset(a, 0, sizeof *a);
    a->node = n;
    rn_list_init(&a->dirty);
    rn_task_init(&a->task, rn_commit_look, a);
}

void rn_author_drop(struct rn_author *a) {
    rn_task_cancel(&a->task);
    rn_map_for (e, a->node->streams)
        rn_publishes_drop(&((struct rn_stream *)e->val)->publishes);
    rn_commit_drop(a);
}

void rn_author_free(struct rn_author *a) {
    rn_chunks_free(&a->chunks);
}

void rn_author_go(struct rn_author *a) {
    if (!rn_list_empty(&a->dirty))
        rn_task_run_late(&a->node->loop, &a->task);
    else if (a->stopping)
        rn_drain_author_idle(a->node);
}

int rn_author_idle(const struct rn_author *a) {
    return !a->flying && rn_list_empty(&a->dirty);
}

static int64_t wall(const struct rn_node *n) {
    return n->env->wall(n->env->ctx);
}

/* ---- taking a publish ---- */

static int check_times(const struct rn_node *n, const struct rn_frame *f, int64_t last, struct runnel_err *err) {
    char a[RN_TIME_TEXT], b[RN_TIME_TEXT];
    if (f->flags & RN_PUBLISH_NOW) {
        if (f->base != 0 || last != 0)
            return rn_fail(err, RUNNEL_EINVALID,
                           "observations that are to get the node's time carry times of their own");
        return 0;
    }
    int64_t now = wall(n);
    if (last > 0 && last - RN_MAX_AHEAD_SECONDS * RN_NS_S > now)
        return rn_fail(err, RUNNEL_EINVALID,
                       "the time %s is more than %d s ahead of this node's clock, %s; correct the time, or the clock",
                       rn_time_format(last, a), RN_MAX_AHEAD_SECONDS, rn_time_format(now, b));
    return 0;
}

static int take(struct rn_author *a, const struct rn_session *s, const struct rn_frame *f, struct rn_stream **stream,
                uint64_t *count, int64_t *last, struct runnel_err *err) {
    char id[RN_ID_TEXT];
    if (!(rn_session_rights(s) & RN_PUBLISH))
        return rn_fail(err, RUNNEL_EDENIED,
                       "publish: only programs on this machine that run as root or as the daemon's user may");
    *stream = rn_stream_find(a->node, &f->stream);
    if (!*stream || !(*stream)->ready)
        return rn_fail(err, RUNNEL_ENOTFOUND, "stream %s is not known here; create it first",
                       rn_id_format(&f->stream, id));
    if (!(*stream)->own)
        return rn_fail(err, RUNNEL_EDENIED, "stream %s is by another author: only the author's own node appends to it",
                       rn_id_format(&f->stream, id));
    if (rn_safety_refuses(a->node, err) != 0)
        return rn_wrap(err, "not stored");
    if ((*stream)->trouble.code && !(a->node->safety.checking && (*stream)->trouble.code == RUNNEL_EBUSY)) {
        rn_err_copy(err, &(*stream)->trouble);
        return rn_wrap(err, "stream %s takes no publishes", rn_id_format(&f->stream, id));
    }
    if ((*stream)->drop)
        return rn_fail(err, RUNNEL_EBUSY, "stream %s is being dropped", rn_id_format(&f->stream, id));
    if (a->stopping)
        return rn_fail(err, RUNNEL_ECLOSED, "the node is stopping; publish again when it is back");
    int rc = rn_entries_check(f->body.p, f->body.n, 0, f->base, 0, RN_COMMIT_OBS, count, last, err);
    if (rc != 0) {
        rn_wrap(err, "publish");
        err->code = RUNNEL_EINVALID;
        return -RUNNEL_EINVALID;
    }
    if (*count == 0)
        return rn_fail(err, RUNNEL_EINVALID, "publish: there is no observation in it");
    return check_times(a->node, f, *last, err);
}

int rn_author_publish(struct rn_author *a, struct rn_session *s, const struct rn_frame *f, struct runnel_err *err) {
    struct rn_stream *stream = NULL;
    uint64_t count = 0;
    int64_t last = 0;
    int rc = take(a, s, f, &stream, &count, &last, err);
    if (rc != 0)
        return rc;
    struct rn_publish *p = rn_publish_new(stream, s, f->id, f->body.n);
    if (!p)
        return rn_fail(err, RUNNEL_ENOMEM, "out of memory");
    p->flags = f->flags;
    p->seq = f->seq;
    p->count = (uint32_t)count; /* at most RN_COMMIT_OBS */
    p->base = f->base;
    p->last = last;
    memcpy(p->entries, f->body.p, f->body.n);
    rn_list_add(&stream->publishes, &p->link);
    if (!rn_list_linked(&stream->dirty))
        rn_list_add(&a->dirty, &stream->dirty);
    rn_ripe_arrived(&a->ripe);
    if (!a->flying)
        rn_author_go(a);
    return 0;
}

void rn_author_forget(struct rn_stream *s, const struct runnel_err *err) {
    rn_publishes_fail(&s->publishes, err);
    rn_list_del(&s->dirty);
}
