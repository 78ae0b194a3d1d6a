/* SPDX-License-Identifier: MIT
 * mendproof.c — a leaf that is damaged together with its block: peers give hashes that prove it (mend.h).
 * May touch: the session, the store.
 *
 * A peer is asked for the leaf and for the path from it to the peak of our own tree under which it stands. The
 * peaks are those that our head's root was checked with, so what folds to them is right, whoever gave it. Then the
 * block is looked for as any other. The entry is written when the block is whole, as it also says the block's
 * first time; so each block that is mended brings the whole tree nearer, also where many leaves are damaged.
 */
#include "node/mendstate.h"

#include "base/err.h"
#include "node/record.h"
#include <string.h>

static uint64_t leaf_at_hand(const struct rn_mend *m) {
    return rn_mend_at_hand(m)->k + 1;
}

/* The level of the peak under which a leaf stands. */
static uint32_t peak_over(const struct rn_peaks *p, uint64_t leaf) {
    uint64_t end = 0;
    for (uint32_t l = RN_TREE_LEVELS; l-- > 0;) {
        if (!(p->n >> l & 1))
            continue;
        end += UINT64_C(1) << l;
        if (leaf < end)
            return l;
    }
    return RN_TREE_LEVELS; /* it is not under them */
}

static void proven(struct rn_mend *m) {
    m->proving = 0;
    m->proven = 1;
    rn_mend_let_go(m);
    rn_mend_look_at_block(m);
}

void rn_mend_prove(struct rn_mend *m) {
    char id[RN_ID_TEXT];
    uint64_t leaf = leaf_at_hand(m);
    uint32_t top = peak_over(&m->peaks, leaf);
    struct runnel_err why;
    if (top == RN_TREE_LEVELS) { /* it came into being since: the next walk covers it */
        rn_fail(&why, RUNNEL_EDAMAGED, "the hash of it is damaged");
        rn_mend_again_later(m, &why);
        return;
    }
    if (top == 0) { /* memory has it */
        m->leaf = m->peaks.peak[0];
        proven(m);
        return;
    }
    if (m->failures == 0)
        rn_stream_log(m->stream, RUNNEL_WARN, "store",
                      "stream %s: block %llu or one before it is damaged, and so are hashes of the tree: what is "
                      "missing is looked for at peers; where none has it, restore a backup",
                      rn_mend_id(m, id), (unsigned long long)(leaf - 1));
    m->proving = 1;
    rn_mend_round(m);
}

/* ---- asking ---- */

static void on_hashes(void *arg, const struct rn_reply *r, const struct runnel_err *err);

/* The sibling at m->level; of a leaf, both. */
static int ask(struct rn_mend *m) {
    struct rn_buf b = {.max = 512};
    char id[RN_ID_TEXT];
    uint64_t node = leaf_at_hand(m) >> m->level, from = m->level ? node ^ 1 : node & ~UINT64_C(1);
    rn_buf_fmt(&b, "\"stream\":\"%s\",\"count\":%llu,\"level\":%u,\"from\":%llu,\"n\":%u", rn_mend_id(m, id),
               (unsigned long long)((m->peaks.n - 1) * RN_MAX_BLOCK), m->level, (unsigned long long)from,
               m->level ? 1u : 2u);
    int rc = b.failed;
    if (rc == 0)
        rc = rn_session_ask(m->session, "nodes", rn_buf_bytes(&b), RN_ASK_NS, on_hashes, NULL, m, &m->ask);
    rn_buf_free(&b);
    return rc;
}

int rn_mend_ask_hashes(struct rn_mend *m) {
    m->level = 0;
    return ask(m);
}

/* Takes what one answer holds: the fold stands one level higher then. */
static void fold(struct rn_mend *m, const struct rn_hash given[2]) {
    struct rn_hasher *h = m->stream->node->hasher;
    uint64_t node = leaf_at_hand(m) >> m->level;
    if (m->level == 0) {
        m->leaf = given[node & 1];
        m->fold = rn_hash_node(h, &given[0], &given[1]);
    } else {
        m->fold = node & 1 ? rn_hash_node(h, &given[0], &m->fold) : rn_hash_node(h, &m->fold, &given[0]);
    }
    m->level++;
}

