/* SPDX-License-Identifier: MIT
 * backupslice.c — the method backup.next: the records as they were at the moment, in slices (copy.h).
 * May touch: the node, to read; the store.
 *
 * Blocks are checked as for any reader: what the disk has altered does not get into a backup.
 */
#include "node/backupstate.h"

#include "base/base64.h"
#include "base/err.h"
#include "node/methods.h"
#include "node/record.h"
#include "node/sessionstate.h"
#include <stdlib.h>
#include <string.h>

/* In order of key. */
static const char areas[] = {'B', 'D', 'H', 'N', 'S', 'T', 'U'};
#define SCAN_MOST 64u /* records of a scan at once */

/* A slice on its way. */
struct next {
    struct rn_op op;
    struct rn_node *node;
    struct rn_backup *backup;
    struct rn_call *call;
    struct rn_buf slice;
    struct rn_block_wait wait;
    struct rn_place key; /* of the pack that is being read */
    uint32_t size;       /* bytes of it that there were */
    int full;
    uint32_t scanned;
};

static void go(struct next *x);

/* ---- its end ---- */

static void next_free(struct rn_op *op) {
    struct next *x = (struct next *)op;
    rn_block_wait_cancel(&x->wait);
    x->backup->busy = 0;
    if (!x->backup->session)
        rn_backup_free(x->node, x->backup);
    if (x->call)
        rn_call_free(x->call);
    rn_buf_free(&x->slice);
    free(x);
}

/* A backup that has failed is over. */
static void fail(struct next *x, const struct runnel_err *err) {
    struct rn_call *call = x->call;
    struct runnel_err why;
    rn_err_copy(&why, err);
    rn_wrap(&why, "backup");
    x->call = NULL;
    x->backup->session = NULL;
    rn_op_end(&x->op);
    rn_call_fail(call, &why);
}

static void failf(struct next *x, int rc, const char *what) {
    struct runnel_err err;
    rn_fail(&err, -rc, "%s", what);
    fail(x, &err);
}

static void answer(struct next *x) {
    struct rn_backup *b = x->backup;
    struct rn_buf text = {.n = 0}, out = {.max = RN_MAX_FRAME};
    struct rn_jw w;
    struct rn_call *call = x->call;
    int more = b->area < sizeof areas;
    if (rn_base64_add(&text, x->slice.p, x->slice.n) != 0 || x->slice.failed) {
        rn_buf_free(&text);
        failf(x, -RUNNEL_ENOMEM, "out of memory");
        return;
    }
    x->call = NULL;
    rn_jw_init(&w, &out);
    rn_jw_object(&w);
    rn_jw_key(&w, "slice");
    rn_jw_strn(&w, (const char *)text.p, text.n);
    rn_jw_kbool(&w, "more", more);
    rn_jw_key(&w, "done");
    rn_jw_u64(&w, b->done);
    rn_jw_key(&w, "records");
    rn_jw_u64(&w, b->records);
    rn_jw_key(&w, "damaged");
    rn_jw_u64(&w, b->damaged);
    rn_jw_end_object(&w);
    rn_buf_free(&text);
    if (!more)
        b->session = NULL;
    rn_op_end(&x->op);
    rn_method_answer(call, &out);
}

/* ---- records ---- */

/* Adds the record at hand, or what there is room for. 1: it is whole. */
static int put(struct next *x, const struct rn_place *key, struct runnel_bytes record) {
    struct rn_backup *b = x->backup;
    b->off = rn_piece_add(&x->slice, key, record, b->off);
    if (b->off < record.n || (record.n == 0 && x->slice.n + RUNNEL_KEY_MAX >= RN_COPY_SLICE)) {
        x->full = 1;
        return 0;
    }
    b->off = 0;
    b->records++;
    return 1;
}

/* One that ends with a check. */
static int put_sealed(struct next *x, const struct rn_place *key, struct rn_buf *value) {
    uint8_t check[RN_RECORD_CHECK];
    rn_record_seal(x->node->hasher, rn_place_bytes(key), rn_buf_bytes(value), check);
    if (rn_buf_add(value, check, sizeof check) != 0)
        x->slice.failed = value->failed;
    int whole = put(x, key, rn_buf_bytes(value));
    rn_buf_free(value);
    return whole;
}

/* The stream of a shot; NULL when it is gone. */
static struct rn_stream *stream_of(const struct next *x, const struct rn_shot *s) {
    struct rn_stream *now = rn_stream_find(x->node, &s->id);
    return now && now->number == s->number && now->tail.count >= s->count ? now : NULL;
}

