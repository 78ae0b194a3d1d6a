/* SPDX-License-Identifier: MIT
 * hops.c — paths from the author: kept, compared, written into STATE frames and read from them (hops.h).
 * May touch: nothing but its arguments; looks at streams.
 */
#include "node/hops.h"

#include "base/err.h"
#include "node/upstreamstate.h"
#include <string.h>

#define TAG 8u

uint64_t rn_hops_tag(const struct rn_node *n) {
    return n->tag;
}

void rn_hops_add(struct rn_hops *h, uint64_t tag) {
    if (h->n == RN_HOPS)
        memmove(&h->tag[0], &h->tag[1], --h->n * sizeof h->tag[0]);
    h->tag[h->n++] = tag;
}

int rn_hops_has(const struct rn_hops *h, uint64_t tag) {
    for (uint32_t i = 0; i < h->n; i++)
        if (h->tag[i] == tag)
            return 1;
    return 0;
}

int rn_hops_equal(const struct rn_hops *a, const struct rn_hops *b) {
    return a->n == b->n && memcmp(a->tag, b->tag, a->n * sizeof a->tag[0]) == 0;
}

void rn_hops_write(struct rn_jw *w, const struct rn_hops *h) {
    rn_jw_key(w, "path");
    rn_jw_array(w);
    for (uint32_t i = 0; i < h->n; i++) {
        uint8_t b[TAG];
        rn_put_le64(b, h->tag[i]);
        rn_jw_hex(w, b, sizeof b);
    }
    rn_jw_end_array(w);
}

int rn_hops_read(const struct rn_json *o, struct rn_hops *out, struct runnel_err *err) {
    const struct rn_json *list = rn_json_get(o, "path");
    out->n = 0;
    if (!list)
        return 0;
    if (list->type != RN_ARRAY)
        return rn_fail(err, RUNNEL_EINVALID, "path: want a list");
    for (const struct rn_json *v = list->child; v; v = v->next) {
        uint8_t b[TAG];
        if (out->n == RN_HOPS || v->type != RN_STRING || rn_hex_parse(v->text, v->n_text, b, sizeof b) != 0)
            return rn_fail(err, RUNNEL_EINVALID, "path: want %u tags of 16 hexadecimal digits at most", RN_HOPS);
        rn_hops_add(out, rn_get_le64(b));
    }
    return 0;
}

void rn_stream_hops(const struct rn_stream *s, struct rn_hops *out) {
    out->n = 0;
    if (!s->own && s->up)
        *out = s->up->hops;
    rn_hops_add(out, rn_hops_tag(s->node));
}

uint32_t rn_stream_hops_no(const struct rn_stream *s) {
    return !s->own && s->up ? s->up->hops_no : 0;
}
