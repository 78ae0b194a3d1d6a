/* SPDX-License-Identifier: MIT
 * fsck.c — the method fsck: the records of the store that no stream's blocks and tree are (methods.h).
 * May touch: the store.
 *
 * Goes through all areas in slices of a few records. Records with a check are checked; of blocks and trees only
 * the numbers are looked at, by jumping from one to the next: what is in them is the method verify's.
 */
#include "base/err.h"
#include "node/inner.h"
#include "node/mend.h"
#include "node/methods.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINDINGS_MOST 100u
#define SLICE 32u
#define TEXT_MOST (RN_MAX_FRAME - 8192u) /* of findings that are described: the answer is one frame */

struct fsck {
    struct rn_op op;
    struct rn_node *node;
    struct rn_call *call;
    int mend, lost; /* what nobody has may belong to a stream whose record is damaged */
    size_t area;
    struct rn_place from, last; /* where this slice begins; the last key of it */
    uint32_t got;
    struct rn_map *numbers; /* number (4, big-endian) → struct rn_stream, as of the start */
    struct rn_map *seen;    /* numbers whose record has come, of the area at hand */
    uint32_t next_number;   /* as of the start */
    struct rn_changes changes;
    struct rn_stream *rewrite[SLICE]; /* whose record is written anew, or state, at the end of the slice */
    size_t n_rewrite;
    struct rn_buf text; /* members of the answer's list */
    struct rn_jw list;
    uint64_t n_findings, n_damage, n_records;
};

/* Blocks and packs one number after the other, all else record by record. */
static const char areas[] = {'M', 'S', 'H', 'D', 'E', 'U', 'N', 'X', 'B', 'T'};

static void next_slice(struct fsck *f);