static void gone(struct next *x, const struct rn_shot *s) {
    char id[RN_ID_TEXT];
    struct runnel_err err;
    rn_fail(&err, RUNNEL_ECONFLICT, "stream %s was dropped meanwhile; begin again", rn_id_format(&s->id, id));
    fail(x, &err);
}

/* ---- blocks ---- */

static uint64_t blocks_of(const struct rn_shot *s) {
    return (s->count + RN_MAX_BLOCK - 1) / RN_MAX_BLOCK;
}

static void next_block(struct rn_backup *b) {
    b->k++;
    b->off = 0;
}

/* The block as it was then: an open one has had more since. 0 when the slice is full. */
static int put_block(struct next *x, struct runnel_bytes block) {
    struct rn_backup *b = x->backup;
    const struct rn_shot *s = &b->shots[b->at];
    struct rn_place p = rn_place_block(s->number, b->k);
    int last = b->k == s->count / RN_MAX_BLOCK;
    if (last)
        block.n = s->open;
    if (!put(x, &p, block))
        return 0;
    b->done += last ? s->count % RN_MAX_BLOCK : RN_MAX_BLOCK;
    next_block(b);
    return 1;
}

static void on_block(struct rn_block_wait *w, struct runnel_bytes block, const struct runnel_err *err) {
    struct next *x = rn_list_of(w, struct next, wait);
    struct rn_backup *b = x->backup;
    const struct rn_shot *s = &b->shots[b->at];
    if (err && !stream_of(x, s)) {
        gone(x, s);
        return;
    }
    if (err && err->code != RUNNEL_ENOTFOUND && err->code != RUNNEL_EDAMAGED) {
        fail(x, err);
        return;
    }
    if (err || (b->k == s->count / RN_MAX_BLOCK && block.n < s->open)) {
        b->damaged++; /* the reading has named it in the log */
        next_block(b);
    } else {
        (void)put_block(x, block);
    }
    go(x);
}

/* 1: on with it; 0: a block is being read, or it has ended. */
static int step_blocks(struct next *x) {
    struct rn_backup *b = x->backup;
    struct runnel_bytes block;
    if (b->at == b->n) {
        b->at = 0;
        b->area++;
        return 1;
    }
    const struct rn_shot *s = &b->shots[b->at];
    if (b->k >= blocks_of(s)) {
        b->at++;
        b->k = 0;
        return 1;
    }
    struct rn_stream *now = stream_of(x, s);
    if (!now) {
        gone(x, s);
        return 0;
    }
    if (rn_block_at_hand(now, b->k, &block)) {
        (void)put_block(x, block);
        return 1;
    }
    int rc = rn_block_read(now, b->k, &x->wait);
    if (rc != 0) {
        struct runnel_err err;
        (void)rn_stream_unread(now, rc, &err);
        fail(x, &err);
    }
    return 0;
}

/* ---- trees ---- */

static void on_pack(void *arg, struct runnel_bytes data, const struct runnel_err *err) {
    struct next *x = arg;
    struct rn_backup *b = x->backup;
    const struct rn_shot *s = &b->shots[b->at];
    if (!stream_of(x, s)) {
        gone(x, s);
        return;
    }
    if (err && err->code != RUNNEL_ENOTFOUND && err->code != RUNNEL_EDAMAGED) {
        fail(x, err);
        return;
    }
    int whole = !err && data.n >= x->size;
    if (!whole && b->off == 0)
        b->damaged++;
    if (err || put(x, &x->key, data)) {
        b->k++;
        b->off = 0;
    }
    go(x);
}

/* The packs of perfect nodes that there were then, cut behind the last of these. */
static int step_tree(struct next *x) {
    struct rn_backup *b = x->backup;
    uint32_t off;
    if (b->at == b->n) {
        b->at = 0;
        b->area++;
        return 1;
    }
    const struct rn_shot *s = &b->shots[b->at];
    uint64_t nodes = s->unread || b->level >= RN_TREE_LEVELS ? 0 : (1 + s->count / RN_MAX_BLOCK) >> b->level;
    uint64_t first = b->k * RN_PACK;
    if (first >= nodes) {
        b->level = nodes == 0 ? 0 : b->level + 1;
        b->at += nodes == 0;
        b->k = 0;
        return 1;
    }
    uint64_t there = nodes - first < RN_PACK ? nodes - first : RN_PACK;
    x->key = rn_place_node(s->number, b->level, first, &off);
    x->size = (uint32_t)there * rn_entry_size(b->level);
    rn_store_get(&x->node->store, &x->key, 0, x->size, on_pack, x);
    return 0;
}

