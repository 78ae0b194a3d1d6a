/* SPDX-License-Identifier: MIT
 * lane.c — a row of frames to be sent, and how far the first has gone (lane.h).
 * May touch: the heap.
 */
#include "node/lane.h"

#include "base/leb128.h"
#include "data/frame.h"
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 4u

static struct rn_parcel *first(const struct rn_lane *l) {
    return &l->v[l->first];
}

static size_t size_of(const struct rn_parcel *p) {
    return p->n_start + p->share->n;
}

/* An empty lane keeps nothing: most sessions have nothing to send most of the time. */
static void tidy(struct rn_lane *l) {
    if (l->n > 0)
        return;
    free(l->v);
    *l = (struct rn_lane){.v = NULL};
}

void rn_lane_free(struct rn_lane *l) {
    for (size_t i = 0; i < l->n; i++)
        rn_share_drop(first(l)[i].share);
    l->n = 0;
    tidy(l);
}

static int make_room(struct rn_lane *l) {
    if (l->first + l->n < l->cap)
        return 0;
    if (l->first > l->cap / 2) {
        memmove(l->v, first(l), l->n * sizeof *l->v);
        l->first = 0;
        return 0;
    }
    size_t cap = l->cap ? 2 * l->cap : FIRST_CAP;
    struct rn_parcel *v = realloc(l->v, cap * sizeof *v);
    if (!v)
        return -RUNNEL_ENOMEM;
    l->v = v;
    l->cap = cap;
    return 0;
}

int rn_lane_add(struct rn_lane *l, int type, uint64_t follow, struct rn_share *share) {
    _Static_assert(RN_FRAME_LENGTH + 1 + RN_LEB_MAX <= RN_PARCEL_START - 1, "the start of a frame has room");
    int rc = make_room(l);
    if (rc != 0)
        return rc;
    struct rn_parcel *p = &first(l)[l->n];
    size_t n_id = rn_leb_put(p->start + RN_FRAME_LENGTH + 1, follow), length = 1 + n_id + share->n;
    if (length > RN_MAX_FRAME) {
        tidy(l);
        return -RUNNEL_ETOOBIG;
    }
    rn_put_le32(p->start, (uint32_t)length);
    p->start[RN_FRAME_LENGTH] = (uint8_t)type;
    p->n_start = (uint8_t)(RN_FRAME_LENGTH + 1 + n_id);
    p->follow = follow;
    p->share = rn_share_hold(share);
    l->n++;
    l->bytes += size_of(p);
    return 0;
}

/* Takes back the parcels from number `from` on that `which` (NULL: all) is the follow of. */
static void take_back(struct rn_lane *l, const uint64_t *which) {
    size_t kept = l->sent > 0;
    for (size_t i = kept; i < l->n; i++) {
        struct rn_parcel *p = &first(l)[i];
        if (which && p->follow != *which) {
            first(l)[kept++] = *p;
            continue;
        }
        l->bytes -= size_of(p);
        rn_share_drop(p->share);
    }
    if (l->n > 0)
        l->n = kept;
    tidy(l);
}

void rn_lane_withdraw(struct rn_lane *l, uint64_t follow) {
    take_back(l, &follow);
}

void rn_lane_cut(struct rn_lane *l) {
    take_back(l, NULL);
}

size_t rn_lane_begun(const struct rn_lane *l) {
    return l->sent > 0 ? size_of(first(l)) - l->sent : 0;
}

static int add_iov(struct iovec *iov, int n, uint8_t *p, size_t size) {
    if (size == 0)
        return n;
    iov[n].iov_base = p;
    iov[n].iov_len = size;
    return n + 1;
}

/* What is left of a parcel of which `sent` bytes have gone. */
static int parcel_iov(struct rn_parcel *p, size_t sent, struct iovec *iov) {
    size_t start = sent < p->n_start ? sent : p->n_start, body = sent - start;
    int n = add_iov(iov, 0, p->start + start, p->n_start - start);
    return add_iov(iov, n, p->share->bytes + body, p->share->n - body);
}

int rn_lane_begun_iov(const struct rn_lane *l, struct iovec *iov) {
    return l->sent > 0 ? parcel_iov(first(l), l->sent, iov) : 0;
}

int rn_lane_rest_iov(const struct rn_lane *l, struct iovec *iov, int most) {
    int n = 0;
    for (size_t i = l->sent > 0; i < l->n && n + 2 <= most; i++)
        n += parcel_iov(&first(l)[i], 0, iov + n);
    return n;
}

void rn_lane_sent(struct rn_lane *l, size_t n) {
    l->bytes -= n;
    l->sent += n;
    while (l->n > 0 && l->sent >= size_of(first(l))) {
        l->sent -= size_of(first(l));
        rn_share_drop(first(l)->share);
        l->first++;
        l->n--;
    }
    tidy(l);
}
