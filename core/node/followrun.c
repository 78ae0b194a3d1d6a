/* SPDX-License-Identifier: MIT
 * followrun.c — what a follow sends: runs of its stream, encoded once for all that stand at one place (follow.h).
 * May touch: the session.
 */
#include "base/err.h"
#include "node/inner.h"
#include <string.h>

int rn_follow_push(struct rn_follow *f, int type, struct runnel_bytes rest) {
    struct rn_share *share = rn_share_new(&f->stream->node->shares, rest.n);
    if (!share)
        return -RUNNEL_ENOMEM;
    if (rest.n > 0)
        memcpy(share->bytes, rest.p, rest.n);
    int rc = rn_session_push(f->session, type, f->id, share);
    rn_share_drop(share);
    return rc;
}

/* Where a run that begins at the follow's place ends at the latest: a run is of one block. */
static uint64_t end_of(const struct rn_follow *f, uint64_t limit) {
    uint64_t end = f->next / RN_MAX_BLOCK * RN_MAX_BLOCK + RN_MAX_BLOCK;
    return limit < end ? limit : end;
}

static int send(struct rn_follow *f, const struct rn_shared_run *run) {
    int rc = rn_session_push(f->session, RN_FRAME_DATA, f->id, run->share);
    if (rc != 0)
        return rc;
    f->next = run->to;
    f->credit -= (int64_t)run->entries;
    return 0;
}

int rn_follow_run_shared(struct rn_follow *f, uint64_t limit) {
    const struct rn_stream *s = f->stream;
    const struct rn_shared_run *run = rn_shares_find(&s->node->shares, s->number, f->next, end_of(f, limit));
    if (!run || (int64_t)run->entries > f->credit || (f->has_until_time && run->last >= f->until_time))
        return 0;
    return send(f, run) == 0;
}

/* Cuts a run where its observations reach the time at which the follow ends. */
static int cut_by_time(const struct rn_follow *f, struct rn_run *run, uint64_t *to, struct runnel_err *err) {
    struct rn_cursor c;
    struct rn_obs o;
    int rc;
    *to = UINT64_MAX;
    if (!f->has_until_time || run->last < f->until_time)
        return 0;
    rn_cursor_init(&c, run->entries.p, run->entries.n, f->next, run->base);
    while ((rc = rn_cursor_next(&c, &o, err)) > 0)
        if (o.time >= f->until_time) {
            *to = o.seq;
            return 0;
        }
    return rc;
}

/* Encodes a run and sends it; others find it if it is all that was there. */
static int send_new(struct rn_follow *f, const struct rn_run *run, uint64_t end) {
    struct rn_shares *all = &f->stream->node->shares;
    uint8_t fields[RN_DATA_FIELDS];
    size_t n = rn_frame_data_fields(fields, f->next, run->base);
    struct rn_shared_run mine = {.number = f->stream->number,
                                 .from = f->next,
                                 .to = f->next + run->count,
                                 .entries = run->entries.n,
                                 .last = run->last,
                                 .share = rn_share_new(all, n + run->entries.n)};
    if (!mine.share)
        return -RUNNEL_ENOMEM;
    memcpy(mine.share->bytes, fields, n);
    memcpy(mine.share->bytes + n, run->entries.p, run->entries.n);
    if (mine.to == end)
        rn_shares_keep(all, &mine);
    int rc = send(f, &mine);
    rn_share_drop(mine.share);
    return rc;
}

/* All of a closed block as one run, without a look into it: what is checked against its leaf is whole. 0: it is not
 * all that is wanted. */
static int whole_block(const struct rn_follow *f, struct runnel_bytes block, uint64_t end, size_t most,
                       struct rn_run *run) {
    if (f->next % RN_MAX_BLOCK != 0 || end - f->next != RN_MAX_BLOCK || block.n < RN_BLOCK_HEAD ||
        block.n - RN_BLOCK_HEAD > most)
        return 0;
    *run = (struct rn_run){.count = RN_MAX_BLOCK,
                           .base = (int64_t)rn_get_le64(block.p),
                           .entries = {block.p + RN_BLOCK_HEAD, block.n - RN_BLOCK_HEAD},
                           .last = INT64_MAX}; /* not known: who ends at a time looks itself */
    return 1;
}

int rn_follow_run(struct rn_follow *f, struct runnel_bytes block, uint64_t limit, struct runnel_err *err) {
    uint64_t first = f->next / RN_MAX_BLOCK * RN_MAX_BLOCK, end = end_of(f, limit), cut;
    size_t most = f->credit < (int64_t)RN_RUN_MAX ? (size_t)f->credit : RN_RUN_MAX;
    struct rn_run run;
    int rc = 0;
    if (rn_follow_run_shared(f, limit)) /* many may have waited for this block */
        return 1;
    if (!whole_block(f, block, end, most, &run))
        rc = rn_block_run(block.p, block.n, f->next - first, end - first, most, &run, err);
    if (rc == 0)
        rc = cut_by_time(f, &run, &cut, err);
    if (rc == 0 && cut == f->next)
        return 0;
    if (rc == 0 && cut != UINT64_MAX)
        rc = rn_block_run(block.p, block.n, f->next - first, cut - first, most, &run, err);
    if (rc == 0 && run.count == 0)
        rc = rn_fail(err, RUNNEL_EDAMAGED, "block %llu holds fewer observations than it should",
                     (unsigned long long)(f->next / RN_MAX_BLOCK));
    if (rc == 0 && (rc = send_new(f, &run, end)) != 0)
        rn_fail(err, -rc, "an observation cannot be sent");
    return rc != 0 ? rc : 1;
}