/* ---- what is made of the shots ---- */

static int put_state(struct next *x, const struct rn_shot *s) {
    struct rn_buf b = {.n = 0};
    struct rn_place p = rn_place_state(s->number);
    struct rn_state_record r = {.held = s->count, .last = s->last, .head = {x->backup->heads.p + s->head, s->n_head}};
    if (!s->unread && rn_state_record(&b, &r) != 0) /* an empty one is damage there too */
        x->slice.failed = b.failed;
    return put_sealed(x, &p, &b);
}

static int put_stream(struct next *x, const struct rn_stream *now) {
    struct rn_buf b = {.n = 0};
    struct rn_place p = rn_place_stream(&now->desc->id);
    if (rn_stream_record(&b, now->number, now->desc->bytes) != 0)
        x->slice.failed = b.failed;
    return put_sealed(x, &p, &b);
}

static int step_shots(struct next *x) {
    struct rn_backup *b = x->backup;
    if (b->at == b->n) {
        b->at = 0;
        b->area++;
        return 1;
    }
    const struct rn_shot *s = &b->shots[b->at];
    struct rn_stream *now = stream_of(x, s);
    if (!now) {
        gone(x, s);
        return 0;
    }
    b->at += (size_t)(areas[b->area] == 'H' ? put_state(x, s) : put_stream(x, now));
    return 1;
}

/* ---- areas that are scanned ---- */

static void on_record(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    struct next *x = arg;
    struct rn_backup *b = x->backup;
    struct runnel_bytes value = val;
    struct rn_place p = {.n = key.n};
    x->scanned++;
    if (x->full || key.n >= sizeof p.b)
        return;
    memcpy(p.b, key.p, key.n);
    b->from = p;
    if (rn_record_open(x->node->hasher, key, &value, NULL) != 0)
        b->damaged++;
    else if (!put(x, &p, val))
        return;
    b->off = 0;
    b->from.b[b->from.n++] = 0; /* the next begins behind it */
}

static void on_scanned(void *arg, const struct runnel_err *err) {
    struct next *x = arg;
    struct rn_backup *b = x->backup;
    if (err) {
        fail(x, err);
        return;
    }
    if (x->scanned == 0) {
        b->area++;
        b->from.n = 0;
    }
    go(x);
}

static int step_scan(struct next *x) {
    struct rn_backup *b = x->backup;
    struct rn_place area = rn_place_area(areas[b->area]), to = rn_place_behind(&area);
    if (b->from.n == 0)
        b->from = area;
    x->scanned = 0;
    rn_store_scan_some(&x->node->store, &b->from, &to, SCAN_MOST, on_record, on_scanned, x);
    return 0;
}

/* ---- slices ---- */

static int step(struct next *x) {
    switch (areas[x->backup->area]) {
    case 'B':
        return step_blocks(x);
    case 'T':
        return step_tree(x);
    case 'H':
    case 'S':
        return step_shots(x);
    default:
        return step_scan(x);
    }
}

/* Fills the slice, and answers when it is full or all is in slices. */
static void go(struct next *x) {
    while (!x->full && x->backup->area < sizeof areas)
        if (!step(x))
            return;
    answer(x);
}

void rn_method_backup_next(struct rn_node *n, struct rn_call *call, const struct rn_json *params) {
    struct rn_backup *b = n->backup;
    struct runnel_err err;
    int rc = 0;
    (void)params;
    if (!b || b->session != call->session)
        rc = rn_fail(&err, RUNNEL_ENOTFOUND, "backup.next: this session has begun no backup; ask backup.begin first");
    else if (b->busy)
        rc = rn_fail(&err, RUNNEL_EBUSY, "backup.next: the slice before it has not been answered yet");
    struct next *x = rc == 0 ? calloc(1, sizeof *x) : NULL;
    if (rc == 0 && !x)
        rc = rn_fail(&err, RUNNEL_ENOMEM, "backup.next: out of memory");
    if (rc != 0) {
        rn_call_fail(call, &err);
        return;
    }
    x->node = n;
    x->backup = b;
    x->call = call;
    rn_block_wait_init(&x->wait, on_block);
    rn_op_begin(&n->ops, &x->op, next_free);
    rn_call_weigh(call, sizeof *x + RN_MAX_FRAME);
    b->busy = 1;
    go(x);
}
