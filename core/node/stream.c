/* SPDX-License-Identifier: MIT
 * stream.c — a stream's life, its names, and its growth (stream.h).
 * May touch: the node it belongs to.
 */
#include "node/stream.h"

#include "base/err.h"
#include "node/inner.h"
#include "node/names.h"
#include "node/upstream.h"
#include <stdlib.h>
#include <string.h>

int rn_stream_new(struct rn_node *n, struct rn_descriptor *d, uint32_t number, struct rn_stream **out) {
    struct rn_stream *s = calloc(1, sizeof *s);
    if (!s) {
        rn_descriptor_free(d);
        return -RUNNEL_ENOMEM;
    }
    s->node = n;
    s->desc = d;
    s->number = number;
    s->own = memcmp(d->author.b, n->id.b, RN_KEY) == 0;
    rn_list_init(&s->follows);
    rn_list_init(&s->caught_up);
    rn_list_init(&s->publishes);
    rn_list_init(&s->dirty);
    struct rn_hash leaf = rn_hash_leaf(n->hasher, d->bytes.p, d->bytes.n, NULL, 0);
    int rc = rn_tail_init(&s->tail, n->hasher, &leaf);
    if (rc == 0)
        rc = rn_map_put(n->streams, d->id.b, sizeof d->id.b, s);
    if (rc == 0 && (rc = rn_names_add(s)) != 0)
        (void)rn_map_del(n->streams, d->id.b, sizeof d->id.b);
    if (rc != 0) {
        rn_stream_free(s);
        return rc;
    }
    if (number >= n->next_number)
        n->next_number = number + 1;
    *out = s;
    return 0;
}

void rn_stream_forget(struct rn_stream *s) {
    (void)rn_map_del(s->node->streams, s->desc->id.b, sizeof s->desc->id.b);
    rn_names_remove(s);
}

void rn_stream_free(struct rn_stream *s) {
    rn_list_del(&s->dirty);
    rn_tail_free(&s->tail);
    rn_buf_free(&s->head_bytes);
    rn_buf_free(&s->promised);
    rn_descriptor_free(s->desc);
    free(s);
}

struct rn_stream *rn_stream_find(const struct rn_node *n, const struct runnel_id *id) {
    return rn_map_get(n->streams, id->b, sizeof id->b);
}

/* Takes one part of a name, up to '/' or the end. */
static int take_part(const char **p, char out[RN_MAX_NAME + 1], int may_be_empty) {
    size_t n = strcspn(*p, "/");
    if (n > RN_MAX_NAME || (n == 0 && !may_be_empty))
        return -1;
    memcpy(out, *p, n);
    out[n] = '\0';
    *p += n;
    if (**p == '/')
        (*p)++;
    return 0;
}

int rn_stream_ref_parse(const char *text, struct rn_stream_ref *out, struct runnel_err *err) {
    memset(out, 0, sizeof *out);
    if (rn_id_parse(text, strlen(text), &out->id) == 0) {
        out->has_id = 1;
        return 0;
    }
    const char *p = text + 64;
    if (strlen(text) < 66 || text[64] != '/' || rn_hex_parse(text, 64, out->author.b, RN_KEY) != 0)
        return rn_fail(
            err, RUNNEL_EINVALID,
            "stream: found \"%.80s\", want a stream id or AUTHOR/source/stream/target with the author's node "
            "id",
            text);
    p++;
    if (take_part(&p, out->source, 0) != 0 || take_part(&p, out->stream, 0) != 0 ||
        take_part(&p, out->target, 1) != 0 || *p != '\0')
        return rn_fail(err, RUNNEL_EINVALID,
                       "stream: found \"%.200s\", want AUTHOR/source/stream/target, each part up to %d bytes", text,
                       RN_MAX_NAME);
    return 0;
}

