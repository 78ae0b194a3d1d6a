/* SPDX-License-Identifier: MIT
 * repeat.c — a publish that may be there already is compared with what is stored, block by block.
 * May touch: the stream it is for.
 */
#include "node/authorstate.h"

#include "base/err.h"
#include <stdlib.h>
#include <string.h>

struct repeat {
    struct rn_op op;
    struct rn_publish *publish;
    struct rn_cursor want;
    uint64_t at; /* seq to compare next */
    struct rn_block_wait wait;
};

static void repeat_free(struct rn_op *op) {
    struct repeat *r = (struct repeat *)op;
    rn_block_wait_cancel(&r->wait);
    if (r->publish)
        rn_publish_free(r->publish);
    free(r);
}

static void repeat_end(struct repeat *r, const struct runnel_err *err) {
    struct rn_publish *p = r->publish;
    r->publish = NULL;
    rn_op_end(&r->op);
    if (err)
        rn_publish_fail(p, err);
    else
        rn_publish_done(p);
}

/* Compares with one block. 1: it goes on in the next; 0: all are the same; or a negative code. */
static int repeat_compare(struct repeat *r, struct runnel_bytes block, struct runnel_err *err) {
    struct rn_publish *p = r->publish;
    struct rn_cursor c;
    struct rn_obs have, want;
    uint64_t end = p->seq + p->count, first = r->at / RN_MAX_BLOCK * RN_MAX_BLOCK;
    int rc = rn_cursor_block(&c, block.p, block.n, first, err);
    while (rc == 0 && r->at < end && (rc = rn_cursor_next(&c, &have, err)) > 0) {
        rc = 0;
        if (have.seq < r->at)
            continue;
        if (rn_cursor_next(&r->want, &want, err) <= 0)
            return -RUNNEL_EINTERNAL;
        int timed = !(p->flags & RN_PUBLISH_NOW);
        if (have.value.n != want.value.n || memcmp(have.value.p, want.value.p, want.value.n) != 0 ||
            (timed && have.time != want.time))
            return rn_fail(err, RUNNEL_ECONFLICT, "another observation is at seq %llu; the stream has %llu",
                           (unsigned long long)have.seq, (unsigned long long)p->stream->tail.count);
        if (have.seq == p->seq)
            p->base = have.time;
        p->last = have.time;
        r->at++;
    }
    return rc < 0 ? rc : r->at < end;
}

static void repeat_step(struct repeat *r);

static void on_repeat_block(struct rn_block_wait *w, struct runnel_bytes block, const struct runnel_err *err) {
    struct repeat *r = rn_list_of(w, struct repeat, wait);
    struct runnel_err why;
    why.code = 0;
    int rc = err ? 0 : repeat_compare(r, block, &why);
    if (rc < 0 && !why.code)
        rn_fail(&why, -rc, "the repeated publish cannot be compared");
    if (err || rc <= 0)
        repeat_end(r, err ? err : rc < 0 ? &why : NULL);
    else
        repeat_step(r);
}

/* A publish is one frame, so this recurses over few blocks at the most. */
static void repeat_step(struct repeat *r) {
    struct rn_stream *s = r->publish->stream;
    struct runnel_bytes block;
    struct runnel_err err;
    int rc;
    if (rn_block_at_hand(s, r->at / RN_MAX_BLOCK, &block)) {
        on_repeat_block(&r->wait, block, NULL);
    } else if ((rc = rn_block_read(s, r->at / RN_MAX_BLOCK, &r->wait)) != 0) {
        (void)rn_stream_unread(s, rc, &err);
        repeat_end(r, &err);
    }
}

void rn_repeat_begin(struct rn_publish *p) {
    struct repeat *r = calloc(1, sizeof *r);
    struct runnel_err err;
    rn_list_del(&p->link);
    if (!r) {
        rn_fail(&err, RUNNEL_ENOMEM, "out of memory");
        rn_publish_fail(p, &err);
        return;
    }
    r->publish = p;
    r->at = p->seq;
    rn_cursor_init(&r->want, p->entries, p->n, p->seq, p->base);
    rn_block_wait_init(&r->wait, on_repeat_block);
    rn_op_begin(&p->stream->node->ops, &r->op, repeat_free);
    repeat_step(r);
}
