/* SPDX-License-Identifier: MIT
 * backup.c — the method backup.begin: the moment as of which all is copied, and the end of a backup (copy.h).
 * May touch: the node, to read.
 *
 * Blocks and trees only grow, so what each stream had at the moment is a prefix of what it has later: it is enough
 * to remember where each one ended, and its state record.
 */
#include "node/backupstate.h"

#include "base/err.h"
#include "node/methods.h"
#include "node/place.h"
#include "node/sessionstate.h"
#include <stdlib.h>

/* ---- its end ---- */

void rn_backup_free(struct rn_node *n, struct rn_backup *b) {
    if (n->backup == b)
        n->backup = NULL;
    rn_buf_free(&b->heads);
    free(b->shots);
    free(b);
}

void rn_backup_session_gone(struct rn_session *s) {
    struct rn_backup *b = s->node->backup;
    if (!b || b->session != s)
        return;
    b->session = NULL;
    if (b->busy)
        s->node->backup = NULL; /* goes with its slice */
    else
        rn_backup_free(s->node, b);
}

void rn_backup_drop(struct rn_node *n) {
    if (n->backup)
        rn_backup_free(n, n->backup);
}

/* ---- the moment ---- */

static int by_number(const void *a, const void *b) {
    const struct rn_shot *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

static int take(struct rn_backup *b, const struct rn_stream *s) {
    struct rn_shot *to = &b->shots[b->n++];
    *to = (struct rn_shot){.id = s->desc->id,
                           .number = s->number,
                           .open = (uint32_t)s->tail.open.n,
                           .unread = s->trouble.code && !s->has_head && s->tail.count == 0,
                           .count = s->tail.count,
                           .last = s->tail.last,
                           .head = (uint32_t)b->heads.n,
                           .n_head = (uint32_t)s->head_bytes.n};
    return rn_buf_add(&b->heads, s->head_bytes.p, s->head_bytes.n);
}

/* 0 or -RUNNEL_ENOMEM. */
static int take_all(struct rn_node *n, struct rn_backup *b) {
    size_t most = rn_map_count(n->streams);
    b->shots = calloc(most ? most : 1, sizeof *b->shots);
    if (!b->shots)
        return -RUNNEL_ENOMEM;
    rn_map_for (e, n->streams) {
        struct rn_stream *s = e->val;
        if (s->ready && take(b, s) != 0)
            return -RUNNEL_ENOMEM;
    }
    if (b->n > 1)
        qsort(b->shots, b->n, sizeof *b->shots, by_number);
    return 0;
}

static void begun(struct rn_call *call, const struct rn_backup *b) {
    struct rn_buf out = {.max = 1024};
    struct rn_jw w;
    uint64_t count = 0, unread = 0;
    for (size_t i = 0; i < b->n; i++) {
        count += b->shots[i].count;
        unread += (uint64_t)b->shots[i].unread;
    }
    rn_jw_init(&w, &out);
    rn_jw_object(&w);
    rn_jw_khex(&w, "node", call->session->node->id.b, RN_KEY);
    rn_jw_kint(&w, "version", (int64_t)RN_STORE_VERSION);
    rn_jw_key(&w, "streams");
    rn_jw_u64(&w, b->n);
    rn_jw_key(&w, "count");
    rn_jw_u64(&w, count);
    rn_jw_key(&w, "unread");
    rn_jw_u64(&w, unread);
    rn_jw_end_object(&w);
    rn_method_answer(call, &out);
}

void rn_method_backup_begin(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct runnel_err err;
    (void)params;
    int rc = rn_restore_refuses(n, &err);
    if (rc == 0 && n->backup && n->backup->session != call->session)
        rc = rn_fail(&err, RUNNEL_EBUSY, "another session is making a backup; ask again when it has ended");
    if (rc == 0 && n->backup && n->backup->busy)
        rc = rn_fail(&err, RUNNEL_EBUSY, "the slice before it has not been answered yet");
    if (rc == 0 && n->backup) /* it begins anew */
        rn_backup_free(n, n->backup);
    struct rn_backup *b = rc == 0 ? calloc(1, sizeof *b) : NULL;
    if (rc == 0 && (!b || take_all(n, b) != 0))
        rc = rn_fail(&err, RUNNEL_ENOMEM, "out of memory for %zu streams", rn_map_count(n->streams));
    if (rc != 0) {
        if (b)
            rn_backup_free(n, b);
        rn_wrap(&err, "backup.begin");
        rn_call_fail(call, &err);
        return;
    }
    b->session = call->session;
    n->backup = b;
    begun(call, b);
}