char *rn_stream_ref_format(const struct rn_stream_ref *ref, char out[RN_REF_TEXT]) {
    if (ref->has_id)
        return rn_id_format(&ref->id, out);
    for (size_t i = 0; i < RN_KEY; i++) {
        out[2 * i] = "0123456789abcdef"[ref->author.b[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[ref->author.b[i] & 15];
    }
    char *p = out + 2 * RN_KEY;
    const char *parts[] = {ref->source, ref->stream, ref->target};
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(parts[i]);
        *p++ = '/';
        memcpy(p, parts[i], n);
        p += n;
    }
    *p = '\0';
    return out;
}

struct rn_stream *rn_stream_resolve(const struct rn_node *n, const struct rn_stream_ref *ref) {
    if (ref->has_id)
        return rn_stream_find(n, &ref->id);
    return rn_stream_named(n, &ref->author, ref->source, ref->stream, ref->target);
}

int rn_stream_ref_fits(const struct rn_stream_ref *ref, const struct rn_descriptor *d) {
    if (ref->has_id)
        return rn_id_equal(&ref->id, &d->id);
    return memcmp(ref->author.b, d->author.b, RN_KEY) == 0 && strcmp(ref->source, d->source) == 0 &&
           strcmp(ref->stream, d->stream) == 0 && strcmp(ref->target, d->target) == 0;
}

void rn_stream_trouble(struct rn_stream *s, const struct runnel_err *why) {
    char id[RN_ID_TEXT];
    if (s->trouble.code == RUNNEL_EFORK)
        return;
    rn_err_copy(&s->trouble, why);
    rn_stream_log(s, RUNNEL_ERROR, "store", "stream %s: %s", rn_id_format(&s->desc->id, id), s->trouble.msg);
    rn_stream_changed(s);
}

void rn_stream_untroubled(struct rn_stream *s) {
    char id[RN_ID_TEXT];
    if (!s->trouble.code || s->trouble.code == RUNNEL_EFORK || s->promised_count > s->tail.count)
        return;
    s->trouble = (struct runnel_err){.code = 0};
    rn_stream_log(s, RUNNEL_NOTICE, "store", "stream %s: whole again, with %llu observations",
                  rn_id_format(&s->desc->id, id), (unsigned long long)s->tail.count);
    rn_stream_changed(s);
}

int rn_stream_live(const struct rn_stream *s) {
    return s->own ? !s->trouble.code : s->up && rn_upstream_live(s->up);
}

const char *rn_stream_state(const struct rn_stream *s) {
    if (s->trouble.code)
        return s->trouble.code == RUNNEL_EFORK ? "stopped" : s->trouble.code == RUNNEL_EBUSY ? "recovering" : "damaged";
    if (s->own)
        return "own";
    return s->up ? rn_upstream_state(s->up) : "held";
}

uint64_t rn_stream_open_block(const struct rn_stream *s) {
    return s->tail.count % RN_MAX_BLOCK ? s->tail.count / RN_MAX_BLOCK : UINT64_MAX;
}

int rn_stream_unread(const struct rn_stream *s, int rc, struct runnel_err *err) {
    char id[RN_ID_TEXT];
    if (s->dropped)
        return rn_fail(err, RUNNEL_ENOTFOUND, "stream %s has been dropped here", rn_id_format(&s->desc->id, id));
    return rn_fail(err, -rc, "stream %s cannot be read: %s", rn_id_format(&s->desc->id, id),
                   rc == -RUNNEL_ENOMEM ? "out of memory" : rn_code_word(-rc));
}

/* `at` as in rn_changes_grow. */
static void store_node(struct rn_changes *c, size_t *at, const struct rn_stream *s, uint32_t level, uint64_t index,
                       const struct rn_hash *hash, int64_t first) {
    struct rn_entry e = {.hash = *hash, .first = first};
    uint8_t entry[RN_LEAF_ENTRY];
    uint32_t off;
    struct rn_place p = rn_place_node(s->number, level, index, &off);
    rn_entry_write(s->node->hasher, &p, off, level, &e, entry);
    rn_changes_grow(c, at, &p, off, (struct runnel_bytes){entry, rn_entry_size(level)},
                    (uint64_t)RN_PACK * rn_entry_size(level));
}

int rn_stream_at_rest(const struct rn_stream *s) {
    return !s->flight && !s->node->author.flying && !s->settling;
}

void rn_stream_rewrite_record(const struct rn_stream *s, struct rn_changes *c) {
    struct rn_buf b = {.n = 0};
    struct rn_place p = rn_place_stream(&s->desc->id);
    if (rn_stream_record(&b, s->number, s->desc->bytes) != 0)
        c->failed = b.failed;
    rn_changes_put(c, &p, rn_buf_bytes(&b));
    rn_buf_free(&b);
}

void rn_stream_rewrite_state(const struct rn_stream *s, struct rn_changes *c) {
    struct rn_buf b = {.n = 0};
    struct rn_place p = rn_place_state(s->number);
    struct rn_state_record r = {.held = s->tail.count, .last = s->tail.last, .head = rn_buf_bytes(&s->head_bytes)};
    if (s->promised_count > s->tail.count)
        r.head = rn_buf_bytes(&s->promised);
    if (rn_state_record(&b, &r) != 0)
        c->failed = b.failed;
    rn_changes_put(c, &p, rn_buf_bytes(&b));
    rn_buf_free(&b);
}

void rn_stream_rewrite_open(const struct rn_stream *s, struct rn_changes *c) {
    struct rn_place p = rn_place_block(s->number, s->tail.count / RN_MAX_BLOCK);
    if (s->tail.open.n)
        rn_changes_replace(c, &p, rn_buf_bytes(&s->tail.open));
}

void rn_stream_store_new(const struct rn_stream *s, struct rn_changes *c) {
    size_t at = 0;
    rn_stream_rewrite_record(s, c);
    store_node(c, &at, s, 0, 0, &s->tail.peaks.peak[0], INT64_MIN);
}

/* ---- growing ---- */

int rn_growth_begin(struct rn_growth *g, struct rn_stream *s, const struct rn_tail *from, struct rn_changes *changes) {
    memset(g, 0, sizeof *g);
    g->stream = s;
    g->changes = changes;
    return rn_tail_copy(&g->next, from ? from : &s->tail);
}

static int grew_bytes(void *arg, uint64_t block, uint64_t off, struct runnel_bytes data) {
    struct rn_growth *g = arg;
    struct rn_place p = rn_place_block(g->stream->number, block);
    rn_changes_append(g->changes, &p, off, data);
    return g->changes->failed;
}

static int grew_node(void *arg, uint32_t level, uint64_t index, const struct rn_hash *hash, int64_t first) {
    struct rn_growth *g = arg;
    if (level == 0 && g->leaves) {
        if (index < g->leaf_from || index - g->leaf_from >= g->n_leaves ||
            !rn_hash_equal(&g->leaves[index - g->leaf_from], hash)) {
            g->leaf_differs = 1;
            return -RUNNEL_EDAMAGED;
        }
    }
    store_node(g->changes, &g->pack_at[level], g->stream, level, index, hash, first);
    return g->changes->failed;
}

static struct rn_tail_sink growth_sink(struct rn_growth *g) {
    return (struct rn_tail_sink){.arg = g, .bytes = grew_bytes, .node = grew_node};
}

int rn_growth_add(struct rn_growth *g, const struct rn_obs *o, size_t n, struct runnel_err *err) {
    struct rn_tail_sink sink = growth_sink(g);
    return rn_tail_add(&g->next, o, n, &sink, err);
}

int rn_growth_add_run(struct rn_growth *g, uint64_t seq, int64_t base, struct runnel_bytes entries,
                      struct runnel_err *err) {
    struct rn_tail_sink sink = growth_sink(g);
    return rn_tail_add_run(&g->next, seq, base, entries, &sink, err);
}

int rn_growth_add_checked(struct rn_growth *g, const struct rn_checked_run *run, struct runnel_err *err) {
    struct rn_tail_sink sink = growth_sink(g);
    return rn_tail_add_checked(&g->next, run, &sink, err);
}

void rn_growth_state(struct rn_growth *g, struct runnel_bytes head) {
    struct rn_buf b = {.n = 0};
    struct rn_place p = rn_place_state(g->stream->number);
    if (g->stream->promised_count > g->next.count)
        head = rn_buf_bytes(&g->stream->promised);
    struct rn_state_record r = {.held = g->next.count, .last = g->next.last, .head = head};
    if (rn_state_record(&b, &r) != 0)
        g->changes->failed = b.failed;
    rn_changes_put(g->changes, &p, rn_buf_bytes(&b));
    rn_buf_free(&b);
}

int rn_growth_take(struct rn_growth *g, const struct rn_signed_head *head) {
    struct rn_stream *s = g->stream;
    struct rn_tail old = s->tail;
    s->tail = g->next;
    g->next = old;
    if (s->promised_count <= s->tail.count) {
        rn_buf_free(&s->promised);
        s->promised_count = 0;
    }
    if (!head)
        return 0;
    s->head = *head;
    s->has_head = 1;
    if (!s->own)
        rn_stream_untroubled(s); /* what was missing is here again */
    rn_buf_clear(&s->head_bytes);
    return rn_signed_head_encode(head, &s->head_bytes);
}

void rn_growth_free(struct rn_growth *g) {
    rn_tail_free(&g->next);
}

/* Who has not caught up comes to the change by itself: one that cannot write, or waits for its disk or for credit,
 * costs nothing here. */
void rn_stream_changed(struct rn_stream *s) {
    while (!rn_list_empty(&s->caught_up))
        rn_follow_wake(rn_list_of(s->caught_up.next, struct rn_follow, end_link));
}

void rn_set_aside(struct rn_stream *s, uint64_t block, struct runnel_bytes bytes, struct rn_changes *c) {
    struct rn_place p = rn_place_aside(s->number, block);
    if (s->node->n_aside >= RN_ASIDE_MOST)
        return;
    s->node->n_aside++;
    rn_changes_put(c, &p, bytes);
}