static void fsck_free(struct rn_op *op) {
    struct fsck *f = (struct fsck *)op;
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

static void fail(struct fsck *f, const struct runnel_err *err) {
    struct rn_call *call = f->call;
    f->call = NULL;
    rn_op_end(&f->op);
    rn_call_fail(call, err);
}

static void finish(struct fsck *f) {
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

/* ---- findings ---- */

struct finding {
    const char *kind;
    const struct runnel_id *id; /* NULL: no stream is known */
    uint64_t block;             /* UINT64_MAX: none */
    const char *message, *remedy;
    int harmless;
};

static void tell(struct fsck *f, const struct finding *x) {
    char id[RN_ID_TEXT];
    f->n_damage += !x->harmless;
    if (f->n_findings++ >= FINDINGS_MOST || f->text.n > TEXT_MOST)
        return;
    rn_jw_object(&f->list);
    rn_jw_kstr(&f->list, "kind", x->kind);
    if (x->id)
        rn_jw_kstr(&f->list, "stream", rn_id_format(x->id, id));
    if (x->block != UINT64_MAX) {
        rn_jw_key(&f->list, "block");
        rn_jw_u64(&f->list, x->block);
    }
    rn_jw_kstr(&f->list, "message", x->message);
    rn_jw_kstr(&f->list, "remedy", x->remedy);
    rn_jw_end_object(&f->list);
}

static struct rn_place place_of(struct runnel_bytes key) {
    struct rn_place p = {.n = key.n < sizeof p.b ? key.n : sizeof p.b};
    if (p.n)
        memcpy(p.b, key.p, p.n);
    return p;
}

/* ---- records with a check ---- */

static struct rn_stream *stream_of_key(struct fsck *f, struct runnel_bytes key, struct runnel_id *id) {
    if (key.n != 1 + sizeof id->b)
        return NULL;
    memcpy(id->b, key.p + 1, sizeof id->b);
    return rn_stream_find(f->node, id);
}

static struct rn_stream *stream_of_number(struct fsck *f, struct runnel_bytes key) {
    return key.n >= 5 ? rn_map_get(f->numbers, key.p + 1, 4) : NULL;
}

/* The key says for which stream it stands, and that is what counts; count and time are kept where memory has them. */
static void rewrite_tombstone(struct fsck *f, struct runnel_bytes key) {
    struct rn_place p = place_of(key);
    struct rn_buf b = {.n = 0};
    struct runnel_id id;
    memcpy(id.b, key.p + 1, sizeof id.b);
    const struct rn_tombstone *t = rn_dropped(f->node, &id);
    struct rn_tombstone_record r = {.count = t ? t->count : UINT64_MAX, .time = t ? t->time : 0};
    if (rn_tombstone_record(&b, &r) != 0)
        f->changes.failed = b.failed;
    rn_changes_put(&f->changes, &p, rn_buf_bytes(&b));
    rn_buf_free(&b);
}

/* Puts a damaged record right, where that can be done; what was done, or how else. */
static const char *mend_record(struct fsck *f, struct runnel_bytes key, struct runnel_bytes record,
                               struct rn_stream *s) {
    struct rn_place p = place_of(key);
    struct rn_buf corrected = {.n = 0};
    const char *remedy = "restart the node: it reads what is whole, and brings the rest back from peers";
    if (s && (s->drop || s->dropped)) {
        remedy = "its stream is being dropped";
    } else if (s && (key.p[0] == 'S' || rn_stream_at_rest(s))) {
        if (f->mend && f->n_rewrite < SLICE)
            f->rewrite[f->n_rewrite++] = s;
        remedy = f->mend ? "written anew from memory" : "runnel fsck --mend writes it anew from memory";
    } else if (!s && key.p[0] != 'H' && rn_record_correct(f->node->hasher, key, record, &corrected) == 0) {
        if (f->mend)
            rn_changes_put(&f->changes, &p, rn_buf_bytes(&corrected));
        remedy = f->mend ? "one bit was flipped: put right" : "one bit was flipped: runnel fsck --mend puts it right";
    } else if (key.p[0] == 'D' && key.n == 1 + sizeof(struct runnel_id)) {
        if (f->mend)
            rewrite_tombstone(f, key);
        remedy = f->mend ? "it still counts; written anew with what is known"
                         : "it still counts; runnel fsck --mend writes it anew with what is known";
    } else if (key.p[0] == 'U' || key.p[0] == 'N' || key.p[0] == 'E') {
        if (f->mend)
            rn_changes_erase(&f->changes, &p);
        remedy = key.p[0] == 'N'   ? "its instance does without; runnel fsck --mend takes it away"
                 : key.p[0] == 'U' ? "subscribe again; runnel fsck --mend takes the note away"
                                   : "runnel fsck --mend takes the note away, and names what is left of the stream";
    } else if (key.p[0] == 'S') {
        remedy = "subscribe to it, if it is by another author, and it is fetched again; else a peer or a backup has it";
    }
    rn_buf_free(&corrected);
    return remedy;
}

static const char *record_name(uint8_t area) {
    switch (area) {
    case 'M':
        return "the store's own record";
    case 'S':
        return "the record of a stream";
    case 'H':
        return "the state of a stream";
    case 'D':
        return "the tombstone of a stream";
    case 'E':
        return "the note of a stream that is being erased";
    case 'U':
        return "the note of a subscription";
    case 'N':
        return "the note of an instance";
    default:
        return "a damaged block that was set aside";
    }
}

static void check_record(struct fsck *f, struct runnel_bytes key, struct runnel_bytes record) {
    struct runnel_bytes val = record;
    struct runnel_id id;
    struct runnel_err why;
    struct rn_stream *s = NULL;
    int has_id = (key.p[0] == 'S' || key.p[0] == 'D') && key.n == 1 + sizeof id.b;
    if (rn_record_open(f->node->hasher, key, &val, &why) == 0)
        return;
    if (has_id)
        s = stream_of_key(f, key, &id);
    else if (key.p[0] == 'H' && (s = stream_of_number(f, key)) != NULL)
        id = s->desc->id;
    rn_wrap(&why, "%s", record_name(key.p[0]));
    struct finding x = {.kind = "record", .id = has_id || s ? &id : NULL, .block = UINT64_MAX, .message = why.msg};
    x.remedy = mend_record(f, key, record, key.p[0] == 'D' ? NULL : s);
    tell(f, &x);
}

/* ---- what belongs to a number ---- */

static void leftover(struct fsck *f, struct runnel_bytes key) {
    char message[160];
    uint32_t number = 0;
    for (size_t i = 1; i < 5; i++)
        number = number << 8 | key.p[i];
    (void)snprintf(message, sizeof message, "records '%c' of number %u, which no stream has", key.p[0], number);
    struct finding x = {.kind = "leftover", .block = UINT64_MAX, .message = message};
    x.remedy = f->lost   ? "left alone: they may be what a damaged stream record spoke of"
               : f->mend ? "they are being erased"
                         : "runnel fsck --mend erases them";
    tell(f, &x);
    if (f->lost || !f->mend || rn_map_get(f->numbers, key.p + 1, 4))
        return;
    struct rn_place note = rn_place_erasing(number);
    struct rn_erasing *e = calloc(1, sizeof *e);
    if (!e || rn_map_put(f->numbers, key.p + 1, 4, NULL) != 0) {
        free(e);
        return;
    }
    rn_changes_put(&f->changes, &note, (struct runnel_bytes){NULL, 0});
    e->number = number;
    rn_list_init(&e->link);
    if (number >= f->node->next_number && number < UINT32_MAX)
        f->node->next_number = number + 1;
    rn_erase(f->node, e);
}

static int is_number(struct fsck *f, struct runnel_bytes key) {
    rn_list_for (it, &f->node->gone_streams.numbers) {
        uint8_t b[8];
        rn_put_be64(b, rn_list_of(it, struct rn_erasing, link)->number);
        if (memcmp(b + 4, key.p + 1, 4) == 0)
            return 1;
    }
    if (stream_of_number(f, key))
        return 1;
    rn_map_for (e, f->node->streams) { /* one that was made since */
        const struct rn_stream *s = e->val;
        uint8_t b[8];
        rn_put_be64(b, s->number);
        if (s->number >= f->next_number && memcmp(b + 4, key.p + 1, 4) == 0)
            return 1;
    }
    return 0;
}

static void aside(struct fsck *f, struct runnel_bytes key, size_t n) {
    struct rn_stream *s = stream_of_number(f, key);
    char message[160];
    struct rn_place p = place_of(key);
    (void)snprintf(message, sizeof message, "%zu bytes of a damaged block are set aside, for you to look at", n);
    struct finding x = {.kind = "aside",
                        .id = s ? &s->desc->id : NULL,
                        .block = key.n == 13 ? rn_get_be64(key.p + 5) : UINT64_MAX,
                        .message = message,
                        .remedy = f->mend ? "cleared" : "none is needed; runnel fsck --mend clears them",
                        .harmless = 1};
    tell(f, &x);
    if (!f->mend)
        return;
    rn_changes_erase(&f->changes, &p);
    if (f->node->n_aside > 0)
        f->node->n_aside--;
}

/* The record of a stream is there, whole or not. */
static void see(struct fsck *f, struct runnel_bytes key) {
    struct runnel_id id;
    const struct rn_stream *s = key.p[0] == 'S' ? stream_of_key(f, key, &id) : stream_of_number(f, key);
    uint8_t b[4];
    if (!s)
        return;
    rn_put_le32(b, s->number);
    (void)rn_map_put(f->seen, b, sizeof b, f->node); /* without memory it is named missing, and written again */
}

/* All records of an area have come: streams that have none are named. */
static void tell_missing(struct fsck *f, char area) {
    rn_map_for (e, f->node->streams) {
        struct rn_stream *s = e->val;
        uint8_t b[4];
        rn_put_le32(b, s->number);
        void *seen = rn_map_del(f->seen, b, sizeof b);
        if (seen || !s->ready || s->settling || s->drop || s->number >= f->next_number ||
            (area == 'H' && (!rn_stream_at_rest(s) || (!s->own && s->tail.count == 0))))
            continue;
        if (f->mend && area == 'S')
            rn_stream_rewrite_record(s, &f->changes);
        else if (f->mend)
            rn_stream_rewrite_state(s, &f->changes);
        tell(f, &(struct finding){
                    .kind = "record",
                    .id = &s->desc->id,
                    .block = UINT64_MAX,
                    .message = area == 'S' ? "the record of a stream is missing" : "the state of a stream is missing",
                    .remedy = f->mend ? "written anew from memory" : "runnel fsck --mend writes it anew from memory"});
    }
}

static void on_pair(void *arg, struct runnel_bytes key, struct runnel_bytes val) {
    struct fsck *f = arg;
    char area = areas[f->area];
    f->got++;
    f->n_records++;
    f->last = place_of(key);
    if (area != 'B' && area != 'T')
        check_record(f, key, val);
    if (area == 'S' || area == 'H')
        see(f, key);
    if (area == 'X')
        aside(f, key, val.n);
    else if ((area == 'B' || area == 'T' || area == 'H') && key.n >= 5 && !is_number(f, key))
        leftover(f, key);
}

/* ---- slices ---- */

static int by_number(const struct fsck *f) {
    return areas[f->area] == 'B' || areas[f->area] == 'T';
}

static uint32_t slice_of(const struct fsck *f) {
    return by_number(f) || areas[f->area] == 'X' ? 1 : SLICE; /* those may be long */
}

static void on_mended(void *arg, const struct runnel_err *err) {
    struct fsck *f = arg;
    if (err)
        fail(f, err);
    else
        next_slice(f);
}

/* Records and states as memory knows them now: while the slice came, commits of others may have been asked for,
 * which an older state must not undo. */
static void rewrite(struct fsck *f) {
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
    struct fsck *f = arg;
    struct runnel_err why;
    if (err) {
        fail(f, err);
        return;
    }
    rewrite(f);
    if (f->got < slice_of(f)) {
        if (areas[f->area] == 'M' && f->n_records == 0)
            tell(f, &(struct finding){.kind = "record",
                                      .block = UINT64_MAX,
                                      .message = "the store's own record is missing",
                                      .remedy = "restart the node: it is made anew when the node's own streams have "
                                                "been looked for at its peers"});
        if (areas[f->area] == 'S' || areas[f->area] == 'H')
            tell_missing(f, areas[f->area]);
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

static void next_slice(struct fsck *f) {
    if (f->area == sizeof areas || !f->call->session) {
        finish(f);
        return;
    }
    struct rn_place area = rn_place_area(areas[f->area]), to = rn_place_behind(&area);
    f->got = 0;
    rn_store_scan_some(&f->node->store, &f->from, &to, slice_of(f), on_pair, on_slice, f);
}

/* ---- beginning ---- */

static int take_numbers(struct fsck *f) {
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

static void tell_streams(struct fsck *f) {
    struct runnel_id id;
    rn_map_for (e, f->node->lost) {
        memcpy(id.b, e->key, sizeof id.b);
        if (rn_stream_find(f->node, &id))
            continue; /* it has been brought back */
        f->lost = 1;
        tell(f, &(struct finding){
                    .kind = "lost",
                    .id = &id,
                    .block = UINT64_MAX,
                    .message = "its record in the store is damaged or could not be written: nothing of it is served",
                    .remedy = "subscribe to it, if it is by another author, and it is fetched again; else "
                              "a peer or a backup has it"});
    }
    rn_map_for (e, f->node->streams) {
        const struct rn_stream *s = e->val;
        if (s->trouble.code)
            tell(f, &(struct finding){.kind = "stream",
                                      .id = &s->desc->id,
                                      .block = UINT64_MAX,
                                      .message = s->trouble.msg,
                                      .remedy = "as it says"});
    }
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
    struct fsck *f = calloc(1, sizeof *f);
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
    tell_streams(f);
    if (take_numbers(f) != 0) {
        rn_fail(&err, RUNNEL_ENOMEM, "fsck: out of memory");
        fail(f, &err);
    } else {
        next_slice(f);
    }
}
