/* SPDX-License-Identifier: MIT
 * model.c — a sorted array of records, and the comparison of a store with it.
 * May touch: store.h.
 */
#include "tests/conformance/storage/model.h"
#include <stdlib.h>

static int compare(struct runnel_bytes a, struct runnel_bytes b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static struct runnel_bytes key_of(const struct record *r) {
    return (struct runnel_bytes){r->key, r->n_key};
}

/* The first record with key >= this one. */
static size_t place(const struct model *m, struct runnel_bytes key) {
    size_t low = 0, high = m->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(key_of(&m->v[middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct model *m, size_t at, struct runnel_bytes key) {
    return at < m->n && compare(key_of(&m->v[at]), key) == 0;
}

static void insert(struct model *m, size_t at, struct runnel_bytes key) {
    if (m->n == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 64;
        struct record *grown = realloc(m->v, m->cap * sizeof *grown);
        assert_non_null(grown);
        m->v = grown;
    }
    memmove(m->v + at + 1, m->v + at, (m->n - at) * sizeof *m->v);
    m->v[at] = (struct record){.n_key = key.n};
    memcpy(m->v[at].key, key.p, key.n);
    m->n++;
}

static void erase(struct model *m, size_t from, size_t to) {
    for (size_t k = from; k < to; k++)
        free(m->v[k].val);
    memmove(m->v + from, m->v + to, (m->n - to) * sizeof *m->v);
    m->n -= to - from;
}

static void extend(struct record *r, struct runnel_bytes data) {
    uint8_t *val = realloc(r->val, r->n + data.n + 1);
    assert_non_null(val);
    if (data.n)
        memcpy(val + r->n, data.p, data.n);
    r->val = val;
    r->n += data.n;
}

static void apply(struct model *m, const struct runnel_change *c) {
    size_t at = place(m, c->key);
    if (c->what == RUNNEL_ERASE) {
        size_t end = c->to.n ? place(m, c->to) : at + is_at(m, at, c->key);
        if (end > at)
            erase(m, at, end);
        return;
    }
    if (!is_at(m, at, c->key))
        insert(m, at, c->key);
    if (c->what == RUNNEL_PUT)
        m->v[at].n = 0;
    extend(&m->v[at], c->data);
}

void model_apply(struct model *m, const struct runnel_change *changes, size_t n) {
    for (size_t k = 0; k < n; k++)
        apply(m, &changes[k]);
}

size_t model_length(const struct model *m, struct runnel_bytes key) {
    size_t at = place(m, key);
    return is_at(m, at, key) ? m->v[at].n : 0;
}

void model_free(struct model *m) {
    for (size_t k = 0; k < m->n; k++)
        free(m->v[k].val);
    free(m->v);
    *m = (struct model){0};
}

void model_copy(struct model *to, const struct model *from) {
    *to = (struct model){0};
    for (size_t k = 0; k < from->n; k++) {
        insert(to, k, key_of(&from->v[k]));
        extend(&to->v[k], (struct runnel_bytes){from->v[k].val, from->v[k].n});
    }
}

/* ---- comparing ---- */

static const char *hex(struct runnel_bytes key, char out[2 * RUNNEL_KEY_MAX + 1]) {
    out[0] = 0;
    for (size_t k = 0; k < key.n; k++)
        (void)snprintf(out + 2 * k, 3, "%02x", key.p[k]);
    return out;
}

static bool differs(char *why, size_t n, const char *what, struct runnel_bytes key) {
    char text_of[2 * RUNNEL_KEY_MAX + 1];
    (void)snprintf(why, n, "the record %s %s", hex(key, text_of), what);
    return false;
}

static bool same_listing(const struct listing *l, const struct model *m, char *why, size_t n_why) {
    for (size_t k = 0; k < l->n || k < m->n; k++) {
        struct runnel_bytes got = {0}, want = {0};
        if (k < l->n)
            got = (struct runnel_bytes){l->v[k].key, l->v[k].n_key};
        if (k < m->n)
            want = key_of(&m->v[k]);
        int order = k >= l->n ? 1 : k >= m->n ? -1 : compare(got, want);
        if (order != 0)
            return differs(why, n_why, order > 0 ? "is missing" : "should not be there", order > 0 ? want : got);
        if (l->v[k].n_val != m->v[k].n || memcmp(l->v[k].val, m->v[k].val, m->v[k].n) != 0)
            return differs(why, n_why, "has another value", want);
    }
    return true;
}

static bool same_get(struct store *s, const struct record *r, char *why, size_t n_why) {
    struct answer a;
    store_get(s, key_of(r), 0, UINT32_MAX, &a);
    bool same = a.code == 0 && a.n == r->n && memcmp(a.p, r->val, r->n) == 0;
    answer_free(&a);
    return same || differs(why, n_why, "reads in another way by get than by scan", key_of(r));
}

bool model_same(struct store *s, const struct model *m, char *why, size_t n_why) {
    struct listing l;
    store_scan(s, text(""), text(""), 0, &l);
    bool same = l.answer.code == 0;
    if (!same)
        (void)snprintf(why, n_why, "the scan failed: %s", l.answer.msg);
    same = same && same_listing(&l, m, why, n_why);
    listing_free(&l);
    for (size_t k = 0; same && k < m->n; k += 1 + m->n / 64)
        same = same_get(s, &m->v[k], why, n_why);
    return same;
}

void model_expect(struct store *s, const struct model *m, const char *when) {
    char why[600];
    if (!model_same(s, m, why, sizeof why))
        fail_msg("%s: %s", when, why);
}
