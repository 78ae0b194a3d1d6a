/* SPDX-License-Identifier: MIT
 * fsckfind.c — what is wrong with a record of the store, or with a stream: told, and mended where that was asked for.
 * May touch: what the node has set aside and erases; else what mends is put among the changes of the slice.
 */
#include "base/err.h"
#include "node/fsckstate.h"
#include "node/mend.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINDINGS_MOST 100u
#define TEXT_MOST (RN_MAX_FRAME - 8192u) /* of findings that are described: the answer is one frame */

void rn_fsck_tell(struct rn_fsck *f, const struct rn_finding *x) {
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

struct rn_place rn_fsck_place(struct runnel_bytes key) {
    struct rn_place p = {.n = key.n < sizeof p.b ? key.n : sizeof p.b};
    if (p.n)
        memcpy(p.b, key.p, p.n);
    return p;
}

/* ---- records with a check ---- */

static struct rn_stream *stream_of_key(struct rn_fsck *f, struct runnel_bytes key, struct runnel_id *id) {
    if (key.n != 1 + sizeof id->b)
        return NULL;
    memcpy(id->b, key.p + 1, sizeof id->b);
    return rn_stream_find(f->node, id);
}

static struct rn_stream *stream_of_number(struct rn_fsck *f, struct runnel_bytes key) {
    return key.n >= 5 ? rn_map_get(f->numbers, key.p + 1, 4) : NULL;
}

/* The key says for which stream it stands, and that is what counts; count and time are kept where memory has them. */
static void rewrite_tombstone(struct rn_fsck *f, struct runnel_bytes key) {
    struct rn_place p = rn_fsck_place(key);
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
static const char *mend_record(struct rn_fsck *f, struct runnel_bytes key, struct runnel_bytes record,
                               struct rn_stream *s) {
    struct rn_place p = rn_fsck_place(key);
    struct rn_buf corrected = {.n = 0};
    const char *remedy = "restart the node: it reads what is whole, and brings the rest back from peers";
    if (s && (s->drop || s->dropped)) {
        remedy = "its stream is being dropped";
    } else if (s && (key.p[0] == 'S' || rn_stream_at_rest(s))) {
        if (f->mend && f->n_rewrite < RN_FSCK_SLICE)
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

static void check_record(struct rn_fsck *f, struct runnel_bytes key, struct runnel_bytes record) {
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
    struct rn_finding x = {.kind = "record", .id = has_id || s ? &id : NULL, .block = UINT64_MAX, .message = why.msg};
    x.remedy = mend_record(f, key, record, key.p[0] == 'D' ? NULL : s);
    rn_fsck_tell(f, &x);
}

/* ---- what belongs to a number ---- */

static void leftover(struct rn_fsck *f, struct runnel_bytes key) {
    char message[160];
    uint32_t number = 0;
    for (size_t i = 1; i < 5; i++)
        number = number << 8 | key.p[i];
    (void)snprintf(message, sizeof message, "records '%c' of number %u, which no stream has", key.p[0], number);
    struct rn_finding x = {.kind = "leftover", .block = UINT64_MAX, .message = message};
    x.remedy = f->lost   ? "left alone: they may be what a damaged stream record spoke of"
               : f->mend ? "they are being erased"
                         : "runnel fsck --mend erases them";
    rn_fsck_tell(f, &x);
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

static int is_number(struct rn_fsck *f, struct runnel_bytes key) {
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

static void aside(struct rn_fsck *f, struct runnel_bytes key, size_t n) {
    struct rn_stream *s = stream_of_number(f, key);
    char message[160];
    struct rn_place p = rn_fsck_place(key);
    (void)snprintf(message, sizeof message, "%zu bytes of a damaged block are set aside, for you to look at", n);
    struct rn_finding x = {.kind = "aside",
                           .id = s ? &s->desc->id : NULL,
                           .block = key.n == 13 ? rn_get_be64(key.p + 5) : UINT64_MAX,
                           .message = message,
                           .remedy = f->mend ? "cleared" : "none is needed; runnel fsck --mend clears them",
                           .harmless = 1};
    rn_fsck_tell(f, &x);
    if (!f->mend)
        return;
    rn_changes_erase(&f->changes, &p);
    if (f->node->n_aside > 0)
        f->node->n_aside--;
}

/* The record of a stream is there, whole or not. */
static void note_seen(struct rn_fsck *f, struct runnel_bytes key) {
    struct runnel_id id;
    const struct rn_stream *s = key.p[0] == 'S' ? stream_of_key(f, key, &id) : stream_of_number(f, key);
    uint8_t b[4];
    if (!s)
        return;
    rn_put_le32(b, s->number);
    (void)rn_map_put(f->seen, b, sizeof b, f->node); /* without memory it is named missing, and written again */
}

void rn_fsck_tell_missing(struct rn_fsck *f, char area) {
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
        rn_fsck_tell(f, &(struct rn_finding){.kind = "record",
                                             .id = &s->desc->id,
                                             .block = UINT64_MAX,
                                             .message = area == 'S' ? "the record of a stream is missing"
                                                                    : "the state of a stream is missing",
                                             .remedy = f->mend ? "written anew from memory"
                                                               : "runnel fsck --mend writes it anew from memory"});
    }
}

void rn_fsck_see(struct rn_fsck *f, char area, struct runnel_bytes key, struct runnel_bytes val) {
    if (area != 'B' && area != 'T')
        check_record(f, key, val);
    if (area == 'S' || area == 'H')
        note_seen(f, key);
    if (area == 'X')
        aside(f, key, val.n);
    else if ((area == 'B' || area == 'T' || area == 'H') && key.n >= 5 && !is_number(f, key))
        leftover(f, key);
}

void rn_fsck_tell_streams(struct rn_fsck *f) {
    struct runnel_id id;
    rn_map_for (e, f->node->lost) {
        memcpy(id.b, e->key, sizeof id.b);
        if (rn_stream_find(f->node, &id))
            continue; /* it has been brought back */
        f->lost = 1;
        rn_fsck_tell(
            f, &(struct rn_finding){
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
            rn_fsck_tell(f, &(struct rn_finding){.kind = "stream",
                                                 .id = &s->desc->id,
                                                 .block = UINT64_MAX,
                                                 .message = s->trouble.msg,
                                                 .remedy = "as it says"});
    }
}
