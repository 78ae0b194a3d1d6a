/* SPDX-License-Identifier: MIT
 * fsck.c — the method fsck: the records of the store that no stream's blocks and tree are (methods.h).
 * May touch: the store.
 *
 * Goes through all areas in slices of a few records. Records with a check are checked; of blocks and trees only
 * the numbers are looked at, by jumping from one to the next: what is in them is the method verify's.
 */
#include "base/err.h"
#include "node/fsckstate.h"
#include "node/methods.h"
#include <stdlib.h>
#include <string.h>

/* Blocks and packs one number after the other, all else record by record. */
static const char areas[] = {'M', 'S', 'H', 'D', 'E', 'U', 'N', 'X', 'B', 'T'};

static void next_slice(struct rn_fsck *f);

static void fsck_free(struct rn_op *op) {
    struct rn_fsck *f = (struct rn_fsck *)op;
    if (f->numbers)
        rn_map_free(f->numbers);
    if (f->seen)
        rn_map_free(f->seen);
    rn_changes_free(&f->changes);
    rn_buf_free(&f->text);
    if (f->call)
        rn_call_free(f->call);
    free(f);
}

static void fail(struct rn_fsck *f, const struct runnel_err *err) {
    struct rn_call *call = f->call;
    f->call = NULL;
    rn_op_end(&f->op);
    rn_call_fail(call, err);
}

static void finish(struct rn_fsck *f) {
    struct rn_buf b = {.max = RN_MAX_FRAME};
    struct rn_jw w;
    struct rn_call *call = f->call;
    rn_jw_end_array(&f->list);
    rn_jw_init(&w, &b);
    rn_jw_object(&w);
    rn_jw_kbool(&w, "ok", f->n_damage == 0);
    rn_jw_key(&w, "records");
    rn_jw_u64(&w, f->n_records);
    rn_jw_key(&w, "found");
    rn_jw_u64(&w, f->n_findings);
    rn_jw_key(&w, "findings");
    rn_jw_raw(&w, f->text.p, f->text.n);
    rn_jw_end_object(&w);
    if (f->text.failed && !b.failed)
        b.failed = f->text.failed;
    f->call = NULL;
    rn_method_answer(call, &b);
    rn_op_end(&f->op);
}

/* ---- slices ---- */

static void on_pair(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    struct rn_fsck *f = arg;
    f->got++;
    f->n_records++;
    f->last = rn_fsck_place(key);
    rn_fsck_see(f, areas[f->area], key, val);
}

static int by_number(const struct rn_fsck *f) {
    return areas[f->area] == 'B' || areas[f->area] == 'T';
}

static uint32_t slice_of(const struct rn_fsck *f) {
    return by_number(f) || areas[f->area] == 'X' ? 1 : RN_FSCK_SLICE; /* those may be long */
}

static void on_mended(void *arg, const struct runnel_err *err) {
    struct rn_fsck *f = arg;
    if (err)
        fail(f, err);
    else
        next_slice(f);
}

/* Records and states as memory knows them now: while the slice came, commits of others may have been asked for,
 * which an older state must not undo. */
static void rewrite(struct rn_fsck *f) {
    for (size_t i = 0; i < f->n_rewrite; i++) {
        const struct rn_stream *s = f->rewrite[i];
        if (s->drop || s->dropped)
            continue;
        if (areas[f->area] == 'S')
            rn_stream_rewrite_record(s, &f->changes);
        else if (rn_stream_at_rest(s)) /* else its next commit writes it */
            rn_stream_rewrite_state(s, &f->changes);
    }
    f->n_rewrite = 0;
}

static void on_slice(void *arg, const struct runnel_err *err) {
    struct rn_fsck *f = arg;
    struct runnel_err why;
    if (err) {
        fail(f, err);
        return;
    }
    rewrite(f);
    if (f->got < slice_of(f)) {
        if (areas[f->area] == 'M' && f->n_records == 0)
            rn_fsck_tell(
                f, &(struct rn_finding){.kind = "record",
                                        .block = UINT64_MAX,
                                        .message = "the store's own record is missing",
                                        .remedy = "restart the node: it is made anew when the node's own streams have "
                                                  "been looked for at its peers"});
        if (areas[f->area] == 'S' || areas[f->area] == 'H')
            rn_fsck_tell_missing(f, areas[f->area]);
        if (++f->area < sizeof areas)
            f->from = rn_place_area(areas[f->area]);
    } else {
        f->from = f->last;
        if (by_number(f) && f->from.n > 5)
            f->from.n = 5;
        if (by_number(f))
            f->from = rn_place_behind(&f->from); /* the next number */
        else if (f->from.n < sizeof f->from.b)
            f->from.b[f->from.n++] = 0; /* the next key */
        else
            f->from = rn_place_behind(&f->from);
    }
    if (f->changes.n == 0) {
        next_slice(f);
        return;
    }
    int rc = rn_store_commit(&f->node->store, &f->changes, on_mended, f);
    if (rc != 0) {
        rn_fail(&why, -rc, "fsck: what was found cannot be mended");
        fail(f, &why);
    }
}

static void next_slice(struct rn_fsck *f) {
    if (f->area == sizeof areas || !f->call->session) {
        finish(f);
        return;
    }
    struct rn_place area = rn_place_area(areas[f->area]), to = rn_place_behind(&area);
    f->got = 0;
    rn_store_scan_some(&f->node->store, &f->from, &to, slice_of(f), on_pair, on_slice, f);
}

/* ---- beginning ---- */

static int take_numbers(struct rn_fsck *f) {
    int rc = 0;
    rn_map_for (e, f->node->streams) {
        const struct rn_stream *s = e->val;
        uint8_t b[8];
        rn_put_be64(b, s->number);
        if (rc == 0)
            rc = rn_map_put(f->numbers, b + 4, 4, e->val);
    }
    return rc;
}

void rn_method_fsck(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct runnel_err err;
    int mend = 0;
    uint8_t seed[16];
    /* What a restore that is not whole has left would look like damage. */
    if (rn_restore_refuses(n, &err) != 0 || rn_json_bool(params, "mend", &mend, &err) == -RUNNEL_EINVALID) {
        rn_call_fail(call, &err);
        return;
    }
    struct rn_fsck *f = calloc(1, sizeof *f);
    n->env->random(n->env->ctx, seed, sizeof seed);
    if (f)
        f->numbers = rn_map_new(seed);
    if (f && f->numbers)
        f->seen = rn_map_new(seed);
    if (!f || !f->numbers || !f->seen) {
        if (f && f->numbers)
            rn_map_free(f->numbers);
        free(f);
        rn_fail(&err, RUNNEL_ENOMEM, "fsck: out of memory");
        rn_call_fail(call, &err);
        return;
    }
    rn_call_weigh(call, sizeof *f + RN_MAX_FRAME);
    f->node = n;
    f->call = call;
    f->mend = mend;
    f->next_number = n->next_number;
    f->from = rn_place_area(areas[0]);
    rn_buf_init(&f->text, RN_MAX_FRAME - 1024);
    rn_jw_init(&f->list, &f->text);
    rn_jw_array(&f->list);
    rn_op_begin(&n->ops, &f->op, fsck_free);
    rn_fsck_tell_streams(f);
    if (take_numbers(f) != 0) {
        rn_fail(&err, RUNNEL_ENOMEM, "fsck: out of memory");
        fail(f, &err);
    } else {
        next_slice(f);
    }
}