static void on_hashes(void *arg, const struct rn_reply *r, const struct runnel_err *err) {
    struct rn_mend *m = arg;
    struct runnel_err why;
    struct rn_hash given[2];
    uint32_t top = peak_over(&m->peaks, leaf_at_hand(m));
    m->ask = 0;
    if (err) {
        if (rn_session_open(m->session)) /* else the session's end tells */
            rn_mend_refuse(m, err);
        return;
    }
    size_t want = m->level ? 1 : 2;
    if (r->body.n != want * RN_HASH) {
        rn_fail(&why, RUNNEL_EDAMAGED, "it answered with another number of hashes than was asked for");
        rn_mend_refuse(m, &why);
        return;
    }
    memcpy(given, r->body.p, r->body.n);
    fold(m, given);
    if (m->level < top) {
        int rc = ask(m);
        if (rc == 0)
            return;
        rn_fail(&why, -rc, "it cannot be asked");
        rn_mend_refuse(m, &why);
    } else if (!rn_hash_equal(&m->fold, &m->peaks.peak[top])) {
        rn_fail(&why, RUNNEL_EDAMAGED, "the hashes it gave do not fold to those that are known here");
        rn_mend_refuse(m, &why);
    } else {
        proven(m);
    }
}

/* ---- storing ---- */

/* It could not be written: it is looked at anew later. */
static void not_stored(struct rn_mend *m, const struct runnel_err *why) {
    m->has_leaf = m->proven = 0;
    rn_mend_again_later(m, why);
}

static void on_stored(void *arg, const struct runnel_err *err) {
    struct rn_mend *m = arg;
    char id[RN_ID_TEXT];
    if (rn_mend_called_back(m))
        return;
    if (err) {
        not_stored(m, err);
        return;
    }
    rn_stream_log(m->stream, RUNNEL_NOTICE, "store",
                  "stream %s: the hash of block %llu is whole again, proven by those of a peer", rn_mend_id(m, id),
                  (unsigned long long)rn_mend_at_hand(m)->k);
    rn_mend_done_with(m, NULL);
}

/* How many entries the pack of the leaf at hand must have; 0: it cannot be said now, as it is growing. */
static uint32_t entries_due(const struct rn_mend *m) {
    uint64_t n = m->stream->tail.peaks.n, first = leaf_at_hand(m) / RN_PACK * RN_PACK;
    if (n - first >= RN_PACK)
        return RN_PACK;
    return rn_stream_at_rest(m->stream) && n == m->leaves_then ? (uint32_t)(n - first) : 0;
}

/* Its pack: the entry is put in its place. What else is damaged of it stays for the next ones. */
static void on_pack(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct rn_mend *m = arg;
    uint8_t pack[RN_PACK * RN_LEAF_ENTRY] = {0};
    struct rn_entry e = {.hash = m->leaf, .first = m->first};
    struct runnel_err why;
    uint32_t off, due;
    if (rn_mend_called_back(m))
        return;
    if (err && err->code != RUNNEL_ENOTFOUND && err->code != RUNNEL_EDAMAGED) {
        not_stored(m, err);
        return;
    }
    if ((due = entries_due(m)) == 0) {
        rn_fail(&why, RUNNEL_EBUSY, "more of the stream is on its way to the disk");
        not_stored(m, &why);
        return;
    }
    size_t n = (size_t)due * RN_LEAF_ENTRY;
    if (!err && data.n)
        memcpy(pack, data.p, data.n < n ? data.n : n);
    struct rn_place p = rn_place_node(m->stream->number, 0, leaf_at_hand(m), &off);
    rn_entry_write(m->stream->node->hasher, &p, off, 0, &e, pack + off);
    rn_changes_replace(&m->changes, &p, (struct runnel_bytes){pack, n});
    m->busy = 1;
    int rc = rn_store_commit(&m->stream->node->store, &m->changes, on_stored, m);
    if (rc == 0)
        return;
    m->busy = 0;
    rn_fail(&why, -rc, "the commit cannot be asked for");
    not_stored(m, &why);
}

void rn_mend_store_leaf(struct rn_mend *m, int64_t first) {
    uint32_t off;
    struct rn_place p = rn_place_node(m->stream->number, 0, leaf_at_hand(m), &off);
    m->first = first;
    m->leaves_then = m->stream->tail.peaks.n;
    m->busy = 1;
    rn_store_get(&m->stream->node->store, &p, 0, RN_PACK * RN_LEAF_ENTRY, on_pack, m);
}
